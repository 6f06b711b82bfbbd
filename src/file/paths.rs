//! Paths as the file and the command line give them: no shell is between them and the system, so that `~` and
//! `$HOME` would be names like any other.

use super::words::{ValueError, shown};

/// What a shell would have put something else for. A path that begins with `./` means what it says.
pub(super) fn unexpanded(path: &str) -> Option<ValueError> {
    if path.starts_with("./") {
        return None;
    }
    let (word, mended) = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            ("~".to_owned(), format!("{{{{ env.HOME }}}}{rest}"))
        }
        Some(_) | None => {
            let (range, name) = path.split('/').find_map(|part| variable(path, part))?;
            let (before, after) = (path.get(..range.start)?, path.get(range.end..)?);
            (path.get(range.clone())?.to_owned(), format!("{before}{{{{ env.{name} }}}}{after}"))
        }
    };
    let message = format!("{} has `{word}` in it, which only a shell replaces", shown(path));
    let help = format!(
        "write `{}` in the file, or let the shell replace it on the command line: `\"$HOME/…\"`; for a name that has it, \
         write `./` first",
        shown(&mended).trim_matches('`')
    );
    Some(ValueError::new(message).help(help))
}

/// The variable of a shell that one part of a path is, or that stands in braces in it: its place, and its
/// name.
fn variable<'p>(path: &'p str, part: &'p str) -> Option<(std::ops::Range<usize>, &'p str)> {
    let start = part.as_ptr().addr().checked_sub(path.as_ptr().addr())?;
    if let Some(at) = part.find("${") {
        let name = part.get(at + 2..)?.split_once('}').map(|(name, _)| name)?;
        let is_name = super::words::is_identifier(name);
        return is_name.then(|| (start + at..start + at + name.len() + 3, name));
    }
    // A class of Java has a `$` in its name as well: only capitals, and by themselves.
    let name = part.strip_prefix('$')?;
    let is_name = super::words::is_identifier(name) && !name.contains(|c: char| c.is_ascii_lowercase());
    is_name.then(|| (start..start + part.len(), name))
}

#[cfg(test)]
mod tests {
    use super::unexpanded;

    #[test]
    fn what_a_shell_would_replace_is_told_from_names() {
        for (path, mended) in [
            ("~", "`{{ env.HOME }}`"),
            ("~/a b", "`{{ env.HOME }}/a b`"),
            ("$HOME", "`{{ env.HOME }}`"),
            ("$HOME/x", "`{{ env.HOME }}/x`"),
            ("${HOME}/x", "`{{ env.HOME }}/x`"),
            ("/home/$USER/x", "`/home/{{ env.USER }}/x`"),
            ("/data/${USER}-1/x", "`/data/{{ env.USER }}-1/x`"),
        ] {
            let help = unexpanded(path).and_then(|error| error.help).unwrap_or_default();
            assert!(help.contains(mended), "{path}: {help}");
        }
        for path in [
            "",
            "a~",
            "a/~",
            "~backup",
            "./~",
            "./$HOME/x",
            "/a",
            "Foo$Bar.class",
            "out/$Inner",
            "$",
            "${",
            "a/${}",
            "$a",
            "{{ env.HOME }}/x",
            "-",
            "out/*.tar",
            "$RECYCLE.BIN",
        ] {
            assert_eq!(unexpanded(path), None, "{path}");
        }
    }
}
