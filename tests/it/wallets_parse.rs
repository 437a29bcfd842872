//! How requests about wallets are read: what means the same is the same request, all that is wrong is said at once, and a
//! refusal tells no more than the key covers.

use purser::domain::{Domain, Environment, Scopes};
use serde_json::{Value, json};
use tonic::Status;

use crate::descriptors::{Told, call, encode, method};
use crate::harness::{On, bad_fields, on_each_database};
use crate::wire::Acme;

on_each_database!(Purse:
    an_authorization_without_a_time_is_the_same_request_a_moment_later,
    what_means_the_same_is_the_same_request,
    a_transaction_begins_pending_or_confirmed_and_is_in_a_block_only_on_a_chain,
    every_bad_field_is_named_at_once,
    bad_addresses_are_named_with_all_else_that_is_wrong,
    a_domain_that_is_named_has_to_be_covered_whatever_else_is_given,
    who_has_an_address_is_told_to_those_who_cover_it,
    who_has_an_extended_key_is_told_to_those_who_cover_it,
    a_domain_names_each_network_once,
);

const ADA: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const BOB: &str = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
const HASH: &str = "0xabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcd";
const ZPUB: &str = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";

/// A server with one tenant, whose domain may use every network, a linked wallet and a ledger wallet.
struct Purse {
    acme: Acme,
    customer: String,
    linked: String,
    ledger: String,
}

impl Purse {
    async fn new(on: On) -> Self {
        let acme = Acme::new(on).await;
        acme.set(&acme.tenant.domain, json!({"allow_mainnet_in_sandbox": true})).await;
        let mut it = Self { acme, customer: String::new(), linked: String::new(), ledger: String::new() };
        let key = it.acme.tenant.key.clone();
        it.customer = it.customer_by(&key).await;
        let request = json!({"customer_id": it.customer, "network": "ethereum", "address": ADA});
        it.linked = it.made("LinkWallet", request).await["id"].as_str().unwrap().to_owned();
        let request = json!({"customer_id": it.customer, "currency": "EUR"});
        it.ledger = it.made("CreateLedgerWallet", request).await["id"].as_str().unwrap().to_owned();
        it
    }

    async fn customer_by(&self, key: &str) -> String {
        let mut client = self.acme.client_of(key).await;
        client.create(purser::api::Customer::default()).await.unwrap().id
    }

    async fn by(&self, key: &str, name: &str, request: &Value) -> Told {
        let method = method(name);
        let message = encode(&method, &request.to_string());
        call(&self.acme.server.channel().await, &method, Some(key), message).await
    }

    async fn told(&self, name: &str, request: &Value) -> Told {
        self.by(&self.acme.tenant.key, name, request).await
    }

    /// The one resource of an answer.
    async fn made(&self, name: &str, request: Value) -> Value {
        let told = self.told(name, &request).await;
        assert_eq!(told.outcome(), "OK", "{name} {request} {}", told.message);
        let mut answer = crate::descriptors::decode(&method(name), &told.body);
        answer.as_object_mut().unwrap().values_mut().next().unwrap().take()
    }

    /// A deposit on the linked wallet, with other or more fields.
    fn deposit(&self, fields: Value) -> Value {
        let mut transaction = json!({"wallet_id": self.linked, "network": "ethereum", "token": "ETH", "amount": "1",
                                     "type": "TRANSACTION_TYPE_DEPOSIT"});
        transaction.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({"transaction": transaction})
    }

    /// A credit on the ledger wallet, with other or more fields.
    fn credit(&self, fields: Value) -> Value {
        let mut transaction =
            json!({"wallet_id": self.ledger, "amount": "1", "type": "TRANSACTION_TYPE_CREDIT"});
        transaction.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({"transaction": transaction})
    }

    /// Another domain of the same organization, which may use every network, and the text of a key of it.
    async fn sister(&self) -> (Domain, String) {
        let organization = &self.acme.tenant.organization;
        let domain = self.acme.domain_of(organization, "sister", Environment::Sandbox).await;
        self.acme.set(&domain, json!({"allow_mainnet_in_sandbox": true})).await;
        let key = self.acme.server.domain_key(&domain, Scopes::all()).await;
        (domain, key)
    }

