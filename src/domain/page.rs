//! Pages of a listing, by keyset: what was there throughout is neither skipped nor repeated.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Error, Result};

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
    /// How many at most: 1 to 100.
    pub size: u32,
    filter: [u8; 8],
}

impl PageRequest {
    const DEFAULT: u32 = 25;
    const MAX: u32 = 100;

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
        Ok(Self { after, size, filter })
    }

    /// The page that one row more than its size was fetched for, to learn whether another follows.
    #[must_use]
    pub fn page<T>(&self, mut items: Vec<T>, position: impl Fn(&T) -> Position) -> Page<T> {
        let more = items.len() > self.size as usize;
        items.truncate(self.size as usize);
        let last = items.last().filter(|_| more).map(position);
        Page { next_token: last.map(|it| encode(it, self.filter)).unwrap_or_default(), items }
    }
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What asks for the next; empty on the last.
    pub next_token: String,
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
    fn a_token_of_other_filters_or_none_of_ours_is_refused() {
        let token = PageRequest::parse(1, "", &"f").unwrap().page(positions(2), |it| *it).next_token;
        for (token, filter) in [(token.as_str(), "g"), ("x", "f"), (&token[1..], "f"), ("!!!", "f")] {
            assert!(matches!(PageRequest::parse(1, token, &filter), Err(Error::BadPageToken)));
        }
    }
}
