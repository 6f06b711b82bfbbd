//! Files that are for another tool: nothing else needs to be said of them.

use super::{Code, Diagnostic, foreign, yaml};
use crate::pipeline::{Source, Span};

/// Reports a file that is for another tool, and is not even YAML.
pub(super) fn no_yaml(source: &Source) -> Option<Diagnostic> {
    let name = source.path().file_name().unwrap_or_default().to_string_lossy();
    let tool = foreign::OtherTool::of_text(&name, source.text())?;
    let message = format!("this file is {}, not a pipeline of `pipe`", tool.file());
    let at = Span::new(source.start(), source.start());
    Some(Diagnostic::at(Code::ForeignFile, source, at, message).help(tool.help()))
}

/// Reports a file that is for another tool.
pub(super) fn pipeline(root: &yaml::Node<'_>, source: &Source) -> Option<Diagnostic> {
    let entries = root.value.entries()?;
    let keys = |node: &yaml::Node<'_>| {
        Some(node.value.entries()?.iter().map(|entry| entry.name.clone().into_owned()).collect())
    };
    let top: Vec<foreign::TopKey<'_>> = entries
        .iter()
        .map(|entry| foreign::TopKey {
            name: entry.name.as_ref(),
            keys: keys(&entry.value),
            is_text: matches!(entry.value.value, yaml::Value::Scalar(_)),
        })
        .collect();
    let (tool, key) = foreign::OtherTool::of(&top)?;
    let at = entries.get(key)?.at;
    let message = format!("this file is {}, not a pipeline of `pipe`", tool.file());
    Some(Diagnostic::at(Code::ForeignFile, source, at, message).help(tool.help()))
}
