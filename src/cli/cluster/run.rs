//! `pipe run --on kubernetes`: what is refused before a run, and how the cluster is opened for it.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use tokio::sync::mpsc;

use super::asked::request;
use super::{ClusterPlan, caller};
use crate::cli::args::ClusterArgs;
use crate::cli::error::CliError;
use crate::cli::load::Loaded;
use crate::cluster::api::{AccessRequest, ApiClient};
use crate::cluster::helper::helper_image;
use crate::cluster::order::OrderSecrets;
use crate::cluster::site::{self, Cluster, ClusterOrder};
use crate::history::RunDir;
use crate::plan::Decisions;
use crate::template::TemplateRenderer;

/// A run in a cluster, before it begins.
pub(in crate::cli) struct ClusterRun {
    request: AccessRequest,
    /// Nothing before it is found.
    api: Option<ApiClient>,
    helper_image: String,
    outside: Vec<PathBuf>,
}

impl ClusterRun {
    /// Returns what a run needs to be in a cluster; nothing if it is to be here. What no cluster can do is refused, as a
    /// plan does.
    pub(in crate::cli) fn of(
        args: &ClusterArgs,
        loaded: &Loaded,
        decisions: &Decisions,
    ) -> Result<Option<Self>, CliError> {
        if args.on.is_none() {
            return Ok(None);
        }
        let gangs = decisions.gangs(&loaded.pipeline, &loaded.plan);
        let plan = ClusterPlan::of(loaded, &gangs, args)?;
        if !(loaded.options.feeds.is_empty() && loaded.options.outs.is_empty()) {
            let help = "let a step read or write a file of the working directory: `produces` brings it back";
            return Err(CliError::usage("`--in` and `--out` do not reach a cluster", help.to_owned()));
        }
        let helper_image = helper_image(&loaded.pipeline.kubernetes).ok_or_else(|| {
            let help = "add `kubernetes: {helper_image: REGISTRY/pipe:TAG}`, an image of this very program";
            CliError::usage("the image that brings pipe into the pods is not known", help.to_owned())
        })?;
        let outside: BTreeSet<PathBuf> = plan.pods.iter().flat_map(|pod| pod.outside.clone()).collect();
        let request = request(plan.context.clone(), plan.namespace.clone());
        Ok(Some(Self { request, api: None, helper_image, outside: outside.into_iter().collect() }))
    }

    /// Finds the cluster, and checks the rights. Nothing is made there.
    pub(in crate::cli) async fn find(
        self,
        loaded: &Loaded,
        signals: &mut mpsc::UnboundedReceiver<i32>,
    ) -> Result<Self, CliError> {
        let api = tokio::select! {
            found = site::find(&self.request, &loaded.pipeline.kubernetes) => found?,
            Some(signal) = signals.recv() => return Err(CliError::Signalled(signal)),
        };
        Ok(Self { api: Some(api), ..self })
    }

    /// Opens the cluster for a run. If that fails, nothing is left there, and no folder here.
    pub(in crate::cli) async fn open(
        self,
        loaded: &Loaded,
        dir: &RunDir,
        templates: &TemplateRenderer,
        locked: HashMap<String, String>,
        signals: &mut mpsc::UnboundedReceiver<i32>,
    ) -> Result<Cluster, CliError> {
        let Self { request, api, helper_image, outside } = self;
        let api = match api {
            Some(api) => api,
            None => site::find(&request, &loaded.pipeline.kubernetes).await?,
        };
        let order = ClusterOrder {
            run: dir.id(),
            working_dir: &loaded.working_dir,
            kubernetes: &loaded.pipeline.kubernetes,
            helper_image,
            secrets: OrderSecrets::from(&loaded.pipeline, templates, &dir.fingerprint_key()?),
            outside,
            options: loaded.options.clone(),
            locked,
            caller: caller(),
        };
        let opened = tokio::select! {
            opened = Cluster::open(api.clone(), order) => opened.map_err(CliError::from),
            Some(signal) = signals.recv() => Err(CliError::Signalled(signal)),
        };
        if opened.is_err() {
            Cluster::abandon(&api, dir.id()).await;
            // If the empty folder stays, no harm is done.
            let _ = std::fs::remove_dir_all(dir.path());
        }
        opened
    }
}
