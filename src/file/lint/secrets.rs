//! Secrets that would stand in the argument list of a program, where every user of the machine can read them.

use std::collections::HashSet;

use super::commands::Word;
use super::{ReadStep, Scene, programs};
use crate::file::{Code, Diagnostic};

pub(super) fn check(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    for script in &scene.scripts {
        let secrets: HashSet<&str> = script.text.secrets.iter().map(String::as_str).collect();
        let variables: HashSet<&str> = script
            .step
            .env
            .iter()
            .filter(|variable| !variable.value.secrets.is_empty())
            .map(|variable| variable.name.as_str())
            .collect();
        if secrets.is_empty() && variables.is_empty() {
            continue;
        }
        for command in script.commands.iter().filter(|command| !programs::is_builtin(command.program())) {
            let is_secret = |word: &&Word| {
                word.expressions.iter().any(|name| secrets.contains(name.as_str()))
                    || word.variables.iter().any(|name| variables.contains(name.as_str()))
            };
            found.extend(command.arguments().iter().find(is_secret).map(|word| warning(scene, script, word)));
        }
    }
}

fn warning(scene: &Scene<'_>, script: &ReadStep<'_>, word: &Word) -> Diagnostic {
    let message = "the list of processes shows this secret while the program runs";
    scene
        .warning(Code::SecretInArgument, script.text, word.range.clone(), message)
        .help("let the program read it from a variable (`env:` of the step), from its stdin or from a file")
}
