//! The live streams of a gang, and the files that some of them are kept in.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use tokio::sync::mpsc;

use super::flow::Flow;
use super::keep;
use super::lag::{self, Reading};
use super::member::Member;
use super::signal::Signal;
use crate::executor::{EngineError, Inlet, StdinSpec};
use crate::pipeline::{EarlyExit, Input, StepId, StreamId};
use crate::plan::EdgeKind;
use crate::runner::Shared;
use crate::stream::{Fanout, Keeper, Kept};

/// All streams that a gang's members write. Streams and members are named by their positions in the gang. A stream that
/// has no flow, before its first round, is in no state that could hold anybody up.
pub(super) struct Wires {
    pub(super) wires: Vec<Wire>,
    /// By member: the stream it writes.
    outputs: BTreeMap<usize, usize>,
    /// By member: the live streams it reads.
    inputs: BTreeMap<usize, Vec<usize>>,
    /// There is more than one way between two members, so that one of them may wait for ever for another: a step reads
    /// several streams that come from one.
    pub(super) is_woven: bool,
    /// Bytes that had moved when the streams were last looked at.
    pub(super) moved: u64,
}

/// One stream.
pub(super) struct Wire {
    pub(super) stream: StreamId,
    pub(super) producer: usize,
    /// Members that read it live.
    pub(super) readers: Vec<usize>,
    /// For each of them how far it may lag, in bytes, where the file says so.
    buffers: Vec<Option<u64>>,
    /// What there is of it in this round; `None` before the first start and between rounds.
    pub(super) flow: Option<Flow>,
    /// It has been told to the world.
    pub(super) told: bool,
}

/// The pipe ends of members that have just been started.
#[derive(Default)]
pub(super) struct Ends {
    /// By member and stream: to what it reads.
    pub(super) inputs: BTreeMap<(usize, StreamId), Inlet>,
    pub(super) stdout: BTreeMap<usize, OwnedFd>,
}

impl Wires {
    pub(super) fn new(shared: &Shared, members: &[Member]) -> Self {
        let index: BTreeMap<StepId, usize> =
            members.iter().enumerate().map(|(index, member)| (member.step, index)).collect();
        let (mut wires, mut outputs) = (Vec::new(), BTreeMap::new());
        let mut inputs: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (producer, member) in members.iter().enumerate() {
            let Some(port) = shared.pipeline.step(member.step).output else { continue };
            let live = |reader: &&StepId| matches!(shared.plan.edge(port.stream, **reader), EdgeKind::Live);
            let readers = shared.pipeline.stream(port.stream).readers.iter().filter(live);
            let readers: Vec<usize> = readers.filter_map(|reader| index.get(reader).copied()).collect();
            for reader in &readers {
                inputs.entry(*reader).or_default().push(wires.len());
            }
            outputs.insert(producer, wires.len());
            let buffer =
                |&reader: &usize| shared.pipeline.step(members[reader].step).reads(port.stream)?.buffer;
            let buffers = readers.iter().map(buffer).collect();
            wires.push(Wire { stream: port.stream, producer, readers, buffers, flow: None, told: false });
        }
        // Members that are joined by one way each are joined by one stream less than there are members.
        let edges: usize = wires.iter().map(|wire: &Wire| wire.readers.len()).sum();
        let is_woven = edges >= members.len();
        Self { wires, outputs, inputs, is_woven, moved: 0 }
    }

    /// What each input of a member is: a live stream or a stored one.
    pub(super) fn inputs_of(&self, shared: &Shared, member: usize, step: StepId) -> Vec<StdinSpec> {
        let live = self.inputs.get(&member).map(Vec::as_slice).unwrap_or_default();
        let is_live = |stream| live.iter().any(|&wire| self.wires[wire].stream == stream);
        let from = |input: &Input| match input.port.stream {
            stream if is_live(stream) => StdinSpec::Pipe,
            stream => StdinSpec::File(keep::stored_path(shared, stream)),
        };
        shared.pipeline.step(step).inputs.iter().map(from).collect()
    }

