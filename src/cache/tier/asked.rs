//! What one request asks other tiers: first for all blocks that it needs, then for the leases of those that are not
//! there. It makes the blocks whose leases it gets before it waits for those that other processes make, so that no two
//! processes wait for each other.

use super::asking::{Asking, Landing};
use super::block::TierBlock;
use super::identity::Identity;
use super::source::TierSource;
use super::ticket::{AskedFor, Ticket};
use super::{Link, may_ask};
use crate::cache::{Cache, Namespace};
use crate::error::Result;
use crate::image::{Bands, Block, Image};
use crate::in_flight::{Answer, BlockId, Miss, Outcome, ask};
use crate::load::nesting;
use crate::provider::{Provider, Request, Retention};
use crate::tile::Tile;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// What a request has asked other tiers for.
#[derive(Default)]
pub struct AskedOfTiers {
    /// How far it is with each block.
    steps: BTreeMap<BlockId, Step>,
    /// Answers that are still to come.
    coming: Vec<Coming>,
    /// Blocks that are to be made by this process, or are being made.
    to_make: Vec<Kept>,
    /// What came or was made stays until the request has got its tile.
    found: Vec<Tile>,
}

/// What is asked of a block next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Whether the tier has it.
    Get,
    /// For its lease.
    Lease,
    /// For what another process makes.
    Wait,
    /// Nothing more: also where an answer was out of date when it came.
    Over,
}

/// A question that is out.
struct Coming {
    /// Goes first: who waits no longer may still have got a lease, which goes with the block.
    answer: Answer,
    kept: Kept,
    /// When it is late.
    end: Instant,
    /// Whether it was this request that has asked.
    is_own: bool,
}

/// A block of a source, and where it is kept.
struct Kept {
    block_id: BlockId,
    namespace: Namespace,
    at: Block,
    provider: Arc<dyn Provider>,
    of: Block,
    source: Arc<TierSource>,
    link: Arc<Link>,
    material: Vec<u8>,
    /// Whether the request needs all bands, so that what it makes can be put.
    is_whole: bool,
    /// Whether this process may have got the lease for this request, which ends with it then.
    may_be_leased: bool,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.may_be_leased {
            self.source.end_lease(&self.material);
        }
    }
}

impl AskedOfTiers {
    /// Looks what blocks of a provider still need; true if there is nothing to wait for.
    pub fn look(
        &mut self,
        provider: &dyn Provider,
        blocks: &mut dyn Iterator<Item = Block>,
        bands: &Bands,
        request: &Request<'_>,
    ) -> bool {
        if !may_ask() {
            return true;
        }
        let mut asking = Asking::ask(request, self);
        blocks.for_each(|at| provider.ask(at, bands, &mut asking));
        let links = self.coming.iter().map(|it| &it.kept.link);
        let links: BTreeMap<*const Link, &Arc<Link>> =
            links.map(|link| (Arc::as_ptr(link), link)).collect();
        links.values().for_each(|link| link.tier.flush());
        self.coming.is_empty() && self.to_make.is_empty()
    }

    /// The answers that are still to come.
    pub fn coming(&self) -> impl Iterator<Item = &Answer> {
        self.coming.iter().map(|it| &it.answer)
    }

    /// Waits until the answers are there, and makes what is for this process to make.
    pub fn wait(&mut self, request: &Request<'_>) -> Result<()> {
        for coming in std::mem::take(&mut self.coming) {
            self.take_answer(coming, request)?;
        }
        for kept in std::mem::take(&mut self.to_make) {
            request.check_cancelled()?;
            // Where it fails, the request learns of it when it needs the block.
            self.found.extend(kept.make(request).ok());
        }
        Ok(())
    }

    fn take_answer(&mut self, coming: Coming, request: &Request<'_>) -> Result<()> {
        let outcome = coming.answer.wait(coming.end, request)?;
        let Coming {
            answer,
            mut kept,
            is_own,
            ..
        } = coming;
        drop(answer);
        let next = match &outcome {
            Outcome::Tile(tile) => {
                self.found.push(tile.clone());
                Step::Over
            }
            Outcome::Missed(Miss::Busy) => Step::Wait,
            // Which of the questions it was that another thread had sent, its answer tells.
            Outcome::Missed(Miss::Nothing) if kept.takes_leases() => Step::Lease,
            Outcome::Late | Outcome::Missed(Miss::Late) => {
                // Others that waited for the same answer have counted nothing.
                kept.link.counts.late.add(u64::from(is_own));
                if self.steps.get(&kept.block_id) == Some(&Step::Wait) {
                    kept.link.counts.leases_given_up.add(1);
                }
                Step::Over
            }
            Outcome::Missed(_) => Step::Over,
        };
        self.steps.insert(kept.block_id, next);
        match outcome {
            Outcome::Missed(Miss::Leased) => self.to_make.push(kept),
            // An answer that comes now may be a lease that nobody wants.
            Outcome::Late => (),
            Outcome::Tile(_) | Outcome::Missed(_) => kept.may_be_leased = false,
        }
        Ok(())
    }

