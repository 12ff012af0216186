/**
 * Catch-up reads: from the catalog's extents to batches. Pieces of objects in memory of their own,
 * a queue of GETs that is fair between consumers, read-ahead, and searches by time.
 */
@NullMarked
package io.spillway.read;

import org.jspecify.annotations.NullMarked;
