//! Outputs of steps: `steps.NAME.outputs.KEY`.
//!
//! The name of a step, or of a service may have dashes and dots, and begin with a digit, which no name of minijinja's may. So the
//! tokens of such a name are joined to one, and in the compiled text each character that it cannot read is
//! replaced by `_`, which keeps all offsets. Where two names of one text would then be the same, only
//! `steps["NAME"]` can distinguish them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};

use super::references::Path;
use super::token::{Token, TokenKind};
use super::{StepOutputs, TemplateError, TemplateErrorKind, ends};
use crate::pipeline::{BodyEnd, EndRef, OutputRef, Outputs};

/// Returns a name as minijinja reads it, as long as it was.
pub(super) fn identifier(name: &str) -> String {
    let word = |(at, c): (usize, char)| match c {
        '0'..='9' if at == 0 => iter::repeat_n('_', 1),
        c if c.is_ascii_alphanumeric() => iter::repeat_n(c, 1),
        c => iter::repeat_n('_', c.len_utf8()),
    };
    name.char_indices().flat_map(word).collect()
}

/// Joins the tokens of each name of a step or a service that minijinja could not read. Gives where such names stand, too.
pub(super) fn join(source: &str, mut tokens: Vec<Token>) -> (Vec<Token>, Vec<Range<usize>>) {
    let mut joined = Vec::new();
    let mut at = 0;
    while let Some(range) = name_after(source, &tokens, at) {
        at += 1;
        let Some(range) = range else { continue };
        let first = tokens.partition_point(|token| token.range.start < range.start);
        let after = tokens.partition_point(|token| token.range.start < range.end);
        tokens.splice(first..after, [Token { kind: TokenKind::Name, range: range.clone() }]);
        joined.push(range);
    }
    (tokens, joined)
}

/// What stands behind the name of a step, and of a service.
const BEHIND_STEP: &[&str] = &[".outputs", ".members", ".outcome"];
const BEHIND_SERVICE: &[&str] = &[".host", ".port", ".ports"];

/// Returns the name of a step or a service after the token `at`, where that is `steps` or `services` and the name needs
/// joining; `None` behind the last token.
fn name_after(source: &str, tokens: &[Token], at: usize) -> Option<Option<Range<usize>>> {
    let here = tokens.get(at)?;
    let is_attribute = at.checked_sub(2).and_then(|at| tokens.get(at..at + 2)).is_some_and(
        |before| matches!(before, [value, dot] if value.ends_value(source) && dot.is_symbol(source, ".")),
    );
    let dot = tokens.get(at + 1).filter(|dot| dot.is_symbol(source, "."));
    let behind = match here.kind {
        TokenKind::Name if here.text(source) == "steps" => BEHIND_STEP,
        TokenKind::Name if here.text(source) == "services" => BEHIND_SERVICE,
        _ => return Some(None),
    };
    let (false, Some(dot)) = (is_attribute, dot) else { return Some(None) };
    let rest = source.get(dot.range.end..).unwrap_or_default();
    // Marks that go with letters are none themselves.
    let is_part = |c: char| {
        if c.is_ascii() { c.is_ascii_alphanumeric() || "_.-".contains(c) } else { !c.is_whitespace() }
    };
    let row = rest.get(..rest.find(|c| !is_part(c)).unwrap_or(rest.len())).unwrap_or_default();
    let ends = |(end, word): &(usize, &str)| {
        row.get(end + word.len()..).is_some_and(|after| after.is_empty() || after.starts_with('.'))
    };
    let before = |word: &str| row.match_indices(word).find(ends).and_then(|(end, _)| row.get(..end));
    let name = behind.iter().find_map(|word| before(word));
    let name = name.filter(|name| !name.is_empty() && identifier(name) != *name);
    Some(name.map(|name| dot.range.end..dot.range.end + name.len()))
}

/// Replaces the names in `text`, which begins at `start` of the source, by what minijinja can read.
pub(super) fn replace(text: &mut String, start: usize, names: &[Range<usize>]) {
    for name in names {
        let range = name.start - start..name.end - start;
        let readable = text.get(range.clone()).map(identifier).unwrap_or_default();
        text.replace_range(range, &readable);
    }
}

