//! One producer and its readers, written down in every form that is compared.

use std::fs;
use std::path::Path;

use super::measure::Candidate;
use super::problem::{Problem, Result};

/// What reads bytes and does nothing with them.
pub const DRAIN: &str = "cat >/dev/null";

/// Shell commands without single quotes, so that every form can take them.
pub struct Stream {
    pub producer: String,
    pub readers: Vec<String>,
}

impl Stream {
    pub fn drained(producer: &str, readers: usize) -> Self {
        Self { producer: producer.to_owned(), readers: vec![DRAIN.to_owned(); readers] }
    }

    /// The same with readers that write down what they got, for [`same_bytes`].
    pub fn summed(producer: &str, readers: usize) -> Self {
        let readers = (0..readers).map(|reader| format!("sha256sum >{}", sum(reader)));
        Self { producer: producer.to_owned(), readers: readers.collect() }
    }

    /// `a | tee >(b) >(c) | d`; with one reader a plain pipe.
    pub fn tee(&self) -> Candidate {
        let Self { producer, readers } = self;
        match &readers[..] {
            [reader] => Candidate::bash("a shell pipe", &format!("{producer} | {reader}")),
            readers => {
                let (last, others) = readers.split_at(1);
                let others: String = others.iter().map(|reader| format!(" >({reader})")).collect();
                Candidate::bash("tee", &format!("{producer} | tee{others} | {}", last.concat()))
            }
        }
    }

    /// The same, with `tee` in the place of the shell, so that its processor time can be separated from that
    /// of all others.
    pub fn tee_itself(&self) -> Candidate {
        let Self { producer, readers } = self;
        let (last, others) = readers.split_at(1);
        let others: String = others.iter().map(|reader| format!(" >({reader})")).collect();
        Candidate::bash("tee", &format!("exec tee{others} < <({producer}) > >({})", last.concat()))
    }

    pub fn pee(&self) -> Candidate {
        let readers: String = self.readers.iter().map(|reader| format!(" '{reader}'")).collect();
        Candidate::bash("pee", &format!("{} | pee{readers}", self.producer)).needing(&["pee"])
    }

    /// `pipe` and its peers. The pipeline is written down.
    pub fn forms(&self, dir: &Path, file: &str) -> Result<Vec<Candidate>> {
        Ok(vec![self.pipe(dir, file)?, self.tee(), self.pee()])
    }

    /// Writes the pipeline, and runs it.
    pub fn pipe(&self, dir: &Path, file: &str) -> Result<Candidate> {
        fs::write(dir.join(file), self.pipeline(&[]))?;
        Ok(Candidate::pipe("pipe", &["run", file, "--format", "plain"]))
    }

    /// As YAML; a reader may have a buffer.
    pub fn pipeline(&self, buffers: &[(usize, &str)]) -> String {
        let quoted = |script: &str| serde_json::Value::from(script).to_string();
        let mut text =
            format!("steps:\n  - {{name: make, run: {}, output: bytes}}\n", quoted(&self.producer));
        for (reader, script) in self.readers.iter().enumerate() {
            let buffer = buffers.iter().find(|(of, _)| *of == reader);
            let input =
                buffer.map_or("bytes".to_owned(), |(_, size)| format!("{{from: bytes, buffer: {size}}}"));
            text += &format!("  - {{name: r{reader}, run: {}, input: {input}}}\n", quoted(script));
        }
        text
    }
}

fn sum(reader: usize) -> String {
    format!("sum-{reader}")
}

/// Whether every candidate that can run here brings every reader of a summed stream exactly what its producer
/// makes. Nothing is timed that does not.
pub fn same_bytes(dir: &Path, summed: &Stream, candidates: &[Candidate]) -> Result<()> {
    let (producer, readers) = (&summed.producer, summed.readers.len());
    let path = |reader| dir.join(sum(reader));
    Stream::summed(producer, 1).tee().try_in(dir)?;
    let expected = fs::read(path(0))?;
    for candidate in candidates.iter().filter(|candidate| candidate.lacks().is_none()) {
        (0..readers).try_for_each(|reader| fs::write(path(reader), ""))?;
        candidate.try_in(dir)?;
        for reader in 0..readers {
            if fs::read(path(reader))? != expected {
                let what = format!("{} gave reader {reader} other bytes than {producer}", candidate.name);
                return Err(Problem::failed(what));
            }
        }
    }
    Ok(())
}
