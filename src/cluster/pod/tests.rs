//! From files to manifests: what a pod has, and what it cannot have.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::file::{LoadOptions, ParamSources, load, renderer};
use crate::pipeline::{Pipeline, Source, StepId};
use crate::plan::Plan;
use crate::runner::ContainerRenderer;
use crate::template::{Scope, StepOutputsMode};

const CALLER: ContainerUser = ContainerUser { user: 1000, group: Some(1000) };

fn pipeline(text: &str) -> Pipeline {
    load(Source::new("pipeline.yml", text), &LoadOptions::default())
        .unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

/// The pods of a file's gangs, or `message | help [text under the caret]` of what they cannot have.
fn shaped(pipeline: &Pipeline, folder: &Path) -> Result<Vec<GangPod>, Vec<String>> {
    let given = ParamSources { working_dir: folder.to_owned(), ..ParamSources::default() };
    let templates =
        renderer(pipeline, &given, given.facts.clone()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let scope = Scope { outputs: StepOutputsMode::Later, ..Scope::default() };
    let containers = ContainerRenderer { pipeline, templates: &templates, working_dir: folder, scope };
    let shaper = Shaper { containers, kubernetes: &pipeline.kubernetes, caller: CALLER };
    let plan = Plan::new(pipeline).unwrap();
    let (mut pods, mut refused) = (Vec::new(), Vec::new());
    for gang in plan.gangs() {
        match shaper.gang(&gang.steps) {
            Ok(pod) => pods.push(pod),
            Err(problems) => refused.extend(problems.into_iter().map(|problem| {
                let at = pipeline.source.slice(problem.span.unwrap()).to_owned();
                let text = format!("{} | {} [{at}]", problem.message, problem.help.unwrap());
                text.replace(&folder.display().to_string(), "FOLDER")
            })),
        }
    }
    if refused.is_empty() { Ok(pods) } else { Err(refused) }
}

fn manifest(pod: &GangPod, kubernetes: &crate::pipeline::Kubernetes, folder: &Path) -> String {
    let secrets = ["conductor.key", "hub.pub", "secret.token"].map(str::to_owned);
    let place = PodPlace {
        run: "20261129-113000-1b54",
        round: 1,
        owner: "7a1f1d1c-0000-0000-0000-000000000000",
        helper_image: "registry.example.org/pipe:0.3.0",
        hub: "10.244.1.7:4433",
        conductor_secrets: &secrets,
        kubernetes,
    };
    shown(&pod_manifest(pod, &place)).replace(&folder.display().to_string(), "/FOLDER")
}

fn shown(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

const GANG: &str = r#"
params: {token: {type: secret, default: x}}
kubernetes:
  image_pull_secrets: [regcred]
  pod: {node_selector: {disk: ssd}, tolerations: [{key: gpu, value: "yes", effect: NoSchedule}], labels: {team: data}}
steps:
  - name: train.model
    image: python:3.12
    pull: always
    run: python3 train.py
    user: "1234:5678"
    resources: {cpus: 1.5, memory: 512MiB}
    secrets: token
    output: model
    timeout: 1h
    mounts:
      - {type: tmpfs, target: /fast}
      - {type: volume, source: cache, target: /cache}
      - ./src:/src:ro
    kubernetes: {limits: {nvidia.com/gpu: 1}, priority_class: batch}
  - {name: store, image: "alpine:3.20", run: cat > model, input: model, timeout: 30m}
"#;

#[test]
fn a_gang_is_one_pod_with_a_container_for_each_step() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = pipeline(GANG);
    let pods = shaped(&pipeline, folder.path()).unwrap();
    assert_eq!(pods.len(), 1);
    assert_eq!(pods[0].requests(), Requests { millicpus: 1700, memory: (512 + 64 + 64) << 20 });
    insta::assert_snapshot!(manifest(&pods[0], &pipeline.kubernetes, folder.path()));
}

#[test]
fn a_pod_by_default_has_least_requests_and_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = pipeline("steps: [{name: a, image: alpine, run: make}]");
    let pods = shaped(&pipeline, folder.path()).unwrap();
    insta::assert_snapshot!(manifest(&pods[0], &pipeline.kubernetes, folder.path()));
}

#[test]
fn root_keeps_its_capabilities_and_any_other_user_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = pipeline("steps: [{name: a, image: alpine, run: make, user: '0'}]");
    let pods = shaped(&pipeline, folder.path()).unwrap();
    assert!(pods[0].has_root());
    let manifest: Value =
        serde_json::from_str(&manifest(&pods[0], &pipeline.kubernetes, folder.path())).unwrap();
    let step = &manifest["spec"]["containers"][1]["securityContext"];
    assert_eq!((&step["runAsUser"], &step["capabilities"]), (&0.into(), &Value::Null));
    let conductor = &manifest["spec"]["containers"][0]["securityContext"];
    assert_eq!(
        (&conductor["runAsUser"], &conductor["capabilities"]["drop"][0]),
        (&65532.into(), &"ALL".into())
    );
}

