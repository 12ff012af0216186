package io.spillway.upload;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The streams whose batches are in the WAL alone, how much that is, and which of them the WAL
 * cannot give back now. Safe for any thread, but for what is said to belong to the upload
 * scheduler.
 */
final class PendingSources {

  private final Set<UploadSource> dirty = ConcurrentHashMap.newKeySet();
  private final Set<UploadSource> unreadable = ConcurrentHashMap.newKeySet();
  private final AtomicLong bytes = new AtomicLong();
  private volatile long newestPosition;

  /** Those that a person was told of. On the scheduler. */
  private final Set<UploadSource> named = new HashSet<>();

  /** What a recovery found. */
  void startAt(List<? extends UploadSource> sources, long newest) {
    dirty.addAll(sources);
    bytes.set(sources.stream().mapToLong(UploadSource::pendingBytes).sum());
    newestPosition = newest;
  }

  /** Called in WAL order; returns how much waits. */
  long onDurable(UploadSource source, int batchBytes, long position) {
    dirty.add(source);
    newestPosition = position;
    return bytes.addAndGet(batchBytes);
  }

  void onDropped(UploadSource source, long droppedBytes) {
    bytes.addAndGet(-droppedBytes);
    dirty.remove(source);
    unreadable.remove(source);
  }

  void onCommitted(UploadSource source, long endOffset) {
    bytes.addAndGet(-source.onCommitted(endOffset));
    dirty.remove(source);
    if (source.pendingBytes() > 0) { // looked at after the removal: see onDurable
      dirty.add(source);
    }
  }

  long bytes() {
    return bytes.get();
  }

  /** What is unreadable waits for its own next try, and is no reason for an upload. */
  long readableBytes() {
    return bytes.get() - unreadable.stream().mapToLong(UploadSource::pendingBytes).sum();
  }

  boolean contains(UploadSource source) {
    return dirty.contains(source);
  }

  List<UploadSource> readable() {
    List<UploadSource> readable = new ArrayList<>(dirty);
    readable.removeIf(unreadable::contains);
    return readable;
  }

  int unreadableStreams() {
    return unreadable.size();
  }

  /** False when it is gone, or known to be unreadable. */
  boolean onUnreadable(UploadSource source) {
    return dirty.contains(source) && unreadable.add(source);
  }

  /** True once, until the source is readable again or gone. On the scheduler. */
  boolean nameUnreadable(UploadSource source) {
    return named.add(source);
  }

  /** It is tried again. On the scheduler. */
  void retryUnreadable(UploadSource source) {
    unreadable.remove(source);
    if (!dirty.contains(source)) {
      named.remove(source);
    }
  }

  /** These could be read. On the scheduler. */
  void onRead(Collection<UploadSource> sources) {
    sources.stream().filter(source -> !unreadable.contains(source)).forEach(named::remove);
  }

  /** WAL position of the newest batch. */
  long newestPosition() {
    return newestPosition;
  }

  /** WAL position of the oldest batch that can be uploaded; MAX_VALUE without one. */
  long oldestReadablePosition() {
    long oldest = Long.MAX_VALUE;
    for (UploadSource source : readable()) {
      oldest = Math.min(oldest, source.firstPositionAbove(source.committedEndOffset()));
    }
    return oldest;
  }

  /**
   * P17: the WAL position below which nothing waits, once the given streams are committed so far.
   * It never passes the newest batch: a WAL that ends exactly where it is trimmed would begin its
   * next recovery at a leftover of an older incarnation, with nothing before it that says so (P27).
   */
  long firstWanted(Map<UploadSource, Long> ends) {
    long position = newestPosition; // read first: what becomes durable later lies above it
    for (UploadSource source : dirty) {
      long committed = Math.max(source.committedEndOffset(), ends.getOrDefault(source, 0L));
      position = Math.min(position, source.firstPositionAbove(committed));
    }
    return position;
  }
}
