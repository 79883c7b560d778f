package tilecache;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw.tc_image_info;

/** What an image is: tc_image_info. As input, 0 is the default of each member but the type and the size. */
public record ImageInfo(DType dtype, long width, long height, long blockWidth, long blockHeight, int bands, int levels,
        int flags, long gridRows, long gridCols) {
    public ImageInfo(DType dtype, long width, long height, long blockWidth, long blockHeight, int bands) {
        this(dtype, width, height, blockWidth, blockHeight, bands, 0, 0, 0, 0);
    }

    static ImageInfo of(MemorySegment c) {
        return new ImageInfo(DType.of(c.get(JAVA_INT, tc_image_info.dtype)), c.get(JAVA_LONG, tc_image_info.width),
                c.get(JAVA_LONG, tc_image_info.height), c.get(JAVA_LONG, tc_image_info.block_width),
                c.get(JAVA_LONG, tc_image_info.block_height), c.get(JAVA_INT, tc_image_info.bands),
                c.get(JAVA_INT, tc_image_info.levels), c.get(JAVA_INT, tc_image_info.flags),
                c.get(JAVA_LONG, tc_image_info.grid_rows), c.get(JAVA_LONG, tc_image_info.grid_cols));
    }

    MemorySegment c(Arena arena) {
        MemorySegment c = Memory.sized(tc_image_info.SIZE, arena);
        c.set(JAVA_INT, tc_image_info.dtype, dtype.code);
        c.set(JAVA_LONG, tc_image_info.width, width);
        c.set(JAVA_LONG, tc_image_info.height, height);
        c.set(JAVA_LONG, tc_image_info.block_width, blockWidth);
        c.set(JAVA_LONG, tc_image_info.block_height, blockHeight);
        c.set(JAVA_LONG, tc_image_info.grid_rows, gridRows);
        c.set(JAVA_LONG, tc_image_info.grid_cols, gridCols);
        c.set(JAVA_INT, tc_image_info.bands, bands);
        c.set(JAVA_INT, tc_image_info.levels, levels);
        c.set(JAVA_INT, tc_image_info.flags, flags);
        return c;
    }
}
