//! Both databases, held against one model.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use purser::api::{self, Customer, Wallet};
use purser::domain::{DomainSettings, Environment};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use crate::concurrency::assert_sound;
use crate::events_wire::Reader;
use crate::harness::{On, TestServer, connect, reason};
use crate::journal::{seed, size};
use crate::model::{Expected, Model, Step, address, nick_name, spelled, steps};
use crate::wallets_wire::Keeper;
use crate::wire::{Client, deleting, updating};

/// How many sequences go at once.
const AT_ONCE: usize = 8;

/// CON-1. Both databases behave as one model. Sequences of calls are made on both: each answer is the model's, and is
/// equal to the other database's, byte for byte, ids and times aside; so are the list and the log at the end. 300
/// sequences, or `PURSER_PROOF_CON_1`. What fails is made as short as it can be.
///
/// Sabotage: drop an edge of KYC.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_databases_behave_as_one_model() {
    let (sequences, seed) = (size("PURSER_PROOF_CON_1", 300), seed());
    let servers = Arc::new([TestServer::new(On::Sqlite).await, TestServer::new(On::Postgres).await]);
    let (next, calls) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let workers = (0..AT_ONCE).map(|worker| {
        let (servers, next, calls) = (Arc::clone(&servers), Arc::clone(&next), Arc::clone(&calls));
        let cases = u32::try_from(sequences / AT_ONCE + usize::from(worker < sequences % AT_ONCE)).unwrap();
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.wrapping_add(worker as u64).to_le_bytes());
            let config = Config { cases, failure_persistence: None, ..Config::default() };
            let mut runner =
                TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
            let ran = runner.run(&(any::<(bool, bool)>(), steps()), |(settings, steps)| {
                let name = format!("m{}", next.fetch_add(1, Ordering::Relaxed));
                calls.fetch_add(steps.len() as u64, Ordering::Relaxed);
                runtime.block_on(run(&servers, name, settings, steps)).map_err(TestCaseError::fail)
            });
            match ran {
                Ok(()) => {}
                Err(TestError::Fail(why, (settings, steps))) => panic!("{why}\nof {settings:?} {steps:#?}"),
                Err(other) => panic!("{other}"),
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    for server in &*servers {
        assert_sound(server.app.store()).await;
    }
    eprintln!(
        "CON-1: {sequences} sequences, {calls:?} calls on each database: 0 unlike the model, 0 unlike each other"
    );
}

/// What was asked under an id: what it meant, with which etag on each database, and the answers if it took effect.
struct Asked {
    step: Step,
    id: String,
    etags: [String; 2],
    done: Option<[String; 2]>,
    person: Option<usize>,
}

async fn run(
    servers: &[TestServer; 2],
    name: String,
    (kyc_required, has_quarantine): (bool, bool),
    steps: Vec<Step>,
) -> Result<(), String> {
    let [mut sqlite, mut postgres] = [
        Side::new(&servers[0], &name, kyc_required, has_quarantine).await,
        Side::new(&servers[1], &name, kyc_required, has_quarantine).await,
    ];
    // The domain and its key are in its log.
    let mut model = Model::new(kyc_required, has_quarantine, 2);
    let mut asked: Vec<Asked> = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let (step, id, etags, before) = match step {
            Step::Again { of, is_other } => {
                let Some(at) = usize::from(*of).checked_rem(asked.len()) else { continue };
                let before = &asked[at];
                let other = Step::Create { alias: 4, email: 4, external_id: 0 };
                let step = if *is_other && before.step != other { other } else { before.step.clone() };
                (step, before.id.clone(), before.etags.clone(), Some(at))
            }
            step => {
                let Some(step) = model.resolved(step) else { continue };
                let etags = [&sqlite, &postgres].map(|it| it.etag(&model, &step));
                (step, format!("r{n}"), etags, None)
            }
        };
        let (first, second) =
            tokio::join!(sqlite.call(&step, &id, &etags[0]), postgres.call(&step, &id, &etags[1]));
        let told = |what: &str| {
            format!("step {n}, {step:?} as {id}: {what}\nSQLite:   {first:?}\nPostgres: {second:?}")
        };
        if first.text != second.text {
            return Err(told("the databases differ"));
        }
        let done = before.and_then(|it| asked[it].done.as_ref());
        if let (Some(done), Some(at)) = (done, before) {
            let is_same = step == asked[at].step;
            let is_erased = asked[at].person.is_some_and(|it| model.is_erased(it));
            let refused = |it: &str| first.refusal.as_ref().is_some_and(|refusal| refusal.1 == it);
            let fits = match is_same {
                false => refused("REQUEST_ID_REUSED"),
                true if is_erased && first.refusal.is_some() => {
                    refused("REQUEST_ID_REUSED") || refused("CUSTOMER_DELETED")
                }
                true => first.is_replay && [&first.raw, &second.raw].map(Clone::clone) == *done,
            };
            if !fits {
                return Err(told("a request that took effect is answered otherwise"));
            }
            continue;
        }
        let expected = model.run(&step);
        for (side, answer) in [(&mut sqlite, &first), (&mut postgres, &second)] {
            side.fits(&model, &expected, answer).map_err(|it| told(&it))?;
        }
        let is_write = !matches!(step, Step::Get { .. } | Step::Find { .. } | Step::Resolve { .. });
        if is_write && before.is_none() {
            let done = first.refusal.is_none().then(|| [first.raw.clone(), second.raw.clone()]);
            let person = match expected {
                Expected::Customer(it) => Some(it),
                Expected::Wallet(it) => Some(model.linked(it).0),
                Expected::Refused(_) => model.person_of(&step),
            };
            asked.push(Asked { step, id, etags, done, person });
        } else if let (true, Some(at)) = (first.refusal.is_none(), before) {
            asked[at].done = Some([first.raw.clone(), second.raw.clone()]);
            asked[at].step = step;
            asked[at].person = match expected {
                Expected::Customer(it) => Some(it),
                Expected::Wallet(it) => Some(model.linked(it).0),
                Expected::Refused(_) => None,
            };
        }
    }
    let ends = [sqlite.end(&model).await?, postgres.end(&model).await?];
    if ends[0] != ends[1] {
        return Err(format!("the ends differ\nSQLite:   {}\nPostgres: {}", ends[0], ends[1]));
    }
    Ok(())
}

