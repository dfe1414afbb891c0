//! The expression, node by node, as operations on tensors.

use super::activation::Activated;
use super::element::{bounds, evaluate, held};
use super::field::{Carried, Field, Mass, either};
use super::grid::{Cells, Grid, Where, but, fill, joint, root, spread, total};
use super::lovasz::{errors, sort};
use super::ratio::{Terms, divide};
use super::step::take;
use super::target::{Target, Truth};
use crate::axis::{Axes, Axis};
use crate::element::{Activation, Element};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::Layout;
use crate::loss::{Loss, Map, Node, common_weights, leaves, places};
use crate::region::{Before, Overlap, Region};
use crate::weight::Weight;

/// A prediction and its target on a device.
pub(super) struct Lowering<'t> {
    pub(super) grid: Grid,
    pub(super) layout: Layout,
    pub(super) given: &'t Target,
    pub(super) prediction: Cells,
    pub(super) target: Cells,
    /// 0 for the pixels of the ignored label and 1 for the others.
    pub(super) kept: Option<Cells>,
}

/// The cells that nobody reads; none where all are read.
type Dead = Option<Where>;

impl<'t> Lowering<'t> {
    pub(super) fn new(grid: Grid, layout: Layout, given: &'t Target, prediction: Cells) -> Self {
        let cells = |tensor: &dyn super::target::AnyRank, layout| tensor.cells(&grid, layout);
        let (target, kept) = match &given.truth {
            Truth::Dense(target) => (cells(&**target, layout), None),
            Truth::Labels(labels, ignored) => {
                let labels = cells(&**labels, layout.only(Axes::ALL.without(Axis::Class)));
                let numbers: Vec<f64> = (0..grid.extents.class).map(|class| class as f64).collect();
                let shape = prediction.dims();
                let numbers = spread(grid.along(Axis::Class, &numbers), shape);
                let is = spread(labels.clone(), shape).equal(numbers);
                let kept = ignored.map(|ignored| {
                    labels.not_equal_scalar(ignored as f64).float().cast(grid.dtype)
                });
                (is.float().cast(grid.dtype), kept)
            }
        };
        Self { grid, layout, given, prediction, target, kept }
    }

    /// The whole loss as one number, NaN where nothing is left to count.
    pub(super) fn value(&self, loss: &Loss) -> Result<Cells> {
        let (axes, _) = self.outline(loss)?;
        let left: Axes = axes.iter().filter(|axis| self.layout.axes().contains(axis)).collect();
        if !left.is_empty() {
            return Err(leaves(loss, left));
        }
        let field = self.node(loss, None)?;
        let none = Mass::of(&field.weights).and_then(|mass| mass.none());
        Ok(but(field.value, none, f64::NAN))
    }

    fn outline(&self, loss: &Loss) -> Result<(Axes, Vec<usize>)> {
        loss.outline(&|weight| self.given.axes(weight), self.grid.extents.class)
    }

    fn shape(&self, (axes, classes): &(Axes, Vec<usize>)) -> [usize; 3] {
        self.grid.shape(*axes, classes.len())
    }

    /// What is dead wherever it is read in a field of another shape.
    fn gather(dead: Dead, shape: [usize; 3]) -> Dead {
        dead.map(|dead| {
            let narrow = (0..3).filter(|&dim| shape[dim] == 1 && dead.dims()[dim] > 1);
            narrow.fold(dead.clone(), burn::Tensor::all_dim)
        })
    }

