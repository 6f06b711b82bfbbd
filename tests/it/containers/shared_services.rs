//! Services that a shared container uses, and what is shown of services in containers.

use crate::support::Place;
use crate::support::containers::Lane;

const WEB: &str = "
services:
  web:
    image: 'alpine:3.20'
    run: mkdir -p /tmp/www; echo hello > /tmp/www/page; echo serving; exec httpd -f -p 8000 -h /tmp/www
    ports: [8000]
containers:
  ci: {image: 'alpine:3.20', services: web}
";

#[test]
#[ignore = "needs Docker"]
fn steps_in_a_container_reach_its_services() {
    for lane in [Lane::Fifo, Lane::Attach] {
        let place = Place::with(&format!(
            "{WEB}
steps:
  - {{name: ask, container: ci, run: 'wget -qO got http://{{{{ services.web.host }}}}:{{{{ services.web.port }}}}/page'}}
  - {{name: again, container: ci, depends_on: ask, run: 'wget -qO again http://$PIPE_SERVICE_WEB_HOST:$PIPE_SERVICE_WEB_PORT/page'}}
"
        ));
        place.run_on(lane).code(0).says("web   * ready in").says("✓  web  ");
        assert_eq!([place.read("got"), place.read("again")], ["hello\n"; 2], "{lane:?}");
        place.pipe(&["logs", "last", "web"]).code(0).says("serving");
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_failed_step_is_shown_with_the_log_of_the_service_of_its_container() {
    let place = Place::with(&format!("{WEB}steps: [{{name: ask, container: ci, run: exit 3}}]"));
    let told = "the service `web` said at last:\n  | serving\n";
    place.pipe(&["run"]).code(1).says("✗ `ask` failed: exit code 3").says(told);
    place.pipe(&["show"]).code(0).says(told);
    let plan = place.pipe(&["plan"]).code(0).stdout;
    assert!(
        plan.contains(
            "web: alpine:3.20, ready by the healthcheck of its image, else when port 8000 answers; for ci"
        ),
        "{plan}"
    );
    let graph = place.pipe(&["graph"]).code(0).stdout;
    assert!(graph.contains("●  web\n     ··▶ ask\n□  ci (alpine:3.20): ask\n"), "{graph}");
    place.no_container_is_left();
}
