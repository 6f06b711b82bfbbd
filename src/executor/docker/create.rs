//! What is asked of the engine: an attempt as a container's body.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType};

use super::Shared;
use super::network::Joined;
use crate::executor::{
    ContainerSpec, MountFrom, MountSpec, OUTPUT_VARIABLE, Program, SECRETS_VARIABLE, StartError, StepSpec,
};

/// Where the container sees the file for its values.
const OUTPUTS: &str = "/run/pipe-output";
/// Where a container sees its step's secrets.
pub const SECRETS: &str = "/run/secrets";
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
}

impl Command {
    /// The words of a program in an image, with streams through the engine.
    pub(super) fn attached(program: &Program, has_stdin: bool) -> Self {
        let (entrypoint, arguments) = match program {
            Program::Script { .. } => (super::script_words(program), Some(Vec::new())),
            Program::Exec { entrypoint, args } => {
                // Without its own arguments a replaced entrypoint must not get the image's.
                let own = entrypoint.is_some() || !args.is_empty();
                (entrypoint.clone(), own.then(|| args.clone()))
            }
        };
        Self { entrypoint, arguments, attached: true, has_stdin, mounts: Vec::new() }
    }
}

/// The body of the request that creates the container.
pub(super) fn body(
    shared: &Shared,
    spec: &StepSpec,
    container: &ContainerSpec,
    image: &str,
    network: Joined,
    command: Command,
) -> Result<ContainerCreateBody, StartError> {
    let needs_home = container.user.is_none() && !rustix::process::getuid().is_root();
    let outputs =
        MountSpec { source: MountFrom::Path(spec.outputs.clone()), target: OUTPUTS.into(), read_only: false };
    let secrets = spec.secrets.as_ref().map(|folder| MountSpec {
        source: MountFrom::Path(folder.clone()),
        target: SECRETS.into(),
        read_only: true,
    });
    let mounts = container.mounts.iter().chain(&command.mounts).chain([&outputs]).chain(&secrets);
    let mounts = mounts.map(|mount| self::mount(shared, mount)).collect::<Result<Vec<_>, _>>()?;
    let resources = container.resources;
    let host = HostConfig {
        mounts: Some(mounts),
        init: Some(true),
        log_config: Some(HostConfigLogConfig { typ: Some("none".into()), config: None }),
        security_opt: Some(vec!["no-new-privileges".into()]),
        network_mode: network.mode,
        nano_cpus: resources.cpus.map(|cpus| (cpus * 1e9) as i64),
        memory: resources.memory.and_then(|bytes| i64::try_from(bytes).ok()),
        // Without it as much swap again would be allowed.
        memory_swap: resources.memory.and_then(|bytes| i64::try_from(bytes).ok()),
        pids_limit: resources.pids.map(i64::from),
        tmpfs: needs_home.then(|| HashMap::from([(HOME.into(), "rw,exec,nosuid,mode=1777".into())])),
        ..HostConfig::default()
    };
    Ok(ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: command.entrypoint,
        cmd: command.arguments,
        env: Some(env(spec, needs_home)?),
        working_dir: Some(spec.working_dir.to_string_lossy().into_owned()),
        user: Some(container.user.clone().unwrap_or_else(super::caller)),
        labels: Some(shared.labels.all(&spec.name)),
        tty: Some(false),
        attach_stdin: Some(command.attached && command.has_stdin),
        attach_stdout: Some(command.attached),
        attach_stderr: Some(command.attached),
        open_stdin: Some(command.attached && command.has_stdin),
        stdin_once: Some(command.attached && command.has_stdin),
        host_config: Some(host),
        networking_config: network.endpoints,
        ..ContainerCreateBody::default()
    })
}

/// The variables, each once: the last entry of a name wins.
fn env(spec: &StepSpec, needs_home: bool) -> Result<Vec<String>, StartError> {
    // So that a signal reaches every process of the step, as on the host.
    let mut env = BTreeMap::from([("TINI_KILL_PROCESS_GROUP".to_owned(), "1".to_owned())]);
    env.insert(OUTPUT_VARIABLE.to_owned(), OUTPUTS.to_owned());
    if spec.secrets.is_some() {
        env.insert(SECRETS_VARIABLE.to_owned(), SECRETS.to_owned());
    }
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
