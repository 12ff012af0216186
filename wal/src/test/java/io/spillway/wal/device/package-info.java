/** A disk that loses and tears what a real one may, for tests and the simulation. */
@NullMarked
package io.spillway.wal.device;

import org.jspecify.annotations.NullMarked;
