//! An architecture is data: a list of parts with names and sizes.
//!
//! The network is built, walked, tapped and wounded from this list by one piece of code, and `plan` counts
//! synapses, work and memory from it without a tensor. [`Blueprint`] is what a study file says; another
//! family of networks is one more variant and one function that returns such a list.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::images::Shape;
use crate::quantity::Positive;

/// The networks a study can name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Blueprint {
    /// VGG (Simonyan & Zisserman 2015): five blocks of 3x3 convolutions, each ending in a 2x2 max-pool, then dense layers.
    Vgg {
        /// Number of layers with weights in the original: 11, 13, 16 or 19.
        depth: Depth,
        /// Whether each convolution is followed by batch normalisation.
        batch_norm: bool,
        /// Widths of the dense layers before the last one: `[4096, 4096]` is the original, `[]` a single dense layer.
        head: Vec<NonZeroU32>,
        /// Multiplies the number of channels of every convolution; 1 is the original.
        #[serde(default = "original_width")]
        width: Positive,
    },
    /// Three blocks of one 3x3 convolution each (8, 16 and 32 channels), for tests and quick looks.
    Tiny {
        /// Whether each convolution is followed by batch normalisation.
        batch_norm: bool,
        /// Widths of the dense layers before the last one.
        head: Vec<NonZeroU32>,
        /// Multiplies the number of channels of every convolution.
        #[serde(default = "original_width")]
        width: Positive,
    },
}

fn original_width() -> Positive {
    Positive::try_from(1.0).expect("1 is above 0")
}

/// Number of layers with weights in a VGG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Depth(u32);

impl TryFrom<u32> for Depth {
    type Error = String;

    fn try_from(depth: u32) -> Result<Self, String> {
        match depth {
            11 | 13 | 16 | 19 => Ok(Self(depth)),
            _ => Err(format!("there is no VGG of depth {depth}: choose 11, 13, 16 or 19")),
        }
    }
}

impl From<Depth> for u32 {
    fn from(depth: Depth) -> u32 {
        depth.0
    }
}

/// One part of a network, in the order in which activity passes through.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it does.
    pub kind: Kind,
    /// Name in studies, tables and figures, such as `conv3_2` or `fc1`; empty for parts nobody asks for.
    pub name: String,
    /// Name in weight files, as torchvision has it: `features.7`, `classifier.0`.
    pub path: String,
    /// Size of the activity that comes out.
    pub output: Shape,
}

/// What a part does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A 3x3 convolution with stride 1, padding 1 and a bias. Its weights are synapses.
    Convolution {
        /// Channels that come in.
        inputs: usize,
        /// Channels that go out.
        outputs: usize,
    },
    /// Batch normalisation over each channel.
    Normalisation {
        /// Number of channels.
        channels: usize,
    },
    /// max(0, x).
    Relu,
    /// Maximum over 2x2 squares, stride 2.
    MaxPool,
    /// From maps to one list of features.
    Flatten,
    /// A dense layer with a bias. Its weights are synapses.
    Dense {
        /// Features that come in.
        inputs: usize,
        /// Features that go out.
        outputs: usize,
    },
    /// A place where activity can be read; the part's `name` is the name of the tap.
    Tap,
}

impl Kind {
    /// Number of synapses (weights of convolutions and dense layers).
    pub fn synapses(self) -> usize {
        match self {
            Kind::Convolution { inputs, outputs } => inputs * outputs * 9,
            Kind::Dense { inputs, outputs } => inputs * outputs,
            Kind::Normalisation { .. } | Kind::Relu | Kind::MaxPool | Kind::Flatten | Kind::Tap => 0,
        }
    }

    /// Number of trained values, biases and normalisation included.
    pub fn parameters(self) -> usize {
        match self {
            Kind::Convolution { outputs, .. } | Kind::Dense { outputs, .. } => self.synapses() + outputs,
            Kind::Normalisation { channels } => 2 * channels,
            Kind::Relu | Kind::MaxPool | Kind::Flatten | Kind::Tap => 0,
        }
    }

    /// The same; none if it is beyond all counting.
    fn checked_parameters(self) -> Option<u64> {
        let number = |n: usize| n as u64;
        match self {
            Kind::Convolution { inputs, outputs } => {
                number(inputs).checked_mul(number(outputs))?.checked_mul(9)?.checked_add(number(outputs))
            }
            Kind::Dense { inputs, outputs } => number(inputs).checked_mul(number(outputs))?.checked_add(number(outputs)),
            Kind::Normalisation { channels } => number(channels).checked_mul(2),
            Kind::Relu | Kind::MaxPool | Kind::Flatten | Kind::Tap => Some(0),
        }
    }
}

/// A network as a list of parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Name for people: "VGG19", "VGG11 with batch normalisation, width 0.25".
    pub name: String,
    /// Size of the images.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// The parts, in order.
    pub parts: Vec<Part>,
}

