use serde_json::{Value, json};

use super::*;
use crate::domain::fixtures::{
    NOW_US, answer, context, domain, domain_id, event, faulty, line, organization_id,
};
use crate::domain::{Expect, Table};

fn settings(fields: Value) -> DomainSettings {
    serde_json::from_value(fields).unwrap()
}

fn patching(from: Value, paths: &[&str], to: Value) -> Result<Change> {
    let paths = paths.iter().map(|it| (*it).to_owned()).collect();
    update_settings(&domain(from), &SettingsPatch { paths, settings: settings(to) }, context())
}

/// A value for every setting, none of them the default.
fn every_setting() -> Value {
    json!({
        "default_customer_status": "DISABLED",
        "required_fields": ["email"],
        "unique_email": false,
        "kyc_required": true,
        "alias_quarantine_us": 1,
        "disclosure": "INITIALS",
        "allow_mainnet_in_sandbox": true,
    })
}

#[test]
fn settings_that_nobody_chose_are_those_of_the_contract() {
    let expected = json!({
        "default_customer_status": "ENABLED",
        "required_fields": [],
        "unique_email": true,
        "kyc_required": false,
        "alias_quarantine_us": 2_592_000_000_000_i64,
        "disclosure": "FULL_NAME",
        "allow_mainnet_in_sandbox": false,
    });
    assert_eq!(serde_json::to_value(DomainSettings::default()).unwrap(), expected);
}

#[test]
fn a_new_organization_is_kept_in_its_own_log_and_in_the_operators() {
    let change = create_organization(line("Acme"), organization_id(1), context());
    let expected =
        Organization { id: organization_id(1), sequence: 0, display_name: line("Acme"), create_us: NOW_US };
    assert_eq!(answer::<Organization>(&change), expected);
    assert_eq!(event(&change), Some((EventType::OrganizationCreated, &[][..])));
    assert_eq!(change.logs().collect::<Vec<_>>(), [organization_id(1).into(), LogId::OPERATOR]);
    assert_eq!(change.decided_on().count(), 0);
}

#[test]
fn a_new_domain_is_active_takes_its_name_and_is_kept_in_its_own_log_and_its_organizations() {
    let expected = Domain { sequence: 0, create_us: NOW_US, ..domain(every_setting()) };
    let new = NewDomain {
        organization_id: expected.organization_id,
        name: expected.name.clone(),
        environment: expected.environment,
        settings: expected.settings.clone(),
    };
    let change = create_domain(new, domain_id(1), context());
    assert_eq!(answer::<Domain>(&change), expected);
    assert_eq!(event(&change), Some((EventType::DomainCreated, &[][..])));
    assert_eq!(change.keys, [KeyChange::Take(UniqueKey::domain_name(&expected.name))]);
    assert_eq!(change.logs().collect::<Vec<_>>(), [domain_id(1).into(), organization_id(1).into()]);
}

#[test]
fn a_domain_name_has_one_owner_whatever_the_organization_and_environment() {
    let new = |organization, environment| NewDomain {
        organization_id: organization_id(organization),
        name: "acme".to_owned().try_into().unwrap(),
        environment,
        settings: DomainSettings::default(),
    };
    let one = create_domain(new(1, Environment::Live), domain_id(1), context());
    let other = create_domain(new(2, Environment::Sandbox), domain_id(2), context());
    assert_eq!(one.keys, other.keys);
}

#[test]
fn a_setting_changes_only_at_its_own_path() {
    let all = every_setting();
    for (name, value) in all.as_object().unwrap() {
        let path = if name == "alias_quarantine_us" { "alias_quarantine" } else { name };
        let change = patching(json!({}), &[path], all.clone()).unwrap();
        let expected = settings(json!({ name: value }));
        assert_eq!(answer::<Domain>(&change).settings, expected, "{path}");
        assert_eq!(event(&change), Some((EventType::DomainUpdated, &["settings"][..])), "{path}");
    }
}

#[test]
fn a_patch_of_settings_changes_nothing_else_of_the_domain() {
    let change = patching(json!({}), &["kyc_required"], every_setting()).unwrap();
    assert_eq!(answer::<Domain>(&change), domain(json!({"kyc_required": true})));
    assert_eq!(change.logs().collect::<Vec<_>>(), [domain_id(1).into()]);
    let row = Expect { table: Table::Domains, id: domain_id(1).as_uuid(), sequence: 3 };
    assert_eq!(change.decided_on().collect::<Vec<_>>(), [row]);
}

#[test]
fn a_path_that_names_no_setting_is_refused() {
    for path in ["", "*", "settings", "name", "status", "alias_quarantine_us", "required_fields.email"] {
        assert_eq!(
            faulty(patching(json!({}), &["kyc_required", path], json!({}))),
            ["update_mask"],
            "{path:?}"
        );
    }
}

#[test]
fn settings_that_stay_the_same_make_no_event() {
    for (paths, to) in [
        (&["kyc_required", "disclosure"][..], json!({})),
        (&["auto_wallet_networks"], json!({})),
        (&["unique_email"], json!({})),
        (&[], every_setting()),
    ] {
        let change = patching(json!({}), paths, to).unwrap();
        assert_eq!(event(&change), None, "{paths:?}");
        assert_eq!(change.sweep, None, "{paths:?}");
        assert_eq!(answer::<Domain>(&change), domain(json!({})), "{paths:?}");
    }
}

#[test]
fn turning_unique_emails_on_takes_them_all_and_turning_it_off_gives_them_up() {
    let sweep = |from, to| {
        patching(
            json!({"unique_email": from}),
            &["unique_email", "kyc_required"],
            json!({"unique_email": to, "kyc_required": true}),
        )
        .unwrap()
        .sweep
    };
    assert_eq!(sweep(false, true), Some(Sweep::TakeEmails(domain_id(1))));
    assert_eq!(sweep(true, false), Some(Sweep::ReleaseEmails(domain_id(1))));
    assert_eq!(sweep(true, true), None);
    assert_eq!(sweep(false, false), None);
}

#[test]
fn a_domain_is_suspended_and_reinstated_and_the_reason_is_kept() {
    for (from, to) in
        [(DomainStatus::Active, DomainStatus::Suspended), (DomainStatus::Suspended, DomainStatus::Active)]
    {
        let before = Domain { status: from, ..domain(json!({})) };
        let change = set_status(&before, to, line("because"), context());
        assert_eq!(answer::<Domain>(&change), Domain { status: to, ..before });
        assert_eq!(event(&change), Some((EventType::DomainUpdated, &["status"][..])));
        assert_eq!(change.reason, line("because"));
    }
}

#[test]
fn a_domain_that_is_suspended_or_active_already_stays_as_it_is() {
    for status in DomainStatus::ALL {
        let before = Domain { status: *status, ..domain(json!({})) };
        let change = set_status(&before, *status, line("again"), context());
        assert_eq!(answer::<Domain>(&change), before);
        assert_eq!(event(&change), None);
    }
}
