//! Asks on the terminal for secrets that no other source gives. The input is not echoed.

use std::fs::File;
use std::io::{self, IsTerminal, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::{mpsc, oneshot};

use super::error::CliError;
use super::terminal;
use crate::executor::host::open_terminal;
use crate::pipeline::{Param, Secret};

/// The longest line of a terminal, in bytes.
const LINE: usize = 4096;

/// A terminal that can be asked.
pub(super) struct Terminal {
    tty: File,
}

/// A line that is going to be typed.
pub(super) struct Line(File);

impl Line {
    /// Waits until the line has been typed. It is read on a thread of its own, since the read cannot be
    /// cancelled; the thread ends with the process.
    pub(super) async fn typed(self) -> io::Result<Vec<u8>> {
        let (sender, typed) = oneshot::channel();
        let Self(mut input) = self;
        std::thread::spawn(move || {
            let mut line = vec![0; LINE];
            let read = input.read(&mut line).map(|count| {
                line.truncate(count);
                line
            });
            let _ = sender.send(read);
        });
        typed.await.unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into()))
    }
}

impl Terminal {
    /// Returns the terminal that `pipe` was started on. None in CI, and none where standard input comes from
    /// elsewhere, unless it is taken for a stream.
    pub(super) fn find(stdin_is_taken: bool) -> Option<Self> {
        if terminal::is_ci() || !(stdin_is_taken || io::stdin().is_terminal()) {
            return None;
        }
        Some(Self { tty: open_terminal()? })
    }

    /// Returns the next line, to be waited for.
    pub(super) fn line(&self) -> io::Result<Line> {
        Ok(Line(self.tty.try_clone()?))
    }

    /// Returns what is written to.
    pub(super) fn file(&self) -> &File {
        &self.tty
    }

    /// Asks for the value of a param, until a signal comes.
    pub(super) async fn ask(
        &self,
        param: &Param,
        signals: &mut mpsc::UnboundedReceiver<i32>,
    ) -> Result<Secret, CliError> {
        let name = &param.name;
        let failed = |error: io::Error| {
            CliError::usage(format!("cannot ask for the secret `{name}` on the terminal: {error}"), None)
        };
        let line = self.line().map_err(failed)?;
        let quiet = Quiet::begin(&self.tty).map_err(failed)?;
        let about = param.description.as_ref().map_or_else(String::new, |text| format!(" ({text})"));
        write!(&self.tty, "{name}{about}: ").map_err(failed)?;
        let typed = tokio::select! {
            typed = line.typed() => typed.map_err(failed),
            Some(signal) = signals.recv() => Err(CliError::Signalled(signal)),
        };
        drop(quiet);
        // The newline that was typed was not shown either.
        let _ = writeln!(&self.tty);
        let nothing = |what: &str| CliError::usage(format!("{what} for the secret `{name}`"), None);
        let text = String::from_utf8(typed?).map_err(|_| nothing("what was typed is not UTF-8 text"))?;
        match text.trim_end_matches(['\n', '\r']) {
            "" => Err(nothing("nothing was typed")),
            value => Ok(Secret::new(value)),
        }
    }
}

/// A terminal without echo, until this is dropped.
struct Quiet<'a> {
    tty: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(tty: &'a File) -> io::Result<Self> {
        let before = tcgetattr(tty)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        // Input that was typed before the prompt has been echoed, so it is discarded.
        tcsetattr(tty, OptionalActions::Flush, &quiet)?;
        Ok(Self { tty, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = tcsetattr(self.tty, OptionalActions::Flush, &self.before);
    }
}