    async fn organization_key(&self) -> String {
        let (server, organization) = (&self.acme.server, &self.acme.tenant.organization);
        server.organization_key(organization, Environment::Sandbox, Scopes::all()).await
    }
}

/// The fields that an answer names as bad, in order.
fn faults(told: &Told) -> String {
    let status = Status::with_details(told.code, told.message.clone(), told.details.clone().into());
    let mut fields = bad_fields(&status);
    fields.sort();
    fields.join(" ")
}

async fn an_authorization_without_a_time_is_the_same_request_a_moment_later(it: Purse) {
    let authorization = json!({"type": "AUTHORIZATION_TYPE_PERMIT", "tx_hash": HASH});
    let request = json!({"wallet_id": it.linked, "authorization": authorization, "request_id": "r"});
    let first = it.told("RecordAuthorization", &request).await;
    assert_eq!(first.outcome(), "OK");
    let mut again = request.clone();
    again["authorization"]["tx_hash"] = HASH.to_uppercase().replace("0X", "0x").into();
    for request in [&request, &again] {
        let told = it.told("RecordAuthorization", request).await;
        assert_eq!((told.outcome().as_str(), &told.body), ("OK", &first.body), "{}", told.message);
        assert!(told.metadata.contains_key("idempotent-replayed"));
    }
    again["authorization"]["authorize_time"] = "2026-01-01T00:00:00Z".into();
    let told = it.told("RecordAuthorization", &again).await;
    assert_eq!(told.outcome(), "INVALID_ARGUMENT REQUEST_ID_REUSED");
    // A hash has the form of the wallet's network.
    let authorization = json!({"type": "AUTHORIZATION_TYPE_PERMIT", "tx_hash": HASH[2..]});
    let request = json!({"wallet_id": it.linked, "authorization": authorization});
    let told = it.told("RecordAuthorization", &request).await;
    assert_eq!(
        (told.outcome().as_str(), faults(&told).as_str()),
        ("INVALID_ARGUMENT INVALID_FIELD", "authorization.tx_hash")
    );
}

async fn what_means_the_same_is_the_same_request(it: Purse) {
    let with = |id: &str, mut request: Value| {
        request["request_id"] = id.into();
        request
    };
    let upper = |text: &str| text.to_uppercase().replace("0X", "0x");
    let record = |amount: &str, hash: String, ada: String, bob: String| {
        it.deposit(
            json!({"amount": amount, "tx_hash": hash, "address": ada, "to_address": ada, "from_address": bob,
                          "description": "for tea"}),
        )
    };
    let first = record("1.50", HASH.to_owned(), ADA.to_owned(), BOB.to_owned());
    let again = record("1.5", upper(HASH), ADA.to_lowercase(), upper(BOB));
    let other = record("1.51", HASH.to_owned(), ADA.to_owned(), BOB.to_owned());
    for (name, first, again, other) in [
        ("RecordTransaction", first, again, other),
        (
            "RecordTransaction",
            it.credit(json!({"amount": "2.00"})),
            it.credit(json!({"amount": "2", "status": "TRANSACTION_STATUS_PENDING"})),
            it.credit(json!({"amount": "2", "status": "TRANSACTION_STATUS_CONFIRMED"})),
        ),
        (
            "LinkWallet",
            json!({"customer_id": it.customer, "network": "base", "address": BOB}),
            json!({"customer_id": it.customer, "chain_id": 8453, "address": BOB.to_lowercase()}),
            json!({"customer_id": it.customer, "network": "bsc", "address": BOB}),
        ),
    ] {
        let id = format!("{name}{first}").chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        let id = &id[..id.len().min(250)];
        let answered = it.told(name, &with(id, first)).await;
        assert_eq!(answered.outcome(), "OK", "{name} {}", answered.message);
        let told = it.told(name, &with(id, again)).await;
        assert_eq!((told.outcome().as_str(), told.body), ("OK", answered.body), "{name}");
        let told = it.told(name, &with(id, other)).await;
        assert_eq!(told.outcome(), "INVALID_ARGUMENT REQUEST_ID_REUSED", "{name}");
    }
}

