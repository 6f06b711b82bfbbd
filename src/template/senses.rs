//! What a value stands for where an expression uses it: its text, or what minijinja computes with.
//!
//! minijinja's own filters write `True`, and a number anew. Those that take texts are given texts here, and
//! those that compute are given plain numbers; so are its tests and functions.

use minijinja::value::{Kwargs, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, filters, functions, tests};
use regex::Regex;

use super::escape::{paid_text, text};
use super::known::hidden;
use super::number::Number;
use super::problem::problem;
use super::values::Hidden;
use super::weight::{self, Depth};
use super::{bounds, values};

/// Registers the filters, tests and functions that get values in their sense.
pub(super) fn register(jinja: &mut Environment<'_>) {
    jinja.add_filter(hidden::TEXT, |value: Value| text(&value));
    jinja.add_filter(hidden::BARE, |value: Value| {
        Number::of(&value).map_or_else(|| value.clone(), Number::value)
    });
    jinja.add_filter(hidden::INDEX, |value: Value| {
        let number = Number::of(&value).map_or_else(|| value.clone(), Number::value);
        bounds::check_numbers(std::slice::from_ref(&number)).map(|()| number)
    });
    jinja.add_filter(hidden::BARE_ALL, |state: &State<'_, '_>, value: Value| bare(state, &value));
    jinja.add_filter(hidden::NAMED, |state: &State<'_, '_>, value: Value| weight::named(state, &value));
    jinja.add_filter(hidden::HELD, |state: &State<'_, '_>, value: Value| weight::held(state, &value));
    jinja.add_filter(hidden::TRUTH, |value: Value| truth(&value));
    jinja.add_filter(hidden::SPELLED, |text: String| spelled(&text));
    jinja.add_filter("string", |value: Value| text(&value));
    text_filters(jinja);
    for (name, filter) in [
        ("abs", Value::from_function(filters::abs)),
        ("batch", Value::from_function(filters::batch)),
        ("bool", Value::from_function(filters::bool)),
        ("float", Value::from_function(filters::float)),
        ("int", Value::from_function(filters::int)),
        ("round", Value::from_function(filters::round)),
        ("slice", Value::from_function(filters::slice)),
        ("sum", Value::from_function(filters::sum)),
    ] {
        adapt(jinja, name, filter, |state, _, value| bare(state, value));
    }
    for (name, filter) in [
        ("max", Value::from_function(filters::max)),
        ("min", Value::from_function(filters::min)),
        ("sort", Value::from_function(filters::sort)),
        ("unique", Value::from_function(filters::unique)),
    ] {
        adapt(
            jinja,
            name,
            filter,
            |state, at, value| {
                if at == 0 { numbered(state, value) } else { bare(state, value) }
            },
        );
    }
    adapt(jinja, "dictsort", Value::from_function(filters::dictsort), |state, _, value| {
        weight::pay(state, value, Depth::TOP).map(|()| value.clone())
    });
    adapt(jinja, "groupby", Value::from_function(filters::groupby), |state, _, value| {
        weight::held(state, value)
    });
    adapt_tests(jinja);
    jinja.add_test("empty", |value: Value| is_empty(&value));
    let chain = Value::from_function(filters::chain);
    jinja.add_filter("chain", move |state: &mut State<'_, '_>, given: Given| {
        let chained = chain.call(state, &given.into_values())?;
        weight::plain(state, &chained)
    });
    let range = Value::from_function(functions::range);
    jinja.add_function("range", move |state: &mut State<'_, '_>, given: Rest<ValueOrKwargs>| {
        let given = converted(state, given, |state, _, value| bare(state, value))?;
        bounds::check_numbers(&given)?;
        range.call(state, &given)
    });
}

