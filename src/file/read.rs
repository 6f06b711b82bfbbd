//! A file's text, or why there is none.

use std::io;
use std::path::Path;

use super::nearest::Nearest;
use super::{Code, Diagnostic, Diagnostics};
use crate::pipeline::{Source, Span};

/// Larger folders are not searched for a name that is nearly the one typed.
const MANY_FILES: usize = 1_000;

/// Reads a file as UTF-8 text. A byte-order mark at its start is left out.
///
/// # Errors
/// One problem: the file cannot be read, or is not text.
pub fn read(path: &Path) -> Result<Source, Diagnostics> {
    if path.is_dir() {
        let message = format!("`{}` is a folder, not a file", path.display());
        let help = format!("name the file in it, such as `{}`", path.join("pipeline.yml").display());
        return Err(Diagnostic::nowhere(Code::IsDirectory, message).help(help).into());
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path, text.strip_prefix('\u{feff}').unwrap_or(&text))),
        Err(error) => Err(not_text(path, error.as_bytes(), error.utf8_error().valid_up_to())),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostics {
    let help = (error.kind() == io::ErrorKind::NotFound).then(|| match neighbour(path) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a path starts from the folder that the command runs in".to_owned(),
    });
    Diagnostic::nowhere(Code::UnreadableFile, cause(path, error)).maybe_help(help).into()
}

/// Why a file cannot be read, in a sentence.
pub(super) fn cause(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file `{shown}`"),
        io::ErrorKind::PermissionDenied => format!("`{shown}` may not be read by this user"),
        // What the system says, without the number that the library adds.
        _ => format!(
            "`{shown}` cannot be read: {}",
            error.to_string().split(" (os error").next().unwrap_or_default()
        ),
    }
}

/// The file of the same folder whose name is nearest, as a path.
pub(super) fn neighbour(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names: Vec<String> =
        entries.flatten().take(MANY_FILES).filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let wanted = path.file_name()?.to_str()?;
    let near = Nearest::default().find(wanted, names.iter().map(String::as_str))?;
    Some(path.with_file_name(near).display().to_string())
}

fn not_text(path: &Path, bytes: &[u8], valid: usize) -> Diagnostics {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        let message = format!("`{}` is UTF-16 text", path.display());
        return Diagnostic::nowhere(Code::NotUtf8, message).help("save it as UTF-8").into();
    }
    // Up to the first bad byte the replaced text is the same, so its offsets hold there.
    let source = Source::new(path, String::from_utf8_lossy(bytes).into_owned());
    let at = Span::new(valid, valid + char::REPLACEMENT_CHARACTER.len_utf8());
    Diagnostic::at(Code::NotUtf8, &source, at, "the file is not UTF-8 text: it breaks off here")
        .help("save it as UTF-8")
        .into()
}
