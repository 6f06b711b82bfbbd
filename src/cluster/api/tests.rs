//! The client against a server that says what a test has written down: each connection has one request and one answer.

mod forwards;
mod server;
mod watches;

use std::path::Path;

use self::server::{Server, answer, refusal};
use super::*;
use crate::cluster::rights::needed;
use crate::cluster::why::{TroubleKind, refused};

/// Access to a server, with these lines for the user.
async fn access(server: &Server, user: &str) -> ClusterAccess {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, kubeconfig(&server.url(), user)).unwrap();
    find(&path, AccessRequest::default()).await.unwrap()
}

fn kubeconfig(url: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: one\n\
         contexts:\n- {{name: one, context: {{cluster: c, user: u, namespace: team}}}}\n\
         - {{name: two, context: {{cluster: c, user: u}}}}\n\
         clusters: [{{name: c, cluster: {{server: '{url}'}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
    )
}

async fn find(path: &Path, request: AccessRequest) -> Result<ClusterAccess, crate::executor::SystemError> {
    let kubeconfig = Some(path.to_string_lossy().into_owned());
    ClusterAccess::find(&AccessRequest { kubeconfig, ..request }).await
}

#[tokio::test]
async fn the_context_says_where_and_flags_say_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, kubeconfig("http://127.0.0.1:1/k8s/clusters/c-1", "")).unwrap();
    let of = |context: Option<&str>, namespace: Option<&str>| AccessRequest {
        context: context.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
        ..AccessRequest::default()
    };
    let found = find(&path, of(None, None)).await.unwrap();
    assert_eq!((found.context(), found.namespace()), ("one", "team"));
    assert_eq!(found.server(), "http://127.0.0.1:1/k8s/clusters/c-1");
    assert_eq!(find(&path, of(Some("two"), None)).await.unwrap().namespace(), "default");
    assert_eq!(find(&path, of(Some("two"), Some("mine"))).await.unwrap().namespace(), "mine");
    let error = find(&path, of(Some("three"), None)).await.unwrap_err();
    assert_eq!(error.what, "cannot find a cluster: there is no context `three`");
    assert_eq!(error.source.to_string(), "contexts of the kubeconfig: one, two");
    let nowhere = find(&folder.path().join("none"), of(None, None)).await.unwrap_err();
    assert_eq!(nowhere.source.to_string(), "contexts of the kubeconfig: none");
}

#[tokio::test]
async fn what_is_unsafe_or_unknown_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    for (cluster, words) in [
        ("server: 'https://x', insecure-skip-tls-verify: true", "insecure-skip-tls-verify"),
        ("server: 'https://x', proxy-url: 'http://p'", "proxy-url"),
        ("server: 'ftp://x'", "begins with https:// or http://"),
        ("server: 'https://x', certificate-authority-data: '!'", "base64"),
    ] {
        let text = kubeconfig("URL", "").replace("server: 'URL'", cluster);
        std::fs::write(&path, text).unwrap();
        let error = find(&path, AccessRequest::default()).await.unwrap_err();
        let all = format!("{error}: {}", error.source);
        assert!(all.contains(words), "{all}");
    }
    std::fs::write(&path, "contexts: 5\n").unwrap();
    assert!(find(&path, AccessRequest::default()).await.unwrap_err().what.contains("cannot understand"));
}

