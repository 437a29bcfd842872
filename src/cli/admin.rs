//! `purser admin`: administration straight on the database, by whoever is at the machine.
//!
//! Each command is a call of `AdminService` without the socket, so that what is refused and what is answered are the same.

#![expect(clippy::print_stdout, reason = "what the commands are for")]

use std::time::Duration;

use anyhow::Context;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, SerializeOptions};
use serde_json::Value;
use tonic::{Request, Response, Status};

use super::database;
use crate::api;
use crate::api::admin_service_server::AdminService;
use crate::app::{App, Chains};
use crate::config::Database;
use crate::domain::{Caller, os_user};
use crate::{clock, grpc};

/// Makes and lists organizations, domains and API keys, straight on the database.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  purser admin organization create --name Acme
  purser admin domain create --organization org_… --name acme --environment live --kyc-required
  purser admin key create --domain acme --scopes customers.read,customers.resolve --expires 90d
  purser admin key create --operator --scopes all
  purser admin key revoke key_… --json")]
pub struct Args {
    #[command(flatten)]
    database: Database,
    /// Prints the method's response as proto JSON with `snake_case` names.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    noun: Noun,
}

#[derive(Debug, Subcommand)]
enum Noun {
    /// Organizations.
    #[command(subcommand, after_help = "Examples:\n  purser admin organization create --name Acme")]
    Organization(Organization),
    /// Domains.
    #[command(
        subcommand,
        after_help = "Examples:\n  purser admin domain create --organization org_… --name acme"
    )]
    Domain(Domain),
    /// API keys.
    #[command(subcommand, after_help = "Examples:\n  purser admin key create --domain acme --scopes all")]
    Key(Key),
}

#[derive(Debug, Subcommand)]
enum Organization {
    /// Makes an organization.
    #[command(after_help = "Examples:\n  purser admin organization create --name Acme")]
    Create {
        /// Its name, for people.
        #[arg(long)]
        name: String,
    },
    /// Lists organizations, oldest first.
    #[command(after_help = "Examples:\n  purser admin organization list --json")]
    List,
}

#[derive(Debug, Subcommand)]
enum Domain {
    /// Makes a domain of an organization.
    #[command(after_help = "Examples:
  purser admin domain create --organization org_… --name acme --environment live --kyc-required
  purser admin domain create --organization org_… --name acme --required-fields email,billing_address.country")]
    Create(Box<NewDomain>),
    /// Lists domains, oldest first.
    #[command(after_help = "Examples:\n  purser admin domain list --organization org_…")]
    List {
        /// Only those of this organization.
        #[arg(long, default_value = "")]
        organization: String,
    },
}

