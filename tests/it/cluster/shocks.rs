//! Runs on a real cluster that are ended from outside.

use std::process::Stdio;

use crate::support::cluster::{HEAD, Namespace, in_control_plane, kubectl};
use crate::support::processes::{eventually, signal, started_with};
use crate::support::{Place, Running};

/// The producer says how long it has run: longer than the lease.
const ENDLESS: &str = "steps:\n\
    \x20 - {name: make, run: 'i=0; while :; do echo \"tick $i.\" >&2; echo; i=$((i+1)); sleep 1; done', output: s}\n\
    \x20 - {name: read, run: 'cat > /dev/null; echo saw-end', input: s}\n";

/// Starts an endless run, and waits until its gang has outlived the lease.
fn start(namespace: &Namespace) -> (Place, Running) {
    let (place, mut running) = begin(namespace, ENDLESS);
    running.wait_for("tick 12.");
    (place, running)
}

/// Starts a run of these steps.
fn begin(namespace: &Namespace, steps: &str) -> (Place, Running) {
    begin_with(namespace, HEAD, steps)
}

/// The same, with another beginning of the file.
fn begin_with(namespace: &Namespace, head: &str, steps: &str) -> (Place, Running) {
    let place = Place::with(&format!("{head}{steps}"));
    let mut command = namespace.command(&place, &[]);
    let running = Running::of(command.stdout(Stdio::piped()).spawn().unwrap());
    (place, running)
}

/// Kills the one process that was started with these words.
#[track_caller]
fn kill(words: &[&str]) {
    let found = started_with(words);
    let [pid] = found.as_slice() else { panic!("{words:?}: {found:?}") };
    signal("KILL", &pid.to_string());
}

