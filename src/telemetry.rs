//! What the service tells its operators: logs on stderr, metrics for Prometheus.

use std::io::stderr;
use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

tokio::task_local! {
    /// The id and the route of the call over REST that is being answered. A span would say them of everything that is logged,
    /// and costs each call more than its metrics and finding its route together.
    pub(crate) static CALL: (String, String);
}

/// The id of the call over REST that is being answered, for what is logged of it.
pub(crate) fn call_id() -> Option<String> {
    CALL.try_with(|it| it.0.clone()).ok()
}

/// Its route.
pub(crate) fn call_route() -> Option<String> {
    CALL.try_with(|it| it.1.clone()).ok()
}

/// From a look-up that found its row in memory to the default deadline.
const SECONDS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// How many travelled together.
const SIZES: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// Makes this process keep metrics. Called once, before anything that counts is made.
///
/// # Errors
/// If the process keeps metrics already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZES)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

/// Folds the samples of histograms into their buckets each second, so that they do not pile up in memory
/// while nobody reads them. Never returns.
pub async fn upkeep(metrics: PrometheusHandle) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        metrics.run_upkeep();
    }
}

/// Sends logs to stderr: JSON, or lines for people if `dev`. `PURSER_LOG` chooses what is logged, in
/// [`EnvFilter`]'s words; `info` if it is not set. sqlx logs every statement at lower levels, so it has to be
/// named to say more than `warn`.
///
/// Does nothing if logs go somewhere already.
pub fn init_logs(dev: bool) {
    let chosen = std::env::var("PURSER_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::new(format!("sqlx=warn,{chosen}"));
    let logs = tracing_subscriber::fmt().with_writer(stderr).with_env_filter(filter);
    let _ = if dev { logs.compact().try_init() } else { logs.json().try_init() };
}

/// What each metric means, as `/metrics` tells it.
fn describe() {
    describe_counter!("purser_grpc_requests_total", "gRPC calls, by method and by the code they ended with.");
    describe_histogram!(
        "purser_grpc_request_seconds",
        Unit::Seconds,
        "Time from the headers of a gRPC call to the end of its answer."
    );
    describe_counter!("purser_http_requests_total", "Calls over REST, by face, method, route and status.");
    describe_histogram!(
        "purser_http_request_seconds",
        Unit::Seconds,
        "Time from the headers of a call over REST to the head of its answer, by face, method and route."
    );
    describe_gauge!("purser_connections", "Open connections, by port: grpc or http.");
    describe_counter!(
        "purser_connections_refused_total",
        "Connections closed before a call: too many in all (total), too many from one peer (peer), \
         or no HTTP/2 preface in time (preface; gRPC only)."
    );
    describe_histogram!("purser_committer_group_size", "Changes committed in one transaction.");
    describe_histogram!("purser_loader_batch_size", "Look-ups answered by one query, by kind.");
    describe_gauge!(
        "purser_address_pool_available",
        "Addresses that a watch-only domain has left to give out, by domain; new wallets fail at 0."
    );
    describe_counter!("purser_events_expired_total", "Events that retention removed.");
    describe_gauge!(
        "purser_erasures_unscrubbed",
        "Erasures whose traces may still be in the files of the embedded database."
    );
    describe_counter!(
        "purser_webhook_attempts_total",
        "Attempts to deliver an event, by outcome: DELIVERED, or why it failed."
    );
    describe_gauge!("purser_watchers", "Watches of events that are open.");
    describe_gauge!("purser_webhook_deliveries_pending", "Deliveries that are still to be attempted.");
    describe_gauge!("purser_pool_connections", "Connections to the database, by pool and state.");
}
