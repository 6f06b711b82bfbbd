//! From a shell's name to a command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::pipeline::Shell;

/// What `shell: auto` is on this machine.
#[derive(Debug)]
pub(super) struct Shells {
    has_bash: bool,
}

impl Shells {
    pub(super) fn find() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let has_bash =
            std::env::split_paths(&path).map(|dir: PathBuf| dir.join("bash")).any(|file| file.is_file());
        Self { has_bash }
    }

    /// Program and arguments. Every shell stops at the first failing command, and at a failing part of a pipe where it
    /// can tell.
    pub(super) fn argv(&self, shell: &Shell, script: &str) -> Vec<OsString> {
        let words: &[&str] = match shell {
            Shell::Auto if self.has_bash => &["bash", "-eo", "pipefail", "-c"],
            Shell::Auto => &["sh", "-ec"],
            Shell::Posix(name) => match name.as_str() {
                "bash" | "ksh" | "zsh" => &[name, "-eo", "pipefail", "-c"],
                other => &[other, "-ec"],
            },
            Shell::Other(words) => {
                return words.iter().map(OsString::from).chain([OsString::from(script)]).collect();
            }
        };
        words.iter().map(OsString::from).chain([OsString::from(script)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_stop_at_the_first_failure() {
        let argv = |has_bash, shell: Shell| Shells { has_bash }.argv(&shell, "x y").join(" ".as_ref());
        assert_eq!(argv(true, Shell::Auto), "bash -eo pipefail -c x y");
        assert_eq!(argv(false, Shell::Auto), "sh -ec x y");
        assert_eq!(argv(true, Shell::Posix("dash".into())), "dash -ec x y");
        assert_eq!(argv(true, Shell::Other(vec!["python3".into(), "-c".into()])), "python3 -c x y");
    }
}
