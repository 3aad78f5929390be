//! From coefficients to colours, as the published flow graph and conversion have it.

use crate::decode::jpeg::Upsampling;
use crate::jpeg::Block;

/// Eight rows of samples.
pub(crate) fn idct(block: &Block, steps: &[u16; 64]) -> [[u8; 8]; 8] {
    let mut between = [[0i64; 8]; 8];
    for u in 0..8 {
        let mut column = [0i64; 8];
        for v in 0..8 {
            column[v] = i64::from(block[8 * v + u]) * i64::from(steps[8 * v + u]);
        }
        for (v, value) in line(column).into_iter().enumerate() {
            between[v][u] = (value + (1 << 10)) >> 11;
        }
    }
    between
        .map(|row| line(row).map(|value| (((value + (1 << 17)) >> 18) + 128).clamp(0, 255) as u8))
}

/// The flow graph of Loeffler, Ligtenberg and Moschytz, sqrt(8) times as large, its factors rounded
/// to 13 binary places.
fn line(x: [i64; 8]) -> [i64; 8] {
    let fixed = |factor: f64| (factor * 8192.0).round() as i64;

    let shared = (x[2] + x[6]) * fixed(0.541196100);
    let even_2 = shared - x[6] * fixed(1.847759065);
    let even_3 = shared + x[2] * fixed(0.765366865);
    let (even_0, even_1) = ((x[0] + x[4]) << 13, (x[0] - x[4]) << 13);
    let even = [
        even_0 + even_3,
        even_1 + even_2,
        even_1 - even_2,
        even_0 - even_3,
    ];

    let (z1, z2, z3, z4) = (x[7] + x[1], x[5] + x[3], x[7] + x[3], x[5] + x[1]);
    let z5 = (z3 + z4) * fixed(1.175875602);
    let z1 = -z1 * fixed(0.899976223);
    let z2 = -z2 * fixed(2.562915447);
    let z3 = z5 - z3 * fixed(1.961570560);
    let z4 = z5 - z4 * fixed(0.390180644);
    let odd = [
        x[1] * fixed(1.501321110) + z1 + z4,
        x[3] * fixed(3.072711026) + z2 + z3,
        x[5] * fixed(2.053119869) + z2 + z4,
        x[7] * fixed(0.298631336) + z1 + z3,
    ];

    let mut line = [0; 8];
    for i in 0..4 {
        line[i] = even[i] + odd[i];
        line[7 - i] = even[i] - odd[i];
    }
    line
}

pub(crate) fn upsampled(
    upsampling: Upsampling,
    covering: &[u8],
    beside: &[u8],
    is_below: bool,
) -> Vec<u8> {
    let n = covering.len();
    let at = |row: &[u8], x: usize| u32::from(row[x]);
    // What lies beyond the ends is as the ends.
    let neighbour = |x: usize, right: bool| {
        if right {
            (x + 1).min(n - 1)
        } else {
            x.saturating_sub(1)
        }
    };
    let sum = |x: usize| 3 * at(covering, x) + at(beside, x);
    let mut row = Vec::new();
    for x in 0..n {
        match upsampling {
            Upsampling::None => row.push(covering[x]),
            Upsampling::Repeat { columns } => row.extend(vec![covering[x]; columns]),
            Upsampling::Rows => row.push(((sum(x) + if is_below { 2 } else { 1 }) / 4) as u8),
            Upsampling::Columns => {
                for (right, bias) in [(false, 1), (true, 2)] {
                    let other = at(covering, neighbour(x, right));
                    row.push(((3 * at(covering, x) + other + bias) / 4) as u8);
                }
            }
            Upsampling::ColumnsAndRows => {
                for (right, bias) in [(false, 8), (true, 7)] {
                    row.push(((3 * sum(x) + sum(neighbour(x, right)) + bias) / 16) as u8);
                }
            }
        }
    }
    row
}

/// Each product of a factor with 16 binary places; the two of green are rounded together.
pub(crate) fn rgb(ycc: [u8; 3]) -> [u8; 3] {
    let fixed = |factor: f64| (factor * 65536.0).round() as i64;
    let [luma, blueness, redness] = ycc.map(i64::from);
    let (cb, cr) = (blueness - 128, redness - 128);
    let rounded = |product: i64| (product + 32768) >> 16;
    let red = luma + rounded(fixed(1.402) * cr);
    let green = luma + rounded(-fixed(0.34414) * cb - fixed(0.71414) * cr);
    let blue = luma + rounded(fixed(1.772) * cb);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}