#[derive(Debug, ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
struct NewDomain {
    /// Whose: an organization's id.
    #[arg(long)]
    organization: String,
    /// What stands behind the `@` of its customers' aliases: 1 to 63 of `a-z0-9-`. Never changes.
    #[arg(long)]
    name: String,
    /// Whether money is real.
    #[arg(long, value_enum, default_value = "sandbox")]
    environment: Environment,
    /// A new customer starts at KYC PENDING.
    #[arg(long)]
    kyc_required: bool,
    /// Customers may share an email.
    #[arg(long)]
    shared_emails: bool,
    /// New customers are DISABLED unless they ask otherwise.
    #[arg(long)]
    disabled_by_default: bool,
    /// Customer fields that must not be empty, such as `first_name,billing_address.country`.
    #[arg(long, value_delimiter = ',')]
    required_fields: Vec<String>,
    /// How long a deleted customer's alias is held, such as `30d`.
    #[arg(long, value_parser = humantime::parse_duration)]
    alias_quarantine: Option<Duration>,
    /// What resolve shows of names to other domains.
    #[arg(long, value_enum, default_value = "full-name")]
    disclosure: Disclosure,
    /// Networks on which each new customer gets an address.
    #[arg(long, value_delimiter = ',')]
    auto_wallet_networks: Vec<String>,
    /// A sandbox domain may use main networks.
    #[arg(long)]
    allow_mainnet_in_sandbox: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Environment {
    Live,
    Sandbox,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Disclosure {
    FullName,
    Initials,
    StatusOnly,
}

#[derive(Debug, Subcommand)]
enum Key {
    /// Makes a key and prints its secret, once.
    #[command(after_help = "Examples:
  purser admin key create --domain acme --scopes customers.read,customers.resolve --expires 90d
  purser admin key create --organization org_… --environment live --scopes all
  purser admin key create --operator --scopes all")]
    Create {
        #[command(flatten)]
        reach: Reach,
        /// The environment that an organization key reaches.
        #[arg(long, value_enum, requires = "organization")]
        environment: Option<Environment>,
        /// What it may do, or `all`.
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// When it stops working, such as `90d` from now.
        #[arg(long, value_parser = humantime::parse_duration)]
        expires: Option<Duration>,
        /// What people call it.
        #[arg(long, default_value = "")]
        name: String,
    },
    /// Lists keys, oldest first.
    #[command(after_help = "Examples:\n  purser admin key list --domain acme")]
    List {
        /// Only those of this domain.
        #[arg(long, default_value = "")]
        domain: String,
    },
    /// Gives a key a new secret and prints it, once. The old one stops working within a second.
    #[command(after_help = "Examples:\n  purser admin key rotate key_…")]
    Rotate {
        /// The key's id.
        id: String,
    },
    /// Ends a key within a second.
    #[command(after_help = "Examples:\n  purser admin key revoke key_…")]
    Revoke {
        /// The key's id.
        id: String,
    },
}

#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
struct Reach {
    /// One domain, by id or name.
    #[arg(long, value_name = "ID|NAME")]
    domain: Option<String>,
    /// Every domain of an organization in one environment.
    #[arg(long, value_name = "ID", requires = "environment")]
    organization: Option<String>,
    /// Everything.
    #[arg(long)]
    operator: bool,
}

/// Runs a command.
///
/// # Errors
///
/// What the method would have answered over gRPC.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.database.store()?;
    if store.is_embedded() {
        database::refuse_newer(&store).await?;
        store.migrate().await.map_err(database::explain)?;
    } else {
        database::require_current(&store).await?;
    }
    let app = App::start(store, Chains::default());
    let desk = Desk { service: grpc::administration(app.clone()), json: args.json };
    let done = match args.noun {
        Noun::Organization(it) => desk.organization(it).await,
        Noun::Domain(it) => desk.domain(it).await,
        Noun::Key(it) => desk.key(it).await,
    };
    app.store().close().await;
    done
}

/// Where the commands are carried out.
struct Desk<S> {
    service: S,
    json: bool,
}

impl<S: AdminService> Desk<S> {
    async fn organization(&self, command: Organization) -> anyhow::Result<()> {
        match command {
            Organization::Create { name } => {
                let organization = api::Organization { display_name: name, ..api::Organization::default() };
                let message = api::CreateOrganizationRequest {
                    organization: Some(organization),
                    request_id: String::new(),
                };
                self.show(
                    "CreateOrganizationResponse",
                    self.service.create_organization(asked(message)).await,
                )
            }
            Organization::List => {
                let mut token = String::new();
                loop {
                    let message = api::ListOrganizationsRequest { page_size: 100, page_token: token };
                    let page = self.service.list_organizations(asked(message)).await;
                    token =
                        self.show_page("ListOrganizationsResponse", page, |it| it.next_page_token.clone())?;
                    if token.is_empty() {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn domain(&self, command: Domain) -> anyhow::Result<()> {
        match command {
            Domain::Create(new) => {
                let message =
                    api::CreateDomainRequest { domain: Some((*new).into()), request_id: String::new() };
                self.show("CreateDomainResponse", self.service.create_domain(asked(message)).await)
            }
            Domain::List { organization } => {
                let mut token = String::new();
                loop {
                    let organization_id = organization.clone();
                    let message =
                        api::ListDomainsRequest { organization_id, page_size: 100, page_token: token };
                    let page = self.service.list_domains(asked(message)).await;
                    token = self.show_page("ListDomainsResponse", page, |it| it.next_page_token.clone())?;
                    if token.is_empty() {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn key(&self, command: Key) -> anyhow::Result<()> {
        match command {
            Key::Create { reach, environment, scopes, expires, name } => {
                let key = api::ApiKey {
                    organization_id: reach.organization.unwrap_or_default(),
                    domain_id: match reach.domain {
                        Some(domain) => self.domain_id(domain).await?,
                        None => String::new(),
                    },
                    environment: environment.map_or(0, |it| api::Environment::from(it).into()),
                    display_name: name,
                    scopes,
                    expire_time: expires.map(from_now).transpose()?,
                    ..api::ApiKey::default()
                };
                let message = api::CreateApiKeyRequest { api_key: Some(key), request_id: String::new() };
                self.show("CreateApiKeyResponse", self.service.create_api_key(asked(message)).await)
            }
            Key::List { domain } => {
                let domain_id = if domain.is_empty() { domain } else { self.domain_id(domain).await? };
                let mut page_token = String::new();
                loop {
                    let domain_id = domain_id.clone();
                    let organization_id = String::new();
                    let message =
                        api::ListApiKeysRequest { organization_id, domain_id, page_size: 100, page_token };
                    let page = self.service.list_api_keys(asked(message)).await;
                    page_token =
                        self.show_page("ListApiKeysResponse", page, |it| it.next_page_token.clone())?;
                    if page_token.is_empty() {
                        return Ok(());
                    }
                }
            }
            Key::Rotate { id } => {
                let message = api::RotateApiKeyRequest { id, request_id: String::new() };
                self.show("RotateApiKeyResponse", self.service.rotate_api_key(asked(message)).await)
            }
            Key::Revoke { id } => {
                let message = api::RevokeApiKeyRequest { id, request_id: String::new() };
                self.show("RevokeApiKeyResponse", self.service.revoke_api_key(asked(message)).await)
            }
        }
    }

    /// A domain by id or by name.
    async fn domain_id(&self, domain: String) -> anyhow::Result<String> {
        use api::get_domain_request::Key;
        if domain.starts_with("dom_") {
            return Ok(domain);
        }
        let message = api::GetDomainRequest { key: Some(Key::Name(domain)) };
        let found = self.service.get_domain(asked(message)).await.map_err(refused)?.into_inner();
        Ok(found.domain.context("a domain that was found")?.id)
    }

    fn show<T: Message>(&self, name: &str, answer: Result<Response<T>, Status>) -> anyhow::Result<()> {
        self.show_page(name, answer, |_| String::new()).map(drop)
    }

    /// Prints an answer, and tells what asks for the next page.
    fn show_page<T: Message>(
        &self,
        name: &str,
        answer: Result<Response<T>, Status>,
        next: impl Fn(&T) -> String,
    ) -> anyhow::Result<String> {
        let message = answer.map_err(refused)?.into_inner();
        let json = json(name, &message)?;
        if self.json {
            println!("{json}");
        } else {
            for line in readable(&json) {
                println!("{line}");
            }
        }
        Ok(next(&message))
    }
}

/// A request from whoever runs the command.
fn asked<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Caller::cli(user()));
    request
}

/// The user that runs the command, for the log.
pub(super) fn user() -> String {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    os_user(&name).unwrap_or_else(|_| format!("uid-{}", rustix::process::getuid().as_raw()))
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn refused(status: Status) -> anyhow::Error {
    anyhow::anyhow!("{}", status.message().to_owned())
}

fn from_now(expires: Duration) -> anyhow::Result<prost_types::Timestamp> {
    let us = clock::now_us().saturating_add(i64::try_from(expires.as_micros()).context("--expires")?);
    Ok(grpc::timestamp(us))
}

/// A message as proto JSON with `snake_case` names.
fn json(name: &str, message: &impl Message) -> anyhow::Result<Value> {
    let descriptor =
        grpc::API.get_message_by_name(&format!("purser.v1.{name}")).context("a message of the API")?;
    let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
    let _ = message.descriptor();
    let options = SerializeOptions::new().use_proto_field_name(true);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// A line for each resource: its id and what tells it from others; and the secret, where there is one.
fn readable(answer: &Value) -> Vec<String> {
    let Value::Object(fields) = answer else { return Vec::new() };
    let mut lines = Vec::new();
    for (name, field) in fields {
        match field {
            Value::Array(items) => lines.extend(items.iter().map(line)),
            Value::Object(_) => lines.push(line(field)),
            Value::String(secret) if name == "secret" => {
                lines.push(format!("secret (shown only now): {secret}"));
            }
            _ => {}
        }
    }
    lines
}

fn line(resource: &Value) -> String {
    const TOLD: [&str; 8] = [
        "id",
        "name",
        "display_name",
        "organization_id",
        "domain_id",
        "environment",
        "scopes",
        "revoke_time",
    ];
    let told = TOLD.iter().filter_map(|name| match resource.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
        _ => None,
    });
    told.collect::<Vec<_>>().join("  ")
}

impl From<Environment> for api::Environment {
    fn from(it: Environment) -> Self {
        match it {
            Environment::Live => Self::Live,
            Environment::Sandbox => Self::Sandbox,
        }
    }
}

impl From<Disclosure> for api::Disclosure {
    fn from(it: Disclosure) -> Self {
        match it {
            Disclosure::FullName => Self::FullName,
            Disclosure::Initials => Self::Initials,
            Disclosure::StatusOnly => Self::StatusOnly,
        }
    }
}

const LONGEST: prost_types::Duration = prost_types::Duration { seconds: i64::MAX, nanos: 0 };

impl From<NewDomain> for api::Domain {
    fn from(it: NewDomain) -> Self {
        let status =
            if it.disabled_by_default { api::CustomerStatus::Disabled } else { api::CustomerStatus::Enabled };
        let settings = api::DomainSettings {
            default_customer_status: status.into(),
            required_fields: it.required_fields,
            unique_email: Some(!it.shared_emails),
            kyc_required: it.kyc_required,
            // Longer than can be said is longer than is allowed, and refused as that.
            alias_quarantine: it.alias_quarantine.map(|it| it.try_into().unwrap_or(LONGEST)),
            auto_wallet_networks: it.auto_wallet_networks,
            allow_mainnet_in_sandbox: it.allow_mainnet_in_sandbox,
            disclosure: api::Disclosure::from(it.disclosure).into(),
        };
        Self {
            organization_id: it.organization,
            name: it.name,
            environment: api::Environment::from(it.environment).into(),
            settings: Some(settings),
            ..Self::default()
        }
    }
}
