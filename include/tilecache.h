/*
 * tilecache: any raster as a grid of read-only tiles, decoded once, under one byte budget.
 *
 * This file is the manual. It is generated from src/capi of the library; do not edit it.
 *
 * IN SHORT
 *   A provider is an image as a grid of blocks: a file, memory, callbacks, or an operator over another
 *   provider. A tile is decoded pixels with a handle that keeps them alive. A cache keeps tiles within
 *   a budget of bytes. This prints a sample of every tile of a file:
 *
 *     tc_cache *cache = NULL;
 *     tc_provider *file = NULL, *tiles = NULL;
 *     tc_image_info info = {.struct_size = sizeof info};
 *     tc_error err;
 *     tc_status status = tc_create(tc_default_budget(), NULL, &cache, &err);
 *     if (!status) status = provider_open("scene.tif", NULL, &file, &err);
 *     if (!status) status = provider_retile(file, NULL, cache, &tiles, &err);
 *     if (!status) status = provider_info(tiles, &info, &err);
 *     for (int64_t row = 0; !status && row < info.grid_rows; row++)
 *       for (int64_t col = 0; !status && col < info.grid_cols; col++) {
 *         tc_tile *tile;
 *         tc_pixels pixels;
 *         status = provider_get_block(tiles, row, col, 0, NULL, 0, &tile, &err);
 *         tc_tile_pixels(tile, &pixels);
 *         if (!status) printf("%d\n", *(const unsigned char *)pixels.data);
 *         tc_tile_release(tile);
 *       }
 *     if (status) fprintf(stderr, "%s: %s\n", tc_status_name(status), err.message);
 *     provider_release(tiles);
 *     provider_release(file);
 *     tc_release(cache);
 *
 * RESULT
 *   Every call that can fail returns a tc_status: 0 is success, anything else failure. Outputs are NULL
 *   or 0 until success. The last argument is a tc_error of yours that receives the details, or NULL.
 *   A NULL argument that must not be NULL is TC_E_ARGUMENT; the message names it. No other state
 *   remembers errors. A defect of the library is TC_E_INTERNAL; nothing unwinds into your code.
 *
 * HANDLES
 *   tc_cache, tc_provider and tc_tile are reference-counted. A call that gives you a handle gives you a
 *   reference; retain adds one, release gives one up and accepts NULL. Objects keep alive what they are
 *   made from, so handles may be released in any order. Own a reference while you call.
 *
 * STRINGS
 *   In: copied before the call returns; UTF-8 that is not empty, but paths are the system's own bytes.
 *   Out: borrowed, immutable, NUL-ended UTF-8, valid while you own the handle it came from.
 *
 * NUMBERS
 *   Columns, rows, sizes and strides are int64_t; strides are in bytes. Rows, columns, bands, levels and
 *   images count from 0. A negative number, where none is meant, is TC_E_RANGE.
 *
 * PIXELS
 *   Native byte order; complex samples as real part, imaginary part. Tiles are band after band, the samples
 *   of a row side by side; rows and bands may lie apart, see tc_pixels. Memory of yours may have any
 *   strides; see tc_target.
 *
 * BANDS
 *   A pointer and a count. NULL and 0 are all bands in order; NULL with a count, and a pointer with 0,
 *   are TC_E_ARGUMENT. Lists may have any order and repeats, and at most 65536 numbers.
 *
 * STRUCTS
 *   Size-led structs begin with struct_size, which you set to sizeof the struct (not of a pointer to it).
 *   All other members may be 0, which is their default. The sizes of version 0.1.0 are the least ones for
 *   good. A shorter struct, from the header of an earlier version, has defaults for the rest; a longer
 *   one, from a newer header, must be 0 in what the library does not know. Any other size, as one below
 *   that of 0.1.0 or within a member, is TC_E_ARGUMENT. All other structs are frozen. Enumerations and
 *   flags travel as plain integers and are checked. Without a warning of any compiler, in C:
 *     tc_image_info info = {.struct_size = sizeof info};
 *   and in C++:
 *     tc_image_info info = {};
 *     info.struct_size = sizeof info;
 *
 * THREADS
 *   Every function may be called from any thread at any time, also on the same objects. The library
 *   holds no lock while your callbacks run, and starts no threads but for provider_request_block and where
 *   an option says how many. One thread decodes a block; others that need it decode other blocks meanwhile, those too that its load
 *   needs, or wait for it. Who must not wait, such as an event loop, calls provider_try_block, which
 *   gives a tile that is in the cache or TC_E_NOT_RESIDENT, and then provider_request_block.
 *
 * CALLBACKS
 *   Run inside a call of yours, on its thread, and may be called on several threads at once unless they
 *   declare otherwise. What one callback asks for may be made by any thread that waits for its load, so
 *   the thread does not tell on whose behalf a callback is called. Callbacks may call the library, but
 *   not wait for themselves: one that asks for the block that it is making, or for one whose load waits
 *   for it, by whatever detour, gets TC_E_REENTRANT. So does another thread that asks on its behalf
 *   through a reader which was given the load, see tc_load_current; without that it may wait for ever,
 *   until it is cancelled. Release callbacks may only call release functions, and can be put off, see
 *   tc_run_releases. No callback may throw, unwind or longjmp.
 *
 * STACK
 *   At most 128 providers stand one upon another, and a thread goes through at most 128 at a time, those
 *   that callbacks ask for on it counted together with those over them: more is TC_E_LIMIT, from the call
 *   that makes the provider, or from the one that the callback makes. For that the library needs at most
 *   2 MiB of the stack of a thread that calls it, a build without optimisation too, and callbacks need
 *   theirs beside it; the 8 MiB that are usual leave them 6. Threads of the library have 8 MiB.
 *   A thread must not be cancelled by pthread_cancel while it is inside a call, in a callback or not: the
 *   process may end at once, for nothing unwinds through the library. Forbid it meanwhile by
 *   pthread_setcancelstate.
 *
 * FORK
 *   After fork without exec, the child may make handles and use them as ever. Those made before are its
 *   parent's: calls refuse caches, providers and loads with TC_E_ARGUMENT, releasing them does nothing, and
 *   tiles keep their pixels, but may not be retained. fork must not be called inside a callback.
 *
 * NAMES
 *   Functions begin with tc_ or provider_, types with tc_, constants with TC_. Calling the library takes
 *   no macros and no inline functions.
 */


#ifndef TILECACHE_H
#define TILECACHE_H

#include <stddef.h>
#include <stdint.h>

/**
 * Version of this header, major part.
 */
#define TC_LIBRARY_VERSION_MAJOR 0

/**
 * Version of this header, minor part.
 */
#define TC_LIBRARY_VERSION_MINOR 1

/**
 * Version of this header, patch part.
 */
#define TC_LIBRARY_VERSION_PATCH 0

/**
 * Version of this header as one number, to be compared with tc_library_version().
 */
#define TC_LIBRARY_VERSION (((TC_LIBRARY_VERSION_MAJOR << 16) | (TC_LIBRARY_VERSION_MINOR << 8)) | TC_LIBRARY_VERSION_PATCH)

/**
 * The values of tc_status.
 */
typedef enum tc_status_code {
  /**
   * Success.
   */
  TC_OK = 0,
  /**
   * An argument is missing, contradicts another one, or is not one of the accepted values.
   */
  TC_E_ARGUMENT = 1,
  /**
   * A row, column, level, band or size is negative or lies outside what the image has.
   */
  TC_E_RANGE = 2,
  /**
   * There is no such file or image.
   */
  TC_E_NOT_FOUND = 3,
  /**
   * The tile is not in the cache, and the call does not load it.
   */
  TC_E_NOT_RESIDENT = 4,
  /**
   * The request was cancelled, by provider_cancel.
   */
  TC_E_CANCELLED = 5,
  /**
   * The request would have to wait for itself, such as a callback that asks its own provider for
   * the block it is reading.
   */
  TC_E_REENTRANT = 6,
  /**
   * Memory for pixels could not be had.
   */
  TC_E_NO_MEMORY = 7,
  /**
   * A size exceeds what the library accepts.
   */
  TC_E_LIMIT = 8,
  /**
   * The system failed to read.
   */
  TC_E_IO = 9,
  /**
   * The file contradicts its own format.
   */
  TC_E_CORRUPT = 10,
  /**
   * The file is valid but uses a feature that the library does not read.
   */
  TC_E_UNSUPPORTED = 11,
  /**
   * The file changed while it was read.
   */
  TC_E_CHANGED = 12,
  /**
   * A callback failed; tc_error.source_code is its own code.
   */
  TC_E_SOURCE = 13,
  /**
   * A defect of the library. The objects stay usable.
   */
  TC_E_INTERNAL = 14,
  /**
   * A store that other machines share cannot be reached.
   */
  TC_E_UNREACHABLE = 15,
} tc_status_code;

/**
 * The values of tc_dtype. Samples are in native byte order; complex ones as real part, imaginary part.
 */
typedef enum tc_dtype_code {
  /**
   * uint8_t
   */
  TC_U8 = 1,
  /**
   * int8_t
   */
  TC_I8 = 2,
  /**
   * uint16_t
   */
  TC_U16 = 3,
  /**
   * int16_t
   */
  TC_I16 = 4,
  /**
   * uint32_t
   */
  TC_U32 = 5,
  /**
   * int32_t
   */
  TC_I32 = 6,
  /**
   * uint64_t
   */
  TC_U64 = 7,
  /**
   * int64_t
   */
  TC_I64 = 8,
  /**
   * float (9 is kept for 16-bit floats)
   */
  TC_F32 = 10,
  /**
   * double
   */
  TC_F64 = 11,
  /**
   * int16_t[2], complex
   */
  TC_CI16 = 20,
  /**
   * int32_t[2], complex
   */
  TC_CI32 = 21,
  /**
   * float[2], complex
   */
  TC_CF32 = 22,
  /**
   * double[2], complex
   */
  TC_CF64 = 23,
} tc_dtype_code;

/**
 * The values of tc_colour.
 */
typedef enum tc_colour_code {
  /**
   * Unknown.
   */
  TC_COLOUR_UNDEFINED = 0,
  /**
   * Brightness.
   */
  TC_COLOUR_GRAY = 1,
  /**
   * Indices into a palette.
   */
  TC_COLOUR_PALETTE = 2,
  /**
   * Red.
   */
  TC_COLOUR_RED = 3,
  /**
   * Green.
   */
  TC_COLOUR_GREEN = 4,
  /**
   * Blue.
   */
  TC_COLOUR_BLUE = 5,
  /**
   * Opacity.
   */
  TC_COLOUR_ALPHA = 6,
  /**
   * Cyan.
   */
  TC_COLOUR_CYAN = 7,
  /**
   * Magenta.
   */
  TC_COLOUR_MAGENTA = 8,
  /**
   * Yellow.
   */
  TC_COLOUR_YELLOW = 9,
  /**
   * Black.
   */
  TC_COLOUR_BLACK = 10,
  /**
   * Luma of YCbCr.
   */
  TC_COLOUR_LUMA = 11,
  /**
   * Blue difference of YCbCr.
   */
  TC_COLOUR_CB = 12,
  /**
   * Red difference of YCbCr.
   */
  TC_COLOUR_CR = 13,
} tc_colour_code;

/**
 * The bits of tc_image_info.flags.
 */
typedef enum tc_image_flags {
  /**
   * All bands have the same nodata value, and `nodata` is it.
   */
  TC_IMAGE_HAS_NODATA = 1,
  /**
   * A subset of the bands is read no faster than all of them, which are kept together. Of TIFFs of 32 bands or more up
   * to an eighth of the bands are loaded and kept alone all the same, until others of the same block are asked
   * for while those are in the cache and all bands of what is there would fit.
   */
  TC_IMAGE_BANDS_TOGETHER = 2,
  /**
   * Blocks may be absent; see provider_has_block. Of a TIFF whose tables of blocks take more than 64 KiB
   * this is not looked for, so that opening it costs little.
   */
  TC_IMAGE_SPARSE = 4,
  /**
   * Part of a block is cheaper than the block.
   */
  TC_IMAGE_WINDOWED = 8,
  /**
   * The source brings a mask of its own; see provider_mask.
   */
  TC_IMAGE_HAS_MASK = 16,
  /**
   * Blocks at the right and bottom edge are filled up with pad to full size.
   */
  TC_IMAGE_PADDED = 32,
  /**
   * For provider_from_memory: the release function is not called when the last tile goes, but by
   * tc_run_releases. Never reported.
   */
  TC_IMAGE_DEFER_RELEASE = 64,
} tc_image_flags;

/**
 * The bits of tc_band_info.flags.
 */
typedef enum tc_band_flags {
  /**
   * `nodata` is set.
   */
  TC_BAND_HAS_NODATA = 1,
} tc_band_flags;

/**
 * The bits of tc_pixels.flags.
 */
typedef enum tc_pixels_flags {
  /**
   * Nothing was stored here; all pixels are pad.
   */
  TC_PIXELS_ABSENT = 1,
  /**
   * For tc_put: the release function is not called when the last tile goes, but by tc_run_releases.
   */
  TC_PIXELS_DEFER_RELEASE = 2,
  /**
   * For tc_put: memory that you lend takes room in the budget like that of the library, so that the
   * tile goes, and the release function is called, when its turn comes. Without it what you lend takes
   * no room, whatever its size.
   */
  TC_PIXELS_COUNTED = 4,
} tc_pixels_flags;

/**
 * Special values in the band list of tc_tile_copy and provider_read_window.
 */
typedef enum tc_band_code {
  /**
   * No band of the image, but opaque alpha: the type's maximum, 1.0 for floats.
   */
  TC_BAND_OPAQUE = -1,
} tc_band_code;

/**
 * How the callbacks of a source may be called; the values of tc_source.threading.
 */
typedef enum tc_threading {
  /**
   * Several at once, from any threads.
   */
  TC_CONCURRENT = 1,
  /**
   * One at a time, from any threads.
   */
  TC_ONE_AT_A_TIME = 2,
  /**
   * Several at once, each with a session of its own that no other call uses meanwhile.
   */
  TC_SESSIONS = 3,
} tc_threading;

/**
 * The bits of tc_open_options.flags.
 */
typedef enum tc_open_flags {
  /**
   * The file alone: nothing that lies beside it is looked for.
   */
  TC_OPEN_ALONE = 1,
  /**
   * What a text TC:WARNING:1 would tell (provider_metadata) is an error instead, TC_E_CORRUPT: files that are damaged
   * such that their pixels can be read all the same, and damaged files beside them. Damage that no pixel or text of
   * the image depends on, such as in directories behind it, is not looked for.
   */
  TC_OPEN_STRICT = 2,
  /**
   * The identity of the file on all machines is computed, where fleet_id is NULL: of its size and of its first and last
   * 64 KiB, by SHA-256. So it has one wherever its copies lie. A file of which only pixels between those were rewritten has
   * the same: then call provider_invalidate_fleet, or give a fleet_id that changes. A file with others beside it that
   * change what is read has none.
   */
  TC_OPEN_FLEET_DIGEST = 4,
  /**
   * You know that nobody changes the file as long as the provider or a tile of it is there. provider_open then looks at
   * uncompressed pixels of TIFF and NITF where they lie in the system's own copy of the file (mmap): tiles of one band,
   * and of bands that are stored apart, are views of it, without a copy and without memory of the budget but
   * their bookkeeping, where their samples are aligned and in native byte order and their rows lie at one distance, as
   * those of a block do and those of strips that follow each other; other uncompressed pixels go from
   * there to tiles and windows in one step.
   *
   * **If the file becomes shorter all the same, the process gets SIGBUS** at the next look at pixels that are gone, and
   * where it is written into, tiles change. So this is for files that are known to stay, and never
   * for what others may upload or replace in place; a file renamed over stays. A change that shows in size or times
   * before a tile is asked for still gives TC_E_CHANGED.
   *
   * The rows of a view, or of a window, come into memory together, with what lies between them: in files that were not read
   * before, windows that are narrow and high beside an image of much wider rows read more of the disk than without it.
   *
   * All pixels are as without it. What is mapped stays so until the last of provider and tiles has gone. Where tiles may be
   * views the key says so, lest openings without this flag get them. Files that cannot be mapped, and everything
   * compressed, are read as without it. With provider_open_io and for files beside the one that is opened it
   * means nothing.
   */
  TC_OPEN_MAPPED = 8,
  /**
   * Colours as GDAL shows them: samples of 8 bits in a TIFF that are CMYK (photometric interpretation 5 of TIFF 6.0, with
   * ink set 1) or CIE L*a*b* (8, three bands) come as red, green and blue, three bands of TC_U8, bit by bit as from libtiff
   * 4.5 and GDAL 3.6: (255 - ink) * (255 - black) / 255, cut to a whole number, and L*a*b* as on a screen with the primaries
   * of sRGB, seen in the white point of the file, or in D50. GDAL's fourth band, which is 255 everywhere, is left out, and so
   * are bands behind the inks; the text SOURCE_COLOR_SPACE (provider_metadata) says "CMYK" or "CIELAB". The colour profile of
   * the file (ICC) is not used. Pixels stay where they are, whatever the file says of its orientation (tag 274), by which GDAL
   * turns each strip or tile of such a file alone.
   *
   * What GDAL shows as it is stored stays so: 16 bits, other sets of inks, ICC L*a*b* (9) and ITU L*a*b* (10), L*a*b* with
   * more bands. YCbCr, and inks in JPEG files, come as red, green and blue with this flag and without it. Overviews beside
   * the file (`.ovr`) may be in its colours, or in red, green and blue as those that GDAL makes, which are left out without
   * the flag. Overviews within the file that are in other colours are images of their own (tc_open_options.image), and with
   * the flag levels too, where the file has none of that level in its own. Those that GDAL makes within such a file have no block:
   * they are left out with a warning (the text TC:WARNING:1). The key says so where anything is converted. A decode takes
   * the bytes of the stored samples beside its pixels.
   */
  TC_OPEN_RGB = 16,
} tc_open_flags;

/**
 * The bits of tc_source.flags.
 */
typedef enum tc_source_flags {
  /**
   * The callbacks can read some of the bands, in any order. Without it they are always asked for all
   * bands in order, and `bands` is NULL.
   */
  TC_SOURCE_BANDS = 1,
} tc_source_flags;

/**
 * The bits of tc_format.flags: what is read of a format, where the file allows it.
 */
typedef enum tc_format_flags {
  /**
   * Files may hold several images; see provider_image_count.
   */
  TC_FORMAT_IMAGES = 1,
  /**
   * Resolution levels.
   */
  TC_FORMAT_LEVELS = 2,
  /**
   * Parts of a block for less than the block; see TC_IMAGE_WINDOWED.
   */
  TC_FORMAT_WINDOWS = 4,
  /**
   * Several threads decode at once.
   */
  TC_FORMAT_CONCURRENT = 8,
  /**
   * Some of the bands for less than all; see TC_IMAGE_BANDS_TOGETHER.
   */
  TC_FORMAT_BANDS = 16,
  /**
   * Absent blocks; see provider_has_block.
   */
  TC_FORMAT_SPARSE = 32,
  /**
   * Masks beside the pixels; see provider_mask.
   */
  TC_FORMAT_MASKS = 64,
  /**
   * What places the image on the ground; see provider_georef.
   */
  TC_FORMAT_GEOREFERENCE = 128,
  /**
   * Bytes of yours; see provider_open_io.
   */
  TC_FORMAT_IO = 256,
} tc_format_flags;

/**
 * The bits of tc_reader_options.flags.
 */
typedef enum tc_reader_flags {
  /**
   * For reading once through an image without pushing out of the cache what others use. What this reader
   * loads, tiles and the blocks beneath them, is kept, but is the first to be evicted; what it finds
   * in the cache is handed out without counting as a use, so that it goes no later for it. At any
   * time the reader has made at most one tile of others give way.
   */
  TC_READ_STREAMING = 1,
  /**
   * What is loaded is not kept at all; what is found is used. For a pass over what fits no cache.
   */
  TC_READ_BYPASS = 2,
  /**
   * `fill` is set.
   */
  TC_READ_FILL = 4,
} tc_reader_flags;

/**
 * The order of a pass: tc_pass_options.order.
 */
typedef enum tc_pass_order {
  /**
   * All tiles of the level row by row, from left to right.
   */
  TC_PASS_ROWS = 1,
  /**
   * All tiles of the level column by column, from the top down.
   */
  TC_PASS_COLUMNS = 2,
  /**
   * All tiles of the level along Hilbert's curve through the smallest square of a power of two that holds its rows and
   * columns. The curve goes from (0, 0) to the right first and ends in column 0 of the square's last row; what is
   * outside the image is passed over.
   */
  TC_PASS_HILBERT = 3,
  /**
   * The tiles in `tiles`.
   */
  TC_PASS_LIST = 4,
} tc_pass_order;

/**
 * The bits of tc_cache_options.flags.
 */
typedef enum tc_cache_flags {
  /**
   * Evict first what a copy can restore. Without this flag the least recently used tile goes, whatever
   * it took to make it. With it, a tile of provider_retile goes before all other used tiles as long as
   * every block that it was stitched from is in this cache too, for it can be stitched again without a
   * decode. Among themselves these tiles go in the order of their last uses, and so do all others. For a
   * cache that keeps the blocks of a file and the tiles made of them (provider_cached under
   * provider_retile).
   */
  TC_CACHE_CHEAP_FIRST = 1,
  /**
   * Tiles that were used at one time only go before those that are used again and again, as long as they
   * take more than a tenth of the budget, and after those otherwise, each kind in the order of its
   * uses. For servers and programs in which somebody reads much once beside what all ask for: a sweep
   * over any number of tiles then leaves the others where they are. Two uses count as one where fewer misses
   * lie between them, of all caches together, than a twentieth of the number of the cache's tiles. A tile that
   * is asked for again soon after it was evicted counts as used again. The cache learns of uses when
   * the turn of a tile to go comes, so a hit costs what it does without. Held, unread and guaranteed
   * tiles, shares and readers that pass by are treated as they are without it. After S3-FIFO (Yang and
   * others, "FIFO queues are all you need for cache eviction", SOSP 2023).
   */
  TC_CACHE_FREQUENCY = 2,
  /**
   * What is asked of the cache is noted, so that tc_report and tc_statistics_json can advise: which budget would end
   * that blocks are decoded again and again, or would do as well. What a tile is made from is noted when it is first
   * asked for; of many images a sample of blocks. That takes at most about 16 MiB beside the budget, see
   * `observation` of tc_cache_stats, and hits of tiles that are noted take a lock and go the way of a miss; without
   * the flag a hit costs what it costs.
   */
  TC_CACHE_OBSERVE = 4,
} tc_cache_flags;

/**
 * The bits of tc_map_options.flags.
 */
typedef enum tc_map_flags {
  /**
   * `pad` is the pad value of the output.
   */
  TC_MAP_HAS_PAD = 1,
  /**
   * The output does not have the colours and nodata values of the source.
   */
  TC_MAP_DROP_BANDS = 2,
  /**
   * It does not have its texts.
   */
  TC_MAP_DROP_TEXTS = 4,
  /**
   * Nor what provider_mask says of it: the mask of the output is what its own bands say.
   */
  TC_MAP_DROP_MASK = 8,
  /**
   * Nor where it lies on the ground.
   */
  TC_MAP_DROP_GEOREF = 16,
} tc_map_flags;

/**
 * What lies beyond the edge of an input.
 */
typedef enum tc_border {
  /**
   * The pad value of the input.
   */
  TC_BORDER_PAD = 0,
  /**
   * The nearest pixel of the input.
   */
  TC_BORDER_NEAREST = 1,
  /**
   * The input mirrored at its edge: the pixel at the edge comes twice.
   */
  TC_BORDER_MIRRORED = 2,
} tc_border;

/**
 * The bits of tc_input.flags. They say which pixels are given; these arrive as they lie in the input, and it is
 * for the function to turn them. An output that is flipped along a side must be as long there as all of the input
 * makes it, at each level. What is flipped is the scaled input: of n columns for one, the first column of the
 * output has what is left over at the last ones.
 */
typedef enum tc_input_flags {
  /**
   * Columns of the output are rows of the input.
   */
  TC_INPUT_TRANSPOSED = 1,
  /**
   * The first column of the output comes from the last column of the input (row, if it is transposed).
   */
  TC_INPUT_FLIPPED_X = 2,
  /**
   * The first row of the output comes from the last row of the input (column, if it is transposed).
   */
  TC_INPUT_FLIPPED_Y = 4,
} tc_input_flags;

/**
 * The bits of tc_compute_options.flags: what the output has of its first input.
 */
typedef enum tc_compute_flags {
  /**
   * Colours and nodata values of the bands that are given, of which there must be as many as the output
   * has, of the same type.
   */
  TC_COMPUTE_KEEP_BANDS = 1,
  /**
   * Names and texts: those of the image, and those of the bands that are given if the output has as many; but no
   * STATISTICS_..., which speak of other pixels.
   */
  TC_COMPUTE_KEEP_TEXTS = 2,
  /**
   * What provider_mask says of it, by a mask, alpha or nodata. The input must be neither turned nor scaled, and
   * the output of its size.
   */
  TC_COMPUTE_KEEP_MASK = 4,
  /**
   * A block is absent, and reads as the pad value of the output, where of all that its inputs name nothing is
   * stored. `compute` is not called for it. Without this flag no block is absent.
   */
  TC_COMPUTE_SPARSE = 8,
  /**
   * Where it lies on the ground, see provider_georef: where the pixels lie that the input names, turned and scaled
   * as it says. Nothing is kept if nothing is known of the input.
   */
  TC_COMPUTE_KEEP_GEOREF = 16,
} tc_compute_flags;

/**
 * The bits of tc_mosaic_options.flags.
 */
typedef enum tc_mosaic_flags {
  /**
   * The parts can read some of their bands for less than all of them, so that blocks are made of the bands asked
   * for alone. Without it they are always made of all bands.
   */
  TC_MOSAIC_BANDS = 1,
} tc_mosaic_flags;

/**
 * How several pixels become one: tc_level_options.filter.
 *
 * Weights are for a half; for other ratios the kernels are as wide as the ratio is large, and average and rms take parts
 * of pixels. Taps beyond the image are left out and the rest is normalised. A pixel that is not data counts for
 * nothing, and alpha multiplies the weights of the other bands, for it is taken as straight. provider_downsample says
 * what data is.
 */
