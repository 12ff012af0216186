package io.spillway.request.data;

/**
 * Clients as storage tells them apart when it is whose turn it is.
 *
 * <p>Who reads is its client id: a turn is for memory and requests, of which a name gets its share
 * however many connections it opens.
 *
 * <p>Who produces is its connection. A producer has one to each broker, while names say little of
 * it: strangers share the ones that clients choose by themselves ({@code producer-1}), and would
 * share one turn, and a client that names itself anew with every request would have a turn for
 * each. A turn more costs a connection more, of which {@code max.connections.per.ip} bounds how
 * many there are; and what all connections of one name together have waiting is bounded by the
 * share of that name in the in-flight budget, which their requests hold until they are answered.
 *
 * <p>Two of the same key, which hashes make possible and rare, share a turn.
 */
final class ClientKeys {

  private ClientKeys() {}

  /** For reads. Never 0, which is internal traffic's. */
  static long of(String clientId) {
    return (1L << 32) | (clientId.hashCode() & 0xffff_ffffL);
  }

  /** For what is produced. Never 0, which is internal traffic's. */
  static long ofConnection(String connectionId) {
    return of(connectionId);
  }
}
