//! A gang whose conductor and client speak through the hub: all of them are plain processes, and the client
//! is the test.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;

use pipe_runner::cluster::link::{self, Messages};
use pipe_runner::cluster::order::message::{FromPod, Heard, PodEvents, ToPod};
use pipe_runner::cluster::store::Manifest;
use pipe_runner::event::EventKind;

use crate::support::Place;
use crate::support::hub::{Hub, LONG};
use crate::support::pod::Client;

/// A conductor with its wrappers, and what the test has of the link to them.
struct Gang {
    hub: Hub,
    link: link::ClientLink,
    messages: Messages,
    client: Client,
    conductor: Child,
    wrappers: Vec<Child>,
    heard: PodEvents,
    place: Place,
}

impl Gang {
    async fn start(pipeline: &str) -> Self {
        let place = Place::with(pipeline);
        let client = Client::of(&place, &[]);
        let hub = Hub::start(LONG).await;
        let link = hub.client().await;
        let messages = link.gang("g1").await.unwrap();
        std::fs::create_dir(place.join("pod")).unwrap();
        let keys = hub.place().join("conductor");
        let mut conductor =
            place.command(&["pod", "gang", "--socket", "pod/socket", "--gang", "g1", "--hub"]);
        conductor.arg(hub.address()).arg("--keys").arg(&keys).arg("--secrets").arg(&keys);
        conductor.arg("--folder").arg(place.path().canonicalize().unwrap().join("pod"));
        let conductor = conductor.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let wrapper = |step: &String| {
            let mut command = place.command(&["pod", "step", step, "--socket", "pod/socket"]);
            command.stderr(Stdio::piped()).spawn().unwrap()
        };
        let wrappers = client.order.members.iter().map(wrapper).collect();
        let heard = PodEvents::new(Arc::clone(&client.job.pipeline));
        Self { hub, link, messages, client, conductor, wrappers, heard, place }
    }

    async fn tell(&self, message: &ToPod) {
        self.messages.sender.send(serde_json::to_vec(message).unwrap()).await.unwrap();
    }

    async fn order(&self) {
        self.tell(&ToPod::order(&self.client.order).unwrap()).await;
    }

    async fn next(&mut self) -> Option<FromPod> {
        let message = self.messages.receiver.recv().await?;
        Some(serde_json::from_slice(&message).unwrap())
    }

    /// Waits for the last word of the conductor. Returns the ends of the members, and what they have made.
    async fn done(&mut self) -> (Vec<String>, Vec<(PathBuf, Manifest)>) {
        let (mut ends, mut made) = (Vec::new(), Vec::new());
        loop {
            let message = self.next().await.unwrap();
            if let Some(Heard::Finished(end)) = self.heard.read(&message) {
                let name = &self.client.job.pipeline.step(end.step).name;
                ends.push(format!("{name}: {}", end.outcome.word()));
            }
            match message {
                FromPod::Made { folder, manifest, .. } => made.push((folder, manifest)),
                FromPod::Done => break,
                _ => {}
            }
        }
        self.tell(&ToPod::Over).await;
        assert_eq!(self.conductor.wait().unwrap().code(), Some(0));
        ends.sort();
        (ends, made)
    }

    fn here(&self) -> PathBuf {
        self.place.path().canonicalize().unwrap()
    }
}

