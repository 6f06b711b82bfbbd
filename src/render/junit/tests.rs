//! What the report says, and that every parser can read it.

use roxmltree::{Document as Tree, Node};

use super::*;
use crate::event::CancelReason;
use crate::event::sample::*;
use crate::pipeline::{ParamValue, Pipeline, Secret, SkipReason, Values};

fn secrets(secret: &str) -> Masker {
    Masker::new(&Values::from([("s".into(), ParamValue::Secret(Secret::new(secret)))])).unwrap()
}

fn report(pipeline: Pipeline, kinds: impl IntoIterator<Item = EventKind>) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("junit.xml");
    let mut junit = Junit::new(path.clone(), secrets("hunter2"), "ci/pipeline.yml".into());
    junit.event(&at(0, run_started(pipeline))).unwrap();
    for kind in kinds {
        assert!(!path.exists(), "it appears at the end");
        junit.event(&at(10, kind)).unwrap();
    }
    std::fs::read_to_string(&path).unwrap()
}

fn step(number: usize) -> StepId {
    StepId::new(number)
}

fn skipped(because_of: usize) -> Outcome {
    Outcome::Skipped(SkipReason::Dependency(step(because_of)))
}

/// Returns a case's name, and what it came to.
fn verdicts(text: &str) -> Vec<(String, String)> {
    let tree = Tree::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let cases = tree.descendants().filter(|node| node.has_tag_name("testcase"));
    let result = |case: Node<'_, '_>| {
        let kind = case.children().find(|node| node.is_element() && !node.has_tag_name("system-out"));
        kind.map_or("passed".into(), |node| node.tag_name().name().to_owned())
    };
    cases.map(|case| (case.attribute("name").unwrap().to_owned(), result(case))).collect()
}

#[test]
fn finally_steps_are_a_suite_of_their_own() {
    let text = report(
        with_clean_up(),
        [
            finished(TAR, Outcome::Succeeded, 1, 1_250),
            started(UPLOAD, 1),
            finished(UPLOAD, Outcome::Failed(Failure::Exit(7)), 1, 2_000),
            run_finished(RunEnd::TimedOut(Duration::from_secs(90)), 3_300),
        ],
    );
    let tree = Tree::parse(&text).unwrap();
    let of = |node: Node<'_, '_>| {
        ["name", "tests", "failures", "errors", "time"].map(|key| node.attribute(key).unwrap().to_owned())
    };
    let suites: Vec<_> = tree.descendants().filter(|node| node.has_tag_name("testsuite")).map(of).collect();
    assert_eq!(suites, [["backup", "2", "0", "1", "3.300"], ["finally", "1", "1", "0", "2.000"]]);
    let expected = [("create-archive", "passed"), ("(the run)", "error"), ("upload", "failure")];
    assert_eq!(verdicts(&text), expected.map(|(name, result)| (name.to_owned(), result.to_owned())));
    assert!(text.contains("the run took longer than 1 m 30 s"), "{text}");
}

#[test]
fn a_failing_fan_out() {
    let text = report(
        backup(),
        [
            started(TAR, 2),
            output(TAR, "tar: \x1b[31ma\x1b[0m: cannot read <b> & ]]>\nhunter2\n"),
            finished(TAR, Outcome::Failed(Failure::Exit(2)), 2, 1_250),
            EventKind::Cancelling { reason: CancelReason::StepFailed(step(TAR)), now: false, grace: GRACE },
            finished(COMPRESS, Outcome::Tainted { producer: step(TAR) }, 2, 1_260),
            finished(CHECKSUM, Outcome::Cancelled, 2, 1_260),
            finished(COUNT, Outcome::Failed(Failure::Start("no shell".into())), 1, 0),
            finished(MANIFEST, skipped(COMPRESS), 0, 0),
            started(UPLOAD, 1),
            output(UPLOAD, "no such host\n"),
            finished(UPLOAD, Outcome::Ignored(Failure::Exit(7)), 1, 9),
            run_finished(RunEnd::Failed { cause: Some(step(TAR)) }, 1_300),
        ],
    );
    insta::assert_snapshot!(text, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="backup" tests="6" failures="1" errors="1" time="1.300">
      <testsuite name="backup" tests="6" failures="1" errors="1" time="1.300" skipped="3" timestamp="2026-11-22T23:15:00">
        <testcase classname="backup" name="create-archive" time="1.250" file="ci/pipeline.yml" line="3">
          <failure message="`create-archive` failed: exit code 2, after 2 attempts" type="exit">`create-archive` failed: exit code 2, after 2 attempts
    at ci/pipeline.yml:3
    tar: a: cannot read &lt;b&gt; &amp; ]]&gt;
    ***</failure>
          <system-out>tar: a: cannot read &lt;b&gt; &amp; ]]&gt;
    ***</system-out>
        </testcase>
        <testcase classname="backup" name="compress" time="1.260" file="ci/pipeline.yml" line="5">
          <skipped message="`compress` tainted by `create-archive`, after 2 attempts"/>
        </testcase>
        <testcase classname="backup" name="checksum" time="1.260" file="ci/pipeline.yml" line="7">
          <skipped message="`checksum` cancelled, after 2 attempts"/>
        </testcase>
        <testcase classname="backup" name="count" time="0.000" file="ci/pipeline.yml" line="9">
          <error message="`count` failed: could not start: no shell" type="start">`count` failed: could not start: no shell
    at ci/pipeline.yml:9</error>
        </testcase>
        <testcase classname="backup" name="manifest" time="0.000" file="ci/pipeline.yml" line="11">
          <skipped message="`manifest` skipped: `compress` did not succeed"/>
        </testcase>
        <testcase classname="backup" name="upload" time="0.009" file="ci/pipeline.yml" line="13">
          <system-out>`upload` failed, ignored: exit code 7
    no such host</system-out>
        </testcase>
      </testsuite>
    </testsuites>
    "#);
    let verdicts = verdicts(&text);
    let kinds: Vec<&str> = verdicts.iter().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(kinds, ["failure", "skipped", "skipped", "error", "skipped", "passed"]);
}

