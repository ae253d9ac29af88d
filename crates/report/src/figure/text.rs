//! How wide a text will be, so that nothing collides.

use std::collections::HashMap;
use std::sync::OnceLock;

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};
use unicode_segmentation::UnicodeSegmentation;

use super::fonts::DEJAVU_SANS;

/// Width in the units of `size`. Of letters that another font must supply it is what such fonts take at most: a full em for Chinese,
/// Japanese, Korean and Indic letters, a little more for pictographs.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let advance = |c: char| advances().get(&c).copied().unwrap_or(if c >= '\u{1f000}' { 1.3 } else { 1.0 });
    text.chars().map(advance).sum::<f64>() * size
}

/// Advances of the bundled font, in shares of the size (tables `cmap` and `hmtx`).
fn advances() -> &'static HashMap<char, f64> {
    static ADVANCES: OnceLock<HashMap<char, f64>> = OnceLock::new();
    ADVANCES.get_or_init(|| {
        let font = FontRef::new(DEJAVU_SANS).expect("the bundled font is a font");
        let metrics = font.glyph_metrics(Size::new(1.0), LocationRef::default());
        let mappings = font.charmap().mappings();
        mappings.filter_map(|(c, glyph)| Some((char::from_u32(c)?, f64::from(metrics.advance_width(glyph)?)))).collect()
    })
}

/// The text, or as much of its beginning as fits with an ellipsis.
pub(super) fn fit(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut short = text;
    while let Some((start, _)) = short.grapheme_indices(true).next_back() {
        short = &short[..start];
        if width(short, size) + size <= room {
            break;
        }
    }
    format!("{}…", short.trim_end())
}

/// The text, or as much of its beginning and its end as fits with an ellipsis between them.
pub(super) fn fit_ends(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let letters: Vec<&str> = text.graphemes(true).collect();
    let (mut start, mut end) = (letters.len() / 2, letters.len().div_ceil(2));
    let kept = |start: usize, end: usize| (letters[..start].concat(), letters[end..].concat());
    while start > 0 {
        let (first, last) = kept(start, end);
        if width(&first, size) + width(&last, size) + size <= room {
            break;
        }
        (start, end) = (start - 1, end + 1);
    }
    let (first, last) = kept(start, end);
    format!("{}…{}", first.trim_end(), last.trim_start())
}

/// The text in lines that fit, broken between words, and inside a word only where it is longer than a line.
pub(super) fn wrap(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("one line at least");
        let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&joined, size) <= room {
            *line = joined;
            continue;
        }
        if !line.is_empty() {
            lines.push(String::new());
        }
        for letter in word.graphemes(true) {
            let line = lines.last_mut().expect("one line at least");
            if !line.is_empty() && width(line, size) + width(letter, size) > room {
                lines.push(letter.to_owned());
            } else {
                line.push_str(letter);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_is_kept_and_a_long_one_is_cut() {
        assert!((width("ii", 10.0) - 5.56).abs() < 0.01);
        assert_eq!(width("再学習", 10.0), 30.0, "a full em each");
        assert_eq!(fit("plane", 10.0, 100.0), "plane");
        let cut = fit("a very long name of an arm", 10.0, 60.0);
        assert!(cut.ends_with('…') && width(&cut, 10.0) <= 60.0, "{cut}");
        assert_eq!(fit("wide", 10.0, 0.0), "…");
        assert_eq!(["plane", "class number 12"].map(|name| fit_ends(name, 10.0, 60.0)), ["plane", "clas…r 12"]);
        assert_eq!(["wide", "odd"].map(|name| fit_ends(name, 10.0, 0.0)), ["…", "…"]);
    }

    #[test]
    fn a_long_text_is_broken_between_words_and_loses_nothing() {
        assert_eq!(wrap("plane", 10.0, 100.0), ["plane"]);
        assert_eq!(wrap("", 10.0, 100.0), [""]);
        let lines = wrap("a very long name of an arm", 10.0, 60.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 10.0) <= 60.0), "{lines:?}");
        assert_eq!(lines.join(" "), "a very long name of an arm");
        let letters = wrap("so uninterrupted", 10.0, 40.0);
        assert!(letters.len() > 2 && letters.iter().all(|line| width(line, 10.0) <= 40.0), "{letters:?}");
        assert_eq!(letters.concat(), "souninterrupted");
        assert_eq!(wrap("ab", 10.0, 0.0), ["a", "b"]);
    }

    #[test]
    fn a_letter_is_not_torn_from_its_signs() {
        let name = "हिन्दी".repeat(4);
        let cut = fit(&name, 10.0, 60.0);
        let kept = cut.strip_suffix('…').unwrap();
        assert!(name.graphemes(true).zip(kept.graphemes(true)).all(|(whole, kept)| whole == kept), "{cut}");
        assert_eq!(wrap(&name, 10.0, 60.0).concat(), name);
    }
}
