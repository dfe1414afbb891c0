//! One chart as an image: own loss against share of the loss, per class.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use svg::Document;
use svg::node::element::{Group, Rectangle, Style};

use crate::error::{Error, ErrorKind, Result};
use crate::explain::Report;

use super::bars::{self, WIDTH};

/// The letters of the chart; a machine may have none.
const FONT: &[u8] = include_bytes!("font/dejavu-sans.ttf");

/// Pixels per unit: sharp on paper.
const SCALE: f32 = 3.0;
const MARGIN: f64 = 16.0;

const STYLE: &str = "
text { font-family: 'DejaVu Sans'; font-size: 12px; fill: #1a1c1f }
.title { font-size: 14px }
.legend { font-size: 11px; fill: #5b6068 }
rect { fill: #0072b2 }
.drowned rect { fill: #d55e00 }
rect.second, .drowned rect.second { fill: #8a9199 }
.paper { fill: #ffffff }
.zero { stroke: #1a1c1f; stroke-width: 1 }
.even { stroke: #1a1c1f; stroke-width: 1; stroke-dasharray: 4 3 }
";

impl Report {
    /// A chart as PNG: of every class its own loss, beside its share of the loss.
    ///
    /// **Errors** ([`ErrorKind::Shape`]): there are more classes than an image can hold.
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Layout, Over, bce, mean};
    /// use ndarray::array;
    ///
    /// let (prediction, target) = (array![[0.9, 0.2], [0.9, 0.1]], array![[1_u8, 0], [0, 1]]);
    /// let loss = bce(Activation::Probability).reduce(mean(Over::All));
    /// let report = loss.explain(&Batch::new(Layout::NC, &prediction, &target)?)?;
    /// assert!(report.to_png()?.starts_with(b"\x89PNG"));
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let [own, share, _] = bars::panels(self);
        let height = own.height() + 2.0 * MARGIN;
        let width = 2.0 * WIDTH + 4.0 * MARGIN;
        let moved =
            |group: Group, x: f64| group.set("transform", format!("translate({x} {MARGIN})"));
        let chart = Document::new()
            .set("width", width)
            .set("height", height)
            .set("viewBox", (0, 0, width, height))
            .add(Style::new(STYLE))
            .add(Rectangle::new().set("class", "paper").set("width", width).set("height", height))
            .add(moved(own.group(), MARGIN))
            .add(moved(share.group(), WIDTH + 3.0 * MARGIN));
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(FONT.to_vec());
        let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
        let drawn = |reason: String| Error::new(ErrorKind::Shape, format!("chart: {reason}"));
        let tree = Tree::from_str(&chart.to_string(), &options)
            .map_err(|error| drawn(error.to_string()))?;
        let size = tree.size().to_int_size().scale_by(SCALE);
        let image = size.and_then(|size| Pixmap::new(size.width(), size.height()));
        let mut image = image.ok_or_else(|| {
            drawn(format!("{} classes do not fit into an image", self.classes.len()))
        })?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut image.as_mut());
        image.encode_png().map_err(|error| drawn(error.to_string()))
    }
}
