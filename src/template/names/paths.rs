//! Looks up what each name in an expression stands for.

use super::{Checker, Path, Token};
use crate::pipeline::{MembersRef, OutputRef};
use crate::template::kinds::ExprType;
use crate::template::scan::BRACES_HELP;
use crate::template::services::{self, AddressRefusal};
use crate::template::{TemplateError, TemplateErrorKind, TextContext, ends, foreign, known, outputs, status};

impl Checker<'_> {
    /// Looks a name up, with its attributes.
    pub(super) fn path(&mut self, index: usize, path: &Path<'_>, after: &[Token]) {
        let is_local = self.locals.iter().any(|scope| scope.contains_key(path.root));
        match (path.is_call, path.attributes.as_slice()) {
            (true, []) => return self.call(path, after),
            (true, [.., method]) if !(is_local && path.root == "loop") => {
                let value = path.range.start..path.range.end.saturating_sub(method.len() + 1);
                let value = self.source.get(value).unwrap_or_default();
                let message = format!("`{method}` cannot be called on a value");
                let help = foreign::call(method).map(str::to_owned);
                let help =
                    help.unwrap_or_else(|| format!("filters change values: `{{{{ {value} | upper }}}}`"));
                return self.error(TemplateErrorKind::Function, path.range.clone(), message, Some(help));
            }
            _ if is_local => return,
            _ => {}
        }
        let is_param = self.names.params.contains_key(path.root);
        if let (false, Some(end)) = (is_param, ends::read(path, self.text(path), self.names.role)) {
            match end {
                Ok(end) => self.usage.ends.push(end),
                Err(error) => self.usage.errors.push(error),
            }
            return;
        }
        match (path.root, path.attributes.as_slice()) {
            ("params", []) => {
                let message = "`params` needs a name after it".to_owned();
                let help = Some("write `params.NAME`, or the name alone".to_owned());
                self.error(TemplateErrorKind::Undefined, path.range.clone(), message, help);
            }
            ("params", [name, rest @ ..]) if self.names.params.contains_key(*name) => {
                self.param((index, after), path, name, rest);
            }
            ("params", [name, ..]) => self.unknown(path, name, "params."),
            (name, rest) if self.names.params.contains_key(name) => {
                self.param((index, after), path, name, rest);
            }
            ("env", [name, ..]) if self.names.secret_variables.contains_key(*name) => {
                self.secret_variable(path, name);
            }
            ("inputs", names) => self.input(path, names),
            ("matrix", names) => self.axis(path, names),
            ("services", _) => match services::read(path, self.text(path), self.address_refusal()) {
                Ok(address) => self.usage.addresses.push(address),
                Err(error) => self.usage.errors.push(error),
            },
            ("steps", [group, "members"]) if self.names.steps => {
                self.usage.members.push(MembersRef { group: (*group).to_owned(), range: path.range.clone() });
            }
            ("steps", _) => match outputs::read(path, self.text(path), self.names.steps) {
                Ok(output) => {
                    let is_optional = self.has_default(after);
                    self.usage.outputs.push(OutputRef { is_optional, ..output });
                }
                Err(error) => self.usage.errors.push(error),
            },
            (root, rest) if known::ROOTS.contains(&root) => {
                self.usage.pipeline_dir |=
                    root == "pipeline" && rest.first().is_none_or(|name| *name == "dir");
                self.member(path, root, rest);
            }
            (name, []) if status::verdict(name).is_some() => {
                let message = format!("`{name}` is a function");
                let help = Some(format!("name a step: `{name}('build')`"));
                self.error(TemplateErrorKind::Function, path.range.clone(), message, help);
            }
            (name, _) if known::FUNCTIONS.contains(&name) => {
                let message = format!("`{name}` is a function");
                let help = Some(format!("call it: `{name}()`"));
                self.error(TemplateErrorKind::Function, path.range.clone(), message, help);
            }
            (name, _) => self.unknown(path, name, ""),
        }
    }

    /// Why a text here may not read the address of a service.
    fn address_refusal(&self) -> Option<AddressRefusal> {
        match (self.place, self.names.services) {
            (TextContext::Condition, _) => Some(AddressRefusal::Condition),
            (_, false) => Some(AddressRefusal::Early),
            (_, true) => None,
        }
    }

    /// A name of the run itself, such as `pipeline.name`.
    fn member(&mut self, path: &Path<'_>, root: &str, rest: &[&str]) {
        if let (Some(members), Some(name)) = (known::members(root), rest.first())
            && (!members.contains(name) || rest.len() > 1)
        {
            let all: Vec<String> = members.iter().map(|member| format!("`{root}.{member}`")).collect();
            let message = format!("`{}` is not defined", self.text(path));
            let help = Some(format!("there is {}", all.join(" and ")));
            self.error(TemplateErrorKind::Undefined, path.range.clone(), message, help);
        }
    }

    /// A variable that a secret comes from: what is read of it here would be a text like any other.
    fn secret_variable(&mut self, path: &Path<'_>, name: &str) {
        let Some(param) = self.names.secret_variables.get(name) else { return };
        let message = format!("`{}` is the value of the secret `{param}`", self.text(path));
        if self.place == TextContext::Condition {
            let help = format!("write `{param} is not empty`: that is all a condition may ask of a secret");
            return self.error(TemplateErrorKind::ConditionSecret, path.range.clone(), message, Some(help));
        }
        let help = format!("write `{{{{ {param} }}}}`: it is masked, and never part of a script");
        self.error(TemplateErrorKind::Secret, path.range.clone(), message, Some(help));
    }

    /// `inputs.NAME`: where the step finds something that it reads.
    fn input(&mut self, path: &Path<'_>, names: &[&str]) {
        let known = self.names.inputs.iter().map(String::as_str);
        let message = match names {
            [name] if self.names.inputs.iter().any(|input| input == name) => return,
            [] => "`inputs` needs a name after it".to_owned(),
            _ => format!("`{}` is not defined", self.text(path)),
        };
        let near = names.first().and_then(|name| known::nearest(name, known));
        let help = match near {
            Some(near) => format!("did you mean `inputs.{near}`?"),
            None if names.first().is_some_and(|name| self.names.params.contains_key(*name)) => {
                format!("a param is read by its name alone: `{}`", names.first().unwrap_or(&""))
            }
            // A stream is no question for a condition: what users mean are GitHub's inputs.
            None if self.place == TextContext::Condition => {
                let name = names.first().unwrap_or(&"name");
                format!(
                    "what is handed to a run is a param: declare `{name}` under `params`, and write `{name}`"
                )
            }
            None => "name what the step reads beside its stdin: `inputs: {left: STREAM}`".to_owned(),
        };
        self.error(TemplateErrorKind::Undefined, path.range.clone(), message, Some(help));
    }

    /// `matrix.NAME`: the value that this combination has on an axis.
    fn axis(&mut self, path: &Path<'_>, names: &[&str]) {
        let Some(axes) = &self.names.matrix else {
            let axis = names.first().unwrap_or(&"os");
            let help = format!("`{axis}` is an axis of a step that says `matrix: {{{axis}: [a, b]}}`");
            let message = "there is no `matrix` here".to_owned();
            return self.error(TemplateErrorKind::Undefined, path.range.clone(), message, Some(help));
        };
        match names {
            [] => self.usage.axes.extend(axes.keys().cloned()),
            [name] if axes.contains_key(*name) => {
                self.usage.axes.insert((*name).to_owned());
            }
            [name, ..] => {
                let message = format!("`{}` is not defined", self.text(path));
                let known: Vec<String> = axes.keys().map(|axis| format!("`matrix.{axis}`")).collect();
                let help = match known::nearest(name, axes.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `matrix.{near}`?"),
                    None => format!("there is {}", known.join(" and ")),
                };
                self.error(TemplateErrorKind::Undefined, path.range.clone(), message, Some(help));
            }
        }
    }

    fn call(&mut self, path: &Path<'_>, after: &[Token]) {
        let name = path.root;
        if let Some(verdict) = status::verdict(name).filter(|_| !self.names.params.contains_key(name)) {
            return self.status(verdict, path, after);
        }
        if known::FUNCTIONS.contains(&name) && !self.names.params.contains_key(name) {
            return;
        }
        let help = match known::nearest(name, known::FUNCTIONS) {
            _ if foreign::call(name).is_some() => foreign::call(name).unwrap_or_default().to_owned(),
            Some(near) if near != name => format!("did you mean `{near}()`?"),
            _ => {
                "functions are `now(format)`, `range(n)`, `dict()` and `namespace()`; filters change values: \
                  `{{ x | upper }}`"
                    .to_owned()
            }
        };
        self.error(
            TemplateErrorKind::Function,
            path.range.clone(),
            format!("`{name}` is not a function"),
            Some(help),
        );
    }

    fn param(&mut self, (index, after): (usize, &[Token]), path: &Path<'_>, name: &str, attributes: &[&str]) {
        self.usage.params.insert(name.to_owned());
        let is_secret = self.names.params.get(name) == Some(&ExprType::Secret);
        if is_secret && self.place == TextContext::Condition {
            self.asked_secret(path, name, after);
        } else if is_secret {
            self.usage.secrets.entry(index).or_default().insert(name.to_owned());
        }
        if let [attribute, ..] = attributes {
            let message =
                format!("`{}` is not defined: param `{name}` has no `{attribute}`", self.text(path));
            self.error(
                TemplateErrorKind::Undefined,
                path.range.clone(),
                message,
                Some(format!("write `{name}` alone")),
            );
        }
    }

    /// Returns whether this is the rest of a name that is said to be undefined: other languages have names such as
    /// `strategy.job-index`.
    fn is_behind_a_hyphen(&self, path: &Path<'_>) -> bool {
        let start = path.range.start;
        let hyphen = start.checked_sub(1).filter(|at| self.source.as_bytes().get(*at) == Some(&b'-'));
        let is_said = |end: usize| {
            let is_it =
                |error: &TemplateError| error.kind == TemplateErrorKind::Undefined && error.range.end == end;
            self.usage.errors.iter().any(is_it)
        };
        hyphen.is_some_and(is_said)
    }

    fn unknown(&mut self, path: &Path<'_>, name: &str, prefix: &str) {
        if self.is_behind_a_hyphen(path) {
            return;
        }
        let params = self.names.params.keys().map(String::as_str);
        let locals = self.locals.iter().flatten().map(|(name, _)| name.as_str());
        let near = if prefix.is_empty() {
            known::nearest(name, params.chain(locals).chain(known::ROOTS))
        } else {
            known::nearest(name, params)
        };
        let is_dotted =
            path.range.start > 0 && self.source.as_bytes().get(path.range.start - 1) == Some(&b'.');
        let help = match near {
            _ if prefix.is_empty() && foreign::path(path.root, &path.attributes).is_some() => {
                foreign::path(path.root, &path.attributes).unwrap_or_default()
            }
            Some(near) => format!("did you mean `{prefix}{near}`?"),
            None if is_dotted => format!("declare it under `params:`; {BRACES_HELP}"),
            None if self.names.params.is_empty() => format!("declare it under `params:`; {BRACES_HELP}"),
            None => {
                let mut all: Vec<String> = self.names.params.keys().map(|name| format!("`{name}`")).collect();
                if all.len() > 8 {
                    all.truncate(8);
                    all.push("…".to_owned());
                }
                format!("the params are {}; a new one is declared under `params:`", all.join(", "))
            }
        };
        self.error(
            TemplateErrorKind::Undefined,
            path.range.clone(),
            format!("`{prefix}{name}` is not defined"),
            Some(help),
        );
    }
}
