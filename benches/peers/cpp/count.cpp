/* Counts the blocks that codecs decode: the entry points of libtiff and OpenJPEG that peers call are defined here,
 * which goes before the shared libraries. Reading through virtual memory goes around both and counts as none. */
#include "harness.h"
#include <dlfcn.h>
#include <openjpeg.h>
#include <tiffio.h>

/* They call each other: only the outermost call counts. */
static thread_local int depth = 0;

struct Counted {
    Counted()
    {
        if (depth++ == 0) g_decodes.fetch_add(1, std::memory_order_relaxed);
    }
    ~Counted() { depth--; }
};

#define COUNTED(type, name, parameters, arguments) \
    extern "C" type name parameters \
    { \
        static auto original = (decltype(&name))dlsym(RTLD_NEXT, #name); \
        Counted counted; \
        return original arguments; \
    }

COUNTED(tmsize_t, TIFFReadEncodedStrip, (TIFF *t, uint32_t i, void *to, tmsize_t n), (t, i, to, n))
COUNTED(tmsize_t, TIFFReadEncodedTile, (TIFF *t, uint32_t i, void *to, tmsize_t n), (t, i, to, n))
COUNTED(tmsize_t, TIFFReadRawStrip, (TIFF *t, uint32_t i, void *to, tmsize_t n), (t, i, to, n))
COUNTED(tmsize_t, TIFFReadRawTile, (TIFF *t, uint32_t i, void *to, tmsize_t n), (t, i, to, n))
COUNTED(tmsize_t, TIFFReadTile, (TIFF *t, void *to, uint32_t x, uint32_t y, uint32_t z, uint16_t s), (t, to, x, y, z, s))
COUNTED(int, TIFFReadFromUserBuffer, (TIFF *t, uint32_t i, void *from, tmsize_t n, void *to, tmsize_t m),
        (t, i, from, n, to, m))
COUNTED(OPJ_BOOL, opj_decode, (opj_codec_t *c, opj_stream_t *s, opj_image_t *i), (c, s, i))
COUNTED(OPJ_BOOL, opj_decode_tile_data, (opj_codec_t *c, OPJ_UINT32 t, OPJ_BYTE *d, OPJ_UINT32 n, opj_stream_t *s),
        (c, t, d, n, s))
COUNTED(OPJ_BOOL, opj_get_decoded_tile, (opj_codec_t *c, opj_stream_t *s, opj_image_t *i, OPJ_UINT32 t), (c, s, i, t))
