//! Pages of a listing, by keyset: what was there throughout is neither skipped nor repeated. Or by number, for those who
//! count: there, what comes and goes meanwhile moves the others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Error, Fault, Result};

/// The place of a row in an order by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// When the row was created, in microseconds since 1970.
    pub create_us: i64,
    /// Which row of that time.
    pub id: Uuid,
}

/// Which page is asked for.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    /// Only what comes after this place; from the first row if there is none.
    pub after: Option<Position>,
    /// The other way round: the last rows before that place.
    pub backwards: bool,
    /// How many rows are passed over first.
    pub skip: u32,
    /// How many at most: 1 to 100.
    pub size: u32,
    filter: [u8; 8],
}

impl PageRequest {
    const DEFAULT: u32 = 25;
    const MAX: u32 = 100;
    /// How many rows are passed over at most.
    const MOST_SKIPPED: u32 = 10_000;

    /// Reads a page request. The token must have been made with the same filters, of whatever page size.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where the size is negative, [`Error::BadPageToken`].
    pub fn parse(size: i32, token: &str, filters: &impl Serialize) -> Result<Self> {
        let filters = serde_json::to_vec(filters).map_err(Error::internal)?;
        let mut filter = [0; 8];
        filter.copy_from_slice(&Sha256::digest(filters)[..8]);
        let size = match u32::try_from(size) {
            Ok(0) => Self::DEFAULT,
            Ok(size) => size.min(Self::MAX),
            Err(_) => return Err(Error::invalid("page_size", "must not be negative")),
        };
        let after = match token {
            "" => None,
            token => Some(decode(token, filter).ok_or(Error::BadPageToken)?),
        };
        Ok(Self { after, backwards: false, skip: 0, size, filter })
    }

    /// The page before the one that a token leads from, and not the one after.
    #[must_use]
    pub const fn backwards(self) -> Self {
        Self { backwards: self.after.is_some(), ..self }
    }

    /// The page that begins so many rows later.
    #[must_use]
    pub const fn skipping(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// The page of a number, counted from 1, where each has so many rows: 1 to 100.
    ///
    /// # Errors
    ///
    /// What is wrong with the number, or with it and the size together.
    pub fn numbered(number: u32, size: u32) -> Result<Self, Fault> {
        let size = size.clamp(1, Self::MAX);
        let skip = number.checked_sub(1).ok_or(Fault::new("counts from 1"))?.checked_mul(size);
        let skip = skip.filter(|it| *it <= Self::MOST_SKIPPED);
        let skip = skip.ok_or(Fault::new("is beyond the first 10,000 rows"))?;
        Ok(Self { after: None, backwards: false, skip, size, filter: [0; 8] })
    }

    /// The page that one row more than its size was fetched for, to learn whether another follows.
    #[must_use]
    pub fn page<T>(&self, mut items: Vec<T>, position: impl Fn(&T) -> Position) -> Page<T> {
        let more = items.len() > self.size as usize;
        items.truncate(self.size as usize);
        let (mut is_more_before, mut is_more_after) = (self.after.is_some(), more);
        if self.backwards {
            items.reverse();
            (is_more_before, is_more_after) = (more, true);
        }
        let token = |it: Option<&T>| it.map(|it| encode(position(it), self.filter)).unwrap_or_default();
        Page {
            previous_token: token(items.first().filter(|_| is_more_before)),
            next_token: token(items.last().filter(|_| is_more_after)),
            items,
        }
    }
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What asks for the next; empty on the last.
    pub next_token: String,
    /// What asks, backwards, for the one before; empty on the first.
    pub previous_token: String,
}

impl<T> Page<T> {
    /// One with nothing on it.
    #[must_use]
    pub const fn empty() -> Self {
        Self { items: Vec::new(), next_token: String::new(), previous_token: String::new() }
    }

