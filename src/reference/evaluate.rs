//! Forward: the field of every node.

use ndarray::{Array3, Axis as Dim};

use super::activation::{Activated, Slope};
use super::data::Data;
use super::element::{bounds, evaluate as evaluate_element};
use super::lovasz::{Sorted, sort};
use super::outline::{Evaluation, gather_live, spread_live};
use super::region::{Divided, divide};
use super::step::{Stepped, WeightSlope, take};
use crate::axis::{Axes, Axis};
use crate::element::{Activation, Element};
use crate::error::{Error, ErrorKind, Result};
use crate::field::{Carried, Field, spread, weighted};
use crate::loss::{Loss, Map, Node, places};
use crate::region::{Before, Overlap, Region};
use crate::weight::Weight;

/// A node that was evaluated: its field, and what the way back needs.
pub(super) struct Evaluated<'l> {
    pub(super) loss: &'l Loss,
    pub(super) field: Field,
    pub(super) how: How<'l>,
}

pub(super) enum How<'l> {
    Element {
        activated: Activated,
        slope: Array3<Slope>,
    },
    /// The classes that were kept, and the derivative with respect to p.
    Region {
        activated: Activated,
        classes: Vec<usize>,
        divided: Box<Divided>,
    },
    /// The same of a Lovász step.
    Lovasz {
        activated: Activated,
        classes: Vec<usize>,
        derivative: Array3<f64>,
    },
    Step {
        input: Box<Evaluated<'l>>,
        derivative: Array3<f64>,
        divisor: Array3<f64>,
        weight: Option<WeightSlope>,
    },
    Scale {
        input: Box<Evaluated<'l>>,
        weight: Array3<f64>,
    },
    Weigh {
        input: Box<Evaluated<'l>>,
    },
    Map {
        input: Box<Evaluated<'l>>,
        derivative: Array3<f64>,
    },
    /// The places of the kept classes along the class axis of the input.
    Select {
        input: Box<Evaluated<'l>>,
        places: Vec<usize>,
    },
    Sum {
        inputs: Vec<(f64, Evaluated<'l>)>,
    },
    Quotient {
        over: Box<Evaluated<'l>>,
        under: Box<Evaluated<'l>>,
    },
}

/// The whole loss, evaluated on a batch that carries the weights that it names and no others.
pub(super) fn evaluate<'l>(loss: &'l Loss, data: &Data<'_>) -> Result<Evaluated<'l>> {
    loss.check_carried(|weight| data.carried(weight).is_some())?;
    loss.check()?;
    let evaluation = Evaluation { data };
    let (axes, classes) = evaluation.outline(loss)?;
    let live = Array3::from_elem(evaluation.shape(axes, &classes), true);
    evaluation.node(loss, &live)
}

