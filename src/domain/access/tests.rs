use serde_json::json;

use super::*;
use crate::domain::DomainStatus;
use crate::domain::fixtures::{NOW_US, api_key, domain, domain_id, faulty, organization_id};

fn parse(words: &[&str]) -> Result<Scopes> {
    Scopes::parse("api_key.scopes", words.iter().copied())
}

fn caller(reach: Reach) -> Caller {
    Caller { reach, ..Caller::cli("root".to_owned()) }
}

/// Every reach that two organizations, two environments and two domains of each give.
fn reaches() -> Vec<Reach> {
    let mut all = vec![Reach::Operator];
    for organization in [1, 2] {
        for (place, environment) in Environment::ALL.iter().enumerate() {
            let first = organization * 100 + place as u128 * 10;
            let organization = organization_id(organization);
            all.push(Reach::Organization(organization, *environment));
            all.extend([first, first + 1].map(|it| Reach::Domain(organization, *environment, domain_id(it))));
        }
    }
    all
}

/// The domains that the reach is asked about, by the parts of it.
fn domains() -> Vec<Domain> {
    reaches()
        .into_iter()
        .filter_map(|it| match it {
            Reach::Domain(organization_id, environment, id) => {
                Some(Domain { id, organization_id, environment, ..domain(json!({})) })
            }
            _ => None,
        })
        .collect()
}

mod scopes {
    use super::*;

    #[test]
    fn words_name_the_scopes_of_the_contract() {
        let words = [
            "customers.read",
            "customers.write",
            "customers.erase",
            "customers.resolve",
            "kyc.write",
            "wallets.read",
            "wallets.write",
            "events.read",
            "webhooks.read",
            "webhooks.write",
            "billing.read",
            "billing.write",
            "claims.read",
            "claims.write",
            "admin",
        ];
        assert_eq!(parse(&words).unwrap(), Scopes::all());
        for word in words {
            let named: Vec<_> = parse(&[word]).unwrap().iter().map(Scope::as_str).collect();
            assert_eq!(named, [word]);
        }
    }

    #[test]
    fn all_is_every_scope_alone_or_among_others() {
        for words in [&["all"][..], &["all", "admin"], &["admin", "all"]] {
            assert_eq!(parse(words).unwrap(), Scopes::all());
        }
    }

    #[test]
    fn a_scope_named_twice_is_named_once() {
        let scopes = parse(&["kyc.write", "admin", "kyc.write"]).unwrap();
        assert_eq!(scopes.iter().collect::<Vec<_>>(), [Scope::KycWrite, Scope::Admin]);
    }

    #[test]
    fn each_word_that_is_no_scope_is_refused_at_once() {
        assert_eq!(faulty(parse(&["admin", "root", "ALL", ""])), ["api_key.scopes"; 3]);
        assert_eq!(faulty(parse(&["all", "root"])), ["api_key.scopes"]);
    }

    #[test]
    fn no_scope_at_all_is_refused() {
        assert_eq!(faulty(parse(&[])), ["api_key.scopes"]);
    }

    #[test]
    fn a_set_covers_its_parts_and_nothing_more() {
        let (one, two) = (parse(&["admin"]).unwrap(), parse(&["admin", "kyc.write"]).unwrap());
        assert!(two.covers(one) && two.covers(two) && one.covers(Scopes::default()));
        assert!(!one.covers(two) && !two.covers(Scopes::all()));
        assert!(Scopes::all().covers(two));
        assert!(two.has(Scope::KycWrite) && !one.has(Scope::KycWrite));
    }

    #[test]
    fn they_are_stored_as_words() {
        let scopes = parse(&["admin", "kyc.write"]).unwrap();
        let stored = serde_json::to_value(scopes).unwrap();
        assert_eq!(stored, json!(["kyc.write", "admin"]));
        assert_eq!(serde_json::from_value::<Scopes>(stored).unwrap(), scopes);
    }

    #[test]
    fn a_caller_that_lacks_a_scope_is_told_which() {
        let caller = Caller { scopes: parse(&["customers.read"]).unwrap(), ..caller(Reach::Operator) };
        assert!(caller.require(Scope::CustomersRead).is_ok());
        let refused = caller.require(Scope::CustomersWrite);
        assert!(matches!(refused, Err(Error::ScopeMissing(Scope::CustomersWrite))));
    }
}

mod reach {
    use super::*;

    #[test]
    fn an_operator_covers_every_domain_an_organization_those_of_its_environment_a_domain_itself() {
        for reach in reaches() {
            for domain in domains() {
                let expected = match reach {
                    Reach::Operator => true,
                    Reach::Organization(organization, environment) => {
                        (organization, environment) == (domain.organization_id, domain.environment)
                    }
                    Reach::Domain(_, _, id) => id == domain.id,
                };
                assert_eq!(reach.covers(&domain), expected, "{reach:?} {}", domain.id);
            }
        }
    }

    #[test]
    fn a_reach_includes_another_just_where_it_is_no_narrower() {
        let includes = |one: Reach, other: Reach| one.includes(&other);
        let (live, sandbox) = (Environment::Live, Environment::Sandbox);
        let (one, two) = (organization_id(1), organization_id(2));
        let organization = Reach::Organization(one, live);
        let domain = Reach::Domain(one, live, domain_id(1));

        assert!(includes(Reach::Operator, Reach::Operator));
        assert!(includes(Reach::Operator, organization));
        assert!(includes(Reach::Operator, domain));

        assert!(!includes(organization, Reach::Operator));
        assert!(includes(organization, organization));
        assert!(!includes(organization, Reach::Organization(one, sandbox)));
        assert!(!includes(organization, Reach::Organization(two, live)));
        assert!(includes(organization, domain));
        assert!(!includes(organization, Reach::Domain(one, sandbox, domain_id(1))));
        assert!(!includes(organization, Reach::Domain(two, live, domain_id(1))));

        assert!(!includes(domain, Reach::Operator));
        assert!(!includes(domain, organization));
        assert!(includes(domain, domain));
        assert!(!includes(domain, Reach::Domain(one, live, domain_id(2))));
    }

