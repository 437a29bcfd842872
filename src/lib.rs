//! The customer and wallet directory of a payments platform, as one gRPC service.
//!
//! Begin at [`grpc`] to see what the service offers, at [`domain`] to see what its words mean and by which rules, at
//! [`app`] to see how an operation is carried out, at [`store`] to see how it is remembered. `ARCHITECTURE.md` tells why.

pub mod api;
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
pub mod port;
pub mod rest;
pub mod store;
pub mod telemetry;
pub mod webhook;
