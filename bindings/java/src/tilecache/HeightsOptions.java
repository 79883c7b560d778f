package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_heights_options;

/** Options of {@link Transform#rpcHeights}, by the names of tc_heights_options; null and 0 are the default. */
public final class HeightsOptions {
    public int band;
    /** From pixels of the raster to degrees, six numbers in GDAL's order; null is what the raster says. */
    public double[] transform;
    public double scale;
    public double offset;
    /** What is taken where the raster has no height; null is that the place comes from nowhere. */
    public Double missing;

    MemorySegment c(Arena arena) {
        Struct made = Struct.sized(tc_heights_options.SIZE, arena).set(tc_heights_options.band, band)
                .set(tc_heights_options.scale, scale).set(tc_heights_options.offset, offset)
                .set(tc_heights_options.flags, (transform == null ? 0 : Raw.TC_HEIGHTS_HAS_TRANSFORM)
                        | (missing == null ? 0 : Raw.TC_HEIGHTS_HAS_MISSING))
                .set(tc_heights_options.missing, missing == null ? 0 : missing);
        return transform == null ? made.c
                : made.set(tc_heights_options.transform, Transform.six("the transform", transform)).c;
    }
}
