package io.spillway.sharedlog;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.Retry;
import io.spillway.sharedlog.LogObject.Kind;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Reads every object of a log as it lies in the bucket, for a person: no rule but the format is
 * applied, and a damaged object is reported and passed over. Blocks.
 */
public final class LogInspection {

  private static final int PAGE = 500;

  private final ObjectStore store;
  private final LogKeys keys;
  private final Visitor visitor;

  private LogInspection(ObjectStore store, LogKeys keys, Visitor visitor) {
    this.store = store;
    this.keys = keys;
    this.visitor = visitor;
  }

  /** Visits checkpoints, then records, each in the order of their numbers. */
  public static void visit(ObjectStore store, String name, Visitor visitor) {
    LogInspection inspection = new LogInspection(store, new LogKeys(name), visitor);
    inspection.visitAll(inspection.keys.checkpoints(), Kind.CHECKPOINT);
    inspection.visitAll(inspection.keys.records(), Kind.RECORD);
  }

  private void visitAll(String prefix, Kind kind) {
    String after = "";
    List<ObjectInfo> page;
    do {
      page = store.list(prefix, after, PAGE).join();
      for (ObjectInfo object : page) {
        visit(object, kind);
        after = object.key();
      }
    } while (page.size() == PAGE);
  }

  private void visit(ObjectInfo object, Kind kind) {
    String key = object.key();
    try {
      long number = LogKeys.number(key);
      int length = (int) Math.min(object.sizeBytes(), Integer.MAX_VALUE - 8);
      ByteBuffer bytes = store.getRange(key, 0, length).join();
      LogObject found = LogObject.decode(key, kind, number, bytes);
      visitor.onObject(
          new Found(
              key, kind == Kind.CHECKPOINT, number, found.clusterId(), Optional.of(found.body())),
          Optional.empty());
    } catch (RuntimeException e) {
      Throwable cause = Retry.unwrap(e);
      visitor.onObject(
          new Found(key, kind == Kind.CHECKPOINT, -1, new UUID(0, 0), Optional.empty()),
          Optional.of(String.valueOf(cause.getMessage())));
    }
  }

  /** Sees each object once. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * @param damage what is wrong with it; then it has no body
     */
    void onObject(Found object, Optional<String> damage);
  }

  /**
   * @param number of the record, or of the last one that the checkpoint includes; -1 when damaged
   */
  public record Found(
      String key, boolean isCheckpoint, long number, UUID clusterId, Optional<ByteBuffer> body) {}
}
