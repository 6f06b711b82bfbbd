//! Colours, or none.

use std::ffi::OsString;
use std::fmt::Display;

use console::{Style, StyledObject, measure_text_width};

/// Whether to use colours, decided once where the output is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    coloured: bool,
}

/// What text is written on: its colours, and where it ends on the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sheet {
    /// The colours.
    pub palette: Palette,
    /// The columns of a terminal. Without a terminal lines are as long as they are.
    pub columns: Option<usize>,
}

impl From<Palette> for Sheet {
    fn from(palette: Palette) -> Self {
        Self { palette, columns: None }
    }
}

impl Sheet {
    /// Returns a sheet of a terminal's width.
    pub fn wide(palette: Palette, columns: usize) -> Self {
        Self { palette, columns: Some(columns.max(1)) }
    }

    /// Returns a text in lines that fit beside `indent` columns: broken between words, and within a word only
    /// where it is wider than a line.
    pub fn fold(self, text: &str, indent: usize) -> Vec<String> {
        let Some(columns) = self.columns else { return vec![text.to_owned()] };
        let room = columns.saturating_sub(indent).max(1);
        let mut lines: Vec<String> = Vec::new();
        for word in text.split(' ') {
            match lines.last_mut() {
                Some(line) if measure_text_width(line) + 1 + measure_text_width(word) <= room => {
                    line.push(' ');
                    line.push_str(word);
                }
                Some(_) | None => lines.push(word.to_owned()),
            }
        }
        lines
    }
}

/// The role of a piece of text, for which the palette has a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Went well.
    Good,
    /// Failed.
    Bad,
    /// Affected by a failure elsewhere, or a warning.
    Doubtful,
    /// Under way.
    Busy,
    /// Of lesser interest.
    Faint,
    /// Of more interest.
    Strong,
    /// Like everything else.
    Normal,
}

impl Palette {
    /// No colours: text as it is.
    pub const NONE: Self = Self { coloured: false };

    /// The eight colours that every terminal has.
    pub const COLOURED: Self = Self { coloured: true };

    /// Chooses a palette by the output and the environment. A variable counts when it is set and not empty;
    /// `NO_COLOR` wins over `CLICOLOR_FORCE`, for which `0` means nothing, and that over whether the output
    /// is a terminal.
    pub fn choose(terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        Self { coloured: set("NO_COLOR").is_none() && (forced || terminal) }
    }

    /// Returns the text in its tone.
    pub fn paint<T: Display>(self, tone: Tone, text: T) -> StyledObject<T> {
        let style = Style::new();
        let style = match tone {
            Tone::Good => style.green(),
            Tone::Bad => style.red().bold(),
            Tone::Doubtful => style.yellow(),
            Tone::Busy => style.cyan(),
            Tone::Faint => style.dim(),
            Tone::Strong => style.bold(),
            Tone::Normal => style,
        };
        style.force_styling(self.coloured).apply_to(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_before_the_terminal() {
        let choose = |terminal, set: &[(&str, &str)]| {
            Palette::choose(terminal, |name| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
            })
        };
        assert_eq!(choose(true, &[]), Palette::COLOURED);
        assert_eq!(choose(false, &[]), Palette::NONE);
        assert_eq!(choose(true, &[("NO_COLOR", "1")]), Palette::NONE);
        assert_eq!(choose(true, &[("NO_COLOR", "")]), Palette::COLOURED);
        assert_eq!(choose(false, &[("CLICOLOR_FORCE", "1")]), Palette::COLOURED);
        assert_eq!(choose(false, &[("CLICOLOR_FORCE", "0")]), Palette::NONE);
        assert_eq!(choose(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]), Palette::NONE);
    }

    #[test]
    fn without_colours_text_stays_as_it_is() {
        assert_eq!(Palette::NONE.paint(Tone::Bad, "x").to_string(), "x");
        assert_eq!(Palette::COLOURED.paint(Tone::Good, "x").to_string(), "\u{1b}[32mx\u{1b}[0m");
    }
}
