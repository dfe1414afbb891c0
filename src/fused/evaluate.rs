//! Forward: the field of every node, where the numbers come from a world around it: a window of the
//! batch, or what the images left behind.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::loss::{Node, places};
use crate::region::{Before, Overlap, Region};

use super::activation::{Activated, Slope};
use super::aggregate::{self, Aggregated};
use super::combine::{mapped, quotient, scaled, selected, selected_mass, sum, weighted, widened};
use super::element;
use super::field::{Factor, Field, Mass, Value, place, reads};
use super::given::{classes_within, given};
use super::grid::{Grid, Mask, Shape, both};
use super::linear::{self, Cut, Finished, Known, Summed};
use super::live::live_of_selected;
use super::lovasz::{Sorted, lovasz};
use super::offence::Rank;
use super::plan::{Named, Spot, is_linear};
use super::ratio::{self, Divided, Overlapped};
use super::window::{Wanted, Window};

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
        activated: Rc<Activated>,
        slope: Slope,
    },
    /// A source of which only sums are known; which cells are read.
    Leaf(Mask),
    Sum {
        inputs: Vec<Taped<'p>>,
    },
    Step {
        sums: Sums<'p>,
        cut: Cut,
        finished: Box<Finished>,
    },
    Ratio {
        sums: Sums<'p>,
        divided: Box<Divided>,
    },
    Lovasz(Box<Sorted>),
    Aggregate {
        input: Box<Taped<'p>>,
        aggregated: Box<Aggregated>,
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
        summed: Box<Summed>,
    },
    Ratio {
        activated: Rc<Activated>,
        classes: Vec<usize>,
        overlapped: Box<Overlapped>,
    },
    /// Of a source of which only sums are known: its classes and the weights inside.
    Leaf {
        classes: Vec<usize>,
        terms: [Grid; 3],
        mass: Mask,
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
    /// Takes down by what a node divides.
    fn note(&self, _: usize, _: &Grid) {}
    /// Takes down that a term is read, which is known only after the images.
    fn read_term(&self, _: usize) {}
    fn terms_read(&self) -> BTreeSet<usize> {
        BTreeSet::new()
    }
    /// The window, where cells can be read.
    fn window(&self) -> Option<&Window<'_, '_>>;
}

pub(super) fn no_window(spot: &Spot) -> Error {
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
            if let Some(value) = window.leaf(spot, 0) {
                let value = match live {
                    Some(live) => value.times(live),
                    None => value,
                };
                let field = Field::known(value, window.kept().into_iter().collect());
                return Ok(taped(field, How::Leaf(live.clone())));
            }
            let (value, activated, slope) = window.element(spot, element, live)?;
            let field = Field::known(value, window.kept().into_iter().collect());
            Ok(taped(field, How::Element { activated, slope }))
        }
        Node::Region { overlap, region } => {
            if let Some(errors) = region.errors() {
                return lovasz(world, spot, (overlap, region, errors), live);
            }
            let (cut, sums) = part(world, spot, live)?;
            ratio_of(world, spot, cut, sums, live)
        }
        Node::Step(_, step) if is_linear(step) => {
            let (cut, sums) = part(world, spot, live)?;
            step_of(world, spot, cut, sums, live)
        }
        Node::Step(..) => {
            let child = &spot.parts[0];
            if let Some(window) = world.window()
                && let Some(value) = window.leaf(spot, 0)
            {
                world.note(spot.id, &Grid::filled(value.shape, child.classes.len() as f64));
                let value = match live {
                    Some(live) => value.times(live),
                    None => value,
                };
                let field = Field::known(value, window.kept().into_iter().collect());
                return Ok(taped(field, How::Leaf(live.clone())));
            }
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
    Ok((cut, Sums::Step { input: Box::new(input), summed: Box::new(summed) }))
}

/// The classes that an overlap keeps and the weights inside it.
pub(super) struct Inside {
    pub(super) classes: Vec<usize>,
    pub(super) weights: Vec<Mass>,
}

impl Inside {
    pub(super) fn of(window: &Window<'_, '_>, spot: &Spot, overlap: &Overlap) -> Result<Self> {
        let mut classes: Vec<usize> = (0..window.data.extents.class).collect();
        let mut weights: Vec<Mass> = window.kept().into_iter().collect();
        let mut named = spot.weights.iter();
        for step in &overlap.steps {
            match step {
                Before::Weigh(_) => {
                    if let Some(named) = named.next() {
                        weights.push(window.weight(named, spot.rank(named))?);
                    }
                }
                Before::Select(selected) => {
                    let kept = selected.kept(&classes);
                    let places = places(&kept, &classes);
                    for weight in &mut weights {
                        *weight = selected_mass(weight, &places);
                    }
                    classes = kept;
                }
            }
        }
        Ok(Self { classes, weights })
    }

