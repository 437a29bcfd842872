//! Quotas: how often a key may do something, as token buckets. The arithmetic is exact and in whole numbers; what time it
//! is, the caller says.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Fault, words};

words! {
    /// What is counted of whoever holds a key.
    Quota {
        /// Calls, of whatever kind.
        Calls = "calls",
        /// Aliases looked at, in domains whoever's they are.
        Lookups = "lookups",
    }
}

/// How many tokens a bucket holds, and in what time an empty one is full again: `100/s`, `20000/h`, `600/10m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    tokens: u32,
    per: Duration,
}

impl Allowance {
    const MOST: u32 = 1_000_000_000;
    const LONGEST: Duration = Duration::from_hours(24);
    /// An instance takes tokens for its callers such a part of a bucket at a time: eight of them are never off by more than a
    /// twentieth together.
    const SHARE: u32 = 160;

    /// So many a minute.
    #[must_use]
    pub const fn per_minute(tokens: u32) -> Self {
        Self { tokens: if tokens == 0 { 1 } else { tokens }, per: Duration::from_mins(1) }
    }

    /// How many tokens a full bucket holds.
    #[must_use]
    pub fn tokens(self) -> i64 {
        i64::from(self.tokens)
    }

    /// In what time an empty bucket is full again.
    #[must_use]
    pub const fn per(self) -> Duration {
        self.per
    }

    /// How many tokens an instance takes at a time, to give them out by itself.
    fn share(self) -> i64 {
        i64::from((self.tokens / Self::SHARE).max(1))
    }

    /// How long one token takes to come.
    fn token_ns(self) -> i64 {
        let per = i64::try_from(self.per.as_nanos()).unwrap_or(i64::MAX);
        // At least a nanosecond: no bucket holds more than a thousand million tokens, or is full in less than a second.
        per / self.tokens()
    }
}

impl FromStr for Allowance {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        const FORM: Fault =
            Fault::new("must be a number of 1 to 1000000000, `/`, and 1 s to 24 h, such as 100/s or 20000/h");
        let (tokens, per) = text.split_once('/').ok_or(FORM)?;
        let tokens = tokens.parse().map_err(|_| FORM)?;
        let (number, unit) = per.split_at(per.find(|it: char| !it.is_ascii_digit()).ok_or(FORM)?);
        let number: u64 = if number.is_empty() { 1 } else { number.parse().map_err(|_| FORM)? };
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return Err(FORM),
        };
        let per = Duration::from_secs(number.checked_mul(seconds).ok_or(FORM)?);
        let is_fine = (1..=Self::MOST).contains(&tokens) && !per.is_zero() && per <= Self::LONGEST;
        is_fine.then_some(Self { tokens, per }).ok_or(FORM)
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}s", self.tokens, self.per.as_secs())
    }
}

/// A token bucket, as the one number that it takes: when it will be full again, in nanoseconds since 1970. One that was
/// never used is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When it will be full again.
    pub full_ns: i64,
}

impl Bucket {
    /// How many tokens are in it; below zero where some are owed.
    #[must_use]
    pub fn left(self, allowance: Allowance, now_ns: i64) -> i64 {
        let missing_ns = self.missing_ns(now_ns);
        allowance.tokens()
            - missing_ns / allowance.token_ns()
            - i64::from(missing_ns % allowance.token_ns() != 0)
    }

    /// How long until it is full.
    fn missing_ns(self, now_ns: i64) -> i64 {
        (self.full_ns - now_ns).max(0)
    }

    /// Takes as many tokens as there are from `least` to `most`, or says how long until `least` are there. Who needs more
    /// than a full bucket has gets them from a full one, and owes the rest.
    ///
    /// # Errors
    ///
    /// How long until then.
    pub fn take(
        &mut self,
        allowance: Allowance,
        now_ns: i64,
        least: i64,
        most: i64,
    ) -> Result<i64, Duration> {
        let wanted = least.min(allowance.tokens());
        let left = self.left(allowance, now_ns);
        if left < wanted {
            let token_ns = allowance.token_ns();
            let enough_ns = self.full_ns - (allowance.tokens() - wanted) * token_ns;
            return Err(Duration::from_nanos(u64::try_from(enough_ns - now_ns).unwrap_or(0)));
        }
        let taken = left.min(most).max(least);
        self.charge(allowance, now_ns, taken);
        Ok(taken)
    }

    /// Takes tokens whether they are there or not: what is not is owed.
    pub fn charge(&mut self, allowance: Allowance, now_ns: i64, tokens: i64) {
        let owed_ns = tokens.saturating_mul(allowance.token_ns());
        self.full_ns = self.full_ns.max(now_ns).saturating_add(owed_ns);
    }
}

/// Tokens that an instance has taken out of a shared bucket, to give them out, and the bucket as it left it: since then others
/// may have taken more, and nobody has put any back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    tokens: i64,
    bucket: Bucket,
}

impl Share {
    /// How many are left. Those for which others have come to the bucket since are gone: together it would be more than a full
    /// bucket holds.
    #[must_use]
    pub fn left(&self, allowance: Allowance, now_ns: i64) -> i64 {
        self.tokens.min(self.bucket.missing_ns(now_ns) / allowance.token_ns())
    }

    /// Spends tokens if there are so many, and says whether there were.
    ///
    /// # Errors
    ///
    /// How long until the bucket can have them, where it cannot yet whatever others did.
    pub fn spend(&mut self, allowance: Allowance, now_ns: i64, tokens: i64) -> Result<bool, Duration> {
        self.tokens = self.left(allowance, now_ns);
        if self.tokens >= tokens {
            self.tokens -= tokens;
            return Ok(true);
        }
        let mut bucket = self.bucket;
        bucket.take(allowance, now_ns, tokens - self.tokens, 0).map(|_| false)
    }

    /// Takes more out of the bucket, and spends so many.
    ///
    /// # Errors
    ///
    /// How long until there are enough.
    pub fn refill(
        &mut self,
        bucket: &mut Bucket,
        allowance: Allowance,
        now_ns: i64,
        tokens: i64,
    ) -> Result<(), Duration> {
        let left = self.left(allowance, now_ns);
        let least = tokens - left;
        let taken = bucket.take(allowance, now_ns, least, least.max(allowance.share()));
        *self = Self { tokens: left, bucket: *bucket };
        self.tokens += taken? - tokens;
        Ok(())
    }

    /// Spends up to so many tokens, and says how many were missing.
    pub fn pay(&mut self, allowance: Allowance, now_ns: i64, tokens: i64) -> i64 {
        let left = self.left(allowance, now_ns);
        let paid = tokens.min(left);
        self.tokens = left - paid;
        tokens - paid
    }

    /// Knows the bucket as it is now.
    pub const fn seen(&mut self, bucket: Bucket) {
        self.bucket = bucket;
    }
}

/// What looking at an alias that is not there costs, where one that is costs a token: so who knows whom they ask for is not
/// held up, and who tries names is.
pub const MISS_TOKENS: i64 = 20;

/// How often a key may ask whose name an alias is on a day, rightly or wrongly.
pub const PAYEE_TRIES: i64 = 5;

/// How things stand with a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it holds when full, and how fast it fills.
    pub allowance: Allowance,
    /// How many tokens are left; below zero where some are owed.
    pub left: i64,
    /// When it will be full, in microseconds since 1970; none if it is.
    pub full_us: Option<i64>,
}

#[cfg(test)]
mod tests;
