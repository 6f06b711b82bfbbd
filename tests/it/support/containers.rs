//! Steps in containers, and the ways that their bytes go.

use std::process::Command;

pub use pipe_runner::pipeline::Lane;

use super::{Place, Ran};

/// What makes a step of a pipeline file run in a container with a shell and the usual tools. None of the
/// tests' containers has a network: none needs one.
pub const IN_CONTAINER: &str = "    image: debian:bookworm-slim\n    network: none\n";

/// The same with a network, for services and their users.
pub const WITH_NETWORK: &str = "    image: debian:bookworm-slim\n";

/// An image that has `/cat` and `/wc`, and no shell.
pub const NO_SHELL: &str = "pipe-test/no-shell:1";

impl Place {
    /// Runs `pipe run` here with containers on this lane, and sees to it that they were; nothing of it may be
    /// left.
    #[track_caller]
    pub fn run_on(&self, lane: Lane) -> Ran {
        let ran = self.pipe(&["run", "--stream-lane", lane.name()]);
        assert!(self.has(".pipe/runs"), "no run began:\n{}", ran.stderr);
        self.no_container_is_left();
        for lane_used in self.lanes() {
            assert_eq!(lane_used, lane.name(), "{}", ran.stdout);
        }
        ran
    }

    /// The lanes of the only run's containers, by the journal.
    pub fn lanes(&self) -> Vec<String> {
        let journal = self.journal();
        let lanes = journal.iter().filter_map(|record| record["lane"].as_str());
        lanes.map(str::to_owned).collect()
    }

    /// No container of the only run is left, running or not, and no named pipe.
    #[track_caller]
    pub fn no_container_is_left(&self) {
        let run = self.run_dir();
        let id = run.file_name().unwrap().to_str().unwrap();
        let label = format!("label=pipe.run={id}");
        let output = Command::new("docker").args(["ps", "-aq", "--filter", &label]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "these tests need Docker: {said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "containers of {id} are left");
        if let Ok(pipes) = run.join("pipes").read_dir() {
            assert_eq!(pipes.count(), 0, "named pipes of {id} are left");
        }
    }
}
