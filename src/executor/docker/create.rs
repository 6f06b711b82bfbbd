//! What is asked of the engine: an attempt as a container's body.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType};

use super::container::Container;
use super::farewell::Mark;
use super::mountpoints;
use super::network::Joined;
use super::publish::Parts;
use super::refusal::no_program;
use super::{Shared, container_name};
use crate::executor::{
    ContainerSpec, HoldGuard, MountFrom, MountSpec, OUTPUT_VARIABLE, Program, SECRETS_VARIABLE, StartError,
    StdoutSpec, StepSpec, limits, shell,
};

/// Where a container of its own sees the file for its values.
pub(super) const OUTPUTS: &str = "/run/pipe-output";
/// Where a container sees its step's secrets.
pub const SECRETS: &str = "/run/secrets";
/// Where a container sees a script that is too long to be an argument.
const SCRIPT: &str = "/run/pipe-script";
/// Where a caller without a home in the image has one.
const HOME: &str = "/home/pipe";

/// How the container's program is started.
pub(super) struct Command {
    /// In place of the image's entrypoint; `None` leaves it.
    pub(super) entrypoint: Option<Vec<String>>,
    /// In place of the image's arguments; `None` leaves them.
    pub(super) arguments: Option<Vec<String>>,
    /// Whether its streams go through the engine.
    pub(super) attached: bool,
    /// Whether something comes in on its stdin, through the engine.
    pub(super) has_stdin: bool,
    /// What it needs to see beside what the step says.
    pub(super) mounts: Vec<MountSpec>,
    /// Where it sees the file for its values, or the folder of such files.
    pub(super) outputs: String,
}

impl Command {
    /// The words of a program in an image, with streams through the engine.
    ///
    /// A container has a pipe for each output, and an engine that takes from both tells nothing of their
    /// order. Where both are log, a script therefore gets one of them for both. A program without a shell
    /// keeps two: nothing in its image can be trusted to join them.
    pub(super) fn attached(spec: &StepSpec, image: &str, has_stdin: bool, mark: Option<&Mark>) -> Self {
        let (entrypoint, arguments) = match &spec.program {
            Program::Script { .. } => {
                let words = script_words(spec).unwrap_or_default();
                let words = match (mark, spec.stdout) {
                    (Some(mark), stdout) => {
                        let missing = no_program(image, words.first().map_or("", String::as_str));
                        mark.words(words, stdout, &missing)
                    }
                    (None, StdoutSpec::Stream) => words,
                    (None, StdoutSpec::Log) => joined(words, image),
                };
                (Some(words), Some(Vec::new()))
            }
            // It has words of its own.
            Program::Wait => (None, None),
            Program::Exec { entrypoint, args } => {
                // Without its own arguments a replaced entrypoint must not get the image's.
                let own = entrypoint.is_some() || !args.is_empty();
                (entrypoint.clone(), own.then(|| args.clone()))
            }
        };
        Self { entrypoint, arguments, attached: true, has_stdin, mounts: Vec::new(), outputs: OUTPUTS.into() }
    }
}

/// Becomes the rest of its words, with stdout and stderr in one pipe. A program that is not there is told of,
/// as the engine would tell of the first one.
const JOIN: &str = r#"command -v "$1" >/dev/null || { echo "$0" >&2; exit 127; }; exec "$@" 2>&1"#;

fn joined(words: Vec<String>, image: &str) -> Vec<String> {
    let program = words.first().cloned().unwrap_or_default();
    let first = ["sh", "-c", JOIN, &no_program(image, &program)].map(str::to_owned);
    first.into_iter().chain(words).collect()
}

/// The words that run a step's script in an image. What shells it has is not known before, but for the one
/// that all have.
pub(super) fn script_words(spec: &StepSpec) -> Option<Vec<String>> {
    let Program::Script { shell, text } = &spec.program else { return None };
    Some(shell::command(shell, false, text, spec.script.as_ref().map(|_| Path::new(SCRIPT))))
}