/// Why a blueprint cannot take the images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Size of the images.
    pub input: Shape,
    /// Smallest side that would do.
    pub smallest: usize,
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Unfit { input, smallest } = self;
        write!(f, "the network halves its maps too often for images of {input}: both sides must be at least {smallest}")
    }
}

impl Blueprint {
    /// The parts for images of `input` size and `classes` classes.
    pub fn architecture(&self, input: Shape, classes: usize) -> Result<Architecture, Unfit> {
        let (name, blocks, batch_norm, head) = match self {
            Blueprint::Vgg { depth, batch_norm, head, width } => {
                (format!("VGG{}", depth.0), widen(&vgg_blocks(*depth), *width), *batch_norm, head)
            }
            Blueprint::Tiny { batch_norm, head, width } => {
                ("Tiny".to_owned(), widen(&[&[8], &[16], &[32]], *width), *batch_norm, head)
            }
        };
        let head: Vec<usize> = head.iter().map(|w| w.get() as usize).collect();
        let smallest = 1 << blocks.len();
        if input.height < smallest || input.width < smallest {
            return Err(Unfit { input, smallest });
        }
        let name = format!("{name}{}", self.adornment(head.len()));
        Ok(stack(name, input, classes, &blocks, batch_norm, &head))
    }

    /// How the network is built, as a sentence of a methods paragraph.
    pub fn sentence(&self) -> String {
        let (Blueprint::Vgg { batch_norm, head, width, .. } | Blueprint::Tiny { batch_norm, head, width }) = self;
        let blocks = match self {
            Blueprint::Vgg { .. } => "It has five blocks of 3 × 3 convolutions (Simonyan & Zisserman 2015",
            Blueprint::Tiny { .. } => "It has three blocks of one 3 × 3 convolution (8, 16 and 32 channels",
        };
        let width = match width.get() {
            1.0 => String::new(),
            width => format!("; numbers of channels multiplied by {width}"),
        };
        let follow = if *batch_norm { "batch normalisation and ReLU" } else { "ReLU" };
        let hidden: Vec<String> = head.iter().map(ToString::to_string).collect();
        let hidden = match hidden.as_slice() {
            [] => String::new(),
            [units] => format!("a hidden dense layer of {units} units with ReLU, and "),
            [most @ .., last] => format!("hidden dense layers of {} and {last} units with ReLU, and ", most.join(", ")),
        };
        format!(
            "{blocks}{width}), each convolution followed by {follow} and each block by a 2 × 2 max-pool; then {hidden}a dense layer with one \
             output for each class. There is no dropout."
        )
    }

    /// One of each family, with a sentence for people.
    pub fn examples() -> Vec<(Blueprint, &'static str)> {
        let width = original_width();
        let hidden = NonZeroU32::new(64).expect("64 is not 0");
        vec![
            (
                Blueprint::Vgg { depth: Depth(19), batch_norm: true, head: Vec::new(), width },
                "VGG 11, 13, 16 or 19 (Simonyan & Zisserman 2015), dense head of any widths ([4096, 4096]: the original), width multiplier",
            ),
            (
                Blueprint::Tiny { batch_norm: true, head: vec![hidden], width },
                "three convolutions (8, 16 and 32 channels x width), for tests and quick looks",
            ),
        ]
    }

    fn adornment(&self, hidden: usize) -> String {
        let (Blueprint::Vgg { batch_norm, width, .. } | Blueprint::Tiny { batch_norm, width, .. }) = self;
        let mut words = String::new();
        if *batch_norm {
            words += " with batch normalisation";
        }
        if width.get() != 1.0 {
            words += &format!(", width {}", width.get());
        }
        words
            + &match hidden {
                0 => ", one dense layer".to_owned(),
                1 => ", two dense layers".to_owned(),
                2 => ", three dense layers".to_owned(),
                _ => format!(", {} dense layers", hidden + 1),
            }
    }
}

/// Configurations A, B, D and E of Simonyan & Zisserman 2015, table 1.
fn vgg_blocks(depth: Depth) -> [&'static [usize]; 5] {
    match depth.0 {
        11 => [&[64], &[128], &[256, 256], &[512, 512], &[512, 512]],
        13 => [&[64, 64], &[128, 128], &[256, 256], &[512, 512], &[512, 512]],
        16 => [&[64, 64], &[128, 128], &[256; 3], &[512; 3], &[512; 3]],
        _ => [&[64, 64], &[128, 128], &[256; 4], &[512; 4], &[512; 4]],
    }
}

fn widen(blocks: &[&[usize]], width: Positive) -> Vec<Vec<usize>> {
    let wide = |&channels: &usize| ((channels as f64 * width.get()).round() as usize).max(1);
    blocks.iter().map(|block| block.iter().map(wide).collect()).collect()
}

