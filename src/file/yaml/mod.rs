//! YAML text → a tree that knows where everything stands → typed values, with every problem collected.
//!
//! The events are those of serde_yaml's own parser. Its typed reading is not used: it stops at the first
//! mistake, and gives up the spelling of numbers. [`read`] is serde's `Deserializer` over our tree instead.

mod anchors;
mod bare;
mod de;
mod field;
mod node;
mod parse;
mod place;
mod position;
mod syntax;
mod traps;

pub use de::read;
pub use field::{Early, Entries, Field, Literal, OneOrMany};
pub use node::{Node, ScalarKind, Value};
pub use parse::parse;
pub use position::locate;

#[cfg(test)]
mod tests;
