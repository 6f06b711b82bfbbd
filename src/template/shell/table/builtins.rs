//! The shells' own commands and keywords. Names that come to nothing but data stand here as well, so that the
//! tests can distinguish a name that has been judged from one that is new.

use super::{Attributes, Fills, Role, Spec};
use crate::template::shell::shells::Shells;

use Role::{Assignment, Code, Command, Data, Format, Number, Program, Script, Variable};

const BASH: Shells = Shells::BASH;
const BASH_KSH: Shells = Shells::BASH.and(Shells::KSH);
const KSH: Shells = Shells::KSH.and(Shells::MKSH);
const KSH_ZSH: Shells = KSH.and(Shells::ZSH);
const MKSH: Shells = Shells::MKSH;
const MKSH_ZSH: Shells = Shells::MKSH.and(Shells::ZSH);
const ZSH: Shells = Shells::ZSH;
const ALL: Shells = Shells::ALL;

/// Options of declarations. Of zsh and ksh `E`, `F` and `X` are floating numbers.
const DECLARED: &[(&str, Attributes)] = &[
    ("i", Attributes::NUMBER),
    ("n", Attributes::REFERENCE),
    ("aA", Attributes::ARRAY),
    ("EFX", Attributes::NUMBER),
];

const fn declaration(names: &'static [&'static str], base: Attributes) -> Spec {
    Spec { attributes: DECLARED, base, plus: true, ..Spec::new(names, &[Assignment]) }
}

const fn test(names: &'static [&'static str], options: &'static [(&'static str, Role)]) -> Spec {
    Spec { anywhere: true, ..Spec::new(names, &[Data]).options(options).prints(false, false) }
}

