//! One round of a gang: its pod, from the start to the last word of its conductor.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::files::streams_folder;
use super::gang::Gang;
use super::start::{NoPod, PodHold};
use crate::cluster::link::{Messages, MessagesEnd};
use crate::cluster::order::OrderError;
use crate::cluster::order::message::{FromPod, HaltRecord, Heard, PodEvents, ToPod};
use crate::cluster::pod::GangPod;
use crate::event::channel::OutputSender;
use crate::event::{EventKind, OutputChannel, StepFinished};
use crate::executor::SystemError;
use crate::pipeline::{Outcome, StepId};
use crate::runner::{Shutdown, until};

/// When it is said that no node takes a pod.
const UNSCHEDULED: Duration = Duration::from_secs(10);
/// What a conductor needs beside the grace to end a gang and to say so.
pub(super) const MARGIN: Duration = Duration::from_secs(10);

/// Where a round stands.
pub(super) struct Round {
    pub(super) hold: PodHold,
    pub(super) pod: GangPod,
    pub(super) heard: PodEvents,
    pub(super) tell: mpsc::UnboundedSender<ToPod>,
    pub(super) outputs: Vec<((StepId, OutputChannel), OutputSender)>,
    pub(super) is_ready: bool,
    pub(super) is_gathered: bool,
    /// A step that cannot start, or the whole pod, and why: the gang is being ended for that.
    pub(super) unfit: Option<(Option<StepId>, String)>,
    /// Failed pulls, each once.
    pub(super) pulls: BTreeSet<String>,
    pub(super) failed_pulls: u32,
    /// Why the pod does not start, if that may pass.
    pub(super) waits_for: Option<String>,
    /// When it is said what the pod waits for.
    pub(super) warn_at: Option<Instant>,
    /// When the round is given up.
    pub(super) give_up_at: Option<Instant>,
    /// The containers that have been told to end, and not by this run: those of steps, and `None` for the conductor's.
    pub(super) terminated: BTreeSet<Option<String>>,
    /// The containers that are gone with their wrappers.
    pub(super) lost: BTreeSet<String>,
}

/// What is done after something was heard.
pub(super) enum Next {
    /// The next thing is waited for.
    On,
    /// The round is over.
    Over,
}

