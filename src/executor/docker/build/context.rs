//! The folder that a build sees, as a list of what is sent of it.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::ignore::{Ignore, Matched};

/// The folder of runs, with their key and logs. It is in no context, on whatever level.
const RUNS: &str = ".pipe";

/// Whose way of walking a folder is followed. They differ in what patterns with `!` bring back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    /// The classic builder's: what is brought back is sent without the ignored folder that it is in.
    Classic,
    /// BuildKit's until Docker 20.10: an ignored folder that is looked into is sent.
    OldBuildKit,
    /// BuildKit's since Docker 23: an ignored folder is sent with the first thing in it that is brought back.
    BuildKit,
}

/// Something that is sent.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where it is in the context.
    pub(super) path: PathBuf,
    /// Where it is on this machine.
    pub(super) source: PathBuf,
    pub(super) about: Metadata,
    pub(super) kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    /// A symbolic link, with what it says.
    Link(PathBuf),
    /// Another name of a file that was sent before.
    Same(PathBuf),
    Fifo,
    Socket,
    CharDevice,
    BlockDevice,
}

/// A failure to read a folder, or to send it.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub(super) struct ContextError {
    what: String,
    source: io::Error,
}

impl ContextError {
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self { what: format!("cannot read {}", path.display()), source }
    }

    pub(super) fn send(what: impl std::fmt::Display, source: io::Error) -> Self {
        Self { what: format!("cannot send {what}"), source }
    }
}

/// Lists what is sent of a folder: each folder before what is in it, names in the order of their bytes.
///
/// # Errors
/// What cannot be read.
pub(super) fn list(root: &Path, ignore: &Ignore, walk: Walk) -> Result<Vec<Entry>, ContextError> {
    let mut listing =
        Listing { root, ignore, walk, entries: Vec::new(), withheld: Vec::new(), seen: HashMap::new() };
    listing.folder(Path::new(""), &Matched::default())?;
    Ok(listing.entries)
}

struct Listing<'a> {
    root: &'a Path,
    ignore: &'a Ignore,
    walk: Walk,
    entries: Vec<Entry>,
    /// The ignored folders that are being looked into, from the top.
    withheld: Vec<Entry>,
    /// The first names of files that have several, by device and inode.
    seen: HashMap<(u64, u64), PathBuf>,
}

