//! An order means the gang that it was made of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::message::{FromPod, Heard, PodEvents, ToPod};
use super::{ORDER_PROTOCOL, Order, OrderError, OrderSecrets, PROGRAM};
use crate::event::channel::channel;
use crate::event::mask::Masker;
use crate::event::wire::Encoder;
use crate::event::{Event, EventKind, StepFinished};
use crate::executor::StepSpec;
use crate::file::{LoadOptions, MissingSecrets, ParamSources, Parsed};
use crate::pipeline::{BodyEnd, Failure, Outcome, Pipeline, RunOutcome, Source, StepId};
use crate::plan::{Decisions, Plan};
use crate::reaper::Reaper;
use crate::runner::{Deaths, GangOrder, Job, Past, RunPaths, Settings, first_attempt};
use crate::template::{RunContext, groups};

/// The folder of the pod.
const FOLDER: &str = "/pod";

/// A run of a file, as a client has it.
fn job(source: &Source, options: &LoadOptions, given: &[(&str, &str)]) -> Option<Arc<Job>> {
    let cli = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let env = BTreeMap::from([
        ("TOKEN".to_owned(), "hush-hush".to_owned()),
        ("PLAIN".to_owned(), "x y".to_owned()),
    ]);
    let facts = RunContext { env: env.clone(), run_id: "R1".into(), ..RunContext::default() };
    let sources = ParamSources {
        cli,
        facts,
        working_dir: "/work".into(),
        missing_secrets: MissingSecrets::Hide,
        needed: Some(BTreeSet::new()),
        process: Arc::new(env),
        ..ParamSources::default()
    };
    let early = |request: &crate::file::EarlyRequest<'_>| match request.passed {
        Some(_) => crate::file::of_defaults(request),
        None => {
            let values = crate::file::resolve(request.pipeline, &sources).ok()?;
            let is_known = request.needed.iter().all(|name| values.contains_key(name));
            is_known.then(|| {
                crate::template::TemplateRenderer::new(RunContext { values, ..RunContext::default() })
            })
        }
    };
    let Parsed { pipeline, problems, .. } = crate::file::parse(source, options, &early);
    assert!(problems.is_empty(), "{}: {problems:?}", source.path().display());
    let mut pipeline = pipeline?;
    let started_at = Some("2026-11-29T12:00:00.123456789+02:00[Europe/Sofia]".parse().unwrap());
    let context = RunContext {
        pipeline: pipeline.name.clone(),
        pipeline_dir: crate::file::folder(source.path()),
        started_at,
        groups: groups(&pipeline),
        ..sources.facts.clone()
    };
    let templates = crate::file::renderer(&pipeline, &sources, context).ok()?;
    let problems = crate::file::settle(&mut pipeline, &templates);
    assert!(problems.is_empty(), "{}: {problems:?}", source.path().display());
    let plan = Plan::new(&pipeline).ok()?;
    Some(Arc::new(Job {
        plan: Arc::new(plan),
        pipeline: Arc::new(pipeline),
        templates,
        events: channel(Masker::default()).0,
        place: RunPaths {
            id: "R1".into(),
            working_dir: "/work".into(),
            run_dir: "/work/.pipe/runs/R1".into(),
            streams_dir: Path::new(FOLDER).join("streams"),
            outputs_dir: Path::new(FOLDER).join("outputs"),
            key: vec![1, 2, 255],
            secrets_dir: Some(Path::new(FOLDER).join("secrets")),
        },
        past: Past::default(),
        asked: None,
        settings: Settings { grace: Duration::from_millis(1500), trace: true, ..Settings::default() },
        reaper: Reaper::default(),
    }))
}

