//! What a member leaves behind that later gangs, or the client, need: the files that it produces, and its stream, if that
//! is stored or kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::cluster::order::message::FromPod;
use crate::cluster::store::Manifest;
use crate::event::StepFinished;
use crate::pipeline::{Outcome, Pipeline, StepId};
use crate::runner::{GangOrder, plain_path, produced_folders};
use crate::template::{Scope, StepOutputsMode};

/// Where it lies. It has no job: as long as there is one, there may be events.
pub(super) struct Places {
    working_dir: PathBuf,
    streams_dir: PathBuf,
    products: BTreeMap<StepId, Products>,
}

/// Where the products of a member lie.
#[derive(Debug, Default)]
struct Products {
    /// The folder that their paths are seen from.
    folder: PathBuf,
    /// The paths and globs of `produces`.
    patterns: Vec<String>,
}

impl Places {
    pub(super) fn of(gang: &GangOrder) -> Self {
        let (job, body) = (&gang.job, gang.body.as_deref());
        let products = |id: &StepId| {
            let step = job.pipeline.step(*id);
            let outputs = StepOutputsMode::These(&gang.given);
            let scope = Scope { step: Some(step), outputs, body, ..Scope::default() };
            // What cannot be rendered keeps the step from running.
            let own = step.working_dir.as_ref().and_then(|dir| job.templates.render(dir, scope).ok());
            let folder = job.place.working_dir.join(own.unwrap_or_default());
            let patterns = step.produces.iter().filter_map(|text| job.templates.render(text, scope).ok());
            (*id, Products { folder, patterns: patterns.collect() })
        };
        Self {
            working_dir: job.place.working_dir.clone(),
            streams_dir: job.place.streams_dir.clone(),
            products: gang.steps.iter().map(products).collect(),
        }
    }

    /// Returns what a member has left behind that has ended; nothing of one that has not succeeded.
    pub(super) fn made(&self, pipeline: &Pipeline, end: &StepFinished) -> Vec<FromPod> {
        if end.outcome != Outcome::Succeeded {
            return Vec::new();
        }
        let step = pipeline.step(end.step);
        let made = |folder: &Path, paths: Vec<PathBuf>| FromPod::Made {
            step: step.name.clone(),
            folder: folder.to_owned(),
            paths,
            manifest: Manifest::default(),
        };
        let products = self.products(end);
        let products = (!products.is_empty()).then(|| made(&self.working_dir, products));
        let stream = step.output.map(|port| pipeline.stream(port.stream).name.as_str());
        let stream = stream.filter(|name| self.streams_dir.join(name).is_file());
        let stream = stream.map(|name| made(&self.streams_dir, vec![PathBuf::from(name)]));
        products.into_iter().chain(stream).collect()
    }

    /// Returns the paths of products in the working directory. Others were refused before. A folder stands for all that is
    /// in it.
    fn products(&self, end: &StepFinished) -> Vec<PathBuf> {
        let Some(Products { folder, patterns }) = self.products.get(&end.step) else { return Vec::new() };
        let below = |path: &Path| {
            let path = plain_path(&folder.join(path));
            path.strip_prefix(&self.working_dir)
                .ok()
                .filter(|path| !path.as_os_str().is_empty())
                .map(Path::to_owned)
        };
        let folders = produced_folders(folder, patterns);
        let mut paths: BTreeSet<PathBuf> = folders.iter().filter_map(|path| below(path)).collect();
        let files = end.products.iter().filter_map(|product| below(Path::new(&product.path)));
        let loose: Vec<PathBuf> =
            files.filter(|file| !file.ancestors().any(|above| paths.contains(above))).collect();
        paths.extend(loose);
        paths.into_iter().collect()
    }
}
