//! `shell:` → what interprets a script, and how values are put into it.

use crate::file::Code;
use crate::file::nearest::list;
use crate::file::yaml::{Field, OneOrMany};
use crate::pipeline::{Shell, Span};
use crate::template::{Shells, TextContext};

use super::Lowering;

/// Shells of the POSIX family.
const POSIX: &[&str] = &["bash", "sh", "dash", "ash", "ksh", "zsh"];

/// Other interpreters known by name, with what runs a script given as an argument.
const OTHERS: &[(&str, &[&str])] =
    &[("python", &["python3", "-c"]), ("node", &["node", "-e"]), ("pwsh", &["pwsh", "-Command"])];

impl Lowering<'_> {
    /// The shell of a `shell:` key; `None` if there is none or it is wrong.
    pub(super) fn shell(&mut self, field: &Field<OneOrMany<String>>) -> Option<Shell> {
        match field.get()? {
            (OneOrMany::One(name), at) => self.named_shell(name, at),
            (OneOrMany::Many(words), at) => {
                let words: Vec<String> = words.iter().filter_map(Field::value).cloned().collect();
                if words.first().is_none_or(String::is_empty) {
                    let problem = self.at(Code::UnknownShell, at, "`shell` names no program");
                    self.report(
                        problem.help("write the program and its arguments, such as `shell: [perl, -e]`"),
                    );
                    return None;
                }
                Some(Shell::Other(words))
            }
        }
    }

    fn named_shell(&mut self, name: &str, at: Span) -> Option<Shell> {
        if POSIX.contains(&name) {
            return Some(Shell::Posix(name.to_owned()));
        }
        if let Some((_, words)) = OTHERS.iter().find(|(other, _)| *other == name) {
            return Some(Shell::Other(words.iter().map(|word| (*word).to_owned()).collect()));
        }
        let known = || POSIX.iter().copied().chain(OTHERS.iter().map(|(name, _)| *name));
        let split: Vec<&str> = name.split_whitespace().collect();
        let program = name.rsplit('/').next().unwrap_or_default();
        let program = if program == "powershell" { "pwsh" } else { program };
        let is_known = name != program && known().any(|known| known == program);
        let help = match (self.nearest.find(name, known()), split.as_slice()) {
            _ if is_known => format!("write `{program}`"),
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, [_, _, ..]) => {
                format!("write a program with arguments as a list: `shell: [{}]`", split.join(", "))
            }
            (None, _) => format!(
                "known are {}; write any other as a list with what takes the script: `shell: [{name}, -c]`",
                list(known(), "and")
            ),
        };
        let problem = self.at(Code::UnknownShell, at, format!("there is no shell `{name}`")).help(help);
        self.report(problem);
        None
    }
}

/// How values are put into a script of this shell.
pub(super) fn place(shell: &Shell) -> TextContext {
    match shell {
        Shell::Auto => TextContext::PosixShell(Shells::SH),
        Shell::Posix(name) => TextContext::PosixShell(Shells::named(name)),
        Shell::Other(_) => TextContext::Interpreter,
    }
}
