//! Reads a tree from tokens, by minijinja's precedence.

use super::{Comparison, Expr, Node, Pipe, Reach};
use crate::template::token::{Token, TokenKind, is_keyword};

/// More levels than this are not read; minijinja reads fewer.
const DEEPEST: usize = 200;

/// Reads tokens that are one expression. `None` where they are something else.
pub(in crate::template) fn read(source: &str, tokens: &[Token]) -> Option<Expr> {
    let mut parser = Parser { source, tokens, at: 0, depth: 0 };
    // Most are one name, in which there is nothing to look for.
    let is_name =
        matches!(tokens, [token] if token.kind == TokenKind::Name && !is_keyword(token.text(source)));
    let expr = if is_name { parser.primary()? } else { parser.choice()? };
    (parser.at == tokens.len()).then_some(expr)
}

struct Parser<'t> {
    source: &'t str,
    tokens: &'t [Token],
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> &'t str {
        match self.tokens.get(self.at) {
            Some(token) if token.kind != TokenKind::Text => token.text(self.source),
            Some(_) | None => "",
        }
    }

    fn next(&mut self) -> Option<&'t Token> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    fn skip(&mut self, text: &str) -> bool {
        let is_here = self.peek() == text;
        self.at += usize::from(is_here);
        is_here
    }

    fn expect(&mut self, text: &str) -> Option<()> {
        self.skip(text).then_some(())
    }

    /// Returns the expression from the token `first` to the one before this.
    fn expr(&self, first: usize, node: Node) -> Option<Expr> {
        let start = self.tokens.get(first)?.range.start;
        let end = self.tokens.get(self.at.checked_sub(1)?)?.range.end;
        Some(Expr { range: start..end, node })
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        let read = if self.depth > DEEPEST { None } else { read(self) };
        self.depth -= 1;
        read
    }

    fn choice(&mut self) -> Option<Expr> {
        self.deeper(|parser| {
            let first = parser.at;
            let mut expr = parser.any()?;
            while parser.skip("if") {
                let condition = Box::new(parser.any()?);
                let otherwise = if parser.skip("else") { Some(Box::new(parser.choice()?)) } else { None };
                let node = Node::Choice { value: Box::new(expr), condition, otherwise };
                expr = parser.expr(first, node)?;
            }
            Some(expr)
        })
    }

    /// Operands with one of some operators between them; one operand alone is itself.
    fn chain(
        &mut self,
        operators: &[&str],
        node: fn(Vec<Expr>) -> Node,
        operand: fn(&mut Self) -> Option<Expr>,
    ) -> Option<Expr> {
        let first = self.at;
        let alone = operand(self)?;
        if !operators.contains(&self.peek()) {
            return Some(alone);
        }
        let mut operands = vec![alone];
        while operators.contains(&self.peek()) {
            self.at += 1;
            operands.push(operand(self)?);
        }
        self.expr(first, node(operands))
    }

    fn any(&mut self) -> Option<Expr> {
        self.chain(&["or"], Node::Logic, |parser| parser.chain(&["and"], Node::Logic, Self::not))
    }

    fn not(&mut self) -> Option<Expr> {
        let first = self.at;
        if !self.skip("not") {
            return self.compared();
        }
        let operand = self.deeper(Self::not)?;
        self.expr(first, Node::Not(Box::new(operand)))
    }

    fn compared(&mut self) -> Option<Expr> {
        let first = self.at;
        let left = self.sum()?;
        let mut others = Vec::new();
        while let Some(comparison) = self.comparison() {
            others.push((comparison, self.sum()?));
        }
        if others.is_empty() {
            return Some(left);
        }
        self.expr(first, Node::Compared(Box::new(left), others))
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let (comparison, length) = match self.peek() {
            "==" | "!=" => (Comparison::Equal, 1),
            "<" | "<=" | ">" | ">=" => (Comparison::Order, 1),
            "in" => (Comparison::In, 1),
            "not" => (Comparison::In, 2),
            _ => return None,
        };
        self.at += length;
        Some(comparison)
    }

    fn sum(&mut self) -> Option<Expr> {
        self.chain(&["+", "-"], Node::Sum, |parser| {
            parser.chain(&["~"], Node::Joined, |parser| {
                parser.chain(&["*", "/", "//", "%"], Node::Sum, |parser| {
                    parser.chain(&["**"], Node::Sum, Self::piped)
                })
            })
        })
    }

    fn piped(&mut self) -> Option<Expr> {
        let first = self.at;
        let value = self.signed()?;
        let mut pipes = Vec::new();
        loop {
            let is_test = match self.peek() {
                "|" => false,
                "is" => true,
                _ => break,
            };
            self.at += 1;
            if is_test {
                self.skip("not");
            }
            let name = self.dotted()?;
            let arguments = match self.peek() {
                "(" => self.arguments()?,
                _ if is_test && self.begins_argument() => vec![self.signed()?],
                _ => Vec::new(),
            };
            pipes.push(Pipe { name, is_test, arguments });
        }
        if pipes.is_empty() {
            return Some(value);
        }
        self.expr(first, Node::Pipe(Box::new(value), pipes))
    }

    /// Returns the name of a filter or a test, which may have dots.
    fn dotted(&mut self) -> Option<String> {
        let mut name = self.name()?;
        while self.skip(".") {
            name = [&name, ".", &self.name()?].concat();
        }
        Some(name)
    }

    fn name(&mut self) -> Option<String> {
        let token = self.next()?;
        (token.kind == TokenKind::Name).then(|| token.text(self.source).to_owned())
    }

    /// Returns whether the argument of a test stands here without brackets: `x is divisibleby 3`.
    fn begins_argument(&self) -> bool {
        let Some(token) = self.tokens.get(self.at) else { return false };
        match (token.kind, token.text(self.source)) {
            // As minijinja has it: `x is odd if y` asks for an argument `if`.
            (TokenKind::Name, word) => !matches!(word, "and" | "or" | "else" | "is"),
            (TokenKind::Text | TokenKind::Number, _) => true,
            (TokenKind::Symbol, symbol) => matches!(symbol, "+" | "-" | "[" | "{"),
        }
    }

    fn signed(&mut self) -> Option<Expr> {
        let first = self.at;
        if !self.skip("-") {
            return self.reached();
        }
        let operand = self.deeper(Self::signed)?;
        self.expr(first, Node::Negative(Box::new(operand)))
    }

    fn reached(&mut self) -> Option<Expr> {
        let first = self.at;
        let value = self.deeper(Self::primary)?;
        let mut steps = Vec::new();
        loop {
            steps.push(match self.peek() {
                "." => {
                    self.at += 1;
                    Reach::Attribute(self.next()?.text(self.source).to_owned())
                }
                "[" => Reach::Item(self.subscript()?),
                "(" => Reach::Call(self.arguments()?),
                _ => break,
            });
        }
        if steps.is_empty() {
            return Some(value);
        }
        self.expr(first, Node::Reach(Box::new(value), steps))
    }

    fn subscript(&mut self) -> Option<Vec<Expr>> {
        self.expect("[")?;
        let mut parts = Vec::new();
        while !self.skip("]") {
            if !self.skip(":") {
                parts.push(self.choice()?);
            }
        }
        Some(parts)
    }

    fn arguments(&mut self) -> Option<Vec<Expr>> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.skip(")") {
            if self.skip("**") || self.skip("*") || self.skip(",") {
                continue;
            }
            let is_named = self.tokens.get(self.at + 1).is_some_and(|next| next.is_symbol(self.source, "="));
            self.at += if is_named { 2 } else { 0 };
            arguments.push(self.choice()?);
        }
        Some(arguments)
    }

    fn primary(&mut self) -> Option<Expr> {
        let first = self.at;
        let token = self.next()?;
        let text = token.text(self.source);
        let node = match (token.kind, text) {
            (TokenKind::Text, text) => {
                let mut all = text.get(1..text.len() - 1).unwrap_or_default().to_owned();
                while let Some(more) = self.tokens.get(self.at).filter(|more| more.kind == TokenKind::Text) {
                    let more = more.text(self.source);
                    all.push_str(more.get(1..more.len() - 1).unwrap_or_default());
                    self.at += 1;
                }
                Node::Text(all)
            }
            (TokenKind::Number, _) => Node::Number,
            (TokenKind::Name, "true" | "True" | "false" | "False") => Node::Bool,
            (TokenKind::Name, "none" | "None") => Node::None,
            // minijinja takes keywords for names here. In brackets `not` would no longer be one.
            (TokenKind::Name, name) if name != "not" => Node::Name(name.to_owned()),
            (TokenKind::Symbol, "(") => return self.bracketed(first),
            (TokenKind::Symbol, "[") => Node::List(self.items("]")?),
            (TokenKind::Symbol, "{") => Node::Map(self.items("}")?),
            (TokenKind::Name | TokenKind::Symbol, _) => return None,
        };
        self.expr(first, node)
    }

    /// `(a)`, which is `a`, or a list with commas.
    fn bracketed(&mut self, first: usize) -> Option<Expr> {
        let mut items = self.items(")")?;
        let before = self.at.checked_sub(2).and_then(|at| self.tokens.get(at));
        let has_comma = before.is_some_and(|token| token.is_symbol(self.source, ","));
        if items.len() == 1 && !has_comma { items.pop() } else { self.expr(first, Node::List(items)) }
    }

    /// Expressions with commas or colons between them, up to a closing bracket.
    fn items(&mut self, close: &str) -> Option<Vec<Expr>> {
        let mut items = Vec::new();
        while !self.skip(close) {
            if !self.skip(",") && !self.skip(":") {
                items.push(self.choice()?);
            }
        }
        Some(items)
    }
}
