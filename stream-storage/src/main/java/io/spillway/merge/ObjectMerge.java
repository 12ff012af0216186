package io.spillway.merge;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.format.v1.BatchTable;
import io.spillway.format.v1.ObjectIndex.Block;
import io.spillway.format.v1.ObjectWriter;
import io.spillway.merge.MergeSource.Request;
import io.spillway.object.ObjectStore;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StreamException;
import io.spillway.upload.Failures;
import io.spillway.upload.ObjectBody;
import io.spillway.upload.Retrier;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Writes one new object out of extents of others: batch by batch, verbatim, each block checked
 * before it is copied. One request at a time, each of them paced. Runs on one scheduler. An object
 * that is not finished is nobody's: the sweep finds it (P21).
 */
final class ObjectMerge {

  /** A chunk read is not smaller, however many objects are read. */
  private static final long MIN_CHUNK_BYTES = 64 * 1024;

  private final ObjectStore store;
  private final Scheduler scheduler;
  private final Retrier retrier;
  private final MergePacer pacer;
  private final String key;
  private final long birth;
  private final ObjectWriter writer;
  private final ObjectBody body;
  private final int chunkBytes;
  private final Map<String, MergeSource> sources = new HashMap<>();
  private final Iterator<Extent> extents;
  private final CompletableFuture<Merged> result = new CompletableFuture<>();
  private @Nullable MergeSource source;
  private @Nullable Extent extent;
  private List<Block> blocks = List.of();
  private int nextBlock;

  /**
   * What was stored.
   *
   * @param newExtents one per run of the task, in its order
   */
  record Merged(ObjectRef object, List<Extent> newExtents) {}

  /** What is read is not what was written, or cannot be merged as it is. */
  static final class Unreadable extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final String objectKey;

    Unreadable(String objectKey, Throwable cause) {
      super(String.valueOf(cause.getMessage()), cause);
      this.objectKey = objectKey;
    }

    String objectKey() {
      return objectKey;
    }
  }

  /**
   * @param objects what the task's extents are in, by key
   * @param partBytes of the new object, if it is larger
   * @param chunkMemory bytes that what was read may take
   */
  ObjectMerge(
      ObjectStore store,
      Scheduler scheduler,
      Retrier retrier,
      MergePacer pacer,
      String key,
      long birth,
      MergeTask task,
      Map<String, ObjectRef> objects,
      int blockBytes,
      long partBytes,
      long chunkMemory) {
    this.store = store;
    this.scheduler = scheduler;
    this.retrier = retrier;
    this.pacer = pacer;
    this.key = key;
    this.birth = birth;
    this.writer = new ObjectWriter(blockBytes);
    this.body = new ObjectBody(store, retrier, key, partBytes, task.bytes() > partBytes);
    this.chunkBytes =
        (int) Math.min(Integer.MAX_VALUE, Math.max(MIN_CHUNK_BYTES, chunkMemory / objects.size()));
    Map<String, List<Extent>> wanted = new HashMap<>();
    for (Extent old : task.oldExtents()) {
      wanted.computeIfAbsent(old.objectKey(), each -> new ArrayList<>()).add(old);
    }
    wanted.forEach(
        (name, of) ->
            sources.put(name, new MergeSource(Objects.requireNonNull(objects.get(name)), of)));
    this.extents = task.oldExtents().iterator();
  }

  /** Starts. Completes on the scheduler; fails with {@link Unreadable} when a source is damaged. */
  CompletableFuture<Merged> run() {
    step();
    return result.whenComplete((merged, failure) -> body.release());
  }

  private void step() {
    try {
      boolean more = true;
      while (more && !result.isDone()) {
        more = advance();
      }
    } catch (StreamException.Corrupt damage) {
      MergeSource of = source;
      fail(of == null ? damage : new Unreadable(of.key(), damage));
    } catch (RuntimeException e) {
      fail(e);
    }
  }

  /** False when it goes on only once a request is answered. */
  private boolean advance() {
    if (body.hasFullPart()) {
      return await(body.nextBytes(), body::sendPart);
    }
    MergeSource from = source;
    if (from != null && nextBlock < blocks.size()) {
      Block block = blocks.get(nextBlock);
      Request request = from.requestFor(block, chunkBytes);
      if (request != null) {
        return read(from, request, bytes -> from.onBytes(request, bytes));
      }
      append(block, from.take(block));
      nextBlock++;
      return true;
    }
    if (from != null && extent != null && blocks.isEmpty()) {
      if (!from.hasIndex()) {
        return read(from, from.indexRequest(), from::onIndex);
      }
      blocks = from.blocksOf(extent);
      return true;
    }
    if (extents.hasNext()) {
      Extent next = extents.next();
      extent = next;
      source = Objects.requireNonNull(sources.get(next.objectKey()));
      blocks = List.of();
      nextBlock = 0;
      return true;
    }
    finish();
    return false;
  }

  private void append(Block block, ByteBuffer bytes) {
    BatchTable batches = block.batches();
    Extent of = Objects.requireNonNull(extent);
    for (int i = 0; i < batches.count(); i++) {
      writer.append(
          of.stream(),
          batches.baseOffset(i),
          batches.endOffset(i),
          batches.maxTimestampMs(i),
          batches.flags(i),
          bytes.slice(batches.position(i), batches.sizeBytes(i)));
    }
    body.copy(bytes);
  }

  private void finish() {
    ObjectWriter.Finished written = writer.finish(key);
    body.add(written.tail());
    sendRest(written);
  }

  private void sendRest(ObjectWriter.Finished written) {
    boolean inParts = body.hasFullPart();
    CompletableFuture<Void> sent =
        pacer
            .permit(body.nextBytes())
            .thenCompose(
                permitted -> inParts ? body.sendPart() : body.sendLast(written.objectBytes()));
    sent.whenComplete(
        (done, failure) -> {
          if (failure != null) {
            fail(failure);
          } else if (inParts) {
            sendRest(written);
          } else {
            ObjectRef object =
                new ObjectRef(key, birth, written.objectBytes(), written.indexPosition());
            result.complete(new Merged(object, written.extents()));
          }
        });
  }

  private boolean read(
      MergeSource from, Request request, java.util.function.Consumer<ByteBuffer> then) {
    return await(
        0,
        () ->
            retrier
                .untilDone(
                    "get " + from.key(),
                    () ->
                        pacer
                            .permit(request.bytes())
                            .thenCompose(
                                permitted ->
                                    store.getRange(
                                        from.key(), request.position(), request.bytes())))
                .thenAccept(then));
  }

  private boolean await(long bytes, Supplier<CompletableFuture<Void>> io) {
    CompletableFuture<Void> ready =
        bytes == 0 ? CompletableFuture.completedFuture(null) : pacer.permit(bytes);
    ready
        .thenCompose(permitted -> io.get())
        .whenComplete(
            (done, failure) -> {
              if (failure == null) {
                scheduler.execute(this::step);
              } else if (Failures.cause(failure) instanceof StreamException.Corrupt damage) {
                fail(new Unreadable(Objects.requireNonNull(source).key(), damage));
              } else {
                fail(failure);
              }
            });
    return false;
  }

  private void fail(Throwable failure) {
    if (result.completeExceptionally(Failures.cause(failure))) {
      body.abort();
    }
  }

  /** Ends it from outside. */
  void abandon() {
    fail(new StreamException.Closed("merge into " + key + " abandoned"));
  }
}
