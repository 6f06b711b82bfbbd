//! The axes of a matrix: the values that stand in the file, and those that a list gives when the run begins.

use std::collections::{BTreeMap, BTreeSet};

use crate::file::Code;
use crate::file::lower::Lowering;
use crate::file::raw::{RawAxis, RawMatrix};
use crate::file::unroll::{Axis, Combination};
use crate::file::words::{self, shown};
use crate::file::yaml::{Field, Literal, ScalarKind, locate};
use crate::pipeline::{MatrixValue, Span, Template};
use crate::template::{self, ExprType, Names, Scope, TextContext};

/// Values of an axis, each with its place.
type Values = Vec<(MatrixValue, Span)>;

impl Lowering<'_> {
    /// The axes, in the order of the file; `None` if one of them is wrong.
    pub(super) fn axes(&mut self, raw: &RawMatrix) -> Option<Vec<Axis>> {
        let mut axes = Some(Vec::with_capacity(raw.axes.len()));
        for (name, values) in &raw.axes {
            let axis = name.get().and_then(|(name, at)| {
                let is_good = self.axis_name(name, at);
                let axis = values.get().and_then(|(values, at)| self.axis(name, values, at));
                axis.filter(|_| is_good)
            });
            axes = axes.zip(axis).map(|(mut axes, axis)| {
                axes.push(axis);
                axes
            });
        }
        axes
    }

    /// Whether a name can be an axis's; if not, it is reported.
    pub(super) fn axis_name(&mut self, name: &str, at: Span) -> bool {
        let is_good = words::is_identifier(name);
        if !is_good {
            let mended = words::as_identifier(name);
            let help = match name {
                "fail-fast" => Some(
                    "write `on_error: continue` at the step, so that the others go on when one fails".into(),
                ),
                "max-parallel" => Some("write `max_parallel`".into()),
                _ => (!mended.is_empty()).then(|| format!("write `{mended}`")),
            };
            let problem = self.at(Code::BadName, at, words::no_identifier("an axis", name));
            self.report(problem.maybe_help(help));
        }
        is_good
    }

    fn axis(&mut self, name: &str, raw: &RawAxis, at: Span) -> Option<Axis> {
        let (values, params) = match raw {
            RawAxis::List(items) => (self.literal_values(name, items, at)?, None),
            RawAxis::Text(text) => {
                let (values, params) = self.list_of(name, &text.text, at)?;
                (values, Some(params))
            }
        };
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let twice = values.iter().find(|(value, _)| !seen.insert(value.spelled()));
        if let Some((value, at)) = twice {
            let message = format!("{} is twice in the axis `{name}`", shown(value.spelled()));
            let problem = self.at(Code::MatrixDuplicate, *at, message);
            self.report(problem.help("every value makes a step of its own: name it once"));
            return None;
        }
        let is_literal = params.is_none();
        Some(Axis { name: name.to_owned(), values, is_literal, params: params.unwrap_or_default() })
    }

    fn literal_values(&mut self, name: &str, items: &[Field<Literal>], at: Span) -> Option<Values> {
        if items.is_empty() {
            let problem = self.at(Code::MatrixEmpty, at, format!("the axis `{name}` has no values"));
            self.report(
                problem.help("name at least one; a list that may be empty is a param of `type: list`"),
            );
            return None;
        }
        items.iter().map(|item| item.get().and_then(|(item, at)| self.value(item, at))).collect()
    }

    /// A value as it is written: `true` and `false`, whole numbers, and everything else as text.
    pub(super) fn value(&mut self, literal: &Literal, at: Span) -> Option<(MatrixValue, Span)> {
        if literal.text.contains("{{") || literal.text.contains("{%") {
            let problem = self.at(Code::MatrixAxis, at, "a value of a matrix has no templates");
            self.report(
                problem
                    .help("write the whole axis as one expression that is a list: `os: \"{{ systems }}\"`"),
            );
            return None;
        }
        let value = match (literal.kind(), literal.text.parse()) {
            (ScalarKind::Bool, _) => MatrixValue::Bool(literal.text.eq_ignore_ascii_case("true")),
            (ScalarKind::Int, Ok(value)) => MatrixValue::Int { text: literal.text.clone(), value },
            (ScalarKind::Int | ScalarKind::Null | ScalarKind::Float | ScalarKind::Text, _) => {
                MatrixValue::Text(literal.text.clone())
            }
        };
        Some((value, at))
    }

    /// The values of an axis that is an expression, and the params that they come from; one that is unknown where the
    /// list has no value yet.
    fn list_of(&mut self, name: &str, text: &str, at: Span) -> Option<(Values, Vec<String>)> {
        let Some(expression) = template::sole_expression(text) else {
            let message = format!("the axis `{name}` is no list of values");
            let problem = self.at(Code::MatrixAxis, at, message);
            self.report(problem.help(match text.contains("{{") {
                true => format!("write one expression that is a list, and nothing around it: `{name}: \"{{{{ systems }}}}\"`"),
                false => format!("write `{name}: [{}]`", text.trim()),
            }));
            return None;
        };
        let before = self.problems.len();
        let checked = self.axis_template(text, at);
        if self.problems.len() > before || self.is_late(&checked, at) || !self.is_list(name, expression, at) {
            return None;
        }
        let unknown = vec![(MatrixValue::Unknown, at)];
        let as_json = format!("{{{{ ({expression}) | tojson }}}}");
        let as_json = template::compile(&as_json, at, TextContext::Argument, &self.axis_names());
        let (Some(renderer), Ok(as_json)) = (self.early_values(&checked), as_json) else {
            return Some((unknown, checked.params.clone()));
        };
        match renderer.render(&as_json, Scope::default()) {
            Ok(list) => Some((self.items(name, &list, at)?, checked.params.clone())),
            Err(error) => {
                let problem = self.at(error.kind.into(), at, error.message).maybe_help(error.help);
                self.report(problem);
                None
            }
        }
    }

    /// What an axis may name: what is known before anything runs. Outputs of steps are looked for as well, to say
    /// that they come too late.
    fn axis_names(&self) -> Names {
        Names { steps: true, inputs: Vec::new(), matrix: None, ..self.names.clone() }
    }

    fn axis_template(&mut self, text: &str, at: Span) -> Template {
        let names = self.axis_names();
        let own = std::mem::replace(&mut self.names, names);
        let template = self.template(text, at, TextContext::Argument);
        self.names = own;
        template
    }

    /// Whether an axis needs what a step makes; then it is reported.
    fn is_late(&mut self, text: &Template, at: Span) -> bool {
        let output = text.outputs.first().map(|output| (&output.step, &output.range));
        let members = text.members.first().map(|members| (&members.group, &members.range));
        let Some((step, range)) = output.or(members) else { return false };
        let at = locate(self.source, at, &text.source, range.clone());
        let message =
            format!("this is known only when `{step}` has run, and a matrix is made before anything runs");
        let problem = self.at(Code::MatrixLate, at, message);
        self.report(problem.help(
            "make two pipelines of it, and give the values on: `pipe run plan.yml`, then `pipe run build.yml -p items=…`",
        ));
        true
    }

    /// Whether a param that is an axis by itself is a list.
    fn is_list(&mut self, name: &str, expression: &str, at: Span) -> bool {
        let param = expression.trim().trim_start_matches("params.").trim_start_matches('.');
        let is_list = match self.names.params.get(param) {
            None | Some(ExprType::List(_) | ExprType::Unknown) => true,
            Some(
                ExprType::Text
                | ExprType::Choice(_)
                | ExprType::Duration
                | ExprType::Size
                | ExprType::Secret
                | ExprType::Number
                | ExprType::Bool,
            ) => false,
        };
        if !is_list {
            let message = format!("the axis `{name}` needs a list, and `{param}` is none");
            let problem = self.at(Code::MatrixAxis, at, message);
            self.report(problem.help(format!("declare `{param}` with `type: list`")));
        }
        is_list
    }

    /// The items of a list in JSON.
    fn items(&mut self, name: &str, json: &str, at: Span) -> Option<Values> {
        let value = |item: serde_json::Value| match item {
            serde_json::Value::Bool(bool) => Some(MatrixValue::Bool(bool)),
            serde_json::Value::Number(number) => Some(match number.as_i64() {
                Some(value) => MatrixValue::Int { text: number.to_string(), value },
                None => MatrixValue::Text(number.to_string()),
            }),
            serde_json::Value::String(text) => Some(MatrixValue::Text(text)),
            serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
        };
        let items = match serde_json::from_str(json) {
            Ok(serde_json::Value::Array(items)) => items,
            Ok(_) | Err(_) => {
                let problem = self.at(
                    Code::MatrixAxis,
                    at,
                    format!("the axis `{name}` is {}, which is no list", shown(json)),
                );
                self.report(problem.help("`| split(',')` makes a list of a text"));
                return None;
            }
        };
        let values: Option<Vec<_>> = items.into_iter().map(|item| Some((value(item)?, at))).collect();
        if values.is_none() {
            let message =
                format!("the values of the axis `{name}` are not all single values: {}", shown(json));
            let problem = self.at(Code::MatrixAxis, at, message);
            self.report(problem.help("an axis is a list of texts, numbers or truth values"));
        }
        values
    }
}

