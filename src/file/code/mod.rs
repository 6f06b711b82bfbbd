//! The classes of mistakes: their names, which are stable once released, and what there is to say about each.

mod table;

use std::fmt;

pub use table::Code;

use super::nearest::Nearest;
use crate::template::TemplateErrorKind;

impl Code {
    /// The class of this name, in any spelling of case, `_` and blanks.
    ///
    /// # Errors
    /// The nearest name, if one is near.
    pub fn find(name: &str) -> Result<Self, Option<&'static str>> {
        let wanted = name.trim().to_lowercase().replace(['_', ' '], "-");
        let found = Self::ALL.iter().find(|code| code.name() == wanted);
        found
            .copied()
            .ok_or_else(|| Nearest::default().find(&wanted, Self::ALL.iter().map(|code| code.name())))
    }

    /// Whether a pipeline runs all the same: `validate --strict` shows it, and a comment silences it.
    pub fn is_warning(self) -> bool {
        self >= Self::UnusedParam
    }

    /// What it is, in one sentence.
    pub fn title(self) -> &'static str {
        self.text().lines().next().unwrap_or_default().trim()
    }

    /// Everything there is to say about it, as text for a terminal: examples are indented.
    pub fn explanation(self) -> String {
        let mut is_example = false;
        let mut text = String::new();
        for line in self.text().lines().skip(1) {
            let line = line.strip_prefix(' ').unwrap_or(line);
            match line.starts_with("```") {
                true => is_example = !is_example,
                false if is_example && !line.is_empty() => text.push_str(&format!("    {line}\n")),
                false => text.push_str(&format!("{line}\n")),
            }
        }
        text.trim().to_owned()
    }

    /// The examples in its explanation: files, or parts of files. Where there are two, the first is wrong and
    /// the second is right.
    pub fn examples(self) -> Vec<String> {
        let fenced = self.text().split("```").skip(1).step_by(2);
        let plain = |block: &str| {
            let lines = block.lines().skip(1).map(|line| line.strip_prefix(' ').unwrap_or(line));
            lines.collect::<Vec<_>>().join("\n").trim_end().to_owned() + "\n"
        };
        fenced.map(plain).collect()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl From<TemplateErrorKind> for Code {
    fn from(kind: TemplateErrorKind) -> Self {
        match kind {
            TemplateErrorKind::Syntax => Self::TemplateSyntax,
            TemplateErrorKind::Undefined => Self::UndefinedName,
            TemplateErrorKind::Function => Self::UnknownFunction,
            TemplateErrorKind::Place => Self::UnsafePlace,
            TemplateErrorKind::Branch => Self::BranchQuoting,
            TemplateErrorKind::Condition => Self::BadCondition,
            TemplateErrorKind::Comparison => Self::BadComparison,
            TemplateErrorKind::ConditionBraces => Self::ConditionBraces,
            TemplateErrorKind::ConditionOperator => Self::ConditionOperator,
            TemplateErrorKind::ConditionSecret => Self::SecretInCondition,
            TemplateErrorKind::Secret => Self::SecretInScript,
            TemplateErrorKind::Value => Self::TemplateValue,
        }
    }
}
