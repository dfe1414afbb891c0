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
    /// Where the longest bar ends.
    end: f64,
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
    let end = |numbers: &mut dyn Iterator<Item = f64>| {
        numbers.filter(|n| n.is_finite()).fold(0.0, f64::max)
    };
    let mut own = bars(&|class| class.own_where_true, &short);
    for (bar, class) in own.iter_mut().zip(&report.classes) {
        bar.second = class.own;
    }
    let numbers = report.classes.iter().flat_map(|class| [class.own_where_true, class.own]);
    let own_end = end(&mut numbers.flatten());
    let shares =
        report.classes.iter().flat_map(|class| [class.share_of_total, class.share_of_gradient]);
    let share_end = end(&mut shares.into_iter());
    let even = (report.classes.len() > 1).then(|| 1.0 / report.classes.len() as f64);
    let share = |title, bars| Panel {
        title,
        legend: even
            .map_or_else(String::new, |even| format!("dashed: an even share, {}", percent(even))),
        bars,
        end: share_end.max(even.unwrap_or(0.0)),
        even,
    };
    [
        Panel {
            title: "Own loss",
            legend: "where the class is the truth; thin: over all pixels".into(),
            bars: own,
            end: own_end,
            even: None,
        },
        share("Share of the loss", bars(&|class| Some(class.share_of_total), &percent)),
        share("Share of the gradient", bars(&|class| Some(class.share_of_gradient), &percent)),
    ]
}

/// A panel as an image of its own.
pub(super) fn drawn(panel: &Panel) -> String {
    let numbers: Vec<String> =
        panel.bars.iter().map(|bar| format!("{}: {}", bar.name, bar.shown)).collect();
    Document::new()
        .set("viewBox", (0, 0, WIDTH, panel.height()))
        .set("class", "bars")
        .set("role", "img")
        .add(Title::new(format!("{}. {}.", panel.title, numbers.join(", "))))
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
        let length = |number: f64| {
            let share = if self.end > 0.0 { number / self.end } else { 0.0 };
            if share.is_finite() { WIDTH * share.clamp(0.0, 1.0) } else { 0.0 }
        };
        for (row, bar) in self.bars.iter().enumerate() {
            let top = HEAD + ROW * row as f64;
            let class = if bar.drowned { "bar drowned" } else { "bar" };
            let mut of_class = Group::new()
                .set("class", class)
                .add(text(0.0, top + 13.0, "name", &shortened(&bar.name, bar.drowned)))
                .add(text(WIDTH, top + 13.0, "number", &bar.shown).set("text-anchor", "end"));
            if let Some(number) = bar.number {
                let rectangle =
                    rectangle(top + 18.0, length(number), 12.0).set("data-value", number);
                of_class = of_class.add(rectangle);
            }
            if let Some(second) = bar.second {
                let rectangle = rectangle(top + 32.0, length(second), 4.0);
                of_class = of_class.add(rectangle.set("class", "second").set("data-value", second));
            }
            if let Some(even) = self.even {
                let line = Line::new().set("x1", length(even)).set("x2", length(even));
                of_class = of_class
                    .add(line.set("y1", top + 16.0).set("y2", top + 33.0).set("class", "even"));
            }
            group = group.add(of_class);
        }
        group
    }
}

fn rectangle(top: f64, length: f64, height: f64) -> Rectangle {
    // What is next to nothing is still to be seen.
    Rectangle::new().set("x", 0).set("y", top).set("width", length.max(1.0)).set("height", height)
}

fn text(x: f64, y: f64, class: &str, content: &str) -> Text {
    Text::new(content).set("x", x).set("y", y).set("class", class)
}

fn shortened(name: &str, drowned: bool) -> String {
    let mut name: String = match name.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.into(),
    };
    if drowned {
        name.push_str(" · drowned");
    }
    name
}
