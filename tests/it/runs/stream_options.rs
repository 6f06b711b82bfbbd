//! What a step can say about its streams: several inputs, buffers, stores, checksums, and no leaving early.

use crate::support::Place;
use crate::support::containers::IN_CONTAINER;
use serde_json::Value;

/// The record of a finished stream.
fn stream(place: &Place, name: &str) -> Value {
    let journal = place.journal();
    let found = journal.into_iter().find(|it| it["event"] == "stream-finished" && it["stream"] == name);
    found.unwrap_or_else(|| panic!("{name} has no end"))
}

#[test]
fn a_step_reads_several_streams_live_and_stored() {
    let place = Place::with(
        "
steps:
  - {name: odd, run: seq 1 2 99999, output: odd}
  - {name: even, run: seq 2 2 100000, output: even}
  - {name: names, run: 'seq -f line%g 50000', output: {name: names, store: true}}
  - name: join
    run: paste - \"$PIPE_INPUT_EVEN\" {{ inputs.names }} > joined
    input: odd
    inputs: {even: even, names: {from: names}}
",
    );
    place.pipe(&["plan"]).code(0).says("stored for join: `names` has `store: true`");
    place.pipe(&["run", "--dry-run"]).code(0).says("\"$PIPE_INPUT_EVEN\" /dev/fd/21");
    place.pipe(&["run"]).code(0).says("names");
    let joined = place.read("joined");
    assert_eq!(joined.lines().count(), 50_000);
    assert_eq!(joined.lines().nth(2), Some("5\t6\tline3"));
    let kept = stream(&place, "names")["kept"].clone();
    assert!(kept["path"].as_str().unwrap().ends_with("streams/names"), "what is stored stays: {kept}");
    assert_eq!(stream(&place, "odd")["complete"], true);
}