#[test]
#[ignore = "needs a cluster"]
fn a_run_that_is_interrupted_leaves_nothing() {
    let namespace = Namespace::new("interrupted");
    let (_place, running) = start(&namespace);
    running.signal("INT");
    let ran = running.end().code(130);
    assert!(!ran.stdout.contains("| saw-end"), "{}", ran.stdout);
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_client_that_is_killed_leaves_nothing_after_the_lease() {
    let namespace = Namespace::new("killed");
    let (place, running) = start(&namespace);
    running.signal("KILL");
    let ran = running.end();
    assert!(!ran.stdout.contains("| saw-end"), "{}", ran.stdout);
    let phases = || namespace.kubectl(&["get", "pods", "--output", "jsonpath={.items[*].status.phase}"]);
    eventually(|| !phases().contains("Running"), phases);
    namespace.is_deserted();
    place.pipe(&["runs"]).code(0).says("died");
}

#[test]
#[ignore = "needs a cluster"]
fn a_pod_that_is_deleted_is_a_failure_and_not_an_end() {
    let namespace = Namespace::new("deleted");
    let (_place, running) = start(&namespace);
    namespace.kubectl(&["delete", "pod", "--selector", "pipe.role=gang", "--wait=false"]);
    let ran = running.end().code(1).says("terminated by the cluster");
    assert!(!ran.stdout.contains("| saw-end"), "{}", ran.stdout);
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_hub_that_is_gone_ends_the_run() {
    let namespace = Namespace::new("hubless");
    let (_place, running) = start(&namespace);
    namespace.kubectl(&["delete", "pod", "--selector", "pipe.role=hub", "--wait=false", "--grace-period=1"]);
    let ran = running.end().code(3).says("the hub of the run is gone");
    assert!(!ran.stdout.contains("| saw-end"), "{}", ran.stdout);
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_conductor_that_is_killed_ends_the_run_and_is_no_steps_fault() {
    let namespace = Namespace::new("conductor");
    let (place, mut running) = begin(&namespace, ENDLESS);
    running.wait_for("tick 2.");
    kill(&["--gang", &Namespace::gang(&place, 0)]);
    let ran = running.end().code(3).says("its conductor has ended");
    assert!(!ran.stdout.contains("| saw-end"), "{}", ran.stdout);
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_gang_whose_conductor_was_killed_is_tried_again() {
    let namespace = Namespace::new("again");
    let steps = "steps:\n\
        \x20 - {name: make, run: 'echo ready >&2; echo some; test $PIPE_ATTEMPT = 2 || sleep 1000; echo all', output: s, retry: 1}\n\
        \x20 - {name: read, run: cat > all, input: s, produces: all}\n";
    let (place, mut running) = begin(&namespace, steps);
    running.wait_for("ready");
    kill(&["--gang", &Namespace::gang(&place, 0)]);
    running.end().code(0).says("its conductor has ended");
    assert_eq!(place.read("all"), "some\nall\n");
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_container_that_is_killed_fails_its_step_with_the_words_of_the_cluster() {
    let namespace = Namespace::new("container");
    let name = format!("make-{}", std::process::id());
    let (_place, mut running) = begin(&namespace, &ENDLESS.replace("name: make", &format!("name: {name}")));
    running.wait_for("tick 2.");
    kill(&["pod", "step", &name]);
    let ran = running.end().code(1).says("killed by the cluster");
    assert!(!ran.stdout.contains("| saw-end"), "{}", ran.stdout);
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_step_over_its_memory_is_out_of_memory() {
    let namespace = Namespace::new("memory");
    let steps = "steps:\n\
        \x20 - {name: hungry, image: 'debian:bookworm-slim', run: 'echo some; head -c 200000000 /dev/zero | tail -c 100000000; exit $?', output: s, resources: {memory: 32MiB}}\n\
        \x20 - {name: read, run: 'cat > /dev/null; echo saw-end', input: s}\n";
    let (_place, running) = begin(&namespace, steps);
    let ran = running.end().code(1).says("out of memory");
    assert!(!ran.stdout.contains("| saw-end"), "{}", ran.stdout);
    namespace.is_deserted();
}

/// Where the hub runs, and which node has the gang.
const ON_NODES: &str = "kubernetes: {helper_image: 'pipe-test/helper:1', lease: 10s, pod: {node_selector: {kubernetes.io/hostname: node1}}}\n\
    defaults: {image: 'alpine:3.20'}\n";

#[test]
#[ignore = "needs a cluster"]
fn a_node_that_goes_away_is_a_failure_and_not_an_end() {
    let namespace = Namespace::alone("node");
    let far = "kubernetes: {node_selector: {kubernetes.io/hostname: node2}}, ";
    let steps = ENDLESS.replace("{name: ", &format!("{{{far}name: "));
    let (_place, mut running) = begin_with(&namespace, ON_NODES, &steps);
    running.wait_for("tick 2.");
    in_control_plane(&["ip", "link", "set", "node2", "down"]);
    let ran = running.end();
    in_control_plane(&["ip", "link", "set", "node2", "up"]);
    let ran = ran.code(1).says("the node node2 went away");
    assert!(!ran.stdout.contains("| saw-end"), "{}", ran.stdout);
    let back = kubectl(&["wait", "node/node2", "--for", "condition=Ready", "--timeout", "120s"]);
    assert!(back.contains("condition met"), "{back}");
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn an_api_server_that_starts_again_costs_nothing() {
    let namespace = Namespace::alone("api");
    let head = HEAD.replace("lease: 10s", "lease: 60s");
    let steps = "steps: [{name: make, run: 'for i in $(seq 30); do echo tick $i.; sleep 1; done', output: s}, {name: read, run: 'wc -l', input: s}]\n";
    let (place, mut running) = begin_with(&namespace, &head, steps);
    running.wait_for("started");
    in_control_plane(&["pkill", "-KILL", "-x", "kube-apiserver"]);
    in_control_plane(&["sh", "-c", "./apiserver >>log/apiserver.log 2>&1 </dev/null &"]);
    running.end().code(0);
    assert_eq!(place.pipe(&["logs", "last", "read"]).stdout.trim(), "30");
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn what_is_to_run_at_the_end_runs_after_an_interrupt() {
    let namespace = Namespace::new("finally");
    let steps = format!(
        "{ENDLESS}\x20 - {{name: tidy, finally: true, run: 'echo $PIPE_OUTCOME > tidied', produces: tidied}}\n"
    );
    let (place, mut running) = begin(&namespace, &steps);
    running.wait_for("tick 2.");
    running.signal("INT");
    running.end().code(130);
    assert_eq!(place.read("tidied"), "cancelled\n");
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_pod_that_is_evicted_fails_with_the_words_of_the_cluster_and_is_tried_again() {
    let namespace = Namespace::new("evicted");
    let steps = "steps:\n\
        \x20 - {name: make, run: 'echo some; test $PIPE_ATTEMPT = 2 || { head -c 50000000 /dev/zero > /tmp/much; sleep 1000; }', output: s, retry: {count: 1, on_exit: [7]}, kubernetes: {limits: {ephemeral-storage: 5Mi}}}\n\
        \x20 - {name: read, run: cat > all, input: s, produces: all}\n";
    let (place, running) = begin(&namespace, steps);
    running.end().code(0).says("evicted by the cluster");
    assert_eq!(place.read("all"), "some\n");
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_hub_that_has_never_started_is_cleaned_up() {
    let namespace = Namespace::new("clean");
    let head = "kubernetes: {helper_image: 'registry.invalid/none:1', start_timeout: 2s}\n";
    let steps = "steps: [{name: a, image: 'alpine:3.20', run: 'true'}]\n";
    let (place, running) = begin_with(&namespace, head, steps);
    eventually(|| !namespace.objects().is_empty(), || "there is no hub".to_owned());
    running.signal("KILL");
    running.end();
    let clean = |more: &[&str]| namespace.clean(&place, more).code(0);
    eventually(
        || clean(&["--dry-run"]).stdout.contains("whose hub has never started"),
        || clean(&["--dry-run"]).stdout,
    );
    assert!(!namespace.objects().is_empty());
    clean(&[]).says("1 run removed");
    clean(&[]).says("0 runs removed");
    namespace.is_deserted();
}
