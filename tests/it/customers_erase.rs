//! Erasing a customer, over the wire: who may be, what is left, and what nobody can do any more.

use std::time::Duration;

use purser::api::{self, Customer, CustomerStatus, KycStatus, TransactionStatus, TransactionType};
use purser::domain::EventFilter;
use serde_json::json;
use tonic::Code;

use crate::concurrency::assert_sound;
use crate::harness::{away_from_midnight, on_each_database, operator};
use crate::wallets_wire::{Purse, booked, failed};
use crate::wire::{Answer, Client, aliased, deleting, is, refusal, told, updating, whole};

on_each_database!(Purse:
    what_is_left_is_an_id_with_its_times,
    only_who_is_deleted_is_erased_and_only_once,
    nothing_changes_who_is_erased,
    a_repeated_request_is_answered_as_the_first_time,
    what_was_asked_before_is_forgotten,
    the_alias_is_held_for_nobody_until_its_time,
    wallets_stay_and_say_nothing,
    a_suspended_domain_erases_nobody,
    an_erasure_goes_through_while_other_tenants_write_without_a_pause,
);

async fn erase_as(client: &mut Client, id: &str, request_id: &str) -> Answer<(Customer, bool)> {
    let request = api::EraseCustomerRequest { id: id.to_owned(), request_id: request_id.to_owned() };
    let answer = client.0.erase_customer(request).await?;
    let replayed = answer.metadata().contains_key("idempotent-replayed");
    Ok((answer.into_inner().customer.unwrap(), replayed))
}

async fn erase(client: &mut Client, id: &str) -> Answer {
    Ok(erase_as(client, id, "").await?.0)
}

async fn gone(it: &mut Purse, customer: Customer) -> Customer {
    let made = it.acme.client.create(customer).await.unwrap();
    it.acme.client.delete(&made.id).await.unwrap()
}

/// Everything of the domain's log, oldest first.
async fn log(it: &Purse) -> Vec<purser::domain::Event> {
    let id = it.acme.tenant.domain.id.into();
    let store = it.acme.server.app.store();
    store.events(id, (0, i64::MAX), &EventFilter::default(), 1_000).await.unwrap()
}

async fn what_is_left_is_an_id_with_its_times(mut it: Purse) {
    let firm = Customer {
        r#type: api::CustomerType::Business.into(),
        business: Some(api::Business { legal_name: "Ada Ltd".to_owned(), ..Default::default() }),
        billing_address: Some(api::BillingAddress { city: "Berlin".to_owned(), ..Default::default() }),
        phone: "+4930123456".to_owned(),
        ..whole("ada", "acme")
    };
    let deleted = gone(&mut it, firm).await;
    let erased = erase(&mut it.acme.client, &deleted.id).await.unwrap();
    let expected = Customer {
        id: deleted.id.clone(),
        domain_id: deleted.domain_id.clone(),
        r#type: deleted.r#type,
        status: CustomerStatus::Deleted.into(),
        kyc_status: deleted.kyc_status,
        block_reasons: deleted.block_reasons.clone(),
        etag: erased.etag.clone(),
        sequence: deleted.sequence + 1,
        create_time: deleted.create_time,
        update_time: erased.update_time,
        delete_time: deleted.delete_time,
        ..Customer::default()
    };
    assert_eq!(erased, expected);
    assert_eq!(it.acme.client.get(&deleted.id).await.unwrap(), expected);
    let all = api::ListCustomersRequest { show_deleted: true, ..Default::default() };
    assert_eq!(it.acme.client.list(all).await.unwrap().customers, std::slice::from_ref(&expected));
    for search in ["ada", "ada@mail", "ext-ada"] {
        let request =
            api::ListCustomersRequest { search: search.to_owned(), show_deleted: true, ..Default::default() };
        assert!(it.acme.client.list(request).await.unwrap().customers.is_empty(), "{search}");
    }
    let events = log(&it).await;
    let of_them: Vec<_> = events.iter().filter(|it| it.header.customer_id.is_some()).collect();
    let told: Vec<_> = of_them.iter().map(|it| (it.header.kind.as_str(), it.payload.is_some())).collect();
    let expected = [("customer.created", false), ("customer.deleted", false), ("customer.erased", true)];
    assert_eq!(told, expected);
    assert_sound(it.acme.server.app.store()).await;
}