    fn node(&self, loss: &Loss, dead: Dead) -> Result<Field> {
        match loss.node() {
            Node::Element(element) => self.element(element, dead),
            Node::Region { overlap, region } => self.region(overlap, region, dead),
            Node::Step(child, step) => {
                let field = self.node(child, dead)?;
                let over = step.over.of(field.axes).map_err(|why| {
                    Error::new(ErrorKind::Order, format!("order: step `{step}` {why}"))
                })?;
                let counted = self.counted(field.axes, &field.classes);
                let by = step.by.as_ref().map(|by| {
                    by.iter().map(|by| self.weight(by, &counted)).collect::<Result<Vec<_>>>()
                });
                let by = by.transpose()?;
                let outside = by.iter().flatten().find(|by| !field.axes.contains_all(by.axes));
                if let Some(Carried { key, axes, .. }) = outside {
                    let left = field.axes;
                    return Err(Error::new(
                        ErrorKind::Order,
                        format!(
                            "order: step `{step}` divides by `{key}`, which is per {axes}; left are {left}"
                        ),
                    ));
                }
                Ok(take(&self.grid, field, step, over, by))
            }
            Node::Scale(child, weight) => {
                let (field, weight) = self.weighted(loss, child, weight, dead)?;
                let mass = Mass { value: weight.value, masks: weight.masks };
                Ok(Field { value: mass.times(field.value), ..field })
            }
            Node::Weigh(child, weight) => {
                let (mut field, weight) = self.weighted(loss, child, weight, dead)?;
                field.weights.push(weight);
                Ok(field)
            }
            Node::Map(child, map) => {
                let field = self.node(child, dead.clone())?;
                let value = mapped(field.value.clone(), *map, field.unread(dead.as_ref()));
                Ok(Field { value, ..field })
            }
            Node::Select(child, named) => {
                let outline = self.outline(child)?;
                let all = &outline.1;
                let kept = named.of(all, self.grid.extents.class)?;
                let places = places(&kept, all);
                let dead = self.dead_but(&places, dead, self.shape(&outline));
                Ok(self.node(child, Some(dead))?.selected(&self.grid, kept, &places))
            }
            Node::Sum { terms, constant } => {
                let outline = self.outline(loss)?;
                let shape = self.shape(&outline);
                let mut value = spread(self.grid.full(*constant), shape);
                let mut weights = Vec::new();
                for (coefficient, term) in terms {
                    let dead = Self::gather(dead.clone(), self.shape(&self.outline(term)?));
                    let field = self.node(term, dead)?;
                    // A coefficient of 0 reads nothing.
                    if *coefficient != 0.0 {
                        value = value + spread(field.value, shape).mul_scalar(*coefficient);
                    }
                    weights.push((field.axes, field.weights));
                }
                let shared = weights.iter().map(|(axes, weights)| (*axes, &weights[..]));
                let weights = common_weights("sum", loss, shared)?;
                Ok(Field { axes: outline.0, classes: outline.1, value, weights })
            }
            Node::Quotient(over, under) => self.quotient(loss, over, under, dead),
            Node::TooLarge => Err(Error::new(ErrorKind::Order, "order: the loss is too large")),
        }
    }

    /// A denominator of 0 that counts gives NaN.
    fn quotient(&self, loss: &Loss, over: &Loss, under: &Loss, dead: Dead) -> Result<Field> {
        let below = |child: &Loss| {
            let dead = Self::gather(dead.clone(), self.shape(&self.outline(child)?));
            self.node(child, dead)
        };
        let (over, under) = (below(over)?, below(under)?);
        let (axes, classes) = self.outline(loss)?;
        let fields = [&over, &under].map(|field| (field.axes, &field.weights[..]));
        let weights = common_weights("quotient", loss, fields.into_iter())?;
        let nothing = under.value.clone().equal_scalar(0.0);
        let none = Mass::of(&weights).and_then(|mass| mass.none());
        // Before the division: NaN times a slope of 0 is no number.
        let (over, nothing) = match either(none, dead) {
            Some(unread) => {
                let shape = joint(nothing.dims(), unread.dims());
                let read = spread(unread.clone(), shape).bool_not();
                (fill(over.value, unread, 0.0), spread(nothing, shape).bool_and(read))
            }
            None => (over.value, nothing),
        };
        let zero = under.value.clone().equal_scalar(0.0);
        let value = fill(over / fill(under.value, zero, 1.0), nothing, f64::NAN);
        Ok(Field { axes, classes, value, weights })
    }

    fn element(&self, element: &Element, dead: Dead) -> Result<Field> {
        let field = self.source();
        let dead = field.unread(dead.as_ref());
        let activated = Activated::new(
            &self.grid,
            element.activation(),
            self.prediction.clone(),
            dead.as_ref(),
        );
        let target = self.harmless(dead);
        let value = evaluate(&self.grid, element, &activated, target)?;
        Ok(Field { value, ..field })
    }

