//! The kind of each part of an expression.

use super::super::expression::{Expr, Node, Pipe, Reach};
use super::super::{TemplateError, TemplateErrorKind, ends, status};
use super::{ExprType, Reader};

impl Reader<'_> {
    /// Returns the kind of an expression; what is wrong inside it is reported.
    pub(super) fn kind(&mut self, expr: &Expr) -> ExprType {
        let is_wrong =
            |error: &TemplateError| error.kind == TemplateErrorKind::Undefined && error.range == expr.range;
        if self.said.iter().any(is_wrong) {
            return ExprType::Unknown;
        }
        match &expr.node {
            Node::Name(name) => self.name(name, &[]),
            Node::Text(_) => ExprType::Text,
            Node::Number => ExprType::Number,
            Node::Bool => ExprType::Bool,
            Node::None => ExprType::Unknown,
            Node::List(items) => {
                let kinds = items.iter().map(|item| self.kind(item)).reduce(ExprType::or);
                ExprType::List(Box::new(kinds.unwrap_or(ExprType::Unknown)))
            }
            Node::Map(parts) => {
                parts.iter().for_each(|part| drop(self.kind(part)));
                ExprType::Unknown
            }
            Node::Reach(value, steps) => self.reach(value, steps),
            Node::Pipe(value, pipes) => {
                let mut kind = self.kind(value);
                for pipe in pipes {
                    kind = self.pipe(value, kind, pipe);
                }
                kind
            }
            Node::Negative(operand) => {
                self.kind(operand);
                ExprType::Number
            }
            Node::Not(operand) => {
                self.asked(operand);
                ExprType::Bool
            }
            Node::Sum(operands) => {
                let kinds = operands.iter().map(|operand| self.kind(operand)).reduce(ExprType::or);
                kinds.unwrap_or(ExprType::Unknown)
            }
            Node::Joined(operands) => {
                operands.iter().for_each(|operand| drop(self.kind(operand)));
                ExprType::Text
            }
            Node::Compared(left, others) => {
                self.compared(left, others);
                ExprType::Bool
            }
            Node::Logic(operands) => {
                operands.iter().for_each(|operand| self.asked(operand));
                ExprType::Bool
            }
            Node::Choice { value, condition, otherwise } => {
                self.asked(condition);
                let kind = self.kind(value);
                match otherwise {
                    Some(otherwise) => kind.or(self.kind(otherwise)),
                    None => kind,
                }
            }
        }
    }

    /// An expression that is asked for its truth.
    fn asked(&mut self, expr: &Expr) {
        let kind = self.kind(expr);
        self.condition(expr, &kind);
    }

    fn reach(&mut self, value: &Expr, steps: &[Reach]) -> ExprType {
        for step in steps {
            match step {
                Reach::Attribute(_) => {}
                Reach::Item(parts) | Reach::Call(parts) => {
                    parts.iter().for_each(|part| drop(self.kind(part)));
                }
            }
        }
        let mut names = Vec::new();
        for step in steps {
            match step {
                Reach::Attribute(name) => names.push(name.as_str()),
                Reach::Item(parts) => match parts.as_slice() {
                    [Expr { node: Node::Text(name), range: _ }] => names.push(name),
                    [_] => return self.item(value, steps),
                    _ => return ExprType::Unknown,
                },
                Reach::Call(_) => return function(value, steps),
            }
        }
        match &value.node {
            Node::Name(root) => self.name(root, &names),
            _ => ExprType::Unknown,
        }
    }

    /// Returns an item of a list by its number.
    fn item(&mut self, value: &Expr, steps: &[Reach]) -> ExprType {
        match (self.kind(value), steps) {
            (ExprType::List(items), [_]) => *items,
            _ => ExprType::Unknown,
        }
    }

    fn name(&self, root: &str, names: &[&str]) -> ExprType {
        let local = self.locals.iter().rev().find_map(|scope| scope.get(root));
        if let Some(kind) = local {
            return match (root, names) {
                (_, []) => kind.clone(),
                ("loop", ["first" | "last"]) => ExprType::Bool,
                ("loop", ["index" | "index0" | "revindex" | "revindex0" | "length" | "depth" | "depth0"]) => {
                    ExprType::Number
                }
                _ => ExprType::Unknown,
            };
        }
        let param = |name: &str| self.names.params.get(name).cloned();
        match (root, names) {
            ("params", [name]) => param(name).unwrap_or(ExprType::Unknown),
            (name, []) => param(name).unwrap_or(ExprType::Unknown),
            ("matrix", [axis]) => {
                let axes = self.names.matrix.as_ref();
                axes.and_then(|axes| axes.get(*axis)).cloned().unwrap_or(ExprType::Unknown)
            }
            ("inputs", [name]) if self.names.gathered.iter().any(|gathered| gathered == name) => {
                ExprType::texts()
            }
            ("steps", [_, "members"]) => ExprType::list(),
            ("services", [_, "host"]) => ExprType::Text,
            ("services", [_, "port"] | [_, "ports", _]) => ExprType::Number,
            ("run", ["outcome"]) => ExprType::Choice(ends::words_of_run()),
            ("steps", [_, "outcome"]) => ExprType::Choice(ends::words_of_step()),
            ("env" | "inputs" | "pipeline" | "run" | "step", [_]) => ExprType::Text,
            ("steps", [_, "outputs", _]) => ExprType::Text,
            _ => ExprType::Unknown,
        }
    }

    /// Returns what a filter or a test makes of a value.
    fn pipe(&mut self, value: &Expr, kind: ExprType, pipe: &Pipe) -> ExprType {
        let arguments: Vec<ExprType> = pipe.arguments.iter().map(|argument| self.kind(argument)).collect();
        if pipe.is_test {
            self.tested(value, &kind, pipe, &arguments);
            return ExprType::Bool;
        }
        match pipe.name.as_str() {
            "default" | "d" => match arguments.into_iter().next() {
                Some(other) => kind.or(other),
                None => ExprType::Unknown,
            },
            "raw" => kind,
            "basename" | "capitalize" | "dirname" | "extension" | "format" | "human_size" | "indent"
            | "join" | "lower" | "replace" | "sha256" | "stem" | "string" | "title" | "tojson" | "trim"
            | "upper" => ExprType::Text,
            "abs" | "bytes" | "count" | "float" | "int" | "length" | "round" | "seconds" | "sum" => {
                ExprType::Number
            }
            "bool" => ExprType::Bool,
            "lines" | "split" => ExprType::texts(),
            "list" | "reject" | "reverse" | "select" | "sort" | "unique"
                if matches!(kind, ExprType::List(_)) =>
            {
                kind
            }
            "first" | "last" | "max" | "min" => match kind {
                ExprType::List(items) => *items,
                _ => ExprType::Unknown,
            },
            "batch" | "chain" | "dictsort" | "groupby" | "items" | "list" | "map" | "reject"
            | "rejectattr" | "select" | "selectattr" | "slice" | "sort" | "unique" | "zip" => {
                ExprType::list()
            }
            _ => ExprType::Unknown,
        }
    }
}

/// Returns what a function gives.
fn function(value: &Expr, steps: &[Reach]) -> ExprType {
    match (&value.node, steps) {
        (Node::Name(name), [Reach::Call(_)]) => match name.as_str() {
            "now" => ExprType::Text,
            "range" => ExprType::List(Box::new(ExprType::Number)),
            name if status::verdict(name).is_some() => ExprType::Bool,
            _ => ExprType::Unknown,
        },
        _ => ExprType::Unknown,
    }
}

/// Returns the kind of the name that a loop binds, by what it goes through.
pub(in crate::template) fn local(items: ExprType) -> ExprType {
    match items {
        ExprType::List(items) => *items,
        _ => ExprType::Unknown,
    }
}
