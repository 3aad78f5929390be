//! Everything through the public door, one file a noun.

mod borders;
mod compaction;
mod decode;
mod digest;
mod encodings;
mod hash;
mod hostile;
mod index;
mod inspect;
mod make;
mod pillow;
mod reference;
mod screen;
mod text;
mod tiff;
mod url;
mod video;
mod vpdq;
