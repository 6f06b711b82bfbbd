//! Outputs of a GitHub workflow's step, in the file that `GITHUB_OUTPUT` names.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::Renderer;
use crate::event::{Event, EventKind, RunEnd, RunFinished, RunStarted};

/// Sets the outputs of a workflow's step when the run ends: all of them, empty or not, so that they override
/// what a step of the pipeline has written to the same file under their names.
pub struct WorkflowOutputs {
    file: PathBuf,
    started: Option<RunStarted>,
}

impl WorkflowOutputs {
    /// Appends to `file` when the run ends.
    pub fn new(file: PathBuf) -> Self {
        Self { file, started: None }
    }
}

impl Renderer for WorkflowOutputs {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match (&event.kind, &self.started) {
            (EventKind::RunStarted(started), _) => self.started = Some(started.clone()),
            (EventKind::RunFinished(finished), Some(started)) => {
                let text = text(started, finished)?;
                OpenOptions::new().append(true).create(true).open(&self.file)?.write_all(text.as_bytes())?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn text(started: &RunStarted, finished: &RunFinished) -> io::Result<String> {
    let dir = started.dir.as_ref().map(|dir| dir.to_string_lossy()).unwrap_or_default();
    let (outcome, failed_step) = match &finished.end {
        RunEnd::Succeeded => ("succeeded", ""),
        RunEnd::Failed { cause: Some(step) } => ("failed", started.pipeline.step(*step).name.as_str()),
        RunEnd::Failed { cause: None } | RunEnd::TimedOut(_) | RunEnd::NoOutput(_) => ("failed", ""),
        RunEnd::Signalled(_) => ("cancelled", ""),
        RunEnd::Aborted(_) => ("error", ""),
    };
    let outputs: BTreeMap<_, _> = finished.outputs.iter().map(|(name, value)| (name, value)).collect();
    let outputs = serde_json::to_string(&outputs)?;
    let outputs = [
        ("run-id", started.run.as_str()),
        ("run-dir", &dir),
        ("outcome", outcome),
        ("failed-step", failed_step),
        ("outputs", &outputs),
    ];
    let lines: String = outputs.into_iter().map(|(name, value)| assignment(name, value)).collect();
    // The last write of another program may lack its newline. Empty lines mean nothing.
    Ok(format!("\n{lines}"))
}

/// Returns one output in the file's format. A value of several lines stands between two marks that are not
/// among its lines.
fn assignment(name: &str, value: &str) -> String {
    if !value.contains(['\n', '\r']) {
        return format!("{name}={value}\n");
    }
    let mut mark = String::from("END");
    while value.split(['\n', '\r']).any(|line| line == mark) {
        mark.push('-');
    }
    format!("{name}<<{mark}\n{value}\n{mark}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample::{self, at, backup, run_finished, run_started};
    use crate::pipeline::StepId;

    /// Returns the outputs of a run in this folder, after what else is in their file.
    fn outputs(dir: &str, before: &str, end: EventKind) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("output");
        std::fs::write(&file, before).unwrap();
        let mut renderer = WorkflowOutputs::new(file.clone());
        let EventKind::RunStarted(mut started) = run_started(backup()) else { unreachable!() };
        started.dir = Some(dir.into());
        renderer.event(&at(0, EventKind::RunStarted(started))).unwrap();
        renderer.event(&at(9, end)).unwrap();
        std::fs::read_to_string(file).unwrap()
    }

    #[test]
    fn a_failed_run_names_its_cause() {
        let end = run_finished(RunEnd::Failed { cause: Some(StepId::new(sample::COMPRESS)) }, 9);
        let expected =
            "\nrun-id=20261122-231500-1a2b\nrun-dir=/r\noutcome=failed\nfailed-step=compress\noutputs={}\n";
        assert_eq!(outputs("/r", "", end), expected);
    }

    #[test]
    fn every_end_has_its_word_and_all_outputs_are_written() {
        let ends = [
            (RunEnd::Succeeded, "succeeded"),
            (RunEnd::Failed { cause: None }, "failed"),
            (RunEnd::NoOutput("step `a` gave none".into()), "failed"),
            (RunEnd::Signalled(15), "cancelled"),
            (RunEnd::Aborted("no disk".into()), "error"),
        ];
        for (end, word) in ends {
            let text = outputs("/r", "outcome=planted\nfailed-step=planted", run_finished(end, 9));
            let (before, after) = text.split_once("run-id=").unwrap();
            assert_eq!(
                before, "outcome=planted\nfailed-step=planted\n",
                "what is there stays, in lines of its own"
            );
            assert!(after.ends_with(&format!("\noutcome={word}\nfailed-step=\noutputs={{}}\n")), "{after}");
        }
    }

    #[test]
    fn no_value_can_set_another_output() {
        let EventKind::RunFinished(mut finished) = run_finished(RunEnd::Succeeded, 9) else { unreachable!() };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        finished.outputs = vec![pair("quote", "\"'"), pair("log", "a\noutcome=failed\nEND\n")];
        let dir = "/r\noutcome=failed\nEND\nEND-\rEND--";
        let text = outputs(dir, "", EventKind::RunFinished(finished));
        let whole = format!("run-dir<<END---\n{dir}\nEND---\noutcome=succeeded\n");
        assert!(text.contains(&whole), "{text}");
        let json = r#"outputs={"log":"a\noutcome=failed\nEND\n","quote":"\"'"}"#;
        assert!(text.lines().any(|line| line == json), "{text}");
    }
}
