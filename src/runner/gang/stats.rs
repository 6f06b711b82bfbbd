//! The events about a gang's streams.

use std::time::Duration;

use tokio::time::Instant;

use super::live::LiveStream;
use super::member::Member;
use super::streams::{GangStreams, StreamSlot};
use crate::event::{EdgeStats, StreamFinished, StreamStats};
use crate::pipeline::Outcome;
use crate::runner::Job;
use crate::stream::Snapshot;

impl GangStreams {
    /// Returns how far the streams are, and their rates since the last call.
    pub(super) fn progress(&mut self, members: &[Member]) -> Vec<StreamStats> {
        let mut stats = Vec::new();
        for slot in &mut self.slots {
            let stream = slot.stream;
            let Some(live) = slot.state.live_mut() else { continue };
            let snapshot = live.snapshot();
            let (since, before) = std::mem::replace(&mut live.progress, (Instant::now(), snapshot.taken));
            let rate = per_second(snapshot.taken.saturating_sub(before), since.elapsed());
            let edges = edges(live, &snapshot, members);
            let lasted = live.since.elapsed();
            let Snapshot { taken: bytes, starved, .. } = snapshot;
            stats.push(StreamStats { stream, bytes, rate, lasted, starved, edges });
        }
        stats
    }

    /// Returns the streams that have ended for good since the last call: whose producer and readers have all
    /// been reported.
    pub(super) fn take_finished(&mut self, job: &Job, members: &[Member]) -> Vec<StreamFinished> {
        let mut finished = Vec::new();
        for slot in self.slots.iter_mut().filter(|slot| !slot.is_reported) {
            let is_over = slot.readers().chain([slot.producer]).all(|member| members[member].reported);
            if is_over {
                slot.is_reported = true;
                finished.extend(stream_finished(job, slot, members));
            }
        }
        finished
    }
}

fn stream_finished(job: &Job, slot: &StreamSlot, members: &[Member]) -> Option<StreamFinished> {
    let live = slot.state.live()?;
    let snapshot = live.snapshot();
    let bytes = snapshot.taken;
    let complete = live.finished.is_some() && members[slot.producer].outcome() == Some(&Outcome::Succeeded);
    let mut edges = edges(live, &snapshot, members);
    // What sits in a pipe whose reader has ended is left unread as well.
    edges.iter_mut().for_each(|edge| edge.left |= live.closed.is_some() && edge.bytes < bytes);
    // What a reader that was stopped has not read says nothing.
    let succeeded = |reader| members.iter().any(|it| it.step == reader && it.succeeded());
    let left = edges.iter().filter(|edge| edge.left && succeeded(edge.reader));
    let unread = left.map(|edge| (edge.reader, complete.then(|| bytes.saturating_sub(edge.bytes)))).collect();
    let lasted = live.closed.unwrap_or_else(Instant::now).duration_since(live.since);
    let rate = per_second(bytes, lasted);
    Some(StreamFinished {
        stats: StreamStats { stream: slot.stream, bytes, rate, lasted, starved: snapshot.starved, edges },
        complete,
        unread,
        kept: live.kept.clone(),
        sha256: live.sha256.clone().filter(|_| complete && job.pipeline.stream(slot.stream).checksum),
        backend: live.pipes.fanout.backend_name(),
        discarded: slot.is_discarded,
    })
}

fn edges(live: &LiveStream, snapshot: &Snapshot, members: &[Member]) -> Vec<EdgeStats> {
    let counted = live.readers.iter().zip(&snapshot.sinks).zip(live.pipes.spilled());
    counted
        .map(|((&member, sink), spilled)| EdgeStats {
            reader: members[member].step,
            bytes: sink.taken,
            blocked: sink.blocked,
            left: sink.left,
            spilled,
        })
        .collect()
}

fn per_second(bytes: u64, during: Duration) -> f64 {
    let seconds = during.as_secs_f64();
    if seconds > 0.0 { bytes as f64 / seconds } else { 0.0 }
}
