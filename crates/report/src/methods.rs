//! The methods paragraph, written from the study's own types, so that text and work cannot part.

use neuro::lesson::Augmentation;
use neuro::measure::{Distance, Measure, Over};
use neuro::reading::Reading;
use neuro::record::Maker;
use neuro::study::{Chance, ProbeImages, StimuliChoice, Study};

use courses::courses;

use crate::view::{View, own};
use crate::words::{self, capitalised, correlation, count, list, plural};

mod courses;

/// A part of the methods with its heading.
pub(crate) struct Paragraph {
    pub(crate) heading: &'static str,
    pub(crate) text: String,
}

/// The whole method.
pub(crate) fn paragraphs(view: &View<'_>) -> Vec<Paragraph> {
    let paragraph = |heading, text| Paragraph { heading, text };
    vec![
        paragraph("Network and images", format!("{} {}", network(view), images(view))),
        paragraph("Schooling", schooling(view)),
        paragraph("Injury and plasticity", courses(view)),
        paragraph("Readings", readings(view)),
        paragraph("Representation", representation(view)),
        paragraph("Seeds and statistics", seeds(&view.evidence.study)),
        paragraph("Software", software(view)),
    ]
    .into_iter()
    .filter(|paragraph| !paragraph.text.is_empty())
    .collect()
}

fn network(view: &View<'_>) -> String {
    let cause = &view.evidence.cause;
    format!(
        "After Moore et al. (2022). The network is {}. {} A synapse is one weight of a convolution or dense layer (biases and normalisation \
         parameters are not synapses); there are {}.",
        cause.network,
        view.evidence.study.network.sentence(),
        count(cause.synapses)
    )
}

fn images(view: &View<'_>) -> String {
    let cause = &view.evidence.cause;
    let [train, assessment, test] = cause.images.map(|images| count(images as u64));
    let kept = match cause.images[1] {
        0 => String::new(),
        _ => format!(", {assessment} assessment images (neither trained on nor scored)"),
    };
    let classes = match cause.classes.len() {
        1 => "1 class".to_owned(),
        classes => format!("{classes} classes"),
    };
    let note = cause.stimuli.note.as_ref().map_or_else(String::new, |note| format!(" Note on these data: {}", stopped(note)));
    let disjoint = match view.evidence.study.stimuli {
        StimuliChoice::Folder { .. } => "",
        _ => "; the sets are disjoint",
    };
    format!(
        "Images are {}{}: {train} training images{kept} and {test} test images of {classes}{disjoint}. {} Networks see each \
         channel less its mean and divided by its standard deviation over the training images.{note}",
        cause.stimuli.name,
        match view.evidence.study.stimuli {
            StimuliChoice::Cifar10(_) | StimuliChoice::Cifar100(_) => " (Krizhevsky 2009)",
            StimuliChoice::Folder { .. } | StimuliChoice::Shapes { .. } => "",
        },
        capitalised(&stopped(&cause.stimuli.source)),
    )
}

fn schooling(view: &View<'_>) -> String {
    let schooling = &view.evidence.study.schooling;
    let start = match (&schooling.weights, &view.evidence.cause.weights_sha256) {
        (None, _) => {
            "Each healthy network starts from random weights (normal, with variance 2 / number of inputs, in the last layer 1 / \
                      number of inputs; biases 0; He et al. 2015)"
                .to_owned()
        }
        (Some(_), None) => "Each healthy network starts from given weights".to_owned(),
        (Some(_), Some(hash)) => format!("Each healthy network starts from given weights (SHA-256 {hash})"),
    };
    match schooling.epochs {
        0 => format!("{start} and is not trained further."),
        _ => format!(
            "{start} and is trained on the training images for {}; the network after the last epoch is kept, whatever its accuracy. Test \
             images are never learned from.",
            schooling.lesson().sentence()
        ),
    }
}

