//! Quantities as people read them, short enough for a column and of a width that does not jump.

use std::time::Duration;

use bytesize::ByteSize;

/// Returns bytes in binary units with at most four digits and never wider than 8: `999 B`, `1.2 GiB`, `1023
/// MiB`.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    while value >= 1024.0 {
        value /= 1024.0;
    }
    let decimals = if value < 99.95 { 1 } else { 0 };
    format!("{:.decimals$}", ByteSize(bytes).display().iec())
}

/// Returns bytes a second, never wider than 10: `3.1 GiB/s`.
pub fn rate(bytes_per_second: f64) -> String {
    size(bytes_per_second as u64) + "/s"
}

/// Returns a length of time in two units at most, cut off rather than rounded, so that a clock made of it
/// never runs ahead: `850 ms`, `1.2 s`, `1m 05s`, `1h 02m`, `3d 04h`. Never wider than 7 in the first hundred
/// days.
pub fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0 => format!("{} ms", length.as_millis()),
        1..60 => format!("{seconds}.{} s", length.subsec_millis() / 100),
        60..3600 => format!("{minutes}m {:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

/// Returns a number of things: `1 step`, `2 steps`.
pub fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Returns the first few of a list of names, and how many more there are.
pub fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const MOST: usize = 8;
    let total = names.len();
    let shown = if total > MOST + 1 { MOST } else { total };
    let mut text = names.take(shown).collect::<Vec<_>>().join(", ");
    if shown < total {
        text += &format!(" and {} more", total - shown);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        let sizes = [0, 1023, 1024, 100 << 10, 1023 << 20, 1288490189, u64::MAX];
        assert_eq!(
            sizes.map(size),
            ["0 B", "1023 B", "1.0 KiB", "100 KiB", "1023 MiB", "1.2 GiB", "16.0 EiB"]
        );
        assert_eq!([0.0, f64::NAN, 3.1 * 1073741824.0].map(rate), ["0 B/s", "0 B/s", "3.1 GiB/s"]);
    }

    #[test]
    fn durations() {
        let lengths = [0, 850, 999, 1_299, 59_999, 65_000, 3_720_000, 273_600_000];
        assert_eq!(
            lengths.map(|ms| duration(Duration::from_millis(ms))),
            ["0 ms", "850 ms", "999 ms", "1.2 s", "59.9 s", "1m 05s", "1h 02m", "3d 04h"]
        );
    }

    #[test]
    fn lists_fold() {
        let names: Vec<String> = (0..12).map(|n| format!("s{n}")).collect();
        let of = |count: usize| list(names[..count].iter().map(String::as_str));
        assert_eq!(of(3), "s0, s1, s2");
        assert!(of(9).ends_with("s7, s8"));
        assert!(of(10).ends_with("s7 and 2 more"));
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_its_column(bytes: u64, ms in 0..8_640_000_000u64) {
            prop_assert!(size(bytes).len() <= 8, "{}", size(bytes));
            prop_assert!(duration(Duration::from_millis(ms)).len() <= 7);
        }
    }
}
