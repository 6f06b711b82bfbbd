//! Tables: the keys of other tools, and what is written here in their place.

mod parts;
mod service;
mod step;
mod whole;

use parts::{BUILD, INPUT, MOUNT, OUTPUT, PARAM, RESOURCES, RETRY};
use service::{HEALTHCHECK, REFUSED, SERVICE};
use step::STEP;
use whole::{DEFAULTS, PIPELINE};

/// What is known of a key of another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) struct Foreign {
    /// The key of this format that takes the same value; the value is read as its own.
    pub(in crate::file) same: Option<&'static str>,
    /// What to write instead.
    pub(in crate::file) help: &'static str,
}

/// Words with blanks between them, in lower case without `-` and `_`; the key that takes the same value, if one
/// does; what to write instead.
type Row = (&'static str, Option<&'static str>, &'static str);

/// Looks up a key that this format does not have. `of` is the map that it stands in, by its name in messages.
pub(in crate::file) fn key(of: &str, name: &str) -> Option<Foreign> {
    let rows = match of {
        "a step" => STEP,
        "a service" => SERVICE,
        "`healthcheck`" => HEALTHCHECK,
        "a pipeline" => PIPELINE,
        "`retry`" => RETRY,
        "a param" => PARAM,
        "a mount" => MOUNT,
        "`defaults`" => DEFAULTS,
        "`build`" => BUILD,
        "`resources`" => RESOURCES,
        "`input`" => INPUT,
        "`output`" => OUTPUT,
        _ => return None,
    };
    let plain: String =
        name.chars().filter(|letter| !"-_".contains(*letter)).collect::<String>().to_lowercase();
    rows.iter()
        .find(|(words, _, _)| words.split(' ').any(|word| word == plain))
        .map(|(_, same, help)| Foreign { same: *same, help })
}

/// Returns why a map has no room for a key of this format, and what to do instead; nothing if that is not known of it.
pub(in crate::file) fn refused(of: &str, name: &str) -> Option<(&'static str, &'static str)> {
    let rows = if of == "a service" { REFUSED } else { return None };
    let row = rows.iter().find(|(words, _, _)| words.split(' ').any(|word| word == name))?;
    Some((row.1, row.2))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::file::schema;

    const ALL: [(&str, &[Row]); 12] = [
        ("a step", STEP),
        ("a service", SERVICE),
        ("`healthcheck`", HEALTHCHECK),
        ("a pipeline", PIPELINE),
        ("`retry`", RETRY),
        ("a param", PARAM),
        ("a mount", MOUNT),
        ("`defaults`", DEFAULTS),
        ("`build`", BUILD),
        ("`resources`", RESOURCES),
        ("`input`", INPUT),
        ("`output`", OUTPUT),
    ];

    #[test]
    fn a_word_stands_once_in_a_table_and_in_its_plain_form() {
        for (of, rows) in ALL {
            let mut seen = HashSet::new();
            for word in rows.iter().flat_map(|(words, _, _)| words.split(' ')) {
                assert!(seen.insert(word), "{word} of {of} stands twice");
                assert!(word.chars().all(|letter| letter.is_ascii_lowercase()), "{word}");
                assert!(key(of, word).is_some());
            }
        }
    }

    #[test]
    fn what_takes_the_same_value_is_a_key_of_that_map_and_help_names_it() {
        let schema = schema();
        for (of, rows) in ALL {
            let keys = match of {
                "a pipeline" => &schema["properties"],
                of => &schema["$defs"][of.trim_start_matches("a ").trim_matches('`')]["properties"],
            };
            let own: Vec<&str> = keys.as_object().unwrap().keys().map(String::as_str).collect();
            for (words, same, help) in rows {
                assert!(same.is_none_or(|same| own.contains(&same)), "{words:?}");
                assert!(same.is_none_or(|same| help.contains(&format!("`{same}"))), "{help}");
                for word in words.split(' ') {
                    assert!(!own.contains(&word), "{word} is a key of {of} itself");
                }
            }
        }
    }

    #[test]
    fn spelling_with_dashes_underscores_and_capitals_is_the_same_word() {
        for name in ["working-directory", "working_directory", "workingDirectory", "workingdirectory"] {
            assert_eq!(key("a step", name).unwrap().same, Some("working_dir"), "{name}");
        }
        assert_eq!(key("a step", "continue-on-error").unwrap().same, None);
        assert_eq!(key("a step", "frobnicate"), None);
        assert_eq!(key("`build`", "needs"), None);
        assert_eq!(key("`resources`", "mem").unwrap().same, Some("memory"));
    }
}
