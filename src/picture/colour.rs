//! From numbers to colours, and from colours to PNG.
//!
//! Losses are coloured by viridis and predictions by greys, both of which grow evenly lighter or darker;
//! classes by Okabe and Ito (2008), in an order in which neighbours differ in lightness, too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use colorous::Gradient;

use super::Plane;

/// The index of what has no number.
const NOTHING: u8 = 255;

/// How numbers become colours: from `low` to `high`, and what lies outside like the end that is nearer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The largest of the numbers.
    pub(crate) largest: f64,
}

impl Scale {
    pub(crate) const UNIT: Self = Self { low: 0.0, high: 1.0, largest: 1.0 };

    /// From 0 to a round number above all but one in a hundred.
    pub(super) fn of_losses(mut losses: Vec<f64>) -> Self {
        losses.retain(|loss| loss.is_finite());
        losses.sort_unstable_by(f64::total_cmp);
        let Some(&largest) = losses.last().filter(|largest| **largest > 0.0) else {
            return Self::UNIT;
        };
        let most = losses[(losses.len() - 1) * 99 / 100];
        let high = round_up(if most > 0.0 { most } else { largest });
        Self { low: 0.0, high, largest }
    }

    /// Around all numbers.
    pub(super) fn around<'n>(numbers: impl Iterator<Item = &'n f64>) -> Self {
        let ends = numbers.filter(|number| number.is_finite());
        let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &number| {
            (low.min(number), high.max(number))
        });
        if low < high { Self { low, high, largest: high } } else { Self::UNIT }
    }

    fn index(self, number: f64) -> u8 {
        if number.is_nan() {
            return NOTHING;
        }
        let share = (number - self.low) / (self.high - self.low);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share is cut to [0, 1] first"
        )]
        let index = (share.clamp(0.0, 1.0) * f64::from(NOTHING - 1)).round() as u8;
        index
    }
}

/// The next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten.
fn round_up(number: f64) -> f64 {
    let power = 10_f64.powf(number.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= number * (1.0 - 1e-12));
    step.unwrap_or(10.0) * power
}

/// A picture of losses.
pub(super) fn heat(plane: &Plane, scale: Scale) -> String {
    graded(plane, scale, colorous::VIRIDIS)
}

/// A picture of predictions or truths: the larger, the darker.
pub(super) fn grey(plane: &Plane, scale: Scale) -> String {
    graded(plane, scale, colorous::GREYS)
}

/// The colours of a scale of losses, from its low end to its high one, as a share in [0, 1].
pub(crate) fn heat_colour(share: f64) -> [u8; 3] {
    colorous::VIRIDIS.eval_continuous(share).as_array()
}

fn graded(plane: &Plane, scale: Scale, gradient: Gradient) -> String {
    let indices = plane.cells.iter().map(|&number| scale.index(number)).collect();
    let palette = (0..NOTHING)
        .flat_map(|index| gradient.eval_rational(index.into(), NOTHING.into()).as_array());
    data_uri(plane, indices, palette.collect())
}

/// A picture of the numbers of classes.
pub(super) fn classes(plane: &Plane) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "colours repeat after 24 classes"
    )]
    let index =
        |&number: &f64| if number.is_nan() { NOTHING } else { (number as usize % 24) as u8 };
    let indices = plane.cells.iter().map(index).collect();
    data_uri(plane, indices, (0..usize::from(NOTHING)).flat_map(class_colour).collect())
}

/// Eight colours, then their light and their dark relatives.
pub(crate) fn class_colour(class: usize) -> [u8; 3] {
    const COLOURS: [[u8; 3]; 8] = [
        [0, 0, 0],
        [0, 114, 178],
        [230, 159, 0],
        [0, 158, 115],
        [240, 228, 66],
        [86, 180, 233],
        [213, 94, 0],
        [204, 121, 167],
    ];
    let colour = COLOURS[class % 8];
    let mixed = |with: u16| {
        colour.map(|part| u8::try_from(u16::midpoint(u16::from(part), with)).unwrap_or(u8::MAX))
    };
    match class / 8 % 3 {
        0 => colour,
        1 => mixed(255),
        _ => mixed(if class.is_multiple_of(8) { 128 } else { 0 }),
    }
}

/// A PNG of a palette's colours; the last index is transparent. It cannot fail in memory; if it did, the
/// picture would be empty.
fn data_uri(plane: &Plane, indices: Vec<u8>, mut palette: Vec<u8>) -> String {
    palette.extend([0, 0, 0]);
    let mut transparency = vec![u8::MAX; usize::from(NOTHING)];
    transparency.push(0);
    let mut bytes = Vec::new();
    let size = |extent: usize| u32::try_from(extent).unwrap_or(0);
    let mut encoder = png::Encoder::new(&mut bytes, size(plane.width), size(plane.height));
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_trns(transparency);
    encoder.set_compression(png::Compression::Balanced);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&indices)?;
        writer.finish()
    });
    if written.is_err() {
        bytes.clear();
    }
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        for (number, round) in [(0.071, 0.08), (1.0, 1.0), (1.01, 1.5), (0.3, 0.3), (87.0, 100.0)] {
            assert!(
                (round_up(number) - round).abs() < 1e-9 * round,
                "{number}: {}",
                round_up(number)
            );
        }
    }

    #[test]
    fn losses_of_nothing_have_a_scale_that_can_be_read() {
        assert_eq!(Scale::of_losses(vec![0.0, 0.0, f64::NAN]), Scale::UNIT);
        let mut one_in_many = vec![0.0; 999];
        one_in_many.push(0.7);
        assert_eq!(Scale::of_losses(one_in_many).high, 0.8);
    }

    #[test]
    fn numbers_have_the_index_of_their_share() {
        let scale = Scale { low: -1.0, high: 1.0, largest: 1.0 };
        assert_eq!(
            [-2.0, -1.0, 0.0, 1.0, 5.0, f64::NAN].map(|n| scale.index(n)),
            [0, 0, 127, 254, 254, 255]
        );
    }

    #[test]
    fn neighbours_differ_in_lightness() {
        let lightness = |class| {
            let [r, g, b] = class_colour(class).map(f64::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        for class in 0..7 {
            assert!((lightness(class) - lightness(class + 1)).abs() > 25.0);
        }
    }
}
