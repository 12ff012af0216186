package io.spillway.config;

import java.io.Serial;
import java.nio.file.Path;

/**
 * The broker will not start, and somebody has to do something about it. The message is one line: it
 * names the thing and what to do.
 */
public class StartRefusedException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  public StartRefusedException(String message) {
    super(message);
  }

  public StartRefusedException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Somebody else listens where this listener should. */
  public static StartRefusedException addressInUse(ListenerConfig listener, Throwable cause) {
    HostPort anyPort = new HostPort(listener.bind().host(), 0);
    return new StartRefusedException(
        "address "
            + listener.bind()
            + " of listener "
            + listener.name()
            + " is in use or not of this machine ("
            + cause.getMessage()
            + "): stop what uses it, or take another, as in --set listeners="
            + listener.name()
            + "://"
            + anyPort
            + " for any free port",
        cause);
  }

  /**
   * Another broker serves as this node.
   *
   * @param other that broker, in words
   * @param self this one, in words
   */
  public static StartRefusedException nodeIsAlive(int nodeId, Object other, Object self) {
    return new StartRefusedException(
        "node.id="
            + nodeId
            + " is served by "
            + other
            + ", which is alive; here starts "
            + self
            + ": stop one of them, or give this one a bucket of its own");
  }

  /** Another process serves from this directory. */
  public static StartRefusedException directoryInUse(Path directory, String holder) {
    return new StartRefusedException(
        "directory "
            + directory
            + " is in use by "
            + holder
            + ": stop it, or take another, as in --set data.dir=DIR");
  }
}