impl Listing<'_> {
    fn folder(&mut self, folder: &Path, above: &Matched) -> Result<(), ContextError> {
        let here = self.root.join(folder);
        let failed = |error| ContextError::read(&here, error);
        let names = fs::read_dir(&here).map_err(failed)?.map(|entry| entry.map(|entry| entry.file_name()));
        let mut names = names.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        names.sort();
        for name in names.iter().filter(|name| *name != RUNS) {
            self.entry(folder.join(name), above)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, above: &Matched) -> Result<(), ContextError> {
        let source = self.root.join(&path);
        let about = match source.symlink_metadata() {
            Ok(about) => about,
            // It has gone since its folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(ContextError::read(&source, error)),
        };
        let shown = path.to_string_lossy();
        let (is_ignored, matched) = self.ignore.matches(&shown, above);
        if !about.is_dir() {
            return if is_ignored { Ok(()) } else { self.leaf(path, source, about) };
        }
        let is_closed = is_ignored && !self.ignore.brings_back_from(&shown, self.walk != Walk::BuildKit);
        if is_closed {
            return Ok(());
        }
        let entry = Entry { path: path.clone(), source, about, kind: Kind::Folder };
        let depth = self.withheld.len();
        match (is_ignored, self.walk) {
            (true, Walk::Classic) => {}
            (true, Walk::BuildKit) => self.withheld.push(entry),
            (true, Walk::OldBuildKit) | (false, _) => self.send(entry),
        }
        self.folder(&path, &matched)?;
        self.withheld.truncate(depth);
        Ok(())
    }

    /// Sends what is no folder.
    fn leaf(&mut self, path: PathBuf, source: PathBuf, about: Metadata) -> Result<(), ContextError> {
        let is = about.file_type();
        let kind = if is.is_symlink() {
            let target = fs::read_link(&source);
            Kind::Link(target.map_err(|error| ContextError::read(&source, error))?)
        } else if is.is_fifo() {
            Kind::Fifo
        } else if is.is_char_device() {
            Kind::CharDevice
        } else if is.is_block_device() {
            Kind::BlockDevice
        } else if is.is_socket() {
            Kind::Socket
        } else {
            Kind::File
        };
        let inode = (about.dev(), about.ino());
        let first = (about.nlink() > 1).then(|| self.seen.get(&inode)).flatten();
        let kind = match first {
            Some(first) => Kind::Same(first.clone()),
            None => kind,
        };
        if about.nlink() > 1 && !matches!(kind, Kind::Same(_)) {
            self.seen.insert(inode, path.clone());
        }
        self.send(Entry { path, source, about, kind });
        Ok(())
    }

    fn send(&mut self, entry: Entry) {
        self.entries.append(&mut self.withheld);
        self.entries.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What docker itself sent; the integration tests ask it again.
    const TABLE: &str = include_str!("../../../../tests/fixtures/dockerignore.jsonl");

    fn make(root: &Path, path: &str) {
        let full = root.join(path);
        match path.strip_suffix('/') {
            Some(_) => fs::create_dir_all(full).unwrap(),
            None => {
                fs::create_dir_all(full.parent().unwrap()).unwrap();
                fs::write(full, "x").unwrap();
            }
        }
    }

    /// The files and empty folders that are sent.
    fn sent(root: &Path, patterns: &str, walk: Walk) -> Result<BTreeSet<String>, Box<dyn std::error::Error>> {
        let entries = list(root, &Ignore::parse(patterns.as_bytes())?, walk)?;
        let shown = |entry: &Entry| match entry.kind {
            Kind::Folder => format!("{}/", entry.path.display()),
            _ => entry.path.display().to_string(),
        };
        let all: Vec<String> = entries.iter().map(shown).collect();
        let is_leaf = |path: &&String| {
            !path.ends_with('/')
                || !all.iter().any(|other| other.len() > path.len() && other.starts_with(*path))
        };
        Ok(all.iter().filter(is_leaf).cloned().collect())
    }

    fn strings(value: &serde_json::Value) -> BTreeSet<String> {
        let all = value.as_array().into_iter().flatten();
        all.map(|value| value.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_sent_is_what_docker_sends() {
        let mut table = TABLE.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let tree = strings(&table.next().unwrap()["tree"]);
        tree.iter().for_each(|path| make(dir.path(), path));
        let mut cases = 0;
        for case in table {
            cases += 1;
            let patterns = case["patterns"].as_str().unwrap();
            for walk in [Walk::Classic, Walk::OldBuildKit, Walk::BuildKit] {
                let sent = sent(dir.path(), patterns, walk);
                if case["refused"] == true {
                    assert!(sent.is_err(), "{walk:?} {patterns:?}: {sent:?}");
                    continue;
                }
                let mut wanted: BTreeSet<_> = tree.difference(&strings(&case["out"])).cloned().collect();
                wanted.extend(strings(&case["more"]));
                match walk {
                    Walk::Classic => {}
                    Walk::OldBuildKit => wanted.extend(strings(&case["more_in_old_buildkit"])),
                    Walk::BuildKit => {
                        wanted.extend(strings(&case["buildkit"]["and"]));
                        strings(&case["buildkit"]["but_not"]).iter().for_each(|path| drop(wanted.take(path)));
                    }
                }
                assert_eq!(sent.unwrap(), wanted, "{walk:?} {patterns:?}");
            }
        }
        assert!(cases > 60, "{cases}");
    }

    #[test]
    fn todays_buildkit_looks_everywhere_for_what_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        ["top", "a/b/keep", "a/b/c", "d/e/f", "keep/x"].iter().for_each(|path| make(dir.path(), path));
        let sent = |patterns, walk| sent(dir.path(), patterns, walk).unwrap().into_iter().collect::<Vec<_>>();
        let found = sent("*\n!**/keep", Walk::BuildKit);
        assert_eq!(found, ["a/b/keep", "keep/x"], "with the folders that it is in, and no others");
        assert_eq!(sent("*\n!**/keep", Walk::Classic), ["keep/x"]);
        assert_eq!(sent("*\n!a/b/keep/*", Walk::BuildKit), Vec::<String>::new());
        assert_eq!(sent("*\n!a/b/k*", Walk::BuildKit), ["a/b/keep"]);
    }

    #[test]
    fn no_run_is_sent_and_each_folder_comes_before_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let all = [".pipe/runs/1/log", "a/.pipe/key", "a/z", "a-b", "a.b", "b/c", ".piped"];
        all.iter().for_each(|path| make(dir.path(), path));
        let entries = list(dir.path(), &Ignore::parse(b"!.pipe").unwrap(), Walk::BuildKit).unwrap();
        let paths: Vec<_> = entries.iter().map(|entry| entry.path.to_str().unwrap()).collect();
        assert_eq!(paths, [".piped", "a", "a/z", "a-b", "a.b", "b", "b/c"]);
    }

    #[test]
    fn each_kind_of_thing_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), "file");
        fs::hard_link(dir.path().join("file"), dir.path().join("other")).unwrap();
        std::os::unix::fs::symlink("no/where", dir.path().join("link")).unwrap();
        let fifo = dir.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(fifo).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        let entries = list(dir.path(), &Ignore::default(), Walk::Classic).unwrap();
        let kinds: Vec<_> = entries.iter().map(|entry| (entry.path.to_str().unwrap(), &entry.kind)).collect();
        let wanted = [
            ("fifo", &Kind::Fifo),
            ("file", &Kind::File),
            ("link", &Kind::Link("no/where".into())),
            ("other", &Kind::Same("file".into())),
            ("socket", &Kind::Socket),
        ];
        assert_eq!(kinds, wanted);
    }
}
