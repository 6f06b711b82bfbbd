//! `.dockerignore`: what of a folder stays out of a build.
//!
//! The rules are those of docker's own matcher (moby/patternmatcher), quirks included: a pattern is cleaned
//! as Go cleans a path and then becomes a regular expression; the last pattern that matches a path or a
//! folder above it decides. No crate has these rules: those for `.gitignore` differ in all of that.

use regex::Regex;

/// The patterns of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    /// As cleaned, without the `!`.
    text: String,
    brings_back: bool,
    glob: Glob,
}

/// What a path is compared with.
#[derive(Debug, Clone)]
enum Glob {
    Exact,
    Prefix(String),
    Suffix(String),
    Regex(Regex),
}

/// Which patterns match a path, in their order: what is known of a folder when its entries are looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Matched(Vec<bool>);

/// A line that is no pattern.
#[derive(Debug, thiserror::Error)]
#[error("the pattern `{line}` {why}")]
pub(super) struct PatternError {
    line: String,
    #[source]
    why: NoPattern,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
enum NoPattern {
    #[error("names nothing to bring back")]
    Nothing,
    #[error("is not well formed: a `[` needs its `]`, and a `\\` something after it")]
    Open,
    #[error("is not well formed: {0}")]
    Regex(#[source] regex::Error),
}

impl Ignore {
    /// Reads the file's text.
    ///
    /// # Errors
    /// Which pattern is none.
    pub(super) fn parse(text: &[u8]) -> Result<Self, PatternError> {
        let text = String::from_utf8_lossy(text);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim);
        let patterns = lines.filter(|line| !line.is_empty()).map(Pattern::parse);
        Ok(Self { patterns: patterns.collect::<Result<_, _>>()? })
    }

    /// The same patterns, after which these paths are not ignored.
    pub(super) fn bringing_back(mut self, paths: &[&str]) -> Self {
        let back = |path: &&str| Pattern { text: (*path).to_owned(), brings_back: true, glob: Glob::Exact };
        self.patterns.extend(paths.iter().map(back));
        self
    }

    /// Whether a path is ignored, and what is to be known of it for the paths below. `above` is what is known
    /// of the folder that it is in; of the topmost folder that is nothing.
    pub(super) fn matches(&self, path: &str, above: &Matched) -> (bool, Matched) {
        let mut ignored = false;
        let mut matched = Vec::with_capacity(self.patterns.len());
        for (index, pattern) in self.patterns.iter().enumerate() {
            let from_above = above.0.get(index).copied().unwrap_or(false);
            // A pattern that could change nothing is not looked at, nor for what is below.
            let is_match = from_above || (pattern.brings_back == ignored && pattern.matches(path));
            if is_match {
                ignored = !pattern.brings_back;
            }
            matched.push(is_match);
        }
        (ignored, Matched(matched))
    }

    /// Whether something in an ignored folder may be brought back. `by_name` only where the pattern begins
    /// with the folder's own path, letter by letter; else everywhere, if a pattern with `!` has a wildcard
    /// before its last part.
    pub(super) fn brings_back_from(&self, folder: &str, by_name: bool) -> bool {
        let mut back = self.patterns.iter().filter(|pattern| pattern.brings_back);
        let begins = |text: &str| format!("{text}/").starts_with(&format!("{folder}/"));
        match by_name {
            true => back.any(|pattern| begins(&pattern.text)),
            false => back.map(|pattern| without_last_glob(&pattern.text)).any(|text| {
                // One wildcard anywhere is enough: docker then looks through all folders.
                text.contains(['*', '[', ']', '?', '^', '\\']) || begins(text)
            }),
        }
    }
}

fn without_last_glob(pattern: &str) -> &str {
    let pattern = pattern.strip_suffix("/**").unwrap_or(pattern);
    pattern.strip_suffix("/*").unwrap_or(pattern)
}

impl Pattern {
    fn parse(line: &str) -> Result<Self, PatternError> {
        let (brings_back, text) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        let refused = |why| PatternError { line: line.to_owned(), why };
        if text.is_empty() {
            return Err(refused(NoPattern::Nothing));
        }
        let text = clean(text);
        let text = text.strip_prefix('/').filter(|rest| !rest.is_empty()).unwrap_or(&text).to_owned();
        if !is_well_formed(&text) {
            return Err(refused(NoPattern::Open));
        }
        let glob = Glob::of(&text).map_err(|error| refused(NoPattern::Regex(error)))?;
        Ok(Self { text, brings_back, glob })
    }

