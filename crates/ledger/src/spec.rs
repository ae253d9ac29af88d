//! What a case depends on, and the key that this gives it.
//!
//! Two studies that ask for the same case share it: its key is the SHA-256 of all that its numbers depend on, in a canonical form. What a
//! thing is called (the arm, the study), how many steps are asked for, what is measured, and who computes are no part of it. So a
//! study may gain seeds, arms, steps, measures and layers, and a typo in its question may be mended, without anything being done
//! twice; and a case that was changed is another case.

use neuro::architecture::Blueprint;
use neuro::course::Course;
use neuro::injury::Injury;
use neuro::lesson::Lesson;
use neuro::seed::Seed;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::disk::sha256;

/// Version of what the words of a [`CaseSpec`] mean. Raise it when the same words come to mean other numbers.
const METHOD: u32 = 1;

/// The name of a case by its content: SHA-256 in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CaseKey(String);

impl CaseKey {
    /// As much of it as tells cases of one folder apart.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for CaseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// All that the numbers of a case depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseSpec {
    /// What the words below mean.
    pub method: u32,
    /// What the network begins as.
    pub start: Start,
    /// The network.
    pub network: Blueprint,
    /// Number of classes, and so of its outputs.
    pub classes: usize,
    /// SHA-256 of the training images, by which the network is taught and its inputs are scaled.
    pub images: String,
    /// What each step takes.
    pub injury: Injury,
    /// Its seed, if anything is taken.
    pub injury_seed: Option<Seed>,
    /// What each step teaches.
    pub lesson: Option<Lesson>,
    /// The seed of the order, crops and flips of the images, if anything is taught.
    pub data_seed: Option<Seed>,
    /// Kind of device that computes.
    pub device: String,
}

/// What a network begins as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Start {
    /// Random weights.
    Seed(Seed),
    /// Given weights, by the SHA-256 of their file.
    Weights(String),
    /// The network of another case at the end of one of its steps; step 0 is the healthy network of a subject.
    Case {
        /// The other case.
        key: CaseKey,
        /// The step.
        step: u32,
    },
}

impl CaseSpec {
    /// What the words mean today.
    pub const METHOD: u32 = METHOD;

    /// The name of this case by its content.
    pub fn key(&self) -> CaseKey {
        CaseKey(sha256(self.canonical().as_bytes()))
    }

    /// JSON with the keys of every object sorted and no space: the same text for the same content, whoever wrote it.
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        write(&serde_json::to_value(self).expect("plain data"), &mut text);
        text
    }

    /// The course that this case takes, up to a stage.
    pub fn course(&self, last: u32) -> Course {
        let first = match &self.start {
            Start::Seed(_) | Start::Weights(_) => 0,
            Start::Case { step, .. } => step.saturating_add(1),
        };
        Course { injury: self.injury.clone(), lesson: self.lesson.clone(), stages: first..=last.max(first) }
    }
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            text.push('{');
            for (i, name) in names.into_iter().enumerate() {
                text.push_str(if i > 0 { "," } else { "" });
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(&fields[name], text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                text.push_str(if i > 0 { "," } else { "" });
                write(item, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn subject() -> CaseSpec {
        serde_json::from_value(json!({
            "method": 1,
            "start": {"seed": 7},
            "network": {"tiny": {"batch_norm": true, "head": [16], "width": 0.5}},
            "classes": 10,
            "images": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "injury": "none",
            "injury_seed": null,
            "lesson": {
                "epochs": 2, "batch": 16, "rate": 0.02, "momentum": 0.9, "nesterov": false, "decay": 0.0005,
                "schedule": "constant", "label_smoothing": 0.0, "augmentation": "crop-flip",
            },
            "data_seed": 7,
            "device": "cpu",
        }))
        .unwrap()
    }

    /// Pins the keys: if this fails, every finished case of every user is another case. Recipe of the hash: sha256sum of the text.
    #[test]
    fn keys_never_change() {
        insta::assert_snapshot!(subject().canonical(), @r#"{"classes":10,"data_seed":7,"device":"cpu","images":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","injury":"none","injury_seed":null,"lesson":{"augmentation":"crop-flip","batch":16,"decay":0.0005,"epochs":2,"label_smoothing":0.0,"momentum":0.9,"nesterov":false,"rate":0.02,"schedule":"constant"},"method":1,"network":{"tiny":{"batch_norm":true,"head":[16],"width":0.5}},"start":{"seed":7}}"#);
        insta::assert_snapshot!(subject().key(), @"c24731cb1b5f94baa7c8c3b9cbda54589f4deb4ba9a38be5d1fd2e92bb324d5f");
        let ablation = json!({"ablation": {"fraction": 0.2, "of": "remaining", "scope": "per-layer"}});
        let trial = CaseSpec {
            start: Start::Case { key: subject().key(), step: 0 },
            injury: serde_json::from_value(ablation).unwrap(),
            injury_seed: Some(Seed(7)),
            lesson: None,
            data_seed: None,
            ..subject()
        };
        insta::assert_snapshot!(trial.canonical(), @r#"{"classes":10,"data_seed":null,"device":"cpu","images":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","injury":{"ablation":{"fraction":0.2,"of":"remaining","scope":"per-layer"}},"injury_seed":7,"lesson":null,"method":1,"network":{"tiny":{"batch_norm":true,"head":[16],"width":0.5}},"start":{"case":{"key":"c24731cb1b5f94baa7c8c3b9cbda54589f4deb4ba9a38be5d1fd2e92bb324d5f","step":0}}}"#);
        insta::assert_snapshot!(trial.key(), @"ccbb0ab1d177fc90096bd9dceaf81f25d2608ec7fbe6ea95bf6dc7531c2fd850");
    }

    #[test]
    fn everything_a_case_depends_on_moves_its_key() {
        let whole = serde_json::to_value(subject()).unwrap();
        let changes = [
            ("start", json!({"seed": 8})),
            ("start", json!({"weights": "00"})),
            ("start", json!({"case": {"key": "00", "step": 1}})),
            ("network", json!({"tiny": {"batch_norm": false, "head": [16], "width": 0.5}})),
            ("classes", json!(11)),
            ("images", json!("ff")),
            ("injury", json!({"ablation": {"fraction": 0.2, "of": "remaining", "scope": "per-layer"}})),
            ("injury_seed", json!(1)),
            ("lesson", json!(null)),
            ("data_seed", json!(8)),
            ("device", json!("cpu-stock")),
            ("method", json!(2)),
        ];
        let mut keys = vec![subject().key()];
        for (field, value) in changes {
            let mut changed = whole.clone();
            changed[field] = value;
            keys.push(serde_json::from_value::<CaseSpec>(changed).unwrap().key());
        }
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len());
        assert_eq!(whole.as_object().unwrap().len(), 10, "a new field needs its line above");
    }
}
