//! Checks every name of a template against what is in scope, and collects the params that it reads.

use std::collections::{BTreeMap, BTreeSet};

use super::known;
use super::references::{Path, Reference, references};
use super::scan::{BRACES_HELP, Segment, Tag};
use super::structure::{Branch, Node, split_targets};
use super::token::{Kind, Token};
use super::{Mistake, Names, TemplateError, outputs};
use crate::pipeline::OutputRef;

/// What a template uses.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// The params that it reads.
    pub(super) params: BTreeSet<String>,
    /// For each segment that refers to secrets: their names.
    pub(super) secrets: BTreeMap<usize, BTreeSet<String>>,
    /// The outputs of steps that it reads.
    pub(super) outputs: Vec<OutputRef>,
    /// Names that mean nothing.
    pub(super) errors: Vec<TemplateError>,
}

/// Walks the tree. `skip` tells the segments that cannot be parsed, whose names mean nothing yet.
pub(super) fn check(
    source: &str,
    segments: &[Segment],
    nodes: &[Node],
    names: &Names,
    skip: &BTreeSet<usize>,
) -> Usage {
    let mut checker =
        Checker { source, segments, names, skip, locals: vec![BTreeSet::new()], usage: Usage::default() };
    checker.nodes(nodes);
    let clashes = outputs::clashes(source, &checker.usage.outputs);
    checker.usage.errors.extend(clashes);
    checker.usage
}

struct Checker<'s> {
    source: &'s str,
    segments: &'s [Segment],
    names: &'s Names,
    skip: &'s BTreeSet<usize>,
    /// Names bound by `for`, `set` and `with`, innermost scope last.
    locals: Vec<BTreeSet<String>>,
    usage: Usage,
}

