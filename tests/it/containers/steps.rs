//! What a step in a container can rely on beside its streams: its user, its environment, its end.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::support::containers::{IN_CONTAINER, Lane, NO_SHELL};
use crate::support::{Place, Ran};

const LANES: [Lane; 2] = [Lane::Fifo, Lane::Attach];

/// A pipeline of one step in a container.
fn one(script: &str, keys: &str) -> Place {
    let script = script.trim().replace('\n', "\n      ");
    Place::with(&format!("steps:\n  - name: only\n    run: |\n      {script}\n{IN_CONTAINER}{keys}"))
}

#[test]
#[ignore = "needs Docker"]
fn programs_of_an_image_without_a_shell_produce_and_read() {
    for lane in LANES {
        let place = Place::with(&format!(
            "
steps:
  - {{name: produce, image: '{NO_SHELL}', network: none, entrypoint: [/cat], args: [source], output: bytes}}
  - {{name: pass, image: '{NO_SHELL}', network: none, args: '-', input: bytes, output: passed}}
  - {{name: count, image: '{NO_SHELL}', network: none, entrypoint: /wc, args: -c, input: passed, output: size}}
  - {{name: keep, run: cat > size, input: size}}
"
        ));
        place.write("source", vec![0xa5; 3_000_000]);
        place.pipe(&["run", "--stream-lane", lane.name()]).code(0);
        assert_eq!(place.lanes(), ["attach"; 3], "nothing there could open a named pipe");
        place.no_container_is_left();
        assert_eq!(place.read("size").trim(), "3000000");
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_script_in_an_image_without_a_shell_is_told_by_step_and_image() {
    for lane in LANES {
        let place = Place::with(&format!(
            "steps:\n  - {{name: scripted, image: '{NO_SHELL}', network: none, run: echo hello}}\n"
        ));
        let missing = format!("the image `{NO_SHELL}` has no `sh`");
        place.run_on(lane).code(1).says("`scripted` failed").says(&missing);
    }
}

#[test]
#[ignore = "needs Docker"]
fn an_image_without_a_shell_leaves_the_others_their_named_pipes() {
    let place = Place::with(&format!(
        "
on_error: continue
steps:
  - {{name: scripted, image: '{NO_SHELL}', network: none, run: echo hello}}
  - name: after
    run: echo still
{IN_CONTAINER}
"
    ));
    let ran = place.pipe(&["run", "-j", "1"]).code(1);
    assert_eq!(place.outcome("after"), "succeeded");
    assert_eq!(place.lanes(), ["fifo"], "{}", ran.stdout);
    place.no_container_is_left();
}

#[test]
#[ignore = "needs Docker"]
fn want_of_memory_is_told_from_an_exit_code_of_137() {
    for lane in LANES {
        let hungry = one("tail /dev/zero", "    resources: {memory: 16MiB}\n");
        hungry.run_on(lane).code(1).says("out of memory");
        one("exit 137", "    resources: {memory: 16MiB}\n").run_on(lane).code(1).says("exit code 137");
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_signal_reaches_every_process_of_a_container() {
    for lane in LANES {
        let place = one(
            "
sh -c 'trap \"echo child > child; exit\" TERM; echo child is ready >&2; while :; do sleep 1000 & wait; done' &
trap 'wait; echo shell > shell; exit' TERM
echo shell is ready >&2
wait
",
            "",
        );
        let mut running = place.follow(&["run", "--stream-lane", lane.name()]);
        let ready = running.wait_for("is ready") + &running.wait_for("is ready");
        assert!(ready.contains("child") && ready.contains("shell"), "{ready}");
        running.signal("INT");
        running.end().code(130);
        assert_eq!((place.read("child"), place.read("shell")), ("child\n".into(), "shell\n".into()));
        place.no_container_is_left();
    }
}

/// A reader that takes no notice of being stopped must not see an end while it is killed either.
#[test]
#[ignore = "needs Docker"]
fn a_reader_that_must_be_killed_sees_no_end() {
    for lane in LANES {
        let place = Place::with(&format!(
            "
steps:
  - name: produce
    run: echo some; sleep 1000
    output: bytes
{IN_CONTAINER}
  - name: read
    run: trap '' TERM; read some; echo ready >&2; cat; touch saw-eof
    input: bytes
{IN_CONTAINER}
"
        ));
        let mut running = place.follow(&["run", "--stream-lane", lane.name()]);
        running.wait_for("ready");
        running.signal("INT");
        running.wait_for("cancel");
        running.signal("INT");
        running.end().code(130);
        assert!(!place.has("saw-eof"));
        place.no_container_is_left();
    }
}

#[test]
#[ignore = "needs Docker"]
fn who_takes_no_notice_of_its_time_limit_is_killed_in_the_end() {
    let place = one("trap '' TERM; while :; do sleep 1000; done", "    timeout: 1s\n");
    place.run_on(Lane::Fifo).code(1).says("timed out");
}

#[test]
#[ignore = "needs Docker"]
fn what_a_step_leaves_running_ends_with_its_container() {
    for lane in LANES {
        let place = Place::with(&format!(
            "
steps:
  - name: produce
    run: sleep 1000 & printf all
    output: bytes
{IN_CONTAINER}
  - {{name: read, run: cat > got, input: bytes}}
"
        ));
        place.run_on(lane).code(0);
        assert_eq!(place.read("got"), "all");
    }
}

#[test]
#[ignore = "needs Docker"]
fn the_environment_is_what_is_declared() {
    for lane in LANES {
        let place = one("env > vars", "    env: {OWN: \"a b\"}\n");
        let mut command = place.command(&["run", "--stream-lane", lane.name()]);
        Ran::of(command.env("PIPE_TEST_OF_THE_HOST", "leaked").output().unwrap()).code(0);
        let vars = place.read("vars");
        assert!(vars.contains("OWN=a b\n") && !vars.contains("leaked"), "{vars}");
        let names: Vec<&str> = vars.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        let known = [
            "HOME",
            "HOSTNAME",
            "OWN",
            "PATH",
            "PIPE_ATTEMPT",
            "PIPE_OUTPUT",
            "PIPE_RUN_ID",
            "PIPE_STEP",
            "PWD",
            "SHLVL",
            "_",
            "TINI_KILL_PROCESS_GROUP",
        ];
        let unknown: Vec<_> = names.into_iter().filter(|name| !known.contains(name)).collect();
        assert_eq!(unknown, [""; 0]);
        place.no_container_is_left();
    }
}

#[test]
#[ignore = "needs Docker"]
fn files_belong_to_the_user_who_runs_pipe() {
    for lane in LANES {
        let place = one("mkdir made; id -u > made/uid; touch \"$HOME/note\"; echo \"$HOME\" > made/home", "");
        place.sh("chown 1000:1000 . pipeline.yml");
        place.sh(&format!("cp '{}' pipe", env!("CARGO_BIN_EXE_pipe")));
        let socket = std::fs::metadata("/var/run/docker.sock").expect("these tests need Docker").gid();
        let run = format!(
            "HOME=$PWD exec setpriv --reuid 1000 --regid 1000 --groups {socket} ./pipe run --stream-lane {}",
            lane.name()
        );
        let output = Command::new("sh").args(["-c", &run]).current_dir(place.path()).output().unwrap();
        Ran::of(output).code(0);
        for file in ["made", "made/uid", "made/home"] {
            let meta = std::fs::metadata(place.join(file)).unwrap();
            assert_eq!((meta.uid(), meta.gid()), (1000, 1000), "{file}");
        }
        assert_eq!(place.read("made/uid"), "1000\n");
        assert_eq!(place.sh("find . -user root ! -path ./pipe"), "", "nothing is root's");
        place.no_container_is_left();
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_working_directory_of_this_machine_has_to_exist() {
    for lane in LANES {
        let place = one("touch x", "    working_dir: gone/deep\n");
        place.run_on(lane).code(1).says("gone/deep does not exist");
        assert!(!place.has("gone"), "the engine has made it");
    }
    let place = one("touch x", "    mounts: ['./:/work']\n    working_dir: /work/gone\n");
    place
        .run_on(Lane::Fifo)
        .code(1)
        .says("its working directory /work/gone, which is ")
        .says("does not exist");
    assert!(!place.has("gone"));
}

#[test]
#[ignore = "needs Docker"]
fn another_absolute_working_directory_is_the_images() {
    for lane in LANES {
        let place = one("ls; pwd", "    working_dir: /etc\n");
        let ran = place.run_on(lane).code(0).says("| /etc\n");
        assert!(!ran.stdout.contains("hostname.local") && !ran.stdout.contains("apt\n"), "{}", ran.stdout);
        one("pwd", "    working_dir: /\n").run_on(lane).code(0).says("| /\n");
        one("pwd; ls | wc -l", "    working_dir: /srv/new\n")
            .run_on(lane)
            .code(0)
            .says("| /srv/new\n")
            .says("| 0\n");
    }
}

#[test]
#[ignore = "needs Docker"]
fn products_are_seen_from_the_folder_that_is_mounted() {
    let keys = "    mounts: ['./:/work']\n    working_dir: /work/site\n    produces: [page]\n";
    let place = one("echo page > page", keys);
    place.write("site/.keep", "");
    place.run_on(Lane::Fifo).code(0);
    assert_eq!(place.read("site/page"), "page\n");
    one("echo page > page", "    working_dir: /srv\n    produces: [page]\n")
        .run_on(Lane::Fifo)
        .code(1)
        .says("`page` would be in its image");
}

#[test]
#[ignore = "needs Docker"]
fn a_step_that_a_container_stands_in_for_works_where_it_would() {
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("here"), "").unwrap();
    let folder = elsewhere.path().display();
    let text = format!("steps:\n  - {{name: only, run: ls, working_dir: '{folder}'}}\n");
    Place::with(&text).pipe(&["run", "--docker", "--image", "alpine:3.20"]).code(0).says("| here\n");
}

#[test]
#[ignore = "needs Docker"]
fn a_path_that_is_a_link_is_mounted_where_it_leads() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("file"), "from outside").unwrap();
    let script = "cat '{{.data}}/file'";
    for access in ["", ", access: rw"] {
        let place = Place::with(&format!(
            "params: {{data: {{type: path, default: ./link{access}}}}}\nsteps:\n  - name: only\n    run: {script:?}\n{IN_CONTAINER}"
        ));
        std::os::unix::fs::symlink(outside.path(), place.path().join("link")).unwrap();
        place.run_on(Lane::Fifo).code(0).says("| from outside");
    }
}

#[test]
#[ignore = "needs Docker"]
fn what_a_mount_is_put_on_is_the_callers() {
    let place = one("ls -d modules", "    mounts: ['./:/work', {type: tmpfs, target: /work/modules}]\n");
    place.run_on(Lane::Fifo).code(0).says("| modules");
    assert_eq!(place.path().join("modules").metadata().unwrap().uid(), rustix::process::getuid().as_raw());
}

#[test]
#[ignore = "needs Docker"]
fn two_mounts_at_one_target_are_refused() {
    let place = one("true", "    mounts: ['./:/work', 'cache:/work/']\n");
    place.pipe(&["validate"]).code(2).says("two mounts have the target `/work`").says("bad-mount");
    let text = "params: {at: /work}\n".to_owned()
        + &one("true", "    mounts: ['./:/work', 'cache:{{.at}}']\n").read("pipeline.yml");
    Place::with(&text).run_on(Lane::Fifo).code(1).says("two of its `mounts` have the target /work");
}

#[test]
#[ignore = "needs Docker"]
fn a_script_may_be_longer_than_an_argument() {
    let script = format!(
        "{}read first\necho \"$0 $first $#\"\nfalse | true\nexit 7",
        ": a line of many\n".repeat(20_000)
    );
    let script = script.replace('\n', "\n      ");
    for (image, lane) in [(IN_CONTAINER, Lane::Fifo), (IN_CONTAINER, Lane::Attach), ("", Lane::Fifo)] {
        let place = Place::with(&format!(
            "steps:\n  - {{name: make, run: echo fed, output: s}}\n  - name: only\n    shell: sh\n    input: s\n    run: |\n      {script}\n{image}"
        ));
        let ran = place.run_on(lane).code(1).says("| sh fed 0\n").says("exit code 7");
        ran.says("longer than the system allows for an argument");
        assert!(place.sh("find .pipe -name '*script*'").is_empty());
    }
}

#[test]
#[ignore = "needs Docker"]
fn what_no_file_can_stand_for_is_refused_as_on_this_machine() {
    let value = "x".repeat(140_000);
    for lane in LANES {
        let place = one("echo hello", &format!("    env: {{BIG: {value}}}\n"));
        place
            .run_on(lane)
            .code(1)
            .says("the value of its variable BIG is longer than the system allows (128 KiB)");
        let place = one(&format!("print(1) # {value}"), "    shell: [sh, -c]\n");
        place
            .run_on(lane)
            .code(1)
            .says("its script and environment are longer than the system allows (128 KiB");
    }
    Place::with(&format!("steps: [{{name: only, run: echo, env: {{BIG: {value}}}}}]"))
        .pipe(&["run"])
        .code(1)
        .says("longer than the system allows (128 KiB");
}

#[test]
#[ignore = "needs Docker"]
fn the_end_by_a_signal_is_worth_a_retry_in_both_places() {
    for keys in [IN_CONTAINER, ""] {
        let place = Place::with(&format!(
            "steps:\n  - name: only\n    run: test -e again || {{ touch again; kill -9 $$; }}\n    retry: {{count: 1, delay: 1ms, on_exit: [137]}}\n{keys}"
        ));
        place.run_on(Lane::Fifo).code(0);
        assert!(place.has("again"));
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_broken_pipe_may_be_an_exit_code_in_a_container_too() {
    let failure = "exit code 23, after the last reader of its output had left";
    for (accepted, code, says) in [("23", 0, "succeeded"), ("1", 1, failure)] {
        let script = "trap '' PIPE; while echo line 2>/dev/null; do :; done; exit 23";
        left(script, accepted).run_on(Lane::Fifo).code(code).says(says);
    }
}

/// An engine takes all that a program writes, so that the program cannot notice, and is killed.
#[test]
#[ignore = "needs Docker"]
fn a_program_that_takes_no_notice_of_a_broken_pipe_may_be_killed_for_it() {
    left("trap '' PIPE; yes", "137").run_on(Lane::Attach).code(0);
    left("trap '' PIPE; yes", "1").run_on(Lane::Attach).code(1).says("exit code 137, after the last reader");
}

/// A producer whose only reader leaves after a line, and succeeds.
fn left(script: &str, accepted: &str) -> Place {
    Place::with(&format!(
        "
steps:
  - name: produce
    run: {script}
    output: {{name: lines, broken_pipe: {accepted}}}
{IN_CONTAINER}
  - {{name: first, run: head -n 1, input: lines}}
"
    ))
}

/// Says what lies beside its file, and whether it can write there.
const BESIDE: &str = "cat {{ pipeline.dir }}/beside; touch {{ pipeline.dir }}/made || echo read-only";

#[test]
#[ignore = "needs Docker"]
fn a_container_sees_the_folder_of_the_file_that_its_texts_name() {
    let place = Place::new();
    place.write("lib/beside", "beside\n");
    place.write("work/pipeline.yml", "steps: [{name: p, uses: ../lib/steps.yml}]\n");
    let steps = format!(
        "containers:\n  shared:\n{IN_CONTAINER}steps:
  - name: own
    run: {BESIDE}
{IN_CONTAINER}  - {{name: mate, container: shared, run: '{BESIDE}'}}
  - name: blind
    run: '[ ! -e {} ]'
{IN_CONTAINER}",
        place.join("lib").display()
    );
    place.write("lib/steps.yml", steps);
    let ran = place.pipe(&["-C", "work", "run", "--format", "plain"]).code(0);
    for step in ["p.own", "p.mate"] {
        let said: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with(step)).collect();
        for line in ["| beside", "| read-only"] {
            assert!(said.iter().any(|said| said.ends_with(line)), "{}", ran.stdout);
        }
    }
    assert!(!place.has("lib/made"));
}
