//! Compiles the protos to Rust. Needs no `protoc`: protox is a compiler in Rust.

use prost_types::FileDescriptorSet;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const PROTOS: &[&str] = &[
        "purser/v1/admin_service.proto",
        "purser/v1/billing_service.proto",
        "purser/v1/claim_service.proto",
        "purser/v1/customer_service.proto",
        "purser/v1/error_reason.proto",
        "purser/v1/event_service.proto",
        "purser/v1/wallet_service.proto",
        "purser/v1/webhook_service.proto",
    ];
    let descriptors = protox::compile(PROTOS, ["proto"])?;

    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), prost::Message::encode_to_vec(&descriptors))?;
    std::fs::write(out.join("methods.rs"), methods(&descriptors))?;

    tonic_prost_build::configure().compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=migrations");
    Ok(())
}

/// The methods of the API and their handlers, for `grpc::within`.
fn methods(descriptors: &FileDescriptorSet) -> String {
    let files = descriptors.file.iter().filter(|it| it.package() == "purser.v1");
    let methods = files.flat_map(|it| &it.service).flat_map(|service| {
        service.method.iter().map(|method| {
            let (service, name) = (service.name(), method.name());
            let kind = if method.server_streaming() { "stream" } else { "unary" };
            format!("    \"/purser.v1.{service}/{name}\" => {kind} {service}::{},\n", snake_case(name))
        })
    });
    format!("methods! {{\n{}}}\n", methods.collect::<String>())
}

/// As Rust writes the name of a method.
fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}