    /// The same with other items in the place of these.
    #[must_use]
    pub fn with<U>(self, items: impl FnOnce(Vec<T>) -> Vec<U>) -> Page<U> {
        Page { items: items(self.items), next_token: self.next_token, previous_token: self.previous_token }
    }
}

fn encode(position: Position, filter: [u8; 8]) -> String {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&filter);
    bytes[8..16].copy_from_slice(&position.create_us.to_be_bytes());
    bytes[16..].copy_from_slice(position.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(token: &str, filter: [u8; 8]) -> Option<Position> {
    let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let (its_filter, rest) = bytes.split_first_chunk::<8>()?;
    let (create_us, id) = rest.split_first_chunk::<8>()?;
    let position = Position { create_us: i64::from_be_bytes(*create_us), id: Uuid::from_slice(id).ok()? };
    (*its_filter == filter).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(count: u32) -> Vec<Position> {
        (0..count).map(|it| Position { create_us: it.into(), id: Uuid::from_u128(it.into()) }).collect()
    }

    #[test]
    fn sizes_have_a_default_and_a_bound() {
        for (asked, size) in [(0, 25), (1, 1), (100, 100), (101, 100), (i32::MAX, 100)] {
            assert_eq!(PageRequest::parse(asked, "", &"f").unwrap().size, size);
        }
        assert!(matches!(PageRequest::parse(-1, "", &"f"), Err(Error::Invalid(_))));
    }

    #[test]
    fn a_token_continues_where_the_page_ended_whatever_the_size() {
        let page = PageRequest::parse(2, "", &"f").unwrap().page(positions(3), |it| *it);
        assert_eq!(page.items, positions(2));
        let next = PageRequest::parse(5, &page.next_token, &"f").unwrap();
        assert_eq!(next.after, Some(positions(2)[1]));
        assert_eq!(next.page(positions(5), |it| *it).next_token, "");
    }

    #[test]
    fn a_list_is_read_in_both_directions() {
        let first = PageRequest::parse(2, "", &"f").unwrap().page(positions(3), |it| *it);
        assert_eq!(first.previous_token, "");
        let asked = PageRequest::parse(2, &first.next_token, &"f").unwrap();
        let second = asked.page(positions(5)[2..].to_vec(), |it| *it);
        // What is before the second page is read from its end.
        let asked = PageRequest::parse(2, &second.previous_token, &"f").unwrap().backwards();
        assert!(asked.backwards && asked.after == Some(positions(3)[2]));
        let before = asked.page(vec![positions(2)[1], positions(1)[0]], |it| *it);
        assert_eq!((before.items, before.previous_token.as_str()), (positions(2), ""));
        assert_eq!(before.next_token, first.next_token);
        let more = asked.page(positions(4).into_iter().rev().collect(), |it| *it);
        assert_eq!((more.items, more.previous_token.is_empty()), (positions(4)[2..].to_vec(), false));
        assert!(!PageRequest::parse(2, "", &"f").unwrap().backwards().backwards);
    }

    #[test]
    fn pages_have_numbers_as_far_as_ten_thousand_rows() {
        for (number, size, skip) in
            [(1, 25, Some(0)), (3, 10, Some(20)), (101, 100, Some(10_000)), (401, 25, Some(10_000))]
        {
            let page = PageRequest::numbered(number, size).ok();
            assert_eq!(page.map(|it| (it.skip, it.size)), skip.map(|it| (it, size)));
        }
        for (number, size) in [(0, 25), (102, 100), (402, 25), (10_002, 1), (u32::MAX, 100)] {
            assert!(PageRequest::numbered(number, size).is_err(), "{number} {size}");
        }
    }

    #[test]
    fn a_token_of_other_filters_or_none_of_ours_is_refused() {
        let token = PageRequest::parse(1, "", &"f").unwrap().page(positions(2), |it| *it).next_token;
        for (token, filter) in [(token.as_str(), "g"), ("x", "f"), (&token[1..], "f"), ("!!!", "f")] {
            assert!(matches!(PageRequest::parse(1, token, &filter), Err(Error::BadPageToken)));
        }
    }
}
