//! What an operator may choose. Every option has an environment variable; secrets do not show in `Debug`.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use http::HeaderValue;

use crate::app::{Claiming, Crowd, Limits as KeyLimits};
use crate::chain::node::{Endpoint, Nodes};
use crate::domain::{Allowance, Fault, HostName};
use crate::port;
use crate::rest::{Faces, Offer};
use crate::store::Store;

/// Where a database is. It may hold a password, so its `Debug` says only which kind it is.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl FromStr for DatabaseUrl {
    type Err = Infallible;

    /// Takes any text. What is wrong with it shows when it is opened: here the command line would repeat it, password
    /// and all.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = ["sqlite:", "postgres:", "postgresql:"].into_iter().find(|it| self.0.starts_with(it));
        write!(f, "{}…", kind.unwrap_or_default())
    }
}

/// Which database.
#[derive(Clone, Debug, Args)]
pub struct Database {
    /// The database: `sqlite:<file>` or `postgres://user@host/name`.
    #[arg(
        long,
        env = "PURSER_DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite:purser.db",
        global = true
    )]
    pub database_url: DatabaseUrl,
}

impl Database {
    /// A store over it, not yet connected.
    ///
    /// # Errors
    ///
    /// Where the URL does not parse. The message does not repeat it.
    pub fn store(&self) -> anyhow::Result<Store> {
        Store::open(&self.database_url.0)
            .map_err(|_| anyhow::anyhow!("--database-url must be sqlite:<file> or postgres://user@host/name"))
    }
}

/// How to serve.
#[derive(Clone, Debug, Args)]
pub struct Serve {
    /// Which database.
    #[command(flatten)]
    pub database: Database,
    /// For trying out: migrates, makes a domain `dev` and a key, logs readably, stops without delay.
    #[arg(long, env = "PURSER_DEV")]
    pub dev: bool,
    /// Where to listen for gRPC.
    #[arg(long, env = "PURSER_GRPC_LISTEN", default_value = "127.0.0.1:50051", value_name = "ADDRESS")]
    pub grpc_listen: SocketAddr,
    /// Where to listen for health, readiness and metrics.
    #[arg(long, env = "PURSER_HTTP_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub http_listen: SocketAddr,
    /// Serves REST on the HTTP port: `canonical` (`/v1` and its documentation), `fossapay`, `paylias`, `noderails`, `trxn`,
    /// `juicyway`, several of them with commas between, or `all`, which may be left out. With --dev it is on.
    #[arg(long, env = "PURSER_REST", value_name = "FACES", num_args = 0..=1, default_missing_value = "all")]
    rest: Option<Faces>,
    /// An origin, such as `https://app.example`, whose pages may call REST from a browser; `*` is every one. May be repeated.
    #[arg(
        long = "rest-cors-origin",
        env = "PURSER_REST_CORS_ORIGIN",
        value_delimiter = ',',
        value_parser = origin,
        value_name = "ORIGIN"
    )]
    rest_cors_origins: Vec<HeaderValue>,
    /// Brings a Postgres schema up to date before serving. SQLite always does.
    #[arg(long, env = "PURSER_AUTO_MIGRATE")]
    pub auto_migrate: bool,
    /// How long to try to reach the database at start before giving up.
    #[arg(long, env = "PURSER_CONNECT_TIMEOUT", default_value = "30s", value_parser = humantime::parse_duration)]
    pub connect_timeout: Duration,
    /// How long to go on serving, as `NOT_SERVING`, once told to stop, so that a mesh can turn away. None with --dev.
    #[arg(long, env = "PURSER_DRAIN_DELAY", default_value = "5s", value_parser = humantime::parse_duration)]
    pub drain_delay: Duration,
    /// How long events are kept, such as `90d`; at least 7 days. Without it, for ever. A domain's own events always are.
    #[arg(long, env = "PURSER_EVENT_RETENTION", value_parser = event_retention, value_name = "DURATION")]
    pub event_retention: Option<Duration>,
    /// Where the master keys are that seeds are sealed with.
    #[command(flatten)]
    pub master_key: MasterKey,
    /// A node to ask for balances: a network, `=` and a URL, such as `ethereum=https://node.example`. May be repeated.
    /// The URL may hold an API key and is shown nowhere.
    #[arg(
        long = "chain",
        env = "PURSER_CHAIN",
        hide_env_values = true,
        value_delimiter = ' ',
        value_name = "NETWORK=URL"
    )]
    chains: Vec<ChainUrl>,
    /// A host that webhooks may go to without being public, and without TLS: its name or address. May be repeated.
    #[arg(
        long = "webhook-allow-host",
        env = "PURSER_WEBHOOK_ALLOW_HOST",
        value_delimiter = ',',
        value_name = "HOST"
    )]
    pub webhook_allow_hosts: Vec<HostName>,
    /// What the links that people get begin with, such as `https://pay.example`. Without it, `http://` and where it
    /// listens for HTTP.
    #[arg(long, env = "PURSER_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,
    /// How often those may call who hold a payment claim link.
    #[command(flatten)]
    pub claims: Claims,
    /// How often whoever holds a key may do what.
    #[command(flatten)]
    pub quotas: Quotas,
    /// What a peer may take.
    #[command(flatten)]
    pub limits: Limits,
}

