package io.spillway.catalog;

import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.object.ObjectStore;
import io.spillway.sharedlog.ClusterIds;
import io.spillway.sharedlog.LogInspection;
import io.spillway.sharedlog.LogInspection.Found;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Shows a catalog to a person: its checkpoints and records as they lie in the bucket, each command
 * with the verdict that the rules give it, then what is in force at the end. Reads only.
 *
 * <p>What is damaged is named, and reading goes on: with the next checkpoint if there is one, else
 * the state at the end is that before the damage, and says so.
 */
public final class CatalogInspector {

  private final Consumer<String> out;
  private CatalogState state = new CatalogState();
  private long position = -1;
  private boolean stateKnown = true;
  private int damaged;

  private CatalogInspector(Consumer<String> out) {
    this.out = out;
  }

  /**
   * Blocks.
   *
   * @param name folder of the catalog's log in the bucket
   * @param out takes lines
   * @return whether nothing is damaged
   */
  public static boolean inspect(ObjectStore store, String name, Consumer<String> out) {
    CatalogInspector inspector = new CatalogInspector(out);
    LogInspection.visit(store, name, inspector::onObject);
    inspector.printState();
    return inspector.damaged == 0;
  }

  private void onObject(Found object, Optional<String> damage) {
    ByteBuffer body = object.body().orElse(null);
    if (body == null) {
      onDamage(object, damage.orElse("unreadable"));
      return;
    }
    try {
      if (object.isCheckpoint()) {
        onCheckpoint(object, body);
      } else {
        onRecord(object, body);
      }
    } catch (CatalogException e) {
      onDamage(object, String.valueOf(e.getMessage()));
    }
  }

  private void onCheckpoint(Found object, ByteBuffer body) {
    state = CheckpointCodec.decode(object.number(), body);
    position = object.number();
    stateKnown = true;
    out.accept(
        "checkpoint %d  cluster %s  %d bytes  %s"
            .formatted(
                object.number(),
                ClusterIds.text(object.clusterId()),
                body.remaining(),
                object.key()));
  }

  private void onRecord(Found object, ByteBuffer body) {
    out.accept(
        "record %d  cluster %s  %d bytes  %s"
            .formatted(
                object.number(),
                ClusterIds.text(object.clusterId()),
                body.remaining(),
                object.key()));
    boolean replayed = stateKnown && object.number() == position + 1;
    if (object.number() > position + 1 && stateKnown) {
      out.accept("  records %d to %d are missing".formatted(position + 1, object.number() - 1));
      damaged++;
      stateKnown = false;
    }
    for (CatalogCommand command : CommandCodec.decode(object.number(), body)) {
      out.accept("  " + command);
      if (replayed) {
        out.accept("    " + shown(state.apply(object.number(), command)));
      }
    }
    if (replayed) {
      position = object.number();
    }
  }

  private void onDamage(Found object, String what) {
    damaged++;
    out.accept("DAMAGED  " + object.key() + ": " + what);
  }

  private static String shown(Verdict verdict) {
    return verdict instanceof Verdict.Rejected rejected
        ? "void: " + rejected.reason()
        : verdict.toString();
  }

  private void printState() {
    out.accept("");
    out.accept(
        "state at record %d%s: rule level %d, orphan floor %d, %d objects"
            .formatted(
                position,
                stateKnown ? "" : " (what follows could not be replayed)",
                state.ruleLevel,
                state.orphanFloor,
                state.references.objectCount()));
    for (WalState wal : state.wals.values()) {
      out.accept(
          "wal %s  node %d  %s  %s  incarnation %d  trimmed to %d"
              .formatted(
                  wal.writer().walId(),
                  wal.writer().nodeId(),
                  wal.kind(),
                  wal.phase(),
                  wal.writer().incarnation(),
                  wal.trimPosition()));
    }
    for (StreamEntry stream : state.streams.values()) {
      out.accept(
          "stream %s  %s  epoch %d of node %d  [%d, %d)  %d extents  %d bytes"
              .formatted(
                  stream.id,
                  stream.phase,
                  stream.token.leaderEpoch(),
                  stream.token.nodeId(),
                  stream.logStartOffset,
                  stream.committedEndOffset,
                  stream.extentCount(),
                  stream.sizeBytes()));
    }
    state.references.objects(
        object ->
            out.accept(
                "object %s  born %d  %d bytes  %d references"
                    .formatted(
                        object.ref().key(),
                        object.ref().birth(),
                        object.ref().sizeBytes(),
                        object.references())));
    if (damaged > 0) {
      out.accept("%d objects are damaged or missing".formatted(damaged));
    }
  }
}
