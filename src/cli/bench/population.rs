//! The customers that a benchmark works with. All that is theirs follows from a number, but their ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use anyhow::ensure;
use rand::Rng;
use rand::rngs::SmallRng;
use tokio::task::JoinSet;

use super::client::Client;
use super::operation::BATCH;
use crate::api::{CreateCustomerRequest, CreateWalletRequest, Customer};

/// How many ids are remembered: enough to be as random as all of them, at a few megabytes.
const SAMPLE: usize = 100_000;

/// The domain that `serve --dev` makes.
const DOMAIN: &str = "dev";

/// The customers of one database.
pub(super) struct Population {
    size: u64,
    known: Vec<Known>,
    tag: u32,
    created: AtomicU64,
}

/// A customer whose id is known.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Its id.
    pub id: String,
    /// Its alias.
    pub alias: String,
    number: u64,
}

impl Known {
    /// The address that is linked to it to be looked up.
    pub(super) fn address(&self) -> String {
        format!("0xbe0c{:036x}", self.number)
    }
}

impl Population {
    /// Learns the ids of random ones among the first `size` customers.
    pub(super) async fn learn(clients: &[Client], size: u64) -> anyhow::Result<Self> {
        let mut population =
            Self { size, known: Vec::new(), tag: rand::random(), created: AtomicU64::new(0) };
        let wanted = SAMPLE.min(usize::try_from(size)?);
        let mut readers = JoinSet::new();
        for (index, client) in clients.iter().enumerate() {
            // Rounded up, so that the last part of the sample is not missing.
            let batches = wanted.div_ceil(BATCH).saturating_sub(index).div_ceil(clients.len());
            readers.spawn(learn(client.clone(), size, batches));
        }
        while let Some(read) = readers.join_next().await {
            population.known.append(&mut read??);
        }
        ensure!(!population.known.is_empty(), "there is no customer to ask for");
        Ok(population)
    }

    /// The alias of one that exists.
    pub(super) fn alias(&self, rng: &mut SmallRng) -> String {
        alias(rng.random_range(0..self.size))
    }

    /// One that exists and whose id is known.
    pub(super) fn known(&self, rng: &mut SmallRng) -> &Known {
        &self.known[rng.random_range(0..self.known.len())]
    }

    /// A wallet for one whose id is known, in no other run.
    pub(super) fn new_wallet(&self, rng: &mut SmallRng) -> CreateWalletRequest {
        let n = self.created.fetch_add(1, Ordering::Relaxed);
        CreateWalletRequest {
            customer_id: self.known(rng).id.clone(),
            networks: vec!["ethereum".to_owned()],
            request_id: format!("bench-{:08x}-{n}", self.tag),
        }
    }

    /// Links an address to everyone whose id is known.
    pub(super) async fn link(self: &Arc<Self>, clients: &[Client], in_flight: usize) -> anyhow::Result<()> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut writers = JoinSet::new();
        for client in clients.iter().flat_map(|client| std::iter::repeat_n(client, in_flight)) {
            let (mut client, next, population) = (client.clone(), Arc::clone(&next), Arc::clone(self));
            writers.spawn(async move {
                while let Some(known) = population.known.get(next.fetch_add(1, Ordering::Relaxed)) {
                    client.link(known.id.clone(), known.address()).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(written) = writers.join_next().await {
            written??;
        }
        Ok(())
    }

    /// One that does not exist yet, in no database and no other run.
    pub(super) fn new_customer(&self) -> CreateCustomerRequest {
        new_customer(self.tag, self.created.fetch_add(1, Ordering::Relaxed))
    }
}

async fn learn(mut client: Client, size: u64, batches: usize) -> anyhow::Result<Vec<Known>> {
    let mut known = Vec::with_capacity(batches * BATCH);
    for _ in 0..batches {
        let numbers: Vec<_> = (0..BATCH).map(|_| rand::random_range(0..size)).collect();
        let resolutions = client.batch_resolve(numbers.iter().copied().map(alias).collect()).await?;
        known.extend(numbers.into_iter().zip(resolutions).map(|(number, it)| Known {
            id: it.customer_id,
            alias: alias(number),
            number,
        }));
    }
    Ok(known)
}

/// The alias of customer number `n` of the prefill.
pub(super) fn alias(n: u64) -> String {
    format!("u{n:08}@{DOMAIN}")
}

/// Makes customer number `n` of the prefill.
///
/// No request id: nobody repeats these calls, and at ten million customers the answers kept for such a
/// repetition would be a good part of the database.
pub(super) fn prefilled(n: u64) -> CreateCustomerRequest {
    request(&format!("u{n:08}"), format!("Bench Customer {n}"), String::new())
}

fn new_customer(tag: u32, n: u64) -> CreateCustomerRequest {
    // The tag has a fixed width, or number 11 of run 1 would be number 1 of run 11.
    request(&format!("c{tag:08x}{n}"), format!("Bench Customer {n}"), format!("bench-{tag:08x}-{n}"))
}

fn request(user: &str, name: String, request_id: String) -> CreateCustomerRequest {
    let customer = Customer {
        payment_address: format!("{user}@{DOMAIN}"),
        email: format!("{user}@bench.example"),
        name,
        ..Customer::default()
    };
    CreateCustomerRequest { customer: Some(customer), request_id, ..CreateCustomerRequest::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_have_one_length_so_that_every_call_costs_the_same() {
        assert_eq!(alias(0), "u00000000@dev");
        assert_eq!(alias(99_999_999), "u99999999@dev");
        assert_eq!(prefilled(7).customer.unwrap().payment_address, alias(7));
    }

    #[test]
    fn two_runs_never_make_the_same_customer() {
        let (one, other) = (new_customer(1, 7), new_customer(2, 7));
        assert_ne!(one.request_id, other.request_id);
        assert_ne!(one.customer.unwrap().payment_address, other.customer.unwrap().payment_address);
    }
}