/// How often whoever holds a key may do what. Every key has a quota of its own, which instances share.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct Quotas {
    /// Calls of one API key: so many at once, and so many again in that time, such as `100/s` or `600/m`. Without it, no
    /// limit.
    #[arg(long, env = "PURSER_RATE_LIMIT", value_name = "TOKENS/TIME")]
    rate_limit: Option<Allowance>,
    /// Aliases that one API key may look at across domains, such as `20000/h`: one that is not there costs 20. Besides, 5
    /// payee checks a day of one alias. Without it, no limit.
    #[arg(long, env = "PURSER_SCAN_LIMIT", value_name = "TOKENS/TIME")]
    scan_limit: Option<Allowance>,
}

impl From<Quotas> for KeyLimits {
    fn from(it: Quotas) -> Self {
        Self { calls: it.rate_limit, lookups: it.scan_limit, ..Self::default() }
    }
}

/// What the links that people get begin with: a scheme, a host, and perhaps a path.
#[derive(Clone, Debug)]
pub struct PublicUrl(pub String);

impl FromStr for PublicUrl {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_plain = |it: char| it.is_ascii_graphic() && !"?#\"<>\\^`{|}@".contains(it);
        match rest {
            Some(rest) if !rest.is_empty() && !rest.starts_with('/') && rest.chars().all(is_plain) => {
                Ok(Self(text.trim_end_matches('/').to_owned()))
            }
            _ => Err(Fault::new("must be http:// or https://, a host, and perhaps a path")),
        }
    }
}

/// How often those may call who hold a payment claim link and show no key.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct Claims {
    /// Looks at one payment claim link, and claims by it, a minute.
    #[arg(long, env = "PURSER_MAX_CLAIMS_PER_LINK", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    max_claims_per_link: u32,
    /// Looks at payment claim links, and claims, a minute from one peer: an IPv4 address or an IPv6 /64.
    #[arg(long, env = "PURSER_MAX_CLAIMS_PER_PEER", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    max_claims_per_peer: u32,
}

impl From<Claims> for Claiming {
    fn from(it: Claims) -> Self {
        Self { per_link: it.max_claims_per_link, per_peer: it.max_claims_per_peer, ..Self::default() }
    }
}

impl Serve {
    /// What is offered over REST.
    #[must_use]
    pub fn rest(&self) -> Offer {
        let unsaid = || if self.dev { Faces::all() } else { Faces::default() };
        Offer {
            faces: self.rest.clone().unwrap_or_else(unsaid),
            deadline: self.limits.default_deadline,
            origins: self.rest_cors_origins.clone(),
        }
    }

    /// The nodes to ask for balances.
    ///
    /// # Errors
    ///
    /// What is wrong with an endpoint. The message does not repeat it.
    pub fn nodes(&self, clock: fn() -> i64) -> Result<Nodes, Fault> {
        let endpoints = self.chains.iter().map(|it| it.0.parse::<Endpoint>());
        Nodes::new(endpoints.collect::<Result<Vec<_>, _>>()?, clock)
    }
}

/// How long events may be kept: no shorter than anything that still needs them.
fn event_retention(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_hours(7 * 24);
    let keep = humantime::parse_duration(text).map_err(|it| it.to_string())?;
    if keep < LEAST {
        return Err("must be at least 7d: webhooks are retried for 4 days, and requests remembered for one"
            .to_owned());
    }
    Ok(keep)
}