typedef enum tc_filter {
  /**
   * The first pixel of those that one stands for: of a half (2x, 2y).
   */
  TC_FILTER_NEAREST = 1,
  /**
   * The mean. 1 1.
   */
  TC_FILTER_AVERAGE = 2,
  /**
   * A triangle. 1 3 3 1.
   */
  TC_FILTER_BILINEAR = 3,
  /**
   * The cubic convolution of Keys, a = -0.5. -3 -9 29 111 111 29 -9 -3.
   */
  TC_FILTER_CUBIC = 4,
  /**
   * Lanczos of three lobes, 12 taps.
   */
  TC_FILTER_LANCZOS = 5,
  /**
   * A bell. 1 5 10 10 5 1.
   */
  TC_FILTER_GAUSS = 6,
  /**
   * The most frequent value; of several the one that is there so often first, row by row.
   */
  TC_FILTER_MODE = 7,
  /**
   * The least value.
   */
  TC_FILTER_MIN = 8,
  /**
   * The greatest value.
   */
  TC_FILTER_MAX = 9,
  /**
   * The middle value, of two the lower one.
   */
  TC_FILTER_MEDIAN = 10,
  /**
   * The root of the mean square.
   */
  TC_FILTER_RMS = 11,
  /**
   * The pyramid of SIPS (NGA.STND.0014, 2.2): 7 x 7 taps, then 4 x 4, each stage rounded to even and clamped to the
   * significant bits, the image mirrored at its edges. Makes halves only.
   */
  TC_FILTER_SIPS = 12,
} tc_filter;

/**
 * The bits of tc_level_options.flags.
 */
typedef enum tc_level_flags {
  /**
   * Levels that the source has are computed too, from its level 0.
   */
  TC_LEVEL_NO_NATIVE = 1,
} tc_level_flags;

/**
 * The bits of tc_warp_options.flags.
 */
typedef enum tc_warp_flags {
  /**
   * Every pixel is transformed, and none interpolated between the corners of its cell.
   */
  TC_WARP_EXACT = 1,
  /**
   * source_level is read for all pixels, also if it is 0.
   */
  TC_WARP_FIXED_LEVEL = 2,
} tc_warp_flags;

/**
 * The bits of tc_heights_options.flags.
 */
typedef enum tc_heights_flags {
  /**
   * transform is set.
   */
  TC_HEIGHTS_HAS_TRANSFORM = 1,
  /**
   * missing is set.
   */
  TC_HEIGHTS_HAS_MISSING = 2,
} tc_heights_flags;

/**
 * The bits of tc_georef.flags.
 */
typedef enum tc_georef_flags {
  /**
   * `transform` is set.
   */
  TC_GEOREF_HAS_TRANSFORM = 1,
  /**
   * A pixel is a measurement at its centre (AREA_OR_POINT=Point) rather than one of its area. `transform` and
   * `gcps` count from the corners of pixels all the same.
   */
  TC_GEOREF_PIXEL_IS_POINT = 2,
  /**
   * Output: the source has codes alone, and `wkt` is what the register of the library has under them. Input: `wkt` is
   * not looked at if there is a code, so that what was told may be given.
   */
  TC_GEOREF_WKT_OF_CODES = 4,
} tc_georef_flags;

/**
 * The bits of tc_sample_options.flags and of tc_pixel_stats_about.flags.
 */
typedef enum tc_sample_flags {
  /**
   * Only windows of 256 x 256 pixels are looked at, in the middle of each of 8 x 8 equal parts of the level, or all of
   * a part that is smaller. Part n along a side of N pixels begins at n N / 8, rounded down, and a window begins at
   * half of what its part is longer, rounded down. So they do not depend on the blocks of the image.
   */
  TC_SAMPLE_WINDOWS = 1,
  /**
   * Percentiles of types of 32 and 64 bits are made exact, those that `percents` names, by a second pass over the same
   * pixels, and by further ones where the values of many percentiles lie close together. The others are exact
   * anyway.
   */
  TC_SAMPLE_EXACT = 2,
  /**
   * Complex samples count by their power, re^2 + im^2; without this flag by their magnitude, the root of it. Both in
   * double.
   */
  TC_SAMPLE_POWER = 4,
  /**
   * Minimum, maximum, mean and deviation are those that stand in the file or beside it (STATISTICS_MINIMUM,
   * STATISTICS_MAXIMUM, STATISTICS_MEAN and STATISTICS_STDDEV of GDAL, see provider_metadata), if all four do for
   * each band, of a real type, and level is 0; else they are computed. Those that are marked by
   * STATISTICS_APPROXIMATE are taken with TC_SAMPLE_WINDOWS only. Without this flag nobody else's numbers are
   * taken.
   */
  TC_SAMPLE_STORED = 8,
} tc_sample_flags;

/**
 * The bits of tc_chain_about.flags.
 */
typedef enum tc_chain_flags {
  /**
   * All constants are in the text: it can be applied, and put on a provider.
   */
  TC_CHAIN_RESOLVED = 1,
  /**
   * To resolve it, tc_chain_resolve needs statistics; else what the provider tells will do.
   */
  TC_CHAIN_NEEDS_STATS = 2,
  /**
   * The last band of the output is opacity.
   */
  TC_CHAIN_ALPHA = 4,
} tc_chain_flags;

/**
 * The bits of tc_convert_options.flags.
 */
typedef enum tc_convert_flags {
  /**
   * Percentiles give the same limits for all bands: the least low and the greatest high.
   */
  TC_CONVERT_COMMON = 1,
  /**
   * The lowest values become the highest ones of the output.
   */
  TC_CONVERT_INVERT = 2,
  /**
   * One more band says where the image is data, as the step `alpha` of a chain does.
   */
  TC_CONVERT_ALPHA = 4,
} tc_convert_flags;

/**
 * How levels lie in files: tc_build_options.layout.
 */
typedef enum tc_build_layout {
  /**
   * A tiled GeoTIFF with its overviews, the full image first.
   */
  TC_BUILD_TILED = 1,
  /**
   * The same as a cloud-optimised GeoTIFF, as GDAL's driver COG lays it out: directories before tiles, the tiles of
   * the smallest level first, each in a frame of its length and its last bytes, followed by that of its mask.
   */
  TC_BUILD_COG = 2,
  /**
   * The overviews alone, and their masks. Beside a file its readers look for them under its name with `.ovr` behind it.
   * Of a mask that lies in a file of its own (`.msk`) GDAL takes overviews beside that (`.msk.ovr`): those of
   * provider_mask with TC_FILTER_MAX.
   */
  TC_BUILD_OVERVIEWS = 3,
} tc_build_layout;

/**
 * How tiles are compressed: tc_build_options.compression.
 */
typedef enum tc_build_compression {
  /**
   * Zlib streams.
   */
  TC_BUILD_DEFLATE = 1,
  /**
   * Not at all.
   */
  TC_BUILD_PLAIN = 2,
  /**
   * Zstandard frames.
   */
  TC_BUILD_ZSTD = 3,
  /**
   * LZW.
   */
  TC_BUILD_LZW = 4,
  /**
   * JPEG, of bands of u8 without a palette: 1 to 4 in one picture, more each in its own, so that a COG, which has all in
   * one, has 4 at most. Red, green and blue alone are stored as luma and chroma, with half
   * the columns and rows of the latter (4:2:0). Levels are made of the pixels of the source, not of what JPEG leaves of them.
   */
  TC_BUILD_JPEG = 5,
} tc_build_compression;

/**
 * What is stored instead of samples, so that they compress better: tc_build_options.predictor.
 */
typedef enum tc_build_predictor {
  /**
   * The samples themselves.
   */
  TC_BUILD_SAMPLES = 1,
  /**
   * Differences to the pixel on the left. Of real types.
   */
  TC_BUILD_DIFFERENCES = 2,
  /**
   * Differences of the bytes of floats, sorted by significance. Of f32 and f64.
   */
  TC_BUILD_FLOATS = 3,
} tc_build_predictor;

/**
 * The bits of tc_build_options.flags.
 */
typedef enum tc_build_flags {
  /**
   * Levels that the source has are computed too, from its level 0.
   */
  TC_BUILD_NO_NATIVE = 1,
  /**
   * BigTIFF, whose offsets have 64 bits.
   */
  TC_BUILD_BIG = 2,
  /**
   * Offsets of 32 bits; a file that outgrows them fails with TC_E_LIMIT.
   */
  TC_BUILD_SMALL = 4,
  /**
   * The call does not wait until the file is on the disk. It is whole all the same after a process was killed, but not if
   * the machine fails before the system has written it.
   */
  TC_BUILD_NO_SYNC = 8,
} tc_build_flags;

/**
 * How much a message of a log matters; the values of tc_log.level and of the level that a tc_log_fn is given.
 */
typedef enum tc_log_level {
  /**
   * A call fails because of it, as a strict opening because of each thing that is wrong with the file.
   */
  TC_LOG_ERROR = 1,
  /**
   * Something is not as it should be and is put up with: damage that is read over, slow loads, files that changed.
   */
  TC_LOG_WARNING = 2,
  /**
   * What explains something that one may wonder about: failed loads, tiles that found no room, what went because
   * a budget, a share or tc_trim asked for it.
   */
  TC_LOG_INFO = 3,
  /**
   * What happens all the time: what went to make room for the next tile.
   */
  TC_LOG_DEBUG = 4,
} tc_log_level;

/**
 * What a message of a log is about; a number that you do not know is of a later version.
 */
typedef enum tc_log_event {
  /**
   * A file is damaged, or one beside it is or does not fit, and it is read all the same; with TC_OPEN_STRICT it is
   * not. What provider_metadata tells as TC:WARNING:1 and so on is among it.
   */
  TC_LOG_DAMAGE = 1,
  /**
   * A part of what a file, or one beside it, says of its place cannot be understood and is left out.
   */
  TC_LOG_GEOREFERENCE = 2,
  /**
   * A load took longer than tc_log.slow_ms; what it waited for counts.
   */
  TC_LOG_SLOW = 3,
  /**
   * A load failed; the text is that of the error.
   */
  TC_LOG_FAILED = 4,
  /**
   * A load failed because the file changed; the text is that of the error.
   */
  TC_LOG_CHANGED = 5,
  /**
   * Tiles went, and why.
   */
  TC_LOG_EVICTED = 6,
  /**
   * A tile found no room in the budget: what is held or guaranteed leaves none.
   */
  TC_LOG_REJECTED = 7,
  /**
   * A load went on beyond tc_cache_options.max_in_flight because none had ended for a second.
   */
  TC_LOG_OVERDUE = 8,
} tc_log_event;

/**
 * The bits of tc_tier.flags.
 */
typedef enum tc_tier_flags {
  /**
   * Each request for a block or tile that is built on sources of which the tier tells the generations looks at the clock,
   * and uses no memory of a source after the moment that tc_tier_confirmed named: whatever became of the tier's own
   * thread meanwhile, also where the process was stopped and goes on. Without it no hit looks at a clock, and memory is
   * used until the tier says otherwise. A hit takes several times as long, and a lock that all threads share. Needs
   * `generation`.
   */
  TC_TIER_STRICT = 1,
  /**
   * `put` gets a decoded block not after its decode, but when it leaves the memory: when it is evicted or cleared, when
   * tiles were made of it and nothing keeps it beside them, and when the cache goes; or by tc_flush_tier before that.
   * What stays is not put, nor is what has changed since or came from the tier. `queue_bytes` of the budget, at most a
   * quarter, are set aside for what is on its way; what leaves faster than the tier takes it is dropped and counted.
   * What is in memory when the process ends is lost. As a block is not put at once, nobody should wait for it: `lease`
   * is never called, and processes that want the same block at once all decode it. Needs `put`, which is also called
   * inside tc_tier_answer and tc_tier_room then, where a tile that comes in lets others go.
   */
  TC_TIER_PUT_EVICTED = 2,
} tc_tier_flags;

/**
 * What tc_tier_answer says.
 */
typedef enum tc_tier_outcome {
  /**
   * Nothing is there, or it is doubtful: the block is decoded.
   */
  TC_TIER_MISS = 0,
  /**
   * The pixels are those of the answer, or in the memory of tc_tier_room.
   */
  TC_TIER_PIXELS = 1,
  /**
   * Of `lease` only: this process has the lease, and decodes the block.
   */
  TC_TIER_LEASED = 2,
  /**
   * Of `lease` with `wait` 0 only: another process has the lease. The library asks again with `wait` 1 when it has
   * made all blocks whose leases it has.
   */
  TC_TIER_BUSY = 3,
} tc_tier_outcome;

/**
 * How a tier is, as tc_tier_account.state says.
 */
typedef enum tc_tier_state {
  /**
   * It works.
   */
  TC_TIER_CLOSED = 0,
  /**
   * It is not asked, for it failed.
   */
  TC_TIER_OPEN = 1,
  /**
   * It is tried whether it works again.
   */
  TC_TIER_HALF_OPEN = 2,
  /**
   * It has no room for more.
   */
  TC_TIER_FULL = 3,
  /**
   * It refuses us, as for a wrong password.
   */
  TC_TIER_DENIED = 4,
} tc_tier_state;

/**
 * A store of tiles under one budget of bytes, for any number of providers, files and threads.
 *
 * What it counts is the memory of pixel buffers, each once at its allocated size, however many tiles
 * are views of it, 256 bytes of bookkeeping for each tile, and for each key that has tiles twice its text
 * and about a thousand bytes. At every instant idle, held and
 * reusable bytes together are within the budget. The idle tile whose last use is oldest goes first,
 * unless tc_cache_flags say otherwise.
 * Tiles in the hands of callers are never evicted.
 *
 * Uses are: a get that returns a tile, a put, a window read and the gets of operators. Not uses are:
 * peek, release and has_block. With several threads, uses before a miss are older than those after
 * it; between two misses the uses of different threads are in no order, at most 256 of each. A miss learns
 * of at most 1,024 tiles that were used since the misses before, or of two for each tile that goes; where more
 * were, one of the oldest of them goes. So the time of a miss is bounded, however many hits there were.
 *
 * Reference-counted: tc_retain, tc_release. Providers made with a cache keep it alive.
 */
typedef struct tc_cache tc_cache;

/**
 * Steps from the samples of an image to a picture, told by a text: see tc_chain_parse. A chain never changes.
 *
 * Reference-counted: tc_chain_retain, tc_chain_release. All functions may be called from any number of threads at once.
 */
typedef struct tc_chain tc_chain;

/**
 * A load that a callback works for: a block that is being decoded, a tile that is being made.
 *
 * Reference-counted: tc_load_retain, tc_load_release.
 */
typedef struct tc_load tc_load;

/**
 * Statistics of the bands of an image; provider_pixel_stats takes them. They never change, and keep neither the image
 * nor pixels of it, but the counters of which tc_pixel_stats_info tells the bytes.
 *
 * Reference-counted: tc_pixel_stats_retain, tc_pixel_stats_release. All functions may be called from any number of
 * threads at once. Not to be mistaken for tc_statistics, which tells of a cache.
 */
typedef struct tc_pixel_stats tc_pixel_stats;

/**
 * An image as a grid of blocks: a file, memory, your callbacks, or an operator over another provider.
 *
 * All answer the same calls. Providers may be shared among threads; calls on one run concurrently.
 * A provider keeps alive what it is made from.
 *
 * Reference-counted: provider_retain, provider_release.
 */
typedef struct tc_provider tc_provider;

/**
 * A cache as its tier knows it.
 *
 * Reference-counted: tc_set_tier gives one reference to `attach`, tc_tier_link_release gives it up. It may be used on
 * any thread until then, also when the cache is gone: then nothing is open any more.
 */
typedef struct tc_tier_link tc_tier_link;

/**
 * Decoded pixels that never change.
 *
 * They stay valid until the last reference to the tile is released, whatever happens in between:
 * evicted, cleared, removed, budget shrunk, provider and cache released, in any order. A tile keeps
 * its pixels alive and nothing else. Tiles may be shared among threads.
 *
 * Reference-counted: tc_tile_retain, tc_tile_release.
 */
typedef struct tc_tile tc_tile;

/**
 * From the pixels of an output to those of a source: see provider_warp. A transformation never changes.
 *
 * Reference-counted: tc_transform_retain, tc_transform_release. All functions may be called from any number of threads
 * at once.
 */
typedef struct tc_transform tc_transform;

/**
 * What a call returns: TC_OK (0) or one of the failures of tc_status_code. Numbers are never reused;
 * a number that you do not know is a failure.
 */
typedef int32_t tc_status;

/**
 * Hears of something that happens.
 *
 * - user: as given with the function.
 * - level: one of tc_log_level.
 * - event: one of tc_log_event.
 * - subject: what it is about: the key of a provider, the path of a file, or "cache"; UTF-8, valid during the call.
 * - text: a sentence for a person, whose words may change; UTF-8, valid during the call.
 *
 * Called inside a call of the library, on its thread or one of the library's own, and on several threads at once; no
 * lock of the library is held. It may call the library as any callback may, see CALLBACKS at the top; what that would
 * tell on the same thread before it returns is not told. It delays what it is told of. It must not throw, unwind or
 * longjmp: the process may end at once.
 */
typedef void (*tc_log_fn)(void *user,
                          int32_t level,
                          int32_t event,
                          const char *subject,
                          const char *text);

/**
 * Takes back what the caller lent with `user`. Called exactly once, on whatever thread gives up the
 * last reference, possibly inside a release function of the library. It may call release functions
 * of the library and nothing else of it.
 */
typedef void (*tc_release_fn)(void *user);

/**
 * Where a cache or an opening tells what happens. Size-led; copied by the call.
 *
 * A cache tells of loads of the providers that keep their tiles in it, and of what goes; an opening of what is wrong
 * with the file, and as long as the provider or one made from it lives, of its slow and failed reads. Without a log
 * nothing is looked at and no clock is read that would not be without it.
 */
typedef struct tc_log {
  /**
   * sizeof(tc_log), set by you.
   */
  uint32_t struct_size;
  /**
   * One of tc_log_level: what matters less is not told. 0 is TC_LOG_WARNING.
   */
  uint32_t level;
  /**
   * Loads that take so many milliseconds or more are told of. 0 is 1,000.
   */
  uint32_t slow_ms;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Hears of it. Required.
   */
  tc_log_fn write;
  /**
   * Passed to `write`.
   */
  void *user;
  /**
   * Called once with `user` after the last call of `write` has returned: when the cache, or the provider with all that
   * was made from it, is gone, or when the opening has failed. NULL: nothing to release. Where tc_create or
   * provider_open refuse their arguments it is not called.
   */
  tc_release_fn release;
} tc_log;

/**
 * Options of tc_create. Size-led; 0 is the default everywhere.
 */
typedef struct tc_cache_options {
  /**
   * sizeof(tc_cache_options), set by you.
   */
  uint32_t struct_size;
  /**
   * The most that may be taken by tiles which were made along with others from a decoded block and
   * which nobody has read yet, in percent of the budget, at most 100. 0 is 75.
   */
  uint32_t unread_percent;
  /**
   * The largest block, in bytes, of which a retiled tile is a view instead of a copy. 0 is the
   * larger of two tiles and an eighth of the budget.
   */
  uint64_t view_limit;
  /**
   * The most bytes of pixels that loads may have at work at one time. A load is the making of a tile
   * that is not in the cache; it counts from its beginning to its end, with all blocks that it decodes
   * on the way. A load that would exceed the limit waits before it begins, first come, first served.
   * One that is larger than the limit runs when no other does, so that none is refused; and when none
   * has ended for a second, the first in the queue begins all the same. A load that needs blocks from
   * several caches waits so in each. Two things come on top: what callbacks ask for, which is not
   * known beforehand, and tiles that are made along with the one wanted, for which there is room in
   * the budget. 0 is the larger of a quarter of the budget and 64 MiB.
   */
  uint64_t max_in_flight;
  /**
   * The most threads of the library's own that serve provider_request_block at once for the
   * providers of this cache; one more may tell cancelled requests so. 0 is one for each processor.
   */
  uint32_t threads;
  /**
   * Bits of tc_cache_flags.
   */
  uint32_t flags;
  /**
   * Where the cache tells what happens; copied. NULL: nowhere.
   */
  const struct tc_log *log;
} tc_cache_options;

/**
 * Details of a failure, in memory of the caller. Frozen; needs no initialisation and no freeing.
 *
 * Every call that can fail takes one as its last argument, or NULL. After a failure all members are
 * set; after a success only `code` (TC_OK) and the first byte of `message` (0).
 */
typedef struct tc_error {
  /**
   * What the call returned.
   */
  tc_status code;
  /**
   * With TC_E_SOURCE: the code that the failed callback gave; else 0.
   */
  int32_t source_code;
  /**
   * What was wrong, with the value, for a person: UTF-8, always NUL-ended. Of one that is too long the
   * middle is left out: it begins with the place and ends with the cause.
   */
  char message[504];
} tc_error;

/**
 * The state of a cache, or what one provider has done. Size-led. Sizes in bytes.
 *
 * Sizes are exact at all times, counters are exact when no call is running and never go back.
 */
typedef struct tc_cache_stats {
  /**
   * sizeof(tc_cache_stats), set by you.
   */
  uint32_t struct_size;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * The budget.
   */
  uint64_t budget;
  /**
   * idle + held + reusable; never more than the budget.
   */
  uint64_t resident;
  /**
   * Of tiles that nobody holds.
   */
  uint64_t idle;
  /**
   * Of tiles that callers hold, inside the budget.
   */
  uint64_t held;
  /**
   * Kept for the next tile.
   */
  uint64_t reusable;
  /**
   * Of tiles that callers hold, outside the budget: there was no room for them, or they are orphaned.
   */
  uint64_t over_budget;
  /**
   * The part of `over_budget` that the cache does not find any more: removed, replaced or cleared.
   */
  uint64_t orphaned;
  /**
   * Of tiles that are being decoded or assembled now.
   */
  uint64_t in_flight;
  /**
   * The largest sum of `resident`, `over_budget` and `in_flight` at any moment since the cache was made.
   */
  uint64_t peak;
  /**
   * Tiles that the cache finds.
   */
  uint64_t entries;
  /**
   * Gets that found their tile.
   */
  uint64_t hits;
  /**
   * Gets that did not, those of keys that the cache does not know among them.
   */
  uint64_t misses;
  /**
   * Gets that joined a load begun by another thread.
   */
  uint64_t waits;
  /**
   * Blocks decoded or mapped and tiles assembled, those that failed included; a tile and the cached
   * blocks that it was assembled from count each.
   */
  uint64_t loads;
  /**
   * Loads that failed.
   */
  uint64_t load_errors;
  /**
   * Buffers that went to make room, each with all tiles that were views of it.
   */
  uint64_t evictions;
  /**
   * Tiles that found no room.
   */
  uint64_t rejected;
  /**
   * Tiles made along with others from a decoded block.
   */
  uint64_t siblings;
  /**
   * Time spent in loads, those inside others too, summed over threads.
   */
  uint64_t load_nanoseconds;
  /**
   * What loads may have in flight together; see tc_cache_options.
   */
  uint64_t max_in_flight;
  /**
   * Loads that waited for their turn.
   */
  uint64_t queued;
  /**
   * Loads that went on beyond the cap because no load had ended for a second.
   */
  uint64_t overdue;
  /**
   * Of the indexes of files, which the whole process keeps beside all budgets; see tc_set_index_bytes.
   */
  uint64_t index;
  /**
   * Of memory that callers have lent, by tc_put or as the array of a source, and that tiles of this cache
   * keep from being released, each as a whole and once for each time that it was lent.
   */
  uint64_t lent;
  /**
   * The part of `lent` that was lent with TC_PIXELS_COUNTED: it is in `resident` or `over_budget`. The rest
   * is in neither, and comes on top of the budget.
   */
  uint64_t lent_counted;
  /**
   * Of what TC_CACHE_OBSERVE has noted, beside the budget.
   */
  uint64_t observation;
} tc_cache_stats;

/**
 * The type of one sample: one of tc_dtype_code.
 */
typedef int32_t tc_dtype;

/**
 * Pixels to be read. Frozen.
 *
 * Sample (x, y, band) lies at data + band * band_stride + y * row_stride + x * (size of a sample).
 * In tiles of the library row_stride is a positive multiple of the sample size and at least one row,
 * band_stride a multiple of row_stride, and all bytes from the first sample to the last are readable;
 * the content of gaps is unspecified. Buffers of the library begin at a multiple of 64 bytes; a tile
 * may begin inside one.
 */
typedef struct tc_pixels {
  /**
   * Sample (0, 0) of the first band.
   */
  const void *data;
  /**
   * Columns.
   */
  int64_t width;
  /**
   * Rows.
   */
  int64_t height;
  /**
   * Bytes from a row to the next.
   */
  int64_t row_stride;
  /**
   * Bytes from a band to the next.
   */
  int64_t band_stride;
  /**
   * Columns inside the image; less than `width` in a padded edge tile.
   */
  int64_t valid_width;
  /**
   * Rows inside the image.
   */
  int64_t valid_height;
  /**
   * Bands.
   */
  int32_t bands;
  /**
   * The sample type.
   */
  tc_dtype dtype;
  /**
   * Bits of tc_pixels_flags.
   */
  uint32_t flags;
  /**
   * 0.
   */
  uint32_t reserved;
} tc_pixels;

/**
 * Bytes from anywhere, such as an object store, an archive or a buffer. Size-led; copied by the call.
 *
 * Reads are few, because each may be a journey: headers come in pieces of 64 KiB, a block in one read,
 * and blocks of one tile that lie together in one read of about 1 MiB, of which up to 8 MiB are kept for
 * each provider until they are decoded. A read of more than is needed at once that fails is repeated
 * for what is needed.
 */
typedef struct tc_io {
  /**
   * sizeof(tc_io), set by you.
   */
  uint32_t struct_size;
  /**
   * 0.
   */
  uint32_t flags;
  /**
   * Passed to the callbacks.
   */
  void *user;
  /**
   * How many bytes there are.
   */
  int64_t size;
  /**
   * Writes `bytes` bytes from `offset` on to `into`, all of them, and returns TC_OK; or returns
   * another number and may tell more in `err`, which is never NULL. Called from several threads at
   * once, only inside calls of the library. Required.
   */
  tc_status (*read_at)(void *user, int64_t offset, void *into, size_t bytes, struct tc_error *err);
  /**
   * Called once with `user` after the last read_at has returned. NULL: nothing to release.
   */
  tc_release_fn release;
} tc_io;

/**
 * Options of provider_open and provider_open_io. Size-led; 0 is the default everywhere.
 */