impl Drop for Gang {
    fn drop(&mut self) {
        for child in std::iter::once(&mut self.conductor).chain(&mut self.wrappers) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gang_runs_and_its_files_come_and_go() {
    let mut gang = Gang::start(
        "steps:\n\
         \x20 - {name: make, run: 'cat sent/in.txt; echo more >> sent/in.txt', output: s, produces: sent/in.txt}\n\
         \x20 - {name: read, run: 'mkdir -p out; cat > out/copy', input: s, produces: out/copy}\n",
    )
    .await;
    let upload = Place::new();
    upload.write("sent/in.txt", "from the client\n");
    let manifest = Manifest::read(upload.path(), ["sent", "sent/in.txt"].map(PathBuf::from)).unwrap();
    let sent = gang.link.put(manifest.sources(upload.path())).await.unwrap();
    assert_eq!((sent.files, sent.bytes), (1, 16));
    gang.tell(&ToPod::Files { folder: gang.here(), manifest }).await;
    gang.order().await;
    let (ends, made) = gang.done().await;
    assert_eq!(ends, ["make: succeeded", "read: succeeded"]);
    assert_eq!(made.len(), 2);
    let back = Place::new();
    for (folder, manifest) in made {
        assert_eq!(folder, gang.here());
        gang.link.fetch(manifest, back.path().to_owned()).await.unwrap();
    }
    assert_eq!(back.read("out/copy"), "from the client\n");
    assert_eq!(back.read("sent/in.txt"), "from the client\nmore\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nothing_reads_is_kept_and_handed_on() {
    let mut gang = Gang::start("steps: [{name: make, run: 'seq 1000', output: s}]\n").await;
    gang.order().await;
    let (ends, made) = gang.done().await;
    assert_eq!(ends, ["make: succeeded"]);
    let [(folder, manifest)] = &made[..] else { panic!("one stream was made") };
    assert_eq!(*folder, gang.here().join("pod/streams"));
    let back = Place::new();
    gang.link.fetch(manifest.clone(), back.path().to_owned()).await.unwrap();
    assert_eq!(back.read("s").lines().count(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_member_leaves_nothing_and_the_hub_lets_the_conductor_go() {
    let mut gang = Gang::start(
        "steps:\n\
         \x20 - {name: make, run: 'seq 10; exit 7', output: s}\n\
         \x20 - {name: read, run: 'cat > all; touch saw-end', input: s, produces: all}\n",
    )
    .await;
    gang.order().await;
    let (ends, made) = gang.done().await;
    assert_eq!(ends, ["make: failed", "read: tainted"]);
    assert!(made.is_empty() && !gang.place.has("saw-end"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_the_hub_lacks_are_said_in_place_of_a_run() {
    let mut gang = Gang::start("steps: [{name: a, run: 'touch began'}]\n").await;
    let upload = Place::new();
    upload.write("in.txt", "never sent");
    let manifest = Manifest::read(upload.path(), [PathBuf::from("in.txt")]).unwrap();
    gang.tell(&ToPod::Files { folder: gang.here(), manifest }).await;
    let why = loop {
        if let FromPod::Refused { why } = gang.next().await.unwrap() {
            break why;
        }
    };
    assert!(why.starts_with(&format!("cannot put the files into {}: ", gang.here().display())), "{why}");
    gang.tell(&ToPod::Over).await;
    assert_eq!(gang.conductor.wait().unwrap().code(), Some(3));
    assert!(!gang.place.has("began"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_hub_a_gang_is_killed_and_no_reader_sees_an_end() {
    let mut gang = Gang::start(
        "steps:\n\
         \x20 - {name: make, run: 'exec cat /dev/zero', output: s}\n\
         \x20 - {name: read, run: 'cat > /dev/null; touch saw-end', input: s}\n",
    )
    .await;
    gang.order().await;
    let mut started = 0;
    while started < 2 {
        let message = gang.next().await.unwrap();
        if let Some(Heard::Event(EventKind::StepStarted { .. })) = gang.heard.read(&message) {
            started += 1;
        }
    }
    // A hub that is stopped says goodbye, and so the conductor does not wait for its lease.
    let stop = std::process::Command::new("kill").args(["-TERM", &gang.hub.id().to_string()]).status();
    assert!(stop.unwrap().success());
    assert_eq!(gang.conductor.wait().unwrap().code(), Some(3));
    for wrapper in &mut gang.wrappers {
        wrapper.wait().unwrap();
    }
    assert!(!gang.place.has("saw-end"));
}
