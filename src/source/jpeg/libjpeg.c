/*
 * The part of libjpeg-turbo that the library uses: one stream in memory decoded into rows of samples of
 * one byte, or of two where they have more than 8 bits, and rows of bytes encoded into a stream. libjpeg leaves its depths by longjmp, which may not cross Rust; it begins and ends here.
 *
 * Nothing is printed, nothing is kept between calls, and no byte beyond the ends of the input is read.
 * libjpeg.rs declares the same structs.
 */
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

enum { DECODED, CORRUPT, NO_MEMORY, LIMIT, UNSUPPORTED, OTHER_SHAPE, OTHER_DEPTH };

enum { AS_STORED, FROM_YCBCR, AS_MARKED, AS_STORED_REPEATED };

/* Rows that one call of libjpeg may deliver. */
#define ROWS 16

/* What is wanted, and of which bytes. */
struct tilecache_jpeg_job {
    const unsigned char *tables; /* a stream of tables alone; read only if its length is not 0 */
    size_t tables_len;
    const unsigned char *stream;
    size_t stream_len;
    unsigned char *out; /* rows without gaps, `most_rows` of them, aligned for the samples */
    uint32_t width;
    uint32_t rows; /* the least */
    uint32_t most_rows;
    uint32_t components;
    uint32_t sample_bytes; /* 1 or 2 */
    int32_t colours;
    int32_t most_scans;
    int64_t most_memory; /* bytes of coefficients that are kept until the last scan */
};

/* What was found. */
struct tilecache_jpeg_outcome {
    uint32_t width;
    uint32_t rows;
    uint32_t components;
    uint32_t bits;
    char message[JMSG_LENGTH_MAX]; /* of a failure */
};

/* One decode; libjpeg hands it back as `client_data`. */
struct decode {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr error;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf end;
    int status;
    char *message;
    int most_scans;
    unsigned seen;   /* a bit for each component that a scan was begun of */
    int input_ended; /* more bytes were asked for than there are */
};

static const JOCTET end_of_image[2] = {0xff, JPEG_EOI};

static struct decode *of(j_common_ptr cinfo)
{
    return (struct decode *)cinfo->client_data;
}

static void fail(struct decode *decode, int status, const char *message)
{
    decode->status = status;
    snprintf(decode->message, JMSG_LENGTH_MAX, "%s", message);
    longjmp(decode->end, 1);
}

static void error_exit(j_common_ptr cinfo)
{
    struct decode *decode = of(cinfo);
    char message[JMSG_LENGTH_MAX];
    int status;
    switch (cinfo->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
        status = NO_MEMORY;
        break;
    case JERR_NO_BACKING_STORE: /* what would exceed max_memory_to_use is to go to a file */
        status = LIMIT;
        break;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CCIR601_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
        status = UNSUPPORTED;
        break;
    default:
        status = CORRUPT;
    }
    cinfo->err->format_message(cinfo, message);
    fail(decode, status, message);
}

/* Whether samples are predicted and not transformed: their unit is one sample. */
static int is_lossless(j_decompress_ptr cinfo)
{
    return cinfo->comp_info[0].DCT_scaled_size == 1;
}

/*
 * Warnings are counted and passed over, and what libjpeg makes of damage is delivered, except where
 * pixels are missing: a scan that ends before its last row of blocks (of lossless ones, before its last
 * sample), or the whole input that does.
 */
static void emit_message(j_common_ptr common, int level)
{
    struct decode *decode = of(common);
    j_decompress_ptr cinfo = &decode->cinfo;
    char message[JMSG_LENGTH_MAX];
    int code = common->err->msg_code;
    int restart = cinfo->unread_marker >= JPEG_RST0 && cinfo->unread_marker <= JPEG_RST0 + 7;
    if (level >= 0)
        return;
    common->err->num_warnings++;
    if (code != JWRN_HIT_MARKER && code != JWRN_MUST_RESYNC)
        return;
    if (decode->input_ended ||
        (code == JWRN_HIT_MARKER && !restart &&
         (is_lossless(cinfo) || cinfo->input_iMCU_row + 1 < cinfo->total_iMCU_rows))) {
        JDIMENSION unit = is_lossless(cinfo) ? 1 : DCTSIZE;
        JDIMENSION row = cinfo->input_iMCU_row * cinfo->max_v_samp_factor * unit;
        snprintf(message, sizeof message, "the pixels end in or behind row %u of %u", (unsigned)row,
                 (unsigned)cinfo->image_height);
        fail(decode, CORRUPT, message);
    }
}

