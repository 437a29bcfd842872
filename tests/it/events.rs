//! The log, listed, and what somebody was.

use purser::api::event::Payload;
use purser::api::get_customer_as_of_request::{At, Key};
use purser::api::{self, Customer, CustomerStatus, KycStatus, ListEventsRequest};
use serde_json::json;
use tonic::Code;

use crate::events_wire::{Reader, now};
use crate::harness::{bad_fields, on_each_database};
use crate::wallets_wire::Keeper;
use crate::wire::{Acme, aliased, is, refusal, told, whole};

on_each_database!(Acme:
    every_change_is_one_event_with_the_resource_as_it_became,
    a_list_goes_on_where_it_was_told_to,
    a_filter_finds_just_what_it_names,
    what_the_log_does_not_have_is_refused,
    a_customer_is_what_they_were_at_every_place_and_time,
    a_payment_address_means_whoever_had_it_then,
    whether_a_customer_could_receive_is_by_the_domain_as_it_was,
    no_customer_was_there_before_they_were_made,
    bad_fields_of_every_event_method_are_named_at_once,
);

/// The events about one customer, by type.
async fn about(reader: &mut Reader, customer: &str) -> Vec<api::Event> {
    let customer_id = customer.to_owned();
    let request = ListEventsRequest { customer_id, page_size: 100, ..Default::default() };
    reader.list(request).await.unwrap().events
}

