//! Forward: the field of every node, where the numbers come from a world around it: a window of the
//! batch, or what the images left behind.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::axis::Axis;
use crate::element::Activation;
use crate::error::{Error, ErrorKind, Result};
use crate::loss::{Loss, Map, Node};
use crate::region::{Before, Overlap, Region};

use super::activation::{Activated, Slope};
use super::aggregate::{self, Aggregated};
use super::field::{Factor, Field, Mass, Value, common_weights, place};
use super::grid::{Grid, Mask, Shape, both};
use super::linear::{self, Cut, Finished, Known, Summed};
use super::offence::Rank;
use super::plan::{Named, Spot, is_linear};
use super::ratio::{self, Divided, Overlapped};
use super::window::Window;

/// A node that was evaluated: its field, and what the way back needs.
#[derive(Debug)]
pub(super) struct Taped<'p> {
    pub(super) spot: &'p Spot,
    pub(super) field: Field,
    pub(super) how: How<'p>,
}

#[derive(Debug)]
pub(super) enum How<'p> {
    Element {
        activated: Activated,
        slope: Slope,
    },
    Sum {
        inputs: Vec<Taped<'p>>,
    },
    Step {
        sums: Sums<'p>,
        cut: Cut,
        finished: Finished,
    },
    Ratio {
        sums: Sums<'p>,
        divided: Divided,
    },
    Aggregate {
        input: Box<Taped<'p>>,
        aggregated: Aggregated,
    },
    Scale {
        input: Box<Taped<'p>>,
        weight: Option<Grid>,
    },
    Weigh {
        input: Box<Taped<'p>>,
    },
    Map {
        input: Box<Taped<'p>>,
        derivative: Grid,
    },
    Select {
        input: Box<Taped<'p>>,
        places: Vec<usize>,
    },
    Quotient {
        over: Box<Taped<'p>>,
        under: Box<Taped<'p>>,
    },
    /// One value for each image that was seen: the number of the pool.
    Kept(usize),
    /// A number that is known only after the images.
    Term,
}

/// Where the sums of a step or a ratio come from.
#[derive(Debug)]
pub(super) enum Sums<'p> {
    Step {
        input: Box<Taped<'p>>,
        summed: Summed,
    },
    Ratio {
        activated: Activated,
        classes: Vec<usize>,
        overlapped: Overlapped,
    },
    /// From parts of the window, or from the images: the number of the cut or pool, and the terms
    /// that are factors of its values.
    Given(usize, Vec<Taped<'p>>),
}

/// What was evaluated before.
pub(super) enum Given<'w> {
    Sums(usize, &'w Cut),
    Kept(usize, Field),
    Term,
}

/// Where the numbers come from.
pub(super) trait World {
    fn shape(&self, spot: &Spot) -> Shape;
    fn classes(&self) -> usize;
    fn first_image(&self) -> usize;
    fn weight(&self, named: &Arc<Named>, rank: Rank) -> Result<Mass>;
    fn given(&self, spot: &Spot) -> Option<Given<'_>>;
    fn known(&self) -> Option<&dyn Known>;
    /// Takes down that a term is read, which is known only after the images.
    fn read_term(&self, _: usize) {}
    fn terms_read(&self) -> BTreeSet<usize> {
        BTreeSet::new()
    }
    /// The window, where cells can be read.
    fn window(&self) -> Option<&Window<'_, '_>>;
}

/// Knows the terms of a pool besides what a world knows.
struct WithTerms<'a> {
    world: &'a dyn Known,
    terms: Vec<(usize, f64)>,
}

impl Known for WithTerms<'_> {
    fn weight(&self, named: &Named, classes: &[usize]) -> Result<Grid> {
        self.world.weight(named, classes)
    }

    fn term(&self, id: usize) -> f64 {
        self.terms.iter().find(|(known, _)| *known == id).map_or(0.0, |(_, value)| *value)
    }
}

fn no_window(spot: &Spot) -> Error {
    let why = format!("order: `{}` needs the cells of a batch", spot.loss);
    Error::new(ErrorKind::Order, why)
}

