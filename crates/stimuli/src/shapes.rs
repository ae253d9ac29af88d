//! Ten classes of drawn objects, for studies that need no data of their own.
//!
//! Each image is one object on a shaded ground, between fragments that lie behind and before it, under noise.
//! Place, size, proportions, angle, colours and fragments are drawn anew for every image from a stream of its own,
//! so an image is the same whatever else is asked for, and in whatever order they are drawn.
//!
//! They are meant to be learnable yet not easy: three convolutions (16, 32 and 64 channels, batch normalisation, pooling
//! after each) and one dense layer, taught with 3000 to 4000 images for 8 epochs (SGD, momentum 0.9, batches of 40), get
//! 86 to 92 % of 1000 test images right at rates 0.005 to 0.01. Most mistakes are between disc and square, ring and
//! frame, cross and star.
//!
//! Only `+ - * /`, square roots and comparisons are used, which IEEE 754 rounds alike everywhere. Sines and logarithms
//! come from each system's library and may differ in the last digit, which would turn up as a different pixel.

use neuro::images::{Check, Images, Shape, Stimuli};
use neuro::seed::{Address, Purpose, Seed, Stream};
use rayon::prelude::*;

use crate::set::{Collection, Counts, Outline};

const NAME: &str = "shapes";
const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
const SIDE: usize = SHAPE.width;

/// The root of all drawn images; another number would be another set.
const SEED: Seed = Seed(10);

/// The classes in the order of their labels. Each is easily taken for some other: a ring for a frame, a cross for a star.
const CLASSES: [(&str, Figure); 10] = [
    ("disc", Figure::Disc),
    ("ring", Figure::Ring),
    ("crescent", Figure::Crescent),
    ("square", Figure::Square),
    ("frame", Figure::Frame),
    ("ell", Figure::Ell),
    ("triangle", Figure::Triangle),
    ("arrow", Figure::Arrow),
    ("cross", Figure::Cross),
    ("star", Figure::Star),
];

/// As many images as asked for.
pub(crate) fn counts(train: u32, assessment: u32, test: u32) -> Counts {
    Counts { train: train as usize, assessment: assessment as usize, test: test as usize }
}

/// Draws the three sets, in about 0.1 ms of one core for each image.
pub(crate) fn load(counts: Counts) -> Stimuli {
    let collection = Collection {
        name: NAME.to_owned(),
        source: "drawn by the program itself".to_owned(),
        check: Check::Drawn,
        note: None,
        classes: class_names(),
        train: images(0, counts.train),
        assessment: images(1, counts.assessment),
        test: images(2, counts.test),
    };
    collection.into_stimuli()
}

/// What `load` will give.
pub(crate) fn outline(counts: Counts) -> Outline {
    // classes take turns
    let of_class = |class: usize| counts.test / CLASSES.len() + usize::from(class < counts.test % CLASSES.len());
    let test_per_class = Some((0..CLASSES.len()).map(of_class).collect());
    Outline { name: NAME.to_owned(), shape: SHAPE, classes: class_names(), counts, test_per_class, archive: None }
}

fn class_names() -> Vec<String> {
    CLASSES.iter().map(|&(name, _)| name.to_owned()).collect()
}

/// The first `count` images of one of the three sets. Classes take turns, so any part of a set is balanced.
fn images(set: u64, count: usize) -> Images {
    let mut pixels = vec![0; count * SHAPE.len()];
    pixels.par_chunks_exact_mut(SHAPE.len()).enumerate().for_each(|(index, pixels)| {
        // counts are 32-bit, so that no two sets ever share an address
        let item = (set << 32) + index as u64;
        let mut stream = SEED.stream(Purpose::Drawing, Address { item, ..Address::default() });
        draw(CLASSES[index % CLASSES.len()].1, &mut stream, pixels);
    });
    let labels = (0..count).map(|index| (index % CLASSES.len()) as u16).collect();
    Images::new(SHAPE, pixels, labels)
}

