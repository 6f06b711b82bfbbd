//! The parts of `pipe` that run in pods, as typed. People do not type them: no help text mentions them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cluster::link::Lease;

#[derive(Debug, Subcommand)]
pub(super) enum PodCommand {
    /// Copy this program to DIR/pipe
    Install {
        /// The folder
        dir: PathBuf,
    },
    /// Start a step at the conductor's word, as the first process of its container
    Step(PodStepArgs),
    /// Conduct a gang, whose order comes by the hub, or on standard input
    Gang(PodGangArgs),
    /// Be the hub of a run, which joins its conductors to its client
    Hub(HubArgs),
}

#[derive(Debug, Args)]
pub(super) struct PodStepArgs {
    /// The step's name
    pub(super) name: String,
    /// The conductor's socket
    #[arg(long, value_name = "PATH")]
    pub(super) socket: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct PodGangArgs {
    /// The socket for the wrappers of steps
    #[arg(long, value_name = "PATH")]
    pub(super) socket: PathBuf,
    /// A folder that all containers share [default: the folder of the socket]
    #[arg(long, value_name = "DIR")]
    pub(super) folder: Option<PathBuf>,
    /// The folder with the secrets of the run, a file for each
    #[arg(long, value_name = "DIR")]
    pub(super) secrets: Option<PathBuf>,
    /// The run's hub, through which the client speaks; without one it does so over standard streams
    #[arg(long, value_name = "ADDRESS", requires_all = ["keys", "gang"])]
    pub(super) hub: Option<String>,
    /// The folder with the key of conductors, and that of the hub
    #[arg(long, value_name = "DIR", requires = "hub")]
    pub(super) keys: Option<PathBuf>,
    /// What the gang is called
    #[arg(long, value_name = "NAME", requires = "hub")]
    pub(super) gang: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct HubArgs {
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: String,
    /// The folder with the hub's key, and those of the client and the conductors
    #[arg(long, value_name = "DIR")]
    pub(super) keys: PathBuf,
    /// The folder for files, and for messages that the client has not taken
    #[arg(long, value_name = "DIR")]
    pub(super) store: PathBuf,
    /// How long the client may be silent before the hub ends
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = lease)]
    pub(super) lease: Duration,
}

fn lease(text: &str) -> Result<Duration, String> {
    let length = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match length == Lease::bounded(length) {
        true => Ok(length),
        false => Err("expected a time from 1s to 1day".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::lease;

    #[test]
    fn a_lease_has_bounds() {
        for text in ["1s", "60s", "24h"] {
            assert!(lease(text).is_ok(), "{text}");
        }
        for text in ["0s", "999ms", "25h", "1000000years", "", "x"] {
            assert!(lease(text).is_err(), "{text}");
        }
    }
}
