/**
 * Which WALs, streams, objects and extents exist: a deterministic replay of a shared log (P1-P3,
 * P8-P22).
 */
@NullMarked
package io.spillway.catalog;

import org.jspecify.annotations.NullMarked;
