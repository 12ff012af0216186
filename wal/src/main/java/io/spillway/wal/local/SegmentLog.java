package io.spillway.wal.local;

import io.spillway.runtime.Scheduler;
import io.spillway.wal.WalConfig;
import io.spillway.wal.device.WalDevice;
import io.spillway.wal.device.WalDevice.IoTask;
import io.spillway.wal.device.WalFile;
import io.spillway.wal.format.ScannedSegment;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The segments of a WAL: those with data ({@code live}, the last of which is being written), those
 * ready to follow ({@code ahead}), and trimmed ones that wait for a new place ({@code free}).
 *
 * <p>Files are made, renamed and deleted one at a time on the device's threads, each step durable
 * before the next, and always the lowest one first: whatever a crash leaves is a run of neighbours.
 * A new file is prepared with zeros a few MiB ahead of the writer and no further, so that a first
 * start writes little; a recycled one needs no preparation. Writes go only where preparation is
 * done, so that the two never meet.
 *
 * <p>The owner's thread only, but for {@link #holding}.
 */
final class SegmentLog {

  private static final int PREPARE_BYTES = 4 << 20;
  private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final Logger LOG = LoggerFactory.getLogger(SegmentLog.class);

  private final WalConfig config;
  private final WalDevice device;
  private final Scheduler owner;
  private final Executor io;
  private final Capacity capacity;
  private final Runnable onProgress;
  private final Consumer<IOException> onFailure;
  private final ConcurrentSkipListMap<Long, LocalSegment> live = new ConcurrentSkipListMap<>();
  private final ArrayDeque<LocalSegment> ahead = new ArrayDeque<>();
  private final ArrayDeque<LocalSegment> free = new ArrayDeque<>();
  private final int prepareBytes;
  private LocalSegment current;
  private long writePosition;
  private boolean changingFiles;
  private boolean preparing;
  private @Nullable String obstacle;
  private boolean stopped;

  /**
   * @param found what the recovery left
   * @param onProgress run when something that was waited for has happened
   * @param onFailure told of a device error that is not a lack of space
   */
  SegmentLog(
      WalConfig config,
      WalDevice device,
      Scheduler owner,
      Executor io,
      Capacity capacity,
      RecoveredLog found,
      Runnable onProgress,
      Consumer<IOException> onFailure) {
    this.config = config;
    this.device = device;
    this.owner = owner;
    this.io = io;
    this.capacity = capacity;
    this.onProgress = onProgress;
    this.onFailure = onFailure;
    this.prepareBytes = Math.max(PREPARE_BYTES, config.maxBlockBytes());
    found.live().forEach(segment -> live.put(segment.base, segment));
    free.addAll(found.free());
    ahead.addAll(found.ahead());
    current = live.lastEntry().getValue();
    writePosition = found.endPosition();
    capacity.add(writePosition - live.firstKey());
  }

  /** The segment with data at a position; null when it is trimmed or not written. Any thread. */
  @Nullable ScannedSegment holding(long position) {
    Map.Entry<Long, LocalSegment> entry = live.floorEntry(position);
    if (entry == null || position >= entry.getValue().endPosition()) {
      return null;
    }
    return entry.getValue().scanned();
  }

  long writePosition() {
    return writePosition;
  }

  /** Bytes left in the current segment. */
  long roomBytes() {
    return current.endPosition() - writePosition;
  }

  /**
   * Makes sure that a block can be placed, moving to the next segment when it does not fit here.
   *
   * @param leastBytes that the block has
   * @param mostBytes that it may have, if the segment has room
   * @return false when that has to wait; {@code onProgress} runs later
   */
  boolean makeRoom(int leastBytes, int mostBytes) {
    if (roomBytes() < leastBytes && !roll()) {
      capacity.setObstacle(obstacle);
      return false;
    }
    long wanted = Math.min(roomBytes(), Math.max(leastBytes, mostBytes));
    boolean ready = current.preparedBytes >= writePosition - current.base + wanted;
    prepareAhead();
    if (!ready) {
      capacity.setObstacle(obstacle);
    }
    return ready;
  }

