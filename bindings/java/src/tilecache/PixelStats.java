package tilecache;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_band_stats;
import tilecache.raw.Raw.tc_pixel_stats_about;

/** Statistics of all bands, which never change. */
public final class PixelStats extends Handle {
    PixelStats(MemorySegment pointer) {
        super(pointer, Raw::tc_pixel_stats_release);
    }

    /** Pixels of a band by what they are, and the numbers of those that are valid. */
    public record Band(long count, long valid, long nan, long infinite, double minimum, double maximum, double mean,
            double deviation) {}

    /** A percentile, and the interval in which it is known to be: both ends are it where it is exact. */
    public record Percentile(double value, double low, double high) {}

    public int bands() {
        return about(tc_pixel_stats_about.bands);
    }

    /** The level whose pixels were looked at. */
    public int level() {
        return about(tc_pixel_stats_about.level);
    }

    /** Bits of Raw.TC_SAMPLE_...: how they were made. */
    public int flags() {
        return about(tc_pixel_stats_about.flags);
    }

    /** The bytes of their counters. */
    public long tableBytes() {
        return asked(tc_pixel_stats_about.SIZE, Raw::tc_pixel_stats_info).get(JAVA_LONG, tc_pixel_stats_about.table_bytes);
    }

    private int about(long member) {
        return asked(tc_pixel_stats_about.SIZE, Raw::tc_pixel_stats_info).get(JAVA_INT, member);
    }

    private interface Asks {
        int with(MemorySegment pointer, MemorySegment into, MemorySegment err);
    }

    /** A struct of its own that a call has filled in. */
    private MemorySegment asked(long size, Asks call) {
        MemorySegment into = Arena.ofAuto().allocate(size, 8);
        check((pointer, arena, err) -> call.with(pointer, into, err));
        return into;
    }

    public Band band(int band) {
        MemorySegment c = asked(tc_band_stats.SIZE, (pointer, into, err) ->
                Raw.tc_pixel_stats_band(pointer, band, into, err));
        return new Band(c.get(JAVA_LONG, tc_band_stats.count), c.get(JAVA_LONG, tc_band_stats.valid),
                c.get(JAVA_LONG, tc_band_stats.nan), c.get(JAVA_LONG, tc_band_stats.infinite),
                c.get(JAVA_DOUBLE, tc_band_stats.minimum), c.get(JAVA_DOUBLE, tc_band_stats.maximum),
                c.get(JAVA_DOUBLE, tc_band_stats.mean), c.get(JAVA_DOUBLE, tc_band_stats.deviation));
    }

    public Percentile percentile(int band, double percent) {
        MemorySegment three = asked(3 * 8, (pointer, into, err) -> Raw.tc_pixel_stats_percentile(pointer, band, percent,
                into, into.asSlice(8), into.asSlice(16), err));
        return new Percentile(three.getAtIndex(JAVA_DOUBLE, 0), three.getAtIndex(JAVA_DOUBLE, 1),
                three.getAtIndex(JAVA_DOUBLE, 2));
    }

    /** Valid pixels in bins of equal width from `low` to `high`; both 0 are minimum and maximum. */
    public long[] histogram(int band, int bins, double low, double high) {
        MemorySegment counts = asked(Math.max(bins, 1) * 8L, (pointer, into, err) ->
                Raw.tc_pixel_stats_histogram(pointer, band, low, high, into, bins, MemorySegment.NULL, err));
        return counts.toArray(JAVA_LONG);
    }
}
