//! Scripts as their shells read them: `-n` of each, where that shell is on this machine.
//!
//! Only scripts that look as if something were missing are given to a shell, which takes longer than all the rest.
//! A shell reads a script with a word in place of every value, and runs nothing of it. Only what it surely
//! refuses is reported: where branches of a template give a script several forms, all of them have to be
//! wrong.

mod words;

use std::process::Stdio;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use self::words::{Complaint, complaint};
use super::containers::runtime;
use super::error::CliError;
use crate::file::{Code, Diagnostic, locate};
use crate::pipeline::{Pipeline, Shell, Step, Template};
use crate::template::shapes;

/// How long the shells may take together. A shell reads a script in a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many shells read at once.
const AT_ONCE: usize = 8;

/// Returns the scripts that their shells cannot read.
pub(super) fn unreadable(pipeline: &Pipeline) -> Result<Vec<Diagnostic>, CliError> {
    let scripts: Vec<Script<'_>> = pipeline.steps.iter().filter_map(Script::of).collect();
    if scripts.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let checks = stream::iter(&scripts).map(|script| async move { (script, script.check().await) });
    let mut checks = checks.buffered(AT_ONCE);
    let all = async {
        while let Some((script, complaint)) = checks.next().await {
            found.extend(complaint.map(|complaint| script.problem(pipeline, &complaint)));
        }
    };
    // Shells that take longer are no reason to refuse the file.
    let _ = runtime()?.block_on(async { tokio::time::timeout(PATIENCE, all).await });
    Ok(found)
}

/// A script whose shell is known.
struct Script<'p> {
    text: &'p Template,
    /// Shells that it may be read by: the first that is here reads it.
    shells: &'static [&'static str],
    shapes: Vec<String>,
}

impl<'p> Script<'p> {
    fn of(step: &'p Step) -> Option<Self> {
        let script = step.action.script()?;
        let shells = shells(&script.shell, step.is_in_container())?;
        let text = &script.text;
        if !words::is_doubtful(&text.source) {
            return None;
        }
        let shapes = shapes(&text.source, !text.raw.is_empty());
        (!shapes.is_empty()).then_some(Self { text, shells, shapes })
    }

    /// What the shell has against every shape; nothing if it can read one.
    async fn check(&self) -> Option<Complaint> {
        let mut first = None;
        for shape in &self.shapes {
            let said = self.read(shape).await?;
            first = first.or_else(|| Some(complaint(&said, shape)));
        }
        first
    }

    /// What a shell says against a text; nothing if it can read it, or if there is no such shell.
    async fn read(&self, text: &str) -> Option<String> {
        for shell in self.shells {
            match read(shell, text).await {
                Ok(said) => return said,
                Err(_) => continue,
            }
        }
        None
    }

    fn problem(&self, pipeline: &Pipeline, complaint: &Complaint) -> Diagnostic {
        let range = complaint.range(&self.text.source);
        let at = locate(&pipeline.source, self.text, range);
        let lines = |text: &str| text.trim().lines().count();
        let is_folded = lines(pipeline.source.slice(self.text.at)) > lines(&self.text.source);
        let help = match is_folded {
            true => {
                format!("YAML joins the lines of this text to one: `run: |` keeps them; {}", complaint.help)
            }
            false => complaint.help.clone(),
        };
        Diagnostic::at(Code::ScriptSyntax, &pipeline.source, at, complaint.message.as_str()).help(help)
    }
}

/// The shells that a step's script may be read by. What `sh` is in an image is not known here.
fn shells(shell: &Shell, in_container: bool) -> Option<&'static [&'static str]> {
    Some(match shell {
        Shell::Auto if !in_container => &["bash", "sh"],
        Shell::Posix(name) => match (name.as_str(), in_container) {
            ("sh", false) => &["sh"],
            ("ash", false) => &["ash"],
            ("bash", _) => &["bash"],
            ("dash", _) => &["dash"],
            ("ksh", _) => &["ksh"],
            ("zsh", _) => &["zsh"],
            _ => return None,
        },
        Shell::Auto | Shell::Other(_) => return None,
    })
}

/// What a shell says against a text that it cannot read.
async fn read(shell: &str, text: &str) -> std::io::Result<Option<String>> {
    let options: &[&str] = match shell {
        "zsh" => &["-fn"],
        // Patterns that a script itself switches on.
        "bash" if text.contains("extglob") => &["-O", "extglob", "-n"],
        _ => &["-n"],
    };
    let mut command = Command::new(shell);
    command.args(options).env("LC_ALL", "C").env_remove("BASH_ENV").env_remove("ENV").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let write = async {
        if let Some(mut stdin) = stdin {
            // A shell that has seen enough reads no further.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    let output = output?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((!output.status.success() && !said.is_empty()).then_some(said))
}
