package tilecache;

import static java.lang.foreign.ValueLayout.*;

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
        MemorySegment c = Memory.sized(tc_level_options.SIZE, arena);
        c.set(JAVA_INT, tc_level_options.filter, filter);
        c.set(JAVA_INT, tc_level_options.flags, flags);
        c.set(JAVA_INT, tc_level_options.levels, levels);
        c.set(JAVA_LONG, tc_level_options.factor, factor);
        c.set(JAVA_LONG, tc_level_options.width, width);
        c.set(JAVA_LONG, tc_level_options.height, height);
        c.set(JAVA_LONG, tc_level_options.tile_width, tileWidth);
        c.set(JAVA_LONG, tc_level_options.tile_height, tileHeight);
        return c;
    }
}
