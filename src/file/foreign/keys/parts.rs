//! What other tools call the keys of the smaller maps.

use super::Row;

/// The keys of `retry`.
pub(super) const RETRY: &[Row] = &[
    (
        "max limit attempts maxattempts times retries maxretries",
        Some("count"),
        "how often a step is tried again is `count`; the first attempt is not counted",
    ),
    (
        "interval wait sleep intervalsec initialdelay initialinterval",
        Some("delay"),
        "the wait before the first retry is `delay: 5s`",
    ),
    (
        "exitcodes exitcode on when exitstatus",
        Some("on_exit"),
        "the exit codes worth a retry are listed in `on_exit`",
    ),
    ("maxinterval maxwait", Some("max_delay"), "the longest wait is `max_delay: 1m`"),
];

/// The keys of a param.
pub(super) const PARAM: &[Row] = &[
    ("desc help prompt label", Some("description"), "what a param is for is its `description`"),
    ("options values enum oneof allowed", Some("choices"), "the values allowed are its `choices`"),
    ("value", Some("default"), "the value without another is the `default`"),
    ("minimum", Some("min"), "the least number is `min`"),
    ("maximum", Some("max"), "the greatest number is `max`"),
    ("regex regexp match validation", Some("pattern"), "a regular expression for the text is its `pattern`"),
    ("optional", None, "a param with a `default` is optional"),
    ("secret sensitive masked", None, "a secret is a param of `type: secret`"),
];

/// The keys of a mount.
pub(super) const MOUNT: &[Row] = &[
    ("src hostpath from host", Some("source"), "what is mounted is the `source`"),
    ("dst destination mountpath path to", Some("target"), "where the container sees it is the `target`"),
    ("readonly ro", Some("read_only"), "a mount that is only read is `read_only: true`"),
];

/// The keys of `build`.
pub(super) const BUILD: &[Row] = &[
    ("path folder dir directory", Some("context"), "the folder that the build sees is its `context`"),
    ("file dockerfilepath", Some("dockerfile"), "the file with the instructions is the `dockerfile`"),
    ("buildargs buildarg arguments variables", Some("args"), "build arguments are its `args`"),
    ("stage targetstage", Some("target"), "the stage to stop at is the `target`"),
    ("tag tags image name push", None, "the image is for this step alone, and has no name of its own"),
    (
        "cachefrom cacheto cache nocache",
        None,
        "the engine keeps its own cache of builds; `pipe clean --images` removes what was built",
    ),
    ("platform platforms pull network", None, "this one is a key of the step, beside `build`"),
    ("secrets ssh", None, "a build gets no secrets; the step itself gets them with `secrets`"),
];

/// The keys of `resources`.
pub(super) const RESOURCES: &[Row] = &[
    ("cpu cores cpulimit cpuslimit ncpus", Some("cpus"), "how many processors it may use is `cpus: 1.5`"),
    ("mem memorylimit memlimit ram", Some("memory"), "how much memory it may use is `memory: 512MiB`"),
    (
        "pidslimit pidlimit processes threads",
        Some("pids"),
        "how many processes and threads it may have is `pids`",
    ),
    (
        "limits requests reservations",
        None,
        "the limits stand right below: `resources: {cpus: 1.5, memory: 512MiB}`",
    ),
    (
        "gpu gpus devices shmsize disk swap memswap ulimits",
        None,
        "`pipe` limits `cpus`, `memory` and `pids` only; a container gets no devices",
    ),
];

/// The keys of `input`.
pub(super) const INPUT: &[Row] = &[
    ("stream name source of step", Some("from"), "the stream that it reads is named with `from`"),
    ("buffersize maxlag size", Some("buffer"), "how far it may lag behind is its `buffer: 256MiB`"),
    (
        "onearlyexit earlyclose",
        Some("early_exit"),
        "what it means if it leaves early is `early_exit: allow` or `fail`",
    ),
    (
        "file path",
        None,
        "a file is read by the script, `< file`, or given to the run: `pipe run --in NAME=FILE`",
    ),
];

/// The keys of `output`.
pub(super) const OUTPUT: &[Row] = &[
    ("stream to as id", Some("name"), "the stream is called by its `name`"),
    ("save keep persist stored", Some("store"), "`store: true` keeps all of it in the run's folder"),
    ("hash digest sum", Some("checksum"), "the checksum that is shown is `checksum: sha256`"),
    (
        "file path",
        None,
        "a file is written by the script, `> file`, or by a reader; `pipe run --out NAME=FILE` copies a stream to one",
    ),
    (
        "format type compress compression encoding",
        None,
        "a stream is bytes; a step that reads it makes another form of it",
    ),
];
