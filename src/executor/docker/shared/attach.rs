//! A step in a shared container whose streams go through the engine, by the exec's own connection.
//!
//! The engine may lose the last words of a program that ends at once after them. So the wrapper marks the end of each
//! output, and stays until `pipe` has made a file beside it: then all has arrived. Its exit code lies in another file.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::watch;
use tokio::time::sleep;

use super::exec::{self, Exec};
use super::handle::{Begun, Handle, HowEnded};
use super::processes::Processes;
use super::read_pipes::ReadPipes;
use super::readers;
use super::words::{GO, MEMORY, NO_FOLDER};
use super::{Attempt, SharedContainer};
use crate::executor::docker::attach::{IN_FLIGHT, LocalEnds, Sinks, input, no_pipe, outputs};
pub(super) use crate::executor::docker::attach::{Input, Output};
use crate::executor::docker::container::KILLED;
use crate::executor::docker::farewell::{Mark, Unmark};
use crate::executor::docker::refusal::no_program;
use crate::executor::{Exit, InputPipe, Keepalive, RunningStep, StartError, Stop, SystemError};
use crate::pipeline::Lane;

/// Pause between two looks at a step that runs: its end may come without its marks.
const LOOK: Duration = Duration::from_secs(1);

/// Goes to the folder of the step, and runs the rest of its words. Then it puts their exit code into a file.
const RUN: &str = r#"mark=$1 missing=$2; shift 2; trap : HUP INT QUIT TERM PIPE; echo $$ >"$0/session"; count; before=$n; "#;
/// A program that is not there is told of, as the engine would tell of the first one.
const LOOK_FOR: &str = r#"command -v "$1" >/dev/null || { echo "$missing" >&2; exit 127; }; "#;
/// Where both outputs are log, they share a pipe.
const LOG: &str = r#""$@" 2>&1; code=$?; told=$code; "#;
const STREAM: &str = r#""$@"; code=$?; told=$code; "#;
const REPORT: &str = r#"[ $code = 137 ] && { count; [ $n = $before ] || told=memory; }; echo $told >"$0/end"; printf %s "$mark"; "#;
const REPORT_BOTH: &str = r#"printf %s "$mark" >&2; "#;
/// Stays until all has arrived. Not every `sleep` knows parts of a second.
const STAY: &str = r#"until [ -e "$0/done" ]; do sleep 0.01 2>/dev/null || sleep 1; done; exit $code"#;

/// The folder of an attempt; dropping this removes it.
struct Folder(PathBuf);

impl Folder {
    fn make(path: PathBuf) -> io::Result<Self> {
        std::fs::create_dir(&path)?;
        let folder = Self(path);
        std::fs::set_permissions(&folder.0, Permissions::from_mode(0o711))?;
        make_open(&folder.0.join("session"))?;
        make_open(&folder.0.join("end"))?;
        Ok(folder)
    }

    /// The exit code that the wrapper has reported.
    fn code(&self, container: &SharedContainer) -> Option<Exit> {
        container.reported(&std::fs::read_to_string(self.0.join("end")).ok()?)
    }

