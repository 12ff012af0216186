package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Proof that the simulation of partitions bites: it finds each planted bug within the seeds of
 * {@link PartitionSimulationTest}, which the broker as it is passes.
 */
@Tag("full")
class PartitionBugsTest {

  private final PlantedBugs bugs =
      new PlantedBugs(PartitionSimulation.class, PartitionSimulationTest.MANY);

  @TempDir Path temp;

  @TestFactory
  Stream<DynamicTest> isFound() throws IOException {
    return bugs.areFound(temp);
  }

  @Test
  void thereAreEnough() throws IOException {
    assertThat(bugs.all()).hasSizeGreaterThanOrEqualTo(4);
  }
}
