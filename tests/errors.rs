//! Every message, word for word: it names the argument, what was expected, what was found and where.

use std::collections::BTreeSet;
use std::ops::Range;

use lossfold::Axis::{Class, Image, Pixel};
use lossfold::{
    Absent, AbsentVolume, Activation, AnyBatch, Axes, Batch, Bce, ElementFormula, Empty, Error,
    ErrorKind, Extents, Field, Focal, Labels, Layout, Loss, Map, Outputs, Over, Ratio, Reduction,
    Setting, Smoothing, SoftOverlap, State, Truth, Weight, absolute, bce, element, kl, logmeanexp,
    max, mean, min, overlap, power, quantile, sum, top_fraction, top_k,
};
use ndarray::{Array1, Array2, Array3, ArrayD, arr1, arr2, arr3};

/// A case a line: a text, marked by `‸` where the caret of its message stands, and the message.
macro_rules! texts {
    ($($text:literal => $message:literal;)*) => { &[$(($text, $message)),*] };
}

/// A case a line: the kind of an error, what gives it, and its message.
macro_rules! cases {
    ($($kind:ident: $error:expr => $message:literal;)*) => {
        vec![$(($error, ErrorKind::$kind, $message)),*]
    };
}

type Case = (Error, ErrorKind, &'static str);

const LOSSES: &[(&str, &str)] = texts! {
    "‸" => "expected a source (bce, cross_entropy, kl, squared, absolute, predicted, overlap) or `(`, found the end of the text";
    "5‸" => "expected `*`, `+` or `-` and a loss: a number alone is none, found the end of the text";
    "bce‸" => "expected `(`, found the end of the text";
    "bce(‸" => "expected what the prediction is (probability, log_probability, sigmoid, softmax, normalize, identity), found the end of the text";
    "bce(sigmoid‸" => "expected `)`, found the end of the text";
    "bce(‸relu)" => "expected what the prediction is (probability, log_probability, sigmoid, softmax, normalize, identity), found `relu`";
    "‸focal(sigmoid)" => "expected a source (bce, cross_entropy, kl, squared, absolute, predicted, overlap), found `focal`; formulas of your own are built in code";
    "‸mean(all)" => "expected a source (bce, cross_entropy, kl, squared, absolute, predicted, overlap), found `mean`; a step comes after a source and `>`";
    "‸dice(all)" => "expected a source (bce, cross_entropy, kl, squared, absolute, predicted, overlap), found `dice`; a step comes after a source and `>`";
    "(bce(sigmoid)‸" => "expected `>` and a step, or `)`, found the end of the text";
    "bce(sigmoid)‸)" => "expected `>` and a step, or the end of the text, found `)`";
    "bce(sigmoid) >‸" => "expected a step, found the end of the text";
    "bce(sigmoid) > ‸3" => "expected a step, found `3`";
    "bce(sigmoid) > ‸average(all)" => "expected a step (sum, mean, max, min, power, logmeanexp, quantile, top, scale, weigh, map, select, without, dice, jaccard, tversky, lovasz, lovasz_hinge), found `average`";
    "bce(sigmoid) > mean‸" => "expected `(`, found the end of the text";
    "bce(sigmoid) > mean(‸)" => "expected an axis (class, pixel, image) or all, found `)`";
    "bce(sigmoid) > mean(‸pixl)" => "expected an axis (class, pixel, image) or all, found `pixl`";
    "bce(sigmoid) > mean(pixel, ‸all)" => "expected an axis (class, pixel, image), found `all`";
    "bce(sigmoid) > mean(pixel, ‸pixel)" => "`pixel` is named twice";
    "bce(sigmoid) > mean(pixel) > ‸mean(pixel)" => "order: step `mean(pixel)` is over pixel, which is gone; left are class, image";
    "bce(sigmoid) > mean(all) > ‸mean(all)" => "order: step `mean(all)` is over all axes, but none is left";
    "bce(sigmoid) > mean(all; carry‸=1)" => "expected `)`, found `=`";
    "bce(sigmoid) > mean(all; empty‸)" => "expected `=`, found `)`";
    "bce(sigmoid) > mean(all; empty=‸none)" => "expected a policy (skip, zero, one, nan, error), found `none`";
    "bce(sigmoid) > mean(all; empty=zero, ‸empty=one)" => "option `empty` is given twice";
    "bce(sigmoid) > mean(all; ‸smooth=1)" => "unknown option `smooth`; known are by, carry, empty";
    "bce(sigmoid) > mean(all; ‸)" => "expected an option, found `)`";
    "bce(sigmoid) > ‸mean(all; carry, empty=zero)" => "order: step `mean(all; carry, empty=zero)`: a divisor of 0 is carried as no mass; empty can be skip or error";
    "bce(sigmoid) > mean(all; by=‸mask)" => "expected `[`, found `mask`";
    "bce(sigmoid) > mean(all; by=[mask‸)" => "expected `,` or `]`, found `)`";
    "bce(sigmoid) > mean(all; by=[‸masks])" => "expected a weight (class, target, image, map, mask, positives, negatives, presence, volume, balance), found `masks`";
    "bce(sigmoid) > sum(all; ‸carry)" => "unknown option `carry`; there are none here";
    "bce(sigmoid) > ‸power(all)" => "`power` needs `p=2`";
    "bce(sigmoid) > ‸power(all; p=0)" => "order: step `power(all; p=0)`: p is 0, expected a finite number other than 0";
    "bce(sigmoid) > power(all; p=‸two)" => "expected a number, found `two`";
    "bce(sigmoid) > power(all; p=‸1e999)" => "expected a number that an f64 can hold, found `1e999`";
    "bce(sigmoid) > ‸logmeanexp(all)" => "`logmeanexp` needs `t=1`";
    "bce(sigmoid) > ‸logmeanexp(all; t=0)" => "order: step `logmeanexp(all; t=0)`: t is 0, expected a finite number other than 0";
    "bce(sigmoid) > ‸quantile(all)" => "`quantile` needs `q=0.9`";
    "bce(sigmoid) > ‸quantile(all; q=2)" => "order: step `quantile(all; q=2)`: q is 2, expected a number in [0, 1]";
    "bce(sigmoid) > ‸top(all)" => "`top` needs `fraction=0.1` or `k=10`";
    "bce(sigmoid) > ‸top(all; k=1, fraction=0.5)" => "`top` takes either a fraction or a k";
    "bce(sigmoid) > ‸top(all; k=0)" => "order: step `top(all; k=0)`: k is 0, expected at least 1";
    "bce(sigmoid) > top(all; k=1‸.5)" => "expected `)`, found `.`";
    "bce(sigmoid) > top(all; k=‸-1)" => "expected a whole number, found `-`";
    "bce(sigmoid) > ‸top(all; fraction=0)" => "order: step `top(all; fraction=0)`: fraction is 0, expected a number in (0, 1]";
    "bce(sigmoid) > weigh(‸classes=[1])" => "expected a weight (class, target, image, map, mask, positives, negatives, presence, volume, balance), found `classes`";
    "bce(sigmoid) > weigh(class=‸1)" => "expected `[`, found `1`";
    "bce(sigmoid) > weigh(‸class=[1, -2])" => "weight `class=[1, -2]`: entry 1 is -2, expected a finite number of at least 0";
    "bce(sigmoid) > weigh(target=[1, ‸x])" => "expected a number, found `x`";
    "bce(sigmoid) > weigh(volume‸)" => "expected `=`, found `)`";
    "bce(sigmoid) > weigh(volume(‸absent=zero)=-2)" => "expected an axis (class, pixel, image) or all, found `absent`";
    "bce(sigmoid) > weigh(volume=-2‸, absent=zero)" => "expected `)`, found `,`";
    "bce(sigmoid) > weigh(volume(pixel; absent=‸largst)=-2)" => "expected a rule (error, zero, largest), found `largst`";
    "bce(sigmoid) > weigh(volume(pixel; epsilon‸)=-2)" => "expected `=`, found `)`";
    "bce(sigmoid) > weigh(‸volume(pixel; epsilon=0)=-2)" => "weight `volume(pixel; epsilon=0)=-2`: epsilon is 0, expected a finite number above 0 with a finite inverse";
    "bce(sigmoid) > weigh(‸volume(pixel; epsilon=1)=2)" => "weight `volume(pixel; epsilon=1)=2`: the power is 2, expected one below 0, whose inverse an epsilon bounds";
    "bce(sigmoid) > weigh(‸volume(pixel; absent=zero, epsilon=1)=-2)" => "weight `volume(pixel; absent=zero, epsilon=1)=-2`: an absent class has 1 / epsilon; it cannot have a rule besides";
    "bce(sigmoid) > weigh(presence(pixel; ‸epsilon=1))" => "unknown option `epsilon`; there are none here";
    "bce(sigmoid) > weigh(presence(pixel; ‸absent=zero))" => "unknown option `absent`; there are none here";
    "bce(sigmoid) > map(‸1-x)" => "expected `-ln(x)`, or `x^` and a number; minus, plus and times are arithmetic on the loss, found `1`";
    "bce(sigmoid) > map(-‸log(x))" => "expected `-ln(x)`, or `x^` and a number; minus, plus and times are arithmetic on the loss, found `log`";
    "bce(sigmoid) > map(-ln(‸y))" => "expected `-ln(x)`, or `x^` and a number; minus, plus and times are arithmetic on the loss, found `y`";
    "bce(sigmoid) > map(x^‸)" => "expected a number, found `)`";
    "bce(sigmoid) > ‸map(x^0)" => "order: map(x^0): the exponent is 0, expected a finite number above 0";
    "bce(sigmoid) > select(‸1)" => "expected `[`, found `1`";
    "bce(sigmoid) > ‸select([])" => "order: select() names no class, expected at least one";
    "bce(sigmoid) > select([‸-1])" => "expected a class number, found `-`";
    "bce(sigmoid) > mean(class) > ‸select([0])" => "order: select([0]) comes after the class axis is gone";
    "bce(sigmoid) > without(‸1)" => "expected `[`, found `1`";
    "bce(sigmoid) > ‸without([])" => "order: without() names no class, expected at least one";
    "bce(sigmoid) > mean(class) > ‸without([0, 2])" => "order: without([0, 2]) comes after the class axis is gone";
    "‸bce(identity)" => "source `bce(identity)`: cross-entropy needs a probability; name probability, log_probability, sigmoid, softmax or normalize";
    "‸kl(identity)" => "source `kl(identity)`: a divergence needs a probability; name probability, log_probability, sigmoid, softmax or normalize";
    "predicted(sigmoid; ‸clip=0.1)" => "unknown option `clip`; there are none here";
    "‸overlap(sigmoid; clip=0.5) > dice(all)" => "source `overlap(sigmoid; clip=0.5)`: clip is 0.5, expected a number in (0, 0.5)";
    "overlap(sigmoid; ‸epsilon=0.1) > dice(all)" => "unknown option `epsilon`; known are clip";
    "overlap(sigmoid; clip=0.1) > ‸lovasz(all)" => "order: ratio `lovasz(all)`: it sorts the errors of the prediction itself; name no clip";
    "bce(sigmoid; clip‸)" => "expected `=`, found `)`";
    "‸bce(sigmoid; clip=0.7)" => "source `bce(sigmoid; clip=0.7)`: clip is 0.7, expected a number in (0, 0.5)";
    "‸bce(sigmoid; epsilon=0)" => "source `bce(sigmoid; epsilon=0)`: epsilon is 0, expected a finite number above 0";
    "‸bce(sigmoid; log_floor=1)" => "source `bce(sigmoid; log_floor=1)`: log_floor is 1, expected a finite number below 0";
    "‸bce(sigmoid; clip=0.1, log_floor=-100)" => "source `bce(sigmoid; clip=0.1, log_floor=-100)`: log_floor stands alone; it cannot be joined with clip or epsilon";
    "‸bce(sigmoid; positive=[1, -1])" => "source `bce(sigmoid; positive=[1, -1])`: positive has -1, expected finite numbers of at least 0";
    "bce(sigmoid; smoothing=‸0.1)" => "expected a convention (half, classes, flip), found `0`";
    "‸bce(sigmoid; smoothing=half(2))" => "source `bce(sigmoid; smoothing=half(2))`: smoothing is 2, expected a number in [0, 1]";
    "‸bce(sigmoid; focal=-1)" => "source `bce(sigmoid; focal=-1)`: focal is -1, expected a finite number of at least 0";
    "bce(sigmoid; focal=‸1e999)" => "expected a number that an f64 can hold, found `1e999`";
    "bce(sigmoid; focal=2, truth=‸keras)" => "expected a convention (mixed, terms, loss, logit), found `keras`";
    "‸bce(sigmoid; truth=loss)" => "`truth` needs `focal=2`";
    "‸bce(sigmoid; threshold=0.5)" => "`threshold` needs `focal=2`";
    "‸bce(sigmoid; focal=2, threshold=0)" => "source `bce(sigmoid; focal=2, threshold=0)`: threshold is 0, expected a number in (0, 1]";
    "‸bce(softmax; focal=2, truth=logit)" => "source `bce(softmax; focal=2, truth=logit)`: truth=logit needs a logit; name sigmoid, not softmax";
    "‸cross_entropy(softmax; focal=2, truth=terms)" => "source `cross_entropy(softmax; focal=2, truth=terms)`: truth is terms, but cross_entropy has one term; name loss or none";
    "‸bce(sigmoid; alpha=2)" => "source `bce(sigmoid; alpha=2)`: alpha is 2, expected a number in [0, 1]";
    "‸cross_entropy(softmax; alpha=0.25)" => "source `cross_entropy(softmax; alpha=0.25)`: alpha weighs two terms, but cross_entropy has one; name positive";
    "bce(sigmoid; ‸weight=[1])" => "unknown option `weight`; known are clip, epsilon, log_floor, positive, smoothing, focal, truth, threshold, alpha";
    "squared(sigmoid; ‸clip=0.1)" => "unknown option `clip`; there are none here";
    "‸overlap(sigmoid)" => "an overlap alone is no loss; add a ratio (dice, jaccard, tversky, lovasz, lovasz_hinge)";
    "overlap(sigmoid) > ‸mean(pixel)" => "`mean` needs values; a ratio (dice, jaccard, tversky, lovasz, lovasz_hinge) comes first";
    "overlap(sigmoid) > ‸scale(mask) > dice(all)" => "`scale` needs values; a ratio (dice, jaccard, tversky, lovasz, lovasz_hinge) comes first";
    "overlap(sigmoid) > ‸iou(all)" => "expected a step (sum, mean, max, min, power, logmeanexp, quantile, top, scale, weigh, map, select, without, dice, jaccard, tversky, lovasz, lovasz_hinge), found `iou`";
    "bce(sigmoid) > ‸dice(all)" => "`dice` cannot stand here: a ratio stands on an overlap";
    "overlap(sigmoid) > dice(pixel) > ‸jaccard(class)" => "`jaccard` cannot stand here: one ratio is enough";
    "overlap(sigmoid) > dice(pixel) > ‸dice(image; smooth=1)" => "`dice` cannot stand here: one ratio is enough";
    "overlap(sigmoid) > dice(pixel) > ‸mean(pixel)" => "order: step `mean(pixel)` is over pixel, which is gone; left are class, image";
    "overlap(sigmoid) > dice(all; smooth‸)" => "expected `=`, found `)`";
    "overlap(sigmoid) > ‸dice(all; smooth=-1)" => "order: ratio `dice(all; smooth=-1)`: smooth_numerator is -1, expected a finite number of at least 0";
    "overlap(sigmoid) > ‸dice(all; exponent=0.5)" => "order: ratio `dice(all; exponent=0.5)`: exponent is 0.5, expected a finite number of at least 1";
    "overlap(sigmoid) > ‸dice(all; tp_floor=-1)" => "order: ratio `dice(all; tp_floor=-1)`: tp_floor is -1, expected a finite number of at least 0";
    "overlap(sigmoid) > dice(all; soft=‸hard)" => "expected a soft overlap (product, distance), found `hard`";
    "overlap(sigmoid) > dice(all; absent=‸one)" => "expected a rule (keep, skip, zero), found `one`";
    "overlap(sigmoid) > ‸dice(all; carry, empty=zero)" => "order: ratio `dice(all; carry, empty=zero)`: a denominator of 0 is carried as no mass; empty can be skip or error";
    "overlap(sigmoid) > jaccard(all; ‸fp=0.3)" => "unknown option `fp`; known are smooth, smooth_numerator, smooth_denominator, floor, tp_floor, score_floor, exponent, soft, absent, carry, empty";
    "overlap(sigmoid) > lovasz(pixel; ‸smooth=1)" => "unknown option `smooth`; known are absent, empty";
    "overlap(identity) > lovasz_hinge(pixel; empty=zero, ‸carry)" => "unknown option `carry`; known are absent, empty";
    "overlap(identity) > ‸lovasz(pixel)" => "order: ratio `lovasz(pixel)`: its errors need a probability; name probability, sigmoid, softmax or normalize";
    "overlap(sigmoid) > ‸lovasz_hinge(pixel)" => "order: ratio `lovasz_hinge(pixel)`: a hinge has its margin on the logit itself; name identity in the place of sigmoid";
    "bce(sigmoid) > ‸lovasz(pixel)" => "`lovasz` cannot stand here: a ratio stands on an overlap";
    "overlap(sigmoid) > lovasz(pixel) > ‸dice(class)" => "`dice` cannot stand here: one ratio is enough";
    "overlap(sigmoid) > select([]) > ‸dice(all)" => "order: select() names no class, expected at least one";
    "overlap(sigmoid) > without([]) > ‸dice(all)" => "order: without() names no class, expected at least one";
    "1 + ‸2 + bce(sigmoid)" => "two numbers; write their sum";
    "2 ‸bce(sigmoid)" => "expected `*`, `+` or `-` and a loss: a number alone is none, found `bce`";
    "bce(sigmoid) ‸* 2" => "expected `>` and a step, or the end of the text, found `*`";
    "bce(sigmoid) / ‸2" => "expected a source (bce, cross_entropy, kl, squared, absolute, predicted, overlap) or `(`, found `2`";
    "2 ‸/ bce(sigmoid)" => "expected `*`, `+` or `-` and a loss: a number alone is none, found `/`";
    "bce(sigmoid) + ‸" => "expected a source (bce, cross_entropy, kl, squared, absolute, predicted, overlap) or `(`, found the end of the text";
    "bce(sigmoid) ‸> mean(all) + 1" => "in a sum, a loss with steps stands in parentheses";
    "2 * bce(sigmoid) ‸> mean(all)" => "in a product or a quotient, a loss with steps stands in parentheses";
    "bce(sigmoid) / bce(sigmoid) ‸> mean(all)" => "in a product or a quotient, a loss with steps stands in parentheses";
    "bce(sigmoid) + bce(sigmoid) ‸> mean(all)" => "in a sum, a loss with steps stands in parentheses";
};

const REDUCTIONS: &[(&str, &str)] = texts! {
    "‸" => "expected a step (sum, mean, max, min, power, logmeanexp, quantile, top), found the end of the text";
    "‸median(all)" => "expected a step (sum, mean, max, min, power, logmeanexp, quantile, top), found `median`";
    "keep ‸> mean(all)" => "`keep` keeps every value and stands alone";
    "mean(all) ‸+ 1" => "expected `>` and a step, or the end of the text, found `+`";
    "mean(pixel) > ‸mean(pixel)" => "order: step 2 `mean(pixel)` is over pixel, which is gone; left are class, image";
    "mean(pixel, image) > ‸max(class, pixel)" => "order: step 2 `max(class, pixel)` is over pixel, which is gone; left are class";
    "‸bce(sigmoid) > mean(all)" => "expected a step (sum, mean, max, min, power, logmeanexp, quantile, top), found `bce`";
    "mean(all; by=[‸class=[-1]])" => "weight `class=[-1]`: entry 0 is -1, expected a finite number of at least 0";
};

fn layouts() -> Vec<Case> {
    let parsed = |text: &str| text.parse::<Layout>().unwrap_err();
    cases! {
        Layout: parsed("NHWX") => "layout: `X` in `NHWX` is no axis; letters are N (image), C (class) and D, H, W, L, T (pixel)";
        Layout: parsed("NCCHW") => "layout: the class axis is named 2 times, expected at most once";
        Layout: parsed("NHHHHHHHHC") => "layout: 10 axes are named, at most 8 are supported";
        Layout: parsed("image pixel klass") => "layout: `klass` in `image pixel klass` is no axis; words are image, class and pixel";
        Layout: parsed("n h w c") => "layout: `n` in `n h w c` is no axis; words are image, class and pixel";
        Layout: Layout::new(&[Class, Pixel, Image, Image, Image]).unwrap_err() => "layout: the image axis is named 3 times, expected at most once";
    }
}

/// What no field and no batch could make right.
fn checks() -> Vec<Case> {
    let order = |order: Reduction| order.check().unwrap_err();
    let loss = |loss: Loss| loss.check().unwrap_err();
    let bce_of = |options: Bce| bce(options).check().unwrap_err();
    let sigmoid = || bce(Activation::Sigmoid);
    let dice = |ratio: Ratio| overlap(Activation::Sigmoid).dice(ratio).check().unwrap_err();
    let lovasz = |ratio: Ratio| overlap(Activation::Sigmoid).lovasz(ratio).check().unwrap_err();
    let all = || Ratio::over(Over::All);
    cases! {
        Order: order(mean(Pixel).then(max([Class, Pixel]))) => "order: step 2 `max(class, pixel)` is over pixel, which is gone; left are class, image";
        Order: order(mean([Class, Pixel]).then(max([Class, Pixel]))) => "order: step 2 `max(class, pixel)` is over class, pixel, which are gone; left are image";
        Order: order(mean(Axes::ALL).then(max(Pixel))) => "order: step 2 `max(pixel)` is over pixel, which is gone; left are no axes";
        Order: order(mean(Over::All).then(max(Over::All))) => "order: step 2 `max(all)` is over all axes, but none is left";
        Order: order(mean(Axes::NONE)) => "order: step 1 `mean()` is over no axes, expected at least one";
        Order: order(power(Pixel, 0.0)) => "order: step `power(pixel; p=0)`: p is 0, expected a finite number other than 0";
        Order: order(logmeanexp(Pixel, f64::NAN)) => "order: step `logmeanexp(pixel; t=NaN)`: t is NaN, expected a finite number other than 0";
        Order: order(quantile(Pixel, 1.5)) => "order: step `quantile(pixel; q=1.5)`: q is 1.5, expected a number in [0, 1]";
        Order: order(top_fraction(Pixel, 0.0)) => "order: step `top(pixel; fraction=0)`: fraction is 0, expected a number in (0, 1]";
        Order: order(top_k(Pixel, 0)) => "order: step `top(pixel; k=0)`: k is 0, expected at least 1";
        Order: order(sum(Pixel).carry()) => "order: step `sum(pixel; carry)`: only mean, power and logmeanexp have a divisor to carry (a sum that carried it would count it twice)";
        Order: order(mean(Pixel).carry().empty(Empty::One)) => "order: step `mean(pixel; carry, empty=one)`: a divisor of 0 is carried as no mass; empty can be skip or error";
        Order: order(sum(Pixel).empty(Empty::Zero)) => "order: step `sum(pixel; empty=zero)`: a sum of nothing is 0; it has no policy for empty groups";
        Order: order(min(Pixel).by([Weight::Mask])) => "order: step `min(pixel; by=[mask])`: only a mean can name its divisor";
        Weight: order(mean(Pixel).by([Weight::class([-1])])) => "weight `class=[-1]`: entry 0 is -1, expected a finite number of at least 0";
        Order: loss(sigmoid().reduce(mean(Pixel)).reduce(max(Pixel))) => "order: step `max(pixel)` is over pixel, which is gone; left are class, image";
        Order: loss(sigmoid().select([])) => "order: select() names no class, expected at least one";
        Order: loss(sigmoid().reduce(mean(Class)).select([0, 2])) => "order: select([0, 2]) comes after the class axis is gone";
        Order: loss(sigmoid().without([])) => "order: without() names no class, expected at least one";
        Order: loss(sigmoid().reduce(mean(Class)).without([0])) => "order: without([0]) comes after the class axis is gone";
        Order: loss(overlap(Activation::Sigmoid).without([]).dice(Over::All)) => "order: without() names no class, expected at least one";
        Order: loss(sigmoid().map(Map::Power(-1.0))) => "order: map(x^-1): the exponent is -1, expected a finite number above 0";
        Order: loss(f64::NAN * sigmoid() + 1.0) => "order: a sum has the number NaN, expected finite ones";
        Order: loss((0..1000).fold(sigmoid(), |loss, _| loss.map(Map::NegativeLog))) => "order: the loss nests deeper than 128 levels or has more than 1048576 parts";
        Order: "1e300 * (1e300 * bce(sigmoid))".parse::<Loss>().unwrap_err() => "order: a sum has the number inf, expected finite ones";
        Weight: loss(sigmoid().weigh(Weight::class([1.0, f64::NAN]))) => "weight `class=[1, NaN]`: entry 1 is NaN, expected a finite number of at least 0";
        Weight: loss(sigmoid().scale(Weight::target([1.0, f64::INFINITY]))) => "weight `target=[1, inf]`: entry 1 is inf, expected a finite number of at least 0";
        Weight: loss(sigmoid().weigh(Weight::volume(f64::NEG_INFINITY))) => "weight `volume=-inf`: the power is -inf, expected a finite number";
        Weight: loss(sigmoid().weigh(Weight::volume(f64::NEG_INFINITY).epsilon(1.0))) => "weight `volume(pixel; epsilon=1)=-inf`: the power is -inf, expected a finite number";
        Weight: loss(sigmoid().weigh(Weight::volume(-1.0).epsilon(f64::NAN))) => "weight `volume(pixel; epsilon=NaN)=-1`: epsilon is NaN, expected a finite number above 0 with a finite inverse";
        Weight: loss(sigmoid().weigh(Weight::volume(-1.0).epsilon(5e-324))) => "weight `volume(pixel; epsilon=5e-324)=-1`: epsilon is 5e-324, expected a finite number above 0 with a finite inverse";
        Weight: loss(sigmoid().weigh(Weight::volume(0.0).epsilon(1.0))) => "weight `volume(pixel; epsilon=1)=0`: the power is 0, expected one below 0, whose inverse an epsilon bounds";
        Weight: loss(sigmoid().weigh(Weight::volume(-1.0).epsilon(1.0).absent(AbsentVolume::Largest))) => "weight `volume(pixel; absent=largest, epsilon=1)=-1`: an absent class has 1 / epsilon; it cannot have a rule besides";
        Weight: loss(sigmoid().weigh(Weight::presence().over(Axes::NONE))) => "weight `presence()`: is counted over no axes, expected at least one";
        Order: loss(bce(Activation::Identity)) => "source `bce(identity)`: cross-entropy needs a probability; name probability, log_probability, sigmoid, softmax or normalize";
        Order: loss(kl(Activation::Identity)) => "source `kl(identity)`: a divergence needs a probability; name probability, log_probability, sigmoid, softmax or normalize";
        Order: bce_of(Bce::new(Activation::Sigmoid).clip(0.5)) => "source `bce(sigmoid; clip=0.5)`: clip is 0.5, expected a number in (0, 0.5)";
        Order: bce_of(Bce::new(Activation::Sigmoid).epsilon(-1e-7)) => "source `bce(sigmoid; epsilon=-1e-7)`: epsilon is -0.0000001, expected a finite number above 0";
        Order: bce_of(Bce::new(Activation::Sigmoid).log_floor(100.0)) => "source `bce(sigmoid; log_floor=100)`: log_floor is 100, expected a finite number below 0";
        Order: bce_of(Bce::new(Activation::Sigmoid).log_floor(-100.0).epsilon(1e-7)) => "source `bce(sigmoid; epsilon=1e-7, log_floor=-100)`: log_floor stands alone; it cannot be joined with clip or epsilon";
        Order: bce_of(Bce::new(Activation::Sigmoid).smoothing(Smoothing::Flip(-0.1))) => "source `bce(sigmoid; smoothing=flip(-0.1))`: smoothing is -0.1, expected a number in [0, 1]";
        Order: bce_of(Bce::new(Activation::Sigmoid).focal(f64::NAN)) => "source `bce(sigmoid; focal=NaN)`: focal is NaN, expected a finite number of at least 0";
        Order: bce_of(Bce::new(Activation::Sigmoid).focal(Focal::new(2.0).threshold(1.5))) => "source `bce(sigmoid; focal=2, threshold=1.5)`: threshold is 1.5, expected a number in (0, 1]";
        Order: bce_of(Bce::new(Activation::Probability).focal(Focal::new(2.0).truth(Truth::Logit))) => "source `bce(probability; focal=2, truth=logit)`: truth=logit needs a logit; name sigmoid, not probability";
        Order: bce_of(Bce::new(Activation::Sigmoid).alpha(f64::NAN)) => "source `bce(sigmoid; alpha=NaN)`: alpha is NaN, expected a number in [0, 1]";
        Weight: bce_of(Bce::new(Activation::Sigmoid).positive([1, -1])) => "source `bce(sigmoid; positive=[1, -1])`: positive has -1, expected finite numbers of at least 0";
        Order: dice(Ratio::over(Axes::NONE)) => "order: ratio `dice()` is over no axes, expected at least one";
        Order: dice(all().smooth(-1.0)) => "order: ratio `dice(all; smooth=-1)`: smooth_numerator is -1, expected a finite number of at least 0";
        Order: dice(all().smooth_denominator(f64::NAN)) => "order: ratio `dice(all; smooth_denominator=NaN)`: smooth_denominator is NaN, expected a finite number of at least 0";
        Order: dice(all().floor(-1.0)) => "order: ratio `dice(all; floor=-1)`: floor is -1, expected a finite number of at least 0";
        Order: dice(all().true_positive_floor(f64::NAN)) => "order: ratio `dice(all; tp_floor=NaN)`: tp_floor is NaN, expected a finite number of at least 0";
        Order: dice(all().score_floor(f64::INFINITY)) => "order: ratio `dice(all; score_floor=inf)`: score_floor is inf, expected a finite number of at least 0";
        Order: dice(all().exponent(0.5)) => "order: ratio `dice(all; exponent=0.5)`: exponent is 0.5, expected a finite number of at least 1";
        Order: dice(all().false_positive(-1.0)) => "order: ratio `dice(all; fp=-1)`: fp is -1, expected a finite number of at least 0";
        Order: dice(all().false_negative(-1.0)) => "order: ratio `dice(all; fn=-1)`: fn is -1, expected a finite number of at least 0";
        Order: dice(all().carry().empty(Empty::Nan)) => "order: ratio `dice(all; carry, empty=nan)`: a denominator of 0 is carried as no mass; empty can be skip or error";
        Order: lovasz(Ratio::over(Axes::NONE)) => "order: ratio `lovasz()` is over no axes, expected at least one";
        Order: lovasz(all().smooth(1.0)) => "order: ratio `lovasz(all; smooth=1)`: a Lovász step has absent and empty, but no smoothing, floors, exponent, soft overlap, weights or carry";
        Order: lovasz(all().floor(1.0)) => "order: ratio `lovasz(all; floor=1)`: a Lovász step has absent and empty, but no smoothing, floors, exponent, soft overlap, weights or carry";
        Order: lovasz(all().score_floor(0.0)) => "order: ratio `lovasz(all; score_floor=0)`: a Lovász step has absent and empty, but no smoothing, floors, exponent, soft overlap, weights or carry";
        Order: lovasz(all().exponent(2.0)) => "order: ratio `lovasz(all; exponent=2)`: a Lovász step has absent and empty, but no smoothing, floors, exponent, soft overlap, weights or carry";
        Order: lovasz(all().soft(SoftOverlap::Distance)) => "order: ratio `lovasz(all; soft=distance)`: a Lovász step has absent and empty, but no smoothing, floors, exponent, soft overlap, weights or carry";
        Order: lovasz(all().false_positive(2.0)) => "order: ratio `lovasz(all; fp=2)`: a Lovász step has absent and empty, but no smoothing, floors, exponent, soft overlap, weights or carry";
        Order: lovasz(all().false_negative(2.0)) => "order: ratio `lovasz(all; fn=2)`: a Lovász step has absent and empty, but no smoothing, floors, exponent, soft overlap, weights or carry";
        Order: lovasz(all().absent(Absent::Skip).carry()) => "order: ratio `lovasz(all; absent=skip, carry)`: a Lovász step has absent and empty, but no smoothing, floors, exponent, soft overlap, weights or carry";
        Order: loss(overlap(Activation::Sigmoid).clip(f64::NAN).dice(Pixel)) => "source `overlap(sigmoid; clip=NaN)`: clip is NaN, expected a number in (0, 0.5)";
        Order: loss(overlap(Activation::Sigmoid).clip(0.1).lovasz(Pixel)) => "order: ratio `lovasz(pixel)`: it sorts the errors of the prediction itself; name no clip";
        Order: loss(overlap(Activation::Identity).lovasz(Pixel)) => "order: ratio `lovasz(pixel)`: its errors need a probability; name probability, sigmoid, softmax or normalize";
        Order: loss(overlap(Activation::Probability).lovasz_hinge(Pixel)) => "order: ratio `lovasz_hinge(pixel)`: a hinge has its margin on the logit itself; name identity in the place of probability";
        Order: loss(overlap(Activation::Sigmoid).select([]).dice(Over::All)) => "order: select() names no class, expected at least one";
        Weight: loss(overlap(Activation::Sigmoid).weigh(Weight::class([-1])).dice(Over::All)) => "weight `class=[-1]`: entry 0 is -1, expected a finite number of at least 0";
    }
}

/// Shapes and weights that do not belong to the prediction, which has two images of three pixels and
/// four classes.
fn batches() -> Vec<Case> {
    let prediction = Array3::<f64>::zeros((2, 3, 4));
    let layout: Layout = "image pixel class".parse().unwrap();
    let batch = || Batch::new(layout, &prediction, &prediction).unwrap();
    let weights = arr1(&[1.0, 1.0]);
    let per_pixel = Array2::<u8>::ones((2, 3));
    let loss = bce(Activation::Sigmoid).reduce(mean(Over::All));
    let mut buffer = Array3::<f64>::zeros((2, 4, 3));
    cases! {
        Shape: Batch::new(Layout::NHWC, &prediction, &prediction).unwrap_err() => "prediction: has 3 axes [2, 3, 4], the layout `image pixel pixel class` has 4";
        Shape: Batch::new(layout, &prediction, &per_pixel).unwrap_err() => "target: has shape [2, 3], expected [2, 3, 4], the shape of the prediction";
        Shape: Batch::new(layout, &prediction, Labels::new(&Array2::<u8>::ones((3, 2)))).unwrap_err() => "labels: has shape [3, 2], expected [2, 3], the shape of the prediction without its class axis";
        Shape: batch().with_image_weights(&arr1(&[1.0, 1.0, 1.0])).unwrap_err() => "image weights: there are 3, expected one for each of the 2 images";
        Shape: batch().with_map([Pixel, Image], &weights).unwrap_err() => "map: has shape [2], expected [2, 3], the extents of the prediction per pixel, image";
        Shape: batch().with_mask([Class, Pixel], &per_pixel).unwrap_err() => "mask: has shape [2, 3], expected [3, 4], the extents of the prediction per class, pixel";
        Shape: batch().images(1..3).unwrap_err() => "images: 1..3 was asked for, the batch has 0..2";
        Shape: batch().images(Range { start: 2, end: 1 }).unwrap_err() => "images: 2..1 was asked for, the batch has 0..2";
        Shape: loss.value_and_gradient_into(&batch(), &mut buffer).unwrap_err() => "gradient: has shape [2, 4, 3], expected [2, 3, 4], the shape of the prediction";
        Weight: batch().with_image_weights(&weights).unwrap().with_image_weights(&weights).unwrap_err() => "image weights: given twice, expected at most once";
        Weight: batch().with_map(Image, &weights).unwrap().with_map(Image, &weights).unwrap_err() => "map: given twice, expected at most once";
        Weight: batch().with_mask(Image, &weights).unwrap().with_mask(Image, &weights).unwrap_err() => "mask: given twice, expected at most once";
    }
}

/// One image of two pixels (rows) and two classes (columns).
type Cells = [[f64; 2]; 2];

/// A prediction that every activation takes but the logarithm.
const HALF: Cells = [[0.5, 0.5], [0.5, 0.5]];
/// A target without class 1.
const FIRST: Cells = [[1.0, 0.0], [1.0, 0.0]];
const NAN: f64 = f64::NAN;

fn on(loss: &str, prediction: Cells, target: Cells) -> Error {
    let (prediction, target) = (arr3(&[prediction]), arr3(&[target]));
    let batch = Batch::new("image pixel class".parse().unwrap(), &prediction, &target).unwrap();
    loss.parse::<Loss>().unwrap().value(&batch).unwrap_err()
}

/// The same with a weight that comes with the batch: image weights, a map or a mask.
fn with(weight: &Weight, axes: impl Into<Axes>, values: &ArrayD<f64>, loss: &str) -> Error {
    let (prediction, target) = (arr3(&[HALF]), arr3(&[FIRST]));
    let batch = Batch::new("image pixel class".parse().unwrap(), &prediction, &target).unwrap();
    let per_image = Array1::from_iter(values.iter().copied());
    let batch = match weight {
        Weight::Image => batch.with_image_weights(&per_image),
        Weight::Map => batch.with_map(axes, values),
        _ => batch.with_mask(axes, values),
    };
    loss.parse::<Loss>().unwrap().value(&batch.unwrap()).unwrap_err()
}

/// The same with labels, one of which may be ignored.
fn labelled(labels: [i64; 2], ignored: Option<i64>, loss: &str) -> Error {
    let (prediction, labels) = (arr3(&[HALF]), arr2(&[labels]));
    let labels = Labels::new(&labels);
    let labels = ignored.map_or(labels.clone(), |ignored| labels.ignore(ignored));
    let batch = Batch::new("image pixel class".parse().unwrap(), &prediction, labels).unwrap();
    loss.parse::<Loss>().unwrap().value(&batch).unwrap_err()
}

/// Weights that a batch and a loss do not share, or that are no weights.
fn weights() -> Vec<Case> {
    let (one, nan) = (arr1(&[1.0]).into_dyn(), arr1(&[NAN]).into_dyn());
    let (mask, map) = (arr2(&[[1.0, 2.0]]).into_dyn(), arr2(&[[1.0, -1.0]]).into_dyn());
    let per_pixel: Axes = [Pixel, Image].into();
    cases! {
        Weight: on("bce(sigmoid) > weigh(mask) > mean(all)", HALF, FIRST) => "weight `mask`: the loss names it, but the batch does not carry it";
        Weight: on("bce(sigmoid) > mean(all; by=[map])", HALF, FIRST) => "weight `map`: the loss names it, but the batch does not carry it";
        Weight: on("overlap(sigmoid) > weigh(image) > dice(all)", HALF, FIRST) => "weight `image`: the loss names it, but the batch does not carry it";
        Weight: with(&Weight::Mask, Image, &one, "bce(sigmoid) > mean(all)") => "weight `mask`: the batch carries it, but the loss does not name it";
        Weight: with(&Weight::Map, Image, &one, "bce(sigmoid) > weigh(mask) > mean(all)") => "weight `map`: the batch carries it, but the loss does not name it";
        Weight: with(&Weight::Image, Image, &one, "overlap(sigmoid) > dice(all)") => "weight `image`: the batch carries it, but the loss does not name it";
        Weight: with(&Weight::Mask, per_pixel, &mask, "bce(sigmoid) > weigh(mask) > mean(all)") => "mask: mask[0, 1] is 2, expected 0 or 1";
        Weight: with(&Weight::Map, per_pixel, &map, "bce(sigmoid) > scale(map) > mean(all)") => "map: map[0, 1] is -1, expected a finite number of at least 0";
        Weight: with(&Weight::Image, Image, &nan, "bce(sigmoid) > mean(all; by=[image])") => "image: image[0] is NaN, expected a finite number of at least 0";
        Weight: on("bce(sigmoid) > weigh(class=[1, 2, 3]) > mean(all)", HALF, FIRST) => "weight `class=[1, 2, 3]`: has 3 entries, the batch has 2 classes";
        Weight: on("bce(sigmoid) > weigh(target=[1]) > mean(all)", HALF, FIRST) => "weight `target=[1]`: has 1 entries, the batch has 2 classes";
        Weight: on("bce(sigmoid; positive=[1, 2, 3]) > mean(all)", HALF, FIRST) => "source `bce(sigmoid; positive=[1, 2, 3])`: positive: has 3 entries, the batch has 2 classes";
        Weight: on("bce(sigmoid) > weigh(volume=-2) > mean(all)", HALF, FIRST) => "weight `volume=-2`: class 1 has volume 0, so its weight is infinite; name absent=zero or absent=largest";
        Weight: on("overlap(sigmoid) > select([1]) > weigh(volume=-2) > dice(all)", HALF, FIRST) => "weight `volume=-2`: class 1 has volume 0, so its weight is infinite; name absent=zero or absent=largest";
        Weight: on("bce(sigmoid) > weigh(volume(all)=-2) > mean(all)", HALF, [[0.0, 0.0], [0.0, 0.0]]) => "weight `volume(class, pixel, image)=-2`: every class has volume 0, so its weight is infinite; name absent=zero or absent=largest";
        Weight: on("((bce(sigmoid) > weigh(class=[1, 2])) + squared(sigmoid)) > mean(all)", HALF, FIRST) => "sum: the terms of `(bce(sigmoid) > weigh(class=[1, 2])) + squared(sigmoid)` carry different weights (`class=[1, 2]` is not on all of them); weigh the sum instead";
        Weight: on("((bce(sigmoid) > weigh(negatives)) / bce(sigmoid)) > mean(all)", HALF, FIRST) => "quotient: the terms of `(bce(sigmoid) > weigh(negatives)) / bce(sigmoid)` carry different weights (`negatives` is not on all of them); weigh the quotient instead";
    }
}

/// Orders that only a batch shows to be wrong.
fn orders() -> Vec<Case> {
    let one = arr1(&[1.0]).into_dyn();
    let field = Field::from_fn(Extents { class: 1, pixel: 1, image: 1 }, |_, _, _| 1.0);
    let extents = Extents { class: 2, pixel: 1, image: 1 };
    cases! {
        Order: on("bce(sigmoid)", HALF, FIRST) => "value: `bce(sigmoid)` leaves class, pixel, image, expected a loss that leaves no axis";
        Order: on("bce(sigmoid) > mean(pixel) > mean(class)", HALF, FIRST) => "value: `bce(sigmoid) > mean(pixel) > mean(class)` leaves image, expected a loss that leaves no axis";
        Order: on("bce(sigmoid) > select([0, 2]) > mean(all)", HALF, FIRST) => "order: select names class 2; there are 2 classes, left are [0, 1]";
        Order: on("bce(sigmoid) > select([1]) > select([0]) > mean(all)", HALF, FIRST) => "order: select names class 0; there are 2 classes, left are [1]";
        Order: on("overlap(sigmoid) > select([2]) > dice(all)", HALF, FIRST) => "order: select names class 2; there are 2 classes, left are [0, 1]";
        Order: on("bce(sigmoid) > without([5, 2]) > mean(all)", HALF, FIRST) => "order: without names class 2; there are 2 classes, left are [0, 1]";
        Order: on("bce(sigmoid) > without([1, 0]) > mean(all)", HALF, FIRST) => "order: without([1, 0]) keeps no class, expected at least one; there are 2 classes, left are [0, 1]";
        Order: on("bce(sigmoid) > without([0]) > without([0]) > mean(all)", HALF, FIRST) => "order: without names class 0; there are 2 classes, left are [1]";
        Order: on("overlap(sigmoid) > without([2]) > dice(all)", HALF, FIRST) => "order: without names class 2; there are 2 classes, left are [0, 1]";
        Order: on("overlap(sigmoid) > select([1]) > without([1]) > dice(all)", HALF, FIRST) => "order: without([1]) keeps no class, expected at least one; there are 2 classes, left are [1]";
        Order: on("(bce(sigmoid) + (bce(sigmoid) > select([1]))) > mean(all)", HALF, FIRST) => "order: the terms of `bce(sigmoid) + (bce(sigmoid) > select([1]))` have different classes";
        Order: on("(bce(sigmoid) / (bce(sigmoid) > select([1]))) > mean(all)", HALF, FIRST) => "order: the terms of `bce(sigmoid) / (bce(sigmoid) > select([1]))` have different classes";
        Order: on("bce(sigmoid) > mean(class) > mean(pixel; by=[class=[1, 2]]) > mean(image)", HALF, FIRST) => "order: step `mean(pixel; by=[class=[1, 2]])` divides by `class=[1, 2]`, which is per class; left are pixel, image";
        Order: with(&Weight::Map, Image, &one, "bce(sigmoid) > mean(pixel) > weigh(map) > mean(pixel)") => "order: step `mean(pixel)` is over pixel, which is gone; left are class, image";
        Order: with(&Weight::Map, Image, &one, "bce(sigmoid) > mean(class) > weigh(map) > select([0]) > mean(all)") => "order: select names class 0; there are 2 classes, left are []";
        Order: max(Class).coefficients(&field).unwrap_err() => "order: `max(class)` is not linear; only sums and means have coefficients";
        Order: mean(Class).then(mean(Class)).apply(&field).unwrap_err() => "order: step 2 `mean(class)` is over class, which is gone; left are pixel, image";
        Order: mean(Class).then(mean(Class)).normal_form(&[]).unwrap_err() => "order: step 2 `mean(class)` is over class, which is gone; left are pixel, image";
        Order: mean(Class).equivalent(&top_k(Class, 0), &Setting::new(extents)).unwrap_err() => "order: step `top(class; k=0)`: k is 0, expected at least 1";
        Order: mean(Class).then(mean(Pixel).by([Weight::class([1])])).apply(&field).unwrap_err() => "order: step `mean(pixel; by=[class=[1]])` divides by `class=[1]`, which is per class; left are pixel, image";
        Weight: mean(Class).by([Weight::Mask]).apply(&field).unwrap_err() => "weight `mask`: needs a batch; a field alone knows only class weights";
        Weight: mean(Class).by([Weight::class([1, 2])]).apply(&field).unwrap_err() => "weight `class=[1, 2]`: has 2 entries, the batch has 1 classes";
    }
}

struct NotANumber;
impl ElementFormula for NotANumber {
    fn value(&self, _: f64, _: f64) -> f64 {
        NAN
    }
    fn derivative(&self, _: f64, _: f64) -> f64 {
        NAN
    }
}

/// Numbers outside their domain.
fn domains() -> Vec<Case> {
    let mean_of = |source: &str| format!("{source} > mean(all)");
    let bad = |source: &str, prediction| on(&mean_of(source), prediction, FIRST);
    let target = |source: &str, target| on(&mean_of(source), HALF, target);
    let own = || {
        let (prediction, target) = (arr2(&HALF), arr2(&FIRST));
        let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
        let loss = element("own", Activation::Identity, NotANumber).reduce(mean(Over::All));
        loss.value(&batch).unwrap_err()
    };
    let negative = Field::from_fn(Extents { class: 1, pixel: 2, image: 1 }, |_, p, _| -(p as f64));
    cases! {
        Domain: bad("bce(sigmoid)", [[0.5, 0.5], [NAN, 0.5]]) => "prediction: prediction[0, 1, 0] is NaN, expected a finite number";
        Domain: bad("bce(softmax)", [[0.5, 0.5], [0.5, f64::INFINITY]]) => "prediction: prediction[0, 1, 1] is inf, expected a finite number";
        Domain: bad("squared(identity)", [[0.5, f64::NEG_INFINITY], [NAN, 0.5]]) => "prediction: prediction[0, 0, 1] is -inf, expected a finite number";
        Domain: bad("bce(probability)", [[0.5, 0.5], [0.5, 1.5]]) => "prediction: prediction[0, 1, 1] is 1.5, expected a probability in [0, 1]";
        Domain: bad("overlap(probability) > dice(pixel)", [[-0.5, 0.5], [0.5, 0.5]]) => "prediction: prediction[0, 0, 0] is -0.5, expected a probability in [0, 1]";
        Domain: bad("bce(normalize)", [[0.5, 0.5], [-2.0, 0.5]]) => "prediction: prediction[0, 1, 0] is -2, expected a score of at least 0";
        Domain: bad("bce(log_probability)", [[-0.5, -0.5], [-2.0, 0.5]]) => "prediction: prediction[0, 1, 1] is 0.5, expected a logarithm of a probability, at most 0";
        Domain: bad("kl(log_probability)", [[-0.5, 1.0], [-2.0, -0.5]]) => "prediction: prediction[0, 0, 1] is 1, expected a logarithm of a probability, at most 0";
        Domain: bad("overlap(log_probability) > dice(pixel)", [[-0.5, f64::NEG_INFINITY], [-2.0, -0.5]]) => "prediction: prediction[0, 0, 1] is -inf, expected a finite number";
        Domain: bad("bce(normalize)", [[0.5, 0.5], [0.0, 0.0]]) => "prediction: the scores of pixel 1, image 0 sum to 0; `normalize` divides by that sum";
        Domain: target("bce(sigmoid)", [[1.0, 0.0], [2.0, 0.0]]) => "target: target[0, 1, 0] is 2, expected a target in [0, 1]";
        Domain: target("overlap(identity) > lovasz_hinge(pixel)", [[1.0, 0.0], [2.0, 0.0]]) => "target: target[0, 1, 0] is 2, expected a target in [0, 1]";
        Domain: target("kl(sigmoid)", [[1.0, 0.0], [2.0, 0.0]]) => "target: target[0, 1, 0] is 2, expected a target in [0, 1]";
        Domain: target("squared(identity)", [[1.0, 0.0], [NAN, 0.0]]) => "target: target[0, 1, 0] is NaN, expected a finite number";
        Domain: target("squared(identity) > weigh(positives)", [[1.0, 0.0], [-1.0, 0.0]]) => "weight `positives`: target[0, 1, 0] is -1, expected a target in [0, 1]";
        Domain: target("squared(identity) > weigh(negatives)", [[1.0, 0.0], [0.0, 3.0]]) => "weight `negatives`: target[0, 1, 1] is 3, expected a target in [0, 1]";
        Domain: labelled([0, 2], None, "bce(sigmoid) > mean(all)") => "labels: labels[0, 1] is 2, expected a class in 0..2";
        Domain: labelled([255, -1], Some(255), "overlap(sigmoid) > dice(all)") => "labels: labels[0, 1] is -1, expected a class in 0..2 or the ignored label 255";
        Domain: bad("(squared(identity) - 1) > map(x^2)", HALF) => "map: the value at class 0, pixel 0, image 0 is -0.75, expected at least 0";
        Domain: on("(0 - (squared(identity) > mean(all))) > map(-ln(x))", HALF, FIRST) => "map: the value is -0.25, expected at least 0";
        Domain: power(Pixel, 2.0).apply(&negative).unwrap_err() => "step `power(pixel; p=2)`: the value at class 0, pixel 1, image 0 is -1, expected at least 0";
        Domain: own() => "value: `own(identity) > mean(all)` is not a number, though no step asks for empty=nan";
    }
}

/// Groups and batches of which nothing is left.
fn empties() -> Vec<Case> {
    let none = arr1(&[0.0]).into_dyn();
    let masked = |loss: &str| with(&Weight::Mask, Image, &none, loss);
    let nothing = [[0.0, 0.0], [0.0, 0.0]];
    let field = Field::from_fn(Extents { class: 1, pixel: 1, image: 1 }, |_, _, _| 1.0);
    let field = field.weighed(Pixel, |_, _, _| 0.0);
    cases! {
        Empty: masked("bce(sigmoid) > weigh(mask) > mean(all)") => "value: `bce(sigmoid) > weigh(mask) > mean(all)` has nothing left to count: every cell is masked, ignored or skipped; name empty=zero, one or nan where that may be";
        Empty: masked("overlap(sigmoid) > weigh(mask) > dice(pixel) > mean(all)") => "value: `overlap(sigmoid) > weigh(mask) > dice(pixel) > mean(all)` has nothing left to count: every cell is masked, ignored or skipped; name empty=zero, one or nan where that may be";
        Empty: labelled([255, 255], Some(255), "bce(sigmoid) > max(pixel) > mean(all)") => "value: `bce(sigmoid) > max(pixel) > mean(all)` has nothing left to count: every cell is masked, ignored or skipped; name empty=zero, one or nan where that may be";
        Empty: on("overlap(probability) > dice(all; absent=skip)", HALF, nothing) => "value: `overlap(probability) > dice(all; absent=skip)` has nothing left to count: every cell is masked, ignored or skipped; name empty=zero, one or nan where that may be";
        Empty: on("overlap(identity) > dice(all)", nothing, nothing) => "value: `overlap(identity) > dice(all)` has nothing left to count: every cell is masked, ignored or skipped; name empty=zero, one or nan where that may be";
        Empty: masked("bce(sigmoid) > weigh(mask) > mean(all; empty=error)") => "step `mean(all; empty=error)`: a group has no mass";
        Empty: on("bce(sigmoid) > weigh(positives) > top(pixel; k=1, empty=error) > mean(all)", HALF, FIRST) => "step `top(pixel; k=1, empty=error)`: a group at class 1, image 0 has no mass";
        Empty: on("bce(sigmoid) > weigh(positives) > mean(pixel; empty=error) > mean(all)", HALF, FIRST) => "step `mean(pixel; empty=error)`: a group at class 1, image 0 has no mass";
        Empty: on("overlap(identity) > dice(all; empty=error)", nothing, nothing) => "ratio `dice(all; empty=error)`: the denominator of a group is 0";
        Empty: on("overlap(identity) > dice(pixel; empty=error) > mean(all)", nothing, nothing) => "ratio `dice(pixel; empty=error)`: the denominator of a group at class 0, image 0 is 0";
        Empty: on("overlap(sigmoid) > weigh(positives) > lovasz(pixel; empty=error) > mean(all)", HALF, FIRST) => "ratio `lovasz(pixel; empty=error)`: a group at class 1, image 0 has no mass";
        Empty: on("(squared(identity) > mean(all)) / (squared(identity) > sum(all))", nothing, nothing) => "quotient `(squared(identity) > mean(all)) / (squared(identity) > sum(all))`: the denominator is 0";
        Empty: on("((squared(identity) > sum(pixel)) / (squared(identity) > sum(pixel))) > mean(all)", FIRST, FIRST) => "quotient `(squared(identity) > sum(pixel)) / (squared(identity) > sum(pixel))`: the denominator at class 0, image 0 is 0";
        Empty: mean(Pixel).empty(Empty::Error).apply(&field).unwrap_err() => "step `mean(pixel; empty=error)`: a group at class 0, image 0 has no mass";
    }
}

/// Losses that cannot be made of parts, each with the node that is in the way and the reason.
fn parts() -> Vec<Case> {
    let (prediction, target) = (arr3(&[HALF]), arr3(&[FIRST]));
    let batch = Batch::new("image pixel class".parse().unwrap(), &prediction, &target).unwrap();
    let refused = |text: &str| {
        let mut state = State::new(&text.parse().unwrap());
        state.observe(&batch).unwrap_err()
    };
    let other = |text: &str| {
        let mut state = State::new(&"bce(sigmoid) > mean(all)".parse().unwrap());
        state.merge(&State::new(&text.parse().unwrap())).unwrap_err()
    };
    cases! {
        NotMergeable: refused("bce(sigmoid) > max(image) > mean(class, pixel)") => "state: `bce(sigmoid) > max(image)` cannot be made of parts: an aggregate over images that is no sum or mean comes before the pixels are consumed";
        NotMergeable: refused("bce(sigmoid) > quantile(all; q=0.9)") => "state: `bce(sigmoid) > quantile(all; q=0.9)` cannot be made of parts: an aggregate over images that is no sum or mean comes before the pixels are consumed";
        NotMergeable: refused("overlap(softmax) > lovasz(pixel, image) > mean(class)") => "state: `overlap(softmax) > lovasz(pixel, image)` cannot be made of parts: a Lovász step over images sorts the cells of all of them";
        NotMergeable: refused("bce(sigmoid) > weigh(balance(pixel, image)) > mean(all)") => "state: `bce(sigmoid) > weigh(balance(pixel, image))` cannot be made of parts: the share of positives over images is known when all have been seen, and every cell's weight depends on it";
        NotMergeable: refused("bce(sigmoid) > weigh(presence(image)) > mean(all)") => "state: `bce(sigmoid) > weigh(presence(image))` cannot be made of parts: a volume over images, but not over pixels, is a number for every pixel";
        NotMergeable: refused("bce(sigmoid) > weigh(presence(pixel, image)) > mean(class) > mean(all)") => "state: `bce(sigmoid) > weigh(presence(pixel, image)) > mean(class)` cannot be made of parts: a step inside an image needs a weight that is counted over images";
        NotMergeable: refused("overlap(sigmoid) > weigh(presence(pixel, image)) > dice(class, pixel) > mean(image)") => "state: `overlap(sigmoid) > weigh(presence(pixel, image)) > dice(class, pixel)` cannot be made of parts: a ratio per image has weights inside its sums that are counted over images";
        NotMergeable: refused("((bce(sigmoid) > mean(class)) + (overlap(sigmoid) > dice(all))) > max(pixel) > mean(image)") => "state: `((bce(sigmoid) > mean(class)) + (overlap(sigmoid) > dice(all))) > max(pixel)` cannot be made of parts: an aggregate that is no sum or mean needs a value that is known only after all images";
        NotMergeable: refused("((bce(sigmoid) > mean(class)) + (overlap(sigmoid) > dice(all))) > map(x^2) > mean(all)") => "state: `((bce(sigmoid) > mean(class)) + (overlap(sigmoid) > dice(all))) > map(x^2)` cannot be made of parts: a map needs a value that is known only after all images";
        NotMergeable: refused("((bce(sigmoid) > mean(class)) / (overlap(sigmoid) > dice(all))) > mean(all)") => "state: `(bce(sigmoid) > mean(class)) / (overlap(sigmoid) > dice(all))` cannot be made of parts: a quotient needs a value that is known only after all images";
        NotMergeable: refused("((bce(sigmoid) > mean(pixel)) + (overlap(sigmoid) > dice(pixel, image))) > mean(all)") => "state: `(bce(sigmoid) > mean(pixel)) + (overlap(sigmoid) > dice(pixel, image))` cannot be made of parts: a value per class or pixel that is known after all images is added to one per image";
        NotMergeable: refused("overlap(sigmoid) > dice(pixel, image) > weigh(target=[1, 2]) > mean(all)") => "state: `overlap(sigmoid) > dice(pixel, image) > weigh(target=[1, 2])` cannot be made of parts: a value per class or pixel that is known after all images is weighted by a cell's weight";
        NotMergeable: refused("(bce(sigmoid) > weigh(presence(pixel, image)) > mean(all)) + (bce(sigmoid) > select([0]) > weigh(presence(pixel, image)) > mean(all))") => "state: `(bce(sigmoid) > weigh(presence(pixel, image)) > mean(all)) + (bce(sigmoid) > select([0]) > weigh(presence(pixel, image)) > mean(all))` cannot be made of parts: its terms have one weight that is counted over different classes";
        NotMergeable: other("bce(sigmoid) > mean(pixel, image) > mean(class)") => "state: is of `bce(sigmoid) > mean(all)`, found one of `bce(sigmoid) > mean(pixel, image) > mean(class)`";
        Empty: State::new(&"bce(sigmoid) > mean(all)".parse().unwrap()).value().unwrap_err() => "state: of `bce(sigmoid) > mean(all)` has observed nothing";
    }
}

/// Heads and batches that do not belong together.
fn heads() -> Vec<Case> {
    let loss: Loss = "bce(probability) > mean(all)".parse().unwrap();
    let (prediction, target) = (arr2(&HALF), arr2(&FIRST));
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let two = Outputs::new().head("mask", 1.0, &loss).head("edge", 0.5, &loss);
    let of = |outputs: &Outputs, names: &[&str]| {
        let batches: Vec<(&str, &dyn AnyBatch)> =
            names.iter().map(|name| (*name, &batch as &dyn AnyBatch)).collect();
        outputs.value(&batches).unwrap_err()
    };
    let twice = two.clone().head("mask", 2.0, &loss);
    cases! {
        Head: of(&two, &["mask"]) => "head `edge`: has no batch; the heads are `mask`, `edge`";
        Head: of(&two, &["mask", "mask"]) => "head `mask`: has two batches, expected one; the heads are `mask`, `edge`";
        Head: of(&two, &["mask", "edges"]) => "head `edges`: is unknown; the heads are `mask`, `edge`";
        Head: of(&twice, &["mask", "edge"]) => "head `mask`: is named twice, expected a name of its own";
        Head: of(&Outputs::new(), &[]) => "heads: there are none, expected at least one";
    }
}

/// The caret of a marked text, and the text without its mark.
fn parse_message(marked: &str, message: &str) -> (String, String) {
    let text = marked.replace('‸', "");
    let column = marked.chars().position(|letter| letter == '‸').expect("a mark");
    let expected = format!("text: {message}\n  {text}\n  {:column$}^", "");
    (text, expected)
}

fn parses<T: std::str::FromStr<Err = Error>>(
    table: &'static [(&str, &str)],
) -> Vec<(Error, ErrorKind, String)> {
    let case = |&(marked, message): &(&str, &str)| {
        let (text, expected) = parse_message(marked, message);
        let error = text.parse::<T>().err().unwrap_or_else(|| panic!("`{text}` parses"));
        (error, ErrorKind::Parse, expected)
    };
    table.iter().map(case).collect()
}

fn presets() -> Vec<Case> {
    let of = |call: &str| lossfold::preset::parse(call).unwrap_err();
    cases! {
        Preset: of("nn.BCEWithLogitsLoss(pos_weight=[1, 2])") => "`nn.BCEWithLogitsLoss`: pos_weight: of shape [2] is broadcast from the right, so it varies per pixel of image class pixel pixel; let the batch carry it and write `map` (per class it would have its length on the class axis and 1 on those after it)";
        Preset: of("torch.nn.KLDivLoss(log_target=True)") => "`torch.nn.KLDivLoss`: log_target: True, expected the target itself";
    }
}

/// Every case of every table.
fn all_cases() -> Vec<(Error, ErrorKind, String)> {
    let mut all = parses::<Loss>(LOSSES);
    all.extend(parses::<Reduction>(REDUCTIONS));
    for table in [
        layouts(),
        checks(),
        batches(),
        weights(),
        orders(),
        domains(),
        empties(),
        parts(),
        heads(),
        presets(),
    ] {
        all.extend(
            table.into_iter().map(|(error, kind, message)| (error, kind, message.to_owned())),
        );
    }
    all
}

#[test]
fn messages_are_word_for_word_these() {
    let wrong: Vec<String> = all_cases()
        .into_iter()
        .filter(|(error, kind, message)| error.kind() != *kind || error.to_string() != *message)
        .map(|(error, kind, message)| {
            format!("expected {kind:?}: {message}\nfound    {:?}: {error}\n", error.kind())
        })
        .collect();
    assert!(wrong.is_empty(), "{} messages differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_kind_of_error_has_a_case() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/error.rs");
    let source = std::fs::read_to_string(path).unwrap();
    let (_, body) = source.split_once("pub enum ErrorKind {").unwrap();
    let (body, _) = body.split_once('}').unwrap();
    // What needs tensors has its cases in `tests/burn`.
    let lines = body.lines().map(str::trim);
    let lines = lines.filter(|line| !line.starts_with("//") && *line != "Backend,");
    let kinds: BTreeSet<String> =
        lines.filter(|line| !line.is_empty()).map(|line| line.replace(',', "")).collect();
    let reached =
        all_cases().into_iter().map(|(error, _, _)| format!("{:?}", error.kind())).collect();
    assert_eq!(kinds, reached);
}

#[test]
fn a_message_of_a_long_text_shows_the_line_and_the_place() {
    let text = "bce(sigmoid)\n  > mean(pixl)\n  > mean(image)";
    assert_eq!(
        text.parse::<Loss>().unwrap_err().to_string(),
        "text: expected an axis (class, pixel, image) or all, found `pixl`\n\
         \u{20}   > mean(pixl)\n\
         \u{20}          ^"
    );
}

#[test]
fn a_text_that_nests_too_deep_says_how_deep() {
    let deep = format!("{}bce(sigmoid){}", "(".repeat(129), ")".repeat(129));
    let message = format!("text: nested deeper than 128\n  {deep}\n  {}^", " ".repeat(128));
    assert_eq!(deep.parse::<Loss>().unwrap_err().to_string(), message);
    let long = format!("bce(sigmoid){}", " > map(x^2)".repeat(128));
    let message =
        "text: order: the loss nests deeper than 128 levels or has more than 1048576 parts\n";
    let error = long.parse::<Loss>().unwrap_err().to_string();
    assert!(
        error.starts_with(message)
            && error.ends_with(&format!("\n  {}^", " ".repeat(long.len() - 8)))
    );
}

#[test]
fn what_is_an_error_for_the_value_is_one_for_the_gradient() {
    let target = arr2(&[[1.0, 0.0], [0.0, 1.0]]);
    let masked = arr1(&[0.0, 0.0]);
    for (prediction, loss) in [
        (arr2(&[[0.5, 0.5], [0.5, NAN]]), "bce(probability) > mean(all)"),
        (arr2(&[[0.5, 0.5], [0.5, 1.5]]), "bce(probability) > mean(all)"),
        (arr2(&[[0.5, 0.5], [0.5, 0.5]]), "bce(probability) > mean(class)"),
        (arr2(&[[0.5, 0.5], [0.5, 0.5]]), "bce(probability) > mean(all; by=[map])"),
        (arr2(&[[0.5, 0.5], [0.5, 0.5]]), "bce(probability) > weigh(mask) > mean(all)"),
        (
            arr2(&[[0.5, 0.5], [0.5, 0.5]]),
            "bce(probability) > weigh(mask) > mean(all; empty=error)",
        ),
    ] {
        let mut batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
        if loss.contains("mask") {
            batch = batch.with_mask(Image, &masked).unwrap();
        }
        let mut buffer = Array2::zeros((2, 2));
        let loss: Loss = loss.parse().unwrap();
        let error = loss.value_and_gradient_into(&batch, &mut buffer).unwrap_err();
        assert_eq!(error, loss.value(&batch).unwrap_err());
    }
    let (prediction, mut buffer) = (arr2(&[[0.5, 0.5]]), arr2(&[[7.0]]));
    let batch = Batch::new(Layout::NC, &prediction, &prediction).unwrap();
    let loss = absolute(Activation::Identity).reduce(mean(Over::All));
    loss.value_and_gradient_into(&batch, &mut buffer).unwrap_err();
    assert_eq!(buffer, arr2(&[[7.0]]));
}

#[test]
fn a_batch_without_classes_has_no_target_weight() {
    let nothing = Array2::<f64>::zeros((2, 0));
    let batch = Batch::new(Layout::NC, &nothing, &nothing).unwrap();
    let loss: Loss = "bce(sigmoid) > weigh(target=[]) > mean(all)".parse().unwrap();
    loss.value(&batch).unwrap_err();
}
