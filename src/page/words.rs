//! The paragraph at the top: what the number is, and what to do if a class is drowned.

use crate::explain::{Report, percent, short};

use super::batch_text;

/// How many classes are named before the others are put together.
const NAMED: usize = 5;

pub(super) struct Lead {
    /// What the number is and which classes it comes from.
    pub(super) summary: String,
    pub(super) drowned: Option<Drowned>,
}

pub(super) struct Drowned {
    /// `The class “ventricles” is drowned`
    pub(super) verdict: String,
    pub(super) why: String,
    pub(super) remedy: Option<Remedy>,
}

/// What to do.
pub(super) struct Remedy {
    pub(super) before: String,
    pub(super) order: String,
    pub(super) after: String,
}

impl Lead {
    pub(super) fn new(report: &Report) -> Self {
        let mut summary =
            vec![format!("The loss of {} is {}.", batch_text(report), short(report.value))];
        summary.extend(sources(report));
        let added = report.of_no_cell();
        summary
            .extend(added.iter().map(|(what, number)| format!("{what} add {}.", short(*number))));
        if report.drowned.is_empty() {
            summary.push(report.none_drowned());
        }
        Self { summary: kept_together(&summary.join(" ")), drowned: Drowned::new(report) }
    }
}

/// `42.1 % of it comes from “grey matter”, … and 1.5 % from “background”.` Nothing where that is plain.
fn sources(report: &Report) -> Option<String> {
    let cells: f64 = report.classes.iter().map(|class| class.contribution).sum();
    if report.classes.len() < 2 || cells == 0.0 || !cells.is_finite() {
        return None;
    }
    let (whole, comes) = match report.of_no_cell()[..] {
        [] => (String::new(), " of it comes"),
        _ => (format!("The cells contribute {}, of which ", short(cells)), " comes"),
    };
    let mut classes: Vec<_> = report.classes.iter().collect();
    classes.sort_by(|a, b| b.share_of_total.total_cmp(&a.share_of_total));
    // One class more takes no more room than to say that there is one more.
    let named = if classes.len() == NAMED + 1 { NAMED + 1 } else { NAMED };
    let rest = classes.split_off(classes.len().min(named));
    let mut parts: Vec<(f64, String)> =
        classes.iter().map(|class| (class.share_of_total, quoted(&class.name))).collect();
    if !rest.is_empty() {
        let share = rest.iter().map(|class| class.share_of_total).sum();
        parts.push((share, format!("the other {} classes", rest.len())));
    }
    let last = parts.len().saturating_sub(1);
    let part = |(place, (share, from)): (usize, &(f64, String))| {
        let before = match place {
            0 => "",
            _ if place == last => " and ",
            _ => ", ",
        };
        let comes = if place == 0 { comes } else { "" };
        format!("{before}{}{comes} from {from}", percent(*share))
    };
    let parts: String = parts.iter().enumerate().map(part).collect();
    Some(format!("{whole}{parts}."))
}

/// A number and its per cent sign on one line.
fn kept_together(text: &str) -> String {
    text.replace(" %", "\u{a0}%")
}

fn quoted(name: &str) -> String {
    format!("“{name}”")
}

impl Drowned {
    fn new(report: &Report) -> Option<Self> {
        let worst = report.drowned.first()?;
        let class = &report.classes[worst.class];
        let others: Vec<String> = report.drowned[1..]
            .iter()
            .map(|drowned| {
                let class = &report.classes[drowned.class];
                format!(
                    "{} ({:.1} times, {} of the loss)",
                    quoted(&class.name),
                    drowned.times,
                    percent(drowned.share_of_total)
                )
            })
            .collect();
        let mut why = format!(
            "where it is the truth its loss is {}, {:.1} times the {} of all classes where they are the truth; but it \
             is {} of the pixels and makes only {} of the loss and {} of the gradient, so a model that never finds it \
             loses little.",
            class.own_where_true.map_or_else(|| "–".into(), short),
            worst.times,
            report.where_true.map_or_else(|| "–".into(), short),
            percent(class.pixels),
            percent(class.share_of_total),
            percent(class.share_of_gradient),
        );
        if !others.is_empty() {
            why = format!("{why} Drowned, too: {}.", others.join(", "));
        }
        let name = quoted(&class.name);
        let best =
            report.would_show.iter().max_by(|a, b| a.share_of_total.total_cmp(&b.share_of_total));
        let remedy = best.filter(|best| best.share_of_total > class.share_of_total).map(|best| Remedy {
            before: format!(
                "To train on {name} or to select models by it, take an order in which the cells of other classes \
                 do not outnumber its own:"
            ),
            order: best.loss.clone(),
            after: kept_together(&format!(
                "gives {name} {} of the loss.",
                percent(best.share_of_total)
            )),
        });
        if remedy.is_none() {
            why.push_str(" None of the orders that usually help gives it more.");
        }
        Some(Self {
            verdict: format!("The class {name} is drowned"),
            why: kept_together(&why),
            remedy,
        })
    }
}
