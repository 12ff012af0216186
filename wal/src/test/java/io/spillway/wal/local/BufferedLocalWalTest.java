package io.spillway.wal.local;

import io.spillway.wal.WalConfig.IoMode;

/** Through the page cache. */
class BufferedLocalWalTest extends FileLocalWalTest {
  @Override
  IoMode mode() {
    return IoMode.BUFFERED;
  }
}
