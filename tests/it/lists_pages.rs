//! Pages: what was there throughout is neither skipped nor repeated, and a token goes with the list it came from.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use purser::api::{Customer, ListCustomersRequest};
use tokio::task::JoinHandle;
use tonic::Code;

use crate::changes::{at, creating, fates};
use crate::harness::{on_each_database, with_alias};
use crate::journal::size;
use crate::wire::{Acme, Client, is, refusal};

on_each_database!(Acme:
    a_page_has_its_size_and_the_last_has_no_token,
    a_token_is_bound_to_filters_and_order_and_not_to_the_size,
    a_token_that_nobody_made_is_refused,
    a_list_is_complete_while_it_is_written_to,
);

/// Makes that many customers, many of them in one moment.
async fn people(it: &Acme, count: i64) -> BTreeSet<String> {
    let domain = &it.tenant.domain;
    let before_us = domain.create_us - 1_000_000;
    let group: Vec<_> = (0..count)
        .map(|n| {
            creating(
                domain,
                serde_json::json!({"last_name": "Old", "nick_name": n.to_string()}),
                at(before_us + n / 7),
            )
        })
        .collect();
    for some in group.chunks(500) {
        assert!(fates(it.server.app.store(), some).await.iter().all(Result::is_ok));
    }
    group
        .iter()
        .map(|it| purser::domain::CustomerId::from_uuid(it.writes[0].resource.id()).to_string())
        .collect()
}

/// Every page of a list.
async fn pages(client: &mut Client, request: &ListCustomersRequest) -> Vec<Vec<String>> {
    let (mut pages, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = client.list(ListCustomersRequest { page_token, ..request.clone() }).await.unwrap();
        pages.push(page.customers.into_iter().map(|it| it.id).collect());
        if page.next_page_token.is_empty() {
            return pages;
        }
        page_token = page.next_page_token;
    }
}

async fn a_page_has_its_size_and_the_last_has_no_token(mut it: Acme) {
    assert_eq!(pages(&mut it.client, &ListCustomersRequest::default()).await, [Vec::<String>::new()]);
    let all = people(&it, 202).await;
    for (page_size, sizes) in [
        (0, vec![25, 25, 25, 25, 25, 25, 25, 25, 2]),
        (100, vec![100, 100, 2]),
        (1_000, vec![100, 100, 2]),
        (101, vec![100, 100, 2]),
        (i32::MAX, vec![100, 100, 2]),
        (67, vec![67, 67, 67, 1]),
    ] {
        let pages = pages(&mut it.client, &ListCustomersRequest { page_size, ..Default::default() }).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        assert_eq!(pages.concat().into_iter().collect::<BTreeSet<_>>(), all);
    }
    // A page that ends with the last row is the last.
    let page = it.client.list(ListCustomersRequest { page_size: 100, ..Default::default() }).await.unwrap();
    let ids = page.customers.iter().map(|it| it.id.clone()).collect();
    let exact = ListCustomersRequest { ids, page_size: 100, ..Default::default() };
    assert_eq!(pages(&mut it.client, &exact).await.len(), 1);
}

