//! What client and conductor say to each other, as JSON: messages of a link, or a line each.
//!
//! 1. The conductor says [`FromPod::Ready`], and the client gives it the order.
//! 2. Once the containers of all members are there, the conductor says [`FromPod::Gathered`], and the gang runs. What
//!    happens comes as [`FromPod::Event`] and [`FromPod::Output`], and the end of each member once, as
//!    [`FromPod::Finished`].
//! 3. The last message is [`FromPod::Done`]: nothing of the gang runs any more. The client says [`ToPod::Over`] when it
//!    has taken that; without it, the end of the connection means that the client is gone, and the gang is killed.
//!
//! Secrets are masked in everything but the outputs of a step, which later steps need as they are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Order, OrderError, check_program};
use crate::cluster::store::Manifest;
use crate::event::wire::{Channel, Decoder, Encoder, Record};
use crate::event::{Event, EventKind, RunStarted, StepFinished};
use crate::pipeline::Pipeline;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum ToPod {
    /// These files are to be there before the gang runs. What carries the messages fetches them from the hub's store.
    Files {
        /// The folder that they lie in, in the pod.
        folder: PathBuf,
        /// The files.
        manifest: Manifest,
    },
    /// This is to be run. It is read by [`Order::read`], which knows what is wrong with one of another version.
    Order {
        /// The order.
        order: serde_json::Value,
    },
    /// The gang is to end.
    Halt {
        /// How.
        how: HaltRecord,
    },
    /// The client has taken everything.
    Over,
}

/// How a gang is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HaltRecord {
    /// TERM, grace, KILL.
    Graceful,
    /// KILL.
    Immediate,
}

/// What a conductor says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum FromPod {
    /// It is there.
    Ready {
        /// [`ORDER_PROTOCOL`](super::ORDER_PROTOCOL) of the helper image.
        protocol: u32,
        /// [`PROGRAM`](super::PROGRAM) of the helper image.
        version: String,
    },
    /// The order is not carried out: why.
    Refused {
        /// In a sentence.
        why: String,
    },
    /// The containers of all members are there, and the gang starts.
    Gathered,
    /// Something has happened.
    Event {
        /// What, as in the journal.
        record: Record,
    },
    /// A step has written to its log.
    Output {
        /// The step.
        step: String,
        /// Which of its outputs.
        channel: Channel,
        /// The bytes, in base64: the log is kept as it is.
        bytes: String,
    },
    /// A member that has succeeded has left files behind, which its end follows.
    Made {
        /// The step.
        step: String,
        /// The folder that they lie in, in the pod.
        folder: PathBuf,
        /// Their paths, seen from there.
        paths: Vec<PathBuf>,
        /// The same files as the hub's store has them; nothing before what carries the messages has put them there.
        #[serde(default)]
        manifest: Manifest,
    },
    /// A member has ended for good.
    Finished {
        /// `step-finished`, with its outputs masked.
        record: Record,
        /// Its outputs as they are.
        outputs: BTreeMap<String, String>,
    },
    /// The container of a step is gone, and its step with it; the cluster knows why.
    Lost {
        /// The step.
        step: String,
    },
    /// A container has been told to end, and not by this run.
    Terminated {
        /// The step, or nothing for the conductor itself.
        step: Option<String>,
        /// By which signal.
        signal: i32,
    },
    /// The pod cannot go on, and no step is to blame.
    SiteFailed {
        /// What was attempted.
        what: String,
        /// Why it failed.
        why: String,
    },
    /// Nothing of the gang runs any more.
    Done,
}

impl ToPod {
    /// Puts an order into a message.
    ///
    /// # Errors
    /// A path in it is not text.
    pub fn order(order: &Order) -> Result<Self, OrderError> {
        Ok(Self::Order { order: serde_json::to_value(order)? })
    }
}