fn readings(view: &View<'_>) -> String {
    let mut text = "Networks are read in evaluation mode (normalisation, where the network has it, uses its running statistics). ‘Healthy’ is \
                    read after schooling; ‘injured’ right after a step’s loss, before any learning, so that normalisation statistics are \
                    still those of the network before the loss; ‘treated’ after the lesson that follows."
        .to_owned();
    let test = count(view.evidence.cause.images[2] as u64);
    for measure in &view.evidence.study.measures {
        text += &match measure {
            Measure::Accuracy => format!(" Accuracy is the share of the {test} test images that is named right."),
            Measure::ClassAccuracy => format!(
                " Class accuracy is the share of a class’s test images that is named right ({test} test images in all), and mean class-wise \
                 accuracy is its mean over the classes."
            ),
            Measure::Confusion => " Confusions are the shares of a class’s test images that are taken for each class.".to_owned(),
            Measure::Loss => format!(" Loss is the mean cross-entropy over the {test} test images, in nats."),
            Measure::RdmSimilarity { .. } => String::new(), // has a paragraph of its own
        };
    }
    text
}

fn representation(view: &View<'_>) -> String {
    let study = &view.evidence.study;
    let methods: Vec<String> = study.measures.iter().filter_map(comparison).collect();
    if methods.is_empty() {
        return String::new();
    }
    let layers: Vec<String> = study.probe.layers.iter().map(|layer| tap(layer)).collect();
    format!(
        "Activation patterns are read on {} at {}. The representational dissimilarity matrix (RDM) holds the distance between the patterns \
         of each pair of probe images (Kriegeskorte et al. 2008): 1 − Pearson’s r unless another is named. It is compared with that of \
         the same network when healthy (rank correlation: Kendall 1945): {}. A pattern that is the same at every unit has no correlation: its pairs are left \
         out of both matrices and counted ({}).",
        probe(view),
        list(&layers),
        list(&methods),
        left_out(view)
    )
}

/// How matrices are compared, if the measure does so: "Kendall’s tau-b over the upper triangle without the diagonal".
fn comparison(measure: &Measure) -> Option<String> {
    let Measure::RdmSimilarity { method, distance, over, layer, per_class } = measure else { return None };
    let over = match over {
        Over::Triangle => "the upper triangle without the diagonal",
        Over::FullMatrix => "the whole square matrix (each pair twice, and the diagonal)",
    };
    let layer = layer.as_ref().map_or_else(String::new, |layer| format!(", layer {layer}"));
    let distance = match distance {
        Distance::Correlation => "",
        Distance::Cosine => " of cosine distances",
        Distance::Euclidean => " of Euclidean distances",
        Distance::SquaredEuclidean => " of squared Euclidean distances",
    };
    let images = per_class.map_or_else(String::new, |images| format!(", the first {images} probe images of each class"));
    Some(format!("{}{distance} over {over}{layer}{images}", correlation(&method.to_string())))
}

fn probe(view: &View<'_>) -> String {
    let images = count(view.evidence.cause.probe_per_class.iter().sum::<usize>() as u64);
    match view.evidence.study.probe.images {
        ProbeImages::All => format!("all {images} test images"),
        ProbeImages::PerClass(each) => {
            let short = view.evidence.cause.probe_per_class.iter().any(|&images| images < each.get() as usize);
            let fewer = if short { ", or all where there are fewer" } else { "" };
            format!("the first {each} test images of each class{fewer} ({images} probe images)")
        }
    }
}

/// A place in the network in words.
fn tap(layer: &str) -> String {
    match (layer, layer.strip_prefix("block"), layer.strip_prefix("fc")) {
        ("penultimate", ..) => "the penultimate layer (input of the last dense layer, after ReLU)".to_owned(),
        (_, Some(number), _) => format!("block {number} (output of its max-pool)"),
        (_, _, Some(number)) => format!("dense layer {number} (after ReLU)"),
        _ => format!("layer {layer}"),
    }
}

