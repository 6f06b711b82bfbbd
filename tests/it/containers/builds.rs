//! Images that steps build: what is sent of a folder, by both builders, and what is left of them.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::daemon::Daemon;
use crate::support::processes::{eventually, signal};
use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::server::output;
use crate::support::{Place, Ran, Running};

/// What docker sends of a folder by its `.dockerignore`: a folder, then a case on each line.
const TABLE: &str = include_str!("../../fixtures/dockerignore.jsonl");

/// The builders, by what `DOCKER_BUILDKIT` says.
const BUILDERS: [(&str, &str); 2] = [("classic", "0"), ("BuildKit", "1")];

/// A step that runs what is built of `build`.
fn step(build: &str, run: &str) -> String {
    format!("steps: [{{name: look, network: none, build: {build}, run: '{run}'}}]")
}

/// A command with an engine and a builder, and a configuration folder of Docker that is the place's `config`.
fn command(place: &Place, daemon: &Daemon, builder: &str, args: &[&str]) -> Command {
    std::fs::create_dir_all(place.join("config")).unwrap();
    let mut command = place.command(args);
    command.env("DOCKER_HOST", daemon.host()).env("DOCKER_CONFIG", place.join("config"));
    command.env("DOCKER_BUILDKIT", builder);
    command
}

fn run(place: &Place, daemon: &Daemon, builder: &str) -> Ran {
    Ran::of(command(place, daemon, builder, &["run", "--format", "plain"]).output().unwrap())
}

/// What the step wrote.
fn said(ran: &Ran) -> Vec<String> {
    ran.stdout.lines().filter_map(|line| line.strip_prefix("look | ")).map(str::to_owned).collect()
}

fn strings(value: &serde_json::Value) -> BTreeSet<String> {
    let all = value.as_array().into_iter().flatten();
    all.map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// Makes the folder of the table.
fn make(root: &Path, tree: &BTreeSet<String>) {
    for path in tree {
        let full = root.join(path);
        match path.ends_with('/') {
            true => std::fs::create_dir_all(full).unwrap(),
            false => {
                std::fs::create_dir_all(full.parent().unwrap()).unwrap();
                std::fs::write(full, "x").unwrap();
            }
        }
    }
    std::fs::write(root.join("Dockerfile"), "FROM alpine:3.20\nCOPY . /all/\n").unwrap();
}

/// The files and empty folders of an image's `/all`; nothing if docker refuses to build it.
fn docker_sends(root: &Path) -> Option<BTreeSet<String>> {
    let mut build = Command::new("docker");
    build.args(["build", "--quiet"]).arg(root).env("DOCKER_BUILDKIT", "0");
    let built = build.output().unwrap();
    if !built.status.success() {
        let why = String::from_utf8(built.stderr).unwrap();
        assert!(why.contains("pattern"), "{why}");
        return None;
    }
    let said = String::from_utf8(built.stdout).unwrap();
    let image = said.lines().last().unwrap();
    let container = output(Command::new("docker").args(["create", image]));
    let copied =
        Command::new("docker").args(["cp", &format!("{}:/all", container.trim()), "-"]).output().unwrap();
    output(Command::new("docker").args(["rm", container.trim()]));
    let mut archive = tar::Archive::new(copied.stdout.as_slice());
    let paths = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let is_folder = entry.header().entry_type().is_dir();
        let path = entry.path().unwrap().strip_prefix("all").unwrap().display().to_string();
        format!("{}{}", path.trim_end_matches('/'), if is_folder { "/" } else { "" })
    });
    let all: Vec<String> = paths.collect();
    let is_leaf = |path: &&String| {
        !path.ends_with('/') || !all.iter().any(|other| other.len() > path.len() && other.starts_with(*path))
    };
    Some(all.iter().filter(|path| *path != "/").filter(is_leaf).cloned().collect())
}

