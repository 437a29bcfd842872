//! The one way out: a connector that judges the very address that it is about to dial.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use crate::domain::{DeliveryFault, Fault, HostName, WebhookUrl, is_public};

/// A future of a resolver.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// How long a name may take to resolve.
const RESOLVING: Duration = Duration::from_secs(3);
/// How long an address may take to take a connection.
const CONNECTING: Duration = Duration::from_secs(5);

/// Where deliveries may go: to public addresses, and to hosts that the operator allows by name.
///
/// A name is resolved here and what it resolves to is judged here, each time a connection is made: what it resolved to
/// before says nothing. There is no proxy.
#[derive(Clone)]
pub struct Guard {
    allowed: Arc<HashSet<HostName>>,
    resolve: Arc<dyn Fn(String) -> Resolving + Send + Sync>,
}

impl Guard {
    /// One that allows these hosts to be private and to be reached without TLS.
    #[must_use]
    pub fn new(allowed: impl IntoIterator<Item = HostName>) -> Self {
        Self {
            allowed: Arc::new(allowed.into_iter().collect()),
            resolve: Arc::new(|name| Box::pin(by_system(name))),
        }
    }

    /// The same with another way to find the addresses of a name.
    #[must_use]
    pub fn resolving(self, resolve: impl Fn(String) -> Resolving + Send + Sync + 'static) -> Self {
        Self { resolve: Arc::new(resolve), ..self }
    }

    /// What is wrong with a URL as things stand. A name that does not resolve now is judged when it is dialled.
    pub(super) async fn judge(&self, url: &WebhookUrl) -> Result<(), Fault> {
        if url.as_str().parse::<Uri>().is_err() {
            return Err(Fault::new("must be a URL that HTTP can carry"));
        }
        let host = url.host();
        if self.allowed.contains(&host) {
            return url.judge(true, &[]);
        }
        let addresses = match host.address() {
            Some(address) => vec![address],
            None => self.addresses(&host).await.unwrap_or_default(),
        };
        url.judge(false, &addresses)
    }

    async fn addresses(&self, host: &HostName) -> io::Result<Vec<IpAddr>> {
        let found = tokio::time::timeout(RESOLVING, (self.resolve)(host.as_str().to_owned())).await;
        found.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
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
            None => self.addresses(&host).await.map_err(|_| Refused(DeliveryFault::NameNotResolved))?,
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

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

async fn by_system(name: String) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|it| it.ip()).collect())
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
