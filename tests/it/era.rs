//! ERA-1: erasure leaves nothing.
//!
//! A person whose every field is a text that is found nowhere else goes through everything that can happen to somebody,
//! among more than a thousand others, and is erased. Then nothing that the database keeps and nothing that was logged or
//! measured has any of these texts, but for the bare alias that is on hold for nobody, and what the books keep, where they
//! keep it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use prost_types::{Struct, Value, value::Kind};
use purser::api::{self, BillingAddress, Business, Customer, KycStatus, TransactionType};
use serde_json::json;

use crate::billing_wire::{KINDS, but};
use crate::harness::{Database, TestServer, connect, customers, on_each_database};
use crate::process::{Process, http_get, purser, serving};
use crate::raw::Raw;
use crate::rows::{dump, dump_all, tables};
use crate::wallets_wire::{Keeper, booked, deposit};
use crate::wire::{Client, deleting, updating};

on_each_database!(Database: nothing_of_who_is_erased_is_left_anywhere);

/// What is looked for: one for each place that something personal can be put in, and in no other place. They begin with
/// letters enough that no time or id ends in them, which stand before other texts in the files.
const CANARIES: [&str; 34] = [
    "zqulofull",
    "zqulofirst",
    "zqulomiddle",
    "zqulolast",
    "zqulonick",
    "zqulolegal",
    "zqulotrade",
    "zqulosite",
    "zquloabout",
    "zqulomail",
    "+4915550987654",
    "zqulostreet",
    "zqulofloor",
    "zqulocity",
    "zqulostate",
    "zqulopost",
    "zquloexternal",
    "zqulometakey",
    "zqulometavalue",
    "zquloasked",
    "zquloidle",
    "zqulobecause",
    "zqulofrozen",
    "zquloremoved",
    "zqulopaid",
    "zqulowhynot",
    "zqulobilled",
    "zquloplan",
    "zqulotold",
    "zquloholder",
    "zqulonumber",
    "zqulosort",
    "zqulobank",
    "zqulobranch",
];
/// The one that stays, as a name that nobody has.
const ALIAS: &str = "zquloalias";

/// What the books keep, by what it is found by: a reference, who paid, an address that was linked, an external id and an
/// invoice number. And where.
const BOOKS: [(&str, &[&str]); 5] = [
    ("zquloreference", &["transactions", "unique_keys"]),
    ("1234567890123456789012345678901234567801", &["transactions"]),
    ("1234567890123456789012345678901234567802", &["addresses", "unique_keys", "wallets"]),
    ("zquloorder", &["invoices", "payment_intents", "subscriptions", "unique_keys"]),
    ("zquloinvoice", &["invoices"]),
];

/// Where some of it must have been before: in what is remembered of requests, and in the answers to those that changed
/// nothing.
const REMEMBERED: [(&str, &str); 5] = [
    ("requests", "zquloasked"),
    ("requests", "zqulotold"),
    ("answers", "zqulotold"),
    ("answers", "zqulobilled"),
    ("answers", "zquloplan"),
];

fn person(round: usize) -> Customer {
    let text = |word: &str| format!("{word}-{round} {}", "x".repeat(round * 7 % 90));
    let metadata = [
        ("zqulometakey".to_owned(), Value { kind: Some(Kind::StringValue(text("zqulometavalue"))) }),
        ("round".to_owned(), Value { kind: Some(Kind::NumberValue(1.0)) }),
    ];
    Customer {
        name: text("Zqulofull"),
        first_name: text("Zqulofirst"),
        middle_name: text("Zqulomiddle"),
        last_name: text("Zqulolast"),
        nick_name: text("Zqulonick"),
        business: Some(Business {
            legal_name: text("Zqulolegal"),
            trade_name: text("Zqulotrade"),
            website: format!("https://zqulosite.example/{round}"),
            industry: "5734".to_owned(),
            description: text("Zquloabout"),
        }),
        email: format!("zqulomail-{round}@mail.example"),
        phone: "+4915550987654".to_owned(),
        billing_address: Some(BillingAddress {
            line1: text("Zqulostreet"),
            line2: text("Zqulofloor"),
            city: text("Zqulocity"),
            state: text("Zqulostate"),
            postal_code: format!("zqulopost-{round}"),
            country: "DE".to_owned(),
        }),
        payment_address: format!("{ALIAS}@acme"),
        external_id: format!("zquloexternal-{round}"),
        metadata: Some(Struct { fields: metadata.into() }),
        ..Customer::default()
    }
}

