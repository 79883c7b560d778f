package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw.tc_io;

/** Bytes of yours that are an image file: an archive, a buffer, an object store; see {@link Provider#open}. */
public interface Bytes {
    /** How many there are. */
    long size();

    /** Reads all bytes of `into`, from `offset` on. Called on several threads at once. */
    void readAt(long offset, MemorySegment into) throws Exception;

    /** Those of an array. */
    static Bytes of(byte[] bytes) {
        return new Bytes() {
            @Override
            public long size() {
                return bytes.length;
            }

            @Override
            public void readAt(long offset, MemorySegment into) {
                MemorySegment.copy(MemorySegment.ofArray(bytes), offset, into, 0, into.byteSize());
            }
        };
    }

    /** The struct for C. */
    static MemorySegment c(Bytes bytes, MemorySegment user, Arena arena) {
        return Struct.sized(tc_io.SIZE, arena).set(tc_io.user, user).set(tc_io.size, bytes.size())
                .set(tc_io.read_at, Callbacks.READ_AT).set(tc_io.release, Callbacks.RELEASE).c;
    }
}
