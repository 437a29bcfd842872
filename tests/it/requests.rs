//! A request id that was used is no other request's (IDE-2).
//!
//! Each method whose request has a `request_id` is asked in each way that the access test has. Under that id
//! it is asked again with one field after the other changed or left out, those of messages in it, too.
//! Nothing takes effect: a change is `REQUEST_ID_REUSED`, or refused for what is not valid in it. But:
//!
//! - What is output only leaves the request what it was, which is answered again. So may what no mask names.
//! - What an id is remembered by (a domain, an organization, a link) is changed to one that is not there: in
//!   another that is, the id would be free.

use std::collections::BTreeSet;

use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as Of, MethodDescriptor, ReflectMessage, Value};
use purser::domain::Scope;
use serde_json::{Value as Json, json};
use tonic::Code;

use crate::access::objects::Whose;
use crate::access::scopes_of;
use crate::access::table::{Kind, ROWS, Row};
use crate::access::world::{Identity, World};
use crate::descriptors::{Told, call, comment, decode, encode, methods};
use crate::harness::on_each_database;
use crate::wallets_wire::picture;

on_each_database!(World: a_request_id_that_is_used_for_another_request_is_refused_and_changes_nothing);

/// Updates that the access test has of one field. Without a mask here, they are of every field there is.
const WHOLE: [(&str, Kind, &str); 3] = [
    (
        "UpdateCustomer",
        Kind::Customer,
        r#"{"id": "{customer}", "customer": {"type": "CUSTOMER_TYPE_BUSINESS", "metadata": {"color": "red"},
            "email": "{email}", "payment_address": "{alias}", "external_id": "{external_id}", "name": "E",
            "status": "CUSTOMER_STATUS_ENABLED"}}"#,
    ),
    ("UpdateDomainSettings", Kind::Domain, r#"{"id": "{domain}", "settings": {"alias_quarantine": "60s"}}"#),
    (
        "UpdateWebhookEndpoint",
        Kind::Webhook,
        r#"{"id": "{webhook}", "webhook_endpoint": {"url": "https://1.1.1.1/", "description": "E"}}"#,
    ),
];

/// What fields are changed to where not any value is valid. The domain and the organization are not there.
const OTHERS: &str = r#"{
    "domain_id": "{domain}", "SuspendDomainRequest.id": "{domain}", "ReinstateDomainRequest.id": "{domain}",
    "UpdateDomainSettingsRequest.id": "{domain}", "organization_id": "{organization}",
    "link_token": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "wallet_id": "{home_wallet}", "interval": "MONTH",
    "Customer.status": "CUSTOMER_STATUS_DISABLED", "default_customer_status": "CUSTOMER_STATUS_DISABLED",
    "PaymentIntent.status": "PAID", "Invoice.status": "PAID", "Subscription.status": "PAID",
    "Transaction.status": "TRANSACTION_STATUS_CONFIRMED", "payment_address": "other@home", "scopes": ["all"],
    "email": "other@example.com", "phone": "+12345678", "required_fields": ["email"], "country": "PT",
    "industry": "0111", "amount": "2", "total": "2", "crypto_amount": "2", "currency": "USD", "chain_id": 137,
    "token": "USDC", "network": "base", "networks": ["polygon"], "auto_wallet_networks": ["polygon"],
    "Transaction.address": "{fresh_address}", "from_address": "{fresh_address}", "scheme": "tron",
    "to_address": "{fresh_address}", "tx_hash": "{fresh_hash}", "url": "https://8.8.8.8/",
    "addresses": ["11111111111111111111111111111111"], "event_types": ["customer.created"],
    "extended_key": "xpub6CNFa58kEQJu2hwMVoofpDEKVVSg6gfwqBqE2zHAianaUnQkrJzJJ42iLDp7Dmg2aP88qCKoFZ4jidk3tECdQuF4567NGHDfe7iBRwHxgke",
    "expire_time": "2100-01-01T00:00:00Z", "UpdateDomainSettingsRequest.update_mask": "kycRequired",
    "UpdateCustomerRequest.update_mask": "name", "update_mask": "description"
}"#;

/// What is not valid without a change of something else, or has one valid value.
const NEVER_ALONE: [&str; 7] = [
    "AddPaymentMethod ExternalWallet.address",
    "AddPaymentMethod ExternalWallet.network",
    "AddPaymentMethod PaymentMethod.type",
    "RecordTransaction Transaction.log_index",
    "RegisterExtendedKey RegisterExtendedKeyRequest.scheme",
    "UploadAddressPool UploadAddressPoolRequest.scheme",
    "UpsertPaymentIntent PaymentIntent.crypto_amount",
];

