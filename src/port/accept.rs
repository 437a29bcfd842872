//! Taking connections, whatever the system says.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};

use super::Limits;

/// Long enough for a descriptor to come free, short enough that nobody waits.
const BACK_OFF: Duration = Duration::from_millis(50);

/// The next connection. An error (no descriptor left, say) is logged once, and tried again until it passes.
///
/// It may be dropped at any time without losing a connection.
pub(crate) async fn next(listener: &TcpListener, limits: &Limits) -> (TcpStream, SocketAddr) {
    let mut failed = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // A peer that is gone already makes this fail, and is found out at the first read.
                let _ = prepare(&stream, limits);
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

/// How often a peer that has gone silent is asked, before it is taken for gone.
const ASKED: u32 = 3;

/// Answers are small and whole: nothing is won by waiting for more. And no peer is waited for without end, whether it is
/// gone or has only stopped reading.
fn prepare(stream: &TcpStream, limits: &Limits) -> std::io::Result<()> {
    let Limits { keepalive_interval: idle, keepalive_timeout: between, .. } = *limits;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, idle)?;
    sockopt::set_tcp_keepintvl(stream, between)?;
    sockopt::set_tcp_keepcnt(stream, ASKED)?;
    // Overrides the count, and holds for what is sent and not taken as well.
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(
        stream,
        u32::try_from((idle + between * ASKED).as_millis()).unwrap_or(u32::MAX),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_not_waited_for_without_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let limits = Limits {
            keepalive_interval: Duration::from_secs(1),
            keepalive_timeout: Duration::from_secs(1),
            ..Limits::default()
        };
        let (mut stream, _) = next(&listener, &limits).await;
        assert!(stream.nodelay().unwrap() && sockopt::socket_keepalive(&stream).unwrap());
        let begun = Instant::now();
        let much = vec![0; 64 * 1024 * 1024];
        let written = stream.write_all(&much);
        let ended = tokio::time::timeout(Duration::from_secs(30), written).await.expect("it ends");
        assert!(ended.is_err() && begun.elapsed() > Duration::from_secs(2), "{ended:?}");
    }
}
