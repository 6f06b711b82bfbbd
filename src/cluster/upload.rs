//! What is uploaded for a run: the files of the workspace, but those that are left out, and what is outside of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use super::refusal::Refusals;
use crate::executor::SystemError;
use crate::file::Diagnostic;
use crate::pipeline::{Pipeline, Upload, UploadedPath};

/// The folder of a working directory with the runs of its pipelines: never uploaded.
const RUNS: &str = ".pipe";
/// So many of the largest entries are named where there is too much.
const NAMED: usize = 3;

/// What is uploaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadSurvey {
    /// How many files and links there are.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
    /// How many files and folders were left out by a pattern, whatever is in them.
    pub excluded: u64,
    /// Bytes by the first part of the path.
    by_entry: BTreeMap<PathBuf, u64>,
}

/// Looks at what would be uploaded: the upload of a workspace, and folders outside of it.
///
/// # Errors
/// A file or folder that cannot be read.
pub fn survey(workspace: &Path, upload: &Upload, outside: &[PathBuf]) -> Result<UploadSurvey, SystemError> {
    let mut survey = UploadSurvey::default();
    let excluded = Excluded::new(&upload.exclude);
    for UploadedPath { path, at: _ } in &upload.paths {
        let path: PathBuf = workspace.join(path).components().collect();
        // What is not there is a diagnostic of its own.
        if path.symlink_metadata().is_ok() {
            survey.add(workspace, &path, &excluded)?;
        }
    }
    for path in outside {
        survey.add(path, path, &Excluded::new(&[]))?;
    }
    Ok(survey)
}

/// Returns what is uploaded of a workspace, seen from there: files, links and folders. What is none of them is left out.
///
/// # Errors
/// A file or folder that cannot be read.
pub fn uploaded(workspace: &Path, upload: &Upload) -> Result<Vec<PathBuf>, SystemError> {
    let excluded = Excluded::new(&upload.exclude);
    let mut found = BTreeSet::new();
    for UploadedPath { path, at: _ } in &upload.paths {
        let path: PathBuf = workspace.join(path).components().collect();
        found.extend(below(workspace, &path, &excluded)?);
    }
    Ok(found.into_iter().collect())
}

/// Returns all that is in a folder outside of the workspace, seen from there.
///
/// # Errors
/// As for [`uploaded`].
pub fn uploaded_outside(folder: &Path) -> Result<Vec<PathBuf>, SystemError> {
    below(folder, folder, &Excluded::new(&[]))
}

fn below(root: &Path, path: &Path, excluded: &Excluded) -> Result<Vec<PathBuf>, SystemError> {
    let mut found = Vec::new();
    walk(root, path, excluded, |path, about| {
        let is_known = about.is_dir() || about.is_file() || about.is_symlink();
        let below = path.strip_prefix(root).ok().filter(|below| is_known && !below.as_os_str().is_empty());
        found.extend(below.map(Path::to_owned));
    })?;
    Ok(found)
}

/// Calls for all that is in a folder, and for the folder. Returns how much was left out, whatever is in it.
fn walk(
    root: &Path,
    path: &Path,
    excluded: &Excluded,
    mut found: impl FnMut(&Path, &Metadata),
) -> Result<u64, SystemError> {
    let failed = |path: &Path, error: io::Error| {
        SystemError::new(format!("cannot read {}, which would be uploaded", path.display()), error)
    };
    let (mut open, mut left_out) = (vec![path.to_owned()], 0);
    while let Some(path) = open.pop() {
        if excluded.has(path.strip_prefix(root).unwrap_or(&path)) {
            left_out += 1;
            continue;
        }
        let about = path.symlink_metadata().map_err(|error| failed(&path, error))?;
        if about.is_dir() {
            let entries = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<DirEntry>>>);
            open.extend(entries.map_err(|error| failed(&path, error))?.iter().map(DirEntry::path));
        }
        found(&path, &about);
    }
    Ok(left_out)
}

/// Returns what is wrong with an upload: entries that are not there, and more than may be uploaded.
pub fn upload_problems(
    pipeline: &Pipeline,
    workspace: &Path,
    upload: &Upload,
    survey: &UploadSurvey,
) -> Vec<Diagnostic> {
    let mut found = Refusals::new(&pipeline.source);
    for UploadedPath { path, at } in &upload.paths {
        if workspace.join(path).symlink_metadata().is_err() {
            let message = format!("there is no `{path}` in {}", workspace.display());
            found.add(*at, message, "name a file or a folder of the working directory, or leave it out");
        }
    }
    if survey.bytes > upload.limit {
        let at =
            if upload.at == crate::pipeline::Span::default() { pipeline.kubernetes.at } else { upload.at };
        let message = format!(
            "{} would be uploaded, and the limit is {}; most of it is {}",
            size(survey.bytes),
            size(upload.limit),
            survey.largest()
        );
        let help = "leave out what no step needs, such as `kubernetes: {workspace: {exclude: [target]}}`, or raise `limit`";
        found.add(at, message, help);
    }
    found.into_list()
}

