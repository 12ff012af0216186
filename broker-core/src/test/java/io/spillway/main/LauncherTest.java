package io.spillway.main;

import static io.spillway.main.LauncherRuns.finish;
import static io.spillway.main.LauncherRuns.script;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.main.LauncherRuns.Run;
import io.spillway.main.LauncherRuns.Started;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code bin/spillway} in a checkout of scripts: its JDK and its Maven say what they were told. */
class LauncherTest {

  /** Prints its process id and arguments; as a training run it leaves the archive instead. */
  private static final String JAVA =
      """
      #!/bin/sh
      for argument; do
        case $argument in
          -XX:ArchiveClassesAtExit=*) printf archive >"${argument#*=}"; exit 0 ;;
          -XX:AOTCacheOutput=*) printf archive >"${argument#*=}"; exit 0 ;;
        esac
      done
      echo "pid $$"
      for argument; do echo "arg $argument"; done
      """;

  /** Makes what a build makes, and counts. */
  private static final String MAVEN =
      """
      #!/bin/sh
      module="$(dirname "$0")/broker-core"
      echo built >>"$module/target/builds"
      printf '%s\\n' "$@" >"$module/target/build-arguments"
      echo "[INFO] Building Spillway wal 0.1.0-SNAPSHOT                   [2/5]"
      if [ -e "$module/target/break" ]; then echo "[ERROR] $(cat "$module/target/break")"; exit 1; fi
      mkdir -p "$module/target/lib"
      touch "$module/target/lib/a.jar"
      printf jar >"$module/target/spillway-broker-core-0.1.0-SNAPSHOT.jar"
      """;

  @TempDir Path dir;
  private Path root;
  private Path module;
  private Path javaHome;
  private LauncherRuns launchers;

  @BeforeEach
  void makeCheckout() throws IOException {
    launchers = new LauncherRuns(dir);
    root = Files.createDirectories(dir.resolve("a check out"));
    module = root.resolve("broker-core");
    script(
        module.resolve("bin/spillway"), Files.readString(Path.of("bin/spillway").toAbsolutePath()));
    script(root.resolve("mvnw"), MAVEN);
    for (String name : List.of("wal", "stream-storage", "protocol", "broker-core")) {
      Files.createDirectories(root.resolve(name).resolve("src/main"));
      Files.writeString(root.resolve(name).resolve("pom.xml"), "<project/>");
    }
    Files.writeString(root.resolve("pom.xml"), "<project/>");
    // Maven is the wrapper where the wrapper has fetched one.
    Files.createDirectories(dir.resolve("m2/wrapper/dists/maven"));
    javaHome = jdk("17.0.15", true);
  }

  @Test
  void buildsWhatIsMissingThenBecomesTheJvm() throws Exception {
    Run first = run("serve", "--set", "a=b c");

    assertThat(first.exitCode()).isZero();
    assertThat(first.stderr()).contains("building", "2/5 Spillway wal", "preparing class data");
    assertThat(first.stdout().get(0)).isEqualTo("pid " + first.pid());
    assertThat(first.stdout())
        .containsSubsequence(
            "arg -cp",
            "arg "
                + module.toRealPath().resolve("target/spillway-broker-core-0.1.0-SNAPSHOT.jar")
                + ":"
                + module.toRealPath().resolve("target/lib/a.jar"),
            "arg io.spillway.main.Main",
            "arg serve",
            "arg --set",
            "arg a=b c");

    assertThat(Files.readAllLines(module.resolve("target/build-arguments")))
        .as("whoever starts a broker waits for no test to be compiled")
        .contains("-Dmaven.test.skip=true", "package");

    Run second = run("serve");
    assertThat(second.stderr()).isEmpty();
    assertThat(second.stdout())
        .anyMatch(line -> line.startsWith("arg -XX:SharedArchiveFile=") && line.endsWith(".jsa"))
        .contains("arg -Xmx512m", "arg -XX:+UseSerialGC")
        .noneMatch(line -> line.contains("native-access"));
    assertThat(builds()).isEqualTo(1);
  }

