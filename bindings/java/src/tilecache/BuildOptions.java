package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw.tc_build_options;

/** Options of {@link Provider#buildPyramid}, by the names of tc_build_options; 0 is the default. */
public final class BuildOptions {
    public int flags;
    public int layout;
    public int compression;
    public int predictor;
    public int effort;
    public int quality;
    public int filter;
    public int levels;
    public int threads;
    public long tileWidth;
    public long tileHeight;
    public Progress progress;

    MemorySegment c(Arena arena, Progress.Heard heard) {
        return Struct.sized(tc_build_options.SIZE, arena).set(tc_build_options.flags, flags)
                .set(tc_build_options.layout, layout).set(tc_build_options.compression, compression)
                .set(tc_build_options.predictor, predictor).set(tc_build_options.effort, effort)
                .set(tc_build_options.quality, quality).set(tc_build_options.filter, filter)
                .set(tc_build_options.levels, levels).set(tc_build_options.threads, threads)
                .set(tc_build_options.tile_width, tileWidth).set(tc_build_options.tile_height, tileHeight)
                .set(tc_build_options.progress, heard.function()).set(tc_build_options.progress_user, heard.user).c;
    }
}
