//! One row as it stands in the file. What is missing or has another form is named, never a panic.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};
use serde_json::{Map, Value};

pub struct Row(Map<String, Value>);

impl Row {
    pub fn parse(line: &str) -> Result<Self, String> {
        match serde_json::from_str(line) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err("a line that is no JSON object".into()),
            Err(error) => Err(format!("a line that is no JSON ({error})")),
        }
    }

    fn field(&self, name: &str) -> Result<&Value, String> {
        self.0
            .get(name)
            .filter(|value| !value.is_null())
            .ok_or_else(|| format!("the row has no {name}"))
    }

    /// Whether the field is there, and is not null.
    pub fn has(&self, name: &str) -> bool {
        self.field(name).is_ok()
    }

    pub fn text(&self, name: &str) -> Result<&str, String> {
        self.field(name)?.as_str().ok_or_else(|| format!("{name} is no text"))
    }

    pub fn number(&self, name: &str) -> Result<f64, String> {
        number(self.field(name)?).ok_or_else(|| format!("{name} is no number"))
    }

    /// The numbers of a list, or one number.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        numbers(self.field(name)?).ok_or_else(|| format!("{name} has something that is no number"))
    }

    pub fn prediction(&self) -> Result<ArrayD<f64>, String> {
        tensor("pred", self.field("shape")?, self.field("pred")?)
    }

    pub fn target(&self) -> Result<ArrayD<f64>, String> {
        tensor("target", self.field("target_shape")?, self.field("target")?)
    }

    /// The weights by name. None is named that `known` lacks.
    pub fn weights(&self, known: &[&str]) -> Result<BTreeMap<&str, ArrayD<f64>>, String> {
        let Some(weights) = self.0.get("weights").and_then(Value::as_object) else {
            return Ok(BTreeMap::new());
        };
        let mut found = BTreeMap::new();
        for (name, weight) in weights {
            if !known.contains(&name.as_str()) {
                return Err(format!("the weight {name} is not translated"));
            }
            let weight = tensor(name, &weight["shape"], &weight["data"])?;
            if weight.iter().any(|&w| w < 0.0 || !w.is_finite()) {
                return Err(format!("{name} has an entry that is negative or not finite"));
            }
            found.insert(name.as_str(), weight);
        }
        Ok(found)
    }

    /// Every weight by name.
    pub fn all_weights(&self) -> Result<BTreeMap<&str, ArrayD<f64>>, String> {
        let Some(weights) = self.0.get("weights").and_then(Value::as_object) else {
            return Ok(BTreeMap::new());
        };
        let names: Vec<&str> = weights.keys().map(String::as_str).collect();
        self.weights(&names)
    }

    /// Every argument of the framework's call.
    pub fn arguments(&self) -> Result<&Map<String, Value>, String> {
        self.field("args")?.as_object().ok_or_else(|| "args are no object".into())
    }

    /// An argument that is given and not null.
    pub fn argument(&self, name: &str) -> Option<&Value> {
        self.arguments().ok()?.get(name).filter(|value| !value.is_null())
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(flag) => Some(f64::from(*flag)),
        Value::String(text) if ["nan", "inf", "-inf"].contains(&text.as_str()) => text.parse().ok(),
        _ => value.as_f64(),
    }
}

/// The numbers of a list, of lists of them, or one number.
pub fn numbers(value: &Value) -> Option<Vec<f64>> {
    match value {
        Value::Array(list) => {
            list.iter().map(numbers).collect::<Option<Vec<_>>>().map(|lists| lists.concat())
        }
        _ => number(value).map(|number| vec![number]),
    }
}

fn tensor(name: &str, shape: &Value, data: &Value) -> Result<ArrayD<f64>, String> {
    let extent = |value: &Value| value.as_u64().and_then(|extent| usize::try_from(extent).ok());
    let extents = shape.as_array().and_then(|list| list.iter().map(extent).collect::<Option<_>>());
    let (Some(extents), Some(data)) = (extents, numbers(data)) else {
        return Err(format!("{name} is no tensor of numbers"));
    };
    let extents: Vec<usize> = extents;
    if extents.contains(&0) {
        return Err(format!("{name} has no element"));
    }
    ArrayD::from_shape_vec(IxDyn(&extents), data).map_err(|error| format!("{name}: {error}"))
}
