//! Files that one step writes and another one uses, with nothing that says which comes first.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::Range;

use super::words::{Command, Mode, Word};
use super::{ReadStep, Scene, programs};
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Pipeline, StepId};

/// Steps looked at on all ways back together. More than any file needs that a person wrote, and well under a
/// second.
const PATIENCE: usize = 5_000_000;

/// A use of a file by a step.
struct Use<'s> {
    script: &'s ReadStep<'s>,
    range: Range<usize>,
}

/// Who writes a file and who reads it, once a step.
#[derive(Default)]
struct Users<'s> {
    writers: BTreeMap<StepId, Use<'s>>,
    readers: BTreeMap<StepId, Use<'s>>,
}

/// A file: its path, and the folder that it counts from.
type File = (String, Option<String>);

pub(super) fn check<'s>(scene: &'s Scene<'s>, found: &mut Vec<Diagnostic>) {
    let mut files: BTreeMap<File, Users<'s>> = BTreeMap::new();
    for script in &scene.scripts {
        uses(script, &mut files);
    }
    let mut order = Order { pipeline: scene.pipeline, patience: PATIENCE };
    for ((path, _), users) in &files {
        for (&writer, wrote) in &users.writers {
            let readers = users.readers.iter().filter(|(reader, _)| !users.writers.contains_key(reader));
            let later = users.writers.range(writer..).skip(1).map(|(id, it)| (id, it, "writes"));
            let others = readers.map(|(id, it)| (id, it, "uses")).chain(later);
            let unordered = others.filter(|(other, ..)| !order.is_known(writer, **other));
            found.extend(unordered.map(|(_, other, verb)| warning(scene, path, wrote, (other, verb))));
        }
    }
}

fn uses<'s>(script: &'s ReadStep<'s>, files: &mut BTreeMap<File, Users<'s>>) {
    let folder = script.step.working_dir.as_ref().map(|dir| dir.source.clone());
    let mut moved = false;
    for command in &script.commands {
        let mut note = |word: &Word, writes: bool| {
            let Some(path) = path(word).filter(|path| path.starts_with('/') || !moved) else {
                return;
            };
            let folder = folder.clone().filter(|_| !path.starts_with('/'));
            let users = files.entry((path, folder)).or_default();
            let list = if writes { &mut users.writers } else { &mut users.readers };
            list.entry(script.id).or_insert_with(|| Use { script, range: word.range.clone() });
        };
        let written = written(command);
        let read = command.redirections.iter().filter(|it| it.mode == Mode::Read).map(|it| &it.target);
        written.iter().for_each(|word| note(word, true));
        read.chain(arguments(command))
            .filter(|word| !written.contains(word))
            .for_each(|word| note(word, false));
        moved |= matches!(command.program(), "cd" | "pushd" | "popd");
    }
}

/// The files that a command plainly writes.
fn written(command: &Command) -> Vec<Word> {
    let redirections = command.redirections.iter().filter(|it| it.mode != Mode::Read).map(|it| &it.target);
    let is_option = |word: &&Word| word.text.starts_with('-');
    let tee =
        command.arguments().iter().filter(|_| command.program() == "tee").filter(|word| !is_option(word));
    redirections.chain(tee).cloned().chain(programs::output(command)).collect()
}

/// The arguments that are plainly files: a name with a dot or a folder.
fn arguments(command: &Command) -> impl Iterator<Item = &Word> {
    let names_files = !matches!(command.program(), "" | "echo" | "printf" | ":" | "mkdir" | "touch" | "true");
    let is_file = |word: &&Word| !word.text.starts_with('-') && word.text.contains(['.', '/']);
    command.arguments().iter().filter(move |_| names_files).filter(is_file)
}

/// A file's path as it is compared; nothing if it is not plain to see, or no file that steps share.
fn path(word: &Word) -> Option<String> {
    let path = word.text.trim_start_matches("./");
    let is_device = path.starts_with("/dev/") || path.starts_with("/proc/") || path == "-";
    (word.plain && !path.is_empty() && !is_device).then(|| path.to_owned())
}

/// Which steps come before which: by `depends_on`, or because one reads what the other one made.
struct Order<'p> {
    pipeline: &'p Pipeline,
    /// How many more steps may be looked at before any two are taken to be in order.
    patience: usize,
}

impl Order<'_> {
    /// Whether one of two steps comes before the other.
    fn is_known(&mut self, a: StepId, b: StepId) -> bool {
        self.patience == 0 || self.comes_before(a, b) || self.comes_before(b, a)
    }

    fn comes_before(&mut self, first: StepId, then: StepId) -> bool {
        let mut seen = HashSet::from([then]);
        let mut open = VecDeque::from([then]);
        while let Some(id) = open.pop_front() {
            let Some(patience) = self.patience.checked_sub(1) else {
                return true;
            };
            self.patience = patience;
            let step = self.pipeline.step(id);
            let producers = step.inputs.iter().map(|input| self.pipeline.stream(input.port.stream).producer);
            for before in step.depends_on.iter().map(|dependency| dependency.step).chain(producers) {
                if before == first {
                    return true;
                }
                if seen.insert(before) {
                    open.push_back(before);
                }
            }
        }
        false
    }
}

fn warning(scene: &Scene<'_>, path: &str, wrote: &Use<'_>, (other, verb): (&Use<'_>, &str)) -> Diagnostic {
    let (writer, user) = (&wrote.script.step.name, &other.script.step.name);
    let message =
        format!("`{user}` {verb} `{path}`, which `{writer}` writes, and neither waits for the other");
    scene
        .warning(Code::UnorderedFiles, other.script.text, other.range.clone(), message)
        .also(scene.span(wrote.script.text, wrote.range.clone()), format!("`{writer}` writes it here"))
        .help(format!("if `{user}` comes after it, add `depends_on: {writer}` to `{user}`"))
}