/// A time that is not none.
fn lasting(text: &str) -> Result<Duration, String> {
    let given = humantime::parse_duration(text).map_err(|it| it.to_string())?;
    if given.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(given) }
}

/// A network and a URL of a node, as they were given. The command line would repeat what it cannot parse, so it parses
/// nothing.
#[derive(Clone)]
pub struct ChainUrl(String);

impl FromStr for ChainUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for ChainUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.split('=').next().unwrap_or_default())?;
        f.write_str("=…")
    }
}

/// Where the master keys are.
#[derive(Clone, Debug, Args)]
pub struct MasterKey {
    /// The file of the master keys, one `version:base64` a line, for its owner only. Without it: `purser-master.key`
    /// beside the SQLite file, or in the working directory with Postgres.
    #[arg(long, env = "PURSER_MASTER_KEY_FILE", value_name = "FILE", global = true)]
    pub master_key_file: Option<PathBuf>,
}

impl MasterKey {
    /// Where it is for a database.
    #[must_use]
    pub fn path(&self, store: &Store) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| beside(store, "purser-master.key"))
    }
}

/// Beside the SQLite file; with Postgres in the working directory.
#[must_use]
pub fn beside(store: &Store, name: &str) -> PathBuf {
    store.file().and_then(|it| it.parent().map(Path::to_owned)).unwrap_or_default().join(name)
}

/// What a peer may take.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Connections in all, to each port.
    #[arg(long, env = "PURSER_MAX_CONNECTIONS", default_value_t = 1_000)]
    max_connections: usize,
    /// Connections from one peer to each port: an IPv4 address or an IPv6 /64.
    #[arg(long, env = "PURSER_MAX_CONNECTIONS_PER_PEER", default_value_t = 100)]
    max_connections_per_peer: usize,
    /// Calls at work at one time, from everybody together; more are refused at once. The last quarter is for tenants who
    /// have less than their part: one who is alone has the rest.
    #[arg(long, env = "PURSER_MAX_CALLS", default_value_t = Crowd::MOST)]
    max_calls: NonZeroUsize,
    /// Peers without a limit of their own, such as a mesh's sidecar.
    #[arg(long = "trusted-proxy", env = "PURSER_TRUSTED_PROXY", value_delimiter = ',', value_name = "IP")]
    trusted_proxies: Vec<IpAddr>,
    /// Calls under way on one connection.
    #[arg(long, env = "PURSER_MAX_CONCURRENT_STREAMS", default_value_t = 100)]
    max_concurrent_streams: u32,
    /// HTTP/2 flow-control window of one call, in bytes.
    #[arg(long, env = "PURSER_STREAM_WINDOW_BYTES", default_value_t = 64 * 1024)]
    stream_window_bytes: u32,
    /// HTTP/2 flow-control window of one connection, in bytes.
    #[arg(long, env = "PURSER_CONNECTION_WINDOW_BYTES", default_value_t = 1024 * 1024)]
    connection_window_bytes: u32,
    /// Metadata of one call, in bytes.
    #[arg(long, env = "PURSER_MAX_HEADER_LIST_BYTES", default_value_t = 16 * 1024)]
    max_header_list_bytes: u32,
    /// Calls that a peer may reset before they are taken up, before its connection is closed.
    #[arg(long, env = "PURSER_MAX_PENDING_ACCEPT_RESET_STREAMS", default_value_t = 20)]
    max_pending_accept_reset_streams: usize,
    /// Calls that end by a peer's own protocol errors, before its connection is closed.
    #[arg(long, env = "PURSER_MAX_LOCAL_ERROR_RESET_STREAMS", default_value_t = 1_024)]
    max_local_error_reset_streams: usize,
    /// How often a quiet connection is asked whether it is still there.
    #[arg(long, env = "PURSER_KEEPALIVE_INTERVAL", default_value = "60s", value_parser = humantime::parse_duration)]
    keepalive_interval: Duration,
    /// How long it has to answer.
    #[arg(long, env = "PURSER_KEEPALIVE_TIMEOUT", default_value = "20s", value_parser = humantime::parse_duration)]
    keepalive_timeout: Duration,
    /// How old a connection gets, give or take a tenth.
    #[arg(long, env = "PURSER_MAX_CONNECTION_AGE", default_value = "30m", value_parser = humantime::parse_duration)]
    max_connection_age: Duration,
    /// How long calls on a connection that is too old may go on.
    #[arg(long, env = "PURSER_MAX_CONNECTION_AGE_GRACE", default_value = "30s", value_parser = humantime::parse_duration)]
    max_connection_age_grace: Duration,
    /// How long a peer may leave the answer to a unary call untaken, twice over at most, before its connection is closed.
    #[arg(long, env = "PURSER_ANSWER_TIMEOUT", default_value = "30s", value_parser = lasting)]
    answer_timeout: Duration,
    /// How long a new connection has to begin to speak HTTP/2.
    #[arg(long, env = "PURSER_PREFACE_TIMEOUT", default_value = "5s", value_parser = humantime::parse_duration)]
    preface_timeout: Duration,
    /// How long calls may go on once the server stops.
    #[arg(long, env = "PURSER_SHUTDOWN_GRACE", default_value = "10s", value_parser = humantime::parse_duration)]
    shutdown_grace: Duration,
    /// How long a unary call may take that says nothing of it.
    #[arg(long, env = "PURSER_DEFAULT_DEADLINE", default_value = "5s", value_parser = humantime::parse_duration)]
    default_deadline: Duration,
}

