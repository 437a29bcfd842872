//! The methods, called from within the process: what REST asks, and gRPC's handlers answer.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use http::{HeaderMap, Request};
use hyper::body::Bytes;
use tokio_stream::Stream;

use crate::domain::Error;

/// What answers the methods.
pub trait Rpcs: fmt::Debug + Send + Sync {
    /// Calls the method at a path, `/package.Service/Method`, with the bytes of its request. Whoever calls was let in: the
    /// request carries who they are, and where. A streaming method ends when no time is `left`.
    fn call(&self, path: &str, request: Request<Bytes>, left: Option<Duration>) -> Called;

    /// How a method would say this.
    fn refused(&self, error: Error) -> Refused;
}

/// What a call comes to.
pub type Called = Pin<Box<dyn Future<Output = Result<Answered, Refused>> + Send>>;

/// An answer, and what is said beside it.
#[derive(Debug)]
pub struct Answered {
    /// The metadata.
    pub headers: HeaderMap,
    /// The message or the messages.
    pub answer: Answer,
}

/// The messages of an answer, as bytes.
pub enum Answer {
    /// That of a unary method.
    Whole(Vec<u8>),
    /// Those of a streaming method.
    Stream(Messages),
}

/// Messages that come one by one.
pub type Messages = Pin<Box<dyn Stream<Item = Result<Vec<u8>, Refused>> + Send>>;

/// Nothing of what is answered: it is somebody's.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::Stream(_) => "Stream",
        })
    }
}

/// A `google.rpc.Status` that is no success.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The number of its code.
    pub code: i32,
    /// What it says.
    pub message: String,
    /// All of it, as the bytes of that message; empty where there are no details.
    pub details: Bytes,
}
