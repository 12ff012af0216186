package io.spillway.rewrite;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.format.v1.ObjectIndex.Block;
import io.spillway.rewrite.ObjectSource.Request;
import io.spillway.stream.StreamException;
import io.spillway.upload.Failures;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads extents, block by block in their order, each checked before it is shown. One request at a
 * time. Runs on one scheduler.
 */
final class ExtentReader {

  /** A chunk read is not smaller, however many objects are read. */
  private static final long MIN_CHUNK_BYTES = 64 * 1024;

  /** What is done with what is read. */
  interface Sink {

    /** What has to be done before the next block is shown, already begun; null when nothing. */
    default @Nullable CompletableFuture<Void> busy() {
      return null;
    }

    /** The bytes are the sink's during the call. */
    void onBlock(Extent extent, Block block, ByteBuffer bytes);
  }

  private final StoreAccess access;
  private final Sink sink;
  private final int chunkBytes;
  private final Map<String, ObjectSource> sources = new HashMap<>();
  private final Iterator<Extent> extents;
  private final CompletableFuture<Void> result = new CompletableFuture<>();
  private @Nullable ObjectSource source;
  private @Nullable Extent extent;
  private List<Block> blocks = List.of();
  private int nextBlock;

  /**
   * @param extents ascending by stream and offset
   * @param objects what they are in, by key
   * @param chunkMemory bytes that what was read may take
   */
  ExtentReader(
      StoreAccess access,
      List<Extent> extents,
      Map<String, ObjectRef> objects,
      long chunkMemory,
      Sink sink) {
    this.access = access;
    this.sink = sink;
    this.chunkBytes =
        (int)
            Math.min(
                Integer.MAX_VALUE,
                Math.max(MIN_CHUNK_BYTES, chunkMemory / Math.max(1, objects.size())));
    Map<String, List<Extent>> wanted = new HashMap<>();
    for (Extent old : extents) {
      wanted.computeIfAbsent(old.objectKey(), each -> new ArrayList<>()).add(old);
    }
    wanted.forEach(
        (name, of) ->
            sources.put(name, new ObjectSource(Objects.requireNonNull(objects.get(name)), of)));
    this.extents = extents.iterator();
  }

  /** Starts. Completes on the scheduler; fails with {@link Unreadable} when a source is damaged. */
  CompletableFuture<Void> run() {
    step();
    return result;
  }

  private void step() {
    try {
      boolean more = true;
      while (more && !result.isDone()) {
        more = advance();
      }
    } catch (StreamException.Corrupt damage) {
      ObjectSource of = source;
      fail(of == null ? damage : new Unreadable(of.key(), damage));
    } catch (RuntimeException e) {
      fail(e);
    }
  }

  /** False when it goes on only once a request is answered. */
  private boolean advance() {
    CompletableFuture<Void> busy = sink.busy();
    if (busy != null) {
      return await(busy);
    }
    ObjectSource from = source;
    Extent of = extent;
    if (from != null && of != null && nextBlock < blocks.size()) {
      return show(from, of, blocks.get(nextBlock));
    }
    if (from != null && of != null && blocks.isEmpty()) {
      if (!from.hasIndex()) {
        return read(from, from.indexRequest(), from::onIndex);
      }
      blocks = from.blocksOf(of);
      return true;
    }
    return nextExtent();
  }

  private boolean show(ObjectSource from, Extent of, Block block) {
    Request request = from.requestFor(block, chunkBytes);
    if (request != null) {
      return read(from, request, bytes -> from.onBytes(request, bytes));
    }
    sink.onBlock(of, block, from.take(block));
    nextBlock++;
    return true;
  }

  private boolean nextExtent() {
    if (!extents.hasNext()) {
      result.complete(null);
      return false;
    }
    Extent next = extents.next();
    extent = next;
    source = Objects.requireNonNull(sources.get(next.objectKey()));
    blocks = List.of();
    nextBlock = 0;
    return true;
  }

  private boolean read(ObjectSource from, Request request, Consumer<ByteBuffer> then) {
    return await(
        access
            .retrier()
            .untilDone(
                "get " + from.key(),
                () ->
                    access
                        .pacer()
                        .permit(request.bytes())
                        .thenCompose(
                            permitted ->
                                access
                                    .store()
                                    .getRange(from.key(), request.position(), request.bytes())))
            .thenAccept(then));
  }

  private boolean await(CompletableFuture<Void> io) {
    io.whenComplete(
        (done, failure) -> {
          if (failure == null) {
            access.scheduler().execute(this::step);
          } else if (Failures.cause(failure) instanceof StreamException.Corrupt damage) {
            fail(new Unreadable(Objects.requireNonNull(source).key(), damage));
          } else {
            fail(failure);
          }
        });
    return false;
  }

  private void fail(Throwable failure) {
    result.completeExceptionally(Failures.cause(failure));
  }

  /** Ends it from outside. */
  void abandon(String why) {
    fail(new StreamException.Closed(why));
  }
}
