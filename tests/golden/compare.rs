//! When two results agree.

/// Every number got is as far as `tolerance * max(1, |expected|)` from the number expected, or
/// nearer: relative for large numbers, absolute for small ones. NaN agrees with NaN, an infinity
/// with itself.
pub fn agree(what: &str, got: &[f64], expected: &[f64], tolerance: f64) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!(
            "got {} numbers as {what} expected {} numbers",
            got.len(),
            expected.len()
        ));
    }
    let near = |got: f64, expected: f64| {
        got == expected
            || (got.is_nan() && expected.is_nan())
            || expected.is_finite() && (got - expected).abs() <= tolerance * expected.abs().max(1.0)
    };
    let differs = got.iter().zip(expected).position(|(&got, &expected)| !near(got, expected));
    match differs {
        None => Ok(()),
        Some(0) if got.len() == 1 => Err(format!("got {} expected {}", got[0], expected[0])),
        Some(at) => Err(format!("got {what}[{at}] {} expected {}", got[at], expected[at])),
    }
}

#[test]
fn what_differs_does_not_agree() {
    let agree = |got: &[f64], expected: &[f64]| agree("value", got, expected, 1e-3).is_ok();
    assert!(agree(&[1.0005], &[1.0]) && agree(&[1000.5], &[1000.0]) && agree(&[0.0005], &[0.0]));
    assert!(!agree(&[1.002], &[1.0]) && !agree(&[1002.0], &[1000.0]) && !agree(&[0.002], &[0.0]));
    assert!(agree(&[f64::NAN], &[f64::NAN]) && agree(&[f64::INFINITY], &[f64::INFINITY]));
    assert!(!agree(&[f64::NAN], &[0.0]) && !agree(&[0.0], &[f64::NAN]));
    assert!(!agree(&[f64::INFINITY], &[1.0]) && !agree(&[1.0], &[f64::INFINITY]));
    assert!(!agree(&[f64::NEG_INFINITY], &[f64::INFINITY]));
    assert!(!agree(&[1.0], &[1.0, 1.0]) && !agree(&[], &[1.0]));
}
