//! PackBits: runs of one byte and stretches of different ones, each behind a signed length.

/// Decodes until `out` is full or `input` ends; gives the number of bytes written.
pub fn decode(mut input: &[u8], out: &mut [u8]) -> usize {
    let mut written = 0;
    while let [length, rest @ ..] = input {
        let room = &mut out[written..];
        if room.is_empty() {
            break;
        }
        match *length as i8 {
            // Says nothing, by the specification.
            -128 => input = rest,
            length @ 0.. => {
                let (stretch, after) = rest.split_at(rest.len().min(length as usize + 1));
                let count = stretch.len().min(room.len());
                room[..count].copy_from_slice(&stretch[..count]);
                written += count;
                input = after;
            }
            length => {
                let [byte, after @ ..] = rest else { break };
                let count = (1 - isize::from(length)) as usize;
                let count = count.min(room.len());
                room[..count].fill(*byte);
                written += count;
                input = after;
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn the_example_of_the_specification() {
        let packed = [
            0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7,
            0xaa,
        ];
        let mut out = [0; 24];
        assert_eq!(decode(&packed, &mut out), 24);
        assert_eq!(out[..8], [0xaa, 0xaa, 0xaa, 0x80, 0, 0x2a, 0xaa, 0xaa]);
        assert_eq!(out[14..], [0xaa; 10]);
        for len in 0..packed.len() {
            assert!(decode(&packed[..len], &mut out) < 24);
        }
        assert_eq!(decode(&packed, &mut out[..5]), 5);
    }
}
