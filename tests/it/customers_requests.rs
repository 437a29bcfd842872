//! Requests that are sent twice: the first answer, byte for byte, and never a second effect.

use prost::Message;
use purser::api::{self, Customer, KycStatus};
use tonic::{Code, Request, Response, Status};

use crate::customers_update::metadata;
use crate::harness::{bad_fields, on_each_database};
use crate::wire::{Acme, Client, deleting, is, refusal, updating, whole};

on_each_database!(Acme:
    each_method_answers_a_repeated_request_as_it_did_the_first_time,
    a_request_id_that_is_used_for_anything_else_is_refused_and_changes_nothing,
    the_header_serves_as_well_and_must_agree,
    request_ids_of_two_domains_are_apart,
    a_request_that_was_not_valid_is_not_remembered,
    a_request_id_has_its_form,
    of_many_that_are_sent_at_once_one_takes_effect,
);

/// What was answered, and whether it is said to be that of an earlier time.
fn answer<T: Message>(response: Response<T>) -> (Vec<u8>, bool) {
    let replayed = response.metadata().get("idempotent-replayed").is_some_and(|it| it == "true");
    (response.into_inner().encode_to_vec(), replayed)
}

/// A request that changes something, of any method.
#[derive(Clone, Debug)]
pub enum Call {
    Create(api::CreateCustomerRequest),
    Update(api::UpdateCustomerRequest),
    Delete(api::SoftDeleteCustomerRequest),
    Restore(api::RestoreCustomerRequest),
    SetKyc(api::SetKycStatusRequest),
}

impl Call {
    pub async fn send(&self, client: &mut Client) -> Result<(Vec<u8>, bool), Status> {
        Ok(match self.clone() {
            Self::Create(it) => answer(client.0.create_customer(it).await?),
            Self::Update(it) => answer(client.0.update_customer(it).await?),
            Self::Delete(it) => answer(client.0.soft_delete_customer(it).await?),
            Self::Restore(it) => answer(client.0.restore_customer(it).await?),
            Self::SetKyc(it) => answer(client.0.set_kyc_status(it).await?),
        })
    }
}

pub fn create(id: &str, customer: Customer) -> Call {
    Call::Create(api::CreateCustomerRequest {
        customer: Some(customer),
        request_id: id.to_owned(),
        ..Default::default()
    })
}

pub fn update(id: &str, etag: &str, customer: &str, name: &str) -> Call {
    let named = Customer { name: name.to_owned(), ..Default::default() };
    Call::Update(api::UpdateCustomerRequest {
        request_id: id.to_owned(),
        etag: etag.to_owned(),
        ..updating(customer, &["name"], named)
    })
}

pub fn delete(id: &str, etag: &str, customer: &str) -> Call {
    Call::Delete(api::SoftDeleteCustomerRequest {
        request_id: id.to_owned(),
        etag: etag.to_owned(),
        ..deleting(customer)
    })
}

pub fn restore(id: &str, customer: &str) -> Call {
    Call::Restore(api::RestoreCustomerRequest { id: customer.to_owned(), request_id: id.to_owned() })
}

pub fn set_kyc(id: &str, customer: &str, to: KycStatus, reason: &str) -> Call {
    Call::SetKyc(api::SetKycStatusRequest {
        id: customer.to_owned(),
        kyc_status: to.into(),
        reason: reason.to_owned(),
        request_id: id.to_owned(),
    })
}

async fn each_method_answers_a_repeated_request_as_it_did_the_first_time(mut it: Acme) {
    // Numbers that are easily misread.
    let metadata =
        metadata(&[("largest", 9_007_199_254_740_991.0), ("tenth", 0.1), ("tiny", 5e-324), ("zero", -0.0)]);
    let first = create("r1", Customer { metadata, ..whole("ada", "acme") });
    let (bytes, _) = first.send(&mut it.client).await.unwrap();
    let ada = api::CreateCustomerResponse::decode(&*bytes).unwrap().customer.unwrap();
    let calls = [
        first,
        update("r2", &ada.etag, &ada.id, "A"),
        set_kyc("r3", &ada.id, KycStatus::Pending, "why"),
        delete("r4", "", &ada.id),
        restore("r5", &ada.id),
    ];
    let mut answers = vec![bytes];
    for call in &calls[1..] {
        let (bytes, replayed) = call.send(&mut it.client).await.unwrap();
        assert!(!replayed, "{call:?}");
        answers.push(bytes);
    }
    let now = it.client.get(&ada.id).await.unwrap();
    for (call, answer) in calls.iter().zip(answers) {
        for _ in 0..2 {
            assert_eq!(call.send(&mut it.client).await.unwrap(), (answer.clone(), true), "{call:?}");
        }
    }
    assert_eq!(it.client.get(&ada.id).await.unwrap(), now);
    assert_eq!(now.sequence, ada.sequence + 4);
}

