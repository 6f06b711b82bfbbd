//! Statements and what they enclose, as a tree over the segments.

use std::ops::Range;

use super::scan::{Segment, Tag};
use super::token::{Token, TokenKind};
use super::{TemplateError, TemplateErrorKind};

/// A piece of the template; numbers are indices of segments.
#[derive(Debug)]
pub(super) enum Node {
    /// Literal text.
    Text(Range<usize>),
    /// `{{ … }}`.
    Expression(usize),
    /// `{% set name = … %}`.
    Set(usize),
    /// `{% with name = … %} … {% endwith %}`.
    With(Branch),
    /// `{% if %}`, its `{% elif %}` and `{% else %}`.
    If(Vec<Branch>),
    /// `{% for %}` and, for when there is nothing to go through, `{% else %}`.
    For(Branch, Option<Branch>),
}

/// A statement and what follows it up to the next one of its kind.
#[derive(Debug)]
pub(super) struct Branch {
    /// The statement that opens it.
    pub(super) head: usize,
    /// What it encloses.
    pub(super) body: Vec<Node>,
}

/// The keywords that a statement can start with.
const STATEMENTS: [&str; 8] = ["if", "elif", "else", "endif", "for", "endfor", "set", "with"];
/// Statements inside statements beyond this are refused; it bounds the recursion of everything that walks the
/// tree.
const DEEPEST: usize = 40;
/// The branches of one statement. minijinja nests them.
const MOST_BRANCHES: usize = 256;

/// Builds the tree. Reports every statement that is unknown, never closed, or closes nothing.
pub(super) fn build(source: &str, segments: &[Segment]) -> Result<Vec<Node>, Vec<TemplateError>> {
    let mut builder = Builder { source, segments, at: 0, depth: 0, errors: Vec::new() };
    let nodes = builder.nodes(&[]);
    if builder.errors.is_empty() { Ok(nodes) } else { Err(builder.errors) }
}

/// Splits the tokens of `set a = …` or `for a, b in …` after the keyword: the tokens of the names, and the
/// rest.
pub(super) fn split_targets<'t>(source: &str, tokens: &'t [Token], sign: &str) -> (&'t [Token], &'t [Token]) {
    let tokens = tokens.get(1..).unwrap_or_default();
    match tokens.iter().position(|token| token.text(source) == sign && token.kind != TokenKind::Text) {
        Some(at) => tokens.split_at_checked(at).unwrap_or((tokens, &[])),
        None => (tokens, &[]),
    }
}

struct Builder<'s> {
    source: &'s str,
    segments: &'s [Segment],
    at: usize,
    depth: usize,
    errors: Vec<TemplateError>,
}

impl Builder<'_> {
    /// Nodes up to a statement that starts with one of `ends`, which is left standing, or the end of the
    /// source.
    fn nodes(&mut self, ends: &[&str]) -> Vec<Node> {
        let mut nodes = Vec::new();
        while let Some(segment) = self.segments.get(self.at) {
            match segment {
                Segment::Text(range) => nodes.push(Node::Text(range.clone())),
                Segment::Expression(_) => nodes.push(Node::Expression(self.at)),
                Segment::Statement(tag) if ends.contains(&tag.keyword(self.source)) => return nodes,
                Segment::Statement(tag) => {
                    nodes.extend(self.statement(tag));
                    continue;
                }
            }
            self.at += 1;
        }
        nodes
    }

    fn statement(&mut self, tag: &Tag) -> Option<Node> {
        let head = self.at;
        self.at += 1;
        match tag.keyword(self.source) {
            "set" => {
                if split_targets(self.source, &tag.tokens, "=").1.is_empty() {
                    self.error(tag, "`set` needs a value", "write `{% set name = value %}`");
                }
                Some(Node::Set(head))
            }
            "if" | "for" | "with" if self.depth == DEEPEST => {
                self.error(tag, "statements are nested too deeply", "split this text into several steps");
                self.at = self.segments.len();
                None
            }
            "if" => self.branches(head, tag, "if", &["elif", "else", "endif"]).map(Node::If),
            "with" => self.branches(head, tag, "with", &["endwith"])?.pop().map(Node::With),
            "for" => {
                let mut branches = self.branches(head, tag, "for", &["else", "endfor"])?.into_iter();
                Some(Node::For(branches.next()?, branches.next()))
            }
            "elif" | "else" | "endif" | "endfor" | "endwith" => {
                let message = format!("`{}` closes nothing here", tag.keyword(self.source));
                self.error(tag, &message, "remove it, or open the statement that it belongs to");
                None
            }
            "endraw" => {
                self.error(tag, "`endraw` closes nothing here", "open it with `{% raw %}`");
                None
            }
            "" => {
                self.error(tag, "this statement is empty", super::scan::BRACES_HELP);
                None
            }
            other => {
                let near = super::known::nearest(other, STATEMENTS);
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "statements are `if`, `for`, `set`, `with`, `raw`; {}",
                        super::scan::BRACES_HELP
                    ),
                };
                self.error(tag, &format!("`{other}` is not a statement"), &help);
                None
            }
        }
    }

    /// Returns the branches of a statement whose first has just been passed, up to and including `end…`.
    fn branches(&mut self, head: usize, opening: &Tag, name: &str, ends: &[&str]) -> Option<Vec<Branch>> {
        self.depth += 1;
        let mut branches = vec![Branch { head, body: self.nodes(ends) }];
        let mut seen_else = false;
        loop {
            let Some(Segment::Statement(tag)) = self.segments.get(self.at) else {
                self.depth -= 1;
                let message = format!("`{{% {name} %}}` is never closed");
                self.error(opening, &message, &format!("close it with `{{% end{name} %}}`"));
                return None;
            };
            let head = self.at;
            self.at += 1;
            let keyword = tag.keyword(self.source);
            if keyword.starts_with("end") {
                self.depth -= 1;
                return Some(branches);
            }
            if seen_else {
                let message = format!("`{keyword}` cannot follow `else`");
                self.error(tag, &message, "`else` is the last branch, and there is one");
            }
            seen_else |= keyword == "else";
            if branches.len() == MOST_BRANCHES {
                self.error(tag, "this `if` has too many branches", "split this text into several steps");
                self.at = self.segments.len();
                self.depth -= 1;
                return None;
            }
            branches.push(Branch { head, body: self.nodes(ends) });
        }
    }

    fn error(&mut self, tag: &Tag, message: &str, help: &str) {
        self.errors.push(TemplateError {
            kind: TemplateErrorKind::Syntax,
            range: tag.outer.clone(),
            message: message.to_owned(),
            help: Some(help.to_owned()),
        });
    }
}