async fn every_change_is_one_event_with_the_resource_as_it_became(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    let mut keeper = Keeper::of(it.server.channel().await, &it.tenant.key);
    let made = it.client.create(whole("ada", "acme")).await.unwrap();
    let named =
        it.client.update(&made.id, &["nick_name"], Customer { nick_name: "A".into(), ..made.clone() }).await;
    let pending = it.client.set_kyc(&made.id, KycStatus::Pending).await.unwrap();
    let approved = it.client.set_kyc(&made.id, KycStatus::Approved).await.unwrap();
    let wallet = keeper.ledger(&made.id, "EUR").await.unwrap();
    let deleted = it.client.delete(&made.id).await.unwrap();
    let restored = it.client.restore(&made.id).await.unwrap();

    let events = about(&mut reader, &made.id).await;
    let types: Vec<_> = events.iter().map(|it| it.r#type.as_str()).collect();
    assert_eq!(
        types,
        [
            "customer.created",
            "customer.updated",
            "customer.kyc_updated",
            "customer.kyc_updated",
            "wallet.created",
            "customer.deleted",
            "customer.restored"
        ]
    );
    let states = [made, named.unwrap(), pending, approved, deleted, restored];
    let customers = events.iter().filter_map(|it| match it.payload.clone().unwrap() {
        Payload::Customer(customer) => Some((it, customer)),
        _ => None,
    });
    for ((event, customer), state) in customers.zip(states) {
        assert_eq!(customer, state, "{}", event.r#type);
        assert_eq!((event.sequence, &event.resource_id), (state.sequence, &state.id));
        assert_eq!((&event.customer_id, &event.domain_id), (&state.id, &state.domain_id));
        assert!(event.actor.starts_with("key_") && event.id.starts_with("evt_"));
        assert_eq!(event.create_time, state.update_time);
    }
    assert_eq!(events[1].changed_fields, ["nick_name"]);
    assert_eq!(events[4].payload, Some(Payload::Wallet(wallet.clone())));
    assert_eq!((events[4].sequence, &events[4].resource_id), (wallet.sequence, &wallet.id));
}

async fn a_list_goes_on_where_it_was_told_to(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    for n in 0..30 {
        it.client.create(aliased(&format!("c{n}@acme"))).await.unwrap();
    }
    let all = reader.all_after(0).await;
    assert!(all.iter().map(|it| it.sequence).eq(1..=i64::try_from(all.len()).unwrap()), "no gap");
    let time = |it: &api::Event| it.create_time.map(|it| (it.seconds, it.nanos));
    assert!(all.windows(2).all(|it| time(&it[0]) <= time(&it[1])));
    for page_size in [0, 1, 7, 100, 1000] {
        let (mut seen, mut after_sequence) = (Vec::new(), 0);
        loop {
            let request = ListEventsRequest { after_sequence, page_size, ..Default::default() };
            let page = reader.list(request).await.unwrap();
            assert!(page.events.len() <= if page_size == 0 { 25 } else { page_size.min(100) as usize });
            seen.extend(page.events);
            after_sequence = page.next_after_sequence;
            if after_sequence == page.last_sequence {
                break;
            }
        }
        assert_eq!(seen, all, "{page_size}");
    }
}

async fn a_filter_finds_just_what_it_names(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    let ada = it.client.create(aliased("ada@acme")).await.unwrap();
    let bob = it.client.create(aliased("bob@acme")).await.unwrap();
    it.client.delete(&ada.id).await.unwrap();
    it.client.delete(&bob.id).await.unwrap();
    let types = |types: &[&str]| types.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let request = ListEventsRequest { types: types(&["customer.deleted"]), ..Default::default() };
    let found = reader.list(request).await.unwrap();
    let of: Vec<_> = found.events.iter().map(|it| &it.resource_id).collect();
    assert_eq!(of, [&ada.id, &bob.id]);
    assert_eq!(found.next_after_sequence, found.last_sequence);
    let request = ListEventsRequest {
        types: types(&["customer.created", "wallet.created"]),
        customer_id: bob.id.clone(),
        ..Default::default()
    };
    let found = reader.list(request).await.unwrap().events;
    assert_eq!(found.iter().map(|it| it.sequence).collect::<Vec<_>>(), [bob.sequence]);
    // One that is full says so, though what follows is of other types.
    let request =
        ListEventsRequest { types: types(&["customer.created"]), page_size: 1, ..Default::default() };
    let page = reader.list(request).await.unwrap();
    assert_eq!(page.next_after_sequence, ada.sequence);
}

async fn what_the_log_does_not_have_is_refused(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    let ada = it.client.create(aliased("ada@acme")).await.unwrap();
    let last = ada.sequence;
    let at = |after_sequence| ListEventsRequest { after_sequence, ..Default::default() };
    assert!(reader.list(at(last)).await.unwrap().events.is_empty());
    let refused = reader.list(at(last + 1)).await.unwrap_err();
    assert_eq!(refusal::<()>(Err(refused.clone())), is(Code::OutOfRange, "SEQUENCE_AHEAD"));
    assert_eq!(told(&refused, "last_sequence"), last.to_string());
    let ahead = reader.watch(crate::events_wire::after(last + 1), &[]).await;
    assert_eq!(refusal(ahead.map(drop)), is(Code::OutOfRange, "SEQUENCE_AHEAD"));
    let ahead = reader.as_of(Key::Id(ada.id), At::Sequence(last + 1)).await;
    assert_eq!(refusal(ahead), is(Code::OutOfRange, "SEQUENCE_AHEAD"));
    assert!(reader.list(at(i64::MAX)).await.is_err());
}

async fn a_customer_is_what_they_were_at_every_place_and_time(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    let mut states = vec![it.client.create(whole("ada", "acme")).await.unwrap()];
    let id = states[0].id.clone();
    for n in 0..5 {
        // What happens to others is no change of theirs.
        it.client.create(aliased(&format!("c{n}@acme"))).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        let named = Customer { name: format!("n{n}"), ..Default::default() };
        states.push(it.client.update(&id, &["name"], named).await.unwrap());
    }
    states.push(it.client.delete(&id).await.unwrap());
    let events = reader.all_after(0).await;
    for event in &events {
        let then = states.iter().rev().find(|it| it.sequence <= event.sequence);
        let found = reader.as_of(Key::Id(id.clone()), At::Sequence(event.sequence)).await;
        match then {
            Some(then) => assert_eq!(found.unwrap(), *then),
            None => assert_eq!(refusal(found), is(Code::NotFound, "CUSTOMER_NOT_FOUND")),
        }
        let latest_of_time = events.iter().rev().find(|it| it.create_time == event.create_time).unwrap();
        let then = states.iter().rev().find(|it| it.sequence <= latest_of_time.sequence);
        let found = reader.as_of(Key::Id(id.clone()), At::Time(event.create_time.unwrap())).await;
        match then {
            Some(then) => assert_eq!(found.unwrap(), *then),
            None => assert_eq!(refusal(found), is(Code::NotFound, "CUSTOMER_NOT_FOUND")),
        }
    }
}

async fn a_payment_address_means_whoever_had_it_then(it: Acme) {
    let (tenant, mut client) = it.with("brief", json!({"alias_quarantine_us": 0})).await;
    let mut reader = Reader::at(it.server.channel().await, &tenant.key);
    let mut owners = Vec::new();
    for _ in 0..3 {
        let owner = client.create(aliased("ada@brief")).await.unwrap();
        let gone = client.delete(&owner.id).await.unwrap();
        owners.push((owner, gone));
    }
    let last = client.create(aliased("ada@brief")).await.unwrap();
    let key = || Key::PaymentAddress("Ada@brief".to_owned());
    for (owner, gone) in owners {
        assert_eq!(reader.as_of(key(), At::Sequence(owner.sequence)).await.unwrap(), owner);
        let after = reader.as_of(key(), At::Sequence(gone.sequence)).await;
        assert_eq!(refusal(after), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
    }
    assert_eq!(reader.as_of(key(), At::Sequence(last.sequence)).await.unwrap(), last);
    let before = reader.as_of(key(), At::Sequence(1)).await;
    assert_eq!(refusal(before), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
    // Who was there already, and took it only later, did not have it before.
    let late = client.create(Customer::default()).await.unwrap();
    let between = late.sequence;
    let gone = client.delete(&last.id).await.unwrap();
    let had = client.update(&late.id, &["payment_address"], aliased("ada@brief")).await.unwrap();
    assert_eq!(reader.as_of(key(), At::Sequence(between)).await.unwrap(), last);
    let nobody = reader.as_of(key(), At::Sequence(gone.sequence)).await;
    assert_eq!(refusal(nobody), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
    assert_eq!(reader.as_of(key(), At::Sequence(had.sequence)).await.unwrap(), had);
}

async fn whether_a_customer_could_receive_is_by_the_domain_as_it_was(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    let ada = it.client.create(aliased("ada@acme")).await.unwrap();
    it.suspend(&it.tenant.domain).await;
    it.reinstate(&it.tenant.domain).await;
    let could = |customer: Customer| (customer.can_receive, customer.block_reasons.len());
    let at = |n| At::Sequence(ada.sequence + n);
    assert_eq!(could(reader.as_of(Key::Id(ada.id.clone()), at(0)).await.unwrap()), (true, 0));
    assert_eq!(could(reader.as_of(Key::Id(ada.id.clone()), at(1)).await.unwrap()), (false, 1));
    assert_eq!(could(reader.as_of(Key::Id(ada.id.clone()), at(2)).await.unwrap()), (true, 0));
    it.suspend(&it.tenant.domain).await;
    let created = about(&mut reader, &ada.id).await.remove(0);
    assert_eq!(created.payload, Some(Payload::Customer(ada)));
}

async fn no_customer_was_there_before_they_were_made(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    let before = now();
    let ada = it.client.create(aliased("ada@acme")).await.unwrap();
    let missing = reader.as_of(Key::Id(ada.id.clone()), At::Time(before)).await;
    assert_eq!(refusal(missing), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
    let long_ago = prost_types::Timestamp { seconds: 0, nanos: 0 };
    let missing = reader.as_of(Key::Id(ada.id.clone()), At::Time(long_ago)).await;
    assert_eq!(refusal(missing), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
    let now = reader.as_of(Key::Id(ada.id.clone()), At::Sequence(ada.sequence)).await.unwrap();
    assert_eq!(now.status(), CustomerStatus::Enabled);
    // Another tenant's alias looks like nobody's.
    let (tenant, _) = it.other("globex").await;
    let mut other = Reader::at(it.server.channel().await, &tenant.key);
    for key in [Key::Id(ada.id), Key::PaymentAddress("ada@acme".to_owned())] {
        let missing = other.as_of(key, At::Sequence(1)).await;
        assert_eq!(refusal(missing), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
    }
}

async fn bad_fields_of_every_event_method_are_named_at_once(it: Acme) {
    let mut reader = Reader::of(&it).await;
    let request = ListEventsRequest {
        domain_id: "acme".to_owned(),
        after_sequence: -1,
        types: vec!["customer.creatd".to_owned()],
        customer_id: "ada".to_owned(),
        page_size: -1,
    };
    let refused = reader.list(request).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["domain_id", "after_sequence", "types", "customer_id", "page_size"]);
    let many = ListEventsRequest { types: vec!["customer.created".to_owned(); 101], ..Default::default() };
    assert_eq!(bad_fields(&reader.list(many).await.unwrap_err()), ["types"]);
    let request = api::WatchRequest {
        domain_id: "acme".to_owned(),
        from: Some(api::watch_request::From::Start(9)),
        types: vec![String::new()],
    };
    let refused = reader.0.watch(request).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["domain_id", "types", "start"]);
    let refused = reader.watch(crate::events_wire::after(-1), &[]).await.map(drop).unwrap_err();
    assert_eq!(bad_fields(&refused), ["after_sequence"]);
    let refused = reader.0.get_customer_as_of(api::GetCustomerAsOfRequest::default()).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["key", "at"]);
    let refused = reader.as_of(Key::PaymentAddress("ada".to_owned()), At::Sequence(0)).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["payment_address", "sequence"]);
    let far = prost_types::Timestamp { seconds: 253_402_300_799, nanos: 0 };
    let id = it.client.clone().create(aliased("ada@acme")).await.unwrap().id;
    let refused = reader.as_of(Key::Id(id), At::Time(far)).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["time"]);
}