    #[test]
    fn what_is_included_covers_no_domain_that_the_other_does_not() {
        for wide in reaches() {
            for narrow in reaches() {
                let more = domains().iter().any(|it| narrow.covers(it) && !wide.covers(it));
                assert!(!(wide.includes(&narrow) && more), "{wide:?} {narrow:?}");
            }
        }
    }

    #[test]
    fn only_an_operator_passes_for_one() {
        for reach in reaches() {
            let result = caller(reach).require_operator();
            if reach == Reach::Operator {
                assert!(result.is_ok());
            } else {
                assert!(matches!(result, Err(Error::OperatorOnly)));
            }
        }
    }

    #[test]
    fn only_an_operator_changes_what_is_in_a_suspended_domain() {
        let active = domain(json!({}));
        let suspended = Domain { status: DomainStatus::Suspended, ..active.clone() };
        let organization = Reach::Organization(active.organization_id, active.environment);
        let own = Reach::Domain(active.organization_id, active.environment, active.id);
        for reach in [Reach::Operator, organization, own] {
            assert!(caller(reach).may_change(&active).is_ok());
        }
        assert!(caller(Reach::Operator).may_change(&suspended).is_ok());
        for reach in [organization, own] {
            assert!(matches!(caller(reach).may_change(&suspended), Err(Error::DomainSuspended)));
        }
    }
}

mod handing_out {
    use super::*;

    /// What is too wide about a key, if anything is.
    fn too_wide(caller: &Caller, key: &ApiKey) -> Option<&'static str> {
        match caller.may_hand_out(key) {
            Err(Error::KeyTooWide(what)) => Some(what),
            other => {
                assert!(other.is_ok(), "{other:?}");
                None
            }
        }
    }

    fn key_of(reach: Reach) -> ApiKey {
        match reach {
            Reach::Operator => api_key(None, None, None),
            Reach::Organization(organization, environment) => {
                api_key(Some(organization), Some(environment), None)
            }
            Reach::Domain(organization, environment, domain) => {
                api_key(Some(organization), Some(environment), Some(domain))
            }
        }
    }

    #[test]
    fn nobody_hands_out_a_key_that_reaches_further() {
        for own in reaches() {
            for its in reaches() {
                let expected = if own.includes(&its) { None } else { Some("reach") };
                assert_eq!(too_wide(&caller(own), &key_of(its)), expected, "{own:?} {its:?}");
            }
        }
    }

    #[test]
    fn nobody_hands_out_a_key_with_more_scopes() {
        let caller = Caller { scopes: parse(&["admin", "kyc.write"]).unwrap(), ..caller(Reach::Operator) };
        let key = |words: &[&str]| ApiKey { scopes: parse(words).unwrap(), ..key_of(Reach::Operator) };
        assert_eq!(too_wide(&caller, &key(&["admin"])), None);
        assert_eq!(too_wide(&caller, &key(&["admin", "kyc.write"])), None);
        assert_eq!(too_wide(&caller, &key(&["admin", "customers.read"])), Some("scopes"));
        assert_eq!(too_wide(&caller, &key(&["all"])), Some("scopes"));
    }

    #[test]
    fn nobody_hands_out_a_key_that_lives_longer() {
        let caller = |expire_us| Caller { expire_us, ..caller(Reach::Operator) };
        let key = |expire_us| ApiKey { expire_us, ..key_of(Reach::Operator) };
        let mortal = caller(Some(NOW_US));
        assert_eq!(too_wide(&mortal, &key(Some(NOW_US - 1))), None);
        assert_eq!(too_wide(&mortal, &key(Some(NOW_US))), None);
        assert_eq!(too_wide(&mortal, &key(Some(NOW_US + 1))), Some("lifetime"));
        assert_eq!(too_wide(&mortal, &key(None)), Some("lifetime"));
        assert_eq!(too_wide(&caller(None), &key(Some(NOW_US))), None);
        assert_eq!(too_wide(&caller(None), &key(None)), None);
    }

    #[test]
    fn somebody_at_the_machine_hands_out_any_key() {
        for reach in reaches() {
            assert_eq!(too_wide(&Caller::cli("root".to_owned()), &key_of(reach)), None);
        }
    }
}

#[test]
fn the_log_names_a_key_by_its_id_and_a_person_at_the_machine_by_their_user() {
    let key = api_key(None, None, None);
    assert_eq!(Actor::Key(key.id).to_string(), key.id.to_string());
    assert!(Actor::Key(key.id).to_string().starts_with("key_"));
    assert_eq!(Actor::Cli("ada".to_owned()).to_string(), "cli:ada");
}

#[test]
fn the_user_of_the_machine_is_printable_and_short() {
    assert_eq!(os_user("ada").unwrap(), "ada");
    assert_eq!(os_user(" a\nd\u{e4}\u{7f}a\0").unwrap(), "ada");
    assert_eq!(os_user(&"a".repeat(65)).unwrap(), "a".repeat(64));
    for name in ["", " ", "\n", "ä"] {
        assert!(os_user(name).is_err(), "{name:?}");
    }
}
