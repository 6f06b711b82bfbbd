//! `confirm`: questions of steps, on the terminal. The views step aside while one is open.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::prompt::Terminal;
use crate::event::EventKind;
use crate::event::channel::Sender;
use crate::pipeline::Pipeline;
use crate::runner::{Asker, Consent};

/// Whether a question is open. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Question(Arc<AtomicBool>);

impl Question {
    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    pub(super) fn open(&self) -> OpenQuestion<'_> {
        self.0.store(true, Ordering::SeqCst);
        OpenQuestion(self)
    }
}

/// A question that is open until this is dropped.
pub(super) struct OpenQuestion<'q>(&'q Question);

impl Drop for OpenQuestion<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::SeqCst);
    }
}

/// Returns where the answers of a run come from. `yes` answers them all.
pub(super) fn consent(
    pipeline: &Pipeline,
    yes: bool,
    stdin_is_taken: bool,
    question: Question,
    events: &Sender,
) -> Consent {
    let asks = |step: &crate::pipeline::Step| step.admission.as_ref().is_some_and(|it| it.confirm.is_some());
    if yes {
        return Consent::Given;
    }
    let terminal = pipeline.steps.iter().any(asks).then(|| Terminal::find(stdin_is_taken)).flatten();
    terminal.map_or(Consent::Unavailable, |terminal| {
        let events = events.clone();
        Consent::Ask(Arc::new(AtTerminal { terminal, turn: Mutex::new(()), question, events }))
    })
}

/// Asks at the terminal that `pipe` was started on.
struct AtTerminal {
    terminal: Terminal,
    /// One question at a time.
    turn: Mutex<()>,
    question: Question,
    events: Sender,
}

impl Asker for AtTerminal {
    fn ask<'a>(&'a self, step: &'a str, question: &'a str) -> BoxFuture<'a, Result<bool, String>> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            let failed = |error: std::io::Error| format!("the terminal cannot be asked: {error}");
            let line = self.terminal.line().map_err(failed)?;
            let _open = self.question.open();
            // From this event on the views leave the terminal alone.
            self.events.show(EventKind::Note(format!("`{step}` asks: {question}"))).await;
            let mut tty = self.terminal.file();
            write!(tty, "{} [y/N] ", crate::render::one_line(question)).map_err(failed)?;
            let typed = line.typed().await.map_err(failed)?;
            Ok(is_yes(&String::from_utf8_lossy(&typed)))
        })
    }
}

/// Returns whether what was typed is a yes. Anything else is a no, and so is nothing.
fn is_yes(typed: &str) -> bool {
    matches!(typed.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for yes in ["y\n", "Y\n", " yes \r\n", "YES"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "no\n", "yess\n", "j\n", "1\n", "true\n"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }

    #[test]
    fn a_question_is_open_until_it_is_answered_or_taken_back() {
        let question = Question::default();
        let open = question.open();
        assert!(question.clone().is_open());
        drop(open);
        assert!(!question.is_open());
    }
}
