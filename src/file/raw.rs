//! The file as it is written, key by key: what serde reads, before anything is checked or filled in.
//!
//! Doc comments here are for the users of the file. A struct's or an enum's serde name is how messages call it.

mod kubernetes;
mod matrix;
mod service;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::schema::{ExitCode, Named, OrTemplate};
use super::words::{DURATION, IDENTIFIER, NAME, NUMBER, SOMETHING, STREAM};
use super::yaml::{Early, Entries, Field, Literal, OneOrMany};
use crate::pipeline::Span;

pub use kubernetes::{
    RawHubStore, RawKubernetes, RawPod, RawStepKubernetes, RawTaintEffect, RawToleration,
    RawTolerationOperator, RawWorkspace,
};
pub use matrix::{RawAxis, RawMatrix};
pub use service::{RawHealthcheck, RawHealthcheckKeys, RawService, RawServiceKeys, RawUsedServices};

/// How keys are written, for messages.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("name", "backup"),
    ("description", "What it does, in a sentence"),
    ("params", "{source: /data, level: {type: int, default: 9}}"),
    ("env", "{LC_ALL: C}"),
    ("env_file", ".env"),
    ("path", ".env"),
    ("concurrency", "deploy"),
    ("group", "deploy"),
    ("cancel_in_progress", "true"),
    ("confirm", "'Deploy to production?'"),
    ("defaults", "{shell: bash, timeout: 1h}"),
    ("on_error", "stop"),
    ("max_parallel", "4"),
    ("history", "{keep: 50}"),
    ("keep", "50"),
    ("steps", "[{name: build, run: make}]"),
    ("outputs", "{version: '{{ steps.build.outputs.version }}'}"),
    ("run", "make"),
    ("shell", "bash"),
    ("image", "alpine:3.20"),
    ("build", "./docker"),
    ("entrypoint", "[tool, --fast]"),
    ("args", "[--fast, input.txt]"),
    ("user", "'1000:1000'"),
    ("network", "none"),
    ("mounts", "['./src:/src:ro']"),
    ("resources", "{cpus: 1.5, memory: 512MiB, pids: 100}"),
    ("pull", "always"),
    ("platform", "linux/arm64"),
    ("containers", "{ci: {image: 'rust:1.90'}}"),
    ("container", "ci"),
    ("services", "[db]"),
    ("ports", "[5432]"),
    ("healthcheck", "{test: pg_isready -U postgres}"),
    ("test", "pg_isready -U postgres"),
    ("interval", "1s"),
    ("retries", "60"),
    ("start_period", "10s"),
    ("context", "./docker"),
    ("dockerfile", "Dockerfile"),
    ("target", "/src"),
    ("source", "./src"),
    ("read_only", "true"),
    ("kubernetes", "{namespace: pipelines, workspace: {exclude: [.git, target]}}"),
    ("namespace", "pipelines"),
    ("helper_image", "registry.example.org/pipe:0.2.0"),
    ("image_pull_secrets", "[regcred]"),
    ("service_account", "builder"),
    ("workspace", "{upload: [src, Makefile], exclude: [target]}"),
    ("upload", "[src, Makefile]"),
    ("limit", "1GiB"),
    ("claim", "sources"),
    ("size", "20GiB"),
    ("class", "fast"),
    ("lease", "1m"),
    ("start_timeout", "10m"),
    ("pod", "{node_selector: {disk: ssd}}"),
    ("node_selector", "{disk: ssd}"),
    ("tolerations", "[{key: gpu, effect: NoSchedule}]"),
    ("priority_class", "batch"),
    ("labels", "{team: data}"),
    ("annotations", "{example.org/owner: data}"),
    ("limits", "{nvidia.com/gpu: 1}"),
    ("key", "gpu"),
    ("operator", "Exists"),
    ("value", "a100"),
    ("effect", "NoSchedule"),
    ("cpus", "1.5"),
    ("memory", "512MiB"),
    ("pids", "100"),
    ("if", "release and branch == 'main'"),
    ("depends_on", "[build, test]"),
    ("matrix", "{os: [alpine, bookworm]}"),
    ("include", "[{os: alpine, arch: arm64}]"),
    ("exclude", "[{os: alpine, arch: amd64}]"),
    ("input", "archive"),
    ("output", "archive"),
    ("inputs", "{left: archive, right: list}"),
    ("from", "archive"),
    ("buffer", "256MiB"),
    ("early_exit", "fail"),
    ("store", "true"),
    ("checksum", "sha256"),
    ("secrets", "[token]"),
    ("working_dir", "docs"),
    ("produces", "[out/archive.tar.gz]"),
    ("terminal", "true"),
    ("uses", "./lib/protect.yml"),
    ("with", "{level: 9}"),
    ("timeout", "5m"),
    ("finally", "true"),
    ("retry", "{count: 3, delay: 5s}"),
    ("count", "3"),
    ("delay", "5s"),
    ("backoff", "exponential"),
    ("max_delay", "1m"),
    ("jitter", "true"),
    ("on_exit", "[7, 28]"),
    ("then", "continue"),
    ("type", "int"),
    ("default", "9"),
    ("required", "true"),
    ("min", "1"),
    ("max", "9"),
    ("pattern", "'[a-z]+'"),
    ("choices", "[full, incremental]"),
    ("exists", "dir"),
    ("access", "rw"),
];

