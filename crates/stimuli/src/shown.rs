//! Names and texts from outside, made fit for a terminal and a page.
//!
//! A file's name or a note may hold anything: an escape sequence that repaints the terminal, a mark that turns the rest of
//! the line around, a megabyte. What is shown has none of these.

use std::path::Path;

/// Longest path in a message, in characters.
const PATH: usize = 120;

/// Longest name in a message, in characters.
const NAME: usize = 50;

/// A text of several lines: control characters but tabs and line breaks are spelt out.
pub(crate) fn text(text: &str) -> String {
    spelt_out(&text.replace("\r\n", "\n"), |character| matches!(character, '\n' | '\t'))
}

/// A text of one line: all control characters are spelt out.
pub(crate) fn line(line: &str) -> String {
    spelt_out(line, |_| false)
}

/// A name as messages quote it.
pub(crate) fn name(name: &str) -> String {
    clipped(&line(name), NAME)
}

/// A path as messages show it.
pub(crate) fn path(path: &Path) -> String {
    clipped(&line(&path.to_string_lossy()), PATH)
}

/// `text` with its middle left out, where it has more than `longest` characters.
pub(crate) fn clipped(text: &str, longest: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= longest {
        return text.to_owned();
    }
    // the end of a path says more than its beginning
    let head = (longest - 1) / 3;
    let tail = characters.len() - (longest - 1 - head);
    characters[..head].iter().chain(&['…']).chain(&characters[tail..]).collect()
}

fn spelt_out(text: &str, may_stay: impl Fn(char) -> bool) -> String {
    // besides control characters, line separators and the marks that reorder what stands around them
    let acts = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match acts(character) && !may_stay(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_spelt_out() {
        assert_eq!(line("a\u{1b}[31m\nb\tc\u{9b}"), r"a\u{1b}[31m\u{a}b\u{9}c\u{9b}");
        assert_eq!(text("a\r\nb\tc\0\u{202e}"), "a\nb\tc\\u{0}\\u{202e}");
        for plain in ["猫", "Ελληνικά", "naïve", "שלום", "👩‍🔬", "a b"] {
            assert_eq!(line(plain), plain);
        }
    }

    #[test]
    fn long_texts_lose_their_middle() {
        assert_eq!(clipped("0123456789", 10), "0123456789");
        assert_eq!(clipped("0123456789a", 10), "012…56789a");
        assert_eq!(path(Path::new(&"猫".repeat(4_000))).chars().count(), PATH);
        assert_eq!(name(&"\u{1b}".repeat(4_000)).chars().count(), NAME);
    }
}
