use uuid::Uuid;

use super::*;
use crate::domain::fixtures::{
    BEFORE_US, NOW_US, answer, context, customer_id, domain_id, event, faulty, key, member, on_chain,
    the_member, wallet, wallet_id,
};
use crate::domain::{Customer, Expect};

use Network::{Base, Bitcoin, Ethereum};
use TransactionStatus::{Confirmed, Failed, Pending};
use TransactionType::{Credit, Debit, Deposit, Withdrawal};
use WalletKind::{External, Ledger, Managed};

/// The most that 256 bits hold, of a token with 18 decimals.
const MOST: &str = "115792089237316195423570985008687907853269984665640564039457.584007913129639935";

const fn transaction_id() -> TransactionId {
    TransactionId::from_uuid(Uuid::from_u128(0x7000))
}

fn decimal(text: &str) -> Decimal {
    text.to_owned().try_into().unwrap()
}

fn units(text: &str) -> Amount {
    text.to_owned().try_into().unwrap()
}

fn reference(text: &str) -> Reference {
    text.to_owned().try_into().unwrap()
}

fn hash(digit: &str) -> TxHash {
    TxHash::parse(Family::Evm, &format!("0x{}", digit.repeat(64))).unwrap()
}

/// One and a half ether on Ethereum, at the wallet's first address there.
fn ether() -> OnChain {
    OnChain {
        network: Ethereum,
        token: Ethereum.token("ETH").unwrap(),
        amount: decimal("1.5").in_units(18).unwrap(),
        address: None,
        place: None,
        block_height: 0,
        from: None,
        to: None,
    }
}

fn in_books(currency: Option<&str>, amount: &str) -> Movement {
    let currency = currency.map(|it| it.to_owned().try_into().unwrap());
    Movement::InBooks { currency, amount: decimal(amount) }
}

/// Asks for a transaction that has happened: 1.5 ETH, or 1.5 USD of a ledger wallet.
fn asked(wallet: WalletKind, kind: TransactionType) -> NewTransaction {
    let movement =
        if wallet == Ledger { in_books(None, "1.5") } else { Movement::OnChain(Box::new(ether())) };
    NewTransaction {
        wallet_id: wallet_id(1),
        reference: None,
        kind,
        status: Confirmed,
        movement,
        description: Text::default(),
    }
}

/// A deposit on a chain.
fn deposit(chain: OnChain) -> NewTransaction {
    NewTransaction { movement: Movement::OnChain(Box::new(chain)), ..asked(Managed, Deposit) }
}

/// A credit of a ledger wallet in dollars.
fn credit(movement: Movement) -> NewTransaction {
    NewTransaction { movement, ..asked(Ledger, Credit) }
}

/// Records it for wallet 1, which has the address that it touches.
fn recording(new: &NewTransaction, wallet: &Wallet) -> Result<Change> {
    let address = matches!(new.movement, Movement::OnChain(_)).then_some("0xOwn");
    record(new, wallet, &member(), address, transaction_id(), context())
}

fn recorded(new: &NewTransaction, kind: WalletKind) -> Change {
    recording(new, &wallet(kind)).unwrap()
}

/// The same as it is kept once it was recorded with a status, as of event 8.
fn kept(wallet: WalletKind, kind: TransactionType, status: TransactionStatus) -> Transaction {
    let new = NewTransaction { status, ..asked(wallet, kind) };
    let transaction: Transaction = answer(&recorded(&new, wallet));
    Transaction { sequence: 8, create_us: BEFORE_US, update_us: BEFORE_US, ..transaction }
}

mod recording {
    use super::*;