#[test]
#[ignore = "needs Docker"]
fn docker_itself_sends_what_the_table_says() {
    let mut table = TABLE.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let tree = strings(&table.next().unwrap()["tree"]);
    // What docker has changed since its oldest version that is still in use is not asked of whatever is here.
    let cases: Vec<serde_json::Value> = table.filter(|case| case["since"].is_null()).collect();
    assert!(cases.len() > 100, "{}", cases.len());
    let check = |case: &serde_json::Value| {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), &tree);
        let patterns = case["patterns"].as_str().unwrap();
        std::fs::write(dir.path().join(".dockerignore"), patterns).unwrap();
        let wanted = (case["refused"] != true).then(|| {
            let out = strings(&case["out"]);
            tree.difference(&out).cloned().chain(strings(&case["more"])).collect::<BTreeSet<_>>()
        });
        assert_eq!(docker_sends(dir.path()), wanted, "{patterns:?}");
    };
    std::thread::scope(|scope| {
        for cases in cases.chunks(cases.len().div_ceil(4)) {
            scope.spawn(|| cases.iter().for_each(check));
        }
    });
    // The images stay, and are the same the next time: the classic builder of another test would stumble
    // over one that goes while it looks through its cache.
}

#[test]
#[ignore = "needs root and Docker"]
fn a_step_gets_what_docker_would_send() {
    let daemon = Daemon::start();
    let mut table = TABLE.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let tree = strings(&table.next().unwrap()["tree"]);
    let place = Place::with(&step("folder", "cd /all && find . -type f -o -type l"));
    make(&place.join("folder"), &tree);
    let wanted = ["Dockerfile\n.dockerignore", "*\n!src/", "**/deep/", "\u{feff}a.txt", "["];
    let cases: Vec<_> = table.filter(|case| wanted.contains(&case["patterns"].as_str().unwrap())).collect();
    for case in &cases {
        place.write("folder/.dockerignore", case["patterns"].as_str().unwrap());
        let is_file = |path: &String| !path.ends_with('/');
        let kept: BTreeSet<_> =
            tree.difference(&strings(&case["out"])).filter(|path| is_file(path)).cloned().collect();
        for (name, builder) in BUILDERS {
            let ran = run(&place, &daemon, builder);
            if case["refused"] == true {
                ran.code(1).says("folder/.dockerignore: the pattern `[` is not well formed");
                continue;
            }
            let sent: BTreeSet<String> =
                said(&ran).iter().map(|path| path.trim_start_matches("./").to_owned()).collect();
            assert_eq!(sent, kept, "{name} {}: {}", case["patterns"], ran.stdout);
        }
    }
    assert_eq!(cases.len(), wanted.len());
}

