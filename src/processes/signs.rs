//! Finds the processes that belong to an attempt.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;

use super::procfs::{Process, command_line};
use super::table::Table;
use super::{REAPER_SUBCOMMAND, Signs};

/// A process that belongs to an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Belonging<'t> {
    pub(super) process: &'t Process,
    /// Whether it belongs to a run that the step itself has started, with another `pipe`.
    pub(super) is_inner: bool,
}

/// Returns the living processes of this attempt.
pub(super) fn belonging<'t>(signs: &Signs, table: &'t Table) -> Vec<Belonging<'t>> {
    let own = with_descendants(bearers(signs, table), table);
    let is_inner = |process: &Process| {
        !process.marks.is_empty() && process.marks.iter().all(|mark| mark != signs.mark.as_bytes())
    };
    let found = own.into_iter().filter_map(|index| table.all.get(index));
    found
        .filter(|process| process.lives)
        .map(|process| Belonging { process, is_inner: is_inner(process) })
        .collect()
}

/// Returns the processes that have a sign themselves, by their positions in the table.
fn bearers(signs: &Signs, table: &Table) -> BTreeSet<usize> {
    // A group keeps its id as long as one of its processes lives. If the process of that id has another start
    // time, the id has been given to another group.
    let is_strange =
        |pid: i32, started: &str| table.all.iter().any(|it| it.pid == pid && it.started != started);
    let leader = signs.leader.as_ref().filter(|(pid, started)| !is_strange(*pid, started));
    let group = leader.map(|(pid, _)| *pid);
    let has_mark =
        |it: &Process| !signs.mark.is_empty() && it.marks.iter().any(|mark| mark == signs.mark.as_bytes());
    let has_pipe = |it: &Process| {
        it.pipes.iter().any(|pipe| signs.pipes.contains(pipe))
            || signs.fifos.iter().any(|fifo| it.files.contains(&fifo.id()))
    };
    let bears = |it: &Process| group == Some(it.group) || has_mark(it) || has_pipe(it);
    table.all.iter().enumerate().filter(|(_, it)| bears(it)).map(|(index, _)| index).collect()
}

/// These, their children, the children of those, and so on; but not the reaper of a `pipe` that a step has
/// started, which has its own work to do.
pub(super) fn with_descendants(mut own: BTreeSet<usize>, table: &Table) -> BTreeSet<usize> {
    let mut fresh: Vec<usize> = own.iter().copied().collect();
    while let Some(parent) = fresh.pop() {
        let Some(parent) = table.all.get(parent) else { continue };
        for &child in table.children(parent.pid) {
            let is_reaper = |child: &Process| {
                command_line(child.entry).get(1).is_some_and(|word| word == REAPER_SUBCOMMAND.as_bytes())
            };
            if !own.contains(&child) && !table.all.get(child).is_some_and(is_reaper) {
                own.insert(child);
                fresh.push(child);
            }
        }
    }
    own
}
