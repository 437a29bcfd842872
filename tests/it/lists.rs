//! Lists of customers over the wire.

use purser::api::{self, Customer, CustomerStatus, CustomerType, KycStatus, ListCustomersRequest};
use purser::domain::{Environment, Scopes};
use tonic::Code;

use crate::harness::{bad_fields, on_each_database};
use crate::wire::{Acme, Client, is, refusal, whole};

on_each_database!(Acme:
    values_of_a_field_are_alternatives_and_fields_must_all_hold,
    newest_come_first_unless_it_is_asked_otherwise,
    deleted_customers_are_listed_when_asked_for,
    a_search_needs_three_characters_and_sees_every_write,
    totals_are_counted_when_asked_for,
    an_organization_key_lists_the_domains_it_names,
    what_means_nothing_is_refused,
    everything_wrong_with_a_list_is_said_at_once,
    customers_on_a_list_are_as_they_are_when_got,
);

fn all() -> ListCustomersRequest {
    ListCustomersRequest { order_by: "create_time".to_owned(), ..Default::default() }
}

/// The first names of those listed.
async fn names(client: &mut Client, request: ListCustomersRequest) -> String {
    let listed = client.list(request).await.unwrap();
    listed.customers.iter().map(|it| it.first_name.as_str()).collect::<Vec<_>>().join(" ")
}

async fn three(it: &mut Acme) -> [Customer; 3] {
    let mut made = Vec::new();
    for (n, word) in ["Ada", "Bob", "Cyd"].into_iter().enumerate() {
        let asked = Customer {
            middle_name: format!("{word} M"),
            last_name: "Last".to_owned(),
            nick_name: format!("{word}y"),
            phone: format!("+123456{n}"),
            r#type: if n == 1 { CustomerType::Business.into() } else { 0 },
            status: if n == 2 { CustomerStatus::Disabled.into() } else { 0 },
            ..whole(word, "acme")
        };
        made.push(it.client.create(asked).await.unwrap());
    }
    it.client.set_kyc(&made[0].id, KycStatus::Pending).await.unwrap();
    made.try_into().unwrap()
}

async fn values_of_a_field_are_alternatives_and_fields_must_all_hold(mut it: Acme) {
    let [ada, bob, cyd] = three(&mut it).await;
    let of = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let table = [
        (all(), "Ada Bob Cyd"),
        (ListCustomersRequest { ids: vec![ada.id.clone(), cyd.id.clone()], ..all() }, "Ada Cyd"),
        (ListCustomersRequest { domain_ids: vec![ada.domain_id.clone()], ..all() }, "Ada Bob Cyd"),
        (ListCustomersRequest { types: vec![CustomerType::Business.into()], ..all() }, "Bob"),
        (ListCustomersRequest { types: vec![1, 2], ..all() }, "Ada Bob Cyd"),
        (ListCustomersRequest { first_names: of(&["Ada", "Bob", "Eve"]), ..all() }, "Ada Bob"),
        (ListCustomersRequest { first_names: of(&["ada", "Ad", "%"]), ..all() }, ""),
        (ListCustomersRequest { middle_names: of(&["Cyd M"]), ..all() }, "Cyd"),
        (ListCustomersRequest { last_names: of(&["Last"]), ..all() }, "Ada Bob Cyd"),
        (ListCustomersRequest { nick_names: of(&["Ady", "Aday"]), ..all() }, "Ada"),
        (
            ListCustomersRequest { payment_addresses: of(&["ADA@acme", "cyd@acme", "bob@globex"]), ..all() },
            "Ada Cyd",
        ),
        (ListCustomersRequest { emails: of(&["BOB@mail.example"]), ..all() }, "Bob"),
        (ListCustomersRequest { phones: of(&["+1234560", "+1234562"]), ..all() }, "Ada Cyd"),
        (ListCustomersRequest { external_ids: of(&["ext-Ada", "ext-bob"]), ..all() }, "Ada"),
        (ListCustomersRequest { statuses: vec![CustomerStatus::Disabled.into()], ..all() }, "Cyd"),
        (ListCustomersRequest { statuses: vec![1, 2], ..all() }, "Ada Bob Cyd"),
        (ListCustomersRequest { kyc_statuses: vec![KycStatus::Pending.into()], ..all() }, "Ada"),
        (ListCustomersRequest { create_time_after: ada.create_time, ..all() }, "Bob Cyd"),
        (ListCustomersRequest { create_time_before: cyd.create_time, ..all() }, "Ada Bob"),
        (
            ListCustomersRequest {
                create_time_after: ada.create_time,
                create_time_before: cyd.create_time,
                ..all()
            },
            "Bob",
        ),
        (ListCustomersRequest { search: "LAST".to_owned(), statuses: vec![1], ..all() }, "Cyd"),
        (
            ListCustomersRequest { first_names: of(&["Ada", "Bob"]), phones: of(&["+1234560"]), ..all() },
            "Ada",
        ),
        (ListCustomersRequest { ids: vec![bob.id.clone()], emails: of(&["ada@mail.example"]), ..all() }, ""),
    ];
    for (request, expected) in table {
        assert_eq!(names(&mut it.client, request.clone()).await, expected, "{request:?}");
    }
}

