//! Runs a case, disturbs it, and waits until it is over.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use super::case::{Case, Demise, Ending, How};
use super::engine::Engine;
use super::{left, yaml};
use crate::support::daemon::Daemon;
use crate::support::processes::{comes_to_be, signal};
use crate::support::{Place, Ran};

/// How long a run may take, with the 10 s that steps have to end.
const PATIENCE: Duration = Duration::from_secs(120);
/// What may appear nowhere.
pub const SECRET: &str = "canary-8c1f-torture";

/// What was to be seen of a run, and what it has left.
pub struct Seen {
    pub place: Place,
    /// `.pipe` is a disk of its own.
    mounted: bool,
    /// What `--format json` has told.
    pub records: Vec<Value>,
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    /// The signal that it got before it ended.
    pub sent: Option<How>,
    /// How its engine ended before it did.
    pub struck: Option<Demise>,
    pub hung: bool,
    /// What `pipe show last` says afterwards.
    pub show: Ran,
    /// What should not be there any more, and is.
    pub left: Vec<String>,
}

impl Seen {
    /// Keeps the folder, for people to look at.
    pub fn keep(mut self) -> PathBuf {
        self.mounted = false;
        let place = std::mem::replace(&mut self.place, Place::new());
        place.keep()
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount").arg("--lazy").arg(self.place.join(".pipe")).status();
        }
    }
}

/// Runs a case.
pub fn run(case: &Case, engine: &Engine) -> Seen {
    match case.ending {
        Ending::Engine { .. } => engine.lend(|daemon| run_on(case, Some(daemon))),
        _ => run_on(case, None),
    }
}

/// Runs a case on an engine of the test's own, or the machine's.
fn run_on(case: &Case, daemon: Option<&mut Daemon>) -> Seen {
    let place = Place::new();
    yaml::files(case).iter().for_each(|(name, text)| place.write(name, text));
    if let Some(kib) = case.disk {
        let size = format!("size={kib}k");
        place.sh(&format!("mkdir .pipe; mount -t tmpfs -o {size} torture .pipe"));
    }
    let host = daemon.as_ref().map(|daemon| daemon.host());
    let mut run = Run::start(case, &place, host.as_deref());
    run.follow(case, daemon);
    let mut left = Vec::new();
    if let (Some(_), Some(host)) = (run.struck, &host) {
        // What the engine could not be asked to remove.
        comes_to_be(|| left::processes(&place).is_empty());
        let cleaned = Ran::of(place.command(&["clean"]).env("DOCKER_HOST", host).output().unwrap());
        if cleaned.code != Some(0) {
            left.push(format!("what `pipe clean` should have removed: {}", cleaned.stderr));
        }
    }
    // A reaper may still be at work.
    let mut others = Vec::new();
    comes_to_be(|| {
        others = left::after(case, &place, host.as_deref());
        others.is_empty()
    });
    left.extend(others);
    let show = place.pipe(&["show", "last"]);
    let Run { records, code, sent, struck, hung, .. } = run;
    Seen { place, mounted: case.disk.is_some(), records, code, sent, struck, hung, show, left }
}

/// A `pipe` that runs, and what is known of it.
struct Run {
    child: Child,
    records: Vec<Value>,
    code: Option<i32>,
    sent: Option<How>,
    struck: Option<Demise>,
    hung: bool,
}

impl Run {
    fn start(case: &Case, place: &Place, host: Option<&str>) -> Self {
        let mut command = place.command(&["run", "--format=json", "--stream-lane", case.lane.name()]);
        for (step, it) in case.steps.iter().enumerate() {
            if it.is_fed {
                let first = Case::first_line(step);
                let last = first + it.output.as_ref().map_or(0, |output| output.lines) - 1;
                place.sh(&format!("seq {first} {last} > fed.{step}"));
                command.arg(format!("--in=o{step}=fed.{step}"));
            } else if it.output.as_ref().is_some_and(|output| output.out) {
                command.arg(format!("--out={}=out.{step}", case.stream(step)));
            }
        }
        if case.keep_partial {
            command.arg("--keep-partial");
        }
        command.envs(host.map(|host| ("DOCKER_HOST", host)));
        command.env(left::MARK, place.path()).env(yaml::CANARY, SECRET);
        let stderr = File::create(place.join("stderr")).unwrap();
        let child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        Self { child, records: Vec::new(), code: None, sent: None, struck: None, hung: false }
    }

    /// Reads what a run tells, and disturbs it when it has told so much.
    fn follow(&mut self, case: &Case, mut daemon: Option<&mut Daemon>) {
        let pid = self.child.id().to_string();
        let stdout = BufReader::new(self.child.stdout.take().unwrap());
        let (over, is_over) = mpsc::channel::<()>();
        let watched = pid.clone();
        let watch = std::thread::spawn(move || {
            let hangs = is_over.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
            if hangs {
                signal("KILL", &watched);
            }
            hangs
        });
        let mut again = 0;
        for line in stdout.split(b'\n') {
            let record: Value = serde_json::from_slice(&line.unwrap()).unwrap_or(Value::Null);
            if again > 0 && record["event"] == "cancelling" {
                (0..again).for_each(|_| signal("INT", &pid));
                again = 0;
            }
            self.records.push(record);
            match case.ending {
                Ending::Signal { after, how } if after == self.records.len() => {
                    self.sent = Some(how);
                    again = match how {
                        How::IntTwice => 1,
                        How::IntFourTimes => 3,
                        How::Int | How::Term | How::Kill => 0,
                    };
                    signal(how.name(), &pid);
                }
                Ending::Engine { after, how, at_once } if after == self.records.len() => {
                    self.struck = Some(how);
                    daemon.iter_mut().for_each(|daemon| strike(daemon, how, at_once));
                }
                _ => {}
            }
        }
        let _ = over.send(());
        self.hung = watch.join().unwrap();
        self.code = self.child.wait().unwrap().code();
        if let (Some(_), Ending::Engine { at_once: false, .. }, Some(daemon)) =
            (self.struck, case.ending, daemon)
        {
            daemon.restart();
        }
    }
}

fn strike(daemon: &mut Daemon, how: Demise, at_once: bool) {
    match how {
        Demise::Stopped => daemon.stop(),
        Demise::Killed => daemon.kill(),
    }
    if at_once {
        daemon.restart();
    }
}
