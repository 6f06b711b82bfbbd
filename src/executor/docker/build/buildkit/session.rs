//! What BuildKit asks of its client during a build: the files, and who may pull.

use std::sync::Arc;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::connection;
use super::files::{self, Item};
use super::grpc::{self, Answers, Broken, Requests};
use super::wire::{Anything, Credentials, CredentialsRequest, Health};
use crate::executor::docker::auth;
use crate::executor::docker::build::Failure;
use crate::executor::docker::build::job::IGNORE;
use crate::executor::docker::engine::Engine;

const FILES: &str = "/moby.filesync.v1.FileSync/DiffCopy";
const CREDENTIALS: &str = "/moby.filesync.v1.Auth/Credentials";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
/// What a session says of its health.
const SERVING: i32 = 1;
/// The folder that BuildKit asks for to read the instructions; any other is the context.
const INSTRUCTIONS: &str = "dockerfile";

/// What there is to serve.
pub(super) struct Offer {
    pub(super) engine: Engine,
    pub(super) instructions: Vec<Item>,
    pub(super) context: Vec<Item>,
}

/// A session that is served until it is dropped.
pub(super) struct Session {
    _served: JoinSet<()>,
}

impl Session {
    /// Opens a session. What was sent in another one with the same `key` need not be sent again.
    ///
    /// # Errors
    /// If the engine is gone, or takes no session.
    pub(super) async fn open(host: &str, id: &str, key: &str, offer: Offer) -> Result<Self, Failure> {
        let lost = |why: Broken| Failure::Lost(why.to_string());
        let request = Request::post("/session")
            .header("host", "docker")
            .header("connection", "Upgrade")
            .header("upgrade", "h2c")
            .header("x-docker-expose-session-uuid", id)
            .header("x-docker-expose-session-name", "pipe")
            .header("x-docker-expose-session-sharedkey", key)
            .header("x-docker-expose-session-grpc-method", FILES)
            .header("x-docker-expose-session-grpc-method", CREDENTIALS)
            .header("x-docker-expose-session-grpc-method", HEALTH)
            .body(Empty::new())
            .map_err(|error| lost(error.into()))?;
        let connection = connection::send(host, request).await.map_err(lost)?;
        let status = connection.response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::NoSession(status.to_string()));
        }
        let mut served = JoinSet::new();
        served.spawn(async move {
            // A build whose session breaks off fails, and says why.
            let _ = serve(connection, Arc::new(offer)).await;
        });
        Ok(Self { _served: served })
    }
}

async fn serve(mut connection: connection::Connection, offer: Arc<Offer>) -> Result<(), Broken> {
    let stream = hyper::upgrade::on(&mut connection.response).await?;
    let mut accepted = grpc::server().handshake::<_, Bytes>(TokioIo::new(stream)).await?;
    let mut calls = JoinSet::new();
    while let Some(call) = accepted.accept().await {
        let (request, respond) = call?;
        let offer = Arc::clone(&offer);
        calls.spawn(async move {
            // The caller has gone, and wants no answer.
            let _ = answer(&offer, request, respond).await;
        });
        while calls.try_join_next().is_some() {}
    }
    Ok(())
}

async fn answer(
    offer: &Offer,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Result<(), Broken> {
    let (head, body) = request.into_parts();
    let (mut requests, mut answers) = (Requests::of(body), Answers::begin(&mut respond)?);
    let outcome = match head.uri.path() {
        FILES => files::send(offer.folder(&head.headers), &mut requests, &mut answers).await,
        CREDENTIALS => offer.credentials(&mut requests, &mut answers).await,
        HEALTH => match requests.next::<Anything>().await {
            Ok(_) => answers.send(&Health { status: SERVING }).await,
            Err(why) => Err(why),
        },
        _ => return answers.unknown(),
    };
    answers.end(&outcome)
}

impl Offer {
    /// The folder that a call asks for. The patterns of `.dockerignore` are seen to here, so that BuildKit
    /// finds none.
    fn folder(&self, headers: &HeaderMap) -> &[Item] {
        if headers.get("dir-name").is_some_and(|name| name == INSTRUCTIONS) {
            return &self.instructions;
        }
        let wanted = ["followpaths", "include-patterns"].map(|name| headers.get_all(name).iter());
        let mut wanted = wanted.into_iter().flatten().peekable();
        let is_for_patterns = wanted.peek().is_some() && wanted.all(|path| path == IGNORE);
        if is_for_patterns { &[] } else { &self.context }
    }

    async fn credentials(&self, requests: &mut Requests, answers: &mut Answers) -> Result<(), Broken> {
        let asked = requests.next::<CredentialsRequest>().await?.unwrap_or_default();
        let found = auth::of_registry(&self.engine, &asked.host).await;
        let credentials = found.map(|found| match found.identitytoken {
            Some(token) => Credentials { name: String::new(), secret: token },
            None => Credentials {
                name: found.username.unwrap_or_default(),
                secret: found.password.unwrap_or_default(),
            },
        });
        answers.send(&credentials.unwrap_or_default()).await
    }
}
