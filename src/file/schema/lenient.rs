//! What YAML and its reader take beside what a type says.

use schemars::Schema;
use serde_json::{Value, json};

use crate::file::words::DURATION;

/// Widens one schema: text may be spelled like a number, a number like text, and a map may have nothing in
/// it.
pub(super) fn lenient(schema: &mut Schema) {
    let is_listed = schema.get("const").is_some() || schema.get("enum").is_some();
    // No number by itself is a length of time.
    let has_unit = schema.get("pattern").and_then(Value::as_str) == Some(DURATION);
    if let Some(word @ ("true" | "false")) = schema.get("const").and_then(Value::as_str) {
        let spelled = json!([word == "true", word]);
        schema.remove("const");
        schema.remove("type");
        schema.insert("enum".to_owned(), spelled);
        return;
    }
    let widened = match schema.get("type").and_then(Value::as_str) {
        Some("string") if !is_listed && !has_unit => json!(["string", "number", "boolean"]),
        Some("integer") => {
            schema.remove("format");
            schema.insert("pattern".to_owned(), r"^[-+]?[0-9]+$|\{\{".into());
            json!(["integer", "string"])
        }
        Some("boolean") => {
            schema.insert("pattern".to_owned(), "^(true|True|TRUE|false|False|FALSE)$".into());
            json!(["boolean", "string"])
        }
        Some("object") => json!(["object", "null"]),
        _ => return,
    };
    schema.insert("type".to_owned(), widened);
}
