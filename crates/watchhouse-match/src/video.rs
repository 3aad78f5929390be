//! Videos as far as this crate goes: which container some bytes are, and whether all of it is there.
//!
//! What is inside is for a decoder that runs elsewhere. MUST NOT go deeper than the outermost
//! lengths: this only says whom to ask, and notices a file that was cut off, of which video decoders
//! make no fuss.

use crate::decode::Format;

/// A video format, told by the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Container {
    /// The ISO base media family: MP4, QuickTime, 3GP.
    Mp4,
    WebM,
    Matroska,
    Avi,
    MpegTs,
    MpegPs,
    Flv,
    /// Windows Media.
    Asf,
    Ogg,
}

const ASF: [u8; 16] = [
    0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c,
];

const TS_PACKET: usize = 188;
const TS_SYNC: u8 = 0x47;

impl Container {
    pub const ALL: [Container; 9] = [
        Container::Mp4,
        Container::WebM,
        Container::Matroska,
        Container::Avi,
        Container::MpegTs,
        Container::MpegPs,
        Container::Flv,
        Container::Asf,
        Container::Ogg,
    ];

    /// The name in the API. MUST NOT change.
    pub const fn as_str(self) -> &'static str {
        match self {
            Container::Mp4 => "mp4",
            Container::WebM => "webm",
            Container::Matroska => "matroska",
            Container::Avi => "avi",
            Container::MpegTs => "mpegts",
            Container::MpegPs => "mpegps",
            Container::Flv => "flv",
            Container::Asf => "asf",
            Container::Ogg => "ogg",
        }
    }

    /// The container that the first bytes announce; a few hundred are enough.
    pub fn sniff(bytes: &[u8]) -> Option<Container> {
        match bytes {
            // HEIC and AVIF are kept in the same boxes.
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => match Format::sniff(bytes) {
                Some(_) => None,
                None => Some(Container::Mp4),
            },
            // QuickTime from before there were brands.
            [_, _, _, _, kind @ ..]
                if [b"moov", b"mdat", b"wide"]
                    .iter()
                    .any(|known| kind.starts_with(*known)) =>
            {
                Some(Container::Mp4)
            }
            [0x1a, 0x45, 0xdf, 0xa3, header @ ..] => {
                let header = &header[..header.len().min(60)];
                let names = |name: &[u8]| header.windows(name.len()).any(|part| part == name);
                if names(b"webm") {
                    Some(Container::WebM)
                } else if names(b"matroska") {
                    Some(Container::Matroska)
                } else {
                    None
                }
            }
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'A',
                b'V',
                b'I',
                b' ',
                ..,
            ] => Some(Container::Avi),
            [0, 0, 1, 0xba, ..] => Some(Container::MpegPs),
            [b'F', b'L', b'V', 1, ..] => Some(Container::Flv),
            [b'O', b'g', b'g', b'S', ..] => Some(Container::Ogg),
            _ if bytes.starts_with(&ASF) => Some(Container::Asf),
            _ => {
                let packets = [0, TS_PACKET, 2 * TS_PACKET];
                let is_ts = packets.iter().all(|at| bytes.get(*at) == Some(&TS_SYNC));
                is_ts.then_some(Container::MpegTs)
            }
        }
    }

    /// Whether the outermost lengths of a file say that there should be more of it. False where they
    /// say nothing, as for streams.
    pub fn is_cut_off(self, bytes: &[u8]) -> bool {
        let end = match self {
            Container::Mp4 => end_of_boxes(bytes),
            Container::WebM | Container::Matroska => end_of_segment(bytes),
            Container::Avi => {
                field::<4>(bytes, 4).map(|size| 8 + u64::from(u32::from_le_bytes(size)))
            }
            Container::MpegTs
            | Container::MpegPs
            | Container::Flv
            | Container::Asf
            | Container::Ogg => None,
        };
        end.is_some_and(|end| end > bytes.len() as u64)
    }
}

impl std::fmt::Display for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Where the last box ends that begins in these bytes: each is its length, its kind and its content.
fn end_of_boxes(bytes: &[u8]) -> Option<u64> {
    let mut at = 0;
    while let Some(short) = field::<4>(bytes, at) {
        let size = match u32::from_be_bytes(short) {
            // To the end of the file.
            0 => return None,
            1 => u64::from_be_bytes(field(bytes, at.checked_add(8)?)?),
            size => u64::from(size),
        };
        // Shorter than its own header: for the decoder to complain of.
        if size < 8 {
            return None;
        }
        let end = (at as u64).checked_add(size)?;
        at = match usize::try_from(end) {
            Ok(next) if end < bytes.len() as u64 => next,
            _ => return Some(end),
        };
    }
    None
}

/// Where the segment ends, which is the second element and holds everything.
fn end_of_segment(bytes: &[u8]) -> Option<u64> {
    const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];
    let (header, content) = ebml_size(bytes, 4)?;
    let segment = usize::try_from(header?).ok()?.checked_add(content)?;
    if field(bytes, segment)? != SEGMENT {
        return None;
    }
    let (size, content) = ebml_size(bytes, segment + 4)?;
    (content as u64).checked_add(size?)
}

/// An element's size and where its content begins. The size is None when its writer did not know it.
fn ebml_size(bytes: &[u8], at: usize) -> Option<(Option<u64>, usize)> {
    let first = *bytes.get(at)?;
    // The zeros before the first one say how many bytes follow.
    let n_bytes = first.leading_zeros() as usize + 1;
    let rest = bytes.get(at + 1..at + n_bytes)?;
    let mask = 0xff_u8.checked_shr(n_bytes as u32).unwrap_or(0);
    let size = rest.iter().fold(u64::from(first & mask), |size, byte| {
        size << 8 | u64::from(*byte)
    });
    let unknown = (1_u64 << (7 * n_bytes)) - 1;
    Some(((size != unknown).then_some(size), at + n_bytes))
}
