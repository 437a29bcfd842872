//! Whom an alias means, over the wire, and how much of them is told.

use purser::api::{self, Business, Customer, CustomerStatus, CustomerType, PayeeMatch, Resolution};
use purser::domain::{Environment, Scopes};
use serde_json::json;
use tonic::Code;

use crate::harness::{bad_fields, on_each_database};
use crate::wire::{Acme, Answer, Client, aliased, bytes, is, refusal, whole, with_status};

on_each_database!(Acme:
    an_alias_tells_its_customer_whole_to_their_own_domain,
    others_are_told_as_much_as_the_domain_discloses,
    an_organization_s_key_is_told_everything_of_its_own_domains,
    environments_are_kept_apart,
    a_disabled_customer_is_answered_as_such,
    unknown_deleted_and_elsewhere_look_the_same,
    an_alias_that_is_none_is_refused,
    a_payee_s_name_fits_nearly_or_not_at_all,
    a_payee_is_verified_by_the_name_that_counts,
    a_payee_is_verified_while_disabled_and_never_when_gone,
);

fn named() -> Customer {
    Customer {
        r#type: CustomerType::Business.into(),
        name: "Countess Augusta Ada".to_owned(),
        first_name: "Ada".to_owned(),
        middle_name: "Augusta King-Noel".to_owned(),
        last_name: "Lovelace".to_owned(),
        nick_name: "Enchantress".to_owned(),
        business: Some(Business {
            legal_name: "Secret Ltd".to_owned(),
            trade_name: "Analytical Engines".to_owned(),
            ..Default::default()
        }),
        email: "ada@mail.example".to_owned(),
        phone: "+1234567".to_owned(),
        ..Default::default()
    }
}

/// What is told of a customer with all their names.
fn resolution(customer: &Customer, domain: &str) -> Resolution {
    Resolution {
        customer_id: customer.id.clone(),
        domain_id: customer.domain_id.clone(),
        domain_name: domain.to_owned(),
        r#type: customer.r#type,
        name: customer.name.clone(),
        first_name: customer.first_name.clone(),
        middle_name: customer.middle_name.clone(),
        last_name: customer.last_name.clone(),
        nick_name: customer.nick_name.clone(),
        trade_name: customer.business.clone().unwrap_or_default().trade_name,
        payment_address: customer.payment_address.clone(),
        status: customer.status,
        can_receive: customer.can_receive,
        block_reasons: customer.block_reasons.clone(),
        sequence: customer.sequence,
        create_time: customer.create_time,
        update_time: customer.update_time,
    }
}

async fn an_alias_tells_its_customer_whole_to_their_own_domain(mut it: Acme) {
    for disclosure in ["FULL_NAME", "INITIALS", "STATUS_ONLY"] {
        let name = disclosure.to_lowercase().replace('_', "-");
        let (_, mut client) = it.with(&name, json!({"disclosure": disclosure})).await;
        let made =
            client.create(Customer { payment_address: format!("ada@{name}"), ..named() }).await.unwrap();
        for alias in [format!("ada@{name}"), format!("ADA@{}", name.to_uppercase())] {
            assert_eq!(client.resolve(&alias).await.unwrap(), resolution(&made, &name));
        }
    }
    let made = it.client.create(whole("bob", "acme")).await.unwrap();
    assert_eq!(it.client.resolve("bob@acme").await.unwrap(), resolution(&made, "acme"));
}

async fn others_are_told_as_much_as_the_domain_discloses(mut it: Acme) {
    let (tenant, mut globex) = it.other("globex").await;
    let made = globex.create(Customer { payment_address: "ada@globex".to_owned(), ..named() }).await.unwrap();
    let full = resolution(&made, "globex");
    let initials = Resolution {
        name: "C A A".to_owned(),
        first_name: "A".to_owned(),
        middle_name: "A K".to_owned(),
        last_name: "L".to_owned(),
        nick_name: "E".to_owned(),
        trade_name: "A E".to_owned(),
        ..full.clone()
    };
    let status_only = Resolution {
        name: String::new(),
        first_name: String::new(),
        middle_name: String::new(),
        last_name: String::new(),
        nick_name: String::new(),
        trade_name: String::new(),
        ..full.clone()
    };
    for (disclosure, expected) in [
        ("FULL_NAME", full.clone()),
        ("INITIALS", initials),
        ("STATUS_ONLY", status_only),
        ("FULL_NAME", full),
    ] {
        it.set(&tenant.domain, json!({"disclosure": disclosure})).await;
        assert_eq!(it.client.resolve("ada@globex").await.unwrap(), expected);
        let request = api::BatchResolveCustomersRequest { payment_addresses: vec!["Ada@Globex".to_owned()] };
        let batch =
            it.client.0.batch_resolve_customers(request).await.unwrap().into_inner().results.remove(0);
        assert_eq!(batch.result, Some(api::batch_resolve_customers_result::Result::Resolution(expected)));
    }
}

