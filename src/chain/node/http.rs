//! The one HTTP client for all nodes: it follows nothing, takes no proxy, bounds what it reads and repeats no URL.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use rustls::{CertificateError, ClientConfig, RootCertStore, crypto::ring};

use crate::domain::Fault;

/// How many bytes of an answer are read. The largest that is honest is a few dozen KiB.
const LARGEST: usize = 1 << 20;

/// Makes the client.
///
/// # Errors
///
/// If TLS cannot be set up.
pub(super) fn client() -> Result<Client, Fault> {
    const TLS: Fault = Fault::new("cannot be used: TLS could not be set up");
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| TLS)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("purser/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| TLS)
}

/// Sends the request; the body of the answer, if that is a plain 200.
pub(super) async fn send(request: RequestBuilder) -> Result<Vec<u8>, Fault> {
    const TOO_LARGE: Fault = Fault::new("gave an answer that is too large");
    let mut response = request.send().await.map_err(|error| why(&error))?;
    if response.status() != StatusCode::OK {
        return Err(Fault::because(format!("answered HTTP {}", response.status().as_u16())));
    }
    if response.content_length().is_some_and(|it| it > LARGEST as u64) {
        return Err(TOO_LARGE);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| why(&error))? {
        if body.len() + chunk.len() > LARGEST {
            return Err(TOO_LARGE);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What went wrong, in words of our own: those of the errors may hold the URL, and those of TLS the host.
fn why(error: &reqwest::Error) -> Fault {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(it) = cause {
        if let Some(it) = it.downcast_ref::<rustls::Error>() {
            return tls(it);
        }
        cause = match it.downcast_ref::<io::Error>() {
            // An I/O error that wraps another error is passed over by `source`.
            Some(it) => match it.get_ref() {
                Some(inner) => Some(inner),
                None => return broken(it.kind()),
            },
            None => it.source(),
        };
    }
    if error.is_connect() {
        Fault::new("cannot be reached")
    } else {
        Fault::new("broke off the connection, or does not speak HTTP")
    }
}

fn tls(error: &rustls::Error) -> Fault {
    Fault::new(match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "has a TLS certificate of an issuer that is not trusted"
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "has a TLS certificate for another name",
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "has a TLS certificate that has expired",
        rustls::Error::InvalidCertificate(_) => "has a TLS certificate that is not valid",
        _ => "failed the TLS handshake",
    })
}

fn broken(kind: ErrorKind) -> Fault {
    Fault::new(match kind {
        ErrorKind::ConnectionRefused => "refused the connection",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "cannot be reached over the network",
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => "broke off the connection",
        _ => "cannot be reached",
    })
}
