//! The command line: what each command prints, and the exit codes that scripts rely on.

use crate::support::{Place, Ran};

const SMALL: &str = "
name: small
params:
  who: world
  greeting: {default: 'hello {{.who}}'}
  shout: {default: '{{.greeting}}!'}
steps:
  - {name: say, run: 'printf %s {{.shout}} > said'}
  - {name: make, run: seq 3, output: numbers}
  - {name: sum, run: wc -l, input: numbers, depends_on: [say]}
";

const CONDITIONS: &str = "
params: {release: false, branch: main}
steps:
  - {name: plan, run: echo plan}
  - {name: sign, if: release and branch == 'main', run: echo sign}
  - {name: always, if: not release, run: echo always}
  - {name: late, if: steps.plan.outputs.changes != '0', run: echo late}
";

#[test]
fn exit_codes_are_as_documented() {
    Place::with("steps:\n  - {name: a, run: 'true'}\n").pipe(&["run"]).code(0);
    Place::with("steps:\n  - {name: a, run: exit 7}\n").pipe(&["run"]).code(1).says("exit code 7");
    Place::with("steps:\n  - {name: a, rum: 'true'}\n").pipe(&["run"]).code(2).says("unknown key `rum`");
    Place::new().pipe(&["run"]).code(2).says("pipeline.yml");
    Place::new().pipe(&["run", "nowhere.yml"]).code(2).says("nowhere.yml");
    Place::new().pipe(&["ruin"]).code(2).says("run");
    Place::new().pipe(&[]).code(2).says("Usage");
}

#[test]
fn params_nest_three_deep_and_the_command_line_wins() {
    let place = Place::with(SMALL);
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("said"), "hello world!");
    place.write("params.yml", "who: file\ngreeting: '{{.who}}'\n");
    place.pipe(&["run", "--params-file", "params.yml", "-p", "greeting=a 'b' $(touch planted)"]).code(0);
    assert_eq!(place.read("said"), "a 'b' $(touch planted)!");
    assert!(!place.has("planted"));
}

#[test]
fn a_dry_run_shows_the_commands_and_runs_nothing() {
    let place = Place::with(SMALL);
    let ran = place.pipe(&["run", "--dry-run"]).code(0);
    assert!(ran.stdout.contains("printf %s 'hello world!' > said"), "{}", ran.stdout);
    assert!(ran.stdout.find("say").unwrap() < ran.stdout.find("sum").unwrap());
    assert!(!place.has("said") && !place.has(".pipe"));
}

#[test]
fn plan_and_graph_show_both_kinds_of_edges() {
    let place = Place::with(SMALL);
    place
        .pipe(&["plan"])
        .code(0)
        .says(": 3 steps in 2 gangs\n")
        .says("make, sum (start together)")
        .says("live to sum")
        .says("after say");
    place.pipe(&["graph"]).code(0).says("numbers");
    place.pipe(&["graph", "--format", "mermaid"]).code(0).says("flowchart");
    place.pipe(&["graph", "--format", "dot"]).code(0).says("digraph");
    place.pipe(&["graph", "--format", "svg"]).code(0).says("<svg");
    place.pipe(&["completions", "bash"]).code(0).says("_pipe");
}

#[test]
fn conditions_are_shown_with_what_is_known_of_them() {
    let place = Place::with(CONDITIONS);
    let plan = place.pipe(&["plan"]).code(0);
    let plan = plan.says("   sign if release and branch == 'main'\n");
    plan.says("   late if steps.plan.outputs.changes != '0' (known when plan has ended)\n");
    place
        .pipe(&["plan", "-p", "branch=dev"])
        .code(0)
        .says("   sign if release and branch == 'main' → false: release is false, branch is dev\n")
        .says("   always if not release → true\n");
    let dry = place.pipe(&["run", "--dry-run"]).code(0);
    let false_words = "release and branch == 'main' is false (release is false, branch is main)";
    let dry = dry.says(&format!("# 1. sign – passed over: {false_words}\n"));
    let dry = dry.says("# 2. late (after plan) – if steps.plan.outputs.changes != '0'\necho late\n");
    assert!(!dry.stdout.contains("echo sign"), "{}", dry.stdout);
    for (format, shown) in [
        ("text", "sign (if release and branch == 'main')"),
        ("mermaid", "style n1 stroke-dasharray"),
        ("dot", "tooltip=\"if release and branch == 'main'\", style=\"rounded,filled,dashed\""),
        ("svg", "<title>sign – if release and branch == &#39;main&#39;</title>"),
    ] {
        place.pipe(&["graph", "--format", format]).code(0).says(shown);
    }
}

