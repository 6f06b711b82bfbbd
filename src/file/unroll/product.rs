//! All combinations of axes, without those that are left out.

use super::{Axis, Combination, MOST};
use crate::pipeline::MatrixValue;

/// Values that go together: positions of axes, each with its value.
pub type Pattern = Vec<(usize, MatrixValue)>;

/// Returns how many combinations there are, without making them; `None` if there are too many.
pub fn size(axes: &[Axis]) -> Option<u64> {
    let counts = axes.iter().map(|axis| u64::try_from(axis.values.len()).unwrap_or(u64::MAX));
    // An empty axis makes the product 0, however large the others are.
    if axes.iter().any(|axis| axis.values.is_empty()) {
        return Some(0);
    }
    counts
        .into_iter()
        .try_fold(1u64, |product, count| product.checked_mul(count).filter(|size| *size <= MOST))
}

/// Returns all combinations; the last axis varies fastest. There are none without axes.
pub fn product(axes: &[Axis]) -> Vec<Combination> {
    if axes.is_empty() {
        return Vec::new();
    }
    let mut combinations: Vec<Combination> = vec![Vec::with_capacity(axes.len())];
    for axis in axes {
        let with_each = |combination: Combination| {
            axis.values.iter().map(move |(value, _)| {
                let mut longer = combination.clone();
                longer.push(value.clone());
                longer
            })
        };
        combinations = combinations.into_iter().flat_map(with_each).collect();
    }
    combinations
}

/// Takes out the combinations that match, and returns whether there were any.
pub fn exclude(combinations: &mut Vec<Combination>, pattern: &Pattern) -> bool {
    let before = combinations.len();
    let is_match = |combination: &Combination| {
        pattern
            .iter()
            .all(|(axis, value)| combination.get(*axis).is_some_and(|own| own.spelled() == value.spelled()))
    };
    combinations.retain(|combination| !is_match(combination));
    combinations.len() < before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Span;

    fn axis(name: &str, values: &[&str]) -> Axis {
        let value = |text: &&str| (MatrixValue::Text((*text).to_owned()), Span::default());
        Axis {
            name: name.to_owned(),
            values: values.iter().map(value).collect(),
            is_literal: true,
            params: Vec::new(),
        }
    }

    fn shown(combinations: &[Combination]) -> String {
        let one = |combination: &Combination| {
            combination.iter().map(MatrixValue::spelled).collect::<Vec<_>>().join(".")
        };
        combinations.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_last_axis_varies_fastest() {
        let axes = [axis("a", &["1", "2"]), axis("b", &["x", "y"])];
        assert_eq!(shown(&product(&axes)), "1.x 1.y 2.x 2.y");
        assert_eq!(size(&axes), Some(4));
        assert!(product(&[]).is_empty());
    }

    #[test]
    fn a_pattern_takes_out_all_that_match() {
        let mut all = product(&[axis("a", &["1", "2"]), axis("b", &["x", "y"])]);
        let pattern = vec![(1, MatrixValue::Text("x".into()))];
        assert!(exclude(&mut all, &pattern));
        assert_eq!(shown(&all), "1.y 2.y");
        assert!(!exclude(&mut all, &pattern));
    }

    #[test]
    fn a_number_in_quotes_is_the_same_value() {
        let mut all = product(&[axis("a", &["1", "2"])]);
        assert!(exclude(&mut all, &vec![(0, MatrixValue::Int { text: "1".into(), value: 1 })]));
        assert_eq!(shown(&all), "2");
    }

    #[test]
    fn what_is_too_large_is_not_made() {
        let values: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let three = ["a", "b", "c"].map(|name| axis(name, &values));
        assert_eq!(size(&three), None);
        assert_eq!(size(&three[..1]), Some(1_000));
        assert_eq!(size(&[axis("a", &values), axis("b", &[])]), Some(0));
    }
}
