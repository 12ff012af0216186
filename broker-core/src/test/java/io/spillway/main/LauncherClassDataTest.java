package io.spillway.main;

import static io.spillway.main.LauncherRuns.finish;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.main.LauncherRuns.Run;
import io.spillway.peers.Peers;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code bin/spillway} installed beside a program of two classes, and the JVM of the tests: what
 * becomes of an archive that is not as it was made.
 */
class LauncherClassDataTest {

  private static final String PROGRAM =
      """
      package io.spillway.main;
      class Main {
        public static void main(String[] args) { System.out.println("it runs"); }
      }
      class Train {
        public static void main(String[] args) { Main.main(args); }
      }
      """;

  private static final int MANY = 500;

  @TempDir Path dir;
  private Path home;
  private LauncherRuns launchers;

  @BeforeEach
  void install() throws IOException {
    launchers = new LauncherRuns(dir);
    home = dir.resolve("opt/spillway");
    LauncherRuns.script(
        home.resolve("bin/spillway"),
        Files.readString(Peers.moduleDirectory().resolve("bin/spillway")));
    jar(home.resolve("lib/spillway-broker-core-0.1.0.jar"));
    Files.createDirectories(dir.resolve("home"));
  }

  @Test
  void anArchiveThatWasCutOffIsMadeAgain() throws Exception {
    Path archive = made();
    byte[] bytes = Files.readAllBytes(archive);
    replace(archive, Arrays.copyOf(bytes, bytes.length / 2));
    runsWithoutThenWithANewOne();
    replace(archive, new byte[0]);
    runsWithoutThenWithANewOne();
  }

  @Test
  void anArchiveWhoseBlocksWereNeverWrittenIsMadeAgain() throws Exception {
    Path archive = made();
    replace(archive, new byte[(int) Files.size(archive)]);
    runsWithoutThenWithANewOne();
  }

  @Test
  void anArchiveOfOtherJarsIsMadeAgain() throws Exception {
    made();
    // An older jar than the archive, as from a backup.
    Path jar = home.resolve("lib/a.jar");
    jar(jar);
    Files.setLastModifiedTime(jar, FileTime.fromMillis(1_000_000_000_000L));
    runsWithoutThenWithANewOne();
  }

  @Test
  void anArchiveOfAnotherJdkIsMadeAgain() throws Exception {
    Path archive = made();
    Path of = archive.resolveSibling(archive.getFileName() + ".of");
    Files.writeString(of, "1 2\n");
    runsWithoutThenWithANewOne();
  }

  private Path made() throws Exception {
    Run made = run(Map.of("SPILLWAY_CDS", "make"));
    assertThat(made.exitCode()).as(made.stderr()).isZero();
    assertThat(run(Map.of()).stdout()).contains("it runs").anyMatch(this::isShared);
    try (Stream<Path> files = Files.list(home.resolve("class-data"))) {
      return files.filter(file -> !file.toString().endsWith(".of")).findFirst().orElseThrow();
    }
  }

  private void runsWithoutThenWithANewOne() throws Exception {
    Run without = run(Map.of());
    assertThat(without.exitCode()).as(without.stderr()).isZero();
    assertThat(without.stderr()).isEmpty();
    assertThat(without.stdout()).contains("it runs").noneMatch(this::isShared);
    Run later = without;
    for (int i = 0; i < MANY && later.stdout().stream().noneMatch(this::isShared); i++) {
      later = run(Map.of()); // meanwhile it is being made
      assertThat(later.exitCode()).as(later.stderr()).isZero();
    }
    assertThat(later.stdout()).anyMatch(this::isShared);
  }

  private boolean isShared(String line) {
    return line.contains("io.spillway.main.Main source: shared objects file");
  }

  private Run run(Map<String, String> environment) throws Exception {
    Map<String, String> all = new HashMap<>();
    all.put("JAVA_HOME", System.getProperty("java.home"));
    all.put("HOME", dir.resolve("home").toString());
    all.put("SPILLWAY_JAVA_OPTS", "-Xlog:class+load=info:stdout:none");
    all.putAll(environment);
    return finish(launchers.start(home.resolve("bin/spillway"), dir, all, "version"));
  }

  /** The JVM makes its archives read-only. */
  private static void replace(Path archive, byte[] bytes) throws IOException {
    Files.delete(archive);
    Files.write(archive, bytes);
  }

  private void jar(Path jar) throws IOException {
    Path source = Files.createDirectories(dir.resolve("program")).resolve("Main.java");
    Files.writeString(source, PROGRAM);
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    int exitCode =
        ToolProvider.getSystemJavaCompiler()
            .run(
                null,
                said,
                said,
                "-proc:none",
                "-d",
                dir.resolve("program").toString(),
                source.toString());
    assertThat(exitCode).as(said.toString(StandardCharsets.UTF_8)).isZero();
    Files.createDirectories(jar.getParent());
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
      for (String name : new String[] {"Main", "Train"}) {
        out.putNextEntry(new JarEntry("io/spillway/main/" + name + ".class"));
        Files.copy(dir.resolve("program/io/spillway/main/" + name + ".class"), out);
      }
    }
  }
}
