//! Codestreams of JPEG 2000, put together field by field.

/// A codestream that says what it likes.
pub struct Stream {
    /// Columns and rows of the image.
    pub size: (u32, u32),
    /// Those of a tile.
    pub tile: (u32, u32),
    /// Columns and rows from one sample to the next, of each component.
    pub steps: Vec<(u8, u8)>,
    /// The marker segments of the main header.
    pub main: Vec<u8>,
    /// The tile-parts: their tiles, marker segments and packets.
    pub parts: Vec<(u16, Vec<u8>, Vec<u8>)>,
    /// How many of its bands are to be read.
    pub bands: usize,
}

impl Stream {
    /// One tile with these packets.
    pub fn one_tile(side: u32, main: Vec<u8>, packets: Vec<u8>) -> Self {
        Self {
            size: (side, side),
            tile: (side, side),
            steps: vec![(1, 1)],
            main,
            parts: vec![(0, Vec::new(), packets)],
            bands: 1,
        }
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut siz = vec![0, 0];
        let (size, tile) = (self.size, self.tile);
        for number in [size.0, size.1, 0, 0, tile.0, tile.1, 0, 0] {
            siz.extend(number.to_be_bytes());
        }
        siz.extend((self.steps.len() as u16).to_be_bytes());
        self.steps
            .iter()
            .for_each(|step| siz.extend([7, step.0, step.1]));
        let mut bytes = vec![0xff, 0x4f];
        bytes.extend(segment(0xff51, &siz));
        bytes.extend(&self.main);
        for (number, (tile, segments, packets)) in self.parts.iter().enumerate() {
            let len = 14 + segments.len() + packets.len();
            let of_tile = self.parts[..number].iter().filter(|part| part.0 == *tile);
            bytes.extend([0xff, 0x90, 0, 10]);
            bytes.extend(tile.to_be_bytes());
            bytes.extend((len as u32).to_be_bytes());
            bytes.extend([of_tile.count() as u8, 0]);
            bytes.extend(segments);
            bytes.extend([0xff, 0x93]);
            bytes.extend(packets);
        }
        bytes.extend([0xff, 0xd9]);
        bytes
    }
}

/// A marker segment.
pub fn segment(marker: u16, content: &[u8]) -> Vec<u8> {
    let mut bytes = marker.to_be_bytes().to_vec();
    bytes.extend((content.len() as u16 + 2).to_be_bytes());
    bytes.extend(content);
    bytes
}

/// What COD says.
pub struct Cod {
    /// Whether SOP may stand before packets.
    pub marks: bool,
    /// The order of packets, by its number in the standard.
    pub progression: u8,
    /// Quality layers.
    pub layers: u16,
    /// Exponents of the sides of code-blocks.
    pub block: (u8, u8),
    /// Those of precincts, of each resolution from the lowest on.
    pub precincts: Vec<(u8, u8)>,
}

impl Cod {
    /// One layer of code-blocks of 64 x 64, with so many decompositions.
    pub fn new(levels: usize) -> Self {
        Self {
            marks: false,
            progression: 0,
            layers: 1,
            block: (6, 6),
            precincts: vec![(15, 15); levels + 1],
        }
    }

    /// The segment.
    pub fn segment(&self) -> Vec<u8> {
        let mut content = vec![1 | u8::from(self.marks) << 1, self.progression];
        content.extend(self.layers.to_be_bytes());
        content.push(0);
        content.extend(self.style());
        segment(0xff52, &content)
    }

    /// COC of a component of many.
    pub fn of_component(&self, component: u16) -> Vec<u8> {
        let mut content = component.to_be_bytes().to_vec();
        content.push(1);
        content.extend(self.style());
        segment(0xff53, &content)
    }

    fn style(&self) -> Vec<u8> {
        let levels = self.precincts.len() as u8 - 1;
        let mut style = vec![levels, self.block.0 - 2, self.block.1 - 2, 0, 1];
        style.extend(self.precincts.iter().map(|(x, y)| x | y << 4));
        style
    }
}

/// QCD with so many subbands of 9 bit planes.
pub fn qcd(bands: usize) -> Vec<u8> {
    let mut content = vec![0x40];
    content.resize(1 + bands, 8 << 3);
    segment(0xff5c, &content)
}

