//! Viewers: the renderers of a run, each with its output: the terminal, a log, a file.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use console::Term;

use super::args::{ReportArg, ReportKind, RunArgs, RunFormat};
use super::drawing::{self, Ranks};
use super::error::CliError;
use super::load::Loaded;
use super::log;
use super::stdio::{self, Standard, say};
use crate::event::mask::Masker;
use crate::pipeline::{Action, Destination, Feed, Pipeline};
use crate::plan::Decisions;
use crate::render::{
    FileNames, GitHub, GitLab, Grouped, Json, Junit, Palette, Plain, Progress, Quiet, Renderer, Screen,
    Sheet, StepSummary, WorkflowOutputs,
};

/// The variables by which CI services name the folder that the repository lies in.
const ROOTS: [&str; 3] = ["GITHUB_WORKSPACE", "CI_PROJECT_DIR", "WORKSPACE"];

/// The error of a terminal that is gone (EIO).
const GONE: i32 = 5;

/// A renderer, and where it writes to.
pub(super) struct Viewer {
    renderer: Box<dyn Renderer>,
    output: ViewerOutput,
}

/// Where a renderer writes to.
enum ViewerOutput {
    /// Standard output or error, and whether it is a terminal.
    Screen { is_terminal: bool },
    /// A file.
    File(PathBuf),
}

/// The result of showing an event. A renderer that has failed gets no further events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShowResult {
    Yes,
    /// The reader has closed its end, or the terminal is gone: no output is missed.
    Unwanted,
    /// Output that was asked for is missing.
    Cut,
}

impl Viewer {
    /// Returns a viewer on a terminal.
    #[cfg(test)]
    pub(super) fn on_terminal(renderer: Box<dyn Renderer>) -> Self {
        Self { renderer, output: ViewerOutput::Screen { is_terminal: true } }
    }

    /// Lets the renderer show something.
    pub(super) fn show(&mut self, what: impl FnOnce(&mut dyn Renderer) -> io::Result<()>) -> ShowResult {
        let Err(error) = what(&mut *self.renderer) else { return ShowResult::Yes };
        match &self.output {
            ViewerOutput::File(file) => {
                say!("warning: {} was not written: {error}", file.display());
                ShowResult::Unwanted
            }
            ViewerOutput::Screen { .. } if error.kind() == io::ErrorKind::BrokenPipe => ShowResult::Unwanted,
            ViewerOutput::Screen { is_terminal: true } if error.raw_os_error() == Some(GONE) => {
                ShowResult::Unwanted
            }
            ViewerOutput::Screen { .. } => {
                say!("error: the run goes on, but is no longer shown: {error}");
                ShowResult::Cut
            }
        }
    }
}

/// Returns the reports asked for, each with a path that was writable when this was called.
pub(super) fn reports(args: &RunArgs, working_dir: &Path) -> Result<Vec<ReportArg>, CliError> {
    let checked = |report: &ReportArg| {
        let file = working_dir.join(&report.file);
        let shown = report.file.display();
        if file.is_dir() {
            return Err(CliError::usage(format!("the report {shown} is a directory"), None));
        }
        if !file.parent().is_some_and(Path::is_dir) {
            let message = format!("the directory of the report {shown} does not exist");
            return Err(CliError::usage(message, "create it first with `mkdir -p`".to_owned()));
        }
        Ok(ReportArg { kind: report.kind, file })
    };
    args.reports.iter().map(checked).collect()
}

/// Refuses standard streams that are closed where something is to come from them or to go there, before
/// anything runs.
pub(super) fn check_streams(loaded: &Loaded) -> Result<(), CliError> {
    let pipeline = &loaded.pipeline;
    if pipeline.steps.iter().any(|step| matches!(step.action, Action::Feed(Feed::Stdin))) {
        stdio::check_input()?;
    }
    Standard::Output.open()?;
    if stdout_is_taken(pipeline) {
        Standard::Error.open()?;
    }
    Ok(())
}

fn stdout_is_taken(pipeline: &Pipeline) -> bool {
    pipeline.streams.iter().any(|stream| stream.out == Some(Destination::Stdout))
}