static void output_message(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void init_source(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

static boolean fill_input_buffer(j_decompress_ptr cinfo)
{
    struct decode *decode = of((j_common_ptr)cinfo);
    decode->input_ended = 1;
    decode->source.next_input_byte = end_of_image;
    decode->source.bytes_in_buffer = sizeof end_of_image;
    return TRUE;
}

static void skip_input_data(j_decompress_ptr cinfo, long count)
{
    struct jpeg_source_mgr *source = cinfo->src;
    if (count <= 0)
        return;
    if ((size_t)count > source->bytes_in_buffer) {
        fill_input_buffer(cinfo);
        return;
    }
    source->next_input_byte += count;
    source->bytes_in_buffer -= (size_t)count;
}

static void term_source(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

static void read_from(struct decode *decode, const unsigned char *bytes, size_t len)
{
    decode->source.init_source = init_source;
    decode->source.fill_input_buffer = fill_input_buffer;
    decode->source.skip_input_data = skip_input_data;
    decode->source.resync_to_restart = jpeg_resync_to_restart;
    decode->source.term_source = term_source;
    decode->source.next_input_byte = bytes;
    decode->source.bytes_in_buffer = len;
    decode->input_ended = 0;
    decode->cinfo.src = &decode->source;
}

/* Called again and again while the scans of a stream that has several are read. */
static void progress_monitor(j_common_ptr common)
{
    struct decode *decode = of(common);
    j_decompress_ptr cinfo = &decode->cinfo;
    char message[JMSG_LENGTH_MAX];
    int i;
    if (cinfo->input_scan_number > decode->most_scans) {
        snprintf(message, sizeof message, "more than %d scans", decode->most_scans);
        fail(decode, LIMIT, message);
    }
    for (i = 0; i < cinfo->comps_in_scan; i++)
        decode->seen |= 1u << cinfo->cur_comp_info[i]->component_index;
}

/* All scans have been read: whether they hold all samples. */
static void check_scans(struct decode *decode)
{
    j_decompress_ptr cinfo = &decode->cinfo;
    char message[JMSG_LENGTH_MAX];
    int i, k;
    for (i = 0; i < cinfo->num_components; i++) {
        if (!(decode->seen >> i & 1)) {
            snprintf(message, sizeof message, "no scan of component %d of %d", i + 1, cinfo->num_components);
            fail(decode, CORRUPT, message);
        }
    }
    if (!decode->input_ended || !cinfo->progressive_mode)
        return;
    /* The input may lack the marker of its end, but not a scan. */
    for (i = 0; i < cinfo->num_components; i++) {
        for (k = 0; k < DCTSIZE2; k++) {
            if (cinfo->coef_bits[i][k] != 0) {
                snprintf(message, sizeof message, "the input ends after %d scans, which are not all",
                         cinfo->input_scan_number);
                fail(decode, CORRUPT, message);
            }
        }
    }
}

static void set_colours(j_decompress_ptr cinfo, int colours)
{
    switch (colours) {
    case FROM_YCBCR:
        cinfo->jpeg_color_space = JCS_YCbCr;
        cinfo->out_color_space = JCS_RGB;
        break;
    case AS_MARKED: /* what jpeg_read_header chose: grey, RGB or CMYK */
        break;
    default:
        cinfo->jpeg_color_space = JCS_UNKNOWN;
        cinfo->out_color_space = JCS_UNKNOWN;
        cinfo->do_fancy_upsampling = colours != AS_STORED_REPEATED;
    }
}

/* Reads up to ROWS rows into `out`, each in samples as wide as the stream's precision asks for. */
static void read_rows(j_decompress_ptr cinfo, unsigned char *out, size_t stride)
{
    JSAMPROW rows[ROWS];
    J12SAMPROW rows12[ROWS];
    J16SAMPROW rows16[ROWS];
    JDIMENSION i, left = cinfo->output_height - cinfo->output_scanline;
    JDIMENSION count = left < ROWS ? left : ROWS;
    for (i = 0; i < count; i++) {
        rows[i] = out + stride * i;
        rows12[i] = (J12SAMPROW)(void *)rows[i];
        rows16[i] = (J16SAMPROW)(void *)rows[i];
    }
    if (cinfo->data_precision <= 8)
        jpeg_read_scanlines(cinfo, rows, count);
    else if (cinfo->data_precision <= 12)
        jpeg12_read_scanlines(cinfo, rows12, count);
    else
        jpeg16_read_scanlines(cinfo, rows16, count);
}

static void run(struct decode *decode, const struct tilecache_jpeg_job *job,
                struct tilecache_jpeg_outcome *outcome)
{
    j_decompress_ptr cinfo = &decode->cinfo;
    size_t stride = (size_t)job->width * job->components * job->sample_bytes;
    jpeg_create_decompress(cinfo);
    /* Set anew, for libjpeg listens to the environment too. */
    cinfo->mem->max_memory_to_use = (long)job->most_memory;
    cinfo->progress = &decode->progress;
    if (job->tables_len) {
        read_from(decode, job->tables, job->tables_len);
        if (jpeg_read_header(cinfo, FALSE) != JPEG_HEADER_TABLES_ONLY)
            fail(decode, CORRUPT, "the tables hold an image");
    }
    read_from(decode, job->stream, job->stream_len);
    jpeg_read_header(cinfo, TRUE);
    outcome->width = cinfo->image_width;
    outcome->rows = cinfo->image_height;
    outcome->components = (uint32_t)cinfo->num_components;
    if (cinfo->image_width != job->width || cinfo->image_height < job->rows ||
        cinfo->image_height > job->most_rows || outcome->components != job->components) {
        decode->status = OTHER_SHAPE;
        return;
    }
    outcome->bits = (uint32_t)cinfo->data_precision;
    if (job->sample_bytes != (cinfo->data_precision <= 8 ? 1u : 2u)) {
        decode->status = OTHER_DEPTH;
        return;
    }
    if (cinfo->arith_code)
        fail(decode, UNSUPPORTED, "arithmetic coding");
    set_colours(cinfo, job->colours);
    jpeg_start_decompress(cinfo);
    if (jpeg_has_multiple_scans(cinfo))
        check_scans(decode);
    if ((uint32_t)cinfo->output_components != job->components)
        fail(decode, UNSUPPORTED, "these colours");
    while (cinfo->output_scanline < cinfo->output_height)
        read_rows(cinfo, job->out + stride * cinfo->output_scanline, stride);
}

/* Apart, so that what changes after setjmp is no variable of the function that calls it. */
static void run_to_the_end(struct decode *decode, const struct tilecache_jpeg_job *job,
                           struct tilecache_jpeg_outcome *outcome)
{
    if (!setjmp(decode->end))
        run(decode, job, outcome);
}

/* One of the statuses above; `outcome` has the shape once that is known, else zeros. */
int32_t tilecache_jpeg_decode(const struct tilecache_jpeg_job *job, struct tilecache_jpeg_outcome *outcome)
{
    struct decode decode;
    memset(outcome, 0, sizeof *outcome);
    memset(&decode, 0, sizeof decode);
    decode.message = outcome->message;
    decode.most_scans = job->most_scans;
    decode.cinfo.err = jpeg_std_error(&decode.error);
    decode.cinfo.client_data = &decode;
    decode.error.error_exit = error_exit;
    decode.error.emit_message = emit_message;
    decode.error.output_message = output_message;
    decode.progress.progress_monitor = progress_monitor;
    run_to_the_end(&decode, job, outcome);
    jpeg_destroy_decompress(&decode.cinfo);
    return decode.status;
}

/* A picture that is to be encoded, or the tables that go with all such pictures. */
struct tilecache_jpeg_picture {
    const unsigned char *pixels; /* rows without gaps; NULL: the tables alone */
    unsigned char *out;
    size_t out_len;
    uint32_t width;
    uint32_t rows;
    uint32_t components;
    int32_t quality;
    int32_t is_rgb; /* stored as YCbCr with colours in half as many columns and rows */
};

/* One encode. */
struct encode {
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr error;
    struct jpeg_destination_mgr destination;
    jmp_buf end;
    int status;
};

static void encode_error(j_common_ptr cinfo)
{
    struct encode *encode = (struct encode *)cinfo->client_data;
    encode->status = cinfo->err->msg_code == JERR_OUT_OF_MEMORY ? NO_MEMORY : CORRUPT;
    longjmp(encode->end, 1);
}

static void init_destination(j_compress_ptr cinfo)
{
    (void)cinfo;
}

/* The room is not enough; the caller gives more and begins anew. */
static boolean empty_output_buffer(j_compress_ptr cinfo)
{
    struct encode *encode = (struct encode *)cinfo->client_data;
    encode->status = LIMIT;
    longjmp(encode->end, 1);
    return FALSE;
}

static void term_destination(j_compress_ptr cinfo)
{
    (void)cinfo;
}

static void write_picture(struct encode *encode, const struct tilecache_jpeg_picture *picture)
{
    j_compress_ptr cinfo = &encode->cinfo;
    size_t stride = (size_t)picture->width * picture->components;
    jpeg_create_compress(cinfo);
    encode->destination.init_destination = init_destination;
    encode->destination.empty_output_buffer = empty_output_buffer;
    encode->destination.term_destination = term_destination;
    encode->destination.next_output_byte = picture->out;
    encode->destination.free_in_buffer = picture->out_len;
    cinfo->dest = &encode->destination;
    cinfo->image_width = picture->width;
    cinfo->image_height = picture->rows;
    cinfo->input_components = (int)picture->components;
    cinfo->in_color_space = picture->components == 1 ? JCS_GRAYSCALE : picture->is_rgb ? JCS_RGB : JCS_UNKNOWN;
    jpeg_set_defaults(cinfo);
    jpeg_set_quality(cinfo, picture->quality, TRUE);
    cinfo->write_JFIF_header = FALSE;
    cinfo->write_Adobe_marker = FALSE;
    if (picture->pixels == NULL) {
        jpeg_write_tables(cinfo);
        return;
    }
    jpeg_suppress_tables(cinfo, TRUE);
    jpeg_start_compress(cinfo, FALSE);
    while (cinfo->next_scanline < cinfo->image_height) {
        /* libjpeg does not write to it. */
        JSAMPROW row = (JSAMPROW)(picture->pixels + stride * cinfo->next_scanline);
        jpeg_write_scanlines(cinfo, &row, 1);
    }
    jpeg_finish_compress(cinfo);
}

/* Apart, for the same reason as when decoding. */
static void write_to_the_end(struct encode *encode, const struct tilecache_jpeg_picture *picture)
{
    if (!setjmp(encode->end))
        write_picture(encode, picture);
}

/* One of the statuses above, LIMIT where `out` is too short; `written` has the bytes that were written. */
int32_t tilecache_jpeg_encode(const struct tilecache_jpeg_picture *picture, size_t *written)
{
    struct encode encode;
    memset(&encode, 0, sizeof encode);
    encode.cinfo.err = jpeg_std_error(&encode.error);
    encode.cinfo.client_data = &encode;
    encode.error.error_exit = encode_error;
    encode.error.output_message = output_message;
    write_to_the_end(&encode, picture);
    *written = picture->out_len - encode.destination.free_in_buffer;
    jpeg_destroy_compress(&encode.cinfo);
    return encode.status;
}
