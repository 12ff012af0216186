package io.spillway.catalog;

/**
 * How far a log has grown since its last checkpoint, as one replica saw it.
 *
 * @param records since then
 * @param bytes of those records
 * @param checkpointBytes of the checkpoint
 */
record LogGrowth(long records, long bytes, long checkpointBytes) {

  static final LogGrowth NONE = new LogGrowth(0, 0, 0);

  static LogGrowth since(long checkpointBytes) {
    return new LogGrowth(0, 0, checkpointBytes);
  }

  LogGrowth plusRecord(int recordBytes) {
    return new LogGrowth(records + 1, bytes + recordBytes, checkpointBytes);
  }

  LogGrowth withCheckpoint(long newCheckpointBytes) {
    return new LogGrowth(records, bytes, newCheckpointBytes);
  }

  boolean isCheckpointDue(LogStreamCatalog.Config config) {
    return records >= config.maxRecords()
        || (records >= config.minRecords() && bytes >= checkpointBytes / 2);
  }
}
