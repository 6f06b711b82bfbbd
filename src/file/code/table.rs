//! One entry a class. The doc comment is what `pipe explain` prints: a sentence, then when it comes and what to do,
//! then an example that is wrong and one that is right. A test runs the examples.

/// Makes the enum and its texts from one list.
macro_rules! codes {
    ($($(#[doc = $line:literal])+ $variant:ident = $name:literal,)+) => {
        /// A class of mistake.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $line])+ $variant,)+
        }

        impl Code {
            /// Every class there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name, in kebab-case.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The lines of its doc comment.
            pub(super) const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($line, "\n"),+),)+
                }
            }
        }
    };
}

codes! {
    // The file as a whole.

    /// The pipeline file cannot be read.
    ///
    /// There is no file of that name, or this user may not read it. A path on the command line starts from the folder
    /// that the command runs in; `-C DIR` changes where the steps run and where `pipeline.yml` is looked for.
    UnreadableFile = "unreadable-file",

    /// A folder stands where a file is meant.
    ///
    /// `pipe run backup/` names a folder. Name the file in it, or write `pipe run -C backup` to run the `pipeline.yml`
    /// that lies there.
    IsDirectory = "is-directory",

    /// The file is not UTF-8 text.
    ///
    /// Pipeline files are UTF-8. The message points at the first byte that is not; a file in UTF-16, as some editors on
    /// Windows write it, has a code of its own. Save it as UTF-8. A byte-order mark and Windows line ends do no harm.
    NotUtf8 = "not-utf8",

    /// The file is empty.
    ///
    /// Nothing, or nothing but comments, is in it. The shortest pipeline is:
    /// ```yaml
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make}
    /// ```
    EmptyFile = "empty-file",

    /// The file is for another tool.
    ///
    /// Its keys are those of a GitHub workflow, a GitLab pipeline, a Compose file, a Taskfile or the like. `pipe`
    /// has a file of its own, in which the steps are a list. The pages on coming from `make`, from Compose and
    /// on CI show how one becomes the other.
    /// ```yaml
    /// on: push
    /// jobs:
    ///   build:
    ///     runs-on: ubuntu-latest
    ///     steps: [{run: make}]
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make}
    /// ```
    ForeignFile = "foreign-file",

    // YAML.

    /// YAML cannot read the file.
    ///
    /// A quote or bracket is not closed, a line does not line up with its neighbours, or a character has a meaning that
    /// was not meant. Values with `: `, ` #`, or with `*`, `&`, `!`, `|`, `>`, `%`, `@` or a quote at their start need
    /// quotes; longer commands are best put in a block, where no character is special:
    /// ```yaml
    /// steps:
    ///   - name: greet
    ///     run: echo "hello": world
    /// ```
    /// ```yaml
    /// steps:
    ///   - name: greet
    ///     run: |
    ///       echo "hello": world
    /// ```
    YamlSyntax = "yaml-syntax",

    /// A tab stands where only spaces may.
    ///
    /// YAML does not allow tabs in the indentation, since their width is a matter of taste. Most editors can insert
    /// spaces for the tab key.
    Tab = "tab",

    /// A value that begins with `{{` needs quotes.
    ///
    /// To YAML an unquoted `{` at the start of a value opens a map. Quotes make it text; in the middle of a value none
    /// are needed.
    /// ```yaml
    /// params: {docs: src}
    /// steps:
    ///   - name: list
    ///     run: ls
    ///     working_dir: {{ docs }}
    /// ```
    /// ```yaml
    /// params: {docs: src}
    /// steps:
    ///   - name: list
    ///     run: ls
    ///     working_dir: "{{ docs }}"
    /// ```
    BareTemplate = "bare-template",

    /// The file has more than one document.
    ///
    /// A line `---` begins another YAML document. One file is one pipeline; put the second into a file of its own.
    /// ```yaml
    /// steps: [{name: a, run: make}]
    /// ---
    /// steps: [{name: b, run: make}]
    /// ```
    /// ```yaml
    /// steps: [{name: a, run: make}, {name: b, run: make}]
    /// ```
    SeveralDocuments = "several-documents",

    /// A YAML tag that means nothing here.
    ///
    /// A word that begins with `!` says what type a value has. A pipeline file needs none: leave it out, or quote the
    /// value if the `!` belongs to it. `run: ! grep -q x f` is such a tag as well: the shell would never see the `!`.
    /// ```yaml
    /// steps:
    ///   - {name: a, run: !sh make}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: a, run: make}
    /// ```
    UnknownTag = "unknown-tag",

    /// A key that is no text.
    ///
    /// Every key is a word. A list or a map cannot be one.
    BadKey = "bad-key",

    /// A key is there twice.
    ///
    /// The second would silently replace the first, so one of them has to go. Both places are shown.
    /// ```yaml
    /// steps:
    ///   - name: build
    ///     run: make
    ///     run: make all
    /// ```
    /// ```yaml
    /// steps:
    ///   - name: build
    ///     run: make all
    /// ```
    DuplicateKey = "duplicate-key",

    /// An alias stands inside what it repeats.
    ///
    /// `*name` repeats the value that `&name` marks; inside that value it would repeat itself without end. Write the value
    /// out.
    AliasLoop = "alias-loop",

    /// Aliases make the file grow beyond all measure.
    ///
    /// Aliases of aliases of aliases: a few lines can stand for billions of values. Files that say the same in a sane
    /// number of values are taken; write them out.
    AliasBomb = "alias-bomb",

    // Keys and values.

    /// A key that does not exist.
    ///
    /// The nearest key that does is named; if none is near, all that can stand there are. The reference is in the
    /// book, and `pipe schema` prints it for editors, which then complete keys as you type.
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, depend_on: []}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, depends_on: []}
    /// ```
    UnknownKey = "unknown-key",

    /// A value of the wrong kind.
    ///
    /// A list where a text is due, a text where a number is due, or a word that is none of those that the key takes. The
    /// message says what was found and what is wanted, with an example.
    /// ```yaml
    /// max_parallel: many
    /// ```
    /// ```yaml
    /// max_parallel: 4
    /// ```
    WrongType = "wrong-type",

    /// A word that the key does not take.
    ///
    /// Keys such as `on_error`, `type` and `backoff` take one of a few words. All are listed, and the nearest is named.
    /// ```yaml
    /// on_error: contniue
    /// ```
    /// ```yaml
    /// on_error: continue
    /// ```
    UnknownValue = "unknown-value",

    /// Something that must be there is missing.
    ///
    /// A step needs a `name` and something to `run`; a param needs a type or a default that shows it; a param of type
    /// `choice` needs `choices`.
    /// ```yaml
    /// steps:
    ///   - run: make
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make}
    /// ```
    MissingKey = "missing-key",

    /// A name that cannot be one.
    ///
    /// Steps and streams are named with letters, digits, `_`, `.` and `-`, params and environment variables with
    /// letters, digits and `_`. Params cannot be called what means something else in templates, such as `env` or `run`.
    /// ```yaml
    /// params: {my-level: 9}
    /// ```
    /// ```yaml
    /// params: {my_level: 9}
    /// ```
    BadName = "bad-name",

    /// A number out of its range.
    ///
    /// `max_parallel` and `history.keep` are at least 1; the exit codes of `on_exit` and `broken_pipe` are 1 to 255.
    /// 141 is SIGPIPE, which needs no `broken_pipe`.
    /// ```yaml
    /// max_parallel: 0
    /// ```
    /// ```yaml
    /// max_parallel: 1
    /// ```
    BadNumber = "bad-number",

    /// A length of time that is none.
    ///
    /// Lengths of time are numbers with a unit: `500ms`, `30s`, `5m`, `1h 30m`, `2d`. A number alone is not taken, since
    /// some tools mean seconds by it and others milliseconds. A timeout is longer than nothing.
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, timeout: 5 sec}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, timeout: 5s}
    /// ```
    BadDuration = "bad-duration",

    /// A path that is none.
    ///
    /// `working_dir` is empty, or a path has `~` or `$HOME` in it: no shell reads it, and a folder of that name would be
    /// made. Write `"{{ env.HOME }}/backup"`. For a file that is really called so, write `./~`.
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, working_dir: ""}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, working_dir: .}
    /// ```
    BadPath = "bad-path",

    /// A pattern that is no regular expression.
    ///
    /// The `pattern` of a param is a regular expression for the whole value. Signs that stand for themselves take a
    /// backslash; in YAML, single quotes keep backslashes as they are.
    /// ```yaml
    /// params: {tag: {type: string, pattern: 'v(1', default: v1}}
    /// ```
    /// ```yaml
    /// params: {tag: {type: string, pattern: 'v\d+', default: v1}}
    /// ```
    BadPattern = "bad-pattern",

    /// Limits that no number can keep.
    ///
    /// `min` is greater than `max`.
    /// ```yaml
    /// params: {level: {type: int, min: 9, max: 1, default: 5}}
    /// ```
    /// ```yaml
    /// params: {level: {type: int, min: 1, max: 9, default: 5}}
    /// ```
    BadLimits = "bad-limits",

    /// A default that its own param would refuse.
    ///
    /// Defaults are checked like values that are given: against the type, the limits, the pattern, the choices. A
    /// required param has no default, since it would never be used.
    /// ```yaml
    /// params: {mode: {choices: [full, incremental], default: ful}}
    /// ```
    /// ```yaml
    /// params: {mode: {choices: [full, incremental], default: full}}
    /// ```
    BadDefault = "bad-default",

    /// A key that says nothing about a param of this type.
    ///
    /// `min` and `max` go with numbers, `pattern` with `string`, `choices` with `choice`, `exists` and `access` with
    /// `path`.
    /// ```yaml
    /// params: {tag: {type: string, min: 1, default: v1}}
    /// ```
    /// ```yaml
    /// params: {level: {type: int, min: 1, default: 1}}
    /// ```
    StrangeKey = "strange-key",

    // Params and what they are given.

    /// Defaults that read each other in a circle.
    ///
    /// A default may name other params, in any order, as long as it does not come back to itself. The message names the
    /// circle; give one of its params a default of its own.
    /// ```yaml
    /// params: {a: "{{.b}}", b: "{{.a}}"}
    /// ```
    /// ```yaml
    /// params: {a: "{{.b}}", b: x}
    /// ```
    ParamCycle = "param-cycle",

    /// A default that would give a secret away.
    ///
    /// The default of a param reads a secret, but the param is no secret: its value would be shown. Make it a secret too.
    /// ```yaml
    /// params:
    ///   token: {type: secret, env: TOKEN}
    ///   header: {type: string, default: "Bearer {{.token}}"}
    /// ```
    /// ```yaml
    /// params:
    ///   token: {type: secret, env: TOKEN}
    ///   header: {type: secret, default: "Bearer {{.token}}"}
    /// ```
    SecretDefault = "secret-default",

    /// A param without a value.
    ///
    /// It has no default, and nothing else gives it one. Give it with `-p NAME=VALUE`, in a `--params-file`, or by the
    /// environment variable that its `env` names.
    MissingParam = "missing-param",

    /// A value for a param that does not exist.
    ///
    /// `-p` or the params file names a param that the pipeline does not declare. The nearest that it does declare is
    /// named.
    UnknownParam = "unknown-param",

    /// A value that its param does not take.
    ///
    /// The message says what the type accepts, and where the value came from: `-p`, the params file, an environment
    /// variable, or a default. Of these the first counts.
    BadValue = "bad-value",

    // Steps.

    /// The pipeline has no steps.
    ///
    /// There is nothing to run.
    /// ```yaml
    /// steps: []
    /// ```
    /// ```yaml
    /// steps: [{name: build, run: make}]
    /// ```
    NoSteps = "no-steps",

    /// An order that a `finally` step does not have.
    ///
    /// Steps with `finally: true` run when all others have ended, however they have. So no other step can depend on
    /// one, read its stream or its values; and to depend on another step says nothing, unless that is a `finally` step
    /// too. What it reads of the others is there when it runs.
    /// ```yaml
    /// steps:
    ///   - {name: tests, run: ./e2e}
    ///   - {name: down, finally: true, run: ./cloud delete, depends_on: tests}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: tests, run: ./e2e}
    ///   - {name: down, finally: true, run: ./cloud delete}
    /// ```
    FinallyOrder = "finally-order",

    /// A `finally` step that would stop others.
    ///
    /// When it runs, the others have ended, and other `finally` steps run to their ends whatever becomes of this one.
    /// Its failure makes the run fail (`on_error: continue`, which is the default for it) or not (`ignore`).
    /// ```yaml
    /// steps:
    ///   - {name: tests, run: ./e2e}
    ///   - {name: down, finally: true, run: ./cloud delete, on_error: stop}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: tests, run: ./e2e}
    ///   - {name: down, finally: true, run: ./cloud delete}
    /// ```
    FinallyPolicy = "finally-policy",

    /// Two steps of the same name.
    ///
    /// A name says which step is meant, in `depends_on` and on the screen. Both places are shown.
    /// ```yaml
    /// steps: [{name: build, run: make}, {name: build, run: make docs}]
    /// ```
    /// ```yaml
    /// steps: [{name: build, run: make}, {name: docs, run: make docs}]
    /// ```
    DuplicateStep = "duplicate-step",

    /// A secret that does not exist.
    ///
    /// `secrets` of a step names params of type `secret`, each of which the step gets as a file in `$PIPE_SECRETS`.
    /// There is no such param, or it is of another type.
    /// ```yaml
    /// params: {token: {type: secret, env: TOKEN}}
    /// steps:
    ///   - {name: upload, run: 'curl -H @"$PIPE_SECRETS/tokn" https://example.org', secrets: [tokn]}
    /// ```
    /// ```yaml
    /// params: {token: {type: secret, env: TOKEN}}
    /// steps:
    ///   - {name: upload, run: 'curl -H @"$PIPE_SECRETS/token" https://example.org', secrets: [token]}
    /// ```
    UnknownSecret = "unknown-secret",

    /// A step that does not exist.
    ///
    /// `depends_on` names a step that the file does not have. The nearest that it has is named.
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make}
    ///   - {name: test, run: make test, depends_on: biuld}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make}
    ///   - {name: test, run: make test, depends_on: build}
    /// ```
    UnknownStep = "unknown-step",

    /// A step that waits for itself.
    ///
    /// It would never start.
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, depends_on: build}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make}
    /// ```
    SelfDependency = "self-dependency",

    /// Steps that wait for each other.
    ///
    /// Following `depends_on` and streams from one step to the next leads back to where it began, so none of them could
    /// start. Every circle is shown with the line of each link; take one link out.
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, depends_on: test}
    ///   - {name: test, run: make test, depends_on: build}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make}
    ///   - {name: test, run: make test, depends_on: build}
    /// ```
    Cycle = "cycle",

    /// Two answers to what a last failure means.
    ///
    /// `retry.then` says what happens when the last retry has failed; so does an `on_error` other than `retry`. Keep one.
    /// ```yaml
    /// steps:
    ///   - {name: fetch, run: make fetch, on_error: ignore, retry: {count: 3, then: continue}}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: fetch, run: make fetch, on_error: retry, retry: {count: 3, then: continue}}
    /// ```
    TwoEndings = "two-endings",

    /// A shell that is not known.
    ///
    /// `shell` is one of the names in the book, or a list of words: a program and its arguments, to which the script is
    /// added as the last.
    /// ```yaml
    /// steps:
    ///   - {name: sum, run: print(1 + 1), shell: pyton}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: sum, run: print(1 + 1), shell: python}
    /// ```
    UnknownShell = "unknown-shell",

    /// A step that cannot have the terminal.
    ///
    /// With `terminal: true` a step reads from the terminal and writes to it, so its stdin and stdout can be no streams;
    /// it can still read one by `inputs`. It is a process of this machine: a container has no terminal, and with
    /// `pipe run --docker` there is no other place for a step.
    /// ```yaml
    /// steps:
    ///   - {name: login, run: vault login -method=ldap, terminal: true, output: token}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: login, run: vault login -method=ldap, terminal: true}
    ///   - {name: token, run: vault print token, depends_on: login, output: token}
    /// ```
    BadTerminal = "bad-terminal",

    /// A step needs a terminal, and there is none.
    ///
    /// A step with `terminal: true` asks a person. Where `CI` is set there is none, and `cron`, `setsid` and `ssh` without
    /// `-t` give no terminal. Let the step get its answers in another way, such as a variable of the environment or a
    /// secret, and leave `terminal` out; or run other steps alone, with `--only`.
    NoTerminal = "no-terminal",

    // Streams.

    /// A stream that two steps make.
    ///
    /// Its readers would get a mixture. Give each its own name; a step that needs both can read two files, or follow a
    /// step that joins them.
    /// ```yaml
    /// steps:
    ///   - {name: a, run: cat a, output: text}
    ///   - {name: b, run: cat b, output: text}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: a, run: cat a, output: text-a}
    ///   - {name: b, run: cat b, output: text-b}
    /// ```
    TwoProducers = "two-producers",

    /// A stream that no step makes.
    ///
    /// `input` names a stream that is no step's `output`. The nearest that is one is named. A stream can also come from
    /// outside: `pipe run --in NAME=FILE`.
    /// ```yaml
    /// steps:
    ///   - {name: pack, run: tar cf - src, output: archive}
    ///   - {name: sum, run: sha256sum, input: archiv}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: pack, run: tar cf - src, output: archive}
    ///   - {name: sum, run: sha256sum, input: archive}
    /// ```
    NoProducer = "no-producer",

    /// A step that reads the stream that it makes.
    ///
    /// It would wait for itself. A step reads what another one makes; within one script, use a pipe.
    /// ```yaml
    /// steps:
    ///   - {name: sort, run: sort, input: lines, output: lines}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: list, run: ls, output: lines}
    ///   - {name: sort, run: sort, input: lines}
    /// ```
    OwnStream = "own-stream",

    /// A step that reads one stream twice.
    ///
    /// It would get the bytes once on each input, and could wait for one while the other is full. One script can use what
    /// it reads as often as it likes.
    /// ```yaml
    /// steps:
    ///   - {name: list, run: ls, output: lines}
    ///   - {name: both, run: paste - "$PIPE_INPUT_COPY", input: lines, inputs: {copy: lines}}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: list, run: ls, output: lines}
    ///   - {name: both, run: tee copy | paste - copy, input: lines}
    /// ```
    ReadTwice = "read-twice",

    /// A stream that `--in` cannot feed.
    ///
    /// `--in NAME=FILE` stands for a step that makes the stream. No step of the file may make it too, some step has to
    /// read it, and it is given once.
    BadFeed = "bad-feed",

    /// A stream that `--out` cannot send.
    ///
    /// `--out NAME=FILE` names a stream that a step of the file makes, and names it once.
    BadOut = "bad-out",

    /// Two streams for one standard input or output.
    ///
    /// `-` stands for the standard input (`--in`) or output (`--out`) of `pipe` itself, which can carry one stream. Use
    /// files for the others.
    TwoDashes = "two-dashes",

    // Containers.

    /// A step says how its container is, and has none.
    ///
    /// A step runs in a container if it names an `image` or has a `build`; else it runs on this machine. With
    /// `pipe run --docker` every step needs an image: its own, that of `defaults`, or `--image`.
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, network: none}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, image: "alpine:3.20", network: none}
    /// ```
    NeedsImage = "needs-image",

    /// A step that names an image and builds one.
    ///
    /// It can run in one image only. A built one needs no name.
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, image: "alpine:3.20", build: ./docker}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, build: ./docker}
    /// ```
    TwoImages = "two-images",

    /// A key of a step that belongs to the container that it shares.
    ///
    /// A step with `container` runs in a container that other steps run in as well. What holds for the container holds
    /// for all of them, and is written once, under `containers`: `image`, `build`, `network`, `mounts`, `resources`,
    /// `pull`, `platform`. A step has its own script, `env`, `working_dir` and `user`.
    /// ```yaml
    /// containers: {ci: {image: "rust:1.90"}}
    /// steps:
    ///   - {name: test, run: cargo test, container: ci, resources: {memory: 4GiB}}
    /// ```
    /// ```yaml
    /// containers: {ci: {image: "rust:1.90", resources: {memory: 4GiB}}}
    /// steps:
    ///   - {name: test, run: cargo test, container: ci}
    /// ```
    SharedKey = "shared-key",

    /// A shared container whose image has no shell.
    ///
    /// This is found when the container starts. Its first process is the shell of the image, `sh`, which waits while steps
    /// run beside it; and what runs a step in it is a script, too. Choose an image that has a shell, often the same
    /// one under another tag (`-debug`, `-slim` and not `-distroless`), or give each step the `image` for itself: a
    /// container of its own needs no shell.
    SharedNoShell = "shared-no-shell",

    /// A shared container that does not exist.
    ///
    /// `container` of a step names one of the file's `containers`. An image that the step has for itself is its `image`.
    /// ```yaml
    /// containers: {ci: {image: "rust:1.90"}}
    /// steps:
    ///   - {name: test, run: cargo test, container: cii}
    /// ```
    /// ```yaml
    /// containers: {ci: {image: "rust:1.90"}}
    /// steps:
    ///   - {name: test, run: cargo test, container: ci}
    /// ```
    UnknownContainer = "unknown-container",

    // Services.

    /// A key that a service has no use for.
    ///
    /// A service goes on in the background as long as steps use it. It has no streams, runs once for all its users, and
    /// whether it runs is decided by them: so it has no `input`, `output`, `produces`, `matrix`, `if`, `finally` or
    /// `timeout`. What a service is stands at the top of the file; a step names those that it uses.
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", ports: [5432], timeout: 1h}
    /// steps:
    ///   - {name: test, run: make test, services: db}
    /// ```
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", ports: [5432]}
    /// steps:
    ///   - {name: test, run: make test, services: db, timeout: 1h}
    /// ```
    ServiceKey = "service-key",

    /// A port that a service cannot have, or has not.
    ///
    /// `ports` are those that the service answers at. A step that runs on this machine reaches a container by a port of
    /// this machine that leads there: a free one, or the one in front of the colon. It is open at 127.0.0.1 alone, so no
    /// address stands here. `services.NAME.port` is the first of the ports, as the step finds it.
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", ports: ["0.0.0.0:5432:5432"]}
    /// steps:
    ///   - {name: test, run: make test, services: db}
    /// ```
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", ports: ["15432:5432"]}
    /// steps:
    ///   - {name: test, run: make test, services: db}
    /// ```
    ServicePort = "service-port",

    /// A healthcheck that checks nothing.
    ///
    /// `test` is a text for the shell, or a list: a program and its arguments. Compose's `[CMD, …]`, `[CMD-SHELL, …]` and
    /// `[NONE]` are taken as well. `healthcheck: none` says that a service is ready as soon as it has started.
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", healthcheck: pg_isready}
    /// steps:
    ///   - {name: test, run: make test, services: db}
    /// ```
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", healthcheck: {test: pg_isready -U postgres}}
    /// steps:
    ///   - {name: test, run: make test, services: db}
    /// ```
    BadHealthcheck = "bad-healthcheck",

    /// A step and a service that cannot reach each other.
    ///
    /// Services in containers and the containers that use them share a network. A container does not reach a process of
    /// this machine, and one with `network: none` reaches nothing.
    /// ```yaml
    /// services:
    ///   api: {run: ./server, ports: [8080]}
    /// steps:
    ///   - {name: test, image: "alpine:3.20", run: wget api:8080, services: api}
    /// ```
    /// ```yaml
    /// services:
    ///   api: {run: ./server, image: "alpine:3.20", ports: [8080]}
    /// steps:
    ///   - {name: test, image: "alpine:3.20", run: wget api:8080, services: api}
    /// ```
    ServiceNetwork = "service-network",

    /// A service under `depends_on`.
    ///
    /// `depends_on` waits for the end of a step, and a service has none before its users have. A step that names it under
    /// `services` starts once the service is ready.
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", ports: [5432]}
    /// steps:
    ///   - {name: test, run: make test, depends_on: db}
    /// ```
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", ports: [5432]}
    /// steps:
    ///   - {name: test, run: make test, services: db}
    /// ```
    ServiceOrder = "service-order",

    /// A service that does not exist, or that the step does not use.
    ///
    /// `services` of a step names services that stand at the top of the file. Its texts can read where those are found,
    /// and no others: only what it uses is sure to be up.
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", ports: [5432]}
    /// steps:
    ///   - {name: test, run: "make test PORT={{ services.db.port }}"}
    /// ```
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", ports: [5432]}
    /// steps:
    ///   - {name: test, run: "make test PORT={{ services.db.port }}", services: db}
    /// ```
    UnknownService = "unknown-service",

    /// A step with `run` and with `entrypoint` or `args`.
    ///
    /// `run` is a script, which goes through the shell of the image. `entrypoint` and `args` are the words of a program,
    /// which no shell reads.
    /// ```yaml
    /// steps:
    ///   - {name: build, image: "alpine:3.20", run: make, args: [all]}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, image: "alpine:3.20", entrypoint: [make], args: [all]}
    /// ```
    TwoPrograms = "two-programs",

    /// A mount that cannot be understood.
    ///
    /// The short form is source, target and perhaps `ro`: `./src:/src:ro`. A source that begins with `.` or `/` is a path
    /// of this machine, relative to the working directory; any other is a volume. The target is absolute. The long form
    /// has the keys `type` (`bind`, `volume`, `tmpfs`), `source`, `target` and `read_only`. Two mounts of a step
    /// cannot have one target.
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, image: "alpine:3.20", mounts: [./src]}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: build, run: make, image: "alpine:3.20", mounts: ["./src:/src:ro"]}
    /// ```
    BadMount = "bad-mount",

    // A cluster.

    /// A value under `kubernetes` is none that a cluster takes.
    ///
    /// Names of namespaces, Secrets and the like have small letters, digits and `-`; labels and amounts have forms of
    /// their own. Nothing under `kubernetes` takes a template: what differs from run to run is `--namespace` and
    /// `--kube-context`.
    /// ```yaml
    /// kubernetes: {namespace: My_Team}
    /// steps: [{name: build, run: make, image: "alpine:3.20"}]
    /// ```
    /// ```yaml
    /// kubernetes: {namespace: my-team}
    /// steps: [{name: build, run: make, image: "alpine:3.20"}]
    /// ```
    BadKubernetes = "bad-kubernetes",

    /// A cluster cannot do what the file asks for.
    ///
    /// It comes with `--on kubernetes` alone; the file is in order anywhere else. A pod sees no folder of this machine,
    /// builds no image, and has one network; the cluster says neither what an image runs by itself nor who a name is.
    /// The message says what to write instead. The page on Kubernetes lists all of it.
    NotOnKubernetes = "not-on-kubernetes",

    /// Steps that start together want different pods.
    ///
    /// Steps that are joined by live streams run in one pod, which has one node, one priority class and one set of
    /// labels. Where two of them name different values, write the same, leave one out, or store the stream between them
    /// with `store: true`: then each has a pod of its own.
    GangPod = "gang-pod",

    // Templates.

    /// A template that cannot be read.
    ///
    /// A `{{` or `{%` is not closed, a quote inside it is not closed, or what stands in it is no expression. To write
    /// two braces as they are, put them in an expression: `{{ '{{' }}`.
    /// ```yaml
    /// params: {x: a}
    /// steps:
    ///   - {name: a, run: "echo {{ x"}
    /// ```
    /// ```yaml
    /// params: {x: a}
    /// steps:
    ///   - {name: a, run: "echo {{ x }}"}
    /// ```
    TemplateSyntax = "template-syntax",

    /// A name in a template that does not exist.
    ///
    /// Templates see the params, `env.NAME`, `pipeline.name`, `run.id`, `run.started_at` and `step.name`; filters and
    /// functions are listed in the book. The nearest name is shown. A variable of the shell is written `$name` as
    /// always.
    /// ```yaml
    /// params: {source: /data}
    /// steps:
    ///   - {name: pack, run: "tar cf data.tar {{ sorce }}"}
    /// ```
    /// ```yaml
    /// params: {source: /data}
    /// steps:
    ///   - {name: pack, run: "tar cf data.tar {{ source }}"}
    /// ```
    UndefinedName = "undefined-name",

    /// A filter, test or function that does not exist.
    ///
    /// Filters change a value, `{{ source | basename }}`; tests ask about it, `{% if x is even %}`; functions make one,
    /// `{{ now("%F") }}`. The nearest that there is is named.
    /// ```yaml
    /// params: {source: /data}
    /// steps:
    ///   - {name: pack, run: "echo {{ source | bsename }}"}
    /// ```
    /// ```yaml
    /// params: {source: /data}
    /// steps:
    ///   - {name: pack, run: "echo {{ source | basename }}"}
    /// ```
    UnknownFunction = "unknown-function",

    /// A place of a script where no value is safe.
    ///
    /// Every value in a script is escaped for the place where it stands, so that it can only be data. In some places no
    /// way of writing it achieves that: in backticks, inside `${…}`, as the name of a variable, in what a command reads its
    /// program from, where the shell computes. The message says what to write instead. A param whose type can do no harm
    /// there, such as an `int`, may stand there. In scripts of other languages a value goes in
    /// with `| tojson`, or through `env`. `| raw` splices a value as it is, at your own risk, and `pipe validate` lists
    /// each use.
    /// ```yaml
    /// params: {day: today}
    /// steps:
    ///   - {name: stamp, run: "echo `date -d {{ day }}`"}
    /// ```
    /// ```yaml
    /// params: {day: today}
    /// steps:
    ///   - {name: stamp, run: "echo $(date -d {{ day }})"}
    /// ```
    UnsafePlace = "unsafe-place",

    /// A branch that changes the quoting around it.
    ///
    /// What an `{% if %}` or `{% for %}` opens, such as a quote or a `$(`, has to be closed in the same branch: else the
    /// text after it would mean one thing or another, and no value in it could be escaped.
    /// ```yaml
    /// params: {all: true}
    /// steps:
    ///   - {name: a, run: "echo 'a{% if all %} b'{% endif %}"}
    /// ```
    /// ```yaml
    /// params: {all: true}
    /// steps:
    ///   - {name: a, run: "echo 'a{% if all %} b{% endif %}'"}
    /// ```
    BranchQuoting = "branch-quoting",

    /// A shell cannot read the script.
    ///
    /// `pipe validate` has the script's own shell read it (`bash -n`), where that shell is on this machine, with a word in
    /// place of each value; nothing of it is run. A quote that is never closed, an `if` without `fi` or a bracket too many
    /// would fail the step when its turn comes. Scripts of other interpreters are not read, nor those of a container
    /// whose shell is not named.
    /// ```yaml
    /// steps:
    ///   - {name: greet, run: "echo 'hello"}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: greet, run: "echo 'hello'"}
    /// ```
    ScriptSyntax = "script-syntax",

    /// A secret that would be spelled out in a script.
    ///
    /// In a script a secret becomes a reference to a variable, so that its value is in no argument list, no script and no
    /// journal. That works where it stands by itself, `{{ token }}`, but not where a template changes or compares it. Put
    /// the text that is needed into `env`, and use that variable. The variable that a secret comes from is no way around
    /// it: in place of `{{ env.TOKEN }}`, write `{{ token }}`.
    /// ```yaml
    /// params: {token: {type: secret, env: TOKEN}}
    /// steps:
    ///   - {name: login, run: "login {{ token | upper }}"}
    /// ```
    /// ```yaml
    /// params: {token: {type: secret, env: TOKEN}}
    /// steps:
    ///   - {name: login, run: login "$UPPER", env: {UPPER: "{{ token | upper }}"}}
    /// ```
    SecretInScript = "secret-in-script",

    /// A condition that is neither true nor false.
    ///
    /// Only `bool` params, comparisons and tests are conditions. A text is never taken for false, not even `'false'`,
    /// nor a number for true: write what the value is compared with. It is the same beside `and`, `or` and `not`.
    /// ```yaml
    /// params: {branch: main}
    /// steps:
    ///   - {name: build, run: "make {% if branch %}BRANCH={{ branch }}{% endif %}"}
    /// ```
    /// ```yaml
    /// params: {branch: main}
    /// steps:
    ///   - {name: build, run: "make {% if branch != '' %}BRANCH={{ branch }}{% endif %}"}
    /// ```
    BadCondition = "bad-condition",

    /// A comparison of values that are never equal.
    ///
    /// A `bool` param is `true` or `false`, not `'true'`; an `int` is `3`, not `'3'`; outputs of steps and variables of
    /// the environment are texts. The two sides of `==`, `!=`, `<` and `>` must be of one kind. A `choice` is only ever
    /// one of its choices. Lengths of time and sizes are compared as numbers: `limit | seconds < 60`.
    /// ```yaml
    /// params: {release: false}
    /// steps:
    ///   - {name: build, run: "make {% if release == 'true' %}release{% endif %}"}
    /// ```
    /// ```yaml
    /// params: {release: false}
    /// steps:
    ///   - {name: build, run: "make {% if release %}release{% endif %}"}
    /// ```
    BadComparison = "bad-comparison",

    /// A condition with braces.
    ///
    /// `if` takes an expression as it is. Braces make text of what they enclose, and with more text beside them the whole
    /// would be a text, which is neither true nor false. Braces around all of it do no harm: `if: "{{ release }}"` is
    /// `if: release`.
    /// ```yaml
    /// params: {branch: main}
    /// steps:
    ///   - {name: deploy, if: "{{ branch }} == 'main'", run: ./deploy}
    /// ```
    /// ```yaml
    /// params: {branch: main}
    /// steps:
    ///   - {name: deploy, if: branch == 'main', run: ./deploy}
    /// ```
    ConditionBraces = "condition-braces",

    /// An operator of another language in a condition.
    ///
    /// Conditions say `and`, `or` and `not`; two values are compared by `==`, `!=`, `<`, `<=`, `>` and `>=`, and `in` looks
    /// for one in a list or a text. A variable of the environment is `env.NAME`.
    /// ```yaml
    /// params: {release: false, branch: main}
    /// steps:
    ///   - {name: deploy, if: "release && branch == 'main'", run: ./deploy}
    /// ```
    /// ```yaml
    /// params: {release: false, branch: main}
    /// steps:
    ///   - {name: deploy, if: release and branch == 'main', run: ./deploy}
    /// ```
    ConditionOperator = "condition-operator",

    /// A condition that asks too much of a secret.
    ///
    /// Whether a step runs is seen by everyone who sees the run, so a condition must not tell what a secret is. It may ask
    /// whether there is one: `token is empty`, `token is not empty`. That holds for the variable that a secret comes from,
    /// too.
    /// ```yaml
    /// params: {token: {type: secret, env: TOKEN}}
    /// steps:
    ///   - {name: push, if: token != '', run: ./push, secrets: [token]}
    /// ```
    /// ```yaml
    /// params: {token: {type: secret, env: TOKEN}}
    /// steps:
    ///   - {name: push, if: token is not empty, run: ./push, secrets: [token]}
    /// ```
    SecretInCondition = "secret-in-condition",

    /// A condition asks for what is never true.
    ///
    /// A step whose dependency has failed or was cancelled does not run, whatever its condition says, so that
    /// `failure('tests')` and `cancelled('tests')` can never be true in it. What has to run after a failure is a step with
    /// `finally: true`; a failure that should not count as one has `on_error: ignore`, and can be asked for.
    /// ```yaml
    /// steps:
    ///   - {name: lint, run: make lint}
    ///   - {name: tell, if: failure('lint'), run: ./comment}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: lint, run: make lint, on_error: ignore}
    ///   - {name: tell, if: failure('lint'), run: ./comment}
    /// ```
    ConditionNever = "condition-never",

    /// A value that may be missing.
    ///
    /// A step with an `if` does not run where that is false, and neither do those that need its stream or its values. An
    /// output of the run would then have no value, after all the work is done. `| default` right behind the name gives it
    /// another. A step with `finally: true` needs one for every value, since it runs however far the others have come, and
    /// so does a service that only such steps use.
    /// ```yaml
    /// params: {release: false}
    /// steps:
    ///   - {name: tag, if: release, run: 'echo "tag=v1" >> "$PIPE_OUTPUT"'}
    /// outputs: {tag: "{{ steps.tag.outputs.tag }}"}
    /// ```
    /// ```yaml
    /// params: {release: false}
    /// steps:
    ///   - {name: tag, if: release, run: 'echo "tag=v1" >> "$PIPE_OUTPUT"'}
    /// outputs: {tag: "{{ steps.tag.outputs.tag | default('none') }}"}
    /// ```
    MaybeMissing = "maybe-missing",

    /// A value that cannot stand where a template puts it.
    ///
    /// The template is right, but not with this value: a list inside quotes, a text where the shell computes, a line that
    /// would end a here-document, a variable of the environment that is not set. The message says which.
    TemplateValue = "template-value",

    /// A name that nothing can hold alone.
    ///
    /// `concurrency` is the name of what only one run or step may use at a time on this machine. It is a text, and not
    /// empty, also when the params in it have their values. How many steps run at once is `max_parallel`.
    /// ```yaml
    /// concurrency: 2
    /// ```
    /// ```yaml
    /// max_parallel: 2
    /// ```
    BadConcurrency = "bad-concurrency",

    /// A step would wait for its own run.
    ///
    /// The run holds the name of `concurrency` until it ends, so that no step of it can ever get the same name.
    /// ```yaml
    /// concurrency: deploy
    /// steps:
    ///   - {name: push, run: ./push, concurrency: deploy}
    /// ```
    /// ```yaml
    /// concurrency: deploy
    /// steps:
    ///   - {name: push, run: ./push}
    /// ```
    ConcurrencySelf = "concurrency-self",

    /// Two steps that start together want one name.
    ///
    /// Steps that live streams join start together, and only one of them can have a name of `concurrency`. One of the
    /// two is enough: the name is held until that step ends.
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows, concurrency: database}
    ///   - {name: load, run: ./load, input: rows, concurrency: database}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows, concurrency: database}
    ///   - {name: load, run: ./load, input: rows}
    /// ```
    GangConcurrency = "gang-concurrency",

    /// A question that nothing can ask.
    ///
    /// `confirm` is a question with at least a word. A step that has the terminal asks for itself.
    /// ```yaml
    /// steps:
    ///   - {name: deploy, run: ./deploy, confirm: ""}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: deploy, run: ./deploy, confirm: "Deploy to production?"}
    /// ```
    BadConfirm = "bad-confirm",

    /// A question in the middle of a stream.
    ///
    /// Steps that live streams join start together. The answer to `confirm` decides whether they start, so that the
    /// question belongs to the first of them, which reads none of their streams.
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows}
    ///   - {name: load, run: ./load, input: rows, confirm: "Load all rows?"}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows, confirm: "Load all rows?"}
    ///   - {name: load, run: ./load, input: rows}
    /// ```
    GangConfirm = "gang-confirm",

    /// A file of variables is not there.
    ///
    /// `env_file` names it, seen from the folder of the pipeline file. A file that need not be there on every machine
    /// is written `env_file: {path: .env, required: false}`.
    MissingEnvFile = "missing-env-file",

    /// A line of a file of variables says nothing.
    ///
    /// The lines of an `env_file` are `NAME=value`, with `export` before the name or without it. Lines that begin with
    /// `#` are comments. A value may stand in quotes: in single ones it is as it is written, in double ones `\n`, `\t`,
    /// `\"` and `\\` stand for one sign each. Nothing is expanded: `$HOME` and `$(id)` are texts. Messages show no value.
    BadEnvFile = "bad-env-file",

    // Matrices.

    /// A value or a combination of a matrix is there twice.
    ///
    /// Every value of an axis, and every combination, makes a step of its own. An entry of `include` adds one whole
    /// combination and never changes another, so that it must not be there already.
    /// ```yaml
    /// steps:
    ///   - {name: test, matrix: {os: [alpine, alpine]}, run: "make test-{{ matrix.os }}"}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: test, matrix: {os: [alpine, bookworm]}, run: "make test-{{ matrix.os }}"}
    /// ```
    MatrixDuplicate = "matrix-duplicate",

    /// Two combinations of a matrix would have the same name.
    ///
    /// A step of a matrix is called after its values: `test.alpine`. Characters that names do not have become dashes, so
    /// that `a/b` and `a-b` look the same. List the combinations under `include`, each with a `name` of its own.
    /// ```yaml
    /// steps:
    ///   - {name: test, matrix: {branch: [a/b, a-b]}, run: "make {{ matrix.branch }}"}
    /// ```
    /// ```yaml
    /// steps:
    ///   - name: test
    ///     matrix: {include: [{name: one, branch: a/b}, {name: two, branch: a-b}]}
    ///     run: make {{ matrix.branch }}
    /// ```
    MatrixNames = "matrix-names",

    /// A matrix has no combinations.
    ///
    /// An axis has no values, or everything is excluded. This is about what stands in the file: a list param that a run
    /// gives without items is no mistake, and the step is passed over.
    /// ```yaml
    /// steps:
    ///   - {name: test, matrix: {os: []}, run: "make test-{{ matrix.os }}"}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: test, matrix: {os: [alpine]}, run: "make test-{{ matrix.os }}"}
    /// ```
    MatrixEmpty = "matrix-empty",

    /// A matrix has more than 1,000 combinations.
    ///
    /// Each would be a step with a log of its own, and axes multiply. A script goes through many values in less time.
    /// ```yaml
    /// params: {numbers: {type: list, default: "{{ range(1001) | join(',') }}"}}
    /// steps:
    ///   - {name: test, matrix: {n: "{{ numbers }}"}, run: "make {{ matrix.n }}"}
    /// ```
    /// ```yaml
    /// params: {numbers: {type: list, default: "{{ range(100) | join(',') }}"}}
    /// steps:
    ///   - {name: test, matrix: {n: "{{ numbers }}"}, run: "make {{ matrix.n }}"}
    /// ```
    MatrixSize = "matrix-size",

    /// An axis of a matrix is no list of values.
    ///
    /// An axis is a list of single values, or one expression that gives a list when the run begins: a param of
    /// `type: list`, or a text that `split` takes apart. Texts, numbers and truth values are values, and have no templates.
    /// ```yaml
    /// steps:
    ///   - {name: test, matrix: {os: alpine}, run: "make test-{{ matrix.os }}"}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: test, matrix: {os: [alpine]}, run: "make test-{{ matrix.os }}"}
    /// ```
    MatrixAxis = "matrix-axis",

    /// The combinations of a matrix have different keys.
    ///
    /// An entry of `include` beside axes names each of them and nothing else; in a list without axes every entry has the
    /// same keys. An entry of `exclude` names axes. So `matrix.KEY` has a value in every step.
    /// ```yaml
    /// steps:
    ///   - {name: pack, matrix: {include: [{name: linux, cc: gcc}, {name: arm}]}, run: "make CC={{ matrix.cc }}"}
    /// ```
    /// ```yaml
    /// steps:
    ///   - name: pack
    ///     matrix: {include: [{name: linux, cc: gcc}, {name: arm, cc: clang}]}
    ///     run: make CC={{ matrix.cc }}
    /// ```
    MatrixKeys = "matrix-keys",

    /// An entry of `exclude` matches no combination.
    ///
    /// It does nothing, and most often is misspelt: a number in place of a text makes no difference, but every value must
    /// be one of its axis. Where an axis is a list that a run gives, an entry may match nothing.
    /// ```yaml
    /// steps:
    ///   - {name: test, matrix: {os: [alpine, bookworm], exclude: [{os: alpin}]}, run: "make test-{{ matrix.os }}"}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: test, matrix: {os: [alpine, bookworm], exclude: [{os: alpine}]}, run: "make test-{{ matrix.os }}"}
    /// ```
    MatrixExclude = "matrix-exclude",

    /// Every step of a matrix would make the same file.
    ///
    /// What a step `produces` goes if it does not succeed, and is its own. Put a value of the matrix into the name, or let
    /// each step run in a folder of its own.
    /// ```yaml
    /// steps:
    ///   - {name: pack, matrix: {os: [alpine, bookworm]}, run: "make {{ matrix.os }}", produces: out.tar}
    /// ```
    /// ```yaml
    /// steps:
    ///   - name: pack
    ///     matrix: {os: [alpine, bookworm]}
    ///     run: "make {{ matrix.os }}"
    ///     produces: "out-{{ matrix.os }}.tar"
    /// ```
    MatrixProduces = "matrix-produces",

    /// More steps of a matrix must run together than its `max_parallel` allows.
    ///
    /// Steps that read one live stream start together. Write `store: true` at the step that makes it, so that they can
    /// read one after another, or leave `max_parallel` out of the matrix.
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: "seq 9", output: numbers}
    ///   - {name: sum, matrix: {by: [2, 3, 5], max_parallel: 2}, run: "./sum {{ matrix.by }}", input: numbers}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: "seq 9", output: {name: numbers, store: true}}
    ///   - {name: sum, matrix: {by: [2, 3, 5], max_parallel: 2}, run: "./sum {{ matrix.by }}", input: numbers}
    /// ```
    MatrixParallel = "matrix-parallel",

    /// A matrix needs what a step makes.
    ///
    /// Which steps there are is known before anything runs. Make two pipelines of it, of which the first says what the
    /// second is given: `pipe run build.yml -p items=…`.
    /// ```yaml
    /// steps:
    ///   - {name: plan, run: 'echo "items=a,b" >> "$PIPE_OUTPUT"'}
    ///   - {name: build, matrix: {item: "{{ steps.plan.outputs.items | split(',') }}"}, run: "make {{ matrix.item }}"}
    /// ```
    /// ```yaml
    /// params: {items: {type: list, default: [a, b]}}
    /// steps:
    ///   - {name: build, matrix: {item: "{{ items }}"}, run: "make {{ matrix.item }}"}
    /// ```
    MatrixLate = "matrix-late",

    /// The outputs of a matrix are read as if they were those of one step.
    ///
    /// Each step of a matrix has its own. One of them is `steps['test.alpine'].outputs.KEY`; all that have succeeded are
    /// `steps.test.members`, a list of which each entry has `name`, `matrix` and `outputs`.
    /// ```yaml
    /// steps:
    ///   - {name: test, matrix: {os: [alpine, bookworm]}, run: 'echo "n=1" >> "$PIPE_OUTPUT"'}
    ///   - {name: report, run: "echo {{ steps.test.outputs.n }}"}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: test, matrix: {os: [alpine, bookworm]}, run: 'echo "n=1" >> "$PIPE_OUTPUT"'}
    ///   - {name: report, run: "echo {{ steps['test.alpine'].outputs.n }}"}
    /// ```
    GroupOutputs = "group-outputs",

    /// The streams of a matrix are read as if they were one.
    ///
    /// Each step of a matrix makes its own: `tar.linux`, `tar.arm`. A step with the same matrix reads one of them,
    /// `input: "tar.{{ matrix.name }}"`; another one reads all under one name of `inputs`.
    /// ```yaml
    /// steps:
    ///   - {name: pack, matrix: {os: [linux, arm]}, run: "tar cf - {{ matrix.os }}", output: tar}
    ///   - {name: sums, run: sha256sum, input: tar}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: pack, matrix: {os: [linux, arm]}, run: "tar cf - {{ matrix.os }}", output: tar}
    ///   - {name: sums, run: "sha256sum {{ inputs.tars }}", inputs: {tars: tar}}
    /// ```
    GroupStream = "group-stream",

    /// A step in a container reads too many streams.
    ///
    /// The shells of containers know the descriptors 3 to 9, which are seven streams beside its standard input. Run the
    /// step on this machine, or read fewer.
    /// ```yaml
    /// steps:
    ///   - {name: pack, matrix: {n: [1, 2, 3, 4, 5, 6, 7, 8]}, run: "echo {{ matrix.n }}", output: tar}
    ///   - {name: sums, image: "alpine:3.20", run: "sha256sum {{ inputs.tars }}", inputs: {tars: tar}}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: pack, matrix: {n: [1, 2, 3, 4, 5, 6, 7, 8]}, run: "echo {{ matrix.n }}", output: tar}
    ///   - {name: sums, run: "sha256sum {{ inputs.tars }}", inputs: {tars: tar}}
    /// ```
    TooManyInputs = "too-many-inputs",

    /// Files use each other in a circle.
    ///
    /// A file that a step uses is unrolled where it is used, so that a circle would have no end. The message names the
    /// whole chain. Take one `uses` out, or move what several files need into a file of its own.
    /// ```yaml
    /// steps:
    ///   - {name: pack, uses: ./lib/again.yml}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows}
    ///   - {name: pack, uses: ./lib/pack.yml, inputs: {plain: rows}}
    /// ```
    UsesCycle = "uses-cycle",

    /// Files use each other too many levels deep.
    ///
    /// At most 16 files may stand behind one `uses`, each used by the one before it. Let the top file use some of them
    /// side by side.
    UsesDepth = "uses-depth",

    /// A step uses something that is no file of this machine.
    ///
    /// `uses` takes the path of a local pipeline file: what is behind a tag or an address may be another thing tomorrow
    /// than what was reviewed. Fetch the file before the run, or keep a copy of it beside the pipeline.
    /// ```yaml
    /// steps:
    ///   - {name: checkout, uses: actions/checkout@v4}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows}
    ///   - {name: pack, uses: ./lib/pack.yml, inputs: {plain: rows}}
    /// ```
    UsesRemote = "uses-remote",

    /// A key that a step with `uses` cannot have.
    ///
    /// Such a step runs nothing itself: it has a `name`, and beside `uses` only `with`, `inputs`, `depends_on`, `if`,
    /// `matrix` and `finally`. What says how something runs is written at the steps of the file that is used.
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows}
    ///   - {name: pack, uses: ./lib/pack.yml, inputs: {plain: rows}, timeout: 5m}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows}
    ///   - {name: pack, uses: ./lib/pack.yml, inputs: {plain: rows}, with: {level: 9}}
    /// ```
    UsesKey = "uses-key",

    /// A value for a used file that only a step makes.
    ///
    /// Params are read before the run, those of a file under `uses` as well. What a step makes reaches the steps of that
    /// file as a stream, or as a file that the step leaves behind.
    /// ```yaml
    /// steps:
    ///   - {name: ask, run: 'echo "level=9" >> "$PIPE_OUTPUT"'}
    ///   - {name: dump, run: ./dump, output: rows}
    ///   - {name: pack, uses: ./lib/pack.yml, inputs: {plain: rows}, with: {level: "{{ steps.ask.outputs.level }}"}}
    /// ```
    /// ```yaml
    /// params: {level: 9}
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows}
    ///   - {name: pack, uses: ./lib/pack.yml, inputs: {plain: rows}, with: {level: "{{ level }}"}}
    /// ```
    UsesLate = "uses-late",

    /// A list or a secret is not handed over as a whole.
    ///
    /// A secret goes from a secret param to a secret param, and a list to a list, as one expression with nothing around
    /// it: `key: "{{ token }}"`. In a longer text a secret would be one no more, and a list would lose its ends.
    /// ```yaml
    /// params: {token: {type: secret, env: TOKEN}}
    /// steps:
    ///   - {name: sign, uses: ./lib/sign.yml, with: {key: "Bearer {{ token }}"}}
    /// ```
    /// ```yaml
    /// params: {token: {type: secret, env: TOKEN}}
    /// steps:
    ///   - {name: sign, uses: ./lib/sign.yml, with: {key: "{{ token }}"}}
    /// ```
    UsesWhole = "uses-whole",

    /// A used file is given a stream that it does not read.
    ///
    /// `inputs` of a step with `uses` names the streams that the file reads and no step of it makes, each with the
    /// stream of this file that it is.
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows}
    ///   - {name: pack, uses: ./lib/pack.yml, inputs: {plain: rows, plan: rows}}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows}
    ///   - {name: pack, uses: ./lib/pack.yml, inputs: {plain: rows}}
    /// ```
    UnusedInput = "unused-input",

    // Warnings, from here on: what is right and still worth a second look. `Code::is_warning` knows the first.

    /// A param that nothing uses.
    ///
    /// A warning. No template names it, so that its value changes nothing: a name may be misspelt, or a script may
    /// still have the value fixed in it.
    /// ```yaml
    /// params: {source: /data}
    /// steps:
    ///   - {name: pack, run: tar czf data.tar.gz /data}
    /// ```
    /// ```yaml
    /// params: {source: {type: path, default: /data}}
    /// steps:
    ///   - {name: pack, run: "tar czf data.tar.gz {{ source }}"}
    /// ```
    UnusedParam = "unused-param",

    /// A stream that nothing reads.
    ///
    /// A warning. A stream without readers is kept in the run's folder, so its bytes are not lost; but more often a
    /// reader has been forgotten.
    /// ```yaml
    /// steps:
    ///   - {name: list, run: ls, output: names}
    ///   - {name: sort, run: sort > sorted.txt}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: list, run: ls, output: names}
    ///   - {name: sort, run: sort > sorted.txt, input: names}
    /// ```
    UnusedStream = "unused-stream",

    /// A shared container that no step runs in.
    ///
    /// A warning. It is never started.
    /// ```yaml
    /// containers: {ci: {image: "rust:1.90"}, docs: {image: "alpine:3.20"}}
    /// steps:
    ///   - {name: test, run: cargo test, container: ci}
    /// ```
    /// ```yaml
    /// containers: {ci: {image: "rust:1.90"}}
    /// steps:
    ///   - {name: test, run: cargo test, container: ci}
    /// ```
    UnusedContainer = "unused-container",

    /// A service that nothing uses.
    ///
    /// It is never started. Name it under `services` of the steps that use it, or take it out.
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", ports: [5432]}
    /// steps:
    ///   - {name: test, run: cargo test}
    /// ```
    /// ```yaml
    /// services:
    ///   db: {image: "postgres:16", ports: [5432]}
    /// steps:
    ///   - {name: test, run: cargo test, services: db}
    /// ```
    UnusedService = "unused-service",

    /// A variable of the environment that nothing uses.
    ///
    /// A warning. The script does not name the variable, and none of its programs is known to look at it by itself.
    /// ```yaml
    /// steps:
    ///   - {name: greet, run: echo "hello $NAME", env: {NAMES: world}}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: greet, run: echo "hello $NAME", env: {NAME: world}}
    /// ```
    UnusedEnv = "unused-env",

    /// Two steps use a file that one of them writes, in no order.
    ///
    /// A warning. Steps run at the same time unless something joins them, whatever their order in the file: the one
    /// that reads may find no file, an old one or half of one. Looked at are redirections, `-o`, `tee`, `cp`, `tar c` and
    /// the like on the one side, redirections, arguments and programs such as `./app` on the other; and folders that
    /// one step makes and another one writes into. Readers of one live stream run at the same time, too.
    /// ```yaml
    /// steps:
    ///   - {name: list, run: ls > names.txt}
    ///   - {name: count, run: wc -l names.txt}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: list, run: ls > names.txt}
    ///   - {name: count, run: wc -l names.txt, depends_on: list}
    /// ```
    UnorderedFiles = "unordered-files",

    /// `curl` without `-f`.
    ///
    /// A warning. Without `-f` (`--fail`) or `--fail-with-body`, `curl` succeeds when the server answers with an
    /// error, and the step goes on with the error's page.
    /// ```yaml
    /// steps:
    ///   - {name: fetch, run: curl -sS -o data.json https://example.org/, timeout: 1m}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: fetch, run: curl -fsS -o data.json https://example.org/, timeout: 1m}
    /// ```
    CurlWithoutFail = "curl-without-fail",

    /// A step that waits for the network without a limit.
    ///
    /// A warning. A server that takes the connection and then says nothing holds up the run without end. `timeout` on the
    /// step, in `defaults` or in `retry` sets a limit; so do the program's own option, such as `curl --max-time`, and
    /// the program `timeout`.
    /// ```yaml
    /// steps:
    ///   - {name: fetch, run: git clone https://example.org/it.git}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: fetch, run: git clone https://example.org/it.git, timeout: 10m}
    /// ```
    MissingTimeout = "missing-timeout",

    /// A reader whose effects outside a retry repeats.
    ///
    /// A warning. When a step that makes a stream is retried, those who read it start again with it. What a reader
    /// has sent, appended or stored until then happens twice.
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows, retry: 2}
    ///   - {name: load, run: psql shop, input: rows}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: dump, run: ./dump, output: rows, retry: 2}
    ///   - {name: keep, run: cat > rows.sql, input: rows}
    ///   - {name: load, run: psql -f rows.sql shop, depends_on: keep}
    /// ```
    RetriedReader = "retried-reader",

    /// A failure that an `echo` hides.
    ///
    /// A warning. In `echo "version=$(git describe)"` the shell asks whether `echo` has succeeded, not `git`: should that
    /// fail, the step gives an empty value and goes on. A variable that is set on a line of its own fails with its
    /// command.
    /// ```yaml
    /// steps:
    ///   - {name: version, run: 'echo "version=$(git describe)" >> "$PIPE_OUTPUT"'}
    /// ```
    /// ```yaml
    /// steps:
    ///   - name: version
    ///     run: |
    ///       version=$(git describe)
    ///       echo "version=$version" >> "$PIPE_OUTPUT"
    /// ```
    LostFailure = "lost-failure",

    /// A secret in the arguments of a program.
    ///
    /// A warning. The shell finds the secret in a variable, but hands its value to the program as an argument, and
    /// every user of the machine can list the arguments of what runs. Most programs take a secret from a variable,
    /// from standard input or from a file as well. (`{{ token | raw }}` is refused altogether.)
    /// ```yaml
    /// params: {token: {type: secret, env: TOKEN}}
    /// steps:
    ///   - {name: fetch, run: "curl -fsS -H 'Authorization: {{ token }}' https://example.org/", timeout: 1m}
    /// ```
    /// ```yaml
    /// params: {token: {type: secret, env: TOKEN}}
    /// steps:
    ///   - name: fetch
    ///     run: "printf 'Authorization: %s' {{ token }} | curl -fsS -H @- https://example.org/"
    ///     timeout: 1m
    /// ```
    SecretInArgument = "secret-in-argument",

    /// A value that would be an option if it began with a dash.
    ///
    /// A warning. The value cannot become code, but where it begins an argument, `-rf` is an option to most programs.
    /// It is given for what `grep` and the like search for, and where the value always comes from outside (a param
    /// without a default) for `rm`, `cat`, `cp`, `ssh` and others. They take what comes after `--` as it is. A param of
    /// `type: path` is safe by itself: a path with a dash at its start is given as `./-rf`. So is one with a `pattern`
    /// that takes no dash there, and one whose default or choices have one, as that is meant.
    /// ```yaml
    /// params: {word: {type: string, default: pipe}}
    /// steps:
    ///   - {name: find, run: "grep {{ word }} notes.txt"}
    /// ```
    /// ```yaml
    /// params: {word: {type: string, default: pipe}}
    /// steps:
    ///   - {name: find, run: "grep -- {{ word }} notes.txt"}
    /// ```
    LeadingDash = "leading-dash",

    /// A variable of the environment has a text that only a shell would replace.
    ///
    /// A warning. What stands under `env` is given to the step as it is: no shell reads it, so that `$PATH` is a dollar
    /// sign and four letters there, and a `PATH` with it finds no program. Values of the environment that `pipe` was
    /// started with are `{{ env.NAME }}`; what a container has in its own is known to its script only.
    /// ```yaml
    /// env: {PATH: "$HOME/bin:$PATH"}
    /// steps:
    ///   - {name: build, run: make}
    /// ```
    /// ```yaml
    /// env: {PATH: "{{ env.HOME }}/bin:{{ env.PATH }}"}
    /// steps:
    ///   - {name: build, run: make}
    /// ```
    LiteralVariable = "literal-variable",

    /// A variable stands twice in one file of variables.
    ///
    /// A warning. The last one counts, so that the others say nothing.
    RepeatedVariable = "repeated-variable",

    /// A variable with a secret's name is not masked.
    ///
    /// A warning. A file of variables has a name such as `API_TOKEN`, `SSH_KEY` or `DB_PASSWORD`, and no secret param
    /// takes it: what steps print of it is in the logs as it is. Write
    /// `params: {api_token: {type: secret, env: API_TOKEN}}`.
    UnmaskedSecret = "unmasked-secret",

    /// A step waits for one that never runs.
    ///
    /// A warning. `if: false` switches a step off. To depend on it is allowed, and gives an order without a step in it.
    /// ```yaml
    /// steps:
    ///   - {name: sign, if: false, run: ./sign}
    ///   - {name: upload, run: ./upload, depends_on: sign}
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: sign, if: false, run: ./sign}
    ///   - {name: upload, run: ./upload}
    /// ```
    NeverRuns = "never-runs",

    /// A comment that allows what there is not.
    ///
    /// A warning. `# pipe: allow CODE` silences a warning: in the step or param that the comment stands in or right
    /// above, in the whole file if it stands before the first key, elsewhere on its own line and the next. Only
    /// warnings can be silenced.
    /// ```yaml
    /// steps:
    ///   - {name: list, run: ls, output: names} # pipe: allow unused-streams
    /// ```
    /// ```yaml
    /// steps:
    ///   - {name: list, run: ls, output: names} # pipe: allow unused-stream
    /// ```
    UnknownAllow = "unknown-allow",
}
