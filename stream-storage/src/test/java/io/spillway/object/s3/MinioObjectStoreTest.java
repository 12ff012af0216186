package io.spillway.object.s3;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreContract;
import io.spillway.object.ObjectStores;
import io.spillway.object.StoreCredentials;
import io.spillway.object.StoreProbe;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.MinIOContainer;

/** The contract against MinIO, where a container engine can run it. */
@Tag("full")
@Timeout(300)
class MinioObjectStoreTest extends ObjectStoreContract {

  private static final String BUCKET = "contract";
  private static @Nullable MinIOContainer minio;
  private static int stores;

  private final SystemThreads threads =
      new SystemThreads(
          "minio-test",
          new SystemClock(),
          (part, cause) -> {
            throw new IllegalStateException(part, cause);
          });

  @BeforeAll
  static void startMinio() throws Exception {
    if (!DockerClientFactory.instance().isDockerAvailable()) {
      return; // each test is skipped by itself, so that a report shows it
    }
    MinIOContainer started = new MinIOContainer("minio/minio:RELEASE.2025-04-22T22-12-26Z");
    minio = started;
    started.start();
    started.execInContainer("mkdir", "-p", "/data/" + BUCKET);
  }

  @AfterAll
  static void stopMinio() {
    if (minio != null) {
      minio.stop();
    }
  }

  @AfterEach
  void endThreads() {
    threads.close();
  }

  @Override
  protected ObjectStore newStore() {
    MinIOContainer running = minio;
    Assumptions.assumeTrue(running != null, "there is no container engine here");
    Objects.requireNonNull(running);
    return ObjectStores.open(
        "s3://%s/store-%d?endpoint=%s".formatted(BUCKET, ++stores, running.getS3URL()),
        Optional.of(
            new StoreCredentials(running.getUserName(), running.getPassword(), Optional.empty())),
        threads);
  }

  /** S3 takes no smaller parts. */
  @Override
  protected int partBytes() {
    return 5 << 20;
  }

  @Test
  void theProbeAcceptsIt() {
    try (ObjectStore store = newStore()) {
      await(StoreProbe.run(store, "probe/", threads.newScheduler("probe"), new SystemRandom()));
    }
  }
}
