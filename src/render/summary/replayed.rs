//! The summary of a run that is replayed from its records is the summary of the run.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::event::sample::*;
use crate::event::wire::{Decoder, Encoder, Record};
use crate::event::{
    CancelReason, Circumstances, Event, EventKind, KeptFile, RunFinished, StepFinished, StreamFinished,
};
use crate::pipeline::{Artifact, Failure, Lane, NotRetried, Outcome, Pipeline, SkipReason, TimeLimit};

fn summed_up(events: &[Event]) -> String {
    let (first, rest) = events.split_first().unwrap();
    let EventKind::RunStarted(started) = &first.kind else { panic!("{first:?}") };
    let mut report = Report::new(started);
    rest.iter().for_each(|event| report.event(event));
    text(&report, Palette::NONE) + &unfinished(&report, true, rest.last().unwrap().elapsed, Palette::NONE)
}

/// By way of the lines of a journal.
fn told_again(events: &[Event]) -> Vec<Event> {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let mut line = Vec::new();
    let mut again = |event: &Event| {
        line.clear();
        encoder.encode(event)?.write_line(&mut line).unwrap();
        decoder.decode(&serde_json::from_slice::<Record>(&line).unwrap())
    };
    events.iter().map(|event| again(event).unwrap()).collect()
}

fn any_step() -> impl Strategy<Value = usize> {
    0..=UPLOAD
}

/// To the nanosecond, and around the lengths at which a summary says something else.
fn length() -> impl Strategy<Value = Duration> {
    let around = |millis: u64| {
        (0..2_000_000u64).prop_map(move |nanos| Duration::from_nanos(millis * 1_000_000 + nanos))
    };
    prop_oneof![around(0), around(99), around(999), around(5_000), around(59_999), around(3_700_000)]
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        (1..255).prop_map(Failure::Exit),
        (1..255).prop_map(Failure::BrokenPipe),
        (1..16).prop_map(Failure::Signal),
        Just(Failure::OutOfMemory),
        ".{0,20}".prop_map(Failure::Start),
        ".{0,20}".prop_map(Failure::Outputs),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Succeeded),
        failure().prop_map(Outcome::Failed),
        Just(Outcome::TimedOut),
        any_step().prop_map(|step| Outcome::Tainted { producer: StepId::new(step) }),
        Just(Outcome::Cancelled),
        Just(Outcome::Reused),
        Just(Outcome::LeftOut),
        any_step().prop_map(|step| Outcome::Skipped(SkipReason::Dependency(StepId::new(step)))),
        Just(Outcome::Skipped(SkipReason::Stopped)),
        failure().prop_map(Outcome::Ignored),
        Just(Outcome::Ignored(Failure::Timeout)),
    ]
}

fn step_finished() -> impl Strategy<Value = EventKind> {
    (any_step(), outcome(), 0..3u32, length(), any::<bool>()).prop_map(
        |(step, outcome, attempts, duration, leaky)| {
            let (step, outputs) = (StepId::new(step), [("key".into(), "value".into())].into());
            let outputs = std::sync::Arc::new(outputs);
            let products =
                vec![Artifact { path: "out/a".into(), bytes: 3, sha256: "ab12".into(), unchanged: false }];
            EventKind::StepFinished(StepFinished {
                step,
                outcome,
                attempts,
                duration,
                leaky,
                outputs,
                products,
                fingerprint: Default::default(),
                circumstances: Circumstances {
                    limit: Some(TimeLimit::Attempt(duration)),
                    not_retried: Some(NotRetried::NoTime),
                    command: Some("true".into()),
                },
            })
        },
    )
}

fn stream_finished() -> impl Strategy<Value = EventKind> {
    let edge = || (any::<u32>(), length(), any::<bool>());
    let unread = prop_oneof![Just(None), any::<u32>().prop_map(|bytes| Some(u64::from(bytes)))];
    let kept = proptest::option::of((any::<u32>(), "[a-z/]{1,9}"));
    let all = (any::<u64>(), 0.0..1e12, length(), [edge(), edge(), edge()], any::<bool>(), unread, kept);
    all.prop_map(|(bytes, rate, starved, edges, complete, unread, kept)| {
        let taken = |bytes| bytes as u64;
        let readers = [COMPRESS, CHECKSUM, COUNT];
        let pairs: Vec<(usize, u64)> =
            readers.into_iter().zip(edges).map(|(step, (bytes, ..))| (step, taken(bytes))).collect();
        let mut stats = stats(bytes, rate, &pairs);
        stats.lasted = starved * 2;
        stats.starved = starved;
        for (edge, (_, blocked, left)) in stats.edges.iter_mut().zip(edges) {
            (edge.blocked, edge.left, edge.spilled) = (blocked, left, edge.bytes / 2);
        }
        let kept = kept.map(|(bytes, path)| KeptFile {
            path: path.into(),
            bytes: u64::from(bytes),
            sha256: "ab12".into(),
        });
        let unread = vec![(StepId::new(COUNT), unread)];
        let sha256 = complete.then(|| "cd34".to_owned());
        EventKind::StreamFinished(StreamFinished { complete, unread, kept, sha256, ..ended(stats) })
    })
}

