//! Signals to all processes of attempts.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::procfs::Process;
use super::procfs::{self, are_visible, command_line};
use super::signs::{Belonging, belonging};
use super::table::Table;
use super::{Signs, signal_group};

/// Programs that are interactive with the option `-i`.
const SHELLS: &[&str] =
    &["sh", "ash", "bash", "busybox", "dash", "ksh", "ksh93", "mksh", "rbash", "yash", "zsh"];

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// Longest time from fork to exec, when a process gets its own environment.
const BIRTH: Duration = Duration::from_millis(500);
/// Longest wait for a process that cannot be killed: another user's, or one that waits for a dead disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process that belonged to an attempt when it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its process id, which another process may have by now.
    pub pid: i32,
    /// Its group.
    pub group: i32,
    /// Whether it belongs to a run that the step itself has started, with another `pipe`.
    pub is_inner: bool,
    entry: i32,
    started: String,
}

impl Found {
    /// Takes a process as it was when the table was read.
    pub(super) fn at(process: &Process) -> Self {
        let &Process { entry, pid, group, ref started, .. } = process;
        Self { pid, group, is_inner: false, entry, started: started.clone() }
    }

    /// Sends a signal to this process, and never to another that has its process id by now.
    pub fn signal(&self, signal: Signal) {
        if let Some(handle) = self.handle() {
            let _ = pidfd_send_signal(handle, signal);
        } else if let Some(pid) = Pid::from_raw(self.pid)
            && self.is_itself()
        {
            // The process has ended, or the kernel is older than these handles.
            let _ = kill_process(pid, signal);
        }
    }

    /// Opens a descriptor that becomes readable when this process ends. `None` if it has ended, or if the
    /// kernel is older than such descriptors.
    pub fn handle(&self) -> Option<OwnedFd> {
        let handle = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        self.is_itself().then_some(handle)
    }

    /// Returns whether it is an interactive shell, such as `bash -i`. Such a shell ignores SIGTERM, and
    /// continues its script when its command dies of it. SIGHUP ends it, as when a terminal closes.
    pub fn is_interactive_shell(&self) -> bool {
        let line = command_line(self.entry);
        let Some((program, options)) = line.split_first() else { return false };
        let name = program.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let name = name.strip_prefix(b"-").unwrap_or(name);
        let is_option = |word: &&Vec<u8>| matches!(word.as_slice(), [b'-' | b'+', _, ..]);
        let is_interactive =
            |word: &Vec<u8>| !word.starts_with(b"--") && word.starts_with(b"-") && word.contains(&b'i');
        SHELLS.iter().any(|shell| shell.as_bytes() == name)
            && options.iter().take_while(is_option).any(is_interactive)
    }

    fn is_itself(&self) -> bool {
        procfs::stat(self.entry).is_some_and(|now| now.started == self.started)
    }
}

impl From<Belonging<'_>> for Found {
    fn from(it: Belonging<'_>) -> Self {
        let Belonging { process, is_inner } = it;
        Self { is_inner, ..Self::at(process) }
    }
}

/// Finds the living processes of each of these attempts, in one look at the list of processes. It may miss a
/// process that is created meanwhile, and finds nothing where processes are not visible.
pub fn find<'s>(attempts: impl IntoIterator<Item = &'s Signs>) -> Vec<Vec<Found>> {
    let attempts: Vec<&Signs> = attempts.into_iter().collect();
    let marks = attempts.iter().map(|signs| signs.mark.as_bytes());
    let name = marks.filter_map(|mark| mark.split(|&byte| byte == b'=').next()).find(|name| !name.is_empty());
    let with_files = attempts.iter().any(|signs| !signs.fifos.is_empty());
    let table = Table::read(name.unwrap_or_default(), with_files);
    let of = |signs: &Signs| belonging(signs, &table).into_iter().map(Found::from).collect();
    attempts.into_iter().map(of).collect()
}

/// Kills all processes of these attempts. Returns when none is left, or when the rest cannot be killed.
pub fn kill(attempts: &[Signs]) {
    if !are_visible() {
        let leaders = attempts.iter().filter_map(|signs| Pid::from_raw(signs.leader.as_ref()?.0));
        leaders.for_each(|leader| drop(signal_group(leader, Signal::KILL)));
        return;
    }
    let begun = Instant::now();
    let settled = if attempts.iter().any(|signs| signs.leader.is_none()) { BIRTH } else { Duration::ZERO };
    let mut looks_in_vain = 0;
    // One look can miss a process that is just being created.
    while !attempts.is_empty() && (looks_in_vain < 2 || begun.elapsed() < settled) {
        let found: Vec<Found> = find(attempts).into_iter().flatten().collect();
        looks_in_vain = if found.is_empty() { looks_in_vain + 1 } else { 0 };
        found.iter().for_each(|process| process.signal(Signal::KILL));
        if begun.elapsed() > PATIENCE {
            return;
        }
        sleep(PAUSE);
    }
}
