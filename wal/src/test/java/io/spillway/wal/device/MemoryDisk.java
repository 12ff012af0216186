package io.spillway.wal.device;

import io.spillway.runtime.Scheduler;
import io.spillway.wal.WalException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A disk in memory that outlives the WAL on it and does to it what real disks do, from a seed.
 *
 * <p>The fault model: a block write takes some simulated time. If the {@link #crash} comes first,
 * each 512-byte sector of it is there or not, independently, half of the times; else the whole
 * write is there or none of it. A finished write is there. Creations, renames and deletions since
 * the last directory sync survive up to some point in their order. Nothing else is lost.
 *
 * <p>How to use it in a simulation:
 *
 * <pre>{@code
 * MemoryDisk disk = new MemoryDisk(seed);
 * SimulatedThreads threads = new SimulatedThreads(seed, jitterNanos);
 * WalDevice device = disk.mount(threads.newScheduler("disk"));
 * LocalWal wal = LocalWal.open(config, device, nodeId, threads, random, faults, verifier);
 * wal.recover(visitor);          // blocking calls of the device happen at once
 * ... threads.step() ...         // appends complete as the disk's writes do
 * threads.crash();               // kill -9 or power loss: drop what has not run,
 * disk.crash();                  // tear what was being written,
 * device = disk.mount(threads.newScheduler("disk"));   // and start again
 * }</pre>
 *
 * <p>A clean stop is {@code wal.shutdown()}, then stepping until its future is done. Works with
 * real threads, too. Safe for any thread.
 */
public final class MemoryDisk {

  private static final int SECTOR_BYTES = 512;
  private static final long MAX_LATENCY_NANOS = 400_000;

  private final Random random;
  private final TreeMap<String, Content> durableNames = new TreeMap<>();
  private final TreeMap<String, Content> names = new TreeMap<>();
  private final List<Runnable> unsyncedNameChanges = new ArrayList<>();
  private final Set<InFlight> inFlight = new LinkedHashSet<>();
  private @Nullable Mount mount;
  private int writesUntilFailure = -1;
  private boolean full;
  private boolean readsFail;
  private long tornWrites;
  private long lostNameChanges;

  public MemoryDisk(long seed) {
    this.random = new Random(seed);
  }

  /**
   * Takes the disk.
   *
   * @param scheduler on which writes finish, after a random latency
   * @throws WalException.InUse when it is mounted
   */
  public synchronized WalDevice mount(Scheduler scheduler) {
    if (mount != null) {
      throw new WalException.InUse("memory disk is in use by this process");
    }
    mount = new Mount(scheduler);
    return mount;
  }

  /** Ends the mount as a power loss does. Completions of unfinished writes never come. */
  public synchronized void crash() {
    for (InFlight write : inFlight) {
      tear(write);
    }
    inFlight.clear();
    int survivors =
        unsyncedNameChanges.isEmpty() ? 0 : random.nextInt(unsyncedNameChanges.size() + 1);
    lostNameChanges += unsyncedNameChanges.size() - survivors;
    for (int i = 0; i < survivors; i++) {
      unsyncedNameChanges.get(i).run();
    }
    unsyncedNameChanges.clear();
    names.clear();
    names.putAll(durableNames);
    writesUntilFailure = -1;
    if (mount != null) {
      mount.dead = true;
      mount = null;
    }
  }

  /** The write after {@code writes} more fails, and every later one until the next crash. */
  public synchronized void failWritesAfter(int writes) {
    writesUntilFailure = writes;
  }

  /** While set, no file can be made. */
  public synchronized void setFull(boolean noSpaceLeft) {
    full = noSpaceLeft;
  }

  /** While set, nothing can be read: the medium answers an I/O error. */
  public synchronized void setReadsFailing(boolean failing) {
    readsFail = failing;
  }

  /** Flips one bit of what is stored. */
  public synchronized void flipBit(String name, long byteOffset, int bit) {
    byte[] bytes = content(name).bytes;
    bytes[Math.toIntExact(byteOffset)] ^= (byte) (1 << bit);
  }

  /** Removes a file behind everybody's back. */
  public synchronized void lose(String name) {
    names.remove(name);
    durableNames.remove(name);
  }

  public synchronized List<String> fileNames() {
    return List.copyOf(names.keySet());
  }

  /** The bytes of a file, for looking and for tampering. */
  public synchronized byte[] bytes(String name) {
    return content(name).bytes;
  }

  /** Puts a file there, durably. */
  public synchronized void put(String name, byte[] bytes) {
    Content content = new Content(bytes.clone());
    names.put(name, content);
    durableNames.put(name, content);
  }

  /** Writes that a crash cut short or dropped: proof that a test tested something. */
  public synchronized long tornWrites() {
    return tornWrites;
  }

  /** Creations, renames and deletions that a crash undid. */
  public synchronized long lostNameChanges() {
    return lostNameChanges;
  }

  public synchronized int writesInFlight() {
    return inFlight.size();
  }

  private Content content(String name) {
    Content content = names.get(name);
    if (content == null) {
      throw new IllegalArgumentException("no file " + name + " in " + names.keySet());
    }
    return content;
  }

  private void tear(InFlight write) {
    tornWrites++;
    if (random.nextInt(4) == 0) {
      return;
    }
    boolean whole = random.nextInt(4) == 0;
    for (int at = 0; at < write.bytes.length; at += SECTOR_BYTES) {
      if (whole || random.nextBoolean()) {
        System.arraycopy(
            write.bytes, at, write.content.bytes, Math.toIntExact(write.offset) + at, SECTOR_BYTES);
      }
    }
  }

  private static final class Content {
    private final byte[] bytes;

    Content(byte[] bytes) {
      this.bytes = bytes;
    }
  }

  private static final class InFlight {
    private final Content content;
    private final long offset;
    private final byte[] bytes;

    InFlight(Content content, long offset, byte[] bytes) {
      this.content = content;
      this.offset = offset;
      this.bytes = bytes;
    }
  }

  private final class Mount implements WalDevice {
    private final Scheduler scheduler;
    private boolean dead;
    private boolean failing;

    Mount(Scheduler scheduler) {
      this.scheduler = scheduler;
    }

    @Override
    public String location() {
      return "memory";
    }

    @Override
    public boolean readsMedium() {
      return false;
    }

    @Override
    public boolean needsDirectBuffers() {
      return false;
    }

    @Override
    public List<String> list() {
      return fileNames();
    }

    @Override
    public WalFile create(String name, long sizeBytes) throws IOException {
      synchronized (MemoryDisk.this) {
        requireAlive();
        if (full) {
          throw new IOException("No space left on device");
        }
        if (names.containsKey(name)) {
          throw new FileAlreadyExistsException(name);
        }
        Content content = new Content(new byte[Math.toIntExact(sizeBytes)]);
        names.put(name, content);
        unsyncedNameChanges.add(() -> durableNames.put(name, content));
        return new MemoryFile(this, name, content);
      }
    }

    @Override
    public WalFile open(String name) throws IOException {
      synchronized (MemoryDisk.this) {
        requireAlive();
        Content content = names.get(name);
        if (content == null) {
          throw new NoSuchFileException(name);
        }
        return new MemoryFile(this, name, content);
      }
    }

    @Override
    public void rename(WalFile file, String newName) throws IOException {
      synchronized (MemoryDisk.this) {
        requireAlive();
        MemoryFile memoryFile = (MemoryFile) file;
        String oldName = memoryFile.name;
        names.remove(oldName);
        names.put(newName, memoryFile.content);
        memoryFile.name = newName;
        unsyncedNameChanges.add(
            () -> {
              durableNames.remove(oldName);
              durableNames.put(newName, memoryFile.content);
            });
      }
    }

    @Override
    public void delete(WalFile file) throws IOException {
      synchronized (MemoryDisk.this) {
        requireAlive();
        String name = file.name();
        names.remove(name);
        unsyncedNameChanges.add(() -> durableNames.remove(name));
      }
    }

    @Override
    public void syncDirectory() throws IOException {
      synchronized (MemoryDisk.this) {
        requireAlive();
        unsyncedNameChanges.forEach(Runnable::run);
        unsyncedNameChanges.clear();
      }
    }

    @Override
    public <T> T blocking(IoTask<T> task) throws IOException {
      return task.run();
    }

    @Override
    public void close() {
      synchronized (MemoryDisk.this) {
        if (mount == this) {
          dead = true;
          mount = null;
        }
      }
    }

    private void requireAlive() throws IOException {
      if (dead) {
        throw new IOException("this mount of the disk has ended");
      }
    }

    private boolean nextWriteFails() {
      if (failing) {
        return true;
      }
      if (writesUntilFailure == 0) {
        writesUntilFailure = -1;
        failing = true;
        return true;
      }
      if (writesUntilFailure > 0) {
        writesUntilFailure--;
      }
      return false;
    }

    private void start(Content content, long offset, byte[] bytes, Completion completion) {
      synchronized (MemoryDisk.this) {
        InFlight write = new InFlight(content, offset, bytes);
        inFlight.add(write);
        long latency = (long) (random.nextDouble() * MAX_LATENCY_NANOS);
        scheduler.schedule(latency, () -> finish(write, completion));
      }
    }

    private void finish(InFlight write, Completion completion) {
      IOException failure = null;
      synchronized (MemoryDisk.this) {
        if (!inFlight.remove(write)) {
          return;
        }
        if (nextWriteFails()) {
          tear(write);
          failure = new IOException("injected write error");
        } else {
          apply(write);
        }
      }
      completion.onComplete(failure);
    }

    private void apply(InFlight write) {
      System.arraycopy(
          write.bytes, 0, write.content.bytes, Math.toIntExact(write.offset), write.bytes.length);
    }
  }

  private final class MemoryFile implements WalFile {
    private final Mount owner;
    private final Content content;
    private String name;

    MemoryFile(Mount owner, String name, Content content) {
      this.owner = owner;
      this.name = name;
      this.content = content;
    }

    @Override
    public String name() {
      synchronized (MemoryDisk.this) {
        return name;
      }
    }

    @Override
    public long sizeBytes() {
      return content.bytes.length;
    }

    @Override
    public void write(long offset, ByteBuffer block, WalDevice.Completion completion) {
      owner.start(content, offset, copy(offset, block), completion);
    }

    @Override
    public void zero(long offset, int lengthBytes, WalDevice.Completion completion) {
      owner.start(content, offset, new byte[lengthBytes], completion);
    }

    @Override
    public void writeNow(long offset, ByteBuffer block) throws IOException {
      synchronized (MemoryDisk.this) {
        owner.requireAlive();
        InFlight write = new InFlight(content, offset, copy(offset, block));
        if (owner.nextWriteFails()) {
          tear(write);
          throw new IOException("injected write error");
        }
        owner.apply(write);
      }
    }

    @Override
    public void read(long offset, ByteBuffer target) throws IOException {
      synchronized (MemoryDisk.this) {
        owner.requireAlive();
        if (readsFail) {
          throw new IOException("injected read error");
        }
        target.put(content.bytes, Math.toIntExact(offset), target.remaining());
      }
    }

    @Override
    public void force() throws IOException {
      synchronized (MemoryDisk.this) {
        owner.requireAlive();
        if (owner.failing) {
          throw new IOException("injected force error");
        }
      }
    }

    private byte[] copy(long offset, ByteBuffer block) {
      if (offset < 0 || offset % 4096 != 0 || block.remaining() % 4096 != 0) {
        throw new IllegalArgumentException(
            "write of " + block.remaining() + " bytes at " + offset + " is not aligned");
      }
      byte[] bytes = new byte[block.remaining()];
      block.get(block.position(), bytes);
      return bytes;
    }
  }
}
