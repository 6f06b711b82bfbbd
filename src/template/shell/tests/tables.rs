//! The tables against the shells themselves: every name that a shell knows has been weighed.

use std::collections::BTreeSet;

use super::harness::Shell;
use crate::template::shell::table;

/// Returns what a shell prints, as words.
fn words(shell: Shell, script: &str) -> BTreeSet<String> {
    let output = shell.command().args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin").output();
    let output =
        output.unwrap_or_else(|error| panic!("{shell:?} does not run; tests/run installs it: {error}"));
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
}

/// Scripts that print a shell's own commands and keywords.
fn commands(shell: Shell) -> BTreeSet<String> {
    match shell {
        Shell::Bash => words(shell, "compgen -b; compgen -k"),
        Shell::Zsh => words(shell, "print -l ${(k)builtins} ${(k)reswords}"),
        Shell::Ksh => words(shell, "builtin | sed 's,.*/,,'; print let"),
        // `help` lists the programs in busybox as well.
        Shell::Ash => words(shell, "help").into_iter().filter(|name| is_own(shell, name)).collect(),
        // These can only be asked name by name.
        Shell::Dash | Shell::Mksh => all().into_iter().filter(|name| is_own(shell, name)).collect(),
    }
}

/// Returns every name that another shell has for a command, and those of the usual programs.
fn all() -> BTreeSet<String> {
    let others = [Shell::Bash, Shell::Zsh, Shell::Ksh].into_iter().flat_map(commands);
    others.chain(words(Shell::Ash, "help")).chain(["global", "rename", "mknod"].map(str::to_owned)).collect()
}

fn is_own(shell: Shell, name: &str) -> bool {
    let output = shell.command().args(["-c", "type \"$1\"", "sh", name]).output().expect("the shell runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.contains("builtin") || said.contains("keyword")
}

#[test]
fn every_command_of_a_shell_has_a_row() {
    for shell in Shell::every() {
        let known = |name: &String| table::command(shell.shells(), name).is_some();
        let commands = commands(shell);
        assert!(commands.len() > 20, "{shell:?} tells its commands: {commands:?}");
        let new: Vec<&String> = commands.iter().filter(|name| !known(name)).collect();
        assert_eq!(new, [""; 0], "{shell:?}: give each of these a row in table/builtins.rs");
    }
}

#[test]
fn every_variable_of_a_shell_has_a_row() {
    for shell in Shell::every() {
        let variables = match shell {
            Shell::Bash => words(shell, "compgen -v"),
            Shell::Zsh => words(
                shell,
                "zmodload zsh/parameter; typeset +m '*' | sed 's/.* //'; print -l ${(k)parameters[(R)*special*]}",
            ),
            Shell::Ksh | Shell::Mksh | Shell::Dash | Shell::Ash => {
                words(shell, "set | sed -n 's/^\\([A-Za-z_][A-Za-z_0-9]*\\).*/\\1/p'")
            }
        };
        let is_name = |name: &&String| name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
        assert!(variables.iter().any(|name| name == "PATH"), "{shell:?} tells its variables: {variables:?}");
        let new: Vec<&String> = variables
            .iter()
            .filter(is_name)
            .filter(|name| !table::is_known_variable(shell.shells(), name))
            .collect();
        assert_eq!(new, [""; 0], "{shell:?}: give each of these a row in table/variables.rs");
    }
}

/// Numbers are told by the shell: what one runs, the table must not let through.
#[test]
fn every_variable_that_a_shell_computes_is_a_number() {
    use crate::template::shell::table::{Attributes, attributes_of};
    for shell in Shell::every() {
        let names = words(shell, "set | sed -n 's/^\\([A-Za-z_][A-Za-z_0-9]*\\).*/\\1/p'");
        let more = [
            "RANDOM", "SRANDOM", "SECONDS", "OPTIND", "COLUMNS", "LINES", "HISTSIZE", "SAVEHIST", "PS4",
            "TMOUT",
        ];
        for name in names.iter().map(String::as_str).chain(more) {
            let folder = tempfile::tempdir().expect("a folder");
            for attack in ["a[$(touch X)]", "psvar[$(touch X)0]"] {
                let script = format!("{name}='{attack}'\n:\nset -x\n:");
                let mut command = shell.command();
                command.args(["-c", &script]).current_dir(folder.path()).output().expect("the shell runs");
            }
            let runs = folder.path().join("X").exists();
            let attributes = attributes_of(shell.shells(), name);
            let is_known = attributes.has(Attributes::NUMBER) || attributes.has(Attributes::CODE);
            assert!(!runs || is_known, "{shell:?} runs what is assigned to {name}");
        }
    }
}
