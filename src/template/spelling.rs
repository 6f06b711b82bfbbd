//! What is put into an expression so that its values keep their spelling.
//!
//! Operands of `~` become texts, operands of the other operators plain numbers, and a literal number that
//! minijinja would write otherwise keeps its digits. Every insertion stands between form feeds, which are
//! blanks to minijinja, so that positions in the compiled text can be found in the source.

use std::ops::Range;

use super::bounds;
use super::expression::{Expr, Node, Pipe, Reach};
use super::known::hidden;
use super::number::Number;

/// What begins and ends an insertion.
const MARK: char = '\u{c}';

/// What is inserted, with the offset in the source that it stands before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Insertion {
    at: usize,
    opens: bool,
    text: String,
}

impl Insertion {
    fn pair(range: &Range<usize>, open: &str, close: &str) -> [Self; 2] {
        let marked = |text: &str| format!("{MARK}{text}{MARK}");
        [
            Self { at: range.start, opens: true, text: marked(open) },
            Self { at: range.end, opens: false, text: marked(close) },
        ]
    }
}

/// What an expression's value is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    /// A value.
    Value,
    /// An operand of `~`.
    Text,
    /// Something to compute with.
    Number,
    /// A side of a comparison.
    Compared,
    /// What a function is given, and may hold on to.
    Held,
    /// The number of an item, or of the first or last of several.
    Index,
}

/// Returns the insertions of an expression, those at one place in their order.
pub(super) fn insertions(source: &str, expr: &Expr) -> Vec<Insertion> {
    let mut spelling = Spelling { source, insertions: Vec::new() };
    spelling.visit(expr, Sense::Value);
    spelling.insertions
}

/// Passes an expression through a filter; those inside it come before it.
pub(super) fn wrap(range: &Range<usize>, filter: &str, insertions: &mut Vec<Insertion>) {
    // Brackets around all of it: a filter behind `-x` takes the minus along.
    insertions.extend(Insertion::pair(range, "((", &format!(")|{filter})")));
}

/// Puts insertions into `text`, which begins at `start` of the source.
pub(super) fn insert(text: &str, start: usize, insertions: &[Insertion]) -> String {
    // Of brackets at one place the outer ones open first, and close last.
    let opening = insertions.iter().rev().filter(|insertion| insertion.opens);
    let closing = insertions.iter().filter(|insertion| !insertion.opens);
    let mut sorted: Vec<&Insertion> = opening.chain(closing).collect();
    sorted.sort_by_key(|insertion| insertion.at);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for insertion in sorted {
        let at = insertion.at.saturating_sub(start);
        out.push_str(text.get(done..at).unwrap_or_default());
        out.push_str(&insertion.text);
        done = at;
    }
    out + text.get(done..).unwrap_or_default()
}

/// Returns the offset in a text to which an offset in the text with its insertions belongs.
pub(super) fn original(text: &str, offset: usize) -> usize {
    let mut inside = false;
    let mut original = 0;
    for c in text.get(..offset).unwrap_or(text).chars() {
        match c {
            MARK => inside = !inside,
            c if !inside => original += c.len_utf8(),
            _ => {}
        }
    }
    original
}

struct Spelling<'s> {
    source: &'s str,
    insertions: Vec<Insertion>,
}

impl Spelling<'_> {
    fn visit(&mut self, expr: &Expr, sense: Sense) {
        match &expr.node {
            Node::Number => return self.number(expr, sense),
            Node::Negative(operand) if matches!(operand.node, Node::Number) => {
                return self.number(expr, sense);
            }
            Node::Text(_) | Node::Bool if matches!(sense, Sense::Number | Sense::Compared | Sense::Index) => {
                return;
            }
            Node::Text(_) if matches!(sense, Sense::Text | Sense::Held) => return,
            Node::Bool | Node::None if sense == Sense::Held => return,
            node => self.parts(node),
        }
        match sense {
            Sense::Value => {}
            Sense::Text => wrap(&expr.range, hidden::TEXT, &mut self.insertions),
            Sense::Number => wrap(&expr.range, hidden::BARE, &mut self.insertions),
            Sense::Compared => wrap(&expr.range, hidden::BARE_ALL, &mut self.insertions),
            Sense::Held => wrap(&expr.range, hidden::HELD, &mut self.insertions),
            Sense::Index => wrap(&expr.range, hidden::INDEX, &mut self.insertions),
        }
    }

    fn parts(&mut self, node: &Node) {
        match node {
            Node::Name(_) | Node::Text(_) | Node::Number | Node::Bool | Node::None => {}
            Node::List(items) => self.all(items, Sense::Value),
            Node::Map(entries) => {
                for (at, part) in entries.iter().enumerate() {
                    self.visit(part, if at % 2 == 0 { Sense::Text } else { Sense::Value });
                }
            }
            Node::Reach(value, steps) => {
                self.visit(value, Sense::Value);
                for step in steps {
                    match step {
                        Reach::Attribute(_) => {}
                        Reach::Item(parts) => self.all(parts, Sense::Index),
                        Reach::Call(arguments) => self.all(arguments, Sense::Held),
                    }
                }
            }
            Node::Pipe(value, pipes) => {
                self.visit(value, Sense::Value);
                for Pipe { name: _, is_test: _, arguments } in pipes {
                    self.all(arguments, Sense::Value);
                }
            }
            Node::Negative(operand) => self.visit(operand, Sense::Number),
            Node::Not(operand) => self.visit(operand, Sense::Value),
            Node::Sum(operands) => self.all(operands, Sense::Number),
            Node::Joined(operands) => self.all(operands, Sense::Text),
            Node::Compared(left, others) => {
                self.visit(left, Sense::Compared);
                for (_, right) in others {
                    self.visit(right, Sense::Compared);
                }
            }
            Node::Logic(operands) => self.all(operands, Sense::Value),
            Node::Choice { value, condition, otherwise } => {
                self.visit(value, Sense::Value);
                self.visit(condition, Sense::Value);
                if let Some(otherwise) = otherwise {
                    self.visit(otherwise, Sense::Value);
                }
            }
        }
    }

    fn all(&mut self, exprs: &[Expr], sense: Sense) {
        for expr in exprs {
            self.visit(expr, sense);
        }
    }

    /// A literal number: minijinja would write `3.10` as `3.1`.
    fn number(&mut self, expr: &Expr, sense: Sense) {
        let text = self.source.get(expr.range.clone()).unwrap_or_default();
        let number = Number::read(text);
        if sense == Sense::Index
            && number.as_ref().is_some_and(|number| !bounds::is_countable(&number.value()))
        {
            return wrap(&expr.range, hidden::INDEX, &mut self.insertions);
        }
        let is_respelled = number.is_some_and(|number| number.value().to_string() != number.text());
        if matches!(sense, Sense::Value | Sense::Text | Sense::Held) && is_respelled {
            let close = format!("\"|{})", hidden::SPELLED);
            self.insertions.extend(Insertion::pair(&expr.range, "(\"", &close));
        }
    }
}
