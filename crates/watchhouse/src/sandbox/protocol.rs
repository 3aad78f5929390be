//! What parent and child say to each other over the child's stdin and stdout.
//!
//! A frame is one byte that says its kind, the length of its body (four bytes, little endian), and
//! the body. The child says `Hello` once, or `Failed`; then each `Input` is answered by one
//! `Inspected`, `Refused` or `Video`. Two others are not asked by a pipe: an archive's child, whose stdin
//! is the archive, tells all that is in it (`sandbox/unpacking.rs`), and one that hashes a video's
//! frames tells their hashes (`sandbox/video/protocol.rs`).
//!
//! The parent MUST take nothing that a child says for granted: a subverted one says anything. So an
//! answer is parsed by hand and to its last byte, its lengths are checked before memory is taken, and
//! only codes that the decoder has get through.

use serde::{Deserialize, Serialize};
use watchhouse_match::{
    Area, Container, DecodeError, DecodeErrorKind, Format, Frame, Inspection, Limits, Pdq, PdqHash,
    Variant,
};

use super::Refusal;
use super::cage::Cage;

/// Parent and child are the same program, unless an upgrade came between.
pub const VERSION: u32 = 2;

pub const HEADER_BYTES: usize = 5;

/// The longest `Hello`, `Failed` or `Refused`.
pub const LARGEST_TEXT_BYTES: usize = 2048;

/// The longest message that gets through from a child.
const LARGEST_MESSAGE_BYTES: usize = 500;

const HASH_BYTES: usize = 32;
/// number, left, top, width, height
const VARIANT_BYTES: usize = 1 + 4 * 4;
/// index, variant, quality, the hash, and the eight turned and mirrored ones
pub(super) const FRAME_BYTES: usize = 4 + VARIANT_BYTES + 1 + HASH_BYTES + 8 * HASH_BYTES;
/// format, width, height, number of frames
const INSPECTION_BYTES: usize = 1 + 4 + 4 + 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Hello = 1,
    /// Why the child cannot work: UTF-8 text.
    Failed = 2,
    Input = 3,
    Inspected = 4,
    Refused = 5,
    /// It is no picture, and a whole video as far as its outside tells: the container.
    Video = 6,
    /// What a video says of itself.
    Announced = 7,
    /// A frame of a video.
    Frame = 8,
    /// There are no more frames.
    Ended = 9,
    /// An input's first bytes: what is it? Answered by `Video`, or refused for its size.
    Beginning = 10,
    /// An archive's child tells these: a member's name, some of its bytes, its end, why it cannot be
    /// had whole, the archive's end, why there is no more of it.
    Member = 16,
    Bytes = 17,
    MemberEnd = 18,
    MemberBroken = 19,
    ArchiveEnd = 20,
    ArchiveBroken = 21,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub size_bytes: usize,
}

pub fn header(kind: Kind, size_bytes: usize) -> [u8; HEADER_BYTES] {
    let size_bytes = u32::try_from(size_bytes).expect("limits keep a body below 4 GiB");
    let [a, b, c, d] = size_bytes.to_le_bytes();
    [kind as u8, a, b, c, d]
}

impl Header {
    pub fn parse([kind, size @ ..]: [u8; HEADER_BYTES]) -> Result<Header, String> {
        let kind = match kind {
            1 => Kind::Hello,
            2 => Kind::Failed,
            3 => Kind::Input,
            4 => Kind::Inspected,
            5 => Kind::Refused,
            6 => Kind::Video,
            7 => Kind::Announced,
            8 => Kind::Frame,
            9 => Kind::Ended,
            10 => Kind::Beginning,
            16 => Kind::Member,
            17 => Kind::Bytes,
            18 => Kind::MemberEnd,
            19 => Kind::MemberBroken,
            20 => Kind::ArchiveEnd,
            21 => Kind::ArchiveBroken,
            _ => return Err(format!("a frame of unknown kind {kind}")),
        };
        let size_bytes = u32::from_le_bytes(size) as usize;
        Ok(Header { kind, size_bytes })
    }
}

/// How much of the file system and network the kernel's Landlock takes from a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Landlock {
    /// Files, TCP, abstract sockets and signals.
    Full,
    /// What this older kernel knows of these.
    Partial,
    None,
}

/// What a child says of its cage before it reads anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    pub version: u32,
    pub seccomp: bool,
    pub landlock: Landlock,
    /// The numbers of the files that it has open: its three pipes.
    pub open_files: Vec<i32>,
    /// How many environment variables it has.
    pub variables: usize,
}

impl Hello {
    pub(super) fn new(cage: Cage) -> Hello {
        Hello {
            version: VERSION,
            seccomp: cage.seccomp,
            landlock: cage.landlock,
            open_files: cage.open_files,
            variables: std::env::vars_os().count(),
        }
    }

