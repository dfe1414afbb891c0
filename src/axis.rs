//! The three axes of a batch, and sets of them.

use std::fmt;

/// An axis of a batch. The three are all there are, on purpose: every spatial axis belongs to
/// `Pixel`.
///
/// A step is *over* the axes that vanish, a result is *per* the axes that remain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Axis {
    /// The channels of the prediction.
    Class,
    /// All spatial axes together, of any number, also none.
    Pixel,
    /// The entries of the batch.
    Image,
}

impl Axis {
    /// The axes in the order in which they print.
    pub const ALL: [Self; 3] = [Self::Class, Self::Pixel, Self::Image];

    /// The word that stands for the axis in texts: `class`, `pixel` or `image`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Pixel => "pixel",
            Self::Image => "image",
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of axes.
///
/// ```
/// use lossfold::{Axes, Axis};
///
/// let axes = Axes::from([Axis::Image, Axis::Class]);
/// assert_eq!(axes.to_string(), "class, image");
/// assert!(axes.contains(Axis::Class) && !axes.contains(Axis::Pixel));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Axes(u8);

impl Axes {
    /// No axis.
    pub const NONE: Self = Self(0);
    /// Class, pixel and image.
    pub const ALL: Self = Self(0b111);

    /// Whether `axis` is in the set.
    pub fn contains(self, axis: Axis) -> bool {
        self.0 & (1 << axis as u8) != 0
    }

    /// Whether every axis of `other` is in the set.
    pub fn contains_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether the sets have an axis in common.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The axes that are in one of the sets.
    pub fn with(self, other: impl Into<Self>) -> Self {
        Self(self.0 | other.into().0)
    }

    /// The axes that are in this set but not in `other`.
    pub fn without(self, other: impl Into<Self>) -> Self {
        Self(self.0 & !other.into().0)
    }

    /// Whether there is no axis in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The axes in the order class, pixel, image.
    pub fn iter(self) -> impl Iterator<Item = Axis> {
        Axis::ALL.into_iter().filter(move |&axis| self.contains(axis))
    }
}

impl From<Axis> for Axes {
    fn from(axis: Axis) -> Self {
        Self(1 << axis as u8)
    }
}

impl<const N: usize> From<[Axis; N]> for Axes {
    fn from(axes: [Axis; N]) -> Self {
        axes.into_iter().collect()
    }
}

impl FromIterator<Axis> for Axes {
    fn from_iter<I: IntoIterator<Item = Axis>>(axes: I) -> Self {
        axes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, axis) in self.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{axis}")?;
        }
        Ok(())
    }
}

/// The number of classes, pixels and images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extents {
    /// The number of classes; 1 where the tensor has no class axis.
    pub class: usize,
    /// The number of pixels of one image: the product of its spatial extents, 1 where it has none.
    pub pixel: usize,
    /// The number of images; 1 where the tensor has no image axis.
    pub image: usize,
}

impl Extents {
    /// The extent of one axis.
    pub fn of(self, axis: Axis) -> usize {
        match axis {
            Axis::Class => self.class,
            Axis::Pixel => self.pixel,
            Axis::Image => self.image,
        }
    }

    /// The number of cells over the axes of a set.
    pub fn cells(self, axes: impl Into<Axes>) -> usize {
        axes.into().iter().map(|axis| self.of(axis)).product()
    }

    /// The shape of a field over `axes`: an axis that the field lacks has extent 1.
    pub(crate) fn shape(self, axes: Axes) -> (usize, usize, usize) {
        let extent = |axis| if axes.contains(axis) { self.of(axis) } else { 1 };
        (extent(Axis::Class), extent(Axis::Pixel), extent(Axis::Image))
    }
}
