//! Pods as they change. A watch breaks whenever the cluster likes; it goes on from where it was, or, where the cluster does
//! not know that any more, from a new list.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use http::Method;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;

use super::client::ApiClient;
use super::error::ApiError;
use super::objects::{ObjectKind, ObjectList, pods_path, query};
use crate::cluster::status::{ApiAnswer, ObjectMeta, PodObject};
use crate::executor::SystemError;

/// The waits after one failure, and after many.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// When the cluster ends a watch in which nothing happens. Things in between cut silent connections later.
const SECONDS: &str = "240";
/// The longest event.
const LONGEST: usize = 8 << 20;

/// Something that happened to a pod.
#[derive(Debug, Clone)]
pub enum PodChange {
    /// It is so now.
    Is(Box<PodObject>),
    /// It is not there any more.
    Gone(String),
}

/// The pods with some labels, as they change.
#[derive(Debug)]
pub struct PodWatch {
    client: ApiClient,
    labels: String,
    /// Where the watch goes on; nothing before the first list.
    version: Option<String>,
    /// The connection, with what has come and is no whole line.
    open: Option<(Incoming, BytesMut)>,
    /// What a list has said and was not taken yet.
    listed: Vec<PodChange>,
    known: BTreeSet<String>,
    pause: Duration,
}

#[derive(Deserialize)]
struct WatchEvent {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

impl PodWatch {
    /// Returns a watch; nothing is sent before the first question.
    pub fn new(client: ApiClient, labels: impl Into<String>) -> Self {
        Self {
            client,
            labels: labels.into(),
            version: None,
            open: None,
            listed: Vec::new(),
            known: BTreeSet::new(),
            pause: FIRST_PAUSE,
        }
    }

    /// Waits for the next change. Of a pod that is not known yet its state comes first; what happened while the watch was
    /// broken comes as one change. May be dropped at any time.
    ///
    /// # Errors
    /// If the cluster refuses to say. Broken connections are made again without end: the caller has the patience.
    pub async fn next(&mut self) -> Result<PodChange, ApiError> {
        loop {
            if let Some(change) = self.listed.pop() {
                return Ok(change);
            }
            match self.step().await {
                Ok(Some(change)) => {
                    self.pause = FIRST_PAUSE;
                    return Ok(change);
                }
                Ok(None) => {}
                Err(error) if error.is_expired() => self.again(true),
                Err(ApiError::Busy { after, .. }) => {
                    self.again(false);
                    sleep(after.unwrap_or(self.pause)).await;
                }
                Err(ApiError::System(_)) => {
                    self.again(false);
                    sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
                Err(error @ ApiError::Refused(_)) => return Err(error),
            }
        }
    }

    fn again(&mut self, from_a_list: bool) {
        self.open = None;
        if from_a_list {
            self.version = None;
        }
    }

    /// Lists, connects or reads; nothing if that brought no change.
    async fn step(&mut self) -> Result<Option<PodChange>, ApiError> {
        let Some(version) = self.version.clone() else {
            self.list().await?;
            return Ok(None);
        };
        if self.open.is_none() {
            let pairs = [
                ("watch", "true"),
                ("allowWatchBookmarks", "true"),
                ("timeoutSeconds", SECONDS),
                ("resourceVersion", version.as_str()),
                ("labelSelector", self.labels.as_str()),
            ];
            let path = format!("{}?{}", pods_path(&self.client), query(&pairs));
            let response = self.client.open(Method::GET, &path, None, &[]).await?;
            self.open = Some((response.into_body(), BytesMut::new()));
        }
        match self.line().await? {
            Some(line) => self.event(&line),
            None => {
                self.open = None;
                Ok(None)
            }
        }
    }

    async fn list(&mut self) -> Result<(), ApiError> {
        let list: ObjectList<PodObject> = self.client.labelled(ObjectKind::Pod, &self.labels).await?;
        let names: BTreeSet<String> = list.items.iter().map(|pod| pod.metadata.name.clone()).collect();
        let gone = self.known.difference(&names).cloned().map(PodChange::Gone);
        self.listed.extend(gone);
        self.listed.extend(list.items.into_iter().map(|pod| PodChange::Is(Box::new(pod))));
        self.known = names;
        self.version = Some(list.metadata.resource_version);
        Ok(())
    }

    /// Returns the next line; nothing at the end of the answer.
    async fn line(&mut self) -> Result<Option<BytesMut>, ApiError> {
        let Some((body, text)) = &mut self.open else { return Ok(None) };
        let broken = |why: Box<dyn std::error::Error + Send + Sync>| {
            ApiError::from(SystemError::new("cannot go on watching pods", why))
        };
        loop {
            if let Some(end) = memchr::memchr(b'\n', text) {
                let line = text.split_to(end);
                text.advance(1);
                return Ok(Some(line));
            }
            if text.len() > LONGEST {
                return Err(broken("an event is too long".into()));
            }
            match body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        text.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => return Err(broken(error.into())),
            }
        }
    }

    fn event(&mut self, line: &[u8]) -> Result<Option<PodChange>, ApiError> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let wrong = |error| SystemError::new("cannot understand what happened to a pod", error);
        let WatchEvent { kind, object } = serde_json::from_slice(line).map_err(wrong)?;
        match kind.as_str() {
            "ADDED" | "MODIFIED" => {
                let pod: PodObject = serde_json::from_value(object).map_err(wrong)?;
                self.version = Some(pod.metadata.resource_version.clone());
                self.known.insert(pod.metadata.name.clone());
                Ok(Some(PodChange::Is(Box::new(pod))))
            }
            "DELETED" => {
                let pod: PodObject = serde_json::from_value(object).map_err(wrong)?;
                self.version = Some(pod.metadata.resource_version.clone());
                self.known.remove(&pod.metadata.name);
                Ok(Some(PodChange::Gone(pod.metadata.name)))
            }
            "BOOKMARK" => {
                let metadata = object.get("metadata").cloned().unwrap_or_default();
                let metadata: ObjectMeta = serde_json::from_value(metadata).map_err(wrong)?;
                self.version = Some(metadata.resource_version);
                Ok(None)
            }
            "ERROR" => {
                let answer: ApiAnswer = serde_json::from_value(object).map_err(wrong)?;
                Err(ApiError::Refused(answer))
            }
            // A kind that newer clusters may have says nothing that is needed.
            _ => Ok(None),
        }
    }
}
