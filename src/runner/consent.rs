//! How a run gets the answers to the questions of its steps (`confirm`).

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

/// Where answers come from.
#[derive(Clone, Default)]
pub enum Consent {
    /// Every answer is yes.
    Given,
    /// A person is asked.
    Ask(Arc<dyn Asker>),
    /// There is nothing to ask on: no step with a question starts.
    #[default]
    Unavailable,
}

impl fmt::Debug for Consent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Given => "Given",
            Self::Ask(_) => "Ask",
            Self::Unavailable => "Unavailable",
        })
    }
}

/// Asks a person.
pub trait Asker: Send + Sync {
    /// Asks on behalf of a step, one question at a time, and returns whether the answer is yes. The future may
    /// be dropped at any time, which takes the question back.
    ///
    /// # Errors
    /// Why it cannot ask, in a sentence.
    fn ask<'a>(&'a self, step: &'a str, question: &'a str) -> BoxFuture<'a, Result<bool, String>>;
}

impl Consent {
    /// Returns why a step is passed over; nothing if the answer is yes.
    pub(super) async fn refusal(&self, step: &str, question: &str) -> Option<String> {
        let why = match self {
            Self::Given => return None,
            Self::Unavailable => "there is no terminal to ask on (`--yes` answers yes)".to_owned(),
            Self::Ask(asker) => match asker.ask(step, question).await {
                Ok(true) => return None,
                Ok(false) => "the answer is no".to_owned(),
                Err(why) => why,
            },
        };
        Some(format!("{question} {why}"))
    }
}