async fn only_who_is_deleted_is_erased_and_only_once(mut it: Purse) {
    let ada = it.acme.client.create(whole("ada", "acme")).await.unwrap();
    let refused = erase(&mut it.acme.client, &ada.id).await.unwrap_err();
    assert_eq!(told(&refused, "customer_id"), ada.id);
    assert_eq!(refusal::<()>(Err(refused)), failed("CUSTOMER_NOT_DELETED"));
    let (_, mut stranger) = it.acme.other("globex").await;
    it.acme.client.delete(&ada.id).await.unwrap();
    let missing = is(Code::NotFound, "CUSTOMER_NOT_FOUND");
    assert_eq!(refusal(erase(&mut stranger, &ada.id).await), missing);
    assert_eq!(refusal(erase(&mut it.acme.client, "cust_01h455vb4pex5vsknk084sn02q").await), missing);
    assert_eq!(
        refusal(erase(&mut it.acme.client, "wal_01h455vb4pex5vsknk084sn02q").await),
        is(Code::InvalidArgument, "INVALID_FIELD")
    );
    erase(&mut it.acme.client, &ada.id).await.unwrap();
    let events = log(&it).await.len();
    assert_eq!(refusal(erase(&mut it.acme.client, &ada.id).await), failed("CUSTOMER_DELETED"));
    assert_eq!(log(&it).await.len(), events);
}

async fn nothing_changes_who_is_erased(mut it: Purse) {
    let ada = gone(&mut it, whole("ada", "acme")).await;
    let erased = erase(&mut it.acme.client, &ada.id).await.unwrap();
    let client = &mut it.acme.client;
    let deleted = failed("CUSTOMER_DELETED");
    assert_eq!(refusal(client.restore(&ada.id).await), deleted);
    assert_eq!(refusal(client.delete(&ada.id).await), deleted);
    assert_eq!(refusal(client.update(&ada.id, &["nick_name"], whole("ada", "acme")).await), deleted);
    assert_eq!(refusal(client.set_kyc(&ada.id, KycStatus::Pending).await), deleted);
    assert_eq!(refusal(it.keeper.create(&ada.id, &["ethereum"]).await), deleted);
    assert_eq!(refusal(it.keeper.ledger(&ada.id, "EUR").await), deleted);
    assert_eq!(it.acme.client.get(&ada.id).await.unwrap(), erased);
}