/// The filters that make a text of a text, each with the number of its arguments that are texts.
fn text_filters(jinja: &mut Environment<'_>) {
    for (name, filter, texts) in [
        ("capitalize", Value::from_function(filters::capitalize), 1),
        ("indent", bounds::indent(), 1),
        ("join", Value::from_function(filters::join), 2),
        ("lines", Value::from_function(filters::lines), 1),
        ("lower", Value::from_function(filters::lower), 1),
        ("replace", Value::from_function(filters::replace), 3),
        ("split", Value::from_function(filters::split), 2),
        ("title", Value::from_function(filters::title), 1),
        ("trim", Value::from_function(filters::trim), 2),
        ("upper", Value::from_function(filters::upper), 1),
    ] {
        let takes_list = name == "join";
        adapt(jinja, name, filter, move |state, at, value| match value.kind() {
            _ if at >= texts => bare(state, value),
            ValueKind::Seq | ValueKind::Iterable if takes_list => value
                .try_iter()?
                .map(|item| paid_text(state, &item))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::from),
            // An option that is left out.
            ValueKind::None | ValueKind::Undefined if at > 0 => Ok(value.clone()),
            _ => text(value).map(Value::from),
        });
    }
    let format = Value::from_function(filters::format);
    jinja.add_filter("format", move |state: &mut State<'_, '_>, given: Rest<ValueOrKwargs>| {
        let mut given = given.into_values();
        formatted(state, &mut given)?;
        bounds::check_format(given.first().and_then(Value::as_str).unwrap_or_default())?;
        format.call(state, &given)
    });
}

fn adapt_tests(jinja: &mut Environment<'_>) {
    let computing = [
        (&["boolean"][..], Value::from_function(tests::is_boolean)),
        (&["divisibleby"], Value::from_function(tests::is_divisibleby)),
        (&["eq", "equalto"], Value::from_function(tests::is_eq)),
        (&["even"], Value::from_function(tests::is_even)),
        (&["float"], Value::from_function(tests::is_float)),
        (&["ge"], Value::from_function(tests::is_ge)),
        (&["greaterthan", "gt"], Value::from_function(tests::is_gt)),
        (&["in"], Value::from_function(tests::is_in)),
        (&["int", "integer"], Value::from_function(tests::is_integer)),
        (&["le"], Value::from_function(tests::is_le)),
        (&["lessthan", "lt"], Value::from_function(tests::is_lt)),
        (&["ne"], Value::from_function(tests::is_ne)),
        (&["number"], Value::from_function(tests::is_number)),
        (&["odd"], Value::from_function(tests::is_odd)),
        (&["sameas"], Value::from_function(tests::is_sameas)),
    ];
    for (names, test) in computing {
        for name in names {
            adapt_test(jinja, name, test.clone(), |state, _, value| bare(state, value));
        }
    }
    for (name, test) in [
        ("endingwith", Value::from_function(tests::is_endingwith)),
        ("startingwith", Value::from_function(tests::is_startingwith)),
    ] {
        adapt_test(jinja, name, test, |_, _, value| text(value).map(Value::from));
    }
}

type Given = Rest<ValueOrKwargs>;

fn adapt(
    jinja: &mut Environment<'_>,
    name: &'static str,
    filter: Value,
    convert: impl Fn(&State<'_, '_>, usize, &Value) -> Result<Value, Error> + Send + Sync + 'static,
) {
    jinja.add_filter(name, move |state: &mut State<'_, '_>, given: Given| {
        let given = converted(state, given, &convert)?;
        filter.call(state, &given)
    });
}

fn adapt_test(
    jinja: &mut Environment<'_>,
    name: &'static str,
    test: Value,
    convert: impl Fn(&State<'_, '_>, usize, &Value) -> Result<Value, Error> + Send + Sync + 'static,
) {
    jinja.add_test(name, move |state: &mut State<'_, '_>, given: Given| {
        let given = converted(state, given, &convert)?;
        test.call(state, &given).map(|value| value.is_true())
    });
}

/// Returns the arguments of a call, each in its sense; named ones are for computing.
fn converted(
    state: &State<'_, '_>,
    given: Given,
    convert: impl Fn(&State<'_, '_>, usize, &Value) -> Result<Value, Error>,
) -> Result<Vec<Value>, Error> {
    let convert = |(at, value): (usize, Value)| match named(&value) {
        Some(named) => bare_arguments(state, &named),
        None => convert(state, at, &value),
    };
    given.into_values().into_iter().enumerate().map(convert).collect()
}

/// Returns the named arguments of a call, if a value is those.
fn named(value: &Value) -> Option<Kwargs> {
    let may = value.kind() == ValueKind::Map;
    may.then(|| Kwargs::try_from(value.clone()).ok()).flatten()
}

fn bare_arguments(state: &State<'_, '_>, named: &Kwargs) -> Result<Value, Error> {
    let argument = |name: &str| Ok((name.to_owned(), bare(state, &named.peek::<Value>(name)?)?));
    let arguments = named.args().map(argument).collect::<Result<Vec<_>, Error>>()?;
    Ok(Kwargs::from_iter(arguments).into())
}

