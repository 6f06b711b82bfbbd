//! All viewers of a run, which are silent while a step has the terminal.

use std::io;
use std::sync::Arc;

use super::confirm::Question;
use super::viewers::{ShowResult, Viewer};
use crate::event::{Event, EventKind};
use crate::pipeline::{Pipeline, StepId};
use crate::render::Renderer;

/// The most events that are kept while a question is open.
const MOST_UNSHOWN: usize = 1_000;

/// The viewers. While a step has the terminal they get no events: there are few, since no other step runs,
/// and they are queued until the step has given the terminal back.
pub(super) struct Audience {
    viewers: Vec<Viewer>,
    pipeline: Option<Arc<Pipeline>>,
    /// The step that has the terminal, and what the viewers have not been shown since.
    aside: Option<(StepId, Vec<Event>)>,
    /// Whether a question is open on the terminal.
    question: Question,
    /// What the viewers have not been shown since it was asked.
    unshown: Option<Vec<Event>>,
    was_cut: bool,
}

impl Audience {
    pub(super) fn of(viewers: Vec<Viewer>) -> Self {
        let question = Question::default();
        Self { viewers, pipeline: None, aside: None, question, unshown: None, was_cut: false }
    }

    /// Steps aside while a question is open.
    pub(super) fn with(self, question: Question) -> Self {
        Self { question, ..self }
    }

    /// Keeps an event for later, if a question is open. Beyond many it shows them: that is better than to fill
    /// the memory.
    fn keep(&mut self, event: Event) -> Option<Event> {
        if !self.question.is_open() {
            self.catch_up();
            return Some(event);
        }
        match &mut self.unshown {
            Some(unshown) if unshown.len() < MOST_UNSHOWN => unshown.push(event),
            Some(_) => {
                self.catch_up();
                return Some(event);
            }
            None => {
                self.show(&event);
                self.all(|renderer| renderer.step_aside());
                self.unshown = Some(Vec::new());
            }
        }
        None
    }

    /// Shows what was kept while a question was open.
    fn catch_up(&mut self) {
        let unshown = self.unshown.take().unwrap_or_default();
        unshown.iter().for_each(|event| self.show(event));
    }

    /// Shows an event, or keeps it for later.
    pub(super) fn event(&mut self, event: Event) {
        let Some(event) = self.keep(event) else { return };
        if let Some((step, waiting)) = &mut self.aside {
            if !gives_back(&event.kind, *step) {
                return waiting.push(event);
            }
            let waiting = std::mem::take(waiting);
            self.aside = None;
            waiting.iter().for_each(|event| self.show(event));
        }
        if let EventKind::RunStarted(started) = &event.kind {
            self.pipeline = Some(Arc::clone(&started.pipeline));
        }
        self.show(&event);
        if let Some(step) = self.lends(&event.kind) {
            self.all(|renderer| renderer.step_aside());
            self.aside = Some((step, Vec::new()));
        }
    }

    /// Updates what changes with time.
    pub(super) fn tick(&mut self) {
        if self.aside.is_none() && !self.question.is_open() {
            self.catch_up();
            self.all(|renderer| renderer.tick());
        }
    }

    /// Returns whether output that was asked for was not shown.
    pub(super) fn was_cut(&self) -> bool {
        self.was_cut
    }

    fn show(&mut self, event: &Event) {
        self.all(|renderer| renderer.event(event));
    }

    /// Returns the step that has the terminal from this event on.
    fn lends(&self, kind: &EventKind) -> Option<StepId> {
        let EventKind::StepStarted { step, attempt: _, lane: _, starting: _ } = kind else { return None };
        self.pipeline.as_ref()?.steps.get(step.index())?.terminal.then_some(*step)
    }

    /// Drops the viewers that cannot show it.
    fn all(&mut self, what: impl Fn(&mut dyn Renderer) -> io::Result<()>) {
        let was_cut = &mut self.was_cut;
        self.viewers.retain_mut(|viewer| match viewer.show(&what) {
            ShowResult::Yes => true,
            ShowResult::Unwanted => false,
            ShowResult::Cut => {
                *was_cut = true;
                false
            }
        });
    }
}

