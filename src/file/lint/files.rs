//! Files that one step writes and another one uses, with nothing that says which comes first.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::Range;
use std::path::Path;

use super::commands::{Mode, Word};
use super::file_programs::FileUse;
use super::{ReadStep, Scene};
use crate::file::{Code, Diagnostic};
use crate::pipeline::{MatrixValue, Member, Pipeline, Role, StepId};

/// Steps looked at on all ways back together. More than any file needs that a person wrote, and well under a
/// second.
const PATIENCE: usize = 5_000_000;

/// A use of a file by a step.
struct Use<'s> {
    script: &'s ReadStep<'s>,
    range: Range<usize>,
}

/// Who writes a file, who makes a folder and who uses either, once a step.
#[derive(Default)]
struct Users<'s> {
    writers: BTreeMap<StepId, Use<'s>>,
    makers: BTreeMap<StepId, Use<'s>>,
    readers: BTreeMap<StepId, Use<'s>>,
}

/// A file: where it lies, its path, and the folder that it counts from.
type File = (Where, String, Option<String>);

/// Where a file lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    /// On this machine; the folder of the pipeline is the same in every container.
    Here,
    /// In the container of this step, or in this shared one.
    In(StepId),
}

impl Where {
    fn of(script: &ReadStep<'_>, path: &str) -> Self {
        let folder = script.step.working_dir.as_ref().map_or("", |dir| dir.source.as_str());
        let is_absolute = path.starts_with('/') || folder.starts_with('/');
        match (script.step.shared, &script.step.container) {
            (Some(usage), _) if is_absolute => Self::In(usage.step),
            (None, Some(_)) if is_absolute => Self::In(script.id),
            (Some(_) | None, _) => Self::Here,
        }
    }
}

type Files<'s> = BTreeMap<File, Users<'s>>;

pub(super) fn check<'s>(scene: &'s Scene<'s>, found: &mut Vec<Diagnostic>) {
    let mut files = Files::new();
    for script in &scene.scripts {
        uses(script, &mut files);
    }
    let mut order = Order { pipeline: scene.pipeline, patience: PATIENCE };
    for ((place, path, folder), users) in &files {
        for (&writer, wrote) in &users.writers {
            let readers = users.readers.iter().filter(|(reader, _)| !users.writers.contains_key(reader));
            let later = users.writers.range(writer..).skip(1).map(|(id, it)| (id, it, "writes"));
            let others = readers.map(|(id, it)| (id, it, "uses")).chain(later);
            let unordered = others.filter(|(other, ..)| !order.is_known(writer, **other));
            found.extend(unordered.map(|(_, other, verb)| warning(scene, path, wrote, (other, verb))));
        }
        let parents = Path::new(path).ancestors().skip(1).filter_map(Path::to_str);
        for parent in parents.filter(|parent| !parent.is_empty()) {
            let Some(made) = files.get(&(*place, parent.to_owned(), folder.clone())) else { continue };
            found.extend(in_folder(scene, &mut order, parent, made, path, users));
        }
    }
}

/// A step that writes a file into a folder that other steps make, none of which comes before it.
fn in_folder(
    scene: &Scene<'_>,
    order: &mut Order<'_>,
    folder: &str,
    made: &Users<'_>,
    path: &str,
    users: &Users<'_>,
) -> Option<Diagnostic> {
    let (_, maker) = made.makers.iter().next()?;
    let (_, writer) = users.writers.iter().find(|(id, _)| {
        !made.makers.contains_key(id) && !made.makers.keys().any(|maker| order.is_known(*maker, **id))
    })?;
    Some(warning_of_folder(scene, folder, path, maker, writer))
}

