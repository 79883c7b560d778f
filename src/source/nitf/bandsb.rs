//! The tagged extension BANDSB (STDI-0002, appendix X), of which the middle wavelength of each band is read.

use super::fields::text;

/// Where the mask stands that says which fields there are.
const MASK_AT: usize = 118;

/// The bits of fields that stand once behind the mask, and their lengths; the last one is the unit.
const ONCE: [(u32, usize); 4] = [(31, 28), (30, 7), (29, 32), (UNIT, 1)];

/// The bit of wavelengths and their unit.
const UNIT: u32 = 24;

/// The bits of the fields of a band in their order, and their lengths, in two parts as they are there: those before the
/// middle wavelength, which comes next, and all.
const OF_BAND: [(u32, usize); 23] = [
    (28, 50),
    (27, 1),
    (26, 3),
    (25, 5),
    (UNIT, 7),
    (23, 7),
    (22, 7),
    (21, 7),
    (20, 7),
    (19, 14),
    (18, 8),
    (17, 16),
    (16, 6),
    (15, 11),
    (14, 16),
    (13, 14),
    (12, 10),
    (11, 16),
    (10, 14),
    (9, 16),
    (8, 24),
    (7, 32),
    (6, 48),
];

/// The middle wavelengths of so many bands in micrometres, as they are written; nothing where it says no such thing of
/// just these bands.
pub fn wavelengths(data: &[u8], bands: usize) -> Vec<Option<String>> {
    read(data, bands).unwrap_or_default()
}

fn read(data: &[u8], bands: usize) -> Option<Vec<Option<String>>> {
    let count = text(data.get(..5)?).trim().parse::<usize>().ok()?;
    let mask = data.get(MASK_AT..MASK_AT + 4)?;
    let mask = u32::from_be_bytes(mask.try_into().ok()?);
    if count != bands || mask >> UNIT & 1 == 0 {
        return None;
    }
    let length = |fields: &[(u32, usize)]| -> usize {
        let there = fields.iter().filter(|(bit, _)| mask >> bit & 1 == 1);
        there.map(|(_, length)| length).sum()
    };
    let first = MASK_AT + 4 + length(&ONCE);
    // The other unit is that of wave numbers.
    if data.get(first - 1)? != &b'U' {
        return None;
    }
    let before: usize = length(&OF_BAND[..4]);
    let of_band = |band: usize| {
        let at = first + band * length(&OF_BAND) + before;
        let number = text(data.get(at..at + 7)?).trim().to_owned();
        number.parse::<f64>().ok().map(|_| number)
    };
    Some((0..bands).map(of_band).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The extension with these fields of each of three bands, with a mark where a number is.
    fn extension(mask: u32, unit: u8) -> Vec<u8> {
        let mut data = b"00003".to_vec();
        data.resize(MASK_AT, b' ');
        data.extend(mask.to_be_bytes());
        for (bit, length) in ONCE {
            if mask >> bit & 1 == 1 {
                data.resize(data.len() + length, b'x');
            }
        }
        *data.last_mut().unwrap() = unit;
        for number in [b"0.48000", b"-------", b"00.6600"] {
            for (bit, length) in OF_BAND {
                match (mask >> bit & 1, bit) {
                    (1, UNIT) => data.extend(number),
                    (1, _) => data.resize(data.len() + length, 0xfe),
                    _ => (),
                }
            }
        }
        data
    }

    #[test]
    fn wavelengths_are_found_whatever_else_is_there() {
        let right = [Some("0.48000".to_owned()), None, Some("00.6600".to_owned())];
        for mask in [1 << 24, 0xff00_0000, 0x1fff_ffc0, 0x0900_0040, u32::MAX] {
            let data = extension(mask, b'U');
            assert_eq!(wavelengths(&data, 3), right, "{mask:x}");
            assert_eq!(wavelengths(&data, 4), []);
            for short in 0..data.len() {
                // What is cut off is not there, and nothing fails.
                wavelengths(&data[..short], 3);
            }
        }
        assert_eq!(wavelengths(&extension(1 << 24, b'W'), 3), []);
        assert_eq!(wavelengths(&extension(1 << 30, b'U'), 3), []);
    }
}
