//! The report as text for a terminal.

use std::fmt;

use super::{Report, StepReport};
use crate::axis::Axis;
#[cfg(feature = "html")]
use crate::axis::Extents;
use crate::notation::Number;

/// A table whose columns are as wide as their widest cell; the first `words` of them are aligned
/// left, numbers right.
pub(crate) struct Table {
    words: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(words: usize, header: &[&str]) -> Self {
        Self { words, rows: vec![header.iter().map(ToString::to_string).collect()] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows[0].len();
        let width = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::from("  ");
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let gap = " ".repeat(width - cell.chars().count());
                let parts = if column < self.words { [cell, &gap] } else { [&gap, cell] };
                line.push_str(if column == 0 { "" } else { "   " });
                line.extend(parts.map(String::as_str));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number with four significant digits; a whole one as it is.
pub(crate) fn short(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return Number(number).to_string();
    }
    let size = number.abs();
    if (1e-4..1e5).contains(&size) {
        #[expect(clippy::cast_possible_truncation, reason = "between -4 and 5")]
        let digits = (3 - size.log10().floor() as i32).max(0);
        format!("{number:.*}", digits.unsigned_abs() as usize)
    } else {
        format!("{number:.3e}")
    }
}

fn optional(number: Option<f64>) -> String {
    number.map_or_else(|| "–".into(), short)
}

fn ratio(number: Option<f64>) -> String {
    number.map_or_else(|| "–".into(), |number| format!("{number:.3}"))
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A share as a bar of ten places, and in per cent.
pub(crate) fn bar(share: f64) -> String {
    let eighths = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is cut to [0, 1] first"
    )]
    let filled = (80.0 * share.clamp(0.0, 1.0)).round() as usize;
    let mut bar = "█".repeat(filled / 8);
    if !filled.is_multiple_of(8) {
        bar.push(eighths[filled % 8]);
    }
    format!("{bar:<10} {:>7}", percent(share))
}

impl Report {
    /// What a step leaves: `pixel 96·80 × image 16`.
    pub(crate) fn leaves(&self, step: &StepReport) -> String {
        self.shape(&step.leaves)
    }

    /// The shape of the prediction.
    #[cfg(feature = "html")]
    pub(crate) fn tensor(&self) -> String {
        let Extents { class, pixel, image } = self.extents;
        self.shape(&[(Axis::Class, class), (Axis::Pixel, pixel), (Axis::Image, image)])
    }

    fn shape(&self, axes: &[(Axis, usize)]) -> String {
        if axes.is_empty() {
            return "one number".into();
        }
        let axis = |&(axis, extent): &(Axis, usize)| match axis {
            Axis::Pixel if self.spatial.len() > 1 => {
                let extents: Vec<String> = self.spatial.iter().map(ToString::to_string).collect();
                format!("pixel {}", extents.join("·"))
            }
            _ => format!("{axis} {extent}"),
        };
        axes.iter().map(axis).collect::<Vec<_>>().join(" × ")
    }

    /// What is added to the contributions of the cells, beyond rounding.
    pub(crate) fn of_no_cell(&self) -> Vec<(&'static str, f64)> {
        let mut added = vec![
            ("Constants of the sum", self.constant),
            ("Smoothing, floors, policies and maps", self.remainder),
        ];
        added.retain(|(_, number)| number.abs() > 1e-12 * self.value.abs());
        added
    }

    fn steps_table(&self) -> Table {
        let mut table = Table::new(2, &["step", "leaves", "divides by"]);
        for step in &self.steps {
            let divisor = step.divisor.map_or_else(String::new, |(least, most)| {
                if least == most {
                    short(least)
                } else {
                    format!("{} … {}", short(least), short(most))
                }
            });
            let indent = "  ".repeat(step.depth);
            table.row(vec![format!("{indent}{}", step.step), self.leaves(step), divisor]);
        }
        table
    }

    fn classes_table(&self) -> Table {
        let mut table = Table::new(
            1,
            &[
                "class",
                "pixels",
                "own loss",
                "where true",
                "Dice",
                "IoU",
                "share of the loss",
                "share of the gradient",
            ],
        );
        for class in &self.classes {
            table.row(vec![
                class.name.clone(),
                percent(class.pixels),
                optional(class.own),
                optional(class.own_where_true),
                ratio(class.dice),
                ratio(class.iou),
                bar(class.share_of_total),
                bar(class.share_of_gradient),
            ]);
        }
        table
    }

    fn images_table(&self) -> Table {
        let mut table =
            Table::new(1, &["image", "own loss", "share of the loss", "share of the gradient"]);
        for image in &self.images {
            table.row(vec![
                image.image.to_string(),
                optional(image.own),
                bar(image.share_of_total),
                bar(image.share_of_gradient),
            ]);
        }
        table
    }

    /// Why no class is drowned, or why that cannot be said.
    pub(crate) fn none_drowned(&self) -> String {
        if let [one] = &self.classes[..] {
            return format!(
                "There is one class, “{}”, the truth in {} of the pixels; where it is, the loss is {}.",
                one.name,
                percent(one.pixels),
                optional(one.own_where_true)
            );
        }
        let since = match self.where_true {
            _ if self.adds_pixels_up() => {
                "pixels are added up, so that a class has more loss the more pixels it has; a mean would tell"
            }
            Some(all) if all > 0.0 => {
                return "No class is drowned: none has, where it is the truth, at least twice the loss of all \
                        classes and yet less than an even share of the total."
                    .into();
            }
            Some(all) if all <= 0.0 => "the loss where the classes are the truth is not above 0",
            _ => "the loss where the classes are the truth has no value",
        };
        format!("Whether a class is drowned cannot be said, since {since}.")
    }

    /// Whether pixels are added up and nothing divides by them.
    fn adds_pixels_up(&self) -> bool {
        let of_pixels =
            |step: &StepReport| step.leaves.iter().any(|(axis, _)| *axis == Axis::Pixel);
        let adds_up = |step: &StepReport| {
            let mut before = step.takes.iter().map(|&place| &self.steps[place]);
            step.step.starts_with("sum(") && !of_pixels(step) && before.any(of_pixels)
        };
        self.steps.iter().any(adds_up) && self.steps.iter().all(|step| step.step != "… / …")
    }

    fn drowned_text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(worst) = self.drowned.first() else {
            return writeln!(f, "{}", self.none_drowned());
        };
        for drowned in &self.drowned {
            let class = &self.classes[drowned.class];
            writeln!(
                f,
                "Drowned: {}. Where it is the truth its loss is {}, {:.1} times the {} of all classes\n\
                 where they are the truth; it is {} of the pixels and makes {} of the loss.",
                class.name,
                optional(class.own_where_true),
                drowned.times,
                optional(self.where_true),
                percent(class.pixels),
                percent(drowned.share_of_total),
            )?;
        }
        let name = &self.classes[worst.class].name;
        writeln!(f, "\nOrders that would show it")?;
        let mut table = Table::new(1, &["loss", "value", &format!("share of {name}")]);
        for order in &self.would_show {
            table.row(vec![order.loss.clone(), short(order.value), percent(order.share_of_total)]);
        }
        write!(f, "{table}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n  = {}", self.loss, self.value)?;
        writeln!(f, "\nHow the number is made\n{}", self.steps_table())?;
        writeln!(f, "Which class it comes from\n{}", self.classes_table())?;
        writeln!(f, "Which image it comes from\n{}", self.images_table())?;
        for (what, number) in self.of_no_cell() {
            writeln!(f, "{what} add {}.", short(number))?;
        }
        self.drowned_text(f)
    }
}
