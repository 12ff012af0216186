package io.spillway.image;

import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * The files of the images under a directory of the test's, made with the scripts that the
 * Dockerfiles run, and not writable any more. Programs run from there as an unprivileged user,
 * where the test may choose.
 */
final class ImageFiles {

  /** The environment of a broker that is watched for leaks. */
  static final Map<String, String> LEAK_DETECTION =
      Map.of("SPILLWAY_JAVA_OPTS", String.join(" ", ChildProcess.LEAK_DETECTION));

  /** The user of the images. */
  private static final String USER = "10001";

  private final Path root;
  private final Path javaHome;

  private ImageFiles(Path root, Path javaHome) {
    this.root = root;
    this.javaHome = javaHome;
  }

  /** The broker's image. */
  static ImageFiles broker(Path work) {
    Path checkout = work.resolve("checkout");
    Path root = work.resolve("broker-image");
    copyBuild(checkout);
    run(
        work,
        Map.of("JAVA_HOME", jdk().toString()),
        docker("lay-out").toString(),
        checkout.toString(),
        root.toString());
    run(
        work,
        Map.of("JAVA_HOME", root.resolve("opt/java").toString(), "SPILLWAY_CDS", "make"),
        root.resolve("opt/spillway/bin/spillway").toString());
    return new ImageFiles(seal(root), root.resolve("opt/java"));
  }

