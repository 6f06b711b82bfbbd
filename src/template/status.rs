//! Functions that ask how steps have ended: `success('x')` and its like.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::Value;

use super::{TemplateError, TemplateErrorKind, ends};
use crate::pipeline::{BodyEnd, StatusRef, Verdict};

/// Returns what a function of this name asks for.
pub(super) fn verdict(name: &str) -> Option<Verdict> {
    Verdict::ALL.into_iter().find(|verdict| verdict.function() == name)
}

/// The verdicts that a text asks for, by name; those about the run have none.
pub(super) type Asked = Arc<BTreeMap<Option<String>, Verdict>>;

/// Returns the verdicts that a text asks for; `None` if it asks for none.
pub(super) fn asked(
    asks: &[StatusRef],
    given: Option<&BTreeMap<String, Verdict>>,
    body: Option<&BodyEnd>,
) -> Result<Option<Asked>, TemplateError> {
    if asks.is_empty() {
        return Ok(None);
    }
    let mut asked = BTreeMap::new();
    for StatusRef { verdict: _, step, range } in asks {
        let verdict = match step {
            Some(step) => given.and_then(|given| given.get(step)).copied(),
            None => body.map(ends::verdict),
        };
        let Some(verdict) = verdict else {
            return Err(TemplateError {
                kind: TemplateErrorKind::Value,
                range: range.clone(),
                message: match step {
                    Some(step) => format!("how `{step}` has ended is known only once it has"),
                    None => "how the run has ended is known only when it is over".to_owned(),
                },
                help: None,
            });
        };
        asked.insert(step.clone(), verdict);
    }
    Ok(Some(Arc::new(asked)))
}

/// Returns the function of this name, about what is asked.
pub(super) fn function(name: &str, asked: &Asked) -> Option<Value> {
    let wanted = verdict(name)?;
    let asked = asked.clone();
    Some(Value::from_function(move |step: Option<String>| asked.get(&step) == Some(&wanted)))
}
