//! The JSON format.

use std::io::{self, Write};

use super::Renderer;
use crate::event::Event;
use crate::event::wire::Encoder;

/// Writes the records of `event::wire`, one a line, each in one write.
pub struct Json {
    out: Box<dyn Write + Send>,
    encoder: Encoder,
    line: Vec<u8>,
}

impl Json {
    /// Returns a renderer that writes to `out`, which need not be buffered.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out, encoder: Encoder::new(), line: Vec::new() }
    }
}

impl Renderer for Json {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let Some(record) = self.encoder.encode(event) else {
            return Ok(());
        };
        self.line.clear();
        record.write_line(&mut self.line)?;
        self.out.write_all(&self.line)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::event::sample::*;
    use crate::event::wire::Record;

    #[test]
    fn every_event_is_a_line() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut json = Json::new(Box::new(writer));
        for kind in [run_started(backup()), started(TAR, 1), output(TAR, "two\nlines\n")] {
            json.event(&at(10, kind)).unwrap();
        }
        drop(json);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let records: Vec<Record> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records.len(), 3);
    }
}
