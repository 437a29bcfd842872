//! Somebody who calls, and looks at what is answered.

use std::sync::Arc;

use anyhow::{Context, ensure};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::bare;
use super::client::Client;
use super::operation::{BATCH, Operation};
use super::population::Population;

/// Makes calls on one connection, of random customers.
#[derive(Clone)]
pub(super) struct Caller {
    client: Client,
    population: Arc<Population>,
    answers: Answers,
    rng: SmallRng,
}

/// What a server is expected to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// What it was asked for.
    Asked,
    /// The bare server's one customer.
    Fixed,
}

impl Caller {
    /// Somebody who calls on this connection.
    pub(super) fn new(client: Client, population: Arc<Population>, answers: Answers) -> Self {
        Self { client, population, answers, rng: SmallRng::from_os_rng() }
    }

    /// Another one, on the same connection, who asks for other customers.
    pub(super) fn another(&mut self) -> Self {
        Self { rng: SmallRng::from_rng(&mut self.rng), ..self.clone() }
    }

    /// Makes one call. An error is anything but the right answer.
    pub(super) async fn call(&mut self, operation: Operation) -> anyhow::Result<()> {
        match operation {
            Operation::Resolve => self.resolve().await,
            Operation::Get => self.get().await,
            Operation::Create => self.create().await,
            Operation::BatchResolve => self.batch_resolve().await,
            // Of the bare server's calls the one that is like it: it has no wallets.
            Operation::CreateWallet if self.answers == Answers::Fixed => self.create().await,
            Operation::LookupAddress if self.answers == Answers::Fixed => self.get().await,
            Operation::CreateWallet => self.create_wallet().await,
            Operation::LookupAddress => self.lookup_address().await,
        }
    }

    async fn resolve(&mut self) -> anyhow::Result<()> {
        let alias = self.population.alias(&mut self.rng);
        let resolution = self.client.resolve(alias.clone()).await?;
        self.answers.check(&alias, bare::ALIAS, &resolution.payment_address)
    }

    async fn get(&mut self) -> anyhow::Result<()> {
        let known = self.population.known(&mut self.rng);
        let customer = self.client.get(known.id.clone()).await?;
        self.answers.check(&known.id, bare::CUSTOMER_ID, &customer.id)?;
        self.answers.check(&known.alias, bare::ALIAS, &customer.payment_address)
    }

    async fn create(&mut self) -> anyhow::Result<()> {
        let request = self.population.new_customer();
        let asked = request.customer.clone().context("a request without a customer")?;
        let customer = self.client.create(request).await?;
        ensure!(!customer.id.is_empty(), "created a customer without an id");
        self.answers.check(&asked.email, bare::EMAIL, &customer.email)?;
        self.answers.check(&asked.payment_address, bare::ALIAS, &customer.payment_address)
    }

    async fn batch_resolve(&mut self) -> anyhow::Result<()> {
        let aliases: Vec<_> = (0..BATCH).map(|_| self.population.alias(&mut self.rng)).collect();
        let resolutions = self.client.batch_resolve(aliases.clone()).await?;
        ensure!(resolutions.len() == aliases.len(), "{} answers to {BATCH} aliases", resolutions.len());
        for (alias, resolution) in aliases.iter().zip(&resolutions) {
            self.answers.check(alias, bare::ALIAS, &resolution.payment_address)?;
        }
        Ok(())
    }

    async fn create_wallet(&mut self) -> anyhow::Result<()> {
        let request = self.population.new_wallet(&mut self.rng);
        let customer = request.customer_id.clone();
        let wallet = self.client.create_wallet(request).await?;
        ensure!(wallet.customer_id == customer, "created a wallet of somebody else");
        ensure!(wallet.addresses.len() == 1, "created a wallet with {} addresses", wallet.addresses.len());
        Ok(())
    }

    async fn lookup_address(&mut self) -> anyhow::Result<()> {
        let known = self.population.known(&mut self.rng);
        let found = self.client.lookup_address(known.address()).await?;
        self.answers.check(&known.id, bare::CUSTOMER_ID, &found)
    }
}

impl Answers {
    fn check(self, asked: &str, fixed: &str, answered: &str) -> anyhow::Result<()> {
        let wanted = match self {
            Self::Asked => asked,
            Self::Fixed => fixed,
        };
        ensure!(wanted == answered, "asked for {wanted}, answered {answered}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_elses_answer_is_an_error() {
        assert!(Answers::Asked.check("a@dev", bare::ALIAS, "a@dev").is_ok());
        assert!(Answers::Asked.check("a@dev", bare::ALIAS, "b@dev").is_err());
        assert!(Answers::Asked.check("a@dev", bare::ALIAS, bare::ALIAS).is_err());
        assert!(Answers::Fixed.check("a@dev", bare::ALIAS, bare::ALIAS).is_ok());
    }
}
