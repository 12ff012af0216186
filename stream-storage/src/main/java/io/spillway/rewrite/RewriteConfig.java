package io.spillway.rewrite;

import java.util.concurrent.TimeUnit;

/**
 * What rewriting at the wish of the layer above may use.
 *
 * @param pace of its requests
 * @param bufferBytes memory: half of it for what is written, a quarter for what is read
 */
public record RewriteConfig(RewritePace pace, long bufferBytes) {

  private static final long MIB = 1024 * 1024;

  public RewriteConfig {
    if (pace.bytesPerSecond() < 1 || pace.requestsPerSecond() < 1 || bufferBytes < 1) {
      throw new IllegalArgumentException("rewrite settings out of range: " + pace + bufferBytes);
    }
  }

  public static RewriteConfig defaults() {
    return new RewriteConfig(
        new RewritePace(32 * MIB, 50, TimeUnit.SECONDS.toMillis(10)), 32 * MIB);
  }
}
