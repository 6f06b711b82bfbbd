//! Escaping values: the filters that compiled templates pass every expression through.
//!
//! Only quoting that every POSIX shell knows is written: `'…'` with `'\''` for a quote in bare and
//! single-quoted places, backslashes in double-quoted ones.

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use super::known::hidden;
use super::number::Number;
use super::problem::problem;
use super::shell::Harmless;
use super::values::Hidden;
use super::weight;

/// Registers the escaping filters.
pub(super) fn register(jinja: &mut Environment<'_>) {
    jinja.add_filter(hidden::PLAIN, |value: Value| text(&value));
    jinja.add_filter(
        hidden::WORD,
        |state: &State<'_, '_>, value: Value, alone: bool, needed: bool, plain: bool| {
            words(state, &value, alone, needed, plain)
        },
    );
    jinja.add_filter(hidden::SINGLE, |value: Value| Ok::<_, Error>(text(&value)?.replace('\'', r"'\''")));
    jinja.add_filter(hidden::DOUBLE, |value: Value, guard: bool| {
        let text = text(&value)?;
        // bash doubles these in the quotes of an array's words, but not in `'…'`.
        if text.contains(['\u{1}', '\u{7f}']) {
            return Ok(format!("\"'{}'\"", text.replace('\'', r"'\''")));
        }
        let escaped = backslashed(&text, &['\\', '$', '`', '"']);
        Ok::<_, Error>(if guard { format!("\"\"{escaped}") } else { escaped })
    });
    jinja.add_filter(hidden::COMMENT, |value: Value| Ok::<_, Error>(comment(&text(&value)?)));
    jinja.add_filter(hidden::COMMAND, command);
    jinja.add_filter(hidden::HARMLESS, harmless);
    jinja.add_filter(hidden::NO_PARENTHESIS, no_parenthesis);
    jinja.add_filter(hidden::NO_OPTION, no_option);
    jinja.add_filter(hidden::NO_ASSIGNMENT, no_assignment);
    jinja.add_filter(hidden::WHOLE, |value: Value| whole(&value));
    jinja.add_filter(hidden::HERE, here);
    jinja.add_filter(hidden::JSON, |json: Value| Ok::<_, Error>(inert_json(&text(&json)?)));
}

/// Returns the text that a single value stands for.
pub(super) fn text(value: &Value) -> Result<String, Error> {
    const FIRST: &str = "pick a part of it, or write `| tojson`";
    if value.downcast_object_ref::<Hidden>().is_some() {
        let help = "set it in `env:` and use the variable";
        return Err(problem("a secret cannot be spliced into this text", help));
    }
    if let Some(number) = Number::of(value) {
        return Ok(number.text().to_owned());
    }
    let text = match value.kind() {
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => {
            return Err(problem("this is `none`, which is not text", "write `| default('…', true)`"));
        }
        // minijinja writes `True`.
        ValueKind::Bool => value.is_true().to_string(),
        ValueKind::Number | ValueKind::String => value.to_string(),
        ValueKind::Seq | ValueKind::Iterable => {
            return Err(problem(
                "a list cannot be used here: it makes several words only where it is a word of its own",
                "write `| join(' ')`, or go through it with `{% for item in list %}`",
            ));
        }
        ValueKind::Map => return Err(problem("a mapping cannot be used in text", FIRST)),
        _ => return Err(problem("this cannot be used in text", FIRST)),
    };
    if text.contains('\0') {
        return Err(problem("the value contains a NUL character", "no program can receive one; remove it"));
    }
    Ok(text)
}

/// The text of one of many values, which is paid for.
pub(super) fn paid_text(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    weight::pay_bytes(state, value.as_str().map_or(0, str::len) + weight::BYTES)?;
    text(value)
}

fn words(
    state: &State<'_, '_>,
    value: &Value,
    alone: bool,
    needed: bool,
    plain: bool,
) -> Result<String, Error> {
    if !alone || !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Ok(word(&text(value)?, plain));
    }
    let mut words = Vec::new();
    for item in value.try_iter()? {
        words.push(word(&paid_text(state, &item)?, plain));
    }
    if needed && words.is_empty() {
        let help = "write it inside `{% if list %}`, or put a command before it";
        return Err(problem("the list is empty, and a command begins here", help));
    }
    Ok(words.join(" "))
}

/// Returns a value as one word.
fn word(text: &str, plain: bool) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | '-');
    if plain && !text.is_empty() && text.chars().all(is_safe) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn backslashed(text: &str, special: &[char]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Returns text that cannot leave a comment, nor confuse an old shell that looks for quotes in comments.
fn comment(text: &str) -> String {
    let inert = |c: char| match c {
        c if c.is_control() => ' ',
        '\'' | '"' | '`' | '\\' | '$' | '(' | ')' | '{' | '}' => '_',
        c => c,
    };
    text.chars().map(inert).collect()
}

/// Returns a whole number where the shell computes; anything else would be computed as well.
fn whole(value: &Value) -> Result<String, Error> {
    // A number by its value: to a shell `010` is eight.
    let text = text(&Number::of(value).map_or_else(|| value.clone(), Number::value))?;
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let is_plain = digits == "0" || !digits.starts_with('0') && !digits.is_empty();
    if !is_plain || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let help =
            "the shell computes here, and would run what other values contain; use a param of type `int`";
        return Err(problem("only a whole number can stand here", help));
    }
    Ok(if text.starts_with('-') { format!("({text})") } else { text })
}

