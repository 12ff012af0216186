package io.spillway.upload;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.Multipart;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of one object on their way into the store: one put, or parts of one size. Holds the
 * part that is being filled and the one that is being sent. An object that is not finished is
 * nobody's: the sweep finds it. Runs on the retrier's scheduler alone.
 */
public final class ObjectBody {

  private final ObjectStore store;
  private final Retrier retrier;
  private final String key;
  private final long partBytes;
  private final boolean inParts;
  private ObjectPart part = new ObjectPart();
  private int partsSent;
  private @Nullable Multipart multipart;
  private boolean sending;

  /**
   * @param partBytes of every part but the last
   * @param inParts false: everything goes up in one put, and is held until then
   */
  public ObjectBody(
      ObjectStore store, Retrier retrier, String key, long partBytes, boolean inParts) {
    this.store = store;
    this.retrier = retrier;
    this.key = key;
    this.partBytes = partBytes;
    this.inParts = inParts;
  }

  /** The part that is being filled. */
  ObjectPart part() {
    return part;
  }

  /** Adds a copy of the bytes, whose position does not move. */
  public void copy(ByteBuffer bytes) {
    part.copy(bytes);
  }

  /** Adds bytes that nobody changes any more. */
  public void add(ByteBuffer bytes) {
    part.add(bytes);
  }

  /** Whether a part has to be sent before more is added. */
  public boolean hasFullPart() {
    return inParts && part.sizeBytes() > partBytes;
  }

  /** Whether something is on its way: nothing else may be sent then. */
  public boolean isSending() {
    return sending;
  }

  /** Bytes that the next part, or the rest, will send. */
  public long nextBytes() {
    return inParts ? Math.min(partBytes, part.sizeBytes()) : part.sizeBytes();
  }

  /** Parts are all of one size but the last; what is too much opens the next one. */
  public CompletableFuture<Void> sendPart() {
    ObjectPart toSend = part;
    part = toSend.splitAt(partBytes);
    partsSent++;
    int number = partsSent;
    List<ByteBuffer> body = toSend.body();
    sending = true;
    return multipart()
        .thenCompose(
            upload ->
                retrier.untilDone(
                    "part " + number + " of " + key, () -> upload.uploadPart(number, body)))
        .whenComplete(
            (done, failure) -> {
              toSend.release();
              sending = false;
            });
  }

  private CompletableFuture<Multipart> multipart() {
    Multipart started = multipart;
    if (started != null) {
      return CompletableFuture.completedFuture(started);
    }
    return retrier
        .untilDone("start " + key, () -> store.startMultipart(key, (int) partBytes))
        .thenApply(
            upload -> {
              multipart = upload;
              return upload;
            });
  }

  /**
   * Sends the rest; then the object is there.
   *
   * @param objectBytes of the whole object
   */
  public CompletableFuture<Void> sendLast(long objectBytes) {
    ObjectPart lastPart = part;
    part = new ObjectPart();
    List<ByteBuffer> last = lastPart.body();
    Multipart upload = multipart;
    sending = true;
    CompletableFuture<Void> stored =
        upload == null
            ? retrier.untilDone("put " + key, () -> store.put(key, last))
            : retrier
                .untilDone("last part of " + key, () -> upload.uploadPart(partsSent + 1, last))
                .thenCompose(
                    done ->
                        retrier.untilDone("complete " + key, () -> completed(upload, objectBytes)));
    return stored.whenComplete(
        (done, failure) -> {
          lastPart.release();
          sending = false;
        });
  }

  /** A repeat finds no upload any more when the first try, thought lost, had worked. */
  private CompletableFuture<Void> completed(Multipart upload, long objectBytes) {
    return upload
        .complete()
        .handle(
            (done, failure) ->
                failure == null
                    ? CompletableFuture.<Void>completedFuture(null)
                    : store
                        .head(key)
                        .thenCompose(
                            info ->
                                info.isPresent() && info.get().sizeBytes() == objectBytes
                                    ? CompletableFuture.<Void>completedFuture(null)
                                    : CompletableFuture.<Void>failedFuture(failure)))
        .thenCompose(each -> each);
  }

  /** Gives an object up that was begun in parts; if that fails, the sweep finds it. */
  public void abort() {
    Multipart started = multipart;
    if (started != null) {
      started.abort();
    }
  }

  /** Lets go of what is not being sent. */
  public void release() {
    part.release();
  }
}
