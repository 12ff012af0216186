package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.CatalogProbe;
import io.spillway.catalog.LogStreamCatalog;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.format.v1.ObjectIndex;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.SimulatedBucket;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.wal.StreamId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The catalog as the bucket has it, at every moment: it looks at each change of the bucket as it
 * happens, past every network, and holds it against the guarantees.
 */
final class Truth implements SimulatedBucket.Watcher {

  private static final String LOG = "catalog/log/";
  private static final String CHECKPOINT = "catalog/checkpoint/";
  private static final String DATA = "data/";

  /** Where starts try whether the store keeps its word. */
  static final String PROBE = "probe/";

  private static final int ALL = 1_000_000;

  /** Told of what the catalog came to hold. */
  interface Listener {
    /** A stream has changed, or may have. */
    void onStream(StreamState state);

    /** P2: what the WAL alone held of these streams is given up. */
    void onAbandoned(UUID walId, List<StreamState> streams);
  }

  private final ObjectStore objects;
  private final Listener listener;
  private final Consumer<Runnable> checks;
  private final SimulatedThreads threads = new SimulatedThreads(1, 0);
  private final Map<StreamId, StreamState> before = new HashMap<>();
  private final Map<StreamId, List<Extent>> extentsBefore = new HashMap<>();
  private final Map<UUID, WalState> walsBefore = new HashMap<>();
  private final Set<String> known = new HashSet<>();
  private @Nullable LogStreamCatalog catalog;

  /**
   * @param checks runs a check and remembers its failure
   */
  Truth(ObjectStore objects, Listener listener, Consumer<Runnable> checks) {
    this.objects = objects;
    this.listener = listener;
    this.checks = checks;
  }

  Optional<StreamState> stream(StreamId id) {
    return catalog == null ? Optional.empty() : catalog.stream(id);
  }

  List<WalState> wals() {
    return catalog == null ? List.of() : catalog.wals();
  }

  Optional<WalState> wal(UUID walId) {
    return wals().stream().filter(wal -> wal.writer().walId().equals(walId)).findFirst();
  }

  long position() {
    return catalog == null ? -1 : catalog.position();
  }

  /** Every replica is a function of the log: at the same record it has the same state. */
  void checkReplica(StreamCatalog replica) {
    LogStreamCatalog truth = catalog;
    if (truth != null && replica.position() == truth.position()) {
      assertThat(CatalogProbe.state(replica))
          .as("P8: a replica at record %d", truth.position())
          .isEqualTo(CatalogProbe.state(truth));
    }
    assertThat(replica.position()).as("records").isLessThanOrEqualTo(position());
  }

  /** When all is quiet and the sweeps are done: what is there is what is referred to. */
  void checkNoOrphans() {
    List<String> there = new ArrayList<>();
    for (ObjectInfo info : objects.list(DATA, "", ALL).join()) {
      there.add(info.key());
    }
    assertThat(there)
        .as("P21: data objects in the bucket")
        .containsExactlyInAnyOrderElementsOf(
            Objects.requireNonNull(catalog).objects().stream().map(ref -> ref.key()).toList());
    assertThat(objects.listMultiparts(DATA).join()).as("P21: unfinished uploads").isEmpty();
  }

  /** Nothing has been written by any start but what it tried. */
  void checkUntouched() {
    assertThat(objects.list("", "", ALL).join())
        .as("P6: what a store holds that was refused")
        .allMatch(object -> object.key().startsWith(PROBE));
  }

  long dataObjects() {
    return objects.list(DATA, "", ALL).join().size();
  }

  @Override
  public void created(String key) {
    if (key.startsWith(LOG)) {
      checks.accept(this::catchUp);
    }
  }

  @Override
  public void deleting(String key) {
    checks.accept(() -> checkDeletion(key));
  }

  private void checkDeletion(String key) {
    if (key.startsWith(DATA)) {
      assertThat(catalog == null ? Optional.empty() : catalog.object(key))
          .as("G4: deletion of %s", key)
          .isEmpty();
    } else if (key.startsWith(LOG) || key.startsWith(CHECKPOINT)) {
      List<ObjectInfo> checkpoints = objects.list(CHECKPOINT, "", ALL).join();
      long newest = number(checkpoints, 1);
      long secondNewest = number(checkpoints, 2);
      long number = Long.parseLong(key.substring(key.lastIndexOf('/') + 1));
      if (key.startsWith(LOG)) {
        assertThat(number).as("P7: deletion of %s", key).isLessThanOrEqualTo(secondNewest);
      } else {
        assertThat(number).as("P7: deletion of %s", key).isLessThan(newest);
      }
    } else if (!key.startsWith("wal/") && !key.startsWith(PROBE)) {
      throw new AssertionError("deletion of " + key);
    }
  }

  private static long number(List<ObjectInfo> checkpoints, int fromEnd) {
    if (checkpoints.size() < fromEnd) {
      return -1;
    }
    String key = checkpoints.get(checkpoints.size() - fromEnd).key();
    return Long.parseLong(key.substring(key.lastIndexOf('/') + 1));
  }

  private void catchUp() {
    LogStreamCatalog replay = catalog;
    CompletableFuture<?> caughtUp;
    if (replay == null) {
      Scheduler scheduler = threads.newScheduler("truth");
      replay =
          new LogStreamCatalog(
              new ObjectSharedLog(
                  objects, "catalog", Optional.empty(), scheduler, threads.randomSource()),
              scheduler,
              threads.randomSource(),
              LogStreamCatalog.Config.standard(false));
      catalog = replay;
      caughtUp = replay.open();
    } else {
      caughtUp = replay.refresh();
    }
    threads.runAll(ALL);
    caughtUp.join();
    check(replay);
  }

