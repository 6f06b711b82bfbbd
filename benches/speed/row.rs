//! One figure: what was measured, against which programs, and whether it reaches the aim.

use serde::Serialize;

use super::problem::{Problem, Result};
use super::series::{Series, short, shown};

/// What was measured for a row.
pub struct Measured {
    pub figures: Series,
    pub note: String,
}

#[derive(Serialize)]
pub struct Row {
    pub what: String,
    pub against: String,
    /// The median of all rounds; nothing if it could not be measured.
    pub figure: Option<f64>,
    pub unit: &'static str,
    /// The least of all rounds.
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub aim: Option<Aim>,
    /// Nothing without an aim, or without a figure.
    pub met: Option<bool>,
    pub note: String,
    /// Something that should have run did not.
    #[serde(skip)]
    pub failed: bool,
}

/// What a figure should be.
#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Aim {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtMost(aim) => figure <= aim,
            Self::AtLeast(aim) => figure >= aim,
        }
    }

    fn shown(self) -> String {
        match self {
            Self::AtMost(aim) => format!("≤ {}", short(aim)),
            Self::AtLeast(aim) => format!("≥ {}", short(aim)),
        }
    }

    /// How far off a figure is, in percent of what was aimed at.
    fn distance(self, figure: f64) -> f64 {
        let (Self::AtMost(aim) | Self::AtLeast(aim)) = self;
        (figure / aim - 1.0).abs() * 100.0
    }
}

impl Row {
    /// Of what is to be measured; there is no figure yet.
    pub fn new(what: impl Into<String>, against: impl Into<String>, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            against: against.into(),
            figure: None,
            unit,
            low: None,
            high: None,
            aim: None,
            met: None,
            note: String::new(),
            failed: false,
        }
    }

    pub fn at_most(self, aim: f64) -> Self {
        Self { aim: Some(Aim::AtMost(aim)), ..self }
    }

    pub fn at_least(self, aim: f64) -> Self {
        Self { aim: Some(Aim::AtLeast(aim)), ..self }
    }

    pub fn measured(self, measured: Result<Measured>) -> Self {
        match measured {
            Ok(Measured { figures, note }) => {
                let figure = figures.median();
                let (low, high) = (Some(figures.low()), Some(figures.high()));
                let met = self.aim.map(|aim| aim.is_met(figure));
                Self { figure: Some(figure), low, high, met, note, ..self }
            }
            Err(Problem::Missing(what)) => Self { note: what, ..self },
            Err(Problem::Failed(why)) => Self { note: format!("failed: {why}"), failed: true, ..self },
        }
    }

    pub fn markdown(&self) -> String {
        let figure = match self.figure {
            Some(figure) => format!("{} {}", shown(figure), self.unit),
            None => "not measured".to_owned(),
        };
        let spread = match (self.low, self.high) {
            (Some(low), Some(high)) => format!("{} – {}", shown(low), shown(high)),
            _ => String::new(),
        };
        let aim = self.aim.map_or("–".to_owned(), Aim::shown);
        let (what, against, note) = (cell(&self.what), cell(&self.against), cell(&self.note));
        format!("| {what} | {against} | {figure} | {spread} | {aim} | {} | {note} |", self.verdict())
    }

    fn verdict(&self) -> String {
        match (self.aim, self.figure) {
            (Some(aim), Some(figure)) if aim.is_met(figure) => {
                format!("met, {:.0} % to spare", aim.distance(figure))
            }
            (Some(aim), Some(figure)) => format!("**missed** by {:.0} %", aim.distance(figure)),
            _ => String::new(),
        }
    }
}

/// Text that leaves the table whole.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
