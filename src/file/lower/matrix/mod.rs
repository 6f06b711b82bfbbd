//! `matrix`: one step that is written becomes many. Its texts are compiled once, and shared by all of them.

mod axes;
mod combinations;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroUsize;

use super::Lowering;
use super::list::{MemberTexts, Steps, Written};
use super::steps::Defaults;
use crate::file::Code;
use crate::file::raw::{RawMatrix, RawOnError, RawStep};
use crate::file::unroll::{self, Combination};
use crate::file::words::shown;
use crate::file::yaml::{Early, Field};
use crate::pipeline::{
    Condition, Group, GroupId, MatrixValue, Member, Pipeline, Span, Step, StepId, Template, Values,
};
use crate::template::{ExprType, TemplateRenderer};
pub(super) use texts::slugged;

/// Gives values of params, as far as they are known before the rest of the file is.
pub type EarlyValues<'a> = dyn Fn(&EarlyRequest<'_>) -> Option<TemplateRenderer> + 'a;

/// What a matrix needs to say which steps there are.
#[derive(Debug, Clone, Copy)]
pub struct EarlyRequest<'a> {
    /// A pipeline with nothing but its params.
    pub pipeline: &'a Pipeline,
    /// The params that are read, and those that their defaults read.
    pub needed: &'a BTreeSet<String>,
    /// What the caller gives, where the file is used by another: no value comes from the command line then.
    pub passed: Option<&'a Values>,
}

/// Why the step of a matrix without combinations does not run.
const EMPTY: &str = "its matrix has no combinations";

/// A matrix that is in order.
pub(super) struct Matrix {
    /// The names of the axes.
    axes: Vec<String>,
    /// The params that its values come from.
    pub params: Vec<String>,
    /// What kind of value each axis has.
    pub kinds: BTreeMap<String, ExprType>,
    combinations: Vec<Combination>,
    /// What the name of each step has behind the group's.
    parts: Vec<String>,
}

impl Matrix {
    /// The combinations: what the name of each has behind the group's, and its values.
    pub fn members(&self, group: GroupId) -> Vec<(&str, Member)> {
        let member = |values: &Combination| {
            let matrix = self.axes.iter().cloned().zip(values.iter().cloned()).collect();
            Member { group, matrix }
        };
        let combinations = self.parts.iter().zip(&self.combinations);
        combinations.map(|(part, values)| (part.as_str(), member(values))).collect()
    }

    /// Whether a value of it is not known yet.
    pub fn is_open(&self) -> bool {
        self.combinations.iter().flatten().any(|value| *value == MatrixValue::Unknown)
    }
}

/// The condition of what stands for a matrix without combinations.
pub(super) fn empty_condition(at: Span) -> Box<Condition> {
    Box::new(Condition { text: Template::literal(EMPTY, at), is_early: true })
}

