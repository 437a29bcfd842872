//! Pages that are asked for by a number, and what a query says.

use crate::domain::{Error, Fault, Faults, PageRequest};
use crate::rest::dialect::Call;
use crate::rest::refusal::Refusal;

/// A page that was asked for by its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbered {
    /// Counted from 1.
    pub(super) number: u32,
    /// How many at most are on it.
    pub(super) size: u32,
    /// The same as the directory has it.
    pub(super) request: PageRequest,
}

impl Numbered {
    /// The page that the query names: its number is `page`, its size what `size` is called, if that can be asked for.
    pub(super) fn of(call: &Call, size: Option<&'static str>, otherwise: u32) -> Result<Self, Refusal> {
        let mut faults = Faults::default();
        let it = Self::read(call, size, otherwise, &mut faults);
        in_query(faults, it)
    }

    /// The same among other parameters; none where a fault was noted.
    pub(super) fn read(
        call: &Call,
        size: Option<&'static str>,
        otherwise: u32,
        faults: &mut Faults,
    ) -> Option<Self> {
        let size = match size.and_then(|name| Some((name, call.query.get(name)?))) {
            None => Some(otherwise),
            Some((name, text)) => faults.keep(name, counted(text, 100)),
        };
        let number = faults.keep("page", call.query.get("page").map_or(Ok(1), |it| counted(it, u32::MAX)));
        let (size, number) = size.zip(number)?;
        let request = faults.keep("page", PageRequest::numbered(number, size))?;
        Some(Self { number, size, request })
    }

    /// How many pages there are of so many rows.
    pub(super) fn pages(&self, rows: i64) -> i64 {
        let size = i64::from(self.size);
        (rows.max(0) + size - 1) / size
    }
}

/// A parameter of a query that counts something: 1 to `most`, in digits.
pub(super) fn counted(text: &str, most: u32) -> Result<u32, Fault> {
    let is_number = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let number = is_number.then(|| text.parse().ok()).flatten().filter(|it| (1..=most).contains(it));
    number.ok_or_else(|| match most {
        u32::MAX => Fault::new("must be a number from 1 on"),
        most => Fault::because(format!("must be a number from 1 to {most}")),
    })
}

/// What was read of a query, if nothing was wrong with it.
pub(super) fn in_query<T>(faults: Faults, value: Option<T>) -> Result<T, Refusal> {
    faults.finish(value).map_err(|error| match error {
        Error::Invalid(faults) | Error::InvalidAddress(faults) => Refusal::BadQuery(faults),
        other => other.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_a_query_is_digits_within_bounds() {
        for (text, number) in [("1", Some(1)), ("100", Some(100)), ("007", Some(7))] {
            assert_eq!(counted(text, 100).ok(), number, "{text}");
        }
        for text in ["", "0", "101", "-1", "+1", "1.0", "1e1", " 1", "x", "99999999999"] {
            assert!(
                counted(text, 100).is_err() && (text == "101" || counted(text, u32::MAX).is_err()),
                "{text}"
            );
        }
    }

    #[test]
    fn pages_are_as_many_as_it_takes() {
        let of = |size| Numbered { number: 1, size, request: PageRequest::numbered(1, size).unwrap() };
        for (rows, pages) in [(0, 0), (1, 1), (25, 1), (26, 2), (67, 3)] {
            assert_eq!(of(25).pages(rows), pages);
        }
    }
}
