//! `services`: what goes on beside the steps that use it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{RawBuild, RawMount, RawOnError, RawPull, RawResources, RawRetry, RawStep};
use crate::file::schema::PortNumber;
use crate::file::words::{DURATION, SOMETHING};
use crate::file::yaml::{Early, Entries, Field, Literal, OneOrMany};
use crate::pipeline::Span;

/// A service: what it shares with a step, and what it alone has.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "RawServiceKeys")]
pub struct RawService {
    /// The keys that a step has as well.
    pub step: RawStep,
    /// The ports that it answers at.
    pub ports: Field<OneOrMany<Literal>>,
    /// What says that it is ready.
    pub healthcheck: Field<RawHealthcheck>,
}

/// What runs in the background, from before the first step that uses it to after the last.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "a service")]
#[schemars(rename = "service", deny_unknown_fields, extend("anyOf" = [
    {"required": ["run"]}, {"required": ["image"]}, {"required": ["build"]},
    {"required": ["entrypoint"]}, {"required": ["args"]},
]))]
pub struct RawServiceKeys {
    /// What it is for.
    pub description: Field<String>,
    /// The script. Without one a container runs the program of its image.
    #[schemars(extend("pattern" = SOMETHING))]
    pub run: Field<String>,
    /// What interprets the script.
    pub shell: Field<OneOrMany<String>>,
    /// The container image that it runs in; without one it runs on this machine.
    #[schemars(extend("pattern" = SOMETHING))]
    pub image: Field<String>,
    /// A folder with a Dockerfile, or all about how the image is built.
    pub build: Field<RawBuild>,
    /// The container's program, in place of `run`: no shell reads it.
    pub entrypoint: Field<OneOrMany<String>>,
    /// The program's arguments.
    pub args: Field<OneOrMany<String>>,
    /// Who the container's program runs as; the image's own user, if left out.
    #[schemars(extend("pattern" = SOMETHING))]
    pub user: Field<String>,
    /// The container's network, beside the one that services and their users share.
    #[schemars(extend("pattern" = SOMETHING))]
    pub network: Field<String>,
    /// What the container sees beside the working directory: `./data:/data:ro`.
    pub mounts: Field<Vec<Field<RawMount>>>,
    /// What the container may use.
    pub resources: Field<RawResources>,
    /// When the image is fetched.
    #[schemars(extend("default" = "missing"))]
    pub pull: Field<RawPull>,
    /// The platform of the image, such as `linux/arm64`.
    #[schemars(extend("pattern" = SOMETHING))]
    pub platform: Field<String>,
    /// Environment variables.
    pub env: Field<Entries<String>>,
    /// Params of type `secret` that it gets as files, in the folder that `$PIPE_SECRETS` names.
    pub secrets: Field<OneOrMany<String>>,
    /// The folder that it runs in.
    #[schemars(extend("pattern" = SOMETHING))]
    pub working_dir: Field<String>,
    /// Steps that must have succeeded before it starts.
    pub depends_on: Field<OneOrMany<String>>,
    /// The services that it uses.
    #[schemars(with = "OneOrMany<String>")]
    pub services: Field<RawUsedServices>,
    /// The ports that it answers at: 5432, or `"15432:5432"` for a port of this machine that leads there.
    #[schemars(with = "OneOrMany<PortNumber>")]
    pub ports: Field<OneOrMany<Literal>>,
    /// What says that it is ready: a check, or `none`. Without it, its ports.
    pub healthcheck: Field<RawHealthcheck>,
    /// How it is started again as long as it has not been ready.
    pub retry: Field<RawRetry>,
    /// What its failure means for the run.
    pub on_error: Field<RawServiceOnError>,
}

impl From<RawServiceKeys> for RawService {
    fn from(keys: RawServiceKeys) -> Self {
        let RawServiceKeys {
            description,
            run,
            shell,
            image,
            build,
            entrypoint,
            args,
            user,
            network,
            mounts,
            resources,
            pull,
            platform,
            env,
            secrets,
            working_dir,
            depends_on,
            services,
            ports,
            healthcheck,
            retry,
            on_error,
        } = keys;
        let step = RawStep {
            description,
            run,
            shell,
            image,
            build,
            entrypoint,
            args,
            user,
            network,
            mounts,
            resources,
            pull,
            platform,
            env,
            secrets,
            working_dir,
            depends_on,
            services,
            retry,
            on_error: on_error.map(|on_error| Early::Value(on_error.into())),
            ..RawStep::default()
        };
        Self { step, ports, healthcheck }
    }
}

/// The names under `services` of a step. A map there is what stands at the top of the file.
#[derive(Debug, Deserialize)]
#[serde(rename = "$shape")]
pub enum RawUsedServices {
    /// Just one.
    #[serde(rename = "text")]
    One(String),
    /// A list.
    #[serde(rename = "list")]
    Many(Vec<Field<String>>),
    /// Services that are described here.
    #[serde(rename = "map")]
    Described(IgnoredAny),
}

impl Field<RawUsedServices> {
    /// The names that are in order, with their places.
    pub fn names(&self) -> Vec<(&String, Span)> {
        match self.get() {
            Some((RawUsedServices::One(one), at)) => vec![(one, at)],
            Some((RawUsedServices::Many(many), _)) => many.iter().filter_map(Field::get).collect(),
            Some((RawUsedServices::Described(_), _)) | None => Vec::new(),
        }
    }
}

/// `on_error` of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawServiceOnError {
    /// Cancel what runs, skip the rest.
    Stop,
    /// Let every step that does not use it go on; the run still fails.
    Continue,
}

impl From<RawServiceOnError> for RawOnError {
    fn from(on_error: RawServiceOnError) -> Self {
        match on_error {
            RawServiceOnError::Stop => Self::Stop,
            RawServiceOnError::Continue => Self::Continue,
        }
    }
}

/// `healthcheck: none`, or the check.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawHealthcheck {
    /// It is ready at once.
    #[serde(rename = "text")]
    Word(#[schemars(extend("const" = "none"))] Literal),
    /// The check.
    #[serde(rename = "map")]
    Full(Box<RawHealthcheckKeys>),
}

/// The keys of `healthcheck`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`healthcheck`")]
#[schemars(rename = "healthcheck", deny_unknown_fields)]
pub struct RawHealthcheckKeys {
    /// What is run: a text for the shell, or a program with its arguments. It is ready if the exit code is 0.
    pub test: Field<OneOrMany<String>>,
    /// The longest time between two checks.
    #[schemars(extend("pattern" = DURATION, "default" = "1s"))]
    pub interval: Field<String>,
    /// How long one check may take.
    #[schemars(extend("pattern" = DURATION, "default" = "5s"))]
    pub timeout: Field<String>,
    /// How many checks may fail after `start_period`.
    #[schemars(extend("minimum" = 1, "default" = 60))]
    pub retries: Field<u32>,
    /// How long it may take before failed checks count.
    #[schemars(extend("pattern" = DURATION, "default" = "0s"))]
    pub start_period: Field<String>,
}