  @Test
  void buildsAgainWhenASourceIsNewer() throws Exception {
    run("version");
    Path source = Files.writeString(root.resolve("wal/src/main/New.java"), "class New {}");
    Files.setLastModifiedTime(source, FileTime.from(Instant.now().plusSeconds(5)));
    Files.setLastModifiedTime(source.getParent(), FileTime.from(Instant.now().minusSeconds(60)));

    assertThat(run(Map.of("SPILLWAY_BUILD", "never"), "version").exitCode()).isZero();
    assertThat(builds()).isEqualTo(1);
    assertThat(run("version").exitCode()).isZero();
    assertThat(builds()).isEqualTo(2);
  }

  @Test
  void twoThatStartAtOnceBuildOnce() throws Exception {
    List<Started> processes = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      processes.add(start(Map.of(), "version"));
    }
    for (Started process : processes) {
      assertThat(finish(process).exitCode()).isZero();
    }
    assertThat(builds()).isEqualTo(1);
  }

  @Test
  void takesOverTheLockOfOneThatIsGone() throws Exception {
    Path lock = Files.createDirectories(module.resolve("target/launcher-lock"));
    Process gone = new ProcessBuilder("true").start();
    gone.waitFor();
    Files.writeString(lock.resolve("pid"), gone.pid() + "\n");

    assertThat(run("version").exitCode()).isZero();
    assertThat(builds()).isEqualTo(1);
    assertThat(lock).doesNotExist();
  }

  @Test
  void saysThatABuildNeedsTheNetwork() throws Exception {
    Files.createDirectories(module.resolve("target"));
    Files.writeString(module.resolve("target/break"), "Could not transfer artifact a:b:jar:1");

    Run run = run("version");

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.stdout()).isEmpty();
    assertThat(run.stderr()).contains("Could not transfer", "the first build needs the network");
    Files.writeString(module.resolve("target/break"), "cannot find symbol");
    assertThat(run("version").stderr()).contains("the build failed; the log is");
    assertThat(module.resolve("target/launcher-lock")).doesNotExist();
  }

  @Test
  void namesTheJdkThatItLacks() throws Exception {
    Run old = run(Map.of("JAVA_HOME", jdk("11.0.2", true).toString()), "version");
    assertThat(old.exitCode()).isEqualTo(2);
    assertThat(old.stderr()).contains("has no Java 17 or newer: set it to a JDK 17 or newer");

    Run noCompiler = run(Map.of("JAVA_HOME", jdk("21.0.1", false).toString()), "version");
    assertThat(noCompiler.exitCode()).isEqualTo(2);
    assertThat(noCompiler.stderr()).contains("has no javac");
  }

  @Test
  void givesNewerJvmsTheirFlags() throws Exception {
    Map<String, String> newest =
        Map.of("JAVA_HOME", jdk("25", true).toString(), "SPILLWAY_JAVA_OPTS", "-Xint -Dx=y");
    run(newest, "version");
    Run run = run(newest, "version");

    assertThat(run.stdout())
        .contains(
            "arg --enable-native-access=ALL-UNNAMED", "arg --sun-misc-unsafe-memory-access=allow")
        .containsSubsequence("arg -Xmx512m", "arg -Xint", "arg -Dx=y")
        .anyMatch(line -> line.startsWith("arg -XX:AOTCache=") && line.endsWith(".aot"));
  }

  @Test
  void runsThroughALinkFromAnywhere() throws Exception {
    run("version");
    Path link = Files.createSymbolicLink(dir.resolve("a link"), module.resolve("bin/spillway"));

    Started process = start(link, dir, Map.of("SPILLWAY_CDS", "off"), "version");

    Run run = finish(process);
    assertThat(run.exitCode()).as(run.stderr()).isZero();
    assertThat(run.stdout()).contains("arg version").noneMatch(line -> line.contains("Archive"));
  }

  @Test
  void runsInstalledWithoutSourcesAndReadOnly() throws Exception {
    Path home = installed();
    Path launcher = home.resolve("bin/spillway");
    Map<String, String> newest =
        Map.of("JAVA_HOME", jdk("25", false).toString(), "HOME", dir.resolve("none").toString());

    Map<String, String> off = new HashMap<>(newest);
    off.put("SPILLWAY_CDS", "off");
    Run without = finish(start(launcher, dir, off, "serve"));
    assertThat(without.exitCode()).as(without.stderr()).isZero();
    assertThat(without.stdout().get(0)).isEqualTo("pid " + without.pid());
    assertThat(without.stdout())
        .containsSubsequence(
            "arg -cp",
            "arg "
                + home.toRealPath().resolve("lib/spillway-broker-core-0.1.0.jar")
                + ":"
                + home.toRealPath().resolve("lib/a.jar"),
            "arg io.spillway.main.Main",
            "arg serve");

    Map<String, String> make = new HashMap<>(newest);
    make.put("SPILLWAY_CDS", "make");
    Run making = finish(start(launcher, dir, make));
    assertThat(making.exitCode()).as(making.stderr()).isZero();
    assertThat(making.stdout()).isEmpty();
    try (Stream<Path> made = Files.list(home.resolve("class-data"))) {
      assertThat(made)
          .containsExactlyInAnyOrder(
              home.resolve("class-data/spillway-25.aot"),
              home.resolve("class-data/spillway-25.aot.of"));
    }

    Run with = finish(start(launcher, dir, newest, "serve"));
    assertThat(with.stderr()).isEmpty();
    assertThat(with.stdout())
        .contains("arg -XX:AOTCache=" + home.toRealPath().resolve("class-data/spillway-25.aot"));
    assertThat(root.resolve("broker-core/target")).doesNotExist();
  }

  @Test
  void saysWhatAnInstallationLacksOrACheckoutDoesNotNeed() throws Exception {
    Path home = installed();
    Files.delete(home.resolve("lib/spillway-broker-core-0.1.0.jar"));
    Run broken = finish(start(home.resolve("bin/spillway"), dir, Map.of(), "serve"));
    assertThat(broken.exitCode()).isEqualTo(2);
    assertThat(broken.stderr()).contains("the installation is not whole");

    Run checkout = run(Map.of("SPILLWAY_CDS", "make"), "version");
    assertThat(checkout.exitCode()).isEqualTo(2);
    assertThat(checkout.stderr()).contains("SPILLWAY_CDS=make is for an installation");
  }

  private Path installed() throws IOException {
    Path home = Files.createDirectories(dir.resolve("opt/a spillway"));
    script(home.resolve("bin/spillway"), Files.readString(module.resolve("bin/spillway")));
    Files.createDirectories(home.resolve("lib"));
    Files.writeString(home.resolve("lib/a.jar"), "jar");
    Files.writeString(home.resolve("lib/spillway-broker-core-0.1.0.jar"), "jar");
    return home;
  }

  private int builds() throws IOException {
    return Files.readAllLines(module.resolve("target/builds")).size();
  }

  private Path jdk(String version, boolean compiler) throws IOException {
    Path home = dir.resolve("jdk " + version);
    script(home.resolve("bin/java"), JAVA);
    if (compiler) {
      script(home.resolve("bin/javac"), "#!/bin/sh\n");
    }
    Files.writeString(
        home.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n");
    return home;
  }

  private Run run(String... arguments) throws Exception {
    return run(Map.of(), arguments);
  }

  private Run run(Map<String, String> environment, String... arguments) throws Exception {
    return finish(start(environment, arguments));
  }

  private Started start(Map<String, String> environment, String... arguments) throws IOException {
    return start(module.resolve("bin/spillway"), root, environment, arguments);
  }

  private Started start(
      Path launcher, Path workDirectory, Map<String, String> environment, String... arguments)
      throws IOException {
    Map<String, String> all = new HashMap<>();
    all.put("JAVA_HOME", javaHome.toString());
    all.put("MAVEN_USER_HOME", dir.resolve("m2").toString());
    all.putAll(environment);
    return launchers.start(launcher, workDirectory, all, arguments);
  }
}
