package tilecache;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_pixels;
import tilecache.raw.Raw.tc_target;

/**
 * Samples by band, row and column, from 0, where they lie. Those of tiles are read-only and stay as long as anybody has
 * them; those of a callback are gone when it has returned, and touching them then is an IllegalStateException.
 *
 * @param samples the bytes from the first sample of the first band on
 * @param rowStride bytes from a row to the next
 * @param bandStride bytes from a band to the next
 */
public record Pixels(MemorySegment samples, DType dtype, int bands, long height, long width, long columnStride,
        long rowStride, long bandStride) {
    /** The sample as a number: of real types alone. */
    public double get(int band, long row, long column) {
        long at = at(band, row, column);
        return switch (dtype) {
            case U8 -> samples.get(JAVA_BYTE, at) & 0xff;
            case I8 -> samples.get(JAVA_BYTE, at);
            case U16 -> samples.get(JAVA_SHORT_UNALIGNED, at) & 0xffff;
            case I16 -> samples.get(JAVA_SHORT_UNALIGNED, at);
            case U32 -> samples.get(JAVA_INT_UNALIGNED, at) & 0xffffffffL;
            case I32 -> samples.get(JAVA_INT_UNALIGNED, at);
            case F32 -> samples.get(JAVA_FLOAT_UNALIGNED, at);
            case F64 -> samples.get(JAVA_DOUBLE_UNALIGNED, at);
            default -> throw new TileCacheException(Raw.TC_E_UNSUPPORTED, "samples of " + dtype + " are no doubles");
        };
    }

    /** Writes a sample, cut to the type as Java casts numbers: of real types alone. */
    public void set(int band, long row, long column, double value) {
        long at = at(band, row, column);
        switch (dtype) {
            case U8, I8 -> samples.set(JAVA_BYTE, at, (byte) (long) value);
            case U16, I16 -> samples.set(JAVA_SHORT_UNALIGNED, at, (short) (long) value);
            case U32, I32 -> samples.set(JAVA_INT_UNALIGNED, at, (int) (long) value);
            case F32 -> samples.set(JAVA_FLOAT_UNALIGNED, at, (float) value);
            case F64 -> samples.set(JAVA_DOUBLE_UNALIGNED, at, value);
            default -> throw new TileCacheException(Raw.TC_E_UNSUPPORTED, "samples of " + dtype + " are no doubles");
        }
    }

    /** Where a sample lies in `samples`. */
    public long at(int band, long row, long column) {
        if (band < 0 || band >= bands || row < 0 || row >= height || column < 0 || column >= width) {
            throw new IndexOutOfBoundsException("band " + band + ", row " + row + ", column " + column + " of " + bands
                    + " x " + height + " x " + width);
        }
        return band * bandStride + row * rowStride + column * columnStride;
    }

    static Pixels of(MemorySegment c, Arena arena, Runnable released) {
        DType dtype = DType.of(c.get(JAVA_INT, tc_pixels.dtype));
        int bands = c.get(JAVA_INT, tc_pixels.bands);
        long height = c.get(JAVA_LONG, tc_pixels.height);
        long width = c.get(JAVA_LONG, tc_pixels.width);
        long row = c.get(JAVA_LONG, tc_pixels.row_stride);
        long band = c.get(JAVA_LONG, tc_pixels.band_stride);
        long bytes = (bands - 1) * band + (height - 1) * row + width * dtype.size;
        MemorySegment samples = c.get(ADDRESS, tc_pixels.data).reinterpret(bytes, arena,
                released == null ? null : gone -> released.run());
        return new Pixels(samples.asReadOnly(), dtype, bands, height, width, dtype.size, row, band);
    }

    /** Memory that a callback is to fill in, as the library gives it: rows packed or wider. */
    static Pixels of(MemorySegment c, Arena arena) {
        DType dtype = DType.of(c.get(JAVA_INT, tc_target.dtype));
        int bands = c.get(JAVA_INT, tc_target.bands);
        long height = c.get(JAVA_LONG, tc_target.height);
        long width = c.get(JAVA_LONG, tc_target.width);
        long column = c.get(JAVA_LONG, tc_target.pixel_stride);
        long row = c.get(JAVA_LONG, tc_target.row_stride);
        long band = c.get(JAVA_LONG, tc_target.band_stride);
        if (column == 0 && row == 0 && band == 0) {
            column = dtype.size;
            row = width * column;
            band = height * row;
        }
        long bytes = (bands - 1) * band + (height - 1) * row + (width - 1) * column + dtype.size;
        MemorySegment samples = c.get(ADDRESS, tc_target.data).reinterpret(bytes, arena, null);
        return new Pixels(samples, dtype, bands, height, width, column, row, band);
    }

    /** The struct for C, for samples that lie outside of Java's heap, all of them in their segment. */
    MemorySegment target(Arena arena) {
        if (samples.isReadOnly() || !samples.isNative()) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT, "samples that are read-only, or in Java's heap");
        }
        checkBounds();
        return Struct.of(tc_target.SIZE, arena).set(tc_target.data, samples).set(tc_target.pixel_stride, columnStride)
                .set(tc_target.row_stride, rowStride).set(tc_target.band_stride, bandStride)
                .set(tc_target.width, width).set(tc_target.height, height).set(tc_target.bands, bands)
                .set(tc_target.dtype, dtype.code).c;
    }

    private void checkBounds() {
        if (columnStride < 0 || rowStride < 0 || bandStride < 0 || bands < 1 || height < 1 || width < 1) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT, "pixels of no size, or with negative strides");
        }
        long last = Math.addExact(Math.addExact(Math.multiplyExact(bands - 1L, bandStride),
                Math.multiplyExact(height - 1, rowStride)), Math.multiplyExact(width - 1, columnStride));
        if (samples.byteSize() - dtype.size < last) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT, "the last sample is at byte " + last + " of "
                    + samples.byteSize());
        }
    }

    /** The struct for C of pixels that it only reads, whose samples lie side by side in memory outside of Java's heap. */
    MemorySegment given(Arena arena) {
        if (columnStride != dtype.size || !samples.isNative()) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT, "samples that are not side by side, or in Java's heap");
        }
        checkBounds();
        return Struct.of(tc_pixels.SIZE, arena).set(tc_pixels.data, samples).set(tc_pixels.width, width)
                .set(tc_pixels.height, height).set(tc_pixels.row_stride, rowStride)
                .set(tc_pixels.band_stride, bandStride).set(tc_pixels.valid_width, width)
                .set(tc_pixels.valid_height, height).set(tc_pixels.bands, bands).set(tc_pixels.dtype, dtype.code).c;
    }

    /** New memory, packed, band after band. */
    public static Pixels packed(DType dtype, int bands, long height, long width) {
        if (width < 0 || height < 0) {
            throw new TileCacheException(Raw.TC_E_RANGE, "a window of " + width + " x " + height + " pixels");
        }
        long row = Math.multiplyExact(width, (long) dtype.size);
        long band = Math.multiplyExact(height, row);
        MemorySegment samples = Arena.ofAuto().allocate(Math.multiplyExact(band, (long) bands), 64);
        return new Pixels(samples, dtype, bands, height, width, dtype.size, row, band);
    }
}
