//! The domain, as pure data: what a pipeline *is*, with no opinion about how it was written or how it will
//! run.
//!
//! A [`Pipeline`] owns flat lists of [`Step`]s and [`Stream`]s; everything refers to them by [`StepId`] and
//! [`StreamId`], their positions in those lists. Positions follow the order of the file, so a smaller id was
//! written earlier.

mod address;
mod admission;
mod call;
mod condition;
mod container;
mod env;
mod fingerprint;
mod group;
mod ids;
mod kubernetes;
mod outcome;
mod output;
mod param;
mod passing;
mod policy;
mod product;
mod run_outcome;
mod service;
mod source;
mod step;
mod stream;
mod template;
#[cfg(test)]
pub(crate) mod testing;
mod verdict;

use std::num::NonZeroUsize;
use std::time::Duration;

pub use address::{Address, Addresses};
pub use admission::{Admission, Concurrency};
pub use call::{Argument, ArgumentValue, Call, CalledFile, OutputRead};
pub use condition::Condition;
pub use container::{Build, Container, Exec, Image, Lane, Mount, MountSource, Pull, Resources};
pub use env::{EnvFile, EnvVar, FileEnvironment};
pub use fingerprint::Fingerprint;
pub use group::{Group, GroupId, GroupKind, MatrixValue, Member};
pub use ids::{CallId, StepId, StreamId};
pub use kubernetes::{
    HubStore, Kubernetes, PodKeys, StepKubernetes, TaintEffect, Toleration, Upload, UploadedPath, Workspace,
    Written,
};
pub use outcome::{Failure, NotRetried, Outcome, SkipReason, TimeLimit, signal_name};
pub use output::{Outputs, RunOutput};
pub use param::{Access, Exists, Param, ParamKind, ParamValue, Secret, Values};
pub use passing::passed_over_with;
pub use policy::{AfterRetry, Backoff, EarlySetting, OnError, Policy, PolicyKey, Retry};
pub use product::Artifact;
pub use run_outcome::{BodyEnd, RunOutcome, took_too_long};
pub use service::{Check, CheckTest, Endpoint, Endpoints, Readiness, Service, ServicePort, Usage};
pub use source::{Position, Source, SourceFile, Span};
pub use step::{Action, Dependency, Feed, Need, Role, Script, Shell, Step};
pub use stream::{Destination, EarlyExit, Input, InputPlaces, Port, Stream};
pub use template::{
    AddressPart, AddressRef, EndRef, EnvRead, MembersRef, OutputRef, StatusRef, Template, Text,
};
pub use verdict::Verdict;

/// A pipeline that is known to be well formed: names are unique, every id points at something, every stream
/// has exactly one producer, every template compiles. Whether it can be *ordered* is for `plan` to say.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The files it was read from; spans point into them.
    pub source: Source,
    /// `name:`, or the file's stem.
    pub name: String,
    /// `description:`, for people.
    pub description: Option<String>,
    /// Declared parameters, in the order of the file.
    pub params: Vec<Param>,
    /// How many steps may run at once; `None` leaves it to the runner.
    pub max_parallel: Option<NonZeroUsize>,
    /// The text that makes [`Pipeline::max_parallel`] when a run begins.
    pub early_max_parallel: Option<Template>,
    /// How many runs of the file are kept; `None` keeps all.
    pub keep_runs: Option<NonZeroUsize>,
    /// How long the run may take; its `finally` steps come on top.
    pub timeout: Option<Duration>,
    /// The text that makes [`Pipeline::timeout`] when a run begins.
    pub early_timeout: Option<Template>,
    /// `env_file:`, in order; of a variable in several the last counts.
    pub env_files: Vec<EnvFile>,
    /// What those files add to the environment; empty until they are read.
    pub environment: FileEnvironment,
    /// What no two runs hold at once.
    pub concurrency: Option<Box<Concurrency>>,
    /// How the run is in a cluster.
    pub kubernetes: Box<Kubernetes>,
    /// The steps, in the order of the file; `StepId` is the position.
    pub steps: Vec<Step>,
    /// The groups, in the order of the file; `GroupId` is the position.
    pub groups: Vec<Group>,
    /// The files that steps use, each after the call that it stands in; `CallId` is the position.
    pub calls: Vec<Call>,
    /// The streams, in the order of their producers; `StreamId` is the position.
    pub streams: Vec<Stream>,
    /// The outputs of the run, in the order of the file.
    pub outputs: Vec<RunOutput>,
}

impl Pipeline {
    /// A pipeline with nothing but what every pipeline has.
    pub fn new(name: impl Into<String>, source: Source) -> Self {
        Self {
            source,
            name: name.into(),
            description: None,
            params: Vec::new(),
            max_parallel: None,
            early_max_parallel: None,
            keep_runs: None,
            timeout: None,
            early_timeout: None,
            env_files: Vec::new(),
            environment: FileEnvironment::default(),
            concurrency: None,
            kubernetes: Box::default(),
            steps: Vec::new(),
            groups: Vec::new(),
            calls: Vec::new(),
            streams: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// Returns the step behind an id of this pipeline.
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[id.index()]
    }

    /// Returns whether a step sees the network of this machine: it is a process of it, or in a container that has no
    /// network of its own.
    pub fn is_on_host(&self, step: &Step) -> bool {
        match (&step.container, step.shared) {
            (_, Some(shared)) => self.is_on_host(self.step(shared.step)),
            (None, None) => true,
            (Some(container), None) => {
                container.network.as_ref().is_some_and(|network| network.is_literally("host"))
            }
        }
    }

    /// Returns the group behind an id of this pipeline.
    pub fn group(&self, id: GroupId) -> &Group {
        &self.groups[id.index()]
    }

    /// Returns the stream behind an id of this pipeline.
    pub fn stream(&self, id: StreamId) -> &Stream {
        &self.streams[id.index()]
    }

    /// Returns every step with its id, in the order of the file.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = (StepId, &Step)> {
        self.steps.iter().enumerate().map(|(index, step)| (StepId::new(index), step))
    }

    /// Returns every stream with its id.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = (StreamId, &Stream)> {
        self.streams.iter().enumerate().map(|(index, stream)| (StreamId::new(index), stream))
    }
}
