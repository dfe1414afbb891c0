//! How far a value may be from the exact one, on 2^24 elements of f32 of mixed magnitude.
//!
//! # The bound
//!
//! Every sum is one of f64. Let u = 2^-53 and γ(k) = k u / (1 - k u). If no term passes through more than k
//! roundings on its way into the result, the result is Σ xᵢ (1 + θᵢ) with |θᵢ| <= γ(k) (Higham, Accuracy and
//! Stability of Numerical Algorithms, section 3.1), so it is off by at most γ(k) Σ |xᵢ|. A term of a sum or mean of
//! C classes, over images of P pixels, is rounded
//!
//! | where | at most |
//! |---|---|
//! | by each of w weights: the product of a value and a mass | w |
//! | in a block of 256 pixels, in whatever tree | 255 |
//! | in a chunk of 16 blocks, added pairwise | 4 |
//! | over the chunks of the image, added pairwise | ⌈log2⌈P / 4096⌉⌉ |
//! | over the images: exactly, rounded once | 1 |
//! | over the classes, one after the other | C - 1 |
//! | by each of s steps: the quotient by a divisor | s |
//!
//! in whatever order the steps come, since each axis is summed over once, and once more where a state is
//! rounded again, which is covered by the 1 that 255 leaves of 256. So
//!
//! ```text
//! |found - exact| <= γ(k) Σ |xᵢ|,  k = 256 + 4 + ⌈log2⌈P / 4096⌉⌉ + C + s + w
//! ```
//!
//! where xᵢ is an element with all its weights and divided by its divisors. The divisors here are whole or
//! half numbers of cells, which f64 sums exactly; where weights are not, a divisor is off by γ(k) itself and 2 k
//! stands in the place of k. A value in f32 is rounded once more, to f32.
//!
//! Losses whose weights are the same for all pixels are summed in the element type F of the prediction first:
//! sixteen cells of a class, a row apart, before the sum moves on to f64. With u = 2^-24 for f32 an element is
//! off by at most 4 u in its exponential, 3 u in a quotient and 4 u in a logarithm, by 2 u for each of the
//! sixteen factors of the product of which one logarithm is taken, and by a few u of its own arithmetic; and
//! the sum of sixteen by 15 u. That is less than 64 u together, so that
//!
//! ```text
//! |found - exact| <= (γ(k) + 64 u) Σ |xᵢ| + n 2^-149
//! ```
//!
//! where the last term is for the n elements that f32 cannot hold because they are too small. If the sums inside a block are
//! ever made in another way, the bound holds as long as no number passes through more than 256 roundings
//! there, which no tree of additions of 256 numbers makes it do.
//!
//! What is exact here is computed in fixed point: every element is a multiple of 2^-44 and below 2^21, so
//! that the sum of 2^24 of them, with weights of up to 2^11, fits in an i128 with room to spare.

use std::sync::LazyLock;

use lossfold::{Activation, Batch, ElementFormula, Layout, Loss, Reduction, State, element};
use ndarray::{Array2, Array4, ArrayView4};

/// Images of 2^18 pixels, which are 1024 blocks or 64 chunks, and 4 classes: 2^24 elements.
const SHAPE: (usize, usize, usize, usize) = (16, 512, 512, 4);
const CLASSES: usize = 4;
const CHUNKS: f64 = 64.0;

/// The bits behind the point of a fixed-point number.
const POINT: i32 = 44;

/// The prediction itself, so that elements may be negative.
struct Signed;

impl ElementFormula for Signed {
    fn value(&self, prediction: f64, _: f64) -> f64 {
        prediction
    }

    fn derivative(&self, _: f64, _: f64) -> f64 {
        1.0
    }
}

/// Numbers of all magnitudes from 2^-20 to 2^20, of both signs, with 24 significant bits each.
static MIXED: LazyLock<Array4<f32>> = LazyLock::new(|| {
    let mut state = 1_u64;
    Array4::from_shape_simple_fn(SHAPE, || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        // A sign, one of 40 exponents and 23 bits of a fraction.
        let exponent = (mixed >> 32) % 40 + 127 - 20;
        let low = u32::try_from(mixed & 0x807f_ffff).expect("32 bits");
        f32::from_bits(low | u32::try_from(exponent << 23).expect("31 bits"))
    })
});

static TARGET: LazyLock<Array4<u8>> = LazyLock::new(|| Array4::zeros(SHAPE));

