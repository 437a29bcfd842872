//! One database, as the model's calls meet it.

use std::collections::{BTreeMap, HashMap};

use purser::api::{self, Customer, CustomerStatus, Wallet, WalletStatus};
use purser::domain::{DomainSettings, Environment};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use super::mask::mask;
use super::model::{Expected, KYC, Model};
use super::step::{Step, address, nick_name, spelled};
use crate::events_wire::Reader;
use crate::harness::{TestServer, connect, reason};
use crate::wallets_wire::Keeper;
use crate::wire::{Client, deleting, updating};

/// One database's domain of that name, and what is who on it.
pub struct Side {
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
pub struct Answered {
    pub text: String,
    pub raw: String,
    seen: Option<Seen>,
    pub refusal: Option<(Code, String)>,
    pub is_replay: bool,
}

#[derive(Debug)]
enum Seen {
    Customer(Box<Customer>),
    Resolution(Box<api::Resolution>),
    Wallet(Box<Wallet>),
}

impl Seen {
    fn customer(it: Option<Customer>) -> Self {
        Self::Customer(Box::new(it.unwrap()))
    }

    fn wallet(it: Option<Wallet>) -> Self {
        Self::Wallet(Box::new(it.unwrap()))
    }
}

impl Side {
    pub async fn new(server: &TestServer, name: &str, kyc_required: bool, has_quarantine: bool) -> Self {
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
    pub fn etag(&self, model: &Model, step: &Step) -> String {
        match (step, model.person_of(step)) {
            (Step::Rename { is_stale: true, .. }, Some(it)) => self.first_etags[it].clone(),
            (Step::Rename { .. }, Some(it)) => self.etags[it].clone(),
            _ => String::new(),
        }
    }

    pub async fn call(&mut self, step: &Step, id: &str, etag: &str) -> Answered {
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
                let told: BTreeMap<_, _> =
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
        match step {
            Step::Get { .. } | Step::Find { .. } | Step::Resolve { .. } => self.look(step).await,
            Step::Link { .. } | Step::Hold { .. } => self.keep(step, request_id).await,
            Step::Rename { who, to, .. } => {
                let named = Customer { nick_name: nick_name(*to), ..Default::default() };
                self.update(*who, "nick_name", named, request_id, etag).await
            }
            Step::Move { who, email } => {
                let email = spelled([0, *email, 0], "").1;
                self.update(*who, "email", Customer { email, ..Default::default() }, request_id, etag).await
            }
            Step::Enable { who, is_enabled } => {
                let status = if *is_enabled { CustomerStatus::Enabled } else { CustomerStatus::Disabled };
                let asked = Customer { status: status.into(), ..Default::default() };
                self.update(*who, "status", asked, request_id, etag).await
            }
            _ => self.change(step, request_id).await,
        }
    }

    async fn change(&mut self, step: &Step, request_id: String) -> Result<Response<Seen>, Status> {
        let client = &mut self.client.0;
        let of = |who: &u8| self.people[usize::from(*who)].clone();
        match step {
            Step::Create { alias, email, external_id } => {
                let (payment_address, email, external_id) =
                    spelled([*alias, *email, *external_id], &self.domain);
                let made = Customer { payment_address, email, external_id, ..Default::default() };
                let customer = Some(made);
                let request = api::CreateCustomerRequest { customer, request_id, ..Default::default() };
                Ok(client.create_customer(request).await?.map(|it| Seen::customer(it.customer)))
            }
            Step::Kyc { who, to } => {
                let (id, kyc_status) = (of(who), KYC[usize::from(*to)].into());
                let request = api::SetKycStatusRequest { id, kyc_status, request_id, ..Default::default() };
                Ok(client.set_kyc_status(request).await?.map(|it| Seen::customer(it.customer)))
            }
            Step::Delete { who } => {
                let request = api::SoftDeleteCustomerRequest { request_id, ..deleting(&of(who)) };
                Ok(client.soft_delete_customer(request).await?.map(|it| Seen::customer(it.customer)))
            }
            Step::Restore { who } => {
                let request = api::RestoreCustomerRequest { id: of(who), request_id };
                Ok(client.restore_customer(request).await?.map(|it| Seen::customer(it.customer)))
            }
            Step::Erase { who } => {
                let request = api::EraseCustomerRequest { id: of(who), request_id };
                Ok(client.erase_customer(request).await?.map(|it| Seen::customer(it.customer)))
            }
            other => panic!("{other:?} changes no customer"),
        }
    }

    async fn update(
        &mut self,
        who: u8,
        path: &str,
        customer: Customer,
        request_id: String,
        etag: String,
    ) -> Result<Response<Seen>, Status> {
        let asked = updating(&self.people[usize::from(who)], &[path], customer);
        let request = api::UpdateCustomerRequest { etag, request_id, ..asked };
        Ok(self.client.0.update_customer(request).await?.map(|it| Seen::customer(it.customer)))
    }

    async fn look(&mut self, step: &Step) -> Result<Response<Seen>, Status> {
        use api::get_customer_request::Key;
        let client = &mut self.client.0;
        let key = match step {
            Step::Get { who } => Key::Id(self.people[usize::from(*who)].clone()),
            Step::Find { by, name } => {
                let name = spelled([*name; 3], &self.domain);
                let key = [Key::PaymentAddress(name.0), Key::Email(name.1), Key::ExternalId(name.2)];
                key[usize::from(*by)].clone()
            }
            Step::Resolve { alias } => {
                let payment_address = spelled([*alias, 0, 0], &self.domain).0;
                let found = client.resolve_customer(api::ResolveCustomerRequest { payment_address }).await?;
                return Ok(found.map(|it| Seen::Resolution(Box::new(it.resolution.unwrap()))));
            }
            other => panic!("{other:?} is no look-up"),
        };
        let request = api::GetCustomerRequest { key: Some(key), ..Default::default() };
        Ok(client.get_customer(request).await?.map(|it| Seen::customer(it.customer)))
    }

    async fn keep(&mut self, step: &Step, request_id: String) -> Result<Response<Seen>, Status> {
        let wallets = &mut self.keeper.wallets;
        let (wallet, to) = match step {
            Step::Link { who, address: at } => {
                let chain = Some(api::link_wallet_request::Chain::Network("sepolia".to_owned()));
                let (customer_id, address) = (self.people[usize::from(*who)].clone(), address(*at));
                let request = api::LinkWalletRequest { customer_id, chain, address, request_id };
                return Ok(wallets.link_wallet(request).await?.map(|it| Seen::wallet(it.wallet)));
            }
            Step::Hold { wallet, to } => (wallet, *to),
            other => panic!("{other:?} is about no wallet"),
        };
        let id = self.wallets[usize::from(*wallet)].clone();
        match WalletStatus::try_from(i32::from(to)) {
            Ok(WalletStatus::Active) => {
                let request = api::UnfreezeWalletRequest { id, request_id, ..Default::default() };
                Ok(wallets.unfreeze_wallet(request).await?.map(|it| Seen::wallet(it.wallet)))
            }
            Ok(WalletStatus::Frozen) => {
                let request = api::FreezeWalletRequest { id, request_id, ..Default::default() };
                Ok(wallets.freeze_wallet(request).await?.map(|it| Seen::wallet(it.wallet)))
            }
            _ => {
                let request = api::RemoveWalletRequest { id, request_id, ..Default::default() };
                Ok(wallets.remove_wallet(request).await?.map(|it| Seen::wallet(it.wallet)))
            }
        }
    }

    /// Whether an answer is the model's; notes who is new.
    pub fn fits(&mut self, model: &Model, expected: &Expected, answer: &Answered) -> Result<(), String> {
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
    pub async fn end(&mut self, model: &Model) -> Result<String, String> {
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
