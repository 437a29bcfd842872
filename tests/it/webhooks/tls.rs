//! Deliveries over TLS. The key is of these tests, and good for this machine alone.

use std::sync::Arc;

use purser::api;
use purser::domain::HostName;
use purser::webhook::Guard;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Post, delivered};
use crate::harness::{On, on_each_database};

on_each_database!(Over: a_delivery_goes_over_tls_to_whoever_shows_to_be_the_host_and_to_nobody_else);

/// The database that it goes over.
struct Over(On);

impl Over {
    async fn new(on: On) -> Self {
        Self(on)
    }
}

/// A receiver that takes whatever comes over TLS, as 127.0.0.1; its port.
async fn receiver() -> u16 {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = vec![0; 64 * 1024];
                if stream.read(&mut request).await.is_ok_and(|it| it > 0) {
                    let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    port
}

fn believing() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(include_bytes!("tls/ca.pem")).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

async fn a_delivery_goes_over_tls_to_whoever_shows_to_be_the_host_and_to_nobody_else(Over(on): Over) {
    let hosts = || ["127.0.0.1", "localhost"].map(|it| it.parse::<HostName>().unwrap());
    let port = receiver().await;
    let at = |host: &str| api::WebhookEndpoint {
        url: format!("https://{host}:{port}/hook"),
        event_types: vec!["customer.created".to_owned()],
        ..Default::default()
    };
    let mut post = Post::guarded(on, Guard::new(hosts()).speaking(believing())).await;
    let (host, _) = post.endpoint_with(at("127.0.0.1")).await;
    let (other, _) = post.endpoint_with(at("localhost")).await;
    post.customer("Ada").await;
    let attempted = |it: &[api::Delivery]| it.len() == 1 && it[0].attempts == 1;
    let taken = post.until(&host.id, attempted).await.remove(0);
    assert!(delivered(&taken) && taken.response_status == 202, "{taken:?}");
    let refused = post.until(&other.id, attempted).await.remove(0);
    assert_eq!((refused.response_status, refused.fault()), (0, api::DeliveryFault::TlsFailed));
    // Nobody whom the world believes has signed it.
    let mut post = Post::guarded(on, Guard::new(hosts())).await;
    let (host, _) = post.endpoint_with(at("127.0.0.1")).await;
    post.customer("Ada").await;
    let refused = post.until(&host.id, attempted).await.remove(0);
    assert_eq!((refused.response_status, refused.fault()), (0, api::DeliveryFault::TlsFailed));
}
