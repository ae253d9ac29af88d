//! Programs against the definition of each part, in double precision, one part after the other.

use neuro::architecture::{Architecture, Blueprint, Kind, Part};
use neuro::images::Shape;
use neuro::lesion::Lesion;
use neuro::seed::{Address, Purpose, Seed, Stream};

use super::{Normalisation, Operation, Program};
use crate::device::Device;
use crate::loss::{cross_entropy_gradient, targets};
use crate::network::Network;
use crate::order::{from_pytorch, to_pytorch};
use crate::retina::Retina;

const IMAGES: usize = 3;
const CLASSES: usize = 4;

/// Random numbers of one case.
fn stream(case: u64) -> Stream {
    Seed(case).stream(Purpose::Initialisation, Address::default())
}

/// Parts in any order that a network allows: all kinds of them, and all that may become one operation.
fn architecture(case: u64) -> Architecture {
    let mut stream = stream(case);
    let mut below = |n: u64| stream.below(n) as usize;
    let input = Shape { channels: 1 + below(3), height: 4 + below(5), width: 4 + below(5) };
    let (mut parts, mut shape) = (Vec::new(), input);
    let mut add = |kind: Kind, shape: &mut Shape| {
        *shape = match kind {
            Kind::Convolution { outputs, .. } => Shape { channels: outputs, ..*shape },
            Kind::MaxPool => Shape { height: shape.height / 2, width: shape.width / 2, ..*shape },
            Kind::Flatten => Shape { channels: shape.len(), height: 1, width: 1 },
            Kind::Dense { outputs, .. } => Shape { channels: outputs, height: 1, width: 1 },
            Kind::Normalisation { .. } | Kind::Relu | Kind::Tap => *shape,
        };
        let number = parts.len();
        parts.push(Part { kind, name: format!("part{number}"), path: format!("features.{number}"), output: *shape });
    };
    for _ in 0..3 + below(8) {
        let normalisation = Kind::Normalisation { channels: shape.channels };
        let kinds = match below(8) {
            0 | 1 => vec![Kind::Convolution { inputs: shape.channels, outputs: 1 + below(4) }],
            2 => vec![normalisation],
            3 | 4 => vec![Kind::Relu],
            5 if shape.height > 1 && shape.width > 1 => vec![Kind::MaxPool],
            6 if shape.height > 1 && shape.width > 1 => vec![normalisation, Kind::Relu, Kind::MaxPool],
            _ => vec![Kind::Tap],
        };
        kinds.into_iter().for_each(|kind| add(kind, &mut shape));
    }
    add(Kind::Flatten, &mut shape);
    for _ in 0..below(2) {
        add(Kind::Dense { inputs: shape.channels, outputs: 3 + below(3) }, &mut shape);
        for _ in 0..below(3) {
            add([Kind::Relu, Kind::Tap][below(2)], &mut shape);
        }
    }
    add(Kind::Dense { inputs: shape.channels, outputs: CLASSES }, &mut shape);
    Architecture { name: "any".to_owned(), input, classes: CLASSES, parts }
}

/// A network with values and statistics of all sizes, and images in PyTorch's order.
fn network(case: u64) -> (Network, Vec<f32>) {
    let architecture = architecture(case);
    let mut stream = stream(case + 1000);
    let (input, lesion) = (architecture.input, Lesion::none(&architecture));
    let mut network = Network::blank(architecture, &Retina { channels: Vec::new() }, Device::Cpu);
    let mut draw = |n: usize, deviation: f64| (0..n).map(|_| (stream.normal() * deviation) as f32).collect::<Vec<f32>>();
    let values = network.parameters.iter().map(|parameter| {
        let inputs: usize = parameter.shape[1..].iter().product();
        (draw(parameter.values().len(), (2.0 / inputs as f64).sqrt()), None)
    });
    let values = values.collect();
    let statistics = network.statistics.iter().map(|kept| {
        let variance = draw(kept.mean.len(), 1.0).into_iter().map(|x| 0.5 + x * x);
        (draw(kept.mean.len(), 0.5), variance.collect())
    });
    let statistics = statistics.collect();
    network.take_on(values, statistics, lesion);
    let images = draw(IMAGES * input.len(), 1.0);
    (network, images)
}