/// Creates the container of an attempt, in its networks.
pub(super) async fn container(
    shared: &Arc<Shared>,
    spec: &StepSpec,
    container: &ContainerSpec,
    (image, suffix): (&str, &str),
    command: Command,
    guard: &HoldGuard,
) -> Result<Container, StartError> {
    let mut network = shared.networks.join(shared, spec, container.network.as_deref()).await?;
    let second = network.second.take();
    let body = body(shared, spec, container, image, network, command)?;
    let name = container_name(&shared.labels, spec, suffix);
    let platform = container.image.platform.as_deref();
    let mut created = Container::create(shared, name, &spec.name, platform, body, Some(guard)).await?;
    if let Some((network, settings)) = second {
        created.connect(&network, settings).await?;
    }
    if let Some(service) = &spec.service {
        created.serve(service.clone());
        shared.networks.enter(&service.alias, created.name());
    }
    Ok(created)
}

/// The body of the request that creates the container.
fn body(
    shared: &Shared,
    spec: &StepSpec,
    container: &ContainerSpec,
    image: &str,
    network: Joined,
    command: Command,
) -> Result<ContainerCreateBody, StartError> {
    let user = user(shared, spec, container);
    let needs_home = user.is_some() && container.user.is_none() && !shared.engine.users().caller_is_root();
    let mounts = mounts(shared, spec, container, &command)?;
    let env = match &spec.program {
        // The steps in it bring their own.
        Program::Wait => Vec::new(),
        Program::Script { .. } | Program::Exec { .. } => own_env(spec, needs_home)?,
    };
    let arguments = command.entrypoint.iter().chain(&command.arguments).flatten().cloned();
    limits::check(&arguments.collect::<Vec<_>>(), &env)?;
    let resources = container.resources;
    let Parts { exposed, bindings, healthcheck } = Parts::of(spec.service.as_ref());
    let host = HostConfig {
        mounts: Some(mounts),
        init: Some(true),
        network_mode: network.mode,
        extra_hosts: Some(network.hosts).filter(|hosts| !hosts.is_empty()),
        // On this machine's own network they are there already.
        port_bindings: bindings.filter(|_| container.network.as_deref() != Some("host")),
        nano_cpus: resources.cpus.map(|cpus| (cpus * 1e9) as i64),
        memory: resources.memory.and_then(|bytes| i64::try_from(bytes).ok()),
        // Without it as much swap again would be allowed.
        memory_swap: resources.memory.and_then(|bytes| i64::try_from(bytes).ok()),
        pids_limit: resources.pids.map(i64::from),
        tmpfs: needs_home.then(|| HashMap::from([(HOME.into(), "rw,exec,nosuid,mode=1777".into())])),
        // `pipe` keeps the log.
        log_config: Some(HostConfigLogConfig { typ: Some("none".into()), config: None }),
        security_opt: Some(shared.engine.security()),
        userns_mode: shared.engine.users().namespace(),
        ..HostConfig::default()
    };
    Ok(ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: command.entrypoint,
        cmd: command.arguments,
        env: Some(env),
        // The image's own, where it is empty.
        working_dir: Some(spec.working_dir.to_string_lossy().into_owned()).filter(|dir| !dir.is_empty()),
        user,
        labels: Some(shared.labels.all(&spec.name)),
        tty: Some(false),
        attach_stdin: Some(command.attached && command.has_stdin),
        attach_stdout: Some(command.attached),
        attach_stderr: Some(command.attached),
        open_stdin: Some(command.attached && command.has_stdin),
        stdin_once: Some(command.attached && command.has_stdin),
        exposed_ports: exposed,
        healthcheck,
        host_config: Some(host),
        networking_config: network.endpoints,
        ..ContainerCreateBody::default()
    })
}

/// Returns who the container's program runs as. A service that is the program of its image runs as its image has it:
/// such programs keep their data in folders that they have made for that user.
fn user(shared: &Shared, spec: &StepSpec, container: &ContainerSpec) -> Option<String> {
    match (&container.user, &spec.program) {
        (Some(user), _) => Some(user.clone()),
        (None, Program::Exec { .. }) if spec.service.is_some() => None,
        (None, Program::Exec { .. } | Program::Script { .. } | Program::Wait) => Some(shared.engine.caller()),
    }
}

