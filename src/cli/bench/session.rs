//! What is measured on one database.

use std::sync::Arc;
use std::time::Duration;

use super::caller::{Answers, Caller};
use super::client::Client;
use super::database::Database;
use super::deliver::Receiver;
use super::latency;
use super::load::{Slice, Target, Window, peak};
use super::operation::{Aim, BATCH, Operation};
use super::options::{Options, Phase};
use super::population::Population;
use super::prefill;
use super::process;
use super::progress::say;
use super::report::{Report, Row, Served};
use super::rest;
use super::server::Server;
use super::tally::float;
use super::watch;

/// Fills `database`, and measures on it whatever is asked for.
pub(super) async fn measure(
    options: &Options,
    database: &Database,
    bare: &Server,
    report: &mut Report,
) -> anyhow::Result<()> {
    fill(options, database).await?;
    // A new process: the start is that of a full database, the memory that of the load alone.
    let server = Server::purser(database).await?;
    let key = database.key().await?;
    let clients = Client::connect(&server.address, &key, options.connections())?;
    clients[0].clone().total().await?;
    let start = server.started.elapsed();

    let population = Arc::new(Population::learn(&clients, options.customers).await?);
    let target = |pid, clients: Vec<_>, answers| {
        let caller = |client| Caller::new(client, Arc::clone(&population), answers);
        Target { pid, callers: clients.into_iter().map(caller).collect() }
    };
    // The same key for both: a call to the bare server is not to be a byte shorter.
    let others = Client::connect(&bare.address, &key, options.connections())?;
    let over_http = [
        rest::Target { pid: server.pid, address: &server.http },
        rest::Target { pid: bare.pid, address: &bare.http },
    ];
    let purser = target(server.pid, clients.clone(), Answers::Asked);
    let bare = target(bare.pid, others, Answers::Fixed);
    let peaks = Vec::new();
    let mut session = Session { options, database, population, clients, purser, bare, report, peaks };
    session.run().await?;
    if options.wants(Phase::Rest) {
        session.rest(over_http, &key).await?;
    }
    let memory = process::memory(server.pid);
    let wanted = options.wants(Phase::Watch);
    let watchers_kib = if wanted { Box::pin(session.watch(&server.address, &key)).await? } else { None };

    if options.wants(Phase::Deliver) {
        Box::pin(session.deliver()).await?;
    }
    report.served.push(Served { database: database.label.clone(), start, memory, watchers_kib });
    server.stop().await
}

async fn fill(options: &Options, database: &Database) -> anyhow::Result<()> {
    let server = Server::purser(database).await?;
    let clients = Client::connect(&server.address, &database.key().await?, options.connections())?;
    prefill::fill(&database.label, &clients, options.in_flight(), options.customers).await?;
    server.stop().await
}

struct Session<'a> {
    options: &'a Options,
    database: &'a Database,
    population: Arc<Population>,
    clients: Vec<Client>,
    purser: Target,
    bare: Target,
    report: &'a mut Report,
    /// The rates at peak load that are known.
    peaks: Vec<(Operation, f64)>,
}