async fn an_organization_s_key_is_told_everything_of_its_own_domains(mut it: Acme) {
    it.set(&it.tenant.domain, json!({"disclosure": "STATUS_ONLY"})).await;
    let made =
        it.client.create(Customer { payment_address: "ada@acme".to_owned(), ..named() }).await.unwrap();
    let key = it.server.organization_key(&it.tenant.organization, Environment::Sandbox, Scopes::all()).await;
    let mut organization = it.client_of(&key).await;
    assert_eq!(organization.resolve("ada@acme").await.unwrap(), resolution(&made, "acme"));
    // Another domain of the same organization is another domain.
    let second = it.domain_of(&it.tenant.organization, "second", Environment::Sandbox).await;
    let mut second = it.client_of(&it.server.domain_key(&second, Scopes::all()).await).await;
    assert_eq!(second.resolve("ada@acme").await.unwrap().first_name, "");
}

async fn environments_are_kept_apart(mut it: Acme) {
    let live = it.domain_of(&it.tenant.organization, "live", Environment::Live).await;
    let mut live = it.client_of(&it.server.domain_key(&live, Scopes::all()).await).await;
    it.client.create(aliased("ada@acme")).await.unwrap();
    live.create(aliased("ada@live")).await.unwrap();
    let not_found = is(Code::NotFound, "ALIAS_NOT_FOUND");
    for (client, own, other) in
        [(&mut it.client, "ada@acme", "ada@live"), (&mut live, "ada@live", "ada@acme")]
    {
        client.resolve(own).await.unwrap();
        assert_eq!(refusal(client.resolve(other).await), not_found);
        assert_eq!(refusal(verify(client, other, "x").await), not_found);
    }
    for (environment, own, other) in
        [(Environment::Sandbox, "ada@acme", "ada@live"), (Environment::Live, "ada@live", "ada@acme")]
    {
        let key = it.server.organization_key(&it.tenant.organization, environment, Scopes::all()).await;
        let mut client = it.client_of(&key).await;
        client.resolve(own).await.unwrap();
        assert_eq!(refusal(client.resolve(other).await), not_found);
    }
}

async fn a_disabled_customer_is_answered_as_such(mut it: Acme) {
    let (_, mut other) = it.other("globex").await;
    let made = it.client.create(Customer { status: 1, ..whole("ada", "acme") }).await.unwrap();
    for client in [&mut it.client, &mut other] {
        let resolved = client.resolve("ada@acme").await.unwrap();
        assert_eq!((resolved.status(), resolved.can_receive), (CustomerStatus::Disabled, false));
        assert_eq!(resolved.block_reasons().collect::<Vec<_>>(), [api::BlockReason::CustomerDisabled]);
    }
    it.client.update(&made.id, &["status"], with_status(CustomerStatus::Enabled)).await.unwrap();
    assert!(it.client.resolve("ada@acme").await.unwrap().can_receive);
}

/// Byte for byte, by every method that resolves, to the own domain and to others.
async fn unknown_deleted_and_elsewhere_look_the_same(mut it: Acme) {
    use api::batch_resolve_customers_result::Result::Error;
    let (_, other) = it.other("globex").await;
    let live = it.domain_of(&it.tenant.organization, "live", Environment::Live).await;
    let mut live = it.client_of(&it.server.domain_key(&live, Scopes::all()).await).await;
    live.create(aliased("ada@live")).await.unwrap();
    let gone = it.client.create(whole("gone", "acme")).await.unwrap();
    it.client.delete(&gone.id).await.unwrap();
    let aliases = ["unknown@acme", "unknown@globex", "unknown@nowhere", "gone@acme", "ada@live"];
    let (mut resolved, mut verified, mut batched) = (Vec::new(), Vec::new(), Vec::new());
    for client in [it.client.clone(), other] {
        let mut client = client;
        for alias in aliases {
            resolved.push(bytes(&client.resolve(alias).await.unwrap_err()));
            verified.push(bytes(&verify(&mut client, alias, "Ada").await.unwrap_err()));
        }
        let request =
            api::BatchResolveCustomersRequest { payment_addresses: aliases.map(str::to_owned).into() };
        let results = client.0.batch_resolve_customers(request).await.unwrap().into_inner().results;
        batched.extend(results.into_iter().map(|it| match it.result {
            Some(Error(error)) => (error.code, error.message.clone(), prost::Message::encode_to_vec(&error)),
            other => panic!("{other:?}"),
        }));
    }
    assert_eq!((resolved.len(), resolved[0].0), (10, Code::NotFound));
    assert!(resolved.iter().chain(&verified).all(|it| *it == resolved[0]), "{resolved:?}");
    let single = (i32::from(resolved[0].0), resolved[0].1.clone(), resolved[0].2.clone());
    assert!(batched.iter().all(|it| *it == single), "{batched:?}");
}

