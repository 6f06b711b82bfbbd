//! serde's `Deserializer` over a tree. It does not stop at the first mistake: whatever is wrong inside a
//! [`Field`](super::Field) is recorded there, with its place, and the field is handed out empty. Unknown and
//! repeated keys are found here too, for every struct alike.

mod access;

use std::cell::RefCell;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use self::access::{FieldParts, Items, Keys, LiteralParts, Variant};
use super::Field;
use super::field::{EARLY, FIELD, LITERAL, SHAPE};
use super::node::{Entry, Node, Scalar, ScalarKind, Value};
use super::place::{Context, Fault, Place};
use crate::file::Code;
use crate::file::Diagnostic;
use crate::file::foreign;
use crate::file::nearest::{Nearest, list};
use crate::pipeline::Source;

/// Reads a tree as a `T`. `examples` shows for keys how they are written.
pub fn read<'de, T: Deserialize<'de>>(
    node: &'de Node<'de>,
    source: &Source,
    examples: &'de [(&'de str, &'de str)],
    problems: &mut Vec<Diagnostic>,
) -> Field<T> {
    let context =
        Context { source, examples, nearest: Nearest::default(), problems: RefCell::new(Vec::new()) };
    let root = Place { context: &context, key: None, shown_by: None, in_list: false };
    // A field records every error and never returns one.
    let field = Field::deserialize(NodeDe { node, place: root }).unwrap_or_default();
    problems.append(&mut context.problems.into_inner());
    field
}

/// A node as a deserializer.
#[derive(Clone, Copy)]
pub(super) struct NodeDe<'c, 'de, 's> {
    pub(super) node: &'de Node<'de>,
    pub(super) place: Place<'c, 'de, 's>,
}

impl<'de> NodeDe<'_, 'de, '_> {
    fn scalar(self, wanted: &str) -> Result<&'de Scalar<'de>, Fault> {
        match &self.node.value {
            Value::Scalar(scalar) if scalar.kind() != ScalarKind::Null => Ok(scalar),
            Value::Broken => Err(Fault::KNOWN),
            _ => Err(self.place.wrong(self.node, wanted)),
        }
    }

    fn integer(self, least: i64, most: i64) -> Result<i64, Fault> {
        let scalar = self.scalar("a whole number")?;
        let number = scalar.text.parse::<i64>().map_err(|_| self.place.wrong(self.node, "a whole number"))?;
        if number < least {
            return Err(self.place.wrong(self.node, &format!("a whole number from {least}")));
        }
        if number > most {
            return Err(self.place.wrong(self.node, &format!("a whole number up to {most}")));
        }
        Ok(number)
    }

    /// The entries of a map; a key without anything after it has none.
    fn entries(self, wanted: &str) -> Result<&'de [Entry<'de>], Fault> {
        match &self.node.value {
            Value::Map(entries) => Ok(entries),
            Value::Scalar(scalar) if scalar.kind() == ScalarKind::Null => Ok(&[]),
            Value::Broken => Err(Fault::KNOWN),
            _ => Err(self.place.wrong(self.node, wanted)),
        }
    }

    /// The form of the value, as the variant of a `$shape` enum.
    fn shape(self, variants: &'static [&'static str]) -> Result<&'static str, Fault> {
        let fits = |variant: &str| match &self.node.value {
            Value::Seq(_) => variant == "list",
            Value::Map(_) => variant == "map",
            Value::Scalar(scalar) if scalar.kind() == ScalarKind::Null => variant == "map",
            Value::Scalar(_) => variant == "text" || variant == "number",
            Value::Broken => false,
        };
        let words = |variant: &&'static str| match *variant {
            "text" => "text",
            "number" => "a number",
            "list" => "a list",
            _ => "a map",
        };
        match variants.iter().find(|variant| fits(variant)) {
            Some(variant) => Ok(variant),
            None if matches!(self.node.value, Value::Broken) => Err(Fault::KNOWN),
            None => {
                Err(self.place.wrong(self.node, &variants.iter().map(words).collect::<Vec<_>>().join(" or ")))
            }
        }
    }

    /// A word out of a few.
    fn word(self, words: &'static [&'static str]) -> Result<&'static str, Fault> {
        let wanted = list(words.iter().copied(), "or");
        let scalar = self.scalar(&wanted)?;
        words.iter().find(|word| scalar.text == **word).copied().ok_or_else(|| {
            let near = self.place.context.nearest.find(&scalar.text, words.iter().copied());
            let help = match (foreign::value(self.place.key.unwrap_or_default(), &scalar.text), near) {
                (Some(same), _) => Some(format!("write `{same}`")),
                (None, Some(near)) => Some(format!("did you mean `{near}`?")),
                (None, None) => self.place.example(),
            };
            let message = self.place.mismatch(self.node, &wanted);
            Fault::at(Code::UnknownValue, self.node.span, message).maybe_help(help)
        })
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let least = i64::try_from(<$type>::MIN).unwrap_or(i64::MIN);
            let most = i64::try_from(<$type>::MAX).unwrap_or(i64::MAX);
            let number = self.integer(least, most)?;
            <$type>::try_from(number).map_or(Err(Fault::KNOWN), |number| visitor.$visit(number))
        }
    )*};
}

impl<'de> Deserializer<'de> for NodeDe<'_, 'de, '_> {
    type Error = Fault;

    integers! {
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Scalar(_) => self.deserialize_str(visitor),
            Value::Seq(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
            Value::Broken => Err(Fault::KNOWN),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let wanted = "`true` or `false`";
        match self.scalar(wanted)?.text.as_ref() {
            "true" | "True" | "TRUE" => visitor.visit_bool(true),
            "false" | "False" | "FALSE" => visitor.visit_bool(false),
            _ => Err(self.place.wrong(self.node, wanted)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(&self.scalar("text")?.text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match name {
            FIELD => visitor.visit_seq(FieldParts { de: self, next: 0 }),
            EARLY => match &self.node.value {
                Value::Scalar(scalar) if scalar.text.contains("{{") => visitor.visit_str(&scalar.text),
                Value::Scalar(_) | Value::Seq(_) | Value::Map(_) | Value::Broken => {
                    visitor.visit_newtype_struct(self)
                }
            },
            LITERAL => visitor.visit_seq(LiteralParts { scalar: self.scalar("a single value")?, next: 0 }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let items: &[Node<'de>] = match &self.node.value {
            Value::Seq(items) => items,
            Value::Scalar(scalar) if scalar.kind() == ScalarKind::Null => &[],
            Value::Broken => return Err(Fault::KNOWN),
            _ => return Err(self.place.wrong(self.node, "a list")),
        };
        visitor.visit_seq(Items { items: items.iter(), place: self.place.in_list() })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let entries = self.entries("a map")?;
        visitor.visit_map(Keys::new(entries, None, self.place))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let entries = self.entries("a map")?;
        visitor.visit_map(Keys::new(entries, Some((name, fields)), self.place))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let variant = if name == SHAPE { self.shape(variants)? } else { self.word(variants)? };
        visitor.visit_enum(Variant { variant, de: self })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}
