//! The reaper's own process.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use super::message::{Message, Resource};
use super::wire::Inbox;
use crate::processes::{self, Signs};

/// All registered resources, by key.
#[derive(Default)]
struct Registry {
    steps: BTreeMap<u64, Signs>,
    held: BTreeMap<u64, OwnedFd>,
    paths: BTreeMap<u64, PathBuf>,
    labels: BTreeMap<u64, Vec<String>>,
    products: BTreeMap<u64, Vec<u8>>,
}

/// Reads messages from standard input until `pipe` has ended, then cleans up what is still registered.
/// `sweep` removes the containers and networks that have all the labels of one of these sets, and may take
/// its time. `undo` deletes what a step has made, by its encoded form.
///
/// # Errors
/// If standard input is not a socket.
pub fn serve(sweep: impl FnOnce(Vec<Vec<String>>), undo: fn(&[u8])) -> io::Result<()> {
    let stdin = io::stdin();
    if stdin.is_terminal() || rustix::net::sockopt::socket_type(&stdin).is_err() {
        return Err(io::Error::other("this is for `pipe` itself"));
    }
    // `killall pipe` must not kill both.
    let _ = fs::write("/proc/self/comm", "reaper");
    let mut registry = Registry::default();
    if registry.listen(Inbox::new(stdin.as_fd())) {
        // After a clean exit only the processes of a run that broke down are left to do.
        registry = Registry { steps: registry.steps, ..Registry::default() };
    }
    registry.reap(sweep, undo);
    Ok(())
}

impl Registry {
    /// Keeps the registry up to date until `pipe` has ended; returns whether it has announced a clean exit.
    fn listen(&mut self, mut inbox: Inbox<impl AsFd>) -> bool {
        while let Some(message) = inbox.next() {
            match message {
                Message::Register { key, resource } => self.register(key, resource, &mut inbox),
                Message::SetLeader { key, pid, started } => {
                    if let Some(step) = self.steps.get_mut(&key) {
                        step.leader = Some((pid, started));
                    }
                }
                Message::Release { key } => self.release(key),
                Message::CleanExit => return true,
            }
        }
        false
    }

    fn register(&mut self, key: u64, resource: Resource, inbox: &mut Inbox<impl AsFd>) {
        match resource {
            Resource::Processes { mark, pipes } => {
                self.steps.insert(key, Signs { mark, pipes, ..Signs::default() });
            }
            Resource::Descriptor => self.held.extend(inbox.take_end().map(|end| (key, end))),
            Resource::Path(path) => drop(self.paths.insert(key, path)),
            Resource::Labels(labels) => drop(self.labels.insert(key, labels)),
            Resource::Products(encoded) => drop(self.products.insert(key, encoded)),
        }
    }

    fn release(&mut self, key: u64) {
        self.steps.remove(&key);
        self.held.remove(&key);
        self.paths.remove(&key);
        self.labels.remove(&key);
        self.products.remove(&key);
    }

    /// Cleans up. What is held closes last: the readers of a pipe, which would take that for the end of the
    /// stream, are dead by then, and a run that waits for a lock finds nothing left.
    fn reap(self, sweep: impl FnOnce(Vec<Vec<String>>), undo: fn(&[u8])) {
        let Self { steps, held, paths, labels, products } = self;
        let steps: Vec<Signs> = steps.into_values().collect();
        let paths: Vec<PathBuf> = paths.into_values().collect();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                processes::kill(&steps);
                // Removing containers may take a while; files need not wait for it.
                remove(&paths);
                products.values().for_each(|encoded| undo(encoded));
            });
            if !labels.is_empty() {
                sweep(labels.into_values().collect());
            }
        });
        // A container may have written them again before it was removed.
        remove(&paths);
        products.values().for_each(|encoded| undo(encoded));
        drop(held);
    }
}

/// Removes files and directories, as far as they exist.
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

    use super::super::wire::send;
    use super::*;

    /// Returns the registry after these messages, with the descriptors that some of them bring, and whether
    /// the exit was clean.
    fn listened(messages: Vec<(Message, Option<OwnedFd>)>) -> (Registry, bool) {
        let (here, there) = UnixStream::pair().unwrap();
        for (message, end) in messages {
            send(&here, &message, end.as_ref().map(AsFd::as_fd)).unwrap();
        }
        drop(here);
        let mut registry = Registry::default();
        let is_clean = registry.listen(Inbox::new(there));
        (registry, is_clean)
    }

    fn register(key: u64, resource: Resource) -> (Message, Option<OwnedFd>) {
        (Message::Register { key, resource }, None)
    }

    #[test]
    fn a_pipe_ends_when_it_is_released_and_not_before() {
        let (mut reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        let hold =
            |writer: OwnedFd| (Message::Register { key: 1, resource: Resource::Descriptor }, Some(writer));
        let (registry, _) = listened(vec![hold(writer.try_clone().unwrap().into())]);
        drop(writer);
        assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(registry);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
        let (mut reader, writer) = io::pipe().unwrap();
        let (_registry, _) = listened(vec![hold(writer.into()), (Message::Release { key: 1 }, None)]);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn what_is_still_registered_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("pipes/a")).unwrap();
        for name in ["half", "whole", "product"] {
            fs::write(path(name), "x").unwrap();
        }
        let labels = || vec!["pipe.run=r".to_owned()];
        let (registry, is_clean) = listened(vec![
            register(0, Resource::Path(path("pipes"))),
            register(1, Resource::Path(path("half"))),
            register(2, Resource::Path(path("whole"))),
            register(3, Resource::Path(path("never made"))),
            register(4, Resource::Labels(labels())),
            register(5, Resource::Products(path("product").into_os_string().into_encoded_bytes())),
            (Message::Release { key: 2 }, None),
        ]);
        assert!(!is_clean);
        let mut swept = Vec::new();
        let undo = |path: &[u8]| fs::remove_file(std::str::from_utf8(path).unwrap()).unwrap_or_default();
        let sweep = |sets| {
            swept = sets;
            // Files do not wait for containers, which may write them again as long as they are there.
            let begun = std::time::Instant::now();
            while path("half").exists() || path("product").exists() {
                assert!(begun.elapsed().as_secs() < 30, "it waits for the containers");
                std::thread::yield_now();
            }
            fs::write(path("half"), "x").unwrap();
            fs::write(path("product"), "x").unwrap();
        };
        registry.reap(sweep, undo);
        assert_eq!(swept, [labels()]);
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["whole"]);
    }

    #[test]
    fn messages_after_a_clean_exit_are_ignored() {
        let (registry, is_clean) =
            listened(vec![(Message::CleanExit, None), register(1, Resource::Path("/never".into()))]);
        assert!(is_clean && registry.paths.is_empty());
    }
}
