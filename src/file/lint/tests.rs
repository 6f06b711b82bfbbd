//! How far scripts are understood.

use super::commands::{Command, Mode};
use super::lint;
use super::reader::commands;
use crate::file::{LoadOptions, load};
use crate::pipeline::Source;

/// Each command as `program|argument|… >file`.
fn read(script: &str) -> Vec<String> {
    let mode = |mode: Mode| match mode {
        Mode::Read => '<',
        Mode::Write => '>',
        Mode::Append => '+',
    };
    let show = |command: Command| {
        let words = command.words.iter().map(|word| word.text.clone()).collect::<Vec<_>>().join("|");
        let redirections =
            command.redirections.iter().map(|it| format!(" {}{}", mode(it.mode), it.target.text));
        words + &redirections.collect::<String>() + if command.limited { " limited" } else { "" }
    };
    commands(script).into_iter().map(show).collect()
}

#[test]
fn commands_words_and_files() {
    assert_eq!(read("a b 'c d' \"e f\" g\\ h"), ["a|b|c d|e f|g h"]);
    assert_eq!(read("a < x > y 2>> z 2>&1 | b; c && d & e\nf"), ["a <x >y +z", "b", "c", "d", "e", "f"]);
    assert_eq!(read("a # b\nc#d"), ["a", "c#d"]);
    assert_eq!(read("a \\\n  b"), ["a|b"]);
    assert_eq!(read("x=1 y=$(a b) c"), ["a|b", "c"]);
    assert_eq!(read("a \"$(b > f | c \"d\")\" e"), ["b >f", "c|d", "a||e"]);
    assert_eq!(read("(a; b) > f"), ["a", "b", " >f"]);
    assert_eq!(read("a <(b) >(c) <<< d"), ["b", "c", "a"]);
}

#[test]
fn keywords_and_wrappers_are_taken_off() {
    assert_eq!(read("if a; then b; else c; fi > f"), ["a", "b", "c", " >f"]);
    assert_eq!(read("for x in a b; do c; done"), ["c"]);
    assert_eq!(read("case $x in a) b;; c|d) e;; esac"), ["b", "e"]);
    assert_eq!(read("! time sudo -u me -E X=1 nice -n 5 a b"), ["a|b"]);
    assert_eq!(read("timeout -k 5 30s a b; env -i A=b c"), ["a|b limited", "c"]);
    assert_eq!(read("f() { a; }"), ["a"]);
    assert_eq!(read("x=(a b) c; case $x in (a|b) d;; esac"), ["c", "d"]);
    assert_eq!(read("$(case $x in a) b;; esac) c"), ["b", "|c"]);
}

#[test]
fn documents_are_no_commands() {
    assert_eq!(read("a <<EOF > f\nb > g\nEOF\nc"), ["a >f", "c"]);
    assert_eq!(read("a <<-'X' <<Y\n\tb\n\tX\nc\nY\nd"), ["a", "d"]);
    assert_eq!(read("a <<EOF\nb"), ["a"]);
}

#[test]
fn expressions_stand_for_themselves() {
    assert_eq!(read("a {{ x }}/{{.y}} '{{ params.z }}'"), ["a|{{x}}/{{y}}|{{z}}"]);
    assert_eq!(read("a {% if x %}b{% endif %} d"), ["a|b|d"]);
    assert_eq!(read("{% if x %}a{% else %}b{% endif %}"), ["ab"]);
}

#[test]
fn whatever_is_not_closed_ends_with_the_script() {
    for script in [
        "a 'b",
        "a \"b",
        "a $(b",
        "a ${b",
        "a `b",
        "a {{ b",
        "{% b",
        ")",
        "a)b)",
        "case x in",
        "case x in a) b;;",
        "a=(",
        "a <",
        "$",
        "\\",
        "<<",
        "é'",
    ] {
        commands(script);
    }
    commands(&"$(".repeat(100_000));
    commands(&"(".repeat(100_000));
    commands(&")".repeat(100_000));
}

