package io.spillway.engine;

import io.spillway.format.v1.ObjectWriter;
import io.spillway.merge.MergeConfig;
import io.spillway.read.ReadConfig;
import io.spillway.rewrite.RewriteConfig;
import io.spillway.upload.UploadLimits;
import java.util.concurrent.TimeUnit;

/**
 * What storage may use, and when it uploads.
 *
 * @param nodeId of this broker
 * @param uploadBytes an upload begins when as many bytes wait in the WAL
 * @param uploadIntervalMs or when the oldest has waited as long
 * @param walFillUploadPercent or when the WAL is as full
 * @param uploadBufferBytes memory that uploads may hold
 * @param minPartBytes of a multipart object but its last part: what the store takes, S3 5 MiB
 * @param objectBlockBytes of a block in an object: what one read gets at least, under one CRC
 * @param tailCacheBytes memory for the newest WAL blocks: tail reads and uploads
 * @param blockCacheBytes memory for blocks of objects: catch-up reads
 * @param indexCacheBytes memory for indexes of objects
 * @param readBufferBytes memory for reads under way: three quarters for objects, what is fetched
 *     ahead included, and one for what is read back from the WAL, which a bucket that does not
 *     answer must not keep waiting
 * @param maxReadAheadBytes how far to be ahead of a sequential reader, and the most of one GET
 * @param readThreads that check and cut what was read
 * @param drainPollMs how often to look whether a stream's previous writer has been drained
 * @param sweepIntervalMs how often to look for orphaned objects, as long as there are uploads; an
 *     object has to be seen unreferenced twice, so this is also the least grace it gets; it must be
 *     longer than any merge, {@code fanIn * largeBytes} read and written, or brokers take each
 *     other's for orphans and begin them again and again
 * @param readRequests GETs of reads under way at once
 * @param merge what merging may use
 * @param rewrite what compaction may use
 */