/// Evaluates a node in a world; `live` says which of its cells somebody reads.
pub(super) fn node<'p>(world: &dyn World, spot: &'p Spot, live: &Mask) -> Result<Taped<'p>> {
    let taped = |field, how| Taped { spot, field, how };
    match world.given(spot) {
        Some(Given::Term) => {
            if live.as_ref().is_none_or(|live| live.cells.iter().any(|&live| live != 0.0)) {
                world.read_term(spot.id);
            }
            let scalar = Shape { class: 1, image: 1, pixel: 1 };
            let mut field = Field::known(Grid::zeros(scalar), Vec::new());
            let factors = vec![Factor::Term(spot.id)];
            field.values.push(Value { factors, grid: Grid::filled(scalar, 1.0) });
            return Ok(taped(field, How::Term));
        }
        Some(Given::Sums(number, cut)) => return given(world, spot, number, cut, live),
        Some(Given::Kept(number, field)) => {
            let input = Taped { spot: &spot.parts[0], field, how: How::Kept(number) };
            return aggregated(world, spot, input, live);
        }
        None => {}
    }
    match spot.loss.node() {
        Node::Element(element) => {
            let window = world.window().ok_or_else(|| no_window(spot))?;
            let (value, activated, slope) = window.element(spot, element, live)?;
            let field = Field::known(value, window.kept().into_iter().collect());
            Ok(taped(field, How::Element { activated, slope }))
        }
        Node::Region { .. } => {
            let (cut, sums) = part(world, spot, live)?;
            ratio_of(world, spot, cut, sums, live)
        }
        Node::Step(_, step) if is_linear(step) => {
            let (cut, sums) = part(world, spot, live)?;
            step_of(world, spot, cut, sums, live)
        }
        Node::Step(..) => {
            let child = &spot.parts[0];
            let below = live.as_ref().map(|live| live.spread(world.shape(child)));
            let input = node(world, child, &below)?;
            aggregated(world, spot, input, live)
        }
        Node::Scale(..) => scaled(world, spot, live),
        Node::Weigh(..) => {
            let (input, weight) = weighted(world, spot, live)?;
            let mut field = widened(&input.field, world.shape(spot));
            field.weights.push(weight);
            Ok(taped(field, How::Weigh { input: Box::new(input) }))
        }
        Node::Map(_, map) => {
            let input = node(world, &spot.parts[0], live)?;
            let (value, derivative) = mapped(world, spot, &input.field, *map, live)?;
            let field = Field::known(value, input.field.weights.clone());
            Ok(taped(field, How::Map { input: Box::new(input), derivative }))
        }
        Node::Select(..) => {
            let child = &spot.parts[0];
            let places = places(&spot.classes, &child.classes);
            let input = node(world, child, &live_of_selected(world, spot, live))?;
            let field = selected(&input.field, &places);
            Ok(taped(field, How::Select { input: Box::new(input), places }))
        }
        Node::Sum { terms, constant } => sum(world, spot, terms, *constant, live),
        Node::Quotient(..) => quotient(world, spot, live),
        Node::TooLarge => Err(Error::new(ErrorKind::Order, "order: the loss is too large")),
    }
}

/// The sums of a linear step or a ratio in a window.
pub(super) fn part<'p>(world: &dyn World, spot: &'p Spot, live: &Mask) -> Result<(Cut, Sums<'p>)> {
    if let Node::Region { overlap, region } = spot.loss.node() {
        let window = world.window().ok_or_else(|| no_window(spot))?;
        return overlapped(window, spot, overlap, region, live);
    }
    let child = &spot.parts[0];
    let below = live.as_ref().map(|live| live.spread(world.shape(child)));
    let input = node(world, child, &below)?;
    let by = match spot.loss.node() {
        Node::Step(_, step) if step.by.is_some() => {
            let by = spot.weights.iter().map(|by| world.weight(by, spot.rank(by)));
            Some(by.collect::<Result<Vec<_>>>()?)
        }
        _ => None,
    };
    let (mut cut, summed) = linear::sums(spot.over, by.as_deref(), &input.field);
    cut.rest.read = world.terms_read();
    Ok((cut, Sums::Step { input: Box::new(input), summed }))
}

