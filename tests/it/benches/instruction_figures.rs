//! Instruction counts beside the committed figures.

#[path = "../../../benches/instructions/figures.rs"]
mod figures;

use figures::{figure, judged, updated};

#[test]
fn more_than_a_tenth_over_the_figure_fails() {
    let counted = 1_000_000;
    // As if the figure had been 11 % lower.
    assert!(judged(Some(890_000), counted).unwrap_err().contains("1000000 instructions, where 890000 are"));
    assert!(judged(Some(counted), 1_100_001).is_err());
    for within in [900_000, 1_100_000] {
        assert_eq!(
            judged(Some(counted), within).unwrap(),
            format!("{within} instructions, where {counted} are committed")
        );
    }
}

#[test]
fn a_figure_that_is_far_too_high_or_missing_is_reported() {
    assert!(judged(Some(1_000_000), 899_999).unwrap().contains("keep the gain"));
    assert!(judged(None, 1).unwrap().contains("no figure"));
}

#[test]
fn figures_are_found_and_replaced_by_architecture_and_name() {
    let figures = "# What counts.\naarch64 a 7\nx86_64 a 1\nx86_64 ab 2\n";
    assert_eq!(figure(figures, "x86_64 a"), Some(1));
    assert_eq!(figure(figures, "riscv64 a"), None);
    assert_eq!(updated(figures, "x86_64 a", 3), "# What counts.\naarch64 a 7\nx86_64 a 3\nx86_64 ab 2\n");
    assert_eq!(updated("", "x86_64 b", 3), "x86_64 b 3\n");
}
