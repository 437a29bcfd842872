//! Customers in lists.

use super::Store;
use super::backend::Backend;
use super::select::Select;
use super::set::{Set, Type};
use crate::domain::{
    Customer, CustomerId, CustomerStatus, CustomerType, DomainId, KycStatus, Page, PageRequest, Position,
    Resource, Result, Table,
};

/// Which customers to list. Values of a field are alternatives; fields must all hold; an empty field says nothing.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct CustomerFilter {
    /// In which domains; never empty.
    pub domains: Vec<DomainId>,
    /// Ids.
    pub ids: Vec<CustomerId>,
    /// Types.
    pub types: Vec<CustomerType>,
    /// Columns compared as text, each with its values.
    pub texts: Vec<(TextColumn, Vec<String>)>,
    /// Statuses.
    pub statuses: Vec<CustomerStatus>,
    /// KYC statuses.
    pub kyc_statuses: Vec<KycStatus>,
    /// Created later than this.
    pub after_us: Option<i64>,
    /// Created earlier than this.
    pub before_us: Option<i64>,
    /// A folded text that names, email or external id must hold.
    pub search: Option<String>,
    /// Whether deleted customers are listed too.
    pub show_deleted: bool,
    /// Oldest first; newest first otherwise.
    pub oldest_first: bool,
}

crate::domain::words! {
    /// A column that a list compares as text.
    TextColumn {
        /// First name.
        FirstName = "first_name",
        /// Middle name.
        MiddleName = "middle_name",
        /// Last name.
        LastName = "last_name",
        /// Nick name.
        NickName = "nick_name",
        /// Payment alias.
        PaymentAddress = "payment_address",
        /// Email.
        Email = "email",
        /// Telephone.
        Phone = "phone",
        /// The caller's own id.
        ExternalId = "external_id",
    }
}

impl CustomerFilter {
    /// Whether it asks for every live customer of its domains.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        let Self {
            domains: _, ids, types, texts, statuses, kyc_statuses, after_us, before_us, search, ..
        } = self;
        let any_text = texts.iter().any(|it| !it.1.is_empty());
        let any_list =
            !(ids.is_empty() && types.is_empty() && statuses.is_empty() && kyc_statuses.is_empty());
        !any_text
            && !any_list
            && after_us.is_none()
            && before_us.is_none()
            && search.is_none()
            && !self.show_deleted
    }
}

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub size: i64,
    /// Whether there are more, and counting stopped.
    pub capped: bool,
}

