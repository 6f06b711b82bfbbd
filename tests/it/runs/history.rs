//! What is left of runs, read again by the commands: `runs`, `show`, `logs`, `clean`.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use crate::support::{Place, Ran};
use serde_json::Value;

const MIXED: &str = "
name: mixed
outputs: {zebra: '{{ steps.give.outputs.v }}', ant: 'x'}
steps:
  - {name: give, run: 'echo v=1 > $PIPE_OUTPUT; echo hello; printf half'}
  - {name: make, run: 'seq 200000', output: numbers}
  - {name: sum, run: 'sha256sum', input: numbers}
  - {name: first, run: 'head -n 1', input: numbers}
  - {name: unread, run: 'echo kept', output: kept}
  - {name: shrug, run: 'exit 4', on_error: ignore}
  - {name: flaky, run: 'echo try $PIPE_ATTEMPT; test \"$PIPE_ATTEMPT\" = ENOUGH', retry: {count: 1, delay: 0s},
     depends_on: [give, sum, first, unread, shrug]}
  - {name: late, run: 'echo late', depends_on: flaky}
";

/// The summary that a run has printed: what follows the lines of its steps.
fn summary(ran: &Ran) -> &str {
    ran.stdout.split_once("\n\n").unwrap().1
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A pipeline with a step that runs until it is killed.
const ENDLESS: &str = "
steps:
  - {name: quick, run: 'echo done'}
  - {name: endless, run: 'echo one; printf tw; while [ ! -e go ]; do :; done; echo o', depends_on: quick}
";

#[test]
fn show_prints_the_summary_of_the_run_again() {
    for (enough, code) in [("2", 0), ("9", 1)] {
        let place = Place::with(&MIXED.replace("ENOUGH", enough));
        let ran = place.pipe(&["run"]).code(code);
        let shown = place.pipe(&["show", "last"]).code(0);
        assert_eq!(shown.stdout, summary(&ran));
        assert!(code == 0 || shown.stdout.contains("  | try 2\n") && !shown.stdout.contains("try 1"));
    }
}

#[test]
fn runs_lists_them_and_each_goes_by_its_name() {
    let place = Place::with(&MIXED.replace("ENOUGH", "9"));
    place.pipe(&["runs"]).code(0).says("there are no runs here yet");
    place.pipe(&["show", "last"]).code(2).says("run a pipeline here first");
    place.pipe(&["run"]).code(1);
    let failed = place.run_dir().file_name().unwrap().to_str().unwrap().to_owned();
    place.write("pipeline.yml", "name: fine\nsteps:\n  - {name: a, run: 'true'}\n");
    place.pipe(&["run"]).code(0);

    let runs = place.pipe(&["runs"]).code(0);
    let rows: Vec<&str> = runs.stdout.lines().collect();
    assert!(rows[0].contains("fine") && rows[0].ends_with("succeeded"), "{}", runs.stdout);
    assert!(
        rows[1].contains(&failed) && rows[1].ends_with("failed     `flaky`: exit code 1"),
        "{}",
        runs.stdout
    );
    place.pipe(&["runs", "-n", "1"]).code(0).says("… 1 more: `pipe runs -n 2`");

    let of_programs = place.pipe(&["runs", "--json"]).code(0);
    let runs: Vec<Value> = of_programs.stdout.lines().map(json).collect();
    assert_eq!(
        (&runs[0]["v"], &runs[0]["state"], &runs[0]["end"]),
        (&1.into(), &"ended".into(), &"succeeded".into())
    );
    assert_eq!(runs[1]["run"], failed.as_str());
    assert_eq!((&runs[1]["cause"], &runs[1]["cause_ended"]["failure"]["code"]), (&"flaky".into(), &1.into()));

    let account = json(&place.pipe(&["show", &failed[16..], "--json"]).code(0).stdout);
    assert_eq!(account["run"], failed.as_str());
    let step = |name: &str| {
        account["steps"].as_array().unwrap().iter().find(|step| step["name"] == name).unwrap().clone()
    };
    assert_eq!((&step("give")["outputs"]["v"], &step("give")["outcome"]), (&"1".into(), &"succeeded".into()));
    assert_eq!((&step("flaky")["attempts"], &step("flaky")["log_at"]), (&2.into(), &6.into()));
    assert_eq!((&step("late")["outcome"], &step("late")["dependency"]), (&"skipped".into(), &"flaky".into()));
    assert_eq!(account["streams"][1]["ended"]["kept"]["bytes"], 5);

    place.pipe(&["show", "nothing"]).code(2).says("there is no run `nothing`").says(&failed);
    place.pipe(&["show", &failed[..4]]).code(2).says("matches several runs");
    let elsewhere = Place::new();
    let here = place.path().to_str().unwrap();
    elsewhere.pipe(&["runs", "-C", here]).code(0).says(&failed);
    elsewhere.pipe(&["runs", "-C", "nowhere"]).code(2).says("`nowhere` is not a directory");
}

#[test]
fn logs_are_exact_for_a_step_and_prefixed_for_all() {
    let place = Place::with(
        "
steps:
  - {name: b, run: 'printf \"1\\n2\\r3\\n\\377x\"'}
  - {name: alpha, run: 'echo out; echo err >&2'}
  - {name: quiet, run: 'true'}
",
    );
    place.pipe(&["run"]).code(0);
    let exact = place.command(&["logs", "last", "b"]).output().unwrap();
    assert_eq!(exact.stdout, b"1\n2\r3\n\xffx");
    let all = place.command(&["logs", "last"]).output().unwrap();
    assert!(all.stdout.starts_with(b"b     | 1\nb     | 3\nb     | \xffx\nalpha | "), "{all:?}");
    assert_eq!(place.pipe(&["logs", "last", "quiet"]).code(0).stdout, "");
    let lines = place.pipe(&["logs", "last", "b", "--json"]).code(0);
    let lines: Vec<Value> = lines.stdout.lines().map(json).collect();
    assert_eq!((&lines[1]["text"], &lines[1]["step"]), (&"2\r3".into(), &"b".into()));
    assert_eq!((&lines[2]["text"], &lines[2]["lossy"]), (&"\u{fffd}x".into(), &true.into()));
    place
        .pipe(&["logs", "last", "alhpa"])
        .code(2)
        .says("the run has no step `alhpa`")
        .says("did you mean `alpha`?");
}

/// `pipe logs --follow`, line by line.
fn follow(place: &Place, args: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = place.command(args).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    (child, stdout)
}

#[test]
fn a_run_that_goes_on_is_shown_so_and_followed_to_its_end() {
    let place = Place::with(ENDLESS);
    let mut run = place.follow(&["run"]);
    run.wait_for("endless | one");
    place.pipe(&["runs"]).code(0).says("running");
    place
        .pipe(&["show", "last"])
        .code(0)
        .says("goes on after")
        .says("1 done, 1 running (endless), 0 waiting");
    place.pipe(&["clean", "--keep", "0"]).code(0).says("0 runs removed");

    let (mut all, mut lines) = follow(&place, &["logs", "last", "--follow"]);
    let (mut one, mut bytes) = follow(&place, &["logs", "last", "endless", "-f"]);
    let mut said = String::new();
    while !said.contains("endless | one\n") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let mut exact = String::new();
    bytes.read_line(&mut exact).unwrap();
    assert_eq!(exact, "one\n");
    place.write("go", "");
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(said, "quick   | done\nendless | one\nendless | two\n");
    bytes.read_to_string(&mut exact).unwrap();
    assert_eq!(exact, "one\ntwo\n");
    assert!(all.wait().unwrap().success() && one.wait().unwrap().success());
    run.end().code(0);
}

#[test]
fn a_run_that_was_killed_has_died_and_its_journal_tells_how_far_it_came() {
    let place = Place::with(ENDLESS);
    let mut run = place.follow(&["run"]);
    run.wait_for("endless | one");
    let (mut follower, mut lines) = follow(&place, &["logs", "last", "-f"]);
    let mut said = String::new();
    lines.read_line(&mut said).unwrap();
    run.signal("KILL");
    place.write("go", "");
    run.end();
    lines.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("quick   | done\nendless | one\n"), "{said}");
    assert_eq!(follower.wait().unwrap().code(), Some(1), "it ends with the run, and as badly");
    place.pipe(&["runs"]).code(0).says("died");
    place.pipe(&["show", "last"]).code(0).says("✓  quick").says("died after about").says("running (endless)");
    assert_eq!(json(&place.pipe(&["show", "last", "--json"]).code(0).stdout)["state"], "died");
}

