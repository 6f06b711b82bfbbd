//! A param's type: the one that is written or shown, and what its keys say about it.

use crate::file::Code;
use crate::file::nearest::list;
use crate::file::params::value;
use crate::file::raw::{GOES_WITH, RawAccess, RawDefault, RawExists, RawParam, RawParamKeys, RawType};
use crate::file::yaml::{Field, Literal, ScalarKind};
use crate::pipeline::{Access, Exists, ParamKind};
use crate::template;

use super::Lowering;

impl Lowering<'_> {
    /// Keys that say something about another type.
    pub(super) fn strange_keys(&mut self, kind: RawType, keys: &RawParamKeys) {
        let places = [
            keys.min.at(),
            keys.max.at(),
            keys.pattern.at(),
            keys.choices.at(),
            keys.exists.at(),
            keys.access.at(),
        ];
        for ((key, kinds), at) in GOES_WITH.into_iter().zip(places) {
            if let Some(at) = at
                && !kinds.contains(&word(kind))
            {
                let message = format!("`{key}` says nothing about a param of type `{}`", word(kind));
                let kinds = list(kinds.iter().copied(), "and");
                let problem =
                    self.at(Code::StrangeKey, at, message).help(format!("it goes with {kinds}; remove it"));
                self.report(problem);
            }
        }
    }

    pub(super) fn kind(&mut self, kind: RawType, keys: &RawParamKeys) -> Option<ParamKind> {
        Some(match kind {
            RawType::String => ParamKind::String { pattern: self.pattern(keys) },
            RawType::Int => {
                let (min, max) = (
                    self.number("min", &keys.min, "a whole number"),
                    self.number("max", &keys.max, "a whole number"),
                );
                self.in_order(min, max, keys);
                ParamKind::Int { min, max }
            }
            RawType::Float => {
                let (min, max) =
                    (self.number("min", &keys.min, "a number"), self.number("max", &keys.max, "a number"));
                self.in_order(min, max, keys);
                ParamKind::Float { min, max }
            }
            RawType::Path => ParamKind::Path {
                exists: match keys.exists.value() {
                    Some(RawExists::True) => Some(Exists::Any),
                    Some(RawExists::File) => Some(Exists::File),
                    Some(RawExists::Dir) => Some(Exists::Dir),
                    Some(RawExists::False) | None => None,
                },
                access: match keys.access.value() {
                    Some(RawAccess::Rw) => Access::ReadWrite,
                    _ => Access::ReadOnly,
                },
            },
            RawType::Choice => ParamKind::Choice { choices: self.choices(keys)? },
            other => kind_of(other),
        })
    }

    fn pattern(&mut self, keys: &RawParamKeys) -> Option<String> {
        let (pattern, at) = keys.pattern.get()?;
        if let Err(error) = value::whole(pattern) {
            // The library draws the pattern with a caret; its last line is the reason.
            let reason = error
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .trim()
                .trim_start_matches("error: ")
                .to_owned();
            let problem =
                self.at(Code::BadPattern, at, format!("this is not a regular expression: {reason}"));
            self.report(problem.help("a backslash before a sign takes it as itself, such as `\\(`"));
            return None;
        }
        Some(pattern.clone())
    }

    fn number<N: std::str::FromStr>(&mut self, key: &str, field: &Field<Literal>, wanted: &str) -> Option<N> {
        let (literal, at) = field.get()?;
        let number = literal.text.parse().ok();
        if number.is_none() {
            let problem = self.at(
                Code::WrongType,
                at,
                format!("`{key}` must be {wanted} here, not `{}`", literal.text),
            );
            self.report(problem);
        }
        number
    }

    fn in_order<N: PartialOrd + std::fmt::Display>(
        &mut self,
        min: Option<N>,
        max: Option<N>,
        keys: &RawParamKeys,
    ) {
        if let (Some(min), Some(max), Some(at), Some(other)) = (min, max, keys.min.at(), keys.max.at())
            && min > max
        {
            let problem =
                self.at(Code::BadLimits, at, format!("no number is both {min} or more and {max} or less"));
            self.report(problem.also(other, "the other limit").help("swap `min` and `max`"));
        }
    }

    fn choices(&mut self, keys: &RawParamKeys) -> Option<Vec<String>> {
        if keys.choices.is_missing() {
            let at = keys.kind.at().unwrap_or_default();
            let problem = self.at(Code::MissingKey, at, "a param of type `choice` needs `choices`");
            self.report(problem.help("add them, such as `choices: [full, incremental]`"));
            return None;
        }
        let (choices, at) = keys.choices.get()?;
        if choices.is_empty() {
            let problem = self.at(Code::MissingKey, at, "`choices` is empty, so no value would do");
            self.report(problem.help("list the values allowed, such as `choices: [full, incremental]`"));
            return None;
        }
        Some(choices.iter().filter_map(Field::value).cloned().collect())
    }
}

