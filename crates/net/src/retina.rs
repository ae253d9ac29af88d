//! How bytes become activity.

use neuro::images::Images;

/// How bytes become activity: (byte - mean) / deviation, per channel, with the statistics of the training images.
#[derive(Clone, Debug, PartialEq)]
pub struct Retina {
    /// Mean and standard deviation of each channel, in pixel values 0 to 255.
    pub(crate) channels: Vec<(f32, f32)>,
}

impl Retina {
    /// The retina for these training images. Walks all of them, so compute it once for a study.
    #[must_use]
    pub fn of(train: &Images) -> Self {
        let channels = train.channel_statistics().into_iter();
        Self { channels: channels.map(|(mean, deviation)| (mean as f32, deviation as f32)).collect() }
    }

    /// What each byte becomes, in each channel.
    pub(crate) fn activity_of_bytes(&self) -> Vec<[f32; 256]> {
        let activity = |&(mean, deviation): &(f32, f32)| std::array::from_fn(|byte| (byte as f32 - mean) / deviation);
        self.channels.iter().map(activity).collect()
    }
}
