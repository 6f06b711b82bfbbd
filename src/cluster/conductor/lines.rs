//! Messages as lines of JSON, over any pair of streams. Both functions block: each is for a thread of its own.

use std::io::{self, BufRead, BufReader, Read, Write};

use tokio::sync::mpsc;
use tracing::debug;

use crate::cluster::order::message::{FromPod, ToPod};

/// The longest line.
const LONGEST: u64 = 64 << 20;

/// Reads messages to the end of a stream. What is no message ends it as well: such a client is as good as gone.
pub fn read(from: impl Read, to: mpsc::Sender<ToPod>) {
    let mut from = BufReader::new(from);
    while let Some(line) = next(&mut from) {
        match serde_json::from_slice(&line) {
            Ok(message) => {
                if to.blocking_send(message).is_err() {
                    return;
                }
            }
            Err(error) => {
                debug!(%error, "conductor: the client says what is no message");
                return;
            }
        }
    }
}

/// Returns the next line, if there is a whole one.
fn next(from: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let read = from.take(LONGEST).read_until(b'\n', &mut line);
    (read.is_ok() && line.pop() == Some(b'\n')).then_some(line)
}

/// Writes messages, until there are no more.
///
/// # Errors
/// The other side has closed the stream.
pub fn write(mut messages: mpsc::Receiver<FromPod>, mut to: impl Write) -> io::Result<()> {
    while let Some(message) = messages.blocking_recv() {
        let mut line = serde_json::to_vec(&message)?;
        line.push(b'\n');
        to.write_all(&line)?;
        to.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(text: &str) -> Vec<ToPod> {
        let (to, mut messages) = mpsc::channel(16);
        read(text.as_bytes(), to);
        std::iter::from_fn(|| messages.try_recv().ok()).collect()
    }

    #[test]
    fn messages_are_read_to_the_first_that_is_none() {
        let text = "{\"say\":\"halt\",\"how\":\"graceful\"}\n{\"say\":\"over\"}\nwhat?\n{\"say\":\"over\"}\n";
        let halt = ToPod::Halt { how: crate::cluster::order::message::HaltRecord::Graceful };
        assert_eq!(understood(text), [halt, ToPod::Over]);
        assert_eq!(understood("{\"say\":\"over\"}"), [], "a line that is cut says nothing");
        assert_eq!(understood("\u{0}\u{0}\n"), []);
    }

    #[test]
    fn each_message_is_a_line() {
        let (to, messages) = mpsc::channel(16);
        to.blocking_send(FromPod::Gathered).unwrap();
        to.blocking_send(FromPod::Done).unwrap();
        drop(to);
        let mut written = Vec::new();
        write(messages, &mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "{\"say\":\"gathered\"}\n{\"say\":\"done\"}\n");
    }
}
