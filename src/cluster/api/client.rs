//! Requests to an API server.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::access::ClusterAccess;
use super::error::ApiError;
use crate::cluster::status::ApiAnswer;
use crate::executor::SystemError;

/// How long a connection, and an answer that is no stream, may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer: thousands of pods.
const LARGEST: usize = 64 << 20;
/// How often a request is sent that a busy cluster puts off.
const TRIES: u32 = 5;
/// How long a busy cluster is left alone where it does not say, and at the most.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const ABOUT: &str = concat!("pipe/", env!("CARGO_PKG_VERSION"));

/// A connection's bytes.
trait Bytestream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytestream for T {}

/// A client of one cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiClient {
    access: Arc<ClusterAccess>,
}

impl ApiClient {
    /// Returns a client; nothing is sent yet.
    pub fn new(access: ClusterAccess) -> Self {
        Self { access: Arc::new(access) }
    }

    /// Returns how the cluster is reached.
    pub fn access(&self) -> &ClusterAccess {
        &self.access
    }

    /// Sends a request and reads the answer. Where the cluster is busy, it is asked again a few times.
    ///
    /// # Errors
    /// If the cluster refuses it, or there is no answer that can be read.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, ApiError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let body = body.map(|body| Bytes::from(body.to_string()));
            match self.once(method.clone(), path, body).await {
                Err(ApiError::Busy { after, .. }) if tries < TRIES => {
                    sleep(after.unwrap_or(PAUSE).min(LONGEST_PAUSE)).await;
                }
                Err(error) => return Err(error),
                Ok(text) => {
                    let what = || format!("cannot understand the cluster's answer to {method} {path}");
                    return Ok(
                        serde_json::from_slice(&text).map_err(|error| SystemError::new(what(), error))?
                    );
                }
            }
        }
    }

    async fn once(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<Bytes, ApiError> {
        let answer = async {
            let response = self.open(method, path, body, &[]).await?;
            read(response, path).await
        };
        match timeout(PATIENCE, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(self.failed(path, "there was no answer in time").into()),
        }
    }

    /// Sends a request on a connection of its own. The answer's body is still to come; one that refuses is an error.
    pub(super) async fn open(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        headers: &[(&str, &str)],
    ) -> Result<Response<Incoming>, ApiError> {
        let connecting = self.connect();
        let stream = match timeout(PATIENCE, connecting).await {
            Ok(stream) => stream?,
            Err(_) => return Err(self.failed(path, "it does not answer").into()),
        };
        let broken = |error: hyper::Error| ApiError::from(self.failed(path, error));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // It ends with the answer's body; what goes wrong there, the body says.
        tokio::spawn(connection.with_upgrades());
        let prefix = self.access.server.path().trim_end_matches('/');
        let authority = self.access.server.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{prefix}{path}"))
            .header(HOST, authority)
            .header(USER_AGENT, ABOUT);
        // A connection that becomes another one gives no JSON, and servers refuse it to who asks for that.
        if headers.is_empty() {
            request = request.header(ACCEPT, "application/json");
        }
        if let Some(value) = self.access.credentials.header().await? {
            request = request.header(AUTHORIZATION, value);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Full::new(body.unwrap_or_default()));
        let request = request.map_err(|error| self.failed(path, error))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        match response.status().as_u16() {
            101 | 200..=299 => Ok(response),
            code => Err(refusal(response, code, path).await),
        }
    }

    async fn connect(&self) -> Result<Box<dyn Bytestream>, SystemError> {
        let ClusterAccess { host, port, server_name, tls, .. } = &*self.access;
        let what = || format!("cannot connect to the cluster at {}", self.access.server());
        let failed = |error: std::io::Error| SystemError::new(what(), error);
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let Some(tls) = tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(server_name.clone());
        let name = name.map_err(|error| SystemError::new(what(), error))?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await.map_err(failed)?;
        Ok(Box::new(stream))
    }

    /// Returns an error of this cluster.
    pub(super) fn failed(
        &self,
        path: &str,
        why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> SystemError {
        SystemError::new(format!("cannot ask the cluster at {} for {path}", self.access.server()), why)
    }
}

async fn read(response: Response<Incoming>, path: &str) -> Result<Bytes, ApiError> {
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let what = || format!("cannot read the cluster's answer to {path}");
    Ok(body.map_err(|error| SystemError::new(what(), error))?.to_bytes())
}

/// What a server says that refuses; servers in between say less.
async fn refusal(response: Response<Incoming>, code: u16, path: &str) -> ApiError {
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let text = match read(response, path).await {
        Ok(text) => text,
        Err(error) => return error,
    };
    let answer: ApiAnswer = serde_json::from_slice(&text).unwrap_or_default();
    let answer = ApiAnswer { code, ..answer };
    match code {
        429 | 503 => ApiError::Busy { answer, after: after.map(Duration::from_secs) },
        _ => ApiError::Refused(answer),
    }
}
