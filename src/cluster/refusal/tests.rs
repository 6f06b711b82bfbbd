//! What a cluster cannot do, with where it stands and what to write instead.

use super::*;
use crate::file::{LoadOptions, load};
use crate::plan::Plan;

/// `code: message | help [text under the caret]` of each refusal.
fn refused(text: &str) -> Vec<String> {
    let source = Source::new("pipeline.yml", text);
    let pipeline = load(source.clone(), &LoadOptions::default()).unwrap();
    let plan = Plan::new(&pipeline).unwrap();
    let gangs: Vec<Vec<StepId>> = plan.gangs().iter().map(|gang| gang.steps.clone()).collect();
    let is_in_order = |gang: &Vec<StepId>| gang.iter().all(|id| !pipeline.step(*id).role.is_beside());
    let gangs: Vec<Vec<StepId>> = gangs.into_iter().filter(is_in_order).collect();
    let shown = |problem: Diagnostic| {
        let at = source.slice(problem.span.unwrap()).to_owned();
        format!("{}: {} | {} [{at}]", problem.code, problem.message, problem.help.unwrap())
    };
    refusals(&pipeline, &gangs).into_iter().map(shown).collect()
}

#[test]
fn each_thing_that_no_pod_has_is_refused_where_it_stands() {
    let text = r#"
containers: {ci: {image: alpine}}
services: {db: {image: postgres, ports: 5432}}
steps:
  - {name: here, run: make}
  - {name: built, build: ./docker, run: make}
  - {name: arguments, image: tool, args: [--fast]}
  - {name: alone, image: alpine, network: none, run: make}
  - {name: joined, image: alpine, network: net, run: make}
  - {name: shared, container: ci, run: make}
  - {name: user, image: alpine, services: db, run: make}
  - {name: few, image: alpine, resources: {pids: 5}, run: make}
  - {name: old, image: alpine, platform: linux/arm/v7, run: make}
  - {name: terminal, terminal: true, run: make}
"#;
    insta::assert_snapshot!(refused(text).join("\n"));
}

#[test]
fn what_a_pod_can_do_is_not_refused() {
    let text = r#"
defaults: {image: alpine}
steps:
  - {name: a, image: alpine, run: make, output: s, resources: {cpus: 2, memory: 1GiB}, platform: linux/arm64}
  - {name: b, image: tool, entrypoint: [tool], args: [x], input: s, user: "1000", secrets: [t]}
  - {name: c, image: alpine, run: make, pull: always, mounts: [{type: tmpfs, target: /t}]}
params: {t: {type: secret, env: T}}
"#;
    assert_eq!(refused(text), Vec::<String>::new());
}

#[test]
fn members_of_a_matrix_are_refused_once() {
    let text = "steps: [{name: a, image: alpine, network: none, run: make, matrix: {x: [1, 2, 3]}}]";
    assert_eq!(refused(text).len(), 1);
}

#[test]
fn members_of_a_gang_must_not_contradict_each_other() {
    let gang = |one: &str, other: &str| {
        format!(
            "steps:\n  - {{name: a, image: x, run: make, output: s, {one}}}\n  - {{name: b, image: x, run: make, input: s, \
             {other}}}\n"
        )
    };
    let wanted = refused(&gang(
        "kubernetes: {node_selector: {disk: ssd}, priority_class: low, labels: {team: x}}",
        "kubernetes: {node_selector: {disk: hdd}, priority_class: high, labels: {team: y}}",
    ));
    assert_eq!(wanted.len(), 3, "{wanted:?}");
    assert_eq!(
        wanted[0],
        "gang-pod: `a` and `b` start together in one pod, and want different values for `disk` of `node_selector`: `ssd` and \
         `hdd` | write the same at both, leave one out, or store the stream between them: `store: true` [hdd]"
    );
    assert_eq!(refused(&gang("platform: linux/arm64", "platform: linux/amd64")).len(), 1);
    let agree = "kubernetes: {node_selector: {disk: ssd}}";
    assert_eq!(refused(&gang(agree, agree)), Vec::<String>::new());
    assert_eq!(refused(&gang(agree, "retry: 1")), Vec::<String>::new());
    let stored = gang("", "").replace("output: s", "output: {name: s, store: true}");
    let stored = stored.replacen("make", "make, kubernetes: {node_selector: {disk: hdd}}", 1);
    assert_eq!(refused(&stored), Vec::<String>::new());
}

#[test]
fn the_keys_of_a_gang_are_those_of_the_file_and_of_its_members() {
    let text = "
kubernetes: {pod: {node_selector: {disk: hdd, zone: a}, tolerations: [{key: t}], priority_class: low}}
steps:
  - {name: a, image: x, run: make, output: s, kubernetes: {node_selector: {disk: ssd}, tolerations: [{key: u}, {key: t}]}}
  - {name: b, image: x, run: make, input: s, platform: linux/arm64}
";
    let pipeline = load(Source::new("pipeline.yml", text), &LoadOptions::default()).unwrap();
    let keys = gang_keys(&pipeline, &[StepId::new(0), StepId::new(1)]).unwrap();
    let selector: Vec<String> =
        keys.node_selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(selector, ["disk=ssd", "kubernetes.io/arch=arm64", "zone=a"]);
    let tolerated: Vec<&str> = keys.tolerations.iter().filter_map(|it| it.key.as_deref()).collect();
    assert_eq!((tolerated, keys.priority_class.as_deref()), (vec!["t", "u"], Some("low")));
}
