//! `pipe` against the best of its peers.

use std::path::Path;

use super::Bench;
use super::measure::{Candidate, Runs};
use super::problem::{Problem, Result};
use super::row::Measured;
use super::series::{Series, shown};

pub struct Contest {
    pub pipe: Runs,
    /// The fastest one of them.
    pub peer: Runs,
    /// The results of all contestants, and those that are missing.
    note: String,
}

impl Bench {
    /// The first candidate is `pipe`. Peers whose programs are not here stay away.
    pub fn contest(&self, title: &str, dir: &Path, candidates: Vec<Candidate>) -> Result<Contest> {
        let (here, missing) = present(candidates)?;
        let mut runs = self.compare(title, dir, &here)?.into_iter();
        let pipe = runs.next().ok_or_else(|| Problem::failed("no contestant has run"))?;
        let peers: Vec<Runs> = runs.collect();
        let all = [&pipe].into_iter().chain(&peers);
        let took = all.map(|runs| format!("{} {} s", runs.name, shown(runs.seconds.median())));
        let note = took.chain(missing).collect::<Vec<_>>().join(", ");
        let fastest = |one: &Runs, two: &Runs| one.seconds.median().total_cmp(&two.seconds.median());
        let peer = peers.into_iter().min_by(fastest).ok_or_else(|| Problem::failed("there is no peer"))?;
        Ok(Contest { pipe, peer, note })
    }
}

impl Contest {
    /// How many times as fast as the peer.
    pub fn speed(&self) -> Measured {
        self.measured(self.peer.seconds.over(&self.pipe.seconds))
    }

    /// How many times the peer's time.
    pub fn time(&self) -> Measured {
        self.measured(self.pipe.seconds.over(&self.peer.seconds))
    }

    pub fn measured(&self, figures: Series) -> Measured {
        Measured { figures, note: self.note.clone() }
    }
}

/// Returns the contestants that can take part, and the programs that the others lack. There have to be two.
pub fn present(candidates: Vec<Candidate>) -> Result<(Vec<Candidate>, Vec<String>)> {
    let (here, away): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| candidate.lacks().is_none());
    let lacking = away.iter().filter_map(Candidate::lacks).map(|program| format!("no `{program}` here"));
    let mut lacking: Vec<String> = lacking.collect();
    lacking.dedup();
    match here.len() {
        0 | 1 => Err(Problem::Missing(lacking.join(", "))),
        _ => Ok((here, lacking)),
    }
}