/// Draws one image, as planes.
fn draw(object: Figure, stream: &mut Stream, pixels: &mut [u8]) {
    let ground = Colour::any(stream);
    let mut canvas = Canvas::shaded(ground, stream);
    for _ in 0..1 + stream.below(3) {
        canvas.paint(&Stroke::fragment(ground, stream));
    }
    canvas.paint(&Stroke::object(object, ground, stream));
    for _ in 0..stream.below(2) {
        canvas.paint(&Stroke::fragment(ground, stream));
    }
    canvas.develop(stream, pixels);
}

/// Red, green and blue, 0 to 255.
#[derive(Clone, Copy)]
struct Colour([f64; 3]);

impl Colour {
    fn any(stream: &mut Stream) -> Self {
        Self([0; 3].map(|_| stream.between(40.0, 130.0)))
    }

    /// A colour at `distance` from this one, brighter in whatever mixture of red, green and blue.
    fn brighter(self, distance: f64, stream: &mut Stream) -> Self {
        let direction = loop {
            let point = [0; 3].map(|_| stream.unit());
            let square: f64 = point.iter().map(|x| x * x).sum();
            if (0.01..1.0).contains(&square) {
                break point.map(|x| x / square.sqrt());
            }
        };
        Self(std::array::from_fn(|channel| self.0[channel] + distance * direction[channel]))
    }
}

/// What can be painted, in coordinates of its own: about from -1 to 1, with the centre at 0.
#[derive(Clone, Copy, Debug)]
enum Figure {
    Disc,
    Ring,
    Crescent,
    Square,
    Frame,
    Ell,
    Triangle,
    Arrow,
    Cross,
    Star,
    /// A short line, found among the fragments only.
    Dash,
}

impl Figure {
    /// The circle around 0 in which all figures lie.
    const REACH: f64 = 1.2;

    /// Whether a point belongs to the figure; x points right, y down.
    fn contains(self, x: f64, y: f64) -> bool {
        let square = x * x + y * y;
        // within an upright rectangle
        let inside = |left: f64, right: f64, top: f64, bottom: f64| left < x && x < right && top < y && y < bottom;
        match self {
            Self::Disc => square < 0.8,
            Self::Ring => square < 0.9 && square > 0.25,
            Self::Crescent => square < 0.95 && (x - 0.45) * (x - 0.45) + y * y > 0.55,
            Self::Square => inside(-0.75, 0.75, -0.75, 0.75),
            Self::Frame => inside(-0.8, 0.8, -0.8, 0.8) && !inside(-0.42, 0.42, -0.42, 0.42),
            Self::Ell => inside(-0.75, 0.75, -0.75, 0.75) && !inside(-0.2, 0.8, -0.8, 0.2),
            // the point at the top, edges of equal length
            Self::Triangle => y < 0.55 && 1.732 * x.abs() < y + 1.0,
            Self::Arrow => (y < 0.05 && x.abs() < 0.85 * (y + 1.0)) || inside(-0.28, 0.28, 0.0, 0.95),
            Self::Cross => (x.abs() < 0.27 && y.abs() < 0.95) || (y.abs() < 0.27 && x.abs() < 0.95),
            Self::Star => {
                // four points: between two of them the edge runs through (0.27, 0.27)
                let (long, short) = if x.abs() > y.abs() { (x.abs(), y.abs()) } else { (y.abs(), x.abs()) };
                short < 0.27 && long < 0.27 || short < (1.1 - long) * (0.27 / 0.83)
            }
            Self::Dash => inside(-1.0, 1.0, -0.15, 0.15),
        }
    }
}

/// A figure in its place.
struct Stroke {
    figure: Figure,
    colour: Colour,
    /// Centre, in pixels from the top left corner.
    centre: (f64, f64),
    /// The figure's own x and y axes as rows, per pixel.
    axes: [(f64, f64); 2],
    /// No point of the figure is farther from the centre than this, in pixels.
    reach: f64,
}