fn gang(job: &Arc<Job>, steps: &[StepId]) -> GangOrder {
    let outputs = |key: &str| Arc::new(BTreeMap::from([(key.to_owned(), "v'1\n".to_owned())]));
    let pipeline = &job.pipeline;
    let dependencies = steps.iter().flat_map(|step| &pipeline.step(*step).depends_on);
    let given = dependencies.map(|it| (pipeline.step(it.step).name.clone(), outputs("version"))).collect();
    let words = pipeline.steps.iter().map(|step| (step.name.clone(), "succeeded")).collect();
    let body = BodyEnd { outcome: RunOutcome::Failed, cause: "x".into(), steps: words };
    GangOrder {
        job: Arc::clone(job),
        steps: steps.to_vec(),
        round: 3,
        given,
        body: Some(Arc::new(body)),
        decisions: Arc::new(Decisions::known(pipeline, |step| step.index() != 1)),
        passed_over: BTreeSet::new(),
        endpoints: Arc::default(),
        deaths: watch::channel(Deaths::new()).1,
    }
}

/// What is compared of a gang.
async fn seen(gang: &GangOrder) -> Vec<Result<StepSpec, String>> {
    let mut seen = Vec::new();
    for step in &gang.steps {
        let spec = first_attempt(gang, *step).await;
        seen.push(spec.map(|spec| StepSpec {
            // An order has secrets only where a member wants some.
            secrets: None,
            ..spec
        }));
    }
    seen
}

/// What joins the steps of a pipeline.
fn joined(pipeline: &Pipeline, plan: &Plan) -> String {
    let edges = pipeline.streams.iter().map(|stream| {
        (&stream.name, stream.producer, &stream.readers, &stream.out, stream.store, stream.checksum)
    });
    let steps = pipeline.steps.iter().map(|step| {
        let needs: Vec<StepId> = step.depends_on.iter().map(|needed| needed.step).collect();
        let inputs: Vec<_> =
            step.inputs.iter().map(|input| (&input.name, input.port.stream, input.buffer)).collect();
        (&step.name, step.at, needs, inputs, step.produces.len())
    });
    let gangs: Vec<_> = plan.gangs().iter().map(|gang| &gang.steps).collect();
    format!("{:?}\n{:?}\n{gangs:?}", edges.collect::<Vec<_>>(), steps.collect::<Vec<_>>())
}

/// Sends each gang of a run through an order. Returns how many were compared.
async fn compare(job: &Arc<Job>, options: &LoadOptions) -> usize {
    let secrets = OrderSecrets::of(job);
    let mut compared = 0;
    for planned in job.plan.gangs() {
        let gang = gang(job, &planned.steps);
        let order = match Order::of(&gang, options) {
            Ok(order) => order,
            Err(OrderError::Unfit { .. }) => continue,
            Err(error) => panic!("{error}"),
        };
        let text = serde_json::to_string(&ToPod::order(&order).unwrap()).unwrap();
        assert!(!text.contains("hush-hush"), "a secret is in the order:\n{text}");
        let Ok(ToPod::Order { order: value }) = serde_json::from_str(&text) else { panic!("{text}") };
        let read = Order::read(value).unwrap();
        assert_eq!(read, order);
        let opened = read.open(&secrets, Path::new(FOLDER)).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let there = &opened.gang;
        assert_eq!(joined(&there.job.pipeline, &there.job.plan), joined(&job.pipeline, &job.plan));
        assert_eq!(
            (&there.steps, &there.given, &there.body, there.round),
            (&gang.steps, &gang.given, &gang.body, 3)
        );
        let place = &there.job.place;
        assert_eq!((&place.key, &place.id), (&job.place.key, &job.place.id));
        assert_eq!(there.job.settings.grace, job.settings.grace);
        assert_eq!(seen(there).await, seen(&gang).await, "{text}");
        for step in &gang.steps {
            let (here, there) = (&job.pipeline.step(*step).policy, &there.job.pipeline.step(*step).policy);
            assert_eq!((here.timeout, here.on_error), (there.timeout, there.on_error));
            assert!(there.retry.as_ref().is_none_or(|retry| retry.count == 0), "a pod retries nothing");
        }
        // Written again, it is the same but for what only the client has.
        let again = Order::of(there, options).unwrap();
        assert_eq!((again.context, again.calls, again.files), (order.context, order.calls, order.files));
        compared += 1;
    }
    compared
}

