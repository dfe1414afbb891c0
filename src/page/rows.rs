//! The rows of the tables.

use crate::explain::{Alternative, Report};
use crate::picture::class_colour;

use super::number::Number;

pub(super) struct ClassRow<'r> {
    pub(super) name: &'r str,
    pub(super) colour: String,
    pub(super) drowned: bool,
    pub(super) pixels: Number,
    pub(super) own: Number,
    pub(super) own_where_true: Number,
    pub(super) dice: Number,
    pub(super) iou: Number,
    pub(super) share_of_total: Number,
    pub(super) share_of_gradient: Number,
}

pub(super) struct ImageRow {
    pub(super) image: usize,
    pub(super) own: Number,
    pub(super) share_of_total: Number,
    pub(super) share_of_gradient: Number,
}

pub(super) struct OrderRow {
    pub(super) name: String,
    /// Where the name is another.
    pub(super) loss: Option<String>,
    /// Whether it is the order of the report.
    pub(super) this: bool,
    pub(super) value: Number,
    pub(super) own: Number,
    pub(super) share_of_total: Number,
    pub(super) share_of_gradient: Number,
}

/// `#0072b2`
pub(super) fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

pub(super) fn classes(report: &Report) -> Vec<ClassRow<'_>> {
    let row = report.classes.iter().map(|class| ClassRow {
        name: &class.name,
        colour: hex(class_colour(class.class)),
        drowned: report.drowned.iter().any(|drowned| drowned.class == class.class),
        pixels: Number::percent(class.pixels),
        own: Number::short(class.own),
        own_where_true: Number::short(class.own_where_true),
        dice: Number::score(class.dice),
        iou: Number::score(class.iou),
        share_of_total: Number::percent(class.share_of_total),
        share_of_gradient: Number::percent(class.share_of_gradient),
    });
    row.collect()
}

pub(super) fn images(report: &Report) -> Vec<ImageRow> {
    let row = report.images.iter().map(|image| ImageRow {
        image: image.image,
        own: Number::short(image.own),
        share_of_total: Number::percent(image.share_of_total),
        share_of_gradient: Number::percent(image.share_of_gradient),
    });
    row.collect()
}

/// The order of the report, then those beside it, then those that would show a drowned class; each once.
pub(super) fn orders(report: &Report) -> Vec<OrderRow> {
    let focus = report.classes.get(report.focus);
    let this = Alternative {
        name: "this loss".into(),
        loss: report.loss.clone(),
        value: report.value,
        own: focus.and_then(|class| class.own),
        share_of_total: focus.map_or(0.0, |class| class.share_of_total),
        share_of_gradient: focus.map_or(0.0, |class| class.share_of_gradient),
    };
    let mut rows: Vec<OrderRow> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (place, order) in
        [&this].into_iter().chain(&report.beside).chain(&report.would_show).enumerate()
    {
        if seen.contains(&order.loss.as_str()) {
            // What people call it says more than that it is this one.
            if let Some(row) = rows.first_mut().filter(|row| row.this && order.loss == this.loss) {
                row.name = format!("{} (this loss)", order.name);
            }
            continue;
        }
        seen.push(&order.loss);
        rows.push(OrderRow {
            name: order.name.clone(),
            loss: (order.name != order.loss).then(|| order.loss.clone()),
            this: place == 0,
            value: Number::short(Some(order.value)),
            own: Number::short(order.own),
            share_of_total: Number::percent(order.share_of_total),
            share_of_gradient: Number::percent(order.share_of_gradient),
        });
    }
    rows
}