/// Returns what a path that begins with `steps` reads. Whether there is such a step is not looked at.
pub(super) fn read(path: &Path<'_>, text: &str, may: bool) -> Result<OutputRef, TemplateError> {
    let error = |message: String, help: String| TemplateError {
        kind: TemplateErrorKind::Undefined,
        range: path.range.clone(),
        message,
        help: Some(help),
    };
    if !may {
        let help = "what a step runs can read them, and so can `outputs` of the file";
        return Err(error("no step has run yet, so that none has outputs".into(), help.into()));
    }
    let output = |step: &str, key: Option<&str>| OutputRef {
        is_optional: false,
        step: step.to_owned(),
        key: key.map(str::to_owned),
        range: path.range.clone(),
    };
    match path.attributes.as_slice() {
        [] => Err(error("`steps` needs the name of a step".into(), "write `steps.NAME.outputs.KEY`".into())),
        [step, "outputs"] => Ok(output(step, None)),
        [step, "outputs", key] => Ok(output(step, Some(key))),
        [step, "outcome" | "conclusion" | "result" | "status"] => {
            let help = format!(
                "a condition asks how a step has ended: `if: success('{step}')`, `if: failure('{step}')`"
            );
            Err(error(format!("`{text}` is not defined"), help))
        }
        [step, ..] => {
            Err(error(format!("`{text}` is not defined"), format!("there is `steps.{step}.outputs.KEY`")))
        }
    }
}

/// Finds names in one text that look the same to minijinja.
pub(super) fn clashes(source: &str, refs: &[OutputRef]) -> Vec<TemplateError> {
    let names: BTreeSet<&str> = refs.iter().map(|output| output.step.as_str()).collect();
    let clash = |output: &&OutputRef| {
        let step = output.step.as_str();
        let text = source.get(output.range.clone()).unwrap_or_default();
        let is_dotted = text.strip_prefix("steps.").is_some_and(|rest| rest.starts_with(step));
        let seen = identifier(step);
        is_dotted && seen != step && names.iter().any(|other| *other != step && identifier(other) == seen)
    };
    let error = |output: &OutputRef| {
        let (step, key) = (&output.step, output.key.as_deref().unwrap_or("KEY"));
        TemplateError {
            kind: TemplateErrorKind::Undefined,
            range: output.range.clone(),
            message: format!("`{step}` and another step of this text look the same here"),
            help: Some(format!("write `steps[\"{step}\"].outputs.{key}`")),
        }
    };
    refs.iter().filter(clash).map(error).collect()
}

/// The outputs of steps, as minijinja sees them.
#[derive(Debug)]
pub(super) struct StepsView(BTreeMap<String, Value>);

impl StepsView {
    /// Returns those that a text reads.
    pub(super) fn new(refs: &[OutputRef], given: &StepOutputs) -> Self {
        let outputs = |step: &str| given.get(step).cloned().unwrap_or_default();
        Self(refs.iter().map(|wanted| (wanted.step.clone(), view(map(&outputs(&wanted.step))))).collect())
    }

    /// Adds how steps have ended, as far as a text asks for it. `in_run` says what the run calls a step of the text.
    pub(super) fn with_ends<'e>(
        mut self,
        ends: &'e [EndRef],
        body: Option<&BodyEnd>,
        in_run: impl Fn(&'e str) -> Cow<'e, str>,
    ) -> Self {
        for step in ends.iter().filter_map(|end| end.step.as_ref()) {
            let mut view = BTreeMap::from([("outcome".to_owned(), ends::of_step(&in_run(step), body))]);
            if let Some(outputs) = self.0.get(step).and_then(|view| view.get_attr("outputs").ok()) {
                view.insert("outputs".to_owned(), outputs);
            }
            self.0.insert(step.clone(), Value::from_object(view));
        }
        self
    }

    /// Returns a placeholder for each output that a text reads.
    pub(super) fn later(refs: &[OutputRef]) -> Self {
        Self::partly(refs, &StepOutputs::new())
    }

