//! A page of limited size, cut between its parts.

/// A page that grows by whole parts until one does not fit; from then on it takes no more.
#[derive(Debug)]
pub struct Page {
    text: String,
    room: usize,
    /// The note where the page is cut, for which room is reserved.
    note: String,
    cut: bool,
}

impl Page {
    /// Returns a page of at most `room` bytes.
    pub fn new(room: usize, note: &str) -> Self {
        let note = format!("\n\n{note}\n");
        Self { text: String::from("\n"), room: room.saturating_sub(note.len()), note, cut: false }
    }

    /// Adds a part, whole or not at all.
    pub fn add(&mut self, part: &str) {
        if !self.cut && self.text.len() + part.len() <= self.room {
            self.text.push_str(part);
        } else {
            self.cut = true;
        }
    }

    /// Adds parts of which not all need fit, between two that go with them.
    pub fn add_between(&mut self, before: &str, parts: impl IntoIterator<Item = String>, after: &str) {
        let mut parts = parts.into_iter();
        let first = parts.next().unwrap_or_default();
        if self.cut || self.text.len() + before.len() + first.len() + after.len() > self.room {
            self.cut = true;
            return;
        }
        self.text.push_str(before);
        self.text.push_str(&first);
        self.room -= after.len();
        parts.for_each(|part| self.add(&part));
        self.room += after.len();
        self.text.push_str(after);
    }

    /// Returns the text, unless not even its beginning fitted.
    pub fn finish(mut self) -> Option<String> {
        let begun = self.text.len() > 1;
        if self.cut {
            self.text.push_str(&self.note);
        }
        begun.then_some(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(room: usize) -> Option<String> {
        let mut page = Page::new(room, "cut");
        page.add("head\n");
        page.add_between("<", ["a", "b", "c"].map(String::from), ">");
        page.add("end");
        page.finish()
    }

    #[test]
    fn it_is_cut_between_its_parts_and_never_too_long() {
        let whole = "\nhead\n<abc>end";
        assert_eq!(page(100).unwrap(), whole);
        let pages: Vec<Option<String>> = (0..=whole.len() + 6).map(page).collect();
        for (room, page) in pages.iter().enumerate() {
            assert!(page.as_ref().is_none_or(|page| page.len() <= room), "{room}: {page:?}");
            let text = page.as_deref().unwrap_or_default();
            assert_eq!(text.matches('<').count(), text.matches('>').count(), "{text:?}");
        }
        let distinct: std::collections::BTreeSet<&str> = pages.iter().flatten().map(String::as_str).collect();
        let tails = ["", "<a>", "<ab>", "<abc>"].map(|tail| format!("\nhead\n{tail}\n\ncut\n"));
        let expected = tails.iter().map(String::as_str).chain([whole]).collect();
        assert_eq!(distinct, expected);
    }
}
