//! The coverage-guided fuzzer: libFuzzer over the target that the variable `FUZZ_TARGET` names.
//! Started by `scripts/fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

mod targets;

static TARGET: OnceLock<targets::Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let target = targets::by_name(&name).expect("FUZZ_TARGET names a target");
        let _first = TARGET.set(target);
    },
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            (target.run)(data);
        }
    }
);
