/** Kill -9 under load, and the checker that judges what clients saw. */
@NullMarked
package io.spillway.crash;

import org.jspecify.annotations.NullMarked;
