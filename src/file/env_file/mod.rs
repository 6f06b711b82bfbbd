//! `env_file`: files of variables, which stand below the environment.

mod parse;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use self::parse::{Entry, Fault, is_plain, parse};
use super::{Code, Diagnostic};
use crate::pipeline::{Call, CalledFile, EnvFile, FileEnvironment, Param, ParamKind, Pipeline, Source};

/// What the name of a variable ends with that is likely to be secret.
const SECRET_ENDINGS: [&str; 3] = ["_TOKEN", "_KEY", "_SECRET"];

/// Returns whether a pipeline, or a file that its steps use, names files of variables.
pub fn has_env_files(pipeline: &Pipeline) -> bool {
    !pipeline.env_files.is_empty() || pipeline.calls.iter().any(|call| !call.file.env_files.is_empty())
}

/// Reads the files of variables that a pipeline names, and those that the files name which its steps use. Returns
/// every file that cannot be read, and every line that says nothing. `env` is the environment as far as it is text,
/// `not_text` has the names of the rest; both take precedence over the files.
pub fn fill_environments(
    pipeline: &mut Pipeline,
    env: &BTreeMap<String, String>,
    not_text: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    match read_env_files(pipeline, &pipeline.env_files, env, not_text) {
        Ok(found) => pipeline.environment = found,
        Err(wrong) => problems.extend(wrong),
    }
    // Each file is read once, however often it is used.
    let mut known: HashMap<*const CalledFile, Arc<FileEnvironment>> = HashMap::new();
    for index in 0..pipeline.calls.len() {
        let file = Arc::clone(&pipeline.calls[index].file);
        if file.env_files.is_empty() {
            continue;
        }
        let found = known.entry(Arc::as_ptr(&file)).or_insert_with(|| {
            let found = read_env_files(pipeline, &file.env_files, env, not_text);
            Arc::new(found.unwrap_or_else(|wrong| {
                problems.extend(wrong);
                FileEnvironment::default()
            }))
        });
        pipeline.calls[index].environment = Arc::clone(found);
    }
    problems
}

