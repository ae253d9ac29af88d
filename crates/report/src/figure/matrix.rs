//! One dissimilarity matrix as a figure of its own, for one column of a journal.

mod names;
mod notes;

use anyhow::{Result, bail, ensure};

use super::fonts::Fonts;
use super::scale::{self, Scale};
use super::sheet::{COLUMN, MARGIN};
use super::svg::{Anchor, Canvas, Text};
use super::{colour, heat, raster, text};
use crate::words;

use names::{CLASS_SIZE, LONGEST_NAME, Name, names};
use notes::Spread;

const TITLE_SIZE: f64 = 14.0;
const TITLE_LINE: f64 = 18.0;
const MARK_SIZE: f64 = 13.0;
const NOTE_SIZE: f64 = 12.5;
const NOTE_LINE: f64 = 16.0;
/// From a class to its name, with the tick between them.
const BESIDE: f64 = 7.0;
/// How far the bar keeps from the edges of the matrix: room for its arrows and for half of its marks.
const INSET: f64 = 36.0;
const ARROW: f64 = 12.0;
/// More pixels for each unit of the drawing make no better print.
const FINEST: f64 = 8.0;

/// A dissimilarity matrix (RDM), as it is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// What is shown, above the matrix; nothing stands there if it is empty.
    pub title: &'a str,
    /// What the bar measures, with its unit: "Correlation distance (1 − r)", "Euclidean distance (units of the activations)".
    pub quantity: &'a str,
    /// Pixels along each side; there are no more than images.
    pub side: usize,
    /// side x side dissimilarities, row-major; NaN, where no pair is defined, is grey. Where there are more images than pixels, each
    /// pixel is the mean over the pairs in it.
    pub values: &'a [f32],
    /// Ends of the colour scale, the lower first: those of [`scale`] for all of the data, or chosen to compare matrices. What lies beyond
    /// has the colour of the end and is counted under the figure.
    pub range: [f64; 2],
    /// Images of the matrix, the figure's n.
    pub images: usize,
    /// What a row is: "image", or "condition" where patterns were averaged.
    pub row: &'a str,
    /// How many of the images * (images - 1) / 2 pairs are undefined.
    pub undefined: u64,
    /// Names and numbers of images of the classes, in the order in which they follow each other along the matrix; empty if images are not
    /// sorted by class.
    pub classes: &'a [(String, usize)],
}

/// A figure as a PNG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The file.
    pub png: Vec<u8>,
    /// What the user should be told, a sentence each: letters that no font could draw.
    pub warnings: Vec<String>,
}

/// Ends of a colour scale that holds a whole matrix of `images` images: its least and its largest value, or 0 and its largest if all are
/// above 0 and the least is less than a tenth of the largest. 0 and 1 if nothing is defined.
///
/// The diagonal does not count where a pixel is one image with itself: its zeros measure nothing, and would waste most colours where
/// dissimilarities lie between 0.9 and 1.1.
pub fn scale(values: &[f32], images: usize) -> [f64; 2] {
    let Scale { low, high } = Scale::of(scale::data(values, images));
    [low, high]
}

/// The figure as SVG: text is text, lines are lines, and the matrix is a picture in it, a pixel for each value.
///
/// # Errors
/// If the matrix contradicts itself: a number of values that is not side x side, classes of more or fewer images, a scale that ends below
/// its beginning, infinite values.
pub fn picture_svg(matrix: &Matrix<'_>) -> Result<Vec<u8>> {
    Ok(Sheet::new(matrix)?.draw()?.standalone().into_bytes())
}

/// The same drawing as a PNG on white, at least 1680 pixels wide (500 dots per inch in a column of 85 mm), and wider where that gives all
/// values of the matrix the same number of pixels.
///
/// # Errors
/// As [`picture_svg`].
pub fn picture_png(matrix: &Matrix<'_>) -> Result<Picture> {
    png(matrix, &Fonts::of_this_system())
}