    #[test]
    fn a_transaction_on_a_chain_is_kept_as_it_was_told() {
        let chain = OnChain {
            place: Some((hash("a"), 3)),
            block_height: 17,
            from: Some(on_chain(Ethereum, 8)),
            to: Some(on_chain(Ethereum, 9)),
            ..ether()
        };
        let new = NewTransaction {
            reference: Some(reference("ref-1")),
            description: "rent".to_owned().try_into().unwrap(),
            ..deposit(chain)
        };
        let change = recorded(&new, Managed);
        let expected = Transaction {
            id: transaction_id(),
            sequence: 0,
            domain_id: domain_id(1),
            reference: reference("ref-1"),
            wallet_id: wallet_id(1),
            customer_id: customer_id(1),
            network: Some(Ethereum),
            address: "0xOwn".to_owned(),
            kind: Deposit,
            status: Confirmed,
            token: "ETH".to_owned(),
            decimals: 18,
            amount: units("1500000000000000000"),
            tx_hash: Some(hash("a")),
            log_index: 3,
            block_height: 17,
            from_address: "08-shown".to_owned(),
            to_address: "09-shown".to_owned(),
            description: "rent".to_owned().try_into().unwrap(),
            create_us: NOW_US,
            update_us: NOW_US,
        };
        assert_eq!(answer::<Transaction>(&change), expected);
        assert_eq!(event(&change), Some((EventType::TransactionCreated, &[][..])));
    }

    #[test]
    fn a_transaction_in_the_books_has_the_currency_of_its_wallet_and_nothing_of_a_chain() {
        for currency in [None, Some("USD")] {
            let change = recorded(&credit(in_books(currency, "1.5")), Ledger);
            let kept: Transaction = answer(&change);
            assert_eq!((&*kept.token, kept.decimals, kept.amount), ("USD", 2, units("150")));
            assert_eq!((kept.network, &*kept.address, kept.tx_hash), (None, "", None));
            assert_eq!((kept.log_index, kept.block_height), (0, 0));
            assert_eq!((&*kept.from_address, &*kept.to_address), ("", ""));
        }
    }

    #[test]
    fn it_is_decided_on_the_wallet_the_customer_and_the_domain() {
        let [customer, domain] = the_member();
        for kind in [Managed, Ledger] {
            let decided_on: Vec<_> = recorded(&asked(kind, Deposit), kind).decided_on().collect();
            assert_eq!(decided_on, [Expect::from(&wallet(kind)), customer, domain]);
        }
    }

    #[test]
    fn each_type_goes_with_each_kind_of_wallet_and_only_a_ledger_is_never_below_zero() {
        for wallet in [Managed, External, Ledger] {
            for kind in TransactionType::ALL {
                let account = if wallet == Ledger {
                    Account { wallet: wallet_id(1), network: None, token: "USD".to_owned() }
                } else {
                    Account { wallet: wallet_id(1), network: Some(Ethereum), token: "ETH".to_owned() }
                };
                let amount = units(if wallet == Ledger { "150" } else { "1500000000000000000" });
                let never_below_zero = wallet == Ledger;
                let expected = Add { account, kind: *kind, amount, undo: false, never_below_zero };
                assert_eq!(recorded(&asked(wallet, *kind), wallet).adds, [expected], "{wallet} {kind}");
            }
        }
    }

    #[test]
    fn one_that_has_not_happened_yet_moves_no_balance() {
        for wallet in [Managed, External, Ledger] {
            for kind in TransactionType::ALL {
                let new = NewTransaction { status: Pending, ..asked(wallet, *kind) };
                let change = recorded(&new, wallet);
                assert_eq!(change.adds, [], "{wallet} {kind}");
                assert_eq!(answer::<Transaction>(&change).status, Pending);
            }
        }
    }

    #[test]
    fn one_is_recorded_as_pending_or_confirmed_and_never_as_failed() {
        assert_eq!(TransactionStatus::at_first(None), Ok(Pending));
        assert_eq!(TransactionStatus::at_first(Some(Pending)), Ok(Pending));
        assert_eq!(TransactionStatus::at_first(Some(Confirmed)), Ok(Confirmed));
        assert!(TransactionStatus::at_first(Some(Failed)).is_err());
    }
}

mod refusing {
    use super::*;

    #[test]
    fn a_deleted_customer_has_no_new_transactions_whatever_became_of_the_wallet() {
        let mut member = member();
        member.customer.status = CustomerStatus::Deleted;
        for status in WalletStatus::ALL {
            let wallet = Wallet { status: *status, ..wallet(Ledger) };
            let result = record(&asked(Ledger, Debit), &wallet, &member, None, transaction_id(), context());
            assert!(matches!(result, Err(Error::CustomerDeleted(id)) if id == customer_id(1)), "{result:?}");
        }
    }

