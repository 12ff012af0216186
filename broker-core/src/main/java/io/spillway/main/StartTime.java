package io.spillway.main;

import io.spillway.runtime.AmbientRuntime;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * How long ago the JVM was started. The launcher says it in terms of the machine's uptime; to ask
 * the JVM's own management beans would take 30 ms of the time that is being measured.
 */
@AmbientRuntime
final class StartTime {

  /** Seconds of uptime at which the launcher started the JVM, as in {@code /proc/uptime}. */
  static final String PROPERTY = "spillway.launchUptime";

  private static final Path UPTIME = Path.of("/proc/uptime");

  private StartTime() {}

  static long millisSinceJvmStart() {
    OptionalLong launched = millis(System.getProperty(PROPERTY, ""));
    OptionalLong now = uptimeMillis();
    if (launched.isPresent() && now.isPresent() && now.getAsLong() >= launched.getAsLong()) {
      return now.getAsLong() - launched.getAsLong();
    }
    return ManagementFactory.getRuntimeMXBean().getUptime();
  }

  private static OptionalLong uptimeMillis() {
    try {
      String text = Files.readString(UPTIME);
      return millis(text.substring(0, Math.max(0, text.indexOf(' '))));
    } catch (IOException e) {
      return OptionalLong.empty();
    }
  }

  private static OptionalLong millis(String seconds) {
    try {
      return OptionalLong.of(Math.round(Double.parseDouble(seconds) * 1000));
    } catch (NumberFormatException e) {
      return OptionalLong.empty();
    }
  }
}
