//! What a gang in a pod does as on a machine.

use pipe_runner::cluster::order::message::{FromPod, HaltRecord, ToPod};

use crate::support::pod::Pod;
use crate::support::processes::lives;

#[test]
fn all_bytes_reach_two_readers() {
    let mut pod = Pod::with(
        "steps:\n\
         \x20 - {name: make, run: 'head -c 200000000 /dev/zero; echo end', output: s}\n\
         \x20 - {name: one, run: 'sha256sum > one; touch saw-end', input: s}\n\
         \x20 - {name: two, run: 'wc -c > two; echo told', input: s}\n",
    );
    assert_eq!(pod.done(), "make: succeeded, one: succeeded, two: succeeded");
    assert_eq!(pod.codes(), "make=0 one=0 two=0");
    let expected = pod.place.sh("(head -c 200000000 /dev/zero; echo end) | sha256sum");
    assert_eq!((pod.place.read("one"), pod.place.read("two").trim()), (expected, "200000004"));
    assert_eq!(pod.logs["two"], b"told\n");
    assert!(pod.place.has("saw-end") && !pod.socket().exists());
    pod.place.is_deserted();
}

#[test]
fn streams_have_names_and_go_through_several_steps() {
    let mut pod = Pod::with(
        "steps:\n\
         \x20 - {name: a, run: 'seq 1000', output: a}\n\
         \x20 - {name: b, run: 'seq 1001 2000', output: b}\n\
         \x20 - {name: both, run: 'cat \"$PIPE_INPUT_A\" \"$PIPE_INPUT_B\"', inputs: {a: a, b: b}, output: all}\n\
         \x20 - {name: sum, run: 'wc -l > lines', input: all}\n",
    );
    assert_eq!(pod.done(), "a: succeeded, b: succeeded, both: succeeded, sum: succeeded");
    assert_eq!(pod.place.read("lines").trim(), "2000");
}

#[test]
fn the_gang_starts_when_all_are_there() {
    let mut pod = Pod::before_its_order(
        "steps:\n  - {name: make, run: 'touch began; seq 10', output: s}\n  - {name: read, run: cat > all, input: s}\n",
        &[],
    );
    pod.start_wrapper("make");
    pod.give_order();
    pod.until(|message| matches!(message, FromPod::Ready { .. }));
    assert!(pod.socket().exists() && !pod.place.has("began"));
    pod.start_wrapper("read");
    pod.gathered();
    assert!(!pod.socket().exists(), "nothing can pose as a step any more");
    assert_eq!(pod.done(), "make: succeeded, read: succeeded");
}

#[test]
fn a_reader_that_leaves_early_ends_its_producer() {
    let mut pod = Pod::with(
        "steps:\n  - {name: make, run: exec yes, output: s}\n  - {name: read, run: 'head -c 10 > ten', input: s}\n",
    );
    assert_eq!(pod.done(), "make: succeeded, read: succeeded");
    assert_eq!(pod.place.read("ten"), "y\ny\ny\ny\ny\n");
    assert_eq!(pod.codes(), "make=141 read=0");
}

#[test]
fn outputs_are_told_and_secrets_are_masked() {
    let pipeline = "params: {token: {type: secret}}\n\
         steps:\n\
         \x20 - name: a\n\
         \x20   run: 'echo \"a {{ token }} b\"; test $(cat \"$PIPE_SECRETS/token\") = {{ token }}; echo got={{ token }} >> \"$PIPE_OUTPUT\"; echo n=1 >> \"$PIPE_OUTPUT\"'\n\
         \x20   secrets: [token]\n";
    let mut pod = Pod::before_its_order(pipeline, &[("token", "hush-hush")]);
    assert!(!serde_json::to_string(&pod.client.order).unwrap().contains("hush-hush"));
    pod.start_wrappers();
    pod.give_order();
    assert_eq!(pod.done(), "a: succeeded");
    assert_eq!(String::from_utf8_lossy(&pod.logs["a"]), "a *** b\n");
    assert_eq!((pod.outputs["a"]["n"].as_str(), pod.outputs["a"]["got"].as_str()), ("1", "hush-hush"));
    let records = pod.said.iter().filter_map(|message| match message {
        FromPod::Event { record } | FromPod::Finished { record, .. } => {
            Some(serde_json::to_string(record).unwrap())
        }
        _ => None,
    });
    assert!(records.clone().any(|record| record.contains("\"got\":\"***\"")));
    assert!(records.into_iter().all(|record| !record.contains("hush")));
}

