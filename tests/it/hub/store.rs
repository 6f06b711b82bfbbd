//! Files through the hub's store.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use pipe_runner::cluster::link::ClientLink;
use pipe_runner::cluster::store::{Content, FileHash, Manifest, Sent};

use crate::support::Place;
use crate::support::hub::{Cable, Hub, LONG, noise};
use crate::support::machine::Turn;

const MIB: usize = 1024 * 1024;

/// What is to be put into the store for a manifest.
fn files(folder: &Path, manifest: &Manifest) -> Vec<(FileHash, PathBuf)> {
    let file = |entry: &pipe_runner::cluster::store::ManifestEntry| match entry.content {
        Content::File { hash, .. } => Some((hash, folder.join(entry.path.path()))),
        Content::Link { .. } | Content::Folder { .. } => None,
    };
    manifest.files.iter().filter_map(file).collect()
}

fn same(place: &Place, a: &str, b: &str) {
    place.sh(&format!("diff -r --no-dereference {a} {b}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_files_go_up_once_and_come_out_at_a_conductor() {
    let _turn = Turn::take();
    let hub = Hub::start(LONG).await;
    let place = hub.place();
    let mut paths = Vec::new();
    for number in 0..2000 {
        let path = format!("d{}/f{number}", number % 40);
        place.write(&format!("up/{path}"), noise(number, 100 * 1024 + number as usize));
        paths.push(PathBuf::from(path));
    }
    symlink("d1/f1", place.join("up/link")).unwrap();
    paths.push("link".into());
    fs::set_permissions(place.join("up/d0/f0"), fs::Permissions::from_mode(0o755)).unwrap();
    let manifest = Manifest::read(&place.join("up"), paths).unwrap();
    let mut caller = hub.client_caller();
    let cable = Cable::between(&mut caller, &hub);
    let (client, _) = ClientLink::connect(caller).await.unwrap();

    let began = Instant::now();
    let putting = client.put(files(&place.join("up"), &manifest));
    let cutting = tokio::spawn({
        let (cable, store) = (cable.clone(), place.join("store/files"));
        async move {
            // In the middle of it the connection breaks.
            while fs::read_dir(&store).unwrap().count() < 500 {
                tokio::task::yield_now().await;
            }
            cable.cut();
        }
    });
    let sent = putting.await.unwrap();
    cutting.await.unwrap();
    eprintln!("up: {:?}", began.elapsed());
    let bytes = (0..2000).map(|number| 100 * 1024 + number).sum();
    assert_eq!(sent, Sent { files: 2000, bytes });
    let again = client.put(files(&place.join("up"), &manifest)).await.unwrap();
    assert_eq!(again, Sent { files: 0, bytes: 0 });

    let (conductor, _orders) = hub.conductor("g").await;
    let began = Instant::now();
    conductor.fetch(manifest.clone(), place.join("down")).await.unwrap();
    eprintln!("down: {:?}", began.elapsed());
    same(place, "up", "down");
    let mode = |path: &str| fs::metadata(place.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("down/d0/f0"), 0o755);
    let memory = hub.most_memory();
    eprintln!("the hub had {memory} bytes");
    assert!(memory <= 64 * MIB as u64, "the hub had {memory} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_conductor_has_made_replaces_what_the_client_had() {
    let hub = Hub::start(LONG).await;
    let place = hub.place();
    place.write("made/out/a", noise(1, 3 * MIB));
    place.write("made/out/empty", "");
    place.write("client/out/a", "old");
    let (conductor, orders) = hub.conductor("g").await;
    let manifest = Manifest::read(&place.join("made"), ["out/a", "out/empty"].map(PathBuf::from)).unwrap();
    conductor.put(files(&place.join("made"), &manifest)).await.unwrap();
    orders.sender.send(serde_json::to_vec(&manifest).unwrap()).await.unwrap();
    drop(orders.sender);
    conductor.finish().await.unwrap();

    let client = hub.client().await;
    let mut messages = client.gang("g").await.unwrap();
    let manifest: Manifest = serde_json::from_slice(&messages.receiver.recv().await.unwrap()).unwrap();
    client.fetch(manifest, place.join("client")).await.unwrap();
    same(place, "made", "client");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_and_the_rest_still_works() {
    let hub = Hub::start(LONG).await;
    let place = hub.place();
    place.write("up/a", "one");
    place.write("up/b", "two");
    let manifest = Manifest::read(&place.join("up"), ["a", "b"].map(PathBuf::from)).unwrap();
    let client = hub.client().await;
    let (conductor, _orders) = hub.conductor("g").await;

    // A file that changes after it was hashed, and one that is gone.
    place.write("up/a", "changed");
    fs::remove_file(place.join("up/b")).unwrap();
    let error = client.put(files(&place.join("up"), &manifest)).await.unwrap_err().to_string();
    assert!(error.contains("up/"), "{error}");
    let error = conductor.fetch(manifest.clone(), place.join("down")).await.unwrap_err().to_string();
    assert!(error.starts_with("the hub cannot send the file "), "{error}");

    place.write("up/a", "one");
    place.write("up/b", "two");
    client.put(files(&place.join("up"), &manifest)).await.unwrap();
    conductor.fetch(manifest, place.join("down")).await.unwrap();
    same(place, "up", "down");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_folder() {
    let hub = Hub::start(LONG).await;
    let place = hub.place();
    place.write("up/a/b", "one");
    let manifest = Manifest::read(&place.join("up"), ["a/b"].map(PathBuf::from)).unwrap();
    let client = hub.client().await;
    client.put(files(&place.join("up"), &manifest)).await.unwrap();
    fs::create_dir_all(place.join("outside")).unwrap();
    fs::create_dir_all(place.join("down")).unwrap();
    symlink("../outside", place.join("down/a")).unwrap();
    let error = client.fetch(manifest, place.join("down")).await.unwrap_err();
    assert_eq!(error.to_string(), "`a/b` leads through a link or a file");
    assert_eq!(fs::read_dir(place.join("outside")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root"]
async fn a_full_store_is_said_and_not_the_end() {
    // The file system is the hub's alone.
    let by = |hub: Command| {
        let mut command = Command::new("unshare");
        let mount = "mount -t tmpfs -o size=4m none store && exec \"$@\"";
        command.args(["--mount", "sh", "-ec", mount, "sh"]).arg(hub.get_program()).args(hub.get_args());
        command.current_dir(hub.get_current_dir().unwrap()).stdin(std::process::Stdio::null());
        command
    };
    let hub = Hub::start_by(LONG, by).await;
    let place = hub.place();
    let (client, mut troubles) = ClientLink::connect(hub.client_caller()).await.unwrap();
    let mut messages = client.gang("g").await.unwrap();
    let (conductor, orders) = hub.conductor("g").await;

    place.write("up/large", noise(1, 5 * MIB));
    let manifest = Manifest::read(&place.join("up"), ["large"].map(PathBuf::from)).unwrap();
    let error = client.put(files(&place.join("up"), &manifest)).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the hub cannot keep ") && error.contains("No space left on device"),
        "{error}"
    );

    let sending = tokio::spawn(async move {
        for number in 0..80 {
            orders.sender.send(noise(number, 100_000)).await.unwrap();
        }
    });
    // The client takes nothing until the store is full.
    let trouble = troubles.recv().await.unwrap();
    assert!(
        trouble.starts_with("the run's store cannot keep what gang `g` says: No space left"),
        "{trouble}"
    );
    for number in 0..80 {
        assert!(messages.receiver.recv().await.unwrap() == noise(number, 100_000), "message {number}");
    }
    sending.await.unwrap();
    conductor.finish().await.unwrap();
    client.over().await.unwrap();
}