/// Returns a value whose type is what keeps it from harm. A name may have been bound to another value.
fn harmless(value: Value, number: bool) -> Result<Value, Error> {
    let (promised, what) =
        if number { (Harmless::Number, "a whole number") } else { (Harmless::Word, "a plain word") };
    // A number by its value: to a shell `010` is eight.
    let value = match Number::of(&value).filter(|_| number) {
        Some(number) => number.value(),
        None => value,
    };
    if promised.fits(&text(&value)?) {
        return Ok(value);
    }
    let help = "the shell would run what other values contain; use the param itself";
    Err(problem(format!("only {what} can stand here"), help))
}

/// Returns what a declaration assigns.
fn no_parenthesis(value: Value) -> Result<Value, Error> {
    if value.as_str().is_some_and(|text| text.starts_with('(')) {
        let help = "assign it in a line of its own: `v={{ x }}`";
        return Err(problem(
            "a value that begins with `(` cannot be used here: if the variable is an array, the shell runs what is inside",
            help,
        ));
    }
    Ok(value)
}

/// Returns the name of a command after `env` or the like.
fn no_assignment(value: Value) -> Result<Value, Error> {
    if any_text(&value, |text| text.contains('='))? {
        let help = "write the name of the variable before it: `env NAME={{ x }}`";
        let message = "a value with a `=` cannot be used here: it would set a variable, and shells run what some variables hold";
        return Err(problem(message, help));
    }
    Ok(value)
}

/// Returns whether a text, or one of a list, is of some kind.
fn any_text(value: &Value, is: impl Fn(&str) -> bool) -> Result<bool, Error> {
    Ok(match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => value.try_iter()?.any(|item| item.as_str().is_some_and(&is)),
        _ => value.as_str().is_some_and(is),
    })
}

/// Returns an argument before the program of an interpreter, or the like.
fn no_option(value: Value) -> Result<Value, Error> {
    if any_text(&value, |text| text.starts_with(['-', '+']))? {
        let help = "write `--` before it, or make it a param of `type: path`";
        return Err(problem(
            "a value that begins like an option cannot be used here: some options bring a program",
            help,
        ));
    }
    Ok(value)
}

/// Returns the name of a command. A list, where one may stand, begins with it.
fn command(value: Value) -> Result<Value, Error> {
    let first = match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => value.try_iter()?.next(),
        _ => Some(value.clone()),
    };
    if first.is_some_and(|first| first.as_str().is_some_and(|name| name.starts_with('%'))) {
        let help = "no command has such a name; bash would take it for a job and run `fg`";
        return Err(problem("the name of a command cannot begin with `%`", help));
    }
    Ok(value)
}

/// Returns a value in the body of a here-document. `before` and `after` are the literal text beside it on its
/// line; of `flags`, `q` says that the delimiter is quoted, `-` that tabs are stripped, `<` and `>` that
/// something not literal stands at that end of the line.
fn here(value: Value, delimiter: &str, flags: &str, before: &str, after: &str) -> Result<String, Error> {
    let [quoted, strip, open_before, open_after] = ['q', '-', '<', '>'].map(|flag| flags.contains(flag));
    let text = text(&value)?;
    let lines: Vec<&str> = text.split('\n').collect();
    let last = lines.len() - 1;
    for (at, line) in lines.iter().enumerate() {
        let (head, open_head) = if at == 0 { (before, open_before) } else { ("", false) };
        let (tail, open_tail) = if at == last { (after, open_after) } else { ("", false) };
        let line = format!("{head}{line}{tail}");
        let line = if strip { line.trim_start_matches('\t') } else { &line };
        let ends = match (open_head, open_tail) {
            (false, false) => delimiter == line,
            (true, false) => delimiter.ends_with(line),
            (false, true) => delimiter.starts_with(line),
            (true, true) => delimiter.contains(line),
        };
        // dash 0.5 loses a byte there.
        let same = line.bytes().zip(delimiter.bytes()).take_while(|(a, b)| a == b).count();
        if same > 0 && !open_head && line.as_bytes().get(same).is_some_and(|byte| !byte.is_ascii()) {
            let message =
                format!("a line of the value begins like `{delimiter}`, which ends the here-document");
            return Err(problem(message, "choose another word for the end of the here-document"));
        }
        if ends {
            let message = format!("the value can make a line `{delimiter}`, which ends the here-document");
            return Err(problem(message, "choose another word for the end of the here-document"));
        }
    }
    let starts_line = before.is_empty() && !open_before;
    if strip && (text.contains("\n\t") || starts_line && text.starts_with('\t')) {
        let message = "the value has a tab at the start of a line, which `<<-` drops";
        return Err(problem(message, "write `<<` in place of `<<-`"));
    }
    Ok(if quoted { text } else { backslashed(&text, &['\\', '$', '`']) })
}

/// JSON in which strings contain nothing but letters, digits, spaces and `\u` escapes, so that no language
/// finds anything to interpolate in them.
fn inert_json(json: &str) -> String {
    let mut inert = String::with_capacity(json.len());
    let mut inside = false;
    let mut characters = json.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => {
                inside = !inside;
                inert.push(c);
            }
            '\\' if inside => match characters.next() {
                Some('u') => inert.push_str("\\u"),
                Some('n') => escape_unit('\n', &mut inert),
                Some('r') => escape_unit('\r', &mut inert),
                Some('t') => escape_unit('\t', &mut inert),
                Some('b') => escape_unit('\u{8}', &mut inert),
                Some('f') => escape_unit('\u{c}', &mut inert),
                Some(other) => escape_unit(other, &mut inert),
                None => {}
            },
            c if !inside
                || c.is_ascii_alphanumeric()
                || matches!(c, ' ' | '_' | '.' | ',' | ':' | '/' | '-') =>
            {
                inert.push(c);
            }
            c => escape_unit(c, &mut inert),
        }
    }
    inert
}

fn escape_unit(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.push_str(&format!("\\u{unit:04x}"));
    }
}
