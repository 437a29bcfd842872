//! `purser serve`: the server, from the first look at the database to the last call.

#![expect(clippy::print_stdout, reason = "where it listens is for whoever started it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{database, dev, upkeep};
use crate::app::{App, Chains, Claiming};
use crate::config;
use crate::grpc::Within;
use crate::health::{self, Readiness};
use crate::rest::Face;
use crate::store::Store;
use crate::webhook::{Guard, Webhooks};
use crate::{claim_page, clock, grpc, http, port, rest, telemetry};

/// Serves the directory over gRPC.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  purser serve --dev                                   # SQLite in this folder, a domain `dev`, a key, lines to paste
  purser serve --database-url postgres://purser@db/purser --grpc-listen 0.0.0.0:50051 --http-listen 0.0.0.0:8080")]
pub struct Args {
    #[command(flatten)]
    serve: config::Serve,
}

/// Runs the command, until it is told to stop.
///
/// # Errors
///
/// Where the database cannot be reached in time, is not safe or not current, or a port is taken.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.serve;
    telemetry::init_logs(config.dev);
    let metrics = telemetry::install()?;
    tokio::spawn(telemetry::upkeep(metrics.clone()));
    let store = config.database.store()?;
    let _alone = alone_on(&store)?;
    let ring = database::master_keys(&store, &config).await?;
    let nodes = config.nodes(clock::now_us).map_err(|fault| anyhow!("--chain {fault}"))?;
    let app = App::start(store.clone(), Chains { ring: Some(Arc::new(ring)), nodes });

    app.limit_keys(config.quotas.clone().into());
    app.limit_calls(config.limits.max_calls());

    let guard = Guard::new(config.webhook_allow_hosts.iter().cloned());
    let webhooks = Webhooks::new(app.clone(), guard, grpc::event_json);

    // Whoever tries it out finds the key beside the file before anything listens.
    let key = if config.dev { Some(dev::prepare(&app, &config).await?) } else { None };
    let grpc_listener = TcpListener::bind(config.grpc_listen).await.context("--grpc-listen")?;
    let http_listener = TcpListener::bind(config.http_listen).await.context("--http-listen")?;
    let addresses = (grpc_listener.local_addr()?, http_listener.local_addr()?);

    let (tell, readiness) = watch::channel(Readiness::Starting);
    let (stop, stopped) = watch::channel(false);
    let health = health::service(readiness.clone(), grpc::service_names()).await;
    // Before anybody can ask for a link.
    app.offer_claims(claiming(&config, addresses.1));
    let services = grpc::services(app.clone(), webhooks.clone(), health)?;
    let limits = port::Limits::from(config.limits.clone());
    let within = Within::new(app.clone(), webhooks.clone(), limits.max_connection_age, stopped.clone());
    let mut serving = tokio::spawn(grpc::server::serve(
        grpc_listener,
        services,
        grpc::methods(),
        limits.clone(),
        told(stopped.clone()),
    ));
    let vital = http::router(readiness, metrics);
    let offer = config.rest();
    let beside = vital.clone().merge(claim_page::router(app.clone()));
    let whole = rest::service(&app, &offer, Arc::new(within), beside);
    let mut http_serving =
        tokio::spawn(http::serve(http_listener, vital, whole, limits, told(stopped.clone())));

    if !config.dev {
        database::open(&app, &config).await?;
    }
    // Listened for before anybody is told that it serves, and so could ask it to stop.
    let asked_to_stop = asked_to_stop()?;
    tell.send_replace(Readiness::Ready);
    println!("gRPC: {}\nHTTP: {}", addresses.0, addresses.1);
    if let Some(key) = key {
        dev::greet(&key, addresses.0, addresses.1, offer.faces.has(Face::Canonical));
    }
    tracing::info!(grpc = %addresses.0, http = %addresses.1, "serving");

    let mut upkeep = JoinSet::new();
    upkeep.spawn(watch_database(store.clone(), tell.clone()));
    upkeep.spawn(upkeep::forget(store.clone()));
    if let Some(keep) = config.event_retention {
        upkeep.spawn(upkeep::expire(store.clone(), keep));
    }
    if store.is_embedded() {
        upkeep.spawn(upkeep::scrub(store.clone()));
    }
    upkeep.spawn(watch_pools(store.clone()));
    let mut delivering = tokio::spawn(async move { webhooks.deliver(told(stopped)).await });
    // None of these ends by itself. One that does has met a fault: better to be started anew than to live on half dead.
    tokio::select! {
        () = asked_to_stop => {}
        ended = &mut serving => bail!("the gRPC server has ended: {ended:?}"),
        ended = &mut http_serving => bail!("the HTTP server has ended: {ended:?}"),
        ended = &mut delivering => bail!("the deliverer has ended: {ended:?}"),
        ended = upkeep.join_next() => bail!("a task has ended: {ended:?}"),
    }
    tracing::info!("stopping");
    // Once it has ended it cannot tell that all is well after all.
    upkeep.shutdown().await;
    tell.send_replace(Readiness::Draining);
    tokio::time::sleep(if config.dev { Duration::ZERO } else { config.drain_delay }).await;
    stop.send_replace(true);
    serving.await?;
    http_serving.await?;
    delivering.await?;
    // What is being committed is let finish; whoever waited for it has been answered or is gone.
    let _ = tokio::time::timeout(Duration::from_secs(2), app.close()).await;
    tracing::info!("stopped");
    Ok(())
}

