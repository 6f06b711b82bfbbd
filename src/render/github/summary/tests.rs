//! What the page of a run looks like, and that nothing breaks out of its place in it.

use std::time::Duration;

use super::*;
use crate::event::sample::*;
use crate::event::{CancelReason, StreamFinished};
use crate::pipeline::{Failure, Lane, Outcome, ParamValue, Pipeline, Secret, SkipReason, StepId, Values};
use crate::render::graph::{ArrowKind, GraphEdge, GraphNode};

/// Returns the pipeline as a graph, as the command line makes it.
fn graph(pipeline: &Pipeline) -> Graph {
    let nodes = pipeline.steps().map(|(id, step)| GraphNode {
        step: Some(id),
        label: step.name.clone(),
        ..GraphNode::default()
    });
    let order = pipeline.steps().flat_map(|(id, step)| {
        let edge =
            move |from: StepId| GraphEdge { from: from.index(), to: id.index(), kind: ArrowKind::Order };
        step.depends_on.iter().map(move |dependency| edge(dependency.step))
    });
    let streams = pipeline.streams.iter().flat_map(|stream| {
        let kind = ArrowKind::Stream { name: stream.name.clone() };
        let from = stream.producer.index();
        stream.readers.iter().map(move |to| GraphEdge { from, to: to.index(), kind: kind.clone() })
    });
    let edges = order.chain(streams).collect();
    Graph { title: pipeline.name.clone(), nodes: nodes.collect(), edges, frames: Vec::new() }
}

fn told(pipeline: &Pipeline, kinds: impl IntoIterator<Item = EventKind>) -> Report {
    let EventKind::RunStarted(started) = run_started(pipeline.clone()) else { unreachable!() };
    let mut report = Report::new(&started);
    kinds.into_iter().for_each(|kind| report.event(&at(10, kind)));
    report
}

fn context(pipeline: &Pipeline, secret: &str) -> PageContext {
    let secret = ("s".to_owned(), ParamValue::Secret(Secret::new(secret)));
    let secrets = Masker::new(&Values::from([secret])).unwrap();
    PageContext { secrets, files: "ci/pipeline.yml".into(), graph: graph(pipeline) }
}

fn page_of(pipeline: &Pipeline, kinds: impl IntoIterator<Item = EventKind>) -> String {
    page(&told(pipeline, kinds), &context(pipeline, "hunter2"), 1 << 20).unwrap()
}

fn step(number: usize) -> StepId {
    StepId::new(number)
}

fn skipped(because_of: usize) -> Outcome {
    Outcome::Skipped(SkipReason::Dependency(step(because_of)))
}

fn archive() -> StreamFinished {
    const GIB: u64 = 1 << 30;
    ended(stats(GIB, 3.1e9, &[(COMPRESS, GIB), (CHECKSUM, GIB), (COUNT, GIB)]))
}

fn failing_fan_out() -> Vec<EventKind> {
    let mut archive = archive();
    archive.complete = false;
    let tainted = |reader| finished(reader, Outcome::Tainted { producer: step(TAR) }, 2, 1_260);
    vec![
        started_in_container(TAR, 2, Lane::Fifo),
        started_in_container(COMPRESS, 2, Lane::Attach),
        started(CHECKSUM, 2),
        started(COUNT, 2),
        output(TAR, "tar: \x1b[31ma\x1b[0m: cannot read\n```\npassword=hunter2\n"),
        finished(TAR, Outcome::Failed(Failure::Exit(2)), 2, 1_250),
        EventKind::Cancelling { reason: CancelReason::StepFailed(step(TAR)), now: false, grace: GRACE },
        EventKind::StreamFinished(archive),
        tainted(COMPRESS),
        tainted(CHECKSUM),
        tainted(COUNT),
        finished(MANIFEST, skipped(COMPRESS), 0, 0),
        finished(UPLOAD, skipped(MANIFEST), 0, 0),
        run_finished(RunEnd::Failed { cause: Some(step(TAR)) }, 1_300),
    ]
}

#[test]
fn what_a_step_is_for_stands_below_its_name() {
    let mut pipeline = backup();
    pipeline.steps[TAR].description = Some("Packs <all> of it".to_owned());
    let ended = [finished(TAR, Outcome::Succeeded, 1, 1_250), run_finished(RunEnd::Succeeded, 1_300)];
    let page = page_of(&pipeline, ended);
    assert!(page.contains("| create-archive<br>Packs &#60;all&#62; of it | succeeded |"), "{page}");
}

