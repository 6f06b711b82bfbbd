//! What other tools call the keys of a step.

use super::Row;

/// The keys of a step.
pub(super) const STEP: &[Row] = &[
    (
        "needs need deps dependencies requires require after depends waitfor dependson runafter upstream",
        Some("depends_on"),
        "a step names the steps before it in `depends_on`",
    ),
    (
        "script scripts cmd cmds command commands exec bash sh steps program",
        Some("run"),
        "a step's script is `run: make`; several lines go under `run: |`",
    ),
    (
        "cwd dir directory workdir workingdirectory workingdir chdir workspace",
        Some("working_dir"),
        "the folder that a step runs in is its `working_dir`",
    ),
    (
        "environment environ envs variables vars envvars",
        Some("env"),
        "a step's environment variables are its `env`",
    ),
    (
        "envfile dotenv",
        None,
        "a file of variables is named at the top of the file, for all steps: `env_file: .env`",
    ),
    (
        "volumes volume binds bind volumemounts",
        Some("mounts"),
        "what a container sees of this machine is listed in `mounts`",
    ),
    ("docker dockerimage imagename", Some("image"), "the image that a step runs in is its `image`"),
    (
        "id key label title step task job displayname containername",
        Some("name"),
        "a step is called by its `name`",
    ),
    (
        "retries retrypolicy attempts maxattempts maxretries retrycount retrylimit",
        Some("retry"),
        "write how often a step is tried again as `retry: 3`",
    ),
    ("interpreter executable", Some("shell"), "what reads the script is the step's `shell`"),
    ("stdin from reads", Some("input"), "the stream on a step's standard input is its `input`"),
    (
        "stdout pipe writes to",
        Some("output"),
        "the stream that a step's standard output makes is its `output`",
    ),
    (
        "artifacts artifact generates creates outfiles targets",
        Some("produces"),
        "files that a step has to leave behind are listed in `produces`",
    ),
    (
        "continueonerror allowfailure ignoreerror ignoreerrors ignorefailure continueon mayfail",
        None,
        "what a failure means for the run is `on_error`: `ignore` counts it as success, `continue` lets the other steps go on",
    ),
    (
        "failfast strategy",
        None,
        "a step runs with several values by `matrix: {os: [alpine, bookworm]}`; write `on_error: continue` so that the others go \
         on when one fails",
    ),
    (
        "onfailure onerror failure",
        None,
        "what a failure means for the run is `on_error: stop`, `continue`, `retry` or `ignore`",
    ),
    (
        "timeoutminutes timeoutinminutes timeoutseconds timeoutsec timelimit activedeadlineseconds deadline maxtime",
        None,
        "a time limit is a duration with its unit: `timeout: 30m`",
    ),
    (
        "outputs",
        None,
        "a script hands a value on when it writes `version=1.2` to the file that the variable PIPE_OUTPUT names; `output` is the \
         stream that its standard output makes",
    ),
    (
        "sources watch",
        None,
        "`pipe` does not follow which files a step reads; `pipe run --resume last` goes on from the steps that are done",
    ),
    (
        "plugin extends template include",
        Some("uses"),
        "a step is written out under `run`; the steps of another file come in by `uses: ./lib/steps.yml`",
    ),
    (
        "settings arguments inputsfrom",
        None,
        "what a script needs is written into it, or goes into `params` of the file; a file under `uses` gets it by `with`",
    ),
    (
        "when condition runif onlyif",
        Some("if"),
        "whether a step runs is said by its `if`, an expression: `if: branch == 'main'`",
    ),
    (
        "only except rules unless preconditions precondition skipif",
        None,
        "whether a step runs is said by its `if`, an expression: `if: branch == 'main'`, `if: not release`",
    ),
    (
        "always post postrun afterscript cleanup teardown defer ensure",
        Some("finally"),
        "a step that runs after all others, however they have ended, says `finally: true`",
    ),
    ("stage group", None, "steps run side by side unless `depends_on` or a stream joins them"),
    (
        "runson agent agents tags runner pool os executor",
        None,
        "a step runs on this machine, or in a container of its `image`",
    ),
    (
        "privileged capadd securityopt",
        None,
        "a container of a step has the rights that the engine gives every container",
    ),
    (
        "ports expose healthcheck restart detach",
        None,
        "a step runs to its end; what goes on in the background is described at the top of the file: `services: {db: {image: …}}`",
    ),
    (
        "cache",
        None,
        "what should stay between runs lies in a folder: `mounts: [{type: volume, source: cache, target: /cache}]`",
    ),
    (
        "cpus memory memlimit cpu pidslimit deploy",
        None,
        "what a container may use is written under `resources: {cpus: 1.5, memory: 512MiB}`",
    ),
    ("dockerfile context", None, "an image is built with `build: {context: ., dockerfile: Dockerfile}`"),
    (
        "silent quiet log loglevel",
        None,
        "what a step prints is in its log; `> /dev/null` in the script throws it away",
    ),
    ("type", None, "every step is a script, or with `image` a container"),
];
