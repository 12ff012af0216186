package io.spillway.sim;

import java.lang.reflect.Constructor;

/** Where {@link PlantedBugs} enters the classes that have a bug. */
public final class BugHunt {

  private BugHunt() {}

  /**
   * The first seed that finds something, and what; empty when none of so many does.
   *
   * @param simulation name of the {@link SimWorld} to run
   */
  public static String find(String simulation, long seeds) throws ReflectiveOperationException {
    Constructor<?> worlds = Class.forName(simulation).getDeclaredConstructor(long.class);
    worlds.setAccessible(true);
    for (long seed = 0; seed < seeds; seed++) {
      try {
        ((SimWorld) worlds.newInstance(seed)).run(Seeds.EVENTS);
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
