package io.spillway.runtime;

import java.security.SecureRandom;

/** Randomness nobody can guess: incarnation ids, back-off, probes. */
@AmbientRuntime
public final class SystemRandom implements RandomSource {

  private final SecureRandom random = new SecureRandom();

  @Override
  public long nextLong() {
    return random.nextLong();
  }

  @Override
  public int nextInt(int bound) {
    return random.nextInt(bound);
  }
}