fn overlapped<'p>(
    window: &Window<'_, '_>,
    spot: &'p Spot,
    overlap: &Overlap,
    region: &Region,
    live: &Mask,
) -> Result<(Cut, Sums<'p>)> {
    let all: Vec<usize> = (0..window.data.extents.class).collect();
    let mut classes = all.clone();
    let mut weights: Vec<Mass> = window.kept().into_iter().collect();
    let mut named = spot.weights.iter();
    for step in &overlap.steps {
        match step {
            Before::Weigh(_) => {
                if let Some(named) = named.next() {
                    weights.push(window.weight(named, spot.rank(named))?);
                }
            }
            Before::Select(list) => {
                let kept: Vec<usize> =
                    classes.iter().copied().filter(|class| list.contains(class)).collect();
                let places = places(&kept, &classes);
                weights.iter_mut().for_each(|weight| *weight = selected_mass(weight, &places));
                classes = kept;
            }
        }
    }
    let shape = window.shape(crate::axis::Axes::ALL, classes.len());
    let live = live.as_ref().map(|live| live.spread(shape));
    // What is counted over images has its number where that decides what is read, and 1 elsewhere.
    let read = weights.iter().fold(live, |read, weight| {
        let is_one = weight.deferred.is_some() && weight.grid.cells.iter().all(|&w| w != 0.0);
        if is_one { read } else { both(read, Some(&weight.grid), shape) }
    });
    let everywhere = match read {
        None if classes.len() == all.len() => None,
        None => Some(Grid::filled(shape, 1.0).among(&classes, all.len())),
        Some(read) => Some(read.among(&classes, all.len())),
    };
    let unit = overlap.activation != Activation::Identity;
    let (activated, target) =
        window.activate(spot, overlap.activation, unit, &everywhere, false)?;
    let cells = (activated.p.classes(&classes), target.classes(&classes));
    let (cut, overlapped) = ratio::sums(spot.over, &region.ratio, &weights, cells);
    Ok((cut, Sums::Ratio { activated, classes, overlapped }))
}

/// The classes inside the sums of a ratio, or of the field under a step.
pub(super) fn classes_within(spot: &Spot, all: usize) -> Vec<usize> {
    match spot.loss.node() {
        Node::Region { overlap, .. } => {
            let of_step = |step: &Before| match step {
                Before::Weigh(_) => None,
                Before::Select(list) => Some(list.clone()),
            };
            overlap.steps.iter().filter_map(of_step).fold((0..all).collect(), |classes, list| {
                classes.into_iter().filter(|class| list.contains(class)).collect()
            })
        }
        _ => spot.parts[0].classes.clone(),
    }
}

/// The field of a step or ratio whose sums are given.
fn given<'p>(
    world: &dyn World,
    spot: &'p Spot,
    number: usize,
    cut: &Cut,
    live: &Mask,
) -> Result<Taped<'p>> {
    let mut cut = cut.clone();
    let mut terms = Vec::new();
    cut.rest.read.iter().for_each(|&id| world.read_term(id));
    if let Some(known) = world.known() {
        let classes = if spot.over.contains(Axis::Class) { &[][..] } else { &spot.classes };
        for weight in &mut cut.rest.waiting {
            *weight = resolved(weight, known, classes)?;
        }
        for term in terms_of(spot) {
            // A weight that was counted over images may leave nothing to read it.
            let deferred = |factors: &Vec<Factor>| {
                let of_factor = |factor: &Factor| match factor {
                    Factor::Weight(named) => Some(Arc::clone(named)),
                    Factor::Term(_) => None,
                };
                factors.iter().filter_map(of_factor).collect::<Vec<_>>()
            };
            let within = &spot.parts.first().map_or(&[][..], |child| &child.classes);
            let cells = cut.sums[0].shape;
            let mut weighed = false;
            for factors in cut.rest.factors.iter().filter(|f| f.contains(&Factor::Term(term.id))) {
                let all: Vec<_> =
                    deferred(factors).into_iter().chain(cut.rest.consumed.clone()).collect();
                let mass = linear::known_mass(&all, Some(known), within, cells)?;
                weighed |= mass.is_none_or(|mass| mass.cells.iter().any(|&mass| mass != 0.0));
            }
            let any = live.as_ref().is_none_or(|live| live.cells.iter().any(|&live| live != 0.0));
            let is_read = weighed && any && cut.rest.read.contains(&term.id);
            let live = (!is_read).then(|| Grid::zeros(world.shape(term)));
            let taped = node(world, term, &live)?;
            // What a term skips, the sum skips.
            cut.rest.waiting.extend(taped.field.weights.iter().cloned());
            terms.push(taped);
        }
    }
    let values = terms.iter().map(|term| (term.spot.id, term.field.value().cells[0])).collect();
    let sums = Sums::Given(number, terms);
    match world.known() {
        Some(world_known) => {
            let known = WithTerms { world: world_known, terms: values };
            let known_world = Knowing { world, known: &known };
            finished(&known_world, spot, cut, sums, live)
        }
        None => finished(world, spot, cut, sums, live),
    }
}

