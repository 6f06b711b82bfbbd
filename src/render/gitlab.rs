//! GitLab CI: sections of the job's log.

use std::time::{SystemTime, UNIX_EPOCH};

use super::grouped::{Cleaned, Dialect};
use super::text;

/// What GitLab takes for the end of a mark; nothing that a step writes comes through with a carriage return.
const END: &str = "\r\x1b[0K";

/// The log of a GitLab job. GitLab itself masks the variables that are marked as masked.
#[derive(Debug)]
pub struct GitLab {
    run: String,
    sections: usize,
}

impl GitLab {
    /// `run` sets the sections of this run apart from those of others in the same job: letters, digits, `_ .
    /// -`.
    pub fn new(run: &str) -> Self {
        Self { run: run.to_owned(), sections: 0 }
    }

    fn mark(&self, what: &str, at: SystemTime, options: &str) -> String {
        let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        format!("\x1b[0Ksection_{what}:{seconds}:pipe_{}_{}{options}{END}", self.run, self.sections)
    }
}

impl Dialect for GitLab {
    fn clean(&self, chunk: &[u8], out: &mut Vec<u8>) -> Cleaned {
        Cleaned { risky: false, goes_on: text::coloured_lines(chunk, out) }
    }

    /// The page shows the time between the two marks, so they have the step's start and end.
    fn open(&mut self, title: &str, folded: bool, at: SystemTime) -> String {
        self.sections += 1;
        let options = if folded { "[collapsed=true]" } else { "" };
        format!("{}{}\n", self.mark("start", at, options), text::one_line(title))
    }

    fn close(&mut self, at: SystemTime) -> String {
        self.mark("end", at, "") + "\n"
    }
}
