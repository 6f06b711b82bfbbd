//! A pipeline with a service and a shared container, and their events.

use super::{run_started, step};
use crate::event::EventKind;
use crate::pipeline::{
    Action, Check, CheckTest, Container, Image, Pipeline, Pull, Readiness, Resources, Role, Service, Source,
    Span, Step, StepId, Template, Usage,
};

/// The step that uses the service, in the container.
pub const TEST: usize = 0;
/// Another step in the container.
pub const LINT: usize = 1;
/// The service.
pub const DB: usize = 2;
/// The shared container.
pub const CI: usize = 3;

const TEXT: &str = "\
services:
  db: {image: postgres:16, healthcheck: {test: pg_isready}}
containers:
  ci: {image: rust:1.90}
steps:
  - {name: test, container: ci, services: db}
  - {name: lint, container: ci}
";

/// Two steps in one container, of which one uses a service.
pub fn served() -> Pipeline {
    let span = |text: &str| {
        let start = TEXT.find(text).unwrap_or_default();
        Span::new(start, start + text.len())
    };
    let usage = |used: usize, at: &str| Usage { step: StepId::new(used), at: span(at) };
    let mut pipeline = Pipeline::new("served", Source::new("served.yml", TEXT));
    let mut test = step("test", span("name: test"));
    test.services = vec![usage(DB, "services: db")];
    test.shared = Some(usage(CI, "container: ci"));
    let mut lint = step("lint", span("name: lint"));
    lint.shared = Some(usage(CI, "container: ci"));
    let check = CheckTest::Shell(Template::literal("pg_isready", span("pg_isready")));
    let db = Step {
        role: Role::Service,
        service: Some(Box::new(Service {
            name: "db".into(),
            ports: Vec::new(),
            readiness: Readiness::Check(Box::new(Check::new(Some(check)))),
        })),
        container: Some(container("postgres:16", span("image: postgres:16"))),
        ..step("db", span("db:"))
    };
    let ci = Step {
        role: Role::Container,
        container: Some(container("rust:1.90", span("image: rust:1.90"))),
        ..Step::new("ci", span("ci:"), Action::Wait)
    };
    pipeline.steps = vec![test, lint, db, ci];
    pipeline
}

fn container(image: &str, at: Span) -> Box<Container> {
    Box::new(Container {
        image: Image::Named(Template::literal(image, at)),
        at,
        stands_in: false,
        pull: Pull::Missing,
        platform: None,
        user: None,
        network: None,
        mounts: Vec::new(),
        resources: Resources::default(),
    })
}

/// A service, or a shared container, is ready so many milliseconds after its start.
pub fn ready(step: usize, ms: u64) -> EventKind {
    EventKind::ServiceReady { step: StepId::new(step), after: std::time::Duration::from_millis(ms) }
}

/// The run begins.
pub fn served_started() -> EventKind {
    run_started(served())
}
