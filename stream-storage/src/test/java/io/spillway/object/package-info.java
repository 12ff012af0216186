/** Stores for tests, and the contract that every store keeps. */
@NullMarked
package io.spillway.object;

import org.jspecify.annotations.NullMarked;
