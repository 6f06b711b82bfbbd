//! What services of a file become: their ports, their checks, and who uses them.

use std::time::Duration;

use crate::file::{LoadOptions, load};
use crate::pipeline::{Action, Check, CheckTest, OnError, Pipeline, Readiness, Role, Service, Source, Step};

fn read_with(text: &str, options: &LoadOptions) -> Pipeline {
    load(Source::new("pipeline.yml", text), options).unwrap()
}

fn read(text: &str) -> Pipeline {
    read_with(text, &LoadOptions::default())
}

fn step<'p>(pipeline: &'p Pipeline, name: &str) -> &'p Step {
    pipeline.steps.iter().find(|step| step.name == name).unwrap()
}

/// A service with some keys, and a step that uses it.
fn service(keys: &str) -> Service {
    let text = format!("services:\n  db: {{{keys}}}\nsteps:\n  - {{name: test, run: make, services: db}}\n");
    *step(&read(&text), "db").service.clone().unwrap()
}

/// The names of what a step uses.
fn used(pipeline: &Pipeline, name: &str) -> Vec<String> {
    let usages = step(pipeline, name).usages();
    usages.map(|usage| pipeline.step(usage.step).name.clone()).collect()
}

#[test]
fn ports_are_numbers_or_lead_from_one_to_another() {
    let ports = |text: &str| {
        let Service { ports, .. } = service(&format!("image: x, ports: {text}"));
        ports.iter().map(|port| (port.number, port.published)).collect::<Vec<_>>()
    };
    assert_eq!(ports("5432"), [(5432, None)]);
    assert_eq!(ports("[5432, '80']"), [(5432, None), (80, None)]);
    assert_eq!(ports("['15432:5432']"), [(5432, Some(15432))]);
}

#[test]
fn checks_are_read_in_the_forms_of_compose() {
    let check = |text: &str| service(&format!("image: x, healthcheck: {text}")).readiness;
    let words = |readiness: &Readiness| match readiness {
        Readiness::Check(check) => match &check.test {
            Some(CheckTest::Shell(text)) => format!("sh {}", text.source),
            Some(CheckTest::Words(words)) => {
                words.iter().map(|word| word.source.as_str()).collect::<Vec<_>>().join("|")
            }
            None => "nothing".into(),
        },
        Readiness::AtOnce => "at once".into(),
        Readiness::Found => "found".into(),
    };
    for (text, expected) in [
        ("none", "at once"),
        ("{test: [NONE]}", "at once"),
        ("{test: pg_isready -q}", "sh pg_isready -q"),
        ("{test: [CMD-SHELL, pg_isready -q]}", "sh pg_isready -q"),
        ("{test: [CMD, pg_isready, -q]}", "pg_isready|-q"),
        ("{test: [pg_isready, -q]}", "pg_isready|-q"),
        ("{interval: 2s}", "nothing"),
    ] {
        assert_eq!(words(&check(text)), expected, "{text}");
    }
    assert_eq!(words(&service("image: x, ports: 80").readiness), "found");
    let Readiness::Check(times) = check("{test: x, interval: 2s, timeout: 3s, retries: 4, start_period: 5s}")
    else {
        panic!("no check")
    };
    let Check { test: _, interval, timeout, retries, start_period } = *times;
    let seconds = Duration::from_secs;
    assert_eq!((interval, timeout, retries, start_period), (seconds(2), seconds(3), 4, seconds(5)));
}

#[test]
fn a_service_without_a_script_runs_the_program_of_its_image() {
    let text = "defaults: {working_dir: sub, timeout: 1m}\nservices:\n  db: {image: x, ports: 80}\n  \
                own: {image: x, run: ./serve, ports: 81}\nsteps: [{name: a, run: make, services: [db, own]}]";
    let pipeline = read(text);
    let (db, own) = (step(&pipeline, "db"), step(&pipeline, "own"));
    assert!(db.is_of_image() && db.working_dir.is_none());
    assert!(!own.is_of_image() && own.working_dir.is_some());
    assert_eq!((db.policy.timeout, own.policy.timeout), (None, None));
    assert!(matches!(own.action, Action::Run(_)) && own.role == Role::Service);
}

#[test]
fn a_service_has_the_policy_of_the_file_without_its_limits() {
    let text = "on_error: continue\ndefaults: {retry: {count: 2, timeout: 5s}, timeout: '{{ wait }}'}\n\
                params: {wait: 5s}\nservices:\n  db: {image: x, ports: 80}\n  strict: {image: x, ports: 80, \
                on_error: stop, retry: 7}\nsteps: [{name: a, run: make, services: [db, strict]}]";
    let pipeline = read(text);
    let (db, strict) = (step(&pipeline, "db"), step(&pipeline, "strict"));
    let retry = |step: &Step| step.policy.retry.clone().map(|retry| (retry.count, retry.timeout));
    assert_eq!((db.policy.on_error, retry(db)), (OnError::Continue, Some((2, None))));
    assert_eq!((strict.policy.on_error, retry(strict)), (OnError::Stop, Some((7, None))));
    assert!(db.early.is_empty() && !step(&pipeline, "a").early.is_empty());
}

#[test]
fn with_docker_services_of_this_machine_become_containers() {
    let text =
        "services: {api: {run: ./serve, ports: ['8080:80']}}\nsteps: [{name: a, run: make, services: api}]";
    let options = LoadOptions { containers: true, image: Some("alpine".into()), ..LoadOptions::default() };
    let pipeline = read_with(text, &options);
    let api = step(&pipeline, "api");
    assert!(api.container.as_ref().is_some_and(|container| container.stands_in) && !api.is_of_image());
    assert!(!pipeline.is_on_host(api));
}

#[test]
fn steps_services_containers_and_all_of_a_matrix_use_services() {
    let pipeline = read(
        "
services:
  db-15: {image: x, ports: 80}
  db-16: {image: x, ports: 80}
  api: {image: x, ports: 81, services: [db-15, db-16, db-15]}
containers:
  ci: {image: x, services: api, env: {AT: '{{ services.api.port }}'}}
steps:
  - {name: test, matrix: {v: [15, 16]}, run: 'make {{ services.api.host }}', services: ['db-{{ matrix.v }}', api]}
  - {name: in-ci, container: ci, run: 'make {{ services.api.port }}'}
  - {name: late, finally: true, run: make, services: api}
",
    );
    assert_eq!(used(&pipeline, "test.15"), ["db-15", "api"]);
    assert_eq!(used(&pipeline, "test.16"), ["db-16", "api"]);
    assert_eq!(used(&pipeline, "api"), ["db-15", "db-16"]);
    assert_eq!(used(&pipeline, "ci"), ["api"]);
    assert_eq!(used(&pipeline, "in-ci"), ["ci"]);
    assert_eq!(used(&pipeline, "late"), ["api"]);
}
