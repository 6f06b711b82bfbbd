//! Each rule by hand, then properties of random pipelines against the plain model.

use std::collections::HashSet;

use proptest::prelude::*;

use super::testing::model::{Model, gangs, reach};
use super::testing::{links, numbered, pipeline};
use super::*;

fn names(pipeline: &Pipeline, steps: &[StepId]) -> String {
    steps.iter().map(|&step| pipeline.step(step).name.as_str()).collect::<Vec<_>>().join(" ")
}

/// Gangs in order, then stored edges with their reasons.
fn show(text: &str) -> String {
    let pipeline = pipeline(text);
    let plan = Plan::new(&pipeline).unwrap();
    let gangs: Vec<String> = plan.gangs().iter().map(|gang| names(&pipeline, &gang.steps)).collect();
    let mut lines = vec![gangs.join(" | ")];
    for (id, stream) in pipeline.streams() {
        for &reader in &stream.readers {
            if let EdgeKind::Stored(reason) = plan.edge(id, reader) {
                lines.push(reason.to_string());
            }
        }
    }
    lines.join("\n")
}

fn cycle_lines(text: &str) -> Vec<String> {
    let pipeline = pipeline(text);
    let Err(Cycles(found)) = Plan::new(&pipeline) else {
        return Vec::new();
    };
    assert_eq!(cycles(&pipeline), found.iter().map(|cycle| cycle.steps.clone()).collect::<Vec<_>>());
    let line = |cycle: &Cycle| {
        let links = cycle
            .links
            .iter()
            .map(|&at| format!("{}@{}", pipeline.source.slice(at), pipeline.source.line(at)));
        format!("{}: {}", names(&pipeline, &cycle.steps), links.collect::<Vec<_>>().join(" "))
    };
    found.iter().map(line).collect()
}

#[test]
fn fan_out_is_one_gang_and_dependents_come_after() {
    let text = "tar > archive\ngzip < archive\nsum < archive\nmanifest after gzip sum\nother";
    insta::assert_snapshot!(show(text), @"tar gzip sum | manifest | other");
    let pipeline = pipeline(text);
    let plan = Plan::new(&pipeline).unwrap();
    let levels: Vec<String> = plan.levels().iter().map(|level| names(&pipeline, level)).collect();
    assert_eq!(levels, ["tar other", "gzip sum", "manifest"]);
    let remaining: Vec<u32> = (0..3).map(|gang| plan.remaining(GangId::new(gang))).collect();
    assert_eq!(remaining, [2, 1, 1]);
}

#[test]
fn a_step_that_has_the_terminal_reads_from_disk_and_is_a_gang_of_its_own() {
    let mut pipeline = pipeline("list > names\nask < names\ncount < names");
    pipeline.steps[1].terminal = true;
    let plan = Plan::new(&pipeline).unwrap();
    let gangs: Vec<String> = plan.gangs().iter().map(|gang| names(&pipeline, &gang.steps)).collect();
    assert_eq!(gangs, ["list count", "ask"]);
    let EdgeKind::Stored(reason) = plan.edge(StreamId::new(0), StepId::new(1)) else {
        panic!("the edge is live");
    };
    assert_eq!(reason.to_string(), "`ask` has the terminal, and runs alone");
}

#[test]
fn members_stand_after_their_producers_whatever_the_file_says() {
    insta::assert_snapshot!(show("c < y\nb < x > y\na > x"), @"a b c");
}

