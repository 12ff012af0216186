/** What reads find in memory: the tail as the WAL's own blocks, blocks and indexes of objects. */
@NullMarked
package io.spillway.cache;

import org.jspecify.annotations.NullMarked;
