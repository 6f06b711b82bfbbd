//! Files that use each other in a circle, and chains that are too long.

use super::{FileIndex, Link};
use crate::file::{Code, Diagnostic};
use crate::pipeline::Source;

/// How many files deep a use may be.
const DEEPEST: usize = 16;

/// Takes out the links that close a circle or lead too deep, and returns a problem for each.
pub(super) fn cut(source: &Source, links: &mut Vec<Link>) -> Vec<Diagnostic> {
    let mut walk = Walk { source, links, path: Vec::new(), deepest: Vec::new(), bad: Vec::new() };
    walk.deepest.resize(source.files().len(), None);
    let mut problems = Vec::new();
    walk.from(0, &mut problems);
    let bad = walk.bad;
    let mut position = 0..;
    links.retain(|_| position.next().is_none_or(|position: usize| !bad.contains(&position)));
    problems
}

/// A walk along all chains of files.
struct Walk<'a> {
    source: &'a Source,
    links: &'a [Link],
    /// The links from the top file to where the walk stands.
    path: Vec<usize>,
    /// By file: how long the longest chain to it was.
    deepest: Vec<Option<usize>>,
    bad: Vec<usize>,
}

impl Walk<'_> {
    fn from(&mut self, file: FileIndex, problems: &mut Vec<Diagnostic>) {
        let depth = self.path.len();
        match self.deepest.get_mut(file) {
            Some(deepest) if deepest.is_none_or(|deepest| deepest < depth) => *deepest = Some(depth),
            Some(_) | None => return,
        }
        for (position, link) in self.links.iter().enumerate().filter(|(_, link)| link.from == file) {
            if self.bad.contains(&position) {
                continue;
            }
            let start = self.path.iter().position(|on_path| self.links[*on_path].from == link.to);
            let closes = start.or_else(|| (link.to == file).then_some(depth));
            match closes {
                Some(start) => {
                    problems.push(self.circle(link, start));
                    self.bad.push(position);
                }
                None if depth == DEEPEST => {
                    problems.push(self.too_deep(link));
                    self.bad.push(position);
                }
                None => {
                    self.path.push(position);
                    self.from(link.to, problems);
                    self.path.pop();
                }
            }
        }
    }

    fn name(&self, file: FileIndex) -> String {
        self.source.files().get(file).map_or_else(String::new, |file| format!("`{}`", file.path().display()))
    }

    /// The circle that a link closes: the links of the path from `start` on, and this one.
    fn circle(&self, last: &Link, start: usize) -> Diagnostic {
        let round: Vec<&Link> =
            self.path.iter().skip(start).filter_map(|link| self.links.get(*link)).collect();
        let files = round.iter().map(|link| link.from).chain([last.from, last.to]);
        let chain = files.map(|file| self.name(file)).collect::<Vec<_>>().join(" → ");
        let message = match round.is_empty() {
            true => format!("{} uses itself", self.name(last.from)),
            false => format!("these files use each other: {chain}"),
        };
        let problem = Diagnostic::at(Code::UsesCycle, self.source, last.at, message);
        let problem = problem.help("take one of them out: a file is unrolled where it is used");
        round.iter().fold(problem, |problem, link| {
            problem.also(link.at, format!("{} uses {}", self.name(link.from), self.name(link.to)))
        })
    }

    fn too_deep(&self, link: &Link) -> Diagnostic {
        let message = format!("{} would be {} files deep", self.name(link.to), DEEPEST + 1);
        let problem = Diagnostic::at(Code::UsesDepth, self.source, link.at, message);
        problem.help(format!("at most {DEEPEST} are allowed: let the top file use some of them"))
    }
}
