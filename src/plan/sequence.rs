//! A sequence in which "does `a` stand before `b`" and moves are both cheap.

/// Small numbers in a sequence, without repeats. A doubly linked list whose entries carry increasing labels,
/// spread wide; when a move finds no room between two labels, all are spread anew (order maintenance after
/// Dietz and Sleator, in its simplest form).
#[derive(Debug)]
pub(super) struct Sequence {
    label: Vec<u64>,
    next: Vec<usize>,
    previous: Vec<usize>,
    /// The entry that stands before the first and after the last.
    end: usize,
    len: usize,
}

impl Sequence {
    /// Returns the given entries, each below `bound`.
    pub(super) fn new(bound: usize, entries: impl IntoIterator<Item = usize>) -> Self {
        let mut sequence = Self {
            label: vec![0; bound + 1],
            next: vec![bound; bound + 1],
            previous: vec![bound; bound + 1],
            end: bound,
            len: 0,
        };
        for entry in entries {
            sequence.link(entry, sequence.previous[bound]);
        }
        sequence.spread();
        sequence
    }

    /// Returns whether `a` stands before `b`.
    pub(super) fn before(&self, a: usize, b: usize) -> bool {
        self.label[a] < self.label[b]
    }

    /// Sorts entries as they stand here.
    pub(super) fn sort(&self, entries: &mut [usize]) {
        entries.sort_unstable_by_key(|&entry| self.label[entry]);
    }

    /// Moves entries, in the order given, to just before `anchor`, which is none of them.
    pub(super) fn move_before(&mut self, entries: &[usize], anchor: usize) {
        entries.iter().for_each(|&entry| self.remove(entry));
        self.insert(entries, self.previous[anchor]);
    }

    /// Moves entries, in the order given, to just after `anchor`, which is none of them.
    pub(super) fn move_after(&mut self, entries: &[usize], anchor: usize) {
        entries.iter().for_each(|&entry| self.remove(entry));
        self.insert(entries, anchor);
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, entry: usize) {
        let (previous, next) = (self.previous[entry], self.next[entry]);
        self.next[previous] = next;
        self.previous[next] = previous;
        self.len -= 1;
    }

    /// Links entries behind `after` and labels them evenly in the room there.
    fn insert(&mut self, entries: &[usize], after: usize) {
        let low = if after == self.end { 0 } else { self.label[after] };
        let next = self.next[after];
        let high = if next == self.end { u64::MAX } else { self.label[next] };
        let gap = (high - low) / (entries.len() as u64 + 1);
        let mut at = after;
        let mut label = low;
        for &entry in entries {
            self.link(entry, at);
            label += gap;
            self.label[entry] = label;
            at = entry;
        }
        if gap == 0 {
            self.spread();
        }
    }

    fn link(&mut self, entry: usize, after: usize) {
        let next = self.next[after];
        self.previous[entry] = after;
        self.next[entry] = next;
        self.next[after] = entry;
        self.previous[next] = entry;
        self.len += 1;
    }

    /// Labels all entries anew, evenly.
    fn spread(&mut self) {
        let gap = u64::MAX / (self.len as u64 + 1);
        let mut at = self.next[self.end];
        let mut label = 0;
        while at != self.end {
            label += gap;
            self.label[at] = label;
            at = self.next[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn moves_do_what_they_do_to_a_plain_list(moves in prop::collection::vec((0..9usize, 0..9usize, any::<bool>()), 0..400)) {
            let mut list: Vec<usize> = (0..9).collect();
            let mut sequence = Sequence::new(9, 0..9);
            for (entry, anchor, after) in moves.into_iter().filter(|(entry, anchor, _)| entry != anchor) {
                list.retain(|it| *it != entry);
                let at = list.iter().position(|it| *it == anchor).unwrap();
                list.insert(at + usize::from(after), entry);
                if after {
                    sequence.move_after(&[entry], anchor);
                } else {
                    sequence.move_before(&[entry], anchor);
                }
                let mut sorted: Vec<usize> = (0..9).collect();
                sequence.sort(&mut sorted);
                prop_assert_eq!(&sorted, &list);
            }
        }
    }

    #[test]
    fn labels_run_out_of_room_and_are_spread_anew() {
        let mut sequence = Sequence::new(300, 0..300);
        for entry in 1..299 {
            sequence.move_after(&[entry], 0);
        }
        let expected: Vec<usize> = [0].into_iter().chain((1..299).rev()).chain([299]).collect();
        let mut sorted: Vec<usize> = (0..300).collect();
        sequence.sort(&mut sorted);
        assert_eq!(sorted, expected);
        sequence.remove(150);
        assert!(sequence.before(151, 149));
    }
}
