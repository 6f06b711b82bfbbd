//! Anchors, aliases and merge keys.

use std::borrow::Cow;
use std::collections::HashSet;

use super::node::{Entry, Node, Value};
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Source, Span};

/// Nodes that aliases may add to any file; a large file may add ten times its own nodes.
const ALIAS_NODES: usize = 100_000;

/// The anchored values of a file, and how much aliases have repeated of them.
#[derive(Default)]
pub(super) struct Anchors<'a> {
    /// Finished nodes by anchor, with their number of nodes.
    finished: Vec<Option<(Node<'a>, usize)>>,
    repeated: usize,
    has_refused: bool,
}

impl<'a> Anchors<'a> {
    /// Keeps a finished node that has an anchor (0 is none).
    pub(super) fn keep(&mut self, anchor: usize, node: &Node<'a>, count: usize) {
        if anchor == 0 {
            return;
        }
        if self.finished.len() <= anchor {
            self.finished.resize_with(anchor + 1, || None);
        }
        if let Some(slot) = self.finished.get_mut(anchor) {
            *slot = Some((node.clone(), count));
        }
    }

    /// Whether aliases would have repeated more than a file may.
    pub(super) fn has_refused(&self) -> bool {
        self.has_refused
    }

    /// Returns what an alias repeats, with its number of nodes, in a file that has had so many nodes until
    /// here.
    #[allow(clippy::result_large_err)] // an error ends the reading: its size costs nothing
    pub(super) fn alias(
        &mut self,
        anchor: usize,
        at: Span,
        source: &Source,
        nodes: usize,
    ) -> Result<(Node<'a>, usize), Diagnostic> {
        let Some((node, size)) = self.finished.get(anchor).cloned().flatten() else {
            let message = format!("`{}` stands inside what it names", source.slice(at));
            let help = "an alias can only repeat something that is complete; write the value out";
            return Err(Diagnostic::at(Code::AliasLoop, source, at, message).help(help));
        };
        let allowed = ALIAS_NODES.max(nodes.saturating_mul(10));
        self.repeated = self.repeated.saturating_add(size);
        if self.repeated <= allowed {
            return Ok((node, size));
        }
        self.has_refused = true;
        let message = format!("aliases repeat more than {allowed} values");
        let help = "an alias of aliases grows quickly; write the values out";
        Err(Diagnostic::at(Code::AliasBomb, source, at, message).help(help))
    }
}

/// Merges the maps under YAML's merge key `<<` into a map: entries that the map itself does not have.
pub(super) fn merge<'a>(
    entries: Vec<Entry<'a>>,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Entry<'a>> {
    let (merges, mut merged): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.name == "<<");
    let mut known: HashSet<Cow<'a, str>> = merged.iter().map(|entry| entry.name.clone()).collect();
    for Entry { at, value, .. } in merges {
        let maps = match value.value {
            Value::Seq(maps) => maps,
            _ => vec![value],
        };
        for map in maps {
            match map.value {
                Value::Map(more) => {
                    merged.extend(more.into_iter().filter(|entry| known.insert(entry.name.clone())))
                }
                Value::Broken => {}
                _ => problems.push(
                    Diagnostic::at(Code::WrongType, source, at, "`<<` takes a map, or a list of maps")
                        .help("name an anchored map, such as `<<: *common`"),
                ),
            }
        }
    }
    merged
}

/// Nodes in a value, itself included.
pub(super) fn size(value: &Value<'_>) -> usize {
    1 + match value {
        Value::Seq(items) => items.iter().map(|item| size(&item.value)).sum(),
        Value::Map(entries) => entries.iter().map(|entry| size(&entry.value.value)).sum(),
        _ => 0,
    }
}
