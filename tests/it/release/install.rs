//! `install.sh`: what it installs, what it refuses, and that it leaves nothing behind when it does not
//! install.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::published::{Programs, Releases, VERSION, repository};
use crate::support::server::output;
use crate::support::web::{Manner, Web};
use crate::support::{Place, Ran};

/// A machine of a user who wants `pipe`.
struct Machine {
    home: Place,
    temp: Place,
    programs: Programs,
}

impl Machine {
    fn with(programs: &[&str]) -> Self {
        Self { home: Place::new(), temp: Place::new(), programs: Programs::with(programs) }
    }

    /// A shell here, to be given a script on its standard input.
    fn shell(&self, shell: &[&str], releases: &str) -> Command {
        let mut command = Command::new(self.programs.path().join(shell[0]));
        command.args(&shell[1..]).current_dir(self.temp.path()).env_clear();
        command
            .env("PATH", self.programs.path())
            .env("HOME", self.home.path())
            .env("TMPDIR", self.temp.path());
        command.env("PIPE_VERSION", VERSION).env("PIPE_RELEASES", releases);
        command.stdin(File::open(repository("install.sh")).unwrap());
        command
    }

    fn install(&self, releases: &str) -> Ran {
        Ran::of(self.shell(&["sh"], releases).output().unwrap())
    }

    fn pipe(&self) -> PathBuf {
        self.home.join(".local/bin/pipe")
    }

    /// Everything in its folders.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        [&self.home, &self.temp].iter().for_each(|place| list(place.path(), &mut found));
        found
    }

    /// Fails to install, says why, and leaves all as it was.
    #[track_caller]
    fn refuses(&self, releases: &str, code: i32, why: &str) {
        let before = self.files();
        self.install(releases).code(code).says(why);
        assert_eq!(self.files(), before);
    }
}

/// A machine whose `wget` is that of busybox.
fn with_busybox() -> Machine {
    let machine = Machine::with(&["busybox"]);
    machine.programs.add("wget", "exec busybox wget \"$@\"");
    machine
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        found.push(path.clone());
        if path.is_dir() {
            list(&path, found);
        }
    }
}

#[test]
#[ignore = "needs busybox"]
fn it_installs_in_every_shell() {
    let releases = Releases::new();
    for shell in [["dash"].as_slice(), &["bash"], &["bash", "--posix"], &["busybox", "ash"]] {
        let machine = Machine::with(&["curl", "dash", "busybox"]);
        let ran = Ran::of(machine.shell(shell, &releases.address()).output().unwrap()).code(0);
        let pipe = machine.pipe();
        let ran = ran.says(&format!("installed pipe {VERSION} as {}", pipe.display()));
        ran.says(&format!("export PATH=\"{}:$PATH\"", pipe.parent().unwrap().display()));
        assert!(output(Command::new(&pipe).arg("--version")).contains(VERSION), "{shell:?}");
        assert_eq!(fs::metadata(&pipe).unwrap().permissions().mode() & 0o7777, 0o755);
        let local = machine.home.join(".local");
        assert_eq!(machine.files(), [local.clone(), local.join("bin"), pipe], "and nothing else");
    }
}

#[test]
fn it_installs_over_an_older_one_and_where_it_is_told_to() {
    let releases = Releases::new();
    let web = Web::of(releases.path(), Manner::Whole);
    let machine = Machine::with(&["curl"]);
    let folder = machine.home.join("my programs");
    machine.home.write("my programs/pipe", "old");
    let mut shell = machine.shell(&["sh"], web.address());
    let path = format!("{}:{}", machine.programs.path().display(), folder.display());
    let ran = Ran::of(shell.env("PIPE_INSTALL_DIR", &folder).env("PATH", path).output().unwrap()).code(0);
    assert!(!ran.stderr.contains("not on your PATH"), "{}", ran.stderr);
    assert!(output(Command::new(folder.join("pipe")).arg("--version")).contains(VERSION));
    assert_eq!(machine.files(), [folder.clone(), folder.join("pipe")]);
}

#[test]
#[ignore = "needs busybox"]
fn wget_will_do() {
    let releases = Releases::new();
    let good = Web::of(releases.path(), Manner::Whole);
    let empty = Releases::empty();
    let nowhere = Web::of(empty.path(), Manner::Whole);
    let broken = Web::of(releases.path(), Manner::Broken);
    for machine in [Machine::with(&["wget"]), with_busybox()] {
        machine.refuses(nowhere.address(), 4, "there is no http://127.0.0.1:");
        machine.refuses(broken.address(), 1, "cannot download");
        machine.install(good.address()).code(0);
        assert!(machine.pipe().is_file());
    }
}

#[test]
fn an_address_with_a_user_name_is_refused_whatever_stands_there() {
    let machine = Machine::with(&["curl"]);
    for address in [
        "http://127.0.0.1:80@releases.example/x",
        "http://localhost:@releases.example",
        "http://127.0.0.1:80?@releases.example/x",
        "https://me:word@releases.example/x",
    ] {
        machine.refuses(address, 1, "has no user name in it");
    }
    machine.refuses("http://releases.example/a@b", 1, "releases come by https");
}

