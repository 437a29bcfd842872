//! What deliveries to an endpoint are signed with.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// A secret of a webhook endpoint: 32 random bytes, wiped when it is dropped. Its text is `whsec_` and their base64, as
/// Standard Webhooks has it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    const PREFIX: &'static str = "whsec_";

    /// The secret that these bytes are.
    #[must_use]
    pub const fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The bytes, to sign with or to be sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, to be shown once or signed with where a format takes the text for a key.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        // Room for all from the start: a text that grows leaves a copy behind.
        let mut text =
            Zeroizing::new(String::with_capacity(Self::PREFIX.len() + self.0.len().div_ceil(3) * 4));
        text.push_str(Self::PREFIX);
        STANDARD.encode_string(self.as_bytes(), &mut text);
        text
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// A secret as it is kept: the version of the master key that sealed it, and what came of that.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Which master key.
    pub key_version: i64,
    /// Nonce, ciphertext and tag.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSecret").field("key_version", &self.key_version).finish_non_exhaustive()
    }
}

/// What happens to the secrets of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretChange {
    /// The endpoint is new: this is its first secret, and it gets what happens from now on.
    Begins(SealedSecret),
    /// It signs with another secret from now on, and until that time with those before as well.
    Rotates {
        /// The new one.
        secret: SealedSecret,
        /// Its number.
        number: u32,
        /// Until when those before sign too, in microseconds since 1970.
        overlap_end_us: i64,
    },
    /// The endpoint is gone, and everything secret of it with it.
    Ends,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_secret_is_that_of_standard_webhooks_and_does_not_show_in_debug() {
        let secret = WebhookSecret::from_bytes(Zeroizing::new(vec![0xfb; 32]));
        let text = secret.expose();
        assert_eq!(STANDARD.decode(text.strip_prefix("whsec_").unwrap()).unwrap(), secret.as_bytes());
        let sealed = SealedSecret { key_version: 1, sealed: vec![7] };
        let shown = format!("{secret:?} {sealed:?} {:?}", SecretChange::Begins(sealed.clone()));
        assert!(!shown.contains("251") && !shown.contains("[7]"), "{shown}");
    }
}