#[test]
fn a_step_is_all_of_its_container() {
    let mut pod = Pod::with(
        "steps: [{name: a, run: 'setsid sleep 1000 & env -i setsid sleep 1000 & (setsid sleep 1000 &); echo $! > pid'}]",
    );
    assert_eq!(pod.done(), "a: succeeded");
    pod.place.is_deserted();
    assert!(!lives(pod.pid("pid")));
}

#[test]
fn a_time_limit_is_kept_by_the_conductor() {
    let mut pod = Pod::with(
        "steps: [{name: a, run: 'trap \"\" TERM; while :; do sleep 0.01; done', timeout: 200ms, retry: 3}]",
    );
    assert_eq!(pod.done(), "a: timed-out");
    let started = |message: &&FromPod| format!("{message:?}").contains("StepStarted");
    assert_eq!(pod.said.iter().filter(started).count(), 1, "a container runs once");
}

#[test]
fn the_round_counts_the_attempts() {
    let mut pod = Pod::before_its_order("steps: [{name: a, run: 'echo $PIPE_ATTEMPT', retry: 5}]", &[]);
    pod.client.order.round = 3;
    pod.start_wrappers();
    pod.give_order();
    assert_eq!(pod.done(), "a: succeeded");
    assert_eq!(pod.logs["a"], b"3\n");
}

#[test]
fn a_script_that_is_too_long_for_an_argument_runs() {
    let long = "x".repeat(200_000);
    let mut pod = Pod::with(&format!("steps: [{{name: a, shell: sh, run: 'x={long}; echo ${{#x}}'}}]"));
    assert_eq!(pod.done(), "a: succeeded");
    assert_eq!(pod.logs["a"], b"200000\n");
}

#[test]
fn the_end_of_the_run_lets_steps_tidy_up_or_not() {
    let pipeline = "steps:\n\
         \x20 - {name: make, run: \"trap 'touch tidied; exit 1' TERM; echo ready >&2; while :; do echo x; done\", output: s}\n\
         \x20 - {name: read, run: 'cat > all; touch saw-end', input: s}\n";
    for (how, tidies) in [(HaltRecord::Graceful, true), (HaltRecord::Immediate, false)] {
        let mut pod = Pod::with(pipeline);
        pod.until(|message| matches!(message, FromPod::Output { step, .. } if step == "make"));
        pod.tell(&ToPod::Halt { how });
        assert_eq!(pod.done(), "make: cancelled, read: cancelled");
        assert_eq!((pod.place.has("tidied"), pod.place.has("saw-end")), (tidies, false));
        pod.place.is_deserted();
    }
}

#[test]
fn a_gang_that_is_halted_before_it_starts_has_ended() {
    let mut pod =
        Pod::before_its_order("steps: [{name: a, run: 'touch began'}, {name: b, run: 'touch began'}]", &[]);
    pod.client.order.members = vec!["a".into(), "b".into()];
    pod.start_wrapper("a");
    pod.give_order();
    pod.tell(&ToPod::Halt { how: HaltRecord::Graceful });
    assert_eq!(pod.done(), "a: cancelled, b: cancelled");
    assert_eq!(pod.codes(), "a=125");
    assert!(!pod.place.has("began"));
}

#[test]
fn a_log_is_told_byte_for_byte() {
    let mut pod = Pod::with("steps: [{name: a, run: 'head -c 30000000 /dev/zero; printf \"\\\\377\"'}]");
    assert_eq!(pod.done(), "a: succeeded");
    let log = &pod.logs["a"];
    assert!(log.len() == 30_000_001 && log.ends_with(&[0, 255]));
}