    /// Asks for a block that is kept as it is, if it is stored.
    pub(super) fn ask_block(
        &mut self,
        landing: &Landing<'_>,
        image: &Image,
        bands: &Bands,
        request: &Request<'_>,
        is_stored: impl FnOnce() -> bool,
    ) {
        let Some(link) = landing.namespace.cache().and_then(Cache::tier) else {
            return;
        };
        let block_id = landing.namespace.block_id(landing.at);
        let step = self.steps.get(&block_id).copied().unwrap_or(Step::Get);
        let is_out = self.coming.iter().any(|it| it.kept.block_id == block_id);
        if step == Step::Over || is_out || request.retention() == Retention::Bypassed {
            return;
        }
        self.steps.insert(block_id, Step::Over);
        if image.sparse && !request.run(is_stored) {
            return;
        }
        let Some(source) = landing.namespace.tier_source() else {
            link.counts.unnamed.add(1);
            return;
        };
        let lineage = landing.namespace.lineage();
        let usable = source.usable();
        // Looks at the file, so only where the tier would be asked.
        let is_current =
            usable.is_none() || lineage.identity.get().is_some_and(Identity::is_current);
        let Some(generation) = usable.filter(|_| is_current) else {
            source.count_unusable(is_current);
            return;
        };
        let key = landing.source.key();
        let block = TierBlock::new(source, lineage, key, image, landing.of, generation);
        let (Ok(block), Some(namespace)) = (block, landing.namespace.in_cache()) else {
            return;
        };
        let kept = Kept {
            block_id,
            namespace,
            at: landing.at,
            provider: landing.source.clone(),
            of: landing.of,
            source: source.clone(),
            link: link.clone(),
            material: block.material.clone(),
            is_whole: bands.list().is_none() || image.bands_together,
            may_be_leased: false,
        };
        let is_loading = || kept.namespace.is_loading(kept.at, &Bands::ALL);
        if kept.is_whole && source.is_leased(&block.material) || is_loading() {
            // Another thread of this process makes it, or is about to: this one joins it there.
            self.to_make.push(kept);
            return;
        }
        self.steps.insert(block_id, step);
        self.send(kept, step, block, request);
    }

    fn send(&mut self, mut kept: Kept, step: Step, block: TierBlock, request: &Request<'_>) {
        kept.may_be_leased = step != Step::Get;
        let want = kept.namespace.want(kept.at, Bands::ALL);
        let otherwise = match step {
            Step::Lease | Step::Wait => Miss::GivenUp,
            Step::Get | Step::Over => Miss::Nothing,
        };
        let (answer, question) = ask(&want, otherwise, request);
        let most = match step {
            Step::Wait => kept.link.options.lease,
            _ => kept.link.options.get,
        };
        let end = Instant::now() + most;
        let is_own = question.is_some();
        if let Some(question) = question {
            let known = (&kept.source, &kept.link);
            let asked_for = match step {
                Step::Lease => AskedFor::Lease,
                Step::Wait => AskedFor::Other,
                Step::Get | Step::Over => AskedFor::Block,
            };
            let ticket = Ticket::new(
                question,
                known,
                block.clone(),
                (asked_for, end),
                (&kept.namespace, kept.at),
                request,
            );
            if let Some((ticket, back)) = ticket {
                answer.asked_by(back);
                let tier = &kept.link.tier;
                match step {
                    Step::Lease => tier.lease(&block, false, end, ticket),
                    Step::Wait => tier.lease(&block, true, end, ticket),
                    Step::Get | Step::Over => {
                        kept.link.counts.gets.add(1);
                        tier.get(&block, end, ticket);
                    }
                }
            }
        }
        self.coming.push(Coming {
            answer,
            kept,
            end,
            is_own,
        });
    }

    /// Waits until blocks of a provider need nothing more of other tiers. What came stays as long as the value.
    pub fn all(
        provider: &dyn Provider,
        blocks: impl Fn() -> Vec<Block>,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Self> {
        let mut asked = Self::default();
        if !may_ask() {
            return Ok(asked);
        }
        let blocks = blocks();
        while !asked.look(provider, &mut blocks.iter().copied(), bands, request) {
            asked.wait(request)?;
        }
        Ok(asked)
    }
}

impl Kept {
    /// Whether this process may get a lease: only whole blocks are put.
    fn takes_leases(&self) -> bool {
        self.is_whole && self.link.takes_leases()
    }

    /// Makes the block, as any request would that needs just that. The decode puts it, and the lease ends with that.
    fn make(&self, request: &Request<'_>) -> Result<Tile> {
        let provider = &self.provider;
        nesting::enter(provider.height(), || {
            self.namespace.get_or_load(
                self.at,
                &Bands::ALL,
                request,
                |claims| provider.claim(self.of, &Bands::ALL, claims),
                |bands, request| provider.get_block(self.of, bands, request),
            )
        })
    }
}
