//! The parts of a node, handed to serde one by one.

use std::collections::HashMap;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::NodeDe;
use crate::file::nearest::list;
use crate::file::yaml::field::FIELD;
use crate::file::yaml::node::{Entry, Node, Scalar, Value};
use crate::file::yaml::place::{Context, Fault, Place};
use crate::file::{Code, Diagnostic, foreign};
use crate::pipeline::{Source, Span};

/// A value of which everything has been said.
static BROKEN: Node<'static> = Node { span: Span { start: 0, end: 0 }, value: Value::Broken };

/// `[start, end, value]` of a field.
pub(super) struct FieldParts<'c, 'de, 's> {
    pub(super) de: NodeDe<'c, 'de, 's>,
    pub(super) next: u8,
}

impl<'de> SeqAccess<'de> for FieldParts<'_, 'de, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let span = self.de.node.span;
        self.next += 1;
        match self.next {
            1 => seed.deserialize((span.start as u64).into_deserializer()).map(Some),
            2 => seed.deserialize((span.end as u64).into_deserializer()).map(Some),
            _ => seed.deserialize(self.de).map(Some).map_err(|fault| {
                fault.record(span, self.de.place.context);
                Fault::KNOWN
            }),
        }
    }
}

/// `[text, plain]` of a scalar.
pub(super) struct LiteralParts<'de> {
    pub(super) scalar: &'de Scalar<'de>,
    pub(super) next: u8,
}

impl<'de> SeqAccess<'de> for LiteralParts<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.next += 1;
        match self.next {
            1 => seed.deserialize(self.scalar.text.as_ref().into_deserializer()).map(Some),
            _ => seed.deserialize(self.scalar.plain.into_deserializer()).map(Some),
        }
    }
}

/// The entries of a list.
pub(super) struct Items<'c, 'de, 's> {
    pub(super) items: std::slice::Iter<'de, Node<'de>>,
    pub(super) place: Place<'c, 'de, 's>,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(NodeDe { node, place: self.place }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The entries of a map. Of a key that comes twice the first counts.
