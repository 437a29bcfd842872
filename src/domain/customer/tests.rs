use serde_json::{Value, json};

use super::*;
use crate::domain::fixtures::{
    BEFORE_US, NOW_US, ada, answer, context, customer, customer_id, domain, domain_id, event, faulty, key,
    line, profile,
};
use crate::domain::tenant::DAY_US;
use crate::domain::{Expect, Table};

fn creating(fields: Value, settings: Value) -> Result<Change> {
    let new = NewCustomer { profile: profile(fields), status: None };
    create(new, &domain(settings), customer_id(1), context())
}

fn patch(paths: &[&str], fields: Value) -> CustomerPatch {
    CustomerPatch {
        paths: paths.iter().map(|it| (*it).to_owned()).collect(),
        profile: profile(fields),
        status: None,
    }
}

fn updating(from: Value, paths: &[&str], to: Value) -> Result<Change> {
    update(&customer(from), &patch(paths, to), &domain(json!({})), context())
}

/// What `ada` is once she is deleted.
fn deleted() -> Customer {
    answer(&soft_delete(&customer(ada()), &domain(json!({})), context()).unwrap())
}

/// The names that belong to `ada`.
fn names_of_ada() -> [UniqueKey; 3] {
    [key(KeyKind::Alias, "ada"), key(KeyKind::Email, "ada@x.example"), key(KeyKind::ExternalId, "Ext-1")]
}

/// The domain as the fixtures have it: what a decision that depends on its settings must expect.
fn the_domain() -> Expect {
    let domain = domain(json!({}));
    Expect { table: Table::Domains, id: domain.id.as_uuid(), sequence: domain.sequence }
}

mod creating {
    use super::*;

    #[test]
    fn a_new_customer_is_enabled_and_needs_no_kyc_unless_the_domain_says_so() {
        let plain: Customer = answer(&creating(json!({"first_name": "Ada"}), json!({})).unwrap());
        assert_eq!((plain.status, plain.kyc_status), (CustomerStatus::Enabled, KycStatus::NotRequired));
        assert_eq!((plain.create_us, plain.update_us, plain.delete_us), (NOW_US, NOW_US, None));
        assert_eq!((plain.sequence, plain.domain_id), (0, domain(json!({})).id));

        let settings = json!({"default_customer_status": "DISABLED", "kyc_required": true});
        let strict: Customer = answer(&creating(json!({}), settings).unwrap());
        assert_eq!((strict.status, strict.kyc_status), (CustomerStatus::Disabled, KycStatus::Pending));
    }

    #[test]
    fn the_status_asked_for_outranks_the_default() {
        let new = NewCustomer { profile: Profile::default(), status: Some(CustomerStatus::Disabled) };
        let change = create(new, &domain(json!({})), customer_id(1), context()).unwrap();
        assert_eq!(answer::<Customer>(&change).status, CustomerStatus::Disabled);
    }

    #[test]
    fn every_required_field_that_is_empty_is_named_at_once_and_so_is_a_foreign_alias() {
        let required =
            json!({"required_fields": ["first_name", "email", "business.legal_name", "metadata", "type"]});
        let given = json!({"email": "a@x.example", "payment_address": "ada@globex"});
        assert_eq!(
            faulty(creating(given, required)),
            [
                "customer.first_name",
                "customer.business.legal_name",
                "customer.metadata",
                "customer.payment_address"
            ]
        );
    }

    #[test]
    fn a_field_can_be_required_at_every_path() {
        let whole = json!({
            "type": "BUSINESS", "name": "A", "first_name": "A", "middle_name": "A", "last_name": "A", "nick_name": "A",
            "business": {
                "legal_name": "A", "trade_name": "A", "website": "A", "industry": "6012", "description": "A"
            },
            "email": "a@x.example", "phone": "+1234567",
            "billing_address": {
                "line1": "A", "line2": "A", "city": "A", "state": "A", "postal_code": "A", "country": "GB"
            },
            "payment_address": "a@acme", "external_id": "A", "metadata": {"a": 1},
        });
        // The paths are read off the value, so that a field the table forgets is missed here.
        let mut paths = Vec::new();
        for (field, value) in whole.as_object().unwrap() {
            paths.push(field.clone());
            if matches!(field.as_str(), "business" | "billing_address") {
                paths.extend(value.as_object().unwrap().keys().map(|part| format!("{field}.{part}")));
            }
        }
        assert_eq!(paths.len(), 24);
        for path in &paths {
            let required = json!({"required_fields": [path]});
            assert!(creating(whole.clone(), required.clone()).is_ok(), "{path}");
            // A type is always said: an individual is one.
            let expected = if path == "type" { "nothing".to_owned() } else { format!("customer.{path}") };
            assert_eq!(faulty(creating(json!({}), required)), [expected]);
        }
    }