typedef struct tc_open_options {
  /**
   * sizeof(tc_open_options), set by you.
   */
  uint32_t struct_size;
  /**
   * Which image of the file, from 0: a page, a segment; see provider_image_count.
   */
  int32_t image;
  /**
   * What the key of the image begins with, UTF-8; copied; provider_key says the whole key. NULL:
   * provider_open takes the identity of the file (device, inode, size, times), so that opening it twice
   * shares tiles, unless open_beside opens a file that changes what is read; provider_open_io takes a number that is never used again.
   */
  const char *key;
  /**
   * The name of the only reader that may open the file, as tc_format_info says it, such as "TIFF";
   * copied. A file that it does not recognise is TC_E_UNSUPPORTED, and a name that no reader has is
   * TC_E_ARGUMENT. NULL: any reader.
   */
  const char *format;
  /**
   * Bits of tc_open_flags.
   */
  uint32_t flags;
  /**
   * How many threads the library may start to decode large parts of this image, beside those that call: all that
   * are at work for it at one time, and one more for each block that they help to decode as a whole, which works in
   * place of the thread that called while that waits. They end with the decode. So a JPEG 2000 image that is one huge
   * block, which one thread decodes while others wait for it, is decoded by several: code-blocks and wavelets in parallel.
   * Windows of it are read as without threads, by code-blocks that are kept, see provider_read_window: those that are
   * missing, and that no other call decodes already, are shared out among them and the thread that called, each decoded
   * once. They take no part in anything else of a window, nor where fewer than some 16 code-blocks are missing. Other
   * formats start none: their blocks are decoded by as many threads as call. 0: none. At most 1024, of
   * which at most 63 help to decode a whole block.
   */
  uint32_t threads;
  /**
   * Opens a file that lies beside the one that is opened, such as its external overviews; see provider_open for
   * which are looked for. Called a few times inside provider_open or provider_open_io, on the same thread, and never
   * later.
   *
   * `suffix` says which file: one that begins with a dot stands behind the whole name, ".ovr" is `scene.tif.ovr` for
   * `scene.tif`; one that begins with an asterisk stands in place of the extension, "*.r1" is `scene.r1`. Valid during
   * the call. `io`: all 0 but for struct_size, which is as much room as it has; fill it in as for provider_open_io.
   * Return TC_OK, from when on its bytes belong to the library, which calls io->release once, after their last
   * read_at, also where the file turns out to be of no use or the call fails. Return TC_E_NOT_FOUND if there is no
   * such file. Another number fails the call, as one that read_at returns does; `err`, which is never NULL, may tell
   * more. It may call the library, and must not throw, unwind or longjmp.
   *
   * NULL: provider_open looks in the folder of the path, and provider_open_io knows of no other files.
   */
  tc_status (*open_beside)(void *user, const char *suffix, struct tc_io *io, struct tc_error *err);
  /**
   * Passed to open_beside.
   */
  void *user;
  /**
   * Where the opening tells what is wrong with the file, and later of its slow and failed reads; copied. NULL:
   * nowhere.
   */
  const struct tc_log *log;
  /**
   * What the file is called on all machines that share another tier (tc_set_tier), UTF-8, of at most 4,096 bytes; copied.
   * Two files may have the same only if all their images have the same pixels: a name with a version, or a strong entity
   * tag of a server (a weak one is none). NULL: the file has none, its blocks are asked for and put nowhere, and
   * tc_tier_stats.unnamed counts them; but see TC_OPEN_FLEET_DIGEST.
   */
  const char *fleet_id;
  /**
   * How many quality layers of a JPEG 2000 image are decoded (ISO/IEC 15444-1, B.10), the first ones, also of one in a
   * NITF or a TIFF: fewer take less time and have coarser samples. 0, or as many as there are or more: all. The key says
   * the number where it is not 0, so that openings with others share nothing. Other formats and compressions are read as
   * they are, under their usual key.
   */
  uint32_t layers;
  /**
   * 0.
   */
  uint32_t reserved;
} tc_open_options;

/**
 * What an image is. Size-led.
 *
 * As output of provider_info every member is set. As input to provider_from_source and
 * provider_from_memory, 0 is the default that each member names.
 *
 * Level L of the image has ceil(width / 2^L) x ceil(height / 2^L) pixels (files: either way of
 * rounding) and the same grid: block (row, col) shows the same area at every level. Its columns
 * begin at ceil(col * block_width / 2^L), and rows likewise, so that blocks neither overlap nor leave
 * gaps. A block that is left without pixels at a high level does not exist.
 */
typedef struct tc_image_info {
  /**
   * sizeof(tc_image_info), set by you.
   */
  uint32_t struct_size;
  /**
   * The sample type of all bands. Input: must be set.
   */
  tc_dtype dtype;
  /**
   * Columns of the true image at level 0, also where edge blocks are padded. Input: must be set.
   */
  int64_t width;
  /**
   * Rows. Input: must be set.
   */
  int64_t height;
  /**
   * Columns of a block at level 0. Input: 0 is `width`.
   */
  int64_t block_width;
  /**
   * Rows of a block. Input: 0 is `height`.
   */
  int64_t block_height;
  /**
   * Columns of the grid of blocks. Input: 0, or the number that follows from the sizes.
   */
  int64_t grid_cols;
  /**
   * Rows of the grid. Input: as grid_cols.
   */
  int64_t grid_rows;
  /**
   * Bands, at most 65536. Input: 0 is 1.
   */
  int32_t bands;
  /**
   * Resolution levels, at most 32. Input: 0 is 1.
   */
  int32_t levels;
  /**
   * Significant bits of a sample (of one part of a complex one), such as 11. They are the low ones,
   * but where the text NITF_PJUST of the metadata is L: there they are the high ones, as stored.
   * Input: 0 is all.
   */
  int32_t bits;
  /**
   * Bits of tc_image_flags. Input: TC_IMAGE_HAS_NODATA counts, and TC_IMAGE_DEFER_RELEASE for
   * provider_from_memory; the others follow from the source and are ignored, so that what
   * provider_info gave can be given back.
   */
  uint32_t flags;
  /**
   * One sample of `dtype`: what fills absent blocks and everything outside the image.
   */
  uint8_t pad[16];
  /**
   * One sample of `dtype`, with TC_IMAGE_HAS_NODATA: pixels equal to it are not data. Integers are
   * compared bit by bit, floats by value: -0 is equal to 0, and where nodata is NaN, every NaN is
   * nodata. Of complex pixels both parts must be equal; where a part of nodata is NaN, every pixel with a
   * NaN in any part is nodata.
   * A value of a file that `dtype` does not have, such as 256 or NaN in u8 or 1e39 in f32, is no nodata;
   * its text is in the metadata.
   */
  uint8_t nodata[16];
} tc_image_info;

/**
 * Memory of the caller as an array of pixels. Frozen.
 *
 * Sample (x, y, band) lies at data + band * band_stride + y * row_stride + x * pixel_stride. Strides
 * are in bytes and may be negative: band-sequential, interleaved by row or pixel, bottom-up,
 * transposed. All three 0 is packed band-sequential; otherwise a stride may be 0 only where there is
 * a single column, row or band. Samples need not be aligned.
 */
typedef struct tc_target {
  /**
   * Sample (0, 0) of the first band.
   */
  void *data;
  /**
   * Bytes from a column to the next.
   */
  int64_t pixel_stride;
  /**
   * Bytes from a row to the next.
   */
  int64_t row_stride;
  /**
   * Bytes from a band to the next.
   */
  int64_t band_stride;
  /**
   * Columns, at least 1.
   */
  int64_t width;
  /**
   * Rows, at least 1.
   */
  int64_t height;
  /**
   * Bands, at least 1.
   */
  int32_t bands;
  /**
   * The sample type; 0 is that of the image.
   */
  tc_dtype dtype;
} tc_target;

/**
 * What a band shows: one of tc_colour_code.
 */
typedef int32_t tc_colour;

/**
 * What a band is. Size-led.
 */
typedef struct tc_band_info {
  /**
   * sizeof(tc_band_info), set by you.
   */
  uint32_t struct_size;
  /**
   * What the band shows.
   */
  tc_colour colour;
  /**
   * Bits of tc_band_flags.
   */
  uint32_t flags;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * One sample of the image's type, with TC_BAND_HAS_NODATA: pixels equal to it are not data.
   */
  uint8_t nodata[16];
} tc_band_info;

/**
 * A text that came with an image. Frozen.
 */
typedef struct tc_text {
  /**
   * The band that it concerns, from 0, or -1 for the whole image.
   */
  int32_t band;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Its name, UTF-8. Of texts with the same name and band, the last counts.
   */
  const char *name;
  /**
   * The text, UTF-8, possibly empty.
   */
  const char *text;
} tc_text;

/**
 * A level of a source, with a grid of its own. Frozen.
 */
typedef struct tc_level {
  /**
   * Columns: those of level 0, halved as often as the level says and rounded either way, or another
   * number that is nearer to that than to any other whole part of level 0. 0, with a height of 0, is a
   * level that the source leaves out below one that it has: it has no block, and reading it gives
   * TC_E_NOT_FOUND.
   */
  int64_t width;
  /**
   * Rows, likewise.
   */
  int64_t height;
  /**
   * Columns of a block. 0 is `width`.
   */
  int64_t block_width;
  /**
   * Rows of a block. 0 is `height`.
   */
  int64_t block_height;
} tc_level;

/**
 * A point of which pixel and coordinates are known. Frozen.
 */
typedef struct tc_gcp {
  /**
   * The column of the image, where whole numbers are the edges of pixels: the centre of the first is 0.5.
   */
  double pixel;
  /**
   * The row, likewise.
   */
  double line;
  /**
   * The first coordinate: easting or longitude.
   */
  double x;
  /**
   * The second one: northing or latitude.
   */
  double y;
  /**
   * The height.
   */
  double z;
  /**
   * Its name, UTF-8. Output: never NULL. Input: NULL is empty.
   */
  const char *id;
  /**
   * What else is said of it, likewise.
   */
  const char *info;
} tc_gcp;

/**
 * Rational polynomials that tell where a point of the ground (WGS 84) appears in the image, as RPC00B of NITF (STDI-0002,
 * appendix E) and tag 50844 of TIFF have them. Frozen.
 *
 * With each quantity less its offset, divided by its scale, the line is line_num(P, L, H) / line_den(P, L, H), and the
 * sample likewise; the 20 terms are those of RPC00B. Line 0 and sample 0 are the centre of the first pixel, half
 * a pixel from where tc_gcp counts.
 */
typedef struct tc_rpc {
  /**
   * The error of all points together in metres; -1 if it is not known.
   */
  double err_bias;
  /**
   * The error of single points in metres; -1 if it is not known.
   */
  double err_rand;
  /**
   * The offset of lines.
   */
  double line_off;
  /**
   * Of samples.
   */
  double samp_off;
  /**
   * Of the latitude in degrees.
   */
  double lat_off;
  /**
   * Of the longitude in degrees.
   */
  double long_off;
  /**
   * Of the height above the ellipsoid in metres.
   */
  double height_off;
  /**
   * The scale of lines. No scale is 0.
   */
  double line_scale;
  /**
   * Of samples.
   */
  double samp_scale;
  /**
   * Of the latitude.
   */
  double lat_scale;
  /**
   * Of the longitude.
   */
  double long_scale;
  /**
   * Of the height.
   */
  double height_scale;
  /**
   * The numerator of the line.
   */
  double line_num[20];
  /**
   * Its denominator.
   */
  double line_den[20];
  /**
   * The numerator of the sample.
   */
  double samp_num[20];
  /**
   * Its denominator.
   */
  double samp_den[20];
} tc_rpc;

/**
 * Where the pixels of an image lie on the ground, as far as that is known. Size-led; 0 and NULL are not known.
 */
typedef struct tc_georef {
  /**
   * sizeof(tc_georef), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_georef_flags.
   */
  uint32_t flags;
  /**
   * With TC_GEOREF_HAS_TRANSFORM: column c and row r lie at x = t[0] + t[1] c + t[2] r and
   * y = t[3] + t[4] c + t[5] r, in GDAL's order. Whole numbers are the edges of pixels: (0, 0) is the top left
   * corner of the first pixel, and (0.5, 0.5) its centre. x is the easting or longitude and y the northing or
   * latitude, whatever order the reference system has. Else 0.
   */
  double transform[6];
  /**
   * The coordinate reference system as WKT, UTF-8, of `transform` and `gcps`: as the file has it, or its GeoKeys
   * describe it, or as it was given, or with TC_GEOREF_WKT_OF_CODES the text (ISO 19162, WKT 2) that the EPSG register, which is part of the
   * library unless it was built without the feature `epsg`, has under `epsg` and `vertical_epsg`. NULL where there is
   * none of these, or the register lacks the code; where it lacks the vertical one alone, the horizontal system.
   */
  const char *wkt;
  /**
   * The EPSG code of the system, of its horizontal part if it has two.
   */
  int32_t epsg;
  /**
   * The EPSG code of the vertical part.
   */
  int32_t vertical_epsg;
  /**
   * The unit of heights that are samples of the image, UTF-8, such as "metre".
   */
  const char *vertical_unit;
  /**
   * Ground control points; with n_gcps.
   */
  const struct tc_gcp *gcps;
  /**
   * The length of `gcps`, at most 1,048,576.
   */
  size_t n_gcps;
  /**
   * Rational polynomials.
   */
  const struct tc_rpc *rpc;
} tc_georef;

/**
 * A source of blocks made of callbacks. Size-led; copied by the call.
 *
 * Callbacks run only on threads that are inside a call of the library, which holds no lock meanwhile.
 * They return TC_OK, or another number, and may then tell more in `err`, which is never NULL: its
 * source_code (or, if that is 0, the number returned) and its message come through to whoever asked
 * for the block, with TC_E_SOURCE. They may call the library; see CALLBACKS at the top for what they
 * cannot ask for, and tc_load_is_cancelled for whether what they do is still wanted. A callback hands on
 * a failed call of the library by giving it its own `err` and returning what it returned: then the status comes
 * through too, as TC_E_CANCELLED, TC_E_REENTRANT, TC_E_NO_MEMORY, TC_E_LIMIT, TC_E_IO, TC_E_CORRUPT,
 * TC_E_UNSUPPORTED, TC_E_CHANGED and TC_E_INTERNAL, with the message; another one is a source_code. They
 * must not throw, unwind or longjmp.
 */
typedef struct tc_source {
  /**
   * sizeof(tc_source), set by you.
   */
  uint32_t struct_size;
  /**
   * One of tc_threading. Required.
   */
  uint32_t threading;
  /**
   * Passed to all callbacks.
   */
  void *user;
  /**
   * What the image is; copied. Required.
   */
  const struct tc_image_info *image;
  /**
   * What the key of the image begins with, UTF-8; copied: caches know the image by what provider_key says,
   * which is this and which image, level and mask it is. Two sources may share it only if they give the
   * same pixels. NULL: a number that is never used again.
   */
  const char *key;
  /**
   * With TC_SESSIONS: the most sessions open at once; 0 is one for each processor. Else 0.
   */
  int32_t max_sessions;
  /**
   * Bits of tc_source_flags.
   */
  uint32_t flags;
  /**
   * Sets *has to 1 if the block is stored, else to 0. Called without a session. NULL: all are.
   */
  tc_status (*has_block)(void *user,
                         int64_t row,
                         int64_t col,
                         int32_t level,
                         int32_t *has,
                         struct tc_error *err);
  /**
   * Writes a block to `into`, which has the size of the block at that level, cut at the image's edge,
   * the type of the image and packed or wider rows. bands: into->bands numbers, band bands[i] of the
   * image goes into band i; NULL is all in order. `into` and `bands` are valid during the call.
   * session: from open_session, or NULL. All samples must be written: memory is reused. Required.
   */
  tc_status (*read_block)(void *user,
                          void *session,
                          int64_t row,
                          int64_t col,
                          int32_t level,
                          const int32_t *bands,
                          const struct tc_target *into,
                          struct tc_error *err);
  /**
   * Writes the rectangle of a level that begins at column x, row y, inside the image, to `into`;
   * otherwise like read_block. Only asked for where all blocks over it are stored. Set it if part of a block is
   * cheaper than the block. NULL: cannot.
   */
  tc_status (*read_window)(void *user,
                           void *session,
                           int64_t x,
                           int64_t y,
                           int32_t level,
                           const int32_t *bands,
                           const struct tc_target *into,
                           struct tc_error *err);
  /**
   * With TC_SESSIONS, required: opens a session, such as a file handle, to *session. Sessions are
   * opened when they are needed, by several threads at once, and used again. Else NULL.
   */
  tc_status (*open_session)(void *user, void **session, struct tc_error *err);
  /**
   * With TC_SESSIONS: closes a session, when the source goes. NULL: nothing to close. Else NULL.
   */
  void (*close_session)(void *user, void *session);
  /**
   * Called once with `user` after the last callback has returned. NULL: nothing to release.
   */
  tc_release_fn release;
  /**
   * What the bands are: as many as the image has, one behind the other, all of the struct_size of the
   * first; copied. Their nodata takes the place of that of `image`. NULL: what `image` says.
   */
  const struct tc_band_info *band_infos;
  /**
   * Texts that came with the image, for provider_metadata; with n_texts; copied. NULL and 0: none.
   */
  const struct tc_text *texts;
  /**
   * The length of `texts`.
   */
  size_t n_texts;
  /**
   * The sizes and blocks of the levels, as many as image->levels; copied. Each level then has a grid
   * of its own, in which has_block and read_block count, so that an overview is read by the blocks
   * that it is stored in. NULL: the sizes and the common grid that tc_image_info tells of.
   */
  const struct tc_level *levels;
  /**
   * Where pixels are data: an image of the same size, one band, TC_U8, 0 or 255; kept alive. See
   * provider_mask. With several levels, `levels` must be given too. NULL: nodata tells.
   */
  struct tc_provider *mask;
  /**
   * The images that the callbacks read, if any; with n_inputs; copied, and kept alive until `release` has
   * returned. What is invalidated of them, or put into them, is forgotten of this image too, and the key reads
   * `compute:<key>(<their keys>)`: two sources may share it if they give the same pixels of the same inputs. NULL
   * and 0: none.
   */
  struct tc_provider *const *inputs;
  /**
   * The length of `inputs`, at most 1,024.
   */
  size_t n_inputs;
  /**
   * Where level 0 lies on the ground, and with it all levels and the mask; copied with all it points to. NULL: not
   * known.
   */
  const struct tc_georef *georef;
  /**
   * What the image is called on all machines that share another tier; see tc_open_options.fleet_id. NULL: nothing.
   */
  const char *fleet_id;
} tc_source;

/**
 * A file format that provider_open reads. Size-led; all texts are static.
 */
typedef struct tc_format {
  /**
   * sizeof(tc_format), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_format_flags.
   */
  uint32_t flags;
  /**
   * Its name, such as "TIFF", for tc_open_options.format.
   */
  const char *name;
  /**
   * Its name for a menu.
   */
  const char *long_name;
  /**
   * Usual endings of file names, without dot, separated by spaces. Files are known by their
   * content, not by these.
   */
  const char *extensions;
  /**
   * Media types, separated by spaces.
   */
  const char *media_types;
  /**
   * What is read, in a few sentences.
   */
  const char *reads;
  /**
   * What is refused, or left out.
   */
  const char *lacks;
} tc_format;

/**
 * Options of provider_retile. Size-led; 0 is the default everywhere.
 */
typedef struct tc_retile_options {
  /**
   * sizeof(tc_retile_options), set by you.
   */
  uint32_t struct_size;
  /**
   * 1: tiles at the right and bottom edge are filled up with pad to full size. 0: they are cut.
   */
  uint32_t pad_edges;
  /**
   * Columns of a tile. 0 is 1024.
   */
  int64_t tile_width;
  /**
   * Rows of a tile. 0 is 1024.
   */
  int64_t tile_height;
} tc_retile_options;

/**
 * Makes a block of output from the same block of input: `in` and `out` have the same size, and the
 * types and bands that tc_map_options names. Both are valid during the call; all samples of `out` must
 * be written. Returns TC_OK, or another number and may then tell more in `err`, which is never NULL;
 * see tc_source. Called from several threads at once, only inside calls of the library.
 *
 * row, col and level are those of the block in the image that provider_map was given, whatever call
 * reads the output: a block, a window, a level as an image, or an operator over it. A level with a block
 * grid of its own (provider_level shows it) is mapped in the blocks of that grid, and row and col count
 * those; other levels have the grid that tc_image_info describes.
 */
typedef tc_status (*tc_map_fn)(void *user,
                               int64_t row,
                               int64_t col,
                               int32_t level,
                               const struct tc_pixels *in,
                               const struct tc_target *out,
                               struct tc_error *err);

/**
 * Options of provider_map. Size-led; copied by the call.
 */
typedef struct tc_map_options {
  /**
   * sizeof(tc_map_options), set by you.
   */
  uint32_t struct_size;
  /**
   * The sample type of the output. 0: as the input.
   */
  tc_dtype dtype;
  /**
   * The bands of the output. 0: as many as the input has.
   */
  int32_t bands;
  /**
   * Bits of tc_map_flags.
   */
  uint32_t flags;
  /**
   * The bands of the source that make the input, in any order; with n_source_bands. NULL and 0: all.
   */
  const int32_t *source_bands;
  /**
   * The length of source_bands.
   */
  size_t n_source_bands;
  /**
   * The name of the function in the key of the output, UTF-8. Maps of the same name over the same
   * source with the same options must give the same pixels. NULL: one that is never used again.
   */
  const char *name;
  /**
   * The function. Required.
   */
  tc_map_fn map;
  /**
   * Passed to `map`.
   */
  void *user;
  /**
   * Called once with `user` after the last `map` has returned. NULL: nothing to release.
   */
  tc_release_fn release;
  /**
   * Significant bits of a sample of the output (of one part of a complex one), as provider_info
   * reports them. 0: all bits of its type.
   */
  int32_t bits;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * With TC_MAP_HAS_PAD: one sample of the output's type, which fills absent blocks and everything
   * outside the image. Else ignored; provider_map says what the pad value is then.
   */
  uint8_t pad[16];
  /**
   * What the bands of the output are, as in tc_source. NULL: what the bands are that the function gets, with their
   * colours and nodata values, where the output has as many of the same type; else nothing is known of them.
   */
  const struct tc_band_info *band_infos;
  /**
   * Texts of the output, beside those of the source; with n_texts. NULL and 0: none.
   */
  const struct tc_text *texts;
  /**
   * The length of `texts`.
   */
  size_t n_texts;
} tc_map_options;

/**
 * Options of provider_downsample and provider_pyramid. Size-led; 0 is the default everywhere.
 */
typedef struct tc_level_options {
  /**
   * sizeof(tc_level_options), set by you.
   */
  uint32_t struct_size;
  /**
   * One of tc_filter. 0: TC_FILTER_AVERAGE; TC_FILTER_NEAREST for indices of a palette.
   */
  uint32_t filter;
  /**
   * Bits of tc_level_flags.
   */
  uint32_t flags;
  /**
   * How many levels the output has, 1 to 32. 0: of provider_downsample as many as the source has from there on, at
   * least 1; of provider_pyramid as many as the source has, and then up to the first that fits one tile.
   */
  int32_t levels;
  /**
   * provider_downsample: pixels of the source along a side for one of the output, a power of two up to 2^31. 0: 2
   * without a size. provider_pyramid: 0.
   */
  int64_t factor;
  /**
   * provider_downsample, instead of a factor: columns of the output, at most those of the source; with `height`.
   * 0: none given. provider_pyramid: 0.
   */
  int64_t width;
  /**
   * Rows, likewise.
   */
  int64_t height;
  /**
   * Columns of a tile of a computed level. 0 is 1024.
   */
  int64_t tile_width;
  /**
   * Rows of a tile, likewise.
   */
  int64_t tile_height;
} tc_level_options;

/**
 * A point of an output and the one of a source that it comes from, in pixels with edges at whole numbers: the centre
 * of the first pixel is (0.5, 0.5). Frozen.
 */
typedef struct tc_tie_point {
  /**
   * Column of the output.
   */
  double x;
  /**
   * Row of the output.
   */
  double y;
  /**
   * Column of the source.
   */
  double source_x;
  /**
   * Row of the source.
   */
  double source_y;
} tc_tie_point;

/**
 * Tells where points of an output come from; GDAL's GDALTransformerFunc, so that transformers of GDAL can be given as
 * they are (tilecache_gdal.h has tc_gdal_transform for that).
 *
 * - user: as given with the function, or a clone of it.
 * - to_source: always 1.
 * - n: how many points, at least 1.
 * - x, y: in: columns and rows of the output, in pixels of its level 0; out: those of level 0 of the source.
 * - z: zeros, and what becomes of them counts for nothing.
 * - ok: out, 0 for each point that comes from nowhere, which is then no data; so are points that are not finite. Zeros on
 *   entry.
 *
 * Returns a negative number of its own if it failed, which is source_code of the error of the tile that needed it;
 * anything else is no failure, for GDAL's functions return 0 where one of the points comes from nowhere.
 *
 * It must be a pure function of each point: the same point gives the same bits whatever points come with it, else
 * tiles have seams. GDAL's approximating transformer is none, for it interpolates between those of a call; warps
 * interpolate themselves. Called on threads inside of a library call, with no lock held; it may read other providers,
 * but none that is made by it. It must not throw, unwind or longjmp.
 */
typedef int (*tc_transform_fn)(void *user,
                               int to_source,
                               int n,
                               double *x,
                               double *y,
                               double *z,
                               int *ok);

/**
 * Makes another one of what a tc_transform_fn is called with, so that several threads may transform at once.
 *
 * - user: as given to tc_transform_callback, which is never transformed with then.
 *
 * Returns the clone, which goes to the release function when it is not needed any more; NULL if there is none, which
 * fails the tile. Called by one thread at a time.
 */
typedef void *(*tc_clone_fn)(void *user);

/**
 * Options of tc_transform_rpc_heights. Size-led; 0 is the default everywhere.
 */
typedef struct tc_heights_options {
  /**
   * sizeof(tc_heights_options), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_heights_flags.
   */
  uint32_t flags;
  /**
   * The band with the heights, from 0.
   */
  int32_t band;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * With TC_HEIGHTS_HAS_TRANSFORM from pixels of the raster to longitude and latitude in degrees, in GDAL's order; else
   * 0, and it is what provider_georef says of the raster.
   */
  double transform[6];
  /**
   * Metres of a unit of the raster. 0 is 1.
   */
  double scale;
  /**
   * Metres that are added, such as the height of the geoid above the ellipsoid where heights are told above the sea.
   */
  double offset;
  /**
   * With TC_HEIGHTS_HAS_MISSING what is taken for the raster's where it has no height, in its unit; else 0.
   */
  double missing;
} tc_heights_options;

