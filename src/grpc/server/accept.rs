//! Taking connections, whatever the system says.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// Long enough for a descriptor to come free, short enough that nobody waits.
const BACK_OFF: Duration = Duration::from_millis(50);

/// The next connection. An error (no descriptor left, say) is logged once, and tried again until it passes.
///
/// It may be dropped at any time without losing a connection.
pub(crate) async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut failed = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and whole: nothing is won by waiting for more. A peer that is gone
                // already makes this fail, and is found out at the first read.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                if !failed {
                    tracing::error!(%error, "cannot accept connections");
                }
                failed = true;
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}