/// One database's domain of that name, and what is who on it.
struct Side {
    domain: String,
    client: Client,
    keeper: Keeper,
    reader: Reader,
    people: Vec<String>,
    first_etags: Vec<String>,
    etags: Vec<String>,
    wallets: Vec<String>,
    ids: HashMap<String, usize>,
}

/// What was answered; in `text` with ids and times masked.
#[derive(Debug)]
struct Answered {
    text: String,
    raw: String,
    seen: Option<Seen>,
    refusal: Option<(Code, String)>,
    is_replay: bool,
}

#[derive(Debug)]
enum Seen {
    Customer(Box<Customer>),
    Resolution(Box<api::Resolution>),
    Wallet(Box<Wallet>),
}

impl Side {
    async fn new(server: &TestServer, name: &str, kyc_required: bool, has_quarantine: bool) -> Self {
        let mut settings = DomainSettings { kyc_required, ..DomainSettings::default() };
        if !has_quarantine {
            settings.alias_quarantine_us = 0;
        }
        let tenant = server.tenant_with(name, Environment::Sandbox, settings).await;
        let channel = connect(server.address).await;
        Self {
            domain: name.to_owned(),
            client: Client(crate::harness::customers(channel.clone(), &tenant.key)),
            reader: Reader::elsewhere(server.address, &tenant.key).await,
            keeper: Keeper::of(channel, &tenant.key),
            people: Vec::new(),
            first_etags: Vec::new(),
            etags: Vec::new(),
            wallets: Vec::new(),
            ids: HashMap::new(),
        }
    }

