package io.spillway.object.s3;

import io.spillway.object.ObjectKeys;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.StoreCredentials;
import io.spillway.runtime.Threads;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;

/**
 * A bucket, or the keys of one that begin with a prefix, over the S3 protocol.
 *
 * <p>One request is one attempt: repeats, and how many requests run at once, are for {@link
 * io.spillway.object.RetryingObjectStore}. An attempt is given 20 s and a second for each MiB it
 * moves. Bodies carry a CRC32C, unless the location says otherwise; what is read is checked by
 * whoever reads it, down to the block.
 *
 * <p>Memory: what a connection has in flight of a body is copied, 64 KiB at a time; a range that is
 * read takes its own size.
 */
public final class S3ObjectStore implements ObjectStore {

  private static final int PAGE = 1_000;
  private static final int COMPLETION_THREADS = 4;
  private static final Duration BASE_TIMEOUT = Duration.ofSeconds(20);

  private final S3Location location;
  private final S3Requests requests;
  private final S3AsyncClient client;

  private S3ObjectStore(S3Requests requests) {
    this.requests = requests;
    this.location = requests.location();
    this.client = requests.client();
  }

  /**
   * Sends nothing yet.
   *
   * @throws ObjectStoreException.Refused when no client can be made of it: no region, a CA file
   *     without certificates
   */
  public static S3ObjectStore open(
      S3Location location, Optional<StoreCredentials> credentials, Threads threads) {
    return open(location, credentials, threads, BASE_TIMEOUT);
  }

  /** With another time that an attempt is given. */
  static S3ObjectStore open(
      S3Location location,
      Optional<StoreCredentials> credentials,
      Threads threads,
      Duration baseTimeout) {
    Executor completions = threads.newPool("s3", COMPLETION_THREADS);
    S3Credentials keys =
        S3Credentials.of(
            location, credentials, threads.newPool("s3-credentials", 1), threads.clock());
    return new S3ObjectStore(
        new S3Requests(location, baseTimeout, S3Connection.open(location, keys, completions)));
  }

  private String inBucket(String key) {
    return location.prefix() + key;
  }

  private String fromBucket(String bucketKey) {
    return bucketKey.substring(location.prefix().length());
  }

