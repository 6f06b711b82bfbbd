use super::node::Value;
use super::*;
use crate::pipeline::{Source, Span};

/// The tree of a text, as text: scalars with their places and, in front, whether they are plain.
fn tree(text: &str) -> String {
    fn write(node: &Node<'_>, source: &Source) -> String {
        match &node.value {
            Value::Scalar(scalar) => {
                let sign = if scalar.plain { "" } else { "'" };
                format!("{sign}{}@{}", scalar.text, source.slice(node.span))
            }
            Value::Seq(items) => {
                format!("[{}]", items.iter().map(|item| write(item, source)).collect::<Vec<_>>().join(" "))
            }
            Value::Map(entries) => {
                let entry = |entry: &node::Entry<'_>| {
                    format!("{}: {}", source.slice(entry.at), write(&entry.value, source))
                };
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
            Value::Broken => "?".to_owned(),
        }
    }
    let source = Source::new("t.yml", text);
    let mut problems = Vec::new();
    let root = parse(&source, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    root.map_or_else(|| "nothing".to_owned(), |root| write(&root, &source))
}

#[test]
fn scalars_keep_their_spelling_and_their_place() {
    assert_eq!(
        tree("a: 1.10\nb: '010'\n\"c\": \"x\\ty\"\n"),
        "{a: 1.10@1.10, b: '010@'010', \"c\": 'x\ty@\"x\\ty\"}"
    );
    assert_eq!(tree("ü: ä # c\nb:\n"), "{ü: ä@ä, b: ~@}");
    assert_eq!(tree("a: |\n  x\n\n   y\n\nb: >-\n  x\n  y\n"), "{a: 'x\n\n y\n@x\n\n   y, b: 'x y@x\n  y}");
    assert_eq!(tree("- a\n- [b, {c: d}]\n- !!str 1\n"), "[a@a [b@b {c: d@d}] '1@1]");
    assert_eq!(tree("a: 1\na: 2\n"), "{a: 1@1, a: 2@2}");
    assert_eq!(tree("# nothing\n"), "nothing");
}

#[test]
fn collections_end_with_their_last_value() {
    let source = Source::new("t.yml", "a:\n  b: 1\n  c: [2]\n\nd: 3\n");
    let root = parse(&source, &mut Vec::new()).unwrap();
    let Value::Map(entries) = &root.value else { panic!() };
    assert_eq!(source.slice(entries[0].value.span), "b: 1\n  c: [2]");
    assert_eq!(source.slice(root.span), source.text().trim_end());
}

#[test]
fn aliases_repeat_what_they_name() {
    assert_eq!(tree("a: &x {b: c}\nd: *x\n"), "{a: {b: c@c}, d: {b: c@c}}");
    assert_eq!(tree("a: &x 1\nb: &x 2\nc: *x\n"), "{a: 1@1, b: 2@2, c: 2@2}");
    assert_eq!(tree("a: &x {b: c, d: e}\nf: {<<: *x, b: g}\n"), "{a: {b: c@c, d: e@e}, f: {b: g@g, d: e@e}}");
}

/// The written text at the place of the first `what` in the decoded text of the value of `v:`.
fn found(text: &str, what: &str) -> (String, Span) {
    let source = Source::new("t.yml", text);
    let root = parse(&source, &mut Vec::new()).unwrap();
    let Value::Map(entries) = &root.value else { panic!() };
    let Value::Scalar(scalar) = &entries.last().unwrap().value.value else { panic!() };
    let start = scalar.text.find(what).unwrap();
    let at = entries.last().unwrap().value.span;
    let span = locate(&source, at, &scalar.text, start..start + what.len());
    (source.slice(span).to_owned(), span)
}

#[test]
fn places_in_decoded_texts_are_found_in_the_file() {
    let texts = [
        "v: echo {{.x}} end\n",
        "v: 'echo ''a'' {{.x}} end'\n",
        "v: \"echo \\\"a\\\" \\t \\u00e9\\x41 {{.x}} end\"\n",
        "v: \"a \\\n   b {{.x}}\"\n",
        "v: |\n  one\n    two {{.x}} end\n\n  three\n",
        "v: |\n\n\n  one {{.x}}\n",
        "v: |2\n\n    one\n  {{.x}}\n",
        "v: |\r\n  one\r\n  two {{.x}}\r\n",
        "v: >\n  one\n  two\n\n    more {{.x}}\n",
        "v: plain over\n   some lines  \n   {{.x}} end\n",
        "v: \"folded\n   lines\n\n   {{.x}}\"\n",
        "v: |\n  \"one\" {{.x}}\n",
        "v: |\n  'one' ''two'' {{.x}}\n",
        "a: ü\nv: \"\\ud83d\\ude00 ü {{.x}}\"\n",
    ];
    for text in texts {
        let (written, span) = found(text, "{{.x}}");
        assert_eq!(written, "{{.x}}", "{text:?}");
        assert_eq!(Some(span.start), text.find("{{.x}}"));
    }
    assert_eq!(found("v: 'a {{ ''b'' }} c'\n", "{{ 'b' }}").0, "{{ ''b'' }}");
    assert_eq!(found("v: >\n  a {{ b\n  c }} d\n", "{{ b c }}").0, "{{ b\n  c }}");
}

#[test]
fn places_that_cannot_be_found_are_the_whole_text() {
    let source = Source::new("t.yml", "v: abc\n");
    let at = Span::new(3, 6);
    assert_eq!(locate(&source, at, "xyz", 1..2), at);
    assert_eq!(locate(&source, at, "abc", 7..9), at);
    assert_eq!(locate(&source, at, "abc", 1..1), Span::new(4, 4));
    assert_eq!(locate(&source, at, "abc", 3..3), Span::new(6, 6));
    assert_eq!(locate(&source, Span::new(2, 99), "abc", 0..1), Span::new(2, 99));
}
