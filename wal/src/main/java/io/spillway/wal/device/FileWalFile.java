package io.spillway.wal.device;

import io.spillway.wal.WalConfig;
import io.spillway.wal.device.WalDevice.Completion;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * A segment file on the file system.
 *
 * <p>Buffered writes and their force are one critical section: the kernel reports a failed
 * write-back to one force only, and it must be the force of the write that it concerns. After any
 * failure the file refuses further writes, because a later force may succeed without having written
 * what failed (P28).
 */
final class FileWalFile implements WalFile {

  private static final int ZERO_CHUNK_BYTES = 1 << 20;

  private final FileChannel channel;
  private final long sizeBytes;
  private final boolean direct;
  private final Executor io;
  private final Object bufferedWrites = new Object();
  private volatile String name;
  private volatile @Nullable IOException failure;

  FileWalFile(String name, FileChannel channel, long sizeBytes, boolean direct, Executor io) {
    this.name = name;
    this.channel = channel;
    this.sizeBytes = sizeBytes;
    this.direct = direct;
    this.io = io;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
  }

  @Override
  public void write(long offset, ByteBuffer block, Completion completion) {
    io.execute(() -> complete(completion, () -> writeNow(offset, block)));
  }

  @Override
  public void zero(long offset, int lengthBytes, Completion completion) {
    io.execute(() -> complete(completion, () -> zeroNow(offset, lengthBytes)));
  }

  private interface Write {
    void run() throws IOException;
  }

  private static void complete(Completion completion, Write write) {
    IOException outcome = null;
    try {
      write.run();
    } catch (IOException e) {
      outcome = e;
    } catch (Throwable t) {
      outcome = new IOException("write failed: " + t, t);
    }
    completion.onComplete(outcome);
  }

  private void zeroNow(long offset, int lengthBytes) throws IOException {
    int chunk = Math.min(lengthBytes, ZERO_CHUNK_BYTES);
    AlignedMemory zeros = AlignedMemory.allocate(chunk, true);
    try {
      for (long at = offset; at < offset + lengthBytes; at += chunk) {
        int bytes = (int) Math.min(chunk, offset + lengthBytes - at);
        zeroNow(at, zeros.buffer().slice(0, bytes));
      }
    } finally {
      zeros.free();
    }
  }

  /**
   * Zeros that found no space cost nothing that was there: they may be tried again, and the file is
   * as good as before. A force that finds none may have lost any page, so that ends the file.
   */
  private void zeroNow(long offset, ByteBuffer zeros) throws IOException {
    if (direct) {
      requireNotFailed();
      zeroAll(offset, zeros);
    } else {
      synchronized (bufferedWrites) {
        requireNotFailed();
        zeroAll(offset, zeros);
        failing(() -> channel.force(false));
      }
    }
  }

  private void zeroAll(long offset, ByteBuffer zeros) throws IOException {
    try {
      writeAll(offset, zeros);
    } catch (IOException e) {
      if (!WalDevice.isOutOfSpace(e)) {
        failure = e;
      }
      throw e;
    }
  }

  @Override
  public void writeNow(long offset, ByteBuffer block) throws IOException {
    requireAligned(offset, block);
    if (direct) {
      requireNotFailed();
      failing(() -> writeAll(offset, block));
    } else {
      synchronized (bufferedWrites) {
        requireNotFailed();
        failing(
            () -> {
              writeAll(offset, block);
              channel.force(false);
            });
      }
    }
  }

  /** After a failure nothing more is written to this file (P28). */
  private void failing(Write write) throws IOException {
    try {
      write.run();
    } catch (IOException e) {
      failure = e;
      throw e;
    }
  }

  private void writeAll(long offset, ByteBuffer block) throws IOException {
    ByteBuffer source = block.duplicate();
    long at = offset;
    while (source.hasRemaining()) {
      at += channel.write(source, at);
    }
  }

  private void requireNotFailed() throws IOException {
    IOException earlier = failure;
    if (earlier != null) {
      throw new IOException(
          "an earlier write to " + name + " failed: " + earlier.getMessage(), earlier);
    }
  }

  @Override
  public void read(long offset, ByteBuffer target) throws IOException {
    long at = offset;
    while (target.hasRemaining()) {
      int read = channel.read(target, at);
      if (read < 0) {
        throw new EOFException(name + " ends at " + sizeBytes + ", wanted byte " + at);
      }
      at += read;
    }
  }

  @Override
  public void force() throws IOException {
    channel.force(false);
  }

  void renamed(String newName) {
    name = newName;
  }

  void close() throws IOException {
    channel.close();
  }

  private static void requireAligned(long offset, ByteBuffer block) {
    if (offset % WalConfig.ALIGNMENT_BYTES != 0
        || block.remaining() % WalConfig.ALIGNMENT_BYTES != 0) {
      throw new IllegalArgumentException(
          "write of " + block.remaining() + " bytes at " + offset + " is not aligned");
    }
  }
}
