//! Texts folded, so that a listed term is found however it is written.
//!
//! Two strengths. *As written* ([`fold`]) ignores case, compatibility forms, invisible characters and the
//! kind and amount of white space: `Ｂad  Word` is `bad word`. *Disguised* also takes
//! look-alikes for what they look like (UTS 39: Cyrillic `а` for `a`), digits and signs for the letters
//! that they are put for (`b4d w0rd`), and drops accents and other marks. It is coarser than people are:
//! `rn` is `m`. So a match says which of the two it is.
//!
//! Everything here takes time linear in its input, but for marks on one letter, which are sorted, and
//! MUST NOT panic on any.

mod fold;
mod skeleton;

pub use fold::fold;
pub(crate) use skeleton::Skeleton;