/// A number as a whole number of 2^-44; it must be one.
fn fixed(number: f64) -> i128 {
    let scaled = number * 2.0_f64.powi(POINT);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and far below 2^127")]
    let whole = scaled as i128;
    assert_eq!(whole as f64, scaled, "{number} is not a multiple of 2^-{POINT}");
    whole
}

/// The exact sums of x and of |x| over the elements of a class.
type Sums = [(i128, i128); CLASSES];

fn sums(x: impl Fn(f32) -> f64) -> Sums {
    let mut sums = [(0, 0); CLASSES];
    for (place, &element) in MIXED.iter().enumerate() {
        let element = fixed(x(element));
        let (sum, size) = &mut sums[place % CLASSES];
        *sum += element;
        *size += element.abs();
    }
    sums
}

/// The exact sums over all classes, each times its weight, as f64: each is rounded once.
fn weighted(sums: &Sums, weights: [f64; CLASSES]) -> (f64, f64) {
    let total = |of: fn(&(i128, i128)) -> i128| -> f64 {
        // Twice a weight is whole.
        let twice = |weight: f64| fixed(2.0 * weight) >> POINT;
        let total: i128 = sums.iter().zip(weights).map(|(sum, w)| of(sum) * twice(w)).sum();
        total as f64 * 2.0_f64.powi(-POINT - 1)
    };
    (total(|sum| sum.0), total(|sum| sum.1))
}

/// γ(k) of the table above, for s steps and w weights. 3 more are what the expected value was rounded.
fn bound(steps: usize, weights: usize) -> f64 {
    let k = 256.0 + 4.0 + CHUNKS.log2().ceil() + (CLASSES + steps + weights) as f64 + 3.0;
    let u = f64::EPSILON / 2.0;
    k * u / (1.0 - k * u)
}

/// How far cells in f32 may be off.
const SINGLE: f64 = 64.0 / (1 << 24) as f64;

/// The value in f64, before it is rounded to the f32 of the prediction.
fn value(loss: &Loss, prediction: ArrayView4<'_, f32>, target: ArrayView4<'_, u8>) -> f64 {
    let batch = Batch::new(Layout::NHWC, prediction, target).expect("a batch");
    let mut state = State::new(loss);
    state.observe(&batch).expect("a batch");
    state.value().expect("a value")
}

/// The error, as a share of what the bound allows.
fn share(found: f64, (sum, size): (f64, f64), divisor: f64, bound: f64) -> f64 {
    (found - sum / divisor).abs() / (bound * size / divisor)
}

const ORDERS: [(&str, usize); 4] = [
    ("sum(all)", 1),
    ("mean(all)", 1),
    ("mean(class) > mean(pixel) > mean(image)", 3),
    ("mean(pixel) > mean(image) > mean(class)", 3),
];

/// Every order, plain and weighted by class, of the loss of an element.
fn holds(source: &dyn Fn() -> Loss, x: fn(f32) -> f64, single: f64) {
    let cells = MIXED.len() as f64;
    let sums = sums(x);
    let plain = weighted(&sums, [1.0; CLASSES]);
    let of = |loss: &Loss| value(loss, MIXED.view(), TARGET.view());
    for (order, steps) in ORDERS {
        let loss = source().reduce(order.parse::<Reduction>().expect("an order"));
        let divisor = if order.starts_with("sum") { 1.0 } else { cells };
        let share = share(of(&loss), plain, divisor, single + bound(steps, 0));
        println!("{share:.5} of the bound: {loss}");
        assert!(share <= 1.0, "{loss}: {share} times the bound");
    }
    let weights = [1.0, 0.5, 3.0, 1000.0];
    let loss = source()
        .weigh(lossfold::Weight::class(weights))
        .reduce("mean(all)".parse::<Reduction>().expect("an order"));
    let divisor = weights.iter().sum::<f64>() * cells / CLASSES as f64;
    let share = share(of(&loss), weighted(&sums, weights), divisor, single + bound(1, 1));
    println!("{share:.5} of the bound: {loss}");
    assert!(share <= 1.0, "{loss}: {share} times the bound");
}

#[test]
fn absolute_values_keep_the_bound() {
    // All terms are positive, so that the bound is one on the relative error.
    holds(&|| lossfold::absolute(Activation::Identity), |x| f64::from(x).abs(), SINGLE);
}