    pub fn to_body(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and words can be written as JSON")
    }

    /// The error says why the child is of no use.
    pub fn parse(kind: Kind, body: &[u8]) -> Result<Hello, String> {
        match kind {
            Kind::Hello => {}
            Kind::Failed => return Err(printable(body)),
            _ => return Err(format!("it said {kind:?} in place of a hello")),
        }
        let hello: Hello =
            serde_json::from_slice(body).map_err(|_| "its hello is malformed".to_owned())?;
        if hello.version != VERSION {
            return Err(format!(
                "it speaks version {} of the protocol, expected {VERSION}; restart the server after an upgrade",
                hello.version
            ));
        }
        Ok(hello)
    }

    /// The error says what is missing. Landlock may be: older kernels have none, and without it
    /// seccomp denies the same.
    pub(super) fn require_cage(&self) -> Result<(), String> {
        if !self.seccomp {
            return Err(
                "the kernel gave it no seccomp filter, and `require_cage` is set".to_owned(),
            );
        }
        if self.open_files.iter().any(|file| *file > 2) {
            return Err(format!("it has files open: {:?}", self.open_files));
        }
        if self.variables > 0 {
            return Err(format!("it has {} environment variables", self.variables));
        }
        Ok(())
    }
}

/// What a child may refuse an input with; the position is the number on the wire.
const KINDS: [DecodeErrorKind; 9] = [
    DecodeErrorKind::Empty,
    DecodeErrorKind::UnsupportedFormat,
    DecodeErrorKind::Truncated,
    DecodeErrorKind::Malformed,
    DecodeErrorKind::TooManyBytes,
    DecodeErrorKind::TooManyPixels,
    DecodeErrorKind::TooManyFrames,
    DecodeErrorKind::TooManyScans,
    DecodeErrorKind::TooMuchMemory,
];

/// The longest input that a child takes.
pub fn largest_input(limits: &Limits) -> usize {
    usize::try_from(limits.bytes.min(u64::from(u32::MAX))).expect("32 bits fit")
}

/// The longest body that may come in answer to an input.
pub fn largest_answer(kind: Kind, limits: &Limits) -> usize {
    match kind {
        Kind::Inspected => INSPECTION_BYTES + FRAME_BYTES * most_frames(limits) as usize,
        Kind::Refused => LARGEST_TEXT_BYTES,
        Kind::Video => 1,
        _ => 0,
    }
}

/// An animation's first frame may come twice: alone and composed. Each may come in all its variants.
fn most_frames(limits: &Limits) -> u32 {
    limits
        .frames
        .saturating_add(1)
        .saturating_mul(Variant::MOST)
}

const NOWHERE: Area = Area {
    left: 0,
    top: 0,
    width: 0,
    height: 0,
};

/// A variant's number on the wire, and the area that it has.
fn variant_parts(variant: Variant) -> (u8, Area) {
    match variant {
        Variant::AsStored => (0, NOWHERE),
        Variant::Clipped => (1, NOWHERE),
        Variant::OverWhite => (2, NOWHERE),
        Variant::WithoutBorder(area) => (3, area),
    }
}

pub(super) fn number<T: PartialEq>(table: &[T], value: T) -> u8 {
    let place = table.iter().position(|listed| *listed == value);
    place.expect("the table lists every value") as u8
}

pub(super) fn failed_body(message: &str) -> Vec<u8> {
    message.bytes().take(LARGEST_TEXT_BYTES).collect()
}

/// How a child says that an input cannot be decoded.
pub(super) fn refused_body(kind: DecodeErrorKind, message: &str) -> Vec<u8> {
    let mut body = vec![number(&KINDS, kind)];
    body.extend(printable(message.as_bytes()).bytes());
    body
}

/// How a child says that an input is a video.
pub fn video_body(container: Container) -> (Kind, Vec<u8>) {
    (Kind::Video, vec![number(&Container::ALL, container)])
}

/// How a child answers.
pub fn answer_body(answer: &Result<Inspection, DecodeError>) -> (Kind, Vec<u8>) {
    let inspection = match answer {
        Ok(inspection) => inspection,
        Err(error) => {
            return (Kind::Refused, refused_body(error.kind, &error.to_string()));
        }
    };
    let n_frames = inspection.frames.len();
    let mut body = Vec::with_capacity(INSPECTION_BYTES + n_frames * FRAME_BYTES);
    body.push(number(&Format::ALL, inspection.format));
    body.extend(inspection.width.to_le_bytes());
    body.extend(inspection.height.to_le_bytes());
    body.extend((n_frames as u32).to_le_bytes());
    for frame in &inspection.frames {
        write_frame(frame, &mut body);
    }
    (Kind::Inspected, body)
}

