//! Many at once: one record of one external id, and counts that stay exact.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::billing_wire::{KINDS, but};
use crate::concurrency::{assert_sound, channels};
use crate::harness::on_each_database;
use crate::wallets_wire::{Keeper, Purse};

on_each_database!(Purse:
    an_external_id_that_many_tell_of_at_once_is_one_record,
    counts_stay_exact_whatever_happens_at_once,
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

async fn counts_stay_exact_whatever_happens_at_once(mut it: Purse) {
    let customers = [it.customer().await, it.customer().await, it.customer().await];
    let mut racing = JoinSet::new();
    for (n, keeper) in keepers(&it, 16).await.into_iter().enumerate() {
        let customers = customers.clone();
        let mut client = it.acme.client.clone();
        racing.spawn(async move {
            for round in 0..12 {
                // Sixteen callers, of whom four each tell of the same; the third customer goes meanwhile.
                let (kind, customer) = (&KINDS[round % 3], &customers[n % 3]);
                let record = but(
                    kind.of(customer, &format!("{}-{round}", n % 12)),
                    &json!({"status": format!("S{n}")}),
                );
                let outcome = keeper.outcome(kind.upsert, &json!({kind.noun: record})).await;
                assert!(outcome == "OK" || outcome.ends_with("CUSTOMER_DELETED"), "{outcome}");
                if n == 2 && round == 6 {
                    client.delete(&customers[2]).await.unwrap();
                }
            }
        });
    }
    racing.join_all().await;
    for customer in &customers {
        let overview = it.keeper.say("GetCustomerOverview", &json!({"customer_id": customer})).await;
        for kind in &KINDS {
            let listed = it.keeper.pages(kind, &json!({"customer_id": customer}), 100).await.len();
            let counted = overview.get(kind.count).map_or("0", |it| it.as_str().unwrap());
            assert_eq!(counted, listed.to_string(), "{}", kind.nouns);
        }
    }
    assert_sound(it.acme.server.app.store()).await;
}
