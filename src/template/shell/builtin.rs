//! Commands whose arguments are more than data: those that compute with them, and those that run them.

/// What a command does with its arguments, and with what it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Builtin {
    /// They are data.
    #[default]
    None,
    /// `command` and its kin: the next word is the command.
    Prefix,
    /// `let`: every argument is computed.
    Let,
    /// `declare` and its kin: a name, and `=` and a value, which is computed if `computes`.
    Declare {
        /// Whether there was an option `-i` or `-n`.
        computes: bool,
    },
    /// `read` and `unset`: names of variables, whose subscripts are computed: `unset 'a[$(command)]'` runs the command.
    Names,
    /// `test`, `printf` and `wait`: a name after this option.
    NameAfter {
        /// The option.
        option: &'static str,
        /// Whether it is the last word.
        due: bool,
    },
    /// `eval`, `trap` and `alias`: commands.
    Commands,
    /// An interpreter, before its program: an option may bring it, or it comes on standard input.
    Interpreter {
        /// Which one.
        kind: Interpreter,
        /// Whether the next word belongs to the option before it.
        skip: bool,
    },
    /// An interpreter whose next word is the program.
    Program,
    /// An interpreter that reads its program from standard input for certain.
    Stdin,
}

/// Interpreters, by the options that bring a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Interpreter {
    /// `sh -c`.
    Shell,
    /// `su user -c`.
    User,
    /// `python -c`.
    Python,
    /// `perl -e`, `-E`.
    Perl,
    /// `ruby -e`, `lua -e`.
    Ruby,
    /// `node -e`, `-p`.
    Node,
    /// `php -r`.
    Php,
}

impl Interpreter {
    fn named(word: &str) -> Option<Self> {
        let name = word.rsplit('/').next().unwrap_or(word);
        Some(match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "sh" | "bash" | "dash" | "ash" | "ksh" | "mksh" | "zsh" => Self::Shell,
            "su" | "runuser" => Self::User,
            "python" | "pypy" => Self::Python,
            "perl" => Self::Perl,
            "ruby" | "lua" => Self::Ruby,
            "node" | "nodejs" => Self::Node,
            "php" => Self::Php,
            _ => return None,
        })
    }

    /// Letters of the options that bring a program.
    fn letters(self) -> &'static [char] {
        match self {
            Self::Shell | Self::User | Self::Python => &['c'],
            Self::Perl => &['e', 'E'],
            Self::Ruby => &['e'],
            Self::Node => &['e', 'p'],
            Self::Php => &['r'],
        }
    }

    fn brings_program(self, option: &str) -> bool {
        match option.strip_prefix("--") {
            Some(long) => matches!(long, "command" | "eval" | "print" | "run"),
            None => option.starts_with('-') && option.contains(self.letters()),
        }
    }

    /// After a word of the command line, before the program.
    fn after(self, word: Option<&str>, skip: bool) -> Builtin {
        let same = |skip| Builtin::Interpreter { kind: self, skip };
        let is_shell = self == Self::Shell;
        match word {
            _ if skip => same(false),
            Some("-") if self != Self::User => Builtin::Stdin,
            Some(option) if self.brings_program(option) => Builtin::Program,
            Some(option) if option.starts_with("--") => same(false),
            // `bash -o errexit`; `bash -s arguments`; `python -m module`.
            Some(option) if option.starts_with(['-', '+']) => match option {
                option if is_shell && option.contains('s') => Builtin::Stdin,
                option if is_shell && option.ends_with(['o', 'O']) => same(true),
                "-m" if self == Self::Python => Builtin::None,
                _ => same(false),
            },
            _ if self == Self::User => same(false),
            // The file with the program.
            _ => Builtin::None,
        }
    }
}

impl Builtin {
    /// `printf`, and `test`: but for a format that begins with a dash, no argument is an option.
    pub(super) const PRINTF: Self = Self::NameAfter { option: "-v", due: false };

    /// The command of this name.
    pub(super) fn named(name: Option<&str>) -> Self {
        match name {
            Some("let") => Self::Let,
            Some("declare" | "typeset" | "local") => Self::Declare { computes: false },
            Some("read" | "unset") => Self::Names,
            Some("test" | "[" | "printf") => Self::PRINTF,
            Some("wait") => Self::NameAfter { option: "-p", due: false },
            Some("eval" | "trap" | "alias") => Self::Commands,
            Some("command" | "builtin" | "exec") => Self::Prefix,
            name => Self::interpreter(name),
        }
    }

    fn interpreter(name: Option<&str>) -> Self {
        let kind = name.and_then(Interpreter::named);
        kind.map_or(Self::None, |kind| Self::Interpreter { kind, skip: false })
    }

    /// After an argument. An interpreter may stand behind other commands: `sudo sh -c …`, `xargs sh -c …`.
    pub(super) fn after(self, argument: Option<&str>) -> Self {
        match self {
            Self::None => Self::interpreter(argument),
            Self::Prefix if argument.is_some_and(|word| word.starts_with('-')) => self,
            Self::Prefix => Self::named(argument),
            Self::Declare { computes } => {
                let options = argument.and_then(|word| word.strip_prefix('-')).unwrap_or_default();
                Self::Declare { computes: computes || options.contains(['i', 'n']) }
            }
            Self::NameAfter { option, .. } => Self::NameAfter { option, due: argument == Some(option) },
            Self::Interpreter { kind, skip } => kind.after(argument, skip),
            Self::Program if argument.is_some_and(|word| word.starts_with('-')) => self,
            Self::Program => Self::None,
            Self::Let | Self::Names | Self::Commands | Self::Stdin => self,
        }
    }

    /// When a literal word goes on with quotes or a value: `perl -e'…'` has its program in the same word.
    pub(super) fn glued(self, word: Option<&str>) -> Self {
        match (self, word) {
            (Self::Interpreter { kind, skip: false }, Some(word)) if kind.brings_program(word) => {
                Self::Program
            }
            _ => self,
        }
    }

    /// Whether what the command reads is a program.
    pub(super) fn reads_program(self) -> bool {
        matches!(self, Self::Interpreter { .. } | Self::Stdin)
    }
}
