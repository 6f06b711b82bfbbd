//! What other tools call the keys of the file and of `defaults`.

use super::Row;

/// The keys of the file.
pub(super) const PIPELINE: &[Row] = &[
    (
        "jobs tasks stages targets recipes job task workflow workflows pipeline",
        None,
        "the steps are a list under `steps`: `steps: [{name: build, run: make}]`",
    ),
    (
        "environment environ variables vars envvars",
        Some("env"),
        "environment variables of all steps are written under `env`",
    ),
    (
        "dotenv envfile envfiles dotenvload dotenvfilename",
        Some("env_file"),
        "a file of variables is named under `env_file`: `env_file: .env`",
    ),
    (
        "parameters inputs args arguments options param",
        Some("params"),
        "what a run can be given is listed under `params`",
    ),
    ("title id", Some("name"), "a pipeline is called by its `name`"),
    ("desc summary", Some("description"), "what a pipeline is for is its `description`"),
    (
        "image container",
        None,
        "the image of all steps is written under `defaults`: `defaults: {image: alpine}`",
    ),
    ("shell", None, "the shell of all steps is written under `defaults`: `defaults: {shell: bash}`"),
    ("timeoutminutes timeoutinminutes timelimit", Some("timeout"), "the limit of the run is `timeout: 30m`"),
    (
        "retry retries maxretries",
        None,
        "how steps are tried again is written under `defaults`: `defaults: {retry: 3}`",
    ),
    (
        "workingdir workingdirectory cwd dir workdir",
        None,
        "the folder of all steps is written under `defaults`: `defaults: {working_dir: src}`",
    ),
    (
        "maxactiveruns maxactivesteps parallel parallelism jobslimit",
        None,
        "how many steps run at once is `max_parallel: 4`",
    ),
    (
        "run script cmd cmds command commands",
        None,
        "a script is part of a step: `steps: [{name: build, run: make}]`",
    ),
    (
        "on trigger triggers schedule cron when",
        None,
        "`pipe run` starts a run; cron, a hook or the CI system calls it",
    ),
    ("version apiversion kind", None, "the file has no version of its own; leave the key out"),
    (
        "afterscript handleron finally post cleanup teardown always",
        None,
        "what runs in any case is a step with `finally: true`",
    ),
    ("beforescript setup", None, "what comes before or after is a step: `depends_on` gives the order"),
    (
        "networks volumes permissions runson pool agent include includes imports",
        None,
        "the keys of a file are `name`, `description`, `params`, `env`, `env_file`, `defaults`, `on_error`, `timeout`, `max_parallel`, `concurrency`, `history`, `services`, `containers`, `steps` and `outputs`",
    ),
];

/// The keys of `defaults`.
pub(super) const DEFAULTS: &[Row] = &[
    (
        "cwd dir directory workdir workingdirectory chdir",
        Some("working_dir"),
        "the folder that steps run in is `working_dir`",
    ),
    (
        "retries retrypolicy attempts maxattempts maxretries",
        Some("retry"),
        "write how often steps are tried again as `retry: 3`",
    ),
    ("interpreter executable", Some("shell"), "what reads the scripts is the `shell`"),
    ("if when condition only", None, "whether a step runs is said in the step: `if: branch == 'main'`"),
    ("container docker dockerimage", Some("image"), "the image of all steps is the `image`"),
    (
        "timeoutminutes timeoutinminutes timeoutseconds timeoutsec timelimit",
        None,
        "a time limit is a duration with its unit: `timeout: 30m`",
    ),
    (
        "onfailure continueonerror allowfailure failfast continueon",
        None,
        "what a failure means for the run is `on_error: stop`, `continue` or `retry`",
    ),
    (
        "env environment environ variables vars",
        None,
        "environment variables of all steps are written under `env` at the top of the file",
    ),
    (
        "maxparallel parallel concurrency parallelism",
        None,
        "how many steps run at once is `max_parallel` at the top of the file",
    ),
    (
        "run",
        None,
        "what holds for all scripts stands right below: `defaults: {shell: bash, working_dir: src}`",
    ),
    (
        "dependson needs input inputs output mounts volumes build network user resources pull platform secrets produces terminal args entrypoint",
        None,
        "this one is written in each step; steps share keys by an anchor: `x-common: &common {…}` and `<<: *common`",
    ),
];