/// Blocks of 3x3 convolutions, each block closed by a max-pool and tapped, then dense layers. Indices in
/// paths count what torchvision counts: convolution, normalisation, ReLU and pool in `features`; dense,
/// ReLU and dropout (which we do not have) in `classifier`.
fn stack(name: String, input: Shape, classes: usize, blocks: &[Vec<usize>], batch_norm: bool, head: &[usize]) -> Architecture {
    let mut list = PartList { parts: Vec::new(), shape: input };
    let mut index = 0;
    for (b, block) in blocks.iter().enumerate() {
        for (c, &outputs) in block.iter().enumerate() {
            let (b, c) = (b + 1, c + 1);
            list.add(
                Kind::Convolution { inputs: list.shape.channels, outputs },
                format!("conv{b}_{c}"),
                format!("features.{index}"),
            );
            index += 1;
            if batch_norm {
                list.add(Kind::Normalisation { channels: outputs }, format!("norm{b}_{c}"), format!("features.{index}"));
                index += 1;
            }
            list.add(Kind::Relu, String::new(), String::new());
            index += 1;
        }
        list.add(Kind::MaxPool, String::new(), String::new());
        index += 1;
        list.add(Kind::Tap, format!("block{}", b + 1), String::new());
    }
    list.add(Kind::Flatten, String::new(), String::new());
    for (h, &outputs) in head.iter().enumerate() {
        list.add(Kind::Dense { inputs: list.shape.channels, outputs }, format!("fc{}", h + 1), format!("classifier.{}", 3 * h));
        list.add(Kind::Relu, String::new(), String::new());
        if h + 1 < head.len() {
            list.add(Kind::Tap, format!("fc{}", h + 1), String::new());
        }
    }
    list.add(Kind::Tap, "penultimate".to_owned(), String::new());
    let path = if head.is_empty() { "classifier".to_owned() } else { format!("classifier.{}", 3 * head.len()) };
    list.add(Kind::Dense { inputs: list.shape.channels, outputs: classes }, format!("fc{}", head.len() + 1), path);
    Architecture { name, input, classes, parts: list.parts }
}

struct PartList {
    parts: Vec<Part>,
    shape: Shape,
}

impl PartList {
    fn add(&mut self, kind: Kind, name: String, path: String) {
        self.shape = match kind {
            Kind::Convolution { outputs, .. } => Shape { channels: outputs, ..self.shape },
            Kind::MaxPool => Shape { height: self.shape.height / 2, width: self.shape.width / 2, ..self.shape },
            Kind::Flatten => Shape { channels: self.shape.len(), height: 1, width: 1 },
            Kind::Dense { outputs, .. } => Shape { channels: outputs, height: 1, width: 1 },
            Kind::Normalisation { .. } | Kind::Relu | Kind::Tap => self.shape,
        };
        self.parts.push(Part { kind, name, path, output: self.shape });
    }
}

