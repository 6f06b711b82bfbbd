//! The JSON schema of the file, for editors: made from the types that read it, so that the two cannot differ.
//!
//! The types' doc comments are the descriptions; `raw` adds what a key takes beyond its type. YAML is freer
//! than JSON, and so are the types: text may look like a number, a number may stand in quotes, a map may be
//! left empty. `lenient` says so. A schema cannot say everything that `pipe validate` does, but it never
//! refuses what that takes.

mod lenient;
mod types;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::raw::{EXAMPLES, RawPipeline};

pub use types::{AnyName, ExitCode, Named, OrTemplate, PortNumber};

/// The schema of a pipeline file, in JSON Schema 2020-12.
pub fn schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RawPipeline>();
    RecursiveTransform(lenient::lenient).transform(&mut schema);
    RecursiveTransform(show).transform(&mut schema);
    schema.insert("title".to_owned(), "A pipeline for `pipe`".into());
    // The file is a map; only maps inside it may be left empty.
    schema.insert("type".to_owned(), "object".into());
    schema.to_value()
}

/// Adds to each key the example that messages show for it.
fn show(schema: &mut Schema) {
    // Conditions have properties too, but no keys of the file.
    if schema.get("additionalProperties").is_none() {
        return;
    }
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (key, property) in properties {
        let example = EXAMPLES.iter().find(|(name, _)| name == key);
        let value = example.and_then(|(_, text)| serde_yaml::from_str::<Value>(text).ok());
        if let (Value::Object(property), Some(value)) = (property, value) {
            property.entry("examples").or_insert_with(|| vec![value].into());
        }
    }
}

/// Whether a type is written where it is used, and not under `$defs`.
fn inline<T: JsonSchema>() -> bool {
    T::inline_schema()
}

#[cfg(test)]
mod tests;