    #[test]
    fn a_frozen_wallet_only_receives_and_a_removed_one_not_even_that() {
        for kind in WalletKind::ALL {
            for (of, adds) in [(Deposit, true), (Credit, true), (Withdrawal, false), (Debit, false)] {
                let frozen = Wallet { status: WalletStatus::Frozen, ..wallet(*kind) };
                let result = recording(&asked(*kind, of), &frozen);
                let expected = match &result {
                    Ok(_) => adds,
                    Err(Error::WalletFrozen(id)) => !adds && *id == wallet_id(1),
                    Err(_) => false,
                };
                assert!(expected, "{kind} {of}: {result:?}");

                let removed = Wallet { status: WalletStatus::Removed, ..wallet(*kind) };
                let result = recording(&asked(*kind, of), &removed);
                assert!(matches!(result, Err(Error::WalletRemoved(id)) if id == wallet_id(1)), "{result:?}");
            }
        }
    }

    #[test]
    fn a_disabled_customer_and_one_without_kyc_still_have_transactions() {
        let mut disabled = member();
        disabled.customer.status = CustomerStatus::Disabled;
        let mut rejected = member();
        rejected.customer.kyc_status = crate::domain::KycStatus::Rejected;
        for member in [disabled, rejected] {
            let new = asked(Ledger, Credit);
            assert!(record(&new, &wallet(Ledger), &member, None, transaction_id(), context()).is_ok());
        }
    }

    #[test]
    fn a_wallet_on_a_chain_wants_an_address_of_its_own() {
        for kind in [Managed, External] {
            let new = asked(kind, Deposit);
            let result = record(&new, &wallet(kind), &member(), None, transaction_id(), context());
            assert!(matches!(result, Err(Error::NotFound(Noun::Address))), "{result:?}");
        }
    }

    #[test]
    fn a_ledger_wallet_has_no_network_and_every_other_needs_one() {
        let on_chain = asked(Managed, Credit);
        let in_books = asked(Ledger, Credit);
        assert_eq!(faulty(recording(&on_chain, &wallet(Ledger))), ["transaction.network"]);
        for kind in [Managed, External] {
            assert_eq!(faulty(recording(&in_books, &wallet(kind))), ["transaction.network"], "{kind}");
        }
    }

    #[test]
    fn another_currency_than_the_wallets_is_refused_together_with_the_amount() {
        for (currency, amount, faults) in [
            (Some("EUR"), "1.5", &["transaction.token"][..]),
            (Some("USDC"), "1.5", &["transaction.token"]),
            (Some("USD"), "1.555", &["transaction.amount"]),
            (None, "1.555", &["transaction.amount"]),
            (Some("EUR"), "1.555", &["transaction.token", "transaction.amount"]),
        ] {
            let result = recording(&credit(in_books(currency, amount)), &wallet(Ledger));
            assert_eq!(faulty(result), faults, "{currency:?} {amount}");
        }
    }
}

mod amounts {
    use super::*;

    /// A credit of a ledger wallet in some currency: its smallest units, or what was wrong.
    fn crediting(currency: &str, amount: &str) -> Result<String, Vec<String>> {
        let wallet = Wallet { currency: Some(currency.to_owned().try_into().unwrap()), ..wallet(Ledger) };
        match recording(&credit(in_books(None, amount)), &wallet) {
            Ok(change) => Ok(answer::<Transaction>(&change).amount.to_string()),
            Err(error) => Err(faulty::<()>(Err(error))),
        }
    }

