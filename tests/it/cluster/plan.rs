//! `pipe plan --on kubernetes`: the pods of a run, and everything that no cluster can do; without a cluster.

use crate::support::Place;

const FILE: &str = r#"
name: train
params: {token: {type: secret, default: x}, level: {type: int, default: 3}}
kubernetes:
  namespace: pipelines
  helper_image: registry.example.org/pipe:0.2.0
  workspace: {exclude: [target]}
  pod: {node_selector: {disk: ssd}}
steps:
  - name: fetch
    image: "alpine:3.20"
    run: cat data
    user: "1000:1000"
    output: rows
    secrets: token
    resources: {cpus: 1.5, memory: 512MiB}
  - {name: pack, image: "alpine:3.20", run: "gzip -{{ level }}", user: "1000:1000", input: rows, output: packed}
  - name: train
    image: "python:3.12"
    run: python3 train.py
    user: "1000"
    depends_on: pack
    produces: model.bin
    mounts: ["./src:/src:ro", {type: tmpfs, target: /fast}]
    kubernetes: {limits: {nvidia.com/gpu: 1}, node_selector: {gpu: "yes"}}
"#;

fn place() -> Place {
    let place = Place::with(FILE);
    place.write("data", "a\n");
    place.write("src/train.py", "print()\n");
    place.write("target/large", vec![0; 10_000]);
    place
}

#[test]
fn a_plan_says_what_each_pod_has_and_what_is_uploaded() {
    let place = place();
    let ran = place.pipe(&["plan", "--on", "kubernetes", "--kube-context", "staging"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let folder = place.path().canonicalize().unwrap().display().to_string();
    insta::assert_snapshot!(ran.stdout.replace(&folder, "FOLDER"));
}

#[test]
fn flags_take_precedence_and_part_of_a_run_is_part_of_a_plan() {
    let ran = place().pipe(&["plan", "--on", "kubernetes", "--namespace", "other", "--only", "train"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("pods are in the namespace other\n"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("pipe-RUN-g3-r1") && !ran.stdout.contains("pipe-RUN-g1-r1"),
        "{}",
        ran.stdout
    );
}

#[test]
fn everything_that_no_cluster_can_do_is_said_in_one_go() {
    let place = Place::with(
        r#"
containers: {ci: {image: "alpine:3.20"}}
services: {db: {image: "postgres:16", ports: 5432}}
params: {out: {type: path, default: /srv/out/here, access: rw}}
kubernetes: {workspace: {upload: [src, gone]}}
defaults: {image: "alpine:3.20"}
steps:
  - {name: built, build: ./docker, run: make}
  - {name: arguments, image: tool, args: [--fast]}
  - {name: alone, network: none, image: "alpine:3.20", run: make}
  - {name: shared, container: ci, run: make}
  - {name: user, services: db, image: "alpine:3.20", user: postgres, run: make}
  - {name: few, image: "alpine:3.20", resources: {pids: 5}, run: make}
  - {name: away, image: "alpine:3.20", run: make, produces: /opt/out, mounts: ["/opt/x:/x"]}
  - {name: one, image: "alpine:3.20", run: make, output: s, kubernetes: {node_selector: {disk: ssd}}}
  - {name: two, image: "alpine:3.20", run: make, input: s, kubernetes: {node_selector: {disk: hdd}}}
"#,
    );
    place.write("src/a", "x");
    let ran = place.pipe(&["plan", "--on", "kubernetes"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    let count = |mark: &str| ran.stderr.lines().filter(|line| line.trim_start().starts_with(mark)).count();
    assert_eq!(count("error["), count("= help: "), "{}", ran.stderr);
    let folder = place.path().canonicalize().unwrap().display().to_string();
    insta::assert_snapshot!(ran.stderr.replace(&folder, "FOLDER"));
}

#[test]
fn a_step_without_an_image_gets_one_by_a_flag() {
    let place = Place::with("steps: [{name: a, run: make}, {name: ask, run: read x, terminal: true}]\n");
    let ran = place.pipe(&["plan", "--on", "kubernetes"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr);
    let place = Place::with("steps: [{name: a, run: make}]\n");
    let ran = place.pipe(&["plan", "--on", "kubernetes", "--image", "alpine:3.20"]);
    assert!(
        ran.code == Some(0) && ran.stdout.contains("a is s1-a of alpine:3.20"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert_eq!(
        place.pipe(&["plan", "--image", "alpine:3.20"]).code,
        Some(2),
        "an image without --docker or --on"
    );
    assert_eq!(place.pipe(&["plan", "--namespace", "x"]).code, Some(2), "a namespace without --on");
}
