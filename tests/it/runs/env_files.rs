//! `env_file`: variables from files, below the environment.

use std::process::Command;

use crate::support::{Place, Ran};

const PIPELINE: &str = r#"
env_file: [.env, {path: .env.local, required: false}]
env: {OWN: of-the-file}
params: {token: {type: secret, env: API_TOKEN}}
steps:
  - {name: show, run: 'echo "$WORD,$OWN,$EMPTY,$LITERAL" > shown; echo {{ env.WORD }} > rendered; echo {{ token }} "$API_TOKEN"'}
"#;

fn place() -> Place {
    let place = Place::with(PIPELINE);
    place.write(
        ".env",
        "WORD=hello\nOWN=of-env\nEMPTY=full\nLITERAL='$(touch pwned)'\nAPI_TOKEN=canary-5678\n",
    );
    place
}

fn run(place: &Place, args: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command: Command = place.command(&[&["run", "--format", "plain"], args].concat());
    Ran::of(command.envs(env.iter().copied()).output().unwrap())
}

#[test]
fn steps_templates_and_params_have_the_variables_and_secrets_are_masked() {
    let place = place();
    let ran = run(&place, &[], &[]).code(0);
    assert_eq!(
        (place.read("shown").as_str(), place.read("rendered").as_str()),
        ("hello,of-the-file,full,$(touch pwned)\n", "hello\n")
    );
    assert!(!place.has("pwned"), "a value is data");
    assert!(ran.stdout.contains("*** ***") && !ran.stdout.contains("canary"), "{}", ran.stdout);
    assert!(
        !place.sh("cat .pipe/runs/*/events.jsonl .pipe/runs/*/log*/* 2>/dev/null || true").contains("canary")
    );
}

#[test]
fn later_files_win_over_earlier_ones_and_the_environment_over_all() {
    let place = place();
    place.write(".env.local", "export WORD=\"good day\"\n");
    run(&place, &[], &[("EMPTY", "")]).code(0);
    assert_eq!(place.read("shown"), "good day,of-the-file,,$(touch pwned)\n");
    run(&place, &[], &[("WORD", "real")]).code(0);
    assert_eq!(
        (place.read("shown").as_str(), place.read("rendered").as_str()),
        ("real,of-the-file,full,$(touch pwned)\n", "real\n")
    );
}

#[test]
fn a_file_that_is_missing_or_bad_stops_the_run_before_it_begins() {
    let place = Place::with(PIPELINE);
    run(&place, &[], &[]).code(2).says("error[missing-env-file]: there is no file `.env`");
    place.pipe(&["validate"]).code(0);
    place.write(".env", "API_TOKEN=canary-5678\nmy-var=canary-5678\n");
    for ran in [run(&place, &[], &[]), place.pipe(&["validate"])] {
        let ran = ran.code(2).says(" --> .env:2:1").says("write `my_var`");
        assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
    }
    assert!(!place.has(".pipe"));
}

#[test]
fn it_lies_beside_the_pipeline_file_wherever_the_run_is() {
    let place = Place::new();
    place.sh("mkdir project elsewhere");
    place.write(
        "project/pipeline.yml",
        "env_file: .env\nsteps: [{name: show, run: 'echo \"$WORD\" > shown'}]\n",
    );
    place.write("project/.env", "WORD=hello\n");
    place.pipe(&["run", "-C", "elsewhere", "../project/pipeline.yml"]).code(0);
    place.pipe(&["run", "-C", "project"]).code(0);
    assert_eq!(
        (place.read("elsewhere/shown").as_str(), place.read("project/shown").as_str()),
        ("hello\n", "hello\n")
    );
}

#[test]
fn going_on_from_a_run_sees_that_a_variable_has_changed() {
    let place = Place::with(
        "env_file: .env\nsteps: [{name: a, run: 'true'}, {name: b, run: 'exit 1', depends_on: a}]\n",
    );
    place.write(".env", "WORD=one\n");
    run(&place, &[], &[]).code(1);
    let same = run(&place, &["--resume", "last"], &[]).code(1);
    assert!(!same.stdout.contains("its environment has changed"), "{}", same.stdout);
    place.write(".env", "WORD=two\n");
    run(&place, &["--resume", "last"], &[]).code(1).says("its environment has changed");
}

#[test]
fn strict_warns_of_secrets_that_no_param_takes() {
    let place = Place::with("env_file: .env\nsteps: [{name: a, run: 'true'}]\n");
    place.write(".env", "DB_PASSWORD=canary-5678\nA=1\nA=2\n");
    place.pipe(&["validate"]).code(0);
    let strict = place.pipe(&["validate", "--strict"]).code(2);
    let strict = strict.says("warning[unmasked-secret]: `DB_PASSWORD` is not masked").says("(.env:1)");
    let strict = strict.says("warning[repeated-variable]: `A` stands twice in one file (.env:3)");
    assert!(!strict.stderr.contains("canary"));
}

/// A container gets what the files say, but for what a secret param takes.
#[test]
#[ignore = "needs Docker"]
fn containers_have_the_variables_of_files() {
    let place = Place::with(
        "env_file: .env\nparams: {token: {type: secret, env: API_TOKEN}}\nsteps: [{name: a, image: 'alpine:3.20', network: none, run: 'echo \"[$WORD][$API_TOKEN]\"'}]\n",
    );
    place.write(".env", "WORD=hello\nAPI_TOKEN=canary-5678\n");
    run(&place, &[], &[]).code(0).says("[hello][]");
}
