//! What the runs came to: a table that is Markdown, too.

use std::fmt::Write;

use crate::data::{CLASSES, TISSUES};
use crate::orders::Order;
use crate::train::Outcome;

/// One row per order: median and range over the seeds, and the last class against the first order, seed by
/// seed.
pub fn table(orders: &[Order], outcomes: &[Vec<Outcome>]) -> String {
    let rare = CLASSES - 1;
    let mut head = vec!["order".to_owned(), "held-out loss".to_owned()];
    head.extend(TISSUES.map(|tissue| format!("IoU {tissue}")));
    if orders.len() > 1 {
        head.push(format!("{} against the first row, by seed", TISSUES[rare]));
    }
    let rows = orders.iter().zip(outcomes).map(|(order, of_seeds)| {
        let mut row = vec![order.name.clone()];
        row.push(spread(of_seeds.iter().map(|outcome| outcome.loss.into()), 3));
        for class in 0..CLASSES {
            row.push(spread(of_seeds.iter().map(|outcome| outcome.iou[class]), 2));
        }
        let against = of_seeds.iter().zip(&outcomes[0]);
        let differences =
            against.map(|(this, first)| format!("{:+.2}", this.iou[rare] - first.iou[rare]));
        if orders.len() > 1 {
            row.push(differences.collect::<Vec<_>>().join(", "));
        }
        row
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    aligned(&rows)
}

/// What one run came to.
pub fn line(outcome: &Outcome) -> String {
    let scores: Vec<_> =
        TISSUES.iter().zip(outcome.iou).map(|(tissue, iou)| format!("{tissue} {iou:.3}")).collect();
    format!("held-out loss {:.4}, IoU {}", outcome.loss, scores.join(", "))
}

/// The median, and the range where there is one.
fn spread(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let Some((least, most)) = values.first().zip(values.last()) else { return String::new() };
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    };
    if values.len() == 1 {
        format!("{median:.digits$}")
    } else {
        format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (place, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell:<width$} ");
        }
        text.push_str("|\n");
        if place == 0 {
            text.extend(widths.iter().map(|width| format!("|{}", "-".repeat(width + 2))));
            text.push_str("|\n");
        }
    }
    text
}
