//! The ways in which a secret may be written: as it is, and in the encodings that programs print.

mod html;
mod shell;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// The shortest secret that is masked, in characters. A shorter text occurs by chance in too many harmless
/// ones.
const SHORTEST: usize = 4;
/// Fewer signs of base64 than this say nothing. It is what the shortest secret has in its worst place.
const SHORTEST_BASE64: usize = 4;
/// How many signs of base64 at the end of a line are taken for the beginning of a secret that goes on in the
/// next line.
pub(super) const ACROSS_LINES: usize = 4;
/// The least that is looked for at the beginning of a line, where the line before it has fewer signs than
/// that.
const SHORTEST_REST: usize = 6;

/// What percent encodings leave alone beside letters and digits: that of RFC 3986, Python's for paths, those
/// of JavaScript for a part and for a whole address, that of forms.
const UNTOUCHED: [&str; 5] = ["-_.~", "-_.~/", "-_.!~*'()", "-_.!~*'();,/?:@&=+$#", "-_.*"];

/// What to look for.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    /// Byte by byte.
    pub(super) plain: BTreeSet<Vec<u8>>,
    /// In a text whose line ends do not count, since encoders break lines where they like.
    pub(super) wrapped: BTreeSet<Vec<u8>>,
}

impl Spellings {
    /// Adds every spelling of a secret. Returns whether it is long enough to be looked for.
    pub(super) fn add(&mut self, secret: &str) -> bool {
        let whole = secret.trim();
        if !is_long(whole) {
            return false;
        }
        let lines: Vec<&str> = whole.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        // Lines are found one by one. Only where some are too short for that must they stand together.
        if !lines.iter().copied().all(is_long) {
            self.piece(whole);
        }
        lines.iter().copied().filter(|line| is_long(line)).for_each(|line| self.piece(line));
        self.base64(secret);
        self.base64(whole);
        true
    }

    fn piece(&mut self, text: &str) {
        self.plain.insert(text.into());
        self.plain.extend(shell::spellings(text).into_iter().map(String::into_bytes));
        self.plain.extend(html::spellings(text).into_iter().map(String::into_bytes));
        self.json(text);
        self.percent(text);
        self.base64(text);
    }

    /// Inside a string of JSON; encoders differ in what they escape beside what they must.
    fn json(&mut self, text: &str) {
        for bits in 0..16 {
            let [ascii, html, slash, upper] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
            let mut out = String::with_capacity(text.len());
            for c in text.chars() {
                let short = match c {
                    '"' | '\\' => Some(c),
                    '/' if slash => Some(c),
                    '\n' => Some('n'),
                    '\r' => Some('r'),
                    '\t' => Some('t'),
                    '\u{8}' => Some('b'),
                    '\u{c}' => Some('f'),
                    _ => None,
                };
                let by_number = c.is_control() || ascii && !c.is_ascii() || html && "<>&'+".contains(c);
                match short {
                    Some(short) => out.extend(['\\', short]),
                    None if by_number => {
                        for unit in c.encode_utf16(&mut [0; 2]) {
                            out.push_str(&if upper {
                                format!("\\u{unit:04X}")
                            } else {
                                format!("\\u{unit:04x}")
                            });
                        }
                    }
                    None => out.push(c),
                }
            }
            self.plain.insert(out.into());
        }
    }

    /// In an address or a form.
    fn percent(&mut self, text: &str) {
        let mut encode = |is_kept: &dyn Fn(u8) -> bool, plus: bool| {
            for upper in [true, false] {
                let mut out = String::with_capacity(3 * text.len());
                for byte in text.bytes() {
                    match byte {
                        b' ' if plus => out.push('+'),
                        byte if is_kept(byte) => out.push(byte.into()),
                        byte if upper => out.push_str(&format!("%{byte:02X}")),
                        byte => out.push_str(&format!("%{byte:02x}")),
                    }
                }
                self.plain.insert(out.into());
            }
        };
        for untouched in UNTOUCHED {
            let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || untouched.as_bytes().contains(&byte);
            encode(&is_kept, false);
            encode(&is_kept, true);
        }
        encode(&|_| false, false);
    }

    /// By itself, and anywhere in a longer text: of three bytes, each may be the one that it begins at. Signs
    /// that it shares with its neighbours are left out, but where it ends the text, perhaps but for a
    /// newline.
    fn base64(&mut self, text: &str) {
        for end in ["", "\n"] {
            for (before, start) in [(0, 0), (1, 2), (2, 3)] {
                let all = [&vec![0; before], text.as_bytes(), end.as_bytes()].concat();
                let inner = 8 * (before + text.len()) / 6;
                let encoded = [STANDARD_NO_PAD.encode(&all), URL_SAFE_NO_PAD.encode(&all)];
                encoded.iter().for_each(|signs| self.signs(signs.get(start..inner)));
                let ended = [STANDARD.encode(&all), URL_SAFE.encode(&all)];
                encoded.iter().chain(&ended).for_each(|signs| self.signs(signs.get(start..)));
            }
        }
    }

    fn signs(&mut self, signs: Option<&str>) {
        let Some(signs) = signs.filter(|signs| signs.len() >= SHORTEST_BASE64) else { return };
        self.wrapped.insert(signs.into());
        let rests = (1..ACROSS_LINES).filter_map(|start| signs.get(start..));
        self.wrapped.extend(rests.filter(|rest| rest.len() >= SHORTEST_REST).map(Into::into));
    }
}

fn is_long(text: &str) -> bool {
    text.chars().nth(SHORTEST - 1).is_some()
}
