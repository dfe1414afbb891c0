//! A histogram of the losses of the pixels, on a logarithmic axis.

use svg::Document;
use svg::node::element::path::Data;
use svg::node::element::{Group, Line, Path, Rectangle, Text, Title};

use crate::explain::Report;
use crate::picture::{Bin, PER_DECADE};

use super::number::Number;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 46.0;

pub(super) struct Histogram {
    pub(super) drawn: String,
    /// How many pixels count.
    pub(super) pixels: f64,
    /// The share of them that has no loss.
    pub(super) none: Number,
    /// The share of the loss that the worst hundredth of the pixels makes.
    pub(super) worst: Number,
}

/// Where shares and logarithms lie on the picture.
struct Axes {
    from: f64,
    to: f64,
    most: f64,
}

impl Histogram {
    pub(super) fn new(report: &Report) -> Option<Self> {
        let spread = &report.album.as_ref()?.spread;
        let (total, bins) = (spread.total(), spread.bins());
        let (&(from, _), &(last, _)) = (bins.first()?, bins.last()?);
        let shares = |of: fn(&Bin) -> f64| -> Vec<f64> {
            let all = of(&total);
            let share = |(_, bin): &(f64, Bin)| if all > 0.0 { of(bin) / all } else { 0.0 };
            bins.iter().map(share).collect()
        };
        let series = [
            ("pixels", shares(|bin| bin.pixels)),
            ("loss", shares(|bin| bin.loss)),
            ("focus", shares(|bin| bin.of_focus)),
        ];
        let most = series.iter().flat_map(|(_, shares)| shares).copied().fold(0.0, f64::max);
        let step = [0.01, 0.02, 0.05, 0.1, 0.2]
            .into_iter()
            .find(|step| 5.0 * step >= most)
            .unwrap_or(0.25);
        let width = 1.0 / f64::from(PER_DECADE);
        let axes = Axes { from, to: last + width, most: (most / step).ceil() * step };

        let mut drawing = Document::new()
            .set("viewBox", (0, 0, WIDTH, HEIGHT))
            .set("class", "histogram")
            .set("role", "img")
            .add(Title::new(
                "Shares of the pixels, of the loss that they make, and of the pixels of one class, by the loss of \
                 the pixel, on a logarithmic axis.",
            ))
            .add(axes.grid(step));
        for (name, shares) in &series {
            let places = shares
                .iter()
                .enumerate()
                .map(|(place, share)| (from + width * place as f64, *share));
            drawing = match *name {
                "pixels" => drawing.add(axes.columns(places, width)),
                name => drawing.add(axes.outline(places, width).set("class", name)),
            };
        }
        let none = spread.none.pixels / total.pixels.max(1.0);
        Some(Self {
            drawn: drawing.to_string(),
            pixels: total.pixels,
            none: Number::percent(none),
            worst: Number::percent(spread.of_worst_hundredth()),
        })
    }
}

impl Axes {
    fn x(&self, logarithm: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (logarithm - self.from) / (self.to - self.from)
    }

    fn y(&self, share: f64) -> f64 {
        HEIGHT
            - BOTTOM
            - (HEIGHT - TOP - BOTTOM) * if self.most > 0.0 { share / self.most } else { 0.0 }
    }

    /// Lines at shares and powers of ten, and what they are.
    fn grid(&self, step: f64) -> Group {
        let text = |x: f64, y: f64, content: String| Text::new(content).set("x", x).set("y", y);
        let mut grid = Group::new().set("class", "axes");
        let mut share = 0.0;
        while share <= self.most + step / 2.0 {
            let y = self.y(share);
            let line =
                Line::new().set("x1", LEFT).set("x2", WIDTH - RIGHT).set("y1", y).set("y2", y);
            let label = format!("{:.0} %", 100.0 * share);
            grid = grid.add(line).add(text(LEFT - 6.0, y + 4.0, label).set("text-anchor", "end"));
            share += step;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are bins from 10^-12 to 10^12")]
        let (first, last) = (self.from.ceil() as i32, self.to.floor() as i32);
        // As many labels as have room, and more than one.
        let every = 1 + (last - first) / 8;
        let digits: &[u8] = if last - first < 2 { &[1, 2, 5] } else { &[1] };
        for power in (first - 1..=last).filter(|power| power.rem_euclid(every) == 0) {
            for &digit in digits {
                let at = f64::from(power) + f64::from(digit).log10();
                if at < self.from || at > self.to {
                    continue;
                }
                let (x, bottom) = (self.x(at), HEIGHT - BOTTOM);
                let line =
                    Line::new().set("x1", x).set("x2", x).set("y1", bottom).set("y2", bottom + 5.0);
                let label = text(x, bottom + 20.0, power_of_ten(digit, power));
                grid = grid.add(line).add(label.set("text-anchor", "middle"));
            }
        }
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        grid.add(text(middle, HEIGHT - 6.0, "loss of a pixel".into()).set("text-anchor", "middle"))
            .add(text(LEFT, HEIGHT - 6.0, "← or less".into()))
    }

    fn columns(&self, shares: impl Iterator<Item = (f64, f64)>, width: f64) -> Group {
        shares.fold(Group::new().set("class", "pixels"), |group, (at, share)| {
            let (left, top) = (self.x(at), self.y(share));
            let column = Rectangle::new()
                .set("x", left + 0.5)
                .set("y", top)
                .set("width", (self.x(at + width) - left - 1.0).max(0.5))
                .set("height", HEIGHT - BOTTOM - top)
                .set("data-value", share);
            group.add(column)
        })
    }

    fn outline(&self, shares: impl Iterator<Item = (f64, f64)>, width: f64) -> Path {
        let start = Data::new().move_to((self.x(self.from), self.y(0.0)));
        let steps = shares.fold(start, |data, (at, share)| {
            data.vertical_line_to(self.y(share)).horizontal_line_to(self.x(at + width))
        });
        Path::new().set("d", steps.vertical_line_to(self.y(0.0)))
    }
}

/// `10⁻³`, `2·10⁻³`; what has no power, or the first, as it is.
fn power_of_ten(digit: u8, power: i32) -> String {
    match power {
        0 => digit.to_string(),
        1 => format!("{digit}0"),
        _ => {
            let raised = |sign: char| match sign {
                '-' => '⁻',
                '1' => '¹',
                '2' => '²',
                '3' => '³',
                '4' => '⁴',
                '5' => '⁵',
                '6' => '⁶',
                '7' => '⁷',
                '8' => '⁸',
                '9' => '⁹',
                _ => '⁰',
            };
            let times = if digit == 1 { String::new() } else { format!("{digit}·") };
            format!("{times}10{}", power.to_string().chars().map(raised).collect::<String>())
        }
    }
}