#[test]
#[ignore = "needs root and Docker"]
fn a_folder_is_sent_whatever_is_in_it() {
    let daemon = Daemon::start();
    let place = Place::with(&step("folder", "cat /list"));
    place.write(
        "folder/Dockerfile",
        "FROM alpine:3.20\nCOPY . /all/\nRUN cd /all && stat -c \"%n %F %a %u %s %Y\" * > /list\n",
    );
    place.sh(
        "cd folder && umask 022 && mkdir d && chmod 1777 d && touch -d @4000 d && touch -d 1960-01-01 a-old && mkfifo fifo \
         && mknod null c 1 3 && truncate -s 100k holes && echo x > one && ln one two && touch -d @5000 one holes fifo null \
         && ln -s /no/./where/ link && touch -h -d @6000 link && touch -d @7000 $(printf 'n%.0s' $(seq 150))",
    );
    let _socket = UnixListener::bind(place.join("folder/socket")).unwrap();
    let long = "n".repeat(150);
    for (name, builder) in BUILDERS {
        let said = said(&run(&place, &daemon, builder));
        let is_classic = name == "classic";
        let has = |line: &str| assert!(said.iter().any(|said| said == line), "{name}: {line}\n{said:#?}");
        has("d directory 1777 0 4096 4000");
        has("holes regular file 644 0 102400 5000");
        has("one regular file 644 0 2 5000");
        has("two regular file 644 0 2 5000");
        has("link symbolic link 777 0 12 6000");
        has(&format!("{long} regular empty file 644 0 0 7000"));
        // Its time depends on how the engine stores layers.
        assert!(said.iter().any(|line| line.starts_with("a-old regular empty file 644 0 0 ")), "{said:#?}");
        // What BuildKit makes of these has changed more than once.
        if is_classic {
            has("null character special file 644 0 0 5000");
            has("fifo fifo 644 0 0 5000");
        }
        assert!(!is_classic || !said.iter().any(|line| line.starts_with("socket ")), "{said:#?}");
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn the_same_folder_gives_the_same_image_and_clean_removes_it() {
    let daemon = Daemon::start();
    let place = Place::with(&step(".", "cat /stamp && ls -A /all"));
    place.write(
        "Dockerfile",
        "FROM alpine:3.20\nCOPY . /all/\nRUN cat /proc/sys/kernel/random/uuid > /stamp\n",
    );
    let clean = |args: &[&str]| {
        let args: Vec<&str> = ["clean", "--images"].iter().chain(args).copied().collect();
        Ran::of(command(&place, &daemon, "1", &args).output().unwrap()).code(0)
    };
    let images = || daemon.docker(&["images", "--quiet", "--no-trunc"]);
    let before = images();
    for (name, builder) in BUILDERS {
        let first = said(&run(&place, &daemon, builder).code(0));
        assert_eq!(first[1..], ["Dockerfile", "config", "pipeline.yml"], "{name}: and no .pipe");
        let all = images();
        assert_eq!(said(&run(&place, &daemon, builder).code(0)), first, "{name}: from the cache");
        assert_eq!(images(), all, "{name}");
        // With one that has lost its name to a later one.
        place.write("Dockerfile", format!("FROM alpine:3.20\nCOPY . /all/\nRUN echo {name} > /stamp\n"));
        assert_eq!(said(&run(&place, &daemon, builder).code(0))[0], name);
    }
    // Names that no build gives.
    let built = daemon.docker(&["images", "--quiet", "pipe-build"]);
    daemon.docker(&["tag", built.trim(), "mine:1"]);
    let held = daemon.docker(&["create", built.trim()]);
    let many = images();
    clean(&["-n"]).says("image sha256:").says("would be removed, 1 kept");
    assert_eq!(images(), many);
    daemon.docker(&["rm", held.trim()]);
    clean(&[]).says("image pipe-build:");
    clean(&[]).says("images: 0 removed");
    let left = daemon.docker(&["images", "--no-trunc", "--format", "{{.Repository}}"]);
    assert_eq!(left.lines().collect::<BTreeSet<_>>(), BTreeSet::from(["alpine", "mine"]), "{before}");
}

#[test]
#[ignore = "needs root and Docker"]
fn instructions_may_lie_elsewhere_and_have_patterns_of_their_own() {
    let daemon = Daemon::start();
    let text = "FROM alpine:3.20\nCOPY . /all/\n";
    for (name, builder) in BUILDERS {
        let place = Place::with(&step("{context: folder, dockerfile: ../other/Up}", "ls -A /all"));
        place.write("other/Up", text);
        for file in ["key", "a", "b", "Up"] {
            place.write(&format!("folder/{file}"), "");
        }
        place.write("folder/.dockerignore", "key\n");
        let with_patterns = match name {
            // As `docker build` does it there, where the patterns go with the instructions.
            "classic" => vec!["Up", "a", "b"],
            _ => vec![".dockerignore", "Up", "a", "b"],
        };
        assert_eq!(said(&run(&place, &daemon, builder).code(0)), with_patterns, "{name}");
        place.write("other/Up.dockerignore", "*\n!b\n");
        assert_eq!(said(&run(&place, &daemon, builder).code(0)), ["b"], "{name}");

        let place = Place::with(&step("{context: folder, dockerfile: in/My}", "cd /all && find . -type f"));
        place.write("folder/in/My", text);
        place.write("folder/in/My.dockerignore", "key\nin\n");
        place.write("folder/.dockerignore", "a\n.dockerignore\n");
        place.write("folder/key", "");
        place.write("folder/a", "");
        let mut sent = said(&run(&place, &daemon, builder).code(0));
        sent.retain(|path| path != "./.dockerignore");
        assert_eq!(sent, ["./a"], "{name}: its own patterns, and no others");
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn buildkit_has_mounts_and_both_builders_have_the_credentials() {
    let (daemon, registry) = (Daemon::start(), Registry::locked());
    let image = registry.hold(&daemon, "private:1");
    let place = Place::with(&step("{context: folder, args: {WHO: \"a b&c\"}, target: last}", "cat /who"));
    place.write(
        "folder/Dockerfile",
        format!(
            "FROM {image} AS last\nARG WHO\nRUN --mount=type=tmpfs,target=/tmp/t echo \"$WHO\" > /who && ls -d /tmp/t\n\
             FROM last AS other\nRUN exit 1\n"
        ),
    );
    run(&place, &daemon, "1").code(1).says("cannot be built").says("401 Unauthorized");
    run(&place, &daemon, "0").code(1).says("cannot be built").says("no basic auth credentials");
    registry.log_in(&place.join("config"), USER, PASSWORD);
    assert_eq!(said(&run(&place, &daemon, "1").code(0)), ["a b&c"]);
    run(&place, &daemon, "0").code(1).says("the --mount option requires BuildKit");
}

/// A socket in front of an engine that lets no session through, as some that guard one do.
fn guarded(listener: UnixListener, engine: PathBuf) {
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut engine = UnixStream::connect(&engine).unwrap();
            std::thread::spawn(move || {
                let mut piece = vec![0; 64 << 10];
                let count = client.read(&mut piece).unwrap();
                if piece.starts_with(b"POST /session") {
                    client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").unwrap();
                    return;
                }
                engine.write_all(&piece[..count]).unwrap();
                let (mut from, mut to) = (engine.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    // Either side may hang up.
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
                let _ = std::io::copy(&mut client, &mut engine);
                let _ = engine.shutdown(Shutdown::Write);
            });
        }
    });
}

#[test]
#[ignore = "needs root and Docker"]
fn an_engine_that_takes_no_session_builds_in_the_classic_way() {
    let daemon = Daemon::start();
    let place = Place::with(&step("folder", "ls /all"));
    place.write("folder/Dockerfile", "FROM alpine:3.20\nCOPY . /all/\n");
    let socket = place.join("guard.sock");
    guarded(UnixListener::bind(&socket).unwrap(), daemon.socket());
    let mut command = command(&place, &daemon, "1", &["run", "--format", "plain"]);
    let ran = Ran::of(command.env("DOCKER_HOST", format!("unix://{}", socket.display())).output().unwrap());
    assert_eq!(said(&ran.code(0).says("building without BuildKit").says("403")), ["Dockerfile"]);
}

#[test]
#[ignore = "needs root and Docker"]
fn a_build_that_fails_shows_what_was_last_written() {
    let daemon = Daemon::start();
    let place = Place::with(&step("folder", "true"));
    place.write(
        "folder/Dockerfile",
        "FROM alpine:3.20\nRUN echo so far && seq 100 && echo so good && exit 7\n",
    );
    for (name, builder) in BUILDERS {
        let ran = run(&place, &daemon, builder).code(1).says("cannot be built").says("so good").says(" 7");
        assert!(!ran.stdout.contains("so far\n"), "{name}: only the last lines:\n{}", ran.stdout);
    }
    place.write("folder/Dockerfile", "FROM alpine:3.20\nWHAT\n");
    for (_, builder) in BUILDERS {
        run(&place, &daemon, builder).code(1).says("cannot be built").says("unknown instruction: WHAT");
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn a_build_that_is_stopped_leaves_nothing() {
    let daemon = Daemon::start();
    for (name, builder) in BUILDERS {
        for how in ["INT", "KILL"] {
            let place = Place::with(&step("folder", "true"));
            // A number of its own tells its process from all others.
            let sleep = format!("sleep {}", 1_000_000 + u64::from(std::process::id()) % 100_000 * 10);
            place.write("folder/Dockerfile", format!("FROM alpine:3.20\nRUN exec {sleep}\n"));
            let runs = || {
                let found = Command::new("pgrep").args(["--full", "--exact", &sleep]).output().unwrap();
                !found.stdout.is_empty()
            };
            let mut started = command(&place, &daemon, builder, &["run", "--format", "plain"]);
            let started = Running::of(started.stdout(std::process::Stdio::piped()).spawn().unwrap());
            eventually(runs, || format!("{name}: the build has not begun"));
            signal(how, &started.id().to_string());
            started.end();
            eventually(|| !runs(), || format!("{name}: the build goes on after {how}"));
            let all = ["ps", "--all", "--quiet"];
            eventually(|| daemon.docker(&all).is_empty(), || format!("{name}: {}", daemon.docker(&all)));
        }
    }
}