/// IDE-2 for customers.
async fn a_request_id_that_is_used_for_anything_else_is_refused_and_changes_nothing(mut it: Acme) {
    let bob = it.client.create(whole("bob", "acme")).await.unwrap();
    let named = Customer { name: "A".to_owned(), ..whole("ada", "acme") };
    let (bytes, _) = create("create", named.clone()).send(&mut it.client).await.unwrap();
    let ada = api::CreateCustomerResponse::decode(&*bytes).unwrap().customer.unwrap();
    for call in
        [update("update", &ada.etag, &ada.id, "B"), set_kyc("kyc", &ada.id, KycStatus::Pending, "why")]
    {
        call.send(&mut it.client).await.unwrap();
    }
    let mut others = vec![
        update("create", "", &ada.id, "C"),
        delete("create", "", &ada.id),
        restore("create", &ada.id),
        set_kyc("create", &ada.id, KycStatus::Approved, ""),
        create("update", whole("cyd", "acme")),
        update("update", &ada.etag, &ada.id, "C"),
        update("update", "", &ada.id, "B"),
        update("update", &ada.etag, &bob.id, "B"),
        set_kyc("kyc", &ada.id, KycStatus::Pending, "because"),
        set_kyc("kyc", &ada.id, KycStatus::Approved, "why"),
        set_kyc("kyc", &bob.id, KycStatus::Pending, "why"),
    ];
    let changes: [fn(&mut Customer); 8] = [
        |it| it.name.push('x'),
        |it| it.first_name.clear(),
        |it| it.email.clear(),
        |it| it.payment_address = "other@acme".to_owned(),
        |it| it.external_id.clear(),
        |it| it.r#type = 2,
        |it| it.status = 1,
        |it| it.phone = "+1234567".to_owned(),
    ];
    for change in changes {
        let mut other = named.clone();
        change(&mut other);
        others.push(create("create", other));
    }
    let (ada, bob) = (it.client.get(&ada.id).await.unwrap(), it.client.get(&bob.id).await.unwrap());
    for other in others {
        let refused = other.send(&mut it.client).await;
        assert_eq!(refusal(refused), is(Code::InvalidArgument, "REQUEST_ID_REUSED"), "{other:?}");
    }
    assert_eq!((it.client.get(&ada.id).await.unwrap(), it.client.get(&bob.id).await.unwrap()), (ada, bob));
    let all = it.client.list(api::ListCustomersRequest::default()).await.unwrap();
    assert_eq!(all.customers.len(), 2);
}

async fn the_header_serves_as_well_and_must_agree(mut it: Acme) {
    let mut send = async |field: &str, header: &str, word: &str| {
        let message = api::CreateCustomerRequest {
            customer: Some(whole(word, "acme")),
            request_id: field.to_owned(),
            ..Default::default()
        };
        let mut request = Request::new(message);
        request.metadata_mut().insert("idempotency-key", header.parse().unwrap());
        it.client.0.create_customer(request).await.map(answer)
    };
    let (bytes, replayed) = send("", "r1", "ada").await.unwrap();
    assert!(!replayed);
    for (field, header) in [("", "r1"), ("r1", "r1"), ("r1", "")] {
        assert_eq!(send(field, header, "ada").await.unwrap(), (bytes.clone(), true));
    }
    assert_eq!(refusal(send("", "r1", "bob").await), is(Code::InvalidArgument, "REQUEST_ID_REUSED"));
    let refused = send("r1", "r2", "ada").await.unwrap_err();
    assert_eq!(
        (refused.code(), bad_fields(&refused)),
        (Code::InvalidArgument, vec!["request_id".to_owned()])
    );
    let refused = send("", &"x".repeat(256), "ada").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

async fn request_ids_of_two_domains_are_apart(mut it: Acme) {
    let (_, mut globex) = it.other("globex").await;
    for (client, domain) in [(&mut it.client, "acme"), (&mut globex, "globex")] {
        let call = create("r1", whole("ada", domain));
        assert!(!call.send(client).await.unwrap().1);
        assert!(call.send(client).await.unwrap().1);
    }
}

async fn a_request_that_was_not_valid_is_not_remembered(mut it: Acme) {
    let bad = Customer { email: "no email".to_owned(), ..Default::default() };
    let refused = create("r1", bad).send(&mut it.client).await;
    assert_eq!(refusal(refused), is(Code::InvalidArgument, "INVALID_FIELD"));
    let mut stranger = it.client_of("purser_test_nonsense").await;
    let refused = create("r1", whole("eve", "acme")).send(&mut stranger).await;
    assert_eq!(refusal(refused), is(Code::Unauthenticated, "API_KEY_INVALID"));
    assert!(!create("r1", whole("ada", "acme")).send(&mut it.client).await.unwrap().1);
}

async fn a_request_id_has_its_form(mut it: Acme) {
    let longest = "x".repeat(255);
    for id in ["a", " ", "!~ \"\\%", &longest] {
        let call = create(id, Customer::default());
        let first = call.send(&mut it.client).await.unwrap();
        assert_eq!(call.send(&mut it.client).await.unwrap(), (first.0, true));
    }
    for id in [&format!("{longest}x"), "é", "a\n", "\u{7f}"] {
        let refused = create(id, Customer::default()).send(&mut it.client).await.unwrap_err();
        assert_eq!(
            (refused.code(), bad_fields(&refused)),
            (Code::InvalidArgument, vec!["request_id".to_owned()])
        );
    }
}

/// IDE-1 in small. Sabotage: remember the request in a second transaction.
async fn of_many_that_are_sent_at_once_one_takes_effect(mut it: Acme) {
    let call = create("r1", whole("ada", "acme"));
    let sent = (0..32).map(|_| {
        let (mut client, call) = (it.client.clone(), call.clone());
        tokio::spawn(async move { call.send(&mut client).await.unwrap() })
    });
    let mut answers = Vec::new();
    for sent in sent.collect::<Vec<_>>() {
        answers.push(sent.await.unwrap());
    }
    assert!(answers.iter().all(|it| it.0 == answers[0].0));
    assert_eq!(answers.iter().filter(|it| !it.1).count(), 1);
    assert_eq!(it.client.list(api::ListCustomersRequest::default()).await.unwrap().customers.len(), 1);
}
