//! All that a journal has of its run, by name: for `--json`, and for a later run that resumes it.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{RunState, Skipped};
use crate::event::wire::{
    Body, CircumstancesRecord, Counters, EndRecord, KeptRecord, OutcomeRecord, ProductRecord, Record,
    StepRecord, StreamRecord, UnreadRecord,
};

/// A run with its steps and streams.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunDetails {
    /// The run's id.
    pub run: String,
    /// The pipeline's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The pipeline's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The run directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// When it started, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// Where it is.
    pub state: RunState,
    /// How it ended.
    #[serde(flatten)]
    pub end: Option<EndRecord>,
    /// How long it took; of one that has not ended, until its last record.
    pub duration_ms: u64,
    /// Its outputs, in the order of the file.
    #[serde(serialize_with = "object")]
    pub outputs: Vec<(String, String)>,
    /// In the order of the file.
    pub steps: Vec<StepDetails>,
    /// In the order of their producers.
    pub streams: Vec<StreamDetails>,
    /// What of the journal could not be read.
    #[serde(skip_serializing_if = "Skipped::is_nothing")]
    pub skipped: Skipped,
}

/// A step, as far as it has come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepDetails {
    /// What it is.
    #[serde(flatten)]
    pub step: StepRecord,
    /// How it ended; nothing of one that has not.
    #[serde(flatten)]
    pub outcome: Option<OutcomeRecord>,
    /// Attempts that were made.
    pub attempts: u32,
    /// Of a service: how long it took to get ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_ms: Option<u64>,
    /// From its first start to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// How its bytes travelled, if it ran in a container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// A process that it left behind held its output open.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub leaky: bool,
    /// Its log lacks something.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub log_lost: bool,
    /// Where in its log the last attempt begins, in bytes.
    pub log_at: u64,
    /// Its outputs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// The files that it declares with `produces`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<ProductRecord>,
    /// What its result depends on, each part as a keyed hash.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fingerprint: BTreeMap<String, String>,
    /// What else is known of an end that is no success.
    #[serde(flatten)]
    pub circumstances: CircumstancesRecord,
}

/// A stream, as far as it has come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamDetails {
    /// What it is.
    #[serde(flatten)]
    pub stream: StreamRecord,
    /// How it ended; nothing of one that has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<StreamEnd>,
}

/// How a stream ended, as in its record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct StreamEnd {
    #[serde(flatten)]
    pub counters: Counters,
    pub complete: bool,
    pub engine: String,
    pub unread: Vec<UnreadRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub discarded: bool,
}

impl RunDetails {
    /// Collects what the records of a run say.
    pub fn of(id: &str, records: &[Record], state: RunState, skipped: Skipped) -> Self {
        let mut details = Self {
            run: id.to_owned(),
            pipeline: None,
            file: None,
            dir: None,
            started: None,
            state,
            end: None,
            duration_ms: 0,
            outputs: Vec::new(),
            steps: Vec::new(),
            streams: Vec::new(),
            skipped,
        };
        let mut places = HashMap::new();
        for record in records {
            if details.end.is_none() {
                details.duration_ms = record.elapsed_ms;
            }
            details.take(record, &mut places);
        }
        details
    }

    /// Returns the step of a name.
    pub fn step(&self, name: &str) -> Option<&StepDetails> {
        self.steps.iter().find(|step| step.step.name == name)
    }

    fn take(&mut self, record: &Record, places: &mut HashMap<String, usize>) {
        match &record.body {
            Body::RunStarted { run: _, pipeline, file, dir, steps, streams } => {
                self.pipeline = Some(pipeline.clone());
                self.file = Some(file.clone());
                self.dir = dir.clone();
                self.started = Some(record.at.clone());
                self.steps = steps.iter().map(StepDetails::of).collect();
                self.streams = streams
                    .iter()
                    .map(|stream| StreamDetails { stream: stream.clone(), ended: None })
                    .collect();
                *places = steps.iter().enumerate().map(|(place, step)| (step.name.clone(), place)).collect();
            }
            Body::StepStarted { step, attempt: _, lane: _, starting_ms: _, log_at: _ }
            | Body::ServiceReady { step, after_ms: _ }
            | Body::StepFinished { step, .. } => {
                let place = places.get(step).copied().unwrap_or(usize::MAX);
                self.steps.get_mut(place).into_iter().for_each(|step| step.take(&record.body));
            }
            Body::StreamFinished { counters, complete, engine, unread, kept, sha256, discarded } => {
                let (counters, engine) = (counters.clone(), engine.clone());
                let (unread, kept, sha256) = (unread.clone(), kept.clone(), sha256.clone());
                let of_name = self.streams.iter_mut().find(|known| known.stream.name == counters.stream);
                if let Some(stream) = of_name {
                    let (complete, discarded) = (*complete, *discarded);
                    stream.ended =
                        Some(StreamEnd { counters, complete, engine, unread, kept, sha256, discarded });
                }
            }
            Body::RunFinished { end, duration_ms, outputs } => {
                self.end = Some(end.clone());
                self.duration_ms = *duration_ms;
                self.outputs = outputs.clone();
            }
            Body::StepOutput { .. }
            | Body::StepRetrying { .. }
            | Body::StreamProgress { .. }
            | Body::Cancelling { .. }
            | Body::Phase { .. }
            | Body::Warning { .. }
            | Body::Note { .. }
            | Body::Unknown => {}
        }
    }
}

impl StepDetails {
    fn of(step: &StepRecord) -> Self {
        Self {
            step: step.clone(),
            outcome: None,
            attempts: 0,
            ready_ms: None,
            duration_ms: None,
            lane: None,
            leaky: false,
            log_lost: false,
            log_at: 0,
            outputs: BTreeMap::new(),
            products: Vec::new(),
            fingerprint: BTreeMap::new(),
            circumstances: CircumstancesRecord::default(),
        }
    }

    fn take(&mut self, body: &Body) {
        match body {
            Body::StepStarted { step: _, attempt, lane, starting_ms: _, log_at } => {
                self.attempts = *attempt;
                self.lane = lane.clone();
                self.log_at = *log_at;
            }
            Body::ServiceReady { step: _, after_ms } => self.ready_ms = Some(*after_ms),
            Body::StepFinished {
                step: _,
                outcome,
                attempts,
                duration_ms,
                leaky,
                outputs,
                products,
                fingerprint,
                log_lost,
                circumstances,
            } => {
                self.circumstances = circumstances.clone();
                self.outcome = Some(outcome.clone());
                self.attempts = *attempts;
                self.duration_ms = Some(*duration_ms);
                self.leaky = *leaky;
                self.log_lost = *log_lost;
                self.outputs = outputs.clone();
                self.products = products.clone();
                self.fingerprint = fingerprint.clone();
            }
            Body::RunStarted { .. }
            | Body::StepOutput { .. }
            | Body::StepRetrying { .. }
            | Body::StreamProgress { .. }
            | Body::StreamFinished { .. }
            | Body::Cancelling { .. }
            | Body::Phase { .. }
            | Body::Warning { .. }
            | Body::Note { .. }
            | Body::RunFinished { .. }
            | Body::Unknown => {}
        }
    }
}

fn object<S: serde::Serializer>(pairs: &[(String, String)], out: S) -> Result<S::Ok, S::Error> {
    out.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}
