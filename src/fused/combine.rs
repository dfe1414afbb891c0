//! Weights, maps, selections, sums and quotients of fields that were evaluated.

use crate::axis::Axis;
use crate::error::{Error, ErrorKind, Result};
use crate::loss::{Loss, Map, common_weights};

use super::evaluate::{How, Taped, World, at_group, node};
use super::field::{Factor, Field, Mass, Value, reads};
use super::grid::{Grid, Mask, Shape, both, product};
use super::live::{gather_live, live_below, live_of_term};
use super::plan::Spot;

pub(super) fn weighted<'p>(
    world: &dyn World,
    spot: &'p Spot,
    live: &Mask,
) -> Result<(Taped<'p>, Mass)> {
    let child = &spot.parts[0];
    let weight = world.weight(&spot.weights[0], spot.rank(&spot.weights[0]))?;
    let below = live_below(live, &weight, world.shape(spot), world.shape(child));
    Ok((node(world, child, &below)?, weight))
}

pub(super) fn scaled<'p>(world: &dyn World, spot: &'p Spot, live: &Mask) -> Result<Taped<'p>> {
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
pub(super) fn widened(field: &Field, shape: Shape) -> Field {
    let spread =
        |value: &Value| Value { factors: value.factors.clone(), grid: value.grid.spread(shape) };
    Field {
        shape,
        values: field.values.iter().map(spread).collect(),
        weights: field.weights.clone(),
    }
}

pub(super) fn mapped(
    world: &dyn World,
    spot: &Spot,
    field: &Field,
    map: Map,
    live: &Mask,
) -> Result<(Grid, Grid)> {
    let counts = both(reads(field.weights.iter(), field.shape), live.as_ref(), field.shape);
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

pub(super) fn selected(field: &Field, places: &[usize]) -> Field {
    let of_value =
        |value: &Value| Value { factors: value.factors.clone(), grid: value.grid.classes(places) };
    Field {
        shape: Shape { class: places.len(), ..field.shape },
        values: field.values.iter().map(of_value).collect(),
        weights: field.weights.iter().map(|weight| selected_mass(weight, places)).collect(),
    }
}

pub(super) fn selected_mass(weight: &Mass, places: &[usize]) -> Mass {
    let per_class = weight.axes.contains(Axis::Class) && weight.grid.shape.class > places.len();
    let grid = if per_class { weight.grid.classes(places).into() } else { weight.grid.clone() };
    Mass { grid, ..weight.clone() }
}

pub(super) fn sum<'p>(
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
            let add = |total: &mut f64, v| *total += product(*coefficient, v);
            values[place].grid.join(grid, add);
        }
    }
    let weights = inputs.iter().map(|input| (input.spot.axes, &input.field.weights[..]));
    let weights = common_weights("sum", &spot.loss, weights)?;
    let field = Field { shape, values, weights };
    Ok(Taped { spot, field, how: How::Sum { inputs } })
}

pub(super) fn quotient<'p>(world: &dyn World, spot: &'p Spot, live: &Mask) -> Result<Taped<'p>> {
    let shape = world.shape(spot);
    let below = |part: &'p Spot| node(world, part, &gather_live(live, shape, world.shape(part)));
    let (over, under) = (below(&spot.parts[0])?, below(&spot.parts[1])?);
    let weights = [&over, &under].into_iter().map(|x| (x.spot.axes, &x.field.weights[..]));
    let weights = common_weights("quotient", &spot.loss, weights)?;
    let counts = both(reads(weights.iter(), shape), live.as_ref(), shape);
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
    world.note(spot.id, under.field.value());
    let how = How::Quotient { over: Box::new(over), under: Box::new(under) };
    Ok(Taped { spot, field: Field::known(value, weights), how })
}