/// The same images with the channels last.
fn channels_last(shape: Shape, images: &[f32]) -> Vec<f32> {
    let mut ours = vec![0.0; images.len()];
    let rows = images.chunks_exact(shape.len()).zip(ours.chunks_exact_mut(shape.len()));
    rows.for_each(|(theirs, ours)| from_pytorch(shape, theirs, ours));
    ours
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// What the parts do to images `[n, channels, height, width]`.
struct Seen {
    logits: Vec<f64>,
    taps: Vec<(String, Vec<f64>)>,
    /// Mean and biased variance of each normalisation's batch.
    moments: Vec<[Vec<f64>; 2]>,
}

/// By definition: each part by itself. Normalisations go by the batch, or by these running statistics.
fn by_definition(architecture: &Architecture, values: &[Vec<f64>], running: Option<&[[Vec<f64>; 2]]>, images: &[f32]) -> Seen {
    let (mut x, mut shape) = (wide(images), architecture.input);
    let mut values = values.iter();
    let mut next = || values.next().unwrap();
    let (mut taps, mut moments) = (Vec::new(), Vec::new());
    for part in &architecture.parts {
        let Shape { channels, height, width } = shape;
        let at = |image: usize, channel: usize, row: usize, column: usize| {
            ((image * channels + channel) * height + row) * width + column
        };
        let output = part.output;
        let each = |value: &dyn Fn(usize, usize, usize, usize) -> f64| -> Vec<f64> {
            let of = |i: usize| {
                let (column, rest) = (i % output.width, i / output.width);
                let (row, rest) = (rest % output.height, rest / output.height);
                value(rest / output.channels, rest % output.channels, row, column)
            };
            (0..IMAGES * output.len()).map(of).collect()
        };
        match part.kind {
            Kind::Convolution { inputs, .. } => {
                let (weight, bias) = (next(), next());
                x = each(&|image, output, row, column| {
                    let mut sum = bias[output];
                    for (input, i, j) in (0..inputs * 9).map(|tap| (tap / 9, tap / 3 % 3, tap % 3)) {
                        let (r, c) = ((row + i).wrapping_sub(1), (column + j).wrapping_sub(1));
                        if r < height && c < width {
                            sum += weight[(output * inputs + input) * 9 + i * 3 + j] * x[at(image, input, r, c)];
                        }
                    }
                    sum
                });
            }
            Kind::Normalisation { .. } => {
                let (gain, shift) = (next(), next());
                let mean_of = |value: &dyn Fn(usize) -> f64, channel: usize| {
                    let pixels = (0..IMAGES).flat_map(|image| (0..height * width).map(move |pixel| (image, pixel)));
                    let sum: f64 = pixels.map(|(image, pixel)| value(at(image, channel, 0, 0) + pixel)).sum();
                    sum / (IMAGES * height * width) as f64
                };
                let mean: Vec<f64> = (0..channels).map(|channel| mean_of(&|i| x[i], channel)).collect();
                let variance = (0..channels).map(|channel| mean_of(&|i| (x[i] - mean[channel]).powi(2), channel)).collect();
                moments.push([mean, variance]);
                let [mean, variance] = running.map_or(&moments[moments.len() - 1], |running| &running[moments.len() - 1]);
                x = each(&|image, channel, row, column| {
                    let deviation = (variance[channel] + 1e-5).sqrt();
                    (x[at(image, channel, row, column)] - mean[channel]) / deviation * gain[channel] + shift[channel]
                });
            }
            Kind::Relu => x.iter_mut().for_each(|x| *x = x.max(0.0)),
            Kind::MaxPool => {
                x = each(&|image, channel, row, column| {
                    let of = |i: usize| x[at(image, channel, 2 * row + i / 2, 2 * column + i % 2)];
                    (0..4).map(of).fold(f64::NEG_INFINITY, f64::max)
                });
            }
            Kind::Flatten => {}
            Kind::Dense { inputs, .. } => {
                let (weight, bias) = (next(), next());
                x = each(&|image, output, _, _| {
                    let products = (0..inputs).map(|i| weight[output * inputs + i] * x[image * inputs + i]);
                    bias[output] + products.sum::<f64>()
                });
            }
            Kind::Tap => taps.push((part.name.clone(), x.clone())),
        }
        shape = output;
    }
    Seen { logits: x, taps, moments }
}

#[track_caller]
fn close(what: &str, ours: &[f32], exact: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), exact.len(), "{what}");
    let largest = exact.iter().fold(1e-3, |largest: f64, x| largest.max(x.abs()));
    for (i, (ours, exact)) in ours.iter().zip(exact).enumerate() {
        assert!((f64::from(*ours) - exact).abs() <= tolerance * largest, "{what}, {i}: {ours}, exactly {exact}");
    }
}

