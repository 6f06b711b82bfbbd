//! Asks on the terminal for secrets that nothing else gives. What is typed is not shown.

use std::fs::File;
use std::io::{self, IsTerminal, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::{mpsc, oneshot};

use super::error::CliError;
use crate::pipeline::{Param, Secret};

/// The longest line that a terminal gives.
const LINE: usize = 4096;

/// A terminal with somebody in front of it.
pub(super) struct Terminal {
    tty: File,
}

impl Terminal {
    /// The terminal that `pipe` was started on. None in CI, and none where standard input comes from elsewhere, unless it is
    /// taken for a stream.
    pub(super) fn find(stdin_is_taken: bool) -> Option<Self> {
        let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        if in_ci || !(stdin_is_taken || io::stdin().is_terminal()) {
            return None;
        }
        let tty = File::options().read(true).write(true).open("/dev/tty").ok()?;
        tty.is_terminal().then_some(Self { tty })
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
        let (sender, typed) = oneshot::channel();
        let mut input = self.tty.try_clone().map_err(failed)?;
        let quiet = Quiet::begin(&self.tty).map_err(failed)?;
        let about = param.description.as_ref().map_or_else(String::new, |text| format!(" ({text})"));
        write!(&self.tty, "{name}{about}: ").map_err(failed)?;
        // A thread of its own, since nothing can call off its reading; it goes with the process.
        std::thread::spawn(move || {
            let mut line = vec![0; LINE];
            let read = input.read(&mut line).map(|count| {
                line.truncate(count);
                line
            });
            let _ = sender.send(read);
        });
        let typed = tokio::select! {
            typed = typed => typed.unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into())).map_err(failed),
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

/// A terminal that does not show what is typed, until this goes.
struct Quiet<'a> {
    tty: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(tty: &'a File) -> io::Result<Self> {
        let before = tcgetattr(tty)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        // What was typed too early was shown, and is not meant for this.
        tcsetattr(tty, OptionalActions::Flush, &quiet)?;
        Ok(Self { tty, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing.
        let _ = tcsetattr(self.tty, OptionalActions::Flush, &self.before);
    }
}
