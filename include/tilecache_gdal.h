/*
 * tilecache_gdal: any GDAL raster as a provider of tilecache.
 *
 * All of it is in this file: it needs GDAL's C API and tilecache.h, and nothing to link but GDAL and
 * tilecache. C99 and C++. Languages that cannot use a header call the same functions in the plugin
 * gdal_TILECACHE.so, by the names tilecache_gdal_open, tilecache_gdal_from_dataset, tilecache_gdal_open_vsi,
 * tilecache_gdal_srs, tilecache_gdal_set_georef and tilecache_gdal_transform, with the arguments that are told here.
 *
 *   #include <tilecache_gdal.h>
 *   ...
 *   tc_provider *file, *tiles;
 *   GDALAllRegister();
 *   tc_status status = tc_gdal_open("scene.jp2", NULL, &file, &err);
 *   if (!status) status = provider_retile(file, NULL, cache, &tiles, &err);
 *
 * GDAL VERSIONS
 *   From 3.5, the first with 64-bit integers. Tested with 3.6. TC_I8 is GDAL's signed byte: a type of
 *   its own from 3.7 on, PIXELTYPE=SIGNEDBYTE before. 16-bit floats (3.11) are read as TC_F32 and
 *   TC_CF32. What counts is the GDAL whose headers this is compiled with.
 *
 * WHAT THE IMAGE IS
 *   Type: that of the bands; if they differ, the smallest that holds all, TC_E_UNSUPPORTED if a band is of
 *   64-bit integers and there is none. Levels: overviews that are
 *   smaller by a power of two, each with the blocks that it is stored in; levels that are left out below
 *   others have no block, and reading them is TC_E_NOT_FOUND. Pad: nodata, if all bands have the same; else 0. Nodata, colours: band by band. Mask: a
 *   mask that belongs to the dataset, but not alpha; masks that differ by band, and values between 0 and
 *   255, are an image of their own, by TC_GDAL_MASKS. Metadata (see provider_metadata): items of the
 *   default domain by their name, those of others as DOMAIN:NAME, domains that are one document
 *   (xml:XMP) by their own name; besides, GDAL:DRIVER, GDAL:GEOTRANSFORM, GDAL:SRS, GDAL:GCPS (a line for
 *   each ground control point: column, row, x, y, z) and GDAL:GCP_SRS, and per band GDAL:DESCRIPTION,
 *   GDAL:UNIT, GDAL:SCALE, GDAL:OFFSET and GDAL:COLOR_TABLE (a line for each entry: red, green, blue,
 *   alpha). Text that is not UTF-8 is taken for Latin-1.
 *
 * WHERE IT LIES
 *   provider_georef tells what GDAL says: the transform, the system as WKT 2 of 2019 with the EPSG codes of its
 *   parts, ground control points, RPCs, AREA_OR_POINT, and as unit of heights that of the first band, if the system
 *   has a vertical part, or if the unit is "m" or "ft", by which GDAL says so of elevations. Numbers that cannot be
 *   used, such as a transform without inverse, are left out. tc_gdal_set_georef is the way back.
 *
 * BLOCKS
 *   Those of GDAL. Flat ones, such as single rows, are put together up to 256 rows or 1 MiB. Those of a
 *   VRT that names no size, 128 x 128, are those of its first source instead. In formats
 *   that are known to read a part of a block for its share of the cost, large blocks are read by
 *   windows; see tc_gdal_options.windows.
 *
 * THREADS
 *   Each concurrent read has a dataset of its own, opened when it is needed and used again, at most
 *   max_sessions for all levels together. Thread-safe datasets (GDAL 3.10) are datasets per thread
 *   underneath; they are used for what cannot be opened again.
 *
 * MEMORY
 *   What GDAL's block cache holds of an image after a read is dropped, so that no second copy stays
 *   beside that of tilecache; whole blocks of bands that are stored apart do not enter it at all.
 *   Blocks of other datasets are left alone, GDAL_CACHEMAX is not touched. Drivers may keep memory of
 *   their own. A VRT drops the blocks of its sources with its own, but not those of its sources'
 *   overviews, which stay, within GDAL_CACHEMAX, until its session is closed; and since its blocks lie
 *   across those of its sources, it drops none before GDAL's cache has 32 MiB.
 *
 * THE END OF GDAL
 *   GDALDestroyDriverManager closes every dataset, those of providers too. A provider that is still there
 *   can be released afterwards; reads by it, and by one over a dataset of yours, fail with TC_E_SOURCE, also
 *   after drivers have been registered again. It may not be called while a read is under way.
 *
 * CHANGES
 *   If the main file is one of the file system, or lies in an archive of the file system, reads fail once
 *   inode, size or times have changed. A file of a network is asked for its ETag and time when it is opened,
 *   by one request; if they are not those that this program saw last, what GDAL keeps of the file is dropped.
 *   While it is read it is not asked again.
 *
 * ERRORS
 *   What GDAL says goes into tc_error.message, all of it that has room, with TC_E_SOURCE and GDAL's
 *   number (CPLE_...) as source_code; it does not reach the error handler of the program. Warnings do.
 */
#ifndef TILECACHE_GDAL_H
#define TILECACHE_GDAL_H

#include <float.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if !defined(_WIN32)
#include <sys/stat.h>
#endif

#include <cpl_atomic_ops.h>
#include <cpl_compressor.h>
#include <cpl_conv.h>
#include <cpl_error.h>
#include <cpl_multiproc.h>
#include <cpl_string.h>
#include <cpl_vsi.h>
#include <cpl_vsi_error.h>
#include <gdal.h>
#include <gdal_alg.h>
#include <ogr_srs_api.h>

#include "tilecache.h"

#if GDAL_VERSION_NUM < GDAL_COMPUTE_VERSION(3, 5, 0)
#error "tilecache_gdal.h needs GDAL 3.5 or newer"
#endif

/* When large blocks are read by windows; the values of tc_gdal_options.windows. */
typedef enum tc_gdal_windows {
  TC_GDAL_WINDOWS_AUTO = 0, /* in formats where that is known to be cheap */
  TC_GDAL_WINDOWS_ALWAYS = 1,
  TC_GDAL_WINDOWS_NEVER = 2
} tc_gdal_windows;

/* The bits of tc_gdal_options.flags. */
typedef enum tc_gdal_flags {
  /* Leave in GDAL's block cache what reads put there: for those who also read by GDAL. */
  TC_GDAL_KEEP_BLOCKS = 1,
  /* The image is the masks of the bands: a band of TC_U8 for each, with the values that GDAL gives, 0 where
   * there are no data. */
  TC_GDAL_MASKS = 2
} tc_gdal_flags;

/* Options of tc_gdal_open and tc_gdal_from_dataset. Size-led; 0 is the default everywhere. */
typedef struct tc_gdal_options {
  /* sizeof(tc_gdal_options), set by you. */
  uint32_t struct_size;
  /* The most datasets open at once; 0 is one for each processor. */
  int32_t max_sessions;
  /* What the key of the image begins with, UTF-8. NULL: the identity of the dataset's files, so that opening
   * it twice shares tiles: device, inode, size and times of those of the file system, and of the archives
   * that others lie in; URL, size and strong ETag, else time of change, of those of a network, as far as they
   * are at most 16. A number that is never used again where that cannot be told: in memory, or if a server
   * tells neither, or a time that is that of its answer. It knows of open options, but not of GDAL's
   * configuration. TC_GDAL_MASKS adds "-masks" to it. */
  const char *key;
  /* What GDALOpenEx takes, NAME=VALUE, and the drivers that may open it; each ends with NULL. */
  const char *const *open_options;
  const char *const *drivers;
  /* One of tc_gdal_windows. */
  uint32_t windows;
  /* Bits of tc_gdal_flags. */
  uint32_t flags;
} tc_gdal_options;

/*
 * A raster by the name that GDAL knows it by: a file, a subdataset, a connection string.
 *
 * - path: required; in the encoding that GDAL expects, which is UTF-8.
 * - options: NULL is all defaults.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Registers GDAL's drivers if the process has none.
 *
 * Errors: TC_E_SOURCE for what GDAL says, TC_E_UNSUPPORTED for a dataset without bands, TC_E_ARGUMENT,
 * and those of provider_from_source. Thread-safe.
 */
static inline tc_status tc_gdal_open(const char *path, const tc_gdal_options *options, tc_provider **provider,
                                     tc_error *err);

/*
 * A dataset that you have open.
 *
 * - dataset: required. If it is read-only and its description opens the same raster again, it is used
 *   in this call only; if it has open options, pass them too. Else it must stay open until `release` is
 *   called, and where GDAL has no thread-safe form of it, nobody else may use it meanwhile: blocks are
 *   then read one at a time.
 * - options: NULL is all defaults. The key of a dataset that cannot be opened again is never used again.
 * - release: called once with `user` when `dataset` is not needed any more, possibly before the call
 *   returns; on failure it is not called. NULL: nothing to release.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Errors: as tc_gdal_open. Thread-safe, as long as nobody else uses `dataset`.
 */
static inline tc_status tc_gdal_from_dataset(GDALDatasetH dataset, const tc_gdal_options *options,
                                             tc_release_fn release, void *user, tc_provider **provider,
                                             tc_error *err);

/*
 * An image file in any of GDAL's file systems, /vsizip/, /vsimem/, /vsicurl/, /vsis3/, read by tilecache's
 * own readers and not by GDAL's: those of tc_format_info. What provider_open is for files of the system.
 *
 * - path: required; what VSIFOpenL takes. The file must not change until the provider is released, or
 *   provider_invalidate is called when it has.
 * - options: those of provider_open; NULL is all defaults. Without a key of its own the image has the
 *   identity of the file, where it has one: see tc_gdal_options.key.
 * - provider: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * The file is opened as often as it is read at the same time, and stays open until the provider goes.
 *
 * Errors: TC_E_SOURCE for what GDAL says of the file, and those of provider_open_io. Thread-safe.
 */
static inline tc_status tc_gdal_open_vsi(const char *path, const tc_open_options *options, tc_provider **provider,
                                         tc_error *err);

/*
 * The coordinate reference system of a georeference: that of its WKT, else of its EPSG codes.
 *
 * - georef: required, as provider_georef tells it.
 * - srs: receives a system that you own, to be freed with OSRDestroySpatialReference, whose axes are in the order
 *   of tc_georef.transform (OAMS_TRADITIONAL_GIS_ORDER); NULL on failure.
 * - err: may be NULL.
 *
 * Errors: TC_E_NOT_FOUND if no system is known, TC_E_SOURCE for what GDAL says of text and codes, TC_E_ARGUMENT.
 * Thread-safe.
 */
static inline tc_status tc_gdal_srs(const tc_georef *georef, OGRSpatialReferenceH *srs, tc_error *err);

/*
 * Lets a dataset of GDAL's lie where an image of tilecache does, one of the same size: of pixels that were read from
 * a provider, whatever it is made of, and are now to be written.
 *
 * - dataset: required; one that takes such things: of GDALCreate, of the drivers MEM and VRT, or open for update.
 * - georef: required, as provider_georef tells it of the level that the pixels are of. What is not known is left as it
 *   is.
 * - err: may be NULL.
 *
 * Sets the transform and the system, or, without a transform, the ground control points with it; the RPCs (domain
 * RPC); AREA_OR_POINT, where pixels are points; and the unit of heights as that of each band.
 *
 * Errors: TC_E_SOURCE for what GDAL says, also of a system that it does not know; TC_E_ARGUMENT. What was set before is
 * set. Not while others use `dataset`.
 */
static inline tc_status tc_gdal_set_georef(GDALDatasetH dataset, const tc_georef *georef, tc_error *err);

/*
 * A transformer of GDAL's as a transformation of provider_warp, whose destination is the output: what
 * GDALCreateGenImgProjTransformer2 makes for two datasets, and what GDAL makes for control points, rational
 * polynomials and geolocation arrays.
 *
 * - transformer: required; yours no more on success: it is destroyed with GDALDestroyTransformer when the transformation
 *   and all that is warped by it are released. It is not used itself, but cloned, so that several threads may
 *   transform at once. Not an approximating one (GDALCreateApproxTransformer), whose points depend on those that come
 *   with them: tiles would have seams, and provider_warp interpolates itself.
 * - name: what it is called in keys, UTF-8, see tc_transform_callback; NULL: a number that is never used again.
 * - transform: receives a reference that you own; NULL on failure.
 * - err: may be NULL.
 *
 * Points for which GDAL fails are no data; what it says of them reaches nobody.
 *
 * Errors: TC_E_UNSUPPORTED for an approximating transformer and for one that cannot be cloned; those of
 * tc_transform_callback. Thread-safe.
 */
