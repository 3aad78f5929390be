//! Archives taken apart, under limits: zip, tar, and either's gzip, zstd or xz.
//!
//! An archive is written by whoever wants it opened. Nothing here goes to disk, nothing is held but
//! what a format needs to be read, and every byte that comes out is counted. It MUST NOT leave a
//! member out in silence: what cannot be had is told, with the reason. Called in caged children
//! alone: see `sandbox`.

use std::io::{self, Read, Seek, SeekFrom};

use meter::Meter;

mod compressed;
mod meter;
mod tar;
mod zip;

/// What one archive may come to. What breaks a limit is told and not read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    pub members: u64,
    /// Bytes of one member, unpacked.
    pub member_bytes: u64,
    /// Bytes of all members, unpacked.
    pub total_bytes: u64,
    /// So many times the archive's own bytes may come out of it. Not asked below [`DENSE_BYTES`].
    pub ratio: u64,
}

/// A little of anything may be packed as densely as it likes.
pub const DENSE_BYTES: u64 = 64 << 20;

impl Default for ArchiveLimits {
    /// More than ordinary archives of pictures have, and little enough to be through in minutes.
    fn default() -> ArchiveLimits {
        ArchiveLimits {
            members: 100_000,
            member_bytes: 1 << 30,
            total_bytes: 16 << 30,
            ratio: 200,
        }
    }
}

/// The longest name that is told; what is longer is cut.
pub const MAX_NAME_BYTES: usize = 4096;

/// How a file is packed, told by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Zip,
    Tar,
    Gzip,
    Zstd,
    Xz,
}

impl Form {
    /// What is needed to tell.
    pub const HEAD_BYTES: usize = 512;

    /// None for what is no archive, or one of another form.
    pub fn sniff(head: &[u8]) -> Option<Form> {
        match head {
            // Of no members, the second.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Form::Zip),
            [0x1f, 0x8b, 8, ..] => Some(Form::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Form::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Form::Xz),
            _ if head.get(257..262) == Some(b"ustar") => Some(Form::Tar),
            _ => None,
        }
    }
}

/// Why a member, or what is left of an archive, cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ArchiveError {
    pub kind: ArchiveErrorKind,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveErrorKind {
    Malformed,
    Encrypted,
    Unsupported,
    TooManyMembers,
    MemberTooLarge,
    TooManyBytes,
    TooDense,
    /// Whoever takes the members wants no more.
    Stopped,
}

impl ArchiveErrorKind {
    /// What a scan says of an archive that lies in too many others.
    pub const TOO_DEEP: &str = "archive_too_deep";

    /// What a scan says. MUST NOT change.
    pub const fn code(self) -> &'static str {
        match self {
            ArchiveErrorKind::Malformed => "archive_malformed",
            ArchiveErrorKind::Encrypted => "archive_encrypted",
            ArchiveErrorKind::Unsupported => "archive_unsupported",
            ArchiveErrorKind::TooManyMembers => "archive_too_many_members",
            ArchiveErrorKind::MemberTooLarge => "archive_member_too_large",
            ArchiveErrorKind::TooManyBytes => "archive_too_many_bytes",
            ArchiveErrorKind::TooDense => "archive_too_dense",
            ArchiveErrorKind::Stopped => "archive_stopped",
        }
    }

    fn because(self, message: impl Into<String>) -> ArchiveError {
        ArchiveError {
            kind: self,
            message: message.into(),
        }
    }

    /// Whether nothing else of the archive is to be had either.
    fn ends_the_archive(self) -> bool {
        match self {
            ArchiveErrorKind::TooManyMembers
            | ArchiveErrorKind::TooManyBytes
            | ArchiveErrorKind::TooDense
            | ArchiveErrorKind::Stopped => true,
            ArchiveErrorKind::Malformed
            | ArchiveErrorKind::Encrypted
            | ArchiveErrorKind::Unsupported
            | ArchiveErrorKind::MemberTooLarge => false,
        }
    }
}

/// What is in an archive, told in its order: a member, its bytes in pieces, its end; and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// By the name that the archive gives it, cut where it is too long. Empty where it gives none.
    Member(&'a str),
    Bytes(&'a [u8]),
    End,
    /// The end of a member that cannot be had whole.
    Broken(&'a ArchiveError),
}

/// Is told the parts. An error ends the reading.
pub type Tell<'t> = &'t mut dyn FnMut(Part<'_>) -> io::Result<()>;

/// Takes an archive apart.
///
/// # Errors
/// Why there is no more than was told.
pub fn read<R>(mut archive: R, limits: &ArchiveLimits, tell: Tell<'_>) -> Result<(), ArchiveError>
where
    R: Read + Seek + Clone,
{
    let (packed_bytes, head) = measure(&mut archive).map_err(unreadable)?;
    let meter = Meter::new(*limits, packed_bytes);
    match Form::sniff(&head) {
        Some(Form::Zip) => zip::read(archive, &meter, tell),
        Some(Form::Tar) => tar::read(archive, &meter, tell),
        Some(Form::Gzip) => compressed::read(compressed::gzip(archive), &meter, tell),
        Some(Form::Zstd) => compressed::read(compressed::zstd(archive), &meter, tell),
        Some(Form::Xz) => compressed::read(compressed::xz(archive), &meter, tell),
        None => Err(ArchiveErrorKind::Unsupported.because("it is not an archive that is known")),
    }
}

fn measure(archive: &mut (impl Read + Seek)) -> io::Result<(u64, Vec<u8>)> {
    let size_bytes = archive.seek(SeekFrom::End(0))?;
    archive.seek(SeekFrom::Start(0))?;
    let head = read_head(archive)?;
    archive.seek(SeekFrom::Start(0))?;
    Ok((size_bytes, head))
}

fn read_head(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.take(Form::HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn unreadable(error: io::Error) -> ArchiveError {
    ArchiveErrorKind::Malformed.because(format!("it cannot be read on: {error}"))
}

/// One member whose bytes can be read, or why they cannot.
fn member<R: Read>(
    name: &[u8],
    content: Result<R, ArchiveError>,
    meter: &Meter,
    tell: Tell<'_>,
) -> Result<(), ArchiveError> {
    let stopped = |_| ArchiveErrorKind::Stopped.because("nobody wants more of it");
    meter.begin_member()?;
    let name = String::from_utf8_lossy(name);
    let cut = name.floor_char_boundary(MAX_NAME_BYTES);
    tell(Part::Member(&name[..cut])).map_err(stopped)?;

    let copied = content.and_then(|mut content| {
        let mut piece = vec![0; 64 << 10];
        loop {
            let n_bytes = match content.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(n_bytes) => n_bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(meter.reason().unwrap_or_else(|| unreadable(error))),
            };
            meter.give(n_bytes)?;
            tell(Part::Bytes(&piece[..n_bytes])).map_err(stopped)?;
        }
    });
    match copied {
        Ok(()) => tell(Part::End).map_err(stopped),
        Err(error) if error.kind.ends_the_archive() => Err(error),
        Err(error) => tell(Part::Broken(&error)).map_err(stopped),
    }
}
