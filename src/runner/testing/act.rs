//! What the attempts of a scripted run do, and what is seen of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::executor::{Answer, Exit};

/// What one attempt does.
#[derive(Debug, Clone)]
pub(in crate::runner) struct Act {
    pub(super) takes: Duration,
    pub(super) end: ActEnd,
    /// How long it takes until a check of it succeeds.
    pub(super) ready_after: Duration,
    /// How long it goes on after TERM.
    pub(super) obeys_after: Duration,
    /// For how long before its end it is seen to be ending.
    pub(super) ends_for: Duration,
}

#[derive(Debug, Clone)]
pub(super) enum ActEnd {
    Exit(Exit),
    NotStarted,
    SystemFails,
    Lost(Option<&'static str>),
    Panics,
    Lingers(&'static str),
}

impl Act {
    fn ending(end: ActEnd) -> Self {
        let none = Duration::ZERO;
        Self { takes: Duration::from_secs(1), end, ready_after: none, obeys_after: none, ends_for: none }
    }

    pub(in crate::runner) fn exit(code: i32) -> Self {
        Self::ending(ActEnd::Exit(Exit::Code(code)))
    }

    /// It runs until it is stopped, however slow the machine is.
    pub(in crate::runner) fn until_stopped() -> Self {
        Self { takes: Duration::from_secs(1_000_000), ..Self::exit(0) }
    }

    /// It dies of a signal.
    pub(in crate::runner) fn dies(signal: i32) -> Self {
        Self::ending(ActEnd::Exit(Exit::Signal(signal)))
    }

    pub(in crate::runner) fn not_started() -> Self {
        Self::ending(ActEnd::NotStarted)
    }

    pub(in crate::runner) fn engine_fails() -> Self {
        Self::ending(ActEnd::SystemFails)
    }

    /// Nothing can be known of it any more, though it runs on until it is killed. It may have made a file.
    pub(in crate::runner) fn lost(made: Option<&'static str>) -> Self {
        Self::ending(ActEnd::Lost(made))
    }

    pub(in crate::runner) fn panics() -> Self {
        Self::ending(ActEnd::Panics)
    }

    /// It never starts, and has made this file at its end, even after the start was called off.
    pub(in crate::runner) fn lingers(file: &'static str) -> Self {
        Self::ending(ActEnd::Lingers(file))
    }

    pub(in crate::runner) fn takes(self, seconds: f64) -> Self {
        Self { takes: Duration::from_secs_f64(seconds), ..self }
    }

    pub(in crate::runner) fn ready_after(self, seconds: f64) -> Self {
        Self { ready_after: Duration::from_secs_f64(seconds), ..self }
    }

    /// What a check says that is made so long after its start.
    pub(super) fn answer(&self, since: Duration) -> Answer {
        if since >= self.ready_after { Answer::Ready } else { Answer::NotYet("no response".into()) }
    }

    pub(in crate::runner) fn obeys_after(self, seconds: u64) -> Self {
        Self { obeys_after: Duration::from_secs(seconds), ..self }
    }

    /// The kernel takes so long over its end, the last part of what it takes.
    pub(in crate::runner) fn ends_for(self, seconds: f64) -> Self {
        Self { ends_for: Duration::from_secs_f64(seconds), ..self }
    }

    /// Whether it is ending so long after its start.
    pub(super) fn is_ending(&self, since: Duration) -> bool {
        since + self.ends_for > self.takes
    }
}

/// What the executor saw.
#[derive(Debug, Default)]
pub(in crate::runner) struct Log {
    /// Names of attempts, in the order in which they were started.
    pub(in crate::runner) started: Vec<String>,
    /// `NAME TERM` and `NAME KILL`, in order, for processes that still ran; with `at its end` for one whose
    /// stdin had ended.
    pub(in crate::runner) stopped: Vec<String>,
    /// `NAME ends` and `NAME is let go`, in order: the ends of attempts, and of the pipes that they read.
    pub(in crate::runner) pipes: Vec<String>,
    running: usize,
    /// The most that ever ran at once.
    pub(in crate::runner) most: usize,
    with_terminal: usize,
    /// The most that ever ran at once while one had the terminal, itself included.
    pub(in crate::runner) most_at_terminal: usize,
}

impl Log {
    /// An attempt begins.
    pub(super) fn start(&mut self, name: &str, has_terminal: bool) {
        self.started.push(name.to_owned());
        self.running += 1;
        self.most = self.most.max(self.running);
        self.with_terminal += usize::from(has_terminal);
        if self.with_terminal > 0 {
            self.most_at_terminal = self.most_at_terminal.max(self.running);
        }
    }

    /// An attempt has ended.
    pub(super) fn end(&mut self, name: &str, has_terminal: bool) {
        self.pipes.push(format!("{name} ends"));
        self.running -= 1;
        self.with_terminal -= usize::from(has_terminal);
    }
}

/// What all attempts of a run do, and what was seen of those that have begun.
#[derive(Debug, Default, Clone)]
pub(super) struct Scripts {
    /// By step, first to last.
    pub(super) acts: Arc<Mutex<BTreeMap<String, VecDeque<Act>>>>,
    pub(super) log: Arc<Mutex<Log>>,
}

impl Scripts {
    /// The same acts, of which none is used up when these are.
    pub(super) fn copy(&self) -> Self {
        let acts = self.acts.lock().unwrap().clone();
        Self { acts: Arc::new(Mutex::new(acts)), log: Arc::default() }
    }

    /// What the next attempt of a step does. One that has no script succeeds after a second.
    pub(super) fn next(&self, step: &str) -> Act {
        let act = self.acts.lock().unwrap().get_mut(step).and_then(VecDeque::pop_front);
        act.unwrap_or_else(|| Act::exit(0))
    }
}