    #[test]
    fn a_part_of_an_address_makes_the_address_but_not_its_other_parts() {
        let required = json!({"required_fields": ["billing_address", "billing_address.line1"]});
        let given = json!({"billing_address": {"city": "X"}});
        assert_eq!(faulty(creating(given, required)), ["customer.billing_address.line1"]);
    }

    #[test]
    fn it_takes_its_alias_email_and_external_id() {
        let change = creating(ada(), json!({})).unwrap();
        assert_eq!(change.keys, names_of_ada().map(KeyChange::Take));
        assert!(creating(json!({}), json!({})).unwrap().keys.is_empty());
    }

    #[test]
    fn an_email_is_a_key_only_where_emails_are_unique() {
        let change = creating(ada(), json!({"unique_email": false})).unwrap();
        let [alias, _, external_id] = names_of_ada();
        assert_eq!(change.keys, [alias, external_id].map(KeyChange::Take));
    }

    #[test]
    fn it_is_counted_once_expects_the_domain_and_makes_one_event_in_its_log() {
        let change = creating(ada(), json!({})).unwrap();
        assert_eq!(change.counts, [(domain_id(1).as_uuid(), Counted::Customers, 1)]);
        assert_eq!(change.decided_on().collect::<Vec<_>>(), [the_domain()]);
        assert_eq!(event(&change), Some((EventType::CustomerCreated, &[][..])));
        assert_eq!(change.logs().collect::<Vec<_>>(), [domain(json!({})).id.into()]);
    }
}

mod updating {
    use super::*;

    #[test]
    fn only_what_is_masked_changes_and_what_is_empty_there_is_cleared() {
        let from = json!({"first_name": "Ada", "last_name": "Byron", "nick_name": "A", "phone": "+1234567"});
        let to = json!({"first_name": "Augusta", "last_name": "Lovelace", "name": "never masked"});
        let change = updating(from, &["last_name", "nick_name", "phone"], to).unwrap();
        let after: Customer = answer(&change);
        assert_eq!(after.profile, profile(json!({"first_name": "Ada", "last_name": "Lovelace"})));
        assert_eq!((after.update_us, after.create_us), (NOW_US, BEFORE_US));
        assert_eq!(
            event(&change),
            Some((EventType::CustomerUpdated, &["last_name", "nick_name", "phone"][..]))
        );
    }

    #[test]
    fn only_what_differs_is_named_as_changed_and_by_part() {
        let from = json!({"first_name": "Ada", "business": {"legal_name": "A", "website": "W"}, "metadata": {"a": 1}});
        let to = json!({"first_name": "Ada", "business": {"legal_name": "B"}, "metadata": {"a": 2}});
        let change = updating(from, &["first_name", "business", "metadata.a"], to).unwrap();
        assert_eq!(event(&change).unwrap().1, ["business.legal_name", "business.website", "metadata"]);
    }

    #[test]
    fn what_changes_nothing_makes_no_event_and_leaves_the_customer() {
        for (paths, to) in [
            (&["first_name", "email"][..], ada()),
            (&["last_name"], json!({})),
            (&["payment_address"], ada()),
            (&["metadata.absent"], json!({})),
            (&["status"], json!({})),
            (&[], json!({"first_name": "Augusta"})),
        ] {
            let change = updating(ada(), paths, to).unwrap();
            assert_eq!(event(&change), None, "{paths:?}");
            assert_eq!(answer::<Customer>(&change), customer(ada()), "{paths:?}");
            assert!(change.keys.is_empty() && change.counts.is_empty(), "{paths:?}");
        }
    }

    #[test]
    fn the_status_changes_only_where_the_mask_names_it() {
        let named = CustomerPatch { status: Some(CustomerStatus::Disabled), ..patch(&["status"], json!({})) };
        let change = update(&customer(ada()), &named, &domain(json!({})), context()).unwrap();
        assert_eq!(answer::<Customer>(&change).status, CustomerStatus::Disabled);
        assert_eq!(event(&change).unwrap().1, ["status"]);
        assert!(change.keys.is_empty() && change.counts.is_empty());

        let unnamed =
            CustomerPatch { status: Some(CustomerStatus::Disabled), ..patch(&["last_name"], json!({})) };
        let change = update(&customer(ada()), &unnamed, &domain(json!({})), context()).unwrap();
        assert_eq!(event(&change), None);
    }