pub(super) struct Keys<'c, 'de, 's> {
    entries: std::slice::Iter<'de, Entry<'de>>,
    /// The struct's name and keys; a map has keys of the user's own.
    known: Option<(&'static str, &'static [&'static str])>,
    seen: Seen<'de>,
    value: Option<(&'de str, &'de Node<'de>)>,
    pub(super) place: Place<'c, 'de, 's>,
}

impl<'c, 'de, 's> Keys<'c, 'de, 's> {
    pub(super) fn new(
        entries: &'de [Entry<'de>],
        known: Option<(&'static str, &'static [&'static str])>,
        place: Place<'c, 'de, 's>,
    ) -> Self {
        Self { entries: entries.iter(), known, seen: Seen::of(entries.len()), value: None, place }
    }

    /// The name to hand a key out under; `None` if it is to be left out. What is wrong with it is reported. A
    /// key that is nearly a known one is read as that one, so that its absence is not reported as well.
    fn accept(&mut self, entry: &'de Entry<'de>) -> Option<&'de str> {
        let Context { source, nearest, .. } = self.place.context;
        let name = entry.name.as_ref();
        let Some((of, keys)) = self.known else {
            return self.once(name, entry.at);
        };
        if keys.contains(&name) {
            return self.once(name, entry.at);
        }
        // Room for anchors, as in Compose.
        if self.place.key.is_none() && name.starts_with("x-") {
            return None;
        }
        if let Some((why, help)) = foreign::refused(of, name) {
            self.place.context.record(Diagnostic::at(Code::ServiceKey, source, entry.at, why).help(help));
            return None;
        }
        let message = match self.place.key {
            Some(_) => format!("unknown key `{name}` in {of}"),
            None => format!("unknown key `{name}`"),
        };
        let (near, help) = match foreign::key(of, name) {
            _ if is_after_comma(entry, source) => (None, AFTER_COMMA.to_owned()),
            _ if self.place.key.is_none() && is_step(&entry.value) => {
                let help = format!("the steps are a list under `steps`: `steps: [{{name: {name}, run: …}}]`");
                (None, help)
            }
            Some(foreign) => (foreign.same, foreign.help.to_owned()),
            None => match nearest.find(name, keys.iter().copied()) {
                Some(near) => (Some(near), format!("did you mean `{near}`?")),
                None => (None, format!("the keys of {of} are {}", list(keys.iter().copied(), "and"))),
            },
        };
        let problem = Diagnostic::at(Code::UnknownKey, source, entry.at, message).help(help);
        self.place.context.record(problem);
        let near = near.filter(|near| {
            self.seen.first(near).is_none() && !self.entries.as_slice().iter().any(|next| next.name == *near)
        })?;
        self.seen.add(near, entry.at);
        Some(near)
    }

    /// The name, unless it has been here already.
    fn once(&mut self, name: &'de str, at: Span) -> Option<&'de str> {
        let Some(first) = self.seen.first(name) else {
            self.seen.add(name, at);
            return Some(name);
        };
        let message = format!("the key `{name}` is here twice");
        let problem = Diagnostic::at(Code::DuplicateKey, self.place.context.source, at, message);
        self.place.context.record(problem.also(first, "it is here already").help("keep one of them"));
        None
    }
}

/// What to write where a text with a comma stands between braces.
const AFTER_COMMA: &str = "between braces a `,` ends the value before it: write several as a list, `[a, b]`, and a text that has a \
                           comma in quotes";

/// Whether a key is a piece of the value before it: it has no value, and a comma before it.
fn is_after_comma(entry: &Entry<'_>, source: &Source) -> bool {
    let before = source.around(entry.at.start).0.trim_end();
    let is_empty = matches!(entry.value.value, Value::Scalar(_))
        && source.slice(entry.value.span).trim_matches([' ', '}', ',']).is_empty();
    is_empty && before.ends_with(',')
}

/// Whether a value is what a step says, by its script.
fn is_step(node: &Node<'_>) -> bool {
    node.value.entries().is_some_and(|entries| entries.iter().any(|entry| entry.name == "run"))
}

/// The keys of a map so far, with their places. A step has a handful, and a file has many steps: only a large
/// map is worth a table.
struct Seen<'de> {
    few: Vec<(&'de str, Span)>,
    rest: HashMap<&'de str, Span>,
}

impl<'de> Seen<'de> {
    const FEW: usize = 32;

    /// Nothing yet, with room for so many keys.
    fn of(count: usize) -> Self {
        Self { few: Vec::with_capacity(count.min(Self::FEW)), rest: HashMap::new() }
    }

    /// Where a key stands.
    fn first(&self, name: &str) -> Option<Span> {
        let few = self.few.iter().find(|(known, _)| *known == name).map(|(_, at)| *at);
        few.or_else(|| self.rest.get(name).copied())
    }

    fn add(&mut self, name: &'de str, at: Span) {
        if self.few.len() < Self::FEW {
            self.few.push((name, at));
        } else {
            self.rest.insert(name, at);
        }
    }
}

impl<'de> MapAccess<'de> for Keys<'_, 'de, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        while let Some(entry) = self.entries.next() {
            if let Some(name) = self.accept(entry) {
                // A list of commands is what other tools have in place of a script: that has been said with the key.
                let is_list = matches!(entry.value.value, Value::Seq(_));
                let is_said = name == "run" && name != entry.name && is_list;
                self.value = Some((name, if is_said { &BROKEN } else { &entry.value }));
                return seed.deserialize(KeyDe { name, at: entry.at }).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((name, node)) = self.value.take() else {
            return Err(Fault::KNOWN);
        };
        seed.deserialize(NodeDe { node, place: self.place.under(name, self.known.is_none()) })
    }
}

/// A key as a deserializer: by itself, or with its place.
struct KeyDe<'de> {
    name: &'de str,
    at: Span,
}

impl<'de> Deserializer<'de> for KeyDe<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.name)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match name {
            FIELD => visitor.visit_seq(KeyParts { key: self, next: 0 }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// `[start, end, name]` of a key.
struct KeyParts<'de> {
    key: KeyDe<'de>,
    next: u8,
}

impl<'de> SeqAccess<'de> for KeyParts<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.next += 1;
        match self.next {
            1 => seed.deserialize((self.key.at.start as u64).into_deserializer()).map(Some),
            2 => seed.deserialize((self.key.at.end as u64).into_deserializer()).map(Some),
            _ => seed.deserialize(self.key.name.into_deserializer()).map(Some),
        }
    }
}

/// A variant by its name, with the node for its content.
pub(super) struct Variant<'c, 'de, 's> {
    pub(super) variant: &'static str,
    pub(super) de: NodeDe<'c, 'de, 's>,
}

impl<'c, 'de, 's> EnumAccess<'de> for Variant<'c, 'de, 's> {
    type Error = Fault;
    type Variant = NodeDe<'c, 'de, 's>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), Fault> {
        let name: StrDeserializer<'_, Fault> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, self.de))
    }
}

impl<'de> VariantAccess<'de> for NodeDe<'_, 'de, '_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_struct("", fields, visitor)
    }
}
