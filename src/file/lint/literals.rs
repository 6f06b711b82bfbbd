//! Variables of the environment that are given a text which only a shell would make another of: `$HOME/bin`.

use std::collections::BTreeSet;

use super::Scene;
use crate::file::words::is_identifier;
use crate::file::{Code, Diagnostic, locate};
use crate::pipeline::{Container, Span};
use crate::template::runs_in_environment;

pub(super) fn check(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    let pipeline = scene.pipeline;
    // A variable of the pipeline stands in every step, with one place.
    let mut seen: BTreeSet<Span> = BTreeSet::new();
    for step in &pipeline.steps {
        let own: BTreeSet<&str> = step.env.iter().map(|variable| variable.name.as_str()).collect();
        for variable in &step.env {
            let text = &variable.value.source;
            let Some(literal) = Literal::first(text) else { continue };
            if runs_in_environment(&variable.name) || !seen.insert(variable.value.at) {
                continue;
            }
            let at =
                locate(&pipeline.source, &variable.value, literal.start..literal.start + literal.text.len());
            let message = format!(
                "`{}` is given the text `{text}` as it stands: only a shell would replace `{}`",
                variable.name, literal.text
            );
            let help = literal.help(&variable.name, text, &own, step.container.as_deref());
            found.push(Diagnostic::at(Code::LiteralVariable, &pipeline.source, at, message).help(help));
        }
    }
}

/// What only a shell replaces.
struct Literal<'t> {
    start: usize,
    /// `$HOME`, `${HOME}` or `~`.
    text: &'t str,
    /// `HOME`.
    name: &'t str,
}

impl<'t> Literal<'t> {
    fn first(text: &'t str) -> Option<Self> {
        if text == "~" || text.starts_with("~/") {
            return Some(Self { start: 0, text: "~", name: "HOME" });
        }
        text.match_indices('$').find_map(|(start, _)| Self::at(text, start))
    }

    /// A variable by itself, with a name in capitals: others are too often a part of a pattern, or of a password.
    fn at(text: &'t str, start: usize) -> Option<Self> {
        let rest = text.get(start + 1..)?;
        let (name, length) = match rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}').map(|(name, _)| (name, name.len() + 3))?,
            None => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                (rest.get(..end)?, end + 1)
            }
        };
        let before = text.get(..start)?;
        let after = text.get(start + length..)?;
        let stands_alone = (before.is_empty() || before.ends_with([':', '/', ' ', '=', ',', '"', '@']))
            && (after.is_empty() || after.starts_with([':', '/', ' ', ',', '.', '-', ';', '"', '@']));
        let is_name = stands_alone
            && name.len() > 1
            && is_identifier(name)
            && !name.contains(|c: char| c.is_ascii_lowercase());
        is_name.then_some(Self { start, text: text.get(start..start + length)?, name })
    }

    fn help(
        &self,
        variable: &str,
        text: &str,
        own: &BTreeSet<&str>,
        container: Option<&Container>,
    ) -> String {
        let in_script = format!("set it in the script: `export {variable}=\"{text}\"`");
        match container {
            Some(_) => format!("the container's own value is known inside it only: {in_script}"),
            None if own.contains(self.name) && self.name != variable => {
                format!("write the value of `{}` out, or {in_script}", self.name)
            }
            None => format!("write `{}`", expanded(text)),
        }
    }
}

/// The text with each variable as an expression.
fn expanded(text: &str) -> String {
    let (mut expanded, mut rest) = (String::new(), text);
    while let Some(literal) = Literal::first(rest) {
        expanded += rest.get(..literal.start).unwrap_or_default();
        expanded += &format!("{{{{ env.{} }}}}", literal.name);
        rest = rest.get(literal.start + literal.text.len()..).unwrap_or_default();
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::{Literal, expanded};

    #[test]
    fn variables_become_expressions() {
        for (text, mended) in [
            ("$HOME/bin:$PATH", "{{ env.HOME }}/bin:{{ env.PATH }}"),
            ("${HOME}/x", "{{ env.HOME }}/x"),
            ("~/x", "{{ env.HOME }}/x"),
        ] {
            assert_eq!(expanded(text), mended);
        }
    }

    #[test]
    fn a_dollar_by_itself_means_nothing() {
        for text in ["", "a$", "^a$", "a$BC", "$AB%c", "$1", "pa$$word", "$x", "${x:-1}", "a~b", "$ "] {
            assert!(Literal::first(text).is_none(), "{text}");
        }
    }
}
