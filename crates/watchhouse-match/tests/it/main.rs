//! Everything through the public door, one file a noun.

mod compaction;
mod decode;
mod digest;
mod hash;
mod hostile;
mod index;
mod inspect;
mod make;
mod pillow;
mod reference;
mod screen;
mod text;
mod url;
mod video;
mod vpdq;
