//! The live streams of a gang: which member writes and reads which, and the state of each.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Index, IndexMut};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::live::LiveStream;
use super::member::Member;
use super::pipes::{ReaderPipe, ReaderPipes, SpillFailed};
use super::signal::Signal;
use super::sink::Unread;
use super::state::StreamState;
use super::{deadlock, sink};
use crate::executor::{InputSource, SystemError};
use crate::pipeline::{EarlyExit, Input, StepId, StreamId};
use crate::plan::{Decisions, EdgeKind};
use crate::runner::Job;
use crate::runner::attempt::PipeEnds;
use crate::stream::{FanoutEvent, Keeper, PipeBudget};

/// All streams that a gang's members write. Streams and members are named by their positions in the gang.
pub(super) struct GangStreams {
    pub(super) slots: Vec<StreamSlot>,
    /// By member: the stream it writes.
    outputs: BTreeMap<usize, usize>,
    /// By member: the live streams it reads.
    inputs: BTreeMap<usize, Vec<usize>>,
    /// Which steps of the run run, but for `passed_over`.
    decisions: Arc<Decisions>,
    passed_over: BTreeSet<StepId>,
    /// There is more than one way between two members, so that they can deadlock: a step reads several
    /// streams that come from one.
    is_woven: bool,
    /// Bytes that had moved when the streams were last looked at.
    moved: u64,
}

/// One stream, in all rounds.
pub(super) struct StreamSlot {
    pub(super) stream: StreamId,
    pub(super) producer: usize,
    /// The members that read it live.
    readers: Vec<Reader>,
    pub(super) state: StreamState,
    /// All of its readers are passed over: its bytes are thrown away.
    pub(super) is_discarded: bool,
    /// Its end has been sent as an event.
    pub(super) is_reported: bool,
}

/// One member that reads a stream live.
struct Reader {
    member: usize,
    /// The position of the stream among its inputs.
    input: usize,
    /// How far it may lag, in bytes, where the file says so.
    buffer: Option<u64>,
}

impl StreamSlot {
    /// Returns the members that read it live.
    pub(super) fn readers(&self) -> impl Iterator<Item = usize> {
        self.readers.iter().map(|reader| reader.member)
    }
}

impl Index<usize> for GangStreams {
    type Output = StreamState;

    fn index(&self, stream: usize) -> &StreamState {
        &self.slots[stream].state
    }
}

impl IndexMut<usize> for GangStreams {
    fn index_mut(&mut self, stream: usize) -> &mut StreamState {
        &mut self.slots[stream].state
    }
}

impl GangStreams {
    pub(super) fn new(
        job: &Job,
        decisions: Arc<Decisions>,
        passed_over: BTreeSet<StepId>,
        members: &[Member],
    ) -> Self {
        let index: BTreeMap<StepId, usize> =
            members.iter().enumerate().map(|(index, member)| (member.step, index)).collect();
        let (mut slots, mut outputs) = (Vec::new(), BTreeMap::new());
        let mut inputs: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (producer, member) in members.iter().enumerate() {
            let Some(port) = job.pipeline.step(member.step).output else { continue };
            let is_live = |reader: &&StepId| matches!(job.plan.edge(port.stream, **reader), EdgeKind::Live);
            let declared = job.pipeline.stream(port.stream);
            let is_discarded = !declared.readers.is_empty()
                && declared.readers.iter().all(|reader| passed_over.contains(reader))
                && !declared.store
                && declared.out.is_none();
            let readers = declared.readers.iter().filter(is_live);
            let reader = |step: &StepId| {
                let inputs = &job.pipeline.step(*step).inputs;
                let input = inputs.iter().position(|input| input.port.stream == port.stream)?;
                Some(Reader { member: *index.get(step)?, input, buffer: inputs[input].buffer })
            };
            let readers: Vec<Reader> = readers.filter_map(reader).collect();
            for reader in &readers {
                inputs.entry(reader.member).or_default().push(slots.len());
            }
            outputs.insert(producer, slots.len());
            let (stream, state) = (port.stream, StreamState::Idle);
            slots.push(StreamSlot { stream, producer, readers, state, is_discarded, is_reported: false });
        }
        // Members that are joined by one way each are joined by one stream less than there are members.
        let edges: usize = slots.iter().map(|slot: &StreamSlot| slot.readers.len()).sum();
        let is_woven = edges >= members.len();
        Self { slots, outputs, inputs, decisions, passed_over, is_woven, moved: 0 }
    }