/// POC: progressions from (resolution, component) to (layer, resolution, component) in an order.
pub fn poc(runs: &[(u8, u8, u16, u8, u8, u8)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (resolution, component, layers, resolutions, components, order) in runs {
        content.extend([*resolution, *component]);
        content.extend(layers.to_be_bytes());
        content.extend([*resolutions, *components, *order]);
    }
    segment(0xff5f, &content)
}

/// Streams of which each asks for more than its bytes and pixels are worth, in one way, with more or less of it; and what
/// their refusal says, or nothing where they are read.
pub fn hostile(scale: usize) -> Vec<(&'static str, Stream, &'static str)> {
    const COMPONENTS: usize = 4096;
    let many = vec![(1, 1); COMPONENTS];
    let plain = || [Cod::new(0).segment(), qcd(1)].concat();
    let marked = Cod {
        marks: true,
        ..Cod::new(0)
    };
    let long_steps = Stream {
        steps: many.clone(),
        ..Stream::one_tile(
            16,
            [marked.segment(), qcd(600 * scale)].concat(),
            vec![0; COMPONENTS],
        )
    };
    let told_again = Stream {
        steps: many.clone(),
        ..Stream::one_tile(16, plain().repeat(100 * scale), vec![0; COMPONENTS])
    };
    let parts = (0..255).map(|_| (0, plain(), vec![0; 64]));
    let told_by_parts = Stream {
        steps: many.clone(),
        parts: parts.collect(),
        ..Stream::one_tile(16, plain(), Vec::new())
    };
    let steps_of_first = segment(0xff5d, &[&[0, 0x40][..], &[8 << 3]].concat());
    let tiles = (0..16 * 16).map(|tile| (tile, Vec::new(), vec![0]));
    let header_of_tiles = Stream {
        tile: (1, 1),
        parts: tiles.collect(),
        ..Stream::one_tile(
            16,
            [plain(), steps_of_first.repeat(600 * scale)].concat(),
            Vec::new(),
        )
    };
    let layered = |layers| Cod {
        layers,
        ..Cod::new(0)
    };
    let layers = 800 * scale as u16;
    let orders = vec![(0, 0, layers, 1, 1, 0); 200 * scale];
    // The last layer never comes, so that the search goes on to the last order, unless it gives up. The codec, which has its
    // turn then, refuses it for its many layers.
    let orders_again = Stream::one_tile(
        2048,
        [
            layered(layers + 1).segment(),
            qcd(1),
            orders.chunks(5000).flat_map(poc).collect(),
        ]
        .concat(),
        vec![0; usize::from(layers) + 1],
    );
    let small = Cod {
        block: (2, 2),
        ..layered(600 * scale as u16)
    };
    // Each packet says that no code-block begins in its layer.
    let looks = Stream::one_tile(
        3072,
        [small.segment(), qcd(1)].concat(),
        vec![0x80; 600 * scale],
    );
    let crossed = |progression| Cod {
        progression,
        precincts: vec![(15, 1)],
        ..Cod::new(0)
    };
    let other = Cod {
        precincts: vec![(1, 15)],
        ..Cod::new(0)
    };
    let mut steps = vec![(255, 255); 300];
    steps[..2].fill((1, 1));
    let places = |progression| Stream {
        steps: steps.clone(),
        ..Stream::one_tile(
            300 * scale as u32,
            [
                crossed(progression).segment(),
                other.of_component(1),
                qcd(1),
            ]
            .concat(),
            vec![0; 600],
        )
    };
    let far = |tile: u16| (tile, Vec::new(), vec![0; COMPONENTS]);
    let corners = [0, 255, 127 * 256, 127 * 256 + 255];
    let far_samples = Stream {
        size: (256, 256),
        tile: (1, 2),
        steps: vec![(255, 255); COMPONENTS],
        parts: corners.map(far).to_vec(),
        main: plain(),
        bands: COMPONENTS,
    };
    // As 9,829 bytes are that a fuzzer of others found: half a billion pixels in one tile, none of them stored.
    let huge_tile = Stream {
        size: (32_769, 16_385),
        tile: (32_769, 16_385),
        ..Stream::one_tile(1, [Cod::new(8).segment(), qcd(25)].concat(), vec![0; 9])
    };
    let many_resolutions = Stream {
        steps: vec![(1, 1); 60 * scale],
        ..Stream::one_tile(16, [Cod::new(32).segment(), qcd(97)].concat(), Vec::new())
    };
    let code_blocks = "look at";
    vec![
        ("one huge tile", huge_tile, ""),
        ("many resolutions", many_resolutions, "decode tile"),
        ("long steps", long_steps, ""),
        ("told again", told_again, ""),
        ("told again by parts", told_by_parts, "told anew"),
        ("a header for each tile", header_of_tiles, ""),
        ("orders again and again", orders_again, code_blocks),
        ("looks at code-blocks", looks, code_blocks),
        ("places by resolution", places(2), "could begin"),
        ("places by position", places(3), "could begin"),
        ("samples far apart", far_samples, ""),
    ]
}
