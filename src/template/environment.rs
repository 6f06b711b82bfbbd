//! Variables of the environment that a text reads, so that a missing one is found before anything runs.

use super::expression::{Expr, Node, Reach};
use crate::pipeline::EnvRead;

/// Adds the variables that an expression reads. `needed` is whether the expression is evaluated in any case.
pub(super) fn reads(expr: &Expr, needed: bool, found: &mut Vec<EnvRead>) {
    match &expr.node {
        Node::Name(_) | Node::Text(_) | Node::Number | Node::Bool | Node::None => {}
        Node::List(parts) | Node::Map(parts) | Node::Sum(parts) | Node::Joined(parts) => {
            parts.iter().for_each(|part| reads(part, needed, found));
        }
        Node::Logic(operands) => {
            // Those behind the first may never be asked for.
            if let Some((first, others)) = operands.split_first() {
                reads(first, needed, found);
                others.iter().for_each(|other| reads(other, false, found));
            }
        }
        Node::Negative(operand) | Node::Not(operand) => reads(operand, needed, found),
        Node::Compared(left, others) => {
            reads(left, needed, found);
            others.iter().for_each(|(_, right)| reads(right, needed, found));
        }
        Node::Choice { value, condition, otherwise } => {
            reads(condition, needed, found);
            reads(value, false, found);
            otherwise.iter().for_each(|otherwise| reads(otherwise, false, found));
        }
        Node::Pipe(value, pipes) => {
            let copes = pipes.first().is_some_and(|pipe| match pipe.is_test {
                true => matches!(pipe.name.as_str(), "defined" | "undefined"),
                false => matches!(pipe.name.as_str(), "default" | "d"),
            });
            reads(value, needed && !copes, found);
            pipes
                .iter()
                .for_each(|pipe| pipe.arguments.iter().for_each(|argument| reads(argument, false, found)));
        }
        Node::Reach(value, steps) => {
            if let (Node::Name(root), Some(name)) = (&value.node, steps.first().and_then(name))
                && root == "env"
            {
                found.push(EnvRead { name: name.to_owned(), range: expr.range.clone(), needed });
            }
            reads(value, needed, found);
            for step in steps {
                match step {
                    Reach::Attribute(_) => {}
                    Reach::Item(parts) | Reach::Call(parts) => {
                        parts.iter().for_each(|part| reads(part, needed, found));
                    }
                }
            }
        }
    }
}

/// Returns the name after `env`.
fn name(step: &Reach) -> Option<&str> {
    match step {
        Reach::Attribute(name) => Some(name),
        Reach::Item(parts) => match parts.as_slice() {
            [Expr { node: Node::Text(name), range: _ }] => Some(name),
            _ => None,
        },
        Reach::Call(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::pipeline::Span;
    use crate::template::{ExprType, Names, TextContext, compile};

    #[test]
    fn variables_that_are_read_in_any_case_are_told_from_others() {
        let reads = |source: &str| {
            let names = Names { params: [("b".to_owned(), ExprType::Bool)].into(), ..Names::default() };
            let text = compile(source, Span::default(), TextContext::Plain, &names).unwrap();
            let show = |read: &crate::pipeline::EnvRead| {
                assert!(source[read.range.clone()].starts_with("env"), "{source}");
                format!("{}{}", read.name, if read.needed { "!" } else { "" })
            };
            text.env.iter().map(show).collect::<Vec<_>>().join(" ")
        };
        for (source, expected) in [
            ("{{ env.A }} {{.env.B}} {{ env['C'] | upper }}", "A! B! C!"),
            ("{{ env.A | default('x') }} {{ env.B | d(env.C) }}", "A B C"),
            ("{% if env.A is defined %}{{ env.A }}{% endif %}", "A A"),
            ("{% if env.A == 'x' %}{% elif env.B == 'y' %}{% else %}{{ env.C }}{% endif %}", "A! B C"),
            ("{{ env.A if b else env.B }} {{ 'x' ~ env.C }} {{ [env.D] | join }}", "A B C! D!"),
            ("{{ b and env.A == 'x' }} {{ env.B == 'x' or b }}", "A B!"),
            ("{% for x in env.A | split(',') %}{{ env.B }}{% endfor %}", "A! B"),
            ("{% set x = env.A %}{% with y = env.B %}{{ env.C }}{% endwith %}", "A! B! C!"),
            ("{% for env in ['x'] %}{{ env.A }}{% endfor %}", ""),
        ] {
            assert_eq!(reads(source), expected, "{source}");
        }
    }
}
