//! A way to a server that can be cut, and led elsewhere.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::process::free_port;

/// What becomes of connections through a [`Proxy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Open,
    /// They are closed, and no new one is made: the server's process has ended.
    Refused,
    /// Those that are open carry nothing any more, for good, and new ones are taken and carry nothing either: the
    /// server's machine has gone.
    Silent,
}

/// A way to the database's server that can be cut, so that the server itself need not be stopped.
pub struct Proxy {
    pub url: String,
    link: watch::Sender<Link>,
    server: Arc<Mutex<SocketAddr>>,
}

impl Proxy {
    pub async fn start(database_url: &str) -> Self {
        let rest = database_url.strip_prefix("postgres://").unwrap();
        let (user, rest) = rest.split_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let server: SocketAddr = tokio::net::lookup_host(server).await.unwrap().next().unwrap();
        let port = free_port();
        let url = format!("postgres://{user}@127.0.0.1:{port}/{name}");
        let (link, state) = watch::channel(Link::Open);
        let listener = listen(port).await;
        let server = Arc::new(Mutex::new(server));
        tokio::spawn(accept(listener, port, Arc::clone(&server), state));
        Self { url, link, server }
    }

    /// New connections go to another server from now on; those that are open stay where they are.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.server.lock().unwrap() = server;
    }

    pub fn set(&self, link: Link) {
        self.link.send_replace(link);
    }
}

async fn listen(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).await.unwrap()
}

async fn accept(
    listener: TcpListener,
    port: u16,
    server: Arc<Mutex<SocketAddr>>,
    mut state: watch::Receiver<Link>,
) {
    let mut listener = Some(listener);
    loop {
        let link = *state.borrow_and_update();
        if link == Link::Refused {
            listener = None;
        } else if listener.is_none() {
            listener = Some(listen(port).await);
        }
        let next = async {
            match &listener {
                Some(it) => it.accept().await.unwrap().0,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            client = next => {
                let server = *server.lock().unwrap();
                tokio::spawn(carry(client, server, state.clone()));
            }
            changed = state.changed() => if changed.is_err() { return },
        }
    }
}

/// One connection, for as long as the way is open. One that fell silent never speaks again.
async fn carry(mut client: TcpStream, server: SocketAddr, mut state: watch::Receiver<Link>) {
    if *state.borrow_and_update() == Link::Open {
        let Ok(mut onward) = TcpStream::connect(server).await else { return };
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut client, &mut onward) => return,
            _ = state.changed() => {}
        }
    }
    if *state.borrow() == Link::Silent {
        // The server sees its side close; whoever called sees nothing at all, until the test is over.
        let _ = state.wait_for(|_| false).await;
    }
}