impl Session<'_> {
    async fn run(&mut self) -> anyhow::Result<()> {
        for (phase, operation) in [
            (Phase::Resolve, Operation::Resolve),
            (Phase::Get, Operation::Get),
            (Phase::Create, Operation::Create),
        ] {
            if self.options.wants(phase) {
                self.compare(operation).await?;
            }
        }
        if self.options.wants(Phase::BatchResolve) {
            self.batches().await?;
        }
        if self.options.wants(Phase::CreateWallet) {
            self.compare(Operation::CreateWallet).await?;
        }
        if self.options.wants(Phase::LookupAddress) {
            self.say("addresses to look up");
            self.population.link(&self.clients, self.options.in_flight()).await?;
            self.compare(Operation::LookupAddress).await?;
        }
        if self.options.wants(Phase::Latency) {
            self.half_load(Operation::Resolve).await?;
            self.half_load(Operation::Create).await?;
        }
        Ok(())
    }

    /// One watcher, and create while a thousand watch; what those cost in memory, in KiB.
    async fn watch(&mut self, address: &str, key: &str) -> anyhow::Result<Option<u64>> {
        let (time, client, pid) = (self.options.time(), self.clients[0].clone(), self.purser.pid);
        self.say("watch from the earliest");
        let window = Window::after_warm_up(time);
        let slice = window.measure(pid, Box::pin(watch::backlog(client.clone(), window))).await?;
        let row = self.row("watch from the earliest, events", &slice);
        self.report.rows.push(row.with_aim(Aim::Rate(20_000)));
        self.say("from a commit to its event");
        let window = Window::after_warm_up(time);
        let slice = window.measure(pid, Box::pin(watch::delay(client, &self.population, window))).await?;
        let row = self.row("create and its event, one by one", &slice);
        self.report.rows.push(row.with_aim(Aim::P50(Duration::from_millis(50))));
        self.say("idle watchers");
        let (watchers, cost) = watch::idle(address, key, pid).await?;
        self.compare_as("create with 1,000 watchers", Operation::Create).await?;
        drop(watchers);
        Ok(cost)
    }

    /// Deliveries of what was made while the endpoint was disabled, and create while deliveries go on.
    async fn deliver(&mut self) -> anyhow::Result<()> {
        self.say("deliveries");
        let (time, mut client) = (self.options.time(), self.clients[0].clone());
        let mut receiver = Receiver::begin().await?;
        let endpoint = client.create_webhook(receiver.url.clone()).await?;
        self.peak(Operation::Create, time).await?;
        let window = Window::after_warm_up(time);
        let deliveries = Box::pin(receiver.backlog(client.clone(), &endpoint, window));
        let mut slice = window.measure(self.purser.pid, deliveries).await?;
        // What was to be delivered may not have been enough for all of the time.
        slice.time = slice.time.min(receiver.last.saturating_duration_since(window.begin));
        self.report.rows.push(self.row("deliveries to one receiver", &slice).with_aim(Aim::Rate(1_000)));
        self.compare_as("create while delivering", Operation::Create).await?;
        client.delete_webhook(&endpoint).await
    }

    /// One operation under its own name.
    async fn compare(&mut self, operation: Operation) -> anyhow::Result<()> {
        self.compare_as(operation.name(), operation).await
    }

    /// Purser between two halves of the bare server: what the machine does meanwhile happens to both.
    async fn compare_as(&mut self, name: &str, operation: Operation) -> anyhow::Result<()> {
        self.say(name);
        let (time, in_flight) = (self.options.time(), self.options.in_flight());
        let mut bare = peak(&mut self.bare, operation, in_flight, time / 2).await?;
        let purser = peak(&mut self.purser, operation, in_flight, time).await?;
        bare.merge(peak(&mut self.bare, operation, in_flight, time / 2).await?)?;

        self.peaks.push((operation, purser.rate()));
        let row = self.row(name, &purser).with_bare(&bare);
        self.report.rows.push(row.with_aim(operation.aim(self.database.kind)));
        Ok(())
    }

    /// GET of a customer over HTTP/1.1, between two halves of a bare route.
    async fn rest(&mut self, [purser, bare]: [rest::Target<'_>; 2], key: &str) -> anyhow::Result<()> {
        let name = "get over REST";
        self.say(name);
        let (time, connections) =
            (self.options.time(), self.options.connections() * self.options.in_flight());
        let peak = |target, time| rest::peak(target, key, &self.population, connections, time);
        let mut limit = peak(bare, time / 2).await?;
        let reached = peak(purser, time).await?;
        limit.merge(peak(bare, time / 2).await?)?;
        let row = self.row(name, &reached).with_bare(&limit).with_aim(Aim::Ratio(0.50));
        self.report.rows.push(row);
        Ok(())
    }

    async fn batches(&mut self) -> anyhow::Result<()> {
        let operation = Operation::BatchResolve;
        self.say(operation.name());
        let slice = self.peak(operation, self.options.time()).await?;
        let row = Row {
            rate: slice.rate() * float(BATCH.try_into()?),
            ..self.row("batch-resolve, aliases", &slice)
        };
        self.report.rows.push(row.with_aim(operation.aim(self.database.kind)));
        Ok(())
    }

    async fn half_load(&mut self, operation: Operation) -> anyhow::Result<()> {
        let name = format!("{} at half load", operation.name());
        self.say(&name);
        let known = self.peaks.iter().find(|(of, _)| *of == operation).map(|&(_, rate)| rate);
        let peak = match known {
            Some(rate) => rate,
            None => self.peak(operation, self.options.time() / 2).await?.rate(),
        };
        let slice = latency::steady(&mut self.purser, operation, peak / 2.0, self.options.time()).await?;
        self.report.rows.push(self.row(&name, &slice).with_aim(operation.aim_at_half_load()));
        Ok(())
    }

    async fn peak(&mut self, operation: Operation, time: Duration) -> anyhow::Result<Slice> {
        peak(&mut self.purser, operation, self.options.in_flight(), time).await
    }

    fn row(&self, operation: &str, slice: &Slice) -> Row {
        Row::new(&self.database.label, operation, slice)
    }

    fn say(&self, operation: &str) {
        say(&format!("{}: {operation}", self.database.label));
    }
}
