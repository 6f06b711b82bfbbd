//! Declarations of params.

use crate::file::Code;
use crate::file::params::order;
use crate::file::params::value::{self, Raw};
use crate::file::raw::{RawDefault, RawParam, RawParamKeys, RawPipeline, RawType};
use crate::file::words;
use crate::file::yaml::Field;
use crate::pipeline::{Param, ParamKind, Span, Template};
use crate::template::{ExprType, Names, TextContext};

use super::Lowering;
use super::kinds::{inferred, kind_of, value_kind, word};

/// Names that templates use for other things.
const RESERVED: &[&str] = &[
    "params", "env", "pipeline", "run", "step", "steps", "matrix", "inputs", "now", "loop", "self", "true",
    "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else",
];

/// What templates may name: every declared param, whether or not its declaration is in order.
pub(super) fn names(raw: &RawPipeline) -> Names {
    let entries = raw.params.value().map(|params| params.0.as_slice()).unwrap_or_default();
    let mut names = Names::default();
    for (name, param) in entries {
        let Some(name) = name.value() else { continue };
        let kind = param.value().map_or(ExprType::Unknown, value_kind);
        if let (ExprType::Secret, Some(RawParam::Full(keys))) = (&kind, param.value()) {
            names.secret_variables.extend(keys.env.value().map(|env| (env.clone(), name.clone())));
        }
        names.params.insert(name.clone(), kind);
    }
    names
}