/**
 * Options of provider_warp. Size-led; 0 is the default everywhere but for the size.
 */
typedef struct tc_warp_options {
  /**
   * sizeof(tc_warp_options), set by you.
   */
  uint32_t struct_size;
  /**
   * One of tc_filter: nearest, average, bilinear, cubic, Lanczos, mode, min, max or median. 0: TC_FILTER_BILINEAR;
   * TC_FILTER_NEAREST for indices of a palette, which may also have TC_FILTER_MODE.
   */
  uint32_t filter;
  /**
   * Bits of tc_warp_flags.
   */
  uint32_t flags;
  /**
   * How many levels the output has, 1 to 32. 0: those up to the first that fits one tile.
   */
  int32_t levels;
  /**
   * With TC_WARP_FIXED_LEVEL the level of the source that is read; else 0.
   */
  int32_t source_level;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * How far the position of a pixel in the source may be from where the transformation says, in pixels of the level
   * that is read, at the points where that is checked. 0 is 0.125.
   */
  double max_error;
  /**
   * How many columns of the level that is read one pixel of the output stands for, at least 1, for all pixels. 0: what it
   * is in each cell.
   */
  double scale_x;
  /**
   * Rows, likewise.
   */
  double scale_y;
  /**
   * Columns of the output, required.
   */
  int64_t width;
  /**
   * Rows of the output, required.
   */
  int64_t height;
  /**
   * Columns of a tile. 0 is 1024.
   */
  int64_t tile_width;
  /**
   * Rows of a tile, likewise.
   */
  int64_t tile_height;
  /**
   * After so many columns of level 0 the source begins again, as an image of the whole world does after 360 degrees;
   * then nothing ends at its left and right. 0: it does not.
   */
  int64_t period;
} tc_warp_options;

/**
 * Which pixels of an image a block of an operator's output is computed from: the rectangle of the block,
 * turned, scaled, and widened by margins. What of it lies beyond the image is filled as `border` says. Frozen;
 * zeros are the same rectangle of the same level.
 */
typedef struct tc_input {
  /**
   * The image. Required; kept alive by the result.
   */
  struct tc_provider *source;
  /**
   * The bands that are given, in any order; with n_bands. NULL and 0: all.
   */
  const int32_t *bands;
  /**
   * The length of `bands`.
   */
  size_t n_bands;
  /**
   * The level of the source that goes with level 0 of the output; level l of the output is computed from
   * level + l.
   */
  int32_t level;
  /**
   * A tc_border.
   */
  uint32_t border;
  /**
   * Columns of the input for one of the output: n is n columns for one, -n one column for n, at most 1,048,576
   * (so of all margins). 0 is 1.
   */
  int32_t scale_x;
  /**
   * Rows, likewise.
   */
  int32_t scale_y;
  /**
   * Pixels of the input beyond the rectangle to its left, from 0.
   */
  int64_t left;
  /**
   * Above it.
   */
  int64_t top;
  /**
   * To its right.
   */
  int64_t right;
  /**
   * Below it.
   */
  int64_t bottom;
  /**
   * Bits of tc_input_flags.
   */
  uint32_t flags;
  /**
   * 0.
   */
  uint32_t reserved;
} tc_input;

/**
 * The place of a block of output in its level. Each level is made in blocks of the size of those of level 0, as
 * provider_level shows it. Frozen.
 */
typedef struct tc_place {
  /**
   * The row among the blocks of the level.
   */
  int64_t row;
  /**
   * The column, likewise.
   */
  int64_t col;
  /**
   * Its first column of pixels.
   */
  int64_t x;
  /**
   * Its first row of pixels.
   */
  int64_t y;
  /**
   * Columns of pixels.
   */
  int64_t width;
  /**
   * Rows of pixels.
   */
  int64_t height;
  /**
   * The level.
   */
  int32_t level;
  /**
   * 0.
   */
  uint32_t reserved;
} tc_place;

/**
 * Computes a block: `inputs` holds the pixels that each tc_input names, in their order, n_inputs of them, and
 * all samples of `out`, of all bands, must be written. All are valid during the call and not to be kept. What is
 * computed may depend on these and on `place`, and on nothing else. Inputs of which nothing is stored are their
 * pad value. Returns TC_OK, or another number and may then tell more in `err`, which is never NULL; see tc_source.
 * Called from several threads at once, only inside calls of the library.
 */
typedef tc_status (*tc_compute_fn)(void *user,
                                   const struct tc_place *place,
                                   const struct tc_pixels *inputs,
                                   size_t n_inputs,
                                   const struct tc_target *out,
                                   struct tc_error *err);

/**
 * Options of provider_compute. Size-led; copied by the call with all it points to, except `user`.
 */
typedef struct tc_compute_options {
  /**
   * sizeof(tc_compute_options), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_compute_flags.
   */
  uint32_t flags;
  /**
   * The output, as in tc_source. NULL: that of the first input at its level, turned and scaled, with as many
   * levels as all inputs have, in its blocks, with the bands that are given, their type, and the pad value; levels
   * from the first on that is not the one before it halved, as of inputs that are scaled up, are left out. Each
   * input must have a level for each of the output.
   */
  const struct tc_image_info *image;
  /**
   * The name of the function in the key of the output, UTF-8. Operators of the same name over inputs that are
   * named alike must give the same pixels, so all else that they depend on is part of it, such as parameters of
   * the function. NULL: one that is never used again.
   */
  const char *name;
  /**
   * The function. Required.
   */
  tc_compute_fn compute;
  /**
   * Passed to `compute`.
   */
  void *user;
  /**
   * Called once with `user` after the last `compute` has returned. NULL: nothing to release.
   */
  tc_release_fn release;
  /**
   * What the bands of the output are, as in tc_source. NULL: what `image` and `flags` say.
   */
  const struct tc_band_info *band_infos;
  /**
   * Texts of the output, beside those that it keeps; with n_texts. NULL and 0: none.
   */
  const struct tc_text *texts;
  /**
   * The length of `texts`.
   */
  size_t n_texts;
} tc_compute_options;

/**
 * An image at its place in a mosaic. Frozen.
 */
typedef struct tc_mosaic_part {
  /**
   * The image; kept alive by the mosaic. NULL: `open` of tc_mosaic_options opens it when it is first touched.
   */
  struct tc_provider *provider;
  /**
   * With a provider NULL. Otherwise required, UTF-8; copied: what the key of the image that `open` gives begins
   * with, as in tc_open_options and tc_source, such as a URL and its ETag. Two mosaics share tiles if their parts
   * have the same keys and places, so the same key must stand for the same pixels, of which the same are data;
   * whether that image has this key is not looked at. What is invalidated under `<key>:image:0` is forgotten of the mosaic, also before it is
   * opened; so is what is invalidated under the key that the image turns out to have.
   */
  const char *key;
  /**
   * The column of the mosaic, at level 0, in which its first column lies. It may lie outside, within 2^60 of 0.
   */
  int64_t x;
  /**
   * The row, likewise.
   */
  int64_t y;
  /**
   * Its columns. With a provider 0 or what that has; otherwise required.
   */
  int64_t width;
  /**
   * Its rows, likewise.
   */
  int64_t height;
} tc_mosaic_part;

/**
 * Opens a part: sets *provider to a reference that the library owns from then on, also where it then fails, and
 * gives up when the part is closed. `part` is its place in the array that provider_mosaic got. Returns TC_OK, or
 * another number and may then tell more in `err`, which is never NULL; see tc_source. The image must have the size that was said, and the type,
 * bands and levels of the mosaic. Called from several threads at once, but for one part by one at a time, and only
 * inside calls of the library. A failure is not remembered, and a part that cannot be read is opened anew.
 */
typedef tc_status (*tc_open_part_fn)(void *user,
                                     size_t part,
                                     struct tc_provider **provider,
                                     struct tc_error *err);

/**
 * Options of provider_mosaic. Size-led; copied by the call with all it points to, except `user`.
 */
typedef struct tc_mosaic_options {
  /**
   * sizeof(tc_mosaic_options), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_mosaic_flags.
   */
  uint32_t flags;
  /**
   * What the mosaic is: size, blocks, type, bands, levels, pad and nodata, as in tc_source. All parts must have its
   * type and bands, and at least its levels. Required.
   */
  const struct tc_image_info *image;
  /**
   * What its bands are, as in tc_source. NULL: what `image` says.
   */
  const struct tc_band_info *band_infos;
  /**
   * Its texts, for provider_metadata; with n_texts. NULL and 0: none.
   */
  const struct tc_text *texts;
  /**
   * The length of `texts`.
   */
  size_t n_texts;
  /**
   * Opens the parts that have no provider. NULL: all have one.
   */
  tc_open_part_fn open;
  /**
   * Passed to `open`.
   */
  void *user;
  /**
   * Called once with `user` after the last `open` has returned and the last part that it gave was released by the
   * mosaic. NULL: nothing to release.
   */
  tc_release_fn release;
  /**
   * How many of the parts that `open` gave stay open while no call reads them; those not read for the longest time
   * go first. 0 is 64.
   */
  uint32_t max_open;
  /**
   * 0.
   */
  uint32_t reserved;
} tc_mosaic_options;

/**
 * Options of provider_reader. Size-led; 0 is the default everywhere.
 */
typedef struct tc_reader_options {
  /**
   * sizeof(tc_reader_options), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_reader_flags, of which only one of TC_READ_STREAMING and TC_READ_BYPASS may be set.
   */
  uint32_t flags;
  /**
   * For callbacks that read other providers on threads of their own: the load that the callback works
   * for, from tc_load_current; kept alive. NULL: none. On the thread that called it, a callback needs
   * nothing: the library knows there for which load it reads. On other threads it is to read through a
   * reader with this member, and only until it returns. The library then knows that these reads are a
   * part of that load: they do not wait for max_in_flight of tc_cache_options, of which the load has its share; they
   * end with TC_E_CANCELLED when nobody wants the load any more; and one that needs the very block that
   * the load is making fails with TC_E_REENTRANT, where it would wait for ever.
   */
  const struct tc_load *load;
  /**
   * With TC_READ_FILL: a sample of the image's type, which provider_read_window through this reader, its
   * levels and readers over it writes outside the image instead of pad. Else 0. Tiles at the edge, absent
   * ones and operators over the reader have pad as ever, for other readers share them.
   */
  uint8_t fill[16];
} tc_reader_options;

/**
 * Receives the outcome of a request, once, on a thread of the library.
 *
 * - user: as given with the request.
 * - status: TC_OK, or what went wrong.
 * - tile: a reference that is now yours, to be released with tc_tile_release; NULL unless TC_OK.
 * - err: the details, never NULL; valid during the call.
 *
 * It may call the library, also for further requests; it should be short, for the next request waits
 * for its thread, and it must not wait for another request. It must not throw, unwind or longjmp.
 */
typedef void (*tc_done_fn)(void *user,
                           tc_status status,
                           struct tc_tile *tile,
                           const struct tc_error *err);

/**
 * Options of provider_prefetch. Size-led; 0 is the default everywhere.
 */
typedef struct tc_prefetch_options {
  /**
   * sizeof(tc_prefetch_options), set by you.
   */
  uint32_t struct_size;
  /**
   * The most threads of the cache that work for it at once; 0: all that the cache may have, see
   * tc_cache_options.
   */
  uint32_t threads;
  /**
   * The bands of the tiles, in the order in which they will be asked for; copied. NULL and 0: all.
   */
  const int32_t *bands;
  /**
   * How many.
   */
  size_t n_bands;
} tc_prefetch_options;

/**
 * How far a prefetch came.
 */
typedef struct tc_prefetched {
  /**
   * Tiles that the rectangle touches.
   */
  int64_t tiles;
  /**
   * Those of them that were resident, or are absent from the image, or were made and kept. Tiles are made in row
   * order, so that all before the one where it stopped are among them, unless they failed.
   */
  int64_t ready;
  /**
   * Those that could not be made.
   */
  int64_t failed;
  /**
   * 1 if it stopped because there was no more room for what is made ahead; else 0.
   */
  int64_t full;
} tc_prefetched;

/**
 * Hears how a prefetch ended, once, on a thread of the library.
 *
 * - user: as given with the prefetch.
 * - status: TC_OK, also where there was no more room; TC_E_CANCELLED; or what was wrong with the first tile that
 *   failed.
 * - how_far: how far it came, never NULL; valid during the call.
 * - err: the details, never NULL; valid during the call.
 *
 * It may call the library, also for another prefetch; it should be short, for requests wait for its thread, and it
 * must not wait for a request or a prefetch. It must not throw, unwind or longjmp.
 */
typedef void (*tc_prefetched_fn)(void *user,
                                 tc_status status,
                                 const struct tc_prefetched *how_far,
                                 const struct tc_error *err);

/**
 * A tile of tc_pass_options.tiles. Frozen.
 */
typedef struct tc_pass_tile {
  /**
   * Its row.
   */
  int64_t row;
  /**
   * Its column.
   */
  int64_t col;
} tc_pass_tile;

/**
 * Options of provider_pass. Size-led; 0 is the default everywhere.
 */
typedef struct tc_pass_options {
  /**
   * sizeof(tc_pass_options), set by you.
   */
  uint32_t struct_size;
  /**
   * One of tc_pass_order. 0: TC_PASS_ROWS, or TC_PASS_LIST where there are `tiles`.
   */
  uint32_t order;
  /**
   * The level of the tiles.
   */
  int32_t level;
  /**
   * The most threads of the cache that make tiles ahead while others are looked at; no more than the cache may have,
   * see tc_cache_options. 0: none, tiles are made when they are asked for.
   */
  uint32_t threads;
  /**
   * The bands of the tiles, in the order in which they will be asked for; copied. NULL and 0: all.
   */
  const int32_t *bands;
  /**
   * How many.
   */
  size_t n_bands;
  /**
   * With TC_PASS_LIST: the tiles in the order in which they will be asked for, the same one as often as it will be;
   * copied. Else NULL.
   */
  const struct tc_pass_tile *tiles;
  /**
   * How many; 0 without a list.
   */
  size_t n_tiles;
} tc_pass_options;

/**
 * Takes a part of a text that is too long for a buffer of the caller's.
 *
 * - user: as given with the function.
 * - text, bytes: the next part, of so many bytes; all parts together are UTF-8, without a NUL; valid during the call.
 * - err: may tell more of a failure; never NULL.
 *
 * Returns TC_OK, or another number, which ends the call that writes: see CALLBACKS at the top. Called on the thread that
 * made that call, inside of it, with no lock held. It must not throw, unwind or longjmp.
 */
typedef tc_status (*tc_write_fn)(void *user, const char *text, size_t bytes, struct tc_error *err);

/**
 * A block of a source, with all its bands. Size-led, filled in by the library; valid during the call that it is given to,
 * with all that it points to.
 */
typedef struct tc_tier_block {
  /**
   * sizeof(tc_tier_block) of the library.
   */
  uint32_t struct_size;
  /**
   * The sample type.
   */
  tc_dtype dtype;
  /**
   * What the source is called on all machines: `id:` and the text of tc_open_options.fleet_id or tc_source.fleet_id, or
   * `sum:` and what TC_OPEN_FLEET_DIGEST computes. UTF-8.
   */
  const char *source;
  /**
   * Bytes that tell the block from all others on all machines, but for the generation: the identity, which image, level
   * and mask of it, bands, type, sizes, place, and a number that rises when the library makes other pixels of the same
   * file. A digest of these and the generation is the key of the block in a store.
   */
  const void *material;
  /**
   * How many.
   */
  size_t material_bytes;
  /**
   * tc_generation.counter of the block: for `put` that with which its decode began.
   */
  uint64_t generation_counter;
  /**
   * tc_generation.random of the block.
   */
  uint64_t generation_random;
  /**
   * Columns of the pixels. All together they have width * height * bands * sample_bytes bytes, row by row and band by
   * band, in the byte order of the machine.
   */
  int64_t width;
  /**
   * Rows.
   */
  int64_t height;
  /**
   * Bands.
   */
  int32_t bands;
  /**
   * Bytes of a sample.
   */
  uint32_t sample_bytes;
  /**
   * The level of the source, for logs.
   */
  int64_t level;
  /**
   * The row in its grid.
   */
  int64_t row;
  /**
   * The column.
   */
  int64_t col;
  /**
   * How long a block of the source takes to decode, as of late, in nanoseconds; 0: not known yet. Where the store takes
   * longer, TC_TIER_MISS is the better answer.
   */
  uint64_t decode_ns;
} tc_tier_block;

/**
 * What a tier counts of itself, for statistics. Size-led; the library sets struct_size, and 0 in all else.
 */
typedef struct tc_tier_account {
  /**
   * sizeof(tc_tier_account) of the library: write no more than that.
   */
  uint32_t struct_size;
  /**
   * One of tc_tier_state.
   */
  uint32_t state;
  /**
   * Failures to reach the store.
   */
  uint64_t unreachable;
  /**
   * Answers of the store that were late.
   */
  uint64_t late;
  /**
   * Values that were torn, cut, of another version, or flipped.
   */
  uint64_t garbage;
  /**
   * Values that nobody with the secret wrote.
   */
  uint64_t forged;
  /**
   * Puts that the store had no room for.
   */
  uint64_t full;
  /**
   * What was refused: a password, a value that is too large.
   */
  uint64_t refused;
  /**
   * Round trips to the store.
   */
  uint64_t round_trips;
  /**
   * Bytes sent.
   */
  uint64_t bytes_sent;
  /**
   * Bytes received.
   */
  uint64_t bytes_received;
  /**
   * Blocks for which the store was not asked, for it was open, or a decode was cheaper.
   */
  uint64_t skipped;
} tc_tier_account;

/**
 * A store of blocks behind the memory of a cache: files, a store on the network. Size-led; copied by tc_set_tier.
 *
 * What goes there are blocks of sources as they were decoded, with all bands, of sources that have an identity on all
 * machines (tc_open_options.fleet_id, tc_source.fleet_id). A request asks for all blocks that it needs and that are
 * neither in memory nor being made, before any of them is decoded: `get`, and for those that are not there `lease`. No
 * lock, no place among the loads of tc_cache_options.max_in_flight and no session is held meanwhile, and
 * provider_request_block keeps no thread. A caller that waits goes on when an answer is late, and when it is cancelled.
 * Blocks with absent pixels are never asked for.
 *
 * The functions are called on any thread, several at once, with no lock held; but for `purge` all should return at once.
 * They may call tc_tier_answer and the other tc_tier_ functions, and must not throw, unwind or longjmp.
 */
typedef struct tc_tier {
  /**
   * sizeof(tc_tier), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_tier_flags.
   */
  uint32_t flags;
  /**
   * Passed to all functions.
   */
  void *user;
  /**
   * The longest that a request waits for an answer to `get` or to `lease` with `wait` 0, in nanoseconds. 0 is 100 ms.
   */
  uint64_t get_ns;
  /**
   * The longest that it waits for an answer to `lease` with `wait` 1. 0 is a minute.
   */
  uint64_t lease_ns;
  /**
   * The most bytes of blocks that wait to be put, which take room of the budget meanwhile; more are dropped and
   * counted. 0 is a sixteenth of the budget.
   */
  uint64_t queue_bytes;
  /**
   * Called once, inside tc_set_tier, with a reference that is yours. Required.
   */
  void (*attach)(void *user, struct tc_tier_link *link);
  /**
   * Asks for a block: tc_tier_answer with `ticket`, once, inside the call or later from any thread, until `deadline_ns`
   * of CLOCK_MONOTONIC; what comes later comes to nothing. A ticket that is never answered keeps the cache alive as long
   * as somebody waits for it. Required.
   */
  void (*get)(void *user, const struct tc_tier_block *block, uint64_t deadline_ns, uint64_t ticket);
  /**
   * Takes a block that was decoded, or with TC_TIER_PUT_EVICTED one that leaves the memory. It does not write it here, but enqueues it for a thread of yours. `pixels` may be
   * read until tc_tier_taken with `parcel`, which must come once. lease: what tc_tier_answer said with TC_TIER_LEASED,
   * which ends when the block is put or dropped; else 0. NULL: nothing is put.
   */
  void (*put)(void *user,
              const struct tc_tier_block *block,
              uint64_t lease,
              const struct tc_pixels *pixels,
              uint64_t parcel);
  /**
   * Asks for the right to decode a block that `get` did not find, so that other processes wait for it. With `wait` 0 the
   * answer is TC_TIER_LEASED, TC_TIER_BUSY, TC_TIER_MISS: decode it without, or TC_TIER_PIXELS: the block was put since
   * `get` (a tier should look once more when it has got a lease, and then give it back itself). With `wait` 1, after TC_TIER_BUSY, it is
   * the first of TC_TIER_PIXELS, TC_TIER_LEASED when the lease was free again without a block, and TC_TIER_MISS when the
   * tier gives up. A lease lasts until `put` or `unlease`, one of which always comes; a tier whose leases end by
   * themselves, lest a process that died keep one, renews them until then. NULL: there are none.
   */
  void (*lease)(void *user,
                const struct tc_tier_block *block,
                int32_t wait,
                uint64_t deadline_ns,
                uint64_t ticket);
  /**
   * Ends a lease without a put: the decode failed, or nobody wants it any more. Required with `lease`, else NULL.
   */
  void (*unlease)(void *user, const struct tc_tier_block *block, uint64_t lease);
  /**
   * watched 1: from now on the tier is to tell the generation of a source by tc_tier_changed, at once and whenever it
   * changes. Until it does so for the first time the source is suspect. 0: it need not any more. NULL: sources never
   * change, but by provider_invalidate, after which nothing of them is asked.
   */
  void (*generation)(void *user, const char *source, int32_t watched);
  /**
   * The pixels of a source have changed: makes a new generation in the store, tells it by tc_tier_changed, and returns
   * when no process uses memory of the one before. TC_OK only if the store took it; else TC_E_UNREACHABLE or another
   * status, with a message. It may take its time. NULL: provider_invalidate_fleet is TC_E_UNSUPPORTED.
   */
  tc_status (*purge)(void *user, const char *source, struct tc_error *err);
  /**
   * Fills in what the tier counts, for statistics. NULL: nothing.
   */
  void (*health)(void *user, struct tc_tier_account *health);
  /**
   * Called once, when the cache is gone and no ticket and no parcel is open: no other call comes after it. On whatever
   * thread gives up the last reference, also on one of yours inside tc_tier_answer or tc_tier_taken. Required.
   */
  void (*release)(void *user);
  /**
   * Called on a thread that has called `get` or `lease` for all blocks that it needs now, before it waits for them: a
   * tier may ask its store for all at once. NULL: nothing to do.
   */
  void (*flush)(void *user);
  /**
   * Called by tc_flush_tier when all parcels were taken: returns 1 when what was put is stored or dropped, or 0 after
   * `timeout_ns` nanoseconds. It may take its time until then. NULL: what was taken is stored.
   */
  int32_t (*settle)(void *user, uint64_t timeout_ns);
} tc_tier;

/**
 * What happened between a cache and its tier. Size-led.
 */
typedef struct tc_tier_stats {
  /**
   * sizeof(tc_tier_stats), set by you.
   */
  uint32_t struct_size;
  /**
   * One of tc_tier_state, as the tier says.
   */
  uint32_t state;
  /**
   * Blocks that the tier was asked for.
   */
  uint64_t gets;
  /**
   * Those that it had, at once or after a wait for another process.
   */
  uint64_t hits;
  /**
   * The bytes of their pixels.
   */
  uint64_t hit_bytes;
  /**
   * The time from those questions to their answers, in nanoseconds, summed.
   */
  uint64_t hit_nanoseconds;
  /**
   * Answers that a block is not there.
   */
  uint64_t misses;
  /**
   * Questions that were not answered in time.
   */
  uint64_t late;
  /**
   * Answers that could not be: another size or type, another outcome.
   */
  uint64_t refused;
  /**
   * Leases that this process got.
   */
  uint64_t leases_won;
  /**
   * Blocks that came from another process which had the lease.
   */
  uint64_t leases_waited;
  /**
   * Waits for another process that ended without the block.
   */
  uint64_t leases_given_up;
  /**
   * Blocks given to the tier to be put.
   */
  uint64_t puts;
  /**
   * The bytes of their pixels.
   */
  uint64_t put_bytes;
  /**
   * Blocks that were not, because the queue was full.
   */
  uint64_t puts_dropped;
  /**
   * Bytes of blocks that wait to be put now.
   */
  uint64_t queued;
  /**
   * Blocks for which nothing was asked, because their source has no identity on all machines.
   */
  uint64_t unnamed;
  /**
   * Or because it was invalidated here alone, its purge failed, or its file was replaced by another one.
   */
  uint64_t left;
  /**
   * Or because it was not known whether it has changed.
   */
  uint64_t suspect;
  /**
   * Changes of sources that the tier told of.
   */
  uint64_t changes;
  /**
   * Times at which it became unknown whether a source has changed.
   */
  uint64_t suspicions;
  /**
   * Purges that succeeded.
   */
  uint64_t purges;
  /**
   * Purges that failed.
   */
  uint64_t purges_failed;
  /**
   * What the tier says of itself: failures to reach the store.
   */
  uint64_t unreachable;
  /**
   * Answers of the store that were late.
   */
  uint64_t store_late;
  /**
   * Values that were torn, cut, of another version, or flipped.
   */
  uint64_t garbage;
  /**
   * Values that nobody with the secret wrote.
   */
  uint64_t forged;
  /**
   * Puts that the store had no room for.
   */
  uint64_t full;
  /**
   * What the store refused.
   */
  uint64_t denied;
  /**
   * Round trips to the store.
   */
  uint64_t round_trips;
  /**
   * Bytes sent.
   */
  uint64_t bytes_sent;
  /**
   * Bytes received.
   */
  uint64_t bytes_received;
  /**
   * Blocks for which the tier did not ask its store.
   */
  uint64_t skipped;
  /**
   * Bytes of blocks in memory that are put when they leave it, with TC_TIER_PUT_EVICTED.
   */
  uint64_t owed;
} tc_tier_stats;

/**
 * Which pixels of a source a tier means. Frozen. All 0 where the tier does not tell when sources change.
 */
typedef struct tc_generation {
  /**
   * Rises with each change.
   */
  uint64_t counter;
  /**
   * Random bits, which tell apart what has the same counter.
   */
  uint64_t random;
} tc_generation;

/**
 * Hears how far a long call has come; GDAL's GDALProgressFunc.
 *
 * - done: how much of the work is done, from 0 to 1; never less than before.
 * - text: empty, never NULL; valid during the call.
 * - user: as given with the function.
 *
 * Returns 0 to end the work, which then fails with TC_E_CANCELLED; anything else to go on. Called on the thread that
 * made the long call, inside of it, with no lock held. It must not throw, unwind or longjmp.
 */
