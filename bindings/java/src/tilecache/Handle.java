package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Cleaner;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import tilecache.raw.Raw;

/**
 * A reference to an object of the library. {@link #close} gives it up, twice is nothing; using it then is a
 * TileCacheException. A call that another thread is inside of ends first. What is not closed is released by a cleaner.
 */
public abstract class Handle implements AutoCloseable {
    private static final Cleaner CLEANER = Cleaner.create();
    private final Reference reference;
    private final Cleaner.Cleanable net;

    Handle(MemorySegment pointer, Consumer<MemorySegment> release) {
        reference = new Reference(pointer, release);
        net = CLEANER.register(this, reference);
    }

    @Override
    public final void close() {
        net.clean();
    }

    public final boolean isClosed() {
        return reference.uses.get() < 0;
    }

    /** Makes a call with the pointer, which stays valid meanwhile. */
    final <T> T use(Call<T> call) {
        if (!reference.enter()) {
            throw new TileCacheException(Raw.TC_E_ARGUMENT, "the " + getClass().getSimpleName() + " was closed");
        }
        try {
            return call.with(reference.pointer);
        } finally {
            reference.leave();
            java.lang.ref.Reference.reachabilityFence(this);
        }
    }

    /** Makes a call that returns a status. */
    final void check(StatusCall call) {
        use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                checked(arena, err -> call.with(pointer, arena, err));
            }
            return null;
        });
    }

    /** Makes a call that gives a handle. */
    final <T> T made(MadeBy made, Function<MemorySegment, T> handle) {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
                checked(arena, err -> made.with(pointer, arena, out, err));
                return handle.apply(out.get(ValueLayout.ADDRESS, 0));
            }
        });
    }

    /** Makes a call that gives a pointer out of nothing but its arguments. */
    static MemorySegment pointer(Makes call) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
            checked(arena, err -> call.with(arena, out, err));
            return out.get(ValueLayout.ADDRESS, 0);
        }
    }

    /** Makes a call with the pointers of several handles; that of null is NULL. */
    static <T> T useAll(List<? extends Handle> handles, Function<MemorySegment[], T> call) {
        return useFrom(0, handles, new MemorySegment[handles.size()], call);
    }

    private static <T> T useFrom(int first, List<? extends Handle> handles, MemorySegment[] pointers,
            Function<MemorySegment[], T> call) {
        if (first == pointers.length) {
            return call.apply(pointers);
        }
        Handle handle = handles.get(first);
        if (handle == null) {
            pointers[first] = MemorySegment.NULL;
            return useFrom(first + 1, handles, pointers, call);
        }
        return handle.use(pointer -> {
            pointers[first] = pointer;
            return useFrom(first + 1, handles, pointers, call);
        });
    }

    /** Makes a call with a pointer; that of null is NULL. */
    static <T> T useIfAny(Handle handle, Call<T> call) {
        return handle == null ? call.with(MemorySegment.NULL) : handle.use(call);
    }

    /** Throws what went wrong: what a callback threw, as itself, even if Java would have it declared. */
    static void checked(Arena arena, java.util.function.ToIntFunction<MemorySegment> call) {
        MemorySegment err = arena.allocate(Raw.tc_error.LAYOUT);
        int status = call.applyAsInt(err);
        if (status != Raw.TC_OK) {
            Handle.<RuntimeException>raise(TileCacheException.of(status, err));
        }
    }

    @SuppressWarnings("unchecked")
    static <E extends Throwable> void raise(Throwable thrown) throws E {
        throw (E) thrown;
    }

    interface Call<T> {
        T with(MemorySegment pointer);
    }

    interface StatusCall {
        int with(MemorySegment pointer, Arena arena, MemorySegment err);
    }

    interface Makes {
        int with(Arena arena, MemorySegment made, MemorySegment err);
    }

    interface MadeBy {
        int with(MemorySegment pointer, Arena arena, MemorySegment made, MemorySegment err);
    }

    /** Kept apart from the handle, so that the cleaner does not keep that. */
    private static final class Reference implements Runnable {
        private static final int CLOSED = Integer.MIN_VALUE;
        private final MemorySegment pointer;
        private final Consumer<MemorySegment> release;
        /** How many calls are under way, and the sign once it was closed. */
        private final AtomicInteger uses = new AtomicInteger();

        Reference(MemorySegment pointer, Consumer<MemorySegment> release) {
            this.pointer = pointer;
            this.release = release;
        }

        boolean enter() {
            for (int now = uses.get(); now >= 0; now = uses.get()) {
                if (uses.compareAndSet(now, now + 1)) {
                    return true;
                }
            }
            return false;
        }

        void leave() {
            if (uses.decrementAndGet() == CLOSED) {
                release.accept(pointer);
            }
        }

        /** Called once, by close or the cleaner. */
        @Override
        public void run() {
            if (uses.getAndAdd(CLOSED) == 0) {
                release.accept(pointer);
            }
        }
    }
}
