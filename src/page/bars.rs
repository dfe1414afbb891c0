//! A bar per class: its own loss, beside its share of the total and of the gradient.

use svg::Document;
use svg::node::element::{Group, Line, Rectangle, Text, Title};

use crate::explain::{ClassReport, Report, percent, short};

/// A panel's width, and what a row of it takes.
pub(super) const WIDTH: f64 = 340.0;
const ROW: f64 = 44.0;
const HEAD: f64 = 44.0;

/// How many letters of a name have room beside a number.
const LETTERS: usize = 26;

/// The same number of every class.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// What the bars are, and the thin ones below them.
    pub(super) legend: String,
    bars: Vec<Bar>,
    /// The smallest and the largest number, or 0.
    ends: (f64, f64),
    /// A share that is marked across all bars.
    even: Option<f64>,
}

struct Bar {
    name: String,
    drowned: bool,
    number: Option<f64>,
    shown: String,
    /// A second number, for a thin bar.
    second: Option<f64>,
}

/// Own loss, share of the loss, share of the gradient.
pub(super) fn panels(report: &Report) -> [Panel; 3] {
    let bars = |number: &dyn Fn(&ClassReport) -> Option<f64>, shown: &dyn Fn(f64) -> String| {
        let bar = |class: &ClassReport| {
            let number = number(class);
            Bar {
                name: class.name.clone(),
                drowned: report.drowned.iter().any(|drowned| drowned.class == class.class),
                number,
                shown: number.map_or_else(|| "–".into(), shown),
                second: None,
            }
        };
        report.classes.iter().map(bar).collect::<Vec<_>>()
    };
    let ends = |numbers: &mut dyn Iterator<Item = f64>| {
        let finite = numbers.filter(|number| number.is_finite());
        finite.fold((0.0_f64, 0.0_f64), |(low, high), number| (low.min(number), high.max(number)))
    };
    let mut own = bars(&|class| class.own_where_true, &short);
    for (bar, class) in own.iter_mut().zip(&report.classes) {
        bar.second = class.own;
    }
    let numbers = report.classes.iter().flat_map(|class| [class.own_where_true, class.own]);
    let own_ends = ends(&mut numbers.flatten());
    let shares =
        report.classes.iter().flat_map(|class| [class.share_of_total, class.share_of_gradient]);
    let even = (report.classes.len() > 1).then(|| 1.0 / report.classes.len() as f64);
    let share_ends = ends(&mut shares.chain(even));
    let share = |title, bars| Panel {
        title,
        legend: even.map_or_else(
            || "of all".into(),
            |even| format!("dashed: an even share, {}", percent(even)),
        ),
        bars,
        ends: share_ends,
        even,
    };
    [
        Panel {
            title: "Own loss",
            legend: "where the class is the truth; thin: over all pixels".into(),
            bars: own,
            ends: own_ends,
            even: None,
        },
        share("Share of the loss", bars(&|class| Some(class.share_of_total), &percent)),
        share("Share of the gradient", bars(&|class| Some(class.share_of_gradient), &percent)),
    ]
}

/// A panel as an image of its own.
pub(super) fn drawn(panel: &Panel) -> String {
    let numbers: Vec<String> = panel
        .bars
        .iter()
        .map(|bar| format!("{}: {}", called(&bar.name, bar.drowned), bar.shown))
        .collect();
    Document::new()
        .set("viewBox", (0, 0, WIDTH, panel.height()))
        .set("class", "bars")
        .set("role", "img")
        .add(Title::new(format!("{} ({}). {}.", panel.title, panel.legend, numbers.join(", "))))
        .add(panel.group())
        .to_string()
}

impl Panel {
    pub(super) fn height(&self) -> f64 {
        HEAD + ROW * self.bars.len() as f64
    }

    pub(super) fn group(&self) -> Group {
        let mut group = Group::new().add(text(0.0, 14.0, "title", self.title)).add(text(
            0.0,
            31.0,
            "legend",
            &self.legend,
        ));
        let (low, high) = self.ends;
        let x = |number: f64| {
            let share = (number.clamp(low, high) - low) / (high - low);
            if share.is_finite() { WIDTH * share } else { 0.0 }
        };
        let zero = x(0.0);
        let rectangle = |number: f64, top: f64, height: f64| {
            // What is next to nothing is still to be seen.
            let (left, length) = (x(number).min(zero), (x(number) - zero).abs().max(1.0));
            let bar = Rectangle::new().set("x", left.min(WIDTH - 1.0)).set("width", length);
            bar.set("y", top).set("height", height).set("data-value", number)
        };
        let across = |at: f64, top: f64, class: &str| {
            let line = Line::new().set("x1", at).set("x2", at).set("class", class);
            line.set("y1", top + 16.0).set("y2", top + 37.0)
        };
        for (row, bar) in self.bars.iter().enumerate() {
            let top = HEAD + ROW * row as f64;
            let class = if bar.drowned { "bar drowned" } else { "bar" };
            let mut of_class = Group::new()
                .set("class", class)
                .add(text(0.0, top + 13.0, "name", &called(&shortened(&bar.name), bar.drowned)))
                .add(text(WIDTH, top + 13.0, "number", &bar.shown).set("text-anchor", "end"));
            if let Some(number) = bar.number {
                of_class = of_class.add(rectangle(number, top + 18.0, 12.0));
            }
            if let Some(second) = bar.second {
                of_class = of_class.add(rectangle(second, top + 32.0, 4.0).set("class", "second"));
            }
            if let Some(even) = self.even {
                of_class = of_class.add(across(x(even), top, "even"));
            }
            if low < 0.0 {
                of_class = of_class.add(across(zero, top, "zero"));
            }
            group = group.add(of_class);
        }
        group
    }
}

fn text(x: f64, y: f64, class: &str, content: &str) -> Text {
    Text::new(content).set("x", x).set("y", y).set("class", class)
}

fn called(name: &str, drowned: bool) -> String {
    format!("{name}{}", if drowned { " · drowned" } else { "" })
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.into(),
    }
}