#[test]
fn a_claim_is_the_workspace_of_every_pod() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = pipeline(
        "kubernetes: {workspace: {claim: sources}, service_account: builder}\nsteps: [{name: a, image: alpine, run: make}]",
    );
    let pods = shaped(&pipeline, folder.path()).unwrap();
    let manifest: Value =
        serde_json::from_str(&manifest(&pods[0], &pipeline.kubernetes, folder.path())).unwrap();
    let spec = &manifest["spec"];
    assert_eq!(spec["volumes"][1]["persistentVolumeClaim"]["claimName"], "sources");
    assert_eq!(
        (&spec["serviceAccountName"], &spec["automountServiceAccountToken"]),
        (&"builder".into(), &true.into())
    );
}

#[test]
fn folders_outside_are_uploaded_where_they_are_only_read() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = other.path().join("data");
    fs::create_dir_all(data.join("deep")).unwrap();
    fs::write(data.join("file.csv"), "1").unwrap();
    let text = |access: &str| {
        format!(
            "params:\n  dir: {{type: path, default: '{0}'{access}}}\n  deep: {{type: path, default: '{0}/deep'}}\n  csv: \
             {{type: path, default: '{0}/file.csv'}}\nsteps: [{{name: a, image: alpine, run: 'wc {{{{ csv }}}} {{{{ dir }}}}'}}]\n",
            data.display()
        )
    };
    let read_only = pipeline(&text(""));
    let pods = shaped(&read_only, folder.path()).unwrap();
    assert_eq!(pods[0].outside, std::slice::from_ref(&data));
    let written = pipeline(&text(", access: rw"));
    let refused = shaped(&written, folder.path()).unwrap_err();
    assert_eq!(refused.len(), 1);
    assert!(
        refused[0].contains("the value of the param `dir`") && refused[0].ends_with("[dir]"),
        "{refused:?}"
    );
}

#[test]
fn what_hangs_on_values_is_refused_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    let text = r#"
params: {who: {type: string, default: www-data}, hosts: {type: path, default: /etc/hosts}}
steps:
  - {name: name, image: alpine, run: make, user: "{{ who }}"}
  - {name: path, image: alpine, run: make, mounts: ["/opt/x:/x"]}
  - {name: file, image: alpine, run: make, mounts: ["./file:/x"]}
  - {name: volume, image: alpine, run: make, mounts: ["My_Volume:/x"]}
  - {name: products, image: alpine, run: make, produces: [ok, /opt/out/x]}
  - {name: fine, image: alpine, run: make, user: "1000", working_dir: /opt}
  - {name: hosts, image: alpine, run: "cat {{ hosts }}"}
"#;
    let pipeline = pipeline(text);
    let refused = shaped(&pipeline, folder.path()).unwrap_err();
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn the_hub_is_a_job_that_owns_everything() {
    let pipeline = pipeline(
        "kubernetes: {store: {size: 20GiB, class: fast}, lease: 30s, image_pull_secrets: regcred}\nsteps: [{name: a, run: make}]",
    );
    let secrets = ["hub.key", "client.pub"].map(str::to_owned);
    let order = HubOrder {
        run: "20261129-113000-1b54",
        helper_image: "registry.example.org/pipe:0.3.0",
        hub_secrets: &secrets,
        kubernetes: &pipeline.kubernetes,
    };
    let uid = "7a1f1d1c-0000-0000-0000-000000000000";
    let claim = claim_manifest(order.run, uid, &pipeline.kubernetes.store).unwrap();
    let data = BTreeMap::from([("secret.token".to_owned(), b"hush".to_vec())]);
    let secret = secret_manifest(order.run, uid, &data);
    let all = [job_manifest(&order), claim, secret].map(|value| shown(&value));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn users_are_numbers() {
    let user = |user, group| Some(ContainerUser { user, group });
    assert_eq!(parse_user("1000"), user(1000, None));
    assert_eq!(parse_user("1000:50"), user(1000, Some(50)));
    for text in ["", "root", "1000:", ":5", "-1", "+1", "1000:staff", "99999999999"] {
        assert_eq!(parse_user(text), None, "{text:?}");
    }
}

#[test]
fn a_limit_is_known_only_if_all_have_one() {
    let folder = tempfile::tempdir().unwrap();
    let of = |keys: &str| {
        let text = format!(
            "steps:\n  - {{name: a, image: x, run: make, output: s, timeout: 1h}}\n  - {{name: b, image: x, run: make, input: \
             s{keys}}}"
        );
        shaped(&pipeline(&text), folder.path()).unwrap()[0].limit.map(|limit| limit.as_secs())
    };
    assert_eq!((of(""), of(", timeout: 5m")), (None, Some(3600)));
    assert_eq!(of(", retry: {timeout: 2h}"), Some(7200));
}

#[test]
fn secrets_of_files_that_are_used_have_keys_of_their_own() {
    assert_eq!(secret_key(None, "token"), "secret.token");
    assert_eq!(secret_key(Some(crate::pipeline::CallId::new(2)), "token"), "secret.2.token");
    assert_eq!(gang_name("r", StepId::new(0).index(), 2), "pipe-r-g1-r2");
}