fn png(matrix: &Matrix<'_>, fonts: &Fonts) -> Result<Picture> {
    let sheet = Sheet::new(matrix)?;
    let (png, missing) = raster::png_at(&sheet.draw()?.standalone(), fonts, sheet.dots() as f32)?;
    let letters: String = missing.iter().take(20).collect();
    let warning = format!(
        "no font of this system has the letters ‘{letters}’: they are empty boxes in the PNG. The figure as SVG shows them wherever there is \
         such a font; or install one (Noto has them all) and draw again"
    );
    Ok(Picture { png, warnings: if missing.is_empty() { Vec::new() } else { vec![warning] } })
}

/// Where things lie on the sheet. The matrix is as large as the names leave it.
struct Sheet<'a> {
    matrix: &'a Matrix<'a>,
    scale: Scale,
    /// What the data say of themselves beside the scale.
    spread: Spread,
    title: Vec<String>,
    names: Vec<Name>,
    /// Whether the names above the matrix read upwards.
    upright: bool,
    left: f64,
    top: f64,
    panel: f64,
}

impl<'a> Sheet<'a> {
    fn new(matrix: &'a Matrix<'a>) -> Result<Self> {
        check(matrix)?;
        let [low, high] = matrix.range;
        let scale = Scale { low, high };
        let room = COLUMN - 2.0 * MARGIN;
        let title = if matrix.title.trim().is_empty() { Vec::new() } else { text::wrap(matrix.title, TITLE_SIZE, room) };
        let width = |name: &Name| text::width(&name.text, CLASS_SIZE);

        // how many names there is room for depends on the size of the matrix, and that on how long the names are
        let all = matrix.classes.iter().filter(|(_, images)| *images > 0);
        let longest = all.map(|(name, _)| text::width(name, CLASS_SIZE)).fold(0.0, f64::max).min(LONGEST_NAME);
        let beside = if longest > 0.0 { longest + BESIDE } else { 0.0 };
        let (left, panel) = (MARGIN + beside, room - beside);
        let names = names(matrix.classes, panel);
        let cells = matrix.classes.iter().map(|(_, images)| *images as f64 / matrix.images as f64 * panel);
        let narrowest = cells.filter(|cell| *cell > 0.0).fold(f64::INFINITY, f64::min);
        let upright = names.iter().map(width).fold(0.0, f64::max) + 6.0 > narrowest;
        let above = match (names.is_empty(), upright) {
            (true, _) => 0.0,
            (false, true) => names.iter().map(width).fold(0.0, f64::max) + BESIDE,
            (false, false) => CLASS_SIZE + BESIDE,
        };
        let head = if title.is_empty() { 0.0 } else { TITLE_LINE * title.len() as f64 + 4.0 };
        Ok(Self {
            matrix,
            scale,
            spread: Spread::of(matrix, scale),
            title,
            names,
            upright,
            left,
            top: MARGIN + head + above,
            panel,
        })
    }

