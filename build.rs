//! Compiles the protos to Rust. Needs no `protoc`: protox is a compiler in Rust.

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

    tonic_prost_build::configure().compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=migrations");
    Ok(())
}
