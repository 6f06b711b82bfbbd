//! All processes below this one: those that it has started, those that they have started, and so on. Only the first
//! process of a PID namespace, or a subreaper, is sure to have all of them below it.

use std::collections::BTreeSet;

use nix::sys::signal as system;
use rustix::process::{Signal, getpid};

use super::signs::with_descendants;
use super::table::Table;
use super::{Found, procfs};

/// Sends a signal to every process below this one. The reaper of a `pipe` among them is spared, unless this is the
/// first process of its PID namespace: then each of the others gets it.
pub fn signal_all_below(signal: Signal) {
    if getpid().is_init() {
        let everything = nix::unistd::Pid::from_raw(-1);
        if let Ok(signal) = system::Signal::try_from(signal.as_raw()) {
            // Without any other process it is an error.
            let _ = system::kill(everything, signal);
        }
        return;
    }
    let table = Table::of(procfs::all());
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let children: BTreeSet<usize> = table.children(own).iter().copied().collect();
    let below = with_descendants(children, &table).into_iter().filter_map(|index| table.all.get(index));
    for process in below.filter(|process| process.lives) {
        Found::at(process).signal(signal);
    }
}

/// Makes this process the one that orphans below it become children of. The first process of a PID namespace is that
/// already.
///
/// # Errors
/// The kernel does not let it.
pub fn adopt_orphans() -> std::io::Result<()> {
    match getpid().is_init() {
        true => Ok(()),
        false => Ok(rustix::process::set_child_subreaper(Some(getpid()))?),
    }
}
