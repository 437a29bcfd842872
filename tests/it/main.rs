//! One binary for all integration tests: one link, and the tests run together.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod harness;
mod process;
