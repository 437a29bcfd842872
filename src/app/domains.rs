//! Which domain a call is about.

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
        Ok(found.map(|it| {
            self.0.fresh_names.keep(name.to_owned(), it.id, asked);
            self.0.fresh_domains.keep(it.id, it, asked)
        }))
    }
}
