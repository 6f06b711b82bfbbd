//! Checks every name of a template against what is in scope, and collects the params that it reads.

use std::collections::{BTreeMap, BTreeSet};

mod paths;
mod status;

use super::expression::{self, Expr};
use super::kinds::{self, ExprType};
use super::known::{self, hidden};
use super::references::{Path, Reference, references};
use super::scan::{Segment, Tag};
use super::spelling::{self, Insertion};
use super::structure::{Branch, Node, split_targets};
use super::token::{Token, TokenKind};
use super::{Names, TemplateError, TemplateErrorKind, TextContext, environment, foreign, outputs};
use crate::pipeline::{AddressRef, EndRef, EnvRead, MembersRef, OutputRef, StatusRef};

const FILTERS_HELP: &str = "the page `docs/reference/templates.md` lists the filters";

/// What a template uses.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// The params that it reads.
    pub(super) params: BTreeSet<String>,
    /// For each segment that refers to secrets: their names.
    pub(super) secrets: BTreeMap<usize, BTreeSet<String>>,
    /// The outputs of steps that it reads.
    pub(super) outputs: Vec<OutputRef>,
    /// The addresses of services that it reads.
    pub(super) addresses: Vec<AddressRef>,
    /// The members of groups that it reads.
    pub(super) members: Vec<MembersRef>,
    /// The axes of the matrix that it reads.
    pub(super) axes: BTreeSet<String>,
    /// Where it asks how steps have ended.
    pub(super) asks: Vec<StatusRef>,
    /// Where it asks for the word of an end.
    pub(super) ends: Vec<EndRef>,
    /// The variables of the environment that it reads.
    pub(super) env: Vec<EnvRead>,
    /// Whether it reads the folder of its file.
    pub(super) pipeline_dir: bool,
    /// For each segment: what is put into it, so that its values keep their spelling and its conditions are
    /// asked.
    pub(super) insertions: BTreeMap<usize, Vec<Insertion>>,
    /// Names that mean nothing, and what is compared in vain.
    pub(super) errors: Vec<TemplateError>,
}

/// Walks the tree. `skip` has the segments that cannot be parsed, whose names are not looked at.
pub(super) fn check(
    source: &str,
    segments: &[Segment],
    nodes: &[Node],
    (names, place): (&Names, TextContext),
    skip: &BTreeSet<usize>,
) -> Usage {
    let mut checker = Checker {
        source,
        segments,
        names,
        place,
        skip,
        locals: vec![BTreeMap::new()],
        branches: 0,
        usage: Usage::default(),
    };
    checker.nodes(nodes);
    let clashes = outputs::clashes(source, &checker.usage.outputs);
    checker.usage.errors.extend(clashes);
    checker.usage
}

struct Checker<'s> {
    source: &'s str,
    segments: &'s [Segment],
    names: &'s Names,
    place: TextContext,
    skip: &'s BTreeSet<usize>,
    /// Names bound by `for`, `set` and `with`, innermost scope last.
    locals: Vec<BTreeMap<String, ExprType>>,
    /// How many branches it is in that may be passed over.
    branches: usize,
    usage: Usage,
}

