package io.spillway.embed;

import io.netty.util.internal.PlatformDependent;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What this process holds besides its heap. A thread is itself, not its name, so that one that each
 * broker leaves behind is seen though it is called like the one before. RocksDB does not tell what
 * it holds; an index that is not closed keeps its files open.
 *
 * @param threads that live, but those that the JVM and Netty keep for everybody
 * @param files open ones by what they are, numbers taken out; empty where /proc does not say
 * @param directBytes of buffers that the JVM counts, and of those that Netty makes past it
 */
record Footprint(Set<Thread> threads, Map<String, Long> files, long directBytes) {

  static final Path OPEN_FILES = Path.of("/proc/self/fd");

  /** What one network allocator takes at a time: the last one may not have been collected yet. */
  private static final long ONE_CHUNK_BYTES = 4 << 20;

  private static final List<String> SHARED_THREADS =
      List.of("globalEventExecutor", "process reaper", "Common-Cleaner", "ForkJoinPool.commonPool");

  static Footprint take() throws IOException {
    System.gc();
    return new Footprint(liveThreads(), openFiles(), directMemory());
  }

  /** Waits for what goes by itself, and returns what is there beyond what was before. */
  static List<String> grownSince(Footprint before) throws Exception {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos() / 4;
    List<String> grown = take().beyond(before);
    while (!grown.isEmpty() && System.nanoTime() < deadline) {
      Thread.sleep(50); // buffers go when their owners have been collected, by another thread
      grown = take().beyond(before);
    }
    return grown;
  }

  private List<String> beyond(Footprint before) {
    List<String> grown = new ArrayList<>();
    for (Thread thread : threads) {
      if (!before.threads.contains(thread)) {
        grown.add("thread " + thread.getName());
      }
    }
    files.forEach(
        (file, count) -> {
          long countBefore = before.files.getOrDefault(file, 0L);
          if (count > countBefore) {
            grown.add("%d open of %s, before: %d".formatted(count, file, countBefore));
          }
        });
    if (directBytes > before.directBytes + ONE_CHUNK_BYTES) {
      grown.add("%d direct bytes, before: %d".formatted(directBytes, before.directBytes));
    }
    return grown;
  }

  private static Set<Thread> liveThreads() {
    Set<Thread> threads = new HashSet<>(Thread.getAllStackTraces().keySet());
    threads.removeIf(
        thread -> SHARED_THREADS.stream().anyMatch(name -> thread.getName().startsWith(name)));
    return threads;
  }

  /** Without jars: the class loader opens them when it needs them, and keeps them. */
  private static Map<String, Long> openFiles() throws IOException {
    if (!Files.isDirectory(OPEN_FILES)) {
      return Map.of();
    }
    try (Stream<Path> open = Files.list(OPEN_FILES)) {
      return open.map(Footprint::target)
          .filter(file -> !file.endsWith(".jar"))
          .collect(Collectors.groupingBy(file -> file, TreeMap::new, Collectors.counting()));
    }
  }

  private static String target(Path link) {
    try {
      return Files.readSymbolicLink(link).toString().replaceAll("[0-9]+", "#");
    } catch (IOException e) {
      return "closed meanwhile.jar"; // that of the listing itself
    }
  }

  private static long directMemory() {
    return Math.max(0, PlatformDependent.usedDirectMemory())
        + ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
            .filter(pool -> pool.getName().equals("direct"))
            .mapToLong(BufferPoolMXBean::getMemoryUsed)
            .sum();
  }
}