impl UploadSurvey {
    fn add(&mut self, root: &Path, path: &Path, excluded: &Excluded) -> Result<(), SystemError> {
        let left_out = walk(root, path, excluded, |path, about| {
            if about.is_dir() {
                return;
            }
            let below = path.strip_prefix(root).unwrap_or(path);
            let bytes = if about.is_file() { about.len() } else { 0 };
            self.files += 1;
            self.bytes = self.bytes.saturating_add(bytes);
            let entry = below
                .components()
                .next()
                .map_or_else(|| path.to_owned(), |first| PathBuf::from(first.as_os_str()));
            let sum = self.by_entry.entry(entry).or_default();
            *sum = sum.saturating_add(bytes);
        })?;
        self.excluded += left_out;
        Ok(())
    }

    /// The largest entries, with their sizes.
    fn largest(&self) -> String {
        let mut entries: Vec<(&PathBuf, &u64)> = self.by_entry.iter().collect();
        entries.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
        let entries = entries.into_iter().take(NAMED);
        let named = entries.map(|(path, bytes)| format!("`{}` ({})", path.display(), size(*bytes)));
        named.collect::<Vec<_>>().join(", ")
    }
}

/// What is not uploaded.
pub struct Excluded(Vec<(glob::Pattern, bool)>);

impl Excluded {
    /// Takes patterns that have been checked. One without a slash is a name at any depth, one with a slash a path.
    pub fn new(patterns: &[String]) -> Self {
        let pattern = |text: &String| {
            let path = text.trim_end_matches('/').trim_start_matches("./").trim_start_matches('/');
            Some((glob::Pattern::new(path).ok()?, text.trim_end_matches('/').contains('/')))
        };
        Self(patterns.iter().filter_map(pattern).collect())
    }

    /// Returns whether a path, seen from the workspace, is left out. What is below it is not asked for.
    pub fn has(&self, path: &Path) -> bool {
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::default() };
        let name = path.file_name().map(Path::new).unwrap_or(path);
        let is_it = |(pattern, is_path): &(glob::Pattern, bool)| {
            pattern.matches_path_with(if *is_path { path } else { name }, options)
        };
        path == Path::new(RUNS) || (path != Path::new("") && self.0.iter().any(is_it))
    }
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::file::{LoadOptions, load};
    use crate::pipeline::{Source, Workspace};

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, bytes: usize| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![b'x'; bytes]).unwrap();
        };
        write("Makefile", 10);
        write("src/a.c", 100);
        write("src/deep/b.log", 7);
        write("target/big", 5000);
        write("docs/target/page", 3);
        write(".pipe/runs/1/events.jsonl", 999);
        symlink("/nowhere", folder.path().join("link")).unwrap();
        folder
    }

    fn surveyed(keys: &str) -> (UploadSurvey, Vec<String>) {
        let folder = project();
        let text = format!("{keys}\nsteps: [{{name: a, image: x, run: make}}]\n");
        let pipeline = load(Source::new("pipeline.yml", text), &LoadOptions::default()).unwrap();
        let Workspace::Upload(upload) = &pipeline.kubernetes.workspace else { panic!("an upload") };
        let survey = survey(folder.path(), upload, &[]).unwrap();
        let problems = upload_problems(&pipeline, folder.path(), upload, &survey);
        let problems = problems.into_iter().map(|problem| problem.message);
        let shown = problems.map(|message| message.replace(&folder.path().display().to_string(), "FOLDER"));
        (survey.clone(), shown.collect())
    }

    #[test]
    fn all_but_the_runs_is_uploaded() {
        let (survey, problems) = surveyed("");
        assert_eq!((survey.files, survey.bytes, survey.excluded), (6, 5120, 1));
        assert!(problems.is_empty());
    }

    #[test]
    fn a_pattern_is_a_name_at_any_depth_or_a_path() {
        let files =
            |exclude: &str| surveyed(&format!("kubernetes: {{workspace: {{exclude: {exclude}}}}}")).0.files;
        assert_eq!(files("[target]"), 4);
        assert_eq!(files("[/target]"), 5);
        assert_eq!(files("[./target/]"), 5);
        assert_eq!(files("['*.log']"), 5);
        assert_eq!(files("['*/*.log']"), 6, "a star stops at a slash");
        assert_eq!(files("['src/**/*.log', link]"), 4);
    }

    #[test]
    fn parts_of_the_folder_can_be_named() {
        let (survey, problems) = surveyed("kubernetes: {workspace: {upload: [src, Makefile, gone]}}");
        assert_eq!((survey.files, survey.bytes), (3, 117));
        assert_eq!(problems, ["there is no `gone` in FOLDER"]);
    }

    #[test]
    fn too_much_is_refused_with_what_is_largest() {
        let (_, problems) = surveyed("kubernetes: {workspace: {limit: 1KiB}}");
        assert_eq!(problems.len(), 1);
        let wanted = "5.0 KiB would be uploaded, and the limit is 1.0 KiB; most of it is `target` (4.9 KiB), `src` (107 B), \
                      `Makefile` (10 B)";
        assert_eq!(problems[0], wanted);
    }
}
