//! A snapshot of all processes.

use std::collections::HashMap;

use super::procfs::{self, Process};

/// All processes but this one.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) all: Vec<Process>,
    children: HashMap<i32, Vec<usize>>,
}

impl Table {
    /// Reads every process, and the files that it has open if they are asked for. `name` is the variable whose
    /// entries are marks.
    pub(super) fn read(name: &[u8], with_files: bool) -> Self {
        let mut all = procfs::all();
        for process in &mut all {
            process.marks = procfs::marks(process.entry, name);
            process.pipes = procfs::pipes(process.entry);
            if with_files {
                process.files = procfs::files(process.entry);
            }
        }
        Self::of(all)
    }

    pub(super) fn of(all: Vec<Process>) -> Self {
        let mut children: HashMap<i32, Vec<usize>> = HashMap::new();
        for (index, process) in all.iter().enumerate() {
            children.entry(process.parent).or_default().push(index);
        }
        Self { all, children }
    }

    /// The children of a process, by their positions.
    pub(super) fn children(&self, pid: i32) -> &[usize] {
        self.children.get(&pid).map(Vec::as_slice).unwrap_or_default()
    }
}
