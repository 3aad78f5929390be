//! Vectors that Meta's own programs agree with. The pictures are not part of this repository.

mod vectors;

use std::path::PathBuf;

use watchhouse_match::decode::{Viewer, decode};
use watchhouse_match::{
    Family, Limits, Pdq, PdqHash, PdqHasher, Row, Spectrum, Transform, Variant, inspect,
};

#[allow(clippy::print_stdout, reason = "says that a test proved nothing here")]
fn reference_file(name: &str) -> Option<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference/pdq");
    let file = std::fs::read(PathBuf::from(folder).join(name)).ok();
    if file.is_none() {
        println!("skipped: no reference files");
    }
    file
}

fn spectrum(file: &[u8], family: Family) -> Spectrum {
    let mut hashing = Hashing {
        family,
        hasher: None,
        spectrum: None,
    };
    decode(file, &Limits::default(), &mut hashing).expect("reference pictures decode");
    hashing.spectrum.expect("reference pictures have a frame")
}

/// Hashes a picture's only frame.
struct Hashing {
    family: Family,
    hasher: Option<PdqHasher>,
    spectrum: Option<Spectrum>,
}

impl Viewer for Hashing {
    fn begin(&mut self, _index: u32, width: usize, height: usize) {
        self.hasher = Some(PdqHasher::new(width, height, self.family));
    }

    fn row(&mut self, row: Row<'_>) {
        self.hasher.as_mut().expect("it began").push(row);
    }

    fn end(&mut self) {
        self.spectrum = self.hasher.take().map(PdqHasher::finish);
    }
}

fn parse(hex: &str) -> PdqHash {
    hex.parse().expect("vectors are PDQ hashes")
}

/// The program behind the 512 vectors sums in another precision, which shows in one of them.
fn tolerance(name: &str, family: Family) -> u32 {
    match (name, family) {
        ("bridge-mods/sharpen-a-lot.jpg", Family::Stretch512) => 2,
        _ => 0,
    }
}

#[test]
fn both_families_equal_the_published_vectors() {
    let mut failures = Vec::new();
    for (name, full, quality, stretched) in vectors::VECTORS {
        let Some(file) = reference_file(name) else {
            return;
        };
        let families = [(Family::Full, *full), (Family::Stretch512, *stretched)];
        for (family, expected) in families.into_iter().filter(|(_, hex)| !hex.is_empty()) {
            let Pdq {
                hash,
                quality: got_quality,
            } = spectrum(&file, family).pdq();
            let distance = hash.distance(&parse(expected));
            if distance > tolerance(name, family) {
                failures.push(format!("{name} {family:?}: {hash} is {distance} bits off"));
            }
            if quality.is_some_and(|quality| quality != got_quality) {
                failures.push(format!("{name} {family:?}: quality {got_quality}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn derived_hashes_match_files_that_were_really_turned() {
    let Some(original) = reference_file("dihedral/bridge-1-original.jpg") else {
        return;
    };
    let original = spectrum(&original, Family::Full);
    for (transform, name) in [
        (Transform::Rotate90, "dihedral/bridge-2-rotate-90.jpg"),
        (Transform::Rotate180, "dihedral/bridge-3-rotate-180.jpg"),
        (Transform::Rotate270, "dihedral/bridge-4-rotate-270.jpg"),
        (Transform::FlipX, "dihedral/bridge-5-flipx.jpg"),
        (Transform::FlipY, "dihedral/bridge-6-flipy.jpg"),
        (Transform::Transpose, "dihedral/bridge-7-flip-plus-1.jpg"),
        (
            Transform::AntiTranspose,
            "dihedral/bridge-8-flip-minus-1.jpg",
        ),
    ] {
        let turned = spectrum(
            &reference_file(name).expect("its siblings are there"),
            Family::Full,
        );
        let derived = original.hash(transform);
        let distance = derived.distance(&turned.pdq().hash);
        assert!(distance <= 31, "{transform:?}: {distance} bits off");
    }
}

#[test]
fn progressive_pictures_cut_anywhere_are_errors() {
    for name in ["small.jpg", "wee.jpg"] {
        let Some(file) = reference_file(name) else {
            return;
        };
        for n_bytes in (4..file.len()).step_by(file.len() / 400 + 1) {
            let cut = decode(&file[..n_bytes], &Limits::default(), &mut ());
            assert_eq!(
                cut.map_err(|error| error.code()),
                Err("truncated"),
                "{name} cut to {n_bytes} bytes"
            );
        }
    }
}

#[test]
fn a_16_bit_vector_is_met_where_samples_are_clipped_as_its_maker_did() {
    let Some(file) = reference_file("I16.png") else {
        return;
    };
    // Python's imaging library of that time turned everything above 255 white. That destroys the
    // picture, so it is hashed as it is seen, too.
    let frames = inspect(&file, &Limits::default())
        .expect("a valid PNG")
        .frames;
    let of = |variant| {
        let frame = frames.iter().find(|frame| frame.variant == variant);
        frame.expect("grey of 16 bits has both").pdq
    };
    let expected = "de2ef0e99ecdfc1d248a0eb055f023d1d61e79c3920cbb55d561c02accab1763";
    let clipped = of(Variant::Clipped);
    assert_eq!((clipped.hash, clipped.quality), (parse(expected), 36));
    assert_eq!(of(Variant::AsStored).quality, 100);
}
