//! Our own speed, for side-by-side measurements.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Instant;

use net::{Device, Network, Retina, SHOWN_AT_ONCE};
use neuro::architecture::Blueprint;
use neuro::images::{Images, Shape};
use neuro::lesson::{Augmentation, Lesson, Schedule};
use neuro::quantity::{Fraction, NonNegative, Positive};
use neuro::responses::Showing;
use neuro::seed::{Address, Purpose, Seed};
use serde_json::{Value, json};

use crate::process::{BUILD, with_threads};
use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// The images of CIFAR.
const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
const CLASSES: usize = 10;

/// Training and reading a network on made-up images, after one step to warm up.
#[derive(Debug, clap::Args)]
pub struct Train {
    /// vgg11, vgg13, vgg16 or vgg19: three dense layers, as in the paper; with `-bn`: batch normalisation, one dense layer.
    #[arg(long, value_name = "NAME", default_value = "vgg19")]
    network: String,
    /// Multiplies the channels of every convolution.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    width: f64,
    /// Images in each step.
    #[arg(long, value_name = "N", default_value_t = NonZeroU32::new(40).expect("40 is not 0"))]
    batch: NonZeroU32,
    /// Steps that are timed.
    #[arg(long, value_name = "N", default_value_t = NonZeroU32::new(7).expect("7 is not 0"))]
    steps: NonZeroU32,
    /// Threads that compute [default: as many as there are processors].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Where the network lives: cpu, which is all there is.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What was measured. Rates are from the median step.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    network: String,
    batch: usize,
    steps: usize,
    threads: usize,
    device: String,
    train_images_per_second: f64,
    read_images_per_second: f64,
    train_gflop_per_second: f64,
    peak_memory_mib: Option<f64>,
}

impl Train {
    /// Measures.
    pub fn measure(self) -> Result<Measured> {
        net::prepare_learning();
        with_threads(self.threads, |threads| self.with(threads))
    }

    fn with(self, threads: usize) -> Result<Measured> {
        let device: Device =
            self.device.parse().map_err(|error: net::DeviceError| Trouble::new(Exit::Study, error.to_string()))?;
        let architecture = self
            .blueprint()?
            .architecture(SHAPE, CLASSES)
            .or_trouble(Exit::Study, || format!("--network {} --width {}", self.network, self.width))?;
        let (batch, steps) = (self.batch.get() as usize, self.steps.get() as usize);
        let images = noise(batch * (steps + 1));
        let name = architecture.name.clone();
        let operations = 6.0 * architecture.multiplications() as f64; // forward and twice back, a product and a sum each
        let mut network = Network::newborn(architecture, &Retina::of(&images), Seed(1), device);

        let mut clock = Clock::default();
        let lesson = lesson(self.batch);
        network
            .learn_epoch(&lesson, &images, Seed(1), Address::default(), &mut |_| clock.tick())
            .or_trouble(Exit::Failed, || "the benchmark".to_owned())?;
        let train_images_per_second = batch as f64 / clock.median_seconds();

        let images = noise(SHOWN_AT_ONCE * (steps + 1));
        let classes: Vec<String> = (0..CLASSES).map(|class| class.to_string()).collect();
        let showing = Showing::new(images.labels(), None, &classes);
        let taps = ["penultimate".to_owned()];
        let mut clock = Clock::default();
        network
            .perceive(&images, &showing, &taps, &mut |_| clock.tick())
            .or_trouble(Exit::Failed, || "the benchmark".to_owned())?;
        let read_images_per_second = SHOWN_AT_ONCE as f64 / clock.median_seconds();
        Ok(Measured {
            network: name,
            batch,
            steps,
            threads,
            device: self.device,
            train_images_per_second,
            read_images_per_second,
            train_gflop_per_second: train_images_per_second * operations / 1e9,
            peak_memory_mib: peak_memory_mib(),
        })
    }

    fn blueprint(&self) -> Result<Blueprint> {
        let wrong = |what: String| Trouble::new(Exit::Study, what);
        let unknown =
            || wrong(format!("--network {}: choose vgg11, vgg13, vgg16 or vgg19, or one of them with -bn", self.network));
        let (name, batch_norm) = match self.network.strip_suffix("-bn") {
            Some(name) => (name, true),
            None => (self.network.as_str(), false),
        };
        let depth: u32 = name.strip_prefix("vgg").and_then(|depth| depth.parse().ok()).ok_or_else(unknown)?;
        let wide = NonZeroU32::new(4096).expect("4096 is not 0");
        Ok(Blueprint::Vgg {
            depth: depth.try_into().map_err(|_| unknown())?,
            batch_norm,
            head: if batch_norm { Vec::new() } else { vec![wide, wide] },
            width: Positive::try_from(self.width).map_err(|reason| wrong(format!("--width: {reason}")))?,
        })
    }
}

/// Dissimilarity matrices and their comparison by Kendall's tau-b, on made-up activations.
#[derive(Debug, clap::Args)]
pub struct Rsa {
    /// Images.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(3..=65_536))]
    images: u32,
    /// Features of each.
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(2..))]
    features: u32,
    /// Threads that compute [default: as many as there are processors].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What was measured, in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredRsa {
    images: usize,
    features: usize,
    threads: usize,
    rdm_seconds: f64,
    prepare_seconds: f64,
    tau_b_seconds: f64,
    tau_b: Option<f64>,
    peak_memory_mib: Option<f64>,
}

