//! `pipe man DIR`: a manual page for `pipe` and one for each command. It is run by packaging.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::args::Cli;
use crate::cli::error::CliError;

pub(in crate::cli) fn run(dir: &Path) -> Result<ExitCode, CliError> {
    write(dir)
        .map_err(|why| CliError::usage(format!("cannot write pages to {}: {why}", dir.display()), None))?;
    Ok(ExitCode::SUCCESS)
}

fn write(dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    // Only then does each command know its own full name.
    command.build();
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    for command in std::iter::once(&command).chain(shown) {
        Man::new(command.clone()).source(concat!("pipe ", env!("CARGO_PKG_VERSION"))).generate_to(dir)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    #[ignore = "needs what tests/run installs"]
    fn every_command_that_is_shown_has_a_page_and_groff_likes_them() {
        let dir = tempfile::tempdir().unwrap();
        let pages = dir.path().join("share/man1");
        write(&pages).unwrap();
        let command = Cli::command();
        let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
        let mut expected: Vec<String> =
            shown.map(|command| format!("pipe-{}.1", command.get_name())).collect();
        expected.push("pipe.1".into());
        expected.sort();
        let mut found: Vec<String> = fs::read_dir(&pages)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        assert_eq!(found, expected);
        for page in found {
            let mut groff = Command::new("groff");
            let output = groff.args(["-man", "-k", "-ww", "-z"]).arg(pages.join(&page)).output().unwrap();
            assert!(output.status.success(), "{page}");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{page}");
        }
    }
}
