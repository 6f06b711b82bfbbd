//! What `pipe clean` removes, as typed.

use std::time::Duration;

use clap::Args;

use super::OnSite;

#[derive(Debug, Args)]
pub(in crate::cli) struct CleanArgs {
    /// Also remove the directories of runs, except the newest N
    #[arg(long, value_name = "N")]
    pub(in crate::cli) keep: Option<usize>,
    /// Also remove the directories of runs that began longer ago than this, such as 30d; with --keep, only
    /// runs that match both
    #[arg(long, value_name = "AGE", value_parser = crate::file::duration)]
    pub(in crate::cli) older_than: Option<Duration>,
    /// Also remove images that `build` has made, of all folders, except those that containers use
    #[arg(long)]
    pub(in crate::cli) images: bool,
    /// Show what would be removed, without removing it
    #[arg(short = 'n', long)]
    pub(in crate::cli) dry_run: bool,
    /// Clean a cluster instead of this machine: remove what is left of runs whose hub has ended or has never
    /// started
    #[arg(long, value_enum, value_name = "WHERE", conflicts_with_all = ["keep", "older_than", "images"])]
    pub(in crate::cli) on: Option<OnSite>,
    /// The namespace; needs --on [default: that of the kubeconfig]
    #[arg(long, value_name = "NAME", requires = "on")]
    pub(in crate::cli) namespace: Option<String>,
    /// The context of the kubeconfig; needs --on [default: its current one]
    #[arg(long, value_name = "NAME", requires = "on")]
    pub(in crate::cli) kube_context: Option<String>,
}
