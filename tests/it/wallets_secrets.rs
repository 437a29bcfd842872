//! What must stay secret: master keys and seeds are in no log, no error and nowhere plain in the database; and a seed
//! opens only in its place.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use purser::app::App;
use serde_json::json;
use tonic::Code;

use crate::harness::{Database, TestServer, chains, connect, customers, on_each_database};
use crate::lifecycle::migrated;
use crate::process::{Process, purser, serving};
use crate::raw::Raw;
use crate::rows::dump_all;
use crate::wallets_wire::{Keeper, Purse, new_customer, picture};
use crate::wire::{Client, is, refusal};

on_each_database!(Database:
    no_seed_and_no_master_key_is_told_or_kept_plain,
    a_seed_opens_only_in_its_place,
);

/// Every spelling in which a secret could show: as it is, in hexadecimal of either case, in base64, and as a list.
fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let lower = hex::encode(secret);
    let list = format!("{secret:?}");
    let texts = [lower.to_uppercase(), lower, STANDARD.encode(secret), URL_SAFE.encode(secret), list];
    let trimmed = |it: String| it.trim_matches(['=', '[', ']']).as_bytes().to_vec();
    texts.into_iter().map(trimmed).chain([secret.to_vec()]).collect()
}

/// Every canary of a seed, and of the master keys of a folder.
fn canaries(folder: &Path, words: &str) -> Vec<(String, Vec<u8>)> {
    let mut canaries = Vec::new();
    let mut add = |what: &str, secret: &[u8]| {
        let of = |it| (what.to_owned(), it);
        canaries.extend(spellings(secret).into_iter().map(of));
    };
    let mnemonic: bip39::Mnemonic = words.parse().unwrap();
    let (entropy, length) = mnemonic.to_entropy_array();
    let seed = mnemonic.to_seed_normalized("");
    for (what, secret) in [("the entropy", &entropy[..length]), ("the seed", &seed[..])] {
        // Half of it would do as well.
        let half = secret.len() / 2;
        [&secret[..half], &secret[half..]].into_iter().for_each(|it| add(what, it));
    }
    let file = std::fs::read_to_string(folder.join("purser-master.key")).unwrap();
    for line in file.lines() {
        add("a master key", &STANDARD.decode(line.split_once(':').unwrap().1).unwrap());
    }
    // A single word of a mnemonic may be any English word; three in a row are none of ours.
    let words: Vec<_> = words.split(' ').collect();
    for three in words.windows(3) {
        for between in [" ", ",", "\", \"", "\",\""] {
            canaries.push(("the words".to_owned(), three.join(between).into_bytes()));
        }
    }
    canaries
}

fn assert_silent(canaries: &[(String, Vec<u8>)], text: &[u8], place: &str) {
    for (what, canary) in canaries {
        let found = text.windows(canary.len()).any(|it| it == canary);
        assert!(!found, "{what} is in {place}");
    }
}

/// Everything that the database keeps: its rows, and on SQLite the bytes of its files.
async fn kept(database: &Database) -> Vec<u8> {
    let mut all = dump_all(database).await.into_bytes();
    for name in ["purser.db", "purser.db-wal", "purser.db-journal"] {
        all.extend(std::fs::read(database.folder().join(name)).unwrap_or_default());
    }
    all
}

/// SEC-3 for seeds and keys: through wallets made, a rotation, an export, and a seed that does not open, at TRACE.
///
/// Sabotage: log the seed's `to_bytes` in `App::make_seed`; or put the cause of an `Error::Internal` into its message; or
/// seal with an empty cipher.
async fn no_seed_and_no_master_key_is_told_or_kept_plain(database: Database) {
    let key = migrated(&database).await;
    let (folder, path) = (database.folder(), database.folder().join("log"));
    let log = std::fs::File::create(&path).unwrap();
    let start = || {
        let mut command = serving(folder, &database.url);
        command.args(["--drain-delay", "0s"]).env("PURSER_LOG", "trace,sqlx=trace");
        command.stderr(Stdio::from(log.try_clone().unwrap()));
        Process::start(command)
    };
    let mut process = start().await;
    let mut client = Client(customers(connect(process.grpc).await, &key));
    let mut keeper = Keeper::of(connect(process.grpc).await, &key);
    let customer = new_customer(&mut client).await;
    let wallet =
        keeper.create(&customer, &["sepolia", "bitcoin-testnet", "solana-devnet", "tron"]).await.unwrap();
    let mut said = Vec::new();
    for command in [
        &["keys", "rotate"][..],
        &["keys", "export", "--domain", "dev", "--yes", "--out", "words"],
        &["keys", "export", "--domain", "dev", "--yes", "--out", "words"],
        &["doctor"],
    ] {
        let mut command = purser(folder, command);
        command.args(["--database-url", &database.url]).env("PURSER_LOG", "trace,sqlx=trace");
        command.env("PURSER_MASTER_KEY_FILE", folder.join("purser-master.key"));
        let output = command.output().await.unwrap();
        said.extend([output.stdout, output.stderr].concat());
    }
    keeper.next_address(&wallet.id, "solana-devnet").await.unwrap();
    let words = std::fs::read_to_string(folder.join("words")).expect("it was exported");
    let canaries = canaries(folder, words.trim_end());
    assert_silent(&canaries, &kept(&database).await, "the database, while it is served");

    // A seed that does not open, for what is derived from it anew.
    let mut raw = Raw::open(&database).await;
    assert_eq!(raw.run("UPDATE seeds SET key_version = 1 WHERE key_version = 2").await, 1);
    for network in ["bitcoin", "solana-devnet"] {
        let refused = keeper.create(&customer, &[network]).await.unwrap_err();
        let told =
            [refused.message().as_bytes(), refused.details(), format!("{refused:?}").as_bytes()].concat();
        assert_silent(&canaries, &told, "an error");
        assert_eq!(refusal::<()>(Err(refused)), is(Code::Internal, "INTERNAL"));
    }
    assert_silent(&canaries, &kept(&database).await, "the database, once it does not open");
    process.terminate();
    assert_eq!(process.exit_code(Duration::from_secs(8)).await, Some(0));
    // Nor does a server start on it.
    let refused = serving(folder, &database.url).output().await.unwrap();
    assert!(!refused.status.success());
    said.extend([refused.stdout, refused.stderr].concat());
    let log = std::fs::read(&path).unwrap();
    assert!(String::from_utf8_lossy(&log).contains("internal error"), "it logs why");
    assert_silent(&canaries, &log, "the log");
    assert_silent(&canaries, &said, "what a command says");
    assert_silent(&canaries, &kept(&database).await, "the database, at rest");
    // The proof sees what is there.
    let file = std::fs::read(folder.join("purser-master.key")).unwrap();
    assert!(canaries.iter().any(|it| file.windows(it.1.len()).any(|at| at == it.1)));
}

