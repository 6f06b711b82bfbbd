//! No circle between files: whatever a file builds on can be read, tested and changed without it.
//!
//! A file builds on another if its code names an item of the other: in a `use`, or as a path such as
//! `super::words::line`. Re-exports are followed to the file that has the item. A call of a method names no
//! file: a file that has some of a type's methods (`impl Machine` in `brackets.rs`, a way to split a long
//! type by subject) builds on the type's file, not the other way round.
//!
//! A parent module (`mod.rs`, or `x.rs` beside `x/`) stands above its children, and builds on those that it
//! calls. What it defines itself is the common ground of everything below it (a shared context, a table's
//! row), so that a child that names it makes no circle; a file from elsewhere that does so builds on the
//! parent, and with it on the children. What only tests compile is left out.

use std::collections::{BTreeMap, VecDeque};

use crate::scan::{self, Module, Named};

/// Edges that still close a circle and are to be cut. The test fails when one is no longer needed.
const TO_BE_CUT: &[(&str, &str)] = &[];

/// The files of one crate, by their paths from its root: `runner/mod.rs`.
pub(crate) struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
    files: BTreeMap<Vec<String>, String>,
    /// The module that each file is, without those inside it.
    own: BTreeMap<String, Vec<String>>,
}

/// What a path leads to.
enum Target {
    Module(Vec<String>),
    /// Something in the file of this module.
    Item(Vec<String>),
}

impl Crate {
    pub(crate) fn new<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let (mut modules, mut files, mut owners) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (path, code) in sources {
            let mut own: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            if own.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
                own.pop();
            }
            for (inner, module) in scan::modules(code) {
                let module_path = [own.clone(), inner].concat();
                files.insert(module_path.clone(), path.to_owned());
                modules.insert(module_path, module);
            }
            owners.insert(path.to_owned(), own);
        }
        Self { modules, files, own: owners }
    }

    /// What a path means in a module; nothing if it leads out of the crate.
    fn resolve(&self, from: &[String], path: &[String], wants_module: bool, fuel: u8) -> Option<Target> {
        let mut at = from.to_vec();
        let mut rest = path;
        let mut is_inside = false;
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()?),
                _ => break,
            }
            (rest, is_inside) = (others, true);
        }
        while let Some((name, others)) = rest.split_first() {
            let is_last = others.is_empty();
            match self.look_up(&at, name, wants_module || !is_last, fuel.checked_sub(1)?) {
                Some(Target::Module(module)) => at = module,
                Some(item) => return Some(item),
                None if is_inside => return Some(Target::Item(at)),
                None => return None,
            }
            (rest, is_inside) = (others, true);
        }
        Some(Target::Module(at))
    }

    fn look_up(&self, module: &[String], name: &str, wants_module: bool, fuel: u8) -> Option<Target> {
        let content = self.modules.get(module)?;
        let child = [module, &[name.to_owned()]].concat();
        let child = || self.modules.contains_key(&child).then(|| Target::Module(child.clone()));
        let item = || content.items.iter().any(|item| item == name).then(|| Target::Item(module.to_vec()));
        let import = || {
            let mut imports =
                content.imports.iter().filter(|(known, named)| known == name && !named.path.is_empty());
            imports.find_map(|(_, named)| {
                // `use read::read` in a module that has the child `read` means the child first.
                let leads_back = named.path.len() == 1 && named.path[0] == name;
                if leads_back { None } else { self.resolve(module, &named.path, wants_module, fuel) }
            })
        };
        let glob = || {
            content.globs.iter().find_map(|named| match self.resolve(module, &named.path, true, fuel)? {
                Target::Module(other) if other != module => {
                    self.look_up(&other, name, wants_module, fuel.checked_sub(1)?)
                }
                Target::Module(_) | Target::Item(_) => None,
            })
        };
        match wants_module {
            true => child().or_else(import).or_else(item).or_else(glob),
            false => item().or_else(import).or_else(child).or_else(glob),
        }
    }

    /// Each file, the files that it builds on, and the line that says so first.
    pub(crate) fn edges(&self) -> Graph {
        let mut graph = Graph::default();
        for (at, module) in &self.modules {
            let from = &self.files[at];
            let owner = |named: &Named| match self.resolve(at, &named.path, false, 32)? {
                Target::Item(other) => Some(other),
                Target::Module(_) => None,
            };
            for named in module.imports.iter().map(|(_, named)| named).chain(&module.paths) {
                if let Some(other) = owner(named) {
                    self.join(&mut graph, at, &other, &format!("{from}:{}", named.line));
                }
            }
            for named in &module.globs {
                if let Some(Target::Module(other)) = self.resolve(at, &named.path, true, 32) {
                    self.join(&mut graph, at, &other, &format!("{from}:{}", named.line));
                }
            }
        }
        graph
    }

    /// Notes that the file of one module builds on that of another, unless that other one stands above it.
    fn join(&self, graph: &mut Graph, from: &[String], to: &[String], line: &str) {
        let (Some(file), Some(other)) = (self.files.get(from), self.files.get(to)) else { return };
        let is_above = self.own.get(other).is_some_and(|own| from.starts_with(own));
        if !is_above && file != other {
            graph.0.entry(file.clone()).or_default().entry(other.clone()).or_insert_with(|| line.to_owned());
        }
    }
}

