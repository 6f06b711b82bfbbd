//! Names that hang on a combination: `depends_on`, `input`, `inputs`, `output`, and `on_error`.

use std::borrow::Cow;

use crate::file::lower::Lowering;
use crate::file::lower::list::{MemberTexts, Steps};
use crate::file::unroll::slug;
use crate::pipeline::{MatrixValue, Member, Span, Step, StepId, Template};
use crate::template::{Names, RunContext, Scope, TemplateErrorKind, TemplateRenderer, TextContext};

/// What says which steps and streams a text may mean.
const ONLY_MATRIX: &str =
    "which steps and streams a file has is known when it is read: only `matrix` can be used here";

impl Lowering<'_> {
    /// A name that a step writes: as it is, or with the values of its combination. `None` where they are not known, or
    /// what is written is wrong and has been reported.
    pub(in crate::file::lower) fn name_for<'t>(
        &mut self,
        steps: &mut Steps<'_>,
        id: StepId,
        text: &'t str,
        at: Span,
    ) -> Option<Cow<'t, str>> {
        let Steps { list, texts, .. } = steps;
        let step = list.get(id.index())?;
        if step.member.is_none() || !(text.contains("{{") || text.contains("{%")) {
            return Some(Cow::Borrowed(text));
        }
        let step = slugged(step);
        self.name_with(&step, texts, text, at).map(Cow::Owned)
    }

    /// The same, for a step whose values are spelled as names have them.
    pub(in crate::file::lower) fn name_with(
        &mut self,
        step: &Step,
        texts: &mut [MemberTexts],
        text: &str,
        at: Span,
    ) -> Option<String> {
        let texts = texts.get_mut(step.member.as_ref()?.group.index())?;
        let key = (at.start, at.end);
        if !texts.compiled.contains_key(&key) {
            let own = std::mem::replace(&mut self.names, texts.names.clone());
            let template = self.compiled_name(text, at);
            self.names = own;
            texts.compiled.insert(key, template);
        }
        let template = texts.compiled.get(&key)?.clone()?;
        self.render_for(step, &template)
    }

    /// The template of a text that may name nothing but the matrix.
    pub(super) fn matrix_text(&mut self, text: &str, at: Span) -> Option<Template> {
        let names = Names { matrix: self.names.matrix.clone(), ..Names::default() };
        let own = std::mem::replace(&mut self.names, names);
        let template = self.compiled_name(text, at);
        self.names = own;
        template
    }

    fn compiled_name(&mut self, text: &str, at: Span) -> Option<Template> {
        let before = self.problems.len();
        let template = self.template(text, at, TextContext::Argument);
        let new = self.problems.get_mut(before..).unwrap_or_default();
        for problem in new.iter_mut().filter(|problem| problem.code == TemplateErrorKind::Undefined.into()) {
            let is_axis = problem.message.starts_with("`matrix");
            problem.help = problem.help.take().filter(|_| is_axis).or_else(|| Some(ONLY_MATRIX.to_owned()));
        }
        new.is_empty().then_some(template)
    }

    /// The text for one step; `None` where it hangs on a value that is not known yet.
    pub(super) fn render_for(&mut self, step: &Step, text: &Template) -> Option<String> {
        let member = step.member.as_deref()?;
        let is_open = |(axis, value): &(String, MatrixValue)| {
            *value == MatrixValue::Unknown && text.axes.contains(axis)
        };
        if member.matrix.iter().any(is_open) || (member.matrix.is_empty() && !text.axes.is_empty()) {
            return None;
        }
        let renderer = self.bare.get_or_insert_with(|| TemplateRenderer::new(RunContext::default()));
        match renderer.render(text, Scope { step: Some(step), ..Scope::default() }) {
            Ok(name) => Some(name),
            Err(error) => {
                let at = crate::file::locate(self.source, text, error.range);
                let problem = self.at(error.kind.into(), at, error.message).maybe_help(error.help);
                self.report(problem);
                None
            }
        }
    }
}

/// A step whose values are spelled as names have them.
pub(in crate::file::lower) fn slugged(step: &Step) -> Step {
    let spell = |(axis, value): &(String, MatrixValue)| {
        let value = match value {
            MatrixValue::Text(_) => MatrixValue::Text(slug(value)),
            MatrixValue::Bool(_) | MatrixValue::Int { .. } | MatrixValue::Unknown => value.clone(),
        };
        (axis.clone(), value)
    };
    let member = step.member.as_ref().map(|member| {
        Box::new(Member { group: member.group, matrix: member.matrix.iter().map(spell).collect() })
    });
    Step { member, ..Step::new(step.name.clone(), step.at, step.action.clone()) }
}