impl Stroke {
    fn object(figure: Figure, ground: Colour, stream: &mut Stream) -> Self {
        let size = stream.between(7.0, 11.0);
        let middle = SIDE as f64 / 2.0;
        let play = 0.8 * (middle - size);
        let centre = (middle + stream.between(-play, play), middle + stream.between(-play, play));
        let stretch = stream.between(0.85, 1.15);
        let contrast = stream.between(50.0, 120.0);
        Self::place(figure, ground.brighter(contrast, stream), centre, (size * stretch, size / stretch), stream)
    }

    /// A small piece of anything, anywhere.
    fn fragment(ground: Colour, stream: &mut Stream) -> Self {
        let figures = [Figure::Dash, Figure::Dash, Figure::Disc, Figure::Square, Figure::Triangle];
        let figure = figures[stream.below(figures.len() as u64) as usize];
        let size = if matches!(figure, Figure::Dash) { stream.between(3.0, 7.0) } else { stream.between(1.5, 3.0) };
        let side = SIDE as f64;
        let centre = (stream.between(0.0, side), stream.between(0.0, side));
        let contrast = stream.between(40.0, 90.0);
        Self::place(figure, ground.brighter(contrast, stream), centre, (size, size), stream)
    }

    /// Turns the figure by up to an eighth of a circle to either side.
    fn place(figure: Figure, colour: Colour, centre: (f64, f64), size: (f64, f64), stream: &mut Stream) -> Self {
        // half-angle formulas with t = tan(angle / 2)
        let eighth = 2f64.sqrt() - 1.0;
        let t = stream.between(-eighth, eighth);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let axes = [(cos / size.0, sin / size.0), (-sin / size.1, cos / size.1)];
        Self { figure, colour, centre, axes, reach: Figure::REACH * size.0.max(size.1) }
    }

    /// Whether a pixel, told by its top left corner, may have a part in the figure.
    fn may_touch(&self, left: f64, top: f64) -> bool {
        let (x, y) = (left + 0.5 - self.centre.0, top + 0.5 - self.centre.1);
        // 0.71 is half the diagonal of a pixel
        let reach = self.reach + 0.71;
        x * x + y * y < reach * reach
    }

    /// Whether a point of the image lies within the figure.
    fn covers(&self, x: f64, y: f64) -> bool {
        let (x, y) = (x - self.centre.0, y - self.centre.1);
        let [across, along] = self.axes.map(|axis| axis.0 * x + axis.1 * y);
        self.figure.contains(across, along)
    }
}

/// An image in the making.
struct Canvas(Vec<Colour>);

impl Canvas {
    /// Samples along each side of a pixel; their share under a figure is how much of its colour the pixel takes.
    const SAMPLES: usize = 4;

    /// A ground that brightens steadily in some direction.
    fn shaded(colour: Colour, stream: &mut Stream) -> Self {
        let slopes = [0; 3].map(|_| (stream.between(-1.2, 1.2), stream.between(-1.2, 1.2)));
        let middle = SIDE as f64 / 2.0;
        let at = |index: usize| {
            let (x, y) = ((index % SIDE) as f64 - middle, (index / SIDE) as f64 - middle);
            Colour(std::array::from_fn(|channel| colour.0[channel] + slopes[channel].0 * x + slopes[channel].1 * y))
        };
        Self((0..SIDE * SIDE).map(at).collect())
    }

    fn paint(&mut self, stroke: &Stroke) {
        let step = 1.0 / Self::SAMPLES as f64;
        let offsets = [0, 1, 2, 3].map(|sample| (sample as f64 + 0.5) * step);
        for (index, pixel) in self.0.iter_mut().enumerate() {
            let (left, top) = ((index % SIDE) as f64, (index / SIDE) as f64);
            if !stroke.may_touch(left, top) {
                continue;
            }
            let row = |y: f64| offsets.iter().filter(|&x| stroke.covers(left + x, top + y)).count();
            let covered: usize = offsets.iter().map(|&y| row(y)).sum();
            let share = covered as f64 * step * step;
            for (value, new) in pixel.0.iter_mut().zip(stroke.colour.0) {
                *value += share * (new - *value);
            }
        }
    }

