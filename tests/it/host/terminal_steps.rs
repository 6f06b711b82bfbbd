//! `terminal: true`: a step that has the terminal, on a terminal of its own (`script`).

use crate::support::Place;
use crate::support::typist::Typist;

/// A step that asks, with other keys of it and a script; a step before it and one after.
fn asking(keys: &str, script: &str) -> Place {
    Place::with(&format!(
        "steps:\n\
         \x20 - {{name: list, run: seq 2, output: numbers}}\n\
         \x20 - name: ask\n    terminal: true\n    shell: sh\n    {keys}\n    run: |\n      {}\n\
         \x20 - {{name: last, run: touch last, depends_on: ask}}\n",
        script.replace('\n', "\n      ")
    ))
}

/// How the terminal is after a run, by the words of `stty`.
const THEN: &str = "; echo code $?; stty -a";

fn is_as_before(shown: &str) -> bool {
    let modes = shown.split("code ").last().unwrap_or_default();
    ["echo", "icanon", "isig"].iter().all(|mode| modes.split_whitespace().any(|word| word == *mode))
}

#[test]
fn a_step_asks_on_the_terminal_and_is_answered() {
    let place = asking(
        "inputs: {numbers: numbers}",
        "test -t 0 && test -t 1 && test -t 2 && tty > name\n\
         cat \"$PIPE_INPUT_NUMBERS\" > read\n\
         printf 'who is there? '; read -r who; echo \"$who\" > answer; echo \"who=$who\" >> \"$PIPE_OUTPUT\"",
    );
    for format in ["tty", "plain", "github"] {
        let mut typist = Typist::of(&place, &format!("tty > own; PIPE run --format {format}{THEN}"));
        typist.asked("who is there? ", "it is me\n");
        let (_, shown) = typist.end();
        assert!(shown.contains("code 0") && is_as_before(&shown), "{format}: {shown}");
        assert_eq!((place.read("answer"), place.read("read")), ("it is me\n".into(), "1\n2\n".into()));
        assert_eq!(place.read("name"), place.read("own"), "by the terminal's own name");
        let is_told = shown.contains("started, and has the terminal");
        assert!(is_told || format == "github", "{format}: {shown}");
    }
    let logs = place.pipe(&["logs", "last", "ask"]).code(0);
    assert_eq!(logs.stdout, "");
    logs.says("the log of `ask` is empty: the step had the terminal");
    assert!(place.pipe(&["show", "last"]).code(0).stdout.contains("had the terminal"));
    assert!(place.pipe(&["plan"]).code(0).stdout.contains("ask has the terminal, and runs alone"));
}

#[test]
fn steps_without_it_have_no_terminal() {
    let place = Place::with("steps:\n  - {name: a, run: \"if : < /dev/tty; then touch tty; fi\"}\n");
    let (code, shown) = Typist::of(&place, "PIPE run").end();
    assert!(code == Some(0) && !place.has("tty"), "{shown}");
}

#[test]
fn ctrl_c_ends_the_step_and_with_it_the_run() {
    for (keys, script) in [
        ("on_error: stop", "printf 'now? '; read -r x; touch went-on"),
        ("on_error: continue", "printf 'now? '; read -r x; touch went-on"),
        ("retry: 3", "stty -echo; printf 'now? '; read -r x; touch went-on"),
    ] {
        let place = asking(keys, script);
        // The shell that runs this line has the terminal's signals as well, while `pipe` is in its group.
        let mut typist = Typist::of(&place, &format!("trap : INT; PIPE run --format plain{THEN}"));
        typist.asked("now? ", "\x03");
        let (_, shown) = typist.end();
        assert!(shown.contains("code 130") && is_as_before(&shown), "{script}: {shown}");
        assert!(!place.has("last") && !place.has("went-on"));
        assert_eq!((place.outcome("ask"), place.outcome("last")), ("cancelled".into(), "skipped".into()));
        assert_eq!(place.journal().last().unwrap()["end"], "signalled");
    }
}

#[test]
fn ctrl_c_is_the_steps_own_if_it_wants_it() {
    let place =
        asking("env: {A: b}", "trap 'touch heard; exit 0' INT\nprintf 'now? '\nwhile :; do read -r x; done");
    let mut typist = Typist::of(&place, &format!("PIPE run --format plain{THEN}"));
    typist.asked("now? ", "\x03");
    let (_, shown) = typist.end();
    assert!(shown.contains("code 0") && place.has("heard") && place.has("last"), "{shown}");
}