  private void check(LogStreamCatalog now) {
    Set<Integer> open = new HashSet<>();
    for (WalState wal : now.wals()) {
      if (wal.phase() == WalPhase.OPEN && wal.kind() == WalKind.LOCAL) {
        assertThat(open.add(wal.writer().nodeId()))
            .as("P2: open WALs of node %d", wal.writer().nodeId())
            .isTrue();
      }
      WalState was = walsBefore.put(wal.writer().walId(), wal);
      if (was != null) {
        assertThat(wal.trimPosition()).as("P17").isGreaterThanOrEqualTo(was.trimPosition());
        assertThat(wal.writer().incarnation())
            .as("P9: incarnation of %s", wal.writer().walId())
            .isGreaterThanOrEqualTo(was.writer().incarnation());
        if (was.phase() == WalPhase.SEALED && wal.phase() == WalPhase.OPEN) {
          assertThat(wal.writer().incarnation())
              .as("P2: a sealed WAL opens anew")
              .isGreaterThan(was.writer().incarnation());
        }
        if (wal.phase() == WalPhase.ABANDONED && was.phase() != WalPhase.ABANDONED) {
          onAbandoned(now, wal.writer().walId());
        }
      }
    }
    for (StreamId id : now.streams()) {
      now.stream(id).ifPresent(state -> check(now, state));
    }
  }

  private void onAbandoned(LogStreamCatalog now, UUID walId) {
    List<StreamState> givenUp = new ArrayList<>();
    for (StreamState was : before.values()) {
      boolean held =
          was.writer().walId().equals(walId)
              && (was.phase() == StreamCatalog.Phase.OPEN
                  || was.phase() == StreamCatalog.Phase.CLOSING);
      if (held) {
        now.stream(was.id()).ifPresent(givenUp::add);
      }
    }
    listener.onAbandoned(walId, givenUp);
  }

  private void check(LogStreamCatalog now, StreamState state) {
    StreamState was = before.put(state.id(), state);
    List<Extent> extents = now.extents(state.id(), 0, ALL);
    if (!extents.equals(extentsBefore.put(state.id(), extents))) {
      checkExtents(now, state, extents);
    }
    if (was != null) {
      assertThat(state.committedEndOffset())
          .as("G2 %s: committed end", state.id())
          .isGreaterThanOrEqualTo(was.committedEndOffset());
      assertThat(state.logStartOffset())
          .as("G2 %s: log start", state.id())
          .isGreaterThanOrEqualTo(was.logStartOffset());
      checkToken(was, state);
      if (state.equals(was)) {
        return;
      }
    }
    checkEpochs(state);
    listener.onStream(state);
  }

  /** P9: an owner's token is newer than the one before. */
  private static void checkToken(StreamState was, StreamState state) {
    assertThat(state.token().leaderEpoch())
        .as("P9 %s: epoch", state.id())
        .isGreaterThanOrEqualTo(was.token().leaderEpoch());
  }

  /**
   * G2, G4: no overlap, no hole, nothing below the log start, and every object is there, and holds
   * what it is said to, before a commit or a merge names it (P16, P19).
   */
  private void checkExtents(LogStreamCatalog now, StreamState state, List<Extent> extents) {
    long expected = -1;
    for (Extent extent : extents) {
      if (expected >= 0) {
        assertThat(extent.baseOffset()).as("G2 %s: extents", state.id()).isEqualTo(expected);
      } else {
        assertThat(extent.baseOffset())
            .as("G2 %s: extents begin", state.id())
            .isLessThanOrEqualTo(state.logStartOffset());
        assertThat(extent.endOffset())
            .as("P18 %s: extents above the log start", state.id())
            .isGreaterThan(state.logStartOffset());
      }
      expected = extent.endOffset();
      if (known.add(extent.objectKey() + " " + state.id())) {
        checkObject(now, extent);
      }
    }
    if (state.committedEndOffset() > state.logStartOffset()) {
      assertThat(expected)
          .as("G2 %s: extents end", state.id())
          .isEqualTo(state.committedEndOffset());
    }
  }

  private void checkObject(LogStreamCatalog now, Extent extent) {
    ObjectRef object = now.object(extent.objectKey()).orElseThrow();
    Optional<ObjectInfo> there = objects.head(object.key()).join();
    assertThat(there).as("G4 %s: object %s", extent.stream(), object.key()).isPresent();
    int tailBytes = (int) (object.sizeBytes() - object.indexPosition());
    ObjectIndex.Range range =
        ObjectIndex.parse(
                object.key(),
                object.indexPosition(),
                objects.getRange(object.key(), object.indexPosition(), tailBytes).join())
            .range(extent.stream());
    if (range == null) {
      throw new AssertionError("G4 " + extent.stream() + " is not in object " + object.key());
    }
    assertThat(List.of(range.baseOffset(), range.endOffset(), range.position(), range.sizeBytes()))
        .as("G4 %s in object %s", extent.stream(), object.key())
        .isEqualTo(
            List.of(
                extent.baseOffset(), extent.endOffset(), extent.position(), extent.sizeBytes()));
  }

  private static void checkEpochs(StreamState state) {
    EpochStart last = null;
    for (EpochStart epoch : state.epochs()) {
      if (last != null) {
        assertThat(epoch.leaderEpoch())
            .as("KIP-101 %s", state.id())
            .isGreaterThan(last.leaderEpoch());
        assertThat(epoch.startOffset())
            .as("KIP-101 %s", state.id())
            .isGreaterThanOrEqualTo(last.startOffset());
      }
      last = epoch;
    }
  }
}
