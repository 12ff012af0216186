/** Deterministic runtime for tests and the simulation. */
@NullMarked
package io.spillway.runtime;

import org.jspecify.annotations.NullMarked;
