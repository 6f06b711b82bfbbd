//! What ends a command early, and the exit code that it means.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use crate::event::RunEnd;
use crate::executor::EngineError;
use crate::history::HistoryError;
use crate::pipeline::signal_name;
use crate::spec::{Problems, visible};

/// Success.
pub(super) const OK: u8 = 0;
/// A step failed.
pub(super) const STEP_FAILED: u8 = 1;
/// The file or the command line is wrong.
pub(super) const USAGE: u8 = 2;
/// The engine failed.
pub(super) const ENGINE: u8 = 3;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The command line is wrong in a way that its parser cannot see.
    #[error("{message}")]
    Usage { message: String, hint: Option<String> },
    /// The file or its params are wrong.
    #[error("the pipeline file is wrong")]
    Problems(Problems),
    /// The engine failed before the run began.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The run would need more than the system allows.
    #[error("too many files would be open at once: this run may need {needed}, and the limit is {most}")]
    Limit { needed: u64, most: u64 },
    /// The run directory failed.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A signal came before the run began.
    #[error("ended by {}", signal_name(*.0).unwrap_or("a signal"))]
    Signalled(i32),
    /// Nobody reads what is printed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

impl From<Problems> for CliError {
    fn from(problems: Problems) -> Self {
        Self::Problems(problems)
    }
}

impl CliError {
    pub(super) fn usage(message: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// Prints it for a person; returns the exit code.
    pub(super) fn report(&self, color: bool) -> u8 {
        match self {
            Self::Problems(problems) => {
                eprintln!("{}", crate::spec::render(problems, color).trim_end());
                if let Some(first) = problems.iter().next() {
                    eprintln!("more: `pipe explain {}`", first.code);
                    if first.code.is_warning() {
                        eprintln!(
                            "to keep it as it is: `# pipe: allow {}` in the step, or above the first key",
                            first.code
                        );
                    }
                }
                USAGE
            }
            Self::Usage { hint, .. } => self.told(hint.as_deref(), USAGE),
            Self::Print(error) if error.kind() == io::ErrorKind::BrokenPipe => OK,
            Self::Signalled(signal) => {
                eprintln!("{self}, before anything ran");
                signalled(*signal)
            }
            Self::History(HistoryError::Create { .. } | HistoryError::Write { .. }) => {
                let help = "`pipe` keeps what a run needs, and its history, in the folder `.pipe` where it runs: make room \
                     there or make it writable, or run elsewhere with `-C DIR`; nothing has run";
                self.told(Some(help), ENGINE)
            }
            Self::Limit { needed, .. } => {
                let help = format!(
                    "raise the limit with `ulimit -n {needed}` (as root also with -Hn), or run fewer steps at \
                     once with -j; steps joined by a stream always run together"
                );
                self.told(Some(&help), ENGINE)
            }
            Self::Engine(_) | Self::History(_) | Self::Print(_) => self.told(None, ENGINE),
        }
    }

    /// Prints the message and what helps. What they quote may come from anywhere.
    fn told(&self, help: Option<&str>, code: u8) -> u8 {
        eprintln!("error: {}", visible(&self.to_string()));
        help.iter().for_each(|help| eprintln!("help: {}", visible(help)));
        code
    }
}

/// Ends `pipe` because its parser refused the command line, or was asked for help.
pub(super) fn refuse(error: &clap::Error) -> ExitCode {
    let is_plain = |argument: OsString| matches!(visible(&argument.to_string_lossy()), Cow::Borrowed(_));
    if std::env::args_os().all(is_plain) {
        // As the parser prints it, with its colours.
        error.exit();
    }
    eprint!("{}", visible(&error.render().to_string()));
    ExitCode::from(USAGE)
}

/// The exit code of a run.
pub(super) fn exit_code(end: &RunEnd) -> ExitCode {
    let code = match end {
        RunEnd::Succeeded => OK,
        RunEnd::Failed { .. } | RunEnd::NoOutput(_) => STEP_FAILED,
        RunEnd::Engine(_) => ENGINE,
        RunEnd::Signalled(signal) => signalled(*signal),
    };
    ExitCode::from(code)
}

/// The exit code of a process that a signal has ended, as shells have it.
fn signalled(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