    #[test]
    fn an_alias_is_set_once() {
        let change =
            updating(json!({}), &["payment_address"], json!({"payment_address": "ada@acme"})).unwrap();
        assert_eq!(change.keys, [KeyChange::Take(key(KeyKind::Alias, "ada"))]);
        assert_eq!(event(&change).unwrap().1, ["payment_address"]);
    }

    #[test]
    fn an_alias_that_is_set_neither_changes_nor_goes() {
        for to in [json!({"payment_address": "eve@acme"}), json!({})] {
            assert_eq!(faulty(updating(ada(), &["payment_address"], to)), ["customer.payment_address"]);
        }
    }

    #[test]
    fn an_alias_is_set_at_the_domain_of_the_customer_alone() {
        let to = json!({"payment_address": "ada@globex"});
        assert_eq!(faulty(updating(json!({}), &["payment_address"], to)), ["customer.payment_address"]);
    }

    #[test]
    fn names_that_change_are_given_up_and_taken_and_the_others_stay() {
        let to = json!({"email": "new@x.example"});
        let change = updating(ada(), &["email", "external_id", "first_name"], to).unwrap();
        let [_, email, external_id] = names_of_ada();
        assert_eq!(
            change.keys,
            [
                KeyChange::Release(email),
                KeyChange::Release(external_id),
                KeyChange::Take(key(KeyKind::Email, "new@x.example")),
            ]
        );
        assert!(change.counts.is_empty());
    }

    #[test]
    fn an_email_that_need_not_be_unique_moves_no_key() {
        let to = patch(&["email"], json!({"email": "new@x.example"}));
        let change =
            update(&customer(ada()), &to, &domain(json!({"unique_email": false})), context()).unwrap();
        assert!(change.keys.is_empty());
        assert_eq!(event(&change).unwrap().1, ["email"]);
    }

    #[test]
    fn it_is_decided_on_the_domain_and_on_the_customer_as_they_were_read() {
        let change = updating(ada(), &["first_name"], json!({})).unwrap();
        let row = Expect { table: Table::Customers, id: customer_id(1).as_uuid(), sequence: 5 };
        assert_eq!(change.decided_on().collect::<Vec<_>>(), [the_domain(), row]);
    }

    #[test]
    fn what_the_domain_requires_holds_after_an_update() {
        let strict = domain(json!({"required_fields": ["first_name", "email"]}));
        let cleared = patch(&["first_name", "email"], json!({}));
        let refused = update(&customer(ada()), &cleared, &strict, context());
        assert_eq!(faulty(refused), ["customer.first_name", "customer.email"]);
        // Also where it was empty before the domain asked for it.
        let other = patch(&["nick_name"], json!({"nick_name": "A"}));
        assert_eq!(
            faulty(update(&customer(json!({"first_name": "Ada"})), &other, &strict, context())),
            ["customer.email"]
        );
    }

    #[test]
    fn every_fault_of_a_patch_is_named_at_once() {
        let strict = domain(json!({"required_fields": ["first_name"]}));
        let paths = ["nick", "kyc_status", "metadata.A", "payment_address", "first_name"];
        let refused = update(
            &customer(ada()),
            &patch(&paths, json!({"payment_address": "eve@acme"})),
            &strict,
            context(),
        );
        assert_eq!(
            faulty(refused),
            ["update_mask", "update_mask", "update_mask", "customer.payment_address", "customer.first_name"]
        );
    }

    #[test]
    fn a_path_that_is_none_is_named_in_the_refusal() {
        let text = updating(ada(), &["nick"], json!({})).unwrap_err().to_string();
        assert!(text.contains("`nick`"), "{text}");
    }

    #[test]
    fn metadata_that_grows_too_large_by_one_key_is_refused() {
        let (old, new) = ("x".repeat(10_000), "y".repeat(10_000));
        let refused =
            updating(json!({"metadata": {"a": old}}), &["metadata.b"], json!({"metadata": {"b": new}}));
        assert_eq!(faulty(refused), ["update_mask"]);
    }
}

mod deleting {
    use super::*;

