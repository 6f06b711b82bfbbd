//! Figures of the same thing, one for each round.

/// At least one figure.
#[derive(Debug, Clone)]
pub struct Series(Vec<f64>);

impl Series {
    /// Round by round: what two candidates took in the same round was disturbed alike.
    pub fn with(&self, other: &Self, both: impl Fn(f64, f64) -> f64) -> Self {
        self.0.iter().zip(&other.0).map(|(&one, &two)| both(one, two)).collect()
    }

    /// The ratio to another, round by round.
    pub fn over(&self, other: &Self) -> Self {
        self.with(other, |one, two| one / two)
    }

    pub fn map(&self, each: impl Fn(f64) -> f64) -> Self {
        self.0.iter().copied().map(each).collect()
    }

    /// Zero if there is none.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => 0.0,
            count if count % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    pub fn low(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn high(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<Figures: IntoIterator<Item = f64>>(figures: Figures) -> Self {
        Self(figures.into_iter().collect())
    }
}

/// Three digits that count.
pub fn shown(figure: f64) -> String {
    match figure.abs() {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        1.0.. => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

/// The same without zeros that say nothing.
pub fn short(figure: f64) -> String {
    let text = shown(figure);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