const PATHS: [&str; 12] = [
    "name",
    "first_name",
    "middle_name",
    "last_name",
    "nick_name",
    "business",
    "email",
    "phone",
    "billing_address",
    "external_id",
    "metadata",
    "business.description",
];

/// Others, of every domain, between whom the person is.
async fn crowd(clients: &[Client], round: usize, count: usize) {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..count {
        let mut client = clients[n % clients.len()].clone();
        tasks.spawn(async move {
            let customer = Customer {
                name: format!("Somebody {round}/{n} {}", "y".repeat(n % 60)),
                email: format!("s{round}-{n}@mail.example"),
                external_id: format!("s{round}-{n}"),
                ..Customer::default()
            };
            let made = client.create(customer).await.unwrap();
            if n % 5 == 0 {
                let nick_name = format!("n{n} {}", "z".repeat(n % 200));
                let nick_name = Customer { nick_name, ..Customer::default() };
                client.update(&made.id, &["nick_name"], nick_name).await.unwrap();
            }
        });
        if tasks.len() >= 64 {
            tasks.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// What they are billed, and how they pay.
async fn bill(keeper: &Keeper, id: &str) {
    for kind in &KINDS {
        for n in 0..8 {
            let words = json!({"description": format!("zqulobilled {n} {}", "v".repeat(n * 31))});
            let mut record = but(kind.of(id, &format!("{}-{n}", BOOKS[3].0)), &words);
            match kind.noun {
                "subscription" => record["plan"] = json!(format!("zquloplan {n} {}", "t".repeat(n * 23))),
                "invoice" => record["invoice_number"] = json!(format!("{}-{n}", BOOKS[4].0)),
                _ => {}
            }
            keeper.upsert(kind, &record).await;
            let paid = but(record, &json!({"status": "PAID"}));
            let asked = |what: &str| json!({kind.noun: paid, "request_id": format!("zqulotold-{what}-{}-{n}", kind.noun)});
            // What changes it, once more, and what changes nothing, twice.
            for what in ["paid", "paid", "idle", "idle"] {
                keeper.say(kind.upsert, &asked(what)).await;
            }
        }
    }
    for n in 0..8 {
        let account = json!({
            "account_name": format!("Zquloholder {n} {}", "u".repeat(n * 17)), "account_number": format!("zqulonumber{n}-0000"),
            "account_type": "zqulosort", "bank_name": "zqulobank", "bank_code": "zqulobranch",
        });
        let method = json!({"payment_method": {"customer_id": id, "bank_account": account},
            "request_id": format!("zquloasked-method-{n}")});
        let added = keeper.say("AddPaymentMethod", &method).await;
        if n % 2 == 0 {
            keeper.say("RemovePaymentMethod", &json!({"id": added["payment_method"]["id"]})).await;
        }
    }
}

/// The person's life, to its end.
async fn live(client: &mut Client, keeper: &mut Keeper, clients: &[Client]) -> String {
    let asked = |what: &str| format!("zquloasked-{what}");
    let request = api::CreateCustomerRequest {
        customer: Some(person(0)),
        request_id: asked("create"),
        ..Default::default()
    };
    let id = client.0.create_customer(request).await.unwrap().into_inner().customer.unwrap().id;
    for round in 1..=40 {
        let update = |id: &str| api::UpdateCustomerRequest {
            request_id: id.to_owned(),
            ..updating("", &PATHS, person(round))
        };
        let key = Some(api::update_customer_request::Key::Id(id.clone()));
        let update = |request: &str| api::UpdateCustomerRequest { key: key.clone(), ..update(request) };
        client.update_as(update(&asked(&round.to_string()))).await.unwrap();
        // Once more, which changes nothing.
        client.update_as(update(&format!("zquloidle-{round}"))).await.unwrap();
        if round % 8 == 0 {
            crowd(clients, round, 150).await;
        }
    }
    for kyc_status in [KycStatus::Pending, KycStatus::InReview, KycStatus::Approved] {
        let request = api::SetKycStatusRequest {
            id: id.clone(),
            kyc_status: kyc_status.into(),
            reason: format!("zqulobecause {kyc_status:?}"),
            request_id: asked(kyc_status.as_str_name()),
        };
        client.0.set_kyc_status(request).await.unwrap();
    }
    let managed = keeper.create_as(&id, &["sepolia"], &asked("wallet")).await.unwrap();
    let ledger = keeper.ledger(&id, "EUR").await.unwrap();
    for n in 0..30 {
        let transaction = api::Transaction {
            description: format!("zqulopaid {n} {}", "w".repeat(n * 11)),
            ..booked(TransactionType::Credit, &ledger.id, "1")
        };
        let request = api::RecordTransactionRequest {
            transaction: Some(transaction),
            request_id: asked(&format!("pay-{n}")),
        };
        keeper.wallets.record_transaction(request).await.unwrap();
    }
    let paid = api::Transaction {
        reference: format!("{}-1", BOOKS[0].0),
        from_address: format!("0x{}", BOOKS[1].0),
        ..deposit(&managed.id, "sepolia", "ETH", "1")
    };
    keeper.record(paid).await.unwrap();
    keeper.link(&id, "sepolia", &format!("0x{}", BOOKS[2].0)).await.unwrap();
    bill(keeper, &id).await;
    let freeze = api::FreezeWalletRequest {
        id: managed.id.clone(),
        reason: "zqulofrozen".to_owned(),
        request_id: asked("freeze"),
        ..Default::default()
    };
    keeper.wallets.freeze_wallet(freeze).await.unwrap();
    let remove =
        api::RemoveWalletRequest { id: managed.id, reason: "zquloremoved".to_owned(), ..Default::default() };
    keeper.wallets.remove_wallet(remove).await.unwrap();
    client.delete(&id).await.unwrap();
    client.restore(&id).await.unwrap();
    let rejected = api::SetKycStatusRequest {
        id: id.clone(),
        kyc_status: KycStatus::Rejected.into(),
        reason: "zqulowhynot".to_owned(),
        ..Default::default()
    };
    client.0.set_kyc_status(rejected).await.unwrap();
    let delete = api::SoftDeleteCustomerRequest { request_id: asked("delete"), ..deleting(&id) };
    client.delete_as(delete).await.unwrap();
    crowd(clients, 99, 400).await;
    id
}

/// How often a text is in what is kept, in whatever case.
fn hits(kept: &[u8], text: &str) -> usize {
    String::from_utf8_lossy(&kept.to_ascii_lowercase()).matches(text).count()
}

/// The bytes of the embedded database's files; none elsewhere.
fn files(database: &Database) -> Vec<u8> {
    let names = ["purser.db", "purser.db-wal", "purser.db-shm", "purser.db-journal"];
    names.iter().flat_map(|it| std::fs::read(database.folder().join(it)).unwrap_or_default()).collect()
}

fn assert_silent(kept: &[u8], place: &str) {
    let kept = kept.to_ascii_lowercase();
    let kept = String::from_utf8_lossy(&kept);
    // With what is around it: that says where it was forgotten.
    let around = |at: usize| {
        let before: Vec<_> = kept[..at].chars().rev().take(40).collect();
        before.into_iter().rev().chain(kept[at..].chars().take(60)).collect::<String>()
    };
    let found: Vec<_> = CANARIES.iter().filter_map(|it| Some((it, around(kept.find(*it)?)))).collect();
    assert!(found.is_empty(), "{place} has {found:?}");
}

/// What the books keep is where they keep it, and nowhere else.
async fn assert_books(database: &Database) {
    for (canary, expected) in BOOKS {
        let mut found = Vec::new();
        for table in tables(database).await {
            if hits(dump(database, &table).await.as_bytes(), canary) > 0 {
                found.push(table);
            }
        }
        assert_eq!(found, expected, "{canary}");
    }
}

/// Waits until the traces are out of the files.
async fn scrubbed(process: &Process, raw: &mut Raw) {
    let limit = Instant::now() + Duration::from_secs(60);
    let left = "SELECT count(*) FROM counters WHERE name = 'unscrubbed' AND value > 0";
    while raw.number(left).await > 0 {
        assert!(Instant::now() < limit, "the traces are taken out of the files");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // It is told as well.
    let told = "purser_erasures_unscrubbed 0";
    while !http_get(process.http, "/metrics").await.unwrap().contains(told) {
        assert!(Instant::now() < limit, "{told}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// ERA-1.
///
/// Sabotage: leave the events out of `erasure::erase`; or let `Store::scrub` only count.
async fn nothing_of_who_is_erased_is_left_anywhere(database: Database) {
    let server = TestServer::over(database).await;
    let mut keys = Vec::new();
    for name in ["acme", "globex", "initech"] {
        keys.push(server.tenant(name).await.key);
    }
    let TestServer { app, database, .. } = server;
    app.close().await;
    let path = database.folder().join("log");
    let log = std::fs::File::create(&path).unwrap();
    let mut command = serving(database.folder(), &database.url);
    command.args(["--drain-delay", "0s"]).env("PURSER_LOG", "trace,sqlx=trace").stderr(Stdio::from(log));
    let mut process = Process::start(command).await;
    let channel = connect(process.grpc).await;
    let clients: Vec<_> = keys.iter().map(|it| Client(customers(channel.clone(), it))).collect();
    let mut client = clients[0].clone();
    let mut keeper = Keeper::of(channel, &keys[0]);
    crowd(&clients, 0, 400).await;
    let id = live(&mut client, &mut keeper, &clients).await;

    // The proof sees what is there.
    for (table, canary) in REMEMBERED {
        assert!(
            hits(dump(&database, table).await.as_bytes(), canary) > 0,
            "{canary} is in no row of {table}"
        );
    }
    let embedded = !files(&database).is_empty();
    let rows = dump_all(&database).await;
    for canary in CANARIES {
        assert!(hits(rows.as_bytes(), canary) > 0, "{canary} is in no row");
        assert!(!embedded || hits(&files(&database), canary) > 0, "{canary} is in no file");
    }

    let request = api::EraseCustomerRequest { id: id.clone(), request_id: "erase".to_owned() };
    client.0.erase_customer(request).await.unwrap();
    let mut raw = Raw::open(&database).await;
    let rows = dump_all(&database).await;
    assert_silent(rows.as_bytes(), "a row");
    assert_eq!(hits(rows.as_bytes(), ALIAS), 1, "the alias is a name on hold and nothing else");
    assert_eq!(hits(dump(&database, "unique_keys").await.as_bytes(), ALIAS), 1);
    assert_books(&database).await;
    assert_eq!(
        raw.number("SELECT count(*) FROM unique_keys WHERE owner IS NULL AND held_until_us > 0").await,
        1
    );
    if embedded {
        for trigram in ["zqu", "qul", "ulo"] {
            let found = format!("SELECT count(*) FROM customer_search_index('{trigram}')");
            assert_eq!(raw.number(&found).await, 0, "{trigram}");
        }
        scrubbed(&process, &mut raw).await;
        drop(raw);
        assert_silent(&files(&database), "a file");
        // Only where the kind of a name is before it: in the row, and in the index of names that nobody has.
        let files = files(&database);
        assert_eq!(hits(&files, ALIAS), hits(&files, &format!("alias{ALIAS}")));
    }
    // Everybody else is as they were, and the log is whole.
    assert_eq!(client.get(&id).await.unwrap().id, id);
    crowd(&clients, 100, 30).await;
    let audit = ["doctor", "--log", "--chain", "--database-url", &database.url];
    let audit = purser(database.folder(), &audit).output().await.unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    let metrics = http_get(process.http, "/metrics").await.unwrap().into_bytes();
    process.terminate();
    assert_eq!(process.exit_code(Duration::from_secs(15)).await, Some(0));
    let log = std::fs::read(&path).unwrap();
    assert!(log.len() > 10_000 && metrics.len() > 1_000, "it logs, and measures");
    for (place, kept) in
        [("a file, at rest", &files(&database)), ("the log", &log), ("the metrics", &metrics)]
    {
        assert_silent(kept, place);
        assert!(keys.iter().all(|key| hits(kept, &key.to_lowercase()) == 0), "a key is in {place}");
    }
    for kept in [ALIAS].iter().chain(BOOKS.iter().map(|it| &it.0)) {
        assert_eq!(hits(&log, kept), 0, "{kept}");
    }
}