    #[test]
    fn a_deleted_customer_keeps_the_status_it_had() {
        for status in [CustomerStatus::Enabled, CustomerStatus::Disabled] {
            let before = Customer { status, ..customer(ada()) };
            let change = soft_delete(&before, &domain(json!({})), context()).unwrap();
            let expected = Customer {
                status: CustomerStatus::Deleted,
                status_before: Some(status),
                update_us: NOW_US,
                delete_us: Some(NOW_US),
                ..before
            };
            assert_eq!(answer::<Customer>(&change), expected);
            assert_eq!(event(&change), Some((EventType::CustomerDeleted, &["status", "delete_time"][..])));
        }
    }

    #[test]
    fn its_alias_is_held_for_the_quarantine_of_the_domain_and_its_other_names_are_free() {
        for (settings, days) in [(json!({}), 30), (json!({"alias_quarantine_us": 2 * DAY_US}), 2)] {
            let change = soft_delete(&customer(ada()), &domain(settings), context()).unwrap();
            let [alias, email, external_id] = names_of_ada();
            assert_eq!(
                change.keys,
                [
                    KeyChange::Hold { key: alias, until_us: NOW_US + days * DAY_US },
                    KeyChange::Release(email),
                    KeyChange::Release(external_id),
                ]
            );
        }
    }

    #[test]
    fn a_quarantine_without_end_does_not_overflow() {
        let forever = domain(json!({"alias_quarantine_us": i64::MAX}));
        let change = soft_delete(&customer(ada()), &forever, context()).unwrap();
        assert!(matches!(change.keys[0], KeyChange::Hold { until_us: i64::MAX, .. }));
    }

    #[test]
    fn it_is_no_longer_counted_and_the_domain_is_expected() {
        let change = soft_delete(&customer(ada()), &domain(json!({})), context()).unwrap();
        assert_eq!(change.counts, [(domain_id(1).as_uuid(), Counted::Customers, -1)]);
        assert!(change.decided_on().any(|it| it == the_domain()));
    }

    #[test]
    fn a_deleted_customer_cannot_change() {
        let domain = domain(json!({}));
        let nonsense = patch(&["nonsense"], json!({}));
        let refused = [
            soft_delete(&deleted(), &domain, context()),
            update(&deleted(), &patch(&["first_name"], json!({})), &domain, context()),
            update(&deleted(), &patch(&[], json!({})), &domain, context()),
            // Whatever else is wrong with it.
            update(&deleted(), &nonsense, &domain, context()),
            set_kyc_status(&deleted(), KycStatus::Pending, Line::default(), context()),
            set_kyc_status(&deleted(), KycStatus::Expired, Line::default(), context()),
        ];
        for result in refused {
            assert!(matches!(result, Err(Error::CustomerDeleted(id)) if id == customer_id(1)), "{result:?}");
        }
    }
}

mod restoring {
    use super::*;

    #[test]
    fn a_restored_customer_is_as_before() {
        for status in [CustomerStatus::Enabled, CustomerStatus::Disabled] {
            let before = Customer { status, ..customer(ada()) };
            let gone: Customer = answer(&soft_delete(&before, &domain(json!({})), context()).unwrap());
            let change = restore(&gone, &domain(json!({})), context()).unwrap();
            assert_eq!(answer::<Customer>(&change), Customer { update_us: NOW_US, ..before });
            assert_eq!(event(&change), Some((EventType::CustomerRestored, &["status", "delete_time"][..])));
        }
    }

    #[test]
    fn it_takes_its_names_again_is_counted_again_and_expects_the_domain() {
        let change = restore(&deleted(), &domain(json!({})), context()).unwrap();
        assert_eq!(change.keys, names_of_ada().map(KeyChange::Take));
        assert_eq!(change.counts, [(domain_id(1).as_uuid(), Counted::Customers, 1)]);
        assert!(change.decided_on().any(|it| it == the_domain()));
    }

    #[test]
    fn its_email_is_a_key_again_only_where_emails_are_unique_now() {
        let change = restore(&deleted(), &domain(json!({"unique_email": false})), context()).unwrap();
        let [alias, _, external_id] = names_of_ada();
        assert_eq!(change.keys, [alias, external_id].map(KeyChange::Take));
    }

    #[test]
    fn who_is_not_deleted_cannot_be_restored() {
        for status in [CustomerStatus::Enabled, CustomerStatus::Disabled] {
            let result = restore(&Customer { status, ..customer(ada()) }, &domain(json!({})), context());
            assert!(matches!(result, Err(Error::CustomerNotDeleted(id)) if id == customer_id(1)));
        }
    }
}

