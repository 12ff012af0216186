package io.spillway.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * CPU time of this process. The JVM's compiler is told apart: what it takes is spent once, and
 * would be charged to the first gibibytes of a short run.
 *
 * @param ownSeconds of all threads but the compiler's; the garbage collector's are in it
 * @param compilerSeconds of the compiler's threads that are alive; none may end meanwhile, which
 *     {@code -XX:-UseDynamicNumberOfCompilerThreads} sees to
 */
record ProcessCpu(double ownSeconds, double compilerSeconds) {

  static final ProcessCpu NONE = new ProcessCpu(0, 0);

  private static final OperatingSystemMXBean SYSTEM =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
  private static final Path TASKS = Path.of("/proc/self/task");
  private static final double NANOS_PER_SECOND = 1e9;

  /** Since the process began. */
  static ProcessCpu now() throws IOException {
    double compiler = 0;
    List<Path> tasks;
    try (Stream<Path> all = Files.list(TASKS)) {
      tasks = all.toList();
    }
    for (Path task : tasks) {
      compiler += compilerSeconds(task);
    }
    return new ProcessCpu(SYSTEM.getProcessCpuTime() / NANOS_PER_SECOND - compiler, compiler);
  }

  private static double compilerSeconds(Path task) throws IOException {
    try {
      // The kernel keeps the first 15 characters of "C2 CompilerThread0".
      if (!Files.readString(task.resolve("comm")).contains("CompilerThre")) {
        return 0;
      }
      String stat = Files.readString(task.resolve("schedstat"));
      return Long.parseLong(stat.substring(0, stat.indexOf(' '))) / NANOS_PER_SECOND;
    } catch (NoSuchFileException e) {
      return 0; // ended since it was listed
    }
  }

  ProcessCpu plus(ProcessCpu other) {
    return new ProcessCpu(ownSeconds + other.ownSeconds, compilerSeconds + other.compilerSeconds);
  }

  ProcessCpu minus(ProcessCpu other) {
    return new ProcessCpu(ownSeconds - other.ownSeconds, compilerSeconds - other.compilerSeconds);
  }
}
