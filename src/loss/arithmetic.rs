//! Sums, multiples and quotients of losses.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Loss, Node};

impl Loss {
    /// The terms and the constant of the sum that this loss is.
    pub(crate) fn into_terms(self) -> (Vec<(f64, Self)>, f64) {
        match &*self.node {
            Node::Sum { terms, constant } => (terms.clone(), *constant),
            _ => (vec![(1.0, self)], 0.0),
        }
    }

    /// The sum of these, or the loss itself where it stands alone.
    pub(crate) fn from_terms(terms: Vec<(f64, Self)>, constant: f64) -> Self {
        match (&terms[..], constant) {
            ([(1.0, loss)], 0.0) => loss.clone(),
            _ => Self::new(Node::Sum { terms, constant }),
        }
    }
}

impl Add for Loss {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (mut terms, constant) = self.into_terms();
        let (more, another) = other.into_terms();
        terms.extend(more);
        Self::from_terms(terms, constant + another)
    }
}

impl Mul<f64> for Loss {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        let (mut terms, constant) = self.into_terms();
        for (coefficient, _) in &mut terms {
            *coefficient *= factor;
        }
        Self::from_terms(terms, constant * factor)
    }
}

impl Add<f64> for Loss {
    type Output = Self;

    fn add(self, number: f64) -> Self {
        let (terms, constant) = self.into_terms();
        Self::from_terms(terms, constant + number)
    }
}

impl Sub for Loss {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Sub<f64> for Loss {
    type Output = Self;

    fn sub(self, number: f64) -> Self {
        self + -number
    }
}

impl Neg for Loss {
    type Output = Self;

    fn neg(self) -> Self {
        self * -1.0
    }
}

impl Mul<Loss> for f64 {
    type Output = Loss;

    fn mul(self, loss: Loss) -> Loss {
        loss * self
    }
}

impl Add<Loss> for f64 {
    type Output = Loss;

    fn add(self, loss: Loss) -> Loss {
        loss + self
    }
}

impl Sub<Loss> for f64 {
    type Output = Loss;

    fn sub(self, loss: Loss) -> Loss {
        -loss + self
    }
}

/// A general ratio: any reduced expression over any other. A denominator of 0 is an error.
impl Div for Loss {
    type Output = Self;

    fn div(self, under: Self) -> Self {
        Self::new(Node::Quotient(self, under))
    }
}
