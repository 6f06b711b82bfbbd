//! Programs that run what they are given, and those that print nothing of it.

use super::{Role, Spec};

use Role::{Code, Command, Data, Program, Script};

/// A shell: `-c` makes a program of the first operand.
const SHELL: Spec = Spec {
    program: "c",
    stdin: "s",
    plus: true,
    ..Spec::new(
        &[
            "sh", "bash", "rbash", "dash", "ash", "ksh", "rksh", "mksh", "lksh", "pdksh", "zsh", "yash",
            "fish", "csh", "tcsh", "elvish", "nu", "posh",
        ],
        &[Script, Data],
    )
    .flags("abefhikmnprtuvxBCDEHPTl0123456789")
    .options(&[("oO", Data)])
    .long(&[("rcfile", Data), ("init-file", Data), ("command", Program), ("init-command", Program)])
    .reads()
};

/// Commands whose words are those of another one, after options of their own.
const fn before(names: &'static [&'static str], options: &'static [(&'static str, Role)]) -> Spec {
    Spec::new(names, &[Command]).options(options)
}

pub(super) static PROGRAMS: &[Spec] = &[
    SHELL,
    Spec::new(&["su", "runuser", "sg", "newgrp"], &[Data])
        .flags("lmpfP")
        .options(&[("c", Program), ("gGsuwT", Data)])
        .long(&[("command", Program), ("session-command", Program)])
        .reads(),
    Spec::new(&["python", "pypy", "jython", "micropython"], &[Script, Data])
        .flags("bBdEhiIOPqsSuvVx")
        .options(&[("c", Program), ("m", Script), ("WXQ", Data)])
        .reads(),
    Spec {
        glued: "FimMx",
        ..Spec::new(&["perl"], &[Script, Data])
            .flags("acCdDfglnpsStTuUvVwWX0123456789")
            .options(&[("eE", Program), ("I", Data)])
            .reads()
    },
    Spec {
        glued: "FiKWx",
        ..Spec::new(&["ruby", "jruby"], &[Script, Data])
            .flags("acdhlnpsSTUvwy0123456789")
            .options(&[("e", Program), ("CEIrX", Data)])
            .reads()
    },
    Spec::new(&["lua", "luajit", "texlua"], &[Script, Data])
        .flags("iEvW")
        .options(&[("e", Program), ("l", Data)])
        .reads(),
    Spec::new(&["node", "nodejs", "deno", "bun"], &[Script, Data])
        .flags("chiv")
        .options(&[("ep", Program), ("rC", Data)])
        .long(&[("eval", Program), ("print", Program), ("require", Data), ("import", Program)])
        .reads(),
    Spec::new(&["php", "php-cgi"], &[Script, Data])
        .flags("aCeHhilmnqsvw")
        .options(&[("rRBE", Program), ("fF", Script), ("dczStgpT", Data)])
        .long(&[
            ("run", Program),
            ("process-code", Program),
            ("process-begin", Program),
            ("process-end", Program),
        ])
        .reads(),
    Spec::new(&["Rscript", "R", "r", "littler"], &[Script, Data])
        .options(&[("e", Program), ("fgd", Data)])
        .reads(),
    Spec::new(
        &[
            "julia", "groovy", "scala", "elixir", "ghc", "runghc", "swift", "raku", "guile", "racket",
            "octave",
        ],
        &[Script, Data],
    )
    .options(&[("eEc", Program)])
    .long(&[("eval", Program)])
    .reads(),
    Spec::new(&["pwsh", "powershell"], &[Script, Data])
        .options(&[("cCeE", Program)])
        .long(&[("Command", Program)])
        .reads(),
    Spec::new(&["osascript", "tclsh", "expect", "wish"], &[Script, Data]).options(&[("ec", Program)]).reads(),
    Spec::new(&["at", "batch", "ex", "ed", "m"], &[Data]).reads(),
    Spec::new(&["crontab"], &[Script]).options(&[("u", Data)]).reads(),
    Spec::new(&["make", "gmake", "bmake"], &[Data])
        .flags("bBdeikLnpqrRsStvw")
        .options(&[("f", Script), ("CIoWjlO", Data), ("E", Program)])
        .long(&[("file", Script), ("makefile", Script), ("eval", Program)]),
    // Commands that hand their words to a shell.
    Spec::new(&["watch", "parallel", "tmux", "screen", "hyperfine"], &[Code]).reads(),
    Spec::new(&["flock"], &[Data, Command])
        .flags("sxenuoFv")
        .options(&[("c", Program), ("wE", Data)])
        .long(&[("command", Program)]),
    Spec::new(&["script", "scriptlive"], &[Data])
        .flags("aefqh")
        .options(&[("c", Program), ("BIOTEmot", Data)])
        .long(&[("command", Program)])
        .reads(),
    Spec::new(&["env"], &[Command]).flags("i0v").options(&[("S", Program), ("uC", Data)]).long(&[
        ("split-string", Program),
        ("unset", Data),
        ("chdir", Data),
    ]),
    // Commands that run another one, and hand it its words as they are.
    Spec {
        stdin: "si",
        ..before(&["sudo", "doas", "gosu"], &[("ugpCDhrRtTUc", Data)]).flags("AbEeHnPSVvkK")
    },
    before(
        &["nohup", "setsid", "exec", "caffeinate", "fakeroot", "eatmydata", "catchsegv", "dumb-init", "tini"],
        &[],
    ),
    before(&["nice", "ionice", "stdbuf", "systemd-run", "unbuffer"], &[("nciopeuM", Data)]),
    Spec { replaces: "IiJ", ..before(&["xargs"], &[("adEIJLnPs", Data)]).flags("0iprtx") },
    before(&["strace", "ltrace", "valgrind"], &[("eopsuaEO", Data)]),
    before(&["busybox", "toybox"], &[]),
    Spec::new(&["timeout", "chroot", "taskset", "chrt", "setarch", "su-exec"], &[Data, Command])
        .options(&[("ks", Data)]),
    // They fetch or unpack: what they print is not what they are given.
    Spec::new(
        &[
            "curl", "wget", "aria2c", "fetch", "git", "aws", "gsutil", "unzip", "gh", "openssl", "stat",
            "nproc", "id", "date", "uname", "hostname", "mkdir", "touch", "rm", "cp", "mv", "ln", "chmod",
            "chown", "sleep", "install",
        ],
        &[Data],
    )
    .prints(false, false),
    Spec::new(
        &[
            "cat", "tac", "zcat", "gzcat", "xzcat", "bzcat", "zstdcat", "gzip", "gunzip", "xz", "unxz",
            "bzip", "bunzip", "zstd", "unzstd", "tar", "base", "head", "tail", "sort", "cut", "tr", "column",
            "pv", "jq",
        ],
        &[Data],
    )
    .prints(false, true),
    Spec::new(&["wc", "sha256sum", "md5sum", "sha1sum", "cksum"], &[Data]).prints(true, false),
    // Tools whose words are often the names of interpreters, and which run none.
    Spec::new(
        &[
            "grep", "egrep", "fgrep", "rg", "sed", "awk", "gawk", "mawk", "tee", "ls", "which", "whereis",
            "apt", "apt-get", "yum", "dnf", "apk", "brew", "pip", "npm", "man", "pgrep", "pkill", "killall",
            "dpkg", "diff", "cmp", "basename", "dirname", "realpath", "readlink", "uniq", "comm", "seq",
            "yes",
        ],
        &[Data],
    ),
];
