//! What connects to a pod's socket and does not belong there, and programs of another version.

use std::os::fd::OwnedFd;
use std::path::Path;

use pipe_runner::cluster::order::message::{FromPod, ToPod};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

use crate::support::pod::Pod;
use crate::support::processes::eventually;

const PAIR: &str = "steps:\n  - {name: make, run: 'seq 10', output: s}\n  - {name: read, run: 'cat > all; touch saw-end', input: s}\n";

fn call(path: &Path) -> OwnedFd {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    eventually(
        || connect(&socket, &SocketAddrUnix::new(path).unwrap()).is_ok(),
        || "there is no socket".into(),
    );
    socket
}

/// Says something as a wrapper would, in one packet. Returns the answer; nothing if there is none.
fn say(socket: &OwnedFd, bytes: &[u8]) -> Vec<u8> {
    send(socket, &[&[1], bytes].concat(), SendFlags::NOSIGNAL).unwrap();
    hear(socket)
}

fn hear(socket: &OwnedFd) -> Vec<u8> {
    let mut answer = vec![0; 1000];
    let (length, _) = recv(socket, &mut answer[..], RecvFlags::empty()).unwrap();
    answer.truncate(length);
    answer
}

fn hello(protocol: u32, step: &str) -> Vec<u8> {
    let number = u32::to_le_bytes;
    let length = number(u32::try_from(step.len()).unwrap());
    [b"h".as_slice(), &number(protocol), &number(1), &number(0), &length, step.as_bytes(), &[0]].concat()
}

#[test]
fn strangers_are_turned_away_and_the_gang_runs() {
    let mut pod = Pod::before_its_order(PAIR, &[]);
    pod.give_order();
    for garbage in [b"what?".to_vec(), Vec::new(), vec![0; 30_000], b"h\x01".to_vec()] {
        assert_eq!(say(&call(&pod.socket()), &garbage), b"", "{garbage:?}");
    }
    let answer = say(&call(&pod.socket()), &hello(1, "other"));
    assert!(String::from_utf8_lossy(&answer).contains("no wrapper of a step `other` is waited for"));
    // One that says nothing is in no way.
    let _silent = call(&pod.socket());
    pod.start_wrappers();
    assert_eq!(pod.done(), "make: succeeded, read: succeeded");
    assert_eq!(pod.place.read("all").lines().count(), 10);
}

#[test]
fn a_second_wrapper_of_a_step_is_turned_away() {
    let mut pod = Pod::before_its_order(PAIR, &[]);
    pod.give_order();
    let calls = [(); 2].map(|()| call(&pod.socket()));
    for call in &calls {
        send(call, &[&[1], hello(1, "make").as_slice()].concat(), SendFlags::NOSIGNAL).unwrap();
    }
    // Either may be the second.
    let look = RecvFlags::DONTWAIT | RecvFlags::PEEK;
    let has_answer = |call: &&OwnedFd| recv(*call, &mut [0_u8; 1][..], look).is_ok();
    eventually(|| calls.iter().any(|call| has_answer(&call)), || "neither is turned away".into());
    let (away, first): (Vec<&OwnedFd>, Vec<_>) = calls.iter().partition(has_answer);
    assert_eq!(first.len(), 1);
    let answer = hear(away[0]);
    assert!(String::from_utf8_lossy(&answer).contains("no wrapper of a step `make` is waited for"));
    drop(calls);
    pod.start_wrapper("read");
    assert_eq!(
        pod.done(),
        "make: Start(\"its container has ended before the step could start\"), read: tainted"
    );
    assert!(!pod.place.has("saw-end"));
}

#[test]
fn a_wrapper_that_talks_nonsense_is_lost() {
    let mut pod = Pod::before_its_order(PAIR, &[]);
    pod.start_wrapper("read");
    pod.give_order();
    let make = call(&pod.socket());
    send(&make, &[&[1], hello(1, "make").as_slice()].concat(), SendFlags::NOSIGNAL).unwrap();
    pod.gathered();
    send(&make, b"\x01e\x00\x00\x00\x00", SendFlags::NOSIGNAL).unwrap();
    pod.until(|message| *message == FromPod::Lost { step: "make".into() });
    let ends = pod.done();
    assert!(ends.starts_with("make: Start(") && ends.ends_with("read: tainted"), "{ends}");
    assert!(!pod.place.has("saw-end"));
}

#[test]
fn a_wrapper_of_another_version_ends_the_start() {
    let mut pod = Pod::before_its_order(PAIR, &[]);
    pod.start_wrapper("read");
    pod.give_order();
    let answer = say(&call(&pod.socket()), &hello(99, "make"));
    let why = "a wrapper speaks protocol 99; the conductor speaks protocol 1";
    assert!(String::from_utf8_lossy(&answer).contains(why));
    pod.until(|message| matches!(message, FromPod::SiteFailed { why: told, .. } if told == why));
    assert_eq!(pod.done(), "make: cancelled, read: cancelled");
    assert_eq!(pod.codes(), "read=125");
}

#[test]
fn an_order_of_another_version_is_refused_in_words_for_its_client() {
    let mut pod = Pod::before_its_order(PAIR, &[]);
    pod.start_wrappers();
    pod.client.order.version = "0.1.9".into();
    pod.give_order();
    let refused = pod.until(|message| matches!(message, FromPod::Refused { .. }));
    let why = format!("the helper image is pipe {}; this is 0.1.9", pipe_runner::cluster::order::PROGRAM);
    assert_eq!(refused, FromPod::Refused { why });
    pod.tell(&ToPod::Over);
    assert_eq!(pod.conductor.wait().unwrap().code(), Some(2));
    assert_eq!(pod.codes(), "make=125 read=125");
}

#[test]
fn a_secret_that_is_missing_is_refused() {
    let pipeline = "params: {token: {type: secret}}\nsteps: [{name: a, run: 'echo {{ token }}'}]";
    let mut pod = Pod::before_its_order(pipeline, &[("token", "hush-hush")]);
    std::fs::remove_file(pod.place.join("client-secrets/param.token")).unwrap();
    pod.give_order();
    let why = "the secret `param.token` of the order is not there".to_owned();
    pod.until(|message| *message == FromPod::Refused { why: why.clone() });
}
