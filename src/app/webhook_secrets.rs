//! What webhook endpoints sign with: sealed as seeds are, each bound to its endpoint and its number.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::App;
use crate::chain::keys::{KeyRing, Place, Sealed};
use crate::clock;
use crate::domain::{Error, Result, SealedSecret, WebhookEndpointId, WebhookSecret};
use crate::store::KeptSecret;

/// A new secret, from the operating system's randomness.
pub(super) fn new_secret() -> WebhookSecret {
    let bytes = Zeroizing::new(clock::random::<32>());
    WebhookSecret::from_bytes(Zeroizing::new(bytes.to_vec()))
}

/// The key of a secret's row.
fn row(endpoint: WebhookEndpointId, number: u32) -> Vec<u8> {
    [&endpoint.as_uuid().as_bytes()[..], &number.to_be_bytes()].concat()
}

fn place(row: &[u8]) -> Place<'_> {
    Place { table: "webhook_secrets", row, column: "sealed" }
}

/// Seals a secret with the newest master key.
pub(super) fn seal(
    ring: &KeyRing,
    endpoint: WebhookEndpointId,
    number: u32,
    secret: &WebhookSecret,
) -> Result<SealedSecret> {
    let sealed = ring.seal(place(&row(endpoint, number)), secret.as_bytes()).map_err(Error::internal)?;
    Ok(SealedSecret { key_version: sealed.version.into(), sealed: sealed.bytes })
}

/// Opens a secret with the master key that sealed it.
pub(super) fn open(ring: &KeyRing, kept: &KeptSecret) -> Result<WebhookSecret> {
    let version = u32::try_from(kept.secret.key_version).map_err(Error::internal)?;
    let sealed = Sealed { version, bytes: kept.secret.sealed.clone() };
    let plain = ring.open(place(&row(kept.endpoint, kept.number)), &sealed).map_err(Error::internal)?;
    Ok(WebhookSecret::from_bytes(plain))
}

impl App {
    /// Opens a secret of each master key that any is sealed with.
    pub(super) async fn check_keys_of_webhooks(&self) -> Result<()> {
        let mut version = i64::MAX;
        while let Some(kept) = self.0.store.webhook_secrets_sealed_before(version).await?.into_iter().next() {
            version = kept.secret.key_version;
            open(&*self.ring()?, &kept)?;
        }
        Ok(())
    }

    /// Seals every webhook secret that an older master key sealed with that one, and answers how many there were.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Internal`] where a secret does not open.
    pub async fn reseal_webhook_secrets(&self, version: u32) -> Result<u64> {
        let ring: Arc<KeyRing> = self.ring()?;
        let mut count = 0;
        loop {
            let old = self.0.store.webhook_secrets_sealed_before(version.into()).await?;
            if old.is_empty() {
                return Ok(count);
            }
            for kept in old {
                let again = seal(&ring, kept.endpoint, kept.number, &open(&ring, &kept)?)?;
                self.0.store.reseal_webhook_secret(&kept, again).await?;
                count += 1;
            }
        }
    }
}