static inline tc_status tc_gdal_transform(void *transformer, const char *name, tc_transform **transform,
                                          tc_error *err);

/* ======== What follows is not for use. ======== */

enum {
  TCGDAL_LEVELS = 32,
  TCGDAL_REQUESTS = 16,       /* to a network, for the identities of the files of a dataset */
  TCGDAL_SEEN = 256,          /* files of a network whose identity is remembered */
  TCGDAL_ROWS = 256,
  TCGDAL_FLAT = 1 << 20,
  TCGDAL_LARGE = 16 << 20,
  TCGDAL_VRT_SIDE = 128,      /* of a block of a VRT that names no size */
  TCGDAL_VRT_KEPT = 32 << 20, /* bytes of GDAL's cache from which on a VRT drops what it read */
  TCGDAL_OF_BLOCK = 144,      /* bytes that GDAL's cache counts for a block beside its pixels */
  TCGDAL_VRT_SOURCES = 8      /* files of a VRT that are tried as its first source */
};

typedef struct tcgdal_level {
  int overview;               /* of each band; -1 is the band itself */
  int native_width, native_height; /* GDAL's block; 0 if bands differ */
  int block_width, block_height;   /* ours */
  int width, height;               /* 0 if the level is left out below others */
} tcgdal_level;

typedef struct tcgdal_image {
  volatile int references; /* by the sources over it */
  char *life;              /* of GDAL, in which it was opened */
  char *path, *main_file, *identity;
  int is_remote;           /* a network was asked for the identity */
  char **open_options, **drivers;
  GDALDatasetH shared;     /* used by all reads; NULL where each has a dataset of its own */
  int own_shared;          /* it was made here */
  int serial;              /* it is used by one read at a time */
  tc_release_fn release;
  void *user;
  GDALDatasetH spare;      /* opened to look, and free to be the first session */
  CPLMutex *lock;          /* of `spare`, and of a serial `shared` */
  GDALDataType type;
  int sample_size, bands, n_levels;
  int together;            /* bands are stored pixel by pixel: one costs as much as all */
  int whole;               /* blocks can be read whole, band by band, without a detour */
  int masks;               /* it shows the masks of the bands */
  int keep_blocks;
  double beneath;          /* bytes of a block of the first raster beneath, 0 if that is not known */
  volatile int grows;      /* GDAL's cache was seen to keep what is beneath */
  int over_others;         /* blocks lie across those of other datasets, which are read again for the next ones */
  tcgdal_level levels[TCGDAL_LEVELS];
} tcgdal_image;

/* ---- errors ---- */

typedef struct tcgdal_said {
  int n;
  struct { CPLErr kind; CPLErrorNum number; char *text; } notes[16];
} tcgdal_said;

static inline void CPL_STDCALL tcgdal_listen(CPLErr kind, CPLErrorNum number, const char *text)
{
  tcgdal_said *said = (tcgdal_said *)CPLGetErrorHandlerUserData();
  if (said->n < (int)(sizeof said->notes / sizeof *said->notes)) {
    said->notes[said->n].kind = kind;
    said->notes[said->n].number = number;
    said->notes[said->n].text = CPLStrdup(text);
    said->n++;
  }
}

static inline void tcgdal_begin(tcgdal_said *said)
{
  said->n = 0;
  CPLPushErrorHandlerEx(tcgdal_listen, said);
  CPLSetCurrentErrorHandlerCatchDebug(FALSE);
}

/* The text as UTF-8, to be freed with CPLFree. */
static inline char *tcgdal_utf8(const char *text)
{
  return CPLIsUTF8(text, -1) ? CPLStrdup(text) : CPLRecode(text, CPL_ENC_ISO8859_1, CPL_ENC_UTF8);
}

/* Notes a failure; text that does not fit is cut between characters. */
static inline tc_status tcgdal_fail(tc_error *err, tc_status status, int number, const char *format, ...)
{
  if (err != NULL) {
    va_list arguments;
    int length;
    err->code = status;
    err->source_code = number;
    va_start(arguments, format);
    length = vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof err->message) {
      size_t end = sizeof err->message - 1;
      while (end > 0 && ((unsigned char)err->message[end - 1] & 0xc0) == 0x80)
        end--;
      if (end > 0 && ((unsigned char)err->message[end - 1] & 0x80) != 0)
        end--;
      err->message[end] = '\0';
    }
  }
  return status;
}

/* Ends what tcgdal_begin began. Failures of a call that failed become its error; the rest is said
 * again, to whom GDAL would have said it. */
static inline tc_status tcgdal_end(tcgdal_said *said, int failed, const char *what, tc_error *err)
{
  char *all = NULL;
  int i, number = CPLE_None;
  CPLPopErrorHandler();
  for (i = 0; i < said->n; i++) {
    char *text = said->notes[i].text;
    if (!failed || said->notes[i].kind < CE_Failure) {
      CPLError(said->notes[i].kind, said->notes[i].number, "%s", text);
    } else {
      char *utf8 = tcgdal_utf8(text), *more = CPLStrdup(CPLSPrintf("%s%s%s", all ? all : "", all ? "; " : "", utf8));
      if (all == NULL)
        number = said->notes[i].number;
      CPLFree(all);
      CPLFree(utf8);
      all = more;
    }
    CPLFree(text);
  }
  if (failed)
    tcgdal_fail(err, TC_E_SOURCE, number, "GDAL: %s", all ? all : CPLSPrintf("%s failed without a reason", what));
  CPLFree(all);
  return failed ? TC_E_SOURCE : TC_OK;
}

/* ---- the life of GDAL ---- */

/* GDALDestroyDriverManager closes all datasets, and what a pointer to one of them points to then may even
 * be another dataset, if drivers were registered again. GDAL has no call that tells one life from the next,
 * but what is registered in a life ends with it. A decompressor is registered in one step, no program can
 * take it out, and it shows in no list of formats: the first image of a life registers one that decompresses
 * nothing and has a text that is never used again. */
#define TCGDAL_LIFE "tilecache_gdal"

static inline bool tcgdal_no_decompression(const void *from, size_t size, void **into, size_t *room,
                                           CSLConstList options, void *user)
{
  (void)from, (void)size, (void)into, (void)room, (void)options, (void)user;
  return false;
}

/* The text of this life, NULL if it has none. */
static inline const char *tcgdal_this_life(void)
{
  const CPLCompressor *mark = CPLGetDecompressor(TCGDAL_LIFE);
  return mark != NULL ? CSLFetchNameValue(mark->papszMetadata, "LIFE") : NULL;
}

/* The text of this life, to be freed with CPLFree. */
static inline char *tcgdal_life(void)
{
  static volatile int lives = 0;
  if (tcgdal_this_life() == NULL) {
    CPLCompressor mark;
    /* The address tells the programs and plugins apart that contain this file. */
    char **texts = CSLSetNameValue(NULL, "LIFE", CPLSPrintf("%p.%d", (const void *)&lives, CPLAtomicInc(&lives)));
    memset(&mark, 0, sizeof mark);
    mark.nStructVersion = 1;
    mark.pszId = TCGDAL_LIFE;
    mark.eType = CCT_FILTER;
    mark.papszMetadata = (CSLConstList)texts;
    mark.pfnFunc = tcgdal_no_decompression;
    (void)CPLRegisterDecompressor(&mark); /* fails if another thread has just done it */
    CSLDestroy(texts);
  }
  return CPLStrdup(tcgdal_this_life());
}

static inline int tcgdal_is_alive(const char *life)
{
  const char *now = tcgdal_this_life();
  return now != NULL && strcmp(now, life) == 0;
}

static inline tc_status tcgdal_alive(const char *life, const char *path, tc_error *err)
{
  return tcgdal_is_alive(life) ? TC_OK : tcgdal_fail(err, TC_E_SOURCE, CPLE_AppDefined,
                                                     "%s was closed by GDALDestroyDriverManager", path);
}

/* ---- files ---- */

/* A file of the system as the file system tells it from others and from its own past; NULL if it cannot. */
static inline char *tcgdal_identity_of_file(const char *path)
{
#if defined(_WIN32)
  (void)path;
  return NULL;
#else
  /* Not GDAL's VSIStatL: its struct is unknown in strict C99. */
  struct stat file;
  long mtime = 0, ctime = 0;
  if (stat(path, &file) != 0)
    return NULL;
#if defined(__APPLE__)
  mtime = file.st_mtimespec.tv_nsec;
  ctime = file.st_ctimespec.tv_nsec;
#elif defined(__GLIBC__) && !defined(__USE_XOPEN2K8)
  mtime = (long)file.st_mtimensec;
  ctime = (long)file.st_ctimensec;
#else
  mtime = file.st_mtim.tv_nsec;
  ctime = file.st_ctim.tv_nsec;
#endif
  return CPLStrdup(CPLSPrintf("%llu.%llu.%llu.%lld.%09ld.%lld.%09ld", (unsigned long long)file.st_dev,
                              (unsigned long long)file.st_ino, (unsigned long long)file.st_size,
                              (long long)file.st_mtime, mtime, (long long)file.st_ctime, ctime));
#endif
}

/* Mixes a text into a number of 128 bits: FNV-1a from two beginnings. */
static inline void tcgdal_digest(uint64_t digest[2], const char *text)
{
  int half;
  for (half = 0; half < 2; half++) {
    const unsigned char *at = (const unsigned char *)text;
    do {
      digest[half] = (digest[half] ^ *at) * UINT64_C(0x100000001b3);
    } while (*at++ != 0);
  }
}

/* Drops what GDAL keeps of a file of a network, unless it was read with this identity. Of those that were seen
 * earlier than the last 256 nothing is known. */
static inline void tcgdal_refresh(const char *path, const char *identity)
{
  static uint64_t seen[TCGDAL_SEEN][2];
  static CPLMutex *lock = NULL;
  uint64_t digest[2] = {UINT64_C(0xcbf29ce484222325), UINT64_C(0x9e3779b97f4a7c15)};
  size_t place;
  int is_known;
  tcgdal_digest(digest, path);
  place = digest[0] % TCGDAL_SEEN;
  tcgdal_digest(digest, identity);
  CPLCreateOrAcquireMutex(&lock, 1e9);
  is_known = memcmp(seen[place], digest, sizeof digest) == 0;
  memcpy(seen[place], digest, sizeof digest);
  CPLReleaseMutex(lock);
  if (!is_known)
    VSICurlPartialClearCache(path);
}

static inline int tcgdal_is_file(const char *path)
{
#if defined(_WIN32)
  (void)path;
  return 0;
#else
  struct stat file;
  return stat(path, &file) == 0 && S_ISREG(file.st_mode);
#endif
}

/* The file of an archive's path that the archive itself is, to be freed with CPLFree; NULL if there is none. */
static inline char *tcgdal_archive(const char *path)
{
  static const char *const systems[] = {"/vsizip/", "/vsitar/", "/vsigzip/", "/vsisubfile/"};
  static const char *const endings[] = {".zip", ".kmz", ".tar", ".tgz", ".tar.gz"};
  const char *rest = NULL, *end;
  size_t i;
  for (i = 0; i < sizeof systems / sizeof *systems; i++)
    if (STARTS_WITH(path, systems[i]))
      rest = path + strlen(systems[i]);
  if (rest == NULL)
    return NULL;
  if (STARTS_WITH(path, "/vsisubfile/")) {
    const char *comma = strchr(rest, ',');
    return comma != NULL ? CPLStrdup(comma + 1) : NULL;
  }
  if (STARTS_WITH(path, "/vsigzip/"))
    return CPLStrdup(rest);
  if (*rest == '{') { /* the archive in braces, in which its own path may have some */
    int depth = 1;
    char *front = CPLStrdup(rest + 1);
    for (i = 0; front[i] != '\0' && depth > 0; i++)
      depth += front[i] == '{' ? 1 : front[i] == '}' ? -1 : 0;
    front[depth == 0 ? i - 1 : i] = '\0';
    return front;
  }
  for (end = rest + 1; *rest != '\0'; end++) {
    char *front;
    int is_archive = 0;
    if (*end != '/' && *end != '\0')
      continue;
    front = CPLStrdup(rest);
    front[end - rest] = '\0';
    /* On a network only names tell, for each question there is a request. */
    if (STARTS_WITH(front, "/vsi"))
      for (i = 0; i < sizeof endings / sizeof *endings; i++)
        is_archive |= strlen(front) > strlen(endings[i]) &&
                      EQUAL(front + strlen(front) - strlen(endings[i]), endings[i]);
    else
      is_archive = tcgdal_is_file(front);
    if (is_archive)
      return front;
    CPLFree(front);
    if (*end == '\0')
      return NULL;
  }
  return NULL;
}

