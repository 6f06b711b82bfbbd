//! How steps end.

use std::fmt;
use std::time::Duration;

use super::{StepId, Verdict};

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Succeeded,
    /// It failed by itself.
    Failed(Failure),
    /// It was stopped for taking longer than its `timeout`.
    TimedOut,
    /// It was stopped because the stream that it read broke, or because a service that it used ended; `producer`
    /// is the step whose failure that is.
    Tainted {
        /// The step whose failure it is.
        producer: StepId,
    },
    /// It was stopped because the run was.
    Cancelled,
    /// It never started.
    Skipped(SkipReason),
    /// It was not run again: it succeeded in an earlier run, and nothing that it depends on has changed.
    Reused,
    /// It was not asked for (`--only`, `--from`, `--to`).
    LeftOut,
    /// It failed, and `on_error: ignore` counts that as success.
    Ignored(Failure),
}

/// What went wrong in a step. Failures of `pipe` itself and of the engine are a different type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It ended with this exit code, which is not 0.
    Exit(i32),
    /// It ended with this exit code after the last reader of its output had left, which may be how it reports
    /// a broken pipe.
    BrokenPipe(i32),
    /// This signal ended it.
    Signal(i32),
    /// The kernel ended it because memory ran out.
    OutOfMemory,
    /// It took longer than `timeout`. Only inside [`Outcome::Ignored`]; by itself it is
    /// [`Outcome::TimedOut`].
    Timeout,
    /// It could not be started: no such folder, no such interpreter, a template that cannot be rendered.
    Start(String),
    /// It exited with success, but what it wrote to `$PIPE_OUTPUT` is invalid: why.
    Outputs(String),
    /// It exited with success, but did not produce a file that it declares: a sentence.
    Missing(String),
    /// It exited with success before it had read all of a stream, and `early_exit` is `fail`.
    LeftEarly,
    /// A service did not get ready: a sentence.
    NotReady(String),
    /// A service ended with success, before the steps that use it had.
    EndedEarly,
}

/// A time limit of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// `timeout` of the step: all of its attempts together.
    Step(Duration),
    /// `timeout` of its `retry`: one attempt.
    Attempt(Duration),
}

/// Why a step with retries left is not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRetried {
    /// Its exit code is not in `on_exit`, or it has none.
    OnExit,
    /// Its `timeout` would be over before the next attempt.
    NoTime,
}

/// Why a step never started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// This step, which it depends on, did not succeed.
    Dependency(StepId),
    /// The run was stopped first.
    Stopped,
    /// Its condition was false: the words for it, such as `release is false`.
    Condition(String),
    /// It needs what this step would have made, and that step was passed over.
    Without(StepId),
}

impl Outcome {
    /// Returns whether steps that depend on this one may run.
    pub fn is_success(&self) -> bool {
        match self {
            Self::Succeeded | Self::Ignored(_) | Self::Reused | Self::LeftOut => true,
            Self::Failed(_) | Self::TimedOut | Self::Tainted { .. } | Self::Cancelled | Self::Skipped(_) => {
                false
            }
        }
    }

    /// Returns whether the step was passed over, which spoils nothing: its condition was false, or it needs what
    /// such a step would have made.
    pub fn is_passed_over(&self) -> bool {
        match self {
            Self::Skipped(SkipReason::Condition(_) | SkipReason::Without(_)) => true,
            Self::Skipped(SkipReason::Dependency(_) | SkipReason::Stopped)
            | Self::Succeeded
            | Self::Failed(_)
            | Self::TimedOut
            | Self::Tainted { .. }
            | Self::Cancelled
            | Self::Reused
            | Self::LeftOut
            | Self::Ignored(_) => false,
        }
    }

    /// Every word of [`word`](Self::word).
    pub const WORDS: [&str; 9] = [
        "succeeded",
        "failed",
        "timed-out",
        "tainted",
        "cancelled",
        "skipped",
        "reused",
        "left-out",
        "ignored",
    ];

    /// Returns the word of the journal for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::TimedOut => "timed-out",
            Self::Tainted { producer: _ } => "tainted",
            Self::Cancelled => "cancelled",
            Self::Skipped(_) => "skipped",
            Self::Reused => "reused",
            Self::LeftOut => "left-out",
            Self::Ignored(_) => "ignored",
        }
    }

    /// Returns whether a run with such an end in it has failed.
    pub fn spoils(&self) -> bool {
        !self.is_success() && !self.is_passed_over()
    }

    /// Returns what conditions are told of it.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Succeeded | Self::Reused | Self::LeftOut => Verdict::Success,
            Self::Failed(_) | Self::TimedOut | Self::Ignored(_) => Verdict::Failure,
            Self::Tainted { .. } | Self::Cancelled => Verdict::Cancelled,
            Self::Skipped(_) => Verdict::Skipped,
        }
    }

    /// Returns whether the step failed by itself: it can be the cause of a failed run.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Failed(_) | Self::TimedOut => true,
            Self::Succeeded
            | Self::Tainted { .. }
            | Self::Cancelled
            | Self::Skipped(_)
            | Self::Reused
            | Self::LeftOut
            | Self::Ignored(_) => false,
        }
    }
}

impl Failure {
    /// Returns the exit code that a shell gives it. A container reports death by a signal only so, and so a
    /// signal has an exit code on this machine too.
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Exit(code) | Self::BrokenPipe(code) => Some(*code),
            Self::Signal(signal) => Some(128 + signal),
            Self::OutOfMemory => Some(137),
            Self::EndedEarly => Some(0),
            Self::Timeout
            | Self::Start(_)
            | Self::Outputs(_)
            | Self::Missing(_)
            | Self::LeftEarly
            | Self::NotReady(_) => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(out, "exit code {code}"),
            Self::BrokenPipe(code) => write!(
                out,
                "exit code {code}, after the last reader of its output had left; if that is how it reports a broken pipe, add \
                 `broken_pipe: {code}` to its `output`"
            ),
            Self::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(out, "killed by {name}"),
                None => write!(out, "killed by signal {signal}"),
            },
            Self::OutOfMemory => out.write_str("out of memory"),
            Self::Timeout => out.write_str("timed out"),
            Self::Start(why) => write!(out, "could not start: {why}"),
            Self::Missing(why) | Self::NotReady(why) => out.write_str(why),
            Self::EndedEarly => out.write_str("it ended, with exit code 0, before the steps that use it"),
            Self::LeftEarly => out.write_str("it left before the end of its input"),
            Self::Outputs(why) => write!(out, "invalid outputs: {why}"),
        }
    }
}

/// Returns the name of a signal that ends processes, by its number on Linux and macOS where the two agree.
pub fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        _ => return None,
    })
}
