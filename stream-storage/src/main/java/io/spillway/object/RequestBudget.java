package io.spillway.object;

/**
 * How many requests a store is sent, of each kind: reads, writes and conditional creates have
 * budgets of their own, so that none waits behind another.
 *
 * @param maxAtOnce under way
 * @param maxPerSecond started; fewer while the store asks for fewer
 */
public record RequestBudget(int maxAtOnce, double maxPerSecond) {

  public RequestBudget {
    if (maxAtOnce < 1 || !(maxPerSecond > 0)) {
      throw new IllegalArgumentException(maxAtOnce + " at once, " + maxPerSecond + " a second");
    }
  }
}
