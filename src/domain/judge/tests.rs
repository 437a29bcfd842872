use serde_json::json;

use super::*;
use crate::domain::fixtures::{NOW_US, context, customer, customer_id, domain, domain_id, key};
use crate::domain::{Customer, EventType, KeyKind};

/// Adds a customer that takes what it is given.
fn creates(number: u128, keys: Vec<KeyChange>) -> Change {
    let new = Customer { id: customer_id(number), sequence: 0, ..customer(json!({})) };
    Change::new(context()).expects(&domain(json!({}))).keys(keys).writes(new, EventType::CustomerCreated, &[])
}

/// Changes a customer that was read at its fifth event.
fn updates(number: u128, keys: Vec<KeyChange>) -> Change {
    let next = Customer { id: customer_id(number), ..customer(json!({})) };
    Change::new(context()).keys(keys).writes(next, EventType::CustomerUpdated, &["name"])
}

/// Changes the domain that the others expect.
fn updates_domain() -> Change {
    Change::new(context()).writes(domain(json!({})), EventType::DomainUpdated, &["settings"])
}

/// The same for a request of the domain's log.
fn asked(change: Change, id: &str, digest: u8) -> Change {
    let mark = RequestMark {
        scope: domain_id(1).into(),
        id: request_id(id),
        method: "Method",
        digest: [digest; 32],
    };
    Change { ctx: crate::domain::Context { request: Some(mark), ..change.ctx }, ..change }
}

fn request_id(text: &str) -> RequestId {
    text.to_owned().try_into().unwrap()
}

fn alias(text: &str) -> UniqueKey {
    key(KeyKind::Alias, text)
}

fn take(text: &str) -> Vec<KeyChange> {
    vec![KeyChange::Take(alias(text))]
}

/// The domain and its customers 1 to 9, all as the Changes above expect them.
fn facts() -> Facts {
    let customers = (1..10).map(|it| ((Table::Customers, customer_id(it).as_uuid()), 5));
    let domain = [((Table::Domains, domain_id(1).as_uuid()), 3)];
    Facts { rows: customers.chain(domain).collect(), ..Facts::default() }
}

/// The same where somebody has an alias.
fn with_alias(text: &str, owner: Option<u128>, held_until_us: Option<i64>) -> Facts {
    let owner = owner.map(|it| customer_id(it).as_uuid());
    Facts { keys: [(alias(text), KeyState { owner, held_until_us })].into(), ..facts() }
}

/// The same where the request `r` took effect with a digest of ones as event 8.
fn with_request(create_us: i64) -> Facts {
    let remembered = Remembered { method: "Method".to_owned(), digest: [1; 32], sequence: 8, create_us };
    Facts { requests: [((domain_id(1).into(), request_id("r")), remembered)].into(), ..facts() }
}