    fn draw(&self) -> Result<Canvas> {
        let quantity = text::wrap(self.matrix.quantity, TITLE_SIZE, COLUMN - 2.0 * MARGIN);
        let bar = self.top + self.panel + 14.0;
        let under = bar + heat::THICKNESS + 6.0 + MARK_SIZE + 4.0;
        let notes =
            text::wrap(&notes::notes(self.matrix, self.scale, &self.spread, self.names.len()), NOTE_SIZE, COLUMN - 2.0 * MARGIN);
        let below = under + TITLE_LINE * quantity.len() as f64 + 6.0;
        let mut canvas = Canvas::new(COLUMN, below + NOTE_LINE * notes.len() as f64 + MARGIN);

        for (i, line) in self.title.iter().enumerate() {
            let at = (MARGIN, MARGIN + TITLE_SIZE * 0.9 + TITLE_LINE * i as f64);
            canvas.text(Text::new(at, TITLE_SIZE, Anchor::Start), line);
        }
        self.draw_matrix(&mut canvas)?;
        self.draw_names(&mut canvas);
        self.draw_bar(&mut canvas, bar)?;
        // below the middle of the bar, unless the sheet ends before
        let half = quantity.iter().map(|line| text::width(line, TITLE_SIZE) / 2.0).fold(0.0, f64::max);
        let middle = (self.left + self.panel / 2.0).min(COLUMN - MARGIN - half).max(MARGIN + half);
        for (i, line) in quantity.iter().enumerate() {
            let at = (middle, under + TITLE_SIZE + TITLE_LINE * i as f64);
            canvas.text(Text::new(at, TITLE_SIZE, Anchor::Middle), line);
        }
        for (i, line) in notes.iter().enumerate() {
            let at = (MARGIN, below + NOTE_SIZE + NOTE_LINE * i as f64);
            canvas.text(Text::new(at, NOTE_SIZE, Anchor::Start), line);
        }
        Ok(canvas)
    }