async fn a_transaction_begins_pending_or_confirmed_and_is_in_a_block_only_on_a_chain(it: Purse) {
    for (request, field) in [
        (it.deposit(json!({"status": "TRANSACTION_STATUS_FAILED"})), "transaction.status"),
        (it.credit(json!({"status": "TRANSACTION_STATUS_FAILED"})), "transaction.status"),
        (it.deposit(json!({"log_index": 1})), "transaction.log_index"),
        (it.credit(json!({"log_index": 1})), "transaction.log_index"),
        (it.credit(json!({"block_height": "1"})), "transaction.block_height"),
        (it.credit(json!({"tx_hash": HASH})), "transaction.tx_hash"),
        (it.credit(json!({"to_address": ADA})), "transaction.to_address"),
        (it.credit(json!({"token": "USD"})), "transaction.token"),
        (it.credit(json!({"amount": "0.001"})), "transaction.amount"),
        (it.credit(json!({"network": "ethereum", "token": "ETH"})), "transaction.network"),
        (it.deposit(json!({"network": ""})), "transaction.network"),
    ] {
        let told = it.told("RecordTransaction", &request).await;
        assert_eq!(
            (told.outcome().as_str(), faults(&told).as_str()),
            ("INVALID_ARGUMENT INVALID_FIELD", field),
            "{request}"
        );
    }
    let recorded = it.made("RecordTransaction", it.credit(json!({}))).await;
    let request = |height: u64| json!({"id": recorded["id"], "status": "TRANSACTION_STATUS_CONFIRMED", "block_height": height});
    let told = it.told("UpdateTransactionStatus", &request(7)).await;
    assert_eq!(
        (told.outcome().as_str(), faults(&told).as_str()),
        ("INVALID_ARGUMENT INVALID_FIELD", "block_height")
    );
    it.made("UpdateTransactionStatus", request(0)).await;
    let whole = json!({"tx_hash": HASH, "log_index": 3, "block_height": "5", "status": "TRANSACTION_STATUS_CONFIRMED"});
    let recorded = it.made("RecordTransaction", it.deposit(whole)).await;
    let fields = ["tx_hash", "log_index", "block_height", "address", "amount", "raw_amount"];
    let fields = fields.map(|field| recorded[field].to_string().replace('"', ""));
    assert_eq!(fields, [HASH, "3", "5", ADA, "1", "1000000000000000000"]);
}

async fn every_bad_field_is_named_at_once(it: Purse) {
    let whole = json!({"type": 99, "status": 99, "token": "DOGE", "amount": "1e3", "reference": "a b", "tx_hash": "0x1",
        "block_height": "9223372036854775808", "description": "x".repeat(501)});
    let fields = ["amount", "block_height", "description", "reference", "status", "token", "tx_hash", "type"];
    let of_transaction = fields.map(|it| format!("transaction.{it}")).join(" ");
    for (name, request, expected) in [
        (
            "CreateWallet",
            json!({"customer_id": it.linked, "networks": ["tron", "tron"]}),
            "customer_id networks",
        ),
        ("CreateWallet", json!({"request_id": "é"}), "customer_id networks request_id"),
        ("LinkWallet", json!({"request_id": "é"}), "address chain customer_id request_id"),
        ("LinkWallet", json!({"customer_id": "x", "chain_id": 1, "address": "0x"}), "address customer_id"),
        ("GetWallet", json!({"domain_id": "x"}), "domain_id key"),
        ("GetWallet", json!({"id": "x", "domain_id": "x"}), "domain_id id"),
        ("GetWallet", json!({"address": {}, "domain_id": "x"}), "address.address address.network domain_id"),
        (
            "GetWallet",
            json!({"address": {"network": "tron", "address": ADA}, "domain_id": "x"}),
            "address.address domain_id",
        ),
        (
            "ListWallets",
            json!({"customer_id": "x", "domain_id": "y", "kinds": [99], "statuses": [0], "currency": "doge",
                   "page_size": -1, "networks": [""]}),
            "currency customer_id domain_id kinds networks page_size statuses",
        ),
        ("ListWallets", json!({"customer_id": "x", "page_token": "AAAA"}), "customer_id"),
        ("LookupAddress", json!({"domain_id": "x"}), "address domain_id"),
        ("LookupAddress", json!({"domain_id": "x", "address": "none"}), "address domain_id"),
        ("LookupAddress", json!({"domain_id": "x", "network": "tron", "address": "T"}), "address domain_id"),
        ("ListAddresses", json!({"page_size": -1, "networks": [""]}), "networks page_size wallet_id"),
        ("RecordAuthorization", json!({"request_id": "é"}), "authorization request_id wallet_id"),
        (
            "RecordAuthorization",
            json!({"wallet_id": "x", "authorization": {"tx_hash": "x", "authorize_time": "9999-12-31T23:59:59Z"}}),
            "authorization.tx_hash authorization.type wallet_id",
        ),
        ("ValidateAddress", json!({}), "address network"),
        ("GetBalances", json!({"wallet_id": "x", "source": 9}), "source wallet_id"),
        ("RecordTransaction", it.deposit(whole), &of_transaction),
        (
            "RecordTransaction",
            json!({"transaction": {"amount": "-1"}, "request_id": "é"}),
            "request_id transaction.amount transaction.type transaction.wallet_id",
        ),
        ("GetTransaction", json!({"domain_id": "x"}), "domain_id key"),
        ("GetTransaction", json!({"id": "x", "domain_id": "x"}), "domain_id id"),
        (
            "ListTransactions",
            json!({"types": [9], "statuses": [0], "tokens": ["A".repeat(65)], "page_size": -1}),
            "owner page_size statuses tokens types",
        ),
        ("CheckRecoverability", json!({"gap_limit": -1}), "gap_limit wallet_id"),
    ] {
        let told = it.told(name, &request).await;
        assert_eq!(told.outcome(), "INVALID_ARGUMENT INVALID_FIELD", "{name} {request}");
        assert_eq!(faults(&told), expected, "{name} {request}");
    }
}

