//! Reads Rust source without a compiler: tokens, the items of each module, and every path that the code
//! names.

use std::collections::BTreeMap;

/// A word or a mark of the code, and the line that it stands on. A literal is a word of its own, without its
/// text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// Cuts code into tokens. Comments, literals and lifetimes leave none that could be taken for a name.
pub(crate) fn tokens(code: &str) -> Vec<Token<'_>> {
    let bytes = code.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    let (mut at, mut line, mut found) = (0, 1, Vec::new());
    while at < bytes.len() {
        let rest = &code[at..];
        let length = match bytes[at] {
            b'/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => comment(rest),
            b'"' => string(rest, 0),
            b'\'' => {
                let length = quoted(rest);
                found.push(Token { text: "'", line });
                length
            }
            b':' if rest.starts_with("::") => {
                found.push(Token { text: &rest[..2], line });
                2
            }
            byte if is_word(byte) => {
                let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
                let after = &rest[length..];
                let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
                match &rest[..length] {
                    "r" | "br" | "cr" if after[hashes..].starts_with('"') => {
                        length + hashes + string(&after[hashes..], hashes + 1)
                    }
                    "b" | "c" if after.starts_with('"') => length + string(after, 0),
                    "b" if after.starts_with('\'') => length + quoted(after),
                    word => {
                        found.push(Token { text: word, line });
                        length
                    }
                }
            }
            byte if byte.is_ascii_whitespace() => 1,
            _ => {
                found.push(Token { text: &rest[..1], line });
                1
            }
        };
        line += rest[..length].matches('\n').count();
        at += length;
    }
    found
}

/// The length of a comment that may hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth += 1, 2).1,
            [b'*', b'/', ..] => (depth -= 1, 2).1,
            _ => 1,
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a string from its first quote. `raw` is 0 for one with escapes, or one more than its number
/// of `#`.
fn string(text: &str, raw: usize) -> usize {
    if raw > 0 {
        let end = format!("\"{}", "#".repeat(raw - 1));
        return text[1..].find(&end).map_or(text.len(), |at| 1 + at + end.len());
    }
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of what begins with an apostrophe: a character, or a lifetime's apostrophe alone.
fn quoted(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(text.len(), |at| at + 4),
        Some((at, c)) if text[at + c.len_utf8()..].starts_with('\'') => at + c.len_utf8() + 1,
        _ => 1,
    }
}

/// A path as it stands in the code, such as `super::words::line`, without what follows in angle brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// What one module holds.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Functions, types, constants, macros.
    pub(crate) items: Vec<String>,
    /// The name that an import gives in this module, and its path.
    pub(crate) imports: Vec<(String, Named)>,
    pub(crate) globs: Vec<Named>,
    /// Paths in the code itself.
    pub(crate) paths: Vec<Named>,
    /// Types that are visible outside of the module, with their lines.
    pub(crate) public_types: Vec<(String, usize)>,
}

/// The modules of one file by their path within it: the file's own is `[]`. What only tests compile is left
/// out.
pub(crate) fn modules(code: &str) -> BTreeMap<Vec<String>, Module> {
    let tokens = tokens(code);
    let mut reader =
        Reader { tokens: &tokens, at: 0, scope: Vec::new(), blocks: Vec::new(), found: BTreeMap::new() };
    reader.found.insert(Vec::new(), Module::default());
    while reader.at < tokens.len() {
        reader.step();
    }
    reader.found
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    scope: Vec<String>,
    /// For each open brace whether it is a module's.
    blocks: Vec<bool>,
    found: BTreeMap<Vec<String>, Module>,
}

