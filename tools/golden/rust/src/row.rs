//! The inputs of a row.

use std::io;

use serde_json::Value;

pub struct Row(Value);

impl Row {
    pub fn parse(line: &str) -> io::Result<Self> {
        Ok(Self(serde_json::from_str(line)?))
    }

    pub fn field(&self, name: &str) -> &Value {
        &self.0[name]
    }

    pub fn text(&self, name: &str) -> Result<&str, String> {
        self.field(name).as_str().ok_or_else(|| format!("{name} is no text"))
    }

    pub fn arg(&self, name: &str) -> &Value {
        &self.0["args"][name]
    }

    pub fn shape(&self) -> Result<Vec<usize>, String> {
        extents(self.field("shape")).ok_or_else(|| "shape is no list of extents".into())
    }

    #[expect(clippy::cast_possible_truncation, reason = "the rows are float32")]
    pub fn prediction(&self) -> Result<Vec<f32>, String> {
        let numbers = floats(self.field("pred")).ok_or("pred is no list of numbers")?;
        Ok(numbers.into_iter().map(|number| number as f32).collect())
    }

    pub fn target(&self) -> Result<Vec<i64>, String> {
        let list = self.field("target").as_array().and_then(|list| {
            let whole = |value: &Value| value.as_i64();
            list.iter().map(whole).collect()
        });
        list.ok_or_else(|| "target is no list of whole numbers".into())
    }

    #[expect(clippy::cast_possible_truncation, reason = "the frameworks want float32 weights")]
    pub fn weights(&self) -> Option<Vec<f32>> {
        let numbers = floats(&self.0["weights"]["weights"]["data"])?;
        Some(numbers.into_iter().map(|number| number as f32).collect())
    }
}

fn floats(list: &Value) -> Option<Vec<f64>> {
    list.as_array()?.iter().map(Value::as_f64).collect()
}

pub fn extents(list: &Value) -> Option<Vec<usize>> {
    let extent = |value: &Value| value.as_u64().and_then(|extent| usize::try_from(extent).ok());
    list.as_array()?.iter().map(extent).collect()
}
