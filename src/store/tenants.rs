//! Organizations, domains and keys in lists.

use super::Store;
use super::lookup::api_key;
use super::select::Select;
use super::set::{Set, Type, Value};
use crate::domain::{
    ApiKey, ApiKeyId, Domain, DomainId, Environment, Error, Organization, OrganizationId, Page, PageRequest,
    Position, Reach, Resource, Result, Table,
};

impl Store {
    /// Lists organizations, oldest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_organizations(&self, page: &PageRequest) -> Result<Page<Organization>> {
        let found =
            self.list(Table::Organizations, Select::new("t.body, t.sequence", "organizations"), page).await?;
        Ok(page.page(found, |it: &Organization| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// Lists domains within reach, of one organization or of all, oldest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_domains(
        &self,
        reach: Reach,
        organization: Option<OrganizationId>,
        page: &PageRequest,
    ) -> Result<Page<Domain>> {
        let mut select = Select::new("t.body, t.sequence", "domains");
        within(&mut select, reach, "id");
        if let Some(id) = organization {
            let id = select.bind(id.as_uuid());
            select.and(&format!("t.organization_id = {id}"));
        }
        let found = self.list(Table::Domains, select, page).await?;
        Ok(page.page(found, |it: &Domain| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// The domains of an organization in one environment: what an organization key reaches.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn domain_ids(
        &self,
        organization: OrganizationId,
        environment: Environment,
    ) -> Result<Vec<DomainId>> {
        let mut select = Select::new("t.id", "domains");
        let (organization, environment) =
            (select.bind(organization.as_uuid()), select.bind(environment.as_str()));
        select.and(&format!("t.organization_id = {organization} AND t.environment = {environment}"));
        let rows: Vec<(uuid::Uuid,)> = self.scan(select).await?;
        Ok(rows.into_iter().map(|it| DomainId::from_uuid(it.0)).collect())
    }

    /// Lists keys within reach, of one organization, of one domain or of all, oldest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_api_keys(
        &self,
        reach: Reach,
        organization: Option<OrganizationId>,
        domain: Option<DomainId>,
        page: &PageRequest,
    ) -> Result<Page<ApiKey>> {
        let mut select = Select::new("t.body, t.sequence, t.secret_sha256, t.last_use_us", "api_keys");
        within(&mut select, reach, "domain_id");
        for (column, id) in [
            ("organization_id", organization.map(OrganizationId::as_uuid)),
            ("domain_id", domain.map(DomainId::as_uuid)),
        ] {
            if let Some(id) = id {
                let id = select.bind(id);
                select.and(&format!("t.{column} = {id}"));
            }
        }
        select.page(page, false);
        let rows: Vec<(String, i64, Vec<u8>, Option<i64>)> = self.scan(select).await?;
        let keys = rows.into_iter().map(|(body, sequence, hash, used)| api_key(&body, sequence, hash, used));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        Ok(page.page(keys, |it| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// Notes when keys were last used, but for those of which another instance has noted a use within that minute.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn note_key_use(&self, uses: &[(ApiKeyId, i64)]) -> Result<()> {
        const NOTE: &str = "
            WITH q(id, used_us) AS ({set})
            UPDATE api_keys SET last_use_us = (SELECT q.used_us FROM q WHERE q.id = api_keys.id)
            WHERE id IN (SELECT id FROM q)
              AND coalesce(last_use_us, 0) + 60000000 <= (SELECT q.used_us FROM q WHERE q.id = api_keys.id)";
        let rows = uses.iter().map(|(id, used_us)| [Value::from(id.as_uuid()), (*used_us).into()]);
        self.write::<(i64,)>(NOTE, Set::of(&[Type::Uuid, Type::Int], rows)).await.map(drop)
    }

    async fn list<T: TryFrom<Resource, Error = Error>>(
        &self,
        table: Table,
        mut select: Select,
        page: &PageRequest,
    ) -> Result<Vec<T>> {
        select.page(page, false);
        let rows: Vec<(String, i64)> = self.scan(select).await?;
        rows.into_iter()
            .map(|(body, sequence)| Resource::from_json(table, &body, sequence)?.try_into())
            .collect()
    }
}

/// Only what a key reaches; `domain` is the column that names the domain.
fn within(select: &mut Select, reach: Reach, domain: &str) {
    match reach {
        Reach::Operator => {}
        Reach::Organization(organization, environment) => {
            let (organization, environment) =
                (select.bind(organization.as_uuid()), select.bind(environment.as_str()));
            select.and(&format!("t.organization_id = {organization} AND t.environment = {environment}"));
        }
        Reach::Domain(_, _, id) => {
            let id = select.bind(id.as_uuid());
            select.and(&format!("t.{domain} = {id}"));
        }
    }
}