impl FromPod {
    /// Returns the message of an event; nothing for one that is of no interest to a client. `outputs` are those of a
    /// step that has finished.
    pub fn of(encoder: &mut Encoder, pipeline: &Pipeline, event: &Event, outputs: Finished) -> Option<Self> {
        if let EventKind::StepOutput { step, channel, bytes } = &event.kind {
            let step = pipeline.steps.get(step.index())?.name.clone();
            return Some(Self::Output { step, channel: (*channel).into(), bytes: STANDARD.encode(bytes) });
        }
        match &event.kind {
            EventKind::StepFinished(_) => Some(Self::Finished { record: encoder.encode(event)?, outputs }),
            EventKind::StepStarted { .. }
            | EventKind::StepRetrying { .. }
            | EventKind::ServiceReady { .. }
            | EventKind::StreamProgress(_)
            | EventKind::StreamFinished(_)
            | EventKind::Warning(_)
            | EventKind::Note(_) => Some(Self::Event { record: encoder.encode(event)? }),
            // They are the client's own.
            EventKind::RunStarted(_)
            | EventKind::PhaseStarted(_)
            | EventKind::Cancelling { .. }
            | EventKind::RunFinished(_) => None,
            EventKind::StepLine { .. } | EventKind::StepOutput { .. } => None,
        }
    }
}

/// The outputs of a step that has finished.
pub type Finished = BTreeMap<String, String>;

/// Makes messages of a pod's events events again, with the ids of the client's pipeline.
#[derive(Debug)]
pub struct PodEvents {
    decoder: Decoder,
    pipeline: Arc<Pipeline>,
}

/// What a message says of the gang's course.
#[derive(Debug, Clone)]
pub enum Heard {
    /// Something has happened.
    Event(EventKind),
    /// A member has ended for good.
    Finished(StepFinished),
}

impl PodEvents {
    /// Returns what reads the messages of one pod.
    pub fn new(pipeline: Arc<Pipeline>) -> Self {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        let started = begin(Arc::clone(&pipeline), String::new());
        if let Some(record) = encoder.encode(&started) {
            decoder.decode(&record);
        }
        Self { decoder, pipeline }
    }

    /// Returns what a message says; nothing of one that is about something else, or names a step that there is not.
    pub fn read(&mut self, message: &FromPod) -> Option<Heard> {
        match message {
            FromPod::Event { record } => Some(Heard::Event(self.decoder.decode(record)?.kind)),
            FromPod::Finished { record, outputs } => {
                let EventKind::StepFinished(finished) = self.decoder.decode(record)?.kind else {
                    return None;
                };
                let outputs = Arc::new(outputs.clone());
                Some(Heard::Finished(StepFinished { outputs, ..finished }))
            }
            FromPod::Output { step, channel, bytes } => {
                let found = self.pipeline.steps().find(|(_, known)| known.name == *step);
                let bytes = STANDARD.decode(bytes).ok()?.into();
                let channel = (*channel).into();
                Some(Heard::Event(EventKind::StepOutput { step: found?.0, channel, bytes }))
            }
            FromPod::Ready { .. }
            | FromPod::Refused { .. }
            | FromPod::Gathered
            | FromPod::Made { .. }
            | FromPod::Lost { .. }
            | FromPod::Terminated { .. }
            | FromPod::SiteFailed { .. }
            | FromPod::Done => None,
        }
    }

    /// Checks that the conductor that is ready is of the same program.
    ///
    /// # Errors
    /// It is another one, in the words for the client.
    pub fn check(protocol: u32, version: &str) -> Result<(), String> {
        match check_program(protocol, version) {
            Ok(()) => Ok(()),
            Err(OrderError::Version { theirs }) => {
                Err(format!("the helper image is pipe {theirs}; this is {}", super::PROGRAM))
            }
            Err(other) => Err(other.to_string()),
        }
    }
}

/// The event that every encoder and decoder begins with.
pub(in crate::cluster) fn begin(pipeline: Arc<Pipeline>, run: String) -> Event {
    let started = RunStarted { run, pipeline, dir: None };
    Event {
        at: std::time::SystemTime::now(),
        elapsed: std::time::Duration::ZERO,
        kind: EventKind::RunStarted(started),
    }
}
