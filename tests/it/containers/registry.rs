//! Images that are fetched or built: from a registry of the test's own, by a Docker daemon of its own.

use crate::support::busy::Busy;
use crate::support::daemon::Daemon;
use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::{Place, Ran};

/// Runs `pipe run` against a daemon, with a configuration folder of Docker that is the place's `config`.
fn run(place: &Place, daemon: &Daemon) -> Ran {
    pipe(place, daemon, &["run", "--format", "plain"])
}

fn pipe(place: &Place, daemon: &Daemon, args: &[&str]) -> Ran {
    std::fs::create_dir_all(place.join("config")).unwrap();
    let mut command = place.command(args);
    command.env("DOCKER_HOST", daemon.host()).env("DOCKER_CONFIG", place.join("config"));
    Ran::of(command.output().unwrap())
}

/// A pipeline of one step, whose line is the third.
fn one_step(image: &str, keys: &str) -> String {
    format!("\nsteps:\n  - {{name: greet, image: \"{image}\", run: echo hello, {keys}}}\n")
}

#[test]
#[ignore = "needs root and Docker"]
fn an_image_is_pulled_once_however_many_steps_want_it() {
    let (daemon, registry) = (Daemon::start(), Registry::open());
    let image = registry.hold(&daemon, "wanted:1");
    let step = |name: &str| format!("  - {{name: {name}, image: '{image}', run: echo I am {name}}}\n");
    let place = Place::with(&format!("steps:\n{}{}{}", step("one"), step("two"), step("three")));
    let ran = run(&place, &daemon).code(0).says("I am three").says(&format!("pulled {image} in"));
    assert_eq!(ran.stdout.matches(&format!("pulling {image}")).count(), 1, "{}", ran.stdout);
    assert_eq!(registry.asked_for("wanted"), 1);

    let ran = run(&place, &daemon).code(0);
    assert!(!ran.stdout.contains("pulling"), "it is here by now:\n{}", ran.stdout);
    assert_eq!(registry.asked_for("wanted"), 1);
}

