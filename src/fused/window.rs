//! A window of a batch: some pixels of one image, an image, or all. Here weights and sources get
//! their numbers.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use crate::axis::{Axes, Axis, Extents};
use crate::batch::ReadRow;
use crate::element::{Activation, Element};
use crate::error::{ErrorKind, Result};
use crate::notation::Number;

use super::account::Notes;
use super::activation::{Activated, Slope, harmless};
use super::buffer;
use super::data::{Data, Truth};
use super::digest::Digest;
use super::element;
use super::field::Mass;
use super::grid::{Grid, Mask, Shape, both};
use super::leaf::Leaves;
use super::linear::Cut;
use super::offence::{OnOffence, PREDICTION, TARGET, TOTAL};
use super::plan::Spot;

/// The sums of the target over the pixels of each class and image, and how many were summed.
#[derive(Clone, Debug)]
pub(super) struct Volumes {
    pub(super) total: Grid,
    pub(super) count: Grid,
}

pub(super) struct Window<'w, 'b> {
    pub(super) data: &'w Data<'b>,
    pub(super) images: Range<usize>,
    pub(super) pixels: Range<usize>,
    /// For the images of the window, where the loss has a weight that needs them.
    pub(super) volumes: Option<&'w Volumes>,
    /// The same over all images, where they are known.
    pub(super) totals: Option<&'w Volumes>,
    /// What the blocks of the image left at every cut, where the window is an image in parts.
    pub(super) cuts: Option<&'w [Cut]>,
    /// The sums of the leaves, where the window is one pixel that stands for the mean of all.
    pub(super) digest: Option<(&'w Leaves, &'w Digest)>,
    pub(super) on_offence: OnOffence<'w>,
    /// Where divisors are taken down.
    pub(super) notes: Option<&'w Notes>,
    cells: OnceCell<Cells>,
    activated: RefCell<Vec<(Activation, Rc<Activated>)>>,
    /// The terms that a cell of the window reads.
    pub(super) terms: RefCell<BTreeSet<usize>>,
}

/// What a source wants of an activation.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Whether what is not read is to be a harmless number.
    pub(super) neutral: bool,
    /// Whether ln p and ln(1 - p) are needed.
    pub(super) logarithms: bool,
}

/// The numbers of the window, by class, image and pixel.
struct Cells {
    prediction: Grid,
    target: Grid,
    /// By image and pixel, where the target is labels.
    labels: Vec<i128>,
    /// 0 where the label is to be ignored; none without such a label.
    kept: Option<Arc<Grid>>,
}

impl<'w, 'b> Window<'w, 'b> {
    pub(super) fn new(
        data: &'w Data<'b>,
        images: Range<usize>,
        pixels: Range<usize>,
        on_offence: OnOffence<'w>,
    ) -> Self {
        let cells = OnceCell::new();
        let terms = RefCell::default();
        let (volumes, totals, cuts, digest, notes) = (None, None, None, None, None);
        let activated = RefCell::default();
        Self {
            data,
            images,
            pixels,
            volumes,
            totals,
            cuts,
            digest,
            on_offence,
            notes,
            cells,
            activated,
            terms,
        }
    }

    pub(super) fn extents(&self) -> Extents {
        Extents {
            class: self.data.extents.class,
            pixel: self.pixels.len(),
            image: self.images.len(),
        }
    }

    pub(super) fn shape(&self, axes: Axes, classes: usize) -> Shape {
        Shape::of(axes, classes, self.extents())
    }

    /// The index of a cell in the user's tensor.
    fn index(&self, (class, image, pixel): (usize, usize, usize)) -> Vec<usize> {
        self.index_in(self.data.layout, (class, image, pixel))
    }

    pub(super) fn index_in(
        &self,
        layout: crate::layout::Layout,
        (class, image, pixel): (usize, usize, usize),
    ) -> Vec<usize> {
        let cell = (class, self.pixels.start + pixel, self.images.start + image);
        layout.index(cell, &self.data.spatial)
    }

    /// Reads rows into a grid of the axes that they have.
    pub(super) fn read(&self, axes: Axes, rows: &ReadRow<'_, f64>) -> Grid {
        let shape = self.shape(axes, self.data.extents.class);
        let mut cells = buffer::take(shape.cells());
        let pixels = if axes.contains(Axis::Pixel) { self.pixels.clone() } else { 0..1 };
        for (class, image) in shape.rows() {
            let image = if axes.contains(Axis::Image) { self.images.start + image } else { 0 };
            rows(class, image, pixels.clone(), &mut cells);
        }
        Grid { shape, cells }
    }

