//! Syntax errors in plain words, for users who do not know YAML's grammar.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::position::line_at;
use super::{bare, traps};
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Source, Span};

/// A problem for an error of the parser.
pub fn explain(source: &Source, error: &ScanError) -> Diagnostic {
    let offset = source.start() + error.marker().byte_offset().unwrap_or(0).min(source.text().len());
    if let Some(start) = bare::template_before(source, offset) {
        return bare::problem(source, start);
    }
    if let Some(problem) = traps::explain(source, offset, error.kind()) {
        return problem;
    }
    let (before, after) = source.around(offset);
    let (code, message, help) = match error.kind() {
        ErrorKind::MappingValueNotAllowed if begins_line(source, offset) => deeper(),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => mismatched(*open, *close),
        kind => words(kind),
    };
    let at = if code == TAB {
        tab(before, after, offset)
    } else {
        Span::new(offset, offset + after.find(char::is_whitespace).unwrap_or(after.len()))
    };
    Diagnostic::at(code, source, at, message).help(help)
}

/// Whether only a key stands before the `:` at this offset, so that the line was meant to be one of its own.
fn begins_line(source: &Source, offset: usize) -> bool {
    let key = line_at(source, offset).0.trim_start();
    !key.contains([' ', '"', '\'']) && !key.is_empty()
}

/// The tab that the parser complains about: it may stand just before or just after it.
fn tab(before: &str, after: &str, offset: usize) -> Span {
    let start = match before.ends_with('\t') {
        true => offset - 1,
        false => offset + after.find('\t').unwrap_or_default(),
    };
    Span::new(start, start + 1)
}

const SYNTAX: Code = Code::YamlSyntax;
const TAB: Code = Code::Tab;

/// Code, message and help.
type Words = (Code, String, &'static str);

/// A line that YAML takes for more of the value above.
fn deeper() -> Words {
    let message = "this key is indented deeper than the one above, which has a value already";
    (SYNTAX, message.to_owned(), "begin it in the same column as the key above")
}

/// Brackets that do not belong together.
fn mismatched(open: char, close: char) -> Words {
    let help = if open == '[' { "close `[` with `]`" } else { "close `{` with `}`" };
    (SYNTAX, format!("this `{open}` is closed by a `{close}`"), help)
}

/// The words for each kind of error.
fn words(kind: &ErrorKind) -> Words {
    use ErrorKind as E;
    let (message, help) = match kind {
        E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabNotAllowed
        | E::TabInPlainScalar
        | E::TabAtBlockScalarStart => {
            return (TAB, "a tab stands where only spaces may".into(), "indent with spaces");
        }
        E::MappingValueNotAllowed => (
            "a second `: ` stands in this value",
            "put the value in quotes, or in a block: `|` after the key, and the text on the next line, indented",
        ),
        E::InvalidColonPlacement => (
            "a `:` cannot stand here",
            "close the bracket that is still open with `]` or `}`, or put the value in quotes",
        ),
        E::SimpleKeyExpected | E::InvalidSimpleKey => (
            "this line is not `key: value`",
            "add the `:` after the key, or indent the line under the text it continues",
        ),
        E::ExpectedBlockMappingKey | E::ExpectedBlockSequenceEntry | E::InvalidIndentation => (
            "this line does not line up with the lines above",
            "keys of one map begin in the same column, and so do the `-` of one list",
        ),
        E::UnclosedQuotedScalar | E::InvalidQuotedScalarIndent | E::DocumentIndicatorInQuotedScalar => {
            ("this quote is never closed", "end the text with the same quote")
        }
        E::UnexpectedEofFlowSequence
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping
        | E::UnclosedFlowCollection { .. } => ("a bracket is never closed", "close it with `]` or `}`"),
        E::ExpectedFlowSequenceSeparator | E::ExpectedFlowMappingSeparator => {
            ("entries between brackets must be separated", "put `,` between them, and close with `]` or `}`")
        }
        E::MisplacedFlowCollectionEnd => {
            ("this bracket closes nothing", "remove it, or put the value in quotes")
        }
        E::UnexpectedCharacter { character } if character.is_control() => (
            "a control character stands here, which YAML does not allow",
            "remove it, or write it as an escape inside \"…\"",
        ),
        E::UnexpectedCharacter { character: '`' } => {
            ("a value cannot begin with a backtick here", "put the value in quotes")
        }
        E::UnexpectedCharacter { character } => {
            return (
                SYNTAX,
                format!("a value cannot begin with `{character}` here"),
                "put the value in quotes",
            );
        }
        E::InvalidTrailingDoubleQuotedScalar | E::InvalidTrailingSingleQuotedScalar => (
            "text goes on after the closing quote",
            "put the whole value in the other kind of quotes, or in a block: `run: |` and the text on the next lines",
        ),
        E::UnknownQuotedScalarEscape
        | E::InvalidQuotedScalarHexEscape
        | E::InvalidUnicodeEscape
        | E::InvalidLowSurrogateHexEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate => (
            "a backslash in \"…\" begins an escape that YAML does not know",
            "double the backslash, or use '…'",
        ),
        E::UnknownAnchor => (
            "no anchor of this name comes before it",
            "quote a text that begins with `*`; else add `&name` to the value it repeats",
        ),
        E::MissingAnchorOrAliasName => {
            ("`*` and `&` at the start of a value belong to YAML", "put the value in quotes")
        }
        E::BlockSequenceEntryNotAllowed | E::BlockEntryInFlowCollection => (
            "a list cannot begin on this line",
            "begin each entry with `- ` on a line of its own, or write `[a, b]`; quote a text that begins with `-`",
        ),
        E::InvalidBlockScalarHeader | E::ZeroBlockScalarIndent => {
            ("text stands after `|` or `>`", "begin the text on the next line, indented")
        }
        E::InvalidBlockScalarIndent | E::InvalidFlowScalarIndent => (
            "this line of a longer text is not indented enough",
            "indent every line of the text deeper than its key",
        ),
        E::CommentInterceptedScalar | E::CommentNotSeparated => (
            "a comment stands inside a value",
            "quote the value if `#` belongs to it; else put a space before `#` and the comment on its own line",
        ),
        E::RecursionLimitExceeded => (
            "lists and maps are nested too deeply",
            "no pipeline needs this many levels; look for unclosed brackets",
        ),
        E::BomInsideDocument => {
            ("a byte-order mark stands inside the text", "remove the invisible character")
        }
        E::DuplicateVersionDirective
        | E::UnsupportedYamlMajorVersion
        | E::DuplicateTagDirective
        | E::MissingDocumentEndBeforeDirective
        | E::InvalidDirectiveTerminator
        | E::InvalidDirectiveName
        | E::MissingDirectiveName => {
            ("a line that begins with `%` is an instruction to YAML", "remove the line")
        }
        E::InvalidDocumentEnd => {
            ("text stands outside the document", "indent the file evenly, and keep one pipeline in one file")
        }
        E::ExpectedDocumentStart => (
            "a line that begins with `%` stands above, without the `---` that must follow it",
            "remove the line with the `%`",
        ),
        _ => (
            "YAML cannot read this",
            "check the quotes, brackets and indentation of this line and the one above",
        ),
    };
    (SYNTAX, message.to_owned(), help)
}
