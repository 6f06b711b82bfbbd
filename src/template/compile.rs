//! Compiling: from a source to the engine's text, every expression wrapped in the filter that escapes it for its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::emit::{Emission, emit, shell_filter, variable};
use super::interpreter::{self, ends_in};
use super::names::{self, Usage};
use super::scan::{self, Segment, Tag, scan};
use super::shell::{self, Splice};
use super::structure;
use super::token::{Kind, is_keyword};
use super::{Mistake, Names, Place, Renderer, TemplateError, engine, references};
use crate::pipeline::{OutputRef, Span, Template, Text};

/// Compiles a text for its place. Reports every problem that it can find in one go, in the order of the text.
pub fn compile(source: &str, at: Span, place: Place, names: &Names) -> Result<Template, Vec<TemplateError>> {
    if let Some(nul) = source.find('\0') {
        return Err(vec![TemplateError {
            mistake: Mistake::Syntax,
            range: nul..nul + 1,
            message: "a NUL character cannot stand here".to_owned(),
            help: Some("no program can be given one; remove it".to_owned()),
        }]);
    }
    if scan::is_literal(source) {
        return Ok(Template::literal(source, at));
    }
    let segments = scan(source).map_err(|error| vec![error])?;
    if segments.as_slice() == [Segment::Text(0..source.len())] {
        return Ok(Template::literal(source, at));
    }
    let mut compiler =
        Compiler { source, place, names, segments: &segments, leading: Vec::new(), errors: Vec::new() };
    match compiler.compile() {
        Some((compiled, usage)) if compiler.errors.is_empty() => Ok(Template::from(Text {
            at,
            source: source.to_owned(),
            compiled: Some(compiled),
            secrets: usage.secrets.into_values().flatten().collect::<BTreeSet<_>>().into_iter().collect(),
            params: usage.params.into_iter().collect(),
            outputs: usage.outputs,
            raw: compiler.raw(),
            leading: compiler.leading,
        })),
        _ => {
            let mut errors = compiler.errors;
            errors.sort_by_key(|error| (error.range.start, error.range.end));
            errors.dedup();
            Err(errors)
        }
    }
}

/// The outputs of steps that a text reads, as far as they can be told, whatever else is wrong with it.
pub fn outputs(source: &str, names: &Names) -> Vec<OutputRef> {
    let Ok(segments) = scan(source) else { return Vec::new() };
    let Ok(nodes) = structure::build(source, &segments) else { return Vec::new() };
    let unreadable =
        segments.iter().enumerate().filter(|(_, segment)| engine::check(source, segment).is_err());
    let unreadable = unreadable.map(|(index, _)| index).collect();
    names::check(source, &segments, &nodes, names, &unreadable).outputs
}

struct Compiler<'s> {
    source: &'s str,
    place: Place,
    names: &'s Names,
    segments: &'s [Segment],
    /// Expressions that begin an argument.
    leading: Vec<Range<usize>>,
    errors: Vec<TemplateError>,
}

