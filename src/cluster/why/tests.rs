//! What a real cluster said (`tests/fixtures/cluster`, of version 1.20), and what newer ones say, against
//! sentences. `lost` alone is written by hand, in the words of the sources.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::*;

fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cluster").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn said(trouble: &Trouble) -> String {
    format!("{:?} {}: {}", trouble.kind, trouble.container.as_deref().unwrap_or("-"), trouble.sentence)
}

#[test]
fn every_pod_that_does_not_start_says_why() {
    let names = [
        "image-pull",
        "image-never",
        "image-name",
        "missing-secret",
        "root-image",
        "no-program",
        "unschedulable",
        "deadline",
        "evicted",
        "lost",
    ];
    let all = names.map(|name| {
        let found: Vec<String> = starting(&fixture(name)).iter().map(said).collect();
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        format!("{name}: {}", found[0])
    });
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_container_that_is_gone_is_explained() {
    let of = |name: &str| ended(&fixture(name), "s1-step").map(|trouble| said(&trouble));
    assert_eq!(of("out-of-memory").unwrap(), "OutOfMemory s1-step: out of memory");
    assert_eq!(of("exit-7").unwrap(), "EndedByCluster s1-step: ended by itself: Error (exit code 7)");
    assert!(of("evicted").unwrap().starts_with("EndedByCluster -: evicted by the cluster: "));
    assert_eq!(of("lost").unwrap(), "EndedByCluster -: the node node2 went away");
    assert_eq!(of("unschedulable"), None);
    // One that ended with success has nothing to explain, and the rest of its pod goes on.
    assert!(starting(&fixture("exit-7")).is_empty());
}

#[test]
fn a_request_that_is_refused_says_why() {
    for (name, kind, words) in [
        ("quota-must", TroubleKind::NeverStarts, "must specify requests.cpu"),
        ("quota-exceeded", TroubleKind::MayPass, "exceeded quota: q"),
        ("forbidden", TroubleKind::Forbidden, "User \"dev\" cannot create resource \"pods\""),
        ("invalid", TroubleKind::NeverStarts, "is invalid: metadata.name"),
        ("no-namespace", TroubleKind::NeverStarts, "namespaces \"gone\" not found"),
    ] {
        let trouble = refused(&fixture(&format!("answer-{name}")));
        assert_eq!(trouble.kind, kind, "{name}");
        assert!(trouble.sentence.contains(words), "{name}: {}", trouble.sentence);
    }
    let answer = |code, reason: &str, message: &str| ApiAnswer {
        code,
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    let restricted = "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": runAsUser=0";
    assert_eq!(refused(&answer(403, "Forbidden", restricted)).kind, TroubleKind::NeverStarts);
    let hook = "admission webhook \"policy.example.org\" denied the request: no latest tags";
    assert_eq!(refused(&answer(403, "Forbidden", hook)).kind, TroubleKind::NeverStarts);
    assert_eq!(refused(&answer(429, "TooManyRequests", "")).kind, TroubleKind::MayPass);
    assert_eq!(refused(&answer(503, "ServiceUnavailable", "")).kind, TroubleKind::MayPass);
    assert_eq!(refused(&answer(302, "", "")).kind, TroubleKind::Engine);
    assert_eq!(
        refused(&answer(429, "TooManyRequests", "")).sentence,
        "the cluster refused it: TooManyRequests (code 429)"
    );
}

#[test]
fn words_of_newer_clusters_are_known() {
    let pod = |reason: &str, phase: &str| PodObject {
        status: PodStatus {
            reason: Some(reason.to_owned()),
            phase: phase.to_owned(),
            message: Some("words".to_owned()),
            ..PodStatus::default()
        },
        ..PodObject::default()
    };
    for (reason, sentence) in [
        ("Terminated", "the node of the pod was shut down"),
        ("Preempting", "ended for a pod of higher priority: words"),
        ("SomethingNew", "ended by the cluster (SomethingNew): words"),
    ] {
        let found = starting(&pod(reason, "Failed"));
        assert_eq!((found[0].kind, found[0].sentence.as_str()), (TroubleKind::EndedByCluster, sentence));
    }
    assert!(starting(&pod("SomethingNew", "Running")).is_empty());
}

#[test]
fn a_helper_image_that_fails_is_no_fault_of_a_step() {
    let text = r#"{"status": {"phase": "Pending", "initContainerStatuses": [
        {"name": "install", "image": "pipe:1", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}}"#;
    let found = starting(&serde_json::from_str(text).unwrap());
    assert_eq!(
        said(&found[0]),
        "Engine install: `pipe` cannot be put into the pod by the image pipe:1: exit code 1"
    );
    let waiting = text.replace(
        "\"terminated\": {\"exitCode\": 1, \"reason\": \"Error\"}",
        "\"waiting\": {\"reason\": \"InvalidImageName\"}",
    );
    assert_eq!(starting(&serde_json::from_str(&waiting).unwrap())[0].kind, TroubleKind::Engine);
}

#[test]
fn a_part_of_pipe_that_has_failed_says_why() {
    let text = r#"{"status": {"phase": "Failed", "containerStatuses": [
        {"name": "conductor", "image": "pipe:1", "state": {"terminated": {"exitCode": 3, "reason": "Error",
        "message": "error: cannot reach the run's hub\n  10.1.2.3:4433: timed out\n"}}}]}}"#;
    let found = ended(&serde_json::from_str(text).unwrap(), "conductor").unwrap();
    assert_eq!(
        said(&found),
        "EndedByCluster conductor: ended by itself: error: cannot reach the run's hub; 10.1.2.3:4433: timed out (exit code 3)"
    );
    let killed = text.replace("\"exitCode\": 3", "\"exitCode\": 137");
    let found = ended(&serde_json::from_str(&killed).unwrap(), "conductor").unwrap();
    assert!(found.sentence.starts_with("killed by the cluster: "), "{}", found.sentence);
}