impl Lowering<'_> {
    /// Adds a step for each combination of its matrix.
    pub(super) fn unroll<'r>(
        &mut self,
        raw: &'r RawStep,
        whole: Span,
        steps: &mut Steps<'r>,
        defaults: &Defaults<'_>,
    ) {
        let (name, at) = (self.step_name(raw, whole, steps), raw.name.at().unwrap_or(whole));
        let (matrix, is_sound) = self.matrix_of(raw);
        self.names.matrix = Some(matrix.kinds.clone());
        let base = self.step(name, raw, whole, defaults);
        if is_sound && matrix.combinations.len() > 1 {
            self.one_product_each(&base);
        }
        let on_error = self.on_error_text(raw);
        let texts = MemberTexts::new(self.names.clone());
        self.names.matrix = None;

        let group = GroupId::new(steps.groups.len());
        let mut members = Vec::with_capacity(matrix.combinations.len());
        let is_open = matrix.is_open();
        let is_empty = matrix.combinations.is_empty();
        let names: Vec<String> = match is_empty {
            // The group keeps its place in the order.
            true => vec![name.to_owned()],
            false => matrix.parts.iter().map(|part| format!("{name}.{part}")).collect(),
        };
        for (position, member_name) in names.into_iter().enumerate() {
            let values = matrix.combinations.get(position).cloned().unwrap_or_default();
            let member = Member { group, matrix: matrix.axes.iter().cloned().zip(values).collect() };
            let mut step = Step { name: member_name, member: Some(Box::new(member)), ..base.clone() };
            if is_empty {
                step.condition = Some(empty_condition(at));
            }
            if let Some((text, at)) = &on_error {
                self.member_on_error(&mut step, text, *at);
            }
            let id = StepId::new(steps.list.len());
            members.push(id);
            if !is_empty {
                self.add_name(step.name.clone().into(), at, id, steps);
            }
            steps.list.push(step);
            steps.raw.push(Written::Here(raw));
        }
        if is_open {
            steps.open.push(name.to_owned());
        }
        let max_parallel = raw.matrix.value().and_then(|matrix| self.matrix_max_parallel(matrix));
        let params = matrix.params;
        steps.groups.push(Group { max_parallel, params, ..Group::of_matrix(name, at, members) });
        steps.texts.push(texts);
    }

    /// The matrix of a step, or what stands for one that is wrong, and whether it is in order.
    pub(super) fn matrix_of(&mut self, raw: &RawStep) -> (Matrix, bool) {
        let matrix = raw.matrix.get().and_then(|(matrix, at)| self.matrix(matrix, at));
        let is_sound = matrix.is_some();
        (matrix.unwrap_or_else(|| broken(raw.matrix.value())), is_sound)
    }

    fn matrix(&mut self, raw: &RawMatrix, at: Span) -> Option<Matrix> {
        let (axes, combinations) = match raw.axes.is_empty() {
            true => self.listed(raw, at)?,
            false => {
                let axes = self.axes(raw)?;
                let combinations = self.combinations(raw, &axes, at)?;
                (axes, combinations)
            }
        };
        let named = axes.iter().position(|axis| axis.name == "name").filter(|_| raw.axes.is_empty());
        let parts = unroll::parts(&combinations, named);
        self.names_differ(&parts, &combinations, at)?;
        let kinds = axes::kinds(&axes, &combinations);
        let params = axes.iter().flat_map(|axis| axis.params.iter().cloned()).collect();
        let axes = axes.into_iter().map(|axis| axis.name).collect();
        Some(Matrix { axes, params, kinds, combinations, parts })
    }

    fn names_differ(&mut self, parts: &[String], combinations: &[Combination], at: Span) -> Option<()> {
        let mut first: HashMap<&str, usize> = HashMap::with_capacity(parts.len());
        for (position, part) in parts.iter().enumerate() {
            let Some(other) = first.insert(part, position) else { continue };
            let values = |position: usize| {
                let values = combinations.get(position).into_iter().flatten().map(MatrixValue::spelled);
                shown(&values.collect::<Vec<_>>().join(", "))
            };
            let message = format!(
                "the combinations {} and {} would both be called `{part}`",
                values(other),
                values(position)
            );
            let problem = self.at(Code::MatrixNames, at, message);
            self.report(problem.help(
                "list the combinations under `include`, each with a `name` of its own: letters, digits, `_`, `.` and `-`",
            ));
            return None;
        }
        Some(())
    }

    pub(super) fn matrix_max_parallel(&mut self, raw: &RawMatrix) -> Option<NonZeroUsize> {
        let (&number, at) = raw.max_parallel.get()?;
        self.at_least_one(number, at, "`max_parallel: 0` would let no step of the matrix run")
    }

    /// Reports a file that every step of a matrix would make.
    fn one_product_each(&mut self, step: &Step) {
        let differs = |text: &Template| !text.axes.is_empty() || text.source.contains("step");
        if step.working_dir.as_ref().is_some_and(differs) {
            return;
        }
        for text in step.produces.iter().filter(|text| !differs(text)) {
            let message = format!("every combination would make {}", shown(&text.source));
            let problem = self.at(Code::MatrixProduces, text.at, message);
            self.report(problem.help("put a value of the matrix into its name, such as `{{ matrix.os }}`"));
        }
    }

    /// `on_error` as an expression.
    fn on_error_text(&mut self, raw: &RawStep) -> Option<(Template, Span)> {
        match raw.on_error.get()? {
            (Early::Text(text), at) => Some((self.matrix_text(text, at)?, at)),
            (Early::Value(_), _) => None,
        }
    }

    fn member_on_error(&mut self, step: &mut Step, text: &Template, at: Span) {
        let Some(word) = self.render_for(step, text) else { return };
        let own = match word.trim() {
            "stop" => RawOnError::Stop,
            "continue" => RawOnError::Continue,
            "ignore" => RawOnError::Ignore,
            word => {
                let message = format!("`on_error` is {} for `{}`", shown(word), step.name);
                let problem = self.at(Code::UnknownValue, at, message);
                self.report(problem.help(
                    "it is `stop`, `continue` or `ignore`; how often a step is tried again is its `retry`",
                ));
                return;
            }
        };
        step.policy.on_error = super::policy::after_retry(own);
    }
}

/// What stands for a matrix that is wrong: one combination of which nothing is known.
fn broken(raw: Option<&RawMatrix>) -> Matrix {
    let of_axes = raw.into_iter().flat_map(|raw| raw.axes.iter().map(|(name, _)| name));
    let include = raw.and_then(|raw| raw.include.value()).into_iter().flatten().filter_map(Field::value);
    let of_list = include.flat_map(|entry| entry.0.iter().map(|(name, _)| name));
    let names: BTreeSet<String> = of_axes.chain(of_list).filter_map(Field::value).cloned().collect();
    let axes: Vec<String> = names.into_iter().collect();
    Matrix {
        params: Vec::new(),
        kinds: axes.iter().map(|axis| (axis.clone(), ExprType::Unknown)).collect(),
        combinations: vec![vec![MatrixValue::Unknown; axes.len().max(1)]],
        parts: vec!["?".to_owned()],
        axes,
    }
}
