package io.spillway.protocol.frame;

/** Why a connection is not read from. */
public enum ReadPause {
  /** The in-flight budget has no room for the frame that comes next. */
  BUDGET,
  /** Enough requests wait for their turn already. */
  BUFFERED,
  /** The client is over a quota (KIP-219). */
  MUTED,
  /** The peer does not read its responses. */
  UNWRITABLE,
  /** The connection ends; what is in flight is finished. */
  CLOSING
}
