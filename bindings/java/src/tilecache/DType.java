package tilecache;

import tilecache.raw.Raw;

/** Types of samples. */
public enum DType {
    U8(Raw.TC_U8, 1), I8(Raw.TC_I8, 1), U16(Raw.TC_U16, 2), I16(Raw.TC_I16, 2), U32(Raw.TC_U32, 4), I32(Raw.TC_I32, 4),
    U64(Raw.TC_U64, 8), I64(Raw.TC_I64, 8), F32(Raw.TC_F32, 4), F64(Raw.TC_F64, 8), CI16(Raw.TC_CI16, 4),
    CI32(Raw.TC_CI32, 8), CF32(Raw.TC_CF32, 8), CF64(Raw.TC_CF64, 16);

    final int code;
    final int size;

    DType(int code, int size) {
        this.code = code;
        this.size = size;
    }

    /** The bytes of a sample. */
    public int size() {
        return size;
    }

    static DType of(int code) {
        for (DType each : values()) {
            if (each.code == code) {
                return each;
            }
        }
        throw new TileCacheException(Raw.TC_E_UNSUPPORTED, "there is no sample type " + code);
    }
}
