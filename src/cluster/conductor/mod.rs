//! The conductor: it has a container of its own in a pod, takes the order for a gang from the client, waits for the
//! wrappers of all members, runs the gang as it would be run on a machine, and tells the client what happens.
//!
//! The client's messages come by a channel, whatever carries them: [`remote`] over the link to the hub, [`lines`] over
//! standard streams. The end of the channel without [`ToPod::Over`] means that the client is gone: then the gang is killed, and no reader sees
//! an end that it must not.

mod course;
pub mod lines;
mod made;
pub mod remote;
mod report;

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use self::course::Course;
use self::made::Places;
use self::report::Report;
use super::order::message::{FromPod, ToPod};
use super::order::{ORDER_PROTOCOL, OpenedOrder, Order, OrderError, OrderSecrets, PROGRAM};
use crate::event::EventKind;
use crate::event::StepFinished;
use crate::executor::SystemError;
use crate::executor::pod::{Gathering, PodExecutor, PodNotice};
use crate::pipeline::Outcome;
use crate::runner::{GangMessage, GangOrder, Here, Shutdown, Site as _};

/// Where a conductor finds what it needs.
#[derive(Debug, Clone)]
pub struct ConductorPlace {
    /// The socket that wrappers connect to, in a folder that all containers share.
    pub socket: PathBuf,
    /// A folder that all containers share, for what is made for steps.
    pub folder: PathBuf,
    /// The folder with the secrets of the run; only the conductor sees it.
    pub secrets: Option<PathBuf>,
    /// What wrappers have to know, if that is asked of them.
    pub token: Option<String>,
}

/// How the work of a conductor has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConductorEnd {
    /// The gang has ended, and the client has taken that.
    Over,
    /// The order was not carried out: why.
    Refused(String),
    /// The client is gone.
    ClientGone,
}

impl ConductorPlace {
    /// Conducts one gang. Signals that this process gets come by number: they end the gang, with grace and then at once.
    ///
    /// # Errors
    /// The socket or a folder cannot be made, or wrappers cannot be let in.
    pub async fn conduct(
        self,
        inbox: mpsc::Receiver<ToPod>,
        outbox: mpsc::Sender<FromPod>,
        signals: mpsc::UnboundedReceiver<i32>,
    ) -> Result<ConductorEnd, SystemError> {
        let gathering = Gathering::at(&self.socket)?;
        let ready = FromPod::Ready { protocol: ORDER_PROTOCOL, version: PROGRAM.to_owned() };
        let mut course = Course::new(inbox, outbox.clone(), signals);
        if outbox.send(ready).await.is_err() {
            return Ok(ConductorEnd::ClientGone);
        }
        let Some(order) = course.order().await else { return Ok(ConductorEnd::ClientGone) };
        let opened = self.open(order).and_then(|(order, opened)| {
            let made = make_folders(&opened.gang).map_err(OrderError::Folder);
            made.map(|()| (order, opened))
        });
        let (order, opened) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let why = error.to_string();
                let _ = outbox.send(FromPod::Refused { why: why.clone() }).await;
                course.until_over().await;
                return Ok(ConductorEnd::Refused(why));
            }
        };
        let (notices, noticed) = mpsc::unbounded_channel();
        let gathered = tokio::select! {
            gathered = gathering.all(&order.members, self.token.as_deref(), &notices) => Some(gathered),
            () = course.until_halted() => None,
        };
        let executor = match gathered {
            Some(Ok(executor)) => Ok(Some(executor)),
            None => Ok(None),
            Some(Err(error)) => Err(SystemError::new("cannot gather the steps of the gang", error)),
        };
        drop(notices);
        run(opened, executor, noticed, course, outbox).await
    }

    /// Reads an order, with the secrets that belong to it.
    fn open(&self, order: serde_json::Value) -> Result<(Order, OpenedOrder), OrderError> {
        let order = Order::read(order)?;
        let secrets = match &self.secrets {
            Some(folder) => OrderSecrets::read(folder).map_err(OrderError::Folder)?,
            None => OrderSecrets::default(),
        };
        let opened = order.open(&secrets, &self.folder)?;
        Ok((order, opened))
    }
}

/// Makes the folders for what the runner makes. The containers of steps may run as any user: they reach what they are
/// told the path of, and cannot look for more.
fn make_folders(gang: &GangOrder) -> io::Result<()> {
    let place = &gang.job.place;
    let open = [Some(&place.outputs_dir), place.secrets_dir.as_ref()];
    make(&place.streams_dir, 0o700)?;
    open.into_iter().flatten().try_for_each(|folder| make(folder, 0o711))
}

fn make(folder: &Path, mode: u32) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(folder)?;
    // The caller's umask may have taken bits away.
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode))
}

/// Runs the gang, if its steps could be gathered, and tells of it to the end.
async fn run(
    opened: OpenedOrder,
    executor: Result<Option<PodExecutor>, SystemError>,
    noticed: mpsc::UnboundedReceiver<PodNotice>,
    mut course: Course,
    outbox: mpsc::Sender<FromPod>,
) -> Result<ConductorEnd, SystemError> {
    let OpenedOrder { gang, events } = opened;
    let (pipeline, sender) = (Arc::clone(&gang.job.pipeline), gang.job.events.clone());
    let places = Places::of(&gang);
    let (direct, directly) = mpsc::unbounded_channel();
    let report = Report::new(Arc::clone(&pipeline), events, noticed, directly, outbox);
    let finished = report.outputs();
    let report = tokio::spawn(report.run(course.stop(), course.gone()));
    let tell = |message: GangMessage| match message {
        GangMessage::Finished(step) => {
            for made in places.made(&pipeline, &step) {
                let _ = direct.send(made);
            }
            finished.note(&step);
            sender.send(EventKind::StepFinished(step));
        }
        GangMessage::SiteFailed(SystemError { what, source }) => {
            let _ = direct.send(FromPod::SiteFailed { what, why: source.to_string() });
        }
        // A wait is the client's matter, and so are services and terminals.
        GangMessage::Ready { .. }
        | GangMessage::Resting(_)
        | GangMessage::Returning(_)
        | GangMessage::Interrupted(_) => {}
    };
    match executor {
        Ok(Some(executor)) => {
            let _ = direct.send(FromPod::Gathered);
            conduct(executor, gang, &mut course, &tell).await?;
        }
        other => {
            if let Err(error) = other {
                tell(GangMessage::SiteFailed(error));
            }
            let steps = gang.steps.clone();
            // As long as there is a job, there may be events.
            drop(gang);
            for step in steps {
                tell(GangMessage::Finished(StepFinished::unrun(step, Outcome::Cancelled)));
            }
        }
    }
    course.terminated().into_iter().for_each(|signal| {
        let _ = direct.send(FromPod::Terminated { step: None, signal });
    });
    drop((sender, direct));
    course.until_told(report).await;
    Ok(course.end())
}

/// Runs the gang to its end, as a machine does.
async fn conduct(
    executor: PodExecutor,
    gang: GangOrder,
    course: &mut Course,
    tell: &impl Fn(GangMessage),
) -> Result<(), SystemError> {
    let here = Here::new(executor);
    let (dispatcher, mut messages) = mpsc::unbounded_channel();
    let shutdown: watch::Receiver<Shutdown> = course.shutdown();
    let mut running = here.run_gang(gang, shutdown, dispatcher);
    loop {
        tokio::select! {
            () = &mut running => break,
            Some(message) = messages.recv() => tell(message),
            () = course.next() => {}
        }
    }
    drop(running);
    while let Some(message) = messages.recv().await {
        tell(message);
    }
    here.close().await
}