    fn matches(&self, path: &str) -> bool {
        match &self.glob {
            Glob::Exact => path == self.text,
            Glob::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Glob::Suffix(suffix) => path.ends_with(suffix.as_str()) || suffix.strip_prefix('/') == Some(path),
            Glob::Regex(regex) => regex.is_match(path),
        }
    }
}

impl Glob {
    /// Translates a pattern as docker does, in one pass from left to right.
    fn of(text: &str) -> Result<Self, regex::Error> {
        let (mut glob, mut regex, mut class) = (Self::Exact, "^".to_owned(), false);
        let mut is_regex = false;
        let mut rest = text.chars().peekable();
        while let Some(char) = rest.next() {
            let is_first = regex.len() == 1;
            if char == '*' && rest.next_if_eq(&'*').is_some() {
                rest.next_if_eq(&'/');
                let is_last = rest.peek().is_none();
                regex.push_str(if is_last { ".*" } else { "(.*/)?" });
                match (is_first, is_last, &glob) {
                    // What follows is compared as it stands, as long as nothing in it is special.
                    (true, _, _) => glob = Self::Suffix(text.get(2..).unwrap_or_default().to_owned()),
                    (false, true, Self::Exact) if !is_regex => {
                        glob = Self::Prefix(text.strip_suffix("**").unwrap_or(text).to_owned());
                    }
                    (false, _, _) => is_regex = true,
                }
            } else {
                is_regex |= matches!(char, '*' | '?' | '[' | ']' | '\\');
                translate(char, &mut rest, &mut class, &mut regex);
            }
        }
        if is_regex { Ok(Self::Regex(Regex::new(&(regex + "$"))?)) } else { Ok(glob) }
    }
}

/// Appends what one character means to an expression. `class` says whether it stands between `[` and `]`.
fn translate(
    char: char,
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    class: &mut bool,
    regex: &mut String,
) {
    match char {
        '*' | '?' => {
            // Docker writes the same even between brackets, where its own `]` ends them.
            regex.push_str(if std::mem::take(class) { r"\[^/]" } else { "[^/]" });
            regex.push_str(if char == '*' { "*" } else { "" });
        }
        '\\' => match rest.next() {
            // In Go these are of ASCII.
            Some('d') if !*class => regex.push_str("[0-9]"),
            Some('w') if !*class => regex.push_str("[0-9A-Za-z_]"),
            // Here they are ends of words; in Go they stand for themselves.
            Some(next @ ('<' | '>')) => regex.push(next),
            Some(next) => regex.extend(['\\', next]),
            None => regex.push_str(r"\\"),
        },
        // Only here do they have a meaning between brackets.
        '&' | '~' if *class => regex.extend(['\\', char]),
        '[' if *class && rest.peek() != Some(&':') => regex.push_str(r"\["),
        '[' => {
            *class = true;
            regex.push(char);
            if rest.next_if_eq(&'^').is_some() {
                regex.push('^');
            }
        }
        ']' if !*class => regex.push_str(r"\]"),
        ']' => {
            *class = false;
            regex.push(char);
        }
        '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => regex.extend(['\\', char]),
        char => regex.push(char),
    }
}

/// Whether Go takes a pattern for one: brackets are closed and not empty, and nothing ends in the middle.
fn is_well_formed(pattern: &str) -> bool {
    let mut rest = pattern.chars().peekable();
    // One character of a class.
    fn member(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> bool {
        match rest.next() {
            None | Some('-' | ']') => false,
            Some('\\') => rest.next().is_some() && rest.peek().is_some(),
            Some(_) => rest.peek().is_some(),
        }
    }
    while let Some(char) = rest.next() {
        match char {
            '\\' if rest.next().is_none() => return false,
            '[' => {
                rest.next_if_eq(&'^');
                let mut is_empty = true;
                while is_empty || rest.next_if_eq(&']').is_none() {
                    is_empty = false;
                    if !member(&mut rest) || (rest.next_if_eq(&'-').is_some() && !member(&mut rest)) {
                        return false;
                    }
                }
            }
            _ => {}
        }
    }
    true
}

/// A path as Go cleans it, without looking at any file.
fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    match (is_rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}
