//! What a run prints of itself and of its steps: `pipe logs` with attempts and times, `--trace`, `--quiet`,
//! `--timestamps`.

use regex::Regex;
use serde_json::Value;

use crate::support::Place;

const TIME: &str = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z";

/// A step that fails twice and says so, and one that writes a stream.
fn twice() -> Place {
    Place::with(
        "
steps:
  - name: fetch
    run: echo try $PIPE_ATTEMPT; [ $PIPE_ATTEMPT = 3 ]
    retry: {count: 2, delay: 1ms}
  - {name: pack, run: echo packing >&2; echo data, output: archive}
  - {name: sum, run: wc -c, input: archive}
",
    )
}

fn matches(pattern: &str, text: &str) {
    let pattern = Regex::new(&format!("(?m)^{}$", pattern.replace("TIME", TIME))).unwrap();
    assert!(pattern.is_match(text), "`{pattern}` is not in:\n{text}");
}

#[test]
fn attempts_are_marked_and_lines_have_times() {
    let place = twice();
    place.pipe(&["run"]).code(0);
    let all = place.pipe(&["logs", "last"]).code(0).stdout;
    let marked: Vec<&str> = all.lines().filter(|line| line.starts_with("fetch")).collect();
    let expected: Vec<String> =
        (1..=3).flat_map(|n| [format!("fetch * attempt {n}"), format!("fetch | try {n}")]).collect();
    assert_eq!(marked, expected);
    assert!(!all.contains("pack  *"), "a single attempt is not named:\n{all}");
    assert_eq!(place.pipe(&["logs", "last", "fetch"]).code(0).stdout, "try 1\ntry 2\ntry 3\n");
    let timed = place.pipe(&["logs", "last", "--timestamps"]).code(0).stdout;
    matches(r"TIME fetch \* attempt 3", &timed);
    matches(r"TIME sum   \| 5", &timed);
    matches("TIME try 2", &place.pipe(&["logs", "last", "fetch", "--timestamps"]).code(0).stdout);
}

#[test]
fn a_line_in_json_has_its_attempt_its_time_and_its_output() {
    let place = twice();
    place.pipe(&["run"]).code(0);
    let lines = place.pipe(&["logs", "last", "--json"]).code(0).stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |step: &str| lines.iter().filter(|line| line["step"] == step).cloned().collect::<Vec<_>>();
    let fetch = of("fetch");
    assert_eq!(fetch.iter().map(|line| line["attempt"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((&fetch[0]["channel"], &of("pack")[0]["channel"]), (&"both".into(), &"stderr".into()));
    assert!(fetch.iter().all(|line| Regex::new(TIME).unwrap().is_match(line["at"].as_str().unwrap())));
}

#[test]
fn a_run_of_an_earlier_version_has_the_times_of_its_attempts() {
    let place = twice();
    place.pipe(&["run"]).code(0);
    let run = std::fs::read_dir(place.join(".pipe/runs")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(run.join("log-times")).unwrap();
    let line = place.pipe(&["logs", "last", "fetch", "--json"]).code(0).stdout;
    let line: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    assert_eq!((&line["attempt"], &line["channel"]), (&1.into(), &Value::Null));
    matches("TIME", line["at"].as_str().unwrap());
}

#[test]
fn the_lines_of_a_run_have_times_on_request() {
    let place = twice();
    let plain = place.pipe(&["run", "--timestamps"]).code(0).stdout;
    matches(r"TIME fetch \| try 1", &plain);
    matches(r"TIME fetch \* attempt 1 failed: exit code 1; starts again in .*", &plain);
}

#[test]
fn a_trace_shows_each_script_without_its_secrets() {
    let place = Place::with(
        "
params:
  token: {secret: true}
  who: world
steps:
  - name: greet
    run: |
      echo hello {{ params.who }}
      test -n {{ params.token }}
",
    );
    let ran = place.pipe(&["run", "--trace", "-p", "token=hunter2hunter2"]).code(0);
    matches(r"greet \| \+ echo hello world", &ran.stdout);
    matches(r"greet \| hello world", &ran.stdout);
    let log = place.pipe(&["logs", "last", "greet"]).code(0).stdout;
    assert!(log.starts_with("+ echo hello world\n+ test -n ") && !log.contains("hunter2"), "{log}");
    assert!(!place.pipe(&["run", "-p", "token=hunter2hunter2"]).code(0).stdout.contains("| +"));
}

#[test]
fn a_quiet_run_speaks_of_failures_and_warnings_alone() {
    let place =
        Place::with("params: {code: 0}\nsteps:\n  - {name: job, run: 'echo said; exit {{ code }}'}\n");
    let good = place.pipe(&["run", "-q"]).code(0);
    assert_eq!((good.stdout.as_str(), good.stderr.as_str()), ("", ""));
    let bad = place.pipe(&["run", "--quiet", "-p", "code=3"]).code(1);
    matches("✗ `job` failed: exit code 3", &bad.stdout);
    matches(r"  \| said", &bad.stdout);
    assert!(place.pipe(&["run", "-q", "--format", "json"]).code(0).stdout.starts_with("{\"v\":1"));
}

#[test]
fn a_failure_says_what_is_known_of_it() {
    let place = Place::with(
        "
on_error: continue
steps:
  - {name: silent, run: 'test -e nothing'}
  - {name: slow, run: sleep 60, timeout: 300ms}
  - {name: picky, run: 'echo no; exit 22', retry: {count: 3, on_exit: [7, 28]}}
  - {name: chatty, run: 'seq 224; exit 1'}
",
    );
    let ran = place.pipe(&["run"]).code(1);
    for pattern in [
        "  it printed nothing; the last line of its script: `test -e nothing` .*",
        "✗ `slow` timed out: its `timeout` of 300 ms was over",
        "✗ `picky` failed: exit code 22; not retried: 22 is not in `on_exit`",
        "  … 214 lines more: pipe logs last chatty",
    ] {
        matches(pattern, &ran.stdout);
        matches(pattern, &place.pipe(&["show", "last"]).code(0).stdout);
    }
}
