//! Names of what a run makes in a cluster: each is a label of DNS, and tells the run that it belongs to.

/// The longest name.
const LONGEST: usize = 63;
/// What of a step's name is in the name of its container; the rest of [`LONGEST`] has room for the number.
const SLUG: usize = 40;

/// Returns the name of a run's hub, and of whatever a run has once.
pub fn hub(run: &str) -> String {
    format!("pipe-{}", slug(run, LONGEST - "pipe-".len()))
}

/// Returns the name of the pod of a gang in a round. `first` is the position of the gang's first step in its pipeline.
pub fn gang(run: &str, first: usize, round: u32) -> String {
    let end = format!("-g{}-r{round}", first.saturating_add(1));
    let room = LONGEST.saturating_sub("pipe-".len() + end.len());
    format!("pipe-{}{end}", slug(run, room))
}

/// Returns the name of the container of a step, by the step's position in its pipeline.
pub fn container(step: usize, name: &str) -> String {
    let number = format!("s{}", step.saturating_add(1));
    match slug(name, SLUG) {
        slug if slug.is_empty() => number,
        slug => format!("{number}-{slug}"),
    }
}

/// Returns the name of the volume for a path outside of the workspace, by its position among them.
pub fn outside(index: usize) -> String {
    format!("outside-{index}")
}

/// Returns a text in small letters, digits and single `-`, with neither at its ends.
fn slug(text: &str, most: usize) -> String {
    let mut slug = String::new();
    for letter in text.chars().map(|letter| letter.to_ascii_lowercase()) {
        match letter {
            'a'..='z' | '0'..='9' => slug.push(letter),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
        if slug.len() == most {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_dns_label(name: &str) -> bool {
        let is_part = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        name.len() <= LONGEST
            && name.chars().all(is_part)
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && !name.ends_with('-')
    }

    #[test]
    fn names_say_what_they_are_of() {
        assert_eq!(hub("20261129-113000-1b54"), "pipe-20261129-113000-1b54");
        assert_eq!(gang("20261129-113000-1b54", 2, 1), "pipe-20261129-113000-1b54-g3-r1");
        assert_eq!(container(0, "build.Image_x86"), "s1-build-image-x86");
        assert_eq!(container(11, "übung"), "s12-bung");
        assert_eq!(container(0, "日本"), "s1");
    }

    proptest! {
        #[test]
        fn every_name_is_a_label_of_dns(run in ".{0,80}", name in ".{0,80}", at in 0..100_000_usize, round in 0..10_000_u32) {
            for name in [hub(&format!("a{run}")), gang(&run, at, round), container(at, &name), outside(at)] {
                prop_assert!(is_dns_label(&name), "{name:?}");
            }
        }
    }
}