impl<'s> Compiler<'s> {
    /// The engine's text and what it uses; nothing if an error makes the rest meaningless.
    fn compile(&mut self) -> Option<(String, Usage)> {
        let unreadable = self.check_syntax();
        let nodes = match structure::build(self.source, self.segments) {
            Ok(nodes) => nodes,
            Err(errors) => {
                self.errors.extend(errors);
                return None;
            }
        };
        let mut usage = names::check(self.source, self.segments, &nodes, self.names, &unreadable);
        self.errors.append(&mut usage.errors);
        self.check_filters(&unreadable);
        if !unreadable.is_empty() {
            return None;
        }
        let filters = match self.place {
            Place::Plain => BTreeMap::new(),
            Place::Argument => {
                self.refuse_secrets(&usage, false);
                BTreeMap::new()
            }
            Place::Interpreter => {
                self.refuse_secrets(&usage, false);
                let is_raw = |tag: &Tag| self.is_raw(tag);
                let errors = interpreter::check(self.source, self.segments, &is_raw);
                self.errors.extend(errors);
                BTreeMap::new()
            }
            Place::PosixShell => {
                self.refuse_secrets(&usage, true);
                self.shell_filters(&nodes, &usage)
            }
        };
        if !self.errors.is_empty() {
            return None;
        }
        let reveals = (self.place == Place::Plain).then_some(&usage);
        let inert = |tag: &Tag| self.place == Place::Interpreter && !self.is_raw(tag);
        let compiled = emit(self.source, self.segments, reveals, &filters, inert);
        if !self.segments.iter().all(|segment| self.is_plain(segment))
            && let Err(message) = engine::check_whole(&compiled)
        {
            self.errors.push(TemplateError {
                mistake: Mistake::Syntax,
                range: 0..self.source.len(),
                message,
                help: None,
            });
        }
        Some((compiled, usage))
    }

    fn check_syntax(&mut self) -> BTreeSet<usize> {
        let mut unreadable = BTreeSet::new();
        for (index, segment) in self.segments.iter().enumerate() {
            if !self.is_plain(segment)
                && let Err(error) = engine::check(self.source, segment)
            {
                self.errors.push(error);
                unreadable.insert(index);
            }
        }
        unreadable
    }

    /// Whether a segment is text, or a name such as `x` or `params.x`: what the engine can read without being asked. Most
    /// are, and to ask is the dearest part of a template.
    fn is_plain(&self, segment: &Segment) -> bool {
        match segment {
            Segment::Text(_) => true,
            Segment::Statement(_) => false,
            Segment::Expression(tag) => references::is_name(self.source, &tag.tokens),
        }
    }

    fn is_raw(&self, tag: &Tag) -> bool {
        ends_in(self.source, tag, "raw")
    }

    /// Where `| raw` is used.
    fn raw(&self) -> Vec<Range<usize>> {
        let tags = self.segments.iter().filter_map(Segment::tag);
        tags.filter(|tag| self.is_raw(tag)).map(|tag| tag.outer.clone()).collect()
    }

    /// `raw` says something about a whole expression, so that it must stand last and apply to all of it. In other
    /// interpreters the same holds for `tojson`.
    fn check_filters(&mut self, unreadable: &BTreeSet<usize>) {
        for (index, segment) in self.segments.iter().enumerate() {
            let has_filters = !self.is_plain(segment) && !unreadable.contains(&index);
            let Some(tag) = segment.tag().filter(|_| has_filters) else {
                continue;
            };
            let is_expression = matches!(segment, Segment::Expression(_));
            for reference in references::references(self.source, &tag.tokens) {
                let references::Reference::Filter(name, range) = reference else {
                    continue;
                };
                let matters = name == "raw" || name == "tojson" && self.place == Place::Interpreter;
                let is_last = tag.tokens.last().is_some_and(|token| token.range == range);
                if matters && !(is_expression && is_last) && name == "raw" {
                    self.errors.push(TemplateError {
                        mistake: Mistake::Syntax,
                        range,
                        message: "`raw` must stand last in an expression".to_owned(),
                        help: Some("write `{{ x | raw }}`".to_owned()),
                    });
                } else if matters && is_last && self.has_operator(tag) {
                    let inner = self.source.get(tag.inner.clone()).unwrap_or_default();
                    let before = inner.rsplit_once('|').map_or(inner, |(before, _)| before).trim();
                    self.errors.push(TemplateError {
                        mistake: Mistake::Syntax,
                        range,
                        message: format!("`{name}` applies to the last part of this expression alone"),
                        help: Some(format!("write `{{{{ ({before}) | {name} }}}}`")),
                    });
                }
            }
        }
    }