    /// Lets the wrapper end.
    fn let_go(&self) {
        // If this fails, the folder is gone, and the run with it.
        let _ = make_open(&self.0.join("done"));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Makes an empty file that a program may write to as any user.
pub(super) fn make_open(path: &Path) -> io::Result<()> {
    let file = std::fs::File::create(path)?;
    file.set_permissions(Permissions::from_mode(0o666))
}

/// Starts an attempt whose streams go through the engine.
pub(super) async fn start(attempt: &Attempt<'_>) -> Result<RunningStep, StartError> {
    let Attempt { shared, container, spec, .. } = attempt;
    let failed = |error: io::Error| no_pipe(spec, error);
    let LocalEnds { stdin, source, stdout, stream, log, to_log } = LocalEnds::make(spec)?;
    let mark = Mark::new().map_err(failed)?;
    let folder = Folder::make(attempt.here()).map_err(failed)?;
    let mut stdin = stdin.map(|fd| InputPipe { keepalive: Keepalive::none(), fd });

    let env = attempt.env()?;
    let words = words(attempt, &mark, &env).await?;
    let reads = ReadPipes::note(stdin.iter_mut());
    let processes = Arc::new(Processes::of(attempt, Vec::new(), reads));
    let (sender, exit) = watch::channel(None);
    let begun = Begun::new(Arc::clone(&processes), exit.clone(), attempt.guard);
    let exec = Exec { words, env, user: attempt.user.clone(), attached: Some(source.is_some()) };
    let (started, begun) = exec::start(attempt, exec, begun).await?;
    processes.began(&started.id);
    readers::note(shared, &processes);
    let Some((output, to_stdin)) = started.streams else {
        return Err(SystemError::new("lost a step in a container", "the engine gives no connection").into());
    };

    let (unread, noticed) = watch::channel(None);
    let (heard, end) = watch::channel(false);
    let (stopping, asked) = watch::channel(false);
    let sinks = Sinks {
        is_stream: stream.is_some(),
        stream,
        log: Some(to_log),
        unread,
        stopping: asked,
        image: container.image.clone(),
        marks: [Some(&mark), Some(&mark).filter(|_| !attempt.is_logged())].map(Unmark::new),
        heard,
    };
    // These go on after the step's own process: others of it may still hold its streams.
    let passing =
        tokio::spawn(until_ended(Arc::clone(&processes), outputs(output, sinks, shared.engine.clone())));
    match source {
        Some(source) => drop(tokio::spawn(until_ended(Arc::clone(&processes), input(source, to_stdin)))),
        None => drop(to_stdin),
    }
    tokio::spawn(emulate_sigpipe(Arc::clone(&processes), noticed, exit.clone()));
    let watched = Watched { processes, exec: started.id, folder };
    tokio::spawn(async move {
        let ended = watched.end(end, passing).await;
        sender.send_replace(Some(ended));
    });
    let handle = Handle { begun, stopping };
    Ok(RunningStep {
        // This lane has no other input.
        inputs: spec.inputs.iter().zip([stdin]).map(|(_, stdin)| stdin).collect(),
        stdout,
        log,
        lane: Some(Lane::Attach),
        handle: Box::new(handle),
    })
}

async fn words(attempt: &Attempt<'_>, mark: &Mark, env: &[String]) -> Result<Vec<String>, StartError> {
    let program = attempt.program().await?;
    let missing = no_program(&attempt.container.image, program.first().map_or("", String::as_str));
    let outputs = if attempt.is_logged() { [LOG, REPORT, ""] } else { [STREAM, REPORT, REPORT_BOTH] };
    let dir = attempt.spec.working_dir.to_string_lossy().into_owned();
    let no_folder = format!("its working directory {dir} is not in its container");
    let go = GO
        .replace("exit 124", &format!("{{ echo '{}' >&2; exit {NO_FOLDER}; }}", no_folder.replace('\'', "")));
    let wrapper = [&go, MEMORY, RUN, LOOK_FOR, &outputs.concat(), STAY].concat();
    attempt.wrapped(&wrapper, vec![dir, mark.text().to_owned(), missing], program, env)
}

/// Does something for as long as the container runs.
async fn until_ended<T>(processes: Arc<Processes>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = processes.container().ended() => {
            // What it has said may be on its way.
            sleep(LOOK).await;
            None
        }
    }
}

/// A step whose end is awaited.
struct Watched {
    processes: Arc<Processes>,
    exec: String,
    folder: Folder,
}

impl Watched {
    /// Waits for the end of the step's own process: its marks, the end of the connection, or the engine's word.
    async fn end(
        self,
        mut heard: watch::Receiver<bool>,
        mut passing: tokio::task::JoinHandle<Option<Result<bool, SystemError>>>,
    ) -> HowEnded {
        let Self { processes, exec, folder } = self;
        loop {
            tokio::select! {
                biased;
                // A sender that is dropped says that the connection has ended, which the task tells.
                true = is_heard(&mut heard) => {
                    let code = folder.code(processes.container());
                    folder.let_go();
                    // The wrapper looks into the folder until it has seen that.
                    tokio::spawn(async move {
                        let _ = passing.await;
                        drop(folder);
                    });
                    return match code {
                        Some(exit) if exit != Exit::Code(KILLED) => Ok(Some(exit)),
                        code => {
                            let ended = processes.ended(&exec).await;
                            ended.map(|ended| ended.map(|exit| code.unwrap_or(exit)))
                        }
                    };
                }
                passed = &mut passing => {
                    folder.let_go();
                    let whole = passed.ok().flatten().transpose()?.unwrap_or_default();
                    return match processes.ended(&exec).await? {
                        Some(Exit::Code(0)) if !whole => Err(SystemError::new(
                            "the engine has lost the end of a step's output",
                            "its connection ended before",
                        )),
                        exit => Ok(exit),
                    };
                }
                () = sleep(LOOK) => {
                    // Its wrapper was killed, and something of it still holds the connection.
                    if exec::look(processes.shared(), &exec).await?.is_some() {
                        return processes.ended(&exec).await;
                    }
                }
            }
        }
    }
}

async fn is_heard(heard: &mut watch::Receiver<bool>) -> bool {
    heard.wait_for(|heard| *heard).await.is_ok()
}

/// Emulates SIGPIPE: the engine discards output without a reader. A program that keeps writing is killed.
async fn emulate_sigpipe(
    processes: Arc<Processes>,
    mut unread: watch::Receiver<Option<usize>>,
    mut exit: watch::Receiver<Option<HowEnded>>,
) {
    let told = async {
        let Ok(_) = unread.wait_for(Option::is_some).await else { return };
        let _ = processes.signal(&[Signal::PIPE]).await;
        let before = unread.borrow().unwrap_or_default();
        let in_flight = |unread: &Option<usize>| unread.unwrap_or_default() - before < IN_FLIGHT;
        if unread.wait_for(|unread| !in_flight(unread)).await.is_ok() {
            let _ = processes.stop(Stop::Kill).await;
        }
    };
    tokio::select! {
        () = told => {}
        _ = exit.wait_for(Option::is_some) => {}
    }
}