#[tokio::test]
async fn every_example_is_the_same_on_the_other_side() {
    let mut compared = 0;
    for path in examples() {
        let source = crate::file::read(&path).unwrap();
        for options in [
            LoadOptions::default(),
            LoadOptions { containers: true, image: Some("alpine".into()), ..LoadOptions::default() },
        ] {
            let early = |request: &crate::file::EarlyRequest<'_>| crate::file::of_defaults(request);
            if crate::file::parse(&source, &options, &early).problems.is_empty()
                && let Some(job) = job(&source, &options, &[])
            {
                compared += compare(&job, &options).await;
            }
        }
    }
    assert!(compared > 50, "only {compared} gangs of the examples have been compared");
}

fn examples() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A file that uses another, with everything that an order has to carry.
fn full() -> (tempfile::TempDir, Source) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("lib")).unwrap();
    std::fs::write(
        dir.path().join("lib/protect.yml"),
        "params: {os: {type: list, default: [a, b]}, token: {type: secret}, level: {type: int, default: 3}}\n\
         steps:\n\
         \x20 - {name: seal, image: x, matrix: {os: '{{ os }}'}, run: 'seal {{ matrix.os }} {{ level }} {{ token }} {{ pipeline.dir }}', secrets: [token], env: {A: '{{ env.TOKEN }}'}}\n",
    )
    .unwrap();
    let text = "params:\n\
        \x20 n: {type: float, default: 3.10}\n\
        \x20 wait: {type: duration, default: 90s}\n\
        \x20 room: {type: size, default: 2MiB}\n\
        \x20 flag: {type: bool, default: true}\n\
        \x20 token: {type: secret, env: TOKEN}\n\
        steps:\n\
        \x20 - {name: make, image: 'img:{{ n }}', run: 'make {{ n }} {{ wait }} {{ room }} {{ flag }} {{ env.PLAIN }} {{ run.started_at }} {{ run.id }}', output: s, timeout: '{{ wait }}', retry: {count: 4, timeout: 5s}}\n\
        \x20 - {name: read, image: x, run: 'cat {{ token }}', input: s}\n\
        \x20 - {name: p, uses: ./lib/protect.yml, with: {os: [c, d], token: '{{ token }}'}}\n\
        \x20 - {name: q, uses: lib/protect.yml, with: {token: '{{ token }}'}, depends_on: [read]}\n";
    std::fs::write(dir.path().join("pipeline.yml"), text).unwrap();
    let source = crate::file::read(&dir.path().join("pipeline.yml")).unwrap();
    (dir, source)
}

#[tokio::test]
async fn values_calls_and_secrets_arrive_and_secrets_by_another_way() {
    let (_dir, source) = full();
    let options = LoadOptions::default();
    let job = job(&source, &options, &[("n", "4.0")]).unwrap();
    assert_eq!(job.pipeline.steps.len(), 6);
    assert_eq!(compare(&job, &options).await, 5);
    let keys: Vec<String> = OrderSecrets::of(&job).iter().map(|(key, _)| key.to_owned()).collect();
    assert_eq!(
        keys,
        [
            "call.0.env.TOKEN",
            "call.0.param.token",
            "call.1.env.TOKEN",
            "call.1.param.token",
            "key",
            "param.token"
        ]
    );
}

#[tokio::test]
async fn a_retry_is_cleared_and_its_limit_kept() {
    let (_dir, source) = full();
    let job = job(&source, &LoadOptions::default(), &[]).unwrap();
    let gang = gang(&job, &[StepId::new(0), StepId::new(1)]);
    let mut order = Order::of(&gang, &LoadOptions::default()).unwrap();
    order.time_left.insert("make".into(), 1234);
    let there = order.open(&OrderSecrets::of(&job), Path::new(FOLDER)).unwrap().gang;
    let policy = &there.job.pipeline.step(StepId::new(0)).policy;
    assert_eq!(policy.timeout, Some(Duration::from_millis(1234)));
    let retry = policy.retry.as_ref().unwrap();
    assert_eq!((retry.count, retry.timeout), (0, Some(Duration::from_secs(5))));
}

