//! `pipe clean --on kubernetes`: removes the hubs that no run needs any more, and with them all that belongs to them.

use jiff::Timestamp;

use super::asked::{no_answer, request};
use crate::cli::args::CleanArgs;
use crate::cli::containers::runtime;
use crate::cli::error::CliError;
use crate::cli::stdio;
use crate::cluster::api::{ApiClient, ClusterAccess, ObjectKind};
use crate::cluster::hubs::hubs;
use crate::render::human::count;

/// What the hubs of runs are found by.
const LABELS: &str = "app.kubernetes.io/managed-by=pipe,pipe.role=hub";

/// Cleans a namespace of a cluster.
pub(in crate::cli) fn clean(args: &CleanArgs) -> Result<(), CliError> {
    runtime()?.block_on(clean_namespace(args))
}

async fn clean_namespace(args: &CleanArgs) -> Result<(), CliError> {
    let access = ClusterAccess::find(&request(args.kube_context.clone(), args.namespace.clone())).await?;
    let namespace = access.namespace().to_owned();
    let api = ApiClient::new(access);
    // The pods last: a hub that starts in between is then seen to run.
    let jobs = api.jobs(LABELS).await.map_err(no_answer)?;
    let pods = api.pods(LABELS).await.map_err(no_answer)?;
    let (left, needed): (Vec<_>, Vec<_>) =
        hubs(&jobs, &pods, Timestamp::now()).into_iter().partition(|hub| hub.state.is_left_over());
    let (mut gone, mut failed) = (0, None);
    for hub in &left {
        if !args.dry_run
            && let Err(error) = api.delete(ObjectKind::Job, &hub.job).await
        {
            failed = Some(no_answer(error));
            continue;
        }
        gone += 1;
        stdio::print(format!("run {}, whose hub {}\n", hub.run, hub.state.words()))?;
    }
    let what = if args.dry_run { "would be removed" } else { "removed" };
    let mut line = format!("namespace {namespace}: {} {what}", count(gone, "run"));
    if !needed.is_empty() {
        line += &format!(", {} kept: their hubs run or are starting", needed.len());
    }
    stdio::print(line + "\n")?;
    failed.map_or(Ok(()), Err)
}
