//! Names of streams behind which there are several, as far as they can be told before any file is lowered: a text that
//! reads such a name reads a list.

use std::collections::BTreeSet;

use crate::file::lower::list::stream_groups;
use crate::file::raw::{RawOutput, RawStep};
use crate::file::uses::{FileIndex, Files};
use crate::file::yaml::Field;

/// The names that steps have for the streams of the files that they use, where there are several behind one.
pub(in crate::file::lower) fn of_calls<'r>(
    files: &Files,
    steps: impl Iterator<Item = &'r RawStep>,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for step in steps.filter(|step| !step.uses.is_missing()) {
        let Some((name, file)) = called(files, step) else { continue };
        // Of a matrix, each of its calls makes all streams of the file.
        let inner = if step.matrix.is_missing() { several(files, file) } else { all(files, file) };
        found.extend(inner.into_iter().map(|stream| format!("{name}.{stream}")));
    }
    found
}

fn called<'r>(files: &Files, step: &'r RawStep) -> Option<(&'r String, FileIndex)> {
    Some((step.name.value()?, files.used_at(step.uses.at()?)?))
}

fn steps(files: &Files, file: FileIndex) -> impl Iterator<Item = &RawStep> {
    let steps = files.raw(file).and_then(|raw| raw.value()?.steps.value());
    steps.into_iter().flatten().filter_map(Field::value)
}

/// The names in a file behind which there are several streams.
fn several(files: &Files, file: FileIndex) -> BTreeSet<String> {
    let mut found = stream_groups(steps(files, file));
    found.extend(of_calls(files, steps(files, file)));
    found
}

/// The names of all streams that a file makes.
fn all(files: &Files, file: FileIndex) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for step in steps(files, file) {
        found.extend(match step.output.value() {
            Some(RawOutput::Name(name)) => Some(name.text.clone()),
            Some(RawOutput::Full(keys)) => keys.name.value().cloned(),
            None => None,
        });
        if let Some((name, file)) = called(files, step) {
            found.extend(all(files, file).into_iter().map(|stream| format!("{name}.{stream}")));
        }
    }
    found
}
