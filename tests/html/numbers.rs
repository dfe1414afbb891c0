//! The numbers of the page are those of the report; without a browser.

use std::collections::BTreeSet;

use lossfold::{Batch, Loss, Report};
use ndarray::{Array3, s};

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

/// The paragraph at the top, of two images with two pixels.
fn paragraph(text: &str, prediction: [[[f64; 2]; 2]; 2], classes: usize) -> String {
    let all = Array3::from_shape_fn((2, 2, 2), |(i, p, c)| prediction[i][p][c]);
    let prediction = all.slice(s![.., .., ..classes]);
    let target =
        Array3::from_shape_fn((2, 2, classes), |(_, pixel, class)| u8::from(pixel == class));
    let batch = Batch::new("image pixel class".parse().unwrap(), &prediction, &target).unwrap();
    let page = text.parse::<Loss>().unwrap().explain(&batch).unwrap().to_html();
    let (_, rest) = page.split_once("<p class=\"lead\">").unwrap();
    rest.split("</p>").next().unwrap().replace('\u{a0}', " ")
}

#[test]
fn the_paragraph_is_about_the_loss_that_there_is() {
    let half = [[[0.5; 2]; 2]; 2];
    // Shares are of what the cells contribute, which a constant does not belong to.
    let said = paragraph("(squared(identity) > mean(all)) - 2", half, 2);
    assert!(
        said.contains("is -1.750. The cells contribute 0.2500, of which 50.0 % comes from “0”")
    );
    assert!(said.contains("Constants of the sum add -2."), "{said}");
    assert!(
        said.contains(
            "cannot be said, since the loss where the classes are the truth is not above 0"
        )
    );
    // A sum is larger the more pixels a class has.
    let said = paragraph("squared(identity) > sum(all)", half, 2);
    assert!(said.contains("cannot be said, since pixels are added up"), "{said}");
    // Nothing comes from nowhere.
    let right = [[[1.0, 0.0], [0.0, 1.0]]; 2];
    let said = paragraph("squared(identity) > mean(all)", right, 2);
    assert!(said.contains("is 0. Whether") && !said.contains('%'), "{said}");
    // What one class makes of the loss is plain.
    let said = paragraph("squared(identity) > mean(all)", half, 1);
    assert!(said.contains(
        "one class, “0”, the truth in 50.0 % of the pixels; where it is, the loss is 0.2500"
    ));
    assert!(!said.contains("drowned"), "{said}");
}

#[test]
fn bars_below_zero_go_to_the_left() {
    let loss: Loss = "(bce(sigmoid) > mean(pixel, image) > mean(class)) - 1".parse().unwrap();
    let report = loss.explain(&BRAIN.batch()).unwrap();
    let page = report.to_html();
    let (_, panel) = page.split_once("Own loss").unwrap();
    let bar = |class: usize| {
        let own = report.classes[class].own_where_true.unwrap();
        let (tag, _) = panel.split_once(&format!("data-value=\"{own}\"")).unwrap();
        let (_, tag) = tag.rsplit_once("<rect").unwrap();
        let (_, rest) = panel.split_once(&format!("data-value=\"{own}\"")).unwrap();
        let tag = format!("{tag}{}", rest.split("/>").next().unwrap());
        ["x=\"", "width=\""].map(|name| {
            let (_, number) = tag.split_once(&format!(" {name}")).unwrap();
            number.split('"').next().unwrap().parse::<f64>().unwrap()
        })
    };
    let ([least, length], [zero, _]) = (bar(0), bar(4));
    assert!(report.classes[0].own_where_true < Some(0.0));
    assert!(report.classes[4].own_where_true > Some(0.0));
    assert!(length > 100.0 && (least + length - zero).abs() < 1e-9, "{least} {length} {zero}");
    assert!(panel.contains("class=\"zero\"") && !BRAIN.page.contains("class=\"zero\""));
}

#[test]
fn a_sum_shows_its_coefficients() {
    let loss: Loss =
        "0.25 * (bce(sigmoid) > mean(all)) + (overlap(sigmoid) > dice(all)) - 2".parse().unwrap();
    let page = loss.explain(&BRAIN.batch()).unwrap().to_html();
    assert!(page.contains("<code>0.25 * … + … - 2</code>"));
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
