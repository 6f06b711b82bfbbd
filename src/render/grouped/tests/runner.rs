//! A small model of GitHub's runner: what it takes for commands, and what is left for the log.

use std::collections::BTreeMap;

/// Names that the runner knows.
const KNOWN: [&str; 14] = [
    "add-mask",
    "add-matcher",
    "add-path",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "notice",
    "save-state",
    "set-env",
    "set-output",
    "stop-commands",
    "warning",
];

/// A command that the runner has acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    pub name: String,
    pub properties: BTreeMap<String, String>,
    pub data: String,
}

/// What the runner made of a log.
#[derive(Debug, Default)]
pub struct Seen {
    /// In order, without those that stop and resume commands.
    pub commands: Vec<Acted>,
    /// All other lines.
    pub lines: Vec<String>,
    stopped: Option<String>,
}

impl Seen {
    /// Reads a whole log.
    pub fn of(log: &str) -> Self {
        let mut seen = Self::default();
        let joined = log.replace("\r\n", "\n");
        for line in joined.split(['\n', '\r']) {
            seen.line(line);
        }
        seen
    }

    fn line(&mut self, line: &str) {
        let Some(acted) = self.new_form(line).or_else(|| self.old_form(line)) else {
            return self.lines.push(line.to_owned());
        };
        match (&self.stopped, acted.name.as_str()) {
            (Some(token), name) if name.eq_ignore_ascii_case(token) => self.stopped = None,
            (Some(_), _) => self.lines.push(line.to_owned()),
            (None, "stop-commands") => self.stopped = Some(acted.data),
            (None, _) => self.commands.push(acted),
        }
    }

    fn knows(&self, name: &str) -> bool {
        KNOWN.iter().chain(&self.stopped.as_deref()).any(|known| known.eq_ignore_ascii_case(name))
    }

    /// `::name key=value,key=value::data`, after any white space.
    fn new_form(&self, line: &str) -> Option<Acted> {
        let (head, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
        let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
        let properties = properties.trim().split(',').filter_map(|pair| pair.split_once('='));
        let properties = properties.map(|(key, value)| (key.to_owned(), unescape(value))).collect();
        self.knows(name).then(|| Acted { name: name.to_owned(), properties, data: unescape(data) })
    }

    /// `##[name key=value;key=value]data`, anywhere in a line.
    fn old_form(&self, line: &str) -> Option<Acted> {
        let (_, rest) = line.split_once("##[")?;
        let (head, data) = rest.split_once(']')?;
        let name = head.split(' ').next()?;
        let acted = Acted { name: name.to_owned(), properties: BTreeMap::new(), data: data.to_owned() };
        self.knows(name).then_some(acted)
    }

    /// Checks what holds of every log of ours: groups are never nested and always closed, nothing stays
    /// stopped, and the page finds no mark in what is left.
    #[track_caller]
    pub fn is_well_formed(&self) {
        let mut open = false;
        for command in &self.commands {
            match command.name.as_str() {
                "group" => assert!(!std::mem::replace(&mut open, true), "nested: {command:?}"),
                "endgroup" => assert!(std::mem::take(&mut open), "closes nothing"),
                "error" | "warning" => assert!(!open, "in a group: {command:?}"),
                "add-mask" => {}
                other => panic!("not ours: {other}"),
            }
        }
        assert!(!open, "left open");
        assert_eq!(self.stopped, None);
        assert!(!self.lines.iter().any(|line| line.contains("##[")));
    }

    /// Returns the data of the commands of one name.
    pub fn data(&self, name: &str) -> Vec<&str> {
        self.commands.iter().filter(|command| command.name == name).map(|command| &*command.data).collect()
    }
}

fn unescape(text: &str) -> String {
    let simple = [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")];
    simple.iter().fold(text.to_owned(), |text, (code, char)| text.replace(code, char))
}

#[test]
fn the_model_sees_what_the_runner_sees() {
    let seen = Seen::of(
        "::error file=a.yml,line=3::one%0Atwo\n \u{a0}\t::group::g\nx ##[warning]w\r::endgroup::\n::no::\n\
         ::stop-commands::abc\n::error::no\n##[error]no\n::ABC::\n::debug::yes\nend",
    );
    let names: Vec<&str> = seen.commands.iter().map(|command| command.name.as_str()).collect();
    assert_eq!(names, ["error", "group", "warning", "endgroup", "debug"]);
    assert_eq!(seen.data("error"), ["one\ntwo"]);
    assert_eq!(seen.commands[0].properties["line"], "3");
    assert_eq!(seen.lines, ["::no::", "::error::no", "##[error]no", "end"]);
}
