//! How a run is shown in CI: in the log, on GitHub's page, in a JUnit report.

use std::fs;
use std::process::Command;

use crate::support::{Place, Ran, mermaid};
use pipe_runner::render::graph::{
    self, ArrowKind, Class, FrameKind, Graph, GraphEdge, GraphFrame, GraphNode,
};

/// A fan-out whose second reader fails, and what may not be shown.
const FAN_OUT: &str = "
name: 'fan-out: the \"first\" | `one` <b>'
on_error: continue
params:
  token: {type: secret, default: \"hunter2\\nline two\"}
steps:
  - {name: make, run: 'seq 1000; echo made >&2', output: numbers}
  - {name: sum, run: 'wc -c >&2', input: numbers}
  - name: check
    run: |
      cat > /dev/null
      echo '::error::planted'
      echo '##[endgroup]'
      printf '%s' {{ token }}
      exit 7
    input: numbers
  - {name: tell, run: 'true', depends_on: [sum, check]}
";

/// `pipe` as a job of GitHub would start it, in a folder below the repository's root.
fn github(place: &Place, args: &[&str]) -> Command {
    let mut command = place.command(args);
    let summary = place.join("summary.md");
    command.env("GITHUB_ACTIONS", "true").env("CI", "true").env("GITHUB_WORKSPACE", place.path());
    command.env("GITHUB_STEP_SUMMARY", summary).current_dir(place.join("repo"));
    command
}

fn repository() -> Place {
    let place = Place::new();
    place.write("repo/ci/fan-out.yml", FAN_OUT);
    place
}

#[test]
#[ignore = "needs what tests/run installs"]
fn a_job_on_github_has_groups_annotations_and_a_page() {
    let place = repository();
    let run = ["run", "fan-out.yml", "-C", "ci"];
    let ran = Ran::of(github(&place, &run).output().unwrap()).code(1);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[..2], ["::add-mask::line two", "::add-mask::hunter2"]);
    assert_eq!(lines.iter().filter(|line| line.starts_with("::group::")).count(), 3, "{}", ran.stdout);
    let errors: Vec<&&str> = lines.iter().filter(|line| line.starts_with("::error ")).collect();
    let [error] = errors.as_slice() else { panic!("{}", ran.stdout) };
    assert!(error.starts_with("::error file=repo/ci/fan-out.yml,line=9,col="), "{error}");
    assert!(
        error.ends_with("::`check` failed: exit code 7%0A::error::planted%0A## [endgroup]%0A***%0A***"),
        "{error}"
    );
    // Between the two marks nothing is a command.
    let planted = lines.iter().position(|line| *line == "::error::planted").unwrap();
    let token = lines[planted - 1].strip_prefix("::stop-commands::").unwrap();
    assert!(lines[planted..].contains(&format!("::{token}::").as_str()));

    let page = place.read("summary.md");
    assert!(
        page.contains("**✗ <code>check</code> failed: exit code 7** in <code>repo/ci/fan-out.yml"),
        "{page}"
    );
    assert!(page.contains("| ✗ | check | failed: exit code 7 | 1 |"), "{page}");
    assert!(page.contains("| ≡ | numbers | 3.8 KiB |"), "{page}");
    assert!(!page.contains("hunter2") && !page.contains("line two"), "{page}");
    let drawing = page.split("```mermaid\n").nth(1).unwrap().split("```\n").next().unwrap();
    let drawn = mermaid::draw(drawing).unwrap();
    for part in ["check", "numbers", "#ffebe9", "fan-out: the"] {
        assert!(drawn.contains(part), "{part} is not in:\n{drawn}");
    }

    Ran::of(github(&place, &run).output().unwrap()).code(1);
    assert_eq!(place.read("summary.md").matches("\n## ✗ ").count(), 2, "the second run has its own page");
}

#[test]
#[ignore = "needs what tests/run installs"]
fn whatever_steps_are_called_mermaid_draws_them() {
    let nasty = "a \"b\" <c> & 'd' \\n #e; `f` ]] --> end subgraph %%{init: {}}%% :::x {{g}} ü国 \u{202e}";
    let node = |at: usize, class| {
        let label = if at == 0 { "end".to_owned() } else { format!("{nasty} {at}") };
        GraphNode { label, rank: at, group: Some(at / 2), class: Some(class), ..GraphNode::default() }
    };
    let classes =
        [Class::Succeeded, Class::Ignored, Class::Failed, Class::Stopped, Class::Skipped, Class::Failed];
    let nodes = classes.into_iter().enumerate().map(|(at, class)| node(at, class)).collect();
    let edge = |from: usize, kind| GraphEdge { from, to: from + 1, kind };
    let edges = vec![
        edge(0, ArrowKind::Stream { name: nasty.into() }),
        edge(1, ArrowKind::Stored { name: nasty.into() }),
        edge(2, ArrowKind::Order),
        edge(3, ArrowKind::Use),
    ];
    let frames =
        vec![GraphFrame { kind: FrameKind::File, label: format!("{nasty} (image)"), nodes: vec![1, 2, 3] }];
    let mut graph = Graph { title: format!("{nasty} ---"), nodes, edges, frames };
    graph.nodes[3].is_service = true;
    let text = graph::mermaid(&graph);
    let drawn = mermaid::draw(&text).unwrap();
    for part in ["ü国", "#dafbe1", "#fff8c5", "#ffebe9", "#fff1e5", "#f6f8fa"] {
        assert!(drawn.contains(part), "{part} is not in:\n{drawn}");
    }
    assert!(mermaid::draw(&text.replace("-->", "--> -->")).is_err(), "Mermaid takes anything");
}

