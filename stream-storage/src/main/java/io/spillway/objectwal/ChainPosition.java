package io.spillway.objectwal;

/**
 * Positions in a chain: the object's number in the upper 31 bits, the byte in the object in the
 * lower 32. So they grow in append order, and a trim position names the first object that is still
 * wanted without anybody having to look. Differences of positions mean nothing.
 */
public final class ChainPosition {

  private static final int BYTE_BITS = 32;

  /** Chains end here: at five objects a second after thirteen years. */
  static final long MAX_NUMBER = Integer.MAX_VALUE;

  private ChainPosition() {}

  static long of(long number, int byteInObject) {
    return number << BYTE_BITS | byteInObject;
  }

  public static long number(long position) {
    return position >>> BYTE_BITS;
  }

  static int byteInObject(long position) {
    return (int) position;
  }
}
