//! Streams that come from outside: `--in NAME=FILE|-`, as a step that is no process.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use crate::executor::{Exit, RunningStep, StartError, StepHandle, Stop, SystemError};
use crate::pipeline::Feed;
use crate::stream::{Pump, Stopper, pipe, pump};

/// Starts to bring a stream in. It ends with success at the end of its file, or when its last reader has
/// left.
pub(super) fn start(name: &str, feed: &Feed) -> Result<RunningStep, StartError> {
    let from =
        open(feed).map_err(|error| StartError::Step(format!("cannot read {}: {error}", describe(feed))))?;
    let failed = |error: io::Error| SystemError::new(format!("cannot make a pipe for `{name}`"), error);
    let (stdout, to) = pipe().map_err(failed)?;
    let (log, _) = pipe().map_err(failed)?;
    let pump = pump(from, to).map_err(|error| SystemError::new(format!("cannot feed `{name}`"), error))?;
    let handle = FeedHandle { name: name.to_owned(), stopper: pump.stopper(), pump: Mutex::new(pump) };
    Ok(RunningStep { inputs: Vec::new(), stdout: Some(stdout), log, lane: None, handle: Box::new(handle) })
}

fn open(feed: &Feed) -> io::Result<OwnedFd> {
    match feed {
        Feed::Stdin => io::stdin().as_fd().try_clone_to_owned(),
        Feed::File(path) => Ok(std::fs::File::open(path)?.into()),
    }
}

/// Returns its name in messages.
pub(super) fn describe(feed: &Feed) -> String {
    match feed {
        Feed::Stdin => "standard input".into(),
        Feed::File(path) => path.display().to_string(),
    }
}

/// Returns whether the feed can be read from its start once more.
pub(super) fn is_repeatable(feed: &Feed) -> bool {
    match feed {
        Feed::Stdin => false,
        Feed::File(path) => path.is_file(),
    }
}

struct FeedHandle {
    name: String,
    stopper: Stopper,
    pump: Mutex<Pump>,
}

impl StepHandle for FeedHandle {
    fn wait(&self) -> BoxFuture<'_, Result<Exit, SystemError>> {
        Box::pin(async move {
            let done = self.pump.lock().await.done().await;
            let failed = |error| SystemError::new(format!("cannot feed `{}`", self.name), error);
            done.map(|_| Exit::Code(0)).map_err(failed)
        })
    }

    fn stop(&self, _how: Stop) -> BoxFuture<'_, Result<(), SystemError>> {
        self.stopper.stop();
        Box::pin(async { Ok(()) })
    }
}