pub(super) fn write_frame(frame: &Frame, body: &mut Vec<u8>) {
    body.extend(frame.index.to_le_bytes());
    let (number, area) = variant_parts(frame.variant);
    body.push(number);
    for side in [area.left, area.top, area.width, area.height] {
        body.extend(side.to_le_bytes());
    }
    body.push(frame.pdq.quality);
    body.extend(frame.pdq.hash.0);
    for hash in &frame.dihedrals {
        body.extend(hash.0);
    }
}

/// What a child found an input to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Picture(Inspection),
    /// For others to decode.
    Video(Container),
}

/// Reads what a child answered to an input. The error finishes "the decoding process gave …".
pub fn parse_answer(
    kind: Kind,
    body: &[u8],
    limits: &Limits,
) -> Result<Result<Answer, Refusal>, String> {
    match kind {
        Kind::Inspected => parse_inspection(body, limits).map(|seen| Ok(Answer::Picture(seen))),
        Kind::Refused => parse_refusal(body).map(Err),
        Kind::Video => parse_container(body).map(|container| Ok(Answer::Video(container))),
        _ => Err(format!("{kind:?} in place of an answer")),
    }
}

fn parse_container(body: &[u8]) -> Result<Container, String> {
    let [container] = body else {
        return Err(format!("a container in {} bytes", body.len()));
    };
    let container = Container::ALL.get(usize::from(*container));
    container.copied().ok_or("an unknown container".to_owned())
}

pub(super) fn parse_refusal(body: &[u8]) -> Result<Refusal, String> {
    let (kind, message) = body.split_first().ok_or("a refusal without a reason")?;
    let kind = KINDS
        .get(usize::from(*kind))
        .ok_or("a refusal for an unknown reason")?;
    Ok(Refusal::new(kind.code(), printable(message)))
}

fn parse_inspection(body: &[u8], limits: &Limits) -> Result<Inspection, String> {
    let mut rest = Rest(body);
    let format = usize::from(rest.u8()?);
    let format = *Format::ALL.get(format).ok_or("an unknown format")?;
    let (width, height, n_frames) = (rest.u32()?, rest.u32()?, rest.u32()?);

    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > limits.pixels {
        return Err(format!("an impossible size of {width} by {height}"));
    }
    let most_frames = most_frames(limits);
    if n_frames == 0 || n_frames > most_frames {
        return Err(format!("{n_frames} frames, expected 1 to {most_frames}"));
    }
    let mut frames: Vec<Frame> = Vec::with_capacity(n_frames as usize);
    for _ in 0..n_frames {
        let frame = rest.frame()?;
        if frames.last().is_some_and(|last| last.index > frame.index) {
            return Err("frames out of order".to_owned());
        }
        frames.push(frame);
    }
    if !rest.0.is_empty() {
        return Err(format!("{} bytes too many", rest.0.len()));
    }
    Ok(Inspection {
        format,
        width,
        height,
        frames,
    })
}

/// The part of a body that is not read yet.
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .ok_or("an answer that breaks off")?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, String> {
        self.take().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, String> {
        self.take().map(u32::from_le_bytes)
    }

    fn variant(&mut self) -> Result<Variant, String> {
        let number = self.u8()?;
        let area = Area {
            left: self.u32()?,
            top: self.u32()?,
            width: self.u32()?,
            height: self.u32()?,
        };
        match number {
            0 if area == NOWHERE => Ok(Variant::AsStored),
            1 if area == NOWHERE => Ok(Variant::Clipped),
            2 if area == NOWHERE => Ok(Variant::OverWhite),
            3 if area.width > 0 && area.height > 0 => Ok(Variant::WithoutBorder(area)),
            _ => Err(format!("an impossible variant {number} of {area:?}")),
        }
    }

    pub(super) fn frame(&mut self) -> Result<Frame, String> {
        let index = self.u32()?;
        let variant = self.variant()?;
        let quality = self.u8()?;
        if quality > 100 {
            return Err(format!("a quality of {quality}, expected at most 100"));
        }
        let hash = PdqHash(self.take()?);
        let mut dihedrals = [hash; 8];
        for dihedral in &mut dihedrals {
            *dihedral = PdqHash(self.take()?);
        }
        if dihedrals[0] != hash {
            return Err("a hash that differs from itself unturned".to_owned());
        }
        Ok(Frame {
            index,
            variant,
            pdq: Pdq { hash, quality },
            dihedrals,
        })
    }
}

/// What may go on into a log or an answer: no control characters, and not too long.
pub(super) fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for c in String::from_utf8_lossy(bytes).chars() {
        let c = if c.is_control() { ' ' } else { c };
        if text.len() + c.len_utf8() > LARGEST_MESSAGE_BYTES {
            break;
        }
        text.push(c);
    }
    text
}
