//! The methods there are, and the count of their calls.
//!
//! All that a call needs to know of its method is found with one look-up by path. A metric is looked up in
//! its registry once in the life of the process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use metrics::{Counter, Histogram, counter, histogram};
use tonic::Code;

/// Streaming methods that come with tonic's own services.
const STREAMING: [&str; 3] = [
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
const UNARY: [&str; 2] = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/List"];

/// The names of the codes, each at its number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The methods of a server, by path. Calls to any other path are counted together, as `unknown`: what a
/// caller makes up must not become a label.
#[derive(Debug)]
pub struct Methods {
    known: HashMap<String, Arc<Method>>,
    unknown: Arc<Method>,
}

/// One method.
pub(super) struct Method {
    /// `/package.Service/Method`.
    pub(super) path: String,
    pub(super) streaming: bool,
    requests: [OnceLock<Counter>; CODES.len()],
    seconds: Histogram,
}

/// Counts one call and its time when dropped: CANCELLED, if it was dropped before there was an answer.
#[derive(Debug)]
pub(super) struct Meter {
    method: Arc<Method>,
    started: Instant,
    code: Code,
}

impl Methods {
    /// Takes the full paths (`/package.Service/Method`) of all methods. Those of health and reflection are
    /// known already. Only what is named `streaming` may take longer than the default deadline.
    ///
    /// Made after the metrics recorder is installed: metrics before that go nowhere.
    #[must_use]
    pub fn new<P: Into<String>>(
        unary: impl IntoIterator<Item = P>,
        streaming: impl IntoIterator<Item = P>,
    ) -> Self {
        let unary = unary.into_iter().map(P::into).chain(UNARY.map(String::from));
        let streaming = streaming.into_iter().map(P::into).chain(STREAMING.map(String::from));
        let unary = unary.map(|path| Method::new(path, false));
        let streaming = streaming.map(|path| Method::new(path, true));
        let known = unary.chain(streaming).map(|method| (method.path.clone(), Arc::new(method))).collect();
        Self { known, unknown: Arc::new(Method::new("unknown".to_owned(), false)) }
    }

    pub(super) fn find(&self, path: &str) -> &Arc<Method> {
        self.known.get(path).unwrap_or(&self.unknown)
    }
}

impl Method {
    fn new(path: String, streaming: bool) -> Self {
        let seconds = histogram!("purser_grpc_request_seconds", "method" => path.clone());
        Self { path, streaming, requests: Default::default(), seconds }
    }

    /// The counter of one code: made when that code is first seen, since most methods never see most codes.
    fn requests(&self, code: Code) -> &Counter {
        let number = code as usize;
        self.requests[number].get_or_init(
            || counter!("purser_grpc_requests_total", "method" => self.path.clone(), "code" => CODES[number]),
        )
    }
}

impl Meter {
    pub(super) fn start(method: Arc<Method>) -> Self {
        Self { method, started: Instant::now(), code: Code::Cancelled }
    }

    /// Says how the call ended.
    pub(super) fn answered(&mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.method.requests(self.code).increment(1);
        self.method.seconds.record(self.started.elapsed());
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_name() {
        for (number, name) in (0..).zip(CODES) {
            let code = Code::from_i32(number);
            assert_eq!(code as i32, number);
            assert_eq!(format!("{code:?}").to_uppercase(), name.replace('_', ""));
        }
    }

    #[test]
    fn a_path_nobody_serves_is_unknown() {
        let methods = Methods::new(["/a.B/C"], ["/a.B/Watch"]);
        assert_eq!(methods.find("/a.B/C").path, "/a.B/C");
        assert!(!methods.find("/a.B/C").streaming);
        assert!(methods.find("/a.B/Watch").streaming);
        assert!(methods.find(STREAMING[0]).streaming);
        assert_eq!(methods.find("/a.B/D").path, "unknown");
    }
}