#[test]
fn a_page_that_cannot_be_written_fails_no_run() {
    let place = repository();
    place.write("repo/ok.yml", "steps:\n  - {name: a, run: echo said}\n");
    let mut command = github(&place, &["run", "ok.yml"]);
    let ran = Ran::of(command.env("GITHUB_STEP_SUMMARY", "/nowhere/summary.md").output().unwrap()).code(0);
    assert!(ran.stderr.contains("warning: /nowhere/summary.md was not written"), "{}", ran.stderr);
}

#[test]
fn a_job_on_gitlab_has_sections() {
    let place = Place::with("steps:\n  - {name: a, run: echo said}\n");
    let ran = Ran::of(place.command(&["run"]).env("GITLAB_CI", "true").output().unwrap()).code(0);
    let (start, rest) = ran.stdout.split_once("\r\x1b[0Ka\nsaid\n\x1b[0Ksection_end:").unwrap();
    let id = format!("pipe_{}_1", place.run_dir().file_name().unwrap().to_str().unwrap());
    assert!(start.contains("\x1b[0Ksection_start:") && start.ends_with(&id), "{start:?}");
    assert!(rest.contains(&format!("{id}\r\x1b[0K\n")), "{rest:?}");
}

/// `pipe run` with its output on a terminal, and what it shows there.
fn on_a_terminal(place: &Place, variable: &str) -> String {
    let command = place.command(&["run"]);
    let line = format!("{} run", command.get_program().to_str().unwrap());
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(place.path()).env("TERM", "xterm");
    for name in ["CI", "GITHUB_ACTIONS", "GITLAB_CI"] {
        script.env_remove(name);
    }
    script.env(variable, "true");
    String::from_utf8(script.output().unwrap().stdout).unwrap()
}

#[test]
fn there_are_no_progress_bars_in_ci() {
    let place = Place::with("steps:\n  - {name: a, run: echo said}\n");
    // The live view needs no line to say that a step has started.
    let started = "* \u{1b}[0m\u{1b}[2mstarted";
    let live = on_a_terminal(&place, "NOT_CI");
    assert!(live.contains("said") && !live.contains(started), "{live:?}");
    let plain = on_a_terminal(&place, "CI");
    assert!(plain.contains("said") && plain.contains(started), "{plain:?}");
}

#[test]
fn a_junit_report_goes_with_every_format() {
    let place = repository();
    for format in ["plain", "json", "tty", "github", "gitlab"] {
        let report = format!("junit={format}.xml");
        let args = [
            "run",
            "repo/ci/fan-out.yml",
            "--format",
            format,
            "--report",
            &report,
            "--report",
            "junit=x.xml",
        ];
        place.pipe(&args).code(1);
        let text = place.read(&format!("{format}.xml"));
        let tree = roxmltree::Document::parse(&text).unwrap();
        let suite = tree.root_element().first_element_child().unwrap();
        let of = |name| suite.attribute(name).unwrap();
        assert_eq!([of("tests"), of("failures"), of("errors"), of("skipped")], ["4", "1", "0", "1"]);
        assert_eq!(of("name"), "fan-out: the \"first\" | `one` <b>");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(place.has("x.xml"));
    }
}

#[test]
fn a_cancelled_run_has_its_report_too() {
    let place = Place::with("steps:\n  - {name: wait, run: 'echo waiting; exec sleep 1000'}\n");
    let mut running = place.follow(&["run", "--report", "junit=report.xml"]);
    running.wait_for("| waiting");
    running.signal("INT");
    running.end().code(130);
    let text = place.read("report.xml");
    assert!(text.contains("<error message=\"cancelled by SIGINT\" type=\"signal\">"), "{text}");
}

#[test]
fn a_report_that_cannot_be_is_refused_before_anything_runs() {
    let place = Place::with("steps:\n  - {name: a, run: touch ran}\n");
    for (report, says) in [
        ("juint=x.xml", "did you mean `junit`?"),
        ("junit", "such as junit=report.xml"),
        ("junit=nowhere/x.xml", "the directory of the report nowhere/x.xml does not exist"),
        ("junit=.", "is a directory"),
    ] {
        place.pipe(&["run", "--report", report]).code(2).says(says);
    }
    assert!(!place.has("ran") && !place.has(".pipe"));
    // It lies where the run does.
    fs::create_dir(place.join("sub")).unwrap();
    place.pipe(&["run", "../pipeline.yml", "-C", "sub", "--report", "junit=x.xml"]).code(0);
    assert!(place.has("sub/x.xml"));
}