/// A weight that was counted over images, now that they have been seen.
pub(super) fn resolved(weight: &Mass, known: &dyn Known, classes: &[usize]) -> Result<Mass> {
    let Some(named) = &weight.deferred else { return Ok(weight.clone()) };
    let grid = known.weight(named, classes)?.into();
    Ok(Mass { grid, deferred: None, ..weight.clone() })
}

/// A world that knows more.
struct Knowing<'a> {
    world: &'a dyn World,
    known: &'a dyn Known,
}

impl World for Knowing<'_> {
    fn shape(&self, spot: &Spot) -> Shape {
        self.world.shape(spot)
    }
    fn classes(&self) -> usize {
        self.world.classes()
    }
    fn first_image(&self) -> usize {
        self.world.first_image()
    }
    fn weight(&self, named: &Arc<Named>, rank: Rank) -> Result<Mass> {
        self.world.weight(named, rank)
    }
    fn given(&self, spot: &Spot) -> Option<Given<'_>> {
        self.world.given(spot)
    }
    fn known(&self) -> Option<&dyn Known> {
        Some(self.known)
    }
    fn window(&self) -> Option<&Window<'_, '_>> {
        self.world.window()
    }
}

fn finished<'p>(
    world: &dyn World,
    spot: &'p Spot,
    cut: Cut,
    sums: Sums<'p>,
    live: &Mask,
) -> Result<Taped<'p>> {
    match spot.loss.node() {
        Node::Region { .. } => ratio_of(world, spot, cut, sums, live),
        _ => step_of(world, spot, cut, sums, live),
    }
}

/// The nodes inside the images that are known only after them, outermost first.
pub(super) fn terms_of(pool: &Spot) -> Vec<&Spot> {
    fn collect<'p>(spot: &'p Spot, found: &mut Vec<&'p Spot>) {
        for part in &spot.parts {
            if part.is_global() {
                found.push(part);
            } else {
                collect(part, found);
            }
        }
    }
    let mut found = Vec::new();
    collect(pool, &mut found);
    found
}

fn at_group(world: &dyn World, spot: &Spot, cell: (usize, usize, usize)) -> String {
    let place = place(spot.axes, &spot.classes, world.first_image(), cell);
    if place.is_empty() { place } else { format!(" at {place}") }
}

fn step_of<'p>(
    world: &dyn World,
    spot: &'p Spot,
    cut: Cut,
    sums: Sums<'p>,
    live: &Mask,
) -> Result<Taped<'p>> {
    let Node::Step(_, step) = spot.loss.node() else { return Err(no_window(spot)) };
    let at = |cell| at_group(world, spot, cell);
    let (field, finished) = linear::finish(spot, step, &cut, world.known(), live, &at)?;
    Ok(Taped { spot, field, how: How::Step { sums, cut, finished } })
}

fn ratio_of<'p>(
    world: &dyn World,
    spot: &'p Spot,
    cut: Cut,
    sums: Sums<'p>,
    live: &Mask,
) -> Result<Taped<'p>> {
    let Node::Region { region, .. } = spot.loss.node() else { return Err(no_window(spot)) };
    let at = |cell| at_group(world, spot, cell);
    let classes = match &sums {
        Sums::Ratio { classes, .. } => classes.clone(),
        _ => classes_within(spot, world.classes()),
    };
    let (field, divided) = ratio::divide(spot, region, &classes, &cut, world.known(), live, &at)?;
    Ok(Taped { spot, field, how: How::Ratio { sums, divided } })
}