#[test]
fn a_reader_ordered_after_its_producer_reads_from_disk() {
    insta::assert_snapshot!(show("a > x\nb < x after a\nc < x"), @"
    a c | b
    `b` runs after `a` (a → b by depends_on), so it reads the stream from disk
    ");
    insta::assert_snapshot!(show("a > x\nb after a\nd < x after b"), @"
    a | b | d
    `d` runs after `a` (a → b → d by depends_on), so it reads the stream from disk
    ");
}

#[test]
fn an_order_link_across_a_gang_cuts_one_edge_of_it() {
    insta::assert_snapshot!(show("a > x\nb < x > y\nc < y after a"), @"
    a b | c
    `c` cannot run together with `b` (a runs together with b, a → c by depends_on), so it reads the stream from disk
    ");
    insta::assert_snapshot!(show("p > x\nleft < x\nright < x after left"), @"
    p left | right
    `right` cannot run together with `p` (left runs together with p, left → right by depends_on), so it reads the stream from disk
    ");
}

#[test]
fn gangs_that_wait_for_each_other_are_broken_by_one_stored_edge() {
    insta::assert_snapshot!(show("a > x\nb < x after c\nc > y\nd < y after a"), @"
    c | a b | d
    `d` cannot run together with `c` (c → b by depends_on, a runs together with b, a → d by depends_on), so it reads the stream from disk
    ");
}

#[test]
fn reconvergent_streams_stay_live_together() {
    insta::assert_snapshot!(show("a > x\nb < x > y\nc < x < y"), @"a b c");
    // The same beside an order link that makes the part be worked on; the short edge is met last.
    insta::assert_snapshot!(show("c < x < y\na > x\nb < x > y\nd < x after b"), @"
    a b c | d
    `d` cannot run together with `a` (b runs together with a, b → d by depends_on), so it reads the stream from disk
    ");
}

#[test]
fn long_reasons_are_shortened() {
    let text: String = (1..20).map(|step| format!("s{step} after s{}\n", step - 1)).collect();
    insta::assert_snapshot!(show(&format!("s0 > x\n{text}end < x after s19")), @"
    s0 | s1 | s2 | s3 | s4 | s5 | s6 | s7 | s8 | s9 | s10 | s11 | s12 | s13 | s14 | s15 | s16 | s17 | s18 | s19 | end
    `end` runs after `s0` (s0 → s1 → s2 → s3 → … 13 more … → s17 → s18 → s19 → end by depends_on), so it reads the stream from disk
    ");
}

#[test]
fn every_cycle_is_reported_with_the_lines_that_close_it() {
    let text =
        "z after c\na > x after c\nb < x\nc after b\n\np after q\nq after p\nr after p\nself after self";
    insta::assert_snapshot!(cycle_lines(text).join("\n"), @"
    a b c: x@3 b@4 c@2
    p q: p@7 q@6
    self: self@9
    ");
    assert_eq!(cycle_lines("a > x < x"), ["a: x@1"]);
    assert!(cycles(&pipeline("a > x\nb < x after a")).is_empty());
}

#[test]
fn the_shortest_cycle_of_a_knot_is_the_one_reported() {
    assert_eq!(
        cycle_lines("a after e\nb after a d\nc after b\nd after c\ne after d"),
        ["b c d: b@3 c@4 d@2"]
    );
}

#[test]
fn an_empty_pipeline_has_an_empty_plan() {
    let plan = Plan::new(&numbered(&[])).unwrap();
    assert!(plan.gangs().is_empty() && plan.levels().is_empty());
}

#[test]
fn very_long_chains_need_no_deep_stack() {
    let many = 200_000;
    let chain =
        |link: fn(usize) -> (Vec<usize>, Vec<usize>)| numbered(&(0..many).map(link).collect::<Vec<_>>());
    let before = |step: usize| step.checked_sub(1).into_iter().collect::<Vec<_>>();
    let order = Plan::new(&chain(|step| (step.checked_sub(1).into_iter().collect(), Vec::new()))).unwrap();
    assert_eq!((order.gangs().len(), order.levels().len()), (many, many));
    let live = Plan::new(&chain(|step| (Vec::new(), step.checked_sub(1).into_iter().collect()))).unwrap();
    assert_eq!(live.gangs().len(), 1);
    // Live but for one order link from end to end, which cuts one edge.
    let mut links: Vec<_> = (0..many).map(|step| (Vec::new(), before(step))).collect();
    links[many - 1].0.push(0);
    assert_eq!(Plan::new(&numbered(&links)).unwrap().gangs().len(), 2);
    // Every step reads from the one before and comes after the two before that.
    let band: Vec<_> = (0..many)
        .map(|step| ((step.saturating_sub(3)..step.saturating_sub(1)).collect(), before(step)))
        .collect();
    assert_eq!(Plan::new(&numbered(&band)).unwrap().gangs().len(), many / 2);
    // One ring of all.
    let ring = chain(|step| (vec![step.checked_sub(1).unwrap_or(199_999)], Vec::new()));
    assert_eq!(cycles(&ring).iter().map(Vec::len).collect::<Vec<_>>(), [many]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn cycles_are_found_just_where_there_are_some(links in links(9, 1, false)) {
        let pipeline = numbered(&links);
        let model = Model::new(&pipeline);
        let all: HashSet<(usize, usize)> = model.links().into_iter().collect();
        let reach = reach(model.steps, &model.links());
        let found = cycles(&pipeline);
        let mut components = HashSet::new();
        for cycle in &found {
            let on: Vec<usize> = cycle.iter().map(|step| step.index()).collect();
            prop_assert_eq!(on.iter().min(), on.first());
            prop_assert_eq!(on.iter().collect::<HashSet<_>>().len(), on.len());
            prop_assert!((0..on.len()).all(|at| all.contains(&(on[at], on[(at + 1) % on.len()]))));
            let component: Vec<usize> = (0..model.steps).filter(|&step| reach[on[0]][step] && reach[step][on[0]]).collect();
            prop_assert!(on.len() <= shortest(&component, &all));
            components.insert(component);
        }
        let expected: HashSet<Vec<usize>> = (0..model.steps)
            .filter(|&step| reach[step][step])
            .map(|step| (0..model.steps).filter(|&other| reach[step][other] && reach[other][step]).collect())
            .collect();
        prop_assert_eq!(found.len(), components.len());
        prop_assert_eq!(components, expected);
        prop_assert_eq!(Plan::new(&pipeline).is_err(), !found.is_empty());
    }

    #[test]
    fn gangs_are_orderable_and_no_more_is_stored_than_must_be(links in prop_oneof![links(14, 1, true), links(9, 3, true)]) {
        let pipeline = numbered(&links);
        let model = Model::new(&pipeline);
        let plan = Plan::new(&pipeline).unwrap();
        let (live, stored) = model.split(&plan);
        prop_assert!(model.orderable(&live, &stored));
        for (at, &edge) in stored.iter().enumerate() {
            let more: Vec<_> = live.iter().copied().chain([edge]).collect();
            let rest = [&stored[..at], &stored[at + 1..]].concat();
            prop_assert!(!model.orderable(&more, &rest), "{:?} could be live", edge);
        }
        let all: Vec<_> = live.iter().chain(&stored).copied().collect();
        prop_assert!(stored.is_empty() || !model.orderable(&all, &[]));
        // The plan's gangs are those that the live edges make.
        let model_gangs = gangs(model.steps, &live);
        for step in 0..model.steps {
            let gang = &plan.gangs()[plan.gang_of(StepId::new(step)).index()];
            let members: HashSet<usize> = gang.steps.iter().map(|step| step.index()).collect();
            prop_assert_eq!(members, (0..model.steps).filter(|&other| model_gangs[other] == model_gangs[step]).collect());
        }
    }

    #[test]
    fn positions_levels_and_remaining_paths_respect_every_link(links in links(14, 2, true)) {
        let pipeline = numbered(&links);
        let model = Model::new(&pipeline);
        let plan = Plan::new(&pipeline).unwrap();
        let levels = plan.levels();
        let level = |step: usize| levels.iter().position(|level| level.contains(&StepId::new(step))).unwrap();
        let gang = |step: usize| plan.gang_of(StepId::new(step));
        let place = |step: usize| plan.gangs()[gang(step).index()].steps.iter().position(|it| it.index() == step).unwrap();
        for (from, to) in model.links() {
            prop_assert!(level(from) < level(to));
            prop_assert!((gang(from), place(from)) < (gang(to), place(to)));
        }
        for step in 0..model.steps {
            let before = model.links().into_iter().filter(|link| link.1 == step).map(|link| level(link.0) + 1);
            prop_assert_eq!(level(step), before.max().unwrap_or(0));
        }
        for id in (0..plan.gangs().len()).map(GangId::new) {
            let after = model.links().into_iter().filter(|link| gang(link.0) == id && gang(link.1) != id);
            let longest = after.map(|link| plan.remaining(gang(link.1))).max().unwrap_or(0);
            prop_assert_eq!(plan.remaining(id), 1 + longest);
        }
    }

    #[test]
    fn reasons_are_true(links in links(14, 2, true)) {
        let pipeline = numbered(&links);
        let model = Model::new(&pipeline);
        let plan = Plan::new(&pipeline).unwrap();
        for &(stream, producer, reader) in &model.streams {
            let EdgeKind::Stored(reason) = plan.edge(stream, StepId::new(reader)) else { continue };
            let mut at = plan.gang_of(StepId::new(producer));
            let mut ordered = false;
            for hop in &reason.hops {
                prop_assert_eq!(plan.gang_of(hop.from), at);
                let ends = (hop.from.index(), hop.to.index());
                let exists = match hop.stream {
                    None => model.order.contains(&ends),
                    Some(stream) => model.streams.contains(&(stream, ends.0, ends.1)),
                };
                prop_assert!(exists);
                prop_assert!(hop.stream != Some(stream) || hop.to.index() != reader);
                ordered |= hop.stream.is_none_or(|stream| *plan.edge(stream, hop.to) != EdgeKind::Live);
                at = plan.gang_of(hop.to);
            }
            prop_assert!(ordered);
            prop_assert_eq!(at, plan.gang_of(StepId::new(reader)));
        }
    }
}

/// Returns the length of the shortest cycle within a component, by lengths of paths.
fn shortest(component: &[usize], links: &HashSet<(usize, usize)>) -> usize {
    let from = |start: usize| {
        let mut at = HashSet::from([start]);
        for length in 1..=component.len() {
            at = links
                .iter()
                .filter(|link| at.contains(&link.0) && component.contains(&link.1))
                .map(|link| link.1)
                .collect();
            if at.contains(&start) {
                return length;
            }
        }
        usize::MAX
    };
    component.iter().map(|&start| from(start)).min().unwrap_or(usize::MAX)
}