    #[test]
    fn an_amount_has_at_most_the_decimals_of_its_currency_and_zeros_at_the_end_are_none() {
        let refused = || Err(vec!["transaction.amount".to_owned()]);
        for (currency, amount, expected) in [
            ("USD", "0.01", Ok("1".to_owned())),
            ("USD", "0.001", refused()),
            ("USD", "0.0100", Ok("1".to_owned())),
            ("JPY", "1", Ok("1".to_owned())),
            ("JPY", "1.0", Ok("1".to_owned())),
            ("JPY", "1.1", refused()),
            ("KWD", "0.001", Ok("1".to_owned())),
            ("KWD", "0.0001", refused()),
            ("USDC", "0.000001", Ok("1".to_owned())),
            ("USDC", "0.0000001", refused()),
            ("BTC", "0.00000001", Ok("1".to_owned())),
            ("BTC", "0.000000001", refused()),
            ("ETH", "0.000000000000000001", Ok("1".to_owned())),
            ("ETH", "0.0000000000000000001", refused()),
        ] {
            assert_eq!(crediting(currency, amount), expected, "{currency} {amount}");
        }
    }

    #[test]
    fn an_amount_has_at_most_256_bits() {
        assert_eq!(crediting("ETH", MOST), Ok(MOST.replace('.', "")));
        let one_more = MOST.replace("935", "936");
        assert_eq!(crediting("ETH", &one_more), Err(vec!["transaction.amount".to_owned()]));
    }
}

mod names {
    use super::*;

    /// The name by which a transaction on a chain is recorded once.
    fn name_of(new: &NewTransaction, wallet: &Wallet) -> UniqueKey {
        let keys = recording(new, wallet).unwrap().keys;
        assert!(
            matches!(&keys[..], [_, KeyChange::TakeFor(it, owner), ..]
                if it.kind == KeyKind::Transaction && it.scope == domain_id(1).as_uuid() && *owner == transaction_id().as_uuid()),
            "{keys:?}"
        );
        keys[1].key().clone()
    }

    fn placed(place: (TxHash, u32)) -> OnChain {
        OnChain { place: Some(place), ..ether() }
    }

    #[test]
    fn a_reference_is_taken_in_the_domain() {
        let new = NewTransaction { reference: Some(reference("Ref-1")), ..asked(Ledger, Credit) };
        let expected = [KeyChange::TakeFor(key(KeyKind::Reference, "Ref-1"), transaction_id().as_uuid())];
        assert_eq!(recorded(&new, Ledger).keys, expected);
    }

    #[test]
    fn a_reference_is_made_where_none_was_given() {
        let change = recorded(&asked(Ledger, Credit), Ledger);
        let made = transaction_id().to_string();
        assert_eq!(answer::<Transaction>(&change).reference.as_str(), made);
        let expected = [KeyChange::TakeFor(key(KeyKind::Reference, &made), transaction_id().as_uuid())];
        assert_eq!(change.keys, expected);
    }

    #[test]
    fn without_a_hash_only_the_reference_is_taken() {
        let kinds: Vec<_> =
            recorded(&deposit(ether()), Managed).keys.iter().map(|it| it.key().kind).collect();
        assert_eq!(kinds, [KeyKind::Reference]);
    }

    #[test]
    fn a_deposit_is_none_that_a_claim_was_approved_with() {
        let keys = |new: &NewTransaction| recorded(new, Managed).keys;
        let text = format!("ethereum/{}/{}", hash("a").as_str(), member().customer.id);
        let free = KeyChange::Free(key(KeyKind::ClaimedDeposit, &text));
        let one = deposit(placed((hash("a"), 37)));
        assert_eq!(&keys(&one)[2..], std::slice::from_ref(&free));
        let other = NewTransaction { status: Pending, ..deposit(placed((hash("a"), 0))) };
        assert_eq!(keys(&other)[2..], [free]);
        assert_eq!(keys(&NewTransaction { kind: Withdrawal, ..one }).len(), 2);
    }

    #[test]
    fn it_is_one_by_its_wallet_type_network_hash_and_place_in_it() {
        let one = deposit(placed((hash("a"), 0)));
        let name = name_of(&one, &wallet(Managed));
        let others = [
            NewTransaction { kind: Withdrawal, ..one.clone() },
            deposit(OnChain { network: Base, ..placed((hash("a"), 0)) }),
            deposit(placed((hash("b"), 0))),
            deposit(placed((hash("a"), 1))),
        ];
        for other in &others {
            assert_ne!(name_of(other, &wallet(Managed)), name, "{other:?}");
        }
        let other_wallet = Wallet { id: wallet_id(2), ..wallet(Managed) };
        assert_ne!(name_of(&one, &other_wallet), name);
    }

