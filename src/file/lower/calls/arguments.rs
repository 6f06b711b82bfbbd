//! `with`: the values that a caller gives to the params of a file.

use super::Lowering;
use crate::file::params::value::{self, Raw};
use crate::file::raw::{RawDefault, RawStep};
use crate::file::words::ValueError;
use crate::file::yaml::{Field, locate};
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Argument, ArgumentValue, CalledFile, Param, ParamKind, Span, Template};
use crate::template::{ExprType, TextContext, sole_expression};

impl Lowering<'_> {
    /// The values as they are written, in the names of the caller.
    pub(super) fn written_arguments(&mut self, raw: &RawStep) -> Option<Vec<Argument>> {
        let entries = raw.with.value()?;
        let mut arguments = Vec::with_capacity(entries.0.len());
        for (name, value) in &entries.0 {
            let (Some((name, _)), Some((value, at))) = (name.get(), value.get()) else { continue };
            let value = match value {
                RawDefault::Single(literal) => self.argument(&literal.text, at),
                RawDefault::List(items) => self.list_argument(items),
            };
            arguments.extend(value.map(|value| Argument { param: name.clone(), at, value }));
        }
        Some(arguments)
    }

    fn argument(&mut self, text: &str, at: Span) -> Option<ArgumentValue> {
        let template = self.template(text, at, TextContext::Plain);
        let late = template.outputs.first().map(|read| &read.range);
        let late = late.or(template.members.first().map(|read| &read.range));
        if let Some(range) = late.or(template.ends.first().map(|read| &read.range)) {
            let at = locate(self.source, at, text, range.clone());
            let problem =
                self.at(Code::UsesLate, at, "params are read before the run, and no step has run then");
            self.report(problem.help(
                "let the file read a stream (`inputs: {…}`), or a file that the step before it leaves behind",
            ));
            return None;
        }
        Some(match self.list_or_secret(&template) {
            Some(param) => ArgumentValue::Whole { param },
            None => ArgumentValue::Text(template),
        })
    }

    /// The list or the secret that a text consists of.
    fn list_or_secret(&self, text: &Template) -> Option<String> {
        let name = sole_expression(&text.source)?.trim();
        let name = name.strip_prefix('.').unwrap_or(name);
        let name = name.strip_prefix("params.").unwrap_or(name);
        match self.names.params.get(name)? {
            ExprType::List(_) | ExprType::Secret => Some(name.to_owned()),
            ExprType::Text
            | ExprType::Choice(_)
            | ExprType::Duration
            | ExprType::Size
            | ExprType::Number
            | ExprType::Bool
            | ExprType::Unknown => None,
        }
    }

    fn list_argument(&mut self, items: &[Field<String>]) -> Option<ArgumentValue> {
        let mut list = Vec::with_capacity(items.len());
        for (item, at) in items.iter().filter_map(Field::get) {
            if item.contains("{{") || item.contains("{%") {
                let problem = self.at(Code::UsesWhole, at, "a list that is written out has no templates");
                self.report(problem.help("hand over a list param whole: `\"{{ names }}\"`"));
                return None;
            }
            list.push(item.clone());
        }
        Some(ArgumentValue::List(list))
    }

    /// Checks the values against the params of the file: unknown ones, missing ones, and those of a wrong type.
    pub(super) fn check_arguments(&mut self, raw: &RawStep, file: &CalledFile, given: &[Argument]) {
        let path = file.path.display();
        let entries = raw.with.value().map(|with| with.0.as_slice()).unwrap_or_default();
        for (name, at) in entries.iter().filter_map(|(name, _)| name.get()) {
            if file.params.iter().all(|param| param.name != *name) {
                let names = file.params.iter().map(|param| param.name.as_str());
                let help = match file.params.is_empty() {
                    true => Some(format!("`{path}` has no params: take it out")),
                    false => self.nearest.help(name, names),
                };
                let problem = self.at(Code::UnknownParam, at, format!("`{path}` has no param `{name}`"));
                self.report(problem.maybe_help(help));
            }
        }
        let uses = raw.uses.at().unwrap_or_default();
        let is_written = |param: &Param| entries.iter().any(|(name, _)| name.value() == Some(&param.name));
        for param in file.params.iter().filter(|param| param.required && param.env.is_none()) {
            if !is_written(param) {
                let problem = self.missing_argument(file, param, uses);
                self.report(problem);
            }
        }
        for argument in given {
            if let Some(param) = file.params.iter().find(|param| param.name == argument.param)
                && let Err(problem) = self.fits(param, argument)
            {
                self.report(problem.also(param.at, "declared here"));
            }
        }
    }

    fn missing_argument(&self, file: &CalledFile, param: &Param, uses: Span) -> Diagnostic {
        let (name, path) = (&param.name, file.path.display());
        let example = match param.kind {
            ParamKind::Secret | ParamKind::List => format!("\"{{{{ {name} }}}}\""),
            _ => "…".to_owned(),
        };
        let problem =
            self.at(Code::MissingParam, uses, format!("the param `{name}` of `{path}` needs a value"));
        let about = param.description.as_ref().map_or_else(String::new, |about| format!("; it is: {about}"));
        problem.also(param.at, "declared here").help(format!("give it: `with: {{{name}: {example}}}`{about}"))
    }

    /// Checks what can be known of a value before the run.
    fn fits(&self, param: &Param, argument: &Argument) -> Result<(), Diagnostic> {
        let Argument { param: name, at, value } = argument;
        let wrong = |code, message: String, help: String| Err(self.at(code, *at, message).help(help));
        let is_secret = |name: &String| self.names.params.get(name) == Some(&ExprType::Secret);
        let bad = |ValueError { message, help }: ValueError| {
            self.at(Code::BadValue, *at, format!("param `{name}`: {message}")).maybe_help(help)
        };
        match (&param.kind, value) {
            (ParamKind::Secret, ArgumentValue::Whole { param: own }) if is_secret(own) => Ok(()),
            (ParamKind::Secret, _) => wrong(
                Code::UsesWhole,
                format!("`{name}` is a secret, and takes a secret as a whole"),
                match value.params().find(|name| is_secret(name)) {
                    Some(own) => format!("hand `{own}` over alone: `{name}: \"{{{{ {own} }}}}\"`"),
                    None => format!(
                        "declare one in `params` of this file and hand it over: `{name}: \"{{{{ {name} }}}}\"`"
                    ),
                },
            ),
            (_, value) if value.params().any(is_secret) => wrong(
                Code::UsesWhole,
                format!("a secret goes to `{name}`, which is none"),
                format!("write `type: secret` for `{name}` where it is declared"),
            ),
            (ParamKind::List, ArgumentValue::Whole { .. }) => Ok(()),
            (ParamKind::List, ArgumentValue::Text(text)) if text.compiled.is_some() => wrong(
                Code::UsesWhole,
                format!("`{name}` is a list, and takes a list as a whole"),
                "hand over a list param: `\"{{ names }}\"`, or write the list out: `[a, b]`".to_owned(),
            ),
            (_, ArgumentValue::Whole { param: own }) => wrong(
                Code::UsesWhole,
                format!("`{own}` is a list, and `{name}` takes a single value"),
                format!(
                    "declare `{name}` with `type: list`, or choose a value: `{{{{ {own} | join(' ') }}}}`"
                ),
            ),
            (kind, ArgumentValue::List(items)) => {
                value::check(kind, &Raw::List(items.clone())).map(drop).map_err(bad)
            }
            // One that did not compile has been reported, and still has its expressions.
            (_, ArgumentValue::Text(text)) if text.compiled.is_some() || text.source.contains("{{") => Ok(()),
            (kind, ArgumentValue::Text(text)) => {
                value::check(kind, &Raw::Text(text.source.clone())).map(drop).map_err(bad)
            }
        }
    }
}
