//! Choices made by the bytes of an input; when they are used up, every choice is the first.

pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// A number below `end`, which is at most 65536.
    pub fn below(&mut self, end: usize) -> usize {
        let high = if end > 256 {
            usize::from(self.byte()) << 8
        } else {
            0
        };
        (high | usize::from(self.byte())) % end.max(1)
    }

    pub fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == chances - 1
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Text of at most `most` bytes out of the characters that mean something in keys, and some others.
    pub fn text(&mut self, most: usize) -> String {
        const LETTERS: &[char] = &[
            'a', 'b', ':', '@', '[', ']', '%', '/', '+', '0', '1', '2', '5', '8', 'A', 'B', 'é',
            '\n', '.', ' ',
        ];
        const WORDS: &[&str] = &[
            ":image:", ":image:0", "retile", "mask", "level", "overview", "map", "%3A", "%25",
        ];
        let mut text = String::new();
        for _ in 0..self.below(most) {
            let at = usize::from(self.byte());
            match at.checked_sub(256 - WORDS.len()) {
                Some(word) => text.push_str(WORDS[word]),
                None => text.push(LETTERS[at % LETTERS.len()]),
            }
        }
        text
    }
}
