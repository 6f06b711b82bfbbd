//! Services, and how steps use them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Span, StepId, Template};

/// A name under `services` of a step, or its `container`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The service, or the shared container.
    pub step: StepId,
    /// Where it is named.
    pub at: Span,
}

/// What makes a step a service: how others find it, and how it says that it is ready.
#[derive(Debug, Clone)]
pub struct Service {
    /// What its file calls it. The step of a file that is used has the caller's name before it.
    pub name: String,
    /// The ports that it answers at; the first is the usual one.
    pub ports: Vec<ServicePort>,
    /// What says that it is ready.
    pub readiness: Readiness,
}

/// A port of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServicePort {
    /// Where the service answers.
    pub number: u16,
    /// The port of this machine that leads there; `None` is one that is free.
    pub published: Option<u16>,
}

/// Where a service is found, once it is ready.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The ports of this machine that lead to it, by its own.
    pub published: BTreeMap<u16, u16>,
}

/// Where services are found, those that are ready.
pub type Endpoints = BTreeMap<StepId, Endpoint>;

/// What says that a service is ready.
#[derive(Debug, Clone)]
pub enum Readiness {
    /// Nothing that the file says: the image's own check, else its ports.
    Found,
    /// A check.
    Check(Box<Check>),
    /// It is ready at once (`healthcheck: none`).
    AtOnce,
}

/// A check that a service is ready, and how often it is made.
#[derive(Debug, Clone)]
pub struct Check {
    /// What is run; nothing if only the times are said.
    pub test: Option<CheckTest>,
    /// The longest time between two checks.
    pub interval: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// How many checks may fail after `start_period`.
    pub retries: u32,
    /// How long a service may take before failed checks count.
    pub start_period: Duration,
}

/// What a check runs. It has succeeded if the exit code is 0.
#[derive(Debug, Clone)]
pub enum CheckTest {
    /// A text for the shell.
    Shell(Template),
    /// A program and its arguments.
    Words(Vec<Template>),
}

impl Check {
    /// A check with the times that hold where a file says none.
    pub fn new(test: Option<CheckTest>) -> Self {
        Self {
            test,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            retries: 60,
            start_period: Duration::ZERO,
        }
    }
}

impl Service {
    /// Returns the name of the variable that tells its users a part of its address: `HOST` or `PORT`.
    pub fn variable(name: &str, part: &str) -> String {
        let letter = |each: char| if each.is_ascii_alphanumeric() { each.to_ascii_uppercase() } else { '_' };
        format!("PIPE_SERVICE_{}_{part}", name.chars().map(letter).collect::<String>())
    }

    /// Returns every text of it that may have expressions.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let Self { name: _, ports: _, readiness } = self;
        let test = match readiness {
            Readiness::Check(check) => check.test.as_ref(),
            Readiness::Found | Readiness::AtOnce => None,
        };
        let (text, words): (Option<&Template>, &[Template]) = match test {
            Some(CheckTest::Shell(text)) => (Some(text), &[]),
            Some(CheckTest::Words(words)) => (None, words),
            None => (None, &[]),
        };
        text.into_iter().chain(words)
    }
}
