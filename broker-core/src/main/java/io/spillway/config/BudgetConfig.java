package io.spillway.config;

/**
 * Memory by use, in bytes; G7. What is not in here is small and constant.
 *
 * @param inFlightBytes requests being received or handled
 * @param tailCacheBytes recent WAL blocks
 * @param blockCacheBytes blocks of objects
 * @param indexCacheBytes indexes of objects
 * @param readAheadBytes reads from objects that are under way
 * @param readRequests how many of them at once
 * @param fetchResponseBytes responses that are read and not sent
 * @param uploadBufferBytes uploads that are under way
 */
public record BudgetConfig(
    long inFlightBytes,
    long tailCacheBytes,
    long blockCacheBytes,
    long indexCacheBytes,
    long readAheadBytes,
    int readRequests,
    long fetchResponseBytes,
    long uploadBufferBytes) {

  private static final String IN_FLIGHT = "queued.max.request.bytes";

  static BudgetConfig of(SettingValues values) {
    long inFlight = values.longValue(IN_FLIGHT);
    long largest = values.longValue("socket.request.max.bytes");
    if (inFlight == -1) {
      String byDefault = Settings.require(IN_FLIGHT).defaultValue();
      inFlight = Math.max(largest, Long.parseLong(byDefault == null ? "0" : byDefault));
    } else if (inFlight < largest) {
      boolean given = values.isGiven(IN_FLIGHT);
      if (given) {
        throw SettingValues.invalid(
            IN_FLIGHT,
            Long.toString(inFlight),
            "at least socket.request.max.bytes, which is " + largest);
      }
      inFlight = largest;
    }
    return new BudgetConfig(
        inFlight,
        values.longValue("tail.cache.bytes"),
        values.longValue("block.cache.bytes"),
        values.longValue("index.cache.bytes"),
        values.longValue("read.ahead.bytes"),
        values.intValue("read.max.requests"),
        values.longValue("fetch.response.bytes"),
        values.longValue("upload.buffer.bytes"));
  }
}