/// Returns the viewers of a run. Where stdout belongs to a stream, everything else goes to stderr.
pub(super) fn viewers(
    args: &RunArgs,
    reports: Vec<ReportArg>,
    loaded: &Loaded,
    secrets: &Masker,
    run: &str,
) -> Result<Vec<Viewer>, CliError> {
    let variable = |name: &str| std::env::var_os(name);
    let (terminal, out, term) = if stdout_is_taken(&loaded.pipeline) {
        (io::stderr().is_terminal(), Standard::Error.open()?, Term::stderr())
    } else {
        (io::stdout().is_terminal(), Standard::Output.open()?, Term::stdout())
    };
    let out: Box<dyn Write + Send> = Box::new(out);
    let files = FileNames::new(&loaded.pipeline.source, |path| in_repository(path, variable));
    let palette = Palette::choose(terminal, variable);
    let sheet = Sheet { palette, columns: terminal.then(|| term.size().1.into()) };
    // The pages of CI services show colours.
    let coloured = Palette::choose(true, variable);
    let chosen = View::choose(args.format, terminal, variable).quietly(args.quiet);
    let view = if chosen == View::Live && log::is_on_terminal() { View::Plain } else { chosen };
    let renderer: Box<dyn Renderer> = match view {
        View::Live => Box::new(Progress::new(Screen::new(term, out), palette).with_times(args.timestamps)),
        View::Quiet => Box::new(Quiet::new(out, sheet)),
        View::Plain => Box::new(Plain::new(out, sheet).with_times(args.timestamps)),
        View::Json => Box::new(Json::new(out)),
        View::GitHub => {
            let dialect = GitHub::new(secrets.clone(), files.clone());
            Box::new(Grouped::new(out, coloured, Box::new(dialect)))
        }
        View::GitLab => Box::new(Grouped::new(out, coloured, Box::new(GitLab::new(run)))),
    };
    let mut viewers = vec![Viewer { renderer, output: ViewerOutput::Screen { is_terminal: terminal } }];
    if let (View::GitHub, Some(path)) = (view, filled(variable("GITHUB_STEP_SUMMARY"))) {
        let page = StepSummary::new(
            path.clone().into(),
            secrets.clone(),
            files.clone(),
            drawing::graph(loaded, &Decisions::default(), Ranks::Levels),
        );
        viewers.push(Viewer { renderer: Box::new(page), output: ViewerOutput::File(path.into()) });
    }
    if let Some(path) = filled(variable("GITHUB_OUTPUT")) {
        let outputs = WorkflowOutputs::new(path.clone().into());
        viewers.push(Viewer { renderer: Box::new(outputs), output: ViewerOutput::File(path.into()) });
    }
    viewers.extend(reports.into_iter().map(|report| {
        let renderer: Box<dyn Renderer> = match report.kind {
            ReportKind::Junit => Box::new(Junit::new(report.file.clone(), secrets.clone(), files.clone())),
        };
        Viewer { renderer, output: ViewerOutput::File(report.file) }
    }));
    Ok(viewers)
}

/// How a run is shown while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Live,
    Plain,
    Quiet,
    Json,
    GitHub,
    GitLab,
}

impl View {
    fn choose(format: RunFormat, terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| filled(variable(name)).is_some_and(|value| value != "false");
        match format {
            RunFormat::Tty => Self::Live,
            RunFormat::Plain => Self::Plain,
            RunFormat::Json => Self::Json,
            RunFormat::Github => Self::GitHub,
            RunFormat::Gitlab => Self::GitLab,
            RunFormat::Auto if set("GITHUB_ACTIONS") => Self::GitHub,
            RunFormat::Auto if set("GITLAB_CI") => Self::GitLab,
            RunFormat::Auto if !terminal || set("CI") => Self::Plain,
            RunFormat::Auto if variable("TERM").is_some_and(|term| term == "dumb") => Self::Plain,
            RunFormat::Auto => Self::Live,
        }
    }

    /// Returns the view that says nothing of a run that goes well, in the place of one for people.
    fn quietly(self, quiet: bool) -> Self {
        match self {
            Self::Live | Self::Plain if quiet => Self::Quiet,
            Self::Live | Self::Plain | Self::Quiet | Self::GitHub | Self::GitLab | Self::Json => self,
        }
    }
}

/// Returns a file as the CI service calls it: relative to the repository if it lies in there, else as it was
/// given.
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
        let auto = |terminal, set: &[(&str, &str)]| View::choose(RunFormat::Auto, terminal, environment(set));
        assert_eq!(auto(true, &[]), View::Live);
        assert_eq!(auto(false, &[]), View::Plain);
        assert_eq!(auto(true, &[("CI", "true")]), View::Plain);
        assert_eq!(auto(true, &[("CI", "false"), ("GITHUB_ACTIONS", "")]), View::Live);
        assert_eq!(auto(true, &[("TERM", "dumb")]), View::Plain);
        assert_eq!(auto(true, &[("CI", "true"), ("GITHUB_ACTIONS", "true")]), View::GitHub);
        assert_eq!(auto(false, &[("CI", "true"), ("GITLAB_CI", "true")]), View::GitLab);
        let asked = View::choose(RunFormat::Plain, true, environment(&[("GITHUB_ACTIONS", "true")]));
        assert_eq!(asked, View::Plain);
        assert_eq!(asked.quietly(true), View::Quiet);
        assert_eq!(View::Json.quietly(true), View::Json);
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
