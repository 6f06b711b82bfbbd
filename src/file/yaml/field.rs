//! Values as `raw` declares them: with their place, and present or not.
//!
//! Each asks the deserializer of [`super::de`] for more than serde's data model has, by a name that no type
//! has otherwise: [`FIELD`] for a place, [`LITERAL`] for the spelling, [`SHAPE`] for a choice by the form of
//! the value.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::node::{Scalar, ScalarKind};
use crate::pipeline::Span;

/// Newtype name that asks for `[start, end, value]`; an error of the value is recorded before it is returned.
pub(super) const FIELD: &str = "$field";
/// Newtype name that asks for `[text, plain]` of a scalar.
pub(super) const LITERAL: &str = "$literal";
/// Newtype name that asks for the text of a template, or else for the value.
pub(super) const EARLY: &str = "$early";
/// Name of an enum whose variant is chosen by the value's form: `text`, `number`, `list` or `map`.
pub(super) const SHAPE: &str = "$shape";

/// The value of a key, or an entry of a list. Most keys of a step are missing, and take no more room than a
/// pointer.
#[derive(Debug, Clone)]
pub struct Field<T>(Option<Box<Present<T>>>);

/// A value that is in the file, if not in order.
#[derive(Debug, Clone)]
struct Present<T> {
    at: Span,
    value: Option<T>,
}

impl<T> Default for Field<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Field<T> {
    /// Whether it is not in the file at all.
    pub fn is_missing(&self) -> bool {
        self.0.is_none()
    }

    /// Its place, whether or not the value is in order; `None` if it is missing.
    pub fn at(&self) -> Option<Span> {
        self.0.as_ref().map(|present| present.at)
    }

    /// The value with its place; `None` if it is missing, or was wrong and has been reported.
    pub fn get(&self) -> Option<(&T, Span)> {
        let present = self.0.as_ref()?;
        Some((present.value.as_ref()?, present.at))
    }

    /// The value, by itself.
    pub fn value(&self) -> Option<&T> {
        self.0.as_ref()?.value.as_ref()
    }

    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        Field(self.0.map(|present| Box::new(Present { at: present.at, value: present.value.map(change) })))
    }

    /// The value, by itself and owned.
    pub fn into_value(self) -> Option<T> {
        self.0?.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for FieldVisitor<T> {
            type Value = Field<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a value with its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
                let start = parts.next_element()?.unwrap_or_default();
                let end = parts.next_element()?.unwrap_or_default();
                // The deserializer has recorded what is wrong with the value; the rest of the file goes on.
                let value = parts.next_element().ok().flatten();
                Ok(Field(Some(Box::new(Present { at: Span::new(start, end), value }))))
            }
        }

        deserializer.deserialize_newtype_struct(FIELD, FieldVisitor(PhantomData))
    }
}

/// A map with keys of the user's own, in the order of the file.
#[derive(Debug, Clone)]
pub struct Entries<T>(pub Vec<(Field<String>, Field<T>)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
            type Value = Entries<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

/// A scalar as it was written.
#[derive(Debug, Clone)]
pub struct Literal {
    /// The text.
    pub text: String,
    plain: bool,
}

impl Literal {
    /// What YAML takes it for.
    pub fn kind(&self) -> ScalarKind {
        Scalar { text: self.text.as_str().into(), plain: self.plain }.kind()
    }
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LiteralVisitor;

        impl<'de> Visitor<'de> for LiteralVisitor {
            type Value = Literal;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a single value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
                let text = parts.next_element()?.unwrap_or_default();
                let plain = parts.next_element()?.unwrap_or_default();
                Ok(Literal { text, plain })
            }
        }

        deserializer.deserialize_newtype_struct(LITERAL, LiteralVisitor)
    }
}

/// A value, or the text of a template that makes it when the run begins.
#[derive(Debug, Clone)]
pub enum Early<T> {
    /// The value.
    Value(T),
    /// The template.
    Text(String),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Early<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EarlyVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for EarlyVisitor<T> {
            type Value = Early<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a value or a template")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Early::Text(text.to_owned()))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
                T::deserialize(value).map(Early::Value)
            }
        }

        deserializer.deserialize_newtype_struct(EARLY, EarlyVisitor(PhantomData))
    }
}

/// One text, or a list of them.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename = "$shape")]
pub enum OneOrMany<T> {
    /// Just one.
    #[serde(rename = "text")]
    One(T),
    /// A list.
    #[serde(rename = "list")]
    Many(Vec<Field<T>>),
}

impl<T> Field<OneOrMany<T>> {
    /// The entries that are in order, with their places.
    pub fn entries(&self) -> Vec<(&T, Span)> {
        match self.get() {
            Some((OneOrMany::One(one), at)) => vec![(one, at)],
            Some((OneOrMany::Many(many), _)) => many.iter().filter_map(Field::get).collect(),
            None => Vec::new(),
        }
    }
}
