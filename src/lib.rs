//! The customer and wallet directory of a payments platform, as one gRPC service.
//!
//! Begin at [`grpc`] to see what the service offers, at [`domain`] to see what its words mean and by which rules, at
//! [`app`] to see how an operation is carried out, at [`store`] to see how it is remembered. `ARCHITECTURE.md` tells why.

pub mod app;
pub mod chain;
pub mod claim_page;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod grpc;
pub mod health;
pub mod http;
mod panics;
pub mod rest;
pub mod store;
pub mod telemetry;
pub mod webhook;

/// The generated API types.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, rustdoc::all)]
pub mod api {
    use std::sync::LazyLock;

    use prost_reflect::DescriptorPool;

    tonic::include_proto!("purser.v1");

    /// The one method of ours that wants no key.
    pub const KEYLESS: &str = "/purser.v1.ClaimService/SubmitClaim";

    /// The descriptors of the API, as protoc would write them.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

    /// The API as it describes itself, with the details that errors have.
    pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        let mut pool = DescriptorPool::decode(DESCRIPTORS).unwrap_or_default();
        // A test rules out that it fails.
        let _ = pool.decode_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
        pool
    });
}