mod erasing {
    use super::*;

    fn erased() -> Customer {
        answer(&erase(&deleted(), &domain(json!({})), context()).unwrap())
    }

    #[test]
    fn what_is_left_is_who_they_were_to_us_and_when() {
        let firm = json!({"type": "BUSINESS", "business": {"legal_name": "L"}, "phone": "+49301234567",
                          "billing_address": {"city": "Berlin"}, "metadata": {"k": "v"}, "nick_name": "N"});
        let of = |fields: Value| Customer { profile: profile(fields), ..deleted() };
        for before in [deleted(), of(firm)] {
            let change = erase(&before, &domain(json!({})), context()).unwrap();
            let profile = Profile { kind: before.profile.kind, ..Profile::default() };
            let expected = Customer {
                profile,
                status_before: None,
                update_us: NOW_US,
                erase_us: Some(NOW_US),
                ..before.clone()
            };
            assert_eq!(answer::<Customer>(&change), expected);
            let (event, changed) = event(&change).unwrap();
            assert_eq!(event, EventType::CustomerErased);
            assert_eq!(changed, before.profile.changes(&expected.profile).collect::<Vec<_>>());
            let json = serde_json::to_value(&expected).unwrap();
            assert_eq!(json["profile"], json!({"type": before.profile.kind.as_str()}));
        }
    }

    #[test]
    fn their_alias_stays_on_hold_for_nobody_and_what_happened_is_swept() {
        let change = erase(&deleted(), &domain(json!({})), context()).unwrap();
        let [alias, ..] = names_of_ada();
        assert_eq!(change.keys, [KeyChange::Orphan(alias)]);
        assert_eq!(change.sweep, Some(Sweep::Erase(customer_id(1))));
        assert!(change.counts.is_empty());
        assert!(change.decided_on().any(|it| it == the_domain()));
        assert!(change.decided_on().any(|it| it == (&deleted()).into()));
    }

    #[test]
    fn only_who_is_deleted_can_be_erased() {
        for status in [CustomerStatus::Enabled, CustomerStatus::Disabled] {
            let result = erase(&Customer { status, ..customer(ada()) }, &domain(json!({})), context());
            assert!(matches!(result, Err(Error::CustomerNotDeleted(id)) if id == customer_id(1)));
        }
    }

    #[test]
    fn who_is_erased_does_not_change_again() {
        let domain = domain(json!({}));
        let refused = [
            erase(&erased(), &domain, context()),
            restore(&erased(), &domain, context()),
            soft_delete(&erased(), &domain, context()),
            update(&erased(), &patch(&["first_name"], json!({})), &domain, context()),
            set_kyc_status(&erased(), KycStatus::Pending, Line::default(), context()),
        ];
        for result in refused {
            assert!(matches!(result, Err(Error::CustomerDeleted(id)) if id == customer_id(1)), "{result:?}");
        }
    }
}

mod kyc {
    use super::*;

    #[test]
    fn the_status_goes_along_an_edge_and_the_reason_is_kept_with_the_event() {
        let change =
            set_kyc_status(&customer(ada()), KycStatus::Pending, line("asked for"), context()).unwrap();
        let expected = Customer { kyc_status: KycStatus::Pending, update_us: NOW_US, ..customer(ada()) };
        assert_eq!(answer::<Customer>(&change), expected);
        assert_eq!(event(&change), Some((EventType::CustomerKycUpdated, &["kyc_status"][..])));
        assert_eq!(change.reason, line("asked for"));
        assert!(change.keys.is_empty() && change.counts.is_empty());
    }

    #[test]
    fn what_is_no_edge_is_refused_with_both_ends() {
        for to in [KycStatus::NotRequired, KycStatus::Approved] {
            let result = set_kyc_status(&customer(ada()), to, Line::default(), context());
            let expected = matches!(
                result,
                Err(Error::KycTransitionNotAllowed { from: KycStatus::NotRequired, to: it }) if it == to
            );
            assert!(expected, "{result:?}");
        }
    }

    #[test]
    fn a_disabled_customer_can_be_checked() {
        let disabled = Customer { status: CustomerStatus::Disabled, ..customer(ada()) };
        let change = set_kyc_status(&disabled, KycStatus::Pending, Line::default(), context()).unwrap();
        assert_eq!(answer::<Customer>(&change).status, CustomerStatus::Disabled);
    }
}