impl Gang<'_> {
    /// Runs the gang once, in a pod of its own.
    ///
    /// # Errors
    /// No step is to blame: the run ends.
    pub(super) async fn round(&mut self) -> Result<(), SystemError> {
        let pod = match self.shape() {
            Ok(pod) => pod,
            Err(why) => {
                self.not_started(None, why).await;
                return Ok(());
            }
        };
        let hold = match self.create(&pod).await {
            Ok(hold) => hold,
            Err(NoPod::Halted) => return Ok(()),
            Err(NoPod::Unfit(why)) => {
                self.not_started(None, why).await;
                return Ok(());
            }
            Err(NoPod::Failed(error)) => return Err(error),
        };
        let opened = self.client.gang(&hold.name).await;
        let messages = opened.map_err(|end| SystemError::new("the hub of the run is gone", end))?;
        let (tell, to_tell) = mpsc::unbounded_channel();
        let now = Instant::now();
        let mut round = Round {
            heard: PodEvents::new(Arc::clone(&self.order.job.pipeline)),
            hold,
            pod,
            tell,
            outputs: Vec::new(),
            is_ready: false,
            is_gathered: false,
            unfit: None,
            pulls: BTreeSet::new(),
            failed_pulls: 0,
            waits_for: None,
            warn_at: Some(now + UNSCHEDULED),
            give_up_at: Some(now + self.cluster.kubernetes.start_timeout),
            terminated: BTreeSet::new(),
            lost: BTreeSet::new(),
        };
        let Messages { sender, receiver, end } = messages;
        tokio::spawn(say(to_tell, sender));
        self.follow(&mut round, receiver, end).await?;
        for (_, output) in round.outputs {
            output.finish().await;
        }
        if let Some((step, why)) = round.unfit {
            self.not_started(step, why).await;
        }
        if self.retry.is_some() {
            round.hold.fence().await;
        }
        Ok(())
    }

    /// Follows the round to its end.
    async fn follow(
        &mut self,
        round: &mut Round,
        mut messages: mpsc::Receiver<Vec<u8>>,
        end: MessagesEnd,
    ) -> Result<(), SystemError> {
        let (mut pods, mut shutdown) = (self.cluster.pods.all(), self.shutdown.clone());
        let mut troubles = self.cluster.troubles.clone();
        shutdown.mark_changed();
        loop {
            let next = tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(message) => self.hear(round, &message).await?,
                    None => {
                        let why = end.why().await.unwrap_or_else(|| "it has ended".to_owned());
                        return self.lost(round, why).await;
                    }
                },
                Ok(()) = shutdown.changed() => {
                    let how = *shutdown.borrow_and_update();
                    self.halt(round, how)
                }
                Ok(()) = troubles.changed() => match &*troubles.borrow_and_update() {
                    Some(trouble) => {
                        return Err(SystemError::new("the hub of the run cannot go on", trouble.clone()));
                    }
                    None => Next::On,
                },
                Ok(()) = pods.changed() => {
                    let state = pods.borrow_and_update().get(&round.hold.name).cloned();
                    match state {
                        Some(state) => self.look(round, &state)?,
                        None => Next::On,
                    }
                }
                () = until(round.warn_at) => {
                    round.warn_at = None;
                    if let Some(words) = round.waits_for.as_ref().filter(|_| !round.is_gathered) {
                        self.warn(format!("{} waits: {words}", self.all()));
                    }
                    Next::On
                }
                () = until(round.give_up_at) => return self.give_up(round).await,
            };
            match next {
                Next::On => {}
                Next::Over => return Ok(()),
            }
        }
    }

    /// Ends the gang as the run is to end. A pod whose conductor is not there yet is given up.
    fn halt(&self, round: &mut Round, how: Shutdown) -> Next {
        let (how, patience) = match how {
            Shutdown::None => return Next::On,
            Shutdown::Graceful => (HaltRecord::Graceful, self.order.job.settings.grace + MARGIN),
            Shutdown::Immediate => (HaltRecord::Immediate, MARGIN),
        };
        self.end_by(round, how, patience)
    }

    /// Ends the gang. Nothing more is heard of one that does not end in time.
    pub(super) fn end_by(&self, round: &mut Round, how: HaltRecord, patience: Duration) -> Next {
        if !round.is_ready {
            return Next::Over;
        }
        round.tell(ToPod::Halt { how });
        round.give_up_at = Some(Instant::now() + patience);
        Next::On
    }

    /// Takes a message of the conductor.
    async fn hear(&mut self, round: &mut Round, message: &[u8]) -> Result<Next, SystemError> {
        let wrong = |error| SystemError::new("cannot understand what a pod says", error);
        let message: FromPod = serde_json::from_slice(message).map_err(wrong)?;
        match &message {
            FromPod::Ready { protocol, version } => {
                PodEvents::check(*protocol, version)
                    .map_err(|why| SystemError::new("cannot speak to the conductor", why))?;
                round.is_ready = true;
                return self.give_order(round).await;
            }
            FromPod::Refused { why } => {
                round.tell(ToPod::Over);
                return Err(SystemError::new("the pod does not take its order", why.clone()));
            }
            FromPod::Gathered => {
                round.is_gathered = true;
                round.give_up_at = None;
            }
            FromPod::Made { step, folder, manifest, .. } => {
                let id = self.id_of(step);
                if let Some(member) = id.and_then(|id| self.member(id)) {
                    member.made.push((folder.clone(), manifest.clone()));
                }
            }
            FromPod::Lost { step } => drop(round.lost.insert(step.clone())),
            FromPod::Terminated { step, signal: _ } => drop(round.terminated.insert(step.clone())),
            FromPod::SiteFailed { what, why } => {
                self.site_failed(SystemError::new(what.clone(), why.clone()));
            }
            FromPod::Done => {
                round.tell(ToPod::Over);
                round.hold.is_done = true;
                self.explain_termination(round).await;
                return Ok(Next::Over);
            }
            FromPod::Event { .. } | FromPod::Output { .. } | FromPod::Finished { .. } => {
                match round.heard.read(&message) {
                    Some(Heard::Event(kind)) => self.event(round, kind).await,
                    Some(Heard::Finished(end)) => return Ok(self.end_of_member(round, end).await),
                    None => {}
                }
            }
        }
        Ok(Next::On)
    }

    /// Says what is to run. Files come before the order.
    async fn give_order(&mut self, round: &mut Round) -> Result<Next, SystemError> {
        let order = match self.order() {
            Ok(order) => order,
            Err(OrderError::Unfit { step, why }) => {
                round.unfit = Some((self.id_of(&step), why.to_owned()));
                round.tell(ToPod::Over);
                return Ok(Next::Over);
            }
            Err(error) => return Err(SystemError::new("cannot write the order for a pod", error)),
        };
        let files = self.cluster.files.for_pod(self.client, &self.order, &round.pod.outside).await?;
        files.into_iter().for_each(|files| round.tell(files));
        let order = ToPod::order(&order);
        round.tell(order.map_err(|error| SystemError::new("cannot write the order for a pod", error))?);
        let how = *self.shutdown.borrow();
        Ok(self.halt(round, how))
    }

    /// Hands on what happens in the pod.
    async fn event(&mut self, round: &mut Round, kind: EventKind) {
        let events = self.order.job.events.clone();
        match kind {
            EventKind::StepOutput { step, channel, bytes } => {
                let known = round.outputs.iter().position(|(key, _)| *key == (step, channel));
                let index = known.unwrap_or_else(|| {
                    round.outputs.push(((step, channel), events.output(step, channel)));
                    round.outputs.len() - 1
                });
                round.outputs[index].1.send(bytes).await;
            }
            EventKind::StreamFinished(mut finished) => {
                let streams = streams_folder();
                for kept in finished.kept.iter_mut() {
                    if let Ok(name) = kept.path.strip_prefix(&streams) {
                        kept.path = self.order.job.place.streams_dir.join(name);
                    }
                }
                events.send(EventKind::StreamFinished(finished));
            }
            EventKind::StepStarted { step, .. } => {
                self.started(step);
                events.send(kind);
            }
            EventKind::RunStarted(_)
            | EventKind::ServiceReady { .. }
            | EventKind::StepLine { .. }
            | EventKind::StepRetrying { .. }
            | EventKind::StepFinished(_)
            | EventKind::StreamProgress(_)
            | EventKind::Cancelling { .. }
            | EventKind::PhaseStarted(_)
            | EventKind::Warning(_)
            | EventKind::Note(_)
            | EventKind::RunFinished(_) => events.send(kind),
        }
    }

    /// Takes the end of a member, and ends the others if the gang is to start again.
    async fn end_of_member(&mut self, round: &mut Round, mut end: StepFinished) -> Next {
        for (_, output) in round.outputs.extract_if(.., |((step, _), _)| *step == end.step) {
            output.finish().await;
        }
        // How members end that are ended says nothing.
        if round.unfit.is_some() {
            return Next::On;
        }
        let is_of_cluster = self.explain_end(round, &mut end).await;
        // Nothing has asked for that: what it means is known when the pod has ended.
        if end.outcome == Outcome::Cancelled && !self.is_ending() {
            if let Some(member) = self.member(end.step) {
                member.end = Some(end);
            }
            return Next::On;
        }
        match self.ended(end, is_of_cluster).await {
            true => self.end_by(round, HaltRecord::Graceful, self.order.job.settings.grace + MARGIN),
            false => Next::On,
        }
    }

    pub(super) fn id_of(&self, step: &str) -> Option<StepId> {
        let named = |id: &&StepId| self.name(**id) == step;
        self.order.steps.iter().find(named).copied()
    }

    /// Whether members are ended by this run.
    pub(super) fn is_ending(&self) -> bool {
        let failed = |end: &StepFinished| super::ends::has_failed(&end.outcome);
        self.is_halted()
            || self.retry.is_some()
            || self.members.iter().any(|member| member.end.as_ref().is_some_and(failed))
    }
}

impl Round {
    /// Tells the conductor something; one that is gone does not hear it.
    pub(super) fn tell(&self, message: ToPod) {
        let _ = self.tell.send(message);
    }
}

/// Sends what there is to say, until there is nothing more.
async fn say(mut said: mpsc::UnboundedReceiver<ToPod>, messages: mpsc::Sender<Vec<u8>>) {
    while let Some(message) = said.recv().await {
        // Texts and numbers have a form in JSON.
        let Ok(text) = serde_json::to_vec(&message) else { return };
        if messages.send(text).await.is_err() {
            return;
        }
    }
}