    /// Adds noise and rounds to bytes.
    fn develop(&self, stream: &mut Stream, pixels: &mut [u8]) {
        let noise = stream.between(4.0, 14.0);
        for (index, pixel) in self.0.iter().enumerate() {
            for (channel, value) in pixel.0.iter().enumerate() {
                // the sum of three uniform draws is near enough to normal; its deviation is 1/2
                let grain = stream.unit() + stream.unit() + stream.unit() - 1.5;
                let noisy = value + 2.0 * noise * grain;
                pixels[channel * SIDE * SIDE + index] = (noisy.clamp(0.0, 255.0) + 0.5) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::checksum;

    /// Pins every byte: if this fails, every recorded result on shapes has lost its stimuli.
    #[test]
    fn the_images_never_change() {
        let stimuli = load(counts(30, 20, 10));
        assert_eq!(stimuli.provenance.sha256, "849f2a7bae5d17bd9b8688ba8d69ae8f1df8fbd16d24500547a9e180edc58883");
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let draw = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| images(0, 200))
        };
        assert!(draw(1) == draw(7));
    }

    #[test]
    fn classes_take_turns() {
        let stimuli = load(counts(100, 20, 47));
        for (images, at_least) in [(&stimuli.train, 10), (&stimuli.assessment, 2), (&stimuli.test, 4)] {
            let of = |class: u16| images.labels().iter().filter(|&&label| label == class).count();
            assert!((0..10).all(|class| (at_least..=at_least + 1).contains(&of(class))), "{:?}", images.labels());
        }
        assert_eq!(stimuli.classes.len(), 10);
        let outline = outline(counts(100, 20, 47));
        assert_eq!(outline.classes, stimuli.classes);
        let tested = |class: usize| stimuli.test.labels().iter().filter(|&&label| usize::from(label) == class).count();
        assert_eq!(outline.test_per_class, Some((0..10).map(tested).collect()));
    }

    #[test]
    fn an_image_does_not_depend_on_how_many_are_drawn() {
        let (few, many) = (load(counts(10, 5, 20)), load(counts(40, 30, 25)));
        assert_eq!(few.train, many.train.select(&(0..10).collect::<Vec<_>>()));
        assert_eq!(few.assessment, many.assessment.select(&(0..5).collect::<Vec<_>>()));
        assert_eq!(few.test, many.test.select(&(0..20).collect::<Vec<_>>()));
    }

    #[test]
    fn no_image_comes_twice() {
        let stimuli = load(counts(300, 300, 300));
        let sets = [&stimuli.train, &stimuli.assessment, &stimuli.test];
        let mut images: Vec<&[u8]> = sets.into_iter().flat_map(|set| (0..set.len()).map(|index| set.image(index))).collect();
        images.sort_unstable();
        images.dedup();
        assert_eq!(images.len(), 900);
    }

    #[test]
    fn none_may_be_asked_for() {
        let stimuli = load(counts(1, 0, 1));
        assert!(stimuli.assessment.is_empty());
        assert_eq!(stimuli.provenance.sha256, checksum(&[&stimuli.train, &stimuli.assessment, &stimuli.test]));
    }

    const FIGURES: [Figure; 11] = [
        Figure::Disc,
        Figure::Ring,
        Figure::Crescent,
        Figure::Square,
        Figure::Frame,
        Figure::Ell,
        Figure::Triangle,
        Figure::Arrow,
        Figure::Cross,
        Figure::Star,
        Figure::Dash,
    ];

    /// Share of the points of a fine grid over the figure's surroundings, times their area.
    fn area(figure: Figure) -> f64 {
        let grid = |index: u32| f64::from(index) / 400.0 - 1.5;
        let points = (0..1200).flat_map(|y| (0..1200).map(move |x| (grid(x), grid(y))));
        points.filter(|&(x, y)| figure.contains(x, y)).count() as f64 / (400.0 * 400.0)
    }

    #[test]
    fn figures_have_the_area_that_geometry_gives() {
        let pi = std::f64::consts::PI;
        let expected = [
            (Figure::Disc, pi * 0.8),
            (Figure::Ring, pi * (0.9 - 0.25)),
            (Figure::Square, 1.5 * 1.5),
            (Figure::Frame, 1.6 * 1.6 - 0.84 * 0.84),
            (Figure::Ell, 1.5 * 1.5 - 0.95 * 0.95),
            (Figure::Triangle, 1.55 * 1.55 / 1.732),
            (Figure::Arrow, 0.85 * 1.05 * 1.05 + 0.56 * 0.9),
            (Figure::Cross, 2.0 * 1.9 * 0.54 - 0.54 * 0.54),
            (Figure::Star, 0.54 * 0.54 + 4.0 * 0.27 * 0.83),
            (Figure::Dash, 2.0 * 0.3),
        ];
        for (figure, expected) in expected {
            let found = area(figure);
            assert!((found - expected).abs() < 0.02, "{figure:?}: {found}, not {expected}");
        }
        // two circles of radii 0.9747 and 0.7416, 0.45 apart; their common part by the formula for a lens
        let (r, s, d) = (0.95f64.sqrt(), 0.55f64.sqrt(), 0.45f64);
        let (p, q) = ((d * d + r * r - s * s) / (2.0 * d), (d * d + s * s - r * r) / (2.0 * d));
        let lens = r * r * (p / r).acos() - p * (r * r - p * p).sqrt() + s * s * (q / s).acos() - q * (s * s - q * q).sqrt();
        let found = area(Figure::Crescent);
        assert!((found - (pi * r * r - lens)).abs() < 0.02, "crescent: {found}, not {}", pi * r * r - lens);
    }

    #[test]
    fn figures_lie_within_their_reach() {
        let grid = |index: u32| f64::from(index) / 100.0 - 2.0;
        for figure in FIGURES {
            for (x, y) in (0..400).flat_map(|y| (0..400).map(move |x| (grid(x), grid(y)))) {
                let far = x * x + y * y > Figure::REACH * Figure::REACH;
                assert!(!(far && figure.contains(x, y)), "{figure:?} has a point at {x}, {y}");
            }
        }
    }

    #[test]
    fn a_stroke_covers_as_much_as_its_figure() {
        let black = Colour([0.0; 3]);
        for (index, figure) in FIGURES.into_iter().enumerate() {
            let mut stream = SEED.stream(Purpose::Drawing, Address { item: index as u64, ..Address::default() });
            let mut canvas = Canvas(vec![black; SIDE * SIDE]);
            let stroke = Stroke::place(figure, Colour([1.0; 3]), (15.7, 16.1), (10.0, 8.0), &mut stream);
            canvas.paint(&stroke);
            let painted: f64 = canvas.0.iter().map(|pixel| pixel.0[0]).sum();
            let expected = area(figure) * 80.0;
            assert!((painted - expected).abs() < 0.03 * expected + 1.0, "{figure:?}: {painted}, not {expected}");
            assert!(canvas.0.iter().any(|pixel| pixel.0[0] > 0.2 && pixel.0[0] < 0.8), "{figure:?} has hard edges");
        }
    }

    #[test]
    fn objects_lie_within_the_image() {
        for item in 0..500 {
            let mut stream = SEED.stream(Purpose::Drawing, Address { item, ..Address::default() });
            let object = Stroke::object(Figure::Disc, Colour([0.0; 3]), &mut stream);
            let inside = |centre: f64| centre > 6.0 && centre < SIDE as f64 - 6.0;
            assert!(inside(object.centre.0) && inside(object.centre.1), "{:?}", object.centre);
            let [a, b] = object.axes;
            let turned = (a.0 * b.0 + a.1 * b.1).abs();
            assert!(turned < 1e-12, "the axes are not at right angles: {turned}");
        }
    }
}
