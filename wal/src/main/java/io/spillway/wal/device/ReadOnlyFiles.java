package io.spillway.wal.device;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The segment files of a directory for looking at, without taking the directory: nothing is
 * written, and a WAL that is in use may change while it is read.
 */
public final class ReadOnlyFiles implements AutoCloseable {

  private final List<Opened> files = new ArrayList<>();

  /** Opens every segment file there is; none when the directory is absent. */
  public ReadOnlyFiles(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return;
    }
    try {
      for (String name : FileWalDevice.segmentNames(directory)) {
        FileChannel channel = FileChannel.open(directory.resolve(name), StandardOpenOption.READ);
        files.add(new Opened(name, channel, channel.size()));
      }
    } catch (IOException e) {
      close();
      throw e;
    }
  }

  /** In the order of their names. */
  public List<ReadableFile> files() {
    return List.copyOf(files);
  }

  @Override
  public void close() throws IOException {
    for (Opened file : files) {
      file.channel.close();
    }
  }

  private record Opened(String name, FileChannel channel, long sizeBytes) implements ReadableFile {
    @Override
    public void read(long offset, ByteBuffer target) throws IOException {
      long at = offset;
      while (target.hasRemaining()) {
        int read = channel.read(target, at);
        if (read < 0) {
          throw new EOFException(name + " ends at " + sizeBytes + ", wanted byte " + at);
        }
        at += read;
      }
    }
  }
}