/// Returns what minijinja computes with: a number without its spelling, in lists as well.
pub(super) fn bare(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    each(state, value, Depth::TOP, &|value| Number::of(value).map(Number::value))
}

/// Returns every number of a list with a spelling, so that all of them can be compared, and what is chosen
/// keeps its own.
fn numbered(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    let spelled = |value: &Value| Value::from_object(Number::new(value.to_string(), value.clone()));
    each(state, value, Depth::TOP, &|value| (value.kind() == ValueKind::Number).then(|| spelled(value)))
}

/// Returns a value, or every item of a list, changed where `change` has something else for it. All of the
/// value is paid for.
fn each(
    state: &State<'_, '_>,
    value: &Value,
    depth: Depth,
    change: &dyn Fn(&Value) -> Option<Value>,
) -> Result<Value, Error> {
    if let Some(changed) = change(value) {
        return Ok(changed);
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            let inner = depth.inner()?;
            let items = weight::items(state, value)?;
            if items.iter().all(values::is_simple) {
                return Ok(items.into_iter().map(|item| change(&item).unwrap_or(item)).collect());
            }
            let item = |item: &Value| each(state, item, inner, change);
            items.iter().map(item).collect::<Result<Vec<_>, _>>().map(Value::from)
        }
        ValueKind::Map => weight::pay(state, value, depth).map(|()| value.clone()),
        _ => Ok(value.clone()),
    }
}

/// Returns a condition whose kind was not known before.
fn truth(value: &Value) -> Result<bool, Error> {
    let what = match value.kind() {
        ValueKind::Bool => return Ok(value.is_true()),
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        _ if Number::of(value).is_some() => "a number".to_owned(),
        ValueKind::String => "a text".to_owned(),
        ValueKind::Number => "a number".to_owned(),
        ValueKind::Seq | ValueKind::Iterable => "a list".to_owned(),
        ValueKind::None => "`none`".to_owned(),
        other => format!("a {other}"),
    };
    let message = format!("this condition is {what}, which is neither true nor false");
    Err(problem(message, "compare it with a value, such as `x == 'yes'` or `x != 0`"))
}

/// Returns whether a text or a list has nothing in it.
fn is_empty(value: &Value) -> Result<bool, Error> {
    if let Some(hidden) = value.downcast_object_ref::<Hidden>() {
        return Ok(hidden.is_empty);
    }
    match value.kind() {
        ValueKind::String | ValueKind::Seq | ValueKind::Map => Ok(value.len() == Some(0)),
        ValueKind::Iterable => Ok(value.try_iter()?.next().is_none()),
        _ => text(value).map(|text| text.is_empty()),
    }
}

/// Returns a number as it stands in an expression.
fn spelled(text: &str) -> Result<Value, Error> {
    let number = Number::read(text).map(Value::from_object);
    number.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("`{text}` is not a number")))
}

/// The arguments of `format`: texts for `%s`, plain numbers for the others.
fn formatted(state: &State<'_, '_>, given: &mut [Value]) -> Result<(), Error> {
    let Some((format, given)) = given.split_first_mut() else { return Ok(()) };
    *format = Value::from(text(format)?);
    let letters = conversions(format.as_str().unwrap_or_default());
    for (at, value) in given.iter_mut().enumerate() {
        let is_text = letters.get(at).is_none_or(|letter| *letter == 's');
        *value = match named(value) {
            Some(named) => bare_arguments(state, &named)?,
            None if is_text && values::is_simple(value) => Value::from(paid_text(state, value)?),
            None => bare(state, value)?,
        };
    }
    Ok(())
}

/// Returns the letter of each conversion of a format, one for each argument that it takes.
fn conversions(format: &str) -> Vec<char> {
    let Ok(conversion) = Regex::new(r"%(?:%|[-+ #0]*(\d+|\*)?(?:\.(\d+|\*))?([A-Za-z]))") else {
        return Vec::new();
    };
    let letters = |found: regex::Captures<'_>| {
        let stars = found.iter().skip(1).take(2).flatten().filter(|part| part.as_str() == "*").count();
        let letter = found.get(3).and_then(|letter| letter.as_str().chars().next());
        std::iter::repeat_n('d', stars).chain(letter).collect::<Vec<_>>()
    };
    conversion.captures_iter(format).flat_map(letters).collect()
}
