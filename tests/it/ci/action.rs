//! The GitHub Action, step by step as a runner goes through it.

use std::fs;
use std::path::Path;

use crate::support::action::{Runner, Used};
use crate::support::published::{Releases, VERSION};
use crate::support::web::{Manner, Web};

const GOOD: &str = "steps:\n  - {name: greet, run: echo hello}\n";

impl Used {
    #[track_caller]
    fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.log);
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        assert!(self.log.contains(text), "`{text}` is not in:\n{}", self.log);
        self
    }
}

/// A runner with a pipeline in its workspace.
fn runner(releases: &str, pipeline: &str) -> Runner {
    let runner = Runner::new(releases);
    runner.workspace.write("pipeline.yml", pipeline);
    runner
}

/// Whether a folder has any file in it, at any depth.
fn has_files(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().any(|path| !path.is_dir() || has_files(&path))
}

/// A cargo that writes down how it is called and "builds" the `pipe` under test.
fn with_cargo(runner: &Runner) {
    let script = format!(
        "printf '%s\\n' \"$PWD\" \"$@\" >>'{}'
while [ \"$1\" != --root ]; do shift; done
mkdir -p \"$2/bin\" && cp '{}' \"$2/bin/pipe\"",
        runner.home.join("cargo").display(),
        env!("CARGO_BIN_EXE_pipe")
    );
    runner.programs.add("cargo", &script);
}

#[test]
fn a_run_gives_back_its_outputs() {
    let releases = Releases::new();
    let runner = runner(&releases.address(), GOOD);
    let used = runner.uses(&[]).code(0).says("hello");
    let run = runner.workspace.run_dir();
    assert_eq!(used.outputs["run-id"], run.file_name().unwrap().to_str().unwrap());
    assert_eq!(used.outputs["outcome"], "succeeded");
    assert_eq!(used.outputs["failed-step"], "");
    assert_eq!(used.outputs["outputs"], "{}");
    assert!(Path::new(&used.outputs["summary-path"]).is_file(), "it outlives the step's own");
    assert_eq!(used.taken, []);
    let [bin] = used.path.as_slice() else { panic!("{:?}", used.path) };
    assert!(Path::new(bin).starts_with(runner.tools.path()) && Path::new(bin).join("pipe").is_file());
}

#[test]
fn the_pipelines_own_outputs_come_out_as_json() {
    let releases = Releases::new();
    let pipeline = "
outputs: {version: '{{ steps.ask.outputs.version }}', notes: '{{ steps.ask.outputs.notes }}'}
steps:
  - name: ask
    run: printf 'version=1.2\\nnotes<<.\\n\"a\"\\noutcome=failed\\n.\\n' >>$PIPE_OUTPUT
";
    let used = runner(&releases.address(), pipeline).uses(&[]).code(0);
    assert_eq!(used.outputs["outputs"], r#"{"notes":"\"a\"\noutcome=failed","version":"1.2"}"#);
    assert_eq!(used.outputs["outcome"], "succeeded");
}

#[test]
fn the_summary_is_what_the_run_wrote_to_it() {
    let releases = Releases::new();
    let pipeline = "steps:\n  - {name: note, run: 'echo noted >>$GITHUB_STEP_SUMMARY'}\n";
    let runner = runner(&releases.address(), pipeline);
    let used = runner.uses(&[]).code(0);
    let summary = fs::read_to_string(&used.outputs["summary-path"]).unwrap();
    assert!(summary.starts_with("noted\n") && summary.contains("```mermaid"), "{summary}");
}

#[test]
fn a_failing_step_is_named_and_its_exit_code_is_the_steps() {
    let releases = Releases::new();
    let pipeline =
        "steps:\n  - {name: break, run: exit 7}\n  - {name: after, run: 'true', depends_on: break}\n";
    let runner = runner(&releases.address(), pipeline);
    let used = runner.uses(&[("upload-journal", "true")]).code(1);
    assert_eq!(used.outputs["outcome"], "failed");
    assert_eq!(used.outputs["failed-step"], "break");
    let [(other, with)] = used.taken.as_slice() else { panic!("{:?}", used.taken) };
    assert!(other.starts_with("actions/upload-artifact@"), "{other}");
    assert_eq!(with["name"], format!("pipe-{}", used.outputs["run-id"]));
    assert_eq!(Path::new(&with["path"]), runner.workspace.run_dir());
}

#[test]
fn a_wrong_file_is_an_error_and_no_run() {
    let releases = Releases::new();
    let runner = runner(&releases.address(), "steps:\n  - {name: a, rum: 'true'}\n");
    let used = runner.uses(&[("upload-journal", "true")]).code(2).says("unknown key `rum`");
    assert_eq!(used.outputs["outcome"], "error");
    assert_eq!(used.outputs["run-id"], "");
    assert_eq!(used.taken, [], "there is no journal to keep");
}

#[test]
fn signals_reach_pipe_itself() {
    let releases = Releases::new();
    let pipeline = "steps:\n  - {name: interrupt, run: 'echo $PPID >parent; kill -INT $PPID; sleep 1000'}\n";
    let runner = runner(&releases.address(), pipeline);
    let used = runner.uses(&[]).code(130);
    assert_eq!(used.outputs["outcome"], "cancelled");
    let [_, run] = used.pids.as_slice() else { panic!("{:?}", used.pids) };
    assert_eq!(runner.workspace.read("parent").trim(), run.to_string(), "the step's process is `pipe`");
}

#[test]
fn a_bad_checksum_is_refused_and_nothing_else_is_tried() {
    let releases = Releases::new();
    releases.tamper();
    refused(&releases, "the checksum of pipe-");
}

#[test]
fn a_missing_checksum_is_refused_too() {
    let releases = Releases::new();
    fs::remove_file(releases.checksum()).unwrap();
    refused(&releases, "the release has no checksum");
}

#[track_caller]
fn refused(releases: &Releases, why: &str) {
    let runner = runner(&releases.address(), GOOD);
    with_cargo(&runner);
    let used = runner.uses(&[]).code(1).says(why).says("::error title=pipe::");
    assert_eq!(used.outputs["outcome"], "error");
    assert!(!runner.workspace.has(".pipe") && !has_files(runner.tools.path()) && !runner.home.has("cargo"));
    assert_eq!(used.path, [""; 0]);
}

#[test]
fn without_a_release_the_same_version_is_built() {
    for releases in
        [Releases::empty().address(), Web::of(Releases::empty().path(), Manner::Whole).address().into()]
    {
        let runner = runner(&releases, GOOD);
        with_cargo(&runner);
        let used = runner.uses(&[("version", "v9.9.9")]).code(0).says("there is no released pipe 9.9.9");
        assert_eq!(used.outputs["outcome"], "succeeded");
        let called = runner.home.read("cargo");
        let called: Vec<&str> = called.lines().collect();
        let [from, args @ .., root] = called.as_slice() else { panic!("{called:?}") };
        assert_eq!(args, ["install", "--locked", "pipe-runner", "--version", "9.9.9", "--root"]);
        assert_eq!(from, root, "not in the workspace, whose files could tell cargo where to fetch from");
        assert!(used.path[0].contains("9.9.9"));
    }
}

#[test]
fn a_server_in_trouble_is_not_a_missing_release() {
    for manner in [Manner::Broken, Manner::CutOff] {
        let releases = Releases::new();
        let web = Web::of(releases.path(), manner);
        let runner = runner(web.address(), GOOD);
        with_cargo(&runner);
        runner.uses(&[]).code(1).says("cannot download");
        assert!(!runner.home.has("cargo") && !has_files(runner.tools.path()));
    }
}

#[test]
fn the_second_use_takes_what_is_there() {
    let releases = Releases::new();
    let runner = runner(&releases.address(), GOOD);
    runner.uses(&[]).code(0).says("installed pipe");
    fs::remove_dir_all(releases.path().join(format!("v{VERSION}"))).unwrap();
    runner.uses(&[]).code(0).says("is in the tool cache").says("hello");
}

const ECHO: &str = "
params: {text: {type: string, required: true}, other: none}
steps:
  - {name: write, run: 'printf %s {{ text }} >text; printf %s {{ other }} >other'}
";

#[test]
fn params_are_data_with_spaces_and_all() {
    let releases = Releases::new();
    let runner = runner(&releases.address(), ECHO);
    let hostile = "a  $(touch pwned) `touch pwned` \"'; touch pwned #\\ ${{ github.token }} *";
    let params = format!("\n# a comment\n  # another\n\ntext={hostile}\n   \nother=x=y -p text=z\n");
    runner.uses(&[("params", &params)]).code(0);
    assert_eq!(runner.workspace.read("text"), hostile);
    assert_eq!(runner.workspace.read("other"), "x=y -p text=z");
    assert!(!runner.workspace.has("pwned"));
}

#[test]
fn no_input_is_code_and_none_is_another_option() {
    let releases = Releases::new();
    let runner = runner(&releases.address(), GOOD);
    let hostile = "$(touch pwned)`touch pwned`'\"; touch pwned #\n--dry-run\r::error::pwned\n::error::pwned";
    let is_planted =
        || [&runner.workspace, &runner.home, &runner.temp].iter().any(|place| place.has("pwned"));
    let inputs = [
        "file",
        "params",
        "params-file",
        "docker",
        "image",
        "max-parallel",
        "format",
        "version",
        "working-directory",
    ];
    for (input, value) in
        inputs.map(|input| (input, hostile)).into_iter().chain([("params", "x\r::error::pwned=1")])
    {
        let used = runner.uses(&[(input, value)]);
        assert!(used.code != 0 && used.outputs["outcome"] == "error", "{input}: {}", used.log);
        assert!(!is_planted(), "{input} is code");
        // As a runner reads a log, which finds its commands at the beginning of lines.
        let is_command = |line: &str| line.trim().starts_with("::error::pwned");
        assert!(
            !used.log.split(['\n', '\r']).any(is_command),
            "{input} is a command to the runner:\n{}",
            used.log
        );
    }
    // These have no say in what runs.
    runner.uses(&[("token", hostile), ("upload-journal", hostile)]).code(0);
    assert!(!is_planted());
}

#[test]
fn the_pipelines_steps_see_neither_inputs_nor_the_token() {
    let releases = Releases::new();
    let runner = runner(&releases.address(), "params: {text: ''}\nsteps:\n  - {name: look, run: env >env}\n");
    runner.uses(&[("params", "text=a secret"), ("token", "a token")]).code(0);
    let env = runner.workspace.read("env");
    assert!(!env.contains("INPUT_") && !env.contains("a secret") && !env.contains("a token"), "{env}");
}

#[test]
fn every_input_arrives() {
    let releases = Releases::new();
    let runner = runner(&releases.address(), GOOD);
    runner.workspace.write("sub folder/a file.yml", ECHO);
    runner.workspace.write("sub folder/params.yml", "text: from the file\n");
    let used = runner.uses(&[
        ("working-directory", "sub folder"),
        ("file", "a file.yml"),
        ("params-file", "params.yml"),
        ("max-parallel", "1"),
        ("format", "json"),
        ("version", VERSION),
    ]);
    let used = used.code(0).says("{\"v\":1,");
    assert_eq!(runner.workspace.read("sub folder/text"), "from the file");
    assert_eq!(used.outputs["outcome"], "succeeded");
    let image = [("docker", "false"), ("image", "alpine:3.20")];
    runner.uses(&image).code(2).says("--docker");
    runner
        .uses(&[("working-directory", "nowhere")])
        .code(2)
        .says("the input `working-directory` names no folder");
    runner.uses(&[("docker", "yes")]).code(2).says("the input `docker` takes true or false");
    runner.uses(&[("version", "latest")]).code(1).says("the input `version` takes a version such as 0.2.0");
}

#[test]
fn where_it_was_built_is_checked_where_that_can_be() {
    let releases = Releases::new();
    let runner = runner(&releases.address(), GOOD);
    runner.uses(&[("token", "")]).code(0).says("without a token only the checksum of");
    fs::remove_dir_all(runner.tools.join("pipe")).unwrap();
    runner.uses(&[]).code(0).says("without a `gh` that knows attestations");
    fs::remove_dir_all(runner.tools.join("pipe")).unwrap();

    let calls = runner.home.join("gh");
    let script = format!(
        "printf '%s\\n' \"$GH_TOKEN $*\" >>'{}'; [ \"$3\" = --help ] || exit ${{GH_CODE-0}}",
        calls.display()
    );
    runner.programs.add("gh", &script);
    runner.uses(&[]).code(0).says("installed pipe");
    let called = runner.home.read("gh");
    let last = called.lines().last().unwrap();
    assert!(last.starts_with("the-jobs-own-token attestation verify /"), "{last}");
    assert!(
        last.ends_with("--repo owner/pipe --signer-workflow owner/pipe/.github/workflows/release.yml"),
        "{last}"
    );
}

#[test]
fn an_archive_without_an_attestation_is_refused() {
    let releases = Releases::new();
    let runner = runner(&releases.address(), GOOD);
    with_cargo(&runner);
    runner.programs.add("gh", "[ \"$3\" = --help ] || { echo no attestation; exit 1; }");
    runner.uses(&[]).code(1).says("it cannot be shown that owner/pipe has built").says("no attestation");
    assert!(!has_files(runner.tools.path()) && !runner.home.has("cargo"));
}

#[test]
fn a_platform_without_releases_is_told_so() {
    let releases = Releases::new();
    let runner = runner(&releases.address(), GOOD);
    runner.programs.add("uname", "[ \"$1\" = -s ] && echo Plan9 || echo mips");
    runner.uses(&[]).code(1).says("there is no released `pipe` for Plan9 on mips");
}
