//! The words that run a step's program in a shared container, which has a shell.

use std::path::{Path, PathBuf};

use super::{Attempt, THERE};
use crate::executor::docker::create::{SECRETS, env, pwd};
use crate::executor::{
    OUTPUT_VARIABLE, Program, SECRETS_VARIABLE, StartError, StdoutSpec, StepSpec, SystemError, limits, shell,
};

/// Exit code of a start whose working directory is not there.
pub(super) const NO_FOLDER: i32 = 124;

/// Goes where the step runs, with that as the first of the rest of its words.
pub(super) const GO: &str = r#"cd "$1" || exit 124; shift; "#;

/// Counts the processes that the kernel has killed for want of memory. A program that was killed may have been one.
pub(super) const MEMORY: &str = r#"count() { n=0; for f in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do [ -r $f ] && while read -r k v; do [ "$k" = oom_kill ] && n=$v; done <$f; done; }; "#;

impl Attempt<'_> {
    /// Where the container sees the folder of the attempt.
    pub(super) fn there(&self) -> String {
        format!("{THERE}/{}-{}", self.spec.name, self.spec.attempt)
    }

    /// The folder of the attempt on this machine.
    pub(super) fn here(&self) -> PathBuf {
        self.container.dir.join(format!("{}-{}", self.spec.name, self.spec.attempt))
    }

    /// The words of the step's own program.
    pub(super) async fn program(&self) -> Result<Vec<String>, StartError> {
        match &self.spec.program {
            Program::Script { shell, text } => {
                let script = self.spec.script.as_ref().map(|file| self.seen(file));
                Ok(shell::command(shell, false, text, script.as_deref().map(Path::new)))
            }
            Program::Exec { entrypoint, args } => self.of_image(entrypoint.as_deref(), args).await,
            Program::Wait => Err(SystemError::new("cannot start a step", "it only waits").into()),
        }
    }

    /// The words of a program of the image. As for a container, its own arguments go with its own entrypoint.
    async fn of_image(
        &self,
        entrypoint: Option<&[String]>,
        args: &[String],
    ) -> Result<Vec<String>, StartError> {
        if let Some(entrypoint) = entrypoint {
            return Ok([entrypoint, args].concat());
        }
        let image = &self.container.image;
        let found = self.shared.engine.docker().inspect_image(image).await;
        let found =
            found.map_err(|error| self.shared.engine.blame("its image cannot be looked at", error))?;
        let config = found.config.unwrap_or_default();
        let args = if args.is_empty() { config.cmd.unwrap_or_default() } else { args.to_vec() };
        Ok([config.entrypoint.unwrap_or_default(), args].concat())
    }

    /// Where the container sees a file from the folder of the values and scripts.
    fn seen(&self, file: &Path) -> String {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        format!("{}/{name}", self.container.outputs)
    }

    /// The entry of the environment that the step's processes are known by.
    pub(super) fn mark(&self) -> String {
        format!("{OUTPUT_VARIABLE}={}", self.seen(&self.spec.outputs))
    }

    /// The variables, each once.
    pub(super) fn env(&self) -> Result<Vec<String>, StartError> {
        let StepSpec { secrets, .. } = self.spec;
        let name = |folder: &PathBuf| folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let secrets = secrets.as_ref().map(|folder| format!("{SECRETS}/{}", name(folder)));
        let own = [(OUTPUT_VARIABLE, self.seen(&self.spec.outputs)), ("PWD", pwd(self.spec))];
        let own = own.into_iter().chain(secrets.map(|there| (SECRETS_VARIABLE, there)));
        env(self.spec, own, self.needs_home)
    }

    /// The words of an exec: a wrapper in the shell, its words, and those of the program.
    pub(super) fn wrapped(
        &self,
        wrapper: &str,
        own: Vec<String>,
        program: Vec<String>,
        env: &[String],
    ) -> Result<Vec<String>, StartError> {
        let first = ["sh".to_owned(), "-c".to_owned(), wrapper.to_owned(), self.there()];
        let words: Vec<String> = first.into_iter().chain(own).chain(program).collect();
        limits::check(&words, env)?;
        Ok(words)
    }

    /// What there is to say of an end before the program has begun, by the exit code.
    pub(super) fn not_begun(&self, code: i32) -> Option<StartError> {
        let dir = self.spec.working_dir.display();
        (code == NO_FOLDER)
            .then(|| StartError::Step(format!("its working directory {dir} is not in its container")))
    }

    /// Whether its stdout goes into the log.
    pub(super) fn is_logged(&self) -> bool {
        self.spec.stdout == StdoutSpec::Log
    }
}
