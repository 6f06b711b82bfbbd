//! What a gang tells about its streams.

use std::time::Duration;

use tokio::time::Instant;

use super::flow::Flow;
use super::member::Member;
use super::wires::{Wire, Wires};
use crate::event::{EdgeStats, StreamFinished, StreamStats};
use crate::pipeline::Outcome;
use crate::runner::Shared;
use crate::stream::Snapshot;

impl Wires {
    /// How far the streams are, and their rates since this was last asked.
    pub(super) fn progress(&mut self, members: &[Member]) -> Vec<StreamStats> {
        let mut stats = Vec::new();
        for wire in &mut self.wires {
            let stream = wire.stream;
            let Some(flow) = wire.flow.as_mut() else { continue };
            let snapshot = flow.snapshot();
            let (since, before) = std::mem::replace(&mut flow.told, (Instant::now(), snapshot.taken));
            let rate = per_second(snapshot.taken.saturating_sub(before), since.elapsed());
            let edges = edges(flow, &snapshot, members);
            stats.push(StreamStats { stream, bytes: snapshot.taken, rate, starved: snapshot.starved, edges });
        }
        stats
    }

    /// The streams that have ended for good since this was last asked.
    pub(super) fn take_finished(&mut self, shared: &Shared, members: &[Member]) -> Vec<StreamFinished> {
        let mut finished = Vec::new();
        for wire in self.wires.iter_mut().filter(|wire| !wire.told) {
            let everybody = wire.readers.iter().chain([&wire.producer]);
            if everybody.into_iter().all(|&member| members[member].reported) {
                wire.told = true;
                finished.extend(tell(shared, wire, members));
            }
        }
        finished
    }
}

fn tell(shared: &Shared, wire: &Wire, members: &[Member]) -> Option<StreamFinished> {
    let flow = wire.flow.as_ref()?;
    let snapshot = flow.snapshot();
    let bytes = snapshot.taken;
    let complete = flow.finished.is_some() && members[wire.producer].outcome() == Some(&Outcome::Succeeded);
    let mut edges = edges(flow, &snapshot, members);
    // What sits in a pipe whose reader has ended is left unread as well.
    edges.iter_mut().for_each(|edge| edge.left |= flow.closed.is_some() && edge.bytes < bytes);
    // What a reader that was stopped has not read says nothing.
    let succeeded = |reader| members.iter().any(|it| it.step == reader && it.succeeded());
    let left = edges.iter().filter(|edge| edge.left && succeeded(edge.reader));
    let unread = left.map(|edge| (edge.reader, complete.then(|| bytes.saturating_sub(edge.bytes)))).collect();
    let lasted = flow.closed.unwrap_or_else(Instant::now).duration_since(flow.since);
    let rate = per_second(bytes, lasted);
    Some(StreamFinished {
        stats: StreamStats { stream: wire.stream, bytes, rate, starved: snapshot.starved, edges },
        complete,
        unread,
        kept: flow.kept.clone(),
        sha256: flow.sha256.clone().filter(|_| complete && shared.pipeline.stream(wire.stream).checksum),
        engine: flow.engine(),
    })
}

fn edges(flow: &Flow, snapshot: &Snapshot, members: &[Member]) -> Vec<EdgeStats> {
    let counted = flow.sinks.iter().zip(&snapshot.sinks).zip(flow.spilled());
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
