package io.spillway.runtime;

/** Randomness: a seeded generator in simulation, a secure one in a broker. Safe for any thread. */
public interface RandomSource {

  long nextLong();

  /** Uniform in {@code [0, bound)}; {@code bound > 0}. */
  int nextInt(int bound);
}
