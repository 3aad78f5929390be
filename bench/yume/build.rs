//! Here so that Cargo heeds what the manifest says of a library that yume-pdq's own build uses.

fn main() {}
