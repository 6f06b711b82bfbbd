//! What can be said about the members of a gang, given what is known by now.

use super::Gang;
use super::member::{State, Verdict, final_outcome};
use super::restart::Restart;
use super::signal::Signal;
use crate::pipeline::{Failure, Outcome, StepId};
use crate::runner::Halt;

impl Gang {
    /// Says all that can be said: one member's end can be what another's hangs on, so this goes on until nothing moves.
    pub(super) fn settle(&mut self) {
        while (0..self.members.len()).any(|index| self.settle_one(index)) {}
        self.continue_restart();
        self.report();
    }

    /// Settles one member if that is possible; tells whether anything has changed.
    fn settle_one(&mut self, index: usize) -> bool {
        if self.halt != Halt::Never && matches!(self.members[index].state, State::Waiting) {
            self.members[index].settle(Outcome::Cancelled);
            return true;
        }
        if self.restart != Restart::No {
            // Everybody is being stopped to start afresh; how they end says nothing.
            return false;
        }
        let Some(verdict) = self.members[index].verdict() else { return false };
        match verdict {
            Verdict::Stopped => self.settle_stopped(index),
            Verdict::Success => self.settle_success(index),
            Verdict::BrokenPipe => self.settle_broken_pipe(index),
            Verdict::Failure(failure) => self.settle_failure(index, failure),
        }
    }

    fn settle_stopped(&mut self, index: usize) -> bool {
        let member = &mut self.members[index];
        let outcome = match member.tainted_by {
            Some(producer) => Outcome::Tainted { producer },
            None => Outcome::Cancelled,
        };
        member.settle(outcome);
        true
    }

    /// A reader that must stay to the end has succeeded only when it is known that it did.
    fn settle_success(&mut self, index: usize) -> bool {
        match self.wires.left_early(&self.shared, index, self.members[index].step) {
            Some(false) => self.settle_delivery(index),
            _ if self.halt != Halt::Never => {
                self.members[index].settle(Outcome::Cancelled);
                true
            }
            Some(true) => self.settle_failure(index, Failure::LeftEarly),
            None => false,
        }
    }

    /// A producer has succeeded only when its stream is with its readers.
    fn settle_delivery(&mut self, index: usize) -> bool {
        let Some(stream) = self.wires.output_of(index) else {
            self.members[index].settle(Outcome::Succeeded);
            return true;
        };
        if self.halt != Halt::Never {
            // The stream was stopped on its way, so nobody got all of it.
            self.members[index].settle(Outcome::Cancelled);
            return true;
        }
        if self.wires.has_doubts(stream) {
            return false;
        }
        if self.wires.is_complete(stream) {
            self.members[index].leaky |= self.wires.was_leaky(stream);
            self.members[index].settle(Outcome::Succeeded);
            return true;
        }
        if self.wires.source_ended(stream) {
            self.wires.finish(stream, self.round, &self.signals);
        } else if self.wires.arm_leak_timer(stream) {
            self.later(self.shared.settings.leak_grace, Signal::LeakGraceOver { stream });
        }
        false
    }

    /// Dying of SIGPIPE is no failure if the readers had all they wanted.
    fn settle_broken_pipe(&mut self, index: usize) -> bool {
        let abandoned = self.wires.output_of(index).filter(|&stream| self.wires.is_abandoned(stream));
        let Some(stream) = abandoned else {
            let failure = self.members[index].exit_failure();
            return self.settle_failure(index, failure);
        };
        if self.wires.has_doubts(stream) {
            // Once the run ends, nobody clears them up any more: the file may have found no room.
            if self.halt != Halt::Never {
                self.members[index].settle(Outcome::Cancelled);
            }
            return self.halt != Halt::Never;
        }
        let readers = self.wires.readers_of(stream);
        let outcomes: Option<Vec<&Outcome>> =
            readers.iter().map(|&reader| self.members[reader].outcome()).collect();
        let Some(outcomes) = outcomes else { return false };
        let satisfied = outcomes.into_iter().all(Outcome::is_success);
        self.members[index].settle(if satisfied { Outcome::Succeeded } else { Outcome::Cancelled });
        true
    }

    fn settle_failure(&mut self, index: usize, failure: Failure) -> bool {
        let output = self.wires.output_of(index);
        if let Some(stream) = output
            && !self.wires.is_judgeable(stream)
        {
            // Whether any of its bytes has gone out decides what a retry may be.
            self.wires.cut(stream);
            return false;
        }
        if self.halt == Halt::Never && self.retry(index, &failure) {
            return true;
        }
        let member = &self.members[index];
        let outcome = final_outcome(&self.shared.pipeline.step(member.step).policy, failure);
        let producer = member.step;
        self.members[index].settle(outcome);
        self.taint_readers(index, producer);
        true
    }

    /// Stops whoever reads, directly or through others, what a failed member was writing. A reader that has left the
    /// stream before has no part in its failure.
    fn taint_readers(&mut self, index: usize, producer: StepId) {
        let mut broken = vec![index];
        while let Some(index) = broken.pop() {
            let Some(stream) = self.wires.output_of(index) else { continue };
            self.wires.halt_one(stream);
            for reader in self.wires.staying_readers_of(stream) {
                let member = &mut self.members[reader];
                match member.state {
                    State::Running(_) if member.tainted_by.is_none() => {
                        member.tainted_by = Some(producer);
                        member.stop(Halt::Gently);
                    }
                    State::Waiting => member.settle(Outcome::Tainted { producer }),
                    _ => continue,
                }
                broken.push(reader);
            }
        }
    }
}
