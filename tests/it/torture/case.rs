//! A case: a pipeline as plain data, and how its run is disturbed.

use std::fmt::Display;

use pipe_runner::pipeline::Verdict;
use serde_json::Value;

use crate::support::containers::Lane;

/// A pipeline and a run of it.
#[derive(Debug, Clone)]
pub struct Case {
    pub steps: Vec<Step>,
    /// Files that it uses.
    pub uses: Vec<Used>,
    pub services: Vec<Service>,
    pub max_parallel: usize,
    /// How bytes reach containers.
    pub lane: Lane,
    pub ending: Ending,
    /// The size of the disk that the run directory is on, in KiB, if that is small.
    pub disk: Option<u64>,
    pub keep_partial: bool,
}

/// A file that a case uses.
#[derive(Debug, Clone)]
pub struct Used {
    /// Its steps, in order.
    pub steps: Vec<usize>,
    /// The condition of all of them, if it stands where the file is used.
    pub condition: Option<Condition>,
    /// `finally: true` stands where the file is used, and not in the file.
    pub is_finally: bool,
    /// How many of them may run at once.
    pub max_parallel: Option<usize>,
    /// It is used by a file that has no step but this use, and that the case uses.
    pub is_wrapped: bool,
}

/// A service of this machine, or in a container.
#[derive(Debug, Clone)]
pub struct Service {
    pub in_container: bool,
    pub doom: Option<Doom>,
    pub on_error: OnError,
}

/// What becomes of a service, if it does not live as long as it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doom {
    /// It ends by itself, so many milliseconds after its start.
    Dies {
        after: u64,
    },
    NeverReady,
    /// It ends before it can be ready.
    EndsAtOnce,
}

/// Who ends the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Itself,
    /// A signal once so many records of `--format json` have been seen.
    Signal {
        after: usize,
        how: How,
    },
    /// The engine ends at such a moment, and begins again: at once, or after the run.
    Engine {
        after: usize,
        how: Demise,
        at_once: bool,
    },
}

/// How an engine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demise {
    /// As its machine's administrator ends it: containers first.
    Stopped,
    /// With all that it started, at once.
    Killed,
}

/// Which signal `pipe` gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Int,
    IntTwice,
    /// As often as the ladder has rungs.
    IntFourTimes,
    Term,
    Kill,
}

impl How {
    pub fn name(self) -> &'static str {
        match self {
            Self::Int | Self::IntTwice | Self::IntFourTimes => "INT",
            Self::Term => "TERM",
            Self::Kill => "KILL",
        }
    }
}

/// A step. It reads its inputs one after the other, passes what it reads on if it has an output, and then
/// writes lines of its own there.
#[derive(Debug, Clone, Default)]
pub struct Step {
    pub in_container: bool,
    /// Its container is the one that others of its file run in too.
    pub is_sharing: bool,
    pub depends_on: Vec<usize>,
    /// The first is its standard input.
    pub reads: Vec<Read>,
    pub output: Option<Output>,
    pub fault: Option<Fault>,
    pub on_error: OnError,
    pub retries: u32,
    /// Milliseconds, of all attempts.
    pub timeout: Option<u64>,
    /// Milliseconds, of each.
    pub attempt_timeout: Option<u64>,
    /// It promises a file.
    pub produces: bool,
    pub ignores_term: bool,
    /// It leaves a process behind that holds its ends of streams open for a while.
    pub leaves_process: bool,
    /// How its work leaves the group that it was started in.
    pub moves: Option<Moves>,
    /// The service that it uses.
    pub service: Option<usize>,
    /// It is no step: its stream is a file (`--in`).
    pub is_fed: bool,
    /// It writes a value that says which attempt it was.
    pub gives: bool,
    /// Steps that it depends on whose values it reads.
    pub takes: Vec<usize>,
    /// It says the secret in its log.
    pub tells_secret: bool,
    /// Whether it runs.
    pub condition: Option<Condition>,
    /// It runs when all others have ended; what is fed, if it is fed to such steps alone.
    pub is_finally: bool,
    /// The first member of the group that it is a member of, itself perhaps. Members differ in their number.
    pub group: Option<usize>,
}

/// What is under `if`.
#[derive(Debug, Clone, Copy)]
pub enum Condition {
    /// Known before the run; whether it holds.
    Early(bool),
    /// Of the value of a step that it depends on; whether it holds once there is one.
    Value { giver: usize, holds: bool },
    /// How a step has ended.
    Asks { verdict: Verdict, of: usize },
    /// How the group of a step has ended.
    AsksGroup { verdict: Verdict, of: usize },
    /// How the body of the run has ended.
    AsksBody(Verdict),
}

/// How a step's work leaves the group that it was started in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// Under `timeout`, in a group of its own.
    Timeout,
    /// In a session of its own.
    Session,
    /// As a job of an interactive shell, so to say.
    Job,
}

/// What a step reads.
#[derive(Debug, Clone)]
pub struct Read {
    /// The step that makes the stream.
    pub from: usize,
    /// How many bytes it takes before it leaves; all of them if not said.
    pub take: Option<u64>,
    pub buffer: Option<&'static str>,
    /// `early_exit: fail`.
    pub must_stay: bool,
}