    fn draw_matrix(&self, canvas: &mut Canvas) -> Result<()> {
        let (x, y, panel, side) = (self.left, self.top, self.panel, self.matrix.side);
        let share = |row: usize, column: usize| self.scale.share(f64::from(self.matrix.values[row * side + column]));
        canvas.picture((x, y), (panel, panel), &heat::png(side, side, share)?);
        let sizes: Vec<usize> = self.matrix.classes.iter().map(|(_, images)| *images).filter(|images| *images > 0).collect();
        let borders = heat::borders(&sizes);
        let ink = r##"stroke="#ffffff" stroke-opacity="0.55" stroke-width="0.7""##;
        // no line where it would hide a class
        for [_, here, _] in borders.array_windows().filter(|ends| ends.windows(2).all(|e| (e[1] - e[0]) * panel >= 5.0)) {
            let along = here * panel;
            canvas.line((x + along, y), (x + along, y + panel), ink);
            canvas.line((x, y + along), (x + panel, y + along), ink);
        }
        canvas.rectangle((x, y), (panel, panel), r#"fill="none" stroke="currentColor" stroke-opacity="0.5" stroke-width="0.8""#);
        Ok(())
    }

    fn draw_names(&self, canvas: &mut Canvas) {
        let (x, y) = (self.left, self.top);
        let tick = r#"stroke="currentColor" stroke-width="0.8""#;
        for Name { text, middle } in &self.names {
            let along = middle * self.panel;
            canvas.line((x - 4.0, y + along), (x, y + along), tick);
            canvas.text(Text::new((x - BESIDE, y + along + 0.36 * CLASS_SIZE), CLASS_SIZE, Anchor::End), text);
            canvas.line((x + along, y - 4.0), (x + along, y), tick);
            let above = if self.upright {
                Text::new((x + along + 0.36 * CLASS_SIZE, y - BESIDE), CLASS_SIZE, Anchor::Start).upright()
            } else {
                Text::new((x + along, y - BESIDE), CLASS_SIZE, Anchor::Middle)
            };
            canvas.text(above, text);
        }
    }

    /// The bar, with an arrow at an end that values lie beyond.
    fn draw_bar(&self, canvas: &mut Canvas, top: f64) -> Result<()> {
        let (left, length) = (self.left + INSET, self.panel - 2.0 * INSET);
        let marks = self.scale.marks(length, MARK_SIZE, INSET);
        heat::strip(canvas, (left, top), length, self.scale.is_flat(), &marks, MARK_SIZE)?;
        let mut arrow = |from: f64, to: f64, share: f64| {
            let [red, green, blue] = colour::viridis(share);
            let corners = [(from, top), (to, top + heat::THICKNESS / 2.0), (from, top + heat::THICKNESS)];
            canvas.polygon(&corners, &format!(r##"fill="#{red:02x}{green:02x}{blue:02x}""##));
        };
        if self.spread.below.count > 0 {
            arrow(left, left - ARROW, 0.0);
        }
        if self.spread.above.count > 0 {
            arrow(left + length, left + length + ARROW, 1.0);
        }
        Ok(())
    }

    /// Pixels of the PNG for each unit of the drawing.
    fn dots(&self) -> f64 {
        let least = f64::from(raster::SCALE);
        let side = self.matrix.side as f64;
        let whole = (least * self.panel / side).ceil() * side / self.panel;
        if whole <= FINEST { whole } else { least }
    }
}

/// What a caller can get wrong.
fn check(matrix: &Matrix<'_>) -> Result<()> {
    let Matrix { side, values, range: [low, high], images, classes, .. } = *matrix;
    ensure!(side > 0, "a matrix without images has no picture");
    ensure!(side <= images, "{} cannot fill {side} pixels along each side", words::plural(images, "image"));
    ensure!(Some(values.len()) == side.checked_mul(side), "a picture of {side} x {side} pixels has {} values", values.len());
    let is_number = |end: f64| (end as f32).is_finite();
    ensure!(is_number(low) && is_number(high), "the colour scale from {low} to {high} has no end; give two numbers up to 3e38");
    ensure!(low <= high, "the colour scale from {low} to {high} ends below its beginning; give the lower end first");
    let in_classes: usize = classes.iter().map(|(_, images)| images).sum();
    ensure!(classes.is_empty() || in_classes == images, "the classes have {in_classes} images and the matrix {images}");
    if let Some(at) = values.iter().position(|value| value.is_infinite()) {
        bail!("the value in row {}, column {} of the picture is infinite", at / side, at % side);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Within classes `like`, between them `unlike`, each with some noise.
    fn values(side: usize, images: usize, classes: usize, [like, unlike]: [f64; 2]) -> Vec<f32> {
        let value = |i: usize, j: usize| {
            let (a, b) = (i.min(j), i.max(j));
            let noise = (a * 7919 + b * 104_729) % 101;
            let apart = if a * classes / side == b * classes / side { like } else { unlike };
            if scale::is_itself(i, j, side, images) {
                0.0
            } else {
                (apart + 0.15 * (unlike - like) * (noise as f64 / 50.0 - 1.0)) as f32
            }
        };
        (0..side * side).map(|at| value(at / side, at % side)).collect()
    }

    fn of<'a>(values: &'a [f32], images: usize, classes: &'a [(String, usize)]) -> Matrix<'a> {
        let quantity = "Correlation distance (1 − r)";
        let (side, range) = (values.len().isqrt(), scale(values, images));
        Matrix { title: "", quantity, side, values, range, images, row: "image", undefined: 0, classes }
    }

    fn equal(names: impl IntoIterator<Item = impl Into<String>>, images: usize) -> Vec<(String, usize)> {
        names.into_iter().map(|name| (name.into(), images)).collect()
    }

    /// The SVG, whose every text stands on the sheet and whose PNG has the size that it should. To look at it:
    /// `REPORT_TEST_OUT=FOLDER cargo test -p report`.
    #[track_caller]
    fn drawn(name: &str, matrix: &Matrix<'_>) -> String {
        let svg = String::from_utf8(picture_svg(matrix).unwrap()).unwrap();
        let picture = picture_png(matrix).unwrap();
        if let Ok(folder) = std::env::var("REPORT_TEST_OUT") {
            let place = |ending: &str| std::path::Path::new(&folder).join(format!("matrix-{name}.{ending}"));
            std::fs::write(place("svg"), &svg).unwrap();
            std::fs::write(place("png"), &picture.png).unwrap();
        }
        // which reads the drawing as strict XML
        let beyond = raster::texts_beyond_the_sheet(&svg, &Fonts::of_this_system());
        assert!(beyond.is_empty(), "{name}: {beyond:?}");
        let numbers: String = svg.lines().filter(|line| !line.starts_with("<image") && !line.starts_with("<text")).collect();
        assert!(!numbers.contains("NaN") && !numbers.contains("inf"), "{name}");
        let wide = u32::from_be_bytes(picture.png[16..20].try_into().unwrap());
        let panel = Sheet::new(matrix).unwrap().panel * f64::from(wide) / COLUMN;
        assert!((1680..=3360).contains(&wide) && panel >= matrix.side as f64, "{name}: {wide}");
        svg
    }

    fn texts(svg: &str) -> String {
        let texts = svg.lines().filter_map(|line| line.strip_prefix("<text")?.strip_suffix("</text>")?.split_once('>'));
        texts.map(|(_, text)| text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_reduced_matrix_says_n_and_what_a_pixel_is() {
        let classes = equal(crate::example::CLASSES, 400);
        let values = values(1000, 4000, 10, [0.3, 1.1]);
        let svg = drawn("ten-classes", &Matrix { title: "VGG-19, penultimate layer, healthy", ..of(&values, 4000, &classes) });
        let told = texts(&svg);
        let notes = "n = 4,000 images, sorted by class; a pixel is the mean of 4 × 4 pairs. Colour scale: 0.18 to 1.22.";
        assert!(told.ends_with(notes), "{told}");
        assert!(told.contains("0.25 0.50 0.75 1.00 Correlation distance (1 − r)"), "{told}");
        assert_eq!(
            (told.matches("horse").count(), svg.matches("<line").count()),
            (2, 2 * 9 + 2 * 10 + 4),
            "borders, ticks, marks"
        );
        let uneven = texts(&drawn("uneven", &of(&values, 3999, &[])));
        assert!(uneven.contains("n = 3,999 images; a pixel is the mean of up to 4 × 4 pairs."), "{uneven}");
    }

    #[test]
    fn the_diagonal_does_not_stretch_the_scale() {
        let values = values(200, 200, 4, [0.92, 1.08]);
        let svg = drawn("near-one", &of(&values, 200, &equal(["face", "house", "chair", "shoe"], 50)));
        let told = texts(&svg);
        assert!(told.contains("0.9 1.0 1.1 "), "{told}");
        assert!(told.ends_with("0.896 to 1.104. The diagonal, each image with itself, lies beyond the scale."), "{told}");
        assert!(!svg.contains("rotate"), "short names of few classes need not be turned");
    }

    #[test]
    fn what_lies_beyond_a_fixed_scale_is_told_and_has_an_arrow() {
        let mut values = values(100, 100, 5, [0.3, 1.1]);
        (values[1], values[100]) = (1.93, 1.93);
        (values[2], values[200]) = (-0.25, -0.25);
        let matrix = of(&values, 100, &[]);
        assert_eq!(matrix.range, [-0.25, f64::from(1.93f32)]);
        let svg = drawn("all", &matrix);
        assert!(!svg.contains("<polygon") && texts(&svg).ends_with("Colour scale: −0.25 to 1.93."), "{}", texts(&svg));
        let svg = drawn("beyond", &Matrix { range: [0.0, 1.0], ..matrix });
        assert_eq!(svg.matches("<polygon").count(), 2);
        let told = texts(&svg);
        let share = "Colour scale: 0 to 1; less than 0.1 % of the pairs lie below (to −0.25), 73.6 % above (to 1.93).";
        assert!(told.contains(share), "{told}");
        let svg = drawn("above", &Matrix { range: [-0.25, 1.9], ..matrix });
        assert_eq!(svg.matches("<polygon").count(), 1);
        let told = texts(&svg);
        let ends = [0.0f32, 0.1, 0.1, 0.0];
        assert!(!drawn("ends", &Matrix { range: [0.1, 0.2], ..of(&ends, 2, &[]) }).contains("<polygon"), "0.1 is not beyond 0.1");
        assert!(told.contains("−0.25 to 1.9; less than 0.1 % of the pairs lie above (to 1.93)."), "{told}");
    }

    #[test]
    fn grey_is_explained_where_there_is_any() {
        let mut values = values(60, 60, 3, [0.3, 1.1]);
        (0..60).filter(|i| *i != 7).for_each(|i| (values[7 * 60 + i], values[i * 60 + 7]) = (f32::NAN, f32::NAN));
        let matrix = Matrix { undefined: 59, ..of(&values, 60, &[]) };
        assert!(texts(&drawn("undefined", &matrix)).contains("Grey: 59 of 1,770 pairs are undefined."));
        let reduced = Matrix { images: 600, undefined: 5_900, ..matrix };
        let told = texts(&drawn("undefined-reduced", &reduced));
        assert!(told.contains("5,900 of 179,700 pairs are undefined and left out; grey: no pair is defined."), "{told}");
        let defined: Vec<f32> = values.iter().map(|value| if value.is_nan() { 1.0 } else { *value }).collect();
        let left_out = Matrix { values: &defined, undefined: 1, ..reduced };
        let told = texts(&drawn("left-out", &left_out));
        assert!(told.contains("1 of 179,700 pairs is undefined and left out.") && !told.contains("rey"), "{told}");
        let nothing = [f32::NAN; 9];
        let told = texts(&drawn("nothing", &Matrix { undefined: 3, ..of(&nothing, 3, &[]) }));
        assert!(told.contains("No pair is defined. Grey: 3 of 3 pairs are undefined."), "{told}");
    }

    #[test]
    fn one_value_and_the_smallest_matrices_have_pictures() {
        let told = |name: &str, values: &[f32], images| texts(&drawn(name, &of(values, images, &[])));
        assert!(told("one-image", &[0.0], 1).contains("n = 1 image. No pair is defined."));
        assert!(told("one-pixel", &[0.7], 30).contains("a pixel is the mean of 30 × 30 pairs. All values are 0.7."));
        let two = told("two-images", &[0.0, 0.7, 0.7, 0.0], 2);
        assert!(two.starts_with("0.7 Correlation") && two.contains("n = 2 images. All values are 0.7. The diagonal"), "{two}");
        assert!(told("zeros", &[0.0; 16], 4).contains("All values are 0."));
    }

    #[test]
    fn any_magnitude_is_readable() {
        for (name, factor, marks, ends) in [
            ("tiny", 1e-12, "2.5e−13 5e−13 7.5e−13 1e−12", "1.8e−13 to 1.22e−12."),
            ("huge", 1e30, "2.5e29 5e29 7.5e29 1e30", "1.8e29 to 1.22e30."),
            ("thousands", 1e4, "2,500 5,000 7,500 10,000", "1,800 to 12,200."),
        ] {
            let values = values(50, 50, 5, [0.3 * factor, 1.1 * factor]);
            let told = texts(&drawn(
                name,
                &Matrix { quantity: "Euclidean distance (units of the activations)", ..of(&values, 50, &[]) },
            ));
            assert!(told.contains(marks) && told.contains(ends), "{told}");
        }
        let negative = values(50, 50, 5, [-0.04, 0.31]);
        let told = texts(&drawn("cross-validated", &of(&negative, 50, &[])));
        assert!(told.contains("0 0.1 0.2 0.3") && told.contains("−0.0925 to 0.3625."), "{told}");
    }

    #[test]
    fn names_of_any_number_length_and_letters_stay_apart() {
        let values = values(300, 300, 10, [0.3, 1.1]);
        let letters = "<b>&\"猫\u{202e}é".repeat(9);
        let names = ["<script>&", "a]]>b", "re\u{1}d", "Ελληνικά", "العربية", "再学習", "हिन्दी", letters.as_str(), "", "x"];
        let svg = drawn("letters", &of(&values, 300, &equal(names, 30)));
        assert!(svg.contains(">&lt;script&gt;&amp;</text>") && !svg.contains("<script") && svg.contains("…</text>"));
        for classes in [1, 2, 3, 20, 30, 50, 60, 100, 150, 300] {
            let many = equal((0..classes).map(|i| format!("class number {i}")), 300 / classes);
            let svg = drawn(&format!("{classes}-classes"), &of(&values, 300, &many));
            let named = svg.matches(">class").count();
            assert!(named >= 2 * classes.min(15) && named <= 2 * 34 && named.is_multiple_of(2), "{classes}: {named}");
            assert_eq!(texts(&svg).contains("Not every class is named."), named < 2 * classes, "{classes}");
        }
        let unequal = [("rare".to_owned(), 1), ("common".to_owned(), 298), ("none".to_owned(), 0), ("one".to_owned(), 1)];
        let svg = drawn("unequal", &of(&values, 300, &unequal));
        let told = texts(&svg);
        assert!(!svg.contains(r##"stroke="#ffffff""##), "a line would hide a class of one pixel");
        assert!(told.contains("rare") && told.contains("one") && !told.contains("none") && !told.contains("Not every"), "{told}");
        let long = "a name that no journal has room for ".repeat(5);
        let svg = drawn("long", &Matrix { title: &long, quantity: &long, ..of(&values, 300, &equal([&long, &long], 150)) });
        assert_eq!(svg.matches("…</text>").count(), 4);
    }

    #[test]
    fn letters_that_no_font_has_are_told() {
        let classes = equal(["猫"], 2);
        let matrix = of(&[0.0, 1.0, 1.0, 0.0], 2, &classes);
        let warnings = png(&matrix, &Fonts::bundled()).unwrap().warnings;
        assert!(warnings[0].starts_with("no font of this system has the letters ‘猫’: they are empty boxes"), "{warnings:?}");
    }

    /// Otherwise some would be drawn wider than others.
    #[test]
    fn every_value_has_as_many_dots() {
        for side in [1, 2, 7, 100, 333, 1000, 2000] {
            let values = vec![0.5; side * side];
            let matrix = of(&values, side, &[]);
            let sheet = Sheet::new(&matrix).unwrap();
            let each = sheet.dots() * sheet.panel / side as f64;
            assert!((each - each.round()).abs() < 1e-9 && each >= 1.0, "{side}: {each}");
        }
    }

    #[test]
    fn matrices_that_contradict_themselves_are_refused() {
        let values = [0.0, 1.0, 1.0, 0.0];
        let good = of(&values, 2, &[]);
        let refused = |matrix: Matrix<'_>| picture_svg(&matrix).unwrap_err().to_string();
        assert_eq!(refused(Matrix { side: 3, images: 3, ..good }), "a picture of 3 x 3 pixels has 4 values");
        assert_eq!(refused(Matrix { side: 0, values: &[], ..good }), "a matrix without images has no picture");
        assert_eq!(refused(Matrix { images: 1, ..good }), "1 image cannot fill 2 pixels along each side");
        assert!(refused(Matrix { range: [1.0, 0.5], ..good }).contains("from 1 to 0.5 ends below its beginning"));
        assert!(refused(Matrix { range: [0.0, f64::NAN], ..good }).contains("has no end"));
        assert!(refused(Matrix { range: [0.0, f64::INFINITY], ..good }).contains("has no end"));
        assert!(refused(Matrix { range: [0.0, 1e308], ..good }).contains("has no end"));
        let classes = equal(["a", "b"], 2);
        assert_eq!(refused(Matrix { classes: &classes, ..good }), "the classes have 4 images and the matrix 2");
        let infinite = [0.0, f32::INFINITY, 1.0, 0.0];
        assert_eq!(refused(Matrix { values: &infinite, ..good }), "the value in row 0, column 1 of the picture is infinite");
    }
}
