package io.spillway.upload;

import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.wal.StreamId;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * P22: states that were captured of the layer above and wait for the first commit that reaches
 * their offset. Belongs to the upload scheduler.
 */
final class DueCheckpoints {

  private final Map<StreamId, StateAt> waiting = new HashMap<>();

  /**
   * Captures the state now, unless an older one waits that this cut does not reach.
   *
   * @param target where the cut ends in the stream, or null
   */
  void capture(UploadSource source, @Nullable Long target) {
    StateAt before = waiting.get(source.id());
    if (before == null || (target != null && before.offset() <= target)) {
      Optional<StateAt> now = source.captureCheckpoint();
      boolean newerFits = now.isPresent() && target != null && now.get().offset() <= target;
      if (now.isPresent() && (before == null || newerFits)) {
        waiting.put(source.id(), now.get());
      }
    }
  }

  /** The checkpoint that goes with a commit of the extent; it waits no more. */
  Optional<Checkpoint> take(Extent extent) {
    StateAt state = waiting.get(extent.stream());
    if (state == null || state.offset() > extent.endOffset()) {
      return Optional.empty();
    }
    waiting.remove(extent.stream());
    return Optional.of(new Checkpoint(extent.stream(), state.offset(), state.state()));
  }

  void forget(StreamId stream) {
    waiting.remove(stream);
  }
}
