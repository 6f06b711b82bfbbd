//! Variables that mean something to a shell. Those that come to nothing but data stand here as well, so that
//! the tests can distinguish a name that has been judged from one that is new.

use super::Attributes;
use crate::template::shell::shells::Shells;

const BASH: Shells = Shells::BASH;
const KSH: Shells = Shells::KSH;
const MKSH: Shells = Shells::MKSH;
const ZSH: Shells = Shells::ZSH;
const ALL: Shells = Shells::ALL;

const CODE: Attributes = Attributes::CODE;
const NUMBER: Attributes = Attributes::NUMBER;
const DATA: Attributes = Attributes::NONE;

const VARIABLES: &[(Shells, Attributes, &[&str])] = &[
    // Expanded with the commands in them: before a line that `set -x` shows, at a prompt, or when a shell
    // starts.
    (ALL, CODE, &["PS0", "PS1", "PS2", "PS3", "PS4", "PROMPT_COMMAND", "BASH_ENV", "ENV", "MAILPATH"]),
    (
        ZSH,
        CODE,
        &[
            "PROMPT", "PROMPT2", "PROMPT3", "PROMPT4", "RPROMPT", "RPROMPT2", "RPS1", "RPS2", "SPROMPT",
            "prompt", "POSTEDIT", "WATCHFMT", "TIMEFMT", "mailpath",
        ],
    ),
    // Functions and aliases: text that is run when their names are.
    (BASH, CODE, &["BASH_ALIASES"]),
    (
        ZSH,
        CODE,
        &[
            "functions",
            "dis_functions",
            "aliases",
            "dis_aliases",
            "galiases",
            "saliases",
            "dis_galiases",
            "dis_saliases",
        ],
    ),
    // Computed.
    (ALL, NUMBER, &["RANDOM", "SECONDS", "OPTIND", "LINENO", "HISTCMD"]),
    (BASH, NUMBER, &["SRANDOM", "BASHPID", "BASH_SUBSHELL", "EUID", "UID", "PPID", "EPOCHSECONDS"]),
    (
        MKSH,
        NUMBER,
        &[
            "BASHPID",
            "COLUMNS",
            "KSHEGID",
            "KSHGID",
            "KSHUID",
            "LINES",
            "PGRP",
            "PIPESTATUS",
            "PPID",
            "TMOUT",
            "USER_ID",
            "HISTSIZE",
        ],
    ),
    (KSH, NUMBER, &["TMOUT", "MAILCHECK", "JOBMAX", "PPID", "SHLVL", "COLUMNS", "LINES", "HISTSIZE"]),
    (
        ZSH,
        NUMBER,
        &[
            "ARGC",
            "BAUD",
            "COLUMNS",
            "CURSOR",
            "DIRSTACKSIZE",
            "EGID",
            "EPOCHSECONDS",
            "ERRNO",
            "EUID",
            "FUNCNEST",
            "GID",
            "HISTSIZE",
            "KEYTIMEOUT",
            "LINES",
            "LISTMAX",
            "LOGCHECK",
            "MAILCHECK",
            "MARK",
            "PPID",
            "REPORTMEMORY",
            "REPORTTIME",
            "SAVEHIST",
            "SHLVL",
            "STATUS",
            "TMOUT",
            "TRY_BLOCK_ERROR",
            "TRY_BLOCK_INTERRUPT",
            "TTYIDLE",
            "UID",
            "ZSH_SUBSHELL",
            "status",
        ],
    ),
    // Data.
    (
        ALL,
        DATA,
        &[
            "_",
            "HOME",
            "HOSTNAME",
            "IFS",
            "LANG",
            "LC_ALL",
            "LC_CTYPE",
            "LOGNAME",
            "MAIL",
            "OLDPWD",
            "OPTARG",
            "OPTERR",
            "PATH",
            "PWD",
            "SHELL",
            "TERM",
            "USER",
            "CDPATH",
            "FCEDIT",
            "EDITOR",
            "VISUAL",
            "KSH_VERSION",
            "TZ",
            "FUNCNAME",
            "SHLVL",
            "PPID",
        ],
    ),
    (
        BASH,
        DATA,
        &[
            "BASH",
            "BASHOPTS",
            "BASH_ALIASES",
            "BASH_ARGC",
            "BASH_ARGV",
            "BASH_ARGV0",
            "BASH_CMDS",
            "BASH_COMMAND",
            "BASH_COMPAT",
            "BASH_EXECUTION_STRING",
            "BASH_LINENO",
            "BASH_LOADABLES_PATH",
            "BASH_MONOSECONDS",
            "BASH_REMATCH",
            "BASH_SOURCE",
            "BASH_TRAPSIG",
            "BASH_VERSINFO",
            "BASH_VERSION",
            "BASH_XTRACEFD",
            "COMP_WORDBREAKS",
            "DIRSTACK",
            "EPOCHREALTIME",
            "FUNCNAME",
            "GROUPS",
            "HISTFILE",
            "HISTFILESIZE",
            "HOSTTYPE",
            "MACHTYPE",
            "OSTYPE",
            "PIPESTATUS",
            "SHELLOPTS",
            "COLUMNS",
            "LINES",
        ],
    ),
    (KSH, DATA, &["FPATH", "SH_OPTIONS"]),
    (MKSH, DATA, &["EPOCHREALTIME", "PATHSEP", "TMPDIR", "BASH_ARGV0"]),
    (
        ZSH,
        DATA,
        &[
            "CPUTYPE",
            "FIGNORE",
            "FPATH",
            "HISTCHARS",
            "HOST",
            "KEYBOARD_HACK",
            "MACHTYPE",
            "MANPATH",
            "MODULE_PATH",
            "NULLCMD",
            "OSTYPE",
            "PSVAR",
            "READNULLCMD",
            "TTY",
            "USERNAME",
            "VENDOR",
            "WATCH",
            "WORDCHARS",
            "ZSH_ARGZERO",
            "ZSH_EVAL_CONTEXT",
            "ZSH_EXECUTION_STRING",
            "ZSH_NAME",
            "ZSH_PATCHLEVEL",
            "ZSH_VERSION",
            "TMPPREFIX",
            "argv",
            "cdpath",
            "fignore",
            "fpath",
            "histchars",
            "manpath",
            "module_path",
            "path",
            "pipestatus",
            "psvar",
            "signals",
            "watch",
            "zsh_eval_context",
            "zsh_scheduled_events",
        ],
    ),
    (
        ZSH,
        DATA,
        &[
            "builtins",
            "commands",
            "dirstack",
            "dis_builtins",
            "dis_functions_source",
            "dis_patchars",
            "dis_reswords",
            "funcfiletrace",
            "funcsourcetrace",
            "funcstack",
            "functions_source",
            "functrace",
            "history",
            "historywords",
            "jobdirs",
            "jobstates",
            "jobtexts",
            "keymaps",
            "modules",
            "nameddirs",
            "options",
            "parameters",
            "patchars",
            "reswords",
            "termcap",
            "terminfo",
            "userdirs",
            "usergroups",
            "widgets",
        ],
    ),
];

/// Returns what an assignment to a variable of this name comes to in the shells.
pub(in crate::template::shell) fn attributes_of(shells: Shells, name: &str) -> Attributes {
    let rows = VARIABLES.iter().filter(|(of, _, names)| of.meets(shells) && names.contains(&name));
    rows.fold(Attributes::NONE, |all, (_, attributes, _)| all.with(*attributes))
}

/// Returns whether a shell that starts takes a variable of this name for more than data.
pub fn runs_in_environment(name: &str) -> bool {
    attributes_of(ALL, name).has(CODE)
}

#[cfg(test)]
pub(in crate::template::shell) fn is_known(shells: Shells, name: &str) -> bool {
    VARIABLES.iter().any(|(of, _, names)| of.meets(shells) && names.contains(&name))
}
