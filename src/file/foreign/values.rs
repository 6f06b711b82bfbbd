//! Words of other tools for the values of a key, and what is written here in their place.

/// A key; words with blanks between them, in lower case; the value.
type Row = (&'static str, &'static str, &'static str);

const VALUES: &[Row] = &[
    ("type", "str text url email", "string"),
    ("type", "integer", "int"),
    ("type", "number double decimal", "float"),
    ("type", "boolean flag switch", "bool"),
    ("type", "file folder dir directory filename", "path"),
    ("type", "enum select choices options", "choice"),
    ("type", "array strings sequence", "list"),
    ("type", "time timeout interval", "duration"),
    ("type", "bytes memory", "size"),
    ("type", "password token sensitive credential", "secret"),
    ("on_error", "fail abort exit halt cancel terminate failfast", "stop"),
    ("on_error", "skip allow pass warn", "ignore"),
    ("on_error", "proceed go", "continue"),
    ("backoff", "fixed none", "constant"),
    ("backoff", "exp double", "exponential"),
    ("pull", "ifnotpresent if_not_present if-not-present", "missing"),
    ("early_exit", "ok ignore", "allow"),
    ("early_exit", "error stop", "fail"),
    ("exists", "directory folder", "dir"),
    ("access", "write read-write readwrite", "rw"),
    ("access", "read read-only readonly", "ro"),
];

/// Looks up what a value of another tool is called here.
pub(in crate::file) fn value(key: &str, word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let is_it = |(of, words, _): &&Row| *of == key && words.split(' ').any(|other| other == word);
    VALUES.iter().find(is_it).map(|(.., value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_another_tool_has_one_here() {
        assert_eq!(value("type", "Integer"), Some("int"));
        assert_eq!(value("on_error", "abort"), Some("stop"));
        assert_eq!(value("on_error", "integer"), None);
    }

    #[test]
    fn a_word_stands_once_for_its_key() {
        let mut seen = std::collections::HashSet::new();
        for (key, words, _) in VALUES {
            assert!(words.split(' ').all(|word| seen.insert((key, word))), "{key}: {words}");
        }
    }
}