    fn cells(&self) -> &Cells {
        self.cells.get_or_init(|| {
            let prediction = self.read(Axes::ALL, &self.data.prediction);
            let (mut labels, mut kept) = (Vec::new(), None);
            let target = match &self.data.target {
                Truth::Dense(rows) => self.read(Axes::ALL, rows),
                Truth::Labels { rows, ignored } => {
                    for image in self.images.clone() {
                        rows(0, image, self.pixels.clone(), &mut labels);
                    }
                    let mut target = Grid::zeros(prediction.shape);
                    let classes = target.shape.class as i128;
                    for (class, row) in target.cells.chunks_mut(labels.len().max(1)).enumerate() {
                        for (t, &label) in row.iter_mut().zip(&labels) {
                            *t = if (0..classes).contains(&label) {
                                f64::from(u8::from(label == class as i128))
                            } else if Some(label) == *ignored {
                                0.0
                            } else {
                                f64::NAN
                            };
                        }
                    }
                    kept = ignored.map(|ignored| {
                        let shape = Shape { class: 1, ..target.shape };
                        let counts = |&label| f64::from(u8::from(label != ignored));
                        Arc::new(Grid { shape, cells: labels.iter().map(counts).collect() })
                    });
                    target
                }
            };
            Cells { prediction, target, labels, kept }
        })
    }

    pub(super) fn target(&self) -> &Grid {
        &self.cells().target
    }

    pub(super) fn kept_grid(&self) -> Option<&Arc<Grid>> {
        self.cells().kept.as_ref()
    }

    /// The weight that an ignored label puts on every source.
    pub(super) fn kept(&self) -> Option<Mass> {
        let one = || Arc::new(Grid::per_class(vec![1.0]));
        let kept = match &self.data.target {
            // A digest is made where no label is ignored.
            Truth::Labels { ignored: Some(_), .. } if self.digest.is_some() => Some(one()),
            _ if self.digest.is_some() => None,
            _ => self.kept_grid().cloned(),
        };
        kept.map(|grid| Mass {
            name: "ignored label".into(),
            axes: [Axis::Pixel, Axis::Image].into(),
            grid,
            deferred: None,
            depends: false,
            skips: false,
        })
    }

    /// The prediction after its activation and the target, over all classes. What is read and cannot be
    /// is an offence.
    pub(super) fn activate(
        &self,
        spot: &Spot,
        activation: Activation,
        unit: bool,
        read: &Mask,
        wanted: Wanted,
    ) -> Result<(Rc<Activated>, Grid)> {
        let Cells { prediction, target, .. } = self.cells();
        let couples = matches!(activation, Activation::Softmax | Activation::Normalize);
        let pixels = Shape { class: 1, ..prediction.shape };
        let any = |read: &Grid| {
            read.clone().fold(pixels, 0.0, |any, read| *any = any.max(read)).spread(read.shape)
        };
        let of_prediction = if couples { read.as_ref().map(any) } else { read.clone() };
        self.check_prediction(spot, activation, &of_prediction)?;
        self.check_target(spot, unit, &of_prediction)?;
        // Any number of the domain of every activation and target.
        let t = if wanted.neutral { instead(target, read, 0.0) } else { target.clone() };
        let (activated, t) = match self.on_offence {
            OnOffence::End if read.is_none() || !wanted.neutral => {
                (self.activated(activation, wanted.logarithms), t)
            }
            OnOffence::End => {
                let x = instead(prediction, &of_prediction, harmless(activation));
                (Rc::new(Activated::new(activation, &x, wanted.logarithms)), t)
            }
            // Where bad cells are collected, they must not cause an error that ends the search.
            OnOffence::Collect(_) => {
                let x = tamed(prediction.clone(), harmless(activation));
                (Rc::new(Activated::new(activation, &x, true)), tamed(t, 0.0))
            }
        };
        if activation == Activation::Normalize {
            let bad = |cell: usize| {
                activated.p.cells[cell].is_nan()
                    && read.as_ref().is_none_or(|r| r.cells[cell] != 0.0)
            };
            let named = (0..t.cells.len()).filter(|&cell| bad(cell)).map(|cell| {
                let (_, image, pixel) = t.shape.cell(cell);
                let index = self.index((0, image, pixel));
                let (image, pixel) = (image + self.images.start, pixel + self.pixels.start);
                let message = format!(
                    "prediction: the scores of pixel {pixel}, image {image} sum to 0; `normalize` \
                     divides by that sum"
                );
                (index, message)
            });
            self.on_offence.take((spot.id, TOTAL), ErrorKind::Domain, named)?;
        }
        Ok((activated, t))
    }

    /// The prediction as it is after an activation, made once for all that want it.
    fn activated(&self, activation: Activation, logarithms: bool) -> Rc<Activated> {
        let mut made = self.activated.borrow_mut();
        let found = made.iter().find(|(of, activated)| {
            *of == activation && (activated.logarithms.is_some() || !logarithms)
        });
        if let Some((_, activated)) = found {
            return Rc::clone(activated);
        }
        let activated = Rc::new(Activated::new(activation, &self.cells().prediction, logarithms));
        made.push((activation, Rc::clone(&activated)));
        activated
    }

    /// The mean of one of the numbers of a leaf, where its sums are what is known.
    pub(super) fn leaf(&self, spot: &Spot, number: usize) -> Option<Grid> {
        let (leaves, digest) = self.digest?;
        Some(digest.mean(leaves, leaves.of_spot(spot.id)?, number))
    }

