//! From a script to the words that run it.

use std::path::Path;

use super::limits;
use crate::pipeline::Shell;

/// Returns whether a shell has to read a script from a file, because the text is too long to be an argument.
/// Interpreters that are no shells may not read one.
pub fn needs_file(shell: &Shell, text: &str) -> bool {
    match shell {
        Shell::Auto | Shell::Posix(_) => text.len() >= limits::ONE,
        Shell::Other(_) => false,
    }
}

/// Returns the program and arguments that run a script, or the `file` that it is in. The shell reads the file
/// as it would read the argument, so that `$0` is the same.
pub(super) fn command(shell: &Shell, has_bash: bool, text: &str, file: Option<&Path>) -> Vec<String> {
    let script = match file {
        Some(file) => format!(". '{}'", file.to_string_lossy().replace('\'', r"'\''")),
        None => text.to_owned(),
    };
    words(shell, has_bash).into_iter().chain([script]).collect()
}

/// Returns the program and arguments, to be followed by the script. Every shell stops at the first failing
/// command, and at a failing part of a pipe where it can tell. `has_bash` decides the shell of a step that
/// names none.
fn words(shell: &Shell, has_bash: bool) -> Vec<String> {
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
    fn a_file_is_named_as_it_is() {
        let words = command(&Shell::Posix("sh".into()), false, "", Some(Path::new("/it's here/script")));
        let file = words.last().unwrap();
        assert_eq!(file, r". '/it'\''s here/script'");
    }

    #[test]
    fn only_shells_are_known_to_read_a_file() {
        let long = "x".repeat(limits::ONE);
        assert!(needs_file(&Shell::Auto, &long) && needs_file(&Shell::Posix("zsh".into()), &long));
        assert!(!needs_file(&Shell::Auto, long.get(1..).unwrap_or_default()));
        assert!(!needs_file(&Shell::Other(vec!["python3".into(), "-c".into()]), &long));
    }

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
