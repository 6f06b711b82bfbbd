//! The step itself, as its wrapper sees it: a process with everything below it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use command_fds::{CommandFdExt as _, FdMapping};
use rustix::process::{Pid, Signal, WaitOptions, wait};

use super::super::message::{InputEnds, Launch};
use super::memory;
use super::{Exit, TOKEN_VARIABLE};
use crate::processes::{has_terminal, leave_session, signal_all_below, signal_group};

const KILL: i32 = Signal::KILL.as_raw();
/// The exit code of a shell whose command was killed.
const KILLED_CHILD: i32 = 128 + KILL;

/// A step that has started.
pub(super) struct Work {
    pid: Pid,
    /// How its own process has ended.
    ended: Option<Exit>,
    is_killed: bool,
    /// How many processes the kernel had killed for want of memory before it started.
    memory_kills: u64,
    /// The writing ends of what it reads, until they are let go.
    held: Vec<Option<OwnedFd>>,
}

/// How far a step is.
pub(super) enum Worked {
    /// A process of it runs.
    On,
    /// None does; its own has ended in this way.
    Over(Exit),
}

/// The ends that a step gets.
struct Ends {
    stdin: Stdio,
    others: Vec<FdMapping>,
    held: Vec<Option<OwnedFd>>,
    stdout: Stdio,
    log: Stdio,
}

impl Ends {
    /// Sorts the descriptors that came with a launch.
    fn of(launch: &Launch, ends: Vec<OwnedFd>) -> Option<Self> {
        let mut ends = ends.into_iter();
        let (mut stdin, mut others, mut held) = (Stdio::null(), Vec::new(), Vec::new());
        for InputEnds { fd, is_held } in &launch.inputs {
            let end = ends.next()?;
            match fd {
                0 => stdin = end.into(),
                fd => others.push(FdMapping { parent_fd: end, child_fd: i32::try_from(*fd).ok()? }),
            }
            held.push(if *is_held { Some(ends.next()?) } else { None });
        }
        let stdout = if launch.has_stdout { Some(ends.next()?) } else { None };
        let log = ends.next()?;
        let stdout = match stdout {
            Some(stdout) => stdout,
            None => log.try_clone().ok()?,
        };
        Some(Self { stdin, others, held, stdout: stdout.into(), log: log.into() })
    }
}

impl Work {
    /// Starts a step.
    ///
    /// # Errors
    /// Why it does not start, in a sentence.
    pub(super) fn start(launch: Launch, ends: Vec<OwnedFd>) -> Result<Self, String> {
        if !launch.working_dir.as_os_str().is_empty() && !launch.working_dir.is_dir() {
            let dir = launch.working_dir.display();
            return Err(format!("its working directory {dir} does not exist in its container"));
        }
        let Some((program, arguments)) = launch.words.split_first() else {
            return Err("it has no program".into());
        };
        let Some(ends) = Ends::of(&launch, ends) else {
            return Err("the descriptors of its pipes are not those that it needs".into());
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_remove(TOKEN_VARIABLE)
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .stdin(ends.stdin)
            .stdout(ends.stdout)
            .stderr(ends.log);
        if !launch.working_dir.as_os_str().is_empty() {
            command.env("PWD", &launch.working_dir).current_dir(&launch.working_dir);
        }
        match has_terminal() {
            true => leave_session(&mut command),
            false => drop(command.process_group(0)),
        }
        if !ends.others.is_empty() {
            let failed = |error| format!("its inputs cannot be handed over: {error}");
            command.fd_mappings(ends.others).map_err(failed)?;
        }
        let memory_kills = memory::kills();
        let child = command.spawn().map_err(|error| not_spawned(&program.to_string_lossy(), &error))?;
        // The command still has the step's ends of its pipes.
        drop(command);
        let pid = Pid::from_child(&child);
        Ok(Self { pid, ended: None, is_killed: false, memory_kills, held: ends.held })
    }

    /// Returns the number of its own process.
    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Lets go of the writing end of an input: its stream is whole.
    pub(super) fn let_go(&mut self, input: u32) {
        if let Some(held) = self.held.get_mut(input as usize) {
            *held = None;
        }
    }

    /// Kills all processes of the step, and those that are found later.
    pub(super) fn kill(&mut self) {
        self.is_killed = true;
        self.kill_all();
    }

    /// Returns whether what is found of it is killed.
    pub(super) fn is_ending(&self) -> bool {
        self.is_killed || self.ended.is_some()
    }

    /// Waits for the processes that have ended. Once the step's own has, the others are killed, as the kernel does when
    /// the first process of a container ends.
    pub(super) fn reap(&mut self) -> Worked {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    if pid == self.pid {
                        self.ended = Some(match (status.exit_status(), status.terminating_signal()) {
                            (Some(KILLED_CHILD), _) | (_, Some(KILL)) if self.was_short_of_memory() => {
                                Exit::OutOfMemory
                            }
                            (Some(code), _) => Exit::Code(code),
                            (None, Some(signal)) => Exit::Signal(signal),
                            (None, None) => Exit::Code(-1),
                        });
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Ok(None) => {
                    if self.is_ending() {
                        self.kill_all();
                    }
                    return Worked::On;
                }
                // There is no child left, and so no process below this one.
                Err(_) => return Worked::Over(self.ended.unwrap_or(Exit::Code(-1))),
            }
        }
    }

    /// Whether the kernel has killed a process of it for want of memory, and `pipe` none.
    fn was_short_of_memory(&self) -> bool {
        !self.is_killed && memory::kills() > self.memory_kills
    }

    fn kill_all(&self) {
        if self.ended.is_none() {
            // Where `/proc` shows nothing, its group is all that is known.
            let _ = signal_group(self.pid, Signal::KILL);
        }
        signal_all_below(Signal::KILL);
    }
}

/// Says why a program was not started.
fn not_spawned(program: &str, error: &io::Error) -> String {
    use io::ErrorKind::{NotFound, PermissionDenied};
    match error.kind() {
        NotFound => format!("there is no `{program}` in its image"),
        PermissionDenied => format!("`{program}` may not be executed in its image"),
        _ => format!("`{program}` cannot be started: {error}"),
    }
}
