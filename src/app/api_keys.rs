//! What is done with API keys.

use std::sync::Arc;

use super::App;
use super::write::{Answer, Reload, mark};
use crate::clock;
use crate::domain::{
    ApiKey, ApiKeyId, Caller, Change, Context, Domain, DomainId, Environment, Error, Line, Noun,
    OrganizationId, Page, PageRequest, Reach, RequestId, Result, Scopes, Secret, SecretHash, api_key,
};

/// What `CreateApiKey` asks for.
#[derive(Debug, serde::Serialize)]
pub struct NewApiKey {
    /// Whose; may be left out for a key of one domain.
    pub organization_id: Option<OrganizationId>,
    /// The one domain it reaches, if only one.
    pub domain_id: Option<DomainId>,
    /// The environment that an organization key reaches.
    pub environment: Option<Environment>,
    /// What people call it.
    pub display_name: Line,
    /// What it may do.
    pub scopes: Scopes,
    /// When it stops working by itself, in microseconds since 1970.
    pub expire_us: Option<i64>,
}

/// A key, and its text where it has just been made.
pub type Issued = (ApiKey, Option<Secret>);

impl App {
    /// Makes a key, no wider than the caller.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a domain or organization that the caller does not cover; [`Error::KeyTooWide`];
    /// [`Error::Invalid`].
    pub async fn create_api_key(
        &self,
        caller: &Caller,
        new: NewApiKey,
        request: Option<RequestId>,
    ) -> Result<Answer<Issued>> {
        let now_us = clock::now_us();
        let (reach, mut domain) = self.reach_of(caller, &new).await?;
        let (organization_id, environment, domain_id) = match reach {
            Reach::Operator => (None, None, None),
            Reach::Organization(organization, environment) => (Some(organization), Some(environment), None),
            Reach::Domain(organization, environment, domain) => {
                (Some(organization), Some(environment), Some(domain))
            }
        };
        let id = ApiKeyId::from_uuid(clock::new_uuid(now_us));
        let secret = Secret::new(id, environment, clock::random());
        let key = ApiKey {
            id,
            sequence: 0,
            organization_id,
            domain_id,
            environment,
            display_name: new.display_name.clone(),
            scopes: new.scopes,
            create_us: now_us,
            expire_us: new.expire_us,
            revoke_us: None,
            secret_sha256: secret.hash(),
            last_use_us: None,
        };
        caller.may_hand_out(&key)?;
        let request = mark(key.home(), "CreateApiKey", request, &new)?;
        let touched = self.touched(reach).await?;
        let reload = || -> Reload<'_, _> { Box::pin(self.domain_of(caller, reach)) };
        let made = self
            .write(caller, request, &mut domain, reload, |domain, ctx| {
                may_administer(caller, domain.as_deref())?;
                if key.expire_us.is_some_and(|at| at <= ctx.now_us) {
                    return Err(Error::invalid("api_key.expire_time", "must be in the future"));
                }
                Ok(holding(api_key::create(key.clone(), &touched, ctx), domain.as_deref()))
            })
            .await?;
        Ok(issued(made, secret))
    }

    /// Lists keys that the caller covers, of one organization, of one domain, or all.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for an organization or a domain that is not covered.
    pub async fn list_api_keys(
        &self,
        caller: &Caller,
        organization: Option<OrganizationId>,
        domain: Option<DomainId>,
        page: PageRequest,
    ) -> Result<Page<ApiKey>> {
        if let Some(id) = organization {
            self.get_organization(caller, id).await?;
        }
        if let Some(id) = domain {
            self.get_domain(caller, id).await?;
        }
        let reach = caller.reach;
        self.task(move |store| async move { store.list_api_keys(reach, organization, domain, &page).await })
            .await
    }

    /// Gives a key a new secret. The old one stops working within a second.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::KeyTooWide`], [`Error::ApiKeyEnded`].
    pub async fn rotate_api_key(
        &self,
        caller: &Caller,
        id: ApiKeyId,
        request: Option<RequestId>,
    ) -> Result<Answer<Issued>> {
        let key = self.covered_key(caller, id).await?;
        caller.may_hand_out(&key)?;
        let secret = Secret::new(id, key.environment, clock::random());
        let hash = secret.hash();
        let rotated = self
            .change_key(caller, key, "RotateApiKey", request, move |key, touched, ctx| {
                api_key::rotate(key, SecretHash::clone(&hash), touched, ctx)
            })
            .await?;
        Ok(issued(rotated, secret))
    }