impl Store {
    /// Lists customers.
    ///
    /// # Errors
    ///
    /// Those of the database; [`crate::domain::Error::Overloaded`] where it would take too long.
    pub async fn list_customers(
        &self,
        filter: &CustomerFilter,
        page: &PageRequest,
    ) -> Result<Page<Customer>> {
        let mut select = self.select_customers("t.body, t.sequence", filter);
        select.page(page, !filter.oldest_first);
        let rows: Vec<(String, i64)> = self.scan(select).await?;
        let customers = rows
            .into_iter()
            .map(|(body, sequence)| Resource::from_json(Table::Customers, &body, sequence)?.try_into())
            .collect::<Result<Vec<Customer>>>()?;
        Ok(page.page(customers, |it| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// How many customers a filter finds: of all live ones the count that is kept, of others as far as 10,000.
    ///
    /// # Errors
    ///
    /// As [`Store::list_customers`].
    pub async fn count_customers(&self, filter: &CustomerFilter) -> Result<Total> {
        match self.kept_count(filter).await? {
            Some(total) => Ok(total),
            None => self.total(self.select_customers("1", filter)).await,
        }
    }

    /// How many customers a filter finds, however many they are.
    ///
    /// # Errors
    ///
    /// As [`Store::list_customers`].
    pub async fn count_all_customers(&self, filter: &CustomerFilter) -> Result<Total> {
        match self.kept_count(filter).await? {
            Some(total) => Ok(total),
            None => self.whole_total(self.select_customers("1", filter)).await,
        }
    }

    async fn kept_count(&self, filter: &CustomerFilter) -> Result<Option<Total>> {
        const KEPT: &str = "
            WITH q(scope) AS ({set})
            SELECT c.value FROM q CROSS JOIN counters AS c WHERE c.scope = q.scope AND c.name = 'customers'";
        if filter.is_everybody() {
            let scopes = filter.domains.iter().map(|it| [it.as_uuid().into()]);
            let counts: Vec<(i64,)> = self.read(KEPT, Set::of(&[Type::Uuid], scopes)).await?;
            let size = counts.into_iter().map(|it| it.0).sum();
            return Ok(Some(Total { size, capped: false }));
        }
        Ok(None)
    }

    /// How many a select finds, as far as 10,000.
    pub(super) async fn total(&self, select: Select) -> Result<Total> {
        const BOUND: i64 = 10_000;
        let rows: Vec<(i64,)> = self.scan(select.counted(BOUND + 1)).await?;
        let found = rows.first().map_or(0, |it| it.0);
        Ok(Total { size: found.min(BOUND), capped: found > BOUND })
    }

    /// How many a select finds, however many they are: as long as a list may take.
    pub(super) async fn whole_total(&self, select: Select) -> Result<Total> {
        let rows: Vec<(i64,)> = self.scan(select.counted(i64::MAX)).await?;
        Ok(Total { size: rows.first().map_or(0, |it| it.0), capped: false })
    }

    fn select_customers(&self, columns: &str, filter: &CustomerFilter) -> Select {
        let mut select = Select::new(columns, "customers");
        let domains = select.list(filter.domains.iter().map(|it| it.as_uuid()));
        select.and(&format!("t.domain_id IN {domains}"));
        if !filter.ids.is_empty() {
            let ids = select.list(filter.ids.iter().map(|it| it.as_uuid()));
            select.and(&format!("t.id IN {ids}"));
        }
        let words = [
            ("type", filter.types.iter().map(|it| it.as_str()).collect::<Vec<_>>()),
            ("status", filter.statuses.iter().map(|it| it.as_str()).collect()),
            ("kyc_status", filter.kyc_statuses.iter().map(|it| it.as_str()).collect()),
        ];
        let texts = filter.texts.iter().map(|it| (it.0.as_str(), it.1.iter().map(String::as_str).collect()));
        for (column, values) in words.into_iter().chain(texts).filter(|it| !it.1.is_empty()) {
            let values = select.list(values);
            select.and(&format!("t.{column} IN {values}"));
        }
        for (sign, bound) in [(">", filter.after_us), ("<", filter.before_us)] {
            if let Some(us) = bound {
                let us = select.bind(us);
                select.and(&format!("t.create_us {sign} {us}"));
            }
        }
        if !filter.show_deleted && !filter.statuses.contains(&CustomerStatus::Deleted) {
            select.and("t.status <> 'DELETED'");
        }
        narrow_by_names(&mut select, filter);
        if let Some(text) = &filter.search {
            self.narrow_by_search(&mut select, text);
        }
        select
    }

    /// Substrings are found through an index of trigrams; what it finds is compared whole.
    fn narrow_by_search(&self, select: &mut Select, text: &str) {
        match self.db.scan {
            Backend::Postgres(_) => {
                let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
                let pattern = select.bind(format!("%{escaped}%"));
                select.and(&format!(
                    "t.id IN (SELECT s.customer_id FROM customer_search AS s WHERE s.text LIKE {pattern})"
                ));
            }
            Backend::Sqlite(_) => {
                let (trigrams, whole) = (select.bind(trigrams(text)), select.bind(text.to_owned()));
                select.and(&format!(
                    "t.id IN (SELECT s.customer_id FROM customer_search_index AS i
                              CROSS JOIN customer_search AS s ON s.docid = i.rowid
                              WHERE i.customer_search_index MATCH {trigrams} AND instr(s.text, {whole}) > 0)"
                ));
            }
        }
    }
}

/// Live customers are found by alias and external id through the index of unique names.
fn narrow_by_names(select: &mut Select, filter: &CustomerFilter) {
    let live_only = !filter.show_deleted && !filter.statuses.contains(&CustomerStatus::Deleted);
    for (column, values) in filter.texts.iter().filter(|it| live_only && !it.1.is_empty()) {
        let (kind, keys): (_, Vec<&str>) = match column {
            TextColumn::PaymentAddress => {
                ("alias", values.iter().map(|it| it.split_once('@').map_or("", |it| it.0)).collect())
            }
            TextColumn::ExternalId => ("external_id", values.iter().map(String::as_str).collect()),
            _ => continue,
        };
        let scopes = select.list(filter.domains.iter().map(|it| it.as_uuid()));
        let keys = select.list(keys);
        select.and(&format!(
            "t.id IN (SELECT k.owner FROM unique_keys AS k
                      WHERE k.scope IN {scopes} AND k.kind = '{kind}' AND k.key IN {keys})"
        ));
    }
}

/// What FTS5 is asked for: every three characters of the text, each in quotes.
fn trigrams(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let quoted = |it: &[char]| format!("\"{}\"", it.iter().collect::<String>().replace('"', "\"\""));
    characters.windows(3).map(quoted).collect::<Vec<_>>().join(" AND ")
}
