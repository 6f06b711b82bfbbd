//! From a shell's name to the words that a script follows.

use crate::pipeline::Shell;

/// Program and arguments, to be followed by the script. Every shell stops at the first failing command, and at a failing
/// part of a pipe where it can tell. `has_bash` decides what a step runs in that names no shell.
pub(super) fn words(shell: &Shell, has_bash: bool) -> Vec<String> {
    let words: &[&str] = match shell {
        Shell::Auto if has_bash => &["bash", "-eo", "pipefail", "-c"],
        Shell::Auto => &["sh", "-ec"],
        Shell::Posix(name) => match name.as_str() {
            "bash" | "ksh" | "zsh" => &[name, "-eo", "pipefail", "-c"],
            other => &[other, "-ec"],
        },
        Shell::Other(words) => return words.clone(),
    };
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_stop_at_the_first_failure() {
        let words = |has_bash, shell: Shell| words(&shell, has_bash).join(" ");
        assert_eq!(words(true, Shell::Auto), "bash -eo pipefail -c");
        assert_eq!(words(false, Shell::Auto), "sh -ec");
        assert_eq!(words(true, Shell::Posix("dash".into())), "dash -ec");
        assert_eq!(words(false, Shell::Posix("bash".into())), "bash -eo pipefail -c");
        assert_eq!(words(true, Shell::Other(vec!["python3".into(), "-c".into()])), "python3 -c");
    }
}
