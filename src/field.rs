//! Fields of value and mass: what flows through a loss.

use ndarray::{Array3, ArrayView3};

use crate::axis::{Axes, Axis, Extents};

/// A value and a mass for every cell of some of the axes.
///
/// The mass is a product of weights, each with axes of its own. A step consumes the weights that
/// have one of its axes; the others wait for a step over one of theirs.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub(crate) axes: Axes,
    pub(crate) extents: Extents,
    /// The numbers of the classes that the field has, where it has a class axis.
    pub(crate) classes: Vec<usize>,
    /// Indexed by class, pixel and image; an axis that the field lacks has extent 1.
    pub(crate) value: Array3<f64>,
    pub(crate) weights: Vec<Carried>,
}

/// A weight on its way to the step that consumes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Carried {
    pub(crate) name: String,
    pub(crate) axes: Axes,
    pub(crate) value: Array3<f64>,
    /// Whether the weight is made from the prediction: the denominator that a ratio carries, and what
    /// later steps carry of it. It has all axes of its field, so a field has at most one.
    pub(crate) depends: bool,
    /// Whether it is what skipped groups leave: 0 for these, 1 for the others.
    pub(crate) skips: bool,
}

impl Field {
    /// A field over all three axes, without weights, with `value(class, pixel, image)` in each cell.
    ///
    /// ```
    /// use lossfold::{Axis, Extents, Field};
    ///
    /// let field = Field::from_fn(Extents { class: 2, pixel: 3, image: 1 }, |class, pixel, _| {
    ///     (10 * class + pixel) as f64
    /// });
    /// assert_eq!(field.at(1, 2, 0), 12.0);
    /// ```
    pub fn from_fn(extents: Extents, value: impl Fn(usize, usize, usize) -> f64) -> Self {
        Self {
            axes: Axes::ALL,
            extents,
            classes: (0..extents.class).collect(),
            value: Array3::from_shape_fn(extents.shape(Axes::ALL), |(c, p, i)| value(c, p, i)),
            weights: Vec::new(),
        }
    }

    /// The field with one more weight, which has the axes `axes`.
    ///
    /// # Panics
    ///
    /// Never: axes that the field lacks are left out of `axes`.
    #[must_use]
    pub fn weighed(
        mut self,
        axes: impl Into<Axes>,
        weight: impl Fn(usize, usize, usize) -> f64,
    ) -> Self {
        let axes = axes.into();
        let axes = axes.without(axes.without(self.axes));
        let shape = self.extents.shape(axes);
        let value = Array3::from_shape_fn(shape, |(c, p, i)| weight(c, p, i));
        let name = format!("weight {}", self.weights.len());
        self.weights.push(Carried { name, axes, value, depends: false, skips: false });
        self
    }

    /// The axes that the field is per.
    pub fn axes(&self) -> Axes {
        self.axes
    }

    /// The numbers of classes, pixels and images of the field; 1 along an axis that it lacks.
    pub fn shape(&self) -> (usize, usize, usize) {
        self.value.dim()
    }

    /// The value of a cell; the place along an axis that the field lacks is 0.
    ///
    /// # Panics
    ///
    /// If the cell lies outside [`shape`](Self::shape), as indexing does.
    pub fn at(&self, class: usize, pixel: usize, image: usize) -> f64 {
        self.value[[class, pixel, image]]
    }

    /// The values, indexed by class, pixel and image.
    pub fn values(&self) -> ArrayView3<'_, f64> {
        self.value.view()
    }

    /// The mass of every cell: the product of the weights that no step has consumed yet.
    pub fn mass(&self) -> Array3<f64> {
        mass(&self.weights, self.value.dim())
    }

    /// The one value of a field without axes.
    pub fn scalar(&self) -> Option<f64> {
        if self.axes.is_empty() { self.value.first().copied() } else { None }
    }

    /// The weight that is made from the prediction.
    pub(crate) fn dependent(&self) -> Option<&Carried> {
        self.weights.iter().find(|weight| weight.depends)
    }

    /// How a message names a cell: its place along each axis that the field has.
    pub(crate) fn place(&self, (class, pixel, image): (usize, usize, usize)) -> String {
        let places = self.axes.iter().map(|axis| match axis {
            Axis::Class => format!("class {}", self.classes[class]),
            Axis::Pixel => format!("pixel {pixel}"),
            Axis::Image => format!("image {image}"),
        });
        places.collect::<Vec<_>>().join(", ")
    }
}

/// The product of weights over cells of a shape that holds all their axes.
pub(crate) fn mass<'w>(
    weights: impl IntoIterator<Item = &'w Carried>,
    shape: (usize, usize, usize),
) -> Array3<f64> {
    let mut mass = Array3::from_elem(shape, 1.0);
    for weight in weights {
        mass.zip_mut_with(&spread(&weight.value, shape), |mass, &weight| {
            *mass = weighted(*mass, weight);
        });
    }
    mass
}

/// `weight × value`, where a factor of 0 gives 0 whatever the other: a cell of mass 0 is never read.
pub(crate) fn weighted(weight: f64, value: f64) -> f64 {
    if weight == 0.0 || value == 0.0 { 0.0 } else { weight * value }
}

/// A view of `array` repeated along the axes in which it has extent 1 and `shape` has more.
pub(crate) fn spread<T>(array: &Array3<T>, shape: (usize, usize, usize)) -> ArrayView3<'_, T> {
    array.broadcast(shape).expect("the axes of a field hold the axes of what is spread over it")
}