typedef int (*tc_progress_fn)(double done, const char *text, void *user);

/**
 * Options of provider_pixel_stats. Size-led; 0 is the default everywhere: all pixels of the full image, by the calling
 * thread.
 */
typedef struct tc_sample_options {
  /**
   * sizeof(tc_sample_options), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_sample_flags.
   */
  uint32_t flags;
  /**
   * Threads that work at once, the calling one among them, at most 1,024. 0: that alone. The others exist only
   * during the call.
   */
  uint32_t threads;
  /**
   * The level whose pixels are looked at.
   */
  int32_t level;
  /**
   * Hears how far the call has come. NULL: nobody.
   */
  tc_progress_fn progress;
  /**
   * Passed to `progress`.
   */
  void *progress_user;
  /**
   * With TC_SAMPLE_EXACT: the percentiles that are made exact, each from 0 to 100; with n_percents, at most 1,000;
   * copied. NULL and 0: 0.1, 0.5, 1, 2, 2.5, 5, 10, 25, 50, 75, 90, 95, 97.5, 98, 99, 99.5 and 99.9.
   */
  const double *percents;
  /**
   * The length of `percents`.
   */
  size_t n_percents;
} tc_sample_options;

/**
 * What statistics speak of. Frozen.
 */
typedef struct tc_pixel_stats_about {
  /**
   * Bands.
   */
  int32_t bands;
  /**
   * The level whose pixels were looked at.
   */
  int32_t level;
  /**
   * TC_SAMPLE_WINDOWS: only the windows that it describes. TC_SAMPLE_STORED: they stood in the file or beside it, and
   * no pixel was looked at.
   */
  uint32_t flags;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * The bytes of their counters.
   */
  uint64_t table_bytes;
} tc_pixel_stats_about;

/**
 * The numbers of a band. Frozen.
 */
typedef struct tc_band_stats {
  /**
   * Pixels that were looked at.
   */
  int64_t count;
  /**
   * Valid pixels: those that are data and finite. All that follows speaks of them.
   */
  int64_t valid;
  /**
   * Data that is NaN.
   */
  int64_t nan;
  /**
   * Data that is infinite.
   */
  int64_t infinite;
  /**
   * The smallest value; NaN, as all that follows, if no pixel is valid.
   */
  double minimum;
  /**
   * The largest value.
   */
  double maximum;
  /**
   * The mean: the exact one, rounded once.
   */
  double mean;
  /**
   * The population standard deviation: the root of the exact variance, which was rounded once. 0 if all values
   * are equal.
   */
  double deviation;
} tc_band_stats;

/**
 * What a chain takes and gives, as its text alone tells. Size-led.
 */
typedef struct tc_chain_about {
  /**
   * sizeof(tc_chain_about), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_chain_flags.
   */
  uint32_t flags;
  /**
   * The source must have so many bands at least.
   */
  int32_t least_bands;
  /**
   * And so many at most; 0 is any number.
   */
  int32_t most_bands;
  /**
   * The bands of the output. 0 where that depends on the source: as many as this has, and one more with
   * TC_CHAIN_ALPHA; of a palette that is not resolved, three or four.
   */
  int32_t bands;
  /**
   * The sample type of the output; 0 is that of the source.
   */
  tc_dtype dtype;
  /**
   * What the first four bands of the output are, as far as the text tells.
   */
  tc_colour colours[4];
} tc_chain_about;

/**
 * Options of provider_convert. Size-led; 0 is the default that each member names. Copied by the call.
 */
typedef struct tc_convert_options {
  /**
   * sizeof(tc_convert_options), set by you.
   */
  uint32_t struct_size;
  /**
   * The sample type of the output: TC_U8, TC_U16, TC_F32 or TC_F64. 0: TC_U8.
   */
  tc_dtype dtype;
  /**
   * Bits of tc_convert_flags.
   */
  uint32_t flags;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * The sample that becomes the least value of the output: 0, as what is below.
   */
  double low;
  /**
   * The sample that becomes the greatest: all of an integer type, 1 in floats; as what is above. `low` and `high`
   * both 0: not given.
   */
  double high;
  /**
   * The percentile that does instead of `low`, by `stats`.
   */
  double low_percent;
  /**
   * The percentile that does instead of `high`. Both 0: not given. If limits are not given either, all values of the
   * significant bits of the source, whose type must be unsigned; in floats, samples as they are.
   */
  double high_percent;
  /**
   * Values between are raised to 1 / gamma: above 1 brightens. 0: 1.
   */
  double gamma;
  /**
   * The bands, in any order; with n_bands. NULL and 0: all.
   */
  const int32_t *bands;
  /**
   * The length of `bands`.
   */
  size_t n_bands;
  /**
   * The statistics of the source, for percentiles; used during the call. NULL: none.
   */
  const struct tc_pixel_stats *stats;
} tc_convert_options;

/**
 * A colour of a palette. Frozen.
 */
typedef struct tc_rgba {
  /**
   * Red, 0 to 255.
   */
  uint8_t red;
  /**
   * Green.
   */
  uint8_t green;
  /**
   * Blue.
   */
  uint8_t blue;
  /**
   * Opacity; 255 is opaque.
   */
  uint8_t alpha;
} tc_rgba;

/**
 * Options of tc_build_pyramid. Size-led; 0 is the default everywhere.
 */
typedef struct tc_build_options {
  /**
   * sizeof(tc_build_options), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_build_flags. Without TC_BUILD_BIG and TC_BUILD_SMALL it is BigTIFF where tiles that do not compress
   * would need it.
   */
  uint32_t flags;
  /**
   * One of tc_build_layout. 0: TC_BUILD_TILED.
   */
  uint32_t layout;
  /**
   * One of tc_build_compression. 0: TC_BUILD_DEFLATE.
   */
  uint32_t compression;
  /**
   * One of tc_build_predictor. 0 under deflate, zstd and LZW: TC_BUILD_DIFFERENCES for whole numbers,
   * TC_BUILD_FLOATS for floats, TC_BUILD_SAMPLES for complex samples and palettes; else TC_BUILD_SAMPLES.
   */
  uint32_t predictor;
  /**
   * How hard deflate (1 to 12) or zstd (1 to 22) tries. 0: 6 and 9.
   */
  uint32_t effort;
  /**
   * The quality of JPEG, 1 to 100. 0: 75.
   */
  uint32_t quality;
  /**
   * One of tc_filter, with which missing levels are made. 0: TC_FILTER_AVERAGE; TC_FILTER_NEAREST for indices of a
   * palette.
   */
  uint32_t filter;
  /**
   * How many levels there are with the full image, 1 (TC_BUILD_OVERVIEWS: 2) to 32. 0: as many as the source has,
   * and then up to the first that fits one tile.
   */
  int32_t levels;
  /**
   * Threads that work at once, the calling one among them, at most 1,024. 0: that alone. The others exist only
   * during the call.
   */
  uint32_t threads;
  /**
   * Columns of a tile, a multiple of 16 up to 32,768. 0: 512.
   */
  int64_t tile_width;
  /**
   * Rows of a tile, likewise.
   */
  int64_t tile_height;
  /**
   * Hears how far the call has come. NULL: nobody.
   */
  tc_progress_fn progress;
  /**
   * Passed to `progress`.
   */
  void *progress_user;
} tc_build_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 * ======== LIBRARY ========
 */

/**
 * The version of the library that runs: major << 16 | minor << 8 | patch. It should have the same
 * major part as TC_LIBRARY_VERSION (below 1.0 also the same minor part).
 *
 * Cannot fail. Thread-safe.
 */
uint32_t tc_library_version(void);

/**
 * The name of a status, such as "TC_E_RANGE"; "unknown status" for other numbers. Never NULL; the
 * text is static.
 *
 * Cannot fail. Thread-safe.
 */
const char *tc_status_name(tc_status status);

/**
 * The bytes of memory that this process may use: the smallest of what the machine has, what its
 * control groups allow and the limit of its address space. A cache of a fixed share of it suits
 * laptops and containers alike.
 *
 * Cannot fail; UINT64_MAX where nothing is known. Thread-safe.
 */
uint64_t tc_memory_limit(void);

/**
 * A budget in bytes that suits most programs: the smaller of 5 GiB and half of tc_memory_limit().
 *
 * Cannot fail. Thread-safe.
 */
uint64_t tc_default_budget(void);

/**
 * How many files of provider_open the library keeps open at most, in the whole process; at first half
 * of the descriptors that the system allows the process. A file that was not read lately gives its
 * descriptor back to another, and is opened again by its path when it is read. It must be the same then:
 * one that was replaced, modified or deleted meanwhile fails with TC_E_CHANGED. Threads that read at this
 * moment may have one more open each.
 *
 * - most: at least 1; 0 is half of what the system allows at each opening (RLIMIT_NOFILE). With a
 *   smaller number than before, descriptors are closed in this call.
 *
 * Cannot fail. Thread-safe.
 */
void tc_set_open_files(uint64_t most);

/**
 * How many bytes of the indexes of files the library keeps at most, in the whole process: parts of 64 KiB of
 * the tables that tell where the blocks of a TIFF lie, read when a block is asked for, and what its
 * directories were found to say. They are kept once for all openings of a file (of bytes of yours, for one
 * provider), and beside the budgets of caches; what was not used lately goes, and is read again when it is
 * needed. `index` of tc_cache_stats tells how many bytes are kept.
 *
 * - most: 32 MiB at first; 0 keeps nothing. With a smaller number than before, memory is given back in
 *   this call.
 *
 * Cannot fail. Thread-safe.
 */
void tc_set_index_bytes(uint64_t most);

/**
 * Calls the release functions that were put off, by TC_PIXELS_DEFER_RELEASE or TC_IMAGE_DEFER_RELEASE,
 * on the calling thread. For languages whose collector releases tiles where no code of theirs may run.
 *
 * Returns how many. Cannot fail. Thread-safe.
 */
size_t tc_run_releases(void);

/*
 * ======== CACHE ========
 */

/**
 * Makes a cache of at most `max_bytes`. 0 keeps nothing, but threads still share what they load at
 * the same time. Any number of caches may exist.
 *
 * - options: NULL is all defaults.
 * - cache: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT for a NULL `cache` or bad options, TC_E_RANGE for a share above 100.
 * Thread-safe.
 */
tc_status tc_create(uint64_t max_bytes,
                    const struct tc_cache_options *options,
                    struct tc_cache **cache,
                    struct tc_error *err);

/**
 * One more reference to a cache. Returns `cache`; NULL gives NULL.
 *
 * Cannot fail. Thread-safe.
 */
struct tc_cache *tc_retain(struct tc_cache *cache);

/**
 * Gives up a reference to a cache; with the last one, and the last provider made with it, the cache
 * goes. Tiles in your hands stay valid. NULL does nothing.
 *
 * Cannot fail; never waits for a load. May run release functions of your memory. Thread-safe.
 */
void tc_release(struct tc_cache *cache);

/**
 * Changes the budget. A smaller one evicts at once, the oldest uses first, and gives the memory back
 * to the system; tiles that callers hold stay valid, outside the budget if need be.
 *
 * - cache: required.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_set_budget(struct tc_cache *cache,
                        uint64_t max_bytes,
                        struct tc_error *err);

/**
 * Gives memory back now, for programs that hear that memory is short. The budget stays: what is asked for
 * afterwards takes room again.
 *
 * First goes what is kept for the next tile, then tiles that nobody holds, the oldest uses first, as when room is
 * made; those below the guarantee of tc_set_share only when there are no others. It ends as soon as at least
 * `bytes` are given back, so the last tile may be more than was needed, or when nothing is left that may go. Tiles
 * that callers hold, and loads in progress, are unaffected. Other calls get their turn in between, and what they
 * bring in meanwhile is not given back. Memory that another cache counts too, or that you lent, goes when its last
 * user does. Small buffers come from the allocator, which gives back what it can.
 *
 * - cache: required.
 * - bytes: at least so many; UINT64_MAX is all that nobody holds. 0 does nothing.
 * - given_back: receives by how much `resident` of tc_cache_stats has become less, bookkeeping included; 0 on
 *   failure. NULL: not wanted.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT. May run release functions of memory that you lent. Thread-safe.
 */
tc_status tc_trim(struct tc_cache *cache,
                  uint64_t bytes,
                  uint64_t *given_back,
                  struct tc_error *err);

/**
 * Gives the tiles of one key a share of the cache of their own.
 *
 * - cache: required.
 * - key: required, what provider_key says, or a key of tc_put; the cache need not know it yet.
 * - maximum: bytes; where its tiles would take more, the oldest of them go first, even if the cache has
 *   room. Tiles that callers hold do not go; if they leave no room below the maximum, a new tile lives
 *   outside the budget. 0 for none.
 * - guarantee: bytes; tiles of other keys take no room from this key's as long as less than that would
 *   stay. Not kept free: others may use it until this key needs it. 0 for none.
 * - err: may be NULL.
 *
 * Counted are the tiles that were entered under this key, 256 bytes of bookkeeping each, and room for
 * those being loaded. Providers made from it, such as a retiled one, have keys and shares of their own.
 * Otherwise the order is that of the whole cache: the tile whose last use is oldest goes, of all those
 * that may go.
 *
 * A share lasts as long as the cache, whatever becomes of providers, or until both numbers are set to
 * 0. If the budget is shrunk below the sum of the guarantees, each counts in proportion, until the
 * budget grows again. Setting a share takes time in proportion to the tiles in the cache, and looking
 * for the tile that goes takes time in proportion to the number of shares.
 *
 * Errors: TC_E_ARGUMENT also if the guarantee is above the maximum, or all guarantees together are
 * above the budget. Thread-safe.
 */
tc_status tc_set_share(struct tc_cache *cache,
                       const char *key,
                       uint64_t maximum,
                       uint64_t guarantee,
                       struct tc_error *err);

/**
 * Forgets all tiles and gives their memory back. Loads in progress are unaffected, and tiles that
 * callers hold stay valid. Counters are not reset.
 *
 * - cache: required.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_clear(struct tc_cache *cache, struct tc_error *err);

/**
 * What the cache holds and has done.
 *
 * - cache: required.
 * - stats: required, with struct_size set; the other members are 0 on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_statistics(const struct tc_cache *cache,
                        struct tc_cache_stats *stats,
                        struct tc_error *err);

/**
 * A tile by the key of its image, if the cache has it; a use. Never decodes.
 *
 * - key: required, what provider_key says, or the key under which tc_put put it.
 * - row, col, level: of the grid of that image.
 * - bands, n_bands: NULL and 0 for all. A tile that has more bands serves some of them. What was put as a
 *   list of bands under a key that no provider has is not known to be all of them.
 * - tile: receives a reference that you own and release with tc_tile_release; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_NOT_RESIDENT if the cache does not have it, TC_E_ARGUMENT, TC_E_RANGE for negative
 * numbers, TC_E_NO_MEMORY if bands have to be gathered. Thread-safe.
 */
tc_status tc_get(struct tc_cache *cache,
                 const char *key,
                 int64_t row,
                 int64_t col,
                 int32_t level,
                 const int32_t *bands,
                 size_t n_bands,
                 struct tc_tile **tile,
                 struct tc_error *err);

/**
 * tc_get without being a use: the tile keeps its place in the order of eviction. Never waits.
 *
 * Arguments and errors as for tc_get. Thread-safe.
 */
tc_status tc_peek(struct tc_cache *cache,
                  const char *key,
                  int64_t row,
                  int64_t col,
                  int32_t level,
                  const int32_t *bands,
                  size_t n_bands,
                  struct tc_tile **tile,
                  struct tc_error *err);

/**
 * Puts a tile under a key; a use. It replaces one that is there; handles of the old tile keep their pixels.
 *
 * As long as the tile is in the cache, every request that begins after this call shows it: blocks,
 * windows and selections of bands, and all that is built on the key, as levels, retiled and mapped tiles
 * are. What was built on the old pixels is forgotten in every cache. If the cell has tiles with some of
 * these bands and with others too, they become one tile with the new pixels.
 *
 * A put made within a read_block, read_window or map callback hands over pixels that its source has
 * beside those asked for: it forgets nothing that was built.
 *
 * - key: required; a key of your own, or that of a provider made with this cache, whose tile
 *   (row, col) at `level` must have the size, type and bands of `pixels`. A level with a grid of its own
 *   has a key of its own: that of the provider which provider_level gives. Under a key that no provider
 *   has, a tile need only have the size and type of the one that it replaces.
 * - bands, n_bands: which bands of the image the pixels are, each of them once and in any order: the
 *   pixels have just as many; NULL and 0 for all.
 * - pixels: required. Strides of both 0 are packed, valid_width and valid_height of 0 are all.
 * - release: NULL copies the pixels before the call returns. Otherwise, if the strides are as
 *   tc_pixels asks and `data` is aligned to its type, the cache lends your memory out without a copy:
 *   it must stay readable and unchanged until release(user) is called, once, when the cache and all
 *   tiles have given it up, possibly before this call returns; with TC_PIXELS_DEFER_RELEASE by
 *   tc_run_releases. With other strides the pixels are
 *   copied and release(user) is called before the call returns. On failure release is not called.
 * - user: passed to `release`.
 * - err: may be NULL.
 *
 * Memory that you lend takes nothing from the budget, whatever its size, but the bookkeeping of its tile: a
 * cache of 10 MiB keeps 100 MiB of it, unless TC_PIXELS_COUNTED says that it counts like memory of the
 * library. Then it is evicted like that too, and `release` called, on the thread of the call that needs the
 * room and without a lock of the library, but never while somebody holds the tile. `lent` of tc_cache_stats
 * tells how much there is. A tile that finds no room is not an error: it counts as rejected, and what was lent
 * for it and counts is released before the call returns.
 *
 * Errors: TC_E_ARGUMENT also if the tile does not fit its key or its bands, or a band is named twice;
 * TC_E_RANGE also for a band that the image does not have, or from 65536 on; TC_E_LIMIT, TC_E_NO_MEMORY.
 * Thread-safe.
 */
tc_status tc_put(struct tc_cache *cache,
                 const char *key,
                 int64_t row,
                 int64_t col,
                 int32_t level,
                 const int32_t *bands,
                 size_t n_bands,
                 const struct tc_pixels *pixels,
                 tc_release_fn release,
                 void *user,
                 struct tc_error *err);

/**
 * Forgets a tile. Whoever holds it keeps it, and a load in progress is unaffected.
 *
 * Arguments as for tc_get, but only the tile of just these bands goes; one that has more stays.
 *
 * Errors: TC_E_NOT_RESIDENT if the cache does not have it, TC_E_ARGUMENT, TC_E_RANGE. Thread-safe.
 */
tc_status tc_remove(struct tc_cache *cache,
                    const char *key,
                    int64_t row,
                    int64_t col,
                    int32_t level,
                    const int32_t *bands,
                    size_t n_bands,
                    struct tc_error *err);

/*
 * ======== SOURCES ========
 */

/**
 * Opens an image file by its content, whatever its name: TIFF, BigTIFF and COG; JPEG 2000, as JP2 or raw
 * codestream; NITF 2.0, NITF 2.1 and NSIF 1.0, whose R-sets beside the file are its levels; PNG; JPEG. It is read
 * as blocks are asked for, from all threads at once. provider_format says what it is, and tc_format_info
 * what is read of each format.
 *
 * Overviews in a TIFF that are smaller by a power of two are levels, whatever their exact size. Levels that
 * the file leaves out below them are there, but have no block, and give TC_E_NOT_FOUND when they are read.
 * Overviews of other factors are images of their own, see provider_image_count.
 *
 * What lies beside the file belongs to its first image, as in GDAL: TIFF files with overviews (`.ovr`), with a mask of all
 * bands (`.msk`, of GDAL, and `.msk.ovr`), and what GDAL knows of the image (`.aux.xml`): nodata values, colours, where it lies, and texts
 * for provider_metadata (statistics, histograms, descriptions, colour tables, items); of NITF the R-sets too (`.r1`, `.r2`
 * ..., `.hr1` ..., behind the name or in place of its extension), of every image. World files are looked for as
 * provider_georef says. Overviews and masks in a TIFF go
 * before those beside it, nodata values beside it before its own; with other formats it is the other way round. One
 * that is damaged or does not fit is left out, and a text TC:WARNING:1, TC:WARNING:2 ... says so, unless
 * TC_OPEN_STRICT is set. The key
 * names those that change pixels, levels or nodata, unless tc_open_options.key is its beginning.
 *
 * - path: required; the system's own bytes (on Windows UTF-8), copied.
 * - options: NULL is all defaults.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * The file stays open until the provider goes, unless others need its descriptor; see tc_set_open_files.
 * While it is open, a file renamed over keeps being read from its old content; once its descriptor was
 * given back, blocks fail with TC_E_CHANGED. So they do for a file changed in place, which is noticed by
 * its size and times. Not noticed is a change of equal size within the clock step of the file system.
 *
 * Errors: TC_E_NOT_FOUND if there is no such file or image, TC_E_IO, TC_E_CORRUPT, TC_E_UNSUPPORTED,
 * TC_E_LIMIT, TC_E_RANGE, TC_E_ARGUMENT. Messages name the format, the place in the file and the value.
 * Thread-safe.
 */
tc_status provider_open(const char *path,
                        const struct tc_open_options *options,
                        struct tc_provider **provider,
                        struct tc_error *err);

/**
 * How many images a file holds, for tc_open_options.image. Where the file is damaged behind its first
 * images, the damage counts as one more, which cannot be opened. A NITF segment whose two bands are
 * the parts of complex numbers (I and Q, or amplitude and phase of SICD) is an image of one complex
 * band; behind all segments follow such segments once more, in their order, each as its two bands.
 *
 * - path: required.
 * - count: receives the number; 0 on failure.
 * - err: may be NULL.
 *
 * Errors: as provider_open. Thread-safe.
 */
tc_status provider_image_count(const char *path,
                               int32_t *count,
                               struct tc_error *err);

/**
 * provider_open over bytes of yours. Files beside it are those that tc_open_options.open_beside opens.
 *
 * - io: required.
 * - options: NULL is all defaults.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * After a success the library calls io->release once, after the last read_at; after a failure it does
 * not call it.
 *
 * Errors: as provider_open, and TC_E_SOURCE if read_at or open_beside fails. Thread-safe.
 */
tc_status provider_open_io(const struct tc_io *io,
                           const struct tc_open_options *options,
                           struct tc_provider **provider,
                           struct tc_error *err);

/**
 * provider_image_count over bytes of yours.
 *
 * - io: required; used during the call only, io->release is not called.
 * - count: receives the number; 0 on failure.
 * - err: may be NULL.
 *
 * Errors: as provider_open_io. Thread-safe.
 */
tc_status provider_image_count_io(const struct tc_io *io, int32_t *count, struct tc_error *err);

/**
 * An image made of callbacks.
 *
 * - source: required; copied with all it points to, except `user`.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * After a success the library calls source->release once, after the last callback; after a failure it
 * does not call it.
 *
 * Errors: TC_E_ARGUMENT, TC_E_RANGE, TC_E_LIMIT if the image cannot be, if its key had more than 65,536 bytes, or if
 * more than 128 images were made one from another. Thread-safe.
 */
tc_status provider_from_source(const struct tc_source *source,
                               struct tc_provider **provider,
                               struct tc_error *err);

/**
 * An image in memory of yours.
 *
 * - array: required; its pixels must stay readable and unchanged until release(user).
 * - image: what else is known of it, of the same size, type and number of bands, with one level; NULL:
 *   one block and nothing else.
 * - key: what the key of the image begins with, see provider_key; NULL: a number that is never used again.
 * - release: NULL if the memory outlives all providers and tiles; else called once, when the last of
 *   them is gone, or later with TC_IMAGE_DEFER_RELEASE; after a failure it is not called.
 * - user: passed to `release`.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Where the strides of the array are as tc_pixels asks and `data` is aligned to its type, tiles are
 * views of your memory, without a copy. Otherwise each block is copied when it is asked for.
 *
 * Errors: TC_E_ARGUMENT, TC_E_RANGE, TC_E_LIMIT. Thread-safe.
 */
tc_status provider_from_memory(const struct tc_target *array,
                               const struct tc_image_info *image,
                               const char *key,
                               tc_release_fn release,
                               void *user,
                               struct tc_provider **provider,
                               struct tc_error *err);

/*
 * ======== FORMATS ========
 */

/**
 * How many file formats provider_open reads.
 *
 * Cannot fail. Thread-safe.
 */
size_t tc_format_count(void);

/**
 * A file format that provider_open reads. Later versions of the library may have more, at any place.
 *
 * - index: from 0 to below tc_format_count().
 * - format: required, with struct_size set; the other members are 0 on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE if there is no such format, TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_format_info(size_t index,
                         struct tc_format *format,
                         struct tc_error *err);

/*
 * ======== OPERATORS ========
 */

/**
 * The same image, its blocks kept in a cache: same key, same description, same pixels. The source
 * itself, retained, if its blocks are looked up in that cache already.
 *
 * - source, cache: required; each kept alive by the result.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT, also if the cache knows the key with another size, block size, type or number of bands;
 * TC_E_LIMIT for a stack that is too high. Thread-safe.
 */
tc_status provider_cached(struct tc_provider *source,
                          struct tc_cache *cache,
                          struct tc_provider **provider,
                          struct tc_error *err);

/**
 * The same image on a uniform grid of tiles of any size.
 *
 * A tile inside one block of memory that stays is a view of it; otherwise each pixel is copied once.
 * One decode of a block serves all tiles that are being assembled from it and, as far as there is
 * room, those that will be asked for next.
 *
 * - source: required; kept alive by the result.
 * - options: NULL is all defaults.
 * - cache: keeps the tiles, and is kept alive by the result; NULL keeps nothing.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for sizes, TC_E_ARGUMENT, TC_E_LIMIT for a stack that is too high. Thread-safe.
 */
tc_status provider_retile(struct tc_provider *source,
                          const struct tc_retile_options *options,
                          struct tc_cache *cache,
                          struct tc_provider **provider,
                          struct tc_error *err);

