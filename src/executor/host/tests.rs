//! The executor's contract on real processes.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use super::*;
use crate::executor::{Exit, Stop};
use crate::pipeline::Shell;

fn spec(script: &str) -> StepSpec {
    StepSpec {
        name: "step".into(),
        attempt: 1,
        program: Program::Script { shell: Shell::Posix("sh".into()), text: script.into() },
        container: None,
        env: Vec::new(),
        working_dir: std::env::temp_dir(),
        stdin: StdinSpec::Null,
        inputs: Vec::new(),
        outputs: "/dev/null".into(),
        secrets: None,
    }
}

async fn start(spec: StepSpec) -> RunningStep {
    HostExecutor::new(Reaper::default()).start(spec, Presence::new().0).await.unwrap()
}

/// Reads a pipe to its end, away from the runtime.
async fn text(fd: OwnedFd) -> String {
    let read = move || {
        let mut text = String::new();
        File::from(fd).read_to_string(&mut text).unwrap();
        text
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

#[tokio::test]
async fn a_step_ends_by_code_or_by_signal() {
    assert_eq!(start(spec("exit 7")).await.handle.wait().await.unwrap(), Exit::Code(7));
    assert_eq!(start(spec("kill -9 $$")).await.handle.wait().await.unwrap(), Exit::Signal(9));
    let step = start(spec("true")).await;
    assert_eq!(step.handle.wait().await.unwrap(), Exit::Code(0));
    assert_eq!(step.handle.wait().await.unwrap(), Exit::Code(0), "waiting again gives the same answer");
}

#[tokio::test]
async fn stdin_is_empty_unless_fed() {
    let step = start(spec("cat; echo end")).await;
    assert_eq!(text(step.stdout).await, "end\n");

    let mut fed = start(StepSpec { stdin: StdinSpec::Pipe, ..spec("cat; echo end") }).await;
    let mut stdin = File::from(fed.stdin.take().unwrap().end);
    stdin.write_all(b"fed ").unwrap();
    drop(stdin);
    assert_eq!(text(fed.stdout).await, "fed end\n");
}

#[tokio::test]
async fn a_file_as_stdin_is_read_from_its_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "kept").unwrap();
    let step = start(StepSpec { stdin: StdinSpec::File(file.path().into()), ..spec("cat") }).await;
    assert_eq!(text(step.stdout).await, "kept");
}

#[tokio::test]
async fn stopping_reaches_every_process_of_the_step() {
    let step = start(spec("sleep 1000 & sleep 1000; wait")).await;
    step.handle.stop(Stop::Terminate).await.unwrap();
    assert_eq!(step.handle.wait().await.unwrap(), Exit::Signal(15));
    assert_eq!(text(step.stdout).await, "", "the pipe ends only once both sleeps are gone");
    step.handle.stop(Stop::Kill).await.unwrap();
}

#[tokio::test]
async fn dropping_a_running_step_kills_it() {
    let RunningStep { stdout, handle, .. } = start(spec("sleep 1000 & sleep 1000")).await;
    drop(handle);
    assert_eq!(text(stdout).await, "");
}

#[tokio::test]
async fn the_step_dies_of_a_broken_pipe_like_in_a_shell() {
    let RunningStep { stdout, handle, .. } = start(spec("while :; do echo y; done")).await;
    drop(stdout);
    assert!(handle.wait().await.unwrap().is_broken_pipe());
}

#[tokio::test]
async fn environment_and_folder_are_as_asked() {
    let dir = tempfile::tempdir().unwrap();
    let asked = StepSpec {
        env: vec![("GREETING".into(), "first".into()), ("GREETING".into(), "a 'b' $c".into())],
        working_dir: dir.path().into(),
        ..spec("echo \"$GREETING\"; pwd")
    };
    let here = dir.path().canonicalize().unwrap();
    assert_eq!(text(start(asked).await.stdout).await, format!("a 'b' $c\n{}\n", here.display()));
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let why = |spec| async move {
        match HostExecutor::new(Reaper::default()).start(spec, Presence::new().0).await {
            Err(StartError::Step(why)) => why,
            Err(StartError::Engine(error)) => panic!("blames the engine: {error}"),
            Ok(_) => panic!("started"),
        }
    };
    let nowhere = StepSpec { working_dir: "/no/such/place".into(), ..spec("true") };
    assert_eq!(why(nowhere).await, "its working directory /no/such/place does not exist");
    let unknown = spec("true");
    let shell = Shell::Other(vec!["no-such-shell".into()]);
    let unknown = StepSpec { program: Program::Script { shell, text: "true".into() }, ..unknown };
    assert_eq!(why(unknown).await, "there is no `no-such-shell` on this machine's PATH");
    let endless = spec(&"#".repeat(4 << 20));
    assert!(why(endless).await.starts_with("its script and environment are longer"));
}
