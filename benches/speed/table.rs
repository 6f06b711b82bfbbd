//! The table: every row, and what it was measured on; as Markdown and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::machine::Machine;
use super::row::Row;

/// Everything that a run of the benchmark tells. The names of the fields are stable.
#[derive(Serialize)]
pub struct Report {
    pub machine: Machine,
    /// In UTC.
    pub date: String,
    /// Of the measured program.
    pub commit: String,
    pub rounds: usize,
    /// Of the full sizes; 1 is all.
    pub part: f64,
    pub optimised: bool,
    pub rows: Vec<Row>,
}

impl Report {
    pub fn markdown(&self) -> String {
        let mut text = format!("{}, `pipe` of commit {}, {}.\n", self.date, self.commit, self.machine.line());
        let _ = writeln!(text, "Medians of {} rounds; ratios are taken within each round.", self.rounds);
        if !self.optimised || self.part != 1.0 {
            let program = if self.optimised { "" } else { ", with a program that is not optimised" };
            let _ = writeln!(text, "**A trial**: {} of the full sizes{program}.", self.part);
        }
        text += "\n| what | against | figure | least – most | aim | | |\n|---|---|---|---|---|---|---|\n";
        for row in &self.rows {
            text += &(row.markdown() + "\n");
        }
        text
    }
}