/// Returns whether a step that had the terminal does not have it any more.
fn gives_back(kind: &EventKind, lent_to: StepId) -> bool {
    match kind {
        EventKind::StepRetrying { step, .. } => *step == lent_to,
        EventKind::StepFinished(finished) => finished.step == lent_to,
        EventKind::RunFinished(_) => true,
        EventKind::RunStarted(_)
        | EventKind::StepStarted { .. }
        | EventKind::ServiceReady { .. }
        | EventKind::StepOutput { .. }
        | EventKind::StepLine { .. }
        | EventKind::StreamProgress(_)
        | EventKind::StreamFinished(_)
        | EventKind::Cancelling { .. }
        | EventKind::PhaseStarted(_)
        | EventKind::Warning(_)
        | EventKind::Note(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::event::RunEnd;
    use crate::event::sample::{at, backup, finished, output, retrying, run_finished, run_started, started};
    use crate::pipeline::Outcome;

    const ASK: usize = 4;
    const OTHER: usize = 0;

    /// Notes what it is asked to do.
    struct Notes(Arc<Mutex<Vec<&'static str>>>);

    impl Renderer for Notes {
        fn event(&mut self, event: &Event) -> io::Result<()> {
            self.0.lock().unwrap().push(match &event.kind {
                EventKind::StepStarted { .. } => "started",
                EventKind::StepOutput { .. } => "output",
                EventKind::StepRetrying { .. } => "retrying",
                EventKind::StepFinished(_) => "finished",
                EventKind::Note(_) => "note",
                EventKind::RunFinished(_) => "over",
                _ => "other",
            });
            Ok(())
        }

        fn tick(&mut self) -> io::Result<()> {
            self.0.lock().unwrap().push("tick");
            Ok(())
        }

        fn step_aside(&mut self) -> io::Result<()> {
            self.0.lock().unwrap().push("aside");
            Ok(())
        }
    }

    /// Returns what a viewer is asked to do by these events of a run in which `ASK` has the terminal; a tick
    /// comes after each.
    fn shown(events: impl IntoIterator<Item = EventKind>) -> Vec<String> {
        let notes = Arc::default();
        let mut audience = Audience::of(vec![Viewer::on_terminal(Box::new(Notes(Arc::clone(&notes))))]);
        let mut pipeline = backup();
        pipeline.steps[ASK].terminal = true;
        audience.event(at(0, run_started(pipeline)));
        let mut shown = Vec::new();
        for kind in events {
            notes.lock().unwrap().clear();
            audience.event(at(1, kind));
            audience.tick();
            shown.push(notes.lock().unwrap().join(" "));
        }
        shown
    }

    #[test]
    fn nothing_is_shown_while_a_question_is_open_and_everything_after_it() {
        let (notes, question) = (Arc::default(), Question::default());
        let viewer = Viewer::on_terminal(Box::new(Notes(Arc::clone(&notes))));
        let mut audience = Audience::of(vec![viewer]).with(question.clone());
        audience.event(at(0, run_started(backup())));
        let mut shown = |kind: Option<EventKind>| {
            notes.lock().unwrap().clear();
            kind.into_iter().for_each(|kind| audience.event(at(1, kind)));
            audience.tick();
            notes.lock().unwrap().join(" ")
        };
        let open = question.open();
        assert_eq!(shown(Some(note())), "note aside");
        assert_eq!(shown(Some(output(OTHER, "x"))), "");
        assert_eq!(shown(None), "");
        drop(open);
        assert_eq!(shown(None), "output tick");
        assert_eq!(shown(Some(note())), "note tick");
    }

    fn note() -> EventKind {
        EventKind::Note("an image is there".into())
    }

    #[test]
    fn nothing_is_shown_while_a_step_has_the_terminal_and_everything_after_it() {
        let ended = |step| finished(step, Outcome::Succeeded, 1, 5);
        let told = shown([
            started(OTHER, 1),
            started(ASK, 1),
            note(),
            output(OTHER, "x"),
            ended(OTHER),
            ended(ASK),
            note(),
        ]);
        let after = "note output finished finished tick";
        assert_eq!(told, ["started tick", "started aside", "", "", "", after, "note tick"]);
    }

    #[test]
    fn between_two_attempts_and_at_the_end_of_the_run_the_viewers_are_back() {
        let over = run_finished(RunEnd::Aborted("broken".into()), 9);
        let told = shown([
            started(ASK, 1),
            note(),
            retrying(ASK, 1, 7),
            note(),
            started(ASK, 2),
            retrying(OTHER, 1, 1),
            over,
        ]);
        assert_eq!(told[..3], ["started aside", "", "note retrying tick"]);
        assert_eq!(told[3..], ["note tick", "started aside", "", "retrying over tick"]);
    }
}
