//! `env_file`: which files of variables a pipeline reads.

use super::Lowering;
use crate::file::Code;
use crate::file::raw::{RawEnvFile, RawEnvFileKeys, RawEnvFiles, RawPipeline};
use crate::pipeline::{EnvFile, Span};

impl Lowering<'_> {
    pub(super) fn env_files(&mut self, raw: &RawPipeline) -> Vec<EnvFile> {
        match raw.env_file.get() {
            None => Vec::new(),
            Some((RawEnvFiles::One(path), at)) => self.env_file(&path.text, at, true).into_iter().collect(),
            Some((RawEnvFiles::Full(keys), at)) => self.env_file_keys(keys, at).into_iter().collect(),
            Some((RawEnvFiles::Many(files), _)) => {
                let files = files.iter().filter_map(|file| file.get());
                let file = |(file, at): (&RawEnvFile, Span)| match file {
                    RawEnvFile::Path(path) => self.env_file(&path.text, at, true),
                    RawEnvFile::Full(keys) => self.env_file_keys(keys, at),
                };
                files.filter_map(file).collect()
            }
        }
    }

    fn env_file_keys(&mut self, keys: &RawEnvFileKeys, at: Span) -> Option<EnvFile> {
        let Some((path, path_at)) = keys.path.get() else {
            if keys.path.is_missing() {
                let problem = self.at(Code::MissingKey, at, "this `env_file` has no `path`");
                self.report(problem.help("add the file, such as `path: .env`"));
            }
            return None;
        };
        self.env_file(path, path_at, keys.required.value().copied().unwrap_or(true))
    }

    fn env_file(&mut self, path: &str, at: Span, is_required: bool) -> Option<EnvFile> {
        if path.trim().is_empty() {
            let problem = self.at(Code::BadPath, at, "`env_file` names nothing");
            self.report(problem.help("name a file, such as `.env`, or leave it out"));
            return None;
        }
        if path.contains("{{") || path.contains("{%") {
            let message = "`env_file` has no templates: the values of params may come from the file";
            let problem = self.at(Code::BadPath, at, message);
            self.report(
                problem.help("name the file itself; `{path: .env.local, required: false}` may be missing"),
            );
            return None;
        }
        if let Some(error) = crate::file::paths::unexpanded(path) {
            let problem = self.at(Code::BadPath, at, format!("`env_file`: {}", error.message));
            self.report(
                problem.help("write the path from the folder of the pipeline file, or the whole path"),
            );
            return None;
        }
        Some(EnvFile { path: path.into(), at, is_required })
    }
}
