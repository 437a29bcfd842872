//! Who may connect: so many in all, so many from one peer.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{counter, gauge};

use super::{Limits, Peer};

/// Counts the open connections of a port against their limits.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Which: `grpc` or `http`.
    port: &'static str,
    max_connections: usize,
    max_per_peer: usize,
    trusted: Vec<IpAddr>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    per_peer: HashMap<IpAddr, usize>,
}

/// One admitted connection. Its place is free again once this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    peer: IpAddr,
    is_trusted: bool,
}

impl Place {
    /// Whose it is.
    pub(crate) const fn peer(&self) -> Peer {
        Peer { address: self.peer, is_proxy: self.is_trusted }
    }
}

/// Counts a connection that was closed before it could make a call.
pub(crate) fn count_refused(port: &'static str, reason: &'static str) {
    counter!("purser_connections_refused_total", "port" => port, "reason" => reason).increment(1);
}

/// Counts a connection that was ended for what its peer did not do.
pub(crate) fn count_ended(port: &'static str, reason: &'static str) {
    counter!("purser_connections_ended_total", "port" => port, "reason" => reason).increment(1);
}

impl Admission {
    pub(crate) fn new(port: &'static str, limits: &Limits) -> Self {
        Self {
            port,
            max_connections: limits.max_connections,
            max_per_peer: limits.max_connections_per_peer,
            trusted: limits.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            open: Mutex::default(),
        }
    }

    /// A place for a connection of `peer`, if no limit stands against it.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let admitted = self.place(peer);
        if let Err(reason) = admitted {
            count_refused(self.port, reason);
            tracing::debug!(port = self.port, %peer, reason, "connection refused");
        }
        admitted.ok()
    }

    /// A place, or which limit stands against it.
    fn place(self: &Arc<Self>, peer: IpAddr) -> Result<Place, &'static str> {
        let address = peer.to_canonical();
        let peer = network_of(address);
        let mut open = self.open();
        if open.total >= self.max_connections {
            return Err("total");
        }
        let of_peer = open.per_peer.get(&peer).copied().unwrap_or_default();
        let is_trusted = self.trusted.contains(&address);
        if of_peer >= self.max_per_peer && !is_trusted {
            return Err("peer");
        }
        open.total += 1;
        open.per_peer.insert(peer, of_peer + 1);
        gauge!("purser_connections", "port" => self.port).increment(1);
        Ok(Place { admission: Arc::clone(self), peer, is_trusted })
    }

    /// The counts are whole numbers changed in one step, so no panic can have left them half done.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.admission.open();
        open.total -= 1;
        if let Some(count) = open.per_peer.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                open.per_peer.remove(&self.peer);
            }
        }
        gauge!("purser_connections", "port" => self.admission.port).decrement(1);
    }
}

/// What counts as one peer. A host with IPv6 chooses its address freely within a /64.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(total: usize, per_peer: usize) -> Arc<Admission> {
        Arc::new(Admission::new(
            "test",
            &Limits {
                max_connections: total,
                max_connections_per_peer: per_peer,
                trusted_proxies: vec!["10.0.0.1".parse().unwrap()],
                ..Limits::default()
            },
        ))
    }

    #[test]
    fn a_place_that_is_left_can_be_taken_again() {
        let admission = admission(1, 1);
        let peer = "192.0.2.1".parse().unwrap();
        let place = admission.place(peer).unwrap();
        assert_eq!(admission.place(peer).unwrap_err(), "total");
        drop(place);
        assert!(admission.place(peer).is_ok());
        assert!(admission.open().per_peer.is_empty());
    }

    #[test]
    fn one_peer_is_limited_alone_and_a_trusted_proxy_is_not() {
        let admission = admission(9, 1);
        let _first = admission.place("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(admission.place("2001:db8::2".parse().unwrap()).unwrap_err(), "peer", "the same /64");
        let _other = admission.place("2001:db8:0:1::1".parse().unwrap()).unwrap();
        let _proxied = admission.place("10.0.0.1".parse().unwrap()).unwrap();
        let _mapped = admission.place("::ffff:10.0.0.1".parse().unwrap()).unwrap();
    }
}