/// The whole file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "a pipeline")]
#[schemars(rename = "pipeline", deny_unknown_fields, extend(
    "required" = ["steps"],
    "patternProperties" = {"^x-": {}},
))]
pub struct RawPipeline {
    /// What the pipeline is called; the file's name without its ending, if left out.
    #[schemars(extend("pattern" = SOMETHING))]
    pub name: Field<String>,
    /// What it is for.
    pub description: Field<String>,
    /// Values that a run can be given.
    pub params: Field<Entries<RawParam>>,
    /// Environment variables of every step.
    pub env: Field<Entries<String>>,
    /// Files of environment variables, such as `.env`. A variable of the environment takes precedence.
    pub env_file: Field<RawEnvFiles>,
    /// What holds for every step that does not say otherwise.
    pub defaults: Field<RawDefaults>,
    /// What a failed step means for the run, where the step does not say.
    #[schemars(extend("default" = "stop"))]
    pub on_error: Field<RawOnErrorOfAll>,
    /// How long the run may take; its `finally` steps come on top.
    #[schemars(extend("pattern" = DURATION))]
    pub timeout: Field<String>,
    /// How many steps may run at once.
    #[schemars(extend("minimum" = 1))]
    pub max_parallel: Field<Early<u32>>,
    /// A name that only one run or step of this user and machine has at a time; others wait for it.
    pub concurrency: Field<RawConcurrency>,
    /// What is kept of runs that have ended.
    pub history: Field<RawHistory>,
    /// Containers that several steps share.
    #[schemars(with = "Named<RawContainer>")]
    pub containers: Field<Entries<RawContainer>>,
    /// What runs in the background while steps use it, such as a database.
    #[schemars(with = "Named<RawServiceKeys>", extend("examples" = [{"db": {"image": "postgres:16", "ports": [5432]}}]))]
    pub services: Field<Entries<RawService>>,
    /// How the run is in a Kubernetes cluster (`--on kubernetes`).
    pub kubernetes: Field<RawKubernetes>,
    /// The steps.
    #[schemars(extend("minItems" = 1))]
    pub steps: Field<Vec<Field<RawStep>>>,
    /// What the run gives back: each value by its name, made of outputs of steps.
    pub outputs: Field<Entries<String>>,
}

/// `concurrency: deploy`, or all of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawConcurrency {
    /// The name.
    #[serde(rename = "text")]
    Group(#[schemars(extend("pattern" = SOMETHING))] Literal),
    /// Everything.
    #[serde(rename = "map")]
    Full(Box<RawConcurrencyKeys>),
}

/// The keys of `concurrency`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`concurrency`")]
#[schemars(rename = "concurrency", deny_unknown_fields, extend("required" = ["group"]))]
pub struct RawConcurrencyKeys {
    /// The name.
    #[schemars(extend("pattern" = SOMETHING))]
    pub group: Field<Literal>,
    /// Whether the run that has the name is stopped.
    #[schemars(extend("default" = false))]
    pub cancel_in_progress: Field<bool>,
}

