//! Filters whose arguments say how much they make: what they would make is paid for before it is made.

use minijinja::value::{Kwargs, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Error, State, filters};

use super::problem::problem;

/// The widest that a part of a format may be, and its most digits. The standard library's formatting takes
/// not many more.
const WIDEST: u32 = 10_000;
/// The largest number that something is counted with.
const LARGEST: u128 = 1_000_000_000_000;
/// The longest format of a time.
const LONGEST_FORMAT: usize = 1000;

/// minijinja's `indent`, which pays for what it makes.
pub(super) fn indent() -> Value {
    let indent = Value::from_function(filters::indent);
    Value::from_function(move |state: &mut State<'_, '_>, given: Rest<ValueOrKwargs>| {
        let given = given.into_values();
        let text = given.first().and_then(Value::as_str).unwrap_or_default();
        let lines = text.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let makes = width(&given).saturating_mul(lines).saturating_add(text.len());
        // More than any budget, and not so much that minijinja would count backwards.
        state.consume_fuel(makes.min(u32::MAX as usize) as u64)?;
        indent.call(state, &given)
    })
}

/// Refuses whole numbers that are too large to be counted through.
pub(super) fn check_numbers(values: &[Value]) -> Result<(), Error> {
    if values.iter().all(is_countable) {
        return Ok(());
    }
    Err(problem("a number is too large here", format!("nothing is counted beyond {LARGEST}")))
}

/// Returns whether a number is small enough for minijinja to count with. What is no whole number is
/// minijinja's to refuse.
pub(super) fn is_countable(value: &Value) -> bool {
    value.kind() != ValueKind::Number
        || i128::try_from(value.clone()).map_or(true, |number| number.unsigned_abs() <= LARGEST)
}

/// Refuses a format with a part that is too wide.
pub(super) fn check_format(format: &str) -> Result<(), Error> {
    if !is_wide(format) {
        return Ok(());
    }
    let what = format!("a part of this format is wider, or has more digits, than {WIDEST}");
    Err(problem(what, "let the script do it: long texts are its own to make"))
}

/// Refuses the format of a time that would make a long text.
pub(super) fn check_time_format(format: &str) -> Result<(), Error> {
    if format.len() <= LONGEST_FORMAT {
        return Ok(());
    }
    let what = format!("this format of times is longer than {LONGEST_FORMAT} bytes");
    Err(problem(what, "write the text around the time outside of it"))
}

/// Returns the width that the arguments of `indent` say.
fn width(args: &[Value]) -> usize {
    let named = || Kwargs::try_from(args.last()?.clone()).ok()?.peek::<Value>("width").ok();
    let width = args.get(1).filter(|width| width.is_integer()).cloned().or_else(named);
    width.map_or(0, |width| usize::try_from(width).unwrap_or_default())
}

/// Returns whether a part of a format, such as `%-20.3f`, is wider than it may be.
fn is_wide(format: &str) -> bool {
    format.split('%').skip(1).any(|part| {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(part.len());
        let numbers = part.get(..end).unwrap_or_default().split(|c: char| !c.is_ascii_digit());
        numbers
            .filter(|number| !number.is_empty())
            .any(|number| number.parse().map_or(true, |number: u32| number > WIDEST))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parts_of_a_format_have_a_width() {
        for wide in ["%10001d", "%.10001f", "100 %-010001.2f", "%99999999999999999999s", "%%%20000d"] {
            assert!(is_wide(wide), "{wide}");
        }
        for fair in ["%d", "%10000d", "100000 %s of 200000", "%5.2f 100000", "100%"] {
            assert!(!is_wide(fair), "{fair}");
        }
    }
}