/// The variables of a step in a container of its own.
fn own_env(spec: &StepSpec, needs_home: bool) -> Result<Vec<String>, StartError> {
    let own = [
        // So that a signal reaches every process of the step, as on the host.
        ("TINI_KILL_PROCESS_GROUP", "1".to_owned()),
        (OUTPUT_VARIABLE, OUTPUTS.to_owned()),
    ];
    let pwd = Some(("PWD", pwd(spec))).filter(|(_, dir)| !dir.is_empty());
    let secrets = spec.secrets.as_ref().map(|_| (SECRETS_VARIABLE, SECRETS.to_owned()));
    env(spec, own.into_iter().chain(pwd).chain(secrets), needs_home)
}

/// The working directory as `PWD` has it: not every engine sets that, and programs that are no shells trust it where it
/// is set.
pub(super) fn pwd(spec: &StepSpec) -> String {
    spec.working_dir.to_string_lossy().into_owned()
}

/// The variables, each once: the last entry of a name wins, and the step's win over `own`.
pub(super) fn env(
    spec: &StepSpec,
    own: impl Iterator<Item = (&'static str, String)>,
    needs_home: bool,
) -> Result<Vec<String>, StartError> {
    let mut env: BTreeMap<String, String> = own.map(|(name, value)| (name.to_owned(), value)).collect();
    if needs_home {
        env.insert("HOME".to_owned(), HOME.to_owned());
    }
    for (name, value) in &spec.env {
        let text = |part: &std::ffi::OsStr| part.to_str().map(str::to_owned);
        let (Some(name), Some(value)) = (text(name), text(value)) else {
            let name = name.to_string_lossy();
            return Err(StartError::Step(format!(
                "the variable {name} is no UTF-8 text, which an engine cannot pass on"
            )));
        };
        env.insert(name, value);
    }
    Ok(env.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
}

/// Returns what the container sees: what the step says, and what `pipe` puts there.
fn mounts(
    shared: &Shared,
    spec: &StepSpec,
    container: &ContainerSpec,
    command: &Command,
) -> Result<Vec<Mount>, StartError> {
    let own = |path: &PathBuf, target: &str, read_only| MountSpec {
        source: MountFrom::Path(path.clone()),
        target: target.to_owned(),
        read_only,
    };
    let outputs = own(&spec.outputs, &command.outputs, false);
    let secrets = spec.secrets.as_ref().map(|folder| own(folder, SECRETS, true));
    let script = spec.script.as_ref().map(|file| own(file, SCRIPT, true));
    let own: Vec<&MountSpec> =
        command.mounts.iter().chain([&outputs]).chain(&secrets).chain(&script).collect();
    if let Some(mount) =
        container.mounts.iter().find(|mount| own.iter().any(|own| own.target == mount.target))
    {
        return Err(StartError::Step(format!(
            "its mount has the target {}, where `pipe` puts something of its own: choose another one",
            mount.target
        )));
    }
    let mounts = container.mounts.iter().chain(own);
    let mounts = mounts.map(|mount| self::mount(shared, mount)).collect::<Result<Vec<_>, _>>()?;
    mountpoints::make(&container.mounts)?;
    Ok(mounts)
}

fn mount(shared: &Shared, mount: &MountSpec) -> Result<Mount, StartError> {
    let (typ, source) = match &mount.source {
        MountFrom::Path(path) => {
            let there = shared.translate(path)?;
            (MountType::BIND, Some(there.to_string_lossy().into_owned()))
        }
        MountFrom::Volume(name) => (MountType::VOLUME, Some(name.clone())),
        MountFrom::Tmpfs => (MountType::TMPFS, None),
    };
    Ok(Mount {
        target: Some(mount.target.clone()),
        source,
        typ: Some(typ),
        read_only: Some(mount.read_only),
        ..Mount::default()
    })
}
