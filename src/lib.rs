//! scratch
pub mod domain;
/// The generated API types.
#[allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::unwrap_used)]
pub mod api {
    tonic::include_proto!("purser.v1");
}