/// KEY-3: a seed that was sealed for another domain, under another version, or that lost a bit, makes no address, and
/// nothing is changed. Put back, it makes those it made before.
///
/// Sabotage: in `Place::associated`, bind the secret to nothing.
async fn a_seed_opens_only_in_its_place(database: Database) {
    let it = Purse::over(TestServer::over(database).await).await;
    let (tenant, mut client, mut keeper) = it.with("globex", json!({})).await;
    let mut own = it.keeper.clone();
    let ada = new_customer(&mut it.acme.client.clone()).await;
    let bob = new_customer(&mut client).await;
    own.create(&ada, &["ethereum", "solana"]).await.unwrap();
    keeper.create(&bob, &["ethereum", "solana"]).await.unwrap();
    let mut raw = Raw::open(it.database()).await;
    let rows: Vec<(uuid::Uuid, Vec<u8>)> = raw.rows("SELECT domain_id, sealed FROM seeds").await;
    let sealed_of = |id: uuid::Uuid| rows.iter().find(|it| it.0 == id).unwrap().1.clone();
    let (acme, globex) = (it.acme.tenant.domain.id.as_uuid(), tenant.domain.id.as_uuid());
    let right = sealed_of(acme);
    let mut wrong = vec![("another domain's", sealed_of(globex))];
    for at in [0, 11, 12, 40, right.len() - 17, right.len() - 1] {
        let mut flipped = right.clone();
        flipped[at] ^= 1;
        wrong.push(("one bit is another", flipped));
    }
    wrong.push(("cut", right[..right.len() - 1].to_vec()));
    wrong.push(("empty", Vec::new()));
    let blob = |bytes: &[u8]| match raw_is_sqlite(&it) {
        true => format!("X'{}'", hex::encode(bytes)),
        false => format!("'\\x{}'::bytea", hex::encode(bytes)),
    };
    let whose = |id: uuid::Uuid| match raw_is_sqlite(&it) {
        true => format!("domain_id = X'{}'", id.simple()),
        false => format!("domain_id = '{id}'"),
    };
    let mut versions = vec![("another version", right.clone(), 2)];
    versions.extend(wrong.into_iter().map(|(what, bytes)| (what, bytes, 1)));
    for (what, bytes, version) in versions {
        let set = format!(
            "UPDATE seeds SET sealed = {}, key_version = {version} WHERE {}",
            blob(&bytes),
            whose(acme)
        );
        assert_eq!(raw.run(&set).await, 1);
        let before = picture(it.database()).await;
        // Nothing is remembered there of how it opened before.
        let app = App::start(it.acme.server.app.store().clone(), chains());
        app.open();
        let mut keeper = Keeper::of(connect(TestServer::listen(&app).await).await, &it.acme.tenant.key);
        for network in ["bitcoin", "tron", "ethereum", "solana"] {
            let refused = keeper.create(&ada, &[network]).await;
            assert_eq!(refusal(refused), is(Code::Internal, "INTERNAL"), "{what}, {network}");
        }
        assert_eq!(picture(it.database()).await, before, "{what}");
    }
    raw.run(&format!("UPDATE seeds SET sealed = {}, key_version = 1 WHERE {}", blob(&right), whose(acme)))
        .await;
    let app = App::start(it.acme.server.app.store().clone(), chains());
    app.open();
    let mut keeper = Keeper::of(connect(TestServer::listen(&app).await).await, &it.acme.tenant.key);
    keeper.create(&ada, &["bitcoin", "tron", "ethereum", "solana"]).await.unwrap();
    // What was refused ended no index: they are all the customer's, one after another.
    let list = purser::api::ListWalletsRequest { customer_id: ada, ..Default::default() };
    assert_eq!(keeper.list(list).await.unwrap().wallets.len(), 2);
    crate::concurrency::assert_sound(it.acme.server.app.store()).await;
}

fn raw_is_sqlite(it: &Purse) -> bool {
    it.acme.server.app.store().is_embedded()
}
