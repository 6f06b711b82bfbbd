//! A script as a file, where it is too long to be an argument.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::spec::{Rendered, Request};
use super::{Job, outputs};
use crate::event::EventKind;
use crate::executor::{Program, SystemError, needs_file};
use crate::pipeline::Shell;

/// The file of one attempt; dropping this removes it.
#[derive(Debug)]
pub(super) struct ScriptFile {
    path: PathBuf,
}

impl ScriptFile {
    /// Writes the script of an attempt to a file, if its shell has to read it from one.
    pub(super) fn create(
        job: &Job,
        request: &Request,
        rendered: &Rendered,
    ) -> Result<Option<Self>, SystemError> {
        let text = match &rendered.program {
            Program::Script { shell, text } if needs_file(shell, text) => text,
            Program::Script { .. } | Program::Exec { .. } | Program::Wait => return Ok(None),
        };
        let name = format!("{}-{}-script", request.step.index(), request.number);
        let file = Self { path: outputs::folder_of(job, request.step).join(name) };
        let failed = |error| SystemError::new(format!("cannot write {}", file.path.display()), error);
        file.write(text).map_err(failed)?;
        if request.number == 1 {
            job.events.send(EventKind::Note(format!(
                "the script of `{}` is longer than the system allows for an argument (128 KiB): its shell reads it from a file",
                job.pipeline.step(request.step).name
            )));
        }
        Ok(Some(file))
    }

    /// The folder keeps other users out; the program of a container may run as any user.
    fn write(&self, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&self.path)?;
        file.write_all(text.as_bytes())?;
        // The caller's umask may have taken bits away.
        file.set_permissions(Permissions::from_mode(0o444))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns the last line of a shell script that has a command, joined with those that it continues and not too long: what a failed step that printed nothing
/// can be known by. Nothing of other programs.
///
/// A trap would tell the very line, but a shell with a trap can no longer become its last command, which costs a
/// process in each step that succeeds.
pub(super) fn last_command(program: &Program) -> Option<String> {
    let text = match program {
        Program::Script { shell: Shell::Auto | Shell::Posix(_), text } => text,
        Program::Script { shell: Shell::Other(_), .. } | Program::Exec { .. } | Program::Wait => return None,
    };
    let is_command = |line: &&str| !line.is_empty() && !line.starts_with('#') && !ENDS.contains(line);
    let joined = text.replace("\\\n", " ");
    let last = joined.lines().map(str::trim).rfind(is_command)?;
    let words = last.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = words.chars().take(LONGEST).collect();
    Some(if cut.len() < words.len() { cut + "…" } else { words })
}

/// Returns what is run, in lines that begin with `+`, as shells trace their commands. Secrets stand in a script as
/// variables.
pub(super) fn traced(program: &Program) -> String {
    match program {
        Program::Script { shell: _, text } => text.lines().map(|line| format!("+ {line}\n")).collect(),
        Program::Wait => String::new(),
        Program::Exec { entrypoint, args } => {
            let words: Vec<&str> = entrypoint.iter().flatten().chain(args).map(String::as_str).collect();
            format!("+ {}\n", words.join(" "))
        }
    }
}

/// Lines that only end something else.
const ENDS: [&str; 5] = ["fi", "done", "esac", "}", ")"];

/// The longest command that is named whole, in characters.
const LONGEST: usize = 120;

impl Drop for ScriptFile {
    fn drop(&mut self) {
        // If this fails, the file goes with the run's folder.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shell: Shell, text: &str) -> Option<String> {
        last_command(&Program::Script { shell, text: text.into() })
    }

    #[test]
    fn the_last_command_is_one_line_that_does_something() {
        let auto = |text| of(Shell::Auto, text).unwrap();
        assert_eq!(auto("test -f out.tar"), "test -f out.tar");
        assert_eq!(auto("cd src\n\n  cmp a  b\n# the end\n"), "cmp a b");
        assert_eq!(auto("for f in *; do\n  grep -q x \"$f\"\ndone\n"), "grep -q x \"$f\"");
        assert_eq!(auto("curl -f \\\n  --retry 3 \\\n  http://x/\n"), "curl -f --retry 3 http://x/");
        assert!(auto(&"x".repeat(500)).ends_with("x…"));
    }

    #[test]
    fn what_is_run_is_traced_line_by_line() {
        let script = Program::Script { shell: Shell::Auto, text: "cd src\n\nmake\n".into() };
        assert_eq!(traced(&script), "+ cd src\n+ \n+ make\n");
        let exec =
            Program::Exec { entrypoint: Some(vec!["sh".into()]), args: vec!["-c".into(), "x y".into()] };
        assert_eq!(traced(&exec), "+ sh -c x y\n");
    }

    #[test]
    fn other_programs_and_empty_scripts_have_none() {
        assert_eq!(of(Shell::Other(vec!["python3".into()]), "exit(1)"), None);
        assert_eq!(of(Shell::Posix("sh".into()), "# nothing\n"), None);
        assert_eq!(last_command(&Program::Exec { entrypoint: None, args: Vec::new() }), None);
    }
}
