//! Building by the classic builder, which takes the whole context as one archive. Podman builds in this way
//! too.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use bollard::query_parameters::BuildImageOptionsBuilder;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::context::{ContextError, Walk};
use super::job::{IGNORE, Job};
use super::{Failure, archive};
use crate::executor::docker::auth;
use crate::executor::docker::engine::Engine;

/// How much of the archive is sent at once.
const PIECE: usize = 128 << 10;
/// What the file with the instructions is called in the archive when it cannot have its own name there.
const FILE: &str = ".dockerfile.pipe";

/// Builds an image; the engine's id of it, if it tells one.
pub(super) async fn build(
    engine: &Engine,
    job: &Arc<Job>,
    log: &mut Vec<String>,
) -> Result<Option<String>, Failure> {
    let name = job.inside.as_deref().unwrap_or(FILE);
    let args: HashMap<_, _> = job.args.iter().cloned().collect();
    let labels = HashMap::from([job.label()]);
    let mut options = BuildImageOptionsBuilder::default()
        .dockerfile(name)
        .t(&job.tag)
        .rm(true)
        .forcerm(true)
        .buildargs(&args)
        .labels(&labels);
    if let Some(target) = &job.target {
        options = options.target(target);
    }
    if let Some(platform) = &job.platform {
        options = options.platform(platform);
    }
    let (sender, receiver) = mpsc::channel(4);
    let packing = {
        let job = Arc::clone(job);
        tokio::task::spawn_blocking(move || pack(&job, &sender))
    };
    let docker = engine.patient();
    let body = ReceiverStream::new(receiver).map(|piece: io::Result<Vec<u8>>| piece.map(Into::into));
    let body = bollard::body_try_stream(body);
    let built = follow(docker.build_image(options.build(), Some(auth::all().await), Some(body)), log).await;
    match packing.await {
        Ok(Err(error)) => Err(Failure::folder(error)),
        Ok(Ok(())) | Err(_) => built,
    }
}

/// Takes what the engine tells until it has built.
async fn follow(
    output: impl futures::Stream<Item = Result<bollard::models::BuildInfo, bollard::errors::Error>>,
    log: &mut Vec<String>,
) -> Result<Option<String>, Failure> {
    let (mut output, mut id) = (std::pin::pin!(output), None);
    while let Some(info) = output.next().await {
        let info = info?;
        log.extend(
            info.stream
                .iter()
                .flat_map(|text| text.lines())
                .filter(|line| !line.trim().is_empty())
                .map(str::to_owned),
        );
        if let Some(message) = info.error_detail.and_then(|detail| detail.message) {
            return Err(Failure::Refused(message.trim().to_owned()));
        }
        id = info.aux.and_then(|aux| aux.id).or(id);
    }
    Ok(id)
}

/// Sends the archive piece by piece. If it cannot be made, the request breaks off.
fn pack(job: &Job, sender: &mpsc::Sender<io::Result<Vec<u8>>>) -> Result<(), ContextError> {
    match write(job, BufWriter::with_capacity(PIECE, Pieces(sender))) {
        // The engine has had enough, and says why itself.
        Err(_) if sender.is_closed() => Ok(()),
        Err(why) => {
            let _ = sender.blocking_send(Err(io::Error::other("the context cannot be sent")));
            Err(why)
        }
        Ok(()) => Ok(()),
    }
}

/// The builder looks for the instructions in the context, and then takes the two files out of it that
/// `.dockerignore` names: the one with the instructions, and itself. Where those in the context are not the
/// job's, they have names of their own, and go in the same way.
fn write(job: &Job, mut to: impl Write) -> Result<(), ContextError> {
    match &job.inside {
        Some(name) => archive::write(&mut to, &job.entries(Walk::Classic, &[IGNORE, name])?, &[])?,
        None => {
            let mut entries = job.entries(Walk::Classic, &[])?;
            entries.retain(|entry| entry.path.as_os_str() != IGNORE);
            let ignore = format!("{FILE}\n{IGNORE}\n");
            archive::write(&mut to, &entries, &[(IGNORE, ignore.as_bytes()), (FILE, &job.text)])?;
        }
    }
    to.flush().map_err(|error| ContextError::send("the folder", error))
}

struct Pieces<'a>(&'a mpsc::Sender<io::Result<Vec<u8>>>);

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the engine takes no more");
        self.0.blocking_send(Ok(bytes.to_vec())).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
