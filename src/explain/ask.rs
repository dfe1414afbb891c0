//! What a report is asked for.

use std::cell::Cell;

use ndarray::Dimension;

use super::hard::{self, Scores};
use super::report::{ClassReport, Drowned, ImageReport, Report};
use super::{Parts, alone, drowned};
use crate::axis::Axis;
use crate::batch::{Batch, Float};
use crate::error::Result;
use crate::fused::{Account, value_of_part};
use crate::loss::Loss;
#[cfg(feature = "html")]
use crate::picture::{Album, Subject};
use crate::weight::Weight;

/// Asks where the value of a loss comes from, for more than [`Loss::explain`] does: other orders beside it,
/// pictures, and how far it is.
///
/// ```
/// use lossfold::{Batch, Explain, Layout, Loss};
/// use ndarray::array;
///
/// let (prediction, target) = (array![[0.9, 0.2], [0.9, 0.1]], array![[1_u8, 0], [0, 1]]);
/// let loss: Loss = "bce(probability) > mean(class) > mean(image)".parse()?;
/// let worst: Loss = "bce(probability) > mean(class) > max(image)".parse()?;
///
/// let asked = Explain::new(&loss).beside("worst image", &worst).progress(|share| assert!(share <= 1.0));
/// let report = asked.on(&Batch::new(Layout::NC, &prediction, &target)?)?;
/// assert_eq!(report.beside[0].name, "worst image");
/// assert!(report.beside[0].value > report.value);
/// # Ok::<(), lossfold::Error>(())
/// ```
pub struct Explain<'a> {
    loss: &'a Loss,
    beside: Vec<(String, Loss)>,
    #[cfg(feature = "html")]
    pictures: usize,
    progress: Option<Box<dyn Fn(f64) + 'a>>,
}

impl<'a> Explain<'a> {
    /// Asks about a loss.
    pub fn new(loss: &'a Loss) -> Self {
        Self {
            loss,
            beside: Vec::new(),
            #[cfg(feature = "html")]
            pictures: 0,
            progress: None,
        }
    }

    /// Puts another order of the same batch beside it, under a name, into [`Report::beside`].
    pub fn beside(mut self, name: impl Into<String>, order: &Loss) -> Self {
        self.beside.push((name.into(), order.clone()));
        self
    }

    /// Makes pictures of the `worst` images, those that contribute most, for [`Report::to_html`].
    ///
    /// They show the prediction, the truth and the loss of each pixel, of every class and of all, and how the
    /// loss is spread over the pixels of all images. The last two spatial axes are a picture, and those before
    /// them its slices. A batch without spatial axes has no pictures.
    #[cfg(feature = "html")]
    pub fn pictures(mut self, worst: usize) -> Self {
        self.pictures = worst;
        self
    }

    /// Is told again and again which share of the work is done, 1 at the end.
    pub fn progress(mut self, told: impl Fn(f64) + 'a) -> Self {
        self.progress = Some(Box::new(told));
        self
    }

