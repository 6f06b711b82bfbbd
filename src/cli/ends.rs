//! What `--in` and `--out` name, looked at before anything starts.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use rustix::fs::{Access, access};

use super::error::CliError;
use crate::pipeline::{Action, Destination, Feed, Pipeline};
use crate::stream::ResolvedPath;

/// Looks at the files that streams come from and go to.
///
/// # Errors
/// What is wrong with the first that cannot be read or written.
pub(super) fn check(pipeline: &Pipeline) -> Result<(), CliError> {
    for step in &pipeline.steps {
        match &step.action {
            Action::Feed(Feed::File(path)) => {
                let stream = step.output.map_or("", |port| pipeline.stream(port.stream).name.as_str());
                let wrong =
                    |error| refusal("--in", stream, path, "read", &error, "name a file that is there");
                readable(path).map_err(wrong)?;
            }
            Action::Feed(Feed::Stdin) | Action::Run(_) | Action::Exec(_) | Action::Wait => {}
        }
    }
    let mut taken: BTreeMap<PathBuf, &str> = BTreeMap::new();
    for stream in &pipeline.streams {
        let Some(Destination::File(path)) = &stream.out else { continue };
        let wrong = |error| {
            refusal("--out", &stream.name, path, "write", &error, "name a file in a folder that is there")
        };
        let way = ResolvedPath::of(path).map_err(wrong)?;
        way.check().map_err(wrong)?;
        if let ResolvedPath::File(end) = way
            && let Some(other) = taken.insert(end, &stream.name)
        {
            let message = format!("`--out` sends `{other}` and `{}` to the same file", stream.name);
            return Err(CliError::usage(message, "give each stream a file of its own".to_owned()));
        }
    }
    Ok(())
}

/// Whether there is something to be read. A named pipe is not opened, since that would take its writer's end.
fn readable(path: &std::path::Path) -> io::Result<()> {
    if path.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(access(path, Access::READ_OK)?)
}

fn refusal(
    flag: &str,
    stream: &str,
    path: &std::path::Path,
    verb: &str,
    why: &io::Error,
    hint: &str,
) -> CliError {
    let path = path.display();
    CliError::usage(format!("`{flag} {stream}={path}`: cannot {verb} {path}: {why}"), hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_a_file_or_a_pipe() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "").unwrap();
        std::os::unix::fs::symlink("none", path("dangling")).unwrap();
        assert!(readable(&path("file")).is_ok() && readable(std::path::Path::new("/dev/null")).is_ok());
        for wrong in [path(""), path("none"), path("dangling"), path("file/x")] {
            assert!(readable(&wrong).is_err(), "{wrong:?}");
        }
    }
}