/// `env_file: .env`, a list of files, or all about one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawEnvFiles {
    /// One file that has to be there.
    #[serde(rename = "text")]
    One(#[schemars(extend("pattern" = SOMETHING))] Literal),
    /// All about one file.
    #[serde(rename = "map")]
    Full(Box<RawEnvFileKeys>),
    /// Several files; of a variable in several the last counts.
    #[serde(rename = "list")]
    Many(Vec<Field<RawEnvFile>>),
}

/// One of several files of environment variables.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawEnvFile {
    /// It has to be there.
    #[serde(rename = "text")]
    Path(#[schemars(extend("pattern" = SOMETHING))] Literal),
    /// All about it.
    #[serde(rename = "map")]
    Full(Box<RawEnvFileKeys>),
}

/// The keys of an entry of `env_file`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`env_file`")]
#[schemars(rename = "env_file", deny_unknown_fields, extend("required" = ["path"]))]
pub struct RawEnvFileKeys {
    /// The file, seen from the folder of the pipeline file.
    #[schemars(extend("pattern" = SOMETHING))]
    pub path: Field<String>,
    /// Whether it has to be there.
    #[schemars(extend("default" = true))]
    pub required: Field<bool>,
}

/// What is kept of runs that have ended.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`history`")]
#[schemars(rename = "history", deny_unknown_fields)]
pub struct RawHistory {
    /// How many runs of this file are kept, the newest ones; all, if left out.
    #[schemars(extend("minimum" = 1))]
    pub keep: Field<u32>,
}

/// What holds for every step that does not say otherwise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`defaults`")]
#[schemars(rename = "defaults", deny_unknown_fields)]
pub struct RawDefaults {
    /// The image of steps that name none, when all run in containers (`pipe run --docker`).
    #[schemars(extend("pattern" = SOMETHING))]
    pub image: Field<String>,
    /// What interprets scripts.
    pub shell: Field<OneOrMany<String>>,
    /// How long a step may take.
    #[schemars(extend("pattern" = DURATION))]
    pub timeout: Field<String>,
    /// How a failed step is tried again.
    pub retry: Field<RawRetry>,
    /// What a failed step means for the run.
    pub on_error: Field<RawOnErrorOfAll>,
    /// The folder that steps run in.
    #[schemars(extend("pattern" = SOMETHING))]
    pub working_dir: Field<String>,
}