    /// Connects everybody who has just been started.
    pub(super) fn connect(
        &mut self,
        shared: &Shared,
        mut ends: Ends,
        round: u32,
        signals: &mpsc::UnboundedSender<(u32, Signal)>,
    ) -> Result<(), EngineError> {
        for (index, wire) in self.wires.iter_mut().enumerate() {
            let name = &shared.pipeline.stream(wire.stream).name;
            let failed = |error| EngineError::new(format!("cannot connect the stream `{name}`"), error);
            let may_stall = self.is_woven && shared.settings.relieve && wire.readers.len() > 1;
            let (mut readers, mut readings) = (Vec::new(), Vec::new());
            for (&reader, buffer) in wire.readers.iter().zip(&wire.buffers) {
                if let Some(inlet) = ends.inputs.remove(&(reader, wire.stream)) {
                    readers.push(reader);
                    readings.push(Reading { inlet, lag: buffer.or(may_stall.then_some(0)) });
                }
            }
            let source = ends.stdout.remove(&wire.producer);
            if wire.told || (source.is_none() && readings.is_empty() && !wire.readers.is_empty()) {
                continue;
            }
            let (lagging, mut sinks) = lag::spools(shared, name, readings, signals, (round, index))?;
            let (keeping, files) = keep::start(shared, wire.stream, wire.readers.is_empty(), round)?;
            sinks.extend(files);
            let (fanout, mut events) =
                Fanout::start(name, sinks, shared.settings.engine, &shared.budget).map_err(failed)?;
            let mut flow = Flow::new(fanout, readers, lagging, keeping);
            if let Some(source) = source {
                flow.feed(source);
            }
            wire.flow = Some(flow);
            let signals = signals.clone();
            tokio::spawn(async move {
                while let Some(event) = events.recv().await {
                    let _ = signals.send((round, Signal::Stream { stream: index, event }));
                }
                let _ = signals.send((round, Signal::StreamSilent { stream: index }));
            });
        }
        Ok(())
    }

    /// Gives a producer's stream, of which nothing has gone out, to its next attempt.
    pub(super) fn feed_again(&mut self, producer: usize, source: OwnedFd) {
        let stream = self.outputs.get(&producer).copied();
        if let Some(flow) = stream.and_then(|stream| self.flow_mut(stream)) {
            flow.feed(source);
        }
    }

    pub(super) fn note_source_ended(&mut self, stream: usize) {
        if let Some(flow) = self.flow_mut(stream) {
            flow.source_ended = true;
        }
    }

    /// Takes out what knows why the file behind a sink was closed early; nothing if a reader is behind it.
    pub(super) fn take_left_file(&mut self, stream: usize, sink: usize) -> Option<Keeper> {
        self.flow_mut(stream)?.take_left_file(sink)
    }

    /// A file was closed early, and rightly: whoever reads standard output may leave as well.
    pub(super) fn excuse(&mut self, stream: usize) {
        if let Some(flow) = self.flow_mut(stream) {
            flow.excused += 1;
        }
    }

    /// Lets the readers see the end of a stream that is whole, and waits for its files.
    pub(super) fn finish(
        &mut self,
        stream: usize,
        round: u32,
        signals: &mpsc::UnboundedSender<(u32, Signal)>,
    ) {
        let Some(keepers) = self.flow_mut(stream).and_then(Flow::close) else { return };
        let signals = signals.clone();
        tokio::spawn(async move {
            let result = keep::complete(keepers).await;
            let _ = signals.send((round, Signal::Finished { stream, result }));
        });
    }

    pub(super) fn note_finished(&mut self, stream: usize, kept: Vec<Kept>) {
        if let Some(flow) = self.flow_mut(stream) {
            flow.note_finished(kept);
        }
    }

    /// A member's success is final: puts the files of its stream in their places.
    pub(super) fn commit(&mut self, member: usize) -> Result<(), EngineError> {
        let flow = self.output_of(member).and_then(|stream| self.flow_mut(stream));
        flow.map_or(Ok(()), Flow::commit)
    }

    /// Stops every stream where it is; nobody sees an end.
    pub(super) fn halt(&mut self) {
        (0..self.wires.len()).for_each(|stream| self.halt_one(stream));
    }

