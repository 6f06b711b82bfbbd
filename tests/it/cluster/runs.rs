//! Whole runs on a real cluster, the one of `tests/cluster`.

use pipe_runner::cluster::rights::role;

use crate::support::cluster::{HEAD, Namespace, admin};
use crate::support::processes::eventually;
use crate::support::{Place, Ran};

fn place(steps: &str) -> Place {
    Place::with(&format!("{HEAD}{steps}"))
}

#[test]
#[ignore = "needs a cluster"]
fn a_step_sees_the_files_of_the_client_and_is_logged() {
    let namespace = Namespace::new("hello");
    let place = place("steps: [{name: hello, user: '1000', run: 'cat note/a.txt; pwd; id -u'}]\n");
    place.write("note/a.txt", "from the client\n");
    let ran = namespace.run(&place, &[]).code(0);
    for line in ["from the client", &place.path().canonicalize().unwrap().display().to_string(), "1000"] {
        assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
    }
    namespace.is_deserted();
    let shown = place.pipe(&["logs", "last", "hello"]);
    assert!(shown.stdout.contains("from the client"), "{}", shown.stdout);
}

#[test]
#[ignore = "needs a cluster"]
fn all_bytes_reach_two_readers_of_other_users_and_images_and_files_come_back() {
    let namespace = Namespace::new("readers");
    let place = place(
        "steps:\n\
         \x20 - {name: make, image: 'debian:bookworm-slim', user: '1234', run: 'head -c 50000000 /dev/zero; echo end', output: s}\n\
         \x20 - {name: one, run: 'mkdir -p out; sha256sum > out/sum', input: s, produces: out/sum}\n\
         \x20 - {name: two, run: 'wc -c > count', input: s, produces: count}\n\
         \x20 - {name: later, user: '4321', run: 'cat out/sum count > both; echo done >> count', depends_on: [one, two], produces: [both, count]}\n",
    );
    namespace.run(&place, &[]).code(0);
    let sum = place.sh("(head -c 50000000 /dev/zero; echo end) | sha256sum");
    assert_eq!(place.read("both"), format!("{}\n50000004\n", sum.trim_end()));
    assert_eq!(
        (place.read("out/sum"), place.read("count")),
        (format!("{}\n", sum.trim_end()), "50000004\ndone\n".to_owned())
    );
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_producer_that_fails_ends_its_readers_before_they_see_an_end() {
    let namespace = Namespace::new("fails");
    let place = place(
        "steps:\n\
         \x20 - {name: make, run: 'head -c 100000000 /dev/zero; exit 7', output: s}\n\
         \x20 - {name: one, run: 'cat > /dev/null; echo saw-end', input: s, produces: one}\n\
         \x20 - {name: two, run: 'cat > two; echo saw-end', input: s, produces: two}\n",
    );
    let ran = namespace.run(&place, &[]).code(1);
    assert!(ran.stdout.contains("exit code 7"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("| saw-end") && !place.has("two"), "{}", ran.stdout);
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_secret_is_a_file_and_is_masked() {
    let namespace = Namespace::new("secret");
    let place = place(
        "params: {token: {type: secret}}\n\
         steps:\n\
         \x20 - name: a\n\
         \x20   run: 'wc -c < $PIPE_SECRETS/token; echo it is {{ token }}; cat $PIPE_SECRETS/token | sha256sum'\n\
         \x20   secrets: token\n",
    );
    place.write("token", "hush-hush-hush");
    let ran = namespace.run(&place, &["-p", "token=@token"]).code(0);
    let sum = place.sh("printf hush-hush-hush | sha256sum");
    for line in ["14", "it is ***", sum.trim()] {
        assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("hush-hush"));
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_gang_is_tried_again_as_a_whole_in_a_new_pod() {
    let namespace = Namespace::new("retry");
    let place = place(
        "steps:\n\
         \x20 - {name: make, run: 'echo round $PIPE_ATTEMPT; test $PIPE_ATTEMPT = 2', output: s, retry: 2}\n\
         \x20 - {name: read, run: 'cat > all', input: s, produces: all}\n",
    );
    namespace.run(&place, &[]).code(0);
    assert_eq!(place.read("all"), "round 2\n");
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn an_image_that_is_not_there_fails_its_step_with_the_reason() {
    let namespace = Namespace::new("image");
    let place = place(
        "steps:\n\
         \x20 - {name: make, run: 'touch began; seq 10', output: s, produces: began}\n\
         \x20 - {name: read, image: 'registry.invalid/none:1', pull: never, run: cat, input: s}\n",
    );
    let ran = namespace.run(&place, &[]).code(1);
    assert!(ran.stdout.contains("the node has no image registry.invalid/none:1"), "{}", ran.stdout);
    assert!(!place.has("began"));
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn outputs_and_stored_streams_go_from_pod_to_pod() {
    let namespace = Namespace::new("stored");
    let place = place(
        "steps:\n\
         \x20 - {name: make, run: 'seq 1000; echo n=41 >> $PIPE_OUTPUT', output: s}\n\
         \x20 - {name: between, run: 'echo between {{ steps.make.outputs.n }}', depends_on: make}\n\
         \x20 - {name: read, run: 'wc -l > lines', input: s, depends_on: between, produces: lines}\n",
    );
    let ran = namespace.run(&place, &[]).code(0);
    assert!(ran.stdout.contains("between 41"), "{}", ran.stdout);
    assert_eq!(place.read("lines").trim(), "1000");
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn what_no_cluster_can_do_is_refused_before_a_run() {
    let namespace = Namespace::new("refused");
    let place = place("steps: [{name: a, run: 'true', network: none, image: 'alpine:3.20'}]\n");
    let ran = namespace.run(&place, &[]).code(2);
    assert!(ran.stderr.contains("is to have no network"), "{}", ran.stderr);
    assert!(!place.has(".pipe/runs"), "nothing has begun");
    assert_eq!(namespace.objects(), "");
}

#[test]
#[ignore = "needs a cluster"]
fn a_long_log_is_whole() {
    let namespace = Namespace::new("log");
    let place = place("steps: [{name: count, run: seq 4000000}]\n");
    namespace.run(&place, &["--quiet"]).code(0);
    let shown = place.pipe(&["logs", "last", "count"]).stdout;
    assert!(shown == place.sh("seq 4000000"), "{} bytes", shown.len());
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn what_hangs_on_conditions_values_and_other_files_runs_as_on_a_machine() {
    let namespace = Namespace::new("language");
    let place = place(
        "steps:\n\
         \x20 - {name: make, matrix: {n: [1, 2]}, run: 'echo {{ matrix.n }} > made-{{ matrix.n }}', produces: 'made-{{ matrix.n }}'}\n\
         \x20 - {name: both, run: 'cat made-1 made-2 > both', depends_on: make, produces: both}\n\
         \x20 - {name: never, if: 'false', run: exit 7}\n\
         \x20 - {name: fails, run: exit 3, on_error: ignore}\n\
         \x20 - {name: after, if: \"failure('fails')\", run: touch after, depends_on: fails, produces: after}\n\
         \x20 - {name: part, uses: part.yml, with: {word: hello}, depends_on: both}\n",
    );
    place.write(
        "part.yml",
        "params: {word: {type: string}}\nsteps: [{name: say, image: 'alpine:3.20', run: 'echo {{ word }} $(cat both) > said', produces: said}]\n",
    );
    namespace.run(&place, &[]).code(0);
    assert_eq!((place.read("both"), place.read("said")), ("1\n2\n".into(), "hello 1 2\n".into()));
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_folder_that_is_made_anew_replaces_the_old_one() {
    let namespace = Namespace::new("folder");
    let place = place(
        "steps:\n\
         \x20 - {name: make, run: 'rm -r out; mkdir -p out/in out/empty; echo new > out/in/a; touch -d @86400 out/in/a', produces: out}\n\
         \x20 - {name: look, run: 'find out ! -path out/in | sort > found; stat -c %Y out/in/a >> found', depends_on: make, produces: found}\n",
    );
    place.write("out/old", "old\n");
    namespace.run(&place, &[]).code(0);
    assert_eq!(place.read("found"), "out\nout/empty\nout/in/a\n86400\n");
    assert_eq!(place.read("out/in/a"), "new\n");
    assert!(!place.has("out/old"));
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_pod_waits_for_room_in_the_quota() {
    let namespace = Namespace::new("quota-run");
    namespace.kubectl(&["create", "quota", "pods", "--hard=pods=2"]);
    // Before the controller of quotas has written down what is used, nothing is refused.
    let used = || namespace.kubectl(&["get", "quota", "pods", "--output", "jsonpath={.status.used.pods}"]);
    eventually(|| used() == "0", used);
    let place = place("steps: [{name: a, run: sleep 3}, {name: b, run: sleep 3}]\n");
    namespace.run(&place, &[]).code(0).says("exceeded quota: pods");
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_pod_that_no_node_has_room_for_fails_its_step_in_the_words_of_the_scheduler() {
    let namespace = Namespace::new("room");
    let head = HEAD.replace("lease: 10s", "lease: 10s, start_timeout: 12s");
    let place = Place::with(&format!("{head}steps: [{{name: a, run: 'true', resources: {{cpus: 99}}}}]\n"));
    namespace.run(&place, &[]).code(1).says("waits: no node takes the pod").says("Insufficient cpu");
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_user_with_the_role_of_the_book_runs_pipelines() {
    let namespace = Namespace::new("dev");
    let place = place("params: {key: {type: secret}}\nsteps: [{name: a, run: echo it runs, secrets: key}]\n");
    place.write("role.yaml", role().replace("kind: Group, name: developers}", "kind: User, name: dev}"));
    let run = || {
        let mut command = namespace.command(&place, &["-p", "key=hush"]);
        command.env("KUBECONFIG", admin().with_file_name("dev.kubeconfig"));
        Ran::of(command.output().unwrap())
    };
    run().code(3).says("create, get, list, watch, delete pods");
    namespace.kubectl(&["apply", "--filename", place.join("role.yaml").to_str().unwrap()]);
    run().code(0).says("it runs");
    namespace.is_deserted();
}

#[test]
#[ignore = "needs a cluster"]
fn a_time_limit_ends_a_step_and_a_run_is_resumed_where_it_failed() {
    let namespace = Namespace::new("resume");
    let place = place(
        "steps:\n\
         \x20 - {name: first, run: 'echo once >> count; echo n=7 >> $PIPE_OUTPUT', produces: count}\n\
         \x20 - {name: slow, run: 'test -e hurry || sleep 1000', timeout: 3s, depends_on: first}\n\
         \x20 - {name: last, run: 'echo {{ steps.first.outputs.n }} $(cat count) > all', depends_on: slow, produces: all}\n",
    );
    namespace.run(&place, &[]).code(1).says("timed out");
    place.write("hurry", "");
    namespace.run(&place, &["--resume", "last"]).code(0);
    assert_eq!(place.read("all"), "7 once\n");
    namespace.is_deserted();
}

/// A folder of a node as a volume, and a claim to it.
const CLAIM: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "NAME"}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "storageClassName": "NAME",
        "hostPath": {"path": "FOLDER"}}},
    {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "files"}, "spec": {
        "accessModes": ["ReadWriteMany"], "storageClassName": "NAME",
        "resources": {"requests": {"storage": "1Gi"}}}}]}"#;

#[test]
#[ignore = "needs a cluster"]
fn the_files_of_a_claim_are_shared_as_on_one_machine() {
    let namespace = Namespace::new("claim");
    let head = HEAD.replace("lease: 10s", "lease: 10s, workspace: {claim: files}");
    let place = Place::with(&format!(
        "{head}steps:\n\
         \x20 - {{name: make, run: echo shared > made}}\n\
         \x20 - {{name: read, run: cat made > read, depends_on: make}}\n"
    ));
    let folder = Place::new();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let at = folder.path().to_str().unwrap();
    place.write("claim.json", CLAIM.replace("NAME", &namespace.name).replace("FOLDER", at));
    let said = namespace.kubectl(&["apply", "--filename", place.join("claim.json").to_str().unwrap()]);
    assert!(said.contains("persistentvolumeclaim/files created"), "{said}");
    namespace.run(&place, &[]).code(0);
    assert_eq!(folder.read("read"), "shared\n");
    assert!(!place.has("made"));
    namespace.is_deserted();
    namespace.kubectl(&["delete", "persistentvolume", &namespace.name, "--wait=false"]);
}