fn aggregated<'p>(
    world: &dyn World,
    spot: &'p Spot,
    input: Taped<'p>,
    live: &Mask,
) -> Result<Taped<'p>> {
    let Node::Step(_, step) = spot.loss.node() else { return Err(no_window(spot)) };
    let at = |cell, group: bool| {
        if group {
            at_group(world, spot, cell)
        } else {
            place(input.spot.axes, &input.spot.classes, world.first_image(), cell)
        }
    };
    let (field, aggregated) = aggregate::take(spot, step, &input.field, live, &at)?;
    Ok(Taped { spot, field, how: How::Aggregate { input: Box::new(input), aggregated } })
}

/// The live cells under a weight: those whose weight is not 0. A weight that is finer than the child
/// leaves those of its cells live that have a weight anywhere.
pub(super) fn live_below(live: &Mask, weight: &Mass, shape: Shape, child: Shape) -> Mask {
    if weight.grid.cells.iter().all(|&w| w != 0.0) && !weight.grid.cells.is_empty() {
        return gather_live(live, shape, child);
    }
    let counts = (*weight.grid).clone().map(|w| f64::from(u8::from(w != 0.0)));
    gather_live(&both(live.clone(), Some(&counts), shape), shape, child)
}

/// A cell is live if it is live anywhere along the axes in which `shape` has one cell and `from` has more,
/// or none.
pub(super) fn gather_live(live: &Mask, from: Shape, shape: Shape) -> Mask {
    if from.cells() == 0 && shape.cells() != 0 {
        return Some(Grid::zeros(shape));
    }
    live.clone().map(|live| live.fold(shape, 0.0, |any, live| *any = f64::max(*any, live)))
}

fn weighted<'p>(world: &dyn World, spot: &'p Spot, live: &Mask) -> Result<(Taped<'p>, Mass)> {
    let child = &spot.parts[0];
    let weight = world.weight(&spot.weights[0], spot.rank(&spot.weights[0]))?;
    let below = live_below(live, &weight, world.shape(spot), world.shape(child));
    Ok((node(world, child, &below)?, weight))
}

fn scaled<'p>(world: &dyn World, spot: &'p Spot, live: &Mask) -> Result<Taped<'p>> {
    let (input, weight) = weighted(world, spot, live)?;
    let shape = world.shape(spot);
    let mut field = widened(&input.field, shape);
    let weight = match weight.deferred {
        None => Some(weight.grid.spread(shape)),
        Some(named) => {
            let known = Value { factors: Vec::new(), grid: Grid::zeros(shape) };
            field.values.iter_mut().for_each(|v| v.factors.push(Factor::Weight(named.clone())));
            field.values.insert(0, known);
            None
        }
    };
    if let Some(weight) = &weight {
        for value in &mut field.values {
            value.grid = value.grid.clone().times(weight);
        }
    }
    Ok(Taped { spot, field, how: How::Scale { input: Box::new(input), weight } })
}

/// The field repeated along the axes that it lacks of a shape.
fn widened(field: &Field, shape: Shape) -> Field {
    let spread =
        |value: &Value| Value { factors: value.factors.clone(), grid: value.grid.spread(shape) };
    Field {
        shape,
        values: field.values.iter().map(spread).collect(),
        weights: field.weights.clone(),
    }
}

/// The places along a class axis of the classes that are kept.
pub(super) fn places(kept: &[usize], classes: &[usize]) -> Vec<usize> {
    (0..classes.len()).filter(|&place| kept.contains(&classes[place])).collect()
}

pub(super) fn live_of_selected(world: &dyn World, spot: &Spot, live: &Mask) -> Mask {
    let child = &spot.parts[0];
    let places = places(&spot.classes, &child.classes);
    let live = match live {
        Some(live) => live.clone(),
        None if places.len() == child.classes.len() => return None,
        None => Grid::filled(world.shape(spot), 1.0),
    };
    Some(live.among(&places, child.classes.len()))
}

fn selected_mass(weight: &Mass, places: &[usize]) -> Mass {
    let per_class = weight.axes.contains(Axis::Class) && weight.grid.shape.class > places.len();
    let grid = if per_class { weight.grid.classes(places).into() } else { weight.grid.clone() };
    Mass { grid, ..weight.clone() }
}

fn selected(field: &Field, places: &[usize]) -> Field {
    let of_value =
        |value: &Value| Value { factors: value.factors.clone(), grid: value.grid.classes(places) };
    Field {
        shape: Shape { class: places.len(), ..field.shape },
        values: field.values.iter().map(of_value).collect(),
        weights: field.weights.iter().map(|weight| selected_mass(weight, places)).collect(),
    }
}

