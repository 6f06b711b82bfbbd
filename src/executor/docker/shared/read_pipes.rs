//! The pipes that an attempt in a shared container reads.

use std::sync::{Arc, Weak};

use crate::executor::{InputPipe, Keepalive};

/// The pipes that an attempt reads, and whether they are open.
pub(super) struct ReadPipes {
    /// By inode.
    pipes: Vec<u64>,
    /// Alive as long as this side has an end of one of them.
    open: Weak<()>,
}

impl ReadPipes {
    /// Notes pipes, and that they are open until they are dropped.
    pub(super) fn note<'p>(inputs: impl Iterator<Item = &'p mut InputPipe>) -> Self {
        let token = Arc::new(());
        let note = |input: &'p mut InputPipe| {
            let keepalive = std::mem::replace(&mut input.keepalive, Keepalive::none());
            input.keepalive = keepalive.with(Arc::clone(&token));
            input.inode()
        };
        Self { pipes: inputs.filter_map(note).collect(), open: Arc::downgrade(&token) }
    }

    /// Returns whether there are none.
    pub(super) fn is_none(&self) -> bool {
        self.pipes.is_empty()
    }

    /// Returns whether one of these is among them.
    pub(super) fn has_one_of(&self, pipes: &[u64]) -> bool {
        self.pipes.iter().any(|pipe| pipes.contains(pipe))
    }

    /// Returns whether this side has an end of one of them.
    pub(super) fn are_open(&self) -> bool {
        self.open.strong_count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_are_open_until_the_last_of_them_is_dropped() {
        let input = || {
            let fd = std::io::pipe().unwrap().1.into();
            InputPipe { keepalive: Keepalive::none(), fd }
        };
        let [mut one, mut two] = [input(), input()];
        let inodes = [&one, &two].map(|input| input.inode().unwrap());
        let pipes = ReadPipes::note([&mut one, &mut two].into_iter());
        assert!(inodes.iter().all(|inode| pipes.has_one_of(&[*inode])) && !pipes.has_one_of(&[0]));
        drop(one);
        assert!(pipes.are_open());
        drop(two);
        assert!(!pipes.are_open());
        let none = ReadPipes::note(std::iter::empty());
        assert!(none.is_none() && !none.are_open());
    }
}