async fn an_alias_that_is_none_is_refused(mut it: Acme) {
    for alias in
        ["", "ada", "@acme", "ada@", "ada @acme", "ada@acme ", "a@b@acme", "ad\u{e4}@acme", "-ada@acme"]
    {
        for refused in [
            it.client.resolve(alias).await.map(drop).unwrap_err(),
            verify(&mut it.client, alias, "Ada").await.map(drop).unwrap_err(),
        ] {
            assert_eq!(refused.code(), Code::InvalidArgument, "{alias}");
            assert_eq!(bad_fields(&refused), ["payment_address"]);
        }
    }
}

async fn verify(client: &mut Client, alias: &str, name: &str) -> Answer<PayeeMatch> {
    let request = api::VerifyPayeeRequest { payment_address: alias.to_owned(), name: name.to_owned() };
    Ok(client.0.verify_payee(request).await?.into_inner().r#match())
}

async fn a_payee_s_name_fits_nearly_or_not_at_all(mut it: Acme) {
    use PayeeMatch::{CloseMatch, Match, NoMatch};
    let ada =
        Customer { first_name: "Zoë".to_owned(), last_name: "O'Neill".to_owned(), ..aliased("zoe@acme") };
    it.client.create(ada).await.unwrap();
    let (tenant, mut other) = it.other("globex").await;
    it.set(&tenant.domain, json!({"disclosure": "STATUS_ONLY"})).await;
    for (name, fits) in [
        ("Zoë O'Neill", Match),
        (" zoe  ONEILL ", Match),
        ("O'Neill Zoë", CloseMatch),
        ("Z. O'Neill", CloseMatch),
        ("Zoe O'Neil", CloseMatch),
        ("Zoe", NoMatch),
        ("Max Mustermann", NoMatch),
    ] {
        for client in [&mut it.client, &mut other] {
            assert_eq!(verify(client, "Zoe@Acme", name).await.unwrap(), fits, "{name}");
        }
    }
    for name in ["", "  ", "a\u{7}", &"x".repeat(256)] {
        let refused = verify(&mut it.client, "zoe@acme", name).await.unwrap_err();
        assert_eq!(
            (refused.code(), bad_fields(&refused)),
            (Code::InvalidArgument, vec!["name".to_owned()]),
            "{name:?}"
        );
    }
}

async fn a_payee_is_verified_by_the_name_that_counts(mut it: Acme) {
    use PayeeMatch::{Match, NoMatch};
    it.client.create(Customer { payment_address: "all@acme".to_owned(), ..named() }).await.unwrap();
    let first_last = Customer {
        name: String::new(),
        email: String::new(),
        payment_address: "person@acme".to_owned(),
        ..named()
    };
    it.client.create(first_last.clone()).await.unwrap();
    let firm = Customer {
        first_name: String::new(),
        last_name: String::new(),
        payment_address: "firm@acme".to_owned(),
        ..first_last
    };
    it.client.create(firm).await.unwrap();
    it.client.create(aliased("nameless@acme")).await.unwrap();
    for (alias, name, fits) in [
        ("all@acme", "Countess Augusta Ada", Match),
        ("all@acme", "Ada Lovelace", NoMatch),
        ("person@acme", "Ada Lovelace", Match),
        ("person@acme", "Analytical Engines", NoMatch),
        ("firm@acme", "analytical engines", Match),
        ("firm@acme", "Secret Ltd", NoMatch),
        ("nameless@acme", "Ada", NoMatch),
    ] {
        assert_eq!(verify(&mut it.client, alias, name).await.unwrap(), fits, "{alias} {name}");
    }
}

async fn a_payee_is_verified_while_disabled_and_never_when_gone(mut it: Acme) {
    let asked = Customer { name: "Ada".to_owned(), status: 1, ..aliased("ada@acme") };
    let ada = it.client.create(asked).await.unwrap();
    assert_eq!(verify(&mut it.client, "ada@acme", "ADA").await.unwrap(), PayeeMatch::Match);
    it.client.delete(&ada.id).await.unwrap();
    assert_eq!(
        refusal(verify(&mut it.client, "ada@acme", "Ada").await),
        is(Code::NotFound, "ALIAS_NOT_FOUND")
    );
}