    /// Whether an expression is more than one value with its filters, outside all brackets.
    fn has_operator(&self, tag: &Tag) -> bool {
        let mut depth = 0usize;
        tag.tokens.iter().any(|token| {
            let text = token.text(self.source);
            match (token.kind, text) {
                (Kind::Symbol, "(" | "[" | "{") => depth += 1,
                (Kind::Symbol, ")" | "]" | "}") => depth = depth.saturating_sub(1),
                (Kind::Symbol, "." | "|") => {}
                (Kind::Symbol, _) => return depth == 0,
                (Kind::Name, word) => return depth == 0 && is_keyword(word),
                _ => {}
            }
            false
        })
    }

    /// Refuses secrets, except by themselves if `alone` says so.
    fn refuse_secrets(&mut self, usage: &Usage, alone: bool) {
        for (index, secrets) in &usage.secrets {
            let Some(segment) = self.segments.get(*index) else {
                continue;
            };
            let (Some(tag), Some(name)) = (segment.tag(), secrets.first()) else {
                continue;
            };
            if alone && self.secret(segment).is_some() {
                continue;
            }
            let help = format!(
                "set it in `env:`, such as `NAME: \"{{{{ {name} }}}}\"`, and use the variable in the program"
            );
            let message = match self.place {
                Place::PosixShell => format!("secret `{name}` can only stand by itself: `{{{{ {name} }}}}`"),
                Place::Argument => format!("secret `{name}` cannot stand where everybody can read it"),
                _ => format!("secret `{name}` cannot go into this script"),
            };
            self.errors.push(TemplateError {
                mistake: Mistake::Secret,
                range: tag.outer.clone(),
                message,
                help: Some(help),
            });
        }
    }

    /// The secret that an expression is, if it is one by itself.
    fn secret(&self, segment: &Segment) -> Option<&'s str> {
        let Segment::Expression(tag) = segment else {
            return None;
        };
        if tag.tokens.first()?.kind != Kind::Name {
            return None;
        }
        let path = references::path(self.source, &tag.tokens, 0);
        let name = match (path.root, path.attributes.as_slice()) {
            ("params", [name]) => *name,
            (name, []) => name,
            _ => return None,
        };
        let is_whole = path.length == tag.tokens.len();
        (is_whole && self.names.params.get(name) == Some(&true)).then_some(name)
    }

    /// The engine's text for the value of each expression in a shell script.
    fn shell_filters(&mut self, nodes: &[structure::Node], usage: &Usage) -> BTreeMap<usize, Emission> {
        let splice = |index: usize| match self.segments.get(index).and_then(Segment::tag) {
            Some(tag) if self.is_raw(tag) => Splice::Raw,
            _ => Splice::Escaped,
        };
        let places = match shell::places(self.source, self.segments, nodes, &splice) {
            Ok(places) => places,
            Err(errors) => {
                self.errors.extend(errors);
                return BTreeMap::new();
            }
        };
        let mut filters = BTreeMap::new();
        for (index, place) in places.into_iter().enumerate() {
            let (Some(place), Some(segment)) = (place, self.segments.get(index)) else {
                continue;
            };
            if place.leading {
                self.leading.extend(segment.tag().map(|tag| tag.outer.clone()));
            }
            // A name that a loop binds is no secret, even if a secret has the same.
            let secret = self.secret(segment).filter(|_| usage.secrets.contains_key(&index));
            let emission = match secret {
                None => Ok(Emission::Filter(shell_filter(&place))),
                Some(name) => variable(&place, &Renderer::secret_variable(name)).map(Emission::Text),
            };
            match emission {
                Ok(emission) => drop(filters.insert(index, emission)),
                Err(place) => self.errors.push(TemplateError {
                    mistake: Mistake::Secret,
                    range: segment.tag().map_or(0..0, |tag| tag.outer.clone()),
                    message: format!("a secret cannot stand {place}"),
                    help: Some("set it in `env:` and use the variable elsewhere in the script".to_owned()),
                }),
            }
        }
        filters
    }
}
