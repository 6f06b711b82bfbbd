//! The processes of an attempt are known by their signs.

use super::procfs::{Process, parse};
use super::signs::belonging;
use super::table::Table;
use super::{Fifo, Signs};

fn process(pid: i32, parent: i32, group: i32, mark: &str) -> Process {
    let marks = if mark.is_empty() { Vec::new() } else { vec![mark.as_bytes().to_vec()] };
    let started = format!("at {pid}");
    Process { entry: pid, pid, parent, group, started, lives: true, marks, ..Process::default() }
}

fn signs(leader: Option<(i32, &str)>) -> Signs {
    Signs {
        mark: "M=1".into(),
        pipes: vec![7],
        fifos: Vec::new(),
        leader: leader.map(|(pid, started)| (pid, started.to_owned())),
    }
}

fn pids(signs: &Signs, all: &[Process]) -> Vec<i32> {
    let table = Table::of(all.to_vec());
    belonging(signs, &table).iter().map(|it| it.process.pid).collect()
}

#[test]
fn they_are_known_by_group_by_mark_and_by_descent() {
    let all = [
        process(1, 0, 1, ""),
        process(10, 1, 10, "M=1"),
        process(11, 10, 10, ""),
        process(12, 1, 10, ""),
        process(13, 11, 13, ""),
        process(14, 13, 14, ""),
        process(15, 1, 15, "M=1"),
        process(20, 1, 20, "M=11"),
        process(21, 1, 21, "XM=1"),
    ];
    assert_eq!(pids(&signs(Some((10, "at 10"))), &all), [10, 11, 12, 13, 14, 15]);
    assert_eq!(pids(&signs(None), &all), [10, 11, 13, 14, 15]);
    assert_eq!(pids(&Signs::default(), &all), [0; 0]);
}

#[test]
fn they_are_known_by_the_pipes_that_they_have_open() {
    let has = |pid, pipes: &[u64]| Process { pipes: pipes.to_vec(), ..process(pid, 1, pid, "") };
    let all = [has(10, &[5, 7]), has(11, &[77]), process(12, 10, 12, "")];
    assert_eq!(pids(&signs(None), &all), [10, 12]);
    assert_eq!(pids(&Signs { pipes: vec![77], ..Signs::default() }, &all), [11]);
}

#[test]
fn a_group_of_the_same_number_is_left_alone() {
    let all = [process(10, 1, 10, ""), process(11, 10, 10, "")];
    assert_eq!(pids(&signs(Some((10, "at 9"))), &all), [0; 0]);
    assert_eq!(pids(&signs(Some((10, "at 10"))), &all[1..]), [11], "its leader has ended");
}

#[test]
fn the_dead_are_not_found() {
    let dead = Process { lives: false, ..process(10, 1, 10, "") };
    let all = [dead, process(11, 10, 11, "")];
    assert_eq!(pids(&signs(Some((10, "at 10"))), &all), [11]);
}

#[test]
fn steps_of_a_run_within_the_step_are_told_apart() {
    let all = [process(10, 1, 10, "M=1"), process(11, 10, 11, "M=2"), process(12, 10, 10, "")];
    let table = Table::of(all.to_vec());
    let inner = belonging(&signs(Some((10, "at 10"))), &table);
    let inner: Vec<(i32, bool)> = inner.iter().map(|it| (it.process.pid, it.is_inner)).collect();
    assert_eq!(inner, [(10, false), (11, true), (12, false)]);
}

#[test]
fn a_process_that_ends_is_seen_before_it_can_be_waited_for() {
    let stat = |flags: u32, threads: u32| {
        let text = format!("9 (a b) R 1 9 9 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 {threads} 0 4711 0 0\n");
        parse(9, text.as_bytes()).unwrap()
    };
    let found = stat(0x40_0000, 1);
    assert_eq!(
        (found.parent, found.started.as_str(), found.lives, found.is_ending),
        (1, "4711", true, false)
    );
    assert!(stat(0x40_0004, 1).is_ending);
    assert!(!stat(0x40_0004, 2).is_ending, "its other threads go on");
    assert!(!super::is_ending(i32::try_from(std::process::id()).unwrap()));
}

#[test]
fn they_are_known_by_a_named_pipe_that_they_have_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &path, kind, rustix::fs::Mode::RWXU, 0).unwrap();
    let fifo = Fifo::at(&path).unwrap();
    let with = |pid: i32, file| Process { files: vec![file], ..process(pid, 1, pid, "") };
    let (device, inode) = fifo.id();
    let all = [with(10, (device, inode)), with(11, (device + 1, inode)), with(12, (device, inode + 1))];
    assert_eq!(pids(&Signs { fifos: vec![fifo], ..Signs::default() }, &all), [10]);
}