async fn a_token_is_bound_to_filters_and_order_and_not_to_the_size(mut it: Acme) {
    let all = people(&it, 40).await;
    let asked =
        ListCustomersRequest { last_names: vec!["Old".to_owned()], page_size: 10, ..Default::default() };
    let first = it.client.list(asked.clone()).await.unwrap();
    let next = ListCustomersRequest { page_token: first.next_page_token.clone(), ..asked };
    let rest = ListCustomersRequest { page_size: 100, include_total_size: true, ..next.clone() };
    let rest = it.client.list(rest).await.unwrap();
    let ids: BTreeSet<String> = first.customers.into_iter().chain(rest.customers).map(|it| it.id).collect();
    assert_eq!((ids, rest.total_size), (all, 40));
    let id = "cust_01h455vb4pex5vsknk084sn02q".to_owned();
    for other in [
        ListCustomersRequest { last_names: vec![], ..next.clone() },
        ListCustomersRequest { last_names: vec!["Old".to_owned(), "New".to_owned()], ..next.clone() },
        ListCustomersRequest { first_names: vec!["Old".to_owned()], last_names: vec![], ..next.clone() },
        ListCustomersRequest { order_by: "create_time".to_owned(), ..next.clone() },
        ListCustomersRequest { show_deleted: true, ..next.clone() },
        ListCustomersRequest { search: "old".to_owned(), ..next.clone() },
        ListCustomersRequest { ids: vec![id], ..next.clone() },
        ListCustomersRequest { statuses: vec![2], ..next.clone() },
        ListCustomersRequest { create_time_after: Some(prost_types::Timestamp::default()), ..next.clone() },
    ] {
        assert_eq!(refusal(it.client.list(other).await), is(Code::InvalidArgument, "BAD_PAGE_TOKEN"));
    }
    // The default order by its name is the same order.
    let named = ListCustomersRequest { order_by: "create_time desc".to_owned(), ..next };
    assert_eq!(it.client.list(named).await.unwrap().customers.len(), 10);
}

async fn a_token_that_nobody_made_is_refused(mut it: Acme) {
    people(&it, 30).await;
    let token = it.client.list(ListCustomersRequest::default()).await.unwrap().next_page_token;
    let cut = &token[..token.len() - 1];
    for token in [
        "x",
        "!!!",
        "\u{e9}",
        &"A".repeat(43),
        &"A".repeat(10_000),
        cut,
        &format!("{token}A"),
        &format!(" {token}"),
    ] {
        let request = ListCustomersRequest { page_token: token.to_owned(), ..Default::default() };
        assert_eq!(
            refusal(it.client.list(request).await),
            is(Code::InvalidArgument, "BAD_PAGE_TOKEN"),
            "{token}"
        );
    }
}

/// CON-3. What was there throughout is in every list once while writers write: 1,000 rows, or `PURSER_PROOF_CON_3`.
///
/// Sabotage: OFFSET instead of the keyset, or an order by `create_us` alone.
async fn a_list_is_complete_while_it_is_written_to(mut it: Acme) {
    let count = size("PURSER_PROOF_CON_3", 1_000);
    let there = people(&it, i64::try_from(count).unwrap()).await;
    let (done, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers = (0..3).map(|n| {
        let (mut client, done, written) = (it.client.clone(), Arc::clone(&done), Arc::clone(&written));
        let mut mine: Vec<String> = there.iter().skip(n).step_by(3).cloned().collect();
        tokio::spawn(async move {
            let mut round = 0;
            while !done.load(Ordering::Relaxed) {
                let made = client.create(with_alias("").customer.unwrap()).await.unwrap();
                let changed = mine.pop().unwrap_or_else(|| made.id.clone());
                let asked = Customer { nick_name: format!("changed {round}"), ..Default::default() };
                client.update(&changed, &["nick_name"], asked).await.unwrap();
                if round % 2 == 0 {
                    client.delete(&made.id).await.unwrap();
                }
                round += 1;
                written.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut lists = 0;
    for (page_size, order_by) in
        [(1, ""), (5, ""), (16, ""), (53, ""), (100, ""), (5, "create_time"), (100, "create_time")]
            .into_iter()
            .cycle()
    {
        let request = ListCustomersRequest { page_size, order_by: order_by.to_owned(), ..Default::default() };
        let seen = pages(&mut it.client, &request).await.concat();
        let once: BTreeSet<String> = seen.iter().cloned().collect();
        assert_eq!(seen.len(), once.len(), "twice: page_size {page_size} {order_by}");
        assert_eq!(there.difference(&once).count(), 0, "missing: page_size {page_size} {order_by}");
        lists += 1;
        // Each once, and then until enough was written to prove something.
        let is_enough = written.load(Ordering::Relaxed) > 20 || writers.iter().any(JoinHandle::is_finished);
        if lists >= 7 && is_enough {
            break;
        }
    }
    done.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    eprintln!(
        "CON-3: {lists} lists of {count} rows beside {written:?} rounds of writing: 0 missing, 0 twice"
    );
}
