//! What the shell is in the middle of: one frame for each construct that is open.

use super::builtin::Builtin;
use super::place::Edge;

/// An open construct.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Frame {
    /// A place where commands stand.
    Commands(Commands),
    /// `[[ … ]]`.
    Test(Test),
    /// `'…'`.
    Single,
    /// `$'…'`.
    Ansi {
        /// Right after a backslash.
        escaped: bool,
    },
    /// `"…"`.
    Double,
    /// From `#` to the end of the line.
    Comment,
    /// `${…}`.
    Expansion {
        /// Whether it stands where `'` is an ordinary character for some shells.
        quoted: bool,
    },
    /// `$((…))` or `((…))`.
    Arithmetic {
        /// Open parentheses.
        depth: usize,
    },
    /// The brackets of `name[…]=`.
    Subscript {
        /// Open brackets.
        depth: usize,
    },
    /// Between backticks.
    Backtick,
    /// The body of a here-document.
    Here(Document),
}

/// A here-document, from its operator on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Document {
    /// The line that ends it.
    pub(super) delimiter: String,
    /// Whether any part of the delimiter is quoted.
    pub(super) quoted: bool,
    /// `<<-`.
    pub(super) strip: bool,
    /// Whether an interpreter reads it as its program.
    pub(super) program: bool,
    /// The current line so far.
    pub(super) line: Edge,
}

/// Where commands stand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Commands {
    /// What opened it.
    pub(super) kind: Kind,
    /// What the next word is.
    pub(super) at: At,
    /// What the word after a redirection's target is.
    pub(super) then: At,
    /// The word in progress.
    pub(super) word: Word,
    /// The here-document whose delimiter is the word in progress.
    pub(super) opening: Option<Document>,
    /// Here-documents that start after this line.
    pub(super) documents: Vec<Document>,
    /// Open `case` statements.
    pub(super) cases: usize,
    /// What the command does with its arguments.
    pub(super) builtin: Builtin,
    /// Whether a word that begins with a dash would be an option.
    pub(super) takes_options: bool,
}

/// What opened a place for commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Nothing: the script itself.
    Script,
    /// `(`.
    Subshell,
    /// The `(` of `name()`.
    Function,
    /// `$(`, `<(` or `>(`: part of a word.
    Substitution,
    /// `name=(`: words, but no commands.
    Array,
}

/// What a word is by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum At {
    /// The first word of a command: keywords count.
    Command,
    /// After an assignment or redirection at the start of a command.
    Prefix,
    /// An argument.
    Argument,
    /// The target of a redirection.
    Redirect,
    /// The target of `>&` or `<&`. Bash expands it twice.
    Descriptor,
    /// After `<<<`, where an interpreter reads it as its program.
    Program,
    /// After `case`.
    Subject,
    /// Where the `in` of a `case` stands.
    CaseIn,
    /// A pattern of a `case`.
    Pattern,
    /// The variable of a `for`.
    LoopName,
    /// After the variable of a `for`.
    LoopIn,
    /// After `function`.
    FunctionName,
}

/// A word in progress. Only so much of it is kept as its meaning hangs on, so that a loop's words have few states.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Word {
    /// Whether anything of it has been seen.
    pub(super) started: bool,
    /// Whether it is more than plain literal text.
    mixed: bool,
    /// Whether nothing has been seen of it but quotes that open.
    pub(super) blank: bool,
    /// The first characters of the literal text, while it is nothing else.
    text: String,
    /// Whether the literal text is a name that a variable can have.
    identifier: bool,
    /// Whether it is `name=…`.
    pub(super) assignment: bool,
    /// Whether it is `name=` so far.
    pub(super) ends_in_equals: bool,
    /// Whether a `{`, `[` or `~` in it gives a meaning to what follows.
    pub(super) special: bool,
    /// Whether it is `name[…` without the closing bracket.
    pub(super) subscript: bool,
    /// The expressions in it.
    pub(super) values: Vec<usize>,
}

/// Longer than every keyword, and than the path of an interpreter.
const KEPT: usize = 20;

impl Default for Word {
    fn default() -> Self {
        Self {
            started: false,
            mixed: false,
            blank: true,
            text: String::new(),
            identifier: false,
            assignment: false,
            ends_in_equals: false,
            special: false,
            subscript: false,
            values: Vec::new(),
        }
    }
}

