//! The command line, as typed.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

mod clean;
mod cluster;

pub(super) use self::clean::CleanArgs;
pub(super) use self::cluster::{ClusterArgs, OnSite, StepPlaces};
use super::{complete, pod_args::PodCommand};
use crate::executor::docker::LaneChoice;
use crate::file::Nearest;

/// Run pipelines from one YAML file: steps joined by order and by byte streams.
#[derive(Debug, Parser)]
#[command(name = "pipe", version, long_version = env!("PIPE_VERSION"), propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 success · 1 a step failed · 2 the file or the command line is wrong · \
3 aborted: no engine, no room on the disk · 128+n ended by signal n"
)]
pub(super) struct Cli {
    /// Run as if `pipe` had been started in this folder
    #[arg(short = 'C', long, value_name = "DIR", global = true)]
    pub(super) directory: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a pipeline
    Run(RunArgs),
    /// Check a pipeline file, and the params given with it, without running anything
    Validate(ValidateArgs),
    /// Show what would run when: gangs, live and stored streams, and why
    Plan(PlanArgs),
    /// Draw the pipeline
    Graph(GraphArgs),
    /// List the runs of this folder, the newest first
    Runs(RunsArgs),
    /// Show the summary of a run again
    Show(ShowArgs),
    /// Print what the steps of a run wrote
    Logs(LogsArgs),
    /// Remove containers and networks that runs have left behind, and old runs; runs that are still going are
    /// not touched
    Clean(CleanArgs),
    /// Record the digest of each image, so that `pipe run --locked` uses the same images
    Lock(LockArgs),
    /// Explain an error code, or list all codes
    Explain {
        /// The code in brackets after `error`, such as unknown-key
        code: Option<String>,
    },
    /// Print the JSON schema of the file, for editors
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder; it is created if it is missing
        dir: PathBuf,
    },
    /// The parts of `pipe` that run in pods
    #[command(hide = true, subcommand)]
    Pod(PodCommand),
}

/// Which file, and what its streams are joined to.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// The pipeline file [default: pipeline.yml, pipeline.yaml or pipe.yml]
    pub(super) file: Option<PathBuf>,
    /// Feed a stream from a file, or from standard input with `-`
    #[arg(long = "in", value_name = "STREAM=FILE")]
    pub(super) inputs: Vec<String>,
    /// Send a stream to a file, or to standard output with `-`
    #[arg(long = "out", value_name = "STREAM=FILE")]
    pub(super) outputs: Vec<String>,
}

/// Values for the params.
#[derive(Debug, Default, Args)]
pub(super) struct ParamArgs {
    /// Set a param; may be repeated. `NAME=@FILE` reads a secret from a file
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE", add = complete::params())]
    pub(super) params: Vec<String>,
    /// Read params from a YAML or JSON file; `-p` takes precedence
    #[arg(long, value_name = "FILE")]
    pub(super) params_file: Option<PathBuf>,
}

/// What runs in containers, and how.
#[derive(Debug, Default, Args)]
pub(super) struct ContainerArgs {
    /// Run every step in a container: its own image, else that of `defaults`, else --image
    #[arg(long, group = "everywhere")]
    pub(super) docker: bool,
    /// The image for steps that name none, where all run in containers
    #[arg(long, requires = "everywhere")]
    pub(super) image: Option<String>,
    /// How bytes reach containers: named pipes where that works, or through the engine
    #[arg(long, value_enum, default_value_t = LaneArg::Auto)]
    pub(super) stream_lane: LaneArg,
}

/// Which steps run.
#[derive(Debug, Default, Args)]
pub(super) struct ChoiceArgs {
    /// Go on from earlier runs: a step that one of them has done, and that has not changed since, is not done
    /// again. RUN is `last`, or an id as in `pipe runs`
    #[arg(long, value_name = "RUN", add = complete::runs())]
    pub(super) resume: Option<String>,
    /// Run this step and all that come after it; may be repeated. With --to, what lies between
    #[arg(long, value_name = "STEP", add = complete::steps())]
    pub(super) from: Vec<String>,
    /// Run these steps and all that they need
    #[arg(long, value_name = "STEP", num_args = 1.., add = complete::steps())]
    pub(super) to: Vec<String>,
    /// Run these steps and no others but producers of streams that they read
    #[arg(long, value_name = "STEP", num_args = 1.., conflicts_with_all = ["from", "to"], add = complete::steps())]
    pub(super) only: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) params: ParamArgs,
    /// How many steps may run at once [default: the file's max_parallel, else max(16, 2 × CPUs)]
    #[arg(short = 'j', long, value_name = "N", value_parser = at_least_one)]
    pub(super) max_parallel: Option<NonZeroUsize>,
    /// Show the commands in the order in which they would run, without running them
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
    #[command(flatten)]
    pub(super) containers: ContainerArgs,
    /// Use only the images that `pipe lock` has recorded
    #[arg(long)]
    pub(super) locked: bool,
    #[command(flatten)]
    pub(super) choice: ChoiceArgs,
    /// Answer every question of `confirm` with yes
    #[arg(short = 'y', long)]
    pub(super) yes: bool,
    /// Keep unfinished files of `produces` as NAME.partial
    #[arg(long)]
    pub(super) keep_partial: bool,
    /// Begin the log of each step with its script; secrets are masked
    #[arg(long)]
    pub(super) trace: bool,
    /// Print nothing unless the run fails or warns, as suits cron. The formats `github`, `gitlab` and `json`
    /// stay as they are
    #[arg(short = 'q', long)]
    pub(super) quiet: bool,
    /// Begin each line with its time
    #[arg(long)]
    pub(super) timestamps: bool,
    /// How to show the run
    #[arg(long, value_enum, default_value_t = RunFormat::Auto)]
    pub(super) format: RunFormat,
    /// Write a report when the run has ended, whatever its outcome; may be repeated. The only KIND is
    /// `junit`, the XML that CI services read
    #[arg(long = "report", value_name = "KIND=FILE", value_parser = report)]
    pub(super) reports: Vec<ReportArg>,
}