/* A file of a network as its server tells it from others and from its own past; NULL if it does not. What GDAL
 * keeps of the file is that file from then on. */
static inline char *tcgdal_identity_of_url(const char *path)
{
  char **headers, *identity = NULL;
  const char *size, *tag, *time, *now;
  CPLPushErrorHandler(CPLQuietErrorHandler);
  headers = VSIGetFileMetadata(path, "HEADERS", NULL);
  CPLPopErrorHandler();
  size = CSLFetchNameValue(headers, "Content-Length");
  tag = CSLFetchNameValue(headers, "ETag");
  time = CSLFetchNameValue(headers, "Last-Modified");
  now = CSLFetchNameValue(headers, "Date");
  /* What changes within the second of a time keeps the time; a weak tag may stand for several contents. */
  if (time != NULL && now != NULL && strcmp(time, now) == 0)
    time = NULL;
  if (tag != NULL && tag[0] == '"')
    time = tag;
  if (size != NULL && time != NULL && strlen(path) + strlen(size) + strlen(time) < 4096)
    identity = CPLStrdup(CPLSPrintf("%s-%s-%s", size, time, path));
  if (identity != NULL)
    tcgdal_refresh(path, identity);
  CSLDestroy(headers);
  return identity;
}

/* A file as what keeps it tells it from others and from its own past, to be freed with CPLFree; NULL if that
 * cannot. A request to a network is counted. */
static inline char *tcgdal_identity(const char *path, int *requests)
{
  char *archive, *of_archive, *identity = NULL;
  if (!STARTS_WITH(path, "/vsi"))
    return tcgdal_identity_of_file(path);
  archive = tcgdal_archive(path);
  if (archive == NULL) {
    if (STARTS_WITH(path, "/vsimem/") || *requests >= TCGDAL_REQUESTS)
      return NULL;
    ++*requests;
    return tcgdal_identity_of_url(path);
  }
  of_archive = tcgdal_identity(archive, requests);
  if (of_archive != NULL && strlen(of_archive) + strlen(path) < 4096)
    identity = CPLStrdup(CPLSPrintf("%s-%s", of_archive, path));
  CPLFree(of_archive);
  CPLFree(archive);
  return identity;
}

/* The key of what the files, the name and the open options give; NULL if a file has no identity. */
static inline char *tcgdal_key(const tcgdal_image *image, const char *driver, char **files, int *requests)
{
  uint64_t digest[2] = {UINT64_C(0xcbf29ce484222325), UINT64_C(0x9e3779b97f4a7c15)};
  int i, more = 0;
  if (image->identity == NULL)
    return NULL;
  for (i = 1; files[i] != NULL; i++) {
    char *identity = tcgdal_identity(files[i], requests);
    if (identity == NULL)
      return NULL;
    tcgdal_digest(digest, identity);
    CPLFree(identity);
    more = 1;
  }
  for (i = 0; image->open_options != NULL && image->open_options[i] != NULL; i++) {
    tcgdal_digest(digest, image->open_options[i]);
    more = 1;
  }
  if (strcmp(image->path, image->main_file) != 0) {
    tcgdal_digest(digest, image->path);
    more = 1;
  }
  if (!more)
    return CPLStrdup(CPLSPrintf("gdal-%s-%s", driver, image->identity));
  return CPLStrdup(CPLSPrintf("gdal-%s-%s-%016llx%016llx", driver, image->identity, (unsigned long long)digest[0],
                              (unsigned long long)digest[1]));
}

static inline tc_status tcgdal_unchanged(const tcgdal_image *image, tc_error *err)
{
  char *now;
  int same, none = TCGDAL_REQUESTS;
  if (image->identity == NULL || image->is_remote)
    return TC_OK;
  now = tcgdal_identity(image->main_file, &none);
  same = now != NULL && strcmp(now, image->identity) == 0;
  CPLFree(now);
  return same ? TC_OK : tcgdal_fail(err, TC_E_CHANGED, TC_E_CHANGED, "%s has changed since it was opened",
                                    image->main_file);
}

/* ---- datasets ---- */

static inline GDALDatasetH tcgdal_open(const tcgdal_image *image, tc_error *err)
{
  tcgdal_said said;
  GDALDatasetH dataset;
  tcgdal_begin(&said);
  dataset = GDALOpenEx(image->path, GDAL_OF_RASTER | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR,
                       (const char *const *)image->drivers, (const char *const *)image->open_options, NULL);
  tcgdal_end(&said, dataset == NULL, "GDALOpenEx", err);
  return dataset;
}

static inline void tcgdal_close(const tcgdal_image *image, GDALDatasetH dataset)
{
  if (dataset != NULL && tcgdal_is_alive(image->life)) {
    CPLPushErrorHandler(CPLQuietErrorHandler); /* what closing says, nobody could answer */
    GDALClose(dataset);
    CPLPopErrorHandler();
  }
}

static inline void tcgdal_release(void *user)
{
  tcgdal_image *image = (tcgdal_image *)user;
  if (CPLAtomicDec(&image->references) > 0)
    return;
  tcgdal_close(image, image->spare);
  if (image->own_shared)
    tcgdal_close(image, image->shared);
  if (image->release != NULL)
    image->release(image->user);
  if (image->lock != NULL)
    CPLDestroyMutex(image->lock);
  CSLDestroy(image->open_options);
  CSLDestroy(image->drivers);
  CPLFree(image->life);
  CPLFree(image->path);
  CPLFree(image->main_file);
  CPLFree(image->identity);
  free(image);
}

static inline tc_status tcgdal_open_session(void *user, void **session, tc_error *err)
{
  tcgdal_image *image = (tcgdal_image *)user;
  GDALDatasetH dataset;
  tc_status status = tcgdal_alive(image->life, image->path, err);
  if (status != TC_OK)
    return status;
  CPLAcquireMutex(image->lock, 1e9);
  dataset = image->spare;
  image->spare = NULL;
  CPLReleaseMutex(image->lock);
  if (dataset == NULL)
    dataset = tcgdal_open(image, err);
  if (dataset == NULL)
    return TC_E_SOURCE;
  /* Opened by name: it could be another file by now, and its shape another one. */
  if (tcgdal_unchanged(image, err) != TC_OK || GDALGetRasterCount(dataset) != image->bands ||
      GDALGetRasterXSize(dataset) != image->levels[0].width || GDALGetRasterYSize(dataset) != image->levels[0].height) {
    tcgdal_close(image, dataset);
    return tcgdal_fail(err, TC_E_CHANGED, TC_E_CHANGED, "%s has changed since it was opened", image->path);
  }
  *session = dataset;
  return TC_OK;
}

static inline void tcgdal_close_session(void *user, void *session)
{
  tcgdal_close((const tcgdal_image *)user, session);
}

/* ---- pixels ---- */

static inline GDALRasterBandH tcgdal_band(GDALDatasetH dataset, int band, int overview, int mask)
{
  GDALRasterBandH h = GDALGetRasterBand(dataset, band + 1);
  if (h != NULL && overview >= 0)
    h = GDALGetOverview(h, overview);
  return h != NULL && mask ? GDALGetMaskBand(h) : h;
}

/* The dataset that has the bands of a level as its own, in order; NULL if there is none. */
static inline GDALDatasetH tcgdal_level_dataset(const tcgdal_image *image, GDALDatasetH dataset, int overview)
{
  GDALDatasetH of;
  GDALRasterBandH first;
  int band;
  if (overview < 0)
    return dataset;
  first = tcgdal_band(dataset, 0, overview, 0);
  of = first != NULL ? GDALGetBandDataset(first) : NULL;
  if (of == NULL || of == dataset || GDALGetRasterCount(of) != image->bands)
    return NULL;
  for (band = 0; band < image->bands; band++)
    if (GDALGetRasterBand(of, band + 1) != tcgdal_band(dataset, band, overview, 0))
      return NULL;
  return of;
}

/* Drops the blocks of a band, and of those that are stored with it: reading one may have filled all. */
static inline void tcgdal_drop(GDALRasterBandH band)
{
  GDALDatasetH of = GDALGetBandDataset(band);
  int i, n = of != NULL ? GDALGetRasterCount(of) : 0, own = 0;
  for (i = 1; i <= n; i++) {
    GDALRasterBandH other = GDALGetRasterBand(of, i);
    own |= other == band;
    if (GDALFlushRasterCache(other) != CE_None)
      return;
  }
  if (!own)
    (void)GDALFlushRasterCache(band);
}

/* Reads whole blocks of GDAL straight into place: no cache, no copy. */
static inline CPLErr tcgdal_read_whole(GDALDatasetH dataset, const tcgdal_level *level, int64_t row, int64_t col,
                                       const int32_t *bands, const tc_target *into)
{
  int i, j, n = level->block_height / level->native_height;
  for (i = 0; i < into->bands; i++) {
    GDALRasterBandH band = tcgdal_band(dataset, bands ? bands[i] : i, level->overview, 0);
    if (band == NULL)
      return CE_Failure;
    for (j = 0; j < n; j++) {
      char *to = (char *)into->data + i * into->band_stride + (int64_t)j * level->native_height * into->row_stride;
      if (GDALReadBlock(band, (int)col, (int)row * n + j, to) != CE_None)
        return CE_Failure;
    }
  }
  return CE_None;
}

static inline CPLErr tcgdal_read_part(const tcgdal_image *image, GDALDatasetH dataset, const tcgdal_level *level,
                                      int x, int y, const int32_t *bands, const tc_target *into, int mask)
{
  GDALDatasetH of = mask ? NULL : tcgdal_level_dataset(image, dataset, level->overview);
  int width = (int)into->width, height = (int)into->height, i;
  if (of != NULL) {
    int *map = NULL;
    CPLErr result;
    if (bands != NULL) {
      map = (int *)VSIMalloc(sizeof *map * (size_t)into->bands);
      if (map == NULL) {
        CPLError(CE_Failure, CPLE_OutOfMemory, "no memory for a list of %d bands", (int)into->bands);
        return CE_Failure;
      }
      for (i = 0; i < into->bands; i++)
        map[i] = bands[i] + 1;
    }
    result = GDALDatasetRasterIOEx(of, GF_Read, x, y, width, height, into->data, width, height, image->type,
                                   into->bands, map, into->pixel_stride, into->row_stride, into->band_stride, NULL);
    VSIFree(map);
    return result;
  }
  for (i = 0; i < into->bands; i++) {
    GDALRasterBandH band = tcgdal_band(dataset, bands ? bands[i] : i, level->overview, mask);
    char *to = (char *)into->data + i * into->band_stride;
    if (band == NULL || GDALRasterIOEx(band, GF_Read, x, y, width, height, to, width, height,
                                       mask ? GDT_Byte : image->type, into->pixel_stride, into->row_stride,
                                       NULL) != CE_None)
      return CE_Failure;
  }
  return CE_None;
}

/* What GDAL's cache held when it was last looked at in reads over other datasets, and how many are under way. */
typedef struct tcgdal_beneath {
  CPLMutex *lock;
  GIntBig used;
  int reads;
} tcgdal_beneath;

static inline tcgdal_beneath *tcgdal_look_beneath(void)
{
  static tcgdal_beneath beneath;
  CPLCreateOrAcquireMutex(&beneath.lock, 1e9);
  return &beneath;
}

static inline void tcgdal_begin_beneath(void)
{
  tcgdal_beneath *beneath = tcgdal_look_beneath();
  if (beneath->reads++ == 0)
    beneath->used = GDALGetCacheUsed64();
  CPLReleaseMutex(beneath->lock);
}

/* Says what was decoded beneath since a read was looked at last: GDAL's cache has grown by just that. A driver
 * that keeps nothing there is taken to decode what it is asked for. */
