//! What a study can be made of, one sentence each.

use neuro::architecture::Blueprint;
use neuro::injury::Injury;
use neuro::measure::Measure;
use neuro::plasticity::Plasticity;
use neuro::study::StimuliChoice;
use serde::Serialize;
use serde_json::{Value, json};

use crate::study_file::BUILT_IN;

/// One thing that can be chosen: how it is written in a study, and what it is.
#[derive(Debug, Serialize)]
struct Choice {
    written: String,
    sentence: String,
}

fn chapters() -> Vec<(&'static str, Vec<Choice>)> {
    vec![
        ("injuries", choices(Injury::examples())),
        ("plasticities", choices(Plasticity::examples())),
        ("measures", choices(Measure::examples())),
        ("networks", choices(Blueprint::examples())),
        ("stimuli", choices(StimuliChoice::examples())),
        (
            "studies",
            BUILT_IN.iter().map(|(name, text)| Choice { written: (*name).to_owned(), sentence: question(text) }).collect(),
        ),
    ]
}

/// Examples as a study file writes them, their keys in our order.
fn choices<T: Serialize>(examples: Vec<(T, &'static str)>) -> Vec<Choice> {
    let written = |example: T| {
        let mut text = String::new();
        example.serialize(toml::ser::ValueSerializer::new(&mut text)).expect("an example is plain data");
        text
    };
    examples.into_iter().map(|(example, sentence)| Choice { written: written(example), sentence: sentence.to_owned() }).collect()
}

/// The question of a study text, without the rest of it.
fn question(text: &str) -> String {
    let study: Option<toml::Table> = text.parse().ok();
    study.and_then(|study| study.get("question")?.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The list for people.
pub fn text() -> String {
    let mut text = String::new();
    for (chapter, choices) in chapters() {
        text += &format!("{}{}\n", chapter[..1].to_uppercase(), &chapter[1..]);
        for Choice { written, sentence } in choices {
            text += &format!("  {written}\n      {sentence}\n");
        }
        text.push('\n');
    }
    text
}

/// The list for programs.
pub fn json() -> Value {
    chapters().into_iter().map(|(chapter, choices)| (chapter.to_owned(), json!(choices))).collect()
}
