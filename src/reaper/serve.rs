//! The reaper's own process.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::process::{getpgid, getppid, setpgid, setsid};

use super::message::{Message, Thing};
use super::processes::{self, Step};
use super::wire::Inbox;

/// Everything in the reaper's care.
#[derive(Default)]
struct Care {
    steps: BTreeMap<u64, Step>,
    pipes: BTreeMap<u64, OwnedFd>,
    paths: BTreeMap<u64, PathBuf>,
    labels: BTreeMap<u64, Vec<String>>,
}

/// Listens on standard input until `pipe` has ended, and then does what is left to do. `sweep` removes the containers and
/// networks that have all the labels of one of these sets; it may take its time.
///
/// # Errors
/// If standard input is no socket.
pub fn serve(sweep: impl FnOnce(Vec<Vec<String>>)) -> io::Result<()> {
    let stdin = io::stdin();
    if stdin.is_terminal() || rustix::net::sockopt::socket_type(&stdin).is_err() {
        return Err(io::Error::other("this is for `pipe` itself"));
    }
    // Who kills all that are called `pipe` should not get both.
    let _ = fs::write("/proc/self/comm", "reaper");
    leave_session();
    let mut care = Care::default();
    if care.listen(Inbox::new(stdin.as_fd())) {
        // What is still here belongs to a run that broke down.
        care = Care { steps: care.steps, ..Care::default() };
    }
    care.reap(sweep);
    Ok(())
}

/// Gets a session of its own. Whoever leads a group cannot, and a group is what keeps the terminal's signals away until
/// here: it goes back to the group of `pipe` for an instant.
fn leave_session() {
    let group = getppid().and_then(|parent| getpgid(Some(parent)).ok());
    if group.is_some_and(|group| setpgid(None, Some(group)).is_ok()) {
        let _ = setsid();
    }
}

impl Care {
    /// Takes in and lets go as it is told; whether there was a farewell.
    fn listen(&mut self, mut inbox: Inbox<impl AsFd>) -> bool {
        while let Some(message) = inbox.next() {
            match message {
                Message::Care { key, thing } => self.take(key, thing, &mut inbox),
                Message::Lead { key, pid, started } => {
                    if let Some(step) = self.steps.get_mut(&key) {
                        step.leader = Some((pid, started));
                    }
                }
                Message::Gone { key } => self.let_go(key),
                Message::Farewell => return true,
            }
        }
        false
    }

    fn take(&mut self, key: u64, thing: Thing, inbox: &mut Inbox<impl AsFd>) {
        match thing {
            Thing::Processes(mark) => drop(self.steps.insert(key, Step { mark, leader: None })),
            Thing::Pipe => self.pipes.extend(inbox.take_end().map(|end| (key, end))),
            Thing::Path(path) => drop(self.paths.insert(key, path)),
            Thing::Labels(labels) => drop(self.labels.insert(key, labels)),
        }
    }

    fn let_go(&mut self, key: u64) {
        self.steps.remove(&key);
        self.pipes.remove(&key);
        self.paths.remove(&key);
        self.labels.remove(&key);
    }

    /// Removes all that is left. The pipes go last: whoever could take their end for a good one is dead by then.
    fn reap(self, sweep: impl FnOnce(Vec<Vec<String>>)) {
        let Self { steps, pipes, paths, labels } = self;
        let steps: Vec<Step> = steps.into_values().collect();
        std::thread::scope(|scope| {
            scope.spawn(|| processes::kill(&steps));
            if !labels.is_empty() {
                sweep(labels.into_values().collect());
            }
        });
        for path in paths.into_values() {
            // It may have come to nothing, or have gone.
            let _ = match path.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
                _ => fs::remove_file(&path),
            };
        }
        drop(pipes);
    }
}
