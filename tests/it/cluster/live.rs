//! On a real cluster, the one of `tests/cluster`: `KUBECONFIG` names it, and `dev.kubeconfig` lies beside it.

use pipe_runner::cluster::api::{AccessRequest, ApiClient, ClusterAccess, ObjectKind, PodChange, PodWatch};
use pipe_runner::cluster::pod::{HubOrder, job_manifest};
use pipe_runner::cluster::rights::{needed, role};
use pipe_runner::cluster::why::{TroubleKind, starting};
use pipe_runner::pipeline::Kubernetes;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::Place;
use crate::support::cluster::{Namespace, admin, kubectl};

const PIPELINE: &str = "steps: [{name: a, image: 'alpine:3.20', run: make, user: '1000'}]\n";
const ALPINE: &str = "alpine:3.20";

async fn client(namespace: &str) -> ApiClient {
    let request = AccessRequest {
        kubeconfig: Some(admin().to_string_lossy().into_owned()),
        namespace: Some(namespace.to_owned()),
        ..AccessRequest::default()
    };
    ApiClient::new(ClusterAccess::find(&request).await.unwrap())
}

fn pod(name: &str, image: &str, script: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"pipe.run": "r"}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "s1", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script]}],
        },
    })
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn pods_are_made_watched_explained_and_deleted() {
    let namespace = Namespace::new("pods");
    let client = client(&namespace.name).await;
    assert!(client.version().await.unwrap().starts_with('v'));
    client.create(ObjectKind::Pod, &pod("good", ALPINE, "exit 7")).await.unwrap();
    assert!(client.create(ObjectKind::Pod, &pod("good", ALPINE, "exit 7")).await.unwrap_err().exists());
    client.create(ObjectKind::Pod, &pod("bad", "registry.invalid/x:1", "true")).await.unwrap();
    let mut watch = PodWatch::new(client.clone(), "pipe.run=r");
    let (mut has_ended, mut is_explained) = (false, false);
    while !(has_ended && is_explained) {
        let PodChange::Is(pod) = watch.next().await.unwrap() else { panic!("nothing is deleted yet") };
        match pod.metadata.name.as_str() {
            "good" => has_ended |= pod.status.phase == "Failed",
            _ => is_explained |= starting(&pod).iter().any(|trouble| trouble.kind == TroubleKind::Pull),
        }
    }
    client.delete(ObjectKind::Pod, "good").await.unwrap();
    client.delete(ObjectKind::Pod, "bad").await.unwrap();
    let mut gone = Vec::new();
    while gone.len() < 2 {
        if let PodChange::Gone(name) = watch.next().await.unwrap() {
            gone.push(name);
        }
    }
    assert!(client.pod("good").await.unwrap_err().is_gone());
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_port_of_a_pod_is_a_stream_of_bytes() {
    let namespace = Namespace::new("ports");
    let client = client(&namespace.name).await;
    // Busyboxes differ in how they say that more than one connection is taken.
    let script = "nc -ll -p 7070 -e cat || exec nc -lk -p 7070 -e cat";
    client.create(ObjectKind::Pod, &pod("echo", ALPINE, script)).await.unwrap();
    let mut watch = PodWatch::new(client.clone(), "pipe.run=r");
    loop {
        let PodChange::Is(pod) = watch.next().await.unwrap() else { panic!("the pod is gone") };
        assert_ne!(pod.status.phase, "Failed");
        if pod.status.phase == "Running" {
            break;
        }
    }
    let bytes: Vec<u8> = (0..4 << 20).map(|number: u32| (number % 251) as u8).collect();
    let port = client.forward("echo", 7070).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(port);
    let mut back = vec![0; bytes.len()];
    let (sent, got) = tokio::join!(writer.write_all(&bytes), reader.read_exact(&mut back));
    sent.unwrap();
    got.unwrap();
    assert!(back == bytes);
    let nothing = client.forward("echo", 7071).await.unwrap();
    let (mut reader, _writer) = tokio::io::split(nothing);
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn the_role_of_the_book_has_all_rights_and_no_more_are_needed() {
    let namespace = Namespace::new("rights");
    let place = Place::with(PIPELINE);
    place.write("role.yaml", role().replace("kind: Group, name: developers}", "kind: User, name: dev}"));
    let dev = admin().with_file_name("dev.kubeconfig");
    let check = || {
        let mut command =
            place.command(&["plan", "--on", "kubernetes", "--check", "--namespace", &namespace.name]);
        let output = command.env("KUBECONFIG", &dev).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, _, said) = check();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("create, get, list, watch, delete pods"), "{said}");
    let applied = kubectl(&["apply", "-n", &namespace.name, "-f", place.join("role.yaml").to_str().unwrap()]);
    assert!(applied.contains("rolebinding.rbac.authorization.k8s.io/pipe created"), "{applied}");
    let (code, shown, said) = check();
    assert_eq!((code, said.as_str()), (Some(0), ""), "{shown}");
    assert!(shown.contains("would take the hub and 1 pod in the namespace"), "{shown}");
    assert_eq!(
        kubectl(&["get", "pods,jobs", "-n", &namespace.name]).trim(),
        format!("No resources found in {} namespace.", namespace.name)
    );
    let missing = client(&namespace.name).await.check_rights(needed(true)).await.unwrap().missing;
    assert!(missing.is_empty(), "an administrator may do everything: {missing:?}");
}

#[test]
#[ignore = "needs a cluster"]
fn a_quota_and_a_namespace_that_is_missing_are_said_before_a_run() {
    let namespace = Namespace::new("quota");
    let quota = kubectl(&["create", "quota", "small", "--hard=requests.cpu=150m", "-n", &namespace.name]);
    assert!(quota.contains("created"), "{quota}");
    let place = Place::with(PIPELINE);
    let check = |namespace: &str| {
        let mut command = place.command(&["plan", "--on", "kubernetes", "--check", "--namespace", namespace]);
        let output = command.env("KUBECONFIG", admin()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    // The controller of quotas writes down first what is used.
    let refused = |namespace: &str, words: &str| {
        let (code, said) = check(namespace);
        code == Some(3) && said.contains(words)
    };
    while !refused(&namespace.name, "exceeded quota: small") {}
    assert!(refused("there-is-none", "namespaces \"there-is-none\" not found"));
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn the_cluster_takes_the_manifests_of_a_hub() {
    let namespace = Namespace::new("hub");
    let secrets = ["hub.key".to_owned()];
    let kubernetes = Kubernetes::default();
    let order = HubOrder { run: "r", helper_image: ALPINE, hub_secrets: &secrets, kubernetes: &kubernetes };
    let client = client(&namespace.name).await;
    client.would_create(ObjectKind::Job, &job_manifest(&order)).await.unwrap();
    let job = client.create(ObjectKind::Job, &job_manifest(&order)).await.unwrap();
    assert_eq!(client.list(ObjectKind::Job, "pipe.role=hub").await.unwrap()[0].uid, job.uid);
    client.delete(ObjectKind::Job, "pipe-r").await.unwrap();
}
