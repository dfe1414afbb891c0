//! What a prediction is compared with: dense values, or class labels.

use ndarray::{ArrayViewD, IxDyn, Slice};

use super::array::{Dense, IntoView, Value, View, canonical, keep_images};
use super::plane::{ReadRow, reader};
use crate::layout::Layout;

/// Class labels: one class number for every pixel of every image.
///
/// The tensor has the axes of the prediction without the class axis, in the same order. A label
/// outside `0..classes` is an error, unless it is the one to ignore: such a pixel has mass 0 at
/// every source of a loss, inside ratios too.
///
/// ```
/// use lossfold::{Activation, Batch, Labels, Layout, bce, mean, Over};
/// use ndarray::{array, Array2};
///
/// let prediction = array![[0.0_f64, 0.0], [3.0, 3.0]]; // two images, two classes, no pixel axis
/// let classes = array![1_u8, 255];
/// let batch = Batch::new(Layout::NC, &prediction, Labels::new(&classes).ignore(255))?;
/// let loss = bce(Activation::Sigmoid).reduce(mean(Over::All));
/// assert_eq!(loss.value(&batch)?, 2.0_f64.ln()); // the second image does not count
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    numbers: Numbers<'a>,
    ignored: Option<i128>,
}

impl<'a> Labels<'a> {
    /// Labels of any integer type.
    pub fn new<A: Label>(classes: impl IntoView<'a, Elem = A>) -> Self {
        Self { numbers: A::erase(classes.into_view().into_dyn()), ignored: None }
    }

    /// The label whose pixels do not count, 255 or -100 for example.
    #[must_use]
    pub fn ignore(mut self, label: impl Into<i128>) -> Self {
        self.ignored = Some(label.into());
        self
    }

    pub(crate) fn ignored(&self) -> Option<i128> {
        self.ignored
    }
}

/// The element type of class labels: any integer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an integer type",
    note = "labels are class numbers; probabilities and 0/1 values are a dense target, passed without `Labels`"
)]
pub trait Label: Copy + 'static {
    #[doc(hidden)]
    fn erase(view: ArrayViewD<'_, Self>) -> Numbers<'_>;
}

macro_rules! labels {
    ($($type:ty => $variant:ident),*) => {
        /// Integers whose type is known at run time.
        #[doc(hidden)]
        #[derive(Clone, Debug)]
        pub enum Numbers<'a> { $($variant(View<'a, $type, IxDyn>)),* }

        $(impl Label for $type {
            fn erase(view: ArrayViewD<'_, Self>) -> Numbers<'_> {
                Numbers::$variant(view)
            }
        })*

        impl<'a> Labels<'a> {
            pub(crate) fn shape(&self) -> &[usize] {
                match &self.numbers { $(Numbers::$variant(view) => view.shape()),* }
            }

            /// The labels in the order pixel, image.
            #[expect(clippy::cast_lossless, reason = "usize and isize have no `From`")]
            pub(crate) fn canonical(&self, layout: Layout) -> Vec<i128> {
                match &self.numbers {
                    $(Numbers::$variant(view) => canonical(view, layout, |label| label as i128)),*
                }
            }

            /// Reads rows of labels; they have one class.
            #[expect(clippy::cast_lossless, reason = "usize and isize have no `From`")]
            pub(crate) fn rows(&self, layout: Layout) -> ReadRow<'a, i128> {
                match &self.numbers {
                    $(Numbers::$variant(view) => reader(view, layout, |label| label as i128)),*
                }
            }

            /// Reads rows of class numbers; what is none, or is to be ignored, is `u32::MAX`.
            pub(crate) fn classes(&self, layout: Layout, classes: usize) -> ReadRow<'a, u32> {
                let all = u32::try_from(classes).unwrap_or(u32::MAX);
                let ignored = self.ignored.and_then(|label| u32::try_from(label).ok());
                let ignored = ignored.unwrap_or(u32::MAX);
                match &self.numbers {
                    $(Numbers::$variant(view) => reader(view, layout, move |label| {
                        let label = u32::try_from(label).unwrap_or(u32::MAX);
                        if (label >= all) | (label == ignored) { u32::MAX } else { label }
                    })),*
                }
            }

            pub(crate) fn images(&self, layout: Layout, slice: Slice) -> Self {
                let mut part = self.clone();
                match &mut part.numbers {
                    $(Numbers::$variant(view) => keep_images(view, layout, slice)),*
                }
                part
            }
        }
    };
}
labels!(
    u8 => U8, u16 => U16, u32 => U32, u64 => U64, usize => Usize,
    i8 => I8, i16 => I16, i32 => I32, i64 => I64, isize => Isize
);

/// The target of a batch, its element type erased.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum Target<'a> {
    Dense(Dense<'a>),
    Labels(Labels<'a>),
}

/// What may be given as a target: a dense array of f32, f64, u8 or bool with the shape of the
/// prediction, or [`Labels`].
pub trait IntoTarget<'a> {
    #[doc(hidden)]
    fn into_target(self) -> Target<'a>;
}

impl<'a> IntoTarget<'a> for Target<'a> {
    fn into_target(self) -> Self {
        self
    }
}

impl<'a> IntoTarget<'a> for Labels<'a> {
    fn into_target(self) -> Target<'a> {
        Target::Labels(self)
    }
}

impl<'a, V: IntoView<'a>> IntoTarget<'a> for V
where
    V::Elem: Value,
{
    fn into_target(self) -> Target<'a> {
        Target::Dense(Value::erase(self.into_view().into_dyn()))
    }
}