/// The kinds of values that axes have, by name. `include` may add values that no axis lists.
pub(super) fn kinds(axes: &[Axis], combinations: &[Combination]) -> BTreeMap<String, ExprType> {
    let of = |(position, axis): (usize, &Axis)| {
        let included = combinations.iter().filter_map(move |combination| combination.get(position));
        let values: Vec<&MatrixValue> = axis.values.iter().map(|(value, _)| value).chain(included).collect();
        (axis.name.clone(), kind(&values, axis.is_literal))
    };
    axes.iter().enumerate().map(of).collect()
}

/// What a text may do with the value of an axis. What is compared with a value that stands in the file must be
/// one of them; another run may give another list.
fn kind(values: &[&MatrixValue], is_literal: bool) -> ExprType {
    let all = |is: fn(&MatrixValue) -> bool| values.iter().all(|value| is(value));
    if values.is_empty() {
        ExprType::Unknown
    } else if all(|value| matches!(value, MatrixValue::Bool(_))) {
        ExprType::Bool
    } else if all(|value| matches!(value, MatrixValue::Int { .. })) {
        ExprType::Number
    } else if !all(|value| matches!(value, MatrixValue::Text(_))) {
        ExprType::Unknown
    } else if is_literal {
        let mut seen = BTreeSet::new();
        let choices = values.iter().map(|value| value.spelled()).filter(|value| seen.insert(*value));
        ExprType::Choice(choices.map(str::to_owned).collect())
    } else {
        ExprType::Text
    }
}