static inline void tcgdal_say_beneath(tcgdal_image *image, const tcgdal_level *at, const tc_target *into, int is_block)
{
  tcgdal_beneath *beneath = tcgdal_look_beneath();
  GIntBig used = GDALGetCacheUsed64();
  double grown = used > beneath->used ? (double)(used - beneath->used) : 0;
  double sample = (double)image->sample_size * into->bands;
  double asked = sample * (double)into->width * (double)into->height;
  double whole = sample * at->block_width * at->block_height;
  beneath->used = used;
  CPLReleaseMutex(beneath->lock);
  if (image->beneath > 0)
    grown *= image->beneath / (image->beneath + TCGDAL_OF_BLOCK);
  if (grown > 0)
    image->grows = 1;
  if (!image->grows)
    return;
  /* A block at the edge is a whole one, over cut blocks and over full ones. */
  tc_decoded_beneath(!is_block || grown > whole ? grown / whole : grown > asked ? 1 : grown / asked);
}

/* What is dropped after a read does not count for the next one. */
static inline void tcgdal_end_beneath(void)
{
  tcgdal_beneath *beneath = tcgdal_look_beneath();
  beneath->used = GDALGetCacheUsed64();
  beneath->reads--;
  CPLReleaseMutex(beneath->lock);
}

/* Reads part of a level; row and col are those of a block, or -1. */
static inline tc_status tcgdal_read(tcgdal_image *image, GDALDatasetH session, int64_t row, int64_t col, int64_t x,
                                    int64_t y, int32_t level, const int32_t *bands, const tc_target *into, int mask,
                                    tc_error *err)
{
  const tcgdal_level *at = &image->levels[level];
  GDALDatasetH dataset = session != NULL ? session : image->shared;
  tcgdal_said said;
  tc_status status;
  CPLErr result;
  int whole = image->whole && !mask && row >= 0 && session != NULL && at->native_height > 0 &&
              at->native_width == at->block_width && at->block_height % at->native_height == 0 &&
              into->width == at->block_width && into->height == at->block_height && into->pixel_stride == image->sample_size &&
              into->row_stride == into->width * into->pixel_stride;
  status = tcgdal_alive(image->life, image->path, err);
  if (status != TC_OK)
    return status;
  if (image->serial)
    CPLAcquireMutex(image->lock, 1e9);
  tcgdal_begin(&said);
  if (image->over_others)
    tcgdal_begin_beneath();
  result = whole ? tcgdal_read_whole(dataset, at, row, col, bands, into)
                 : tcgdal_read_part(image, dataset, at, (int)x, (int)y, bands, into, mask);
  if (image->over_others)
    tcgdal_say_beneath(image, at, into, row >= 0);
  if (!image->keep_blocks && (!image->over_others || GDALGetCacheUsed64() >= TCGDAL_VRT_KEPT)) {
    int i, n = tcgdal_level_dataset(image, dataset, at->overview) != NULL && !mask ? 1 : into->bands;
    for (i = 0; i < n; i++) {
      GDALRasterBandH band = tcgdal_band(dataset, bands ? bands[i] : i, at->overview, mask);
      if (band != NULL)
        tcgdal_drop(band);
    }
  }
  if (image->over_others)
    tcgdal_end_beneath();
  status = tcgdal_end(&said, result != CE_None, "reading", err);
  if (image->serial)
    CPLReleaseMutex(image->lock);
  return status == TC_OK ? tcgdal_unchanged(image, err) : status;
}

static inline tc_status tcgdal_read_block(void *user, void *session, int64_t row, int64_t col, int32_t level,
                                          const int32_t *bands, const tc_target *into, tc_error *err)
{
  tcgdal_image *image = (tcgdal_image *)user;
  const tcgdal_level *at = &image->levels[level];
  return tcgdal_read(image, session, row, col, col * at->block_width, row * at->block_height, level, bands, into,
                     image->masks, err);
}

static inline tc_status tcgdal_read_window(void *user, void *session, int64_t x, int64_t y, int32_t level,
                                           const int32_t *bands, const tc_target *into, tc_error *err)
{
  tcgdal_image *image = (tcgdal_image *)user;
  return tcgdal_read(image, session, -1, -1, x, y, level, bands, into, image->masks, err);
}

/* GDAL's masks may have values between; providers' have not. */
static inline tc_status tcgdal_read_mask(void *user, void *session, int64_t row, int64_t col, int32_t level,
                                         const int32_t *bands, const tc_target *into, tc_error *err)
{
  tcgdal_image *image = (tcgdal_image *)user;
  const tcgdal_level *at = &image->levels[level];
  int64_t x, y;
  tc_status status = tcgdal_read(image, session, -1, -1, col * at->block_width, row * at->block_height, level, bands,
                                 into, 1, err);
  for (y = 0; status == TC_OK && y < into->height; y++) {
    unsigned char *line = (unsigned char *)into->data + y * into->row_stride;
    for (x = 0; x < into->width; x++)
      line[x] = line[x] != 0 ? 255 : 0;
  }
  return status;
}

/* ---- descriptions ---- */

/* The type of samples as GDAL delivers them and as tilecache calls them; 0 if it has none. */
static inline tc_dtype tcgdal_dtype(GDALDataType *type, int signed_bytes)
{
  switch ((int)*type) {
  case GDT_Byte: return signed_bytes ? TC_I8 : TC_U8;
  case GDT_UInt16: return TC_U16;
  case GDT_Int16: return TC_I16;
  case GDT_UInt32: return TC_U32;
  case GDT_Int32: return TC_I32;
  case GDT_UInt64: return TC_U64;
  case GDT_Int64: return TC_I64;
  case GDT_Float32: return TC_F32;
  case GDT_Float64: return TC_F64;
  case GDT_CInt16: return TC_CI16;
  case GDT_CInt32: return TC_CI32;
  case GDT_CFloat32: return TC_CF32;
  case GDT_CFloat64: return TC_CF64;
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 7, 0)
  case GDT_Int8: return TC_I8;
#endif
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 11, 0)
  case GDT_Float16: *type = GDT_Float32; return TC_F32;
  case GDT_CFloat16: *type = GDT_CFloat32; return TC_CF32;
#endif
  default: return 0;
  }
}

static inline tc_colour tcgdal_colour(GDALColorInterp colour)
{
  switch ((int)colour) {
  case GCI_GrayIndex: return TC_COLOUR_GRAY;
  case GCI_PaletteIndex: return TC_COLOUR_PALETTE;
  case GCI_RedBand: return TC_COLOUR_RED;
  case GCI_GreenBand: return TC_COLOUR_GREEN;
  case GCI_BlueBand: return TC_COLOUR_BLUE;
  case GCI_AlphaBand: return TC_COLOUR_ALPHA;
  case GCI_CyanBand: return TC_COLOUR_CYAN;
  case GCI_MagentaBand: return TC_COLOUR_MAGENTA;
  case GCI_YellowBand: return TC_COLOUR_YELLOW;
  case GCI_BlackBand: return TC_COLOUR_BLACK;
  case GCI_YCbCr_YBand: return TC_COLOUR_LUMA;
  case GCI_YCbCr_CbBand: return TC_COLOUR_CB;
  case GCI_YCbCr_CrBand: return TC_COLOUR_CR;
  default: return TC_COLOUR_UNDEFINED;
  }
}

static inline int tcgdal_signed_bytes(GDALRasterBandH band)
{
  const char *type = GDALGetRasterDataType(band) == GDT_Byte
                         ? GDALGetMetadataItem(band, "PIXELTYPE", "IMAGE_STRUCTURE")
                         : NULL;
  return type != NULL && EQUAL(type, "SIGNEDBYTE");
}

/* Writes a number as one sample; 0 if the type does not have it, so that no pixel equals it. */
static inline int tcgdal_sample(double value, tc_dtype dtype, uint8_t sample[16])
{
#define TCGDAL_PUT(type, low, high) \
  do { \
    type v; \
    if (!(value >= (low) && value <= (high))) \
      return 0; \
    v = (type)value; \
    if ((double)v != value) \
      return 0; \
    memcpy(sample, &v, sizeof v); \
    return 1; \
  } while (0)
  memset(sample, 0, 16);
  switch (dtype) {
  case TC_U8: TCGDAL_PUT(uint8_t, 0, 255);
  case TC_I8: TCGDAL_PUT(int8_t, -128, 127);
  case TC_U16: TCGDAL_PUT(uint16_t, 0, 65535);
  case TC_I16:
  case TC_CI16: TCGDAL_PUT(int16_t, -32768, 32767);
  case TC_U32: TCGDAL_PUT(uint32_t, 0, 4294967295.0);
  case TC_I32:
  case TC_CI32: TCGDAL_PUT(int32_t, -2147483648.0, 2147483647.0);
  case TC_F32:
  case TC_CF32: {
    double size = value < 0 ? -value : value;
    float v;
    /* Files that mean the largest float often say it with too few digits. */
    if (size > FLT_MAX && size <= FLT_MAX * (1 + 1e-6))
      v = value < 0 ? -FLT_MAX : FLT_MAX;
    else if (size > FLT_MAX && size <= DBL_MAX)
      return 0;
    else
      v = (float)value;
    memcpy(sample, &v, sizeof v);
    return 1;
  }
  case TC_F64:
  case TC_CF64: memcpy(sample, &value, sizeof value); return 1;
  default: return 0;
  }
#undef TCGDAL_PUT
}

static inline int tcgdal_nodata(GDALRasterBandH band, tc_dtype dtype, uint8_t sample[16])
{
  int has = 0;
  memset(sample, 0, 16);
  if (GDALGetRasterDataType(band) == GDT_Int64) {
    int64_t value = GDALGetRasterNoDataValueAsInt64(band, &has);
    if (!has || dtype != TC_I64)
      return has && tcgdal_sample((double)value, dtype, sample);
    memcpy(sample, &value, sizeof value);
  } else if (GDALGetRasterDataType(band) == GDT_UInt64) {
    uint64_t value = GDALGetRasterNoDataValueAsUInt64(band, &has);
    if (!has || dtype != TC_U64)
      return has && tcgdal_sample((double)value, dtype, sample);
    memcpy(sample, &value, sizeof value);
  } else {
    double value = GDALGetRasterNoDataValue(band, &has);
    return has && tcgdal_sample(value, dtype, sample);
  }
  return 1;
}

/* Texts as they are gathered; what they point to is freed with the list. */
typedef struct tcgdal_texts {
  tc_text *list;
  size_t n, room;
} tcgdal_texts;

static inline void tcgdal_add_text(tcgdal_texts *texts, int band, const char *domain, const char *name,
                                   const char *text)
{
  int prefixed = domain != NULL && domain[0] != '\0';
  const char *full = prefixed && name != NULL ? CPLSPrintf("%s:%s", domain, name) : prefixed ? domain : name;
  tc_text *added;
  if (full == NULL || full[0] == '\0' || text == NULL)
    return;
  if (texts->n == texts->room) {
    texts->room = texts->room * 2 + 16;
    texts->list = (tc_text *)CPLRealloc(texts->list, texts->room * sizeof *texts->list);
  }
  added = &texts->list[texts->n++];
  added->band = band;
  added->reserved = 0;
  added->name = tcgdal_utf8(full);
  added->text = tcgdal_utf8(text);
}

static inline void tcgdal_add_metadata(tcgdal_texts *texts, int band, GDALMajorObjectH object)
{
  char **domains = GDALGetMetadataDomainList(object);
  int i, j;
  for (i = 0; domains != NULL && domains[i] != NULL; i++) {
    char **items;
    if (EQUAL(domains[i], "DERIVED_SUBDATASETS"))
      continue; /* formulas that GDAL knows for any raster */
    items = GDALGetMetadata(object, domains[i]);
    for (j = 0; items != NULL && items[j] != NULL; j++) {
      char *name = NULL;
      const char *value = CPLParseNameValue(items[j], &name);
      if (STARTS_WITH_CI(domains[i], "xml:") || STARTS_WITH_CI(domains[i], "json:"))
        tcgdal_add_text(texts, band, domains[i], NULL, items[j]);
      else if (value != NULL && name != NULL)
        tcgdal_add_text(texts, band, domains[i], name, value);
      CPLFree(name);
    }
  }
  CSLDestroy(domains);
}

static inline void tcgdal_add_number(tcgdal_texts *texts, int band, const char *name, double value, int has)
{
  char text[64];
  CPLsnprintf(text, sizeof text, "%.17g", value); /* of any locale */
  if (has)
    tcgdal_add_text(texts, band, "GDAL", name, text);
}