    /// The report on a batch.
    ///
    /// **Errors**: those of [`Loss::value`], for the loss and the orders beside it.
    pub fn on<F: Float, D: Dimension>(&self, batch: &Batch<'_, F, D>) -> Result<Report> {
        let loss = self.loss;
        let extents = batch.extents();
        let passes = Passes::new(self, extents.class);
        let parts = Parts::of(Account::of(loss, batch, false)?);
        passes.done(2.0);
        let where_true = loss.own(batch, &[Weight::Positives]);
        passes.done(1.0);
        let Scores { exclusive, classes: scores } = hard::scores(batch, loss.decides_at());
        passes.done(1.0);
        let classes: Vec<ClassReport> = (0..extents.class)
            .map(|class| {
                let own = loss.own(batch, &[alone(class, extents.class)]);
                let own_where_true = loss.own_where_true(batch, class, exclusive);
                passes.done(2.0);
                ClassReport {
                    class,
                    name: class.to_string(),
                    pixels: scores[class].pixels,
                    own,
                    own_where_true,
                    dice: scores[class].dice,
                    iou: scores[class].iou,
                    contribution: parts.contribution(Axis::Class, class),
                    share_of_total: parts.share_of_total(Axis::Class, class),
                    share_of_gradient: parts.share_of_gradient(Axis::Class, class),
                }
            })
            .collect();
        let image = |image| {
            let own = batch.images(image..image + 1).and_then(|one| value_of_part(loss, &one));
            passes.done(1.0 / extents.image as f64);
            ImageReport {
                image,
                own: own.ok(),
                contribution: parts.contribution(Axis::Image, image),
                share_of_total: parts.share_of_total(Axis::Image, image),
                share_of_gradient: parts.share_of_gradient(Axis::Image, image),
            }
        };
        let images: Vec<ImageReport> = (0..extents.image).map(image).collect();
        let drowned = drowned(&classes, where_true);
        let focus = focus(&classes, &drowned);
        let would_show = match drowned.first() {
            Some(worst) => loss.would_show(batch, worst.class),
            None => Vec::new(),
        };
        passes.done(Passes::WOULD_SHOW);
        let order = |(name, order): &(String, Loss)| {
            let order = order.beside(name, batch, focus, false);
            passes.done(Passes::BESIDE);
            order
        };
        let beside = self.beside.iter().map(order).collect::<Result<_>>()?;
        #[cfg(feature = "html")]
        let album = self.album(batch, &images, focus, &passes)?;
        passes.tell(1.0);
        Ok(Report {
            loss: loss.to_string(),
            value: parts.value,
            extents,
            spatial: batch.spatial(),
            steps: parts.steps,
            classes,
            images,
            constant: parts.constant,
            remainder: parts.remainder,
            where_true,
            drowned,
            would_show,
            focus,
            beside,
            #[cfg(feature = "html")]
            album,
        })
    }

    #[cfg(feature = "html")]
    fn album<F: Float, D: Dimension>(
        &self,
        batch: &Batch<'_, F, D>,
        images: &[ImageReport],
        focus: usize,
        passes: &Passes<'_>,
    ) -> Result<Option<Album>> {
        if self.pictures == 0 || batch.spatial().is_empty() || images.is_empty() {
            return Ok(None);
        }
        let mut worst: Vec<usize> = (0..images.len()).collect();
        worst.sort_by(|&a, &b| images[b].contribution.total_cmp(&images[a].contribution));
        worst.truncate(self.pictures);
        let source = self.loss.sources().first().map(|source| super::activation(source));
        let activation = source.unwrap_or(crate::element::Activation::Identity);
        let subject = Subject { loss: self.loss, activation, images: &worst, focus };
        let before = passes.done.get();
        let told = |share: f64| {
            passes.done.set(before);
            passes.done(share * Passes::PICTURES);
        };
        Album::of(&subject, batch, &told).map(Some)
    }
}

/// The class that other orders are asked about.
fn focus(classes: &[ClassReport], drowned: &[Drowned]) -> usize {
    let worst = |a: &&ClassReport, b: &&ClassReport| {
        let own = |class: &ClassReport| class.own_where_true.unwrap_or(f64::NEG_INFINITY);
        own(a).total_cmp(&own(b))
    };
    match drowned.first() {
        Some(drowned) => drowned.class,
        None => classes.iter().max_by(worst).map_or(0, |class| class.class),
    }
}

/// How many readings of the batch are done, of how many.
struct Passes<'e> {
    done: Cell<f64>,
    all: f64,
    told: Option<&'e dyn Fn(f64)>,
}

impl<'e> Passes<'e> {
    const BESIDE: f64 = 3.0;
    const WOULD_SHOW: f64 = 3.0 * Self::BESIDE;
    /// Every cell is evaluated by itself.
    #[cfg(feature = "html")]
    const PICTURES: f64 = 40.0;

    fn new(explain: &'e Explain<'_>, classes: usize) -> Self {
        let numbers = 2.0 + 1.0 + 1.0 + 2.0 * classes as f64 + 1.0 + Self::WOULD_SHOW;
        let all = numbers + Self::BESIDE * explain.beside.len() as f64;
        #[cfg(feature = "html")]
        let all = all + if explain.pictures > 0 { Self::PICTURES } else { 0.0 };
        Self { done: Cell::new(0.0), all, told: explain.progress.as_deref() }
    }

    fn done(&self, passes: f64) {
        self.done.set(self.done.get() + passes);
        self.tell(self.done.get() / self.all);
    }

    fn tell(&self, share: f64) {
        if let Some(told) = self.told {
            told(share.min(1.0));
        }
    }
}
