//! The combinations of a matrix: all of its axes, less what is excluded, and what is included.

use crate::file::Code;
use crate::file::lower::Lowering;
use crate::file::raw::RawMatrix;
use crate::file::unroll::{self, Axis, Combination, MOST, Pattern, is_same};
use crate::file::words::shown;
use crate::file::yaml::{Entries, Field, Literal};
use crate::pipeline::{MatrixValue, Span};

/// Values by the name of their axis, each with the place of the name.
type Named<'r> = Vec<(&'r str, Span, MatrixValue)>;

impl Lowering<'_> {
    /// The combinations of axes; `None` if anything is wrong with them.
    pub(super) fn combinations(
        &mut self,
        raw: &RawMatrix,
        axes: &[Axis],
        at: Span,
    ) -> Option<Vec<Combination>> {
        let included = raw.include.value().map_or(0, Vec::len);
        let fits = unroll::size(axes)
            .and_then(|size| size.checked_add(included as u64))
            .is_some_and(|size| size <= MOST);
        if !fits {
            return self.too_many(axes, included, at);
        }
        let mut combinations = unroll::product(axes);
        for (entry, at) in raw.exclude.value().into_iter().flatten().filter_map(Field::get) {
            self.exclude(axes, &mut combinations, entry, at)?;
        }
        let is_literal = axes.iter().all(|axis| axis.is_literal);
        for (entry, at) in raw.include.value().into_iter().flatten().filter_map(Field::get) {
            let combination = self.whole(axes, entry, at)?;
            match combinations.iter().any(|other| is_same(other, &combination)) {
                false => combinations.push(combination),
                true if is_literal => return self.twice(&combination, at),
                // Another list has not got it.
                true => {}
            }
        }
        if combinations.is_empty() && is_literal {
            let problem = self.at(Code::MatrixEmpty, at, "this matrix has no combinations: all are excluded");
            self.report(problem.help("exclude fewer, or remove the step"));
            return None;
        }
        Some(combinations)
    }

    /// The axes and combinations of a matrix that has nothing but `include`.
    pub(super) fn listed(&mut self, raw: &RawMatrix, at: Span) -> Option<(Vec<Axis>, Vec<Combination>)> {
        let entries: Vec<_> = raw.include.value().into_iter().flatten().filter_map(Field::get).collect();
        let Some((first, _)) = entries.first() else {
            if raw.include.is_missing() || raw.include.value().is_some() {
                let problem = self.at(Code::MatrixEmpty, at, "this matrix has no combinations");
                self.report(problem.help("add an axis with its values, such as `os: [alpine, bookworm]`"));
            }
            return None;
        };
        if entries.len() as u64 > MOST {
            return self.too_many(&[], entries.len(), at);
        }
        let mut axes: Vec<Axis> = Vec::new();
        for (name, at) in first.0.iter().filter_map(|(name, _)| name.get()) {
            if !self.axis_name(name, at) {
                return None;
            }
            axes.push(Axis { name: name.clone(), values: Vec::new(), is_literal: true, params: Vec::new() });
        }
        let mut combinations: Vec<Combination> = Vec::with_capacity(entries.len());
        for (entry, at) in entries {
            let combination = self.whole(&axes, entry, at)?;
            if combinations.iter().any(|other| is_same(other, &combination)) {
                return self.twice(&combination, at);
            }
            for (axis, value) in axes.iter_mut().zip(&combination) {
                if !axis.values.iter().any(|(known, _)| known.spelled() == value.spelled()) {
                    axis.values.push((value.clone(), at));
                }
            }
            combinations.push(combination);
        }
        Some((axes, combinations))
    }

    /// A combination that names every axis and nothing else.
    fn whole(&mut self, axes: &[Axis], entry: &Entries<Literal>, at: Span) -> Option<Combination> {
        let mut named = self.named(entry)?;
        let strange = named.iter().find(|(name, ..)| !axes.iter().any(|axis| axis.name == *name));
        if let Some((name, name_at, _)) = strange {
            let axes: Vec<&str> = axes.iter().map(|axis| axis.name.as_str()).collect();
            let message = format!("`{name}` is no axis of this matrix");
            let problem = self.at(Code::MatrixKeys, *name_at, message);
            let near =
                self.nearest.find(name, axes.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let help = near.unwrap_or_else(|| {
                "every combination has the same keys; where they differ, write all combinations under `include`, without axes"
                    .to_owned()
            });
            self.report(problem.help(help));
            return None;
        }
        let mut combination = Vec::with_capacity(axes.len());
        for axis in axes {
            let Some(position) = named.iter().position(|(name, ..)| *name == axis.name) else {
                let message = format!("this combination has no `{}`", axis.name);
                let problem = self.at(Code::MatrixKeys, at, message);
                self.report(
                    problem.help(format!("every combination has the same keys: add `{}: …`", axis.name)),
                );
                return None;
            };
            combination.push(named.swap_remove(position).2);
        }
        Some(combination)
    }

    fn named<'r>(&mut self, entry: &'r Entries<Literal>) -> Option<Named<'r>> {
        let mut named = Named::new();
        for (name, value) in &entry.0 {
            let ((name, name_at), (value, at)) = (name.get()?, value.get()?);
            named.push((name, name_at, self.value(value, at)?.0));
        }
        Some(named)
    }

    fn exclude(
        &mut self,
        axes: &[Axis],
        combinations: &mut Vec<Combination>,
        entry: &Entries<Literal>,
        at: Span,
    ) -> Option<()> {
        let mut pattern = Pattern::new();
        let mut is_certain = true;
        for (name, name_at, value) in self.named(entry)? {
            let Some(position) = axes.iter().position(|axis| axis.name == name) else {
                let names = axes.iter().map(|axis| axis.name.as_str());
                let help = self.nearest.help(name, names);
                let problem =
                    self.at(Code::MatrixKeys, name_at, format!("`{name}` is no axis of this matrix"));
                self.report(problem.maybe_help(help));
                return None;
            };
            is_certain &= axes.get(position).is_some_and(|axis| axis.is_literal);
            pattern.push((position, value));
        }
        if pattern.is_empty() {
            let problem = self.at(Code::MatrixExclude, at, "this entry of `exclude` names nothing");
            self.report(problem.help("name the values that go together, or remove it"));
            return None;
        }
        // A run that is given fewer values excludes less.
        if !unroll::exclude(combinations, &pattern) && is_certain {
            let nearest = pattern.iter().find_map(|(axis, value)| {
                let values = axes.get(*axis)?.values.iter().map(|(known, _)| known.spelled());
                let is_there = values.clone().any(|known| known == value.spelled());
                if is_there { None } else { self.nearest.help(value.spelled(), values) }
            });
            let problem = self.at(Code::MatrixExclude, at, "no combination matches this entry of `exclude`");
            self.report(problem.help(nearest.unwrap_or_else(|| "remove it, or mend its values".to_owned())));
            return None;
        }
        Some(())
    }

    fn twice<T>(&mut self, combination: &Combination, at: Span) -> Option<T> {
        let values: Vec<&str> = combination.iter().map(MatrixValue::spelled).collect();
        let message = format!("the combination {} is there already", shown(&values.join(", ")));
        let problem = self.at(Code::MatrixDuplicate, at, message);
        self.report(problem.help("`include` adds whole combinations, and changes none: remove it"));
        None
    }

    fn too_many<T>(&mut self, axes: &[Axis], included: usize, at: Span) -> Option<T> {
        let mut counts: Vec<String> = Vec::new();
        if !axes.is_empty() {
            counts
                .push(axes.iter().map(|axis| axis.values.len().to_string()).collect::<Vec<_>>().join(" × "));
        }
        if included > 0 {
            counts.push(included.to_string());
        }
        let message = format!("this matrix has more than {MOST} combinations: {}", counts.join(" + "));
        let problem = self.at(Code::MatrixSize, at, message);
        self.report(problem.help("a script goes through many values in less time than as many steps start"));
        None
    }
}
