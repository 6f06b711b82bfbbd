//! `secrets`: the params that a step gets as files.

use crate::file::Code;
use crate::file::raw::RawStep;
use crate::template::ExprType;

use super::Lowering;

impl Lowering<'_> {
    /// The names, each once.
    pub(super) fn secrets(&mut self, raw: &RawStep) -> Vec<String> {
        let mut secrets: Vec<String> = Vec::new();
        for (name, at) in raw.secrets.entries() {
            match self.names.params.get(name) {
                Some(ExprType::Secret) if secrets.contains(name) => {}
                Some(ExprType::Secret) => secrets.push(name.clone()),
                Some(
                    ExprType::Text
                    | ExprType::Choice(_)
                    | ExprType::Duration
                    | ExprType::Size
                    | ExprType::Number
                    | ExprType::Bool,
                )
                | Some(ExprType::List(_) | ExprType::Unknown) => {
                    let message = format!("the param `{name}` is no secret");
                    let help = format!(
                        "declare it with `type: secret`, or write `{{{{ {name} }}}}` where it belongs"
                    );
                    let problem = self.at(Code::UnknownSecret, at, message).help(help);
                    self.report(problem);
                }
                None => {
                    let known = self.names.params.iter().filter(|(_, kind)| **kind == ExprType::Secret);
                    let help = self.nearest.help(name, known.map(|(name, _)| name.as_str()));
                    let help =
                        help.unwrap_or_else(|| format!("declare it: `params: {{{name}: {{type: secret}}}}`"));
                    let problem = self.at(Code::UnknownSecret, at, format!("there is no secret `{name}`"));
                    self.report(problem.help(help));
                }
            }
        }
        secrets
    }
}
