//! What clients were told, written down call by call: the judge of what must be there afterwards.
//!
//! An answer of OK must be found again whole; a refusal has changed nothing; a call without an answer may have taken
//! effect or not, and never by half.

use purser::api;
use tonic::Status;

use crate::harness::reason;

/// One call that changes a customer.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its request id.
    pub id: String,
    pub operation: Operation,
    pub outcome: Outcome,
    /// Before it was made, and after its end was seen.
    pub asked_us: i64,
    pub answered_us: i64,
}

impl Entry {
    /// Whether it was not answered.
    pub const fn is_unknown(&self) -> bool {
        matches!(self.outcome, Outcome::Unknown(_))
    }
}

#[derive(Clone, Debug)]
pub enum Operation {
    Create,
    Rename(String),
    Delete,
    Restore,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is so.
    Ok(Box<api::Customer>),
    /// It was refused, for that reason.
    Error(String),
    /// It may be so; what the client saw instead of an answer.
    Unknown(String),
}

impl Outcome {
    pub fn of(answer: Result<api::Customer, Status>) -> Self {
        match answer {
            Ok(customer) => Self::Ok(Box::new(customer)),
            Err(status) if is_unknown(&status) => {
                Self::Unknown(format!("{:?} {}", status.code(), reason(&status)))
            }
            Err(status) => Self::Error(reason(&status)),
        }
    }
}

/// Whether a call that ended so may have taken effect all the same. Without a reason it is the transport that failed.
pub fn is_unknown(status: &Status) -> bool {
    ["", "DATABASE_UNAVAILABLE", "DEADLINE_EXCEEDED", "SHUTTING_DOWN"].contains(&reason(status).as_str())
}

/// All that was asked about one customer since it was last looked at.
#[derive(Clone, Debug)]
pub struct Record {
    pub alias: String,
    pub entries: Vec<Entry>,
    /// How many of them have been looked at.
    pub settled: usize,
}

impl Record {
    /// The customer as last acknowledged.
    pub fn acknowledged(&self) -> Option<&api::Customer> {
        self.entries.iter().rev().find_map(|it| match &it.outcome {
            Outcome::Ok(customer) => Some(&**customer),
            Outcome::Error(_) | Outcome::Unknown(_) => None,
        })
    }

    /// The call that was not answered, if that was the last.
    pub fn open(&self) -> Option<&Entry> {
        self.entries.last().filter(|it| it.is_unknown())
    }

    /// As it was at a moment.
    pub fn until(&self, at_us: i64) -> Self {
        let asked = self.entries.iter().filter(|it| it.asked_us <= at_us);
        let entries = asked.cloned().map(|it| match it.answered_us <= at_us {
            true => it,
            false => Entry { outcome: Outcome::Unknown("not yet answered".to_owned()), ..it },
        });
        Self { alias: self.alias.clone(), entries: entries.collect(), settled: 0 }
    }

    /// In which way what was found contradicts what clients were told; nothing if it does not.
    pub fn contradiction(&self, found: Option<&api::Customer>) -> Option<String> {
        let before = self.acknowledged();
        let explained =
            self.open().is_some_and(|it| found.is_some_and(|found| self.explains(it, before, found)));
        if found == before || explained {
            return None;
        }
        Some(format!("{}: told {:?}, found {found:?}", self.alias, self.entries))
    }

    /// Whether a call leads from one state to another: all of it, and nothing else.
    fn explains(&self, entry: &Entry, before: Option<&api::Customer>, found: &api::Customer) -> bool {
        let mut expected = before.cloned().unwrap_or_default();
        match (&entry.operation, before) {
            (Operation::Create, None) => {
                expected = api::Customer {
                    id: found.id.clone(),
                    domain_id: found.domain_id.clone(),
                    r#type: api::CustomerType::Individual.into(),
                    kyc_status: api::KycStatus::NotRequired.into(),
                    create_time: found.create_time,
                    ..asked(&self.alias)
                };
                live(&mut expected);
            }
            (Operation::Rename(to), Some(_)) => expected.nick_name.clone_from(to),
            (Operation::Delete, Some(_)) => {
                expected.status = api::CustomerStatus::Deleted.into();
                expected.can_receive = false;
                expected.block_reasons = vec![api::BlockReason::CustomerDeleted.into()];
                expected.delete_time = found.delete_time;
            }
            (Operation::Restore, Some(_)) => live(&mut expected),
            (Operation::Create, Some(_)) | (_, None) => return false,
        }
        let moved_on = found.sequence > expected.sequence;
        expected.sequence = found.sequence;
        expected.etag.clone_from(&found.etag);
        expected.update_time = found.update_time;
        moved_on && expected == *found
    }
}