impl RunArgs {
    /// Returns whether standard input is a stream.
    pub(super) fn takes_stdin(&self) -> bool {
        self.target.inputs.iter().any(|given| given.ends_with("=-"))
    }
}

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) params: ParamArgs,
    /// Look for more problems; warnings become failures (exit code 2)
    #[arg(long)]
    pub(super) strict: bool,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t = ValidateFormat::Text)]
    pub(super) format: ValidateFormat,
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) params: ParamArgs,
    #[command(flatten)]
    pub(super) containers: ContainerArgs,
    #[command(flatten)]
    pub(super) choice: ChoiceArgs,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
    /// Ask the cluster whether it would take the run: rights, quotas, policies. Nothing is made there; needs --on
    #[cfg(feature = "kubernetes")]
    #[arg(long, requires = "on")]
    pub(super) check: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    /// How many to list [default: 20; with --json all]
    #[arg(short = 'n', long, value_name = "N")]
    pub(super) max: Option<usize>,
    /// Print one JSON object a line for each run
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The run: `last`, its id, or the beginning or end of its id where no other has the same
    #[arg(default_value = "last", add = complete::runs())]
    pub(super) run: String,
    /// Print one JSON object with all details of the run
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// The run: `last`, its id, or the beginning or end of its id where no other has the same
    #[arg(default_value = "last", add = complete::runs())]
    pub(super) run: String,
    /// Only this step, byte for byte
    #[arg(add = complete::steps_of_run())]
    pub(super) step: Option<String>,
    /// Follow the log until the run or the step has ended
    #[arg(short = 'f', long)]
    pub(super) follow: bool,
    /// Begin each line with the time at which it was written
    #[arg(long)]
    pub(super) timestamps: bool,
    /// Print one JSON object for each line: the step, the text, the attempt, the time and the output
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct LockArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) params: ParamArgs,
    #[command(flatten)]
    pub(super) containers: ContainerArgs,
}

#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) params: ParamArgs,
    #[command(flatten)]
    pub(super) containers: ContainerArgs,
    #[command(flatten)]
    pub(super) choice: ChoiceArgs,
    /// What to draw
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub(super) format: GraphFormat,
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RunFormat {
    /// `github` and `gitlab` in their jobs, `tty` on a terminal, else `plain`
    Auto,
    /// One live line for each step and stream
    Tty,
    /// Prefixed lines
    Plain,
    /// For GitHub Actions: a group for each step, annotations, and a summary of the job's step
    Github,
    /// For GitLab CI: a section for each step
    Gitlab,
    /// One JSON object a line; the format is documented and versioned
    Json,
}

/// A report that is written when the run has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReportArg {
    pub(super) kind: ReportKind,
    pub(super) file: PathBuf,
}

/// The kinds of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReportKind {
    /// JUnit's XML.
    Junit,
}

/// How bytes reach containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum LaneArg {
    /// Named pipes where that works, else through the engine
    #[default]
    Auto,
    /// Named pipes
    Fifo,
    /// Through the engine
    Attach,
}

impl LaneArg {
    pub(super) fn choice(self) -> LaneChoice {
        match self {
            Self::Auto => LaneChoice::Auto,
            Self::Fifo => LaneChoice::Fifo,
            Self::Attach => LaneChoice::Attach,
        }
    }
}

/// How `validate` prints what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ValidateFormat {
    /// For people: each problem with its line and what to write instead
    Text,
    /// One JSON object, for editors and CI
    Json,
}

/// The kinds of drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum GraphFormat {
    /// For a terminal
    Text,
    /// For Markdown
    Mermaid,
    /// For Graphviz
    Dot,
    /// For a browser
    Svg,
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "expected a whole number of at least 1")
}

fn report(text: &str) -> Result<ReportArg, String> {
    let (kind, file) = match text.split_once('=') {
        Some((kind, file)) if !file.is_empty() => (kind, file),
        _ => return Err("expected KIND=FILE, such as junit=report.xml".to_owned()),
    };
    match kind {
        "junit" => Ok(ReportArg { kind: ReportKind::Junit, file: file.into() }),
        _ => {
            let help = Nearest::default().help(kind, ["junit"]).unwrap_or_default();
            Err(format!("there is no kind of report `{kind}`; {help}"))
        }
    }
}

#[cfg(test)]
mod tests;
