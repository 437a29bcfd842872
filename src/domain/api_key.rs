//! API keys: what is kept of one, and the text that is handed out once.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::id::{parse_suffix, suffix};
use super::{
    Actor, ApiKeyId, Caller, Change, Context, DomainId, Environment, Error, EventType, Line, LogId,
    OrganizationId, Reach, Result, Scopes,
};

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Which.
    pub id: ApiKeyId,
    /// The sequence of the last event about it.
    #[serde(skip)]
    pub sequence: i64,
    /// Whose; nobody's in particular for an operator key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// The one domain it reaches, if it is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_id: Option<DomainId>,
    /// The one environment it reaches; both for an operator key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// What people call it.
    pub display_name: Line,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was created, in microseconds since 1970.
    pub create_us: i64,
    /// When it stops working by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_us: Option<i64>,
    /// When it was revoked, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoke_us: Option<i64>,
    /// The SHA-256 of its text; in a column of its own and in no event.
    #[serde(skip)]
    pub secret_sha256: SecretHash,
    /// When it was last used, to the minute; in a column of its own and in no event.
    #[serde(skip)]
    pub last_use_us: Option<i64>,
}

impl ApiKey {
    /// How far it reaches.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match (self.organization_id, self.environment, self.domain_id) {
            (Some(organization), Some(environment), Some(domain)) => {
                Reach::Domain(organization, environment, domain)
            }
            (Some(organization), Some(environment), None) => Reach::Organization(organization, environment),
            _ => Reach::Operator,
        }
    }

    /// Whether what it names is one of the three reaches: a key that lost half of it must not become an operator's.
    pub(super) const fn has_a_reach(&self) -> bool {
        matches!(
            (self.organization_id, self.environment, self.domain_id),
            (None, None, None) | (Some(_), Some(_), _)
        )
    }

    /// The log that changes of it are kept in: that of what it reaches.
    #[must_use]
    pub fn home(&self) -> LogId {
        match self.reach() {
            Reach::Operator => LogId::OPERATOR,
            Reach::Organization(organization, _) => organization.into(),
            Reach::Domain(_, _, domain) => domain.into(),
        }
    }

    /// Whoever shows the text, as a caller.
    ///
    /// # Errors
    ///
    /// [`Error::ApiKeyInvalid`] if it is not the text of this key, else whether it was revoked or has expired.
    pub fn admit(&self, shown: &SecretHash, now_us: i64) -> Result<Caller> {
        if !self.secret_sha256.equals(shown) {
            return Err(Error::ApiKeyInvalid);
        }
        if self.revoke_us.is_some() {
            return Err(Error::ApiKeyRevoked);
        }
        if self.expire_us.is_some_and(|at| at <= now_us) {
            return Err(Error::ApiKeyExpired);
        }
        Ok(Caller {
            actor: Actor::Key(self.id),
            reach: self.reach(),
            scopes: self.scopes,
            expire_us: self.expire_us,
            shown: Some(shown.clone()),
        })
    }
}

/// Records a new key. `touched` are the domains that an organization key reaches.
#[must_use]
pub fn create(key: ApiKey, touched: &[DomainId], ctx: Context) -> Change {
    touched.iter().fold(Change::new(ctx), |change, it| change.also_logged((*it).into())).writes(
        key,
        EventType::ApiKeyCreated,
        &[],
    )
}

/// Gives a key a new secret; the old one ends.
///
/// # Errors
///
/// [`Error::ApiKeyEnded`] where the key no longer works.
pub fn rotate(key: &ApiKey, secret_sha256: SecretHash, touched: &[DomainId], ctx: Context) -> Result<Change> {
    if key.revoke_us.is_some() || key.expire_us.is_some_and(|at| at <= ctx.now_us) {
        return Err(Error::ApiKeyEnded);
    }
    let next = ApiKey { secret_sha256, ..key.clone() };
    let change = touched.iter().fold(Change::new(ctx), |change, it| change.also_logged((*it).into()));
    Ok(change.writes(next, EventType::ApiKeyRotated, &["secret"]))
}

/// Ends a key; one that was revoked stays as it is.
#[must_use]
pub fn revoke(key: &ApiKey, touched: &[DomainId], ctx: Context) -> Change {
    if key.revoke_us.is_some() {
        return Change::new(ctx).leaves(key.clone());
    }
    let next = ApiKey { revoke_us: Some(ctx.now_us), ..key.clone() };
    touched.iter().fold(Change::new(ctx), |change, it| change.also_logged((*it).into())).writes(
        next,
        EventType::ApiKeyRevoked,
        &["revoke_time"],
    )
}

/// The SHA-256 of a key's text. Compared in constant time.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// As it is stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn equals(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl From<[u8; 32]> for SecretHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// The text of a key: `purser_<live|test>_<26 of the id>_<48 hexadecimal digits: 192 random bits><8: checksum>`.
///
/// The checksum is the first 32 bits of the SHA-256 of all before it, so that a mistyped or made-up key costs no look-up
/// and so that a scanner of leaked text can tell a real one.
pub struct Secret(String);

impl Secret {
    const DIGITS: usize = 48;
    const CHECK: usize = 8;

