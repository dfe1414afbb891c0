//! A sum whose error does not grow with its length.

/// The sum of the numbers, with Neumaier's compensation: the error is that of rounding the exact
/// sum once, plus at most n² u² Σ|x| with u = 2^-53.
pub(crate) fn sum(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for number in numbers {
        let next = total + number;
        lost += if total.abs() >= number.abs() {
            (total - next) + number
        } else {
            (number - next) + total
        };
        total = next;
    }
    // An infinite total has lost infinity minus infinity.
    if total.is_finite() { total + lost } else { total }
}
