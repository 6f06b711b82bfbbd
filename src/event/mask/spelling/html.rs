//! A text in HTML and XML. Encoders differ in what they escape beside what they must, and in how.

/// How double and single quotes are written.
const QUOTES: [(&str, &str); 10] = [
    ("\"", "'"),
    ("&quot;", "'"),
    ("&quot;", "&#39;"),
    ("&quot;", "&#039;"),
    ("&quot;", "&#x27;"),
    ("&quot;", "&apos;"),
    ("&#34;", "&#39;"),
    ("&#x22;", "&#x27;"),
    ("\"", "&#39;"),
    ("\"", "&apos;"),
];

/// What is escaped beside that: a character, and what stands for it.
const MORE: [&[(char, &str)]; 4] =
    [&[], &[('/', "&#x2F;")], &[('+', "&#43;")], &[('/', "&#x2F;"), ('`', "&#x60;"), ('=', "&#x3D;")]];

/// Returns the spellings.
pub(super) fn spellings(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (double, single) in QUOTES {
        for more in MORE {
            for number in [Number::None, Number::Decimal, Number::Hexadecimal] {
                all.push(escaped(text, double, single, more, number));
            }
        }
    }
    // Only what must be, in text.
    all.push(text.replace('&', "&amp;").replace('<', "&lt;"));
    // Every sign that is no letter and no digit, by its number.
    all.push(
        text.chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.into() } else { format!("&#{};", u32::from(c)) })
            .collect(),
    );
    all
}

/// How characters beyond ASCII are written.
#[derive(Clone, Copy)]
enum Number {
    None,
    Decimal,
    Hexadecimal,
}

fn escaped(text: &str, double: &str, single: &str, more: &[(char, &str)], number: Number) -> String {
    let mut out = String::with_capacity(2 * text.len());
    for c in text.chars() {
        let other = more.iter().find(|(escaped, _)| *escaped == c).map(|(_, by)| *by);
        match (c, other, number) {
            (_, Some(by), _) => out.push_str(by),
            ('&', ..) => out.push_str("&amp;"),
            ('<', ..) => out.push_str("&lt;"),
            ('>', ..) => out.push_str("&gt;"),
            ('"', ..) => out.push_str(double),
            ('\'', ..) => out.push_str(single),
            (c, None, Number::Decimal) if !c.is_ascii() => out.push_str(&format!("&#{};", u32::from(c))),
            (c, None, Number::Hexadecimal) if !c.is_ascii() => {
                out.push_str(&format!("&#x{:X};", u32::from(c)))
            }
            (c, None, Number::None | Number::Decimal | Number::Hexadecimal) => out.push(c),
        }
    }
    out
}
