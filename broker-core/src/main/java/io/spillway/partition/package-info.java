/**
 * Partitions this broker leads: offsets, producer state, epochs, watermarks, waiting fetches,
 * retention.
 */
@NullMarked
package io.spillway.partition;

import org.jspecify.annotations.NullMarked;
