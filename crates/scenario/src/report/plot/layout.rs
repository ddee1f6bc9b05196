//! Where the nodes of a graph stand in a picture.
//!
//! Forces (Fruchterman and Reingold, 1991): nodes push each other away, those that know each other pull each other
//! together. The steps are of a fixed number, and only what every machine computes alike is used, the square root
//! included; angles are not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::outcome::{Graph, GraphNode};

/// Most nodes of a picture.
pub(super) const MAX_NODES: usize = 300;

/// How many neighbours of a node are followed when a graph is too large to be shown whole.
const FOLLOWED: usize = 8;

const STEPS: u32 = 150;

/// How strongly nodes are pulled to the middle. Those that push one node away push with 1 in all at a distance of 1: it
/// stays within 0.7 of the middle.
const MIDDLE: f64 = 2.0;

/// What of a graph is shown.
pub(super) struct Shown {
    pub(super) nodes: Vec<GraphNode>,
    /// Pairs of places in `nodes`: each pair once, with whether both know each other.
    pub(super) edges: Vec<(usize, usize, bool)>,
    /// For each node, how many of all nodes know it.
    pub(super) known_by: Vec<usize>,
}

/// All of a small graph; of a large one the neighbourhood of its first node, up to [`MAX_NODES`].
pub(super) fn shown(graph: &Graph) -> Shown {
    let kinds: BTreeMap<u32, GraphNode> = graph.nodes.iter().map(|node| (node.number, *node)).collect();
    let nodes: Vec<GraphNode> = if kinds.len() <= MAX_NODES {
        kinds.values().copied().collect()
    } else {
        let chosen = neighbourhood(graph, &kinds);
        chosen.iter().filter_map(|number| kinds.get(number).copied()).collect()
    };
    let places: BTreeMap<u32, usize> = nodes.iter().enumerate().map(|(place, node)| (node.number, place)).collect();
    let mut known_by = vec![0; nodes.len()];
    let mut pairs: BTreeMap<(usize, usize), [bool; 2]> = BTreeMap::new();
    for (from, to) in &graph.edges {
        let (from, to) = (places.get(from).copied(), places.get(to).copied());
        if let Some(count) = to.and_then(|to| known_by.get_mut(to)) {
            *count += 1;
        }
        let (Some(from), Some(to)) = (from, to) else { continue };
        if from != to {
            let directions = pairs.entry((from.min(to), from.max(to))).or_default();
            let [forth, back] = directions;
            *if from < to { forth } else { back } = true;
        }
    }
    let edges = pairs.into_iter().map(|((from, to), directions)| (from, to, directions == [true; 2])).collect();
    Shown { nodes, edges, known_by }
}

/// The numbers of [`MAX_NODES`] nodes that are near to the first one.
fn neighbourhood(graph: &Graph, kinds: &BTreeMap<u32, GraphNode>) -> BTreeSet<u32> {
    let mut neighbours: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (from, to) in &graph.edges {
        let known = neighbours.entry(*from).or_default();
        if known.len() < FOLLOWED && kinds.contains_key(to) {
            known.push(*to);
        }
    }
    let mut chosen = BTreeSet::new();
    // Another part of the graph begins with its first node.
    for start in kinds.keys() {
        let mut next = VecDeque::from([*start]);
        while let Some(number) = next.pop_front() {
            if chosen.len() >= MAX_NODES {
                return chosen;
            }
            if chosen.insert(number) {
                next.extend(neighbours.get(&number).into_iter().flatten());
            }
        }
    }
    chosen
}

/// Places for so many nodes between 0 and 1 in both directions, for edges between them.
pub(super) fn places(nodes: usize, edges: &[(usize, usize, bool)]) -> Vec<(f64, f64)> {
    let mut places = start(nodes);
    let count = f64::from(u32::try_from(nodes.max(1)).unwrap_or(u32::MAX));
    // The distance that nodes would have on a lattice.
    let apart = (1.0 / count).sqrt();
    for step in 0..STEPS {
        // What a node moves at most gets less and less.
        let most = 0.1 * f64::from(STEPS - step) / f64::from(STEPS);
        let mut forces = vec![(0.0, 0.0); nodes];
        for (index, (x, y)) in places.iter().enumerate() {
            for (other, (other_x, other_y)) in places.iter().enumerate().skip(index + 1) {
                let (dx, dy) = (x - other_x, y - other_y);
                let squared = (dx * dx + dy * dy).max(1e-9);
                let push = apart * apart / squared;
                add(&mut forces, index, (dx * push, dy * push));
                add(&mut forces, other, (-dx * push, -dy * push));
            }
        }
        for (from, to, _) in edges {
            let (Some((x, y)), Some((other_x, other_y))) = (places.get(*from), places.get(*to)) else { continue };
            let (dx, dy) = (x - other_x, y - other_y);
            let pull = (dx * dx + dy * dy).sqrt() / apart;
            add(&mut forces, *from, (-dx * pull, -dy * pull));
            add(&mut forces, *to, (dx * pull, dy * pull));
        }
        for ((x, y), (fx, fy)) in places.iter_mut().zip(forces) {
            // Towards the middle, so that parts without edges do not fly apart.
            let (fx, fy) = (fx + (0.5 - *x) * MIDDLE, fy + (0.5 - *y) * MIDDLE);
            let length = (fx * fx + fy * fy).sqrt().max(1e-12);
            let scale = length.min(most) / length;
            *x += fx * scale;
            *y += fy * scale;
        }
    }
    stretched(places)
}

fn add(forces: &mut [(f64, f64)], index: usize, (x, y): (f64, f64)) {
    if let Some((sum_x, sum_y)) = forces.get_mut(index) {
        *sum_x += x;
        *sum_y += y;
    }
}

/// Nodes in rows, each a little off its place, so that none stands exactly between others.
fn start(nodes: usize) -> Vec<(f64, f64)> {
    let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
    let rows = (1..=nodes).find(|rows| rows * rows >= nodes).unwrap_or(1);
    (0..nodes)
        .map(|index| {
            let shift = f64::from(index.wrapping_mul(0x9e37_79b9) >> 16) / 65_536.0 * 0.4;
            let (column, row) = (f64::from(index % rows) + shift, f64::from(index / rows) + 0.4 - shift);
            (column / f64::from(rows), row / f64::from(rows))
        })
        .collect()
}

/// As large as fits.
fn stretched(mut places: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let bounds = |each: fn(&(f64, f64)) -> f64| {
        let least = places.iter().map(each).fold(f64::INFINITY, f64::min);
        let most = places.iter().map(each).fold(f64::NEG_INFINITY, f64::max);
        (least, (most - least).max(1e-9))
    };
    let ((left, across), (top, down)) = (bounds(|place| place.0), bounds(|place| place.1));
    for (x, y) in &mut places {
        (*x, *y) = ((*x - left) / across, (*y - top) / down);
    }
    places
}
