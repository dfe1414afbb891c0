//! Presets: what stands in COMPARE.md, what is listed, what errors say.

use lossfold::preset::{self, Agreement, Given};
use lossfold::{ErrorKind, Layout, Loss};

/// The cells of the tables of COMPARE.md: call, order and row.
fn compared() -> Vec<(&'static str, &'static str, &'static str)> {
    let lines = include_str!("../COMPARE.md").lines().filter(|line| line.starts_with("| `"));
    let cells = |line: &'static str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].trim_matches('`'), cells[1].trim_matches('`'), cells[cells.len() - 1])
    };
    lines.map(cells).collect()
}

#[test]
fn the_orders_of_the_comparison_are_those_of_the_presets() -> lossfold::Result<()> {
    let compared = compared();
    assert!(compared.len() > 30);
    for (call, order, _) in compared {
        let loss = preset::parse(call)?;
        assert_eq!(loss.to_string(), order, "{call}");
        assert_eq!(order.parse::<Loss>()?, loss, "{call}");
    }
    Ok(())
}

#[test]
fn every_line_of_the_comparison_has_a_row() {
    let rows = include_str!("golden/frameworks.jsonl");
    for (call, _, row) in compared() {
        assert!(rows.contains(&format!("\"id\": \"{row}\"")), "{call}: no row {row}");
    }
}

#[test]
fn what_is_listed_is_found_by_its_name_and_version() {
    for entry in preset::list() {
        let call = format!("{}=={} {}()", entry.package(), entry.version(), entry.name());
        if let Err(error) = preset::parse(&call) {
            // A loss may ask for an argument; no name may be unknown.
            assert!(!error.to_string().contains("is known"), "{call}: {error}");
        }
    }
}

#[test]
fn errors_say_what_was_meant() {
    let error = |call: &str| preset::parse(call).unwrap_err().to_string();
    assert!(error("torch.nn.BCELos()").contains("did you mean `torch.nn.BCELoss`"));
    assert!(error("nn.BCELoss(reducton='sum')").contains("did you mean `reduction`"));
    assert!(error("nn.BCELoss(reduction='max')").contains("expected one of 'none', 'mean', 'sum'"));
    assert!(error("torch==1.0 nn.BCELoss()").contains("known are 2.15.0"));
    assert!(error("DiceLoss()").contains("a loss of several frameworks"));
    assert!(error("nn.BCELoss(weight=[1, 2])").contains("broadcast from the right"));
    for broken in [
        "",
        "(",
        "nn.",
        "nn.BCELoss",
        "nn.BCELoss(",
        "nn.BCELoss([1,",
        "nn.BCELoss('x",
        "nn.BCELoss())",
    ] {
        assert_eq!(preset::parse(broken).unwrap_err().kind(), ErrorKind::Parse, "{broken}");
    }
}

#[test]
fn what_the_framework_sees_decides() -> lossfold::Result<()> {
    let call = "torch.nn.CrossEntropyLoss(weight=[1, 2, 5])";
    let labels = preset::parse_for(call, &Given::labels(Layout::NCHW))?;
    let dense = preset::parse_for(call, &Given::dense(Layout::NCHW))?;
    assert_eq!(*preset::diff(&labels, &dense)?.agreement(), Agreement::Differ);
    Ok(())
}

#[test]
fn a_diff_knows_the_laws() -> lossfold::Result<()> {
    let of = |first: &str, second: &str| -> lossfold::Result<_> {
        preset::diff(&first.parse()?, &second.parse()?)
    };
    let means = of("bce(sigmoid) > mean(class) > mean(pixel, image)", "bce(sigmoid) > mean(all)")?;
    assert_eq!((means.agreement(), means.parts_at()), (&Agreement::Same, Some(1)));

    let sums = of("bce(sigmoid) > sum(class) > mean(pixel, image)", "bce(sigmoid) > mean(all)")?;
    assert!(matches!(sums.agreement(), Agreement::Factor(factor) if factor.to_string() == "3"));

    let order = of("bce(sigmoid) > mean(pixel) > mean(class, image)", "bce(sigmoid) > mean(all)")?;
    assert_eq!(*order.agreement(), Agreement::Differ);
    let apart: Vec<&str> =
        order.situations().iter().filter(|tried| tried.differs()).map(|tried| tried.name).collect();
    assert_eq!(apart, ["ignored labels, more in one image"]);
    Ok(())
}
