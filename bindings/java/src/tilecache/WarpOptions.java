package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw.tc_warp_options;

/** Options of {@link Provider#warp}, by the names of tc_warp_options; 0 is the default of all but the size. */
public final class WarpOptions {
    public int filter;
    public int flags;
    public int levels;
    public int sourceLevel;
    public double maxError;
    public double scaleX;
    public double scaleY;
    public long width;
    public long height;
    public long tileWidth;
    public long tileHeight;
    public long period;

    public WarpOptions(long width, long height) {
        this.width = width;
        this.height = height;
    }

    MemorySegment c(Arena arena) {
        return Struct.sized(tc_warp_options.SIZE, arena).set(tc_warp_options.filter, filter)
                .set(tc_warp_options.flags, flags).set(tc_warp_options.levels, levels)
                .set(tc_warp_options.source_level, sourceLevel).set(tc_warp_options.max_error, maxError)
                .set(tc_warp_options.scale_x, scaleX).set(tc_warp_options.scale_y, scaleY)
                .set(tc_warp_options.width, width).set(tc_warp_options.height, height)
                .set(tc_warp_options.tile_width, tileWidth).set(tc_warp_options.tile_height, tileHeight)
                .set(tc_warp_options.period, period).c;
    }
}
