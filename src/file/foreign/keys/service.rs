//! What other tools call the keys of a service, and the keys of a step that a service has no use for.

use super::Row;

/// The keys of a service.
pub(super) const SERVICE: &[Row] = &[
    ("environment environ envs variables vars", Some("env"), "the environment of a service is its `env`"),
    (
        "volumes volume binds bind tmpfs",
        Some("mounts"),
        "what the container sees of this machine is listed in `mounts`",
    ),
    (
        "command cmd commands",
        Some("args"),
        "the arguments of the image's program are `args`; a script is `run`",
    ),
    (
        "workdir workingdirectory cwd dir",
        Some("working_dir"),
        "the folder that it runs in is its `working_dir`",
    ),
    ("expose port", Some("ports"), "the ports that it answers at are its `ports`"),
    (
        "networks networkmode",
        Some("network"),
        "services and the steps that use them share a network; one beside it is `network`",
    ),
    (
        "needs requires links",
        Some("depends_on"),
        "steps that come before it are named in `depends_on`, services in `services`",
    ),
    (
        "readinessprobe livenessprobe waitfor ready check",
        None,
        "what says that it is ready is `healthcheck: {test: pg_isready -U postgres}`",
    ),
    (
        "options",
        None,
        "what says that it is ready is `healthcheck: {test: …}`; what the container may use is `resources`",
    ),
    ("credentials", None, "a private image is fetched with what `docker login` has stored"),
    (
        "restart",
        None,
        "a service that ends before its users have is a failure; `retry` starts it again until it was ready",
    ),
    (
        "deploy cpus memory memlimit shmsize",
        None,
        "what it may use is written under `resources: {cpus: 1.5, memory: 512MiB}`",
    ),
    ("containername hostname aliases alias", None, "containers find a service by its name here"),
    ("envfile", None, "a file of variables is named at the top of the file, for all: `env_file: .env`"),
    ("stopgraceperiod stopsignal", None, "it gets the stop signal of its image, and is killed 10 s later"),
];

/// The keys of `healthcheck`.
pub(super) const HEALTHCHECK: &[Row] = &[
    ("cmd command run exec healthcmd", Some("test"), "what is run is the `test`"),
    (
        "healthinterval period every",
        Some("interval"),
        "the longest time between two checks is the `interval`",
    ),
    ("healthtimeout", Some("timeout"), "how long one check may take is its `timeout`"),
    ("healthretries attempts", Some("retries"), "how many checks may fail is `retries`"),
    (
        "startup initialdelay healthstartperiod",
        Some("start_period"),
        "the time before failed checks count is the `start_period`",
    ),
    (
        "startinterval",
        None,
        "checks come quickly at first by themselves: after 100 ms, 200 ms and so on, up to `interval`",
    ),
    ("disable disabled", None, "a service that is ready as soon as it has started has `healthcheck: none`"),
    ("http httpget tcp port", None, "without a `test`, a service is ready when its `ports` answer"),
];

/// Keys of a step that a service has no use for: the key, why, and what to do instead.
pub(super) const REFUSED: &[(&str, &str, &str)] = &[
    (
        "input inputs output",
        "a service has no streams: it ends when its users have",
        "let a step read and write, and use the service",
    ),
    (
        "produces cache",
        "a service leaves nothing behind that the run could rely on: it is stopped when its users have ended",
        "let a step make the files",
    ),
    (
        "matrix",
        "a service runs once, for all its users",
        "describe a service for each value, and let the step choose: `services: \"db-{{ matrix.version }}\"`",
    ),
    ("if confirm", "a service runs if one of its users does", "write it in the steps that use the service"),
    (
        "finally",
        "a service is there for its users, whenever they run",
        "write `finally: true` in a step; a service that such a step uses stays up until then",
    ),
    (
        "timeout",
        "a service runs as long as its users do",
        "how long it may take to be ready is `healthcheck: {start_period: 10s, interval: 1s, retries: 60}`",
    ),
    ("name", "a service is called by the key above it", "leave it out"),
    ("terminal", "a service runs in the background, and has no terminal", "let a step have it"),
    (
        "concurrency",
        "a service is of this run alone, and so has nothing to share",
        "write it at the top of the file, or in the steps",
    ),
    (
        "container",
        "a service has a container of its own",
        "write its `image`, or `run` for a process of this machine",
    ),
    ("uses with", "a service is described in this file", "write its `image`, or `run`"),
];