/// The most pairs that any reading had to do without.
fn left_out(view: &View<'_>) -> String {
    let share = |reading: &Reading| reading.value.filter(|_| reading.n > 0).map(|left| left / reading.n as f64);
    let worst = view
        .evidence
        .trials
        .iter()
        .flat_map(|trial| own(trial).map(move |record| (trial, record)))
        .flat_map(|(trial, record)| record.readings.iter().map(move |reading| (trial, record, reading)))
        .filter(|(_, _, reading)| reading.measure.starts_with("rdm_pairs_left_out"))
        .filter_map(|(trial, record, reading)| Some((share(reading)?, trial, record, reading)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match worst {
        None => "not read yet".to_owned(),
        Some((share, ..)) if share <= 0.0 => "none in the readings so far".to_owned(),
        Some((share, trial, record, reading)) => format!(
            "at most {} of {} pairs: arm ‘{}’, step {}, {}, layer {}",
            words::percent(share),
            count(reading.n),
            trial.arm,
            record.step,
            record.phase,
            reading.layer
        ),
    }
}

/// "seed 1" or "seeds 1 to 5".
pub(crate) fn seed_range(study: &Study) -> String {
    match study.seeds.count.get() {
        1 => format!("seed {}", study.seeds.first),
        count => format!("seeds {} to {}", study.seeds.first, study.seeds.first + u64::from(count) - 1),
    }
}

/// What is drawn at random of the training images, in any lesson.
fn drawn_of_images(study: &Study) -> &'static str {
    let schooling = study.schooling.lesson();
    let lessons = study.arms.iter().filter_map(|arm| arm.plasticity.lesson(&schooling));
    let lessons = lessons.chain((schooling.epochs > 0).then(|| schooling.clone()));
    match lessons.map(|lesson| lesson.augmentation).min_by_key(|&augmentation| augmentation as u8) {
        Some(Augmentation::CropFlip) => "the order, crops and flips of the training images",
        Some(Augmentation::Crop) => "the order and crops of the training images",
        Some(Augmentation::None) | None => "the order of the training images",
    }
}

fn seeds(study: &Study) -> String {
    let kinds = [
        (Chance::Network, "the first weights"),
        (Chance::Injury, "which synapses are lost"),
        (Chance::Data, drawn_of_images(study)),
    ];
    let given = |kind: Chance| kind == Chance::Network && study.schooling.weights.is_some();
    let named = |held: bool| -> Vec<String> {
        let kinds = kinds.iter().filter(|(kind, _)| study.seeds.held.contains(kind) == held && !given(*kind));
        kinds.map(|(_, words)| (*words).to_owned()).collect()
    };
    let trials = study.seeds.count.get() as usize;
    let varied = match (trials, named(false)) {
        (_, kinds) if kinds.is_empty() => "no kind of chance varies between trials".to_owned(),
        (1, kinds) => format!("{} decides {}", seed_range(study), list(&kinds)),
        (_, kinds) => format!("{} decide {}", seed_range(study), list(&kinds)),
    };
    let held = match named(true) {
        kinds if kinds.is_empty() => String::new(),
        kinds => format!(
            "; with seed {1} throughout: {0}, so intervals do not speak of {2}",
            list(&kinds),
            study.seeds.first,
            them(&kinds)
        ),
    };
    let statistics = if trials == 1 {
        "With one seed there is no interval."
    } else {
        "Arms of one seed start from the same healthy network and are compared as pairs: a difference between arms is the mean of the \
         differences within seeds. Intervals are 95 % confidence intervals of a mean over seeds (Student’s t with n − 1 degrees of freedom; \
         n counts seeds, not images) and are not corrected for the number of comparisons; ± is half their width."
    };
    format!("{} in each arm: {varied}{held}. {statistics}", plural(trials, "trial"))
}

fn them(kinds: &[String]) -> &'static str {
    if kinds.len() == 1 { "it" } else { "them" }
}

