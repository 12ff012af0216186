package io.spillway.object.s3;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStores;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemThreads;
import java.nio.ByteBuffer;
import java.util.List;

/** Puts an object and reads it back, in a JVM whose hosts file knows the buckets' names. */
final class VirtualHostClient {

  private VirtualHostClient() {}

  public static void main(String[] arguments) {
    try (SystemThreads threads =
            new SystemThreads(
                "client",
                new SystemClock(),
                (part, cause) -> {
                  throw new IllegalStateException(part, cause);
                });
        ObjectStore store = ObjectStores.open(arguments[0], S3Server.credentials(), threads)) {
      store.put("some/key", List.of(ByteBuffer.wrap(new byte[5]))).join();
      System.out.println("read " + store.getRange("some/key", 0, 10).join().remaining());
    }
  }
}
