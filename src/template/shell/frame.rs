//! What the shell is in the middle of: one frame for each construct that is open.

use super::consensus::Consensus;
use super::doing::Doing;
use super::flow::{Document, Flow};
use super::refusals::COMPUTED;
use super::table::Attributes;
use super::word::Word;

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

/// Where commands stand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Commands {
    /// What opened it.
    pub(super) kind: FrameKind,
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
    pub(super) doing: Box<Doing>,
    /// The variable that the words go into: those of an array, or of a loop.
    pub(super) assigns: String,
    /// What is known about that variable.
    pub(super) attributes: Attributes,
    /// What flows from command to command.
    pub(super) flow: Box<Flow>,
    /// The expressions in the word before, and those that commands print into it.
    pub(super) before: (Vec<usize>, Vec<usize>),
    /// Whether there was a `&>`, after which a shell that does not know it begins another command.
    pub(super) forked: bool,
    /// Whether a word that begins with a dash would be an option.
    pub(super) takes_options: bool,
    /// Whether only the first argument may be one.
    pub(super) is_printf: bool,
}

/// What opened a place for commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum FrameKind {
    /// Nothing: the script itself.
    Script,
    /// `(`.
    Subshell,
    /// The `(` of `name()`.
    Function,
    /// `$(`: part of a word.
    Substitution,
    /// `<(`: a word, or part of one.
    Input,
    /// `>(`: the same.
    Output,
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
    /// After `<<<`.
    HereString,
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

/// `[[ … ]]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Test {
    /// The word in progress.
    pub(super) word: Word,
    /// The expressions since the last `&&`, `||` or parenthesis.
    pub(super) operands: Vec<usize>,
    /// Those of them that a command prints.
    pub(super) printed: Vec<usize>,
    /// Whether they are compared as numbers.
    pub(super) numeric: bool,
    /// Whether the next word is computed.
    pub(super) computed: bool,
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
    pub(super) fn new(kind: FrameKind) -> Self {
        let at = if kind == FrameKind::Array { At::Argument } else { At::Command };
        Self {
            kind,
            at,
            then: at,
            word: Word::default(),
            opening: None,
            documents: Vec::new(),
            cases: 0,
            doing: Box::default(),
            assigns: String::new(),
            attributes: Attributes::NONE,
            flow: Box::default(),
            before: (Vec::new(), Vec::new()),
            forked: false,
            takes_options: false,
            is_printf: false,
        }
    }

    /// Notes the name of a command, or an argument of one.
    pub(super) fn note(&mut self, word: &Word, consensus: &mut Consensus) {
        let name = word.literal();
        if self.at == At::Argument {
            self.takes_options &= name != Some("--") && !self.is_printf;
            if self.doing.compares(&word.spelling) {
                consensus.whole(&self.before.0);
                consensus.refuse(&self.before.1, COMPUTED);
            }
            self.before = (word.values.clone(), word.printed.clone());
            self.doing.word(&word.spelling, consensus);
            if let Some((name, attributes)) = self.doing.take_declared() {
                consensus.declare(name, attributes);
            }
        } else {
            self.takes_options = !matches!(name, Some("test" | "[" | "for" | "select"));
            self.is_printf = matches!(name, Some("printf" | "test" | "["));
            *self.doing = Doing::named(&word.spelling, consensus);
            self.flow.command(word.spelling.known().unwrap_or_default());
        }
    }

    /// Notes a variable that is given a text.
    pub(super) fn assigned(&self, word: &Word, consensus: &mut Consensus) {
        if let (Some(name), Some(text)) = (&word.spelling.assigned, word.spelling.known()) {
            consensus.hold(name, text.split_once('=').map_or(text, |(_, value)| value));
        }
    }
}

impl Frame {
    /// Returns whether two frames are the same construct, whatever word they are at.
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

    /// Returns what it is called in messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Commands(commands) => match commands.kind {
                FrameKind::Script => "outside all quotes",
                FrameKind::Subshell | FrameKind::Function => "inside `( )`",
                FrameKind::Substitution => "inside `$( )`",
                FrameKind::Input => "inside `<( )`",
                FrameKind::Output => "inside `>( )`",
                FrameKind::Array => "inside an array's `( )`",
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