impl<'s> Checker<'s> {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Text(_) => {}
                Node::Expression(index) => {
                    self.value(*index, self.tag(*index).map_or(&[], |tag| &tag.tokens));
                }
                Node::Set(index) => {
                    let (targets, value) = self.split(*index, "=");
                    let kind = self.named_value(*index, targets, value);
                    self.bind(*index, targets, kind);
                }
                Node::If(branches) => {
                    for (at, branch) in branches.iter().enumerate() {
                        // The first condition is asked in any case.
                        self.branches += usize::from(at == 1);
                        self.condition(branch.head, self.after_keyword(branch.head));
                        self.branch(&branch.body);
                    }
                    self.branches -= usize::from(branches.len() > 1);
                }
                Node::With(branch) => self.with(branch),
                Node::For(body, otherwise) => self.each(body, otherwise.as_ref()),
            }
        }
    }

    fn each(&mut self, body: &Branch, otherwise: Option<&Branch>) {
        let (targets, items) = self.split(body.head, "in");
        let items = match items.split_last() {
            Some((last, items)) if last.is_name(self.source, "recursive") => items,
            Some(_) | None => items,
        };
        // The condition of `for x in xs if x` sees the names that the loop binds; the list does not.
        let condition = items.iter().position(|token| token.is_name(self.source, "if"));
        let (items, condition) = items.split_at_checked(condition.unwrap_or(items.len())).unwrap_or_default();
        let kind = kinds::local(self.value(body.head, items));
        self.locals.push(BTreeMap::from([("loop".to_owned(), ExprType::Unknown)]));
        self.bind(body.head, targets, kind);
        self.branches += 1;
        self.condition(body.head, condition.get(1..).unwrap_or_default());
        self.branches -= 1;
        self.branch(&body.body);
        self.locals.pop();
        if let Some(otherwise) = otherwise {
            self.branch(&otherwise.body);
        }
    }

    /// What may be passed over.
    fn branch(&mut self, nodes: &[Node]) {
        self.branches += 1;
        self.nodes(nodes);
        self.branches -= 1;
    }

    /// `with a = 1, b = a`: each name is bound once its value has been read.
    fn with(&mut self, branch: &Branch) {
        self.locals.push(BTreeMap::new());
        let mut rest = self.after_keyword(branch.head);
        while let Some(equals) = rest.iter().position(|token| token.is_symbol(self.source, "=")) {
            let (targets, values) = rest.split_at_checked(equals).unwrap_or_default();
            let values = values.get(1..).unwrap_or_default();
            let end = self.end_of_value(values);
            let (value, after) = values.split_at_checked(end).unwrap_or((values, &[]));
            let kind = self.named_value(branch.head, targets, value);
            self.bind(branch.head, targets, kind);
            rest = after;
        }
        self.nodes(&branch.body);
        self.locals.pop();
    }

    /// Returns the values of `a, b`, which is a list without brackets; most often one.
    fn values(&self, mut tokens: &'s [Token]) -> Vec<&'s [Token]> {
        let mut values = Vec::with_capacity(1);
        while !tokens.is_empty() {
            let (value, rest) = tokens.split_at_checked(self.end_of_value(tokens)).unwrap_or((tokens, &[]));
            values.push(value);
            tokens = rest.get(1..).unwrap_or_default();
        }
        values
    }

    /// Returns where the comma stands that ends a value: the first one outside all brackets.
    fn end_of_value(&self, tokens: &[Token]) -> usize {
        let mut depth = 0usize;
        for (at, token) in tokens.iter().enumerate() {
            match token.text(self.source) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                "," if depth == 0 => return at,
                _ => {}
            }
        }
        tokens.len()
    }

    fn tag(&self, index: usize) -> Option<&'s Tag> {
        match self.segments.get(index)? {
            Segment::Text(_) => None,
            Segment::Expression(tag) | Segment::Statement(tag) => Some(tag),
        }
    }

    fn after_keyword(&self, index: usize) -> &'s [Token] {
        self.tag(index).and_then(|tag| tag.tokens.get(1..)).unwrap_or_default()
    }

    /// Returns what stands before and behind a sign.
    fn split(&self, index: usize, sign: &str) -> (&'s [Token], &'s [Token]) {
        let (targets, rest) =
            self.tag(index).map_or((&[][..], &[][..]), |tag| split_targets(self.source, &tag.tokens, sign));
        (targets, rest.get(1..).unwrap_or_default())
    }

    /// Several targets take a value apart: each can be anything.
    fn bind(&mut self, index: usize, targets: &[Token], kind: ExprType) {
        if self.is_part(targets) {
            return self.tokens(index, targets);
        }
        let names: Vec<&str> = targets
            .iter()
            .filter(|token| token.kind == TokenKind::Name)
            .map(|token| token.text(self.source))
            .collect();
        let kind = if names.len() == 1 { kind } else { ExprType::Unknown };
        let Some(scope) = self.locals.last_mut() else { return };
        for name in names {
            // A name that branches bind to values of several kinds can be anything.
            let entry = scope.entry(name.to_owned()).or_insert_with(|| kind.clone());
            if *entry != kind {
                *entry = ExprType::Unknown;
            }
        }
    }

    /// Returns the tokens of a value; gives its kind.
    fn value(&mut self, index: usize, tokens: &'s [Token]) -> ExprType {
        self.tokens(index, tokens);
        let values = self.values(tokens);
        let mut kind = ExprType::Unknown;
        for value in &values {
            kind = self.read(index, value).map_or(ExprType::Unknown, |expr| self.kind(index, &expr, false));
        }
        if values.len() == 1 { kind } else { ExprType::Unknown }
    }

    /// Returns the tokens of a value that gets a name, or goes into a namespace; gives its kind.
    fn named_value(&mut self, index: usize, targets: &[Token], tokens: &'s [Token]) -> ExprType {
        let kind = self.value(index, tokens);
        if !matches!(kind, ExprType::List(_) | ExprType::Unknown) {
            return kind;
        }
        let filter = if self.is_part(targets) { hidden::HELD } else { hidden::NAMED };
        for value in self.values(tokens) {
            if let Some(expr) = self.read(index, value) {
                spelling::wrap(&expr.range, filter, self.usage.insertions.entry(index).or_default());
            }
        }
        kind
    }

    /// Returns whether a target is a part of something: `namespace.name`.
    fn is_part(&self, targets: &[Token]) -> bool {
        targets.iter().any(|token| token.is_symbol(self.source, "."))
    }

    /// The tokens of a condition, which is true or false.
    fn condition(&mut self, index: usize, tokens: &[Token]) {
        self.tokens(index, tokens);
        if let Some(expr) = self.read(index, tokens) {
            self.kind(index, &expr, true);
        }
    }

    /// Returns the tree of an expression that minijinja can read.
    fn read(&self, index: usize, tokens: &[Token]) -> Option<Expr> {
        if self.skip.contains(&index) { None } else { expression::read(self.source, tokens) }
    }

    fn kind(&mut self, index: usize, expr: &Expr, is_condition: bool) -> ExprType {
        if !self.locals.iter().any(|scope| scope.contains_key("env")) {
            environment::reads(expr, self.branches == 0, &mut self.usage.env);
        }
        let (kind, found) =
            kinds::check(self.source, expr, is_condition, (self.names, &self.locals), &self.usage.errors);
        self.usage.errors.extend(found.errors);
        let mut insertions = spelling::insertions(self.source, expr);
        for range in found.conditions {
            spelling::wrap(&range, hidden::TRUTH, &mut insertions);
        }
        if !insertions.is_empty() {
            self.usage.insertions.entry(index).or_default().append(&mut insertions);
        }
        kind
    }

    fn tokens(&mut self, index: usize, tokens: &[Token]) {
        if self.skip.contains(&index) {
            return;
        }
        for reference in references(self.source, tokens) {
            match reference {
                Reference::Filter(name, range) if !known::FILTERS.contains(&name) => {
                    let near = known::nearest(name, known::FILTERS);
                    let help = foreign::call(name).map(str::to_owned);
                    let help = help.or_else(|| near.map(|near| format!("did you mean `{near}`?")));
                    let help = help.or_else(|| Some(FILTERS_HELP.to_owned()));
                    self.error(
                        TemplateErrorKind::Function,
                        range,
                        format!("there is no filter `{name}`"),
                        help,
                    );
                }
                Reference::Test(name, range) if !known::TESTS.contains(&name) => {
                    let near = known::nearest(name, known::TESTS);
                    let help = near.map(|near| format!("did you mean `is {near}`?"));
                    self.error(
                        TemplateErrorKind::Function,
                        range,
                        format!("there is no test `is {name}`"),
                        help,
                    );
                }
                Reference::Filter(..) | Reference::Test(..) => {}
                Reference::Value(path) => self.path(index, &path, after(tokens, &path)),
            }
        }
    }

    fn text(&self, path: &Path<'_>) -> &'s str {
        self.source.get(path.range.clone()).unwrap_or_default()
    }

    fn error(
        &mut self,
        kind: TemplateErrorKind,
        range: std::ops::Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        self.usage.errors.push(TemplateError { kind, range, message, help });
    }
}

/// Returns the tokens behind a path.
fn after<'t>(tokens: &'t [Token], path: &Path<'_>) -> &'t [Token] {
    let end = tokens.partition_point(|token| token.range.start < path.range.end);
    tokens.get(end..).unwrap_or_default()
}
