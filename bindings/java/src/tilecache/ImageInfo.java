package tilecache;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_image_info;

/**
 * What an image is: tc_image_info. As input, 0 and null are the default of each member but the type and the size.
 *
 * @param pad what lies outside the image; of complex samples the real part
 * @param nodata what pixels are that are no data, or null
 */
public record ImageInfo(DType dtype, long width, long height, long blockWidth, long blockHeight, int bands, int levels,
        int flags, long gridRows, long gridCols, int bits, Double pad, Double nodata) {
    public ImageInfo(DType dtype, long width, long height, long blockWidth, long blockHeight, int bands) {
        this(dtype, width, height, blockWidth, blockHeight, bands, 0, 0, 0, 0, 0, null, null);
    }

    /** The same with another value outside the image, and another one that is no data. */
    public ImageInfo with(Double pad, Double nodata) {
        return new ImageInfo(dtype, width, height, blockWidth, blockHeight, bands, levels, flags, gridRows, gridCols, bits,
                pad, nodata);
    }

    static ImageInfo of(MemorySegment c) {
        DType dtype = DType.of(c.get(JAVA_INT, tc_image_info.dtype));
        boolean has = (c.get(JAVA_INT, tc_image_info.flags) & Raw.TC_IMAGE_HAS_NODATA) != 0;
        return new ImageInfo(dtype, c.get(JAVA_LONG, tc_image_info.width),
                c.get(JAVA_LONG, tc_image_info.height), c.get(JAVA_LONG, tc_image_info.block_width),
                c.get(JAVA_LONG, tc_image_info.block_height), c.get(JAVA_INT, tc_image_info.bands),
                c.get(JAVA_INT, tc_image_info.levels), c.get(JAVA_INT, tc_image_info.flags),
                c.get(JAVA_LONG, tc_image_info.grid_rows), c.get(JAVA_LONG, tc_image_info.grid_cols),
                c.get(JAVA_INT, tc_image_info.bits), Struct.sample(c, tc_image_info.pad, dtype),
                has ? Struct.sample(c, tc_image_info.nodata, dtype) : null);
    }

    MemorySegment c(Arena arena) {
        int told = nodata == null ? flags : flags | Raw.TC_IMAGE_HAS_NODATA;
        return Struct.sized(tc_image_info.SIZE, arena).set(tc_image_info.dtype, dtype.code)
                .set(tc_image_info.width, width).set(tc_image_info.height, height)
                .set(tc_image_info.block_width, blockWidth).set(tc_image_info.block_height, blockHeight)
                .set(tc_image_info.grid_rows, gridRows).set(tc_image_info.grid_cols, gridCols)
                .set(tc_image_info.bands, bands).set(tc_image_info.levels, levels).set(tc_image_info.flags, told)
                .set(tc_image_info.bits, bits).sample(tc_image_info.pad, dtype, pad)
                .sample(tc_image_info.nodata, dtype, nodata).c;
    }
}
