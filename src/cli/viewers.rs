//! Who shows a run: in the terminal or a log, and in files.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use console::Term;

use super::args::{Format, Report, ReportKind, Run};
use super::drawing;
use super::error::CliError;
use super::load::Loaded;
use crate::pipeline::{Destination, Values};
use crate::render::{
    GitHub, GitLab, Grouped, Json, Junit, Palette, Plain, Progress, Renderer, Secrets, StepSummary,
    WorkflowOutputs,
};

/// The variables by which CI services name the folder that the repository lies in.
const ROOTS: [&str; 3] = ["GITHUB_WORKSPACE", "CI_PROJECT_DIR", "WORKSPACE"];

/// A renderer, and the file that it writes, if it is one that a user misses when it is not there.
pub(super) struct Viewer {
    renderer: Box<dyn Renderer>,
    file: Option<PathBuf>,
}

impl Viewer {
    /// Whether the renderer could do what it was asked to. If it could not, it is of no more use.
    pub(super) fn show(&mut self, what: impl FnOnce(&mut dyn Renderer) -> io::Result<()>) -> bool {
        let shown = what(&mut *self.renderer);
        if let (Err(error), Some(file)) = (&shown, &self.file) {
            eprintln!("warning: {} was not written: {error}", file.display());
        }
        shown.is_ok()
    }
}

/// The reports asked for, each with a path that can be written to as far as one can tell before the run.
pub(super) fn reports(args: &Run, working_dir: &Path) -> Result<Vec<Report>, CliError> {
    let checked = |report: &Report| {
        let file = working_dir.join(&report.file);
        let shown = report.file.display();
        if file.is_dir() {
            return Err(CliError::usage(format!("the report {shown} would be a folder"), None));
        }
        if !file.parent().is_some_and(Path::is_dir) {
            let message = format!("there is no folder for the report {shown}");
            return Err(CliError::usage(message, "make it first, with `mkdir -p`".to_owned()));
        }
        Ok(Report { kind: report.kind, file })
    };
    args.reports.iter().map(checked).collect()
}

/// Everybody who shows a run. Where stdout belongs to a stream, everything else goes to stderr.
pub(super) fn viewers(
    format: Format,
    reports: Vec<Report>,
    loaded: &Loaded,
    values: &Values,
    run: &str,
) -> Vec<Viewer> {
    let variable = |name: &str| std::env::var_os(name);
    let stdout_is_taken =
        loaded.pipeline.streams.iter().any(|stream| stream.out == Some(Destination::Stdout));
    let (terminal, out): (bool, Box<dyn Write + Send>) = if stdout_is_taken {
        (io::stderr().is_terminal(), Box::new(io::stderr()))
    } else {
        (io::stdout().is_terminal(), Box::new(io::stdout()))
    };
    let term = || if stdout_is_taken { Term::buffered_stderr() } else { Term::buffered_stdout() };
    let (secrets, file) = (Secrets::of(values), in_repository(&loaded.pipeline.source.path, variable));
    let palette = Palette::choose(terminal, variable);
    // The pages that show these logs know colours.
    let coloured = Palette::choose(true, variable);
    let view = View::choose(format, terminal, variable);
    let renderer: Box<dyn Renderer> = match view {
        View::Live => Box::new(Progress::new(term(), palette)),
        View::Plain => Box::new(Plain::new(out, palette)),
        View::Json => Box::new(Json::new(out)),
        View::GitHub => {
            let dialect = GitHub::new(secrets.clone(), file.clone());
            Box::new(Grouped::new(out, coloured, Box::new(dialect)))
        }
        View::GitLab => Box::new(Grouped::new(out, coloured, Box::new(GitLab::new(run)))),
    };
    let mut viewers = vec![Viewer { renderer, file: None }];
    if let (View::GitHub, Some(path)) = (view, filled(variable("GITHUB_STEP_SUMMARY"))) {
        let page =
            StepSummary::new(path.clone().into(), secrets.clone(), file.clone(), drawing::graph(loaded));
        viewers.push(Viewer { renderer: Box::new(page), file: Some(path.into()) });
    }
    if let Some(path) = filled(variable("GITHUB_OUTPUT")) {
        let outputs = WorkflowOutputs::new(path.clone().into());
        viewers.push(Viewer { renderer: Box::new(outputs), file: Some(path.into()) });
    }
    viewers.extend(reports.into_iter().map(|report| {
        let renderer: Box<dyn Renderer> = match report.kind {
            ReportKind::Junit => Box::new(Junit::new(report.file.clone(), secrets.clone(), file.clone())),
        };
        Viewer { renderer, file: Some(report.file) }
    }));
    viewers
}

