//! `terminal: true`: the step that has the terminal while it runs.

use super::Lowering;
use super::container::ContainerDefaults;
use crate::file::Code;
use crate::file::raw::RawStep;
use crate::pipeline::Span;

impl Lowering<'_> {
    /// Whether the step has the terminal. Every key that does not go with it is reported.
    pub(super) fn terminal(&mut self, name: &str, raw: &RawStep, defaults: &ContainerDefaults) -> bool {
        let Some((true, at)) = raw.terminal.get().map(|(&wanted, at)| (wanted, at)) else { return false };
        let container = raw.image.at().or(raw.build.at()).or(raw.container.at());
        let keys = [
            (
                raw.input.at(),
                "reads from the terminal, so its stdin cannot be a stream",
                "read the stream by `inputs`, which leaves stdin alone",
            ),
            (
                raw.output.at(),
                "writes to the terminal, so its stdout cannot be a stream",
                "let a later step make the stream, from what this one leaves behind",
            ),
            (
                container,
                "runs in a container, which has no terminal",
                "remove `terminal`, or run it on this machine",
            ),
        ];
        for (key, why, help) in keys {
            if let Some(key) = key {
                self.bad_terminal(name, key, why, at, help);
            }
        }
        if let Some(flag) = defaults.all.filter(|_| container.is_none()) {
            let why = "would run in a container, which has no terminal";
            let help = match flag {
                "--docker" => {
                    "without `--docker` it runs on this machine; the steps that name an `image` run in containers all the same"
                }
                _ => "run without the flag, or let a param or a secret say what it would ask for",
            };
            let problem = self.at(Code::BadTerminal, at, format!("the step `{name}` {why}"));
            self.report(problem.help(help));
        }
        true
    }

    fn bad_terminal(&mut self, name: &str, key: Span, why: &str, terminal: Span, help: &str) {
        let problem = self.at(Code::BadTerminal, key, format!("the step `{name}` {why}"));
        self.report(problem.also(terminal, "it has the terminal").help(help));
    }
}