#[test]
fn a_journal_cut_at_any_record_is_shown_as_far_as_it_goes() {
    let place = Place::with(&MIXED.replace("ENOUGH", "2"));
    place.pipe(&["run"]).code(0);
    let path = place.run_dir().join("events.jsonl");
    let journal = std::fs::read(&path).unwrap();
    let ends = journal.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    for cut in ends.flat_map(|end| [end - 7, end]) {
        std::fs::write(&path, &journal[..cut]).unwrap();
        let shown = place.pipe(&["show", "last"]).code(0);
        assert_eq!(shown.stderr, "", "cut at {cut}");
        let what = if cut == journal.len() { "succeeded: " } else { "died " };
        assert!(shown.stdout.contains(what), "cut at {cut}:\n{}", shown.stdout);
        place.pipe(&["runs"]).code(0);
        place.pipe(&["logs", "last"]).code(0);
    }
    let broken = [&b"{\"v\":2,\"event\":\"future\"}\nnot a record\n"[..], &journal].concat();
    std::fs::write(&path, broken).unwrap();
    let shown = place.pipe(&["show", "last"]).code(0).says("succeeded: 8 steps");
    shown.says("1 line of the journal cannot be read").says("records of version 2, of a newer `pipe`");
}

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    let place = Place::with("steps:\n  - {name: a, run: 'echo $PIPE_RUN_ID; seq 1000'}\n");
    let runs: Vec<Child> = (0..6).map(|_| place.start(&["run", "--format", "json"])).collect();
    let runs = runs.into_iter().map(|run| Ran::of(run.wait_with_output().unwrap()).code(0));
    let ids: BTreeSet<String> = runs
        .map(|ran| json(ran.stdout.lines().next().unwrap())["run"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 6);
    assert_eq!(place.read(".pipe/.gitignore"), "*\n");
    for id in &ids {
        let log = place.pipe(&["logs", id, "a"]).code(0);
        assert!(log.stdout.starts_with(&format!("{id}\n")) && log.stdout.lines().count() == 1001);
        place.pipe(&["show", id]).code(0).says("succeeded: 1 step");
    }
    assert_eq!(place.pipe(&["runs"]).code(0).stdout.lines().count(), 6);
}