  /** The Connect worker's image; its settings name plug-ins where they are here. */
  static ImageFiles connect(Path work) {
    Path lib = Peers.moduleDirectory().resolve("peers/kafka-connect/target/lib");
    Assumptions.assumeTrue(Files.isDirectory(lib), () -> "Connect is not built: " + lib);
    Path root = work.resolve("connect-image");
    run(
        work,
        Map.of(),
        docker("lay-out-connect").toString(),
        repository().toString(),
        root.toString());
    Path settings = root.resolve("etc/connect/worker.properties");
    try {
      String text = Files.readString(settings);
      String plugins = "plugin.path=" + root + "/opt/connect/plugins," + root + "/plugins";
      Files.writeString(
          settings, text.replace("plugin.path=/opt/connect/plugins,/plugins", plugins));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new ImageFiles(seal(root), jdk());
  }

  /** The directory that holds this project. */
  static Path repository() {
    return Peers.moduleDirectory().getParent();
  }

  static Path docker(String file) {
    return repository().resolve("docker").resolve(file);
  }

  /** Where a file of the image is here. */
  Path at(String absolute) {
    return root.resolve(absolute.substring(1));
  }

  /** Starts a program of the image with a working directory that its user may write to. */
  ChildProcess start(
      String name, Path directory, Map<String, String> environment, List<String> command) {
    List<String> whole = new ArrayList<>(unprivileged(directory));
    whole.add(at(command.get(0)).toString());
    whole.addAll(command.subList(1, command.size()));
    Map<String, String> all = new HashMap<>(environment);
    all.put("JAVA_HOME", javaHome.toString());
    return ChildProcess.start(name, directory, all, whole);
  }

  /** Empty where this process is unprivileged itself, or the user could not get to the files. */
  private static List<String> unprivileged(Path directory) {
    if (!System.getProperty("user.name").equals("root")) {
      return List.of();
    }
    if (directory.toString().contains("junit")) {
      for (Path part = directory; part != null; part = part.getParent()) {
        open(part);
      }
      run(directory, Map.of(), "chown", "-R", USER + ":" + USER, directory.toString());
    }
    List<String> command =
        List.of("setpriv", "--reuid=" + USER, "--regid=" + USER, "--clear-groups");
    List<String> test = new ArrayList<>(command);
    test.addAll(List.of("test", "-w", directory.toString()));
    try (ChildProcess process = ChildProcess.start("setpriv", directory, Map.of(), test)) {
      return process.awaitExit(Peers.PATIENCE) == 0 ? command : List.of();
    }
  }

  /** Directories of a test are for its own user; this one is for a second one too. */
  private static void open(Path directory) {
    try {
      var permissions = new java.util.HashSet<>(Files.getPosixFilePermissions(directory));
      if (directory.toString().contains("junit")
          && permissions.addAll(PosixFilePermissions.fromString("--x--x--x"))) {
        Files.setPosixFilePermissions(directory, permissions);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The newest JDK there is: the images have 25. */
  private static Path jdk() {
    Path newest = Path.of(System.getProperty("java.home"));
    int version = Runtime.version().feature();
    Path homes = Path.of("/usr/lib/jvm");
    try (Stream<Path> candidates = Files.isDirectory(homes) ? Files.list(homes) : Stream.empty()) {
      for (Path candidate : candidates.sorted().toList()) {
        int found = version(candidate);
        if (found > version && Files.isExecutable(candidate.resolve("bin/jlink"))) {
          newest = candidate;
          version = found;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return newest;
  }

  private static int version(Path home) throws IOException {
    Path release = home.resolve("release");
    if (!Files.isReadable(release)) {
      return 0;
    }
    return Files.readAllLines(release).stream()
        .filter(line -> line.startsWith("JAVA_VERSION="))
        .map(line -> line.replaceAll("\\D*(\\d+).*", "$1"))
        .mapToInt(Integer::parseInt)
        .findFirst()
        .orElse(0);
  }

  /**
   * What a build leaves, as far as the image takes it: the libraries of the last package phase, and
   * this project's own jars from the classes under test.
   */
  private static void copyBuild(Path checkout) {
    Path module = Peers.moduleDirectory();
    Path lib = module.resolve("target/lib");
    Assumptions.assumeTrue(Files.isDirectory(lib), () -> "not packaged yet: " + lib);
    Path target = checkout.resolve("broker-core/target");
    try {
      Files.createDirectories(target.resolve("lib"));
      copy(repository().resolve("docker"), checkout.resolve("docker"));
      copy(module.resolve("bin"), checkout.resolve("broker-core/bin"));
      Files.copy(repository().resolve("LICENSE"), checkout.resolve("LICENSE"));
      try (Stream<Path> jars = Files.list(lib)) {
        for (Path jar : jars.toList()) {
          if (!jar.getFileName().toString().startsWith("spillway-")) {
            Files.copy(jar, target.resolve("lib").resolve(jar.getFileName()));
          }
        }
      }
      for (String other : List.of("wal", "stream-storage", "protocol")) {
        jar(
            repository().resolve(other).resolve("target/classes"),
            target.resolve("lib/spillway-" + other + "-0.jar"));
      }
      jar(module.resolve("target/classes"), target.resolve("spillway-broker-core-0.jar"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Path copy = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(copy);
        } else {
          Files.copy(file, copy, java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
        }
      }
    }
  }

  private static void jar(Path classes, Path jar) throws IOException {
    try (Stream<Path> files = Files.walk(classes);
        OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file)) {
      for (Path entry : files.filter(Files::isRegularFile).sorted().toList()) {
        out.putNextEntry(new JarEntry(classes.relativize(entry).toString()));
        Files.copy(entry, out);
        out.closeEntry();
      }
    }
  }

  /** Nobody writes there any more. */
  private static Path seal(Path root) {
    run(root, Map.of(), "chmod", "-R", "a-w", root.toString());
    return root;
  }

  /** So that the test's directory can be removed. */
  void unseal() {
    run(root, Map.of(), "chmod", "-R", "u+w", root.toString());
  }

  /** Bytes of all files. */
  long bytes() throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      return files
          .filter(Files::isRegularFile)
          .sorted(Comparator.naturalOrder())
          .mapToLong(file -> file.toFile().length())
          .sum();
    }
  }

  private static void run(Path directory, Map<String, String> environment, String... command) {
    try (ChildProcess process =
        ChildProcess.start(command[0], directory, environment, List.of(command))) {
      process.awaitSuccess(Peers.PATIENCE);
    }
  }
}
