//! Each container has a network of its own.

use std::collections::BTreeSet;

use crate::support::Place;

/// Listens on port 7000 in the background, and goes on once it does; fails if the port is taken.
const LISTEN: &str = "nc -l -p 7000 & until netstat -ltn | grep -q :7000; do kill -0 $!; done";
/// Port 7000 as `/proc/net/tcp` has it.
const PORT: &str = ":1B58";

fn step(name: &str, depends_on: &str, script: &str) -> String {
    let depends_on =
        if depends_on.is_empty() { String::new() } else { format!(", depends_on: {depends_on}") };
    format!("  - {{name: {name}, image: 'alpine:3.20'{depends_on}, timeout: 1m, run: '{script}'}}\n")
}

/// Steps one after another, all with this script.
fn chain(steps: usize, script: impl Fn(usize) -> String) -> Place {
    let before = |n: usize| n.checked_sub(1).map_or(String::new(), |before| format!("s{before}"));
    let steps = (0..steps).map(|n| step(&format!("s{n}"), &before(n), &script(n)));
    Place::with(&format!("steps:\n{}", steps.collect::<String>()))
}

#[test]
#[ignore = "needs Docker"]
fn steps_one_after_another_have_networks_of_their_own() {
    // A container's host name is the id of the container whose network it is in.
    let place = chain(10, |n| format!("hostname > net.{n}"));
    place.pipe(&["run"]).code(0);
    let networks: BTreeSet<String> = (0..10).map(|n| place.read(&format!("net.{n}"))).collect();
    assert_eq!(networks.len(), 10);
    place.no_container_is_left();
}

#[test]
#[ignore = "needs Docker"]
fn a_step_finds_nothing_of_the_step_before() {
    // A shared network would have the port, or the connection in TIME_WAIT.
    let script = format!(
        "if grep {PORT} /proc/net/tcp /proc/net/tcp6; then exit 9; fi; {LISTEN}; nc 127.0.0.1 7000 </dev/null"
    );
    let place = chain(6, |_| script.clone());
    place.pipe(&["run"]).code(0);
    place.no_container_is_left();
}

#[test]
#[ignore = "needs Docker"]
fn two_steps_listen_on_the_same_port_and_do_not_see_each_other() {
    let script = |own: &str, other: &str| {
        let both = format!("touch listens.{own}; until [ -e listens.{other} ]; do :; done");
        let done = format!("touch done.{own}; until [ -e done.{other} ]; do :; done");
        format!("{LISTEN}; {both}; cat /proc/net/tcp /proc/net/tcp6 > sockets.{own}; {done}")
    };
    let steps = step("a", "", &script("a", "b")) + &step("b", "", &script("b", "a"));
    let place = Place::with(&format!("steps:\n{steps}"));
    place.pipe(&["run"]).code(0);
    for name in ["a", "b"] {
        let sockets = place.read(&format!("sockets.{name}"));
        let listening = sockets.lines().filter(|line| line.contains(PORT));
        assert_eq!(listening.count(), 1, "{sockets}");
    }
    place.no_container_is_left();
}
