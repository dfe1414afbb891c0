//! The page in Chromium, headless: numbers, sorting, the slider, requests, errors.

use std::fs;
use std::process::Command;

use lossfold::Report;
use serde_json::Value;

use crate::fixture::BRAIN;

/// Takes down errors from the start, and everything else once the page is there.
const EARS: &str = include_str!("ears.js");
const LOOK: &str = include_str!("look.js");

/// What a page turns out to be in a browser.
struct Visit {
    seen: Value,
    /// What Chromium wrote about the console.
    console: Vec<String>,
}

/// Opens a page in a wide window.
fn visit(name: &str, page: &str) -> Visit {
    open(name, &watched(page))
}

/// Opens a page that is 400 pixels wide. A window cannot be, so it stands in a frame.
fn visit_narrow(name: &str, page: &str) -> Visit {
    let page = watched(page).replace('&', "&amp;").replace('"', "&quot;");
    let frame =
        format!("<iframe style=\"width:400px;height:2000px;border:0\" srcdoc=\"{page}\"></iframe>");
    open(name, &format!("<!doctype html><html><body>{frame}</body></html>"))
}

fn watched(page: &str) -> String {
    let page = page.replacen("<head>", &format!("<head><script>{EARS}</script>"), 1);
    page.replacen("</body>", &format!("<script>{LOOK}</script></body>"), 1)
}

