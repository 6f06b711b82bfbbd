//! Building an image.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bollard::query_parameters::BuildImageOptionsBuilder;
use futures::StreamExt;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use sha2::{Digest, Sha256};

use super::Notify;
use super::engine::{Engine, words};
use super::image::Missing;
use crate::executor::{ImageSource, ImageSpec};

/// The last lines of a failed build that are worth showing.
const LINES: usize = 12;

/// Builds an image; what the engine knows it by. The engine's own cache makes a second build quick.
pub(super) async fn build(engine: &Engine, image: &ImageSpec, notify: &Notify) -> Result<String, Missing> {
    let ImageSource::Built { context, dockerfile, args, target } = &image.source else {
        return Err(Missing::Step("there is nothing to build".into()));
    };
    let (folder, file) = (context.clone(), dockerfile.clone());
    let packed = tokio::task::spawn_blocking(move || pack(&folder, &file)).await;
    let packed = match packed {
        Ok(Ok(packed)) => packed,
        Ok(Err(why)) => return Err(Missing::Step(why)),
        Err(error) => return Err(Missing::Step(format!("cannot pack {}: {error}", context.display()))),
    };
    let tag = tag(image);
    let args: HashMap<String, String> = args.iter().cloned().collect();
    let mut options = BuildImageOptionsBuilder::default()
        .dockerfile(dockerfile)
        .t(&tag)
        .rm(true)
        .forcerm(true)
        .buildargs(&args);
    if let Some(target) = target {
        options = options.target(target);
    }
    if let Some(platform) = &image.platform {
        options = options.platform(platform);
    }
    notify(format!("building the image of {}", context.display()));
    let docker = engine.patient();
    let mut log = Vec::new();
    let mut output =
        std::pin::pin!(docker.build_image(options.build(), None, Some(bollard::body_full(packed.into()))));
    while let Some(info) = output.next().await {
        let info = info.map_err(|error| failed(engine, context, &error, &log))?;
        log.extend(
            info.stream
                .iter()
                .flat_map(|text| text.lines())
                .filter(|line| !line.trim().is_empty())
                .map(str::to_owned),
        );
        if let Some(message) = info.error_detail.and_then(|detail| detail.message) {
            let error = bollard::errors::Error::DockerStreamError { error: message };
            return Err(failed(engine, context, &error, &log));
        }
    }
    Ok(tag)
}

fn failed(engine: &Engine, context: &Path, error: &bollard::errors::Error, log: &[String]) -> Missing {
    let last = log.get(log.len().saturating_sub(LINES)..).unwrap_or_default().join("\n");
    let what = format!("the image of {} cannot be built", context.display());
    match Missing::of(engine, &what, error) {
        Missing::Step(_) if !last.is_empty() => Missing::Step(format!("{what}: {}\n{last}", words(error))),
        missing => missing,
    }
}

/// One tag for one way to build, so that a next run replaces the image.
fn tag(image: &ImageSpec) -> String {
    let hash = Sha256::digest(format!("{:?} {:?}", image.source, image.platform));
    let hash: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("pipe-build:{hash}")
}

/// The folder as the engine takes it, without what `.dockerignore` names.
fn pack(context: &Path, dockerfile: &str) -> Result<Vec<u8>, String> {
    if !context.join(dockerfile).is_file() {
        return Err(format!("there is no {dockerfile} in {}", context.display()));
    }
    let ignored = ignored(context)?;
    let mut archive = tar::Builder::new(Vec::new());
    archive.follow_symlinks(false);
    let failed = |path: &Path, error: std::io::Error| format!("cannot pack {}: {error}", path.display());
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        let here = context.join(&folder);
        let mut entries: Vec<_> =
            std::fs::read_dir(&here).map_err(|error| failed(&here, error))?.filter_map(Result::ok).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = folder.join(entry.file_name());
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let is_needed = path == Path::new(dockerfile) || path == Path::new(".dockerignore");
            let is_ignored = ignored.matched(&path, is_dir).is_ignore() && !is_needed;
            // A folder that is ignored may still have something in it that is not.
            if is_dir {
                open.push(path.clone());
            }
            if !is_ignored {
                archive.append_path_with_name(entry.path(), &path).map_err(|error| failed(&path, error))?;
            }
        }
    }
    archive.into_inner().map_err(|error| failed(context, error))
}

/// `.dockerignore`: as git's, but every pattern counts from the top.
fn ignored(context: &Path) -> Result<Gitignore, String> {
    let file = context.join(".dockerignore");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let mut builder = GitignoreBuilder::new("");
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (not, pattern) = match line.strip_prefix('!') {
            Some(rest) => ("!", rest.trim_start()),
            None => ("", line),
        };
        let pattern = pattern.trim_start_matches("./").trim_start_matches('/');
        let anchored = format!("{not}/{pattern}");
        builder.add_line(None, &anchored).map_err(|error| format!("{}: {error}", file.display()))?;
        // What lies in an ignored folder is ignored with it.
        builder
            .add_line(None, &format!("{anchored}/**"))
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    builder.build().map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(dir: &Path) -> Vec<String> {
        let bytes = pack(dir, "Dockerfile").unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let paths =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
        let mut paths: Vec<String> = paths.collect();
        paths.sort();
        paths
    }

    #[test]
    fn what_is_ignored_stays_out() {
        let dir = tempfile::tempdir().unwrap();
        for file in
            ["Dockerfile", "a.txt", "a.log", "target/x/big", "target/keep", "src/target/y", "src/b.log"]
        {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        assert_eq!(packed(dir.path()).len(), 12 - 1, "everything, folders too");
        std::fs::write(dir.path().join(".dockerignore"), "# no\ntarget\n!target/keep\n*.log\nDockerfile\n")
            .unwrap();
        let left = [
            ".dockerignore",
            "Dockerfile",
            "a.txt",
            "src",
            "src/b.log",
            "src/target",
            "src/target/y",
            "target/keep",
        ];
        assert_eq!(packed(dir.path()), left);
        assert!(pack(dir.path(), "Other").unwrap_err().starts_with("there is no Other in"));
    }
}
