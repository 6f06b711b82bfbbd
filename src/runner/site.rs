//! Where gangs run.
//!
//! # The life of a site
//!
//! 1. [`prepare`](Site::prepare) is called once, before the first gang, with the images of the run.
//! 2. [`run_gang`](Site::run_gang) is called once for each gang that is admitted, and
//!    [`run_service`](Site::run_service) once for each service that starts. Several calls may be under way at a
//!    time.
//! 3. [`image_id`](Site::image_id) may be called at any time before the site is closed.
//! 4. [`close`](Site::close) is called once, after every gang's future has ended or has been dropped.
//!
//! # The contract of a site
//!
//! - *Every member ends once.* Before the future of [`Site::run_gang`] resolves, the site has sent exactly
//!   one [`GangMessage::Finished`] for each step of the order. It sends an end only when nothing can change
//!   it any more: a success waits until no retry of the gang can undo it. After [`GangMessage::SiteFailed`]
//!   the same holds; the members that did not come to an end of their own are
//!   [`Cancelled`](crate::pipeline::Outcome::Cancelled).
//! - *Nothing is left.* When the future resolves, no process of a member runs but those that a successful
//!   step has put in the background; every pipe is closed, and every file that did not become whole is
//!   removed.
//! - *A start that fails half-way* is no state in between: what had started is stopped as any other member
//!   is, and its end is sent. A failure that is a step's own is that step's outcome; one that is the site's
//!   is a `SiteFailed`, which ends the run.
//! - *A reader sees end-of-file only when its producer has succeeded*, whatever becomes of the site, of the
//!   link to it, or of `pipe` itself. Wherever that is decided, it is decided beside the steps, and never by
//!   a lost connection.
//! - *The run's end* comes by `shutdown`, which only ever escalates. From [`Shutdown::Graceful`] on no
//!   attempt begins, not even one whose wait is over; members get TERM, and KILL after the grace. From
//!   [`Shutdown::Immediate`] on they get KILL.
//! - *Slots*: while no step of a gang runs and it waits for its next attempt, the site may send
//!   [`GangMessage::Resting`]. It then sends [`GangMessage::Returning`] when the wait is over, and goes on
//!   once it has the answer.
//! - *A service* sends [`GangMessage::Ready`] at most once, and one `Finished` at its end. It runs until its own
//!   `shutdown` says more than [`Shutdown::None`]. Then it has succeeded if it was ready, and is
//!   [`Cancelled`](crate::pipeline::Outcome::Cancelled) if not. If it ends before, it has failed. It is tried again
//!   as its `retry` says, until it has been ready.
//! - *The end of a service* that members use is told by `deaths`. They get TERM, and KILL after the grace, and end
//!   tainted by the step that it names; the readers of their streams see no end. A member that fails may have noticed
//!   that end first: it is judged [a moment](DEATH_NEWS) later.
//! - *Dropping the future* happens only when the run has broken down, and means [`Shutdown::Immediate`]
//!   without messages. What was dropped may take a while to go; it is gone when `close` returns.
//!
//! What happens in between (a step starts, a stream is finished, a retry begins) goes to the run's
//! [events](Job::events) and influences nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use super::Job;
use super::slots::SlotRequest;
use crate::event::StepFinished;
use crate::executor::{ImageSpec, SystemError};
use crate::pipeline::{BodyEnd, Endpoint, Endpoints, StepId};
use crate::plan::Decisions;
use crate::template::StepOutputs;

/// A place that runs whole gangs. The module says what an implementation promises.
pub trait Site: Send + Sync {
    /// Runs a gang to its end. Everything that matters to the rest of the run is sent to `dispatcher`.
    fn run_gang(
        &self,
        order: GangOrder,
        shutdown: watch::Receiver<Shutdown>,
        dispatcher: mpsc::UnboundedSender<GangMessage>,
    ) -> BoxFuture<'_, ()>;