/// What a step writes.
#[derive(Debug, Clone)]
pub struct Output {
    /// Lines of its own, of [`LINE`] bytes.
    pub lines: u64,
    pub store: bool,
    pub checksum: bool,
    /// It goes to a file as well.
    pub out: bool,
}

/// What goes wrong in a step's first attempts.
#[derive(Debug, Clone)]
pub struct Fault {
    pub kind: Kind,
    pub moment: Moment,
    pub attempts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Exit(i32),
    /// It kills itself.
    Kill,
    /// It does nothing for ever.
    Hang,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Start,
    Middle,
    End,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    #[default]
    Stop,
    Continue,
    Ignore,
}

/// Bytes of a line that a step writes.
pub const LINE: u64 = 8;
/// Lines of one step, at most.
pub const MOST_LINES: u64 = 250_000;

impl Case {
    /// The number of the first of a step's lines.
    pub fn first_line(step: usize) -> u64 {
        1_000_000 + step as u64 * MOST_LINES
    }

    /// Steps that read what this one writes, and how.
    pub fn readers(&self, producer: usize) -> impl Iterator<Item = (usize, &Read)> {
        let reads = self
            .steps
            .iter()
            .enumerate()
            .flat_map(|(step, it)| it.reads.iter().map(move |read| (step, read)));
        reads.filter(move |(_, read)| read.from == producer)
    }

    /// Whether the run's folder is to have a step's stream when all is over.
    pub fn keeps(&self, producer: usize) -> bool {
        let output = self.steps[producer].output.as_ref();
        output.is_some_and(|output| output.store || (!output.out && self.readers(producer).next().is_none()))
    }

    /// The file that a step stands in, if that is not the top one.
    pub fn used(&self, step: usize) -> Option<&Used> {
        self.uses.iter().find(|used| used.steps.contains(&step))
    }

    /// The name of a step in events, or of a member of a group: `g3.7`, or of a step of another file:
    /// `u3.s4`, `w3.u3.s4`.
    pub fn name(&self, step: usize) -> String {
        match (self.steps[step].group, self.used(step)) {
            (Some(first), _) => format!("g{first}.{step}"),
            (None, Some(used)) => format!("{}.s{step}", used.path()),
            (None, None) => format!("s{step}"),
        }
    }

    /// The name of a step's stream in events.
    pub fn stream(&self, step: usize) -> String {
        self.used(step).map_or_else(|| format!("o{step}"), |used| format!("{}.o{step}", used.path()))
    }

    /// The step of a name in events.
    pub fn number(name: &str) -> Option<usize> {
        let mut own = name;
        while let Some((_, inside)) = own.strip_prefix(['u', 'w']).and_then(|name| name.split_once('.')) {
            own = inside;
        }
        let number = own.strip_prefix('s').or_else(|| own.strip_prefix("in:o"));
        number.or_else(|| Some(own.strip_prefix('g')?.split_once('.')?.1))?.parse().ok()
    }

    /// The service of a name in events.
    pub fn service(name: &Value) -> Option<usize> {
        name.as_str()?.strip_prefix('v')?.parse().ok()
    }

    /// Whether the service that a step uses may fail.
    pub fn is_doomed(&self, step: usize) -> bool {
        self.steps[step].service.is_some_and(|service| self.services[service].doom.is_some())
    }

    /// The step of a stream's name in events.
    pub fn maker(name: &str) -> Option<usize> {
        name.rsplit('.').next()?.strip_prefix('o')?.parse().ok()
    }

    /// The members of a group, by its first.
    pub fn members(&self, first: usize) -> impl Iterator<Item = usize> {
        (0..self.steps.len()).filter(move |&step| self.steps[step].group == Some(first))
    }

    /// The value that a step gives in this attempt: nothing that a shell would leave as it is.
    pub fn value(step: impl Display, attempt: impl Display) -> String {
        format!("s{step}'s \"value\" ; * of {attempt}")
    }

    pub fn has_containers(&self) -> bool {
        self.steps.iter().any(|step| step.in_container)
            || self.services.iter().any(|service| service.in_container)
    }
}

impl Used {
    /// What the file is called where it is used, and where it lies.
    pub fn file(&self) -> String {
        format!("u{}", self.steps[0])
    }

    /// What the file around it is called.
    pub fn wrapper(&self) -> Option<String> {
        self.is_wrapped.then(|| format!("w{}", self.steps[0]))
    }

    /// The step of the top file that uses it.
    pub fn name(&self) -> String {
        self.wrapper().unwrap_or_else(|| self.file())
    }

    /// What its steps are called before their own names, from the top file on.
    pub fn path(&self) -> String {
        self.wrapper().map_or_else(|| self.file(), |wrapper| format!("{wrapper}.{}", self.file()))
    }

    /// Whether these are all that its name stands for, or more.
    pub fn is_waited_for(&self, case: &Case, steps: &[usize]) -> bool {
        let has_turn = |step: &&usize| self.is_finally || !case.steps[**step].is_finally;
        self.steps.iter().filter(has_turn).all(|step| steps.contains(step))
    }
}
