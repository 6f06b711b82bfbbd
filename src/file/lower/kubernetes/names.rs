//! Names as Kubernetes takes them.

/// The longest name of a namespace, a label's value, and the last part of a label's key.
const LABEL: usize = 63;
/// The longest name of most other things, and the first part of a label's key.
const SUBDOMAIN: usize = 253;

/// Whether a text is a name of RFC 1123: small letters, digits and `-`.
pub(super) fn is_dns_label(text: &str) -> bool {
    let is_end = |letter: Option<char>| letter.is_some_and(|letter| is_small(letter) && letter != '-');
    text.len() <= LABEL
        && text.chars().all(is_small)
        && is_end(text.chars().next())
        && is_end(text.chars().next_back())
}

/// Whether a text is several such names with dots between them.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= SUBDOMAIN && text.split('.').all(is_dns_label)
}

fn is_small(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-'
}

/// Whether a text is a label's value, which may be empty.
pub(super) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_label_name(text)
}

fn is_label_name(text: &str) -> bool {
    let is_end = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    text.len() <= LABEL
        && text.chars().all(is_part)
        && is_end(text.chars().next())
        && is_end(text.chars().next_back())
}

/// Whether a text is the key of a label or an annotation, or the name of a resource: `team`, `example.org/team`.
pub(super) fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_label_name(name),
        None => is_label_name(text),
    }
}

/// Whether a text is an amount: `1`, `0.5`, `500m`, `2Gi`.
pub(super) fn is_quantity(text: &str) -> bool {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let is_number = number.parse::<f64>().is_ok() && number.starts_with(|first: char| first.is_ascii_digit());
    const UNITS: [&str; 14] = ["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    is_number && UNITS.contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_kubernetes_takes() {
        let long = "a".repeat(64);
        for (text, label, subdomain, key) in [
            ("a", true, true, true),
            ("my-ns-1", true, true, true),
            ("a.b", false, true, true),
            ("a_b", false, false, true),
            ("A", false, false, true),
            ("-a", false, false, false),
            ("a-", false, false, false),
            ("a..b", false, false, true),
            ("", false, false, false),
            ("ä", false, false, false),
            ("example.org/team", false, false, true),
            ("example.org/", false, false, false),
            ("/team", false, false, false),
            (long.as_str(), false, false, false),
        ] {
            assert_eq!(
                (is_dns_label(text), is_subdomain(text), is_label_key(text)),
                (label, subdomain, key),
                "{text:?}"
            );
        }
        assert!(is_label_value("") && is_label_value("yes") && !is_label_value("a b"));
    }

    #[test]
    fn amounts_are_what_kubernetes_takes() {
        for text in ["1", "0.5", "500m", "2Gi", "10k"] {
            assert!(is_quantity(text), "{text}");
        }
        for text in ["", "-1", ".5", "1.2.3", "2GiB", "one", "1 Gi", "m"] {
            assert!(!is_quantity(text), "{text}");
        }
    }
}
