//! A run in a cluster, for a program that knows none.

use std::collections::HashMap;
use std::convert::Infallible;

use tokio::sync::mpsc;

use crate::cli::args::{CleanArgs, ClusterArgs};
use crate::cli::error::CliError;
use crate::cli::load::Loaded;
use crate::history::RunDir;
use crate::plan::Decisions;
use crate::runner::Here;
use crate::template::TemplateRenderer;

/// There is none.
pub(in crate::cli) struct ClusterRun(Infallible);

impl ClusterRun {
    /// Refuses a run in a cluster.
    pub(in crate::cli) fn of(
        args: &ClusterArgs,
        _loaded: &Loaded,
        _decisions: &Decisions,
    ) -> Result<Option<Self>, CliError> {
        match args.on {
            None => Ok(None),
            Some(_) => Err(no_cluster()),
        }
    }

    pub(in crate::cli) async fn find(
        self,
        _loaded: &Loaded,
        _signals: &mut mpsc::UnboundedReceiver<i32>,
    ) -> Result<Self, CliError> {
        match self.0 {}
    }

    pub(in crate::cli) async fn open(
        self,
        _loaded: &Loaded,
        _dir: &RunDir,
        _templates: &TemplateRenderer,
        _locked: HashMap<String, String>,
        _signals: &mut mpsc::UnboundedReceiver<i32>,
    ) -> Result<Here, CliError> {
        match self.0 {}
    }
}

/// Refuses to clean a cluster.
pub(in crate::cli) fn clean(_args: &CleanArgs) -> Result<(), CliError> {
    Err(no_cluster())
}

fn no_cluster() -> CliError {
    CliError::usage("this build of pipe runs nothing in a cluster", None)
}
