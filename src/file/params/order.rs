//! The order in which defaults can be worked out: each after the params that it reads.

use std::collections::HashMap;

use crate::file::{Code, Diagnostic};
use crate::pipeline::{Param, Source};

/// Positions of params such that each stands after what its default reads, and the cycles that prevent that,
/// each as a path along which every default reads the next and the last reads the first. Depth-first search
/// (Tarjan 1972) with its own stack, since a chain of defaults can be as long as the file.
pub(in crate::file) fn order(params: &[Param]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let by_name: HashMap<&str, usize> =
        params.iter().enumerate().map(|(index, param)| (param.name.as_str(), index)).collect();
    let reads: Vec<Vec<usize>> = params
        .iter()
        .map(|param| param.default.iter().flat_map(|default| &default.params))
        .map(|names| names.filter_map(|name| by_name.get(name.as_str()).copied()).collect())
        .collect();
    Search {
        state: vec![State::New; params.len()],
        reads,
        path: Vec::new(),
        order: Vec::new(),
        cycles: Vec::new(),
    }
    .run()
}

/// The problem that a cycle is.
pub(in crate::file) fn explain(source: &Source, params: &[Param], cycle: &[usize]) -> Diagnostic {
    let members: Vec<&Param> = cycle.iter().filter_map(|index| params.get(*index)).collect();
    let Some(first) = members.first() else {
        return Diagnostic::nowhere(Code::ParamCycle, "defaults read each other");
    };
    let place = |param: &Param| format!("`{}` (line {})", param.name, source.line(param.at));
    let path: Vec<String> = members.iter().chain([first]).map(|param| place(param)).collect();
    let message = match members.len() {
        1 => format!("the default of `{}` reads itself", first.name),
        _ => format!("these defaults read each other: {}", path.join(" → ")),
    };
    let problem = Diagnostic::at(Code::ParamCycle, source, first.at, message)
        .help("give one of them a default of its own");
    members.iter().skip(1).fold(problem, |problem, param| problem.also(param.at, "part of the cycle"))
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    OnPath,
    Done,
}

struct Search {
    reads: Vec<Vec<usize>>,
    state: Vec<State>,
    /// The way down, each with the number of its reads that have been followed.
    path: Vec<(usize, usize)>,
    order: Vec<usize>,
    cycles: Vec<Vec<usize>>,
}

impl Search {
    fn run(mut self) -> (Vec<usize>, Vec<Vec<usize>>) {
        for root in 0..self.reads.len() {
            self.visit(root);
            while let Some((node, next)) = self.path.last_mut() {
                match self.reads.get(*node).and_then(|reads| reads.get(*next)).copied() {
                    Some(read) => {
                        *next += 1;
                        self.visit(read);
                    }
                    None => self.leave(),
                }
            }
        }
        (self.order, self.cycles)
    }

    fn visit(&mut self, node: usize) {
        match self.state.get(node) {
            Some(State::New) => {
                self.mark(node, State::OnPath);
                self.path.push((node, 0));
            }
            Some(State::OnPath) => {
                let cycle =
                    self.path.iter().map(|(node, _)| *node).skip_while(|on_path| *on_path != node).collect();
                self.cycles.push(cycle);
            }
            _ => {}
        }
    }

    fn leave(&mut self) {
        if let Some((node, _)) = self.path.pop() {
            self.mark(node, State::Done);
            self.order.push(node);
        }
    }

    fn mark(&mut self, node: usize, state: State) {
        if let Some(slot) = self.state.get_mut(node) {
            *slot = state;
        }
    }
}
