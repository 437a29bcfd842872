//! A client that writes a journal.

use purser::api;
use purser::clock;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tonic::{Code, Response, Status};

use crate::harness::Customers;
use crate::journal::{Entry, Operation, Outcome, Record, asked};

/// A client that changes customers of its own, writes down what it is told, and later asks whether it is so.
pub struct Author {
    name: String,
    rng: StdRng,
    calls: usize,
    records: Vec<Record>,
}

impl Author {
    pub fn new(name: &str, seed: u64) -> Self {
        Self { name: name.to_owned(), rng: StdRng::seed_from_u64(seed), calls: 0, records: Vec::new() }
    }

    /// Every call made so far, of whatever outcome.
    pub const fn calls(&self) -> usize {
        self.calls
    }

    /// How many customers it has asked for.
    pub const fn customers(&self) -> usize {
        self.records.len()
    }

    /// Every entry that is not settled yet.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.records.iter().flat_map(|it| &it.entries)
    }

    /// Makes one change more, at the domain named; answers whether it was acknowledged.
    pub async fn write(&mut self, client: &mut Customers, domain: &str) -> bool {
        self.calls += 1;
        let chance = self.rng.random_range(0..10);
        let known: Vec<usize> =
            (0..self.records.len()).filter(|n| self.records[*n].open().is_none()).collect();
        let n = if known.is_empty() || chance < 4 {
            let alias = format!("{}-{}@{domain}", self.name, self.records.len());
            self.records.push(Record { alias, entries: Vec::new(), settled: 0 });
            self.records.len() - 1
        } else {
            known[self.rng.random_range(0..known.len())]
        };
        let record = &mut self.records[n];
        let operation = match record.acknowledged() {
            None => Operation::Create,
            Some(it) if it.status == i32::from(api::CustomerStatus::Deleted) => Operation::Restore,
            Some(_) if chance < 8 => Operation::Rename(format!("n{}", self.calls)),
            Some(_) => Operation::Delete,
        };
        let id = format!("{}-r{}", self.name, self.calls);
        let asked_us = clock::now_us();
        let outcome = Outcome::of(ask(client, record, &id, &operation).await.map(|it| it.0));
        let acknowledged = matches!(outcome, Outcome::Ok(_));
        record.entries.push(Entry { id, operation, outcome, asked_us, answered_us: clock::now_us() });
        acknowledged
    }

    /// When each of its calls was acknowledged, as far as they are not settled.
    pub fn acknowledged_us(&self) -> impl Iterator<Item = i64> {
        self.entries().filter(|it| matches!(it.outcome, Outcome::Ok(_))).map(|it| it.answered_us)
    }

    /// As it was at a moment: what was not yet asked is not there, and what was not yet answered is unknown.
    pub fn until(&self, at_us: i64) -> Self {
        let records = self.records.iter().map(|it| it.until(at_us));
        let records = records.filter(|it| !it.entries.is_empty()).collect();
        Self { name: self.name.clone(), rng: self.rng.clone(), calls: self.calls, records }
    }

    /// Asks what became of everything since the last time; answers what cannot be.
    ///
    /// The last call about each customer is made again, under the same id. If it was acknowledged, or was not answered
    /// and took effect, the answer is the first one again; otherwise it takes effect now. So each takes effect once.
    pub async fn settle(&mut self, client: &mut Customers) -> Vec<String> {
        let mut wrong = Vec::new();
        for record in self.records.iter_mut().filter(|it| it.entries.len() > it.settled) {
            wrong.extend(record.entries.iter().filter_map(|it| match &it.outcome {
                Outcome::Error(reason) => Some(format!("{} {:?}: refused, {reason}", it.id, it.operation)),
                Outcome::Ok(_) | Outcome::Unknown(_) => None,
            }));
            let found = look(client, record).await;
            wrong.extend(record.contradiction(found.as_ref()));
            let Some(last) = record.entries.last().cloned() else { continue };
            let done = record.open().is_none() || found.as_ref() != record.acknowledged();
            match ask(client, record, &last.id, &last.operation).await {
                Ok((again, replayed)) => {
                    if replayed != done || (done && Some(&again) != found.as_ref()) {
                        wrong.push(format!(
                            "{last:?}: found {found:?}, repeated ({replayed}) it is {again:?}"
                        ));
                    }
                    record.entries = vec![Entry { outcome: Outcome::Ok(Box::new(again)), ..last }];
                    record.settled = 1;
                }
                Err(status) => wrong.push(format!("{last:?}: repeated, it is {status:?}")),
            }
        }
        wrong
    }

    /// Looks at every customer there should be; answers what contradicts the journal.
    pub async fn look_at_all(&self, client: &mut Customers) -> Vec<String> {
        use api::batch_get_customers_result::Result as Item;
        let mut wrong = Vec::new();
        let there: Vec<_> = self.records.iter().filter(|it| it.acknowledged().is_some()).collect();
        for records in there.chunks(100) {
            let ids = records.iter().filter_map(|it| it.acknowledged()).map(|it| it.id.clone()).collect();
            let found = client.batch_get_customers(api::BatchGetCustomersRequest { ids }).await.unwrap();
            for (record, item) in records.iter().zip(found.into_inner().results) {
                let found = match item.result {
                    Some(Item::Customer(customer)) => Some(customer),
                    Some(Item::Error(_)) | None => None,
                };
                wrong.extend(record.contradiction(found.as_ref()));
            }
        }
        wrong
    }
}