async fn newest_come_first_unless_it_is_asked_otherwise(mut it: Acme) {
    three(&mut it).await;
    for (order_by, expected) in
        [("", "Cyd Bob Ada"), ("create_time desc", "Cyd Bob Ada"), ("create_time", "Ada Bob Cyd")]
    {
        let request = ListCustomersRequest { order_by: order_by.to_owned(), ..Default::default() };
        assert_eq!(names(&mut it.client, request).await, expected);
    }
    for order_by in ["name", "create_time down", "create_time, id", "update_time desc", "CREATE_TIME"] {
        let request = ListCustomersRequest { order_by: order_by.to_owned(), ..Default::default() };
        assert_eq!(bad_fields(&it.client.list(request).await.unwrap_err()), ["order_by"], "{order_by}");
    }
}

async fn deleted_customers_are_listed_when_asked_for(mut it: Acme) {
    let [_, bob, _] = three(&mut it).await;
    it.client.delete(&bob.id).await.unwrap();
    let deleted = vec![CustomerStatus::Deleted.into()];
    for (request, expected) in [
        (all(), "Ada Cyd"),
        (ListCustomersRequest { ids: vec![bob.id.clone()], ..all() }, ""),
        (ListCustomersRequest { emails: vec![bob.email.clone()], ..all() }, ""),
        (ListCustomersRequest { show_deleted: true, ..all() }, "Ada Bob Cyd"),
        (ListCustomersRequest { show_deleted: true, statuses: deleted.clone(), ..all() }, "Bob"),
        (ListCustomersRequest { show_deleted: true, statuses: vec![1, 2], ..all() }, "Ada Cyd"),
        (ListCustomersRequest { show_deleted: true, emails: vec![bob.email.clone()], ..all() }, "Bob"),
        (ListCustomersRequest { show_deleted: true, search: "bob".to_owned(), ..all() }, "Bob"),
        (ListCustomersRequest { search: "bob".to_owned(), ..all() }, ""),
        // Who asks for DELETED asks to see them.
        (ListCustomersRequest { statuses: deleted, ..all() }, "Bob"),
    ] {
        assert_eq!(names(&mut it.client, request.clone()).await, expected, "{request:?}");
    }
}

async fn a_search_needs_three_characters_and_sees_every_write(mut it: Acme) {
    let search = |text: &str| ListCustomersRequest { search: text.to_owned(), ..all() };
    for text in ["a", "ab", "  ab  ", "你好", "a\nb", &"x".repeat(256)] {
        assert_eq!(bad_fields(&it.client.list(search(text)).await.unwrap_err()), ["search"], "{text:?}");
    }
    for n in 0..10 {
        let word = format!("Wörd{n}");
        let made =
            it.client.create(Customer { first_name: word.clone(), ..Default::default() }).await.unwrap();
        assert_eq!(names(&mut it.client, search(&word.to_uppercase())).await, word);
        let renamed = Customer { first_name: format!("other{n}"), ..Default::default() };
        it.client.update(&made.id, &["first_name"], renamed).await.unwrap();
        assert_eq!(names(&mut it.client, search(&word)).await, "");
        assert_eq!(names(&mut it.client, search(&format!("ther{n}"))).await, format!("other{n}"));
    }
    assert_eq!(it.client.list(search(" other ")).await.unwrap().customers.len(), 10);
}

