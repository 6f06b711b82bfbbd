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
        "strategy" => "a step of a matrix reads its own values: `{{ matrix.NAME }}`",
        "item" => {
            "a script goes through a list: `params: {items: [a, b]}`, and then `for item in {{ items }}; do`"
        }
        "null" | "nil" | "undefined" => {
            "whether there is a value is asked by `x is defined`, and whether it has something in it by `x is not empty`"
        }
        "yes" | "on" => "write `true`",
        "no" | "off" => "write `false`",
        "workspace" | "pwd" | "cwd" => "the folder of the pipeline's file is `{{ pipeline.dir }}`",
        _ => return None,
    })
}

/// What GitHub says under `github`, and in a variable of the same name as well.
const GITHUB: &[&str] = &[
    "action",
    "actor",
    "api_url",
    "base_ref",
    "event_name",
    "event_path",
    "head_ref",
    "job",
    "ref",
    "ref_name",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_owner",
    "run_attempt",
    "run_id",
    "run_number",
    "server_url",
    "sha",
    "triggering_actor",
    "workflow",
    "workspace",
];

/// Returns what to write instead of a path that other tools give a meaning to.
pub(super) fn path(root: &str, attributes: &[&str]) -> Option<String> {
    match (root, attributes) {
        ("github", [name]) if GITHUB.contains(name) => {
            Some(format!("write `{{{{ env.GITHUB_{} }}}}`", name.to_uppercase()))
        }
        ("github", ["event", ..]) => Some(
            "what the event was is in the file that `env.GITHUB_EVENT_PATH` names: hand it over as a param, such as \
             `-p draft=true`"
                .to_owned(),
        ),
        ("runner", [name]) => Some(format!("write `{{{{ env.RUNNER_{} }}}}`", name.to_uppercase())),
        ("needs", [step, "result"]) => {
            Some(format!("a condition asks how a step has ended: `success('{step}')`, `failure('{step}')`"))
        }
        ("needs", [step, "outputs", key]) => Some(format!("write `{{{{ steps.{step}.outputs.{key} }}}}`")),
        ("job", ["services", service, "ports", port]) => Some(format!(
            "the port that leads to {port} is `{{{{ services.{service}.ports['{port}'] }}}}`, and where it is found \
             `{{{{ services.{service}.host }}}}`"
        )),
        ("job", ["services", ..]) => {
            Some("where a service is found is `{{ services.NAME.host }}` and `{{ services.NAME.port }}`".to_owned())
        }
        ("job", ["status"]) => {
            Some("how the run has ended is asked in a step with `finally: true`: `if: failure()`".to_owned())
        }
        _ => name(root).map(str::to_owned),
    }
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
        "always" => "a step with `finally: true` always runs; leave `if` out",
        "contains" => "write `'part' in x`, for a text as for a list",
        "startsWith" | "startswith" | "starts_with" | "hasPrefix" => "write `x is startingwith 'v'`",
        "endsWith" | "endswith" | "ends_with" | "hasSuffix" => "write `x is endingwith '.md'`",
        "fromJSON" | "fromJson" | "toBool" => "values have their types already: leave it out",
        "hashFiles" => "`sha256` is a filter of texts; a sum of files is for the script",
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
