package tilecache;

import static java.lang.foreign.ValueLayout.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_band_info;
import tilecache.raw.Raw.tc_text;

/** A struct for C, member by member, with all that it points to in one arena. */
final class Struct {
    final Arena arena;
    final MemorySegment c;

    private Struct(MemorySegment c, Arena arena) {
        this.c = c;
        this.arena = arena;
    }

    /** One whose first member is its size. */
    static Struct sized(long size, Arena arena) {
        return new Struct(Memory.sized(size, arena), arena);
    }

    static Struct of(long size, Arena arena) {
        return new Struct(arena.allocate(size, 8), arena);
    }

    /** One of several that lie in a row. */
    static Struct at(MemorySegment row, long index, long size, Arena arena) {
        return new Struct(row.asSlice(index * size, size), arena);
    }

    Struct set(long member, int value) {
        c.set(JAVA_INT, member, value);
        return this;
    }

    Struct set(long member, long value) {
        c.set(JAVA_LONG, member, value);
        return this;
    }

    Struct set(long member, double value) {
        c.set(JAVA_DOUBLE, member, value);
        return this;
    }

    Struct set(long member, MemorySegment value) {
        c.set(ADDRESS, member, value);
        return this;
    }

    Struct set(long member, String what, String value) {
        return set(member, Memory.text(what, value, arena));
    }

    /** Doubles inside the struct. */
    Struct set(long member, double[] values) {
        MemorySegment.copy(values, 0, c, JAVA_DOUBLE, member, values.length);
        return this;
    }

    /** A sample of a type; null leaves it 0. */
    Struct sample(long member, DType dtype, Double value) {
        if (value == null) {
            return this;
        }
        MemorySegment at = c.asSlice(member, 16);
        switch (dtype) {
            case U8, I8 -> at.set(JAVA_BYTE, 0, (byte) whole(dtype, value));
            case U16, I16, CI16 -> at.set(JAVA_SHORT_UNALIGNED, 0, (short) whole(dtype, value));
            case U32, I32, CI32 -> at.set(JAVA_INT_UNALIGNED, 0, (int) whole(dtype, value));
            case U64, I64 -> at.set(JAVA_LONG_UNALIGNED, 0, whole(dtype, value));
            case F32, CF32 -> at.set(JAVA_FLOAT_UNALIGNED, 0, (float) (double) value);
            case F64, CF64 -> at.set(JAVA_DOUBLE_UNALIGNED, 0, value);
        }
        return this;
    }

    private static long whole(DType dtype, double value) {
        double least = switch (dtype) {
            case U8, U16, U32, U64 -> 0;
            case I8 -> Byte.MIN_VALUE;
            case I16, CI16 -> Short.MIN_VALUE;
            case I32, CI32 -> Integer.MIN_VALUE;
            default -> Long.MIN_VALUE;
        };
        double end = switch (dtype) {
            case U8 -> 0x1p8;
            case U16 -> 0x1p16;
            case U32 -> 0x1p32;
            case U64 -> 0x1p64;
            default -> -least;
        };
        if (value != Math.rint(value) || value < least || value >= end) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT, "there is no " + value + " of type " + dtype);
        }
        return value >= 0x1p63 ? (long) (value - 0x1p63) + Long.MIN_VALUE : (long) value;
    }

    /** What a sample in a struct is, of a complex one its real part. */
    static double sample(MemorySegment c, long member, DType dtype) {
        MemorySegment at = c.asSlice(member, 16);
        return switch (dtype) {
            case U8 -> at.get(JAVA_BYTE, 0) & 0xff;
            case I8 -> at.get(JAVA_BYTE, 0);
            case U16 -> at.get(JAVA_SHORT_UNALIGNED, 0) & 0xffff;
            case I16, CI16 -> at.get(JAVA_SHORT_UNALIGNED, 0);
            case U32 -> at.get(JAVA_INT_UNALIGNED, 0) & 0xffffffffL;
            case I32, CI32 -> at.get(JAVA_INT_UNALIGNED, 0);
            case U64 -> {
                long bits = at.get(JAVA_LONG_UNALIGNED, 0);
                yield bits >= 0 ? bits : (double) (bits >>> 1) * 2;
            }
            case I64 -> at.get(JAVA_LONG_UNALIGNED, 0);
            case F32, CF32 -> at.get(JAVA_FLOAT_UNALIGNED, 0);
            case F64, CF64 -> at.get(JAVA_DOUBLE_UNALIGNED, 0);
        };
    }

    /** Bands from 0 and how many; none are all. */
    Struct bands(long list, long count, int[] bands) {
        if (bands == null) {
            return this;
        }
        return set(list, Memory.bands(bands, arena)).set(count, (long) bands.length);
    }

    /** Texts of the whole image, by their names. */
    Struct texts(long list, long count, Map<String, String> texts) {
        if (texts == null || texts.isEmpty()) {
            return this;
        }
        MemorySegment row = arena.allocate(texts.size() * tc_text.SIZE, 8);
        long index = 0;
        for (Map.Entry<String, String> text : texts.entrySet()) {
            at(row, index++, tc_text.SIZE, arena).set(tc_text.band, -1).set(tc_text.name, "the name of a text", text.getKey())
                    .set(tc_text.text, "the text " + text.getKey(), text.getValue());
        }
        return set(list, row).set(count, (long) texts.size());
    }

    /** What each band is; null leaves it out. */
    Struct bandInfos(long list, List<BandInfo> infos, DType dtype) {
        if (infos == null) {
            return this;
        }
        MemorySegment row = arena.allocate(infos.size() * tc_band_info.SIZE, 8);
        for (int band = 0; band < infos.size(); band++) {
            BandInfo info = infos.get(band);
            at(row, band, tc_band_info.SIZE, arena).set(tc_band_info.struct_size, (int) tc_band_info.SIZE)
                    .set(tc_band_info.colour, info.colour())
                    .set(tc_band_info.flags, info.nodata() == null ? 0 : Raw.TC_BAND_HAS_NODATA)
                    .sample(tc_band_info.nodata, dtype, info.nodata());
        }
        return set(list, row);
    }
}
