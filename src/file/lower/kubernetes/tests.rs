//! `kubernetes`: what the keys mean, and what is refused.

use std::time::Duration;

use crate::file::{LoadOptions, load};
use crate::pipeline::{Kubernetes, Source, Step, TaintEffect, Workspace};

fn loaded(top: &str, step: &str) -> Result<(Kubernetes, Step), Vec<String>> {
    let text = format!("{top}\nsteps:\n  - {{name: a, run: make{step}}}\n");
    let source = Source::new("pipeline.yml", &*text);
    let pipeline = load(source.clone(), &LoadOptions::default());
    let shown = |problem: crate::file::Diagnostic| {
        let at = problem.span.map(|at| source.slice(at).to_owned()).unwrap_or_default();
        assert!(problem.help.is_some(), "{} has no help", problem.message);
        format!("{}: {} [{at}]", problem.code, problem.message)
    };
    let pipeline = pipeline.map_err(|problems| problems.into_iter().map(shown).collect::<Vec<_>>())?;
    Ok(((*pipeline.kubernetes).clone(), pipeline.steps[0].clone()))
}

#[test]
fn nothing_said_is_all_of_the_folder_and_a_minute() {
    let (kubernetes, step) = loaded("", "").unwrap();
    assert_eq!(
        (kubernetes.lease, kubernetes.start_timeout),
        (Duration::from_secs(60), Duration::from_secs(600))
    );
    assert!(kubernetes.namespace.is_none() && kubernetes.service_account.is_none());
    let Workspace::Upload(upload) = kubernetes.workspace else { panic!("an upload") };
    assert_eq!((upload.paths[0].path.as_str(), upload.limit), (".", 1 << 30));
    assert!(step.kubernetes.is_none());
}

#[test]
fn every_key_is_read() {
    let top = "
kubernetes:
  namespace: pipelines
  helper_image: registry.example.org/pipe:0.3.0
  image_pull_secrets: regcred
  service_account: builder
  workspace: {upload: [src, Makefile], exclude: ['*.log', target], limit: 20MiB}
  store: {size: 20Gi, class: fast}
  lease: 30s
  start_timeout: 5m
  pod:
    node_selector: {disk: ssd}
    tolerations: [{key: gpu, operator: Equal, value: 'yes', effect: NoSchedule}, {operator: Exists}]
    priority_class: batch
    labels: {team: data}
    annotations: {example.org/owner: 'A. Person'}";
    let step = ", kubernetes: {node_selector: {gpu: 'yes'}, limits: {nvidia.com/gpu: 1}}";
    let (kubernetes, step) = loaded(top, step).unwrap();
    assert_eq!(kubernetes.namespace.as_deref(), Some("pipelines"));
    assert_eq!(kubernetes.helper_image.as_deref(), Some("registry.example.org/pipe:0.3.0"));
    assert_eq!(kubernetes.image_pull_secrets, ["regcred"]);
    assert_eq!((kubernetes.store.size, kubernetes.store.class.as_deref()), (Some(20 << 30), Some("fast")));
    assert_eq!((kubernetes.lease.as_secs(), kubernetes.start_timeout.as_secs()), (30, 300));
    let Workspace::Upload(upload) = &kubernetes.workspace else { panic!("an upload") };
    assert_eq!((upload.paths.len(), upload.exclude.len(), upload.limit), (2, 2, 20 << 20));
    let pod = &kubernetes.pod;
    assert_eq!(pod.node_selector["disk"].value, "ssd");
    assert_eq!(pod.tolerations[0].effect, Some(TaintEffect::NoSchedule));
    assert_eq!((&pod.tolerations[1].key, &pod.tolerations[1].value), (&None, &None));
    assert_eq!(pod.priority_class.as_ref().map(|class| class.value.as_str()), Some("batch"));
    assert_eq!((pod.labels["team"].value.as_str(), pod.annotations.len()), ("data", 1));
    let of_step = step.kubernetes.unwrap();
    assert_eq!(of_step.limits["nvidia.com/gpu"], "1");
    assert_eq!(of_step.pod.node_selector["gpu"].value, "yes");
    let (claim, _) = loaded("kubernetes: {workspace: {claim: sources}}", "").unwrap();
    assert!(matches!(claim.workspace, Workspace::Claim(name) if name == "sources"));
}

#[test]
fn what_kubernetes_would_refuse_is_refused_here() {
    for (keys, wanted) in [
        ("namespace: My_Space", "bad-kubernetes: `namespace` cannot be `My_Space` [My_Space]"),
        (
            "namespace: '{{ x }}'",
            "bad-kubernetes: `namespace` has no templates: it is the same in every run ['{{ x }}']",
        ),
        ("helper_image: a b", "bad-kubernetes: `helper_image` cannot be `a b` [a b]"),
        ("image_pull_secrets: [a, B]", "bad-kubernetes: `image_pull_secrets` cannot be `B` [B]"),
        ("lease: 1s", "bad-kubernetes: a lease this short ends whenever the network is slow [1s]"),
        ("lease: 5 sec", "bad-duration: `5 sec` is a length of time in an unusual form [5 sec]"),
        ("workspace: {upload: ../x}", "bad-kubernetes: `../x` is not inside the working directory [../x]"),
        ("workspace: {upload: /etc}", "bad-kubernetes: `/etc` is not inside the working directory [/etc]"),
        ("workspace: {limit: much}", "bad-number: `much` is not a size [much]"),
        (
            "workspace: {exclude: 'a***'}",
            "bad-kubernetes: `a***` is no pattern: wildcards are either regular `*` or recursive `**` ['a***']",
        ),
        (
            "workspace: {claim: x, upload: y}",
            "bad-kubernetes: nothing is uploaded to a `claim`, and `upload` says something about that [y]",
        ),
        ("store: {class: fast}", "bad-kubernetes: a volume of a class needs a size [fast]"),
        ("pod: {labels: {'a b': c}}", "bad-kubernetes: `a b` is no key of `labels` ['a b']"),
        ("pod: {labels: {a: 'b c'}}", "bad-kubernetes: `b c` is no value of a label ['b c']"),
        ("pod: {labels: {pipe.run: x}}", "bad-kubernetes: `pipe` writes `pipe.run` itself [pipe.run]"),
        (
            "pod: {tolerations: [{key: a, operator: Equal}]}",
            "bad-kubernetes: `Equal` compares with a value, and there is none [Equal]",
        ),
        (
            "pod: {tolerations: [{key: a, operator: Exists, value: b}]}",
            "bad-kubernetes: `Exists` takes any value [b]",
        ),
        (
            "pod: {tolerations: [{value: b}]}",
            "bad-kubernetes: this toleration has a value and no key [{value: b}]",
        ),
    ] {
        assert_eq!(loaded(&format!("kubernetes: {{{keys}}}"), "").unwrap_err(), [wanted]);
    }
    for (limits, wanted) in [
        ("cpu: 1", "bad-kubernetes: `cpu` is no key of `limits` [cpu]"),
        ("a b: 1", "bad-kubernetes: `a b` is no name of a resource [a b]"),
        ("nvidia.com/gpu: few", "bad-kubernetes: `few` is no amount [few]"),
    ] {
        assert_eq!(loaded("", &format!(", kubernetes: {{limits: {{{limits}}}}}")).unwrap_err(), [wanted]);
    }
}
