//! Watches that break.

use super::access;
use super::server::{Server, answer, refusal, stream};
use crate::cluster::api::{ApiClient, ApiError, PodChange, PodWatch};

const LIST: &str = r#"{"metadata": {"resourceVersion": "10"}, "items": [
    {"metadata": {"name": "a", "resourceVersion": "4"}, "status": {"phase": "Pending"}}]}"#;

fn event(kind: &str, name: &str, version: u32, phase: &str) -> String {
    serde_json::json!({"type": kind, "object": {
        "metadata": {"name": name, "resourceVersion": version.to_string()}, "status": {"phase": phase},
    }})
    .to_string()
}

fn shown(change: &PodChange) -> String {
    match change {
        PodChange::Is(pod) => format!("{} {}", pod.metadata.name, pod.status.phase),
        PodChange::Gone(name) => format!("{name} gone"),
    }
}

async fn changes(watch: &mut PodWatch, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(shown(&watch.next().await.unwrap()));
    }
    all
}

#[tokio::test]
async fn a_watch_that_breaks_goes_on_where_it_was() {
    let bookmark = event("BOOKMARK", "", 30, "");
    let (running, gone) = (event("MODIFIED", "a", 20, "Running"), event("DELETED", "a", 31, "Failed"));
    let cut = stream(&[&running]).trim_end().to_owned() + "\n{\"type\": \"MODI";
    let server = Server::new(vec![
        answer(LIST),
        cut,
        stream(&[&bookmark]),
        refusal(500, "InternalError", "etcd is away"),
        stream(&[&gone]),
    ])
    .await;
    let mut watch = PodWatch::new(ApiClient::new(access(&server, "").await), "pipe.run=r");
    assert_eq!(changes(&mut watch, 2).await, ["a Pending", "a Running"]);
    // A refusal is the caller's affair; the watch itself goes on.
    let refused = watch.next().await.unwrap_err();
    assert!(matches!(refused, ApiError::Refused(_)), "{refused}");
    assert_eq!(changes(&mut watch, 1).await, ["a gone"]);
    let versions: Vec<String> = server
        .requests()
        .iter()
        .filter_map(|request| {
            Some(request.line().split_once("resourceVersion=")?.1.split('&').next()?.to_owned())
        })
        .collect();
    assert_eq!(versions, ["10", "20", "30", "30"]);
    assert!(server.requests()[1].line().contains("labelSelector=pipe.run%3Dr"));
}

#[tokio::test]
async fn a_version_that_is_too_old_is_followed_by_a_new_list() {
    let expired = r#"{"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}"#;
    let later = r#"{"metadata": {"resourceVersion": "90"}, "items": [
        {"metadata": {"name": "b", "resourceVersion": "80"}, "status": {"phase": "Running"}}]}"#;
    let server = Server::new(vec![
        answer(LIST),
        stream(&[expired]),
        answer(later),
        refusal(410, "Gone", "too old"),
        answer(later),
        stream(&[&event("DELETED", "b", 91, "Failed")]),
    ])
    .await;
    let mut watch = PodWatch::new(ApiClient::new(access(&server, "").await), "pipe.run=r");
    let mut all = changes(&mut watch, 3).await;
    all.sort();
    assert_eq!(all, ["a Pending", "a gone", "b Running"]);
    assert_eq!(changes(&mut watch, 2).await, ["b Running", "b gone"]);
}

#[tokio::test]
async fn who_may_not_watch_is_told() {
    let server = Server::new(vec![refusal(403, "Forbidden", "no")]).await;
    let mut watch = PodWatch::new(ApiClient::new(access(&server, "").await), "pipe.run=r");
    assert_eq!(watch.next().await.unwrap_err().to_string(), "no");
}
