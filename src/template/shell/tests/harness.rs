//! Real shells: scripts go in, records come out.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use super::contexts::{CONTEXTS, Context};
use super::script;
use crate::template::Shells;

/// The shells that everything is tried in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    Bash,
    Dash,
    /// busybox's.
    Ash,
    Ksh,
    Mksh,
    Zsh,
}

impl Shell {
    /// The shells that run no value.
    const EVERY: [Self; 6] = [Self::Bash, Self::Dash, Self::Ash, Self::Ksh, Self::Mksh, Self::Zsh];

    /// Those of this machine. Elsewhere than in `tests/run`, which insists on all of them, a shell may be
    /// missing.
    pub(super) fn every() -> impl Iterator<Item = Self> {
        static HERE: LazyLock<Vec<Shell>> =
            LazyLock::new(|| Shell::EVERY.into_iter().filter(|shell| shell.is_here()).collect());
        HERE.iter().copied()
    }

    /// Those of this machine that values come out of as they went in.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Self::every().filter(|shell| [Self::Bash, Self::Dash, Self::Ash].contains(shell))
    }

    fn is_here(self) -> bool {
        let ran = self.command().args(["-c", ":"]).stdin(Stdio::null()).output();
        ran.is_ok_and(|output| output.status.success())
    }

    /// Returns the shell in the tables.
    pub(super) fn shells(self) -> Shells {
        match self {
            Self::Bash => Shells::BASH,
            Self::Dash => Shells::DASH,
            Self::Ash => Shells::ASH,
            Self::Ksh => Shells::KSH,
            Self::Mksh => Shells::MKSH,
            Self::Zsh => Shells::ZSH,
        }
    }

    /// Returns the shell by itself, ready for arguments.
    pub(super) fn command(self) -> Command {
        match self {
            Self::Bash => Command::new("bash"),
            Self::Dash => Command::new("dash"),
            Self::Ksh => Command::new("ksh"),
            Self::Mksh => Command::new("mksh"),
            Self::Zsh => {
                let mut command = Command::new("zsh");
                command.arg("-f");
                command
            }
            Self::Ash => {
                let mut command = Command::new("busybox");
                command.arg("ash");
                command
            }
        }
    }

    /// Returns the contexts that it knows the grammar of.
    pub(super) fn contexts(self) -> Vec<&'static Context> {
        CONTEXTS.iter().filter(|context| self == Self::Bash || !context.bash).collect()
    }
}

/// Runs a script in a folder; gives the records that it prints, and what it has to complain about.
pub(super) fn run(shell: Shell, text: &str, folder: &Path) -> Vec<String> {
    let file = folder.join(".script");
    fs::write(&file, text).expect("the folder can be written");
    let mut command = shell.command();
    confine(&mut command, folder);
    let output = command
        .arg(&file)
        .env("PIPE_SECRET_token", "s3'c\"r $et")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{shell:?} does not run: {error}"));
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.stderr.is_empty() {
        printed.push_str(&format!("stderr: {}", String::from_utf8_lossy(&output.stderr)));
    }
    printed.split_inclusive('\0').map(|record| record.trim_end_matches('\0').to_owned()).collect()
}

/// The user that scripts run as, which owns nothing.
const UNPRIVILEGED: u32 = 65534;

/// Lets a random script write nowhere but in its folder: as root, `>$SHELL` would be the end of a shell.
pub(super) fn confine(command: &mut Command, folder: &Path) {
    command.current_dir(folder).env_remove("SHELL");
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if is_root {
        std::os::unix::fs::chown(folder, Some(UNPRIVILEGED), Some(UNPRIVILEGED))
            .expect("the folder is this test's");
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
}

/// Returns names of the files that a run has made.
pub(super) fn made(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name != ".script").collect()
}

/// A script with a value in it, and what it has to print.
pub(super) struct Case {
    pub(super) source: String,
    pub(super) value: String,
    pub(super) text: String,
    pub(super) prints: Vec<String>,
}

/// Returns the cases of contexts and values, without those that are refused with a reason that lies in the
/// value.
pub(super) fn cases(contexts: &[&Context], values: &[&str]) -> Vec<Case> {
    let mut cases = Vec::new();
    for context in contexts {
        for value in values {
            match script(context.script, value) {
                Ok(text) => cases.push(Case {
                    source: context.script.to_owned(),
                    value: (*value).to_owned(),
                    text,
                    prints: (context.prints)(value),
                }),
                Err(error) => {
                    assert!(is_for_the_value(&error.message), "{}: {value:?}: {error}", context.script);
                }
            }
        }
    }
    cases
}

/// Returns whether a refusal is one of those that a value can get where others are taken.
pub(super) fn is_for_the_value(message: &str) -> bool {
    ["here-document", "`<<-` drops", "cannot begin with `%`", "begins with `(`"]
        .iter()
        .any(|part| message.contains(part))
}

/// Runs all cases in one script; where that goes wrong, each by itself.
pub(super) fn check(shell: Shell, cases: &[Case]) {
    let folder = tempfile::tempdir().expect("a folder");
    let whole: String = cases.iter().map(|case| format!("{}\n", case.text)).collect();
    let expected = cases.iter().flat_map(|case| &case.prints);
    if run(shell, &whole, folder.path()).iter().eq(expected) && made(folder.path()).is_empty() {
        return;
    }
    for Case { source, value, text, prints } in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let printed = run(shell, text, folder.path());
        assert_eq!(printed, *prints, "{shell:?}: {source:?} with {value:?}:\n{text}");
        assert_eq!(made(folder.path()), [""; 0], "{shell:?}: {source:?} with {value:?}:\n{text}");
    }
    panic!("{shell:?}: the scripts are right one by one, but not together");
}

#[test]
#[ignore = "needs what tests/run installs"]
fn every_shell_is_here() {
    for shell in Shell::EVERY {
        assert!(shell.is_here(), "{shell:?} is missing");
    }
}
