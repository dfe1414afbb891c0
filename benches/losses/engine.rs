//! The two engines under one signature.

use lossfold::{Batch, Loss, Result};
use ndarray::{Array4, Ix4};

use crate::arrays::Number;

/// Which code evaluates a loss.
#[derive(Clone, Copy, PartialEq)]
pub enum Engine {
    Fused,
    Reference,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Fused => "fused",
            Self::Reference => "reference",
        }
    }

    pub fn value<F: Number>(self, loss: &Loss, batch: &Batch<'_, F, Ix4>) -> Result<F> {
        match self {
            Self::Fused => loss.value(batch),
            Self::Reference => loss.reference().value(batch),
        }
    }

    pub fn gradient<F: Number>(
        self,
        loss: &Loss,
        batch: &Batch<'_, F, Ix4>,
    ) -> Result<(F, Array4<F>)> {
        match self {
            Self::Fused => loss.value_and_gradient(batch),
            Self::Reference => loss.reference().value_and_gradient(batch),
        }
    }

    /// The reference has no form that reuses a buffer.
    pub fn gradient_into<F: Number>(
        self,
        loss: &Loss,
        batch: &Batch<'_, F, Ix4>,
        buffer: &mut Array4<F>,
    ) -> Result<F> {
        match self {
            Self::Fused => loss.value_and_gradient_into(batch, buffer),
            Self::Reference => {
                let (value, gradient) = self.gradient(loss, batch)?;
                buffer.assign(&gradient);
                Ok(value)
            }
        }
    }
}
