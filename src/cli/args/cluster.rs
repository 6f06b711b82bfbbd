//! Where steps run, as typed: on this machine, in containers, in a cluster.

use clap::{Args, ValueEnum};

use super::ContainerArgs;

/// Where a run is, if not here, and what is known of it.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct ClusterArgs {
    /// Where the steps run
    #[arg(long, value_enum, value_name = "WHERE", group = "everywhere")]
    pub(in crate::cli) on: Option<OnSite>,
    /// The namespace; needs --on [default: the file's, else that of the kubeconfig]
    #[arg(long, value_name = "NAME", requires = "on")]
    pub(in crate::cli) namespace: Option<String>,
    /// The context of the kubeconfig; needs --on [default: its current one]
    #[arg(long, value_name = "NAME", requires = "on")]
    pub(in crate::cli) kube_context: Option<String>,
}

/// Where a run can be, if not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum OnSite {
    /// In pods of a Kubernetes cluster
    Kubernetes,
}

/// Where steps run that name no image.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cli) struct StepPlaces<'a> {
    /// In containers.
    pub(in crate::cli) docker: bool,
    /// In pods.
    pub(in crate::cli) cluster: bool,
    /// Their image.
    pub(in crate::cli) image: Option<&'a str>,
}

impl ContainerArgs {
    /// Returns where steps run that name no image.
    pub(in crate::cli) fn places(&self) -> StepPlaces<'_> {
        StepPlaces { docker: self.docker, cluster: false, image: self.image.as_deref() }
    }
}

impl ClusterArgs {
    /// Returns where steps run that name no image, with what is said about containers.
    pub(in crate::cli) fn places<'a>(&self, containers: &'a ContainerArgs) -> StepPlaces<'a> {
        StepPlaces { cluster: self.on.is_some(), ..containers.places() }
    }
}
