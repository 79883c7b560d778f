//! The header: C and C++ read it, and what it says of the options is what the library takes.

use std::path::Path;
use tilecache_s3::capi::tc_tier_s3_options;
use tilecache_tier_testing::{header, places};

#[test]
fn the_options_are_those_of_the_header() {
    let said = places!(tc_tier_s3_options:
        struct_size, flags, region, access_key, secret_key, session_token, secret, secret_bytes, validity_ms, get_ms,
        put_ms, purge_ms, wait_ms, compression, connections, reserved, value_bytes, queue_bytes, log, log_user,
    );
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/tilecache_s3.h");
    let calls = "tc_status (*f)(const char *, const tc_tier_s3_options *, tc_tier *, tc_error *) = tc_tier_s3;\n\
                 tc_status (*g)(const tc_tier *, tc_write_fn, void *, tc_error *) = tc_tier_s3_report;";
    header::check(
        &header,
        &said,
        calls,
        Path::new(env!("CARGO_TARGET_TMPDIR")),
    );
}