/**
 * An image computed block by block by a function of yours, on the grid of the source.
 *
 * Absent blocks of the source are absent in the output, too, and are the pad value there: that of the
 * options; else what `map` makes of one pixel of the source's pad. For that it is called once, by
 * provider_map, with a block of one pixel and 0 for row, col and level, and only if blocks may be absent
 * (TC_IMAGE_SPARSE). If its bands differ then, or it fails, every block of the output is there, made like
 * the others from a block of pad. If no block can be absent, the pad value is the source's,
 * rounded and clamped to the type of the output.
 *
 * The output has what is known of the source unless the options say otherwise: colours and nodata values, texts
 * (those of bands where it has as many as the function gets, and no STATISTICS_..., which speak of other pixels), what
 * provider_georef says, and what provider_mask says,
 * also where that comes from nodata values or alpha that the output does not have.
 *
 * - source: required; kept alive by the result.
 * - options: required.
 * - cache: keeps the blocks, and is kept alive by the result; NULL keeps nothing.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * After a success the library calls options->release once, after the last `map`; after a failure it
 * does not call it.
 *
 * Errors: TC_E_RANGE for bands and bits, TC_E_ARGUMENT, TC_E_NO_MEMORY, TC_E_LIMIT for a stack that is too
 * high. Thread-safe.
 */
tc_status provider_map(struct tc_provider *source,
                       const struct tc_map_options *options,
                       struct tc_cache *cache,
                       struct tc_provider **provider,
                       struct tc_error *err);

/**
 * A resolution level as an image of its own, with the block grid that the level has in its file, if
 * any, and the levels above it. Retiled over it, tiles are of full size at every zoom.
 *
 * - source: required; kept alive by the result.
 * - level: from 0, which gives the source itself.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE if there is no such level, TC_E_ARGUMENT, TC_E_LIMIT for a stack that is too high.
 * Thread-safe.
 */
tc_status provider_level(struct tc_provider *source,
                         int32_t level,
                         struct tc_provider **provider,
                         struct tc_error *err);

/**
 * Where the pixels of an image are data: one band of TC_U8 on the same grid, 255 where they are and 0
 * where they are not, from the source's own mask, else from its alpha band, else from its nodata
 * values; 255 everywhere if it has none of them. With nodata values a pixel is data if any band is. It has the
 * levels of the image; where a mask of a file or of yours lacks some, a pixel of them is data if any is that it stands
 * for.
 *
 * - source: required; kept alive by the result.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT, TC_E_LIMIT for a stack that is too high. Thread-safe.
 */
tc_status provider_mask(struct tc_provider *source,
                        struct tc_provider **provider,
                        struct tc_error *err);

/**
 * An image made smaller.
 *
 * The output is the same to the last bit whatever its tiles, the blocks of the source, the cache, its budget and the
 * threads. Pixel i of a half stands for the pixels 2i and 2i + 1 of the source, so it has ceil(n / 2) of n. A factor of
 * 2^k is k halves, each rounded to the type of the samples: level k of provider_pyramid. Any other size is made by
 * halves as long as they leave no less, and then one step that covers the last half evenly, which may reach beyond the image by less than a pixel of it. Levels that the source has
 * are used unless the flags say otherwise, whatever filter made them.
 *
 * A sample is data if it is not NaN and not the nodata value of its own band, where the mask beside the image
 * (provider_mask) is 255 and, but for alpha itself, alpha is above 0. A pixel of the output is data if one of those
 * that it stands for is, with TC_FILTER_NEAREST if the one that it shows is, as long as alpha does not come out as 0: the
 * filter makes it smaller as any band, so that of MIN it is the least. Where it is none it is nodata, without that
 * NaN, and for whole numbers the pad value. The weighted filters leave out infinities too. Cubic, Lanczos and SIPS,
 * which have negative weights, make way for the triangle over what is data where one of their taps is not. A mean
 * that would pass for nodata becomes the next value up, at the end of the type down. Alpha and mask become smaller with
 * the image; the mask is then 0 or 255.
 *
 * Sums of whole numbers are exact and rounded once, halves away from zero (SIPS: to even); Lanczos, other sizes than
 * halves, 64 bits under alpha and the roots of TC_FILTER_RMS are computed in f64. Complex samples are filtered by
 * parts.
 *
 * A tile is made from rows of the finest level that is needed, or of tiles that are there already. Of the rows in
 * between only those are held that the filter needs, so a tile takes little more memory than four tiles of the next
 * finer level. Blocks of the source are kept in the cache, and none is decoded twice for a tile while the budget holds
 * a row of them; without a cache a whole row of blocks is held.
 *
 * Bands, texts, pad and significant bits are those of the source, and what provider_georef says goes with the pixels.
 *
 * - source: required; kept alive by the result.
 * - options: NULL is all defaults.
 * - cache: keeps the tiles and the blocks of the source, and is kept alive by the result; NULL keeps nothing.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for sizes, TC_E_UNSUPPORTED for a filter that these samples do not have (of complex ones mode, min,
 * max, median and rms, of a palette all but nearest and mode), and for other sizes than halves with TC_FILTER_SIPS;
 * TC_E_ARGUMENT; TC_E_LIMIT for a stack that is too high. Thread-safe.
 */
tc_status provider_downsample(struct tc_provider *source,
                              const struct tc_level_options *options,
                              struct tc_cache *cache,
                              struct tc_provider **provider,
                              struct tc_error *err);

/**
 * An image with all its levels: those that it has, and above them those that it does not have, each made from the next
 * finer one as provider_downsample says, when it is asked for.
 *
 * Of any source, a file, memory, a callback or an operator, so that every zoom of it is there. provider_level gives a
 * level as an image with full tiles of its own. The text `TC:NATIVE_LEVELS` (provider_metadata) says how many levels
 * are the source's. If the levels of a file are such that halves of them are none of the image, only its first ones
 * are used.
 *
 * - source: required; kept alive by the result.
 * - options: NULL is all defaults. factor, width and height must be 0.
 * - cache: keeps the tiles of all levels and the blocks of the source, and is kept alive by the result; NULL keeps
 *   nothing.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: as provider_downsample. Thread-safe.
 */
tc_status provider_pyramid(struct tc_provider *source,
                           const struct tc_level_options *options,
                           struct tc_cache *cache,
                           struct tc_provider **provider,
                           struct tc_error *err);

/*
 * ======== TRANSFORMATIONS ========
 */

/**
 * An affine transformation, in GDAL's order: a pixel of the output at (x, y) comes from column m[0] + m[1] x + m[2] y and
 * row m[3] + m[4] x + m[5] y of the source.
 *
 * Positions are in pixels with edges at whole numbers, here as in all transformations.
 *
 * - m: required, six finite numbers.
 * - transform: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE, TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_transform_affine(const double *m,
                              struct tc_transform **transform,
                              struct tc_error *err);

/**
 * The polynomial for which the sum of squared distances from given points is least.
 *
 * Of order 1 it has 3 terms for columns and for rows, of order 2 it has 6, of order 3 it has 10. It is found about the
 * middle of the points, by orthogonal columns, so that coordinates of maps are no harm.
 *
 * - points, n_points: required, at least as many as there are terms, finite. They are copied.
 * - order: 1 to 3.
 * - transform: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for numbers and for too few points, TC_E_ARGUMENT where points lie so that no polynomial of the
 * order follows, such as on a line. Thread-safe.
 */
tc_status tc_transform_polynomial(const struct tc_tie_point *points,
                                  size_t n_points,
                                  int32_t order,
                                  struct tc_transform **transform,
                                  struct tc_error *err);

/**
 * The thin plate spline through given points: r^2 log r (Duchon, 1977; Bookstein, 1989), what GDAL calls GCP_TPS.
 *
 * The time to make it grows with the cube of the number of points, that to transform a point with the number itself.
 *
 * - points, n_points: required, 3 to 4,096, finite, no two the same in the output. They are copied.
 * - transform: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for numbers, TC_E_ARGUMENT for points that are one, naming both, or that all lie on a line.
 * Thread-safe.
 */
tc_status tc_transform_spline(const struct tc_tie_point *points,
                              size_t n_points,
                              struct tc_transform **transform,
                              struct tc_error *err);

/**
 * From a map in degrees to an image that rational polynomials describe (RPC00B: STDI-0002, appendix E), all of it at one
 * height.
 *
 * - rpc: required; those of level 0 of the source, as provider_georef tells them.
 * - ground: required, six finite numbers; from pixels of the output to longitude and latitude, in degrees, in GDAL's order: longitude is
 *   ground[0] + ground[1] x + ground[2] y. Longitudes may be told once more around the world.
 * - height: metres above the ellipsoid; for ground that is not level see tc_transform_rpc_heights.
 * - transform: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for numbers, TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_transform_rpc(const struct tc_rpc *rpc,
                           const double *ground,
                           double height,
                           struct tc_transform **transform,
                           struct tc_error *err);

/**
 * A transformation of your own.
 *
 * - function: required; see tc_transform_fn.
 * - user: passed to it; one call at a time, if there is no `clone`.
 * - clone: NULL, or makes a `user` for each thread; then the function is called with clones only, by as many threads at
 *   once as there are processors, each with another one.
 * - release: called once with each clone, and at last once with `user`, when the transformation and all that is warped by
 *   it are released. On failure it is not called. NULL: nothing to release.
 * - name: what it is called in keys, UTF-8: two of the same name are the same function with the same parameters. NULL:
 *   a number that is never used again.
 * - transform: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_transform_callback(tc_transform_fn function,
                                void *user,
                                tc_clone_fn clone,
                                tc_release_fn release,
                                const char *name,
                                struct tc_transform **transform,
                                struct tc_error *err);

/**
 * Where points of an output come from.
 *
 * - transform: required.
 * - x, y: required, `n` numbers each. In: columns and rows of the output; out: those of the source, NaN both for a point
 *   that comes from nowhere. Undefined after a failure.
 * - n: how many points; 0 does nothing.
 * - err: may be NULL.
 *
 * Errors: what a callback returned, as TC_E_SOURCE, or what a raster of heights failed with; TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_transform_points(const struct tc_transform *transform,
                              double *x,
                              double *y,
                              size_t n,
                              struct tc_error *err);

/**
 * One more reference to a transformation. Returns `transform`; NULL gives NULL.
 *
 * Cannot fail. Thread-safe.
 */
struct tc_transform *tc_transform_retain(struct tc_transform *transform);

/**
 * Gives up a reference to a transformation. What is warped by it stays. NULL does nothing.
 *
 * Cannot fail. Thread-safe.
 */
void tc_transform_release(struct tc_transform *transform);

/**
 * From a map in degrees to an image that rational polynomials describe, as tc_transform_rpc, over ground that is as high
 * as a raster says.
 *
 * The height of a place is that of level 0 of the raster, linear between the centres of the four pixels about it; half a
 * pixel from the edge that of the pixels at the edge. There is none beyond the raster, nor where one of the four is no
 * data (nodata, a mask, NaN) or infinite: then `missing` stands for it, and without that the place comes from nowhere.
 * That is what GDAL does (GDALCreateRPCTransformerV2 with RPC_DEM, RPC_DEMINTERPOLATION bilinear,
 * RPC_DEM_MISSING_VALUE; scale and offset are its RPC_HEIGHT_SCALE and RPC_HEIGHT), but that it knows no masks, and that
 * GDAL 3.6 has other heights near the edge. Datums are not told apart: longitudes and latitudes of
 * the raster are those of the polynomials. A longitude may be told once more around the world, in the raster too.
 *
 * Transformations lead from the output to the source alone, which needs no iteration; the other way GDAL looks for the
 * ground step by step.
 *
 * What is warped by it changes with the raster, as with its source: after provider_invalidate or tc_put no later read shows
 * old heights, and the key has that of the raster. The blocks of the raster count among what lies beneath; in each call
 * at most four of them are held at once. They are read wherever positions are, so also when a declared pass (provider_pass)
 * looks ahead.
 *
 * - rpc, ground: as for tc_transform_rpc.
 * - heights: required; kept alive by the transformation. A raster of real numbers, metres above the ellipsoid after scale
 *   and offset.
 * - options: may be NULL.
 * - cache: keeps the blocks of the raster, and is kept alive by the transformation; NULL keeps nothing, and blocks may be
 *   decoded again and again.
 * - transform: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for numbers and for a band that is not there, TC_E_UNSUPPORTED for complex samples and where
 * the raster says that it lies in a projected system, TC_E_ARGUMENT, also for a raster of which nobody says where it
 * lies and for a transform without an inverse. Points fail with what the raster fails with, and with TC_E_CANCELLED.
 * Thread-safe.
 */
tc_status tc_transform_rpc_heights(const struct tc_rpc *rpc,
                                   const double *ground,
                                   struct tc_provider *heights,
                                   const struct tc_heights_options *options,
                                   struct tc_cache *cache,
                                   struct tc_transform **transform,
                                   struct tc_error *err);

/**
 * An image seen through a transformation: each pixel of the output is what the source is where the transformation says
 * that the pixel comes from.
 *
 * The output is the same to the last bit whatever its tiles, the blocks of the source, the cache, its budget and the
 * threads, and equal to that of the whole image at once. Level L of the output has pixels of 2^L by 2^L of those of level
 * 0, ceil(n / 2^L) along a side, and is computed from the transformation and not from the levels beneath: its centres
 * are at (i + 0.5) 2^L.
 *
 * Positions. A level of the output lies in cells of 64 x 64 pixels, which begin at its first pixel. Within a cell
 * positions are interpolated between its corners, if all nine of its corners, middles of sides and centre come from
 * somewhere, and the five that are no corners from within half of max_error of where the interpolation says. A cell
 * that is not like that becomes four, down to 4 x 4, whose pixels are then transformed one by one. So no hole and no edge
 * depends on tiles. A transformation that swings between the nine points deceives this; TC_WARP_EXACT is for those.
 *
 * Levels of the source. A cell whose pixels stand for so many of the source reads the level with the highest number L
 * that there is and for which 2^L is no more than the lesser of the number of columns and of rows; what is left makes
 * the kernels wider, each side by itself. Filters that choose a pixel (nearest, mode, min, max and median) read level 0.
 * Neighbour cells may so read two levels, which a picture
 * with ringing or noise can show; fix them by options where that matters. Levels that the source does not have are not
 * made: put provider_pyramid beneath, else coarse levels read many pixels for one. To compare with gdalwarp fix level and
 * scales here, and there -et 0, -ovr NONE, XSCALE, YSCALE (1 / scale) and UNIFIED_SRC_NODATA=NO, in one chunk.
 *
 * Kernels. Nearest is the pixel that contains the position. Bilinear is the triangle, cubic that of Keys with a =
 * -0.5, Lanczos has three lobes; where pixels stand for more than one of the source they are as many times as wide. Average
 * is the mean by area over the bounding box of where the four corners of the pixel come from; of a pixel whose corners
 * do not all come from somewhere it is the pixel about its centre. Mode, min, max and median choose among all pixels of
 * which that box covers a part, each of which counts once: the most frequent value, of several the one that is there so
 * often first, by rows; the least; the greatest; the middle one, of two the lower. Pixels beyond the edges of the source are left out
 * and the rest is normalised. All sums are in f64, rows first, rounded once at the end, halves away from zero.
 *
 * Data. What is data is told at provider_downsample, band by band. A pixel of the output is data if the pixel of the
 * source is that contains the position, of an average and of what is chosen from several if any of those is. What comes from nowhere, or from beyond the
 * source, is none. Where none is it is nodata, without that NaN, and for whole numbers the pad value; alpha is then 0.
 * Cubic and Lanczos make way for the triangle over what is data where one of their pixels is not. A mean that would pass
 * for nodata becomes the next value up, at the end of the type down. Alpha multiplies weights, for it is taken as
 * straight. The output has a mask (provider_mask), unless alpha or nodata values of all bands tell the same.
 *
 * What is read. Blocks of the source that a position or its kernel touches, and no others, so an output across the
 * antimeridian does not read what lies between; in each call few blocks are held at once, as many as the output tile takes
 * or four. With a cache they are kept in it; without one they may be decoded more than once for a tile. Cells that were
 * divided are kept, the latest 4 MiB of them for each warp, beside the cache.
 *
 * Bands, texts, pad and significant bits are those of the source. Its place is not: say where the output lies by
 * provider_with_georef.
 *
 * - source: required; kept alive by the result.
 * - transform: required; kept alive by the result. From pixels of level 0 of the output to those of level 0 of the source.
 * - options: required, for the size of the output.
 * - cache: keeps the tiles and the blocks of the source, and is kept alive by the result; NULL keeps nothing.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for sizes and numbers, TC_E_UNSUPPORTED for another filter and for one that a palette does not
 * have, TC_E_NOT_FOUND for a source_level that is left out beneath others, TC_E_ARGUMENT; TC_E_LIMIT for a stack that is
 * too high. Reads fail with what the transformation fails with, and with TC_E_LIMIT where mode or median are to choose
 * from more than 1,048,576 different values of pixels that together exceed 4 MiB. Thread-safe.
 */
tc_status provider_warp(struct tc_provider *source,
                        const struct tc_transform *transform,
                        const struct tc_warp_options *options,
                        struct tc_cache *cache,
                        struct tc_provider **provider,
                        struct tc_error *err);

/**
 * An image computed block by block by a function of yours from windows of other images.
 *
 * The library asks for the inputs, with what lies beyond their edges, shares what they have in common as far as
 * they are cached (what is not is made for each input anew, and so for each of a stack of operators), keeps what
 * is computed in the cache, makes each block once however many threads want it, and forgets it when one of the
 * inputs is invalidated or put. Levels of the output are computed from levels of the inputs, in blocks of their
 * own. The key reads `compute:<name>(<key>,<key>)`, with what a tc_input says beside its source in brackets behind
 * the key of that.
 *
 * - inputs: required, n_inputs structs; copied. 1 to 1,024.
 * - options: required.
 * - cache: keeps the blocks, and is kept alive by the result; NULL keeps nothing.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * After a success the library calls options->release once, after the last `compute`; after a failure it does not
 * call it.
 *
 * Errors: TC_E_RANGE for bands, levels, scales, margins and sizes; TC_E_ARGUMENT, also if the cache knows the key
 * with another size, block size, type or number of bands; TC_E_LIMIT for a stack that is too high and for a key of more than
 * 65,536 bytes, which doubles where an image is computed from another one twice; TC_E_NO_MEMORY. The message names
 * the input. Thread-safe.
 */
tc_status provider_compute(const struct tc_input *inputs,
                           size_t n_inputs,
                           const struct tc_compute_options *options,
                           struct tc_cache *cache,
                           struct tc_provider **provider,
                           struct tc_error *err);

/**
 * One image made of many, each at its place: later parts lie over earlier ones.
 *
 * A pixel of a part is shown where it is data: where its block is stored, its mask (provider_mask says which) and its
 * alpha band are not 0, and its sample is not the nodata value of its own band. Elsewhere what lies beneath is seen,
 * band by band, and where nothing does the pad value of the mosaic. Nothing is resampled, converted or blended.
 *
 * A block costs what the parts over it cost; a miss also asks all parts whether they have changed, which is little up to
 * some ten thousand parts, and the most of it beyond a hundred thousand. A part is opened when it is first
 * touched, and neither opened nor read where those over it leave nothing to be seen. A block has_block has if any part
 * over it has a block there; a gap takes no memory. Which pixels are data is told by provider_mask: by the nodata
 * values of the mosaic where all its bands have one, by its alpha band, else by a mask of its own.
 *
 * Each level is put together from that level of the parts, in blocks of the size of those of level 0, as
 * provider_level shows them. So all parts must have as many levels, each the one before halved, and with n levels
 * the places must be multiples of 2^(n - 1).
 *
 * Two mosaics with parts of the same keys at the same places have the same key. It names the parts, or of many a
 * digest: `compute:mosaic:<size and type>(<key>[at:<x>+<y>],...)`, with `:data:<digits>` behind the place of a given part
 * of which a mask, alpha or nodata say what is data.
 *
 * - parts: required, n_parts structs; copied.
 * - n_parts: 1 to 16,777,216.
 * - options: required.
 * - cache: keeps the blocks, and is kept alive by the result; NULL keeps nothing.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * It lies on the ground where those of its parts do that are given and have a transform, if all of them agree: one
 * reference system, and each corner within half a pixel of where the first one of them has it. Else, and where all parts
 * are opened later, provider_with_georef gives it a place. Points and polynomials of parts are left out.
 *
 * After a success the library calls options->release once, as tc_mosaic_options says; after a failure it does not call
 * it.
 *
 * Errors: TC_E_ARGUMENT for a part that does not fit the mosaic, also if the cache knows the key with another size,
 * type or number of bands; TC_E_RANGE for sizes and places; TC_E_LIMIT for a stack that is too high; TC_E_NO_MEMORY.
 * The message names the part. Where a part is opened later, the same errors, and those of `open`, come from the calls
 * that touch it; TC_E_REENTRANT where a part is made from the mosaic itself. Thread-safe.
 */
tc_status provider_mosaic(const struct tc_mosaic_part *parts,
                          size_t n_parts,
                          const struct tc_mosaic_options *options,
                          struct tc_cache *cache,
                          struct tc_provider **provider,
                          struct tc_error *err);

/*
 * ======== EVERY PROVIDER ========
 */

/**
 * One more reference to a provider. Returns `provider`; NULL gives NULL.
 *
 * Cannot fail. Thread-safe.
 */
struct tc_provider *provider_retain(struct tc_provider *provider);

/**
 * Gives up a reference to a provider. With the last one, and the last operator over it, the source is
 * closed: sessions, then the release function. Tiles in your hands, and in caches, stay. NULL does
 * nothing.
 *
 * Cannot fail; never waits for a load. Thread-safe.
 */
void provider_release(struct tc_provider *provider);

/**
 * The key under which caches know the image: readable text that names the source first and then every
 * operation with its parameters. Same key, same pixels.
 *
 * Returns text borrowed from `provider`, valid until you release it; NULL for NULL.
 *
 * Cannot fail. Thread-safe.
 */
const char *provider_key(const struct tc_provider *provider);

/**
 * The format of the file that the pixels come from: "TIFF", "BigTIFF", "JPEG 2000", "NITF 2.0", "NITF 2.1",
 * "NSIF 1.0", "PNG" or "JPEG"; more may come. Operators have the format of their source.
 *
 * - provider: NULL gives NULL.
 *
 * Returns static text; NULL where there is no file, as under provider_from_memory and
 * provider_from_source.
 *
 * Cannot fail. Thread-safe.
 */
const char *provider_format(const struct tc_provider *provider);

/**
 * What the image is. It never changes.
 *
 * - provider: required.
 * - info: required, with struct_size set; the other members are 0 on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT. Thread-safe.
 */
tc_status provider_info(const struct tc_provider *provider,
                        struct tc_image_info *info,
                        struct tc_error *err);

/**
 * What a band is. It never changes.
 *
 * - provider: required.
 * - band: from 0.
 * - info: required, with struct_size set; the other members are 0 on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE if there is no such band, TC_E_ARGUMENT. Thread-safe.
 */
tc_status provider_band_info(const struct tc_provider *provider,
                             int32_t band,
                             struct tc_band_info *info,
                             struct tc_error *err);

/**
 * A text that came with the image: a TIFF tag, a NITF field, XML, ... by its name.
 *
 * What is wrong with a file of which pixels are read all the same is told in the texts TC:WARNING:1,
 * TC:WARNING:2, ... of band -1.
 *
 * - provider: NULL gives NULL.
 * - band: from 0, or -1 for what concerns the whole image.
 * - name: NULL gives NULL.
 *
 * Returns UTF-8 borrowed from `provider`, valid until you release it; NULL if there is no such text.
 *
 * Cannot fail. Thread-safe.
 */
const char *provider_metadata(const struct tc_provider *provider,
                              int32_t band,
                              const char *name);

/**
 * How many texts came with the image.
 *
 * - provider: NULL gives 0.
 * - band: from 0, or -1 for what concerns the whole image.
 *
 * Cannot fail; 0 for bands that do not exist. Thread-safe.
 */
size_t provider_metadata_count(const struct tc_provider *provider, int32_t band);

/**
 * The name of a text that came with the image, to be used with provider_metadata.
 *
 * - provider: NULL gives NULL.
 * - band: from 0, or -1 for what concerns the whole image.
 * - index: from 0 to below provider_metadata_count.
 *
 * Returns UTF-8 borrowed from `provider`, valid until you release it; NULL if there is none.
 *
 * Cannot fail. Thread-safe.
 */
const char *provider_metadata_name(const struct tc_provider *provider, int32_t band, size_t index);

/**
 * Whether a block is stored. Absent blocks read as pad without being decoded. Their tiles share one
 * buffer for each size, type and pad value in the process, outside all budgets; at most 16 MiB of such
 * buffers stay while nobody holds them, until tc_clear.
 *
 * - provider: required.
 * - row, col, level: of the grid; outside it, no block is stored, nor at a level that the file leaves out
 *   below others.
 * - has: receives 1 or 0; 0 on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for negative numbers, TC_E_ARGUMENT, TC_E_CANCELLED, and what the source reports.
 * Not a use.
 * Thread-safe.
 */
tc_status provider_has_block(struct tc_provider *provider,
                             int64_t row,
                             int64_t col,
                             int32_t level,
                             int32_t *has,
                             struct tc_error *err);

/**
 * A block as a tile: from the cache, from a load that another thread has begun, or decoded now.
 *
 * - provider: required.
 * - row, col, level: of the grid.
 * - bands, n_bands: which bands in which order, repeats allowed; NULL and 0 for all.
 * - tile: receives a reference that you own and release with tc_tile_release; NULL on failure.
 * - err: may be NULL.
 *
 * The tile has the size of the block at that level: cut at the right and bottom edge, unless the
 * provider pads. A block that is not stored gives a tile of pad with TC_PIXELS_ABSENT.
 *
 * Errors: TC_E_RANGE if there is no such block, level or band; TC_E_NOT_FOUND at a level that the file
 * leaves out below others; TC_E_ARGUMENT; TC_E_SOURCE if a callback failed; TC_E_IO, TC_E_CORRUPT, TC_E_UNSUPPORTED, TC_E_CHANGED for files; TC_E_REENTRANT
 * if the call would wait for itself; TC_E_CANCELLED by provider_cancel; TC_E_NO_MEMORY; TC_E_LIMIT. A
 * failure is not remembered: the next call tries again. Thread-safe.
 */
tc_status provider_get_block(struct tc_provider *provider,
                             int64_t row,
                             int64_t col,
                             int32_t level,
                             const int32_t *bands,
                             size_t n_bands,
                             struct tc_tile **tile,
                             struct tc_error *err);

/**
 * A block if it can be had at once: never decodes, never waits, and is not a use.
 *
 * Arguments as for provider_get_block.
 *
 * Errors: TC_E_NOT_RESIDENT if it would have to be decoded, mapped or put together from other blocks;
 * TC_E_RANGE if there is no such block, level or band; TC_E_ARGUMENT; TC_E_CANCELLED. Thread-safe.
 */
