//! Heights: where in its column each vertex stands, so that edges run as straight as the order allows.

use super::layers::Layers;

/// Rounds of moving every column towards its neighbours.
const ROUNDS: usize = 16;

/// Returns the middle of each vertex, top to bottom. `height` is a vertex's own, `gap` the least distance
/// between two that are neighbours in a column.
pub(super) fn heights(layers: &Layers, height: &[f64], gap: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let apart = |a: usize, b: usize| (height[a] + height[b]) / 2.0 + gap(a, b);
    let mut middle = vec![0.0; height.len()];
    for column in &layers.columns {
        for pair in column.windows(2) {
            middle[pair[1]] = middle[pair[0]] + apart(pair[0], pair[1]);
        }
        let shift = column.last().map_or(0.0, |&last| middle[last] / 2.0);
        column.iter().for_each(|&vertex| middle[vertex] -= shift);
    }
    for round in 0..ROUNDS {
        let settle = |column: &Vec<usize>, middle: &mut Vec<f64>| {
            let sides = match round {
                _ if round + 4 >= ROUNDS => (true, true),
                _ => (round % 2 == 0, round % 2 == 1),
            };
            let wishes: Vec<(f64, f64)> = column.iter().map(|&it| wish(layers, middle, it, sides)).collect();
            let apart: Vec<f64> = column.windows(2).map(|pair| apart(pair[0], pair[1])).collect();
            for (&vertex, at) in column.iter().zip(nearest(&wishes, &apart)) {
                middle[vertex] = at;
            }
        };
        if round % 2 == 0 {
            layers.columns.iter().for_each(|column| settle(column, &mut middle));
        } else {
            layers.columns.iter().rev().for_each(|column| settle(column, &mut middle));
        }
    }
    middle
}

/// Returns where a vertex would like to be, and how much: at the weighted median of its neighbours on the
/// given sides, which keeps at least one edge straight. Passages of long edges want it most among themselves
/// (the weights of Gansner and others, "A Technique for Drawing Directed Graphs").
fn wish(layers: &Layers, middle: &[f64], vertex: usize, (left, right): (bool, bool)) -> (f64, f64) {
    let it = &layers.vertices[vertex];
    let before = it.before.iter().filter(|_| left);
    let neighbours = before.chain(it.after.iter().filter(|_| right));
    let pull = |&other: &usize| match (it.node, layers.vertices[other].node) {
        (Some(_), Some(_)) => 1.0,
        (None, None) => 8.0,
        _ => 2.0,
    };
    let mut pulls: Vec<(f64, f64)> = neighbours.map(|other| (middle[*other], pull(other))).collect();
    pulls.sort_by(|a, b| a.0.total_cmp(&b.0));
    let weight: f64 = pulls.iter().map(|(_, pull)| pull).sum();
    median(&pulls, weight).map_or((middle[vertex], 0.1), |median| (median, weight))
}

/// Returns the middle of sorted positions by weight; between two, their mean.
fn median(pulls: &[(f64, f64)], weight: f64) -> Option<f64> {
    let mut below = 0.0;
    for (place, (position, pull)) in pulls.iter().enumerate() {
        below += pull;
        if below * 2.0 == weight {
            return pulls.get(place + 1).map(|next| (position + next.0) / 2.0);
        }
        if below * 2.0 > weight {
            return Some(*position);
        }
    }
    None
}

/// Returns the places nearest to the wishes (position, weight), by least squares, that keep their order and
/// are `apart`: isotonic regression by pooling adjacent violators.
fn nearest(wishes: &[(f64, f64)], apart: &[f64]) -> Vec<f64> {
    let mut offset = vec![0.0];
    for distance in apart {
        offset.push(offset.last().copied().unwrap_or(0.0) + distance);
    }
    // Pools of wishes that share one place: position, weight, how many.
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for ((position, weight), offset) in wishes.iter().zip(&offset) {
        let mut pool = (position - offset, *weight, 1);
        while let Some(last) = pools.pop_if(|last| last.0 > pool.0) {
            let weight = last.1 + pool.1;
            pool = ((last.0 * last.1 + pool.0 * pool.1) / weight, weight, last.2 + pool.2);
        }
        pools.push(pool);
    }
    let bases = pools.into_iter().flat_map(|(position, _, count)| std::iter::repeat_n(position, count));
    bases.zip(offset).map(|(base, offset)| base + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_met_where_there_is_room_and_shared_where_not() {
        assert_eq!(nearest(&[(0.0, 1.0), (50.0, 1.0)], &[10.0]), [0.0, 50.0]);
        assert_eq!(nearest(&[(20.0, 1.0), (20.0, 1.0)], &[10.0]), [15.0, 25.0]);
        assert_eq!(nearest(&[(20.0, 3.0), (20.0, 1.0)], &[8.0]), [18.0, 26.0]);
        assert_eq!(nearest(&[], &[]), [0.0; 0]);
    }
}
