//! A step in a shared container whose streams are named pipes. They lie in a folder that the container has mounted.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::watch;

use super::Attempt;
use super::exec::{self, Exec};
use super::handle::{Begun, Handle, HowEnded};
use super::processes::{Processes, names};
use super::read_pipes::ReadPipes;
use super::readers;
use super::words::{GO, MEMORY};
use crate::executor::docker::container::KILLED;
use crate::executor::docker::fifo::pipes::{self, Ends, Pipes};
use crate::executor::docker::fifo::{Failure, Start, handshake, opening, unusable};
use crate::executor::{Exit, InputSource, RunningStep, StepSpec, SystemError};
use crate::pipeline::Lane;

/// Runs the rest of its words in a shell and reports their exit code, and whether memory was short. It has to survive
/// the signals that are for the program.
const RUN: &str = r#"trap : HUP INT QUIT TERM; echo $$ >"$0/session"; count; before=$n; exec 3>"$0/end" && { sh -c "$@" 3>&-; code=$? told=$code; [ $code = 137 ] && { count; [ $n = $before ] || told=memory; }; echo $told >&3; exit $code; }"#;

/// Longest report: a word, and a newline.
const LONGEST: u64 = 7;

/// Starts an attempt whose streams are named pipes.
pub(super) async fn start(attempt: &Attempt<'_>) -> Result<RunningStep, Failure> {
    let Attempt { shared, container, spec, .. } = attempt;
    let program = attempt.program().await?;
    let name = program.first().cloned().unwrap_or_default();
    let pipes = Pipes::make(&container.dir, spec).map_err(unusable)?;
    link(&pipes, spec).map_err(unusable)?;
    super::attach::make_open(&pipes.dir().join("session")).map_err(unusable)?;
    let mut ends = pipes.open(spec, &shared.reaper, shared.closings()).map_err(unusable)?;

    let env = attempt.env()?;
    let dir = spec.working_dir.to_string_lossy().into_owned();
    let own = vec![format!("{GO}{}", opening(spec)), attempt.there(), dir];
    let words = attempt.wrapped(&[MEMORY, RUN].concat(), own, program, &env)?;
    let reads = ReadPipes::note(ends.inputs.iter_mut().flatten());
    let mut named = names(ends.pipes.dir());
    named.retain(|name| name != "end");
    let processes = Arc::new(Processes::of(attempt, named, reads));
    let (sender, exit) = watch::channel(None);
    let begun = Begun::new(Arc::clone(&processes), exit.clone(), attempt.guard);
    let to_inputs = begun.hold_open(std::mem::take(&mut ends.inputs));
    let exec = Exec { words, env, user: attempt.user.clone(), attached: None };
    let (started, begun) = exec::start(attempt, exec, begun).await?;
    processes.began(&started.id);
    readers::note(shared, &processes);
    tokio::spawn(watch_end(Arc::clone(&processes), started.id, ends.end.take(), sender));

    let begin = Start {
        kill: async { processes.stop(crate::executor::Stop::Kill).await },
        image: &container.image,
        program: &name,
        not_begun: |code| attempt.not_begun(code),
    };
    handshake(begin, &mut ends, ended(exit)).await?;
    let Ends { stdout, log, pipes, .. } = ends;
    shared.later(pipes.unblock_late_opens(begun.gone()));
    let log = log.into_blocking_fd().map_err(unusable)?;
    let inputs = to_inputs.release().unwrap_or_default();
    let (stopping, _) = watch::channel(false);
    let handle = Box::new(Handle { begun, stopping });
    Ok(RunningStep { inputs, stdout, log, lane: Some(Lane::Fifo), handle })
}

async fn ended(mut exit: watch::Receiver<Option<HowEnded>>) -> Result<Exit, SystemError> {
    let known = exit.wait_for(Option::is_some).await.ok().and_then(|known| known.clone());
    known.unwrap_or(Ok(None)).map(|exit| exit.unwrap_or(Exit::Code(-1)))
}

/// Puts the stored streams that a step reads into its folder.
fn link(pipes: &Pipes, spec: &StepSpec) -> io::Result<()> {
    for input in &spec.inputs {
        let InputSource::File(stored) = &input.source else { continue };
        let path = pipes.dir().join(pipes::name(input));
        std::fs::remove_file(&path)?;
        // On another file system, or where links are forbidden.
        std::fs::hard_link(stored, &path).or_else(|_| std::fs::copy(stored, &path).map(drop))?;
    }
    Ok(())
}

/// Waits for the end of the first process, and passes it on.
async fn watch_end(
    processes: Arc<Processes>,
    exec: String,
    end: Option<pipe::Receiver>,
    sender: watch::Sender<Option<HowEnded>>,
) {
    let reported = async {
        let mut text = String::new();
        end?.take(LONGEST).read_to_string(&mut text).await.ok()?;
        processes.container().reported(&text)
    };
    let ended = match reported.await {
        // A container whose processes are all killed is about to end.
        Some(exit) if exit != Exit::Code(KILLED) => Ok(Some(exit)),
        reported => processes.ended(&exec).await.map(|ended| ended.map(|exit| reported.unwrap_or(exit))),
    };
    sender.send_replace(Some(ended));
}
