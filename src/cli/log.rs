//! Debug messages of `pipe` about itself: `PIPE_LOG` turns them on, `PIPE_LOG_FILE` names a file for them.
//!
//! Messages name steps, containers and processes. They never carry scripts, arguments, environments, output
//! or values, any of which may have a secret in it. Messages of libraries are left out for the same reason.

use std::ffi::OsStr;
use std::fmt::{Debug, Write as _};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::error::CliError;

const LEVEL: &str = "PIPE_LOG";
const FILE: &str = "PIPE_LOG_FILE";
/// The target of every message of this program begins so.
const OWN: &str = "pipe_runner";

/// Turns messages on if the environment asks for them.
///
/// # Errors
/// If the level is unknown, or the file cannot be opened.
pub(super) fn start() -> Result<(), CliError> {
    let Some(level) = set(LEVEL) else { return Ok(()) };
    let Some(level) = level.to_str().and_then(|level| level.parse::<LevelFilter>().ok()) else {
        let hint = "levels are `error`, `warn`, `info`, `debug`, `trace` and `off`".to_owned();
        return Err(CliError::usage(format!("`{LEVEL}` is `{}`, which is no level", level.display()), hint));
    };
    let out: Box<dyn Write + Send> = match set(FILE) {
        Some(file) => Box::new(open(Path::new(&file))?),
        None => Box::new(io::stderr()),
    };
    let log = Log { level, out: Mutex::new(out) };
    // It fails if there is a subscriber already: where this program is a library.
    let _ = tracing::subscriber::set_global_default(log);
    Ok(())
}

/// Returns whether messages go to the terminal, where they would tear the live view.
pub(super) fn is_on_terminal() -> bool {
    LevelFilter::current() != LevelFilter::OFF && set(FILE).is_none() && io::stderr().is_terminal()
}

fn set(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| value.as_os_str() != OsStr::new(""))
}

fn open(path: &Path) -> Result<std::fs::File, CliError> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    file.map_err(|error| {
        CliError::usage(format!("`{FILE}`: cannot write to {}: {error}", path.display()), None)
    })
}

/// Writes a line for each message.
struct Log {
    level: LevelFilter,
    out: Mutex<Box<dyn Write + Send>>,
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level && metadata.target().starts_with(OWN)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let (now, level) = (jiff::Timestamp::now(), event.metadata().level());
        let text = format!("{now:.6} {level:5} {}{}\n", line.message, line.fields);
        // In one piece, so that lines of several processes do not mix. A log that cannot be written does not
        // stop the run.
        let _ = self.out.lock().write_all(text.as_bytes());
    }

    // There are no spans in this program.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The text of a message, and its fields as `name=value`.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_message_is_a_line_with_its_fields_if_it_is_our_own_and_of_the_level() {
        let written = Written::default();
        let log = Log { level: LevelFilter::DEBUG, out: Mutex::new(Box::new(written.clone())) };
        tracing::subscriber::with_default(log, || {
            tracing::debug!(step = "a\n\u{1b}b", pid = 7, "host: started");
            tracing::trace!("too fine");
            tracing::debug!(target: "rustls::conn", "authorization: secret");
        });
        let text = String::from_utf8(written.0.lock().clone()).unwrap();
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
        assert_eq!(rest, "DEBUG host: started step=\"a\\n\\u{1b}b\" pid=7\n");
    }
}
