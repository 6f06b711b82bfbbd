//! Where a value may stand: what the machine does when it meets an expression.

use super::builtin::Builtin;
use super::frame::{At, Commands, Frame, Kind};
use super::machine::{Machine, Pending, VARIABLE_FIRST};
use super::place::{Context, Edge, Here, Place, Refusal, Word};
use super::votes::Votes;

impl Machine {
    /// Takes an expression at this point. `index` names it in the votes.
    ///
    /// # Errors
    /// If no way of writing a value here keeps it data.
    pub(super) fn value(&mut self, index: usize, votes: &mut Votes) -> Result<Place, Refusal> {
        self.settle();
        let glue = std::mem::take(&mut self.pending);
        if let Some(lost) = self.lost {
            return Err(lost);
        }
        match glue {
            Pending::Backslash => {
                return Err(Refusal {
                    place: "right after a backslash",
                    help: "remove the backslash: the value is already escaped",
                });
            }
            Pending::Dollar => {
                return Err(Refusal {
                    place: "right after `$`",
                    help: "remove the `$`: an expression is no variable of the shell",
                });
            }
            _ => {}
        }
        self.enclosing()?;
        let whole = self.argument()? | self.operand(index)?;
        let command = self.begins_command();
        let leading = self.begins_argument() && !whole;
        let context = match self.commands() {
            Some(commands) => Context::Word(word(commands, index, glue, votes)?),
            None => self.context(glue)?,
        };
        Ok(Place { context, whole, command, leading })
    }

    /// The context that the innermost construct is, where that is no place for commands.
    fn context(&mut self, glue: Pending) -> Result<Context, Refusal> {
        let is_delimiter = self.is_delimiter();
        Ok(match self.stack.last_mut() {
            Some(Frame::Single | Frame::Double) if is_delimiter => return Err(DELIMITER),
            Some(Frame::Single) => Context::Single,
            Some(Frame::Double) => Context::Double { guard: glue == Pending::Variable },
            Some(Frame::Comment) => Context::Comment,
            Some(Frame::Test(test)) => {
                test.word.mix();
                Context::Word(Word { alone: false, needed: true, plain: false })
            }
            Some(Frame::Arithmetic { .. }) if glue == Pending::None => Context::Arithmetic,
            Some(Frame::Here(document)) if glue == Pending::None => Context::Here(Here {
                delimiter: document.delimiter.clone(),
                quoted: document.quoted,
                strip: document.strip,
                before: std::mem::replace(&mut document.line, Edge::unknown()),
                after: Edge::default(),
            }),
            _ => {
                return Err(Refusal {
                    place: "right after the name of a variable",
                    help: "write the variable with braces: `${name}{{ x }}`",
                });
            }
        })
    }

    /// Notes an operand of `[[ ]]`; says whether it is compared as a number, as far as that is known yet.
    fn operand(&mut self, index: usize) -> Result<bool, Refusal> {
        let ([.., Frame::Test(test)] | [.., Frame::Test(test), Frame::Single | Frame::Double]) =
            self.stack.as_mut_slice()
        else {
            return Ok(false);
        };
        if test.variable {
            return Err(Refusal {
                place: "where `[[ ]]` takes the name of a variable",
                help: "write the name itself; the shell would run what a value has in brackets",
            });
        }
        if test.split && test.first {
            return Err(Refusal {
                place: "after `|` or a line's end inside `[[ ]]`: a shell that has no `[[ ]]` would run it",
                help: "write several: `[[ … ]] || [[ … ]]`",
            });
        }
        if !test.operands.contains(&index) {
            test.operands.push(index);
        }
        Ok(test.numeric)
    }

    /// Takes an expression that is spliced as it is: what it does to the shell's state is the author's concern.
    pub(super) fn raw(&mut self, votes: &mut Votes) {
        self.settle();
        self.pending = Pending::None;
        match self.stack.last_mut() {
            Some(Frame::Commands(commands)) if commands.opening.is_some() => self.lose(),
            Some(Frame::Commands(commands)) => {
                votes.glued(&commands.word.values);
                commands.word.mix();
                commands.word.special = true;
            }
            Some(Frame::Test(test)) => test.word.mix(),
            Some(Frame::Here(document)) => document.line = Edge::unknown(),
            _ => {}
        }
    }

    /// Refuses an argument that the command takes for a name; says whether it computes with it.
    fn argument(&self) -> Result<bool, Refusal> {
        let commands = match self.stack.as_slice() {
            [.., Frame::Commands(commands)]
            | [.., Frame::Commands(commands), Frame::Single | Frame::Double] => commands,
            _ => return Ok(false),
        };
        match commands.builtin {
            _ if commands.at == At::Program => Err(PROGRAM),
            _ if commands.at != At::Argument => Ok(false),
            Builtin::Program => Err(PROGRAM),
            builtin if builtin.glued(commands.word.literal()) == Builtin::Program => Err(PROGRAM),
            Builtin::Commands => Err(Refusal {
                place: "where a command takes commands: it would run what the value says",
                help: "put the value in a variable before it, `v={{ x }}`, and write \"$v\" here, inside '…'",
            }),
            Builtin::Let => Ok(true),
            Builtin::Declare { computes } if commands.word.assignment => Ok(computes),
            Builtin::Declare { .. } | Builtin::Names | Builtin::NameAfter { due: true, .. } => Err(Refusal {
                place: "where a command takes the name of a variable: it would run what a value has in brackets",
                help: "write the name itself; a value goes after `=`, outside the quotes: `declare name={{ x }}`",
            }),
            _ => Ok(false),
        }
    }