impl<'s> Checker<'s> {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Text(_) => {}
                Node::Expression(index) => {
                    self.tokens(*index, self.tag(*index).map_or(&[], |tag| &tag.tokens))
                }
                Node::Set(index) => {
                    let (targets, value) = self.split(*index, "=");
                    self.tokens(*index, value);
                    self.bind(*index, targets);
                }
                Node::If(branches) => {
                    for branch in branches {
                        self.tokens(branch.head, self.after_keyword(branch.head));
                        self.nodes(&branch.body);
                    }
                }
                Node::With(branch) => self.with(branch),
                Node::For(body, otherwise) => {
                    let (targets, items) = self.split(body.head, "in");
                    // The condition of `for x in xs if x` sees the names that the loop binds; the list does not.
                    let condition = items.iter().position(|token| token.is_name(self.source, "if"));
                    let (items, condition) =
                        items.split_at_checked(condition.unwrap_or(items.len())).unwrap_or_default();
                    self.tokens(body.head, items);
                    self.locals.push(BTreeSet::from(["loop".to_owned()]));
                    self.bind(body.head, targets);
                    self.tokens(body.head, condition);
                    self.nodes(&body.body);
                    self.locals.pop();
                    if let Some(otherwise) = otherwise {
                        self.nodes(&otherwise.body);
                    }
                }
            }
        }
    }

    /// `with a = 1, b = a`: each name is bound once its value has been read.
    fn with(&mut self, branch: &Branch) {
        self.locals.push(BTreeSet::new());
        let mut rest = self.after_keyword(branch.head);
        while let Some(equals) = rest.iter().position(|token| token.is_symbol(self.source, "=")) {
            let (targets, values) = rest.split_at_checked(equals).unwrap_or_default();
            let end = self.end_of_value(values);
            let (value, after) = values.split_at_checked(end).unwrap_or((values, &[]));
            self.tokens(branch.head, value);
            self.bind(branch.head, targets);
            rest = after;
        }
        self.nodes(&branch.body);
        self.locals.pop();
    }

    /// Where the comma stands that ends a value: the first one outside all brackets.
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

    fn split(&self, index: usize, sign: &str) -> (&'s [Token], &'s [Token]) {
        self.tag(index).map_or((&[], &[]), |tag| split_targets(self.source, &tag.tokens, sign))
    }

    fn bind(&mut self, index: usize, targets: &[Token]) {
        if targets.iter().any(|token| token.is_symbol(self.source, ".")) {
            return self.tokens(index, targets);
        }
        let names = targets.iter().filter(|token| token.kind == Kind::Name);
        let names: Vec<String> = names.map(|token| token.text(self.source).to_owned()).collect();
        if let Some(scope) = self.locals.last_mut() {
            scope.extend(names);
        }
    }

    fn tokens(&mut self, index: usize, tokens: &[Token]) {
        if self.skip.contains(&index) {
            return;
        }
        for reference in references(self.source, tokens) {
            match reference {
                Reference::Filter(name, range) if !known::FILTERS.contains(&name) => {
                    let near = known::nearest(name, known::FILTERS);
                    let help = near.map(|near| format!("did you mean `{near}`?"));
                    self.error(Mistake::Function, range, format!("there is no filter `{name}`"), help);
                }
                Reference::Test(name, range) if !known::TESTS.contains(&name) => {
                    let near = known::nearest(name, known::TESTS);
                    let help = near.map(|near| format!("did you mean `is {near}`?"));
                    self.error(Mistake::Function, range, format!("there is no test `is {name}`"), help);
                }
                Reference::Filter(..) | Reference::Test(..) => {}
                Reference::Value(path) => self.path(index, &path),
            }
        }
    }

    fn path(&mut self, index: usize, path: &Path<'_>) {
        let is_local = self.locals.iter().any(|scope| scope.contains(path.root));
        match (path.is_call, path.attributes.as_slice()) {
            (true, []) => return self.call(path),
            (true, [.., method]) if !(is_local && path.root == "loop") => {
                let value = path.range.start..path.range.end.saturating_sub(method.len() + 1);
                let value = self.source.get(value).unwrap_or_default();
                let message = format!("`{method}` cannot be called on a value");
                let help = format!("filters change values: `{{{{ {value} | upper }}}}`");
                return self.error(Mistake::Function, path.range.clone(), message, Some(help));
            }
            _ if is_local => return,
            _ => {}
        }
        match (path.root, path.attributes.as_slice()) {
            ("params", []) => {
                let help = Some("write `params.NAME`, or the name alone".to_owned());
                self.error(
                    Mistake::Undefined,
                    path.range.clone(),
                    "`params` needs a name after it".to_owned(),
                    help,
                );
            }
            ("params", [name, rest @ ..]) if self.names.params.contains_key(*name) => {
                self.param(index, path, name, rest);
            }
            ("params", [name, ..]) => self.unknown(path, name, "params."),
            (name, rest) if self.names.params.contains_key(name) => self.param(index, path, name, rest),
            ("env", [name, ..]) if self.names.secret_variables.contains_key(*name) => {
                self.secret_variable(path, name);
            }
            ("inputs", names) => self.input(path, names),
            ("steps", _) => match outputs::read(path, self.text(path), self.names.steps) {
                Ok(output) => self.usage.outputs.push(output),
                Err(error) => self.usage.errors.push(error),
            },
            (root, rest) if known::ROOTS.contains(&root) => {
                if let (Some(members), Some(name)) = (known::members(root), rest.first())
                    && (!members.contains(name) || rest.len() > 1)
                {
                    let all: Vec<String> =
                        members.iter().map(|member| format!("`{root}.{member}`")).collect();
                    let message = format!("`{}` is not defined", self.text(path));
                    self.error(
                        Mistake::Undefined,
                        path.range.clone(),
                        message,
                        Some(format!("there is {}", all.join(" and "))),
                    );
                }
            }
            (name, _) if known::FUNCTIONS.contains(&name) => {
                let help = Some(format!("call it: `{name}()`"));
                self.error(Mistake::Function, path.range.clone(), format!("`{name}` is a function"), help);
            }
            (name, _) => self.unknown(path, name, ""),
        }
    }

    /// A variable that a secret comes from: what is read of it here would be a text like any other.
    fn secret_variable(&mut self, path: &Path<'_>, name: &str) {
        let Some(param) = self.names.secret_variables.get(name) else { return };
        let message = format!("`{}` is the value of the secret `{param}`", self.text(path));
        let help = format!("write `{{{{ {param} }}}}`: it is masked, and never part of a script");
        self.error(Mistake::Secret, path.range.clone(), message, Some(help));
    }

    /// `inputs.NAME`: where the step finds something that it reads.
    fn input(&mut self, path: &Path<'_>, names: &[&str]) {
        let known = self.names.inputs.iter().map(String::as_str);
        let message = match names {
            [name] if self.names.inputs.iter().any(|input| input == name) => return,
            [] => "`inputs` needs a name after it".to_owned(),
            _ => format!("`{}` is not defined", self.text(path)),
        };
        let near = names.first().and_then(|name| known::nearest(name, known));
        let help = match near {
            Some(near) => format!("did you mean `inputs.{near}`?"),
            None => "name what the step reads beside its stdin: `inputs: {left: STREAM}`".to_owned(),
        };
        self.error(Mistake::Undefined, path.range.clone(), message, Some(help));
    }

    fn call(&mut self, path: &Path<'_>) {
        let name = path.root;
        if known::FUNCTIONS.contains(&name) && !self.names.params.contains_key(name) {
            return;
        }
        let help = match known::nearest(name, known::FUNCTIONS) {
            Some(near) if near != name => format!("did you mean `{near}()`?"),
            _ => {
                "functions are `now(format)`, `range(n)`, `dict()` and `namespace()`; filters change values: \
                  `{{ x | upper }}`"
                    .to_owned()
            }
        };
        self.error(Mistake::Function, path.range.clone(), format!("`{name}` is not a function"), Some(help));
    }

    fn param(&mut self, index: usize, path: &Path<'_>, name: &str, attributes: &[&str]) {
        self.usage.params.insert(name.to_owned());
        if self.names.params.get(name) == Some(&true) {
            self.usage.secrets.entry(index).or_default().insert(name.to_owned());
        }
        if let [attribute, ..] = attributes {
            let message =
                format!("`{}` is not defined: param `{name}` has no `{attribute}`", self.text(path));
            self.error(
                Mistake::Undefined,
                path.range.clone(),
                message,
                Some(format!("write `{name}` alone")),
            );
        }
    }

    fn unknown(&mut self, path: &Path<'_>, name: &str, prefix: &str) {
        let params = self.names.params.keys().map(String::as_str);
        let locals = self.locals.iter().flatten().map(String::as_str);
        let near = if prefix.is_empty() {
            known::nearest(name, params.chain(locals).chain(known::ROOTS))
        } else {
            known::nearest(name, params)
        };
        let is_dotted =
            path.range.start > 0 && self.source.as_bytes().get(path.range.start - 1) == Some(&b'.');
        let help = match near {
            Some(near) => format!("did you mean `{prefix}{near}`?"),
            None if is_dotted => format!("declare it under `params:`; {BRACES_HELP}"),
            None if self.names.params.is_empty() => format!("declare it under `params:`; {BRACES_HELP}"),
            None => {
                let mut all: Vec<String> = self.names.params.keys().map(|name| format!("`{name}`")).collect();
                if all.len() > 8 {
                    all.truncate(8);
                    all.push("…".to_owned());
                }
                format!("the params are {}; a new one is declared under `params:`", all.join(", "))
            }
        };
        self.error(
            Mistake::Undefined,
            path.range.clone(),
            format!("`{prefix}{name}` is not defined"),
            Some(help),
        );
    }

    fn text(&self, path: &Path<'_>) -> &'s str {
        self.source.get(path.range.clone()).unwrap_or_default()
    }

    fn error(
        &mut self,
        mistake: Mistake,
        range: std::ops::Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        self.usage.errors.push(TemplateError { mistake, range, message, help });
    }
}
