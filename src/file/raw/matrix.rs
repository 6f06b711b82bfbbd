//! `matrix`: one step that is written, and many that run.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::file::words::IDENTIFIER;
use crate::file::yaml::{Entries, Field, Literal};

/// The values that a step runs with: all combinations of its axes, or a list of combinations.
#[derive(Debug, Default)]
pub struct RawMatrix {
    /// Axes of the user's own names, in the order of the file.
    pub axes: Vec<(Field<String>, Field<RawAxis>)>,
    /// Combinations that come on top.
    pub include: Field<Vec<Field<Entries<Literal>>>>,
    /// What combinations are left out.
    pub exclude: Field<Vec<Field<Entries<Literal>>>>,
    /// How many run at once.
    pub max_parallel: Field<u32>,
}

/// The values of an axis.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(rename = "$shape")]
#[schemars(untagged, inline)]
pub enum RawAxis {
    /// An expression that gives a list when the run begins.
    #[serde(rename = "text")]
    Text(#[schemars(extend("pattern" = r"\{\{"))] Literal),
    /// The values.
    #[serde(rename = "list")]
    List(Vec<Field<Literal>>),
}

impl<'de> Deserialize<'de> for RawMatrix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MatrixVisitor;

        impl<'de> Visitor<'de> for MatrixVisitor {
            type Value = RawMatrix;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawMatrix, A::Error> {
                let mut matrix = RawMatrix::default();
                while let Some(key) = map.next_key::<Field<String>>()? {
                    match key.value().map(String::as_str) {
                        Some("include") => matrix.include = map.next_value()?,
                        Some("exclude") => matrix.exclude = map.next_value()?,
                        Some("max_parallel") => matrix.max_parallel = map.next_value()?,
                        Some(_) | None => {
                            let axis = map.next_value()?;
                            matrix.axes.push((key, axis));
                        }
                    }
                }
                Ok(matrix)
            }
        }

        deserializer.deserialize_map(MatrixVisitor)
    }
}

impl JsonSchema for RawMatrix {
    fn schema_name() -> Cow<'static, str> {
        "matrix".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let combinations = generator.subschema_for::<Vec<Field<Entries<Literal>>>>();
        let axis = generator.subschema_for::<RawAxis>();
        let described = |what: &str, mut schema: Schema| {
            schema.insert("description".to_owned(), what.into());
            schema
        };
        json_schema!({
            "description": "The values that the step runs with: all combinations of its axes, or a list of combinations.",
            "type": "object",
            "minProperties": 1,
            "properties": {
                "include": described("Combinations that come on top; without axes, all that there are.", combinations.clone()),
                "exclude": described("What is left out: each entry names values that go together.", combinations),
                "max_parallel": {
                    "description": "How many of its steps may run at once.",
                    "type": "integer",
                    "minimum": 1,
                },
            },
            "propertyNames": {"pattern": IDENTIFIER},
            "additionalProperties": axis,
        })
    }
}