#[tokio::test]
async fn each_kind_of_credentials_reaches_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "from-file\n").unwrap();
    let answered = r#"{\"status\": {\"token\": \"from-program\"}}"#;
    let program = format!(
        "exec: {{apiVersion: client.authentication.k8s.io/v1beta1, command: sh, args: [-c, \"test -n \\\"$KUBERNETES_EXEC_INFO\\\" && \
         printf '{answered}'\"]}}"
    );
    for (user, wanted) in [
        ("token: plain".to_owned(), "Bearer plain"),
        (format!("tokenFile: '{}'", file.display()), "Bearer from-file"),
        ("username: a, password: b".to_owned(), "Basic YTpi"),
        (program, "Bearer from-program"),
    ] {
        let server = Server::new(vec![answer(r#"{"gitVersion": "v1.33.1"}"#)]).await;
        let client = ApiClient::new(access(&server, &user).await);
        assert_eq!(client.version().await.unwrap(), "v1.33.1");
        let request = server.requests().remove(0);
        assert!(request.head.contains(&format!("authorization: {wanted}\r\n")), "{}", request.head);
    }
}

#[tokio::test]
async fn a_program_without_credentials_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    for (exec, words) in [
        ("exec: {command: sh, args: [-c, 'exit 3']}", "exit status: 3"),
        ("exec: {command: sh, args: [-c, 'echo {}']}", "neither a token nor a certificate"),
        ("exec: {command: there-is-no-such-program, installHint: 'get it there'}", "get it there"),
    ] {
        std::fs::write(&path, kubeconfig("http://127.0.0.1:1", exec)).unwrap();
        let error = find(&path, AccessRequest::default()).await.unwrap_err();
        assert!(error.what.starts_with("cannot get credentials from `"), "{}", error.what);
        assert!(error.source.to_string().contains(words), "{}", error.source);
    }
}

#[tokio::test]
async fn objects_are_made_and_deleted_in_their_namespace() {
    let server = Server::new(vec![
        answer(r#"{"metadata": {"name": "pipe-1", "uid": "u-1"}}"#),
        refusal(409, "AlreadyExists", "jobs.batch \"pipe-1\" already exists"),
        answer(r#"{"metadata": {"name": "pipe-1"}}"#),
        refusal(404, "NotFound", "pods \"x\" not found"),
    ])
    .await;
    let client = ApiClient::new(access(&server, "").await);
    let job = serde_json::json!({"kind": "Job"});
    assert_eq!(client.create(ObjectKind::Job, &job).await.unwrap().uid, "u-1");
    assert!(client.create(ObjectKind::Job, &job).await.unwrap_err().exists());
    client.would_create(ObjectKind::Pod, &job).await.unwrap();
    client.delete(ObjectKind::Pod, "x").await.unwrap();
    let lines: Vec<String> = server.requests().iter().map(|request| request.line()).collect();
    assert_eq!(
        lines,
        [
            "POST /apis/batch/v1/namespaces/team/jobs HTTP/1.1",
            "POST /apis/batch/v1/namespaces/team/jobs HTTP/1.1",
            "POST /api/v1/namespaces/team/pods?dryRun=All HTTP/1.1",
            "DELETE /api/v1/namespaces/team/pods/x HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn a_busy_cluster_is_asked_again_and_a_full_one_says_so() {
    let busy = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
    let quota = "pods \"a\" is forbidden: exceeded quota: q, requested: pods=1";
    let server = Server::new(vec![
        busy.into(),
        busy.into(),
        answer(r#"{"metadata": {"name": "a"}}"#),
        refusal(403, "Forbidden", quota),
    ])
    .await;
    let client = ApiClient::new(access(&server, "").await);
    let pod = serde_json::json!({"kind": "Pod"});
    assert_eq!(client.create(ObjectKind::Pod, &pod).await.unwrap().name, "a");
    let error = client.create(ObjectKind::Pod, &pod).await.unwrap_err();
    let ApiError::Refused(answer) = error else { panic!("{error}") };
    assert_eq!((refused(&answer).kind, answer.message.as_str()), (TroubleKind::MayPass, quota));
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn rights_are_asked_for_one_by_one() {
    let all = needed(false).count();
    let server = Server::answering(move |request| {
        let is_allowed = !request.body.contains("\"resource\":\"secrets\"");
        answer(&format!(r#"{{"status": {{"allowed": {is_allowed}}}}}"#))
    })
    .await;
    let client = ApiClient::new(access(&server, "").await);
    let checked = client.check_rights(needed(false)).await.unwrap();
    let missing: Vec<&str> = checked.missing.iter().map(|right| right.verb).collect();
    assert_eq!(missing, ["create", "delete"]);
    assert_eq!(server.requests().len(), all);
    assert!(server.requests()[0].body.contains("\"namespace\":\"team\""));
}

#[tokio::test]
async fn a_server_that_is_no_cluster_is_an_error_with_its_address() {
    let server = Server::new(vec![answer("<html>"), "garbage\r\n\r\n".into()]).await;
    let client = ApiClient::new(access(&server, "").await);
    for _ in 0..2 {
        let error = client.version().await.unwrap_err();
        assert!(matches!(error, ApiError::System(_)), "{error}");
    }
    let gone = Server::new(Vec::new()).await;
    let client = ApiClient::new(access(&gone, "").await);
    drop(gone);
    assert!(client.version().await.unwrap_err().to_string().starts_with("cannot "));
}
