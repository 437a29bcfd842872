//! Lists: the values of a field are alternatives, fields must all hold, and the order is that of creation.

use purser::domain::{
    Customer, CustomerStatus, CustomerType, Domain, DomainId, KycStatus, PageRequest, customer,
};
use purser::store::TextColumn::{
    Email, ExternalId, FirstName, LastName, MiddleName, NickName, PaymentAddress, Phone,
};
use purser::store::{CustomerFilter, TextColumn, Total};
use serde_json::json;

use crate::changes::{NOW_US, any_id, at, creating, done, tenant, tenant_with};
use crate::harness::{On, TestStore, line, on_each_database};
use crate::raw::Raw;

on_each_database!(TestStore:
    every_filter_finds_those_it_names_and_nobody_else,
    fields_must_all_hold,
    lists_go_by_time_and_then_by_id_both_ways,
    a_filter_of_nobody_finds_nobody,
    filtered_totals_are_counted_as_far_as_ten_thousand,
);

struct People {
    acme: Domain,
    globex: Domain,
    all: Vec<Customer>,
}

/// Ada, Bob and Cyd of acme, of whom Cyd is deleted, and Dan of globex; made a second apart.
async fn people(it: &TestStore) -> People {
    let acme = tenant(&it.store, "acme").await;
    let shared =
        serde_json::from_value(json!({"kyc_required": true, "default_customer_status": "DISABLED"})).unwrap();
    let globex = tenant_with(&it.store, "globex", shared).await;
    let fields = |name: &str, domain: &str, number: u8| {
        json!({
            "first_name": name, "middle_name": format!("{name} M"), "last_name": "Last", "nick_name": format!("{name}y"),
            "payment_address": format!("{name}@{domain}"), "email": format!("{name}@x.example"),
            "phone": format!("+4912345{number}"), "external_id": format!("{name}_%"),
            "type": if number == 2 { "BUSINESS" } else { "INDIVIDUAL" },
        })
    };
    let mut all = Vec::new();
    for (number, name, domain) in
        [(1, "Ada", &acme), (2, "Bob", &acme), (3, "Cyd", &acme), (4, "Dan", &globex)]
    {
        let time = at(NOW_US + i64::from(number) * 1_000_000);
        let fields = fields(name, domain.name.as_str(), number);
        all.push(done::<Customer>(&it.store, creating(domain, fields, time)).await);
    }
    let ctx = at(NOW_US + 9_000_000);
    all[1] = done(
        &it.store,
        customer::set_kyc_status(&all[1], KycStatus::Pending, line(""), ctx.clone()).unwrap(),
    )
    .await;
    all[2] = done(&it.store, customer::soft_delete(&all[2], &acme, ctx).unwrap()).await;
    People { acme, globex, all }
}

/// The first names of those found, oldest first.
async fn names(it: &TestStore, filter: CustomerFilter) -> String {
    let filter = CustomerFilter { oldest_first: true, ..filter };
    let page = PageRequest::parse(100, "", &filter).unwrap();
    let list = it.store.list_customers(&filter, &page).await.unwrap();
    let total = it.store.count_customers(&filter).await.unwrap();
    assert_eq!(total, Total { size: i64::try_from(list.items.len()).unwrap(), capped: false });
    list.items.iter().map(|it| it.profile.first_name.as_str()).collect::<Vec<_>>().join(" ")
}

fn text(column: TextColumn, values: &[&str]) -> CustomerFilter {
    let values = values.iter().map(|it| (*it).to_owned()).collect();
    CustomerFilter { texts: vec![(column, values)], ..CustomerFilter::default() }
}

async fn every_filter_finds_those_it_names_and_nobody_else(it: TestStore) {
    let People { acme, globex, all } = people(&it).await;
    let none = CustomerFilter::default;
    let time = |seconds: i64| Some(NOW_US + seconds * 1_000_000);
    let deleted = vec![CustomerStatus::Deleted];
    let table: Vec<(CustomerFilter, &str)> = vec![
        (none(), "Ada Bob Dan"),
        (CustomerFilter { show_deleted: true, ..none() }, "Ada Bob Cyd Dan"),
        (CustomerFilter { ids: vec![all[0].id, all[2].id, all[3].id], ..none() }, "Ada Dan"),
        (CustomerFilter { types: vec![CustomerType::Business], ..none() }, "Bob"),
        (CustomerFilter { types: CustomerType::ALL.to_vec(), ..none() }, "Ada Bob Dan"),
        (CustomerFilter { statuses: vec![CustomerStatus::Disabled], ..none() }, "Dan"),
        (CustomerFilter { statuses: deleted.clone(), show_deleted: true, ..none() }, "Cyd"),
        (CustomerFilter { statuses: deleted, ..none() }, "Cyd"),
        (CustomerFilter { kyc_statuses: vec![KycStatus::Pending], ..none() }, "Bob Dan"),
        (CustomerFilter { kyc_statuses: vec![KycStatus::Approved, KycStatus::NotRequired], ..none() }, "Ada"),
        (CustomerFilter { after_us: time(1), ..none() }, "Bob Dan"),
        (CustomerFilter { before_us: time(2), ..none() }, "Ada"),
        (CustomerFilter { after_us: time(1), before_us: time(4), ..none() }, "Bob"),
        (text(FirstName, &["Ada", "Cyd", "Dan"]), "Ada Dan"),
        (text(FirstName, &["ada", "Ad", "A%"]), ""),
        (text(MiddleName, &["Bob M"]), "Bob"),
        (text(LastName, &["Last"]), "Ada Bob Dan"),
        (text(NickName, &["Dany", "Ada"]), "Dan"),
        (text(PaymentAddress, &["ada@acme", "dan@globex", "bob@globex"]), "Ada Dan"),
        (text(Email, &["ada@x.example", "cyd@x.example"]), "Ada"),
        (text(Phone, &["+49123451", "+49123452"]), "Ada Bob"),
        (text(ExternalId, &["Ada_%", "Cyd_%", "Dan_%"]), "Ada Dan"),
    ];
    for (filter, expected) in table {
        let filter = CustomerFilter { domains: vec![acme.id, globex.id], ..filter };
        let told = format!("{filter:?}");
        assert_eq!(names(&it, filter).await, expected, "{told}");
    }
    for (column, value) in [(PaymentAddress, "cyd@acme"), (Email, "cyd@x.example"), (ExternalId, "Cyd_%")] {
        let filter = CustomerFilter { domains: vec![acme.id], show_deleted: true, ..text(column, &[value]) };
        assert_eq!(names(&it, filter).await, "Cyd");
    }
    let mine =
        CustomerFilter { domains: vec![globex.id], ids: all.iter().map(|it| it.id).collect(), ..none() };
    assert_eq!(names(&it, mine).await, "Dan");
}

