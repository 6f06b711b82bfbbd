//! The order: everything that a pod has to know of a gang, as one JSON value.
//!
//! The client has read the file, planned the run, and decided. A pod gets the texts of the files and all values that are
//! no secrets, parses and plans again, and comes to the same steps: [`Order::of`] and [`Order::open`] are each other's
//! inverse. That needs the same program on both sides, so an order says its version, and another one is refused.
//!
//! Values are carried as they were checked, so that nothing which hangs on the client's machine (a default, an
//! environment, a path that has to exist) is worked out twice. Of the environment an order has the variables that texts
//! of the members name, and those that `env_file` adds.
//!
//! A secret is not in it. [`OrderSecrets`] has the secrets of a run by keys; the client puts them where the conductor
//! alone reads them, as a folder with a file for each key.

pub mod message;
mod open;
mod record;
mod secrets;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::open::OpenedOrder;
pub use self::record::{
    BodyRecord, CallFacts, ContextRecord, FileText, OptionsRecord, PlaceRecord, SettingsRecord, StartRecord,
    ValueRecord,
};
pub use self::secrets::OrderSecrets;

/// The version of orders, and of the messages between client and conductor.
pub const ORDER_PROTOCOL: u32 = 1;

/// Which program this is: an order is understood by the same one only.
pub const PROGRAM: &str = env!("PIPE_VERSION");

/// What a pod is to run.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// [`ORDER_PROTOCOL`] of the client.
    pub protocol: u32,
    /// [`PROGRAM`] of the client.
    pub version: String,
    /// The pipeline file, and those that it uses, in their order.
    pub files: Vec<FileText>,
    /// What the command line adds to the file.
    pub options: OptionsRecord,
    /// The run and its folders, as the client has them.
    pub place: PlaceRecord,
    /// What the texts of the top file see.
    pub context: ContextRecord,
    /// What the texts of each call's file see, in the order of the calls.
    pub calls: Vec<CallFacts>,
    /// All steps, by which it is checked that the plan is the same.
    pub steps: Vec<String>,
    /// All streams, for the same.
    pub streams: Vec<String>,
    /// The members of the gang, producers before their readers.
    pub members: Vec<String>,
    /// How many times they have been started, with this.
    pub round: u32,
    /// Of members with a `timeout`, how much of it is left, in milliseconds; nothing where all of it is.
    #[serde(default)]
    pub time_left: BTreeMap<String, u64>,
    /// The outputs of the steps that any of them depends on.
    pub given: BTreeMap<String, BTreeMap<String, String>>,
    /// How the ordinary steps have ended, for `finally` steps.
    pub body: Option<BodyRecord>,
    /// Steps that do not run: a stream is stored for none of them.
    pub left_out: BTreeSet<String>,
    /// Steps at the other ends of the members' streams that are passed over.
    pub passed_over: BTreeSet<String>,
    /// How the gang runs.
    pub settings: SettingsRecord,
}

impl std::fmt::Debug for Order {
    /// Shows no value.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { version, members, round, .. } = self;
        out.debug_struct("Order")
            .field("version", version)
            .field("members", members)
            .field("round", round)
            .finish_non_exhaustive()
    }
}

/// Why there is no order, or why it is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// A member cannot run in a pod.
    #[error("`{step}` cannot run in a pod: {why}")]
    Unfit {
        /// The step.
        step: String,
        /// Why, in words that follow.
        why: &'static str,
    },
    /// A path is not text, so that JSON cannot have it.
    #[error("the path {} is not UTF-8 text", .0.display())]
    Path(PathBuf),
    /// It is not in the form of an order.
    #[error("the order cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    /// The client is another program.
    #[error("the helper image is pipe {PROGRAM}; this is {theirs}")]
    Version {
        /// The client's version.
        theirs: String,
    },
    /// The two programs say that they are the same, and do not understand each other.
    #[error("the helper image speaks protocol {ORDER_PROTOCOL}; this is protocol {theirs}")]
    Protocol {
        /// The client's.
        theirs: u32,
    },
    /// What was made of the order is not what it says.
    #[error("the pod makes another pipeline of the order: {0}")]
    Differs(String),
    /// A secret is not there.
    #[error("the secret `{0}` of the order is not there")]
    Secret(String),
    /// A folder of the pod cannot be used.
    #[error("a folder of the pod cannot be used: {0}")]
    Folder(#[source] std::io::Error),
    /// The secrets cannot be masked.
    #[error(transparent)]
    Mask(#[from] crate::event::mask::MaskError),
}

/// What both sides compare before anything else.
#[derive(Deserialize)]
struct Header {
    protocol: u32,
    version: String,
}

impl Order {
    /// Reads an order. Of one by another program no more than its version is read.
    ///
    /// # Errors
    /// It is by another program, or no order.
    pub fn read(value: serde_json::Value) -> Result<Self, OrderError> {
        let Header { protocol, version } = Header::deserialize(&value)?;
        check_program(protocol, &version)?;
        Ok(serde_json::from_value(value)?)
    }
}

/// Checks that the program on the other side is this one.
///
/// # Errors
/// It is another one. The words are for the client, whose protocol and version these are.
pub fn check_program(protocol: u32, version: &str) -> Result<(), OrderError> {
    if version != PROGRAM {
        return Err(OrderError::Version { theirs: version.to_owned() });
    }
    if protocol != ORDER_PROTOCOL {
        return Err(OrderError::Protocol { theirs: protocol });
    }
    Ok(())
}
