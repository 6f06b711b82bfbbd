//! The same in containers that share folders, as those of a pod do: other users, images without a shell, a
//! root that can only be read, limits.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use pipe_runner::cluster::order::message::FromPod;

use crate::support::Place;
use crate::support::containers::NO_SHELL;
use crate::support::pod::{Client, Pod};
use crate::support::release::binary;
use crate::support::server::output;

/// What a container may not do in a pod of the strictest kind.
const RESTRICTED: [&str; 7] =
    ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none"];

/// Starts a gang, each step in a container of its image and with these options.
fn start(pipeline: &str, containers: &[(&str, &str, &[&str])]) -> Pod {
    let place = Place::with(pipeline);
    let open = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::create_dir(place.join("pod")).unwrap();
    open(place.path());
    open(&place.join("pod"));
    output(Command::new(binary()).args(["pod", "install"]).arg(place.join("pod")));
    let client = Client::of(&place, &[]);
    let mut conductor = docker(&place, "conductor", NO_SHELL, &["--user", "4321:4321", "--interactive"]);
    let words = ["pod", "gang", "--socket", "/.pipe/socket"];
    let conductor = conductor.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let conductor = conductor.spawn().unwrap();
    let mut pod = Pod::of(place, client, conductor);
    for (step, image, options) in containers {
        let mut wrapper = docker(&pod.place, step, image, options);
        wrapper.args(["pod", "step", step, "--socket", "/.pipe/socket"]).stderr(Stdio::piped());
        pod.wrappers.insert((*step).to_owned(), wrapper.spawn().unwrap());
    }
    pod.give_order();
    pod
}

/// A container of a place, to be followed by the words of `pipe`.
fn docker(place: &Place, name: &str, image: &str, options: &[&str]) -> Command {
    let here = place.path().canonicalize().unwrap();
    let mut docker = Command::new("docker");
    docker.args(["run", "--name", &container(place, name), "--entrypoint", "/.pipe/pipe"]).args(RESTRICTED);
    docker.arg("--volume").arg(format!("{}:{}", here.display(), here.display()));
    docker.arg("--volume").arg(format!("{}/pod:/.pipe", here.display()));
    docker.args(options).arg(image);
    docker
}

fn container(place: &Place, name: &str) -> String {
    let place = place.path().file_name().unwrap().to_string_lossy().replace('.', "");
    format!("pipe-test-{place}-{name}")
}

/// Does something to a container, such as `kill`.
fn tell(pod: &Pod, words: &[&str], name: &str) -> String {
    output(Command::new("docker").args(words).arg(container(&pod.place, name)))
}

/// Removes the containers, which may still be looked at before.
fn clean(pod: &Pod) {
    let names = pod.wrappers.keys().map(String::as_str).chain(["conductor"]);
    names.for_each(|name| drop(tell(pod, &["rm", "--force"], name)));
}

const ENDLESS: &str = "steps:\n\
    \x20 - {name: make, image: 'debian:bookworm-slim', run: 'echo ready >&2; exec cat /dev/zero', output: s}\n\
    \x20 - {name: one, image: 'alpine:3.20', run: 'echo ready; cat > /dev/null; touch saw-end', input: s}\n\
    \x20 - {name: two, image: 'debian:bookworm-slim', run: 'echo ready; cat > /dev/null; touch saw-end', input: s}\n";

fn endless() -> Pod {
    let mut pod = start(
        ENDLESS,
        &[
            ("make", "debian:bookworm-slim", &["--user", "1234:1234"]),
            ("one", "alpine:3.20", &["--user", "4321:4321"]),
            ("two", "debian:bookworm-slim", &["--user", "1000:1000"]),
        ],
    );
    pod.gathered();
    for _ in 0..3 {
        pod.until(|message| matches!(message, FromPod::Output { .. }));
    }
    pod
}