/// What is offered to those who hold a payment claim link.
fn claiming(config: &config::Serve, http: SocketAddr) -> Claiming {
    let public_url = config.public_url.clone().map_or_else(|| format!("http://{http}"), |it| it.0);
    if config.public_url.is_none() && !config.dev {
        tracing::warn!(
            %public_url,
            "payment claim links begin with where this instance listens: --public-url names what people can open"
        );
    }
    Claiming { public_url, ..config.claims.clone().into() }
}

/// A second server on one SQLite file would not see the first one's queue: it is refused.
fn alone_on(store: &Store) -> anyhow::Result<Option<std::fs::File>> {
    let Some(mut path) = store.file() else { return Ok(None) };
    path.as_mut_os_string().push(".lock");
    let file = std::fs::File::create(&path).with_context(|| format!("create {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!("another `purser serve` has this database open: stop it first, or give another --database-url");
    }
    Ok(Some(file))
}

/// Tells, each second, whether the database answers.
async fn watch_database(store: Store, tell: watch::Sender<Readiness>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tick.tick().await;
        for it in store.pool_use() {
            let idle = u32::try_from(it.idle).unwrap_or(u32::MAX);
            metrics::gauge!("purser_pool_connections", "pool" => it.pool, "state" => "idle").set(idle);
            metrics::gauge!("purser_pool_connections", "pool" => it.pool, "state" => "used")
                .set(it.open.saturating_sub(idle));
        }
        let found = match tokio::time::timeout(Duration::from_secs(2), store.ping()).await {
            Ok(Ok(())) => Readiness::Ready,
            Ok(Err(error)) => missing(&database::explain(error).to_string()),
            Err(_) => missing("the database does not answer"),
        };
        tell.send_if_modified(|current| {
            let changed = current.obstacle().is_none() != found.obstacle().is_none();
            if changed {
                tracing::warn!(readiness = found.obstacle().unwrap_or("ready"), "readiness changed");
                *current = found;
            }
            changed
        });
    }
}

/// Whoever asks for readiness need not see where the database is: only that it is missing.
fn missing(cause: &str) -> Readiness {
    tracing::debug!(cause, "the database is missing");
    Readiness::Missing("database".to_owned())
}

/// Tells how many addresses watch-only domains have left to give out, so that somebody uploads more in time.
async fn watch_pools(store: Store) {
    let mut tick = tokio::time::interval(Duration::from_secs(30));
    loop {
        tick.tick().await;
        match store.pools_left().await {
            Ok(pools) => {
                for (domain, left) in pools {
                    let left = u32::try_from(left).unwrap_or_default();
                    metrics::gauge!("purser_address_pool_available", "domain" => domain.to_string())
                        .set(left);
                }
            }
            Err(error) => tracing::warn!(%error, "address pools were not counted"),
        }
    }
}

async fn told(mut stopped: watch::Receiver<bool>) {
    // An error means that nobody is left who could tell: stop as well.
    let _ = stopped.wait_for(|it| *it).await;
}

/// Resolves once the process is asked to stop. It is listened for from the call on, not from the first poll.
fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
