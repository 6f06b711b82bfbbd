//! What is known of programs.

use super::commands::{Command, Word};

/// Programs that run their arguments, and their options that take a value.
const WRAPPERS: [(&str, &str); 13] = [
    ("sudo", "ugpCDhRTt"),
    ("doas", "uC"),
    ("env", "uCS"),
    ("nice", "n"),
    ("ionice", "cnp"),
    ("nohup", ""),
    ("exec", "a"),
    ("command", ""),
    ("builtin", ""),
    ("setsid", ""),
    ("stdbuf", "ioe"),
    ("timeout", "ks"),
    ("chrt", ""),
];

/// How many words at the front only say how the rest is run.
pub(super) fn unwrap(words: &[Word]) -> usize {
    let program = words.first().filter(|word| word.plain && word.expressions.is_empty());
    let Some((name, valued)) =
        program.and_then(|word| WRAPPERS.into_iter().find(|(name, _)| *name == word.text))
    else {
        return 0;
    };
    let mut count = 1;
    while let Some(word) = words.get(count) {
        match word.text.strip_prefix('-') {
            // `-n 5`, while `-n5` and `--adjustment=5` are one word.
            Some(option) if option.len() == 1 && valued.contains(option) => count += 2,
            Some(_) => count += 1,
            None if name == "env" && word.text.contains('=') => count += 1,
            None => break,
        }
    }
    let operands = usize::from(matches!(name, "timeout" | "chrt"));
    (count + operands).min(words.len())
}

/// Whether the wrapper at the front limits how long the rest may take.
pub(super) fn limits(words: &[Word]) -> bool {
    words.first().is_some_and(|word| word.text == "timeout")
}

/// Options of curl that take a value, as letters.
pub(super) const CURL_VALUED: &str = "AbcCdDeEFhHKmoPQrtTuUwxXyYz";

/// Whether a command waits for another machine.
pub(super) fn is_network(command: &Command) -> bool {
    let first = || command.arguments().iter().find(|word| !word.text.starts_with('-'));
    let first_is = |names: &[&str]| first().is_some_and(|word| names.contains(&word.text.as_str()));
    match command.program() {
        "curl" | "wget" => {
            let is_local = |word: &Word| word.text.starts_with("file://");
            let is_harmless = command.has_option(&["version", "help"], "", "");
            !is_harmless && !command.arguments().is_empty() && !command.arguments().iter().any(is_local)
        }
        "ssh" | "scp" | "sftp" | "ftp" | "telnet" | "nc" | "ncat" | "aws" | "gsutil" | "gcloud" | "az" => {
            first().is_some()
        }
        "rsync" => {
            command.arguments().iter().any(|word| !word.text.starts_with('-') && word.text.contains(':'))
        }
        "git" => first_is(&["clone", "fetch", "pull", "push", "ls-remote"]),
        "docker" | "podman" => first_is(&["pull", "push", "login"]),
        "npm" | "yarn" | "pnpm" => first_is(&["install", "ci", "publish", "add"]),
        "pip" | "pip3" => first_is(&["install", "download"]),
        "apt" | "apt-get" | "dnf" | "yum" | "apk" => first_is(&["update", "upgrade", "install", "add"]),
        "kubectl" | "helm" => !first_is(&["version", "config", "completion", "template", "lint"]),
        _ => false,
    }
}

/// Whether a command that waits for another machine says itself how long.
pub(super) fn has_own_limit(command: &Command) -> bool {
    let says = |word: &Word| {
        let text = word.text.to_ascii_lowercase();
        text.contains("timeout") || text.contains("max-time")
    };
    command.limited
        || command.has_unclear_argument()
        || command.arguments().iter().any(says)
        || command.program() == "curl" && command.has_option(&[], "mK", CURL_VALUED)
        || command.program() == "wget" && command.has_option(&[], "T", "OoPaTtwQeiU")
}

/// What a command does to the world that doing it twice would show; nothing if that is not plain to see.
pub(super) fn effect(command: &Command) -> Option<&'static str> {
    let has = |word: &str| command.arguments().iter().any(|argument| argument.text == word);
    match command.program() {
        "curl" => {
            let long = [
                "data",
                "data-binary",
                "data-raw",
                "data-urlencode",
                "json",
                "form",
                "upload-file",
                "request",
            ];
            let sends = command.has_option(&long, "dFTX", CURL_VALUED) && !has("GET") && !has("HEAD");
            sends.then_some("sends data")
        }
        "mail" | "mailx" | "sendmail" | "msmtp" => Some("sends mail"),
        "psql" | "mysql" | "mariadb" | "sqlite3" | "mongorestore" | "pg_restore" => {
            Some("writes to a database")
        }
        "ssh" => Some("runs a command on another machine"),
        "kubectl" if has("apply") || has("create") => Some("changes a cluster"),
        "docker" | "podman" if has("load") || has("import") => Some("adds an image"),
        "aws" | "gsutil" | "rclone" if has("cp") || has("rcat") || has("mv") => Some("uploads"),
        "tee" if command.has_option(&["append"], "a", "") => Some("appends to a file"),
        "lp" | "lpr" => Some("prints"),
        _ => None,
    }
}

