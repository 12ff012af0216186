package io.spillway.wal.device;

import io.spillway.wal.WalConfig;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Memory that direct I/O accepts. Direct memory is given back by {@link #free}, at once, and not
 * when a garbage collection happens to find it; {@code Unsafe.invokeCleaner} of jdk.unsupported is
 * the one supported way to do so on JDK 17. Where it is missing, freeing just drops the reference.
 */
public final class AlignedMemory {

  private static final @Nullable Cleaner CLEANER = Cleaner.find();

  private final ByteBuffer whole;
  private final ByteBuffer aligned;
  private boolean freed;

  private AlignedMemory(ByteBuffer whole, ByteBuffer aligned) {
    this.whole = whole;
    this.aligned = aligned;
  }

  /**
   * @param bytes a multiple of 4 KiB
   * @param direct false gives heap memory, for devices that are no devices
   */
  public static AlignedMemory allocate(int bytes, boolean direct) {
    if (!direct) {
      ByteBuffer heap = ByteBuffer.allocate(bytes);
      return new AlignedMemory(heap, heap);
    }
    ByteBuffer whole = ByteBuffer.allocateDirect(bytes + WalConfig.ALIGNMENT_BYTES);
    ByteBuffer slice = whole.alignedSlice(WalConfig.ALIGNMENT_BYTES);
    return new AlignedMemory(whole, slice.slice(0, bytes));
  }

  /** The usable memory; one view, shared: set position and limit on duplicates. */
  public ByteBuffer buffer() {
    return aligned;
  }

  /** Bytes really taken. */
  public int sizeBytes() {
    return whole.capacity();
  }

  /** Gives the memory back. Nobody may hold a view any more: using one would be fatal. Once. */
  public void free() {
    if (freed) {
      throw new IllegalStateException("memory of " + sizeBytes() + " bytes was freed before");
    }
    freed = true;
    if (whole.isDirect() && CLEANER != null) {
      CLEANER.clean(whole);
    }
  }

  private record Cleaner(Object unsafe, Method invokeCleaner) {

    static @Nullable Cleaner find() {
      try {
        Class<?> unsafeClass = Class.forName("sun.misc.Unsafe");
        var field = unsafeClass.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        return new Cleaner(
            field.get(null), unsafeClass.getMethod("invokeCleaner", ByteBuffer.class));
      } catch (ReflectiveOperationException | RuntimeException e) {
        return null;
      }
    }

    void clean(ByteBuffer buffer) {
      try {
        invokeCleaner.invoke(unsafe, buffer);
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException("cannot free direct memory", e);
      }
    }
  }
}
