//! Secrets that are typed, read from files and given away: what `pipe` asks, on a terminal of its own
//! (`script`).

use std::process::{Command, Stdio};

use crate::support::Place;
use crate::support::typist::Typist;

const PIPELINE: &str = r#"
params:
  token: {type: secret, env: TOKEN, description: the key of the house}
  other: {type: secret}
  free: {type: secret, default: nothing}
steps:
  - {name: use, run: "printf '%s,%s,%s' {{ token }} {{ other }} {{ free }} > used; echo {{ token }}"}
"#;

#[test]
fn what_nothing_else_gives_is_asked_for_and_not_shown() {
    let place = Place::with(PIPELINE);
    let mut typist = Typist::of(&place, "PIPE run --format plain");
    typist.asked("token (the key of the house): ", "hunter22 !\n").asked("other: ", "@second\n");
    let (code, shown) = typist.end();
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(place.read("used"), "hunter22 !,@second,nothing");
    assert!(!shown.contains("hunter22") && !shown.contains("second") && shown.contains("***"), "{shown}");
}

#[test]
fn a_stream_on_stdin_leaves_the_terminal_to_ask_on() {
    let place = Place::with(&format!("{PIPELINE}  - {{name: keep, run: cat > kept, input: bytes}}\n"));
    place.write("bytes", "a stream\n");
    let mut typist = Typist::of(&place, "PIPE run --format plain --in bytes=- < bytes");
    typist.asked("token (the key of the house): ", "hunter22\n").asked("other: ", "second\n");
    let (code, shown) = typist.end();
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(
        (place.read("used"), place.read("kept")),
        ("hunter22,second,nothing".into(), "a stream\n".into())
    );
}

#[test]
fn an_interrupted_question_leaves_the_terminal_as_it_was() {
    let place = Place::with(PIPELINE);
    let mut typist = Typist::of(&place, "trap : INT; PIPE run; echo code $?; stty -a");
    typist.asked("token (the key of the house): ", "hunt\x03");
    let (_, shown) = typist.end();
    assert!(shown.contains("code 130") && shown.contains(" echo ") && !shown.contains("hunt"), "{shown}");
    assert!(!place.has(".pipe"), "nothing has begun");
}

#[test]
fn an_empty_answer_is_none() {
    let place = Place::with(PIPELINE);
    let mut typist = Typist::of(&place, "PIPE run");
    typist.asked("token (the key of the house): ", "\n");
    let (code, shown) = typist.end();
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("nothing was typed for the secret `token`"), "{shown}");
}

#[test]
fn no_secret_is_asked_for_in_ci_nor_without_a_terminal_nor_before_the_file_is_right() {
    let place = Place::with(PIPELINE);
    let (code, shown) = Typist::of(&place, "CI=true PIPE run").end();
    assert!(code == Some(2) && shown.contains("the param `token` needs a value"), "{shown}");
    let (code, shown) = Typist::of(&place, "PIPE run < /dev/null").end();
    assert!(
        code == Some(2) && shown.contains("`-p token=@FILE`, or set the environment variable TOKEN"),
        "{shown}"
    );
    let (code, shown) = Typist::of(&place, "PIPE run -p levl=1").end();
    assert!(code == Some(2) && shown.contains("there is no param `levl`"), "{shown}");
    for command in ["PIPE validate -p free=", "PIPE run --dry-run", "PIPE plan"] {
        let (code, shown) = Typist::of(&place, command).end();
        assert_eq!(code, Some(0), "{command} needs no secret:\n{shown}");
    }
}

#[test]
fn a_file_gives_a_secret_and_the_command_line_gives_it_away() {
    let place = Place::with(PIPELINE);
    place.write("one", "hunter22\n");
    let ran = place.pipe(&["run", "-p", "token=@one", "-p", "other=@@one"]).code(0);
    assert_eq!(place.read("used"), "hunter22,@one,nothing");
    let warning = "warning: the secret `other` is on the command line";
    assert!(ran.stderr.contains(warning) && !ran.stderr.contains("`token`"), "{}", ran.stderr);
    // What a shell gives with `<( )` can be read only once.
    let piped = "printf 'secret %s' 2 > fifo & pipe=$1; shift; exec \"$pipe\" \"$@\"";
    place.sh("mkfifo fifo");
    let pipe = place.command(&[]).get_program().to_owned();
    let mut command = Command::new("sh");
    command.args(["-c", piped, "sh"]).arg(pipe).args(["run", "-p", "token=@one", "-p", "other=@fifo"]);
    assert!(command.current_dir(place.path()).stdout(Stdio::null()).status().unwrap().success());
    assert_eq!(place.read("used"), "hunter22,secret 2,nothing");
}

#[test]
fn a_secret_too_short_to_be_masked_is_told_by_its_name() {
    let place = Place::with(PIPELINE);
    place.write("one", "abc");
    place.write("two", "long enough");
    let ran = place.pipe(&["run", "-p", "token=@two", "-p", "other=@one"]).code(0);
    let warning = "warning: the secret `other` is shorter than 4 characters";
    assert_eq!(ran.stdout.matches(warning).count(), 1, "{}", ran.stdout);
}
