//! Names that one run or step of this user and machine holds at a time (`concurrency`).
//!
//! Each name has a folder, in which every run or step that wants it has a ticket: a file with a number, and
//! with a lock on it that the kernel releases when the process, and the reaper of a killed one, have ended in any
//! way. The lowest ticket that is
//! still locked holds the name; the others wait in the order in which they came. A lock on the file `turn`
//! makes taking a ticket and looking at the others one action.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::executor::{self, SystemError};
use crate::processes;
use crate::reaper::{Reaper, Registration};

/// How often a waiting one looks whether it is its turn.
const LOOK: Duration = Duration::from_millis(50);

/// The longest part of a name that its folder shows.
const LONGEST: usize = 80;

/// The file whose lock is held while tickets are taken or looked at.
const TURN: &str = "turn";

/// Where the names of this user are held.
#[derive(Debug, Clone)]
pub struct NameFolder(PathBuf);

impl NameFolder {
    /// Returns the folder of this user: it lasts until the machine starts anew, and other users cannot enter
    /// it.
    pub fn of_user() -> Self {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
        let own = || format!("/tmp/pipe-{}", executor::user()).into();
        Self(runtime.map_or_else(own, |dir| dir.join("pipe")).join("locks"))
    }

    /// Returns a folder of the caller's choice.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Takes the next ticket for a name. `holder` is who others are told that they wait for.
    ///
    /// # Errors
    /// The folder cannot be made or written, or another user owns it.
    pub fn queue(&self, name: &str, holder: &Holder) -> Result<Ticket, SystemError> {
        let folder = self.0.join(slug(name));
        let failed = |error| {
            SystemError::new(format!("cannot wait for the name `{name}` in {}", self.0.display()), error)
        };
        self.prepare(&folder).map_err(failed)?;
        Ticket::take(folder, holder).map_err(failed)
    }

    /// Makes the folders, and refuses those that another user can write.
    fn prepare(&self, folder: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut own = vec![folder, self.0.as_path()];
        own.extend(self.0.parent().filter(|parent| parent.starts_with("/tmp/")));
        for dir in own {
            let found = dir.symlink_metadata()?;
            if !found.is_dir() || found.uid() != executor::user() || found.mode() & 0o022 != 0 {
                return Err(io::Error::other(format!(
                    "{} is not a folder of this user alone",
                    dir.display()
                )));
            }
        }
        Ok(())
    }
}

/// Returns a name as a file's. Two names that look alike there are told apart by a hash.
fn slug(name: &str) -> String {
    let plain = |each: char| if each.is_ascii_alphanumeric() || "_.-".contains(each) { each } else { '-' };
    let slug: String = name.chars().take(LONGEST).map(plain).collect();
    if slug == name && !slug.starts_with('.') {
        return slug;
    }
    let hash = Sha256::digest(name.as_bytes());
    let hash: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("_{slug}-{hash}")
}

/// Who has a name, or waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// The process of `pipe`.
    pub pid: u32,
    /// When that was started, in kernel ticks; empty where that cannot be known.
    pub started: String,
    /// The run; empty as long as it has no id.
    pub run: String,
    /// The step; empty if the run itself has the name.
    pub step: String,
}

impl Holder {
    /// Returns the run or the step of this process.
    pub fn this(run: impl Into<String>, step: impl Into<String>) -> Self {
        let pid = std::process::id();
        Self { pid, started: started(pid), run: run.into(), step: step.into() }
    }

    /// Returns whether its process still runs: once that is gone, its reaper may hold the name, and another process
    /// may have the id.
    pub fn is_alive(&self) -> bool {
        started(self.pid) == self.started
    }

    /// Returns who it is, in words.
    pub fn words(&self) -> String {
        let Self { pid, started: _, run, step } = self;
        match (step.as_str(), run.as_str()) {
            ("", "") => format!("a run (pid {pid})"),
            ("", run) => format!("run {run} (pid {pid})"),
            (step, run) => format!("`{step}` of run {run} (pid {pid})"),
        }
    }

    fn text(&self) -> String {
        let Self { pid, started, run, step } = self;
        format!("{pid}\n{run}\n{step}\n{started}\n")
    }

    fn read(text: &str) -> Self {
        let mut lines = text.lines().map(str::to_owned);
        let pid = lines.next().and_then(|pid| pid.parse().ok()).unwrap_or_default();
        let mut line = || lines.next().unwrap_or_default();
        let (run, step) = (line(), line());
        Self { pid, started: line(), run, step }
    }
}

fn started(pid: u32) -> String {
    i32::try_from(pid).ok().and_then(processes::started).unwrap_or_default()
}

/// A place in the queue for a name; with the lowest one the name is held. It is given up when this is dropped.
#[derive(Debug)]
pub struct Ticket {
    folder: PathBuf,
    number: u64,
    file: File,
    /// Dropped after the file is removed.
    held: Registration,
}

/// What is before a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// Who has the name.
    pub holder: Holder,
    /// How many tickets come first, that of the holder included.
    pub count: usize,
}

impl Ticket {
    fn take(folder: PathBuf, holder: &Holder) -> io::Result<Self> {
        let _turn = turn(&folder)?;
        let number = tickets(&folder)?.into_iter().max().unwrap_or_default() + 1;
        let path = folder.join(number.to_string());
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        file.lock()?;
        file.write_all(holder.text().as_bytes())?;
        Ok(Self { folder, number, file, held: Registration::default() })
    }

    /// Leaves it to the reaper if this process is killed: the next one has its turn once nothing of this one is
    /// left.
    pub fn leave_to(&mut self, reaper: &Reaper) {
        self.held = reaper.hold(&self.file);
    }