#[test]
fn numbers_of_both_signs_keep_the_bound() {
    holds(&|| element("signed", Activation::Identity, Signed), f64::from, 0.0);
}

#[test]
fn a_sum_in_f32_does_not_keep_the_bound() {
    let exact = weighted(&sums(|x| f64::from(x).abs()), [1.0; CLASSES]);
    let naive: f32 = MIXED.iter().map(|x| x.abs()).sum();
    let of_f32 = share(f64::from(naive), exact, 1.0, SINGLE + bound(1, 0));
    assert!(of_f32 > 10.0, "{of_f32} times the bound");
}

/// A 1 and then numbers that a running sum in f64, once at 1, does not take in.
fn one_and_dust() -> Array4<f32> {
    let mut dust = Array4::from_elem(SHAPE, 2.0_f32.powi(-54));
    dust[[0, 0, 0, 0]] = 1.0;
    dust
}

#[test]
fn a_running_sum_in_f64_does_not_keep_the_bound_and_the_engine_does() {
    let dust = one_and_dust();
    let exact = 1.0 + (dust.len() - 1) as f64 * 2.0_f64.powi(-54);
    let naive: f64 = dust.iter().map(|&x| f64::from(x)).sum();
    let of_naive = share(naive, (exact, exact), 1.0, bound(1, 0));
    assert!(of_naive > 1000.0, "{of_naive} times the bound");
    let loss: Loss = "absolute(identity) > sum(all)".parse().expect("a loss");
    let found = value(&loss, dust.view(), TARGET.view());
    // Sixteen of a class at a time move on to f64, where these are whole numbers of last places.
    assert_eq!(found, exact - 15.0 * 2.0_f64.powi(-54));
}

#[test]
fn a_value_in_f32_is_the_nearest_to_the_sum_in_f64() {
    let part = MIXED.slice(ndarray::s![..2, .., .., ..]);
    let target = TARGET.slice(ndarray::s![..2, .., .., ..]);
    let loss: Loss = "absolute(identity) > mean(all)".parse().expect("a loss");
    let batch = Batch::new(Layout::NHWC, part, target).expect("a batch");
    #[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is what is expected")]
    let expected = value(&loss, part, target) as f32;
    assert_eq!(loss.value(&batch).expect("a value").to_bits(), expected.to_bits());
}

/// The sum of the cross-entropies of n pixels that are true, with this logit, after some others.
fn confident(logit: f32, pixels: usize, others: &[f32]) -> f64 {
    let mut logits = Array2::from_elem((pixels, 1), logit);
    others.iter().zip(logits.iter_mut()).for_each(|(&other, logit)| *logit = other);
    let truth = Array2::<u8>::ones((pixels, 1));
    let layout = "pixel class".parse().expect("a layout");
    let batch = Batch::new(layout, &logits, &truth).expect("a batch");
    let loss: Loss = "bce(sigmoid) > sum(all)".parse().expect("a loss");
    let mut state = State::new(&loss);
    state.observe(&batch).expect("a batch");
    state.value().expect("a value")
}

#[test]
fn what_confident_pixels_lose_adds_up() {
    let pixels = 1 << 20;
    let of = |logit: f32| (-f64::from(logit)).exp().ln_1p();
    // 1e-12 each, and what is too small for a probability in f32, or in f64, to be other than 1.
    for logit in [27.631_021_f32, 50.0, 100.0, 700.0] {
        let expected = pixels as f64 * of(logit);
        let found = confident(logit, pixels, &[]);
        let allowed = SINGLE * expected + pixels as f64 * 2.0_f64.powi(-149);
        assert!((found - expected).abs() < allowed, "{logit}: {found}, not {expected}");
    }
    assert!((of(27.631_021) / 1e-12 - 1.0).abs() < 1e-6);
    // Beside one pixel that is wrong, too.
    let wrong = of(-27.631_021);
    let expected = wrong + (pixels - 1) as f64 * of(27.631_021);
    let found = confident(27.631_021, pixels, &[-27.631_021]);
    // What the others lose is seen.
    let lost = expected - wrong;
    assert!((found - expected).abs() < 1e-3 * lost, "{found}, not {expected}");
    // A probability in f32 is 1 there, and its logarithm 0.
    let probability = 1.0 / (1.0 + (-27.631_021_f32).exp());
    assert_eq!(-probability.ln(), 0.0);
}
