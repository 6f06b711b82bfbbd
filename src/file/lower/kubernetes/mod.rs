//! `kubernetes`, at the top of a file and in its steps.

mod names;
mod pod;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytesize::ByteSize;

use self::names::{is_dns_label, is_subdomain};
use super::Lowering;
use crate::file::Code;
use crate::file::raw::{RawHubStore, RawKubernetes, RawPipeline, RawWorkspace};
use crate::file::words::{self, shown};
use crate::file::yaml::{Field, Literal};
use crate::pipeline::{HubStore, Kubernetes, Span, Upload, UploadedPath, Workspace};

/// The shortest lease: the two sides hear from each other once a second.
const SHORTEST_LEASE: Duration = Duration::from_secs(5);

impl Lowering<'_> {
    /// What the file says about a run in a cluster, with the defaults for the rest.
    pub(super) fn kubernetes(&mut self, raw: &RawPipeline) -> Box<Kubernetes> {
        let Some((raw, at)) = raw.kubernetes.get() else { return Box::default() };
        let RawKubernetes {
            namespace,
            helper_image,
            image_pull_secrets,
            service_account,
            workspace,
            store,
            lease,
            start_timeout,
            pod,
        } = raw;
        let defaults = Kubernetes::default();
        let name = |named: Option<(String, Span)>| named.map(|(name, _)| name);
        Box::new(Kubernetes {
            at,
            namespace: name(self.cluster_name("namespace", namespace, is_dns_label)),
            helper_image: self.helper_image(helper_image),
            image_pull_secrets: image_pull_secrets
                .entries()
                .into_iter()
                .filter(|(name, at)| self.is_cluster_name("image_pull_secrets", name, *at, is_subdomain))
                .map(|(name, _)| name.clone())
                .collect(),
            service_account: name(self.cluster_name("service_account", service_account, is_subdomain)),
            workspace: workspace.value().map(|raw| self.workspace(raw)).unwrap_or_default(),
            store: store.value().map(|raw| self.hub_store(raw)).unwrap_or_default(),
            lease: self.lease(lease).unwrap_or(defaults.lease),
            start_timeout: self
                .fixed_duration("start_timeout", start_timeout)
                .unwrap_or(defaults.start_timeout),
            pod: pod.value().map(|raw| self.pod(raw)).unwrap_or_default(),
        })
    }

    fn helper_image(&mut self, field: &Field<String>) -> Option<String> {
        let (image, at) = field.get()?;
        let is_image = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        self.is_cluster_name("helper_image", image, at, is_image).then(|| image.clone())
    }

    fn workspace(&mut self, raw: &RawWorkspace) -> Workspace {
        let RawWorkspace { upload, exclude, limit, claim } = raw;
        if let Some(claim_at) = claim.at() {
            let others = [("upload", upload.at()), ("exclude", exclude.at()), ("limit", limit.at())];
            for (key, at) in others.into_iter().filter_map(|(key, at)| Some((key, at?))) {
                let message =
                    format!("nothing is uploaded to a `claim`, and `{key}` says something about that");
                let problem = self.at(Code::BadKubernetes, at, message).also(claim_at, "the claim");
                self.report(problem.help(format!("remove `{key}`, or `claim`")));
            }
            let claim = self.cluster_name("claim", claim, is_subdomain);
            return claim.map(|(claim, _)| Workspace::Claim(claim)).unwrap_or_default();
        }
        let defaults = Upload::default();
        let paths = if upload.is_missing() { defaults.paths } else { self.uploaded(upload) };
        let exclude = exclude.entries().into_iter().filter_map(|(pattern, at)| {
            let is_fine = self.is_plain_text("exclude", pattern, at) && self.is_pattern(pattern, at);
            is_fine.then(|| pattern.clone())
        });
        let exclude = exclude.collect();
        let limit = self.bytes("limit", limit).unwrap_or(defaults.limit);
        let at = upload.at().or(raw.limit.at()).or(raw.exclude.at()).unwrap_or_default();
        Workspace::Upload(Upload { at, paths, exclude, limit })
    }

    fn uploaded(&mut self, field: &Field<crate::file::yaml::OneOrMany<String>>) -> Vec<UploadedPath> {
        let mut paths = Vec::new();
        for (path, at) in field.entries() {
            let is_inside = !path.starts_with('/') && path.split('/').all(|part| part != "..");
            if path.trim().is_empty() {
                self.bad_kubernetes(at, "`upload` names nothing", "name a file or a folder, or leave it out");
            } else if !self.is_plain_text("upload", path, at) {
            } else if !is_inside {
                let message = format!("{} is not inside the working directory", shown(path));
                self.bad_kubernetes(
                    at,
                    message,
                    "a file elsewhere is uploaded where a param of `type: path` names it",
                );
            } else {
                self.path("upload", path, at);
                paths.push(UploadedPath { path: path.clone(), at });
            }
        }
        paths
    }

    fn is_pattern(&mut self, pattern: &str, at: Span) -> bool {
        let Err(error) = glob::Pattern::new(pattern) else { return !pattern.is_empty() };
        let message = format!("{} is no pattern: {}", shown(pattern), error.msg);
        self.bad_kubernetes(at, message, "write a name, a path or a pattern: `.git`, `docs/build`, `*.log`");
        false
    }

    fn hub_store(&mut self, raw: &RawHubStore) -> HubStore {
        let RawHubStore { size, class } = raw;
        let size_at = size.at();
        let size = self.bytes("size", size);
        let class = self.cluster_name("class", class, is_subdomain);
        if let (Some((_, at)), None) = (&class, size_at) {
            self.bad_kubernetes(*at, "a volume of a class needs a size", "add one, such as `size: 20GiB`");
        }
        HubStore { size, class: class.map(|(class, _)| class) }
    }

    fn lease(&mut self, field: &Field<String>) -> Option<Duration> {
        let lease = self.fixed_duration("lease", field)?;
        if lease < SHORTEST_LEASE {
            let at = field.at().unwrap_or_default();
            let message = "a lease this short ends whenever the network is slow";
            self.bad_kubernetes(at, message, "write `5s` or more");
        }
        Some(lease)
    }

    /// A length of time that no template makes.
    fn fixed_duration(&mut self, key: &str, field: &Field<String>) -> Option<Duration> {
        let (text, at) = field.get()?;
        if !self.is_plain_text(key, text, at) {
            return None;
        }
        match words::duration(text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                let problem = self.at(Code::BadDuration, at, error.message).maybe_help(error.help);
                self.report(problem);
                None
            }
        }
    }

    fn bytes(&mut self, key: &str, field: &Field<Literal>) -> Option<u64> {
        let (literal, at) = field.get()?;
        if !self.is_plain_text(key, &literal.text, at) {
            return None;
        }
        let bytes = literal.text.trim().parse::<ByteSize>().ok().map(|size| size.as_u64());
        if bytes.is_none_or(|bytes| bytes == 0) {
            let message = format!("{} is not a size", shown(&literal.text));
            self.report(self.at(Code::BadNumber, at, message).help("write it like `512MiB` or `20GiB`"));
        }
        bytes
    }

    /// A name of something in the cluster; nothing if it is none, which is reported.
    fn cluster_name(
        &mut self,
        key: &str,
        field: &Field<String>,
        is_name: impl Fn(&str) -> bool,
    ) -> Option<(String, Span)> {
        let (text, at) = field.get()?;
        self.is_cluster_name(key, text, at, is_name).then(|| (text.clone(), at))
    }

    fn is_cluster_name(&mut self, key: &str, text: &str, at: Span, is_name: impl Fn(&str) -> bool) -> bool {
        if !self.is_plain_text(key, text, at) {
            return false;
        }
        if !is_name(text) {
            let message = format!("`{key}` cannot be {}", shown(text));
            let help = match key {
                "helper_image" => "write the name of an image, such as `registry.example.org/pipe:1.0`",
                "namespace" => "names in a cluster have small letters, digits and `-`, 63 at the most",
                "key" | "value" => "write it like `gpu` or `example.org/gpu`",
                _ => {
                    "names in a cluster have small letters, digits, `-` and `.`, and begin and end with a letter or a digit"
                }
            };
            self.bad_kubernetes(at, message, help);
            return false;
        }
        true
    }

    /// Whether a text has no template, which `kubernetes` does not take.
    fn is_plain_text(&mut self, key: &str, text: &str, at: Span) -> bool {
        let has_template = text.contains("{{") || text.contains("{%");
        if has_template {
            let message = format!("`{key}` has no templates: it is the same in every run");
            let help =
                "write the value itself; `--namespace` and `--kube-context` say what differs from run to run";
            self.bad_kubernetes(at, message, help);
        }
        !has_template
    }

    fn bad_kubernetes(&mut self, at: Span, message: impl Into<String>, help: impl Into<String>) {
        let problem = self.at(Code::BadKubernetes, at, message).help(help);
        self.report(problem);
    }
}
