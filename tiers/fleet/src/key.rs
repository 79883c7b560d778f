//! What tiles, leases and generations are stored under: digests of constant length over everything that pixels depend
//! on, so that no path and no name reaches the store.

use crate::generation::Generation;

const BLOCK: &str = "tilecache 2026 tier: key of a block";
const SOURCE: &str = "tilecache 2026 tier: key of a source";
const KEYED: &str = "tilecache 2026 tier: secret for keys";
const SIGNED: &str = "tilecache 2026 tier: secret for values";

/// 32 bytes that stand for a block of pixels, or for a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0[..4]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What the processes of a fleet know and the store does not: keys cannot be guessed then, and values not be forged.
#[derive(Clone)]
pub struct Secret {
    keys: [u8; 32],
    values: [u8; 32],
}

impl Secret {
    /// From bytes of any length, which should hold 16 that cannot be guessed.
    pub fn new(bytes: &[u8]) -> Self {
        Self {
            keys: blake3::derive_key(KEYED, bytes),
            values: blake3::derive_key(SIGNED, bytes),
        }
    }

    pub(crate) fn values(&self) -> &[u8; 32] {
        &self.values
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// What a block is stored under while its source has this generation. The material is all that its pixels depend on
/// besides: the identity of the source, the parameters, bands, type, shape and cell, and the version of the decoders.
pub fn block(material: &[u8], generation: Generation, secret: Option<&Secret>) -> Digest {
    let mut fields = Fields::new(BLOCK, secret);
    fields.bytes(material);
    fields.number(generation.counter);
    fields.number(generation.random);
    fields.digest()
}

/// What the generation of a source is stored under.
pub fn source(identity: &str, secret: Option<&Secret>) -> Digest {
    let mut fields = Fields::new(SOURCE, secret);
    fields.bytes(identity.as_bytes());
    fields.digest()
}

/// Fields one after the other, so that no two lists of them give the same bytes.
struct Fields(blake3::Hasher);

impl Fields {
    fn new(purpose: &str, secret: Option<&Secret>) -> Self {
        let mut fields = Self(match secret {
            Some(secret) => blake3::Hasher::new_keyed(&secret.keys),
            None => blake3::Hasher::new(),
        });
        fields.bytes(purpose.as_bytes());
        fields
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn digest(self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}