/// Sabotage: in `src/app`, leave an argument of a method out of what its request is marked with.
async fn a_request_id_that_is_used_for_another_request_is_refused_and_changes_nothing(world: World) {
    let mut tally = Tally::default();
    let has_id = |it: &MethodDescriptor| it.input().get_field_by_name("request_id").is_some();
    let methods: Vec<_> = methods().into_iter().filter(has_id).collect();
    let whole = WHOLE.map(|(method, kind, json)| Row { method, how: "as a whole", kind, json });
    for method in &methods {
        let rows: Vec<_> = whole.iter().chain(ROWS).filter(|it| it.method == method.name()).collect();
        assert!(!rows.is_empty(), "{} needs a row in access/table.rs", method.name());
        for row in rows {
            Asked::new(&world, method, row).await.try_changes(&mut tally).await;
            world.restore().await;
        }
    }
    let Tally { changes, tried, reused, wrong } = tally;
    eprintln!("IDE-2: {} methods, {changes} changes of {} fields", methods.len(), tried.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    let never: Vec<_> = tried.difference(&reused).collect();
    assert_eq!(never, NEVER_ALONE, "who else needs a value in OTHERS");
}

/// What came of all changes: how many there were, and of which fields that count.
#[derive(Default)]
struct Tally {
    changes: usize,
    tried: BTreeSet<String>,
    reused: BTreeSet<String>,
    wrong: Vec<String>,
}

/// A request that took effect, and by which key.
struct Asked<'a> {
    world: &'a World,
    method: &'a MethodDescriptor,
    row: &'a Row,
    key: Option<&'a str>,
    request: DynamicMessage,
    first: Told,
}

impl<'a> Asked<'a> {
    async fn new(world: &'a World, method: &'a MethodDescriptor, row: &'a Row) -> Self {
        let mut request = fill(world, method, row).await;
        request.set_field_by_name("request_id", Value::String([row.method, row.how].join(" ")));
        let scopes = if row.kind == Kind::ClaimToken { vec![Scope::ClaimsWrite] } else { scopes_of(method) };
        // An operator's key has the longest reach; but it must name a domain that the domain's own need not.
        for identity in [Identity::Operator, Identity::OnlyScope] {
            let key = world.key(identity, &scopes);
            let first = call(&world.channel, method, key, request.encode_to_vec()).await;
            if first.code == Code::Ok {
                return Self { world, method, row, key, request, first };
            }
        }
        panic!("{} {} is refused to both", row.method, row.how);
    }

    /// Asks again with each change, and then as at first.
    async fn try_changes(&self, tally: &mut Tally) {
        let (database, title) = (&self.world.server.database, [self.row.method, self.row.how].join(" "));
        let sibling = fill(self.world, self.method, self.row).await;
        let others = self.world.fill(OTHERS, Kind::Domain, Whose::Nowhere).await;
        let changes = changes(&self.request, &sibling, &serde_json::from_str(&others).unwrap());
        let before = picture(database).await;
        for (field, request) in changes {
            let (told, name) = (self.ask(&request).await, name(&field));
            if !self.is_right(&field, &told) {
                tally.wrong.push(format!("{title}, other {name}: {} {}", told.outcome(), told.message));
            }
            if told.reason == "REQUEST_ID_REUSED" {
                tally.reused.insert([self.row.method, name].join(" "));
            }
            if !is_home(&field) && !is_output(&field) {
                tally.tried.insert([self.row.method, name].join(" "));
            }
            tally.changes += 1;
        }
        let last = self.ask(&self.request).await;
        if !self.is_replay(&last) {
            tally.wrong.push(format!("{title}, the same: {} {}", last.outcome(), last.message));
        }
        assert_eq!(picture(database).await, before, "{title}");
    }

    async fn ask(&self, request: &DynamicMessage) -> Told {
        call(&self.world.channel, self.method, self.key, request.encode_to_vec()).await
    }

    fn is_right(&self, field: &FieldDescriptor, told: &Told) -> bool {
        let of_request = *field.parent_message() == self.request.descriptor();
        let is_masked = |it: Vec<String>| it.iter().any(|it| it == field.name());
        match told.code {
            Code::InvalidArgument => !is_output(field),
            Code::NotFound => is_home(field),
            _ if is_output(field) => self.is_replay(told),
            _ => !of_request && !mask(&self.request).is_none_or(is_masked) && self.is_replay(told),
        }
    }

    /// Whether it is the first answer, but for a secret that is shown once.
    fn is_replay(&self, told: &Told) -> bool {
        let without_secret = |told: &Told| {
            let mut answer = decode(self.method, &told.body);
            answer.as_object_mut().unwrap().remove("secret");
            answer
        };
        let marked = told.metadata.get("idempotent-replayed").is_some_and(|it| it == b"true");
        told.code == Code::Ok && marked && without_secret(told) == without_secret(&self.first)
    }
}