async fn totals_are_counted_when_asked_for(mut it: Acme) {
    let total = async |client: &mut Client, request: ListCustomersRequest| {
        let listed = client.list(ListCustomersRequest { page_size: 1, ..request }).await.unwrap();
        assert!(!listed.total_size_capped);
        listed.total_size
    };
    let counted = || ListCustomersRequest { include_total_size: true, ..all() };
    assert_eq!(total(&mut it.client, counted()).await, 0);
    let [ada, ..] = three(&mut it).await;
    it.client.delete(&ada.id).await.unwrap();
    let domain = ada.domain_id.clone();
    for (request, expected) in [
        (all(), 0),
        (counted(), 2),
        (ListCustomersRequest { domain_id: domain.clone(), ..counted() }, 2),
        (ListCustomersRequest { domain_ids: vec![domain.clone()], ..counted() }, 2),
        // A domain that is named twice has its customers once.
        (ListCustomersRequest { domain_ids: vec![domain.clone(), domain], ..counted() }, 2),
        (ListCustomersRequest { show_deleted: true, ..counted() }, 3),
        (ListCustomersRequest { types: vec![2], ..counted() }, 1),
        (ListCustomersRequest { search: "last".to_owned(), ..counted() }, 2),
        (ListCustomersRequest { first_names: vec!["Nobody".to_owned()], ..counted() }, 0),
    ] {
        assert_eq!(total(&mut it.client, request.clone()).await, expected, "{request:?}");
    }
    it.client.restore(&ada.id).await.unwrap();
    assert_eq!(total(&mut it.client, counted()).await, 3);
}

async fn an_organization_key_lists_the_domains_it_names(mut it: Acme) {
    let second = it.domain_of(&it.tenant.organization, "second", Environment::Sandbox).await.id.to_string();
    let live = it.domain_of(&it.tenant.organization, "live", Environment::Live).await.id.to_string();
    let (other, mut globex) = it.other("globex").await;
    globex.create(whole("Eve", "globex")).await.unwrap();
    let acme = it.tenant.domain.id.to_string();
    let key = it.server.organization_key(&it.tenant.organization, Environment::Sandbox, Scopes::all()).await;
    let mut client = it.client_of(&key).await;
    for (domain_id, name, word) in
        [(&acme, "acme", "Ada"), (&second, "second", "Bob"), (&acme, "acme", "Cyd")]
    {
        let customer = Some(whole(word, name));
        let request =
            api::CreateCustomerRequest { customer, domain_id: domain_id.clone(), ..Default::default() };
        client.0.create_customer(request).await.unwrap();
    }
    let list = |domain_id: &str, domain_ids: &[&String]| ListCustomersRequest {
        domain_id: domain_id.to_owned(),
        domain_ids: domain_ids.iter().map(|it| (*it).clone()).collect(),
        ..all()
    };
    for (request, expected) in [
        (list(&acme, &[]), "Ada Cyd"),
        (list(&second, &[]), "Bob"),
        (list("", &[&acme, &second]), "Ada Bob Cyd"),
        (list("", &[&second]), "Bob"),
        (list(&acme, &[&acme, &second]), "Ada Cyd"),
        // Fields must all hold, these as well.
        (list(&acme, &[&second]), ""),
    ] {
        assert_eq!(names(&mut client, request.clone()).await, expected, "{request:?}");
        let counted = ListCustomersRequest { include_total_size: true, ..request };
        let size = i64::try_from(expected.split_whitespace().count()).unwrap();
        assert_eq!(client.list(counted).await.unwrap().total_size, size);
    }
    assert_eq!(bad_fields(&client.list(all()).await.unwrap_err()), ["domain_id"]);
    let (elsewhere, absent) = (other.domain.id.to_string(), "dom_01h455vb4pex5vsknk084sn02q".to_owned());
    for id in [&live, &elsewhere, &absent] {
        for request in [list(id, &[]), list("", &[id]), list("", &[&acme, id]), list(&acme, &[&acme, id])] {
            assert_eq!(refusal(client.list(request).await), is(Code::NotFound, "DOMAIN_NOT_FOUND"));
        }
        assert_eq!(refusal(it.client.list(list("", &[id])).await), is(Code::NotFound, "DOMAIN_NOT_FOUND"));
    }
    assert_eq!(refusal(it.client.list(list("", &[&second])).await), is(Code::NotFound, "DOMAIN_NOT_FOUND"));
}