async fn bad_addresses_are_named_with_all_else_that_is_wrong(it: Purse) {
    let bad = json!({"address": "x", "from_address": "y", "to_address": "T"});
    let fields = "transaction.address transaction.from_address transaction.to_address";
    let told = it.told("RecordTransaction", &it.deposit(bad.clone())).await;
    assert_eq!(
        (told.outcome().as_str(), faults(&told).as_str()),
        ("INVALID_ARGUMENT INVALID_ADDRESS", fields)
    );
    let mut request = it.deposit(bad);
    request["transaction"]["type"] = 0.into();
    let told = it.told("RecordTransaction", &request).await;
    let fields = [fields, "transaction.type"].join(" ");
    assert_eq!((told.outcome().as_str(), faults(&told)), ("INVALID_ARGUMENT INVALID_FIELD", fields));
}

async fn a_domain_that_is_named_has_to_be_covered_whatever_else_is_given(it: Purse) {
    let (sister, key) = it.sister().await;
    let own = it.acme.tenant.domain.id.to_string();
    let transaction = it.made("RecordTransaction", it.credit(json!({}))).await["id"].clone();
    let nowhere = "dom_01h455vb4pex5vsknk084sn02q".to_owned();
    for (name, request, noun) in [
        ("GetWallet", json!({"id": it.linked}), "WALLET"),
        ("ListWallets", json!({"customer_id": it.customer}), "CUSTOMER"),
        ("GetTransaction", json!({"id": transaction}), "TRANSACTION"),
    ] {
        let named = |domain: &str| {
            let mut request = request.clone();
            request["domain_id"] = domain.into();
            request
        };
        let foreign = it.told(name, &named(&sister.id.to_string())).await;
        assert_eq!(foreign.outcome(), "NOT_FOUND DOMAIN_NOT_FOUND", "{name}");
        assert_eq!(it.told(name, &named(&nowhere)).await, foreign, "{name}");
        assert_eq!(it.by(&key, name, &named(&own)).await, foreign, "{name}");
        assert_eq!(it.told(name, &named(&own)).await.outcome(), "OK", "{name}");
        // A key that covers both domains learns that the object is not in the one named.
        let organization = it.organization_key().await;
        let told = it.by(&organization, name, &named(&sister.id.to_string())).await;
        assert_eq!(told.outcome(), format!("NOT_FOUND {noun}_NOT_FOUND"), "{name}");
    }
}

