package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.AbandonWal;
import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.Claim;
import io.spillway.catalog.CatalogCommand.Close;
import io.spillway.catalog.CatalogCommand.Commit;
import io.spillway.catalog.CatalogCommand.DeleteStream;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.Merge;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.OpenWal;
import io.spillway.catalog.CatalogCommand.RaiseOrphanFloor;
import io.spillway.catalog.CatalogCommand.Recovered;
import io.spillway.catalog.CatalogCommand.Replace;
import io.spillway.catalog.CatalogCommand.SealWal;
import io.spillway.catalog.CatalogCommand.SetRuleLevel;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.CatalogCommand.Trim;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.Verdict.AlreadyApplied;
import io.spillway.catalog.StreamCatalog.Verdict.Applied;
import io.spillway.catalog.StreamCatalog.Verdict.MustDrain;
import io.spillway.catalog.StreamCatalog.Verdict.Rejected;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The rules (P2, P3, P8-P11, P16-P22) as a pure replay: the same records give the same state and
 * the same verdicts everywhere. No clock, no randomness, no I/O; iteration only over sorted or
 * insertion-ordered collections.
 *
 * <p>Who may write a stream is a question of WALs: {@link StreamEntry#writer} names the WAL and the
 * incarnation that opened it, and the WAL's current incarnation speaks for it, since recovering a
 * WAL gives a new incarnation all that older ones left (P3). An older incarnation is refused
 * everywhere.
 *
 * <p>Not safe for several threads: the catalog puts a lock around it.
 */
final class CatalogState {

  /** The highest rule level that this build knows (P8). */
  static final int MAX_RULE_LEVEL = StreamCatalog.RULE_LEVEL_RECOVERED_END;

  /** What a new catalog begins with: features that need more raise it when they are first used. */
  static final int FIRST_RULE_LEVEL = 1;

  /**
   * How many commands in force are remembered, to recognise a repeat: several full records. Part of
   * the rules, like the number below: replicas that differ in it would decide differently. A repeat
   * that has been forgotten is decided anew, and the rules make that harmless.
   */
  static final int REMEMBERED_COMMANDS = 4_096;

  /** How many deleted streams are remembered, to refuse a claim that comes late. */
  static final int REMEMBERED_DELETIONS = 10_000;

  int ruleLevel;
  long orphanFloor;
  final NavigableMap<UUID, WalState> wals = new TreeMap<>();
  final NavigableMap<String, ObjectEntry> objects = new TreeMap<>();
  final NavigableMap<StreamId, StreamEntry> streams = new TreeMap<>();
  final Deque<StreamId> deletions = new ArrayDeque<>();
  final Deque<Remembered> remembered = new ArrayDeque<>();
  private final Map<UUID, Remembered> rememberedById = new HashMap<>();
  private final List<ObjectRef> unreferenced = new ArrayList<>();
  private long position = -1;

  /** A command in force. */
  record Remembered(UUID commandId, long position, List<Boolean> ranges) {}

  /** An object and how many extents refer to it. */
  static final class ObjectEntry {
    final ObjectRef ref;
    int references;

    ObjectEntry(ObjectRef ref) {
      this.ref = ref;
    }
  }

  /** Applies a command of record {@code recordNumber}. */
  Verdict apply(long recordNumber, CatalogCommand command) {
    position = recordNumber;
    Remembered before = rememberedById.get(command.commandId());
    if (before != null) {
      return new AlreadyApplied(before.position(), before.ranges());
    }
    Verdict verdict = decide(command);
    if (verdict instanceof Applied applied) {
      remember(new Remembered(command.commandId(), recordNumber, applied.appliedRanges()));
    } else if (verdict instanceof MustDrain) {
      remember(new Remembered(command.commandId(), recordNumber, List.of()));
    }
    return verdict;
  }

  /** Objects that lost their last extent since the last call. */
  List<ObjectRef> takeUnreferenced() {
    List<ObjectRef> taken = List.copyOf(unreferenced);
    unreferenced.clear();
    return taken;
  }

  void remember(Remembered command) {
    remembered.addLast(command);
    rememberedById.put(command.commandId(), command);
    if (remembered.size() > REMEMBERED_COMMANDS) {
      rememberedById.remove(remembered.removeFirst().commandId());
    }
  }

  private Verdict decide(CatalogCommand command) {
    if (command instanceof Commit c) {
      return commit(c);
    } else if (command instanceof Claim c) {
      return claim(c);
    } else if (command instanceof Trim c) {
      return trim(c);
    } else if (command instanceof Close c) {
      return close(c);
    } else if (command instanceof Recovered c) {
      return recovered(c);
    } else if (command instanceof Replace c) {
      return replace(c);
    } else if (command instanceof Merge c) {
      return merge(c);
    } else if (command instanceof DeleteStream c) {
      return deleteStream(c);
    } else if (command instanceof OpenWal c) {
      return openWal(c);
    } else if (command instanceof SealWal c) {
      return sealWal(c);
    } else if (command instanceof AbandonWal c) {
      return abandonWal(c);
    } else if (command instanceof RaiseOrphanFloor c) {
      return raiseOrphanFloor(c);
    } else if (command instanceof SetRuleLevel c) {
      return setRuleLevel(c);
    }
    throw new IllegalStateException("no rule for " + command);
  }

  // WALs (P2, P3).

  private Verdict openWal(OpenWal c) {
    WriterIncarnation writer = c.writer();
    WalState known = wals.get(writer.walId());
    if (known != null) {
      if (known.writer().nodeId() != writer.nodeId() || known.kind() != c.kind()) {
        return rejected(
            "WAL %s is %s of node %d, not %s of node %d"
                .formatted(
                    writer.walId(),
                    known.kind(),
                    known.writer().nodeId(),
                    c.kind(),
                    writer.nodeId()));
      }
      if (known.phase() == WalPhase.ABANDONED) {
        return rejected("WAL %s was abandoned".formatted(writer.walId()));
      }
      if (known.phase() == WalPhase.OPEN && known.writer().equals(writer)) {
        return again();
      }
      if (writer.incarnation() <= known.writer().incarnation()) {
        return rejected(
            "WAL %s has been opened as incarnation %d, incarnation %d is not newer"
                .formatted(writer.walId(), known.writer().incarnation(), writer.incarnation()));
      }
    }
    for (WalState other : wals.values()) {
      if (other.phase() == WalPhase.OPEN
          && other.writer().nodeId() == writer.nodeId()
          && !other.writer().walId().equals(writer.walId())) {
        return rejected(
            "node %d cannot open WAL %s while its WAL %s is neither sealed nor abandoned"
                .formatted(writer.nodeId(), writer.walId(), other.writer().walId()));
      }
    }
    long trimPosition = known == null ? 0 : known.trimPosition();
    wals.put(writer.walId(), new WalState(writer, c.kind(), WalPhase.OPEN, trimPosition));
    return applied();
  }

  private Verdict sealWal(SealWal c) {
    WalState known = wals.get(c.writer().walId());
    if (known != null && known.writer().equals(c.writer()) && known.phase() == WalPhase.SEALED) {
      return again();
    }
    String stale = staleWriter(c.writer());
    if (stale != null) {
      return rejected(stale);
    }
    endWal(c.writer().walId(), WalPhase.SEALED);
    return applied();
  }

  private Verdict abandonWal(AbandonWal c) {
    WalState known = wals.get(c.walId());
    if (known == null) {
      return rejected("there is no WAL %s".formatted(c.walId()));
    }
    if (known.phase() == WalPhase.ABANDONED) {
      return again();
    }
    if (known.phase() == WalPhase.SEALED) {
      return rejected("WAL %s is sealed: it holds nothing to give up".formatted(c.walId()));
    }
    endWal(c.walId(), WalPhase.ABANDONED);
    return applied();
  }

  /** Nothing more will come from the WAL: its streams end where they are committed. */
  private void endWal(UUID walId, WalPhase phase) {
    WalState known = requireWal(walId);
    wals.put(walId, new WalState(known.writer(), known.kind(), phase, known.trimPosition()));
    for (StreamEntry stream : streams.values()) {
      if (stream.writer.walId().equals(walId)
          && (stream.phase == Phase.OPEN || stream.phase == Phase.CLOSING)) {
        // Offsets that readers may have seen below the log start are not assigned again (G2).
        stream.committedEndOffset = Math.max(stream.committedEndOffset, stream.logStartOffset);
        resolve(stream);
      }
    }
  }

  // Ownership (P9-P11).

  private Verdict claim(Claim c) {
    if (c.token().nodeId() != c.writer().nodeId()
        || c.token().incarnation() != c.writer().incarnation()) {
      return rejected("token %s is not that of writer %s".formatted(c.token(), c.writer()));
    }
    String stale = staleWriter(c.writer());
    if (stale != null) {
      return rejected(stale);
    }
    StreamEntry stream = streams.get(c.stream());
    if (stream == null) {
      stream = new StreamEntry(c.stream(), Phase.CLOSED, c.token(), c.writer());
      streams.put(c.stream(), stream);
      stream.metadataOffset = c.metadataOffset();
      open(stream, c.token(), c.writer(), 0);
      return applied();
    }
    if (stream.phase == Phase.DELETED) {
      return rejected("stream %s is deleted".formatted(c.stream()));
    }
    StreamToken newest = stream.claimant != null ? stream.claimant : stream.token;
    WriterIncarnation newestWriter =
        stream.claimantWriter != null ? stream.claimantWriter : stream.writer;
    if (newest.equals(c.token()) && newestWriter.equals(c.writer())) {
      if (stream.phase == Phase.CLOSING) {
        return new MustDrain(position, stream.writer);
      } else if (stream.phase == Phase.OPEN) {
        return again();
      }
    }
    if (!isNewer(c, newest, newestWriter)) {
      return rejected(
          "claim %s of stream %s is not newer than %s".formatted(c.token(), c.stream(), newest));
    }
    stream.metadataOffset = Math.max(stream.metadataOffset, c.metadataOffset());
    if (stream.phase == Phase.OPEN && goesOn(stream.writer, c)) {
      long start = Math.max(stream.committedEndOffset, c.localEndOffset());
      open(stream, c.token(), c.writer(), start);
      return applied();
    }
    if (stream.phase == Phase.CLOSED || !isOpen(stream.writer.walId())) {
      open(stream, c.token(), c.writer(), stream.committedEndOffset);
      return applied();
    }
    stream.phase = Phase.CLOSING;
    stream.claimant = c.token();
    stream.claimantWriter = c.writer();
    return new MustDrain(position, stream.writer);
  }

  /**
   * Whether the claim's writer has, in its WAL, all that the stream's writer may hold uncommitted:
   * it is the same, or a later incarnation of the same WAL that has recovered batches of the stream
   * (P3) and so knows where they end.
   */
  private boolean goesOn(WriterIncarnation owner, Claim c) {
    return owner.equals(c.writer())
        || (ruleLevel >= StreamCatalog.RULE_LEVEL_RECOVERED_END
            && owner.walId().equals(c.writer().walId())
            && c.localEndOffset() >= 0);
  }

  /**
   * P9. The claim's writer is the node's only open incarnation, so if the node's last claim came
   * from another one, that one was opened earlier, be it of this WAL or of one that has ended.
   */
  private static boolean isNewer(Claim c, StreamToken newest, WriterIncarnation newestWriter) {
    return c.token().leaderEpoch() > newest.leaderEpoch()
        || (c.token().leaderEpoch() == newest.leaderEpoch()
            && c.token().nodeId() == newest.nodeId()
            && !c.writer().equals(newestWriter));
  }

  private static void open(
      StreamEntry stream, StreamToken token, WriterIncarnation writer, long epochStart) {
    stream.phase = Phase.OPEN;
    stream.token = token;
    stream.writer = writer;
    stream.claimant = null;
    stream.claimantWriter = null;
    stream.startEpoch(token.leaderEpoch(), epochStart);
  }

  /** Nothing is left to drain: the claimant owns the stream if it still can, else nobody does. */
  private void resolve(StreamEntry stream) {
    StreamToken claimant = stream.claimant;
    WriterIncarnation claimantWriter = stream.claimantWriter;
    if (claimant != null && claimantWriter != null) {
      open(stream, claimant, claimantWriter, stream.committedEndOffset);
      // An incarnation that has ended since will never close it: its successor does not know of it.
      if (staleWriter(claimantWriter) == null) {
        return;
      }
    }
    stream.phase = Phase.CLOSED;
  }

  private Verdict close(Close c) {
    StreamEntry stream = streams.get(c.stream());
    String unfit = unfit(c.stream(), stream, c.writer());
    if (unfit != null || stream == null) {
      return rejected(String.valueOf(unfit));
    }
    if (c.endOffset() != stream.committedEndOffset) {
      return rejected(
          "stream %s cannot end at %d, it is committed to %d"
              .formatted(c.stream(), c.endOffset(), stream.committedEndOffset));
    }
    resolve(stream);
    return applied();
  }

  private Verdict recovered(Recovered c) {
    StreamEntry stream = streams.get(c.stream());
    if (stream == null || stream.phase == Phase.DELETED) {
      return rejected("there is no stream %s".formatted(c.stream()));
    }
    if (stream.phase == Phase.OPEN && stream.token.equals(c.claimant())) {
      return again();
    }
    WriterIncarnation claimantWriter = stream.claimantWriter;
    if (claimantWriter == null || !c.claimant().equals(stream.claimant)) {
      return rejected(
          "stream %s is %s of %s, not claimed by %s"
              .formatted(c.stream(), stream.phase, stream.token, c.claimant()));
    }
    // What another writer left is known only when that writer says so, or is fenced (P13).
    if (!claimantWriter.walId().equals(stream.writer.walId())
        && !isTakenOver(stream.writer.walId())) {
      return rejected(
          "stream %s: %s may still hold batches and is not fenced"
              .formatted(c.stream(), stream.writer));
    }
    String stale = staleWriter(claimantWriter);
    if (stale != null) {
      return rejected(stale);
    }
    if (c.endOffset() != stream.committedEndOffset) {
      return rejected(
          "stream %s cannot end at %d, it is committed to %d"
              .formatted(c.stream(), c.endOffset(), stream.committedEndOffset));
    }
    resolve(stream);
    return applied();
  }

  /** P13: a chain in the bucket is fenced and read by the claimant itself. */
  private boolean isTakenOver(UUID walId) {
    return ruleLevel >= StreamCatalog.RULE_LEVEL_TAKEOVER
        && requireWal(walId).kind() == CatalogCommand.WalKind.OBJECT;
  }

  // Data (P16-P22).

  private Verdict commit(Commit c) {
    String stale = staleWriter(c.writer());
    if (stale != null) {
      return rejected(stale);
    }
    ObjectRef object = c.object().orElse(null);
    if (object != null) {
      String unusable = unusable(object);
      if (unusable != null) {
        return rejected(unusable);
      }
    }
    String malformed = malformed(c.ranges(), object == null ? "" : object.key());
    if (malformed != null) {
      return rejected(malformed);
    }
    List<Boolean> verdicts = new ArrayList<>(c.ranges().size());
    boolean trimmable = true;
    for (Extent range : c.ranges()) {
      RangeVerdict verdict = range(c.writer(), object, range);
      verdicts.add(verdict == RangeVerdict.APPLIED);
      trimmable &= verdict != RangeVerdict.MISPLACED;
    }
    for (Checkpoint checkpoint : c.checkpoints()) {
      checkpoint(c.writer(), checkpoint);
    }
    WalState wal = requireWal(c.writer().walId());
    if (trimmable && c.walTrimPosition() > wal.trimPosition()) {
      wals.put(
          c.writer().walId(),
          new WalState(wal.writer(), wal.kind(), wal.phase(), c.walTrimPosition()));
    }
    return new Applied(position, List.copyOf(verdicts));
  }

  /** Why nothing can be committed that is in the object, or null (P21). */
  private @Nullable String unusable(ObjectRef object) {
    if (object.birth() < orphanFloor) {
      return "object %s was born at %d, below the orphan floor %d (P21)"
          .formatted(object.key(), object.birth(), orphanFloor);
    }
    ObjectEntry known = objects.get(object.key());
    return known == null || known.ref.equals(object)
        ? null
        : "object %s is known as %s".formatted(object, known.ref);
  }

  private enum RangeVerdict {
    APPLIED,
    /** Deleted, or another WAL's by now: the batches are void, here and in the WAL. */
    GIVEN_UP,
    /** The writer's own stream, but not its next range: the WAL must keep the batches. */
    MISPLACED
  }

  private RangeVerdict range(WriterIncarnation writer, @Nullable ObjectRef object, Extent range) {
    StreamEntry stream = streams.get(range.stream());
    if (stream == null || unfit(range.stream(), stream, writer) != null) {
      return RangeVerdict.GIVEN_UP;
    }
    if (range.baseOffset() != stream.committedEndOffset) {
      return stream.holds(range) ? RangeVerdict.APPLIED : RangeVerdict.MISPLACED;
    }
    if (range.endOffset() <= stream.logStartOffset) {
      stream.committedEndOffset = range.endOffset();
      return RangeVerdict.APPLIED;
    }
    if (object == null) {
      return RangeVerdict.MISPLACED;
    }
    stream.committedEndOffset = range.endOffset();
    stream.addExtent(reference(object, range));
    return RangeVerdict.APPLIED;
  }

  private static @Nullable String malformed(List<Extent> extents, String objectKey) {
    for (Extent extent : extents) {
      if (extent.baseOffset() < 0
          || extent.endOffset() <= extent.baseOffset()
          || extent.position() < 0
          || extent.sizeBytes() < 0
          || !extent.objectKey().equals(objectKey)) {
        return "malformed range " + extent + " of object '" + objectKey + "'";
      }
    }
    return null;
  }

  private void checkpoint(WriterIncarnation writer, Checkpoint checkpoint) {
    StreamEntry stream = streams.get(checkpoint.stream());
    if (stream == null || unfit(checkpoint.stream(), stream, writer) != null) {
      return;
    }
    Checkpoint newest = stream.checkpoint;
    boolean newer = newest == null || checkpoint.offset() > newest.offset();
    if (newer && checkpoint.offset() >= 0 && checkpoint.offset() <= stream.committedEndOffset) {
      stream.checkpoint = checkpoint;
    }
  }

  private Verdict trim(Trim c) {
    StreamEntry stream = streams.get(c.stream());
    String unfit = unfit(c.stream(), stream, c.writer());
    if (unfit != null || stream == null) {
      return rejected(String.valueOf(unfit));
    }
    if (c.newLogStartOffset() > stream.logStartOffset) {
      dereference(stream.trimTo(c.newLogStartOffset()));
    }
    return applied();
  }

  private Verdict replace(Replace c) {
    StreamEntry stream = streams.get(c.stream());
    String unfit = unfit(c.stream(), stream, c.writer());
    if (unfit != null || stream == null) {
      return rejected(String.valueOf(unfit));
    }
    Map<String, ObjectRef> named = new HashMap<>();
    for (ObjectRef object : c.objects()) {
      String unusable = unusable(object);
      if (unusable != null) {
        return rejected(unusable);
      }
      named.put(object.key(), object);
    }
    String malformed = malformedReplacement(c.stream(), c.oldExtents(), c.newExtents(), named);
    if (malformed != null) {
      return rejected(malformed);
    }
    return replaceExtents(stream, c.oldExtents(), c.newExtents(), named)
        ? applied()
        : rejected(
            "stream %s no longer has the %d extents to replace"
                .formatted(c.stream(), c.oldExtents().size()));
  }

  private Verdict merge(Merge c) {
    String stale = staleWriter(c.writer());
    String unusable = stale != null ? stale : unusable(c.object());
    if (unusable != null) {
      return rejected(unusable);
    }
    if (ruleLevel < StreamCatalog.RULE_LEVEL_MERGE) {
      return rejected(
          "rule level %d has no merges, level %d does"
              .formatted(ruleLevel, StreamCatalog.RULE_LEVEL_MERGE));
    }
    Map<StreamId, List<Extent>> old = new HashMap<>();
    c.oldExtents().forEach(e -> old.computeIfAbsent(e.stream(), id -> new ArrayList<>()).add(e));
    Map<String, ObjectRef> named = Map.of(c.object().key(), c.object());
    Set<StreamId> seen = new HashSet<>();
    for (Extent extent : c.newExtents()) {
      String malformed =
          seen.add(extent.stream())
              ? malformedReplacement(
                  extent.stream(),
                  old.getOrDefault(extent.stream(), List.of()),
                  List.of(extent),
                  named)
              : "stream %s has two extents in object %s"
                  .formatted(extent.stream(), c.object().key());
      if (malformed != null) {
        return rejected(malformed);
      }
    }
    List<Boolean> verdicts = new ArrayList<>(c.newExtents().size());
    for (Extent extent : c.newExtents()) {
      StreamEntry stream = streams.get(extent.stream());
      verdicts.add(
          stream != null
              && unfit(extent.stream(), stream, c.writer()) == null
              && replaceExtents(
                  stream,
                  Objects.requireNonNull(old.get(extent.stream())),
                  List.of(extent),
                  named));
    }
    return new Applied(position, List.copyOf(verdicts));
  }

  /**
   * False, and nothing has changed, unless the old extents, clipped at the log start, are there.
   */
  private boolean replaceExtents(
      StreamEntry stream, List<Extent> all, List<Extent> by, Map<String, ObjectRef> named) {
    List<Extent> old = aboveLogStart(all, stream);
    int from = old.isEmpty() ? 0 : stream.firstEndingAfter(old.get(0).baseOffset());
    int to = Math.min(stream.extents().size(), from + old.size());
    if (old.isEmpty() || !stream.extents().subList(from, to).equals(old)) {
      return false;
    }
    List<Extent> referenced = new ArrayList<>();
    for (Extent extent : aboveLogStart(by, stream)) {
      referenced.add(reference(Objects.requireNonNull(named.get(extent.objectKey())), extent));
    }
    stream.replaceExtents(from, old.size(), referenced);
    dereference(old);
    return true;
  }

  private static List<Extent> aboveLogStart(List<Extent> extents, StreamEntry stream) {
    return extents.stream().filter(e -> e.endOffset() > stream.logStartOffset).toList();
  }

  private static @Nullable String malformedReplacement(
      StreamId stream, List<Extent> old, List<Extent> by, Map<String, ObjectRef> named) {
    if (old.isEmpty()
        || by.isEmpty()
        || old.get(0).baseOffset() != by.get(0).baseOffset()
        || old.get(old.size() - 1).endOffset() != by.get(by.size() - 1).endOffset()) {
      return "old and new extents of stream " + stream + " do not cover the same offsets";
    }
    long expected = by.get(0).baseOffset();
    for (Extent extent : by) {
      if (extent.baseOffset() != expected
          || extent.endOffset() <= expected
          || extent.position() < 0
          || extent.sizeBytes() < 0
          || !extent.stream().equals(stream)
          || !named.containsKey(extent.objectKey())) {
        return "malformed extent " + extent + ", expected base offset " + expected;
      }
      expected = extent.endOffset();
    }
    return null;
  }

  private Verdict deleteStream(DeleteStream c) {
    StreamEntry stream = streams.get(c.stream());
    if (stream != null && stream.phase == Phase.DELETED) {
      return again();
    }
    if (stream == null) {
      // Deleted before anybody claimed it: a claim that comes late must not bring it to life.
      StreamToken nobody = new StreamToken(-1, -1, -1);
      WriterIncarnation none = new WriterIncarnation(-1, new UUID(0, 0), 0);
      stream = new StreamEntry(c.stream(), Phase.DELETED, nobody, none);
      streams.put(c.stream(), stream);
    } else if (c.metadataOffset() < stream.metadataOffset) {
      return rejected(
          "stream %s is known from metadata offset %d, an image at %d does not tell (P20)"
              .formatted(c.stream(), stream.metadataOffset, c.metadataOffset()));
    }
    dereference(stream.clearExtents());
    stream.phase = Phase.DELETED;
    stream.claimant = null;
    stream.claimantWriter = null;
    stream.checkpoint = null;
    stream.epochs = List.of();
    stream.metadataOffset = c.metadataOffset();
    deletions.addLast(c.stream());
    if (deletions.size() > REMEMBERED_DELETIONS) {
      streams.remove(deletions.removeFirst());
    }
    return applied();
  }

  private Verdict raiseOrphanFloor(RaiseOrphanFloor c) {
    if (c.floor() > position) {
      return rejected(
          "orphan floor %d lies beyond the log's end %d".formatted(c.floor(), position));
    }
    orphanFloor = Math.max(orphanFloor, c.floor());
    return applied();
  }

  private Verdict setRuleLevel(SetRuleLevel c) {
    if (c.level() > MAX_RULE_LEVEL) {
      throw new CatalogException.TooNew(
          "catalog record "
              + position
              + " raises the rules to level "
              + c.level()
              + ", this build knows level "
              + MAX_RULE_LEVEL
              + "; upgrade this broker");
    }
    if (c.level() < ruleLevel) {
      return rejected("rule level %d is below level %d".formatted(c.level(), ruleLevel));
    }
    ruleLevel = c.level();
    return applied();
  }

  // Objects.

  private Extent reference(ObjectRef object, Extent extent) {
    ObjectEntry entry = objects.computeIfAbsent(object.key(), key -> new ObjectEntry(object));
    entry.references++;
    return sharingKey(extent, entry.ref);
  }

  /** A million extents need not hold a million copies of their keys. */
  static Extent sharingKey(Extent extent, ObjectRef object) {
    return new Extent(
        extent.stream(),
        object.key(),
        extent.baseOffset(),
        extent.endOffset(),
        extent.maxTimestampMs(),
        extent.position(),
        extent.sizeBytes(),
        extent.batchCount());
  }

  private void dereference(List<Extent> gone) {
    for (Extent extent : gone) {
      ObjectEntry entry = Objects.requireNonNull(objects.get(extent.objectKey()));
      entry.references--;
      if (entry.references == 0) {
        objects.remove(extent.objectKey());
        unreferenced.add(entry.ref);
      }
    }
  }

  /** Objects that {@code newer} lacks: they lost their references while nobody looked. */
  List<ObjectRef> objectsMissingFrom(CatalogState newer) {
    Set<String> kept = new HashSet<>(newer.objects.keySet());
    return objects.values().stream().map(e -> e.ref).filter(o -> !kept.contains(o.key())).toList();
  }

  // Writers.

  private boolean isOpen(UUID walId) {
    WalState wal = wals.get(walId);
    return wal != null && wal.phase() == WalPhase.OPEN;
  }

  private WalState requireWal(UUID walId) {
    return Objects.requireNonNull(wals.get(walId));
  }

  /** Why the writer may write nothing at all, or null. */
  private @Nullable String staleWriter(WriterIncarnation writer) {
    WalState wal = wals.get(writer.walId());
    if (wal == null) {
      return "WAL " + writer.walId() + " was never opened";
    }
    if (wal.phase() != WalPhase.OPEN || !wal.writer().equals(writer)) {
      return "writer %s is fenced: its WAL is %s as %s"
          .formatted(writer, wal.phase(), wal.writer());
    }
    return null;
  }

  /** Why the writer may not write this stream, or null. */
  private @Nullable String unfit(
      StreamId id, @Nullable StreamEntry stream, WriterIncarnation writer) {
    if (stream == null || stream.phase == Phase.DELETED) {
      return "there is no stream " + id;
    }
    String stale = staleWriter(writer);
    if (stale != null) {
      return stale;
    }
    if (stream.phase == Phase.CLOSED || !stream.writer.walId().equals(writer.walId())) {
      return "stream %s is %s, its writer is %s, not %s"
          .formatted(id, stream.phase, stream.writer, writer);
    }
    return null;
  }

  // Verdicts.

  private Verdict applied() {
    return new Applied(position, List.of());
  }

  private Verdict again() {
    return new AlreadyApplied(position, List.of());
  }

  private Verdict rejected(String reason) {
    return new Rejected(position, reason);
  }
}