#[test]
#[ignore = "needs root and Docker"]
fn a_step_says_when_its_image_is_pulled() {
    let (daemon, registry) = (Daemon::start(), Registry::open());
    let image = registry.hold(&daemon, "fresh:1");
    let place = Place::with(&one_step(&image, "pull: never"));
    run(&place, &daemon).code(1).says("`pull: never` forbids to fetch it").says(&image);
    assert_eq!(registry.asked_for("fresh"), 0);
    place.write("pipeline.yml", one_step(&image, "pull: always"));
    for times in 1..=2 {
        run(&place, &daemon).code(0).says(&format!("pulling {image}"));
        assert_eq!(registry.asked_for("fresh"), times);
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn a_lock_holds_the_digest_that_the_registry_gave() {
    let (daemon, registry) = (Daemon::start(), Registry::open());
    let image = registry.hold(&daemon, "moving:1");
    let place = Place::with(&one_step(&image, "pull: always"));
    let repository = image.trim_end_matches(":1");
    pipe(&place, &daemon, &["lock"]).code(0).says(&format!("{image} is {repository}@sha256:"));
    let lock: serde_json::Value = serde_json::from_str(&place.read("pipe.lock")).unwrap();
    let pinned = lock["images"][image.as_str()].as_str().unwrap().to_owned();
    let ran = pipe(&place, &daemon, &["run", "--locked", "--format", "plain"]);
    ran.code(0).says("greet | hello").says(&format!("pulled {pinned} in"));
    place.write("pipeline.yml", one_step(&registry.image("other:1"), ""));
    pipe(&place, &daemon, &["run", "--locked"]).code(2).says("pipeline.yml:3").says("pipe lock");
}

#[test]
#[ignore = "needs root and Docker"]
fn an_image_that_is_not_there_is_named_with_its_step_and_its_line() {
    let (daemon, registry) = (Daemon::start(), Registry::open());
    let image = registry.image("nobody/has-this:1");
    let place = Place::with(&one_step(&image, ""));
    let ran = run(&place, &daemon).code(1).says("✗ `greet` failed").says("at pipeline.yml:3");
    ran.says(&format!("the image `{image}` cannot be pulled: ")).says("not found");
}

#[test]
#[ignore = "needs root and Docker"]
fn credentials_come_from_the_configuration_or_from_a_helper() {
    let (daemon, registry) = (Daemon::start(), Registry::locked());
    let image = registry.hold(&daemon, "private:1");
    let place = Place::with(&one_step(&image, "pull: always"));
    let refused = |place: &Place| {
        let ran = run(place, &daemon).code(1).says("✗ `greet` failed").says("at pipeline.yml:3");
        ran.says(&format!("the image `{image}` cannot be pulled: "))
    };
    refused(&place).says("no basic auth credentials");
    registry.log_in(&place.join("config"), USER, "wrong");
    refused(&place).says("unauthorized");
    registry.log_in(&place.join("config"), USER, PASSWORD);
    run(&place, &daemon).code(0).says("hello");

    // It answers only for the registry that it is asked for.
    let helper = format!(
        "#!/bin/sh\n[ \"$1\" = get ] && [ \"$(cat)\" = {} ] && echo '{{\"Username\": \"{USER}\", \"Secret\": \"{PASSWORD}\"}}'\n",
        registry.address()
    );
    place.program("bin/docker-credential-test", helper);
    for config in [
        r#"{"credsStore": "test"}"#.to_owned(),
        format!(r#"{{"credHelpers": {{"{}": "test"}}, "auths": {{"{0}": {{}}}}}}"#, registry.address()),
    ] {
        place.write("config/config.json", config);
        let path = format!("{}:{}", place.join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = place.command(&["run", "--format", "plain"]);
        command
            .env("DOCKER_HOST", daemon.host())
            .env("DOCKER_CONFIG", place.join("config"))
            .env("PATH", path);
        Ran::of(command.output().unwrap()).code(0).says("hello");
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn a_busy_registry_is_asked_again() {
    // An engine asks twice in one attempt: whether the image is there, and for it.
    let (daemon, registry) = (Daemon::start(), Registry::open());
    for (status, says, times) in
        [("429 Too Many Requests", "toomanyrequests", 4), ("503 Service Unavailable", "503", 2)]
    {
        registry.hold(&daemon, "busy:1");
        let busy = Busy::in_front_of(registry.address(), status, times);
        let image = format!("{}/busy:1", busy.address());
        let place = Place::with(&one_step(&image, ""));
        let ran = run(&place, &daemon).code(0).says("hello").says(says);
        ran.says("trying again in 1 s").says(&format!("pulled {image} in"));
        assert_eq!(busy.refused(), times);
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn an_image_for_another_platform_is_refused() {
    let (daemon, registry) = (Daemon::start(), Registry::open());
    let image = registry.hold(&daemon, "narrow:1");
    for image in [image.as_str(), "alpine:3.20"] {
        let place = Place::with(&one_step(image, "platform: linux/s390x, pull: missing"));
        let ran = run(&place, &daemon).code(1).says("`greet`").says("at pipeline.yml:3");
        ran.says(&format!("the image `{image}` is for linux/amd64, and not for linux/s390x"));
    }
}

/// A folder with something to build, and a step that runs the result.
fn building(build: &str) -> Place {
    let place = Place::with(&format!(
        "
steps:
  - name: look
    build: {build}
    run: cat /who /where; ls /all
"
    ));
    place.write(
        "image/Containerfile",
        "
FROM alpine:3.20 AS first
ARG WHO=nobody
RUN echo $WHO > /who
COPY . /all

FROM scratch AS last
COPY --from=first / /
RUN echo last > /where

FROM first AS other
RUN echo other > /where
",
    );
    place.write("image/.dockerignore", "*.log\nnode_modules\n!keep.log\n");
    for file in ["a.txt", "a.log", "keep.log", "node_modules/big"] {
        place.write(&format!("image/{file}"), "");
    }
    place
}

#[test]
#[ignore = "needs root and Docker"]
fn an_image_is_built_as_the_step_says() {
    let daemon = Daemon::start();
    let place = building("{context: image, dockerfile: Containerfile, args: {WHO: 'a b'}, target: last}");
    let ran = run(&place, &daemon).code(0).says("building the image of");
    let said = ran.stdout.lines().filter_map(|line| line.strip_prefix("look | "));
    let said: Vec<&str> = said.collect();
    assert_eq!(said, ["a b", "last", "Containerfile", "a.txt", "keep.log"]);

    let place = building("{context: image, dockerfile: Containerfile}");
    run(&place, &daemon).code(0).says("look | nobody").says("look | other");
}

#[test]
#[ignore = "needs root and Docker"]
fn a_build_that_fails_shows_its_last_lines() {
    let daemon = Daemon::start();
    let place = building("image");
    run(&place, &daemon).code(1).says("there is no Dockerfile in").says("at pipeline.yml:3");
    place.write(
        "image/Dockerfile",
        "FROM alpine:3.20\nRUN echo so far && seq 100 && echo so good && exit 7\n",
    );
    let ran = run(&place, &daemon).code(1).says("✗ `look` failed").says("at pipeline.yml:3");
    let ran = ran.says("cannot be built").says(" 7").says("so good");
    assert!(!ran.stdout.contains("so far\n"), "only the last lines:\n{}", ran.stdout);
}