    /// Returns what each input of a member is: a live stream or a stored one.
    pub(super) fn inputs_of(&self, job: &Job, member: usize, step: StepId) -> Vec<InputSource> {
        let live = self.inputs.get(&member).map(Vec::as_slice).unwrap_or_default();
        let is_live = |stream| live.iter().any(|&slot| self.slots[slot].stream == stream);
        let absent = self.absent_of(job, step);
        let source = |input: &Input| match input.port.stream {
            stream if absent.contains(&stream) => InputSource::File("/dev/null".into()),
            stream if is_live(stream) => InputSource::Pipe,
            stream => InputSource::File(sink::stored_path(job, stream)),
        };
        job.pipeline.step(step).inputs.iter().map(source).collect()
    }

    /// Returns the streams that a step would gather, and that nothing makes: their producers are passed over.
    pub(super) fn absent_of(&self, job: &Job, step: StepId) -> Arc<BTreeSet<StreamId>> {
        let gathered = job.pipeline.step(step).inputs.iter().filter(|input| input.is_gathered);
        let streams = gathered.map(|input| input.port.stream);
        Arc::new(streams.filter(|id| self.passed_over.contains(&job.pipeline.stream(*id).producer)).collect())
    }

    /// Connects the members that have just been started.
    pub(super) fn connect(
        &mut self,
        job: &Job,
        budget: &Arc<PipeBudget>,
        mut ends: BTreeMap<usize, PipeEnds>,
        round: u32,
        signals: &mpsc::UnboundedSender<(u32, Signal)>,
    ) -> Result<(), SystemError> {
        let is_woven = self.is_woven;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let name = &job.pipeline.stream(slot.stream).name;
            let may_stall = is_woven && job.settings.break_deadlocks && slot.readers.len() > 1;
            let (mut readers, mut pipes) = (Vec::new(), Vec::new());
            for reader in &slot.readers {
                let ends = ends.get_mut(&reader.member);
                if let Some(pipe) = ends.and_then(|ends| ends.inputs.get_mut(reader.input)?.take()) {
                    readers.push(reader.member);
                    pipes.push(ReaderPipe { pipe, spill: reader.buffer.or(may_stall.then_some(0)) });
                }
            }
            let source = ends.get_mut(&slot.producer).and_then(|ends| ends.stdout.take());
            if slot.is_reported || (source.is_none() && pipes.is_empty() && !slot.readers.is_empty()) {
                continue;
            }
            let stored_for = |step| self.decisions.runs(step) && !self.passed_over.contains(&step);
            let unread = match (slot.readers.is_empty(), slot.is_discarded) {
                (false, _) => Unread::No,
                (true, false) => Unread::Keep,
                (true, true) => Unread::Discard,
            };
            let (files, sinks) = sink::start(job, stored_for, slot.stream, unread, round)?;
            let failed = signals.clone();
            let failed: SpillFailed = Arc::new(move |error| {
                let event = FanoutEvent::Failed(error);
                let _ = failed.send((round, Signal::Stream { stream: index, event }));
            });
            let (pipes, mut events) = ReaderPipes::connect(job, budget, name, (pipes, sinks), &failed)?;
            let mut live = LiveStream::new(pipes, readers, files);
            if let Some(source) = source {
                live.feed(source);
            }
            slot.state = StreamState::Live(Box::new(live));
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
        if let Some(live) = self.output_of(producer).and_then(|stream| self[stream].live_mut()) {
            live.feed(source);
        }
    }