    fn region(&self, overlap: &Overlap, region: &Region, dead: Dead) -> Result<Field> {
        let mut like = self.source();
        let all: Vec<usize> = (0..self.grid.extents.class).collect();
        let mut key = format!("the sums of {overlap}");
        for step in &overlap.steps {
            match step {
                Before::Weigh(weight) => {
                    let weight = self.weight(weight, &like.classes)?;
                    key = format!("{key} by {}", weight.key);
                    like.weights.push(weight);
                }
                Before::Select(classes) => {
                    let kept = classes.of(&like.classes, all.len())?;
                    let places = places(&kept, &like.classes);
                    like = Field { value: self.grid.full(0.0), ..like };
                    like = like.selected(&self.grid, kept, &places);
                }
            }
        }
        let unread = like.unread(dead.as_ref());
        let shape = self.grid.shape(Axes::ALL, all.len());
        let unread = if like.classes == all {
            unread
        } else {
            Some(self.dead_but(&like.classes, unread, shape))
        };
        // Groups that nobody reads leave their mass, so only what is no number is kept from them.
        let class = self.grid.dim(Axis::Class);
        let bad = |cells: &dyn Fn() -> Cells| {
            unread.clone().map(|unread| {
                let bad = cells().is_finite().bool_not().any_dim(class);
                spread(unread, shape).bool_and(spread(bad, shape))
            })
        };
        let activation = overlap.activation;
        let x = || self.prediction.clone();
        let dead = bad(&|| match activation {
            // Scores that sum to 0 have no shares.
            Activation::Normalize => x() / total(x(), &[class]),
            _ => x(),
        });
        let activated = Activated::new(&self.grid, activation, x(), dead.as_ref());
        let t = self.harmless(bad(&|| self.target.clone()));
        let over = region.over(Axes::ALL)?;
        let of_kept = |cells| self.grid.classes(cells, &like.classes);
        let key = format!("{key} of {:?} > {region}", like.classes);
        if let Some(kind) = region.errors() {
            let p = of_kept(errors(kind, &activated, t.clone()));
            let terms = Terms { p, t: of_kept(t), key, like };
            return Ok(sort(&self.grid, region, over, terms));
        }
        let p = match bounds(&self.grid, overlap.clip) {
            Some(bounds) => held(activated.p(), bounds),
            None => activated.p(),
        };
        let terms = Terms { p: of_kept(p), t: of_kept(t), key, like };
        divide(&self.grid, region, over, terms)
    }

    /// The empty field of a source: all axes, and the weight of the ignored label.
    fn source(&self) -> Field {
        let kept = self.kept.as_ref().map(|kept| Carried {
            key: "ignored label".into(),
            axes: [Axis::Pixel, Axis::Image].into(),
            value: kept.clone(),
            masks: true,
            depends: false,
            skips: false,
        });
        Field {
            axes: Axes::ALL,
            classes: (0..self.grid.extents.class).collect(),
            value: self.grid.full(0.0),
            weights: kept.into_iter().collect(),
        }
    }

    /// The target, 0 where nobody reads it.
    fn harmless(&self, dead: Dead) -> Cells {
        but(self.target.clone(), dead, 0.0)
    }

    /// What is dead in a field of a shape, of whose classes only those at `places` are read above.
    fn dead_but(&self, places: &[usize], dead: Dead, shape: [usize; 3]) -> Where {
        let class = self.grid.dim(Axis::Class);
        let all = shape[class];
        let alive = dead.map(|dead| {
            let mut wide = dead.dims();
            wide[class] = places.len();
            spread(dead, wide).bool_not().float()
        });
        let mut row = [1; 3];
        if let Some(alive) = &alive {
            row = alive.dims();
            row[class] = 1;
        }
        let rows =
            (0..all).map(|row_of| match (places.iter().position(|&kept| kept == row_of), &alive) {
                (None, _) => Cells::zeros(row, &self.grid.device),
                (Some(_), None) => Cells::ones(row, &self.grid.device),
                (Some(place), Some(alive)) => alive.clone().narrow(class, place, 1),
            });
        Cells::cat(rows.collect(), class).equal_scalar(0.0)
    }

    /// The field of a child, and the weight of a scale or weigh node over the classes of the result.
    fn weighted(
        &self,
        loss: &Loss,
        child: &Loss,
        weight: &Weight,
        dead: Dead,
    ) -> Result<(Field, Carried)> {
        let (axes, classes) = self.outline(loss)?;
        let weight = self.weight(weight, &self.counted(axes, &classes))?;
        let none = Mass { value: weight.value.clone(), masks: weight.masks }.none();
        let outline = self.outline(child)?;
        let below = either(dead, none).map(|dead| {
            let shape = joint(dead.dims(), self.grid.shape(axes, classes.len()));
            spread(dead, shape)
        });
        let field = self.node(child, Self::gather(below, self.shape(&outline)))?;
        let shape = self.grid.shape(axes, classes.len());
        let value = spread(field.value, shape);
        Ok((Field { axes, classes, value, weights: field.weights }, weight))
    }

    /// The classes over which a weight is made: those of the field, all where its class axis is gone.
    fn counted(&self, axes: Axes, classes: &[usize]) -> Vec<usize> {
        if axes.contains(Axis::Class) {
            classes.to_vec()
        } else {
            (0..self.grid.extents.class).collect()
        }
    }
}

fn mapped(cells: Cells, map: Map, unread: Dead) -> Cells {
    let cells = but(cells, unread, 1.0);
    match map {
        Map::NegativeLog => cells.log().neg(),
        Map::Power(g) => root(cells, g),
    }
}

/// The mean of one cell over dimensions of extent 1 is the cell.
pub(super) fn one(cells: Cells) -> burn::tensor::Tensor<1> {
    total(cells, &[0, 1, 2]).reshape([1])
}