    /// Returns what is before it; nothing if it is its turn. Tickets of processes that have ended are removed.
    pub fn before(&self) -> io::Result<Option<Before>> {
        let _turn = turn(&self.folder)?;
        let mut numbers = tickets(&self.folder)?;
        numbers.retain(|number| *number < self.number);
        numbers.sort_unstable();
        let mut before: Option<Before> = None;
        for number in numbers {
            let path = self.folder.join(number.to_string());
            let Ok(mut file) = File::open(&path) else { continue };
            if file.try_lock_shared().is_ok() {
                fs::remove_file(&path)?;
                continue;
            }
            match &mut before {
                Some(before) => before.count += 1,
                None => {
                    let mut text = String::new();
                    file.read_to_string(&mut text)?;
                    before = Some(Before { holder: Holder::read(&text), count: 1 });
                }
            }
        }
        Ok(before)
    }

    /// Waits until it is its turn. Calls `tell` whenever another one has the name than before.
    ///
    /// # Errors
    /// The folder cannot be read any more.
    pub async fn wait(&self, mut tell: impl FnMut(&Before)) -> io::Result<()> {
        let mut known = None;
        while let Some(before) = self.before()? {
            if known.as_ref() != Some(&before.holder) {
                tell(&before);
                known = Some(before.holder);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Says who has it, now that the run has an id.
    pub fn rename(&mut self, holder: &Holder) -> io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(holder.text().as_bytes())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // What stays is removed by the next one that looks.
        let _ = fs::remove_file(self.folder.join(self.number.to_string()));
    }
}

/// Waits for the lock under which tickets are taken and looked at; each holds it for a moment.
fn turn(folder: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.join(TURN))?;
    file.lock()?;
    Ok(file)
}

fn tickets(folder: &Path) -> io::Result<Vec<u64>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
    let names: Vec<_> = names.collect::<io::Result<_>>()?;
    Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, NameFolder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = NameFolder::at(dir.path().join("pipe/locks"));
        (dir, folder)
    }

    fn holder(run: &str) -> Holder {
        Holder::this(run, "")
    }

    fn before(ticket: &Ticket) -> Option<(String, usize)> {
        ticket.before().unwrap().map(|before| (before.holder.run, before.count))
    }

    #[test]
    fn the_first_has_the_name_and_the_others_wait_in_turn() {
        let (_dir, folder) = folder();
        let first = folder.queue("deploy", &holder("a")).unwrap();
        let second = folder.queue("deploy", &holder("b")).unwrap();
        let third = folder.queue("deploy", &holder("c")).unwrap();
        assert_eq!(before(&first), None);
        assert_eq!(before(&second), Some(("a".into(), 1)));
        assert_eq!(before(&third), Some(("a".into(), 2)));
        drop(second);
        assert_eq!(before(&third), Some(("a".into(), 1)));
        drop(first);
        assert_eq!(before(&third), None);
        assert_eq!(before(&folder.queue("deploy", &holder("d")).unwrap()), Some(("c".into(), 1)));
    }

    #[test]
    fn names_do_not_meet_and_any_text_is_one() {
        let (_dir, folder) = folder();
        let names = ["a/b", "a-b", "a b", "../a", ".", "..", "a", "ä", "A"];
        let tickets: Vec<Ticket> =
            names.iter().map(|name| folder.queue(name, &holder(name)).unwrap()).collect();
        assert!(tickets.iter().all(|ticket| before(ticket).is_none()));
        assert!(tickets.iter().all(|ticket| ticket.folder.parent() == Some(folder.0.as_path())));
        folder.queue(&"x".repeat(10_000), &holder("long")).unwrap();
    }

    #[test]
    fn a_ticket_whose_process_has_died_holds_nothing() {
        let (_dir, folder) = folder();
        let ticket = folder.queue("deploy", &holder("a")).unwrap();
        // As a killed process leaves it: the file is there, and its lock is not.
        fs::write(ticket.folder.join("0"), holder("dead").text()).unwrap();
        assert_eq!(before(&ticket), None);
        assert!(!ticket.folder.join("0").exists());
    }

    #[test]
    fn a_holder_says_who_it_is_once_it_knows() {
        let (_dir, folder) = folder();
        let mut first = folder.queue("deploy", &holder("")).unwrap();
        let second = folder.queue("deploy", &Holder::this("r2", "push")).unwrap();
        let words = |ticket: &Ticket| ticket.before().unwrap().unwrap().holder.words();
        let pid = std::process::id();
        assert_eq!(words(&second), format!("a run (pid {pid})"));
        first.rename(&holder("r1")).unwrap();
        assert_eq!(words(&second), format!("run r1 (pid {pid})"));
        assert_eq!(
            Holder::read(&Holder::this("r2", "push").text()).words(),
            format!("`push` of run r2 (pid {pid})")
        );
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let (dir, folder) = folder();
        let open = dir.path().join("pipe/locks");
        fs::create_dir_all(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let error = folder.queue("deploy", &holder("a")).unwrap_err().to_string();
        assert!(error.contains("not a folder of this user alone"), "{error}");
        assert!(error.contains(&*open.to_string_lossy()), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_tells_each_holder_once() {
        let (_dir, folder) = folder();
        let first = folder.queue("deploy", &holder("a")).unwrap();
        let second = folder.queue("deploy", &holder("b")).unwrap();
        let third = folder.queue("deploy", &holder("c")).unwrap();
        let told = std::cell::RefCell::new(Vec::new());
        let mut held = vec![second, first];
        third
            .wait(|before| {
                told.borrow_mut().push(format!("{} {}", before.holder.run, before.count));
                held.pop();
            })
            .await
            .unwrap();
        assert_eq!(*told.borrow(), ["a 2", "b 1"]);
    }
}
