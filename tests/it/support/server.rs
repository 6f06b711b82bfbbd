//! Programs that run beside a test: started, waited for by a line of their log, and gone when it ends.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Ran;

/// How long anything may take before a test gives up. Nothing depends on it but the time that a broken test
/// takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs until it is dropped.
pub struct Server {
    child: Child,
    lines: Receiver<String>,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts a program, and waits until its log has a line with each of these.
    #[track_caller]
    pub fn start(command: &mut Command, ready: &[&str]) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        let (sender, lines) = channel();
        let log = Arc::new(Mutex::new(String::new()));
        follow(child.stdout.take().unwrap(), sender.clone(), Arc::clone(&log));
        follow(child.stderr.take().unwrap(), sender, Arc::clone(&log));
        let server = Self { child, lines, log };
        for text in ready {
            server.wait_for(text);
        }
        server
    }

    /// Waits for the next line with this text.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(_) => panic!("no line with `{text}` in:\n{}", self.log()),
            }
        }
    }

    /// Everything it has said so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself: its exit code, and everything it has said.
    #[track_caller]
    pub fn end(mut self) -> Ran {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.log()),
            }
        }
        Ran { code: self.child.wait().unwrap().code(), stdout: self.log(), stderr: String::new() }
    }

    /// Ends it at once.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        signal("TERM", self.child.id());
        // Its outputs end with it; one that does not go by itself is killed.
        while !matches!(self.child.try_wait(), Ok(Some(_))) {
            match self.lines.recv_timeout(PATIENCE / 4) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => drop(self.child.kill()),
            }
        }
        let _ = self.child.wait();
    }
}

/// Passes on the lines of an output, and keeps them.
fn follow(output: impl Read + Send + 'static, lines: Sender<String>, log: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            *log.lock().unwrap() += &format!("{line}\n");
            let _ = lines.send(line);
        }
    });
}

/// Sends a signal, by name, to a process that may be gone.
pub fn signal(name: &str, pid: u32) {
    let kill =
        Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
    kill.unwrap();
}

/// What a program prints; it has to succeed.
#[track_caller]
pub fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Takes down what is still mounted in a folder, so that it can be removed.
pub fn unmount(dir: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(PathBuf::from);
    for point in points.filter(|point| point.starts_with(dir)).collect::<Vec<_>>().iter().rev() {
        let _ = Command::new("umount").arg("--lazy").arg(point).stderr(Stdio::null()).status();
    }
}

/// Ends all processes whose arguments name a path in a folder: what was started there, whichever process is
/// its parent now.
pub fn end_all(dir: &Path) {
    loop {
        let pids = processes_that_name(dir);
        if pids.is_empty() {
            return;
        }
        pids.into_iter().for_each(|pid| signal("KILL", pid));
    }
}

fn processes_that_name(dir: &Path) -> Vec<u32> {
    let dir = dir.display().to_string();
    let names_it = |pid: &u32| {
        let args = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&args).split('\0').any(|arg| arg.starts_with(&dir))
    };
    let all = std::fs::read_dir("/proc").unwrap();
    all.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok()).filter(names_it).collect()
}
