//! Links and claims, page by page.

use purser::api::{self, ClaimStatus, PaymentClaimLinkStatus};
use purser::domain::{Environment, Scope};
use tonic::Code;

use super::desk::{Claims, Desk, claim, token_of};
use crate::harness::on_each_database;
use crate::raw::Raw;
use crate::wire::{is, refusal};

on_each_database!(Desk:
    links_are_listed_page_by_page_newest_first_by_what_they_are_now,
    claims_are_listed_page_by_page_newest_first_by_customer_link_and_status,
    a_key_of_an_organization_lists_by_a_link_or_a_customer_alone,
    claims_of_one_status_are_listed_by_an_index_in_their_order,
);

/// The ids of every link that passes the filters, one a page.
async fn links(claims: &mut Claims, request: &api::ListPaymentClaimLinksRequest) -> Vec<String> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = api::ListPaymentClaimLinksRequest { page_size: 1, page_token, ..request.clone() };
        let page = claims.list_payment_claim_links(request).await.unwrap().into_inner();
        assert!(page.payment_claim_links.len() <= 1);
        found.extend(page.payment_claim_links.into_iter().map(|it| it.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

/// The ids of every claim that passes the filters, one a page.
async fn claims(claims: &mut Claims, request: &api::ListClaimsRequest) -> Vec<String> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = api::ListClaimsRequest { page_size: 1, page_token, ..request.clone() };
        let page = claims.list_claims(request).await.unwrap().into_inner();
        assert!(page.claims.len() <= 1);
        found.extend(page.claims.into_iter().map(|it| it.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

async fn links_are_listed_page_by_page_newest_first_by_what_they_are_now(mut it: Desk) {
    let (first, second) = (it.payee().await.0, it.payee().await.0);
    let (mut active, mut expired) = (Vec::new(), Vec::new());
    for customer in [&first, &second, &first] {
        active.insert(0, it.link(customer).await.id);
        expired.insert(0, it.ending_link(customer).await.id);
    }
    tokio::time::sleep(std::time::Duration::from_millis(1_550)).await;
    let of = |customer: &str, statuses: &[PaymentClaimLinkStatus]| api::ListPaymentClaimLinksRequest {
        customer_id: customer.to_owned(),
        statuses: statuses.iter().map(|it| (*it).into()).collect(),
        ..Default::default()
    };
    use PaymentClaimLinkStatus::{Active, Expired, Revoked};
    let all: Vec<_> =
        expired.iter().zip(&active).flat_map(|(one, other)| [one.clone(), other.clone()]).collect();
    let [of_first, of_second] = [[0, 2], [1, 1]].map(|at| at.map(|it| expired[it].clone()));
    for (request, found) in [
        (of("", &[]), all.clone()),
        (of("", &[Active, Expired]), all),
        (of("", &[Expired]), expired.clone()),
        (of("", &[Active]), active),
        (of("", &[Revoked]), Vec::new()),
        (of(&first, &[Expired]), of_first.to_vec()),
        (of(&second, &[Expired]), of_second[..1].to_vec()),
    ] {
        assert_eq!(links(&mut it.claims, &request).await, found, "{request:?}");
    }
    // A token is of the filters that it was made for.
    let one = api::ListPaymentClaimLinksRequest { page_size: 1, ..of("", &[Expired]) };
    let page_token = it.claims.list_payment_claim_links(one).await.unwrap().into_inner().next_page_token;
    for other in [of("", &[]), of("", &[Active]), of(&first, &[Expired])] {
        let other = api::ListPaymentClaimLinksRequest { page_token: page_token.clone(), ..other };
        let refused = it.claims.list_payment_claim_links(other).await.map(drop);
        assert_eq!(refusal(refused), is(Code::InvalidArgument, "BAD_PAGE_TOKEN"));
    }
}

async fn claims_are_listed_page_by_page_newest_first_by_customer_link_and_status(mut it: Desk) {
    let (first, second) = (it.payee().await.0, it.payee().await.0);
    let by = [it.link_for(&first, 9).await, it.link_for(&first, 9).await, it.link_for(&second, 9).await];
    // Two claims by each link, oldest first; the first of each is approved.
    let mut made = Vec::new();
    for (link, byte) in by.iter().chain(&by).zip(1..) {
        made.push(it.submit(claim(&token_of(link), byte)).await.unwrap().id);
    }
    for id in &made[..3] {
        it.approve(id).await.unwrap();
    }
    let of = |customer: &str, link: &str, statuses: &[ClaimStatus]| api::ListClaimsRequest {
        customer_id: customer.to_owned(),
        link_id: link.to_owned(),
        statuses: statuses.iter().map(|it| (*it).into()).collect(),
        ..Default::default()
    };
    use ClaimStatus::{Approved, Pending, Rejected};
    for (request, found) in [
        (of("", "", &[]), &[5, 4, 3, 2, 1, 0][..]),
        (of("", "", &[Pending, Approved]), &[5, 4, 3, 2, 1, 0]),
        (of("", "", &[Pending]), &[5, 4, 3]),
        (of("", "", &[Approved]), &[2, 1, 0]),
        (of("", "", &[Rejected]), &[]),
        (of(&first, "", &[]), &[4, 3, 1, 0]),
        (of(&first, "", &[Pending]), &[4, 3]),
        (of("", &by[1].id, &[]), &[4, 1]),
        (of(&first, &by[1].id, &[Approved]), &[1]),
        (of(&second, &by[1].id, &[]), &[]),
    ] {
        let found: Vec<_> = found.iter().map(|it: &usize| made[*it].clone()).collect();
        assert_eq!(claims(&mut it.claims, &request).await, found, "{request:?}");
    }
    let one = api::ListClaimsRequest { page_size: 1, ..of(&first, "", &[]) };
    let page_token = it.claims.list_claims(one).await.unwrap().into_inner().next_page_token;
    for other in
        [of("", "", &[]), of(&second, "", &[]), of(&first, &by[0].id, &[]), of(&first, "", &[Pending])]
    {
        let other = api::ListClaimsRequest { page_token: page_token.clone(), ..other };
        let refused = it.claims.list_claims(other).await.map(drop);
        assert_eq!(refusal(refused), is(Code::InvalidArgument, "BAD_PAGE_TOKEN"));
    }
}

async fn a_key_of_an_organization_lists_by_a_link_or_a_customer_alone(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let link = it.link_for(&customer, 9).await;
    let claimed = it.submit(claim(&token_of(&link), 1)).await.unwrap().id;
    let (other, _, _) = it.purse.with("other", serde_json::json!({})).await;
    let server = &it.purse.acme.server;
    let organization = &it.purse.acme.tenant.organization;
    let scopes = [Scope::ClaimsRead].into_iter().collect();
    let key = server.organization_key(organization, Environment::Sandbox, scopes).await;
    let mut reader = Desk::claims_of(&it.purse, &key).await;
    let by_link = api::ListClaimsRequest { link_id: link.id.clone(), ..Default::default() };
    let by_customer = api::ListClaimsRequest { customer_id: customer.clone(), ..Default::default() };
    let domain_id = it.purse.acme.tenant.domain.id.to_string();
    let by_all = api::ListClaimsRequest { domain_id: domain_id.clone(), ..by_link.clone() };
    for request in [&by_link, &by_customer, &by_all] {
        assert_eq!(claims(&mut reader, request).await, std::slice::from_ref(&claimed));
    }
    let links_of = api::ListPaymentClaimLinksRequest { customer_id: customer, ..Default::default() };
    assert_eq!(links(&mut reader, &links_of).await, [link.id]);
    let unsaid = reader.list_claims(api::ListClaimsRequest::default()).await.unwrap_err();
    assert_eq!(crate::harness::bad_fields(&unsaid), ["domain_id"]);
    // Whoever does not cover the link is told that there is none.
    let mut stranger = Desk::claims_of(&it.purse, &other.key).await;
    let refused = stranger.list_claims(by_link).await.map(drop);
    assert_eq!(refusal(refused), is(Code::NotFound, "CLAIM_LINK_NOT_FOUND"));
}

async fn claims_of_one_status_are_listed_by_an_index_in_their_order(it: Desk) {
    let mut raw = Raw::open(it.purse.database()).await;
    let plan = raw
        .plan(
            "SELECT t.body, t.sequence FROM claims AS t WHERE true AND t.domain_id = {id}
             AND t.status = 'PENDING' ORDER BY t.create_us DESC, t.id DESC LIMIT 26",
        )
        .await;
    assert!(plan.contains("claims_by_status") && !plan.to_lowercase().contains("sort"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}
