//! What stays on disk of all that a study computes: checkpoints, and whole dissimilarity matrices.

use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which checkpoints stay on disk when a trial is done, besides the healthy network, the last one of each trial, and those that other
/// arms start from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// No others. Written `"last"`.
    #[default]
    Last,
    /// The checkpoint behind every reading. Written `"every-reading"`.
    EveryReading,
    /// Those at the ends of these steps. Written `[5, 10]`.
    Steps(Vec<u32>),
}

/// Of which readings the whole dissimilarity matrix (RDM) of each tap stays on disk, besides the small picture of it that every reading
/// has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepRdms {
    /// Of every reading. Written `"every-reading"`.
    EveryReading,
    /// Of the readings in these steps, injured and treated; 0 is the healthy network. Written `[0, 5, 15]`; `[]` keeps none.
    Steps(Vec<u32>),
}

impl Default for KeepRdms {
    fn default() -> Self {
        KeepRdms::Steps(Vec::new())
    }
}

impl KeepRdms {
    /// Whether it keeps none.
    pub fn is_none(&self) -> bool {
        *self == KeepRdms::default()
    }

    /// Whether the readings of a step are among those whose matrices stay.
    pub fn includes(&self, step: u32) -> bool {
        match self {
            KeepRdms::EveryReading => true,
            KeepRdms::Steps(steps) => steps.contains(&step),
        }
    }
}

const EVERY_READING: &str = "every-reading";
const LAST: &str = "last";

impl Serialize for Keep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Keep::Last => serializer.serialize_str(LAST),
            Keep::EveryReading => serializer.serialize_str(EVERY_READING),
            Keep::Steps(steps) => steps.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Form {
            words: &[LAST, EVERY_READING],
            first: 1,
            told: "\"last\", \"every-reading\" or a list of steps such as [5, 10]",
        };
        Ok(match deserializer.deserialize_any(form)? {
            Written::Word(EVERY_READING) => Keep::EveryReading,
            Written::Word(_) => Keep::Last,
            Written::Steps(steps) => Keep::Steps(steps),
        })
    }
}

impl Serialize for KeepRdms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            KeepRdms::EveryReading => serializer.serialize_str(EVERY_READING),
            KeepRdms::Steps(steps) => steps.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for KeepRdms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let told = "\"every-reading\" or a list of steps such as [0, 15], in which 0 is the healthy network";
        Ok(match deserializer.deserialize_any(Form { words: &[EVERY_READING], first: 0, told })? {
            Written::Word(_) => KeepRdms::EveryReading,
            Written::Steps(steps) => KeepRdms::Steps(steps),
        })
    }
}

/// How a study file says what is kept: one of a few words, or a list of steps.
struct Form {
    words: &'static [&'static str],
    /// The first step that can be named.
    first: u32,
    /// The form in words.
    told: &'static str,
}

enum Written {
    Word(&'static str),
    /// Sorted, each once.
    Steps(Vec<u32>),
}

impl<'de> Visitor<'de> for Form {
    type Value = Written;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.told)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Written, E> {
        let known = self.words.iter().find(|known| **known == word);
        known.map(|known| Written::Word(known)).ok_or_else(|| E::invalid_value(Unexpected::Str(word), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Written, A::Error> {
        let mut steps = Vec::new();
        while let Some(step) = list.next_element::<i64>()? {
            let known = u32::try_from(step).ok().filter(|step| *step >= self.first);
            steps.push(known.ok_or_else(|| A::Error::invalid_value(Unexpected::Signed(step), &self))?);
        }
        steps.sort_unstable();
        steps.dedup();
        Ok(Written::Steps(steps))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_kept_is_a_word_or_a_list_of_steps() {
        let keep = |value: Value| serde_json::from_value::<Keep>(value).map_err(|error| error.to_string());
        assert_eq!(keep(json!("last")), Ok(Keep::Last));
        assert_eq!(keep(json!("every-reading")), Ok(Keep::EveryReading));
        assert_eq!(keep(json!([10, 5, 10])), Ok(Keep::Steps(vec![5, 10])));
        assert!(keep(json!([0])).unwrap_err().contains("invalid value: integer `0`"));
        assert!(keep(json!([-1])).unwrap_err().contains("a list of steps such as [5, 10]"));
        assert!(keep(json!("first")).unwrap_err().contains("a list of steps such as [5, 10]"));
        let rdms = |value: Value| serde_json::from_value::<KeepRdms>(value).map_err(|error| error.to_string());
        assert_eq!(rdms(json!("every-reading")), Ok(KeepRdms::EveryReading));
        assert_eq!(rdms(json!([15, 0, 15])), Ok(KeepRdms::Steps(vec![0, 15])));
        assert!(rdms(json!([])).unwrap().is_none());
        for wrong in [json!("last"), json!([-1]), json!(5), json!(true), json!([0.5])] {
            assert!(rdms(wrong.clone()).is_err(), "{wrong}");
        }
        for kept in [KeepRdms::EveryReading, KeepRdms::Steps(vec![0, 3])] {
            assert_eq!(rdms(serde_json::to_value(&kept).unwrap()), Ok(kept));
        }
    }
}
