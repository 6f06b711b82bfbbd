//! Places that take any value: a script around `x`, and what it prints.

/// A script around `x`, and what it prints for a value: records that end in NUL.
pub(super) struct Context {
    pub(super) script: &'static str,
    pub(super) prints: fn(&str) -> Vec<String>,
    /// Whether only bash knows the grammar.
    pub(super) bash: bool,
}

const fn posix(script: &'static str, prints: fn(&str) -> Vec<String>) -> Context {
    Context { script, prints, bash: false }
}

const fn bash(script: &'static str, prints: fn(&str) -> Vec<String>) -> Context {
    Context { script, prints, bash: true }
}

fn same(value: &str) -> Vec<String> {
    vec![value.to_owned()]
}

fn between(value: &str) -> Vec<String> {
    vec![format!("a{value}b")]
}

fn dot(value: &str) -> Vec<String> {
    vec![format!("{value}.")]
}

fn line(value: &str) -> Vec<String> {
    vec![format!("[{value}]\n")]
}

fn and_b(value: &str) -> Vec<String> {
    vec![value.to_owned(), "b".to_owned()]
}

fn ok(_: &str) -> Vec<String> {
    vec!["ok".to_owned()]
}

pub(super) const CONTEXTS: &[Context] = &[
    // Bare words.
    posix(r"printf '%s\0' {{ x }}", same),
    posix(r"printf '%s\0' {{.x}}", same),
    posix(r"printf '%s\0' {{ params.x }} b", and_b),
    posix("printf '%s\\0' \\\n  {{ x }} \\\n  b", and_b),
    posix(r"printf '%s\0' a{{ x }}b", between),
    posix(r"printf '%s\0' --out={{ x }}", |v| vec![format!("--out={v}")]),
    posix(r"printf '%s\0' {{ x }}.tar.gz", |v| vec![format!("{v}.tar.gz")]),
    posix(r"printf '%s\0' {{ x }}{{ x }}", |v| vec![format!("{v}{v}")]),
    posix(r#"V=v; printf '%s\0' $V{{ x }}"b""#, |v| vec![format!("v{v}b")]),
    posix(r"printf '%s\0' ''{{ x }}#b", |v| vec![format!("{v}#b")]),
    posix(r"printf '%s\0' ~{{ x }}", |v| vec![format!("~{v}")]),
    posix(r"printf '%s\0' [{{ x }}]", |v| vec![format!("[{v}]")]),
    posix(r"printf '%s\0' {{ x }}>&1", same),
    posix(r"printf '%s\0' {{ x }} 2>&1 b", and_b),
    posix(r"true && printf '%s\0' {{ x }}; true | printf '%s\0' b", and_b),
    posix(r"(printf '%s\0' {{ x }}) && { printf '%s\0' b; }", and_b),
    posix("f() { printf '%s\\0' {{ x }}; }\nf", same),
    posix("if true; then printf '%s\\0' {{ x }}; else :; fi", same),
    posix("! false | printf '%s\\0' {{ x }}", same),
    posix("sleep 0 & printf '%s\\0' {{ x }}; wait", same),
    bash(r"printf '%s\0' {a,{{ x }}}", |v| vec!["a".to_owned(), v.to_owned()]),
    bash(r"a=({{ x }} b); printf '%s\0' ${a[0]+one} {{ x }}", |v| vec!["one".to_owned(), v.to_owned()]),
    bash("a=( # it's\n {{ x }}\n b ); declare -p a >/dev/null; printf '%s\\0' \"${a[@]}\"", and_b),
    bash(r"cat <(printf '%s\0' {{ x }})", same),
    bash(r"if [[ -n a ]] then printf '%s\0' {{ x }}; fi", same),
    // Quotes.
    posix(r"printf '%s\0' 'a{{ x }}b'", between),
    posix(r"printf '%s\0' ''{{ x }}''", same),
    posix(r#"printf '%s\0' "a{{ x }}b""#, between),
    bash(r#"printf '%s\0' "{{ x }}"$'b\t'$"c"{{ x }}"#, |v| vec![format!("{v}b\tc{v}")]),
    posix(r#"V=v; printf '%s\0' "$V{{ x }}""#, |v| vec![format!("v{v}")]),
    posix(r#"V=v; printf '%s\0' "${V}{{ x }}$V""#, |v| vec![format!("v{v}v")]),
    posix(r#"printf '%s\0' "it's {{ x }}""#, |v| vec![format!("it's {v}")]),
    posix(r#"printf '%s\0' 'say "'{{ x }}"'" "#, |v| vec![format!("say \"{v}'")]),
    posix(r#"printf '%s\0' "\\\"{{ x }}""#, |v| vec![format!("\\\"{v}")]),
    // Commands in words.
    posix(r#"printf '%s\0' "$(printf '%s.' {{ x }})""#, dot),
    posix(r#"printf '%s\0' "$(printf '%s.' "{{ x }}")""#, dot),
    posix(r#"printf '%s\0' "$(printf '%s.' 'a{{ x }}')""#, |v| vec![format!("a{v}.")]),
    posix(r#"printf '%s\0' "$(printf '%s.' "$(printf '%s.' "$(printf '%s.' {{ x }})")")""#, |v| {
        vec![format!("{v}...")]
    }),
    posix(r#"v=$(printf '%s.' {{ x }}); printf '%s\0' "$v""#, dot),
    posix(r#"printf '%s\0' "$( (printf '%s.' {{ x }}) )""#, dot),
    posix("printf '%s\\0' \"$(# it's\nprintf '%s.' {{ x }})\"", dot),
    posix(r#"printf '%s\0' "$(case a in (a) printf '%s.' {{ x }};; esac)""#, dot),
    posix(r#"printf '%s\0' "$(case a in b|c) ;; a) printf '%s.' {{ x }} ;; esac)""#, dot),
    posix(r#"printf '%s\0' "$(for i in a; do case $i in a) printf '%s.' {{ x }}; esac; done)""#, dot),
    // Assignments.
    posix(r#"v={{ x }}; printf '%s\0' "$v""#, same),
    posix(r#"v="{{ x }}"; printf '%s\0' "$v""#, same),
    posix(r#"v=a{{ x }}b w={{ x }}; printf '%s\0' "$v""#, between),
    posix(r#"export v={{ x }}; printf '%s\0' "$v""#, same),
    posix(r#"v={{ x }} sh -c 'printf "%s\0" "$v"'"#, same),
    bash(r#"f() { local v={{ x }} w; printf '%s\0' "$v"; }; f"#, same),
    posix(r"{{ x }}=1 2>/dev/null || printf 'ok\0'", ok),
    // Other places for words.
    posix(r#"for i in {{ x }} b; do printf '%s\0' "$i"; done"#, and_b),
    posix("v={{ x }}\ncase {{ x }} in \"$v\") printf 'ok\\0';; esac", ok),
    posix("v={{ x }}\ncase $v in\n  no{{ x }}) ;;\n  {{ x }}) printf 'ok\\0';;\nesac", ok),
    posix("v={{ x }}\nif [ {{ x }} = \"$v\" ]; then printf 'ok\\0'; fi", ok),
    posix("v={{ x }}; [ \"a$v\" != b{{ x }} ] && printf 'ok\\0'", ok),
    bash("v={{ x }}; [[ $v == {{ x }} && {{ x }} = \"$v\" ]] && printf 'ok\\0'", ok),
    bash("v={{ x }}; [[ a$v == a{{ x }} ]] && printf 'ok\\0'", ok),
    bash("[[ a == a ]] || [[ b == {{ x }} ]] && printf 'ok\\0'", ok),
    bash(r"tr '\n' '\n' <<< {{ x }}; printf '\0'", |v| vec![format!("{v}\n")]),
    // Comments.
    posix("# {{ x }}\nprintf 'ok\\0' # {{ x }}", ok),
    posix("printf 'ok\\0' # it's {{ x }}\n: '{{ x }}'", ok),
    posix("v=$(: # {{ x }}\n) && printf 'ok\\0'", ok),
    // Here-documents.
    posix("cat <<EOF\n[{{ x }}]\nEOF\nprintf '\\0'", line),
    posix("cat << 'EOF'\n[{{ x }}]\nEOF\nprintf '\\0'", line),
    posix("cat <<\"E F\"; printf '\\0%s\\0' b\n[{{ x }}]\nE F", |v| vec![format!("[{v}]\n"), "b".to_owned()]),
    posix("cat <<\\EOF\n[{{ x }}]\nEOF\nprintf '\\0'", line),
    posix("cat <<-EOF\n\t[{{ x }}]\n\tEOF\nprintf '\\0'", line),
    posix("V=v; cat <<EOF && printf '\\0'\n'\"$V {{ x }}]\nEOF", |v| vec![format!("'\"v {v}]\n")]),
    posix("cat <<A; cat <<'B'; printf '\\0'\n[{{ x }}]\nA\n[{{ x }}]\nB", |v| {
        vec![format!("[{v}]\n[{v}]\n")]
    }),
    posix("cat <<EOF\n{{ x }}\nEOF\nprintf '%s\\0' {{ x }}", |v| vec![format!("{v}\n{v}")]),
    // Bare words, with more around them.
    posix(r#"printf '%s\0' "{{ x }}"'{{ x }}'{{ x }}"#, |v| vec![format!("{v}{v}{v}")]),
    posix(r#"set -- {{ x }} b; printf '%s\0' "$@""#, and_b),
    posix(r"printf '%s\0' {{ x }}; :", same),
    posix(r"printf '%s\0' {{ x }} # {{ x }} it's", same),
    posix(r"printf '%s\0' a\ b{{ x }}", |v| vec![format!("a b{v}")]),
    posix(r#"printf '%s\0' \"{{ x }}\""#, |v| vec![format!("\"{v}\"")]),
    posix(r"printf '%s\0' a\\{{ x }}", |v| vec![format!("a\\{v}")]),
    posix(r"printf '%s\0' '\'{{ x }}", |v| vec![format!("\\{v}")]),
    posix(r"printf '%s\0' {{ x }}\ b", |v| vec![format!("{v} b")]),
    posix(r"printf '%s\0' ?{{ x }}", |v| vec![format!("?{v}")]),
    posix(r"printf '%s\0' *{{ x }}", |v| vec![format!("*{v}")]),
    posix(r"printf '%s\0' -{{ x }}", |v| vec![format!("-{v}")]),
    posix(r"printf '%s\0' {{ x }}={{ x }}", |v| vec![format!("{v}={v}")]),
    posix(r"printf '%s\0' a={{ x }}", |v| vec![format!("a={v}")]),
    posix(r"printf '%s\0' {{ x }},b:{{ x }}", |v| vec![format!("{v},b:{v}")]),
    posix(r"printf '%s\0' {{ x }}@h:{{ x }}/b", |v| vec![format!("{v}@h:{v}/b")]),
    posix(r"unset V; printf '%s\0' ${V:-a}{{ x }}b", between),
    posix(r#"unset V; printf '%s\0' "${V:-a}{{ x }}b""#, between),
    posix(r"printf '%s\0' $((1+1)){{ x }}", |v| vec![format!("2{v}")]),
    posix(r#"printf '%s\0' "$((1+1)){{ x }}""#, |v| vec![format!("2{v}")]),
    posix(r"printf '%s\0' `printf a`{{ x }}b", between),
    posix(r#"printf '%s\0' "`printf a`{{ x }}b""#, between),
    posix(r#"printf '%s\0' "$(printf a){{ x }}b""#, between),
    posix(r"printf '%s\0' $(printf a){{ x }}b", between),
    posix(r#"printf '%s\0' "$(printf '%s' a)" {{ x }}"#, |v| vec!["a".to_owned(), v.to_owned()]),
    posix(r"printf '%s\0' {{ x ~ 'b' }}", |v| vec![format!("{v}b")]),
    posix(r"printf '%s\0' {{ [x, 'b'] }}", and_b),
    posix(r"printf '%s\0' {{ x if true else 'b' }}", same),
    posix(r"printf '%s\0' {{ [x, 'b'] | join('/') }}", |v| vec![format!("{v}/b")]),
    // Commands around them.
    posix(r"while :; do printf '%s\0' {{ x }}; break; done", same),
    posix(r"until printf '%s\0' {{ x }}; do :; done", same),
    posix(r"if false; then :; elif true; then printf '%s\0' {{ x }}; fi", same),
    posix("if true\nthen\n  printf '%s\\0' {{ x }}\nelse\n  printf '%s' {{ x }}\nfi", same),
    posix("for i in a b; do :; done; printf '%s\\0' {{ x }}", same),
    posix("for i in {{ x }} \\\n  b\ndo\n  printf '%s\\0' \"$i\"\ndone", and_b),
    posix(r"printf '%s\0' {{ x }} | cat", same),
    posix(r"printf '%s\0' {{ x }} | { cat; }", same),
    posix(r"true | printf '%s\0' {{ x }}", same),
    posix(r": | (cat; printf '%s\0' {{ x }})", same),
    posix("f() (printf '%s\\0' \"$1\")\nf {{ x }}", same),
    posix("f() { printf '%s\\0' \"$2\"; }; f a {{ x }}", same),
    posix(r"command printf '%s\0' {{ x }}", same),
    posix(r"env printf '%s\0' {{ x }}", same),
    posix(r"trap '' TERM; printf '%s\0' {{ x }}", same),
    posix(r#"sh -c 'printf "%s\0" "$1"' sh {{ x }}"#, same),
    posix(r#"sh -c 'printf "%s\0" "$@"' sh {{ x }} b"#, and_b),
    posix("sh -s -- {{ x }} <<'EOF'\nprintf '%s\\0' \"$1\"\nEOF", same),
    posix(r#"v={{ x }}; eval 'printf "%s\0" "$v"'"#, same),
    posix(r"[ -n a{{ x }} ] && printf 'ok\0'", ok),
    posix(r"test {{ x }} = {{ x }} && printf 'ok\0'", ok),
    posix(r": {{ x }} '{{ x }}'; printf 'ok\0'", ok),
    // Redirections.
    posix(r"printf '%s\0' {{ x }} 2>/dev/null >&1", same),
    posix(r"exec 3>&1; printf '%s\0' {{ x }} >&3", same),
    posix(r"printf '%s' {{ x }} > f; cat f; printf '\0'; rm f", same),
    posix(r"f=./f{{ x | length }}; printf '%s' {{ x }} > $f; cat < $f; printf '\0'; rm $f", same),
    // Assignments.
    posix(r#"(readonly v={{ x }}; printf '%s\0' "$v")"#, same),
    posix(r#"export v="a{{ x }}b"; printf '%s\0' "$v""#, between),
    posix(r#"v='{{ x }}'; printf '%s\0' "$v""#, same),
    posix(r#"v=a; v=$v{{ x }}b; printf '%s\0' "$v""#, between),
    posix(r#"v=$(printf '%s.' {{ x }})$(printf b); printf '%s\0' "$v""#, |v| vec![format!("{v}.b")]),
    posix(r#"v="$(printf '%s.' '{{ x }}')"; printf '%s\0' "$v""#, dot),
    posix(r#"a=1 v={{ x }} c=3; printf '%s\0' "$v""#, same),
    posix(r#"v=~{{ x }}; printf '%s\0' "$v""#, |v| vec![format!("~{v}")]),
    // Cases.
    posix(r"case {{ x }} in *) printf '%s\0' {{ x }};; esac", same),
    posix(r"case a{{ x }} in b|a{{ x }}) printf 'ok\0';; esac", ok),
    posix(r#"case "{{ x }}" in "{{ x }}") printf 'ok\0';; esac"#, ok),
    posix(r"case '{{ x }}b' in ({{ x }}*) printf 'ok\0';; *) printf 'no\0';; esac", ok),
    // Here-documents, with more around them.
    posix("if true; then cat <<EOF\n[{{ x }}]\nEOF\nfi; printf '\\0'", line),
    posix("f() {\ncat <<EOF\n[{{ x }}]\nEOF\n}\nf; printf '\\0'", line),
    posix("(cat <<EOF\n[{{ x }}]\nEOF\n); printf '\\0'", line),
    posix("for i in a; do cat <<EOF\n[{{ x }}]\nEOF\ndone; printf '\\0'", line),
    posix("cat <<EOF | cat\n[{{ x }}]\nEOF\nprintf '\\0'", line),
    posix("cat <<EOF\n$(printf a)[{{ x }}]\nEOF\nprintf '\\0'", |v| vec![format!("a[{v}]\n")]),
    posix("cat <<EOF\n$((1+1))[{{ x }}]`printf b`\nEOF\nprintf '\\0'", |v| vec![format!("2[{v}]b\n")]),
    posix("unset V; cat <<EOF\n${V-}[{{ x }}]\nEOF\nprintf '\\0'", line),
    posix("cat <<-'EOF'\n\t[{{ x }}]\n\tEOF\nprintf '\\0'", line),
    posix("cat <<EOF\n# '[{{ x }}]\nEOF\nprintf '\\0'", |v| vec![format!("# '[{v}]\n")]),
    posix("while read -r l; do :; done <<EOF\n{{ x }}\nEOF\nprintf 'ok\\0'", ok),
    posix("{ cat; printf '%s\\0' {{ x }}; } <<EOF\n[{{ x }}]\nEOF", |v| vec![format!("[{v}]\n{v}")]),
    posix("cat 0<<EOF 2>/dev/null; printf '\\0%s\\0' {{ x }}\n[{{ x }}]\nEOF", |v| {
        vec![format!("[{v}]\n"), v.to_owned()]
    }),
    // What only bash knows.
    bash(r#"a=(x); a+=({{ x }} b); printf '%s\0' "${a[@]:1}""#, and_b),
    bash(r#"a[1]={{ x }}; printf '%s\0' "${a[1]}""#, same),
    bash(r#"unset a; a=([0]=x [1]={{ x }}); printf '%s\0' "${a[1]}""#, same),
    bash(r#"declare -A m=([k]={{ x }}); printf '%s\0' "${m[k]}""#, same),
    bash(r#"declare d={{ x }}; typeset t={{ x }}; printf '%s\0' "$d$t""#, |v| vec![format!("{v}{v}")]),
    bash(r#"v=a; v+={{ x }}b; printf '%s\0' "$v""#, between),
    bash(r"printf '%s\0' $'a\n'{{ x }}", |v| vec![format!("a\n{v}")]),
    bash(r#"printf '%s\0' "a"$"b"{{ x }}$'c'"#, |v| vec![format!("ab{v}c")]),
    bash(r#"cat <<< "a{{ x }}b"; printf '\0'"#, |v| vec![format!("a{v}b\n")]),
    bash(r"cat <<< 'a{{ x }}b'; printf '\0'", |v| vec![format!("a{v}b\n")]),
    bash(r#"mapfile -t -d '' m2 < <(printf '%s\0' {{ x }} b); printf '%s\0' "${m2[@]}""#, and_b),
    bash(r"printf '%s\0' {{ x }} |& cat", same),
    bash(r"diff <(printf '%s' {{ x }}) <(printf '%s' {{ x }}) && printf 'ok\0'", ok),
    bash(r"exec 5< <(printf '%s\0' {{ x }}); cat <&5", same),
    bash(r#"printf -v v '%s.' {{ x }}; printf '%s\0' "$v""#, dot),
    bash(r"[[ {{ x }} != a{{ x }} ]] && printf 'ok\0'", ok),
    bash(r"[[ -n {{ x }}a && ! -z a{{ x }} ]] && printf 'ok\0'", ok),
    bash(r"[[ ( {{ x }} == {{ x }} ) || a == b ]] && printf 'ok\0'", ok),
    bash(r"[[ a{{ x }}b =~ {{ x }} ]] && printf 'ok\0'", ok),
    bash(r"v=a{{ x }}b; [[ $v = *{{ x }}* ]] && printf 'ok\0'", ok),
    bash(r#"[[ "{{ x }}" == '{{ x }}' ]] && printf 'ok\0'"#, ok),
    bash(r"for ((i=0;i<1;i++)); do printf '%s\0' {{ x }}; done", same),
    bash(r"if (( 1 > 0 )); then printf '%s\0' {{ x }}; fi", same),
    bash(r"function g { printf '%s\0' {{ x }}; }; g", same),
    bash(r#"h() { local -a l=({{ x }} b); printf '%s\0' "${l[@]}"; }; h"#, and_b),
    bash(r"case x in x) printf '%s\0' {{ x }} ;;& y) ;; esac", same),
    bash(r"printf '%s\0' {{ x }} {b,c}", |v| vec![v.to_owned(), "b".to_owned(), "c".to_owned()]),
    bash(r"{ time printf '%s\0' {{ x }}; } 2>/dev/null", same),
    bash(r#"printf '%s\0' "${a:+}{{ x }}${#v}" | tr -d 0-9 | tr '\0' '.' >/dev/null; printf 'ok\0'"#, ok),
    // Statements.
    posix(r"printf '%s\0' {% if true %}{{ x }}{% else %}no{% endif %} b", and_b),
    posix(r"printf '%s\0' {% for i in ['', '.'] %}{{ x }}{{ i }} {% endfor %}", |v| {
        vec![v.to_owned(), format!("{v}.")]
    }),
    posix(r"printf '%s\0' {% set y = x %}'{% if x == y %}{{ y }}{% endif %}'", same),
    posix(r"{% with y = x ~ '.' %}printf '%s\0' {{ y }}{% endwith %}", dot),
    posix(
        "case a in {% for i in ['b', 'a'] %}\n  {{ i }}) printf '%s\\0' {{ i }}{{ x }};;{% endfor %}\nesac",
        |v| vec![format!("a{v}")],
    ),
    posix(r"V=v; printf '%s\0' ${#V}{% raw %}{{{% endraw %}{{ x }}", |v| vec![format!("1{{{{{v}")]),
    posix(r"{% if false %}printf no{% else %}printf '%s\0' {{ x }}{% endif %}", same),
    posix(r#"printf '%s\0' "{% if true %}{{ x }}{% endif %}b""#, |v| vec![format!("{v}b")]),
    posix(r"printf '%s\0' {% for i in [x, 'b'] %}{{ i }} {% endfor %}", and_b),
    posix(r"{% set y = 'a' ~ x %}printf '%s\0' {{ y }}b", between),
    posix("cat <<EOF\n{% for i in [1, 2] %}[{{ x }}]\n{% endfor %}EOF\nprintf '\\0'", |v| {
        vec![format!("[{v}]\n[{v}]\n")]
    }),
];
