package io.spillway.protocol.server;

/** Answers requests. Owned by the server; implemented by the broker. */
public interface RequestHandler {

  /**
   * Called on the connection's event loop, in the order requests arrive. Produce requests of one
   * connection may overlap; any other request is handed over only when everything before it was
   * answered. Must not block. Every request is answered exactly once, from any thread.
   */
  void handle(KafkaRequest request);

  /** The connection is gone; whatever waits for it may be dropped. Called once per connection. */
  default void onDisconnect(ConnectionInfo connection) {}
}
