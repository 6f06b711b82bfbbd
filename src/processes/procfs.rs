//! What `/proc` says of processes.
//!
//! In a PID namespace that kept the `/proc` of an outer one, its numbers mean other processes. They are
//! translated, by what `status` says of the numbers that a process has in inner namespaces; a number of the
//! outer one is never signalled.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The kernel's mark on a thread that has begun to end, `PF_EXITING`.
const EXITING: u32 = 4;

/// 52 numbers of at most 20 digits, and a name, fill half of it.
const LONGEST_STAT: usize = 2048;

/// What a file is known by, by whatever path, as long as it exists: its device and its inode.
pub(super) type FileId = (u64, u64);

/// One process.
#[derive(Debug, Clone, Default)]
pub(super) struct Process {
    /// The name of its folder in `/proc`.
    pub(super) entry: i32,
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
    /// When it was started, in the kernel's ticks.
    pub(super) started: String,
    /// It has not ended; a zombie has.
    pub(super) lives: bool,
    /// Its only thread has begun to end: its files may be closed already, and it is about to be a zombie.
    pub(super) is_ending: bool,
    /// The entries of its environment that have the name of the mark.
    pub(super) marks: Vec<Vec<u8>>,
    /// The inodes of the pipes that it has open; none of one that runs this program.
    pub(super) pipes: Vec<u64>,
    /// The files that it has open; empty unless they are asked for.
    pub(super) files: Vec<FileId>,
}

/// The PID namespace that `/proc` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// That of this process.
    Own,
    /// An outer one; `/proc` then has the inner process ids too.
    Outer,
    /// None that this process is in.
    Unknown,
}

static NUMBERS: LazyLock<Numbers> = LazyLock::new(|| {
    let own = own_pid();
    let entry = fs::read_link("/proc/self").ok();
    let entry: Option<i32> = entry.and_then(|entry| entry.to_str()?.parse().ok());
    match entry {
        Some(entry) if entry == own => Numbers::Own,
        Some(entry) if inner(entry).is_some_and(|(pid, _)| pid == own) => Numbers::Outer,
        Some(_) | None => Numbers::Unknown,
    }
});

fn own_pid() -> i32 {
    i32::try_from(std::process::id()).unwrap_or_default()
}

/// Returns whether `/proc` shows the processes of this PID namespace, by whatever process ids.
pub fn are_visible() -> bool {
    *NUMBERS != Numbers::Unknown
}

/// Returns the start time of a process in kernel ticks since boot; `None` if it does not exist.
pub fn started(pid: i32) -> Option<String> {
    Some(by_number(pid)?.started)
}

/// Returns whether a process of one thread is about to be a zombie.
pub fn is_ending(pid: i32) -> bool {
    by_number(pid).is_some_and(|process| process.is_ending)
}

/// A child of this process that has ended, and has not been waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zombie {
    /// Its process id, which no other process gets before it is waited for.
    pub pid: i32,
    /// Its group.
    pub group: i32,
}

/// Finds the children of this process that have ended and have not been waited for.
pub fn zombies() -> Vec<Zombie> {
    let own = own_pid();
    let found = all().into_iter().filter(|it| it.parent == own && !it.lives);
    found.map(|it| Zombie { pid: it.pid, group: it.group }).collect()
}

/// Every process of this PID namespace but this one, without its environment and its pipes.
pub(super) fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let entries = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut all: Vec<Process> = match *NUMBERS {
        Numbers::Own => entries.filter_map(stat).collect(),
        Numbers::Outer => translated(entries.filter_map(stat).collect()),
        Numbers::Unknown => Vec::new(),
    };
    let own = own_pid();
    all.retain(|process| process.pid != own);
    all
}

/// Looks at the process of this id.
fn by_number(pid: i32) -> Option<Process> {
    match *NUMBERS {
        Numbers::Own => stat(pid),
        Numbers::Outer => all().into_iter().find(|process| process.pid == pid),
        Numbers::Unknown => None,
    }
}

/// What an entry of `/proc` says of its process, by the numbers that it has there.
pub(super) fn stat(entry: i32) -> Option<Process> {
    let mut stat = [0; LONGEST_STAT];
    // The kernel hands it out in one piece. Each step is looked at in this way, and a read of unknown size
    // asks more.
    let length = fs::File::open(format!("/proc/{entry}/stat")).ok()?.read(&mut stat).ok()?;
    parse(entry, stat.get(..length)?)
}

