//! How many calls may be at work at a time, and how much they may bring and take, and whose. More would all become slow
//! together, or fill the memory; these are told at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::App;
use crate::domain::{Caller, Error, Reach, Result};

/// The calls that are at work.
#[derive(Debug)]
pub struct Crowd {
    /// Calls with a key.
    calls: Parts,
    /// Calls without one.
    guests: Parts,
    /// Streams without one.
    followers: Parts,
    /// Bytes of large messages and answers.
    bytes: Parts,
    /// The same of calls without a key.
    guest_bytes: Parts,
}

/// Something of which there is so much, in parts that are fair.
#[derive(Debug)]
struct Parts(Mutex<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    all: usize,
    /// Of each who has any.
    of: HashMap<Who, usize>,
}

/// Whose a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    Tenant(Reach),
    Guest(IpAddr),
    Follower(IpAddr),
}

/// A call's place among those at work, until it is dropped.
#[derive(Debug)]
pub struct Place {
    crowd: Arc<Crowd>,
    who: Who,
    /// Bytes of its message and its answer.
    carried: AtomicUsize,
}

impl Crowd {
    /// How many calls, where nobody says: as many as wait for the database without growing slow for it.
    pub const MOST: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
    /// How many calls of those who show no key, and are answered at once: whether the server is well, for one.
    const MOST_GUESTS: usize = 512;
    /// How many streams of those who show no key. They stay for as long as they like, and keep out nobody who asks once.
    const MOST_FOLLOWERS: usize = 2_048;
    /// How much large messages and answers may be together, in bytes.
    const MOST_BYTES: usize = 32 * 1024 * 1024;
    /// The same of calls without a key: of them nobody's large messages are to be refused.
    const MOST_GUEST_BYTES: usize = 8 * 1024 * 1024;
    /// What of a message or answer is not counted, in bytes: most are smaller.
    const SMALL: usize = 16 * 1024;

    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            calls: Parts::of(Self::MOST.get()),
            guests: Parts::of(Self::MOST_GUESTS),
            followers: Parts::of(Self::MOST_FOLLOWERS),
            bytes: Parts::of(Self::MOST_BYTES),
            guest_bytes: Parts::of(Self::MOST_GUEST_BYTES),
        })
    }

    fn places(&self, who: Who) -> &Parts {
        match who {
            Who::Tenant(_) => &self.calls,
            Who::Guest(_) => &self.guests,
            Who::Follower(_) => &self.followers,
        }
    }

    fn bytes(&self, who: Who) -> &Parts {
        match who {
            Who::Tenant(_) => &self.bytes,
            Who::Guest(_) | Who::Follower(_) => &self.guest_bytes,
        }
    }

    fn enter(self: &Arc<Self>, who: Who) -> Result<Place> {
        self.places(who).shared().take(who, 1).inspect_err(|_| {
            metrics::counter!("purser_calls_shed_total").increment(1);
        })?;
        Ok(Place { crowd: Arc::clone(self), who, carried: AtomicUsize::new(0) })
    }
}

impl Parts {
    fn of(most: usize) -> Self {
        Self(Mutex::new(Shared { most, all: 0, of: HashMap::new() }))
    }

    /// Only numbers that are counted up and down: no panic can have left them half done.
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Whether somebody may have so much, and all together. The last quarter is for those who have less than their part,
    /// as if one more were to come, and the last sixteenth for those who have next to nothing: so that those who call without
    /// measure leave room for whoever calls now and then, however many they are.
    const fn has_room(most: usize, all: usize, own: usize, owners: usize) -> bool {
        all <= most
            && (all <= most - most / 4
                || (all <= most - most / 16 && own <= most / (owners + 1))
                || own <= most / 64)
    }

    fn take(&mut self, who: Who, more: usize) -> Result<()> {
        let own = self.of.get(&who).copied().unwrap_or_default();
        let owners = self.of.len() + usize::from(own == 0);
        if !Self::has_room(self.most, self.all + more, own + more, owners) {
            return Err(Error::Overloaded);
        }
        self.all += more;
        *self.of.entry(who).or_default() += more;
        Ok(())
    }

    fn give_back(&mut self, who: Who, less: usize) {
        self.all -= less;
        if let Some(own) = self.of.get_mut(&who) {
            *own -= less;
            if *own == 0 {
                self.of.remove(&who);
            }
        }
    }
}

impl App {
    /// Says how many calls may be at work at a time.
    pub fn limit_calls(&self, most: NonZeroUsize) {
        self.0.crowd.calls.shared().most = most.get();
    }

    /// Lets a call begin.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`].
    pub fn enter(&self, caller: &Caller) -> Result<Place> {
        self.0.crowd.enter(Who::Tenant(caller.reach))
    }

    /// Lets a call begin of somebody who shows no key.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`].
    pub fn enter_guest(&self, from: IpAddr) -> Result<Place> {
        self.0.crowd.enter(Who::Guest(from))
    }

    /// Lets a stream begin of somebody who shows no key.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`].
    pub fn enter_follower(&self, from: IpAddr) -> Result<Place> {
        self.0.crowd.enter(Who::Follower(from))
    }
}

