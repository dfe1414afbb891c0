//! A prediction, its target and the weights that come with them, checked once and never copied.

mod array;
mod plane;
mod target;

use std::ops::Range;

use ndarray::{ArrayView, Dimension, Slice};

pub(crate) use array::{Dense, Floats, View, canonical};
pub use array::{Float, IntoView, Value};
pub(crate) use plane::{ReadRow, arranged, lanes};
pub(crate) use target::Target;
pub use target::{IntoTarget, Label, Labels};

use crate::axis::{Axes, Axis, Extents};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::Layout;

/// A prediction, its target and, where the loss names them, image weights, a map and a mask.
///
/// Arrays of any strides are read where they lie. Shapes are checked here, once; values are checked
/// by the pass that reads them.
///
/// **Errors** ([`ErrorKind::Shape`]): the prediction has another number of axes than the layout, a
/// target or a weight has other extents than the prediction.
///
/// ```
/// use lossfold::{Axis, Batch, Layout};
/// use ndarray::{Array3, Array4};
///
/// let prediction = Array4::<f32>::zeros((2, 4, 4, 3));
/// let target = Array4::<u8>::zeros((2, 4, 4, 3));
/// let mask = Array3::from_elem((2, 4, 4), true);
/// let batch = Batch::new(Layout::NHWC, &prediction, &target)?
///     .with_mask([Axis::Pixel, Axis::Image], &mask)?;
/// assert_eq!(batch.extents().class, 3);
///
/// let error = Batch::new(Layout::NHWC, &prediction, prediction.view().permuted_axes([0, 3, 1, 2]));
/// assert_eq!(
///     error.unwrap_err().to_string(),
///     "target: has shape [2, 3, 4, 4], expected [2, 4, 4, 3], the shape of the prediction"
/// );
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Batch<'a, F, D: Dimension> {
    layout: Layout,
    prediction: View<'a, F, D>,
    target: Target<'a>,
    image: Option<Aligned<'a>>,
    map: Option<Aligned<'a>>,
    mask: Option<Aligned<'a>>,
}

/// A weight that comes with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    Image,
    Map,
    Mask,
}

impl Beside {
    /// As errors call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image weights",
            Self::Map => "map",
            Self::Mask => "mask",
        }
    }
}

/// A weight that comes with the batch, and the axes that it has.
#[derive(Clone, Debug)]
pub(crate) struct Aligned<'a> {
    /// The axes of the weight, also those of extent 1 that the layout lacks.
    pub(crate) axes: Axes,
    pub(crate) layout: Layout,
    pub(crate) values: Dense<'a>,
}

impl<'a, F: Float, D: Dimension> Batch<'a, F, D> {
    /// A batch of a prediction and its target.
    ///
    /// A dense target has the shape of the prediction; [`Labels`] have it without the class axis.
    pub fn new(
        layout: Layout,
        prediction: impl IntoView<'a, Elem = F, Dim = D>,
        target: impl IntoTarget<'a>,
    ) -> Result<Self> {
        let prediction = prediction.into_view();
        let target = target.into_target();
        layout.check_prediction(prediction.shape())?;
        let batch = Self { layout, prediction, target, image: None, map: None, mask: None };
        match &batch.target {
            Target::Dense(dense) => {
                batch.check_shape(
                    "target",
                    dense.shape(),
                    Axes::ALL,
                    "the shape of the prediction",
                )?;
            }
            Target::Labels(labels) => batch.check_shape(
                "labels",
                labels.shape(),
                Axes::ALL.without(Axis::Class),
                "the shape of the prediction without its class axis",
            )?,
        }
        Ok(batch)
    }

