//! KYC from end to end: nobody has a wallet before they are approved, and everybody has one afterwards.

use purser::api::{self, KycStatus};
use serde_json::json;
use tonic::Code;

use super::desk::{Desk, claim, token_of};
use crate::harness::{Bearer, on_each_database};
use crate::wallets_wire::failed;
use crate::wire::{is, refusal};

on_each_database!(Desk: whoever_is_approved_has_their_wallets_and_each_step_is_one_event);

async fn whoever_is_approved_has_their_wallets_and_each_step_is_one_event(it: Desk) {
    let settings = json!({"kyc_required": true, "auto_wallet_networks": ["ethereum", "solana"]});
    let (tenant, mut client, mut keeper) = it.purse.with("bank", settings).await;
    let channel = it.purse.acme.server.channel().await;
    let mut events =
        api::event_service_client::EventServiceClient::with_interceptor(channel, Bearer::new(&tenant.key));
    let made =
        client.create(api::Customer { first_name: "Ada".to_owned(), ..Default::default() }).await.unwrap();
    assert_eq!(made.kyc_status(), KycStatus::Pending);
    let told: Vec<_> = desk_events(&mut events, 0).await.into_iter().map(|it| it.r#type).collect();
    assert_eq!(told, ["domain.created", "api_key.created", "customer.created"]);
    assert!(!made.can_receive && keeper.wallets_of(&made.id).await.is_empty());
    assert_eq!(refusal(keeper.create(&made.id, &["ethereum"]).await), failed("KYC_NOT_APPROVED"));
    // A claim can be made, and waits for the wallet.
    let mut desk = Desk { purse: it.purse, claims: it.claims };
    desk.claims = Desk::claims_of(&desk.purse, &tenant.key).await;
    let link = desk.link(&made.id).await;
    let claimed = desk.submit(claim(&token_of(&link), 1)).await.unwrap();
    assert_eq!(refusal(desk.approve(&claimed.id).await), failed("NO_WALLET_ON_NETWORK"));
    let before = desk_events(&mut events, 0).await.last().unwrap().sequence;
    let approved = client.set_kyc(&made.id, KycStatus::Approved).await.unwrap();
    assert!(approved.can_receive);
    let wallets = keeper.wallets_of(&made.id).await;
    let networks: Vec<_> =
        wallets.iter().flat_map(|it| &it.addresses).map(|it| it.network.as_str()).collect();
    assert_eq!((wallets.len(), networks), (1, vec!["ethereum", "solana"]));
    let told: Vec<_> = desk_events(&mut events, before).await.into_iter().map(|it| it.r#type).collect();
    assert_eq!(told, ["customer.kyc_updated", "wallet.created"]);
    // Once more is no edge, and makes no other wallet.
    let again = client.set_kyc(&made.id, KycStatus::Approved).await;
    assert_eq!(refusal(again), is(Code::FailedPrecondition, "KYC_TRANSITION_NOT_ALLOWED"));
    assert_eq!(keeper.wallets_of(&made.id).await.len(), 1);
    desk.approve(&claimed.id).await.unwrap();
    assert_eq!(keeper.balances(&wallets[0].id).await, [["ethereum", "USDC", "1.5", "1500000"]]);
    desk.assert_sound().await;
}

async fn desk_events(
    events: &mut api::event_service_client::EventServiceClient<
        tonic::service::interceptor::InterceptedService<tonic::transport::Channel, Bearer>,
    >,
    after_sequence: i64,
) -> Vec<api::Event> {
    let request = api::ListEventsRequest { after_sequence, page_size: 100, ..Default::default() };
    events.list_events(request).await.unwrap().into_inner().events
}