async fn what_means_nothing_is_refused(mut it: Acme) {
    let many = |it: &str| vec![it.to_owned(); 101];
    let empty = || vec![String::new()];
    let id = "cust_01h455vb4pex5vsknk084sn02q";
    let time = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
    for (request, field) in [
        (ListCustomersRequest { ids: many(id), ..all() }, "ids"),
        (ListCustomersRequest { ids: vec![id.replace("cust", "dom")], ..all() }, "ids"),
        (ListCustomersRequest { domain_ids: many("dom_01h455vb4pex5vsknk084sn02q"), ..all() }, "domain_ids"),
        (ListCustomersRequest { domain_ids: vec![id.to_owned()], ..all() }, "domain_ids"),
        (ListCustomersRequest { domain_id: id.to_owned(), ..all() }, "domain_id"),
        (ListCustomersRequest { types: vec![0], ..all() }, "types"),
        (ListCustomersRequest { types: vec![1; 101], ..all() }, "types"),
        (ListCustomersRequest { statuses: vec![0], ..all() }, "statuses"),
        (ListCustomersRequest { statuses: vec![4], ..all() }, "statuses"),
        (ListCustomersRequest { kyc_statuses: vec![8], ..all() }, "kyc_statuses"),
        (ListCustomersRequest { first_names: many("x"), ..all() }, "first_names"),
        (ListCustomersRequest { middle_names: many("x"), ..all() }, "middle_names"),
        (ListCustomersRequest { last_names: many("x"), ..all() }, "last_names"),
        (ListCustomersRequest { nick_names: empty(), ..all() }, "nick_names"),
        (ListCustomersRequest { payment_addresses: many("x"), ..all() }, "payment_addresses"),
        (ListCustomersRequest { emails: empty(), ..all() }, "emails"),
        (ListCustomersRequest { phones: vec!["\u{0}".to_owned()], ..all() }, "phones"),
        (ListCustomersRequest { external_ids: many("x"), ..all() }, "external_ids"),
        (ListCustomersRequest { create_time_after: time(0, -1), ..all() }, "create_time_after"),
        (ListCustomersRequest { create_time_before: time(i64::MAX, 0), ..all() }, "create_time_before"),
        (ListCustomersRequest { page_size: -1, ..all() }, "page_size"),
    ] {
        let refused = it.client.list(request).await.unwrap_err();
        assert_eq!((refused.code(), bad_fields(&refused)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    let most =
        ListCustomersRequest { ids: vec![id.to_owned(); 100], emails: vec!["x".to_owned(); 100], ..all() };
    assert!(it.client.list(most).await.unwrap().customers.is_empty());
}

async fn everything_wrong_with_a_list_is_said_at_once(mut it: Acme) {
    let request = ListCustomersRequest {
        domain_id: "x".to_owned(),
        ids: vec!["x".to_owned()],
        types: vec![9],
        search: "x".to_owned(),
        order_by: "x".to_owned(),
        create_time_after: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        page_size: -1,
        ..Default::default()
    };
    let mut bad = bad_fields(&it.client.list(request).await.unwrap_err());
    bad.sort();
    assert_eq!(bad, ["create_time_after", "domain_id", "ids", "order_by", "page_size", "search", "types"]);
}

async fn customers_on_a_list_are_as_they_are_when_got(mut it: Acme) {
    let made = three(&mut it).await;
    it.client.delete(&made[1].id).await.unwrap();
    it.suspend(&it.tenant.domain).await;
    let listed = it.client.list(ListCustomersRequest { show_deleted: true, ..all() }).await.unwrap();
    for (customer, made) in listed.customers.into_iter().zip(made) {
        assert_eq!(customer, it.client.get(&made.id).await.unwrap());
        assert!(!customer.can_receive);
    }
}
