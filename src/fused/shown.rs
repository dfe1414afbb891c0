//! The cells of a batch with what each adds to the value of a loss, for who looks at them.

use std::ops::Range;
use std::sync::Arc;

use ndarray::Dimension;

use crate::batch::{Batch, Float};
use crate::element::Activation;
use crate::error::Result;
use crate::loss::Loss;

use super::data::Data;
use super::grid::Grid;
use super::observe::{Kept, block, blocks};
use super::offence::OnOffence;
use super::plan::Plan;
use super::pull::Sink;
use super::scan::Cells;
use super::seen::Seen;
use super::window::Window;
use super::{threads, whole};

/// How many blocks are evaluated side by side before they are looked at.
const AT_ONCE: usize = 64;

/// Some pixels of an image.
pub(crate) struct Shown {
    pub(crate) image: usize,
    pub(crate) pixels: Range<usize>,
    pub(crate) cells: Cells,
    activated: Grid,
    /// None where no cell of the block adds anything.
    parts: Option<Grid>,
}

impl Shown {
    /// The prediction after its activation.
    pub(crate) fn activated(&self, class: usize, pixel: usize) -> f64 {
        self.activated.at(class, 0, pixel)
    }

    /// What the cell adds to the value of the loss.
    pub(crate) fn part(&self, class: usize, pixel: usize) -> f64 {
        self.parts.as_ref().map_or(0.0, |parts| parts.at(class, 0, pixel))
    }
}

/// Looks at the blocks of a batch that are wanted, in their order; the numbers that a page shows as the
/// prediction come of `activation`.
pub(crate) fn show<F: Float, D: Dimension>(
    loss: &Loss,
    batch: &Batch<'_, F, D>,
    activation: Activation,
    wanted: impl Fn(usize, &Range<usize>) -> bool,
    mut look: impl FnMut(&Shown),
) -> Result<()> {
    let data = Data::new(batch);
    let plan = Arc::new(Plan::of_batch(loss, data.facts(), false)?);
    let pixels = data.extents.pixel;
    let shown = |image: usize, range: Range<usize>, parts: Option<Grid>| {
        let window = Window::new(&data, image..image + 1, range.clone(), OnOffence::End);
        let cells = Cells::of(&window);
        Shown { image, pixels: range, activated: cells.activated(activation), cells, parts }
    };
    let ranges = |image| {
        let ranges = (0..blocks(pixels)).map(|number| block(number, pixels));
        ranges.filter(|range| wanted(image, range)).collect::<Vec<_>>()
    };
    if plan.whole.is_some() {
        let (_, sink) = whole(&plan, &data, Some(true), None)?;
        let cells = sink.and_then(|sink| sink.cells);
        for image in 0..data.extents.image {
            for range in ranges(image) {
                let parts = cells.as_ref().map(|cells| cells.part(image, range.clone()));
                look(&shown(image, range, parts));
            }
        }
        return Ok(());
    }
    let (seen, pass) = Seen::of(&plan, &data)?;
    let (_, sink) = seen.value_and_backs(true, None)?;
    let matched = |pool: usize, kept: &Kept| seen.matched(&sink.given, pool, kept);
    for image in 0..data.extents.image {
        let ranges = ranges(image);
        if ranges.is_empty() {
            continue;
        }
        let of_image = pass.pull_image(image, &sink.given, &matched, true)?;
        for ranges in ranges.chunks(AT_ONCE) {
            let of_block = |place: usize| -> Result<Shown> {
                let range = ranges[place].clone();
                let parts = of_block_and_image(
                    pass.pull_block(image, range.clone(), &of_image)?,
                    &of_image,
                    &range,
                );
                Ok(shown(image, range, parts))
            };
            for shown in threads::map(ranges.len(), of_block) {
                look(&shown?);
            }
        }
    }
    Ok(())
}

/// What the cells of a block add: through its sums, and without them.
fn of_block_and_image(of_block: Sink, of_image: &Sink, range: &Range<usize>) -> Option<Grid> {
    let direct = of_image.cells.as_ref().map(|cells| cells.part(0, range.clone()));
    match (of_block.cells, direct) {
        (Some(mut cells), Some(direct)) => {
            cells.add(&direct);
            Some(cells)
        }
        (cells, direct) => cells.or(direct),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::fused::Account;

    /// The largest distance between the parts of the cells, added up per image and class, and those of the
    /// account.
    fn gap(text: &str, factor: f64) -> f64 {
        let cell = |(image, pixel, class)| ((image * 7 + pixel * 3 + class * 5) % 11) as f64 / 11.0;
        let prediction = Array3::from_shape_fn((2, 600, 3), cell);
        let target = Array3::from_shape_fn((2, 600, 3), |(image, pixel, class)| {
            u8::from((image + pixel * pixel) % 3 == class)
        });
        let layout = "image pixel class".parse().unwrap();
        let batch = Batch::new(layout, &prediction, &target).unwrap();
        let loss: Loss = text.parse().unwrap();
        let mut sums = vec![vec![0.0; 3]; 2];
        show(
            &loss,
            &batch,
            Activation::Probability,
            |_, _| true,
            |shown| {
                for pixel in 0..shown.pixels.len() {
                    for (class, sum) in sums[shown.image].iter_mut().enumerate() {
                        *sum += factor * shown.part(class, pixel);
                    }
                }
            },
        )
        .unwrap();
        let account = Account::of(&loss, &batch, false).unwrap();
        let pairs = sums.iter().flatten().zip(account.parts.iter().flatten());
        pairs.map(|(sum, part)| (sum - part).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn the_parts_of_the_cells_add_up_to_those_of_the_account() {
        for text in [
            "squared(probability) > mean(class) > mean(pixel) > mean(image)",
            "overlap(probability) > dice(pixel; smooth=1) > mean(class) > mean(image)",
            "overlap(probability) > dice(all)",
            "squared(probability) > max(class) > top(pixel; fraction=0.1) > mean(image)",
            "squared(probability) > mean(class) > max(image) > mean(pixel)",
            "0.5 * (squared(probability) > mean(all)) + 2 * (overlap(probability) > dice(pixel, image) > mean(class))",
        ] {
            assert!(gap(text, 1.0) < 1e-12, "{text}: {}", gap(text, 1.0));
            assert!(gap(text, 1.01) > 1e-6, "{text}");
        }
    }
}
