package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw.tc_level_options;

/** Options of {@link Provider#pyramid} and {@link Provider#downsample}, by the names of tc_level_options; 0 is the default. */
public final class LevelOptions {
    public int filter;
    public int flags;
    public int levels;
    public long factor;
    public long width;
    public long height;
    public long tileWidth;
    public long tileHeight;

    MemorySegment c(Arena arena) {
        return Struct.sized(tc_level_options.SIZE, arena).set(tc_level_options.filter, filter)
                .set(tc_level_options.flags, flags).set(tc_level_options.levels, levels)
                .set(tc_level_options.factor, factor).set(tc_level_options.width, width)
                .set(tc_level_options.height, height).set(tc_level_options.tile_width, tileWidth)
                .set(tc_level_options.tile_height, tileHeight).c;
    }
}
