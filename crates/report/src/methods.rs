//! The methods paragraph, written from the study's own types, so that text and work cannot part.

use neuro::measure::{Measure, Over};
use neuro::record::Reading;
use neuro::study::{Chance, ProbeImages, Study};

use crate::view::{Arm, View};
use crate::words::{self, correlation, count, list, plural};

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
        "After Moore et al. (2022). The network is {} with {} synapses; a synapse is one weight of a convolution or dense layer (biases and \
         normalisation parameters are not synapses).",
        cause.network,
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
    let note = cause.stimuli.note.as_ref().map_or_else(String::new, |note| format!(" Note on these data: {}", stopped(note)));
    format!(
        "Images are {} ({}): {train} training images{kept} and {test} test images of {}; the sets are disjoint.{note}",
        cause.stimuli.name,
        cause.stimuli.source.trim().trim_end_matches('.'),
        match cause.classes.len() {
            1 => "1 class".to_owned(),
            classes => format!("{classes} classes"),
        },
    )
}

fn schooling(view: &View<'_>) -> String {
    let schooling = &view.evidence.study.schooling;
    let start = match (&schooling.weights, &view.evidence.cause.weights_sha256) {
        (None, _) => "Each healthy network starts from random weights".to_owned(),
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

fn courses(view: &View<'_>) -> String {
    let study = &view.evidence.study;
    let lesson = study.schooling.lesson();
    let course = |arm: &Arm<'_>| {
        let steps = match arm.plan.steps.get() {
            1 => "in its one step".to_owned(),
            steps => format!("in each of {steps} steps"),
        };
        format!("Arm ‘{}’: {steps}, {}; then {}.", arm.name(), arm.plan.injury.sentence(), arm.plan.plasticity.sentence(&lesson))
    };
    let arms: Vec<String> = view.arms.iter().map(course).collect();
    let held = if study.injures() { " A lost synapse stays at zero through all learning." } else { "" };
    format!(
        "{}{held} The share of synapses lost is counted from the lesion over all convolutional and dense layers, never computed from a \
         formula.",
        arms.join(" ")
    )
}

fn readings(view: &View<'_>) -> String {
    let mut text = "Networks are read in evaluation mode (normalisation, where the network has it, uses its running statistics). ‘Healthy’ is \
                    read after schooling; ‘injured’ right after a step’s loss, before any learning, so that normalisation statistics are \
                    still those of the network before the loss; ‘treated’ after the lesson that follows."
        .to_owned();
    let test = count(view.evidence.cause.images[2] as u64);
    match view.accuracy.as_ref().map(|question| question.measure.as_str()) {
        Some("mean_class_accuracy") => {
            text += &format!(
                " Mean class-wise accuracy is the mean over the classes of the share of each class’s test images that is named right ({test} \
                 test images)."
            );
        }
        Some(_) => text += &format!(" Accuracy is the share of the {test} test images that is named right."),
        None => {}
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
        "Activation patterns are read on {} at {}. The representational dissimilarity matrix (RDM) holds 1 − Pearson’s r between the patterns \
         of each pair of probe images, sorted by class (Kriegeskorte et al. 2008). It is compared with that of the same network when \
         healthy by {}. A pattern that is the same at every unit has no correlation: its pairs are left \
         out of both matrices and counted ({}).",
        probe(view),
        list(&layers),
        list(&methods),
        left_out(view)
    )
}

/// How matrices are compared, if the measure does so: "Kendall's tau-b over the upper triangle (without the diagonal)".
fn comparison(measure: &Measure) -> Option<String> {
    let Measure::RdmSimilarity { method, over, layer } = measure else { return None };
    let over = match over {
        Over::Triangle => "the upper triangle (without the diagonal)",
        Over::FullMatrix => "the whole square matrix (each pair twice, and the diagonal)",
    };
    let layer = layer.as_ref().map_or_else(String::new, |layer| format!(", layer {layer}"));
    Some(format!("{} over {over}{layer}", correlation(&method.to_string())))
}

fn probe(view: &View<'_>) -> String {
    let images = count(view.evidence.cause.probe_per_class.iter().sum::<usize>() as u64);
    match view.evidence.study.probe.images {
        ProbeImages::All => format!("all {images} test images"),
        ProbeImages::PerClass(each) => format!("the first {each} test images of each class ({images} probe images)"),
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
        .flat_map(|trial| trial.records.iter().map(move |record| (trial, record)))
        .flat_map(|(trial, record)| record.readings.iter().map(move |reading| (trial, record, reading)))
        .filter(|(_, _, reading)| reading.measure == "rdm_pairs_left_out")
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

fn seeds(study: &Study) -> String {
    let kinds = [
        (Chance::Network, "the first weights"),
        (Chance::Injury, "which synapses are lost"),
        (Chance::Data, "the order, crops and flips of the training images"),
    ];
    let named = |held: bool| -> Vec<String> {
        kinds.iter().filter(|(kind, _)| study.seeds.held.contains(kind) == held).map(|(_, words)| (*words).to_owned()).collect()
    };
    let trials = study.seeds.count.get() as usize;
    let varied = match (trials, named(false)) {
        (_, kinds) if kinds.is_empty() => "no kind of chance varies between trials".to_owned(),
        (_, kinds) => format!("{} decide {}", seed_range(study), list(&kinds)),
    };
    let held = match named(true) {
        kinds if kinds.is_empty() => String::new(),
        kinds => format!(
            "; {} held at seed {} throughout, so intervals do not speak of {}",
            list(&kinds),
            study.seeds.first,
            them(&kinds)
        ),
    };
    let statistics = if trials == 1 {
        "With one seed there is no interval."
    } else {
        "Arms of one seed start from the same healthy network and are compared as pairs. Intervals are 95 % intervals of the mean over seeds \
         (Student’s t); ± is half their width."
    };
    format!("{} in each arm: {varied}{held}. {statistics}", plural(trials, "trial"))
}

fn them(kinds: &[String]) -> &'static str {
    if kinds.len() == 1 { "it" } else { "them" }
}

fn software(view: &View<'_>) -> String {
    let cause = &view.evidence.cause;
    format!("Computed with atrophy {} on {} with {}.", cause.build, cause.device, plural(cause.threads, "thread"))
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

    fn told(evidence: &neuro::record::Evidence) -> String {
        paragraphs(&View::new(evidence)).iter().map(|p| format!("{}: {}\n", p.heading, p.text)).collect()
    }

    #[test]
    fn the_methods_say_what_the_study_does() {
        insta::assert_snapshot!(told(&example::evidence(3, 15)), @"
        Network and images: After Moore et al. (2022). The network is VGG19 with batch normalisation, one dense layer with 20,024,000 synapses; a synapse is one weight of a convolution or dense layer (biases and normalisation parameters are not synapses). Images are CIFAR-10 (Downloaded from www.cs.toronto.edu and checked against its MD5 sum): 50,000 training images and 10,000 test images of 10 classes; the sets are disjoint.
        Schooling: Each healthy network starts from random weights and is trained on the training images for 10 epochs (stochastic gradient descent, batch 40, learning rate 0.001 constant, momentum 0.9, weight decay 0.0005, random crops from images padded by 4 pixels and mirror images); the network after the last epoch is kept, whatever its accuracy. Test images are never learned from.
        Injury and plasticity: Arm ‘retrained’: in each of 15 steps, 20 % of the remaining synapses of all convolutional and dense layers (in each layer, chosen at random, rounded to the nearest synapse) are set to zero for good; then the network is retrained on the training images for 3 epochs (stochastic gradient descent, batch 40, learning rate 0.001 constant, momentum 0.9, weight decay 0.0005, random crops from images padded by 4 pixels and mirror images), lost synapses held at zero, momentum starting at rest. Arm ‘untreated’: in each of 15 steps, 20 % of the remaining synapses of all convolutional and dense layers (in each layer, chosen at random, rounded to the nearest synapse) are set to zero for good; then the network is not retrained. Arm ‘sham’: in each of 15 steps, no synapse is lost; then the network is retrained on the training images for 3 epochs (stochastic gradient descent, batch 40, learning rate 0.001 constant, momentum 0.9, weight decay 0.0005, random crops from images padded by 4 pixels and mirror images), lost synapses held at zero, momentum starting at rest. A lost synapse stays at zero through all learning. The share of synapses lost is counted from the lesion over all convolutional and dense layers, never computed from a formula.
        Readings: Networks are read in evaluation mode (normalisation, where the network has it, uses its running statistics). ‘Healthy’ is read after schooling; ‘injured’ right after a step’s loss, before any learning, so that normalisation statistics are still those of the network before the loss; ‘treated’ after the lesson that follows. Mean class-wise accuracy is the mean over the classes of the share of each class’s test images that is named right (10,000 test images).
        Representation: Activation patterns are read on the first 100 test images of each class (1,000 probe images) at block 3 (output of its max-pool) and the penultimate layer (input of the last dense layer, after ReLU). The representational dissimilarity matrix (RDM) holds 1 − Pearson’s r between the patterns of each pair of probe images, sorted by class (Kriegeskorte et al. 2008). The upper triangle, without the diagonal, is compared with that of the same network when healthy by Kendall's tau-b. A pattern that is the same at every unit has no correlation: its pairs are left out of both matrices and counted (none in the readings so far).
        Seeds and statistics: 3 trials in each arm: seeds 1 to 3 decide the first weights, which synapses are lost and the order, crops and flips of the training images. Arms of one seed start from the same healthy network and are compared as pairs. Intervals are 95 % intervals of the mean over seeds (Student’s t); ± is half their width.
        Software: Computed with atrophy 0.1.0 on cpu with 2 threads.
        ");
    }

    #[test]
    fn every_setting_the_paper_leaves_open_moves_the_text() {
        let base = example::evidence(3, 15);
        let text = told(&base);
        let changes: [fn(&mut neuro::record::Evidence); 9] = [
            |e| e.cause.stimuli.note = Some("Only half of it".to_owned()),
            |e| e.cause.images[1] = 500,
            |e| e.study.schooling.epochs = 11,
            |e| e.study.schooling.weights = Some("vgg.safetensors".into()),
            |e| e.study.seeds.held = vec![Chance::Network],
            |e| e.study.probe.images = ProbeImages::All,
            |e| e.study.arms[0].plasticity = neuro::plasticity::Plasticity::None,
            |e| e.study.measures = vec![Measure::RdmSimilarity { method: rsa_method("tau-a"), layer: None }],
            |e| e.cause.threads = 1,
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut evidence = base.clone();
            change(&mut evidence);
            assert_ne!(told(&evidence), text, "change {i} leaves no trace");
        }
    }

    /// `rsa` is not among our dependencies; the method is read as a study file would say it.
    fn rsa_method<T: for<'a> serde::Deserialize<'a>>(name: &str) -> T {
        serde_json::from_value(name.into()).unwrap()
    }

    #[test]
    fn pairs_left_out_are_told_where_they_were_most() {
        let mut evidence = example::evidence(2, 2);
        example::set(&mut evidence.trials[3], 2, neuro::record::Phase::Injured, "rdm_pairs_left_out", Some(49_950.0));
        assert!(told(&evidence).contains("at most 10.0 % of 499,500 pairs: arm ‘untreated’, step 2, injured, layer penultimate"));
    }
}