/// How a run is shown while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Live,
    Plain,
    Json,
    GitHub,
    GitLab,
}

impl View {
    fn choose(format: Format, terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| filled(variable(name)).is_some_and(|value| value != "false");
        match format {
            Format::Tty => Self::Live,
            Format::Plain => Self::Plain,
            Format::Json => Self::Json,
            Format::Github => Self::GitHub,
            Format::Gitlab => Self::GitLab,
            Format::Auto if set("GITHUB_ACTIONS") => Self::GitHub,
            Format::Auto if set("GITLAB_CI") => Self::GitLab,
            Format::Auto if !terminal || set("CI") => Self::Plain,
            Format::Auto if variable("TERM").is_some_and(|term| term == "dumb") => Self::Plain,
            Format::Auto => Self::Live,
        }
    }
}

/// A file as the CI service calls it: relative to the repository if it lies in there, else as it was given.
fn in_repository(file: &Path, variable: impl Fn(&str) -> Option<OsString>) -> String {
    let relative = || {
        let root = ROOTS.iter().find_map(|name| filled(variable(name)))?;
        let root = Path::new(&root).canonicalize().ok()?;
        Some(file.canonicalize().ok()?.strip_prefix(root).ok()?.to_owned())
    };
    relative().unwrap_or_else(|| file.to_owned()).to_string_lossy().into_owned()
}

fn filled(value: Option<OsString>) -> Option<OsString> {
    value.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
    }

    #[test]
    fn the_view_follows_the_service_and_then_the_terminal() {
        let auto = |terminal, set: &[(&str, &str)]| View::choose(Format::Auto, terminal, environment(set));
        assert_eq!(auto(true, &[]), View::Live);
        assert_eq!(auto(false, &[]), View::Plain);
        assert_eq!(auto(true, &[("CI", "true")]), View::Plain);
        assert_eq!(auto(true, &[("CI", "false"), ("GITHUB_ACTIONS", "")]), View::Live);
        assert_eq!(auto(true, &[("TERM", "dumb")]), View::Plain);
        assert_eq!(auto(true, &[("CI", "true"), ("GITHUB_ACTIONS", "true")]), View::GitHub);
        assert_eq!(auto(false, &[("CI", "true"), ("GITLAB_CI", "true")]), View::GitLab);
        let asked = View::choose(Format::Plain, true, environment(&[("GITHUB_ACTIONS", "true")]));
        assert_eq!(asked, View::Plain);
    }

    #[test]
    fn a_file_goes_by_its_place_in_the_repository() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("work/ci/p.yml");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "").unwrap();
        let root = dir.path().join("work").display().to_string();
        let set = [("GITHUB_WORKSPACE", ""), ("CI_PROJECT_DIR", root.as_str())];
        assert_eq!(in_repository(&file, environment(&set)), "ci/p.yml");
        assert_eq!(in_repository(&dir.path().join("work/../work/ci/p.yml"), environment(&set)), "ci/p.yml");
        let outside = dir.path().join("p.yml");
        std::fs::write(&outside, "").unwrap();
        assert_eq!(in_repository(&outside, environment(&set)), outside.display().to_string());
        assert_eq!(in_repository(&file, environment(&[])), file.display().to_string());
    }
}
