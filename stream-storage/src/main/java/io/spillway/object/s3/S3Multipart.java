package io.spillway.object.s3;

import io.spillway.object.ObjectStore.Multipart;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.services.s3.model.CompletedPart;

/** An upload in parts. Remembers what the store answered for each: completing names them all. */
final class S3Multipart implements Multipart {

  /** The store answers when it has put all parts together. */
  private static final Duration COMPLETE_TIMEOUT = Duration.ofMinutes(5);

  private final S3Requests requests;
  private final String key;
  private final String bucketKey;
  private final String uploadId;
  private final ConcurrentSkipListMap<Integer, CompletedPart> parts = new ConcurrentSkipListMap<>();

  S3Multipart(S3Requests requests, String key, String bucketKey, String uploadId) {
    this.requests = requests;
    this.key = key;
    this.bucketKey = bucketKey;
    this.uploadId = uploadId;
  }

  @Override
  public CompletableFuture<Void> uploadPart(int partNumber, List<ByteBuffer> body) {
    BufferBody bytes = new BufferBody(body);
    @Nullable String checksum = requests.location().checksums() ? bytes.crc32c() : null;
    String what = "part " + partNumber + " of " + key;
    return requests.send(
        new S3Requests.Kind(what, true, bytes),
        () ->
            requests
                .client()
                .uploadPart(
                    part ->
                        part.bucket(requests.location().bucket())
                            .key(bucketKey)
                            .uploadId(uploadId)
                            .partNumber(partNumber)
                            .contentLength(bytes.sizeBytes())
                            .checksumCRC32C(checksum)
                            .overrideConfiguration(requests.timeout(bytes.sizeBytes())),
                    bytes),
        answer -> {
          parts.put(
              partNumber,
              CompletedPart.builder()
                  .partNumber(partNumber)
                  .eTag(answer.eTag())
                  .checksumCRC32C(checksum)
                  .build());
          return null;
        },
        failure -> null);
  }

  @Override
  public CompletableFuture<Void> complete() {
    List<CompletedPart> all = List.copyOf(parts.values());
    return requests.send(
        new S3Requests.Kind("complete " + key, false, null),
        () ->
            requests
                .client()
                .completeMultipartUpload(
                    complete ->
                        complete
                            .bucket(requests.location().bucket())
                            .key(bucketKey)
                            .uploadId(uploadId)
                            .multipartUpload(upload -> upload.parts(all))
                            .overrideConfiguration(S3Requests.timeout(COMPLETE_TIMEOUT))),
        answer -> null,
        failure -> null);
  }

  @Override
  public CompletableFuture<Void> abort() {
    return abort(requests, key, bucketKey, uploadId);
  }

  /** Succeeds when there is no such upload. */
  static CompletableFuture<Void> abort(
      S3Requests requests, String key, String bucketKey, String uploadId) {
    CompletableFuture<Boolean> aborted =
        requests.send(
            new S3Requests.Kind("abort upload of " + key, true, null),
            () ->
                requests
                    .client()
                    .abortMultipartUpload(
                        abort ->
                            abort
                                .bucket(requests.location().bucket())
                                .key(bucketKey)
                                .uploadId(uploadId)
                                .overrideConfiguration(requests.timeout(0))),
            answer -> true,
            failure -> S3Errors.isNoSuchUpload(failure) ? true : null);
    return aborted.thenApply(done -> null);
  }
}
