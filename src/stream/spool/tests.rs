//! Spools on real pipes and files.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;

use super::*;

struct Scene {
    spool: Spool,
    writer: Option<File>,
    reader: Option<File>,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(limit: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (reader, sink) = pipe().unwrap();
        let failed = |error| panic!("{error}");
        let budget = PipeBudget::with_limit(0);
        let (spool, middle) = Spool::start("`x`", (sink, ()), folder.path(), limit, &budget, failed).unwrap();
        Self { spool, writer: Some(middle.into()), reader: Some(reader.into()), folder }
    }

    /// Writes until nothing more is taken. Returns how much was.
    fn write_until_stuck(&mut self, bytes: &[u8]) -> usize {
        let mut writer = self.writer.take().unwrap();
        set_nonblocking(&writer).unwrap();
        let mut written = 0;
        while written < bytes.len() {
            match writer.write(&bytes[written..]) {
                Ok(taken) => written += taken,
                Err(_) if self.spool.state().stuck => break,
                Err(_) => thread::yield_now(),
            }
        }
        rustix::io::ioctl_fionbio(&writer, false).unwrap();
        self.writer = Some(writer);
        written
    }

    fn read_all(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.reader.take().unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Waits until the state is as wanted.
    fn wait(&self, wanted: impl Fn(Spooled) -> bool) -> Spooled {
        loop {
            let state = self.spool.state();
            if wanted(state) {
                return state;
            }
            thread::yield_now();
        }
    }
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn a_reader_that_takes_nothing_gets_everything_later() {
    let data = bytes(5_000_000);
    let mut scene = Scene::new(100 << 20);
    scene.writer.take().unwrap().write_all(&data).unwrap();
    let state = scene.wait(|state| state.peak > 4_000_000);
    assert_eq!((state.taken, state.left), (0, false));
    assert_eq!(std::fs::read_dir(scene.folder.path()).unwrap().count(), 0, "the files have no names");
    assert!(scene.read_all() == data);
    assert_eq!(scene.wait(|state| state.taken == 5_000_000).taken, 5_000_000);
}

#[test]
fn a_reader_that_keeps_up_needs_no_disk() {
    let data = bytes(20_000_000);
    let mut scene = Scene::new(100 << 20);
    let mut writer = scene.writer.take().unwrap();
    let written = data.clone();
    let writing = thread::spawn(move || writer.write_all(&written).unwrap());
    assert!(scene.read_all() == data);
    writing.join().unwrap();
}

#[test]
fn past_the_limit_the_stream_waits() {
    let data = bytes(5_000_000);
    let mut scene = Scene::new(1 << 20);
    let written = scene.write_until_stuck(&data);
    let state = scene.spool.state();
    assert_eq!(state.peak, 1 << 20);
    assert!(written < 2_000_000, "{written} bytes went into two pipes and the file");
    let mut writer = scene.writer.take().unwrap();
    let rest = data[written..].to_vec();
    let writing = thread::spawn(move || writer.write_all(&rest).unwrap());
    assert!(scene.read_all() == data);
    writing.join().unwrap();
}

#[test]
fn without_leave_nothing_is_put_on_disk() {
    let data = bytes(1_000_000);
    let mut scene = Scene::new(0);
    let written = scene.write_until_stuck(&data);
    assert!(written < 300_000, "{written}");
    assert_eq!(scene.spool.state().peak, 0);
    scene.spool.lift();
    scene.writer.take().unwrap().write_all(&data[written..]).unwrap();
    assert!(scene.read_all() == data);
    assert!(scene.spool.state().peak > 500_000);
}

#[test]
fn a_reader_that_leaves_is_known_before_and_after_the_end() {
    let mut scene = Scene::new(100 << 20);
    scene.reader = None;
    scene.wait(|state| state.left);
    let error = scene.writer.take().unwrap().write_all(&bytes(1_000_000)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe, "the fan-out sees it too");

    let mut scene = Scene::new(100 << 20);
    scene.writer.take().unwrap().write_all(&bytes(1_000_000)).unwrap();
    let mut some = [0; 1000];
    scene.reader.as_mut().unwrap().read_exact(&mut some).unwrap();
    scene.reader = None;
    let state = scene.wait(|state| state.left);
    assert!(state.taken >= 1000 && state.taken < 1_000_000);
}

#[test]
#[ignore = "needs root"]
fn a_full_disk_is_told_and_no_end_is_seen() {
    let mount = tempfile::tempdir().unwrap();
    let run =
        |args: &[&str]| std::process::Command::new(args[0]).args(&args[1..]).status().unwrap().success();
    let path = mount.path().to_str().unwrap();
    assert!(run(&["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", path]), "the tests run as root");
    let (reader, sink) = pipe().unwrap();
    let (failed, failures) = mpsc::channel();
    let failed = move |error: StreamError| failed.send(error).unwrap();
    let budget = PipeBudget::with_limit(0);
    let (spool, middle) = Spool::start("`x`", (sink, ()), mount.path(), 1 << 30, &budget, failed).unwrap();
    let mut writer = File::from(middle);
    let writing = thread::spawn(move || {
        let _ = writer.write_all(&bytes(5_000_000));
    });
    let error = failures.recv().unwrap().to_string();
    assert!(error.contains("cannot buffer `x` on disk") && error.contains("No space left"), "{error}");
    let mut reader = File::from(reader);
    let mut taken = vec![0; 65_536];
    reader.read_exact(&mut taken).unwrap();
    set_nonblocking(&reader).unwrap();
    assert_eq!(reader.read(&mut taken).unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "no end-of-file");
    drop(spool);
    writing.join().unwrap();
    assert!(run(&["umount", path]));
}
