//! What text in PNGs is set in: the font that comes with the program, so that figures look the same on every machine, and the
//! system's fonts for letters that it lacks.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use resvg::usvg::fontdb::{Database, FaceInfo, ID, Source, Style, Weight};
use resvg::usvg::{FontResolver, Options};
use skrifa::{FontRef, MetadataProvider};

/// Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian, Georgian and signs (licence beside the file).
pub(super) const DEJAVU_SANS: &[u8] = include_bytes!("../../fonts/DejaVuSans.ttf");

/// The fonts at hand.
pub(crate) struct Fonts {
    bundled: Arc<Database>,
    /// With those of the system, which are looked for when they are first needed; none if they are not to be used.
    others: Option<OnceLock<Arc<Database>>>,
}

impl Fonts {
    /// The bundled font, and those of the system where it does not do.
    pub(crate) fn of_this_system() -> Self {
        Self { others: Some(OnceLock::new()), ..Self::bundled() }
    }

    /// The bundled font alone.
    pub(crate) fn bundled() -> Self {
        let mut database = Database::new();
        database.load_font_source(Source::Binary(Arc::new(DEJAVU_SANS)));
        Self { bundled: Arc::new(database), others: None }
    }

    /// How to set a drawing with the bundled font alone.
    pub(super) fn options(&self) -> Options<'static> {
        set_in(&self.bundled, BTreeSet::new())
    }

    /// How to set a drawing if it has letters that the bundled font lacks.
    pub(super) fn options_with_others(&self, svg: &str) -> Options<'static> {
        let Some(others) = &self.others else { return self.options() };
        let all = others.get_or_init(|| {
            let mut database = Database::clone(&self.bundled);
            database.load_system_fonts();
            Arc::new(database)
        });
        set_in(all, svg.chars().filter(|c| !c.is_ascii_control()).collect())
    }
}

/// The bundled font, which is the first of the database, wherever it can; for other letters the one of the rest that has most of the
/// `wanted` letters, so that a name is set in one font where there is one for it. The choice depends on what fonts there are, never on
/// the order in which the system lists them.
fn set_in(database: &Arc<Database>, wanted: BTreeSet<char>) -> Options<'static> {
    let bundled = database.faces().next().map(|face| face.id);
    let select_fallback = move |letter: char, used: &[ID], database: &mut Arc<Database>| {
        let fits = |face: &&FaceInfo| {
            !used.contains(&face.id) && !is_last_resort(face) && has(database, face.id, &BTreeSet::from([letter])) == 1
        };
        let rank = |face: &&FaceInfo| {
            let plain = (face.style == Style::Normal, !face.monospaced, Reverse(face.weight.0.abs_diff(Weight::NORMAL.0)));
            (has(database, face.id, &wanted), plain, Reverse((face.post_script_name.clone(), face.index)))
        };
        database.faces().filter(fits).max_by_key(rank).map(|face| face.id)
    };
    Options {
        fontdb: database.clone(),
        font_resolver: FontResolver { select_font: Box::new(move |_, _| bundled), select_fallback: Box::new(select_fallback) },
        ..Options::default()
    }
}

/// A font that has a box for every letter.
fn is_last_resort(face: &FaceInfo) -> bool {
    face.post_script_name.contains("LastResort")
}

/// How many of the letters a font has.
fn has(database: &Database, face: ID, letters: &BTreeSet<char>) -> usize {
    let count = |data: &[u8], index: u32| {
        let characters = FontRef::from_index(data, index).ok()?.charmap();
        Some(letters.iter().filter(|&&letter| characters.map(letter).is_some_and(|glyph| glyph.to_u32() != 0)).count())
    };
    database.with_face_data(face, count).flatten().unwrap_or(0)
}
