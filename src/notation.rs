//! How numbers, lists and calls stand in texts: short, and read back to the same bits.

use std::fmt;

/// A number as it prints: `1`, `0.25`, `1e-7`.
pub(crate) struct Number(pub(crate) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = *self;
        if number.fract() == 0.0 && number.abs() < 1e15 {
            write!(f, "{number}")
        } else {
            write!(f, "{number:?}")
        }
    }
}

/// Numbers as they print in a list: `[1, 2.5]`.
pub(crate) fn list(numbers: &[f64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(|&number| Number(number).to_string()).collect();
    format!("[{}]", numbers.join(", "))
}

/// Writes `name(main; option, option)`.
pub(crate) fn call(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    main: impl fmt::Display,
    options: &[String],
) -> fmt::Result {
    write!(f, "{name}({main}")?;
    if !options.is_empty() {
        write!(f, "; {}", options.join(", "))?;
    }
    f.write_str(")")
}