/// The type that a value shows.
pub(super) fn inferred(literal: &Literal) -> RawType {
    match literal.kind() {
        ScalarKind::Bool => RawType::Bool,
        ScalarKind::Int => RawType::Int,
        ScalarKind::Float => RawType::Float,
        ScalarKind::Text | ScalarKind::Null => RawType::String,
    }
}

/// What templates may do with the value of a param, as far as its declaration says.
pub(super) fn value_kind(param: &RawParam) -> template::ExprType {
    let default = |default: &RawDefault| match default {
        RawDefault::Single(literal) => inferred(literal),
        RawDefault::List(_) => RawType::List,
    };
    let kind = match param {
        RawParam::Single(literal) => Some(inferred(literal)),
        RawParam::List(_) => Some(RawType::List),
        RawParam::Full(keys) if !keys.kind.is_missing() => keys.kind.value().copied(),
        RawParam::Full(keys) if !keys.choices.is_missing() => Some(RawType::Choice),
        RawParam::Full(keys) => keys.default.value().map(default),
    };
    match kind {
        None => template::ExprType::Unknown,
        Some(RawType::String | RawType::Path) => template::ExprType::Text,
        Some(RawType::Int | RawType::Float) => template::ExprType::Number,
        Some(RawType::Bool) => template::ExprType::Bool,
        Some(RawType::List) => template::ExprType::texts(),
        Some(RawType::Duration) => template::ExprType::Duration,
        Some(RawType::Size) => template::ExprType::Size,
        Some(RawType::Secret) => template::ExprType::Secret,
        Some(RawType::Choice) => match param {
            RawParam::Full(keys) => {
                let choices = keys.choices.value().map(Vec::as_slice).unwrap_or_default();
                template::ExprType::Choice(choices.iter().filter_map(Field::value).cloned().collect())
            }
            RawParam::Single(_) | RawParam::List(_) => template::ExprType::Text,
        },
    }
}

/// A type with nothing said about it.
pub(super) fn kind_of(kind: RawType) -> ParamKind {
    match kind {
        RawType::String => ParamKind::String { pattern: None },
        RawType::Int => ParamKind::Int { min: None, max: None },
        RawType::Float => ParamKind::Float { min: None, max: None },
        RawType::Bool => ParamKind::Bool,
        RawType::Path => ParamKind::Path { exists: None, access: Access::ReadOnly },
        RawType::Choice => ParamKind::Choice { choices: Vec::new() },
        RawType::List => ParamKind::List,
        RawType::Duration => ParamKind::Duration,
        RawType::Size => ParamKind::Size,
        RawType::Secret => ParamKind::Secret,
    }
}

pub(super) fn word(kind: RawType) -> &'static str {
    match kind {
        RawType::String => "string",
        RawType::Int => "int",
        RawType::Float => "float",
        RawType::Bool => "bool",
        RawType::Path => "path",
        RawType::Choice => "choice",
        RawType::List => "list",
        RawType::Duration => "duration",
        RawType::Size => "size",
        RawType::Secret => "secret",
    }
}
