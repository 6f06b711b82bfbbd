//! Values that begin an argument: one with a dash at its start would be an option.

use std::ops::Range;

use super::{Scene, reader, shell_text};
use crate::file::params::value::whole;
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Param, ParamKind, Template};

/// What a pattern is tried with: if it takes none of these, it is taken to keep dashes out.
const DASHES: [&str; 8] = ["-", "-x", "-rf", "-1", "--help", "--x=y", "-x y", "-x/y.z"];

pub(super) fn check(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    for text in scene.pipeline.steps.iter().filter_map(shell_text) {
        for range in &text.leading {
            found.extend(warning(scene, text, range));
        }
    }
}

fn warning(scene: &Scene<'_>, text: &Template, range: &Range<usize>) -> Option<Diagnostic> {
    let shown = text.source.get(range.clone())?;
    let name = reader::name(shown.trim_start_matches('{').trim_end_matches('}'));
    let param = scene.pipeline.params.iter().find(|param| param.name == name);
    if !param.is_none_or(may_begin_with_dash) {
        return None;
    }
    let message = format!("a value with a dash at its start would be an option here: `{shown}`");
    let help = match param.map(|param| &param.kind) {
        Some(ParamKind::String { .. }) => format!(
            "write `--` before it if the command knows that, or give `{name}` a `pattern` such as `[^-].*`; if it \
             names a file, `type: path` makes it safe"
        ),
        _ => "write `--` before it if the command knows that".to_owned(),
    };
    Some(scene.warning(Code::LeadingDash, text, range.clone(), message).help(help))
}

/// Whether a param may have a value that begins with a dash without anybody having meant that. What the file
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
