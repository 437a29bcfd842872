//! The service as seen over gRPC: a thin skin over the [`App`], and the only tonic there is.
//!
//! A handler authorises, parses, calls once, and converts. It decides nothing.

mod admin;
mod billing;
mod carried;
mod claims;
mod convert;
mod customers;
mod events;
pub mod server;
mod status;
mod wallets;
mod webhooks;
mod within;

pub use convert::event_json;
pub(crate) use convert::timestamp;
pub use within::Within;

pub use crate::api::{DESCRIPTORS, POOL as API};

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;

use hyper::body::Bytes;
use prost_reflect::MethodDescriptor;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::{Health, HealthServer};
use tower::{BoxError, Service};

use crate::api::admin_service_server::{AdminService, AdminServiceServer};
use crate::api::billing_service_server::BillingServiceServer;
use crate::api::claim_service_server::ClaimServiceServer;
use crate::api::customer_service_server::CustomerServiceServer;
use crate::api::event_service_server::EventServiceServer;
use crate::api::wallet_service_server::WalletServiceServer;
use crate::api::webhook_service_server::WebhookServiceServer;
use crate::api::{KEYLESS, KEYLESS_BYTES, key_in, most_bytes};
use crate::app::{Answer, App};
use crate::domain::{Caller, Error, Scope};
use crate::port::Peer;
use crate::webhook::{Guard, Webhooks};
use carried::{Carried, kept, weighed};
use server::Methods;

/// What an answer of reflection is counted for: it describes the API whole, in bytes.
const REFLECTION_BYTES: usize = 256 * 1024;

/// What a handler answers.
type Reply<T> = Result<Response<T>, Status>;

/// The gRPC face of the directory.
#[derive(Clone, Debug)]
struct Purser {
    app: App,
    webhooks: Webhooks,
}

/// The names of our services, as health knows them.
#[must_use]
pub fn service_names() -> Vec<String> {
    API.services().filter(|it| it.package_name() == "purser.v1").map(|it| it.full_name().to_owned()).collect()
}

/// Every method of our services, by path.
#[must_use]
pub fn methods() -> Methods {
    let services: Vec<_> = API.services().collect();
    let (streaming, unary): (Vec<_>, Vec<_>) = services
        .iter()
        .flat_map(prost_reflect::ServiceDescriptor::methods)
        .partition(MethodDescriptor::is_server_streaming);
    Methods::new(unary.iter().map(path), streaming.iter().map(path))
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// What becomes of a call of a method once its answer has begun.
#[derive(Clone, Copy, Debug)]
struct Kind {
    streaming: bool,
    /// Whether it is done once its answer is there.
    changes: bool,
}

fn kinds() -> impl Iterator<Item = (String, Kind)> {
    let kind = |it: &MethodDescriptor| Kind {
        streaming: it.is_server_streaming(),
        // All others that do something may be repeated as they are.
        changes: it.input().get_field_by_name("request_id").is_some()
            || ["RedeliverEvent", "PingWebhookEndpoint"].contains(&it.name()),
    };
    API.services().flat_map(move |it| it.methods().map(|it| (path(&it), kind(&it))).collect::<Vec<_>>())
}

/// The methods of administration, for a program on the machine itself: its requests carry the [`Caller`] they are from.
#[must_use]
pub fn administration(app: App) -> impl AdminService {
    let webhooks = Webhooks::new(app.clone(), Guard::default(), event_json);
    Purser { app, webhooks }
}

/// Every service, with health and reflection.
#[derive(Clone, Debug)]
pub struct Services(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    purser: Purser,
    /// The methods that want a key.
    closed: HashMap<String, Kind>,
    /// Health and reflection, for everybody.
    open: Routes,
}

/// Makes the services.
///
/// # Errors
///
/// Where the descriptors are not readable, which a test rules out.
pub fn services(app: App, webhooks: Webhooks, health: HealthServer<impl Health>) -> anyhow::Result<Services> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = reflection().register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET);
    let v1alpha =
        reflection().register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET);
    let open = Routes::new(health.max_decoding_message_size(KEYLESS_BYTES))
        .add_service(v1.build_v1()?.max_decoding_message_size(KEYLESS_BYTES))
        .add_service(v1alpha.build_v1alpha()?.max_decoding_message_size(KEYLESS_BYTES))
        .prepare();
    Ok(Services(Arc::new(Parts {
        purser: Purser { app, webhooks },
        closed: kinds().filter(|it| it.0 != KEYLESS).collect(),
        open,
    })))
}

