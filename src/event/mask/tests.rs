use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use proptest::prelude::*;

use super::*;
use crate::event::{EventKind, OutputChannel, RunEnd, RunFinished, StepFinished, channel};
use crate::pipeline::{Failure, Outcome, Outputs, Secret, StepId};

fn masker(secrets: &[&str]) -> Masker {
    let value =
        |(index, secret): (usize, &&str)| (format!("s{index}"), ParamValue::Secret(Secret::new(*secret)));
    Masker::new(&secrets.iter().enumerate().map(value).collect()).unwrap()
}

fn masked(secrets: &[&str], text: &str) -> String {
    masker(secrets).text(text)
}

/// Returns a text in pieces.
fn in_pieces(masker: &Masker, text: &[u8], cuts: &[usize]) -> Vec<u8> {
    let (mut output, mut out, mut start) = (masker.output(), Vec::new(), 0);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.push(text.len());
    cuts.sort_unstable();
    for cut in cuts {
        out.extend_from_slice(&output.push(text[start..cut].into()));
        start = cut;
    }
    out.extend_from_slice(&output.finish());
    out
}

#[test]
fn a_secret_is_found_wherever_it_stands() {
    let token = |text: &str| masked(&["hunter22"], text);
    assert_eq!(token("hunter22"), "***");
    assert_eq!(token("a hunter22, hunter22hunter22 hunter2 hunter222"), "a ***, *** hunter2 ***2");
    assert_eq!(token("hunthunter22er22"), "hunt***er22");
    assert_eq!(masked(&["abcd", "cdef", "bcdefg"], "abcdefgh cdef"), "***h ***");
    assert_eq!(masked(&["naïve ö"], "so naïve öl: ö"), "so ***l: ö");
}

