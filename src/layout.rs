//! Which axis of a tensor is which.

use std::fmt;
use std::str::FromStr;

use crate::axis::{Axes, Axis, Extents};
use crate::error::{Error, ErrorKind, Result};

/// The most axes that a tensor may have: image, class and six spatial ones.
const MOST_AXES: usize = 8;

/// Which axis of a tensor is which.
///
/// A layout is a constant, letters (`NCHW`), or words (`image class pixel pixel`). A tensor without
/// an image axis is one image, one without a class axis has one class, and any number of axes,
/// also none, are spatial.
///
/// ```
/// use lossfold::{Axis, Layout};
///
/// let layout: Layout = "image pixel pixel class".parse()?;
/// assert_eq!(layout, Layout::NHWC);
/// assert_eq!("NCDHW".parse::<Layout>()?.to_string(), "image class pixel pixel pixel");
/// assert_eq!(layout.axes(), [Axis::Image, Axis::Pixel, Axis::Pixel, Axis::Class]);
/// # Ok::<(), lossfold::Error>(())
/// ```
///
/// **Errors** ([`ErrorKind::Layout`]): an unknown letter or word, an image or class axis named
/// twice, more than eight axes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Entries from `rank` on are `Pixel`, so that equality can be derived.
    axes: [Axis; MOST_AXES],
    rank: usize,
}

impl Layout {
    /// Image and class: a batch of vectors.
    pub const NC: Self = Self::constant(&[Axis::Image, Axis::Class]);
    /// Image, height, width, class: Keras, TensorFlow, JAX.
    pub const NHWC: Self = Self::constant(&[Axis::Image, Axis::Pixel, Axis::Pixel, Axis::Class]);
    /// Image, class, height, width: `PyTorch`, burn, candle.
    pub const NCHW: Self = Self::constant(&[Axis::Image, Axis::Class, Axis::Pixel, Axis::Pixel]);
    /// Image, depth, height, width, class.
    pub const NDHWC: Self =
        Self::constant(&[Axis::Image, Axis::Pixel, Axis::Pixel, Axis::Pixel, Axis::Class]);
    /// Image, class, depth, height, width.
    pub const NCDHW: Self =
        Self::constant(&[Axis::Image, Axis::Class, Axis::Pixel, Axis::Pixel, Axis::Pixel]);
    /// One image: height, width, class.
    pub const HWC: Self = Self::constant(&[Axis::Pixel, Axis::Pixel, Axis::Class]);
    /// One image: class, height, width.
    pub const CHW: Self = Self::constant(&[Axis::Class, Axis::Pixel, Axis::Pixel]);
    /// One class: image, height, width.
    pub const NHW: Self = Self::constant(&[Axis::Image, Axis::Pixel, Axis::Pixel]);

    pub(crate) const fn constant(named: &[Axis]) -> Self {
        let mut axes = [Axis::Pixel; MOST_AXES];
        let mut position = 0;
        while position < named.len() {
            axes[position] = named[position];
            position += 1;
        }
        Self { axes, rank: named.len() }
    }

    /// The layout whose tensor axes are `axes`, in that order.
    pub fn new(axes: &[Axis]) -> Result<Self> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Layout, format!("layout: {why}")));
        if axes.len() > MOST_AXES {
            return refuse(format!(
                "{} axes are named, at most {MOST_AXES} are supported",
                axes.len()
            ));
        }
        for once in [Axis::Image, Axis::Class] {
            let times = axes.iter().filter(|&&axis| axis == once).count();
            if times > 1 {
                return refuse(format!(
                    "the {once} axis is named {times} times, expected at most once"
                ));
            }
        }
        Ok(Self::constant(axes))
    }

    /// The axis that each axis of the tensor is.
    pub fn axes(&self) -> &[Axis] {
        &self.axes[..self.rank]
    }

    /// The layout of a tensor that has only some of the axes, in the same order.
    pub(crate) fn only(&self, kept: Axes) -> Self {
        let kept: Vec<Axis> =
            self.axes().iter().copied().filter(|&axis| kept.contains(axis)).collect();
        Self::constant(&kept)
    }

    /// The extents that a tensor of this shape has along some of the axes, in the same order.
    pub(crate) fn extents_along(&self, axes: Axes, shape: &[usize]) -> Vec<usize> {
        let along = self.axes().iter().zip(shape).filter(|(axis, _)| axes.contains(**axis));
        along.map(|(_, &extent)| extent).collect()
    }

    /// The numbers of classes, pixels and images of a tensor of this shape.
    pub(crate) fn extents(&self, shape: &[usize]) -> Extents {
        let of = |axis: Axis| self.extents_along(axis.into(), shape).iter().product();
        Extents { class: of(Axis::Class), pixel: of(Axis::Pixel), image: of(Axis::Image) }
    }

    /// Refuses a prediction that has another number of axes.
    pub(crate) fn check_prediction(&self, shape: &[usize]) -> Result<()> {
        let (axes, named) = (shape.len(), self.rank);
        if axes == named {
            return Ok(());
        }
        let why = format!("prediction: has {axes} axes {shape:?}, the layout `{self}` has {named}");
        Err(Error::new(ErrorKind::Shape, why))
    }

    /// The positions of the tensor's axes in the order class, pixel, image.
    pub(crate) fn by_class_pixel_image(&self) -> Vec<usize> {
        let of = |wanted| (0..self.rank).filter(move |&position| self.axes[position] == wanted);
        Axis::ALL.into_iter().flat_map(of).collect()
    }

    /// The index into a tensor of this layout of the cell (class, pixel, image), where an image has
    /// the extents `spatial`.
    pub(crate) fn index(&self, cell: (usize, usize, usize), spatial: &[usize]) -> Vec<usize> {
        let (class, mut pixel, image) = cell;
        let mut index = vec![0; self.rank];
        let mut extents = spatial.iter().rev();
        for (place, axis) in index.iter_mut().zip(self.axes()).rev() {
            *place = match axis {
                Axis::Class => class,
                Axis::Image => image,
                Axis::Pixel => {
                    let extent = extents.next().copied().unwrap_or(1);
                    let coordinate = pixel % extent;
                    pixel /= extent;
                    coordinate
                }
            };
        }
        index
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let by_word = |word: &str| Axis::ALL.into_iter().find(|axis| axis.word() == word);
        if let Some(axes) = words.iter().map(|word| by_word(word)).collect::<Option<Vec<_>>>() {
            return Self::new(&axes);
        }
        if let [letters] = words[..] {
            let axes = letters.chars().map(|letter| match letter {
                'N' => Ok(Axis::Image),
                'C' => Ok(Axis::Class),
                'D' | 'H' | 'W' | 'L' | 'T' => Ok(Axis::Pixel),
                _ => Err(Error::new(
                    ErrorKind::Layout,
                    format!(
                        "layout: `{letter}` in `{letters}` is no axis; letters are N (image), \
                         C (class) and D, H, W, L, T (pixel)"
                    ),
                )),
            });
            return Self::new(&axes.collect::<Result<Vec<_>>>()?);
        }
        let unknown = words.iter().find(|word| by_word(word).is_none()).unwrap_or(&"");
        Err(Error::new(
            ErrorKind::Layout,
            format!("layout: `{unknown}` in `{text}` is no axis; words are image, class and pixel"),
        ))
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.axes().iter().map(|axis| axis.word()).collect();
        f.write_str(&words.join(" "))
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layout({self})")
    }
}
