//! Many at once: one record of one external id, and counts that stay exact.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::billing_wire::{KINDS, Kind, but};
use crate::concurrency::{assert_sound, channels};
use crate::harness::on_each_database;
use crate::journal::size;
use crate::rows::dump_all;
use crate::wallets_wire::{Keeper, Purse};

on_each_database!(Purse:
    an_external_id_that_many_tell_of_at_once_is_one_record,
    counts_stay_exact_and_no_words_come_back_whatever_happens_at_once,
    an_external_id_that_two_customers_race_for_is_one_s,
);

async fn keepers(it: &Purse, count: usize) -> Vec<Keeper> {
    let channels = channels(&it.acme.server, count).await;
    channels.into_iter().map(|channel| Keeper::of(channel, &it.acme.tenant.key)).collect()
}

/// 64 tell of one external id at once, each a status of its own: all are heard, there is one row, one event that it was
/// made, and as many that it changed as there were changes.
///
/// Sabotage: let `KeyKind::is_upserted` be false; or count in `billing::upsert` what is known as well.
async fn an_external_id_that_many_tell_of_at_once_is_one_record(mut it: Purse) {
    let customer = it.customer().await;
    let keepers = keepers(&it, 64).await;
    for kind in &KINDS {
        for same in [true, false] {
            let external_id = format!("order-{same}");
            let mut racing = JoinSet::new();
            for (n, keeper) in keepers.clone().into_iter().enumerate() {
                let status = if same { "OPEN".to_owned() } else { format!("S{n}") };
                let record = but(kind.of(&customer, &external_id), &json!({"status": status}));
                racing.spawn(async move { keeper.upsert(kind, &record).await });
            }
            let told: Vec<Value> = racing.join_all().await;
            let ids: std::collections::BTreeSet<_> = told.iter().map(|it| it["id"].to_string()).collect();
            assert_eq!(ids.len(), 1);
        }
        assert_eq!(it.rows_of(kind.nouns).await, 2);
        assert_eq!(it.events_of(&format!("{}.created", kind.noun)).await, 2);
        assert_eq!(it.events_of(&format!("{}.updated", kind.noun)).await, 63);
        let overview = it.keeper.say("GetCustomerOverview", &json!({"customer_id": customer})).await;
        assert_eq!(overview[kind.count], "2");
    }
    assert_sound(it.acme.server.app.store()).await;
}

/// What the counters say of a customer.
async fn counted(it: &Purse, customer: &str, kind: &Kind) -> String {
    let overview = it.keeper.say("GetCustomerOverview", &json!({"customer_id": customer})).await;
    overview.get(kind.count).map_or("0", |it| it.as_str().unwrap()).to_owned()
}

/// CON-6 for billing: sixteen callers tell of the same, four of each external id, and the third customer is deleted
/// and erased meanwhile. One race of 18 rounds, or one for every 500 of `PURSER_PROOF_CON_6`, each for new customers.
///
/// Sabotage: do not expect the customer in `billing::upsert`; or read the record before the customer.
async fn counts_stay_exact_and_no_words_come_back_whatever_happens_at_once(mut it: Purse) {
    let races = size("PURSER_PROOF_CON_6", 500).div_ceil(500);
    let keepers = keepers(&it, 16).await;
    for race in 0..races {
        tell_while_one_is_erased(&mut it, &keepers, race).await;
    }
    assert!(!dump_all(it.database()).await.contains("zqerased"), "a word came back");
    assert_sound(it.acme.server.app.store()).await;
    eprintln!("CON-6: {races} customers erased while they were billed; 0 words came back");
}

/// One race, whose external ids and requests are its own.
async fn tell_while_one_is_erased(it: &mut Purse, keepers: &[Keeper], race: usize) {
    const ROUNDS: usize = 18;
    let customers = [it.customer().await, it.customer().await, it.customer().await];
    let mut racing = JoinSet::new();
    for (n, keeper) in keepers.iter().cloned().enumerate() {
        let customers = customers.clone();
        racing.spawn(async move {
            let customer = &customers[n % 4 % 3];
            let word = if customer == &customers[2] { "zqerased" } else { "kept" };
            for round in 0..ROUNDS {
                // Each external id comes twice: what is there then is changed, by some to the same.
                let kind = &KINDS[round % 3];
                let words = kind.words(&format!("{word} {}", n / 8));
                let external_id = format!("{race}-{}-{}", n % 4, round % 9);
                let record = but(kind.of(customer, &external_id), &words);
                let asked = json!({kind.noun: record, "request_id": format!("{race}-{n}-{round}")});
                let outcome = keeper.outcome(kind.upsert, &asked).await;
                assert!(outcome == "OK" || outcome.ends_with("CUSTOMER_DELETED"), "{outcome}");
                if n == 2 && round == 6 {
                    for method in ["SoftDeleteCustomer", "EraseCustomer"] {
                        keeper.say(method, &json!({"id": customer})).await;
                    }
                }
            }
        });
    }
    racing.join_all().await;
    for (customer, wanted) in customers.iter().zip([Some("6"), Some("3"), None]) {
        for kind in &KINDS {
            let listed = it.keeper.pages(kind, &json!({"customer_id": customer}), 100).await;
            let counted = counted(it, customer, kind).await;
            assert_eq!(counted, listed.len().to_string(), "{}", kind.nouns);
            assert!(wanted.is_none_or(|it| it == counted), "{counted} {}", kind.nouns);
            let words = listed.iter().filter(|it| it.get("description").is_some()).count();
            assert_eq!(words, if wanted.is_some() { listed.len() } else { 0 });
        }
    }
}

/// Half of 32 tell of an external id as one customer's, half as another's: whoever is first has it, and all others
/// hear so. Four rounds of each kind, or one for every 125 of `PURSER_PROOF_CON_6`.
async fn an_external_id_that_two_customers_race_for_is_one_s(mut it: Purse) {
    let rounds = size("PURSER_PROOF_CON_6", 500).div_ceil(125);
    let customers = [it.customer().await, it.customer().await];
    let keepers = keepers(&it, 32).await;
    for kind in &KINDS {
        for round in 0..rounds {
            let mut racing = JoinSet::new();
            for (n, keeper) in keepers.iter().cloned().enumerate() {
                let record = kind.of(&customers[n % 2], &format!("order-{round}"));
                let asked = json!({kind.noun: record});
                racing.spawn(async move { (n % 2, keeper.outcome(kind.upsert, &asked).await) });
            }
            let mut ended = racing.join_all().await;
            ended.sort();
            ended.dedup();
            let fixed = "FAILED_PRECONDITION BILLING_RECORD_CUSTOMER_FIXED".to_owned();
            let owner = ended.iter().find(|it| it.1 == "OK").unwrap().0;
            let mut expected = [(owner, "OK".to_owned()), (1 - owner, fixed)];
            expected.sort();
            assert_eq!(ended, expected);
            let listed =
                it.keeper.pages(kind, &json!({"external_ids": [format!("order-{round}")]}), 25).await;
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0]["customer_id"], customers[owner].as_str());
        }
        let listed = it.keeper.pages(kind, &json!({}), 100).await;
        assert_eq!(listed.len(), rounds);
        let made = it.events_of(&format!("{}.created", kind.noun)).await;
        assert_eq!(made, i64::try_from(rounds).unwrap());
        for customer in &customers {
            let theirs = listed.iter().filter(|it| it["customer_id"] == customer.as_str()).count();
            assert_eq!(counted(&it, customer, kind).await, theirs.to_string());
        }
    }
    assert_sound(it.acme.server.app.store()).await;
}
