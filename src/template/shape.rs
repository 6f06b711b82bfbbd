//! A script's shape: the text that a shell would read, with a word in place of each value.

use super::scan::{Segment, scan};

/// Which branches of a script's conditions and loops are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// The first of each.
    First,
    /// The last, or none where there is no `else`.
    Last,
}

/// Returns what a script may look like to a shell: one shape, or two where branches make a difference. Every
/// line of a shape is on the line that it has in the source; nothing if a text goes in as it is (`| raw`), or
/// if the source cannot be read.
pub fn shapes(source: &str, has_raw: bool) -> Vec<String> {
    let Ok(segments) = scan(source) else { return Vec::new() };
    if has_raw {
        return Vec::new();
    }
    let has_branches = segments.iter().any(|segment| matches!(segment, Segment::Statement(_)));
    let ways: &[Taken] = if has_branches { &[Taken::First, Taken::Last] } else { &[Taken::First] };
    ways.iter().map(|taken| shape(source, &segments, *taken)).collect()
}

fn shape(source: &str, segments: &[Segment], taken: Taken) -> String {
    let mut shape = String::with_capacity(source.len());
    // Whether each branch is taken that is open, innermost last.
    let mut open: Vec<bool> = Vec::new();
    let mut at = 0;
    for segment in segments {
        let range = match segment {
            Segment::Text(range) => range,
            Segment::Expression(tag) | Segment::Statement(tag) => &tag.outer,
        };
        // What lies between is no text: tags of `raw`, comments, blanks that are taken off.
        shape.extend(lines(source, at..range.start));
        at = range.end;
        let is_taken = open.iter().all(|taken| *taken);
        match segment {
            Segment::Text(range) if is_taken => shape += source.get(range.clone()).unwrap_or_default(),
            Segment::Expression(tag) if is_taken => {
                shape.push('x');
                shape.extend(lines(source, tag.outer.clone()));
            }
            Segment::Text(_) | Segment::Expression(_) => shape.extend(lines(source, range.clone())),
            Segment::Statement(tag) => {
                match (tag.keyword(source), taken) {
                    ("if" | "for", Taken::First) => open.push(true),
                    ("if" | "for", Taken::Last) => open.push(false),
                    ("elif", _) | ("else", Taken::First) => drop(open.last_mut().map(|taken| *taken = false)),
                    ("else", Taken::Last) => drop(open.last_mut().map(|taken| *taken = true)),
                    ("endif" | "endfor", _) => drop(open.pop()),
                    _ => {}
                }
                shape.extend(lines(source, tag.outer.clone()));
            }
        }
    }
    shape
}

/// The line ends of a part of the source.
fn lines(source: &str, range: std::ops::Range<usize>) -> impl Iterator<Item = char> {
    source.get(range).unwrap_or_default().chars().filter(|c| *c == '\n')
}

#[cfg(test)]
mod tests {
    use super::shapes;

    #[test]
    fn values_are_words_and_lines_stay() {
        assert_eq!(shapes("a {{ x }} '{{ y\n }}'\nb", false), ["a x 'x\n'\nb"]);
        assert_eq!(shapes("a {{ x | raw }}", true), Vec::<String>::new());
        assert_eq!(shapes("{% raw %}{{x}}{% endraw %}\nb", false), ["{{x}}\nb"]);
    }

    #[test]
    fn branches_are_taken_in_two_ways() {
        let text = "a\n{% if x %}\nb\n{% elif y %}\nc\n{% else %}\nd\n{% endif %}\ne";
        assert_eq!(shapes(text, false), ["a\n\nb\n\n\n\n\n\ne", "a\n\n\n\n\n\nd\n\ne"]);
    }
}