async fn a_repeated_request_is_answered_as_the_first_time(mut it: Purse) {
    let ada = gone(&mut it, whole("ada", "acme")).await;
    let bob = gone(&mut it, whole("bob", "acme")).await;
    let client = &mut it.acme.client;
    let (first, replayed) = erase_as(client, &ada.id, "erase-1").await.unwrap();
    assert!(!replayed);
    assert_eq!(erase_as(client, &ada.id, "erase-1").await.unwrap(), (first, true));
    let reused = is(Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(refusal(erase_as(client, &bob.id, "erase-1").await), reused);
    let restore = api::RestoreCustomerRequest { id: bob.id.clone(), request_id: "erase-1".to_owned() };
    assert_eq!(refusal(client.0.restore_customer(restore).await), reused);
    assert_eq!(refusal(erase_as(client, &ada.id, "erase-2").await), failed("CUSTOMER_DELETED"));
}

/// What was asked may say whom it was about: also where it changed nothing, and no event has its id.
async fn what_was_asked_before_is_forgotten(mut it: Purse) {
    let client = &mut it.acme.client;
    let request = api::CreateCustomerRequest {
        customer: Some(whole("ada", "acme")),
        request_id: "create-ada".to_owned(),
        ..Default::default()
    };
    let ada = client.0.create_customer(request.clone()).await.unwrap().into_inner().customer.unwrap();
    let idle = api::UpdateCustomerRequest {
        request_id: "idle-ada".to_owned(),
        ..updating(&ada.id, &["first_name"], whole("ada", "acme"))
    };
    assert_eq!(client.update_as(idle.clone()).await.unwrap(), ada);
    // Its first answer, whatever the customer has become since.
    client
        .update(&ada.id, &["nick_name"], Customer { nick_name: "A".to_owned(), ..Default::default() })
        .await
        .unwrap();
    assert_eq!(client.update_as(idle).await.unwrap(), ada);
    let wallet = it.keeper.ledger(&ada.id, "EUR").await.unwrap();
    let freeze = |id: &str| api::UnfreezeWalletRequest {
        id: wallet.id.clone(),
        request_id: id.to_owned(),
        ..Default::default()
    };
    it.keeper.wallets.unfreeze_wallet(freeze("idle-wallet")).await.unwrap();
    it.keeper.wallets.unfreeze_wallet(freeze("idle-wallet")).await.unwrap();
    let delete = api::SoftDeleteCustomerRequest { request_id: "delete-ada".to_owned(), ..deleting(&ada.id) };
    client_of(&it).delete_as(delete.clone()).await.unwrap();
    let bob = it.acme.client.create(whole("bob", "acme")).await.unwrap();
    let idle_bob = api::UpdateCustomerRequest {
        request_id: "idle-bob".to_owned(),
        ..updating(&bob.id, &["first_name"], whole("bob", "acme"))
    };
    it.acme.client.update_as(idle_bob).await.unwrap();
    erase(&mut it.acme.client, &ada.id).await.unwrap();
    for table in ["requests", "answers", "events"] {
        let rows = crate::rows::dump(it.database(), table).await;
        for id in ["create-ada", "idle-ada", "idle-wallet", "delete-ada"] {
            assert!(!rows.contains(id), "{id} is in {table}");
        }
        assert!(table == "events" || rows.contains("idle-bob"), "nobody else's is gone from {table}");
    }
    // What is repeated late makes nobody again, and says so before anything else.
    let reused = is(Code::InvalidArgument, "REQUEST_ID_REUSED");
    let client = &mut it.acme.client;
    let again = client.0.create_customer(request).await;
    assert_eq!(refusal(again), reused);
    assert_eq!(refusal(client.delete_as(delete).await), reused);
    let everybody = api::ListCustomersRequest { show_deleted: true, ..Default::default() };
    assert_eq!(client.list(everybody).await.unwrap().customers.len(), 2);
    assert_sound(it.acme.server.app.store()).await;
}

fn client_of(it: &Purse) -> Client {
    it.acme.client.clone()
}

async fn the_alias_is_held_for_nobody_until_its_time(it: Purse) {
    away_from_midnight().await;
    let (_, mut client, _) = it.with("short", json!({"alias_quarantine_us": 2_000_000})).await;
    let ada = client.create(whole("ada", "short")).await.unwrap();
    client.delete(&ada.id).await.unwrap();
    erase(&mut client, &ada.id).await.unwrap();
    let refused = client.create(aliased("ada@short")).await.unwrap_err();
    assert!(!told(&refused, "quarantine_end_time").is_empty());
    assert!(!format!("{refused:?}").contains(&ada.id), "with no link to the person");
    assert_eq!(refusal::<()>(Err(refused)), is(Code::AlreadyExists, "ALIAS_QUARANTINED"));
    assert_eq!(refusal(client.resolve("ada@short").await), is(Code::NotFound, "ALIAS_NOT_FOUND"));
    // The email and the external id were free from the deletion on.
    client.create(Customer { payment_address: String::new(), ..whole("ada", "short") }).await.unwrap();
    // To the end of the day, which does not say when they were deleted.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let refused = client.create(aliased("ada@short")).await.unwrap_err();
    assert!(told(&refused, "quarantine_end_time").contains("T00:00:00"), "{refused:?}");
    assert_sound(it.acme.server.app.store()).await;
}

async fn wallets_stay_and_say_nothing(mut it: Purse) {
    let ada = it.acme.client.create(whole("ada", "acme")).await.unwrap();
    let wallet = it.keeper.ledger(&ada.id, "EUR").await.unwrap();
    let managed = it.keeper.create(&ada.id, &["ethereum"]).await.unwrap();
    // All that a text may hold which could be taken for something else.
    let texts =
        ["rent for Ada", "a \"description\":\"x\" \\", "\\\",\"description\":\"x\"", "{},\u{1f375}", ""];
    let mut pending = Vec::new();
    for text in texts {
        let transaction = api::Transaction {
            description: text.to_owned(),
            status: TransactionStatus::Pending.into(),
            ..booked(TransactionType::Credit, &wallet.id, "1")
        };
        let made = it.keeper.record(transaction.clone()).await.unwrap();
        assert_eq!(made.description, text);
        pending.push(made);
        let confirmed = TransactionStatus::Confirmed.into();
        it.keeper.record(api::Transaction { status: confirmed, ..transaction }).await.unwrap();
    }
    let before = it.keeper.transactions(&wallet.id).await;
    it.acme.client.delete(&ada.id).await.unwrap();
    erase(&mut it.acme.client, &ada.id).await.unwrap();
    let silent: Vec<_> =
        before.into_iter().map(|it| api::Transaction { description: String::new(), ..it }).collect();
    assert_eq!(it.keeper.transactions(&wallet.id).await, silent);
    assert_eq!(it.keeper.get(&managed.id).await.unwrap(), managed);
    assert_eq!(it.keeper.balances(&wallet.id).await[0][2], "5");
    for transaction in pending {
        let moved = it.keeper.move_on(&transaction.id, TransactionStatus::Confirmed).await.unwrap();
        assert_eq!(moved.description, "");
    }
    assert_eq!(it.keeper.balances(&wallet.id).await[0][2], "10");
    let reason = "zq after all";
    let freeze = api::FreezeWalletRequest { id: managed.id, reason: reason.to_owned(), ..Default::default() };
    it.keeper.wallets.freeze_wallet(freeze).await.unwrap();
    let remove = api::RemoveWalletRequest { id: wallet.id, reason: reason.to_owned(), ..Default::default() };
    it.keeper.wallets.remove_wallet(remove).await.unwrap();
    assert!(log(&it).await.iter().all(|it| it.header.reason != reason));
    assert_sound(it.acme.server.app.store()).await;
}

async fn a_suspended_domain_erases_nobody(mut it: Purse) {
    let ada = gone(&mut it, whole("ada", "acme")).await;
    let domain = it.acme.tenant.domain.clone();
    it.acme.suspend(&domain).await;
    let caller = operator();
    assert_eq!(refusal(erase(&mut it.acme.client, &ada.id).await), failed("DOMAIN_SUSPENDED"));
    let id = ada.id.parse().unwrap();
    it.acme.reinstate(&domain).await;
    it.acme.server.app.erase_customer(&caller, id, None).await.unwrap();
}

async fn an_erasure_goes_through_while_other_tenants_write_without_a_pause(it: Purse) {
    let mut tenants = Vec::new();
    for n in 0..6 {
        let (_, mut client) = it.acme.other(&format!("busy{n}")).await;
        let made = client.create(Customer::default()).await.unwrap();
        client.delete(&made.id).await.unwrap();
        tenants.push((client, made.id));
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut busy = tokio::task::JoinSet::new();
    for n in 0..24 {
        let (mut client, stopped) = (tenants[n % 6].0.clone(), stopped.clone());
        busy.spawn(async move {
            let mut made = 0;
            while !*stopped.borrow() {
                client.create(Customer::default()).await.unwrap();
                made += 1;
            }
            made
        });
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for (client, id) in &mut tenants {
        tokio::time::timeout(Duration::from_secs(30), erase(client, id)).await.unwrap().unwrap();
    }
    stop.send_replace(true);
    while let Some(made) = busy.join_next().await {
        assert!(made.unwrap() > 0, "nobody waits for all the others");
    }
    assert_sound(it.acme.server.app.store()).await;
}
