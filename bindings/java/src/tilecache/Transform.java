package tilecache;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_tie_point;

/** Where points of an output come from; see {@link Provider#warp}. Positions are in pixels with edges at whole numbers. */
public final class Transform extends Handle {
    private Transform(MemorySegment pointer) {
        super(pointer, Raw::tc_transform_release);
    }

    /** Columns and rows of the output, which become those of the source; NaN is a point that comes from nowhere. */
    @FunctionalInterface
    public interface Mapping {
        /** A pure function of each point, called on several threads at once. */
        void map(double[] x, double[] y) throws Exception;
    }

    /** From six numbers in GDAL's order: column m[0] + m[1] x + m[2] y, row m[3] + m[4] x + m[5] y. */
    public static Transform affine(double... m) {
        return made((arena, made, err) ->
                Raw.tc_transform_affine(arena.allocateFrom(JAVA_DOUBLE, six("the transform", m)), made, err));
    }

    /** The polynomial nearest to the points, of order 1 to 3. */
    public static Transform polynomial(int order, TiePoint... points) {
        return made((arena, made, err) ->
                Raw.tc_transform_polynomial(row(points, arena), points.length, order, made, err));
    }

    /** The thin plate spline through the points. */
    public static Transform spline(TiePoint... points) {
        return made((arena, made, err) -> Raw.tc_transform_spline(row(points, arena), points.length, made, err));
    }

    /** From a map in degrees to an image that rational polynomials describe; `ground`: from pixels to degrees. */
    public static Transform rpc(Rpc rpc, double height, double... ground) {
        return made((arena, made, err) -> Raw.tc_transform_rpc(rpc.c(arena),
                arena.allocateFrom(JAVA_DOUBLE, six("the ground", ground)), height, made, err));
    }

    /** The same over ground that is as high as a raster says, whose blocks a cache keeps, if there is one. */
    public static Transform rpcHeights(Rpc rpc, Provider heights, HeightsOptions options, Cache cache, double... ground) {
        return heights.use(raster -> useIfAny(cache, keeps -> made((arena, made, err) ->
                Raw.tc_transform_rpc_heights(rpc.c(arena), arena.allocateFrom(JAVA_DOUBLE, six("the ground", ground)),
                        raster, options.c(arena), keeps, made, err))));
    }

    /** A function of yours. Those of the same name are the same function with the same parameters; null is one alone. */
    public static Transform of(Mapping mapping, String name) {
        MemorySegment user = Callbacks.lend(mapping);
        try {
            return made((arena, made, err) -> Raw.tc_transform_callback(Callbacks.TRANSFORM, user, Callbacks.CLONE,
                    Callbacks.RELEASE, Memory.text("the name", name, arena), made, err));
        } catch (Throwable problem) {
            Callbacks.release(user);
            throw problem;
        }
    }

    /** Changes columns and rows of the output into those of the source. */
    public void points(double[] x, double[] y) {
        if (x.length != y.length) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT, x.length + " columns and " + y.length + " rows");
        }
        check((pointer, arena, err) -> {
            MemorySegment columns = arena.allocateFrom(JAVA_DOUBLE, x);
            MemorySegment rows = arena.allocateFrom(JAVA_DOUBLE, y);
            int status = Raw.tc_transform_points(pointer, columns, rows, x.length, err);
            MemorySegment.copy(columns, JAVA_DOUBLE, 0, x, 0, x.length);
            MemorySegment.copy(rows, JAVA_DOUBLE, 0, y, 0, y.length);
            return status;
        });
    }

    static double[] six(String what, double[] numbers) {
        if (numbers.length != 6) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT, what + " has " + numbers.length
                    + " numbers; it needs 6, in GDAL's order");
        }
        return numbers;
    }

    private static MemorySegment row(TiePoint[] points, Arena arena) {
        MemorySegment row = arena.allocate(Math.max(points.length, 1) * tc_tie_point.SIZE, 8);
        for (int index = 0; index < points.length; index++) {
            TiePoint point = points[index];
            Struct.at(row, index, tc_tie_point.SIZE, arena).set(tc_tie_point.x, point.x()).set(tc_tie_point.y, point.y())
                    .set(tc_tie_point.source_x, point.sourceX()).set(tc_tie_point.source_y, point.sourceY());
        }
        return row;
    }

    private static Transform made(Makes call) {
        return new Transform(pointer(call));
    }
}
