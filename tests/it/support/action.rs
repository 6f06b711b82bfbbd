//! `action.yml`, run as a runner runs it: its inputs become the environment of its steps, and files with
//! names that the runner chooses carry what a step gives back. What it takes from others (`uses`) is written
//! down and not run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::expression::{Context, fill, holds};
use super::published::{Programs, repository};
use super::{Place, Ran};

type Strings = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "description")]
    _description: String,
    #[serde(rename = "branding")]
    _branding: Strings,
    inputs: BTreeMap<String, Input>,
    outputs: BTreeMap<String, Output>,
    runs: Runs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(rename = "description")]
    _description: String,
    default: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    #[serde(rename = "description")]
    _description: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Runs {
    using: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    name: String,
    id: Option<String>,
    r#if: Option<String>,
    shell: Option<String>,
    #[serde(default)]
    env: Strings,
    run: Option<String>,
    uses: Option<String>,
    #[serde(default)]
    with: Strings,
}

/// A runner, with a workspace that has been checked out.
pub struct Runner {
    pub workspace: Place,
    pub home: Place,
    pub temp: Place,
    pub tools: Place,
    pub programs: Programs,
    /// What the workflow sets, beside the runner.
    pub env: Strings,
}

/// What an Action that has been used leaves.
pub struct Used {
    pub code: i32,
    pub outputs: Strings,
    pub log: String,
    /// What it would have taken from others: the Action and its inputs.
    pub taken: Vec<(String, Strings)>,
    /// What it puts on the PATH of the steps after it, last first.
    pub path: Vec<String>,
    /// The process that each of its own steps was.
    pub pids: Vec<u32>,
}

/// What is known while it is used.
struct State {
    inputs: Strings,
    outputs: RefCell<BTreeMap<String, Strings>>,
    code: i32,
}

impl Context for State {
    fn get(&self, path: &[&str]) -> String {
        match path {
            ["inputs", name] => self.inputs[*name].clone(),
            ["github", "token"] => "the-jobs-own-token".into(),
            ["github", "action_repository"] => "owner/pipe".into(),
            ["steps", id, "outputs", name] => {
                let outputs = self.outputs.borrow();
                outputs.get(*id).and_then(|outputs| outputs.get(*name)).cloned().unwrap_or_default()
            }
            _ => panic!("there is no `{}`", path.join(".")),
        }
    }

    fn success(&self) -> bool {
        self.code == 0
    }
}

impl Runner {
    /// A runner with `curl`, where a workflow sets where releases are, and nothing else.
    pub fn new(releases: &str) -> Self {
        Self {
            workspace: Place::new(),
            home: Place::new(),
            temp: Place::new(),
            tools: Place::new(),
            programs: Programs::with(&["curl"]),
            env: [("PIPE_RELEASES".into(), releases.into())].into(),
        }
    }

    /// Uses the Action with these inputs.
    pub fn uses(&self, given: &[(&str, &str)]) -> Used {
        let text = fs::read_to_string(repository("action.yml")).unwrap();
        let action: Action = serde_yaml::from_str(&text).unwrap();
        assert_eq!(action.runs.using, "composite");
        let mut state = State { inputs: Strings::new(), outputs: RefCell::default(), code: 0 };
        let defaults = action.inputs.iter().map(|(name, input)| (name.clone(), fill(&input.default, &state)));
        let mut inputs: Strings = defaults.collect();
        for (name, value) in given {
            *inputs.get_mut(*name).unwrap_or_else(|| panic!("no input `{name}`")) = (*value).into();
        }
        state.inputs = inputs;
        let (log, taken, path, pids) = (String::new(), Vec::new(), Vec::new(), Vec::new());
        let mut used = Used { code: 0, outputs: Strings::new(), log, taken, path, pids };
        for (number, step) in action.runs.steps.iter().enumerate() {
            if !holds(step.r#if.as_deref(), &state) {
                continue;
            }
            match (&step.run, &step.uses) {
                (Some(script), None) => self.run(number, step, script, &mut state, &mut used),
                (None, Some(other)) => {
                    let with = step.with.iter().map(|(name, value)| (name.clone(), fill(value, &state)));
                    used.taken.push((other.clone(), with.collect()));
                }
                _ => panic!("`{}` is neither a script nor another Action", step.name),
            }
        }
        let outputs = action.outputs.iter().map(|(name, output)| (name.clone(), fill(&output.value, &state)));
        used.outputs = outputs.collect();
        used.code = state.code;
        used
    }

