//! A folder, a pipeline file in it, and the binary run there.

pub mod action;
pub mod busy;
pub mod cluster;
pub mod containers;
pub mod daemon;
pub mod dice;
pub mod disguise;
pub mod expression;
pub mod fleet;
pub mod hub;
pub mod long_form;
pub mod machine;
pub mod markdown;
pub mod mermaid;
#[cfg(target_os = "linux")]
pub mod pod;
pub mod podman;
pub mod processes;
pub mod published;
pub mod registry;
pub mod relay;
pub mod release;
pub mod scenes;
pub mod server;
pub mod typist;
pub mod web;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use sha2::{Digest as _, Sha256};

/// The pipeline files in a folder of this repository.
pub fn pipelines(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    // GitHub's file, not ours.
    files.retain(|path| !path.ends_with("github-workflow.yml"));
    files.sort();
    assert!(!files.is_empty(), "no pipelines in {folder}");
    files
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder of its own for a test.
pub struct Place {
    dir: tempfile::TempDir,
}

/// What a finished `pipe` left.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    /// An empty folder.
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A folder with a `pipeline.yml`.
    pub fn with(pipeline: &str) -> Self {
        let place = Self::new();
        place.write("pipeline.yml", pipeline);
        place
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Leaves the folder where it is, for people to look at.
    pub fn keep(self) -> PathBuf {
        self.dir.keep()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a program. Another process does it: were the file open for writing here, a child that another
    /// test starts at this moment would have it open too, and the kernel would refuse to run it.
    pub fn program(&self, name: &str, script: impl AsRef<[u8]>) {
        let mut install = Command::new("install");
        install.args(["-D", "-m", "755", "/dev/stdin"]).arg(self.join(name)).stdin(Stdio::piped());
        let mut install = install.spawn().unwrap();
        install.stdin.take().unwrap().write_all(script.as_ref()).unwrap();
        assert!(install.wait().unwrap().success());
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Which steps have put their names into the file `ran` since this was last asked, sorted.
    pub fn ran(&self) -> String {
        let text = fs::read_to_string(self.join("ran")).unwrap_or_default();
        let _ = fs::remove_file(self.join("ran"));
        let mut names: Vec<&str> = text.lines().collect();
        names.sort_unstable();
        names.join(" ")
    }

    pub fn has(&self, name: &str) -> bool {
        self.join(name).exists()
    }

    /// `pipe` with these arguments, ready to be started here.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_pipe"), args)
    }

    /// Another build of `pipe` with these arguments.
    pub fn command_of(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        let services = ["CI", "GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITLAB_CI"];
        for name in ["NO_COLOR", "CLICOLOR_FORCE"].iter().chain(&services) {
            command.env_remove(name);
        }
        command
    }

    /// Runs `pipe` here and waits for it.
    pub fn pipe(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// Starts `pipe` here with its outputs caught.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts `pipe run` here to be followed line by line.
    pub fn follow(&self, args: &[&str]) -> Running {
        Running::of(self.command(args).args(["--format", "plain"]).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// `pipe run` with its messages among what it prints, ready to be started and followed.
    pub fn command_with_messages(&self, args: &[&str]) -> Command {
        let script = "exec \"$0\" \"$@\" --format plain 2>&1";
        let mut command = self.command_of("sh", &["-c", script, env!("CARGO_BIN_EXE_pipe")]);
        command.args(args).stdout(Stdio::piped());
        command
    }

    /// What a shell command prints here.
    pub fn sh(&self, script: &str) -> String {
        let output = Command::new("sh").args(["-ec", script]).current_dir(self.path()).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The folder of the only run; its name is the run's id.
    pub fn run_dir(&self) -> PathBuf {
        let runs = fs::read_dir(self.join(".pipe/runs")).unwrap();
        let runs: Vec<PathBuf> = runs.map(|run| run.unwrap().path()).collect();
        let [run] = runs.as_slice() else { panic!("{} runs", runs.len()) };
        run.clone()
    }

    /// The journal of the only run, a JSON value a record.
    pub fn journal(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.run_dir().join("events.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// How a step ended, by the journal: `succeeded`, `failed`, `tainted` …
    pub fn outcome(&self, step: &str) -> String {
        let journal = self.journal();
        let end = journal.iter().find(|record| record["event"] == "step-finished" && record["step"] == step);
        let end = end.unwrap_or_else(|| panic!("{step} has no end"));
        end["outcome"].as_str().unwrap().to_owned()
    }
}

/// A running `pipe` whose standard output is followed.
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    said: String,
}

impl Running {
    /// A started `pipe` whose standard output is a pipe.
    pub fn of(mut child: Child) -> Self {
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout, said: String::new() }
    }

    /// Waits for a line that has this text in it.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        loop {
            let start = self.said.len();
            let read = self.stdout.read_line(&mut self.said).unwrap();
            assert!(read > 0, "the run ended without `{text}`:\n{}", self.said);
            if self.said[start..].contains(text) {
                return self.said[start..].to_owned();
            }
        }
    }

    /// The id of `pipe`'s process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `INT`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Kills it, and waits for its end. Returns its reaper, if it had one by then.
    pub fn kill(self) -> Option<u32> {
        // Stopped, it cannot start another reaper.
        self.signal("STOP");
        let reaper = processes::reaper_of(self.id());
        self.signal("KILL");
        self.end();
        reaper
    }

    /// Waits for the end.
    pub fn end(mut self) -> Ran {
        self.stdout.read_to_string(&mut self.said).unwrap();
        Ran { code: self.child.wait().unwrap().code(), stdout: self.said, stderr: String::new() }
    }
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Checks the exit code; shows everything if it is another.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(all.contains(text), "`{text}` is not in:\n{all}");
        self
    }
}
