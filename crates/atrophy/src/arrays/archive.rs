//! One array of an `.npz`, a ZIP archive of `.npy` files.

use std::fs::File;
use std::io::Read;

use zip::ZipArchive;

use super::header::Header;
use super::kind::Wanted;
use super::place::Place;
use super::source::Source;
use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// Most arrays that are looked at to find the one that is meant.
const MOST_MEMBERS: usize = 1000;

/// Most arrays that are listed in a message.
const MOST_LISTED: usize = 8;

/// An array of an archive.
struct Member {
    index: usize,
    name: String,
    header: Header,
}

/// Does `work` with the array that a place means, under its full name.
pub(super) fn with_member<T>(
    file: File,
    place: &Place,
    wanted: Wanted,
    work: impl FnOnce(&Place, &mut Source<'_>, u64) -> Result<T>,
) -> Result<T> {
    let mut archive = ZipArchive::new(file).map_err(|error| {
        let file = place.file.display();
        Trouble::new(
            Exit::Data,
            format!("{file} is no .npz archive ({error}); copy or save it again: numpy.savez(FILE, NAME=array)"),
        )
    })?;
    let (place, index) = meant(&mut archive, place, wanted)?;
    let mut entry = archive.by_index(index).or_trouble(Exit::Data, || format!("cannot read {place}"))?;
    let size = entry.size();
    let done = work(&place, &mut Source::Stream(&mut entry), size)?;
    // at its end the checksum of the archive is looked at
    let damaged = match entry.read(&mut [0]) {
        Ok(0) => return Ok(done),
        Ok(_) => "it goes on after the last number of its shape".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Trouble::new(Exit::Data, format!("{place} is damaged: {damaged}; copy or save it again")))
}

/// Which array is meant: the one that is named, with or without `.npy`; the only one; or the only one that can be what is wanted.
fn meant(archive: &mut ZipArchive<File>, place: &Place, wanted: Wanted) -> Result<(Place, usize)> {
    let file = place.file.display();
    if let Some(name) = &place.name {
        let found = archive.index_for_name(&format!("{name}.npy")).or_else(|| archive.index_for_name(name));
        let Some(index) = found else {
            let there = listed(members(archive).iter());
            let there = if there.is_empty() { "it has none at all".to_owned() } else { format!("it has {there}") };
            return Err(Trouble::new(Exit::Data, format!("{file} has no array '{name}'; {there}")));
        };
        // where it is of no use, another may be
        if let Some(Ok(Header { kind, descr, .. })) = archive.by_index(index).ok().map(|mut entry| Header::read(&mut entry))
            && !kind.can_be(wanted)
        {
            let others = members(archive);
            let others = listed(others.iter().filter(|member| member.header.kind.serves(wanted, &member.header.shape)));
            if !others.is_empty() {
                return Err(Trouble::new(
                    Exit::Data,
                    format!("{place} holds {kind} ({descr}); name another of {file}: {others}"),
                ));
            }
        }
        return Ok((place.clone(), index));
    }
    let members = members(archive);
    let mut serving = members.iter().filter(|member| member.header.kind.serves(wanted, &member.header.shape));
    let chosen = match (members.as_slice(), serving.next(), serving.next()) {
        ([only], _, _) => Some(only),
        (_, Some(only), None) if archive.len() <= MOST_MEMBERS => Some(only),
        _ => None,
    };
    match (chosen, members.first()) {
        (Some(Member { index, name, .. }), _) => Ok((place.named(name), *index)),
        (None, Some(Member { name, .. })) => {
            let (count, there) = (members.len(), listed(members.iter()));
            Err(Trouble::new(Exit::Data, format!("{file} holds {count} arrays: {there}; name one, as in {file}:{name}")))
        }
        (None, None) => {
            let torch = archive.file_names().flatten().any(|name| name.ends_with("/data.pkl"));
            let what = match torch {
                true => "is a PyTorch file; save one of its tensors: numpy.save(FILE, tensor.cpu().numpy())",
                false => "holds no arrays; save some: numpy.savez(FILE, NAME=array)",
            };
            Err(Trouble::new(Exit::Data, format!("{file} {what}")))
        }
    }
}

/// The arrays of an archive. What else is in it, or cannot be read, is none.
fn members(archive: &mut ZipArchive<File>) -> Vec<Member> {
    let count = archive.len().min(MOST_MEMBERS);
    let member = |index: usize| {
        let name = archive.name_for_index(index)?.ok()?.into_owned();
        let header = Header::read(&mut archive.by_index(index).ok()?).ok()?;
        Some(Member { index, name: name.strip_suffix(".npy").unwrap_or(&name).to_owned(), header })
    };
    (0..count).filter_map(member).collect()
}

/// Arrays for a message: "conv1 float32 [100, 64], labels text [100]".
fn listed<'a>(members: impl Iterator<Item = &'a Member>) -> String {
    let mut shown: Vec<String> = members
        .take(MOST_LISTED + 1)
        .map(|member| format!("{} {} {:?}", member.name, member.header.kind, member.header.shape))
        .collect();
    if shown.len() > MOST_LISTED {
        shown[MOST_LISTED] = "…".to_owned();
    }
    shown.join(", ")
}
