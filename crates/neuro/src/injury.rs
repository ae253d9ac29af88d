//! Injuries: which synapses a step takes.
//!
//! To add one: a variant with its doc sentence, an arm in [`Injury::strike`], [`Injury::count`] and wherever else the compiler asks for
//! it, a line in [`Injury::examples`]. The laws at the foot then test it unasked.

use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::lesion::{Anatomy, Count, Lesion, Tally};
use crate::quantity::Fraction;
use crate::seed::{Address, Purpose, Seed};

/// Which synapses a step takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Injury {
    /// Nothing is ever lost: the sham operation.
    None,
    /// Synapses are lost one by one, anywhere: weights of convolutions and dense layers set to zero for good
    /// (Moore et al. 2022, §2.2).
    Ablation {
        /// How much a step takes.
        fraction: Fraction,
        /// Share of what.
        of: Share,
        /// Whether each layer loses its share, or the network as a whole.
        scope: Scope,
        /// Names of the layers that are struck; all if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        layers: Option<Vec<String>>,
    },
}

/// What a fraction is a fraction of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// Of the synapses still there: steps get smaller.
    Remaining,
    /// Of the synapses of the healthy network: steps of one size, until none is left.
    Original,
}

/// Where a share is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// In each layer by itself.
    PerLayer,
    /// Over all struck layers together, so that a layer's own share varies by chance.
    WholeNetwork,
}

impl Injury {
    /// Deepens `lesion` by one step. Counts are exact: a share is rounded to the nearest synapse, halves up.
    ///
    /// The injury is a fixed random order of the synapses, drawn from `seed` alone; a step takes the next ones in
    /// that order. So each dose contains the smaller ones, two arms of one seed lose the same synapses, and the map
    /// can be drawn again at any time. Costs time and memory in proportion to the synapses struck.
    pub fn strike(&self, anatomy: &Anatomy<'_>, lesion: &mut Lesion, seed: Seed) {
        match self {
            Injury::None => {}
            Injury::Ablation { fraction, of, scope, layers } => {
                let struck: Vec<usize> =
                    (0..anatomy.layers.len()).filter(|&l| is_named(layers.as_deref(), anatomy.layers[l].name)).collect();
                let dose = Dose { fraction: *fraction, of: *of };
                match scope {
                    Scope::PerLayer => struck.iter().for_each(|&layer| ablate(&[layer], dose, layer as u64, lesion, seed)),
                    Scope::WholeNetwork => ablate(&struck, dose, u64::MAX, lesion, seed),
                }
            }
        }
    }

    /// The numbers alone: counts in `tally` what so many calls of [`Injury::strike`] would take, and shows it after each of them.
    pub fn count(&self, tally: &mut Tally, steps: u32, mut after_each: impl FnMut(&Tally)) {
        match self {
            Injury::None => (0..steps).for_each(|_| after_each(tally)),
            Injury::Ablation { fraction, of, scope, layers } => {
                let dose = Dose { fraction: *fraction, of: *of };
                let struck: Vec<usize> =
                    (0..tally.layers().len()).filter(|&l| is_named(layers.as_deref(), &tally.layers()[l].layer)).collect();
                for _ in 0..steps {
                    match scope {
                        Scope::PerLayer => struck.iter().for_each(|&layer| count_ablated(&[layer], dose, tally)),
                        Scope::WholeNetwork => count_ablated(&struck, dose, tally),
                    }
                    after_each(tally);
                }
            }
        }
    }