    /// The etag that a step brings.
    fn etag(&self, model: &Model, step: &Step) -> String {
        match (step, model.person_of(step)) {
            (Step::Rename { is_stale: true, .. }, Some(it)) => self.first_etags[it].clone(),
            (Step::Rename { .. }, Some(it)) => self.etags[it].clone(),
            _ => String::new(),
        }
    }

    async fn call(&mut self, step: &Step, id: &str, etag: &str) -> Answered {
        let answer = self.answer(step, id.to_owned(), etag.to_owned()).await;
        let (mut seen, mut refusal, mut is_replay) = (None, None, false);
        let text = match answer {
            Ok(response) => {
                is_replay = response.metadata().get("idempotent-replayed").is_some();
                let text = format!("{:?}", response.get_ref());
                seen = Some(response.into_inner());
                text
            }
            Err(status) => {
                refusal = Some((status.code(), reason(&status)));
                let told: std::collections::BTreeMap<_, _> =
                    status.get_details_error_info().unwrap().metadata.into_iter().collect();
                format!("{:?} {} {told:?}", refusal.as_ref().unwrap(), status.message())
            }
        };
        Answered { text: mask(&mut self.ids, &text), raw: text, seen, refusal, is_replay }
    }

    async fn answer(
        &mut self,
        step: &Step,
        request_id: String,
        etag: String,
    ) -> Result<Response<Seen>, Status> {
        let client = &mut self.client.0;
        let of = |people: &[String], who: &u8| people[usize::from(*who)].clone();
        let customer = |it: Option<Customer>| Seen::Customer(Box::new(it.unwrap()));
        let wallet = |it: Option<Wallet>| Seen::Wallet(Box::new(it.unwrap()));
        let change = |who: &u8, path: &str, customer: Customer| api::UpdateCustomerRequest {
            etag,
            request_id: request_id.clone(),
            ..updating(&of(&self.people, who), &[path], customer)
        };
        match step {
            Step::Create { alias, email, external_id } => {
                let (payment_address, email, external_id) =
                    spelled([*alias, *email, *external_id], &self.domain);
                let made = Some(Customer { payment_address, email, external_id, ..Default::default() });
                let request = api::CreateCustomerRequest { customer: made, request_id, ..Default::default() };
                client.create_customer(request).await.map(|it| it.map(|it| customer(it.customer)))
            }
            Step::Rename { who, to, .. } => {
                let named = Customer { nick_name: nick_name(*to), ..Default::default() };
                let request = change(who, "nick_name", named);
                client.update_customer(request).await.map(|it| it.map(|it| customer(it.customer)))
            }
            Step::Move { who, email } => {
                let email = spelled([0, *email, 0], "").1;
                let request = change(who, "email", Customer { email, ..Default::default() });
                client.update_customer(request).await.map(|it| it.map(|it| customer(it.customer)))
            }
            Step::Enable { who, is_enabled } => {
                use api::CustomerStatus::{Disabled, Enabled};
                let status = if *is_enabled { Enabled } else { Disabled }.into();
                let request = change(who, "status", Customer { status, ..Default::default() });
                client.update_customer(request).await.map(|it| it.map(|it| customer(it.customer)))
            }
            Step::Kyc { who, to } => {
                let kyc_status = crate::model::KYC[usize::from(*to)].into();
                let id = of(&self.people, who);
                let request = api::SetKycStatusRequest { id, kyc_status, request_id, ..Default::default() };
                client.set_kyc_status(request).await.map(|it| it.map(|it| customer(it.customer)))
            }
            Step::Delete { who } => {
                let request =
                    api::SoftDeleteCustomerRequest { request_id, ..deleting(&of(&self.people, who)) };
                client.soft_delete_customer(request).await.map(|it| it.map(|it| customer(it.customer)))
            }
            Step::Restore { who } => {
                let request = api::RestoreCustomerRequest { id: of(&self.people, who), request_id };
                client.restore_customer(request).await.map(|it| it.map(|it| customer(it.customer)))
            }
            Step::Erase { who } => {
                let request = api::EraseCustomerRequest { id: of(&self.people, who), request_id };
                client.erase_customer(request).await.map(|it| it.map(|it| customer(it.customer)))
            }
            Step::Get { who } => {
                let key = Some(api::get_customer_request::Key::Id(of(&self.people, who)));
                let request = api::GetCustomerRequest { key, ..Default::default() };
                client.get_customer(request).await.map(|it| it.map(|it| customer(it.customer)))
            }
            Step::Find { by, name } => {
                use api::get_customer_request::Key;
                let name = spelled([*name; 3], &self.domain);
                let key = [Key::PaymentAddress(name.0), Key::Email(name.1), Key::ExternalId(name.2)];
                let key = Some(key[usize::from(*by)].clone());
                let request = api::GetCustomerRequest { key, ..Default::default() };
                client.get_customer(request).await.map(|it| it.map(|it| customer(it.customer)))
            }
            Step::Resolve { alias } => {
                let payment_address = spelled([*alias, 0, 0], &self.domain).0;
                let request = api::ResolveCustomerRequest { payment_address };
                let found = client.resolve_customer(request).await;
                found.map(|it| it.map(|it| Seen::Resolution(Box::new(it.resolution.unwrap()))))
            }
            Step::Link { who, address: at } => {
                let chain = Some(api::link_wallet_request::Chain::Network("sepolia".to_owned()));
                let (customer_id, address) = (of(&self.people, who), address(*at));
                let request = api::LinkWalletRequest { customer_id, chain, address, request_id };
                self.keeper.wallets.link_wallet(request).await.map(|it| it.map(|it| wallet(it.wallet)))
            }
            Step::Hold { wallet: at, to } => {
                let (id, wallets) = (self.wallets[usize::from(*at)].clone(), &mut self.keeper.wallets);
                match to {
                    1 => {
                        let request = api::UnfreezeWalletRequest { id, request_id, ..Default::default() };
                        wallets.unfreeze_wallet(request).await.map(|it| it.map(|it| wallet(it.wallet)))
                    }
                    2 => {
                        let request = api::FreezeWalletRequest { id, request_id, ..Default::default() };
                        wallets.freeze_wallet(request).await.map(|it| it.map(|it| wallet(it.wallet)))
                    }
                    _ => {
                        let request = api::RemoveWalletRequest { id, request_id, ..Default::default() };
                        wallets.remove_wallet(request).await.map(|it| it.map(|it| wallet(it.wallet)))
                    }
                }
            }
            Step::Again { .. } => panic!("it is the one that it repeats"),
        }
    }