#[tokio::test]
async fn what_is_missing_or_different_is_refused() {
    let (_dir, source) = full();
    let job = job(&source, &LoadOptions::default(), &[]).unwrap();
    let order = Order::of(&gang(&job, &[StepId::new(0), StepId::new(1)]), &LoadOptions::default()).unwrap();
    let secrets = OrderSecrets::of(&job);
    let open = |order: &Order, secrets: &OrderSecrets| {
        order.open(secrets, Path::new(FOLDER)).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(open(&order, &secrets), "");
    assert_eq!(open(&order, &OrderSecrets::default()), "the secret `param.token` of the order is not there");
    let changed = |change: &dyn Fn(&mut Order)| {
        let mut order = order.clone();
        change(&mut order);
        open(&order, &secrets)
    };
    let other = "the pod makes another pipeline of the order: ";
    assert_eq!(changed(&|order| drop(order.steps.pop())), format!("{other}it has other steps"));
    assert_eq!(changed(&|order| order.streams.clear()), format!("{other}it has other streams"));
    assert_eq!(changed(&|order| order.members[0] = "x".into()), format!("{other}it has no step `x`"));
    assert_eq!(changed(&|order| order.files.clear()), format!("{other}it has no file"));
    assert!(changed(&|order| drop(order.files.pop())).contains("protect.yml` is not there"));
}

#[test]
fn another_program_is_told_from_another_form() {
    let refused = |value| Order::read(value).unwrap_err().to_string();
    let of = |protocol: u32, version: &str| serde_json::json!({"protocol": protocol, "version": version, "new": 1});
    assert_eq!(
        refused(of(1, "0.1.9 (abc)")),
        format!("the helper image is pipe {PROGRAM}; this is 0.1.9 (abc)")
    );
    assert_eq!(
        refused(of(ORDER_PROTOCOL + 1, PROGRAM)),
        "the helper image speaks protocol 1; this is protocol 2"
    );
    assert!(refused(of(ORDER_PROTOCOL, PROGRAM)).starts_with("the order cannot be read: "));
    assert!(refused(serde_json::json!("what?")).starts_with("the order cannot be read: "));
    let told = PodEvents::check(ORDER_PROTOCOL, "0.1.9 (abc)").unwrap_err();
    assert_eq!(told, format!("the helper image is pipe 0.1.9 (abc); this is {PROGRAM}"));
}

#[test]
fn what_happens_in_a_pod_is_known_to_the_client() {
    let (_dir, source) = full();
    let job = job(&source, &LoadOptions::default(), &[]).unwrap();
    let pipeline = &job.pipeline;
    let mut encoder = Encoder::new();
    encoder.encode(&super::message::begin(Arc::clone(pipeline), String::new()));
    let mut heard = PodEvents::new(Arc::clone(pipeline));
    let step = StepId::new(1);
    let outputs = BTreeMap::from([("k".to_owned(), "v\n".to_owned())]);
    let mut carry = |kind: EventKind| {
        let event = Event { at: std::time::SystemTime::now(), elapsed: Duration::ZERO, kind };
        let message = FromPod::of(&mut encoder, pipeline, &event, outputs.clone()).unwrap();
        let text = serde_json::to_string(&message).unwrap();
        let read: FromPod = serde_json::from_str(&text).unwrap();
        assert_eq!(read, message);
        heard.read(&read).unwrap()
    };
    let ended =
        StepFinished { attempts: 3, ..StepFinished::unrun(step, Outcome::Failed(Failure::Signal(9))) };
    let Heard::Finished(finished) = carry(EventKind::StepFinished(ended)) else {
        panic!("it has not finished")
    };
    assert_eq!((finished.step, finished.attempts, &*finished.outputs), (step, 3, &outputs));
    assert_eq!(finished.outcome, Outcome::Failed(Failure::Signal(9)));
    let bytes: Arc<[u8]> = Arc::from([0_u8, 255, b'\n'].as_slice());
    let channel = crate::event::OutputChannel::Both;
    let Heard::Event(EventKind::StepOutput { step: of, bytes: got, .. }) =
        carry(EventKind::StepOutput { step, channel, bytes: Arc::clone(&bytes) })
    else {
        panic!("it is no output")
    };
    assert_eq!((of, got), (step, bytes), "a log is kept byte for byte");
}
