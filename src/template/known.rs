//! The names that the template language brings along.

/// Filters: minijinja's, without those that make HTML or look up names at run time, and ours.
pub(super) const FILTERS: [&str; 52] = [
    "abs",
    "basename",
    "batch",
    "bool",
    "bytes",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "dirname",
    "extension",
    "first",
    "float",
    "format",
    "groupby",
    "human_size",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "raw",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "seconds",
    "select",
    "selectattr",
    "sha256",
    "slice",
    "sort",
    "split",
    "stem",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// Tests, as in `x is defined`.
pub(super) const TESTS: [&str; 35] = [
    "boolean",
    "defined",
    "divisibleby",
    "empty",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// Functions.
pub(super) const FUNCTIONS: [&str; 4] = ["dict", "namespace", "now", "range"];

/// What a filter is called when an expression is passed through it to escape it; no user can write these
/// names.
pub(super) mod hidden {
    /// Plain text.
    pub(in crate::template) const PLAIN: &str = "pipe_plain";
    /// A word of the shell, or several.
    pub(in crate::template) const WORD: &str = "pipe_word";
    /// Inside `'…'`.
    pub(in crate::template) const SINGLE: &str = "pipe_single";
    /// Inside `"…"`.
    pub(in crate::template) const DOUBLE: &str = "pipe_double";
    /// Inside a here-document.
    pub(in crate::template) const HERE: &str = "pipe_here";
    /// Inside a comment.
    pub(in crate::template) const COMMENT: &str = "pipe_comment";
    /// At the beginning of a command's name.
    pub(in crate::template) const COMMAND: &str = "pipe_command";
    /// Where the shell computes.
    pub(in crate::template) const WHOLE: &str = "pipe_whole";
    /// Where only the type of a param keeps its value from harm.
    pub(in crate::template) const HARMLESS: &str = "pipe_harmless";
    /// At the start of what a declaration assigns.
    pub(in crate::template) const NO_PARENTHESIS: &str = "pipe_no_parenthesis";
    /// Where an option would bring a program.
    pub(in crate::template) const NO_OPTION: &str = "pipe_no_option";
    /// Where a `=` would make an assignment of it.
    pub(in crate::template) const NO_ASSIGNMENT: &str = "pipe_no_assignment";
    /// JSON that is inert in every language.
    pub(in crate::template) const JSON: &str = "pipe_json";
    /// Where an expression joins texts: the text of a value.
    pub(in crate::template) const TEXT: &str = "pipe_text";
    /// Where an expression computes: a number without its spelling.
    pub(in crate::template) const BARE: &str = "pipe_bare";
    /// Where an expression picks items by their numbers: as before, and not too large.
    pub(in crate::template) const INDEX: &str = "pipe_index";
    /// Where an expression compares: as before, in lists as well.
    pub(in crate::template) const BARE_ALL: &str = "pipe_bare_all";
    /// Where an expression is asked for its truth.
    pub(in crate::template) const TRUTH: &str = "pipe_truth";
    /// What gets a name.
    pub(in crate::template) const NAMED: &str = "pipe_named";
    /// What a namespace or a function gets.
    pub(in crate::template) const HELD: &str = "pipe_held";
    /// A number with its spelling.
    pub(in crate::template) const SPELLED: &str = "pipe_spelled";
    /// A function: the text of a secret.
    pub(in crate::template) const REVEAL: &str = "pipe_reveal";
    /// A function: all params, secrets as text.
    pub(in crate::template) const REVEAL_ALL: &str = "pipe_reveal_all";
}

/// Returns the names under a root that is not a param, `None` if anything goes.
pub(super) fn members(root: &str) -> Option<&'static [&'static str]> {
    match root {
        "pipeline" => Some(&["dir", "name"]),
        "run" => Some(&["id", "started_at"]),
        "step" => Some(&["name"]),
        _ => None,
    }
}

/// Names that stand for something without being declared.
pub(super) const ROOTS: [&str; 9] =
    ["env", "inputs", "matrix", "params", "pipeline", "run", "services", "step", "steps"];

/// Returns the candidate nearest to a mistyped word, if one is near enough to be meant.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let far = word.chars().count().div_ceil(3).max(1);
    let lower = word.to_lowercase();
    let distance = |candidate: &str| strsim::osa_distance(&lower, &candidate.to_lowercase());
    candidates
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|(d, _)| *d <= far)
        .min()
        .map(|(_, name)| name)
}

/// Returns the name of the environment variable by which a script refers to a secret param.
pub fn secret_variable(param: &str) -> String {
    // As it is written: names that differ in case only are different params.
    format!("PIPE_SECRET_{param}")
}
