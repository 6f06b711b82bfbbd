//! Single words of the file: names, lengths of time; as patterns for the schema, and as rules for the reader.

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

/// Names of steps and streams.
pub(super) const NAME: &str = r"^[\p{L}\p{N}][\p{L}\p{M}\p{N}_.-]*$";
/// Names of streams, where a matrix may make a part of them.
pub(super) const STREAM: &str = r"^[\p{L}\p{N}][\p{L}\p{M}\p{N}_.-]*$|\{\{[^}]*matrix";
/// Names of params and environment variables.
pub(super) const IDENTIFIER: &str = r"^[A-Za-z_][A-Za-z0-9_]*$";
/// Lengths of time.
pub(super) const DURATION: &str = r"^\s*([0-9][0-9.]*(ns|us|ms|s|m|h|d|w)\s*)+$|\{\{";
/// Numbers, in quotes or without.
pub(super) const NUMBER: &str = r"^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$";
/// Anything but blanks.
pub(super) const SOMETHING: &str = r"\S";

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ValueError {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl ValueError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// A value as a message shows it: on one line, not too long.
pub(super) fn shown(text: &str) -> String {
    let visible = |each: char| {
        if each.is_control() { each.escape_default().to_string() } else { each.to_string() }
    };
    let short: String = text.chars().take(40).map(visible).collect();
    if text.chars().nth(40).is_some() { format!("`{short}…`") } else { format!("`{short}`") }
}

/// A length of time: `5s`, `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, ValueError> {
    let text = text.trim();
    if let Ok(duration) = humantime::parse_duration(text)
        && text.ends_with(|last: char| last.is_ascii_alphabetic())
    {
        return match is_short(text) {
            true => Ok(duration),
            false => Err(ValueError::new(format!("{} is a length of time in an unusual form", shown(text)))
                .help(format!("write `{}`", humantime::format_duration(duration)))),
        };
    }
    let bare = text.parse::<f64>().is_ok_and(|number| number.is_finite() && number >= 0.0);
    Err(if bare {
        ValueError::new(format!("`{text}` has no unit"))
            .help(format!("write `{text}s` for seconds, or `m`, `h`, `ms`"))
    } else {
        let what = if is_size(text) { "is a size, not a length of time" } else { "is not a length of time" };
        let error = ValueError::new(format!("{} {what}", shown(text)));
        error.help("write it like `500ms`, `30s`, `5m` or `1h 30m`")
    })
}

/// Whether a length of time is written in the one form that all files share: numbers with short units right
/// after them.
fn is_short(text: &str) -> bool {
    const UNITS: [&str; 8] = ["ns", "us", "ms", "s", "m", "h", "d", "w"];
    let mut units = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|unit| !unit.is_empty());
    units.all(|unit| UNITS.contains(&unit))
        && text.split_ascii_whitespace().all(|part| part.starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether a text is a number of bytes with its unit.
fn is_size(text: &str) -> bool {
    text.ends_with(|last: char| last.is_ascii_alphabetic()) && text.parse::<bytesize::ByteSize>().is_ok()
}

/// [`NAME`] for names with letters that are not ASCII.
static ANY_SCRIPT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(NAME).ok());

/// Whether a name is made of what names of steps and streams are made of: letters and digits of any script,
/// and `_`, `.`, `-` behind the first.
pub(super) fn is_name(text: &str) -> bool {
    if !text.is_ascii() {
        return ANY_SCRIPT.as_ref().is_some_and(|name| name.is_match(text));
    }
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|each| each.is_ascii_alphanumeric() || matches!(each, '_' | '.' | '-'))
}

/// Why a text is not such a name. `what` has its article: "a step".
pub(super) fn no_name(what: &str, text: &str) -> String {
    if text.is_empty() {
        return format!("the name of {what} is empty");
    }
    format!(
        "`{text}` is no name for {what}: it takes letters, digits, `_`, `.` and `-`, and begins with a letter or a digit"
    )
}

/// The nearest text that is such a name: what to write instead.
pub(super) fn as_name(text: &str) -> String {
    let allowed = |each: char| if each.is_alphanumeric() || matches!(each, '_' | '.') { each } else { '-' };
    let name: String = text.trim().chars().map(allowed).collect();
    name.trim_matches(['-', '_', '.']).to_owned()
}

/// Whether a name is an identifier, `[A-Za-z_][A-Za-z0-9_]*`, as params and environment variables are.
pub(super) fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|each| each.is_ascii_alphanumeric() || each == '_')
}

/// Why a text is no identifier.
pub(super) fn no_identifier(what: &str, text: &str) -> String {
    if text.is_empty() {
        return format!("the name of {what} is empty");
    }
    format!(
        "`{text}` is no name for {what}: it takes letters, digits and `_`, and does not begin with a digit"
    )
}

/// The nearest text that is an identifier.
pub(super) fn as_identifier(text: &str) -> String {
    let allowed = |each: char| if each.is_ascii_alphanumeric() { each } else { '_' };
    let name: String = text.trim().chars().map(allowed).collect();
    let name = name.trim_matches('_');
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_need_a_unit() {
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration(" 500ms "), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5").unwrap_err().help.unwrap(), "write `5s` for seconds, or `m`, `h`, `ms`");
        assert_eq!(duration("0").unwrap_err().message, "`0` has no unit");
        for wrong in ["", "5 fortnights", "10MB", "-5s", "5s 3", "s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn units_have_one_spelling() {
        for (wrong, right) in [
            ("5 sec", "5s"),
            ("2 hours 5min", "2h 5m"),
            ("90 s", "1m 30s"),
            ("1hour", "1h"),
            ("1h30 m", "1h 30m"),
        ] {
            assert_eq!(duration(wrong).unwrap_err().help.unwrap(), format!("write `{right}`"));
        }
        for right in ["1h30m", "1d 2h", "1w", "5us", "7ns"] {
            assert!(duration(right).is_ok(), "{right}");
        }
        assert_eq!(duration("10MB").unwrap_err().message, "`10MB` is a size, not a length of time");
    }

    #[test]
    fn names_are_mended_to_names() {
        for name in ["a", "0", "create-archive", "a.b_c", "größe", "データ", "हिन्दी-2"] {
            assert!(is_name(name));
        }
        for name in ["", "-a", ".a", "a b", "in:x", "ä b", "a\u{200b}", "\u{301}", "🚀"] {
            assert!(!is_name(name), "{name}");
        }
        assert_eq!(as_name("build the docs!"), "build-the-docs");
        assert_eq!(as_identifier("my-param"), "my_param");
        assert_eq!(as_identifier("2nd"), "_2nd");
    }

    #[test]
    fn values_are_shown_on_one_line() {
        assert_eq!(shown("a\nb"), "`a\\nb`");
        assert_eq!(shown(&"x".repeat(50)), format!("`{}…`", "x".repeat(40)));
    }
}
