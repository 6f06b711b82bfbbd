//! Secrets that come from files: `@path` in place of a value.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::file::paths::unexpanded;
use crate::file::words::ValueError;
use crate::pipeline::Secret;

/// The most that a file with a secret may hold.
const LIMIT: u64 = 64 << 10;

/// The files that secrets were read from. Each is read once: what a shell gives with `<( )` can be read only
/// once.
#[derive(Clone, Default)]
pub struct SecretFiles(Arc<Mutex<HashMap<PathBuf, Result<Secret, ValueError>>>>);

impl fmt::Debug for SecretFiles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SecretFiles")
    }
}

impl SecretFiles {
    /// What a given text stands for: the content of a file after `@`, a text that begins with `@` after `@@`,
    /// else itself. Paths start from `folder`.
    pub(super) fn value(&self, text: &str, folder: &Path) -> Result<Secret, ValueError> {
        match text.strip_prefix('@') {
            None => Ok(Secret::new(text)),
            Some(rest) if rest.starts_with('@') => Ok(Secret::new(rest)),
            Some(path) => {
                if let Some(error) = unexpanded(path) {
                    return Err(error);
                }
                let path = folder.join(path);
                let mut files = self.0.lock();
                files.entry(path).or_insert_with_key(|path| read(path)).clone()
            }
        }
    }
}

fn read(path: &Path) -> Result<Secret, ValueError> {
    let shown = path.display();
    let refused = |message: String| {
        ValueError::new(message)
            .help("`@` names a file that has the value; for a value that begins with `@`, write `@@`")
    };
    let failed = |error: io::Error| {
        refused(match error.kind() {
            io::ErrorKind::NotFound => format!("there is no file `{shown}`"),
            io::ErrorKind::IsADirectory => format!("`{shown}` is a folder, not a file"),
            io::ErrorKind::PermissionDenied => format!("`{shown}` may not be read by this user"),
            _ => format!("`{shown}` cannot be read: {error}"),
        })
    };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(refused(format!("`{shown}` holds more than 64 KiB, too much for a secret")));
    }
    let text = String::from_utf8(bytes).map_err(|_| refused(format!("`{shown}` is not UTF-8 text")))?;
    let value = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if value.is_empty() {
        return Err(refused(format!("`{shown}` is empty")));
    }
    Ok(Secret::new(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_text_without_its_last_newline() {
        let dir = tempfile::tempdir().unwrap();
        let value = |text: &[u8]| {
            std::fs::write(dir.path().join("s"), text).unwrap();
            SecretFiles::default().value("@s", dir.path()).map(|secret| secret.reveal().to_owned())
        };
        assert_eq!(value(b"hunter2").unwrap(), "hunter2");
        assert_eq!(value(b" a\nb \n\n").unwrap(), " a\nb \n");
        assert_eq!(value(b"hunter2\r\n").unwrap(), "hunter2");
        assert_eq!(value(&[b'x'; 64 << 10]).unwrap().len(), 64 << 10);
        let error = |text: &[u8]| value(text).unwrap_err().message.split("` ").nth(1).unwrap().to_owned();
        assert_eq!(error(&[b'x'; (64 << 10) + 1]), "holds more than 64 KiB, too much for a secret");
        assert_eq!(error(b"\n"), "is empty");
        assert_eq!(error(b""), "is empty");
        assert_eq!(error(b"hunter2\xff"), "is not UTF-8 text");
    }

    #[test]
    fn what_is_no_file_is_said_to_be_none() {
        let dir = tempfile::tempdir().unwrap();
        let error = |text: &str| SecretFiles::default().value(text, dir.path()).unwrap_err();
        assert!(error("@none").message.starts_with("there is no file `"));
        assert!(error("@none").help.unwrap().contains("`@@`"));
        assert!(error("@.").message.ends_with("is a folder, not a file"));
        let value = |text: &str| SecretFiles::default().value(text, dir.path()).unwrap().reveal().to_owned();
        assert_eq!((value("@@x"), value("a@x"), value("")), ("@x".into(), "a@x".into(), String::new()));
    }

    #[test]
    fn a_file_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        std::fs::write(&path, "hunter2").unwrap();
        let files = SecretFiles::default();
        let value = || files.clone().value(&format!("@{}", path.display()), Path::new("/")).unwrap();
        let first = value();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(value(), first);
    }
}