    /// The layers that are struck and yet never lose a synapse in a course that begins with this lesion, each with the reason. Where
    /// chance decides which layer loses how many, nothing can be said.
    pub fn spared<'a>(&self, begin: &'a Tally) -> Vec<Spared<'a>> {
        match self {
            Injury::None | Injury::Ablation { scope: Scope::WholeNetwork, .. } => Vec::new(),
            _ if begin.by_chance => Vec::new(),
            Injury::Ablation { fraction, of, scope: Scope::PerLayer, layers } => {
                let dose = Dose { fraction: *fraction, of: *of };
                // a layer that loses nothing in the first step loses nothing in any, since nothing has changed
                let none = |count: &&Count| count.remaining() > 0 && dose.synapses(count.synapses, count.remaining()) == 0;
                let struck = begin.layers().iter().filter(|count| is_named(layers.as_deref(), &count.layer));
                let spared = |count: &'a Count| {
                    let (synapses, kind) = match of {
                        Share::Remaining if count.lost > 0 => (count.remaining(), " remaining"),
                        Share::Remaining | Share::Original => (count.synapses, ""),
                    };
                    let reason = format!(
                        "none of its {synapses}{kind} synapses: {} of them is less than half a synapse",
                        fraction.percent()
                    );
                    Spared { layer: &count.layer, reason }
                };
                struck.filter(none).map(spared).collect()
            }
        }
    }

    /// Whether no step of a course that begins with this lesion loses a synapse.
    pub fn never_takes(&self, begin: &Tally) -> bool {
        let mut after = begin.clone();
        self.count(&mut after, 1, |_| {});
        after.lost() == begin.lost()
    }

    /// Whether the seed alone decides what is lost, so that arms of one seed with the same injury lose the same synapses
    /// whatever else happens to them.
    pub fn is_drawn_from_seed_alone(&self) -> bool {
        match self {
            Injury::None | Injury::Ablation { .. } => true,
        }
    }

    /// The injury as a clause of a methods paragraph: "In each step, ...".
    pub fn sentence(&self) -> String {
        match self {
            Injury::None => "no synapse is lost".to_owned(),
            Injury::Ablation { fraction, of, scope, layers } => {
                let of = match of {
                    Share::Remaining => "remaining",
                    Share::Original => "original",
                };
                let place = match layers {
                    None => "all convolutional and dense layers".to_owned(),
                    Some(names) if names.len() == 1 => format!("layer {}", names[0]),
                    Some(names) => format!("the layers {}", names.join(", ")),
                };
                let scope = match scope {
                    Scope::PerLayer => "in each layer",
                    Scope::WholeNetwork => "counted over these layers together",
                };
                format!(
                    "{} of the {of} synapses of {place} ({scope}, chosen at random, rounded to the nearest synapse) are set to zero for \
                     good",
                    fraction.percent()
                )
            }
        }
    }

    /// What is wrong with this injury for this network, if anything: the reason, and the remedy.
    pub fn check(&self, architecture: &Architecture) -> Result<(), String> {
        match self {
            Injury::None | Injury::Ablation { layers: None, .. } => Ok(()),
            Injury::Ablation { layers: Some(names), .. } => check_layers(names, architecture),
        }
    }

    /// One of each kind, with a sentence for people.
    pub fn examples() -> Vec<(Injury, &'static str)> {
        let fraction = Fraction::try_from(0.2).expect("a fraction");
        let ablation = |of, scope| Injury::Ablation { fraction, of, scope, layers: None };
        vec![
            (Injury::None, "nothing is lost (the sham operation)"),
            (
                ablation(Share::Remaining, Scope::PerLayer),
                "each step sets a random fraction of the remaining synapses of each layer to zero, for good",
            ),
            (ablation(Share::Original, Scope::PerLayer), "as above, a fraction of the original number: steps of one size"),
            (
                ablation(Share::Remaining, Scope::WholeNetwork),
                "as above, counted over the whole network: a layer's own share varies by chance",
            ),
        ]
    }
}

/// A layer that is struck and never loses a synapse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spared<'a> {
    /// Its name.
    pub layer: &'a str,
    /// Why, after "loses": "none of its 108 synapses: 0.4 % of them is less than half a synapse".
    pub reason: String,
}

#[derive(Clone, Copy)]
struct Dose {
    fraction: Fraction,
    of: Share,
}

impl Dose {
    /// How many synapses it takes, of so many that there were and so many that remain.
    fn synapses(self, original: u64, remaining: u64) -> u64 {
        match self.of {
            Share::Remaining => self.fraction.of(remaining),
            Share::Original => self.fraction.of(original).min(remaining),
        }
    }
}

/// Whether a layer is one of those that are named; all are if none is.
fn is_named(names: Option<&[String]>, layer: &str) -> bool {
    names.is_none_or(|names| names.iter().any(|name| name == layer))
}

/// Counts a dose over `layers` together. Each gives the share of it that is to be expected, and the last one the rest.
fn count_ablated(layers: &[usize], dose: Dose, tally: &mut Tally) {
    let (mut original, mut remaining) = (0, 0);
    for &layer in layers {
        original += tally.layers()[layer].synapses;
        remaining += tally.layers()[layer].remaining();
    }
    let mut left = dose.synapses(original, remaining);
    tally.by_chance |= left > 0 && layers.len() > 1;
    for &layer in layers {
        let here = tally.layers()[layer].remaining();
        let taken = share(left, here, remaining);
        tally.take(layer, taken);
        (left, remaining) = (left - taken, remaining - here);
    }
}

