//! A port of a pod, as a stream of bytes: through the API server, over a WebSocket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::Method;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
};
use tokio::sync::mpsc;

use super::client::ApiClient;
use super::error::ApiError;
use super::objects::pods_path;
use super::websocket::{FrameKind, decode, encode};
use crate::executor::SystemError;

/// Bytes of one message. Smaller ones cost a third of the speed or more, larger ones bring nothing.
const MESSAGE: usize = 128 << 10;
/// The version of the protocol that every cluster knows: the first byte of a message says which stream it belongs to.
const PROTOCOL: &str = "v4.channel.k8s.io";
/// The streams of the first port.
const DATA: u8 = 0;
const ERROR: u8 = 1;
/// Each stream begins with the number of the port, in two bytes.
const GREETING: usize = 2;

/// A connection to a port of a pod. Dropping it closes the connection.
#[derive(Debug)]
pub struct ForwardedPort {
    stream: DuplexStream,
    failure: Arc<Mutex<Option<String>>>,
}

impl ForwardedPort {
    /// Returns why the connection ended, if the pod or the cluster said so.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }
}

impl ApiClient {
    /// Connects to a port of a pod.
    ///
    /// # Errors
    /// If the cluster refuses it. Whether something listens at the port is not known before the first byte.
    pub async fn forward(&self, pod: &str, port: u16) -> Result<ForwardedPort, ApiError> {
        let path = format!("{}/{pod}/portforward?ports={port}", pods_path(self));
        let key = STANDARD.encode(random::<16>(self, &path)?);
        // The answer to the key is not looked at: it keeps caches apart, and there is none under TLS.
        let headers = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", key.as_str()),
            ("sec-websocket-protocol", PROTOCOL),
        ];
        let response = self.open(Method::GET, &path, None, &headers).await?;
        if response.status().as_u16() != 101 {
            return Err(self.failed(&path, "the cluster does not change to a WebSocket").into());
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|error| self.failed(&path, error))?;
        let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
        let (stream, other) = tokio::io::duplex(MESSAGE);
        let (from_user, to_user) = tokio::io::split(other);
        let failure = Arc::new(Mutex::new(None));
        let (answers, wanted) = mpsc::channel(8);
        let receiving = receive(reader, to_user, answers, Arc::clone(&failure));
        tokio::spawn(async move {
            // What ends one direction for good ends the other.
            tokio::select! {
                () = receiving => {}
                () = send(writer, from_user, wanted) => {}
            }
        });
        Ok(ForwardedPort { stream, failure })
    }
}

fn random<const N: usize>(client: &ApiClient, path: &str) -> Result<[u8; N], SystemError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| client.failed(path, error.to_string()))?;
    Ok(bytes)
}

/// Sends what the user writes, and answers to pings, until either side is gone.
async fn send<W: AsyncWrite>(
    mut writer: WriteHalf<W>,
    mut from_user: ReadHalf<DuplexStream>,
    mut answers: mpsc::Receiver<Bytes>,
) {
    let mut bytes = vec![0; MESSAGE];
    let mut frame = Vec::with_capacity(MESSAGE + 16);
    loop {
        frame.clear();
        let mut mask = [0; 4];
        if getrandom::fill(&mut mask).is_err() {
            return;
        }
        let is_over = tokio::select! {
            answer = answers.recv() => match answer {
                Some(answer) => {
                    encode(FrameKind::Pong, &[&answer], mask, &mut frame);
                    false
                }
                None => true,
            },
            count = from_user.read(&mut bytes) => match count {
                Ok(count) if count > 0 => {
                    encode(FrameKind::Binary, &[&[DATA], &bytes[..count]], mask, &mut frame);
                    false
                }
                Ok(_) | Err(_) => {
                    encode(FrameKind::Close, &[&1000_u16.to_be_bytes()], mask, &mut frame);
                    true
                }
            },
        };
        let sent = async {
            writer.write_all(&frame).await?;
            writer.flush().await
        };
        if sent.await.is_err() || is_over {
            return;
        }
    }
}

/// Hands on what comes, until the connection ends.
async fn receive<R: AsyncRead>(
    mut reader: ReadHalf<R>,
    mut to_user: WriteHalf<DuplexStream>,
    answers: mpsc::Sender<Bytes>,
    failure: Arc<Mutex<Option<String>>>,
) {
    let mut buffer = BytesMut::with_capacity(MESSAGE);
    let mut greetings = [GREETING; 2];
    let fail = |why: String| {
        failure.lock().get_or_insert(why);
    };
    loop {
        match decode(&mut buffer) {
            Ok(Some((FrameKind::Binary | FrameKind::Text | FrameKind::Continued, payload))) => {
                let Some((&channel, rest)) = payload.split_first() else { continue };
                let Some(greeting) = greetings.get_mut(usize::from(channel)) else { continue };
                let skipped = rest.len().min(*greeting);
                *greeting -= skipped;
                let rest = &rest[skipped..];
                match channel {
                    DATA if to_user.write_all(rest).await.is_err() => return,
                    ERROR if !rest.is_empty() => {
                        fail(String::from_utf8_lossy(rest).trim().to_owned());
                        return;
                    }
                    _ => {}
                }
            }
            Ok(Some((FrameKind::Ping, payload))) => {
                if answers.send(payload).await.is_err() {
                    return;
                }
            }
            Ok(Some((FrameKind::Pong, _))) => {}
            Ok(Some((FrameKind::Close, _))) => return,
            Ok(None) => match reader.read_buf(&mut buffer).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => return fail(error.to_string()),
            },
            Err(error) => return fail(error.to_string()),
        }
    }
}

impl AsyncRead for ForwardedPort {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for ForwardedPort {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
