//! Retries: of a member alone, or of the whole gang on new pipes.
//!
//! ```text
//!            a member fails, and           no member runs,         the delay is over:
//!            the gang can restart          pipes are closed        the next round starts
//!       No ───────────────────▶ Stopping ───────────────▶ Delayed ─────────────────────▶ No
//!                                  │
//!                                  └── the run ends: members are cancelled ────────────▶ No
//! ```
//!
//! 1. *No*: [`Gang::retry`] decides, for each final failure. A member that has taken nothing from a live
//!    stream and given nothing to one starts again alone (`Signal::RetryMember`), and the state stays as it
//!    is.
//! 2. *Stopping*: streams are halted and members stopped; how they end says nothing.
//! 3. *Delayed*: [`Gang::continue_restart`] has closed the pipes; the gang has given its slots back, and
//!    waits.
//! 4. `Signal::RetryGang` starts the next round, with the members that are not lost.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Gang;
use super::member::{Member, State};
use super::signal::Signal;
use crate::event::EventKind;
use crate::pipeline::{Action, Failure, Outcome, StepId};
use crate::runner::slots::SlotRequest;
use crate::runner::{GangMessage, Shutdown, feed};

/// Whether the whole gang is about to start afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restart {
    /// It is not.
    No,
    /// Its members are being stopped; after that, this delay.
    Stopping(Duration),
    /// No member runs, and the delay goes on.
    Delayed,
}

impl Gang {
    /// Retries a failed member, if it has a retry left and the gang can start afresh. Returns whether it
    /// does.
    pub(super) fn retry(&mut self, index: usize, failure: &Failure) -> bool {
        let policy = &self.job.pipeline.step(self.members[index].step).policy;
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
        self.job.events.send(EventKind::StepRetrying { step, attempt, failure, delay, restarting });
        member.reset(true);
        if alone {
            self.after_rest(delay, Signal::RetryMember { member: index });
        } else {
            self.streams.halt();
            self.restart = Restart::Stopping(delay);
            self.members.iter().for_each(|member| member.stop(Shutdown::Graceful));
        }
        true
    }

    /// Sends a signal of this round after the delay before an attempt. While none of its steps runs, the gang
    /// gives its slots back; if only one member waits, the gang keeps them all.
    fn after_rest(&self, delay: Duration, signal: Signal) {
        let unreported = || self.members.iter().filter(|member| !member.reported);
        if delay.is_zero() || !unreported().all(|member| matches!(member.state, State::Waiting)) {
            return self.later(delay, signal);
        }
        let steps: Vec<StepId> = unreported().map(|member| member.step).collect();
        let _ = self.dispatcher.send(GangMessage::Resting(steps.clone()));
        let (signals, round, dispatcher) = (self.signals.clone(), self.round, self.dispatcher.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let (go, gone) = oneshot::channel();
            let _ = dispatcher.send(GangMessage::Returning(SlotRequest { steps, go }));
            if gone.await.is_ok() {
                let _ = signals.send((round, signal));
            }
        });
    }

    /// Returns whether a member can restart alone: it has taken nothing from a live stream and given nothing
    /// to one.
    fn can_restart_alone(&self, index: usize) -> bool {
        let gave_nothing =
            self.streams.output_of(index).is_none_or(|stream| self.streams[stream].is_untouched());
        gave_nothing && !self.streams.has_live_input(index)
    }

    /// Returns whether the gang can start afresh. It cannot when part of it came through a pipe from outside:
    /// those bytes are gone.
    fn can_restart_whole(&self, index: usize) -> bool {
        let lost = self.members.iter().enumerate().find_map(|(feeder, member)| {
            let step = self.job.pipeline.step(member.step);
            let Action::Feed(from) = &step.action else { return None };
            let touched =
                self.streams.output_of(feeder).is_some_and(|stream| !self.streams[stream].is_untouched());
            (touched && !feed::is_repeatable(from)).then(|| feed::describe(from))
        });
        if let Some(lost) = lost {
            let step = &self.job.pipeline.step(self.members[index].step).name;
            self.job.events.send(EventKind::Warning(format!(
                "`{step}` is not tried again: part of {lost} has been read, and it cannot be read twice"
            )));
            return false;
        }
        true
    }

    /// Returns for each member the step whose final failure rules out a restart, if any: its own, or that of
    /// a producer upstream, which will not come back. Nor does a failure that is ignored come back, once a
    /// reader has ended because of it.
    fn lost(&self) -> Vec<Option<StepId>> {
        let culprits: BTreeSet<StepId> = self.members.iter().filter_map(Member::culprit).collect();
        let mut lost: Vec<Option<StepId>> = Vec::new();
        // Producers stand before their readers.
        for (index, member) in self.members.iter().enumerate() {
            let from =
                self.streams.producers_for(index).find_map(|producer| lost.get(producer).copied().flatten());
            let own = culprits.contains(&member.step).then_some(member.step);
            lost.push(own.or(member.culprit()).or(from));
        }
        lost
    }

    /// Goes on with a restart of the whole gang once no member runs.
    pub(super) async fn continue_restart(&mut self) {
        let Restart::Stopping(delay) = self.restart else { return };
        if self.members.iter().any(Member::is_running) {
            return;
        }
        self.close_broken_streams().await;
        if self.halt != Shutdown::None {
            self.restart = Restart::No;
            self.cancel_unreported();
            return;
        }
        self.settle_bereft();
        let lost = self.lost();
        for (member, lost) in self.members.iter_mut().zip(lost) {
            match lost {
                Some(producer) if producer != member.step && !member.has_failed() => {
                    member.settle(Outcome::Tainted { producer });
                }
                None if !matches!(member.state, State::Waiting) => member.reset(false),
                _ => {}
            }
        }
        self.restart = Restart::Delayed;
        self.after_rest(delay, Signal::RetryGang);
    }

    /// Cancels the members because the run ends while the gang was to start afresh: no attempt counts.
    fn cancel_unreported(&mut self) {
        for member in self.members.iter_mut().filter(|member| !member.reported && !member.is_settled()) {
            member.settle(Outcome::Cancelled);
        }
    }
}