/// One step.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "a step")]
#[schemars(rename = "step", deny_unknown_fields, extend(
    "required" = ["name"],
    "anyOf" = [
        {"required": ["run"]}, {"required": ["entrypoint"]}, {"required": ["args"]}, {"required": ["uses"]},
    ],
))]
pub struct RawStep {
    /// Its name, unique in the file.
    #[schemars(extend("pattern" = NAME))]
    pub name: Field<String>,
    /// What it is for.
    pub description: Field<String>,
    /// The script.
    #[schemars(extend("pattern" = SOMETHING))]
    pub run: Field<String>,
    /// Another pipeline file, seen from the folder of this one: its steps take the place of this one.
    #[schemars(extend("pattern" = SOMETHING))]
    pub uses: Field<String>,
    /// Values for the params of the file that it uses.
    pub with: Field<Entries<RawDefault>>,
    /// What interprets the script.
    pub shell: Field<OneOrMany<String>>,
    /// The container image that it runs in; without one it runs on this machine.
    #[schemars(extend("pattern" = SOMETHING))]
    pub image: Field<String>,
    /// A folder with a Dockerfile, or all about how the image is built.
    pub build: Field<RawBuild>,
    /// The shared container that it runs in, one of `containers`.
    #[schemars(extend("pattern" = NAME))]
    pub container: Field<String>,
    /// The container's program, in place of `run`: no shell reads it.
    pub entrypoint: Field<OneOrMany<String>>,
    /// The program's arguments.
    pub args: Field<OneOrMany<String>>,
    /// Who the container's program runs as; the caller, if left out.
    #[schemars(extend("pattern" = SOMETHING))]
    pub user: Field<String>,
    /// The container's network: `none`, `bridge`, `host` or the name of one.
    #[schemars(extend("pattern" = SOMETHING))]
    pub network: Field<String>,
    /// What the container sees beside the working directory: `./src:/src:ro`.
    pub mounts: Field<Vec<Field<RawMount>>>,
    /// What the container may use.
    pub resources: Field<RawResources>,
    /// When the image is fetched.
    #[schemars(extend("default" = "missing"))]
    pub pull: Field<RawPull>,
    /// The platform of the image, such as `linux/arm64`.
    #[schemars(extend("pattern" = SOMETHING))]
    pub platform: Field<String>,
    /// What its pod has, and its container in it, when the run is in a Kubernetes cluster.
    #[schemars(extend("examples" = [{"limits": {"nvidia.com/gpu": 1}}]))]
    pub kubernetes: Field<RawStepKubernetes>,
    /// Whether it runs: an expression without braces, which is true or false.
    #[serde(rename = "if")]
    #[schemars(extend("type" = ["string", "boolean"]))]
    pub condition: Field<Literal>,
    /// The values that it runs with: a step for each combination of them.
    pub matrix: Field<RawMatrix>,
    /// Steps that must have succeeded before it starts.
    pub depends_on: Field<OneOrMany<String>>,
    /// The services that it uses, each one of `services` at the top of the file.
    #[schemars(with = "OneOrMany<String>")]
    pub services: Field<RawUsedServices>,
    /// The stream that it reads on its standard input.
    pub input: Field<RawInput>,
    /// Streams that it reads beside that, by the names that it finds them under.
    pub inputs: Field<Entries<RawInput>>,
    /// The stream that its standard output is.
    pub output: Field<RawOutput>,
    /// Environment variables.
    pub env: Field<Entries<String>>,
    /// Params of type `secret` that it gets as files, in the folder that `$PIPE_SECRETS` names.
    pub secrets: Field<OneOrMany<String>>,
    /// The folder that it runs in.
    #[schemars(extend("pattern" = SOMETHING))]
    pub working_dir: Field<String>,
    /// Files that it has to leave behind: paths, folders, patterns. They go if it does not succeed.
    pub produces: Field<OneOrMany<String>>,
    /// A question that has to be answered with yes before it starts; without an answer it is passed over.
    #[schemars(extend("pattern" = SOMETHING))]
    pub confirm: Field<String>,
    /// A name that only one step or run of this user and machine has at a time; others wait for it.
    #[schemars(extend("pattern" = SOMETHING))]
    pub concurrency: Field<Literal>,
    /// Whether it has the terminal while it runs, to ask for a password or show an editor. It then runs alone.
    #[schemars(extend("default" = false))]
    pub terminal: Field<bool>,
    /// Whether it runs when all others have ended, however they have.
    #[schemars(extend("default" = false))]
    pub finally: Field<bool>,
    /// How long it may take, retries included; five minutes for a `finally` step, if left out.
    #[schemars(extend("pattern" = DURATION))]
    pub timeout: Field<String>,
    /// What its failure means for the run.
    #[schemars(with = "OrTemplate<RawOnError>")]
    pub on_error: Field<Early<RawOnError>>,
    /// How it is tried again.
    pub retry: Field<RawRetry>,
}

/// A container that several steps share.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "a shared container")]
#[schemars(rename = "container", deny_unknown_fields)]
pub struct RawContainer {
    /// Its image.
    #[schemars(extend("pattern" = SOMETHING))]
    pub image: Field<String>,
    /// A folder with a Dockerfile, or all about how its image is built.
    pub build: Field<RawBuild>,
    /// Who programs in it run as, where their steps do not say; the caller, if left out.
    #[schemars(extend("pattern" = SOMETHING))]
    pub user: Field<String>,
    /// Its network: `none`, `bridge`, `host` or the name of one.
    #[schemars(extend("pattern" = SOMETHING))]
    pub network: Field<String>,
    /// What it sees beside the working directory: `./src:/src:ro`.
    pub mounts: Field<Vec<Field<RawMount>>>,
    /// What all steps in it together may use.
    pub resources: Field<RawResources>,
    /// When the image is fetched.
    #[schemars(extend("default" = "missing"))]
    pub pull: Field<RawPull>,
    /// The platform of the image, such as `linux/arm64`.
    #[schemars(extend("pattern" = SOMETHING))]
    pub platform: Field<String>,
    /// Environment variables of every step in it.
    pub env: Field<Entries<String>>,
    /// The services that it uses, and with it every step in it.
    #[schemars(with = "OneOrMany<String>")]
    pub services: Field<RawUsedServices>,
}

