//! The answer to the original question, on the bundled brain batch.

use std::error::Error;
use std::fmt::Write;

use lossfold::{Explain, Report};

/// What the classes of the brain batch are.
pub const TISSUES: [&str; 5] = ["background", "grey matter", "white matter", "fluid", "ventricles"];
const RARE: usize = 4;

/// Ten orders for the same prediction, by the name under which people know them.
const ORDERS: [(&str, &str); 10] = [
    ("Keras default", "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)"),
    ("sum per image (torch sum / N)", "bce(sigmoid) > sum(class, pixel) > mean(image)"),
    ("worst class of each pixel", "bce(sigmoid) > max(class) > mean(pixel) > mean(image)"),
    (
        "hardest tenth of the pixels",
        "bce(sigmoid) > mean(class) > top(pixel; fraction=0.1) > mean(image)",
    ),
    ("each true class alike", "bce(sigmoid) > weigh(positives) > mean(pixel, image) > mean(class)"),
    ("inverse-volume weights", "bce(sigmoid) > weigh(volume(pixel, image)=-1) > mean(all)"),
    ("worst image", "bce(sigmoid) > mean(class, pixel) > max(image)"),
    (
        "Dice per class and image",
        "overlap(sigmoid) > dice(pixel; smooth=1) > mean(class) > mean(image)",
    ),
    ("batch Dice per class", "overlap(sigmoid) > dice(pixel, image; smooth=1) > mean(class)"),
    ("Dice over everything", "overlap(sigmoid) > dice(all; smooth=1)"),
];

/// Asks for the ten orders, too.
pub fn beside(asked: Explain<'_>) -> Result<Explain<'_>, Box<dyn Error>> {
    ORDERS.iter().try_fold(asked, |asked, (name, order)| Ok(asked.beside(*name, &order.parse()?)))
}

/// What Keras computes, how other orders value the same prediction, and where the loss of the rare
/// class went.
pub fn answer(report: &Report) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    writeln!(text, "What Keras computes on 16 brain slices with 5 classes, and in which order\n")?;
    writeln!(text, "{report}")?;
    writeln!(text, "Ten orders for the same prediction\n")?;
    writeln!(
        text,
        "  {:<30} {:>11}   {:>11}   {:>13}   {:>11}",
        "",
        "value",
        format!("{}:", report.classes[report.focus].name),
        "share of loss",
        "of gradient"
    )?;
    for order in &report.beside {
        writeln!(
            text,
            "  {:<30} {:>11.6}   {:>11}   {:>11.1} %   {:>9.1} %\n    {}",
            order.name,
            order.value,
            order.own.map_or_else(|| "–".into(), |own| format!("{own:.4}")),
            100.0 * order.share_of_total,
            100.0 * order.share_of_gradient,
            order.loss,
        )?;
    }
    writeln!(text, "\n{}", where_it_went(report))?;
    Ok(text)
}

fn where_it_went(report: &Report) -> String {
    let rare = &report.classes[RARE];
    let grey = &report.classes[1];
    let number = |number: Option<f64>| number.unwrap_or(f64::NAN);
    format!(
        "Where the loss of the ventricles went\n\n\
         \x20 The classes are averaged first, inside each pixel: every step is a mean, so all {} numbers\n\
         \x20 count the same. Ventricles are {:.1} % of the pixels. Where they are the truth their loss is\n\
         \x20 {:.2}, but in the other {:.1} % their channel is easy, so the mean over the channel is {:.3}:\n\
         \x20 it looks better than grey matter's {:.3}, while its IoU is {:.3} against {:.3}. A fifth of\n\
         \x20 {:.3} is what reaches the total of {:.4}: {:.1} % of the loss, {:.1} % of the gradient.\n\
         \x20 An order that takes the mean over true pixels, or a ratio, per class before the classes are\n\
         \x20 put together keeps it: see `each true class alike` and the Dice orders above.",
        report.extents.class * report.extents.pixel * report.extents.image,
        100.0 * rare.pixels,
        number(rare.own_where_true),
        100.0 * (1.0 - rare.pixels),
        number(rare.own),
        number(grey.own),
        number(rare.iou),
        number(grey.iou),
        number(rare.own),
        report.value,
        100.0 * rare.share_of_total,
        100.0 * rare.share_of_gradient,
    )
}
