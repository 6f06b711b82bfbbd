//! `pipe pod`: the wrapper of a step, the conductor of a gang, and how both get into a pod.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::error::CliError;
use crate::cli::pod_args::PodCommand;
use crate::executor::SystemError;

pub(in crate::cli) fn run(command: PodCommand) -> Result<ExitCode, CliError> {
    match command {
        PodCommand::Install { dir } => {
            let failed = |error| SystemError::new(format!("cannot install pipe in {}", dir.display()), error);
            install(&dir).map_err(failed)?;
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(target_os = "linux")]
        PodCommand::Step(args) => inside::step(&args),
        #[cfg(target_os = "linux")]
        PodCommand::Gang(args) => inside::gang(args),
        PodCommand::Hub(args) => super::hub::run(args),
        #[cfg(not(target_os = "linux"))]
        PodCommand::Step(_) | PodCommand::Gang(_) => Err(CliError::usage("pods run on Linux", None)),
    }
}

/// Copies this program, so that it is there whole or not at all.
fn install(dir: &Path) -> std::io::Result<()> {
    let new = dir.join(format!(".pipe-{}", std::process::id()));
    let copied = fs::copy(std::env::current_exe()?, &new)
        .and_then(|_| fs::set_permissions(&new, Permissions::from_mode(0o755)))
        .and_then(|()| fs::rename(&new, dir.join("pipe")));
    if copied.is_err() {
        // It may not even be there.
        let _ = fs::remove_file(&new);
    }
    copied
}

#[cfg(target_os = "linux")]
mod inside {
    use std::path::Path;
    use std::process::ExitCode;
    use std::time::Duration;

    use rustix::fs::Mode;
    use tokio::runtime::Builder;
    use tokio::sync::mpsc;

    use crate::cli::containers::runtime;
    use crate::cli::error::{CliError, OK, USAGE};
    use crate::cli::pod_args::{PodGangArgs, PodStepArgs};
    use crate::cli::signals;
    use crate::cli::stdio::say;
    use crate::cluster::conductor::{ConductorEnd, ConductorPlace, lines};
    use crate::cluster::link::{self, Caller, CallerKeys, LinkRole, ProgramVersion};
    use crate::executor::host::Descriptors;
    use crate::executor::pod::{TOKEN_VARIABLE, WrapperEnd, wrap};
    use crate::executor::{Exit, SystemError};

    /// The step's program is not there.
    const NOT_STARTED: u8 = 127;
    /// The wrapper has no conductor any more, or none that wants it.
    const GIVEN_UP: u8 = 125;
    /// The client is gone.
    const ABANDONED: u8 = 3;
    /// Messages that may wait for a client.
    const WAITING: usize = 64;
    /// How long the hub may take to answer for the first time.
    const PATIENCE: Duration = Duration::from_secs(30);

    pub(super) fn step(args: &PodStepArgs) -> Result<ExitCode, CliError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| SystemError::new("cannot start the runtime", error))?;
        say!("pipe: what step `{}` prints is in the log of its run", args.name);
        let end = runtime.block_on(wrap(&args.name, &args.socket))?;
        let code = |number: i32| u8::try_from(number).unwrap_or(GIVEN_UP);
        Ok(ExitCode::from(match end {
            WrapperEnd::Step(Exit::Code(number)) => code(number),
            WrapperEnd::Step(Exit::Signal(signal)) | WrapperEnd::Signalled(signal) => {
                say!("pipe: step `{}` has ended by signal {signal}", args.name);
                code(signal.saturating_add(128))
            }
            WrapperEnd::Step(Exit::OutOfMemory) => code(128 + 9),
            WrapperEnd::NotStarted(why) => {
                say!("pipe: step `{}` was not started: {why}", args.name);
                NOT_STARTED
            }
            WrapperEnd::Refused(why) => {
                say!("pipe: the conductor refuses this container: {why}");
                GIVEN_UP
            }
            WrapperEnd::ConductorGone => {
                say!("pipe: the conductor is gone, and step `{}` with it", args.name);
                GIVEN_UP
            }
            WrapperEnd::NotNeeded => OK,
        }))
    }

    pub(super) fn gang(args: PodGangArgs) -> Result<ExitCode, CliError> {
        let PodGangArgs { socket, folder, secrets, hub, keys, gang } = args;
        let folder = folder.or_else(|| socket.parent().map(Path::to_owned)).unwrap_or_default();
        let token = std::env::var(TOKEN_VARIABLE).ok();
        let conductor = ConductorPlace { socket, folder, secrets, token };
        // Streams have many ends, and wrappers start the steps.
        let _ = Descriptors::raise();
        let runtime = runtime()?;
        let end = runtime.block_on(async {
            let signals =
                signals::listen().map_err(|error| SystemError::new("cannot listen for signals", error))?;
            match hub.zip(keys).zip(gang) {
                Some(((hub, keys), gang)) => for_hub(conductor, hub, &keys, &gang, signals).await,
                None => by_lines(conductor, signals).await,
            }
        });
        // What is read from standard input may never come.
        runtime.shutdown_background();
        Ok(ExitCode::from(match end? {
            ConductorEnd::Over => OK,
            ConductorEnd::Refused(why) => {
                say!("pipe: the order is refused: {why}");
                USAGE
            }
            ConductorEnd::ClientGone => {
                say!("pipe: the client is gone");
                ABANDONED
            }
        }))
    }

    /// Conducts the gang of a client behind a hub. The steps of a pod may be other users, in one group.
    async fn for_hub(
        conductor: ConductorPlace,
        hub: String,
        keys: &Path,
        gang: &str,
        signals: mpsc::UnboundedReceiver<i32>,
    ) -> Result<ConductorEnd, SystemError> {
        rustix::process::umask(Mode::from_raw_mode(0o002));
        let keys = CallerKeys::read(keys, LinkRole::Conductor)
            .map_err(|error| SystemError::new("cannot read the keys of the conductor", error))?;
        let caller =
            Caller { dial: link::tcp(hub), keys, program: ProgramVersion::own(), patience: PATIENCE };
        conductor.conduct_for(caller, gang, signals).await
    }

    /// Conducts the gang of a client at the other end of the standard streams.
    async fn by_lines(
        conductor: ConductorPlace,
        signals: mpsc::UnboundedReceiver<i32>,
    ) -> Result<ConductorEnd, SystemError> {
        let (to, inbox) = mpsc::channel(WAITING);
        let (outbox, from) = mpsc::channel(WAITING);
        std::thread::spawn(move || lines::read(std::io::stdin(), to));
        let written = tokio::task::spawn_blocking(move || lines::write(from, std::io::stdout()));
        let end = conductor.conduct(inbox, outbox, signals).await?;
        if end != ConductorEnd::ClientGone {
            // A client that has gone meanwhile takes nothing.
            let _ = written.await;
        }
        Ok(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_whole_and_can_be_executed() {
        let dir = tempfile::tempdir().unwrap();
        install(dir.path()).unwrap();
        install(dir.path()).unwrap();
        let entries: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(entries, ["pipe"]);
        let copy = fs::metadata(dir.path().join("pipe")).unwrap();
        assert_eq!(copy.permissions().mode() & 0o777, 0o755);
        assert_eq!(copy.len(), fs::metadata(std::env::current_exe().unwrap()).unwrap().len());
        assert!(install(&dir.path().join("none")).is_err());
    }
}