impl Architecture {
    /// Parts whose weights are synapses, in order.
    pub fn synaptic(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.kind.synapses() > 0)
    }

    /// Places where activity can be read.
    pub fn taps(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.kind == Kind::Tap)
    }

    /// Number of synapses.
    pub fn synapses(&self) -> u64 {
        self.parts.iter().map(|part| part.kind.synapses() as u64).sum()
    }

    /// Number of trained values.
    pub fn parameters(&self) -> u64 {
        self.checked_parameters().expect("a study whose network is larger is refused")
    }

    /// Number of trained values; none if it is beyond all counting.
    pub fn checked_parameters(&self) -> Option<u64> {
        self.parts.iter().try_fold(0u64, |sum, part| sum.checked_add(part.kind.checked_parameters()?))
    }

    /// Multiplications of one image's way through the network. A training step needs about three times as
    /// many (forward, gradient of the input, gradient of the weights), each a multiplication and an addition.
    pub fn multiplications(&self) -> u64 {
        let positions = |part: &Part| (part.output.height * part.output.width) as u64;
        self.parts.iter().map(|part| part.kind.synapses() as u64 * positions(part)).sum()
    }

    /// Activity values of one image that training has to hold until the way back.
    pub fn activity(&self) -> u64 {
        self.parts.iter().filter(|part| part.kind != Kind::Tap).map(|part| part.output.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIFAR: Shape = Shape { channels: 3, height: 32, width: 32 };

    fn vgg(depth: u32, batch_norm: bool, head: &[u32], width: f64) -> Blueprint {
        Blueprint::Vgg {
            depth: Depth::try_from(depth).unwrap(),
            batch_norm,
            head: head.iter().map(|&w| NonZeroU32::new(w).unwrap()).collect(),
            width: Positive::try_from(width).unwrap(),
        }
    }

    /// Recipe: sum(p.numel() for n, p in torchvision.models.vgg19(num_classes=10).named_parameters() if ...)
    /// with classifier[0] = nn.Linear(512, 4096), as 32x32 images leave a 1x1 map.
    #[test]
    fn the_original_vgg19_has_its_known_size() {
        let network = vgg(19, false, &[4096, 4096], 1.0).architecture(CIFAR, 10).unwrap();
        let features: usize = network.parts.iter().filter(|p| p.path.starts_with("features")).map(|p| p.kind.parameters()).sum();
        assert_eq!(features, 20_024_384, "convolutions of torchvision's vgg19");
        assert_eq!(network.synapses(), 20_018_880 + 512 * 4096 + 4096 * 4096 + 4096 * 10);
        assert_eq!(network.synaptic().count(), 19);
        assert_eq!(network.multiplications(), 398_131_200 + 18_915_328);
    }

    #[test]
    fn paths_are_torchvisions() {
        let paths = |blueprint: Blueprint| {
            let network = blueprint.architecture(CIFAR, 10).unwrap();
            network.synaptic().map(|p| format!("{}={}", p.name, p.path)).collect::<Vec<_>>().join(" ")
        };
        insta::assert_snapshot!(paths(vgg(11, false, &[64, 64], 1.0)), @"conv1_1=features.0 conv2_1=features.3 conv3_1=features.6 conv3_2=features.8 conv4_1=features.11 conv4_2=features.13 conv5_1=features.16 conv5_2=features.18 fc1=classifier.0 fc2=classifier.3 fc3=classifier.6");
        insta::assert_snapshot!(paths(vgg(11, true, &[], 0.25)), @"conv1_1=features.0 conv2_1=features.4 conv3_1=features.8 conv3_2=features.11 conv4_1=features.15 conv4_2=features.18 conv5_1=features.22 conv5_2=features.25 fc1=classifier");
    }

    #[test]
    fn the_penultimate_tap_is_the_input_of_the_last_dense_layer() {
        for (blueprint, features) in [(vgg(19, true, &[], 1.0), 512), (vgg(16, false, &[100, 30], 0.5), 30)] {
            let network = blueprint.architecture(CIFAR, 10).unwrap();
            let penultimate = network.taps().find(|p| p.name == "penultimate").unwrap();
            assert_eq!(penultimate.output.len(), features);
            assert_eq!(network.parts.last().unwrap().kind, Kind::Dense { inputs: features, outputs: 10 });
        }
    }

    #[test]
    fn sentences_say_how_a_network_is_built() {
        let tiny: Blueprint = serde_json::from_str(r#"{"tiny":{"batch_norm":true,"head":[16],"width":2}}"#).unwrap();
        insta::assert_snapshot!(vgg(19, true, &[], 1.0).sentence(), @"It has five blocks of 3 × 3 convolutions (Simonyan & Zisserman 2015), each convolution followed by batch normalisation and ReLU and each block by a 2 × 2 max-pool; then a dense layer with one output for each class. There is no dropout.");
        insta::assert_snapshot!(vgg(19, false, &[4096, 4096], 0.25).sentence(), @"It has five blocks of 3 × 3 convolutions (Simonyan & Zisserman 2015; numbers of channels multiplied by 0.25), each convolution followed by ReLU and each block by a 2 × 2 max-pool; then hidden dense layers of 4096 and 4096 units with ReLU, and a dense layer with one output for each class. There is no dropout.");
        insta::assert_snapshot!(tiny.sentence(), @"It has three blocks of one 3 × 3 convolution (8, 16 and 32 channels; numbers of channels multiplied by 2), each convolution followed by batch normalisation and ReLU and each block by a 2 × 2 max-pool; then a hidden dense layer of 16 units with ReLU, and a dense layer with one output for each class. There is no dropout.");
    }

    #[test]
    fn a_network_beyond_counting_is_not_counted() {
        let huge = Kind::Dense { inputs: 1 << 40, outputs: 1 << 40 };
        let part = Part { kind: huge, name: String::new(), path: String::new(), output: CIFAR };
        let network = Architecture { name: String::new(), input: CIFAR, classes: 2, parts: vec![part] };
        assert_eq!(network.checked_parameters(), None);
        for (blueprint, _) in Blueprint::examples() {
            let network = blueprint.architecture(CIFAR, 10).unwrap();
            let parts: usize = network.parts.iter().map(|part| part.kind.parameters()).sum();
            assert_eq!(network.checked_parameters(), Some(parts as u64));
        }
    }

    #[test]
    fn images_too_small_are_refused() {
        let small = Shape { channels: 3, height: 16, width: 40 };
        assert_eq!(vgg(11, true, &[], 1.0).architecture(small, 10).unwrap_err(), Unfit { input: small, smallest: 32 });
    }
}
