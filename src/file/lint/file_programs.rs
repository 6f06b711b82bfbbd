//! What programs do with files, as far as their arguments plainly say.

use super::commands::{Command, Word};

/// What a command does with files beside its redirections.
#[derive(Debug, Default)]
pub(super) struct FileUse {
    /// Files that it writes.
    pub(super) writes: Vec<Word>,
    /// Folders that it makes.
    pub(super) makes: Vec<Word>,
    /// Files that it uses: its program among them, where that is a path.
    pub(super) reads: Vec<Word>,
}

/// Programs whose arguments are words, and no files.
const TALKERS: [&str; 6] = ["", "echo", "printf", ":", "true", "export"];

/// Programs whose arguments are files even if they have no dot and no slash in their names.
const FILE_READERS: [&str; 37] = [
    ".",
    "[",
    "base64",
    "bash",
    "bzip2",
    "cat",
    "chmod",
    "cksum",
    "cmp",
    "cp",
    "cut",
    "diff",
    "file",
    "gunzip",
    "gzip",
    "head",
    "ls",
    "md5sum",
    "mv",
    "od",
    "rm",
    "sh",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "sort",
    "source",
    "stat",
    "strip",
    "tail",
    "tar",
    "test",
    "uniq",
    "wc",
    "xxd",
    "xz",
    "zstd",
];

impl FileUse {
    /// Reads a command.
    pub(super) fn of(command: &Command) -> Self {
        let writes = written(command);
        let makes = match command.program() {
            "mkdir" => operands(command, "m").cloned().collect(),
            _ => Vec::new(),
        };
        let program = command.words.first().filter(|word| word.text.contains('/')).cloned();
        let reads = match command.program() {
            "mkdir" | "touch" => Vec::new(),
            _ => program.into_iter().chain(arguments(command)).collect(),
        };
        Self { writes, makes, reads }
    }
}

/// The arguments that are plainly files.
fn arguments(command: &Command) -> Vec<Word> {
    let program = command.program();
    if TALKERS.contains(&program) {
        return Vec::new();
    }
    let all = FILE_READERS.contains(&program);
    let is_file = |word: &&Word| !word.text.starts_with('-') && (all || word.text.contains(['.', '/']));
    command.arguments().iter().filter(is_file).cloned().collect()
}

/// The files that a command writes by its arguments.
fn written(command: &Command) -> Vec<Word> {
    match command.program() {
        "tee" | "touch" => operands(command, "drt").cloned().collect(),
        "cp" | "mv" | "ln" | "install" => copied(command),
        "tar" => archive(command),
        "zip" => operands(command, "").take(1).cloned().collect(),
        "dd" => {
            let of =
                |word: &Word| Some(Word { text: word.text.strip_prefix("of=")?.to_owned(), ..word.clone() });
            command.arguments().iter().filter_map(of).collect()
        }
        _ => named_by_option(command),
    }
}

/// The arguments that are no options and not those of options; `valued` are the letters that take one.
fn operands<'c>(command: &'c Command, valued: &'c str) -> impl Iterator<Item = &'c Word> {
    let mut takes_next = false;
    command.arguments().iter().filter(move |word| {
        let is_taken = std::mem::take(&mut takes_next);
        takes_next = word.text.starts_with('-')
            && !word.text.starts_with("--")
            && word.text.ends_with(|letter| valued.contains(letter));
        !is_taken && !word.text.starts_with('-')
    })
}

/// Where `cp a b` goes, if that is a file: with more than two, or a slash at the end, it is a folder.
fn copied(command: &Command) -> Vec<Word> {
    let operands: Vec<&Word> = operands(command, "tSm").collect();
    match operands.as_slice() {
        [_, target] if !target.text.ends_with(['/', '.']) => vec![(*target).clone()],
        _ => Vec::new(),
    }
}

/// The archive that `tar czf FILE`, `tar -c -f FILE` or `tar --create --file=FILE` writes.
fn archive(command: &Command) -> Vec<Word> {
    let words = command.arguments();
    let letters = |(at, word): (usize, &Word)| match word.text.strip_prefix('-') {
        Some(long) if long.starts_with('-') => String::new(),
        Some(cluster) => cluster.to_owned(),
        None if at == 0 => word.text.clone(),
        None => String::new(),
    };
    let clusters: Vec<String> = words.iter().enumerate().map(letters).collect();
    let writes = clusters.iter().any(|cluster| cluster.contains(['c', 'r', 'u']))
        || words.iter().any(|word| ["--create", "--append", "--update"].contains(&word.text.as_str()));
    let by_letter = clusters.iter().position(|cluster| cluster.ends_with('f'));
    let by_letter = by_letter.and_then(|at| words.get(at + 1)).cloned();
    let by_name = words
        .iter()
        .find_map(|word| Some(Word { text: word.text.strip_prefix("--file=")?.to_owned(), ..word.clone() }));
    by_letter.or(by_name).filter(|word| writes && word.text != "-").into_iter().collect()
}

/// The file that a command writes by an option; `-o FILE`, `-oFILE`, `--output FILE`, `--output=FILE`.
fn named_by_option(command: &Command) -> Vec<Word> {
    let (letter, long) = match command.program() {
        "curl" | "sort" | "gcc" | "cc" | "g++" | "c++" | "clang" | "clang++" | "ld" | "rustc" | "go"
        | "zstd" | "gpg" | "age" | "pandoc" | "git" => ("-o", "--output"),
        "wget" => ("-O", "--output-document"),
        "openssl" => ("-out", "--out"),
        _ => return Vec::new(),
    };
    let mut files = Vec::new();
    let mut words = command.arguments().iter();
    while let Some(word) = words.next() {
        let after = |prefix: &str| word.text.strip_prefix(prefix).filter(|rest| !rest.is_empty());
        let long_value = after(long).and_then(|rest| rest.strip_prefix('='));
        let is_compiler = ["gcc", "cc", "g++", "c++", "clang", "clang++"].contains(&command.program());
        let is_cluster = command.program() == "curl"
            && word.text.starts_with('-')
            && !word.text.starts_with("--")
            && word.text.ends_with('o');
        if word.text == letter || word.text == long || is_cluster {
            files.extend(words.next().cloned());
        } else if let Some(file) = long_value.or_else(|| after("-o").filter(|_| is_compiler)) {
            files.push(Word { text: file.to_owned(), ..word.clone() });
        }
    }
    files
}
