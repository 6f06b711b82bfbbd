//! Values that begin an argument where one with a dash at its start would be an option, and would do harm.
//!
//! Only few programs and few values are looked at. What the file itself says (a default, a step's own output,
//! the number of the run) has no dash that a reader of the file does not see, and the argument of an option
//! is no option. What is left is text from outside, given to a program that is known to read options.

use std::ops::Range;

use super::commands::{Command, Word};
use super::{ReadStep, Scene, programs, reader};
use crate::file::params::value::whole;
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Param, ParamKind};

/// What a pattern is tried with: if it takes none of these, it is taken to keep dashes out.
const DASHES: [&str; 8] = ["-", "-x", "-rf", "-1", "--help", "--x=y", "-x y", "-x/y.z"];

pub(super) fn check(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    for script in &scene.scripts {
        for range in &script.text.leading {
            found.extend(warning(scene, script, range));
        }
    }
}

fn warning(scene: &Scene<'_>, script: &ReadStep<'_>, range: &Range<usize>) -> Option<Diagnostic> {
    let shown = script.text.source.get(range.clone())?;
    let name = reader::name(shown.trim_start_matches('{').trim_end_matches('}'));
    let param = param(scene, script, &name)?;
    let (command, position) = operand(script, range)?;
    let is_in_reach = match programs::operand(command, position)? {
        programs::Operand::AnyText => true,
        programs::Operand::Name => param.default.is_none(),
    };
    if !is_in_reach || !may_begin_with_dash(param) {
        return None;
    }
    let program = command.program();
    let message = format!("`{program}` takes a value with a dash at its start for an option here: `{shown}`");
    let help = match &param.kind {
        ParamKind::String { .. } => format!(
            "write `--` before it, or give `{}` a `pattern` such as `[^-].*`; if it names a file, `type: path` \
             makes it safe",
            param.name
        ),
        _ => "write `--` before it".to_owned(),
    };
    Some(scene.warning(Code::LeadingDash, script.text, range.clone(), message).help(help))
}

/// The param that an expression is: its own name, or that of the only list that a loop can go through.
fn param<'p>(scene: &Scene<'p>, script: &ReadStep<'_>, name: &str) -> Option<&'p Param> {
    let end = name.find(|c: char| !c.is_alphanumeric() && !"_.(".contains(c)).unwrap_or(name.len());
    let root = name.get(..end)?;
    let params = scene.pipeline.params_in(script.step.call);
    let is_looped =
        |param: &&Param| param.kind == ParamKind::List && script.text.params.contains(&param.name);
    params
        .iter()
        .find(|param| param.name == root)
        .or_else(|| params.iter().find(is_looped).filter(|_| !root.contains(['.', '('])))
}

/// The command that has the expression at the beginning of an argument, and which argument that is.
fn operand<'s>(script: &'s ReadStep<'_>, range: &Range<usize>) -> Option<(&'s Command, usize)> {
    let holds = |word: &Word| word.range.start <= range.start && range.end <= word.range.end;
    let places = script.commands.iter().flat_map(|command| {
        let words = command.arguments().iter().enumerate();
        words.filter(|(_, word)| holds(word)).map(move |(at, word)| (command, at, word.range.len()))
    });
    places.min_by_key(|(.., length)| *length).map(|(command, at, _)| (command, at))
}

/// Whether a param may have a value that begins with a dash that the file does not mean. What the file
/// itself gives a dash, as a default or a choice, is meant as an option.
fn may_begin_with_dash(param: &Param) -> bool {
    let is_meant = param
        .default
        .as_ref()
        .is_some_and(|text| text.source.trim_start_matches(['[', '"', '\'', ' ']).starts_with('-'));
    match &param.kind {
        _ if is_meant => false,
        ParamKind::String { pattern: Some(pattern) } => {
            whole(pattern).is_ok_and(|regex| DASHES.iter().any(|text| regex.is_match(text)))
        }
        ParamKind::String { pattern: None } | ParamKind::List | ParamKind::Secret => true,
        // A path with a dash is given a `./`.
        ParamKind::Path { .. } => false,
        ParamKind::Choice { .. }
        | ParamKind::Int { .. }
        | ParamKind::Float { .. }
        | ParamKind::Bool
        | ParamKind::Duration
        | ParamKind::Size => false,
    }
}
