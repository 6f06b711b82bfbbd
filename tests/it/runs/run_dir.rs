//! A run directory that is full, read-only, or gone in the middle of a run. These tests mount file systems,
//! as root.

use std::process::Command;

use crate::support::Place;

/// A file system in memory at `.pipe`, for as long as this lives.
struct Mounted<'a>(&'a Place);

impl<'a> Mounted<'a> {
    fn at(place: &'a Place, options: &str) -> Self {
        std::fs::create_dir_all(place.join(".pipe")).unwrap();
        let mounted = Self(place);
        mounted.mount(options);
        mounted
    }

    fn mount(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "pipe-test"]).arg(self.0.join(".pipe"));
        assert!(mount.status().unwrap().success(), "these tests mount file systems, as root");
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // Lazily: a test that fails may have left a process in it.
        let _ = Command::new("umount").arg("-l").arg(self.0.join(".pipe")).status();
    }
}

#[test]
#[ignore = "needs root"]
fn logs_that_fill_the_disk_do_not_end_the_run() {
    let place = Place::with(
        "
steps:
  - {name: first, run: 'echo before'}
  - {name: loud, run: 'seq 200000; echo end > loud.done', depends_on: first}
  - {name: also, run: 'seq 200000 >&2', depends_on: first}
  - {name: last, run: 'echo after', depends_on: [loud, also]}
",
    );
    let _disk = Mounted::at(&place, "size=256k");
    let ran = place.pipe(&["run", "--format", "plain"]).code(0);
    assert!(ran.stdout.contains("loud  | 200000\n") && ran.stdout.contains("last  | after\n"));
    assert_eq!(place.read("loud.done"), "end\n");
    let said: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("the logs of steps")).collect();
    assert_eq!(said.len(), 1, "{}", ran.stderr);
    assert!(
        said[0]
            .starts_with("warning: the run goes on, but the logs of steps are incomplete: cannot write to")
    );
    assert!(said[0].contains("No space left on device"), "{}", said[0]);
    place.pipe(&["runs"]).code(0).says("succeeded");
    assert!(!place.run_dir().join("reserve").exists());
    // A log is the beginning of what the step wrote.
    let all: String = (1..=200_000).map(|n| format!("{n}\n")).collect();
    let log = place.pipe(&["logs", "last", "loud"]).code(0);
    assert!(all.starts_with(&log.stdout) && log.stdout.len() < all.len());
}

#[test]
#[ignore = "needs root"]
fn a_journal_that_cannot_go_on_does_not_end_the_run_and_stays_readable() {
    let place = Place::with(
        "
steps:
  - {name: before, run: 'true'}
  - {name: fill, run: 'head -c 1M /dev/zero > .pipe/fill || true', depends_on: before}
  - {name: between, run: 'for n in 1 2 3; do echo gone >> .pipe/fill || true; done', depends_on: fill}
  - {name: free, run: 'rm .pipe/fill', depends_on: between}
  - {name: after, run: 'true', depends_on: free}
",
    );
    // So many steps that the journal outgrows the block that it has.
    let more: String =
        (0..150).map(|n| format!("  - {{name: more-{n}, run: 'true', depends_on: fill}}\n")).collect();
    let text = place.read("pipeline.yml").replace("depends_on: between", "depends_on: [between, LAST]");
    let names: Vec<String> = (0..150).map(|n| format!("more-{n}")).collect();
    place.write("pipeline.yml", text.replace("LAST", &names.join(", ")) + &more);
    let _disk = Mounted::at(&place, "size=256k");
    let ran = place.pipe(&["run"]).code(0);
    ran.says("succeeded: 155 steps").says("the run goes on, but the journal has a gap here: cannot write to");
    place.pipe(&["runs"]).code(0).says("succeeded");
    place
        .pipe(&["show", "last"])
        .code(0)
        .says("warning: the journal has a gap: the outcome of ")
        .says("succeeded: ");
    let account = place.pipe(&["show", "last", "--json"]).code(0);
    let account: serde_json::Value = serde_json::from_str(&account.stdout).unwrap();
    for name in ["before", "after"] {
        let step = account["steps"].as_array().unwrap().iter().find(|step| step["name"] == name).unwrap();
        assert_eq!(step["outcome"], "succeeded", "{name}");
    }
}

#[test]
#[ignore = "needs root"]
fn a_stored_stream_that_fills_the_disk_ends_the_run_and_names_it() {
    let place = Place::with(
        "
steps:
  - {name: make, run: 'head -c 1M /dev/zero', output: data}
  - {name: other, run: 'cat > other', input: data, depends_on: make}
",
    );
    let _disk = Mounted::at(&place, "size=256k");
    let ran = place.pipe(&["run"]).code(3);
    ran.says("aborted").says("streams/.data.1`: No space left on device");
    assert!(!place.has("other"));
    assert_eq!(place.run_dir().join("streams").read_dir().unwrap().count(), 0, "no half stream is left");
}

#[test]
fn a_run_directory_that_goes_stops_the_run_before_the_next_step() {
    let place = Place::with(
        "
steps:
  - {name: sweep, run: 'rm -rf .pipe'}
  - {name: next, run: 'touch next', depends_on: sweep}
",
    );
    place
        .pipe(&["run"])
        .code(3)
        .says("the run directory is gone; something removed it while the run went on");
    assert!(!place.has("next"));
}

#[test]
fn a_run_directory_that_goes_with_the_last_step_changes_nothing() {
    let place = Place::with("steps:\n  - {name: sweep, run: 'rm -rf .pipe; echo swept'}\n");
    place
        .pipe(&["run"])
        .code(0)
        .says("sweep | swept")
        .says("the run goes on, but the logs of steps are incomplete");
}

#[test]
#[ignore = "needs root"]
fn where_nothing_can_be_written_nothing_runs() {
    let place = Place::with("steps:\n  - {name: a, run: 'touch ran'}\n");
    let disk = Mounted::at(&place, "size=64k,ro");
    let ran = place.pipe(&["run"]).code(3);
    ran.says(".pipe/runs`: Read-only file system").says("run elsewhere with `-C DIR`; nothing has run");
    drop(disk);
    let full = Mounted::at(&place, "size=64k");
    place.sh("head -c 1M /dev/zero > .pipe/fill || true");
    // Empty files and folders still find room on this file system; what is written does not.
    place.pipe(&["run"]).code(3).says("No space left on device").says("nothing has run");
    drop(full);
    assert!(!place.has("ran"));
}