public record EngineConfig(
    int nodeId,
    long uploadBytes,
    long uploadIntervalMs,
    int walFillUploadPercent,
    long uploadBufferBytes,
    int minPartBytes,
    int objectBlockBytes,
    long tailCacheBytes,
    long blockCacheBytes,
    long indexCacheBytes,
    long readBufferBytes,
    int maxReadAheadBytes,
    int readThreads,
    long drainPollMs,
    long sweepIntervalMs,
    int readRequests,
    MergeConfig merge,
    RewriteConfig rewrite) {

  private static final long MIB = 1024 * 1024;

  public EngineConfig {
    require(nodeId >= 0, "nodeId", nodeId);
    require(uploadBytes > 0, "uploadBytes", uploadBytes);
    require(uploadIntervalMs > 0, "uploadIntervalMs", uploadIntervalMs);
    require(
        walFillUploadPercent > 0 && walFillUploadPercent <= 100,
        "walFillUploadPercent",
        walFillUploadPercent);
    require(uploadBufferBytes > 0, "uploadBufferBytes", uploadBufferBytes);
    require(minPartBytes > 0, "minPartBytes", minPartBytes);
    require(objectBlockBytes > 0, "objectBlockBytes", objectBlockBytes);
    require(tailCacheBytes >= 0, "tailCacheBytes", tailCacheBytes);
    require(blockCacheBytes >= 0, "blockCacheBytes", blockCacheBytes);
    require(indexCacheBytes >= 0, "indexCacheBytes", indexCacheBytes);
    require(readBufferBytes > 0, "readBufferBytes", readBufferBytes);
    require(maxReadAheadBytes > 0, "maxReadAheadBytes", maxReadAheadBytes);
    require(readThreads > 0, "readThreads", readThreads);
    require(drainPollMs > 0, "drainPollMs", drainPollMs);
    require(sweepIntervalMs > 0, "sweepIntervalMs", sweepIntervalMs);
    require(readRequests > 0, "readRequests", readRequests);
  }

  public static EngineConfig defaults(int nodeId) {
    return new EngineConfig(
        nodeId,
        48 * MIB,
        TimeUnit.MINUTES.toMillis(1),
        50,
        128 * MIB,
        (int) (5 * MIB),
        ObjectWriter.DEFAULT_BLOCK_BYTES,
        128 * MIB,
        64 * MIB,
        16 * MIB,
        64 * MIB,
        (int) (4 * MIB),
        2,
        1000,
        TimeUnit.HOURS.toMillis(1),
        16,
        MergeConfig.defaults(),
        RewriteConfig.defaults());
  }

  /** A configuration that differs from this one in some respects. */
  public Builder toBuilder() {
    return new Builder(this);
  }

  public EngineConfig withUploads(long bytes, long intervalMs) {
    return toBuilder().uploadBytes(bytes).uploadIntervalMs(intervalMs).build();
  }

  public EngineConfig withCaches(long tailBytes, long blockBytes, long indexBytes) {
    return toBuilder()
        .tailCacheBytes(tailBytes)
        .blockCacheBytes(blockBytes)
        .indexCacheBytes(indexBytes)
        .build();
  }

  public EngineConfig withSweepInterval(long intervalMs) {
    return toBuilder().sweepIntervalMs(intervalMs).build();
  }

  public EngineConfig withMerging(MergeConfig merging) {
    return toBuilder().merge(merging).build();
  }

  ReadConfig reads() {
    return new ReadConfig(
        objectBlockBytes,
        readBufferBytes - readBackBytes(),
        blockCacheBytes,
        indexCacheBytes,
        maxReadAheadBytes,
        readRequests);
  }

  long readBackBytes() {
    return Math.max(1, readBufferBytes / 4);
  }

  UploadLimits uploadLimits(long walCapacityBytes) {
    return new UploadLimits(
        uploadBytes,
        TimeUnit.MILLISECONDS.toNanos(uploadIntervalMs),
        walFillUploadPercent,
        walCapacityBytes,
        uploadBufferBytes,
        minPartBytes,
        objectBlockBytes);
  }

  private static void require(boolean condition, String name, long value) {
    if (!condition) {
      throw new IllegalArgumentException("storage setting " + name + " cannot be " + value);
    }
  }

  /** Makes a configuration; its methods are called as the components. */
  public static final class Builder {
    private final int nodeId;
    private long uploadBytes;
    private long uploadIntervalMs;
    private int walFillUploadPercent;
    private long uploadBufferBytes;
    private int minPartBytes;
    private int objectBlockBytes;
    private long tailCacheBytes;
    private long blockCacheBytes;
    private long indexCacheBytes;
    private long readBufferBytes;
    private int maxReadAheadBytes;
    private int readThreads;
    private long drainPollMs;
    private long sweepIntervalMs;
    private int readRequests;
    private MergeConfig merge;
    private RewriteConfig rewrite;

    private Builder(EngineConfig config) {
      this.nodeId = config.nodeId;
      this.uploadBytes = config.uploadBytes;
      this.uploadIntervalMs = config.uploadIntervalMs;
      this.walFillUploadPercent = config.walFillUploadPercent;
      this.uploadBufferBytes = config.uploadBufferBytes;
      this.minPartBytes = config.minPartBytes;
      this.objectBlockBytes = config.objectBlockBytes;
      this.tailCacheBytes = config.tailCacheBytes;
      this.blockCacheBytes = config.blockCacheBytes;
      this.indexCacheBytes = config.indexCacheBytes;
      this.readBufferBytes = config.readBufferBytes;
      this.maxReadAheadBytes = config.maxReadAheadBytes;
      this.readThreads = config.readThreads;
      this.drainPollMs = config.drainPollMs;
      this.sweepIntervalMs = config.sweepIntervalMs;
      this.readRequests = config.readRequests;
      this.merge = config.merge;
      this.rewrite = config.rewrite;
    }

    public Builder uploadBytes(long value) {
      uploadBytes = value;
      return this;
    }

    public Builder uploadIntervalMs(long value) {
      uploadIntervalMs = value;
      return this;
    }

    public Builder walFillUploadPercent(int value) {
      walFillUploadPercent = value;
      return this;
    }

    public Builder uploadBufferBytes(long value) {
      uploadBufferBytes = value;
      return this;
    }

    public Builder minPartBytes(int value) {
      minPartBytes = value;
      return this;
    }

    public Builder objectBlockBytes(int value) {
      objectBlockBytes = value;
      return this;
    }

    public Builder tailCacheBytes(long value) {
      tailCacheBytes = value;
      return this;
    }

    public Builder blockCacheBytes(long value) {
      blockCacheBytes = value;
      return this;
    }

    public Builder indexCacheBytes(long value) {
      indexCacheBytes = value;
      return this;
    }

    public Builder readBufferBytes(long value) {
      readBufferBytes = value;
      return this;
    }

    public Builder maxReadAheadBytes(int value) {
      maxReadAheadBytes = value;
      return this;
    }

    public Builder readThreads(int value) {
      readThreads = value;
      return this;
    }

    public Builder drainPollMs(long value) {
      drainPollMs = value;
      return this;
    }

    public Builder sweepIntervalMs(long value) {
      sweepIntervalMs = value;
      return this;
    }

    public Builder readRequests(int value) {
      readRequests = value;
      return this;
    }

    public Builder merge(MergeConfig value) {
      merge = value;
      return this;
    }

    public Builder rewrite(RewriteConfig value) {
      rewrite = value;
      return this;
    }

    public EngineConfig build() {
      return new EngineConfig(
          nodeId,
          uploadBytes,
          uploadIntervalMs,
          walFillUploadPercent,
          uploadBufferBytes,
          minPartBytes,
          objectBlockBytes,
          tailCacheBytes,
          blockCacheBytes,
          indexCacheBytes,
          readBufferBytes,
          maxReadAheadBytes,
          readThreads,
          drainPollMs,
          sweepIntervalMs,
          readRequests,
          merge,
          rewrite);
    }
  }
}
