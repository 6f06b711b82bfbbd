//! Names in any script, from the file to the log.

use crate::support::Place;

const FILE: &str = "\
x-common: &common {timeout: '{{ wait }}'}
params: {wait: {type: duration, default: 1m}}
steps:
  - name: größe
    description: Measures the folder
    <<: *common
    run: |
      echo \"größe ist da\" >&2
      echo bytes=7 >> \"$PIPE_OUTPUT\"
    output: データ
  - {name: मापना, run: 'cat; echo {{ steps.größe.outputs.bytes }} {{ pipeline.dir }}', input: データ}
";

#[test]
fn names_in_any_script_reach_logs_reports_and_drawings() {
    let place = Place::new();
    place.write("p.yml", FILE);
    let ran = place.pipe(&["run", "--report", "junit=junit.xml", "p.yml"]).code(0);
    assert!(ran.stdout.contains("größe"), "{}", ran.stdout);
    let log = place.pipe(&["logs", "last", "मापना"]).code(0).stdout;
    let dir = place.path().canonicalize().unwrap();
    assert_eq!(log.trim_end(), format!("7 {}", dir.display()));
    assert!(place.read("junit.xml").contains("name=\"größe\""));
    for format in ["text", "mermaid", "dot", "svg"] {
        let drawn = place.pipe(&["graph", "--format", format, "p.yml"]).code(0).stdout;
        assert!(drawn.contains("größe") && drawn.contains("データ"), "{format}: {drawn}");
    }
    let plan = place.pipe(&["plan", "p.yml"]).code(0).stdout;
    assert!(plan.contains("Measures the folder"), "{plan}");
}