    /// Returns those that are given, and placeholders for those of other steps.
    pub(super) fn partly(refs: &[OutputRef], given: &StepOutputs) -> Self {
        let value = |step: &String| match given.get(step) {
            Some(outputs) => map(outputs),
            None => later(step),
        };
        Self(refs.iter().map(|wanted| (wanted.step.clone(), view(value(&wanted.step)))).collect())
    }
}

impl StepsView {
    /// Adds the members of a group.
    pub(super) fn with_members(mut self, group: &str, members: Value) -> Self {
        let view = BTreeMap::from([("members".to_owned(), members)]);
        self.0.insert(group.to_owned(), Value::from_object(view));
        self
    }
}

impl Object for StepsView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let by_identifier = || self.0.iter().find(|(step, _)| identifier(step) == name).map(|(_, view)| view);
        self.0.get(name).or_else(by_identifier).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

/// Returns a step of which only outputs are known.
fn view(outputs: Value) -> Value {
    Value::from_object(BTreeMap::from([("outputs".to_owned(), outputs)]))
}

/// Returns placeholders for the outputs of a step.
pub(super) fn later(step: &str) -> Value {
    Value::from_object(Later(step.to_owned()))
}

pub(super) fn map(outputs: &Outputs) -> Value {
    let entries = outputs.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
    Value::from_object(entries.collect::<BTreeMap<_, _>>())
}

/// The outputs of a step that has not run.
#[derive(Debug)]
struct Later(String);

impl Object for Later {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Value::from(format!("<{} of {}>", key.as_str()?, self.0)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

#[cfg(test)]
mod tests {
    use crate::pipeline::Span;
    use crate::template::{Names, TextContext, compile, scan};

    #[test]
    fn names_that_minijinja_cannot_read_are_joined() {
        let read = |source: &str| match scan::scan(source).unwrap().first() {
            Some(scan::Segment::Expression(tag)) => tag.text(source),
            other => panic!("{other:?}"),
        };
        for (source, expected) in [
            ("{{ steps.build.outputs.x }}", " steps.build.outputs.x "),
            ("{{ steps.create-archive.outputs.x }}", " steps.create_archive.outputs.x "),
            ("{{.steps.a-b.c.outputs.x|upper }}", " steps.a_b_c.outputs.x|upper "),
            (
                "{{ steps.1st.outputs.x ~ steps.2.0.outputs.y }}",
                " steps._st.outputs.x ~ steps.__0.outputs.y ",
            ),
            ("{{ steps.a-b.outputs }}", " steps.a_b.outputs "),
            ("{{ x.steps.a-b.outputs.c }}", " x.steps.a-b.outputs.c "),
            ("{{ steps.a - b.outputs.c }}", " steps.a - b.outputs.c "),
            ("{{ steps.a-b }}", " steps.a-b "),
            ("{{ steps['a-b'].outputs.c }}", " steps['a-b'].outputs.c "),
        ] {
            assert_eq!(read(source), expected);
            assert_eq!(read(source).len() + 4, source.len(), "offsets stay");
        }
    }

    #[test]
    fn names_that_look_the_same_in_one_text_are_refused() {
        let clashing = |source: &str| {
            let names = Names { steps: true, ..Names::default() };
            let errors =
                compile(source, Span::default(), TextContext::Plain, &names).err().unwrap_or_default();
            errors.into_iter().map(|error| source[error.range].to_owned()).collect::<Vec<_>>()
        };
        assert!(clashing("{{ steps.a-b.outputs.x }} {{ steps.a-b.outputs.y }}").is_empty());
        assert!(clashing("{{ steps['a-b'].outputs.x }} {{ steps.a_b.outputs.x }}").is_empty());
        assert_eq!(clashing("{{ steps.a-b.outputs.x }} {{ steps.a_b.outputs.x }}"), ["steps.a-b.outputs.x"]);
        assert_eq!(
            clashing("{{ steps.a-b.outputs.x }} {{ steps.a.b.outputs.x }}"),
            ["steps.a-b.outputs.x", "steps.a.b.outputs.x"]
        );
    }
}
