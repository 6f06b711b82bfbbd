//! Compiling: from a source to the compiled text, every expression wrapped in the filter that escapes it for
//! its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::emit::{Emission, emit, harmless_filter, shell_filter, variable};
use super::interpreter::{self, ends_in};
use super::kinds::ExprType;
use super::names::{self, Usage};
use super::scan::{self, Segment, Tag, scan};
use super::shell::{self, Harmless, Shells, Splice};
use super::structure;
use super::token::{TokenKind, is_keyword};
use super::{Names, TemplateError, TemplateErrorKind, TextContext, foreign, jinja, known, references};
use crate::pipeline::{OutputRef, Span, Template, Text};

/// Compiles a text for its place. Reports every problem that it can find in one go, in the order of the text.
pub fn compile(
    source: &str,
    at: Span,
    place: TextContext,
    names: &Names,
) -> Result<Template, Vec<TemplateError>> {
    if let Some(nul) = source.find('\0') {
        return Err(vec![TemplateError {
            kind: TemplateErrorKind::Syntax,
            range: nul..nul + 1,
            message: "a NUL character cannot be used here".to_owned(),
            help: Some("no program can receive one; remove it".to_owned()),
        }]);
    }
    if scan::is_literal(source) {
        return Ok(Template::literal(source, at));
    }
    let segments = scan(source).map_err(|error| vec![error])?;
    if segments.as_slice() == [Segment::Text(0..source.len())] {
        return Ok(Template::literal(source, at));
    }
    compiled(source, &segments, at, place, names).map(Template::from)
}

/// Compiles a text that has been cut into segments.
pub(super) fn compiled(
    source: &str,
    segments: &[Segment],
    at: Span,
    place: TextContext,
    names: &Names,
) -> Result<Text, Vec<TemplateError>> {
    let mut compiler = Compiler { source, place, names, segments, leading: Vec::new(), errors: Vec::new() };
    match compiler.compile() {
        Some((compiled, usage)) if compiler.errors.is_empty() => Ok(Text {
            at,
            source: source.to_owned(),
            compiled: Some(compiled),
            secrets: usage.secrets.into_values().flatten().collect::<BTreeSet<_>>().into_iter().collect(),
            params: usage.params.into_iter().collect(),
            outputs: usage.outputs,
            addresses: usage.addresses,
            asks: usage.asks,
            members: usage.members,
            axes: usage.axes.into_iter().collect(),
            ends: usage.ends,
            env: usage.env,
            pipeline_dir: usage.pipeline_dir,
            raw: compiler.raw(),
            leading: compiler.leading,
        }),
        _ => {
            let mut errors = compiler.errors;
            errors.sort_by_key(|error| (error.range.start, error.range.end));
            errors.dedup();
            Err(foreign::explain(source, segments, errors))
        }
    }
}

/// Returns the outputs of steps that a text reads, as far as they can be found in a text with other errors.
pub fn outputs(source: &str, names: &Names) -> Vec<OutputRef> {
    let Ok(segments) = scan(source) else { return Vec::new() };
    let Ok(nodes) = structure::build(source, &segments) else { return Vec::new() };
    let unreadable =
        segments.iter().enumerate().filter(|(_, segment)| jinja::check(source, segment).is_err());
    let unreadable = unreadable.map(|(index, _)| index).collect();
    names::check(source, &segments, &nodes, (names, TextContext::Plain), &unreadable).outputs
}

/// Returns whether a statement of those that a condition becomes is certain to be valid.
fn is_plain_statement(source: &str, tag: &Tag) -> bool {
    match tag.tokens.split_first() {
        Some((keyword, [])) => keyword.is_name(source, "else") || keyword.is_name(source, "endif"),
        Some((_, name)) => references::is_name(source, name),
        None => false,
    }
}

struct Compiler<'s> {
    source: &'s str,
    place: TextContext,
    names: &'s Names,
    segments: &'s [Segment],
    /// Expressions that begin an argument.
    leading: Vec<Range<usize>>,
    errors: Vec<TemplateError>,
}

