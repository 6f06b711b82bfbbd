//! The file behind `$PIPE_OUTPUT`, one for each attempt, and what a step may write to it.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::executor::SystemError;
use crate::pipeline::{Outputs, StepId};

use super::Job;

/// The most that a step may write.
const LIMIT: u64 = 1 << 20;

/// Returns the folder for what the attempts of a step write and read: that of the run, or that of its shared container.
pub(super) fn folder_of(job: &Job, step: StepId) -> PathBuf {
    match job.pipeline.step(step).shared {
        Some(usage) => job.place.outputs_dir.join(shared_name(usage.step)),
        None => job.place.outputs_dir.clone(),
    }
}

/// Returns the name of a folder of a shared container.
pub(super) fn shared_name(container: StepId) -> String {
    format!("{}-shared", container.index())
}

/// Makes a folder in one that no other user can enter. A container's program may enter it, as any user.
pub(super) fn make_enterable(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    // The caller's umask may have taken bits away.
    std::fs::set_permissions(path, Permissions::from_mode(0o711))
}

/// The file of one attempt, or the folder of a shared container for those of the steps in it; dropping this removes it.
#[derive(Debug)]
pub(super) struct OutputFile {
    path: PathBuf,
    made: Metadata,
}

impl OutputFile {
    /// Makes an empty file in a folder that no other user can enter. The step's program may write to it, as
    /// any user.
    pub(super) fn create(folder: &Path, step: StepId, attempt: u32) -> Result<Self, SystemError> {
        let path = folder.join(format!("{}-{attempt}-output", step.index()));
        let failed = |error: io::Error| {
            let what = format!("cannot make {}", path.display());
            match folder.exists() {
                true => SystemError::new(what, error),
                false => SystemError::new(
                    what,
                    "the run directory is gone; something removed it while the run went on, as `git clean -x` does",
                ),
            }
        };
        let file = File::create(&path).map_err(failed)?;
        // The caller's umask may have taken bits away.
        file.set_permissions(Permissions::from_mode(0o666)).map_err(failed)?;
        let made = file.metadata().map_err(failed)?;
        Ok(Self { path, made })
    }

    /// Makes the folder of a shared container.
    pub(super) fn folder(job: &Job, container: StepId) -> Result<Self, SystemError> {
        let path = job.place.outputs_dir.join(shared_name(container));
        let made = make_enterable(&path).and_then(|()| std::fs::metadata(&path));
        let failed = |error| SystemError::new(format!("cannot make {}", path.display()), error);
        Ok(Self { made: made.map_err(failed)?, path: path.clone() })
    }

    /// Returns its metadata from when it was created, which is when its attempt began.
    pub(super) fn made(&self) -> &Metadata {
        &self.made
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what the step has written.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub(super) fn read(&self) -> Result<Outputs, String> {
        if self.made.is_dir() {
            return Ok(Outputs::new());
        }
        let bytes = match self.bytes() {
            Ok(bytes) => bytes,
            // A step that removes the file has no outputs.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Outputs::new()),
            Err(error) => return Err(format!("$PIPE_OUTPUT cannot be read: {error}")),
        };
        if bytes.len() as u64 > LIMIT {
            return Err("it wrote more than 1 MiB to $PIPE_OUTPUT; large results belong in a stream".into());
        }
        parse(&bytes)
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        // Reading a named pipe in its place would block.
        let found = std::fs::symlink_metadata(&self.path)?;
        if !found.is_file() {
            return Err(io::Error::other("it is no file any more"));
        }
        // Most steps write nothing.
        if found.len() == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        // If this fails, it goes with the run's folder.
        let _ = match self.made.is_dir() {
            true => std::fs::remove_dir_all(&self.path),
            false => std::fs::remove_file(&self.path),
        };
    }
}

/// Reads `key=value` lines, and values of several lines:
///
/// ```text
/// key<<WORD
/// first line
/// second line
/// WORD
/// ```
///
/// Empty lines between them mean nothing; of two values with one key the later counts. The form is that of
/// GitHub's output files.
fn parse(bytes: &[u8]) -> Result<Outputs, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("line {line} in $PIPE_OUTPUT is not UTF-8 text")
    })?;
    let mut outputs = Outputs::new();
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    while let Some((number, line)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let sign = line.find(['=', '<']).map(|at| line.split_at(at));
        let (key, value) = match sign {
            Some((key, rest)) if rest.starts_with('=') => (key, rest.get(1..).unwrap_or_default().to_owned()),
            Some((key, rest)) if rest.starts_with("<<") && rest.len() > 2 => {
                let word = rest.get(2..).unwrap_or_default();
                (key, block(&mut lines, word).ok_or_else(|| {
                    format!("the value that begins in line {number} in $PIPE_OUTPUT has no end: no line `{word}` follows")
                })?)
            }
            _ => {
                let message = format!("line {number} in $PIPE_OUTPUT is neither `key=value` nor `key<<WORD`");
                return Err(message);
            }
        };
        if !is_key(key) {
            let message =
                format!("the key in line {number} in $PIPE_OUTPUT is not made of letters, digits and `_`");
            return Err(message);
        }
        outputs.insert(key.to_owned(), value);
    }
    Ok(outputs)
}

