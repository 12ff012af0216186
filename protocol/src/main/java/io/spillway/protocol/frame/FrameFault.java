package io.spillway.protocol.frame;

/** Why no more frames can be read from a connection. */
public enum FrameFault {
  /** The length prefix is negative, shorter than any request header, or above the limit. */
  BAD_LENGTH,
  /** A frame was begun, and then no byte came. */
  STALLED,
  /** A frame was begun, and comes too slowly. */
  TOO_SLOW,
  /** There is no memory for the frame, though the budget allowed it. */
  OUT_OF_MEMORY,
  /** The peer closed its side with more bytes on the way than are kept for it. */
  UNREAD_AT_END
}
