//! What is done with organizations and domains.

use std::sync::Arc;

use super::App;
use super::write::{Answer, Reload, mark};
use crate::clock;
use crate::domain::{
    Caller, Change, Context, Domain, DomainId, DomainName, DomainStatus, Error, Line, LogId, NewDomain, Noun,
    Organization, OrganizationId, Page, PageRequest, Reach, RequestId, RequestMark, Result, SettingsPatch,
    Table, tenant,
};

impl App {
    /// Makes an organization.
    ///
    /// # Errors
    ///
    /// [`Error::OperatorOnly`].
    pub async fn create_organization(
        &self,
        caller: &Caller,
        display_name: Line,
        request: Option<RequestId>,
    ) -> Result<Answer<Organization>> {
        caller.require_operator()?;
        let request = mark(LogId::OPERATOR, "CreateOrganization", request, &display_name)?;
        let id = OrganizationId::from_uuid(clock::new_uuid(clock::now_us()));
        self.write(caller, request, &mut (), nothing, |(), ctx| {
            Ok(tenant::create_organization(display_name.clone(), id, ctx))
        })
        .await
    }

    /// An organization that the key covers.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn get_organization(&self, caller: &Caller, id: OrganizationId) -> Result<Organization> {
        let covered = match caller.reach {
            Reach::Operator => true,
            Reach::Organization(own, _) => own == id,
            Reach::Domain(..) => false,
        };
        if !covered {
            return Err(Error::NotFound(Noun::Organization));
        }
        let found = self
            .task(move |store| async move { store.by_id(Table::Organizations, &[id.as_uuid()]).await })
            .await?;
        found.into_iter().next().unwrap_or(Ok(None))?.ok_or(Error::NotFound(Noun::Organization))
    }

    /// Every organization.
    ///
    /// # Errors
    ///
    /// [`Error::OperatorOnly`].
    pub async fn list_organizations(&self, caller: &Caller, page: PageRequest) -> Result<Page<Organization>> {
        caller.require_operator()?;
        self.task(move |store| async move { store.list_organizations(&page).await }).await
    }

    /// Makes a domain of an organization.
    ///
    /// # Errors
    ///
    /// [`Error::OperatorOnly`]; [`Error::NotFound`] where there is no such organization; [`Error::Taken`].
    pub async fn create_domain(
        &self,
        caller: &Caller,
        new: NewDomain,
        request: Option<RequestId>,
    ) -> Result<Answer<Arc<Domain>>> {
        caller.require_operator()?;
        let organization = self.get_organization(caller, new.organization_id).await?;
        let request = mark(organization.id.into(), "CreateDomain", request, &new)?;
        let id = DomainId::from_uuid(clock::new_uuid(clock::now_us()));
        let made = self
            .write(caller, request, &mut (), nothing, |(), ctx| tenant::create_domain(new.clone(), id, ctx))
            .await?;
        Ok(made.map(Arc::new))
    }

    /// A domain that the key covers, by its id.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn get_domain(&self, caller: &Caller, id: DomainId) -> Result<Arc<Domain>> {
        // Not from what may be a second old: whoever asks for a domain wants to see what it has just done.
        let found = self.0.domains_by_id.get(id.as_uuid()).await?.filter(|it| caller.reach.covers(it));
        found.map(Arc::new).ok_or(Error::NotFound(Noun::Domain))
    }

    /// A domain that the key covers, by its name.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn get_domain_named(&self, caller: &Caller, name: &DomainName) -> Result<Arc<Domain>> {
        let found = self.domain_named(name.as_str()).await?.ok_or(Error::NotFound(Noun::Domain))?;
        self.get_domain(caller, found.id).await
    }

    /// The domains that the key covers, of one organization or all.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for an organization that is not covered.
    pub async fn list_domains(
        &self,
        caller: &Caller,
        organization: Option<OrganizationId>,
        page: PageRequest,
    ) -> Result<Page<Domain>> {
        if let Some(id) = organization {
            self.get_organization(caller, id).await?;
        }
        let reach = caller.reach;
        self.task(move |store| async move { store.list_domains(reach, organization, &page).await }).await
    }

    /// Changes how a domain wants its customers kept.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::EmailsShared`]; as [`tenant::update_settings`].
    pub async fn update_domain_settings(
        &self,
        caller: &Caller,
        id: DomainId,
        patch: SettingsPatch,
        request: Option<RequestId>,
    ) -> Result<Answer<Arc<Domain>>> {
        let request = mark(id.into(), "UpdateDomainSettings", request, &(id, &patch))?;
        self.change_domain(caller, id, request, |domain, ctx| tenant::update_settings(domain, &patch, ctx))
            .await
    }

    /// Suspends a domain, or reinstates it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::DomainSuspended`] to the domain's own key.
    pub async fn set_domain_status(
        &self,
        caller: &Caller,
        id: DomainId,
        status: DomainStatus,
        reason: Line,
        request: Option<RequestId>,
    ) -> Result<Answer<Arc<Domain>>> {
        let method = match status {
            DomainStatus::Suspended => "SuspendDomain",
            DomainStatus::Active => "ReinstateDomain",
        };
        let request = mark(id.into(), method, request, &(id, &reason))?;
        self.change_domain(caller, id, request, |domain, ctx| {
            Ok(tenant::set_status(domain, status, reason.clone(), ctx))
        })
        .await
    }

    async fn change_domain(
        &self,
        caller: &Caller,
        id: DomainId,
        request: Option<RequestMark>,
        decide: impl Fn(&Domain, Context) -> Result<Change> + Send + Sync,
    ) -> Result<Answer<Arc<Domain>>> {
        let mut domain = self.get_domain(caller, id).await?;
        let reload = || -> Reload<'_, _> { Box::pin(self.get_domain(caller, id)) };
        let changed = self
            .write(caller, request, &mut domain, reload, |domain, ctx| {
                caller.may_administer(domain)?;
                decide(domain, ctx)
            })
            .await?;
        self.0.fresh_domains.forget(&id);
        Ok(changed.map(Arc::new))
    }
}

/// Reloads nothing, for what is decided on nothing.
fn nothing() -> Reload<'static, ()> {
    Box::pin(std::future::ready(Ok(())))
}
