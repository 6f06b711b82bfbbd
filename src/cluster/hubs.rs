//! The hubs in a namespace, and which of them no run needs any more. With a hub goes all that belongs to it.
//!
//! A hub ends by itself once its run is over or its client is silent, and the cluster then removes it. What is left over is
//! one that has never run, because its client was killed first, and what a cluster has forgotten to remove.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::status::{JobObject, PodObject};

/// The label with the id of the run.
pub const RUN: &str = "pipe.run";
/// The annotation of a hub's Job with the seconds for which its run waits for it.
pub const START_TIMEOUT: &str = "pipe.start-timeout";

/// The hub of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubOfRun {
    /// The id of the run.
    pub run: String,
    /// The name of its Job.
    pub job: String,
    /// What it does.
    pub state: HubState,
}

/// What a hub does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HubState {
    /// It runs, and will end once its client is silent.
    Runs,
    /// It may still come to run.
    Starts,
    /// It has had longer to start than its run waits for it.
    NeverStarted,
    /// It has ended, and the cluster has not removed it.
    Ended,
}

impl HubState {
    /// Whether no run needs it any more.
    pub fn is_left_over(self) -> bool {
        match self {
            Self::Runs | Self::Starts => false,
            Self::NeverStarted | Self::Ended => true,
        }
    }

    /// Returns the same in words, to follow "whose hub".
    pub fn words(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Starts => "is starting",
            Self::NeverStarted => "has never started",
            Self::Ended => "has ended",
        }
    }
}

/// Returns the hubs that a cluster tells of by their Jobs and their pods. A Job that is being removed already is passed over.
pub fn hubs(jobs: &[JobObject], pods: &[PodObject], now: Timestamp) -> Vec<HubOfRun> {
    let running: BTreeMap<&str, &PodObject> = pods
        .iter()
        .filter(|pod| pod.status.phase == "Running" && !pod.metadata.is_going())
        .filter_map(|pod| Some((pod.metadata.labels.get(RUN)?.as_str(), pod)))
        .collect();
    let of = |job: &JobObject| {
        let run = job.metadata.labels.get(RUN)?.clone();
        let state = match job.status.succeeded + job.status.failed {
            _ if running.contains_key(run.as_str()) => HubState::Runs,
            1.. => HubState::Ended,
            0 if is_too_old(job, now) => HubState::NeverStarted,
            0 => HubState::Starts,
        };
        Some(HubOfRun { run, job: job.metadata.name.clone(), state })
    };
    jobs.iter().filter(|job| !job.metadata.is_going()).filter_map(of).collect()
}

/// Whether a hub has had longer than its run waits for it, and that much again: clocks differ.
fn is_too_old(job: &JobObject, now: Timestamp) -> bool {
    let made = job.metadata.creation_timestamp.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    let patience = job.metadata.annotations.get(START_TIMEOUT).and_then(|text| text.parse().ok());
    let patience =
        patience.map_or(Duration::MAX, |seconds: u64| Duration::from_secs(seconds).saturating_mul(2));
    made.is_some_and(|made| Duration::try_from(now.duration_since(made)).is_ok_and(|age| age > patience))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn job(run: &str, status: Value) -> JobObject {
        from_value(json!({
            "metadata": {
                "name": format!("pipe-{run}"),
                "labels": {"pipe.run": run},
                "annotations": {"pipe.start-timeout": "60"},
                "creationTimestamp": "2026-01-01T12:00:00Z",
            },
            "status": status,
        }))
        .unwrap()
    }

    fn pod(run: &str, phase: &str) -> PodObject {
        from_value(
            json!({"metadata": {"name": "p", "labels": {"pipe.run": run}}, "status": {"phase": phase}}),
        )
        .unwrap()
    }

    fn states(jobs: &[JobObject], pods: &[PodObject], now: &str) -> Vec<HubState> {
        hubs(jobs, pods, now.parse().unwrap()).into_iter().map(|hub| hub.state).collect()
    }

    #[test]
    fn a_hub_that_runs_or_starts_is_needed() {
        let jobs = [job("a", json!({"active": 1})), job("b", json!({"active": 1})), job("c", json!({}))];
        let pods = [pod("a", "Running"), pod("b", "Pending")];
        use HubState::{NeverStarted, Runs, Starts};
        assert_eq!(states(&jobs, &pods, "2026-01-01T12:02:00Z"), [Runs, Starts, Starts]);
        assert_eq!(states(&jobs, &pods, "2026-01-01T12:02:01Z"), [Runs, NeverStarted, NeverStarted]);
        assert_eq!(states(&jobs, &pods, "2026-01-01T11:00:00Z"), [Runs, Starts, Starts], "a slow clock");
    }

    #[test]
    fn a_hub_that_has_ended_is_left_over_unless_it_is_being_removed() {
        let mut jobs = vec![job("a", json!({"failed": 1})), job("b", json!({"succeeded": 1}))];
        let now = "2026-01-01T12:00:01Z";
        assert_eq!(states(&jobs, &[pod("a", "Failed")], now), [HubState::Ended, HubState::Ended]);
        jobs[0].metadata.deletion_timestamp = Some(now.to_owned());
        assert_eq!(states(&jobs, &[], now), [HubState::Ended]);
    }

    #[test]
    fn what_is_no_hub_of_pipe_is_passed_over() {
        let foreign: JobObject =
            from_value(json!({"metadata": {"name": "x"}, "status": {"failed": 1}})).unwrap();
        assert_eq!(hubs(&[foreign], &[], Timestamp::UNIX_EPOCH), []);
    }

    #[test]
    fn a_hub_of_another_version_that_does_not_say_how_long_it_may_take_is_waited_for() {
        let mut old = job("a", json!({}));
        old.metadata.annotations.clear();
        assert_eq!(states(&[old], &[], "2030-01-01T00:00:00Z"), [HubState::Starts]);
    }
}
