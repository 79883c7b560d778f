//! Directories of TIFF as they are written: tags with their values, of which some are only known at the end.

/// The type of the values of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// Text, with the zero at its end.
    Ascii = 2,
    /// 16 bits.
    Short = 3,
    /// 32 bits.
    Long = 4,
    /// Two numbers of 32 bits.
    Rational = 5,
    /// Bytes that are no numbers.
    Undefined = 7,
    /// A float of 64 bits.
    Double = 12,
    /// 64 bits.
    Long8 = 16,
}

impl Kind {
    fn size(self) -> usize {
        match self {
            Kind::Ascii | Kind::Undefined => 1,
            Kind::Short => 2,
            Kind::Long => 4,
            Kind::Rational | Kind::Double | Kind::Long8 => 8,
        }
    }
}

/// A tag with its values, the lowest byte first.
#[derive(Clone, Debug)]
pub struct Entry {
    tag: u16,
    kind: Kind,
    bytes: Vec<u8>,
}

impl Entry {
    /// Numbers of 16 bits.
    pub fn shorts(tag: u16, values: &[u16]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        Self::of(tag, Kind::Short, bytes.collect())
    }

    /// One number of 32 bits.
    pub fn long(tag: u16, value: u32) -> Self {
        Self::of(tag, Kind::Long, value.to_le_bytes().to_vec())
    }

    /// Floats.
    pub fn doubles(tag: u16, values: &[f64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        Self::of(tag, Kind::Double, bytes.collect())
    }

    /// Fractions.
    pub fn rationals(tag: u16, values: &[(u32, u32)]) -> Self {
        let bytes = values
            .iter()
            .flat_map(|(over, by)| [over.to_le_bytes(), by.to_le_bytes()])
            .flatten();
        Self::of(tag, Kind::Rational, bytes.collect())
    }

    /// Bytes that are no numbers.
    pub fn bytes(tag: u16, bytes: &[u8]) -> Self {
        Self::of(tag, Kind::Undefined, bytes.to_vec())
    }

    /// A text, which ends where a zero is in it.
    pub fn text(tag: u16, text: &str) -> Self {
        let text = text.split('\0').next().unwrap_or_default();
        let bytes = text.bytes().chain([0]);
        Self::of(tag, Kind::Ascii, bytes.collect())
    }

    /// Numbers of a kind, each in as many bytes.
    pub fn numbers(tag: u16, kind: Kind, values: &[u64]) -> Self {
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes().into_iter().take(kind.size()));
        Self::of(tag, kind, bytes.collect())
    }

    fn of(tag: u16, kind: Kind, bytes: Vec<u8>) -> Self {
        Self { tag, kind, bytes }
    }

    fn count(&self) -> u64 {
        (self.bytes.len() / self.kind.size()) as u64
    }
}

/// How offsets are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// 64 bits, else 32.
    pub is_big: bool,
}

impl Width {
    /// The bytes of a header.
    pub fn header(self) -> u64 {
        if self.is_big { 16 } else { 8 }
    }

    /// The kind of offsets.
    pub fn kind(self) -> Kind {
        if self.is_big { Kind::Long8 } else { Kind::Long }
    }

    fn offset_bytes(self) -> usize {
        if self.is_big { 8 } else { 4 }
    }

    fn push(self, out: &mut Vec<u8>, number: u64) {
        out.extend_from_slice(&number.to_le_bytes()[..self.offset_bytes()]);
    }

    /// The header of a file whose first directory is at an offset.
    pub fn write_header(self, first: u64) -> Vec<u8> {
        let mut out = match self.is_big {
            true => vec![b'I', b'I', 43, 0, 8, 0, 0, 0],
            false => vec![b'I', b'I', 42, 0],
        };
        self.push(&mut out, first);
        out
    }
}

/// A directory.
#[derive(Clone, Debug, Default)]
pub struct Directory(Vec<Entry>);

impl Directory {
    /// Adds a tag, or replaces what the tag had.
    pub fn set(&mut self, entry: Entry) {
        match self.0.binary_search_by_key(&entry.tag, |other| other.tag) {
            Ok(at) => self.0[at] = entry,
            Err(at) => self.0.insert(at, entry),
        }
    }

    /// The bytes that it takes with all its values.
    pub fn len(&self, width: Width) -> u64 {
        let beside = self.0.iter().filter(|entry| is_beside(entry, width));
        let values = beside.map(|entry| entry.bytes.len().next_multiple_of(2) as u64);
        self.table_len(width) + values.sum::<u64>()
    }

    fn table_len(&self, width: Width) -> u64 {
        let (count, entry) = if width.is_big { (8, 20) } else { (2, 12) };
        let table = count + entry * self.0.len() as u64 + width.offset_bytes() as u64;
        table.next_multiple_of(2)
    }

    /// The directory with its values as it stands at an offset; 0 is no next one.
    pub fn write(&self, width: Width, at: u64, next: u64) -> Vec<u8> {
        let mut table = Vec::new();
        match width.is_big {
            true => table.extend_from_slice(&(self.0.len() as u64).to_le_bytes()),
            false => table.extend_from_slice(&(self.0.len() as u16).to_le_bytes()),
        }
        let mut values = Vec::new();
        let start = at + self.table_len(width);
        for entry in &self.0 {
            table.extend_from_slice(&entry.tag.to_le_bytes());
            table.extend_from_slice(&(entry.kind as u16).to_le_bytes());
            width.push(&mut table, entry.count());
            if is_beside(entry, width) {
                width.push(&mut table, start + values.len() as u64);
                values.extend_from_slice(&entry.bytes);
                values.resize(values.len().next_multiple_of(2), 0);
            } else {
                let mut inside = entry.bytes.clone();
                inside.resize(width.offset_bytes(), 0);
                table.extend_from_slice(&inside);
            }
        }
        width.push(&mut table, next);
        table.resize(self.table_len(width) as usize, 0);
        table.extend_from_slice(&values);
        table
    }
}

/// Whether the values of a tag lie beside the table.
fn is_beside(entry: &Entry, width: Width) -> bool {
    entry.bytes.len() > width.offset_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_as_long_as_it_says() {
        let mut directory = Directory::default();
        for (tag, len) in [(300u16, 1usize), (256, 4), (270, 5), (280, 8), (290, 9)] {
            let text = "t".repeat(len - 1);
            directory.set(Entry::text(tag, &text));
        }
        directory.set(Entry::long(256, 9));
        for is_big in [false, true] {
            let width = Width { is_big };
            let written = directory.write(width, 100, 0);
            assert_eq!(written.len() as u64, directory.len(width));
            assert_eq!(written.len() % 2, 0);
        }
        let tags: Vec<u16> = directory.0.iter().map(|entry| entry.tag).collect();
        assert_eq!(tags, [256, 270, 280, 290, 300]);
    }
}