    /// Ends a key. It stops working everywhere within a second.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn revoke_api_key(
        &self,
        caller: &Caller,
        id: ApiKeyId,
        request: Option<RequestId>,
    ) -> Result<Answer<ApiKey>> {
        let key = self.covered_key(caller, id).await?;
        self.change_key(caller, key, "RevokeApiKey", request, |key, touched, ctx| {
            Ok(api_key::revoke(key, touched, ctx))
        })
        .await
    }

    async fn change_key(
        &self,
        caller: &Caller,
        key: ApiKey,
        method: &'static str,
        request: Option<RequestId>,
        decide: impl Fn(&ApiKey, &[DomainId], Context) -> Result<Change> + Send + Sync,
    ) -> Result<Answer<ApiKey>> {
        let (id, reach) = (key.id, key.reach());
        let request = mark(key.home(), method, request, &id)?;
        let domain = self.domain_of(caller, reach).await?;
        let touched = self.touched(reach).await?;
        let reload = || -> Reload<'_, _> {
            Box::pin(async move {
                Ok((self.covered_key(caller, id).await?, self.domain_of(caller, reach).await?))
            })
        };
        let changed = self
            .write(caller, request, &mut (key, domain), reload, |(key, domain), ctx| {
                may_administer(caller, domain.as_deref())?;
                Ok(holding(decide(key, &touched, ctx)?, domain.as_deref()))
            })
            .await?;
        self.0.fresh_keys.forget(&id);
        // When it was last used is not part of what a replay remembers, and the two answers are to be the same.
        Ok(changed.map(|key| ApiKey { last_use_us: None, ..key }))
    }

    /// The domain of a key that is for one.
    async fn domain_of(&self, caller: &Caller, reach: Reach) -> Result<Option<Arc<Domain>>> {
        match reach {
            Reach::Domain(_, _, id) => self.get_domain(caller, id).await.map(Some),
            Reach::Operator | Reach::Organization(..) => Ok(None),
        }
    }

    pub(super) async fn covered_key(&self, caller: &Caller, id: ApiKeyId) -> Result<ApiKey> {
        let key = self.0.api_keys.get(id).await?;
        key.filter(|it| caller.reach.includes(&it.reach())).ok_or(Error::NotFound(Noun::ApiKey))
    }

    /// What a new key is to reach, and its domain if it is for one. What the caller does not cover looks as if it were
    /// not there.
    async fn reach_of(&self, caller: &Caller, new: &NewApiKey) -> Result<(Reach, Option<Arc<Domain>>)> {
        if let Some(id) = new.domain_id {
            let domain = self.get_domain(caller, id).await?;
            if new.organization_id.is_some_and(|it| it != domain.organization_id) {
                return Err(Error::invalid("api_key.organization_id", "is not that of the domain"));
            }
            if new.environment.is_some_and(|it| it != domain.environment) {
                return Err(Error::invalid("api_key.environment", "is not that of the domain"));
            }
            return Ok((Reach::Domain(domain.organization_id, domain.environment, domain.id), Some(domain)));
        }
        let Some(organization) = new.organization_id else {
            if new.environment.is_some() {
                return Err(Error::invalid("api_key.environment", "goes with an organization or a domain"));
            }
            return Ok((Reach::Operator, None));
        };
        if matches!(caller.reach, Reach::Domain(..)) {
            return Err(Error::KeyTooWide("reach"));
        }
        let environment = new.environment;
        let environment = environment
            .ok_or_else(|| Error::invalid("api_key.environment", "is required for an organization key"))?;
        Ok((Reach::Organization(self.get_organization(caller, organization).await?.id, environment), None))
    }

    /// The domains in whose logs a change of a key of that reach is kept beside its own.
    async fn touched(&self, reach: Reach) -> Result<Vec<DomainId>> {
        let Reach::Organization(organization, environment) = reach else { return Ok(Vec::new()) };
        self.task(move |store| async move { store.domain_ids(organization, environment).await }).await
    }
}

/// Refuses a change to the keys of a suspended domain to its own keys.
fn may_administer(caller: &Caller, domain: Option<&Domain>) -> Result<()> {
    domain.map_or(Ok(()), |it| caller.may_administer(it))
}

/// The change, which holds only while the domain is as it was read.
fn holding(change: Change, domain: Option<&Domain>) -> Change {
    match domain {
        Some(domain) => change.expects(domain),
        None => change,
    }
}

/// The secret goes with the key that was made with it, and not with that of an earlier time.
fn issued(made: Answer<ApiKey>, secret: Secret) -> Answer<Issued> {
    let secret = (!made.replayed).then_some(secret);
    made.map(|key| (key, secret))
}
