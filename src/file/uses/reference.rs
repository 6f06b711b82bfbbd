//! What `uses` may name: a file of this machine, seen from the folder of the file that says it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::file::paths::unexpanded;
use crate::file::read::{cause, neighbour};
use crate::file::words::shown;
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Source, Span};

/// Returns the path of the file that is named.
pub(super) fn path(source: &Source, text: &str, at: Span) -> Result<PathBuf, Box<Diagnostic>> {
    let wrong = |code, message: String| Diagnostic::at(code, source, at, message);
    if text.trim().is_empty() {
        let problem = wrong(Code::BadPath, "`uses` names nothing".to_owned());
        return Err(Box::new(problem.help("name a pipeline file, such as `./lib/protect.yml`")));
    }
    if text.contains("{{") || text.contains("{%") {
        let message = "`uses` has no templates: which steps there are is known when the file is read";
        let problem = wrong(Code::BadPath, message.to_owned());
        let help =
            "name the file itself; what differs goes in by `with`, and `if` passes over what does not run";
        return Err(Box::new(problem.help(help)));
    }
    if let Some(what) = remote(text) {
        let problem =
            wrong(Code::UsesRemote, format!("{} is {what}, not a file of this machine", shown(text)));
        return Err(Box::new(problem.help(
            "only local files can be used; fetch it in CI or vendor it, and write a path, such as `./lib/protect.yml`",
        )));
    }
    if let Some(error) = unexpanded(text) {
        let problem = wrong(Code::BadPath, format!("`uses`: {}", error.message));
        return Err(Box::new(problem.help("write the path from the folder of this file, or the whole path")));
    }
    let named = Path::new(text);
    let named = named.strip_prefix("./").unwrap_or(named);
    Ok(folder(source.path()).join(named))
}

/// Returns what is named by something that lies elsewhere.
fn remote(text: &str) -> Option<&'static str> {
    let is_path = text.starts_with(['/', '.']);
    let (before, after) = text.split_once(':').unwrap_or((text, ""));
    let is_host = text.contains(':') && (before.contains('@') || after.starts_with("//"));
    match text {
        _ if text.starts_with("docker:") => Some("an image"),
        _ if is_path => None,
        _ if is_host => Some("an address"),
        // `owner/repo@ref`, `owner/repo/.github/workflows/x.yml@ref`.
        _ if text.split('/').count() > 1 && text.rsplit_once('@').is_some_and(|(_, at)| !at.is_empty()) => {
            Some("a repository")
        }
        _ => None,
    }
}

/// Returns the folder that a file lies in: of a link, the one that the real file lies in.
fn folder(path: &Path) -> PathBuf {
    let is_link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
    let real = is_link.then(|| path.canonicalize().ok()).flatten();
    real.as_deref().unwrap_or(path).parent().map(Path::to_owned).unwrap_or_default()
}

/// Reads a file that is used. What is wrong with it is reported where it is used.
pub(super) fn read(source: &Source, path: &Path, at: Span, start: usize) -> Result<Source, Box<Diagnostic>> {
    let shown = path.display();
    let wrong = |code, message: String| Diagnostic::at(code, source, at, message);
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error, wrong))?;
    if metadata.is_dir() {
        let problem = wrong(Code::IsDirectory, format!("`{shown}` is a folder, not a file"));
        let help = format!("name the file in it, such as `{}`", path.join("pipeline.yml").display());
        return Err(Box::new(problem.help(help)));
    }
    // A named pipe may have no writer, and would be read only once.
    if !metadata.is_file() {
        let problem = wrong(Code::UnreadableFile, format!("`{shown}` is not a plain file"));
        return Err(Box::new(problem.help("write its text to a file first")));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error, wrong))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        wrong(Code::NotUtf8, format!("`{shown}` is not UTF-8 text: it breaks off in line {line}"))
            .help("save it as UTF-8")
    })?;
    Ok(Source::starting_at(start, path, text.strip_prefix('\u{feff}').unwrap_or(&text)))
}

/// Returns a file that is used from texts that are there already.
pub(super) fn among(
    texts: &BTreeMap<PathBuf, String>,
    source: &Source,
    path: &Path,
    at: Span,
    start: usize,
) -> Result<Source, Box<Diagnostic>> {
    let same = |(known, _): &(&PathBuf, &String)| plain(known) == plain(path);
    let Some((known, text)) = texts.iter().find(same) else {
        let message = format!("the text of `{}` is not there", path.display());
        return Err(Box::new(Diagnostic::at(Code::UnreadableFile, source, at, message)));
    };
    Ok(Source::starting_at(start, known.clone(), text.as_str()))
}

/// Returns a path without `.` and, as far as its own names go, without `..`.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => drop(plain.pop()),
            Component::ParentDir | Component::Normal(_) | Component::RootDir | Component::Prefix(_) => {
                plain.push(part);
            }
        }
    }
    plain
}

fn unreadable(path: &Path, error: &io::Error, wrong: impl Fn(Code, String) -> Diagnostic) -> Box<Diagnostic> {
    let help = (error.kind() == io::ErrorKind::NotFound).then(|| match neighbour(path) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a path under `uses` starts from the folder of the file that says it".to_owned(),
    });
    Box::new(wrong(Code::UnreadableFile, cause(path, error)).maybe_help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_elsewhere_is_told_from_paths() {
        for (text, expected) in [
            ("actions/checkout@v4", Some("a repository")),
            ("owner/repo/.github/workflows/x.yml@main", Some("a repository")),
            ("https://example.com/x.yml", Some("an address")),
            ("git@example.com:owner/repo.git", Some("an address")),
            ("docker://alpine:3.20", Some("an image")),
            ("./lib/protect.yml", None),
            ("../lib@2/protect.yml", None),
            ("/srv/lib@2/protect.yml", None),
            ("lib/protect.yml", None),
            ("protect.yml", None),
            ("protect@2.yml", None),
        ] {
            assert_eq!(remote(text), expected, "{text}");
        }
    }
}
