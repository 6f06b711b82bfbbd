//! The expressions of GitHub's workflows, as far as `action.yml` uses them. Anything else fails the test.

/// What an expression can be.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Bool(bool),
}

impl Value {
    fn truth(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Bool(it) => *it,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Bool(it) => it.to_string(),
        }
    }
}

/// Where names such as `inputs.file` come from.
pub trait Context {
    /// The value of a path; a step's output that was never set is empty, and a name that there is not is a
    /// panic.
    fn get(&self, path: &[&str]) -> String;
    /// Whether no step has failed yet.
    fn success(&self) -> bool;
}

/// A text with `${{ … }}` in it.
pub fn fill(text: &str, context: &dyn Context) -> String {
    let mut parts = text.split("${{");
    let mut filled = parts.next().unwrap().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once("}}").unwrap_or_else(|| panic!("no end of it: {text}"));
        filled += &Parser::evaluate(expression, context).text();
        filled += rest;
    }
    filled
}

/// An `if`; without one of its own, a step runs while none has failed.
pub fn holds(condition: Option<&str>, context: &dyn Context) -> bool {
    let Some(condition) = condition else { return context.success() };
    let holds = Parser::evaluate(condition, context).truth();
    holds && (condition.contains("always()") || context.success())
}

struct Parser<'a> {
    rest: &'a str,
    context: &'a dyn Context,
}

impl<'a> Parser<'a> {
    fn evaluate(text: &'a str, context: &'a dyn Context) -> Value {
        let mut parser = Self { rest: text, context };
        let value = parser.or();
        assert!(parser.rest.trim().is_empty(), "`{}` is not understood in `{text}`", parser.rest);
        value
    }

    fn takes(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn or(&mut self) -> Value {
        let mut left = self.and();
        while self.takes("||") {
            let right = self.and();
            left = if left.truth() { left } else { right };
        }
        left
    }

    fn and(&mut self) -> Value {
        let mut left = self.equal();
        while self.takes("&&") {
            let right = self.equal();
            left = if left.truth() { right } else { left };
        }
        left
    }

    fn equal(&mut self) -> Value {
        let left = self.single();
        let is_negated = self.takes("!=");
        if is_negated || self.takes("==") {
            let right = self.single();
            return Value::Bool((left == right) != is_negated);
        }
        left
    }

    fn single(&mut self) -> Value {
        if self.takes("always()") {
            return Value::Bool(true);
        }
        if self.takes("'") {
            let (text, rest) = self.rest.split_once('\'').unwrap();
            self.rest = rest;
            return Value::Text(text.to_owned());
        }
        let text = self.rest.trim_start();
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c)).unwrap_or(text.len());
        let (path, rest) = text.split_at(end);
        assert!(path.contains('.'), "`{text}` is not understood");
        self.rest = rest;
        Value::Text(self.context.get(&path.split('.').collect::<Vec<_>>()))
    }
}