/// Files, those that they build on, and where the code says so first.
#[derive(Debug, Default, Clone)]
pub(crate) struct Graph(BTreeMap<String, BTreeMap<String, String>>);

impl Graph {
    /// Each edge, and where the code says so.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.0
            .iter()
            .flat_map(|(from, others)| others.iter().map(move |(to, line)| (&**from, &**to, &**line)))
    }

    fn cut(&mut self, from: &str, to: &str) -> bool {
        self.0.get_mut(from).is_some_and(|others| others.remove(to).is_some())
    }

    /// Circles, shortest first, each with the lines that close it; one is cut open before the next is looked
    /// for.
    fn circles(mut self) -> Vec<String> {
        let mut found = Vec::new();
        while let Some(circle) = self.shortest() {
            let lines: Vec<&str> = circle.windows(2).map(|pair| &*self.0[&pair[0]][&pair[1]]).collect();
            found.push(format!("{} ({})", circle.join(" → "), lines.join(", ")));
            self.cut(&circle[circle.len() - 2], &circle[circle.len() - 1]);
        }
        found
    }

    fn shortest(&self) -> Option<Vec<String>> {
        self.0.keys().filter_map(|start| self.around(start)).min_by_key(Vec::len)
    }

    /// The shortest way from a file back to it.
    fn around(&self, start: &str) -> Option<Vec<String>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for next in self.0.get(at).into_iter().flat_map(BTreeMap::keys) {
                if next == start {
                    let mut way = vec![start.to_owned(), at.to_owned()];
                    let mut back = at;
                    while back != start {
                        back = came_from[back];
                        way.push(back.to_owned());
                    }
                    if at == start {
                        way.pop();
                    }
                    way.reverse();
                    return Some(way);
                }
                if !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

/// Circles that are left when the edges of a list are cut open, and entries of the list that close none.
fn judge(graph: &Graph, to_be_cut: &[(&str, &str)]) -> Vec<String> {
    let without = |kept: Option<&(&str, &str)>| {
        let mut graph = graph.clone();
        for edge in to_be_cut.iter().filter(|edge| Some(*edge) != kept) {
            graph.cut(edge.0, edge.1);
        }
        graph.circles()
    };
    let idle = to_be_cut.iter().filter(|edge| without(Some(edge)).is_empty());
    let idle = idle.map(|(from, to)| format!("{from} → {to} closes no circle: take it off the list"));
    without(None).into_iter().chain(idle).collect()
}

#[test]
fn no_file_builds_on_itself_by_way_of_others() {
    let mut wrong = Vec::new();
    for (root, to_be_cut) in [("src", TO_BE_CUT), ("benches/speed", &[])] {
        let sources = crate::texts(root);
        let graph = Crate::new(sources.iter().map(|(path, code)| (path.as_str(), code.as_str()))).edges();
        wrong.extend(judge(&graph, to_be_cut).into_iter().map(|circle| format!("{root}: {circle}")));
    }
    assert!(wrong.is_empty(), "circles between files:\n{}", wrong.join("\n"));
}

/// The circles of a crate with these files, whose root declares them.
fn planted(files: &[(&str, &str)]) -> Vec<String> {
    let root = [("lib.rs", "//! A crate.")];
    Crate::new(root.iter().chain(files).copied()).edges().circles()
}

#[test]
fn a_circle_between_two_files_is_found_with_its_lines() {
    let files = [("a.rs", "use super::b::B;\nstruct A;"), ("b.rs", "pub struct B;\n\nuse crate::a::A;")];
    assert_eq!(planted(&files), ["a.rs → b.rs → a.rs (a.rs:1, b.rs:3)"]);
}

#[test]
fn paths_in_the_code_and_grouped_imports_close_a_circle_too() {
    let files = [
        ("a.rs", "use crate::{\n    b::{self, One},\n    c,\n};\nfn a() { b::b(); }"),
        ("b.rs", "pub struct One;\npub fn b() { super::c::c(); }"),
        ("c.rs", "pub fn c() { let text = \"crate::b::b()\"; crate::a::a(); }"),
    ];
    assert_eq!(planted(&files), ["a.rs → b.rs → c.rs → a.rs (a.rs:2, b.rs:2, c.rs:1)"]);
}

#[test]
fn a_re_export_leads_to_the_file_that_has_the_item() {
    let own = ("m/mod.rs", "mod x;\nmod y;\npub use x::X;\npub use y::Y;\npub struct Common;");
    let files =
        [own, ("m/x.rs", "pub struct X;\nuse super::Y;"), ("m/y.rs", "pub struct Y;\nuse super::Common;")];
    assert_eq!(planted(&files), Vec::<String>::new(), "y.rs builds on its parent's own item alone");
    let files = [own, ("m/x.rs", "pub struct X;\nuse super::Y;"), ("m/y.rs", "pub struct Y;\nuse super::X;")];
    assert_eq!(planted(&files), ["m/x.rs → m/y.rs → m/x.rs (m/x.rs:2, m/y.rs:2)"]);
}

#[test]
fn a_parent_that_calls_its_children_is_above_them_for_others() {
    let files = [
        ("a.rs", "use crate::m::run;\npub struct A;"),
        ("m/mod.rs", "mod x;\npub fn run() { x::x(); }"),
        ("m/x.rs", "use crate::a::A;\npub fn x() {}"),
    ];
    assert_eq!(planted(&files), ["a.rs → m/mod.rs → m/x.rs → a.rs (a.rs:1, m/mod.rs:2, m/x.rs:1)"]);
}

#[test]
fn what_only_tests_compile_closes_no_circle() {
    let tests = "pub struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}";
    assert_eq!(
        planted(&[("a.rs", "use super::b::B;\npub struct A;"), ("b.rs", tests)]),
        Vec::<String>::new()
    );
}

#[test]
fn an_entry_of_the_list_that_closes_no_circle_is_named() {
    let files = [
        ("lib.rs", ""),
        ("a.rs", "use super::b::B;\nstruct A;"),
        ("b.rs", "pub struct B;\nuse crate::a::A;"),
    ];
    let graph = Crate::new(files).edges();
    assert_eq!(judge(&graph, &[("b.rs", "a.rs")]), Vec::<String>::new());
    let idle = judge(&graph, &[("b.rs", "a.rs"), ("b.rs", "c.rs")]);
    assert_eq!(idle, ["b.rs → c.rs closes no circle: take it off the list"]);
}