impl Rsa {
    /// Measures one of each: a matrix, the preparation of a reference, and a comparison with it.
    pub fn measure(self) -> Result<MeasuredRsa> {
        with_threads(self.threads, |threads| self.with(threads))
    }

    fn with(self, threads: usize) -> Result<MeasuredRsa> {
        let (images, features) = (self.images as usize, self.features as usize);
        let timed = |values: Vec<f32>| {
            let start = Instant::now();
            let rdm = rsa::Rdm::<f32>::of(&values, features, rsa::Distance::Correlation)
                .or_trouble(Exit::Failed, || "the benchmark".to_owned());
            rdm.map(|rdm| (rdm, start.elapsed().as_secs_f64()))
        };
        let (healthy, _) = timed(activations(images * features, &[1]))?; // warms up
        let (injured, rdm_seconds) = timed(activations(images * features, &[1, 2]))?;
        let start = Instant::now();
        let healthy = rsa::Prepared::new(healthy);
        healthy.prepare(rsa::Method::TauB);
        let prepare_seconds = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let tau_b = healthy.similarity(&injured, rsa::Method::TauB).value;
        let tau_b_seconds = start.elapsed().as_secs_f64();
        let peak_memory_mib = peak_memory_mib();
        Ok(MeasuredRsa { images, features, threads, rdm_seconds, prepare_seconds, tau_b_seconds, tau_b, peak_memory_mib })
    }
}

/// Rectified noise, about half of it zeros, as of units after a ReLU; a mixture of several sources.
fn activations(count: usize, sources: &[u64]) -> Vec<f32> {
    let mut values = vec![0.0; count];
    for &source in sources {
        let mut stream = Seed(source).stream(Purpose::Drawing, Address::default());
        values.iter_mut().for_each(|value| *value += (stream.unit() as f32 - 0.5).max(0.0));
    }
    values
}

impl MeasuredRsa {
    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "benchmark": "rsa",
            "build": BUILD,
            "images": self.images,
            "features": self.features,
            "threads": self.threads,
            "rdm_seconds": self.rdm_seconds,
            "prepare_seconds": self.prepare_seconds,
            "tau_b_seconds": self.tau_b_seconds,
            "tau_b": self.tau_b,
            "peak_memory_mib": self.peak_memory_mib,
        })
    }
}

impl fmt::Display for MeasuredRsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} images x {} features, {} threads", self.images, self.features, self.threads)?;
        writeln!(f, "matrix (1 - Pearson)    {:8.3} s", self.rdm_seconds)?;
        writeln!(f, "preparing the reference {:8.3} s", self.prepare_seconds)?;
        writeln!(f, "tau-b                   {:8.3} s", self.tau_b_seconds)?;
        match self.peak_memory_mib {
            Some(peak) => writeln!(f, "memory                  {peak:8.0} MiB at its peak"),
            None => Ok(()),
        }
    }
}

/// The paper's lesson, without augmentation.
fn lesson(batch: NonZeroU32) -> Lesson {
    Lesson {
        epochs: 1,
        batch,
        rate: Positive::try_from(0.001).expect("above 0"),
        momentum: Fraction::try_from(0.9).expect("a fraction"),
        nesterov: false,
        decay: NonNegative::try_from(0.0005).expect("not below 0"),
        schedule: Schedule::Constant,
        label_smoothing: Fraction::ZERO,
        augmentation: Augmentation::None,
    }
}

/// Images of noise: speed does not depend on what they show.
fn noise(count: usize) -> Images {
    let mut stream = Seed(1).stream(Purpose::Drawing, Address::default());
    let pixels = (0..count * SHAPE.len()).map(|_| stream.below(256) as u8).collect();
    Images::new(SHAPE, pixels, (0..count).map(|image| (image % CLASSES) as u16).collect())
}

/// The moments at which steps ended. The first step warms up.
#[derive(Default)]
struct Clock(Vec<Instant>);

impl Clock {
    fn tick(&mut self) {
        self.0.push(Instant::now());
    }

    fn median_seconds(&self) -> f64 {
        let mut seconds: Vec<f64> = self.0.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        match seconds.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => seconds[n / 2],
            n => f64::midpoint(seconds[n / 2 - 1], seconds[n / 2]),
        }
    }
}

/// The most memory this process has held, where the system tells (Linux).
fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

impl Measured {
    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "benchmark": "train",
            "build": BUILD,
            "network": self.network,
            "batch": self.batch,
            "steps": self.steps,
            "threads": self.threads,
            "device": self.device,
            "train_images_per_second": self.train_images_per_second,
            "read_images_per_second": self.read_images_per_second,
            "train_gflop_per_second": self.train_gflop_per_second,
            "peak_memory_mib": self.peak_memory_mib,
        })
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, batch {}, {} threads on {}", self.network, self.batch, self.threads, self.device)?;
        writeln!(
            f,
            "training  {:9.1} images/s   {:.0} GFLOP/s, median of {} steps",
            self.train_images_per_second, self.train_gflop_per_second, self.steps
        )?;
        writeln!(f, "reading   {:9.1} images/s", self.read_images_per_second)?;
        match self.peak_memory_mib {
            Some(peak) => writeln!(f, "memory    {peak:9.0} MiB at its peak"),
            None => Ok(()),
        }
    }
}
