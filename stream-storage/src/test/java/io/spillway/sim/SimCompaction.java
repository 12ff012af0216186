package io.spillway.sim;

import io.spillway.stream.StoredBatch;
import io.spillway.stream.StreamHandle.Part;
import io.spillway.stream.StreamRewriter.Outcome;
import io.spillway.stream.StreamRewriter.Session;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A compactor as simple as can be: of the batches of a key the last one stays. */
final class SimCompaction {

  private final Session session;
  private final List<Part> parts;
  private final Map<Integer, Long> last = new HashMap<>();

  SimCompaction(Session session, List<Part> parts) {
    this.session = session;
    this.parts = parts;
  }

  CompletableFuture<Outcome> run() {
    return session
        .scan(parts, batch -> last.put(SimStream.keyOf(batch.bytes()), batch.baseOffset()))
        .thenCompose(
            outcome ->
                outcome == Outcome.VOID ? ended(outcome) : session.rewrite(parts, this::keep))
        .thenCompose(outcome -> outcome == Outcome.VOID ? ended(outcome) : session.compacted(end()))
        .whenComplete((outcome, failure) -> session.close());
  }

  private @Nullable StoredBatch keep(StoredBatch batch, boolean isLast) {
    Long newest = last.get(SimStream.keyOf(batch.bytes()));
    return isLast || newest == null || newest <= batch.baseOffset() ? batch : null;
  }

  private long end() {
    return parts.get(parts.size() - 1).endOffset();
  }

  private static CompletableFuture<Outcome> ended(Outcome outcome) {
    return CompletableFuture.completedFuture(outcome);
  }
}