tc_status provider_peek_block(struct tc_provider *provider,
                              int64_t row,
                              int64_t col,
                              int32_t level,
                              const int32_t *bands,
                              size_t n_bands,
                              struct tc_tile **tile,
                              struct tc_error *err);

/**
 * A block if it can be had at once, as provider_get_block has it from the cache: never decodes and never
 * waits, for threads that must not, as those of an event loop. To have it made, ask with
 * provider_request_block.
 *
 * - provider: required.
 * - row, col, level, bands, n_bands: as for provider_get_block.
 * - tile: receives a reference that you own and release with tc_tile_release; NULL on failure.
 * - err: may be NULL.
 *
 * A tile that is had is a hit and a use. One that a cache does not have is a miss. Some bands of a tile that
 * cannot be seen in place are copied, and the copy is not kept.
 *
 * Errors: TC_E_NOT_RESIDENT if the block would have to be decoded, mapped or put together from other blocks,
 * or is being made; TC_E_RANGE if there is no such block, level or band; TC_E_ARGUMENT; TC_E_CANCELLED.
 * Thread-safe.
 */
tc_status provider_try_block(struct tc_provider *provider,
                             int64_t row,
                             int64_t col,
                             int32_t level,
                             const int32_t *bands,
                             size_t n_bands,
                             struct tc_tile **tile,
                             struct tc_error *err);

/**
 * Copies any rectangle of a level into memory of yours. What lies outside the image is pad, or what the
 * reader fills it with: see tc_reader_options.
 *
 * - provider: required.
 * - x, y: the column and row of the level where the rectangle begins, negative allowed; its size is
 *   that of `into`.
 * - bands, n_bands: which band of the image goes into each band of `into`, in any order, repeats
 *   allowed; TC_BAND_OPAQUE writes opaque alpha; NULL and 0 for all in order.
 * - into: required; conversion as in tc_tile_copy.
 * - err: may be NULL.
 *
 * Every block that the rectangle touches is used, in row order, and counted. Through a provider that is
 * cached, what is resident is copied. Of a tile (provider_retile) that is not resident and of which the
 * rectangle touches at most three quarters of the blocks, none wider or higher than a tile, no tile is made: these
 * blocks are used, and kept in the cache of the tiles under the key of the source. Nor is one made where what is decoded
 * for windows is kept (large tiles of JPEG 2000) and the rectangle has at most three quarters of its pixels, until as many
 * pixels as it has were read in this way. Where a source can read parts of
 * blocks (TC_IMAGE_WINDOWED), a small part of a block that is not resident is read by itself and not kept, until so much
 * of the block was read in this way that it is decoded as a whole, if the cache has room to keep it.
 *
 * Errors: as provider_get_block; after a failure the memory of `into` may be partly written.
 * Thread-safe, as long as nobody else uses the memory of `into`.
 */
tc_status provider_read_window(struct tc_provider *provider,
                               int64_t x,
                               int64_t y,
                               int32_t level,
                               const int32_t *bands,
                               size_t n_bands,
                               const struct tc_target *into,
                               struct tc_error *err);

/**
 * What this provider has done, and what it has in the cache that keeps its tiles. Providers with one
 * key in one cache count together.
 *
 * Of the members of `stats`, budget, reusable, max_in_flight, queued, overdue, index and observation belong to a cache or
 * the process as a whole and are 0. A buffer counts with the provider that brought it, also where tiles of others are
 * views of it; in_flight is that of tiles of its own, not of blocks that pass through on the way to
 * them, and peak leaves out what the key is charged. Without a cache of its own, all sizes are 0.
 *
 * - provider: required.
 * - stats: required, with struct_size set; the other members are 0 on failure.
 * - amplification: receives the blocks that the source under this provider has decoded, for all who
 *   asked it, divided by the distinct ones among them: 1 if none was decoded twice, 0 if none was
 *   decoded; a part of a block counts as its share of the block's pixels, and what a source had to decode
 *   beneath its blocks as it says by tc_decoded_beneath; an estimate where an image has more than 8388608
 *   blocks; may be NULL.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT. Thread-safe.
 */
tc_status provider_counters(const struct tc_provider *provider,
                            struct tc_cache_stats *stats,
                            double *amplification,
                            struct tc_error *err);

/**
 * The pixels of the source have changed: forgets them and everything built on them, for every
 * provider of the same image and in every cache of the process.
 *
 * A get that begins after this has returned never yields the old pixels, never joins a load that
 * began before, and no such load is kept. Tiles in the hands of callers keep the pixels that they
 * have. Costs time in proportion to what is forgotten. Files that change under a reader are noticed
 * without it, but for a rewrite of equal size within the step of the file system's clock.
 *
 * - provider: required; the source itself or any operator over it, which stands for all sources that it is computed
 *   from. A tc_source that reads other providers is a source, and stands for itself alone.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT. Thread-safe.
 */
tc_status provider_invalidate(struct tc_provider *provider,
                              struct tc_error *err);

/*
 * ======== GEOREFERENCE ========
 */

/**
 * Where the pixels of a level lie on the ground, as far as the source says it. It never changes.
 *
 * Of files it is read from the tags and keys of GeoTIFF (OGC 19-008r4), as GDAL understands them, also where a box of
 * JPEG 2000 has them (GeoJP2), or else from its GMLJP2 (OGC 08-085r5); from the corners of images in NITF (BLOCKA if it
 * has all of the whole image, else IGEOLO in degrees or UTM: a transform if one has them within a quarter of a pixel,
 * else four points) and their RPC00A or RPC00B, if no ICHIPB says that the image is part of another. Of an image 0 it is
 * completed from what lies beside the file (see tc_open_options.open_beside): what GDAL keeps in `.aux.xml`, which goes
 * before what the file says, but of NITF; and where there is no transform, of TIFF, JPEG 2000, PNG and JPEG, from a world
 * file (of a.tif these are a.tfw, a.tifw and a.wld, also in capitals; of PNG it goes before `.aux.xml`), with the WKT in
 * a .prj where nothing else names a system. EPSG codes are told as the file has them, deprecated ones too.
 *
 * Operators have it from their source: cached, retiled and read images lie where it lies; a level, whose pixels are 2
 * to the power of the level times as long and wide (a level that is not level 0 halved so often, rounded either way,
 * covers the same ground), where it does; a mask where its image lies; a map too, unless its options say otherwise;
 * and what provider_compute makes where the pixels lie that its first input names, if its options say so. Ground
 * control points and polynomials follow in the same way.
 *
 * - provider: required.
 * - level: from 0.
 * - georef: required, with struct_size set; the other members are 0 on failure, and where nothing is known. What it
 *   points to is borrowed from `provider`, and valid until you release it.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE if there is no such level, TC_E_ARGUMENT. Thread-safe.
 */
tc_status provider_georef(const struct tc_provider *provider,
                          int32_t level,
                          struct tc_georef *georef,
                          struct tc_error *err);

/**
 * The coordinates of points of a level, by the transform of provider_georef.
 *
 * - provider: required.
 * - level: from 0.
 * - pixels: required, n pairs of a column and a row, in or outside the image, where whole numbers are the edges of
 *   pixels and (0.5, 0.5) is the centre of the first.
 * - n: how many pairs.
 * - places: required; receives n pairs of x and y on success. May be `pixels`.
 * - err: may be NULL.
 *
 * Polynomials and ground control points are not used: GDAL has transformers for them.
 *
 * Errors: TC_E_NOT_FOUND if no transform is known; TC_E_RANGE if there is no such level or n is absurd;
 * TC_E_ARGUMENT. Thread-safe.
 */
tc_status provider_place_of(const struct tc_provider *provider,
                            int32_t level,
                            const double *pixels,
                            size_t n,
                            double *places,
                            struct tc_error *err);

/**
 * The pixels of a level at some coordinates: provider_place_of the other way round.
 *
 * - provider: required.
 * - level: from 0.
 * - places: required, n pairs of x and y.
 * - n: how many pairs.
 * - pixels: required; receives n pairs of a column and a row on success, which may lie outside the image; rounded
 *   down they are the pixel itself. May be `places`.
 * - err: may be NULL.
 *
 * Errors: TC_E_NOT_FOUND if no transform is known; TC_E_RANGE if there is no such level or n is absurd,
 * and for a transform of a file that puts many pixels in one place; TC_E_ARGUMENT. Thread-safe.
 */
tc_status provider_pixel_of(const struct tc_provider *provider,
                            int32_t level,
                            const double *places,
                            size_t n,
                            double *pixels,
                            struct tc_error *err);

/**
 * The same image, which lies where you say: a provider with the key and the tiles of `source`.
 *
 * - source: required; kept alive by the result.
 * - georef: where level 0 lies, and with it all levels; copied with all it points to. Nothing is taken over from
 *   the source. NULL: nothing is known of the result.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for numbers that are not finite, scales of 0, negative codes and too many points, TC_E_ARGUMENT,
 * also for a transform without inverse; TC_E_LIMIT for a stack that is too high. The message names the member.
 * Thread-safe.
 */
tc_status provider_with_georef(struct tc_provider *source,
                               const struct tc_georef *georef,
                               struct tc_provider **provider,
                               struct tc_error *err);

/*
 * ======== READERS ========
 */

/**
 * The same image, read in a way of its own: a provider with the key and the tiles of `source`. Any
 * number of readers may read one provider; each can be cancelled by itself.
 *
 * - source: required; kept alive. If it is a reader itself, the new one ends with it too, and reads in
 *   its way unless its own flags say otherwise.
 * - options: NULL is all defaults: a reader that only differs by being cancelled apart.
 * - reader: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT, TC_E_LIMIT for a stack that is too high. Thread-safe.
 */
tc_status provider_reader(struct tc_provider *source,
                          const struct tc_reader_options *options,
                          struct tc_provider **reader,
                          struct tc_error *err);

/**
 * Cancels a reader for good. Calls that wait through it end with TC_E_CANCELLED at once, so do its
 * queued requests and all later calls that ask for pixels or blocks; what the image is can still be
 * asked. A call that is decoding ends when it can: between two blocks, or when its callback asks
 * tc_load_is_cancelled. A load that others wait for too goes on to its end, and may still give the
 * reader its tile. Nobody else sees any of this.
 *
 * - reader: required; from provider_reader.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT for a provider that is no reader. Does not wait. Thread-safe.
 */
tc_status provider_cancel(struct tc_provider *reader, struct tc_error *err);

/**
 * provider_get_block on a thread of the library: returns at once, and `done` is called when the tile
 * is there or has failed, which may be before this returns. Requests of one cache begin in the order
 * in which they were made, and so do all for providers without a cache.
 *
 * - provider: required; kept alive until `done` has returned.
 * - row, col, level, bands, n_bands: as for provider_get_block; the bands are copied.
 * - done: required. Called exactly once after a success of this call, never after a failure.
 * - user: passed to `done`.
 * - err: may be NULL.
 *
 * The threads, at most as many as tc_cache_options says and one for each processor without a cache,
 * exist only while there are requests, and sources are then called on them. To cancel requests make
 * them through a reader: one more thread then calls `done` for those that are queued. A callback must
 * not wait for a request: it may keep the thread that the request needs.
 *
 * Errors: TC_E_RANGE if there is no such block, level or band; TC_E_ARGUMENT; TC_E_CANCELLED if the
 * reader was cancelled before; TC_E_NO_MEMORY if no thread can be started. Thread-safe.
 */
tc_status provider_request_block(struct tc_provider *provider,
                                 int64_t row,
                                 int64_t col,
                                 int32_t level,
                                 const int32_t *bands,
                                 size_t n_bands,
                                 tc_done_fn done,
                                 void *user,
                                 struct tc_error *err);

/**
 * The load that the calling thread works for: inside a callback of a source, of bytes or of a map, the
 * block, tile or window that the callback is called for. To be passed to other threads, see
 * tc_reader_options, or asked whether it is still wanted.
 *
 * Returns a reference that you own and release with tc_load_release, which keeps no pixels; NULL where
 * the thread works for none, as while a file is opened. Cannot fail. Thread-safe.
 */
struct tc_load *tc_load_current(void);

/**
 * Says inside a read_block or read_window callback what the source had to decode for it, where that is not
 * just what it was asked for, as where it reads blocks of other files that lie across its own, or finds them
 * at hand: the amplification of provider_counters then counts that.
 *
 * - blocks: how much, in whole blocks of the level that the callback reads: 1 is what counts for a block if
 *   nothing is said, 0 that nothing was decoded. Several calls add up. What is negative or not finite is
 *   ignored.
 *
 * Call it on the thread on which the callback was called; elsewhere it does nothing. Cannot fail. Thread-safe.
 */
void tc_decoded_beneath(double blocks);

/**
 * Whether nobody wants the load any more: 1 if all who wait for it were cancelled, else 0, also for
 * NULL. A callback that learns this may return any error; nobody will see it, for whoever wants the
 * pixels from then on has them loaded anew. It may as well finish: what it returns is kept.
 *
 * Cannot fail. Thread-safe.
 */
int32_t tc_load_is_cancelled(const struct tc_load *load);

/**
 * One more reference to a load. Returns `load`; NULL gives NULL.
 *
 * Cannot fail. Thread-safe.
 */
struct tc_load *tc_load_retain(struct tc_load *load);

/**
 * Gives up a reference to a load, which goes on. NULL does nothing.
 *
 * Cannot fail. Thread-safe.
 */
void tc_load_release(struct tc_load *load);

/**
 * Has the tiles over a rectangle made in the background, in row order, so that they are there when they are asked
 * for: returns at once, and `done` is called when that has ended, which may be before this returns.
 *
 * What is made ahead takes at most the unread share of the budget, see tc_cache_options, with all else that
 * nobody has asked for yet, and takes no room of what was used since this call: where there is no other, it stops
 * and says how far it came. What was made ahead for the provider before this call and not asked for since gives way
 * to it, as that to which a viewer has turned its back, unless it is part of the rectangle; one that still runs does
 * not: cancel it. It makes no use of what it finds, and counts neither hits nor misses. A get of a tile
 * that is being made joins it, nothing is decoded twice, and the tile is then kept as what was asked for. A tile
 * that fails does not end it, and the next get of that tile tries again.
 *
 * - provider: required, with a cache for its tiles; kept alive until `done` has returned. To cancel a prefetch, make
 *   it through a reader: provider_cancel then ends it before its next tile, and the decode that is going on where
 *   nobody else wants it. How the reader keeps tiles does not matter.
 * - x, y, width, height: the rectangle, in columns and rows of the level; what is outside the image is left out.
 * - level: the level.
 * - options: NULL is all defaults.
 * - done: may be NULL. Called exactly once after a success of this call, never after a failure.
 * - user: passed to `done`.
 * - err: may be NULL.
 *
 * The threads are those of provider_request_block, whose requests go first: one that comes waits at most until one
 * tile is made. No thread waits where too many bytes are in flight (max_in_flight of tc_cache_options): the
 * prefetch goes on later. Sources are called on these threads.
 *
 * Errors: TC_E_RANGE if there is no such level or band, or the size is negative; TC_E_ARGUMENT, also without a
 * cache; TC_E_CANCELLED if the reader was cancelled before; TC_E_NO_MEMORY if no thread can be started.
 * Thread-safe.
 */
tc_status provider_prefetch(struct tc_provider *provider,
                            int64_t x,
                            int64_t y,
                            int64_t width,
                            int64_t height,
                            int32_t level,
                            const struct tc_prefetch_options *options,
                            tc_prefetched_fn done,
                            void *user,
                            struct tc_error *err);

/*
 * ======== DECLARED PASSES ========
 */

/**
 * A reader whose order is known ahead: the same image, with the key and the tiles of `source`, and with caches that
 * keep what it will use next instead of what was used last. Column by column over strips, or tile by tile over slabs,
 * a block is then decoded as seldom as the budget allows in that order.
 *
 * What the pass brought into a cache, tiles and the blocks beneath them, goes by its next use: first what the pass
 * will not use again, then what it will use last (Belady's rule, over the order that was declared). What takes twice the
 * bytes for each decode that it saves, a tile those of all blocks beneath it, goes like what is used twice as far ahead. Tiles that come
 * for nothing with a block that is decoded are kept as far as they are used before what would have to go for them.
 * The order is known about 32,000 uses of tiles and blocks ahead, which take memory beside the budget as long as the
 * pass lives.
 *
 * A pass may decode more than a reader without a declared order. The rule is the best one where blocks are of one size
 * and a decode gives one of them; where a tile needs several blocks and a block gives several tiles it is a good one.
 * In budgets of a few tiles up to most of the image, over strips, columns and blocks, one order in twenty took more
 * decodes: at most a fifth more, but twice as many (10 for 5) where blocks are kept with the tiles and hardly one
 * fits. All together took a quarter less. Where it matters, count the decodes of both.
 *
 * Others in the same cache keep their rights. Whose turn it is to give room is told by the last use, as ever; where
 * that is a pass, it gives the tile that it needs last in place of the one whose turn it is. So tiles that others use
 * stay as long as beside a reader without a declared order, and what a pass gets does not count as their use. Of two
 * passes each gives its own, and of what they make ahead each has at least half. Shares and guarantees
 * (tc_set_share) hold.
 *
 * The pass begins with the first tile that is asked for. Several threads may read it, each taking the next tile of the
 * order: a tile that was left out by 64 others is not expected any more. Who asks for a tile out of turn gets the same
 * pixels: the order goes on behind it if the tile is still to come, and else stays as it is. With TC_PASS_LIST a tile
 * is expected as often as it is listed. Windows (provider_read_window) are reads of the tiles beneath them, in row
 * order. The pass ends with its last reference, or with the last tile of its order; then its tiles are like any others.
 *
 * - source: required; kept alive.
 * - options: NULL is all defaults: level 0 in row order, nothing made ahead.
 * - reader: receives a reference that you own, which provider_cancel ends, as from provider_reader; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE if there is no such level, band or tile; TC_E_ARGUMENT, also for `threads` without a cache that
 * keeps the tiles; TC_E_LIMIT for a stack that is too high. Thread-safe.
 */
tc_status provider_pass(struct tc_provider *source,
                        const struct tc_pass_options *options,
                        struct tc_provider **reader,
                        struct tc_error *err);

/*
 * ======== REPORTS ========
 */

/**
 * What a cache has and has done, of the cache, each key in it and each source beneath, as JSON (RFC 8259) for programs.
 *
 * An object of `form` (1; it rises where a member changes its meaning or goes, not where one is added); `cache`, with
 * the members of tc_cache_stats; `tier`, if the cache has one, with those of tc_tier_stats; `providers`, an array with one object for each key that has tiles or providers, those
 * with most bytes first: its `key`, the `size`, `block`, `levels`, `bands` and `type` of the image where a provider says
 * them, what provider_counters tells, and the keys of its `sources`; `sources`, an array with one object for each source
 * of those: its `key`, its `title` in messages, how many `blocks` it has, whether it is `closed` (1 or 0; what was made
 * from it is kept), `loads`, `load_errors`, `load_nanoseconds`,
 * `blocks_decoded`, `distinct_blocks_decoded` and `amplification`; and with TC_CACHE_OBSERVE `advice`: the `budget`, from how
 * many `requests` it is made and how many are `left_out`, of how many blocks one is noted (`one_block_of`), a smaller
 * budget that would do as well (`would_do`, if there is one and there were 500 requests to say so from), and an array `sources` of objects with `key`,
 * `of_another_cache` (1 if another cache is asked for the blocks, else 0), how often a block is decoded in the model
 * (`decodes_of_a_block`), the least budget that ends that (`ending_budget`, or `ending_budget_with_blocks_cached` if it
 * takes provider_cached over the source too; neither if no budget does), `decodes_then`, and the `curve` of other budgets.
 * Sizes are in bytes. Members come in no order to rely on.
 *
 * - cache: required.
 * - into, room: memory of yours for so many bytes. NULL and 0 ask for the size alone.
 * - bytes: required; receives the bytes that the text takes with the NUL at its end; 0 on failure but TC_E_LIMIT. The next
 *   call may need more.
 * - err: may be NULL.
 *
 * The cache is looked at key by key; others get their turn in between, so the parts may be of moments shortly after
 * each other. With TC_CACHE_OBSERVE it takes up to some seconds of computing, without a lock. Errors: TC_E_LIMIT if there is
 * not room enough, with nothing written but a NUL; TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_statistics_json(const struct tc_cache *cache,
                             char *into,
                             size_t room,
                             size_t *bytes,
                             struct tc_error *err);

/**
 * What a provider has done, and what it has in the cache that keeps its tiles: provider_counters as JSON.
 *
 * An object of `form`, as for tc_statistics_json, the `key`, the members of tc_cache_stats that are not of a cache as a
 * whole, `blocks_decoded`, `distinct_blocks_decoded` and `amplification`.
 *
 * - provider: required.
 * - into, room, bytes, err: as for tc_statistics_json.
 *
 * Errors: TC_E_LIMIT if there is not room enough, with nothing written but a NUL; TC_E_ARGUMENT. Thread-safe.
 */
tc_status provider_counters_json(const struct tc_provider *provider,
                                 char *into,
                                 size_t room,
                                 size_t *bytes,
                                 struct tc_error *err);

/**
 * A picture of a cache as a page of HTML, in one file without scripts and without anything from elsewhere: how the
 * budget is taken, what each provider and layer has, where in its image and how recently used, what is decoded how
 * often, where the time goes, and with TC_CACHE_OBSERVE advice in words and numbers. docs/reports.md says how it is read.
 * Texts from users and files are escaped.
 *
 * - cache: required.
 * - write: takes the page, part by part; required.
 * - user: passed to `write`.
 * - err: may be NULL.
 *
 * As tc_statistics_json, it looks at the cache key by key and computes without a lock; it is no use of any tile. It takes
 * memory in proportion to the tiles. Errors: what `write` returned, as TC_E_SOURCE; TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_report(const struct tc_cache *cache,
                    tc_write_fn write,
                    void *user,
                    struct tc_error *err);

/*
 * ======== OTHER TIERS ========
 */

/**
 * Gives a cache another tier behind its memory, before anything else is done with the cache.
 *
 * - cache: required.
 * - tier: required; copied.
 * - err: may be NULL.
 *
 * On success `attach` was called, and `release` will be; on failure neither. Errors: TC_E_ARGUMENT if a required function
 * is missing, if the cache has a tier already, or if providers were made with it or tiles put into it; bad options.
 * Thread-safe.
 */
tc_status tc_set_tier(struct tc_cache *cache,
                      const struct tc_tier *tier,
                      struct tc_error *err);

/**
 * What happened between a cache and its tier so far, and what the tier says of itself.
 *
 * - cache: required.
 * - stats: required; stats->struct_size must be set.
 * - err: may be NULL.
 *
 * Counters are exact when nothing is going on, and never go back. Errors: TC_E_NOT_FOUND if the cache has no tier;
 * TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_tier_statistics(const struct tc_cache *cache,
                             struct tc_tier_stats *stats,
                             struct tc_error *err);

/**
 * Puts what is to be put of the blocks in memory, where that waits for them to leave (TC_TIER_PUT_EVICTED), and waits until the
 * tier has stored or dropped all that was put: so that another process, or the next one, finds it. To be called before a
 * process ends, for what waits then is lost.
 *
 * - cache: required.
 * - timeout_ns: how long that may take, in nanoseconds; 0: what needs no waiting. UINT64_MAX: no limit.
 * - err: may be NULL.
 *
 * Blocks stay in memory. What the tier dropped, because its store is not reached or full, is no error here: it is counted,
 * see tc_tier_statistics. What other threads put meanwhile is waited for, too. Errors: TC_E_UNREACHABLE if the tier did
 * not take all in time: the rest stays to be put; TC_E_NOT_FOUND if the cache has no tier; TC_E_ARGUMENT. Calls `put` and
 * `settle`. Not to be called inside functions of the tier. Thread-safe.
 */
tc_status tc_flush_tier(struct tc_cache *cache,
                        uint64_t timeout_ns,
                        struct tc_error *err);

/**
 * The memory of the tile that a ticket asks for, to be written before tc_tier_answer with TC_TIER_PIXELS and NULL: so the
 * pixels are not copied once more. All of it must be written, for memory is used again.
 *
 * - link: required.
 * - ticket: as given to `get` or `lease`.
 * - into: required; receives where it is, packed. It stays valid until the ticket is answered, also where nobody waits
 *   for it any more; a ticket whose memory was asked for must be answered.
 * - err: may be NULL.
 *
 * Errors: TC_E_NOT_FOUND if the ticket is not open: answered, late or cancelled; TC_E_NO_MEMORY; TC_E_ARGUMENT.
 * Thread-safe.
 */
tc_status tc_tier_room(struct tc_tier_link *link,
                       uint64_t ticket,
                       struct tc_target *into,
                       struct tc_error *err);

/**
 * Answers a ticket.
 *
 * - link: required.
 * - ticket: as given to `get` or `lease`; it is not open any more afterwards, whatever this returns.
 * - outcome: one of tc_tier_outcome.
 * - lease: with TC_TIER_LEASED a number of yours that is not 0; else 0.
 * - pixels: with TC_TIER_PIXELS the block, with the size, bands and type that were asked for, copied inside the call; NULL
 *   if it was written to the memory of tc_tier_room. Else NULL.
 * - err: may be NULL.
 *
 * What is no answer to the question counts as a miss, and is TC_E_ARGUMENT. A lease is taken only with TC_OK: after any
 * error you end it yourself. Errors: TC_E_NOT_FOUND if the ticket is not
 * open: answered before, late, or cancelled; TC_E_NO_MEMORY. Thread-safe.
 */
tc_status tc_tier_answer(struct tc_tier_link *link,
                         uint64_t ticket,
                         int32_t outcome,
                         uint64_t lease,
                         const struct tc_pixels *pixels,
                         struct tc_error *err);

/**
 * Whether anybody waits for a ticket: 1 or 0. Where nobody does, it need not be answered, unless its memory was asked for.
 *
 * - link: NULL gives 0.
 * - ticket: as given to `get` or `lease`; any other number gives 0.
 *
 * Cannot fail. Thread-safe.
 */
int32_t tc_tier_is_wanted(struct tc_tier_link *link,
                          uint64_t ticket);

/**
 * A block that `put` was given was written or dropped: its pixels are not read any more, and its room is free.
 *
 * - link: NULL does nothing.
 * - parcel: as given to `put`; any other number does nothing.
 *
 * Cannot fail. May run release functions. Thread-safe.
 */
void tc_tier_taken(struct tc_tier_link *link,
                   uint64_t parcel);

