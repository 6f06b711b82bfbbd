//! Words of other template languages, and what is written here in their place.

use super::scan::Segment;
use super::{TemplateError, TemplateErrorKind};

/// Returns what to write instead of a name that other tools give a meaning to.
pub(super) fn name(root: &str) -> Option<&'static str> {
    Some(match root {
        "github" | "gitlab" | "runner" | "CI" => {
            "what a CI service says is in the environment, such as `{{ env.GITHUB_SHA }}` or `{{ env.CI_COMMIT_SHA }}`"
        }
        "secrets" => {
            "a secret is a param: `params: {token: {type: secret, env: TOKEN}}`, and then `{{ token }}`"
        }
        "vars" | "variables" | "parameters" | "values" | "Values" => {
            "values of a run are declared under `params:`, and then `{{ name }}`"
        }
        "needs" | "jobs" | "tasks" | "outputs" => {
            "a value of a step is `{{ steps.NAME.outputs.KEY }}`, once its script has written it to `$PIPE_OUTPUT`"
        }
        "strategy" | "item" => {
            "a script goes through a list: `params: {items: [a, b]}`, and then `for item in {{ items }}; do`"
        }
        "workspace" | "pwd" | "cwd" => "the folder of the pipeline's file is `{{ pipeline.dir }}`",
        _ => return None,
    })
}

/// Returns what to write instead of a filter or a function that other languages have.
pub(super) fn call(name: &str) -> Option<&'static str> {
    Some(match name {
        "date" | "strftime" | "time" | "today" | "timestamp" => {
            "the time of the run in a form of your own is `{{ now('%Y-%m-%d') }}`"
        }
        "upcase" | "toUpper" | "uppercase" => "write `upper`",
        "downcase" | "toLower" | "lowercase" => "write `lower`",
        "json" | "to_json" | "toJson" | "toJSON" => "write `tojson`",
        "len" | "count" | "size" => "write `length`",
        "quote" | "shellquote" | "shell_quote" | "q" | "squote" | "shell" => {
            "a value in a script is quoted by itself: leave it out"
        }
        "env" | "getenv" => "a variable of the environment is `{{ env.NAME }}`",
        "uuid" | "random" => "what differs from run to run is `{{ run.id }}`",
        "success" | "always" | "failure" | "cancelled" => "what a failure means for the run is `on_error`",
        _ => return None,
    })
}

/// Returns the errors with those of a template of Go joined to one each, which says so.
pub(super) fn explain(source: &str, segments: &[Segment], errors: Vec<TemplateError>) -> Vec<TemplateError> {
    let mut explained: Vec<TemplateError> = Vec::with_capacity(errors.len());
    for error in errors {
        let tag = segments
            .iter()
            .filter_map(Segment::tag)
            .find(|tag| tag.outer.start <= error.range.start && error.range.end <= tag.outer.end);
        let text = tag.and_then(|tag| source.get(tag.outer.clone())).filter(|_| is_about_words(&error));
        match tag.zip(text.filter(|text| is_go(text))) {
            None => explained.push(error),
            Some((tag, _)) if explained.iter().any(|other| other.range == tag.outer) => {}
            Some((tag, text)) => explained.push(TemplateError {
                kind: TemplateErrorKind::Syntax,
                range: tag.outer.clone(),
                message: format!("`{text}` is a template of Go, which this language does not read"),
                help: Some(go_help(text)),
            }),
        }
    }
    explained
}

fn is_about_words(error: &TemplateError) -> bool {
    matches!(
        error.kind,
        TemplateErrorKind::Syntax | TemplateErrorKind::Undefined | TemplateErrorKind::Function
    )
}

/// Keywords of Go's templates.
const KEYWORDS: [&str; 8] = ["range", "end", "else", "if", "with", "define", "template", "block"];

/// Returns whether a tag looks like one of Go's.
fn is_go(tag: &str) -> bool {
    let inner = inner(tag);
    let first = inner.split_whitespace().next().unwrap_or_default();
    let field = |text: &str| {
        text.strip_prefix('.').is_some_and(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    inner == "."
        || KEYWORDS.contains(&first)
        || field(inner)
        || inner.starts_with(['$', '('])
        || inner.split_whitespace().skip(1).any(|word| word == "." || field(word.trim_matches(['(', ')'])))
}

fn go_help(tag: &str) -> String {
    let first = inner(tag).split_whitespace().next().unwrap_or_default();
    let raw = format!("if it is for the command itself, write `{{% raw %}}{tag}{{% endraw %}}`");
    match first {
        "range" => format!("a loop is `{{% for x in list %}}`; {raw}"),
        "end" => format!("a loop ends with `{{% endfor %}}`, a condition with `{{% endif %}}`; {raw}"),
        "if" | "else" => format!("a condition is `{{% if x %}}`, `{{% else %}}`, `{{% endif %}}`; {raw}"),
        _ => raw,
    }
}

fn inner(tag: &str) -> &str {
    tag.trim_start_matches("{{").trim_end_matches("}}").trim_matches(|c: char| c == '-' || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::is_go;

    #[test]
    fn templates_of_go_are_told_from_ours() {
        for go in [
            "{{.}}",
            "{{json .}}",
            "{{.State.Status}}",
            "{{ range .Hosts }}",
            "{{- end -}}",
            "{{$x}}",
            "{{(index .A 0).B}}",
        ] {
            assert!(is_go(go), "{go}");
        }
        for own in ["{{ name }}", "{{.name}}", "{{ range(3) }}", "{{ a if b else c }}", "{{ x | upper }}"] {
            assert!(!is_go(own), "{own}");
        }
    }
}
