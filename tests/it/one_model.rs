//! Both databases, held against one model.

mod mask;
mod model;
mod side;
mod step;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::model::{Expected, Model};
use self::side::{Answered, Side};
use self::step::{Step, steps};
use crate::concurrency::assert_sound;
use crate::harness::{On, TestServer, away_from_midnight};
use crate::journal::{seed, size};

/// How many sequences go at once.
const AT_ONCE: usize = 8;

/// CON-1. Both databases behave as one model. Sequences of calls are made on both: each answer is the model's, and is
/// equal to the other database's, byte for byte, ids and times aside; so are the list and the log at the end. 300
/// sequences, or `PURSER_PROOF_CON_1`. What fails is made as short as it can be.
///
/// Sabotage: drop an edge of KYC.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_databases_behave_as_one_model() {
    let (sequences, seed) = (size("PURSER_PROOF_CON_1", 300), seed());
    let servers = Arc::new([TestServer::new(On::Sqlite).await, TestServer::new(On::Postgres).await]);
    let (next, calls) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let workers = (0..AT_ONCE).map(|worker| {
        let (servers, next, calls) = (Arc::clone(&servers), Arc::clone(&next), Arc::clone(&calls));
        let cases = u32::try_from(sequences / AT_ONCE + usize::from(worker < sequences % AT_ONCE)).unwrap();
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.wrapping_add(worker as u64).to_le_bytes());
            let config = Config { cases, failure_persistence: None, ..Config::default() };
            let mut runner =
                TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
            let ran = runner.run(&(any::<(bool, bool)>(), steps()), |(settings, steps)| {
                let name = format!("m{}", next.fetch_add(1, Ordering::Relaxed));
                calls.fetch_add(steps.len() as u64, Ordering::Relaxed);
                runtime.block_on(run(&servers, name, settings, steps)).map_err(TestCaseError::fail)
            });
            match ran {
                Ok(()) => {}
                Err(TestError::Fail(why, (settings, steps))) => panic!("{why}\nof {settings:?} {steps:#?}"),
                Err(other) => panic!("{other}"),
            }
        })
    });
    // All of them: the servers end with this test.
    let mut ended = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        ended.push(worker.await);
    }
    ended.into_iter().for_each(|it| it.unwrap());
    for server in &*servers {
        assert_sound(server.app.store()).await;
    }
    eprintln!(
        "CON-1: {sequences} sequences, {calls:?} calls on each database: 0 unlike the model, 0 unlike each other"
    );
}

/// What was asked under an id: what it meant, which version it had seen, with its etag on each database, and the answers if
/// it took effect.
#[derive(Clone)]
struct Asked {
    step: Step,
    id: String,
    seen: Option<i64>,
    etags: [String; 2],
    done: Option<[String; 2]>,
    person: Option<usize>,
}

async fn run(
    servers: &[TestServer; 2],
    name: String,
    (kyc_required, has_quarantine): (bool, bool),
    steps: Vec<Step>,
) -> Result<(), String> {
    // Until then the alias of whoever is erased is nobody's.
    away_from_midnight().await;
    let [sqlite, postgres] = servers;
    let mut trial = Trial {
        sqlite: Side::new(sqlite, &name, kyc_required, has_quarantine).await,
        postgres: Side::new(postgres, &name, kyc_required, has_quarantine).await,
        // The domain and its key are in its log.
        model: Model::new(kyc_required, has_quarantine, 2),
        asked: Vec::new(),
    };
    for (n, step) in steps.iter().enumerate() {
        trial.step(n, step).await?;
    }
    let ends = [trial.sqlite.end(&trial.model).await?, trial.postgres.end(&trial.model).await?];
    if ends[0] != ends[1] {
        return Err(format!("the ends differ\nSQLite:   {}\nPostgres: {}", ends[0], ends[1]));
    }
    Ok(())
}

/// One sequence, as far as it has come.
struct Trial {
    sqlite: Side,
    postgres: Side,
    model: Model,
    asked: Vec<Asked>,
}

impl Trial {
    async fn step(&mut self, n: usize, step: &Step) -> Result<(), String> {
        let Some((mut asked, before)) = self.asking(n, step) else { return Ok(()) };
        let Asked { step, id, etags, .. } = &asked;
        let (first, second) =
            tokio::join!(self.sqlite.call(step, id, &etags[0]), self.postgres.call(step, id, &etags[1]));
        let told = |what: &str| {
            format!("step {n}, {step:?} as {id}: {what}\nSQLite:   {first:?}\nPostgres: {second:?}")
        };
        if first.text != second.text {
            return Err(told("the databases differ"));
        }
        let raw = [first.raw.clone(), second.raw.clone()];
        if let Some(before) = before.map(|it| &self.asked[it]).filter(|it| it.done.is_some()) {
            let fits = self.fits_again(before, step, &first, &raw);
            return if fits {
                Ok(())
            } else {
                Err(told("its request took effect, and is answered otherwise"))
            };
        }
        let expected = self.model.run(step, asked.seen);
        for (side, answer) in [(&mut self.sqlite, &first), (&mut self.postgres, &second)] {
            side.fits(&self.model, &expected, answer).map_err(|it| told(&it))?;
        }
        if matches!(step, Step::Get { .. } | Step::Find { .. } | Step::Resolve { .. }) {
            return Ok(());
        }
        asked.person = match expected {
            Expected::Customer(it) => Some(it),
            Expected::Wallet(it) => Some(self.model.linked(it).0),
            Expected::Refused(_) => None,
        };
        asked.done = asked.person.map(|_| raw);
        match before {
            None => self.asked.push(asked),
            Some(before) if asked.done.is_some() => self.asked[before] = asked,
            Some(_) => {}
        }
        Ok(())
    }

    /// What a step asks, and the request that it repeats; nothing where there is nobody to ask it about.
    fn asking(&self, n: usize, step: &Step) -> Option<(Asked, Option<usize>)> {
        if let Step::Again { of, is_other } = step {
            let at = usize::from(*of).checked_rem(self.asked.len())?;
            let mut asked = Asked { done: None, ..self.asked[at].clone() };
            let other = Step::Create { alias: 4, email: 4, external_id: 0 };
            if *is_other && asked.step != other {
                (asked.step, asked.seen) = (other, None);
            }
            return Some((asked, Some(at)));
        }
        let step = self.model.resolved(step)?;
        let etags = [&self.sqlite, &self.postgres].map(|it| it.etag(&self.model, &step));
        let seen = self.model.seen(&step);
        Some((Asked { step, id: format!("r{n}"), seen, etags, done: None, person: None }, None))
    }

    /// Whether a request that took effect is answered as it was; or refused, where something else is asked under its id, or
    /// it is of somebody who is erased.
    fn fits_again(&self, before: &Asked, step: &Step, answer: &Answered, raw: &[String; 2]) -> bool {
        let is_refused = |it: &str| answer.refusal.as_ref().is_some_and(|refusal| refusal.1 == it);
        if *step != before.step {
            return is_refused("REQUEST_ID_REUSED");
        }
        let is_erased = before.person.is_some_and(|it| self.model.is_erased(it));
        if is_erased && answer.refusal.is_some() {
            return is_refused("REQUEST_ID_REUSED") || is_refused("CUSTOMER_DELETED");
        }
        answer.is_replay && before.done.as_ref() == Some(raw)
    }
}