impl Evaluation<'_, '_> {
    pub(super) fn node<'l>(&self, loss: &'l Loss, live: &Array3<bool>) -> Result<Evaluated<'l>> {
        let evaluated = |field, how| Evaluated { loss, field, how };
        match loss.node() {
            Node::Element(element) => self.element(loss, element, live),
            Node::Region { overlap, region } => self.region(loss, overlap, region, live),
            Node::Step(child, step) => {
                let (axes, classes) = self.outline(child)?;
                let below = spread_live(live, self.shape(axes, &classes));
                let input = self.node(child, &below)?;
                let over = step.over.of(axes).map_err(|why| {
                    Error::new(ErrorKind::Order, format!("order: step `{step}` {why}"))
                })?;
                let counted = self.counted(axes, &input.field.classes);
                let weight = |weight| self.data.weight(weight, &counted);
                let by =
                    step.by.as_ref().map(|by| by.iter().map(weight).collect::<Result<Vec<_>>>());
                let by = by.transpose()?;
                let stepped = take(&input.field, step, over, by.as_deref(), live)?;
                let Stepped { field, derivative, divisor, weight } = stepped;
                Ok(evaluated(
                    field,
                    How::Step { input: Box::new(input), derivative, divisor, weight },
                ))
            }
            Node::Scale(child, weight) => {
                let (input, weight) = self.weighted(loss, child, weight, live)?;
                let field = widened(&input.field, self.outline(loss)?, self);
                let shape = field.value.dim();
                let spread_weight = spread(&weight.value, shape).to_owned();
                let mut field = field;
                field.value.zip_mut_with(&spread_weight, |v, &w| *v = weighted(w, *v));
                Ok(evaluated(field, How::Scale { input: Box::new(input), weight: spread_weight }))
            }
            Node::Weigh(child, weight) => {
                let (input, weight) = self.weighted(loss, child, weight, live)?;
                let mut field = widened(&input.field, self.outline(loss)?, self);
                field.weights.push(weight);
                Ok(evaluated(field, How::Weigh { input: Box::new(input) }))
            }
            Node::Map(child, map) => {
                let input = self.node(child, live)?;
                let (field, derivative) = mapped(&input.field, *map, live)?;
                Ok(evaluated(field, How::Map { input: Box::new(input), derivative }))
            }
            Node::Select(child, named) => {
                let (axes, classes) = self.outline(child)?;
                let kept = named.of(&classes, self.data.extents.class)?;
                let places = places(&kept, &classes);
                let mut below = Array3::from_elem(self.shape(axes, &classes), false);
                for (row, &place) in live.outer_iter().zip(&places) {
                    below.index_axis_mut(Dim(0), place).assign(&row);
                }
                let input = self.node(child, &below)?;
                let field = selected(&input.field, kept, &places);
                Ok(evaluated(field, How::Select { input: Box::new(input), places }))
            }
            Node::Sum { terms, constant } => self.sum(loss, terms, *constant, live),
            Node::Quotient(over, under) => self.quotient(loss, over, under, live),
            Node::TooLarge => Err(Error::new(ErrorKind::Order, "order: the loss is too large")),
        }
    }

    fn element<'l>(
        &self,
        loss: &'l Loss,
        element: &Element,
        live: &Array3<bool>,
    ) -> Result<Evaluated<'l>> {
        let classes: Vec<usize> = (0..self.data.extents.class).collect();
        let mut field = self.source(classes);
        let live = read(live, &field);
        let activation = element.activation();
        let activated = Activated::new(activation, &self.data.prediction);
        let unit = matches!(element, Element::Bce(_)) || activation != Activation::Identity;
        self.data.check_read(activation, &live, unit)?;
        activated.check(&live, |cell| self.data.layout.index(cell, &self.data.spatial))?;
        let (value, slope) = evaluate_element(element, self.data, &activated, &live)?;
        field.value = value;
        Ok(Evaluated { loss, field, how: How::Element { activated, slope } })
    }

    fn region<'l>(
        &self,
        loss: &'l Loss,
        overlap: &Overlap,
        region: &Region,
        live: &Array3<bool>,
    ) -> Result<Evaluated<'l>> {
        let mut like = self.source((0..self.data.extents.class).collect());
        for step in &overlap.steps {
            match step {
                Before::Weigh(weight) => {
                    like.weights.push(self.data.weight(weight, &like.classes)?);
                }
                Before::Select(classes) => {
                    let kept = classes.of(&like.classes, self.data.extents.class)?;
                    let places = places(&kept, &like.classes);
                    like = selected(&like, kept, &places);
                }
            }
        }
        let read = read(&spread_live(live, like.value.dim()), &like);
        let mut everywhere = Array3::from_elem(self.data.extents.shape(Axes::ALL), false);
        for (row, &class) in read.outer_iter().zip(&like.classes) {
            everywhere.index_axis_mut(Dim(0), class).assign(&row);
        }
        let activated = Activated::new(overlap.activation, &self.data.prediction);
        let unit = region.wants_unit_targets(overlap.activation);
        self.data.check_read(overlap.activation, &everywhere, unit)?;
        activated.check(&everywhere, |cell| self.data.layout.index(cell, &self.data.spatial))?;
        let t = self.data.target.select(Dim(0), &like.classes);
        let axes = region.over(like.axes)?;
        let classes = like.classes.clone();
        if let Some(errors) = region.errors() {
            let sorted = sort((region, errors), axes, &like, (&activated, &t), live)?;
            let Sorted { field, derivative } = sorted;
            return Ok(Evaluated {
                loss,
                field,
                how: How::Lovasz { activated, classes, derivative },
            });
        }
        let open = activated.p.select(Dim(0), &like.classes);
        let p = match bounds(overlap.clip, self.data.narrow) {
            Some((least, most)) => open.mapv(|p| p.clamp(least, most)),
            None => open.clone(),
        };
        let mut divided = divide(region, axes, &like, (&p, &t), live)?;
        divided.hold(&open, &p);
        let field = std::mem::replace(&mut divided.field, self.source(Vec::new()));
        Ok(Evaluated {
            loss,
            field,
            how: How::Region { activated, classes, divided: Box::new(divided) },
        })
    }

    /// The empty field of a source: all axes, and the weight of the ignored label.
    fn source(&self, classes: Vec<usize>) -> Field {
        let shape = self.shape(Axes::ALL, &classes);
        Field {
            axes: Axes::ALL,
            extents: self.data.extents,
            classes,
            value: Array3::zeros(shape),
            weights: self.data.kept().into_iter().collect(),
        }
    }

    /// The child of a scale or weigh node, and its weight over the classes of the result.
    fn weighted<'l>(
        &self,
        loss: &Loss,
        child: &'l Loss,
        weight: &Weight,
        live: &Array3<bool>,
    ) -> Result<(Evaluated<'l>, Carried)> {
        let (axes, classes) = self.outline(loss)?;
        let weight = self.data.weight(weight, &self.counted(axes, &classes))?;
        let mut live = live.clone();
        let shape = live.dim();
        live.zip_mut_with(&spread(&weight.value, shape), |live, &w| *live = *live && w != 0.0);
        let (axes, classes) = self.outline(child)?;
        let below = gather_live(&live, self.shape(axes, &classes));
        Ok((self.node(child, &below)?, weight))
    }
}