    /// Runs a service, or a shared container, until it is told to stop or ends by itself. Its own `shutdown` tells
    /// it, and not that of a phase.
    fn run_service(
        &self,
        order: ServiceOrder,
        shutdown: watch::Receiver<Shutdown>,
        dispatcher: mpsc::UnboundedSender<GangMessage>,
    ) -> BoxFuture<'_, ()>;

    /// Announces the images of the run, so that they can be pulled while other steps run. Failures surface
    /// when a step needs the image.
    fn prepare(&self, _images: Vec<ImageSpec>) {}

    /// Returns the identity of an image, beside its name, which may mean another image tomorrow; nothing if
    /// the image is not there.
    fn image_id<'a>(&'a self, _image: &'a ImageSpec) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }

    /// Waits until nothing of the run is left at the site.
    fn close(&self) -> BoxFuture<'_, Result<(), SystemError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What a site is to run: a gang, and what it may depend on.
pub struct GangOrder {
    /// The run that the gang is part of.
    pub job: Arc<Job>,
    /// The members: producers before their readers, at least one.
    pub steps: Vec<StepId>,
    /// How many times they have been started, with the first start that this order asks for. Only a site that makes a
    /// new place for each round is given more than 1.
    pub round: u32,
    /// The outputs of the steps that any of them depends on.
    pub given: StepOutputs,
    /// How the ordinary steps have ended, for `finally` steps.
    pub body: Option<Arc<BodyEnd>>,
    /// Which steps of the run run: a stream is stored for no other.
    pub decisions: Arc<Decisions>,
    /// The steps at the other ends of the members' streams that are passed over, known so far. A stream without any
    /// other reader is thrown away; a reader does without what another one would have made.
    pub passed_over: BTreeSet<StepId>,
    /// Where what the members use is found.
    pub endpoints: Arc<Endpoints>,
    /// The services that have ended too early, as they do.
    pub deaths: watch::Receiver<Deaths>,
}

/// What a site is to run beside the gangs.
pub struct ServiceOrder {
    /// The run that the service is part of.
    pub job: Arc<Job>,
    /// The service, or the shared container.
    pub step: StepId,
    /// The outputs of the steps that it depends on.
    pub given: StepOutputs,
    /// How the ordinary steps have ended, for one that starts after them.
    pub body: Option<Arc<BodyEnd>>,
    /// Where the services are found that it uses.
    pub endpoints: Arc<Endpoints>,
    /// The services that have ended too early; itself, if it goes with one that it uses.
    pub deaths: watch::Receiver<Deaths>,
}

/// The services that have ended before they were told to, or with one that has, each with the step that is the cause.
pub type Deaths = BTreeMap<StepId, StepId>;

/// How long the news of a service's end may take: a step that uses it may notice it first, and fail for it.
pub const DEATH_NEWS: Duration = Duration::from_millis(500);

/// What a gang sends to the dispatcher.
#[derive(Debug)]
pub enum GangMessage {
    /// A member, or a service, has ended for good.
    Finished(StepFinished),
    /// A service is ready for its users.
    Ready {
        /// The service.
        step: StepId,
        /// Where it is found.
        endpoint: Endpoint,
    },
    /// These members wait for their next attempt, and give their slots back.
    Resting(Vec<StepId>),
    /// The wait is over: the gang asks for its slots again.
    Returning(SlotRequest),
    /// A step that had the terminal has died of a signal that was typed there.
    Interrupted(i32),
    /// The site cannot go on, and no step is to blame: the run ends.
    SiteFailed(SystemError),
}

/// How far the end of the run has been called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Shutdown {
    /// Not at all.
    #[default]
    None,
    /// TERM, grace, KILL.
    Graceful,
    /// KILL.
    Immediate,
}

impl Shutdown {
    /// Raises what a channel holds to this. Returns whether it was less before; less than before changes
    /// nothing.
    pub(super) fn escalate(self, channel: &watch::Sender<Self>) -> bool {
        channel.send_if_modified(|current| {
            let is_more = self > *current;
            *current = self.max(*current);
            is_more
        })
    }
}
