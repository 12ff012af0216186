package io.spillway.request.data;

/** Clients as storage tells them apart when it is whose turn it is: by client id. */
final class ClientKeys {

  private ClientKeys() {}

  /** Never 0, which is internal traffic's. */
  static long of(String clientId) {
    return (1L << 32) | (clientId.hashCode() & 0xffff_ffffL);
  }
}
