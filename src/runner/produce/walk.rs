//! The way from a path or a pattern to all that it leads to.
//!
//! A link to a folder is as good as the folder: what is in it is found. Each link on the way is found too, so
//! that two looks can be compared, and one may be told not to pass those that were not there at the first.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::files::{Found, Kind, Place};

/// A part of a pattern, between two slashes.
#[derive(Debug, Clone)]
enum Part {
    Name(OsString),
    Names(glob::Pattern),
    /// `**`: here, or in any folder below.
    Below,
    /// At the end: what is there has to be a folder.
    Folder,
}

/// Finds what a path or a pattern leads to: files, and folders with all that is in them. A relative pattern
/// begins in `folder`. No link is passed that `may_pass` refuses.
///
/// # Errors
/// What is wrong with the pattern, or with a folder, in a sentence.
pub(super) fn find(
    folder: &Place,
    pattern: &str,
    may_pass: &dyn Fn(&Found) -> bool,
) -> Result<Vec<Found>, String> {
    let parts = parts(pattern)?;
    let start = match Path::new(pattern).is_absolute() {
        true => Place { path: "/".into(), real: "/".into() },
        false => folder.clone(),
    };
    let mut walk =
        Walk { may_pass, parts: &parts, ahead: Vec::new(), entered: BTreeSet::new(), found: Vec::new() };
    walk.ahead.push(Ahead { place: start, part: 0, is_below: false, within: None });
    while let Some(next) = walk.ahead.pop() {
        walk.look(next).map_err(|error| format!("cannot look for `{pattern}`: {error}"))?;
    }
    Ok(walk.found)
}

fn parts(pattern: &str) -> Result<Vec<Part>, String> {
    let has_signs = pattern.contains(['*', '?', '[']);
    let part = |part: &str| match part {
        "**" => Ok(Part::Below),
        part if has_signs && part.contains(['*', '?', '[']) => match glob::Pattern::new(part) {
            Ok(names) => Ok(Part::Names(names)),
            Err(error) => Err(format!("`{pattern}` is no pattern for files: {}", error.msg)),
        },
        part => Ok(Part::Name(part.into())),
    };
    let named = pattern.split('/').filter(|part| !matches!(*part, "" | "."));
    let mut parts: Vec<Part> = named.map(part).collect::<Result<_, _>>()?;
    parts.dedup_by(|one, other| matches!((one, other), (Part::Below, Part::Below)));
    if matches!(pattern.rsplit('/').next(), Some("" | ".")) {
        parts.push(Part::Folder);
    }
    Ok(parts)
}

struct Walk<'a> {
    may_pass: &'a dyn Fn(&Found) -> bool,
    parts: &'a [Part],
    /// A list and no recursion: a step may make folders in folders without end.
    ahead: Vec<Ahead>,
    /// Folders by device and inode, with the part of the pattern that was looked for there: links may lead to
    /// them again.
    entered: BTreeSet<(u64, u64, usize)>,
    found: Vec<Found>,
}

/// A place to be looked at, and the number of the part of the pattern that comes after it.
struct Ahead {
    place: Place,
    part: usize,
    /// The pattern does not name it; it lies below what the pattern names.
    is_below: bool,
    within: Option<PathBuf>,
}

impl Walk<'_> {
    fn look(&mut self, Ahead { place, part, is_below, within }: Ahead) -> io::Result<()> {
        let is_way = part < self.parts.len();
        let Some(here) = Found::at(place, is_way)? else { return Ok(()) };
        let mut here = Found { within, ..here };
        if here.stamp.kind == Kind::Link {
            let beyond = here.beyond().filter(|_| (self.may_pass)(&here) && !(is_below && here.leads_up()));
            let within = here.within.clone();
            self.found.push(here);
            let Some(beyond) = beyond else { return Ok(()) };
            let Some(found) = Found::at(beyond, is_way)? else { return Ok(()) };
            here = Found { within, ..found };
        }
        match here.stamp.kind {
            Kind::Folder => self.enter(here, part),
            Kind::File | Kind::Link | Kind::Other => {
                if !is_way {
                    self.found.push(here);
                }
                Ok(())
            }
        }
    }

    fn enter(&mut self, folder: Found, part: usize) -> io::Result<()> {
        let walked = (folder.stamp.device, folder.stamp.inode, part);
        let all = |_: &OsStr| true;
        match self.parts.get(part) {
            None => {
                if self.entered.insert(walked) {
                    let within = Some(folder.within.unwrap_or_else(|| folder.place.path.clone()));
                    let folder = Found { within, ..folder };
                    self.go_into(&folder, part, true, all)?;
                    self.found.push(folder);
                }
            }
            Some(Part::Folder) => return self.enter(Found { is_way: false, ..folder }, part + 1),
            Some(Part::Name(name)) => {
                self.ahead.push(Ahead {
                    place: folder.place.join(name),
                    part: part + 1,
                    is_below: false,
                    within: None,
                });
            }
            Some(Part::Names(names)) => {
                let names = names.clone();
                self.go_into(&folder, part + 1, false, |name| names.matches(&name.to_string_lossy()))?;
            }
            Some(Part::Below) => {
                if self.entered.insert(walked) {
                    self.go_into(&folder, part, true, all)?;
                    let is_way = part + 1 < self.parts.len();
                    self.enter(Found { is_way, ..folder }, part + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Goes on with what is in a folder, in the order of the names.
    fn go_into(
        &mut self,
        folder: &Found,
        part: usize,
        is_below: bool,
        is_wanted: impl Fn(&OsStr) -> bool,
    ) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder.place.real)? {
            names.push(entry?.file_name());
        }
        names.retain(|name| is_wanted(name));
        names.sort();
        let ahead = |name: &OsString| {
            let (place, within) = (folder.place.join(name), folder.within.clone());
            Ahead { place, part, is_below, within }
        };
        self.ahead.extend(names.iter().rev().map(ahead));
        Ok(())
    }
}
