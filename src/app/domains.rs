//! Which domain a call is about.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::App;
use crate::domain::{Caller, Domain, DomainId, Error, Noun, Reach, Result, UniqueKey};

impl App {
    /// The domain that a request names, or that the key is for.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where the key is for more than one and none is named; [`Error::NotFound`] where the key does not
    /// cover it, existing or not.
    pub async fn domain_for(&self, caller: &Caller, named: Option<DomainId>) -> Result<Arc<Domain>> {
        let id = match (caller.reach, named) {
            (_, Some(id)) => id,
            (Reach::Domain(_, _, own), None) => own,
            (Reach::Operator | Reach::Organization(..), None) => {
                return Err(Error::invalid("domain_id", "is required with a key that is not for one domain"));
            }
        };
        let domain = self.domain(id).await?.filter(|it| caller.reach.covers(it));
        domain.ok_or(Error::NotFound(Noun::Domain))
    }

    /// Those of several domains that the key covers.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn covered_domains(&self, caller: &Caller, ids: &[DomainId]) -> Result<Vec<DomainId>> {
        let found = self.domains(ids.iter().copied()).await?;
        let is_covered = |id: &DomainId| found.get(id).is_some_and(|it| caller.reach.covers(it));
        Ok(ids.iter().copied().filter(is_covered).collect())
    }

    /// A domain as it was at most a second ago.
    pub(super) async fn domain(&self, id: DomainId) -> Result<Option<Arc<Domain>>> {
        if let Some(domain) = self.0.fresh_domains.get(&id) {
            return Ok(Some(domain));
        }
        let asked = Instant::now();
        let found = self.0.domains_by_id.get(id.as_uuid()).await?;
        Ok(found.map(|it| self.0.fresh_domains.keep(id, it, asked)))
    }

    /// The domain of a name, as it was at most a second ago.
    pub(super) async fn domain_named(&self, name: &str) -> Result<Option<Arc<Domain>>> {
        // A name never changes hands, so which domain it names may be remembered longer than the domain's state.
        if let Some(id) = self.0.fresh_names.get(name) {
            return self.domain(*id).await;
        }
        let asked = Instant::now();
        let found = self.0.domains_by_key.get(UniqueKey::domain_name(name)).await?;
        Ok(found.map(|it| self.keep_name(name, it, asked)))
    }

    /// The domains of names, as they were at most a second ago; what is not fresh is looked up together.
    pub(super) async fn domains_named<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<HashMap<&'a str, Arc<Domain>>> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for name in names.collect::<HashSet<_>>() {
            let fresh = self.0.fresh_names.get(name).and_then(|id| self.0.fresh_domains.get(&*id));
            match fresh {
                Some(domain) => drop(found.insert(name, domain)),
                None => missing.push(name),
            }
        }
        if !missing.is_empty() {
            let asked = Instant::now();
            let keys = missing.iter().map(|it| UniqueKey::domain_name(it)).collect();
            for (name, domain) in missing.into_iter().zip(self.0.domains_by_key.get_many(keys).await?) {
                if let Some(domain) = domain? {
                    found.insert(name, self.keep_name(name, domain, asked));
                }
            }
        }
        Ok(found)
    }

    /// The domains with ids, as they were at most a second ago; what is not fresh is looked up together.
    pub(super) async fn domains(
        &self,
        ids: impl Iterator<Item = DomainId>,
    ) -> Result<HashMap<DomainId, Arc<Domain>>> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for id in ids.collect::<HashSet<_>>() {
            match self.0.fresh_domains.get(&id) {
                Some(domain) => drop(found.insert(id, domain)),
                None => missing.push(id.as_uuid()),
            }
        }
        if !missing.is_empty() {
            let asked = Instant::now();
            for domain in self.0.domains_by_id.get_many(missing).await? {
                if let Some(domain) = domain? {
                    found.insert(domain.id, self.0.fresh_domains.keep(domain.id, domain, asked));
                }
            }
        }
        Ok(found)
    }

    fn keep_name(&self, name: &str, domain: Domain, asked: Instant) -> Arc<Domain> {
        self.0.fresh_names.keep(name.to_owned(), domain.id, asked);
        self.0.fresh_domains.keep(domain.id, domain, asked)
    }
}