impl Limits {
    /// Calls at work at one time.
    #[must_use]
    pub fn max_calls(&self) -> NonZeroUsize {
        self.max_calls
    }
}

impl From<Limits> for port::Limits {
    fn from(it: Limits) -> Self {
        Self {
            max_connections: it.max_connections,
            max_connections_per_peer: it.max_connections_per_peer,
            trusted_proxies: it.trusted_proxies,
            max_concurrent_streams: it.max_concurrent_streams,
            stream_window_bytes: it.stream_window_bytes,
            connection_window_bytes: it.connection_window_bytes,
            max_header_list_bytes: it.max_header_list_bytes,
            max_pending_accept_reset_streams: it.max_pending_accept_reset_streams,
            max_local_error_reset_streams: it.max_local_error_reset_streams,
            keepalive_interval: it.keepalive_interval,
            keepalive_timeout: it.keepalive_timeout,
            max_connection_age: it.max_connection_age,
            max_connection_age_grace: it.max_connection_age_grace,
            answer_timeout: it.answer_timeout,
            preface_timeout: it.preface_timeout,
            shutdown_grace: it.shutdown_grace,
            default_deadline: it.default_deadline,
        }
    }
}

/// An origin, just as a browser sends it, or `*`.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let is_one = |it: url::Origin| it.is_tuple() && it.ascii_serialization() == text;
    let is_known = text == "*" || url::Url::parse(text).is_ok_and(|it| is_one(it.origin()));
    let value = HeaderValue::from_str(text).ok().filter(|_| is_known);
    value.ok_or_else(|| "must be `*`, or a scheme and a host, such as https://app.example:8443".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_a_scheme_a_host_and_perhaps_a_path() {
        for (text, kept) in [
            ("https://pay.example", "https://pay.example"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("https://example.com/pay/", "https://example.com/pay"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().0, kept);
        }
        for text in ["", "pay.example", "https://", "https:///x", "ftp://x", "https://x?y", "https://x#y"] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for text in ["*", "https://app.example", "http://127.0.0.1:3000", "https://xn--bcher-kva.example"] {
            assert_eq!(origin(text).unwrap(), text);
        }
        for text in [
            "",
            "app.example",
            "https://",
            "https://app.example/",
            "https://app.example/x",
            "https://App.example",
            "https://app.example:443",
            "https://me@app.example",
            "file:///x",
            "null",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn events_are_kept_for_a_week_at_least() {
        assert_eq!(event_retention("7d"), Ok(Duration::from_hours(168)));
        assert_eq!(event_retention("1y").map(|it| it > Duration::from_hours(24 * 364)), Ok(true));
        assert!(event_retention("6d 23h 59m 59s").unwrap_err().contains("at least 7d"));
        assert!(event_retention("").is_err() && event_retention("7").is_err());
    }

    #[test]
    fn a_password_does_not_show() {
        let database = |url: &str| Database { database_url: url.parse().unwrap() };
        let shown = format!("{:?}", database("postgres://me:hunter2@host/db"));
        assert_eq!(shown, "Database { database_url: postgres:… }");
        let wrong = database("mysql://me:hunter2@host/db");
        assert!(!format!("{wrong:?} {}", wrong.store().unwrap_err()).contains("hunter2"));
    }
}