  /** Whether a block fits without waiting for anything. */
  boolean hasRoomNow(int blockBytes) {
    return writePosition - current.base + blockBytes <= current.preparedBytes;
  }

  /** Takes the next bytes for a block that {@link #makeRoom} made room for. */
  Placement place(int blockBytes) {
    Placement placement = new Placement(current.file, writePosition - current.base, writePosition);
    writePosition += blockBytes;
    return placement;
  }

  /** Whether a trim at the position would free a segment. */
  boolean frees(long position) {
    return live.size() > 1 && live.firstEntry().getValue().endPosition() <= position;
  }

  /** Frees the segments that lie wholly below the position. */
  void trim(long position) {
    boolean freed = false;
    while (frees(position)) {
      LocalSegment segment = live.pollFirstEntry().getValue();
      long next = live.firstKey();
      capacity.add(segment.base - next);
      free.addLast(segment);
      freed = true;
    }
    if (freed) {
      changeFiles();
      onProgress.run();
    }
  }

  /** Whether files are being changed or prepared: nothing may be closed before that ends. */
  boolean isBusy() {
    return changingFiles || preparing;
  }

  /** Whether no more can be prepared until somebody makes room on the disk. */
  boolean isWaitingForSpace() {
    return obstacle != null;
  }

  /** Starts nothing more. */
  void stop() {
    stopped = true;
  }

  private boolean roll() {
    LocalSegment next = ahead.pollFirst();
    if (next == null) {
      changeFiles();
      return false;
    }
    capacity.add(next.base - writePosition);
    live.put(next.base, next);
    current = next;
    writePosition = next.base;
    return true;
  }

  private void prepareAhead() {
    boolean pastHalf = writePosition - current.base > current.sizeBytes() / 2;
    if (pastHalf && ahead.isEmpty()) {
      changeFiles();
    }
    if (preparing || stopped) {
      return;
    }
    if (needsPreparation(current, writePosition - current.base)) {
      prepare(current);
    } else if (!ahead.isEmpty() && needsPreparation(ahead.getFirst(), 0)) {
      prepare(ahead.getFirst());
    }
  }

  private boolean needsPreparation(LocalSegment segment, long writtenBytes) {
    return segment.preparedBytes < segment.sizeBytes()
        && segment.preparedBytes < writtenBytes + prepareBytes;
  }

  private void prepare(LocalSegment segment) {
    preparing = true;
    long from = segment.preparedBytes;
    int bytes = (int) Math.min(prepareBytes, segment.sizeBytes() - from);
    segment.file.zero(
        from, bytes, failure -> owner.execute(() -> onPrepared(segment, from + bytes, failure)));
  }

  private void onPrepared(LocalSegment segment, long upTo, @Nullable IOException failure) {
    preparing = false;
    if (failure != null) {
      onTrouble("cannot prepare WAL file " + segment.file.name(), failure);
      return;
    }
    segment.preparedBytes = upTo;
    clearObstacle();
    prepareAhead();
    onProgress.run();
  }

  /** Starts the next change of files that is due, if none is under way. */
  private void changeFiles() {
    if (changingFiles || stopped) {
      return;
    }
    LocalSegment lowest = free.peekFirst();
    boolean surplus = lowest != null && fileBytes() > config.capacityBytes();
    boolean misfit = lowest != null && lowest.sizeBytes() != config.segmentBytes();
    if (lowest != null && (surplus || misfit)) {
      free.removeFirst();
      change(
          () -> {
            device.delete(lowest.file);
            return lowest;
          },
          deleted -> LOG.debug("deleted WAL file {}", deleted.file.name()));
    } else if (!ahead.isEmpty()) {
      return;
    } else if (lowest != null) {
      free.removeFirst();
      change(() -> recycle(lowest, current.endPosition()), ahead::add);
    } else if (fileBytes() + config.segmentBytes() <= config.capacityBytes()) {
      change(() -> create(current.endPosition()), ahead::add);
    }
  }