    #[test]
    fn nothing_else_of_it_makes_it_another() {
        let one = deposit(placed((hash("a"), 0)));
        let chain = OnChain {
            token: Ethereum.token("USDC").unwrap(),
            amount: units("7"),
            block_height: 9,
            from: Some(on_chain(Ethereum, 8)),
            ..placed((hash("A"), 0))
        };
        let other = NewTransaction {
            status: Pending,
            reference: Some(reference("r")),
            description: "rent".to_owned().try_into().unwrap(),
            ..deposit(chain)
        };
        assert_eq!(name_of(&other, &wallet(Managed)), name_of(&one, &wallet(Managed)));
    }
}

mod updating {
    use super::*;

    fn updating(from: &Transaction, kind: WalletKind, to: TransactionStatus) -> Result<Change> {
        update_status(from, &wallet(kind), &member(), to, 0, context())
    }

    #[test]
    fn the_graph_has_these_edges_and_no_others_for_each_kind_and_type() {
        for wallet in WalletKind::ALL {
            for kind in TransactionType::ALL {
                let mut edges = Vec::new();
                for from in TransactionStatus::ALL {
                    for to in TransactionStatus::ALL {
                        let before = Transaction { status: *from, ..kept(*wallet, *kind, Pending) };
                        match updating(&before, *wallet, *to) {
                            Ok(_) => edges.push(format!("{from}→{to}")),
                            Err(Error::TransactionTransitionNotAllowed { from: was, to: asked }) => {
                                assert_eq!((was, asked), (*from, *to));
                            }
                            Err(other) => panic!("{other}"),
                        }
                    }
                }
                let expected = "PENDING→CONFIRMED PENDING→FAILED CONFIRMED→FAILED";
                assert_eq!(edges.join(" "), expected, "{wallet} {kind}");
            }
        }
    }

    #[test]
    fn only_the_status_changes() {
        for (from, to) in [(Pending, Confirmed), (Pending, Failed), (Confirmed, Failed)] {
            let before = kept(Ledger, Credit, from);
            let change = updating(&before, Ledger, to).unwrap();
            let expected = Transaction { status: to, update_us: NOW_US, ..before };
            assert_eq!(answer::<Transaction>(&change), expected);
            assert_eq!(event(&change), Some((EventType::TransactionUpdated, &["status"][..])));
            assert!(change.keys.is_empty());
            let row = Expect {
                table: crate::domain::Table::Transactions,
                id: transaction_id().as_uuid(),
                sequence: 8,
            };
            let [customer, domain] = the_member();
            assert_eq!(change.decided_on().collect::<Vec<_>>(), [customer, domain, row]);
        }
    }

    #[test]
    fn what_was_said_in_it_does_not_come_back_once_the_customer_is_erased() {
        let erased = Customer { erase_us: Some(NOW_US), ..member().customer };
        let description: Text<500> = "rent".to_owned().try_into().unwrap();
        for (member, left) in
            [(member(), description.clone()), (Member { customer: erased, ..member() }, Text::default())]
        {
            let before = Transaction { description: description.clone(), ..kept(Ledger, Credit, Pending) };
            let change = update_status(&before, &wallet(Ledger), &member, Confirmed, 0, context()).unwrap();
            assert_eq!(answer::<Transaction>(&change).description, left);
        }
    }

    #[test]
    fn confirming_adds_what_recording_it_confirmed_adds_failing_nothing_and_undoing_takes_it_back() {
        for wallet in WalletKind::ALL {
            for kind in TransactionType::ALL {
                let add = recorded(&asked(*wallet, *kind), *wallet).adds.remove(0);
                let undo = Add { undo: true, ..add.clone() };
                for (from, to, adds) in [
                    (Pending, Confirmed, vec![add]),
                    (Pending, Failed, vec![]),
                    (Confirmed, Failed, vec![undo]),
                ] {
                    let change = updating(&kept(*wallet, *kind, from), *wallet, to).unwrap();
                    assert_eq!(change.adds, adds, "{wallet} {kind} {from}→{to}");
                }
            }
        }
    }