#[test]
fn clean_follows_no_link_and_one_bad_run_does_not_hide_the_others() {
    let place = Place::with("steps:\n  - {name: a, run: 'true'}\n");
    place.pipe(&["run"]).code(0);
    place.sh("mkdir -p victim/outputs victim/deep; touch victim/outputs/x victim/deep/x; cd .pipe/runs
         mkdir 20200101-000000-aaaa 20200101-000000-bbbb notes; touch notes/x
         ln -s ../../../victim 20200101-000000-aaaa/outputs; ln -s ../../../victim 20200101-000000-aaaa/pipes
         ln -s ../../victim 20200101-000000-cccc; mkfifo 20200101-000000-bbbb/events.jsonl");
    let list = place.pipe(&["runs"]).code(0).says("skipping the run 20200101-000000-bbbb");
    assert!(list.stdout.contains("succeeded"), "{}", list.stdout);
    let mut command = place.command(&["clean", "--keep", "0"]);
    Ran::of(command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap()).code(0);
    assert_eq!(
        place.sh("find victim -type f | sort; ls .pipe/runs"),
        "victim/deep/x\nvictim/outputs/x\n20200101-000000-cccc\nnotes\n"
    );
}

#[test]
fn a_foreign_journal_controls_no_terminal() {
    let place = Place::with(
        "steps:\n  - {name: make, run: echo x > made, produces: made}\n  - {name: say, run: echo x, output: words}\n",
    );
    place.pipe(&["run"]).code(0);
    let path = place.run_dir().join("events.jsonl");
    let mut journal = std::fs::read_to_string(&path).unwrap();
    for key in [r#""path":""#, r#""sha256":""#, r#""pipeline":""#, r#""file":""#] {
        journal = journal.replace(key, &(key.to_owned() + r"\u001b]0;title\u0007\n\u009b2J"));
    }
    std::fs::write(&path, journal.replace(r#""make""#, r#""m\u001b[2J\nake""#)).unwrap();
    for args in [&["show", "last"][..], &["runs"], &["logs", "last"]] {
        let ran = place.pipe(args).code(0);
        let is_control = |c: char| c.is_control() && c != '\n';
        assert!(
            !ran.stdout.contains(is_control) && !ran.stderr.contains(is_control),
            "{}{}",
            ran.stdout,
            ran.stderr
        );
    }
    place.pipe(&["show", "last"]).says("]0;title2Jmade  2 B").says("m[2Jake");
}

#[test]
fn clean_removes_old_runs_also_where_no_engine_answers() {
    let place = Place::with("steps:\n  - {name: a, run: 'true'}\n");
    (0..3).for_each(|_| drop(place.pipe(&["run"]).code(0)));
    let clean = |args: &[&str]| {
        let mut command = place.command(&["clean"]);
        Ran::of(command.args(args).env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap())
    };
    let newest = json(place.pipe(&["runs", "--json"]).stdout.lines().next().unwrap())["run"]
        .as_str()
        .unwrap()
        .to_owned();
    clean(&["--keep", "1", "-n"]).code(0).says("2 runs would be removed, which would free");
    clean(&["--older-than", "1d"]).code(0).says("0 runs removed");
    clean(&["--keep", "1", "--older-than", "1d"]).code(0).says("0 runs removed");
    let ran = clean(&["--keep", "1"]).code(0);
    ran.says("2 runs removed").says("warning: containers and networks of dead runs may remain");
    assert_eq!(place.run_dir().file_name().unwrap().to_str(), Some(newest.as_str()));
    clean(&[]).code(3);
    clean(&["--older-than", "30"]).code(2).says("has no unit");
    clean(&["--older-than", "1ns"]).code(0).says("1 run removed");
    place.pipe(&["runs"]).code(0).says("there are no runs here yet");
}
