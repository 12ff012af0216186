package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Proof that the simulation bites: it finds each bug of {@code src/test/resources/planted} within
 * the seeds of {@link SimulationTest}, which the engine as it is passes. {@code -Dplanted=NAME}
 * tries one alone.
 */
@Tag("full")
class PlantedBugsTest {

  private static final long SEEDS = 300;
  private static final Path PATCHES = Path.of("src/test/resources/planted");
  private static final Path PROJECT = Path.of("..").toAbsolutePath().normalize();

  @TempDir Path temp;

  @TestFactory
  Stream<DynamicTest> isFound() throws IOException {
    String only = System.getProperty("planted", "");
    return bugs().stream()
        .filter(bug -> only.isEmpty() || bug.name().equals(only))
        .map(bug -> DynamicTest.dynamicTest(bug.name(), () -> requireFound(bug)));
  }

  @Test
  void thereAreEnough() throws IOException {
    assertThat(bugs()).hasSizeGreaterThanOrEqualTo(12);
  }

  private static List<PlantedBug> bugs() throws IOException {
    try (Stream<Path> files = Files.list(PATCHES)) {
      List<PlantedBug> bugs = new java.util.ArrayList<>();
      for (Path file : files.sorted().toList()) {
        bugs.add(PlantedBug.read(file));
      }
      return bugs;
    }
  }

  private void requireFound(PlantedBug bug) throws Exception {
    Path classes = bug.compile(PROJECT, temp.resolve(bug.name()));
    ClassLoader loader = PlantedBug.loaderOf(classes);
    Object found =
        loader
            .loadClass("io.spillway.sim.BugHunt")
            .getMethod("find", long.class)
            .invoke(null, SEEDS);
    System.out.println("planted bug " + bug.name() + ": " + found);
    assertThat(found).as("what %d seeds say of %s", SEEDS, bug.name()).isNotEqualTo("");
  }
}
