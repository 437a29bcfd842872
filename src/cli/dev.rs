//! What `serve --dev` does for whoever tries it out: a domain, a key, and lines to paste.

#![expect(clippy::print_stdout, reason = "lines to paste")]

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{admin, database};
use crate::app::{App, NewApiKey};
use crate::config;
use crate::domain::{
    Caller, Domain, DomainName, DomainSettings, Environment, Error, Line, NewDomain, Noun, Reach, Scopes,
};

/// The domain's name.
const NAME: &str = "dev";

/// Makes the database ready, and the organization, the domain `dev` and its key, as far as they are not there.
///
/// Answers where the key is.
pub(super) async fn prepare(app: &App, config: &config::Serve) -> anyhow::Result<PathBuf> {
    database::open(app, config).await?;
    let caller = Caller::cli(admin::user());
    let domain = domain(app, &caller).await?;
    let path = config::beside(app.store(), "purser-dev.key");
    if !is_key_of(app, &path, &domain).await {
        let key = NewApiKey {
            organization_id: None,
            domain_id: Some(domain.id),
            environment: None,
            display_name: line("Made by serve --dev"),
            scopes: Scopes::all(),
            expire_us: None,
        };
        let (_, secret) = app.create_api_key(&caller, key, None).await?.value;
        write_secret(&path, secret.context("a new key has its secret")?.expose())?;
    }
    Ok(path)
}

/// Prints where it listens and what to try, over REST too if that is offered.
pub(super) fn greet(key: &Path, grpc: SocketAddr, http: SocketAddr, rest: bool) {
    let calls = [
        (
            "CreateCustomer",
            r#"{"customer": {"payment_address": "ada@dev", "first_name": "Ada", "last_name": "Lovelace"}}"#,
        ),
        ("ResolveCustomer", r#"{"payment_address": "ada@dev"}"#),
        (
            "UpdateCustomer",
            r#"{"payment_address": "ada@dev", "customer": {"status": "CUSTOMER_STATUS_DISABLED"}, "update_mask": "status"}"#,
        ),
        ("ResolveCustomer", r#"{"payment_address": "ada@dev"}"#),
        ("SoftDeleteCustomer", r#"{"payment_address": "ada@dev"}"#),
        ("ResolveCustomer", r#"{"payment_address": "ada@dev"}"#),
    ];
    println!("\nTo try it, paste into another shell in this folder. First the key:\n");
    println!("  KEY=$(cat {})", key.display());
    println!("\nWith grpcurl:\n");
    for (method, body) in calls {
        println!(
            "  grpcurl -plaintext -H \"authorization: Bearer $KEY\" -d '{body}' {grpc} purser.v1.CustomerService/{method}"
        );
    }
    println!("\nOr with buf (npm install -g @bufbuild/buf):\n");
    for (method, body) in calls {
        println!(
            "  buf curl --protocol grpc --http2-prior-knowledge -H \"authorization: Bearer $KEY\" -d '{body}' \
             http://{grpc}/purser.v1.CustomerService/{method}"
        );
    }
    if rest {
        println!("\nOr over REST, which http://{http}/docs shows and tries:\n");
        let body = r#"{"paymentAddress": "eve@dev", "firstName": "Eve"}"#;
        println!(
            "  curl -H \"x-api-key: $KEY\" -H 'content-type: application/json' -d '{body}' http://{http}/v1/customers"
        );
        println!("  curl -H \"x-api-key: $KEY\" 'http://{http}/v1/customers:resolve?paymentAddress=eve@dev'");
    }
    println!("\nAnd its health and metrics:\n\n  curl http://{http}/readyz\n  curl http://{http}/metrics\n");
}

async fn domain(app: &App, caller: &Caller) -> anyhow::Result<Domain> {
    let name = DomainName::try_from(NAME.to_owned())?;
    match app.get_domain_named(caller, &name).await {
        Ok(domain) => return Ok(Domain::clone(&domain)),
        Err(Error::NotFound(Noun::Domain)) => {}
        Err(error) => return Err(error.into()),
    }
    let organization = app.create_organization(caller, line("Development"), None).await?.value;
    let new = NewDomain {
        organization_id: organization.id,
        name,
        environment: Environment::Sandbox,
        settings: DomainSettings { allow_mainnet_in_sandbox: true, ..DomainSettings::default() },
    };
    Ok(Domain::clone(&*app.create_domain(caller, new, None).await?.value))
}

async fn is_key_of(app: &App, path: &Path, domain: &Domain) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let caller = app.authenticate(Some(text.trim())).await;
    caller.is_ok_and(|it| matches!(it.reach, Reach::Domain(_, _, id) if id == domain.id))
}

fn write_secret(path: &Path, secret: &str) -> anyhow::Result<()> {
    // A file that is there may be open to others: it is replaced, not written into.
    let _ = std::fs::remove_file(path);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("create {}", path.display()))?;
    file.write_all(secret.as_bytes())?;
    Ok(file.sync_all()?)
}

fn line(text: &str) -> Line {
    Line::try_from(text.to_owned()).unwrap_or_default()
}