static inline void tcgdal_add_srs(tcgdal_texts *texts, const char *name, OGRSpatialReferenceH srs)
{
  static const char *const options[] = {"FORMAT=WKT2_2019", NULL};
  char *wkt = NULL;
  if (srs != NULL && OSRExportToWktEx(srs, &wkt, options) == OGRERR_NONE)
    tcgdal_add_text(texts, -1, "GDAL", name, wkt);
  CPLFree(wkt);
}

/* Ground control points as text; what many of them take is bounded by the file that they come from. */
static inline void tcgdal_add_gcps(tcgdal_texts *texts, GDALDatasetH dataset)
{
  const GDAL_GCP *gcps = GDALGetGCPs(dataset);
  int i, n = gcps != NULL ? GDALGetGCPCount(dataset) : 0;
  size_t room = (size_t)n * 130 + 1, at = 0;
  char *text = n > 0 ? (char *)VSIMalloc(room) : NULL;
  if (text == NULL)
    return;
  for (i = 0; i < n; i++)
    at += (size_t)CPLsnprintf(text + at, room - at, "%.17g %.17g %.17g %.17g %.17g\n", gcps[i].dfGCPPixel,
                              gcps[i].dfGCPLine, gcps[i].dfGCPX, gcps[i].dfGCPY, gcps[i].dfGCPZ);
  tcgdal_add_text(texts, -1, "GDAL", "GCPS", text);
  tcgdal_add_srs(texts, "GCP_SRS", GDALGetGCPSpatialRef(dataset));
  VSIFree(text);
}

static inline void tcgdal_add_colours(tcgdal_texts *texts, int band, GDALRasterBandH h)
{
  GDALColorTableH table = GDALGetRasterColorTable(h);
  int i, n = table != NULL ? GDALGetColorEntryCount(table) : 0;
  size_t room = (size_t)n * 28 + 1, at = 0;
  char *text = n > 0 ? (char *)VSIMalloc(room) : NULL;
  if (text == NULL)
    return;
  for (i = 0; i < n; i++) {
    const GDALColorEntry *entry = GDALGetColorEntry(table, i);
    at += (size_t)CPLsnprintf(text + at, room - at, "%d %d %d %d\n", entry->c1, entry->c2, entry->c3, entry->c4);
  }
  tcgdal_add_text(texts, band, "GDAL", "COLOR_TABLE", text);
  VSIFree(text);
}

static inline void tcgdal_add_texts(tcgdal_texts *texts, GDALDatasetH dataset)
{
  double g[6];
  int band, n = GDALGetRasterCount(dataset), has = 0;
  tcgdal_add_text(texts, -1, "GDAL", "DRIVER", GDALGetDriverShortName(GDALGetDatasetDriver(dataset)));
  if (GDALGetGeoTransform(dataset, g) == CE_None) {
    char text[256];
    CPLsnprintf(text, sizeof text, "%.17g %.17g %.17g %.17g %.17g %.17g", g[0], g[1], g[2], g[3], g[4], g[5]);
    tcgdal_add_text(texts, -1, "GDAL", "GEOTRANSFORM", text);
  }
  tcgdal_add_srs(texts, "SRS", GDALGetSpatialRef(dataset));
  tcgdal_add_gcps(texts, dataset);
  tcgdal_add_metadata(texts, -1, dataset);
  for (band = 0; band < n; band++) {
    GDALRasterBandH h = GDALGetRasterBand(dataset, band + 1);
    double value;
    if (GDALGetDescription(h)[0] != '\0')
      tcgdal_add_text(texts, band, "GDAL", "DESCRIPTION", GDALGetDescription(h));
    if (GDALGetRasterUnitType(h)[0] != '\0')
      tcgdal_add_text(texts, band, "GDAL", "UNIT", GDALGetRasterUnitType(h));
    value = GDALGetRasterScale(h, &has);
    tcgdal_add_number(texts, band, "SCALE", value, has);
    value = GDALGetRasterOffset(h, &has);
    tcgdal_add_number(texts, band, "OFFSET", value, has);
    tcgdal_add_colours(texts, band, h);
    tcgdal_add_metadata(texts, band, h);
  }
}

/* The blocks of the first raster that a VRT is made of, where its own have the size of those that name none: a
 * block of it costs all blocks of that raster which it touches. */
static inline void tcgdal_blocks_beneath(tcgdal_image *image, GDALDatasetH dataset, int *width, int *height)
{
  char **files;
  int i, w, h;
  if (*width != TCGDAL_VRT_SIDE || *height != TCGDAL_VRT_SIDE)
    return;
  files = GDALGetFileList(dataset);
  for (i = 0; files != NULL && files[i] != NULL && i < TCGDAL_VRT_SOURCES; i++) {
    GDALDatasetH one = NULL;
    if (!EQUAL(files[i], GDALGetDescription(dataset)))
      one = GDALOpenEx(files[i], GDAL_OF_RASTER, NULL, NULL, NULL);
    if (one == NULL || GDALGetRasterCount(one) == 0) {
      if (one != NULL)
        GDALClose(one);
      continue;
    }
    GDALGetBlockSize(GDALGetRasterBand(one, 1), &w, &h);
    image->beneath = (double)w * h * image->sample_size;
    /* Whole rows beneath are whole rows above, however many sources lie side by side. */
    if (w == GDALGetRasterXSize(one) && h < GDALGetRasterYSize(one))
      w = GDALGetRasterXSize(dataset);
    if ((int64_t)w * h <= TCGDAL_FLAT && h >= 1 &&
        (w == GDALGetRasterXSize(dataset) || (int64_t)w * h >= TCGDAL_VRT_SIDE * TCGDAL_VRT_SIDE)) {
      *width = w;
      *height = h;
    }
    GDALClose(one);
    break;
  }
  CSLDestroy(files);
}

/* The blocks of a level: GDAL's, and several where they are flat. */
static inline void tcgdal_set_blocks(tcgdal_image *image, GDALDatasetH dataset, tcgdal_level *level)
{
  int band, width = 0, height = 0;
  int64_t bytes;
  for (band = 0; band < image->bands; band++) {
    int w = 0, h = 0;
    GDALGetBlockSize(tcgdal_band(dataset, band, level->overview, 0), &w, &h);
    if (band == 0) {
      width = level->native_width = w;
      height = level->native_height = h;
    } else if (w != level->native_width || h != level->native_height) {
      level->native_width = level->native_height = 0;
      width = w > width ? w : width;
      height = h > height ? h : height;
    }
  }
  if (image->over_others && level->overview < 0)
    tcgdal_blocks_beneath(image, dataset, &width, &height);
  width = width < 1 ? 1 : width > level->width ? level->width : width;
  height = height < 1 ? 1 : height;
  bytes = (int64_t)width * height * image->sample_size * image->bands;
  if (bytes < TCGDAL_FLAT && height < TCGDAL_ROWS && width == level->width) {
    int64_t by = TCGDAL_FLAT / (bytes < 1 ? 1 : bytes), most = TCGDAL_ROWS / height;
    height *= (int)(by < 1 ? 1 : by < most ? by : most);
  }
  level->block_width = width;
  level->block_height = height > level->height ? level->height : height;
}

/* Whether `n` is `full` halved so often, rounded either way, or nearer to that than to any other whole part. */
static inline int tcgdal_is_half(int full, int times, int n)
{
  int low = full >> times, high = (int)(((int64_t)full + ((int64_t)1 << times) - 1) >> times);
  return n == (low < 1 ? 1 : low) || n == high || (2 * (int64_t)full + n) / (2 * (int64_t)n) == (int64_t)1 << times;
}

/* The overview that is level `times`, the same of all bands; -1 if there is none. */
static inline int tcgdal_find_overview(const tcgdal_image *image, GDALDatasetH dataset, int times)
{
  int i, band, n = GDALGetOverviewCount(GDALGetRasterBand(dataset, 1));
  for (i = 0; i < n; i++) {
    int good = 1;
    for (band = 0; good && band < image->bands; band++) {
      GDALRasterBandH one = tcgdal_band(dataset, band, i, 0), base = GDALGetRasterBand(dataset, band + 1);
      good = one != NULL && i < GDALGetOverviewCount(base) &&
             tcgdal_is_half(image->levels[0].width, times, GDALGetRasterBandXSize(one)) &&
             tcgdal_is_half(image->levels[0].height, times, GDALGetRasterBandYSize(one)) &&
             GDALGetRasterDataType(one) == GDALGetRasterDataType(base) &&
             GDALGetRasterBandXSize(one) == GDALGetRasterBandXSize(tcgdal_band(dataset, 0, i, 0)) &&
             GDALGetRasterBandYSize(one) == GDALGetRasterBandYSize(tcgdal_band(dataset, 0, i, 0));
    }
    if (good)
      return i;
  }
  return -1;
}

static inline void tcgdal_find_levels(tcgdal_image *image, GDALDatasetH dataset)
{
  tcgdal_level *level = &image->levels[0];
  int times, last = -1;
  level->overview = -1;
  level->width = GDALGetRasterXSize(dataset);
  level->height = GDALGetRasterYSize(dataset);
  tcgdal_set_blocks(image, dataset, level);
  image->n_levels = 1;
  for (times = 1; times < TCGDAL_LEVELS - 1; times++) {
    int overview = tcgdal_find_overview(image, dataset, times);
    level = &image->levels[times];
    /* A single pixel halved is a single pixel: an overview counts once. */
    if (overview < 0 || overview == last)
      continue;
    last = overview;
    level->overview = overview;
    level->width = GDALGetRasterBandXSize(tcgdal_band(dataset, 0, overview, 0));
    level->height = GDALGetRasterBandYSize(tcgdal_band(dataset, 0, overview, 0));
    tcgdal_set_blocks(image, dataset, level);
    image->n_levels = times + 1;
  }
}

static inline int tcgdal_cheap_windows(const char *driver)
{
  static const char *const drivers[] = {"JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "JP2Lura", "ECW",   "MrSID",
                                        "MEM",         "VRT",    "ENVI",   "EHdr",     "ERS",     "ISCE",  "PDS4",
                                        "VICAR",       "ISIS3",  "MFF",    "GenBin",   "PAux",    "ROI_PAC"};
  size_t i;
  for (i = 0; i < sizeof drivers / sizeof *drivers; i++)
    if (EQUAL(driver, drivers[i]))
      return 1;
  return 0;
}

/* Whether two datasets are the same raster, as far as that can be seen without reading it. */
static inline int tcgdal_same(GDALDatasetH a, GDALDatasetH b)
{
  double ga[6] = {0}, gb[6] = {0};
  int band, n = GDALGetRasterCount(a);
  if (GDALGetDatasetDriver(a) != GDALGetDatasetDriver(b) || GDALGetRasterCount(b) != n ||
      GDALGetRasterXSize(a) != GDALGetRasterXSize(b) || GDALGetRasterYSize(a) != GDALGetRasterYSize(b) ||
      GDALGetGeoTransform(a, ga) != GDALGetGeoTransform(b, gb) || memcmp(ga, gb, sizeof ga) != 0)
    return 0;
  for (band = 1; band <= n; band++) {
    GDALRasterBandH x = GDALGetRasterBand(a, band), y = GDALGetRasterBand(b, band);
    int xw, xh, yw, yh;
    GDALGetBlockSize(x, &xw, &xh);
    GDALGetBlockSize(y, &yw, &yh);
    if (GDALGetRasterDataType(x) != GDALGetRasterDataType(y) || xw != yw || xh != yh ||
        GDALGetOverviewCount(x) != GDALGetOverviewCount(y))
      return 0;
  }
  return 1;
}

static inline tc_status tcgdal_options(const tc_gdal_options *from, tc_gdal_options *to, tc_error *err)
{
  memset(to, 0, sizeof *to);
  if (from != NULL) {
    const unsigned char *bytes = (const unsigned char *)from;
    size_t size = from->struct_size, i;
    if (size < sizeof *to || size > 4096 || size % sizeof(void *) != 0)
      return tcgdal_fail(err, TC_E_ARGUMENT, 0,
                         "struct_size of options is %u; set it to sizeof(tc_gdal_options), which is %u",
                         (unsigned)size, (unsigned)sizeof *to);
    for (i = sizeof *to; i < size; i++)
      if (bytes[i] != 0)
        return tcgdal_fail(err, TC_E_ARGUMENT, 0, "options sets members that this version does not have");
    memcpy(to, from, sizeof *to);
  }
  if (to->max_sessions < 0)
    return tcgdal_fail(err, TC_E_RANGE, 0, "max_sessions is %d", (int)to->max_sessions);
  if (to->windows > TC_GDAL_WINDOWS_NEVER)
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "windows is %u", (unsigned)to->windows);
  if ((to->flags & ~(uint32_t)(TC_GDAL_KEEP_BLOCKS | TC_GDAL_MASKS)) != 0)
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "flags is %#x; no such flag", (unsigned)to->flags);
  return TC_OK;
}

