package io.spillway.protocol.server;

import java.io.IOException;
import java.net.BindException;
import java.net.UnknownHostException;
import java.nio.channels.UnresolvedAddressException;
import java.util.Locale;

/** A listener could not be bound. The message names listener, host, port and reason. */
public final class BindFailedException extends IOException {

  private static final long serialVersionUID = 1;

  /** What the operator has to change. */
  public enum Reason {
    PORT_IN_USE,
    NO_SUCH_ADDRESS,
    NOT_PERMITTED,
    OTHER
  }

  private final Reason reason;
  private final String listener;
  private final String host;
  private final int port;

  BindFailedException(ListenerConfig listener, Throwable cause) {
    super(
        "listener "
            + listener.name()
            + " cannot be bound to "
            + listener.host()
            + ":"
            + listener.port()
            + ": "
            + cause.getMessage(),
        cause);
    this.reason = reasonOf(cause);
    this.listener = listener.name();
    this.host = listener.host();
    this.port = listener.port();
  }

  public Reason reason() {
    return reason;
  }

  public String listener() {
    return listener;
  }

  public String host() {
    return host;
  }

  public int port() {
    return port;
  }

  /** The transports' exceptions have no types of their own: the system's words have to do. */
  private static Reason reasonOf(Throwable cause) {
    if (cause instanceof UnresolvedAddressException || cause instanceof UnknownHostException) {
      return Reason.NO_SUCH_ADDRESS;
    }
    String message = String.valueOf(cause.getMessage()).toLowerCase(Locale.ROOT);
    if (message.contains("already in use")) {
      return Reason.PORT_IN_USE;
    }
    if (message.contains("cannot assign") || message.contains("can't assign")) {
      return Reason.NO_SUCH_ADDRESS;
    }
    if (message.contains("permission denied")) {
      return Reason.NOT_PERMITTED;
    }
    return cause instanceof BindException ? Reason.PORT_IN_USE : Reason.OTHER;
  }
}