fn uses<'s>(script: &'s ReadStep<'s>, files: &mut Files<'s>) {
    let folder = script.step.working_dir.as_ref().map(|dir| dir.source.clone());
    let mut moved = false;
    for command in &script.commands {
        let FileUse { mut writes, makes, reads } = FileUse::of(command);
        let is_read = |mode: Mode| mode == Mode::Read;
        let redirected =
            command.redirections.iter().filter(|it| !is_read(it.mode)).map(|it| it.target.clone());
        writes.extend(redirected);
        let read = command.redirections.iter().filter(|it| is_read(it.mode)).map(|it| it.target.clone());
        let reads: Vec<Word> = read.chain(reads).filter(|word| !writes.contains(word)).collect();
        let mut note =
            |word: &Word, list: for<'u> fn(&'u mut Users<'s>) -> &'u mut BTreeMap<StepId, Use<'s>>| {
                let path = path(word).and_then(|path| of_member(path, script.step.member.as_deref()));
                let Some(path) = path.filter(|path| path.starts_with('/') || !moved) else {
                    return;
                };
                let folder = folder.clone().filter(|_| !path.starts_with('/'));
                let users = files.entry((Where::of(script, &path), path, folder)).or_default();
                list(users).entry(script.id).or_insert_with(|| Use { script, range: word.range.clone() });
            };
        writes.iter().for_each(|word| note(word, |users| &mut users.writers));
        makes.iter().for_each(|word| note(word, |users| &mut users.makers));
        reads.iter().for_each(|word| note(word, |users| &mut users.readers));
        moved |= matches!(command.program(), "cd" | "pushd" | "popd");
    }
}

/// A file's path as it is compared; nothing if it is not plain to see, or no file that steps share.
fn path(word: &Word) -> Option<String> {
    let path = word.text.trim_start_matches("./").trim_end_matches('/');
    let is_device = path.starts_with("/dev/") || path.starts_with("/proc/") || path == "-";
    (word.plain && !path.is_empty() && !is_device).then(|| path.to_owned())
}

/// A path with the values of a member of a matrix in it; nothing where not all of it is plain to see.
fn of_member(path: String, member: Option<&Member>) -> Option<String> {
    let Some(member) = member else { return Some(path) };
    let known = member.matrix.iter().filter(|(_, value)| *value != MatrixValue::Unknown);
    let put = |path: String, (axis, value): &(String, MatrixValue)| {
        path.replace(&format!("{{{{matrix.{axis}}}}}"), value.spelled())
    };
    let path = known.fold(path, put);
    (!path.contains("{{matrix")).then_some(path)
}

/// Which steps come before which: by `depends_on`, because one reads what the other one made, because it uses the other,
/// a service, or because it runs at the end.
struct Order<'p> {
    pipeline: &'p Pipeline,
    /// How many more steps may be looked at before any two are taken to be in order.
    patience: usize,
}

impl Order<'_> {
    /// Whether one of two steps comes before the other.
    fn is_known(&mut self, a: StepId, b: StepId) -> bool {
        let is_last = |id: StepId| self.pipeline.step(id).role == Role::Finally;
        is_last(a) != is_last(b) || self.patience == 0 || self.comes_before(a, b) || self.comes_before(b, a)
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
            let used = step.usages().map(|usage| usage.step);
            let before = step.depends_on.iter().map(|dependency| dependency.step);
            for before in before.chain(producers).chain(used) {
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
    let (before, after) = scene.pipeline.side_by_side(wrote.script.step, other.script.step);
    let message =
        format!("`{user}` {verb} `{path}`, which `{writer}` writes, and neither waits for the other");
    scene
        .warning(Code::UnorderedFiles, other.script.text, other.range.clone(), message)
        .also(scene.span(wrote.script.text, wrote.range.clone()), format!("`{writer}` writes it here"))
        .help(format!("if `{user}` comes after it, add `depends_on: {before}` to `{after}`"))
}

fn warning_of_folder(
    scene: &Scene<'_>,
    folder: &str,
    path: &str,
    maker: &Use<'_>,
    user: &Use<'_>,
) -> Diagnostic {
    let (makes, writes) = (&maker.script.step.name, &user.script.step.name);
    let (before, after) = scene.pipeline.side_by_side(maker.script.step, user.script.step);
    let message =
        format!("`{writes}` writes `{path}` into the folder that `{makes}` makes, and does not wait for it");
    scene
        .warning(Code::UnorderedFiles, user.script.text, user.range.clone(), message)
        .also(scene.span(maker.script.text, maker.range.clone()), format!("`{makes}` makes `{folder}` here"))
        .help(format!("add `depends_on: {before}` to `{after}`, or write `mkdir -p {folder}` in it as well"))
}
