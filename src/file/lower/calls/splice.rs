//! The steps that a call has brought, and the file that they come from.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use crate::file::lower::Lowered;
use crate::file::raw::RawStep;
use crate::pipeline::{CallId, CalledFile, StepId};

/// A file that is called: what all of its calls have in common.
pub(in crate::file::lower) struct CalledFileParts {
    pub(super) file: Arc<CalledFile>,
    pub(super) lowered: Lowered,
    /// The position of a step that runs whenever the file is used; nothing if each may be passed over by itself.
    pub(super) always: Option<usize>,
}

/// The steps that came from one call.
pub(in crate::file::lower) struct Splice<'r> {
    /// The step with `uses`.
    pub(super) raw: &'r RawStep,
    pub(in crate::file::lower) call: CallId,
    pub(super) steps: Range<usize>,
    pub(super) of: Rc<CalledFileParts>,
    /// How many streams stand before those of the file; known once they have been taken up.
    pub(super) streams: usize,
}

impl Splice<'_> {
    /// The first of the steps.
    pub(in crate::file::lower) fn first(&self) -> StepId {
        StepId::new(self.steps.start)
    }

    /// One of the steps that shows that the call has run, if there is one.
    pub(in crate::file::lower) fn always(&self) -> Option<StepId> {
        Some(StepId::new(self.steps.start + self.of.always?))
    }
}