pub(super) fn parse(entry: i32, stat: &[u8]) -> Option<Process> {
    // The name in brackets may have anything in it.
    let after = stat.iter().rposition(|&byte| byte == b')')?;
    let text = std::str::from_utf8(stat.get(after + 1..)?).ok()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |at: usize| words.get(at)?.parse().ok();
    let flags: u32 = words.get(6)?.parse().ok()?;
    Some(Process {
        entry,
        pid: entry,
        parent: number(1)?,
        group: number(2)?,
        started: (*words.get(19)?).to_owned(),
        lives: !matches!(*words.first()?, "Z" | "X"),
        is_ending: flags & EXITING != 0 && *words.get(17)? == "1",
        ..Process::default()
    })
}

/// These processes by their numbers in this namespace, without those that are in another.
fn translated(outer: Vec<Process>) -> Vec<Process> {
    let own = fs::read_link("/proc/self/ns/pid").ok();
    let is_here = |it: &Process| fs::read_link(format!("/proc/{}/ns/pid", it.entry)).ok() == own || !it.lives;
    let inner: Vec<(Process, i32, i32)> = outer
        .into_iter()
        .filter(is_here)
        .filter_map(|it| inner(it.entry).map(|(pid, group)| (it, pid, group)))
        .collect();
    let number = |entry: i32| inner.iter().find(|(it, ..)| it.entry == entry).map_or(0, |&(_, pid, _)| pid);
    let parents: Vec<i32> = inner.iter().map(|(it, ..)| number(it.parent)).collect();
    let renumber = |((it, pid, group), parent)| Process { pid, group, parent, ..it };
    inner.into_iter().zip(parents).map(renumber).collect()
}

/// The numbers of a process and of its group in the innermost namespace that it is in; nothing if that is the
/// one of `/proc`.
fn inner(entry: i32) -> Option<(i32, i32)> {
    let status = fs::read_to_string(format!("/proc/{entry}/status")).ok()?;
    let last = |name: &str| {
        let numbers = status.lines().find_map(|line| line.strip_prefix(name))?;
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        if numbers.len() > 1 { numbers.last()?.parse().ok() } else { None }
    };
    Some((last("NSpid:")?, last("NSpgid:")?))
}

/// Reads the command line of a process.
pub(super) fn command_line(entry: i32) -> Vec<Vec<u8>> {
    let line = fs::read(format!("/proc/{entry}/cmdline")).unwrap_or_default();
    line.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect()
}

/// Reads the entries of a process's environment that set this variable, as far as permissions allow.
pub(super) fn marks(entry: i32, name: &[u8]) -> Vec<Vec<u8>> {
    let environment = fs::read(format!("/proc/{entry}/environ")).unwrap_or_default();
    let entries = environment.split(|&byte| byte == 0);
    let sets = |entry: &&[u8]| entry.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&b'='));
    entries.filter(sets).map(<[u8]>::to_vec).collect()
}

/// The inodes of the pipes that a process has open, as far as they may be seen; none of a process that runs
/// this very program: the reaper, or a child between fork and exec, which has the pipes of all steps open and
/// is about to become another step.
pub(super) fn pipes(entry: i32) -> Vec<u64> {
    // In this order: what does not run this program any more has closed the pipes that it was born with.
    if runs_this_program(entry) {
        return Vec::new();
    }
    let open = fs::read_dir(format!("/proc/{entry}/fd")).into_iter().flatten().flatten();
    let targets = open.filter_map(|open| fs::read_link(open.path()).ok());
    let inode = |target: PathBuf| target.to_str()?.strip_prefix("pipe:[")?.strip_suffix(']')?.parse().ok();
    targets.filter_map(inode).collect()
}

/// The files that a process has open, as far as they may be seen.
pub(super) fn files(entry: i32) -> Vec<FileId> {
    if runs_this_program(entry) {
        return Vec::new();
    }
    let open = fs::read_dir(format!("/proc/{entry}/fd")).into_iter().flatten().flatten();
    let is_file = |link: &PathBuf| fs::read_link(link).is_ok_and(|target| target.is_absolute());
    open.map(|open| open.path()).filter(is_file).filter_map(|link| file_id(&link)).collect()
}

/// Returns what the file at a path is known by, links followed.
pub(super) fn file_id(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn runs_this_program(entry: i32) -> bool {
    let own = file_id(Path::new("/proc/self/exe"));
    own.is_some() && file_id(Path::new(&format!("/proc/{entry}/exe"))) == own
}
