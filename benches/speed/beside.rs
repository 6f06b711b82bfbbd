//! What runs beside steps, against the shell's `docker`: a container that steps share, and a service.
//!
//! The shell makes the shared container once and runs each step by `docker exec`, which is all that it can
//! do; it keeps no log, no time limit and no clean-up. The service is a web server, reached from this
//! machine; the shell waits for it in the same way, at its published port.

use std::fs;

use super::Bench;
use super::containers::{DOCKER_RUN, IMAGE, engine};
use super::measure::Candidate;
use super::problem::{Problem, Result};
use super::row::{Measured, Row};
use super::series::shown;

/// Steps that do nothing.
const STEPS: usize = 20;
/// The image of the service; it has a web server.
const SERVER: &str = "alpine:3.20";

pub fn rows(bench: &Bench) -> Vec<Row> {
    let here = engine();
    let measured = |of: fn(&Bench) -> Result<Measured>| here.clone().and_then(|()| of(bench));
    let what = "20 no-op steps in a chain, in a shared container";
    let at_once = "20 independent steps in a shared container";
    vec![
        Row::new(what, "`docker exec` in a loop", "× time").at_most(1.1).measured(measured(chain_by_exec)),
        Row::new(what, "`docker run --rm` in a loop", "× time")
            .at_most(0.35)
            .measured(measured(chain_by_run)),
        Row::new(at_once, "`xargs -P 16` of `docker run`", "× time")
            .at_most(0.35)
            .measured(measured(independent)),
        Row::new("a service in a container", "`docker run -d` and a wait", "s more")
            .at_most(0.2)
            .measured(measured(service)),
    ]
}

fn chain_by_exec(bench: &Bench) -> Result<Measured> {
    let steps = bench.count(STEPS).max(2);
    let looped = format!(
        "c=$(docker run -d --rm --log-driver none {IMAGE} sleep 1000) && \
         for n in $(seq {steps}); do docker exec $c true || exit; done; docker rm -f $c >/dev/null"
    );
    against(bench, "steps in a shared container", true, Candidate::bash("docker exec", &looped))
}

fn chain_by_run(bench: &Bench) -> Result<Measured> {
    let steps = bench.count(STEPS).max(2);
    let looped = format!("for n in $(seq {steps}); do {DOCKER_RUN} {IMAGE} true || exit; done");
    against(bench, "steps in a shared container", true, Candidate::bash("docker run", &looped))
}

fn independent(bench: &Bench) -> Result<Measured> {
    let steps = bench.count(STEPS).max(2);
    let parallel = format!("seq {steps} | xargs -P 16 -I % {DOCKER_RUN} {IMAGE} true");
    against(bench, "independent steps in a shared container", false, Candidate::bash("xargs", &parallel))
}

/// Steps that do nothing in one container, in a chain or not, against a peer.
fn against(bench: &Bench, title: &str, is_chain: bool, peer: Candidate) -> Result<Measured> {
    let dir = tempfile::tempdir()?;
    let step = |step: usize| {
        let after =
            step.checked_sub(1).filter(|_| is_chain).map_or(String::new(), |before| format!("s{before}"));
        format!("  - {{name: s{step}, container: c, run: 'true', depends_on: [{after}]}}\n")
    };
    let steps: String = (0..bench.count(STEPS).max(2)).map(step).collect();
    let text = format!("containers: {{c: {{image: '{IMAGE}'}}}}\nsteps:\n{steps}");
    fs::write(dir.path().join("shared.yml"), text)?;
    let pipe = Candidate::pipe("pipe", &["run", "shared.yml", "--format", "json", "-j", "16"]);
    Ok(bench.contest(title, dir.path(), vec![pipe, peer])?.time())
}

fn service(bench: &Bench) -> Result<Measured> {
    let dir = tempfile::tempdir()?;
    let text = format!(
        "services: {{web: {{image: '{SERVER}', run: exec httpd -f -p 7000, ports: [7000]}}}}\n\
         steps: [{{name: use, services: web, run: 'true'}}]\n"
    );
    fs::write(dir.path().join("service.yml"), text)?;
    let shell = format!(
        "n=speed-$$; docker network create $n >/dev/null && \
         docker run -d --rm --name $n --network $n -p 127.0.0.1::7000 {SERVER} httpd -f -p 7000 >/dev/null && \
         port=$(docker port $n 7000) && until (exec 3<>/dev/tcp/127.0.0.1/${{port##*:}}) 2>/dev/null; do sleep 0.02; done; \
         docker rm -f $n >/dev/null; docker network rm $n >/dev/null"
    );
    let candidates = [
        Candidate::pipe("pipe", &["run", "service.yml", "--format", "json"]),
        Candidate::bash("docker run", &shell),
    ];
    let runs = bench.compare("a service", dir.path(), &candidates)?;
    let [pipe, shell] = &runs[..] else {
        return Err(Problem::failed("a contestant has not run"));
    };
    let [own, other] = [pipe, shell].map(|runs| shown(runs.seconds.median()));
    let figures = pipe.seconds.with(&shell.seconds, |pipe, shell| pipe - shell);
    Ok(Measured { figures, note: format!("pipe {own} s, docker run {other} s") })
}