#[test]
fn the_copy_in_a_release_knows_where_it_belongs() {
    let releases = Releases::new();
    let machine = Machine::with(&["curl"]);
    let script = output(Command::new(repository(".ci/installer")).arg(releases.address()));
    machine.temp.write("install.sh", script + "\n");
    let mut shell = machine.shell(&["sh"], "");
    shell.env_remove("PIPE_VERSION").env_remove("PIPE_RELEASES");
    shell.stdin(File::open(machine.temp.join("install.sh")).unwrap());
    Ran::of(shell.output().unwrap()).code(0).says("installed pipe");
}

#[test]
fn a_copy_of_no_release_says_what_it_needs() {
    let machine = Machine::with(&["curl"]);
    for (missing, says) in
        [("PIPE_VERSION", "name one in PIPE_VERSION"), ("PIPE_RELEASES", "set PIPE_RELEASES")]
    {
        let ran = machine.shell(&["sh"], "file:///nowhere").env_remove(missing).output().unwrap();
        Ran::of(ran).code(1).says(says);
    }
    for version in ["latest", "1.0/../..", "1.0 2", "$(id)"] {
        let ran = machine.shell(&["sh"], "file:///nowhere").env("PIPE_VERSION", version).output().unwrap();
        Ran::of(ran).code(1).says("is not a version");
    }
    assert_eq!(machine.files(), [""; 0].map(PathBuf::from));
}

#[test]
fn a_bad_checksum_is_refused() {
    let releases = Releases::new();
    let machine = Machine::with(&["curl"]);
    machine.install(&releases.address()).code(0);
    let installed = fs::read(machine.pipe()).unwrap();
    releases.tamper();
    machine.refuses(&releases.address(), 1, "the checksum of pipe-");
    assert!(fs::read(machine.pipe()).unwrap() == installed, "the old one stays");
    fs::write(releases.checksum(), "").unwrap();
    machine.refuses(&releases.address(), 1, "the checksum of pipe-");
    fs::remove_file(releases.checksum()).unwrap();
    machine.refuses(&releases.address(), 1, "the release has no checksum");
}

#[test]
fn what_is_missing_is_named() {
    let releases = Releases::new();
    Machine::with(&[]).refuses(&releases.address(), 1, "curl or wget is needed");
    let machine = Machine::with(&["curl"]);
    machine.refuses(&Releases::empty().address(), 4, "there is no file://");
    machine.refuses("http://server.example", 1, "releases come by https");
    fs::remove_file(machine.programs.path().join("sha256sum")).unwrap();
    machine.refuses(&releases.address(), 1, "sha256sum or shasum is needed");
    machine.programs.add("uname", "[ \"$1\" = -s ] && echo Plan9 || echo mips");
    machine.refuses(&releases.address(), 1, "no released `pipe` for Plan9 on mips");
}

#[test]
#[ignore = "needs busybox"]
fn a_download_that_ends_early_leaves_nothing() {
    let releases = Releases::new();
    let web = Web::of(releases.path(), Manner::CutOff);
    let (curl, gnu, busybox) = (Machine::with(&["curl"]), Machine::with(&["wget"]), with_busybox());
    for machine in [curl, gnu, busybox] {
        machine.refuses(web.address(), 1, "cannot download");
    }
}

#[test]
fn a_program_that_does_not_run_here_leaves_nothing() {
    let releases = Releases::new();
    let machine = Machine::with(&["curl"]);
    let name = releases.archive().file_name().unwrap().to_str().unwrap().replace(".tar.gz", "");
    let place = Place::new();
    place.write(&format!("{name}/pipe"), "\x7fELF of another machine");
    place.sh(&format!("tar czf '{}' {name}", releases.archive().display()));
    let sum = place.sh(&format!("sha256sum <'{}'", releases.archive().display()));
    fs::write(releases.checksum(), sum).unwrap();
    machine.refuses(&releases.address(), 1, "does not run on this machine");
}

#[test]
fn a_target_that_cannot_be_written_leaves_nothing() {
    let releases = Releases::new();
    let machine = Machine::with(&["curl"]);
    machine.home.write(".local/bin/pipe/here", "");
    machine.refuses(&releases.address(), 1, ".local/bin/pipe is a folder");
    let machine = Machine::with(&["curl"]);
    machine.programs.add("cp", "echo no space left; exit 1");
    machine.refuses(&releases.address(), 1, "no space left");
}

#[test]
fn an_interrupt_leaves_nothing() {
    let releases = Releases::new();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let web = Web::of(releases.path(), Manner::Stuck);
        let machine = Machine::with(&["curl"]);
        let mut shell = machine.shell(&["sh"], web.address());
        let child = shell.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        web.wait();
        output(Command::new("kill").args([&format!("-{signal}"), "--", &format!("-{}", child.id())]));
        Ran::of(child.wait_with_output().unwrap()).code(code);
        assert_eq!(machine.files(), [""; 0].map(PathBuf::from));
    }
}

#[test]
fn a_copy_that_is_cut_off_on_its_way_does_nothing() {
    let releases = Releases::new();
    let machine = Machine::with(&["curl"]);
    let script = fs::read(repository("install.sh")).unwrap();
    let lines = (1..script.len() - 1).filter(|&at| script[at - 1] == b'\n');
    for end in lines.chain(script.len() - 4..script.len() - 1) {
        let mut shell = machine.shell(&["sh"], &releases.address());
        let mut child = shell.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // A shell that has given up reads no further.
        let _ = child.stdin.take().unwrap().write_all(&script[..end]);
        child.wait().unwrap();
        assert_eq!(machine.files(), [""; 0].map(PathBuf::from), "{end} bytes of it");
    }
}