impl Reader<'_> {
    fn text(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |token| token.line)
    }

    fn module(&mut self) -> &mut Module {
        self.found.entry(self.scope.clone()).or_default()
    }

    fn starts(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.text(ahead) == *word)
    }

    fn step(&mut self) {
        let in_module = self.blocks.last().is_none_or(|is_module| *is_module);
        match self.text(0) {
            "#" if self.starts(&["#", "[", "cfg", "(", "test", ")", "]"]) => self.skip_item(),
            "{" => self.open(false),
            "}" => {
                if self.blocks.pop() == Some(true) {
                    self.scope.pop();
                }
                self.at += 1;
            }
            "mod" if in_module && self.text(2) == "{" => {
                let name = self.text(1).to_owned();
                self.scope.push(name);
                self.module();
                self.at += 2;
                self.open(true);
            }
            "use" => self.import(),
            "macro_rules" if self.text(1) == "!" => {
                let name = self.text(2).to_owned();
                self.module().items.push(name);
                self.at += 3;
            }
            "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static" if in_module => {
                self.item()
            }
            _ => self.path(),
        }
    }

    fn open(&mut self, is_module: bool) {
        self.blocks.push(is_module);
        self.at += 1;
    }

    /// Leaves out an item and its attributes: to its semicolon, or to the end of its braces.
    fn skip_item(&mut self) {
        let (mut depth, mut braces) = (0usize, false);
        let mut is_import = false;
        while self.at < self.tokens.len() {
            match self.text(0) {
                "use" if depth == 0 => is_import = true,
                "(" | "[" => depth += 1,
                "{" => (depth, braces) = (depth + 1, true),
                ")" | "]" | "}" if depth == 0 => return,
                ")" | "]" => depth -= 1,
                "}" => {
                    depth -= 1;
                    if depth == 0 && braces && !is_import {
                        self.at += 1;
                        return;
                    }
                }
                ";" if depth == 0 => {
                    self.at += 1;
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn item(&mut self) {
        let (kind, name, line) = (self.text(0).to_owned(), self.text(1).to_owned(), self.line());
        let back = |by: usize| self.at.checked_sub(by).map_or("", |at| self.tokens[at].text);
        // `pub struct`, `pub(crate) struct`; `pub(super)` is a matter between a module and its parent.
        let is_public = back(1) == "pub" || (back(1) == ")" && back(2) == "crate" && back(4) == "pub");
        let is_type = matches!(kind.as_str(), "struct" | "enum" | "union" | "trait" | "type");
        let module = self.module();
        if is_type && is_public {
            module.public_types.push((name.clone(), line));
        }
        module.items.push(name);
        self.at += 2;
    }

    /// `a::b::c` in the code.
    fn path(&mut self) {
        let is_start = self.at == 0 || !matches!(self.tokens[self.at - 1].text, "::" | ".");
        let line = self.line();
        let mut path = vec![self.text(0).to_owned()];
        self.at += 1;
        let is_word = |text: &str| text.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !is_start || !is_word(&path[0]) {
            return;
        }
        while self.text(0) == "::" && is_word(self.text(1)) {
            path.push(self.text(1).to_owned());
            self.at += 2;
        }
        if path.len() > 1 {
            self.module().paths.push(Named { path, line });
        }
    }

    /// `use a::{b, c as d, e::*};`
    fn import(&mut self) {
        self.at += 1;
        self.tree(&mut Vec::new());
    }

    fn tree(&mut self, prefix: &mut Vec<String>) {
        let depth = prefix.len();
        loop {
            let line = self.line();
            match self.text(0) {
                "::" => self.at += 1,
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(0), "}" | "") {
                        self.tree(prefix);
                        if self.text(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    break;
                }
                "*" => {
                    self.at += 1;
                    let path = prefix.clone();
                    self.module().globs.push(Named { path, line });
                    break;
                }
                "self" if !prefix.is_empty() => self.at += 1,
                "as" => {
                    let (name, path) = (self.text(1).to_owned(), prefix.clone());
                    self.at += 2;
                    self.module().imports.push((name, Named { path, line }));
                    break;
                }
                "," | "}" | ";" | "" => {
                    let path = prefix.clone();
                    let name = path.last().cloned().unwrap_or_default();
                    self.module().imports.push((name, Named { path, line }));
                    break;
                }
                word => {
                    prefix.push(word.to_owned());
                    self.at += 1;
                }
            }
        }
        prefix.truncate(depth);
    }
}
