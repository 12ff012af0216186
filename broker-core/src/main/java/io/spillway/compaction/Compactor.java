package io.spillway.compaction;

import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamRewriter;
import io.spillway.stream.StreamRewriter.Session;
import io.spillway.stream.StreamRewriter.Standing;
import io.spillway.wal.StreamId;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compacts the partitions led here in the background, one at a time: looks which is most in need
 * ({@link CompactionPlan}), and makes a pass over it ({@link CompactionPass}). After a pass that
 * did something it looks again at once, else after {@code log.cleaner.backoff.ms}.
 *
 * <p>A partition with a record that cannot be read is left alone until it is opened again, as Kafka
 * leaves it; that is logged and counted. Its state belongs to its scheduler.
 */
public final class Compactor implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Compactor.class);

  /**
   * What it may use.
   *
   * @param backoffNanos between looks that find nothing
   * @param keyBytes memory for keys in a pass
   */
  public record Settings(long backoffNanos, long keyBytes) {}

  private record Candidate(CompactedLog log, CompactionPlan plan) {}

  private final Settings settings;
  private final Supplier<Collection<CompactedLog>> logs;
  private final StreamRewriter rewriter;
  private final Clock clock;
  private final Scheduler scheduler;
  private volatile CompactionStats stats = new CompactionStats(0, 0, 0, 0, 0);

  // Confined to the scheduler.
  private final Map<StreamId, Long> dirtySinceMs = new HashMap<>();
  private final Set<StreamId> uncleanable = new HashSet<>();
  private final Set<StreamId> skipped = new HashSet<>();
  private @Nullable Cancellable timer;
  private boolean closed;

  /**
   * @param logs the compacted partitions that are open here now
   * @param scheduler its own: a look at many partitions takes a while
   */
  public Compactor(
      Settings settings,
      Supplier<Collection<CompactedLog>> logs,
      StreamRewriter rewriter,
      Clock clock,
      Scheduler scheduler) {
    this.settings = settings;
    this.logs = logs;
    this.rewriter = rewriter;
    this.clock = clock;
    this.scheduler = scheduler;
  }

  /** The first look comes after one back-off. */
  public void start() {
    scheduler.execute(this::later);
  }

  /** Safe for any thread. */
  public CompactionStats stats() {
    return stats;
  }

  /** A pass under way goes on until storage stops it; nothing of it is lost. */
  @Override
  public void close() {
    scheduler.execute(
        () -> {
          closed = true;
          if (timer != null) {
            timer.cancel();
          }
        });
  }

  private void later() {
    skipped.clear();
    if (!closed) {
      timer = scheduler.schedule(settings.backoffNanos(), this::look);
    }
  }

  private void look() {
    if (closed) {
      return;
    }
    Candidate best = null;
    int due = 0;
    Set<StreamId> seen = new HashSet<>();
    for (CompactedLog log : logs.get()) {
      seen.add(log.stream());
      Optional<CompactionPlan> plan = plan(log);
      if (plan.isPresent()) {
        due++;
        if (best == null || plan.get().isBefore(best.plan)) {
          best = new Candidate(log, plan.get());
        }
      }
    }
    dirtySinceMs.keySet().retainAll(seen);
    uncleanable.retainAll(seen);
    CompactionStats before = stats;
    stats =
        new CompactionStats(
            before.passes(), before.recordsRead(), before.recordsKept(), uncleanable.size(), due);
    if (best == null) {
      later();
    } else {
      compact(best);
    }
  }

  private Optional<CompactionPlan> plan(CompactedLog log) {
    StreamId stream = log.stream();
    Optional<Standing> standing = rewriter.standing(stream);
    long cleanFrom =
        standing.map(s -> Math.max(s.compactedEndOffset(), s.logStartOffset())).orElse(0L);
    if (standing.isEmpty() || standing.get().committedEndOffset() <= cleanFrom) {
      dirtySinceMs.remove(stream);
      return Optional.empty();
    }
    long nowMs = clock.currentTimeMillis();
    long sinceMs = dirtySinceMs.computeIfAbsent(stream, each -> nowMs);
    if (uncleanable.contains(stream) || skipped.contains(stream)) {
      return Optional.empty();
    }
    return CompactionPlan.of(
        standing.get(),
        rewriter.parts(stream, standing.get().logStartOffset()),
        log.config(),
        log.cleanableEndOffset(),
        sinceMs,
        nowMs);
  }

  private void compact(Candidate candidate) {
    CompactedLog log = candidate.log;
    Optional<Session> session = rewriter.begin(log.stream());
    if (session.isEmpty()) {
      skip(log); // merged just now, or not ours any more
      return;
    }
    long beganNanos = clock.nanoTime();
    new CompactionPass(
            log, candidate.plan, session.get(), clock.currentTimeMillis(), settings.keyBytes())
        .run()
        .whenComplete(
            (done, failure) ->
                scheduler.execute(
                    () -> {
                      session.get().close();
                      if (failure != null) {
                        onFailure(log, failure);
                      } else {
                        onDone(log, done, clock.nanoTime() - beganNanos);
                      }
                    }));
  }

  private void onDone(CompactedLog log, CompactionPass.Done done, long tookNanos) {
    if (done.endOffset() < 0) {
      skip(log);
      return;
    }
    dirtySinceMs.remove(log.stream());
    CompactionStats before = stats;
    stats =
        new CompactionStats(
            before.passes() + 1,
            before.recordsRead() + done.recordsRead(),
            before.recordsKept() + done.recordsKept(),
            before.uncleanable(),
            before.due());
    LOG.info(
        "compacted partition {} up to offset {}: kept {} of {} records, {} keys, {} ms{}",
        log.name(),
        done.endOffset(),
        done.recordsKept(),
        done.recordsRead(),
        done.keys(),
        tookNanos / 1_000_000,
        done.isPartial() ? "; keys did not fit log.cleaner.dedupe.buffer.size, so it goes on" : "");
    look();
  }

  private void onFailure(CompactedLog log, Throwable failure) {
    Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
    if (cause instanceof StreamException && !(cause instanceof StreamException.Corrupt)) {
      LOG.info("partition {} is not compacted now: {}", log.name(), cause.toString());
      skip(log);
    } else {
      LOG.error(
          "partition {} cannot be compacted and keeps everything until it is opened again",
          log.name(),
          cause);
      uncleanable.add(log.stream());
      look();
    }
  }

  /** Others first; it comes again after a back-off. */
  private void skip(CompactedLog log) {
    skipped.add(log.stream());
    look();
  }
}
