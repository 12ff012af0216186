package io.spillway.protocol.server;

/** Answers requests. Owned by the server; implemented by the broker. */
public interface RequestHandler {

  /**
   * Called on the connection's event loop, in the order requests arrive. Produce requests of one
   * connection may overlap; any other request is handed over only when everything before it was
   * answered. Must not block. Every request is answered exactly once, from any thread. An exception
   * thrown here closes the connection, if the request was not answered.
   */
  void handle(KafkaRequest request);

  /**
   * The connection is gone. Called once per connection, on its event loop, after the last {@link
   * #handle}. Requests of it that are still open are answered all the same, which frees their
   * memory; the answers go nowhere.
   */
  default void onDisconnect(ConnectionInfo connection) {}
}
