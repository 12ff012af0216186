package io.spillway.wal;

import java.nio.ByteBuffer;

/**
 * What the layer above knows about its payloads: which bytes their own checksum covers. The WAL
 * computes a checksum only over what that leaves open, so that a batch is not summed twice (P26).
 *
 * <p>Called from several WAL threads at once. Must not change the payload's position, limit or
 * bytes.
 */
public interface PayloadVerifier {

  /** For payloads without a checksum of their own: the WAL covers every byte. */
  PayloadVerifier NONE =
      new PayloadVerifier() {
        @Override
        public int openBytes(ByteBuffer payload) {
          return payload.remaining();
        }

        @Override
        public boolean intact(ByteBuffer payload, int openBytes) {
          return openBytes == payload.remaining();
        }
      };

  /**
   * How many leading bytes the payload's own checksum leaves open; the field that holds that
   * checksum must be one of them. The payload's size when it has none. Called at append; the answer
   * is kept with the frame.
   */
  int openBytes(ByteBuffer payload);

  /**
   * Whether the bytes from {@code openBytes} on are those that were appended, by the payload's own
   * checksum. The open bytes have been verified before. Called at recovery and at read-back.
   *
   * @param payload position to limit is the payload
   */
  boolean intact(ByteBuffer payload, int openBytes);
}
