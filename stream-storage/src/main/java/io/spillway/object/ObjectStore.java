package io.spillway.object;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Immutable objects under keys. Keys are {@code /}-separated printable ASCII without a leading
 * slash ({@link ObjectKeys}); no key is at the same time the folder of another. Strongly
 * consistent: a read or a list that begins after a write completed sees it (the start-up probe
 * checks).
 *
 * <p>Every method returns at once. Failures complete the future with an {@link
 * ObjectStoreException}, whose kind says what the caller does. Completions run on the store's own
 * threads and must not block. Buffers passed in are read until the future completes and are not
 * changed; buffers handed out belong to the caller.
 */
public interface ObjectStore extends AutoCloseable {

  /** Writes the whole object, replacing one of that key. Atomic: never half an object. */
  CompletableFuture<Void> put(String key, List<ByteBuffer> body);

  /**
   * Creates the object if the key is free. An {@link ObjectStoreException.Ambiguous} failure
   * decides nothing: the object may exist, or may come to exist later (P5).
   */
  CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body);

  /**
   * Reads {@code length} bytes from {@code position}; fewer only at the end of the object. Fails
   * with {@link ObjectStoreException.NotFound} when there is no such object.
   */
  CompletableFuture<ByteBuffer> getRange(String key, long position, int length);

  /**
   * As {@link #getRange(String, long, int)}, into the caller's memory: fills the buffers one after
   * the other; fewer bytes come only at the end of the object.
   *
   * @param into not to be touched until the future completes; nothing is written after that. Direct
   *     buffers of whole aligned pages may be read into without a copy
   * @return how many bytes were read
   */
  default CompletableFuture<Integer> getRange(String key, long position, List<ByteBuffer> into) {
    int length = Math.toIntExact(Buffers.size(into));
    return getRange(key, position, length).thenApply(bytes -> Buffers.fill(into, bytes));
  }

  /** Size of the object, or empty when there is none. */
  CompletableFuture<Optional<ObjectInfo>> head(String key);

  /**
   * At most {@code limit} objects whose key starts with {@code prefix} and sorts after {@code
   * startAfter} (empty: from the start), in ascending order of key bytes.
   */
  CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit);

  /** Deletes the object; succeeds when there is none. */
  CompletableFuture<Void> delete(String key);

  /**
   * Starts an object too large for one {@link #put}. Nothing is visible until it is completed.
   *
   * @param partSizeBytes of every part but the last, which may be smaller; some S3-compatible
   *     stores demand equal parts, and files are written in place this way
   */
  CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes);

  /**
   * Keys under the prefix whose uploads were started and neither completed nor aborted, as far as
   * they outlive the process that started them or are this process's own.
   */
  CompletableFuture<List<String>> listMultiparts(String prefix);

  /** Aborts every unfinished upload of the key. */
  CompletableFuture<Void> abortMultiparts(String key);

  /** Waits for requests under way, then frees what the store holds. Idempotent. */
  @Override
  void close();

  /** What a conditional create came to. */
  enum PutIfAbsent {
    /** The object is this call's. */
    CREATED,
    /** There was an object of that key before (412): maybe one's own, from an ambiguous try. */
    EXISTS,
    /** Another create of that key is under way (409): try again. */
    CONFLICT
  }

  /**
   * @param key of the object
   * @param sizeBytes of its body
   */
  record ObjectInfo(String key, long sizeBytes) {}

  /** An object under construction. Parts are numbered from 1; all but the last ≥ 5 MiB. */
  interface Multipart {
    /** Stores a part, replacing an earlier try of that number. In any order, several at once. */
    CompletableFuture<Void> uploadPart(int partNumber, List<ByteBuffer> body);

    /** Makes the object of parts 1 to n visible, atomically. */
    CompletableFuture<Void> complete();

    CompletableFuture<Void> abort();
  }
}