    #[test]
    fn what_was_recorded_comes_true_whatever_became_of_the_wallet_since() {
        for status in WalletStatus::ALL {
            let wallet = Wallet { status: *status, ..wallet(Managed) };
            for kind in TransactionType::ALL {
                let before = kept(Managed, *kind, Pending);
                assert!(
                    update_status(&before, &wallet, &member(), Confirmed, 0, context()).is_ok(),
                    "{status} {kind}"
                );
            }
        }
    }

    #[test]
    fn a_block_is_kept_once_it_is_known_and_told_as_changed_where_it_is_another() {
        for (before, said, after, changed) in [
            (0, 0, 0, &["status"][..]),
            (0, 17, 17, &["status", "block_height"]),
            (17, 0, 17, &["status"]),
            (17, 17, 17, &["status"]),
            (17, 18, 18, &["status", "block_height"]),
        ] {
            let transaction = Transaction { block_height: before, ..kept(Managed, Deposit, Pending) };
            let change =
                update_status(&transaction, &wallet(Managed), &member(), Confirmed, said, context()).unwrap();
            assert_eq!(answer::<Transaction>(&change).block_height, after, "{before} {said}");
            assert_eq!(event(&change).unwrap().1, changed, "{before} {said}");
        }
    }

    #[test]
    fn a_transaction_in_the_books_is_in_no_block() {
        for status in TransactionStatus::ALL {
            let before = kept(Ledger, Credit, Pending);
            let result = update_status(&before, &wallet(Ledger), &member(), *status, 1, context());
            assert_eq!(faulty(result), ["block_height"], "{status}");
        }
    }
}

mod sums {
    use super::*;

    fn sums(added: &str, taken: &str) -> Sums {
        Sums { added: units(added), taken: units(taken) }
    }

    fn add(kind: TransactionType, amount: &str) -> Add {
        let account = Account { wallet: wallet_id(1), network: None, token: "USD".to_owned() };
        Add { account, kind, amount: units(amount), undo: false, never_below_zero: false }
    }

    #[test]
    fn deposits_and_credits_add_and_withdrawals_and_debits_take() {
        for (kind, after, undone) in [
            (Deposit, sums("15", "7"), sums("5", "7")),
            (Credit, sums("15", "7"), sums("5", "7")),
            (Withdrawal, sums("10", "12"), sums("10", "2")),
            (Debit, sums("10", "12"), sums("10", "2")),
        ] {
            assert_eq!(sums("10", "7").after(&add(kind, "5")).unwrap(), after, "{kind}");
            let undo = Add { undo: true, ..add(kind, "5") };
            assert_eq!(sums("10", "7").after(&undo).unwrap(), undone, "{kind}");
        }
    }

    #[test]
    fn the_balance_is_what_was_added_less_what_was_taken_and_may_be_below_zero() {
        for (added, taken, expected) in [
            ("10", "7", (false, "3")),
            ("7", "7", (false, "0")),
            ("7", "10", (true, "3")),
            ("0", "0", (false, "0")),
        ] {
            let (below, amount) = sums(added, taken).balance();
            assert_eq!((below, &*amount.to_string()), expected);
        }
    }

    #[test]
    fn a_balance_that_is_never_below_zero_may_be_just_that() {
        for (kind, undo, enough, too_much) in
            [(Debit, false, "3", "4"), (Withdrawal, false, "3", "4"), (Credit, true, "3", "4")]
        {
            let held = |amount| Add { undo, never_below_zero: true, ..add(kind, amount) };
            let free = |amount| Add { undo, ..add(kind, amount) };
            assert!(!sums("10", "7").after(&held(enough)).unwrap().balance().0, "{kind}");
            let result = sums("10", "7").after(&held(too_much));
            assert!(
                matches!(result, Err(Error::InsufficientBalance(id)) if id == wallet_id(1)),
                "{result:?}"
            );
            assert!(sums("10", "7").after(&free(too_much)).unwrap().balance().0, "{kind}");
        }
    }

