package io.spillway.sim;

/** Where {@link PlantedBugsTest} enters the classes that have a bug. */
public final class BugHunt {

  private BugHunt() {}

  /** The first seed that finds something, and what; empty when none of so many does. */
  public static String find(long seeds) {
    for (long seed = 0; seed < seeds; seed++) {
      try {
        new Simulation(seed).run(Seeds.EVENTS);
      } catch (Throwable found) {
        return "seed " + seed + ": " + firstLine(root(found));
      }
    }
    return "";
  }

  private static Throwable root(Throwable failure) {
    Throwable cause = failure.getCause();
    return cause == null ? failure : root(cause);
  }

  private static String firstLine(Throwable failure) {
    return failure.toString().lines().findFirst().orElse("");
  }
}