/// Reads files of variables. No value is in a message.
fn read_env_files(
    pipeline: &Pipeline,
    files: &[EnvFile],
    env: &BTreeMap<String, String>,
    not_text: &BTreeSet<String>,
) -> Result<FileEnvironment, Vec<Diagnostic>> {
    let (mut variables, mut problems) = (BTreeMap::new(), Vec::new());
    for file in files {
        match ReadFile::of(pipeline, file) {
            Ok(Some(read)) => {
                problems.extend(read.problems());
                variables.extend(read.entries.into_iter().map(|entry| (entry.name, entry.value)));
            }
            Ok(None) => {}
            Err(problem) => problems.push(*problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    variables.retain(|name, _| !not_text.contains(name));
    for (name, value) in &mut variables {
        if let Some(real) = env.get(name) {
            value.clone_from(real);
        }
    }
    Ok(FileEnvironment { variables })
}

/// Finds what is wrong with the files that are there, without a run, and, if `strict`, what is worth a second
/// look. A file that is missing may be made later.
pub fn check_env_files(pipeline: &Pipeline, strict: bool) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    let of_calls = pipeline.calls.iter().flat_map(|call| &call.file.env_files);
    for file in pipeline.env_files.iter().chain(of_calls).filter(|file| seen.insert(file.at)) {
        match ReadFile::of(pipeline, file) {
            Ok(Some(read)) => {
                problems.extend(read.problems());
                if strict {
                    warnings.extend(read.twice());
                    warnings.extend(read.unmasked());
                }
            }
            Ok(None) => {}
            Err(problem) if problem.code == Code::MissingEnvFile => {}
            Err(problem) => problems.push(*problem),
        }
    }
    (problems, super::lint::allowed(pipeline, warnings))
}

/// A file that was read.
struct ReadFile<'p> {
    pipeline: &'p Pipeline,
    file: &'p EnvFile,
    /// Its path and its text; messages show it by [`without_values`].
    source: Source,
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

impl<'p> ReadFile<'p> {
    /// Returns the file; nothing if it may be missing and is.
    fn of(pipeline: &'p Pipeline, file: &'p EnvFile) -> Result<Option<Self>, Box<Diagnostic>> {
        let path = path(pipeline, file);
        let shown = path.display();
        let wrong = |code, message: String| Diagnostic::at(code, &pipeline.source, file.at, message);
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !file.is_required => {
                return Ok(None);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let problem = wrong(Code::MissingEnvFile, format!("there is no file `{shown}`"));
                let optional = format!("`env_file: {{path: {}, required: false}}`", file.path.display());
                return Err(Box::new(problem.help(format!("make it, or write {optional}"))));
            }
            Err(error) => return Err(Box::new(wrong(Code::UnreadableFile, unreadable(&path, &error)))),
        };
        if metadata.is_dir() {
            let help = format!("name the file in it, such as `{}`", file.path.join(".env").display());
            return Err(Box::new(wrong(Code::IsDirectory, format!("`{shown}` is a folder")).help(help)));
        }
        // A named pipe may have no writer, and would be read only once.
        if !metadata.is_file() {
            let problem = wrong(Code::UnreadableFile, format!("`{shown}` is not a plain file"));
            return Err(Box::new(problem.help("write its lines to a file first")));
        }
        let bytes =
            std::fs::read(&path).map_err(|error| wrong(Code::UnreadableFile, unreadable(&path, &error)))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
            let line = line.filter(|byte| **byte == b'\n').count() + 1;
            wrong(Code::NotUtf8, format!("`{shown}` is not UTF-8 text: it breaks off in line {line}"))
                .help("save it as UTF-8")
        })?;
        let source = Source::new(path, text.strip_prefix('\u{feff}').unwrap_or(&text));
        let (entries, faults) = parse(source.text());
        Ok(Some(Self { pipeline, file, source, entries, faults }))
    }

    fn problems(&self) -> Vec<Diagnostic> {
        if self.faults.is_empty() {
            return Vec::new();
        }
        let source = without_values(&self.source);
        let problem = |fault: &Fault| {
            Diagnostic::at(Code::BadEnvFile, &source, fault.at, &fault.message).help(&fault.help)
        };
        self.faults.iter().map(problem).collect()
    }

    /// Names `FILE:LINE`, and warns in the pipeline file, where a comment may allow it.
    fn warning(&self, code: Code, entry: &Entry, message: &str) -> Diagnostic {
        let place = self.source.place(entry.at);
        let message = format!("`{}` {message} ({place})", entry.name);
        Diagnostic::at(code, &self.pipeline.source, self.file.at, message)
    }

    fn twice(&self) -> Vec<Diagnostic> {
        let mut seen = HashSet::new();
        let again = self.entries.iter().filter(|entry| !seen.insert(&entry.name));
        let warning = |entry: &Entry| {
            let warning = self.warning(Code::RepeatedVariable, entry, "stands twice in one file");
            warning.help("the last one counts; take out the others")
        };
        again.map(warning).collect()
    }

    /// The params of the file that names this one.
    fn params(&self) -> &[Param] {
        let names = |call: &&Call| call.file.env_files.iter().any(|file| file.at == self.file.at);
        let call = self.pipeline.calls.iter().find(names);
        call.map_or(&self.pipeline.params, |call| &call.file.params)
    }

    fn unmasked(&self) -> Vec<Diagnostic> {
        let params = self.params().iter().filter(|param| param.kind == ParamKind::Secret);
        let taken: HashSet<&str> = params.filter_map(|param| param.env.as_deref()).collect();
        let mut seen = HashSet::new();
        let is_open = |entry: &&Entry| {
            sounds_secret(&entry.name) && !entry.value.is_empty() && !taken.contains(entry.name.as_str())
        };
        let open = self.entries.iter().filter(is_open).filter(|entry| seen.insert(&entry.name));
        let warning = |entry: &Entry| {
            let name = &entry.name;
            let help = format!(
                "let a secret param take it: `params: {{{}: {{type: secret, env: {name}}}}}`; then logs show `***`",
                name.to_lowercase()
            );
            self.warning(Code::UnmaskedSecret, entry, "is not masked, and its name sounds secret").help(help)
        };
        open.map(warning).collect()
    }
}

/// Returns where a file is: seen from the folder of the pipeline file that names it.
fn path(pipeline: &Pipeline, file: &EnvFile) -> PathBuf {
    let folder = pipeline.source.file_of(file.at).path().parent();
    folder.map_or_else(|| file.path.clone(), |folder| folder.join(&file.path))
}

fn unreadable(path: &std::path::Path, error: &std::io::Error) -> String {
    let error = error.to_string();
    format!("`{}` cannot be read: {}", path.display(), error.split(" (os error").next().unwrap_or_default())
}

fn sounds_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending)) || name.contains("PASSWORD")
}

/// Returns a file as messages may show it: names, and asterisks for all else.
fn without_values(source: &Source) -> Source {
    let hide = |text: &str| -> String {
        text.chars()
            .map(|each| if each == '\r' { "\r".into() } else { "*".repeat(each.len_utf8()) })
            .collect()
    };
    let line = |line: &str| {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let words = line.get(indent..).unwrap_or_default();
        let words = words.strip_prefix("export").map_or(words, |rest| rest.trim_start_matches([' ', '\t']));
        let start = line.len() - words.len();
        let shown = match words.split_once('=') {
            Some((name, value)) if is_plain(name.trim_end()) => {
                let blanks = value.len() - value.trim_start_matches([' ', '\t']).len();
                let quote = value.get(blanks..).is_some_and(|value| value.starts_with(['\'', '"']));
                start + name.len() + 1 + if quote { blanks + 1 } else { 0 }
            }
            Some(_) | None => indent,
        };
        let (shown, hidden) = line.split_at_checked(shown).unwrap_or(("", line));
        format!("{shown}{}", hide(hidden))
    };
    let lines: Vec<String> = source.text().split('\n').map(line).collect();
    Source::new(source.path(), lines.join("\n"))
}

#[cfg(test)]
mod tests;