impl RawStep {
    /// The keys that say something about a step that runs itself, each with its place. `uses` has no room for them.
    pub fn keys_of_its_own(&self) -> impl Iterator<Item = (&'static str, Span)> {
        let Self {
            name: _,
            description: _,
            uses: _,
            with: _,
            condition: _,
            matrix: _,
            depends_on: _,
            inputs: _,
            finally: _,
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
            kubernetes,
            input,
            output,
            env,
            container,
            secrets,
            working_dir,
            produces,
            confirm,
            concurrency,
            services,
            terminal,
            timeout,
            on_error,
            retry,
        } = self;
        let keys = [
            ("run", run.at()),
            ("shell", shell.at()),
            ("image", image.at()),
            ("build", build.at()),
            ("entrypoint", entrypoint.at()),
            ("args", args.at()),
            ("user", user.at()),
            ("network", network.at()),
            ("mounts", mounts.at()),
            ("resources", resources.at()),
            ("pull", pull.at()),
            ("platform", platform.at()),
            ("kubernetes", kubernetes.at()),
            ("input", input.at()),
            ("output", output.at()),
            ("env", env.at()),
            ("container", container.at()),
            ("secrets", secrets.at()),
            ("working_dir", working_dir.at()),
            ("produces", produces.at()),
            ("confirm", confirm.at()),
            ("concurrency", concurrency.at()),
            ("services", services.at()),
            ("terminal", terminal.at()),
            ("timeout", timeout.at()),
            ("on_error", on_error.at()),
            ("retry", retry.at()),
        ];
        keys.into_iter().filter_map(|(key, at)| Some((key, at?)))
    }
}

/// `input: archive`, or all of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawInput {
    /// The stream.
    #[serde(rename = "text")]
    From(#[schemars(extend("pattern" = STREAM))] Literal),
    /// Everything.
    #[serde(rename = "map")]
    Full(Box<RawInputKeys>),
}

/// The keys of `input`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`input`")]
#[schemars(rename = "input", deny_unknown_fields, extend("required" = ["from"]))]
pub struct RawInputKeys {
    /// The stream.
    #[schemars(extend("pattern" = STREAM))]
    pub from: Field<String>,
    /// How far it may lag behind the other readers, on disk.
    pub buffer: Field<Literal>,
    /// What it means if it leaves before the end.
    #[schemars(extend("default" = "allow"))]
    pub early_exit: Field<RawEarlyExit>,
}

/// What it means if a reader leaves before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawEarlyExit {
    /// It had what it wanted.
    Allow,
    /// It failed.
    Fail,
}

/// `output: archive`, or all of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawOutput {
    /// The stream's name.
    #[serde(rename = "text")]
    Name(#[schemars(extend("pattern" = STREAM))] Literal),
    /// Everything.
    #[serde(rename = "map")]
    Full(Box<RawOutputKeys>),
}

/// The keys of `output`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`output`")]
#[schemars(rename = "output", deny_unknown_fields, extend("required" = ["name"]))]
pub struct RawOutputKeys {
    /// The stream's name.
    #[schemars(extend("pattern" = STREAM))]
    pub name: Field<String>,
    /// Whether all of it is kept in the run's folder, and read from there.
    #[schemars(extend("default" = false))]
    pub store: Field<bool>,
    /// Which checksum of it is shown.
    pub checksum: Field<RawChecksum>,
    /// Exit codes by which the step reports that its readers have left, such as 23 of curl and 1 of Python.
    #[schemars(with = "OneOrMany<ExitCode>")]
    pub broken_pipe: Field<OneOrMany<i32>>,
}

/// A checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawChecksum {
    /// SHA-256.
    Sha256,
}