/* ---- georeference ---- */

/* What a dataset says of its place, and what that points to. */
typedef struct tcgdal_place {
  tc_georef georef;
  tc_rpc rpc;
  tc_gcp *gcps;
  char *wkt, *unit;
} tcgdal_place;

static inline void tcgdal_free_place(tcgdal_place *place)
{
  size_t i;
  for (i = 0; i < place->georef.n_gcps; i++) {
    CPLFree((void *)place->gcps[i].id);
    CPLFree((void *)place->gcps[i].info);
  }
  VSIFree(place->gcps);
  CPLFree(place->wkt);
  CPLFree(place->unit);
}

static inline int tcgdal_all_finite(const double *numbers, int n)
{
  int i;
  for (i = 0; i < n; i++)
    if (!CPLIsFinite(numbers[i]))
      return 0;
  return 1;
}

/* Whether tc_source.georef takes it. */
static inline int tcgdal_is_invertible(const double *t)
{
  const int upright = t[2] == 0 && t[4] == 0;
  const double area = t[1] * t[5] - t[2] * t[4];
  const double back[6] = {
      upright ? -t[0] / t[1] : (t[2] * t[3] - t[5] * t[0]) / area, upright ? 1 / t[1] : t[5] / area,
      upright ? 0 : t[2] / area, upright ? -t[3] / t[5] : (t[4] * t[0] - t[1] * t[3]) / area,
      upright ? 0 : t[4] / area, upright ? 1 / t[5] : t[1] / area};
  return tcgdal_all_finite(t, 6) && tcgdal_all_finite(back, 6);
}

/* The EPSG code of a part of a system, NULL the whole; 0 if it has none. */
static inline int32_t tcgdal_epsg(OGRSpatialReferenceH srs, const char *part)
{
  const char *name = OSRGetAuthorityName(srs, part), *code = OSRGetAuthorityCode(srs, part);
  const int number = name != NULL && code != NULL && EQUAL(name, "EPSG") ? atoi(code) : 0;
  return number > 0 ? number : 0;
}

static inline void tcgdal_place_srs(tcgdal_place *place, OGRSpatialReferenceH srs)
{
  static const char *const options[] = {"FORMAT=WKT2_2019", NULL};
  char *wkt = NULL;
  if (srs == NULL)
    return;
  if (OSRExportToWktEx(srs, &wkt, options) == OGRERR_NONE && wkt[0] != '\0')
    place->georef.wkt = place->wkt = tcgdal_utf8(wkt);
  CPLFree(wkt);
  if (!OSRIsCompound(srs))
    place->georef.epsg = tcgdal_epsg(srs, NULL);
  else
    place->georef.vertical_epsg = tcgdal_epsg(srs, "VERT_CS");
  if (place->georef.epsg == 0)
    place->georef.epsg = tcgdal_epsg(srs, OSRIsProjected(srs) ? "PROJCS" : OSRIsGeocentric(srs) ? "GEOCCS" : "GEOGCS");
}

static inline void tcgdal_place_gcps(tcgdal_place *place, GDALDatasetH dataset)
{
  const GDAL_GCP *gcps = GDALGetGCPs(dataset);
  int i, n = gcps != NULL ? GDALGetGCPCount(dataset) : 0;
  if (n <= 0 || n > 1 << 20)
    return;
  place->gcps = (tc_gcp *)VSIMalloc2((size_t)n, sizeof *place->gcps);
  for (i = 0; i < n && place->gcps != NULL; i++) {
    const double all[5] = {gcps[i].dfGCPPixel, gcps[i].dfGCPLine, gcps[i].dfGCPX, gcps[i].dfGCPY, gcps[i].dfGCPZ};
    tc_gcp *gcp = &place->gcps[place->georef.n_gcps];
    if (!tcgdal_all_finite(all, 5))
      continue;
    gcp->pixel = all[0];
    gcp->line = all[1];
    gcp->x = all[2];
    gcp->y = all[3];
    gcp->z = all[4];
    gcp->id = tcgdal_utf8(gcps[i].pszId != NULL ? gcps[i].pszId : "");
    gcp->info = tcgdal_utf8(gcps[i].pszInfo != NULL ? gcps[i].pszInfo : "");
    place->georef.n_gcps++;
  }
  if (place->georef.n_gcps > 0)
    place->georef.gcps = place->gcps;
}

/* The numbers of a tc_rpc that have a name each in the domain RPC. */
typedef struct tcgdal_rpc_number {
  const char *name;
  size_t at; /* in tc_rpc */
} tcgdal_rpc_number;

static const tcgdal_rpc_number tcgdal_rpc_numbers[] = {
    {"ERR_BIAS", offsetof(tc_rpc, err_bias)},         {"ERR_RAND", offsetof(tc_rpc, err_rand)},
    {"LINE_OFF", offsetof(tc_rpc, line_off)},         {"SAMP_OFF", offsetof(tc_rpc, samp_off)},
    {"LAT_OFF", offsetof(tc_rpc, lat_off)},           {"LONG_OFF", offsetof(tc_rpc, long_off)},
    {"HEIGHT_OFF", offsetof(tc_rpc, height_off)},     {"LINE_SCALE", offsetof(tc_rpc, line_scale)},
    {"SAMP_SCALE", offsetof(tc_rpc, samp_scale)},     {"LAT_SCALE", offsetof(tc_rpc, lat_scale)},
    {"LONG_SCALE", offsetof(tc_rpc, long_scale)},     {"HEIGHT_SCALE", offsetof(tc_rpc, height_scale)},
    {"LINE_NUM_COEFF", offsetof(tc_rpc, line_num)},   {"LINE_DEN_COEFF", offsetof(tc_rpc, line_den)},
    {"SAMP_NUM_COEFF", offsetof(tc_rpc, samp_num)},   {"SAMP_DEN_COEFF", offsetof(tc_rpc, samp_den)},
};

enum { TCGDAL_RPC_SINGLE = 12, TCGDAL_RPC_ALL = 16, TCGDAL_RPC_SCALES = 7, TCGDAL_RPC_TERMS = 20 };

/* Where a named number of RPCs, or the first of a list, is. */
static inline double *tcgdal_rpc_at(tc_rpc *rpc, int i)
{
  return (double *)(void *)((char *)rpc + tcgdal_rpc_numbers[i].at);
}

/* Whether the domain RPC has all that a tc_rpc has; what it says of errors may be missing. */
static inline int tcgdal_rpc(tc_rpc *rpc, GDALDatasetH dataset)
{
  char **items = GDALGetMetadata(dataset, "RPC");
  int i, j;
  for (i = 0; i < TCGDAL_RPC_ALL; i++) {
    const char *text = CSLFetchNameValue(items, tcgdal_rpc_numbers[i].name);
    const int n = i < TCGDAL_RPC_SINGLE ? 1 : TCGDAL_RPC_TERMS;
    double *to = tcgdal_rpc_at(rpc, i);
    char **words = CSLTokenizeStringComplex(text != NULL ? text : i < 2 ? "-1" : "", " ,", FALSE, FALSE);
    const int has = CSLCount(words) >= n; /* some writers have units behind a number */
    for (j = 0; j < n && has; j++)
      to[j] = CPLAtof(words[j]);
    CSLDestroy(words);
    if (!has || !tcgdal_all_finite(to, n) || (i >= TCGDAL_RPC_SCALES && i < TCGDAL_RPC_SINGLE && to[0] == 0))
      return 0;
  }
  return 1;
}

/* What `dataset` says of its place; 0 if that is nothing. */
static inline int tcgdal_place_of(tcgdal_place *place, GDALDatasetH dataset)
{
  tc_georef *georef = &place->georef;
  const char *point, *unit; /* each is valid until the next question */
  OGRSpatialReferenceH srs;
  int is_high;
  memset(place, 0, sizeof *place);
  georef->struct_size = sizeof *georef;
  if (GDALGetGeoTransform(dataset, georef->transform) == CE_None && tcgdal_is_invertible(georef->transform))
    georef->flags |= TC_GEOREF_HAS_TRANSFORM;
  else
    memset(georef->transform, 0, sizeof georef->transform); /* GDAL sets one in any case */
  point = GDALGetMetadataItem(dataset, "AREA_OR_POINT", NULL);
  if (point != NULL && EQUAL(point, "Point"))
    georef->flags |= TC_GEOREF_PIXEL_IS_POINT;
  tcgdal_place_gcps(place, dataset);
  srs = GDALGetSpatialRef(dataset);
  if (srs == NULL)
    srs = GDALGetGCPSpatialRef(dataset);
  tcgdal_place_srs(place, srs);
  is_high = srs != NULL && (OSRIsCompound(srs) || OSRIsVertical(srs));
  unit = GDALGetRasterUnitType(GDALGetRasterBand(dataset, 1));
  if (unit != NULL && unit[0] != '\0' && (is_high || EQUAL(unit, "m") || EQUAL(unit, "ft")))
    georef->vertical_unit = place->unit = tcgdal_utf8(unit);
  if (tcgdal_rpc(&place->rpc, dataset))
    georef->rpc = &place->rpc;
  return georef->flags != 0 || georef->wkt != NULL || georef->n_gcps > 0 || georef->rpc != NULL ||
         georef->vertical_unit != NULL;
}

static inline tc_status tcgdal_begin_georef(const tc_georef *georef, tc_error *err)
{
  if (err != NULL) {
    err->code = TC_OK;
    err->source_code = 0;
    err->message[0] = '\0';
  }
  if (georef == NULL)
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "georef is NULL");
  if (georef->struct_size < sizeof *georef)
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "struct_size of georef is %u; set it to sizeof(tc_georef), which is %u",
                       (unsigned)georef->struct_size, (unsigned)sizeof *georef);
  return TC_OK;
}

/* A system by codes, of two parts if both are known. */
static inline int tcgdal_import_codes(OGRSpatialReferenceH srs, const tc_georef *georef)
{
  OGRSpatialReferenceH across, up;
  int good;
  if (georef->vertical_epsg == 0 || georef->epsg == 0)
    return OSRImportFromEPSG(srs, georef->epsg != 0 ? georef->epsg : georef->vertical_epsg) == OGRERR_NONE;
  across = OSRNewSpatialReference(NULL);
  up = OSRNewSpatialReference(NULL);
  good = OSRImportFromEPSG(across, georef->epsg) == OGRERR_NONE &&
         OSRImportFromEPSG(up, georef->vertical_epsg) == OGRERR_NONE &&
         OSRSetCompoundCS(srs, CPLSPrintf("%s + %s", OSRGetName(across), OSRGetName(up)), across, up) == OGRERR_NONE;
  OSRDestroySpatialReference(across);
  OSRDestroySpatialReference(up);
  return good;
}

static inline tc_status tc_gdal_srs(const tc_georef *georef, OGRSpatialReferenceH *srs, tc_error *err)
{
  tcgdal_said said;
  int good;
  tc_status status = tcgdal_begin_georef(georef, err);
  if (srs == NULL)
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "srs is NULL");
  *srs = NULL;
  if (status != TC_OK)
    return status;
  if (georef->wkt == NULL && georef->epsg == 0 && georef->vertical_epsg == 0)
    return tcgdal_fail(err, TC_E_NOT_FOUND, 0, "no coordinate reference system is known");
  tcgdal_begin(&said);
  *srs = OSRNewSpatialReference(NULL);
  /* GDAL's own register knows better what it means by a code. */
  if (georef->wkt != NULL && ((georef->flags & TC_GEOREF_WKT_OF_CODES) == 0 ||
                              (georef->epsg == 0 && georef->vertical_epsg == 0))) {
    char *text = (char *)georef->wkt; /* which is read alone */
    good = OSRImportFromWkt(*srs, &text) == OGRERR_NONE;
  } else {
    good = tcgdal_import_codes(*srs, georef);
  }
  OSRSetAxisMappingStrategy(*srs, OAMS_TRADITIONAL_GIS_ORDER);
  status = tcgdal_end(&said, !good, "the import of a reference system", err);
  if (!good) {
    OSRDestroySpatialReference(*srs);
    *srs = NULL;
  }
  return status;
}