/// `number` x `part` / `whole`, rounded to the nearest, halves up.
fn share(number: u64, part: u64, whole: u64) -> u64 {
    let (number, part, whole) = (u128::from(number), u128::from(part), u128::from(whole.max(1)));
    ((2 * number * part + whole) / (2 * whole)) as u64
}

fn check_layers(names: &[String], architecture: &Architecture) -> Result<(), String> {
    if names.is_empty() {
        return Err("`layers` names no layer; leave it out to strike all".to_owned());
    }
    if let Some(twice) = names.iter().enumerate().find_map(|(i, name)| names[..i].contains(name).then_some(name)) {
        return Err(format!("`layers` names '{twice}' twice"));
    }
    match names.iter().find(|name| architecture.synaptic().all(|part| part.name != **name)) {
        None => Ok(()),
        Some(unknown) => {
            let known: Vec<&str> = architecture.synaptic().map(|part| part.name.as_str()).collect();
            Err(format!("the network has no synaptic layer '{unknown}'; it has {}", known.join(", ")))
        }
    }
}

/// Takes the next synapses of the random order over `layers` together until the dose is reached.
fn ablate(layers: &[usize], dose: Dose, order_of: u64, lesion: &mut Lesion, seed: Seed) {
    let sizes: Vec<usize> = layers.iter().map(|&l| lesion.layers()[l].synapses()).collect();
    let total: usize = sizes.iter().sum();
    let lost: usize = layers.iter().map(|&l| lesion.layers()[l].lost()).sum();
    let mut left = dose.synapses(total as u64, (total - lost) as u64);
    let count = u32::try_from(total).expect("fewer than 2^32 synapses in one order");
    let order = seed.stream(Purpose::Injury, Address { item: order_of, ..Address::default() }).order(count);
    for synapse in order {
        if left == 0 {
            return;
        }
        let (layer, synapse) = locate(&sizes, synapse as usize);
        let layer = layers[layer];
        if !lesion.layers()[layer].is_lost(synapse) {
            lesion.take(layer, synapse);
            left -= 1;
        }
    }
    assert_eq!(left, 0, "a dose never exceeds what remains");
}

