package tilecache;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_rpc;

/** Rational polynomials from places on the ground to places in the image (RPC00B); 20 coefficients in each array. */
public record Rpc(double errBias, double errRand, double lineOff, double sampOff, double latOff, double longOff,
        double heightOff, double lineScale, double sampScale, double latScale, double longScale, double heightScale,
        double[] lineNum, double[] lineDen, double[] sampNum, double[] sampDen) {
    public Rpc {
        for (double[] coefficients : new double[][] {lineNum, lineDen, sampNum, sampDen}) {
            if (coefficients.length != 20) {
                throw new TileCacheException(Raw.TC_E_ARGUMENT, coefficients.length + " coefficients, where 20 are needed");
            }
        }
    }

    static Rpc of(MemorySegment c) {
        return new Rpc(c.get(JAVA_DOUBLE, tc_rpc.err_bias), c.get(JAVA_DOUBLE, tc_rpc.err_rand),
                c.get(JAVA_DOUBLE, tc_rpc.line_off), c.get(JAVA_DOUBLE, tc_rpc.samp_off),
                c.get(JAVA_DOUBLE, tc_rpc.lat_off), c.get(JAVA_DOUBLE, tc_rpc.long_off),
                c.get(JAVA_DOUBLE, tc_rpc.height_off), c.get(JAVA_DOUBLE, tc_rpc.line_scale),
                c.get(JAVA_DOUBLE, tc_rpc.samp_scale), c.get(JAVA_DOUBLE, tc_rpc.lat_scale),
                c.get(JAVA_DOUBLE, tc_rpc.long_scale), c.get(JAVA_DOUBLE, tc_rpc.height_scale),
                twenty(c, tc_rpc.line_num), twenty(c, tc_rpc.line_den), twenty(c, tc_rpc.samp_num),
                twenty(c, tc_rpc.samp_den));
    }

    private static double[] twenty(MemorySegment c, long member) {
        return c.asSlice(member, 20 * 8).toArray(JAVA_DOUBLE);
    }

    MemorySegment c(Arena arena) {
        return Struct.of(tc_rpc.SIZE, arena).set(tc_rpc.err_bias, errBias).set(tc_rpc.err_rand, errRand)
                .set(tc_rpc.line_off, lineOff).set(tc_rpc.samp_off, sampOff).set(tc_rpc.lat_off, latOff)
                .set(tc_rpc.long_off, longOff).set(tc_rpc.height_off, heightOff).set(tc_rpc.line_scale, lineScale)
                .set(tc_rpc.samp_scale, sampScale).set(tc_rpc.lat_scale, latScale).set(tc_rpc.long_scale, longScale)
                .set(tc_rpc.height_scale, heightScale).set(tc_rpc.line_num, lineNum).set(tc_rpc.line_den, lineDen)
                .set(tc_rpc.samp_num, sampNum).set(tc_rpc.samp_den, sampDen).c;
    }
}