#[test]
fn a_variable_that_a_condition_lacks_is_missed_before_anything_runs() {
    let place =
        Place::with("steps: [{name: a, run: touch ran}, {name: b, if: env.NOT_SET_X == 'x', run: echo}]\n");
    place
        .pipe(&["run"])
        .code(2)
        .says("pipeline.yml:1:")
        .says("the environment variable NOT_SET_X is not set");
    assert!(!place.has("ran"));
    // A step that does not run needs none.
    let place = Place::with(
        "steps: [{name: a, run: touch ran}, {name: b, if: env.NOT_SET_X is defined, run: 'echo {{ env.NOT_SET_X }}'}]\n",
    );
    place.pipe(&["run"]).code(0).says("env.NOT_SET_X is defined is false");
}

#[test]
fn a_cycle_among_a_hundred_is_reported_with_names_and_lines() {
    let mut text = String::from("steps:\n");
    for n in 1..=100 {
        let after = match n {
            20 => "s60".into(),
            40 => "s20".into(),
            60 => "s40".into(),
            70 => "s71".into(),
            71 => "s70".into(),
            n => format!("s{}", n - 1),
        };
        let depends = if n == 1 { String::new() } else { format!(", depends_on: [{after}]") };
        text.push_str(&format!("  - {{name: s{n}, run: 'true'{depends}}}\n"));
    }
    let place = Place::with(&text);
    let ran = place.pipe(&["validate"]).code(2);
    for part in ["`s20`", "`s40`", "`s60`", ":41:", "21 |", "61 |", "`s70`", "`s71`", ":72:", "2 problems"] {
        assert!(ran.stderr.contains(part), "{part} is not in:\n{}", ran.stderr);
    }
    place.pipe(&["run"]).code(2);
    assert!(!place.has(".pipe"), "nothing has run");
}

#[test]
fn every_problem_is_reported_in_one_go() {
    let place = Place::with(
        "
steps:
  - name: one
    rnu: echo
  - name: one
    run: echo {{.missing}}
  - name: two
    run: cat
    input: nowhere
    depends_on: [on]
",
    );
    let ran = place.pipe(&["validate"]).code(2);
    for part in ["`rnu`", "`one`", "`missing`", "`nowhere`", "`on`", "pipeline.yml:4:5", "pipeline.yml:6:"] {
        assert!(ran.stderr.contains(part), "{part} is not in:\n{}", ran.stderr);
    }
}

