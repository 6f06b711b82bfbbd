//! `docs/reference/commands.md` against the command line: the part between its two marks is made from clap's
//! definitions.
//!
//! `PIPE_DOCS=update cargo test --lib reference` renews it.

use std::fmt::Write as _;
use std::path::Path;

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command, CommandFactory};

use super::args::Cli;

const FROM: &str = "<!-- made from the command line -->\n";
const TO: &str = "<!-- end -->\n";

/// Returns help as one line of a table.
fn line(help: Option<&StyledStr>) -> String {
    let text = help.map(ToString::to_string).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|").replace('<', "&lt;")
}

/// Returns how an argument is written: `-p`, `--param NAME=VALUE`, or `[FILE]`.
fn spelling(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string);
    let values = values.collect::<Vec<_>>().join(" ");
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    if arg.is_positional() {
        return if arg.is_required_set() { format!("`{values}`") } else { format!("`[{values}]`") };
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg
        .get_long()
        .map(|long| if takes_value { format!("--{long} {values}") } else { format!("--{long}") });
    short.into_iter().chain(long).map(|flag| format!("`{flag}`")).collect::<Vec<_>>().join(", ")
}

/// Returns what an argument means, with its values and its default.
fn meaning(arg: &Arg) -> String {
    let mut text = line(arg.get_help());
    let values: Vec<_> = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set()).collect();
    if arg.get_action().takes_values() && !values.is_empty() {
        let value = |value: &clap::builder::PossibleValue| match line(value.get_help()) {
            help if help.is_empty() => format!("`{}`", value.get_name()),
            help => format!("`{}` ({help})", value.get_name()),
        };
        let _ = write!(text, ": {}", values.iter().map(value).collect::<Vec<_>>().join(", "));
    }
    if arg.get_action().takes_values() && !arg.get_default_values().is_empty() {
        let values: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let _ = write!(text, "; default: `{}`", values.join(" "));
    }
    text
}

/// Returns the section of one command.
fn section(command: &Command) -> String {
    let about = line(command.get_about());
    let mut text = format!("## `pipe {}`\n\n{about}.\n", command.get_name());
    let is_shown = |arg: &&Arg| {
        !arg.is_hide_set() && !arg.is_global_set() && !["help", "version"].contains(&arg.get_id().as_str())
    };
    let args: Vec<&Arg> = command.get_arguments().filter(is_shown).collect();
    if !args.is_empty() {
        text += "\n| argument | meaning |\n|---|---|\n";
        for arg in args {
            let _ = writeln!(text, "| {} | {} |", spelling(arg), meaning(arg));
        }
    }
    text + "\n"
}

#[test]
fn the_reference_of_commands_is_the_command_line() {
    let mut cli = Cli::command();
    cli.build();
    let commands =
        cli.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    let made: String = commands.map(section).collect();

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/commands.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(FROM).unwrap();
    let (_, after) = rest.split_once(TO).unwrap();
    let expected = format!("{before}{FROM}\n{made}{TO}{after}");
    if std::env::var_os("PIPE_DOCS").is_some_and(|value| value == "update") {
        std::fs::write(path, expected).unwrap();
    } else {
        assert!(page == expected, "renew it: PIPE_DOCS=update cargo test --lib reference");
    }
}
