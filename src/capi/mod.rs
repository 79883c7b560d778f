//! The C face: the whole ABI on one screen.
//!
//! Each exported function checks its arguments, calls the core and writes its outputs, all inside one
//! guard that lets nothing unwind. The header is generated from these files and their comments.

// The names are those of the header.
#![allow(non_camel_case_types)]
// The comments are written for readers of the header, who know what a pointer must be.
#![allow(clippy::missing_safety_doc, rustdoc::broken_intra_doc_links)]
// C has no structs by value here, so that signatures stay callable from every language.
#![allow(clippy::too_many_arguments)]

mod args;
mod array;
mod beside;
mod build;
mod cache;
mod callback;
mod chain;
mod chain_auto;
mod compute;
mod display;
mod fork;
mod format;
mod georef;
mod georef_given;
mod georef_told;
mod guard;
mod handle;
mod heights;
mod image;
mod inputs;
mod levels;
mod library;
mod log;
mod mosaic;
mod operator;
mod pass;
mod pixel_stats;
mod prefetch;
mod progress;
mod provider;
mod reader;
mod report;
mod source;
mod status;
mod tier;
mod tier_table;
mod tile;
mod transform;
mod types;
mod warp;

pub use build::{
    tc_build_compression, tc_build_flags, tc_build_layout, tc_build_options, tc_build_predictor,
    tc_build_pyramid,
};
pub use cache::{
    tc_cache, tc_cache_flags, tc_cache_options, tc_cache_stats, tc_clear, tc_create, tc_get,
    tc_peek, tc_put, tc_release, tc_remove, tc_retain, tc_set_budget, tc_set_share, tc_statistics,
    tc_trim,
};
pub use chain::{
    tc_chain, tc_chain_about, tc_chain_apply, tc_chain_compose, tc_chain_flags, tc_chain_info,
    tc_chain_parse, tc_chain_release, tc_chain_resolve, tc_chain_retain, tc_chain_text,
};
pub use chain_auto::{tc_chain_auto, tc_chain_why};
pub use compute::{
    provider_compute, tc_border, tc_compute_flags, tc_compute_fn, tc_compute_options, tc_input,
    tc_input_flags, tc_place,
};
pub use display::{
    provider_convert, provider_display, provider_palette, tc_convert_flags, tc_convert_options,
    tc_rgba,
};
pub use format::{tc_format, tc_format_count, tc_format_flags, tc_format_info};
pub use georef::{
    provider_georef, provider_pixel_of, provider_place_of, provider_with_georef, tc_gcp, tc_georef,
    tc_georef_flags, tc_rpc,
};
pub use heights::{tc_heights_flags, tc_heights_options, tc_transform_rpc_heights};
pub use levels::{
    provider_downsample, provider_pyramid, tc_filter, tc_level_flags, tc_level_options,
};
pub use library::{
    TC_LIBRARY_VERSION, TC_LIBRARY_VERSION_MAJOR, TC_LIBRARY_VERSION_MINOR,
    TC_LIBRARY_VERSION_PATCH, tc_default_budget, tc_library_version, tc_memory_limit,
    tc_run_releases, tc_set_index_bytes, tc_set_open_files, tc_status_name,
};
pub use log::{tc_log, tc_log_event, tc_log_fn, tc_log_level};
pub use mosaic::{
    provider_mosaic, tc_mosaic_flags, tc_mosaic_options, tc_mosaic_part, tc_open_part_fn,
};
pub use operator::{
    provider_cached, provider_level, provider_map, provider_mask, provider_retile, tc_map_flags,
    tc_map_fn, tc_map_options, tc_retile_options,
};
pub use pass::{provider_pass, tc_pass_options, tc_pass_order, tc_pass_tile};
pub use pixel_stats::{
    provider_pixel_stats, tc_band_stats, tc_pixel_stats, tc_pixel_stats_about, tc_pixel_stats_band,
    tc_pixel_stats_histogram, tc_pixel_stats_info, tc_pixel_stats_percentile,
    tc_pixel_stats_release, tc_pixel_stats_retain, tc_sample_flags, tc_sample_options,
};
pub use prefetch::{provider_prefetch, tc_prefetch_options, tc_prefetched, tc_prefetched_fn};
pub use progress::tc_progress_fn;
pub use provider::{
    provider_band_info, provider_counters, provider_format, provider_get_block, provider_has_block,
    provider_info, provider_invalidate, provider_key, provider_metadata, provider_metadata_count,
    provider_metadata_name, provider_peek_block, provider_read_window, provider_release,
    provider_retain, tc_provider,
};
pub use reader::{
    provider_cancel, provider_reader, provider_request_block, tc_decoded_beneath, tc_done_fn,
    tc_load, tc_load_current, tc_load_is_cancelled, tc_load_release, tc_load_retain,
    tc_reader_flags, tc_reader_options,
};
pub use report::{provider_counters_json, tc_report, tc_statistics_json, tc_write_fn};
pub use source::{
    provider_from_memory, provider_from_source, provider_image_count, provider_image_count_io,
    provider_open, provider_open_io, tc_io, tc_level, tc_open_flags, tc_open_options, tc_source,
    tc_source_flags, tc_text, tc_threading,
};
pub use status::{tc_error, tc_status, tc_status_code};
pub use tier::{
    provider_invalidate_fleet, tc_flush_tier, tc_generation, tc_set_tier, tc_tier, tc_tier_account,
    tc_tier_answer, tc_tier_block, tc_tier_changed, tc_tier_confirmed, tc_tier_flags,
    tc_tier_is_wanted, tc_tier_link, tc_tier_link_release, tc_tier_outcome, tc_tier_room,
    tc_tier_state, tc_tier_statistics, tc_tier_stats, tc_tier_taken,
};
pub use tile::{tc_tile, tc_tile_copy, tc_tile_pixels, tc_tile_release, tc_tile_retain};
pub use transform::{
    tc_clone_fn, tc_tie_point, tc_transform, tc_transform_affine, tc_transform_callback,
    tc_transform_fn, tc_transform_points, tc_transform_polynomial, tc_transform_release,
    tc_transform_retain, tc_transform_rpc, tc_transform_spline,
};
pub use types::{
    tc_band_code, tc_band_flags, tc_band_info, tc_colour, tc_colour_code, tc_dtype, tc_dtype_code,
    tc_image_flags, tc_image_info, tc_pixels, tc_pixels_flags, tc_release_fn, tc_target,
};
pub use warp::{provider_warp, tc_warp_flags, tc_warp_options};
