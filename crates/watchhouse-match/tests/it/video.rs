//! Which bytes are a video, and whether all of it is there.

use proptest::prelude::*;
use watchhouse_match::{Container, Format};

fn mp4_box(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).expect("small");
    [&size.to_be_bytes()[..], kind, content].concat()
}

fn mp4() -> Vec<u8> {
    [
        mp4_box(b"ftyp", b"isom\0\0\0\0"),
        mp4_box(b"mdat", &[7; 100]),
        mp4_box(b"moov", &[1; 50]),
    ]
    .concat()
}

fn ebml(doc_type: &[u8], segment_size: &[u8], content: &[u8]) -> Vec<u8> {
    let header = [&[0x42, 0x82, 0x80 | doc_type.len() as u8], doc_type].concat();
    let mut file = vec![0x1a, 0x45, 0xdf, 0xa3, 0x80 | header.len() as u8];
    file.extend(header);
    file.extend([0x18, 0x53, 0x80, 0x67]);
    file.extend(segment_size);
    file.extend(content);
    file
}

fn avi() -> Vec<u8> {
    [&b"RIFF"[..], &54_u32.to_le_bytes(), b"AVI ", &[0; 50]].concat()
}

fn one_of_each() -> Vec<(Container, Vec<u8>)> {
    let mut ts = vec![0; 564];
    for packet in 0..3 {
        ts[packet * 188] = 0x47;
    }
    vec![
        (Container::Mp4, mp4()),
        (Container::WebM, ebml(b"webm", &[0x80 | 60], &[0; 60])),
        (
            Container::Matroska,
            ebml(b"matroska", &[0x40, 60], &[0; 60]),
        ),
        (Container::Avi, avi()),
        (Container::MpegTs, ts),
        (Container::MpegPs, vec![0, 0, 1, 0xba, 0x44]),
        (Container::Flv, b"FLV\x01\x05".to_vec()),
        (
            Container::Asf,
            b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c".to_vec(),
        ),
        (Container::Ogg, b"OggS\0".to_vec()),
    ]
}

#[test]
fn containers_are_told_by_their_content_and_are_no_pictures() {
    let all = one_of_each();
    assert_eq!(all.len(), Container::ALL.len());
    for (container, bytes) in all {
        assert_eq!(Container::sniff(&bytes), Some(container));
        assert_eq!(Format::sniff(&bytes), None, "{container:?}");
        assert!(!container.is_cut_off(&bytes), "{container:?}");
    }
    for (name, picture) in super::make::one_of_each() {
        assert_eq!(Container::sniff(&picture), None, "{name}");
    }
    for brand in [b"avif", b"heic", b"mif1"] {
        assert_eq!(Container::sniff(&mp4_box(b"ftyp", brand)), None);
    }
    assert_eq!(
        Container::sniff(&mp4_box(b"moov", &[])),
        Some(Container::Mp4)
    );
    assert_eq!(Container::sniff(b"G"), None);
}

#[test]
fn a_file_that_was_cut_off_is_noticed_wherever_it_was_cut() {
    let wholes = [
        (Container::Mp4, mp4(), vec![16, 124]),
        (
            Container::WebM,
            ebml(b"webm", &[0x40, 60], &[0; 60]),
            vec![],
        ),
        (Container::Avi, avi(), vec![]),
    ];
    for (container, whole, boundaries) in wholes {
        for n_bytes in 20..whole.len() {
            // Between two boxes nothing is missing that the outermost lengths could tell.
            let is_boundary = boundaries
                .iter()
                .any(|end| (*end..*end + 4).contains(&n_bytes));
            let is_cut_off = container.is_cut_off(&whole[..n_bytes]);
            assert_eq!(is_cut_off, !is_boundary, "{container:?} {n_bytes}");
        }
    }
}

#[test]
fn lengths_that_were_never_written_say_nothing() {
    let live = ebml(b"webm", &[0x01, 255, 255, 255, 255, 255, 255, 255], &[0; 9]);
    assert!(!Container::WebM.is_cut_off(&live));
    let open = [
        mp4_box(b"ftyp", b"isom"),
        vec![0, 0, 0, 0, b'm', b'd', b'a', b't', 1],
    ]
    .concat();
    assert!(!Container::Mp4.is_cut_off(&open));
    let long = [&[0, 0, 0, 1][..], b"mdat", &u64::MAX.to_be_bytes()].concat();
    assert!(Container::Mp4.is_cut_off(&long));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(start in 0usize..10, rest in prop::collection::vec(any::<u8>(), 0..300)) {
        let start = one_of_each().get(start).map(|(_, bytes)| bytes[..bytes.len().min(16)].to_vec());
        let bytes = [start.unwrap_or_default(), rest].concat();
        let _ = Container::sniff(&bytes);
        for container in Container::ALL {
            let _ = container.is_cut_off(&bytes);
        }
    }
}
