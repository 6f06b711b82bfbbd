//! A connection of one's own to an engine: the library for its API has no way to BuildKit that would do
//! without a second one for gRPC.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;

use super::grpc::Broken;

/// A connection on which one request is under way. It ends when this is dropped.
pub(super) struct Connection {
    pub(super) response: Response<Incoming>,
    _driver: JoinSet<()>,
}

/// Sends a request without a body.
pub(super) async fn send(host: &str, request: Request<Empty<Bytes>>) -> Result<Connection, Broken> {
    match host.split_once("://") {
        Some(("unix", path)) => over(UnixStream::connect(path).await?, request).await,
        Some(("tcp" | "http", address)) => {
            over(TcpStream::connect(address.trim_end_matches('/')).await?, request).await
        }
        _ => Err(format!("{host} is not reached by a socket").into()),
    }
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<Connection, Broken> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // What goes wrong is seen by who waits for the answer.
        let _ = connection.with_upgrades().await;
    });
    Ok(Connection { response: sender.send_request(request).await?, _driver: driver })
}