fn alone(change: Change, facts: &Facts) -> Verdict {
    let mut verdicts = judge(&[change], facts);
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

#[test]
fn an_empty_group_has_no_verdicts() {
    assert_eq!(judge(&[], &Facts::default()), []);
}

#[test]
fn changes_that_have_nothing_in_common_all_go() {
    let group =
        [creates(11, take("a")), creates(12, take("b")), updates(1, Vec::new()), updates(2, take("c"))];
    assert_eq!(judge(&group, &facts()), [Verdict::Go, Verdict::Go, Verdict::Go, Verdict::Go]);
}

mod requests {
    use super::*;

    #[test]
    fn one_that_took_effect_is_replayed() {
        let change = asked(creates(11, Vec::new()), "r", 1);
        assert_eq!(alone(change, &with_request(NOW_US - 1)), Verdict::Replay { sequence: 8 });
    }

    #[test]
    fn a_replay_outranks_every_other_conflict() {
        let mut facts = with_request(NOW_US - 1);
        facts.keys = with_alias("a", Some(2), None).keys;
        facts.shared_emails = [domain_id(1)].into();
        // Taken, stale by a missing row, and shared emails.
        let change = asked(creates(11, take("a")), "r", 1);
        assert_eq!(alone(change.clone(), &facts), Verdict::Replay { sequence: 8 });
        facts.rows.clear();
        assert_eq!(alone(change.clone(), &facts), Verdict::Replay { sequence: 8 });
        assert_eq!(
            alone(change.sweeps(Sweep::TakeEmails(domain_id(1))), &facts),
            Verdict::Replay { sequence: 8 }
        );
    }

    #[test]
    fn a_replay_outranks_what_a_mate_of_the_group_does() {
        let replayed = asked(updates(1, take("a")), "r", 1);
        let group = [updates(1, take("a")), replayed.clone(), replayed];
        let replay = Verdict::Replay { sequence: 8 };
        assert_eq!(judge(&group, &with_request(NOW_US - 1)), [Verdict::Go, replay.clone(), replay]);
    }

    #[test]
    fn one_is_remembered_for_a_day_to_the_microsecond() {
        let change = || asked(creates(11, Vec::new()), "r", 1);
        let other = || asked(creates(11, Vec::new()), "r", 2);
        let day = 24 * 3600 * 1_000_000;
        assert_eq!(alone(change(), &with_request(NOW_US - day + 1)), Verdict::Replay { sequence: 8 });
        assert_eq!(alone(other(), &with_request(NOW_US - day + 1)), Verdict::Reused);
        assert_eq!(alone(change(), &with_request(NOW_US - day)), Verdict::Go);
        assert_eq!(alone(other(), &with_request(NOW_US - day)), Verdict::Go);
    }

    #[test]
    fn one_of_a_clock_that_runs_ahead_is_replayed() {
        let change = asked(creates(11, Vec::new()), "r", 1);
        assert_eq!(alone(change, &with_request(NOW_US + 5)), Verdict::Replay { sequence: 8 });
    }

    #[test]
    fn one_that_is_too_old_leaves_the_other_conflicts() {
        let facts = Facts { keys: with_alias("a", Some(2), None).keys, ..with_request(0) };
        let taken = Verdict::Taken { key: alias("a"), owner: Some(customer_id(2).as_uuid()) };
        assert_eq!(alone(asked(creates(11, take("a")), "r", 1), &facts), taken);
    }

    #[test]
    fn an_id_is_reused_by_another_command_or_another_method() {
        let facts = with_request(NOW_US - 1);
        assert_eq!(alone(asked(creates(11, Vec::new()), "r", 2), &facts), Verdict::Reused);
        let mut change = asked(creates(11, Vec::new()), "r", 1);
        change.ctx.request.as_mut().unwrap().method = "Other";
        assert_eq!(alone(change, &facts), Verdict::Reused);
    }

    #[test]
    fn an_id_means_nothing_in_another_scope_nor_does_another_id() {
        let facts = with_request(NOW_US - 1);
        let mut change = asked(creates(11, Vec::new()), "r", 1);
        change.ctx.request.as_mut().unwrap().scope = domain_id(2).into();
        let group = [change, asked(creates(12, Vec::new()), "s", 1)];
        assert_eq!(judge(&group, &facts), [Verdict::Go, Verdict::Go]);
    }

    #[test]
    fn the_same_one_twice_in_a_group_takes_effect_once() {
        let group = [
            asked(creates(11, Vec::new()), "r", 1),
            asked(creates(12, Vec::new()), "r", 1),
            asked(creates(13, Vec::new()), "r", 2),
        ];
        assert_eq!(judge(&group, &facts()), [Verdict::Go, Verdict::Again, Verdict::Again]);
    }
}

mod rows {
    use super::*;

    #[test]
    fn a_row_that_was_replaced_since_makes_stale() {
        for sequence in [4, 6] {
            let mut facts = facts();
            facts.rows.insert((Table::Customers, customer_id(1).as_uuid()), sequence);
            assert_eq!(alone(updates(1, Vec::new()), &facts), Verdict::Stale);
        }
    }

    #[test]
    fn a_row_that_was_only_read_makes_stale_too() {
        let mut facts = facts();
        facts.rows.insert((Table::Domains, domain_id(1).as_uuid()), 4);
        assert_eq!(alone(creates(11, Vec::new()), &facts), Verdict::Stale);
    }

    #[test]
    fn a_row_that_is_gone_makes_stale() {
        assert_eq!(alone(updates(1, Vec::new()), &Facts::default()), Verdict::Stale);
        assert_eq!(alone(creates(11, Vec::new()), &Facts::default()), Verdict::Stale);
    }

    #[test]
    fn a_row_of_the_same_id_in_another_table_does_not_count() {
        let rows = [((Table::Domains, customer_id(1).as_uuid()), 5)].into();
        assert_eq!(alone(updates(1, Vec::new()), &Facts { rows, ..Facts::default() }), Verdict::Stale);
    }

    #[test]
    fn a_row_that_a_mate_of_the_group_writes_makes_stale() {
        let group = [updates(1, Vec::new()), updates(1, Vec::new()), updates(2, Vec::new())];
        assert_eq!(judge(&group, &facts()), [Verdict::Go, Verdict::Stale, Verdict::Go]);
    }

    #[test]
    fn a_row_that_a_mate_read_may_be_written_but_not_the_other_way_round() {
        let group =
            [creates(11, Vec::new()), creates(12, Vec::new()), updates_domain(), creates(13, Vec::new())];
        assert_eq!(judge(&group, &facts()), [Verdict::Go, Verdict::Go, Verdict::Go, Verdict::Stale]);
    }

    #[test]
    fn an_answer_that_changes_nothing_must_be_true_and_hinders_nobody() {
        let leaves = || {
            let same = Customer { id: customer_id(1), ..customer(json!({})) };
            Change::new(context()).leaves(same)
        };
        let group = [leaves(), leaves(), updates(1, Vec::new()), leaves()];
        assert_eq!(judge(&group, &facts()), [Verdict::Go, Verdict::Go, Verdict::Go, Verdict::Stale]);
    }

    #[test]
    fn stale_outranks_taken() {
        let facts = Facts { rows: HashMap::new(), ..with_alias("a", Some(2), None) };
        assert_eq!(alone(creates(11, take("a")), &facts), Verdict::Stale);
    }
}

mod keys {
    use super::*;

    #[test]
    fn a_name_that_nobody_has_is_free() {
        assert_eq!(alone(creates(11, take("a")), &facts()), Verdict::Go);
        assert_eq!(alone(creates(11, take("a")), &with_alias("b", Some(2), None)), Verdict::Go);
    }

    #[test]
    fn a_name_has_one_owner_within_its_kind_and_scope() {
        let other_kind = vec![KeyChange::Take(key(KeyKind::ExternalId, "a"))];
        let other_scope = vec![KeyChange::Take(UniqueKey { scope: domain_id(2).as_uuid(), ..alias("a") })];
        for keys in [other_kind, other_scope] {
            assert_eq!(alone(creates(11, keys), &with_alias("a", Some(2), None)), Verdict::Go);
        }
    }

    #[test]
    fn a_name_that_somebody_has_is_taken() {
        let taken = Verdict::Taken { key: alias("a"), owner: Some(customer_id(2).as_uuid()) };
        assert_eq!(alone(creates(11, take("a")), &with_alias("a", Some(2), None)), taken);
    }

    #[test]
    fn the_name_that_is_taken_is_told_even_where_it_comes_last() {
        let keys = [take("free"), take("a")].concat();
        let taken = Verdict::Taken { key: alias("a"), owner: Some(customer_id(2).as_uuid()) };
        assert_eq!(alone(creates(11, keys), &with_alias("a", Some(2), None)), taken);
    }

    #[test]
    fn ones_own_name_can_be_taken_again() {
        assert_eq!(alone(updates(2, take("a")), &with_alias("a", Some(2), None)), Verdict::Go);
    }

    #[test]
    fn a_name_on_hold_is_only_for_the_one_it_is_held_for() {
        let held = with_alias("a", Some(2), Some(NOW_US + 1));
        assert_eq!(alone(creates(11, take("a")), &held), Verdict::Held { until_us: NOW_US + 1 });
        assert_eq!(alone(updates(2, take("a")), &held), Verdict::Go);
    }

    #[test]
    fn a_name_held_for_somebody_erased_is_for_nobody() {
        let held = with_alias("a", None, Some(NOW_US + 1));
        assert_eq!(alone(creates(11, take("a")), &held), Verdict::Held { until_us: NOW_US + 1 });
        // Not even for a Change that writes nothing and so has no owner of its own.
        let nobody = Change::new(context()).keys(take("a"));
        assert_eq!(alone(nobody, &held), Verdict::Held { until_us: NOW_US + 1 });
    }

    #[test]
    fn a_hold_is_over_at_its_end() {
        for owner in [Some(2), None] {
            assert_eq!(alone(creates(11, take("a")), &with_alias("a", owner, Some(NOW_US))), Verdict::Go);
        }
    }

    #[test]
    fn of_two_that_take_one_name_the_first_goes() {
        let group = [creates(11, take("a")), creates(12, take("a")), creates(13, take("b"))];
        assert_eq!(judge(&group, &facts()), [Verdict::Go, Verdict::Again, Verdict::Go]);
    }

    #[test]
    fn a_name_given_up_in_the_group_is_free_only_after_it() {
        let given_up = [
            vec![KeyChange::Release(alias("a"))],
            vec![KeyChange::Hold { key: alias("a"), until_us: NOW_US + 1 }],
        ];
        for keys in given_up {
            let group = [updates(2, keys), creates(11, take("a"))];
            assert_eq!(judge(&group, &with_alias("a", Some(2), None)), [Verdict::Go, Verdict::Again]);
        }
    }

    #[test]
    fn a_name_is_given_up_whatever_is_stored() {
        let release = vec![KeyChange::Release(alias("a"))];
        assert_eq!(alone(updates(2, release), &with_alias("a", Some(2), None)), Verdict::Go);
    }
}

mod sweeps {
    use super::*;

    fn sweeping(sweep: Sweep) -> Change {
        updates_domain().sweeps(sweep)
    }

    #[test]
    fn one_goes_alone() {
        for sweep in [Sweep::TakeEmails(domain_id(1)), Sweep::ReleaseEmails(domain_id(1))] {
            let first = [sweeping(sweep), creates(11, Vec::new()), updates(1, Vec::new())];
            assert_eq!(judge(&first, &facts()), [Verdict::Go, Verdict::Again, Verdict::Again]);
            let later = [updates(1, Vec::new()), sweeping(sweep), updates(2, Vec::new())];
            assert_eq!(judge(&later, &facts()), [Verdict::Go, Verdict::Again, Verdict::Go]);
            assert_eq!(judge(&[sweeping(sweep), sweeping(sweep)], &facts()), [Verdict::Go, Verdict::Again]);
        }
    }

    #[test]
    fn emails_that_are_shared_cannot_become_unique_but_can_stay_so() {
        let facts = Facts { shared_emails: [domain_id(1)].into(), ..facts() };
        assert_eq!(alone(sweeping(Sweep::TakeEmails(domain_id(1))), &facts), Verdict::EmailsShared);
        assert_eq!(alone(sweeping(Sweep::ReleaseEmails(domain_id(1))), &facts), Verdict::Go);
        assert_eq!(alone(sweeping(Sweep::TakeEmails(domain_id(2))), &facts), Verdict::Go);
    }

    #[test]
    fn one_that_was_decided_on_an_old_domain_is_stale() {
        let facts = Facts::default();
        assert_eq!(alone(sweeping(Sweep::TakeEmails(domain_id(1))), &facts), Verdict::Stale);
    }
}

/// Whatever a Change loses by, the next one for the same name, row, request or group is judged as if it had not been.
#[test]
fn a_change_that_lost_claims_nothing() {
    let ahead = |mut change: Change| {
        change.expects.push(crate::domain::Expect {
            table: Table::Domains,
            id: domain_id(1).as_uuid(),
            sequence: 99,
        });
        change
    };
    let taken = with_alias("taken", Some(2), None);
    let verdict = Verdict::Taken { key: alias("taken"), owner: Some(customer_id(2).as_uuid()) };

    // A name: it lost another name, or was stale.
    let lost = creates(11, [take("a"), take("taken")].concat());
    assert_eq!(judge(&[lost, creates(12, take("a"))], &taken), [verdict.clone(), Verdict::Go]);
    let lost = ahead(creates(11, take("a")));
    assert_eq!(judge(&[lost, creates(12, take("a"))], &facts()), [Verdict::Stale, Verdict::Go]);

    // A row.
    let lost = updates(1, take("taken"));
    assert_eq!(judge(&[lost, updates(1, Vec::new())], &taken), [verdict.clone(), Verdict::Go]);

    // A request.
    let lost = asked(creates(11, take("taken")), "r", 1);
    assert_eq!(judge(&[lost, asked(creates(12, Vec::new()), "r", 2)], &taken), [verdict, Verdict::Go]);

    // A group for itself.
    let facts = Facts { shared_emails: [domain_id(1)].into(), ..facts() };
    let sweep = || updates_domain().sweeps(Sweep::TakeEmails(domain_id(1)));
    assert_eq!(judge(&[sweep(), updates(1, Vec::new())], &facts), [Verdict::EmailsShared, Verdict::Go]);
    let release = updates_domain().sweeps(Sweep::ReleaseEmails(domain_id(1)));
    assert_eq!(judge(&[sweep(), release], &facts), [Verdict::EmailsShared, Verdict::Go]);
}
