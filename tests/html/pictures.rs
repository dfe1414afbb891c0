//! The pictures show what the loss is made of; without a browser.

use lossfold::{Batch, Labels, Layout, Loss};
use ndarray::{Array3, Array4, s};

use crate::fixture::{BRAIN, loss};
use crate::seen::{Picture, picture};

/// Brain slices and the page are small.
const LARGEST_PAGE: usize = 2_000_000;

/// The order of the reds, greens and blues of a scale from 0 to its high end.
fn share(picture: &Picture, row: usize, column: usize) -> f64 {
    f64::from(picture.index(row, column)) / 254.0
}

fn scale_end(page: &str) -> f64 {
    let (_, legend) = page.split_once("<span>loss of a pixel</span>").unwrap();
    let (_, ends) = legend.split_once("class=\"ends\"").unwrap();
    let ends = ends.split("</span></span>").next().unwrap();
    let high = ends.rsplit("<span>").next().unwrap();
    high.trim_start_matches("≥ ").parse().unwrap()
}

/// The loss of each pixel, as the reference computes it.
fn of_pixels(image: usize) -> Vec<f64> {
    let kept: Loss = "bce(sigmoid) > mean(class)".parse().unwrap();
    let kept = kept.values(&BRAIN.batch().images(image..image + 1).unwrap()).unwrap();
    kept.values.iter().map(|&loss| f64::from(loss)).collect()
}

/// The largest distance between a picture and the losses, as a share of the scale.
fn distance(picture: &Picture, losses: &[f64], end: f64) -> f64 {
    assert_eq!((picture.width, picture.height, losses.len()), (80, 96, 96 * 80));
    let apart = losses.iter().enumerate().map(|(place, loss)| {
        (share(picture, place / 80, place % 80) - (loss / end).clamp(0.0, 1.0)).abs()
    });
    apart.fold(0.0, f64::max)
}

#[test]
fn the_heat_map_is_the_loss_of_each_pixel() {
    let end = scale_end(&BRAIN.page);
    let worst = BRAIN.report.images.iter().max_by(|a, b| a.contribution.total_cmp(&b.contribution));
    let worst = worst.unwrap().image;
    let heat = picture(&BRAIN.page, &format!("Image {worst}, all classes: loss"));
    let rounding = 0.5 / 254.0 + 1e-6;
    assert!(distance(&heat, &of_pixels(worst), end) <= rounding);
    // The losses of another image are not what it shows.
    assert!(distance(&heat, &of_pixels((worst + 1) % 16), end) > 0.5);
}

#[test]
fn the_truth_is_the_labels_and_the_prediction_the_largest_logit() {
    let worst = BRAIN.report.images.iter().max_by(|a, b| a.contribution.total_cmp(&b.contribution));
    let worst = worst.unwrap().image;
    let truth = picture(&BRAIN.page, &format!("Image {worst}, all classes: truth"));
    let prediction = picture(&BRAIN.page, &format!("Image {worst}, all classes: prediction"));
    for row in 0..96 {
        for column in 0..80 {
            assert_eq!(truth.index(row, column), BRAIN.labels[[worst, row, column]]);
            let logits = BRAIN.logits.slice(s![worst, row, column, ..]);
            let largest = (0..5_u8)
                .max_by(|&a, &b| logits[usize::from(a)].total_cmp(&logits[usize::from(b)]));
            assert_eq!(Some(prediction.index(row, column)), largest);
        }
    }
    let ventricles = picture(&BRAIN.page, &format!("Image {worst}, ventricles: truth"));
    assert_eq!(ventricles.index(48, 40) == 254, BRAIN.labels[[worst, 48, 40]] == 4);
}

#[test]
fn an_ignored_pixel_is_transparent() {
    let mut labels = BRAIN.labels.clone();
    labels[[6, 3, 5]] = 255;
    let batch = Batch::new(Layout::NHWC, &BRAIN.logits, Labels::new(&labels).ignore(255)).unwrap();
    let loss = loss();
    let page = lossfold::Explain::new(&loss).pictures(16).on(&batch).unwrap().to_html();
    for kind in ["all classes: loss", "all classes: truth", "0: prediction"] {
        let picture = picture(&page, &format!("Image 6, {kind}"));
        assert!(picture.is_transparent(3, 5) && !picture.is_transparent(3, 6), "{kind}");
    }
}

#[test]
fn the_brain_page_is_small_and_a_noisy_batch_fits() {
    assert!(BRAIN.page.len() < LARGEST_PAGE, "{} bytes", BRAIN.page.len());
    // Noise does not compress; 19 classes and as many images as anybody looks at are the hard case.
    let mut state = 1_u64;
    let prediction = Array4::from_shape_simple_fn((6, 128, 128, 19), || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f32::from(u16::try_from(state >> 48).unwrap()) / 65_536.0
    });
    let labels =
        Array3::from_shape_fn((6, 128, 128), |(image, row, column)| (image + row * column) % 19);
    let batch = Batch::new(Layout::NHWC, &prediction, Labels::new(&labels)).unwrap();
    let loss: Loss = "bce(probability) > mean(all)".parse().unwrap();
    let page = lossfold::Explain::new(&loss).pictures(6).on(&batch).unwrap().to_html();
    assert!(page.len() > 3_000_000 && page.len() < 10_000_000, "{} bytes", page.len());
}
