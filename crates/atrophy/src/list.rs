//! What a study can be made of, one sentence each.

use neuro::injury::Injury;
use neuro::measure::Measure;
use neuro::plasticity::Plasticity;
use serde::Serialize;
use serde_json::{Value, json};

use crate::study_file::BUILT_IN;

const NETWORKS: [(&str, &str); 2] = [
    (
        "{ vgg = { depth = 19, batch_norm = true, head = [], width = 1.0 } }",
        "VGG 11, 13, 16 or 19 (Simonyan & Zisserman 2015), dense head of any widths ([4096, 4096]: the original), width multiplier",
    ),
    (
        "{ tiny = { batch_norm = true, head = [64], width = 1.0 } }",
        "three convolutions (8, 16 and 32 channels x width), for tests and quick looks",
    ),
];

const STIMULI: [(&str, &str); 4] = [
    (
        "{ cifar10 = {} }",
        "CIFAR-10 (Krizhevsky 2009); train, assessment and test take part of it; downloaded where it is missing",
    ),
    ("{ cifar100 = {} }", "CIFAR-100, fine labels; the same options"),
    (
        "{ folder = { path = \"pictures\", size = 32 } }",
        "PNG or JPEG pictures in train/CLASS/ and test/CLASS/, resized and cropped",
    ),
    ("{ shapes = { train = 4000, test = 1000 } }", "ten classes of drawn objects, 32 x 32 pixels, made on the spot"),
];

/// One thing that can be chosen: how it is written in a study, and what it is.
#[derive(Debug, Serialize)]
struct Choice {
    written: String,
    sentence: String,
}

fn chapters() -> Vec<(&'static str, Vec<Choice>)> {
    let plain = |(written, sentence): &(&str, &str)| Choice { written: (*written).to_owned(), sentence: (*sentence).to_owned() };
    vec![
        ("injuries", Injury::examples().iter().map(|(injury, sentence)| choice(injury, sentence)).collect()),
        ("plasticities", Plasticity::examples().iter().map(|(plasticity, sentence)| choice(plasticity, sentence)).collect()),
        ("measures", Measure::examples().iter().map(|(measure, sentence)| choice(measure, sentence)).collect()),
        ("networks", NETWORKS.iter().map(plain).collect()),
        ("stimuli", STIMULI.iter().map(plain).collect()),
        (
            "studies",
            BUILT_IN.iter().map(|(name, text)| Choice { written: (*name).to_owned(), sentence: question(text) }).collect(),
        ),
    ]
}

fn choice(example: &impl Serialize, sentence: &str) -> Choice {
    let written = toml::Value::try_from(example).map_or_else(|_| String::new(), |value| value.to_string());
    Choice { written, sentence: sentence.to_owned() }
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
