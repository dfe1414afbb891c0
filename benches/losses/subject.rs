//! A workload on data: what named benchmarks and tables have in common.

use std::cell::OnceCell;

use crate::arrays::{Arrays, Number};
use crate::case::Case;
use crate::data::{Data, LazyData};
use crate::engine::Engine;
use crate::workload::{Expected, Scores, Workload};

pub struct Subject<'a> {
    pub workload: &'a Workload,
    pub data: &'a LazyData,
    expected: OnceCell<Expected>,
}

impl<'a> Subject<'a> {
    pub fn new(workload: &'a Workload, data: &'a LazyData) -> Self {
        Self { workload, data, expected: OnceCell::new() }
    }

    /// The loss by an engine on arrays that are made of the data.
    pub fn case<F: Number>(
        &self,
        id: &str,
        engine: Engine,
        arrays: impl FnOnce(Scores, &Data) -> Arrays<F>,
    ) -> Case<'_, F> {
        let data = self.data.get();
        let expected = *self.expected.get_or_init(|| self.workload.expected(data));
        let arrays = arrays(self.workload.scores, data);
        Case::new(id.to_owned(), engine, &self.workload.loss, arrays, data, expected)
    }
}
