//! The keys of a step that make it run in a container.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use super::Lowering;
use crate::file::raw::{
    RawBuild, RawBuildKeys, RawContainer, RawMount, RawMountKeys, RawMountType, RawPull, RawResources,
    RawStep, RawUsedServices,
};
use crate::file::words::shown;
use crate::file::yaml::{Field, OneOrMany};
use crate::file::{Code, LoadOptions};
use crate::pipeline::{
    Access, Build, Container, Exec, Image, Mount, MountSource, Pull, Resources, Span, Template,
};
use crate::template::TextContext;

/// Where steps run that say nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct ContainerDefaults {
    /// All steps run in containers, by this flag.
    pub all: Option<&'static str>,
    /// The image for those that name none.
    image: Option<Template>,
}

/// The keys that say how a container is.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContainerKeys<'r> {
    image: &'r Field<String>,
    build: &'r Field<RawBuild>,
    user: &'r Field<String>,
    network: &'r Field<String>,
    mounts: &'r Field<Vec<Field<RawMount>>>,
    resources: &'r Field<RawResources>,
    pull: &'r Field<RawPull>,
    platform: &'r Field<String>,
    services: &'r Field<RawUsedServices>,
}

impl<'r> From<&'r RawStep> for ContainerKeys<'r> {
    fn from(raw: &'r RawStep) -> Self {
        let RawStep { image, build, user, network, mounts, resources, pull, platform, services, .. } = raw;
        Self { image, build, user, network, mounts, resources, pull, platform, services }
    }
}

impl<'r> From<&'r RawContainer> for ContainerKeys<'r> {
    fn from(raw: &'r RawContainer) -> Self {
        let RawContainer { image, build, user, network, mounts, resources, pull, platform, env: _, services } =
            raw;
        Self { image, build, user, network, mounts, resources, pull, platform, services }
    }
}

impl ContainerKeys<'_> {
    /// Where the keys stand that belong to the container alone, and not to what runs in it.
    pub(super) fn of_container_alone(&self) -> impl Iterator<Item = (&'static str, Span)> {
        let Self { image, build, user: _, network, mounts, resources, pull, platform, services } = self;
        let keys = [
            ("image", image.at()),
            ("build", build.at()),
            ("network", network.at()),
            ("mounts", mounts.at()),
            ("resources", resources.at()),
            ("pull", pull.at()),
            ("platform", platform.at()),
            ("services", services.at()),
        ];
        keys.into_iter().filter_map(|(key, at)| Some((key, at?)))
    }
}

