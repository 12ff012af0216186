package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.AbandonWal;
import io.spillway.catalog.CatalogCommand.Claim;
import io.spillway.catalog.CatalogCommand.Close;
import io.spillway.catalog.CatalogCommand.Commit;
import io.spillway.catalog.CatalogCommand.Compacted;
import io.spillway.catalog.CatalogCommand.DeleteStream;
import io.spillway.catalog.CatalogCommand.Merge;
import io.spillway.catalog.CatalogCommand.OpenWal;
import io.spillway.catalog.CatalogCommand.RaiseOrphanFloor;
import io.spillway.catalog.CatalogCommand.Recovered;
import io.spillway.catalog.CatalogCommand.Replace;
import io.spillway.catalog.CatalogCommand.SealWal;
import io.spillway.catalog.CatalogCommand.SetRuleLevel;
import io.spillway.catalog.CatalogCommand.Trim;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.Verdict.AlreadyApplied;
import io.spillway.catalog.StreamCatalog.Verdict.Applied;
import io.spillway.catalog.StreamCatalog.Verdict.MustDrain;
import io.spillway.catalog.StreamCatalog.Verdict.Rejected;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The rules (P2, P3, P8-P11, P16-P22) as a pure replay: the same records give the same state and
 * the same verdicts everywhere. No clock, no randomness, no I/O but reads of the index that {@link
 * References} may have; iteration only over sorted or insertion-ordered collections.
 *
 * <p>Who may write a stream is a question of WALs: {@link StreamEntry#writer} names the WAL and the
 * incarnation that opened it, and the WAL's current incarnation speaks for it, since recovering a
 * WAL gives a new incarnation all that older ones left (P3). An older incarnation is refused
 * everywhere.
 *
 * <p>Not safe for several threads: the catalog puts a lock around it. An {@link IndexException}
 * leaves it of no use.
 */
final class CatalogState {

  /** The highest rule level that this build knows (P8). */
  static final int MAX_RULE_LEVEL = StreamCatalog.RULE_LEVEL_COMPACTION;

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
  final NavigableMap<StreamId, StreamEntry> streams = new TreeMap<>();
  final Deque<StreamId> deletions = new ArrayDeque<>();
  final Deque<Remembered> remembered = new ArrayDeque<>();
  final References references = new References();

  private final Map<UUID, Remembered> rememberedById = new HashMap<>();
  private final Writers writers = new Writers(this);
  private final OwnershipRules ownership = new OwnershipRules(this, writers);
  private final WalRules walRules = new WalRules(this, writers, ownership);
  private final DataRules data = new DataRules(this, writers);
  private final DeletionRules deletion = new DeletionRules(this);
  private final Set<StreamId> touched = new HashSet<>();
  private int changes;
  private long position = -1;

  /** A command in force. */
  record Remembered(UUID commandId, long position, List<Boolean> ranges) {}

  /** Applies a command of record {@code recordNumber}. */
  Verdict apply(long recordNumber, CatalogCommand command) {
    position = recordNumber;
    Remembered before = rememberedById.get(command.commandId());
    if (before != null) {
      return new AlreadyApplied(before.position(), before.ranges());
    }
    touchStreamsOf(command);
    Verdict verdict = decide(command);
    if (verdict instanceof Applied applied) {
      remember(new Remembered(command.commandId(), recordNumber, applied.appliedRanges()));
    } else if (verdict instanceof MustDrain) {
      remember(new Remembered(command.commandId(), recordNumber, List.of()));
    }
    return verdict;
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
      return data.commit(c);
    } else if (command instanceof Claim c) {
      return ownership.claim(c);
    } else if (command instanceof Trim c) {
      return data.trim(c);
    } else if (command instanceof Close c) {
      return ownership.close(c);
    } else if (command instanceof Recovered c) {
      return ownership.recovered(c);
    } else if (command instanceof Replace c) {
      return data.replace(c);
    } else if (command instanceof Merge c) {
      return data.merge(c);
    } else if (command instanceof Compacted c) {
      return data.compacted(c);
    } else if (command instanceof DeleteStream c) {
      return deletion.delete(c);
    } else if (command instanceof OpenWal c) {
      return walRules.open(c);
    } else if (command instanceof SealWal c) {
      return walRules.seal(c);
    } else if (command instanceof AbandonWal c) {
      return walRules.abandon(c);
    } else if (command instanceof RaiseOrphanFloor c) {
      return deletion.raiseOrphanFloor(c);
    } else if (command instanceof SetRuleLevel c) {
      return deletion.setRuleLevel(c);
    }
    throw new IllegalStateException("no rule for " + command);
  }

  /** Number of the record that is being applied, or was last. */
  long position() {
    return position;
  }

  // What an index does not have yet.

  /** The stream may change: it has to be written into the index again. */
  void touch(StreamId stream) {
    if (references.layered()) {
      touched.add(stream);
    }
  }

  /** Those that a command names; rules that change others say so themselves. */
  private void touchStreamsOf(CatalogCommand command) {
    changes++;
    if (command instanceof Commit c) {
      changes += c.ranges().size();
      c.ranges().forEach(range -> touch(range.stream()));
      c.checkpoints().forEach(checkpoint -> touch(checkpoint.stream()));
    } else if (command instanceof Claim c) {
      touch(c.stream());
    } else if (command instanceof Trim c) {
      touch(c.stream());
    } else if (command instanceof Close c) {
      touch(c.stream());
    } else if (command instanceof Recovered c) {
      touch(c.stream());
    } else if (command instanceof Replace c) {
      changes += c.oldExtents().size() + c.newExtents().size();
      touch(c.stream());
    } else if (command instanceof Merge c) {
      changes += c.oldExtents().size() + c.newExtents().size();
      c.newExtents().forEach(extent -> touch(extent.stream()));
    } else if (command instanceof Compacted c) {
      touch(c.stream());
    } else if (command instanceof DeleteStream c) {
      touch(c.stream());
    }
  }

  /** Commands, and ranges in them, since the state was last frozen. */
  int changes() {
    return changes;
  }

  /**
   * What an index, if it is to hold the state as it is now, has to be given.
   *
   * @param cluster that the catalog belongs to
   * @param check of the record at this position
   */
  IndexUpdate freeze(UUID cluster, long check, LogGrowth growth) {
    Map<StreamId, byte @Nullable []> changed = new TreeMap<>();
    for (StreamId id : references.layered() ? touched : streams.keySet()) {
      StreamEntry stream = streams.get(id);
      changed.put(id, stream == null ? null : IndexContents.stream(stream));
    }
    IndexFormat.Head head =
        head(cluster, check, growth, references.extentCount(), references.objectCount());
    touched.clear();
    changes = 0;
    return new IndexUpdate(references.index(), references.freeze(), changed, head);
  }

  /** The head of an index that holds this state, with so many extents and objects. */
  IndexFormat.Head head(UUID cluster, long check, LogGrowth growth, int extents, int objects) {
    return new IndexFormat.Head(
        cluster,
        position,
        check,
        growth,
        extents,
        objects,
        ByteBuffer.wrap(StateCodec.front(this, new FieldWriter()).finishArray()),
        ByteBuffer.wrap(StateCodec.back(this, new FieldWriter()).finishArray()));
  }

  /** Where the state was read from: the position of the next record, less one. */
  void startAt(long loaded) {
    position = loaded;
  }

  // Verdicts.

  Verdict applied() {
    return new Applied(position, List.of());
  }

  Verdict again() {
    return new AlreadyApplied(position, List.of());
  }

  Verdict rejected(String reason) {
    return new Rejected(position, reason);
  }
}
