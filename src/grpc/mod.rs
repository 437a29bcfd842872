//! The service as seen over gRPC: a thin skin over the [`App`], and the only tonic there is.
//!
//! A handler authorises, parses, calls once, and converts. It decides nothing.

mod admin;
mod convert;
mod customers;
pub mod server;
mod status;

pub(crate) use convert::timestamp;

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;
use tonic::metadata::MetadataValue;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::api::admin_service_server::{AdminService, AdminServiceServer};
use crate::api::customer_service_server::CustomerServiceServer;
use crate::app::{Answer, App};
use crate::domain::{Caller, Error, Scope};
use server::Methods;

/// The largest message that is read, in bytes.
const MESSAGE_BYTES: usize = 1024 * 1024;

/// The descriptors of the API, as protoc would write them.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The API as it describes itself.
pub static API: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).unwrap_or_default());

/// What a handler answers.
type Reply<T> = Result<Response<T>, Status>;

/// The gRPC face of the directory.
#[derive(Clone, Debug)]
struct Purser {
    app: App,
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
        .partition(prost_reflect::MethodDescriptor::is_server_streaming);
    let path =
        |it: &prost_reflect::MethodDescriptor| format!("/{}/{}", it.parent_service().full_name(), it.name());
    Methods::new(unary.iter().map(path), streaming.iter().map(path))
}

/// The methods of administration, for a program on the machine itself: its requests carry the [`Caller`] they are from.
#[must_use]
pub fn administration(app: App) -> impl AdminService {
    Purser { app }
}

/// Every service, with health and reflection.
///
/// # Errors
///
/// Where the descriptors are not readable, which a test rules out.
pub fn routes(app: App, health: HealthServer<impl Health>) -> anyhow::Result<Routes> {
    let purser = Purser { app };
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = reflection().register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET);
    let v1alpha =
        reflection().register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET);
    Ok(Routes::new(CustomerServiceServer::new(purser.clone()).max_decoding_message_size(MESSAGE_BYTES))
        .add_service(AdminServiceServer::new(purser).max_decoding_message_size(MESSAGE_BYTES))
        .add_service(health.max_decoding_message_size(MESSAGE_BYTES))
        .add_service(v1.build_v1()?.max_decoding_message_size(MESSAGE_BYTES))
        .add_service(v1alpha.build_v1alpha()?.max_decoding_message_size(MESSAGE_BYTES))
        .prepare())
}

impl Purser {
    /// Who calls, if they may do this.
    async fn authorize<T>(&self, request: &Request<T>, scope: Scope) -> Result<Caller, Error> {
        // Whoever is at the machine itself: nothing that comes over a socket has this extension.
        if let Some(caller) = request.extensions().get::<Caller>() {
            return Ok(caller.clone());
        }
        let metadata = request.metadata();
        let text = |name| metadata.get(name).and_then(|it| it.to_str().ok());
        let bearer = text("authorization").and_then(|it| {
            let (scheme, key) = it.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
        });
        let caller = self.app.authenticate(bearer.or_else(|| text("x-api-key"))).await?;
        caller.require(scope)?;
        Ok(caller)
    }
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
