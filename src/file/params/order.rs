//! The order in which defaults can be worked out: each after the params that it reads.

use std::collections::HashMap;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::file::{Code, Diagnostic};
use crate::pipeline::{Param, Source};

/// From each param to those that its default reads.
type Reads = DiGraph<(), (), usize>;

/// Returns positions of params such that each stands after what its default reads, and the cycles that prevent
/// that: one for each group of defaults that all read each other, as a path along which every default reads
/// the next and the last reads the first.
pub(in crate::file) fn order(params: &[Param]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let reads = reads(params);
    // What a component reads comes before it. The algorithm has no deep stack: a chain may be as long as the file.
    let components = kosaraju_scc(&reads);
    let mut cycles: Vec<Vec<usize>> = components.iter().filter_map(|all| cycle(&reads, all)).collect();
    cycles.sort_unstable();
    (components.into_iter().flatten().map(NodeIndex::index).collect(), cycles)
}

fn reads(params: &[Param]) -> Reads {
    let by_name: HashMap<&str, usize> =
        params.iter().enumerate().map(|(index, param)| (param.name.as_str(), index)).collect();
    let mut reads = Reads::default();
    for _ in params {
        reads.add_node(());
    }
    for (index, param) in params.iter().enumerate() {
        let names = param.default.iter().flat_map(|default| &default.params);
        for read in names.filter_map(|name| by_name.get(name.as_str())) {
            reads.add_edge(index.into(), (*read).into(), ());
        }
    }
    reads
}

/// Returns a cycle of a component, from the param that stands first; nothing where there is none.
fn cycle(reads: &Reads, component: &[NodeIndex<usize>]) -> Option<Vec<usize>> {
    let first = *component.iter().min()?;
    if component.len() == 1 && !reads.contains_edge(first, first) {
        return None;
    }
    // Each member reads another one, so that the path comes round, if perhaps not to where it began.
    let (mut path, mut seen) = (vec![first], HashMap::from([(first, 0)]));
    loop {
        let next = reads.neighbors(*path.last()?).filter(|next| component.contains(next)).min()?;
        if let Some(&start) = seen.get(&next) {
            return Some(path.split_off(start).into_iter().map(NodeIndex::index).collect());
        }
        seen.insert(next, path.len());
        path.push(next);
    }
}

/// The problem that a cycle is.
pub(in crate::file) fn explain(source: &Source, params: &[Param], cycle: &[usize]) -> Diagnostic {
    let members: Vec<&Param> = cycle.iter().filter_map(|index| params.get(*index)).collect();
    let Some(first) = members.first() else {
        return Diagnostic::nowhere(Code::ParamCycle, "defaults read each other");
    };
    let place = |param: &Param| format!("`{}` ({})", param.name, source.line_words(param.at));
    let path: Vec<String> = members.iter().chain([first]).map(|param| place(param)).collect();
    let message = match members.len() {
        1 => format!("the default of `{}` reads itself", first.name),
        _ => format!("these defaults read each other: {}", path.join(" → ")),
    };
    let problem = Diagnostic::at(Code::ParamCycle, source, first.at, message)
        .help("give one of them a default of its own");
    members.iter().skip(1).fold(problem, |problem, param| problem.also(param.at, "part of the cycle"))
}
