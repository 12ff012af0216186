package io.spillway.upload;

import io.spillway.wal.WalBlock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Buffers in the order of the object, and the blocks that stay in memory for them. */
final class ObjectPart {
  private static final int COPY_CHUNK_BYTES = 64 * 1024;

  private final List<ByteBuffer> buffers = new ArrayList<>();
  private final Set<WalBlock> blocks = Collections.newSetFromMap(new IdentityHashMap<>());
  private long sizeBytes;
  private long heldBytes;
  private @Nullable ByteBuffer chunk;

  long sizeBytes() {
    return sizeBytes;
  }

  /** Memory of the blocks it holds, which may be more than it has of them. */
  long heldBytes() {
    return heldBytes;
  }

  /** The payload is not changed until the part is released. */
  void add(ByteBuffer payload) {
    seal();
    buffers.add(payload);
    sizeBytes += payload.remaining();
  }

  void hold(ByteBuffer payload, WalBlock block) {
    if (blocks.add(block)) {
      heldBytes += block.sizeBytes();
    } else {
      block.release();
    }
    add(payload);
  }

  void copy(ByteBuffer payload) {
    int bytes = payload.remaining();
    ByteBuffer into = chunk;
    if (into == null || into.remaining() < bytes) {
      seal();
      into = ByteBuffer.allocate(Math.max(COPY_CHUNK_BYTES, bytes));
      chunk = into;
    }
    into.put(payload.duplicate());
    sizeBytes += bytes;
  }

  /** Keeps the first bytes, returns a part with the rest, copied. */
  ObjectPart splitAt(long bytes) {
    seal();
    ObjectPart rest = new ObjectPart();
    long kept = 0;
    for (int i = 0; i < buffers.size(); i++) {
      ByteBuffer buffer = buffers.get(i);
      int keep = (int) Math.min(buffer.remaining(), bytes - kept);
      if (keep < buffer.remaining()) {
        rest.copy(buffer.slice(buffer.position() + keep, buffer.remaining() - keep));
        buffers.set(i, buffer.slice(buffer.position(), keep));
      }
      kept += keep;
    }
    buffers.removeIf(buffer -> !buffer.hasRemaining());
    sizeBytes = kept;
    return rest;
  }

  List<ByteBuffer> body() {
    seal();
    return buffers;
  }

  private void seal() {
    ByteBuffer filled = chunk;
    if (filled != null) {
      chunk = null;
      buffers.add(filled.flip());
    }
  }

  void release() {
    blocks.forEach(WalBlock::release);
    blocks.clear();
    buffers.clear();
  }
}
