use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;
use crate::file::{Diagnostics, LoadOptions, load, render};

/// A folder with a pipeline and files of variables beside it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            std::fs::write(folder.0.path().join(name), text).unwrap();
        }
        folder
    }

    fn pipeline(&self, top: &str) -> Pipeline {
        let text = format!("{top}\nsteps: [{{name: build, run: make}}]\n");
        load(Source::new(self.0.path().join("pipeline.yml"), text), &LoadOptions::default()).unwrap()
    }

    fn read(&self, top: &str, env: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        let env: BTreeMap<String, String> =
            env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let pipeline = self.pipeline(top);
        let not_text = BTreeSet::from(["BYTES".to_owned()]);
        let found = read_env_files(&pipeline, &pipeline.env_files, &env, &not_text);
        found.map(|found| found.variables.into_iter().collect()).map_err(|problems| self.shown(problems))
    }

    fn shown(&self, problems: Vec<Diagnostic>) -> String {
        let folder = format!("{}/", self.0.path().display());
        render(&Diagnostics::of(problems).unwrap(), false).replace(&folder, "")
    }

    fn warnings(&self, top: &str) -> Vec<String> {
        let (problems, warnings) = check_env_files(&self.pipeline(top), true);
        assert!(problems.is_empty(), "{problems:?}");
        let folder = format!("{}/", self.0.path().display());
        warnings.into_iter().map(|it| format!("{}: {}", it.code, it.message.replace(&folder, ""))).collect()
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn later_files_win_and_the_environment_wins_over_all() {
    let folder = Folder::new(&[("a.env", "A=1\nB=1\nC=1\nEMPTY=1\nBYTES=1\n"), ("b.env", "B=2\n")]);
    let real = [("C", "real"), ("EMPTY", ""), ("OTHER", "x")];
    assert_eq!(
        folder.read("env_file: [a.env, b.env]", &real).unwrap(),
        pairs(&[("A", "1"), ("B", "2"), ("C", "real"), ("EMPTY", "")])
    );
}

#[test]
fn a_file_may_be_missing_only_if_it_says_so() {
    let folder = Folder::new(&[("b.env", "B=2\n")]);
    let optional = "env_file: [{path: a.env, required: false}, {path: b.env}]";
    assert_eq!(folder.read(optional, &[]).unwrap(), pairs(&[("B", "2")]));
    assert_eq!(folder.read("env_file: {path: a.env, required: false}", &[]).unwrap(), []);
    insta::assert_snapshot!(folder.read("env_file: a.env", &[]).unwrap_err());
    // Only a run needs it.
    let (problems, _) = check_env_files(&folder.pipeline("env_file: a.env"), true);
    assert!(problems.is_empty());
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_name() {
    let folder = Folder::new(&[(".env", "\u{feff}A=1\r\nB=2")]);
    assert_eq!(folder.read("env_file: .env", &[]).unwrap(), pairs(&[("A", "1"), ("B", "2")]));
}

#[test]
fn bad_lines_are_shown_without_values() {
    let text = "GOOD=hidden1\nmy-var=hidden2\nhidden3\n  export B = \"hidden4\nC='hidden5' hidden6\nabc+hidden7/x==\n";
    let folder = Folder::new(&[(".env", text)]);
    let said = folder.read("env_file: .env", &[]).unwrap_err();
    assert!(!said.contains("hidden"), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn what_is_no_file_is_an_error_and_is_not_waited_for() {
    let folder = Folder::new(&[]);
    std::fs::create_dir(folder.0.path().join("dir")).unwrap();
    let fifo = folder.0.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    std::fs::write(folder.0.path().join("latin"), b"A=1\nB=\xe4hidden\n").unwrap();
    let said = folder.read("env_file: [dir, fifo, latin]", &[]).unwrap_err();
    assert!(!said.contains("hidden"), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn strict_names_what_stands_twice_and_what_is_not_masked() {
    let text = "API_TOKEN=x\nSSH_KEY=x\nDB_PASSWORD_FILE=x\nEMPTY_SECRET=\nMONKEY=x\nA=1\nA=2\n";
    let folder = Folder::new(&[(".env", text)]);
    let top = "params: {token: {type: secret, env: API_TOKEN}}\nenv_file: .env";
    assert_eq!(
        folder.warnings(top),
        [
            "repeated-variable: `A` stands twice in one file (.env:7)",
            "unmasked-secret: `SSH_KEY` is not masked, and its name sounds secret (.env:2)",
            "unmasked-secret: `DB_PASSWORD_FILE` is not masked, and its name sounds secret (.env:3)",
        ]
    );
    let allowed = "# pipe: allow unmasked-secret, repeated-variable\nenv_file: .env";
    assert_eq!(folder.warnings(allowed), [""; 0]);
}

#[test]
fn the_file_lies_beside_the_pipeline_file() {
    let folder = Folder::new(&[(".env", "A=1\n")]);
    let pipeline = folder.pipeline("env_file: .env");
    assert_eq!(path(&pipeline, &pipeline.env_files[0]), folder.0.path().join(".env"));
    let absolute = EnvFile { path: "/x/.env".into(), ..pipeline.env_files[0].clone() };
    assert_eq!(path(&pipeline, &absolute), Path::new("/x/.env"));
}

#[test]
fn hidden_text_keeps_its_places() {
    let source = Source::new(".env", "A=ü'x'\n\tB = \"y\r\nno name\n");
    let hidden = without_values(&source);
    assert_eq!(hidden.text(), "A=*****\n\tB = \"*\r\n*******\n");
    assert_eq!(hidden.text().len(), source.text().len());
}
