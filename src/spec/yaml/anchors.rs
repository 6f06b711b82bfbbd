//! Aliases and merge keys, while a tree is built.

use std::borrow::Cow;
use std::collections::HashSet;

use super::node::{Entry, Node, Value};
use super::parse::Builder;
use crate::pipeline::Span;
use crate::spec::{Code, Problem};

/// Nodes that aliases may add to any file; a large file may add ten times its own nodes.
const ALIAS_NODES: usize = 100_000;

impl<'a> Builder<'a, '_> {
    /// YAML's merge key: entries of the maps under `<<` that the map itself does not have.
    pub(super) fn merge(&mut self, entries: Vec<Entry<'a>>) -> Vec<Entry<'a>> {
        let (merges, mut merged): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.name == "<<");
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
                    _ => self.problems.push(
                        Problem::at(Code::WrongType, self.source, at, "`<<` takes a map, or a list of maps")
                            .help("name an anchored map, such as `<<: *common`"),
                    ),
                }
            }
        }
        merged
    }

    pub(super) fn alias(&mut self, anchor: usize, at: Span) {
        let broken = Node { span: at, value: Value::Broken };
        match self.anchors.get(anchor).cloned().flatten() {
            None => {
                let message = format!("`{}` stands inside what it names", self.source.slice(at));
                let help = "an alias can only repeat something that is complete; write the value out";
                self.problems.push(Problem::at(Code::AliasLoop, self.source, at, message).help(help));
                self.finish(broken, 0, 1);
            }
            Some((node, size)) => {
                let allowed = ALIAS_NODES.max(self.nodes.saturating_mul(10));
                self.alias_nodes = self.alias_nodes.saturating_add(size);
                if self.alias_nodes <= allowed {
                    return self.finish(node, 0, size);
                }
                self.refused_alias = true;
                let message = format!("aliases repeat more than {allowed} values");
                let help = "an alias of aliases grows quickly; write the values out";
                self.problems.push(Problem::at(Code::AliasBomb, self.source, at, message).help(help));
            }
        }
    }
}

/// Nodes in a value, itself included.
pub(super) fn size(value: &Value<'_>) -> usize {
    1 + match value {
        Value::Seq(items) => items.iter().map(|item| size(&item.value)).sum(),
        Value::Map(entries) => entries.iter().map(|entry| size(&entry.value.value)).sum(),
        _ => 0,
    }
}
