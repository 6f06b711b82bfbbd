//! The networks of containers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::collections::BTreeSet;

use support::Place;

/// Steps in a row; each writes whose network it is in: the host's name is the id of the container that keeps it.
fn chain(steps: usize, keys: &str) -> Place {
    let step = |n: usize| {
        let depends = if n > 0 { format!("depends_on: s{}, ", n - 1) } else { String::new() };
        format!("  - {{name: s{n}, image: 'alpine:3.20', {depends}{keys}run: hostname > net.{n}}}\n")
    };
    Place::with(&format!("steps:\n{}", (0..steps).map(step).collect::<String>()))
}

fn networks(place: &Place, steps: usize) -> BTreeSet<String> {
    (0..steps).map(|n| place.read(&format!("net.{n}"))).collect()
}

#[test]
fn steps_in_a_row_use_a_network_again() {
    let place = chain(12, "");
    place.pipe(&["run"]).code(0);
    // The first has its own; two more take turns.
    let used = networks(&place, 12).len();
    assert!(used < 6, "{used} networks for 12 steps");
    place.no_container_is_left();
}

#[test]
fn a_step_that_names_its_network_has_it_alone() {
    let place = chain(10, "network: bridge, ");
    place.pipe(&["run"]).code(0);
    assert_eq!(networks(&place, 10).len(), 10);
    place.no_container_is_left();
}

#[test]
fn steps_at_the_same_time_never_share_a_network() {
    // Pairs of steps that wait for each other; every pair comes after the one before it, so that networks are kept.
    let step = |pair: usize, (own, other): (&str, &str)| {
        let depends = match pair {
            0 => String::new(),
            n => format!("depends_on: [a{0}, b{0}], ", n - 1),
        };
        format!(
            "  - {{name: {own}{pair}, image: 'alpine:3.20', {depends}run: 'hostname > {own}.{pair}; \
             until [ -s {other}.{pair} ]; do :; done'}}\n"
        )
    };
    let pairs = 6;
    let steps: String = (0..pairs).map(|n| step(n, ("a", "b")) + &step(n, ("b", "a"))).collect();
    let place = Place::with(&format!("steps:\n{steps}"));
    place.pipe(&["run"]).code(0);
    for pair in 0..pairs {
        assert_ne!(place.read(&format!("a.{pair}")), place.read(&format!("b.{pair}")), "pair {pair}");
    }
    place.no_container_is_left();
}

#[test]
fn a_network_that_is_used_again_holds_nothing_of_the_step_before() {
    let step = |n: usize| {
        let depends = if n > 0 { format!("depends_on: s{}, ", n - 1) } else { String::new() };
        // A server that the step leaves running would hold the port of the next.
        let script = "if nc -z 127.0.0.1 7000; then exit 9; fi; nc -l -p 7000 & until netstat -ltn | grep -q 7000; do :; done";
        format!("  - {{name: s{n}, image: 'alpine:3.20', {depends}run: '{script}'}}\n")
    };
    let place = Place::with(&format!("steps:\n{}", (0..10).map(step).collect::<String>()));
    place.pipe(&["run"]).code(0);
    place.no_container_is_left();
}