const CASES: u64 = 120;

/// How far values are moved for a difference: so little that hardly a ReLU turns on or off between.
const STEP: f64 = 1e-7;

#[test]
fn perceiving_is_what_the_parts_do_by_running_statistics() {
    for case in 0..CASES {
        let (network, images) = network(case);
        let input = network.architecture.input;
        let values: Vec<Vec<f64>> = network.parameters.iter().map(|parameter| wide(parameter.values())).collect();
        let running: Vec<_> = network.statistics.iter().map(|kept| [wide(&kept.mean), wide(&kept.variance)]).collect();
        let exact = by_definition(&network.architecture, &values, Some(&running), &images);
        let mut taps = Vec::new();
        let mut read = |name: &str, size: Shape, values: &[f32]| {
            let mut patterns = vec![0.0; values.len()];
            let rows = values.chunks_exact(size.len()).zip(patterns.chunks_exact_mut(size.len()));
            rows.for_each(|(ours, theirs)| to_pytorch(size, ours, theirs));
            taps.push((name.to_owned(), patterns));
        };
        let x = channels_last(input, &images);
        let logits = network.perceiving.perceive(&network.parameters, &network.statistics, x, IMAGES, &mut read);
        close(&format!("case {case}"), &logits, &exact.logits, 1e-4);
        assert_eq!(taps.len(), exact.taps.len());
        for ((name, ours), (exact_name, exact)) in taps.iter().zip(&exact.taps) {
            assert_eq!(name, exact_name);
            close(&format!("case {case}, {name}"), ours, exact, 1e-4);
        }
    }
}

#[test]
fn learning_is_what_the_parts_do_by_the_batch_and_gradients_are_those_of_differences() {
    let mut kinds = [0; 6];
    for case in 0..CASES {
        let (mut network, images) = network(case);
        let labels: Vec<u16> = (0..IMAGES).map(|image| (image * 7 % CLASSES) as u16).collect();
        let targets = targets(&labels, CLASSES, 0.1);
        let values: Vec<Vec<f64>> = network.parameters.iter().map(|parameter| wide(parameter.values())).collect();
        let exact = by_definition(&network.architecture, &values, None, &images);
        let mut statistics: Vec<[Vec<f64>; 2]> =
            network.statistics.iter().map(|kept| [wide(&kept.mean), wide(&kept.variance)]).collect();

        let x = channels_last(network.architecture.input, &images);
        let pass = network.learning.forward(&network.parameters, &mut network.statistics, x, IMAGES);
        close(&format!("case {case}"), pass.logits(), &exact.logits, 1e-4);

        let pixels = normalised_pixels(&network.architecture);
        for ((kept, batch), n) in statistics.iter_mut().zip(&exact.moments).zip(pixels) {
            let unbiased = [1.0, n as f64 / (n - 1) as f64];
            for ((kept, batch), factor) in kept.iter_mut().zip(batch).zip(unbiased) {
                kept.iter_mut().zip(batch).for_each(|(kept, batch)| *kept = 0.9 * *kept + 0.1 * factor * batch);
            }
        }
        for (ours, exact) in network.statistics.iter().zip(&statistics) {
            close(&format!("case {case}, running mean"), &ours.mean, &exact[0], 1e-4);
            close(&format!("case {case}, running variance"), &ours.variance, &exact[1], 1e-4);
        }

        let loss = |values: &[Vec<f64>]| -> f64 {
            let logits = by_definition(&network.architecture, values, None, &images).logits;
            let rows = logits.chunks(CLASSES).zip(targets.chunks(CLASSES));
            rows.map(|(logits, target)| exact_cross_entropy(logits, target)).sum::<f64>() / IMAGES as f64
        };
        let mut by_differences: Vec<Vec<f64>> = Vec::new();
        let mut moved = values.clone();
        for (at, list) in values.iter().enumerate() {
            let of = |i: usize| {
                let [above, below] = [STEP, -STEP].map(|step| {
                    moved[at][i] = list[i] + step;
                    loss(&moved)
                });
                moved[at][i] = list[i];
                (above - below) / (2.0 * STEP)
            };
            by_differences.push((0..list.len()).map(of).collect());
        }

        let gradient = cross_entropy_gradient(pass.logits(), &targets, IMAGES);
        let paths: Vec<String> = network.parameters.iter().map(|parameter| parameter.path.clone()).collect();
        let largest = by_differences.iter().flatten().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        let mut given = vec![0; paths.len()];
        network.learning.backward(pass, gradient, &mut network.parameters, &mut |parameter, gradient| {
            let at = paths.iter().position(|path| *path == parameter.path).unwrap();
            given[at] += 1;
            for (i, (ours, exact)) in gradient.iter().zip(&by_differences[at]).enumerate() {
                let error = (f64::from(*ours) - exact).abs();
                assert!(error <= 1e-4 * largest, "case {case}, {}, {i}: {ours}, by differences {exact}", paths[at]);
            }
            assert_eq!(gradient.len(), by_differences[at].len());
        });
        assert!(given.iter().all(|&times| times == 1), "case {case}: a gradient for each parameter");
        for operation in &network.learning.operations {
            kinds[match operation {
                Operation::Convolve { .. } => 0,
                Operation::Normalise { pool, .. } => 1 + usize::from(*pool),
                Operation::Rectify => 3,
                Operation::Pool { .. } => 4,
                Operation::Flatten { .. } | Operation::Combine { .. } => 5,
                Operation::Tap { .. } => unreachable!("nobody reads while it learns"),
            }] += 1;
        }
    }
    assert!(kinds.iter().all(|&seen| seen >= 10), "all kinds of operations: {kinds:?}");
}

