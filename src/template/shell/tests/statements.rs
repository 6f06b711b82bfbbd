//! Text that statements cut.

use super::refusals;

#[test]
fn branches_leave_the_quoting_as_they_found_it() {
    for (source, message) in [
        (
            "echo '{% if true %}'{% endif %}",
            "{% if true %}: this branch begins inside `'…'` and ends outside all quotes",
        ),
        (
            "{% if true %}echo \"{% else %}a{% endif %}",
            "{% if true %}: this branch begins outside all quotes and ends inside `\"…\"`",
        ),
        (
            "{% if true %}a{% else %}$(echo{% endif %}",
            "{% else %}: this branch begins outside all quotes and ends inside `$( )`",
        ),
        (
            "{% for i in range(3) %}'{% endfor %}",
            "{% for i in range(3) %}: this branch begins outside all quotes and ends inside `'…'`",
        ),
        (
            "{% if true %}cat <<EOF\n{% endif %}",
            "{% if true %}: this branch begins outside all quotes and ends inside a here-document",
        ),
        (
            "{% if true %}case a in{% endif %} ",
            "{% if true %}: this branch begins outside all quotes and ends inside `case`",
        ),
        (
            "# {% if true %}a\n{% endif %}",
            "{% if true %}: this branch begins inside a comment and ends outside all quotes",
        ),
    ] {
        // A case that has not been told from a longer word yet is told at the next blank.
        let source = source.replace("in{% endif", "in {% endif");
        assert_eq!(refusals(&source), [message], "{source}");
    }
}

#[test]
fn text_that_statements_cut_is_read_in_every_way() {
    // Each of these is harmless in one branch and code in the other.
    for source in [
        "echo \\{% if true %}a{% endif %}{{ x }}",
        "echo ${% if true %}{% endif %}{{ x }}",
        "c{% if true %}ase a in a) {{ x }} ;; esac{% endif %}",
        "\"$(c{% if true %}a{% endif %}se a in a) echo {{ x }} ;; esac)\"",
        "cat <{% if true %}<EOF{% endif %}\n{{ x }}\nEOF",
        "echo a{% if true %} {% endif %}#{{ x }}",
        "echo $({% if true %}{% else %}({% endif %}({{ x }}",
    ] {
        assert!(!refusals(source).is_empty(), "{source}");
    }
    for source in [
        "cp{% if true %} -v{% endif %} {{ x }}",
        "cp {% if true %}-v{% endif %} {{ x }} {% if true %}-a{% else %}'b'{% endif %}{{ x }}",
        "{% if true %}a=1 {% endif %}echo {{ x }}",
        "{% for i in range(3) %}echo {{ i }}{% if not loop.last %} && {% endif %}{% endfor %}\necho {{ x }}",
        "{% for i in range(3) %}a{{ i }}{% endfor %}",
        "{% for i in range(3) %}'{% for j in range(3) %}{{ i }}b{% endfor %}'{% endfor %}",
    ] {
        assert_eq!(refusals(source), [""; 0], "{source}");
    }
}

#[test]
fn deep_nesting_ends() {
    let deep =
        |open: &str, close: &str| format!(": {}echo {{{{ x }}}} {}", open.repeat(39), close.repeat(39));
    assert_eq!(refusals(&deep("{% for i in range(2) %} a", " b{% endfor %} ")), [""; 0]);
    assert_eq!(refusals(&deep("{% if true %} a", " 'b'{% endif %}c")), [""; 0]);
    assert_eq!(refusals(&deep("$(echo ", ")")), [""; 0]);
    // Words that are glued together in too many ways are refused, and soon.
    assert!(!refusals(&deep("{% for i in range(2) %}a", "b{% endfor %}")).is_empty());
    let far = format!("{}{{{{ x }}}}", "$(echo ".repeat(9_999));
    assert_eq!(
        refusals(&far),
        ["{{ x }}: a value cannot be used here: the shell text before it cannot be followed"]
    );
    let many = "{% if true %}a{% endif %}".repeat(200);
    assert_eq!(refusals(&format!("{many} {{{{ x }}}}")), [""; 0]);
}
