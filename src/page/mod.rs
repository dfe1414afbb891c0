//! The report as one page: no network, no script but its own, readable without that.

mod bars;
mod flow;
mod number;
mod pictures;
#[cfg(feature = "png")]
mod png;
mod rows;
mod spread;
mod words;

use askama::Template;

use crate::axis::Extents;
use crate::explain::Report;

use flow::Chain;
use number::Number;
use pictures::Gallery;
use rows::{ClassRow, ImageRow, OrderRow};
use spread::Histogram;
use words::Lead;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    report: &'r Report,
    value: Number,
    lead: Lead,
    /// SVG: own loss, share of the loss, share of the gradient.
    bars: Vec<String>,
    classes: Vec<ClassRow<'r>>,
    flow: Chain,
    focus: &'r str,
    own_label: String,
    orders: Vec<OrderRow>,
    images: Vec<ImageRow>,
    histogram: Option<Histogram>,
    gallery: Option<Gallery>,
    version: &'static str,
}

impl Report {
    /// The report as one page of HTML, with the pictures that [`Explain::pictures`](crate::Explain::pictures)
    /// made, if any.
    ///
    /// The page asks for nothing from outside, which its content security policy forbids, follows the light or
    /// dark setting of who reads it, and fits a telephone and paper. Every number that it shows stands in it
    /// with all its digits, as `data-value`.
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Explain, Layout, Over, bce, mean};
    /// use ndarray::Array4;
    ///
    /// let prediction = Array4::<f32>::from_elem((2, 8, 8, 2), 0.25);
    /// let target = Array4::from_shape_fn((2, 8, 8, 2), |(_, row, _, class)| u8::from(class == row % 2));
    /// let loss = bce(Activation::Probability).reduce(mean(Over::All));
    ///
    /// let batch = Batch::new(Layout::NHWC, &prediction, &target)?;
    /// let report = Explain::new(&loss).pictures(1).on(&batch)?.name_classes(["odd", "<even>"]);
    /// let page = report.to_html();
    /// assert!(page.contains("&#60;even&#62;") && page.contains("data:image/png;base64,"));
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn to_html(&self) -> String {
        let focus = self.classes.get(self.focus).map_or("", |class| &class.name);
        let page = Page {
            report: self,
            value: Number::short(Some(self.value)),
            lead: Lead::new(self),
            bars: bars::panels(self).iter().map(bars::drawn).collect(),
            classes: rows::classes(self),
            flow: Chain::new(self),
            focus,
            own_label: format!("own loss of “{focus}”"),
            orders: rows::orders(self),
            images: rows::images(self),
            histogram: Histogram::new(self),
            gallery: self.album.as_ref().map(|album| Gallery::new(self, album)),
            version: env!("CARGO_PKG_VERSION"),
        };
        page.to_string()
    }
}

/// The extents of a batch in words: `16 images of 96 × 80 pixels and 5 classes`.
fn batch_text(report: &Report) -> String {
    let Extents { class, image, .. } = report.extents;
    let several = |count: usize, one: &str, more: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    };
    let spatial: Vec<String> = report.spatial.iter().map(ToString::to_string).collect();
    let pixels = if spatial.is_empty() {
        String::new()
    } else {
        format!(" of {} pixels", spatial.join(" × "))
    };
    let images = several(image, "image", "images");
    format!("{images}{pixels} and {}", several(class, "class", "classes"))
}
