//! Secrets are masked before an event reaches any reader: the journal, the logs and every renderer get `***`
//! in their place.
//!
//! A secret is found as it is, line by line, in base64 (both alphabets, also in the middle of a longer text,
//! also with line ends in it), percent-encoded, escaped as in JSON and HTML, and quoted as shells print it
//! (`spelling`). All spellings are looked for at once (`finder`), in texts however they are cut into pieces
//! (`flow`). Other encodings are not recognised.

mod event;
mod finder;
mod flow;
mod spelling;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::sync::Arc;

use self::finder::Finder;
use self::flow::Flow;
use self::spelling::Spellings;
use crate::pipeline::{ParamValue, Secret, Values};

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// Masks the secrets of a run. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Masker {
    /// `None` if there is nothing to mask.
    patterns: Option<Arc<Patterns>>,
    /// Each line of each secret.
    lines: Arc<[Secret]>,
    unmasked: Vec<String>,
}

/// The spellings of all secrets.
#[derive(Debug)]
struct Patterns {
    plain: Finder,
    wrapped: Finder,
}

/// The secrets are too long to be masked.
#[derive(Debug, thiserror::Error)]
#[error("the secrets are too long to be masked: {0}")]
pub struct MaskError(#[from] aho_corasick::BuildError);

impl Masker {
    /// Returns a masker for the secrets among the values of params.
    ///
    /// # Errors
    /// If they are gigabytes together.
    pub fn new(values: &Values) -> Result<Self, MaskError> {
        let mut spellings = Spellings::default();
        let (mut lines, mut unmasked) = (Vec::new(), Vec::new());
        for (name, value) in values {
            let ParamValue::Secret(secret) = value else { continue };
            lines.extend(secret.reveal().split(['\n', '\r']).filter(|line| !line.trim().is_empty()));
            if !spellings.add(secret.reveal()) && !secret.reveal().is_empty() {
                unmasked.push(name.clone());
            }
        }
        let Spellings { plain, wrapped } = spellings;
        let patterns = match plain.is_empty() {
            true => None,
            false => Some(Patterns { plain: Finder::new(&plain)?, wrapped: Finder::new(&wrapped)? }),
        };
        // The longest first: one may be part of another.
        lines.sort_by_key(|line| (Reverse(line.len()), *line));
        lines.dedup();
        let lines = lines.into_iter().map(Secret::new).collect();
        Ok(Self { patterns: patterns.map(Arc::new), lines, unmasked })
    }

    /// Returns the names of the secrets that are too short to be masked.
    pub fn unmasked(&self) -> &[String] {
        &self.unmasked
    }

    /// Returns each line of each secret, once, for CI services that mask by line.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(Secret::reveal)
    }

    /// Returns a masker for one text that comes in pieces.
    pub(super) fn output(&self) -> Output {
        Output(self.patterns.clone().map(Flow::new))
    }

    /// Returns the text with [`MASK`] in place of every secret.
    pub fn text(&self, text: &str) -> String {
        let masked = self.bytes(text.as_bytes());
        // Secrets are whole characters, and so is what is left.
        String::from_utf8(masked)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    fn bytes(&self, text: &[u8]) -> Vec<u8> {
        let Some(patterns) = &self.patterns else { return text.to_owned() };
        let mut flow = Flow::new(Arc::clone(patterns));
        [flow.push(text), flow.finish()].concat()
    }
}

/// One output of a step, on its way to the event that it will be.
#[derive(Debug)]
pub(super) struct Output(Option<Flow>);

impl Output {
    /// Takes the next piece, and returns what can be shown by now. Without secrets nothing is held back.
    pub(super) fn push(&mut self, piece: Arc<[u8]>) -> Arc<[u8]> {
        match &mut self.0 {
            Some(flow) => flow.push(&piece).into(),
            None => piece,
        }
    }

    /// Returns what can be shown of a line that has only begun. The same bytes come again in a piece.
    pub(super) fn preview(&self, begun: &[u8]) -> Arc<[u8]> {
        match &self.0 {
            Some(flow) => flow.clone().push(begun).into(),
            None => begun.into(),
        }
    }

    /// Returns what was held back.
    pub(super) fn finish(&mut self) -> Arc<[u8]> {
        self.0.as_mut().map(Flow::finish).unwrap_or_default().into()
    }
}
