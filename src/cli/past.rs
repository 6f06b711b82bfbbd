//! What commands about past runs share: which run is meant, and how it is shown.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use console::Term;
use serde::Serialize;

use super::error::CliError;
use crate::cli::stdio::say;
use crate::event::wire::VERSION;
use crate::history::{NoRun, Runs, Skipped, StoredRun};
use crate::render::{Palette, Sheet};

/// Returns the runs that are here.
pub(super) fn runs() -> Result<Runs, CliError> {
    Ok(Runs::of(&home())?)
}

/// Returns the folder that `pipe` keeps runs in: `.pipe`, or what `PIPE_DIR` names.
pub(super) fn home() -> PathBuf {
    std::env::var_os("PIPE_DIR").filter(|dir| !dir.is_empty()).map_or_else(|| ".pipe".into(), PathBuf::from)
}

/// Returns the run that RUN means.
pub(super) fn find(name: &str) -> Result<StoredRun, CliError> {
    find_in(&runs()?, name).cloned()
}

/// As [`find`], among these.
pub(super) fn find_in<'a>(runs: &'a Runs, name: &str) -> Result<&'a StoredRun, CliError> {
    runs.find(name).map_err(|error| {
        let hint = match &error {
            NoRun::None(_) => "run a pipeline here first, or say with `-C DIR` where it ran".to_owned(),
            NoRun::Unknown { newest, .. } => {
                format!("the newest are {}; `pipe runs` lists all", list(newest))
            }
            NoRun::Ambiguous { newest, .. } => format!("be more specific: {}", list(newest)),
        };
        CliError::usage(error.to_string(), hint)
    })
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Warns about the parts of a journal that could not be read.
pub(super) fn warn_of(skipped: Skipped) {
    if skipped.broken > 0 {
        let lines = crate::render::human::count(skipped.broken, "line");
        say!("warning: {lines} of the journal cannot be read; their content is missing here");
    }
    if let Some(version) = skipped.newer {
        say!(
            "warning: the journal has records of version {version}, of a newer `pipe`; this one reads up to {VERSION}"
        );
    }
}

/// Returns a value as one line of JSON, with the version of the format: a key may be added to it, but none
/// changes its meaning.
pub(super) fn line(value: &impl Serialize) -> Result<String, CliError> {
    #[derive(Serialize)]
    struct Versioned<'a, T> {
        v: u32,
        #[serde(flatten)]
        value: &'a T,
    }
    let text = serde_json::to_string(&Versioned { v: 1, value }).map_err(std::io::Error::from)?;
    Ok(text + "\n")
}

/// Returns colours on standard output, or none.
pub(super) fn palette() -> Palette {
    Palette::choose(std::io::stdout().is_terminal(), |name| std::env::var_os(name))
}

/// Returns standard output as a sheet: as wide as a terminal, or endless.
pub(super) fn sheet() -> Sheet {
    let terminal = Term::stdout();
    let columns = terminal.is_term().then(|| terminal.size().1.into());
    Sheet { palette: palette(), columns }
}

/// Returns text from a journal, without what a terminal would act on.
pub(super) fn one_line(text: &str) -> String {
    crate::render::one_line(text)
}
