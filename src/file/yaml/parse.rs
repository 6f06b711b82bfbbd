//! Events of the YAML parser → a tree.

use std::borrow::Cow;

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, Span as Marks, Tag};

use super::anchors::{Anchors, merge, size};
use super::node::{Entry, Node, Scalar, Value};
use super::{bare, syntax, traps};
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Source, Span};

/// Reads the one document of a source with one file. `None` if it has none, or if what it has could not be read; the latter,
/// and whatever else is wrong on this level, is added to `problems`.
pub fn parse<'a>(source: &'a Source, problems: &mut Vec<Diagnostic>) -> Option<Node<'a>> {
    let mut builder = Builder::new(source, problems);
    for event in Parser::new_from_str(source.text()) {
        match event {
            Ok((Event::DocumentStart(..), marks)) if builder.root.is_some() => {
                builder.second_document(&marks);
                break;
            }
            // What a bomb has filled is not worth reading.
            Ok(_) if builder.anchors.has_refused() => return None,
            Ok((event, marks)) => builder.take(event, &marks),
            Err(error) => {
                let problem = syntax::explain(source, &error);
                // The tag was refused before the parser stumbled over what follows it.
                let start = |problem: &Diagnostic| Some((problem.code, problem.span?.start));
                builder.problems.retain(|other| start(other).is_none() || start(other) != start(&problem));
                builder.problems.push(problem);
                return None;
            }
        }
    }
    builder.root
}

/// A collection that is still open. `first` is where what it has so far begins among the builder's items or
/// entries.
enum Open<'a> {
    Seq { start: usize, anchor: usize, flow: bool, first: usize },
    Map { start: usize, anchor: usize, flow: bool, first: usize, key: PendingKey<'a> },
}

/// What a tag says about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tagged {
    /// Nothing that is not plain to see.
    Nothing,
    /// It is text.
    Text,
    /// It is no tag of YAML's own.
    Refused,
}

/// Where a map stands between a key and its value.
enum PendingKey<'a> {
    None,
    Some(Cow<'a, str>, Span),
    /// The key was refused; its value is dropped.
    Refused,
}

struct Builder<'a, 'p> {
    source: &'a Source,
    problems: &'p mut Vec<Diagnostic>,
    open: Vec<Open<'a>>,
    /// What the open lists have so far, one after the other: a list that is complete takes just the room that
    /// it needs.
    items: Vec<Node<'a>>,
    /// The same of the open maps.
    entries: Vec<Entry<'a>>,
    root: Option<Node<'a>>,
    anchors: Anchors<'a>,
    nodes: usize,
}

impl<'a, 'p> Builder<'a, 'p> {
    fn new(source: &'a Source, problems: &'p mut Vec<Diagnostic>) -> Self {
        Self {
            source,
            problems,
            open: Vec::new(),
            items: Vec::new(),
            entries: Vec::new(),
            root: None,
            anchors: Anchors::default(),
            nodes: 0,
        }
    }

