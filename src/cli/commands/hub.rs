//! `pipe pod hub`: the hub of a run, as the cluster starts it.

use std::process::ExitCode;

use crate::cli::containers::runtime;
use crate::cli::error::{ABORTED, CliError};
use crate::cli::pod_args::HubArgs;
use crate::cli::signals;
use crate::cli::stdio::{self, say};
use crate::cluster::hub::{self, HubEnd, HubSettings};
use crate::executor::SystemError;

pub(in crate::cli) fn run(args: HubArgs) -> Result<ExitCode, CliError> {
    let HubArgs { listen, keys, store, lease } = args;
    let settings = HubSettings { listen, keys, store, lease };
    let end = runtime()?.block_on(async {
        let listening =
            signals::listen().map_err(|error| SystemError::new("cannot listen for signals", error))?;
        let mut stops = listening;
        let stop = async {
            if stops.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        };
        let ready = |address| {
            // A log that is closed is no reason to end.
            let _ = stdio::print(format!("listening at {address}\n"));
        };
        hub::run(settings, ready, stop).await.map_err(|error| SystemError::new("the hub cannot run", error))
    })?;
    match end {
        HubEnd::Over => Ok(ExitCode::SUCCESS),
        HubEnd::ClientGone(_) | HubEnd::Stopped => {
            say!("{}", end.sentence());
            Ok(ABORTED.into())
        }
    }
}