/// `build: ./folder`, or all of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawBuild {
    /// The folder.
    #[serde(rename = "text")]
    Context(Literal),
    /// Everything.
    #[serde(rename = "map")]
    Full(Box<RawBuildKeys>),
}

/// The keys of `build`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`build`")]
#[schemars(rename = "build", deny_unknown_fields)]
pub struct RawBuildKeys {
    /// The folder that the build sees.
    #[schemars(extend("default" = "."))]
    pub context: Field<String>,
    /// The file with the instructions, by its path from that folder.
    #[schemars(extend("default" = "Dockerfile"))]
    pub dockerfile: Field<String>,
    /// Build arguments.
    pub args: Field<Entries<String>>,
    /// The stage to stop at.
    #[schemars(extend("pattern" = SOMETHING))]
    pub target: Field<String>,
}

/// `./src:/src:ro`, or all of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawMount {
    /// The short form: source, target and perhaps `ro` or `rw`.
    #[serde(rename = "text")]
    Short(Literal),
    /// Everything.
    #[serde(rename = "map")]
    Full(Box<RawMountKeys>),
}

/// The keys of a mount.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "a mount")]
#[schemars(rename = "mount", deny_unknown_fields, extend("required" = ["target"]))]
pub struct RawMountKeys {
    /// What kind of thing is mounted.
    #[serde(rename = "type")]
    #[schemars(extend("default" = "bind"))]
    pub kind: Field<RawMountType>,
    /// A path of this machine, or the name of a volume.
    pub source: Field<String>,
    /// Where the container sees it.
    #[schemars(extend("pattern" = SOMETHING))]
    pub target: Field<String>,
    /// Whether the container may only read it.
    #[schemars(extend("default" = false))]
    pub read_only: Field<bool>,
}

/// The `type` of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawMountType {
    /// A path of this machine.
    Bind,
    /// A volume of the engine.
    Volume,
    /// Memory.
    Tmpfs,
}

/// What a container may use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`resources`")]
#[schemars(rename = "resources", deny_unknown_fields)]
pub struct RawResources {
    /// Processors: 1.5.
    #[schemars(extend("pattern" = NUMBER))]
    pub cpus: Field<Literal>,
    /// Memory: 512MiB.
    pub memory: Field<Literal>,
    /// Processes and threads.
    #[schemars(extend("minimum" = 1))]
    pub pids: Field<u32>,
}

/// `pull`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawPull {
    /// If the engine does not have it.
    Missing,
    /// Every time.
    Always,
    /// Not at all.
    Never,
}

/// `on_error` of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawOnError {
    /// Cancel what runs, skip the rest.
    Stop,
    /// Let every step that does not depend on it go on; the run still fails.
    Continue,
    /// Try again, then stop or do what `retry.then` says.
    Retry,
    /// Count the failure as success, visibly.
    Ignore,
}

/// `on_error` of the pipeline: a failure can be ignored step by step only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawOnErrorOfAll {
    /// Cancel what runs, skip the rest.
    Stop,
    /// Let every step that does not depend on it go on; the run still fails.
    Continue,
    /// Try again, then stop or do what `retry.then` says.
    Retry,
}

/// `retry: 3`, or all of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawRetry {
    /// How often.
    #[serde(rename = "number")]
    Count(Early<u32>),
    /// How often, and how.
    #[serde(rename = "map")]
    Full(Box<RawRetryKeys>),
}

/// The keys of `retry`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`retry`")]
#[schemars(rename = "retry", deny_unknown_fields)]
pub struct RawRetryKeys {
    /// Retries after the first attempt.
    #[schemars(extend("default" = 3))]
    pub count: Field<Early<u32>>,
    /// The wait before the first of them.
    #[schemars(extend("pattern" = DURATION))]
    pub delay: Field<String>,
    /// How the wait grows.
    #[schemars(extend("default" = "constant"))]
    pub backoff: Field<RawBackoff>,
    /// The longest wait.
    #[schemars(extend("pattern" = DURATION))]
    pub max_delay: Field<String>,
    /// Whether the wait varies by chance.
    #[schemars(extend("default" = false))]
    pub jitter: Field<bool>,
    /// Exit codes worth a retry; every failure is, if left out.
    #[schemars(with = "OneOrMany<ExitCode>")]
    pub on_exit: Field<OneOrMany<i32>>,
    /// How long one attempt may take.
    #[schemars(extend("pattern" = DURATION))]
    pub timeout: Field<String>,
    /// What happens when the last retry has failed.
    #[schemars(extend("default" = "stop"))]
    pub then: Field<RawThen>,
}

