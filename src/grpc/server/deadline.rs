//! How long a call may take: the `grpc-timeout` header, and what else ends a stream.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::watch;
use tokio::time::sleep;
use tonic::{Code, Status};

use super::connection::told;
use crate::api::{ErrorReason, TIMEOUT, timeout_in};
use crate::grpc::status::refusal;

/// Resolves when a streaming call must end, with what to tell the caller.
pub(in crate::grpc) type Until = Pin<Box<dyn Future<Output = Status> + Send>>;

/// The deadline a caller gives, or `INVALID_ARGUMENT`.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    timeout_in(headers).map_err(|problem| {
        refusal(Code::InvalidArgument, ErrorReason::InvalidField, format!("{TIMEOUT}: {problem}"))
    })
}

/// What a caller is told whose deadline has passed.
pub(super) fn passed() -> Status {
    refusal(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, "the deadline has passed")
}

/// What a stream is told that we end.
pub(in crate::grpc) fn ending() -> Status {
    refusal(Code::Unavailable, ErrorReason::ShuttingDown, "the connection is ending; call again")
}

/// What ends a streaming call from our side: its deadline if it brought one, or the end of its connection.
pub(in crate::grpc) fn until(deadline: Option<Duration>, mut ending: watch::Receiver<bool>) -> Until {
    Box::pin(async move {
        let deadline = async {
            match deadline {
                Some(timeout) => sleep(timeout).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = deadline => passed(),
            () = told(&mut ending) => self::ending(),
        }
    })
}
