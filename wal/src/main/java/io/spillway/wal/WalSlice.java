package io.spillway.wal;

import java.nio.ByteBuffer;

/**
 * The payload of one frame inside a block that is held in memory. Blocks are counted: whoever keeps
 * a slice beyond the call that gave it retains it, and releases it once.
 */
public interface WalSlice {

  /** A read-only view of the payload; valid while the slice is retained. A fresh view per call. */
  ByteBuffer payload();

  /** Memory that the whole block behind this slice holds, shared by all its slices. */
  WalBlock block();
}
