//! Groups and sessions that may lie outside of what this process can see.
//!
//! In a PID namespace the kernel gives a process group or a session from outside of it the number 0. The
//! wrappers of rustix hold such a number to be impossible, so these calls go through nix
//! (`clippy.toml` forbids the others).

use std::os::fd::AsFd;

use nix::sys::termios;
use nix::unistd;
use rustix::process::Pid;

/// Returns the group that a process is in, unless that group is outside of this PID namespace.
pub fn group(pid: Pid) -> Option<Pid> {
    let pid = unistd::Pid::from_raw(pid.as_raw_nonzero().get());
    inside(unistd::getpgid(Some(pid)).ok()?)
}

/// Returns the session of this process, unless that session is outside of this PID namespace.
pub fn session() -> Option<Pid> {
    inside(unistd::getsid(None).ok()?)
}

/// Tells whether the terminal is the one that the session of this process is on.
pub fn is_own_terminal(tty: impl AsFd) -> bool {
    // Two sessions from outside have one number; the kernel answers for this process's own terminal alone,
    // or for the master of another.
    termios::tcgetsid(tty).is_ok_and(|of_tty| unistd::getsid(None).is_ok_and(|own| own == of_tty))
}

fn inside(pid: unistd::Pid) -> Option<Pid> {
    Pid::from_raw(pid.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_0_is_no_process() {
        let inside = |number| inside(unistd::Pid::from_raw(number)).map(|pid| pid.as_raw_nonzero().get());
        assert_eq!((inside(0), inside(5)), (None, Some(5)));
    }
}
