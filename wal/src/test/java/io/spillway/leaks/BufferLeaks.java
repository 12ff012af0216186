package io.spillway.leaks;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.PooledByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakDetectorFactory;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Fails a test class that leaks a buffer of Netty's. JUnit finds it in every module whose tests see
 * this one's. After each class it leaks a buffer on purpose: as long as that is not reported,
 * neither would another be.
 */
public final class BufferLeaks implements BeforeAllCallback, AfterAllCallback {

  private static final int MAX_COLLECTIONS = 200;

  private static final List<String> LEAKS = new CopyOnWriteArrayList<>();
  private static final AtomicInteger CONTROLS = new AtomicInteger();

  static {
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
    ResourceLeakDetectorFactory.setResourceLeakDetectorFactory(
        new ResourceLeakDetectorFactory() {
          @Override
          @Deprecated
          @SuppressWarnings("deprecation") // the one abstract method of the factory
          public <T> ResourceLeakDetector<T> newResourceLeakDetector(
              Class<T> resource, int samplingInterval, long maxActive) {
            return new Recording<>(resource, samplingInterval);
          }
        });
  }

  private static final class Recording<T> extends ResourceLeakDetector<T> {
    Recording(Class<T> resource, int samplingInterval) {
      super(resource, samplingInterval);
    }

    @Override
    protected boolean needReport() {
      return true;
    }

    @Override
    protected void reportTracedLeak(String resourceType, String records) {
      LEAKS.add(resourceType + records);
    }

    @Override
    protected void reportUntracedLeak(String resourceType) {
      LEAKS.add(resourceType);
    }
  }

  /** Is in place before the first class of Netty's is. */
  @Override
  public void beforeAll(ExtensionContext context) {}

  @Override
  public void afterAll(ExtensionContext context) throws InterruptedException {
    String control = "leaked on purpose, " + CONTROLS.incrementAndGet();
    leak(control);
    boolean reported = false;
    for (int i = 0; i < MAX_COLLECTIONS && !reported; i++) {
      collect();
      reported = LEAKS.removeIf(leak -> leak.contains(control));
    }
    assertThat(reported).as("leaks are seen").isTrue();
    collect(); // what the collection that found it found besides
    List<String> leaks = List.copyOf(LEAKS);
    LEAKS.clear();
    assertThat(leaks).as("buffers that were never released").isEmpty();
  }

  private static void leak(String hint) {
    PooledByteBufAllocator.DEFAULT.directBuffer(1).touch(hint);
  }

  /** What was leaked is unreachable now: collected, it shows up at the next allocations. */
  private static void collect() throws InterruptedException {
    System.gc();
    Thread.sleep(1); // another thread hands over what was collected
    PooledByteBufAllocator.DEFAULT.directBuffer(1).release();
  }
}