fn software(view: &View<'_>) -> String {
    let evidence = view.evidence;
    // the usual device needs no word
    let device = match evidence.cause.device.as_str() {
        "cpu" => String::new(),
        other => format!(", device {other}"),
    };
    match evidence.makers.as_slice() {
        [] => "Nothing has been computed yet.".to_owned(),
        [(maker, _)] => format!("Computed with {maker}{device}."),
        makers => {
            let each: Vec<String> =
                makers.iter().map(|(maker, cases)| format!("{maker}, in {}", plural(*cases, "case"))).collect();
            format!("Computed with {}{device}. {}", each.join("; "), unlike(view).unwrap_or(ALIKE))
        }
    }
}

const ALIKE: &str = "Results of one build on one instruction set are the same to the last bit.";

/// What must be said if parts of a study were computed by makers whose results need not agree to the last bit.
pub(crate) fn unlike(view: &View<'_>) -> Option<&'static str> {
    let (first, _) = view.evidence.makers.first()?;
    let differs = |maker: &Maker| (&maker.build, &maker.instructions) != (&first.build, &first.instructions);
    let unlike = view.evidence.makers.iter().any(|(maker, _)| differs(maker));
    unlike.then_some("Results of different builds or instruction sets may differ in the last digits.")
}

/// Ends with a full stop.
fn stopped(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::references::references;

    fn told(evidence: &neuro::record::Evidence) -> String {
        paragraphs(&View::new(evidence)).iter().map(|p| format!("{}: {}\n", p.heading, p.text)).collect()
    }

    #[test]
    fn the_methods_say_what_the_study_does() {
        insta::assert_snapshot!(told(&example::evidence(3, 15)), @"
        Network and images: After Moore et al. (2022). The network is VGG19 with batch normalisation, one dense layer. It has five blocks of 3 × 3 convolutions (Simonyan & Zisserman 2015), each convolution followed by batch normalisation and ReLU and each block by a 2 × 2 max-pool; then a dense layer with one output for each class. There is no dropout. A synapse is one weight of a convolution or dense layer (biases and normalisation parameters are not synapses); there are 20,024,000. Images are CIFAR-10 (Krizhevsky 2009): 50,000 training images and 10,000 test images of 10 classes; the sets are disjoint. Downloaded from www.cs.toronto.edu and checked against its MD5 sum. Networks see each channel less its mean and divided by its standard deviation over the training images.
        Schooling: Each healthy network starts from random weights (normal, with variance 2 / number of inputs, in the last layer 1 / number of inputs; biases 0; He et al. 2015) and is trained on the training images for 10 epochs (stochastic gradient descent on the cross-entropy, batches of 40, constant learning rate 0.001, momentum 0.9, weight decay 0.0005, random crops of images padded by 4 black pixels, half of them mirrored); the network after the last epoch is kept, whatever its accuracy. Test images are never learned from.
        Injury and plasticity: Arm ‘retrained’: in each of 15 steps, 20 % of the remaining synapses of all convolutional and dense layers (in each layer, chosen at random, rounded to the nearest synapse) are set to zero for good; then the network is retrained on the training images for 3 epochs with the settings of the schooling, momentum starting at rest. Arm ‘untreated’: in each of 15 steps, the same synapses are lost as in that step of arm ‘retrained’ in the trial of the same seed; then the network is not retrained. Arm ‘sham’: in each of 15 steps, no synapse is lost; then the network is retrained on the training images for 3 epochs with the settings of the schooling, momentum starting at rest. A lost synapse stays at zero through all learning. The share of synapses lost is counted from the lesion over all convolutional and dense layers, never computed from a formula.
        Readings: Networks are read in evaluation mode (normalisation, where the network has it, uses its running statistics). ‘Healthy’ is read after schooling; ‘injured’ right after a step’s loss, before any learning, so that normalisation statistics are still those of the network before the loss; ‘treated’ after the lesson that follows. Accuracy is the share of the 10,000 test images that is named right. Class accuracy is the share of a class’s test images that is named right (10,000 test images in all), and mean class-wise accuracy is its mean over the classes.
        Representation: Activation patterns are read on the first 100 test images of each class (1,000 probe images) at block 3 (output of its max-pool) and the penultimate layer (input of the last dense layer, after ReLU). The representational dissimilarity matrix (RDM) holds the distance between the patterns of each pair of probe images (Kriegeskorte et al. 2008): 1 − Pearson’s r unless another is named. It is compared with that of the same network when healthy (rank correlation: Kendall 1945): Kendall’s tau-b over the upper triangle without the diagonal. A pattern that is the same at every unit has no correlation: its pairs are left out of both matrices and counted (none in the readings so far).
        Seeds and statistics: 3 trials in each arm: seeds 1 to 3 decide the first weights, which synapses are lost and the order, crops and flips of the training images. Arms of one seed start from the same healthy network and are compared as pairs: a difference between arms is the mean of the differences within seeds. Intervals are 95 % confidence intervals of a mean over seeds (Student’s t with n − 1 degrees of freedom; n counts seeds, not images) and are not corrected for the number of comparisons; ± is half their width.
        Software: Computed with atrophy 0.1.0 (3f9c1d2e) on AMD EPYC 9B14 (AVX-512).
        ");
    }

    #[test]
    fn layers_that_lose_nothing_are_named() {
        let mut evidence = example::evidence(1, 5);
        assert!(!told(&evidence).contains("too small"));
        for arm in &mut evidence.study.arms[..2] {
            let ablation = r#"{"ablation":{"fraction":0.0002,"of":"remaining","scope":"per-layer"}}"#;
            arm.injury = serde_json::from_str(ablation).unwrap();
        }
        let text = told(&evidence);
        assert_eq!(text.matches("conv1_1 loses none of its 1728 synapses").count(), 1, "{text}");
    }

    #[test]
    fn an_injury_is_that_of_an_earlier_arm_only_as_far_as_that_arm_goes() {
        let mut evidence = example::evidence(1, 5);
        evidence.study.arms[0].steps = std::num::NonZeroU32::new(4).unwrap();
        let text = told(&evidence);
        assert!(text.contains("Arm ‘untreated’: in each of 5 steps, 20 % of the remaining synapses"), "{text}");
    }

    #[test]
    fn every_setting_the_paper_leaves_open_moves_the_text() {
        let base = example::evidence(3, 15);
        let text = told(&base);
        let changes: [fn(&mut neuro::record::Evidence); 13] = [
            |e| e.study.measures.push(Measure::Loss),
            |e| e.study.measures.push(Measure::Confusion),
            |e| {
                e.study.network =
                    serde_json::from_str(r#"{"vgg":{"depth":19,"batch_norm":true,"head":[],"width":0.5}}"#).unwrap();
            },
            |e| e.cause.probe_per_class[3] = 99,
            |e| e.cause.stimuli.note = Some("Only half of it".to_owned()),
            |e| e.cause.images[1] = 500,
            |e| e.study.schooling.epochs = 11,
            |e| e.study.schooling.weights = Some("vgg.safetensors".into()),
            |e| e.study.seeds.held = vec![Chance::Network],
            |e| e.study.probe.images = ProbeImages::All,
            |e| e.study.arms[0].plasticity = neuro::plasticity::Plasticity::None,
            |e| {
                e.study.measures = vec![serde_json::from_str(r#"{"rdm_similarity":{"method":"tau-a"}}"#).unwrap()];
            },
            |e| e.makers[0].0.instructions = "AVX2".to_owned(),
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut evidence = base.clone();
            change(&mut evidence);
            assert_ne!(told(&evidence), text, "change {i} leaves no trace");
        }
    }

    #[test]
    fn what_chance_decides_is_what_is_drawn() {
        let mut evidence = example::evidence(3, 2);
        evidence.study.schooling.augmentation = Augmentation::None;
        assert!(told(&evidence).contains("which synapses are lost and the order of the training images."));
        evidence.study.schooling.weights = Some("vgg.safetensors".into());
        evidence.study.seeds.held = vec![Chance::Network];
        let text = told(&evidence);
        assert!(text.contains("seeds 1 to 3 decide which synapses") && !text.contains("the first weights"), "{text}");
    }

    /// "Moore et al. (2022)", "He et al. 2015", "Simonyan & Zisserman 2015": who is cited is listed, and nobody else.
    #[test]
    fn what_is_cited_is_listed() {
        let cited = |text: &str, reference: &str| {
            let (author, rest) = reference.split_once(' ').unwrap();
            let year = &rest[rest.find('(').unwrap() + 1..][..4];
            text.contains(author) && text.contains(year)
        };
        let mut evidence = example::evidence(3, 2);
        let text = told(&evidence);
        let all = references(&evidence.study);
        assert_eq!(all.len(), 6);
        let uncited: Vec<_> = all.iter().filter(|reference| !cited(&text, reference)).collect();
        assert!(uncited.is_empty(), "{uncited:?}");

        evidence.study.measures = vec![Measure::Accuracy];
        evidence.study.schooling.weights = Some("vgg.safetensors".into());
        let text = told(&evidence);
        assert_eq!(references(&evidence.study).len(), 3);
        assert!(!text.contains("Kriegeskorte") && !text.contains("He et al."));
    }

    #[test]
    fn pairs_left_out_are_told_where_they_were_most() {
        let mut evidence = example::evidence(2, 2);
        example::set(&mut evidence.trials[3], 2, neuro::record::Phase::Injured, "rdm_pairs_left_out", Some(49_950.0));
        assert!(told(&evidence).contains("at most 10.0 % of 499,500 pairs: arm ‘untreated’, step 2, injured, layer penultimate"));
    }

    #[test]
    fn a_branch_says_where_it_begins() {
        let mut evidence = example::of_a_branch(2, 8, 5, 3);
        let branch = |evidence: &neuro::record::Evidence| told(evidence).split_once("Arm ‘branch’ ").unwrap().1.to_owned();
        let expected = "begins with the networks of arm ‘retrained’ after its step 5; in each of 3 further steps, the same synapses are lost \
                        as in that step of arm ‘retrained’ in the trial of the same seed; then the network is not retrained.";
        assert!(branch(&evidence).starts_with(expected), "{}", branch(&evidence));
        evidence.study.arms[3].steps = std::num::NonZeroU32::new(4).unwrap();
        assert!(
            branch(&evidence).contains("4 further steps, 20 % of the remaining"),
            "no arm goes so far: {}",
            branch(&evidence)
        );
        evidence.study.arms[3].steps = std::num::NonZeroU32::new(1).unwrap();
        evidence.study.arms[3].start.as_mut().unwrap().study = Some("earlier".into());
        let text = branch(&evidence);
        assert!(
            text.starts_with(
                "begins with the networks of arm ‘retrained’ after its step 5 of the study in earlier; in one further step, 20 %"
            ),
            "{text}"
        );
    }

    #[test]
    fn all_makers_are_named() {
        let mut evidence = example::evidence(2, 2);
        evidence.makers.push((example::maker("AVX2"), 1));
        let text = software(&View::new(&evidence));
        let expected = "Computed with atrophy 0.1.0 (3f9c1d2e) on AMD EPYC 9B14 (AVX-512), in 8 cases; atrophy 0.1.0 (3f9c1d2e) on AMD EPYC \
                        9B14 (AVX2), in 1 case. Results of different builds or instruction sets may differ in the last digits.";
        assert_eq!(text, expected);
        evidence.makers.clear();
        assert_eq!(software(&View::new(&evidence)), "Nothing has been computed yet.");
    }
}
