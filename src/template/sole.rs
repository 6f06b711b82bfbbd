//! Texts that are one expression, and nothing around it.

use super::scan::{Segment, scan};

/// Returns the expression that a text consists of, without its braces; `None` if there is anything else.
pub fn sole_expression(text: &str) -> Option<&str> {
    let trimmed = text.trim();
    match scan(trimmed).ok()?.as_slice() {
        [Segment::Expression(tag)] => trimmed.get(tag.inner.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_taken_off_where_nothing_stands_around_them() {
        for (text, expected) in [
            ("{{ x }}", Some(" x ")),
            (" {{x | split(',')}}\n", Some("x | split(',')")),
            ("{{ x }}{{ y }}", None),
            ("{{ x }}s", None),
            ("x", None),
            ("", None),
            ("{% if x %}{% endif %}", None),
            ("{{ x", None),
        ] {
            assert_eq!(sole_expression(text), expected, "{text:?}");
        }
    }
}