    /// Whether an answer is the model's; notes who is new.
    fn fits(&mut self, model: &Model, expected: &Expected, answer: &Answered) -> Result<(), String> {
        let fits = match (expected, &answer.seen) {
            (Expected::Refused(reasons), None) => {
                let (code, reason) = answer.refusal.as_ref().unwrap();
                reasons.iter().any(|it| it.0 == *code && it.1 == reason)
            }
            (Expected::Customer(person), Some(Seen::Customer(seen))) => {
                if *person == self.people.len() {
                    self.people.push(seen.id.clone());
                    self.first_etags.push(seen.etag.clone());
                    self.etags.push(seen.etag.clone());
                }
                self.etags[*person].clone_from(&seen.etag);
                seen.id == self.people[*person] && bare(seen) == model.customer(*person, &self.domain)
            }
            (Expected::Customer(person), Some(Seen::Resolution(seen))) => {
                let it = model.customer(*person, &self.domain);
                (&seen.customer_id, seen.status, seen.can_receive)
                    == (&self.people[*person], it.status, it.can_receive)
                    && (&seen.block_reasons, &seen.nick_name, seen.sequence)
                        == (&it.block_reasons, &it.nick_name, it.sequence)
            }
            (Expected::Wallet(n), Some(Seen::Wallet(seen))) => {
                if *n == self.wallets.len() {
                    self.wallets.push(seen.id.clone());
                }
                let owner = self.people.iter().position(|it| *it == seen.customer_id).unwrap();
                let at = seen.addresses.iter().map(|it| it.address.clone()).collect::<String>();
                seen.id == self.wallets[*n]
                    && (owner, seen.kind(), seen.status(), seen.sequence, at) == model.linked(*n)
            }
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(format!("the model says {expected:?}: {}", said(model, expected, &self.domain)))
        }
    }