impl Lowering<'_> {
    pub(super) fn params(&mut self, raw: &RawPipeline) -> Vec<Param> {
        let entries = raw.params.value().map(|params| params.0.as_slice()).unwrap_or_default();
        let mut params = Vec::new();
        for (name, param) in entries {
            if let (Some((name, at)), Some((raw, whole))) = (name.get(), param.get()) {
                self.param_name(name, at);
                params.extend(self.param(name, at, raw, whole));
            }
        }
        let (_, cycles) = order::order(&params);
        for cycle in cycles {
            self.report(order::explain(self.source, &params, &cycle));
        }
        params
    }

    fn param_name(&mut self, name: &str, at: Span) {
        if RESERVED.contains(&name) {
            let problem = self.at(Code::BadName, at, format!("`{name}` means something else in templates"));
            self.report(problem.help("choose another name for the param"));
        } else if !words::is_identifier(name) {
            let message = words::no_identifier("a param", name);
            let mended = words::as_identifier(name);
            let help = (!mended.is_empty()).then(|| format!("write `{mended}`"));
            let problem = self.at(Code::BadName, at, message).maybe_help(help);
            self.report(problem);
        }
    }

    fn param(&mut self, name: &str, at: Span, raw: &RawParam, whole: Span) -> Option<Param> {
        let short = |kind, default| Param {
            name: name.to_owned(),
            at,
            kind,
            default: Some(default),
            description: None,
            required: false,
            env: None,
        };
        match raw {
            RawParam::Single(literal) => {
                let default = self.template(&literal.text, whole, TextContext::Plain);
                let param = short(kind_of(inferred(literal)), default);
                self.check_default(&param);
                Some(param)
            }
            RawParam::List(items) => Some(short(ParamKind::List, self.list_default(items, whole))),
            RawParam::Full(keys) => self.full(name, at, keys),
        }
    }

    fn full(&mut self, name: &str, at: Span, keys: &RawParamKeys) -> Option<Param> {
        let kind = self.param_type(name, at, keys)?;
        self.strange_keys(kind, keys);
        let default = match keys.default.get() {
            Some((RawDefault::Single(literal), span)) => {
                Some(self.template(&literal.text, span, TextContext::Plain))
            }
            Some((RawDefault::List(items), span)) if kind == RawType::List => {
                Some(self.list_default(items, span))
            }
            Some((RawDefault::List(_), span)) => {
                let message = format!("the default is a list, but `{name}` is of type `{}`", word(kind));
                let problem =
                    self.at(Code::BadDefault, span, message).help("write `type: list`, or a single value");
                self.report(problem);
                None
            }
            None => None,
        };
        let required = self.required(name, keys);
        let env = keys.env.get().filter(|(env, span)| self.env_name(env, *span)).map(|(env, _)| env.clone());
        let description = keys.description.value().cloned();
        let kind = self.kind(kind, keys)?;
        let param = Param { name: name.to_owned(), at, kind, default, description, required, env };
        self.check_default(&param);
        Some(param)
    }

    /// The type that is written, or the one that the choices or the default show.
    fn param_type(&mut self, name: &str, at: Span, keys: &RawParamKeys) -> Option<RawType> {
        if !keys.kind.is_missing() {
            return keys.kind.value().copied();
        }
        if !keys.choices.is_missing() {
            return Some(RawType::Choice);
        }
        match keys.default.value() {
            Some(RawDefault::Single(literal)) => Some(inferred(literal)),
            Some(RawDefault::List(_)) => Some(RawType::List),
            None => {
                if keys.default.is_missing() {
                    let message =
                        format!("the param `{name}` has neither a type nor a default that shows it");
                    let problem = self
                        .at(Code::MissingKey, at, message)
                        .help("add `type: …`, for example `type: string`");
                    self.report(problem);
                }
                None
            }
        }
    }

    /// Whether a value must be given. Without a default there is no other way.
    fn required(&mut self, name: &str, keys: &RawParamKeys) -> bool {
        match keys.required.get() {
            Some((true, at)) if !keys.default.is_missing() => {
                let message = format!("`{name}` is required, so its default is never used");
                let problem =
                    self.at(Code::BadDefault, at, message).help("remove `required: true`, or the default");
                self.report(problem);
            }
            Some((false, at)) if keys.default.is_missing() => {
                let message = format!("`{name}` is not required, but has no default to fall back to");
                let problem =
                    self.at(Code::BadDefault, at, message).help("add a default, such as `default: \"\"`");
                self.report(problem);
            }
            _ => {}
        }
        keys.default.is_missing()
    }

    /// A list as a default, kept as the text of a YAML list.
    fn list_default(&mut self, items: &[Field<String>], at: Span) -> Template {
        for (item, at) in items.iter().filter_map(Field::get) {
            if item.contains("{{") || item.contains("{%") {
                let problem = self.at(Code::BadDefault, at, "a template cannot be used in a list");
                self.report(
                    problem
                        .help("write the whole default as one text, such as `default: \"{{.a}}, {{.b}}\"`"),
                );
            }
        }
        let items: Vec<&String> = items.iter().filter_map(Field::value).collect();
        Template::literal(serde_json::to_string(&items).unwrap_or_default(), at)
    }

    /// A default without expressions can be checked now; one that reads a secret must stay one.
    fn check_default(&mut self, param: &Param) {
        let Some(default) = &param.default else { return };
        let secret =
            default.params.iter().find(|name| self.names.params.get(*name) == Some(&ExprType::Secret));
        if let Some(secret) = secret
            && param.kind != ParamKind::Secret
        {
            let message = format!(
                "the default of `{}` reads the secret `{secret}`, but is no secret itself",
                param.name
            );
            let problem = self
                .at(Code::SecretDefault, default.at, message)
                .help("write `type: secret` for this one too");
            self.report(problem);
        }
        // A text that did not compile has been reported, and still has its expressions.
        if default.compiled.is_none() && !(default.source.contains("{{") || default.source.contains("{%")) {
            let raw = Raw::Text(default.source.clone());
            if let Err(error) = value::check(&param.kind, &raw) {
                let message = format!("invalid default for `{}`: {}", param.name, error.message);
                let problem = self.at(Code::BadDefault, default.at, message).maybe_help(error.help);
                self.report(problem);
            }
        }
    }
}
