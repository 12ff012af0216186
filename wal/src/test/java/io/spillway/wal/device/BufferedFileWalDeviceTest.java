package io.spillway.wal.device;

import io.spillway.wal.WalConfig.IoMode;

/** Through the page cache. */
class BufferedFileWalDeviceTest extends FileWalDeviceTest {
  @Override
  IoMode mode() {
    return IoMode.BUFFERED;
  }
}