impl Place {
    /// Counts bytes that the call holds until it gives up its place.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`]: they are too many, and not counted.
    pub fn carry(&self, bytes: usize) -> Result<()> {
        let before = self.carried.load(Ordering::Relaxed);
        let large = (before + bytes).saturating_sub(before.max(Crowd::SMALL));
        if large > 0 {
            self.crowd.bytes(self.who).shared().take(self.who, large)?;
        }
        // One at a time: whoever reads the message, and then whoever answers it.
        self.carried.store(before + bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.places(self.who).shared().give_back(self.who, 1);
        let large = self.carried.load(Ordering::Relaxed).saturating_sub(Crowd::SMALL);
        if large > 0 {
            self.crowd.bytes(self.who).shared().give_back(self.who, large);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{DomainId, Environment, OrganizationId};

    fn tenant(n: u128) -> Who {
        let organization = OrganizationId::from_uuid(Uuid::nil());
        Who::Tenant(Reach::Domain(organization, Environment::Live, DomainId::from_uuid(Uuid::from_u128(n))))
    }

    fn shared(most: usize) -> Shared {
        Shared { most, all: 0, of: HashMap::new() }
    }

    #[test]
    fn whoever_is_alone_leaves_a_quarter_for_whoever_comes() {
        let mut shared = shared(8);
        assert_eq!((0..20).filter(|_| shared.take(tenant(1), 1).is_ok()).count(), 6);
        shared.give_back(tenant(1), 1);
        assert!(shared.take(tenant(1), 1).is_ok());
        assert!(matches!(shared.take(tenant(1), 1), Err(Error::Overloaded)));
        assert!(shared.take(tenant(2), 1).is_ok());
    }

    #[test]
    fn who_calls_without_measure_leaves_room_for_others() {
        let mut shared = shared(100);
        assert!(shared.take(tenant(2), 1).is_ok());
        assert_eq!((0..1_000).filter(|_| shared.take(tenant(1), 1).is_ok()).count(), 74);
        assert_eq!((0..1_000).filter(|_| shared.take(tenant(2), 1).is_ok()).count(), 19);
        // Who comes when two have all that they can has a place yet.
        assert!(shared.take(tenant(9), 1).is_ok());
        shared.give_back(tenant(9), 1);
        // The others have their parts, the more of them there are the smaller.
        shared.give_back(tenant(1), 40);
        for n in 3..6 {
            assert_eq!((0..10).filter(|_| shared.take(tenant(n), 1).is_ok()).count(), 10, "{n}");
        }
    }

    #[test]
    fn who_has_left_is_not_counted() {
        let mut shared = shared(4);
        for n in 0..1_000 {
            shared.take(tenant(n), 3).unwrap();
            shared.give_back(tenant(n), 3);
        }
        assert_eq!((shared.all, shared.of.len()), (0, 0));
    }

    #[test]
    fn large_messages_are_counted_beyond_what_is_small_and_until_their_call_is_over() {
        const MIB: usize = 1024 * 1024;
        let crowd = Crowd::new();
        let enter = |who| crowd.enter(who).unwrap();
        let small: Vec<_> = (0..100).map(|_| enter(tenant(1))).collect();
        assert!(small.iter().all(|it| it.carry(Crowd::SMALL).is_ok()));
        assert_eq!(crowd.bytes.shared().all, 0);
        // A message of a tenant who has them all to themselves, in pieces; then somebody else comes.
        let large: Vec<_> = (0..20).map(|_| enter(tenant(1))).collect();
        for place in &large {
            for _ in 0..64 {
                place.carry(Crowd::SMALL).unwrap();
            }
        }
        let theirs = enter(tenant(2));
        theirs.carry(MIB).unwrap();
        let (one, other) = (enter(tenant(1)), enter(tenant(2)));
        while one.carry(MIB / 4).is_ok() {}
        assert!(other.carry(MIB).is_ok(), "whoever has less than their part still gets it");
        assert!(crowd.bytes.shared().all <= Crowd::MOST_BYTES);
        let before = one.carried.load(Ordering::Relaxed);
        assert!(one.carry(MIB / 4).is_err() && one.carried.load(Ordering::Relaxed) == before);
        drop((small, large, theirs, one, other));
        assert_eq!((crowd.bytes.shared().all, crowd.calls.shared().all), (0, 0));
    }

    #[test]
    fn guests_have_places_of_their_own() {
        let crowd = Crowd::new();
        let guest = |last| Who::Guest([192, 0, 2, last].into());
        let many: Vec<_> = (0..3_000).map_while(|_| crowd.enter(guest(1)).ok()).collect();
        assert_eq!(many.len(), Crowd::MOST_GUESTS / 4 * 3);
        assert!(crowd.enter(guest(2)).is_ok() && crowd.enter(tenant(1)).is_ok());
        let (one, other) = (crowd.enter(guest(2)).unwrap(), crowd.enter(guest(3)).unwrap());
        while one.carry(Crowd::SMALL).is_ok() || other.carry(Crowd::SMALL).is_ok() {}
        assert!(crowd.enter(tenant(1)).unwrap().carry(Crowd::MOST_BYTES / 2).is_ok());
    }

    #[test]
    fn streams_of_guests_keep_out_nobody_who_asks_once() {
        let crowd = Crowd::new();
        let from = |last| std::net::IpAddr::from([192, 0, 2, last]);
        let streams: Vec<_> = (0..=255)
            .flat_map(|peer| {
                std::iter::from_fn(|| crowd.enter(Who::Follower(from(peer))).ok()).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(streams.len(), Crowd::MOST_FOLLOWERS);
        for peer in 0..=255 {
            assert!(crowd.enter(Who::Guest(from(peer))).is_ok(), "{peer}");
        }
    }
}
