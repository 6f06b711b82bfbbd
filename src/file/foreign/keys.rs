//! One table: the keys of other tools, and what is written here in their place.

/// What is known of a key of another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) struct Foreign {
    /// The key of this format that takes the same value; the value is read as its own.
    pub(in crate::file) same: Option<&'static str>,
    /// What to write instead.
    pub(in crate::file) help: &'static str,
}

/// Words with blanks between them, in lower case without `-` and `_`; the key that takes the same value, if one
/// does; what to write instead.
type Row = (&'static str, Option<&'static str>, &'static str);

/// The keys of a step.
const STEP: &[Row] = &[
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
        "variables are written under `env`, or read by the script: `set -a; . ./.env; set +a`",
    ),
    (
        "volumes volume binds bind volumemounts",
        Some("mounts"),
        "what a container sees of this machine is listed in `mounts`",
    ),
    ("container docker dockerimage imagename", Some("image"), "the image that a step runs in is its `image`"),
    ("id key label title step task job displayname", Some("name"), "a step is called by its `name`"),
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
        "continueonerror allowfailure ignoreerror ignoreerrors ignorefailure continueon failfast mayfail",
        None,
        "what a failure means for the run is `on_error`: `ignore` counts it as success, `continue` lets the other steps go on",
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
    ("uses plugin extends template include", None, "a step is written out: what it does goes under `run`"),
    (
        "with settings arguments inputsfrom",
        None,
        "what a script needs is written into it, or goes into `params` of the file",
    ),
    (
        "when only except rules unless preconditions precondition condition skipif runif onlyif",
        None,
        "a condition goes into the script: `if [ -e changed ]; then make; fi`",
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
    ("ports expose healthcheck restart detach", None, "a step runs to its end; it is no service"),
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

/// The keys of the file.
const PIPELINE: &[Row] = &[
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
        "dotenv envfile",
        None,
        "variables are written under `env`, or read by a script: `set -a; . ./.env; set +a`",
    ),
    (
        "parameters inputs args arguments options param",
        Some("params"),
        "what a run can be given is listed under `params`",
    ),
    ("title id", Some("name"), "a pipeline is called by its `name`"),
    ("desc summary", Some("description"), "what a pipeline is for is its `description`"),
    (
        "image shell timeout retry retries workingdir workingdirectory cwd dir workdir",
        None,
        "what holds for all steps is written under `defaults`: `defaults: {timeout: 30m}`",
    ),
    (
        "concurrency maxactiveruns maxactivesteps parallel parallelism jobslimit",
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
        "beforescript afterscript handleron setup finally post",
        None,
        "what comes before or after is a step: `depends_on` gives the order",
    ),
    (
        "services networks volumes permissions runson pool agent include includes imports",
        None,
        "the keys of a file are `name`, `description`, `params`, `env`, `defaults`, `on_error`, `max_parallel`, `history`, `steps` and `outputs`",
    ),
];

/// The keys of `retry`.
const RETRY: &[Row] = &[
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
const PARAM: &[Row] = &[
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
const MOUNT: &[Row] = &[
    ("src hostpath from host", Some("source"), "what is mounted is the `source`"),
    ("dst destination mountpath path to", Some("target"), "where the container sees it is the `target`"),
    ("readonly ro", Some("read_only"), "a mount that is only read is `read_only: true`"),
];

/// Looks up a key that this format does not have. `of` is the map that it stands in, by its name in messages.
pub(in crate::file) fn key(of: &str, name: &str) -> Option<Foreign> {
    let rows = match of {
        "a step" => STEP,
        "a pipeline" => PIPELINE,
        "`retry`" => RETRY,
        "a param" => PARAM,
        "a mount" => MOUNT,
        _ => return None,
    };
    let plain: String =
        name.chars().filter(|letter| !"-_".contains(*letter)).collect::<String>().to_lowercase();
    rows.iter()
        .find(|(words, _, _)| words.split(' ').any(|word| word == plain))
        .map(|(_, same, help)| Foreign { same: *same, help })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::file::schema;

    const ALL: [(&str, &[Row]); 5] = [
        ("a step", STEP),
        ("a pipeline", PIPELINE),
        ("`retry`", RETRY),
        ("a param", PARAM),
        ("a mount", MOUNT),
    ];

    #[test]
    fn a_word_stands_once_in_a_table_and_in_its_plain_form() {
        for (of, rows) in ALL {
            let mut seen = HashSet::new();
            for word in rows.iter().flat_map(|(words, _, _)| words.split(' ')) {
                assert!(seen.insert(word), "{word} of {of} stands twice");
                assert!(word.chars().all(|letter| letter.is_ascii_lowercase()), "{word}");
                assert!(key(of, word).is_some());
            }
        }
    }

    #[test]
    fn what_takes_the_same_value_is_a_key_of_that_map_and_help_names_it() {
        let schema = schema();
        for (of, rows) in ALL {
            let keys = match of {
                "a pipeline" => &schema["properties"],
                of => &schema["$defs"][of.trim_start_matches("a ").trim_matches('`')]["properties"],
            };
            let own: Vec<&str> = keys.as_object().unwrap().keys().map(String::as_str).collect();
            for (words, same, help) in rows {
                assert!(same.is_none_or(|same| own.contains(&same)), "{words:?}");
                assert!(same.is_none_or(|same| help.contains(&format!("`{same}"))), "{help}");
                for word in words.split(' ') {
                    assert!(!own.contains(&word), "{word} is a key of {of} itself");
                }
            }
        }
    }

    #[test]
    fn spelling_with_dashes_underscores_and_capitals_is_the_same_word() {
        for name in ["working-directory", "working_directory", "workingDirectory", "workingdirectory"] {
            assert_eq!(key("a step", name).unwrap().same, Some("working_dir"), "{name}");
        }
        assert_eq!(key("a step", "continue-on-error").unwrap().same, None);
        assert_eq!(key("a step", "frobnicate"), None);
        assert_eq!(key("`build`", "needs"), None);
    }
}
