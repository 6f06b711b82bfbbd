//! Trying again: a member alone, or the whole gang on new pipes.

use std::time::Duration;

use super::Gang;
use super::member::{Member, State};
use super::signal::Signal;
use crate::event::EventKind;
use crate::pipeline::{Action, Failure, Outcome, StepId};
use crate::runner::{Halt, feed};

/// Whether the whole gang is about to start afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restart {
    /// It is not.
    No,
    /// Everybody is being stopped; after that, this wait.
    Stopping(Duration),
    /// Nobody runs, and the wait goes on.
    Delayed,
}

impl Gang {
    /// Tries a failed member again, if it has a retry left and the gang can start afresh. Tells whether it does.
    pub(super) fn retry(&mut self, index: usize, failure: &Failure) -> bool {
        let policy = &self.shared.pipeline.step(self.members[index].step).policy;
        let Some(delay) = self.members[index].next_retry(policy, failure) else { return false };
        let alone = self.can_restart_alone(index);
        let lost = self.lost();
        if !alone && (lost[index].is_some() || !self.can_restart_whole(index)) {
            return false;
        }
        let restarting: Vec<StepId> = if alone {
            vec![self.members[index].step]
        } else {
            let again = self.members.iter().zip(lost).filter(|(_, lost)| lost.is_none());
            again.map(|(member, _)| member.step).collect()
        };
        let member = &mut self.members[index];
        member.retries += 1;
        let (step, attempt) = (member.step, member.attempts);
        let failure = failure.clone();
        self.shared.events.send(EventKind::StepRetrying { step, attempt, failure, delay, restarting });
        member.reset(true);
        if alone {
            self.later(delay, Signal::RetryMember { member: index });
        } else {
            self.wires.halt();
            self.restart = Restart::Stopping(delay);
            self.members.iter().for_each(|member| member.stop(Halt::Gently));
        }
        true
    }

    /// Alone is enough if it has taken nothing from a live stream and given nothing to one.
    fn can_restart_alone(&self, index: usize) -> bool {
        let gave_nothing = self.wires.output_of(index).is_none_or(|stream| self.wires.is_untouched(stream));
        gave_nothing && !self.wires.has_live_input(index)
    }

    /// A gang cannot start afresh when part of it came through a pipe from outside: those bytes are gone.
    fn can_restart_whole(&self, index: usize) -> bool {
        let lost = self.members.iter().enumerate().find_map(|(feeder, member)| {
            let step = self.shared.pipeline.step(member.step);
            let Action::Feed(from) = &step.action else { return None };
            let touched = self.wires.output_of(feeder).is_some_and(|stream| !self.wires.is_untouched(stream));
            (touched && !feed::is_repeatable(from)).then(|| feed::describe(from))
        });
        if let Some(lost) = lost {
            let step = &self.shared.pipeline.step(self.members[index].step).name;
            self.shared.events.send(EventKind::Warning(format!(
                "`{step}` is not tried again: part of {lost} has been read, and it cannot be read twice"
            )));
            return false;
        }
        true
    }

    /// Who cannot start again, and which step is to blame: a failure that counts stays one, and whoever reads what such a member
    /// made, directly or through others, would wait for ever for a producer that does not come back.
    fn lost(&self) -> Vec<Option<StepId>> {
        let mut lost: Vec<Option<StepId>> = Vec::new();
        // Producers stand before their readers.
        for (index, member) in self.members.iter().enumerate() {
            let from =
                self.wires.producers_for(index).find_map(|producer| lost.get(producer).copied().flatten());
            lost.push(match member.outcome() {
                Some(Outcome::Tainted { producer }) => Some(*producer),
                Some(Outcome::Failed(_) | Outcome::TimedOut) => Some(member.step),
                _ => from,
            });
        }
        lost
    }

    /// Goes on with a restart of the whole gang once nobody runs any more.
    pub(super) fn continue_restart(&mut self) {
        let Restart::Stopping(delay) = self.restart else { return };
        if self.members.iter().any(Member::is_running) {
            return;
        }
        self.wires.throw_away();
        if self.halt != Halt::Never {
            self.restart = Restart::No;
            self.cancel_unreported();
            return;
        }
        let lost = self.lost();
        for (member, lost) in self.members.iter_mut().zip(lost) {
            match lost {
                Some(producer) if !member.has_failed() => member.settle(Outcome::Tainted { producer }),
                None if !matches!(member.state, State::Waiting) => member.reset(false),
                _ => {}
            }
        }
        self.restart = Restart::Delayed;
        self.later(delay, Signal::RetryGang);
    }

    /// The run ends while the gang was to start afresh: nobody's attempt counts.
    fn cancel_unreported(&mut self) {
        for member in self.members.iter_mut().filter(|member| !member.reported && !member.is_settled()) {
            member.settle(Outcome::Cancelled);
        }
    }
}