/// A request of a row, about something that no other request is about, if not about the domain.
async fn fill(world: &World, method: &MethodDescriptor, row: &Row) -> DynamicMessage {
    world.webhooks.lock().unwrap().clear();
    let is_gone = ["RestoreCustomer", "EraseCustomer"].contains(&row.method);
    let whose = if is_gone { Whose::Deleted } else { Whose::Own };
    let bytes = encode(method, &world.fill(row.json, row.kind, whose).await);
    let mut request = DynamicMessage::decode(method.input(), &*bytes).unwrap();
    if mask(&request).is_some_and(|it| it.is_empty()) {
        let resource = method.input().fields().find(is_ours).unwrap().kind().as_message().unwrap().clone();
        set_mask(&mut request, resource.fields().filter(|it| !is_output(it)).map(|it| it.name().to_owned()));
    }
    request
}

/// A message with each of its fields changed, those of messages in it, too.
fn changes(
    own: &DynamicMessage,
    sibling: &DynamicMessage,
    others: &Json,
) -> Vec<(FieldDescriptor, DynamicMessage)> {
    let mut found = Vec::new();
    for field in own.descriptor().fields().filter(|it| it.name() != "request_id") {
        let mut changed = own.clone();
        if is_ours(&field) {
            let within = |it: &DynamicMessage| it.get_field(&field).as_message().unwrap().clone();
            for (inner, message) in changes(&within(own), &within(sibling), others) {
                changed.set_field(&field, Value::Message(message));
                found.push((inner, changed.clone()));
            }
            continue;
        }
        changed.set_field(&field, another(own, sibling, &field, others));
        found.push((field.clone(), changed));
        // What an id is remembered by may be known all the same.
        if own.has_field(&field) && !is_home(&field) {
            let mut without = own.clone();
            without.clear_field(&field);
            found.push((field, without));
        }
    }
    found
}

/// Another value of a field: its sibling's, if that has one of its own; else one of `others`; else any.
fn another(own: &DynamicMessage, sibling: &DynamicMessage, field: &FieldDescriptor, others: &Json) -> Value {
    let (now, theirs) = (own.get_field(field), sibling.get_field(field));
    if *now != *theirs && !is_home(field) {
        return theirs.into_owned();
    }
    let read = |json: Json| {
        let json = json!({ field.name(): json });
        DynamicMessage::deserialize(own.descriptor(), json).unwrap().get_field(field).into_owned()
    };
    let noted = others.get(name(field)).or_else(|| others.get(field.name())).cloned().map(read);
    noted.filter(|it| *it != *now).unwrap_or_else(|| read(any_other(field, &now)))
}

fn any_other(field: &FieldDescriptor, now: &Value) -> Json {
    let other = match field.kind() {
        Of::Bool => json!(!now.as_bool().unwrap_or_default()),
        Of::String => json!("other"),
        Of::Enum(it) => {
            json!(it.values().map(|it| it.number()).filter(|it| Some(*it) != now.as_enum_number()).last())
        }
        Of::Message(it) => match it.full_name() {
            "google.protobuf.Timestamp" => json!("2001-01-01T00:00:00Z"),
            "google.protobuf.Duration" => json!("86400s"),
            "google.protobuf.Struct" => json!({"other": 1}),
            "google.protobuf.BoolValue" => json!(false),
            "google.protobuf.FieldMask" => json!(""),
            _ => panic!("{} needs another value in OTHERS", name(field)),
        },
        _ => json!(7),
    };
    if field.is_list() { json!([other]) } else { other }
}

/// Whether it says where the id is remembered.
fn is_home(field: &FieldDescriptor) -> bool {
    let parent = field.parent_message().name();
    match field.name() {
        "domain_id" => parent.ends_with("Request") || parent == "ApiKey",
        "organization_id" => ["ApiKey", "Domain"].contains(&parent),
        "id" => parent.ends_with("DomainRequest") || parent == "UpdateDomainSettingsRequest",
        name => name == "link_token",
    }
}

fn is_output(field: &FieldDescriptor) -> bool {
    let said = comment(&field.parent_message().parent_file(), field.path());
    said.split_whitespace().collect::<Vec<_>>().join(" ").contains("Output only")
}

/// Whether it holds a message of the API.
fn is_ours(field: &FieldDescriptor) -> bool {
    field.kind().as_message().is_some_and(|it| it.package_name() == "purser.v1")
}

/// The fields that the request says are to be changed, if its method asks for that.
fn mask(request: &DynamicMessage) -> Option<Vec<String>> {
    let mask = request.get_field_by_name("update_mask")?;
    let paths = mask.as_message().unwrap().get_field_by_name("paths").unwrap();
    Some(paths.as_list().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect())
}

fn set_mask(request: &mut DynamicMessage, paths: impl Iterator<Item = String>) {
    let mut mask = request.get_field_by_name("update_mask").unwrap().as_message().unwrap().clone();
    mask.set_field_by_name("paths", Value::List(paths.map(Value::String).collect()));
    request.set_field_by_name("update_mask", Value::Message(mask));
}

/// `Customer.email`.
fn name(field: &FieldDescriptor) -> &str {
    field.full_name().trim_start_matches("purser.v1.")
}