    /// Whether a value here may be the beginning of a command's name.
    fn begins_command(&self) -> bool {
        let ([.., Frame::Commands(commands)]
        | [.., Frame::Commands(commands), Frame::Single | Frame::Double]) = self.stack.as_slice()
        else {
            return false;
        };
        let word = &commands.word;
        matches!(commands.at, At::Command | At::Prefix)
            && !word.assignment
            && word.literal().is_none_or(str::is_empty)
    }

    /// Whether a value here is the beginning of an argument that may be an option.
    fn begins_argument(&mut self) -> bool {
        let ([.., Frame::Commands(commands)]
        | [.., Frame::Commands(commands), Frame::Single | Frame::Double]) = self.stack.as_mut_slice()
        else {
            return false;
        };
        let begins = std::mem::replace(&mut commands.word.blank, false);
        begins && commands.at == At::Argument && commands.takes_options && commands.kind != Kind::Array
    }

    /// Refuses what no value may stand inside of.
    fn enclosing(&self) -> Result<(), Refusal> {
        let mut substitution = false;
        for (depth, frame) in self.stack.iter().enumerate() {
            let inner = self.stack.get(depth + 1);
            let (place, help) = match frame {
                Frame::Commands(Commands { at: At::Descriptor, .. }) => (
                    "after `>&` or `<&`: the shell expands it twice",
                    "write `> {{ x }} 2>&1`, or the number itself",
                ),
                Frame::Commands(Commands { kind: Kind::Function, .. }) => {
                    ("in the parentheses of a function", VARIABLE_FIRST)
                }
                Frame::Backtick => ("inside backticks", "write `$( … )` in place of the backticks"),
                Frame::Ansi { .. } => ("inside `$'…'`", "end the quotes before it: `$'…'{{ x }}`"),
                Frame::Expansion { .. } => ("inside `${ }`", VARIABLE_FIRST),
                Frame::Subscript { .. } => return Err(SUBSCRIPT),
                Frame::Here(document) if document.program => (
                    "in a here-document that a program is read from",
                    "put the value in a variable before it, `export v={{ x }}`, and write \"$v\" here, with the \
                     delimiter in quotes",
                ),
                Frame::Here(_) if inner.is_some() => ("inside a command in a here-document", VARIABLE_FIRST),
                Frame::Here(_) if substitution => (
                    "in a here-document inside `$( )`",
                    "put the value in a variable before it, `v={{ x }}`, and write `$v` here",
                ),
                Frame::Arithmetic { .. } if matches!(inner, Some(Frame::Double | Frame::Single)) => {
                    ("in quotes inside `(( ))`", "remove the quotes: a whole number needs none")
                }
                Frame::Commands(Commands { kind: Kind::Substitution, .. }) => {
                    substitution = true;
                    continue;
                }
                _ => continue,
            };
            return Err(Refusal { place, help });
        }
        Ok(())
    }
}

const PROGRAM: Refusal = Refusal {
    place: "where a command takes a program: it would run what the value says",
    help: "pass it as an argument after the program, which finds it as \"$1\" (`sys.argv[1]` in Python): \
           `sh -c 'ls \"$1\"' sh {{ x }}`",
};

const DELIMITER: Refusal =
    Refusal { place: "in the delimiter of a here-document", help: "choose a fixed word, such as `EOF`" };

const SUBSCRIPT: Refusal = Refusal {
    place: "in the brackets of an array: the shell computes there, and would run what a value contains",
    help: "put the value in a variable before it, `v=$(({{ x }}))`, which takes whole numbers only, and write \"$v\" \
           here; for names, use `case`",
};

fn word(commands: &mut Commands, index: usize, glue: Pending, votes: &mut Votes) -> Result<Word, Refusal> {
    if commands.opening.is_some() {
        return Err(DELIMITER);
    }
    match commands.at {
        At::LoopName => {
            return Err(Refusal { place: "as the variable of a loop", help: "choose a fixed name" });
        }
        At::FunctionName => {
            return Err(Refusal { place: "as the name of a function", help: "choose a fixed name" });
        }
        At::CaseIn | At::LoopIn => {
            return Err(Refusal { place: "where the shell expects `in`", help: "write `in` before it" });
        }
        _ if commands.word.subscript => return Err(SUBSCRIPT),
        _ => {}
    }
    let alone = commands.takes_words();
    let is_argument = matches!(commands.at, At::Argument | At::Redirect) || commands.word.assignment;
    let word = Word {
        alone,
        needed: commands.at != At::Argument,
        plain: is_argument && !commands.word.special && glue == Pending::None,
    };
    votes.glued(&commands.word.values);
    commands.word.add(index);
    Ok(word)
}