#[test]
#[ignore = "needs Docker and the static release"]
fn all_bytes_go_between_users_and_images() {
    let mut pod = start(
        "steps:\n\
         \x20 - {name: make, image: 'debian:bookworm-slim', run: 'head -c 500000000 /dev/zero; echo who=$(id -u) >> \"$PIPE_OUTPUT\"', output: s}\n\
         \x20 - {name: count, image: 'pipe-test/no-shell:1', entrypoint: [/wc], args: [-c], input: s}\n\
         \x20 - {name: keep, image: 'alpine:3.20', run: 'wc -c < $PIPE_INPUT_X > kept; echo told > /dev/stderr', inputs: {x: s}}\n",
        &[
            ("make", "debian:bookworm-slim", &["--user", "1234:1234"]),
            ("count", NO_SHELL, &["--user", "4321:4321"]),
            ("keep", "alpine:3.20", &["--user", "99:99"]),
        ],
    );
    assert_eq!(pod.done(), "count: succeeded, keep: succeeded, make: succeeded");
    assert_eq!(pod.codes(), "count=0 keep=0 make=0");
    assert_eq!(String::from_utf8_lossy(&pod.logs["count"]).trim(), "500000000");
    assert_eq!(pod.place.read("kept").trim(), "500000000");
    assert_eq!(pod.logs["keep"], b"told\n");
    assert_eq!(pod.outputs["make"]["who"], "1234");
    clean(&pod);
}

#[test]
#[ignore = "needs Docker and the static release"]
fn the_death_of_the_conductors_container_is_no_end() {
    let mut pod = endless();
    tell(&pod, &["kill"], "conductor");
    assert_eq!(pod.codes(), "make=125 one=125 two=125");
    assert!(!pod.place.has("saw-end"));
    clean(&pod);
}

#[test]
#[ignore = "needs Docker and the static release"]
fn the_death_of_a_steps_container_is_no_end() {
    for victim in ["make", "one"] {
        let mut pod = endless();
        tell(&pod, &["kill"], victim);
        pod.until(|message| *message == FromPod::Lost { step: victim.into() });
        let ends = pod.done();
        assert!(ends.contains(&format!("{victim}: Signal(9)")), "{ends}");
        pod.codes();
        assert!(!pod.place.has("saw-end"));
        clean(&pod);
    }
}

#[test]
#[ignore = "needs Docker and the static release"]
fn a_container_that_is_stopped_says_so() {
    let mut pod = endless();
    tell(&pod, &["stop", "--time", "60"], "make");
    pod.until(|message| *message == FromPod::Terminated { step: Some("make".into()), signal: 15 });
    assert!(pod.done().contains("make: Signal(15)"), "{}", pod.words());
    pod.codes();
    assert!(!pod.place.has("saw-end"));
    clean(&pod);
}

#[test]
#[ignore = "needs Docker and the static release"]
fn a_step_that_needs_too_much_memory_breaks_its_stream() {
    // The kernel kills the step's own shell, or a program of it, of which the shell tells by its exit code.
    for hungry in [
        "x=$(cat /dev/zero | tr \"\\\\0\" x); echo $x",
        "head -c 200000000 /dev/zero | tail -c 100000000; exit $?",
    ] {
        let mut pod = start(
            &format!(
                "steps:\n\
                 \x20 - {{name: make, image: 'debian:bookworm-slim', run: 'echo some; {hungry}', output: s}}\n\
                 \x20 - {{name: read, image: 'alpine:3.20', run: 'cat > /dev/null; touch saw-end', input: s}}\n"
            ),
            &[
                ("make", "debian:bookworm-slim", &["--memory", "32m", "--memory-swap", "32m"]),
                ("read", "alpine:3.20", &["--user", "4321:4321"]),
            ],
        );
        let ends = pod.done();
        pod.codes();
        assert!(ends.contains("make: OutOfMemory"), "{hungry}: {ends}");
        assert!(ends.contains("read: tainted"), "{hungry}: {ends}");
        assert!(!pod.place.has("saw-end"));
        clean(&pod);
    }
}

#[test]
#[ignore = "needs Docker and the static release"]
fn a_step_that_is_killed_with_memory_to_spare_is_not_short_of_it() {
    for (run, end) in [("exit 137", "die: Exit(137)"), ("kill -9 $$", "die: Signal(9)")] {
        let mut pod = start(
            &format!("steps: [{{name: die, image: 'alpine:3.20', run: '{run}'}}]"),
            &[("die", "alpine:3.20", &["--memory", "32m"])],
        );
        assert_eq!(pod.done(), end);
        pod.codes();
        clean(&pod);
    }
}
