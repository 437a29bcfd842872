//! The methods of administration.

use tonic::metadata::MetadataValue;
use tonic::{Request, Response};

use super::{Purser, Reply, answered, authorize, convert};
use crate::api;
use crate::api::admin_service_server::AdminService;
use crate::app::{Answer, Issued, NewApiKey};
use crate::domain::{
    DomainSettings, DomainStatus, Error, Fault, Faults, NewDomain, OrganizationId, PageRequest, Result,
    Scheme, Scope, Scopes, Secret, SettingsPatch,
};

#[tonic::async_trait]
impl AdminService for Purser {
    async fn create_organization(
        &self,
        request: Request<api::CreateOrganizationRequest>,
    ) -> Reply<api::CreateOrganizationResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let (metadata, _, message) = request.into_parts();
        let api::CreateOrganizationRequest { organization, request_id } = message;
        let api::Organization { id: _, display_name, create_time: _ } = organization.unwrap_or_default();
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let name = faults.absorb(convert::required_line("organization.display_name", display_name))?;
        faults.done()?;
        let made = self.app.create_organization(&caller, name, request_id).await?;
        Ok(answered(made.map(|it| api::CreateOrganizationResponse { organization: Some(it.into()) })))
    }

    async fn get_organization(
        &self,
        request: Request<api::GetOrganizationRequest>,
    ) -> Reply<api::GetOrganizationResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let id = convert::id("id", &request.into_inner().id)?;
        let organization = self.app.get_organization(&caller, id).await?.into();
        Ok(Response::new(api::GetOrganizationResponse { organization: Some(organization) }))
    }

    async fn list_organizations(
        &self,
        request: Request<api::ListOrganizationsRequest>,
    ) -> Reply<api::ListOrganizationsResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let api::ListOrganizationsRequest { page_size, page_token } = request.into_inner();
        let page = PageRequest::parse(page_size, &page_token, &"organizations")?;
        let page = self.app.list_organizations(&caller, page).await?;
        Ok(Response::new(api::ListOrganizationsResponse {
            organizations: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn create_domain(
        &self,
        request: Request<api::CreateDomainRequest>,
    ) -> Reply<api::CreateDomainResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let (metadata, _, message) = request.into_parts();
        let api::CreateDomainRequest { domain, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let new = new_domain(domain.unwrap_or_default(), faults)?;
        let made = self.app.create_domain(&caller, new, request_id).await?;
        Ok(answered(made.map(|it| api::CreateDomainResponse { domain: Some((&*it).into()) })))
    }

    async fn get_domain(&self, request: Request<api::GetDomainRequest>) -> Reply<api::GetDomainResponse> {
        use api::get_domain_request::Key;
        let caller = authorize(&request, Scope::Admin)?;
        let domain = match request.into_inner().key {
            None => return Err(Error::invalid("key", "is required: id or name").into()),
            Some(Key::Id(id)) => self.app.get_domain(&caller, convert::id("id", &id)?).await?,
            Some(Key::Name(name)) => {
                self.app.get_domain_named(&caller, &convert::parse("name", name.try_into())?).await?
            }
        };
        Ok(Response::new(api::GetDomainResponse { domain: Some((&*domain).into()) }))
    }

    async fn list_domains(
        &self,
        request: Request<api::ListDomainsRequest>,
    ) -> Reply<api::ListDomainsResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let api::ListDomainsRequest { organization_id, page_size, page_token } = request.into_inner();
        let organization: Option<OrganizationId> = convert::optional_id("organization_id", &organization_id)?;
        let page = PageRequest::parse(page_size, &page_token, &("domains", organization))?;
        let page = self.app.list_domains(&caller, organization, page).await?;
        Ok(Response::new(api::ListDomainsResponse {
            domains: page.items.iter().map(Into::into).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn update_domain_settings(
        &self,
        request: Request<api::UpdateDomainSettingsRequest>,
    ) -> Reply<api::UpdateDomainSettingsResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let (metadata, _, message) = request.into_parts();
        let api::UpdateDomainSettingsRequest { id, settings, update_mask, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.absorb(convert::id("id", &id).map(Some))?;
        let patch = settings_patch(settings.unwrap_or_default(), update_mask, &mut faults)?;
        let id = faults.finish(id)?;
        let updated = self.app.update_domain_settings(&caller, id, patch, request_id).await?;
        Ok(answered(updated.map(|it| api::UpdateDomainSettingsResponse { domain: Some((&*it).into()) })))
    }

    async fn suspend_domain(
        &self,
        request: Request<api::SuspendDomainRequest>,
    ) -> Reply<api::SuspendDomainResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let (metadata, _, message) = request.into_parts();
        let api::SuspendDomainRequest { id, reason, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.absorb(convert::id("id", &id).map(Some))?;
        let reason = faults.take("reason", reason.try_into());
        let id = faults.finish(id)?;
        let set =
            self.app.set_domain_status(&caller, id, DomainStatus::Suspended, reason, request_id).await?;
        Ok(answered(set.map(|it| api::SuspendDomainResponse { domain: Some((&*it).into()) })))
    }

    async fn reinstate_domain(
        &self,
        request: Request<api::ReinstateDomainRequest>,
    ) -> Reply<api::ReinstateDomainResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let (metadata, _, message) = request.into_parts();
        let api::ReinstateDomainRequest { id, reason, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.absorb(convert::id("id", &id).map(Some))?;
        let reason = faults.take("reason", reason.try_into());
        let id = faults.finish(id)?;
        let set = self.app.set_domain_status(&caller, id, DomainStatus::Active, reason, request_id).await?;
        Ok(answered(set.map(|it| api::ReinstateDomainResponse { domain: Some((&*it).into()) })))
    }

    async fn register_extended_key(
        &self,
        request: Request<api::RegisterExtendedKeyRequest>,
    ) -> Reply<api::RegisterExtendedKeyResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let (metadata, _, message) = request.into_parts();
        let api::RegisterExtendedKeyRequest { domain_id, scheme, extended_key, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let scheme = faults.keep("scheme", scheme.parse().and_then(by_extended_key));
        if extended_key.is_empty() {
            faults.add("extended_key", Fault::new("is required"));
        }
        let scheme = faults.finish(scheme)?;
        let registered =
            self.app.register_extended_key(&caller, domain, scheme, &extended_key, request_id).await?;
        Ok(answered(registered.map(|it| api::RegisterExtendedKeyResponse { extended_key: Some(it.into()) })))
    }

    async fn upload_address_pool(
        &self,
        request: Request<api::UploadAddressPoolRequest>,
    ) -> Reply<api::UploadAddressPoolResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let (metadata, _, message) = request.into_parts();
        let api::UploadAddressPoolRequest { domain_id, scheme, addresses, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        if scheme != Scheme::Solana.as_str() {
            faults.add("scheme", Fault::new("must be `solana`"));
        }
        if addresses.is_empty() || addresses.len() > 1_000 {
            faults.add("addresses", Fault::new("must be 1 to 1000 addresses"));
        }
        faults.done()?;
        let uploaded =
            self.app.upload_address_pool(&caller, domain, Scheme::Solana, &addresses, request_id).await?;
        Ok(answered(uploaded.map(|it| api::UploadAddressPoolResponse {
            added_count: i32::try_from(it.added).unwrap_or(i32::MAX),
            address_pool: Some(it.into()),
        })))
    }

    async fn create_api_key(
        &self,
        request: Request<api::CreateApiKeyRequest>,
    ) -> Reply<api::CreateApiKeyResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let (metadata, _, message) = request.into_parts();
        let api::CreateApiKeyRequest { api_key, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let new = new_api_key(api_key.unwrap_or_default(), faults)?;
        let made = self.app.create_api_key(&caller, new, request_id).await?;
        Ok(issued(made, |api_key, secret| api::CreateApiKeyResponse { api_key, secret }))
    }

    async fn list_api_keys(
        &self,
        request: Request<api::ListApiKeysRequest>,
    ) -> Reply<api::ListApiKeysResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let api::ListApiKeysRequest { organization_id, domain_id, page_size, page_token } =
            request.into_inner();
        let organization: Option<OrganizationId> = convert::optional_id("organization_id", &organization_id)?;
        let domain = convert::optional_id("domain_id", &domain_id)?;
        let page = PageRequest::parse(page_size, &page_token, &("api_keys", organization, domain))?;
        let page = self.app.list_api_keys(&caller, organization, domain, page).await?;
        Ok(Response::new(api::ListApiKeysResponse {
            api_keys: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn rotate_api_key(
        &self,
        request: Request<api::RotateApiKeyRequest>,
    ) -> Reply<api::RotateApiKeyResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let (metadata, _, message) = request.into_parts();
        let api::RotateApiKeyRequest { id, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.absorb(convert::id("id", &id).map(Some))?;
        let rotated = self.app.rotate_api_key(&caller, faults.finish(id)?, request_id).await?;
        Ok(issued(rotated, |api_key, secret| api::RotateApiKeyResponse { api_key, secret }))
    }

    async fn revoke_api_key(
        &self,
        request: Request<api::RevokeApiKeyRequest>,
    ) -> Reply<api::RevokeApiKeyResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let (metadata, _, message) = request.into_parts();
        let api::RevokeApiKeyRequest { id, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.absorb(convert::id("id", &id).map(Some))?;
        let revoked = self.app.revoke_api_key(&caller, faults.finish(id)?, request_id).await?;
        Ok(answered(revoked.map(|it| api::RevokeApiKeyResponse { api_key: Some(it.into()) })))
    }

    async fn get_quota(&self, request: Request<api::GetQuotaRequest>) -> Reply<api::GetQuotaResponse> {
        let caller = authorize(&request, Scope::Admin)?;
        let id = convert::id("id", &request.into_inner().id)?;
        let (calls, lookups) = self.app.quotas(&caller, id).await?;
        let quota = api::Quota {
            api_key_id: id.to_string(),
            calls: calls.map(Into::into),
            lookups: lookups.map(Into::into),
        };
        Ok(Response::new(api::GetQuotaResponse { quota: Some(quota) }))
    }
}

fn new_domain(domain: api::Domain, mut faults: Faults) -> Result<NewDomain> {
    let api::Domain { id: _, organization_id, name, environment, status: _, settings, create_time: _ } =
        domain;
    let organization_id = faults.keep("domain.organization_id", organization_id.parse());
    let name = faults.keep("domain.name", name.try_into());
    let environment = convert::environment(environment);
    let environment = environment.and_then(|it| it.ok_or(Fault::new("is required: LIVE or SANDBOX")));
    let environment = faults.keep("domain.environment", environment);
    let settings = convert::settings("domain.settings", settings, &mut faults)?;
    match (organization_id, name, environment) {
        (Some(organization_id), Some(name), Some(environment)) if faults.is_empty() => {
            Ok(NewDomain { organization_id, name, environment, settings })
        }
        _ => Err(faults.into()),
    }
}

/// Only what is masked is read: a fault anywhere else is no fault.
fn settings_patch(
    mut settings: api::DomainSettings,
    mask: Option<prost_types::FieldMask>,
    faults: &mut Faults,
) -> Result<SettingsPatch> {
    let paths = faults.absorb(convert::paths(mask))?;
    faults.absorb(DomainSettings::default().with(&paths, &DomainSettings::default()))?;
    let is_masked = |name: &str| paths.iter().any(|it| it == name);
    if !is_masked("auto_wallet_networks") {
        settings.auto_wallet_networks.clear();
    }
    let mut of_settings = Faults::default();
    let settings = convert::settings("settings", Some(settings), &mut of_settings)?;
    of_settings.only(|field| field.strip_prefix("settings.").is_some_and(is_masked));
    faults.absorb(of_settings.done())?;
    Ok(SettingsPatch { paths, settings })
}

fn new_api_key(key: api::ApiKey, mut faults: Faults) -> Result<NewApiKey> {
    let api::ApiKey {
        id: _,
        organization_id,
        domain_id,
        environment,
        display_name,
        scopes,
        create_time: _,
        expire_time,
        revoke_time: _,
        last_use_time: _,
    } = key;
    let new = NewApiKey {
        organization_id: faults.absorb(convert::optional_id("api_key.organization_id", &organization_id))?,
        domain_id: faults.absorb(convert::optional_id("api_key.domain_id", &domain_id))?,
        environment: faults.take("api_key.environment", convert::environment(environment)),
        display_name: faults.take("api_key.display_name", display_name.try_into()),
        scopes: faults.absorb(Scopes::parse("api_key.scopes", scopes.iter().map(String::as_str)))?,
        expire_us: faults.absorb(convert::micros("api_key.expire_time", expire_time))?,
    };
    faults.done()?;
    Ok(new)
}

/// A key and its secret, which is shown once: a replay says that it is left out.
fn issued<T>(answer: Answer<Issued>, wrap: impl FnOnce(Option<api::ApiKey>, String) -> T) -> Response<T> {
    let replayed = answer.replayed;
    let mut response = answered(answer.map(|(key, secret)| {
        let secret = secret.as_ref().map_or_else(String::new, |it: &Secret| it.expose().to_owned());
        wrap(Some(key.into()), secret)
    }));
    if replayed {
        response.metadata_mut().insert("secret-omitted", MetadataValue::from_static("true"));
    }
    response
}

/// A scheme whose addresses can come from an extended public key: ed25519 has none.
fn by_extended_key(scheme: Scheme) -> Result<Scheme, Fault> {
    if scheme == Scheme::Solana {
        return Err(Fault::new("has no extended public keys: upload addresses with UploadAddressPool"));
    }
    Ok(scheme)
}
