package tilecache;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;

/**
 * A future whose value the library brings. What the library has called may not wait for a thread of the library, which may
 * be the one that called it, or wait for it. So {@link #get()} and {@link #join} do there, on that thread, what was asked
 * for: the library then sees on whose behalf, and a circle is an error. So do those of futures derived from this one.
 */
final class Answer<T> extends CompletableFuture<T> {
    private final Runnable here;

    /** One that can be made here too, whereupon the library need not do it. */
    Answer(Supplier<T> made, Runnable notThere) {
        here = () -> {
            try {
                complete(made.get());
            } catch (Throwable thrown) {
                completeExceptionally(thrown);
            } finally {
                notThere.run();
            }
        };
    }

    private Answer(Answer<?> before) {
        here = before::madeHere;
    }

    private void madeHere() {
        if (!isDone() && Load.isAny()) {
            here.run();
        }
    }

    @Override
    public T get() throws InterruptedException, ExecutionException {
        madeHere();
        return super.get();
    }

    @Override
    public T join() {
        madeHere();
        return super.join();
    }

    @Override
    public <U> CompletableFuture<U> newIncompleteFuture() {
        return new Answer<>(this);
    }
}