/// Rows for one shell stand before those for all.
pub(super) static BUILTINS: &[Spec] = &[
    // Commands that compute.
    Spec::new(&["let", "(("], &[Number]).of(ALL).prints(false, false),
    Spec::new(&["exit", "return", "break", "continue", "bye", "logout"], &[Number])
        .of(ZSH)
        .prints(false, false),
    Spec::new(&["repeat"], &[Number, Command]).of(ZSH),
    Spec::new(&["shift"], &[Number]).of(MKSH_ZSH).prints(false, false),
    Spec::new(&["ulimit"], &[Number]).of(MKSH).prints(false, false),
    Spec::new(&["printf"], &[Format, Data])
        .options(&[("v", Variable)])
        .of(ZSH)
        .fills(Fills::Arguments)
        .prints(true, false),
    Spec::new(&["printf"], &[Data])
        .options(&[("v", Variable)])
        .of(ALL)
        .fills(Fills::Arguments)
        .prints(true, false),
    Spec::new(&["print"], &[Data])
        .flags("abcDilmnNoOprsSzRe")
        .options(&[("v", Variable), ("f", Format), ("P", Code), ("CuxX", Number), ("A", Number)])
        .of(KSH_ZSH)
        .fills(Fills::Arguments)
        .prints(true, false),
    test(&["test", "["], &[("v", Variable), ("t", Number)]).of(ZSH),
    Spec { compares: true, ..test(&["test", "["], &[("v", Variable)]).of(MKSH) },
    test(&["test", "["], &[("vR", Variable)]).of(ALL),
    // Commands that take names of variables.
    Spec::new(&["read"], &[Variable])
        .flags("rsezqlmcAE")
        .options(&[("a", Variable), ("dinNp", Data), ("ukt", Number)])
        .of(ZSH)
        .fills(Fills::Input)
        .prints(false, false),
    Spec::new(&["read"], &[Variable])
        .flags("rseAS")
        .options(&[("a", Variable), ("dinNptuC", Data)])
        .of(ALL)
        .fills(Fills::Input)
        .prints(false, false),
    Spec::new(&["mapfile", "readarray"], &[Variable])
        .flags("t")
        .options(&[("C", Code), ("cdnOsu", Data)])
        .of(BASH)
        .fills(Fills::Input)
        .prints(false, false),
    Spec::new(&["getln", "vared"], &[Variable]).of(ZSH).fills(Fills::Input),
    Spec::new(&["zparseopts", "zregexparse"], &[Variable]).of(ZSH),
    Spec::new(&["getopts"], &[Data, Variable, Data]).of(ALL).fills(Fills::Arguments).prints(false, false),
    Spec::new(&["unset", "enum"], &[Variable]).of(ALL).prints(false, false),
    Spec::new(&["wait"], &[Data]).flags("fn").options(&[("p", Variable)]).of(ALL).prints(false, false),
    Spec::new(&["set"], &[Data]).options(&[("A", Variable)]).of(KSH_ZSH).prints(false, false),
    // Declarations.
    declaration(&["declare", "typeset", "local"], Attributes::PERHAPS_ARRAY).of(ALL),
    declaration(&["readonly", "export", "private"], Attributes::NONE).of(ALL),
    declaration(&["integer", "float"], Attributes::NUMBER).of(KSH_ZSH),
    declaration(&["nameref"], Attributes::REFERENCE).of(KSH),
    declaration(&["compound", "global"], Attributes::ARRAY).of(KSH),
    // Commands that run what they are given.
    Spec::new(&["eval", "alias"], &[Code]).of(ALL),
    Spec::new(&["trap"], &[Code, Data]).of(ALL),
    Spec::new(&["sched"], &[Data, Code]).of(ZSH),
    Spec::new(&["complete", "compgen"], &[Data]).options(&[("CWF", Code), ("AGPSXo", Data)]).of(BASH),
    Spec::new(&["bind"], &[Code]).options(&[("x", Code), ("fmqruX", Data)]).of(BASH.and(Shells::MKSH)),
    Spec::new(&["bindkey", "zstyle", "compadd", "compctl", "zle", "functions", "zformat"], &[Code]).of(ZSH),
    Spec { anywhere: true, ..Spec::new(&["emulate"], &[Data]).options(&[("c", Code), ("o", Data)]).of(ZSH) },
    Spec::new(&["functions"], &[Data]).of(KSH),
    Spec::new(&["fc", "hist", "r"], &[Data]).options(&[("e", Program)]).of(ALL),
    Spec::new(&["command"], &[Command]).flags("pvV").of(ALL),
    Spec::new(&["exec"], &[Command]).flags("cl").options(&[("a", Data)]).of(ALL),
    Spec::new(&["builtin", "redirect", "noglob", "nocorrect", "-", "coproc", "time", "!"], &[Command])
        .of(ALL),
    Spec::new(&[".", "source"], &[Script, Data]).of(ALL),
    // Words of the grammar, which the machine follows itself.
    Spec::new(
        &[
            "if", "then", "else", "elif", "fi", "case", "esac", "for", "select", "while", "until", "do",
            "done", "in", "function", "{", "}", "[[", "]]", "foreach", "end",
        ],
        &[Data],
    )
    .of(ALL),
    // Commands that print none of what they read.
    Spec::new(&["echo"], &[Data]).of(ALL).prints(true, false),
    Spec::new(&["pwd", "true", "false", ":", "kill", "cd", "chdir"], &[Data]).of(ALL).prints(false, false),
    // The rest: their words are data.
    Spec::new(
        &[
            "exit", "return", "break", "continue", "shift", "umask", "ulimit", "times", "hash", "type",
            "unalias", "bg", "fg", "jobs", "help", "history", "set",
        ],
        &[Data],
    )
    .of(ALL),
    Spec::new(
        &["caller", "compopt", "dirs", "disown", "enable", "logout", "popd", "pushd", "shopt", "suspend"],
        &[Data],
    )
    .of(BASH_KSH.and(ZSH)),
    Spec::new(
        &["autoload", "whence", "stop", "sleep", "suspend", "rename", "realpath", "mknod", "login"],
        &[Data],
    )
    .of(KSH_ZSH),
    Spec::new(&["getconf", "mktemp"], &[Data]).of(KSH),
    Spec::new(
        &[
            "rehash",
            "disable",
            "compfiles",
            "pushln",
            "setopt",
            "unsetopt",
            "which",
            "where",
            "unhash",
            "unfunction",
            "comptags",
            "compdescribe",
            "zmodload",
            "ttyctl",
            "comparguments",
            "comptry",
            "compset",
            "compvalues",
            "compgroups",
            "limit",
            "unlimit",
            "echotc",
            "echoti",
            "compquote",
            "compcall",
            "zcompile",
            "log",
        ],
        &[Data],
    )
    .of(ZSH),
];