/// The cells of a source that are live and have mass.
fn read(live: &Array3<bool>, field: &Field) -> Array3<bool> {
    let mut read = live.clone();
    read.zip_mut_with(&field.mass(), |live, &mass| *live = *live && mass != 0.0);
    read
}

/// The field repeated along the axes that it lacks of the outline.
fn widened(
    field: &Field,
    (axes, classes): (Axes, Vec<usize>),
    evaluation: &Evaluation<'_, '_>,
) -> Field {
    let shape = evaluation.shape(axes, &classes);
    Field { axes, classes, value: spread(&field.value, shape).to_owned(), ..field.clone() }
}

/// The field of some of its classes.
fn selected(field: &Field, kept: Vec<usize>, places: &[usize]) -> Field {
    let weights = field.weights.iter().map(|weight| {
        let mut weight = weight.clone();
        if weight.axes.contains(Axis::Class) {
            weight.value = weight.value.select(Dim(0), places);
        }
        weight
    });
    Field {
        classes: kept,
        value: field.value.select(Dim(0), places),
        weights: weights.collect(),
        ..field.clone()
    }
}

fn mapped(field: &Field, map: Map, live: &Array3<bool>) -> Result<(Field, Array3<f64>)> {
    let masses = field.mass();
    let mut field = field.clone();
    let mut derivative = Array3::zeros(field.value.dim());
    for cell in ndarray::indices(field.value.dim()) {
        let x = field.value[cell];
        if !live[cell] || masses[cell] == 0.0 || x.is_nan() {
            continue;
        }
        if x < 0.0 {
            let at = field.at_place(cell);
            return Err(Error::new(
                ErrorKind::Domain,
                format!("map: the value{at} is {x}, expected at least 0"),
            ));
        }
        (field.value[cell], derivative[cell]) = match map {
            Map::NegativeLog => (-x.ln(), -1.0 / x),
            Map::Power(g) => (x.powf(g), g * x.powf(g - 1.0)),
        };
    }
    Ok((field, derivative))
}
