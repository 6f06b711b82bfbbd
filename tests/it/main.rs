//! The integration tests, in one crate: by subject, a folder each.
//!
//! `cargo test` runs what needs neither root nor a container engine nor the static release; the rest says in
//! its `#[ignore]` what it needs, and `tests/run` sees to that and runs everything. What has to have the
//! machine to itself takes [`support::machine::Turn`].

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

/// The files that users write, before anything runs: what is valid, what is said of the rest, what the schema
/// says.
mod files {
    mod diagnostics;
    mod examples;
    mod explain;
    mod fuzz_inputs;
    mod lint;
    mod mistakes;
    mod names;
    mod plans;
    mod schema;
    mod uses;
    mod values;
}

/// Steps as processes of this machine: how they start, are joined by streams, and end.
mod host {
    mod inherited_state;
    mod many_steps;
    mod process_groups;
    mod reaper;
    mod streams;
    mod terminal_steps;
}

/// What steps ask for wherever they run (outputs, products, secrets, options of streams), and what is left of
/// a run.
mod runs {
    mod choice;
    mod cleanup;
    mod conditions;
    mod earlier_versions;
    mod env_files;
    mod finally;
    mod groups;
    mod history;
    mod logs;
    mod matrix;
    mod names;
    mod outputs;
    mod produces;
    mod resume;
    mod run_dir;
    mod secrets;
    mod services;
    mod services_shown;
    mod stream_options;
    mod uses;
}

/// The command line itself: commands, standard streams, questions.
mod cli {
    mod commands;
    mod confirm;
    mod debug_log;
    mod standard_streams;
    mod typed_secrets;
}

/// Steps in containers, on the machine's own Docker or a daemon of the test's own.
mod containers {
    mod builds;
    mod bytes;
    mod commands;
    mod networks;
    mod registry;
    mod services;
    mod shared;
    mod shared_lives;
    mod shared_services;
    mod steps;
    mod streams;
}

/// Runs in a Kubernetes cluster: what is known of them without one, and on a cluster of the test's own.
mod cluster {
    mod examples;
    #[cfg(feature = "kubernetes")]
    mod live;
    mod plan;
    mod runs;
    mod shocks;
    mod torture;
}

/// Engines themselves: other kinds, reached in other ways, and how they fail.
mod engines {
    mod database;
    mod failures;
    mod kills;
    mod main_flows;
    mod network;
    mod podman;
    mod shortages;
}

/// Gangs in pods: wrappers and their conductor, without a cluster.
#[cfg(target_os = "linux")]
mod pods {
    mod deaths;
    mod in_containers;
    mod main_flows;
    mod strangers;
    mod through_the_hub;
}

/// The hub of a run in a cluster, as a process on loopback.
mod hub {
    mod lease;
    mod refusals;
    mod relay;
    mod store;
}

/// CI: the Action, the formats for CI services, the project's own checks.
mod ci {
    mod action;
    mod dead_weight;
    mod formats;
    mod own_pipeline;
}

/// What a release consists of: the static binary, the image, the archive, the installer.
mod release {
    mod image;
    mod install;
    mod packing;
    mod static_binary;
}

/// What the benchmarks say of their figures; the figures themselves are `.ci/bench`'s.
mod benches {
    mod instruction_figures;
    mod speed_table;
}

/// The pages in `docs/` and the README.
mod docs;

/// Random pipelines with random faults against a model.
mod torture;