impl<'s> Compiler<'s> {
    /// Returns the compiled text and what it uses; nothing if an error makes the rest meaningless.
    fn compile(&mut self) -> Option<(String, Usage)> {
        let unreadable = self.check_syntax();
        let nodes = match structure::build(self.source, self.segments) {
            Ok(nodes) => nodes,
            Err(errors) => {
                self.errors.extend(errors);
                return None;
            }
        };
        let mut usage =
            names::check(self.source, self.segments, &nodes, (self.names, self.place), &unreadable);
        self.errors.append(&mut usage.errors);
        self.check_filters(&unreadable);
        if !unreadable.is_empty() {
            return None;
        }
        let filters = match self.place {
            TextContext::Plain | TextContext::Condition => BTreeMap::new(),
            TextContext::Argument => {
                self.refuse_secrets(&usage, false);
                BTreeMap::new()
            }
            TextContext::Commands => {
                self.refuse_secrets(&usage, false);
                self.harmless_filters()
            }
            TextContext::Interpreter => {
                self.refuse_secrets(&usage, false);
                let is_raw = |tag: &Tag| self.is_raw(tag);
                let errors = interpreter::check(self.source, self.segments, &is_raw);
                self.errors.extend(errors);
                BTreeMap::new()
            }
            TextContext::PosixShell(shells) => {
                self.refuse_secrets(&usage, true);
                self.shell_filters(&nodes, &usage, shells)
            }
        };
        if !self.errors.is_empty() {
            return None;
        }
        let reveals = self.place == TextContext::Plain;
        let inert = |tag: &Tag| self.place == TextContext::Interpreter && !self.is_raw(tag);
        let compiled = emit(self.source, self.segments, &usage, reveals, &filters, inert);
        if !self.segments.iter().all(|segment| self.is_plain(segment))
            && let Err(message) = jinja::check_whole(&compiled)
        {
            self.errors.push(TemplateError {
                kind: TemplateErrorKind::Syntax,
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
                && let Err(error) = jinja::check(self.source, segment)
            {
                self.errors.push(error);
                unreadable.insert(index);
            }
        }
        unreadable
    }

    /// Returns whether a segment is text, or a name such as `x` or `params.x`: such a segment is certain to
    /// be valid. Most are, and a check by minijinja is the most expensive part of a template.
    fn is_plain(&self, segment: &Segment) -> bool {
        match segment {
            Segment::Text(_) => true,
            Segment::Statement(tag) => {
                self.place == TextContext::Condition && is_plain_statement(self.source, tag)
            }
            Segment::Expression(tag) => references::is_name(self.source, &tag.tokens),
        }
    }

    fn is_raw(&self, tag: &Tag) -> bool {
        ends_in(self.source, tag, "raw")
    }

    /// Returns where `| raw` is used.
    fn raw(&self) -> Vec<Range<usize>> {
        let tags = self.segments.iter().filter_map(Segment::tag);
        tags.filter(|tag| self.is_raw(tag)).map(|tag| tag.outer.clone()).collect()
    }

    /// `raw` is about a whole expression, so that it must come last and apply to all of it. In other
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
                let matters = name == "raw" || name == "tojson" && self.place == TextContext::Interpreter;
                let is_last = tag.tokens.last().is_some_and(|token| token.range == range);
                if matters && !(is_expression && is_last) && name == "raw" {
                    self.errors.push(TemplateError {
                        kind: TemplateErrorKind::Syntax,
                        range,
                        message: "`raw` must come last in an expression".to_owned(),
                        help: Some("write `{{ x | raw }}`".to_owned()),
                    });
                } else if matters && is_last && self.has_operator(tag) {
                    let inner = self.source.get(tag.inner.clone()).unwrap_or_default();
                    let before = inner.rsplit_once('|').map_or(inner, |(before, _)| before).trim();
                    self.errors.push(TemplateError {
                        kind: TemplateErrorKind::Syntax,
                        range,
                        message: format!("`{name}` applies to the last part of this expression alone"),
                        help: Some(format!("write `{{{{ ({before}) | {name} }}}}`")),
                    });
                }
            }
        }
    }

    /// Returns whether an expression is more than one value with its filters, outside all brackets.
    fn has_operator(&self, tag: &Tag) -> bool {
        let mut depth = 0usize;
        tag.tokens.iter().any(|token| {
            let text = token.text(self.source);
            match (token.kind, text) {
                (TokenKind::Symbol, "(" | "[" | "{") => depth += 1,
                (TokenKind::Symbol, ")" | "]" | "}") => depth = depth.saturating_sub(1),
                (TokenKind::Symbol, "." | "|") => {}
                (TokenKind::Symbol, _) => return depth == 0,
                (TokenKind::Name, word) => return depth == 0 && is_keyword(word),
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
                TextContext::PosixShell(_) => {
                    format!("secret `{name}` can only be used by itself: `{{{{ {name} }}}}`")
                }
                TextContext::Argument => {
                    format!("secret `{name}` cannot be part of an argument, which every user can read")
                }
                TextContext::Commands => {
                    format!("secret `{name}` cannot be used in a variable that a shell runs")
                }
                TextContext::Plain | TextContext::Condition | TextContext::Interpreter => {
                    format!("secret `{name}` cannot go into this script")
                }
            };
            self.errors.push(TemplateError {
                kind: TemplateErrorKind::Secret,
                range: tag.outer.clone(),
                message,
                help: Some(help),
            });
        }
    }

    /// Returns the param that an expression is, if it is one by itself.
    fn param(&self, segment: &Segment) -> Option<&'s str> {
        let Segment::Expression(tag) = segment else {
            return None;
        };
        if tag.tokens.first()?.kind != TokenKind::Name {
            return None;
        }
        let path = references::path(self.source, &tag.tokens, 0);
        let name = match (path.root, path.attributes.as_slice()) {
            ("params", [name]) => *name,
            (name, []) => name,
            _ => return None,
        };
        let is_whole = path.length == tag.tokens.len();
        (is_whole && self.names.params.contains_key(name)).then_some(name)
    }

    /// Returns the secret that an expression is, if it is one by itself.
    fn secret(&self, segment: &Segment) -> Option<&'s str> {
        self.param(segment).filter(|name| self.names.params.get(*name) == Some(&ExprType::Secret))
    }

    /// Returns the axis of the matrix that an expression is, if it is one by itself.
    fn axis(&self, segment: &Segment) -> Option<&ExprType> {
        let (Segment::Expression(tag), Some(axes)) = (segment, &self.names.matrix) else { return None };
        if tag.tokens.first()?.kind != TokenKind::Name {
            return None;
        }
        let path = references::path(self.source, &tag.tokens, 0);
        match (path.root, path.attributes.as_slice()) {
            ("matrix", [name]) if path.length == tag.tokens.len() => axes.get(*name),
            _ => None,
        }
    }

    /// Returns what the type of its param or axis promises for the value of an expression.
    fn promised(&self, segment: &Segment) -> Harmless {
        let kind = self.param(segment).and_then(|name| self.names.params.get(name));
        kind.or_else(|| self.axis(segment)).map_or(Harmless::Never, ExprType::harmless)
    }

    /// Returns the compiled text for the value of each expression where only types keep values from harm.
    fn harmless_filters(&mut self) -> BTreeMap<usize, Emission> {
        let mut filters = BTreeMap::new();
        for (index, segment) in self.segments.iter().enumerate() {
            let Segment::Expression(tag) = segment else { continue };
            let promised = self.promised(segment);
            if self.is_raw(tag) {
                continue;
            }
            if promised == Harmless::Never {
                self.errors.push(shell::run_variable(tag.outer.clone()));
                continue;
            }
            filters.insert(index, Emission::Filter(harmless_filter(Harmless::Word)));
        }
        filters
    }

    /// Returns the compiled text for the value of each expression in a shell script.
    fn shell_filters(
        &mut self,
        nodes: &[structure::Node],
        usage: &Usage,
        shells: Shells,
    ) -> BTreeMap<usize, Emission> {
        let splice = |index: usize| match self.segments.get(index) {
            Some(segment) if segment.tag().is_some_and(|tag| self.is_raw(tag)) => Splice::Raw,
            Some(segment) => Splice::Escaped(self.promised(segment)),
            None => Splice::Escaped(Harmless::Never),
        };
        let places = match shell::places(self.source, self.segments, nodes, &splice, shells) {
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
            // A name that a loop binds is not a secret, even if a secret has the same name.
            let secret = self.secret(segment).filter(|_| usage.secrets.contains_key(&index));
            let emission = match secret {
                None => Ok(Emission::Filter(shell_filter(&place))),
                Some(name) => variable(&place, &known::secret_variable(name)).map(Emission::Text),
            };
            match emission {
                Ok(emission) => drop(filters.insert(index, emission)),
                Err(place) => self.errors.push(TemplateError {
                    kind: TemplateErrorKind::Secret,
                    range: segment.tag().map_or(0..0, |tag| tag.outer.clone()),
                    message: format!("a secret cannot be used {place}"),
                    help: Some("set it in `env:` and use the variable elsewhere in the script".to_owned()),
                }),
            }
        }
        filters
    }
}
