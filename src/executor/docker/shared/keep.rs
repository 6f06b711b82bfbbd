//! A shared container from its start to its end.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bollard::container::LogOutput;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::{SharedContainer, THERE};
use crate::executor::docker::attach::Input;
use crate::executor::docker::container::{Handle, KILLED, Traffic};
use crate::executor::docker::create::{self, Command};
use crate::executor::docker::{Shared, hex, sight};
use crate::executor::{
    Answer, ContainerSpec, Exit, HoldGuard, MountFrom, MountSpec, Probe, RunningStep, StartError, StepHandle,
    StepSpec, Stop, SystemError,
};

/// What its first process runs: it says that it is there, and waits until its stdin ends.
const WAIT: &str = "echo; read -r end";

/// Starts a shared container, and returns once its shell waits.
pub(in super::super) async fn start(
    shared: &Arc<Shared>,
    spec: &StepSpec,
    container: &ContainerSpec,
    image: &str,
    guard: &HoldGuard,
) -> Result<RunningStep, StartError> {
    let failed = |what: &str, error: Box<dyn std::error::Error + Send + Sync>| {
        SystemError::new(format!("cannot make {what} for the container `{}`", spec.name), error)
    };
    let folder = Folder::make(shared.fifo_dir.join(format!("{}-{}", spec.name, spec.attempt)))
        .map_err(|error| failed("a folder", error.into()))?;
    // Processes in it are known by the path, which no other container has.
    let mark = hex::random().map_err(|error| failed("a name", error.to_string().into()))?;
    let outputs = format!("/run/pipe-output-{mark}");
    let (log, _silent) = std::io::pipe().map_err(|error| failed("a pipe", error.into()))?;
    let mounts =
        vec![MountSpec { source: MountFrom::Path(folder.0.clone()), target: THERE.into(), read_only: false }];
    let command = Command {
        entrypoint: Some(["sh", "-c", WAIT].map(str::to_owned).to_vec()),
        arguments: Some(Vec::new()),
        attached: true,
        has_stdin: true,
        mounts,
        outputs: outputs.clone(),
    };
    let created = create::container(shared, spec, container, (image, ""), command, guard).await?;
    let attached = created.attach(true).await?;
    created.start(image).await.map_err(|error| no_shell(error, image))?;

    let exit = created.watch(Traffic::default(), std::future::ready(None));
    let mut output = attached.output;
    let greeting = tokio::select! {
        biased;
        piece = output.next() => piece,
        // What it has said may be on its way.
        _ = ended(exit.clone()) => output.next().await,
    };
    if !matches!(greeting, Some(Ok(LogOutput::StdOut { .. }))) {
        return Err(not_ready(greeting, exit, image).await);
    }
    let is_visible = is_visible(shared, created.name()).await;
    let kept = Arc::new(SharedContainer {
        name: created.name().to_owned(),
        image: image.to_owned(),
        dir: folder.0.clone(),
        outputs,
        user: container.user.clone(),
        is_visible,
        was_short: AtomicBool::new(false),
        exit: exit.clone(),
    });
    shared.kept.lock().insert(spec.name.clone(), Arc::clone(&kept));
    let (stopping, _) = watch::channel(false);
    let handle = Kept {
        handle: Handle { container: created, exit, stopping },
        kept,
        shared: Arc::clone(shared),
        _stdin: parking_lot::Mutex::new(attached.input),
        _folder: folder,
    };
    let handle = Box::new(handle);
    Ok(RunningStep { inputs: Vec::new(), stdout: None, log: log.into(), lane: None, handle })
}

async fn ended(mut exit: watch::Receiver<Option<Result<Exit, SystemError>>>) {
    let _ = exit.wait_for(Option::is_some).await;
}

/// Says why a container has ended before its shell was there.
async fn not_ready(
    said: Option<Result<LogOutput, bollard::errors::Error>>,
    mut exit: watch::Receiver<Option<Result<Exit, SystemError>>>,
    image: &str,
) -> StartError {
    let said = said.and_then(Result::ok).map(|said| said.to_string()).unwrap_or_default();
    let how = exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone());
    match how {
        Some(Ok(Exit::Code(127))) => StartError::Step(without_shell(image)),
        Some(Err(error)) => error.into(),
        Some(Ok(exit)) => StartError::Step(format!(
            "the image `{image}` cannot be shared by steps: its shell has ended at once ({exit:?}) {}",
            said.trim()
        )),
        None => SystemError::new("lost a container", "its watcher has ended").into(),
    }
}

/// Engines without an init of Docker's kind find out themselves.
fn no_shell(error: StartError, image: &str) -> StartError {
    match error {
        StartError::Step(why) if why.contains("has no `sh`") => StartError::Step(without_shell(image)),
        other => other,
    }
}

fn without_shell(image: &str) -> String {
    format!(
        "the image `{image}` has no `sh`, and a container without a shell cannot be shared: choose an image that has \
         one, or give each step this `image` (`pipe explain shared-no-shell`)"
    )
}

/// Returns whether `/proc` shows the processes of a container.
async fn is_visible(shared: &Shared, name: &str) -> bool {
    let found = shared.engine.docker().inspect_container(name, None).await;
    found.is_ok_and(|found| sight::first_process(&shared.engine, &found).is_some())
}

/// A folder for the attempts in a container; dropping this removes it.
struct Folder(PathBuf);

impl Folder {
    /// The programs in the container may run as any user. On this machine the folder above keeps other users out.
    fn make(path: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir(&path)?;
        let folder = Self(path);
        std::fs::set_permissions(&folder.0, Permissions::from_mode(0o711))?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // If this fails, it goes with the run's folder of pipes.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running shared container; dropping this removes it.
struct Kept {
    handle: Handle,
    kept: Arc<SharedContainer>,
    shared: Arc<Shared>,
    /// Its shell waits for the end of this.
    _stdin: parking_lot::Mutex<Input>,
    _folder: Folder,
}

impl StepHandle for Kept {
    fn wait(&self) -> BoxFuture<'_, Result<Exit, SystemError>> {
        Box::pin(async move {
            let exit = self.handle.wait().await?;
            let is_old = exit == Exit::OutOfMemory && self.kept.was_short.load(Ordering::Relaxed);
            Ok(if is_old { Exit::Code(KILLED) } else { exit })
        })
    }

    fn probe<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Result<Answer, SystemError>> {
        self.handle.probe(probe)
    }

    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), SystemError>> {
        self.handle.stop(how)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.shared.kept.lock().retain(|_, other| !Arc::ptr_eq(other, &self.kept));
        self.shared.readers.lock().retain(|reader| !reader.is_in(&self.kept));
    }
}
