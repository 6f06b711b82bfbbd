use std::time::Duration;

use super::*;
use crate::file::{LoadOptions, load, render};
use crate::pipeline::Secret;

const DECLARED: &str = "\
params:
  source: {type: path, description: What to back up}
  level: {type: int, default: 6, min: 1, max: 9, env: LEVEL}
  ratio: {type: float, default: 0.5, max: 1}
  mode: {type: choice, choices: [full, incremental], default: full}
  tags: {type: list, default: [a, 'b, c']}
  fast: {type: bool, default: yes}
  wait: {type: duration, default: 1h 30m}
  room: {type: size, default: 1.5KiB}
  word: {type: string, pattern: '[a-z]+', default: abc}
  token: {type: secret, default: '', env: API_TOKEN}
steps: [{name: a, run: make}]
";

fn pipeline(text: &str) -> Pipeline {
    load(Source::new("pipeline.yml", text), &LoadOptions::default())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is given: `-p` arguments, the text of a params file, the environment.
fn given(cli: &[(&str, &str)], file: &str, env: &[(&str, &str)]) -> ParamSources {
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    ParamSources {
        cli: own(cli),
        file: (!file.is_empty()).then(|| Source::new("params.yml", file)),
        facts: RunContext { env: own(env).into_iter().collect(), ..RunContext::default() },
        working_dir: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        ..ParamSources::default()
    }
}

fn said(text: &str, given: &ParamSources) -> String {
    render(&resolve(&pipeline(text), given).unwrap_err(), false)
}

fn int(text: &str) -> ParamValue {
    ParamValue::Int { text: text.to_owned(), value: text.parse().unwrap() }
}

fn text(text: &str) -> ParamValue {
    ParamValue::Text(text.to_owned())
}

#[test]
fn every_type_has_its_value() {
    let values = resolve(&pipeline(DECLARED), &given(&[("source", "/a b")], "", &[])).unwrap();
    assert_eq!(values["source"], text("/a b"));
    assert_eq!(values["level"], int("6"));
    assert_eq!(values["ratio"], ParamValue::Float { text: "0.5".into(), value: 0.5 });
    assert_eq!((&values["mode"], &values["word"]), (&text("full"), &text("abc")));
    assert_eq!(values["tags"], ParamValue::List(vec!["a".into(), "b, c".into()]));
    assert_eq!(values["fast"], ParamValue::Bool(true));
    assert_eq!(
        values["wait"],
        ParamValue::Duration { text: "1h 30m".into(), value: Duration::from_secs(5400) }
    );
    assert_eq!(values["room"], ParamValue::Size { text: "1.5KiB".into(), bytes: 1536 });
    assert_eq!(values["token"], ParamValue::Secret(Secret::new("")));
    assert_eq!(values.len(), 10);
}

#[test]
fn the_command_line_counts_before_the_file_that_before_the_environment_and_that_before_the_default() {
    let level = |cli: &[(&str, &str)], file: &str, env: &[(&str, &str)]| {
        let file = format!("source: x\n{file}");
        resolve(&pipeline(DECLARED), &given(cli, &file, env)).unwrap()["level"].clone()
    };
    let env = [("LEVEL", "2")];
    assert_eq!(level(&[("level", "3"), ("level", "4")], "level: 5", &env), int("4"));
    assert_eq!(level(&[], "level: 5", &env), int("5"));
    assert_eq!(level(&[], "", &env), int("2"));
    assert_eq!(level(&[], "", &[]), int("6"));
}

#[test]
fn files_may_be_yaml_or_json_and_keep_spellings() {
    let file = r#"{"source": "x", "tags": ["a", 010, 1.10], "fast": false, "level": 9}"#;
    let values = resolve(&pipeline(DECLARED), &given(&[], file, &[])).unwrap();
    assert_eq!(values["tags"], ParamValue::List(vec!["a".into(), "010".into(), "1.10".into()]));
    assert_eq!((&values["fast"], &values["level"]), (&ParamValue::Bool(false), &int("9")));
}

#[test]
fn lists_are_written_with_commas_or_as_yaml() {
    let tags = |text: &str| {
        let values =
            resolve(&pipeline(DECLARED), &given(&[("source", "x"), ("tags", text)], "", &[])).unwrap();
        match &values["tags"] {
            ParamValue::List(items) => items.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(tags("a, b c,d"), ["a", "b c", "d"]);
    assert_eq!(tags("[a, 'b, c', 1.10]"), ["a", "b, c", "1.10"]);
    assert_eq!(tags("one"), ["one"]);
    assert!(tags("").is_empty() && tags("[]").is_empty());
}

#[test]
fn truth_has_many_spellings() {
    for (spelling, truth) in
        [("yes", true), ("ON", true), ("1", true), ("True", true), ("off", false), ("0", false)]
    {
        let given = given(&[("source", "x"), ("fast", spelling)], "", &[]);
        assert_eq!(resolve(&pipeline(DECLARED), &given).unwrap()["fast"], ParamValue::Bool(truth));
    }
}

#[test]
fn every_bad_value_is_reported_with_where_it_came_from() {
    let cli =
        [("levl", "1"), ("mode", "ful"), ("tags", "[a"), ("wait", "5"), ("room", "much"), ("word", "ab1")];
    let file = "# values\nratio: 1.5\nfast: [yes]\nsorce: x\nwait: never\ntoken: {a: b}\n";
    insta::assert_snapshot!("bad_values", said(DECLARED, &given(&cli, file, &[("LEVEL", "12")])));
}

#[test]
fn paths_must_be_what_their_params_say() {
    let declared = "\
params:
  any: {type: path, exists: true}
  file: {type: path, exists: file}
  dir: {type: path, exists: dir, default: Cargo.toml}
  free: {type: path, default: /no/such/thing}
steps: [{name: a, run: make}]
";
    let good = given(&[("any", "src"), ("file", "Cargo.toml"), ("dir", "src")], "", &[]);
    assert!(resolve(&pipeline(declared), &good).is_ok());
    let bad = given(&[("any", "no/such"), ("file", "src")], "", &[]);
    insta::assert_snapshot!("paths", said(declared, &bad));
}

#[test]
fn a_file_that_is_no_map_is_said_to_be() {
    assert!(
        said(DECLARED, &given(&[("source", "x")], "- a\n", &[]))
            .contains("the file must be a map, not a list")
    );
    assert!(said(DECLARED, &given(&[("source", "x")], "a: [b\n", &[])).contains("params.yml:1:4"));
    assert!(
        said(DECLARED, &given(&[("source", "x")], "level: 1\nlevel: 2\n", &[])).contains("is here twice")
    );
    assert!(resolve(&pipeline(DECLARED), &given(&[("source", "x")], "# nothing\n", &[])).is_ok());
}

#[test]
fn secrets_are_in_no_message() {
    let declared = "params: {token: {type: secret}}\nsteps: [{name: a, run: make}]\n";
    let said = said(declared, &given(&[("tokn", "hunter2")], "", &[]));
    assert!(!said.contains("hunter2"), "{said}");
    let values = resolve(&pipeline(declared), &given(&[("token", "hunter2")], "", &[])).unwrap();
    assert!(!format!("{values:?}").contains("hunter2"));
}

#[test]
fn secrets_of_a_params_file_are_in_no_message() {
    let declared = "params: {token: {type: secret}, level: 1}\nsteps: [{name: a, run: make}]\n";
    let said = |file: &str| said(declared, &given(&[], file, &[])).replace(|c: char| c.is_whitespace(), "");
    let one = said(r#"{"token": "hünter22", "level": "much", "tokn": "hunter23", "level2": 7}"#);
    assert!(one.contains(r#""level":"much""#) && one.contains("didyoumean`token`?"), "{one}");
    assert!(!one.contains("nter2"), "{one}");
    let of_a_kind = said("token: {a: hunter22}\nlevel: 2\n");
    assert!(of_a_kind.contains("token:*") && !of_a_kind.contains("hunter22"), "{of_a_kind}");
}

#[test]
fn secrets_that_nothing_gives_are_asked_for_or_hidden_or_missing() {
    let declared = "\
params:
  token: {type: secret, env: TOKEN, description: the key of the house}
  other: {type: secret}
  free: {type: secret, default: x}
  made: {type: secret, default: 'Bearer {{ token }}'}
  name: {type: string}
steps: [{name: a, run: make}]
";
    let pipeline = pipeline(declared);
    let names = |given: &ParamSources| -> Vec<String> {
        missing_secrets(&pipeline, given).iter().map(|param| param.name.clone()).collect()
    };
    assert_eq!(names(&given(&[("name", "x")], "", &[])), ["token", "other"]);
    assert_eq!(names(&given(&[("other", "y")], "", &[("TOKEN", "x")])), [""; 0]);
    let supplied = given(&[("name", "x")], "", &[]);
    insta::assert_snapshot!("missing_secrets", said(declared, &supplied));

    let hidden = ParamSources { missing_secrets: MissingSecrets::Hide, ..supplied.clone() };
    assert_eq!(resolve(&pipeline, &hidden).unwrap()["made"], ParamValue::Secret(Secret::new("Bearer ***")));

    let asked = ["token", "other"].map(|name| (name.to_owned(), Secret::new(format!("@{name}"))));
    let asked = ParamSources { asked: asked.into(), ..supplied };
    assert!(names(&asked).is_empty());
    let values = resolve(&pipeline, &asked).unwrap();
    assert_eq!(values["made"], ParamValue::Secret(Secret::new("Bearer @token")), "what is typed is no path");
}

#[test]
fn secrets_come_from_files_only_where_they_are_given() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "hunter22\n").unwrap();
    let declared = "\
params: {token: {type: secret, env: TOKEN, default: '@secret'}, name: '@x'}
steps: [{name: a, run: make}]
";
    let path = format!("@{}", dir.path().join("secret").display());
    let token = |given: &ParamSources| match &resolve(&pipeline(declared), given).unwrap()["token"] {
        ParamValue::Secret(secret) => secret.reveal().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(token(&given(&[("token", &path), ("name", "@x")], "", &[])), "hunter22");
    assert_eq!(token(&given(&[("token", "@@x")], "", &[])), "@x");
    assert_eq!(token(&given(&[], "", &[("TOKEN", "@x")])), "@x");
    assert_eq!(token(&given(&[], "", &[])), "@secret");
    // Beside the file that names it.
    let beside = Source::new(dir.path().join("params.yml"), "token: '@secret'\n");
    assert_eq!(token(&ParamSources { file: Some(beside), ..given(&[], "", &[]) }), "hunter22");
    let missing = said(declared, &given(&[("token", "@no/such/file")], "", &[]));
    assert!(missing.contains("param `token`: there is no file `no/such/file` (from -p)"), "{missing}");
}

const NESTED: &str = "\
params:
  archive: \"{{.folder}}/{{.name}}.tar.gz\"
  name: \"{{ base }}-{{ params.mode }}\"
  base: \"{{.source | basename}}\"
  source: /data/my files
  folder: {type: path, default: \"{{ env.HOME }}\"}
  mode: full
  copies: {type: list, default: \"{{.mode}}, {{.base}}\"}
  level: {type: int, max: 9, default: \"{{ 3 * 3 }}\"}
steps: [{name: a, run: make}]
";

#[test]
fn defaults_may_name_other_params_in_any_order() {
    let values = resolve(&pipeline(NESTED), &given(&[], "", &[("HOME", "/home/x")])).unwrap();
    assert_eq!(values["archive"], text("/home/x/my files-full.tar.gz"));
    assert_eq!(values["copies"], ParamValue::List(vec!["full".into(), "my files".into()]));
    assert_eq!(values["level"], int("9"));

    let supplied = given(&[("base", "b"), ("folder", ".")], "mode: '{{.source}}'\n", &[]);
    let values = resolve(&pipeline(NESTED), &supplied).unwrap();
    // What is given is a value, not a template.
    assert_eq!(values["archive"], text("./b-{{.source}}.tar.gz"));
}

#[test]
fn what_goes_wrong_in_a_default_is_said_once_and_at_its_place() {
    let declared = "\
params:
  top: \"{{ middle }}\"
  middle: \"{{ bottom }}\"
  bottom: {type: int, max: 9, default: \"{{ count }}0\"}
  count: 1
  home: \"a/{{ env.NOWHERE }}\"
steps: [{name: a, run: make}]
";
    insta::assert_snapshot!("defaults", said(declared, &given(&[], "", &[])));
}

#[test]
fn a_long_chain_of_defaults_is_no_trouble() {
    let mut declared = String::from("params:\n");
    for link in 0..2_000 {
        declared.push_str(&format!("  p{link}: \"{{{{ p{} }}}}\"\n", link + 1));
    }
    declared.push_str("  p2000: end\nsteps: [{name: a, run: make}]\n");
    // Only the order: working out each of so many values copies those before it.
    let pipeline = pipeline(&declared);
    let (order, cycles) = order::order(&pipeline.params);
    assert!(cycles.is_empty());
    assert_eq!(order, (0..=2_000).rev().collect::<Vec<_>>());
}

#[test]
fn secrets_may_be_made_of_secrets() {
    let declared = "\
params:
  key: {type: secret, env: KEY}
  link: {type: secret, default: \"https://{{ key }}@host\"}
steps: [{name: a, run: 'curl {{ link }}'}]
";
    let values = resolve(&pipeline(declared), &given(&[], "", &[("KEY", "hunter2")])).unwrap();
    assert_eq!(values["link"], ParamValue::Secret(Secret::new("https://hunter2@host")));
}

#[test]
fn the_show_piece_works_out_its_names() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/backup.yml");
    let pipeline = load(crate::file::read(&path).unwrap(), &LoadOptions::default()).unwrap();
    let values = resolve(&pipeline, &given(&[], "", &[])).unwrap();
    assert_eq!((&values["name"], &values["remote"]), (&text("src-full"), &text("backup/remote")));
}