  @Override
  public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
    BufferBody bytes = new BufferBody(body);
    PutObjectRequest request = putRequest(key, bytes).build();
    return requests.send(
        new S3Requests.Kind("put " + key, true, bytes),
        () -> client.putObject(request, bytes),
        answer -> null,
        failure -> null);
  }

  @Override
  public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
    BufferBody bytes = new BufferBody(body);
    PutObjectRequest request = putRequest(key, bytes).ifNoneMatch("*").build();
    return requests.send(
        new S3Requests.Kind("create " + key, false, bytes),
        () -> client.putObject(request, bytes),
        answer -> PutIfAbsent.CREATED,
        failure ->
            switch (S3Errors.statusOf(failure)) {
              case S3Errors.PRECONDITION_FAILED -> PutIfAbsent.EXISTS;
              case S3Errors.CONFLICT -> PutIfAbsent.CONFLICT;
              default -> null;
            });
  }

  private PutObjectRequest.Builder putRequest(String key, BufferBody bytes) {
    return PutObjectRequest.builder()
        .bucket(location.bucket())
        .key(inBucket(ObjectKeys.requireValid(key)))
        .contentLength(bytes.sizeBytes())
        .checksumCRC32C(location.checksums() ? bytes.crc32c() : null)
        .overrideConfiguration(requests.timeout(bytes.sizeBytes()));
  }

  @Override
  public CompletableFuture<ByteBuffer> getRange(String key, long position, int length) {
    ObjectKeys.requireValid(key);
    if (position < 0 || length < 0) {
      throw new IllegalArgumentException("position=" + position + " length=" + length);
    }
    if (length == 0) {
      return head(key).thenApply(info -> nothingOf(key, info));
    }
    String what = "get " + key;
    String range = "bytes=" + position + "-" + (position + length - 1);
    return requests.send(
        new S3Requests.Kind(what, true, null),
        () ->
            client.getObject(
                get ->
                    get.bucket(location.bucket())
                        .key(inBucket(key))
                        .range(range)
                        .overrideConfiguration(requests.timeout(length)),
                new RangeSink(what, length)),
        bytes -> bytes,
        failure ->
            S3Errors.statusOf(failure) == S3Errors.RANGE_NOT_SATISFIABLE
                ? ByteBuffer.allocate(0)
                : null);
  }

  private static ByteBuffer nothingOf(String key, Optional<ObjectInfo> info) {
    if (info.isEmpty()) {
      throw new ObjectStoreException.NotFound("no object " + key);
    }
    return ByteBuffer.allocate(0);
  }

  @Override
  public CompletableFuture<Optional<ObjectInfo>> head(String key) {
    ObjectKeys.requireValid(key);
    return requests.send(
        new S3Requests.Kind("head " + key, true, null),
        () ->
            client.headObject(
                head ->
                    head.bucket(location.bucket())
                        .key(inBucket(key))
                        .overrideConfiguration(requests.timeout(0))),
        answer -> Optional.of(new ObjectInfo(key, answer.contentLength())),
        failure ->
            S3Errors.statusOf(failure) == S3Errors.NOT_FOUND ? Optional.<ObjectInfo>empty() : null);
  }

  @Override
  public CompletableFuture<List<ObjectInfo>> list(String prefix, String startAfter, int limit) {
    return listMore(prefix, startAfter, limit, new ArrayList<>());
  }

  private CompletableFuture<List<ObjectInfo>> listMore(
      String prefix, String startAfter, int limit, List<ObjectInfo> found) {
    int page = Math.min(PAGE, limit - found.size());
    return requests
        .send(
            "list " + prefix,
            () ->
                client.listObjectsV2(
                    list ->
                        list.bucket(location.bucket())
                            .prefix(inBucket(prefix))
                            .startAfter(startAfter.isEmpty() ? null : inBucket(startAfter))
                            .maxKeys(page)
                            .overrideConfiguration(requests.timeout(0))),
            answer -> answer)
        .thenCompose(
            answer -> {
              answer
                  .contents()
                  .forEach(each -> found.add(new ObjectInfo(fromBucket(each.key()), each.size())));
              boolean more =
                  Boolean.TRUE.equals(answer.isTruncated()) && !answer.contents().isEmpty();
              return more && found.size() < limit
                  ? listMore(prefix, found.get(found.size() - 1).key(), limit, found)
                  : CompletableFuture.completedFuture(found);
            });
  }

  @Override
  public CompletableFuture<Void> delete(String key) {
    ObjectKeys.requireValid(key);
    return requests.send(
        "delete " + key,
        () ->
            client.deleteObject(
                delete ->
                    delete
                        .bucket(location.bucket())
                        .key(inBucket(key))
                        .overrideConfiguration(requests.timeout(0))),
        answer -> null);
  }

  @Override
  public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
    ObjectKeys.requireValid(key);
    ChecksumAlgorithm checksums = location.checksums() ? ChecksumAlgorithm.CRC32_C : null;
    return requests.send(
        "start upload of " + key,
        () ->
            client.createMultipartUpload(
                start ->
                    start
                        .bucket(location.bucket())
                        .key(inBucket(key))
                        .checksumAlgorithm(checksums)
                        .overrideConfiguration(requests.timeout(0))),
        answer -> new S3Multipart(requests, key, inBucket(key), answer.uploadId()));
  }

  @Override
  public CompletableFuture<List<String>> listMultiparts(String prefix) {
    return uploads(prefix, null, null, new ArrayList<>())
        .thenApply(
            uploads ->
                uploads.stream()
                    .map(upload -> fromBucket(upload.key()))
                    .distinct()
                    .sorted()
                    .toList());
  }

  @Override
  public CompletableFuture<Void> abortMultiparts(String key) {
    ObjectKeys.requireValid(key);
    return uploads(key, null, null, new ArrayList<>())
        .thenCompose(
            uploads ->
                CompletableFuture.allOf(
                    uploads.stream()
                        .filter(upload -> upload.key().equals(inBucket(key)))
                        .map(
                            upload ->
                                S3Multipart.abort(requests, key, upload.key(), upload.uploadId()))
                        .toArray(CompletableFuture<?>[]::new)));
  }

  private CompletableFuture<List<MultipartUpload>> uploads(
      String prefix,
      @Nullable String keyMarker,
      @Nullable String idMarker,
      List<MultipartUpload> found) {
    return requests
        .send(
            "list uploads " + prefix,
            () ->
                client.listMultipartUploads(
                    list ->
                        list.bucket(location.bucket())
                            .prefix(inBucket(prefix))
                            .keyMarker(keyMarker)
                            .uploadIdMarker(idMarker)
                            .overrideConfiguration(requests.timeout(0))),
            answer -> answer)
        .thenCompose(
            answer -> {
              found.addAll(answer.uploads());
              return Boolean.TRUE.equals(answer.isTruncated()) && !answer.uploads().isEmpty()
                  ? uploads(prefix, answer.nextKeyMarker(), answer.nextUploadIdMarker(), found)
                  : CompletableFuture.completedFuture(found);
            });
  }

  /** Waits a moment for requests under way; those that take longer fail. */
  @Override
  public void close() {
    requests.close();
  }

  @Override
  public String toString() {
    return location.toString();
  }
}