#[test]
fn a_run_that_no_step_ended_is_no_good_one() {
    let end = |end| verdicts(&report(many(1), [finished(0, Outcome::Cancelled, 1, 5), run_finished(end, 9)]));
    let expected =
        [("step-0", "skipped"), ("(the run)", "error")].map(|(name, kind)| (name.into(), kind.into()));
    assert_eq!(end(RunEnd::Signalled(15)), expected);
    assert_eq!(end(RunEnd::Aborted("disk full".into())), expected);
    assert_eq!(end(RunEnd::Succeeded).len(), 1);
}

#[test]
fn feeds_are_no_cases_unless_they_fail() {
    let fine = [finished(1, Outcome::Succeeded, 1, 5), finished(0, Outcome::Succeeded, 1, 5)];
    let text = report(fed(), fine.into_iter().chain([run_finished(RunEnd::Succeeded, 9)]));
    assert_eq!(verdicts(&text), [("sum".into(), "passed".into())]);
    let bad = finished(1, Outcome::Failed(Failure::Start("no file".into())), 1, 5);
    let text = report(fed(), [bad, run_finished(RunEnd::Failed { cause: None }, 9)]);
    assert_eq!(verdicts(&text), [("standard input".into(), "error".into())]);
}

#[test]
fn whatever_is_in_it_it_can_be_read() {
    let bytes: Vec<u8> = (0..=255).chain("\u{fffe}\u{ffff}\u{85}\"'<!--]]>&#0;".bytes()).collect();
    let nasty = String::from_utf8_lossy(&bytes).into_owned();
    let mut pipeline = backup();
    pipeline.name = nasty.clone();
    pipeline.steps[TAR].name = nasty.clone();
    let text = report(
        pipeline,
        [
            started(TAR, 1),
            output(TAR, &bytes),
            finished(TAR, Outcome::Failed(Failure::Start(nasty)), 1, 5),
            run_finished(RunEnd::Failed { cause: Some(step(TAR)) }, 9),
        ],
    );
    assert_eq!(verdicts(&text).len(), 1);
    assert!(text.contains("&lt;!--]]&gt;&amp;#0;"), "{text}");
}

#[test]
fn a_step_that_is_passed_over_says_why() {
    let condition = Outcome::Skipped(SkipReason::Condition("branch is hunter2".into()));
    let without = Outcome::Skipped(SkipReason::Without(step(TAR)));
    let kinds = [
        finished(TAR, condition, 0, 0),
        finished(COMPRESS, without, 0, 0),
        run_finished(RunEnd::Succeeded, 50),
    ];
    let text = report(backup(), kinds);
    assert!(text.contains(r#"<skipped message="condition: branch is ***"/>"#), "{text}");
    assert!(
        text.contains(r#"<skipped message="condition: it needs `create-archive`, which did not run"/>"#),
        "{text}"
    );
}

#[test]
fn a_service_is_a_case_only_if_it_has_failed() {
    let good = |step| finished(step, Outcome::Succeeded, 1, 700);
    let text = report(
        served(),
        [started(DB, 1), good(TEST), good(LINT), good(DB), good(CI), run_finished(RunEnd::Succeeded, 9)],
    );
    assert_eq!(verdicts(&text), [("test".into(), "passed".into()), ("lint".into(), "passed".into())]);
    let died = Outcome::Failed(Failure::EndedEarly);
    let end = run_finished(RunEnd::Failed { cause: Some(step(DB)) }, 9);
    let text =
        report(served(), [started(DB, 1), skipped_by(TEST, DB), good(LINT), finished(DB, died, 1, 5), end]);
    let verdicts = verdicts(&text);
    assert_eq!(verdicts.last(), Some(&("db".into(), "failure".into())), "{verdicts:?}");
}

#[test]
fn the_log_of_a_service_stands_with_a_failed_step_that_used_it() {
    let failed = finished(TEST, Outcome::Failed(Failure::Exit(1)), 1, 700);
    let events = [
        started(DB, 1),
        output(DB, "FATAL: no such table, hunter2\n"),
        started(TEST, 1),
        output(TEST, "it failed\n"),
        failed,
        finished(DB, Outcome::Succeeded, 1, 700),
        run_finished(RunEnd::Failed { cause: Some(step(TEST)) }, 9),
    ];
    let text = report(served(), events);
    assert!(text.contains("it failed\nthe service `db` said at last:\nFATAL: no such table, ***"), "{text}");
}

fn skipped_by(of: usize, cause: usize) -> EventKind {
    finished(of, skipped(cause), 0, 0)
}