    /// Everybody and everything that happened, as the model has it.
    async fn end(&mut self, model: &Model) -> Result<String, String> {
        let request = api::ListCustomersRequest {
            show_deleted: true,
            page_size: 100,
            order_by: "create_time".to_owned(),
            ..Default::default()
        };
        let listed = self.client.list(request).await.unwrap().customers;
        let expected: Vec<_> = (0..model.people()).map(|it| model.customer(it, &self.domain)).collect();
        if listed.iter().map(bare).collect::<Vec<_>>() != expected {
            return Err(format!("the list is not the model's: {listed:#?}\n{expected:#?}"));
        }
        let live = api::ListCustomersRequest { include_total_size: true, page_size: 1, ..Default::default() };
        let live = self.client.list(live).await.unwrap().total_size;
        let events = self.reader.all_after(0).await;
        let last = events.last().map_or(0, |it| it.sequence);
        if (live, last) != (i64::try_from(model.live()).unwrap(), model.sequence) {
            return Err(format!(
                "{live} live and {last} events; the model has {} and {}",
                model.live(),
                model.sequence
            ));
        }
        Ok(mask(&mut self.ids, &format!("{listed:?} {events:?}")))
    }
}

fn said(model: &Model, expected: &Expected, domain: &str) -> String {
    match expected {
        Expected::Customer(it) => format!("{:?}", model.customer(*it, domain)),
        Expected::Wallet(it) => format!("{:?}", model.linked(*it)),
        Expected::Refused(_) => String::new(),
    }
}

/// A customer without what the model does not know.
fn bare(it: &Customer) -> Customer {
    Customer {
        id: String::new(),
        domain_id: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        delete_time: it.delete_time.as_ref().map(|_| prost_types::Timestamp::default()),
        ..it.clone()
    }
}

/// The text with each id as how manieth it is, and without times.
fn mask(ids: &mut HashMap<String, usize>, text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let is_id = word.rsplit_once('_').is_some_and(|it| it.1.len() == 26);
        let is_of_time = masked.ends_with("seconds: ") || masked.ends_with("nanos: ");
        if is_id {
            let next = ids.len();
            masked.push_str(&format!("#{}", ids.entry(word.to_owned()).or_insert(next)));
        } else if is_of_time {
            masked.push('T');
        } else if let Some(length) = time(rest) {
            masked.push('T');
            rest = &rest[length..];
            continue;
        } else {
            masked.push_str(word);
        }
        let symbol = after.chars().next();
        masked.extend(symbol);
        rest = &after[symbol.map_or(0, char::len_utf8)..];
    }
    masked
}

/// How long the time is that the text begins with, such as `2026-12-22T00:00:00.5Z`.
fn time(text: &str) -> Option<usize> {
    let length = text.find('Z')? + 1;
    let text = &text[..length];
    let is_time = text.starts_with("20") && text.contains('T') && length >= 20;
    (is_time && text.chars().all(|it| it.is_ascii_digit() || "-:.TZ".contains(it))).then_some(length)
}