/// Lines that users write, with values that no command takes for options.
const GOOD_LINES: &str = r#"
echo {{ word }}
echo {{ env.HOME }} {{ run.id }} {{ now() }}
printf '%s\n' {{ word }} {{ name }}
test -n {{ word }} && [ {{ word }} = x ]
[[ {{ word }} == a* ]] || true
case {{ word }} in a) echo a ;; esac
for x in {{ words }}; do echo "$x"; done
export NAME={{ word }} OTHER={{ name }}
NAME={{ word }} make
set -- {{ words }}
cd {{ folder }}
read -r x <<< {{ word }}
say() { echo "$1"; }; say {{ word }}; say {{ env.HOME }}
deploy_to() { ssh "$1" true; }; deploy_to {{ name }}
./deploy.sh {{ word }} {{ name }}
make {{ word }}
npm run {{ word }}
cargo test {{ word }}
python3 train.py {{ word }}
docker build -t {{ name }} .
docker run --rm {{ name }} --help
docker push {{ name }}:{{ word }}
kubectl -n {{ name }} get pods
kubectl rollout status deployment/{{ name }}
helm upgrade --install {{ name }} ./chart
terraform workspace select {{ name }}
aws s3 cp out.tgz s3://{{ name }}/
rsync -a dist/ {{ name }}:/srv/
scp -q a.tgz deploy@{{ name }}:/srv/
ssh deploy@{{ name }} uptime
ssh -i {{ word }} machine uptime
git checkout {{ word }}
git tag -a {{ word }} -m "Release {{ word }}"
git clone {{ name }} repo
git log --author={{ name }}
psql -d {{ name }} -c 'select 1'
pg_dump --format=custom {{ name }}
mysqldump -h {{ name }} -u {{ word }} --all-databases
ffmpeg -i {{ folder }}/in.mp4 -vf scale={{ word }} out.mp4
convert a.jpg -resize {{ word }} b.jpg
curl -fsS --max-time 5 {{ name }}
curl -fsS --max-time 5 -H "Name: {{ word }}" https://example.org/{{ name }}
wget -T 5 -O out.html {{ name }}
grep -e {{ word }} list
grep -r -- {{ word }} list
grep -A {{ name }} needle list
grep --regexp {{ word }} list
grep needle {{ name }}
rg -e {{ word }}
sort -k {{ name }} list
head -n {{ name }} list
tail -c {{ name }} list
cut -d {{ word }} -f 1 list
tar -cf out.tar -C {{ folder }} .
tar czf {{ name }}.tgz public
mkdir -p out/{{ name }}
mkdir -p {{ name }}
rm -rf out/{{ name }}
rm -rf {{ folder }} {{ name }}
cp a.txt {{ name }}
mv {{ folder }}/a b
cat {{ folder }}/list {{ inputs.left }}
diff {{ inputs.left }} old.txt
join {{ inputs.left }} right.tsv
sha256sum {{ name }}
touch {{ folder }}/stamp
chmod +x bin/{{ name }}
jq --arg name {{ word }} '.name == $name' list.json
sed "s/x/{{ word }}/" list
awk -v name={{ word }} '$1 == name' list
xargs -n 1 echo {{ word }}
sudo systemctl restart {{ name }}
sendmail {{ name }} < mail.txt
tee {{ folder }}/log
"#;

#[test]
fn good_lines_have_no_leading_dash() {
    let lines: Vec<&str> = GOOD_LINES.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.len() >= 60);
    for line in lines {
        let text = format!(
            "params: {{word: {{type: string, required: true}}, words: {{type: list, required: true}}, name: web, folder: {{type: path, \
             default: x}}}}\nsteps:\n  - {{name: make, run: ls, output: left}}\n  - name: use\n    inputs: {{left: left}}\n    run: |\n      \
             {line}\n"
        );
        let pipeline = load(Source::new("p.yml", text), &LoadOptions::default());
        let pipeline = pipeline.unwrap_or_else(|problems| panic!("{line}: {problems}"));
        let found = lint(&pipeline).into_iter().find(|problem| problem.code.name() == "leading-dash");
        assert!(found.is_none(), "{line}: {found:?}");
    }
}