/**
 * Tells the generation of a source: that it was confirmed, has changed, or is not known.
 *
 * - link: required.
 * - source: the identity, as `generation` was given it. NULL: all sources, with `generation` NULL only.
 * - generation: the present one. Another one than before lets what is built on the old pixels be forgotten, as
 *   provider_invalidate does, before this returns. NULL: it is not known any more whether the pixels have changed: from
 *   now on memory of the source is not used, and it is decoded anew, until a generation is told.
 * - err: may be NULL.
 *
 * Also for a tier with TC_TIER_STRICT memory is used from then on until it says otherwise: see tc_tier_confirmed.
 *
 * What it is told of a source that it does not know does nothing. Not to be called inside `get`, `put`, `lease` and
 * `unlease`. Errors: TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_tier_changed(struct tc_tier_link *link,
                          const char *source,
                          const struct tc_generation *generation,
                          struct tc_error *err);

/**
 * tc_tier_changed with a generation that is to be believed until a moment only: that from which on another process may
 * have changed the pixels, and told all who asked since. With TC_TIER_STRICT no request that begins after it uses memory
 * of the source, until it is confirmed anew; without, the tier has to call tc_tier_changed with NULL in time.
 *
 * - link: required.
 * - source: required; the identity, as `generation` was given it.
 * - generation: required; the present one.
 * - until_ns: the moment, in nanoseconds of CLOCK_BOOTTIME, which goes on while the machine sleeps; of CLOCK_MONOTONIC
 *   where there is no such clock. What is past is no error: memory is not used then.
 * - err: may be NULL.
 *
 * As for tc_tier_changed otherwise. Errors: TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_tier_confirmed(struct tc_tier_link *link,
                            const char *source,
                            const struct tc_generation *generation,
                            uint64_t until_ns,
                            struct tc_error *err);

/**
 * Gives up the reference to a link. NULL does nothing.
 *
 * Cannot fail. Thread-safe.
 */
void tc_tier_link_release(struct tc_tier_link *link);

/**
 * The pixels of an image have changed, on all machines: provider_invalidate here, and then the same in every process
 * whose cache has a tier that knows the image by the same identity. Change the pixels first, and then call this.
 *
 * When it has returned TC_OK, no get that begins anywhere yields the old pixels, within what the tier promises. On failure
 * the memory of this process is invalidated, and its caches ask their tiers for nothing of the source until this succeeds:
 * call it again.
 *
 * - provider: required; as for provider_invalidate.
 * - err: may be NULL.
 *
 * Waits as long as the tier needs. Errors: TC_E_UNREACHABLE if the store of a tier cannot be reached, TC_E_UNSUPPORTED if
 * no cache with a tier has made a provider of the image, if it has no identity on all machines, or if the tier cannot
 * purge; what else the tier says; TC_E_ARGUMENT. Thread-safe; not inside a function of a tier.
 */
tc_status provider_invalidate_fleet(struct tc_provider *provider,
                                    struct tc_error *err);

/*
 * ======== STATISTICS OF PIXELS ========
 */

/**
 * Takes the statistics of all bands of an image: counts, minimum, maximum, mean, standard deviation, and counters for
 * percentiles and histograms.
 *
 * A pixel of a band is data unless the mask beside the image (see provider_mask) is not 255 there, an alpha band is 0
 * there, or its sample is equal to the nodata value of that very band (NaN: any NaN). What an alpha band holds itself is
 * data wherever the mask says so. Other bands make no difference, so that each has the statistics that it would have alone.
 * Absent blocks are pixels of the pad value.
 *
 * Sums are exact and counters whole numbers: the same pixels give the same bits, whatever the tiles, blocks, threads,
 * budgets and order through which they come. Statistics speak of the pixels that were looked at, and of no others.
 *
 * Each block beneath is decoded once (once for each pass with TC_SAMPLE_EXACT), also where the provider shows it in
 * tiles: of those the cache has, the resident ones are taken, and the rest comes from the blocks. It reads as
 * TC_READ_STREAMING does: what is found in caches does not count as used, and what is loaded is the next to be evicted.
 *
 * Counters exist for values that occur, by sign, exponent and 11 bits of the mantissa: at most 4 bytes for each value of 8
 * and 16 bits (59 MB for 224 bands in which each occurs), 8 KiB for each power of two between values of the wider types.
 * Up to 64 bands each thread has its own, from there on all share them. 1 GiB is the most.
 *
 * - provider: required. A call that waits in it ends with it if it is a reader that is cancelled.
 * - options: NULL is all defaults.
 * - stats: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE if there is no such level, and for threads and percents; TC_E_ARGUMENT; TC_E_CANCELLED if
 * `progress` returned 0; TC_E_LIMIT if the counters would take more than 1 GiB; TC_E_UNSUPPORTED for a level that
 * the mask does not have; TC_E_CHANGED if a second pass finds other pixels; TC_E_NO_MEMORY; what decoding fails with.
 * Thread-safe.
 */
tc_status provider_pixel_stats(struct tc_provider *provider,
                               const struct tc_sample_options *options,
                               struct tc_pixel_stats **stats,
                               struct tc_error *err);

/**
 * What statistics speak of.
 *
 * - stats: required.
 * - about: required; receives it, zeros on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_pixel_stats_info(const struct tc_pixel_stats *stats,
                              struct tc_pixel_stats_about *about,
                              struct tc_error *err);

/**
 * The numbers of a band.
 *
 * - stats: required.
 * - band: from 0.
 * - numbers: required; receives them, zeros on failure. The counts are 0 in statistics that stood in the file.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE if there is no such band, TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_pixel_stats_band(const struct tc_pixel_stats *stats,
                              int32_t band,
                              struct tc_band_stats *numbers,
                              struct tc_error *err);

/**
 * A percentile of a band: the k-th smallest valid value, k being the smallest whole number that is at least n p / 100
 * of n valid values, and 1 for 0 percent. Nothing is interpolated (NumPy: `inverted_cdf`).
 *
 * Exact for types of 8 and 16 bits, for the smallest and the largest value, for whole numbers between -4,096 and 4,096,
 * and after TC_SAMPLE_EXACT for what that was asked for. Else the value is known to be in an interval, at most 2^-11
 * wide relative to it.
 *
 * - stats: required.
 * - band: from 0.
 * - percent: from 0 to 100; the 7th and later decimals do not count.
 * - value: required; receives the value, or the middle of the interval; NaN if no pixel is valid; 0 on failure.
 * - low, high: receive the ends of the interval, both `value` where it is exact; each may be NULL.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for band and percent; TC_E_NOT_FOUND for statistics that stood in the file; TC_E_ARGUMENT.
 * Thread-safe.
 */
tc_status tc_pixel_stats_percentile(const struct tc_pixel_stats *stats,
                                    int32_t band,
                                    double percent,
                                    double *value,
                                    double *low,
                                    double *high,
                                    struct tc_error *err);

/**
 * The histogram of a band: valid pixels in bins of equal width from `low` to `high`. A bin has the values from its lower
 * end on, the last one its upper end too. Values beyond `low` and `high` are in none.
 *
 * - stats: required.
 * - band: from 0.
 * - low, high: the ends; both 0: the minimum and the maximum of the band. For whole numbers, `high` = `low` + n_counts
 *   gives each its own bin.
 * - counts: required; receives n_counts numbers, zeros on failure.
 * - n_counts: the number of bins, 1 to 65,536.
 * - approximate: receives 1 if pixels that are counted together, see tc_pixel_stats_percentile, may belong to different
 *   bins and were put into that of their middle, which never happens for types of 8 and 16 bits; else 0. May be NULL.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for band, bins and ends; TC_E_NOT_FOUND for statistics that stood in the file; TC_E_ARGUMENT.
 * Thread-safe.
 */
tc_status tc_pixel_stats_histogram(const struct tc_pixel_stats *stats,
                                   int32_t band,
                                   double low,
                                   double high,
                                   int64_t *counts,
                                   size_t n_counts,
                                   uint32_t *approximate,
                                   struct tc_error *err);

/**
 * One more reference to statistics. Returns `stats`; NULL gives NULL.
 *
 * Cannot fail. Thread-safe.
 */
struct tc_pixel_stats *tc_pixel_stats_retain(struct tc_pixel_stats *stats);

/**
 * Gives up a reference to statistics. NULL does nothing.
 *
 * Cannot fail. Thread-safe.
 */
void tc_pixel_stats_release(struct tc_pixel_stats *stats);

/*
 * ======== DISPLAY CHAINS ========
 */

/**
 * A chain out of its text: steps with `|` between, such as `bands=3,1,0|stretch=2..98%|gamma=1.2|u8`. ASCII, without
 * spaces, numbers with a point whatever the locale.
 *
 * A step makes of all bands:
 * - `bands=3,1,0`: these, from 0, in this order; repeats allowed. Only what is needed is read of a provider.
 * - `unscale=0.1:-5`: samples times 0.1 less 5, for all bands; `unscale=0.1:-5,1:0` for each; `unscale`: SCALE and
 *   OFFSET that the provider tells, see provider_metadata.
 * - `magnitude`, `power`, `quarter`, `log`: of complex samples sqrt(re^2 + im^2), its square, its square root, and 20
 *   log10 of it, where 0 is no data. Of real samples the magnitude is the absolute value. `phase`: the angle of complex
 *   samples, -pi to pi as 0 to 1.
 * - `stretch=100..900`: (sample - 100) / (900 - 100) in double, clamped to 0 to 1; `stretch=0..9,1..7` for each band. The
 *   first limit is not above the second: `invert` turns a picture.
 *   Where both limits are the same, what is below is 0, above 1, and equal 127/255. Limits from the provider:
 *   `stretch=full`, all values of the significant bits of an unsigned type. Limits from statistics: `minmax`;
 *   `stretch=2..98%`, percentiles, to a millionth; `sd=2`, so many standard deviations about the mean, and `dra`,
 *   from a fifth of the distance of percentiles 2 and 98 below the one to two fifths above the other, both within minimum
 *   and maximum. Limits for all bands together, the least low and the greatest high: `minmax=common`, `dra=common`,
 *   `sd=2,common`, `stretch=2..98%,common`.
 * - `gamma=1.2`: 0 to 1 raised to 1/1.2, for all bands; `gamma=1.2,1,1` for each. `invert`: 1 less it.
 * - `table=u8:BASE64`: whole samples, or 0 to 1 as 0 to the last entry, looked up; beyond an end is that entry. Entries
 *   of u8 and u16 become 0 to 1; those of f32 and f64 (little-endian, as u16) are values, such as the amplitudes of
 *   NITF's AMP8I_PHS8I. More tables behind commas: one for each band.
 * - `palette`: one band as indices of the palette that the provider tells, see provider_palette; `palette=rgb:BASE64`,
 *   `palette=rgba:BASE64`: of these colours, 3 or 4 bytes each. Three bands, four if any colour is not opaque. Indices
 *   that it does not have are no data.
 * - `ramp=viridis`: 0 to 1 of one band as one of 256 colours of cividis, inferno, magma, plasma, turbo or viridis.
 * - `ycbcr`: three bands of 8 bits (or 0 to 1) as red, green and blue by ITU-R BT.601, full range. `rgb`: one band three
 *   times.
 * - `alpha`: one more band, opaque where any of the bands is data, by nodata values, NaN, a mask and alpha of the provider;
 *   where it is 0 the others are 0. Last, but for a type. With a palette that is not opaque, the opacity of its colours.
 * - `u8`, `u16`: 0 to 1 as round(255 t), round(65535 t), halves away from 0; no data is 0. `f32`, `f64`: values as they are;
 *   no data is NaN. Samples that were not stretched to 0 to 1 cannot become whole ones of another type. Without such a
 *   step the output is f32; of `bands` and `rgb` alone, samples as they are, no data too.
 *
 * Every step is what its formula says, in double, one rounding at the end; logarithms, powers and angles are the same on
 * every system. So each tile, process and machine shows the same.
 *
 * - text: required; at most 8 MiB and 256 steps.
 * - chain: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT with the byte of the text, from 0, where it is wrong, and why; TC_E_LIMIT. Thread-safe.
 */
tc_status tc_chain_parse(const char *text,
                         struct tc_chain **chain,
                         struct tc_error *err);

/**
 * The chain with all constants put in that a provider and statistics of its samples tell. What has them keeps them, so a
 * resolved chain is given back as it is. No pixel is read.
 *
 * Limits follow from the statistics through all that comes before: scales, detections, stretches, gammas, inversions;
 * through tables and colours they do not. A band without valid pixels gets the full range of an unsigned type, else 0..1.
 *
 * - chain, source: required.
 * - stats: those of `source`, all bands of it, see provider_pixel_stats. NULL will do for a chain without
 *   TC_CHAIN_NEEDS_STATS.
 * - resolved: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT, naming the step, if it does not fit the bands or the type of `source`, or neither this nor `stats`
 * tells what it needs. Thread-safe.
 */
tc_status tc_chain_resolve(const struct tc_chain *chain,
                           const struct tc_provider *source,
                           const struct tc_pixel_stats *stats,
                           struct tc_chain **resolved,
                           struct tc_error *err);

/**
 * One chain, then another over its output.
 *
 * - first, then: required.
 * - chain: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT, naming the step of `then` that cannot stand behind `first`. Thread-safe.
 */
tc_status tc_chain_compose(const struct tc_chain *first,
                           const struct tc_chain *then,
                           struct tc_chain **chain,
                           struct tc_error *err);

/**
 * The text of a chain in its canonical form: parsed, it gives the same chain and the same text. It is in the key of what
 * is displayed, and its text TC:CHAIN.
 *
 * - chain: NULL gives NULL.
 *
 * Returns ASCII borrowed from `chain`, valid until you release it.
 *
 * Cannot fail. Thread-safe.
 */
const char *tc_chain_text(const struct tc_chain *chain);

/**
 * What a chain takes and gives.
 *
 * - chain: required.
 * - about: required, with its size set.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT. Thread-safe.
 */
tc_status tc_chain_info(const struct tc_chain *chain,
                        struct tc_chain_about *about,
                        struct tc_error *err);

/**
 * Applies a chain to pixels, without a provider. What comes out of a pixel depends on that pixel alone, so that parts of
 * an image give the parts of its picture.
 *
 * - chain: required; resolved.
 * - input: required; rows of samples, as tc_put takes them. Of what is told there, only `flags` with TC_PIXELS_ABSENT
 *   and valid_width and valid_height do not count.
 * - mask: NULL, or pixels of one band of TC_U8 of the size of `input`: where they are 0, nothing is data.
 * - out: required; as many columns and rows as `input`, the bands and the type that the chain gives; 0 is that type. It
 *   must not overlap the others.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT, naming the step, if the chain is not resolved or does not fit the bands or the type of `input`, and
 * if `mask` or `out` are not as above; TC_E_RANGE, TC_E_LIMIT, TC_E_NO_MEMORY. Nothing is written on failure.
 * Thread-safe, as long as nobody else uses the memory of `out`.
 */
tc_status tc_chain_apply(const struct tc_chain *chain,
                         const struct tc_pixels *input,
                         const struct tc_pixels *mask,
                         const struct tc_target *out,
                         struct tc_error *err);

/**
 * One more reference to a chain. Returns `chain`; NULL gives NULL.
 *
 * Cannot fail. Thread-safe.
 */
struct tc_chain *tc_chain_retain(struct tc_chain *chain);

/**
 * Gives up a reference to a chain. What is displayed through it stays. NULL does nothing.
 *
 * Cannot fail. Thread-safe.
 */
void tc_chain_release(struct tc_chain *chain);

/**
 * The chain that shows an image, resolved, made from what is known of it and from statistics. tc_chain_why tells each
 * decision.
 *
 * - What is seen: indices of a palette that provider_palette has, in its colours; luma and colour differences as RGB; cyan,
 *   magenta and yellow as RGB, without black; of complex samples the fourth root of the power of the first band. Else
 *   red, green and blue by colour interpretation; by wavelength (texts of bands: CENTRAL_WAVELENGTH_UM, WAVELENGTH with
 *   WAVELENGTH_UNITS, NITF_CWAVE), the bands nearest to 660, 532.5 and 472.5 nm, if those are three and near; by
 *   NITF_ISUBCAT; by descriptions; else the band that NITF_IREPBAND says is to be shown alone; else the first three bands, of
 *   two the first or the magnitude by NITF_ISUBCAT.
 * - Stretch: samples of TC_U8 are shown as they are, over their significant bits if these are fewer, and no pixel is looked
 *   at; other types by `dra` of each band, see tc_chain_parse. Statistics that stand in the file, if asked for, by two
 *   standard deviations. MINISWHITE is turned.
 * - Opacity: if the image has a mask, alpha, nodata in a band that is seen, or NaN there. Alpha of grey or RGB of 8 bits
 *   keeps its degrees.
 *
 * A band of one value is shown as 127; one without a valid pixel is transparent.
 *
 * - provider: required.
 * - options: as for provider_pixel_stats, whose statistics are taken where limits depend on them. NULL is
 *   TC_SAMPLE_WINDOWS and no more: 64 windows at fixed places, so that no call hides a pass over the image.
 * - chain: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * The same image gives the same chain, whatever its tiles, threads and caches. Errors: those of provider_pixel_stats;
 * TC_E_ARGUMENT, naming the step, where values are too wide for a stretch. Thread-safe.
 */
tc_status tc_chain_auto(struct tc_provider *provider,
                        const struct tc_sample_options *options,
                        struct tc_chain **chain,
                        struct tc_error *err);

/**
 * Why a chain of tc_chain_auto is as it is: a line for each decision, what it is about, a colon and the reason, such as
 * `bands: 4,2,1 are nearest to 660, 532.5 and 472.5 nm, at 660,545,480 nm`. For people: the words may change.
 *
 * - chain: NULL gives NULL.
 *
 * Returns UTF-8 borrowed from `chain`, valid until you release it; empty for a chain that was made otherwise, also out of
 * this one.
 *
 * Cannot fail. Thread-safe.
 */
const char *tc_chain_why(const struct tc_chain *chain);

/**
 * An image seen through a chain, tile by tile on the grid of the source: the picture of the whole image, cut.
 *
 * Only the bands that the chain needs are read. What is no data (nodata of a band, NaN, what the mask or alpha of the
 * source says) is 0, and NaN in floats; a band of opacity says where, if the chain has one, else provider_mask does. Tiles
 * are band-sequential; tc_tile_copy interleaves them. Levels, grid and place are those of the source, texts those of the
 * whole image and the chain as TC:CHAIN. Blocks that the source does not have are not there either where the chain makes
 * the same of pad in all bands. The key reads `<source>:mapped:<text>:chain`, with the text escaped, of one over 200 bytes
 * 128 bits of its SHA-256 as `digest:<digits>`; where a mask, alpha or nodata say what is data, `:data:<digits>` follows.
 *
 * - source: required; kept alive by the result.
 * - chain: resolved; kept alive by the result. NULL: the automatic one, of samples: pixels of windows at fixed places are
 *   read for it where bands must be stretched, and nothing else. It is in the text TC:CHAIN.
 * - cache: keeps the tiles, and is kept alive by the result; NULL keeps nothing.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT, naming the step, if the chain is not resolved or does not fit the bands or the type of the
 * source, also if the cache knows the key with another size, block size, type or number of bands; TC_E_LIMIT for a
 * stack that is too high; TC_E_NO_MEMORY; for the automatic chain what decoding fails with. Thread-safe.
 */
tc_status provider_display(struct tc_provider *source,
                           const struct tc_chain *chain,
                           struct tc_cache *cache,
                           struct tc_provider **provider,
                           struct tc_error *err);

/**
 * An image in another sample type, the simple case of provider_display: a chain made of numbers.
 *
 * - source: required; kept alive by the result.
 * - options: NULL is all defaults: all values of an unsigned type to 8 bits.
 * - cache: keeps the tiles, and is kept alive by the result; NULL keeps nothing.
 * - provider: receives a reference that you own; NULL on failure. Its text TC:CHAIN is the chain.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for limits, percents, gamma and bands; TC_E_ARGUMENT, also for signed, floating-point and complex
 * samples without limits or percents, and for percents without statistics; else as provider_display. Thread-safe.
 */
tc_status provider_convert(struct tc_provider *source,
                           const struct tc_convert_options *options,
                           struct tc_cache *cache,
                           struct tc_provider **provider,
                           struct tc_error *err);

/**
 * The palette of a band: the colours that its samples are indices of, from 0 on. Files of 16 bits a colour give the
 * nearest of 8.
 *
 * - provider: required.
 * - band: from 0.
 * - colours, n_colours: room for so many, of which as many are written as there are. NULL and 0 ask for the number alone.
 * - count: required; receives the number of colours of the palette, at most 65,536, also where there was no room for all; 0 on
 *   failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_NOT_FOUND if the band has no palette or its text is not one; TC_E_RANGE for bands, TC_E_ARGUMENT.
 * Thread-safe.
 */
tc_status provider_palette(const struct tc_provider *provider,
                           int32_t band,
                           struct tc_rgba *colours,
                           size_t n_colours,
                           size_t *count,
                           struct tc_error *err);

/**
 * Writes an image with all its levels to a file: those that it has, and above them those that it does not have, the same
 * to the last bit as provider_pyramid makes them.
 *
 * Each block of the source is decoded once, whatever its shape, also where provider_retile shows it in tiles: of those the
 * cache of the provider has, the resident ones are taken. Where `source` is computed from tiles, or is a pyramid over them,
 * it is read in its own blocks, and what is beneath is decoded again where no cache there has room for it. It reads as TC_READ_STREAMING does. All levels that are not the
 * source's are made in the same pass. What a level holds of it is about a row of tiles; that is taken from the budget of
 * `cache`, from which tiles go as for a new one. Levels for which it has no room wait in a file aside and are read back
 * from there. Beside the budget each thread has a block and a few tiles in hand.
 *
 * The bytes of the file are the same whatever the threads, the blocks of the source and the budget. They have neither the
 * time nor the name of the machine in them.
 *
 * With the pixels go: the mask (as mask directories of 1 bit), alpha as an extra sample, colours, a palette without its opacity, nodata,
 * significant bits (the item NBITS of the domain IMAGE_STRUCTURE, which GDAL does not read from there), where the image lies (transform or ground control points without their names, RPC, the keys of GeoTIFF
 * as they were, or the codes of the system, or its text), and the texts that
 * provider_metadata has of image and bands, statistics and the names of categories too (the item CATEGORYNAMES of a band,
 * for GDAL a text), but for those that speak of the file itself. Up to 4 bands are
 * interleaved, more have tiles of their own, in a COG all are interleaved. As in provider_pyramid, floats that are no data
 * come out as NaN, colours under an alpha of 0 among them, unless there is a nodata value.
 *
 * A system is written by its text where no code says it, or one that the register in the library does not have. The text
 * is in the form in which GDAL takes it from keys, up to some 2,380 bytes, of a longer one without the lines and spaces
 * between its elements. What is longer even so is written whole, but GDAL finds no system in it.
 *
 * The file is written aside in the folder of `path`, and takes the place of whatever has that name when it is complete
 * and on the disk. Whatever ends the call or the process before that leaves nothing: where the file system knows files
 * without a name, that is what it is until then. Where it does not, it is `path` with `.building` behind it, which the
 * next call for the same `path` takes over.
 *
 * - source: required. A call that waits in it ends with it if it is a reader that is cancelled.
 * - path: required; the system's own bytes, copied. A link is followed; a folder, a device or a pipe is refused. The file
 *   has the permissions of the one that it replaces.
 * - options: NULL is all defaults.
 * - cache: gives its budget, which need not be that of the source; NULL: up to 256 MiB are taken beside all budgets.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE for numbers, and for an image of one tile with TC_BUILD_OVERVIEWS; TC_E_ARGUMENT, also if `path` is a
 * file that pixels or levels of the source come from, such as overviews beside it; TC_E_UNSUPPORTED for a compression, a predictor or a filter that these samples do not have, and for what a TIFF
 * has no place for unless overviews alone are built: bands with different nodata values, of which it has one for all (a
 * map of the source can make them the same), ground control points beside a transform, and a system without a text whose
 * code is not in 1,024 to 32,766 (provider_with_georef says them otherwise); TC_E_NOT_FOUND if there is no such folder; TC_E_IO if it cannot
 * be written to, or the disk is full; TC_E_LIMIT for sides above 32 bits and bands above 16; TC_E_CANCELLED if `progress`
 * returned 0; what decoding fails with. Thread-safe.
 */
tc_status tc_build_pyramid(struct tc_provider *source,
                           const char *path,
                           const struct tc_build_options *options,
                           struct tc_cache *cache,
                           struct tc_error *err);

/*
 * ======== TILES ========
 */

/**
 * Where the pixels of a tile are.
 *
 * - tile: NULL sets all members of `pixels` to 0.
 * - pixels: NULL does nothing; pixels->data is borrowed and stays valid and unchanged until the last
 *   reference to the tile is released.
 *
 * Cannot fail. Thread-safe.
 */
void tc_tile_pixels(const struct tc_tile *tile,
                    struct tc_pixels *pixels);

/**
 * Copies part of a tile into memory of yours.
 *
 * - tile: required.
 * - x, y: the column and row of the tile where the part begins; its size is that of `into`.
 * - bands, n_bands: which band of the tile goes into each band of `into`, in any order, repeats
 *   allowed; TC_BAND_OPAQUE writes opaque alpha; NULL and 0 for all in order. Bands are counted in the
 *   tile, which has the bands that were asked for.
 * - into: required; into->bands is the number of bands copied. With another type, samples are rounded
 *   to nearest (halves away from zero) and clamped, NaN becomes 0 in integers, and real types take the
 *   real part.
 * - err: may be NULL.
 *
 * Errors: TC_E_RANGE if the part leaves the tile or a band does not exist, TC_E_ARGUMENT. Nothing is
 * written on failure. Thread-safe, as long as nobody else uses the memory of `into`.
 */
tc_status tc_tile_copy(const struct tc_tile *tile,
                       int64_t x,
                       int64_t y,
                       const int32_t *bands,
                       size_t n_bands,
                       const struct tc_target *into,
                       struct tc_error *err);

/**
 * One more reference to a tile. Returns `tile`; NULL gives NULL.
 *
 * Cannot fail. Thread-safe.
 */
struct tc_tile *tc_tile_retain(struct tc_tile *tile);

/**
 * Gives up a reference to a tile. With the last one its pixels may not be touched any more. NULL does
 * nothing.
 *
 * Cannot fail; never waits for a load. If the pixels are memory that you lent, this may call its
 * release function. Thread-safe.
 */
void tc_tile_release(struct tc_tile *tile);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TILECACHE_H */