/// Makes the call of an entry; answers the customer, and whether it is that of an earlier call.
async fn ask(
    client: &mut Customers,
    record: &Record,
    request_id: &str,
    operation: &Operation,
) -> Result<(api::Customer, bool), Status> {
    let id = record.acknowledged().map(|it| it.id.clone()).unwrap_or_default();
    let request_id = request_id.to_owned();
    match operation {
        Operation::Create => {
            let customer = Some(asked(&record.alias));
            let request = api::CreateCustomerRequest { customer, request_id, ..Default::default() };
            client.create_customer(request).await.map(|it| told(it, |it| it.customer))
        }
        Operation::Rename(to) => {
            let request = renaming(&id, to, "", &request_id);
            client.update_customer(request).await.map(|it| told(it, |it| it.customer))
        }
        Operation::Delete => {
            let key = Some(api::soft_delete_customer_request::Key::Id(id));
            let request = api::SoftDeleteCustomerRequest { key, request_id, ..Default::default() };
            client.soft_delete_customer(request).await.map(|it| told(it, |it| it.customer))
        }
        Operation::Restore => {
            let request = api::RestoreCustomerRequest { id, request_id };
            client.restore_customer(request).await.map(|it| told(it, |it| it.customer))
        }
    }
}

/// A request for another nick name.
pub fn renaming(id: &str, to: &str, etag: &str, request_id: &str) -> api::UpdateCustomerRequest {
    api::UpdateCustomerRequest {
        key: Some(api::update_customer_request::Key::Id(id.to_owned())),
        customer: Some(api::Customer { nick_name: to.to_owned(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["nick_name".to_owned()] }),
        etag: etag.to_owned(),
        request_id: request_id.to_owned(),
        ..Default::default()
    }
}

fn told<T>(response: Response<T>, customer: impl Fn(T) -> Option<api::Customer>) -> (api::Customer, bool) {
    let replayed = response.metadata().get("idempotent-replayed").is_some();
    (customer(response.into_inner()).unwrap(), replayed)
}

/// The customer as the directory has it: by id if that is known, else by alias.
async fn look(client: &mut Customers, record: &Record) -> Option<api::Customer> {
    use api::get_customer_request::Key;
    let key = record
        .acknowledged()
        .map_or_else(|| Key::PaymentAddress(record.alias.clone()), |it| Key::Id(it.id.clone()));
    let request = api::GetCustomerRequest { key: Some(key), ..Default::default() };
    match client.get_customer(request).await {
        Ok(found) => found.into_inner().customer,
        Err(status) if status.code() == Code::NotFound => None,
        Err(status) => panic!("{}: {status:?}", record.alias),
    }
}
