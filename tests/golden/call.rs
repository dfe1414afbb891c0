//! The call that a row made, as its user wrote it.

use lossfold::preset::{Given, parse_for};
use lossfold::{ErrorKind, Layout, Loss};
use ndarray::ArrayD;
use serde_json::Value;

use crate::difference;
use crate::row::Row;
use crate::weight::{Carried, Named, named};

/// Arguments in the making.
#[derive(Default)]
pub struct Call(Vec<String>);

impl Call {
    /// The arguments of the row, but those that are the runner's own.
    pub fn of(row: &Row, own: &[&str]) -> Result<Self, String> {
        let given = row.arguments()?.iter().filter(|(name, _)| !own.contains(&name.as_str()));
        Ok(Self(given.map(|(name, value)| format!("{name}={}", python(value))).collect()))
    }

    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.0.push(format!("{name}={value}"));
        self
    }

    /// A weight as an argument: its numbers where one number or one per class, else what the batch carries.
    pub fn weight(
        self,
        name: &str,
        weight: &ArrayD<f64>,
        (shape, layout): (&[usize], Layout),
        carried: &mut Carried,
    ) -> Result<Self, String> {
        let text = match named(weight, shape, layout)? {
            Named::Number | Named::Class => numbers(weight),
            other => carried.carry(other)?.into(),
        };
        Ok(self.with(name, text))
    }

    pub fn text(&self, name: &str) -> String {
        format!("{name}({})", self.0.join(", "))
    }
}

/// The loss of a call. What a preset refuses is a difference, by its name.
pub fn parsed(call: &str, given: &Given) -> Result<Loss, String> {
    parse_for(call, given).map_err(|error| match error.kind() {
        ErrorKind::Preset => difference::refused(&error),
        _ => error.to_string(),
    })
}

/// A value of JSON in Python.
pub fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => format!("'{text}'"),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("'{name}': {}", python(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// The numbers of a tensor as lists in lists.
pub fn numbers(tensor: &ArrayD<f64>) -> String {
    if tensor.ndim() == 0 {
        return format!("{:?}", tensor.sum());
    }
    let parts: Vec<String> = tensor.outer_iter().map(|part| numbers(&part.to_owned())).collect();
    format!("[{}]", parts.join(", "))
}