impl Lowering<'_> {
    pub(super) fn container_defaults(
        &mut self,
        image: &Field<String>,
        options: &LoadOptions,
    ) -> ContainerDefaults {
        let of_file = self.plain(image);
        let given = options.image.as_ref().map(|image| Template::literal(image, Span::default()));
        let all = match (options.cluster, options.containers) {
            (true, _) => Some("--on kubernetes"),
            (false, true) => Some("--docker"),
            (false, false) => None,
        };
        ContainerDefaults { all, image: of_file.or(given) }
    }

    /// The container of a step or a service; nothing if it runs on this machine. `what` says which of the two.
    pub(super) fn container(
        &mut self,
        (what, name): (&str, &str),
        raw: &RawStep,
        at: Span,
        defaults: &ContainerDefaults,
    ) -> Option<Container> {
        let keys = ContainerKeys::from(raw);
        let container = self.with_image((what, name), &keys, at, defaults);
        // Two images have been reported.
        if container.is_none() && (keys.image.at().is_none() || keys.build.at().is_none()) {
            self.without_image((what, name), raw, at, defaults);
        }
        container
    }

    /// The container that these keys say; nothing if they name no image, or two. `what` says whose keys they are.
    pub(super) fn with_image(
        &mut self,
        (what, name): (&str, &str),
        raw: &ContainerKeys<'_>,
        at: Span,
        defaults: &ContainerDefaults,
    ) -> Option<Container> {
        let own = raw.image.at().is_some() || raw.build.at().is_some();
        // A container is made of what is known before its step starts.
        let services = std::mem::replace(&mut self.names.services, false);
        let container = self.made_of((what, name), raw, (at, own), defaults);
        self.names.services = services;
        container
    }

    fn made_of(
        &mut self,
        (what, name): (&str, &str),
        raw: &ContainerKeys<'_>,
        (at, own): (Span, bool),
        defaults: &ContainerDefaults,
    ) -> Option<Container> {
        let (image, image_at) = match (self.plain(raw.image), self.build(raw.build)) {
            (Some(_), Some(_)) => {
                let (image, build) = (raw.image.at().unwrap_or(at), raw.build.at().unwrap_or(at));
                let problem = self.at(
                    Code::TwoImages,
                    build,
                    format!("the {what} `{name}` names an image and builds one"),
                );
                self.report(problem.also(image, "named here").help("remove `image` or `build`"));
                return None;
            }
            (Some(image), None) => (Image::Named(image), raw.image.at().unwrap_or(at)),
            (None, Some(build)) => (Image::Built(Box::new(build)), raw.build.at().unwrap_or(at)),
            (None, None) if defaults.all.is_some() => (Image::Named(defaults.image.clone()?), at),
            (None, None) => return None,
        };
        Some(Container {
            image,
            at: image_at,
            stands_in: !own,
            pull: match raw.pull.value() {
                None | Some(RawPull::Missing) => Pull::Missing,
                Some(RawPull::Always) => Pull::Always,
                Some(RawPull::Never) => Pull::Never,
            },
            platform: raw.platform.value().cloned(),
            user: self.plain(raw.user),
            network: self.plain(raw.network),
            mounts: self.mounts(raw.mounts),
            resources: self.resources(raw.resources),
        })
    }

    /// What runs on this machine must not say how its container is.
    fn without_image(
        &mut self,
        (what, name): (&str, &str),
        raw: &RawStep,
        at: Span,
        defaults: &ContainerDefaults,
    ) {
        // Their own diagnostics have been reported.
        if raw.image.at().is_some() || raw.build.at().is_some() {
            return;
        }
        let keys = [
            ("entrypoint", raw.entrypoint.at()),
            ("args", raw.args.at()),
            ("user", raw.user.at()),
            ("network", raw.network.at()),
            ("mounts", raw.mounts.at()),
            ("resources", raw.resources.at()),
            ("pull", raw.pull.at()),
            ("platform", raw.platform.at()),
        ];
        if let Some(flag) = defaults.all {
            let problem =
                self.at(Code::NeedsImage, at, format!("the {what} `{name}` has no image to run in"));
            self.report(problem.help(format!(
                "with `{flag}` every step runs in a container: add `image` to the step or to `defaults`, or give \
                 `--image`",
            )));
        } else if let Some((key, key_at)) = keys.into_iter().find_map(|(key, at)| Some((key, at?))) {
            let problem =
                self.at(Code::NeedsImage, key_at, format!("`{key}` says something about a container"));
            self.report(
                problem.help(format!("add `image` to the {what} `{name}`, such as `image: alpine:3.20`")),
            );
        }
    }

    /// The program of a step without `run`.
    pub(super) fn exec(&mut self, raw: &RawStep) -> Option<Exec> {
        if raw.entrypoint.is_missing() && raw.args.is_missing() {
            return None;
        }
        let has_entrypoint = raw.entrypoint.value().is_some();
        let entrypoint = self.words(&raw.entrypoint);
        Some(Exec { entrypoint: has_entrypoint.then_some(entrypoint), args: self.words(&raw.args) })
    }

    fn words(&mut self, field: &Field<OneOrMany<String>>) -> Vec<Template> {
        let words = field.entries();
        words.into_iter().map(|(word, at)| self.template(word, at, TextContext::Argument)).collect()
    }

    /// A text that must say something.
    pub(super) fn plain(&mut self, field: &Field<String>) -> Option<Template> {
        let (text, at) = field.get()?;
        if text.trim().is_empty() {
            let problem = self.at(Code::BadPath, at, "nothing stands here");
            self.report(problem.help("write a value, or leave the key out"));
            return None;
        }
        Some(self.template(text, at, TextContext::Argument))
    }

    fn build(&mut self, field: &Field<RawBuild>) -> Option<Build> {
        let (build, at) = field.get()?;
        Some(match build {
            RawBuild::Context(folder) => Build {
                context: self.template(&folder.text, at, TextContext::Argument),
                dockerfile: None,
                args: Vec::new(),
                target: None,
            },
            RawBuild::Full(keys) => self.build_keys(keys, at),
        })
    }

    fn build_keys(&mut self, keys: &RawBuildKeys, at: Span) -> Build {
        Build {
            context: self.plain(&keys.context).unwrap_or_else(|| Template::literal(".", at)),
            dockerfile: self.plain(&keys.dockerfile),
            args: self.env(&keys.args),
            target: keys.target.value().cloned(),
        }
    }

    fn mounts(&mut self, field: &Field<Vec<Field<RawMount>>>) -> Vec<Mount> {
        let entries = field.value().map(Vec::as_slice).unwrap_or_default();
        let mut mounts: Vec<Mount> = Vec::with_capacity(entries.len());
        for (mount, at) in entries.iter().filter_map(Field::get) {
            let mount = match mount {
                RawMount::Short(text) => self.short_mount(&text.text, at),
                RawMount::Full(keys) => self.long_mount(keys, at),
            };
            let Some(mount) = mount else { continue };
            let target = plain_target(&mount.target.source);
            if let Some(first) = mounts.iter().find(|other| plain_target(&other.target.source) == target) {
                let problem =
                    self.at(Code::BadMount, at, format!("two mounts have the target {}", shown(&target)));
                self.report(
                    problem
                        .also(first.target.at, "the first")
                        .help("give one of them another target, or remove it"),
                );
                continue;
            }
            mounts.push(mount);
        }
        mounts
    }

    fn short_mount(&mut self, text: &str, at: Span) -> Option<Mount> {
        let parts = split_outside_expressions(text);
        let (source, target, access) = match parts.as_slice() {
            [source, target] => (*source, *target, Access::ReadWrite),
            [source, target, "ro"] => (*source, *target, Access::ReadOnly),
            [source, target, "rw"] => (*source, *target, Access::ReadWrite),
            _ => {
                let problem = self.at(Code::BadMount, at, format!("{} is no mount", shown(text)));
                self.report(problem.help(
                    "write source, target and perhaps `ro`: `./src:/src:ro`, or the long form \
                     `{source: ./src, target: /src, read_only: true}`",
                ));
                return None;
            }
        };
        self.path("mounts", source, at);
        let is_path = source.starts_with(['.', '/', '~', '{']);
        let [source_text, target] =
            [source, target].map(|part| self.template(part, at, TextContext::Argument));
        self.target(&target, at)?;
        let source = match is_path {
            true => MountSource::Path(source_text),
            false => MountSource::Volume(source_text),
        };
        Some(Mount { source, target, access })
    }

    fn long_mount(&mut self, keys: &RawMountKeys, at: Span) -> Option<Mount> {
        let Some(target) = self.plain(&keys.target) else {
            if keys.target.is_missing() {
                let problem = self.at(Code::BadMount, at, "this mount has no `target`");
                self.report(problem.help("add where the container sees it, such as `target: /src`"));
            }
            return None;
        };
        self.target(&target, keys.target.at().unwrap_or(at))?;
        if let Some((source, at)) = keys.source.get() {
            self.path("source", source, at);
        }
        let source = self.plain(&keys.source);
        let source = match (keys.kind.value(), source) {
            (Some(RawMountType::Tmpfs), None) => MountSource::Tmpfs,
            (None | Some(RawMountType::Bind), Some(path)) => MountSource::Path(path),
            (Some(RawMountType::Volume), Some(name)) => MountSource::Volume(name),
            (Some(RawMountType::Tmpfs), Some(source)) => {
                let problem = self.at(Code::BadMount, source.at, "a mount of type `tmpfs` has no `source`");
                self.report(problem.help("remove `source`: it is memory"));
                return None;
            }
            (_, None) => {
                if keys.source.is_missing() {
                    let problem = self.at(Code::BadMount, at, "this mount has no `source`");
                    self.report(problem.help("add what is mounted, such as `source: ./src`"));
                }
                return None;
            }
        };
        let read_only = keys.read_only.value().copied().unwrap_or_default();
        Some(Mount { source, target, access: if read_only { Access::ReadOnly } else { Access::ReadWrite } })
    }

    /// A target is absolute, as far as that can be seen.
    fn target(&mut self, target: &Template, at: Span) -> Option<()> {
        if target.source.starts_with(['/', '{']) {
            return Some(());
        }
        let problem =
            self.at(Code::BadMount, at, format!("the target {} is not absolute", shown(&target.source)));
        self.report(problem.help("a container's paths begin with `/`, such as `/src`"));
        None
    }

    fn resources(&mut self, field: &Field<RawResources>) -> Resources {
        let Some(keys) = field.value() else { return Resources::default() };
        let cpus = keys.cpus.get().and_then(|(cpus, at)| {
            let number = cpus.text.trim().parse::<f64>().ok().filter(|cpus| cpus.is_finite() && *cpus > 0.0);
            if number.is_none() {
                let problem =
                    self.at(Code::BadNumber, at, format!("{} is no number of processors", shown(&cpus.text)));
                self.report(problem.help("write it like `2` or `0.5`"));
            }
            number
        });
        let memory = keys.memory.get().and_then(|(memory, at)| {
            let bytes = memory.text.trim().parse::<ByteSize>().ok().map(|size| size.as_u64());
            if bytes.is_none() {
                let problem = self.at(Code::BadNumber, at, format!("{} is not a size", shown(&memory.text)));
                self.report(problem.help("write it like `512MiB` or `1.5GB`"));
            }
            bytes
        });
        let pids = keys.pids.get().and_then(|(&pids, at)| {
            if pids == 0 {
                let problem = self.at(Code::BadNumber, at, "`pids: 0` would let no process run");
                self.report(problem.help("write 1 or more, or leave it out"));
            }
            (pids > 0).then_some(pids)
        });
        Resources { cpus, memory, pids }
    }
}

/// A target without what means nothing in it: `/src/` is `/src`.
fn plain_target(text: &str) -> String {
    let path: PathBuf = Path::new(text).components().collect();
    path.to_string_lossy().into_owned()
}

/// The parts between colons, but for colons inside `{{ }}`.
fn split_outside_expressions(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("{{") {
            at += rest.find("}}").map_or(rest.len(), |end| end + 2);
        } else if rest.starts_with(':') {
            parts.extend(text.get(start..at));
            at += 1;
            start = at;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    parts.extend(text.get(start..));
    parts
}
