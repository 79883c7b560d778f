package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import tilecache.raw.Raw;

/** Texts and lists between Java and C. */
final class Memory {
    private Memory() {}

    /** A text of C, or null. */
    static String text(MemorySegment pointer) {
        return pointer.address() == 0 ? null : pointer.reinterpret(Long.MAX_VALUE).getString(0);
    }

    /** A text for C, which would end at its first NUL; null is NULL. */
    static MemorySegment text(String what, String given, Arena arena) {
        if (given == null) {
            return MemorySegment.NULL;
        }
        int at = given.indexOf('\0');
        if (at >= 0) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT, what + " has a NUL at character " + at);
        }
        return arena.allocateFrom(given);
    }

    /** Bands from 0; none are all. */
    static MemorySegment bands(int[] bands, Arena arena) {
        return bands.length == 0 ? MemorySegment.NULL : arena.allocateFrom(ValueLayout.JAVA_INT, bands);
    }

    interface Tells {
        int with(MemorySegment into, long room, MemorySegment bytes, MemorySegment err);
    }

    /** The text of a call that writes into memory of the caller and says how much it takes. */
    static String told(Arena arena, Tells call) {
        MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
        Handle.checked(arena, err -> call.with(MemorySegment.NULL, 0, bytes, err));
        while (true) {
            long room = bytes.get(ValueLayout.JAVA_LONG, 0) * 9 / 8;
            MemorySegment into = arena.allocate(room);
            try {
                Handle.checked(arena, err -> call.with(into, room, bytes, err));
                return into.getString(0);
            } catch (TileCacheException longer) {
                if (longer.status() != Raw.TC_E_LIMIT) {
                    throw longer;
                }
            }
        }
    }

    /** A struct of C with its size set, all else 0. */
    static MemorySegment sized(long size, Arena arena) {
        MemorySegment made = arena.allocate(size, 8);
        made.set(ValueLayout.JAVA_INT, 0, (int) size);
        return made;
    }
}