/// `retry.backoff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawBackoff {
    /// Always `delay`.
    Constant,
    /// `delay`, twice `delay`, three times `delay`…
    Linear,
    /// `delay`, doubled each time.
    Exponential,
}

/// `retry.then`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawThen {
    /// Cancel what runs, skip the rest.
    Stop,
    /// Let every step that does not depend on it go on.
    Continue,
}

/// `source: /data`, or all of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawParam {
    /// The default, which says the type.
    #[serde(rename = "text")]
    Single(Literal),
    /// A default that is a list.
    #[serde(rename = "list")]
    List(Vec<Field<String>>),
    /// Everything.
    #[serde(rename = "map")]
    Full(Box<RawParamKeys>),
}

/// The keys of a param.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "a param")]
#[schemars(rename = "param", deny_unknown_fields)]
#[schemars(extend(
    "anyOf" = [{"required": ["type"]}, {"required": ["default"]}, {"required": ["choices"]}],
    "if" = {"required": ["type"], "properties": {"type": {"const": "choice"}}},
    "then" = {"required": ["choices"]},
    "dependentSchemas" = goes_with(),
))]
pub struct RawParamKeys {
    /// What kind of value it takes.
    #[serde(rename = "type")]
    pub kind: Field<RawType>,
    /// Its value if no source supplies one.
    pub default: Field<RawDefault>,
    /// What it is for.
    pub description: Field<String>,
    /// Whether a run must be given a value; without a default it must.
    pub required: Field<bool>,
    /// The environment variable that it may come from.
    #[schemars(extend("pattern" = IDENTIFIER, "examples" = ["API_TOKEN"]))]
    pub env: Field<String>,
    /// The least number.
    #[schemars(extend("pattern" = NUMBER))]
    pub min: Field<Literal>,
    /// The greatest number.
    #[schemars(extend("pattern" = NUMBER))]
    pub max: Field<Literal>,
    /// A regular expression for the whole text.
    pub pattern: Field<String>,
    /// What must be at the path.
    #[schemars(extend("default" = false))]
    pub exists: Field<RawExists>,
    /// What steps may do to the path.
    #[schemars(extend("default" = "ro"))]
    pub access: Field<RawAccess>,
    /// The values allowed.
    #[schemars(extend("minItems" = 1))]
    pub choices: Field<Vec<Field<String>>>,
}

/// Which types a key says something about, in the order of the keys.
pub const GOES_WITH: [(&str, &[&str]); 6] = [
    ("min", &["int", "float"]),
    ("max", &["int", "float"]),
    ("pattern", &["string"]),
    ("choices", &["choice"]),
    ("exists", &["path"]),
    ("access", &["path"]),
];

/// [`GOES_WITH`] as a schema.
fn goes_with() -> serde_json::Value {
    let only = |(key, types): &(&str, &[&str])| {
        ((*key).to_owned(), json!({"properties": {"type": {"enum": types}}}))
    };
    GOES_WITH.iter().map(only).collect::<serde_json::Map<_, _>>().into()
}

/// A param's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawType {
    /// Any text.
    String,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// True or false.
    Bool,
    /// A path in the file system.
    Path,
    /// One of a list.
    Choice,
    /// Several texts.
    List,
    /// A length of time.
    Duration,
    /// A number of bytes.
    Size,
    /// Text that is not shown.
    Secret,
}

/// A param's default.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawDefault {
    /// A single value.
    #[serde(rename = "text")]
    Single(Literal),
    /// A list.
    #[serde(rename = "list")]
    List(Vec<Field<String>>),
}

/// What must be at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawExists {
    /// Anything.
    True,
    /// Perhaps nothing.
    False,
    /// A plain file.
    File,
    /// A folder.
    Dir,
}

/// What steps may do to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RawAccess {
    /// Read it.
    Ro,
    /// Read and write it.
    Rw,
}
