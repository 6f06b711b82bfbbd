//! What the hub and its peers say to each other beside the messages of gangs.

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::session::Session;
use crate::cluster::store::hash::FileHash;

/// The channel of this talk.
pub(in crate::cluster) const TALK: u16 = 1;

/// A request to the hub, or an answer of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cluster) enum Talk {
    /// To the hub, from the client: the messages of this gang go over this channel.
    Open {
        /// The channel.
        channel: u16,
        /// The gang's name.
        gang: String,
    },
    /// To the hub, from the client: the run is over.
    Over,
    /// To the hub: which of these files does it lack?
    Offer(Vec<FileHash>),
    /// To the hub: send these files, in this order.
    Fetch(Vec<FileHash>),
    /// From the hub: it lacks these of the files that it was offered last.
    Missing(Vec<FileHash>),
    /// From the hub: this file is in the store.
    Stored(FileHash),
    /// From the hub: this file is not in the store, and why.
    Unstored(FileHash, String),
    /// From the hub, to the client: something is wrong with the run.
    Trouble(String),
}

/// What comes before the bytes of a file on the channel of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cluster) struct FileHead {
    /// The file.
    pub(in crate::cluster) hash: FileHash,
    /// Why it does not come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cluster) why_not: Option<String>,
}

/// The channel of a conductor's messages.
pub(in crate::cluster) const GANG: u16 = 16;

/// What the hub says when the client has said that the run is over.
pub(in crate::cluster) const OVER: &str = "the run is over";

impl Talk {
    pub(in crate::cluster) fn encode(&self) -> Vec<u8> {
        // Texts and numbers have a form in JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(in crate::cluster) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Hands on what the hub says.
pub(super) async fn listen(
    session: Session,
    mut said: mpsc::Receiver<Vec<u8>>,
    answers: mpsc::UnboundedSender<Talk>,
    troubles: mpsc::UnboundedSender<String>,
) {
    while let Some(message) = said.recv().await {
        match Talk::parse(&message) {
            // What is of no interest any more is dropped.
            Ok(Talk::Trouble(why)) => drop(troubles.send(why)),
            Ok(answer @ (Talk::Missing(_) | Talk::Stored(_) | Talk::Unstored(..))) => {
                drop(answers.send(answer))
            }
            Ok(Talk::Open { .. } | Talk::Over | Talk::Offer(_) | Talk::Fetch(_)) => {
                return session.end("the hub says what only its peers say");
            }
            Err(error) => return session.end(&format!("the hub says what is no message: {error}")),
        }
    }
}