    /// Adds one weight per image, which counts where a loss names `image`.
    pub fn with_image_weights<A: Value + 'a>(
        self,
        weights: impl IntoView<'a, Elem = A, Dim = ndarray::Ix1>,
    ) -> Result<Self> {
        let weights = A::erase(weights.into_view().into_dyn());
        self.with(Beside::Image, Axis::Image.into(), weights)
    }

    /// Adds a weight per cell of `axes`, which counts where a loss names `map`.
    ///
    /// The map has these axes of the prediction, in the order of the prediction's layout.
    pub fn with_map<A: Value + 'a>(
        self,
        axes: impl Into<Axes>,
        map: impl IntoView<'a, Elem = A>,
    ) -> Result<Self> {
        self.with(Beside::Map, axes.into(), A::erase(map.into_view().into_dyn()))
    }

    /// Adds a mask per cell of `axes`, 1 where a cell counts and 0 where it does not; it counts
    /// where a loss names `mask`.
    ///
    /// The mask has these axes of the prediction, in the order of the prediction's layout.
    pub fn with_mask<A: Value + 'a>(
        self,
        axes: impl Into<Axes>,
        mask: impl IntoView<'a, Elem = A>,
    ) -> Result<Self> {
        self.with(Beside::Mask, axes.into(), A::erase(mask.into_view().into_dyn()))
    }

    /// Adds a weight whose element type is known at run time only.
    pub(crate) fn with(mut self, which: Beside, axes: Axes, values: Dense<'a>) -> Result<Self> {
        let aligned = match which {
            Beside::Image => self.align_images(values)?,
            Beside::Map | Beside::Mask => self.align(which.name(), axes, values)?,
        };
        let place = match which {
            Beside::Image => &mut self.image,
            Beside::Map => &mut self.map,
            Beside::Mask => &mut self.mask,
        };
        given_once(which.name(), place, aligned)?;
        Ok(self)
    }

    /// The images of `range` as a batch of their own, with their targets and weights.
    ///
    /// **Errors** ([`ErrorKind::Shape`]): the range reaches past the last image.
    pub fn images(&self, range: Range<usize>) -> Result<Self> {
        let images = self.extents().image;
        if range.start > range.end || range.end > images {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("images: {range:?} was asked for, the batch has 0..{images}"),
            ));
        }
        if range != (0..1) && !self.layout.axes().contains(&Axis::Image) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("images: {range:?} was asked for, a batch without an image axis has 0..1"),
            ));
        }
        let slice = Slice::from(range);
        let mut prediction = self.prediction.clone();
        array::keep_images(&mut prediction, self.layout, slice);
        let part = |aligned: &Option<Aligned<'a>>| {
            aligned.as_ref().map(|aligned| Aligned {
                axes: aligned.axes,
                layout: aligned.layout,
                values: aligned.values.images(aligned.layout, slice),
            })
        };
        Ok(Self {
            layout: self.layout,
            prediction,
            target: match &self.target {
                Target::Dense(dense) => Target::Dense(dense.images(self.layout, slice)),
                Target::Labels(labels) => Target::Labels(labels.images(self.label_layout(), slice)),
            },
            image: part(&self.image),
            map: part(&self.map),
            mask: part(&self.mask),
        })
    }

    /// Which axis of the prediction is which.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The prediction.
    pub fn prediction(&self) -> ArrayView<'a, F, D> {
        self.prediction.clone()
    }

    /// The number of classes, pixels and images.
    pub fn extents(&self) -> Extents {
        self.layout.extents(self.prediction.shape())
    }

    /// The extents of the spatial axes, in the order of the layout.
    pub fn spatial(&self) -> Vec<usize> {
        self.layout.extents_along(Axis::Pixel.into(), self.prediction.shape())
    }

    pub(crate) fn target(&self) -> &Target<'a> {
        &self.target
    }

    pub(crate) fn label_layout(&self) -> Layout {
        self.layout.only(Axes::ALL.without(Axis::Class))
    }

    pub(crate) fn image_weights(&self) -> Option<&Aligned<'a>> {
        self.image.as_ref()
    }

    pub(crate) fn map(&self) -> Option<&Aligned<'a>> {
        self.map.as_ref()
    }

    pub(crate) fn mask(&self) -> Option<&Aligned<'a>> {
        self.mask.as_ref()
    }

    fn align_images(&self, values: Dense<'a>) -> Result<Aligned<'a>> {
        let images = self.extents().image;
        let why = match *values.shape() {
            [found] if found == images => {
                let layout = Layout::constant(&[Axis::Image]);
                return Ok(Aligned { axes: Axis::Image.into(), layout, values });
            }
            [found] => format!("there are {found}, expected one for each of the {images} images"),
            ref found => format!("have shape {found:?}, expected one axis"),
        };
        Err(Error::new(ErrorKind::Shape, format!("image weights: {why}")))
    }

    fn align(&self, name: &str, axes: Axes, values: Dense<'a>) -> Result<Aligned<'a>> {
        let meaning = format!("the extents of the prediction per {axes}");
        self.check_shape(name, values.shape(), axes, &meaning)?;
        Ok(Aligned { axes, layout: self.layout.only(axes), values })
    }

    fn check_shape(&self, name: &str, found: &[usize], axes: Axes, meaning: &str) -> Result<()> {
        let expected = self.layout.extents_along(axes, self.prediction.shape());
        if found == expected {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Shape,
            format!("{name}: has shape {found:?}, expected {expected:?}, {meaning}"),
        ))
    }
}

fn given_once<'a>(name: &str, place: &mut Option<Aligned<'a>>, aligned: Aligned<'a>) -> Result<()> {
    if place.replace(aligned).is_some() {
        return Err(Error::new(
            ErrorKind::Weight,
            format!("{name}: given twice, expected at most once"),
        ));
    }
    Ok(())
}

/// A batch may stand where one that lives less long is asked for.
#[cfg(test)]
fn _is_covariant<'short, D: Dimension>(batch: Batch<'static, f32, D>) -> Batch<'short, f32, D> {
    batch
}
