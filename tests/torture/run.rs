//! Runs a case, disturbs it, and waits until it is over.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::case::{Case, Ending, How};
use crate::support::processes::{comes_to_be, signal};
use crate::support::{Place, Ran};
use crate::{left, yaml};

/// How long a run may take, with the 10 s that steps have to end.
const PATIENCE: Duration = Duration::from_secs(120);

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
pub fn run(case: &Case) -> Seen {
    let place = Place::with(&yaml::file(case));
    if let Some(kib) = case.disk {
        let size = format!("size={kib}k");
        place.sh(&format!("mkdir .pipe; mount -t tmpfs -o {size} torture .pipe"));
    }
    let (records, code, sent, hung) = follow(case, start(case, &place));
    let mut left = Vec::new();
    // A reaper may still be at work.
    comes_to_be(|| {
        left = left::after(case, &place);
        left.is_empty()
    });
    let show = place.pipe(&["show", "last"]);
    let mounted = case.disk.is_some();
    Seen { place, mounted, records, code, sent, hung, show, left }
}

fn start(case: &Case, place: &Place) -> Child {
    let outs = (0..case.steps.len())
        .filter(|&step| case.steps[step].output.as_ref().is_some_and(|output| output.out));
    let mut args =
        vec!["run".to_owned(), "--format=json".into(), format!("--stream-lane={}", case.lane.name())];
    args.extend(outs.map(|step| format!("--out=o{step}=out.{step}")));
    if case.keep_partial {
        args.push("--keep-partial".into());
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let stderr = File::create(place.join("stderr")).unwrap();
    place.command(&args).env(left::MARK, place.path()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap()
}

/// Reads what a run tells, and gives it its signal when it has told so much.
fn follow(case: &Case, mut child: Child) -> (Vec<Value>, Option<i32>, Option<How>, bool) {
    let pid = child.id().to_string();
    let (mut records, mut sent) = (Vec::new(), None);
    let mut again = false;
    let (over, is_over) = mpsc::channel::<()>();
    let hung = std::thread::scope(|scope| {
        let (pid, is_over) = (&pid, is_over);
        let watch = scope.spawn(move || {
            let hangs = is_over.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
            if hangs {
                signal("KILL", pid);
            }
            hangs
        });
        for line in BufReader::new(child.stdout.take().unwrap()).split(b'\n') {
            let line = line.unwrap();
            let record: Value = serde_json::from_slice(&line).unwrap_or(Value::Null);
            if again && record["event"] == "cancelling" {
                signal("INT", pid);
                again = false;
            }
            records.push(record);
            if let Ending::Signal { after, how } = case.ending
                && after == records.len()
            {
                sent = Some(how);
                again = how == How::IntTwice;
                signal(
                    if how == How::Kill {
                        "KILL"
                    } else if how == How::Term {
                        "TERM"
                    } else {
                        "INT"
                    },
                    pid,
                );
            }
        }
        let _ = over.send(());
        watch.join().unwrap()
    });
    (records, child.wait().unwrap().code(), sent, hung)
}