static inline int tcgdal_set_gcps(GDALDatasetH dataset, const tc_georef *georef, OGRSpatialReferenceH srs)
{
  GDAL_GCP *gcps = (GDAL_GCP *)VSICalloc(georef->n_gcps, sizeof *gcps);
  size_t i;
  int good = gcps != NULL;
  for (i = 0; i < georef->n_gcps && good; i++) {
    const tc_gcp *from = &georef->gcps[i];
    gcps[i].pszId = (char *)from->id; /* which are read alone */
    gcps[i].pszInfo = (char *)from->info;
    gcps[i].dfGCPPixel = from->pixel;
    gcps[i].dfGCPLine = from->line;
    gcps[i].dfGCPX = from->x;
    gcps[i].dfGCPY = from->y;
    gcps[i].dfGCPZ = from->z;
  }
  good = good && GDALSetGCPs2(dataset, (int)georef->n_gcps, gcps, srs) == CE_None;
  VSIFree(gcps);
  return good;
}

static inline int tcgdal_set_rpc(GDALDatasetH dataset, const tc_rpc *given)
{
  tc_rpc rpc = *given;
  char **items = NULL;
  int i, j, good;
  for (i = 0; i < TCGDAL_RPC_ALL; i++) {
    const double *from = tcgdal_rpc_at(&rpc, i);
    char text[TCGDAL_RPC_TERMS * 32];
    size_t at = 0;
    for (j = 0; j < (i < TCGDAL_RPC_SINGLE ? 1 : TCGDAL_RPC_TERMS); j++)
      at += (size_t)CPLsnprintf(text + at, sizeof text - at, "%s%.17g", j > 0 ? " " : "", from[j]);
    items = CSLSetNameValue(items, tcgdal_rpc_numbers[i].name, text);
  }
  good = GDALSetMetadata(dataset, items, "RPC") == CE_None;
  CSLDestroy(items);
  return good;
}

static inline tc_status tc_gdal_set_georef(GDALDatasetH dataset, const tc_georef *georef, tc_error *err)
{
  tcgdal_said said;
  OGRSpatialReferenceH srs = NULL;
  int band, good = 1;
  tc_status status = tcgdal_begin_georef(georef, err);
  if (dataset == NULL)
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "dataset is NULL");
  if (status != TC_OK)
    return status;
  if (georef->wkt != NULL || georef->epsg != 0 || georef->vertical_epsg != 0)
    status = tc_gdal_srs(georef, &srs, err);
  if (status != TC_OK)
    return status;
  tcgdal_begin(&said);
  /* Some formats must know of it before the transform. */
  if ((georef->flags & TC_GEOREF_PIXEL_IS_POINT) != 0)
    good &= GDALSetMetadataItem(dataset, "AREA_OR_POINT", "Point", NULL) == CE_None;
  if ((georef->flags & TC_GEOREF_HAS_TRANSFORM) != 0) {
    double transform[6];
    memcpy(transform, georef->transform, sizeof transform);
    good &= GDALSetGeoTransform(dataset, transform) == CE_None;
  }
  if ((georef->flags & TC_GEOREF_HAS_TRANSFORM) == 0 && georef->n_gcps > 0)
    good &= tcgdal_set_gcps(dataset, georef, srs);
  else if (srs != NULL)
    good &= GDALSetSpatialRef(dataset, srs) == CE_None;
  if (georef->rpc != NULL)
    good &= tcgdal_set_rpc(dataset, georef->rpc);
  for (band = 1; georef->vertical_unit != NULL && band <= GDALGetRasterCount(dataset); band++)
    good &= GDALSetRasterUnitType(GDALGetRasterBand(dataset, band), georef->vertical_unit) == CE_None;
  if (srs != NULL)
    OSRDestroySpatialReference(srs);
  return tcgdal_end(&said, !good, "setting a georeference", err);
}

/* The provider over `image`, described by `dataset`. */
static inline tc_status tcgdal_describe(tcgdal_image *image, GDALDatasetH dataset, const tc_gdal_options *options,
                                        const char *key, tc_provider **provider, tc_error *err)
{
  const char *driver = GDALGetDriverShortName(GDALGetDatasetDriver(dataset));
  const char *interleave = GDALGetMetadataItem(dataset, "INTERLEAVE", "IMAGE_STRUCTURE");
  tc_image_info info;
  tc_level levels[TCGDAL_LEVELS];
  tc_source source;
  tc_band_info *bands;
  tcgdal_texts texts = {NULL, 0, 0};
  tcgdal_place place;
  tc_provider *mask = NULL;
  tc_status status = TC_OK;
  int i, bits = 0, all_bits = 1, signed_bytes = 1, same_nodata = 1;
  size_t j;

  memset(&info, 0, sizeof info);
  memset(&source, 0, sizeof source);
  info.struct_size = sizeof info;
  source.struct_size = sizeof source;
  image->bands = GDALGetRasterCount(dataset);
  if (image->bands == 0)
    return tcgdal_fail(err, TC_E_UNSUPPORTED, 0, "%s has no bands; it may have subdatasets: see gdalinfo",
                       image->path);
  image->type = GDALGetRasterDataType(GDALGetRasterBand(dataset, 1));
  image->masks = (options->flags & TC_GDAL_MASKS) != 0;
  image->together = !image->masks && image->bands > 1 && interleave != NULL && EQUAL(interleave, "PIXEL");
  image->whole = !image->together;
  image->keep_blocks = (options->flags & TC_GDAL_KEEP_BLOCKS) != 0;
  image->over_others = EQUAL(driver, "VRT");
  for (i = 0; i < image->bands; i++) {
    GDALRasterBandH band = GDALGetRasterBand(dataset, i + 1);
    GDALDataType type = GDALGetRasterDataType(band);
    const char *n_bits = GDALGetMetadataItem(band, "NBITS", "IMAGE_STRUCTURE");
    signed_bytes &= tcgdal_signed_bytes(band);
    all_bits &= n_bits != NULL;
    if (n_bits != NULL && atoi(n_bits) > bits)
      bits = atoi(n_bits);
    if (type != image->type) {
      image->type = GDALDataTypeUnion(image->type, type);
      image->whole = 0;
    }
  }
  for (i = 0; i < image->bands && !image->masks; i++) {
    GDALDataType type = GDALGetRasterDataType(GDALGetRasterBand(dataset, i + 1));
    if ((type == GDT_Int64 || type == GDT_UInt64) && type != image->type)
      return tcgdal_fail(err, TC_E_UNSUPPORTED, 0, "%s: no type holds %s, as band %d, and the other bands", image->path,
                         GDALGetDataTypeName(type), i + 1);
  }
  if (image->masks) {
    image->type = GDT_Byte;
    info.dtype = TC_U8;
  } else {
    GDALDataType stored = image->type;
    info.dtype = tcgdal_dtype(&image->type, signed_bytes);
    image->whole &= stored == image->type;
  }
  if (info.dtype == 0)
    return tcgdal_fail(err, TC_E_UNSUPPORTED, 0, "samples of type %s", GDALGetDataTypeName(image->type));
  image->sample_size = GDALGetDataTypeSizeBytes(image->type);
  tcgdal_find_levels(image, dataset);

  bands = (tc_band_info *)calloc((size_t)image->bands, sizeof *bands);
  if (bands == NULL)
    return tcgdal_fail(err, TC_E_NO_MEMORY, 0, "no memory for %d bands", image->bands);
  for (i = 0; i < image->bands; i++) {
    GDALRasterBandH band = GDALGetRasterBand(dataset, i + 1);
    bands[i].struct_size = sizeof *bands;
    if (image->masks)
      continue;
    bands[i].colour = tcgdal_colour(GDALGetRasterColorInterpretation(band));
    bands[i].flags = tcgdal_nodata(band, info.dtype, bands[i].nodata) ? TC_BAND_HAS_NODATA : 0;
    same_nodata &= bands[i].flags != 0 && memcmp(bands[i].nodata, bands[0].nodata, 16) == 0;
  }
  if (same_nodata && !image->masks)
    memcpy(info.pad, bands[0].nodata, sizeof info.pad);
  if (!image->masks)
    tcgdal_add_texts(&texts, dataset);
  if (tcgdal_place_of(&place, dataset))
    source.georef = &place.georef;

  info.width = image->levels[0].width;
  info.height = image->levels[0].height;
  info.block_width = image->levels[0].block_width;
  info.block_height = image->levels[0].block_height;
  info.bands = image->bands;
  info.levels = image->n_levels;
  info.bits = !image->masks && all_bits && bits < GDALGetDataTypeSizeBits(image->type) ? bits : 0;
  for (i = 0; i < image->n_levels; i++) {
    levels[i].width = image->levels[i].width;
    levels[i].height = image->levels[i].height;
    levels[i].block_width = image->levels[i].block_width;
    levels[i].block_height = image->levels[i].block_height;
  }
  source.threading = image->shared == NULL ? TC_SESSIONS : image->serial ? TC_ONE_AT_A_TIME : TC_CONCURRENT;
  source.user = image;
  source.image = &info;
  source.key = key;
  source.levels = levels;
  source.release = tcgdal_release;
  if (image->shared == NULL) {
    source.max_sessions = options->max_sessions;
    source.open_session = tcgdal_open_session;
    source.close_session = tcgdal_close_session;
  }

  /* The masks that nodata and alpha give are known without being read. */
  if (!image->masks && GDALGetMaskFlags(GDALGetRasterBand(dataset, 1)) == GMF_PER_DATASET) {
    tc_image_info one = info;
    char *mask_key = key != NULL ? CPLStrdup(CPLSPrintf("%s-mask", key)) : NULL;
    one.dtype = TC_U8;
    one.bands = 1;
    one.bits = 0;
    memset(one.pad, 0, sizeof one.pad);
    source.image = &one;
    source.key = mask_key;
    source.read_block = tcgdal_read_mask;
    CPLAtomicInc(&image->references);
    status = provider_from_source(&source, &mask, err);
    if (status != TC_OK)
      CPLAtomicDec(&image->references);
    source.image = &info;
    source.key = key;
    CPLFree(mask_key);
  }
  if (status == TC_OK) {
    int64_t bytes = info.block_width * info.block_height * image->sample_size * image->bands;
    int windows = options->windows == TC_GDAL_WINDOWS_ALWAYS ||
                  (options->windows == TC_GDAL_WINDOWS_AUTO && bytes >= TCGDAL_LARGE && tcgdal_cheap_windows(driver));
    source.flags = image->together ? 0 : TC_SOURCE_BANDS;
    source.read_block = tcgdal_read_block;
    source.read_window = windows ? tcgdal_read_window : NULL;
    source.band_infos = bands;
    source.texts = texts.list;
    source.n_texts = texts.n;
    source.mask = mask;
    CPLAtomicInc(&image->references);
    status = provider_from_source(&source, provider, err);
    if (status != TC_OK)
      CPLAtomicDec(&image->references);
  }
  provider_release(mask);
  tcgdal_free_place(&place);
  for (j = 0; j < texts.n; j++) {
    CPLFree((void *)texts.list[j].name);
    CPLFree((void *)texts.list[j].text);
  }
  CPLFree(texts.list);
  free(bands);
  return status;
}

/* An image without anything but what opens it, with one reference of the caller. */
static inline tcgdal_image *tcgdal_new(const char *path, const tc_gdal_options *options, tc_error *err)
{
  tcgdal_image *image = (tcgdal_image *)calloc(1, sizeof *image);
  if (image == NULL) {
    tcgdal_fail(err, TC_E_NO_MEMORY, 0, "no memory for a dataset");
    return NULL;
  }
  image->references = 1;
  image->life = tcgdal_life();
  image->path = CPLStrdup(path);
  image->open_options = CSLDuplicate((char **)options->open_options);
  image->drivers = CSLDuplicate((char **)options->drivers);
  image->lock = CPLCreateMutex();
  if (image->lock == NULL) {
    tcgdal_fail(err, TC_E_NO_MEMORY, 0, "no memory for a mutex");
    tcgdal_release(image);
    return NULL;
  }
  CPLReleaseMutex(image->lock);
  return image;
}

