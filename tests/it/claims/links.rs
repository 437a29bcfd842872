//! Links: who sees where to open one, and when it can be used.

use purser::api::{self, PaymentClaimLinkStatus};
use purser::app::{App, Chains};
use purser::domain::Scope;
use tonic::Code;

use super::desk::{Desk, claim, claims_over, http, pages, token_of};
use crate::harness::{TestServer, bad_fields, connect, on_each_database};
use crate::wire::{bytes, is, refusal};

on_each_database!(Desk:
    a_link_is_for_a_day_and_one_use_and_only_who_may_make_links_sees_where_it_is,
    a_link_that_is_asked_for_again_is_the_first_one_with_its_url,
    an_unknown_link_and_a_revoked_one_are_told_alike,
    a_link_that_is_used_up_or_expired_says_so_and_is_listed_as_such,
    what_makes_no_link_is_refused_by_field,
    a_link_is_ended_though_its_token_does_not_open,
);

async fn a_link_is_for_a_day_and_one_use_and_only_who_may_make_links_sees_where_it_is(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let link = it.link(&customer).await;
    assert!(link.id.starts_with("pcl_") && link.url.starts_with("http://127.0.0.1:8080/claim/"), "{link:?}");
    assert_eq!(token_of(&link).len(), 32);
    assert_eq!((link.status(), link.use_count, link.max_uses), (PaymentClaimLinkStatus::Active, 0, 1));
    let (made, ends) = (link.create_time.unwrap(), link.expire_time.unwrap());
    assert_eq!((ends.seconds - made.seconds, ends.nanos), (24 * 60 * 60, made.nanos));
    assert_eq!(it.get_link(&link.id).await.unwrap(), link);
    let tenant = it.purse.acme.tenant.domain.clone();
    let key = it.purse.acme.server.domain_key(&tenant, [Scope::ClaimsRead].into_iter().collect()).await;
    let mut reader = Desk::claims_of(&it.purse, &key).await;
    let request = api::GetPaymentClaimLinkRequest { id: link.id.clone() };
    let seen = reader.get_payment_claim_link(request).await.unwrap().into_inner().payment_claim_link;
    assert_eq!(seen, Some(api::PaymentClaimLink { url: String::new(), ..link.clone() }));
    let list = api::ListPaymentClaimLinksRequest::default;
    let listed = reader.list_payment_claim_links(list()).await.unwrap().into_inner().payment_claim_links;
    assert!(listed.iter().all(|it| it.url.is_empty()));
    let listed = it.claims.list_payment_claim_links(list()).await.unwrap().into_inner().payment_claim_links;
    assert_eq!(listed, [link]);
}

async fn a_link_that_is_asked_for_again_is_the_first_one_with_its_url(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let request = api::CreatePaymentClaimLinkRequest {
        customer_id: customer.clone(),
        request_id: "once".to_owned(),
        ..Default::default()
    };
    let first = it.link_as(request.clone()).await.unwrap();
    it.submit(claim(&token_of(&first), 1)).await.unwrap();
    let again = it.claims.create_payment_claim_link(request.clone()).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner().payment_claim_link, Some(first.clone()));
    let other = api::CreatePaymentClaimLinkRequest { max_uses: 2, ..request };
    assert_eq!(refusal(it.link_as(other).await), is(Code::InvalidArgument, "REQUEST_ID_REUSED"));
    let revoke = api::RevokePaymentClaimLinkRequest { id: first.id, request_id: "end".to_owned() };
    let ended = it.claims.revoke_payment_claim_link(revoke.clone()).await.unwrap().into_inner();
    assert_eq!(it.claims.revoke_payment_claim_link(revoke).await.unwrap().into_inner(), ended);
    it.assert_sound().await;
}

/// Sabotage: in `App::link_of`, let a revoked link be found.
async fn an_unknown_link_and_a_revoked_one_are_told_alike(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let (revoked, used) = (it.link(&customer).await, it.link(&customer).await);
    it.submit(claim(&token_of(&used), 1)).await.unwrap();
    for link in [&revoked, &used] {
        let ended = it.revoke(&link.id).await.unwrap();
        assert_eq!(ended.status(), PaymentClaimLinkStatus::Revoked);
        assert_eq!(it.revoke(&link.id).await.unwrap(), ended, "once is enough");
    }
    let unknown = "A".repeat(32);
    let absent = it.submit(claim(&unknown, 2)).await.unwrap_err();
    assert_eq!(refusal::<()>(Err(absent.clone())), is(Code::NotFound, "CLAIM_LINK_NOT_FOUND"));
    let token = token_of(&revoked);
    for text in ["x", &token, &token_of(&used), &token[1..], &"é".repeat(16), &"/".repeat(32)] {
        let refused = it.submit(claim(text, 2)).await.unwrap_err();
        assert_eq!(bytes(&refused), bytes(&absent), "{text}");
    }
    it.assert_sound().await;
}