fn mapped(
    world: &dyn World,
    spot: &Spot,
    field: &Field,
    map: Map,
    live: &Mask,
) -> Result<(Grid, Grid)> {
    let counts = both(field.mass(), live.as_ref(), field.shape);
    let mut value = field.value().clone();
    let mut derivative = Grid::zeros(field.shape);
    for cell in 0..value.cells.len() {
        let x = value.cells[cell];
        if counts.as_ref().is_some_and(|counts| counts.cells[cell] == 0.0) || x.is_nan() {
            continue;
        }
        if x < 0.0 {
            let at = at_group(world, spot, field.shape.cell(cell));
            let why = format!("map: the value{at} is {x}, expected at least 0");
            return Err(Error::new(ErrorKind::Domain, why));
        }
        (value.cells[cell], derivative.cells[cell]) = match map {
            Map::NegativeLog => (-x.ln(), -1.0 / x),
            Map::Power(g) => (x.powf(g), g * x.powf(g - 1.0)),
        };
    }
    Ok((value, derivative))
}

/// The live cells of a term of a sum: none under a coefficient of 0.
pub(super) fn live_of_term(live: &Mask, coefficient: f64, from: Shape, shape: Shape) -> Mask {
    if coefficient == 0.0 { Some(Grid::zeros(shape)) } else { gather_live(live, from, shape) }
}

fn sum<'p>(
    world: &dyn World,
    spot: &'p Spot,
    terms: &[(f64, Loss)],
    constant: f64,
    live: &Mask,
) -> Result<Taped<'p>> {
    let shape = world.shape(spot);
    let mut inputs = Vec::new();
    for (part, (coefficient, _)) in spot.parts.iter().zip(terms) {
        let live = live_of_term(live, *coefficient, shape, world.shape(part));
        inputs.push(node(world, part, &live)?);
    }
    let mut values = vec![Value { factors: Vec::new(), grid: Grid::filled(shape, constant) }];
    for (input, (coefficient, _)) in inputs.iter().zip(terms) {
        for value in &input.field.values {
            let grid = &value.grid;
            let place = values.iter().position(|known| known.factors == value.factors);
            let place = place.unwrap_or_else(|| {
                let factors = value.factors.clone();
                values.push(Value { factors, grid: Grid::zeros(shape) });
                values.len() - 1
            });
            let add = |total: &mut f64, v| *total += super::grid::product(*coefficient, v);
            values[place].grid.join(grid, add);
        }
    }
    let weights = inputs.iter().map(|input| (input.spot.axes, &input.field.weights[..]));
    let weights = common_weights("sum", &spot.loss, weights)?;
    let field = Field { shape, values, weights };
    Ok(Taped { spot, field, how: How::Sum { inputs } })
}

fn quotient<'p>(world: &dyn World, spot: &'p Spot, live: &Mask) -> Result<Taped<'p>> {
    let shape = world.shape(spot);
    let below = |part: &'p Spot| node(world, part, &gather_live(live, shape, world.shape(part)));
    let (over, under) = (below(&spot.parts[0])?, below(&spot.parts[1])?);
    let weights = [&over, &under].into_iter().map(|x| (x.spot.axes, &x.field.weights[..]));
    let weights = common_weights("quotient", &spot.loss, weights)?;
    let counts = both(super::field::mass(weights.iter(), shape), live.as_ref(), shape);
    let mut value = over.field.value().spread(shape);
    let denominators = under.field.value().spread(shape);
    for cell in 0..value.cells.len() {
        let read = counts.as_ref().is_none_or(|counts| counts.cells[cell] != 0.0);
        let denominator = denominators.cells[cell];
        if read && denominator == 0.0 {
            let at = at_group(world, spot, shape.cell(cell));
            let why = format!("quotient `{}`: the denominator{at} is 0", spot.loss);
            return Err(Error::new(ErrorKind::Empty, why));
        }
        value.cells[cell] = if read { value.cells[cell] / denominator } else { 0.0 };
    }
    let how = How::Quotient { over: Box::new(over), under: Box::new(under) };
    Ok(Taped { spot, field: Field::known(value, weights), how })
}
