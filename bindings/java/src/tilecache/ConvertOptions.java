package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw.tc_convert_options;

/** Options of {@link Provider#convert}, by the names of tc_convert_options; 0 is the default. */
public final class ConvertOptions {
    public DType dtype = DType.U8;
    public int flags;
    public double low;
    public double high;
    public double lowPercent;
    public double highPercent;
    public double gamma;
    public int[] bands = {};
    /** Those of the image, for percentiles; null has them made. */
    public PixelStats stats;

    MemorySegment c(Arena arena, MemorySegment known) {
        return Struct.sized(tc_convert_options.SIZE, arena).set(tc_convert_options.dtype, dtype.code)
                .set(tc_convert_options.flags, flags).set(tc_convert_options.low, low).set(tc_convert_options.high, high)
                .set(tc_convert_options.low_percent, lowPercent).set(tc_convert_options.high_percent, highPercent)
                .set(tc_convert_options.gamma, gamma).set(tc_convert_options.stats, known)
                .bands(tc_convert_options.bands, tc_convert_options.n_bands, bands).c;
    }
}