    #[test]
    fn neither_sum_leaves_its_256_bits_on_either_side() {
        let most = MOST.replace('.', "");
        let almost = MOST.replace('.', "").replace("935", "934");
        for (kind, full, room) in [
            (Credit, sums(&most, &most), sums(&almost, &most)),
            (Debit, sums(&most, &most), sums(&most, &almost)),
        ] {
            let overflows = |result| matches!(result, Err(Error::BalanceOverflow(id)) if id == wallet_id(1));
            assert!(overflows(full.after(&add(kind, "1"))), "{kind}");
            assert_eq!(room.after(&add(kind, "1")).unwrap(), full, "{kind}");
            let undo = Add { undo: true, ..add(kind, "1") };
            assert!(overflows(sums("0", "0").after(&undo)), "{kind}");
        }
    }
}

mod hashes {
    use super::*;

    /// What sixty-four bytes look like in base58.
    fn of_solana() -> String {
        bitcoin::base58::encode(&[0xab; 64])
    }

    #[test]
    fn a_hash_has_the_form_of_its_family() {
        let digits = "Ab".repeat(32);
        let lower = digits.to_lowercase();
        for (family, text, expected) in [
            (Family::Evm, format!("0x{digits}"), Some(format!("0x{lower}"))),
            (Family::Evm, digits.clone(), None),
            (Family::Evm, format!("0X{digits}"), None),
            (Family::Evm, format!("0x{digits}0"), None),
            (Family::Evm, format!("0x{}", &digits[1..]), None),
            (Family::Evm, format!("0x{}g", &digits[1..]), None),
            (Family::Bitcoin, digits.clone(), Some(lower.clone())),
            (Family::Bitcoin, format!("0x{digits}"), None),
            (Family::Bitcoin, digits[1..].to_owned(), None),
            (Family::Bitcoin, format!("{digits}0"), None),
            (Family::Tron, digits.clone(), Some(lower)),
            (Family::Tron, format!("0x{digits}"), None),
            (Family::Solana, of_solana(), Some(of_solana())),
            (Family::Solana, digits, None),
            (Family::Solana, bitcoin::base58::encode(&[0xab; 63]), None),
            (Family::Solana, bitcoin::base58::encode(&[0xab; 65]), None),
            (Family::Solana, of_solana().replacen(|it: char| it.is_ascii_digit(), "0", 1), None),
            (Family::Solana, "1".repeat(91), None),
        ] {
            let read = TxHash::parse(family, &text).ok().map(|it| it.as_str().to_owned());
            assert_eq!(read, expected, "{family} {text}");
        }
        for family in Family::ALL {
            for text in ["", " ", "0x"] {
                assert!(TxHash::parse(*family, text).is_err(), "{family} {text:?}");
            }
        }
    }

    #[test]
    fn a_hash_of_any_network_is_read_as_its_network_reads_it() {
        let digits = "Ab".repeat(32);
        for (family, text) in [
            (Family::Evm, format!("0x{digits}")),
            (Family::Bitcoin, digits.clone()),
            (Family::Tron, digits),
            (Family::Solana, of_solana()),
        ] {
            assert_eq!(TxHash::of_any_network(&text), TxHash::parse(family, &text), "{family}");
        }
        for text in ["", "0x", "hash"] {
            assert!(TxHash::of_any_network(text).is_err(), "{text}");
        }
    }
}

#[test]
fn a_transaction_moves_the_account_of_its_wallet_network_and_token() {
    let usdc = OnChain { token: Ethereum.token("USDC").unwrap(), amount: units("1"), ..ether() };
    let btc =
        OnChain { network: Bitcoin, token: Bitcoin.token("BTC").unwrap(), amount: units("1"), ..ether() };
    for (chain, network, token, decimals) in [(usdc, Ethereum, "USDC", 6), (btc, Bitcoin, "BTC", 8)] {
        let kept: Transaction = answer(&recorded(&deposit(chain), Managed));
        let expected = Account { wallet: wallet_id(1), network: Some(network), token: token.to_owned() };
        assert_eq!((kept.account(), kept.decimals), (expected, decimals));
    }
}