/// Commands of the shell itself: what they are given shows up in no list of processes.
pub(super) fn is_builtin(program: &str) -> bool {
    const BUILTINS: [&str; 18] = [
        ":", "[", "[[", "cd", "declare", "echo", "export", "false", "local", "printf", "read", "readonly",
        "return", "set", "shift", "test", "true", "unset",
    ];
    BUILTINS.contains(&program)
}

/// Programs that look at no variables but those of [`is_common_variable`].
pub(super) fn is_plain(program: &str) -> bool {
    const PLAIN: [&str; 47] = [
        "base64",
        "basename",
        "bunzip2",
        "bzip2",
        "cat",
        "chmod",
        "chown",
        "cmp",
        "comm",
        "cp",
        "cut",
        "date",
        "dd",
        "df",
        "diff",
        "dirname",
        "du",
        "exit",
        "expr",
        "find",
        "grep",
        "gunzip",
        "gzip",
        "head",
        "join",
        "ln",
        "ls",
        "md5sum",
        "mkdir",
        "mv",
        "nl",
        "paste",
        "rm",
        "rmdir",
        "sed",
        "seq",
        "sha256sum",
        "sleep",
        "sort",
        "split",
        "tail",
        "tar",
        "tee",
        "touch",
        "tr",
        "uniq",
        "wc",
    ];
    is_builtin(program) || PLAIN.contains(&program)
}

/// Variables that many programs read of their own accord.
pub(super) fn is_common_variable(name: &str) -> bool {
    const NAMES: [&str; 22] = [
        "BASH_ENV",
        "BLOCKSIZE",
        "BLOCK_SIZE",
        "CDPATH",
        "COLUMNS",
        "ENV",
        "GZIP",
        "HOME",
        "IFS",
        "LANG",
        "LANGUAGE",
        "LINES",
        "LS_COLORS",
        "NO_COLOR",
        "PATH",
        "POSIXLY_CORRECT",
        "PS4",
        "SHELLOPTS",
        "TERM",
        "TIME_STYLE",
        "TMPDIR",
        "TZ",
    ];
    let families = ["LC_", "LD_", "GREP_", "TAR_", "BASH", "MALLOC_", "GLIBC_", "PIPE_"];
    NAMES.contains(&name)
        || families.iter().any(|family| name.starts_with(family))
        || name.ends_with("_BLOCK_SIZE")
}

/// What a program takes an argument for, where a value that begins with a dash would be an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand {
    /// Text of any kind, such as what is searched for.
    AnyText,
    /// The name of a file or a machine, which hardly ever begins with a dash.
    Name,
}

/// Programs that read options and know `--`, and their letters that take a value.
const OPTION_READERS: [(&[&str], &str, Operand); 5] = [
    (&["grep", "egrep", "fgrep", "rg", "ag"], "efmABCdD", Operand::AnyText),
    (
        &["rm", "cat", "cp", "mv", "ln", "ls", "touch", "mkdir", "rmdir", "wc", "tee", "chmod", "chown"],
        "tSmT",
        Operand::Name,
    ),
    (&["head", "tail"], "nc", Operand::Name),
    (&["sort"], "koStT", Operand::Name),
    (&["ssh"], "BbcDEeFIiJLlmOopQRSWw", Operand::Name),
];

/// What a program takes its argument at `position` for; nothing if it is the argument of an option, if it
/// comes after `--`, or if the program is not known.
pub(super) fn operand(command: &Command, position: usize) -> Option<Operand> {
    let (_, valued, operand) =
        OPTION_READERS.into_iter().find(|(programs, ..)| programs.contains(&command.program()))?;
    let before = command.arguments().get(..position)?;
    // What comes after a machine's name is for the machine, and what comes after `--` is taken as it is.
    let is_past =
        |word: &Word| word.text == "--" || command.program() == "ssh" && !word.text.starts_with('-');
    let previous = before.last().map_or("", |word| word.text.as_str());
    let is_argument = match previous.strip_prefix("--") {
        Some(long) => !long.contains('='),
        None => previous.starts_with('-') && previous.ends_with(|letter| valued.contains(letter)),
    };
    // Behind what is searched for come the files.
    let is_first = !before.iter().any(|word| !word.text.starts_with('-'));
    let operand = if is_first { operand } else { Operand::Name };
    (!before.iter().any(is_past) && !is_argument).then_some(operand)
}