/// The body of a request.
pub trait RequestBody:
    http_body::Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + Unpin + 'static
{
}
impl<B: http_body::Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + Unpin + 'static> RequestBody
    for B
{
}

impl<B: RequestBody> Service<http::Request<B>> for Services {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    /// Finds out who calls before anything of the message is read: whoever shows no key fills no memory.
    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let parts = Arc::clone(&self.0);
        Box::pin(async move {
            let answer = match parts.closed.get(request.uri().path()) {
                Some(kind) => parts.known(*kind, request).await,
                None => parts.guest(request).await,
            };
            Ok(answer.unwrap_or_else(|error| Status::from(error).into_http()))
        })
    }
}

impl Parts {
    /// Answers whoever shows a key.
    async fn known<B: RequestBody>(
        &self,
        kind: Kind,
        mut request: http::Request<B>,
    ) -> Result<http::Response<Body>, Error> {
        let app = &self.purser.app;
        let caller = app.authenticate(key_in(request.headers())).await?;
        let place = Arc::new(app.enter(&caller)?);
        request.extensions_mut().insert(caller);
        let request = request.map(|body| Carried::new(body, Arc::clone(&place), false));
        let Ok(answer) = self.purser.serve(request, &self.open).await;
        // Streams have bounds of their own. Others are at work until their answer is taken.
        Ok(if kind.streaming { answer } else { weighed(answer, place, kind.changes) })
    }

    /// Answers whoever need not show one.
    async fn guest<B: RequestBody>(&self, request: http::Request<B>) -> Result<http::Response<Body>, Error> {
        let from = request.extensions().get::<Peer>().map_or(Ipv4Addr::LOCALHOST.into(), |it| it.address);
        let (app, path) = (&self.purser.app, request.uri().path());
        let reflection = path.starts_with("/grpc.reflection.");
        let stays = reflection || path == "/grpc.health.v1.Health/Watch";
        let place = Arc::new(if stays { app.enter_follower(from) } else { app.enter_guest(from) }?);
        if reflection {
            place.carry(REFLECTION_BYTES)?;
        }
        let request = request.map(|body| Carried::new(body, Arc::clone(&place), reflection));
        let Ok(answer) = self.purser.serve(request, &self.open).await;
        Ok(kept(answer, place))
    }
}

/// Says which server answers the methods of each service; all other paths are those of `open`.
macro_rules! serve_each {
    ($($name:literal => $server:ident),+ $(,)?) => {
        impl Purser {
            async fn serve(
                &self,
                request: http::Request<impl RequestBody>,
                open: &Routes,
            ) -> Result<http::Response<Body>, Infallible> {
                let most = most_bytes(request.uri().path());
                match request.uri().path().split('/').nth(1) {
                    $(Some($name) => {
                        let server = $server::new(self.clone());
                        server.max_decoding_message_size(most).call(request).await
                    })+
                    _ => open.clone().call(request).await,
                }
            }
        }
    };
}
serve_each! {
    "purser.v1.CustomerService" => CustomerServiceServer,
    "purser.v1.AdminService" => AdminServiceServer,
    "purser.v1.WalletService" => WalletServiceServer,
    "purser.v1.WebhookService" => WebhookServiceServer,
    "purser.v1.EventService" => EventServiceServer,
    "purser.v1.BillingService" => BillingServiceServer,
    "purser.v1.ClaimService" => ClaimServiceServer,
}

/// Who calls, if they may do this. They were found out before the message was read, or are at the machine itself.
fn authorize<T>(request: &Request<T>, scope: Scope) -> Result<Caller, Error> {
    let caller = request.extensions().get::<Caller>().ok_or(Error::ApiKeyMissing)?;
    caller.require(scope)?;
    Ok(caller.clone())
}

/// The answer to a write, which says if it is that of an earlier call.
fn answered<T>(answer: Answer<impl Into<T>>) -> Response<T> {
    let replayed = answer.replayed;
    let mut response = Response::new(answer.value.into());
    if replayed {
        response.metadata_mut().insert("idempotent-replayed", MetadataValue::from_static("true"));
    }
    response
}
