//! Reasons why a value cannot be used somewhere, and what to write instead.

use super::harmless::Harmless;
use super::slot::Refusal;

/// A variable is safe everywhere but where the shell computes, such as in `${a[…]}`: there it runs what it
/// finds in the variable, unless that is a number.
pub(super) const VARIABLE_FIRST: &str = "put the value in a variable at the start of the script, `v={{ x }}`, and write \"$v\" here; where the shell \
     computes, as in `${a[…]}` or `${a:…}`, let it be `v=$(({{ x }}))`, which takes whole numbers only";

const fn refusal(place: &'static str, help: &'static str) -> Refusal {
    Refusal { place, help, unless: Harmless::Never }
}

/// Returns a place where a word that means nothing to a shell can do no harm.
const fn unless_word(place: &'static str, help: &'static str) -> Refusal {
    Refusal { place, help, unless: Harmless::Word }
}

/// Returns a place where only a whole number can do no harm.
const fn unless_number(place: &'static str, help: &'static str) -> Refusal {
    Refusal { place, help, unless: Harmless::Number }
}

pub(super) const LOST: Refusal = refusal("here: the shell text before it cannot be followed", VARIABLE_FIRST);

pub(super) const UNCERTAIN: Refusal = refusal(
    "where statements before it leave several places possible",
    "write the whole command once in each branch",
);

pub(super) const AFTER_BACKSLASH: Refusal =
    refusal("right after a backslash", "remove the backslash: the value is already escaped");

pub(super) const AFTER_DOLLAR: Refusal =
    refusal("right after `$`", "remove the `$`: an expression is not a shell variable");

pub(super) const AFTER_VARIABLE: Refusal =
    refusal("right after the name of a variable", "write the variable with braces: `${name}{{ x }}`");

pub(super) const DELIMITER: Refusal =
    refusal("in the delimiter of a here-document", "choose a fixed word, such as `EOF`");

pub(super) const LOOP_NAME: Refusal = refusal("as the variable of a loop", "choose a fixed name");

pub(super) const FUNCTION_NAME: Refusal = refusal("as the name of a function", "choose a fixed name");

pub(super) const IN_EXPECTED: Refusal = refusal("where the shell expects `in`", "write `in` before it");

pub(super) const DESCRIPTOR: Refusal = unless_word(
    "after `>&` or `<&`: the shell expands it twice",
    "write `> {{ x }} 2>&1`, or the number itself",
);

pub(super) const FUNCTION: Refusal = refusal("in the parentheses of a function", VARIABLE_FIRST);

pub(super) const BACKTICK: Refusal =
    unless_word("inside backticks", "write `$( … )` in place of the backticks");

pub(super) const ANSI: Refusal = refusal("inside `$'…'`", "end the quotes before it: `$'…'{{ x }}`");

pub(super) const EXPANSION: Refusal = unless_number("inside `${ }`", VARIABLE_FIRST);

pub(super) const SUBSCRIPT: Refusal = unless_number(
    "in the brackets of an array: the shell computes there, and would run what a value contains",
    "put the value in a variable before it, `v=$(({{ x }}))`, which takes whole numbers only, and write \"$v\" \
     here; for names, use `case`",
);

pub(super) const PROGRAM_DOCUMENT: Refusal = unless_word(
    "in a here-document that a program is read from",
    "put the value in a variable before it, `export v={{ x }}`, and write \"$v\" here, with the delimiter in quotes",
);

pub(super) const COMMAND_IN_DOCUMENT: Refusal =
    unless_number("inside a command in a here-document", VARIABLE_FIRST);

pub(super) const DOCUMENT_IN_SUBSTITUTION: Refusal = refusal(
    "in a here-document inside `$( )`",
    "put the value in a variable before it, `v={{ x }}`, and write `$v` here",
);

pub(super) const QUOTES_IN_ARITHMETIC: Refusal =
    refusal("in quotes inside `(( ))`", "remove the quotes: a whole number needs none");

pub(super) const TESTED_NAME: Refusal = unless_word(
    "where `[[ ]]` takes the name of a variable",
    "write the name itself; the shell would run what a value has in brackets",
);

pub(super) const SPLIT_TEST: Refusal = refusal(
    "after `|` or a line's end inside `[[ ]]`: a shell that has no `[[ ]]` would run it",
    "write several: `[[ … ]] || [[ … ]]`",
);

pub(super) const PROGRAM: Refusal = unless_word(
    "where a command takes a program: it would run what the value says",
    "pass it as an argument after the program, which finds it as \"$1\" (`sys.argv[1]` in Python): \
     `sh -c 'ls \"$1\"' sh {{ x }}`",
);

pub(super) const INPUT: Refusal = unless_word(
    "in what a command reads its program from: it would run what the value says",
    "put the program in quotes and the value beside it: `sh -s {{ x }} <<'EOF'`, where the program finds it as \"$1\"",
);

pub(super) const CODE: Refusal = unless_word(
    "where a command takes commands: it would run what the value says",
    "put the value in a variable before it, `v={{ x }}`, and write \"$v\" here, inside '…'",
);

pub(super) const NAME: Refusal = unless_word(
    "where a command takes the name of a variable: it would run what a value has in brackets",
    "write the name itself; a value goes after `=`: `declare name={{ x }}`",
);

pub(super) const DESCRIPTOR_NAME: Refusal = unless_word(
    "in the name of a variable for a descriptor: the shell would run what a value has in brackets",
    "write the name itself: `exec {fd}> file`",
);

pub(super) const OPTION: Refusal = unless_number(
    "among the letters of an option: some of them make a program or a name of what follows",
    "write the option itself",
);

pub(super) const COMPOUND: Refusal = unless_word(
    "where a declaration takes a list in parentheses: the shell would run what is inside",
    "write the list itself, `declare -a v=({{ x }})`, or declare the variable first and assign in a line of its own, `v={{ x }}`",
);

pub(super) const RUN_VARIABLE: Refusal = unless_word(
    "in a variable that the shell runs commands from, as it does from PS4 and BASH_ENV",
    "put the value in a variable of another name, `v={{ x }}`, and write `$v` in '…' here",
);

pub(super) const REFERENCE: Refusal = unless_word(
    "in a variable that names another one: the shell would run what a value has in brackets",
    "write the name itself",
);

pub(super) const COMPUTED: Refusal = unless_number(
    "in what a command prints where the shell computes with it: it would run what the value says",
    "put the value in a variable before it, `v=$(({{ x }}))`, which takes whole numbers only, and compute with \"$v\"",
);

pub(super) const FORKED: Refusal = refusal(
    "after `&>`: a shell that does not know it would take what follows for another command",
    "write `> file 2>&1` at the end of the command",
);

pub(super) const WORDS: Refusal = unless_word(
    "in what a command prints outside of quotes: the shell makes words of it, and one of them would be a command or an \
     option",
    "write it in double quotes, `\"$( … )\"`, so that it is one word",
);
