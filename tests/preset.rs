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
fn every_line_of_the_comparison_has_a_row_of_its_loss() {
    let rows = include_str!("golden/frameworks.jsonl");
    for (call, _, row) in compared() {
        let id = format!("\"id\": \"{row}\"");
        let line = rows.lines().find(|line| line.contains(&id));
        let line = line.unwrap_or_else(|| panic!("{call}: no row {row}"));
        let name = call.split('(').next().and_then(|path| path.rsplit('.').next()).unwrap_or("");
        assert!(
            line.contains(&format!("\"loss\": \"{name}\"")),
            "{call}: row {row} is of another loss"
        );
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
    assert!(error("smp.losses.DiceLoss()").contains("needs the argument `mode`"));
    assert!(
        error("smp.losses.JaccardLoss('binary', [1])").contains("not supported with mode='binary'")
    );
    assert!(error("kornia.losses.FocalLoss(0.25)").contains("the number of classes must be given"));
    assert!(error("optax.losses.dice_loss(axis=1)").contains("takes a part of the pixel axes"));
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
fn what_mmseg_paddleseg_and_detectron2_refuse_has_a_reason() {
    let refused = [
        ("mmseg.CrossEntropyLoss(use_mask=True)", "masks of objects"),
        (
            "mmseg.CrossEntropyLoss(use_sigmoid=True, class_weight=[1, 2])",
            "broadcast from the right",
        ),
        ("mmseg.CrossEntropyLoss(reduction='sum')(score, label, avg_factor=2)", "avg_factor"),
        ("mmseg==0.30.0 mmseg.DiceLoss(reduction='sum')(pred, target, avg_factor=2)", "avg_factor"),
        ("mmseg==0.30.0 mmseg.DiceLoss(ignore_index=0)", "the number of classes"),
        ("mmseg==0.30.0 mmseg.BoundaryLoss()", "is known"),
        ("mmseg.DiceLoss()(pred, target, weight=[1, 2])", "one number per image"),
        ("mmseg.TverskyLoss(alpha=0.5)", "expected a sum of 1, found 0.5 + 0.7"),
        ("mmseg.FocalLoss(use_sigmoid=False)", "use_sigmoid"),
        ("mmseg.LovaszLoss()", "expected 'none'"),
        ("mmseg.LovaszLoss(classes=[1, 1], per_image=True)", "twice"),
        ("mmseg.LovaszLoss(classes='some', per_image=True)", "expected 'present', 'all' or a list"),
        ("paddleseg.BCELoss(pos_weight=[1, 2])", "expected a number or 'dynamic'"),
        ("paddleseg.BCELoss(weight='static')", "found 'static'"),
        ("paddleseg.CrossEntropyLoss(weight=[1, 2], top_k_percent_pixels=0.5)", "no step"),
        ("paddleseg.focal_loss.MultiClassFocalLoss()", "num_class"),
        ("detectron2.projects.deeplab.DeepLabCE(top_k_percent_pixels=0)", "above 0 and at most 1"),
    ];
    for (call, why) in refused {
        let error = preset::parse(call).unwrap_err().to_string();
        assert!(error.contains(why), "{call}: {error}");
    }
}

#[test]
fn a_loss_at_several_levels_is_outputs() -> lossfold::Result<()> {
    let dice = preset::parse("monai.losses.DiceLoss(softmax=True)")?;
    let weights = preset::monai::level_weights(2, preset::monai::WeightMode::Exp);
    let expected = preset::nnunet::deep_supervision(&dice, weights)?;
    // The loss inside is one of the package, or else of any.
    for inner in ["DiceLoss(softmax=True)", "monai.losses.DiceLoss(softmax=True)"] {
        let call = format!("monai.losses.DeepSupervisionLoss({inner}, weights=[1, 0.5])");
        assert_eq!(preset::parse_outputs(&call)?, expected, "{call}");
    }
    let outputs = preset::parse_outputs("DeepSupervisionLoss(nn.BCELoss(), weights=[1])")?;
    assert_eq!(*outputs.heads()[0].loss(), preset::parse("nn.BCELoss()")?);
    let call = "DeepSupervisionWrapper(nn.CrossEntropyLoss(), [1, 0.5])";
    let dense = preset::parse_outputs_for(call, &Given::dense(Layout::NCHW))?;
    assert_ne!(dense, preset::parse_outputs(call)?);

    let one = |call: &str| preset::parse(call).unwrap_err().to_string();
    let levels = |call: &str| preset::parse_outputs(call).unwrap_err().to_string();
    for (error, why) in [
        (one("DeepSupervisionWrapper(SoftDiceLoss(), [1])"), "`preset::parse_outputs` gives it"),
        (one("monai.losses.DeepSupervisionLoss(DiceLoss())"), "`preset::nnunet::deep_supervision`"),
        (levels("nn.BCELoss()"), "is no loss at several levels"),
        (levels("DeepSupervisionWrapper(loss, [1])"), "expected the call of a loss, found `loss`"),
        (levels("DeepSupervisionWrapper(weight_factors=[1])"), "needs the argument `loss`"),
        (levels("DeepSupervisionWrapper(SoftDiceLoss())"), "weight_factors: without them"),
        (levels("DeepSupervisionWrapper(SoftDiceLoss(), [0])"), "at least one that is not 0"),
        (levels("DeepSupervisionWrapper(SoftDiceLos(), [1])"), "did you mean `SoftDiceLoss`"),
        (levels("DeepSupervisionLoss(DiceLoss())"), "`preset::monai::level_weights`"),
        (levels("DeepSupervisionLoss(DiceLoss(), 'half')"), "expected one of 'same', 'exp', 'two'"),
    ] {
        assert!(error.contains(why), "{why}: {error}");
    }
    Ok(())
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

#[test]
fn keras_axes_are_those_of_the_layout() -> lossfold::Result<()> {
    let of = |call: &str, layout: &str| -> lossfold::Result<String> {
        Ok(preset::parse_for(call, &Given::dense(layout.parse::<Layout>()?))?.to_string())
    };
    let dice = |axis: &str, layout: &str| of(&format!("keras.losses.Dice(axis={axis})"), layout);
    let ratio = "smooth_denominator=1e-7)";
    for (axis, layout, order) in [
        ("None", "NHWC", format!("dice(all; {ratio}")),
        ("[0, -3, 2, 3]", "NHWC", format!("dice(all; {ratio}")),
        ("[1, 2]", "NHWC", format!("dice(pixel; {ratio} > mean(class, image)")),
        ("[2, 3]", "NCHW", format!("dice(pixel; {ratio} > mean(class, image)")),
        ("(0, 1, 2)", "NHWC", format!("dice(pixel, image; {ratio} > mean(class)")),
        ("-1", "NCHW", "takes a part of the pixel axes".into()),
        ("[1, -3]", "NHWC", "axis: -3 is given twice".into()),
        ("4", "NHWC", "has no axis 4".into()),
    ] {
        let found = dice(axis, layout).unwrap_or_else(|error| error.to_string());
        assert!(found.contains(&order), "axis={axis} of {layout}: {found}");
    }
    let softmax = of("keras.losses.CategoricalCrossentropy(axis=1)", "NCHW")?;
    assert_eq!(softmax, "cross_entropy(normalize; clip=1e-7) > sum(class) > mean(pixel, image)");
    Ok(())
}

#[test]
fn keras_weights_stand_where_keras_multiplies() -> lossfold::Result<()> {
    let bce = |reduction: &str, data: &str| {
        let call = format!("keras.losses.BinaryCrossentropy(reduction={reduction})(t, p, {data})");
        preset::parse(&call).map(|loss| loss.to_string())
    };
    let source = "bce(probability; clip=1e-7) > mean(class)";
    for (reduction, data, rest) in [
        ("'sum'", "sample_weight=map", " > scale(map) > sum(pixel, image)"),
        ("None", "sample_weight=image, mask=mask", " > scale(image) > scale(mask)"),
        ("'mean'", "mask=mask", " > weigh(mask) > mean(pixel, image; empty=zero)"),
        (
            "'mean_with_sample_weight'",
            "sample_weight=map, mask=mask",
            " > weigh(map) > weigh(mask) > mean(pixel, image; empty=zero)",
        ),
        // A weight per image is counted once, not once per pixel.
        (
            "'mean_with_sample_weight'",
            "sample_weight=image",
            " > sum(pixel) > weigh(image) > mean(image; empty=zero)",
        ),
        ("'mean_with_sample_weight'", "sample_weight=2.0", " > sum(pixel, image)"),
    ] {
        assert_eq!(bce(reduction, data)?, format!("{source}{rest}"), "{reduction} {data}");
    }
    let two = "tf_keras.losses.SparseCategoricalCrossentropy(ignore_class=255)";
    assert!(preset::parse(two)?.to_string().ends_with("mean(pixel, image; empty=nan)"));
    Ok(())
}

#[test]
fn keras_versions_differ_in_tversky() -> lossfold::Result<()> {
    let of = |version: &str| {
        preset::parse(&format!("{version} keras.losses.Tversky(alpha=0.3, beta=0.7)"))
    };
    let swapped = preset::parse("keras==3.16.0 keras.losses.Tversky(alpha=0.7, beta=0.3)")?;
    assert_eq!(of("keras==3.15.1")?, swapped);
    assert_ne!(of("keras==3.15.1")?, of("keras==3.16.0")?);
    Ok(())
}

#[test]
fn keras_arguments_without_an_order_are_refused() {
    for (call, why) in [
        ("Dice(axis=[0, 1, 2])(t, p, sample_weight=image)", "no image axis left"),
        ("Dice()(t, p, sample_weight=[1, 2])", "expected a number, or a weight of the batch"),
        ("Dice()(t, p, mask=map)", "expected the mask of the batch"),
        ("CategoricalCrossentropy(axis=1)", "expected class"),
        ("CategoricalFocalCrossentropy(alpha=map)", "or one per class"),
        ("CategoricalGeneralizedCrossEntropy(q=1.5)", "expected a number in (0, 1)"),
        (
            "BinaryCrossentropy(reduction='mean_with_sample_weight')(t, p, sample_weight=0)",
            "would be divided by it",
        ),
        ("BinaryCrossentropy(reduction='auto')", "expected one of 'sum_over_batch_size'"),
    ] {
        let error = preset::parse(&format!("keras.losses.{call}")).unwrap_err().to_string();
        assert!(error.contains(why), "{call}: {error}");
    }
    let channels_first = Given::dense(Layout::NCHW).classes(3);
    for (call, why) in [
        ("CategoricalCrossentropy(axis=1, label_smoothing=0.1)", "to the last axis"),
        ("CategoricalFocalCrossentropy(axis=1, alpha=[1, 2, 3])", "to the last axis"),
    ] {
        let call = format!("keras.losses.{call}");
        let error = preset::parse_for(&call, &channels_first).unwrap_err().to_string();
        assert!(error.contains(why), "{call}: {error}");
    }
}
