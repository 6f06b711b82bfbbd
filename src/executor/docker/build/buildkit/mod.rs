//! Building by BuildKit, which asks for what it needs of the folder in a session of its own: files that it
//! has from a build before are not sent again.
//!
//! The way is `docker build`'s own, over the engine's socket, so that it does not matter which `docker` is
//! installed.

mod connection;
mod files;
mod grpc;
mod session;
mod wire;

use std::path::Path;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use prost::Message;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use self::files::Item;
use self::grpc::Broken;
use self::session::{Offer, Session};
use self::wire::Progress;
use super::Failure;
use super::context::{ContextError, Walk};
use super::job::Job;
use crate::executor::docker::engine::Engine;
use crate::executor::docker::hex;

/// Builds an image; the engine's id of it, if it tells one.
pub(super) async fn build(
    engine: &Engine,
    job: &Arc<Job>,
    walk: Walk,
    log: &mut Vec<String>,
) -> Result<Option<String>, Failure> {
    let listing = {
        let job = Arc::clone(job);
        tokio::task::spawn_blocking(move || {
            let entries = job.entries(walk, &[])?;
            Ok::<_, ContextError>(entries.iter().map(Item::of).collect::<Vec<_>>())
        })
    };
    let context = listing.await.map_err(Failure::folder)?.map_err(Failure::folder)?;
    let instructions = vec![Item::text(&job.name, &job.text)];
    let offer = Offer { engine: engine.clone(), instructions, context };
    let id = hex::random().map_err(Failure::folder)?;
    let lost = |why: Broken| Failure::Lost(why.to_string());
    let _session = Session::open(engine.host(), &id, &key(&job.context), offer).await?;
    let request = Request::post(format!("/build?{}", query(job, &id)?)).header("host", "docker");
    let request = request.body(Empty::new()).map_err(Failure::folder)?;
    let mut connection = connection::send(engine.host(), request).await.map_err(lost)?;
    let status = connection.response.status();
    follow(status, connection.response.body_mut(), log).await
}

/// Takes what the engine tells until it has built.
async fn follow(
    status: StatusCode,
    body: &mut Incoming,
    log: &mut Vec<String>,
) -> Result<Option<String>, Failure> {
    let (mut said, mut id) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Lost(error.to_string()))?;
        said.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
        let end = said.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let lines: Vec<u8> = said.drain(..end).collect();
        for line in lines.split(|byte| *byte == b'\n') {
            take(line, log, &mut id)?;
        }
    }
    take(&said, log, &mut id)?;
    if status.is_success() { Ok(id) } else { Err(Failure::Refused(status.to_string())) }
}

/// A line of what the engine tells.
#[derive(Deserialize)]
struct Line {
    id: Option<String>,
    aux: Option<serde_json::Value>,
    error: Option<String>,
    /// All that is said when nothing was begun.
    message: Option<String>,
}

fn take(line: &[u8], log: &mut Vec<String>, id: &mut Option<String>) -> Result<(), Failure> {
    let Ok(line) = serde_json::from_slice::<Line>(line) else { return Ok(()) };
    if let Some(why) = line.error.or(line.message) {
        return Err(Failure::Refused(why.trim().to_owned()));
    }
    let aux = line.aux.unwrap_or_default();
    match line.id.as_deref() {
        Some("moby.image.id") => *id = aux["ID"].as_str().map(str::to_owned).or(id.take()),
        Some("moby.buildkit.trace") => {
            let bytes = BASE64_STANDARD.decode(aux.as_str().unwrap_or_default()).unwrap_or_default();
            let progress = Progress::decode(bytes.as_slice()).unwrap_or_default();
            for said in progress.logs {
                let said = String::from_utf8_lossy(&said.text).into_owned();
                log.extend(said.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
            }
        }
        Some(_) | None => {}
    }
    Ok(())
}

/// What the engine is asked for.
fn query(job: &Job, session: &str) -> Result<String, Failure> {
    let json = |map: serde_json::Map<String, serde_json::Value>| serde_json::Value::Object(map).to_string();
    let args = job.args.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let (label, value) = job.label();
    let labels = std::iter::once((label.to_owned(), value.into())).collect();
    let mut query = vec![
        ("version", "2".to_owned()),
        ("remote", "client-session".to_owned()),
        ("session", session.to_owned()),
        ("buildid", session.to_owned()),
        ("dockerfile", job.name.clone()),
        ("t", job.tag.clone()),
        ("buildargs", json(args)),
        ("labels", json(labels)),
    ];
    query.extend(job.target.clone().map(|target| ("target", target)));
    query.extend(job.platform.clone().map(|platform| ("platform", platform)));
    serde_urlencoded::to_string(query).map_err(Failure::folder)
}

/// The same for each build of a folder on this machine.
fn key(context: &Path) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    hex::hex(&Sha256::digest(format!("{} {}", host.trim(), context.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_tells_what_was_written_what_was_made_and_what_went_wrong() {
        let (mut log, mut id) = (Vec::new(), None);
        let text = b"one\n\ntwo\n".to_vec();
        let progress = Progress { logs: vec![wire::Log { text }] }.encode_to_vec();
        let trace = serde_json::json!({"id": "moby.buildkit.trace", "aux": BASE64_STANDARD.encode(progress)});
        let made = serde_json::json!({"id": "moby.image.id", "aux": {"ID": "sha256:1"}});
        for line in [trace.to_string(), made.to_string(), "no json".into(), "{}".into()] {
            assert!(take(line.as_bytes(), &mut log, &mut id).is_ok(), "{line}");
        }
        assert_eq!(
            (log.as_slice(), id.as_deref()),
            (&["one".to_owned(), "two".to_owned()][..], Some("sha256:1"))
        );
        for (line, why) in [(r#"{"error":"bad\n"}"#, "bad"), (r#"{"message":"worse"}"#, "worse")] {
            let refused = take(line.as_bytes(), &mut log, &mut id);
            assert!(matches!(refused, Err(Failure::Refused(said)) if said == why));
        }
    }
}
