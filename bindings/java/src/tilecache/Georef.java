package tilecache;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_gcp;
import tilecache.raw.Raw.tc_georef;
import tilecache.raw.Raw.tc_rpc;

/**
 * Where an image lies on the ground: tc_georef. What is not known is null, 0 or empty.
 *
 * @param transform six numbers in GDAL's order
 * @param flags bits of Raw.TC_GEOREF_PIXEL_IS_POINT and Raw.TC_GEOREF_WKT_OF_CODES
 */
public record Georef(double[] transform, String wkt, int epsg, int verticalEpsg, String verticalUnit, List<Gcp> gcps,
        Rpc rpc, int flags) {
    /** By six numbers in GDAL's order, and the number of a reference system. */
    public static Georef affine(int epsg, double... transform) {
        return new Georef(transform, null, epsg, 0, null, List.of(), null, 0);
    }

    static Georef of(MemorySegment c) {
        int flags = c.get(JAVA_INT, tc_georef.flags);
        boolean placed = (flags & Raw.TC_GEOREF_HAS_TRANSFORM) != 0;
        long count = c.get(JAVA_LONG, tc_georef.n_gcps);
        MemorySegment points = c.get(ADDRESS, tc_georef.gcps).reinterpret(count * tc_gcp.SIZE);
        List<Gcp> gcps = new ArrayList<>();
        for (long index = 0; index < count; index++) {
            MemorySegment at = points.asSlice(index * tc_gcp.SIZE, tc_gcp.SIZE);
            gcps.add(new Gcp(at.get(JAVA_DOUBLE, tc_gcp.pixel), at.get(JAVA_DOUBLE, tc_gcp.line),
                    at.get(JAVA_DOUBLE, tc_gcp.x), at.get(JAVA_DOUBLE, tc_gcp.y), at.get(JAVA_DOUBLE, tc_gcp.z),
                    Memory.text(at.get(ADDRESS, tc_gcp.id)), Memory.text(at.get(ADDRESS, tc_gcp.info))));
        }
        MemorySegment rpc = c.get(ADDRESS, tc_georef.rpc);
        return new Georef(placed ? c.asSlice(tc_georef.transform, 6 * 8).toArray(JAVA_DOUBLE) : null,
                Memory.text(c.get(ADDRESS, tc_georef.wkt)), c.get(JAVA_INT, tc_georef.epsg),
                c.get(JAVA_INT, tc_georef.vertical_epsg), Memory.text(c.get(ADDRESS, tc_georef.vertical_unit)),
                List.copyOf(gcps), rpc.address() == 0 ? null : Rpc.of(rpc.reinterpret(tc_rpc.SIZE)),
                flags & ~Raw.TC_GEOREF_HAS_TRANSFORM);
    }

    MemorySegment c(Arena arena) {
        Struct made = Struct.sized(tc_georef.SIZE, arena).set(tc_georef.epsg, epsg)
                .set(tc_georef.vertical_epsg, verticalEpsg).set(tc_georef.wkt, "the WKT", wkt)
                .set(tc_georef.vertical_unit, "the vertical unit", verticalUnit)
                .set(tc_georef.flags, flags | (transform == null ? 0 : Raw.TC_GEOREF_HAS_TRANSFORM));
        if (transform != null) {
            made.set(tc_georef.transform, Transform.six("the transform", transform));
        }
        if (gcps != null && !gcps.isEmpty()) {
            MemorySegment row = arena.allocate(gcps.size() * tc_gcp.SIZE, 8);
            for (int index = 0; index < gcps.size(); index++) {
                Gcp gcp = gcps.get(index);
                Struct.at(row, index, tc_gcp.SIZE, arena).set(tc_gcp.pixel, gcp.pixel()).set(tc_gcp.line, gcp.line())
                        .set(tc_gcp.x, gcp.x()).set(tc_gcp.y, gcp.y()).set(tc_gcp.z, gcp.z())
                        .set(tc_gcp.id, "the name of a point", gcp.id()).set(tc_gcp.info, "what a point is", gcp.info());
            }
            made.set(tc_georef.gcps, row).set(tc_georef.n_gcps, (long) gcps.size());
        }
        if (rpc != null) {
            made.set(tc_georef.rpc, rpc.c(arena));
        }
        return made.c;
    }
}