async fn a_link_that_is_used_up_or_expired_says_so_and_is_listed_as_such(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let used = it.link_for(&customer, 2).await;
    for byte in [1, 2] {
        it.submit(claim(&token_of(&used), byte)).await.unwrap();
    }
    let refused = it.submit(claim(&token_of(&used), 3)).await;
    assert_eq!(refusal(refused), is(Code::FailedPrecondition, "CLAIM_LINK_USED"));
    let expired = it.ending_link(&customer).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_550)).await;
    let refused = it.submit(claim(&token_of(&expired), 3)).await;
    assert_eq!(refusal(refused), is(Code::FailedPrecondition, "CLAIM_LINK_EXPIRED"));
    let path = format!("GET /claim/{}", token_of(&expired));
    let (head, page) = http(pages(it.app()).await, &path, "", "").await;
    assert!(head.starts_with("HTTP/1.1 410") && page.contains("This link has expired."), "{page}");
    let (active, revoked) = (it.link(&customer).await, it.link(&customer).await);
    it.revoke(&revoked.id).await.unwrap();
    use PaymentClaimLinkStatus::{Active, Expired, Revoked, Used};
    for (status, link) in [(Active, &active), (Used, &used), (Expired, &expired), (Revoked, &revoked)] {
        assert_eq!(it.get_link(&link.id).await.unwrap().status(), status);
        let request = api::ListPaymentClaimLinksRequest {
            customer_id: customer.clone(),
            statuses: vec![status.into()],
            ..Default::default()
        };
        let listed = it.claims.list_payment_claim_links(request).await.unwrap().into_inner();
        let listed: Vec<_> = listed.payment_claim_links.into_iter().map(|it| it.id).collect();
        assert_eq!(listed, std::slice::from_ref(&link.id), "{status:?}");
    }
    it.assert_sound().await;
}

async fn what_makes_no_link_is_refused_by_field(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let before = it.purse.picture().await;
    let past = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let asked = |customer: &str, max_uses, expire_time| api::CreatePaymentClaimLinkRequest {
        customer_id: customer.to_owned(),
        max_uses,
        expire_time,
        ..Default::default()
    };
    for (request, fields) in [
        (asked(&customer, -1, None), &["max_uses"][..]),
        (asked(&customer, 1_001, None), &["max_uses"]),
        (asked(&customer, 1, past), &["expire_time"]),
        (asked("", 1_001, None), &["customer_id", "max_uses"]),
        (asked("pcl_01h455vb4pex5vsknk084sn02q", 1, None), &["customer_id"]),
    ] {
        assert_eq!(bad_fields(&it.link_as(request).await.unwrap_err()), fields);
    }
    let absent = "cust_01h455vb4pex5vsknk084sn02q";
    let refused = it.link_as(asked(absent, 1, None)).await;
    assert_eq!(refusal(refused), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
    assert_eq!(it.purse.picture().await, before);
    assert_eq!(it.link_for(&customer, 1_000).await.max_uses, 1_000);
}

async fn a_link_is_ended_though_its_token_does_not_open(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let link = it.link(&customer).await;
    // An instance without the key that sealed it.
    let app = App::start(it.app().store().clone(), Chains::default());
    app.open();
    let channel = connect(TestServer::listen(&app).await).await;
    let mut claims = claims_over(channel, &it.purse.acme.tenant.key);
    let get = api::GetPaymentClaimLinkRequest { id: link.id.clone() };
    let refused = claims.get_payment_claim_link(get).await.map(drop);
    assert_eq!(refusal(refused), is(Code::Internal, "INTERNAL"));
    let revoke = api::RevokePaymentClaimLinkRequest { id: link.id.clone(), ..Default::default() };
    let ended = claims.revoke_payment_claim_link(revoke).await.unwrap().into_inner();
    let ended = ended.payment_claim_link.unwrap();
    assert_eq!((ended.status(), ended.url.as_str()), (PaymentClaimLinkStatus::Revoked, ""));
    assert_eq!(it.get_link(&link.id).await.unwrap().url, link.url);
}