    /// The value and slope of an element source in every cell.
    pub(super) fn element(
        &self,
        spot: &Spot,
        element: &Element,
        live: &Mask,
    ) -> Result<(Grid, Rc<Activated>, Slope)> {
        let shape = self.cells().prediction.shape;
        let read = both(live.clone(), self.kept_grid().map(AsRef::as_ref), shape);
        let activation = element.activation();
        let unit = matches!(element, Element::Bce(_)) || activation != Activation::Identity;
        let wanted = Wanted { neutral: true, logarithms: element::wants_logarithms(element) };
        let (activated, target) = self.activate(spot, activation, unit, &read, wanted)?;
        let (mut value, mut slope) =
            element::values(element, &activated, &target, self.data.narrow)?;
        if let Some(read) = &read {
            value = value.times(read);
            slope = match slope {
                Slope::Probability(p) => Slope::Probability(p.times(read)),
                Slope::Logarithms(a, b) => Slope::Logarithms(a.times(read), b.times(read)),
            };
        }
        Ok((value, activated, slope))
    }

    fn check_prediction(&self, spot: &Spot, activation: Activation, read: &Mask) -> Result<()> {
        let (least, most, expected) = match activation {
            Activation::Probability => (0.0, 1.0, "a probability in [0, 1]"),
            Activation::LogProbability => {
                (f64::NEG_INFINITY, 0.0, "a logarithm of a probability, at most 0")
            }
            Activation::Normalize => (0.0, f64::INFINITY, "a score of at least 0"),
            _ => (f64::NEG_INFINITY, f64::INFINITY, ""),
        };
        let name = "prediction";
        let values = &self.cells().prediction;
        self.check_cells((spot.id, PREDICTION), name, values, (least, most), expected, read)
    }

    fn check_target(&self, spot: &Spot, unit: bool, read: &Mask) -> Result<()> {
        let Cells { target, labels, .. } = self.cells();
        let rank = (spot.id, TARGET);
        let Truth::Labels { ignored, .. } = &self.data.target else {
            let (least, most) = if unit { (0.0, 1.0) } else { (f64::NEG_INFINITY, f64::INFINITY) };
            return self.check_cells(
                rank,
                "target",
                target,
                (least, most),
                "a target in [0, 1]",
                read,
            );
        };
        let classes = self.data.extents.class as i128;
        let good = |label: &i128| (0..classes).contains(label) || Some(*label) == *ignored;
        if labels.iter().all(good) {
            return Ok(());
        }
        let size = labels.len();
        let is_read = |place: usize| match read {
            None => classes > 0,
            Some(read) => read.cells.iter().skip(place).step_by(size).any(|&read| read != 0.0),
        };
        let layout = self.data.layout.only([Axis::Pixel, Axis::Image].into());
        let bad = (0..size).filter(|&place| !good(&labels[place]) && is_read(place));
        let or =
            ignored.map(|ignored| format!(" or the ignored label {ignored}")).unwrap_or_default();
        let named = bad.map(|place| {
            let index = self.index_in(layout, target.shape.cell(place));
            let label = labels[place];
            let message =
                format!("labels: labels{index:?} is {label}, expected a class in 0..{classes}{or}");
            (index, message)
        });
        self.on_offence.take(rank, ErrorKind::Domain, named)
    }

    fn check_cells(
        &self,
        rank: (usize, usize),
        name: &str,
        values: &Grid,
        (least, most): (f64, f64),
        expected: &str,
        read: &Mask,
    ) -> Result<()> {
        let good = |value: f64| value.is_finite() && value >= least && value <= most;
        if values.cells.iter().fold(true, |all, &value| all & good(value)) {
            return Ok(());
        }
        let is_read = |cell: usize| read.as_ref().is_none_or(|read| read.cells[cell] != 0.0);
        let bad =
            (0..values.cells.len()).filter(|&cell| !good(values.cells[cell]) && is_read(cell));
        let named = bad.map(|cell| {
            let index = self.index(values.shape.cell(cell));
            let value = values.cells[cell];
            let expected = if value.is_finite() { expected } else { "a finite number" };
            let value = Number(value);
            let message = format!("{name}: {name}{index:?} is {value}, expected {expected}");
            (index, message)
        });
        self.on_offence.take(rank, ErrorKind::Domain, named)
    }
}

/// The numbers between 0 and 1, of the sign of another, and that other for the others.
fn tamed(numbers: Grid, other: f64) -> Grid {
    let sign = 1_f64.copysign(other);
    numbers.map(|number| if (0.0..=1.0).contains(&(sign * number)) { number } else { other })
}

/// The numbers that are read, and another for the others.
fn instead(numbers: &Grid, read: &Mask, other: f64) -> Grid {
    let mut numbers = numbers.clone();
    if let Some(read) = read {
        numbers.join(read, |number, read| *number = if read == 0.0 { other } else { *number });
    }
    numbers
}
