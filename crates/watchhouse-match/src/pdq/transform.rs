//! The eight ways to turn and mirror a picture, done on its frequencies.

use super::dct::Block16;

/// One of the eight symmetries of a rectangle's pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transform {
    Original,
    /// A quarter turn against the clock.
    Rotate90,
    Rotate180,
    /// A quarter turn with the clock.
    Rotate270,
    /// Top and bottom change places (a flip about the x axis).
    FlipX,
    /// Left and right change places (a mirror).
    FlipY,
    /// Mirrored on the diagonal from the upper left.
    Transpose,
    /// Mirrored on the diagonal from the upper right.
    AntiTranspose,
}

impl Transform {
    /// In the order of `Spectrum::dihedrals`.
    pub const ALL: [Transform; 8] = [
        Transform::Original,
        Transform::Rotate90,
        Transform::Rotate180,
        Transform::Rotate270,
        Transform::FlipX,
        Transform::FlipY,
        Transform::Transpose,
        Transform::AntiTranspose,
    ];

    /// The name in the API. MUST NOT change.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transform::Original => "original",
            Transform::Rotate90 => "rotate_90",
            Transform::Rotate180 => "rotate_180",
            Transform::Rotate270 => "rotate_270",
            Transform::FlipX => "flip_x",
            Transform::FlipY => "flip_y",
            Transform::Transpose => "transpose",
            Transform::AntiTranspose => "anti_transpose",
        }
    }

    /// Mirroring a picture negates its odd frequencies (1, 3, … at indexes 0, 2, …) along that
    /// axis; transposing the picture transposes the frequencies.
    pub(super) fn apply(self, from: &Block16) -> Block16 {
        let is_transposed = matches!(
            self,
            Transform::Rotate90
                | Transform::Rotate270
                | Transform::Transpose
                | Transform::AntiTranspose
        );
        let (negate_rows, negate_columns) = match self {
            Transform::Original | Transform::Transpose => (false, false),
            Transform::Rotate180 | Transform::AntiTranspose => (true, true),
            Transform::FlipX | Transform::Rotate270 => (true, false),
            Transform::FlipY | Transform::Rotate90 => (false, true),
        };
        let mut to = [[0.0; 16]; 16];
        for (i, row) in from.iter().enumerate() {
            for (j, &coefficient) in row.iter().enumerate() {
                let is_negated = (negate_rows && i % 2 == 0) != (negate_columns && j % 2 == 0);
                let value = if is_negated {
                    -coefficient
                } else {
                    coefficient
                };
                if is_transposed {
                    to[j][i] = value;
                } else {
                    to[i][j] = value;
                }
            }
        }
        to
    }
}
