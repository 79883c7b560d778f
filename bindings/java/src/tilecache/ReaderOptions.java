package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_reader_options;

/** Options of {@link Provider#reader}, by the names of tc_reader_options; null and 0 are the default. */
public final class ReaderOptions {
    public int flags;
    /** On whose behalf it reads, of a callback that reads on threads of its own. */
    public Load load;
    /** What windows have outside the image. */
    public Double fill;

    MemorySegment c(Arena arena, DType dtype, MemorySegment onBehalf) {
        return Struct.sized(tc_reader_options.SIZE, arena)
                .set(tc_reader_options.flags, fill == null ? flags : flags | Raw.TC_READ_FILL)
                .set(tc_reader_options.load, onBehalf).sample(tc_reader_options.fill, dtype, fill).c;
    }
}
