/** What the engine takes from the world: time, threads, randomness, the way to report a fault. */
@NullMarked
package io.spillway.runtime;

import org.jspecify.annotations.NullMarked;
