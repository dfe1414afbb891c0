//! The numbers of the page are those of the report; without a browser.

use std::collections::BTreeSet;

use lossfold::Report;

use crate::fixture::BRAIN;

/// Every number that stands in the page with all its digits.
fn stated(page: &str) -> BTreeSet<String> {
    let values = page.split("data-value=\"").skip(1).filter_map(|rest| rest.split('"').next());
    values.map(str::to_owned).collect()
}

/// The numbers of a report that a page must state.
fn expected(report: &Report) -> BTreeSet<String> {
    let classes = report.classes.iter().flat_map(|class| {
        let optional = [class.own, class.own_where_true, class.dice, class.iou];
        let always = [class.pixels, class.share_of_total, class.share_of_gradient];
        optional.into_iter().flatten().chain(always)
    });
    let images = report.images.iter().flat_map(|image| {
        image.own.into_iter().chain([image.share_of_total, image.share_of_gradient])
    });
    let orders = report.beside.iter().chain(&report.would_show).flat_map(|order| {
        order.own.into_iter().chain([order.value, order.share_of_total, order.share_of_gradient])
    });
    let divisors = report.steps.iter().filter_map(|step| step.divisor).map(|(least, _)| least);
    let all = classes.chain(images).chain(orders).chain(divisors);
    all.map(|number| number.to_string()).collect()
}

fn missing(report: &Report, page: &str) -> Vec<String> {
    expected(report).difference(&stated(page)).cloned().collect()
}

#[test]
fn the_page_states_every_number_of_the_report() {
    assert!(expected(&BRAIN.report).len() > 60);
    assert_eq!(missing(&BRAIN.report, &BRAIN.page), Vec::<String>::new());
    assert!(BRAIN.page.contains(&format!("<data id=\"value\" value=\"{}\">", BRAIN.report.value)));
}

#[test]
fn a_changed_number_is_found() {
    let share = BRAIN.report.classes[4].share_of_total;
    let page = BRAIN.page.replace(&share.to_string(), &(share + 1e-6).to_string());
    assert_eq!(missing(&BRAIN.report, &page), [share.to_string()]);
}

#[test]
fn the_paragraph_names_the_drowned_class_and_says_what_to_do() {
    let (_, rest) = BRAIN.page.split_once("<p class=\"lead\">").unwrap();
    let (paragraph, _) = rest.split_once("</p>").unwrap();
    for words in [
        "The loss of 16 images of 96 × 80 pixels and 5 classes is 0.06713.",
        "42.1 % of it comes from “grey”",
        "The class “ventricles” is drowned",
        "its loss is 1.786, 10.2 times the 0.1746",
        "bce(sigmoid) &#62; weigh(positives) &#62; mean(pixel, image) &#62; mean(class)",
        "gives “ventricles” 55.3 % of the loss",
    ] {
        let paragraph = paragraph.replace('\u{a0}', " ");
        assert!(paragraph.contains(words), "{words}\n{paragraph}");
    }
}

#[test]
fn names_are_text_and_nothing_comes_from_outside() {
    let page = &BRAIN.page;
    assert!(page.contains("&#60;fluid&#62;") && !page.contains("<fluid>"));
    assert!(page.contains("Content-Security-Policy"));
    // The name of the language of SVG is no address that is asked for.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http://", "https://", "src=\"/", "url(", "@import", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn a_report_without_pictures_is_a_page_without_them() {
    let report = crate::fixture::loss().explain(&BRAIN.batch()).unwrap();
    let page = report.to_html();
    assert!(!page.contains("data:image") && !page.contains("id=\"pictures\""));
    assert_eq!(missing(&report, &page), Vec::<String>::new());
}