    fn run(&self, number: usize, step: &Step, script: &str, state: &mut State, used: &mut Used) {
        assert!(!script.contains("${{"), "`{}` has an expression in its script", step.name);
        assert_eq!(step.shell.as_deref(), Some("bash"));
        let file = |name: &str| self.temp.join(&format!("{name}_{number}"));
        for name in ["output", "summary", "path", "env"] {
            fs::write(file(name), "").unwrap();
        }
        self.temp.write(&format!("script_{number}.sh"), script);
        let mut command = Command::new("/bin/bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(file("script").with_extension("sh"));
        command.current_dir(self.workspace.path()).env_clear();
        command.envs(&self.env).envs(self.machine()).env("PATH", self.path(&used.path));
        command.envs(step.env.iter().map(|(name, value)| (name, fill(value, state))));
        command.env("GITHUB_OUTPUT", file("output")).env("GITHUB_STEP_SUMMARY", file("summary"));
        command.env("GITHUB_PATH", file("path")).env("GITHUB_ENV", file("env"));
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        used.pids.push(child.id());
        let ran = Ran::of(child.wait_with_output().unwrap());
        used.log += &format!("{}{}", ran.stdout, ran.stderr);
        state.code = if state.code == 0 { ran.code.unwrap() } else { state.code };
        let outputs = assignments(&fs::read_to_string(file("output")).unwrap());
        if let Some(id) = &step.id {
            state.outputs.borrow_mut().insert(id.clone(), outputs);
        }
        assert_eq!(fs::read_to_string(file("env")).unwrap(), "", "an Action leaves the environment alone");
        used.path.splice(0..0, fs::read_to_string(file("path")).unwrap().lines().rev().map(str::to_owned));
        fs::remove_file(file("summary")).unwrap();
    }

    fn path(&self, added: &[String]) -> String {
        let programs = self.programs.path().display().to_string();
        [added, &[programs]].concat().join(":")
    }

    fn machine(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Path| path.display().to_string();
        vec![
            ("CI", "true".into()),
            ("GITHUB_ACTIONS", "true".into()),
            ("GITHUB_ACTION_PATH", path(&repository(""))),
            ("GITHUB_REPOSITORY", "owner/project".into()),
            ("GITHUB_SERVER_URL", "https://server.example".into()),
            ("GITHUB_WORKSPACE", path(self.workspace.path())),
            ("HOME", path(self.home.path())),
            ("RUNNER_ARCH", if cfg!(target_arch = "x86_64") { "X64".into() } else { "ARM64".into() }),
            ("RUNNER_OS", "Linux".into()),
            ("RUNNER_TEMP", path(self.temp.path())),
            ("RUNNER_TOOL_CACHE", path(self.tools.path())),
        ]
    }
}

/// What a step has written to its output file: `name=value` in a line, or `name<<END`, lines, and `END`.
fn assignments(text: &str) -> Strings {
    let mut found = Strings::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (equals, marks) = (line.find('='), line.find("<<"));
        let (name, value) = match (equals, marks) {
            (Some(at), None) => (&line[..at], line[at + 1..].to_owned()),
            (Some(at), Some(mark)) if at < mark => (&line[..at], line[at + 1..].to_owned()),
            (_, Some(mark)) => {
                let end = &line[mark + 2..];
                let mut value = Vec::new();
                loop {
                    match lines.next() {
                        Some(line) if line == end => break,
                        Some(line) => value.push(line),
                        None => panic!("no `{end}` in:\n{text}"),
                    }
                }
                (&line[..mark], value.join("\n"))
            }
            (None, None) => panic!("`{line}` is not an output"),
        };
        found.insert(name.to_owned(), value);
    }
    found
}
