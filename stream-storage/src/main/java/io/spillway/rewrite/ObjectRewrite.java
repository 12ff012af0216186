package io.spillway.rewrite;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.format.v1.BatchTable;
import io.spillway.format.v1.ObjectIndex.Block;
import io.spillway.format.v1.ObjectWriter;
import io.spillway.stream.StoredBatch;
import io.spillway.stream.StreamRewriter.BatchFilter;
import io.spillway.upload.ObjectBody;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Writes one new object out of extents of others: batch by batch, verbatim or as a filter says,
 * each block checked before it is used. One request at a time, each of them paced. Runs on one
 * scheduler. An object that is not finished is nobody's: the sweep finds it (P21).
 */
public final class ObjectRewrite {

  /** How the object is made. */
  public record Shape(int blockBytes, long partBytes, long chunkMemory) {}

  private final StoreAccess access;
  private final String key;
  private final long birth;
  private final ObjectWriter writer;
  private final ObjectBody body;
  private final ExtentReader reader;
  private final List<Extent> extents;
  private final @Nullable BatchFilter filter;
  private @Nullable StreamId stream;
  private boolean changed;

  /**
   * What was stored.
   *
   * @param newExtents one per stream, ascending
   */
  public record Rewritten(ObjectRef object, List<Extent> newExtents) {}

  /**
   * @param key of the new object
   * @param extents ascending by stream and offset, those of one stream adjacent
   * @param objects what the extents are in, by key
   * @param filter null: verbatim; else of one stream only
   */
  public ObjectRewrite(
      StoreAccess access,
      String key,
      long birth,
      List<Extent> extents,
      Map<String, ObjectRef> objects,
      Shape shape,
      @Nullable BatchFilter filter) {
    this.access = access;
    this.key = key;
    this.birth = birth;
    this.extents = extents;
    this.filter = filter;
    this.writer = new ObjectWriter(shape.blockBytes());
    long bytes = extents.stream().mapToLong(Extent::sizeBytes).sum();
    this.body =
        new ObjectBody(
            access.store(), access.retrier(), key, shape.partBytes(), bytes > shape.partBytes());
    this.reader = new ExtentReader(access, extents, objects, shape.chunkMemory(), new Writing());
  }

  /**
   * Starts. Completes on the scheduler, with nothing when the filter left a single extent as it
   * was: then there is no new object. Fails with {@link Unreadable} when a source is damaged.
   */
  public CompletableFuture<Optional<Rewritten>> run() {
    return reader
        .run()
        .thenCompose(done -> finish())
        .whenComplete(
            (written, failure) -> {
              body.release();
              if (failure != null) {
                body.abort();
              }
            });
  }

  /** Ends it from outside. */
  public void abandon() {
    reader.abandon("object " + key + " abandoned");
  }

  private CompletableFuture<Optional<Rewritten>> finish() {
    if (filter != null && !changed && extents.size() == 1) {
      body.abort();
      return CompletableFuture.completedFuture(Optional.empty());
    }
    ObjectWriter.Finished written = writer.finish(key);
    body.add(written.tail());
    return sendRest(written)
        .thenApply(
            sent ->
                Optional.of(
                    new Rewritten(
                        new ObjectRef(key, birth, written.objectBytes(), written.indexPosition()),
                        written.extents())));
  }

  private CompletableFuture<Void> sendRest(ObjectWriter.Finished written) {
    boolean inParts = body.hasFullPart();
    CompletableFuture<Void> sent =
        access
            .pacer()
            .permit(body.nextBytes())
            .thenCompose(
                permitted -> inParts ? body.sendPart() : body.sendLast(written.objectBytes()));
    return inParts ? sent.thenCompose(done -> sendRest(written)) : sent;
  }

  static StoredBatch batch(BatchTable batches, int i, ByteBuffer block) {
    return new StoredBatch(
        batches.baseOffset(i),
        batches.endOffset(i),
        batches.maxTimestampMs(i),
        batches.flags(i),
        block.slice(block.position() + batches.position(i), batches.sizeBytes(i)));
  }

  private final class Writing implements ExtentReader.Sink {

    @Override
    public @Nullable CompletableFuture<Void> busy() {
      return body.hasFullPart()
          ? access.pacer().permit(body.nextBytes()).thenCompose(permitted -> body.sendPart())
          : null;
    }

    @Override
    public void onBlock(Extent extent, Block block, ByteBuffer bytes) {
      if (!extent.stream().equals(stream)) {
        stream = extent.stream();
        writer.beginRange(extent.stream(), extent.baseOffset());
      }
      BatchTable batches = block.batches();
      for (int i = 0; i < batches.count(); i++) {
        StoredBatch batch = batch(batches, i, bytes);
        StoredBatch kept = filter == null ? batch : filtered(filter, batch);
        if (kept != null) {
          append(extent.stream(), kept);
        }
      }
      if (filter == null) {
        body.copy(bytes);
      }
    }

    /** A filter that changes nothing returns the very batch. */
    @SuppressWarnings("ReferenceEquality")
    private @Nullable StoredBatch filtered(BatchFilter by, StoredBatch batch) {
      Extent last = extents.get(extents.size() - 1);
      boolean isLast = batch.endOffset() == last.endOffset();
      StoredBatch kept = by.filter(batch, isLast);
      changed |= kept != batch;
      if (isLast && (kept == null || kept.endOffset() != batch.endOffset())) {
        throw new IllegalStateException(
            "the last batch of a range has to stay: expected end offset %d, found %s, stream=%s"
                .formatted(batch.endOffset(), kept, last.stream()));
      }
      return kept;
    }

    private void append(StreamId to, StoredBatch batch) {
      writer.append(
          to,
          batch.baseOffset(),
          batch.endOffset(),
          batch.maxTimestampMs(),
          batch.flags(),
          batch.bytes());
      if (filter != null) {
        body.copy(batch.bytes());
      }
    }
  }
}