async fn fields_must_all_hold(it: TestStore) {
    let People { acme, .. } = people(&it).await;
    let both = |first: &str, last: &str| CustomerFilter {
        domains: vec![acme.id],
        texts: vec![(FirstName, vec![first.to_owned()]), (LastName, vec![last.to_owned()])],
        ..CustomerFilter::default()
    };
    assert_eq!(names(&it, both("Ada", "Last")).await, "Ada");
    assert_eq!(names(&it, both("Ada", "First")).await, "");
    let kind = CustomerFilter { types: vec![CustomerType::Business], ..both("Bob", "Last") };
    assert_eq!(names(&it, kind).await, "Bob");
    let kind = CustomerFilter { types: vec![CustomerType::Individual], ..both("Bob", "Last") };
    assert_eq!(names(&it, kind).await, "");
}

async fn lists_go_by_time_and_then_by_id_both_ways(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    // Many of one moment, so that pages end within it.
    let group: Vec<_> = (0..40).map(|n| creating(&acme, json!({}), at(NOW_US + n / 10))).collect();
    let mut expected: Vec<_> = group.iter().map(|it| (it.ctx.now_us, it.writes[0].resource.id())).collect();
    expected.sort_unstable();
    assert!(crate::changes::fates(&it.store, &group).await.iter().all(Result::is_ok));
    for (oldest_first, size) in [(true, 7), (false, 7), (true, 10), (false, 1), (true, 40), (false, 100)] {
        let filter = CustomerFilter { domains: vec![acme.id], oldest_first, ..CustomerFilter::default() };
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = PageRequest::parse(size, &token, &filter).unwrap();
            let list = it.store.list_customers(&filter, &page).await.unwrap();
            seen.extend(list.items.iter().map(|it| (it.create_us, it.id.as_uuid())));
            token = list.next_token;
            if token.is_empty() {
                break;
            }
            assert_eq!(list.items.len(), usize::try_from(size).unwrap());
        }
        if !oldest_first {
            seen.reverse();
        }
        assert_eq!(seen, expected);
    }
}

async fn a_filter_of_nobody_finds_nobody(it: TestStore) {
    let People { acme, .. } = people(&it).await;
    let filter = CustomerFilter { domains: vec![DomainId::from_uuid(any_id())], ..CustomerFilter::default() };
    assert_eq!(names(&it, filter).await, "");
    let ids = vec![purser::domain::CustomerId::from_uuid(any_id())];
    assert_eq!(
        names(&it, CustomerFilter { domains: vec![acme.id], ids, ..CustomerFilter::default() }).await,
        ""
    );
}

async fn filtered_totals_are_counted_as_far_as_ten_thousand(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let mut raw = Raw::open(&it.database).await;
    let id = match raw.on() {
        On::Postgres => "gen_random_uuid()",
        On::Sqlite => "randomblob(16)",
    };
    let bulk = |from: u32, to: u32| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to})
             INSERT INTO customers (id, domain_id, type, first_name, status, kyc_status, sequence, create_us, body)
             SELECT {id}, d.id, 'BUSINESS', 'Many', 'ENABLED', 'NOT_REQUIRED', 1, n.i, '{{}}' FROM n CROSS JOIN domains AS d"
        )
    };
    raw.run(&bulk(1, 10_000)).await;
    let many = CustomerFilter { types: vec![CustomerType::Business], ..text(FirstName, &["Many"]) };
    let many = CustomerFilter { domains: vec![acme.id], ..many };
    assert_eq!(it.store.count_customers(&many).await.unwrap(), Total { size: 10_000, capped: false });
    raw.run(&bulk(10_001, 10_001)).await;
    assert_eq!(it.store.count_customers(&many).await.unwrap(), Total { size: 10_000, capped: true });
    // Whoever numbers pages is told of every one that there is.
    let whole = it.store.count_all_customers(&many).await.unwrap();
    assert_eq!(whole, Total { size: 10_001, capped: false });
    // The unfiltered count is kept, not counted: it knows nothing of rows that no Change has made.
    let everybody = CustomerFilter { domains: vec![acme.id], ..CustomerFilter::default() };
    assert_eq!(it.store.count_customers(&everybody).await.unwrap(), Total { size: 0, capped: false });
}