fn open(name: &str, page: &str) -> Visit {
    let directory = std::env::temp_dir().join(format!("lossfold-{}-{name}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join("report.html");
    fs::write(&file, page).unwrap();
    let program = std::env::var("LOSSFOLD_CHROMIUM").unwrap_or_else(|_| "chromium".into());
    let output = Command::new(&program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"])
        .args(["--disable-background-networking", "--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", directory.join("profile").display()))
        .arg("--window-size=1200,2000")
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    fs::remove_dir_all(&directory).unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, rest) = page.split_once("<pre id=\"seen\">").unwrap_or_else(|| panic!("{errors}"));
    let seen = rest.split("</pre>").next().unwrap();
    let seen = seen.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let console = errors.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned);
    Visit { seen: serde_json::from_str(&seen).unwrap(), console: console.collect() }
}

impl Visit {
    fn list(&self, what: &str) -> Vec<String> {
        let list = self.seen[what].as_array().unwrap_or_else(|| panic!("no {what}"));
        list.iter().map(|entry| entry.as_str().unwrap().to_owned()).collect()
    }

    /// Errors, requests for anything outside, and what the security policy had to stop.
    fn trouble(&self) -> Vec<String> {
        let mut trouble = self.console.clone();
        trouble.extend(
            ["errors", "requests", "stopped", "broken"].iter().flat_map(|what| self.list(what)),
        );
        trouble
    }

    /// The cells of a table as they are shown, row by row.
    fn table(&self, name: &str) -> Vec<Vec<String>> {
        let rows = self.seen["tables"][name].as_array().unwrap();
        let cells = |row: &Value| {
            row.as_array().unwrap().iter().map(|cell| cell.as_str().unwrap().to_owned()).collect()
        };
        rows.iter().map(cells).collect()
    }

    /// What stands first in each row after the columns were sorted in turn, upwards and downwards.
    fn sorted(&self, column: &str) -> [Vec<String>; 2] {
        ["first", "second"].map(|click| {
            let names = self.seen["sorted"][column][click].as_array().unwrap();
            names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
        })
    }
}

/// Whether a shown number is this one, to the last digit that is shown.
fn shows(shown: &str, number: f64) -> bool {
    let (digits, factor) = match shown.trim().strip_suffix('%') {
        Some(digits) => (digits.trim(), 100.0),
        None => (shown.trim(), 1.0),
    };
    let mantissa = digits.split('e').next().unwrap();
    let exponent: i32 = digits.split('e').nth(1).map_or(0, |power| power.parse().unwrap());
    let decimals = mantissa.split('.').nth(1).map_or(0, str::len);
    let last = 10_f64.powi(exponent - i32::try_from(decimals).unwrap());
    digits.parse::<f64>().is_ok_and(|shown| (shown - factor * number).abs() <= 0.500_000_1 * last)
}

/// The places where the page shows another number than the report has.
fn differences(visit: &Visit, report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    let mut hold = |place: String, shown: &str, number: Option<f64>| {
        let same = number.map_or(shown.trim() == "–", |number| shows(shown, number));
        if !same {
            found.push(format!("{place}: {shown} is not {number:?}"));
        }
    };
    hold("value".into(), visit.seen["value"].as_str().unwrap(), Some(report.value));
    let table = visit.table("classes");
    assert_eq!(table.len(), report.classes.len());
    for (row, class) in table.iter().zip(&report.classes) {
        assert_eq!(row[0], class.name);
        let numbers = [
            Some(class.pixels),
            class.own,
            class.own_where_true,
            class.dice,
            class.iou,
            Some(class.share_of_total),
            Some(class.share_of_gradient),
        ];
        for (shown, number) in row[1..].iter().zip(numbers) {
            hold(class.name.clone(), shown, number);
        }
    }
    for (row, image) in visit.table("images").iter().zip(&report.images) {
        let numbers = [image.own, Some(image.share_of_total), Some(image.share_of_gradient)];
        for (shown, number) in row[1..].iter().zip(numbers) {
            hold(format!("image {}", image.image), shown, number);
        }
    }
    for order in report.beside.iter().chain(&report.would_show) {
        let table = visit.table("orders");
        let row = table.iter().find(|row| row[0].contains(&order.loss)).unwrap();
        let shares = [order.share_of_total, order.share_of_gradient].map(Some);
        for (shown, number) in
            row[1..].iter().zip([Some(order.value), order.own].into_iter().chain(shares))
        {
            hold(order.loss.clone(), shown, number);
        }
    }
    found
}

/// How far the drawn bars are from the numbers of the classes, as a share of the longest one.
fn bar_error(visit: &Visit, panel: usize, numbers: &[f64]) -> f64 {
    let lengths: Vec<f64> = visit.seen["bars"][panel]
        .as_array()
        .unwrap()
        .iter()
        .map(|length| length.as_f64().unwrap())
        .collect();
    assert_eq!(lengths.len(), numbers.len());
    let of = |numbers: &[f64]| numbers.iter().copied().fold(0.0, f64::max);
    let (longest, largest) = (of(&lengths), of(numbers));
    let apart =
        lengths.iter().zip(numbers).map(|(length, n)| (length / longest - n / largest).abs());
    apart.fold(0.0, f64::max)
}

fn by(report: &Report, key: impl Fn(&lossfold::ClassReport) -> f64) -> Vec<&str> {
    let mut classes: Vec<_> = report.classes.iter().collect();
    classes.sort_by(|a, b| key(b).total_cmp(&key(a)));
    classes.into_iter().map(|class| class.name.as_str()).collect()
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_in_a_browser_is_the_report() {
    let report = &BRAIN.report;
    let visit = visit("report", &BRAIN.page);
    assert_eq!(visit.trouble(), Vec::<String>::new());
    assert_eq!(differences(&visit, report), Vec::<String>::new());

    // The largest number first, then the smallest.
    let mut expected = by(report, |class| class.own_where_true.unwrap());
    let [first, second] = visit.sorted("where true");
    assert_eq!(first, expected);
    expected.reverse();
    assert_eq!(second, expected);
    let own: Vec<f64> = report.classes.iter().map(|class| class.own_where_true.unwrap()).collect();
    let shares: Vec<f64> = report.classes.iter().map(|class| class.share_of_total).collect();
    // A bar of nothing is still a pixel long.
    assert!(bar_error(&visit, 0, &own) < 0.004);
    assert!(bar_error(&visit, 1, &shares) < 0.004);
    assert!(bar_error(&visit, 1, &own) > 0.1, "the bars could be of anything");

    // Every picture is there, as high as it is to be, and has a text for who cannot see it.
    assert_eq!(visit.seen["pictures"], 3 * 6 * 3);
    assert!((visit.seen["aspect"].as_f64().unwrap() - 80.0 / 96.0).abs() < 0.03);
    assert_eq!(visit.seen["without text"], 0);
    assert_eq!(visit.seen["unmarked"], 0);
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_fits_a_telephone() {
    let visit = visit_narrow("narrow", &BRAIN.page);
    assert_eq!(visit.trouble(), Vec::<String>::new());
    assert_eq!(visit.seen["width"], 400);
    assert_eq!(visit.list("too wide"), Vec::<String>::new());
    let wide = BRAIN.page.replacen("<main>", "<main><p style=\"width:401px\">", 1);
    assert_ne!(visit_narrow("wide", &wide).list("too wide"), Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium"]
fn the_slider_shows_the_slices() {
    let visit = visit("volume", &crate::volume::page());
    assert_eq!(visit.trouble(), Vec::<String>::new());
    let slider = &visit.seen["slider"];
    assert_eq!((slider["before"].as_str(), slider["after"].as_str()), (Some("4"), Some("0")));
    assert_eq!(slider["shown"], serde_json::json!(["0"]));
    assert_eq!(slider["spoken"], "slice 0");
}

#[test]
#[ignore = "needs Chromium"]
fn a_wrong_page_is_found_in_a_browser() {
    let page = &BRAIN.page;
    let number = page.replace(">1.786</td>", ">1.687</td>");
    let found = differences(&visit("number", &number), &BRAIN.report);
    assert_eq!(found.len(), 1, "{found:?}");

    let thrown = page.replacen("\"use strict\";", "\"use strict\"; nothing();", 1);
    let trouble = visit("thrown", &thrown).trouble();
    assert!(trouble.iter().any(|line| line.contains("nothing is not defined")), "{trouble:?}");

    let outside =
        page.replacen("<main>", "<main><img alt=\"\" src=\"http://127.0.0.1:9/x.png\">", 1);
    let trouble = visit("outside", &outside).trouble();
    assert!(trouble.iter().any(|line| line.starts_with("stopped")), "{trouble:?}");

    let open = outside.replacen("Content-Security-Policy", "x", 1);
    let trouble = visit("open", &open).trouble();
    assert!(trouble.iter().any(|line| line.starts_with("requested")), "{trouble:?}");

    let coloured = page.replacen("content: \" · drowned\"", "content: \"\"", 1);
    assert_ne!(visit("coloured", &coloured).seen["unmarked"], 0);

    let unsorted = page.replacen(".append(...rows)", ".append()", 1);
    let [first, _] = visit("unsorted", &unsorted).sorted("where true");
    assert_ne!(first, by(&BRAIN.report, |class| class.own_where_true.unwrap()));
}

#[test]
fn shown_digits_are_compared_as_far_as_they_go() {
    assert!(shows("9.8 %", 0.0984) && shows("1.786", 1.78632) && shows("1.200e-5", 1.2004e-5));
    assert!(!shows("9.9 %", 0.0984) && !shows("1.787", 1.78632) && !shows("–", 0.0));
}