    pub(super) fn halt_one(&mut self, stream: usize) {
        if let Some(flow) = self.flow_mut(stream) {
            flow.halt();
        }
    }

    /// The producer has ended: whatever still holds the stream open has nothing to say any more.
    pub(super) fn cut(&mut self, stream: usize) {
        if let Some(flow) = self.flow(stream) {
            flow.cut();
        }
    }

    /// Closes the pipes of a round whose processes are all gone, and removes its unfinished files.
    pub(super) fn throw_away(&mut self) {
        self.wires.iter_mut().for_each(|wire| wire.flow = None);
    }

    pub(super) fn output_of(&self, member: usize) -> Option<usize> {
        self.outputs.get(&member).copied()
    }

    pub(super) fn has_live_input(&self, member: usize) -> bool {
        self.inputs.contains_key(&member)
    }

    /// The members whose streams a member reads live.
    pub(super) fn producers_for(&self, member: usize) -> impl Iterator<Item = usize> {
        self.inputs.get(&member).into_iter().flatten().map(|&stream| self.wires[stream].producer)
    }

    pub(super) fn readers_of(&self, stream: usize) -> Vec<usize> {
        self.wires[stream].readers.clone()
    }

    /// Readers that have not left the stream by themselves.
    pub(super) fn staying_readers_of(&self, stream: usize) -> Vec<usize> {
        let mut readers = self.readers_of(stream);
        readers.retain(|&reader| !self.flow(stream).is_some_and(|flow| flow.has_left(reader)));
        readers
    }

    /// Whether a member, whose process has ended, has left one of the streams early that it must not leave; nothing as long
    /// as that is open.
    pub(super) fn left_early(&self, shared: &Shared, member: usize, step: StepId) -> Option<bool> {
        let must_stay = |stream| {
            let input = shared.pipeline.step(step).reads(stream);
            input.is_some_and(|input| input.early_exit == EarlyExit::Fail)
        };
        let live = self.inputs.get(&member).into_iter().flatten().map(|&wire| &self.wires[wire]);
        let flows = live.filter(|wire| must_stay(wire.stream)).filter_map(|wire| wire.flow.as_ref());
        let left: Option<Vec<bool>> = flows.map(|flow| flow.left_early(member)).collect();
        Some(left?.contains(&true))
    }

    pub(super) fn is_moving(&self, stream: usize) -> bool {
        self.flow(stream).is_some_and(Flow::is_moving)
    }

    pub(super) fn source_ended(&self, stream: usize) -> bool {
        self.flow(stream).is_some_and(|flow| flow.source_ended)
    }

    pub(super) fn was_leaky(&self, stream: usize) -> bool {
        self.flow(stream).is_some_and(Flow::was_leaky)
    }

    pub(super) fn has_doubts(&self, stream: usize) -> bool {
        self.flow(stream).is_some_and(Flow::has_doubts)
    }

    pub(super) fn is_complete(&self, stream: usize) -> bool {
        self.flow(stream).is_none_or(Flow::is_complete)
    }

    pub(super) fn is_abandoned(&self, stream: usize) -> bool {
        self.flow(stream).is_none_or(Flow::is_abandoned)
    }

    pub(super) fn is_untouched(&self, stream: usize) -> bool {
        self.flow(stream).is_none_or(Flow::is_untouched)
    }

    pub(super) fn is_judgeable(&self, stream: usize) -> bool {
        self.flow(stream).is_none_or(Flow::is_judgeable)
    }

    /// Whether the timer for a producer's leak is still to be set; sets the mark.
    pub(super) fn arm_leak_timer(&mut self, stream: usize) -> bool {
        self.flow_mut(stream).is_some_and(|flow| !std::mem::replace(&mut flow.leak_armed, true))
    }

    pub(super) fn any_flowing(&self) -> bool {
        self.wires.iter().filter_map(|wire| wire.flow.as_ref()).any(Flow::is_moving)
    }

    fn flow(&self, stream: usize) -> Option<&Flow> {
        self.wires[stream].flow.as_ref()
    }

    fn flow_mut(&mut self, stream: usize) -> Option<&mut Flow> {
        self.wires[stream].flow.as_mut()
    }
}
