//! What ends a command early, and its exit code.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use super::stdio::{self, PATIENCE, StdioError, say};
use crate::event::RunEnd;
use crate::executor::SystemError;
use crate::file::{Diagnostics, visible};
use crate::history::HistoryError;
use crate::pipeline::signal_name;
use crate::render::Palette;

/// Success.
pub(super) const OK: u8 = 0;
/// A step failed.
pub(super) const STEP_FAILED: u8 = 1;
/// The file or the command line is wrong.
pub(super) const USAGE: u8 = 2;
/// An error outside the pipeline: no room on the disk, no container engine.
pub(super) const ABORTED: u8 = 3;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The command line is wrong in a way that its parser cannot see.
    #[error("{message}")]
    Usage { message: String, hint: Option<String> },
    /// The file or its params are wrong.
    #[error("the pipeline file is wrong")]
    Diagnostics(Diagnostics),
    /// An error outside the pipeline, before the run began.
    #[error(transparent)]
    System(#[from] SystemError),
    /// The run would need more than the system allows.
    #[error("too many files would be open at once: this run may need {needed}, and the limit is {most}")]
    Limit { needed: u64, most: u64 },
    /// The run directory failed.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A signal came before the run began.
    #[error("ended by {}", signal_name(*.0).unwrap_or("a signal"))]
    Signalled(i32),
    /// What was asked for cannot be printed.
    #[error(transparent)]
    Print(#[from] StdioError),
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Print(error.into())
    }
}

impl From<Diagnostics> for CliError {
    fn from(problems: Diagnostics) -> Self {
        Self::Diagnostics(problems)
    }
}

impl CliError {
    pub(super) fn usage(message: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// Prints it for a person; returns the exit code.
    pub(super) fn report(&self, color: bool) -> u8 {
        match self {
            Self::Diagnostics(problems) => {
                let terminal = console::Term::stderr();
                let columns = terminal.is_term().then(|| terminal.size().1.into());
                say!("{}", crate::file::render_within(problems, color, columns).trim_end());
                if let Some(first) = problems.iter().next() {
                    say!("more: `pipe explain {}`", first.code);
                    if first.code.is_warning() {
                        say!(
                            "to keep it as it is: `# pipe: allow {}` in the step, or above the first key",
                            first.code
                        );
                    }
                }
                USAGE
            }
            Self::Usage { hint, .. } => self.print(hint.as_deref(), USAGE),
            Self::Print(StdioError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => OK,
            Self::Print(StdioError::Write(_)) => self.print(None, ABORTED),
            Self::Print(closed) => self.print(closed.help(), USAGE),
            Self::Signalled(signal) => {
                say!("{self}, before anything ran");
                signalled(*signal)
            }
            Self::History(HistoryError::Create { .. } | HistoryError::Write { .. }) => {
                let help = "`pipe` keeps what a run needs, and its history, in the folder `.pipe` where it runs: make room \
                     there or make it writable, or run elsewhere with `-C DIR`; nothing has run";
                self.print(Some(help), ABORTED)
            }
            Self::Limit { needed, .. } => {
                let help = format!(
                    "raise the limit with `ulimit -n {needed}` (as root also with -Hn), or run fewer steps at \
                     once with -j; steps joined by a stream always run together"
                );
                self.print(Some(&help), ABORTED)
            }
            Self::System(_) | Self::History(_) => self.print(None, ABORTED),
        }
    }

    /// Prints the message and the hint, without control characters: what they quote may come from anywhere.
    fn print(&self, help: Option<&str>, code: u8) -> u8 {
        say!("error: {}", visible(&self.to_string()));
        help.iter().for_each(|help| say!("help: {}", visible(help)));
        code
    }
}

/// Ends `pipe` because clap has refused the command line, or was asked for help.
pub(super) fn refuse(error: &clap::Error) -> ExitCode {
    let is_plain = |argument: OsString| matches!(visible(&argument.to_string_lossy()), Cow::Borrowed(_));
    let text = error.render();
    let is_plain = std::env::args_os().all(is_plain);
    let text = |color: bool| match is_plain {
        // As clap prints it.
        true if color => text.ansi().to_string(),
        true => text.to_string(),
        false => visible(&text.to_string()).into_owned(),
    };
    if error.use_stderr() {
        say!("{}", text(colors(io::stderr().is_terminal())).trim_end());
        return ExitCode::from(USAGE);
    }
    match stdio::print(text(colors(io::stdout().is_terminal()))) {
        Ok(()) => ExitCode::from(OK),
        Err(error) => ExitCode::from(CliError::from(error).report(false)),
    }
}

/// Returns whether a terminal, or something else, may be written to in colours.
pub(super) fn colors(is_terminal: bool) -> bool {
    Palette::choose(is_terminal, |name| std::env::var_os(name)) == Palette::COLOURED
}

/// Returns the exit code of a run, and of what was shown of it. A run that succeeded but could not be shown
/// to the end is not a success: its output is incomplete.
pub(super) fn exit_code(end: &RunEnd, was_cut: bool) -> ExitCode {
    let code = match end {
        RunEnd::Succeeded => OK,
        RunEnd::Failed { .. } | RunEnd::TimedOut(_) | RunEnd::NoOutput(_) => STEP_FAILED,
        RunEnd::Aborted(_) => ABORTED,
        RunEnd::Signalled(signal) => signalled(*signal),
    };
    let code = match (was_cut, PATIENCE.signal()) {
        (true, Some(signal)) => signalled(signal),
        (true, None) if code == OK => ABORTED,
        _ => code,
    };
    ExitCode::from(code)
}

/// Returns the exit code of a process that a signal has ended, as shells have it.
fn signalled(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
