package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/**
 * The bugs of a module, in {@code src/test/resources/planted}, and the simulation that has to find
 * each. {@code -Dplanted=NAME} tries one alone.
 */
final class PlantedBugs {

  private static final Path PATCHES = Path.of("src/test/resources/planted");
  private static final Path PROJECT = Path.of("..").toAbsolutePath().normalize();

  private final Class<? extends SimWorld> simulation;
  private final long seeds;

  /**
   * @param seeds within which each must be found
   */
  PlantedBugs(Class<? extends SimWorld> simulation, long seeds) {
    this.simulation = simulation;
    this.seeds = seeds;
  }

  List<PlantedBug> all() throws IOException {
    try (Stream<Path> files = Files.list(PATCHES)) {
      List<PlantedBug> bugs = new ArrayList<>();
      for (Path file : files.sorted().toList()) {
        bugs.add(PlantedBug.read(file));
      }
      return bugs;
    }
  }

  /** One test for each bug; its classes go below {@code temp}. */
  Stream<DynamicTest> areFound(Path temp) throws IOException {
    String only = System.getProperty("planted", "");
    return all().stream()
        .filter(bug -> only.isEmpty() || bug.name().equals(only))
        .map(bug -> DynamicTest.dynamicTest(bug.name(), () -> requireFound(bug, temp)));
  }

  private void requireFound(PlantedBug bug, Path temp) throws Exception {
    Path classes = bug.compile(PROJECT, temp.resolve(bug.name()));
    Object found;
    try (PlantedBug.Classes loaded = PlantedBug.load(classes)) {
      found =
          loaded
              .loadClass(BugHunt.class.getName())
              .getMethod("find", String.class, long.class)
              .invoke(null, simulation.getName(), seeds);
    }
    System.out.println("planted bug " + bug.name() + ": " + found);
    assertThat(found).as("what %d seeds say of %s", seeds, bug.name()).isNotEqualTo("");
  }
}