async fn who_has_an_address_is_told_to_those_who_cover_it(it: Purse) {
    let (_, sister) = it.sister().await;
    let other = it.customer_by(&it.acme.tenant.key).await;
    let theirs = it.customer_by(&sister).await;
    let organization = it.organization_key().await;
    let wallet = |told: &Told| told.metadata_of_reason().remove("wallet_id");
    for network in ["ethereum", "polygon"] {
        let link = |customer: &str| json!({"customer_id": customer, "network": network, "address": ADA});
        let told = it.told("LinkWallet", &link(&other)).await;
        assert_eq!(told.outcome(), "ALREADY_EXISTS ADDRESS_TAKEN");
        assert_eq!(wallet(&told).as_ref(), Some(&it.linked), "{network}");
        let told = it.by(&sister, "LinkWallet", &link(&theirs)).await;
        assert_eq!((told.outcome().as_str(), wallet(&told)), ("ALREADY_EXISTS ADDRESS_TAKEN", None));
        let told = it.by(&organization, "LinkWallet", &link(&theirs)).await;
        assert_eq!(wallet(&told).as_ref(), Some(&it.linked), "{network}");
    }
    // The customer's own, on the same network.
    let again = json!({"customer_id": it.customer, "network": "ethereum", "address": ADA.to_lowercase()});
    assert_eq!(wallet(&it.told("LinkWallet", &again).await).as_ref(), Some(&it.linked));
    // One that was given later is found too.
    let managed = json!({"customer_id": it.customer, "networks": ["solana"]});
    let managed = it.made("CreateWallet", managed).await["id"].clone();
    let later = it.made("CreateAddress", json!({"wallet_id": managed, "network": "tron"})).await;
    let request = json!({"customer_id": other, "network": "tron", "address": later["address"]});
    assert_eq!(wallet(&it.told("LinkWallet", &request).await), managed.as_str().map(str::to_owned));
    let request = json!({"customer_id": theirs, "network": "tron", "address": later["address"]});
    assert_eq!(wallet(&it.by(&sister, "LinkWallet", &request).await), None);
}

async fn who_has_an_extended_key_is_told_to_those_who_cover_it(it: Purse) {
    let (sister, key) = it.sister().await;
    let request = json!({"scheme": "bitcoin", "extended_key": ZPUB});
    it.made("RegisterExtendedKey", request.clone()).await;
    let mut named = request.clone();
    named["domain_id"] = sister.id.to_string().into();
    for (key, shown) in
        [(key, None), (it.organization_key().await, Some(it.acme.tenant.domain.id.to_string()))]
    {
        let told = it.by(&key, "RegisterExtendedKey", &named).await;
        assert_eq!(told.outcome(), "ALREADY_EXISTS EXTENDED_KEY_TAKEN");
        assert_eq!(told.metadata_of_reason().remove("domain_id"), shown);
    }
}

async fn a_domain_names_each_network_once(it: Purse) {
    let twice = json!({"auto_wallet_networks": ["sepolia", "solana-devnet", "sepolia"]});
    let (id, organization) = (it.acme.tenant.domain.id, it.acme.tenant.organization.id);
    let operator = it.acme.server.operator_key(Scopes::all()).await;
    let update = json!({"id": id.to_string(), "settings": twice, "update_mask": "autoWalletNetworks"});
    let mut create = json!({"domain": {"organization_id": organization.to_string(), "name": "new",
                                   "environment": "ENVIRONMENT_SANDBOX", "settings": twice}});
    for (name, request, field) in [
        ("UpdateDomainSettings", &update, "settings.auto_wallet_networks"),
        ("CreateDomain", &create, "domain.settings.auto_wallet_networks"),
    ] {
        let told = it.by(&operator, name, request).await;
        assert_eq!(
            (told.outcome().as_str(), faults(&told).as_str()),
            ("INVALID_ARGUMENT INVALID_FIELD", field)
        );
    }
    create["domain"]["settings"] = json!({"auto_wallet_networks": ["sepolia", "solana-devnet"]});
    assert_eq!(it.by(&operator, "CreateDomain", &create).await.outcome(), "OK");
    // What is not masked is not looked at.
    let unread = json!({"id": id.to_string(), "settings": twice, "update_mask": "kycRequired"});
    assert_eq!(it.by(&operator, "UpdateDomainSettings", &unread).await.outcome(), "OK");
}