/// Returns the lines up to one that is the word.
fn block<'t>(lines: &mut impl Iterator<Item = (usize, &'t str)>, word: &str) -> Option<String> {
    let mut value: Vec<&str> = Vec::new();
    loop {
        match lines.next()? {
            (_, line) if line == word => return Some(value.join("\n")),
            (_, line) => value.push(line),
        }
    }
}

fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(String, String)> {
        parse(text.as_bytes()).unwrap().into_iter().collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.into(), value.into())
    }

    #[test]
    fn lines_and_blocks() {
        assert_eq!(keys(""), []);
        assert_eq!(keys("\n\na=1\n"), [pair("a", "1")]);
        assert_eq!(keys("a=x=<<y z\nb="), [pair("a", "x=<<y z"), pair("b", "")]);
        assert_eq!(keys("a=1\na=2\n"), [pair("a", "2")]);
        assert_eq!(keys("a<<EOF\n\n x=1\nEOF \nEOF\nb=2\n"), [pair("a", "\n x=1\nEOF "), pair("b", "2")]);
        assert_eq!(keys("a<<EOF\nEOF"), [pair("a", "")]);
        assert_eq!(
            keys("a=1\r\nb<<E\r\nx\r\nE\r\n"),
            [pair("a", "1"), pair("b", "x")],
            "as Windows ends lines"
        );
    }

    #[test]
    fn what_will_not_do_is_said_with_its_line() {
        let error = |text: &[u8]| parse(text).unwrap_err();
        assert_eq!(error(b"a=1\nhello\n"), "line 2 in $PIPE_OUTPUT is neither `key=value` nor `key<<WORD`");
        assert_eq!(error(b"a<b=1\n"), "line 1 in $PIPE_OUTPUT is neither `key=value` nor `key<<WORD`");
        assert_eq!(error(b"a<<\n"), "line 1 in $PIPE_OUTPUT is neither `key=value` nor `key<<WORD`");
        for key in ["", "a b", " a", "0a", "a-b", "ä"] {
            let text = format!("\n{key}=1");
            let expected = "the key in line 2 in $PIPE_OUTPUT is not made of letters, digits and `_`";
            assert_eq!(error(text.as_bytes()), expected);
        }
        assert_eq!(
            error(b"a=1\nb<<EOF\nx\n"),
            "the value that begins in line 2 in $PIPE_OUTPUT has no end: no line `EOF` follows"
        );
        assert_eq!(error(b"a=1\nb=\xff\n"), "line 2 in $PIPE_OUTPUT is not UTF-8 text");
    }

    #[test]
    fn a_run_directory_that_is_gone_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            OutputFile::create(&folder.path().join("gone"), StepId::new(3), 2).unwrap_err().to_string();
        assert!(error.contains("gone/3-2-output: the run directory is gone"), "{error}");
    }

    #[test]
    fn the_file_is_read_whatever_the_step_made_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = OutputFile::create(folder.path(), StepId::new(3), 2).unwrap();
        assert_eq!(file.read(), Ok(Outputs::new()));
        std::fs::write(file.path(), "a=1\n").unwrap();
        assert_eq!(file.read().unwrap().get("a").map(String::as_str), Some("1"));
        std::fs::write(file.path(), vec![b'='; (1 << 20) + 1]).unwrap();
        assert!(file.read().unwrap_err().starts_with("it wrote more than 1 MiB to $PIPE_OUTPUT"));
        std::fs::remove_file(file.path()).unwrap();
        assert_eq!(file.read(), Ok(Outputs::new()));
        std::fs::create_dir(file.path()).unwrap();
        assert_eq!(file.read(), Err("$PIPE_OUTPUT cannot be read: it is no file any more".into()));
        std::fs::remove_dir(file.path()).unwrap();
        let path = file.path().to_owned();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(file.read(), Err("$PIPE_OUTPUT cannot be read: it is no file any more".into()));
        drop(file);
        assert!(!path.exists());
    }
}
