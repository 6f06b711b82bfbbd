//! Values as they were written, from every place that they come from, and what is found before anything runs.

use crate::support::Place;

const ECHO: &str = "
params:
  dry: {type: bool, default: false, env: DRY_FOR_TEST}
  python: {type: float, default: 3.10}
  next: {type: float, default: '{{ python }}'}
  count: 7
outputs: {dry: '{{ dry }}', python: '{{ python }}'}
steps:
  - name: show
    env: {DRY: '{{ dry }}', PYTHON: 'v{{ python }}'}
    run: |
      [ {{ dry }} = true ] && echo careful > got || echo deployed > got
      printf '%s\\n' {{ python }} {{ next }} {{ count }} \"$DRY\" \"$PYTHON\" {{ count + 1 }} >> got
";

#[test]
fn values_reach_programs_as_they_were_written() {
    let place = Place::with(ECHO);
    place.pipe(&["run"]).code(0).says("→  python  3.10");
    assert_eq!(place.read("got"), "deployed\n3.10\n3.10\n7\nfalse\nv3.10\n8\n");
    place.pipe(&["run", "-p", "dry=yes", "-p", "python=3.20", "-p", "count=007"]).code(0);
    assert_eq!(place.read("got"), "careful\n3.20\n3.20\n007\ntrue\nv3.20\n8\n");
    for file in ["dry: True\npython: 1e3\n", "{\"dry\": true, \"python\": 1e3}"] {
        place.write("given.yml", file);
        place.pipe(&["run", "--params-file", "given.yml"]).code(0);
        assert_eq!(place.read("got"), "careful\n1e3\n1e3\n7\ntrue\nv1e3\n8\n");
    }
    place
        .pipe(&["run", "--dry-run", "-p", "python=2.0"])
        .code(0)
        .says("[ false = true ]")
        .says(" 2.0 2.0 7 ");
}

#[test]
fn a_run_goes_on_where_only_the_spelling_of_a_bool_has_changed() {
    let place = Place::with(
        "params: {dry: {type: bool, default: yes}, v: {type: float, default: 1.10}}\n\
         steps:\n  - {name: a, run: 'echo {{ dry }} {{ v }} >> got'}\n",
    );
    place.pipe(&["run"]).code(0);
    place.pipe(&["run", "--resume", "last", "-p", "dry=true"]).code(0);
    assert_eq!(place.read("got"), "true 1.10\n");
    place.pipe(&["run", "--resume", "last", "-p", "v=1.1"]).code(0);
    assert_eq!(place.read("got"), "true 1.10\ntrue 1.1\n");
}

#[test]
fn a_missing_variable_is_told_before_anything_runs() {
    let place = Place::with(
        "params: {all: true}\n\
         env: {A: '{{ env.NONE_A }}'}\n\
         steps:\n\
         \x20 - {name: first, run: 'touch ran; echo k=v >> \"$PIPE_OUTPUT\"'}\n\
         \x20 - {name: b, depends_on: first, run: 'echo {% if all %}{{ env.NONE_B }}{% else %}{{ env.NONE_NOT }}{% endif %}'}\n\
         \x20 - {name: c, run: 'echo {{ steps.first.outputs.k }} {{ env.NONE_C }} {{ env.NONE_NOT | default(1) }}'}\n\
         outputs: {o: '{{ env.NONE_O }}'}\n",
    );
    for arguments in [&["run"][..], &["run", "--dry-run"]] {
        let told = place.pipe(arguments).code(2);
        for name in ["A", "B", "C", "O"] {
            assert_eq!(
                told.stderr.matches(&format!("variable NONE_{name} is not set")).count(),
                1,
                "{}",
                told.stderr
            );
        }
        assert!(!told.stderr.contains("variable NONE_NOT"), "{}", told.stderr);
        assert!(!place.has("ran"));
    }
    place.pipe(&["validate"]).code(0);
    place.write("two.yml", "steps: [{name: a, run: touch a}, {name: b, run: 'echo {{ env.NONE_B }}'}]\n");
    place.pipe(&["run", "two.yml", "--only", "a"]).code(0);
    assert!(place.has("a"));
}

#[test]
fn no_folder_of_the_name_tilde_is_made() {
    let place = Place::with(
        "params: {to: {type: path, default: out}}\nsteps: [{name: a, run: 'mkdir -p {{ to }}; echo x', output: s}]\n",
    );
    place.write("given.yml", "to: ~/x\n");
    for arguments in [
        &["run", "-p", "to=~/x"][..],
        &["run", "-p", "to=$HOME/x"],
        &["run", "--params-file", "given.yml"],
        &["run", "--out", "s=~/x"],
        &["run", "--out", "s=${HOME}/x"],
    ] {
        let told = place.pipe(arguments).code(2);
        assert!(told.stderr.contains("only a shell replaces"), "{arguments:?}: {}", told.stderr);
    }
    assert!(!place.has("~") && !place.has("$HOME"));
}

/// A step each of whose texts is within the budget of a rendering; all of them together take long.
fn endless(keys: &str) -> Place {
    let text = "{% for i in range(500) %}{% for j in range(500) %}{% endfor %}{% endfor %}";
    let env: String = (0..2000).map(|variable| format!("      V{variable}: {text:?}\n")).collect();
    let first = "steps:\n  - {name: first, run: 'true'}\n";
    let step = format!("  - name: only\n    depends_on: first\n    run: touch came\n{keys}    env:\n{env}");
    Place::with(&format!("{first}{step}"))
}

#[test]
fn a_time_limit_ends_the_rendering_of_a_step() {
    let place = endless("    timeout: 1s\n");
    place.pipe(&["run"]).code(1).says("timed out");
    assert!(!place.has("came"));
}

#[test]
fn a_signal_ends_the_rendering_of_a_step() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let place = endless("");
        let mut running = place.follow(&["run"]);
        running.wait_for("first * succeeded");
        running.signal(signal);
        running.end().code(code);
        assert!(!place.has("came"));
    }
}
