//! The terminal, lent to a step. The step's group is in the foreground there, as the job of a shell is: it
//! has what is typed, Ctrl-C and Ctrl-Z included. The terminal stays that of this process, and comes back as
//! it was.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, raise, signal};
use rustix::fs::OFlags;
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, getpid, getppid, kill_current_process_group};
use rustix::termios::{
    OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp, ttyname,
};

use crate::processes::{group, is_own_terminal, session, signal_group};

/// Opens the terminal that this process was started on, if there is one.
pub fn open_terminal() -> Option<File> {
    named_terminal().or_else(|| open(Path::new("/dev/tty"))).filter(|tty| isatty(tty))
}

/// The same by its own name, where a standard stream tells it: programs pass that name on, as in
/// `GPG_TTY=$(tty)`.
fn named_terminal() -> Option<File> {
    let standard = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    let name = ttyname(standard.into_iter().find(|end| is_own_terminal(end))?, Vec::new()).ok()?;
    open(Path::new(OsStr::from_bytes(name.to_bytes()))).filter(|tty| is_own_terminal(tty))
}

fn open(path: &Path) -> Option<File> {
    let flags = OFlags::NOCTTY.bits().cast_signed();
    File::options().read(true).write(true).custom_flags(flags).open(path).ok()
}

/// The terminal while a step has it. It comes back when this is dropped.
#[derive(Debug)]
pub(super) struct Lent {
    tty: File,
    modes: Termios,
    /// The group of this process.
    own: Pid,
}

impl Lent {
    /// Makes the terminal ready to be lent. In the background this process is stopped here until it comes to
    /// the foreground, as every program is that wants the terminal.
    pub(super) fn begin() -> io::Result<Self> {
        let tty = open_terminal().ok_or_else(|| io::Error::other("there is no terminal"))?;
        let own = group(getpid()).ok_or_else(|| io::Error::other("its process group is out of sight"))?;
        put_in_foreground(&tty, own)?;
        Ok(Self { modes: tcgetattr(&tty)?, tty, own })
    }

    /// An end of it, for a standard stream of the step.
    pub(super) fn end(&self) -> io::Result<Stdio> {
        self.tty.try_clone().map(Stdio::from)
    }

    /// Has the process put its own group into the foreground of its stdin before its program begins.
    pub(super) fn to(command: &mut Command) {
        command.process_group(0);
        let before_exec = || without_being_stopped(|| put_in_foreground(rustix::stdio::stdin(), getpid()));
        // SAFETY: between fork and exec it makes a few system calls, none of which allocates or takes a lock.
        unsafe { command.pre_exec(before_exec) };
    }

    /// Lets the step go on that a signal has stopped. One that wanted the terminal in the background gets it
    /// back; by Ctrl-Z this process is stopped as well, until the shell that it was started by has it go on.
    pub(super) fn go_on(&self, step: Pid, stopped_by: i32) {
        let wanted_it = [Signal::TTIN, Signal::TTOU].map(Signal::as_raw).contains(&stopped_by);
        let modes = tcgetattr(&self.tty).ok().filter(|_| !wanted_it);
        if !wanted_it {
            self.take_back();
            stop_own_group();
        }
        let _ = put_in_foreground(&self.tty, self.own);
        if let Some(modes) = modes {
            let _ = tcsetattr(&self.tty, OptionalActions::Now, &modes);
        }
        let _ = put_in_foreground(&self.tty, step);
        let _ = signal_group(step, Signal::CONT);
    }

    /// A terminal that the shell has taken meanwhile is the shell's.
    fn take_back(&self) {
        let shells = [session(), getppid().and_then(group)].into_iter().flatten();
        let foreground = tcgetpgrp(&self.tty).ok();
        if shells.into_iter().any(|shell| shell != self.own && Some(shell) == foreground) {
            return;
        }
        let _ = without_being_stopped(|| put_in_foreground(&self.tty, self.own));
        let _ = without_being_stopped(|| Ok(tcsetattr(&self.tty, OptionalActions::Now, &self.modes)?));
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.take_back();
    }
}

fn put_in_foreground(tty: impl AsFd, group: Pid) -> io::Result<()> {
    Ok(retry_on_intr(|| tcsetpgrp(tty.as_fd(), group))?)
}

/// Does something to the terminal from the background, which would stop this process.
fn without_being_stopped(act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let mut stops = SigSet::empty();
    stops.add(nix::sys::signal::Signal::SIGTTOU);
    let before = stops.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let done = act();
    before.thread_set_mask()?;
    done
}

/// Stops the processes of the own group as Ctrl-Z does, this one last; returns when it goes on. In a group
/// that no shell looks after nothing is stopped.
fn stop_own_group() {
    use nix::sys::signal::Signal::SIGTSTP;
    // SAFETY: the two handlers are no code of this process.
    let handle = |handler| unsafe { signal(SIGTSTP, handler) };
    let _ = handle(SigHandler::SigIgn);
    let _ = kill_current_process_group(Signal::TSTP);
    let _ = handle(SigHandler::SigDfl);
    // Unlike the other, it has been delivered when the call returns.
    let _ = raise(SIGTSTP);
}