#[test]
fn problems_are_data_for_who_asks() {
    let place = Place::with("steps:\n  - {name: a, run: make}\n  - {name: a, rnu: make}\n");
    let ran = place.pipe(&["validate", "--format", "json", "-p", "x=1"]).code(2);
    assert_eq!(ran.stderr, "");
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((report["v"].as_u64(), report["valid"].as_bool()), (Some(1), Some(false)));
    let problems = report["problems"].as_array().unwrap();
    let codes: Vec<&str> = problems.iter().map(|problem| problem["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["unknown-param", "duplicate-step", "unknown-key"]);
    assert_eq!(problems[0]["line"], serde_json::Value::Null, "the command line has no lines");
    let expected = serde_json::json!({
        "code": "duplicate-step",
        "severity": "error",
        "message": "there are two steps called `a`",
        "help": "give one of them another name",
        "file": "pipeline.yml", "line": 3, "column": 12, "end_line": 3, "end_column": 13,
        "also": [{"label": "the first one", "line": 2, "column": 12, "end_line": 2, "end_column": 13}],
    });
    assert_eq!(problems[1], expected);

    let place = Place::with("params: {x: a}\nsteps:\n  - {name: a, run: 'echo {{ x | raw }}'}\n");
    let ran = place.pipe(&["validate", "--format", "json"]).code(0);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let expected = serde_json::json!({
        "v": 1, "valid": true, "steps": 1, "streams": 0, "params": 1, "problems": [],
        "raw": [{"line": 3, "column": 26, "text": "{{ x | raw }}"}],
    });
    assert_eq!(report, expected);
    let ran = place.pipe(&["validate", "nothing.yml", "--format", "json"]).code(2);
    assert!(ran.stdout.contains("unreadable-file"), "{}", ran.stdout);
}

#[test]
fn json_lines_are_json_and_the_journal_agrees() {
    let place = Place::with("steps:\n  - {name: a, run: echo hi}\n");
    let ran = place.pipe(&["run", "--format", "json"]).code(0);
    let records: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names = |records: &[serde_json::Value]| -> Vec<String> {
        let names = records.iter().map(|record| record["event"].as_str().unwrap().to_owned());
        names.filter(|name| name != "step-output").collect()
    };
    assert_eq!(names(&records), ["run-started", "step-started", "step-finished", "run-finished"]);
    assert_eq!(names(&place.journal()), names(&records));
    let run = records[0]["run"].as_str().unwrap();
    assert_eq!(place.read(&format!(".pipe/runs/{run}/logs/a.log")), "hi\n");
    assert_eq!(place.read(".pipe/.gitignore").trim(), "*");
}

#[test]
fn plain_output_has_no_control_characters() {
    let place = Place::with("steps:\n  - {name: a, run: \"printf '\\\\033[31mred\\\\033[0m\\\\n'\"}\n");
    let ran = place.pipe(&["run"]).code(0).says("red");
    assert!(ran.stdout.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "{:?}", ran.stdout);
}

#[test]
fn messages_have_no_control_characters_whatever_they_quote() {
    let place = Place::with("steps:\n  - {name: a, run: 'true'}\n");
    place.write("e\u{1b}]0;x\u{7}.yml", "steps: 1\n");
    place.pipe(&["run"]).code(0);
    for args in [
        &["run", "-p", "\u{1b}[31mx"][..],
        &["run", "-p", "a\r\u{9b}b=1"],
        &["run", "n\u{1b}[31mx.yml"],
        &["run", "e\u{1b}]0;x\u{7}.yml"],
        &["run", "-C", "\u{1b}[31mx"],
        &["show", "\u{1b}[31mx"],
        &["logs", "last", "\u{1b}[31mx"],
        &["explain", "\u{1b}[31mx"],
    ] {
        let ran = place.pipe(args).code(2);
        assert!(ran.stderr.chars().all(|c| c == '\n' || !c.is_control()), "{args:?}: {:?}", ran.stderr);
        assert!(ran.stderr.contains("\\u{"), "{args:?}: {:?}", ran.stderr);
    }
    // What the parser of the command line says, where it would use colours.
    for args in [&["run", "--report", "\u{7}x=y"][..], &["run", "-j", "\u{7}x"], &["\u{7}x"]] {
        let ran = Ran::of(place.command(args).env("CLICOLOR_FORCE", "1").output().unwrap()).code(2);
        assert!(ran.stderr.chars().all(|c| c == '\n' || !c.is_control()), "{args:?}: {:?}", ran.stderr);
    }
}

#[test]
fn steps_run_where_they_are_asked_to() {
    let place = Place::with("steps:\n  - {name: a, run: pwd > here, working_dir: sub}\n");
    place.write("sub/x", "");
    place.pipe(&["run"]).code(0);
    assert!(place.read("sub/here").trim().ends_with("/sub"));
    let place = Place::new();
    place.write("inner/pipe.yml", "steps:\n  - {name: a, run: touch here}\n");
    place.pipe(&["run", "-C", "inner"]).code(0);
    assert!(place.has("inner/here") && place.has("inner/.pipe"));
}

#[test]
fn all_paths_are_seen_from_the_folder_to_work_in() {
    let place = Place::new();
    let step = "{name: a, run: 'cat; echo {{ x }}', input: given, output: made}";
    place.write("inner/file.yml", format!("params: {{x: a}}\nsteps: [{step}]\n"));
    place.write("inner/params.yml", "x: told\n");
    place.write("inner/in", "read\n");
    let args = ["-C", "inner", "run", "file.yml", "--params-file", "params.yml"];
    let files = ["--in", "given=in", "--out", "made=out", "--report", "junit=report.xml"];
    place.pipe(&[&args[..], &files].concat()).code(0);
    assert_eq!(place.read("inner/out"), "read\ntold\n");
    assert!(place.has("inner/.pipe") && place.has("inner/report.xml") && !place.has("report.xml"));
    place.pipe(&["show", "last", "-C", "inner"]).code(0);
    place.pipe(&["plan", "inner/file.yml", "-C", "inner"]).code(2).says("inner/file.yml");
    place.pipe(&["run", "-C", "inner/in"]).code(2).says("`inner/in` is not a directory");
}

#[test]
fn a_secret_reaches_the_step_and_nothing_else() {
    let place = Place::with(
        "
params: {token: {type: secret, env: CANARY}}
steps:
  - {name: use, run: 'printf %s {{.token}} > got; tr \"\\0\" \" \" < /proc/$$/cmdline > cmdline'}
",
    );
    let output = place.command(&["run"]).env("CANARY", "sesame-4711").output().unwrap();
    Ran::of(output).code(0);
    assert_eq!(place.read("got"), "sesame-4711");
    assert!(!place.read("cmdline").contains("sesame"));
    let grep =
        std::process::Command::new("grep").args(["-r", "sesame", ".pipe"]).current_dir(place.path()).output();
    assert!(grep.unwrap().stdout.is_empty());
    let dry = place.command(&["run", "--dry-run"]).env("CANARY", "sesame-4711").output().unwrap();
    assert!(!String::from_utf8_lossy(&dry.stdout).contains("sesame"));
}

#[test]
fn what_is_not_text_is_refused_and_no_default_takes_its_place() {
    use std::os::unix::ffi::OsStrExt;

    let place = Place::with(
        "
params: {word: {type: string, env: WORD, default: none}, file: {type: path, default: .}}
steps: [{name: a, run: 'touch ran; ls {{ file }} {{ word }}'}]
",
    );
    let latin1 = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let ran = Ran::of(place.command(&["run"]).env("WORD", latin1).output().unwrap());
    ran.code(2).says("param `word`: the environment variable WORD is not UTF-8 text");
    let argument = std::ffi::OsStr::from_bytes(b"file=caf\xe9");
    let ran = Ran::of(place.command(&["run", "-p"]).arg(argument).output().unwrap());
    ran.code(2).says("invalid UTF-8");
    assert!(!place.has("ran"));
}

#[test]
fn a_path_is_never_taken_for_an_option() {
    let place = Place::with(
        "
params: {file: {type: path, default: '-rf'}}
steps: [{name: a, run: 'touch -- -rf; ls {{ file }} > listed; rm {{ file }}'}]
",
    );
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("listed"), "./-rf\n");
    assert!(!place.has("-rf"));
}

#[test]
fn each_use_of_raw_is_listed_with_its_place() {
    let place = Place::with(
        "
params: {cmd: 'echo hi'}
steps:
  - name: a
    run: |
      true
      {{ cmd | raw }}
",
    );
    place.pipe(&["validate"]).code(0).says("pipeline.yml:7:7: `{{ cmd | raw }}`");
}

#[test]
fn a_value_that_cannot_be_rendered_is_shown_in_its_place() {
    let text = "params: {x: a}\nsteps:\n  - {name: a, run: \"cat <<'END'\\n{{ x }}\\nEND\\n\"}\n";
    let place = Place::with(text);
    place.pipe(&["run", "-p", "x=END", "--dry-run"]).code(2).says("pipeline.yml:3:");
    place.pipe(&["run", "-p", "x=END"]).code(1).says("could not start");
}

/// Runs a step that waits for `go`, hangs up on `pipe` once it has started, and tells how that ended. The
/// step may go on only where the signal is ignored: else it could end before `pipe` has heard of the signal.
fn hung_up(is_ignored: bool) -> Option<i32> {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    let place = Place::with("steps:\n  - {name: wait, run: 'echo ready; read line < go', timeout: 1m}\n");
    assert!(Command::new("mkfifo").arg(place.join("go")).status().unwrap().success());
    let mut command = Command::new("env");
    command
        .args([
            if is_ignored { "--ignore-signal=HUP" } else { "--default-signal=HUP" },
            env!("CARGO_BIN_EXE_pipe"),
            "run",
            "--format",
            "plain",
        ])
        .current_dir(place.path());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "the run ended by itself");
    }
    assert!(Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success());
    // Open for both, so that nothing waits for the step if it is gone.
    let mut go = std::fs::File::options().read(true).write(true).open(place.join("go")).unwrap();
    if is_ignored {
        go.write_all(b"go\n").unwrap();
    }
    let rest = std::io::read_to_string(stdout).unwrap();
    let code = child.wait().unwrap().code();
    assert!(rest.contains(if code == Some(0) { "succeeded" } else { "SIGHUP" }), "{rest}");
    code
}

#[test]
fn a_hang_up_ends_the_run_unless_it_is_ignored() {
    assert_eq!(hung_up(false), Some(129));
    assert_eq!(hung_up(true), Some(0));
}
