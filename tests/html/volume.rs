//! Volumes, strips and batches without a picture.

use lossfold::{Batch, Explain, Layout, Loss};
use ndarray::{Array2, Array3, Array5};

use crate::seen::picture;

/// Two volumes of 7 slices; the loss is largest in slice 4 of the second.
pub fn page() -> String {
    let prediction =
        Array5::from_shape_fn((2, 7, 6, 9, 2), |(image, slice, row, column, class)| {
            let sure = if (image, slice) == (1, 4) { 0.2 } else { 0.9 };
            let right = usize::from(row * 9 + column > 20 + slice) == class;
            if right { sure } else { 1.0 - sure }
        });
    let target = Array5::from_shape_fn((2, 7, 6, 9, 2), |(_, slice, row, column, class)| {
        u8::from(usize::from(row * 9 + column > 20 + slice) == class)
    });
    let batch = Batch::new(Layout::NDHWC, &prediction, &target).unwrap();
    let loss: Loss = "bce(probability) > mean(all)".parse().unwrap();
    Explain::new(&loss).pictures(2).on(&batch).unwrap().to_html()
}

#[test]
fn the_slice_with_the_largest_loss_is_shown_first() {
    let page = page();
    let (_, first) = page.split_once("data-image=\"1\"").unwrap();
    let shown: Vec<&str> = first
        .split("<div class=\"sheet\" data-slice=\"")
        .skip(1)
        .take(7)
        .filter(|sheet| !sheet.split('>').next().unwrap().contains("hidden"))
        .map(|sheet| sheet.split('"').next().unwrap())
        .collect();
    assert_eq!(shown, ["4"]);
    assert!(page.contains("type=\"range\" min=\"0\" max=\"6\" value=\"4\""));
    let heat = picture(&page, "Image 1, slice 4, all classes: loss");
    assert_eq!((heat.width, heat.height), (9, 6));
    assert!(heat.index(0, 0) > picture(&page, "Image 1, slice 3, all classes: loss").index(0, 0));
    // Single classes are of the worst slice, wherever the slider is.
    let (_, class) = page.split_once("alt=\"Image 1, slice 4, 0: truth\"").unwrap();
    let caption = class.split("<figcaption>").nth(1).unwrap();
    assert!(caption.starts_with("truth, slice 4<"));
}

#[test]
fn strips_and_single_numbers_have_pages() {
    let loss: Loss = "bce(probability) > mean(all)".parse().unwrap();
    let strip = Array3::from_elem((2, 50, 1), 0.25);
    let layout: Layout = "image pixel class".parse().unwrap();
    let batch = Batch::new(layout, &strip, &strip).unwrap();
    let page = Explain::new(&loss).pictures(1).on(&batch).unwrap().to_html();
    assert_eq!(picture(&page, "Image 0, 0: prediction").width, 50);

    let numbers = Array2::from_elem((2, 3), 0.25);
    let batch = Batch::new(Layout::NC, &numbers, &numbers).unwrap();
    let page = Explain::new(&loss).pictures(1).on(&batch).unwrap().to_html();
    assert!(page.contains("2 images and 3 classes") && !page.contains("data:image"));
}

#[test]
fn whole_batch_losses_have_pictures() {
    // A maximum over images before pixels needs all cells at once.
    let prediction =
        Array5::from_shape_fn(
            (2, 1, 4, 4, 2),
            |(image, _, row, _, _)| {
                if (image, row) == (1, 2) { 0.9 } else { 0.1 }
            },
        );
    let target = Array5::<u8>::zeros((2, 1, 4, 4, 2));
    let batch = Batch::new(Layout::NDHWC, &prediction, &target).unwrap();
    let loss: Loss = "bce(probability) > mean(class) > max(image) > mean(pixel)".parse().unwrap();
    let page = Explain::new(&loss).pictures(1).on(&batch).unwrap().to_html();
    let heat = picture(&page, "Image 1, all classes: loss");
    assert!(heat.index(2, 0) > heat.index(1, 0));
}
