//! Files that steps promise: whole, or not at all.

use crate::support::Place;
use crate::support::containers::IN_CONTAINER;

#[test]
fn what_is_promised_is_told_with_size_and_checksum() {
    let place = Place::with(
        "
params: {name: archive}
steps:
  - {name: make, run: 'mkdir -p out; printf abc > out/{{name}}.txt; printf abc > out/b.log', produces: ['out/{{name}}.txt', 'out/*.log']}
",
    );
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    place.pipe(&["run"]).code(0).says("◆  out/archive.txt  3 B  sha256 ba7816").says(sum);
    let journal = place.journal();
    let end = journal.iter().find(|it| it["event"] == "step-finished").unwrap();
    assert_eq!(end["products"][0], serde_json::json!({"path": "out/archive.txt", "bytes": 3, "sha256": sum}));
}

#[test]
fn a_step_that_does_not_keep_its_promise_fails_and_may_be_tried_again() {
    let once = "steps:\n  - {name: make, run: 'true', produces: a}\n";
    Place::with(once).pipe(&["run"]).code(1).says("`make` failed: it did not produce `a`");
    let twice = "
steps:
  - {name: make, run: '[ ! -e a ] && echo $PIPE_ATTEMPT > a && [ $PIPE_ATTEMPT = 2 ]', produces: a, retry: {count: 1, delay: 0s}}
";
    let place = Place::with(twice);
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("a"), "2\n", "what the first attempt made was gone before the second");
}

/// A producer that fails half-way, its reader, and a step that another's failure cancels.
fn failing() -> Place {
    let place = Place::with(&format!(
        "
steps:
  - {{name: make, run: 'seq 100000; until [ -s sum ] && [ -s other ]; do :; done; exit 3', output: lines}}
  - {{name: sum, run: 'echo half > sum; echo half > yesterdays.out; sha256sum', input: lines, produces: [sum, '*.out']}}
  - name: other
    run: echo half > other; sleep 1000
    produces: other
{IN_CONTAINER}
"
    ));
    place.write("yesterdays.out", "whole\n");
    place.write("untouched.out", "whole\n");
    place
}

#[test]
#[ignore = "needs Docker"]
fn what_a_tainted_and_a_cancelled_step_made_is_taken_back() {
    let place = failing();
    place.pipe(&["run"]).code(1);
    assert_eq!((place.outcome("sum"), place.outcome("other")), ("tainted".into(), "cancelled".into()));
    assert_eq!(place.sh("ls"), "pipeline.yml\nuntouched.out\n", "and what the step did not touch stays");
}

#[test]
fn a_secret_in_the_name_of_a_product_is_masked_and_the_step_runs_again() {
    let place = Place::with(
        "
params: {token: {type: secret}}
steps:
  - {name: make, run: 'mkdir -p out; touch out/{{ token }}; echo name={{ token }} >> $PIPE_OUTPUT', produces: out/*}
  - {name: fail, run: 'true', produces: 'none/{{ steps.make.outputs.name }}'}
",
    );
    place.write("secret", "abcLONGSECRETvalue42");
    let ran = place.pipe(&["run", "-p", "token=@secret", "--report", "junit=report.xml"]).code(1);
    let shown = place.pipe(&["show", "last"]).says("out/***").says("none/***");
    let data = place.pipe(&["show", "last", "--json"]);
    let journal = place.sh("cat .pipe/runs/*/events.jsonl report.xml");
    for text in [ran.stdout, ran.stderr, shown.stdout, data.stdout, journal] {
        assert!(!text.contains("LONGSECRET"), "{text}");
    }
    place
        .pipe(&["run", "-p", "token=@secret", "--resume", "last"])
        .code(1)
        .says("`make` runs")
        .says("secret in its name");
}

#[test]
fn what_a_step_leaves_as_it_was_is_told_so() {
    let place = Place::with("steps:\n  - {name: make, run: echo x > made, produces: [made, kept]}\n");
    place.write("kept", "");
    place.pipe(&["run"]).code(0).says("unchanged by this run");
    let journal = place.journal();
    let end = journal.iter().find(|it| it["event"] == "step-finished").unwrap();
    assert_eq!(
        (&end["products"][0]["unchanged"], &end["products"][1]["unchanged"]),
        (&true.into(), &serde_json::Value::Null)
    );
}

#[test]
#[ignore = "needs Docker"]
fn or_kept_under_another_name() {
    let place = failing();
    place.pipe(&["run", "--keep-partial"]).code(1);
    let expected = "other.partial\npipeline.yml\nsum.partial\nuntouched.out\nyesterdays.out.partial\n";
    assert_eq!(place.sh("ls"), expected);
}
