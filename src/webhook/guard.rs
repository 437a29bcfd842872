//! The one way out: a connector that judges the very address that it is about to dial.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::net::TcpStream;
use tower::Service;

use super::names::{Names, NoAnswer, Resolving};
use crate::domain::{DeliveryFault, Error, Fault, FieldFault, HostName, Result, WebhookUrl, is_public};

/// How long an address may take to take a connection.
const CONNECTING: Duration = Duration::from_secs(2);

/// Where deliveries may go: to public addresses, and to hosts that the operator allows by name.
///
/// A name is resolved here and what it resolves to is judged here, each time a connection is made: what it resolved to
/// before says nothing. There is no proxy.
#[derive(Clone, Debug)]
pub struct Guard {
    allowed: Arc<HashSet<HostName>>,
    names: Names,
    tls: Arc<OnceLock<ClientConfig>>,
}

impl Guard {
    /// One that allows these hosts to be private and to be reached without TLS.
    #[must_use]
    pub fn new(allowed: impl IntoIterator<Item = HostName>) -> Self {
        Self {
            allowed: Arc::new(allowed.into_iter().collect()),
            names: Names::of_system(),
            tls: Arc::default(),
        }
    }

    /// The same with another way to find the addresses of a name.
    #[must_use]
    pub fn resolving(self, resolve: impl Fn(String) -> Resolving + Send + Sync + 'static) -> Self {
        Self { names: Names::new(resolve), ..self }
    }

    /// The same with another say on who is believed to be a host.
    #[must_use]
    pub fn speaking(self, tls: ClientConfig) -> Self {
        Self { tls: Arc::new(OnceLock::from(tls)), ..self }
    }

    /// How TLS is spoken: made once, for all who connect.
    pub(super) fn tls(&self) -> Result<ClientConfig> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| tls).clone())
    }

    /// What is wrong with a URL as things stand. A name that certainly does not resolve now is judged when it is dialled.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with what is wrong; [`Error::Overloaded`] where nobody knows in time.
    pub(super) async fn judge(&self, url: &WebhookUrl) -> Result<()> {
        self.judge_unresolved(url).map_err(of_url)?;
        let host = url.host();
        if self.allowed.contains(&host) || host.address().is_some() {
            return Ok(());
        }
        let addresses = match self.names.addresses(host.as_str()).await {
            Ok(addresses) => addresses,
            Err(NoAnswer::Failed) => Vec::new(),
            Err(NoAnswer::Late) => return Err(Error::Overloaded),
        };
        url.judge(false, &addresses).map_err(of_url)
    }

    /// What is wrong with a URL whatever its name resolves to.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn judge_unresolved(&self, url: &WebhookUrl) -> Result<(), Fault> {
        if url.as_str().parse::<Uri>().is_err() {
            return Err(Fault::new("must be a URL that HTTP can carry"));
        }
        let host = url.host();
        url.judge(self.allowed.contains(&host), host.address().as_slice())
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<TcpStream>, Refused> {
        let refused = Err(Refused(DeliveryFault::AddressNotPublic));
        let Some(Ok(host)) = uri.host().map(str::parse::<HostName>) else { return refused };
        let is_allowed = self.allowed.contains(&host);
        let is_tls = uri.scheme_str() == Some("https");
        if !is_tls && !is_allowed {
            return refused;
        }
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let addresses = match host.address() {
            Some(address) => vec![address],
            None => self
                .names
                .addresses(host.as_str())
                .await
                .map_err(|_| Refused(DeliveryFault::NameNotResolved))?,
        };
        if addresses.is_empty() {
            return Err(Refused(DeliveryFault::NameNotResolved));
        }
        let mut fault = DeliveryFault::AddressNotPublic;
        for address in addresses.into_iter().filter(|it| is_allowed || is_public(*it)) {
            match tokio::time::timeout(CONNECTING, TcpStream::connect(SocketAddr::new(address, port))).await {
                Ok(Ok(stream)) => {
                    // It sends little, and at once.
                    let _ = stream.set_nodelay(true);
                    return Ok(TokioIo::new(stream));
                }
                Ok(Err(_)) | Err(_) => fault = DeliveryFault::ConnectionFailed,
            }
        }
        Err(Refused(fault))
    }
}

impl Default for Guard {
    /// One that allows nothing beside what is public.
    fn default() -> Self {
        Self::new([])
    }
}

fn of_url(fault: Fault) -> Error {
    Error::Invalid(vec![FieldFault { field: "webhook_endpoint.url".into(), fault }])
}

/// That no connection was made, and why.
#[derive(Debug)]
pub struct Refused(pub(super) DeliveryFault);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for Refused {}

impl Service<Uri> for Guard {
    type Response = TokioIo<TcpStream>;
    type Error = Refused;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, Refused>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