    /// Takes out the keeper that knows why the file behind a sink was closed early; nothing if the sink is a
    /// reader's.
    pub(super) fn take_left_file(&mut self, stream: usize, sink: usize) -> Option<Keeper> {
        self[stream].live_mut()?.take_left_file(sink)
    }

    /// Lets the readers see the end of a stream that is whole, and waits for its files.
    pub(super) fn finish(
        &mut self,
        stream: usize,
        round: u32,
        signals: &mpsc::UnboundedSender<(u32, Signal)>,
    ) {
        let Some(keepers) = self[stream].live_mut().and_then(LiveStream::close) else { return };
        let signals = signals.clone();
        tokio::spawn(async move {
            let result = sink::complete(keepers).await;
            let _ = signals.send((round, Signal::Finished { stream, result }));
        });
    }

    /// Puts the files of a member's stream in their places: its success is final.
    pub(super) fn commit(&mut self, member: usize) -> Result<(), SystemError> {
        let live = self.output_of(member).and_then(|stream| self[stream].live_mut());
        live.map_or(Ok(()), LiveStream::commit)
    }

    /// Stops every stream where it is; no reader sees an end.
    pub(super) fn halt(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.state.halt());
    }

    /// Helps a gang on that has stood still since the last call.
    pub(super) fn break_deadlock(&mut self) {
        if self.is_woven {
            let live = self.slots.iter().filter_map(|slot| slot.state.live());
            deadlock::break_up(live, &mut self.moved);
        }
    }

    /// Returns the inodes of the pipes whose streams have not ended: a process that still has one open would
    /// see an end once they are closed.
    pub(super) fn open_pipes(&self) -> Vec<u64> {
        let live = self.slots.iter().filter_map(|slot| slot.state.live());
        live.filter(|live| live.closed.is_none()).flat_map(|live| live.pipes.inodes.iter().copied()).collect()
    }

    /// Closes the pipes of a round whose processes are all gone, and removes its unfinished files.
    pub(super) fn discard(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.state = StreamState::Idle);
    }

    pub(super) fn output_of(&self, member: usize) -> Option<usize> {
        self.outputs.get(&member).copied()
    }

    pub(super) fn has_live_input(&self, member: usize) -> bool {
        self.inputs.contains_key(&member)
    }

    /// Returns the members whose streams a member reads live.
    pub(super) fn producers_for(&self, member: usize) -> impl Iterator<Item = usize> {
        self.inputs.get(&member).into_iter().flatten().map(|&stream| self.slots[stream].producer)
    }

    pub(super) fn readers_of(&self, stream: usize) -> impl Iterator<Item = usize> {
        self.slots[stream].readers()
    }

    /// Returns the readers that have not left the stream by themselves.
    pub(super) fn staying_readers_of(&self, stream: usize) -> Vec<usize> {
        self.readers_of(stream).filter(|&reader| !self[stream].has_left(reader)).collect()
    }

    /// Returns whether a member, whose process has ended, has left one of the streams early that it must not
    /// leave; nothing as long as that is open.
    pub(super) fn left_early(&self, job: &Job, member: usize, step: StepId) -> Option<bool> {
        let must_stay = |stream| {
            let input = job.pipeline.step(step).reads(stream);
            input.is_some_and(|input| input.early_exit == EarlyExit::Fail)
        };
        let slots = self.inputs.get(&member).into_iter().flatten().map(|&stream| &self.slots[stream]);
        let live = slots.filter(|slot| must_stay(slot.stream)).filter_map(|slot| slot.state.live());
        let left: Option<Vec<bool>> = live.map(|live| live.left_early(member)).collect();
        Some(left?.contains(&true))
    }

    pub(super) fn any_moving(&self) -> bool {
        self.slots.iter().any(|slot| slot.state.is_moving())
    }
}