    fn take(&mut self, event: Event<'a>, marks: &Marks) {
        let span = self.span(marks);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = self.tag(tag.as_deref(), span);
                let plain = style == ScalarStyle::Plain && tag != Tagged::Text;
                let span = self.trimmed(span);
                let value = match tag {
                    Tagged::Refused => Value::Broken,
                    Tagged::Nothing | Tagged::Text => Value::Scalar(Scalar { text, plain }),
                };
                self.finish(Node { span, value }, anchor, 1);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                let flow = span.end > span.start;
                self.open.push(Open::Seq { start: span.start, anchor, flow, first: self.items.len() });
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                let flow = span.end > span.start;
                let (first, key) = (self.entries.len(), PendingKey::None);
                self.open.push(Open::Map { start: span.start, anchor, flow, first, key });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span.end),
            Event::Alias(anchor) => match self.anchors.alias(anchor, span, self.source, self.nodes) {
                Ok((node, count)) => self.finish(node, 0, count),
                Err(problem) => {
                    let is_loop = !self.anchors.has_refused();
                    self.problems.push(problem);
                    if is_loop {
                        self.finish(Node { span, value: Value::Broken }, 0, 1);
                    }
                }
            },
            _ => {}
        }
    }

    /// What the tag before a value says about it; strange ones are refused, and so is `!` alone, which most
    /// often was meant to be the shell's.
    fn tag(&mut self, tag: Option<&Tag>, value: Span) -> Tagged {
        let Some(tag) = tag else { return Tagged::Nothing };
        let name = format!("{}{}", tag.handle(), tag.suffix());
        match name.strip_prefix("tag:yaml.org,2002:") {
            Some("str") => return Tagged::Text,
            Some("int" | "float" | "bool" | "null" | "seq" | "map") => return Tagged::Nothing,
            Some(_) | None => {}
        }
        let at = self.before(value);
        let key = self.source.around(at.start).0.trim_end();
        if key.strip_suffix("if:").is_some_and(|before| before.ends_with([' ', '\n', '{', ','])) {
            let problem = Diagnostic::at(Code::UnknownTag, self.source, at, traps::NEGATION);
            self.problems.push(problem.help("write `if: not …`"));
            return Tagged::Refused;
        }
        let message = match name.as_str() {
            "!" => "`!` alone is a tag of YAML, and would be left out of the text".to_owned(),
            _ => format!("the tag `{name}` means nothing here"),
        };
        let help = "if the `!` is part of the text, quote the whole value, or write it below the key after `|`; else leave it out";
        self.problems.push(Diagnostic::at(Code::UnknownTag, self.source, at, message).help(help));
        Tagged::Refused
    }

    /// Where the tag before a value stands.
    fn before(&self, value: Span) -> Span {
        let (before, _) = self.source.around(value.start);
        let Some(mark) = before.rfind('!') else { return value };
        let start = before.get(..mark).map_or(mark, |before| before.trim_end_matches('!').len());
        let word = before.get(start..).unwrap_or_default();
        let start = self.source.start() + start;
        Span::new(start, start + word.find(char::is_whitespace).unwrap_or(word.len()))
    }

    /// Ends the innermost collection. A flow collection ends with its bracket, a block with its last value.
    fn close(&mut self, end: usize) {
        let (start, anchor, flow, value) = match self.open.pop() {
            Some(Open::Seq { start, anchor, flow, first }) => {
                (start, anchor, flow, Value::Seq(self.items.drain(first..).collect()))
            }
            Some(Open::Map { start, anchor, flow, first, .. }) => {
                let (entries, span) = (self.entries.drain(first..).collect(), Span::new(start, end));
                (start, anchor, flow, self.map(entries, span, flow))
            }
            None => return,
        };
        let last = match &value {
            Value::Seq(items) => items.last().map(|item| item.span.end),
            Value::Map(entries) => entries.last().map(|entry| entry.value.span.end),
            _ => None,
        };
        let end = if flow { end } else { last.unwrap_or(start) };
        let count = if anchor == 0 { 1 } else { size(&value) };
        self.finish(Node { span: Span::new(start, end), value }, anchor, count);
    }

    /// The entries with `<<` merged in. A map that began with `{{` was meant to be a template.
    fn map(&mut self, entries: Vec<Entry<'a>>, span: Span, flow: bool) -> Value<'a> {
        if flow && self.source.slice(span).starts_with("{{") {
            self.problems.push(bare::problem(self.source, span.start));
            return Value::Broken;
        }
        if entries.iter().any(|entry| entry.name == "<<") {
            return Value::Map(merge(entries, self.source, self.problems));
        }
        Value::Map(entries)
    }

    /// Hands a finished node to the collection that is open, as a key or as a value.
    fn finish(&mut self, node: Node<'a>, anchor: usize, count: usize) {
        self.nodes += 1;
        self.anchors.keep(anchor, &node, count);
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Seq { .. }) => self.items.push(node),
            Some(Open::Map { key, .. }) => match std::mem::replace(key, PendingKey::None) {
                PendingKey::Some(name, at) => self.entries.push(Entry { name, at, value: node }),
                PendingKey::Refused => {}
                PendingKey::None => match node.value {
                    Value::Scalar(scalar) => *key = PendingKey::Some(scalar.text, node.span),
                    value => {
                        *key = PendingKey::Refused;
                        // `{{x}}: …` and the inside of an unquoted `{{ x }}` are maps as keys; the latter is
                        // reported as a whole, by the map around it.
                        if !self.source.around(node.span.start).0.ends_with('{')
                            && !matches!(value, Value::Broken)
                        {
                            let message = "a key must be a name, not a list or a map";
                            self.problems.push(Diagnostic::at(Code::BadKey, self.source, node.span, message));
                        }
                    }
                },
            },
        }
    }

    fn second_document(&mut self, marks: &Marks) {
        let message = "the file goes on with a second YAML document";
        let help = "keep one pipeline in one file: remove `---` and what follows";
        let problem = Diagnostic::at(Code::SeveralDocuments, self.source, self.span(marks), message);
        self.problems.push(problem.help(help));
    }

    /// The offsets of what the parser marks in its one text.
    fn span(&self, marks: &Marks) -> Span {
        let offset = |offset: Option<usize>| self.source.start() + offset.unwrap_or(0);
        Span::new(offset(marks.start.byte_offset()), offset(marks.end.byte_offset()))
    }

    /// A block scalar's span reaches to the next token; the blank rest is not part of it.
    fn trimmed(&self, span: Span) -> Span {
        Span::new(span.start, span.start + self.source.slice(span).trim_end().len())
    }
}
