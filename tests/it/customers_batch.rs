//! Many at once over the wire: each in its place, whatever becomes of the others.

use prost::Message;
use purser::api::batch_get_customers_result::Result as Got;
use purser::api::batch_resolve_customers_result::Result as Resolved;
use purser::api::{self, BatchError, Customer};
use tonic::{Code, Status};

use crate::harness::{bad_fields, on_each_database};
use crate::wire::{Acme, Client, aliased, whole};

on_each_database!(Acme:
    customers_come_in_the_order_asked_with_errors_in_their_places,
    resolutions_come_in_the_order_asked_with_errors_in_their_places,
    a_batch_has_one_to_a_hundred_items,
    an_item_that_is_asked_twice_is_answered_twice,
    another_tenant_s_customers_look_like_none_in_a_batch,
);

async fn get(client: &mut Client, ids: Vec<String>) -> Result<Vec<Got>, Status> {
    let answer = client.0.batch_get_customers(api::BatchGetCustomersRequest { ids }).await?;
    Ok(answer.into_inner().results.into_iter().map(|it| it.result.unwrap()).collect())
}

async fn resolve(client: &mut Client, payment_addresses: Vec<String>) -> Result<Vec<Resolved>, Status> {
    let request = api::BatchResolveCustomersRequest { payment_addresses };
    let answer = client.0.batch_resolve_customers(request).await?;
    Ok(answer.into_inner().results.into_iter().map(|it| it.result.unwrap()).collect())
}

/// What the single method answered, as a batch says it.
fn as_item(status: &Status) -> BatchError {
    BatchError::decode(status.details()).unwrap()
}

async fn customers_come_in_the_order_asked_with_errors_in_their_places(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    let bob = it.client.create(whole("bob", "acme")).await.unwrap();
    let gone = it.client.delete(&bob.id).await.unwrap();
    let absent = "cust_01h455vb4pex5vsknk084sn02q".to_owned();
    let (domain_id, nothing) = (it.tenant.domain.id.to_string(), "ada@acme".to_owned());
    let ids = vec![absent.clone(), bob.id, nothing, ada.id.clone(), domain_id, String::new(), absent.clone()];
    let got = get(&mut it.client, ids).await.unwrap();

    let single = as_item(&it.client.get(&absent).await.unwrap_err());
    assert_eq!((single.code, single.details.len()), (Code::NotFound.into(), 1));
    assert_eq!(got[0], Got::Error(single.clone()));
    assert_eq!(got[1], Got::Customer(gone));
    assert_eq!(got[3], Got::Customer(ada));
    assert_eq!(got[6], Got::Error(single));
    for at in [2, 4, 5] {
        let Got::Error(error) = &got[at] else { panic!("{got:?}") };
        assert_eq!(error.code, i32::from(Code::InvalidArgument));
        assert_eq!(error.details.len(), 2);
    }
    assert_eq!(got.len(), 7);
}

async fn resolutions_come_in_the_order_asked_with_errors_in_their_places(mut it: Acme) {
    let (_, mut globex) = it.other("globex").await;
    it.client.create(whole("ada", "acme")).await.unwrap();
    globex.create(whole("ada", "globex")).await.unwrap();
    let asked = ["nobody@acme", "ADA@globex", "no alias", "ada@acme", "ada@nowhere", ""];
    let got = resolve(&mut it.client, asked.map(str::to_owned).into()).await.unwrap();
    assert_eq!(got.len(), asked.len());
    for (alias, got) in asked.into_iter().zip(got) {
        match it.client.resolve(alias).await {
            Ok(single) => assert_eq!(got, Resolved::Resolution(single)),
            // The field is the batch's own; everything else is as the single method says it.
            Err(single) if single.code() == Code::InvalidArgument => {
                let Resolved::Error(error) = got else { panic!("{got:?}") };
                assert_eq!((error.code, error.details.len()), (Code::InvalidArgument.into(), 2));
            }
            Err(single) => assert_eq!(got, Resolved::Error(as_item(&single))),
        }
    }
}

async fn a_batch_has_one_to_a_hundred_items(mut it: Acme) {
    let ids = |n| vec!["cust_01h455vb4pex5vsknk084sn02q".to_owned(); n];
    let aliases = |n| vec!["nobody@acme".to_owned(); n];
    assert_eq!(get(&mut it.client, ids(100)).await.unwrap().len(), 100);
    assert_eq!(resolve(&mut it.client, aliases(100)).await.unwrap().len(), 100);
    for size in [0, 101] {
        let refused = get(&mut it.client, ids(size)).await.unwrap_err();
        assert_eq!((refused.code(), bad_fields(&refused)), (Code::InvalidArgument, vec!["ids".to_owned()]));
        let refused = resolve(&mut it.client, aliases(size)).await.unwrap_err();
        assert_eq!(
            (refused.code(), bad_fields(&refused)),
            (Code::InvalidArgument, vec!["payment_addresses".to_owned()])
        );
    }
}

async fn an_item_that_is_asked_twice_is_answered_twice(mut it: Acme) {
    let ada = it.client.create(aliased("ada@acme")).await.unwrap();
    let bob = it.client.create(Customer::default()).await.unwrap();
    let ids = vec![ada.id.clone(), bob.id.clone(), ada.id.clone()];
    let got = get(&mut it.client, ids).await.unwrap();
    assert_eq!(got, [Got::Customer(ada.clone()), Got::Customer(bob), Got::Customer(ada)]);
    let got = resolve(&mut it.client, vec!["ada@acme".to_owned(), "Ada@acme".to_owned()]).await.unwrap();
    assert_eq!(got[0], got[1]);
}

async fn another_tenant_s_customers_look_like_none_in_a_batch(mut it: Acme) {
    let (_, mut globex) = it.other("globex").await;
    let (ada, bob) = (
        it.client.create(whole("ada", "acme")).await.unwrap(),
        globex.create(whole("bob", "globex")).await.unwrap(),
    );
    let absent = "cust_01h455vb4pex5vsknk084sn02q".to_owned();
    let got = get(&mut globex, vec![ada.id, absent, bob.id.clone()]).await.unwrap();
    assert_eq!(got[0], got[1]);
    assert!(matches!(&got[0], Got::Error(it) if it.code == i32::from(Code::NotFound)));
    assert_eq!(got[2], Got::Customer(bob));
}
