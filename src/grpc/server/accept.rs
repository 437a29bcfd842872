//! Taking connections, whatever the system says.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};

/// Long enough for a descriptor to come free, short enough that nobody waits.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A peer that has said nothing for this long is asked whether it is still there, and again after the second time.
const IDLE: (Duration, Duration) = (Duration::from_mins(1), Duration::from_secs(20));

/// A peer that takes nothing of what it is sent for this long is gone, in milliseconds.
const STALLED_MS: u32 = 30_000;

/// The next connection. An error (no descriptor left, say) is logged once, and tried again until it passes.
///
/// It may be dropped at any time without losing a connection.
pub(crate) async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut failed = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // A peer that is gone already makes this fail, and is found out at the first read.
                let _ = prepare(&stream);
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

/// Answers are small and whole: nothing is won by waiting for more. And no peer is waited for without end, whether it is
/// gone or has only stopped reading.
fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, IDLE.0)?;
    sockopt::set_tcp_keepintvl(stream, IDLE.1)?;
    Ok(sockopt::set_tcp_user_timeout(stream, STALLED_MS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_peer_is_waited_for_without_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = next(&listener).await;
        assert!(stream.nodelay().unwrap() && sockopt::socket_keepalive(&stream).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), IDLE.0);
        assert_eq!(sockopt::tcp_keepintvl(&stream).unwrap(), IDLE.1);
        assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), STALLED_MS);
    }
}
