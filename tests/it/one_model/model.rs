//! The directory in a few lines: what a domain's customers and their linked wallets are after each call.

use purser::api::{
    self, BlockReason, Customer, CustomerStatus, CustomerType, KycStatus, WalletKind, WalletStatus,
};
use tonic::Code;

use super::step::{Step, address, nick_name, spelled};

/// What a call is answered with.
#[derive(Clone, Debug)]
pub enum Expected {
    Customer(usize),
    Wallet(usize),
    /// It is refused, for one of these reasons.
    Refused(Vec<(Code, &'static str)>),
}

#[derive(Clone, Debug)]
struct Person {
    /// Alias, email, external id; 0 is none.
    names: [u8; 3],
    nick_name: u8,
    is_enabled: bool,
    is_deleted: bool,
    is_erased: bool,
    kyc: KycStatus,
    first: i64,
    sequence: i64,
}

#[derive(Clone, Debug)]
struct Linked {
    owner: usize,
    address: u8,
    status: WalletStatus,
    sequence: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Free,
    By(usize),
    /// Deleted, and may have it again.
    For(usize),
    ForNobody,
}

/// A domain.
#[derive(Debug)]
pub struct Model {
    kyc_required: bool,
    /// Whether the alias of who is deleted is held.
    has_quarantine: bool,
    people: Vec<Person>,
    wallets: Vec<Linked>,
    aliases: [Held; 5],
    /// That of the last event.
    pub sequence: i64,
}

const DELETED: (Code, &str) = (Code::FailedPrecondition, "CUSTOMER_DELETED");
const REASONS: [&str; 3] = ["ALIAS_TAKEN", "EMAIL_TAKEN", "EXTERNAL_ID_TAKEN"];
pub const KYC: [KycStatus; 7] = [
    KycStatus::NotRequired,
    KycStatus::Pending,
    KycStatus::InReview,
    KycStatus::NeedsInfo,
    KycStatus::Approved,
    KycStatus::Rejected,
    KycStatus::Expired,
];

impl Model {
    /// After the events of the domain itself.
    pub fn new(kyc_required: bool, has_quarantine: bool, sequence: i64) -> Self {
        let (people, wallets) = (Vec::new(), Vec::new());
        Self { kyc_required, has_quarantine, people, wallets, aliases: [Held::Free; 5], sequence }
    }

    pub fn live(&self) -> usize {
        self.people.iter().filter(|it| !it.is_deleted).count()
    }

    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// Whom a step is about, if it is about somebody who is there.
    pub fn person_of(&self, step: &Step) -> Option<usize> {
        match step {
            Step::Hold { wallet, .. } => self.wallet(*wallet).map(|it| self.wallets[it].owner),
            Step::Rename { who, .. }
            | Step::Move { who, .. }
            | Step::Enable { who, .. }
            | Step::Kyc { who, .. }
            | Step::Delete { who }
            | Step::Restore { who }
            | Step::Erase { who }
            | Step::Link { who, .. }
            | Step::Get { who } => usize::from(*who).checked_rem(self.people.len()),
            Step::Create { .. } | Step::Find { .. } | Step::Resolve { .. } | Step::Again { .. } => None,
        }
    }

    pub fn wallet(&self, wallet: u8) -> Option<usize> {
        usize::from(wallet).checked_rem(self.wallets.len())
    }

    pub fn is_erased(&self, person: usize) -> bool {
        self.people[person].is_erased
    }

    /// The step with what it means now, so that it means that later, too. None where nobody is there.
    pub fn resolved(&self, step: &Step) -> Option<Step> {
        let person = self.person_of(step);
        let number = |it: usize| u8::try_from(it).unwrap();
        Some(match (step.clone(), person) {
            (Step::Create { .. } | Step::Find { .. } | Step::Resolve { .. } | Step::Again { .. }, _) => {
                step.clone()
            }
            (_, None) => return None,
            (Step::Rename { to, is_stale, .. }, Some(it)) => Step::Rename { who: number(it), to, is_stale },
            (Step::Move { email, .. }, Some(it)) => Step::Move { who: number(it), email },
            (Step::Enable { is_enabled, .. }, Some(it)) => Step::Enable { who: number(it), is_enabled },
            (Step::Kyc { to, .. }, Some(it)) => {
                let ways = ways(self.people[it].kyc);
                let to = if to < 200 { ways[usize::from(to) % ways.len()] } else { KYC[usize::from(to) % 7] };
                Step::Kyc { who: number(it), to: number(KYC.iter().position(|it| *it == to).unwrap()) }
            }
            (Step::Delete { .. }, Some(it)) => Step::Delete { who: number(it) },
            (Step::Restore { .. }, Some(it)) => Step::Restore { who: number(it) },
            (Step::Erase { .. }, Some(it)) => Step::Erase { who: number(it) },
            (Step::Link { address, .. }, Some(it)) => Step::Link { who: number(it), address },
            (Step::Get { .. }, Some(it)) => Step::Get { who: number(it) },
            (Step::Hold { wallet, to }, Some(_)) => {
                Step::Hold { wallet: number(self.wallet(wallet).unwrap()), to }
            }
        })
    }

    /// Which version a step has seen, by its sequence.
    pub fn seen(&self, step: &Step) -> Option<i64> {
        match (step, self.person_of(step)) {
            (Step::Rename { is_stale, .. }, Some(it)) => {
                let it = &self.people[it];
                Some(if *is_stale { it.first } else { it.sequence })
            }
            _ => None,
        }
    }

    /// Carries out a step that is resolved and has seen a version, and says what it is answered with.
    pub fn run(&mut self, step: &Step, seen: Option<i64>) -> Expected {
        let person = self.person_of(step);
        let refused = |reason| Expected::Refused(vec![reason]);
        match (step, person) {
            (Step::Create { alias, email, external_id }, _) => self.create([*alias, *email, *external_id]),
            (Step::Get { .. }, Some(it)) => Expected::Customer(it),
            (Step::Find { by, name }, _) => {
                let found =
                    self.people.iter().position(|it| !it.is_deleted && it.names[usize::from(*by)] == *name);
                found.map_or(refused((Code::NotFound, "CUSTOMER_NOT_FOUND")), Expected::Customer)
            }
            (Step::Resolve { alias }, _) => {
                let found = self.people.iter().position(|it| !it.is_deleted && it.names[0] == *alias);
                found.map_or(refused((Code::NotFound, "ALIAS_NOT_FOUND")), Expected::Customer)
            }
            (Step::Restore { .. }, Some(it)) => self.restore(it),
            (Step::Erase { .. }, Some(it)) => self.erase(it),
            (Step::Hold { wallet, to }, _) => self.hold(usize::from(*wallet), *to),
            (_, Some(it)) if seen.is_some_and(|seen| seen != self.people[it].sequence) => {
                let stale = (Code::Aborted, "ETAG_MISMATCH");
                Expected::Refused(if self.people[it].is_deleted { vec![stale, DELETED] } else { vec![stale] })
            }
            (_, Some(it)) if self.people[it].is_deleted => refused(DELETED),
            (Step::Link { address, .. }, Some(it)) => self.link(it, *address),
            (Step::Rename { to, .. }, Some(it)) => {
                let is_new = self.people[it].nick_name != *to;
                self.people[it].nick_name = *to;
                self.changed(it, is_new)
            }
            (Step::Enable { is_enabled, .. }, Some(it)) => {
                let is_new = self.people[it].is_enabled != *is_enabled;
                self.people[it].is_enabled = *is_enabled;
                self.changed(it, is_new)
            }
            (Step::Move { email, .. }, Some(it)) => {
                if let Some(other) = self.owner(1, *email).filter(|other| *other != it) {
                    assert!(!self.people[other].is_deleted);
                    return refused((Code::AlreadyExists, "EMAIL_TAKEN"));
                }
                let is_new = self.people[it].names[1] != *email;
                self.people[it].names[1] = *email;
                self.changed(it, is_new)
            }
            (Step::Kyc { to, .. }, Some(it)) => {
                if !ways(self.people[it].kyc).contains(&KYC[usize::from(*to)]) {
                    return refused((Code::FailedPrecondition, "KYC_TRANSITION_NOT_ALLOWED"));
                }
                self.people[it].kyc = KYC[usize::from(*to)];
                self.changed(it, true)
            }
            (Step::Delete { .. }, Some(it)) => {
                self.people[it].is_deleted = true;
                *self.alias_of(it) = Held::For(it);
                self.changed(it, true)
            }
            (step, person) => panic!("{step:?} about {person:?} is not resolved"),
        }
    }

    fn next(&mut self) -> i64 {
        self.sequence += 1;
        self.sequence
    }

    fn changed(&mut self, person: usize, is_new: bool) -> Expected {
        if is_new {
            self.people[person].sequence = self.next();
        }
        Expected::Customer(person)
    }

    /// The place of nobody's alias is that of none.
    fn alias_of(&mut self, person: usize) -> &mut Held {
        &mut self.aliases[usize::from(self.people[person].names[0])]
    }

    /// Who has a name that only those have who are not deleted.
    fn owner(&self, kind: usize, name: u8) -> Option<usize> {
        self.people.iter().position(|it| name != 0 && !it.is_deleted && it.names[kind] == name)
    }

    /// Why somebody cannot have these names.
    fn refusals(&self, person: usize, names: [u8; 3]) -> Vec<(Code, &'static str)> {
        let alias = match self.aliases[usize::from(names[0])] {
            _ if names[0] == 0 => None,
            Held::By(_) => Some("ALIAS_TAKEN"),
            Held::For(other) if other != person && self.has_quarantine => Some("ALIAS_QUARANTINED"),
            Held::ForNobody => Some("ALIAS_QUARANTINED"),
            Held::Free | Held::For(_) => None,
        };
        let others = (1..3).filter(|it| self.owner(*it, names[*it]).is_some()).map(|it| REASONS[it]);
        alias.into_iter().chain(others).map(|it| (Code::AlreadyExists, it)).collect()
    }

    fn create(&mut self, names: [u8; 3]) -> Expected {
        let person = self.people.len();
        let refusals = self.refusals(person, names);
        if !refusals.is_empty() {
            return Expected::Refused(refusals);
        }
        let kyc = if self.kyc_required { KycStatus::Pending } else { KycStatus::NotRequired };
        let sequence = self.next();
        self.people.push(Person {
            names,
            nick_name: 0,
            is_enabled: true,
            is_deleted: false,
            is_erased: false,
            kyc,
            first: sequence,
            sequence,
        });
        *self.alias_of(person) = Held::By(person);
        Expected::Customer(person)
    }

    fn restore(&mut self, person: usize) -> Expected {
        let it = &self.people[person];
        if !it.is_deleted || it.is_erased {
            return self.not_deleted(person);
        }
        let refusals = self.refusals(person, it.names);
        if !refusals.is_empty() {
            return Expected::Refused(refusals);
        }
        self.people[person].is_deleted = false;
        *self.alias_of(person) = Held::By(person);
        self.changed(person, true)
    }

    fn erase(&mut self, person: usize) -> Expected {
        if !self.people[person].is_deleted || self.people[person].is_erased {
            return self.not_deleted(person);
        }
        if *self.alias_of(person) == Held::For(person) {
            *self.alias_of(person) = Held::ForNobody;
        }
        let it = &mut self.people[person];
        (it.is_erased, it.names, it.nick_name) = (true, [0; 3], 0);
        self.changed(person, true)
    }

    fn not_deleted(&self, person: usize) -> Expected {
        let reason = if self.people[person].is_erased {
            DELETED
        } else {
            (Code::FailedPrecondition, "CUSTOMER_NOT_DELETED")
        };
        Expected::Refused(vec![reason])
    }

    fn link(&mut self, owner: usize, address: u8) -> Expected {
        let is_taken = |it: &Linked| it.address == address && it.status != WalletStatus::Removed;
        if self.wallets.iter().any(is_taken) {
            return Expected::Refused(vec![(Code::AlreadyExists, "ADDRESS_TAKEN")]);
        }
        let sequence = self.next();
        self.wallets.push(Linked { owner, address, status: WalletStatus::Active, sequence });
        Expected::Wallet(self.wallets.len() - 1)
    }

    fn hold(&mut self, wallet: usize, to: u8) -> Expected {
        let to = WalletStatus::try_from(i32::from(to)).unwrap();
        if self.wallets[wallet].status == WalletStatus::Removed {
            return Expected::Refused(vec![(Code::FailedPrecondition, "WALLET_REMOVED")]);
        }
        if self.wallets[wallet].status != to {
            self.wallets[wallet].status = to;
            self.wallets[wallet].sequence = self.next();
        }
        Expected::Wallet(wallet)
    }

    /// A customer as they are told, without ids, etag and times; whether there is a time of deletion is told.
    pub fn customer(&self, person: usize, domain: &str) -> Customer {
        let it = &self.people[person];
        let status = match (it.is_deleted, it.is_enabled) {
            (true, _) => CustomerStatus::Deleted,
            (_, true) => CustomerStatus::Enabled,
            (_, false) => CustomerStatus::Disabled,
        };
        let standing = match status {
            CustomerStatus::Deleted => Some(BlockReason::CustomerDeleted),
            CustomerStatus::Disabled => Some(BlockReason::CustomerDisabled),
            _ => None,
        };
        let kyc = match it.kyc {
            KycStatus::Pending => Some(BlockReason::KycPending),
            KycStatus::InReview => Some(BlockReason::KycInReview),
            KycStatus::NeedsInfo => Some(BlockReason::KycNeedsInfo),
            KycStatus::Rejected => Some(BlockReason::KycRejected),
            KycStatus::Expired => Some(BlockReason::KycExpired),
            _ => None,
        };
        let block_reasons: Vec<i32> = standing.into_iter().chain(kyc).map(Into::into).collect();
        let (payment_address, email, external_id) = spelled(it.names, domain);
        Customer {
            r#type: CustomerType::Individual.into(),
            nick_name: nick_name(it.nick_name),
            payment_address,
            email,
            external_id,
            status: status.into(),
            kyc_status: it.kyc.into(),
            can_receive: block_reasons.is_empty(),
            block_reasons,
            sequence: it.sequence,
            delete_time: it.is_deleted.then(prost_types::Timestamp::default),
            ..Default::default()
        }
    }

    /// A wallet: its owner, kind, status and sequence, and its address.
    pub fn linked(&self, wallet: usize) -> (usize, WalletKind, WalletStatus, i64, String) {
        let it = &self.wallets[wallet];
        (it.owner, WalletKind::External, it.status, it.sequence, address(it.address))
    }
}

/// The contract's edges.
fn ways(from: KycStatus) -> &'static [KycStatus] {
    use api::KycStatus::{Approved, Expired, InReview, NeedsInfo, NotRequired, Pending, Rejected};
    match from {
        NotRequired => &[Pending],
        Pending | NeedsInfo => &[InReview, Approved, Rejected],
        InReview => &[NeedsInfo, Approved, Rejected],
        Approved => &[InReview, Expired, Rejected],
        Rejected | Expired => &[InReview],
        KycStatus::Unspecified => &[],
    }
}
