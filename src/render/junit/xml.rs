//! Writes XML that is well formed for every text.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::render::text;

/// The attributes of an element, in order.
#[derive(Debug, Clone, Default)]
pub struct Attributes(Vec<(&'static str, String)>);

impl Attributes {
    /// Adds one. Its value becomes one line.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.push((name, text::one_line(&readable(&value.to_string()))));
        self
    }
}

/// Writes the first line of a document.
pub fn declare(out: &mut Writer<Vec<u8>>) -> io::Result<()> {
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
}

/// Writes an element and what is in it.
pub fn element(
    out: &mut Writer<Vec<u8>>,
    name: &str,
    attributes: &Attributes,
    content: impl FnOnce(&mut Writer<Vec<u8>>) -> io::Result<()>,
) -> io::Result<()> {
    let attributes = attributes.0.iter().map(|(name, value)| (*name, value.as_str()));
    out.create_element(name).with_attributes(attributes).write_inner_content(content)?;
    Ok(())
}

/// Writes an element with nothing in it.
pub fn empty(out: &mut Writer<Vec<u8>>, name: &str, attributes: &Attributes) -> io::Result<()> {
    let attributes = attributes.0.iter().map(|(name, value)| (*name, value.as_str()));
    out.create_element(name).with_attributes(attributes).write_empty()?;
    Ok(())
}

/// Writes text.
pub fn text(out: &mut Writer<Vec<u8>>, text: &str) -> io::Result<()> {
    out.write_event(Event::Text(BytesText::new(&readable(text))))
}

/// Returns text without the characters that XML cannot hold, and without control sequences.
fn readable(text: &str) -> String {
    let mut lines = Vec::with_capacity(text.len());
    text::prefix_lines(b"", text.as_bytes(), &mut lines);
    let lines = String::from_utf8_lossy(&lines);
    lines.trim_end_matches('\n').replace(['\u{fffe}', '\u{ffff}'], "")
}