/* The provider of an image that is opened again for each session, beginning with `image->spare`. */
static inline tc_status tcgdal_finish(tcgdal_image *image, const tc_gdal_options *options, tc_provider **provider,
                                      tc_error *err)
{
  GDALDatasetH dataset = image->spare != NULL ? image->spare : image->shared;
  char **files = image->spare != NULL ? GDALGetFileList(dataset) : NULL;
  char *key = NULL;
  int requests = 0;
  tcgdal_said said;
  tc_status status;
  if (files != NULL && files[0] != NULL) {
    image->main_file = CPLStrdup(files[0]);
    if (image->identity == NULL || strcmp(files[0], image->path) != 0) {
      CPLFree(image->identity);
      image->identity = tcgdal_identity(files[0], &requests);
      image->is_remote = requests > 0;
    }
    key = tcgdal_key(image, GDALGetDriverShortName(GDALGetDatasetDriver(dataset)), files, &requests);
  }
  CSLDestroy(files);
  if (options->key != NULL) {
    CPLFree(key);
    key = CPLStrdup(options->key);
  }
  if (key != NULL && (options->flags & TC_GDAL_MASKS) != 0) {
    char *of_masks = CPLStrdup(CPLSPrintf("%s-masks", key));
    CPLFree(key);
    key = of_masks;
  }
  /* Metadata that cannot be had is none; nobody asked for it. */
  tcgdal_begin(&said);
  status = tcgdal_describe(image, dataset, options, key, provider, err);
  while (said.n > 0)
    CPLFree(said.notes[--said.n].text);
  CPLPopErrorHandler();
  CPLFree(key);
  return status;
}

static inline void tcgdal_clear(tc_error *err)
{
  if (err != NULL) {
    err->code = TC_OK;
    err->source_code = 0;
    err->message[0] = '\0';
  }
}

static inline tc_status tcgdal_begin_call(tc_provider **provider, tc_error *err)
{
  tcgdal_clear(err);
  if (provider == NULL)
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "provider is NULL");
  *provider = NULL;
  return TC_OK;
}

static inline tc_status tc_gdal_open(const char *path, const tc_gdal_options *options, tc_provider **provider,
                                     tc_error *err)
{
  tc_gdal_options all;
  tcgdal_image *image;
  int requests = 0;
  tc_status status = tcgdal_begin_call(provider, err);
  if (status == TC_OK)
    status = tcgdal_options(options, &all, err);
  if (status != TC_OK)
    return status;
  if (GDALGetDriverCount() == 0)
    GDALAllRegister();
  if (path == NULL || path[0] == '\0')
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "path is %s", path == NULL ? "NULL" : "empty");
  image = tcgdal_new(path, &all, err);
  if (image == NULL)
    return TC_E_NO_MEMORY;
  /* Asked before it is opened, so that GDAL reads what it is then. */
  if (STARTS_WITH(path, "/vsi")) {
    image->identity = tcgdal_identity(path, &requests);
    image->is_remote = requests > 0;
  }
  image->spare = tcgdal_open(image, err);
  status = image->spare == NULL ? TC_E_SOURCE : tcgdal_finish(image, &all, provider, err);
  tcgdal_release(image);
  return status;
}

static inline tc_status tc_gdal_from_dataset(GDALDatasetH dataset, const tc_gdal_options *options,
                                             tc_release_fn release, void *user, tc_provider **provider,
                                             tc_error *err)
{
  tc_gdal_options all;
  tcgdal_image *image;
  tc_status status = tcgdal_begin_call(provider, err);
  if (status == TC_OK)
    status = tcgdal_options(options, &all, err);
  if (status != TC_OK)
    return status;
  if (GDALGetDriverCount() == 0)
    GDALAllRegister();
  if (dataset == NULL)
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "dataset is NULL");
  image = tcgdal_new(GDALGetDescription(dataset), &all, err);
  if (image == NULL)
    return TC_E_NO_MEMORY;
  if (image->path[0] != '\0' && GDALGetAccess(dataset) == GA_ReadOnly) {
    tc_error ignored;
    image->spare = tcgdal_open(image, &ignored);
    if (image->spare != NULL && !tcgdal_same(dataset, image->spare)) {
      tcgdal_close(image, image->spare);
      image->spare = NULL;
    }
  }
  if (image->spare == NULL) {
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 10, 0)
    CPLPushErrorHandler(CPLQuietErrorHandler); /* that it cannot be had is no error */
    image->shared = GDALGetThreadSafeDataset(dataset, GDAL_OF_RASTER, NULL);
    CPLPopErrorHandler();
    image->own_shared = image->shared != NULL;
#endif
    if (image->shared == NULL) {
      image->shared = dataset;
      image->serial = 1;
    }
  }
  status = tcgdal_finish(image, &all, provider, err);
  if (status == TC_OK && image->shared == NULL) {
    if (release != NULL)
      release(user);
  } else if (status == TC_OK) {
    image->release = release;
    image->user = user;
  }
  tcgdal_release(image);
  return status;
}

/* ---- files of GDAL's file systems ---- */

typedef struct tcgdal_file {
  char *life;           /* of GDAL, in which it was opened */
  char *path;
  int local;            /* no network is needed for it */
  CPLMutex *lock;       /* of the handles */
  VSILFILE **idle;      /* open and not in use */
  int n_idle, room;
} tcgdal_file;

static inline void tcgdal_close_file(void *user)
{
  tcgdal_file *file = (tcgdal_file *)user;
  /* To be closed, a file of a network looks into what has ended with GDAL: it is left, with its memory. */
  while (file->n_idle > 0 && (file->local || tcgdal_is_alive(file->life)))
    (void)VSIFCloseL(file->idle[--file->n_idle]);
  if (file->lock != NULL)
    CPLDestroyMutex(file->lock);
  CPLFree(file->life);
  CPLFree(file->path);
  free(file->idle);
  free(file);
}

/* A handle that nobody uses; NULL, and GDAL has said why, if the file cannot be opened. */
static inline VSILFILE *tcgdal_take_handle(tcgdal_file *file)
{
  VSILFILE *handle = NULL;
  CPLAcquireMutex(file->lock, 1e9);
  if (file->n_idle > 0)
    handle = file->idle[--file->n_idle];
  CPLReleaseMutex(file->lock);
  if (handle != NULL)
    return handle;
  VSIErrorReset();
  handle = VSIFOpenExL(file->path, "rb", TRUE);
  if (handle == NULL)
    CPLError(CE_Failure, CPLE_OpenFailed, "%s: %s", file->path,
             VSIGetLastErrorMsg()[0] != '\0' ? VSIGetLastErrorMsg() : "cannot be opened");
  return handle;
}

static inline void tcgdal_keep_handle(tcgdal_file *file, VSILFILE *handle)
{
  CPLAcquireMutex(file->lock, 1e9);
  if (file->n_idle == file->room) {
    int room = file->room * 2 + 4;
    VSILFILE **idle = (VSILFILE **)realloc((void *)file->idle, sizeof *idle * (size_t)room);
    if (idle != NULL) {
      file->idle = idle;
      file->room = room;
    }
  }
  if (file->n_idle < file->room) {
    file->idle[file->n_idle++] = handle;
    handle = NULL;
  }
  CPLReleaseMutex(file->lock);
  if (handle != NULL)
    (void)VSIFCloseL(handle);
}

static inline tc_status tcgdal_read_at(void *user, int64_t offset, void *into, size_t bytes, tc_error *err)
{
  tcgdal_file *file = (tcgdal_file *)user;
  tcgdal_said said;
  VSILFILE *handle;
  int good;
  tc_status status = tcgdal_alive(file->life, file->path, err);
  if (status != TC_OK)
    return status;
  tcgdal_begin(&said);
  handle = tcgdal_take_handle(file);
  good = handle != NULL && VSIFSeekL(handle, (vsi_l_offset)offset, SEEK_SET) == 0 &&
         VSIFReadL(into, 1, bytes, handle) == bytes;
  if (!good && handle != NULL) {
    CPLError(CE_Failure, CPLE_FileIO, "%s: %llu bytes at offset %lld cannot be read", file->path,
             (unsigned long long)bytes, (long long)offset);
    (void)VSIFCloseL(handle); /* whose state nobody knows now */
  } else if (good) {
    tcgdal_keep_handle(file, handle);
  }
  return tcgdal_end(&said, !good, "reading", err);
}

static inline tc_status tc_gdal_open_vsi(const char *path, const tc_open_options *options, tc_provider **provider,
                                         tc_error *err)
{
  tcgdal_said said;
  tcgdal_file *file;
  VSILFILE *handle;
  tc_open_options own;
  char *key = NULL;
  tc_io io;
  tc_status status = tcgdal_begin_call(provider, err);
  if (status != TC_OK)
    return status;
  if (path == NULL || path[0] == '\0')
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "path is %s", path == NULL ? "NULL" : "empty");
  file = (tcgdal_file *)calloc(1, sizeof *file);
  if (file != NULL)
    file->lock = CPLCreateMutex();
  if (file == NULL || file->lock == NULL) {
    free(file);
    return tcgdal_fail(err, TC_E_NO_MEMORY, 0, "no memory for a file");
  }
  CPLReleaseMutex(file->lock);
  file->life = tcgdal_life();
  file->path = CPLStrdup(path);
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 6, 0)
  file->local = VSIIsLocal(path);
#endif
  memset(&io, 0, sizeof io);
  io.struct_size = sizeof io;
  io.user = file;
  io.read_at = tcgdal_read_at;
  io.release = tcgdal_close_file;
  if (options == NULL || (options->struct_size == sizeof own && options->key == NULL)) {
    int requests = 0;
    char *identity = tcgdal_identity(path, &requests);
    memset(&own, 0, sizeof own);
    if (options != NULL)
      own = *options;
    own.struct_size = sizeof own;
    if (identity != NULL)
      key = CPLStrdup(CPLSPrintf("vsi-%s", identity));
    own.key = key;
    options = &own;
    CPLFree(identity);
  }
  tcgdal_begin(&said);
  handle = tcgdal_take_handle(file);
  if (handle != NULL && VSIFSeekL(handle, 0, SEEK_END) == 0)
    io.size = (int64_t)VSIFTellL(handle);
  status = tcgdal_end(&said, handle == NULL, "VSIFOpenL", err);
  if (status == TC_OK) {
    tcgdal_keep_handle(file, handle);
    status = provider_open_io(&io, options, provider, err);
  }
  if (status != TC_OK)
    tcgdal_close_file(file);
  CPLFree(key);
  return status;
}

/* ---- transformations ---- */

static inline int tcgdal_transform_points(void *transformer, int to_source, int n, double *x, double *y, double *z,
                                          int *good)
{
  int all;
  CPLPushErrorHandler(CPLQuietErrorHandler);
  all = GDALUseTransformer(transformer, to_source, n, x, y, z, good);
  CPLPopErrorHandler();
  CPLErrorReset();
  /* FALSE only says that a point failed, and its number would be a failure of all. */
  return all ? 1 : 0;
}

static inline void *tcgdal_clone_transformer(void *transformer)
{
  void *clone;
  CPLPushErrorHandler(CPLQuietErrorHandler);
  /* What GDALCloneTransformer does, which is no function of C. */
  clone = ((GDALTransformerInfo *)transformer)->pfnCreateSimilar(transformer, 1, 1);
  CPLPopErrorHandler();
  CPLErrorReset();
  return clone;
}

static inline void tcgdal_destroy_transformer(void *transformer)
{
  GDALDestroyTransformer(transformer);
}

static inline tc_status tc_gdal_transform(void *transformer, const char *name, tc_transform **transform,
                                          tc_error *err)
{
  const GDALTransformerInfo *info;
  if (transform != NULL)
    *transform = NULL;
  if (transformer == NULL) {
    tcgdal_clear(err);
    return tcgdal_fail(err, TC_E_ARGUMENT, 0, "transformer is NULL");
  }
  info = (const GDALTransformerInfo *)transformer;
  if (memcmp(info->abySignature, GDAL_GTI2_SIGNATURE, 4) != 0 || info->pfnCreateSimilar == NULL) {
    tcgdal_clear(err);
    return tcgdal_fail(err, TC_E_UNSUPPORTED, 0, "transformer is none of GDAL's, or cannot be cloned");
  }
  if (info->pszClassName != NULL && strcmp(info->pszClassName, "GDALApproxTransformer") == 0) {
    tcgdal_clear(err);
    return tcgdal_fail(err, TC_E_UNSUPPORTED, 0, "transformer approximates, by points that come with others");
  }
  return tc_transform_callback(tcgdal_transform_points, transformer, tcgdal_clone_transformer,
                               tcgdal_destroy_transformer, name, transform, err);
}

#endif