#[test]
fn the_terminal_comes_back_as_it_was_however_the_step_ends() {
    for (script, keys, code) in [
        ("stty raw -echo -isig", "on_error: stop", 0),
        ("stty raw -echo -isig; exit 3", "on_error: stop", 1),
        ("stty raw -echo -isig; kill -9 $$", "on_error: stop", 1),
        ("stty raw -echo -isig; sleep 1000", "timeout: 300ms", 1),
        ("stty raw -echo -isig; kill -TERM $PPID; sleep 1000", "on_error: stop", 143),
        (
            "stty raw -echo -isig; trap 'kill -TERM $PPID' TERM; kill -TERM $PPID; while :; do sleep 1; done",
            "on_error: stop",
            143,
        ),
        // A shell with jobs of its own puts each of them into the foreground.
        ("stty raw -echo -isig; bash -ic 'kill -9 $PPID; exec sleep 1000'", "on_error: stop", 1),
    ] {
        let place = asking(keys, script);
        let (_, shown) = Typist::of(&place, &format!("PIPE run --format plain{THEN}")).end();
        assert!(shown.contains(&format!("code {code}")) && is_as_before(&shown), "{script}: {shown}");
        assert_eq!(place.outcome("ask") == "succeeded", code == 0, "{script}");
    }
}

#[test]
fn ctrl_z_stops_the_run_as_any_job_of_a_shell() {
    let script =
        "stty -echo\nprintf 'first? '; read -r x; printf 'second? '; read -r y; echo \"$x $y\" > answers";
    let place = asking("env: {A: b}", script);
    let job = "PIPE run --format plain; echo it stands; stty -a > meanwhile; fg; echo code $?; stty -a";
    let mut typist = Typist::of(&place, &format!("exec bash -c 'set -m; {job}'"));
    typist.asked("first? ", "\x1a").asked("it stands\r\n", "one\n").asked("second? ", "two\n");
    let (_, shown) = typist.end();
    assert!(shown.contains("code 0") && is_as_before(&shown), "{shown}");
    assert_eq!(place.read("answers"), "one two\n");
    assert!(place.read("meanwhile").contains(" echo "), "the shell has the terminal as it was");
}

#[test]
fn ctrl_z_changes_nothing_where_no_shell_would_have_it_go_on() {
    let place = asking(
        "env: {A: b}",
        "printf 'first? '; read -r x; printf 'second? '; read -r y; echo \"$x $y\" > answers",
    );
    let mut typist = Typist::of(&place, &format!("PIPE run --format plain{THEN}"));
    typist.asked("first? ", "\x1aone\n").asked("second? ", "\x1atwo\n");
    let (_, shown) = typist.end();
    assert!(shown.contains("code 0") && place.read("answers") == "one two\n", "{shown}");
}

#[test]
fn a_run_in_the_background_waits_for_the_terminal() {
    let place = asking("env: {A: b}", "printf 'first? '; read -r x; echo \"$x\" > answers");
    let job = "PIPE run --format plain & wait -n; echo it stands; fg; echo code $?; stty -a";
    let mut typist = Typist::of(&place, &format!("exec bash -c 'set -m; {job}'"));
    typist.asked("it stands\r\n", "").asked("first? ", "one\n");
    let (_, shown) = typist.end();
    assert!(shown.contains("code 0") && is_as_before(&shown), "{shown}");
    assert_eq!(place.read("answers"), "one\n");
}

#[test]
fn without_a_terminal_to_ask_at_nothing_runs() {
    let place = asking("env: {A: b}", "touch asked");
    let refused = [
        ("CI=true PIPE run", "the step `ask` needs a terminal: `CI` is set"),
        ("setsid -w PIPE run", "the step `ask` needs a terminal: `pipe` was started without one"),
    ];
    for (command, why) in refused {
        let (code, shown) = Typist::of(&place, command).end();
        assert!(
            code == Some(2) && shown.contains(why) && shown.contains("pipeline.yml:3:"),
            "{command}: {shown}"
        );
    }
    assert!(!place.has(".pipe"), "nothing has begun");
    for command in [
        "CI=true PIPE run --only list",
        "CI=true PIPE run --dry-run",
        "CI=true PIPE validate",
        "CI=true PIPE plan",
    ] {
        let (code, shown) = Typist::of(&place, command).end();
        assert_eq!(code, Some(0), "{command} does not ask:\n{shown}");
    }
    let ran = place.pipe(&["run", "--docker", "--image", "debian:bookworm-slim"]).code(2);
    ran.says("bad-terminal").says("without `--docker` it runs on this machine");
}
