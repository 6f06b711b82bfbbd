//! A canary: a secret that is used in every place where one may stand, and printed in every way. It must be
//! found nowhere.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::support::containers::Lane;
use crate::support::processes::eventually;
use crate::support::{Place, Ran};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

const CANARY: &str = "c4n4ry>s3cr3t/\"+'x&~?";
const IN_ALPINE: &str = "    image: alpine:3.20\n    network: none\n";

/// Prints the canary in every way that a step may come upon.
const PRINT: &str = r#"
v={{ token }}
echo whole {{ token }} a{{ token }}b "c{{ token }}d" 'e{{ token }}f' # {{ token }}
cat <<EOF
here {{ token }} and {{ made }}
EOF
echo variable "$HEADER" "$PIPE_SECRET_token" >&2
echo file; cat "$PIPE_SECRETS/token"; echo; cat "$PIPE_SECRETS/made" >&2
printf %s "$v" | dd bs=1 2>/dev/null; echo
for before in '' x xy user: 'a longer text'; do
  printf %s "$before$v" | base64
  printf '%s\n' "$before$v and more" | base64 -w 10 >&2
  printf %s "$before$v" | base64 | tr +/ -_
done
printf %s "$v" | od -An -v -tx1 | tr -d '\n' | tr ' ' %; echo
printf %s "$v" | sed 's/[\\"]/\\&/g; s/.*/{"token":"&"}/'; echo
set -x
test "$v" != ''
set +x
"#;

/// A pipeline that prints it, with its steps on this machine or in containers.
fn scene(container: &str) -> Place {
    let print = PRINT.trim().replace('\n', "\n      ");
    let place = Place::with(&format!(
        r#"
params:
  token: {{type: secret, env: CANARY}}
  made: {{type: secret, default: 'Bearer {{{{ token }}}}'}}
on_error: continue
outputs:
  got: '{{{{ steps.give.outputs.got }}}}'
steps:
  - name: print
    run: |
      {print}
    env: {{HEADER: '{{{{ made }}}}'}}
    secrets: [token, made]
{container}
  - name: give
    run: echo got={{{{ token }}}} >> "$PIPE_OUTPUT"
{container}
  - name: take
    run: test "$GOT" = {{{{ token }}}} && echo taken "$GOT"
    env: {{GOT: '{{{{ steps.give.outputs.got }}}}'}}
{container}
  - name: stream
    run: printf '%s' {{{{ token }}}}
    output: exact
{container}
  - name: keep
    run: cat > copy
    input: exact
{container}
  - name: bad-values
    run: echo {{{{ token }}}} >> "$PIPE_OUTPUT"
    on_error: ignore
{container}
  - name: no-such-folder
    run: echo hello
    working_dir: '/no/{{{{ token }}}}'
    on_error: ignore
  - name: wait
    run: echo ready; read x < go; echo {{{{ token }}}} "$x"
    secrets: made
{container}
  - name: wait-with-files
    run: read x < go2; cat "$PIPE_SECRETS/token"
    secrets: token
{container}
"#
    ));
    place.sh("mkfifo go go2");
    place
}

/// What must be nowhere: the canary, the part of its base64 that no neighbour changes, and its other
/// spellings.
fn spellings() -> Vec<Vec<u8>> {
    let mut found = vec![CANARY.as_bytes().to_vec()];
    for (before, start) in [(0, 0), (1, 2), (2, 3)] {
        let all = [&vec![0; before], CANARY.as_bytes()].concat();
        let end = 8 * all.len() / 6;
        for encoded in [STANDARD_NO_PAD.encode(&all), URL_SAFE_NO_PAD.encode(&all)] {
            found.push(encoded[start..end].into());
        }
    }
    found.push(CANARY.bytes().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect());
    found.push(CANARY.replace('"', "\\\"").into());
    found.push(CANARY.replace('\'', r"'\''").into());
    found
}

#[track_caller]
fn is_clean(what: &str, bytes: &[u8]) {
    let unwrapped: Vec<u8> = bytes.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
    for spelling in spellings() {
        for bytes in [bytes, &unwrapped] {
            let found = bytes.windows(spelling.len()).position(|part| part == spelling);
            let shown = String::from_utf8_lossy(bytes);
            assert!(found.is_none(), "{what} shows {}:\n{shown}", String::from_utf8_lossy(&spelling));
        }
    }
}