#[test]
fn a_failing_fan_out() {
    insta::assert_snapshot!(page_of(&backup(), failing_fan_out()), @r#"

    ## ✗ backup

    failed: <code>create-archive</code> exit code 2, 3 tainted, 2 skipped, in 1.3 s

    **✗ <code>create-archive</code> failed: exit code 2, after 2 attempts** in <code>ci/pipeline.yml&#58;3</code>

    ````text
    tar: a: cannot read
    ```
    password=***
    ````

    - 3 steps were tainted because of it: compress, checksum, count
    - 2 steps were skipped because of it: manifest, upload

    | | step | outcome | attempts | time |
    |---|---|---|---:|---:|
    | ✗ | create-archive | failed: exit code 2, fifo lane | 2 | 1.2 s |
    | ~ | compress | tainted by <code>create-archive</code>, attach lane | 2 | 1.2 s |
    | ~ | checksum | tainted by <code>create-archive</code> | 2 | 1.2 s |
    | ~ | count | tainted by <code>create-archive</code> | 2 | 1.2 s |
    | - | manifest | skipped: <code>compress</code> did not succeed |  |  |
    | - | upload | skipped: <code>manifest</code> did not succeed |  |  |

    | | stream | bytes | rate | lane | from | readers | |
    |---|---|---:|---:|---|---|---|---|
    | ~ | archive | 1.0 GiB | 2.9 GiB/s | splice, fifo, attach | create-archive | compress, checksum, count | incomplete; no reader saw end-of-file |

    ```mermaid
    ---
    title: "backup"
    ---
    flowchart LR
      n0["create-archive"]:::failed
      n1["compress"]:::stopped
      n2["checksum"]:::stopped
      n3["count"]:::stopped
      n4["manifest"]:::skipped
      n5["upload"]:::skipped
      n1 --> n4
      n2 --> n4
      n3 --> n4
      n4 --> n5
      n0 ==>|"archive"| n1
      n0 ==>|"archive"| n2
      n0 ==>|"archive"| n3
      classDef failed fill:#ffebe9,stroke:#cf222e,color:#1f2328
      classDef stopped fill:#fff1e5,stroke:#bc4c00,color:#1f2328
      classDef skipped fill:#f6f8fa,stroke:#8c959f,color:#59636e
    ```
    "#);
}

#[test]
fn success() {
    let mut archive = archive();
    archive.stats.lasted = Duration::from_millis(5_000);
    archive.stats.edges[0].blocked = Duration::from_millis(4_100);
    let all = (TAR..=COUNT).map(|step| finished(step, Outcome::Succeeded, 1, 20));
    let kinds = all.chain([
        EventKind::StreamFinished(archive),
        finished(MANIFEST, Outcome::Ignored(Failure::Exit(7)), 1, 20),
        finished(UPLOAD, Outcome::Succeeded, 3, 65_400),
        run_finished(RunEnd::Succeeded, 70_800),
    ]);
    let page = page_of(&backup(), kinds);
    insta::assert_snapshot!(page.split("```").next().unwrap(), @r"
    ## ✓ backup

    succeeded: 6 steps in 1m 10s, 1 failure ignored

    | | step | outcome | attempts | time |
    |---|---|---|---:|---:|
    | ✓ | create-archive | succeeded | 1 | 20 ms |
    | ✓ | compress | succeeded | 1 | 20 ms |
    | ✓ | checksum | succeeded | 1 | 20 ms |
    | ✓ | count | succeeded | 1 | 20 ms |
    | ! | manifest | failed, ignored: exit code 7 | 1 | 20 ms |
    | ✓ | upload | succeeded | 3 | 1m 05s |

    | | stream | bytes | rate | lane | from | readers | |
    |---|---|---:|---:|---|---|---|---|
    | ≡ | archive | 1.0 GiB | 2.9 GiB/s | splice | create-archive | compress, checksum, count | <code>compress</code> held the pace: the stream waited for it 82 % of the time |
    ");
}

#[test]
fn other_ends() {
    let beginning = |end| {
        let kinds = [
            EventKind::Cancelling { reason: CancelReason::Aborted, now: true, grace: GRACE },
            finished(0, Outcome::Cancelled, 1, 20),
            finished(1, Outcome::Skipped(SkipReason::Stopped), 0, 0),
            run_finished(end, 50),
        ];
        page_of(&many(2), kinds).split("| |").next().unwrap().to_owned()
    };
    insta::assert_snapshot!(beginning(RunEnd::Aborted("disk | full\n<b>".into())), @r"

    ## ✗ many

    aborted after 50 ms: disk &#124; full &#60;b&#62;

    - 1 step was cancelled: step-0
    - 1 step was skipped: step-1
    ");
    insta::assert_snapshot!(beginning(RunEnd::Signalled(15)), @r"

    ## ■ many

    cancelled by SIGTERM: 1 cancelled, 1 skipped, after 50 ms

    - 1 step was cancelled: step-0
    - 1 step was skipped: step-1
    ");
}

#[test]
fn many_failures_are_not_all_told_in_full() {
    let ends = (0..9).map(|n| finished(n, Outcome::Failed(Failure::Exit(1)), 1, 5));
    let page = page_of(&many(9), ends.chain([run_finished(RunEnd::Failed { cause: None }, 9)]));
    assert!(page.contains("\n✗ 4 steps failed as well: step-5, step-6, step-7, step-8\n"), "{page}");
    assert_eq!(page.matches("**✗").count(), 5);
}

#[test]
fn what_is_large_is_folded() {
    let page = |count| {
        let pipeline = many(count);
        let ends = (0..count).map(|n| finished(n, Outcome::Succeeded, 1, 5));
        page_of(&pipeline, ends.chain([run_finished(RunEnd::Succeeded, 9)]))
    };
    assert!(!page(20).contains("<details>"));
    let large = page(300);
    assert!(
        large.contains("<details><summary>300 steps</summary>\n\n| |") && large.contains("Graph</summary>")
    );
    assert_eq!((large.matches("<details>").count(), large.matches("</details>").count()), (2, 2));
    let huge = page(5_000);
    assert!(huge.contains("of 5000 steps and 0 edges, is too large") && !huge.contains("mermaid"));
}

#[test]
fn a_page_is_cut_between_rows_and_says_so() {
    let pipeline = many(30_000);
    let ends = (0..30_000).map(|n| finished(n, Outcome::Succeeded, 1, 5));
    let report = told(&pipeline, ends.chain([run_finished(RunEnd::Succeeded, 9)]));
    let context = context(&pipeline, "hunter2");
    for room in [1 << 20, 5_000] {
        let page = page(&report, &context, room).unwrap();
        assert!(page.len() <= room && page.len() > room - 100, "{}", page.len());
        let (table, note) = page.split_once("\n</details>\n\n").unwrap();
        assert!(table.lines().last().unwrap().starts_with("| ✓ | step-"), "{table}");
        assert!(note.contains("did not fit") && note.contains(".pipe/runs/"), "{note}");
    }
    assert_eq!(page(&report, &context, 100), None);
}

/// Returns the event that begins a run, for a renderer.
fn renderer(path: PathBuf) -> StepSummary {
    let context = context(&backup(), "hunter2");
    let mut renderer = StepSummary::new(path, context.secrets, context.files, context.graph);
    renderer.event(&at(0, run_started(backup()))).unwrap();
    renderer
}

#[test]
fn each_run_appends_its_page_and_the_file_stays_within_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("summary.md");
    let end = at(9, run_finished(RunEnd::Succeeded, 9));
    renderer(path.clone()).event(&at(5, finished(TAR, Outcome::Succeeded, 1, 5))).unwrap();
    assert!(!path.exists(), "before the end there is nothing to say");
    renderer(path.clone()).event(&end).unwrap();
    let one = fs::read_to_string(&path).unwrap();
    renderer(path.clone()).event(&end).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{one}{one}"));

    fs::write(&path, "x".repeat((1 << 20) - 300)).unwrap();
    renderer(path.clone()).event(&end).unwrap();
    let length = fs::metadata(&path).unwrap().len();
    assert!((1 << 20) - 300 < length && length <= 1 << 20, "{length}");
    fs::write(&path, "x".repeat(1 << 20)).unwrap();
    assert!(renderer(path.clone()).event(&end).is_err());
    assert!(renderer(dir.path().join("nowhere/summary.md")).event(&end).is_err());
}

/// Names and texts that mean something in Markdown, tables, HTML, Mermaid and on GitHub's pages.
const HOSTILE: &str =
    "a|b ``` ~~~ <script>x</script> </details> [l](http://h) ![i](http://h) **b** _i_ $x$ @u #1 \\| &lt; :x:";

#[test]
#[ignore = "needs what tests/run installs"]
fn nothing_breaks_out_of_its_place() {
    let mut pipeline = backup();
    pipeline.name = HOSTILE.into();
    pipeline.streams[0].name = HOSTILE.into();
    pipeline.steps.iter_mut().for_each(|step| step.name = HOSTILE.into());
    let log = format!("{HOSTILE}\n```\n</details>\n# head\n| a | b |\n");
    let start = Outcome::Failed(Failure::Start(format!("no {HOSTILE}")));
    let page = page_of(
        &pipeline,
        [
            started(TAR, 1),
            output(TAR, log.repeat(2)),
            finished(TAR, start, 1, 5),
            EventKind::StreamFinished(archive()),
            finished(COMPRESS, skipped(TAR), 0, 0),
            run_finished(RunEnd::Failed { cause: Some(step(TAR)) }, 9),
        ],
    );
    let html = gfm(&page);
    // What is left of the page once it is HTML: the page's own tags, and no others.
    let mut tags: Vec<&str> =
        html.split('<').skip(1).filter_map(|tag| tag.split(['>', ' ']).next()).collect();
    tags.sort_unstable();
    tags.dedup();
    insta::assert_snapshot!(tags.join(" "), @"/code /h2 /li /p /pre /strong /table /tbody /td /th /thead /tr /ul code h2 li p pre strong table tbody td th thead tr ul");
    assert_eq!(html.matches("<table>").count(), 2);
    assert_eq!(html.matches("<pre>").count(), 2);
    assert_eq!(html.matches("<tr>").count(), 2 + 2 + 1);
    assert!(html.contains("<td>a|b ``` ~~~ &lt;script&gt;x"), "{html}");
}

/// Returns the Markdown as GitHub's own program reads it.
fn gfm(page: &str) -> String {
    use std::process::{Command, Stdio};
    let mut child = Command::new("cmark-gfm")
        .args(["--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough", "-e", "tasklist"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cmark-gfm, which `tests/run` installs: {error}"));
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn a_stream_between_steps_of_this_machine_has_one_lane() {
    let page = page_of(&backup(), [EventKind::StreamFinished(archive()), run_finished(RunEnd::Succeeded, 9)]);
    assert!(page.contains(
        "| ≡ | archive | 1.0 GiB | 2.9 GiB/s | splice | create-archive | compress, checksum, count |  |"
    ));
}

#[test]
fn a_step_that_is_passed_over_says_why() {
    let condition = Outcome::Skipped(SkipReason::Condition("release is false".into()));
    let page = page_of(&backup(), [finished(TAR, condition, 0, 0), run_finished(RunEnd::Succeeded, 1_300)]);
    assert!(page.contains("| - | create-archive | skipped (condition): release is false |  |  |"), "{page}");
}

#[test]
fn services_have_a_line_and_failed_ones_a_row() {
    let mut events = vec![
        started(DB, 1),
        output(DB, "FATAL: hunter2 is no user\n"),
        ready(DB, 1_200),
        started(TEST, 1),
        finished(TEST, Outcome::Failed(Failure::Exit(1)), 1, 700),
        finished(LINT, Outcome::Succeeded, 1, 700),
    ];
    let end = |cause| run_finished(RunEnd::Failed { cause: Some(step(cause)) }, 2_100);
    let mut well = events.clone();
    well.extend([finished(DB, Outcome::Succeeded, 1, 2_000), end(TEST)]);
    insta::assert_snapshot!(page_of(&served(), well), @r#"
    ## ✗ served

    failed: <code>test</code> exit code 1, in 2.1 s

    **✗ <code>test</code> failed: exit code 1** in <code>ci/pipeline.yml&#58;6</code>

    it printed nothing

    the service <code>db</code> said at last:

    ```text
    FATAL: *** is no user
    ```

    Services: db 1.2 s

    | | step | outcome | attempts | time |
    |---|---|---|---:|---:|
    | ✗ | test | failed: exit code 1, in ci | 1 | 700 ms |
    | ✓ | lint | succeeded, in ci | 1 | 700 ms |

    ```mermaid
    ---
    title: "served"
    ---
    flowchart LR
      n0["test"]:::failed
      n1["lint"]:::succeeded
      n2["db"]:::succeeded
      n3["ci"]
      classDef succeeded fill:#dafbe1,stroke:#1a7f37,color:#1f2328
      classDef failed fill:#ffebe9,stroke:#cf222e,color:#1f2328
    ```
    "#);
    events[4] = finished(TEST, Outcome::Tainted { producer: step(DB) }, 1, 700);
    events.extend([finished(DB, Outcome::Failed(Failure::EndedEarly), 1, 2_000), end(DB)]);
    let page = page_of(&served(), events);
    assert!(page.contains("| ✗ | db | failed: it ended"), "{page}");
}