fn exact_cross_entropy(logits: &[f64], target: &[f32]) -> f64 {
    let sum: f64 = logits.iter().map(|x| x.exp()).sum();
    logits.iter().zip(target).map(|(x, t)| f64::from(*t) * (sum.ln() - x)).sum()
}

/// How many values each normalisation sees of a channel.
fn normalised_pixels(architecture: &Architecture) -> Vec<usize> {
    let normalisations = architecture.parts.iter().filter(|part| matches!(part.kind, Kind::Normalisation { .. }));
    normalisations.map(|part| IMAGES * part.output.height * part.output.width).collect()
}

/// What becomes one operation: for each, what it is and what it is followed by.
fn outline(program: &Program) -> String {
    let followed = |name: &str, normalised: bool, relu: bool, pool: bool| {
        let also = [(normalised, "normalised"), (relu, "relu"), (pool, "pool")];
        also.into_iter().filter(|(is, _)| *is).fold(name.to_owned(), |words, (_, word)| format!("{words}+{word}"))
    };
    let word = |operation: &Operation| match operation {
        Operation::Convolve { normalisation, relu, pool, .. } => followed("convolve", normalisation.is_some(), *relu, *pool),
        Operation::Normalise { relu, pool, .. } => followed("normalise", false, *relu, *pool),
        Operation::Rectify => "rectify".to_owned(),
        Operation::Pool { .. } => "pool".to_owned(),
        Operation::Flatten { .. } => "flatten".to_owned(),
        Operation::Combine { relu, .. } => followed("combine", false, *relu, false),
        Operation::Tap { name, .. } => name.clone(),
    };
    program.operations.iter().map(word).collect::<Vec<String>>().join(" ")
}

#[test]
fn what_can_be_done_in_one_pass_is_one_operation() {
    let tiny = |batch_norm, side| {
        let blueprint = Blueprint::Tiny { batch_norm, head: vec![5.try_into().unwrap()], width: 1.0.try_into().unwrap() };
        blueprint.architecture(Shape { channels: 3, height: side, width: side }, 10).unwrap()
    };
    let normalised = tiny(true, 8);
    assert_eq!(
        outline(&Program::learning(&normalised)),
        "convolve normalise+relu+pool convolve normalise+relu+pool convolve normalise+relu+pool combine+relu combine"
    );
    assert_eq!(
        outline(&Program::perceiving(&normalised)),
        "convolve+normalised+relu+pool block1 convolve+normalised+relu+pool block2 convolve+normalised+relu+pool block3 combine+relu \
         penultimate combine"
    );
    let plain = tiny(false, 16);
    assert_eq!(
        outline(&Program::learning(&plain)),
        "convolve+relu pool convolve+relu pool convolve+relu pool flatten combine+relu combine"
    );
    assert_eq!(
        outline(&Program::perceiving(&plain)),
        "convolve+relu+pool block1 convolve+relu+pool block2 convolve+relu+pool block3 flatten combine+relu penultimate combine"
    );
    let second = &Program::perceiving(&normalised).operations[2];
    let Operation::Convolve { weight, normalisation, .. } = second else { panic!("{second:?}") };
    assert_eq!((*weight, *normalisation), (4, Some(Normalisation { gain: 6, statistics: 1 })));
}