/// Every file below a folder, and their names.
#[track_caller]
fn is_clean_below(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        is_clean("a file's name", path.as_os_str().as_bytes());
        if path.is_dir() {
            is_clean_below(&path);
        } else {
            is_clean(&path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
}

/// The arguments of every process.
fn no_process_shows_it() {
    for entry in fs::read_dir("/proc").unwrap() {
        // A process may end meanwhile.
        if let Ok(arguments) = fs::read(entry.unwrap().path().join("cmdline")) {
            is_clean("the list of processes", &arguments);
        }
    }
}

fn folders_of_secrets(run: &OsStr) -> usize {
    let name = format!("pipe-secrets-{}-", run.to_str().unwrap());
    let entries = fs::read_dir("/dev/shm").unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with(&name)).count()
}

/// A named pipe, open for writing: waits until a step reads from it.
#[track_caller]
fn writer(path: &Path) -> fs::File {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut found = None;
    eventually(
        || {
            found = fs::File::options().write(true).custom_flags(flags).open(path).ok();
            found.is_some()
        },
        || format!("no step reads from {}", path.display()),
    );
    found.unwrap()
}

/// Runs the scene; looks at everything while it runs and after it.
#[track_caller]
fn is_nowhere(container: &str, format: &str, lane: &str) -> Ran {
    let place = scene(container);
    let mut command = place.command(&["run", "--format", format, "--stream-lane", lane]);
    let debug_log = place.join("debug.log");
    command.env("CANARY", CANARY).env("PIPE_LOG", "trace").env("PIPE_LOG_FILE", &debug_log);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A step that waits has begun once its pipe can be opened.
    let [go, go2] = ["go", "go2"].map(|name| writer(&place.join(name)));
    no_process_shows_it();
    let run = place.run_dir();
    let id = run.file_name().unwrap();
    assert_eq!(folders_of_secrets(id), 1);
    if !container.is_empty() {
        let filter = format!("--filter label=pipe.run={}", id.to_str().unwrap());
        let found = place.sh(&format!(
            "docker inspect $(docker ps -aq {filter} --filter label=pipe.step=wait-with-files)"
        ));
        assert!(found.contains("\"/run/secrets\""), "{found}");
        is_clean("docker inspect", found.as_bytes());
    }
    for mut go in [go, go2] {
        go.write_all(b"on\n").unwrap();
    }
    let output = child.wait_with_output().unwrap();
    is_clean("stdout", &output.stdout);
    is_clean("stderr", &output.stderr);
    is_clean_below(&place.join(".pipe"));
    let debug_log = fs::read_to_string(debug_log).unwrap();
    is_clean("the debug log", debug_log.as_bytes());
    let started = if container.is_empty() { "host: process started" } else { "docker: start container" };
    for message in ["reaper: register", "gang: attempt ended", started] {
        assert!(debug_log.contains(message), "{message} is missing in:\n{debug_log}");
    }
    assert_eq!(folders_of_secrets(id), 0);
    assert_eq!(place.read("copy"), CANARY, "streams are data");
    assert_eq!(place.outcome("take"), "succeeded", "values are exact");
    assert!(place.journal().iter().any(|record| record["outputs"]["got"] == "***"));
    let log = fs::read_to_string(run.join("logs/print.log")).unwrap();
    let parts = [
        "whole *** a***b c***d e***f\n",
        "here *** and ***\n",
        "\n***\n",
        "{\"token\":\"***\"}\n",
        "variable ***",
    ];
    for part in parts {
        assert!(log.contains(part), "{part:?} is not in:\n{log}");
    }
    Ran::of(output)
}

#[test]
fn a_secret_is_nowhere_on_this_machine() {
    is_nowhere("", "plain", "auto").code(0);
    is_nowhere("", "json", "auto").code(0);
}

#[test]
#[ignore = "needs Docker"]
fn any_user_of_a_container_reads_its_files_and_none_changes_them() {
    for lane in [Lane::Fifo, Lane::Attach] {
        let place = Place::with(&format!(
            r#"
params: {{token: {{type: secret}}}}
steps:
  - name: read
    run: |
      test "$PIPE_SECRETS" = /run/secrets
      test "$(cat /run/secrets/token)" = hunter22
      if echo more > /run/secrets/token || rm /run/secrets/token; then exit 3; fi
    secrets: token
    user: '1234:1234'
{IN_ALPINE}"#
        ));
        place.write("token", "hunter22\n");
        place.pipe(&["run", "-p", "token=@token", "--stream-lane", lane.name()]).code(0);
        place.no_container_is_left();
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_secret_is_nowhere_with_containers() {
    for lane in [Lane::Fifo, Lane::Attach] {
        is_nowhere(IN_ALPINE, "plain", lane.name()).code(0);
    }
    is_nowhere(IN_ALPINE, "json", "auto").code(0);
}