#[test]
fn spellings_are_found() {
    let odd = "p4ss/w'rd+\"ö\" \\x&y";
    let spelt = |text: &str| masked(&[odd], text);
    assert_eq!(spelt(&serde_json::json!({ "a": odd }).to_string()), r#"{"a":"***"}"#);
    assert_eq!(spelt(r#""p4ss\/w'rd+\"\u00f6\" \\x&y""#), r#""***""#);
    assert_eq!(spelt(r#""p4ss/w\u0027rd\u002B\"\u00F6\" \\x\u0026y""#), r#""***""#);
    assert_eq!(spelt("?q=p4ss%2Fw%27rd%2B%22%C3%B6%22%20%5Cx%26y"), "?q=***");
    assert_eq!(spelt("?q=p4ss%2fw%27rd%2b%22%c3%b6%22+%5cx%26y&r=1"), "?q=***&r=1");
    assert_eq!(spelt("p4ss/w%27rd%2B%22%C3%B6%22%20%5Cx%26y"), "***");
    assert_eq!(spelt(r#"+ echo 'p4ss/w'\''rd+"ö" \x&y'"#), "+ echo '***'");
    let all: String = odd.bytes().map(|byte| format!("%{byte:02x}")).collect();
    assert_eq!(spelt(&all), "***");
    for encoded in [STANDARD.encode(odd), STANDARD_NO_PAD.encode(odd), URL_SAFE.encode(format!("{odd}\n"))] {
        assert_eq!(spelt(&format!("<{encoded}>")), "<***>");
    }
}

/// What shells themselves make of a secret, where they are installed.
#[test]
fn what_shells_print_is_found() {
    let odd = "p4ss' w''rd\"$x`!#~,&*\\ö=\u{1b}\t.";
    let commands: [(&str, &[&str]); 6] = [
        ("bash", &["-xc", "true \"$S\""]),
        ("bash", &["-xc", "set -u; a=$S; [[ $a ]]"]),
        (
            "bash",
            &[
                "-c",
                "printf '%q' \"$S\"; echo; declare -p S; echo \"${S@Q}\"; trap \"$S\" USR1; trap -p; set",
            ],
        ),
        ("sh", &["-xc", "true \"$S\"; a=$S"]),
        ("busybox", &["sh", "-xc", "true \"$S\""]),
        ("env", &["printf", "%q\n", odd]),
    ];
    for secret in [odd, "p4ss' w''rd", "#p4ss~,word", "~p4ss{a,b}", "p4ss ö"] {
        for locale in ["C", "C.UTF-8"] {
            for (program, words) in commands {
                let words = words.iter().map(|word| if *word == odd { secret } else { word });
                let ran = std::process::Command::new(program)
                    .args(words)
                    .env("S", secret)
                    .env("LC_ALL", locale)
                    .output();
                let Ok(ran) = ran else { continue };
                // Also without what stands around it.
                for printed in [&ran.stdout, &ran.stderr] {
                    let printed = String::from_utf8_lossy(printed);
                    for line in printed.lines().filter(|line| line.contains("p4ss")) {
                        let shown = masked(&[secret], line);
                        assert!(!shown.contains("p4ss"), "{program} {locale}: {line} is shown as {shown}");
                    }
                }
            }
        }
    }
}

#[test]
fn html_is_found() {
    let odd = "p4ss<w'rd>&\"ö+/`=";
    for spelt in [
        "p4ss&lt;w'rd>&amp;\"ö+/`=",
        "p4ss&lt;w'rd&gt;&amp;\"ö+/`=",
        "p4ss&lt;w&#39;rd&gt;&amp;&#34;ö&#43;/`=",
        "p4ss&lt;w&#x27;rd&gt;&amp;&quot;ö+/`=",
        "p4ss&lt;w&#x27;rd&gt;&amp;&quot;&#246;+&#x2F;`=",
        "p4ss&lt;w&#039;rd&gt;&amp;&quot;&#xF6;+/`=",
        "p4ss&lt;w&apos;rd&gt;&amp;&quot;ö+/`=",
    ] {
        assert_eq!(masked(&[odd], &format!("<b>{spelt}</b>")), "<b>***</b>");
    }
}

#[test]
fn every_text_of_an_event_that_a_step_can_make_is_masked() {
    use std::time::Duration;

    use crate::event::KeptFile;
    use crate::event::sample::{ended as stream_ended, finished as ended, stats};
    use crate::pipeline::Artifact;

    let masker = masker(&["hunter22"]);
    let said = || "a hunter22".to_owned();
    let failures =
        || [Failure::Start(said()), Failure::Outputs(said()), Failure::Missing(said())].into_iter();
    let outcomes = failures().map(Outcome::Failed).chain(failures().map(Outcome::Ignored));
    let mut kinds: Vec<EventKind> = outcomes.map(|outcome| ended(0, outcome, 1, 5)).collect();
    kinds.extend(failures().map(|failure| EventKind::StepRetrying {
        step: StepId::new(0),
        attempt: 1,
        failure,
        delay: Duration::ZERO,
        restarting: Vec::new(),
    }));
    let EventKind::StepFinished(finished) = ended(0, Outcome::Succeeded, 1, 5) else { unreachable!() };
    kinds.push(EventKind::StepFinished(StepFinished {
        outputs: Arc::new([(said(), said())].into()),
        products: vec![Artifact { path: said(), bytes: 1, sha256: "ab".into(), unchanged: false }],
        circumstances: crate::event::Circumstances { command: Some(said()), ..Default::default() },
        ..finished
    }));
    let mut stream = stream_ended(stats(1, 1.0, &[]));
    stream.kept = Some(KeptFile { path: said().into(), bytes: 1, sha256: "ab".into() });
    kinds.push(EventKind::StreamFinished(stream));
    kinds.extend([EventKind::Warning(said()), EventKind::Note(said())]);
    for end in [RunEnd::NoOutput(said()), RunEnd::Aborted(said())] {
        let outputs = vec![("key".into(), said())];
        kinds.push(EventKind::RunFinished(RunFinished { end, duration: Duration::ZERO, outputs }));
    }
    kinds.push(EventKind::StepOutput {
        step: StepId::new(0),
        channel: OutputChannel::Stdout,
        bytes: said().as_bytes().into(),
    });
    for kind in kinds {
        let shown = match masker.event(kind) {
            EventKind::StepOutput { bytes, .. } => String::from_utf8_lossy(&bytes).into_owned(),
            shown => format!("{shown:?}"),
        };
        assert!(shown.contains("a ***") && !shown.contains("hunter22"), "{shown}");
    }
}

#[test]
fn base64_is_found_in_the_middle_of_more_and_across_lines() {
    let secret = "c4n4ry-0123456789-abcdefghijklmnopqrstuvwxyz";
    for before in ["", "x", "xy", "user:", "a longer text"] {
        for after in ["", "\n", ".", "and more of it"] {
            for width in [4, 5, 7, 20, 76, 1000] {
                let encoded = STANDARD.encode(format!("{before}{secret}{after}"));
                let lines: Vec<&str> =
                    encoded.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
                let shown = masked(&[secret], &lines.join("\n")).replace('\n', "");
                // At most three signs are left in the line before, and one shared with the neighbours on each
                // side.
                let most = encoded.len() - STANDARD_NO_PAD.encode(secret).len() + 5;
                assert!(shown.contains("***") && shown.replace('*', "").len() <= most, "{shown}");
            }
        }
    }
}

#[test]
fn lines_of_a_secret_are_found_one_by_one() {
    let key = "-----BEGIN KEY-----\r\nMIIEvQIBADAN\r\nBgkqhkiG9w0B\r\n-----END KEY-----\r\n";
    assert_eq!(masked(&[key], "key: BgkqhkiG9w0B!\n MIIEvQIBADAN"), "key: ***!\n ***");
    assert_eq!(masked(&[key], key), "***\r\n***\r\n***\r\n***\r\n");
    assert_eq!(masked(&[key], &STANDARD.encode(key)), "***");
    assert_eq!(masked(&["ab\ncd\nefghi"], "ab\ncd\nefghi, efghi, ab\ncd"), "***, ***, ab\ncd");
}

#[test]
fn what_is_short_or_empty_is_not_looked_for() {
    assert!(masker(&["", "abc", " ab \n"]).patterns.is_none());
    assert_eq!(masker(&["", "abc", "long enough", " ab \n"]).unmasked(), ["s1", "s3"]);
    assert_eq!(masked(&["  padded  \n"], "a padded b"), "a *** b");
}

#[test]
fn only_what_may_become_a_secret_is_held_back() {
    let mut output = masker(&["hunter22", "twelve signs"]).output();
    let mut push = |text: &str| String::from_utf8(output.push(text.as_bytes().into()).to_vec()).unwrap();
    assert_eq!(push("say hunt"), "say ");
    assert_eq!(push("ing\n"), "hunting\n");
    assert_eq!(push("hunter2"), "");
    assert_eq!(push("2."), "***.");
    let sign = STANDARD.encode("hunter22").get(..1).unwrap().to_owned();
    assert_eq!(push(&format!("{sign}\n")), format!("{sign}\n"), "a line is not held up by its last sign");
    for text in ["hunter22", "twelve signs", "hunter22\n"] {
        let line = format!("{}\n", STANDARD.encode(text));
        assert!(push(&line).ends_with('\n'), "a line is not held up by a secret that is complete");
    }
    assert_eq!(push("hunter"), "");
    assert_eq!(&*output.finish(), b"hunter");
}

#[tokio::test]
async fn no_event_shows_a_secret() {
    use crate::event::sample::*;
    let (sender, mut receiver) = channel::channel(masker(&["hunter22"]));
    let mut output = sender.output(StepId::new(TAR), OutputChannel::Stdout);
    output.send(b"it is hun"[..].into()).await;
    output.send(b"ter22\nhun"[..].into()).await;
    output.finish().await;
    let told = || "cannot login with hunter22".to_owned();
    let outputs = Arc::new(Outputs::from([("hunter22".to_owned(), "a hunter22".to_owned())]));
    let finish = |outcome| {
        let EventKind::StepFinished(finished) = finished(TAR, outcome, 1, 10) else { panic!("another") };
        EventKind::StepFinished(StepFinished { outputs: Arc::clone(&outputs), ..finished })
    };
    let run = |end| {
        let EventKind::RunFinished(finished) = run_finished(end, 10) else { panic!("another") };
        EventKind::RunFinished(RunFinished { outputs: vec![("token".into(), told())], ..finished })
    };
    let failure = || Failure::Start(told());
    for kind in [
        crate::event::sample::output(TAR, "hunter22"),
        EventKind::Warning(told()),
        EventKind::Note(told()),
        finish(Outcome::Failed(failure())),
        finish(Outcome::Ignored(Failure::Outputs(told()))),
        EventKind::StepRetrying {
            step: StepId::new(TAR),
            attempt: 1,
            failure: failure(),
            delay: std::time::Duration::ZERO,
            restarting: Vec::new(),
        },
        run(RunEnd::NoOutput(told())),
        run(RunEnd::Aborted(told())),
    ] {
        sender.send(kind);
    }
    drop(sender);
    let mut said = Vec::new();
    while let Some(event) = receiver.recv().await {
        let shown = match &event.kind {
            EventKind::StepOutput { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
            other => format!("{other:?}"),
        };
        assert!(!shown.contains("hunter22"), "{shown}");
        said.push(shown);
    }
    assert_eq!(said[..3].concat(), "it is ***\nhun");
    assert!(said[3..].iter().all(|said| said.contains("***")), "{said:?}");
}

/// Returns a secret as a step may print it.
fn spelling(secret: String) -> impl Strategy<Value = String> {
    let json = serde_json::Value::from(secret.as_str()).to_string();
    let percent = |byte: u8| match byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    let strict = secret.bytes().map(percent).collect();
    let encoded = |before: &str| STANDARD.encode(format!("{before}{secret}"));
    let safe = URL_SAFE.encode(&secret);
    let spelt = vec![encoded(""), encoded("x"), encoded("xy"), secret, json, strict, safe];
    prop::sample::select(spelt)
}

fn secret() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9+/='\" &%ö\\\\-]{6,24}".prop_filter("long enough", |secret| secret.trim().len() >= 6)
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        secret in "[ab\n]{4,7}",
        text in prop::collection::vec(prop_oneof!["[ab\n=YWJi]{0,9}", Just("".to_owned())], 0..12),
        planted in any::<bool>(),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let masker = masker(&[&secret, "aabb"]);
        let text = text.join(if planted { &secret } else { "YWFi\nYg==" });
        let whole = in_pieces(&masker, text.as_bytes(), &[]);
        prop_assert_eq!(&in_pieces(&masker, text.as_bytes(), &cuts), &whole);
        let single: Vec<usize> = (0..text.len()).collect();
        prop_assert_eq!(in_pieces(&masker, text.as_bytes(), &single), whole);
    }

    #[test]
    fn no_spelling_gets_through(
        (secret, planted) in secret().prop_flat_map(|secret| {
            let planted = prop::collection::vec((spelling(secret.trim().to_owned()), "[ .:,;!?]{1,5}"), 1..6);
            (Just(secret), planted)
        }),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let masker = masker(&[&secret]);
        let text: String = planted.iter().map(|(spelt, between)| format!("{spelt}{between}")).collect();
        let shown = String::from_utf8(in_pieces(&masker, text.as_bytes(), &cuts)).unwrap();
        prop_assert!(!shown.contains(secret.trim()), "{}", shown);
        for (spelt, _) in &planted {
            prop_assert!(!shown.contains(spelt.as_str()), "{} in {}", spelt, shown);
        }
        prop_assert!(shown.matches("***").count() >= planted.len().min(1));
    }

    #[test]
    fn a_text_without_secrets_is_left_alone(
        text in prop::collection::vec(any::<u8>().prop_filter("no sign of the secret", |byte| !b"zq09\"".contains(byte)), 0..400),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        // Neither its characters nor enough of the signs of its base64 are there.
        let masker = masker(&["zq09zq09zq"]);
        prop_assert_eq!(in_pieces(&masker, &text, &cuts), text);
    }
}
