//! Secrets are masked before anybody sees an event: the journal, the logs and every renderer get `***` in their place.
//!
//! A secret is found as it is, line by line, in base64 (both alphabets, also in the middle of a longer text, also with line
//! ends in it), percent-encoded and escaped as in JSON (`spelling`). All spellings are looked for at once (`finder`), in
//! texts as they come, however they are cut (`flow`). Other ways to change a value are not recognised.

mod finder;
mod flow;
mod spelling;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::finder::Finder;
use self::flow::Flow;
use self::spelling::Spellings;
use super::{EventKind, RunEnd, RunFinished, StepFinished};
use crate::pipeline::{Failure, Outcome, Outputs, ParamValue, Values};

/// Masks the secrets of a run. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Masker {
    /// None where there is nothing to mask.
    patterns: Option<Arc<Patterns>>,
    unmasked: Vec<String>,
}

/// What is looked for.
#[derive(Debug)]
struct Patterns {
    plain: Finder,
    wrapped: Finder,
}

/// The secrets are too long to be looked for.
#[derive(Debug, thiserror::Error)]
#[error("the secrets are too long to be masked: {0}")]
pub struct MaskError(#[from] aho_corasick::BuildError);

impl Masker {
    /// Masks the secrets among the values of params.
    ///
    /// # Errors
    /// If they are gigabytes together.
    pub fn new(values: &Values) -> Result<Self, MaskError> {
        let mut spellings = Spellings::default();
        let mut unmasked = Vec::new();
        for (name, value) in values {
            if let ParamValue::Secret(secret) = value
                && !spellings.add(secret.reveal())
                && !secret.reveal().is_empty()
            {
                unmasked.push(name.clone());
            }
        }
        let Spellings { plain, wrapped } = spellings;
        let patterns = match plain.is_empty() {
            true => None,
            false => Some(Patterns { plain: Finder::new(&plain)?, wrapped: Finder::new(&wrapped)? }),
        };
        Ok(Self { patterns: patterns.map(Arc::new), unmasked })
    }

    /// Names of the secrets that are too short to be masked.
    pub fn unmasked(&self) -> &[String] {
        &self.unmasked
    }

    /// A text that comes in pieces.
    pub(super) fn output(&self) -> Output {
        Output(self.patterns.clone().map(Flow::new))
    }

    /// Masks every text of an event that a step or a template may have made.
    pub(super) fn event(&self, kind: EventKind) -> EventKind {
        let Some(patterns) = &self.patterns else { return kind };
        let text = |text: String| mask(patterns, text);
        match kind {
            EventKind::StepOutput { step, channel, bytes } => {
                let mut flow = Flow::new(Arc::clone(patterns));
                let bytes = [flow.push(&bytes), flow.finish()].concat().into();
                EventKind::StepOutput { step, channel, bytes }
            }
            EventKind::StepRetrying { step, attempt, failure, delay, restarting } => {
                let failure = masked_failure(failure, text);
                EventKind::StepRetrying { step, attempt, failure, delay, restarting }
            }
            EventKind::StepFinished(finished) => {
                let outcome = match finished.outcome {
                    Outcome::Failed(failure) => Outcome::Failed(masked_failure(failure, text)),
                    Outcome::Ignored(failure) => Outcome::Ignored(masked_failure(failure, text)),
                    other => other,
                };
                let one = |(key, value): (&String, &String)| (text(key.clone()), text(value.clone()));
                let outputs: Outputs = finished.outputs.iter().map(one).collect();
                EventKind::StepFinished(StepFinished { outcome, outputs: Arc::new(outputs), ..finished })
            }
            EventKind::Warning(message) => EventKind::Warning(text(message)),
            EventKind::Note(message) => EventKind::Note(text(message)),
            EventKind::RunFinished(finished) => {
                let end = match finished.end {
                    RunEnd::NoOutput(why) => RunEnd::NoOutput(text(why)),
                    RunEnd::Engine(why) => RunEnd::Engine(text(why)),
                    other => other,
                };
                let outputs = finished.outputs.into_iter().map(|(name, value)| (name, text(value))).collect();
                EventKind::RunFinished(RunFinished { end, outputs, ..finished })
            }
            // Nothing in them is made by a step.
            EventKind::RunStarted(_)
            | EventKind::StepStarted { .. }
            | EventKind::StreamProgress(_)
            | EventKind::StreamFinished(_)
            | EventKind::Cancelling { .. } => kind,
        }
    }
}

/// One output of a step, on its way to the event that it will be.
#[derive(Debug)]
pub(super) struct Output(Option<Flow>);

impl Output {
    /// What of the next piece can be shown by now; nothing is held back where there is nothing to mask.
    pub(super) fn push(&mut self, piece: Arc<[u8]>) -> Arc<[u8]> {
        match &mut self.0 {
            Some(flow) => flow.push(&piece).into(),
            None => piece,
        }
    }

    /// What was held back.
    pub(super) fn finish(&mut self) -> Arc<[u8]> {
        self.0.as_mut().map(Flow::finish).unwrap_or_default().into()
    }
}

fn mask(patterns: &Arc<Patterns>, text: String) -> String {
    let mut flow = Flow::new(Arc::clone(patterns));
    let masked = [flow.push(text.as_bytes()), flow.finish()].concat();
    // Secrets are whole characters, and so is what is left.
    String::from_utf8(masked).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn masked_failure(failure: Failure, text: impl Fn(String) -> String) -> Failure {
    match failure {
        Failure::Start(why) => Failure::Start(text(why)),
        Failure::Outputs(why) => Failure::Outputs(text(why)),
        other => other,
    }
}
