package io.spillway.protocol.server;

import io.spillway.protocol.frame.FrameFault;

/** Why a connection ended. */
public enum CloseReason {
  /** The client closed, or the network broke. */
  PEER,
  IDLE,
  BAD_FRAME_LENGTH,
  STALLED_FRAME,
  SLOW_FRAME,
  /** The client did not take its responses. */
  SLOW_READER,
  OUT_OF_MEMORY,
  /** The client left more unread than is kept for it. */
  UNREAD_AT_END,
  /** An API key or version that is not served. */
  NOT_SERVED,
  MALFORMED_REQUEST,
  TOO_MANY_CONNECTIONS,
  TOO_MANY_CONNECTIONS_PER_IP,
  /** Whoever answers requests asked for it. */
  HANDLER,
  /** A defect in here. */
  INTERNAL_ERROR,
  SHUTDOWN;

  static CloseReason of(FrameFault fault) {
    return switch (fault) {
      case BAD_LENGTH -> BAD_FRAME_LENGTH;
      case STALLED -> STALLED_FRAME;
      case TOO_SLOW -> SLOW_FRAME;
      case OUT_OF_MEMORY -> OUT_OF_MEMORY;
      case UNREAD_AT_END -> UNREAD_AT_END;
    };
  }

  /** Whether an operator would want to read of it. */
  boolean isLogged() {
    return this != PEER && this != IDLE && this != SHUTDOWN;
  }
}
