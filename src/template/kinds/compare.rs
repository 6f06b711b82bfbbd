//! Comparisons: two sides of one kind.

use super::super::expression::{Comparison, Expr, Node, Pipe};
use super::super::known::nearest;
use super::{ExprType, Reader, TemplateErrorKind};

impl Reader<'_> {
    /// `a < b < c`: each with the one after it.
    pub(super) fn compared(&mut self, left: &Expr, others: &[(Comparison, Expr)]) {
        let mut left = (left, self.kind(left));
        for (comparison, right) in others {
            let kind = self.kind(right);
            self.pair(*comparison, (left.0, &left.1), (right, &kind));
            left = (right, kind);
        }
    }

    /// `a is eq b`: the tests that compare.
    pub(super) fn tested(&mut self, value: &Expr, kind: &ExprType, pipe: &Pipe, arguments: &[ExprType]) {
        let comparison = match pipe.name.as_str() {
            "eq" | "equalto" | "ne" | "sameas" => Comparison::Equal,
            "ge" | "greaterthan" | "gt" | "le" | "lessthan" | "lt" => Comparison::Order,
            "in" => Comparison::In,
            _ => return,
        };
        if let (Some(right), Some(other)) = (pipe.arguments.first(), arguments.first()) {
            self.pair(comparison, (value, kind), (right, other));
        }
    }

    fn pair(&mut self, comparison: Comparison, left: (&Expr, &ExprType), right: (&Expr, &ExprType)) {
        match (comparison, &right.0.node, right.1) {
            (Comparison::In, Node::List(items), _) => {
                for item in items {
                    let before = self.found.errors.len();
                    let kind = self.kind(item);
                    self.equal(left, (item, &kind));
                    // One entry that is wrong says it all.
                    if self.found.errors.len() > before {
                        break;
                    }
                }
            }
            (Comparison::In, _, ExprType::List(items)) => {
                if !left.1.fits(items) {
                    self.unlike(
                        left,
                        right.0,
                        &format!("a list in which each entry is {}", items.family().unwrap_or_default()),
                    );
                }
            }
            (Comparison::In, _, _) => {}
            (Comparison::Equal, _, _) => self.equal(left, right),
            (Comparison::Order, _, _) => {
                self.equal(left, right);
                self.ordered(left, right);
            }
        }
    }

    fn equal(&mut self, left: (&Expr, &ExprType), right: (&Expr, &ExprType)) {
        if !left.1.fits(right.1) {
            return self.unlike(left, right.0, right.1.family().unwrap_or_default());
        }
        for (choice, literal) in [(left, right.0), (right, left.0)] {
            if let (ExprType::Choice(choices), Node::Text(text)) = (choice.1, &literal.node) {
                self.choice(choice.0, choices, literal, text);
            }
        }
    }

    /// A choice that can never be this text.
    fn choice(&mut self, choice: &Expr, choices: &[String], literal: &Expr, text: &str) {
        if choices.iter().any(|choice| choice == text) || text.contains('\\') {
            return;
        }
        let values = if self.text(choice).contains("matrix") { "values" } else { "choices" };
        let help = match nearest(text, choices.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `'{near}'`?"),
            None => format!("its {values} are {}", quoted(choices)),
        };
        let message = format!("`{}` is never `{text}`: that is none of its {values}", self.text(choice));
        self.error(TemplateErrorKind::Comparison, literal.range.clone(), message, help);
    }

    /// Lengths and sizes are texts: `'10m' < '5m'`.
    fn ordered(&mut self, left: (&Expr, &ExprType), right: (&Expr, &ExprType)) {
        let sides = [left, right];
        let measured = sides.iter().find_map(|(expr, kind)| match kind {
            ExprType::Duration => Some((expr, "a length of time", "seconds")),
            ExprType::Size => Some((expr, "a size", "bytes")),
            ExprType::Text
            | ExprType::Choice(_)
            | ExprType::Secret
            | ExprType::Number
            | ExprType::Bool
            | ExprType::List(_) => None,
            ExprType::Unknown => None,
        });
        if let Some((expr, what, filter)) = measured {
            let [one, other] = sides.map(|(expr, _)| self.text(expr));
            let message = format!("`{}` is {what}, and would be compared letter by letter", self.text(expr));
            let help = format!("write `({one}) | {filter}` and `({other}) | {filter}` on the two sides");
            let range = left.0.range.start..right.0.range.end;
            self.error(TemplateErrorKind::Comparison, range, message, help);
        }
    }

    /// Two sides that are never equal.
    fn unlike(&mut self, left: (&Expr, &ExprType), right: &Expr, is: &str) {
        let (one, other) = (self.text(left.0), self.text(right));
        let message = format!(
            "`{one}` is {}, and `{other}` is {is}: they are never equal",
            left.1.family().unwrap_or_default()
        );
        let range = left.0.range.start.min(right.range.start)..left.0.range.end.max(right.range.end);
        let help = self.way_out(left, right).unwrap_or_else(|| {
            "compare with a value of the same kind; `| string` makes a text, `| int` a whole number"
                .to_owned()
        });
        self.error(TemplateErrorKind::Comparison, range, message, help);
    }

    /// Returns what to write for a value beside a literal of another kind.
    fn way_out(&mut self, left: (&Expr, &ExprType), right: &Expr) -> Option<String> {
        let right_kind = self.kind(right);
        let ((value, kind), literal) = match (&left.0.node, &right.node) {
            (_, Node::Text(_) | Node::Number | Node::Bool) => (left, right),
            (Node::Text(_) | Node::Number | Node::Bool, _) => ((right, &right_kind), left.0),
            _ => return None,
        };
        let shown = self.text(value);
        match (kind, &literal.node) {
            (ExprType::Bool, Node::Text(_) | Node::Number) => {
                Some(format!("write `{shown}` alone, or `not {shown}`"))
            }
            (ExprType::Number, Node::Text(text)) if text.trim().parse::<f64>().is_ok() => {
                Some(format!("write `{}` without quotes", text.trim()))
            }
            (kind, Node::Number | Node::Bool) if kind.family() == Some("a text") => {
                Some(format!("write `'{}'`", self.text(literal)))
            }
            _ => None,
        }
    }
}

fn quoted(choices: &[String]) -> String {
    let quoted: Vec<String> = choices.iter().take(25).map(|choice| format!("`'{choice}'`")).collect();
    quoted.join(", ")
}