fn kind() -> impl Strategy<Value = EventKind> {
    let lane = prop_oneof![Just(None), Just(Some(Lane::Fifo)), Just(Some(Lane::Attach))];
    let reason = prop_oneof![
        (1..16).prop_map(CancelReason::Signal),
        any_step().prop_map(|step| CancelReason::StepFailed(StepId::new(step))),
        Just(CancelReason::Aborted),
    ];
    prop_oneof![
        2 => (any_step(), 1..3u32, lane).prop_map(|(step, attempt, lane)| EventKind::StepStarted {
            step: StepId::new(step),
            attempt,
            lane,
            starting: Duration::from_millis(1_500),
        }),
        2 => (any_step(), ".{0,30}\n?").prop_map(|(step, text)| output(step, text)),
        1 => (any_step(), 1..3u32, 1..255).prop_map(|(step, attempt, code)| retrying(step, attempt, code)),
        4 => step_finished(),
        1 => stream_finished(),
        1 => (reason, any::<bool>()).prop_map(|(reason, now)| EventKind::Cancelling { reason, now, grace: GRACE }),
        1 => ".{0,20}".prop_map(EventKind::Note),
    ]
}

fn run_end() -> impl Strategy<Value = EventKind> {
    let end = prop_oneof![
        Just(RunEnd::Succeeded),
        proptest::option::of(any_step()).prop_map(|step| RunEnd::Failed { cause: step.map(StepId::new) }),
        ".{0,20}".prop_map(RunEnd::NoOutput),
        (1..16).prop_map(RunEnd::Signalled),
        ".{0,20}".prop_map(RunEnd::Aborted),
    ];
    let outputs = proptest::collection::vec(("[a-z]{1,3}", ".{0,80}"), 0..3);
    (end, length(), outputs)
        .prop_map(|(end, duration, outputs)| EventKind::RunFinished(RunFinished { end, duration, outputs }))
}

fn run(pipeline: Pipeline, kinds: Vec<EventKind>) -> Vec<Event> {
    std::iter::once(run_started(pipeline))
        .chain(kinds)
        .enumerate()
        .map(|(n, kind)| at(n as u64 * 700, kind))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_summary_of_a_replay_is_that_of_the_run(
        kinds in proptest::collection::vec(kind(), 0..30), end in run_end(), has_ended: bool,
    ) {
        let mut kinds = kinds;
        if has_ended || kinds.is_empty() {
            kinds.push(end);
        }
        let mut pipeline = backup();
        pipeline.steps[UPLOAD].description = Some("Brings it to the vault".into());
        let events = run(pipeline, kinds);
        prop_assert_eq!(summed_up(&told_again(&events)), summed_up(&events));
    }

    #[test]
    fn long_runs_fold_in_the_same_way(lengths in proptest::collection::vec((length(), outcome()), 60)) {
        let step = |(step, (duration, outcome)): (usize, (Duration, Outcome))| {
            let EventKind::StepFinished(finished) = finished(step, outcome, 1, 0) else { unreachable!() };
            EventKind::StepFinished(StepFinished { duration, ..finished })
        };
        let mut kinds: Vec<EventKind> = lengths.into_iter().enumerate().map(step).collect();
        kinds.push(run_finished(RunEnd::Failed { cause: None }, 10));
        let events = run(many(60), kinds);
        prop_assert_eq!(summed_up(&told_again(&events)), summed_up(&events));
    }

    #[test]
    fn feeds_and_files_keep_their_names(bytes: u32) {
        let mut pipeline = fed();
        pipeline.streams[0].out = Some(crate::pipeline::Destination::File("a/b.out".into()));
        let stats = stats(u64::from(bytes), 1.0, &[(0, 5)]);
        let kinds = vec![
            EventKind::StreamFinished(ended(stats)),
            finished(1, Outcome::Failed(Failure::Exit(1)), 1, 5),
            run_finished(RunEnd::Failed { cause: Some(StepId::new(1)) }, 10),
        ];
        let events = run(pipeline, kinds);
        let text = summed_up(&events);
        prop_assert!(text.contains("standard input → ") && text.contains("a/b.out") && text.contains("fed.yml:3"));
        prop_assert_eq!(summed_up(&told_again(&events)), text);
    }
}
