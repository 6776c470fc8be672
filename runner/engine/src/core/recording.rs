//! The values that the fields of one object went through.

use jiff::Timestamp;
use serde_json::Value;
use sitedrill_model::SeenValue;
use sitedrill_model::scenario::Observe;

use crate::objects::{self, Key};

/// What an `observe` step recorded.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(super) key: Key,
    fields: Vec<String>,
    /// Without immediate repetitions; several fields are separated by one space.
    pub(crate) values: Vec<SeenValue>,
}

impl Recording {
    pub(super) fn new(observe: &Observe) -> Self {
        Self {
            key: Key::of(&observe.object),
            fields: observe.fields.clone(),
            values: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, object: Option<&Value>, at: Timestamp) {
        let value = match object {
            None => "<absent>".to_owned(),
            Some(object) => {
                let values = self.fields.iter();
                let texts = values.map(|path| objects::text(objects::field(object, path)));
                texts.collect::<Vec<_>>().join(" ")
            }
        };
        if self.values.last().is_none_or(|last| last.value != value) {
            self.values.push(SeenValue { at, value });
        }
    }
}
