use serde_json::json;

use super::*;
use crate::domain::fixtures::{
    NOW_US, context, customer, customer_id, domain, domain_id, key, wallet, wallet_id,
};
use crate::domain::{
    Add, Amount, Customer, EventType, KeyKind, Network, Transaction, TransactionType, TxHash, WalletKind,
};

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
    fn a_name_is_left_to_nobody_whoever_has_it_by_now() {
        let orphan = || vec![KeyChange::Orphan(alias("a"))];
        for held_until_us in [None, Some(NOW_US), Some(NOW_US + 1)] {
            for owner in [2, 3] {
                let facts = with_alias("a", Some(owner), held_until_us);
                assert_eq!(alone(updates(2, orphan()), &facts), Verdict::Go);
            }
        }
        assert_eq!(alone(updates(2, orphan()), &facts()), Verdict::Go);
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

mod shared_names {
    use super::*;

    fn owner(number: u128) -> Uuid {
        customer_id(number).as_uuid()
    }

    fn share(text: &str, number: u128) -> Vec<KeyChange> {
        vec![KeyChange::Share(alias(text), owner(number))]
    }

    #[test]
    fn one_is_for_anybody_as_long_as_nobody_has_it() {
        assert_eq!(alone(creates(11, share("a", 1)), &facts()), Verdict::Go);
    }

    #[test]
    fn one_is_only_for_the_one_who_has_it() {
        let stored = with_alias("a", Some(1), None);
        assert_eq!(alone(creates(11, share("a", 1)), &stored), Verdict::Go);
        let taken = Verdict::Taken { key: alias("a"), owner: Some(owner(1)) };
        assert_eq!(alone(creates(11, share("a", 2)), &stored), taken);
        // It is its owner who counts, not what is written: customer 1 as the first resource does not make it theirs.
        assert_eq!(alone(updates(1, share("a", 2)), &stored), taken);
    }

    #[test]
    fn changes_of_one_owner_do_not_meet_in_one_and_those_of_others_do() {
        for facts in [facts(), with_alias("a", Some(1), None)] {
            let group = [creates(11, share("a", 1)), creates(12, share("a", 1)), creates(13, share("a", 2))];
            assert_eq!(judge(&group, &facts), [Verdict::Go, Verdict::Go, Verdict::Again]);
        }
    }

    #[test]
    fn one_is_not_shared_with_what_is_done_to_it_otherwise_in_the_group() {
        let otherwise = [
            KeyChange::Take(alias("a")),
            KeyChange::TakeFor(alias("a"), owner(1)),
            KeyChange::Release(alias("a")),
            KeyChange::ReleaseUnless(alias("a"), Vec::new()),
            KeyChange::Free(alias("a")),
            KeyChange::Hold { key: alias("a"), until_us: NOW_US + 1 },
        ];
        for other in otherwise {
            let after = [creates(11, share("a", 1)), creates(12, vec![other.clone()])];
            assert_eq!(judge(&after, &facts()), [Verdict::Go, Verdict::Again], "{other:?}");
            let before = [creates(11, vec![other.clone()]), creates(12, share("a", 1))];
            assert_eq!(judge(&before, &facts()), [Verdict::Go, Verdict::Again], "{other:?}");
        }
    }
}

mod names_that_nobody_may_have {
    use super::*;

    fn free(text: &str) -> Vec<KeyChange> {
        vec![KeyChange::Free(alias(text))]
    }

    #[test]
    fn one_goes_where_nobody_has_it() {
        assert_eq!(alone(creates(11, free("a")), &facts()), Verdict::Go);
        assert_eq!(alone(creates(11, free("a")), &with_alias("b", Some(2), None)), Verdict::Go);
    }

    #[test]
    fn one_that_somebody_has_is_taken_even_where_that_is_who_asks() {
        for asks in [1, 2] {
            let taken = Verdict::Taken { key: alias("a"), owner: Some(customer_id(2).as_uuid()) };
            assert_eq!(alone(updates(asks, free("a")), &with_alias("a", Some(2), None)), taken);
        }
    }

    #[test]
    fn one_that_is_claimed_in_the_group_is_judged_again() {
        let owner = customer_id(1).as_uuid();
        for claim in [KeyChange::TakeFor(alias("a"), owner), KeyChange::Share(alias("a"), owner)] {
            let group = [creates(11, vec![claim]), creates(12, free("a")), creates(13, free("b"))];
            assert_eq!(judge(&group, &facts()), [Verdict::Go, Verdict::Again, Verdict::Go]);
        }
    }

    #[test]
    fn one_is_nobodys_for_the_rest_of_the_group() {
        let group = [creates(11, free("a")), creates(12, take("a"))];
        assert_eq!(judge(&group, &facts()), [Verdict::Go, Verdict::Again]);
    }
}

mod names_that_somebody_must_have {
    use super::*;

    fn owned(text: &str, by: u128) -> Vec<KeyChange> {
        vec![KeyChange::Owned(alias(text), customer_id(by).as_uuid())]
    }

    #[test]
    fn one_goes_where_that_owner_has_it() {
        assert_eq!(alone(creates(11, owned("a", 2)), &with_alias("a", Some(2), None)), Verdict::Go);
    }

    #[test]
    fn one_that_another_has_or_nobody_is_lost() {
        let other = Some(customer_id(3).as_uuid());
        let taken = |owner| Verdict::Taken { key: alias("a"), owner };
        assert_eq!(alone(creates(11, owned("a", 2)), &with_alias("a", Some(3), None)), taken(other));
        assert_eq!(alone(creates(11, owned("a", 2)), &facts()), taken(None));
    }

    #[test]
    fn many_of_a_group_may_say_so_and_none_beside_one_that_changes_it() {
        let stored = with_alias("a", Some(2), None);
        let group = [creates(11, owned("a", 2)), creates(12, owned("a", 2)), updates(2, take("a"))];
        assert_eq!(judge(&group, &stored), [Verdict::Go, Verdict::Go, Verdict::Again]);
        let group = [updates(2, vec![KeyChange::Release(alias("a"))]), creates(11, owned("a", 2))];
        assert_eq!(judge(&group, &stored), [Verdict::Go, Verdict::Again]);
    }

    #[test]
    fn many_of_a_group_may_want_one_free() {
        let free = || vec![KeyChange::Free(alias("a"))];
        let group = [creates(11, free()), creates(12, free()), creates(13, take("a"))];
        assert_eq!(judge(&group, &facts()), [Verdict::Go, Verdict::Go, Verdict::Again]);
    }
}

mod names_given_up_unless_others_are_held {
    use super::*;

    /// Gives `a` up unless somebody has `b` or `c`.
    fn unless() -> Vec<KeyChange> {
        vec![KeyChange::ReleaseUnless(alias("a"), vec![alias("b"), alias("c")])]
    }

    #[test]
    fn they_are_judged_as_given_up_whether_another_is_held_or_not() {
        let held = |text| with_alias(text, Some(2), None);
        for facts in [facts(), held("a"), held("b"), held("c")] {
            assert_eq!(alone(updates(1, unless()), &facts), Verdict::Go);
        }
    }

    #[test]
    fn one_is_judged_again_where_it_or_what_decides_on_it_is_claimed_in_the_group() {
        for (claimed, verdict) in
            [("a", Verdict::Again), ("b", Verdict::Again), ("c", Verdict::Again), ("d", Verdict::Go)]
        {
            let claims = [
                KeyChange::TakeFor(alias(claimed), customer_id(11).as_uuid()),
                KeyChange::Share(alias(claimed), customer_id(11).as_uuid()),
                KeyChange::Release(alias(claimed)),
            ];
            for claim in claims {
                let group = [creates(11, vec![claim.clone()]), updates(1, unless())];
                assert_eq!(judge(&group, &facts()), [Verdict::Go, verdict.clone()], "{claim:?}");
            }
        }
    }

    #[test]
    fn two_that_decide_on_each_other_do_not_go_together() {
        // Of the same address on two networks, each goes unless the other is there.
        let other = vec![KeyChange::ReleaseUnless(alias("a"), vec![alias("d")])];
        let group = [updates(1, unless()), updates(2, other)];
        assert_eq!(judge(&group, &facts()), [Verdict::Go, Verdict::Again]);
    }

    #[test]
    fn what_decided_on_one_is_not_claimed_by_it() {
        let group = [updates(1, unless()), creates(11, take("b"))];
        assert_eq!(judge(&group, &facts()), [Verdict::Go, Verdict::Go]);
    }
}

mod balances {
    use super::*;
    use TransactionType::{Credit, Debit};

    fn account(token: &str) -> Account {
        Account { wallet: wallet_id(1), network: None, token: token.to_owned() }
    }

    fn amount(units: &str) -> Amount {
        units.to_owned().try_into().unwrap()
    }

    fn most() -> Amount {
        Amount::from_bytes([0xff; 32])
    }

    /// An addition to a balance that is never below zero.
    fn add(kind: TransactionType, amount: Amount) -> Add {
        Add { account: account("USD"), kind, amount, undo: false, never_below_zero: true }
    }

    fn credit(units: &str) -> Add {
        add(Credit, amount(units))
    }

    fn debit(units: &str) -> Add {
        add(Debit, amount(units))
    }

    fn adds(adds: Vec<Add>) -> Change {
        Change { adds, ..creates(11, Vec::new()) }
    }

    /// The same where dollars were added and taken before.
    fn with_sums(added: Amount, taken: Amount) -> Facts {
        Facts { sums: [(account("USD"), Sums { added, taken })].into(), ..facts() }
    }

    /// Of a hundred dollars thirty are taken.
    fn seventy() -> Facts {
        with_sums(amount("100"), amount("30"))
    }

    const INSUFFICIENT: Verdict = Verdict::Insufficient(wallet_id(1));
    const OVERFLOW: Verdict = Verdict::Overflow(wallet_id(1));

    #[test]
    fn one_may_be_emptied_but_not_overdrawn() {
        assert_eq!(alone(adds(vec![debit("70")]), &seventy()), Verdict::Go);
        assert_eq!(alone(adds(vec![debit("71")]), &seventy()), INSUFFICIENT);
    }

    #[test]
    fn one_that_is_not_there_yet_is_empty() {
        assert_eq!(alone(adds(vec![debit("1")]), &facts()), INSUFFICIENT);
        assert_eq!(alone(adds(vec![credit("1"), debit("1")]), &facts()), Verdict::Go);
    }

    #[test]
    fn two_debits_of_one_change_are_judged_by_what_they_come_to() {
        assert_eq!(alone(adds(vec![debit("35"), debit("35")]), &seventy()), Verdict::Go);
        assert_eq!(alone(adds(vec![debit("35"), debit("36")]), &seventy()), INSUFFICIENT);
    }

    #[test]
    fn two_credits_of_one_change_are_judged_by_what_they_come_to() {
        let facts = with_sums(most().minus(amount("10")).unwrap(), Amount::ZERO);
        assert_eq!(alone(adds(vec![credit("5"), credit("5")]), &facts), Verdict::Go);
        assert_eq!(alone(adds(vec![credit("5"), credit("6")]), &facts), OVERFLOW);
    }

    #[test]
    fn what_was_taken_can_overflow_as_well_as_what_was_added() {
        let facts = with_sums(most(), most().minus(amount("1")).unwrap());
        assert_eq!(alone(adds(vec![debit("1")]), &facts), Verdict::Go);
        assert_eq!(alone(adds(vec![debit("1"), debit("1")]), &facts), OVERFLOW);
        assert_eq!(alone(adds(vec![add(Credit, amount("1"))]), &facts), OVERFLOW);
    }

    #[test]
    fn additions_of_one_change_are_judged_in_their_order() {
        assert_eq!(alone(adds(vec![credit("1"), debit("71")]), &seventy()), Verdict::Go);
        assert_eq!(alone(adds(vec![debit("71"), credit("1")]), &seventy()), INSUFFICIENT);
    }

    #[test]
    fn each_change_of_a_group_counts_for_those_after_it() {
        for (last, verdict) in [("35", Verdict::Go), ("36", INSUFFICIENT)] {
            let group = [adds(vec![debit("20"), debit("15")]), adds(vec![debit(last)])];
            assert_eq!(judge(&group, &seventy()), [Verdict::Go, verdict]);
        }
        let group = [adds(vec![debit("71")]), adds(vec![credit("1")]), adds(vec![debit("71")])];
        assert_eq!(judge(&group, &seventy()), [INSUFFICIENT, Verdict::Go, Verdict::Go]);
    }

    #[test]
    fn a_change_that_lost_by_its_second_addition_has_made_none() {
        let group = [adds(vec![debit("60"), debit("60")]), adds(vec![debit("70")])];
        assert_eq!(judge(&group, &seventy()), [INSUFFICIENT, Verdict::Go]);
    }

    #[test]
    fn accounts_do_not_count_for_each_other() {
        let other_token = account("EUR");
        let other_wallet = Account { wallet: wallet_id(2), ..account("USD") };
        let other_network = Account { network: Some(crate::domain::Network::Ethereum), ..account("USD") };
        for account in [other_token, other_wallet, other_network] {
            let one = Add { account: account.clone(), ..debit("1") };
            let insufficient = Verdict::Insufficient(account.wallet);
            assert_eq!(alone(adds(vec![debit("35"), one]), &seventy()), insufficient, "{account:?}");
        }
    }

    #[test]
    fn only_one_that_is_never_below_zero_can_be_insufficient() {
        let withdrawal = Add { never_below_zero: false, ..debit("71") };
        assert_eq!(alone(adds(vec![withdrawal.clone(), withdrawal]), &seventy()), Verdict::Go);
    }

    #[test]
    fn a_credit_is_undone_only_where_that_leaves_enough() {
        let undo = |units| Add { undo: true, ..credit(units) };
        assert_eq!(alone(adds(vec![undo("70")]), &seventy()), Verdict::Go);
        assert_eq!(alone(adds(vec![undo("71")]), &seventy()), INSUFFICIENT);
        assert_eq!(alone(adds(vec![undo("35"), undo("36")]), &seventy()), INSUFFICIENT);
    }

    #[test]
    fn a_name_that_is_taken_outranks_a_balance() {
        let facts = Facts { keys: with_alias("a", Some(2), None).keys, ..facts() };
        let change = Change { keys: take("a"), ..adds(vec![debit("1")]) };
        assert!(matches!(alone(change, &facts), Verdict::Taken { .. }));
    }

    #[test]
    fn a_wallet_that_a_mate_removes_makes_stale_before_its_balance_counts() {
        let rows = [((Table::Wallets, wallet_id(1).as_uuid()), 6)];
        let facts = Facts { rows: facts().rows.into_iter().chain(rows).collect(), ..facts() };
        let wallet = wallet(WalletKind::Ledger);
        let removes = Change::new(context()).writes(wallet.clone(), EventType::WalletRemoved, &["status"]);
        let group = [removes, adds(vec![debit("1")]).expects(&wallet)];
        assert_eq!(judge(&group, &facts), [Verdict::Go, Verdict::Stale]);
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

#[test]
fn a_hold_for_nobody_ends_with_a_day_and_not_before_its_time() {
    let day = 5 * DAY_US;
    for (until_us, expected) in [(day, day), (day + 1, day + DAY_US), (day - 1, day), (0, 0), (-1, 0)] {
        assert_eq!(KeyState::held_for_nobody(until_us), expected, "{until_us}");
    }
    assert!(KeyState::held_for_nobody(i64::MAX) > i64::MAX - 2 * DAY_US);
}

mod deposits {
    use super::*;

    fn on_record(byte: &str) -> OnRecord {
        let hash = format!("0x{}", byte.repeat(32));
        let tx_hash = TxHash::parse(Network::Ethereum.info().family, &hash).unwrap();
        OnRecord { domain: domain_id(1), network: Network::Ethereum, tx_hash }
    }

    /// Changes a customer while no deposit of a transaction is on record.
    fn approves(number: u128, byte: &str) -> Change {
        updates(number, Vec::new()).unrecorded(on_record(byte))
    }

    /// Records a deposit.
    fn records(byte: &str, kind: &str, status: &str) -> Change {
        let deposit: Transaction = serde_json::from_value(json!({
            "id": "txn_01h455vb4pex5vsknk084sn02q", "domain_id": domain_id(1), "reference": "r",
            "wallet_id": wallet_id(1), "customer_id": customer_id(9), "network": "ethereum", "type": kind,
            "status": status, "token": "USDC", "decimals": 6, "amount": "1",
            "tx_hash": on_record(byte).tx_hash.as_str(), "create_us": 1, "update_us": 1
        }))
        .unwrap();
        Change::new(context()).writes(deposit, EventType::TransactionCreated, &[])
    }

    #[test]
    fn one_that_is_on_record_makes_stale() {
        let facts = Facts { on_record: [on_record("ab")].into(), ..facts() };
        assert_eq!(alone(approves(1, "ab"), &facts), Verdict::Stale);
        assert_eq!(alone(approves(1, "cd"), &facts), Verdict::Go);
    }

    #[test]
    fn one_that_a_mate_of_the_group_records_makes_stale_too() {
        for (mate, verdict) in [
            (records("ab", "DEPOSIT", "CONFIRMED"), Verdict::Stale),
            (records("ab", "DEPOSIT", "PENDING"), Verdict::Stale),
            (records("ab", "DEPOSIT", "FAILED"), Verdict::Go),
            (records("ab", "WITHDRAWAL", "CONFIRMED"), Verdict::Go),
            (records("cd", "DEPOSIT", "CONFIRMED"), Verdict::Go),
        ] {
            assert_eq!(judge(&[mate, approves(1, "ab")], &facts()), [Verdict::Go, verdict]);
        }
    }
}

mod wallets {
    use super::*;

    /// Decided on all of somebody's wallets, and makes one.
    fn knows(ever: i64) -> Change {
        let new = crate::domain::Wallet { sequence: 0, ..wallet(WalletKind::Managed) };
        let change = Change::new(context()).knows_all(Table::Wallets, customer_id(1), ever);
        change.writes(new, EventType::WalletCreated, &[])
    }

    #[test]
    fn what_was_decided_on_all_of_somebodys_wallets_is_stale_once_they_have_another() {
        let facts = Facts { all: [((Table::Wallets, customer_id(1)), 2)].into(), ..facts() };
        assert_eq!(alone(knows(2), &facts), Verdict::Go);
        assert_eq!(alone(knows(1), &facts), Verdict::Stale);
        assert_eq!(judge(&[knows(2), knows(2)], &facts), [Verdict::Go, Verdict::Stale]);
    }

    #[test]
    fn what_was_decided_on_all_links_for_somebody_is_stale_once_another_is_made() {
        let link = crate::domain::PaymentClaimLink {
            id: crate::domain::PaymentClaimLinkId::from_uuid(Uuid::nil()),
            sequence: 0,
            domain_id: domain_id(1),
            customer_id: customer_id(1),
            status: crate::domain::PaymentClaimLinkStatus::Active,
            use_count: 0,
            max_uses: 1,
            expire_us: NOW_US,
            create_us: NOW_US,
            update_us: NOW_US,
            metadata: crate::domain::Metadata::default(),
        };
        let makes = Change::new(context()).writes(link, EventType::ClaimLinkCreated, &[]);
        let knows = || Change::new(context()).knows_all(Table::ClaimLinks, customer_id(1), 0);
        let all = [((Table::ClaimLinks, customer_id(1)), 0), ((Table::Wallets, customer_id(1)), 5)];
        let facts = Facts { all: all.into(), ..facts() };
        assert_eq!(judge(&[knows(), makes, knows()], &facts), [Verdict::Go, Verdict::Go, Verdict::Stale]);
        assert_eq!(alone(knows(), &Facts { all: [(all[0].0, 1)].into(), ..facts }), Verdict::Stale);
    }
}
