//! How many calls may be at work at a time, and whose. More would all become slow together; these are told at once.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::App;
use crate::domain::{Caller, Error, Reach, Result};

/// The calls that are at work.
#[derive(Debug)]
pub struct Crowd {
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    most: usize,
    all: usize,
    /// Of each tenant who has any.
    of: HashMap<Reach, usize>,
}

/// A call's place among those at work, until it is dropped.
#[derive(Debug)]
pub struct Place {
    crowd: Arc<Crowd>,
    tenant: Reach,
}

impl Crowd {
    /// How many calls, where nobody says: as many as wait for the database without growing slow for it.
    pub const MOST: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { inside: Mutex::new(Inside { most: Self::MOST.get(), all: 0, of: HashMap::new() }) })
    }

    /// Only numbers that are counted up and down: no panic can have left them half done.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Whether a call of a tenant may begin. The last quarter is for those who have less than their part, so that one who
    /// calls without measure leaves room for the others.
    const fn has_room(most: usize, all: usize, own: usize, tenants: usize) -> bool {
        all < most && (all < most - most / 4 || own < most / tenants)
    }

    fn enter(&mut self, tenant: Reach) -> Result<()> {
        let own = self.of.get(&tenant).copied().unwrap_or_default();
        let tenants = self.of.len() + usize::from(own == 0);
        if !Self::has_room(self.most, self.all, own, tenants) {
            return Err(Error::Overloaded);
        }
        self.all += 1;
        *self.of.entry(tenant).or_default() += 1;
        Ok(())
    }

    fn leave(&mut self, tenant: Reach) {
        self.all -= 1;
        if let Some(own) = self.of.get_mut(&tenant) {
            *own -= 1;
            if *own == 0 {
                self.of.remove(&tenant);
            }
        }
    }
}

impl App {
    /// Says how many calls may be at work at a time.
    pub fn limit_calls(&self, most: NonZeroUsize) {
        self.0.crowd.inside().most = most.get();
    }

    /// Lets a call begin.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`].
    pub fn enter(&self, caller: &Caller) -> Result<Place> {
        self.0.crowd.inside().enter(caller.reach).inspect_err(|_| {
            metrics::counter!("purser_calls_shed_total").increment(1);
        })?;
        Ok(Place { crowd: Arc::clone(&self.0.crowd), tenant: caller.reach })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.inside().leave(self.tenant);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{DomainId, Environment, OrganizationId};

    fn tenant(n: u128) -> Reach {
        let organization = OrganizationId::from_uuid(Uuid::nil());
        Reach::Domain(organization, Environment::Live, DomainId::from_uuid(Uuid::from_u128(n)))
    }

    fn inside(most: usize) -> Inside {
        Inside { most, all: 0, of: HashMap::new() }
    }

    #[test]
    fn whoever_is_alone_may_have_every_place_and_no_more() {
        let mut inside = inside(8);
        assert_eq!((0..20).filter(|_| inside.enter(tenant(1)).is_ok()).count(), 8);
        inside.leave(tenant(1));
        assert!(inside.enter(tenant(1)).is_ok());
        assert!(matches!(inside.enter(tenant(1)), Err(Error::Overloaded)));
    }

    #[test]
    fn who_calls_without_measure_leaves_room_for_others() {
        let mut inside = inside(100);
        assert!(inside.enter(tenant(2)).is_ok());
        assert_eq!((0..1_000).filter(|_| inside.enter(tenant(1)).is_ok()).count(), 74);
        assert_eq!((0..1_000).filter(|_| inside.enter(tenant(2)).is_ok()).count(), 25);
        // The others have their parts, the more of them there are the smaller.
        for _ in 0..40 {
            inside.leave(tenant(1));
        }
        for n in 3..6 {
            assert_eq!((0..10).filter(|_| inside.enter(tenant(n)).is_ok()).count(), 10, "{n}");
        }
    }

    #[test]
    fn who_has_left_is_not_counted() {
        let mut inside = inside(4);
        for n in 0..1_000 {
            inside.enter(tenant(n)).unwrap();
            inside.leave(tenant(n));
        }
        assert_eq!((inside.all, inside.of.len()), (0, 0));
    }
}
