//! The two engines under one signature.

use lossfold::{Batch, Loss, Result};
use ndarray::{Array4, Ix4};

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

    pub fn value(self, loss: &Loss, batch: &Batch<'_, f32, Ix4>) -> Result<f32> {
        match self {
            Self::Fused => loss.value(batch),
            Self::Reference => loss.reference().value(batch),
        }
    }

    pub fn gradient(self, loss: &Loss, batch: &Batch<'_, f32, Ix4>) -> Result<(f32, Array4<f32>)> {
        match self {
            Self::Fused => loss.value_and_gradient(batch),
            Self::Reference => loss.reference().value_and_gradient(batch),
        }
    }

    /// The reference has no form that reuses a buffer.
    pub fn gradient_into(
        self,
        loss: &Loss,
        batch: &Batch<'_, f32, Ix4>,
        buffer: &mut Array4<f32>,
    ) -> Result<f32> {
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
