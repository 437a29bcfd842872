//! How long a call may take: the `grpc-timeout` header, and what else ends a stream.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::watch;
use tokio::time::sleep;
use tonic::{Code, Status};

use super::connection::told;
use crate::api::ErrorReason;
use crate::grpc::status::refusal;

/// Longer than any connection lives. The header can say 11,415 years, which no clock can add to now.
const LONGEST: Duration = Duration::from_hours(24);

/// Resolves when a streaming call must end, with what to tell the caller.
pub(super) type Until = Pin<Box<dyn Future<Output = Status> + Send>>;

/// The deadline a caller gives, or `INVALID_ARGUMENT`. (tonic takes a malformed one for none at all.)
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    parse(value.as_bytes()).map(Some).ok_or_else(|| {
        let message = "grpc-timeout: must be 1 to 8 digits and a unit: H, M, S, m, u or n";
        refusal(Code::InvalidArgument, ErrorReason::InvalidField, message)
    })
}

/// Parses `TimeoutValue TimeoutUnit` of the gRPC specification.
fn parse(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let timeout = match unit {
        b'H' => Duration::from_hours(amount),
        b'M' => Duration::from_mins(amount),
        b'S' => Duration::from_secs(amount),
        b'm' => Duration::from_millis(amount),
        b'u' => Duration::from_micros(amount),
        b'n' => Duration::from_nanos(amount),
        _ => return None,
    };
    Some(timeout.min(LONGEST))
}

/// What a caller is told whose deadline has passed.
pub(super) fn passed() -> Status {
    refusal(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, "the deadline has passed")
}

/// What ends a streaming call from our side: its deadline if it brought one, or the end of its connection.
pub(super) fn until(deadline: Option<Duration>, mut ending: watch::Receiver<bool>) -> Until {
    Box::pin(async move {
        let deadline = async {
            match deadline {
                Some(timeout) => sleep(timeout).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = deadline => passed(),
            () = told(&mut ending) => {
                let message = "the connection is ending; call again";
                refusal(Code::Unavailable, ErrorReason::ShuttingDown, message)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_specification_writes_them() {
        for (text, expected) in [
            ("1H", Some(Duration::from_hours(1))),
            ("2M", Some(Duration::from_mins(2))),
            ("00000003S", Some(Duration::from_secs(3))),
            ("4m", Some(Duration::from_millis(4))),
            ("5u", Some(Duration::from_micros(5))),
            ("6n", Some(Duration::from_nanos(6))),
            ("0n", Some(Duration::ZERO)),
            ("99999999H", Some(LONGEST)),
            ("", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("-1S", None),
            ("+1S", None),
            ("1.5S", None),
            (" 1S", None),
            ("1 S", None),
            ("123456789n", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text:?}");
        }
    }
}
