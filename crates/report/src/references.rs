//! What the methods cite.

use neuro::architecture::Blueprint;
use neuro::measure::Measure;
use neuro::study::{StimuliChoice, Study};

/// In the order of their first mention.
pub(crate) fn references(study: &Study) -> Vec<&'static str> {
    let network = match study.network {
        Blueprint::Vgg { .. } => Some(
            "Simonyan K, Zisserman A (2015) Very deep convolutional networks for large-scale image recognition. International Conference on \
             Learning Representations (ICLR) 2015.",
        ),
        Blueprint::Tiny { .. } => None,
    };
    let images = match study.stimuli {
        StimuliChoice::Cifar10(_) | StimuliChoice::Cifar100(_) => Some(
            "Krizhevsky A (2009) Learning multiple layers of features from tiny images. Technical report, University of Toronto.",
        ),
        StimuliChoice::Folder { .. } | StimuliChoice::Shapes { .. } => None,
    };
    let weights = study.schooling.weights.is_none().then_some(
        "He K, Zhang X, Ren S, Sun J (2015) Delving deep into rectifiers: surpassing human-level performance on ImageNet classification. \
         International Conference on Computer Vision (ICCV) 2015.",
    );
    let similarity = study.measures.iter().any(|measure| matches!(measure, Measure::RdmSimilarity { .. }));
    let similarity = similarity.then_some([
        "Kriegeskorte N, Mur M, Bandettini P (2008) Representational similarity analysis: connecting the branches of systems neuroscience. \
         Frontiers in Systems Neuroscience 2:4.",
        "Kendall MG (1945) The treatment of ties in ranking problems. Biometrika 33:239–251.",
    ]);
    let method = "Moore JA, Fakhar K, Hilgetag CC, Wilms M, Hadaeghi F, Forkert ND (2022) Adding neuroplasticity to a CNN-based in-silico model \
                  of neurodegeneration. 4th Workshop on Shared Visual Representations in Human and Machine Visual Intelligence (SVRHM), NeurIPS \
                  2022.";
    [Some(method), network, images, weights].into_iter().flatten().chain(similarity.into_iter().flatten()).collect()
}
