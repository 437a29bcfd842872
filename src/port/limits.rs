//! What peers may take.

use std::net::IpAddr;
use std::time::Duration;

/// How much peers may take, and how long anything may last. The defaults suit a server on the open internet.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at one time, from everybody together. One more is closed at once.
    pub max_connections: usize,
    /// Connections at one time from one peer: an IPv4 address, or a /64 of IPv6.
    pub max_connections_per_peer: usize,
    /// Peers that speak for many, as a mesh's sidecar does: they have no limit of their own.
    pub trusted_proxies: Vec<IpAddr>,
    /// Calls at one time on one connection.
    pub max_concurrent_streams: u32,
    /// HTTP/2 flow-control window of a stream, in bytes.
    pub stream_window_bytes: u32,
    /// HTTP/2 flow-control window of a connection, in bytes.
    pub connection_window_bytes: u32,
    /// All headers of a request together, as HTTP/2 counts them (RFC 9113, 6.5.2), in bytes.
    pub max_header_list_bytes: u32,
    /// Streams reset by the peer before we took them, after which the connection is closed (rapid reset).
    pub max_pending_accept_reset_streams: usize,
    /// Streams we had to reset for the peer's errors, after which the connection is closed.
    pub max_local_error_reset_streams: usize,
    /// A PING is sent this often.
    pub keepalive_interval: Duration,
    /// A peer that has not answered a PING for this long is gone.
    pub keepalive_timeout: Duration,
    /// A connection is asked to end after this long, ± 10 %, so that load spreads to new instances.
    pub max_connection_age: Duration,
    /// It is closed this long after it was asked.
    pub max_connection_age_grace: Duration,
    /// An answer to a unary call that is not taken for this long, twice over at most, ends its connection.
    pub answer_timeout: Duration,
    /// The 24 bytes that begin HTTP/2 must have come within this.
    pub preface_timeout: Duration,
    /// How long calls may take to finish once the server stops.
    pub shutdown_grace: Duration,
    /// The deadline of a unary call that brings none. Streams have no default.
    pub default_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1000,
            max_connections_per_peer: 100,
            trusted_proxies: Vec::new(),
            max_concurrent_streams: 100,
            stream_window_bytes: 64 * 1024,
            connection_window_bytes: 1024 * 1024,
            max_header_list_bytes: 16 * 1024,
            max_pending_accept_reset_streams: 20,
            max_local_error_reset_streams: 1024,
            keepalive_interval: Duration::from_mins(1),
            keepalive_timeout: Duration::from_secs(20),
            max_connection_age: Duration::from_mins(30),
            max_connection_age_grace: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(30),
            preface_timeout: Duration::from_secs(5),
            shutdown_grace: Duration::from_secs(10),
            default_deadline: Duration::from_secs(5),
        }
    }
}
