//! A state on disk or on its way: its form, of which every number survives.
//!
//! ```text
//! { version: 1, loss: text, seen: null | {
//!     images, unread: bool, spatial,
//!     classes, layout: axes, image_weights: bool, map: axes | null, mask: axes | null,
//!     volumes: [sum per class], given: [{ weight, cells }],
//!     pools: [{ sums: { touched: axes, read: [bool per term], waiting: [weight], sums: [[sum]] } }
//!           | { kept: { touched: axes, waiting: [weight], rows: [[number] per image] } }] } }
//! weight = { name, axes, deferred, depends, skips, class, pixel, cells }
//! sum    = [number], which add up to it exactly
//! number = the shortest decimal that is read as the same f64, inf, -inf, NaN or NaN(bits)
//! axes   = "class, pixel, image", some of them, none
//! ```
//!
//! Only numbers are read. What of a state follows from the loss and the kind of batches (shapes, which
//! weights wait for which) is made anew as observing a batch of 0 images makes it, and what is read has
//! to fit. A row is there for every image, so that no number in a text asks for more memory than the
//! text has.

mod number;
mod read;
mod write;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::loss::Loss;

use super::state::State;
use number::{Number, Set};

/// The one version that there is.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    /// First, so that another version is noticed before its form is.
    version: Version,
    loss: Loss,
    seen: Option<SavedSeen>,
}

struct Version;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedSeen {
    images: u64,
    unread: bool,
    classes: usize,
    layout: Set,
    image_weights: bool,
    map: Option<Set>,
    mask: Option<Set>,
    spatial: Vec<usize>,
    volumes: Vec<Sum>,
    given: Vec<SavedGiven>,
    pools: Vec<SavedPool>,
}

type Sum = Vec<Number>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedGiven {
    weight: String,
    cells: Vec<Number>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum SavedPool {
    Sums { touched: Set, read: Vec<bool>, waiting: Vec<SavedWeight>, sums: Vec<Vec<Sum>> },
    Kept { touched: Set, waiting: Vec<SavedWeight>, rows: Vec<Vec<Number>> },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedWeight {
    name: String,
    axes: Set,
    deferred: bool,
    depends: bool,
    skips: bool,
    class: usize,
    pixel: usize,
    cells: Vec<Number>,
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            VERSION => Ok(Self),
            other => {
                Err(D::Error::custom(format!("state: is of version {other}, expected {VERSION}")))
            }
        }
    }
}

/// A state is saved with its loss, the kind of batches that it has seen, and every number exactly: what
/// is read back gives the same bits of value and gradient, and merges like the state that was saved. So
/// an epoch goes on after a restart, and states travel between machines where
/// [`to_flat`](Self::to_flat) has no sum.
///
/// **Errors**: a loss with an own formula, which has no text.
///
/// ```
/// use lossfold::{Batch, Layout, Loss, State};
/// use ndarray::array;
///
/// let loss: Loss = "bce(sigmoid) > mean(class) > max(image)".parse()?;
/// let (prediction, target) = (array![[0.5, -1.0], [2.0, 0.1]], array![[1, 0], [0, 1_u8]]);
/// let mut state = State::new(&loss);
/// state.observe(&Batch::new(Layout::NC, &prediction, &target)?)?;
///
/// let saved = serde_json::to_string(&state)?;
/// assert!(saved.starts_with(r#"{"version":1,"loss":"bce(sigmoid) > mean(class) > max(image)","#));
/// let read: State = serde_json::from_str(&saved)?;
/// assert_eq!(read.value()?.to_bits(), state.value()?.to_bits());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Saved::of(self).serialize(serializer)
    }
}

/// Reads what was saved, which is checked: the version, the loss, and whether every list has the numbers
/// that a state of this loss on such batches has.
///
/// **Errors**: what [`Loss::value`] says about such batches, [`ErrorKind::NotMergeable`] and
/// [`ErrorKind::Shape`] as the text of the format's own error.
///
/// [`ErrorKind::NotMergeable`]: crate::ErrorKind::NotMergeable
/// [`ErrorKind::Shape`]: crate::ErrorKind::Shape
impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Saved::deserialize(deserializer)?.state().map_err(D::Error::custom)
    }
}