/// Which layer the `index`-th synapse of the concatenated layers lies in, and where.
fn locate(sizes: &[usize], mut index: usize) -> (usize, usize) {
    for (layer, &size) in sizes.iter().enumerate() {
        if index < size {
            return (layer, index);
        }
        index -= size;
    }
    unreachable!("the order has as many synapses as the layers")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 4] = ["conv1_1", "conv2_1", "fc1", "fc2"];

    fn anatomy(weights: &[Vec<f32>]) -> Anatomy<'_> {
        let layers = weights.iter().zip(NAMES).map(|(weights, name)| crate::lesion::Layer { name, weights });
        Anatomy { layers: layers.collect() }
    }

    fn strikes(injury: &Injury, sizes: &[usize], seed: u64, steps: usize) -> Vec<Lesion> {
        let weights: Vec<Vec<f32>> = sizes.iter().map(|&n| vec![1.0; n]).collect();
        let mut lesion = Lesion::of_sizes(sizes.iter().copied());
        (0..steps)
            .map(|_| {
                injury.strike(&anatomy(&weights), &mut lesion, Seed(seed));
                lesion.clone()
            })
            .collect()
    }

    proptest! {
        /// The laws of every injury: it only grows, the same seed loses the same synapses, and one more step adds to it.
        #[test]
        fn every_injury_only_grows_and_repeats(sizes in proptest::collection::vec(1usize..300, 1..4), seed in 0u64..1000) {
            for (injury, _) in Injury::examples() {
                let course = strikes(&injury, &sizes, seed, 6);
                for pair in course.windows(2) {
                    prop_assert!(pair[1].contains(&pair[0]));
                }
                prop_assert_eq!(&course, &strikes(&injury, &sizes, seed, 6));
            }
        }

        /// What pairs the arms of one seed: learning in between changes weights, and must not change what is lost.
        #[test]
        fn an_injury_drawn_from_the_seed_alone_does_not_look_at_weights(n in 1usize..300, seed in 0u64..1000) {
            let (healthy, treated) = (vec![vec![1.0; n]], vec![(0..n).map(|i| i as f32 - 7.0).collect()]);
            for (injury, _) in Injury::examples().into_iter().filter(|(injury, _)| injury.is_drawn_from_seed_alone()) {
                let [mut a, mut b] = [Lesion::of_sizes([n]), Lesion::of_sizes([n])];
                injury.strike(&anatomy(&healthy), &mut a, Seed(seed));
                injury.strike(&anatomy(&treated), &mut b, Seed(seed));
                prop_assert_eq!(a, b);
            }
        }

        /// What is counted beforehand is what is lost: in each layer, or altogether where chance decides between layers.
        #[test]
        fn every_injury_takes_what_is_counted(sizes in proptest::collection::vec(1usize..300, 1..4), f in 0.0f64..=1.0, seed in 0u64..9) {
            let fraction = Fraction::try_from(f).unwrap();
            let ablation = |of, scope| Injury::Ablation { fraction, of, scope, layers: Some(vec!["conv2_1".into(), "conv1_1".into()]) };
            let mut injuries: Vec<Injury> = Injury::examples().into_iter().map(|(injury, _)| injury).collect();
            injuries.extend([Share::Remaining, Share::Original].map(|of| ablation(of, Scope::PerLayer)));
            injuries.extend([Share::Remaining, Share::Original].map(|of| ablation(of, Scope::WholeNetwork)));
            for injury in injuries {
                let begin = Tally::of_sizes(NAMES.into_iter().zip(sizes.iter().copied()));
                let mut tally = begin.clone();
                let course = strikes(&injury, &sizes, seed, 6);
                for lesion in &course {
                    injury.count(&mut tally, 1, |_| {});
                    prop_assert_eq!((tally.lost(), tally.fraction_lost()), (lesion.lost(), lesion.fraction_lost()));
                    for (count, layer) in tally.layers().iter().zip(lesion.layers()) {
                        prop_assert!(tally.by_chance || count.lost == layer.lost() as u64, "{:?}", injury);
                    }
                }
                prop_assert_eq!(injury.never_takes(&begin), course[5].lost() == 0);
                let spared: Vec<&str> = injury.spared(&begin).iter().map(|spared| spared.layer).collect();
                let struck = |name: &str| match &injury {
                    Injury::None | Injury::Ablation { scope: Scope::WholeNetwork, .. } => false,
                    Injury::Ablation { layers, .. } => is_named(layers.as_deref(), name),
                };
                let lost_none = NAMES.iter().zip(course[5].layers()).filter(|(name, layer)| layer.lost() == 0 && struck(name));
                prop_assert_eq!(spared, lost_none.map(|(name, _)| *name).collect::<Vec<_>>());
            }
        }

        #[test]
        fn ablation_takes_exact_counts(sizes in proptest::collection::vec(1usize..300, 1..4), f in 0.0f64..=1.0) {
            let fraction = Fraction::try_from(f).unwrap();
            let injury = |of, scope| Injury::Ablation { fraction, of, scope, layers: None };
            let nearest = |share: f64| share.round() as usize;

            let course = strikes(&injury(Share::Remaining, Scope::PerLayer), &sizes, 1, 2);
            for (layer, &n) in sizes.iter().enumerate() {
                let first = nearest(f * n as f64);
                prop_assert_eq!(course[0].layers()[layer].lost(), first);
                prop_assert_eq!(course[1].layers()[layer].lost(), first + nearest(f * (n - first) as f64));
            }
            let total: usize = sizes.iter().sum();
            let course = strikes(&injury(Share::Original, Scope::WholeNetwork), &sizes, 1, 3);
            let step = nearest(f * total as f64);
            for (k, lesion) in course.iter().enumerate() {
                prop_assert_eq!(lesion.lost() as usize, (step * (k + 1)).min(total));
            }
        }
    }

    #[test]
    fn another_seed_is_another_injury() {
        for (injury, _) in Injury::examples().into_iter().filter(|(injury, _)| *injury != Injury::None) {
            assert_ne!(strikes(&injury, &[500, 500], 1, 1), strikes(&injury, &[500, 500], 2, 1), "{injury:?}");
        }
    }

    #[test]
    fn named_layers_alone_are_struck() {
        let injury = Injury::Ablation {
            fraction: Fraction::try_from(0.5).unwrap(),
            of: Share::Remaining,
            scope: Scope::PerLayer,
            layers: Some(vec!["conv2_1".to_owned()]),
        };
        let course = strikes(&injury, &[10, 10, 10], 1, 1);
        assert_eq!(course[0].layers().iter().map(crate::lesion::LayerLesion::lost).collect::<Vec<_>>(), [0, 5, 0]);
    }

    #[test]
    fn sentences_name_the_dose_the_share_and_the_place() {
        let ablation = |f: f64, of, scope, layers: &[&str]| Injury::Ablation {
            fraction: Fraction::try_from(f).unwrap(),
            of,
            scope,
            layers: (!layers.is_empty()).then(|| layers.iter().map(|&name| name.to_owned()).collect()),
        };
        insta::assert_snapshot!(ablation(0.2, Share::Remaining, Scope::PerLayer, &[]).sentence(), @"20 % of the remaining synapses of all convolutional and dense layers (in each layer, chosen at random, rounded to the nearest synapse) are set to zero for good");
        insta::assert_snapshot!(ablation(0.125, Share::Original, Scope::WholeNetwork, &["conv1_1", "fc1"]).sentence(), @"12.5 % of the original synapses of the layers conv1_1, fc1 (counted over these layers together, chosen at random, rounded to the nearest synapse) are set to zero for good");
        insta::assert_snapshot!(ablation(0.07, Share::Remaining, Scope::PerLayer, &["fc1"]).sentence(), @"7 % of the remaining synapses of layer fc1 (in each layer, chosen at random, rounded to the nearest synapse) are set to zero for good");
    }

    #[test]
    fn a_layer_that_is_too_small_for_its_share_is_told_with_the_reason() {
        let injury =
            |of| Injury::Ablation { fraction: Fraction::try_from(0.004).unwrap(), of, scope: Scope::PerLayer, layers: None };
        let mut begin = Tally::of_sizes([("conv1_1", 108), ("conv2_1", 125), ("fc1", 0)]);
        let told = |injury: &Injury, begin: &Tally| {
            injury.spared(begin).iter().map(|spared| format!("{} loses {}", spared.layer, spared.reason)).collect::<Vec<_>>()
        };
        assert_eq!(
            told(&injury(Share::Remaining), &begin),
            ["conv1_1 loses none of its 108 synapses: 0.4 % of them is less than half a synapse"]
        );
        begin.take(0, 108);
        begin.take(1, 1);
        assert_eq!(
            told(&injury(Share::Remaining), &begin),
            ["conv2_1 loses none of its 124 remaining synapses: 0.4 % of them is less than half a synapse"]
        );
        assert!(
            told(&injury(Share::Original), &begin).is_empty(),
            "half a synapse is one, and a layer that has none left is told of"
        );
        begin.by_chance = true;
        assert!(told(&injury(Share::Remaining), &begin).is_empty());
    }

    #[test]
    fn layers_that_are_none_or_named_twice_are_refused() {
        let network: crate::architecture::Blueprint =
            serde_json::from_str(r#"{"tiny": {"batch_norm": false, "head": []}}"#).unwrap();
        let shape = crate::images::Shape { channels: 3, height: 32, width: 32 };
        let network = network.architecture(shape, 10).unwrap();
        let check = |layers: &str| {
            let text = format!(r#"{{"ablation":{{"fraction":0.2,"of":"remaining","scope":"per-layer","layers":{layers}}}}}"#);
            serde_json::from_str::<Injury>(&text).unwrap().check(&network)
        };
        assert_eq!(check(r#"["conv1_1", "fc1"]"#), Ok(()));
        assert!(check("[]").unwrap_err().contains("no layer"));
        assert!(check(r#"["fc1", "fc1"]"#).unwrap_err().contains("'fc1' twice"));
        assert!(check(r#"["fc2"]"#).unwrap_err().contains("'fc2'; it has conv1_1, conv2_1, conv3_1, fc1"));
    }

    /// The paper's doses (field: 1-(1-0.2)^n): 20, 36, 48.8 ... 89.3 (n = 10), 91.4 (n = 11), 96.5 % (n = 15).
    #[test]
    fn fifteen_steps_of_a_fifth_are_the_papers_doses() {
        let injury = Injury::examples()[1].0.clone();
        let course = strikes(&injury, &[1_000_000], 3, 15);
        let percent = |n: usize| (course[n - 1].fraction_lost() * 1000.0).round() / 10.0;
        assert_eq!([1, 2, 3, 10, 11, 15].map(percent), [20.0, 36.0, 48.8, 89.3, 91.4, 96.5]);
    }
}