  private LocalSegment recycle(LocalSegment old, long base) throws IOException {
    device.rename(old.file, ScannedSegment.nameOf(base));
    return new LocalSegment(base, old.file, old.preparedBytes);
  }

  private LocalSegment create(long base) throws IOException {
    return new LocalSegment(
        base, device.create(ScannedSegment.nameOf(base), config.segmentBytes()), 0);
  }

  /** Makes a new segment file, durably. Blocks. */
  static LocalSegment create(WalDevice device, long base, int segmentBytes) throws IOException {
    WalFile file = device.create(ScannedSegment.nameOf(base), segmentBytes);
    device.syncDirectory();
    return new LocalSegment(base, file, 0);
  }

  /** Changes a name, makes that durable, and only then tells the owner. */
  private void change(IoTask<LocalSegment> change, Consumer<LocalSegment> onDone) {
    changingFiles = true;
    io.execute(
        () -> {
          Outcome changed = Outcome.of(change);
          io.execute(
              () -> {
                Outcome synced = changed.thenSync(device);
                owner.execute(() -> onChanged(synced.segment, synced.failure, onDone));
              });
        });
  }

  private record Outcome(@Nullable LocalSegment segment, @Nullable IOException failure) {

    static Outcome of(IoTask<LocalSegment> change) {
      try {
        return new Outcome(change.run(), null);
      } catch (IOException e) {
        return new Outcome(null, e);
      } catch (RuntimeException e) {
        return new Outcome(null, new IOException("changing WAL files failed", e));
      }
    }

    Outcome thenSync(WalDevice device) {
      LocalSegment done = segment;
      if (done == null) {
        return this;
      }
      return of(
          () -> {
            device.syncDirectory();
            return done;
          });
    }
  }

  private void onChanged(
      @Nullable LocalSegment changed,
      @Nullable IOException failure,
      Consumer<LocalSegment> onDone) {
    changingFiles = false;
    if (changed == null) {
      onTrouble(
          "cannot change the files of WAL directory " + device.location(),
          failure == null ? new IOException("no result") : failure);
      return;
    }
    onDone.accept(changed);
    clearObstacle();
    changeFiles();
    prepareAhead();
    onProgress.run();
  }

  /**
   * A full disk passes: there is still what is prepared; then appends wait, and reservations are
   * refused. Anything else ends the WAL.
   */
  private void onTrouble(String what, IOException failure) {
    if (stopped) {
      onProgress.run();
      return;
    }
    if (!WalDevice.isOutOfSpace(failure)) {
      onFailure.accept(failure);
      return;
    }
    if (obstacle == null) {
      LOG.warn("{}: {}; appends wait until there is space", what, failure.getMessage());
    }
    obstacle = what + ": " + failure.getMessage();
    owner.schedule(RETRY_NANOS, this::retry);
  }

  private void retry() {
    if (stopped) {
      return;
    }
    prepareAhead();
    changeFiles();
    onProgress.run();
  }

  private void clearObstacle() {
    if (obstacle != null) {
      obstacle = null;
      capacity.setObstacle(null);
      LOG.info("WAL directory {} has space again", device.location());
    }
  }

  private long fileBytes() {
    List<LocalSegment> all = new ArrayList<>(live.values());
    all.addAll(ahead);
    all.addAll(free);
    long bytes = 0;
    for (LocalSegment segment : all) {
      bytes += segment.sizeBytes();
    }
    return bytes;
  }

  /**
   * Where a block goes.
   *
   * @param file that takes it
   * @param offset in the file
   * @param position in the WAL
   */
  record Placement(WalFile file, long offset, long position) {}

  /**
   * What a recovery found and made.
   *
   * @param live segments with data by position, the last one to be written on; not empty
   * @param ahead the next segments, already named
   * @param free trimmed segments, by position, below the live ones
   * @param endPosition where the next block goes
   */
  record RecoveredLog(
      List<LocalSegment> live,
      List<LocalSegment> ahead,
      List<LocalSegment> free,
      long endPosition) {}
}
