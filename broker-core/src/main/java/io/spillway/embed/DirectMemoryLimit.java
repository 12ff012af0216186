package io.spillway.embed;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;

/** What this JVM gives of direct memory. */
final class DirectMemoryLimit {

  private static final String OPTION = "MaxDirectMemorySize";

  private DirectMemoryLimit() {}

  /** In bytes. Takes some milliseconds the first time: not on the way to the first request. */
  static long ofThisJvm() {
    HotSpotDiagnosticMXBean hotSpot =
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
    long given = hotSpot == null ? 0 : Long.parseLong(hotSpot.getVMOption(OPTION).getValue());
    // Not given: as much as the heap may be.
    return given > 0 ? given : Runtime.getRuntime().maxMemory();
  }
}