#[test]
#[ignore = "needs Docker"]
fn containers_read_several_streams_too() {
    let place = Place::with(&format!(
        "
steps:
  - {{name: odd, run: seq 1 2 99999, output: odd}}
  - name: even
    run: seq 2 2 100000
    output: even
{IN_CONTAINER}
  - {{name: names, run: 'seq -f line%g 50000', output: {{name: names, store: true}}}}
  - name: join
    run: |
      while read -r a && read -r b <&3 && read -r c <&4; do echo \"$a $b $c\"; done > joined
      [ \"$PIPE_INPUT_EVEN\" = /dev/fd/3 ]
    input: odd
    inputs: {{even: even, names: names}}
{IN_CONTAINER}
"
    ));
    place.pipe(&["run"]).code(0);
    let joined = place.read("joined");
    assert_eq!((joined.lines().count(), joined.lines().nth(2)), (50_000, Some("5 6 line3")));
    let forced = place.pipe(&["run", "--stream-lane", "attach"]);
    assert_eq!(forced.code, Some(0), "several inputs go by named pipes in any case: {}", forced.stdout);
}

#[test]
fn a_failing_producer_of_one_input_taints_the_reader() {
    let place = Place::with(
        "
steps:
  - {name: good, run: 'seq 100000', output: good}
  - {name: bad, run: 'seq 100000; exit 3', output: bad}
  - {name: join, run: 'paste - $PIPE_INPUT_BAD > joined && touch finished', input: good, inputs: {bad: bad}}
",
    );
    place.pipe(&["run"]).code(1).says("`bad` failed");
    assert_eq!(place.outcome("join"), "tainted");
    assert!(!place.has("finished"));
}

/// One step reads what comes of a stream by two ways, the first to its end before the second.
const DIAMOND: &str = "
steps:
  - {name: a, run: 'head -c 20000000 /dev/zero', output: a}
  - {name: b, run: cat, input: a, output: b}
  - {name: c, run: cat, input: a, output: c}
  - {name: d, run: 'cat - \"$PIPE_INPUT_C\" | wc -c > size', input: b, inputs: {c: c}}
";

#[test]
fn a_diamond_goes_over_disk_where_it_would_stand_still() {
    let place = Place::with(DIAMOND);
    place.pipe(&["run"]).code(0).says("`c` lagged by up to");
    assert_eq!(place.read("size").trim(), "40000000");
    let edges = stream(&place, "a")["edges"].clone();
    assert!(edges[1]["spilled"].as_u64().unwrap() > 10_000_000, "{edges}");
    assert!(edges[0]["spilled"].is_null(), "only what held it up: {edges}");
    assert_eq!(place.sh("ls -A .pipe/runs/*/streams"), "", "nothing is left of it");
}

#[test]
fn a_reader_with_a_buffer_lags_and_the_others_do_not_wait() {
    let place = Place::with(
        "
steps:
  - {name: make, run: 'head -c 30000000 /dev/zero', output: bytes}
  - {name: fast, run: 'wc -c > fast; touch fast-is-done', input: bytes}
  - name: slow
    run: |
      head -c 1 > first
      until [ -e fast-is-done ]; do sleep 0.01; done
      wc -c > slow
    input: {from: bytes, buffer: 64MiB}
",
    );
    place.pipe(&["run"]).code(0).says("`slow` lagged by up to");
    assert_eq!((place.read("fast").trim(), place.read("slow").trim()), ("30000000", "29999999"));
}

#[test]
fn checksums_are_told() {
    let place = Place::with(
        "
steps:
  - {name: make, run: printf abc, output: {name: bytes, checksum: sha256}}
  - {name: read, run: cat > copy, input: bytes}
",
    );
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    place.pipe(&["run"]).code(0).says(&format!("sha256 {abc}"));
    assert_eq!(stream(&place, "bytes")["sha256"], abc);
}

#[test]
fn leaving_early_fails_where_the_file_says_so() {
    let pipeline = |reader: &str| {
        Place::with(&format!(
            "
on_error: continue
steps:
  - {{name: make, run: 'head -c 5000000 /dev/zero', output: bytes}}
  - {{name: other, run: 'wc -c > other', input: bytes}}
  - {{name: reader, run: '{reader}', input: {{from: bytes, early_exit: fail}}}}
"
        ))
    };
    let early = pipeline("head -c 10 > few");
    early.pipe(&["run"]).code(1).says("`reader` failed: it left before the end of its input");
    assert_eq!((early.outcome("make"), early.outcome("other")), ("succeeded".into(), "succeeded".into()));
    assert_eq!(early.read("other").trim(), "5000000");
    pipeline("wc -c > all").pipe(&["run"]).code(0);
    pipeline("head -c 5000000 > exactly").pipe(&["run"]).code(0);

    let alone = "
steps:
  - {name: make, run: yes, output: bytes}
  - {name: reader, run: head -n 1, input: {from: bytes, early_exit: fail}}
";
    let place = Place::with(alone);
    place.pipe(&["run"]).code(1).says("`reader` failed: it left before the end of its input");
}

#[test]
fn what_is_wrong_with_edges_is_said_by_validate() {
    let place = Place::with(
        "
steps:
  - {name: make, run: 'true', output: {nam: bytes}}
  - {name: made, run: 'true', output: {store: true}}
  - {name: more, run: 'true', output: {name: more, checksum: md5}}
  - {name: a, run: 'echo {{ inputs.lft }}', input: more, inputs: {left: more, a-b: more}}
  - {name: b, run: 'true', input: {from: mor, buffer: lots, early_exit: never}}
",
    );
    let ran = place.pipe(&["validate"]).code(2);
    for part in [
        "unknown key `nam`",
        "`output` does not name a stream",
        "checksum",
        "`inputs.lft` is not defined",
        "did you mean `inputs.left`?",
        "reads the stream `more` twice",
        "`a-b` is no name for an input",
        "write `a_b`",
        "no step makes the stream `mor`",
        "`lots` is no size for a buffer",
        "early_exit",
    ] {
        assert!(ran.stderr.contains(part), "{part} is not in:\n{}", ran.stderr);
    }
}
