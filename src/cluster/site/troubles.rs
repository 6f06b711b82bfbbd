//! What goes wrong with the pod of a round: it does not start, it ends by itself, or nothing is heard of it.

use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::Instant;

use super::ends::failure;
use super::gang::{Gang, Member};
use super::pods::PodState;
use super::round::{MARGIN, Next, Round};
use crate::cluster::order::message::{HaltRecord, ToPod};
use crate::cluster::pod::CONDUCTOR;
use crate::cluster::why::{PULLS, Trouble, TroubleKind, ended, starting};
use crate::event::StepFinished;
use crate::executor::SystemError;
use crate::pipeline::{Failure, Outcome, StepId};
use crate::runner::final_outcome;

/// How long the cluster may take to say why a container has ended.
const REASON: Duration = Duration::from_secs(5);
/// How long the last messages of a pod that has ended may be under way.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The signal of a container that is gone.
const KILL: i32 = 9;

impl Gang<'_> {
    /// Returns why a container of a pod is gone, once the cluster says so.
    async fn reason(&self, pod: &str, container: &str) -> Option<Trouble> {
        self.cluster.pods.until(pod, REASON, |state: &PodState| ended(state.pod()?, container)).await
    }

    /// Says why a member has failed whose container is gone or was told to end, which comes before its end. Returns
    /// whether the cluster is to blame.
    pub(super) async fn explain_end(&self, round: &Round, end: &mut StepFinished) -> bool {
        let name = self.name(end.step).to_owned();
        let is_lost = failure(&end.outcome) == Some(Failure::Signal(KILL)) && round.lost.contains(&name);
        let is_terminated = failure(&end.outcome).is_some() && round.terminated.contains(&Some(name.clone()));
        if !is_lost && !is_terminated {
            return false;
        }
        let container = round.pod.steps.iter().find(|known| known.step == name);
        let reason = match container {
            Some(container) => self.reason(&round.hold.name, &container.name).await,
            None => None,
        };
        let words = match reason {
            Some(Trouble { kind: TroubleKind::OutOfMemory, .. }) => {
                end.outcome = final_outcome(self.policy(end.step), Failure::OutOfMemory);
                return false;
            }
            Some(trouble) => trouble.sentence,
            None if is_lost => "its container is gone".to_owned(),
            None => "terminated by the cluster".to_owned(),
        };
        self.warn(format!("`{name}`: {words}"));
        true
    }

    /// Fails a gang that was ended by the cluster, and not by this run.
    pub(super) async fn explain_termination(&mut self, round: &Round) {
        let is_odd = |end: &StepFinished| end.outcome == Outcome::Cancelled;
        let odd = |member: &&Member| !member.is_reported && member.end.as_ref().is_some_and(is_odd);
        let Some(step) = self.members.iter().find(odd).map(|member| member.step) else { return };
        if self.is_ending() || round.terminated.is_empty() {
            return;
        }
        let trouble = self.reason(&round.hold.name, CONDUCTOR).await;
        let words = trouble.map_or_else(|| "terminated by the cluster".to_owned(), |it| it.sentence);
        self.warn(format!("{}: {words}", self.all()));
        self.fail(step, Failure::Signal(15), true).await;
    }

    /// Looks at the pod as the cluster sees it.
    pub(super) fn look(&self, round: &mut Round, state: &PodState) -> Result<Next, SystemError> {
        // A pod that has to go before its conductor has come is not waited for: nodes take their time with it.
        let is_lost = state.is_over() || (state.is_ending() && !round.is_ready);
        if is_lost && !round.hold.is_done {
            let end = Instant::now() + LAST_WORDS;
            round.give_up_at = Some(round.give_up_at.map_or(end, |at| at.min(end)));
        }
        let Some(pod) = state.pod().filter(|_| !round.is_gathered && round.unfit.is_none()) else {
            return Ok(Next::On);
        };
        let troubles = starting(pod);
        round.waits_for = None;
        for Trouble { kind, container, sentence } in troubles {
            let step = container.and_then(|container| round.step_of(&container));
            let is_final = match kind {
                TroubleKind::MayPass => {
                    round.waits_for = Some(sentence.clone());
                    false
                }
                TroubleKind::Pull => {
                    round.waits_for = Some(sentence.clone());
                    round.has_failed_too_often(&sentence)
                }
                TroubleKind::NeverStarts | TroubleKind::OutOfMemory | TroubleKind::Forbidden => true,
                // The pod is over then, or is about to be.
                TroubleKind::EndedByCluster | TroubleKind::TookTooLong => false,
                TroubleKind::Engine => {
                    return Err(SystemError::new("cannot start the pod of a gang", sentence));
                }
            };
            if is_final {
                let step = step.and_then(|name| self.id_of(&name));
                round.unfit = Some((step, round.reason_of_pull(sentence)));
                return Ok(self.end_by(round, HaltRecord::Immediate, MARGIN));
            }
        }
        Ok(Next::On)
    }

    /// Ends a round in which nothing more is heard.
    pub(super) async fn give_up(&mut self, round: &mut Round) -> Result<(), SystemError> {
        let state = self.cluster.pods.all().borrow().get(&round.hold.name).cloned();
        if round.unfit.is_some() || self.is_halted() {
            return Ok(());
        }
        if !round.is_gathered && !state.as_ref().is_some_and(PodState::is_ending) {
            let patience = humantime::format_duration(self.cluster.kubernetes.start_timeout);
            let words =
                round.waits_for.clone().unwrap_or_else(|| "its containers do not all start".to_owned());
            round.unfit = Some((None, format!("{words} (waited for {patience})")));
            round.tell(ToPod::Over);
            return Ok(());
        }
        self.lost(round, "it has ended without a word".to_owned()).await
    }

    /// Ends a round whose conductor is gone. The members are tried again if one of them may be.
    pub(super) async fn lost(&mut self, round: &mut Round, why: String) -> Result<(), SystemError> {
        if let Some(end) = self.client.ended().now_or_never() {
            let what = "the hub of the run is gone";
            return Err(match self.reason(&self.cluster.hub_pod, "hub").await {
                Some(trouble) => SystemError::new(what, trouble.sentence),
                None => SystemError::new(what, end),
            });
        }
        if round.unfit.is_some() || self.is_halted() || self.retry.is_some() {
            return Ok(());
        }
        let (words, is_of_cluster) = self.reason_of_loss(round, why).await;
        let open = self.members.iter().filter(|member| !member.is_reported && member.end.is_none());
        let open: Vec<StepId> = open.map(|member| member.step).collect();
        let may = |step: &&StepId| {
            let attempts = self.members.iter().find(|member| member.step == **step).map(|it| it.attempts);
            attempts.is_some_and(|attempts| attempts.may_retry(self.policy(**step)))
        };
        match open.iter().find(may).or_else(|| open.first().filter(|_| is_of_cluster)).copied() {
            Some(step) => {
                self.warn(format!("the pod of {} is gone: {words}", self.all()));
                self.fail(step, Failure::Signal(9), true).await;
                Ok(())
            }
            None if open.is_empty() => Ok(()),
            None => Err(SystemError::new(format!("the pod of {} is gone", self.all()), words)),
        }
    }

    /// Says why nothing is heard of the conductor any more, and whether the cluster has ended the pod: the conductor
    /// alone is a part of `pipe`, for which no step is to blame.
    async fn reason_of_loss(&self, round: &Round, why: String) -> (String, bool) {
        match self.reason(&round.hold.name, CONDUCTOR).await {
            Some(Trouble { container: None, sentence, .. }) => return (sentence, true),
            Some(Trouble { container: Some(_), sentence, .. }) => {
                return (format!("its conductor has ended: {sentence}"), false);
            }
            None => {}
        }
        match self.cluster.pods.all().borrow().get(&round.hold.name) {
            Some(PodState::Is(pod)) if pod.status.phase == "Running" => {
                let node = pod.spec.node_name.as_deref().unwrap_or("of the pod");
                (format!("the node {node} went away"), true)
            }
            Some(PodState::Gone) => ("the pod was deleted".to_owned(), true),
            Some(PodState::Is(_)) | None => (why, false),
        }
    }
}

impl Round {
    fn step_of(&self, container: &str) -> Option<String> {
        self.pod.steps.iter().find(|step| step.name == container).map(|step| step.step.clone())
    }

    /// Counts a pull that has failed. Between two pulls the node says that it waits.
    fn has_failed_too_often(&mut self, sentence: &str) -> bool {
        let is_wait = sentence.contains("Back-off pulling");
        if is_wait {
            self.pulls.insert("waiting".to_owned());
        } else if self.failed_pulls == 0 || self.pulls.remove("waiting") {
            self.failed_pulls += 1;
            self.pulls.insert(sentence.to_owned());
        }
        self.failed_pulls >= PULLS
    }

    /// Returns the words of a failed pull in place of those for the wait after it.
    fn reason_of_pull(&self, sentence: String) -> String {
        let failed = self.pulls.iter().find(|words| !words.contains("Back-off") && *words != "waiting");
        match failed {
            Some(words) if sentence.contains("Back-off") => words.clone(),
            Some(_) | None => sentence,
        }
    }
}