    /// The prediction after its activation and the target, over all classes.
    pub(super) fn activated(
        &self,
        window: &Window<'_, '_>,
        spot: &Spot,
        (overlap, region): (&Overlap, &Region),
        live: &Mask,
    ) -> Result<(Rc<Activated>, Grid)> {
        let Self { classes, weights } = self;
        let all = window.data.extents.class;
        let shape = window.shape(crate::axis::Axes::ALL, classes.len());
        let live = live.as_ref().map(|live| live.spread(shape));
        let read = both(live, reads(weights.iter(), shape).as_ref(), shape);
        let everywhere = match read {
            None if classes.len() == all => None,
            None => Some(Grid::filled(shape, 1.0).among(classes, all)),
            Some(read) => Some(read.among(classes, all)),
        };
        let unit = region.wants_unit_targets(overlap.activation);
        let wanted = Wanted { neutral: false, logarithms: false };
        window.activate(spot, overlap.activation, unit, &everywhere, wanted)
    }
}

fn overlapped<'p>(
    window: &Window<'_, '_>,
    spot: &'p Spot,
    overlap: &Overlap,
    region: &Region,
    live: &Mask,
) -> Result<(Cut, Sums<'p>)> {
    let inside = Inside::of(window, spot, overlap)?;
    if let [Some(overlap), Some(over), Some(under)] = [0, 1, 2].map(|term| window.leaf(spot, term))
    {
        let Inside { classes, weights } = inside;
        let terms = [overlap, over, under].map(|term| term.classes(&classes));
        let (cut, mass) = ratio::sums_of_means(spot.over, &weights, &terms);
        return Ok((cut, Sums::Leaf { classes, terms, mass }));
    }
    let (activated, target) = inside.activated(window, spot, (overlap, region), live)?;
    let Inside { classes, weights } = inside;
    let cells = (activated.p.classes(&classes), target.classes(&classes));
    let (cut, overlapped) = ratio::sums(
        spot.over,
        &region.ratio,
        &weights,
        cells,
        element::bounds(overlap.clip, window.data.narrow),
    );
    Ok((cut, Sums::Ratio { activated, classes, overlapped: Box::new(overlapped) }))
}

pub(super) fn at_group(world: &dyn World, spot: &Spot, cell: (usize, usize, usize)) -> String {
    let place = place(spot.axes, &spot.classes, world.first_image(), cell);
    if place.is_empty() { place } else { format!(" at {place}") }
}

pub(super) fn step_of<'p>(
    world: &dyn World,
    spot: &'p Spot,
    cut: Cut,
    sums: Sums<'p>,
    live: &Mask,
) -> Result<Taped<'p>> {
    let Node::Step(_, step) = spot.loss.node() else { return Err(no_window(spot)) };
    let at = |cell| at_group(world, spot, cell);
    let (field, finished) = linear::finish(spot, step, &cut, world.known(), live, &at)?;
    world.note(spot.id, &finished.divisor);
    Ok(Taped { spot, field, how: How::Step { sums, cut, finished: Box::new(finished) } })
}

pub(super) fn ratio_of<'p>(
    world: &dyn World,
    spot: &'p Spot,
    cut: Cut,
    sums: Sums<'p>,
    live: &Mask,
) -> Result<Taped<'p>> {
    let Node::Region { region, .. } = spot.loss.node() else { return Err(no_window(spot)) };
    let at = |cell| at_group(world, spot, cell);
    let classes = match &sums {
        Sums::Ratio { classes, .. } | Sums::Leaf { classes, .. } => classes.clone(),
        _ => classes_within(spot, world.classes()),
    };
    let (field, divided) = ratio::divide(spot, region, &classes, &cut, world.known(), live, &at)?;
    world.note(spot.id, &divided.divisor);
    Ok(Taped { spot, field, how: How::Ratio { sums, divided: Box::new(divided) } })
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
    world.note(spot.id, &aggregated.divisor);
    Ok(Taped {
        spot,
        field,
        how: How::Aggregate { input: Box::new(input), aggregated: Box::new(aggregated) },
    })
}
