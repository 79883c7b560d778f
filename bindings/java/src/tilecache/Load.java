package tilecache;

import java.lang.foreign.MemorySegment;
import tilecache.raw.Raw;

/** A load that a callback works for. */
public final class Load extends Handle {
    private Load(MemorySegment pointer) {
        super(pointer, Raw::tc_load_release);
    }

    /** That of the calling thread; where it works for none, one that is never cancelled. */
    public static Load current() {
        return new Load(Raw.tc_load_current());
    }

    /** Whether the calling thread works for one, as inside of what the library has called. */
    static boolean isAny() {
        MemorySegment load = Raw.tc_load_current();
        Raw.tc_load_release(load);
        return load.address() != 0;
    }

    /** Says inside of a source how many whole blocks it had to decode for what it was asked for, if that is not one. */
    public static void decodedBeneath(double blocks) {
        Raw.tc_decoded_beneath(blocks);
    }

    /** Whether nobody wants it any more. */
    public boolean isCancelled() {
        return use(pointer -> Raw.tc_load_is_cancelled(pointer) != 0);
    }
}
