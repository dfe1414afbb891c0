//! A translated row: an expression, and the batch on which it is evaluated.

use lossfold::{Batch, ErrorKind, Float, Labels, Layout, Loss, Over, State, sum};
use ndarray::{ArrayD, Axis, IxDyn};

use crate::weight::Carried;

pub struct Case {
    pub loss: Loss,
    pub layout: Layout,
    pub prediction: ArrayD<f64>,
    pub before: Before,
    pub target: Target,
    pub carried: Carried,
}

/// What happens to the prediction before the loss, where no activation of the library is meant.
#[derive(Clone, Copy, PartialEq)]
pub enum Before {
    Nothing,
    Tanh,
    /// Along tensor axis 1.
    LogSoftmax,
    /// Without the first of tensor axis 1.
    WithoutBackground,
}

pub enum Target {
    Dense(ArrayD<f64>),
    Labels { numbers: ArrayD<i64>, ignored: Option<i64> },
}

impl Target {
    /// Labels that came as numbers of any type.
    pub fn labels(numbers: &ArrayD<f64>, ignored: Option<i64>) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "labels are whole numbers")]
        Self::Labels { numbers: numbers.mapv(|label| label as i64), ignored }
    }
}

impl Before {
    fn apply(self, x: &ArrayD<f64>) -> ArrayD<f64> {
        let mut y = x.clone();
        match self {
            Self::Nothing => {}
            Self::Tanh => y.mapv_inplace(f64::tanh),
            Self::WithoutBackground => return x.slice_axis(Axis(1), (1..).into()).to_owned(),
            Self::LogSoftmax => {
                for mut classes in y.lanes_mut(Axis(1)) {
                    let total = classes.mapv(f64::exp).sum().ln();
                    classes.mapv_inplace(|x| x - total);
                }
            }
        }
        y
    }

    /// The gradient with respect to x of a loss with this gradient with respect to y.
    fn pull_back(self, y: &ArrayD<f64>, mut gradient: ArrayD<f64>) -> ArrayD<f64> {
        match self {
            Self::Nothing => {}
            Self::Tanh => gradient.zip_mut_with(y, |g, y| *g *= 1.0 - y * y),
            Self::WithoutBackground => {
                let mut shape = gradient.raw_dim();
                shape[1] += 1;
                let mut padded = ArrayD::zeros(shape);
                padded.slice_axis_mut(Axis(1), (1..).into()).assign(&gradient);
                return padded;
            }
            Self::LogSoftmax => {
                for (mut g, y) in gradient.lanes_mut(Axis(1)).into_iter().zip(y.lanes(Axis(1))) {
                    let total = g.sum();
                    g.zip_mut_with(&y, |g, y| *g -= y.exp() * total);
                }
            }
        }
        gradient
    }
}

impl Case {
    /// A case that does nothing to the prediction before the loss.
    pub fn of(
        loss: Loss,
        layout: Layout,
        prediction: ArrayD<f64>,
        target: Target,
        carried: Carried,
    ) -> Result<Self, String> {
        match target {
            Target::Dense(target) => {
                Ok(Self { carried, ..Self::new(loss, layout, prediction, target)? })
            }
            target @ Target::Labels { .. } => {
                Ok(Self { loss, layout, prediction, before: Before::Nothing, target, carried })
            }
        }
    }

    /// A case on dense targets, without weights.
    pub fn new(
        loss: Loss,
        layout: Layout,
        prediction: ArrayD<f64>,
        target: ArrayD<f64>,
    ) -> Result<Self, String> {
        if prediction.shape() != target.shape() {
            return Err(format!(
                "a target of shape {:?} for a prediction of shape {:?}",
                target.shape(),
                prediction.shape()
            ));
        }
        let (before, target) = (Before::Nothing, Target::Dense(target));
        Ok(Self { loss, layout, prediction, before, target, carried: Carried::default() })
    }

    fn batch<'b, F: Float>(
        &'b self,
        prediction: &'b ArrayD<F>,
    ) -> lossfold::Result<Batch<'b, F, IxDyn>> {
        let mut batch = match &self.target {
            Target::Dense(target) => Batch::new(self.layout, prediction, target)?,
            Target::Labels { numbers, ignored } => {
                let labels = Labels::new(numbers);
                let labels = match ignored {
                    Some(ignored) => labels.ignore(*ignored),
                    None => labels,
                };
                Batch::new(self.layout, prediction, labels)?
            }
        };
        if let Some(weights) = &self.carried.image {
            batch = batch.with_image_weights(weights)?;
        }
        if let Some((axes, map)) = &self.carried.map {
            batch = batch.with_map(*axes, map)?;
        }
        if let Some((axes, mask)) = &self.carried.mask {
            batch = batch.with_mask(*axes, mask)?;
        }
        Ok(batch)
    }

    /// What the loss keeps of the batch, where others will join it.
    pub fn observed<F: Float>(&self) -> lossfold::Result<State> {
        let prediction = self.before.apply(&self.prediction).mapv(F::narrow);
        let mut state = State::new(&self.loss);
        state.observe(&self.batch(&prediction)?)?;
        Ok(state)
    }

    /// The values and the gradient of their sum, in the order of the prediction's axes.
    pub fn evaluate<F: Float>(&self) -> lossfold::Result<(Vec<f64>, Vec<f64>)> {
        let activated = self.before.apply(&self.prediction);
        let prediction = activated.mapv(F::narrow);
        let batch = self.batch(&prediction)?;
        let (values, gradient) = match self.loss.value_and_gradient(&batch) {
            Ok((value, gradient)) => (vec![value], gradient),
            // Axes are left: nothing was to be reduced.
            Err(error) if error.kind() == ErrorKind::Order => {
                let values = self.loss.values(&batch)?.values;
                let total = self.loss.clone().reduce(sum(Over::All));
                (values.iter().copied().collect(), total.value_and_gradient(&batch)?.1)
            }
            Err(error) => return Err(error),
        };
        let gradient = self.before.pull_back(&activated, gradient.mapv(F::into));
        Ok((values.into_iter().map(F::into).collect(), gradient.into_iter().collect()))
    }
}

/// Labels (N, ...) as 0 and 1 per class, along tensor axis 1; a label without a class is 0 in all.
pub fn one_hot(labels: &ArrayD<f64>, classes: usize) -> ArrayD<f64> {
    let mut shape = labels.shape().to_vec();
    shape.insert(1, classes);
    let mut target = ArrayD::zeros(shape);
    for (class, mut plane) in target.axis_iter_mut(Axis(1)).enumerate() {
        plane.assign(&labels.mapv(|label| f64::from(label == class as f64)));
    }
    target
}