impl Word {
    /// Adds an ordinary character.
    pub(super) fn push(&mut self, c: char) {
        let is_name = !self.mixed
            && (c == '_'
                || c.is_ascii_alphabetic()
                || c.is_ascii_digit() && self.identifier
                || c == '+' && self.identifier);
        let was_name = self.identifier;
        self.identifier = is_name && (self.identifier || !self.started);
        self.ends_in_equals = false;
        match c {
            '{' | '~' => self.special = true,
            '[' => {
                self.special = true;
                self.subscript |= was_name;
            }
            ']' => self.subscript = false,
            '=' if was_name && !self.assignment => {
                self.assignment = true;
                self.ends_in_equals = true;
            }
            _ => {}
        }
        self.started = true;
        self.blank = false;
        if !self.mixed && self.text.len() < KEPT {
            self.text.push(c);
        }
    }

    /// Notes a quote that opens in it.
    pub(super) fn quote(&mut self) {
        let blank = self.blank;
        self.mix();
        self.blank = blank;
    }

    /// Notes that something is part of it that is no plain literal text.
    pub(super) fn mix(&mut self) {
        self.started = true;
        self.blank = false;
        self.mixed = true;
        self.identifier = false;
        self.ends_in_equals = false;
        self.text.clear();
    }

    /// Notes an expression in it.
    pub(super) fn add(&mut self, index: usize) {
        self.mix();
        if !self.values.contains(&index) {
            self.values.push(index);
        }
    }

    /// Its first characters, if it is literal and unquoted: enough to tell keywords and numbers.
    pub(super) fn literal(&self) -> Option<&str> {
        (!self.mixed).then_some(self.text.as_str())
    }

    /// Whether it is a name that a variable can have, so far.
    pub(super) fn is_identifier(&self) -> bool {
        self.identifier
    }
}

/// `[[ … ]]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Test {
    /// The word in progress.
    pub(super) word: Word,
    /// The expressions since the last `&&`, `||` or parenthesis.
    pub(super) operands: Vec<usize>,
    /// Whether they are compared as numbers.
    pub(super) numeric: bool,
    /// Whether the next word names a variable.
    pub(super) variable: bool,
    /// Whether a `|` or the end of a line came before. A shell that has no `[[ ]]` runs what follows it.
    pub(super) split: bool,
    /// Whether the word is the first after an operator: to such a shell the name of a command.
    pub(super) first: bool,
    /// Whether the character before was `<`: two of them begin a here-document there.
    pub(super) less: bool,
}

impl Commands {
    pub(super) fn new(kind: Kind) -> Self {
        let at = if kind == Kind::Array { At::Argument } else { At::Command };
        Self {
            kind,
            at,
            then: at,
            word: Word::default(),
            opening: None,
            documents: Vec::new(),
            cases: 0,
            builtin: Builtin::None,
            takes_options: false,
        }
    }

    /// Notes the name of a command, or an argument of one.
    pub(super) fn note(&mut self, word: &Word) {
        let name = word.literal();
        if self.at == At::Argument {
            self.takes_options &= name != Some("--") && self.builtin != Builtin::PRINTF;
            self.builtin = self.builtin.after(name);
        } else {
            self.takes_options = !matches!(name, Some("test" | "[" | "for" | "select"));
            self.builtin = Builtin::named(name);
        }
    }

    /// The word in progress goes on with quotes or a value.
    pub(super) fn glue(&mut self) {
        if self.at == At::Argument {
            self.builtin = self.builtin.glued(self.word.literal());
        }
    }
}

impl Frame {
    /// Whether two frames are the same construct, whatever word they are at.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Commands(a), Self::Commands(b)) => {
                a.kind == b.kind && a.cases == b.cases && a.documents == b.documents && a.opening == b.opening
            }
            (Self::Here(a), Self::Here(b)) => (&a.delimiter, a.quoted) == (&b.delimiter, b.quoted),
            (Self::Test(_), Self::Test(_)) => true,
            _ => self == other,
        }
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Commands(commands) => match commands.kind {
                Kind::Script => "outside all quotes",
                Kind::Subshell | Kind::Function => "inside `( )`",
                Kind::Substitution => "inside `$( )`",
                Kind::Array => "inside an array's `( )`",
            },
            Self::Test(_) => "inside `[[ ]]`",
            Self::Single => "inside `'…'`",
            Self::Ansi { .. } => "inside `$'…'`",
            Self::Double => "inside `\"…\"`",
            Self::Comment => "inside a comment",
            Self::Expansion { .. } => "inside `${ }`",
            Self::Arithmetic { .. } => "inside `(( ))`",
            Self::Subscript { .. } => "inside an array's `[ ]`",
            Self::Backtick => "inside backticks",
            Self::Here(_) => "inside a here-document",
        }
    }
}
