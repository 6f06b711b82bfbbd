//! The end of a service that members use.

use super::Gang;
use super::member::State;
use super::restart::Restart;
use super::signal::Signal;
use crate::executor::Exit;
use crate::pipeline::{Outcome, StepId};
use crate::runner::end::{End, Ended};
use crate::runner::{DEATH_NEWS, Shutdown};

impl Gang {
    /// Returns the step whose failure has taken away what a member uses.
    fn bereft(&self, index: usize) -> Option<StepId> {
        let deaths = self.deaths.borrow();
        let mut used = self.job.pipeline.step(self.members[index].step).usages();
        used.find_map(|usage| deaths.get(&usage.step).copied())
    }

    /// Stops the members whose service has ended. As a producer each breaks its stream, like one that fails.
    pub(super) fn bereave(&mut self) {
        for index in 0..self.members.len() {
            let Some(culprit) = self.bereft(index) else { continue };
            let member = &mut self.members[index];
            match member.state {
                State::Running(_) if member.tainted_by.is_none() => {
                    member.tainted_by = Some(culprit);
                    member.stop(Shutdown::Graceful);
                }
                State::Waiting => member.settle(Outcome::Tainted { producer: culprit }),
                State::Running(_) | State::Exited(_) | State::Settled(..) => continue,
            }
            self.taint_readers(index, culprit);
        }
    }

    /// Holds back the end of a member that has failed and uses a service, until it would be known that the
    /// service has ended: then that is the cause. Returns the end once it counts.
    pub(super) fn after_news(&mut self, index: usize, ended: Ended) -> Option<Ended> {
        let step = self.job.pipeline.step(self.members[index].step);
        let has_failed = match ended.how {
            End::Exit(exit) => exit != Exit::Code(0),
            End::NotStarted(_) | End::Faulty(_) | End::TimedOut | End::Stopped => false,
        };
        if !has_failed || step.usages().next().is_none() {
            return Some(ended);
        }
        let is_bereft = self.bereft(index).is_some() && self.members[index].tainted_by.is_some();
        let member = &mut self.members[index];
        let is_open = self.halt == Shutdown::None && self.restart == Restart::No;
        if !is_bereft && is_open && !std::mem::replace(&mut member.awaits_news, true) {
            self.later(DEATH_NEWS, Signal::Ended { member: index, result: Ok(ended) });
            return None;
        }
        member.awaits_news = false;
        Some(if is_bereft { Ended { how: End::Stopped, ..ended } } else { ended })
    }

    /// Settles the members that are not to come back, since their service has ended.
    pub(super) fn settle_bereft(&mut self) {
        for index in 0..self.members.len() {
            if let Some(producer) = self.bereft(index)
                && !self.members[index].is_settled()
            {
                self.members[index].settle(Outcome::Tainted { producer });
            }
        }
    }
}
