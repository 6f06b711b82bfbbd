//! Decides on the outcomes of a gang's members, as far as they are known.

use super::Gang;
use super::member::{ExitClass, State, final_outcome};
use super::restart::Restart;
use super::signal::Signal;
use crate::pipeline::{Failure, Outcome, StepId};
use crate::runner::Shutdown;

impl Gang {
    /// Settles all members that can be settled. The outcome of one may decide that of another, so this goes
    /// on until nothing changes.
    pub(super) async fn settle(&mut self) {
        while (0..self.members.len()).any(|index| self.settle_one(index)) {}
        self.continue_restart().await;
        self.report();
    }

    /// Settles one member if that is possible. Returns whether anything has changed.
    fn settle_one(&mut self, index: usize) -> bool {
        if self.halt != Shutdown::None && matches!(self.members[index].state, State::Waiting) {
            self.members[index].settle(Outcome::Cancelled);
            return true;
        }
        if self.restart != Restart::No {
            // The members are being stopped to start afresh; how they end says nothing.
            return false;
        }
        let Some(class) = self.members[index].exit_class() else { return false };
        match class {
            ExitClass::Stopped => self.settle_stopped(index),
            ExitClass::Success => self.settle_success(index),
            ExitClass::BrokenPipe => self.settle_broken_pipe(index),
            ExitClass::Failure(Failure::Exit(code)) => self.settle_exit(index, code),
            ExitClass::Failure(failure) => self.settle_failure(index, failure),
        }
    }

    /// Settles a member by its exit code. A program that ignores SIGPIPE reports a broken pipe by an exit
    /// code of its own; only the file can say which one.
    fn settle_exit(&mut self, index: usize, code: i32) -> bool {
        if self.streams.output_of(index).is_none_or(|stream| !self.streams[stream].is_abandoned()) {
            return self.settle_failure(index, Failure::Exit(code));
        }
        let port = self.job.pipeline.step(self.members[index].step).output;
        let codes = port.map(|port| &self.job.pipeline.stream(port.stream).broken_pipe);
        match codes.is_some_and(|codes| codes.contains(&code)) {
            true => self.settle_broken_pipe(index),
            false => self.settle_failure(index, Failure::BrokenPipe(code)),
        }
    }

    /// Settles a member that was stopped, by the first reason that there was for it.
    fn settle_stopped(&mut self, index: usize) -> bool {
        let member = &mut self.members[index];
        let outcome = match member.tainted_by {
            Some(producer) => Outcome::Tainted { producer },
            None => Outcome::Cancelled,
        };
        member.settle(outcome);
        true
    }

    /// Settles a member that did its work. A reader that must stay to the end has succeeded only when it is
    /// known that it did.
    fn settle_success(&mut self, index: usize) -> bool {
        match self.streams.left_early(&self.job, index, self.members[index].step) {
            Some(false) => self.settle_delivery(index),
            _ if self.halt != Shutdown::None => self.settle_stopped(index),
            Some(true) => self.settle_failure(index, Failure::LeftEarly),
            None => false,
        }
    }

    /// Settles a member as a producer, which has succeeded only when its stream is with its readers.
    fn settle_delivery(&mut self, index: usize) -> bool {
        let Some(stream) = self.streams.output_of(index) else {
            self.members[index].settle(Outcome::Succeeded);
            return true;
        };
        if self.halt != Shutdown::None || self.members[index].tainted_by.is_some() {
            // The stream was halted on its way, so no reader got all of it. What the member reads or uses may have
            // broken while something that it left behind held its log open.
            return self.settle_stopped(index);
        }
        if self.streams[stream].has_doubts() {
            return false;
        }
        if self.streams[stream].is_complete() {
            self.members[index].leaky |= self.streams[stream].was_leaky();
            self.members[index].settle(Outcome::Succeeded);
            return true;
        }
        if self.streams[stream].source_ended() {
            self.streams.finish(stream, self.round, &self.signals);
        } else if self.streams[stream].arm_leak_timer() {
            self.later(self.job.settings.leak_grace, Signal::LeakGraceOver { stream });
        }
        false
    }

    /// Settles a member that died of a broken pipe, which is no failure if the readers had all they wanted.
    fn settle_broken_pipe(&mut self, index: usize) -> bool {
        let abandoned = self.streams.output_of(index).filter(|&stream| self.streams[stream].is_abandoned());
        let Some(stream) = abandoned else {
            let failure = self.members[index].exit_failure();
            return self.settle_failure(index, failure);
        };
        if self.streams[stream].has_doubts() {
            // Once the run ends, this stays open: the file may have found no room.
            return self.halt != Shutdown::None && self.settle_stopped(index);
        }
        let readers = self.streams.readers_of(stream);
        let outcomes: Option<Vec<&Outcome>> = readers.map(|reader| self.members[reader].outcome()).collect();
        let Some(outcomes) = outcomes else { return false };
        let satisfied = outcomes.into_iter().all(Outcome::is_success);
        self.members[index].settle(if satisfied { Outcome::Succeeded } else { Outcome::Cancelled });
        true
    }

    fn settle_failure(&mut self, index: usize, failure: Failure) -> bool {
        let output = self.streams.output_of(index);
        if let Some(stream) = output
            && !self.streams[stream].is_judgeable()
        {
            // Whether any of its bytes has gone out decides what a retry may be.
            self.streams[stream].cut();
            return false;
        }
        if *self.halts.borrow() == Shutdown::None && self.retry(index, &failure) {
            return true;
        }
        let producer = self.members[index].step;
        let policy = &self.job.pipeline.step(producer).policy;
        self.members[index].explain(policy, &failure);
        let outcome = final_outcome(policy, failure);
        self.members[index].settle(outcome);
        self.taint_readers(index, producer);
        true
    }

    /// Stops all readers, direct or through others, of what a failed member was writing. A reader that has
    /// left the stream before has no part in its failure.
    pub(super) fn taint_readers(&mut self, index: usize, producer: StepId) {
        let mut broken = vec![index];
        while let Some(index) = broken.pop() {
            let Some(stream) = self.streams.output_of(index) else { continue };
            self.streams[stream].halt();
            for reader in self.streams.staying_readers_of(stream) {
                let member = &mut self.members[reader];
                match member.state {
                    State::Running(_) if member.tainted_by.is_none() => {
                        member.tainted_by = Some(producer);
                        member.stop(Shutdown::Graceful);
                    }
                    State::Waiting => member.settle(Outcome::Tainted { producer }),
                    State::Running(_) | State::Exited(_) | State::Settled(..) => continue,
                }
                broken.push(reader);
            }
        }
    }
}
