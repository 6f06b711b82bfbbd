//! The reaper's own process.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::process::{getppid, setpgid, setsid};

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

/// Listens on standard input until `pipe` has ended, called by a bell on standard output, and then does what is left to do.
/// `sweep` removes the containers and networks that have all the labels of one of these sets; it may take its time.
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
    if care.listen(Inbox::new(stdin.as_fd(), io::stdout().as_fd())) {
        // What is still here belongs to a run that broke down.
        care = Care { steps: care.steps, ..Care::default() };
    }
    care.reap(sweep);
    Ok(())
}

/// Gets a session of its own. Whoever leads a group cannot, and a group is what keeps the terminal's signals away until
/// here: it goes back to the group of `pipe` for an instant.
fn leave_session() {
    let group = getppid().and_then(processes::group);
    if group.is_some_and(|group| setpgid(None, Some(group)).is_ok()) {
        let _ = setsid();
    }
}

impl Care {
    /// Takes in and lets go as it is told; whether there was a farewell.
    fn listen(&mut self, mut inbox: Inbox<impl AsFd, impl AsFd>) -> bool {
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

    fn take(&mut self, key: u64, thing: Thing, inbox: &mut Inbox<impl AsFd, impl AsFd>) {
        match thing {
            Thing::Processes { mark, pipes } => {
                self.steps.insert(key, Step { mark, pipes, leader: None });
            }
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
        let paths: Vec<PathBuf> = paths.into_values().collect();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                processes::kill(&steps);
                // Containers take their time, and what is on disk need not wait for them.
                remove(&paths);
            });
            if !labels.is_empty() {
                sweep(labels.into_values().collect());
            }
        });
        // They may have made something of it again.
        remove(&paths);
        drop(pipes);
    }
}

/// Removes files and folders, each of which may have come to nothing, or have gone.
fn remove(paths: &[PathBuf]) {
    for path in paths {
        let _ = match path.symlink_metadata() {
            Ok(found) if found.is_dir() => fs::remove_dir_all(path),
            _ => fs::remove_file(path),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::super::wire::Outbox;
    use super::*;

    /// What is in care after these messages, with the ends that some of them bring; and whether there was a farewell.
    fn told(messages: Vec<(Message, Option<OwnedFd>)>) -> (Care, bool) {
        let (here, there) = UnixStream::pair().unwrap();
        let (its_bell, bell) = io::pipe().unwrap();
        let mut outbox = Outbox::new(here, bell).unwrap();
        for (message, end) in messages {
            outbox.send(&message, end.as_ref().map(AsFd::as_fd), false).unwrap();
        }
        drop(outbox);
        let mut care = Care::default();
        let farewell = care.listen(Inbox::new(there, its_bell));
        (care, farewell)
    }

    fn care(key: u64, thing: Thing) -> (Message, Option<OwnedFd>) {
        (Message::Care { key, thing }, None)
    }

    #[test]
    fn a_pipe_ends_when_it_is_let_go_and_not_before() {
        let (mut reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        let hold = |writer: OwnedFd| (Message::Care { key: 1, thing: Thing::Pipe }, Some(writer));
        let (care, _) = told(vec![hold(writer.try_clone().unwrap().into())]);
        drop(writer);
        assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(care);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
        let (mut reader, writer) = io::pipe().unwrap();
        let (_care, _) = told(vec![hold(writer.into()), (Message::Gone { key: 1 }, None)]);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn what_is_still_in_care_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("pipes/a")).unwrap();
        fs::write(path("half"), "x").unwrap();
        fs::write(path("whole"), "x").unwrap();
        let labels = || vec!["pipe.run=r".to_owned()];
        let (care, farewell) = told(vec![
            care(0, Thing::Path(path("pipes"))),
            care(1, Thing::Path(path("half"))),
            care(2, Thing::Path(path("whole"))),
            care(3, Thing::Path(path("never made"))),
            care(4, Thing::Labels(labels())),
            (Message::Gone { key: 2 }, None),
        ]);
        assert!(!farewell);
        let mut swept = Vec::new();
        care.reap(|sets| {
            swept = sets;
            // Files do not wait for containers, which may write them again as long as they are there.
            let begun = std::time::Instant::now();
            while path("half").exists() {
                assert!(begun.elapsed().as_secs() < 30, "it waits for the containers");
                std::thread::yield_now();
            }
            fs::write(path("half"), "x").unwrap();
        });
        assert_eq!(swept, [labels()]);
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["whole"]);
    }

    #[test]
    fn after_a_farewell_nothing_is_listened_to() {
        let (care, farewell) = told(vec![(Message::Farewell, None), care(1, Thing::Path("/never".into()))]);
        assert!(farewell && care.paths.is_empty());
    }
}