/// What an author asks for with an alias.
pub fn asked(alias: &str) -> api::Customer {
    let email = alias.replace('@', ".") + "@mail.example";
    api::Customer { payment_address: alias.to_owned(), email, ..Default::default() }
}

fn live(customer: &mut api::Customer) {
    customer.status = api::CustomerStatus::Enabled.into();
    customer.can_receive = true;
    customer.block_reasons.clear();
    customer.delete_time = None;
}

/// How large a proof is: what the environment says, else its size in CI.
pub fn size(variable: &str, in_ci: usize) -> usize {
    std::env::var(variable).map_or(in_ci, |it| it.parse().unwrap())
}

/// Where this run's choices begin: `PURSER_PROOF_SEED`, or any. It is told, so that a failure can be run again.
pub fn seed() -> u64 {
    let seed = std::env::var("PURSER_PROOF_SEED").map_or_else(|_| rand::random(), |it| it.parse().unwrap());
    eprintln!("PURSER_PROOF_SEED={seed}");
    seed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: Operation, outcome: Outcome) -> Entry {
        Entry { id: "r".to_owned(), operation, outcome, asked_us: 0, answered_us: 0 }
    }

    fn unknown() -> Outcome {
        Outcome::Unknown("Unavailable".to_owned())
    }

    fn record(entries: Vec<Entry>) -> Record {
        Record { alias: "a@dev".to_owned(), entries, settled: 0 }
    }

    fn created() -> api::Customer {
        let mut customer = api::Customer {
            id: "cust_1".to_owned(),
            r#type: api::CustomerType::Individual.into(),
            kyc_status: api::KycStatus::NotRequired.into(),
            sequence: 4,
            ..asked("a@dev")
        };
        live(&mut customer);
        customer
    }

    #[test]
    fn what_was_acknowledged_must_be_there_as_it_was() {
        let told = record(vec![entry(Operation::Create, Outcome::Ok(Box::new(created())))]);
        assert_eq!(told.contradiction(Some(&created())), None);
        assert!(told.contradiction(None).is_some());
        let other = api::Customer { nick_name: "x".to_owned(), ..created() };
        assert!(told.contradiction(Some(&other)).is_some());
    }

    #[test]
    fn what_was_refused_must_not_be_there() {
        let told = record(vec![entry(Operation::Create, Outcome::Error("ALIAS_TAKEN".to_owned()))]);
        assert_eq!(told.contradiction(None), None);
        assert!(told.contradiction(Some(&created())).is_some());
    }

    #[test]
    fn what_was_not_answered_may_be_either_and_never_half() {
        let told = record(vec![entry(Operation::Create, unknown())]);
        assert_eq!(told.contradiction(None), None);
        assert_eq!(told.contradiction(Some(&created())), None);
        let half = api::Customer { email: String::new(), ..created() };
        assert!(told.contradiction(Some(&half)).is_some());

        let acknowledged = entry(Operation::Create, Outcome::Ok(Box::new(created())));
        let told = record(vec![acknowledged, entry(Operation::Rename("n".to_owned()), unknown())]);
        let renamed = api::Customer { nick_name: "n".to_owned(), sequence: 9, ..created() };
        assert_eq!(told.contradiction(Some(&created())), None);
        assert_eq!(told.contradiction(Some(&renamed)), None);
        let unmoved = api::Customer { sequence: 4, ..renamed.clone() };
        let more = api::Customer { phone: "+4912345".to_owned(), ..renamed };
        assert!([unmoved, more].iter().all(|it| told.contradiction(Some(it)).is_some()));
    }
}