    /// The text for a key, from 192 random bits.
    #[must_use]
    pub fn new(id: ApiKeyId, environment: Option<Environment>, random: [u8; 24]) -> Self {
        let environment = match environment {
            Some(Environment::Sandbox) => "test",
            Some(Environment::Live) | None => "live",
        };
        let id: String = suffix(id.as_uuid()).map(char::from).iter().collect();
        let text = format!("purser_{environment}_{id}_{}", hex(&random));
        let check = Self::check(&text);
        Self(text + &check)
    }

    /// The text, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        hash(&self.0)
    }

    /// Reads what a caller shows: which key it says it is, and the hash to compare. The checksum is not looked at: what has
    /// the hash of a key has it.
    ///
    /// # Errors
    ///
    /// [`Error::ApiKeyInvalid`] where it has not the form of a key.
    pub fn read(text: &str) -> Result<(ApiKeyId, SecretHash)> {
        let id = Self::id_of(text).ok_or(Error::ApiKeyInvalid)?;
        Ok((id, hash(text)))
    }

    /// Whether what was read has its checksum.
    #[must_use]
    pub fn is_whole(text: &str) -> bool {
        text.split_at_checked(text.len().saturating_sub(Self::CHECK))
            .is_some_and(|(body, check)| check == Self::check(body))
    }

    fn id_of(text: &str) -> Option<ApiKeyId> {
        let rest = text.strip_prefix("purser_live_").or_else(|| text.strip_prefix("purser_test_"))?;
        let (id, secret) = rest.split_once('_')?;
        let form =
            secret.len() == Self::DIGITS + Self::CHECK && secret.bytes().all(|it| it.is_ascii_hexdigit());
        if form { parse_suffix(id).map(ApiKeyId::from_uuid) } else { None }
    }

    fn check(body: &str) -> String {
        hex(&Sha256::digest(body)[..Self::CHECK / 2])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

fn hash(text: &str) -> SecretHash {
    SecretHash(Sha256::digest(text).into())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|it| [it >> 4, it & 15]).map(|it| char::from(DIGITS[usize::from(it)])).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::fixtures::{NOW_US, answer, api_key, context, domain_id, event, organization_id};
    use crate::domain::{Expect, Table};

    /// One of each reach.
    fn keys() -> [ApiKey; 3] {
        let (organization, live) = (Some(organization_id(1)), Some(Environment::Live));
        [
            api_key(None, None, None),
            api_key(organization, live, None),
            api_key(organization, live, Some(domain_id(1))),
        ]
    }

    fn secret() -> Secret {
        Secret::new(ApiKeyId::from_uuid(Uuid::from_u128(7)), Some(Environment::Sandbox), [0xab; 24])
    }

    #[test]
    fn a_secret_names_its_key_and_hashes_to_what_is_kept() {
        let secret = secret();
        assert!(secret.expose().starts_with("purser_test_00000000000000000000000007_abab"));
        let (id, hash) = Secret::read(secret.expose()).unwrap();
        assert_eq!(id, ApiKeyId::from_uuid(Uuid::from_u128(7)));
        assert!(hash.equals(&secret.hash()));
    }

    #[test]
    fn any_single_wrong_character_is_refused() {
        let good = secret().expose().to_owned();
        let is_refused = |text: &str| Secret::read(text).is_err() || !Secret::is_whole(text);
        assert!(!is_refused(&good));
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let bad = String::from_utf8(bytes).unwrap();
            assert!(is_refused(&bad), "{bad}");
        }
        for bad in ["", "é", "purser_live_", &good[1..], &good[..good.len() - 1], &format!("{good}0")] {
            assert!(Secret::read(bad).is_err() && !Secret::is_whole(bad), "{bad}");
        }
    }

    #[test]
    fn nothing_secret_shows_in_debug() {
        assert_eq!(format!("{:?} {:?}", secret(), secret().hash()), "Secret(…) SecretHash(…)");
    }

    #[test]
    fn whoever_shows_the_text_of_a_key_calls_with_what_it_reaches() {
        let reaches = [
            Reach::Operator,
            Reach::Organization(organization_id(1), Environment::Live),
            Reach::Domain(organization_id(1), Environment::Live, domain_id(1)),
        ];
        for (key, reach) in keys().into_iter().zip(reaches) {
            let scopes = [crate::domain::Scope::KycWrite].into_iter().collect();
            let key = ApiKey { scopes, expire_us: Some(NOW_US + 1), ..key };
            let caller = key.admit(&key.secret_sha256, NOW_US).unwrap();
            assert_eq!((caller.actor, caller.reach), (Actor::Key(key.id), reach));
            assert_eq!((caller.scopes, caller.expire_us), (scopes, Some(NOW_US + 1)));
        }
    }

    #[test]
    fn a_key_ends_at_the_microsecond_at_which_it_expires() {
        let admitted = |expire_us, now_us| {
            let [key, ..] = keys();
            ApiKey { expire_us, ..key }.admit(&SecretHash::from([1; 32]), now_us)
        };
        assert!(admitted(Some(NOW_US), NOW_US - 1).is_ok());
        assert!(matches!(admitted(Some(NOW_US), NOW_US), Err(Error::ApiKeyExpired)));
        assert!(matches!(admitted(Some(NOW_US), NOW_US + 1), Err(Error::ApiKeyExpired)));
        assert!(admitted(None, i64::MAX).is_ok());
    }

    #[test]
    fn a_revoked_key_admits_nobody() {
        let [key, ..] = keys();
        for expire_us in [None, Some(NOW_US - 1), Some(NOW_US + 1)] {
            let revoked = ApiKey { revoke_us: Some(NOW_US), expire_us, ..key.clone() };
            assert!(matches!(revoked.admit(&key.secret_sha256, NOW_US), Err(Error::ApiKeyRevoked)));
        }
    }

    #[test]
    fn a_wrong_text_learns_nothing_of_the_key() {
        let [key, ..] = keys();
        let ended = ApiKey { revoke_us: Some(1), expire_us: Some(1), ..key.clone() };
        for key in [key, ended] {
            let mut wrong = [1; 32];
            wrong[31] = 2;
            assert!(matches!(key.admit(&SecretHash::from(wrong), NOW_US), Err(Error::ApiKeyInvalid)));
        }
    }

    #[test]
    fn a_key_is_kept_in_the_log_of_what_it_reaches_and_in_those_it_touches() {
        let homes = [LogId::OPERATOR, organization_id(1).into(), domain_id(1).into()];
        let touched = [domain_id(5), domain_id(6)];
        for (key, home) in keys().into_iter().zip(homes) {
            let changes = [
                create(ApiKey { sequence: 0, ..key.clone() }, &touched, context()),
                rotate(&key, SecretHash::from([2; 32]), &touched, context()).unwrap(),
                revoke(&key, &touched, context()),
            ];
            for change in changes {
                assert_eq!(
                    change.logs().collect::<Vec<_>>(),
                    [home, domain_id(5).into(), domain_id(6).into()],
                    "{:?}",
                    event(&change)
                );
            }
        }
    }

    #[test]
    fn a_new_key_is_recorded_as_it_is() {
        let [key, ..] = keys();
        let key = ApiKey { sequence: 0, ..key };
        let change = create(key.clone(), &[], context());
        assert_eq!(answer::<ApiKey>(&change), key);
        assert_eq!(event(&change), Some((EventType::ApiKeyCreated, &[][..])));
    }

    #[test]
    fn a_rotated_key_changes_its_secret_and_nothing_else() {
        for key in keys() {
            let key = ApiKey { expire_us: Some(NOW_US + 1), ..key };
            let change = rotate(&key, SecretHash::from([2; 32]), &[], context()).unwrap();
            let next: ApiKey = answer(&change);
            assert_eq!(next, ApiKey { secret_sha256: SecretHash::from([2; 32]), ..key.clone() });
            assert_eq!(event(&change), Some((EventType::ApiKeyRotated, &["secret"][..])));
            assert!(matches!(next.admit(&key.secret_sha256, NOW_US), Err(Error::ApiKeyInvalid)));
            let row = Expect { table: Table::ApiKeys, id: key.id.as_uuid(), sequence: key.sequence };
            assert_eq!(change.decided_on().collect::<Vec<_>>(), [row]);
        }
    }

    #[test]
    fn a_key_that_has_ended_cannot_be_rotated() {
        let [key, ..] = keys();
        for (expire_us, revoke_us) in [(None, Some(1)), (Some(NOW_US), None), (Some(NOW_US - 1), None)] {
            let ended = ApiKey { expire_us, revoke_us, ..key.clone() };
            let result = rotate(&ended, SecretHash::from([2; 32]), &[], context());
            assert!(matches!(result, Err(Error::ApiKeyEnded)), "{expire_us:?} {revoke_us:?}");
        }
    }

    #[test]
    fn a_key_is_revoked_once_and_stays_so() {
        let [key, ..] = keys();
        let change = revoke(&key, &[], context());
        let revoked: ApiKey = answer(&change);
        assert_eq!(revoked, ApiKey { revoke_us: Some(NOW_US), ..key });
        assert_eq!(event(&change), Some((EventType::ApiKeyRevoked, &["revoke_time"][..])));

        let later = Context { now_us: NOW_US + 1, ..context() };
        let again = revoke(&revoked, &[domain_id(5)], later);
        assert_eq!(answer::<ApiKey>(&again), revoked);
        assert_eq!(event(&again), None);
    }

    #[test]
    fn a_key_that_has_expired_can_still_be_revoked() {
        let [key, ..] = keys();
        let change = revoke(&ApiKey { expire_us: Some(1), ..key }, &[], context());
        assert_eq!(answer::<ApiKey>(&change).revoke_us, Some(NOW_US));
    }

    #[test]
    fn no_row_and_no_event_holds_the_secret_of_a_key() {
        for key in keys() {
            let stored = serde_json::to_value(&key).unwrap();
            let names: Vec<_> = stored.as_object().unwrap().keys().map(String::as_str).collect();
            assert!(!names.iter().any(|it| it.contains("secret") || it.contains("last_use")), "{names:?}");
        }
    }
}
